package storetest

import (
	"errors"
	"testing"
	"time"

	"mobileid/issuer/store"
)

// phoneOrder places an order for phone certificates.
func (r *rig) phoneOrder(subject, device string) store.Order {
	r.Helper()
	o, err := r.s.PlaceOrder(r.ctx(), store.Order{ID: r.id(), TransactionID: r.transaction().ID, Subject: subject, Device: device,
		DocType: store.PhoneCertificates, Slot: 1, Purpose: 1, Challenge: []byte{3}, NotAfter: Now.Add(10 * time.Minute)}, []byte("order"))
	r.must(err)
	return o
}

// phoneReservation is one with the next serial numbers.
func (r *rig) phoneReservation(o store.Order, serial uint64) store.Reservation {
	return store.Reservation{ID: r.id(), OrderID: o.ID, DeviceKey: []byte("keys of " + o.ID), Signed: Now, ValidUntil: Now.AddDate(5, 0, 0), At: Now,
		Phone: &store.PhoneSet{Signature: serial, Authentication: serial, Card: []byte("sealed")}}
}

// phone brings a new set to Active.
func (r *rig) phone(subject, device string, serial uint64) store.Credential {
	r.Helper()
	o := r.phoneOrder(subject, device)
	c, err := r.s.Reserve(r.ctx(), r.phoneReservation(o, serial))
	r.must(err)
	r.must(r.s.MarkSigned(r.ctx(), c.ID, []byte("digest of "+c.ID), Now))
	r.must(r.s.Release(r.ctx(), c.ID, Now))
	_, _, err = r.s.Activate(r.ctx(), r.receipt(r.row(c.ID)))
	r.must(err)
	return r.row(c.ID)
}

func (r *rig) listed(want ...string) {
	r.Helper()
	_, rows, err := r.s.Listed(r.ctx())
	r.must(err)
	var got []string
	for _, c := range rows {
		got = append(got, c.ID)
	}
	if len(got) != len(want) {
		r.Fatalf("%d rows are listed, want %d", len(got), len(want))
	}
	for _, id := range want {
		found := false
		for _, g := range got {
			found = found || g == id
		}
		if !found {
			r.Fatalf("a row is not listed")
		}
	}
}

// phones: serial numbers are given out once, a set takes no status index, and one set per person is in force.
func phones(t *testing.T, open Opener) {
	r := newRig(t, open)
	first := r.phone("a", "d1", 7)
	if first.Phone == nil || first.Phone.Signature != 7 || first.State != store.Active {
		t.Fatalf("row %+v", first)
	}
	for _, kind := range []store.CertificateKind{store.SignatureCertificate, store.AuthenticationCertificate} {
		got, err := r.s.OfSerial(r.ctx(), kind, 7)
		r.must(err)
		if got.ID != first.ID {
			t.Error("another row has the serial number")
		}
		if _, err := r.s.OfSerial(r.ctx(), kind, 8); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("a number that was never given out: %v", err)
		}
	}
	o := r.phoneOrder("b", "d2")
	if _, err := r.s.Reserve(r.ctx(), r.phoneReservation(o, 7)); !errors.Is(err, store.ErrSerial) {
		t.Errorf("a serial number a second time: %v", err)
	}
	mdoc := r.activate("a", "d1")
	if mdoc.Index != 0^5 {
		t.Errorf("the first credential has index %d: a set of certificates took one", mdoc.Index)
	}
	snapshot, err := r.s.Status(r.ctx())
	r.must(err)
	if len(snapshot.Set) != 0 {
		t.Errorf("status %v", snapshot.Set)
	}
	second := r.phone("a", "d2", 9)
	r.state(first.ID, store.Revoked)
	if r.row(first.ID).Reason != store.Superseded {
		t.Errorf("reason %s", r.row(first.ID).Reason)
	}
	r.state(mdoc.ID, store.Active)
	r.listed(first.ID)
	live, err := r.s.Live(r.ctx(), 0, 10)
	r.must(err)
	if len(live) != 1 || live[0].ID != second.ID {
		t.Errorf("%d live sets", len(live))
	}
	if live, err = r.s.Live(r.ctx(), second.Sequence, 10); err != nil || len(live) != 0 {
		t.Errorf("%d live sets behind the last: %v", len(live), err)
	}
	r.reopen()
	r.listed(first.ID)
}

