package scp03

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/subtle"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"

	"mobileid/mdoc/apdu"
	"mobileid/tsm/cmac"
)

const (
	kddSize = 10

	insInitializeUpdate     = 0x50
	insExternalAuthenticate = 0x82
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
	if err := static.shape(); err != nil {
		return sessionKeys{}, err
	}
	enc, err := cmac.New(static.ENC)
	if err != nil {
		return sessionKeys{}, err
	}
	defer enc.Erase()
	mac, err := cmac.New(static.MAC)
	if err != nil {
		return sessionKeys{}, err
	}
	defer mac.Erase()
	n := len(static.ENC)
	k := sessionKeys{enc: make([]byte, n), mac: make([]byte, n), rmac: make([]byte, n)}
	derive(enc, k.enc, derivSENC, context)
	derive(mac, k.mac, derivSMAC, context)
	derive(mac, k.rmac, derivSRMAC, context)
	return k, nil
}

// A channel is what both ends share: session keys, the MAC chaining value and the command counter. Its cipher objects live
// as long as the session. Each goes on from the last block it saw as its initial vector (see seal and open).
type channel struct {
	mode    Mode
	mac     *cmac.MAC
	rmac    *cmac.MAC
	mcv     [blockSize]byte
	counter uint32 // of the last command; the first is 1

	encrypter, decrypter cipher.BlockMode // AES-CBC under S-ENC
	encrypted, decrypted [blockSize]byte  // the last cipher block each of them saw
	iv                   [blockSize]byte

	searched int // bytes gone over for padding: as many for a wrong MAC as for wrong padding
}

// newChannel derives the session keys and both cryptograms, which have the size of the challenges.
func newChannel(static Keys, hostChallenge, cardChallenge []byte) (c *channel, card, host []byte, err error) {
	context := slices.Concat(hostChallenge, cardChallenge)
	keys, err := deriveSessionKeys(static, context)
	if err != nil {
		return nil, nil, nil, err
	}
	defer keys.erase()
	c, err = openChannel(keys, Mode(len(hostChallenge)))
	if err != nil {
		return nil, nil, nil, err
	}
	card, host = make([]byte, c.mode), make([]byte, c.mode)
	derive(c.mac, card, derivCardCryptogram, context)
	derive(c.mac, host, derivHostCryptogram, context)
	return c, card, host, nil
}

func openChannel(keys sessionKeys, m Mode) (*channel, error) {
	enc, err := aes.NewCipher(keys.enc)
	if err != nil {
		return nil, fmt.Errorf("opening channel: %w", err)
	}
	mac, err := cmac.New(keys.mac)
	if err != nil {
		return nil, err
	}
	rmac, err := cmac.New(keys.rmac)
	if err != nil {
		return nil, err
	}
	c := &channel{mode: m, mac: mac, rmac: rmac}
	c.encrypter = cipher.NewCBCEncrypter(enc, c.encrypted[:])
	c.decrypter = cipher.NewCBCDecrypter(enc, c.decrypted[:])
	return c, nil
}

// erase overwrites what is ours to overwrite and drops the cipher objects, whose
// round keys Go gives no way to clear.
func (c *channel) erase() {
	c.mac.Erase()
	c.rmac.Erase()
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
	head = apdu.AppendLc(head, len(body)+int(c.mode), cmd.Extended)
	c.mac.Add(c.mcv[:])
	c.mac.Add(head)
	c.mac.Add(body)
	return c.mac.Sum()
}

// responseMAC covers the chaining value of the command answered, the body and the
// status word (Amendment D 6.2.5).
func (c *channel) responseMAC(mcv *[blockSize]byte, body []byte, sw apdu.SW) [blockSize]byte {
	c.rmac.Add(mcv[:])
	c.rmac.Add(body)
	c.rmac.Add([]byte{sw.SW1(), sw.SW2()})
	return c.rmac.Sum()
}

// agrees compares the part of a MAC that is sent, in constant time.
func (c *channel) agrees(mac *[blockSize]byte, sent []byte) bool {
	return subtle.ConstantTimeCompare(mac[:c.mode], sent) == 1
}

// The first byte of the counter block tells the direction (Amendment D 6.2.6, 6.2.7).
const (
	toCard byte = 0x00
	toHost byte = 0x80
)

// initialVector encrypts the counter block. What went before is added, so that CBC takes it out again, and the encrypter
// goes on with the vector as its own.
func (c *channel) initialVector(direction byte, counter uint32) {
	clear(c.iv[:])
	c.iv[0] = direction
	binary.BigEndian.PutUint32(c.iv[blockSize-4:], counter)
	subtle.XORBytes(c.iv[:], c.iv[:], c.encrypted[:])
	c.encrypter.CryptBlocks(c.iv[:], c.iv[:])
	c.encrypted = c.iv
}

// protected tells which status words carry R-MAC and data (Amendment D 6.2.5).
func protected(sw apdu.SW) bool { return sw == apdu.OK || sw.Warning() }
