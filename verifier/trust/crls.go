package trust

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"time"

	"mobileid/mdoc/pki"
)

const crlSuffix = ".crl"

// CRLs holds the newest certificate revocation list of each root (ISO/IEC 18013-5:2021, Annex B, Table B.10), in memory and, if
// it has a folder, over a restart. It may be used from several goroutines; a look-up never waits for a network or a disk.
type CRLs struct {
	lists    *pki.RevocationLists
	dir      string
	unusable []error // set once, when the folder was read

	put sync.Mutex // held by one Put at a time, over its disk write
}

// NewCRLs makes a set for the roots and reads the lists kept in dir, which must exist; an empty dir keeps none. at is the
// time of reading. A kept list that does not verify any more is left out, see [CRLs.Unusable].
func NewCRLs(anchors *pki.Anchors, dir string, at time.Time) (*CRLs, error) {
	if anchors == nil {
		return nil, errors.New("making set of CRLs: no trust anchors")
	}
	c := &CRLs{lists: pki.NewRevocationLists(anchors), dir: dir}
	if dir == "" {
		return c, nil
	}
	names, err := keptFiles(dir, crlSuffix)
	if err != nil {
		return nil, fmt.Errorf("making set of CRLs: %w", err)
	}
	for _, name := range names {
		der, err := readFile(name, pki.MaxCRL)
		if err == nil {
			err = c.lists.Put(der, at)
		}
		if err != nil {
			c.unusable = append(c.unusable, fmt.Errorf("reading kept CRL %s: %w", filepath.Base(name), err))
		}
	}
	return c, nil
}

// Unusable tells which kept lists were left out when the set was made, and why.
func (c *CRLs) Unusable() []error { return c.unusable }

// Put takes a list in DER, as [pki.RevocationLists.Put] does, and keeps it. The bytes are copied.
func (c *CRLs) Put(der []byte, at time.Time) error {
	c.put.Lock()
	defer c.put.Unlock()
	if err := c.lists.Put(der, at); err != nil {
		return err
	}
	if c.dir == "" {
		return nil
	}
	list, err := pki.ParseCRL(der)
	if err != nil { // never: it was parsed to be put
		return err
	}
	sum := sha256.Sum256(append(append([]byte{}, list.Issuer()...), list.AuthorityKeyID()...))
	if err := replaceFile(c.dir, filepath.Join(c.dir, hex.EncodeToString(sum[:])+crlSuffix), der); err != nil {
		return fmt.Errorf("keeping CRL: %w", err)
	}
	return nil
}

// LoadFile puts the list of a file in DER.
func (c *CRLs) LoadFile(path string, at time.Time) error {
	der, err := readFile(path, pki.MaxCRL)
	if err != nil {
		return fmt.Errorf("loading CRL: %w", err)
	}
	if err := c.Put(der, at); err != nil {
		return fmt.Errorf("loading CRL %s: %w", path, err)
	}
	return nil
}

// Revocation answers from what is held; see [pki.RevocationLists.Revocation].
func (c *CRLs) Revocation(leaf, issuer *x509.Certificate, at time.Time) pki.RevocationAnswer {
	return c.lists.Revocation(leaf, issuer, at)
}

// Lists gives the lists held.
func (c *CRLs) Lists() []*pki.CRL { return c.lists.Lists() }
