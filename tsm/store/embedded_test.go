package store_test

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.etcd.io/bbolt"

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
	for c := store.Ordered; c <= store.Rekeyed; c++ {
		seen[c.String()] = true
	}
	if len(seen) != 16 || seen["unknown"] || seen[""] {
		t.Errorf("words: %v", seen)
	}
	kinds := map[string]bool{}
	for _, k := range []store.Kind{store.Provision, store.Wipe, store.Lock, store.Unlock, store.Rekey} {
		kinds[k.String()] = true
	}
	if len(kinds) != 5 || kinds["unknown"] || store.Kind(9).String() != "unknown" {
		t.Errorf("kinds: %v", kinds)
	}
	if store.State(99).String() != "unknown" || store.State(0).String() != "unknown" || store.Cursor(99).String() != "unknown" {
		t.Error("a value out of range has a name")
	}
}

// A store of the form before, in which a record held its cipher text itself.
func TestOlderRecord(t *testing.T) {
	path := filepath.Join(t.TempDir(), "jobs.db")
	old := store.Job{
		OrderID: "00", Digest: "d", Kind: store.Provision, SEID: "aa", Slot: 1, State: store.Queued, Cursor: store.Sealed,
		Attestation: []byte("att"), Sealed: []byte("ct"), Position: 1, Revision: 3,
	}
	raw, err := json.Marshal(old)
	if err != nil {
		t.Fatal(err)
	}
	s, err := store.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	db, err := bbolt.Open(path, 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	err = db.Update(func(tx *bbolt.Tx) error {
		return errors.Join(tx.Bucket([]byte("jobs")).Put([]byte("00"), raw),
			tx.Bucket([]byte("queue")).Put([]byte("aa\x00\x01\x00\x00\x00\x00\x00\x00\x00\x01"), []byte("00")))
	})
	if err := errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
	if s, err = store.OpenExisting(path); err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	j, err := s.Next(t.Context(), "aa")
	if diff := cmp.Diff(old, j); err != nil || diff != "" {
		t.Fatalf("%v\n%s", err, diff)
	}
	j.Attempts++
	j, err = s.Advance(t.Context(), j)
	if err != nil {
		t.Fatal(err)
	}
	if again, err := s.Job(t.Context(), "00"); err != nil || string(again.Sealed) != "ct" || again.Revision != j.Revision {
		t.Errorf("after a write: %v, %q", err, again.Sealed)
	}
}
