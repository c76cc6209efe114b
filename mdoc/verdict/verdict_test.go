package verdict_test

import (
	"testing"

	"mobileid/mdoc/verdict"
)

func TestOK(t *testing.T) {
	var empty verdict.Verdict
	if empty.OK() {
		t.Error("an empty verdict proves nothing and must not be OK")
	}
	cases := []struct {
		name string
		fill func(*verdict.Verdict)
		want bool
	}{
		{"all pass", func(v *verdict.Verdict) { v.Pass("a", "c", ""); v.Pass("b", "c", "") }, true},
		{"one fails", func(v *verdict.Verdict) { v.Pass("a", "c", ""); v.Fail("b", "c", "") }, false},
		{"one not run", func(v *verdict.Verdict) { v.Pass("a", "c", ""); v.NotRun("b", "c", "") }, false},
		{"appended failure", func(v *verdict.Verdict) {
			v.Pass("a", "c", "")
			var o verdict.Verdict
			o.Record("b", "c", false, "")
			v.Append(o)
		}, false},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			var v verdict.Verdict
			c.fill(&v)
			if v.OK() != c.want {
				t.Errorf("OK() = %v, want %v", v.OK(), c.want)
			}
		})
	}
}

func TestOutcomeIsTheWorst(t *testing.T) {
	var v verdict.Verdict
	v.Fail("a", "c", "")
	v.Pass("a", "c", "")
	v.NotRun("a", "c", "")
	v.NotRun("b", "c", "")
	v.Pass("b", "c", "")
	if o, _ := v.Outcome("a"); o != verdict.Fail {
		t.Errorf("a: %s, want fail", o)
	}
	if o, _ := v.Outcome("b"); o != verdict.NotRun {
		t.Errorf("b: %s, want not_run", o)
	}
	if _, ok := v.Outcome("c"); ok {
		t.Error("c was never checked")
	}
}
