package policy_test

import (
	"testing"

	"mobileid/mdoc/mdoctest/corpus"
	"mobileid/mdoc/verdict"
	"mobileid/verifier/policy"
)

// TestCorpus shows the age cases of the corpus to the till they are for: all is proved, and just the named check keeps the
// holder from buying.
func TestCorpus(t *testing.T) {
	const mdl = "org.iso.18013.5.1"
	portrait := policy.ElementRef{NameSpace: mdl, Identifier: "portrait"}
	till := policy.Profile{Name: "till-age-20", DocType: mdl + ".mDL", AgeNameSpace: mdl, Ages: []int{20},
		Elements: []policy.ElementRef{portrait}, Portrait: &portrait}
	if err := till.Validate(); err != nil {
		t.Fatal(err)
	}
	cases := corpus.Make(corpus.AgePolicy)
	if len(cases) < 10 {
		t.Fatalf("%d cases", len(cases))
	}
	for _, c := range cases {
		t.Run(c.Name, func(t *testing.T) {
			r, err := corpus.Verify(c)
			if err != nil || !r.OK() {
				t.Fatalf("not proved: %s, %v", r.Verdict, err)
			}
			v := till.Evaluate(r.Documents)
			if c.Outcome == verdict.Pass {
				if !v.OK() {
					t.Errorf("refused: %s", v)
				}
				return
			}
			if o, _ := v.Outcome(c.Check); o != c.Outcome || v.OK() {
				t.Errorf("%s is %q, due: %q", c.Check, o, c.Outcome)
			}
			for _, f := range v.Failed() {
				if f.ID != c.Check {
					t.Errorf("%s fails too", f.ID)
				}
			}
		})
	}
}
