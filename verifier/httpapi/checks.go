package httpapi

import (
	"encoding/base64"
	"fmt"
	"io"
	"sync"
	"time"

	"mobileid/verifier"
)

// checks are the checks that wait for their message. Each is handed out once.
type checks struct {
	max  int
	now  func() time.Time
	rand io.Reader

	mu   sync.Mutex // guards open
	open map[string]*verifier.Open
}

// add keeps a check under a fresh random id, unless too many wait already.
func (c *checks) add(open *verifier.Open) (string, error) {
	var random [16]byte
	if _, err := io.ReadFull(c.rand, random[:]); err != nil {
		return "", fmt.Errorf("drawing check id: %w", err)
	}
	id := base64.RawURLEncoding.EncodeToString(random[:])
	c.mu.Lock()
	defer c.mu.Unlock()
	c.sweep()
	if len(c.open) >= c.max {
		return "", errCheckLimit
	}
	if _, taken := c.open[id]; taken { // 2^-128, or a broken source
		return "", fmt.Errorf("drawing check id: it is in use")
	}
	c.open[id] = open
	return id, nil
}

// take gives a check and forgets it.
func (c *checks) take(id string) (*verifier.Open, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.sweep()
	open, ok := c.open[id]
	if !ok {
		return nil, errCheckUnknown
	}
	delete(c.open, id)
	return open, nil
}

// full tells whether another check would be refused.
func (c *checks) full() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.sweep()
	return len(c.open) >= c.max
}

// sweep drops the checks that ran out, with their keys. The caller holds mu.
func (c *checks) sweep() {
	now := c.now()
	for id, open := range c.open {
		if now.After(open.Expires) {
			open.Abandon()
			delete(c.open, id)
		}
	}
}
