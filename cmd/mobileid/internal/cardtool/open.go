package cardtool

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"mobileid/cmd/internal/usage"
	"mobileid/cmd/mobileid/internal/inspect"
	"mobileid/issuer/card/cardsim"
	"mobileid/mdoc/apdu"
	"mobileid/mdoc/apdu/pcsc"
)

// openCard powers up the card in the named reader, or the model of --model. Without a name it is the only reader with a card, and a
// card is waited for where there is none. The function given back ends that.
func (t *Tool) openCard(ctx context.Context, reader string) (apdu.Transmitter, func() error, error) {
	if err := ctx.Err(); err != nil {
		return nil, nil, err
	}
	if t.o.Model != "" {
		return t.openModel(reader)
	}
	client := t.client()
	name, err := t.readerWithCard(ctx, client, reader)
	if err != nil {
		client.Close()
		return nil, nil, err
	}
	k, err := client.Connect(ctx, name, pcsc.ConnectOptions{})
	if err != nil {
		client.Close()
		return nil, nil, fmt.Errorf("opening the card: %w", err)
	}
	return k, func() error {
		defer client.Close()
		_ = k.Close() // the card may be gone, and the exchange before has told that
		return nil
	}, nil
}

func (t *Tool) client() *pcsc.Client {
	return pcsc.New(pcsc.Options{Timeout: t.o.Timeout, Socket: t.o.Socket})
}

// readerWithCard finds the reader to open.
func (t *Tool) readerWithCard(ctx context.Context, client *pcsc.Client, name string) (string, error) {
	all, err := client.Readers(ctx)
	if err != nil {
		return "", err
	}
	var names, with []string
	for _, r := range all {
		names = append(names, r.Name)
		if r.HasCard() && (name == "" || r.Name == name) {
			with = append(with, r.Name)
		}
	}
	switch {
	case len(all) == 0:
		return "", &inspect.Problem{
			Err:  errors.New(t.words.say("there is no card reader", "カードリーダーがありません")),
			Hint: t.words.say("plug one in", "カードリーダーを接続してください"),
		}
	case name != "" && !slices.Contains(names, name):
		return "", usage.Errorf("%s: %s", t.words.say("there is no such reader; there are", "そのリーダーはありません。あるのは"), strings.Join(names, ", "))
	case len(with) > 1:
		return "", usage.Errorf("%s: %s", t.words.say("several readers have a card: choose with --reader", "複数のリーダーにカードがあります。--reader で選んでください"), strings.Join(with, ", "))
	case len(with) == 1:
		return with[0], nil
	}
	return t.waitCard(ctx, client, name)
}

func (t *Tool) waitCard(ctx context.Context, client *pcsc.Client, name string) (string, error) {
	fmt.Fprintln(t.o.Err, t.words.say("waiting for a card", "カードを置いてください"))
	waiting, cancel := context.WithTimeout(ctx, t.o.Timeout)
	defer cancel()
	r, err := client.WaitCard(waiting, name)
	if err != nil && waiting.Err() != nil && ctx.Err() == nil {
		return "", &inspect.Problem{
			Err:  &worded{t.words.noCardCame(t.o.Timeout), err},
			Hint: t.words.say("--timeout waits longer", "--timeout で待つ時間を延ばせます"),
		}
	}
	return r.Name, err
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
		k, closing, err := t.openModel("")
		if err != nil {
			return nil, err
		}
		model, _ := k.(*cardsim.Card)
		return []readerState{{"model " + filepath.Base(t.o.Model), true, strings.ToUpper(hex.EncodeToString(model.ATR()))}}, closing()
	}
	client := t.client()
	defer client.Close()
	all, err := client.Readers(ctx)
	if err != nil {
		return nil, t.explain(err)
	}
	states := []readerState{}
	for _, r := range all {
		states = append(states, readerState{r.Name, r.HasCard(), strings.ToUpper(hex.EncodeToString(r.ATR))})
	}
	return states, nil
}

// openModel opens a saved card for this process alone; what a try or a change does to it is in the file before the card answers.
func (t *Tool) openModel(reader string) (apdu.Transmitter, func() error, error) {
	if reader != "" {
		return nil, nil, usage.Errorf("--reader and --model exclude each other")
	}
	k, err := cardsim.OpenState(t.o.Model)
	if err != nil {
		return nil, nil, fmt.Errorf("opening the model: %w", err)
	}
	return k, func() error {
		k.Unpower()
		return k.Close()
	}, nil
}
