package hsm

import (
	"context"
	"crypto"
	"errors"
	"fmt"

	"mobileid/issuer/keys"
)

// ErrNoModule means that this binary cannot reach PKCS #11 modules.
var ErrNoModule = errors.New("this binary reaches no PKCS #11 module: run mobileid-tsm-pkcs11 or mobileid-issuer-pkcs11, which make build-pkcs11 builds")

// Errors of a key in a module.
var (
	// ErrKey means that a key was not found, or is not of the kind and with the attributes it must have.
	ErrKey = errors.New("no such key")
	// ErrPIN means that the PIN was wrong or was not tried, since trying could lock the token.
	ErrPIN = errors.New("PIN not taken")
)

// Opener opens the keys of one process. Its zero value is ready. Close closes every one of them.
type Opener struct {
	modules modules
}

// A MAC is a secret key that makes AES-CMACs (NIST SP 800-38B) inside its module. It is safe for concurrent use and prints as
// [redacted].
type MAC interface {
	CMAC(ctx context.Context, message []byte) ([16]byte, error)
}

// CMAC opens an AES-256 key in a module, such as a master key of the TSM. Whether it is a good one is the caller's to try.
func (o *Opener) CMAC(ctx context.Context, uri string) (MAC, error) {
	u, err := ParseURI(uri)
	if err != nil {
		return nil, fmt.Errorf("opening key: %w", err)
	}
	if u.Type != "" && u.Type != "secret-key" {
		return nil, fmt.Errorf("opening key: %w: type is not secret-key", ErrURI)
	}
	m, err := o.modules.cmac(ctx, u)
	if err != nil {
		return nil, fmt.Errorf("opening %s: %w", u.name(), err)
	}
	return m, nil
}

// Signer opens a signing key: ECDSA on P-256, P-384 or P-521. It prints as [redacted].
func (o *Opener) Signer(uri string) (crypto.Signer, error) {
	if !Is(uri) {
		return keys.Open(uri)
	}
	u, err := ParseURI(uri)
	if err != nil {
		return nil, fmt.Errorf("opening key: %w", err)
	}
	if u.Type != "" && u.Type != "private" {
		return nil, fmt.Errorf("opening key: %w: type is not private", ErrURI)
	}
	s, err := o.modules.signer(u)
	if err != nil {
		return nil, fmt.Errorf("opening %s: %w", u.name(), err)
	}
	return s, nil
}

// Close logs out and lets the modules go.
func (o *Opener) Close() error { return o.modules.close() }
