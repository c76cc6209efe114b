package issuer_test

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"mobileid/issuer"
	"mobileid/issuer/issuertest"
	"mobileid/issuer/revocation"
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

// sieve is a TSM that does not take some orders, and notes what comes to it.
type sieve struct {
	issuer.Orders
	t     *testing.T
	world *issuertest.World
	away  func(provisioning.Order) bool // what is not taken; nil means nothing
	came  []provisioning.Order          // each time one came, taken or not
}

func (s *sieve) Submit(ctx context.Context, signed []byte) error {
	o, err := provisioning.VerifyOrder(signed, s.world.TSM.Key, s.world.Now())
	must(s.t, err)
	s.came = append(s.came, *o)
	if s.away != nil && s.away(*o) {
		return errAway
	}
	return s.Orders.Submit(ctx, signed)
}

func wipes(o provisioning.Order) bool      { return o.Kind == provisioning.OrderWipe }
func provisions(o provisioning.Order) bool { return o.Kind == provisioning.OrderProvision }

// kinds are the orders that came for an element since the last call.
func (s *sieve) kinds(seID []byte) (out []provisioning.OrderKind) {
	for _, o := range s.came {
		if bytes.Equal(o.SEID, seID) {
			out = append(out, o.Kind)
		}
	}
	s.came = nil
	return out
}

// apply has a wallet apply for a credential and tells its order.
func apply(t *testing.T, s *issuer.Service, wallet issuertest.Wallet) (orderID string, err error) {
	t.Helper()
	started, err := s.Start(t.Context())
	must(t, err)
	placed, err := s.Evidence(t.Context(), started.TransactionID, started.Token.Reveal(), wallet.Body(t.Context(), t, started.Challenge))
	if err != nil {
		return "", err
	}
	return placed.OrderID, nil
}

// sieved is a service that issues phone certificates, with a sieve before its TSM.
func sieved(t *testing.T, w *issuertest.World) (tsm *sieve, s *issuer.Service, kept *store.Embedded) {
	t.Helper()
	tsm = &sieve{t: t, world: w}
	s, kept = w.Open(t, t.TempDir()+"/issuer.db", func(c *issuer.Config) {
		tsm.Orders = c.Orders
		c.Phone, c.Orders = w.Phone(t), tsm
	})
	return tsm, s, kept
}

// An order never comes to the TSM before an older one about the same element that it has not taken: not in the call that made it, not in a round,
// and not in a round that begins behind the older one. Other elements do not wait.
func TestOrdersOfAnElementKeepTheirOrder(t *testing.T) {
	const provision, wipe = provisioning.OrderProvision, provisioning.OrderWipe
	w, ctx := issuertest.New(t), t.Context()
	tsm, s, kept := sieved(t, w)
	wallet := w.Wallet(t, "nineteen", "element-01")
	phoneActive(t, w, s, kept, wallet)
	tsm.away = wipes
	want := func(what string, seID []byte, kinds ...provisioning.OrderKind) {
		t.Helper()
		if got := tsm.kinds(seID); !slices.Equal(got, kinds) {
			t.Fatalf("%s: orders of kinds %v came, want %v", what, got, kinds)
		}
	}
	tsm.came = nil
	_, err := s.RevokePhone(ctx, issuertest.OperatorToken, wallet.SE.ID, store.CessationOfOperation)
	must(t, err)
	for i := range 7 { // with the one before, as many as end a round
		other := w.Wallet(t, "nineteen", fmt.Sprintf("element-1%d", i))
		phoneActive(t, w, s, kept, other)
		_, err := s.RevokePhone(ctx, issuertest.OperatorToken, other.SE.ID, store.CessationOfOperation)
		must(t, err)
	}
	tsm.came = nil
	mine, err := apply(t, s, wallet)
	must(t, err)
	want("the call", wallet.SE.ID, wipe)
	stranger := w.Wallet(t, "birthday", "element-02")
	_, err = apply(t, s, stranger)
	must(t, err)
	want("the call of another", stranger.SE.ID, provision)
	s.Dispatch(ctx)
	want("a round that failures end", wallet.SE.ID, wipe)
	s.Dispatch(ctx)
	want("a round that begins behind it", wallet.SE.ID, wipe)
	s.Dispatch(ctx)
	want("a whole round", wallet.SE.ID, wipe)
	if _, taken := w.TSM.Order(mine); taken {
		t.Fatal("an order was taken before the older one")
	}
	tsm.away = nil
	s.Dispatch(ctx)
	s.Dispatch(ctx)
	want("once it takes them", wallet.SE.ID, wipe, provision)
	if left, err := kept.Pending(ctx, 0, 10); err != nil || len(left) != 0 {
		t.Errorf("%d orders wait: %v", len(left), err)
	}
}

