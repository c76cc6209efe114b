// Package transport is the seam between a proximity session and the radio that carries it: whole messages, one after the
// other, both ways (ISO/IEC 18013-5:2021, 8.3.3). BLE cuts messages into parts and joins them, NFC chains APDUs; all that
// ends below [Conn].
//
// A Conn protects nothing: messages may be lost, doubled, altered or made up by anybody near. Package session is what
// notices. Packages ble and nfc carry messages over a radio that is given to them as a small interface; package loopback
// joins two ends in one process. Package transporttest holds the demands on a Conn as a test.
package transport

import (
	"context"
	"errors"
	"fmt"
)

// DefaultMaxMessage is the largest message of an implementation whose config leaves it open: 1 MiB, as in package session.
const DefaultMaxMessage = 1 << 20

// Errors of every implementation.
var (
	// ErrClosed is returned once either end has closed and nothing received is left to read.
	ErrClosed = errors.New("connection is closed")
	// ErrTooLarge is returned by Send for a message over the connection's limit; the connection stays usable.
	ErrTooLarge = errors.New("message is too large for the connection")
	// ErrLost is the ErrClosed of a link that broke. A new presentation needs a new engagement (ISO/IEC 18013-5:2021,
	// 8.3.3.1.1.5 and 8.3.3.1.2).
	ErrLost = fmt.Errorf("link lost: %w", ErrClosed)
	// ErrProtocol is the ErrClosed of a connection that was given up because the other end broke its rules.
	ErrProtocol = fmt.Errorf("the other end broke the rules of the transport: %w", ErrClosed)
)

// Conn is one end of a connection that carries whole messages in order.
//
// Send and Receive MUST return ctx's error when ctx ends before they are done. Send MUST NOT keep message after it
// returns; Receive gives a message the caller may keep and change. Close ends both directions, MUST wake whoever waits on
// either end, and may be called more than once. Messages sent before a Close are still received. A Send whose ctx ends
// when a part of the message has gone out may end the connection: half a message cannot be taken back.
type Conn interface {
	Send(ctx context.Context, message []byte) error
	Receive(ctx context.Context) ([]byte, error)
	Close() error
}
