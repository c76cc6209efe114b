package nvm

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// newSuffix names the file Create writes before it is renamed.
const newSuffix = ".new"

// Create makes a state file at path that holds the given objects, with mode 0600. It fails with ErrExists when there is a
// file already, and never leaves half a file at path. Of several that make the same file at once, one does; the others fail with ErrExists or ErrInUse.
// What something else puts at path in that moment is replaced. After another failure the file may be there, whole, if it was the folder that could not be synced.
func Create(path string, objects []Change, cfg Config) error {
	if err := cfg.check(); err != nil {
		return fmt.Errorf("creating state file: %w", err)
	}
	m := &Memory{cfg: cfg, objects: map[string][]byte{}}
	for _, c := range objects {
		if c.Key == "" || len(c.Key) > maxKey || c.Value == nil {
			return fmt.Errorf("creating state file: internal error: object without key or value")
		}
		m.store(c.Key, c.Value)
	}
	if m.live > cfg.limit() {
		return fmt.Errorf("creating state file: %w", ErrFull)
	}
	if err := m.create(path); err != nil {
		return fmt.Errorf("creating state file: %w", err)
	}
	return nil
}

// create writes the file beside its place and renames it. Who has the file beside it, locked and by that name, is alone at it.
func (m *Memory) create(path string) error {
	if err := free(path); err != nil {
		return err
	}
	power := m.cfg.power()
	if err := removeLeftover(path+newSuffix, power); err != nil {
		return err
	}
	h, err := os.OpenFile(path+newSuffix, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return ErrInUse
	}
	if err != nil {
		return err
	}
	f := &file{path: path + newSuffix, f: h, power: power}
	return errors.Join(f.fill(path, m.base(), m.cfg.Rand), h.Close())
}

// fill makes a new file whole and gives it the name it is for.
func (f *file) fill(path string, base frame, rand io.Reader) error {
	if err := lock(f.f); err != nil {
		return err
	}
	if err := f.named(); err != nil { // another took it for a leftover before it was locked
		return fmt.Errorf("%w: %w", ErrInUse, err)
	}
	if err := free(path); err != nil { // another was faster
		return errors.Join(err, f.medium.remove(f.path))
	}
	err := f.begin(base, rand)
	if err == nil {
		err = f.medium.rename(f.path, path)
	}
	if err != nil {
		return f.abandon(err)
	}
	return f.medium.syncDir(filepath.Dir(path))
}

// abandon destroys a file that could not be made: it may hold keys. Where there is no power there is nothing to be done.
func (f *file) abandon(why error) error {
	if errors.Is(why, ErrPowerCut) {
		return why
	}
	data, err := io.ReadAll(io.NewSectionReader(f.f, 0, maxFile))
	if err != nil {
		return errors.Join(why, err)
	}
	return errors.Join(why, f.destroy(bank{size: used(split(data)[0])}), f.medium.remove(f.path))
}

// free fails with ErrExists where there is something by that name.
func free(path string) error {
	_, err := os.Lstat(path)
	switch {
	case err == nil:
		return fmt.Errorf("%s: %w", filepath.Base(path), ErrExists)
	case errors.Is(err, fs.ErrNotExist):
		return nil
	default:
		return err
	}
}

// removeLeftover destroys what a Create that was cut did not come to rename: it may hold keys. What else has its name is
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
	err = destroyLeftover(path, found, p)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, errReplaced) { // by another that makes the file
		err = fmt.Errorf("%w: %w", ErrInUse, err)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", filepath.Base(path), err)
	}
	return nil
}

func destroyLeftover(path string, found os.FileInfo, p power) error {
	h, err := os.OpenFile(path, os.O_RDWR, 0) //nolint:gosec // beside the file the caller named
	if err != nil {
		return err
	}
	banks, err := readLeftover(h, path, found)
	for i, left := range banks {
		if err == nil {
			f := &file{f: h, power: p}
			err = f.destroy(bank{number: int64(i), size: used(left)})
		}
	}
	if err == nil { // while it is locked: the next by this name is another's
		err = p.medium.remove(path)
	}
	return errors.Join(err, h.Close())
}

// readLeftover takes the file and reads it, if it is what was found and can be one that Create began.
func readLeftover(h *os.File, path string, found os.FileInfo) (banks [2][]byte, err error) {
	opened, err := h.Stat()
	if err != nil {
		return banks, err
	}
	if !os.SameFile(found, opened) {
		return banks, errReplaced
	}
	data, err := readLocked(h, path)
	if err != nil {
		return banks, err
	}
	if banks = split(data); !begunOrDestroyed(banks[0]) {
		return [2][]byte{}, ErrForeign
	}
	return banks, nil
}
