package annotate

import "testing"

// TestRulesLeadSomewhere: every name a rule refers to is in the table, and every structure that the standard names has its clause.
func TestRulesLeadSomewhere(t *testing.T) {
	for name, r := range schema() {
		refs := append([]string{r.of}, r.choices...)
		for _, f := range r.fields {
			refs = append(refs, f.of)
		}
		for _, ref := range refs {
			if ref != "" && schema()[ref] == nil {
				t.Errorf("%s refers to %q, which is not there", name, ref)
			}
		}
		if upper(name) && r.clause == "" {
			t.Errorf("%s has no clause", name)
		}
		if r.form == formChoice && len(r.choices) == 0 {
			t.Errorf("%s chooses from nothing", name)
		}
	}
	for _, m := range mapTypes {
		if !Has(m.name) {
			t.Errorf("%s is recognised and has no rule", m.name)
		}
	}
}
