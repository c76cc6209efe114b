package scp03

import (
	"bytes"
	"errors"
	"slices"
	"testing"

	"mobileid/mdoc/apdu"
)

// record runs one whole session and keeps what went to the card.
func record(t *testing.T, keys Keys, card *Card, level Level, random []byte) (update, external apdu.Command, commands []apdu.Command) {
	t.Helper()
	h, err := NewHostWith(keys, HostConfig{Rand: bytes.NewReader(random)})
	if err != nil {
		t.Fatal(err)
	}
	update = h.InitializeUpdate()
	external, hs, err := h.Authenticate(card.InitializeUpdate(update, testAID), level)
	if err != nil {
		t.Fatal(err)
	}
	r, cs := card.ExternalAuthenticate(external)
	if err := hs.Opened(r); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		w, _, err := hs.Wrap(storeData)
		if err != nil {
			t.Fatal(err)
		}
		commands = append(commands, cloneCommand(w))
		if _, err := cs.Unwrap(w); err != nil {
			t.Fatal(err)
		}
	}
	return update, external, commands
}

// A recorded session played again, to the same card with the same host challenge, to another card, and under another key
// set, opens nothing: the card's challenge is another.
func TestE1SessionsReplayed(t *testing.T) {
	master := run(0x80, 16)
	set := func(kdd []byte, version byte) Keys {
		return diversified(t, master, kdd, version)
	}
	replays := 0
	everySession(t, func(t *testing.T, o Option, l Level) {
		for _, o := range []Option{o, o &^ optionCounter} {
			keys := set(run(1, 10), 0x30)
			store := &memorySet{keys: keys}
			card, err := NewCard(CardConfig{Keys: store, KDD: run(1, 10), Option: o})
			if err != nil {
				t.Fatal(err)
			}
			h, err := NewHostWith(keys, HostConfig{Mode: o.Mode()})
			if err != nil {
				t.Fatal(err)
			}
			update := h.InitializeUpdate()
			external, hs, err := h.Authenticate(card.InitializeUpdate(update, testAID), l)
			if err != nil {
				t.Fatal(err)
			}
			if r, _ := card.ExternalAuthenticate(external); hs.Opened(r) != nil {
				t.Fatal(r.SW)
			}
			for name, victim := range map[string]Keys{
				"the same card": keys, "a card of the same master": set(run(2, 10), 0x30), "another version of the set": set(run(1, 10), 0x31),
			} {
				at := &memorySet{keys: victim, state: SetState{Counter: store.state.Counter}}
				other, err := NewCard(CardConfig{Keys: at, KDD: run(1, 10), Option: o})
				if err != nil {
					t.Fatal(err)
				}
				first := update
				first.P1 = victim.Version
				if r := other.InitializeUpdate(first, testAID); r.SW != apdu.OK {
					t.Fatal(r.SW)
				}
				if r, s := other.ExternalAuthenticate(external); s != nil || r.SW != apdu.WarnChanged || at.state.Failures != 1 {
					t.Fatalf("%s: %v, %d failures", name, r.SW, at.state.Failures)
				}
				replays++
			}
		}
	})
	t.Logf("E1: %d replays of a handshake in variants refused with 6300 and counted", replays)
	if replays != 10*2*3 {
		t.Error("some variants are not accounted for")
	}
}

