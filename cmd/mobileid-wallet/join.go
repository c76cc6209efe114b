package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"mobileid/cmd/internal/phone"
	"mobileid/cmd/internal/serve"
	"mobileid/cmd/internal/terminal"
	"mobileid/cmd/internal/usage"
	"mobileid/mdoc/provisioning"
	"mobileid/tsm/applet"
	"mobileid/tsm/se"

	"github.com/spf13/cobra"
)

// askEvery is how often a phone at a counter asks its issuer how far the visit is.
const askEvery = time.Second

// visit is what the flags of join say.
type visit struct {
	services
	place
	state, pinFile, invitationFile string
}

func (w *wallet) joinCommand() *cobra.Command {
	var v visit
	c := &cobra.Command{
		Use:   "join",
		Short: "Take up a session of a municipal counter and have a credential put into a slot",
		Long: `Take up the session whose QR code a counter shows, show the code that the clerk types, wait for the card to be tapped at the
counter, let the TSM provision the slot, and set its PIN. In a slot that has a PIN already the credential is renewed: the
PIN given must be that one.`,
		Example: `  mobileid-wallet join --state phone.se --slot 1 --pin-file pin --invitation-file - \
    --issuer http://127.0.0.1:8081 --tsm http://127.0.0.1:8082`,
		Args: usage.AtMost(0),
		RunE: func(c *cobra.Command, _ []string) error { return w.join(c.Context(), v) },
	}
	stateFlag(c, &v.state)
	v.services.flags(c)
	v.place.flags(c)
	slotPINFlag(c, &v.pinFile)
	c.Flags().StringVar(&v.invitationFile, "invitation-file", "", "`FILE` with the text of the QR code, mode 0600, or - for the next line of standard input")
	return required(c, "state", "issuer", "tsm", "slot", "pin-file", "invitation-file")
}

func (w *wallet) join(ctx context.Context, v visit) error {
	slot, purpose, err := v.place.check()
	if err != nil {
		return err
	}
	if err := v.services.check(); err != nil {
		return err
	}
	pin, err := w.pin(ctx, v.pinFile)
	if err != nil {
		return err
	}
	invitation, err := w.invitation(ctx, v.invitationFile)
	if err != nil {
		return err
	}
	return w.withElement(v.state, func(element *se.SE) error {
		return w.intoSlot(ctx, applet.NewClient(element, slot), slot, pin, func() error {
			return w.attend(ctx, v.phone(element), invitation, slot, purpose)
		})
	})
}

// invitation reads what a camera would: one line.
func (w *wallet) invitation(ctx context.Context, path string) (string, error) {
	if path == "-" {
		line, err := w.line(ctx)
		if err != nil {
			return "", fmt.Errorf("reading the invitation: %w", err)
		}
		return strings.TrimSpace(line), nil
	}
	data, err := serve.ReadPrivate(path, maxSecret)
	if err != nil {
		return "", fmt.Errorf("reading the invitation: %w", err)
	}
	return strings.TrimSpace(string(data)), nil
}

// attend shows the code, waits for the counter, and has the TSM come by.
func (w *wallet) attend(ctx context.Context, p *phone.Phone, invitation string, slot byte, purpose provisioning.Purpose) error {
	v, err := p.Join(ctx, invitation, slot, purpose)
	if err != nil {
		return err
	}
	if err := w.print("tell the clerk this code, and nobody else: %s\n", terminal.Printable(v.Code)); err != nil {
		return err
	}
	if _, err := p.Ordered(ctx, v, askEvery); err != nil {
		return err
	}
	if _, err := p.Contact(ctx); err != nil {
		return err
	}
	progress, err := p.VisitState(ctx, v)
	if err != nil {
		return err
	}
	if progress.State != "active" {
		return errors.New("the credential is " + terminal.Printable(progress.State) + ", not active")
	}
	return w.print("state %s, order %s\n", terminal.Printable(progress.State), terminal.Printable(progress.OrderID))
}
