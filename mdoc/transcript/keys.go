package transcript

import (
	"crypto/ecdh"
	"crypto/hkdf"
	"crypto/sha256"
	"errors"
	"fmt"
)

// derivedKeySize is the length of every key of cipher suite 1.
const derivedKeySize = 32

// EMacKey derives the key of device MAC authentication: HKDF-SHA-256 over ECDH of the device key with EReaderKey, salted
// with the session transcript (ISO/IEC 18013-5:2021, 9.1.3.5). The device calls it with its own private key and
// EReaderKey, the reader with EReaderKey's private part and the device key of the MSO; both get the same 32 bytes.
func EMacKey(priv *ecdh.PrivateKey, pub *ecdh.PublicKey, t Transcript) ([]byte, error) {
	if t.IsZero() {
		return nil, errors.New("deriving EMacKey: no session transcript")
	}
	return EMacKeyFromSalt(priv, pub, t.Salt())
}

// EMacKeyFromSalt is [EMacKey] for an end that is given only the salt, as a secure element is. salt is
// [Transcript.Salt], 32 bytes.
func EMacKeyFromSalt(priv *ecdh.PrivateKey, pub *ecdh.PublicKey, salt []byte) ([]byte, error) {
	z, err := Agree(priv, pub)
	if err != nil {
		return nil, fmt.Errorf("deriving EMacKey: %w", err)
	}
	defer clear(z)
	return DeriveKey(z, salt, "EMacKey")
}

// Agree is ECKA-DH of BSI TR-03111: the x-coordinate of the shared point. Keys on different curves and a shared point at
// infinity are refused. The caller overwrites the result when done.
func Agree(priv *ecdh.PrivateKey, pub *ecdh.PublicKey) ([]byte, error) {
	if priv == nil || pub == nil {
		return nil, errors.New("key agreement: a key is missing")
	}
	z, err := priv.ECDH(pub)
	if err != nil {
		return nil, fmt.Errorf("key agreement: %w", err)
	}
	return z, nil
}

// DeriveKey is the key derivation of ISO/IEC 18013-5:2021, 9.1.1.5 and 9.1.3.5: HKDF-SHA-256 of z, 32 bytes. salt is
// [Transcript.Salt]; info is SKReader, SKDevice or EMacKey.
func DeriveKey(z, salt []byte, info string) ([]byte, error) {
	if len(salt) != sha256.Size {
		return nil, fmt.Errorf("deriving %s: salt has %d bytes, want %d", info, len(salt), sha256.Size)
	}
	return hkdf.Key(sha256.New, z, salt, info, derivedKeySize)
}
