//go:build !unix

package cardsim

import "os"

// lockState does nothing where the system has no advisory locks: the owner sees to it that one process uses the file.
func lockState(*os.File) error { return nil }

// ownersAlone knows nothing here: the permission bits do not tell who may read the file.
func ownersAlone(os.FileInfo) error { return nil }
