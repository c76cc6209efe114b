// Package bletest joins two ends of a BLE connection in one process, with the limits a radio has (the MTU, no notification
// without a subscription) and the faults an attacker or a bad link would add. Only tests import it.
package bletest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"mobileid/mdoc/transport/ble"
)

// room is how many events one direction holds before Send waits, as a stack would.
const room = 8

// Errors of a radio.
var (
	ErrDisconnected = errors.New("disconnected")
	ErrValue        = errors.New("the value does not fit the MTU")
)

// Direction names which end made an event.
type Direction int

// The two directions.
const (
	FromClient Direction = iota
	FromServer
)

// Link describes a connection.
type Link struct {
	// MTU of the connection; 0 means the smallest.
	MTU int
	// Ident is the value the server offers.
	Ident []byte
	// Fault, when set, decides what arrives in place of each event; n counts the events of that direction from 0.
	// Returning none loses it, two doubles it.
	Fault func(d Direction, n int, e ble.Event) []ble.Event
	// Delay, when set, is how long the event is on its way.
	Delay func(d Direction, n int) time.Duration
}

// Client is the GATT client's radio, Server the server's.
type (
	Client struct{ *end }
	Server struct{ *end }
)

var (
	_ ble.ClientRadio = Client{}
	_ ble.Radio       = Server{}
)

type delayed struct {
	event ble.Event
	delay time.Duration
}

type end struct {
	link      Link
	direction Direction
	in, out   chan delayed
	gone      chan struct{}
	cut       func()

	mu         sync.Mutex // guards all below
	sent       int
	subscribed map[ble.Characteristic]bool // at the server
	peer       *end
}

// Join makes a connection.
func (l Link) Join() (Client, Server) {
	if l.MTU == 0 {
		l.MTU = ble.MinMTU
	}
	forth, back, gone := make(chan delayed, room), make(chan delayed, room), make(chan struct{})
	cut := sync.OnceFunc(func() { close(gone) })
	c := &end{link: l, direction: FromClient, in: back, out: forth, gone: gone, cut: cut}
	s := &end{link: l, direction: FromServer, in: forth, out: back, gone: gone, cut: cut, subscribed: map[ble.Characteristic]bool{}}
	c.peer, s.peer = s, c
	return Client{c}, Server{s}
}

// MTU gives the MTU of the link.
func (e *end) MTU() int { return e.link.MTU }

// Close disconnects. What was sent arrives.
func (e *end) Close() error {
	e.cut()
	return nil
}

// Send hands a value over.
func (e *end) Send(ctx context.Context, c ble.Characteristic, value []byte) error {
	if len(value) > e.link.MTU-3 {
		return fmt.Errorf("%d bytes at an MTU of %d: %w", len(value), e.link.MTU, ErrValue)
	}
	e.mu.Lock()
	deaf := e.direction == FromServer && !e.subscribed[c]
	e.mu.Unlock()
	if deaf {
		return nil
	}
	return e.put(ctx, ble.Event{Characteristic: c, Value: bytes.Clone(value)})
}

func (e *end) put(ctx context.Context, event ble.Event) error {
	e.mu.Lock()
	n := e.sent
	e.sent++
	e.mu.Unlock()
	events := []ble.Event{event}
	if e.link.Fault != nil {
		events = e.link.Fault(e.direction, n, event)
	}
	var delay time.Duration
	if e.link.Delay != nil {
		delay = e.link.Delay(e.direction, n)
	}
	for _, v := range events {
		select {
		case <-e.gone:
			return ErrDisconnected
		case <-ctx.Done():
			return ctx.Err()
		default:
		}
		select {
		case e.out <- delayed{v, delay}:
		case <-e.gone:
			return ErrDisconnected
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// Next gives the next event.
func (e *end) Next(ctx context.Context) (ble.Event, error) {
	if err := ctx.Err(); err != nil {
		return ble.Event{}, err
	}
	select {
	case d := <-e.in:
		return e.arrive(ctx, d)
	default:
	}
	select {
	case d := <-e.in:
		return e.arrive(ctx, d)
	case <-ctx.Done():
		return ble.Event{}, ctx.Err()
	case <-e.gone:
	}
	select {
	case d := <-e.in:
		return e.arrive(ctx, d)
	default:
		return ble.Event{}, ErrDisconnected
	}
}

func (e *end) arrive(ctx context.Context, d delayed) (ble.Event, error) {
	if d.delay > 0 {
		timer := time.NewTimer(d.delay)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-ctx.Done():
			return ble.Event{}, ctx.Err()
		}
	}
	return d.event, nil
}

// Subscribe writes to the descriptor.
func (c Client) Subscribe(ctx context.Context, ch ble.Characteristic) error {
	c.peer.mu.Lock()
	c.peer.subscribed[ch] = true
	c.peer.mu.Unlock()
	return c.put(ctx, ble.Event{Characteristic: ch, Value: []byte{1, 0}, Subscription: true})
}

// Read gives Ident; the link offers nothing else to read.
func (c Client) Read(ctx context.Context, ch ble.Characteristic) ([]byte, error) {
	select {
	case <-c.gone:
		return nil, ErrDisconnected
	default:
	}
	if ch != ble.Ident {
		return nil, fmt.Errorf("%s cannot be read", ch)
	}
	return bytes.Clone(c.link.Ident), ctx.Err()
}

// Cut breaks the link. What was sent before has arrived.
func (c Client) Cut() { c.cut() }

// Inject puts an event before the other end that no genuine radio would have sent.
func (c Client) Inject(ctx context.Context, e ble.Event) error { return c.put(ctx, e) }

// Inject puts an event before the other end that no genuine radio would have sent.
func (s Server) Inject(ctx context.Context, e ble.Event) error { return s.put(ctx, e) }
