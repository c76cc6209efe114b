package revocation

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"errors"
)

// ListBits is the size of a list as a power of two: 2^20 entries, a large enough crowd, 128 KiB inflated.
const ListBits = 20

// ListSize is the number of entries of a list.
const ListSize = 1 << ListBits

const (
	feistelRounds = 10
	halfBits      = ListBits / 2
	halfMask      = 1<<halfBits - 1
)

// Permutation is a keyed bijection on 0..ListSize-1: a Feistel network of ten rounds with HMAC-SHA256. Applied to a
// counter it gives every position once, in an order that who has not the key cannot tell from random
// (Token Status List, privacy considerations: unpredictable, never twice).
type Permutation struct {
	rounds [feistelRounds][1 << halfBits]uint16 // the round functions as tables: each has ten bits of input
}

// NewPermutation makes the permutation of a key of at least 32 bytes.
func NewPermutation(key []byte) (*Permutation, error) {
	if len(key) < 32 {
		return nil, errors.New("making status permutation: key under 32 bytes")
	}
	p := new(Permutation)
	mac := hmac.New(sha256.New, key)
	var in [3]byte
	for round := range p.rounds {
		in[0] = byte(round)
		for half := range p.rounds[round] {
			binary.BigEndian.PutUint16(in[1:], uint16(half))
			mac.Reset()
			mac.Write(in[:])
			p.rounds[round][half] = binary.BigEndian.Uint16(mac.Sum(nil)) & halfMask
		}
	}
	return p, nil
}

// Index gives the position of a counter; only the lowest ListBits bits of the counter count.
func (p *Permutation) Index(counter uint64) uint64 {
	left, right := uint16(counter>>halfBits)&halfMask, uint16(counter)&halfMask
	for round := range p.rounds {
		left, right = right, left^p.rounds[round][right]
	}
	return uint64(left)<<halfBits | uint64(right)
}