// holds of desk and card end each by itself, and a final change ends both.
func phoneHolds(t *testing.T, open Opener) {
	r := newRig(t, open)
	c := r.phone("a", "d", 7)
	change := func(want bool, p store.PhoneChange) {
		t.Helper()
		p.At = Now
		got, err := r.s.ChangePhone(r.ctx(), c.ID, p)
		r.must(err)
		if got != want {
			t.Fatalf("changed %v, want %v", got, want)
		}
	}
	free := func(want bool, by store.Hold) {
		t.Helper()
		var unlock store.Message // who holds for the card's sake has no order
		if by == store.HoldDesk {
			unlock = message("unlock")
		}
		got, err := r.s.ReleasePhone(r.ctx(), c.ID, by, Now, unlock)
		r.must(err)
		if got != want {
			t.Fatalf("released %v, want %v", got, want)
		}
	}
	before, _, err := r.s.Listed(r.ctx())
	r.must(err)
	byDesk := store.PhoneChange{Reason: store.CertificateHold, By: store.HoldDesk, Order: message("lock")}
	byCard := store.PhoneChange{Reason: store.CertificateHold, By: store.HoldCard}
	change(true, byDesk)
	change(true, byCard)
	change(false, byDesk)
	change(false, byCard)
	r.listed(c.ID)
	if after, _, _ := r.s.Listed(r.ctx()); after <= before {
		t.Errorf("version %d after %d", after, before)
	}
	r.queued("lock", 1)
	free(true, store.HoldDesk)
	r.queued("unlock", 1)
	r.state(c.ID, store.Suspended)
	free(false, store.HoldDesk)
	free(true, store.HoldCard)
	r.state(c.ID, store.Active)
	r.listed()
	free(false, store.HoldDesk)
	// The card first: the desk's hold locks all the same, and its end unlocks.
	change(true, byCard)
	change(true, byDesk)
	r.queued("lock", 2)
	free(true, store.HoldCard)
	r.state(c.ID, store.Suspended)
	r.queued("unlock", 1)
	free(true, store.HoldDesk)
	r.state(c.ID, store.Active)
	r.queued("unlock", 2)
	// A device's suspension is the desk's hold too; the card's stays when it ends.
	change(true, byCard)
	for range 2 {
		_, err := r.s.SuspendDevice(r.ctx(), "d", Now, message("lock"))
		r.must(err)
		r.queued("lock", 3)
	}
	for range 2 {
		_, err := r.s.ResumeDevice(r.ctx(), "d", Now, message("unlock"))
		r.must(err)
		r.queued("unlock", 3)
	}
	r.state(c.ID, store.Suspended)
	change(true, store.PhoneChange{Reason: store.AffiliationChanged, Order: store.Message{OrderID: "wipe", Body: []byte("w"), NotAfter: Now}})
	change(false, store.PhoneChange{Reason: store.Superseded})
	free(false, store.HoldCard)
	if got := r.row(c.ID); got.State != store.Revoked || got.Reason != store.AffiliationChanged || got.Phone.WipeID != "wipe" {
		t.Errorf("row %+v", got)
	}
	if live, err := r.s.Live(r.ctx(), 0, 10); err != nil || len(live) != 0 {
		t.Errorf("%d live sets: %v", len(live), err)
	}
	// The receipt for that order, and for no other.
	for _, p := range []store.Place{{}, {Slot: 1}, {Slot: 7}, {Phone: true, Slot: 2}} {
		r.want(r.s.Wiped(r.ctx(), store.Wipe{OrderID: "wipe", Device: "d", Place: p, Counter: 90, At: Now}), store.ErrMismatch)
	}
	if !r.row(c.ID).Phone.WipedAt.IsZero() {
		t.Error("the receipt of another place is recorded")
	}
	emptied := store.Wipe{OrderID: "wipe", Device: "d", Place: store.Place{Phone: true, Slot: 1}, Counter: 90, At: Now}
	r.must(r.s.Wiped(r.ctx(), emptied))
	again := emptied
	again.At = Now.Add(time.Hour)
	r.must(r.s.Wiped(r.ctx(), again))
	if !r.row(c.ID).Phone.WipedAt.Equal(Now) {
		t.Error("the same receipt again counts anew")
	}
	if r.row(c.ID).Phone.WipedAt.IsZero() {
		t.Error("the receipt is not recorded")
	}
	if err := r.s.Wiped(r.ctx(), store.Wipe{OrderID: "other", Device: "d", Place: emptied.Place, Counter: 91, At: Now}); !errors.Is(err, store.ErrMismatch) {
		t.Errorf("a receipt for another order: %v", err)
	}
}

