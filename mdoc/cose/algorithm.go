package cose

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"errors"
	"fmt"
	"io"
)

// Algorithm is a COSE algorithm identifier (RFC 9053).
type Algorithm int64

// The algorithms of ISO/IEC 18013-5 second edition, Table 17 that the standard library has.
const (
	ES256   Algorithm = -7
	ES384   Algorithm = -35
	ES512   Algorithm = -36
	EdDSA   Algorithm = -8
	HMAC256 Algorithm = 5 // HMAC 256/256
)

// hash gives the hash that the algorithm signs a digest of; EdDSA has none.
func (a Algorithm) hash() crypto.Hash {
	switch a {
	case ES256:
		return crypto.SHA256
	case ES384:
		return crypto.SHA384
	case ES512:
		return crypto.SHA512
	default:
		return 0
	}
}

// String gives the registered name.
func (a Algorithm) String() string {
	switch a {
	case ES256:
		return "ES256"
	case ES384:
		return "ES384"
	case ES512:
		return "ES512"
	case EdDSA:
		return "EdDSA"
	case HMAC256:
		return "HMAC 256/256"
	}
	return fmt.Sprintf("algorithm %d", int64(a))
}

// AlgorithmFor gives the one algorithm that ISO/IEC 18013-5 second edition, Table 17 pairs with the key's curve.
func AlgorithmFor(pub crypto.PublicKey) (Algorithm, error) {
	switch k := pub.(type) {
	case *ecdsa.PublicKey:
		switch k.Curve {
		case elliptic.P256():
			return ES256, nil
		case elliptic.P384():
			return ES384, nil
		case elliptic.P521():
			return ES512, nil
		}
		return 0, fmt.Errorf("cose: curve %s signs no mdoc", k.Params().Name)
	case ed25519.PublicKey:
		return EdDSA, nil
	}
	return 0, fmt.Errorf("cose: a key of type %T signs no mdoc", pub)
}

// Deterministic wraps an ECDSA key so that it signs after RFC 6979, as RFC 9053, 2.1 recommends: no randomness is
// used, and P-256 signatures cost a fifth less. Signatures over the same bytes are equal.
func Deterministic(key *ecdsa.PrivateKey) crypto.Signer { return deterministic{key} }

type deterministic struct{ key *ecdsa.PrivateKey }

func (d deterministic) Public() crypto.PublicKey { return d.key.Public() }

func (d deterministic) Sign(_ io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	if opts == nil {
		switch len(digest) {
		case crypto.SHA256.Size():
			opts = crypto.SHA256
		case crypto.SHA384.Size():
			opts = crypto.SHA384
		case crypto.SHA512.Size():
			opts = crypto.SHA512
		default:
			return nil, errors.New("cose: signing: a digest of unknown length")
		}
	}
	return d.key.Sign(nil, digest, opts)
}
