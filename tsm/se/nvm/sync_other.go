//go:build !linux

package nvm

import "os"

// syncData makes what was written to a file hold.
func syncData(f *os.File) error { return f.Sync() }
