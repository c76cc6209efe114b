package ble

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"mobileid/mdoc/transport"
)

// lengthSize is the length before each message.
const lengthSize = 4

// Stream is a [transport.Conn] over an L2CAP connection-oriented channel (ISO/IEC 18013-5 second edition draft, 11.1):
// each message follows its length in four bytes, the highest first. The draft does not state the order of the bytes; this
// one is what shipped software uses. A channel has no end message: closing it ends the session.
//
// The goroutine that reads ends with the channel, at the latest in Close. A Send whose ctx ends closes the channel.
type Stream struct {
	channel io.ReadWriteCloser
	max     int
	box     *transport.Mailbox
	turn    chan struct{} // holds one token: one message is sent at a time
	stopped chan struct{}
}

var _ transport.Conn = (*Stream)(nil)

// NewStream reads from a channel that is open, and owns it from now on. Closing the channel must wake a reader and a
// writer, and let go out what was written. maxMessage bounds one message; 0 means [transport.DefaultMaxMessage]. The
// connection outlives ctx.
func NewStream(ctx context.Context, channel io.ReadWriteCloser, maxMessage int) *Stream {
	if maxMessage <= 0 {
		maxMessage = transport.DefaultMaxMessage
	}
	s := &Stream{
		channel: channel, max: maxMessage, box: transport.NewMailbox(),
		turn: make(chan struct{}, 1), stopped: make(chan struct{}),
	}
	go s.run(context.WithoutCancel(ctx))
	return s
}

func (s *Stream) run(ctx context.Context) {
	defer close(s.stopped)
	for {
		message, err := readFrame(s.channel, s.max)
		if err == nil {
			err = s.box.Put(ctx, message)
		}
		if err != nil {
			s.end(err)
			return
		}
	}
}

// end gives a reason, unless there is one, and closes the channel.
func (s *Stream) end(reason error) {
	s.box.Finish(reason)
	_ = s.channel.Close() // nothing is left to say
}

// readFrame reads one message. The end of the stream between two messages is an orderly one.
func readFrame(r io.Reader, limit int) ([]byte, error) {
	var head [lengthSize]byte
	switch _, err := io.ReadFull(r, head[:]); {
	case errors.Is(err, io.EOF):
		return nil, transport.ErrClosed
	case err != nil:
		return nil, fmt.Errorf("%w: %w", transport.ErrLost, err)
	}
	size := int64(binary.BigEndian.Uint32(head[:]))
	if size > int64(limit) {
		return nil, fmt.Errorf("a message of %d bytes, limit %d: %w", size, limit, transport.ErrProtocol)
	}
	var message bytes.Buffer // grows with what comes, not with what is announced
	if _, err := io.CopyN(&message, r, size); err != nil {
		return nil, fmt.Errorf("%w: %w", transport.ErrLost, err)
	}
	if size == 0 {
		return []byte{}, nil
	}
	return message.Bytes(), nil
}

// Send writes the length and the message.
func (s *Stream) Send(ctx context.Context, message []byte) error {
	const op = "sending over L2CAP"
	if len(message) > s.max {
		return fmt.Errorf("%s: %d bytes, limit %d: %w", op, len(message), s.max, transport.ErrTooLarge)
	}
	select {
	case s.turn <- struct{}{}:
		defer func() { <-s.turn }()
	case <-s.box.Done():
		return fmt.Errorf("%s: %w", op, s.box.Reason())
	case <-ctx.Done():
		return fmt.Errorf("%s: %w", op, ctx.Err())
	}
	if err := s.write(ctx, message); err != nil {
		return fmt.Errorf("%s: %w", op, err)
	}
	return nil
}

func (s *Stream) write(ctx context.Context, message []byte) error {
	if reason := s.box.Reason(); reason != nil {
		return reason
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, func() { s.end(transport.ErrClosed) })
	defer stop()
	frame := binary.BigEndian.AppendUint32(make([]byte, 0, lengthSize+len(message)), uint32(len(message))) //nolint:gosec // bounded by max
	_, err := s.channel.Write(append(frame, message...))
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return ctx.Err()
	}
	s.end(fmt.Errorf("%w: %w", transport.ErrLost, err))
	return s.box.Reason()
}

// Receive waits for the next message. After the end it still gives what had arrived before.
func (s *Stream) Receive(ctx context.Context) ([]byte, error) {
	message, err := s.box.Receive(ctx)
	if err != nil {
		return nil, fmt.Errorf("receiving over L2CAP: %w", err)
	}
	return message, nil
}

// Close closes the channel and waits for the reading to end.
func (s *Stream) Close() error {
	s.end(transport.ErrClosed)
	<-s.stopped
	return nil
}
