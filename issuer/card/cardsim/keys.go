package cardsim

import (
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"fmt"
	"io"
	"sync"
)

// A KeySource gives RSA-2048 keys. It must be safe for concurrent use.
type KeySource func() (*rsa.PrivateKey, error)

// NewKeys makes a key for each call: what a card and an authority use by default. It takes some 0.1 s a key. The reader may be
// nil for crypto/rand.
func NewKeys(r io.Reader) KeySource {
	if r == nil {
		r = rand.Reader
	}
	return func() (*rsa.PrivateKey, error) { return rsa.GenerateKey(r, 2048) }
}

// SharedKeys hands out the given keys in turn, for ever. Cards made with it share keys, as real cards never do; it is for tests that
// make many cards.
func SharedKeys(keys ...*rsa.PrivateKey) KeySource {
	var (
		mu   sync.Mutex // guards next
		next int
	)
	return func() (*rsa.PrivateKey, error) {
		if len(keys) == 0 {
			return nil, errors.New("cardsim: no keys to share")
		}
		mu.Lock()
		defer mu.Unlock()
		next++
		return keys[(next-1)%len(keys)], nil
	}
}

// MakeKeys makes n keys from a source, to be shared.
func MakeKeys(n int, source KeySource) ([]*rsa.PrivateKey, error) {
	keys := make([]*rsa.PrivateKey, n)
	for i := range keys {
		var err error
		if keys[i], err = source(); err != nil {
			return nil, fmt.Errorf("making key %d: %w", i, err)
		}
	}
	return keys, nil
}
