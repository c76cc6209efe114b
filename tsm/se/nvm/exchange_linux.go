package nvm

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// exchange is renameat2 with RENAME_EXCHANGE, which not every file system has.
func exchange(a, b string) error {
	err := unix.Renameat2(unix.AT_FDCWD, a, unix.AT_FDCWD, b, unix.RENAME_EXCHANGE)
	if errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOSYS) || errors.Is(err, unix.EOPNOTSUPP) {
		return fmt.Errorf("exchanging files: %w", errors.ErrUnsupported)
	}
	return err
}
