package pki

import (
	"bytes"
	"encoding/pem"
	"errors"
	"fmt"
)

const (
	pemType        = "CERTIFICATE"
	maxPEM         = 1 << 20
	maxPEMEntities = 512
)

// EncodePEM writes certificates as PEM blocks (RFC 7468, 5), in the order given.
func EncodePEM(ders ...[]byte) []byte {
	var b bytes.Buffer
	for _, der := range ders {
		b.Write(pem.EncodeToMemory(&pem.Block{Type: pemType, Bytes: der}))
	}
	return b.Bytes()
}

// DecodePEM reads certificates from PEM. Text between blocks is skipped, as RFC 7468 allows; a block of another type
// (a private key above all), an input above 1 MiB, above 512 certificates or with none is an error. It does not judge
// what it read.
func DecodePEM(data []byte) ([][]byte, error) {
	if len(data) > maxPEM {
		return nil, fmt.Errorf("decoding PEM: %d bytes, more than the limit of %d", len(data), maxPEM)
	}
	var out [][]byte
	for {
		block, rest := pem.Decode(data)
		if block == nil {
			break
		}
		data = rest
		if block.Type != pemType {
			return nil, errors.New("decoding PEM: a block that is not a certificate")
		}
		if len(out) == maxPEMEntities {
			return nil, fmt.Errorf("decoding PEM: more than %d certificates", maxPEMEntities)
		}
		out = append(out, block.Bytes)
	}
	if len(out) == 0 {
		return nil, errors.New("decoding PEM: no certificate")
	}
	return out, nil
}
