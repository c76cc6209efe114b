package scp03

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/subtle"
	"encoding/binary"
	"errors"
	"fmt"
	"math"

	"mobileid/mdoc/apdu"
)

const (
	challengeSize  = 8
	cryptogramSize = 8
	macSize        = 8
	kddSize        = 10

	insInitializeUpdate     = 0x50
	insExternalAuthenticate = 0x82

	// MaxShortData is the most plain data a short command or answer carries at level
	// 33: 15 blocks less a byte of padding, and the MAC, in 255 bytes.
	MaxShortData = 239
	// MaxExtendedData is the same for extended length: 4,095 blocks less one byte.
	MaxExtendedData = 65519
)

var (
	// ErrClosed says that the session has ended; the error that ended it is joined.
	ErrClosed = errors.New("secure channel closed")
	// ErrTooManyCommands ends a session whose command counter would not move on safely.
	ErrTooManyCommands = errors.New("command counter used up")
)

// errPadding stays inside: the card answers it as it answers a wrong MAC.
var errPadding = errors.New("padding wrong")

// sessionKeys are S-ENC, S-MAC and S-RMAC (Amendment D 6.2.1).
type sessionKeys struct{ enc, mac, rmac []byte }

func (k sessionKeys) erase() {
	clear(k.enc)
	clear(k.mac)
	clear(k.rmac)
}

// deriveSessionKeys follows Amendment D 6.2.1; context is host challenge ‖ card challenge.
func deriveSessionKeys(static Keys, context []byte) (sessionKeys, error) {
	if err := static.Validate(); err != nil {
		return sessionKeys{}, err
	}
	enc, err := newCMAC(static.ENC)
	if err != nil {
		return sessionKeys{}, err
	}
	defer enc.erase()
	mac, err := newCMAC(static.MAC)
	if err != nil {
		return sessionKeys{}, err
	}
	defer mac.erase()
	n := len(static.ENC)
	k := sessionKeys{enc: make([]byte, n), mac: make([]byte, n), rmac: make([]byte, n)}
	enc.derive(k.enc, derivSENC, context)
	mac.derive(k.mac, derivSMAC, context)
	mac.derive(k.rmac, derivSRMAC, context)
	return k, nil
}

// A channel is what both ends share: session keys, the MAC chaining value and the
// command counter. One block object per key lives as long as the session.
type channel struct {
	enc     cipher.Block
	mac     *cmac
	rmac    *cmac
	mcv     [blockSize]byte
	counter uint32 // of the last command; the first is 1
	iv      [blockSize]byte
}

// newChannel derives the session keys and both cryptograms.
func newChannel(static Keys, hostChallenge, cardChallenge []byte) (c *channel, card, host [cryptogramSize]byte, err error) {
	context := append(append(make([]byte, 0, 2*challengeSize), hostChallenge...), cardChallenge...)
	keys, err := deriveSessionKeys(static, context)
	if err != nil {
		return nil, card, host, err
	}
	defer keys.erase()
	c, err = openChannel(keys)
	if err != nil {
		return nil, card, host, err
	}
	c.mac.derive(card[:], derivCardCryptogram, context)
	c.mac.derive(host[:], derivHostCryptogram, context)
	return c, card, host, nil
}

func openChannel(keys sessionKeys) (*channel, error) {
	enc, err := aes.NewCipher(keys.enc)
	if err != nil {
		return nil, fmt.Errorf("opening channel: %w", err)
	}
	mac, err := newCMAC(keys.mac)
	if err != nil {
		return nil, err
	}
	rmac, err := newCMAC(keys.rmac)
	if err != nil {
		return nil, err
	}
	return &channel{enc: enc, mac: mac, rmac: rmac}, nil
}

// erase overwrites what is ours to overwrite and drops the cipher objects, whose
// round keys Go gives no way to clear.
func (c *channel) erase() {
	c.mac.erase()
	c.rmac.erase()
	*c = channel{}
}

