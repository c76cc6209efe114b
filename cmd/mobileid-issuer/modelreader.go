package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"mobileid/issuer/card/cardsim"
	"mobileid/mdoc/apdu"
)

const (
	maxCard   = 1 << 20
	lookEvery = 200 * time.Millisecond
)

// lateHandler is a handler that is known only when the address is: it is set before anything is served.
type lateHandler struct{ http.Handler }

// modelReader is a reader for a modelled card in a file: the card is in the field while the file is there. Tries that were
// spent stay spent: the file is written back with each.
type modelReader struct{ path string }

// Wait waits for the file.
func (m modelReader) Wait(ctx context.Context) (apdu.Transmitter, func(), error) {
	ticker := time.NewTicker(lookEvery)
	defer ticker.Stop()
	for {
		raw, err := readPrivate(m.path, maxCard)
		if err == nil {
			return m.open(raw)
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return nil, nil, fmt.Errorf("reading modelled card: %w", err)
		}
		select {
		case <-ctx.Done():
			return nil, nil, ctx.Err()
		case <-ticker.C:
		}
	}
}

func (m modelReader) open(raw []byte) (apdu.Transmitter, func(), error) {
	chip, err := cardsim.ParseCard(raw)
	if err != nil {
		return nil, nil, fmt.Errorf("reading modelled card: %w", err)
	}
	return &modelCard{Card: chip, path: m.path}, chip.Unpower, nil
}

// modelCard writes the card back after every command that spends or resets tries, so that a spent one survives the process.
type modelCard struct {
	*cardsim.Card
	path string
}

const insVerify = 0x20

// Transmit hands the command to the card; a card whose file is gone was pulled away.
func (m *modelCard) Transmit(ctx context.Context, command []byte) ([]byte, error) {
	if _, err := os.Stat(m.path); err != nil {
		return nil, cardsim.ErrPulled
	}
	answer, err := m.Card.Transmit(ctx, command)
	if err != nil || len(command) < 2 || command[1] != insVerify {
		return answer, err
	}
	return answer, m.save()
}

// save replaces the file whole.
func (m *modelCard) save() error {
	raw, err := m.Save()
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(m.path), filepath.Base(m.path)+".*") // made with mode 0600
	if err != nil {
		return err
	}
	_, err = f.Write(raw)
	if err = errors.Join(err, f.Sync(), f.Close()); err == nil {
		err = os.Rename(f.Name(), m.path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}
