package issuer_test

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"mobileid/issuer"
	"mobileid/issuer/issuertest"
	"mobileid/issuer/store"
	"mobileid/mdoc/provisioning"
)

// hanging is a TSM that, while it is on, takes nothing and answers only when its asker gives up.
type hanging struct {
	issuer.Orders
	on     atomic.Bool
	asked  atomic.Int32
	before func(context.Context) // of what is taken; nil means nothing
}

func (h *hanging) Submit(ctx context.Context, signed []byte) error {
	if h.on.Load() {
		h.asked.Add(1)
		<-ctx.Done()
		return ctx.Err()
	}
	if h.before != nil {
		h.before(ctx)
	}
	return h.Orders.Submit(ctx, signed)
}

// own has a holder revoke the certificates on a phone and tells how many sets changed, and how long that took.
func own(ctx context.Context, t *testing.T, s *issuer.Service, on onPhone, seID []byte) (int, time.Duration) {
	t.Helper()
	started, err := s.Start(ctx)
	must(t, err)
	word := ownWord(t, on, seID, started.Challenge, nil)
	begun := time.Now()
	n, err := s.RevokeOwn(ctx, started.TransactionID, started.Token.Reveal(), word)
	must(t, err)
	return n, time.Since(begun)
}

// A holder waits five seconds for a TSM that does not answer, or for a round that waits for it, and no longer. The revocation stands, and the order
// stays queued.
func TestHolderDoesNotWaitForTheTSM(t *testing.T) {
	const patience = 5 * time.Second
	w := issuertest.New(t)
	phone := w.Phone(t)
	wallet := w.Wallet(t, "nineteen", "element-01")
	synctest.Test(t, func(t *testing.T) {
		orders := &hanging{}
		s, kept := w.Open(t, t.TempDir()+"/issuer.db", func(c *issuer.Config) {
			orders.Orders = c.Orders
			c.Phone, c.Orders = phone, orders
		})
		on := phoneActive(t, w, s, kept, wallet)
		orders.on.Store(true)
		if n, took := own(t.Context(), t, s, on, wallet.SE.ID); n != 1 || took != patience {
			t.Errorf("%d sets in %s, want one in %s", n, took, patience)
		}
		row, err := kept.Credential(t.Context(), on.row.ID)
		must(t, err)
		waiting, err := kept.Pending(t.Context(), 0, 10)
		must(t, err)
		if row.State != store.Revoked || len(waiting) != 1 || waiting[0].OrderID != row.Phone.WipeID {
			t.Fatalf("the row is %s, and %d orders wait", row.State, len(waiting))
		}

		under, cancel := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() { defer close(ended); s.Dispatch(under) }()
		synctest.Wait() // the round holds the turn and waits for the TSM
		asked := orders.asked.Load()
		if n, took := own(t.Context(), t, s, on, wallet.SE.ID); n != 0 || took != patience {
			t.Errorf("behind a round %d sets in %s, want none in %s", n, took, patience)
		}
		gone, hangUp := context.WithCancel(t.Context())
		hangUp()
		begun := time.Now()
		s.Dispatch(gone)
		if took := time.Since(begun); took != 0 || orders.asked.Load() != asked {
			t.Errorf("a round for nobody took %s and asked the TSM %d times", took, orders.asked.Load()-asked)
		}
		cancel()
		<-ended

		orders.on.Store(false)
		s.Dispatch(t.Context())
		if wipes := w.TSM.Wipes(); len(wipes) != 1 {
			t.Errorf("%d wipe orders taken, want one", len(wipes))
		}
	})
}

// The order goes out although the holder hangs up.
func TestHolderHangsUp(t *testing.T) {
	w := issuertest.New(t)
	ctx, hangUp := context.WithCancel(t.Context())
	orders := &hanging{}
	s, kept := w.Open(t, t.TempDir()+"/issuer.db", func(c *issuer.Config) {
		orders.Orders = c.Orders
		c.Phone, c.Orders = w.Phone(t), orders
	})
	wallet := w.Wallet(t, "nineteen", "element-01")
	on := phoneActive(t, w, s, kept, wallet)
	orders.before = func(sending context.Context) {
		hangUp()
		if sending.Err() != nil {
			t.Error("the order ends with the holder's call")
		}
	}
	own(ctx, t, s, on, wallet.SE.ID)
	if wipes := w.TSM.Taken(provisioning.OrderWipe); len(wipes) != 1 || ctx.Err() == nil {
		t.Errorf("%d wipe orders taken, want one", len(wipes))
	}
	if waiting, err := kept.Pending(t.Context(), 0, 10); err != nil || len(waiting) != 0 {
		t.Errorf("%d orders wait: %v", len(waiting), err)
	}
}
