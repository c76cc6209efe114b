package nvm

import (
	"errors"
	"os"
)

// medium is where the file is. What was written holds through a loss of power once its file was synced, and a name once its folder was.
type medium interface {
	writeAt(f *os.File, b []byte, offset int64) error
	sync(f *os.File) error
	rename(from, to string) error
	remove(path string) error
	syncDir(dir string) error
}

// disk is the medium of the operating system.
type disk struct{}

func (disk) writeAt(f *os.File, b []byte, offset int64) error {
	_, err := f.WriteAt(b, offset)
	return err
}

func (disk) sync(f *os.File) error { return syncData(f) }

func (disk) rename(from, to string) error { return os.Rename(from, to) }

func (disk) remove(path string) error { return os.Remove(path) }

func (disk) syncDir(dir string) error {
	d, err := os.Open(dir) //nolint:gosec // the folder of the file the caller named
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
