package cardsim

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"math/big"

	"mobileid/issuer/card"
	"mobileid/mdoc/apdu"
)

// Classes of secure messaging: without and with an authenticated header. Only the first is offered.
const (
	secureClass       byte = 0x08
	secureHeaderClass byte = 0x0C
)

// secureChannel is the secure messaging of 補助AP: confidentiality alone, AES-128 in CBC, a counter that is never sent. block is nil once
// the channel is dead.
type secureChannel struct {
	block   cipher.Block
	counter uint64
}

// setSessionKey is SET SESSION KEY (80 AE 00 00): RSA-OAEP-SHA-256 of A0 22 { 80 20 seed } under the key in 0006, after the PIN. The
// applications without it refuse, each in its own way.
func (k *Card) setSessionKey(c apdu.Command) apdu.SW {
	switch k.current.id {
	case card.Attributes:
	case common, card.Face:
		return apdu.NoKeyDelivery
	case card.JPKI, register:
		return apdu.SecurityStatus
	default:
		return apdu.InsUnsupported
	}
	f := k.files[sessionKey]
	key, ok := f.key.(*rsa.PrivateKey)
	switch {
	case !ok:
		return apdu.Unknown
	case c.P1 != 0 || c.P2 != 0:
		return apdu.WrongParameters
	case !k.open(f):
		return apdu.SecurityStatus
	case len(c.Data) != key.Size() || c.Le != 0:
		return apdu.WrongLength
	}
	if new(big.Int).SetBytes(c.Data).Cmp(key.N) >= 0 {
		return apdu.Unknown
	}
	plain, err := rsa.DecryptOAEP(sha256.New(), nil, key, c.Data, nil)
	if err != nil || len(plain) != 36 || string(plain[:4]) != "\xA0\x22\x80\x20" {
		return apdu.WrongData
	}
	block, err := aes.NewCipher(plain[4:20])
	if err != nil {
		return apdu.ExecutionError
	}
	k.secure = &secureChannel{block: block, counter: 1}
	return apdu.OK
}

var errObject = errors.New("no object of secure messaging as this command wants it")

// secured opens a command, carries it out and closes its answer. One wrong object ends the channel.
func (k *Card) secured(c apdu.Command) ([]byte, apdu.SW) {
	s := k.secure
	switch {
	case s == nil || s.block == nil:
		return nil, apdu.ChannelLost
	case c.CLA == secureHeaderClass:
		return nil, apdu.SecureMissing
	}
	plain, err := s.open(c)
	if err != nil {
		s.block = nil
		return nil, apdu.SecureIncorrect
	}
	data, sw := k.interindustry(plain)
	if len(data) > 0 {
		data = s.seal(data)
	}
	s.counter++
	return data, sw
}

// open reads the one object of a command: 86 with its data, or 96 with its expected length.
//
//	86 len 01 ciphertext | 96 03 00 Le Le
func (s *secureChannel) open(c apdu.Command) (apdu.Command, error) {
	o, rest, err := apdu.ParseTLV(c.Data)
	if err != nil || len(rest) > 0 {
		return apdu.Command{}, errObject
	}
	plain := apdu.Command{INS: c.INS, P1: c.P1, P2: c.P2}
	wants := uint32(0x86)
	if c.INS == 0xB0 {
		wants = 0x96
	}
	switch {
	case o.Tag != wants:
		return apdu.Command{}, errObject
	case o.Tag == 0x96:
		if len(o.Value) != 3 || o.Value[0] != 0 {
			return apdu.Command{}, errObject
		}
		plain.Extended, plain.Le = true, int(o.Value[1])<<8|int(o.Value[2])
		if plain.Le == 0 { // the whole file, as far as it goes into an answer with its object around it
			plain.Le = apdu.MaxExtendedLe - 4*aes.BlockSize
		}
		return plain, nil
	default:
		plain.Data, err = s.decrypt(o.Value)
		return plain, err
	}
}

// iv is the counter, enciphered.
func (s *secureChannel) iv() []byte {
	iv := make([]byte, aes.BlockSize)
	binary.BigEndian.PutUint64(iv[8:], s.counter)
	s.block.Encrypt(iv, iv)
	return iv
}

func (s *secureChannel) decrypt(value []byte) ([]byte, error) {
	if len(value) < 1+aes.BlockSize || value[0] != 0x01 || (len(value)-1)%aes.BlockSize != 0 {
		return nil, errObject
	}
	plain := make([]byte, len(value)-1)
	cipher.NewCBCDecrypter(s.block, s.iv()).CryptBlocks(plain, value[1:])
	end := len(plain) - 1
	for end > 0 && plain[end] == 0 {
		end--
	}
	if plain[end] != 0x80 || len(plain)-end > aes.BlockSize {
		return nil, errObject
	}
	return plain[:end], nil
}

func (s *secureChannel) seal(data []byte) []byte {
	padded := append(append(make([]byte, 0, len(data)+aes.BlockSize+1), 0x01), data...)
	padded = append(padded, 0x80)
	for (len(padded)-1)%aes.BlockSize != 0 {
		padded = append(padded, 0)
	}
	cipher.NewCBCEncrypter(s.block, s.iv()).CryptBlocks(padded[1:], padded[1:])
	return object(0x86, padded)
}
