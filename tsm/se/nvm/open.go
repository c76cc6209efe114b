package nvm

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// maxFile bounds the state file Open reads: in each of two banks a base, what may be replaced before compaction, and one last frame.
const maxFile = 16 << 20

// Open reads a state file, drops a torn transaction, and finishes what a power cut left of a compaction.
func Open(path string, cfg Config) (*Memory, error) {
	if err := cfg.check(); err != nil {
		return nil, fmt.Errorf("opening %s: %w", filepath.Base(path), err)
	}
	f, data, err := read(path)
	if err != nil {
		return nil, fmt.Errorf("opening %s: %w", filepath.Base(path), err)
	}
	f.power = cfg.power()
	m := &Memory{cfg: cfg, file: f, objects: map[string][]byte{}}
	torn, err := m.recover(split(data))
	if err != nil {
		return nil, fmt.Errorf("opening %s: %w", filepath.Base(path), errors.Join(err, f.f.Close()))
	}
	// A torn tail is not cut off in place: it may hold the beginning of a key, so the whole bank is replaced. And the compaction that was due when
	// the power went is made up for, or a file would grow with each cut.
	if torn || m.overgrown() {
		if err := m.compact(); err != nil {
			return nil, fmt.Errorf("opening %s: %w", filepath.Base(path), err)
		}
	}
	return m, nil
}

// recover takes up the bank that holds, and destroys what a power cut left in the other one. It tells whether there is more in the bank than
// whole frames, which is counted in its size.
func (m *Memory) recover(banks [2][]byte) (torn bool, err error) {
	number, err := current(banks)
	if err != nil {
		return false, err
	}
	m.file.bank = bank{number: int64(number)}
	if err := m.replay(banks[number]); err != nil {
		return false, err
	}
	if err := m.file.hold(banks); err != nil {
		return false, err
	}
	whole := m.file.size
	m.file.size = max(whole, used(banks[number]))
	return m.file.size > whole, nil
}

// replay carries out every whole frame of a bank that has a base. It sets salt and size.
func (m *Memory) replay(data []byte) error {
	salt := data[len(fileMagic):fileHeader]
	m.file.salt = append([]byte{}, salt...)
	offset := fileHeader
	for offset < len(data) {
		f, n, err := decodeFrame(salt, data[offset:])
		if err != nil {
			if anyFrame(salt, data[offset+1:], func(frame) bool { return true }) {
				return fmt.Errorf("at offset %d of bank %d: %w", offset, m.file.number, ErrDamaged)
			}
			break
		}
		first, flags := offset == fileHeader, byte(0)
		if first {
			flags = flagBase
		}
		if f.flags != flags || !first && f.sequence != m.sequence+1 {
			return fmt.Errorf("at offset %d of bank %d: frame out of order: %w", offset, m.file.number, ErrDamaged)
		}
		if err := m.apply(f.content); err != nil {
			return fmt.Errorf("at offset %d of bank %d: %w", offset, m.file.number, err)
		}
		if m.live > MaxLimit { // no compaction could be read back
			return fmt.Errorf("at offset %d of bank %d: %d bytes of objects: %w", offset, m.file.number, m.live, ErrDamaged)
		}
		m.sequence = f.sequence
		offset += n
	}
	m.file.size = int64(offset)
	return nil
}

// read opens and locks the file and gives its content.
func read(path string) (*file, []byte, error) {
	h, err := os.OpenFile(path, os.O_RDWR, 0) //nolint:gosec // the file the caller named
	if err != nil {
		return nil, nil, err
	}
	data, err := readLocked(h, path)
	if err != nil {
		return nil, nil, errors.Join(err, h.Close())
	}
	return &file{path: path, f: h}, data, nil
}

func readLocked(h *os.File, path string) ([]byte, error) {
	opened, err := h.Stat()
	if err != nil {
		return nil, err
	}
	if !opened.Mode().IsRegular() || opened.Size() > maxFile {
		return nil, ErrForeign
	}
	if err := private(opened); err != nil {
		return nil, err
	}
	if err := lock(h); err != nil {
		return nil, err
	}
	// Between opening and locking, somebody may have put another file in this one's place.
	if err := (&file{path: path, f: h}).named(); err != nil {
		return nil, err
	}
	return io.ReadAll(io.LimitReader(h, maxFile+1))
}
