package scp03

import (
	"bytes"
	"errors"
	"testing"

	"mobileid/mdoc/apdu"
	"mobileid/mdoc/mdoctest"
)

// The host challenge is the same each time, so that an input takes the same way again.

// kind picks a card's option and a level by a number, so that every kind of session is met.
func kind(n int) (Option, Level) {
	levels := []Level{0x33, 0x11, 0x13, 0x01, 0x03}
	option := OptionPseudoRandom
	if n/len(levels)%2 == 1 {
		option |= OptionS16
	}
	return option, levels[n%len(levels)]
}

// FuzzCardUnwrap: no command but the one the host made gets through, whatever the
// bytes, and every refusal is 6982 and final.
func FuzzCardUnwrap(f *testing.F) {
	n := 0
	for _, r := range loadSessions(f) {
		for _, e := range r.Exchanges {
			n++
			f.Add(mdoctest.Hex(f, e.Wrapped), mdoctest.Hex(f, e.Plain))
		}
	}
	if n == 0 {
		f.Fatal("no seeds")
	}
	keys := goodKeys(f, 16)
	f.Fuzz(func(t *testing.T, raw, plain []byte) {
		option, level := kind(len(raw))
		hs, cs := openDrawn(t, keys, option, level, bytes.NewReader(run(0, 16)))
		if c, err := apdu.ParseCommand(plain); err == nil {
			if w, _, err := hs.Wrap(c); err == nil {
				got, err := cs.Unwrap(w)
				if err != nil || !bytes.Equal(got.Data, c.Data) || got.CLA != c.CLA || got.INS != c.INS {
					t.Fatalf("%v came through as %v, %v", c, got, err)
				}
			}
		}
		c, err := apdu.ParseCommand(raw)
		if err != nil {
			return
		}
		if _, err := cs.Unwrap(c); !errors.Is(err, apdu.ErrSecurityStatus) || cs.Open() {
			t.Fatalf("%X: %v, open %v", raw, err, cs.Open())
		}
	})
}

// FuzzHostUnwrap: no foreign answer is taken for the card's; what is not an error
// word ends the session.
func FuzzHostUnwrap(f *testing.F) {
	n := 0
	for _, r := range loadSessions(f) {
		for _, e := range r.Exchanges {
			if e.Response != "" {
				n++
				f.Add(mdoctest.Hex(f, e.Response))
			}
		}
	}
	if n == 0 {
		f.Fatal("no seeds")
	}
	keys := goodKeys(f, 16)
	f.Fuzz(func(t *testing.T, raw []byte) {
		r, err := apdu.ParseResponse(raw)
		if err != nil {
			return
		}
		option, level := kind(len(raw))
		if !level.Has(ResponseMAC) {
			level |= Full // nothing proves an answer there
		}
		hs, _ := openDrawn(t, keys, option, level, bytes.NewReader(run(0, 16)))
		_, ticket, err := hs.Wrap(storeData)
		if err != nil {
			t.Fatal(err)
		}
		got, err := hs.Unwrap(ticket, r)
		if err == nil && (protected(got.SW) || len(got.Data) != 0) {
			t.Fatalf("%X taken for an answer", raw)
		}
		if err != nil && (!errors.Is(err, ErrResponse) || hs.Err() == nil) {
			t.Fatalf("%X: %v, session %v", raw, err, hs.Err())
		}
	})
}

// FuzzAuthenticate: no foreign answer to INITIALIZE UPDATE opens a session.
func FuzzAuthenticate(f *testing.F) {
	n := 0
	for _, r := range loadSessions(f) {
		n++
		f.Add(mdoctest.Hex(f, r.InitializeUpdate.Response))
	}
	if n == 0 {
		f.Fatal("no seeds")
	}
	keys := goodKeys(f, 16)
	keys.Version = 0
	f.Fuzz(func(t *testing.T, raw []byte) {
		r, err := apdu.ParseResponse(raw)
		if err != nil {
			return
		}
		option, level := kind(len(raw))
		h, err := NewHostWith(keys, HostConfig{Mode: option.Mode(), AID: testAID, Rand: bytes.NewReader(run(0, 16))})
		if err != nil {
			t.Fatal(err)
		}
		if c, s, err := h.Authenticate(r, level); err == nil || s != nil || c.Data != nil {
			t.Fatalf("%X opened a session", raw)
		}
	})
}

// FuzzExternalAuthenticate: no foreign command opens one either.
func FuzzExternalAuthenticate(f *testing.F) {
	n := 0
	for _, r := range loadSessions(f) {
		n++
		f.Add(mdoctest.Hex(f, r.InitializeUpdate.Command), mdoctest.Hex(f, r.ExternalAuthenticate.Command))
	}
	if n == 0 {
		f.Fatal("no seeds")
	}
	keys := goodKeys(f, 16)
	f.Fuzz(func(t *testing.T, first, second []byte) {
		option, _ := kind(len(second))
		if len(first)%2 == 1 {
			option &^= optionCounter
		}
		card, err := NewCard(CardConfig{Keys: &memorySet{keys: keys}, KDD: run(1, 10), Option: option})
		if err != nil {
			t.Fatal(err)
		}
		size := 13 + 2*int(option.Mode())
		if option.PseudoRandom() {
			size += 3
		}
		if c, err := apdu.ParseCommand(first); err == nil {
			if r := card.InitializeUpdate(c, testAID); (r.SW == apdu.OK) != (len(r.Data) == size) {
				t.Fatalf("%v with %d bytes", r.SW, len(r.Data))
			}
		}
		if c, err := apdu.ParseCommand(second); err == nil {
			if r, s := card.ExternalAuthenticate(c); r.SW == apdu.OK || s != nil {
				t.Fatalf("%X %X opened a session", first, second)
			}
		}
	})
}
