package vpcd

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"mobileid/mdoc/apdu"
)

// A Card is what lies in the reader. One call is under way at a time.
type Card interface {
	// Transmit answers a command. An error takes the card out of the reader.
	apdu.Transmitter
	// Unpower takes the power away: power off, and the card leaving the reader.
	Unpower()
	// Reset is a reset while powered.
	Reset()
	// ATR is the answer to reset, unchecked.
	ATR() []byte
}

// Controls.
const (
	powerOff = 0
	powerOn  = 1
	reset    = 2
	askATR   = 4
)

// maxMessage is the longest message the length can announce. It is shorter than the longest response APDU.
const maxMessage = 0xFFFF

// DefaultPort is where the virtual reader of Debian's vsmartcard-vpcd listens.
const DefaultPort = "35963"

// Options of Serve.
type Options struct {
	// Retry is the time between two tries to reach the reader, and the time a card that was pulled stays out; 0 is a second.
	Retry time.Duration
	// Attempts is how often in a row the reader is tried before Serve gives up; 0 is for ever.
	Attempts int
	// Notice, if set, is told what happens; it must not block.
	Notice func(Event)
}

func (o Options) retry() time.Duration {
	if o.Retry > 0 {
		return o.Retry
	}
	return time.Second
}

// An Event is what Notice is told, with the cause if there is one.
type Event struct {
	Kind EventKind
	Err  error
}

// EventKind says what happened.
type EventKind string

// The events.
const (
	Inserted    EventKind = "card is in the reader"
	Pulled      EventKind = "card was taken out"
	Unreachable EventKind = "no reader at the address"
	ReaderGone  EventKind = "reader has gone"
)

// ErrProtocol says that whoever listens there is no vpcd.
var ErrProtocol = errors.New("not the vpcd protocol")

// Serve puts the card into the reader that listens at address (host:port) and answers for it until the context ends, which is no
// error. When the reader goes it is tried again, and a card that took itself out is put back, both after Options.Retry.
func Serve(ctx context.Context, address string, card Card, o Options) error {
	for failures := 0; ; {
		err := insert(ctx, address, card, o)
		if ctx.Err() != nil {
			return nil //nolint:nilerr // the end that was asked for
		}
		if unreachable, ok := errors.AsType[*net.OpError](err); ok && unreachable.Op == "dial" {
			failures++
			o.notice(Unreachable, err)
		} else {
			failures = 0
		}
		if errors.Is(err, ErrProtocol) || o.Attempts > 0 && failures >= o.Attempts {
			return fmt.Errorf("putting the card into the reader: %w", err)
		}
		if !pause(ctx, o.retry()) {
			return nil
		}
	}
}

func (o Options) notice(k EventKind, err error) {
	if o.Notice != nil {
		o.Notice(Event{k, err})
	}
}

// pause reports whether the context outlived it.
func pause(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}

// insert is one stay of the card in the reader.
func insert(ctx context.Context, address string, card Card, o Options) error {
	nc, err := new(net.Dialer).DialContext(ctx, "tcp", address)
	if err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, func() { _ = nc.Close() })
	defer stop()
	defer nc.Close() //nolint:errcheck // the stay is over, whichever way
	defer card.Unpower()
	o.notice(Inserted, nil)
	err = serve(ctx, nc, card)
	if _, pulled := errors.AsType[*pulledError](err); pulled {
		o.notice(Pulled, err)
	} else if ctx.Err() == nil {
		o.notice(ReaderGone, err)
	}
	return err
}

// pulledError is an error of the card.
type pulledError struct{ error }

func (e *pulledError) Unwrap() error { return e.error }

// serve answers messages until the connection or the card fails.
func serve(ctx context.Context, nc net.Conn, card Card) error {
	buffer := make([]byte, maxMessage)
	for {
		m, err := receive(nc, buffer)
		if err != nil {
			return err
		}
		answer, err := answer(ctx, card, m)
		if err != nil {
			return err
		}
		if answer == nil {
			continue
		}
		if err := send(nc, answer); err != nil {
			return err
		}
	}
}

// answer is nil for controls that get none.
func answer(ctx context.Context, card Card, m []byte) ([]byte, error) {
	switch {
	case len(m) == 0:
		return nil, fmt.Errorf("an empty message: %w", ErrProtocol)
	case len(m) > 1:
		response, err := card.Transmit(ctx, m)
		if err != nil {
			return nil, &pulledError{err}
		}
		if len(response) > maxMessage { // the longest responses do not fit the protocol
			response = apdu.Response{SW: apdu.Unknown}.Bytes()
		}
		return append([]byte{}, response...), nil
	}
	switch m[0] {
	case powerOff:
		card.Unpower()
	case powerOn:
	case reset:
		card.Reset()
	case askATR:
		return append([]byte{}, card.ATR()...), nil
	default:
		return nil, fmt.Errorf("control %02X: %w", m[0], ErrProtocol)
	}
	return nil, nil
}

// receive reads one message into the buffer. vpcd sends length and bytes apart, and holds the bytes back until the length is
// acknowledged: acknowledging at once saves some 40 ms a command.
func receive(nc net.Conn, buffer []byte) ([]byte, error) {
	var length [2]byte
	if _, err := io.ReadFull(nc, length[:]); err != nil {
		return nil, err
	}
	acknowledge(nc)
	m := buffer[:binary.BigEndian.Uint16(length[:])]
	if _, err := io.ReadFull(nc, m); err != nil {
		return nil, err
	}
	acknowledge(nc)
	return m, nil
}

func send(nc net.Conn, m []byte) error {
	framed := binary.BigEndian.AppendUint16(make([]byte, 0, 2+len(m)), uint16(len(m))) //nolint:gosec // at most maxMessage
	_, err := nc.Write(append(framed, m...))
	return err
}
