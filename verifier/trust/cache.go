package trust

import (
	"bytes"
	"errors"
	"fmt"
	"sync"
	"time"

	"mobileid/mdoc/pki"
	"mobileid/mdoc/statuslist"
)

const (
	// DefaultMaxAge is how old a list may be when the configuration leaves it open.
	DefaultMaxAge = 24 * time.Hour
	// MaxToken bounds a status list token. A list of a million entries takes at most 131 kB (half of them set); the largest
	// an issuer would publish, ten million, 1.3 MB.
	MaxToken = 4 << 20
	// MaxLists bounds how many lists a cache holds and how many unknown addresses it remembers.
	MaxLists = 64
	// maxURI bounds an address.
	maxURI = 2048
)

// Errors of Put.
var (
	ErrNotTrusted = errors.New("status list is not trusted")
	ErrOlder      = errors.New("status list is older than the one held")
	ErrFull       = errors.New("status list cache is full")
)

// CacheConfig describes a cache.
type CacheConfig struct {
	// Anchors are the issuers' roots; a list's signer must stand under one of them. Needed.
	Anchors *pki.Anchors
	// Revocation tells whether the signer of a list is revoked; needed. While that is not known, the list tells of no document
	// that it is valid.
	Revocation pki.RevocationSource
	// Dir keeps the lists over a restart; empty keeps them in memory only. The folder must exist.
	Dir string
	// MaxAge is how old a list may be, counted from the time it was signed; 0 means DefaultMaxAge.
	MaxAge time.Duration
}

// Cache holds the last status list seen for each address. It may be used from several goroutines, and a lookup never waits
// for a network or a disk.
type Cache struct {
	anchors  *pki.Anchors
	signers  pki.RevocationSource
	maxAge   time.Duration
	dir      string
	unusable []error // set once, when the folder was read

	mu     sync.RWMutex // guards lists and wanted
	lists  map[string]*held
	wanted map[string]struct{} // addresses that were looked up and are not held

	put sync.Mutex // held by one Put at a time, over its disk write
}

// held is one list; it does not change once in the cache.
type held struct {
	raw       []byte
	token     statuslist.Token
	fetchedAt time.Time
}

// NewCache makes a cache and reads the lists kept in its folder. A kept list that does not verify any more is left out, see
// [Cache.Unusable]; the till then works as if it had never seen it.
func NewCache(c CacheConfig) (*Cache, error) {
	if c.Anchors == nil {
		return nil, errors.New("making status list cache: no trust anchors")
	}
	if c.Revocation == nil {
		return nil, errors.New("making status list cache: no source for the revocation of signers")
	}
	if c.MaxAge < 0 {
		return nil, errors.New("making status list cache: a negative age")
	}
	if c.MaxAge == 0 {
		c.MaxAge = DefaultMaxAge
	}
	cache := &Cache{
		anchors: c.Anchors, signers: c.Revocation, maxAge: c.MaxAge, dir: c.Dir,
		lists: make(map[string]*held), wanted: make(map[string]struct{}),
	}
	if err := cache.load(); err != nil {
		return nil, fmt.Errorf("making status list cache: %w", err)
	}
	return cache, nil
}

// Unusable tells which kept lists were left out when the cache was made, and why.
func (c *Cache) Unusable() []error { return c.unusable }

// Put takes a list that was fetched from uri at fetchedAt. It is refused unless its signature, its signer's chain, its
// address and its times hold (ErrNotTrusted), and when it was not signed after the one held, unless it is that same list
// or the signer of the one held is revoked (ErrOlder). A list of a revoked signer is not trusted. A list that is refused
// changes nothing. The bytes are copied.
func (c *Cache) Put(uri string, raw []byte, fetchedAt time.Time) error {
	c.put.Lock()
	defer c.put.Unlock()
	h, err := c.verify(uri, raw, fetchedAt)
	if err != nil {
		return fmt.Errorf("taking status list: %w", err)
	}
	c.mu.RLock()
	old, have := c.lists[uri]
	full := !have && len(c.lists) >= MaxLists
	c.mu.RUnlock()
	switch {
	case full:
		return fmt.Errorf("taking status list: %w", ErrFull)
	case c.revoked(h, fetchedAt):
		return fmt.Errorf("taking status list: its signer is revoked: %w", ErrNotTrusted)
	case have && !h.token.IssuedAt.After(old.token.IssuedAt) && !bytes.Equal(h.raw, old.raw) && !c.revoked(old, fetchedAt):
		return fmt.Errorf("taking status list signed %s, held one signed %s: %w",
			stamp(h.token.IssuedAt), stamp(old.token.IssuedAt), ErrOlder)
	}
	if err := c.store(uri, h); err != nil { // on disk first: what was seen is not forgotten by a restart
		return fmt.Errorf("taking status list: %w", err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.lists[uri] = h
	delete(c.wanted, uri)
	return nil
}

// verify judges a token as of a moment. That the list speaks for a given document, and not for another authority's, is
// checked at each lookup.
func (c *Cache) verify(uri string, raw []byte, at time.Time) (*held, error) {
	if uri == "" || len(uri) > maxURI || len(raw) > MaxToken {
		return nil, fmt.Errorf("address of %d, token of %d bytes: %w", len(uri), len(raw), ErrNotTrusted)
	}
	raw = append([]byte(nil), raw...)
	signed, err := statuslist.Parse(raw)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNotTrusted, err)
	}
	token, v, err := signed.Verify(c.anchors, uri, at)
	if err != nil { // never: there are anchors and an address
		return nil, err
	}
	if !v.OK() {
		return nil, fmt.Errorf("%w: %s", ErrNotTrusted, v)
	}
	return &held{raw: raw, token: token, fetchedAt: at}, nil
}

// revoked reports whether the signer of a list is known to be revoked.
func (c *Cache) revoked(h *held, at time.Time) bool {
	return len(h.token.CheckSigner(c.signers, at).Failed()) > 0
}

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }
