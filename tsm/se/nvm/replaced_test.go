package nvm

import (
	"errors"
	"io/fs"
	"os"
	"testing"
)

// opened is a handle on a file as Open takes it, before it is locked.
func opened(t *testing.T, path string) *os.File {
	t.Helper()
	h, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := h.Close(); err != nil {
			t.Error(err)
		}
	})
	return h
}

func rename(t *testing.T, from, to string) {
	t.Helper()
	if err := os.Rename(from, to); err != nil {
		t.Fatal(err)
	}
}

// A state file that is replaced or moved between opening and locking is not read: the lock would be on a file that nobody else
// opens any more, and two would own the element.
func TestReplacedBetweenOpenAndLock(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(t *testing.T, path string)
		want   error
	}{
		{"as it was", func(*testing.T, string) {}, nil},
		{"replaced", func(t *testing.T, path string) { t.Helper(); rename(t, newFile(t), path) }, errReplaced},
		{"moved", func(t *testing.T, path string) { t.Helper(); rename(t, path, path+".moved") }, fs.ErrNotExist},
		{"moved, and another put there", func(t *testing.T, path string) {
			t.Helper()
			rename(t, path, path+".moved")
			rename(t, newFile(t), path)
		}, errReplaced},
	} {
		t.Run(tt.name, func(t *testing.T) {
			path := newFile(t)
			h := opened(t, path)
			tt.change(t, path)
			data, err := readLocked(h, path)
			if !errors.Is(err, tt.want) || (len(data) > 0) != (tt.want == nil) {
				t.Errorf("%d bytes, err = %v, want %v", len(data), err, tt.want)
			}
		})
	}
}

// What is put in the place of a leftover after it was looked at is refused before it is destroyed, though it is a state file too: it may be that of
// another element, or a link to one.
func TestLeftoverReplacedBeforeItIsOpened(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(t *testing.T, leftover, other string)
		want   error
	}{
		{"as it was", func(*testing.T, string, string) {}, nil},
		{"another file", func(t *testing.T, leftover, other string) {
			t.Helper()
			if err := os.Remove(leftover); err != nil {
				t.Fatal(err)
			}
			if err := os.Link(other, leftover); err != nil {
				t.Fatal(err)
			}
		}, errReplaced},
		{"a link to another file", func(t *testing.T, leftover, other string) {
			t.Helper()
			if err := errors.Join(os.Remove(leftover), os.Symlink(other, leftover)); err != nil {
				t.Fatal(err)
			}
		}, errReplaced},
	} {
		t.Run(tt.name, func(t *testing.T) {
			leftover, other := newFile(t)+newSuffix, newFile(t)
			rename(t, newFile(t), leftover)
			found, err := os.Lstat(leftover)
			if err != nil {
				t.Fatal(err)
			}
			tt.change(t, leftover, other)
			if _, err := readLeftover(opened(t, leftover), leftover, found); !errors.Is(err, tt.want) {
				t.Errorf("err = %v, want %v", err, tt.want)
			}
		})
	}
}
