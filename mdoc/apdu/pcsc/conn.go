package pcsc

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"syscall"
	"time"
)

// SocketEnvironment names the variable that pcsc-lite's programs look at for another socket.
const SocketEnvironment = "PCSCLITE_CSOCK_NAME"

const (
	defaultSocket  = "/run/pcscd/pcscd.comm"
	defaultTimeout = 10 * time.Second
)

// conn is one connection to pcscd: one thread there, at most one PC/SC context. It is not safe for concurrent use.
type conn struct {
	net.Conn
	timeout time.Duration
	minor   uint32
	context uint32
	gone    bool
}

// dial connects, agrees on a version and opens a context.
func (o Options) dial(ctx context.Context) (*conn, error) {
	ctx, cancel := context.WithTimeout(ctx, o.timeout())
	defer cancel()
	connect := o.Dial
	if connect == nil {
		connect = o.dialSocket
	}
	nc, err := connect(ctx)
	if err != nil {
		return nil, reason(ctx, err)
	}
	c := &conn{Conn: nc, timeout: o.timeout()}
	if err := c.open(ctx); err != nil {
		_ = c.Close() // the error that matters is at hand
		return nil, err
	}
	return c, nil
}

func (o Options) dialSocket(ctx context.Context) (net.Conn, error) {
	path := o.Socket
	if path == "" {
		path = os.Getenv(SocketEnvironment)
	}
	if path == "" {
		path = defaultSocket
	}
	return new(net.Dialer).DialContext(ctx, "unix", path)
}

func (c *conn) open(ctx context.Context) error {
	if err := c.negotiate(ctx); err != nil {
		return err
	}
	answer, err := c.call(ctx, cmdEstablishContext, 3, uint32(2), uint32(0), uint32(0)) // scope 2: the system
	if err != nil {
		return fmt.Errorf("establishing a context: %w", err)
	}
	c.context = field(answer, word)
	return nil
}

// negotiate offers 4.4 and, if that is refused, what the daemon says it speaks. What was accepted is spoken, whatever the answer
// names: later daemons name their own version beside an accepted older one.
func (c *conn) negotiate(ctx context.Context) error {
	c.minor = firstOffer
	for range 2 {
		answer, err := c.exchange(ctx, cmdVersion, 3*word, uint32(protocolMajor), c.minor, uint32(0))
		if errors.Is(err, ErrService) {
			return fmt.Errorf("greeting the PC/SC service: it hung up: %w", ErrNotAllowed)
		}
		if err != nil {
			return fmt.Errorf("greeting the PC/SC service: %w", err)
		}
		if returned(answer) == nil {
			return nil
		}
		major, minor := field(answer, 0), field(answer, word)
		if major != protocolMajor || minor < firstMinor || minor > lastMinor || minor == c.minor {
			return fmt.Errorf("greeting the PC/SC service: it speaks %d.%d: %w", major, minor, ErrVersion)
		}
		c.minor = minor
	}
	return fmt.Errorf("greeting the PC/SC service: it takes not even its own version: %w", ErrVersion)
}

// call is exchange for answers of so many words whose last, the return code, must be success.
func (c *conn) call(ctx context.Context, command uint32, words int, fields ...any) ([]byte, error) {
	answer, err := c.exchange(ctx, command, words*word, fields...)
	if err != nil {
		return nil, err
	}
	return answer, returned(answer)
}

// exchange sends a message and reads an answer of exactly size bytes.
func (c *conn) exchange(ctx context.Context, command uint32, size int, fields ...any) ([]byte, error) {
	m, err := message(command, fields...)
	if err != nil {
		return nil, err
	}
	answer := make([]byte, size)
	err = c.within(ctx, c.timeout, func() error {
		if _, err := c.Write(m); err != nil {
			return err
		}
		_, err := io.ReadFull(c.Conn, answer)
		return err
	})
	return answer, err
}

// within does I/O that ends with the context, or after limit if that is above 0. When it fails the connection is closed: part of
// an answer may still be under way.
func (c *conn) within(ctx context.Context, limit time.Duration, work func() error) error {
	if c.gone {
		return ErrDropped
	}
	if err := ctx.Err(); err != nil {
		return err // nothing was sent, nothing is lost
	}
	if limit > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, limit)
		defer cancel()
	}
	cut := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		_ = c.SetDeadline(time.Unix(1, 0)) // fails on a closed connection only, where there is nothing to cut
		close(cut)
	})
	err := work()
	if !stop() {
		<-cut
		_ = c.SetDeadline(time.Time{})
	}
	if err != nil {
		c.drop()
		return reason(ctx, err)
	}
	return nil
}

func (c *conn) drop() {
	c.gone = true
	_ = c.Close() // nothing to be done about it
}

// reason puts words to a failure of the socket.
func reason(ctx context.Context, err error) error {
	switch {
	case errors.Is(err, ErrAnswer):
		return err
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return fmt.Errorf("%w: %w", ErrTimeout, context.DeadlineExceeded)
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.Is(err, fs.ErrPermission):
		return ErrNotAllowed
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ECONNREFUSED):
		return ErrNotRunning
	default:
		return fmt.Errorf("%w: %w", ErrService, err)
	}
}
