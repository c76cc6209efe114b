package storetest

import (
	"errors"
	"sync"
	"testing"
	"time"

	"mobileid/issuer/store"
)

func life(t *testing.T, open Opener) {
	r := newRig(t, open)
	c := r.reserve(r.order("s", "d"))
	r.state(c.ID, store.Reserved)
	r.want(r.s.Release(r.ctx(), c.ID, Now), store.ErrState)
	r.must(r.s.MarkSigned(r.ctx(), c.ID, []byte("digest"), Now))
	r.want(r.s.MarkSigned(r.ctx(), c.ID, []byte("digest"), Now), store.ErrState)
	r.reopen()
	r.state(c.ID, store.Signed)
	c = r.row(c.ID)
	_, _, err := r.s.Activate(r.ctx(), r.receipt(c))
	r.want(err, store.ErrState) // signed, but never released: the SE cannot hold it
	r.must(r.s.Release(r.ctx(), c.ID, Now))
	r.must(r.s.Release(r.ctx(), c.ID, Now))
	r.state(c.ID, store.Delivered)
	told := r.receipt(c)
	told.At = Now.Add(time.Minute)
	got, n, err := r.s.Activate(r.ctx(), told)
	r.must(err)
	if got.State != store.Active || n != 0 || !r.row(c.ID).ChangedAt.Equal(Now.Add(time.Minute)) {
		t.Fatalf("activated: %s, %d superseded", got.State, n)
	}
	r.reopen()
	r.state(c.ID, store.Active)
	_, err = r.s.Reserve(r.ctx(), r.reservation(store.Order{ID: c.OrderID}))
	if err == nil {
		t.Fatal("an order that ended was reserved for again")
	}
}

func indexes(t *testing.T, open Opener) {
	r := newRig(t, open)
	seen := map[uint64]string{}
	take := func() {
		t.Helper()
		c := r.reserve(r.order("s", "d"))
		if other, twice := seen[c.Index]; twice {
			t.Fatalf("index %d for %s and %s", c.Index, other, c.ID)
		}
		seen[c.Index] = c.ID
	}
	for range Limit / 2 {
		take()
	}
	r.reopen()
	for range Limit/2 - 1 {
		take()
	}
	// Another permutation, as after a change of key: what is given out stays given out.
	res := r.reservation(r.order("s", "d"))
	res.Index = func(n uint64) uint64 { return Limit - 1 - n }
	res.Limit = Limit
	c, err := r.s.Reserve(r.ctx(), res)
	switch {
	case err == nil && seen[c.Index] != "":
		t.Fatalf("index %d given twice", c.Index)
	case err != nil && !errors.Is(err, store.ErrListFull):
		t.Fatal(err)
	}
	if _, err = r.s.Reserve(r.ctx(), r.reservation(r.order("s", "d"))); err == nil {
		_, err = r.s.Reserve(r.ctx(), r.reservation(r.order("s", "d")))
	}
	r.want(err, store.ErrListFull)
}

func reserveRefuses(t *testing.T, open Opener) {
	r := newRig(t, open)
	o := r.order("s", "d")
	c := r.reserve(o)

	twice := r.reservation(o)
	twice.ID = c.ID
	_, err := r.s.Reserve(r.ctx(), twice)
	r.want(err, store.ErrExists)

	late := r.reservation(o)
	late.At = o.NotAfter
	_, err = r.s.Reserve(r.ctx(), late)
	r.want(err, store.ErrExpired)

	stolen := r.reservation(r.order("s", "d"))
	stolen.DeviceKey = c.DeviceKey
	_, err = r.s.Reserve(r.ctx(), stolen)
	r.want(err, store.ErrKeyReused)

	// The same order again: a new row with a new index, and the old one is burnt in the same step.
	again := r.reserve(o)
	if again.Index == c.Index || again.Sequence <= c.Sequence {
		t.Fatalf("second row: index %d, sequence %d", again.Index, again.Sequence)
	}
	r.state(c.ID, store.Revoked)
	r.want(r.s.MarkSigned(r.ctx(), c.ID, []byte{1}, Now), store.ErrRevoked)
	r.want(r.s.Release(r.ctx(), c.ID, Now), store.ErrRevoked)
	youngest, err := r.s.OfOrder(r.ctx(), o.ID)
	r.must(err)
	if youngest.ID != again.ID {
		t.Fatal("the youngest row of the order is not the last one")
	}
}

