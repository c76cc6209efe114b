package scp03

import (
	"errors"
	"io"
	"testing"

	"mobileid/mdoc/apdu"
)

// memorySet is one key set and its state, with a log of what was stored when.
type memorySet struct {
	keys   Keys
	state  SetState
	stored []SetState
	broken bool // every store fails
	lost   bool // the state cannot be read
}

var errBroken = errors.New("flash worn out")

func (m *memorySet) KeySet(version byte) (Keys, error) {
	if version != 0 && version != m.keys.Version {
		return Keys{}, ErrNoKeySet
	}
	return m.keys, nil
}

func (m *memorySet) SetState(byte) (SetState, error) {
	if m.lost {
		return SetState{}, errBroken
	}
	return m.state, nil
}

func (m *memorySet) StoreSetState(_ byte, s SetState) error {
	if m.broken {
		return errBroken
	}
	m.state = s
	m.stored = append(m.stored, s)
	return nil
}

var testAID = []byte{0xA0, 0, 0, 1, 0x51, 0, 0, 0}

func newTestCard(tb testing.TB, store KeySource) *Card {
	tb.Helper()
	card, err := NewCard(CardConfig{Keys: store, KDD: run(1, 10)})
	if err != nil {
		tb.Fatal(err)
	}
	return card
}

// openWith runs the handshake between a host and a card.
func openWith(tb testing.TB, keys Keys, card *Card) (*Host, *HostSession, *CardSession) {
	tb.Helper()
	h, err := NewHost(keys, nil)
	if err != nil {
		tb.Fatal(err)
	}
	external, hs, err := h.Authenticate(card.InitializeUpdate(h.InitializeUpdate(), testAID), Full)
	if err != nil {
		tb.Fatal(err)
	}
	resp, cs := card.ExternalAuthenticate(external)
	if err := hs.Opened(resp); err != nil || cs == nil {
		tb.Fatal(err)
	}
	return h, hs, cs
}

func openPair(tb testing.TB, keys Keys) (*Host, *Card, *HostSession, *CardSession) {
	tb.Helper()
	card := newTestCard(tb, &memorySet{keys: keys})
	h, hs, cs := openWith(tb, keys, card)
	return h, card, hs, cs
}

func cloneCommand(c apdu.Command) apdu.Command {
	c.Data = append([]byte(nil), c.Data...)
	return c
}

// openAt opens a session between a host and a card of an option at a level.
func openAt(tb testing.TB, keys Keys, o Option, level Level) (*HostSession, *CardSession) {
	tb.Helper()
	return openDrawn(tb, keys, o, level, nil)
}

// openDrawn is openAt with the host's randomness given.
func openDrawn(tb testing.TB, keys Keys, o Option, level Level, random io.Reader) (*HostSession, *CardSession) {
	tb.Helper()
	card, err := NewCard(CardConfig{Keys: &memorySet{keys: keys}, KDD: run(1, 10), Option: o, Least: o == 0})
	if err != nil {
		tb.Fatal(err)
	}
	h, err := NewHostWith(keys, HostConfig{Mode: o.Mode(), AID: testAID, Rand: random})
	if err != nil {
		tb.Fatal(err)
	}
	external, hs, err := h.Authenticate(card.InitializeUpdate(h.InitializeUpdate(), testAID), level)
	if err != nil {
		tb.Fatal(err)
	}
	resp, cs := card.ExternalAuthenticate(external)
	if err := hs.Opened(resp); err != nil || cs == nil {
		tb.Fatal(err)
	}
	return hs, cs
}
