package store_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	bolt "go.etcd.io/bbolt"

	"mobileid/issuer/store"
	"mobileid/issuer/store/storetest"
)

func TestEmbedded(t *testing.T) {
	storetest.Run(t, func(t *testing.T) storetest.Opener {
		path := filepath.Join(t.TempDir(), "issuer.db")
		first := true
		return func(t *testing.T) store.Store {
			s, err := store.Open(path, first)
			if err != nil {
				t.Fatal(err)
			}
			first = false
			return s
		}
	})
}

func TestOpenMissingFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "none.db")
	if _, err := store.Open(path, false); !errors.Is(err, os.ErrNotExist) {
		t.Fatalf("error %v", err)
	}
	if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
		t.Fatal("a file was made")
	}
}

func TestOpenOfASecondProcessIsRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "issuer.db")
	s, err := store.Open(path, true)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("mode %v, %v", info.Mode(), err)
	}
	if _, err := store.Open(path, false); err == nil {
		t.Fatal("opened twice")
	}
}

// A store of another format is left as it is, and the error says what can be done.
func TestOpenRefusesAnotherFormat(t *testing.T) {
	for format, want := range map[uint64]string{1: "a new store, which knows of nothing that was issued and of no revocation",
		3: "go on with that version"} {
		path := filepath.Join(t.TempDir(), "issuer.db")
		mark(t, path, format)
		before, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, create := range []bool{false, true} {
			_, err := store.Open(path, create)
			if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), fmt.Sprintf("format %d is", format)) {
				t.Errorf("opening format %d: %v, want %q in it", format, err, want)
			}
		}
		if after, err := os.ReadFile(path); err != nil || !bytes.Equal(before, after) {
			t.Errorf("format %d: the file was changed: %v", format, err)
		}
	}
}

// mark makes a file of a format.
func mark(t *testing.T, path string, format uint64) {
	t.Helper()
	db, err := bolt.Open(path, 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	err = db.Update(func(tx *bolt.Tx) error {
		b, err := tx.CreateBucket([]byte("meta"))
		if err != nil {
			return err
		}
		return b.Put([]byte("format"), binary.BigEndian.AppendUint64(nil, format))
	})
	if err := errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
}

// marked checks that a file says this version's format.
func marked(t *testing.T, path string) {
	t.Helper()
	db, err := bolt.Open(path, 0o600, &bolt.Options{ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	err = db.View(func(tx *bolt.Tx) error {
		if got := tx.Bucket([]byte("meta")).Get([]byte("format")); !bytes.Equal(got, binary.BigEndian.AppendUint64(nil, 2)) {
			t.Errorf("the file says format %x, want 2", got)
		}
		return nil
	})
	if err := errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
}

// What this version makes, it opens again.
func TestOpenTakesItsOwnFormat(t *testing.T) {
	path := filepath.Join(t.TempDir(), "issuer.db")
	for _, create := range []bool{true, false} {
		s, err := store.Open(path, create)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	marked(t, path)
}

// A write after Close fails and says so; nothing is answered as if it were stored.
func TestWriteAfterClose(t *testing.T) {
	s, err := store.Open(filepath.Join(t.TempDir(), "issuer.db"), true)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := s.Ready(context.Background(), time.Unix(1, 0)); err == nil {
		t.Fatal("ready")
	}
	if err := s.Begin(context.Background(), store.Transaction{ID: "x"}, 0); err == nil {
		t.Fatal("begun")
	}
}
