// Package verdict is the form in which every judgement of this project is given: a list of checks, each with a
// stable id, the clause it comes from, what was measured, and one of three outcomes.
//
// A judgement is accepted only when every check it lists has passed. A check that could not be carried out is
// listed as not run and so prevents acceptance: nothing is skipped silently. The package knows nothing of what is
// judged; the ids are owned by the packages that emit them and are listed in docs/verdicts.md.
package verdict

import (
	"slices"
	"strings"
)

// Outcome is what became of one check.
type Outcome string

// The three outcomes. There is no fourth.
const (
	Pass   Outcome = "pass"
	Fail   Outcome = "fail"
	NotRun Outcome = "not_run"
)

// Check is one line of a judgement.
type Check struct {
	// ID is stable across releases: lower case, dotted, such as "mso.digest".
	ID string `json:"id"`
	// Clause names the document and clause that demands the check.
	Clause string `json:"clause"`
	// Outcome is pass, fail or not_run.
	Outcome Outcome `json:"outcome"`
	// Measured says what was seen. It never holds an element value or any other personal datum.
	Measured string `json:"measured"`
}

// Verdict is an ordered list of checks. The zero value is empty and is not OK: nothing was proved.
type Verdict struct {
	Checks []Check `json:"checks"`
}

// Grow makes room for n more checks.
func (v *Verdict) Grow(n int) { v.Checks = slices.Grow(v.Checks, n) }

// Part gives an empty verdict that grows in the room which v has left. It is for checks of a part that are then appended to v;
// v is not added to before.
func (v *Verdict) Part() Verdict { return Verdict{Checks: v.Checks[len(v.Checks):]} }

// Pass adds a passed check.
func (v *Verdict) Pass(id, clause, measured string) { v.add(id, clause, Pass, measured) }

// Fail adds a failed check.
func (v *Verdict) Fail(id, clause, measured string) { v.add(id, clause, Fail, measured) }

// NotRun adds a check that could not be carried out; measured says why.
func (v *Verdict) NotRun(id, clause, measured string) { v.add(id, clause, NotRun, measured) }

// Record adds a check that passed if ok and failed otherwise.
func (v *Verdict) Record(id, clause string, ok bool, measured string) {
	if ok {
		v.add(id, clause, Pass, measured)
		return
	}
	v.add(id, clause, Fail, measured)
}

func (v *Verdict) add(id, clause string, o Outcome, measured string) {
	v.Checks = append(v.Checks, Check{ID: id, Clause: clause, Outcome: o, Measured: measured})
}

// Append adds the checks of another judgement, in their order.
func (v *Verdict) Append(o Verdict) { v.Checks = append(v.Checks, o.Checks...) }

// OK reports whether there is at least one check and every check passed.
func (v Verdict) OK() bool {
	for _, c := range v.Checks {
		if c.Outcome != Pass {
			return false
		}
	}
	return len(v.Checks) > 0
}

// Outcome gives the outcome of the check id, the worst one (fail, then not run) when it was carried out several
// times, and whether it is listed at all.
func (v Verdict) Outcome(id string) (Outcome, bool) {
	worst, found := Pass, false
	for _, c := range v.Checks {
		if c.ID != id {
			continue
		}
		found = true
		if c.Outcome == Fail || worst == Pass {
			worst = c.Outcome
		}
	}
	if !found {
		return "", false
	}
	return worst, true
}

// Failed lists the checks that failed, in order.
func (v Verdict) Failed() []Check { return v.with(Fail) }

// Unknown lists the checks that were not run, in order.
func (v Verdict) Unknown() []Check { return v.with(NotRun) }

func (v Verdict) with(o Outcome) []Check {
	var out []Check
	for _, c := range v.Checks {
		if c.Outcome == o {
			out = append(out, c)
		}
	}
	return out
}

// String lists what did not pass, one check a clause, or "all N checks passed".
func (v Verdict) String() string {
	var b strings.Builder
	for _, c := range v.Checks {
		if c.Outcome == Pass {
			continue
		}
		if b.Len() > 0 {
			b.WriteString("; ")
		}
		b.WriteString(c.ID + " " + string(c.Outcome) + ": " + c.Measured)
	}
	if b.Len() == 0 {
		if len(v.Checks) == 0 {
			return "nothing was checked"
		}
		return "every check passed"
	}
	return b.String()
}
