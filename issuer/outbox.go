package issuer

import (
	"context"
	"log/slog"
	"time"

	"mobileid/issuer/store"
)

const (
	outboxRound  = 64 // messages whose devices have a turn in one round, and messages that a device can send in its turn
	outboxErrors = 8  // failures after which a round ends: the TSM is away
)

// outbox sends queued orders to the TSM. Those about one device go in the order they were made, since the later was made knowing of the
// earlier: an unlock sent before its lock leaves the phone locked, a wipe sent after what was ordered next empties that. Each round goes on where
// the last one stopped, so that an order the TSM refuses does not hold up those about other devices.
type outbox struct {
	store  store.Outbox
	orders Orders
	now    func() time.Time
	log    *slog.Logger

	turn chan struct{} // holds one token through a round; guards last
	last uint64
}

// round sends what is due, and waits for a round under way before it. It never fails: what was not sent stays queued.
func (o *outbox) round(ctx context.Context) {
	select {
	case o.turn <- struct{}{}:
		defer func() { <-o.turn }()
	case <-ctx.Done():
		return
	}
	messages, err := o.store.Pending(ctx, o.last, outboxRound)
	if err != nil {
		o.log.ErrorContext(ctx, "outbox not readable", "error", err)
		return
	}
	failures := 0
	had := make(map[string]bool) // devices that had their turn
	for _, m := range messages {
		if !had[m.Device] && !o.forward(ctx, m.Device) {
			failures++
		}
		had[m.Device] = true
		o.last = m.Sequence
		if failures >= outboxErrors {
			return
		}
	}
	if len(messages) < outboxRound {
		o.last = 0
	}
}

// forward sends what waits about a device, from the oldest to the first that is not done with, and tells whether there was none such.
func (o *outbox) forward(ctx context.Context, device string) bool {
	messages, err := o.store.PendingFor(ctx, device, outboxRound)
	if err != nil {
		o.log.ErrorContext(ctx, "outbox not readable", "error", err)
		return false
	}
	for _, m := range messages {
		if !o.send(ctx, m) {
			return false
		}
	}
	return true
}

// send tries one message and tells whether it is done with.
func (o *outbox) send(ctx context.Context, m store.Message) bool {
	if o.now().Before(m.NotAfter) {
		if err := o.orders.Submit(ctx, m.Body); err != nil {
			o.log.WarnContext(ctx, "order not taken by the TSM", "order", m.OrderID, "error", err)
			return false
		}
	} else {
		o.log.WarnContext(ctx, "order expired before the TSM took it", "order", m.OrderID)
	}
	if err := o.store.Delivered(ctx, m.OrderID); err != nil {
		o.log.ErrorContext(ctx, "outbox not writable", "order", m.OrderID, "error", err)
		return false
	}
	return true
}
