package cardsim

import (
	"context"
	"errors"
	"sync"

	"mobileid/mdoc/apdu"
)

// ErrPulled is what a transmitter reports when the card has left the field.
var ErrPulled = errors.New("cardsim: the card was pulled away")

// A Fault passes exchanges to Card until After of them are done, and then lets Answer answer in the card's place. It is for tests of
// readers.
type Fault struct {
	Card apdu.Transmitter
	// After is the number of exchanges that still reach the card.
	After int
	// Answer gives any bytes at all, or an error; nil is a card pulled away. It may block until the context ends.
	Answer func(ctx context.Context, command []byte) ([]byte, error)

	mu   sync.Mutex // guards done
	done int
}

// Transmit carries one exchange.
func (f *Fault) Transmit(ctx context.Context, command []byte) ([]byte, error) {
	f.mu.Lock()
	f.done++
	faulty := f.done > f.After
	f.mu.Unlock()
	switch {
	case !faulty:
		return f.Card.Transmit(ctx, command)
	case f.Answer == nil:
		return nil, ErrPulled
	default:
		return f.Answer(ctx, command)
	}
}

// Exchanges is the number of exchanges asked for so far.
func (f *Fault) Exchanges() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.done
}
