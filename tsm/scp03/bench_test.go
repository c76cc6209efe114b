package scp03

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"fmt"
	"testing"

	"mobileid/mdoc/apdu"
)

// pair runs one command of 239 bytes and its answer of as many through both ends, in buffers that are kept.
func pair(tb testing.TB, size int, m Mode) func() {
	tb.Helper()
	hs, cs := openAt(tb, goodKeys(tb, size), OptionPseudoRandom|map[Mode]Option{S16: OptionS16}[m], Full)
	c := apdu.Command{CLA: 0x80, INS: 0xE2, Data: make([]byte, hs.MaxData(false))}
	var wrapped, plain, answer, data [320]byte
	return func() {
		w, ticket, err := hs.AppendWrap(wrapped[:0], c)
		if err != nil {
			tb.Fatal(err)
		}
		p, err := cs.AppendUnwrap(plain[:0], w)
		if err != nil {
			tb.Fatal(err)
		}
		r, err := hs.AppendUnwrap(data[:0], ticket, cs.AppendWrap(answer[:0], apdu.Response{Data: p.Data, SW: apdu.OK}))
		if err != nil || len(r.Data) != len(c.Data) {
			tb.Fatal(err)
		}
	}
}

// Messages in the caller's buffers cost no allocation; without them, one each: the bytes returned.
func TestAllocations(t *testing.T) {
	for _, m := range []Mode{S8, S16} {
		if n := testing.AllocsPerRun(200, pair(t, 16, m)); n != 0 {
			t.Errorf("S%d: %v allocations for two messages there and back", m, n)
		}
	}
	hs, cs := openAt(t, goodKeys(t, 16), OptionPseudoRandom, Full)
	c := apdu.Command{CLA: 0x80, INS: 0xE2, Data: make([]byte, MaxShortData)}
	if n := testing.AllocsPerRun(200, func() {
		w, ticket, _ := hs.Wrap(c)
		p, _ := cs.Unwrap(w)
		if _, err := hs.Unwrap(ticket, cs.Wrap(apdu.Response{Data: p.Data, SW: apdu.OK})); err != nil {
			t.Error(err)
		}
	}); n > 8 { // under the race detector growing costs two
		t.Errorf("%v allocations for two messages there and back, want 4", n)
	}
}

// What is wrapped in place is the same, and so is what comes out.
func TestInPlace(t *testing.T) {
	for _, level := range []Level{0x01, 0x03, 0x11, 0x13, 0x33} {
		hs, cs := openAt(t, goodKeys(t, 16), OptionPseudoRandom, level)
		for _, n := range []int{0, 1, 15, 16, 17, 239} {
			buf := make([]byte, n, n+32)
			copy(buf, run(7, n))
			w, ticket, err := hs.AppendWrap(buf[:0], apdu.Command{CLA: 0x80, INS: 0xE2, Data: buf})
			if err != nil || &w.Data[:1][0] != &buf[:1][0] {
				t.Fatalf("level %02X, %d bytes: another buffer, %v", byte(level), n, err)
			}
			p, err := cs.AppendUnwrap(w.Data[:0], w)
			if err != nil || !bytes.Equal(p.Data, run(7, n)) {
				t.Fatalf("level %02X, %d bytes: %v", byte(level), n, err)
			}
			buf = make([]byte, n, n+32)
			copy(buf, run(9, n))
			r := cs.AppendWrap(buf[:0], apdu.Response{Data: buf, SW: apdu.OK})
			got, err := hs.AppendUnwrap(r.Data[:0], ticket, r)
			if err != nil || !bytes.Equal(got.Data, run(9, n)) {
				t.Fatalf("level %02X, %d bytes back: %v", byte(level), n, err)
			}
		}
	}
	// What stands before in the buffer stays.
	hs, cs := openAt(t, goodKeys(t, 16), OptionPseudoRandom, Full)
	w, ticket, err := hs.AppendWrap([]byte("head"), apdu.Command{CLA: 0x80, INS: 0xE2, Data: []byte("data")})
	if err != nil || len(w.Data) != 24 {
		t.Fatal(len(w.Data), err)
	}
	p, err := cs.AppendUnwrap([]byte("before"), w)
	if err != nil || string(p.Data) != "data" {
		t.Fatalf("%q %v", p.Data, err)
	}
	r, err := hs.AppendUnwrap([]byte("x"), ticket, cs.AppendWrap([]byte("y"), apdu.Response{Data: []byte("answer"), SW: apdu.OK}))
	if err != nil || string(r.Data) != "answer" {
		t.Fatalf("%q %v", r.Data, err)
	}
}

func BenchmarkPair(b *testing.B) {
	for _, size := range []int{16, 32} {
		b.Run(fmt.Sprintf("AES-%d", 8*size), func(b *testing.B) {
			run := pair(b, size, S8)
			b.ReportAllocs()
			for b.Loop() {
				run()
			}
		})
	}
}

// The blocks of the pair done bare, for comparison.
func BenchmarkFloor(b *testing.B) {
	block, err := aes.NewCipher(make([]byte, 16))
	if err != nil {
		b.Fatal(err)
	}
	buf, mac := make([]byte, 240), make([]byte, 272)
	enc, dec := cipher.NewCBCEncrypter(block, buf[:16]), cipher.NewCBCDecrypter(block, buf[:16])
	for b.Loop() {
		for range 2 {
			block.Encrypt(mac[:16], mac[:16])
			enc.CryptBlocks(buf, buf)
			enc.CryptBlocks(mac, mac)
			enc.CryptBlocks(mac, mac)
			block.Encrypt(mac[:16], mac[:16])
			dec.CryptBlocks(buf, buf)
		}
	}
}

func BenchmarkHandshake(b *testing.B) {
	keys := goodKeys(b, 32)
	card := newTestCard(b, &memorySet{keys: keys})
	b.ReportAllocs()
	for b.Loop() {
		openWith(b, keys, card)
		card.cfg.Keys.(*memorySet).state.Counter = 0
		card.cfg.Keys.(*memorySet).stored = nil
	}
}
