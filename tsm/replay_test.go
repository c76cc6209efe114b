package tsm_test

import (
	"bytes"
	"context"
	"errors"
	"testing"

	"mobileid/mdoc/apdu"
	"mobileid/mdoc/provisioning"
	"mobileid/tsm"
	"mobileid/tsm/store"
)

// replay sends recorded commands to an element again and counts those it carried
// out of the ones that need a session.
func (w *world) replay(recorded []exchange) (sent, carriedOut int) {
	w.t.Helper()
	w.element.Reset()
	for _, x := range recorded {
		raw, err := w.element.Transmit(w.t.Context(), x.command)
		check(w.t, err)
		r, err := apdu.ParseResponse(raw)
		check(w.t, err)
		c, err := apdu.ParseCommand(x.command)
		check(w.t, err)
		if c.INS == 0xA4 || c.INS == 0x50 { // SELECT and INITIALIZE UPDATE need none
			continue
		}
		sent++
		if r.SW == apdu.OK {
			carriedOut++
		}
	}
	return sent, carriedOut
}

// The scripts of a provisioning, a lock and a wipe, sent once more to the element
// they were for and to another one: no session comes of it and nothing is changed.
func TestCrossElementReplays(t *testing.T) {
	t.Parallel()
	w, orders := filled(t, 1)
	w.setPIN(1)
	other, _ := filled(t, 2)
	other.setPIN(2)
	w.provision(3)
	_, err := w.contact()
	check(t, err)
	w.switchTo(provisioning.OrderLock, 3)
	w.submitted(w.order(provisioning.OrderWipe, 3))
	w.element.Reset()
	_, err = w.contact()
	check(t, err)
	recorded := append([]exchange(nil), w.exchanges...)

	receipts := len(w.issuer.receipts)
	for name, at := range map[string]*world{"its own element": w, "another element": other} {
		sent, done := at.replay(recorded)
		if done != 0 || sent < 30 {
			t.Errorf("%s carried out %d of %d replayed commands", name, done, sent)
		}
		t.Logf("E1: points of three scripts replayed to %s: %d, carried out %d", name, sent, done)
	}
	w.holds(1, orders[0])
	if got := w.instances(); !bytes.Equal(got, []byte{1}) || len(w.issuer.receipts) != receipts {
		t.Errorf("element holds slots %v, the issuer has %d receipts more", got, len(w.issuer.receipts)-receipts)
	}
	if got := other.instances(); !bytes.Equal(got, []byte{2}) {
		t.Errorf("the other element holds slots %v", got)
	}
	other.presents(2)
}

// Answers of one element do not pass for those of another, nor of one session for
// those of the next.
func TestReplayedAnswers(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.provision(1)
	_, err := w.contact()
	check(t, err)
	recorded := append([]exchange(nil), w.exchanges...)
	order := w.provision(2)
	a, next := w.agent(), 0
	a.SE = transmit(func(context.Context, []byte) ([]byte, error) {
		next++
		return recorded[next-1].response, nil
	})
	_, err = a.Run(t.Context())
	check(t, err)
	if j := w.job(order); j.Cursor != store.Ordered || j.State != store.Queued || w.failedAuth() != 1 {
		t.Errorf("job is %v at %v, %d failed authentications counted", j.State, j.Cursor, w.failedAuth())
	}
	w.settle(order)
	w.holds(2, order)
}

// misdirected is an issuer that answers with the sealed bytes of another element.
type misdirected struct {
	*issuer
	sealed []byte
}

func (m *misdirected) Attested(context.Context, []byte) ([]byte, error) { return m.sealed, nil }

// A document sealed for another element, order or slot is not committed: the slot
// stays as it was, and the receipt that would settle the job never comes.
func TestSealedForAnother(t *testing.T) {
	t.Parallel()
	other := newWorld(t)
	foreign := other.provision(1)
	_, err := other.contact()
	check(t, err)
	w, orders := filled(t, 1)
	w.setPIN(1)
	for name, sealed := range map[string][]byte{
		"element": other.issuer.issued[other.job(foreign).OrderID].sealed,
		"order":   w.issuer.issued[w.job(orders[0]).OrderID].sealed,
	} {
		t.Run("another "+name, func(t *testing.T) {
			w.port = &misdirected{w.issuer, sealed}
			w.restart()
			receipts := len(w.issuer.receipts)
			order := w.provision(1)
			for range 2 {
				w.element.Reset()
				_, err := w.contact()
				check(t, err)
			}
			if j := w.job(order); j.Cursor != store.Sealed || j.State != store.Queued || j.Attempts < 1 || len(w.issuer.receipts) != receipts {
				t.Errorf("job is %v at %v after %d attempts", j.State, j.Cursor, j.Attempts)
			}
			w.holds(1, orders[0])
			w.presents(1)
			job := w.job(order)
			job.State = store.Cancelled
			_, err := w.store.Advance(t.Context(), job)
			check(t, err)
		})
	}
}

// Two managers: a second process is refused the store of the first (E6). Over one
// open store, TestTwoManagersOneStore, the revision of the job decides.
func TestSecondManagerIsRefusedTheStore(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	order := w.provision(1)
	if second, err := store.Open(w.storePath); !errors.Is(err, store.ErrLocked) {
		t.Fatalf("a second store is opened: %v, %v", second, err)
	}
	w.settle(order)
}

// A job delivered many times over, before, while and after it runs, is one job: one
// credential in the element, one record, one signature.
func TestDuplicateDelivery(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	order := w.provision(1)
	a := w.agent()
	inner, deliveries := a.SE, 0
	a.SE = transmit(func(ctx context.Context, command []byte) ([]byte, error) {
		id, err := w.service.Submit(ctx, order)
		if err != nil || id != w.job(order).OrderID {
			t.Errorf("delivery %d: %q, %v", deliveries, id, err)
		}
		deliveries++
		return inner.Transmit(ctx, command)
	})
	_, err := a.Run(t.Context())
	check(t, err)
	w.settle(order)
	if w.issuer.asked != 1 || len(w.issuer.receipts) != 1 {
		t.Errorf("issuer was asked %d times and got %d receipts", w.issuer.asked, len(w.issuer.receipts))
	}
	if got := w.instances(); !bytes.Equal(got, []byte{1}) {
		t.Errorf("element holds slots %v", got)
	}
	t.Logf("E6: points of a run at which its order was delivered again: %d; one credential, one record", deliveries)
}

var _ tsm.IssuerPort = (*misdirected)(nil)
