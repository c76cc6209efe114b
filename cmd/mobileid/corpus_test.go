package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"mobileid/mdoc/mdoctest/corpus"
)

func TestCorpusCommand(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "corpus")
	var out, errs bytes.Buffer
	if code := run(t.Context(), []string{"corpus", "--dir", dir}, nil, &out, &errs); code != exitOK {
		t.Fatalf("exit code %d: %s", code, errs.String())
	}
	cases, err := corpus.Import(os.DirFS(dir))
	if err != nil {
		t.Fatal(err)
	}
	if len(cases) < 400 || !strings.Contains(out.String(), "spoiled") {
		t.Errorf("%d cases; printed %q", len(cases), out.String())
	}
	if code := run(t.Context(), []string{"corpus", "--dir", dir}, nil, &out, &errs); code != exitFailed {
		t.Errorf("into a folder that is there: exit code %d", code)
	}
	if code := run(t.Context(), []string{"corpus", "x", "--dir", dir}, nil, &out, &errs); code != exitMisuse {
		t.Errorf("one argument too many: exit code %d", code)
	}
}

// TestMisuse: a mistake on the command line is told from a failure, and the hint names the help of the command that was meant.
func TestMisuse(t *testing.T) {
	cases := []struct {
		args         []string
		reason, hint string
	}{
		{[]string{"corpus"}, `"dir" not set`, "hint: mobileid corpus --help\n"},
		{[]string{"corpus", "--nothing"}, "unknown flag", "hint: mobileid corpus --help\n"},
		{[]string{"pki", "new"}, `"dir" not set`, "hint: mobileid pki new --help\n"},
		{[]string{"pki", "revoke", "--dir", "x"}, `"certificate" not set`, "hint: mobileid pki revoke --help\n"},
		{[]string{"pki", "nothing"}, "unknown command", "hint: mobileid pki --help\n"},
		{[]string{"card", "new"}, `"out" not set`, "hint: mobileid card new --help\n"},
		{[]string{"card", "new", "--out", "x", "--person", "nobody"}, "neither one of the modelled people nor a file", "hint: mobileid card new --help\n"},
		{[]string{"card", "new", "--out", "x", "--next", "--seed", "y"}, "exclude each other", "hint: mobileid card new --help\n"},
		{[]string{"card", "nothing"}, "unknown command", "hint: mobileid card --help\n"},
		{[]string{"inspect", "a", "b"}, "one argument too many", "hint: mobileid inspect --help\n"},
		{[]string{"verify"}, "--response is needed", "hint: mobileid verify --help\n"},
		{[]string{"nothing"}, "unknown command", "hint: mobileid --help\n"},
		{[]string{"--nothing"}, "unknown flag", "hint: mobileid --help\n"},
	}
	for _, c := range cases {
		t.Run(strings.Join(c.args, " "), func(t *testing.T) {
			code, out, errOut := call("", c.args...)
			if code != exitMisuse || out != "" || !strings.Contains(errOut, c.reason) || !strings.HasSuffix(errOut, c.hint) {
				t.Errorf("exit %d, out %q, err %q", code, out, errOut)
			}
		})
	}
	if code, out, errOut := call("", "pki"); code != exitOK || !strings.Contains(out, "Available Commands") || errOut != "" {
		t.Errorf("pki alone: exit %d, out %q, err %q", code, out, errOut)
	}
}
