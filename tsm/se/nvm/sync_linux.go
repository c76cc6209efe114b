package nvm

import (
	"errors"
	"os"
	"syscall"
)

// syncData makes what was written to a file hold, and of its description no more than reading it takes: times of change would cost a
// turn of the file system's journal each.
func syncData(f *os.File) error {
	for {
		err := syscall.Fdatasync(int(f.Fd())) //nolint:gosec // a descriptor fits an int
		if !errors.Is(err, syscall.EINTR) {
			return err
		}
	}
}
