package issuer_test

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"testing"

	"mobileid/issuer"
	"mobileid/issuer/card"
	"mobileid/issuer/card/cardsim"
	"mobileid/issuer/issuertest"
	"mobileid/mdoc/apdu"
)

// mix answers the commands to each application from another card, as a relay with several cards at hand can.
type mix struct {
	cards   map[card.Application]*cardsim.Card
	current *cardsim.Card
}

func (m *mix) Transmit(ctx context.Context, command []byte) ([]byte, error) {
	if c, err := apdu.ParseCommand(command); err == nil && c.INS == 0xA4 && c.P1 == 4 {
		for application, k := range m.cards {
			if bytes.Equal(c.Data, application.AID()) {
				m.current = k
			}
		}
	}
	if m.current == nil {
		return nil, errors.New("no application is selected")
	}
	return m.current.Transmit(ctx, command)
}

// mixed reads the applications of the wallet's card but for those that other gives, each with the secrets of its own holder: every
// signature and every proof of presence in the reading is genuine.
func mixed(other func(*testing.T) *cardsim.Card, applications ...card.Application) func(*testing.T, issuertest.Wallet, []byte) []byte {
	return func(t *testing.T, w issuertest.Wallet, challenge []byte) []byte {
		t.Helper()
		m := &mix{cards: map[card.Application]*cardsim.Card{card.JPKI: w.Card, card.Attributes: w.Card, card.Face: w.Card}}
		for _, application := range applications {
			m.cards[application] = other(t)
		}
		r, err := card.Read(t.Context(), m, card.Secrets{SignaturePassword: m.cards[card.JPKI].Person().Secrets().SignaturePassword,
			AttributePIN: m.cards[card.Attributes].Person().Secrets().AttributePIN, NumberB: m.cards[card.Face].Person().Secrets().NumberB},
			card.Options{Challenge: challenge, Binding: w.SE.ID})
		must(t, err)
		raw, err := r.Bytes()
		must(t, err)
		return issuertest.Evidence(t, issuer.Evidence{Reading: raw, SEID: w.SE.ID, Slot: w.Slot, Purpose: uint64(w.Purpose)})
	}
}

// mixes are readings of two people's cards. The namesake shares name, birth date and sex with the wallet's holder.
func (a *arena) mixes() []attack {
	stranger := func(t *testing.T) *cardsim.Card { t.Helper(); return a.Card(t, "birthday", nil) }
	namesake := func(t *testing.T) *cardsim.Card {
		t.Helper()
		return a.Card(t, "nineteen", func(p *cardsim.Person, _ *cardsim.Options) {
			p.Address = "試験県見本市架空町九丁目９１番地"
		})
	}
	elsewhere := func(t *testing.T) *cardsim.Card {
		t.Helper()
		return a.Card(t, "nineteen", func(p *cardsim.Person, _ *cardsim.Options) { p.Municipality = "99202" })
	}
	// A holder may write the unsigned 券面AP 0003 as they like.
	edited := func(t *testing.T) *cardsim.Card {
		t.Helper()
		return a.Card(t, "nineteen", func(p *cardsim.Person, o *cardsim.Options) {
			p.Municipality = "99202"
			o.Alter = func(d *cardsim.Draft) { d.Face.Municipality = "99201" }
		})
	}
	return []attack{
		{name: "files of one card with certificate and signature of another", code: "card.signature_invalid",
			body: spoil(func(t *testing.T, r *card.Reading, w issuertest.Wallet) {
				t.Helper()
				other := reading(t, issuertest.Wallet{Card: stranger(t), SE: w.SE, Slot: 1, Purpose: 1}.Body(t.Context(), t, r.Challenge))
				at := slices.IndexFunc(r.Files, func(f card.File) bool { return f.ID == card.SignatureCertificate })
				r.Files[at].Content, r.Signature = other.SignatureCertificate(), other.Signature
			})},
		{name: "files of one card signed by another", code: "card.name_differs", body: mixed(stranger, card.JPKI)},
		{name: "face of one card with the rest of another", code: "card.birth_date_differs", body: mixed(stranger, card.Face)},
		{name: "records of one card with the rest of another", code: "card.name_differs", body: mixed(stranger, card.Attributes)},
		{name: "files of a card signed by that of a namesake", code: "card.address_differs", body: mixed(namesake, card.JPKI)},
		{name: "records of a namesake", code: "card.address_differs", body: mixed(namesake, card.Attributes)},
		{name: "face of another municipality", code: "card.municipality_differs", body: mixed(elsewhere, card.Face)},
		{name: "records of another municipality", code: "card.municipality_differs", body: mixed(elsewhere, card.Attributes)},
		{name: "certificates of another municipality", code: "card.municipality_differs", body: mixed(elsewhere, card.JPKI)},
		{name: "face of another municipality with edited basic data", code: "card.municipality_differs", body: mixed(edited, card.Face)},
	}
}
