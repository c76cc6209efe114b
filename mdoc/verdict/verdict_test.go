package verdict_test

import (
	"strings"
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

// TestPart grows a part in the room of the whole and beyond it, and appends it.
func TestPart(t *testing.T) {
	for _, room := range []int{0, 1, 2, 8} {
		var whole verdict.Verdict
		whole.Grow(room)
		whole.Pass("first", "c", "m")
		part := whole.Part()
		part.Pass("second", "c", "m")
		part.Fail("third", "c", "m")
		if part.OK() || len(part.Checks) != 2 || !whole.OK() {
			t.Errorf("room %d: %v, %v", room, part.Checks, whole.Checks)
		}
		whole.Append(part)
		var ids []string
		for _, c := range whole.Checks {
			ids = append(ids, c.ID)
		}
		if got := strings.Join(ids, " "); got != "first second third" || whole.OK() {
			t.Errorf("room %d: %s", room, got)
		}
	}
}
