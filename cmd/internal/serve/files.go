package serve

import (
	"errors"
	"fmt"
	"io"
	"os"
)

// MaxSecret bounds a secret file.
const MaxSecret = 4 << 10

// ErrOpenSecret means that others than its owner may read or write a secret file.
var ErrOpenSecret = errors.New("file is open to others than its owner")

// ReadFile reads a file that settings or a caller name, of at most limit bytes.
func ReadFile(path string, limit int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return readOpen(f, limit)
}

// ReadSecret is [ReadPrivate] of a secret, of 1 to [MaxSecret] bytes.
func ReadSecret(path string) ([]byte, error) {
	secret, err := ReadPrivate(path, MaxSecret)
	if err == nil && len(secret) == 0 {
		err = fmt.Errorf("%s is empty", path)
	}
	if err != nil {
		return nil, fmt.Errorf("reading secret: %w", err)
	}
	return secret, nil
}

// ReadPrivate reads a regular file of at most limit bytes whose mode gives nothing to group and others ([ErrOpenSecret]).
func ReadPrivate(path string, limit int64) ([]byte, error) { return readRegular(path, limit, 0o077) }

// ReadRegular reads a regular file of at most limit bytes, for a path that a person types: no pipe, no folder.
func ReadRegular(path string, limit int64) ([]byte, error) { return readRegular(path, limit, 0) }

// readRegular refuses the bits of the mode that are given. Mode and kind are those of the file that is read.
func readRegular(path string, limit int64, without os.FileMode) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is not a regular file", path)
	}
	if info.Mode().Perm()&without != 0 {
		return nil, fmt.Errorf("%s has mode %04o: %w", path, info.Mode().Perm(), ErrOpenSecret)
	}
	return readOpen(f, limit)
}

func readOpen(f *os.File, limit int64) ([]byte, error) {
	b, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err != nil {
		return nil, err
	}
	if int64(len(b)) > limit {
		return nil, fmt.Errorf("%s is over %d bytes", f.Name(), limit)
	}
	return b, nil
}

// Absent fails when there is something at path, so that making new state never
// stands in for the old.
func Absent(path string) error {
	switch _, err := os.Lstat(path); {
	case errors.Is(err, os.ErrNotExist):
		return nil
	case err != nil:
		return err
	default:
		return fmt.Errorf("%s: %w", path, os.ErrExist)
	}
}
