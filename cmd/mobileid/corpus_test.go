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