// next moves the command counter (Amendment D 6.2.6): every protected command
// counts, with data or without, refused or not.
func (c *channel) next() error {
	if c.counter == math.MaxUint32 {
		return ErrTooManyCommands
	}
	c.counter++
	return nil
}

// commandMAC covers the chaining value, the header without channel number, Lc as on
// the wire (the MAC counted in) and the body (Amendment D 6.2.4).
func (c *channel) commandMAC(cmd apdu.Command, body []byte) [blockSize]byte {
	var buf [7]byte
	head := append(buf[:0], apdu.ClearChannel(cmd.CLA), cmd.INS, cmd.P1, cmd.P2)
	head = apdu.AppendLc(head, len(body)+macSize, cmd.Extended)
	c.mac.write(c.mcv[:])
	c.mac.write(head)
	c.mac.write(body)
	return c.mac.sum()
}

// responseMAC covers the chaining value of the command answered, the body and the
// status word (Amendment D 6.2.5).
func (c *channel) responseMAC(mcv *[blockSize]byte, body []byte, sw apdu.SW) [blockSize]byte {
	c.rmac.write(mcv[:])
	c.rmac.write(body)
	c.rmac.write([]byte{sw.SW1(), sw.SW2()})
	return c.rmac.sum()
}

// The first byte of the counter block tells the direction (Amendment D 6.2.6, 6.2.7).
const (
	toCard byte = 0x00
	toHost byte = 0x80
)

// setIV makes the initial chaining vector of a command or its answer.
func (c *channel) setIV(direction byte, counter uint32) {
	clear(c.iv[:])
	c.iv[0] = direction
	binary.BigEndian.PutUint32(c.iv[blockSize-4:], counter)
	c.enc.Encrypt(c.iv[:], c.iv[:])
}

// paddedSize is the size of n bytes after 80 00… padding, or 0 for no data, which is
// not encrypted at all.
func paddedSize(n int) int {
	if n == 0 {
		return 0
	}
	return (n/blockSize + 1) * blockSize
}

// seal pads data and encrypts it into a fresh slice with room for a MAC behind it.
func (c *channel) seal(direction byte, counter uint32, data []byte) []byte {
	n := paddedSize(len(data))
	out := make([]byte, n, n+macSize)
	if n == 0 {
		return out
	}
	copy(out, data)
	out[len(data)] = 0x80
	c.setIV(direction, counter)
	prev := c.iv[:]
	for b := out; len(b) > 0; b = b[blockSize:] {
		subtle.XORBytes(b[:blockSize], b[:blockSize], prev)
		c.enc.Encrypt(b[:blockSize], b[:blockSize])
		prev = b[:blockSize]
	}
	return out
}

// open decrypts a body whose MAC holds into a fresh slice and takes the padding off:
// any number of 00 and exactly one 80. An empty body is empty data; so is a body of
// padding alone, which some hosts send.
func (c *channel) open(direction byte, counter uint32, body []byte) ([]byte, error) {
	if len(body) == 0 {
		return nil, nil
	}
	if len(body)%blockSize != 0 {
		return nil, errPadding
	}
	c.setIV(direction, counter)
	out := make([]byte, len(body))
	prev := c.iv[:]
	for i := 0; i < len(body); i += blockSize {
		c.enc.Decrypt(out[i:i+blockSize], body[i:i+blockSize])
		subtle.XORBytes(out[i:i+blockSize], out[i:i+blockSize], prev)
		prev = body[i : i+blockSize]
	}
	n := len(out) - 1
	for n >= 0 && out[n] == 0 {
		n--
	}
	if n < 0 || out[n] != 0x80 {
		clear(out)
		return nil, errPadding
	}
	return out[:n:n], nil
}

// protected tells which status words carry R-MAC and data (Amendment D 6.2.5).
func protected(sw apdu.SW) bool { return sw == apdu.OK || sw.Warning() }
