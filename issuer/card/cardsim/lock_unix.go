//go:build unix

package cardsim

import (
	"errors"
	"fmt"
	"os"
	"syscall"
)

// lockState takes the file for this holder alone; the lock ends with the descriptor, so also when the process is killed.
func lockState(f *os.File) error {
	err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) //nolint:gosec // a descriptor fits an int
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return ErrInUse
	}
	return err
}

// ownersAlone refuses a file that others may read.
func ownersAlone(info os.FileInfo) error {
	if mode := info.Mode().Perm(); mode&0o077 != 0 {
		return fmt.Errorf("mode %04o lets others at the card's keys, expected 0600", mode)
	}
	return nil
}
