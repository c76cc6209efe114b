package session

import (
	"crypto/cipher"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
)

// direction is the last byte of the 8-byte identifier that begins every IV, ISO/IEC 18013-5:2021, 9.1.1.5.
type direction byte

const (
	fromReader direction = 0
	fromDevice direction = 1
)

// Errors that end a session.
var (
	ErrDecrypt   = errors.New("message does not open under the next counter")
	ErrCounter   = errors.New("message counter is used up")
	ErrEnded     = errors.New("session has ended")
	ErrTurn      = errors.New("it is the other side's turn")
	ErrLimit     = errors.New("session limit reached")
	ErrMalformed = errors.New("malformed session message")
)

// channel is one direction: one key, one identifier, one counter. It is guarded by its session's mutex.
type channel struct {
	aead cipher.AEAD
	from direction
	used uint32 // the counter of the last message; 0 before the first
}

// tagSize is the length of the GCM tag behind a ciphertext.
const tagSize = 16

// nextIV takes the next counter. It is taken also when the message then fails, so no counter is ever tried twice.
func (c *channel) nextIV() (iv [12]byte, err error) {
	if c.aead == nil {
		return iv, ErrEnded
	}
	if c.used == math.MaxUint32 {
		return iv, ErrCounter
	}
	c.used++
	iv[7] = byte(c.from)
	binary.BigEndian.PutUint32(iv[8:], c.used)
	return iv, nil
}

// seal appends the ciphertext to b.
func (c *channel) seal(b, plaintext []byte) ([]byte, error) {
	iv, err := c.nextIV()
	if err != nil {
		return nil, err
	}
	return c.aead.Seal(b, iv[:], plaintext, nil), nil
}

func (c *channel) open(ciphertext []byte) ([]byte, error) {
	iv, err := c.nextIV()
	if err != nil {
		return nil, err
	}
	plaintext, err := c.aead.Open(nil, iv[:], ciphertext, nil)
	if err != nil {
		return nil, fmt.Errorf("message %d: %w", c.used, ErrDecrypt)
	}
	return plaintext, nil
}

// wipe forgets the key.
func (c *channel) wipe() { c.aead = nil }
