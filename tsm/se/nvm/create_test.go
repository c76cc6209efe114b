package nvm

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"testing"
)

// Of several that make the same file at once one does, and what is there afterwards is that one's.
func TestCreateAtOnce(t *testing.T) {
	dir := t.TempDir()
	for round := range 300 {
		path := filepath.Join(dir, fmt.Sprint(round))
		var all sync.WaitGroup
		errs := make([]error, 4)
		for i := range errs {
			all.Go(func() {
				errs[i] = Create(path, []Change{{Key: "id", Value: []byte{byte(i)}}}, Config{Rand: rand.Reader, medium: spared{}})
			})
		}
		all.Wait()
		made := -1
		for i, err := range errs {
			switch {
			case err == nil && made >= 0:
				t.Fatalf("round %d: made by %d and by %d", round, made, i)
			case err == nil:
				made = i
			case !errors.Is(err, ErrExists) && !errors.Is(err, ErrInUse):
				t.Errorf("round %d: %v", round, err)
			}
		}
		if made < 0 { // each got in another's way
			continue
		}
		if v, _ := open(t, path, nil).Load("id"); !bytes.Equal(v, []byte{byte(made)}) {
			t.Fatalf("round %d: made by %d, holds %v", round, made, v)
		}
		if _, err := os.Lstat(path + newSuffix); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("round %d: something is left beside it: %v", round, err)
		}
	}
}

// spared is a disk that is not synced.
type spared struct{ disk }

func (spared) sync(*os.File) error { return nil }

func (spared) syncDir(string) error { return nil }

func TestCreateRefuses(t *testing.T) {
	id := Change{Key: "id", Value: []byte("0123456789")}
	t.Run("no randomness", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "se.nvm")
		if err := Create(path, []Change{id}, Config{Rand: bytes.NewReader([]byte{1, 2, 3})}); !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Error(err)
		}
		if err := Create(path, []Change{id}, Config{Rand: rand.Reader}); err != nil {
			t.Errorf("and then: %v", err)
		}
	})
	t.Run("more than fits", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "se.nvm")
		if err := Create(path, []Change{{Key: "a", Value: make([]byte, 1000)}}, Config{Rand: rand.Reader, Limit: 1000}); !errors.Is(err, ErrFull) {
			t.Error(err)
		}
	})
	t.Run("nothing to store", func(t *testing.T) {
		for _, c := range []Change{{Key: "a"}, {Value: []byte{1}}, {Key: string(make([]byte, maxKey+1)), Value: []byte{1}}} {
			if err := Create(filepath.Join(t.TempDir(), "se.nvm"), []Change{c}, Config{Rand: rand.Reader}); err == nil {
				t.Errorf("%q was stored", c.Key)
			}
		}
	})
	t.Run("one object many times", func(t *testing.T) {
		path, half := filepath.Join(t.TempDir(), "se.nvm"), make([]byte, MaxLimit/2)
		if err := Create(path, []Change{{Key: "a", Value: half}, {Key: "a", Value: half}, {Key: "a", Value: []byte{1}}}, Config{Rand: rand.Reader}); err != nil {
			t.Fatal(err)
		}
		if v, _ := open(t, path, nil).Load("a"); !bytes.Equal(v, []byte{1}) {
			t.Errorf("%d bytes came back", len(v))
		}
	})
}

// What cannot be synced is said to be.
func TestSyncData(t *testing.T) {
	f, err := os.Create(filepath.Join(t.TempDir(), "f"))
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(syncData(f), f.Close()); err != nil {
		t.Error(err)
	}
	if syncData(f) == nil {
		t.Error("a closed file was synced")
	}
}
