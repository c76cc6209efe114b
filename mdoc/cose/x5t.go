package cose

import (
	"bytes"
	"crypto/sha256"
	"errors"

	"mobileid/mdoc/cbor"
)

// hashSHA256 is the COSE algorithm identifier of SHA-256 (RFC 9054, 2.1).
const hashSHA256 = -16

// certHash is COSE_CertHash, RFC 9360, 2.
//
//	COSE_CertHash = [hashAlg: int / tstr, hashValue: bstr]
type certHash struct {
	_         struct{} `cbor:",toarray"`
	Algorithm int64
	Value     []byte
}

// X5T gives the x5t header for a certificate: its SHA-256 hash (RFC 9360, 2). The result is for [Headers.Protected].
func X5T(certificate []byte) cbor.Entry[int64, cbor.RawMessage] {
	sum := sha256.Sum256(certificate)
	value := cbor.AppendInt(cbor.AppendArrayHead(nil, 2), hashSHA256)
	return cbor.Entry[int64, cbor.RawMessage]{Key: labelX5T, Value: cbor.AppendBytes(value, sum[:])}
}

// ErrX5T is returned when x5t is there and is not the hash of the certificate.
var ErrX5T = errors.New("cose: x5t does not name the certificate")

// CheckX5T compares the x5t header of either bucket with the leaf certificate. present is false, and all is well, when the
// message carries none. Another hash than SHA-256 is an error: ISO/IEC 18013-5 second edition, 12.3 names that one.
func (m *message) CheckX5T(leaf []byte) (present bool, err error) {
	raw, ok := find(m.protectedIn, labelX5T)
	if !ok {
		if raw, ok = find(m.unprotectedI, labelX5T); !ok {
			return false, nil
		}
	}
	var h certHash
	_ = cbor.Unmarshal(raw, &h) // no algorithm on failure
	if h.Algorithm != hashSHA256 {
		return true, ErrX5T
	}
	if sum := sha256.Sum256(leaf); !bytes.Equal(sum[:], h.Value) {
		return true, ErrX5T
	}
	return true, nil
}
