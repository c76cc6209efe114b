package cardtool

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"

	"mobileid/issuer/card/cardsim"
	"mobileid/mdoc/apdu"
)

// ErrNoReader says that no reader can be reached.
var ErrNoReader = errors.New("this program was built without PC/SC: name a saved model with --model FILE")

// maxModel bounds a saved model.
const maxModel = 1 << 20

// openCard powers up the card in the named reader, "" being the only one, or the model of --model. The function given back ends that.
func (t *Tool) openCard(ctx context.Context, reader string) (apdu.Transmitter, func() error, error) {
	if err := ctx.Err(); err != nil {
		return nil, nil, err
	}
	if t.o.Model == "" {
		return nil, nil, ErrNoReader
	}
	if reader != "" {
		return nil, nil, misuse("--reader and --model exclude each other")
	}
	m, err := openModel(t.o.Model)
	if err != nil {
		return nil, nil, err
	}
	return m, m.Close, nil
}

// A readerState is a reader and what is in it.
type readerState struct {
	Reader string `json:"reader"`
	Card   bool   `json:"card"`
	ATR    string `json:"atr,omitempty"`
}

// readers lists the readers there are.
func (t *Tool) readers(ctx context.Context) ([]readerState, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if t.o.Model == "" {
		return nil, ErrNoReader
	}
	if _, err := readPrivate(t.o.Model, maxModel); err != nil {
		return nil, fmt.Errorf("opening the model: %w", err)
	}
	return []readerState{{Reader: "model " + filepath.Base(t.o.Model), Card: true}}, nil
}

// model is a saved card. What a try or a change does to it is in the file before the answer is given.
type model struct {
	path string
	mu   sync.Mutex // one command at a time
	card *cardsim.Card
}

func openModel(path string) (*model, error) {
	raw, err := readPrivate(path, maxModel)
	if err != nil {
		return nil, fmt.Errorf("opening the model: %w", err)
	}
	k, err := cardsim.ParseCard(raw)
	clear(raw)
	if err != nil {
		return nil, fmt.Errorf("opening the model: %w", err)
	}
	return &model{path: path, card: k}, nil
}

// Transmit carries a command to the model.
func (m *model) Transmit(ctx context.Context, command []byte) ([]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	answer, err := m.card.Transmit(ctx, command)
	if err != nil || !changes(command) {
		return answer, err
	}
	if err := m.save(); err != nil {
		return nil, err
	}
	return answer, nil
}

// changes tells the commands that may change what is kept: VERIFY and CHANGE with data.
func changes(command []byte) bool {
	return len(command) > 5 && (command[1] == 0x20 || command[1] == 0x24 || command[1] == 0x32)
}

// save replaces the file as a whole.
func (m *model) save() error {
	raw, err := m.card.Save()
	if err != nil {
		return err
	}
	defer clear(raw)
	return replaceFile(m.path, raw)
}

// Close takes the model out of the field.
func (m *model) Close() error {
	m.card.Unpower()
	return nil
}

func replaceFile(path string, content []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".card-*") // mode 0600
	if err != nil {
		return fmt.Errorf("saving the model: %w", err)
	}
	defer func() { _ = os.Remove(f.Name()) }() // gone when it was renamed
	_, err = f.Write(content)
	if err = errors.Join(err, f.Sync(), f.Close()); err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return fmt.Errorf("saving the model: %w", err)
	}
	return nil
}
