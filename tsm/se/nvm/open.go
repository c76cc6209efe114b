package nvm

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// maxFile bounds the state file Open reads: in each of two banks a base, what may be replaced before compaction, and one last frame.
const maxFile = 16 << 20

// Create makes a state file at path that holds the given objects, with mode 0600. It fails with ErrExists when there is a
// file already, and never leaves half a file at path.
func Create(path string, objects []Change, cfg Config) error {
	if err := cfg.check(); err != nil {
		return fmt.Errorf("creating state file: %w", err)
	}
	if _, err := os.Lstat(path); err == nil {
		return fmt.Errorf("creating %s: %w", filepath.Base(path), ErrExists)
	} else if !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("creating state file: %w", err)
	}
	m := &Memory{cfg: cfg, objects: map[string][]byte{}}
	base := frame{flags: flagBase, sequence: 1}
	for _, c := range objects {
		if c.Key == "" || len(c.Key) > maxKey || c.Value == nil {
			return fmt.Errorf("creating state file: internal error: object without key or value")
		}
		base.content = appendObject(base.content, kindStore, c.Key, c.Value)
	}
	if err := m.apply(base.content); err != nil {
		return fmt.Errorf("creating state file: %w", err)
	}
	if m.live > cfg.limit() {
		return fmt.Errorf("creating state file: %w", ErrFull)
	}
	power := cfg.power()
	if err := removeLeftover(path+newSuffix, power); err != nil {
		return fmt.Errorf("creating state file: %w", err)
	}
	f, err := create(path+newSuffix, base, cfg.Rand, power)
	if err != nil {
		return fmt.Errorf("creating state file: %w", err)
	}
	if err := errors.Join(power.medium.rename(f.path, path), power.medium.syncDir(filepath.Dir(path)), f.f.Close()); err != nil {
		return fmt.Errorf("creating state file: %w", err)
	}
	return nil
}

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
	banks := split(data)
	if err := m.recover(banks); err != nil {
		return nil, fmt.Errorf("opening %s: %w", filepath.Base(path), errors.Join(err, f.f.Close()))
	}
	// A torn tail is not cut off in place: it may hold the beginning of a key, so the whole bank is replaced.
	if torn := used(banks[f.number]); torn > f.size {
		f.size = torn
		if err := m.compact(); err != nil {
			return nil, err
		}
	}
	return m, nil
}

// recover takes up the bank that holds, and destroys what a power cut left in the other one.
func (m *Memory) recover(banks [2][]byte) error {
	number, err := current(banks)
	if err != nil {
		return err
	}
	m.file.bank = bank{number: int64(number)}
	if err := m.replay(banks[number]); err != nil {
		return err
	}
	// Who was here last may have been killed before a sync: what is acted on from here, and takes the place of the other bank, has to hold.
	if err := m.file.sync(); err != nil {
		return err
	}
	if left := used(banks[1-number]); left > 0 {
		return m.file.destroy(bank{number: int64(1 - number), size: left})
	}
	return nil
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

// removeLeftover destroys what Create did not come to rename: it may hold keys. What else has its name is
// refused as foreign and left alone.
func removeLeftover(path string, p power) error {
	found, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if !found.Mode().IsRegular() || found.Size() > maxFile {
		return fmt.Errorf("%s: %w", filepath.Base(path), ErrForeign)
	}
	h, err := os.OpenFile(path, os.O_RDWR, 0) //nolint:gosec // beside the file the caller named
	if err != nil {
		return err
	}
	banks, err := readLeftover(h, found)
	for i, left := range banks {
		if err == nil {
			f := &file{path: path, f: h, power: p}
			err = f.destroy(bank{number: int64(i), size: used(left)})
		}
	}
	if err := errors.Join(err, h.Close()); err != nil {
		return fmt.Errorf("%s: %w", filepath.Base(path), err)
	}
	return p.medium.remove(path)
}

// readLeftover takes the file and reads it, if it can be one that Create began.
func readLeftover(h *os.File, found os.FileInfo) (banks [2][]byte, err error) {
	opened, err := h.Stat()
	if err != nil {
		return banks, err
	}
	if !os.SameFile(found, opened) {
		return banks, ErrForeign
	}
	if err := lock(h); err != nil {
		return banks, err
	}
	data, err := io.ReadAll(io.LimitReader(h, maxFile))
	if err != nil {
		return banks, err
	}
	if banks = split(data); !begunOrDestroyed(banks[0]) {
		return [2][]byte{}, ErrForeign
	}
	return banks, nil
}