// An element of which much waits is one failure of a round, and what is taken is none: the round goes on to all the others.
func TestRoundGoesOnBesideAnElement(t *testing.T) {
	const many = 9 // more than the failures that end a round
	w, ctx := issuertest.New(t), t.Context()
	tsm := &sieve{t: t, world: w, away: provisions}
	s, kept := w.Open(t, t.TempDir()+"/issuer.db", func(c *issuer.Config) {
		tsm.Orders = c.Orders
		c.Orders = tsm
	})
	wallet := w.Wallet(t, "nineteen", "element-01")
	for range many {
		_, err := apply(t, s, wallet)
		must(t, err)
	}
	for i := range many {
		_, err := apply(t, s, w.Wallet(t, "birthday", fmt.Sprintf("element-1%d", i)))
		must(t, err)
	}
	tsm.away = func(o provisioning.Order) bool { return bytes.Equal(o.SEID, wallet.SE.ID) }
	tsm.came = nil
	s.Dispatch(ctx)
	left, err := kept.Pending(ctx, 0, 100)
	must(t, err)
	if all, mine := len(tsm.came), len(tsm.kinds(wallet.SE.ID)); all != many+1 || mine != 1 || len(left) != many {
		t.Errorf("%d orders came, %d about the element that takes none; %d wait", all, mine, len(left))
	}
}

// What the TSM is to do with an element comes in turn even when the older order's time is over: that one is given up, and the next goes.
func TestOrderBehindOneThatEnded(t *testing.T) {
	w, ctx := issuertest.New(t), t.Context()
	tsm := &sieve{t: t, world: w, away: provisions}
	s, kept := w.Open(t, t.TempDir()+"/issuer.db", func(c *issuer.Config) {
		tsm.Orders = c.Orders
		c.Orders = tsm
	})
	wallet := w.Wallet(t, "nineteen", "element-01")
	_, err := apply(t, s, wallet)
	must(t, err)
	defer func() { w.Now = issuertest.Instant }()
	w.Now = func() time.Time { return issuertest.Instant().Add(issuer.DefaultOrderLife) }
	tsm.away, tsm.came = nil, nil
	second, err := apply(t, s, wallet)
	must(t, err)
	if _, taken := w.TSM.Order(second); !taken || len(tsm.came) != 1 {
		t.Errorf("%d orders came, the second was taken: %v", len(tsm.came), taken)
	}
	if left, err := kept.Pending(ctx, 0, 10); err != nil || len(left) != 0 {
		t.Errorf("%d orders wait: %v", len(left), err)
	}
}

// The receipt of an order that the desk gave before the handover does not let the next owner in while the handover's own order has still to reach the
// TSM: that would empty what the next owner has.
func TestReceiptBeforeTheHandoversWipe(t *testing.T) {
	w, ctx := issuertest.New(t), t.Context()
	tsm, s, kept := sieved(t, w)
	wallet := w.Wallet(t, "nineteen", "element-01")
	on := phoneActive(t, w, s, kept, wallet)
	_, err := s.RevokePhone(ctx, issuertest.OperatorToken, wallet.SE.ID, store.CessationOfOperation)
	must(t, err)
	s.Dispatch(ctx)
	late := wallet.SE.Wiped(t, w.TSM.Wipes()[0], provisioning.ApplicationPhoneCertificates, 1)
	tsm.away = wipes
	_, err = s.Handover(ctx, issuertest.OperatorToken, wallet.SE.ID)
	must(t, err)
	s.Dispatch(ctx)
	must(t, s.Receipt(ctx, late))
	if row, err := kept.Credential(ctx, on.row.ID); err != nil || row.Phone.WipedAt.IsZero() {
		t.Errorf("the receipt is not on record: %v", err)
	}
	next := w.Wallet(t, "birthday", "element-01")
	next.SE = wallet.SE
	erasure := func(want revocation.Erasure, receipts int) {
		t.Helper()
		state, err := s.HandoverState(ctx, issuertest.OperatorToken, wallet.SE.ID)
		must(t, err)
		if state.Erasure != want || state.Receipts != receipts {
			t.Errorf("the handover is %s with %d receipts, want %s, %d", state.Erasure, state.Receipts, want, receipts)
		}
	}
	erasure(revocation.ErasureQueued, 0)
	_, err = apply(t, s, next)
	wantError(t, err, store.ErrWipePending)

	tsm.away = nil
	s.Dispatch(ctx)
	must(t, s.Receipt(ctx, wallet.SE.Wiped(t, w.TSM.Wipes()[1], provisioning.ApplicationPhoneCertificates, 1)))
	erasure(revocation.ErasureDone, 1)
	_, err = apply(t, s, next)
	must(t, err)
}
