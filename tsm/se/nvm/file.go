package nvm

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

var errReplaced = errors.New("the file was replaced while it was open")

// file is the medium: an open, locked state file and the bank in it that holds.
type file struct {
	path string
	f    *os.File
	bank
	power
}

// power is what a file is written with.
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

// write puts b at an offset of a bank, in as few writes as the stripes leave, page by page where it can be cut.
func (f *file) write(to bank, b []byte, offset int64) error {
	for len(b) > 0 {
		at, room := to.place(offset)
		n := min(int64(len(b)), room)
		if f.tear != nil {
			n = min(PageSize, n)
		}
		if err := f.page(b[:n], at); err != nil {
			return err
		}
		offset += n
		b = b[n:]
	}
	return nil
}

// append writes b behind everything else in the bank, and syncs.
func (f *file) append(b []byte) error {
	if err := f.write(f.bank, b, f.size); err != nil {
		return err
	}
	f.size += int64(len(b))
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

// replace begins the other bank with the given frame, which holds from then on, and destroys the bank that held.
func (f *file) replace(base frame, rand io.Reader) error {
	old := f.bank
	f.bank = bank{number: 1 - old.number}
	if err := f.begin(base, rand); err != nil {
		return err
	}
	return f.destroy(old)
}

// begin writes a header with a salt of its own, and one frame, into a bank that holds nothing.
func (f *file) begin(base frame, rand io.Reader) error {
	f.salt = make([]byte, saltSize)
	if _, err := io.ReadFull(rand, f.salt); err != nil {
		return fmt.Errorf("drawing salt: %w", err)
	}
	return f.append(base.appendTo(append([]byte(fileMagic), f.salt...), f.salt))
}

// hold makes the bank that holds do so on the medium, of which banks is what was read, and then destroys what is left in the other one. Who wrote
// last may have been killed before it synced, or after its name was changed; and it may have synced in vain: a system that could not write pages may keep
// them all the same, for clean, be they content or zeros. So all is written once more.
func (f *file) hold(banks [2][]byte) error {
	other := bank{number: 1 - f.number, size: int64(len(banks[1-f.number]))}
	if f.tear != nil { // the file holds what reads there
		other.size = used(banks[1-f.number])
	} else if err := f.write(f.bank, banks[f.number][:f.size], 0); err != nil {
		return err
	}
	if err := errors.Join(f.sync(), f.syncName()); err != nil {
		return err
	}
	if other.size == 0 {
		return nil
	}
	return f.destroy(other)
}

// syncName makes the name of the file hold.
func (f *file) syncName() error {
	if f.tear != nil {
		return nil
	}
	path, err := filepath.EvalSymlinks(f.path)
	if err != nil {
		return err
	}
	return f.medium.syncDir(filepath.Dir(path))
}

// destroy overwrites a bank with zeros, up to its size, and syncs.
func (f *file) destroy(b bank) error {
	zeros := make([]byte, min(b.size, stripe))
	for offset := int64(0); offset < b.size; offset += int64(len(zeros)) {
		if err := f.write(b, zeros[:min(int64(len(zeros)), b.size-offset)], offset); err != nil {
			return err
		}
	}
	return f.sync()
}

// named fails when the file has lost its name: what is written would be read by nobody.
func (f *file) named() error {
	opened, err := f.f.Stat()
	if err != nil {
		return err
	}
	found, err := os.Stat(f.path)
	if err != nil {
		return err
	}
	if !os.SameFile(opened, found) {
		return fmt.Errorf("%s: %w", filepath.Base(f.path), errReplaced)
	}
	return nil
}
