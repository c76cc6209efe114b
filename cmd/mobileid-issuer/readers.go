package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/http"
	"os"
	"slices"
	"time"

	"mobileid/issuer/card/cardsim"
	"mobileid/issuer/card/jp2"
	"mobileid/mdoc/apdu"
	"mobileid/mdoc/apdu/pcsc"
)

const lookEvery = 200 * time.Millisecond

// lateHandler is a handler that is known only when the address is: it is set before anything is served.
type lateHandler struct{ http.Handler }

// pcscReader is a reader of this PC. Other programs are kept out of the card while it is held; letting go takes the power off.
type pcscReader struct {
	client *pcsc.Client
	name   string // empty is whichever reader has a card
}

// look asks for the readers once, better at the start than with a holder at the counter. Without pcscd there is an error; a reader
// that is not plugged in may still come and is told in the log.
func look(ctx context.Context, client *pcsc.Client, name string, log *slog.Logger) error {
	readers, err := client.Readers(ctx)
	if err != nil {
		return err
	}
	named := func(r pcsc.Reader) bool { return name == "" || r.Name == name }
	if !slices.ContainsFunc(readers, named) {
		log.WarnContext(ctx, "no such card reader is connected: plug it in, and compare the name with mobileid card list", "reader", name, "connected", len(readers))
	}
	return nil
}

// Wait waits for a card that answers.
func (p pcscReader) Wait(ctx context.Context) (apdu.Transmitter, func(), error) {
	r, err := p.client.WaitCard(ctx, p.name)
	if err != nil {
		return nil, nil, err
	}
	k, err := p.client.Connect(ctx, r.Name, pcsc.ConnectOptions{})
	if err != nil {
		return nil, nil, err
	}
	return k, func() { _ = k.Close() }, nil // a card that is gone needs no closing
}

// modelReader is a reader for a saved model: the card is in the field while its file is there. Tries that were spent are in the
// file before the card answers.
type modelReader struct{ path string }

// Wait waits for the file.
func (m modelReader) Wait(ctx context.Context) (apdu.Transmitter, func(), error) {
	ticker := time.NewTicker(lookEvery)
	defer ticker.Stop()
	for {
		k, err := cardsim.OpenState(m.path)
		if err == nil {
			return modelCard{k, m.path}, func() { _ = k.Close() }, nil // nothing is written here: every try was
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return nil, nil, fmt.Errorf("opening the model: %w", err)
		}
		select {
		case <-ctx.Done():
			return nil, nil, ctx.Err()
		case <-ticker.C:
		}
	}
}

// modelCard is a model whose file can be taken away.
type modelCard struct {
	*cardsim.Card
	path string
}

// Transmit hands the command to the card, unless it was pulled away.
func (m modelCard) Transmit(ctx context.Context, command []byte) ([]byte, error) {
	if _, err := os.Stat(m.path); err != nil {
		return nil, cardsim.ErrPulled
	}
	return m.Card.Transmit(ctx, command)
}

// decoder shows portraits through OpenJPEG, as PNG.
type decoder struct{ jp2.Decoder }

// show is a counter.DecodePortrait.
func (d decoder) show(ctx context.Context, portrait []byte) ([]byte, string, error) {
	picture, err := d.PNG(ctx, portrait)
	return picture, "image/png", err
}
