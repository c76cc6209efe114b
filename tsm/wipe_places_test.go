package tsm_test

import (
	"context"
	"testing"

	"mobileid/mdoc/apdu"
	"mobileid/mdoc/provisioning"
	"mobileid/tsm/gp"
	"mobileid/tsm/store"
)

// An order names the places the issuer waits for: each gets its receipt, whatever the element lists there.
func TestWipeNamesPlaces(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		filled []uint64
		named  []byte
		wiped  []byte // places there are receipts for
	}{
		{"what is there", []uint64{2, gp.PhonePlace}, []byte{gp.PhonePlace, 2}, []byte{2, gp.PhonePlace}},
		{"less than is there", []uint64{2, gp.PhonePlace}, []byte{2}, []byte{2, gp.PhonePlace}},
		{"more than is there", []uint64{2}, []byte{gp.PhonePlace, 2, 15}, []byte{2, 15, gp.PhonePlace}},
		{"what is not there", []uint64{2}, []byte{gp.PhonePlace}, []byte{2, gp.PhonePlace}},
		{"and there is nothing", nil, []byte{3, gp.PhonePlace}, []byte{3, gp.PhonePlace}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w, _ := filled(t, append(tt.filled, 5)...) // the issuer has seen its receipt key
			first := w.wipe(5)
			_, err := w.contact()
			check(t, err)
			w.emptied(first, []byte{5}, places(tt.filled))
			order := w.wipeNaming(tt.named...)
			w.submitted(order)
			next := w.provision(1)
			_, err = w.contact()
			check(t, err)
			w.emptied(order, tt.wiped, []byte{1})
			w.issuer.committed(t, w.job(next).OrderID)
		})
	}
}

// places numbers places as the element's listing is read.
func places(slots []uint64) (out []byte) {
	for _, s := range slots {
		out = append(out, byte(s))
	}
	return out
}

// wipeNaming signs an order to wipe everything, with a receipt for each of some places.
func (w *world) wipeNaming(places ...byte) []byte {
	w.t.Helper()
	return w.order(provisioning.OrderWipe, 0, func(o *provisioning.Order) {
		for _, p := range places {
			named := provisioning.Place{Application: provisioning.ApplicationCredential, Slot: uint64(p)}
			if p == gp.PhonePlace {
				named = provisioning.Place{Application: provisioning.ApplicationPhoneCertificates, Slot: 1}
			}
			o.Places = append(o.Places, named)
		}
	})
}

// An element without room for a further instance is emptied all the same, and the place named gets its receipt with the room there is then.
func TestWipeNamesPlacesWithoutRoom(t *testing.T) {
	t.Parallel()
	w, _ := filled(t, 1, 2)
	order := w.wipeNaming(1, gp.PhonePlace)
	w.submitted(order)
	w.limit = 1 // byte: what is there stays, and nothing may grow
	w.power()
	_, err := w.contact()
	check(t, err)
	if j := w.job(order); j.State != store.Queued || j.Cursor != store.Wiped || len(j.Receipts) != 2 {
		t.Fatalf("without room the wipe is %v at %v with %d receipts", j.State, j.Cursor, len(j.Receipts))
	}
	if got := w.instances(); len(got) != 0 {
		t.Errorf("element holds slots %v", got)
	}
	w.limit = 0
	w.power()
	w.hiding(func(int) bool { return true })
	if j := w.job(order); j.State != store.Queued || len(j.Receipts) != 2 {
		t.Fatalf("with everything hidden the wipe is %v at %v with %d receipts", j.State, j.Cursor, len(j.Receipts))
	}
	w.element.Reset()
	_, err = w.contact()
	check(t, err)
	w.emptied(order, []byte{1, 2, gp.PhonePlace}, nil)
}

// A place that is empty, on an element without room to show it: what else is listed is under R-MAC, so that it is not there is shown
// too. The wipe ends without a receipt, and what is ordered behind it has its turn.
func TestWipeOfAnEmptyPlaceWithoutRoom(t *testing.T) {
	t.Parallel()
	w, _ := filled(t, 2)
	order := w.wipe(gp.PhonePlace)
	lock := w.order(provisioning.OrderLock, 2)
	w.submitted(lock)
	w.limit = 1
	w.power()
	w.hiding(func(int) bool { return true })
	if j := w.job(order); j.State != store.Queued || j.Cursor != store.Ordered {
		t.Fatalf("with everything hidden the wipe is %v at %v", j.State, j.Cursor)
	}
	w.power()
	_, err := w.contact()
	check(t, err)
	w.emptied(order, nil, []byte{2})
	if j := w.job(lock); j.State != store.Done {
		t.Errorf("the lock behind it is %v", j.State)
	}
}

