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
		if made < 0 {
			t.Fatalf("round %d: made by nobody: %v", round, errs)
		}
		m, err := Open(path, Config{Rand: rand.Reader, medium: spared{}})
		if err != nil {
			t.Fatal(err)
		}
		if v, _ := m.Load("id"); !bytes.Equal(v, []byte{byte(made)}) || m.Close() != nil {
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

// faulty is a disk of which one call fails, once.
type faulty struct {
	disk
	left *int
}

var errFaulty = errors.New("no space left")

func (f faulty) call() error {
	*f.left--
	if *f.left == 0 {
		return errFaulty
	}
	return nil
}

func (f faulty) writeAt(h *os.File, b []byte, offset int64) error {
	if err := f.call(); err != nil {
		return errors.Join(err, f.disk.writeAt(h, b[:len(b)/2], offset))
	}
	return f.disk.writeAt(h, b, offset)
}

func (f faulty) sync(h *os.File) error { return errors.Join(f.call(), f.disk.sync(h)) }

func (f faulty) rename(from, to string) error {
	if err := f.call(); err != nil {
		return err
	}
	return f.disk.rename(from, to)
}

// Where a file cannot be made, nothing of it is left, and it can be made once the reason is gone.
func TestCreateFails(t *testing.T) {
	key := []Change{{Key: "key", Value: []byte("FACTORY-SECRET")}}
	for n := 1; ; n++ {
		path, left := filepath.Join(t.TempDir(), "se.nvm"), n
		err := Create(path, key, Config{Rand: rand.Reader, medium: faulty{left: &left}})
		if err == nil {
			if n < 4 {
				t.Errorf("only %d calls", n-1)
			}
			return
		}
		if !errors.Is(err, errFaulty) {
			t.Fatal(err)
		}
		if entries, err := os.ReadDir(filepath.Dir(path)); err != nil || len(entries) > 0 {
			t.Errorf("call %d failed: %d files are left, %v", n, len(entries), err)
		}
		if err := Create(path, key, Config{Rand: rand.Reader}); err != nil {
			t.Errorf("call %d failed, and then: %v", n, err)
		}
	}
}

// Cut anywhere, Create does nothing more, and the next one or Open finds what to do.
func TestCreateTorn(t *testing.T) {
	id := []Change{{Key: "id", Value: []byte("0123456789")}}
	for k := 1; ; k++ {
		path, cut := filepath.Join(t.TempDir(), "se.nvm"), false
		err := Create(path, id, Config{Rand: rand.Reader, Tear: func(p int) bool {
			if cut {
				t.Errorf("cut at %d, it goes on to %d", k, p)
			}
			cut = p == k
			return cut
		}})
		if err == nil {
			if k < 4 {
				t.Errorf("only %d points", k-1)
			}
			return
		}
		if !errors.Is(err, ErrPowerCut) {
			t.Fatal(err)
		}
		if err := Create(path, id, Config{Rand: rand.Reader}); err != nil && !errors.Is(err, ErrExists) {
			t.Errorf("cut at %d, and then: %v", k, err)
		}
		open(t, path, nil)
	}
}

// What a Create that was killed left is overwritten on the medium before it has no name any more.
func TestLeftoverIsDestroyedOnTheMedium(t *testing.T) {
	path := newFile(t)
	m := open(t, path, nil)
	if err := errors.Join(m.Commit(Change{Key: "key", Value: []byte("LEFT-SECRET")}), m.Close(), os.Rename(path, path+newSuffix)); err != nil {
		t.Fatal(err)
	}
	v := newVolatile(t, path+newSuffix)
	if err := Create(path, []Change{{Key: "id", Value: []byte{1}}}, Config{Rand: rand.Reader, medium: v}); err != nil {
		t.Fatal(err)
	}
	if len(v.of) != 2 {
		t.Errorf("%d files were written, want the leftover and the new one", len(v.of))
	}
	for _, i := range v.of {
		if bytes.Contains(i.held, []byte("LEFT-SECRET")) {
			t.Error("the medium holds a key of what was left")
		}
	}
}

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
