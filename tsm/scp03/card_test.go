package scp03

import (
	"bytes"
	"testing"

	"github.com/google/go-cmp/cmp"

	"mobileid/mdoc/apdu"
)

func TestNewCardRefuses(t *testing.T) {
	store := &memorySet{keys: goodKeys(t, 16)}
	for name, cfg := range map[string]CardConfig{
		"no keys":                    {KDD: run(0, 10)},
		"short KDD":                  {Keys: store, KDD: run(0, 9)},
		"reserved":                   {Keys: store, KDD: run(0, 10), Option: 0x78},
		"R-ENCRYPTION without R-MAC": {Keys: store, KDD: run(0, 10), Option: 0x50},
		"i = 00 and another":         {Keys: store, KDD: run(0, 10), Option: OptionRandom, Least: true},
	} {
		if _, err := NewCard(cfg); err == nil {
			t.Errorf("%s accepted", name)
		}
	}
}

func TestInitializeUpdateRefuses(t *testing.T) {
	ok := apdu.Command{CLA: 0x80, INS: 0x50, Data: run(0, 8), Le: 256}
	for _, tc := range []struct {
		name   string
		change func(c *apdu.Command, m *memorySet)
		want   apdu.SW
	}{
		{"unknown key version", func(c *apdu.Command, _ *memorySet) { c.P1 = 0x31 }, apdu.ReferenceNotFound},
		{"P2", func(c *apdu.Command, _ *memorySet) { c.P2 = 1 }, apdu.WrongParameters},
		{"sixteen bytes", func(c *apdu.Command, _ *memorySet) { c.Data = run(0, 16) }, apdu.WrongLength},
		{"no challenge", func(c *apdu.Command, _ *memorySet) { c.Data = nil }, apdu.WrongLength},
		{"other instruction", func(c *apdu.Command, _ *memorySet) { c.INS = 0x52 }, apdu.InsUnsupported},
		{"blocked", func(_ *apdu.Command, m *memorySet) { m.state.Failures = MaxFailures }, apdu.Blocked},
		{"counter used up", func(_ *apdu.Command, m *memorySet) { m.state.Counter = MaxCounter }, apdu.Conditions},
		{"counter cannot be stored", func(_ *apdu.Command, m *memorySet) { m.broken = true }, apdu.MemoryFailure},
		{"state cannot be read", func(_ *apdu.Command, m *memorySet) { m.lost = true }, apdu.MemoryFailure},
		{"published keys", func(_ *apdu.Command, m *memorySet) { m.keys = TestKeys().Keys() }, apdu.Conditions},
		{"keys unusable", func(_ *apdu.Command, m *memorySet) { m.keys.MAC = nil }, apdu.ExecutionError},
	} {
		t.Run(tc.name, func(t *testing.T) {
			store := &memorySet{keys: goodKeys(t, 16)}
			c := ok
			tc.change(&c, store)
			card := newTestCard(t, store)
			if r := card.InitializeUpdate(c, testAID); r.SW != tc.want || len(r.Data) != 0 {
				t.Errorf("answered %v with %d bytes, want %v", r.SW, len(r.Data), tc.want)
			}
			if r, s := card.ExternalAuthenticate(apdu.Command{CLA: 0x84, INS: 0x82, P1: 0x33, Data: make([]byte, 16)}); r.SW != apdu.Conditions || s != nil {
				t.Errorf("EXTERNAL AUTHENTICATE after it: %v", r.SW)
			}
		})
	}
}

// The last counter is used, the one after it is not.
func TestLastSequenceCounter(t *testing.T) {
	keys := goodKeys(t, 16)
	store := &memorySet{keys: keys, state: SetState{Counter: MaxCounter - 1}}
	card := newTestCard(t, store)
	if _, hs, _ := openWith(t, keys, card); hs.Card().Counter != MaxCounter {
		t.Errorf("counter %X", hs.Card().Counter)
	}
	if r := card.InitializeUpdate(apdu.Command{INS: 0x50, Data: run(0, 8)}, testAID); r.SW != apdu.Conditions {
		t.Errorf("answered %v", r.SW)
	}
}

// authenticate runs a handshake in which the host's command is changed.
func authenticate(t *testing.T, card *Card, keys Keys, change func(c *apdu.Command)) (apdu.SW, *CardSession) {
	t.Helper()
	h, err := NewHost(keys, nil)
	if err != nil {
		t.Fatal(err)
	}
	r := card.InitializeUpdate(h.InitializeUpdate(), testAID)
	if r.SW != apdu.OK {
		return r.SW, nil
	}
	c, _, err := h.Authenticate(r, Full)
	if err != nil {
		t.Fatal(err)
	}
	change(&c)
	got, s := card.ExternalAuthenticate(c)
	if (s != nil) != (got.SW == apdu.OK) || len(got.Data) != 0 {
		t.Fatalf("%v with session %v and %d bytes", got.SW, s != nil, len(got.Data))
	}
	return got.SW, s
}

