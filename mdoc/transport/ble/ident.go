package ble

import (
	"crypto/hkdf"
	"crypto/sha256"
	"fmt"
)

// IdentSize is the length of the Ident value.
const IdentSize = 16

// IdentValue is what the reader offers in the Ident characteristic and the mdoc compares: HKDF with SHA-256 over
// EDeviceKeyBytes (the tag 24 item as it stands in the engagement), without salt, info "BLEIdent"
// (ISO/IEC 18013-5:2021, 8.3.3.1.1.3).
func IdentValue(eDeviceKeyBytes []byte) ([]byte, error) {
	ident, err := hkdf.Key(sha256.New, eDeviceKeyBytes, nil, "BLEIdent", IdentSize)
	if err != nil {
		return nil, fmt.Errorf("deriving Ident: %w", err)
	}
	return ident, nil
}
