package main

import (
	"context"
	"errors"
	"fmt"

	"mobileid/cmd/internal/phone"
	"mobileid/cmd/internal/serve"
	"mobileid/cmd/internal/terminal"
	"mobileid/cmd/internal/usage"
	"mobileid/issuer/card"
	"mobileid/issuer/card/cardsim"
	"mobileid/tsm/applet"
	"mobileid/tsm/se"

	"github.com/spf13/cobra"
)

// application is what the flags of provision say.
type application struct {
	services
	tapped
	place
	state, pinFile string
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
	a.services.flags(c)
	a.tapped.flags(c, w.now())
	a.place.flags(c)
	slotPINFlag(c, &a.pinFile)
	return required(c, "state", "issuer", "tsm", "person", "authority", "slot", "pin-file")
}

func (w *wallet) provision(ctx context.Context, a application) error {
	person, err := a.who(w.now())
	if err != nil {
		return err
	}
	slot, purpose, err := a.place.check()
	if err != nil {
		return err
	}
	if err := a.services.check(); err != nil {
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
			return w.apply(ctx, a.phone(element), chip, phone.Application{Slot: slot, Purpose: purpose})
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
