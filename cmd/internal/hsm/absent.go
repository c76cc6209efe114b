//go:build !pkcs11

package hsm

import (
	"context"
	"crypto"

	"mobileid/tsm"
)

// modules is what a binary without cgo knows of modules: nothing.
type modules struct{}

func (modules) master(context.Context, URI, byte) (tsm.Master, error) { return nil, ErrNoModule }
func (modules) signer(URI) (crypto.Signer, error)                     { return nil, ErrNoModule }
func (modules) close() error                                          { return nil }
