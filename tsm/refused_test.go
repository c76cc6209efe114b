package tsm_test

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"mobileid/mdoc/apdu"
	"mobileid/mdoc/provisioning"
	"mobileid/tsm"
	"mobileid/tsm/gp"
	"mobileid/tsm/store"
)

var errUnknownOrder = &tsm.RefusedError{Word: "order_unknown"}

// A receipt that the issuer refuses stops neither the emptying nor the other receipts. It is offered no more and kept, however long it takes,
// until an operator has it offered again and it is taken.
func TestWipeReceiptRefused(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		err  error
		word string
	}{
		{"with a word", errUnknownOrder, "order_unknown"},
		{"without", tsm.ErrIssuerRefused, "receipt_refused"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w, _ := filled(t, 1, 2, gp.PhonePlace)
			port := w.choosy(map[byte]error{1: tt.err})
			order := w.wipe(0)
			_, err := w.contact()
			check(t, err)
			id := w.job(order).OrderID
			refused := func() {
				t.Helper()
				if got := w.instances(); len(got) != 0 {
					t.Errorf("element holds slots %v", got)
				}
				if slots, _ := w.issuer.wiped(id); !bytes.Equal(slots, []byte{2, gp.PhonePlace}) {
					t.Errorf("issuer has receipts for slots %v", slots)
				}
				got, err := w.service.OrderState(t.Context(), id)
				if err != nil || got.State != "refused" || got.Cursor != "cleared" || got.Reason != "receipt_refused" || got.Service != tsm.NotDeployed ||
					got.Error != tsm.ErrorIssuer || len(got.Refused) != 1 || got.Refused[0] != (tsm.RefusedReceipt{Place: 1, Reason: tt.word}) {
					t.Errorf("%+v, %v", got, err)
				}
			}
			refused()
			if log := w.logged.String(); strings.Count(log, `"level":"ERROR","msg":"receipt refused"`) != 1 || !strings.Contains(log, `"reason":"`+tt.word+`"`) {
				t.Errorf("the log says\n%s", log)
			}
			w.pass(10 * 365 * 24 * time.Hour)
			w.restart()
			check(t, w.service.Sweep(t.Context()))
			if refused(); port.asked[1] != 1 {
				t.Errorf("refused receipt offered %d times", port.asked[1])
			}
			for range 2 { // refused again, it is again as it was
				if n, err := w.service.Release(t.Context(), w.seID); n != 1 || err != nil {
					t.Errorf("%d released, %v", n, err)
				}
				check(t, w.service.Sweep(t.Context()))
				refused()
			}
			port.no = nil
			_, err = w.service.Release(t.Context(), w.seID)
			check(t, err)
			check(t, w.service.Sweep(t.Context()))
			w.emptied(order, []byte{1, 2, gp.PhonePlace}, nil)
			if j := w.job(order); j.Reason != "" || port.asked[1] != 4 || port.asked[2] != 1 {
				t.Errorf("reason %q, offered %v", j.Reason, port.asked)
			}
			check(t, w.service.Sweep(t.Context()))
			if _, err := w.service.OrderState(t.Context(), id); !errors.Is(err, tsm.ErrUnknownOrder) {
				t.Errorf("past its end and with its receipts taken it is kept: %v", err)
			}
		})
	}
}

// The phone goes after the receipts and before DELETE: an operator sees the refusal, and the next contact goes on with the emptying.
func TestWipeGoesOnAfterRefusal(t *testing.T) {
	t.Parallel()
	w, _ := filled(t, 1, 2)
	w.choosy(map[byte]error{2: errUnknownOrder})
	order := w.wipe(0)
	broken := func() {
		t.Helper()
		check(t, w.through(func(ctx context.Context, command []byte, next apdu.Transmitter) ([]byte, error) {
			if command[1] == insDelete {
				return nil, nil
			}
			return next.Transmit(ctx, command)
		}))
		got, err := w.service.OrderState(t.Context(), w.job(order).OrderID)
		if err != nil || got.State != "queued" || got.Cursor != "wiped" || got.Error != tsm.ErrorIssuer || got.Reason != "receipt_refused" || len(got.Refused) != 1 {
			t.Fatalf("%+v, %v", got, err)
		}
	}
	broken()
	check(t, w.service.Sweep(t.Context()))
	broken()
	_, err := w.contact()
	check(t, err)
	if j := w.job(order); j.State != store.Refused || j.Cursor != store.Cleared || len(w.instances()) != 0 {
		t.Errorf("wipe is %v at %v, element holds %v", j.State, j.Cursor, w.instances())
	}
}

