//go:build unix

package nvm

import (
	"errors"
	"fmt"
	"os"
	"syscall"
)

// lock takes the file for this process alone; the lock ends with the descriptor, so also when the process is killed.
func lock(f *os.File) error {
	err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) //nolint:gosec // a descriptor fits an int
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return ErrInUse
	}
	return err
}

// private refuses a file that others may read.
func private(info os.FileInfo) error {
	if mode := info.Mode().Perm(); mode&0o077 != 0 {
		return fmt.Errorf("mode %04o lets others at the secure element, expected 0600", mode)
	}
	return nil
}