func clock(t *testing.T, open Opener) {
	r := newRig(t, open)
	r.reserve(r.order("s", "d"))
	o := r.order("s", "d")
	back := r.reservation(o)
	back.At = Now.Add(-store.ClockTolerance - time.Second)
	_, err := r.s.Reserve(r.ctx(), back)
	r.want(err, store.ErrClock)
	back.At = Now.Add(-store.ClockTolerance)
	_, err = r.s.Reserve(r.ctx(), back)
	r.must(err)
}

func supersede(t *testing.T, open Opener) {
	r := newRig(t, open)
	first := r.activate("s", "phone 1")
	other := r.activate("t", "phone 2")
	between := r.deliver("s", "phone 3")
	second := r.deliver("s", "phone 4")
	_, n, err := r.s.Activate(r.ctx(), r.receipt(second))
	r.must(err)
	if n != 2 {
		t.Fatalf("%d superseded, want 2", n)
	}
	r.state(first.ID, store.Revoked)
	r.state(between.ID, store.Revoked)
	r.state(second.ID, store.Active)
	r.state(other.ID, store.Active)
	if why := r.row(first.ID).Reason; why != store.Superseded {
		t.Fatalf("reason %s", why)
	}
	_, _, err = r.s.Activate(r.ctx(), r.receipt(between))
	r.want(err, store.ErrRevoked)
	_, n, err = r.s.Activate(r.ctx(), r.receipt(second))
	r.must(err)
	if n != 0 {
		t.Fatal("a repeated receipt had an effect")
	}
}

// Another slot of the same element is a place of its own; another element's is not.
func supersedeBySlot(t *testing.T, open Opener) {
	r := newRig(t, open)
	first := r.activateIn(1, "s", "phone 1")
	second := r.activateIn(2, "s", "phone 1")
	r.state(first.ID, store.Active)
	r.state(second.ID, store.Active)
	third := r.activateIn(1, "s", "phone 1")
	r.state(first.ID, store.Revoked)
	r.state(second.ID, store.Active)
	older := r.deliverIn(3, "s", "phone 1")
	fourth := r.activateIn(4, "s", "phone 2")
	for _, c := range []store.Credential{second, third} {
		r.state(c.ID, store.Revoked)
	}
	_, _, err := r.s.Activate(r.ctx(), r.receipt(older))
	r.want(err, store.ErrRevoked)
	r.state(fourth.ID, store.Active)
}

// Whoever is in a place of an element loses it to the next there, under whatever name: the element destroyed the keys. Certificates are a place of
// their own.
func supersedeByPlace(t *testing.T, open Opener) {
	r := newRig(t, open)
	first, set := r.activate("s", "phone"), r.phone("s", "phone", 7)
	beside := r.activateIn(2, "t", "phone")
	older := r.deliver("u", "phone")
	second := r.activate("v", "phone")
	r.state(first.ID, store.Revoked)
	r.state(older.ID, store.Revoked)
	if why := r.row(first.ID).Reason; why != store.Superseded {
		t.Errorf("reason %s", why)
	}
	for _, c := range []store.Credential{set, beside, second} {
		r.state(c.ID, store.Active)
	}
	another := r.phone("card 2", "phone", 8) // the same person's next card
	r.state(set.ID, store.Revoked)
	r.listed(set.ID)
	r.state(another.ID, store.Active)
	r.state(second.ID, store.Active)
	// The younger's receipt first.
	late := r.deliver("w", "other phone")
	third := r.activate("x", "other phone")
	_, _, err := r.s.Activate(r.ctx(), r.receipt(late))
	r.want(err, store.ErrRevoked)
	r.state(third.ID, store.Active)
}