// A wipe that comes to its end with a refused receipt is over, and its receipt is still to be had.
func TestRefusedReceiptOutlivesTheOrder(t *testing.T) {
	t.Parallel()
	w, _ := filled(t, 1)
	port := w.choosy(map[byte]error{1: errUnknownOrder})
	order := w.wipe(0)
	check(t, w.through(func(ctx context.Context, command []byte, next apdu.Transmitter) ([]byte, error) {
		if command[1] == insDelete {
			return nil, nil
		}
		return next.Transmit(ctx, command)
	}))
	id := w.job(order).OrderID
	for range 2 {
		w.pass(365 * 24 * time.Hour)
		check(t, w.service.Sweep(t.Context()))
		if j := w.jobOf(id); j.State != store.Expired || !j.Contested() {
			t.Fatalf("wipe is %v", j.State)
		}
	}
	port.no = nil
	_, err := w.service.Release(t.Context(), w.seID)
	check(t, err)
	if j := w.jobOf(id); j.State != store.Expired || !j.Owes() {
		t.Errorf("released, the wipe is %v", j.State)
	}
	check(t, w.service.Sweep(t.Context()))
	if slots, _ := w.issuer.wiped(id); !bytes.Equal(slots, []byte{1}) {
		t.Errorf("issuer has receipts for slots %v", slots)
	}
}

// What is temporary is tried again until it passes, at whatever moment of a wipe it came.
func TestWipeReceiptsTriedAgain(t *testing.T) {
	t.Parallel()
	w, _ := filled(t, 1, 2)
	order := w.wipe(0)
	w.issuer.fail(errors.New("problem 403 peer_unknown"))
	_, err := w.contact()
	check(t, err)
	for range 3 {
		if err := w.service.Sweep(t.Context()); err == nil {
			t.Error("a sweep that could not deliver says nothing")
		}
	}
	if j := w.job(order); j.State != store.Queued || j.Cursor != store.Cleared || !j.Owes() || len(w.instances()) != 0 {
		t.Fatalf("wipe is %v at %v, element holds %v", j.State, j.Cursor, w.instances())
	}
	w.issuer.fail(nil)
	check(t, w.service.Sweep(t.Context()))
	w.emptied(order, []byte{1, 2}, nil)
}

func (f failing) Advance(context.Context, store.Job) (store.Job, error) { return store.Job{}, f.err }

// A refused receipt ends a provisioning, as a refused attestation does, and nobody waits for it.
func TestCommitReceiptRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.choosy(map[byte]error{1: &tsm.RefusedError{Word: "credential_revoked"}})
	order := w.provision(1)
	_, err := w.contact()
	check(t, err)
	got, err := w.service.OrderState(t.Context(), w.job(order).OrderID)
	if err != nil || got.State != "refused" || got.Reason != "receipt_refused" || len(got.Refused) != 1 || got.Refused[0].Reason != "credential_revoked" {
		t.Errorf("%+v, %v", got, err)
	}
	if n, err := w.service.Release(t.Context(), w.seID); n != 0 || err != nil {
		t.Errorf("%d released, %v", n, err)
	}
	w.pass(365 * 24 * time.Hour)
	check(t, w.service.Sweep(t.Context()))
	if _, err := w.service.OrderState(t.Context(), got.OrderID); !errors.Is(err, tsm.ErrUnknownOrder) {
		t.Errorf("err = %v, want ErrUnknownOrder", err)
	}
}

// Cut anywhere, a wipe of which the issuer refuses a receipt comes to the same end: nothing is left on the element, the issuer has what it
// takes, and the one refused is there to be offered again.
func TestTornWipeWithARefusedReceipt(t *testing.T) {
	t.Parallel()
	full, _ := filled(t, 1, 2)
	start := full.image()
	cuts := 0
	for _, kind := range []string{cutLink, cutPower, cutWrite, cutStore, cutProcess} {
		for at := 1; ; at++ {
			w := start.world(t)
			port := w.choosy(map[byte]error{1: errUnknownOrder})
			order := w.order(provisioning.OrderWipe, 0)
			if !w.broken(cut{kind: kind, at: at}, order) {
				break
			}
			cuts++
			w.submitted(order)
			for range 3 {
				_, err := w.contact()
				check(t, err)
			}
			check(t, w.service.Sweep(t.Context()))
			id := w.job(order).OrderID
			slots, _ := w.issuer.wiped(id)
			if j := w.jobOf(id); j.State != store.Refused || j.Cursor != store.Cleared || !j.Contested() || !bytes.Equal(slots, []byte{2}) || len(w.instances()) != 0 {
				t.Errorf("cut %v at %d: wipe is %v at %v, issuer has %v, element holds %v", kind, at, j.State, j.Cursor, slots, w.instances())
			}
			port.no = nil
			_, err := w.service.Release(t.Context(), w.seID)
			check(t, err)
			check(t, w.service.Sweep(t.Context()))
			w.emptied(order, []byte{1, 2}, nil)
		}
	}
	if cuts < 300 {
		t.Errorf("only %d cuts came", cuts)
	}
}
