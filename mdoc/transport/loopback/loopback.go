// Package loopback joins two ends of a [transport.Conn] in one process. The demonstration uses it for the radio between
// phone and till, and tests use its fault hook to lose, double and alter messages as a radio or an attacker would.
//
// It carries the same messages a radio would, and nothing else: neither end can see into the other.
package loopback

import (
	"bytes"
	"context"
	"fmt"
	"sync"

	"mobileid/mdoc/transport"
)

const (
	// DefaultMaxMessage is the largest message when Config leaves it open: 1 MiB.
	DefaultMaxMessage = transport.DefaultMaxMessage
	// inFlight is how many messages one direction holds before Send waits.
	inFlight = 16
)

// Direction names which end sent a message.
type Direction int

// The two directions, by the order of Pipe's results.
const (
	FirstToSecond Direction = iota
	SecondToFirst
)

// Config describes a pipe. The zero value is a faultless pipe with [DefaultMaxMessage].
type Config struct {
	// MaxMessage bounds one message in bytes; 0 means DefaultMaxMessage.
	MaxMessage int
	// Fault, when set, decides what arrives in place of each message: n counts the messages of that direction from 0.
	// Returning none loses the message, two doubles it. It is called by the sender and may keep message.
	Fault func(d Direction, n int, message []byte) [][]byte
}

// Pipe joins two ends without faults.
func Pipe() (transport.Conn, transport.Conn) { return Config{}.Pipe() }

// Pipe joins two ends as c describes.
func (c Config) Pipe() (transport.Conn, transport.Conn) {
	if c.MaxMessage <= 0 {
		c.MaxMessage = DefaultMaxMessage
	}
	shut := &shutter{done: make(chan struct{})}
	forth, back := make(chan []byte, inFlight), make(chan []byte, inFlight)
	first := &end{config: c, direction: FirstToSecond, out: forth, in: back, shut: shut}
	second := &end{config: c, direction: SecondToFirst, out: back, in: forth, shut: shut}
	return first, second
}

// shutter is closed once, by either end.
type shutter struct {
	once sync.Once
	done chan struct{}
}

type end struct {
	config    Config
	direction Direction
	out       chan<- []byte
	in        <-chan []byte
	shut      *shutter

	mu   sync.Mutex // guards sent
	sent int
}

// Send hands over a copy of message, waiting while the other end has not taken earlier ones.
func (e *end) Send(ctx context.Context, message []byte) error {
	if len(message) > e.config.MaxMessage {
		return fmt.Errorf("sending %d bytes over loopback, limit %d: %w", len(message), e.config.MaxMessage, transport.ErrTooLarge)
	}
	e.mu.Lock()
	n := e.sent
	e.sent++
	e.mu.Unlock()
	arriving := [][]byte{bytes.Clone(message)}
	if e.config.Fault != nil {
		arriving = e.config.Fault(e.direction, n, arriving[0])
	}
	if err := e.usable(ctx); err != nil {
		return fmt.Errorf("sending over loopback: %w", err)
	}
	for _, m := range arriving {
		select {
		case e.out <- bytes.Clone(m):
		case <-e.shut.done:
			return fmt.Errorf("sending over loopback: %w", transport.ErrClosed)
		case <-ctx.Done():
			return fmt.Errorf("sending over loopback: %w", ctx.Err())
		}
	}
	return nil
}

func (e *end) usable(ctx context.Context) error {
	select {
	case <-e.shut.done:
		return transport.ErrClosed
	default:
		return ctx.Err()
	}
}

// Receive waits for the next message. After Close it still gives what had arrived before.
func (e *end) Receive(ctx context.Context) ([]byte, error) {
	select {
	case m := <-e.in: // what has arrived goes before the end of the connection
		return m, nil
	default:
	}
	select {
	case m := <-e.in:
		return m, nil
	case <-ctx.Done():
		return nil, fmt.Errorf("receiving over loopback: %w", ctx.Err())
	case <-e.shut.done:
	}
	select {
	case m := <-e.in:
		return m, nil
	default:
		return nil, fmt.Errorf("receiving over loopback: %w", transport.ErrClosed)
	}
}

// Close ends both directions.
func (e *end) Close() error {
	e.shut.once.Do(func() { close(e.shut.done) })
	return nil
}
