package ble

import (
	"bytes"
	"context"
	"fmt"
	"time"

	"mobileid/mdoc/transport"
)

// patience bounds how long the end of a connection may take: the end message, and the client's disconnecting.
const patience = time.Second

// Conn is a [transport.Conn] over GATT characteristics. Received messages are taken from the radio as they come; four wait
// at most. The goroutine that takes them ends with the connection, at the latest in Close.
//
// A Send whose ctx ends when a part has gone out ends the connection.
type Conn struct {
	radio   Radio
	server  bool
	in, out Characteristic
	max     int
	box     *transport.Mailbox
	turn    chan struct{} // holds one token: one message is sent at a time
	quit    context.CancelFunc
	stopped chan struct{}
}

var _ transport.Conn = (*Conn)(nil)

// newConn starts to take what comes. The connection outlives ctx.
func newConn(ctx context.Context, cfg Config, radio Radio, server bool) *Conn {
	ctx = context.WithoutCancel(ctx)
	reading, quit := context.WithCancel(ctx)
	c := &Conn{
		radio: radio, server: server, in: Server2Client, out: Client2Server, max: cfg.MaxMessage, box: transport.NewMailbox(),
		turn: make(chan struct{}, 1), quit: quit, stopped: make(chan struct{}),
	}
	if server {
		c.in, c.out = c.out, c.in
	}
	go c.run(ctx, reading)
	return c
}

// run is the connection's one goroutine, from the start to the end.
func (c *Conn) run(ctx, reading context.Context) {
	defer close(c.stopped)
	ended, err := c.take(reading)
	c.box.Finish(err)
	c.leave(ctx, ended)
	c.quit()
}

// take joins what comes until the connection is over; ended tells that the other end is gone or knows.
func (c *Conn) take(ctx context.Context) (ended bool, err error) {
	j := Joiner{Max: c.max}
	for {
		e, err := c.radio.Next(ctx)
		switch {
		case ctx.Err() != nil:
			return false, transport.ErrClosed
		case err != nil:
			return true, fmt.Errorf("%w: %w", transport.ErrLost, err)
		case e.Subscription:
		case e.Characteristic == State && bytes.Equal(e.Value, []byte{stateEnd}):
			return true, transport.ErrClosed
		case e.Characteristic != c.in:
			return false, fmt.Errorf("a value of %d bytes for %s: %w", len(e.Value), e.Characteristic, transport.ErrProtocol)
		default:
			message, whole, err := j.Add(e.Value, PartSize(c.radio.MTU()))
			if err != nil {
				return false, err
			}
			if whole && c.box.Put(ctx, message) != nil {
				return false, transport.ErrClosed
			}
		}
	}
}

// leave tells the other end, unless it knows, and ends the link. It is the client that disconnects
// (ISO/IEC 18013-5:2021, 8.3.3.1.1.5): the server waits for it a while.
func (c *Conn) leave(ctx context.Context, ended bool) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	var err error
	if !ended {
		err = c.radio.Send(ctx, State, []byte{stateEnd})
	}
	for c.server && err == nil {
		_, err = c.radio.Next(ctx)
	}
	_ = c.radio.Close() // the connection is over either way
}

// Send cuts message into parts and sends them.
func (c *Conn) Send(ctx context.Context, message []byte) error {
	const op = "sending over BLE"
	if len(message) > c.max {
		return fmt.Errorf("%s: %d bytes, limit %d: %w", op, len(message), c.max, transport.ErrTooLarge)
	}
	select {
	case c.turn <- struct{}{}:
		defer func() { <-c.turn }()
	case <-c.box.Done():
		return fmt.Errorf("%s: %w", op, c.box.Reason())
	case <-ctx.Done():
		return fmt.Errorf("%s: %w", op, ctx.Err())
	}
	if err := c.sendParts(ctx, message); err != nil {
		return fmt.Errorf("%s: %w", op, err)
	}
	return nil
}

// sendParts holds the turn. It is woken by the end of the connection.
func (c *Conn) sendParts(outer context.Context, message []byte) error {
	ctx, cancel := context.WithCancel(outer)
	defer cancel()
	c.box.OnFinish(cancel)
	defer c.box.OnFinish(nil)
	size := PartSize(c.radio.MTU())
	part := make([]byte, 0, size)
	for n := 0; ; n++ {
		part, message = AppendPart(part[:0], message, size)
		err := ctx.Err()
		if err == nil {
			err = c.radio.Send(ctx, c.out, part)
		}
		if err != nil {
			return c.broken(outer, err, n)
		}
		if message == nil {
			return nil
		}
	}
}

// broken says why a part could not be sent after n others.
func (c *Conn) broken(ctx context.Context, err error, n int) error {
	if reason := c.box.Reason(); reason != nil {
		return reason
	}
	if ctx.Err() == nil { // the radio's own error: the connection is gone, and what the other end said before counts
		select {
		case <-c.box.Done():
			return c.box.Reason()
		case <-time.After(patience):
			c.quit()
			return fmt.Errorf("%w: %w", transport.ErrLost, err)
		case <-ctx.Done():
		}
	}
	if n > 0 {
		c.quit()
	}
	return ctx.Err()
}

// Receive waits for the next message. After the end it still gives what had arrived before.
func (c *Conn) Receive(ctx context.Context) ([]byte, error) {
	message, err := c.box.Receive(ctx)
	if err != nil {
		return nil, fmt.Errorf("receiving over BLE: %w", err)
	}
	return message, nil
}

// Close sends the end message, ends the link and returns when that is done, after a second at most.
func (c *Conn) Close() error {
	c.box.Finish(transport.ErrClosed)
	c.quit()
	<-c.stopped
	return nil
}
