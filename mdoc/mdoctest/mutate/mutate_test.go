package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// judged is a small package with checks of every form; its tests hold all but those that say so.
const judged = `package judged

import "errors"

// Verdict is a list of outcomes.
type Verdict struct{ Failed []string }

func (v *Verdict) Pass(id, clause, measured string) {}
func (v *Verdict) Fail(id, clause, measured string) { v.Failed = append(v.Failed, id) }
func (v *Verdict) Record(id, clause string, ok bool, measured string) {
	if !ok {
		v.Fail(id, clause, measured)
	}
}

// Judge has a guard, a verdict and a recorded condition.
func Judge(n int, s string) (v Verdict, err error) {
	if n > 100 || n < 0 {
		return v, errors.New("out of bounds")
	}
	if s == "unheld" {
		return v, errors.New("a check that no test holds")
	}
	switch {
	case n == 13:
		v.Fail("number", "clause", "unlucky")
	default:
		v.Pass("number", "clause", "well")
	}
	v.Record("text", "clause", len(s) > 1 && s[0] == 'x', "beginning")
	v.Record("exempt", "clause", len(s) < 1000, "cannot be longer")
	return v, nil
}

// Scan counts what is wrong, names it, and finds where.
func Scan(all []int) (wrong int, where int) {
	fault := ""
	for _, n := range all {
		if n < 0 {
			wrong++
			continue
		}
		if n > 9 {
			fault = "large"
		}
	}
	if fault != "" {
		wrong++
	}
	return wrong, find(all, 5)
}

func find(all []int, n int) int {
	for i, m := range all {
		if m == n {
			return i
		}
	}
	return -1
}
`

const judgedTest = `package judged

import "testing"

func TestJudge(t *testing.T) {
	for _, c := range []struct {
		n      int
		s      string
		failed int
		err    bool
	}{{1, "xy", 0, false}, {101, "xy", 0, true}, {-1, "xy", 0, true}, {13, "xy", 1, false}, {1, "x", 1, false}, {1, "yx", 1, false}} {
		v, err := Judge(c.n, c.s)
		if (err != nil) != c.err || len(v.Failed) != c.failed {
			t.Errorf("%d %s: %v, %v", c.n, c.s, v, err)
		}
	}
	if wrong, where := Scan([]int{-1, 1, 10, 5}); wrong != 2 || where != 3 {
		t.Errorf("%d wrong, %d", wrong, where)
	}
}
`

// TestMutatorItself plants a package in which one check is held by no test: it alone survives.
func TestMutatorItself(t *testing.T) {
	root := t.TempDir()
	for name, text := range map[string]string{"go.mod": "module planted\n\ngo 1.26\n", "judged/judged.go": judged, "judged/judged_test.go": judgedTest} {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	planted := target{first: "judged", firstRuns: []string{"TestJudge"}, code: []folder{{path: "judged"}},
		unreachable: []exemption{{"judged/judged.go", `v.Record("exempt", "clause", len(s) < 1000, "cannot be longer")`, "len(s) < 1000", "for the test"}}}
	var out bytes.Buffer
	survived, err := run(t.Context(), root, planted, nil, &out)
	if err != nil {
		t.Fatal(err)
	}
	text := out.String()
	if survived != 1 || !strings.Contains(text, `survived judged/judged.go:21 guard removed: s == "unheld"`) {
		t.Errorf("survived %d:\n%s", survived, text)
	}
	if !strings.Contains(text, "unreachable judged/judged.go: len(s) < 1000: for the test") || !strings.Contains(text, "mutants 11, noticed 10, survived 1\n") {
		t.Errorf("printed:\n%s", text)
	}
	// An exemption that names no check is an error: the list must not outlive the code.
	planted.unreachable[0].code = "len(s) < 999"
	if _, err := run(t.Context(), root, planted, nil, &out); err == nil {
		t.Error("an exemption for a check that is not there")
	}
}

// TestTargets finds checks of every form in this module's own code.
func TestTargets(t *testing.T) {
	mutants, files, err := plant("../../..", targets())
	if err != nil {
		t.Fatal(err)
	}
	if err := outlived(targets(), mutants); err != nil {
		t.Error(err)
	}
	forms := make(map[string]int)
	folders := make(map[string]int)
	for _, m := range mutants {
		forms[m.form]++
		folders[m.folder]++
	}
	for _, form := range []string{"recorded as passed", "Pass in place of Fail", "guard removed", "taken as true"} {
		if forms[form] < 20 {
			t.Errorf("%d mutants of the form %q", forms[form], form)
		}
	}
	for _, f := range targets().code {
		if folders[f.path] == 0 {
			t.Errorf("no check in %s", f.path)
		}
	}
	if len(files) < 30 || len(mutants) < 500 {
		t.Errorf("%d mutants in %d files", len(mutants), len(files))
	}
	t.Logf("%d mutants in %d files: %v %v", len(mutants), len(files), forms, folders)
}
