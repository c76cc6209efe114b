package corpus_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"mobileid/mdoc/mdoctest/corpus"
	"mobileid/mdoc/verdict"
)

// TestCorpus demands of every case that exactly the one check it names fails, and of every good case that all pass.
func TestCorpus(t *testing.T) {
	cases := corpus.All()
	spoiled, seen := 0, map[string]bool{}
	for _, c := range cases {
		if seen[c.Name] {
			t.Errorf("%s stands twice", c.Name)
		}
		seen[c.Name] = true
		if c.Base != "" {
			spoiled++
		}
		t.Run(c.Name, func(t *testing.T) { check(t, c) })
	}
	for _, c := range cases {
		if c.Base != "" && !seen[c.Base] {
			t.Errorf("%s is made from %s, which is no case", c.Name, c.Base)
		}
		if c.Reason == "" || c.Clause == "" {
			t.Errorf("%s has no reason or no clause", c.Name)
		}
	}
	if spoiled < 400 {
		t.Errorf("%d spoiled cases, at least 400 are due", spoiled)
	}
	t.Logf("%d cases, %d of them spoiled", len(cases), spoiled)
}

func check(t *testing.T, c corpus.Case) {
	begun := time.Now()
	v, err := corpus.Judge(c)
	if err != nil {
		t.Fatal(err)
	}
	if took := time.Since(begun); took > 2*time.Second {
		t.Errorf("judging took %s", took)
	}
	var failed []string
	for _, f := range v.Failed() {
		if !slices.Contains(failed, f.ID) {
			failed = append(failed, f.ID)
		}
	}
	if c.Fails == "" {
		if !v.OK() {
			t.Errorf("a good case is refused: %s", v)
		}
		return
	}
	if !slices.Equal(failed, []string{c.Fails}) {
		t.Errorf("failed: %s; due: %s\n%s", strings.Join(failed, " "), c.Fails, v)
	}
	if o, _ := v.Outcome(c.Fails); o != verdict.Fail {
		t.Errorf("%s is %q", c.Fails, o)
	}
}
