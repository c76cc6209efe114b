package nvm

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// maxFile bounds the state file Open reads: a base, what may be replaced before compaction, and one last frame.
const maxFile = 8 << 20

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
	if err := errors.Join(power.medium.rename(f.path, path), power.medium.syncDir(filepath.Dir(path)), f.close()); err != nil {
		return fmt.Errorf("creating state file: %w", err)
	}
	return nil
}

// Open reads a state file, drops a torn transaction, and finishes what a power cut left of a compaction.
func Open(path string, cfg Config) (*Memory, error) {
	if err := cfg.check(); err != nil {
		return nil, fmt.Errorf("opening %s: %w", filepath.Base(path), err)
	}
	// A link to the file stays a link: what changes its name is the file.
	whole, err := filepath.EvalSymlinks(path)
	if err != nil {
		return nil, fmt.Errorf("opening %s: %w", filepath.Base(path), err)
	}
	path = whole
	f, data, err := read(path)
	if err != nil {
		return nil, fmt.Errorf("opening %s: %w", filepath.Base(path), err)
	}
	f.power = cfg.power()
	m := &Memory{cfg: cfg, file: f, objects: map[string][]byte{}}
	err = m.replay(data)
	if err == nil && f.tear == nil { // who was here last may have been killed right after an exchange: what is left may be what holds
		err = f.medium.syncDir(filepath.Dir(path))
	}
	if err == nil {
		err = removeLeftover(path+newSuffix, f.power)
	}
	if err != nil {
		return nil, fmt.Errorf("opening %s: %w", filepath.Base(path), errors.Join(err, f.close()))
	}
	// A torn tail is not cut off in place: it may hold the beginning of a key, so the whole file is replaced. Zeros are what there was before.
	if len(bytes.TrimLeft(data[f.size:], "\x00")) > 0 {
		f.size = int64(len(data))
		if err := m.compact(); err != nil {
			return nil, err
		}
	}
	return m, nil
}

// replay carries out every whole frame. It sets the size of the file to where they end.
func (m *Memory) replay(data []byte) error {
	if len(data) < fileHeader || string(data[:len(fileMagic)]) != fileMagic {
		return ErrForeign
	}
	salt := data[len(fileMagic):fileHeader]
	m.file.salt = append([]byte{}, salt...)
	offset := fileHeader
	for offset < len(data) {
		f, n, err := decodeFrame(salt, data[offset:])
		if err != nil {
			if wholeFrameIn(salt, data[offset+1:]) {
				return fmt.Errorf("at offset %d: %w", offset, ErrDamaged)
			}
			break
		}
		first, flags := offset == fileHeader, byte(0)
		if first {
			flags = flagBase
		}
		if f.flags != flags || !first && f.sequence != m.sequence+1 {
			return fmt.Errorf("at offset %d: frame out of order: %w", offset, ErrDamaged)
		}
		if err := m.apply(f.content); err != nil {
			return fmt.Errorf("at offset %d: %w", offset, err)
		}
		m.sequence = f.sequence
		offset += n
	}
	if offset == fileHeader {
		return fmt.Errorf("no whole frame: %w", ErrDamaged)
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
	// Between opening and locking, the owner before us may have put a new file in this one's place.
	current, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !os.SameFile(opened, current) {
		return nil, ErrInUse
	}
	return io.ReadAll(io.LimitReader(h, maxFile+1))
}

// removeLeftover destroys a compaction that did not come to its rename: it may hold keys. What else has its name is
// refused as foreign and left alone.
func removeLeftover(path string, p power) error {
	found, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if !found.Mode().IsRegular() {
		return fmt.Errorf("%s: %w", filepath.Base(path), ErrForeign)
	}
	h, err := os.OpenFile(path, os.O_RDWR, 0) //nolint:gosec // beside the file the caller named
	if err != nil {
		return err
	}
	if err = checkLeftover(h, found); err == nil {
		f := &file{path: path, f: h, size: found.Size(), power: p}
		err = f.destroy()
	}
	if err := errors.Join(err, h.Close()); err != nil {
		return fmt.Errorf("%s: %w", filepath.Base(path), err)
	}
	return p.medium.remove(path)
}

// checkLeftover takes the file, and tells whether it can be of ours: it begins with the magic, or, where the power was cut, with the
// zeros before it or after it in a part of that.
func checkLeftover(h *os.File, found os.FileInfo) error {
	opened, err := h.Stat()
	if err != nil {
		return err
	}
	if !os.SameFile(found, opened) {
		return ErrForeign
	}
	if err := lock(h); err != nil {
		return err
	}
	front := make([]byte, min(found.Size(), int64(len(fileMagic))))
	if _, err := h.ReadAt(front, 0); err != nil {
		return err
	}
	for i, b := range front {
		if b != 0 && b != fileMagic[i] {
			return ErrForeign
		}
	}
	return nil
}
