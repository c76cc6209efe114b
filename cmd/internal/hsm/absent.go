//go:build !pkcs11

package hsm

import (
	"context"
	"crypto"
)

// modules is what a binary without cgo knows of modules: nothing.
type modules struct{}

func (modules) cmac(context.Context, URI) (MAC, error) { return nil, ErrNoModule }
func (modules) signer(URI) (crypto.Signer, error)      { return nil, ErrNoModule }
func (modules) close() error                           { return nil }