func TestExternalAuthenticateRefuses(t *testing.T) {
	for _, tc := range []struct {
		name    string
		change  func(c *apdu.Command)
		want    apdu.SW
		counted bool
	}{
		{"cryptogram", func(c *apdu.Command) { c.Data[0] ^= 1 }, 0x6300, true},
		{"MAC", func(c *apdu.Command) { c.Data[15] ^= 1 }, apdu.SecurityStatus, true},
		{"both", func(c *apdu.Command) { c.Data[0] ^= 1; c.Data[15] ^= 1 }, 0x6300, true},
		{"no secure messaging bit", func(c *apdu.Command) { c.CLA = 0x80 }, apdu.SecurityStatus, true},
		{"extended under the MAC of short", func(c *apdu.Command) { c.Extended = true }, apdu.SecurityStatus, true},
		{"level 03 in place of 33", func(c *apdu.Command) { c.P1 = 0x03 }, apdu.SecurityStatus, true},
		{"level 31", func(c *apdu.Command) { c.P1 = 0x31 }, apdu.WrongParameters, false},
		{"level 00", func(c *apdu.Command) { c.P1 = 0x00 }, apdu.WrongParameters, false},
		{"P2", func(c *apdu.Command) { c.P2 = 1 }, apdu.WrongParameters, false},
		{"no MAC", func(c *apdu.Command) { c.Data = c.Data[:8] }, apdu.WrongLength, false},
		{"S16", func(c *apdu.Command) { c.Data = make([]byte, 32) }, apdu.WrongLength, false},
		{"other instruction", func(c *apdu.Command) { c.INS = 0x84 }, apdu.InsUnsupported, false},
		{"nothing", func(*apdu.Command) {}, apdu.OK, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			keys := goodKeys(t, 16)
			store := &memorySet{keys: keys, state: SetState{Failures: 3}}
			card := newTestCard(t, store)
			if sw, _ := authenticate(t, card, keys, tc.change); sw != tc.want {
				t.Errorf("answered %v, want %v", sw, tc.want)
			}
			want := map[bool]uint8{true: 4, false: 3}[tc.counted]
			if tc.want == apdu.OK {
				want = 0
			}
			if store.state.Failures != want {
				t.Errorf("%d failures stored, want %d", store.state.Failures, want)
			}
			// The handshake is used up: the right command comes too late.
			if r, s := card.ExternalAuthenticate(apdu.Command{CLA: 0x84, INS: 0x82, P1: 0x33, Data: make([]byte, 16)}); r.SW != apdu.Conditions || s != nil {
				t.Errorf("a second time: %v", r.SW)
			}
		})
	}
}

// The count is on disk before the comparison, and goes back only by a success.
func TestCountsBeforeItCompares(t *testing.T) {
	keys := goodKeys(t, 16)
	store := &memorySet{keys: keys}
	card := newTestCard(t, store)
	authenticate(t, card, keys, func(c *apdu.Command) { c.Data[0] ^= 1 })
	authenticate(t, card, keys, func(*apdu.Command) {})
	want := []SetState{{Counter: 1}, {Counter: 1, Failures: 1}, {Counter: 2, Failures: 1}, {Counter: 2, Failures: 2}, {Counter: 2}}
	if d := cmp.Diff(want, store.stored); d != "" {
		t.Error(d)
	}
	// Where the count cannot be stored, nothing is compared and nobody gets in.
	r := card.InitializeUpdate(apdu.Command{INS: 0x50, Data: run(0, 8)}, testAID)
	if r.SW != apdu.OK {
		t.Fatal(r.SW)
	}
	store.broken = true
	if got, s := card.ExternalAuthenticate(apdu.Command{CLA: 0x84, INS: 0x82, P1: 0x33, Data: make([]byte, 16)}); got.SW != apdu.MemoryFailure || s != nil {
		t.Errorf("answered %v", got.SW)
	}
}

