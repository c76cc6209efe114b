package gp

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/des" //nolint:gosec // check values of old keys only
	"crypto/subtle"
	"errors"
	"fmt"

	"mobileid/mdoc/apdu"
)

// Key types, Card Specification 2.3.1, table 11-16.
const (
	KeyDES    byte = 0x80 // triple DES, mode not stated
	KeyDESCBC byte = 0x82 // triple DES in CBC
	KeyAES    byte = 0x88 // all of an SCP03 set
)

const kcvSize = 3

var (
	errKeyType = errors.New("key type not spoken")
	errKeySize = errors.New("key of no length the algorithm has")
)

// A WrappedKey is a key under a domain's Key-DEK as PUT KEY carries it, Card Specification 2.3.1, 11.8.2.3.3 and
// Amendment D 7.2: AES-CBC with a zero ICV, the key padded to a multiple of 16.
//
//	type, length, encrypted key, 03, check value                     bare
//	type, length, length of the key, encrypted key, 03, check value  length-prefixed
//
// Hosts differ; a value whose length is a multiple of 16 is bare.
type WrappedKey struct {
	Type byte
	// Size is the length of the key itself, 16, 24 or 32.
	Size      int
	Encrypted []byte
	KCV       []byte // three bytes
	// Prefixed tells the second form; a key of 24 bytes needs it.
	Prefixed bool
}

// KCV is the check value of a key: the first three bytes of a block under it, of 01 for AES (Amendment D 4.1.4) and of
// zeroes for triple DES.
func KCV(keyType byte, key []byte) ([]byte, error) {
	block, err := keyCipher(keyType, key)
	if err != nil {
		return nil, fmt.Errorf("computing key check value: %w", err)
	}
	out := make([]byte, block.BlockSize())
	if keyType == KeyAES {
		for i := range out {
			out[i] = 0x01
		}
	}
	block.Encrypt(out, out)
	return out[:kcvSize:kcvSize], nil
}

func keyCipher(keyType byte, key []byte) (cipher.Block, error) {
	switch keyType {
	case KeyAES:
		if block, err := aes.NewCipher(key); err == nil {
			return block, nil
		}
		return nil, errKeySize
	case KeyDES, KeyDESCBC:
		if len(key) == 16 {
			key = append(key[:16:16], key[:8]...)
		}
		if len(key) != 24 {
			return nil, errKeySize
		}
		return des.NewTripleDESCipher(key) //nolint:gosec // check values of old keys only
	}
	return nil, errKeyType
}

// WrapKey wraps an AES key under Key-DEK, in the bare form where it can be.
func WrapKey(dek, key []byte) (WrappedKey, error) {
	kcv, err := KCV(KeyAES, key)
	if err != nil {
		return WrappedKey{}, fmt.Errorf("wrapping key: %w", err)
	}
	encrypted, err := sealKey(dek, key)
	if err != nil {
		return WrappedKey{}, err
	}
	return WrappedKey{Type: KeyAES, Size: len(key), Encrypted: encrypted, KCV: kcv, Prefixed: len(encrypted) != len(key)}, nil
}

// sealKey enciphers a key value under Key-DEK, padded with zeroes.
func sealKey(dek, key []byte) ([]byte, error) {
	block, err := aes.NewCipher(dek)
	if err != nil {
		return nil, fmt.Errorf("wrapping key: Key-DEK: %w", err)
	}
	out := make([]byte, (len(key)+aes.BlockSize-1)/aes.BlockSize*aes.BlockSize)
	copy(out, key)
	cipher.NewCBCEncrypter(block, make([]byte, aes.BlockSize)).CryptBlocks(out, out)
	return out, nil
}

// Unwrap gives the key. A check value that does not fit is refused with 9485, a type or size that is none with 9484.
// The key is the caller's to erase.
func (k WrappedKey) Unwrap(dek []byte) ([]byte, error) {
	const doing = "unwrapping key"
	if err := k.check(); err != nil {
		return nil, refuse(doing, apdu.WrongData, "%v", err)
	}
	key, err := openKey(dek, k.Encrypted, k.Size)
	if err != nil {
		return nil, err
	}
	kcv, err := KCV(k.Type, key)
	switch {
	case err != nil:
		clear(key)
		return nil, refuse(doing, apdu.AlgorithmUnknown, "%v", err)
	case subtle.ConstantTimeCompare(kcv, k.KCV) != 1:
		clear(key)
		return nil, refuse(doing, apdu.KeyCheckWrong, "check value differs")
	}
	return key, nil
}

// openKey deciphers a key value under Key-DEK.
func openKey(dek, encrypted []byte, size int) ([]byte, error) {
	block, err := aes.NewCipher(dek)
	if err != nil {
		return nil, fmt.Errorf("unwrapping key: Key-DEK: %w", err)
	}
	out := make([]byte, len(encrypted))
	cipher.NewCBCDecrypter(block, make([]byte, aes.BlockSize)).CryptBlocks(out, encrypted)
	clear(out[size:])
	return out[:size:size], nil
}

func (k WrappedKey) check() error {
	switch n := len(k.Encrypted); {
	case k.Type != KeyAES && k.Type != KeyDES && k.Type != KeyDESCBC:
		return errKeyType
	case n == 0 || n%aes.BlockSize != 0 || k.Size <= n-aes.BlockSize || k.Size > n || k.Size > 32:
		return fmt.Errorf("key of %d bytes in %d", k.Size, n)
	case !k.Prefixed && k.Size != n:
		return errors.New("padded key without its length")
	case len(k.KCV) != kcvSize:
		return fmt.Errorf("check value of %d bytes, want %d", len(k.KCV), kcvSize)
	}
	return nil
}

func (k WrappedKey) appendTo(b []byte) []byte {
	n := len(k.Encrypted)
	if k.Prefixed {
		b = append(b, k.Type, byte(n+1), byte(k.Size))
	} else {
		b = append(b, k.Type, byte(n))
	}
	return append(append(append(b, k.Encrypted...), byte(len(k.KCV))), k.KCV...)
}

// parseWrappedKey reads one key from the front of b.
func parseWrappedKey(b []byte) (k WrappedKey, rest []byte, err error) {
	k.Type = b[0]
	if k.Type != KeyAES && k.Type != KeyDES && k.Type != KeyDESCBC {
		return WrappedKey{}, nil, errKeyType
	}
	value, rest, err := parseField(b[1:])
	if err != nil {
		return WrappedKey{}, nil, err
	}
	if k.KCV, rest, err = parseField(rest); err != nil {
		return WrappedKey{}, nil, err
	}
	k.Size, k.Encrypted = len(value), value
	if len(value)%aes.BlockSize != 0 {
		k.Prefixed, k.Size, k.Encrypted = true, int(value[0]), value[1:]
	}
	return k, rest, k.check()
}
