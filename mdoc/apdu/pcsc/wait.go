package pcsc

import (
	"context"
	"io"
	"slices"
	"time"
)

// eventSize is the structure that tells of an event: time-out and return code, neither of which says anything here.
const eventSize = 2 * word

// next gives the reader states after the next event, or at once when they differ from the last ones.
//
// In 4.4 and 4.5 the daemon answers cmdWait with the states as they are, so that nothing is missed between looking and waiting,
// and sends the event when there is one; cmdStopWaiting makes it send the event at once. What cmdWait does in other versions is
// not asked: there the states are looked at again after a while.
func (c *conn) next(ctx context.Context, last []Reader, poll time.Duration) ([]Reader, error) {
	if c.minor < firstOffer || c.minor > eventsMinor {
		return c.look(ctx, last, poll)
	}
	answer, err := c.exchange(ctx, cmdWait, maxReaders*readerState)
	if err != nil {
		return nil, err
	}
	now, err := parseReaders(answer)
	if err != nil {
		c.drop()
		return nil, err
	}
	if !slices.EqualFunc(now, last, Reader.equal) {
		_, err := c.exchange(ctx, cmdStopWaiting, eventSize)
		return now, err
	}
	event := make([]byte, eventSize)
	if err := c.within(ctx, 0, func() error { _, err := io.ReadFull(c.Conn, event); return err }); err != nil {
		return nil, err
	}
	return c.readers(ctx)
}

// look is next by looking twice.
func (c *conn) look(ctx context.Context, last []Reader, poll time.Duration) ([]Reader, error) {
	now, err := c.readers(ctx)
	if err != nil || !slices.EqualFunc(now, last, Reader.equal) {
		return now, err
	}
	t := time.NewTimer(poll)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-t.C:
		return c.readers(ctx)
	}
}
