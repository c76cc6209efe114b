package cardsim

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// A Store keeps the state of a card over a loss of power.
type Store interface {
	// Write returns nil when the state will be found after any cut of power. After an error either the old state or the new one
	// will be; never a mixture, and never none.
	Write(state []byte) error
}

// persist has the state on disk before it returns. A card without a store lives in memory alone.
func (k *Card) persist() error {
	if k.store == nil {
		return nil
	}
	raw, err := k.snapshot()
	if err != nil {
		return err
	}
	return k.store.Write(raw)
}

// UseStore makes a card write its state after each change of a counter or a secret, and before it compares a secret; nil stops that. A
// state that cannot be written answers VERIFY with 6581, and the try is spent. Call it before the card is used, and not on one of OpenState,
// which has its own.
func (k *Card) UseStore(s Store) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.store = s
}

// Errors of state files.
var (
	// ErrInUse says that another process, or another card of this one, has the state file: two copies of a card would have twice the tries.
	ErrInUse = errors.New("the state file is in use")
	// ErrExists says that there is a file at the path already.
	ErrExists = errors.New("the state file exists")
)

// newSuffix names the file that a change writes before it is renamed.
const newSuffix = ".new"

// stateFile replaces a locked file as a whole. step is told each physical step before it is made, for tests that cut there.
type stateFile struct {
	path string
	file *os.File
	step func(name string) error
}

// CreateState writes the state of a card to a new file that only its owner may read. It fails with ErrExists when there is one.
func CreateState(path string, k *Card) error {
	raw, err := k.Save()
	if err != nil {
		return fmt.Errorf("creating a card's state: %w", err)
	}
	if _, err := os.Lstat(path); err == nil {
		return fmt.Errorf("creating a card's state: %w", ErrExists)
	} else if !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("creating a card's state: %w", err)
	}
	s := &stateFile{path: path, step: noStep}
	if err := s.Write(raw); err != nil {
		return fmt.Errorf("creating a card's state: %w", err)
	}
	return s.file.Close()
}

// OpenState opens the card in a file that CreateState made, for this process alone: ErrInUse when somebody has it. Each spent try, each
// reset of a counter and each new secret is in the file before the card answers, and a spent try before the card compares. Close the card
// to let another open it.
func OpenState(path string) (*Card, error) {
	return openState(path, noStep)
}

func noStep(string) error { return nil }

func openState(path string, step func(string) error) (*Card, error) {
	f, err := os.OpenFile(path, os.O_RDWR, 0) //nolint:gosec // the file the caller named
	if err != nil {
		return nil, fmt.Errorf("opening a card's state: %w", err)
	}
	s := &stateFile{path: path, file: f, step: step}
	k, err := s.card()
	if err != nil {
		return nil, errors.Join(fmt.Errorf("opening a card's state: %w", err), f.Close())
	}
	return k, nil
}

// card reads the locked file.
func (s *stateFile) card() (*Card, error) {
	if err := errors.Join(s.step("lock"), lockState(s.file)); err != nil {
		return nil, err
	}
	opened, err := s.file.Stat()
	if err != nil {
		return nil, err
	}
	if err := ownersAlone(opened); err != nil {
		return nil, err
	}
	// Between opening and locking another process may have put a new file in this one's place.
	if there, err := os.Stat(s.path); err != nil || !os.SameFile(opened, there) {
		return nil, errors.Join(ErrInUse, err)
	}
	raw, err := io.ReadAll(io.LimitReader(s.file, maxSaved+1))
	if err != nil {
		return nil, err
	}
	k, err := ParseCard(raw)
	if err != nil {
		return nil, err
	}
	k.store = s
	return k, nil
}

// Close gives the state file back; the card is dead to VERIFY from then on. A card without a state file has nothing to close.
func (k *Card) Close() error {
	k.mu.Lock()
	defer k.mu.Unlock()
	c, ok := k.store.(io.Closer)
	if !ok {
		return nil
	}
	return c.Close()
}

// Close ends the lock.
func (s *stateFile) Close() error {
	err := s.file.Close()
	if errors.Is(err, os.ErrClosed) {
		return nil
	}
	return err
}

// Write makes a new file beside the old one, syncs it, and renames it; the new one is locked before it has the old one's name.
func (s *stateFile) Write(state []byte) error {
	if s.file != nil { // a closed card writes nothing: another process may have the file
		if _, err := s.file.Stat(); err != nil {
			return err
		}
	}
	if err := s.step("create"); err != nil {
		return err
	}
	if err := os.Remove(s.path + newSuffix); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	next, err := os.OpenFile(s.path+newSuffix, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	if err := errors.Join(lockState(next), s.fill(next, state)); err != nil {
		return errors.Join(err, next.Close())
	}
	old := s.file
	s.file = next
	if old != nil {
		if err := old.Close(); err != nil {
			return err
		}
	}
	if err := s.step("sync folder"); err != nil {
		return err
	}
	if err := syncFolder(filepath.Dir(s.path)); err != nil {
		return err
	}
	return s.step("answer")
}

// fill writes in two halves, so that a test can tear between them.
func (s *stateFile) fill(next *os.File, state []byte) error {
	for _, part := range [][]byte{state[:len(state)/2], state[len(state)/2:]} {
		if err := s.step("write"); err != nil {
			return err
		}
		if _, err := next.Write(part); err != nil {
			return err
		}
	}
	if err := s.step("sync"); err != nil {
		return err
	}
	if err := next.Sync(); err != nil {
		return err
	}
	if err := s.step("rename"); err != nil {
		return err
	}
	return os.Rename(next.Name(), s.path)
}

// syncFolder makes a rename hold.
func syncFolder(path string) error {
	d, err := os.Open(path) //nolint:gosec // the folder of the file the caller named
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
