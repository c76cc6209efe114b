package keys

import (
	"crypto"
	"crypto/ecdsa"
	"fmt"
	"io"
	"log/slog"

	"mobileid/mdoc/cose"
)

const redacted = "[redacted]"

// signer is a software key that never shows itself.
type signer struct {
	key  crypto.PrivateKey // *ecdsa.PrivateKey or *rsa.PrivateKey, as PKCS#8 takes it
	sign crypto.Signer     // the same key, as it signs
}

// newSigner makes an ECDSA key sign after RFC 6979.
func newSigner(key *ecdsa.PrivateKey) *signer {
	return &signer{key: key, sign: cose.Deterministic(key)}
}

// Public gives the public key, *ecdsa.PublicKey or *rsa.PublicKey.
func (s *signer) Public() crypto.PublicKey { return s.sign.Public() }

// Sign signs a digest, with ECDSA after RFC 6979; random is not used there.
func (s *signer) Sign(random io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	return s.sign.Sign(random, digest, opts)
}

// LogValue hides the key.
func (s *signer) LogValue() slog.Value { return slog.StringValue(redacted) }

// Format hides the key under every verb.
func (s *signer) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redacted) }
