package cardsim

import (
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"sync"

	"mobileid/issuer/card"
	"mobileid/mdoc/apdu"
)

// Options of one card.
type Options struct {
	// Keys gives the four keys of the card; nil makes new ones.
	Keys KeySource
	// Rand is what GET CHALLENGE and PSS draw from; nil is crypto/rand.
	Rand io.Reader
	// Alter, if set, changes what is about to be written, before anything is signed.
	Alter func(*Draft)
	// Tamper, if set, changes the data files after everything is signed.
	Tamper func(files map[card.FileID][]byte)
}

// A Card is one modelled card. It is safe for concurrent use, one command at a time.
type Card struct {
	person Person
	rand   io.Reader

	mu       sync.Mutex // guards everything below
	files    map[card.FileID]*file
	current  *application
	selected *file
	verified map[card.FileID]bool // security status, by secret
}

// New personalises a card for a person under an authority.
func New(p Person, a *Authority, o Options) (*Card, error) {
	if o.Keys == nil {
		o.Keys = NewKeys(nil)
	}
	if o.Rand == nil {
		o.Rand = rand.Reader
	}
	c, err := personalize(p, a, o)
	if err != nil {
		return nil, fmt.Errorf("personalising the card of %v: %w", p, err)
	}
	k := &Card{person: p, rand: o.Rand, files: layout(p, c)}
	k.Unpower()
	return k, nil
}

// Person is the holder.
func (k *Card) Person() Person { return k.person }

// Format and LogValue of a Card tell the person's ID alone.
func (k *Card) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "card of person "+k.person.ID) }

// Unpower takes the card out of the field: security status and selection are lost, try counters stay.
func (k *Card) Unpower() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.verified = map[card.FileID]bool{}
	k.reset()
}

// Reset is a warm reset as PC/SC knows it: the Issuer Security Domain is current again, but, as on the real card, the security status
// stays until power is removed.
func (k *Card) Reset() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.reset()
}

func (k *Card) reset() { k.current, k.selected = &applications[0], nil }

// Transmit answers one command APDU. It fails only when the context has ended; what the card refuses, it refuses by status word.
func (k *Card) Transmit(ctx context.Context, command []byte) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	c, err := apdu.ParseCommand(command)
	if err != nil {
		return apdu.Response{SW: apdu.WrongLength}.Bytes(), nil
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	data, sw := k.process(c)
	return apdu.Response{Data: data, SW: sw}.Bytes(), nil
}

func (k *Card) process(c apdu.Command) ([]byte, apdu.SW) {
	switch {
	case c.CLA == 0x80 && c.INS == 0x2A:
		return k.computeSignature(c)
	case c.CLA == 0x80:
		return nil, apdu.InsUnsupported
	case c.CLA != 0x00 && (c.Channel() != 0 && c.CLA&0x2C == 0):
		return nil, apdu.ChannelUnsupported
	case c.CLA != 0x00:
		return nil, apdu.ClaUnsupported
	}
	switch c.INS {
	case 0xA4:
		return k.selectCommand(c)
	case 0xB0:
		return k.readBinary(c)
	case 0xB2:
		return nil, k.noRecords()
	case 0x20:
		return nil, k.verify(c)
	case 0x24:
		return nil, k.changeReference(c)
	case 0x84:
		return k.challenge(c)
	case 0xCA:
		return k.objectData(c)
	default:
		return nil, apdu.InsUnsupported
	}
}

// open reports whether the security status lets a file be read or a key be used.
func (k *Card) open(f *file) bool {
	for _, s := range f.opened {
		if k.verified[s] {
			return true
		}
	}
	return len(f.opened) == 0
}

// find looks a file up in the current application.
func (k *Card) find(ef uint16) *file {
	if k.current.id == 0 {
		return nil
	}
	return k.files[card.NewFileID(k.current.id, ef)]
}
