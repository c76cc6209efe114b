package tsm_test

import (
	"bytes"
	"context"
	"fmt"
	"testing"

	"mobileid/mdoc/provisioning"
	"mobileid/tsm/gp"
	"mobileid/tsm/seram"
	"mobileid/tsm/store"
)

// hiding lets a phone come by that answers "nothing found", without R-MAC, in the place of
// some answers to GET STATUS. It tells how many it hid.
func (w *world) hiding(which func(listing int) bool) (hidden int) {
	w.t.Helper()
	a := w.agent()
	w.element.Reset()
	inner, listing := a.SE, 0
	a.SE = transmit(func(ctx context.Context, command []byte) ([]byte, error) {
		r, err := inner.Transmit(ctx, command)
		if command[1] != 0xF2 {
			return r, err
		}
		if listing++; which(listing) {
			hidden++
			return []byte{0x6A, 0x88}, err
		}
		return r, err
	})
	_, err := a.Run(w.t.Context())
	check(w.t, err)
	return hidden
}

// A phone that hides what its element holds: "nothing found" carries no R-MAC,
// so it closes nothing. The wipe waits for an honest contact.
func TestWipeHiddenByThePhone(t *testing.T) {
	t.Parallel()
	w, _ := filled(t, 1)
	order := w.wipe(0)
	w.hiding(func(int) bool { return true })
	if s := w.job(order).State; s != store.Queued {
		t.Fatalf("wipe is %v after a made-up answer", s)
	}
	_, err := w.contact()
	check(t, err)
	w.emptied(order, []byte{1}, nil)
}

// A phone that hides some of the listings and shows others keeps nothing through a wipe
// or lock of everything, whatever else the element has: what is hidden is never taken as
// not there.
func TestE2ListingsHidden(t *testing.T) {
	t.Parallel()
	hidden := 0
	for _, slots := range [][]uint64{{gp.PhonePlace}, {1, gp.PhonePlace}, {1, 2, 3, 4, 5, 6, gp.PhonePlace}} {
		full, _ := filled(t, slots...)
		start := full.image()
		for _, kind := range []provisioning.OrderKind{provisioning.OrderWipe, provisioning.OrderLock} {
			for pattern := 1; pattern < 16; pattern++ { // which of each four listings
				t.Run(fmt.Sprintf("kind %d, slots %v, pattern %04b", kind, slots, pattern), func(t *testing.T) {
					w := start.world(t)
					held := places(slots)
					wiped := held
					if slots[0] != 1 && pattern&1 == 1 { // slot 1 was filled with a witness
						wiped = append([]byte{1}, held...)
					}
					order := w.order(kind, 0)
					w.submitted(order)
					hidden += w.hiding(func(n int) bool { return pattern>>((n-1)%4)&1 == 1 })
					if j := w.job(order); j.State != store.Done && j.State != store.Queued {
						t.Errorf("job is %v (%s)", j.State, j.Reason)
					}
					if w.job(order).State == store.Queued {
						_, err := w.contact()
						check(t, err)
					}
					if kind == provisioning.OrderLock {
						w.lockedSlots(held...)
						return
					}
					w.emptied(order, wiped, nil)
				})
			}
		}
	}
	t.Logf("E2: listings hidden: %d, in every pattern of four; nothing is kept through a wipe or lock", hidden)
	if hidden < 70 {
		t.Errorf("only %d listings were hidden", hidden)
	}
}

// A phone lets one slot be wiped, breaks off, and hides the rest from then on: one
// receipt is not the end of the wipe.
func TestRestHiddenAfterHalfAWipe(t *testing.T) {
	t.Parallel()
	w, _ := filled(t, 1, gp.PhonePlace)
	order := w.wipe(0)
	id, at := w.reach(3)
	_, err := w.step(id, at, func(in []seram.APDU) []seram.APDU { return in[:2] })
	check(t, err)
	w.hiding(func(int) bool { return true })
	check(t, w.service.Sweep(t.Context()))
	if j := w.job(order); j.State != store.Queued || j.Cursor != store.Ordered || len(j.Receipts) != 1 {
		t.Fatalf("wipe is %v at %v with %d receipts", j.State, j.Cursor, len(j.Receipts))
	}
	if slots, _ := w.issuer.wiped(w.job(order).OrderID); len(slots) != 0 {
		t.Errorf("issuer was told that slots %v are wiped", slots)
	}
	_, err = w.contact()
	check(t, err)
	w.emptied(order, []byte{1, gp.PhonePlace}, nil)
}

// A phone that hides everything and lets the witness be installed has nothing closed: what was hidden is listed beside the
// witness once the phone shows anything, and goes with it.
func TestWipeWitnessBesideTheHidden(t *testing.T) {
	t.Parallel()
	w, _ := filled(t, 2, gp.PhonePlace)
	order := w.wipe(0)
	for range 3 {
		if hidden := w.hiding(func(int) bool { return true }); hidden != 2 {
			t.Errorf("%d listings hidden, want one before the witness and one behind it", hidden)
		}
		if got, want := w.instances(), []byte{1, 2, gp.PhonePlace}; !bytes.Equal(got, want) {
			t.Errorf("element holds slots %v, want %v", got, want)
		}
		if j := w.job(order); j.State != store.Queued || j.Cursor != store.Ordered || len(j.Receipts) != 0 {
			t.Fatalf("wipe is %v at %v with %d receipts", j.State, j.Cursor, len(j.Receipts))
		}
	}
	w.element.Reset()
	_, err := w.contact()
	check(t, err)
	w.emptied(order, []byte{1, 2, gp.PhonePlace}, nil)
}