// phoneDevice: what is done to a device is done to both, and a credential is none of the verbs of phone certificates.
func phoneDevice(t *testing.T, open Opener) {
	r := newRig(t, open)
	mdoc, set := r.activate("a", "d"), r.phone("a", "d", 7)
	if _, err := r.s.ChangePhone(r.ctx(), mdoc.ID, store.PhoneChange{Reason: store.Superseded, At: Now}); !errors.Is(err, store.ErrState) {
		t.Errorf("change of a credential: %v", err)
	}
	if _, err := r.s.ReleasePhone(r.ctx(), mdoc.ID, store.HoldDesk, Now, store.Message{}); !errors.Is(err, store.ErrState) {
		t.Errorf("release of a credential: %v", err)
	}
	for _, missing := range []func() error{
		func() error {
			_, err := r.s.ChangePhone(r.ctx(), "none", store.PhoneChange{Reason: store.Superseded, At: Now})
			return err
		},
		func() error {
			_, err := r.s.ReleasePhone(r.ctx(), "none", store.HoldDesk, Now, store.Message{})
			return err
		},
	} {
		if err := missing(); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("a row that is not there: %v", err)
		}
	}
	sets, err := r.s.PhonesOf(r.ctx(), "d")
	r.must(err)
	if len(sets) != 1 || sets[0].ID != set.ID {
		t.Errorf("%d sets of the device", len(sets))
	}
	h, _, err := r.handover("d")
	r.must(err)
	if h.Credentials != 2 {
		t.Errorf("the handover revoked %d rows, want 2", h.Credentials)
	}
	r.state(mdoc.ID, store.Revoked)
	r.state(set.ID, store.Revoked)
	r.listed(set.ID)
	// What was reserved and never activated is listed too: it may have been signed.
	o := r.phoneOrder("b", "d3")
	c, err := r.s.Reserve(r.ctx(), r.phoneReservation(o, 11))
	r.must(err)
	_, err = r.s.Recover(r.ctx(), Now)
	r.must(err)
	r.state(c.ID, store.Revoked)
	r.listed(set.ID, c.ID)
	held, err := r.s.Reserve(r.ctx(), r.phoneReservation(r.phoneOrder("c", "d4"), 12))
	r.must(err)
	changed, err := r.s.ChangePhone(r.ctx(), held.ID, store.PhoneChange{Reason: store.CertificateHold, By: store.HoldDesk, At: Now})
	r.must(err)
	if got := r.row(held.ID); !changed || got.State != store.Revoked {
		t.Errorf("a hold on what is not active yet left it %s", got.State)
	}
}

// The version is that of Listed; numbers rise over restarts; what has ended is neither listed nor live.
func phoneLists(t *testing.T, open Opener) {
	r := newRig(t, open)
	version := func() uint64 {
		t.Helper()
		with, _, err := r.s.Listed(r.ctx())
		r.must(err)
		alone, err := r.s.ListedVersion(r.ctx())
		r.must(err)
		if with != alone {
			t.Errorf("version %d, with the rows %d", alone, with)
		}
		return alone
	}
	before := version()
	revoked, live, suspended := r.phone("a", "d1", 7), r.phone("b", "d2", 8), r.phone("c", "d3", 9)
	for id, reason := range map[string]store.Reason{revoked.ID: store.Superseded, suspended.ID: store.CertificateHold} {
		_, err := r.s.ChangePhone(r.ctx(), id, store.PhoneChange{Reason: reason, By: store.HoldDesk, At: Now})
		r.must(err)
	}
	if after := version(); after != before+2 {
		t.Errorf("version %d after %d and two changes", after, before)
	}
	number := func(least, want uint64) {
		t.Helper()
		got, err := r.s.ListNumber(r.ctx(), least)
		r.must(err)
		if got != want {
			t.Errorf("number %d, want %d", got, want)
		}
	}
	number(100, 100)
	number(100, 101)
	r.reopen()
	number(100, 102)
	number(7, 103)
	number(200, 200)
	standing := func(at time.Time, retired, lived int, listed ...string) {
		t.Helper()
		n, err := r.s.Retire(r.ctx(), at)
		r.must(err)
		all, err := r.s.Live(r.ctx(), 0, 10)
		r.must(err)
		if n != retired || len(all) != lived {
			t.Errorf("%d retired, %d live; want %d, %d", n, len(all), retired, lived)
		}
		r.listed(listed...)
	}
	standing(live.ValidUntil, 0, 2, revoked.ID, suspended.ID)
	standing(live.ValidUntil.Add(time.Second), 4, 0)
	standing(live.ValidUntil.Add(time.Second), 0, 0)
	r.state(live.ID, store.Active)
}

