package issuer

import (
	"context"
	"log/slog"
	"time"

	"mobileid/issuer/store"
)

const (
	outboxRound  = 64 // messages tried in one round
	outboxErrors = 8  // failures after which a round ends: the TSM is away
)

// outbox sends queued orders to the TSM. Each round goes on where the last one stopped, so that an order the TSM refuses
// does not hold up those behind it.
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
	for _, m := range messages {
		if !o.send(ctx, m) {
			failures++
		}
		o.last = m.Sequence
		if failures >= outboxErrors {
			return
		}
	}
	if len(messages) < outboxRound {
		o.last = 0
	}
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