func TestTenFailuresBlock(t *testing.T) {
	keys := goodKeys(t, 16)
	store := &memorySet{keys: keys}
	wrong := func(c *apdu.Command) { c.Data[3] ^= 0x10 }
	right := func(*apdu.Command) {}

	// Nine failures and a success, twice: still open.
	for range 2 {
		for i := range MaxFailures - 1 {
			card := newTestCard(t, store) // a reset of the card changes nothing
			if sw, _ := authenticate(t, card, keys, wrong); sw != 0x6300 {
				t.Fatalf("failure %d: %v", i+1, sw)
			}
		}
		if sw, _ := authenticate(t, newTestCard(t, store), keys, right); sw != apdu.OK {
			t.Fatalf("after nine failures: %v", sw)
		}
	}
	for range MaxFailures {
		authenticate(t, newTestCard(t, store), keys, wrong)
	}
	if sw, _ := authenticate(t, newTestCard(t, store), keys, right); sw != apdu.Blocked {
		t.Fatalf("after ten failures: %v", sw)
	}
	if store.state.Failures != MaxFailures {
		t.Errorf("%d failures stored", store.state.Failures)
	}
}

// Two channels of one card begun side by side do not give one guess more.
func TestBlockedBetween(t *testing.T) {
	keys := goodKeys(t, 16)
	store := &memorySet{keys: keys}
	card := newTestCard(t, store)
	if r := card.InitializeUpdate(apdu.Command{INS: 0x50, Data: run(0, 8)}, testAID); r.SW != apdu.OK {
		t.Fatal(r.SW)
	}
	store.state.Failures = MaxFailures
	if r, s := card.ExternalAuthenticate(apdu.Command{CLA: 0x84, INS: 0x82, P1: 0x33, Data: make([]byte, 16)}); r.SW != apdu.Blocked || s != nil {
		t.Errorf("answered %v", r.SW)
	}
}

func TestCardReset(t *testing.T) {
	keys := goodKeys(t, 16)
	card := newTestCard(t, &memorySet{keys: keys})
	sw, _ := authenticate(t, card, keys, func(*apdu.Command) { card.Reset() })
	if sw != apdu.Conditions {
		t.Errorf("EXTERNAL AUTHENTICATE after a reset: %v", sw)
	}
	card.Reset()
}

// The random challenge of i = 60 comes from the reader, and a dry one stops the card.
func TestRandomChallenge(t *testing.T) {
	store := &memorySet{keys: goodKeys(t, 16)}
	card, err := NewCard(CardConfig{Keys: store, KDD: run(1, 10), Option: OptionRandom, Rand: bytes.NewReader(run(0x20, 8))})
	if err != nil {
		t.Fatal(err)
	}
	c := apdu.Command{INS: 0x50, Data: run(0, 8)}
	if r := card.InitializeUpdate(c, testAID); r.SW != apdu.OK || len(r.Data) != 29 || !bytes.Equal(r.Data[13:21], run(0x20, 8)) {
		t.Errorf("%v %x", r.SW, r.Data)
	}
	if len(store.stored) != 0 {
		t.Error("the sequence counter moved")
	}
	if r := card.InitializeUpdate(c, testAID); r.SW != apdu.ExecutionError {
		t.Errorf("without randomness: %v", r.SW)
	}
}

// An answer nobody asked for would reuse an initial vector: the session ends instead.
func TestCardWrapMisuse(t *testing.T) {
	keys := goodKeys(t, 16)
	for name, misuse := range map[string]func(cs *CardSession) apdu.Response{
		"before a command": func(cs *CardSession) apdu.Response { return cs.Wrap(apdu.Response{SW: apdu.OK}) },
		"too long": func(cs *CardSession) apdu.Response {
			cs.answering = true
			return cs.Wrap(apdu.Response{Data: make([]byte, MaxExtendedData+1), SW: apdu.OK})
		},
	} {
		_, _, _, cs := openPair(t, keys)
		if r := misuse(cs); r.SW != apdu.Unknown || len(r.Data) != 0 || cs.Open() {
			t.Errorf("%s: %v, open %v", name, r.SW, cs.Open())
		}
	}
	_, _, hs, cs := openPair(t, keys)
	w, _, err := hs.Wrap(storeData)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := cs.Unwrap(w); err != nil {
		t.Fatal(err)
	}
	cs.Wrap(apdu.Response{Data: []byte("once"), SW: apdu.OK})
	if r := cs.Wrap(apdu.Response{Data: []byte("twice"), SW: apdu.OK}); r.SW != apdu.Unknown || len(r.Data) != 0 {
		t.Errorf("a second answer: %v", r.SW)
	}
	if r := cs.Wrap(apdu.Response{SW: apdu.Conditions}); r.SW != apdu.Conditions {
		t.Errorf("an error after the end: %v", r.SW)
	}
}
