package keys

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"fmt"
)

// rsaBits is the size of the keys that GenerateRSA makes, and the least that OpenRSA takes.
const rsaBits = 2048

// OpenRSA is Open for an RSA key of at least 2048 bits, as the CAs of 公的個人認証サービス have them.
func OpenRSA(uri string) (crypto.Signer, error) { return open(uri, takeRSA) }

func takeRSA(parsed any) (*signer, error) {
	key, ok := parsed.(*rsa.PrivateKey)
	if !ok || key.N.BitLen() < rsaBits {
		return nil, errors.New("not an RSA key of at least 2048 bits")
	}
	return &signer{key: key, sign: key}, nil
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
	s := &signer{key: key, sign: key}
	if err := s.save(path); err != nil {
		return nil, fmt.Errorf("generating key: %w", err)
	}
	return s, nil
}
