package scp03

import (
	"bytes"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"encoding/binary"
	"slices"
	"testing"

	"mobileid/mdoc/apdu"
	"mobileid/tsm/cmac"
)

// A dialect is what an implementation in the field does of its own. The product speaks none of them.
type dialect struct {
	countsDataOnly bool // card: NXP SE05x applets before 4.3.0 leave commands without data out of the count
	paddingOnly    bool // host: yubikit enciphers the padding of no data
	wholeBlock     bool // card: Samsung pads with a block of zeroes more
	word           apdu.SW
	s16Bit         byte   // card: ievkh/scll-rust writes S16 as 08
	aid            []byte // card: derives its challenge with this AID
	chains         bool   // card: T=0, every answer by GET RESPONSE in pieces
	wrongPieces    bool   // with chains: a piece lacks its last byte
	wantsLe        bool   // card: 6Cxx to GET DATA and GET STATUS for a Le that is not the answer's length
}

// peer is the other end written for itself, block by block from Amendment D: it shares AES-CMAC with what it is tried
// against, which has vectors of its own, and nothing else.
type peer struct {
	dialect
	keys    Keys
	mode    int
	level   byte
	session struct{ enc, mac, rmac []byte }
	context []byte
	mcv     [16]byte
	counter uint64
	rest    []byte // of an answer by GET RESPONSE
}

func (p *peer) kdf(key []byte, constant byte, context []byte, size int) []byte {
	var out []byte
	for n := byte(1); len(out) < size; n++ {
		in := append(make([]byte, 11), constant, 0, byte(size*8>>8), byte(size*8), n)
		block, err := cmac.Sum(key, append(in, context...))
		if err != nil {
			panic(err)
		}
		out = append(out, block[:]...)
	}
	return out[:size]
}

func (p *peer) begin(host, card []byte) {
	p.context, p.mode = slices.Concat(host, card), len(host)
	n := len(p.keys.ENC)
	p.session.enc, p.session.mac, p.session.rmac = p.kdf(p.keys.ENC, 4, p.context, n), p.kdf(p.keys.MAC, 6, p.context, n), p.kdf(p.keys.MAC, 7, p.context, n)
}

func (p *peer) block() cipher.Block {
	b, err := aes.NewCipher(p.session.enc)
	if err != nil {
		panic(err)
	}
	return b
}

func (p *peer) iv(direction byte, counter uint64) []byte {
	iv := make([]byte, 16)
	binary.BigEndian.PutUint64(iv[8:], counter)
	iv[0] = direction
	p.block().Encrypt(iv, iv)
	return iv
}

func (p *peer) pad(data []byte) []byte {
	out := append(bytes.Clone(data), 0x80)
	for len(out)%16 != 0 {
		out = append(out, 0)
	}
	if p.wholeBlock {
		out = append(out, make([]byte, 16)...)
	}
	return out
}

func (p *peer) mac(key []byte, parts ...[]byte) [16]byte {
	m, err := cmac.Sum(key, slices.Concat(parts...))
	if err != nil {
		panic(err)
	}
	return m
}

// commandMAC moves the chaining value over a command whose data end in the MAC or in room for it.
func (p *peer) commandMAC(c apdu.Command) []byte {
	n := len(c.Data) - p.mode
	head := []byte{c.CLA &^ 3, c.INS, c.P1, c.P2, byte(len(c.Data))}
	if c.Extended {
		head = append(head[:4], 0, byte(len(c.Data)>>8), byte(len(c.Data)))
	}
	p.mcv = p.mac(p.session.mac, p.mcv[:], head, c.Data[:n])
	return p.mcv[:p.mode]
}

// wrap is the host's.
func (p *peer) wrap(c apdu.Command) apdu.Command {
	p.counter++
	c.CLA |= 4
	c.Data = bytes.Clone(c.Data)
	if p.level&2 != 0 && (len(c.Data) > 0 || p.paddingOnly) {
		c.Data = p.pad(c.Data)
		cipher.NewCBCEncrypter(p.block(), p.iv(0, p.counter)).CryptBlocks(c.Data, c.Data)
	}
	c.Data = append(c.Data, make([]byte, p.mode)...)
	mac := p.commandMAC(c)
	copy(c.Data[len(c.Data)-p.mode:], mac)
	return c
}

// unwrap is the host's and trusts nothing it cannot check.
func (p *peer) unwrap(t testing.TB, r apdu.Response) []byte {
	t.Helper()
	body := r.Data
	if p.level&0x10 != 0 {
		n := len(body) - p.mode
		mac := p.mac(p.session.rmac, p.mcv[:], body[:n], []byte{byte(r.SW >> 8), byte(r.SW)})
		if !bytes.Equal(mac[:p.mode], body[n:]) {
			t.Fatal("the peer finds the R-MAC wrong")
		}
		body = body[:n]
	}
	if p.level&0x20 != 0 && len(body) > 0 {
		out := make([]byte, len(body))
		cipher.NewCBCDecrypter(p.block(), p.iv(0x80, p.counter)).CryptBlocks(out, body)
		body = bytes.TrimSuffix(bytes.TrimRight(out, "\x00"), []byte{0x80})
	}
	return body
}

