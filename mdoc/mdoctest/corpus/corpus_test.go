package corpus_test

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"mobileid/mdoc/mdoctest/corpus"
	"mobileid/mdoc/verdict"
)

// made is the corpus, made once for all tests.
var made = sync.OnceValue(corpus.All)

// TestCorpus demands of every case that exactly the one check it names fails, and of every good case that all pass.
func TestCorpus(t *testing.T) {
	for _, k := range corpus.Kinds() {
		t.Run(string(k), func(t *testing.T) {
			for _, c := range corpus.Make(k) {
				t.Run(c.Name[len(k)+1:], func(t *testing.T) { check(t, c) })
			}
		})
	}
}

// TestCases holds what cases say of themselves, and counts them.
func TestCases(t *testing.T) {
	cases := made()
	spoiled, seen := 0, map[string]bool{}
	for _, c := range cases {
		if seen[c.Name] {
			t.Errorf("%s stands twice", c.Name)
		}
		seen[c.Name] = true
		if c.Base != "" {
			spoiled++
		}
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

// TestExport writes the corpus twice: every byte is the same. What is read back is judged from the files alone.
func TestExport(t *testing.T) {
	one, two := filepath.Join(t.TempDir(), "one"), filepath.Join(t.TempDir(), "two")
	all := made()
	if err := corpus.Export(one, all); err != nil {
		t.Fatal(err)
	}
	if err := corpus.Export(two, corpus.All()); err != nil {
		t.Fatal(err)
	}
	files := make(map[string]bool)
	err := fs.WalkDir(os.DirFS(one), ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		files[path] = false
		a, err := os.ReadFile(filepath.Join(one, path))
		if err != nil {
			return err
		}
		b, err := os.ReadFile(filepath.Join(two, path))
		if err != nil || !bytes.Equal(a, b) {
			t.Errorf("%s differs: %v", path, err)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	cases, err := corpus.Import(os.DirFS(one))
	if err != nil {
		t.Fatal(err)
	}
	if len(cases) != len(all) {
		t.Errorf("%d cases came back", len(cases))
	}
	for _, c := range cases {
		check(t, c)
		for _, f := range c.Files {
			files[f.Path] = true
		}
	}
	for path, named := range files {
		if !named && path != "manifest.json" {
			t.Errorf("no case names %s", path)
		}
	}
	if err := corpus.Export(one, cases); err == nil {
		t.Error("exported into a folder that is there")
	}
}

func TestImportRefusals(t *testing.T) {
	for name, text := range map[string]string{
		"no JSON":         `{`,
		"another format":  `{"format": "mobileid-corpus-0", "cases": [{"name": "a"}]}`,
		"no cases":        `{"format": "mobileid-corpus-1", "cases": []}`,
		"unknown member":  `{"format": "mobileid-corpus-1", "cases": [{"nome": "a"}]}`,
		"missing file":    `{"format": "mobileid-corpus-1", "cases": [{"name": "a", "files": [{"role": "item", "path": "a/item.cbor"}]}]}`,
		"path out of it":  `{"format": "mobileid-corpus-1", "cases": [{"name": "a", "files": [{"role": "item", "path": "../manifest.json"}]}]}`,
		"no time at all?": `{"format": "mobileid-corpus-1", "cases": [{"name": "a", "at": "yesterday"}]}`,
	} {
		if _, err := corpus.Import(fstest.MapFS{"manifest.json": {Data: []byte(text)}}); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	if _, err := corpus.Import(fstest.MapFS{}); err == nil {
		t.Error("no manifest: accepted")
	}
}

// TestUnusableCases shows that a case which cannot be judged is an error and no verdict.
func TestUnusableCases(t *testing.T) {
	for _, c := range made() {
		if c.Base != "" || c.Kind == corpus.CBORItem || c.Kind == corpus.Engagement || c.Kind == corpus.EngagementURI || c.Kind == corpus.Transcript {
			continue
		}
		c.Files = nil
		v, err := corpus.Judge(c)
		if err == nil && v.OK() {
			t.Errorf("%s: judged without its files: %s", c.Name, v)
		}
	}
	if _, err := corpus.Judge(corpus.Case{Kind: "other"}); err == nil {
		t.Error("a kind that does not exist")
	}
	if _, err := corpus.Judge(corpus.Case{Kind: corpus.Certificate, Profile: "other"}); err == nil {
		t.Error("a profile that does not exist")
	}
	if err := corpus.Export(filepath.Join(t.TempDir(), "x"), []corpus.Case{{Name: "a/b", Files: []corpus.File{{Role: "other"}}}}); err == nil {
		t.Error("a file of an unknown role")
	}
}

// TestRows demands a case for every row of the attacks that the corpus answers, and no case for a row that is not there.
func TestRows(t *testing.T) {
	rows := corpus.Rows()
	count := make(map[string]int)
	for _, c := range made() {
		for _, r := range c.Covers {
			if _, ok := rows[r]; !ok {
				t.Errorf("%s covers %s, which is no row", c.Name, r)
			}
			count[r]++
		}
	}
	for r := range rows {
		if count[r] == 0 {
			t.Errorf("no case covers %s", r)
		}
	}
	if count["P7"] < 45 {
		t.Errorf("%d certificates, about 45 are due", count["P7"])
	}
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
	if c.Kind == corpus.AgePolicy { // what the till says is for its own test
		c.Outcome = verdict.Pass
	}
	var due []string
	switch c.Outcome {
	case verdict.Pass:
		if !v.OK() {
			t.Errorf("a good case is refused: %s", v)
		}
		return
	case verdict.Fail:
		due = []string{c.Check}
	case verdict.NotRun:
	}
	if !slices.Equal(failed, due) {
		t.Errorf("failed: %s; due: %s\n%s", strings.Join(failed, " "), due, v)
	}
	if o, _ := v.Outcome(c.Check); o != c.Outcome || v.OK() {
		t.Errorf("%s is %q, due: %q", c.Check, o, c.Outcome)
	}
}
