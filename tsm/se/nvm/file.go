package nvm

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// newSuffix names the file a compaction writes before it is renamed.
const newSuffix = ".new"

// file is the medium: an open, locked state file and the place where the next page goes.
type file struct {
	path  string
	f     *os.File
	salt  []byte
	size  int64 // behind it there are zeros, if anything
	spare *file // full of zeros, for the next compaction; nil for none
	power
}

// power is what a file is written with. It passes on to the file that replaces this one.
type power struct {
	medium medium
	tear   func(point int) bool // counts its questions in point
	point  *int
}

func (c Config) power() power {
	p := power{medium: c.medium, tear: c.Tear, point: new(int)}
	if p.medium == nil {
		p.medium = disk{}
	}
	return p
}

// cut asks whether the power goes now.
func (p power) cut() error {
	if p.tear == nil {
		return nil
	}
	*p.point++
	if p.tear(*p.point) {
		return ErrPowerCut
	}
	return nil
}

// page is one physical write at offset: it can be cut before, in the middle and after.
func (f *file) page(b []byte, offset int64) error {
	half := len(b)
	if f.tear != nil {
		half = len(b) / 2
	}
	if err := f.cut(); err != nil {
		return err
	}
	if err := f.medium.writeAt(f.f, b[:half], offset); err != nil {
		return err
	}
	if f.tear == nil {
		return nil
	}
	if err := f.cut(); err != nil {
		return err
	}
	if err := f.medium.writeAt(f.f, b[half:], offset+int64(half)); err != nil {
		return err
	}
	return f.cut()
}

// append writes b behind everything else, page by page where it can be cut, and syncs.
func (f *file) append(b []byte) error {
	for len(b) > 0 {
		n := len(b)
		if f.tear != nil {
			n = min(PageSize, n)
		}
		if err := f.page(b[:n], f.size); err != nil {
			return err
		}
		f.size += int64(n)
		b = b[n:]
	}
	return f.sync()
}

// sync puts what was written on the medium. Where power is cut through the tear hook alone, the file holds what was written
// anyway, and the medium is spared.
func (f *file) sync() error {
	if f.tear != nil {
		return f.cut()
	}
	return f.medium.sync(f.f)
}

// syncDir makes the names in the folder of a file hold, as sync does what is in a file.
func (p power) syncDir(path string) error {
	if p.tear != nil {
		return p.cut()
	}
	return p.medium.syncDir(filepath.Dir(path))
}

// replace writes a file that begins with the given frame, in the spare one or a new one, puts it in the place of this one, and
// destroys this one, which is the spare one from then on. On failure the caller closes f.
func (f *file) replace(base frame, rand io.Reader) (*file, error) {
	next := f.spare
	if next != nil && !next.named() { // somebody cleaned up; if something else has the name, it is not ours to replace
		f.spare = nil
		if err := next.close(); err != nil {
			return nil, err
		}
		next = nil
	}
	if next == nil {
		h, err := os.OpenFile(f.path+newSuffix, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
		if err != nil {
			return nil, err
		}
		next = &file{path: f.path + newSuffix, f: h, power: f.power}
		f.spare = next // to be closed with f
		if err := lock(h); err != nil {
			return nil, err
		}
	}
	if err := next.begin(base, rand); err != nil {
		return nil, err
	}
	if !f.named() || !next.named() { // names are all that is exchanged
		return nil, fmt.Errorf("%s was replaced while it was open", filepath.Base(f.path))
	}
	if err := f.swap(next); err != nil {
		return nil, err
	}
	return next, nil
}

// named tells whether the file still has its name.
func (f *file) named() bool {
	opened, err := f.f.Stat()
	if err != nil {
		return false
	}
	found, err := os.Lstat(f.path)
	return err == nil && os.SameFile(opened, found)
}

// swap exchanges the two files' names, where that can be done in one step: the blocks of both are used again, and nothing has to be
// allocated or freed on the medium. Elsewhere this one loses its name.
func (f *file) swap(next *file) error {
	err := f.medium.exchange(next.path, f.path)
	kept := err == nil
	if errors.Is(err, errors.ErrUnsupported) {
		err = f.medium.rename(next.path, f.path)
	}
	if err != nil {
		return err
	}
	if err := f.cut(); err != nil {
		return err
	}
	if err := f.syncDir(f.path); err != nil {
		return err
	}
	if err := f.destroy(); err != nil {
		return err
	}
	f.spare, next.path, f.path = nil, f.path, next.path
	if !kept {
		return f.f.Close()
	}
	f.size, next.spare = 0, f
	return nil
}

// destroy overwrites the whole file with zeros.
func (f *file) destroy() error {
	zeros := make([]byte, min(f.size, 64<<10))
	for offset := int64(0); offset < f.size; offset += int64(len(zeros)) {
		n := min(int64(len(zeros)), f.size-offset)
		if err := f.page(zeros[:n], offset); err != nil {
			return err
		}
	}
	return f.sync()
}

// discard removes the spare file, which holds nothing.
func (f *file) discard() error {
	if f.spare == nil || !f.spare.named() {
		return nil
	}
	return f.medium.remove(f.spare.path)
}

func (f *file) close() error {
	err := f.f.Close()
	if errors.Is(err, os.ErrClosed) {
		err = nil
	}
	if f.spare != nil {
		err = errors.Join(err, f.spare.close())
	}
	return err
}

// create makes a new locked file that holds one frame, and syncs it.
func create(path string, base frame, rand io.Reader, p power) (*file, error) {
	h, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, err
	}
	f := &file{path: path, f: h, power: p}
	if err = lock(h); err == nil {
		err = f.begin(base, rand)
	}
	if err != nil {
		return nil, errors.Join(err, h.Close())
	}
	return f, nil
}

// begin writes a header with a salt of its own, and one frame, into a file that holds nothing.
func (f *file) begin(base frame, rand io.Reader) error {
	f.salt = make([]byte, saltSize)
	if _, err := io.ReadFull(rand, f.salt); err != nil {
		return fmt.Errorf("drawing salt: %w", err)
	}
	return f.append(base.appendTo(append([]byte(fileMagic), f.salt...), f.salt))
}
