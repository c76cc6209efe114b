package trust

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"mobileid/mdoc/cbor"
)

const keptSuffix = ".statuslist"

// kept is one list on disk, in a format of mobileid's own:
//
//	kept = {1: uri tstr, 2: fetched-at tdate, 3: token bstr}      ; the token as fetched
type kept struct {
	URI       string     `cbor:"1,keyasint"`
	FetchedAt cbor.TDate `cbor:"2,keyasint"`
	Token     []byte     `cbor:"3,keyasint"`
}

func (c *Cache) path(uri string) string {
	sum := sha256.Sum256([]byte(uri))
	return filepath.Join(c.dir, hex.EncodeToString(sum[:])+keptSuffix)
}

// store writes a list beside the old one and then takes its place, so that a power cut leaves one of them whole.
func (c *Cache) store(uri string, h *held) error {
	if c.dir == "" {
		return nil
	}
	raw, err := cbor.Marshal(kept{URI: uri, FetchedAt: cbor.NewTDate(h.fetchedAt), Token: h.raw})
	if err != nil { // never: the token verified at that time, with that text as its subject
		return fmt.Errorf("keeping status list: %w", err)
	}
	if err := replaceFile(c.dir, c.path(uri), raw); err != nil {
		return fmt.Errorf("keeping status list: %w", err)
	}
	return nil
}

// replaceFile writes beside the file that path names in dir, and then takes its place.
func replaceFile(dir, path string, data []byte) error {
	f, err := os.CreateTemp(dir, "new-*")
	if err != nil {
		return err
	}
	_, errWrite := f.Write(data)
	err = errors.Join(errWrite, f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err == nil {
		err = syncDir(dir)
	}
	if err != nil {
		_ = os.Remove(f.Name()) // not there when only the folder was not synced; no reader takes it for a list
	}
	return err
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	return errors.Join(err, d.Sync(), d.Close()) // a file that did not open refuses both
}

// keptFiles lists the files of a folder whose names end so.
func keptFiles(dir, suffix string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	var out []string
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), suffix) {
			out = append(out, filepath.Join(dir, e.Name()))
		}
	}
	return out, err
}

// readFile reads limit bytes and one more, which the decoder then refuses.
func readFile(path string, limit int64) ([]byte, error) {
	f, err := os.Open(path) //nolint:gosec // the operator names the file
	if err != nil {
		return nil, err
	}
	defer f.Close() //nolint:errcheck // opened for reading
	return io.ReadAll(io.LimitReader(f, limit+1))
}

// load reads the folder. Each list is verified again as of the moment it was fetched; its age is judged at each lookup.
func (c *Cache) load() error {
	if c.dir == "" {
		return nil
	}
	names, err := keptFiles(c.dir, keptSuffix)
	if err != nil {
		return err
	}
	for _, name := range names {
		err := ErrFull
		if len(c.lists) < MaxLists {
			err = c.loadOne(name)
		}
		if err != nil {
			c.unusable = append(c.unusable, fmt.Errorf("reading kept status list %s: %w", filepath.Base(name), err))
		}
	}
	return nil
}

func (c *Cache) loadOne(name string) error {
	raw, err := readFile(name, MaxToken+2*maxURI)
	if err != nil {
		return err
	}
	var k kept
	if err := cbor.Unmarshal(raw, &k); err != nil {
		return err
	}
	if filepath.Base(c.path(k.URI)) != filepath.Base(name) {
		return errors.New("the file's name does not fit its address")
	}
	h, err := c.verify(k.URI, k.Token, k.FetchedAt.Time())
	if err != nil {
		return err
	}
	c.lists[k.URI] = h
	return nil
}
