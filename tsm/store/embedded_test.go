package store_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"mobileid/tsm/store"
	"mobileid/tsm/store/storetest"
)

func TestEmbedded(t *testing.T) {
	storetest.Run(t, func(t *testing.T) storetest.Opener {
		path := filepath.Join(t.TempDir(), "jobs.db")
		return func(t *testing.T) store.Store {
			s, err := store.Open(path)
			if err != nil {
				t.Fatal(err)
			}
			return s
		}
	})
}

func TestOpenRefusesSecondUser(t *testing.T) {
	path := filepath.Join(t.TempDir(), "jobs.db")
	first, err := store.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer first.Close()
	if _, err := store.Open(path); !errors.Is(err, store.ErrLocked) {
		t.Errorf("second Open = %v, want ErrLocked", err)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
}

func TestOpenExisting(t *testing.T) {
	path := filepath.Join(t.TempDir(), "jobs.db")
	if _, err := store.OpenExisting(path); !errors.Is(err, os.ErrNotExist) {
		t.Fatalf("a missing file gives %v, want ErrNotExist", err)
	}
	if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
		t.Fatalf("the attempt left something: %v", err)
	}
	for _, open := range []func(string) (*store.Embedded, error){store.Open, store.OpenExisting} {
		s, err := open(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestOpenRefusesOtherFiles(t *testing.T) {
	path := filepath.Join(t.TempDir(), "jobs.db")
	if err := os.WriteFile(path, []byte("this is no database, but it is long enough to be looked at"), 0o600); err != nil {
		t.Fatal(err)
	}
	if s, err := store.Open(path); err == nil {
		s.Close()
		t.Error("opened a file that is no store")
	}
}

func TestWords(t *testing.T) {
	seen := map[string]bool{}
	for s := store.Queued; s <= store.Refused; s++ {
		seen[s.String()] = true
	}
	for c := store.Ordered; c <= store.Cleared; c++ {
		seen[c.String()] = true
	}
	if len(seen) != 12 || seen["unknown"] || seen[""] {
		t.Errorf("words: %v", seen)
	}
	if store.State(99).String() != "unknown" || store.State(0).String() != "unknown" || store.Cursor(99).String() != "unknown" {
		t.Error("a value out of range has a name")
	}
}
