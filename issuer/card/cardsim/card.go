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
	// WarnAtEnd answers a READ BINARY that asks for more than is left with 6282, as ISO/IEC 7816-4 has it, where the real card says
	// 9000. It is for tests of readers and is not saved.
	WarnAtEnd bool
	// Alter, if set, changes what is about to be written, before anything is signed.
	Alter func(*Draft)
	// Tamper, if set, changes the data files after everything is signed.
	Tamper func(files map[card.FileID][]byte)
}

// A Card is one modelled card. It is safe for concurrent use, one command at a time: connections that share a card share its
// security status and its counters, as all channels to one chip do.
type Card struct {
	person       Person
	rand         io.Reader
	generation   generation
	applications []application
	warnAtEnd    bool

	mu       sync.Mutex // guards everything below
	files    map[card.FileID]*file
	current  *application
	selected *file
	verified map[card.FileID]bool // security status, by secret
	secure   *secureChannel       // secure messaging of 補助AP, nil when there is none
	store    Store                // where the state is kept; nil is in memory alone
	keys     []savedKey           // of the last snapshot; keys never change
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
	k := newCard(p, c, currentGeneration)
	k.rand, k.warnAtEnd = o.Rand, o.WarnAtEnd
	return k, nil
}

// newCard is a card out of the field whose contents are written.
func newCard(p Person, c *contents, g generation) *Card {
	k := &Card{person: p, rand: rand.Reader, generation: g, applications: applicationsOf(g), files: layout(p, c, g)}
	k.Unpower()
	return k
}

// ATR is the answer to reset on contacts: T=1, IFSC 251, without MF.
func (k *Card) ATR() []byte { return []byte("\x3B" + contactATR) }

// ContactlessATR is what a contactless reader makes up for such a card (PC/SC part 3, 3.1.3.2.3.1: the card's ATQB data and MBLI). Some
// reading programs want one that begins 3B888001, and none should tell a card by it.
func (k *Card) ContactlessATR() []byte {
	return []byte("\x3B\x88\x80\x01\x00\x00\x05\xE0\xB3\x81\xA1\x00\x7F")
}

// Person is the holder.
func (k *Card) Person() Person { return k.person }

// Format and LogValue of a Card tell the person's ID alone.
func (k *Card) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "card of person "+k.person.ID) }

// Unpower takes the card out of the field: security status and selection are lost, try counters stay.
func (k *Card) Unpower() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.verified, k.secure = map[card.FileID]bool{}, nil
	k.reset()
}

// Reset is a warm reset as PC/SC knows it: the Issuer Security Domain is current again, but, as on the real card, the security status
// stays until power is removed.
func (k *Card) Reset() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.reset()
}

func (k *Card) reset() { k.current, k.selected = &k.applications[0], nil }

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

// process sorts by class: 00 is the interindustry one, 80 JPKI's own, 08 and 0C are secure messaging. There is one channel.
func (k *Card) process(c apdu.Command) ([]byte, apdu.SW) {
	switch {
	case c.CLA == 0x00:
		return k.interindustry(c)
	case c.CLA == 0x80:
		return k.proprietary(c)
	case c.Channel() != 0 && c.CLA&0x2C == 0:
		return nil, apdu.ChannelUnsupported
	case (c.CLA == secureClass || c.CLA == secureHeaderClass) && k.current.id == card.Attributes:
		return k.secured(c)
	default:
		return nil, apdu.ClaUnsupported
	}
}

func (k *Card) interindustry(c apdu.Command) ([]byte, apdu.SW) {
	switch c.INS {
	case 0xA4:
		return k.selectCommand(c)
	case 0xB0:
		return k.readBinary(c)
	case 0xB2:
		return k.readRecord(c)
	case 0x20:
		return nil, k.verify(c)
	case insChangeReference:
		return nil, k.change(c, 0x01)
	case insResetRetryCounter:
		return nil, k.resetRetryCounter(c)
	case 0x84:
		return k.challenge(c)
	case 0x88:
		return k.internalAuthenticate(c)
	case 0xCA:
		return k.objectData(c)
	default:
		return nil, apdu.InsUnsupported
	}
}

func (k *Card) proprietary(c apdu.Command) ([]byte, apdu.SW) {
	switch c.INS {
	case 0x2A:
		return k.computeSignature(c)
	case insChangeKey:
		return nil, k.change(c, 0x00)
	case 0xAE:
		return nil, k.setSessionKey(c)
	case 0xA2: // SET PUBLIC IC KEY: what P1 and P2 select is not known
		return nil, apdu.WrongParameters
	case 0xFC: // the last command of the phone's token
		return nil, apdu.WrongLength
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

// find looks a file up in the current application. All files have short identifiers; what has none is out of a reader's reach.
func (k *Card) find(ef uint16) *file {
	if k.current.id == domain || ef > 0x1E {
		return nil
	}
	return k.files[card.NewFileID(k.current.id, ef)]
}
