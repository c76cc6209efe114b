package cardtool

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"mobileid/issuer/card/cardsim"
	"mobileid/mdoc/apdu"
	"mobileid/mdoc/apdu/pcsc"
)

// Errors about readers.
var (
	ErrNoReader = errors.New("no reader is connected: plug one in (mobileid card list shows it), or name a saved model with --model FILE")
	ErrNoCard   = errors.New("no card in the reader: put it in, or lay it on, and try again")
	ErrWhich    = errors.New("several readers could be meant: name one with --reader (mobileid card list shows them)")
)

// openCard powers up the card in the named reader, "" being the only one with a card, or the model of --model. Other programs are kept out until
// the function given back ends that and takes the power off, so that nothing a PIN opened stays open.
func (t *Tool) openCard(ctx context.Context, reader string) (apdu.Transmitter, func() error, error) {
	if err := ctx.Err(); err != nil {
		return nil, nil, err
	}
	if t.o.Model != "" {
		if reader != "" {
			return nil, nil, misuse("--reader and --model exclude each other")
		}
		k, err := t.openModel()
		if err != nil {
			return nil, nil, err
		}
		return k, k.Close, nil
	}
	client := pcsc.New(pcsc.Options{Timeout: t.o.Timeout})
	card, err := connect(ctx, client, reader)
	if err != nil {
		client.Close()
		return nil, nil, err
	}
	return card, func() error {
		defer client.Close()
		return card.Close()
	}, nil
}

func connect(ctx context.Context, client *pcsc.Client, reader string) (*pcsc.Card, error) {
	all, err := client.Readers(ctx)
	if err != nil {
		return nil, err
	}
	name, err := choose(all, reader)
	if err != nil {
		return nil, err
	}
	card, err := client.Connect(ctx, name, pcsc.ConnectOptions{})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return card, nil
}

// choose finds the reader meant: by its name or a part of it that no other has; without a name, the only one with a card.
func choose(all []pcsc.Reader, name string) (string, error) {
	if len(all) == 0 {
		return "", ErrNoReader
	}
	var named, withCard []string
	for _, r := range all {
		if r.Name == name {
			return name, nil
		}
		if strings.Contains(r.Name, name) {
			named = append(named, r.Name)
			if r.HasCard() {
				withCard = append(withCard, r.Name)
			}
		}
	}
	switch {
	case len(named) == 0:
		return "", misuse("no reader is called so: see mobileid card list")
	case len(withCard) == 1:
		return withCard[0], nil
	case len(withCard) == 0:
		return "", ErrNoCard
	}
	return "", ErrWhich
}

// openModel takes a saved model's file for this process alone; what a try or a change does to it is in the file before the card answers.
func (t *Tool) openModel() (*cardsim.Card, error) {
	k, err := cardsim.OpenState(t.o.Model)
	if err != nil {
		return nil, fmt.Errorf("opening the model: %w", err)
	}
	return k, nil
}

// A readerState is a reader and what is in it.
type readerState struct {
	Reader string `json:"reader"`
	Card   bool   `json:"card"`
	ATR    string `json:"atr,omitempty"`
}

// readers lists the readers there are.
func (t *Tool) readers(ctx context.Context) ([]readerState, error) {
	if t.o.Model != "" {
		k, err := t.openModel()
		if err != nil {
			return nil, err
		}
		return []readerState{{Reader: "model " + filepath.Base(t.o.Model), Card: true, ATR: fmt.Sprintf("%X", k.ATR())}}, k.Close()
	}
	client := pcsc.New(pcsc.Options{Timeout: t.o.Timeout})
	defer client.Close()
	all, err := client.Readers(ctx)
	if err != nil {
		return nil, err
	}
	out := make([]readerState, 0, len(all))
	for _, r := range all {
		out = append(out, readerState{Reader: r.Name, Card: r.HasCard(), ATR: fmt.Sprintf("%X", r.ATR)})
	}
	return out, nil
}
