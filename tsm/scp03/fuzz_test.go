package scp03

import (
	"bytes"
	"errors"
	"testing"

	"mobileid/mdoc/apdu"
	"mobileid/mdoc/mdoctest"
)

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
		_, _, hs, cs := openPair(t, keys)
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
		_, _, hs, _ := openPair(t, keys)
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
		h, err := NewHost(keys, nil)
		if err != nil {
			t.Fatal(err)
		}
		if c, s, err := h.Authenticate(r, Full); err == nil || s != nil || c.Data != nil {
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
		card := newTestCard(t, &memorySet{keys: keys})
		if c, err := apdu.ParseCommand(first); err == nil {
			if r := card.InitializeUpdate(c, testAID); (r.SW == apdu.OK) != (len(r.Data) == 32) {
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
