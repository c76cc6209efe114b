package main

import (
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"mobileid/cmd/internal/usage"
	"mobileid/cmd/internal/virtualreader"
	"mobileid/cmd/mobileid/internal/ceremony"
	"mobileid/cmd/mobileid/internal/demo"
	"mobileid/issuer/card/cardsim"
	"mobileid/mdoc/apdu/vpcd"

	"github.com/spf13/cobra"
)

// serving is what the command line of card serve says.
type serving struct {
	vpcd, person, state string
	slow, retry         time.Duration
	flaky               bool
	removeAfter         int
}

func cardServeCommand() *cobra.Command {
	s := serving{}
	c := &cobra.Command{
		Use:   "serve",
		Short: "Put a modelled My Number card into a virtual PC/SC reader",
		Long: `Put a modelled My Number card into a virtual PC/SC reader (vpcd of the vsmartcard project), where every program that uses
PC/SC meets it: opensc-tool, pkcs11-tool, browsers, mobileid card. Ctrl-C takes it out. When the reader goes it is tried again.

Test secrets of the modelled people: all PINs ` + cardsim.TestPIN + `, signature password ` + cardsim.TestPassword + `.

The card is made for the run, with new keys under a TEST authority of its own, unless --state names one that mobileid card new made; its
file keeps every spent try.

--slow, --flaky and --remove-after misbehave on purpose, to try readers out. The reader is not authenticated, so other
addresses than loopback are refused.`,
		Example: `  mobileid card serve --vpcd 127.0.0.1:` + vpcd.DefaultPort + `
  mobileid card serve --vpcd 127.0.0.1:` + vpcd.DefaultPort + ` --person leapday --remove-after 40
  opensc-tool --list-readers`,
		Args: cardArguments(0),
		RunE: func(c *cobra.Command, _ []string) error { return s.run(c) },
	}
	f := c.Flags()
	f.StringVar(&s.vpcd, "vpcd", "", "loopback `HOST:PORT` where the virtual reader listens; Debian's listens at "+vpcd.DefaultPort)
	f.StringVar(&s.person, "person", "birthday", "`PERSON`: "+strings.Join(demo.Persons(time.Now()), ", ")+", or a YAML file")
	f.StringVar(&s.state, "state", "", "`FILE` of a saved card, in place of --person")
	f.DurationVar(&s.slow, "slow", 0, "answer each command after this `TIME`, such as 500ms")
	f.BoolVar(&s.flaky, "flaky", false, "spoil one command in 16, at random")
	f.IntVar(&s.removeAfter, "remove-after", 0, "take the card out whenever `N` commands were answered, and put it back")
	f.DurationVar(&s.retry, "retry", time.Second, "`TIME` between two tries to reach the reader, and how long the card stays out")
	_ = c.MarkFlagRequired("vpcd") // the flag was defined just above
	return c
}

func (s serving) run(c *cobra.Command) (err error) {
	if _, _, err := net.SplitHostPort(s.vpcd); err != nil || s.slow < 0 || s.removeAfter < 0 || s.retry <= 0 {
		return usage.Errorf("--vpcd needs HOST:PORT, and times and numbers must not be negative")
	}
	if s.vpcd, err = virtualreader.Loopback(c.Context(), s.vpcd); err != nil {
		return usage.Errorf("--vpcd: %w", err)
	}
	card, done, err := openServedCard(s.person, s.state, time.Now())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, done()) }()
	out := virtualreader.NewNotices(c.OutOrStdout(), s.vpcd)
	if err := vpcd.Serve(c.Context(), s.vpcd, s.misbehave(card), vpcd.Options{Retry: s.retry, Notice: out.Tell}); err != nil {
		return fmt.Errorf("serving the card: %w", err)
	}
	return nil
}

func (s serving) misbehave(card vpcd.Card) vpcd.Card {
	var all []vpcd.Misbehaviour
	if s.flaky {
		all = append(all, vpcd.Flaky(rand.Reader))
	}
	if s.slow > 0 {
		all = append(all, vpcd.Slow(s.slow))
	}
	if s.removeAfter > 0 {
		all = append(all, vpcd.RemoveAfter(s.removeAfter))
	}
	return vpcd.Misbehave(card, all...)
}

// openServedCard is where the card comes from: a saved one, whose file keeps what becomes of it, or a new one of the person. done gives it back.
func openServedCard(person, state string, now time.Time) (card *cardsim.Card, done func() error, err error) {
	if state != "" {
		if card, err = cardsim.OpenState(state); err != nil {
			return nil, nil, fmt.Errorf("opening the card: %w", err)
		}
		return card, card.Close, nil
	}
	p, _, err := ceremony.FindPerson(person, now)
	if errors.Is(err, ceremony.ErrPerson) {
		return nil, nil, usage.Errorf("no person %q: %w", person, err)
	}
	if err != nil {
		return nil, nil, err
	}
	a, err := cardsim.NewAuthority(cardsim.AuthorityConfig{Now: func() time.Time { return now }})
	if err != nil {
		return nil, nil, fmt.Errorf("making the card: %w", err)
	}
	card, err = cardsim.New(p, a, cardsim.Options{})
	return card, func() error { return nil }, err
}
