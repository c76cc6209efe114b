package setest

import (
	"context"
	"testing"

	"mobileid/mdoc/apdu"
	"mobileid/tsm/gp"
)

// Channel carries commands on a logical channel from 1 to 3, as the phone does for whoever uses it.
type Channel struct {
	apdu.Transmitter
	Number byte
}

// Transmit puts the channel into the class, which is under no MAC.
func (c Channel) Transmit(ctx context.Context, command []byte) ([]byte, error) {
	moved := append([]byte(nil), command...)
	moved[0] |= c.Number
	return c.Transmitter.Transmit(ctx, moved)
}

// Channels are the four logical channels of an element, the basic one first. An instance is selected on one of them at a time.
type Channels struct {
	ways []apdu.Transmitter
	last int
}

// OpenChannels opens the three further ones.
func OpenChannels(tb testing.TB, t apdu.Transmitter) *Channels {
	tb.Helper()
	c := &Channels{ways: []apdu.Transmitter{t}}
	for range gp.MaxChannel {
		r, err := apdu.Exchange(tb.Context(), t, apdu.Command{INS: 0x70, Le: 1})
		if err != nil || r.SW != apdu.OK || len(r.Data) != 1 {
			tb.Fatalf("MANAGE CHANNEL: %v, %v", r.SW, err)
		}
		c.ways = append(c.ways, Channel{Transmitter: t, Number: r.Data[0]})
	}
	return c
}

// Way is one of the channels, as it is.
func (c *Channels) Way(n int) apdu.Transmitter { return c.ways[n] }

// Turn is one of the channels, after what is selected on the one turned to before was left.
func (c *Channels) Turn(tb testing.TB, n int) apdu.Transmitter {
	tb.Helper()
	if c.last != n {
		if r, err := apdu.Exchange(tb.Context(), c.ways[c.last], gp.Select(gp.ISD)); err != nil || r.SW != apdu.OK {
			tb.Fatalf("leaving channel %d: %v, %v", c.last, r.SW, err)
		}
		c.last = n
	}
	return c.ways[n]
}

// Close closes all but the basic one.
func (c *Channels) Close(tb testing.TB) {
	tb.Helper()
	for _, w := range c.ways[1:] {
		n := w.(Channel).Number //nolint:forcetypeassert // as OpenChannels made them
		if r, err := apdu.Exchange(tb.Context(), c.ways[0], apdu.Command{INS: 0x70, P1: 0x80, P2: n}); err != nil || r.SW != apdu.OK {
			tb.Fatalf("closing channel %d: %v, %v", n, r.SW, err)
		}
	}
}
