package scp03

import (
	"bytes"
	"errors"
	"io"
	"math"
	"slices"
	"testing"

	"mobileid/mdoc/apdu"
)

func TestHostRefusesAnswer(t *testing.T) {
	keys := goodKeys(t, 16)
	good := func(t *testing.T, h *Host) []byte {
		t.Helper()
		r := newTestCard(t, &memorySet{keys: keys}).InitializeUpdate(h.InitializeUpdate(), testAID)
		if r.SW != apdu.OK || len(r.Data) != 32 {
			t.Fatalf("%v with %d bytes", r.SW, len(r.Data))
		}
		return r.Data
	}
	for _, tc := range []struct {
		name  string
		level Level
		spoil func(b []byte) apdu.Response
		want  error
	}{
		{"error word", Full, func([]byte) apdu.Response { return apdu.Response{SW: apdu.Blocked} }, apdu.ErrBlocked},
		{"warning", Full, func(b []byte) apdu.Response { return apdu.Response{Data: b, SW: 0x6283} }, nil},
		{"nothing", Full, func([]byte) apdu.Response { return apdu.Response{SW: apdu.OK} }, ErrInitializeUpdate},
		{"SCP02", Full, func(b []byte) apdu.Response { b[11] = 2; return apdu.Response{Data: b, SW: apdu.OK} }, ErrInitializeUpdate},
		{"i = 71", Full, func(b []byte) apdu.Response { b[12] = 0x71; return apdu.Response{Data: b, SW: apdu.OK} }, ErrInitializeUpdate},
		{"S16", Full, func(b []byte) apdu.Response {
			b[12] = 0x71
			return apdu.Response{Data: append(b, make([]byte, 16)...), SW: apdu.OK}
		}, ErrOption},
		{"i = 50", Full, func(b []byte) apdu.Response { b[12] = 0x50; return apdu.Response{Data: b, SW: apdu.OK} }, ErrOption},
		{"S16 as bit 08", Full, func(b []byte) apdu.Response { b[12] = 0x78; return apdu.Response{Data: b, SW: apdu.OK} }, ErrOption},
		{"i = 10", Full, func(b []byte) apdu.Response { b[12] = 0x10; return apdu.Response{Data: b, SW: apdu.OK} }, ErrOption},
		{"i = 72", Full, func(b []byte) apdu.Response { b[12] = 0x72; return apdu.Response{Data: b, SW: apdu.OK} }, ErrOption},
		{"i = 60 with counter", Full, func(b []byte) apdu.Response { b[12] = 0x60; return apdu.Response{Data: b, SW: apdu.OK} }, ErrInitializeUpdate},
		{"no counter", Full, func(b []byte) apdu.Response { return apdu.Response{Data: b[:29], SW: apdu.OK} }, ErrInitializeUpdate},
		{"a byte more", Full, func(b []byte) apdu.Response { return apdu.Response{Data: append(b, 0), SW: apdu.OK} }, ErrInitializeUpdate},
		{"other key version", Full, func(b []byte) apdu.Response { b[10]++; return apdu.Response{Data: b, SW: apdu.OK} }, ErrInitializeUpdate},
		{"cryptogram", Full, func(b []byte) apdu.Response { b[21] ^= 1; return apdu.Response{Data: b, SW: apdu.OK} }, ErrCryptogram},
		{"challenge", Full, func(b []byte) apdu.Response { b[13] ^= 1; return apdu.Response{Data: b, SW: apdu.OK} }, ErrCryptogram},
		{"level 02", 0x02, func(b []byte) apdu.Response { return apdu.Response{Data: b, SW: apdu.OK} }, ErrLevel},
		{"level 31", 0x31, func(b []byte) apdu.Response { return apdu.Response{Data: b, SW: apdu.OK} }, ErrLevel},
		{"level 11 of i = 10", 0x11, func(b []byte) apdu.Response { b[12] = 0x10; return apdu.Response{Data: b, SW: apdu.OK} }, ErrOption},
	} {
		t.Run(tc.name, func(t *testing.T) {
			h, err := NewHost(keys, nil)
			if err != nil {
				t.Fatal(err)
			}
			answer := good(t, h)
			c, s, err := h.Authenticate(tc.spoil(bytes.Clone(answer)), tc.level)
			if err == nil || s != nil || c.Data != nil || tc.want != nil && !errors.Is(err, tc.want) {
				t.Fatalf("got %v, want %v", err, tc.want)
			}
			// A failed handshake cannot be saved by a better answer.
			if _, s, err := h.Authenticate(apdu.Response{Data: answer, SW: apdu.OK}, Full); !errors.Is(err, ErrSpent) || s != nil {
				t.Fatalf("second try: %v", err)
			}
			if !bytes.Equal(h.keys.ENC, make([]byte, 16)) {
				t.Error("the host keeps the static keys")
			}
		})
	}
}

