// Package cmac is AES-CMAC: NIST SP 800-38B and, for AES-128, RFC 4493. SCP03, its key derivation, and the tokens and
// receipts of GlobalPlatform are made with it.
//
// The key is trusted to be random. Nothing is compared here: compare MACs in constant time, with crypto/subtle. Start at
// [Sum] for one message, at [New] for many under one key.
package cmac

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/subtle"
	"fmt"
)

// Size is the size of a whole MAC.
const Size = aes.BlockSize

// waiting is how many bytes of a message are held back until they are worth a call of the cipher: all of a short APDU.
const waiting = 32 * Size

// Sum gives the MAC of one message under a key of 16, 24 or 32 bytes.
func Sum(key, message []byte) ([Size]byte, error) {
	m, err := New(key)
	if err != nil {
		return [Size]byte{}, err
	}
	m.Add(message)
	return m.Sum(), nil
}

// A MAC computes one MAC after another under one key, without allocating. It is not safe for concurrent use.
//
// The chain of blocks is AES-CBC's, of one object that lives as long as the MAC: its initial vector is the last block it
// gave, so the first block of a message is given to it with that block added, which takes it out again.
type MAC struct {
	chain  cipher.BlockMode
	k1, k2 [Size]byte // sub-keys, SP 800-38B 6.1
	last   [Size]byte // the block chain gave last
	begun  bool       // chain has had a block of this message
	n      int        // bytes in buf
	buf    [waiting]byte
}

// New takes a key of 16, 24 or 32 bytes, which the caller may erase then.
func New(key []byte) (*MAC, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, fmt.Errorf("making a CMAC key: %w", err)
	}
	m := &MAC{}
	block.Encrypt(m.k1[:], m.k1[:])
	double(&m.k1, &m.k1)
	double(&m.k2, &m.k1)
	m.chain = cipher.NewCBCEncrypter(block, m.last[:])
	return m, nil
}

// double multiplies by x in GF(2^128), SP 800-38B 5.3 (R128 = 87), in constant time.
func double(out, in *[Size]byte) {
	carry := in[0] >> 7
	for i := range Size - 1 {
		out[i] = in[i]<<1 | in[i+1]>>7
	}
	out[Size-1] = in[Size-1]<<1 ^ carry*0x87
}

// Add continues the message.
func (m *MAC) Add(p []byte) {
	for len(p) > 0 {
		if m.n == waiting { // more follows, so none of it is the last block
			m.absorb()
		}
		k := copy(m.buf[m.n:], p)
		m.n += k
		p = p[k:]
	}
}

// absorb takes the whole blocks that wait into the chain.
func (m *MAC) absorb() {
	if !m.begun {
		subtle.XORBytes(m.buf[:Size], m.buf[:Size], m.last[:])
		m.begun = true
	}
	m.chain.CryptBlocks(m.buf[:m.n], m.buf[:m.n])
	copy(m.last[:], m.buf[m.n-Size:m.n])
	m.n = 0
}

// Sum ends the message and makes the MAC ready for the next.
func (m *MAC) Sum() [Size]byte {
	key := &m.k1
	if rest := m.n % Size; rest != 0 || m.n == 0 {
		m.buf[m.n] = 0x80
		clear(m.buf[m.n+1 : m.n+Size-rest])
		m.n += Size - rest
		key = &m.k2
	}
	subtle.XORBytes(m.buf[m.n-Size:m.n], m.buf[m.n-Size:m.n], key[:])
	m.absorb()
	m.begun = false
	return m.last
}

// Erase overwrites what is the MAC's to overwrite and drops the cipher object, whose round keys Go gives no way to clear.
// The MAC is of no more use.
func (m *MAC) Erase() { *m = MAC{} }
