package benchmark

import (
	"context"
	"errors"
	"fmt"
	"time"

	"mobileid/issuer/card"
	"mobileid/issuer/card/cardsim"
	"mobileid/mdoc/apdu"
)

// cards counts the exchanges of a full reading (attributes, portrait of 20 KiB, both certificates, one signature) of a modelled card in
// this process.
func cards(ctx context.Context, h harness, _ *world, p *printer) error {
	now := h.clock()
	authority, err := cardsim.NewAuthority(cardsim.AuthorityConfig{Now: func() time.Time { return now }})
	if err != nil {
		return err
	}
	person, ok := cardsim.PersonByID("nineteen", now)
	if !ok {
		return errors.New("there is no such person")
	}
	chip, err := cardsim.New(person, authority, cardsim.Options{Alter: func(d *cardsim.Draft) {
		d.Face.Portrait = append(d.Face.Portrait, make([]byte, portraitSize-len(d.Face.Portrait))...)
	}})
	if err != nil {
		return err
	}
	for _, form := range []struct {
		figure   string
		extended bool
	}{{"card_exchanges_short", false}, {"card_exchanges_extended", true}} {
		n, err := exchanges(ctx, chip, form.extended, card.InspectConfig{
			SignatureRoots: authority.SignatureRoots(), AuthenticationRoots: authority.AuthenticationRoots(),
			MunicipalRoots: authority.MunicipalRoots(), At: now,
		})
		if err != nil {
			return err
		}
		p.count(form.figure, n)
	}
	return nil
}

// exchanges takes one reading from a card just put on the reader. What it brings must be without a failed check.
func exchanges(ctx context.Context, chip *cardsim.Card, extended bool, c card.InspectConfig) (int, error) {
	chip.Unpower()
	n := 0
	tap := apdu.Tap{Transmitter: chip, Seen: func(_, _ []byte, _ error) { n++ }}
	r, err := card.Read(ctx, tap, chip.Person().Secrets(), card.Options{
		Challenge: make([]byte, 32), Binding: []byte("benchmark"), Extended: extended,
	})
	if err != nil {
		return 0, err
	}
	contents, v := r.Inspect(c)
	if failed := v.Failed(); len(failed) > 0 || contents.Face == nil || len(contents.Face.Portrait) != portraitSize {
		return 0, fmt.Errorf("the reading is not good: %d checks failed", len(failed))
	}
	return n, nil
}