// Commands of one session mean nothing in another, of the same card, of another card, or after it was restored.
func TestE1CommandsOfAnotherSession(t *testing.T) {
	refused := 0
	keys := goodKeys(t, 16)
	for _, level := range []Level{0x01, 0x03, 0x11, 0x13, 0x33} {
		store := &memorySet{keys: keys}
		card := newTestCard(t, store)
		_, _, recorded := record(t, keys, card, level, run(3, 8))
		for name, open := range map[string]func() *CardSession{
			"same card": func() *CardSession { _, _, cs := openWith(t, keys, card); return cs },
			"same host challenge": func() *CardSession {
				h, err := NewHost(keys, bytes.NewReader(run(3, 8)))
				if err != nil {
					t.Fatal(err)
				}
				external, _, err := h.Authenticate(card.InitializeUpdate(h.InitializeUpdate(), testAID), level)
				if err != nil {
					t.Fatal(err)
				}
				_, cs := card.ExternalAuthenticate(external)
				return cs
			},
			"other card": func() *CardSession {
				_, cs := openAt(t, diversified(t, run(0x80, 16), run(9, 10), 0x30), OptionPseudoRandom, level)
				return cs
			},
		} {
			for i, c := range recorded {
				cs := open()
				_, err := cs.Unwrap(cloneCommand(c))
				wantDead(t, cs, err)
				if refused++; t.Failed() {
					t.Fatalf("%s: command %d", name, i)
				}
			}
		}
	}
	t.Logf("E1: %d variants of commands of another session refused", refused)
	if refused != 5*3*3 {
		t.Error("some variants are not accounted for")
	}
}

// A card restored to an older state repeats its counter and so its challenge; with the same host challenge the whole old
// session would hold. The host draws a new one each time, so nothing repeats, and it is told the counter.
func TestE1RestoredCard(t *testing.T) {
	keys := goodKeys(t, 16)
	store := &memorySet{keys: keys}
	card := newTestCard(t, store)
	_, hs, _ := openWith(t, keys, card)
	_, external, recorded := record(t, keys, card, Full, run(3, 8))
	store.state.Counter = hs.Card().Counter // as before the recording
	h, err := NewHost(keys, nil)
	if err != nil {
		t.Fatal(err)
	}
	if r := card.InitializeUpdate(h.InitializeUpdate(), testAID); r.SW != apdu.OK {
		t.Fatal(r.SW)
	}
	if r, s := card.ExternalAuthenticate(external); s != nil || r.SW != apdu.WarnChanged {
		t.Fatalf("the old handshake: %v", r.SW)
	}
	store.state.Counter = hs.Card().Counter
	_, again, cs := openWith(t, keys, card)
	if again.Card().Counter > hs.Card().Counter+1 {
		t.Errorf("counter %d after %d: the test restored nothing", again.Card().Counter, hs.Card().Counter)
	}
	_, err = cs.Unwrap(recorded[0])
	wantDead(t, cs, err)
}

// twoSets has a default set and another.
type twoSets struct {
	first, second memorySet
	deleted       byte
	broken        bool
}

func (s *twoSets) of(version byte) *memorySet {
	switch {
	case s.deleted != 0 && version == s.deleted:
		return nil
	case version == 0 || version == s.first.keys.Version:
		return &s.first
	case version == s.second.keys.Version:
		return &s.second
	}
	return nil
}

func (s *twoSets) KeySet(version byte) (Keys, error) {
	if s.broken {
		return Keys{}, errBroken
	}
	if m := s.of(version); m != nil {
		return m.keys, nil
	}
	return Keys{}, ErrNoKeySet
}
func (s *twoSets) SetState(version byte) (SetState, error) { return s.of(version).SetState(version) }
func (s *twoSets) StoreSetState(version byte, state SetState) error {
	return s.of(version).StoreSetState(version, state)
}

