package demo

import (
	"context"
	"fmt"
	"path/filepath"

	"mobileid/cmd/internal/serve"
	"mobileid/cmd/mobileid/internal/ceremony"
	"mobileid/issuer/card/cardsim"
	"mobileid/mdoc/apdu"
	"mobileid/mdoc/apdu/pcsc"
	"mobileid/mdoc/apdu/pcsctest"
)

// Ways to the card.
const (
	// InProcess asks the modelled card in this process.
	InProcess = "model"
	// ThroughPCSC goes through pcscd: with a card of Options.CardDir in a reader of this machine, otherwise with the modelled card in
	// the virtual reader of a pcscd of the run's own.
	ThroughPCSC = "pcsc"
)

// field is where a card is tapped: it gives the powered card, and a function that takes the power off.
type field func(context.Context) (apdu.Transmitter, func() error, error)

func (w *world) openField(ctx context.Context) (err error) {
	switch {
	case w.options.Card == InProcess:
		w.field = func(context.Context) (apdu.Transmitter, func() error, error) {
			w.card.Unpower()
			return w.card, func() error { return nil }, nil
		}
	case w.options.CardDir != "":
		client := pcsc.New(pcsc.Options{})
		w.closers = append(w.closers, func() error { client.Close(); return nil })
		w.field = func(ctx context.Context) (apdu.Transmitter, func() error, error) {
			reader, err := client.Find(ctx, w.options.Reader)
			if err != nil {
				return nil, nil, err
			}
			return connect(ctx, client, reader.Name)
		}
	default:
		err = w.virtualReader(ctx)
	}
	return err
}

// virtualReader starts a pcscd and puts the modelled card into its reader.
func (w *world) virtualReader(ctx context.Context) error {
	daemon, err := pcsctest.Start(ctx)
	if err != nil {
		return err
	}
	w.closers = append(w.closers, func() error { daemon.Stop(); return nil })
	stay, err := daemon.Insert(ctx, w.card)
	if err != nil {
		return err
	}
	w.closers = append(w.closers, func() error { return stay.Remove(context.WithoutCancel(ctx)) })
	w.field = func(ctx context.Context) (apdu.Transmitter, func() error, error) {
		return connect(ctx, daemon.Client(), daemon.Reader)
	}
	return nil
}

func connect(ctx context.Context, client *pcsc.Client, reader string) (apdu.Transmitter, func() error, error) {
	k, err := client.Connect(ctx, reader, pcsc.ConnectOptions{})
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", reader, err)
	}
	return k, k.Close, nil
}

// maxSaved bounds the files of a folder that mobileid card new made.
const maxSaved = 1 << 20

// savedCard takes the authority and the person from Options.CardDir; the card itself is in a reader, where another process may serve it.
func (w *world) savedCard() error {
	authority, err := readSaved(w.options.CardDir, ceremony.CardAuthority)
	if err != nil {
		return err
	}
	defer clear(authority)
	if w.cards, err = cardsim.ParseAuthority(authority, cardsim.AuthorityConfig{Now: w.options.Now}); err != nil {
		return err
	}
	state, err := readSaved(w.options.CardDir, ceremony.CardState)
	if err != nil {
		return err
	}
	defer clear(state)
	k, err := cardsim.ParseCard(state)
	if err != nil {
		return err
	}
	w.person = k.Person()
	return nil
}

func readSaved(dir, name string) ([]byte, error) {
	raw, err := serve.ReadFile(filepath.Join(dir, name), maxSaved)
	if err != nil {
		return nil, fmt.Errorf("opening the card's folder: make one with mobileid card new --out DIR (%w)", err)
	}
	return raw, nil
}