// Transmit is the card's: it answers every command with its data behind "re:", GET STATUS with 6310, DELETE with 6A88.
func (p *peer) Transmit(_ context.Context, raw []byte) ([]byte, error) {
	c, err := apdu.ParseCommand(raw)
	if err != nil {
		return nil, err
	}
	switch {
	case c.INS == 0xC0:
		return p.piece(c.Le), nil
	case c.INS == insInitializeUpdate:
		return p.initializeUpdate(c), nil
	}
	n := len(c.Data) - p.mode
	sent := c.Data[n:]
	if !bytes.Equal(p.commandMAC(c), sent) {
		return apdu.Response{SW: p.word}.Bytes(), nil
	}
	if c.INS == insExternalAuthenticate {
		p.level = c.P1
		return apdu.Response{SW: apdu.OK}.Bytes(), nil
	}
	if n > 0 || !p.countsDataOnly {
		p.counter++
	}
	data := bytes.Clone(c.Data[:n])
	if p.level&2 != 0 && n > 0 {
		cipher.NewCBCDecrypter(p.block(), p.iv(0, p.counter)).CryptBlocks(data, data)
		if !bytes.HasSuffix(bytes.TrimRight(data, "\x00"), []byte{0x80}) {
			return apdu.Response{SW: p.word}.Bytes(), nil
		}
		data = bytes.TrimSuffix(bytes.TrimRight(data, "\x00"), []byte{0x80})
	}
	sw := map[byte]apdu.SW{0xF2: apdu.MoreAvailable, 0xE4: apdu.ReferenceNotFound}[c.INS]
	switch {
	case sw == 0:
		sw = apdu.OK
	case sw == apdu.ReferenceNotFound:
		return apdu.Response{SW: sw}.Bytes(), nil
	}
	return p.answer(c, data, sw), nil
}

func (p *peer) answer(c apdu.Command, data []byte, sw apdu.SW) []byte {
	if len(data) > 0 {
		data = append([]byte("re:"), data...)
	}
	if reads := c.INS == 0xCA || c.INS == 0xF2; p.wantsLe && reads && len(data) > 0 && c.Le != len(data) {
		return apdu.Response{SW: 0x6C00 | apdu.SW(len(data))}.Bytes()
	}
	if p.level&0x20 != 0 && len(data) > 0 {
		data = p.pad(data)
		cipher.NewCBCEncrypter(p.block(), p.iv(0x80, p.counter)).CryptBlocks(data, data)
	}
	if p.level&0x10 != 0 {
		mac := p.mac(p.session.rmac, p.mcv[:], data, []byte{byte(sw >> 8), byte(sw)})
		data = append(data, mac[:p.mode]...)
	}
	whole := apdu.Response{Data: data, SW: sw}.Bytes()
	if !p.chains {
		return whole
	}
	p.rest = whole
	return apdu.Response{SW: apdu.BytesAvailable(min(len(data), 7))}.Bytes()
}

// piece gives the rest of an answer, at most seven bytes at a time.
func (p *peer) piece(le int) []byte {
	data, sw := p.rest[:len(p.rest)-2], p.rest[len(p.rest)-2:]
	if n := min(le, 7); len(data) > n {
		p.rest = p.rest[n:]
		data, sw = data[:n:n], []byte{0x61, byte(min(len(data)-n, 7))}
	}
	if p.wrongPieces && len(data) > 1 {
		data = data[:len(data)-1]
	}
	return slices.Concat(data, sw)
}

func (p *peer) initializeUpdate(c apdu.Command) []byte {
	aid := testAID
	if p.aid != nil {
		aid = p.aid
	}
	size := len(c.Data)
	option := byte(OptionPseudoRandom)
	if size == 16 {
		option |= byte(OptionS16)
		if p.s16Bit != 0 {
			option = option&^byte(OptionS16) | p.s16Bit
		}
	}
	counter := []byte{0, 0, 1}
	challenge := p.kdf(p.keys.ENC, 2, slices.Concat(counter, aid), size)
	p.begin(c.Data, challenge)
	p.counter, p.mcv = 0, [16]byte{}
	out := append(run(1, 10), p.keys.Version, 3, option)
	out = append(out, challenge...)
	out = append(out, p.kdf(p.session.mac, 0, p.context, size)...)
	return append(append(out, counter...), 0x90, 0x00)
}
