package card

import (
	"bytes"
	"crypto/rsa"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"
)

// A municipal root in PEM: the public key (SubjectPublicKeyInfo, RFC 7468, 13) with its key id in a header.
const (
	pemPublicKey  = "PUBLIC KEY"
	pemKeyIDField = "Key-Id"
	maxRoots      = 64
)

// ErrRoots says that a text is no list of municipal roots.
var ErrRoots = errors.New("no municipal roots")

// EncodeMunicipalRoots writes the CA keys of card records as PEM, in the order of their ids.
func EncodeMunicipalRoots(roots map[KeyID]*rsa.PublicKey) ([]byte, error) {
	ids := make([]KeyID, 0, len(roots))
	for id := range roots {
		ids = append(ids, id)
	}
	slices.SortFunc(ids, func(a, b KeyID) int { return bytes.Compare(a[:], b[:]) })
	var out []byte
	for _, id := range ids {
		der, err := x509.MarshalPKIXPublicKey(roots[id])
		if err != nil {
			return nil, fmt.Errorf("encoding municipal root %v: %w", id, err)
		}
		block := &pem.Block{Type: pemPublicKey, Headers: map[string]string{pemKeyIDField: hex.EncodeToString(id[:])}, Bytes: der}
		out = append(out, pem.EncodeToMemory(block)...)
	}
	return out, nil
}

// ParseMunicipalRoots reads what EncodeMunicipalRoots writes: 1 to 64 RSA keys of 2048 bits or more, each id once, and nothing
// between the blocks but white space.
func ParseMunicipalRoots(text []byte) (map[KeyID]*rsa.PublicKey, error) {
	roots := map[KeyID]*rsa.PublicKey{}
	for rest := bytes.TrimSpace(text); len(rest) > 0; rest = bytes.TrimSpace(rest) {
		if !bytes.HasPrefix(rest, []byte("-----BEGIN ")) {
			return nil, fmt.Errorf("parsing municipal roots: text outside the blocks: %w", ErrRoots)
		}
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			return nil, fmt.Errorf("parsing municipal roots: broken PEM: %w", ErrRoots)
		}
		id, key, err := parseRoot(block)
		if err != nil {
			return nil, fmt.Errorf("parsing municipal roots: block %d: %w", len(roots), err)
		}
		if roots[id] != nil || len(roots) == maxRoots {
			return nil, fmt.Errorf("parsing municipal roots: %v twice, or over %d keys: %w", id, maxRoots, ErrRoots)
		}
		roots[id] = key
	}
	if len(roots) == 0 {
		return nil, fmt.Errorf("parsing municipal roots: %w", ErrRoots)
	}
	return roots, nil
}

func parseRoot(block *pem.Block) (id KeyID, key *rsa.PublicKey, err error) {
	raw, err := hex.DecodeString(block.Headers[pemKeyIDField])
	if err != nil || len(raw) != len(id) || block.Type != pemPublicKey {
		return KeyID{}, nil, fmt.Errorf("no public key with a %s of 16 bytes: %w", pemKeyIDField, ErrRoots)
	}
	parsed, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		return KeyID{}, nil, fmt.Errorf("%w: %w", ErrRoots, err)
	}
	key, ok := parsed.(*rsa.PublicKey)
	if !ok || key.N.BitLen() < 2048 {
		return KeyID{}, nil, fmt.Errorf("no RSA key of 2048 bits: %w", ErrRoots)
	}
	copy(id[:], raw)
	return id, key, nil
}
