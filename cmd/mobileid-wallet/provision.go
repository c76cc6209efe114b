package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"mobileid/cmd/internal/phone"
	"mobileid/cmd/internal/serve"
	"mobileid/cmd/internal/terminal"
	"mobileid/cmd/internal/usage"
	"mobileid/issuer/card"
	"mobileid/issuer/card/cardsim"
	"mobileid/mdoc/provisioning"
	"mobileid/tsm/applet"
	"mobileid/tsm/se"

	"github.com/spf13/cobra"
)

// application is what the flags of provision say.
type application struct {
	state, issuer, tsm, person, dir, purpose, pinFile string
	slot                                              int
}

func (w *wallet) provisionCommand() *cobra.Command {
	var a application
	c := &cobra.Command{
		Use:   "provision",
		Short: "Tap a modelled card and have a credential put into a slot",
		Long: `Tap a modelled My Number card of a fictitious person, prove it to the issuer, let the TSM provision the slot, and set its PIN. In
a slot that has a PIN already the credential is renewed: the PIN given must be that one.`,
		Example: `  mobileid-wallet provision --state phone.se --authority state --person birthday --slot 1 --pin-file - \
    --issuer http://127.0.0.1:8081 --tsm http://127.0.0.1:8082`,
		Args: usage.AtMost(0),
		RunE: func(c *cobra.Command, _ []string) error { return w.provision(c.Context(), a) },
	}
	stateFlag(c, &a.state)
	f := c.Flags()
	f.StringVar(&a.issuer, "issuer", "", "`URL` of mobileid-issuer")
	f.StringVar(&a.tsm, "tsm", "", "`URL` of mobileid-tsm")
	f.StringVar(&a.person, "person", "", "`ID` of the modelled person: "+strings.Join(people(w.now()), ", "))
	f.StringVar(&a.dir, "authority", "", "`DIR` that mobileid pki new made")
	f.IntVar(&a.slot, "slot", 0, fmt.Sprintf("credential slot, 1 to %d", maxSlot))
	f.StringVar(&a.purpose, "purpose", "sign", "what the device key is for all its life: sign or mac")
	f.StringVar(&a.pinFile, "pin-file", "", "`FILE` with the PIN, mode 0600, or - for the first line of standard input")
	return required(c, "state", "issuer", "tsm", "person", "authority", "slot", "pin-file")
}

func people(today time.Time) []string {
	var ids []string
	for _, p := range cardsim.People(today) {
		ids = append(ids, p.ID)
	}
	return ids
}

func (w *wallet) provision(ctx context.Context, a application) error {
	person, known := cardsim.PersonByID(a.person, w.now())
	purpose, named := map[string]provisioning.Purpose{"sign": provisioning.PurposeSign, "mac": provisioning.PurposeMAC}[a.purpose]
	slot, err := checkSlot(a.slot)
	switch {
	case !known:
		return usage.Errorf("--person is none of %s", strings.Join(people(w.now()), ", "))
	case !named:
		return usage.Errorf("--purpose is neither sign nor mac")
	case err != nil:
		return err
	}
	if err := cmp.Or(checkURL("issuer", a.issuer), checkURL("tsm", a.tsm)); err != nil {
		return err
	}
	pin, err := w.pin(ctx, a.pinFile)
	if err != nil {
		return err
	}
	chip, err := makeCard(person, authority(a.dir))
	if err != nil {
		return err
	}
	return w.withElement(a.state, func(element *se.SE) error {
		return w.intoSlot(ctx, applet.NewClient(element, slot), slot, pin, func() error {
			p := &phone.Phone{SE: element, SEID: element.ID(), IssuerURL: a.issuer, TSMURL: a.tsm}
			return w.apply(ctx, p, chip, phone.Application{Slot: slot, Purpose: purpose})
		})
	})
}

// intoSlot has a credential put into a slot by provision. A slot that has a PIN is renewed, for whoever knows it; the PIN of another is set once the
// credential is there.
func (w *wallet) intoSlot(ctx context.Context, client *applet.Client, slot byte, pin string, provision func() error) error {
	renewal, err := hasPIN(ctx, client)
	if err != nil {
		return err
	}
	if renewal {
		if err := client.VerifyPIN(ctx, pin); err != nil {
			return fmt.Errorf("slot %d is in use: %w", slot, err)
		}
	}
	if err := provision(); err != nil {
		return err
	}
	if renewal {
		return w.print("the PIN of slot %d stays as it was\n", slot)
	}
	if err := client.SetPIN(ctx, pin); err != nil {
		return err
	}
	return w.print("the PIN of slot %d is set\n", slot)
}

// makeCard personalises a card for this one tap. Its authority is the one the issuer trusts.
func makeCard(person cardsim.Person, dir authority) (*cardsim.Card, error) {
	saved, err := serve.ReadPrivate(dir.cardMaker(), maxCardMaker)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errNoAuthority, err)
	}
	defer clear(saved)
	maker, err := cardsim.ParseAuthority(saved, cardsim.AuthorityConfig{})
	if err != nil {
		return nil, fmt.Errorf("reading the authority of modelled cards: %w", err)
	}
	chip, err := cardsim.New(person, maker, cardsim.Options{})
	if err != nil {
		return nil, fmt.Errorf("making the modelled card: %w", err)
	}
	return chip, nil
}

// hasPIN tells whether the slot is in use with a PIN.
func hasPIN(ctx context.Context, client *applet.Client) (bool, error) {
	info, err := client.Info(ctx)
	if errors.Is(err, applet.ErrEmpty) {
		return false, nil
	}
	return info.PINSet, err
}

// apply taps the card over the issuer's challenge, sends what it said, and has the TSM come by.
func (w *wallet) apply(ctx context.Context, p *phone.Phone, chip *cardsim.Card, a phone.Application) error {
	t, err := p.Start(ctx)
	if err != nil {
		return err
	}
	reading, err := card.Read(ctx, chip, chip.Person().Secrets(), card.Options{Challenge: t.Challenge, Binding: p.SEID})
	chip.Unpower()
	if err != nil {
		return fmt.Errorf("reading the card: %w", err)
	}
	if a.Reading, err = reading.Bytes(); err != nil {
		return fmt.Errorf("reading the card: %w", err)
	}
	size, progress, err := p.Submit(ctx, t, a)
	if err != nil {
		return err
	}
	if err := w.print("evidence: %d bytes sent; state %s, order %s\n", size, terminal.Printable(progress.State), terminal.Printable(progress.OrderID)); err != nil {
		return err
	}
	result, err := p.Contact(ctx)
	if err != nil {
		return err
	}
	if progress, err = p.State(ctx, t); err != nil {
		return err
	}
	if err := w.print("contact: %d APDUs in %d HTTP round trips; state %s\n", result.APDUs, result.RoundTrips, terminal.Printable(progress.State)); err != nil {
		return err
	}
	if progress.State != "active" {
		return fmt.Errorf("the credential is %s, not active", terminal.Printable(progress.State))
	}
	return nil
}