// Key versions: 0 is the default set, unknown and deleted ones are 6A88, also when the set goes between the two commands
// of a handshake; each set has its own counters.
func TestE1KeyVersions(t *testing.T) {
	second := diversified(t, run(0x90, 16), run(0, 10), 0x31)
	store := &twoSets{first: memorySet{keys: goodKeys(t, 16)}, second: memorySet{keys: second}}
	card := newTestCard(t, store)
	update := func(version byte) apdu.Response {
		return card.InitializeUpdate(apdu.Command{CLA: 0x80, INS: insInitializeUpdate, P1: version, Data: run(0, 8)}, testAID)
	}
	refused := 0
	for v := range 256 {
		want := apdu.ReferenceNotFound
		if slices.Contains([]int{0, 0x30, 0x31}, v) {
			want = apdu.OK
		} else {
			refused++
		}
		r := update(byte(v))
		if r.SW != want || r.SW == apdu.OK && r.Data[10] != max(byte(v), 0x30) {
			t.Errorf("version %02X: %v", v, r.SW)
		}
	}
	if store.first.state.Counter != 2 || store.second.state.Counter != 1 {
		t.Errorf("counters %d and %d", store.first.state.Counter, store.second.state.Counter)
	}
	store.deleted = 0x31
	if r := update(0x31); r.SW != apdu.ReferenceNotFound {
		t.Errorf("deleted: %v", r.SW)
	}
	store.deleted = 0
	h, err := NewHost(second, nil)
	if err != nil {
		t.Fatal(err)
	}
	external, _, err := h.Authenticate(card.InitializeUpdate(h.InitializeUpdate(), testAID), Full)
	if err != nil {
		t.Fatal(err)
	}
	store.deleted = 0x31
	if r, s := card.ExternalAuthenticate(external); s != nil || r.SW != apdu.ReferenceNotFound {
		t.Errorf("deleted in between: %v", r.SW)
	}
	store.deleted, store.broken = 0, true
	if r := update(0x30); r.SW != apdu.MemoryFailure {
		t.Errorf("storage broken: %v", r.SW)
	}
	// The wrong set of the same card: a host that asks for one and is answered by another goes no further.
	store.broken = false
	third := second.Clone()
	third.Version = 0x30
	if h, err = NewHost(third, nil); err != nil {
		t.Fatal(err)
	}
	if _, _, err := h.Authenticate(card.InitializeUpdate(h.InitializeUpdate(), testAID), Full); !errors.Is(err, ErrCryptogram) {
		t.Errorf("keys of another version: %v", err)
	}
	t.Logf("E1: %d variants of the key version refused with 6A88", refused)
	if refused != 253 {
		t.Error("some variants are not accounted for")
	}
}

// After a fault the session is gone whatever follows, and the key set is not: a new handshake opens a new one.
func TestE1SessionAfterError(t *testing.T) {
	keys := goodKeys(t, 16)
	everySession(t, func(t *testing.T, o Option, l Level) {
		hs, cs := openAt(t, keys, o, l)
		good, _, err := hs.Wrap(storeData)
		if err != nil {
			t.Fatal(err)
		}
		bad := cloneCommand(good)
		bad.Data[0] ^= 1
		_, err = cs.Unwrap(bad)
		wantDead(t, cs, err)
		for _, c := range []apdu.Command{good, bad, {CLA: 0x80, INS: 0xCA}, {CLA: 0x84, INS: 0xC0, Le: 256}} {
			if _, err := cs.Unwrap(c); !errors.Is(err, apdu.ErrSecurityStatus) {
				t.Errorf("after the fault: %v", err)
			}
		}
		hs, cs = openAt(t, keys, o, l)
		roundTrip(t, hs, cs)
	})
}

// A host does not take a session that another host opened, or the answers of one.
func TestE2AnswersOfAnotherSession(t *testing.T) {
	keys := goodKeys(t, 16)
	for _, l := range []Level{0x11, 0x13, 0x33} {
		first, card := openAt(t, keys, OptionPseudoRandom, l)
		second, _ := openAt(t, keys, OptionPseudoRandom, l)
		w, _, err := first.Wrap(storeData)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := card.Unwrap(w); err != nil {
			t.Fatal(err)
		}
		_, ticket, err := second.Wrap(storeData)
		if err != nil {
			t.Fatal(err)
		}
		_, err = second.Unwrap(ticket, card.Wrap(apdu.Response{Data: []byte("answer"), SW: apdu.OK}))
		wantEnded(t, second, err, ErrResponse)
	}
}
