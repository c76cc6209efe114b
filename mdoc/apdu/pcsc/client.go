package pcsc

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"sync"
	"time"
)

// Options of a Client.
type Options struct {
	// Socket is the path of the daemon's socket; empty takes PCSCLITE_CSOCK_NAME from the environment, or /run/pcscd/pcscd.comm.
	Socket string
	// Dial, if set, connects instead.
	Dial func(context.Context) (net.Conn, error)
	// Timeout bounds each call that does not wait for a person; 0 is 10 seconds. A shorter context counts.
	Timeout time.Duration
	// Poll is the time between two looks where the daemon has no usable event (protocols 4.3 and 4.6); 0 is 250 ms.
	Poll time.Duration
}

func (o Options) timeout() time.Duration {
	if o.Timeout > 0 {
		return o.Timeout
	}
	return defaultTimeout
}

func (o Options) poll() time.Duration {
	if o.Poll > 0 {
		return o.Poll
	}
	return 250 * time.Millisecond
}

// A State is what a reader reports, as bits.
type State uint32

// Bits of a State.
const (
	Absent  State = 0x02
	Present State = 0x04
	Mute    State = 0x08 // a card that gives no ATR
	Powered State = 0x10
)

// A Reader is a reader as the daemon knew it at one moment. A place in a reader for several cards is a reader of its own.
type Reader struct {
	// Name is chosen by driver and daemon and ends in two numbers; it may change when the reader is plugged in again.
	Name string
	// Events counts cards put in and taken out.
	Events uint32
	State  State
	// Sharing is the number of programs connected, -1 for one alone.
	Sharing int
	// ATR is what the card said at power-up, 0 to 33 bytes, unchecked.
	ATR []byte
}

// HasCard tells whether a card that answers is in the reader.
func (r Reader) HasCard() bool { return r.State&Present != 0 && r.State&Mute == 0 }

func (r Reader) equal(o Reader) bool {
	return r.Name == o.Name && r.Events == o.Events && r.State&(Present|Mute) == o.State&(Present|Mute) && bytes.Equal(r.ATR, o.ATR)
}

// A Client lists readers and waits for cards. It keeps a connection for that and makes a new one after a failure, so that it
// outlives a restart of the daemon. It is safe for concurrent use; a Wait does not hold up the other calls.
type Client struct {
	options Options
	list    kept
	wait    kept
}

// kept is a connection made when first needed.
type kept struct {
	mu   sync.Mutex
	conn *conn
}

// New does not connect yet.
func New(o Options) *Client { return &Client{options: o} }

// Close ends the client's own connections, once the calls in hand have ended. Cards stay connected until they are closed.
func (c *Client) Close() {
	for _, k := range []*kept{&c.list, &c.wait} {
		k.mu.Lock()
		if k.conn != nil {
			k.conn.drop()
		}
		k.mu.Unlock()
	}
}

// with runs f on the kept connection, one call at a time, and once more on a new one if the daemon has gone since the last call.
func (k *kept) with(ctx context.Context, o Options, f func(*conn) error) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.conn != nil && !k.conn.gone {
		if err := f(k.conn); !errors.Is(err, ErrService) {
			return err
		}
	}
	fresh, err := o.dial(ctx)
	if err != nil {
		return err
	}
	k.conn = fresh
	return f(k.conn)
}

// Readers lists the readers; none is no error.
func (c *Client) Readers(ctx context.Context) ([]Reader, error) {
	var readers []Reader
	err := c.list.with(ctx, c.options, func(n *conn) (err error) {
		readers, err = n.readers(ctx)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("listing the readers: %w", err)
	}
	return readers, nil
}

// readers asks for the reader states: an array of fixed size, or from 4.6 on of the size asked for first.
func (c *conn) readers(ctx context.Context) ([]Reader, error) {
	command, count := uint32(cmdReaders), uint32(maxReaders)
	if c.minor >= arrayMinor {
		answer, err := c.exchange(ctx, cmdReadersSize, word)
		if err != nil {
			return nil, err
		}
		if command, count = cmdReadersArray, field(answer, 0); count > maxReaderArray {
			c.drop()
			return nil, fmt.Errorf("%d readers: %w", count, ErrAnswer)
		}
		if count == 0 {
			return nil, nil
		}
	}
	answer, err := c.exchange(ctx, command, int(count)*readerState)
	if err != nil {
		return nil, err
	}
	return parseReaders(answer)
}

// Wait returns the readers once they differ from those last seen: a reader plugged in or out, a card put in or out. It waits as
// long as the context lets it.
func (c *Client) Wait(ctx context.Context, last []Reader) ([]Reader, error) {
	var now []Reader
	err := c.wait.with(ctx, c.options, func(n *conn) (err error) {
		for {
			if now, err = n.next(ctx, last, c.options.poll()); err != nil || !slices.EqualFunc(now, last, Reader.equal) {
				return err
			}
		}
	})
	if ctx.Err() != nil { // nobody came, and nothing is wrong with the reader
		err = ctx.Err()
	}
	if err != nil {
		return nil, fmt.Errorf("waiting for a card: %w", err)
	}
	return now, nil
}

// Find gives the named reader or, if the name is empty, the one that has a card. Without a card in it the error is NoCard, without
// a reader NoReaders or UnknownReader, with a choice to make ErrSeveral.
func (c *Client) Find(ctx context.Context, name string) (Reader, error) {
	readers, err := c.Readers(ctx)
	if err != nil {
		return Reader{}, err
	}
	found, refused := Reader{}, NoReaders
	for _, r := range readers {
		switch {
		case name != "" && r.Name != name:
			continue
		case !r.HasCard():
			refused = NoCard
			continue
		case found.Name != "":
			return Reader{}, fmt.Errorf("choosing a reader: %w", ErrSeveral)
		}
		found = r
	}
	switch {
	case found.Name != "":
		return found, nil
	case refused == NoReaders && len(readers) > 0:
		refused = UnknownReader
	}
	return Reader{}, fmt.Errorf("choosing a reader: %w", refused)
}

// WaitCard waits for a card that answers, in the named reader or, if the name is empty, in any.
func (c *Client) WaitCard(ctx context.Context, name string) (Reader, error) {
	readers, err := c.Readers(ctx)
	for err == nil {
		for _, r := range readers {
			if r.HasCard() && (name == "" || r.Name == name) {
				return r, nil
			}
		}
		readers, err = c.Wait(ctx, readers)
	}
	return Reader{}, err
}
