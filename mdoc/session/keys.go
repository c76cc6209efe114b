package session

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdh"
	"errors"
	"fmt"

	"mobileid/mdoc/transcript"
)

// Info strings of ISO/IEC 18013-5:2021, 9.1.1.5.
const (
	infoSKReader = "SKReader"
	infoSKDevice = "SKDevice"
)

// EMacKey is [transcript.EMacKey], where both ends of a presentation look for it.
func EMacKey(priv *ecdh.PrivateKey, pub *ecdh.PublicKey, t transcript.Transcript) ([]byte, error) {
	return transcript.EMacKey(priv, pub, t)
}

// channels makes the two directions of a session from the ephemeral key agreement.
func channels(priv *ecdh.PrivateKey, pub *ecdh.PublicKey, t transcript.Transcript) (reader, device *channel, err error) {
	z, err := transcript.Agree(priv, pub)
	if err != nil {
		return nil, nil, err
	}
	defer clear(z)
	salt := t.Salt()
	reader, readerErr := newChannel(z, salt, infoSKReader, fromReader)
	device, deviceErr := newChannel(z, salt, infoSKDevice, fromDevice)
	return reader, device, errors.Join(readerErr, deviceErr)
}

func newChannel(z, salt []byte, info string, from direction) (*channel, error) {
	key, err := transcript.DeriveKey(z, salt, info)
	if err != nil {
		return nil, err
	}
	defer clear(key)
	aead, err := newCipher(key)
	return &channel{aead: aead, from: from}, err
}

func newCipher(key []byte) (cipher.AEAD, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, fmt.Errorf("session cipher: %w", err)
	}
	return cipher.NewGCM(block)
}
