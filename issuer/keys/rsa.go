package keys

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log/slog"
)

// rsaBits is the size of the keys that GenerateRSA makes, and the least that OpenRSA takes.
const rsaBits = 2048

// rsaSigner is an RSA key that never shows itself.
type rsaSigner struct{ key *rsa.PrivateKey }

// Public gives the public key, *rsa.PublicKey.
func (s *rsaSigner) Public() crypto.PublicKey { return s.key.Public() }

// Sign is rsa.PrivateKey.Sign.
func (s *rsaSigner) Sign(random io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	return s.key.Sign(random, digest, opts)
}

// LogValue hides the key.
func (s *rsaSigner) LogValue() slog.Value { return slog.StringValue(redacted) }

// Format hides the key under every verb.
func (s *rsaSigner) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redacted) }

// OpenRSA is Open for an RSA key of at least 2048 bits, as the CAs of 公的個人認証サービス have them.
func OpenRSA(uri string) (crypto.Signer, error) {
	path, err := filePath(uri)
	if err != nil {
		return nil, fmt.Errorf("opening key: %w", err)
	}
	data, err := readKeyFile(path)
	if err != nil {
		return nil, fmt.Errorf("opening key: %w", err)
	}
	defer clear(data)
	key, err := parseRSAKey(data)
	if err != nil {
		return nil, fmt.Errorf("opening key %s: %w", path, err)
	}
	return &rsaSigner{key}, nil
}

func parseRSAKey(data []byte) (*rsa.PrivateKey, error) {
	block, rest := pem.Decode(data)
	if block == nil || block.Type != pemPrivateKey || len(bytes.TrimSpace(rest)) != 0 {
		return nil, errors.New("not exactly one PEM block PRIVATE KEY")
	}
	defer clear(block.Bytes)
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, errors.New("not PKCS#8")
	}
	key, ok := parsed.(*rsa.PrivateKey)
	if !ok || key.N.BitLen() < rsaBits {
		return nil, errors.New("not an RSA key of at least 2048 bits")
	}
	return key, nil
}

// GenerateRSA is Generate for an RSA key of 2048 bits.
func GenerateRSA(uri string) (crypto.Signer, error) {
	path, err := filePath(uri)
	if err != nil {
		return nil, fmt.Errorf("generating key: %w", err)
	}
	key, err := rsa.GenerateKey(rand.Reader, rsaBits)
	if err != nil {
		return nil, fmt.Errorf("generating key: %w", err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, fmt.Errorf("generating key: %w", err)
	}
	defer clear(der)
	data := pem.EncodeToMemory(&pem.Block{Type: pemPrivateKey, Bytes: der})
	defer clear(data)
	if err := writeNew(path, data, keyMode); err != nil {
		return nil, fmt.Errorf("generating key: %w", err)
	}
	return &rsaSigner{key}, nil
}
