package card_test

import (
	"bytes"
	"context"
	"crypto/rsa"
	"crypto/x509"
	"fmt"
	"sync"
	"testing"
	"time"

	"mobileid/issuer/card"
	"mobileid/issuer/card/cardsim"
	"mobileid/mdoc/apdu"
)

// today is the day of every test: noon in Japan.
func today() time.Time { return time.Date(2026, time.October, 15, 12, 0, 0, 0, card.Japan()) }

// world is made once a process, because RSA keys take long: two authorities of the same names and twelve keys for cards.
type world struct {
	authority, stranger *cardsim.Authority
	keys                []*rsa.PrivateKey
}

var theWorld = sync.OnceValues(func() (*world, error) {
	keys, err := cardsim.MakeKeys(12, cardsim.NewKeys(nil))
	if err != nil {
		return nil, err
	}
	w := &world{keys: keys}
	if w.authority, err = cardsim.NewAuthority(cardsim.AuthorityConfig{Now: today}); err != nil {
		return nil, err
	}
	w.stranger, err = cardsim.NewAuthority(cardsim.AuthorityConfig{Now: today})
	return w, err
})

func fixture(t testing.TB) *world {
	t.Helper()
	w, err := theWorld()
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// share gives a source whose first key is at an offset, so that cards made with different offsets have different keys.
func (w *world) share(offset int) cardsim.KeySource {
	return cardsim.SharedKeys(append(append([]*rsa.PrivateKey(nil), w.keys[offset:]...), w.keys[:offset]...)...)
}

func person(t testing.TB, id string) cardsim.Person {
	t.Helper()
	p, ok := cardsim.PersonByID(id, today())
	if !ok {
		t.Fatalf("no person %q", id)
	}
	return p
}

func (w *world) card(t testing.TB, id string, o cardsim.Options) *cardsim.Card {
	t.Helper()
	if o.Keys == nil {
		o.Keys = w.share(0)
	}
	k, err := cardsim.New(person(t, id), w.authority, o)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func challenge() []byte { return bytes.Repeat([]byte{0xC5}, 32) }
func binding() []byte   { return []byte("se-0000001") }

func options() card.Options { return card.Options{Challenge: challenge(), Binding: binding()} }

func (w *world) config() card.CheckConfig {
	return card.CheckConfig{
		SignatureRoots: w.authority.SignatureRoots(), AuthenticationRoots: w.authority.AuthenticationRoots(),
		MunicipalRoots: w.authority.MunicipalRoots(), Status: inForce,
		Challenge: challenge(), Binding: binding(), At: today(),
	}
}

// inForce is a source that knows of no revocation.
func inForce(_, _ *x509.Certificate) card.StatusAnswer {
	return card.StatusAnswer{State: card.StateInForce, Measured: "in force"}
}

func read(t testing.TB, tr apdu.Transmitter, s card.Secrets, o card.Options) *card.Reading {
	t.Helper()
	r, err := card.Read(t.Context(), tr, s, o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// overTheWire is what the issuer gets of a reading.
func overTheWire(t testing.TB, r *card.Reading) *card.Reading {
	t.Helper()
	raw, err := r.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	got, err := card.ParseReading(raw)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

type transmitter = apdu.Transmitter

func parse(t testing.TB, der []byte) *x509.Certificate {
	t.Helper()
	c, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// mixed answers each application from another card.
type mixed struct {
	cards   map[card.Application]transmitter
	current apdu.Transmitter
}

func (m *mixed) Transmit(ctx context.Context, command []byte) ([]byte, error) {
	for a, t := range m.cards {
		if len(command) > 5 && command[1] == 0xA4 && command[2] == 0x04 && bytes.Equal(command[5:], a.AID()) {
			m.current = t
		}
	}
	if m.current == nil {
		return nil, fmt.Errorf("no application selected")
	}
	return m.current.Transmit(ctx, command)
}