// A receipt for the certificates counts for what was there when the SE signed it, and not towards a handover, which has its own.
func phonesEmptied(t *testing.T, open Opener) {
	r := newRig(t, open)
	place := store.Place{Phone: true, Slot: 1}
	revoke := func(id string, reason store.Reason, order string) bool {
		t.Helper()
		changed, err := r.s.ChangePhone(r.ctx(), id, store.PhoneChange{Reason: reason, By: store.HoldDesk, At: Now, Order: message(order)})
		r.must(err)
		return changed
	}
	wiped := func(order string, p store.Place, counter uint64) {
		t.Helper()
		r.must(r.s.Wiped(r.ctx(), store.Wipe{OrderID: order, Device: "d", Place: p, Counter: counter, At: Now, Receipt: []byte{byte(counter)}}))
	}
	pending := func(want string, receipts int) {
		t.Helper()
		d, err := r.s.Device(r.ctx(), "d")
		r.must(err)
		if d.WipeID != want || len(d.Handover.Erased) != receipts {
			t.Fatalf("the device waits for %q with %d receipts, want %q, %d", d.WipeID, len(d.Handover.Erased), want, receipts)
		}
	}
	first := r.phone("a", "d", 7)
	revoke(first.ID, store.Superseded, "one")
	r.phone("z", "x", 99)          // leaves a number between
	second := r.phone("a", "d", 8) // its receipt has a greater counter than that of the wipe, which is late
	wiped("one", place, second.Counter-1)
	h, _, err := r.handover("d")
	r.must(err)
	if h.WipeOrderID == "" {
		t.Fatal("a late receipt emptied what came after it")
	}
	wiped(h.WipeOrderID, store.Place{Slot: 9}, 90)
	pending(h.WipeOrderID, 1)
	wiped(h.WipeOrderID, place, 91)
	pending("", 2)

	// The desk's order was carried out before the handover's: its receipt says nothing of the handover's, which is still to come and would
	// empty what the next owner has by then.
	third := r.phone("a", "d", 9)
	revoke(third.ID, store.Superseded, "two")
	h, _, err = r.handover("d")
	r.must(err)
	pending(h.WipeOrderID, 0)
	wiped("two", place, 92)
	pending(h.WipeOrderID, 0)
	if !r.row(third.ID).Phone.WipedAt.Equal(Now) {
		t.Error("the receipt of the desk's order is not recorded with the row")
	}
	r.want(r.s.Wiped(r.ctx(), store.Wipe{OrderID: h.WipeOrderID, Device: "d", Place: place, Counter: 92, At: Now}), store.ErrRollback)
	_, err = r.place("next", "d")
	r.want(err, store.ErrWipePending)
	r.reopen()
	wiped(h.WipeOrderID, place, 93)
	pending("", 1)

	// What was revoked without an order is ordered to be emptied once, and by a final change.
	fourth := r.phone("a", "d", 10)
	elsewhere := r.phone("a", "e", 11)
	r.state(fourth.ID, store.Revoked)
	for i, want := range []bool{false, true, false} {
		reason := store.Reason(store.CessationOfOperation)
		if i == 0 {
			reason = store.CertificateHold
		}
		if got := revoke(fourth.ID, reason, "three"); got != want {
			t.Errorf("time %d: changed %v, want %v", i, got, want)
		}
	}
	r.queued("three", 1)
	r.state(elsewhere.ID, store.Active)

	// Its receipt empties the device once more, and leaves the record of the handover before as it was.
	r.must(r.s.Wiped(r.ctx(), store.Wipe{OrderID: "three", Device: "d", Place: place, Counter: 94, At: Now.Add(time.Hour), Receipt: []byte("three")}))
	pending("", 1)
	if d, err := r.s.Device(r.ctx(), "d"); err != nil || len(d.Places) != 0 || !d.Handover.ErasedAt.Equal(Now) {
		t.Errorf("after it the device is %+v: %v", d, err)
	}
}
