package encryption

import (
	"crypto/ecdh"
	"crypto/hpke"
	"errors"
	"fmt"

	"mobileid/mdoc/transcript"
)

const (
	// MaxPlaintext bounds what is sealed and opened: the largest DeviceResponse that package mdoc takes.
	MaxPlaintext = 512 << 10

	encSize  = 65 // an uncompressed point of P-256
	tagSize  = 16 // of AES-128-GCM
	maxNonce = 256
	minNonce = 16
)

var (
	// ErrMalformed is wrapped by every refusal of foreign bytes.
	ErrMalformed = errors.New("malformed")
	// ErrOpen says that a ciphertext does not open: another key, another session, or changed bytes. It does not say which.
	ErrOpen = errors.New("the ciphertext does not open with this key in this session")
)

// Sealed is one HPKE message of the suite of this package, ISO/IEC 18013-5 second edition, 12.6 and ISO/IEC TS 18013-7, Annex C.
//
//	sealed = {"enc": bstr .size 65, "cipherText": bstr}
type Sealed struct {
	Enc        []byte `cbor:"enc"`
	CipherText []byte `cbor:"cipherText"`
}

func (s Sealed) check() error {
	if len(s.Enc) != encSize || s.Enc[0] != 4 {
		return fmt.Errorf("enc is not an uncompressed point of P-256: %w", ErrMalformed)
	}
	if n := len(s.CipherText) - tagSize; n <= 0 || n > MaxPlaintext {
		return fmt.Errorf("cipherText of %d bytes: %w", len(s.CipherText), ErrMalformed)
	}
	return nil
}

// Seal encrypts plaintext, 1 to MaxPlaintext bytes, to a P-256 key for the session t.
func Seal(recipient *ecdh.PublicKey, t transcript.Transcript, plaintext []byte) (Sealed, error) {
	switch {
	case recipient == nil || recipient.Curve() != ecdh.P256():
		return Sealed{}, errors.New("sealing: the recipient's key is not on P-256")
	case t.IsZero():
		return Sealed{}, errors.New("sealing: no session transcript")
	case len(plaintext) == 0 || len(plaintext) > MaxPlaintext:
		return Sealed{}, fmt.Errorf("sealing: %d bytes, 1 to %d are taken", len(plaintext), MaxPlaintext)
	}
	key, err := hpke.NewDHKEMPublicKey(recipient)
	if err != nil {
		return Sealed{}, fmt.Errorf("sealing: %w", err)
	}
	out, err := hpke.Seal(key, hpke.HKDFSHA256(), hpke.AES128GCM(), t.Array(), plaintext)
	if err != nil {
		return Sealed{}, fmt.Errorf("sealing: %w", err)
	}
	return Sealed{Enc: out[:encSize:encSize], CipherText: out[encSize:]}, nil
}

// Open decrypts what was sealed to priv in the session t; *ecdh.PrivateKey is a KeyExchanger. A message that does not open
// gives ErrOpen.
func Open(priv ecdh.KeyExchanger, t transcript.Transcript, s Sealed) ([]byte, error) {
	switch {
	case priv == nil || priv.Curve() != ecdh.P256():
		return nil, errors.New("opening: the key is not on P-256")
	case t.IsZero():
		return nil, errors.New("opening: no session transcript")
	}
	if err := s.check(); err != nil {
		return nil, fmt.Errorf("opening: %w", err)
	}
	key, err := hpke.NewDHKEMPrivateKey(priv)
	if err != nil { // never for a key on P-256
		return nil, fmt.Errorf("opening: %w", err)
	}
	message := append(append(make([]byte, 0, encSize+len(s.CipherText)), s.Enc...), s.CipherText...)
	out, err := hpke.Open(key, hpke.HKDFSHA256(), hpke.AES128GCM(), t.Array(), message)
	if err != nil {
		return nil, fmt.Errorf("opening: %w", ErrOpen)
	}
	return out, nil
}
