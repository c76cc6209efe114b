package setool

import (
	"context"
	"errors"
	"fmt"
	"time"

	"mobileid/cmd/internal/phone"
	"mobileid/cmd/internal/usage"
	"mobileid/mdoc/apdu"
	"mobileid/mdoc/apdu/pcsc"
	"mobileid/tsm/se"
)

// with opens the card and gives it to do. Errors come with advice.
func (t *Tool) with(ctx context.Context, do func(apdu.Transmitter) error) error {
	tr, closing, err := t.open(ctx)
	if err != nil {
		return explain(err)
	}
	if t.o.Wrap != nil {
		tr = t.o.Wrap(tr)
	}
	err = do(bounded{tr, t.o.Timeout})
	return explain(errors.Join(err, closing()))
}

// bounded waits for each answer no longer than timeout.
type bounded struct {
	apdu.Transmitter
	timeout time.Duration
}

func (b bounded) Transmit(ctx context.Context, command []byte) ([]byte, error) {
	limited, cancel := context.WithTimeout(ctx, b.timeout)
	defer cancel()
	return b.Transmitter.Transmit(limited, command)
}

// open powers up the card in a reader, or the model. The function given back ends that.
func (t *Tool) open(ctx context.Context) (apdu.Transmitter, func() error, error) {
	if t.o.Model != "" {
		s, err := se.Open(t.o.Model, se.Config{Applets: phone.Applets()})
		if err != nil {
			return nil, nil, fmt.Errorf("opening the model: %w", err)
		}
		return s, s.Close, nil
	}
	client := pcsc.New(pcsc.Options{Timeout: t.o.Timeout, Socket: t.o.Socket})
	k, err := t.reach(ctx, client)
	if err != nil {
		client.Close()
		return nil, nil, err
	}
	return k, func() error {
		defer client.Close()
		_ = k.Close() // the card may be gone, and the exchange before has told that
		return nil
	}, nil
}

// reach waits for a card where there is none and connects to it.
func (t *Tool) reach(ctx context.Context, client *pcsc.Client) (*pcsc.Card, error) {
	r, err := client.Find(ctx, t.o.Reader)
	if errors.Is(err, pcsc.NoCard) {
		fmt.Fprintln(t.o.Err, "waiting for a card")
		waiting, cancel := context.WithTimeout(ctx, t.o.Timeout)
		defer cancel()
		if r, err = client.WaitCard(waiting, t.o.Reader); err != nil && waiting.Err() != nil && ctx.Err() == nil {
			return nil, fmt.Errorf("no card came within %v: put it on the reader: %w", t.o.Timeout, err)
		}
	}
	if errors.Is(err, pcsc.ErrSeveral) {
		return nil, usage.Errorf("several readers have a card: choose with --reader (mobileid card list)")
	}
	if err != nil {
		return nil, err
	}
	k, err := client.Connect(ctx, r.Name, pcsc.ConnectOptions{})
	if err != nil {
		return nil, fmt.Errorf("opening the card: %w", err)
	}
	return k, nil
}
