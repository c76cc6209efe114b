package nfc

import (
	"context"
	"fmt"
	"sync"

	"mobileid/mdoc/apdu"
	"mobileid/mdoc/transport"
)

// Mdoc is the mdoc's end: a command processor for the platform's card emulation and a [transport.Conn] for the wallet.
// Four received messages wait at most. A new presentation needs a new one.
type Mdoc struct {
	limits  Limits
	max     int
	box     *transport.Mailbox
	answers chan []byte // the wrapped answer; holds one

	turn chan struct{} // holds one token: one command is processed at a time
	card cardState     // of whoever holds the turn

	mu    sync.Mutex // guards asked
	asked bool       // a message waits for its answer
}

var (
	_ transport.Conn   = (*Mdoc)(nil)
	_ apdu.Transmitter = (*Mdoc)(nil)
)

// NewMdoc makes the end of a mdoc that has shown its engagement.
func NewMdoc(cfg Config) (*Mdoc, error) {
	if err := cfg.complete(); err != nil {
		return nil, fmt.Errorf("preparing NFC data transfer: %w", err)
	}
	return &Mdoc{
		limits: cfg.Limits, max: cfg.MaxMessage, box: transport.NewMailbox(),
		answers: make(chan []byte, 1), turn: make(chan struct{}, 1),
	}, nil
}

// Receive waits for the reader's next message.
func (m *Mdoc) Receive(ctx context.Context) ([]byte, error) {
	message, err := m.box.Receive(ctx)
	if err != nil {
		return nil, fmt.Errorf("receiving over NFC: %w", err)
	}
	return message, nil
}

// Send gives the answer to the reader's last message and does not wait until the reader has fetched it. It fails with
// [ErrTurn] when no message waits for one.
func (m *Mdoc) Send(ctx context.Context, message []byte) error {
	const op = "sending over NFC"
	if len(message) > m.max {
		return fmt.Errorf("%s: %d bytes, limit %d: %w", op, len(message), m.max, transport.ErrTooLarge)
	}
	if reason := m.box.Reason(); reason != nil {
		return fmt.Errorf("%s: %w", op, reason)
	}
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("%s: %w", op, err)
	}
	if !m.ask(false) {
		return fmt.Errorf("%s: %w", op, ErrTurn)
	}
	m.answers <- wrap(message) // has room: one answer for each time asked
	return nil
}

// ask sets whether an answer is due and tells whether one was.
func (m *Mdoc) ask(due bool) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	was := m.asked
	m.asked = due
	return was
}

// Close ends the transfer. An answer that was sent before can still be fetched; a message that waits for one is answered
// without.
func (m *Mdoc) Close() error {
	m.box.Finish(transport.ErrClosed)
	return nil
}

// Deactivate tells that the reader's field is gone or another application was selected.
func (m *Mdoc) Deactivate() { m.box.Finish(transport.ErrLost) }

// Transmit processes one command and gives the response. It waits for the wallet's answer where the command ends a
// message. Whatever the command, the response is a status word with or without data; an error means that the link is
// gone, because ctx ended while an answer was due.
func (m *Mdoc) Transmit(ctx context.Context, command []byte) ([]byte, error) {
	select {
	case m.turn <- struct{}{}:
		defer func() { <-m.turn }()
	case <-ctx.Done():
		return nil, fmt.Errorf("processing command: %w", ctx.Err())
	}
	c, err := apdu.ParseCommand(command)
	if err != nil {
		return apdu.Response{SW: apdu.WrongLength}.Bytes(), nil
	}
	r, err := m.process(ctx, c)
	if err != nil {
		return nil, fmt.Errorf("processing command: %w", err)
	}
	return r.Bytes(), nil
}