// An element that lists others alone, and has no room: nothing of ours is there, but a wipe of everything waits for the receipt of each place it
// names.
func TestWipeAmongOthersWithoutRoom(t *testing.T) {
	t.Parallel()
	w, _ := filled(t, 2)
	w.another("\xA0\x00\x00\x08\x12\x01\x02\x03")
	first := w.wipe(2)
	_, err := w.contact()
	check(t, err)
	w.emptied(first, []byte{2}, nil)
	for _, named := range [][]byte{nil, {2, 3}} {
		order := w.wipeNaming(named...)
		w.submitted(order)
		w.limit = 1
		w.power()
		_, err = w.contact()
		check(t, err)
		if j := w.job(order); j.State != store.Queued || len(j.Receipts) != 0 {
			t.Fatalf("without room the wipe is %v at %v with %d receipts", j.State, j.Cursor, len(j.Receipts))
		}
		w.limit = 0
		w.power()
		_, err = w.contact()
		check(t, err)
		if named == nil {
			named = []byte{1}
		}
		w.emptied(order, named, nil)
	}
}

// An element that signs for something else has nothing deleted, since deleting destroys what could sign again.
func TestWipeReceiptOfAnother(t *testing.T) {
	t.Parallel()
	w, _ := filled(t, 1, 2)
	earlier := w.wipe(1)
	var of1 []byte // the receipt of slot 1, for another order
	_, err := w.contact()
	check(t, err)
	w.emptied(earlier, []byte{1}, []byte{2})
	of1 = w.job(earlier).Receipts[0].Signed
	order := w.wipe(0)
	for range 2 {
		r := w.meets(func(c apdu.Command, do func(apdu.Command) apdu.Response) apdu.Response {
			answer := do(c)
			if c.INS == insStoreData && answer.SW == apdu.OK {
				answer.Data = of1
			}
			return answer
		})
		for _, c := range r.seen {
			if c.INS == insDelete {
				t.Fatal("an instance is deleted without its receipt")
			}
		}
		if j := w.job(order); j.State != store.Queued || j.Cursor != store.Ordered || len(j.Receipts) != 0 {
			t.Fatalf("wipe is %v at %v with %d receipts", j.State, j.Cursor, len(j.Receipts))
		}
	}
	w.element.Reset()
	_, err = w.contact()
	check(t, err)
	w.emptied(order, []byte{2}, nil)
}

// A phone that hides what remains of an element between the receipts and DELETE has the wipe closed no more than before them.
func TestWipeHiddenBeforeDeletion(t *testing.T) {
	t.Parallel()
	for _, order := range []func(*world) []byte{
		func(w *world) []byte { return w.order(provisioning.OrderWipe, 0) },
		func(w *world) []byte { return w.order(provisioning.OrderWipe, 2) },
		func(w *world) []byte { return w.wipeNaming(2) },
	} {
		w, _ := filled(t, 2)
		o := order(w)
		w.submitted(o)
		check(t, w.through(func(ctx context.Context, command []byte, next apdu.Transmitter) ([]byte, error) {
			if command[1] == insDelete {
				return nil, nil
			}
			return next.Transmit(ctx, command)
		}))
		for range 2 {
			if j := w.job(o); j.State != store.Queued || j.Cursor != store.Wiped || len(j.Receipts) != 1 {
				t.Fatalf("wipe is %v at %v with %d receipts", j.State, j.Cursor, len(j.Receipts))
			}
			w.hiding(func(int) bool { return true })
		}
		_, err := w.contact()
		check(t, err)
		w.emptied(o, []byte{2}, nil)
	}
}

// A phone that shows what is receipted already, or nothing, has a wipe closed at no point but the honest one.
func TestWipeNamesPlacesHidden(t *testing.T) {
	t.Parallel()
	for pattern := range 16 {
		w, _ := filled(t, 2, gp.PhonePlace)
		order := w.wipeNaming(2, 3)
		w.submitted(order)
		w.hiding(func(n int) bool { return pattern>>((n-1)%4)&1 == 1 })
		if j := w.job(order); j.State == store.Done {
			if left := w.instances(); len(left) != 0 {
				t.Errorf("pattern %04b: closed, but the element holds %v", pattern, left)
			}
		}
		w.element.Reset()
		_, err := w.contact()
		check(t, err)
		w.emptied(order, []byte{2, 3, gp.PhonePlace}, nil)
	}
}
