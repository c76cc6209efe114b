package scp03

import (
	"crypto/subtle"
	"slices"
)

// paddedSize is the size of n bytes after 80 00… padding, or 0 for no data, which is
// not encrypted at all.
func paddedSize(n int) int {
	if n == 0 {
		return 0
	}
	return (n/blockSize + 1) * blockSize
}

// seal pads data and encrypts it behind dst, with room for a MAC behind it. Data may begin where the capacity behind dst
// does.
func (c *channel) seal(dst []byte, direction byte, counter uint32, data []byte) []byte {
	n := paddedSize(len(data))
	start := len(dst)
	dst = slices.Grow(dst, n+int(c.mode))
	if n == 0 {
		return dst
	}
	dst = append(dst, data...)
	filled := len(dst)
	dst = dst[:start+n]
	clear(dst[filled:])
	dst[filled] = 0x80
	c.initialVector(direction, counter)
	out := dst[start:]
	c.encrypter.CryptBlocks(out, out)
	copy(c.encrypted[:], out[n-blockSize:])
	return dst
}

// open decrypts a body whose MAC holds behind dst and takes the padding off: any number of 00 and exactly one 80. An empty
// body is empty data; so is a body of padding alone, which some hosts send. The body may begin where the capacity behind
// dst does.
func (c *channel) open(dst []byte, direction byte, counter uint32, body []byte) ([]byte, error) {
	if len(body) == 0 {
		return dst, nil
	}
	if len(body)%blockSize != 0 {
		c.waste(dst, direction, counter, len(body))
		return dst, errPadding
	}
	out := c.decrypt(dst, direction, counter, body)
	n, ok := c.unpad(out)
	if !ok {
		clear(out)
		return dst, errPadding
	}
	return dst[:len(dst)+n], nil
}

// decrypt puts the padded plain text where the capacity behind dst is; dst keeps its place if there is enough of it.
func (c *channel) decrypt(dst []byte, direction byte, counter uint32, body []byte) []byte {
	out := dst[len(dst) : len(dst)+len(body)]
	c.initialVector(direction, counter)
	var last [blockSize]byte
	copy(last[:], body[len(body)-blockSize:])
	c.decrypter.CryptBlocks(out, body)
	subtle.XORBytes(out[:blockSize], out[:blockSize], c.decrypted[:])
	subtle.XORBytes(out[:blockSize], out[:blockSize], c.iv[:])
	c.decrypted = last
	return out
}

// waste does what a body of n bytes with wrong padding would cost, on zeroes of its own: neither what was received nor
// what comes out is looked at. It makes a wrong MAC take as long as wrong padding behind a right one.
func (c *channel) waste(dst []byte, direction byte, counter uint32, n int) {
	n = n / blockSize * blockSize
	if n == 0 {
		return
	}
	zeroes := dst[len(dst) : len(dst)+n]
	clear(zeroes)
	out := c.decrypt(dst, direction, counter, zeroes)
	c.marker(out[n-blockSize:])
	c.marker(out)
	clear(out)
}

// unpad gives the length before the padding. Nearly always the marker is in the last block; the rest is looked at only
// when it is not, which a sender with the keys alone can bring about.
func (c *channel) unpad(padded []byte) (n int, ok bool) {
	last := len(padded) - blockSize
	if at, ok := c.marker(padded[last:]); ok {
		return last + at, true
	}
	return c.marker(padded)
}

// marker finds the 80 behind which all is zero, in time that depends on the length alone.
func (c *channel) marker(b []byte) (at int, ok bool) {
	c.searched += len(b)
	at = -1
	seen := 0 // 1 after a byte that is not zero
	for i := len(b) - 1; i >= 0; i-- {
		zero := subtle.ConstantTimeByteEq(b[i], 0)
		found := subtle.ConstantTimeByteEq(b[i], 0x80) &^ seen
		at = subtle.ConstantTimeSelect(found, i, at)
		seen |= 1 ^ zero
	}
	return at, at >= 0
}
