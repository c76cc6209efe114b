//go:build !unix

package nvm

import "os"

// lock does nothing where the system has no advisory locks: the owner sees to it that one process uses the file.
func lock(*os.File) error { return nil }

// private knows nothing here: the permission bits do not tell who may read the file.
func private(os.FileInfo) error { return nil }