// The younger credential's receipt comes first, the older's after it: the older must not take the place.
func lateReceipt(t *testing.T, open Opener) {
	r := newRig(t, open)
	older := r.deliver("s", "phone 1")
	younger := r.activate("s", "phone 2")
	_, _, err := r.s.Activate(r.ctx(), r.receipt(older))
	r.want(err, store.ErrRevoked)
	r.state(older.ID, store.Revoked)
	r.state(younger.ID, store.Active)
	// In order, the older one ends with the younger's receipt and not the other way round.
	for i, device := range []string{"phone 4", "phone 3"} {
		older, younger = r.deliver("t", "phone 3"), r.deliver("t", device)
		_, n, err := r.s.Activate(r.ctx(), r.receipt(older))
		r.must(err)
		r.state(younger.ID, store.Delivered)
		if n != i { // the second takes the place of the first two
			t.Fatalf("%d superseded, want %d", n, i)
		}
		_, _, err = r.s.Activate(r.ctx(), r.receipt(younger))
		r.must(err)
		r.state(older.ID, store.Revoked)
	}
}

func receipts(t *testing.T, open Opener) {
	r := newRig(t, open)
	c := r.deliver("s", "d")
	for name, change := range map[string]func(*store.Activation){
		"digest": func(a *store.Activation) { a.Digest = []byte("other") },
		"none":   func(a *store.Activation) { a.Digest = nil },
		"device": func(a *store.Activation) { a.Device = "e" },
		"slot":   func(a *store.Activation) { a.Slot = 2 },
	} {
		a := r.receipt(c)
		change(&a)
		if _, _, err := r.s.Activate(r.ctx(), a); !errors.Is(err, store.ErrMismatch) {
			t.Errorf("%s: %v, want ErrMismatch", name, err)
		}
	}
	unsigned := r.reserve(r.order("u", "d")) // has no digest either
	_, _, err := r.s.Activate(r.ctx(), r.receipt(unsigned))
	r.want(err, store.ErrMismatch)
	a := r.receipt(c)
	_, _, err = r.s.Activate(r.ctx(), a)
	r.must(err)
	// An SE whose state was put back signs a counter twice.
	next := r.deliver("t", "d")
	b := r.receipt(next)
	b.Counter = a.Counter
	_, _, err = r.s.Activate(r.ctx(), b)
	r.want(err, store.ErrRollback)
	r.state(next.ID, store.Delivered)
}

func recovery(t *testing.T, open Opener) {
	r := newRig(t, open)
	reserved := r.reserve(r.order("s", "d"))
	signed := r.reserve(r.order("s", "d"))
	r.must(r.s.MarkSigned(r.ctx(), signed.ID, []byte("x"), Now))
	delivered := r.deliver("s", "d")
	active := r.activateIn(2, "u", "d")
	r.reopen()
	n, err := r.s.Recover(r.ctx(), Now)
	r.must(err)
	if n != 2 {
		t.Fatalf("burnt %d, want 2", n)
	}
	r.state(reserved.ID, store.Revoked)
	r.state(signed.ID, store.Revoked)
	r.state(delivered.ID, store.Delivered)
	r.state(active.ID, store.Active)
	if n, err = r.s.Recover(r.ctx(), Now); err != nil || n != 0 {
		t.Fatalf("second time: %d, %v", n, err)
	}
}

func reserveRaces(t *testing.T, open Opener) {
	r := newRig(t, open)
	const racers = 32
	var reservations []store.Reservation
	for range racers {
		reservations = append(reservations, r.reservation(r.order("s", "d")))
	}
	var wg sync.WaitGroup
	rows := make(chan store.Credential, racers)
	for _, res := range reservations {
		wg.Go(func() {
			c, err := r.s.Reserve(r.ctx(), res)
			if err != nil {
				t.Error(err)
			}
			rows <- c
		})
	}
	wg.Wait()
	close(rows)
	index, sequence := map[uint64]bool{}, map[uint64]bool{}
	for c := range rows {
		index[c.Index], sequence[c.Sequence] = true, true
	}
	if len(index) != racers || len(sequence) != racers {
		t.Fatalf("%d rows: %d indexes, %d sequences", racers, len(index), len(sequence))
	}
}
