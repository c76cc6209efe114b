package scp03

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/subtle"
	"fmt"
)

const blockSize = aes.BlockSize

// CMAC is AES-CMAC, NIST SP 800-38B and (for AES-128) RFC 4493, under a key of 16,
// 24 or 32 bytes. Compare results in constant time.
func CMAC(key, message []byte) ([16]byte, error) {
	m, err := newCMAC(key)
	if err != nil {
		return [16]byte{}, err
	}
	m.write(message)
	return m.sum(), nil
}

// A cmac computes one MAC after another under one key, without allocating. Its
// scratch blocks are fields because what is passed to a cipher.Block escapes.
type cmac struct {
	block  cipher.Block
	k1, k2 [blockSize]byte // sub-keys, SP 800-38B 6.1
	x      [blockSize]byte // chaining value
	buf    [blockSize]byte // the last block seen, held back because it may be the final one
	n      int             // bytes in buf
}

func newCMAC(key []byte) (*cmac, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, fmt.Errorf("making a CMAC key: %w", err)
	}
	m := &cmac{block: block}
	block.Encrypt(m.k1[:], m.k1[:])
	double(&m.k1, &m.k1)
	double(&m.k2, &m.k1)
	return m, nil
}

// double multiplies by x in GF(2^128), SP 800-38B 5.3 (R128 = 87), in constant time.
func double(out, in *[blockSize]byte) {
	carry := in[0] >> 7
	for i := range blockSize - 1 {
		out[i] = in[i]<<1 | in[i+1]>>7
	}
	out[blockSize-1] = in[blockSize-1]<<1 ^ carry*0x87
}

func (m *cmac) write(p []byte) {
	for len(p) > 0 {
		if m.n == blockSize {
			m.absorb()
		}
		k := copy(m.buf[m.n:], p)
		m.n += k
		p = p[k:]
	}
}

func (m *cmac) absorb() {
	subtle.XORBytes(m.x[:], m.x[:], m.buf[:])
	m.block.Encrypt(m.x[:], m.x[:])
	m.n = 0
}

// sum ends the message and makes the cmac ready for the next.
func (m *cmac) sum() [16]byte {
	last := &m.k1
	if m.n < blockSize {
		m.buf[m.n] = 0x80
		clear(m.buf[m.n+1:])
		last = &m.k2
	}
	subtle.XORBytes(m.buf[:], m.buf[:], last[:])
	m.absorb()
	tag := m.x
	clear(m.x[:])
	return tag
}

func (m *cmac) erase() { *m = cmac{} }