// The cryptogram of one session says nothing in another.
func TestCardCryptogramReplayed(t *testing.T) {
	keys := goodKeys(t, 16)
	card := newTestCard(t, &memorySet{keys: keys})
	first, err := NewHost(keys, nil)
	if err != nil {
		t.Fatal(err)
	}
	recorded := card.InitializeUpdate(first.InitializeUpdate(), testAID)
	second, err := NewHost(keys, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := second.Authenticate(recorded, Full); !errors.Is(err, ErrCryptogram) {
		t.Fatalf("got %v", err)
	}
}

func TestHostTellsCard(t *testing.T) {
	keys := goodKeys(t, 16)
	store := &memorySet{keys: keys}
	card := newTestCard(t, store)
	for want := uint32(1); want < 4; want++ {
		_, hs, cs := openWith(t, keys, card)
		info := hs.Card()
		if !bytes.Equal(info.KDD, run(1, 10)) || info.Version != 0x30 || info.Option != OptionPseudoRandom || info.Counter != want {
			t.Fatalf("session %d: %+v", want, info)
		}
		if cs.KeyVersion() != 0x30 || cs.Level() != Full || !cs.Open() {
			t.Fatal("card session misreports itself")
		}
	}
}

func TestHostOpened(t *testing.T) {
	keys := goodKeys(t, 16)
	start := func(t *testing.T) *HostSession {
		t.Helper()
		h, err := NewHost(keys, nil)
		if err != nil {
			t.Fatal(err)
		}
		_, s, err := h.Authenticate(newTestCard(t, &memorySet{keys: keys}).InitializeUpdate(h.InitializeUpdate(), testAID), Full)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	t.Run("6300", func(t *testing.T) {
		s := start(t)
		err := s.Opened(apdu.Response{SW: 0x6300})
		if se, ok := errors.AsType[*apdu.StatusError](err); !ok || se.SW != 0x6300 {
			t.Fatalf("got %v", err)
		}
		wantEnded(t, s, err, se(t, err))
	})
	t.Run("data", func(t *testing.T) {
		s := start(t)
		wantEnded(t, s, s.Opened(apdu.Response{Data: []byte{1}, SW: apdu.OK}), ErrResponse)
	})
	t.Run("answer before", func(t *testing.T) {
		s := start(t)
		_, ticket, err := s.Wrap(storeData)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.Unwrap(ticket, apdu.Response{SW: apdu.Conditions}); !errors.Is(err, ErrOrder) {
			t.Fatalf("got %v", err)
		}
		if err := s.Opened(apdu.Response{SW: apdu.OK}); err != nil {
			t.Fatal(err)
		}
		if err := s.Opened(apdu.Response{SW: apdu.OK}); !errors.Is(err, ErrOrder) || s.Err() != nil {
			t.Fatalf("opened twice: %v", err)
		}
		if _, err := s.Unwrap(ticket, apdu.Response{SW: apdu.Conditions}); err != nil {
			t.Fatal(err)
		}
		for name, tk := range map[string]Ticket{"twice": ticket, "zero": {}} {
			if _, err := s.Unwrap(tk, apdu.Response{SW: apdu.Conditions}); !errors.Is(err, ErrOrder) || s.Err() != nil {
				t.Fatalf("ticket used %s: %v", name, err)
			}
		}
		s.Close()
		s.Close()
		if _, _, err := s.Wrap(storeData); !errors.Is(err, ErrClosed) {
			t.Fatalf("after Close: %v", err)
		}
	})
}

func se(t *testing.T, err error) error {
	t.Helper()
	e, ok := errors.AsType[*apdu.StatusError](err)
	if !ok {
		t.Fatalf("no status in %v", err)
	}
	return e
}

func TestHostWrapLimits(t *testing.T) {
	_, _, hs, cs := openPair(t, goodKeys(t, 16))
	for _, tc := range []struct {
		n        int
		extended bool
		ok       bool
	}{{239, false, true}, {240, false, false}, {240, true, true}, {65519, true, true}, {65520, true, false}} {
		w, _, err := hs.Wrap(apdu.Command{CLA: 0x80, INS: 0xE2, Data: make([]byte, tc.n), Extended: tc.extended})
		if !tc.ok {
			if !errors.Is(err, apdu.ErrTooLong) {
				t.Errorf("%d bytes, extended %v: %v", tc.n, tc.extended, err)
			}
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Bytes(); err != nil {
			t.Errorf("%d bytes: %v", tc.n, err)
		}
		if got, err := cs.Unwrap(w); err != nil || len(got.Data) != tc.n {
			t.Errorf("%d bytes: card got %d, %v", tc.n, len(got.Data), err)
		}
	}
	if _, _, err := hs.Wrap(apdu.Command{CLA: 0x84}); err == nil || hs.Err() != nil {
		t.Errorf("a class under secure messaging: %v", err)
	}
	// No data, no Le, extended: there is only one form, and the card finds it right.
	w, _, err := hs.Wrap(apdu.Command{CLA: 0x80, INS: 0xF2, Extended: true})
	if err != nil {
		t.Fatal(err)
	}
	raw, err := w.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	c, err := apdu.ParseCommand(raw)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := cs.Unwrap(c); err != nil {
		t.Error(err)
	}
}

func TestCounterUsedUp(t *testing.T) {
	_, _, hs, cs := openPair(t, goodKeys(t, 16))
	hs.ch.counter, cs.ch.counter = math.MaxUint32-1, math.MaxUint32-1
	w, _, err := hs.Wrap(storeData)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := cs.Unwrap(w); err != nil {
		t.Fatal(err)
	}
	next := forge(t, cs, apdu.Command{CLA: 0x84, INS: 0xCA})
	_, _, err = hs.Wrap(storeData)
	wantEnded(t, hs, err, ErrTooManyCommands)
	_, err = cs.Unwrap(next)
	wantDead(t, cs, err)
}

func TestNewHostRandomness(t *testing.T) {
	if _, err := NewHost(goodKeys(t, 16), bytes.NewReader([]byte{1, 2, 3})); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("got %v", err)
	}
	seen := map[string]bool{}
	for range 4 {
		h, err := NewHost(goodKeys(t, 16), nil)
		if err != nil {
			t.Fatal(err)
		}
		seen[string(h.InitializeUpdate().Data)] = true
	}
	if len(seen) != 4 {
		t.Error("host challenges repeat")
	}
}

func TestLevelText(t *testing.T) {
	if s := Full.String(); s != "33 C-MAC C-DECRYPTION R-MAC R-ENCRYPTION" {
		t.Error(s)
	}
	for l := range 256 {
		if err := Level(l).Check(); (err == nil) != slices.Contains([]int{0x01, 0x03, 0x11, 0x13, 0x33}, l) {
			t.Errorf("level %02X: %v", l, err)
		}
		if err := Option(l).Check(); (err == nil) != slices.Contains([]int{0x00, 0x10, 0x20, 0x30, 0x60, 0x70}, l&^1) {
			t.Errorf("i = %02X: %v", l, err)
		}
	}
}
