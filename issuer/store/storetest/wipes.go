package storetest

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"mobileid/issuer/store"
)

// What the element attested or had a row for is in the record until it says that it is gone, each place by itself and in any order.
func places(t *testing.T, open Opener) {
	r := newRig(t, open)
	attest := func(p store.Place, key string) { t.Helper(); r.must(r.s.BindSE(r.ctx(), "d", []byte(key), p)) }
	counter := uint64(50)
	wiped := func(order string, p store.Place) {
		t.Helper()
		counter++
		r.must(r.s.Wiped(r.ctx(), store.Wipe{OrderID: order, Device: "d", Place: p, Counter: counter, At: Now}))
	}
	handover := func(of string, want ...store.Place) {
		t.Helper()
		r.reopen()
		h, _, err := r.handover("d")
		r.must(err)
		d, err := r.s.Device(r.ctx(), "d")
		r.must(err)
		if (h.WipeOrderID != "") != (len(want) > 0) || d.WipeID != h.WipeOrderID || !slices.Equal(d.Places, want) {
			t.Fatalf("%s: wipe order %q, waits for %v, want %v", of, h.WipeOrderID, d.Places, want)
		}
		for _, p := range want {
			wiped(h.WipeOrderID, p)
		}
		if d, err = r.s.Device(r.ctx(), "d"); err != nil || d.WipeID != "" || d.Handover.ErasedAt.IsZero() != (len(want) == 0) {
			t.Fatalf("%s: after the receipts the device is %+v: %v", of, d, err)
		}
	}
	r.order("s", "d")
	handover("nothing but an order")

	r.order("s", "d")
	attest(onPhone, "key")
	attest(store.Place{Slot: 3}, "key")
	attest(store.Place{Slot: 3}, "other")
	handover("keys without a row", onPhone, store.Place{Slot: 3})
	if d, err := r.s.Device(r.ctx(), "d"); err != nil || string(d.SEKey) != "other" {
		t.Errorf("the record has the key %q: %v", d.SEKey, err)
	}

	r.reserve(r.order("s", "d"))
	handover("a row that nobody attested for", store.Place{Slot: 1})

	// The receipt of an older order between attestation and row.
	old := r.phone("s", "d", 7)
	next := r.phoneOrder("s", "d")
	_, err := r.s.ChangePhone(r.ctx(), old.ID, store.PhoneChange{Reason: store.Superseded, At: Now, Order: message("old")})
	r.must(err)
	attest(onPhone, "other")
	wiped("old", onPhone)
	_, err = r.s.Reserve(r.ctx(), r.phoneReservation(next, 8))
	r.must(err)
	handover("a row after its place was emptied", onPhone)

	// An attestation that comes after the handover adds no place for which no receipt would come any more.
	r.order("s", "d")
	attest(store.Place{Slot: 1}, "other")
	h, _, err := r.handover("d")
	r.must(err)
	wiped(h.WipeOrderID, store.Place{Slot: 2})
	attest(store.Place{Slot: 2}, "key")
	wiped(h.WipeOrderID, store.Place{Slot: 1})
	d, err := r.s.Device(r.ctx(), "d")
	r.must(err)
	if d.WipeID != "" || string(d.SEKey) != "key" {
		t.Errorf("the device waits for %v, with the key %q", d.Places, d.SEKey)
	}
}

// An order to empty a device names every place on record, or nothing is changed.
func placesNamed(t *testing.T, open Opener) {
	r := newRig(t, open)
	row := r.reserve(r.order("s", "d"))
	r.must(r.s.BindSE(r.ctx(), "d", []byte("key"), onPhone))
	for _, places := range [][]store.Place{nil, {{Slot: 1}}, {onPhone}, {{Slot: 2}, {Slot: 3}}} {
		_, _, err := r.handoverNaming("d", places)
		r.want(err, store.ErrPlaces)
		d, err := r.s.Device(r.ctx(), "d")
		r.must(err)
		if d.Handover != nil || d.WipeID != "" || d.Epoch != 0 {
			t.Fatalf("an order that names %v left %+v", places, d)
		}
		r.state(row.ID, store.Reserved)
	}
	h, _, err := r.handoverNaming("d", []store.Place{{Slot: 9}, onPhone, {Slot: 1}})
	r.must(err)
	r.state(row.ID, store.Revoked)
	again, repeated, err := r.handoverNaming("d", nil) // the same again needs no order
	r.must(err)
	if !repeated || again.ID != h.ID {
		t.Errorf("asked again: %+v, want %+v", again, h)
	}
}

// onPhone is the place of phone certificates.
var onPhone = store.Place{Phone: true, Slot: 1}

// emptied gives in a receipt for the phone certificates.
func (r *rig) emptied(order, device string, counter uint64) {
	r.Helper()
	r.must(r.s.Wiped(r.ctx(), store.Wipe{OrderID: order, Device: device, Place: onPhone, Counter: counter, At: Now, Receipt: []byte(order)}))
}

// ended makes a final change of a row and has it emptied.
func (r *rig) ended(c store.Credential, order string) {
	r.Helper()
	_, err := r.s.ChangePhone(r.ctx(), c.ID, store.PhoneChange{Reason: store.Superseded, At: Now, Order: message(order)})
	r.must(err)
}

// reservePhone makes a row for phone certificates.
func (r *rig) reservePhone(subject, device string, serial uint64) store.Credential {
	r.Helper()
	c, err := r.s.Reserve(r.ctx(), r.phoneReservation(r.phoneOrder(subject, device), serial))
	r.must(err)
	return c
}

// release brings a reserved row to Delivered.
func (r *rig) release(c store.Credential) {
	r.Helper()
	r.must(r.s.MarkSigned(r.ctx(), c.ID, []byte("digest of "+c.ID), Now))
	r.must(r.s.Release(r.ctx(), c.ID, Now))
}

// commit gives in the receipt for a delivered row.
func (r *rig) commit(c store.Credential, counter uint64) {
	r.Helper()
	a := r.receipt(r.row(c.ID))
	a.Counter = counter
	_, _, err := r.s.Activate(r.ctx(), a)
	r.must(err)
}

// A receipt that comes late empties what was there when the SE carried the order out, and not what may have come after.
func lateWipes(t *testing.T, open Opener) {
	r := newRig(t, open)
	const wipe = 1000 // the counter of the receipt
	nothing := func(store.Credential) {}
	serial := uint64(0)
	for name, c := range map[string]struct {
		before bool                           // the row was there before the order
		bring  func(younger store.Credential) // from Reserved to state
		after  func(younger store.Credential) // what follows the receipt
		state  store.State
		stays  bool
	}{
		"reserved":                           {false, nothing, nothing, store.Reserved, true},
		"signed":                             {false, func(c store.Credential) { r.must(r.s.MarkSigned(r.ctx(), c.ID, []byte("x"), Now)) }, nothing, store.Signed, true},
		"delivered":                          {false, r.release, nothing, store.Delivered, true},
		"delivered, then revoked":            {false, func(c store.Credential) { r.release(c); r.ended(c, "") }, nothing, store.Revoked, true},
		"committed after the wipe":           {false, func(c store.Credential) { r.release(c); r.commit(c, wipe+1) }, nothing, store.Active, true},
		"committed before the wipe":          {false, func(c store.Credential) { r.release(c); r.commit(c, wipe-1) }, nothing, store.Active, false},
		"keys from before the order":         {true, r.release, nothing, store.Delivered, false},
		"keys from before, committed though": {true, r.release, func(c store.Credential) { r.commit(c, wipe+1) }, store.Delivered, true},
	} {
		order := "old of " + name
		serial += 2
		first := r.phone(name, name, serial)
		var younger store.Credential
		if c.before {
			younger = r.reservePhone(name, name, serial+1)
		}
		r.ended(first, order)
		if !c.before {
			younger = r.reservePhone(name, name, serial+1)
		}
		c.bring(younger)
		r.state(younger.ID, c.state)
		r.reopen()
		r.emptied(order, name, wipe)
		c.after(younger)
		h, _, err := r.handover(name)
		r.must(err)
		if ordered := h.WipeOrderID != ""; ordered != c.stays {
			t.Errorf("%s: the handover orders a wipe: %v, want %v", name, ordered, c.stays)
		}
		if h.WipeOrderID == "" {
			continue
		}
		r.emptied(h.WipeOrderID, name, wipe+100)
		if d, err := r.s.Device(r.ctx(), name); err != nil || d.WipeID != "" {
			t.Errorf("%s: the handover's own receipt leaves %v: %v", name, d.Places, err)
		}
	}
}

// One order empties several rows; how far it goes was settled when the first of them named it.
func lateWipeOfSeveral(t *testing.T, open Opener) {
	r := newRig(t, open)
	first, second := r.phone("s", "d", 1), r.reservePhone("s", "d", 2)
	r.release(second)
	r.ended(first, "old")
	r.release(r.reservePhone("s", "d", 3))
	_, err := r.s.ChangePhone(r.ctx(), second.ID, store.PhoneChange{Reason: store.Superseded, At: Now, Order: store.Message{OrderID: "old"}})
	r.must(err)
	r.emptied("old", "d", 1000)
	for _, c := range []store.Credential{first, second} {
		if !r.row(c.ID).Phone.WipedAt.Equal(Now) {
			t.Error("the receipt is not recorded with every row of its order")
		}
	}
	h, _, err := r.handover("d")
	r.must(err)
	if h.WipeOrderID == "" {
		t.Error("the receipt emptied what was reserved between two rows of its order")
	}
}

// What a late receipt does not prove empty, it proves for no handover either: it is not filed, and the handover waits on.
func lateWipeInHandover(t *testing.T, open Opener) {
	r := newRig(t, open)
	first := r.phone("s", "d", 1)
	r.ended(first, "old")
	r.release(r.reservePhone("s", "d", 2))
	h, _, err := r.handover("d")
	r.must(err)
	for _, step := range []struct {
		order   string
		pending string
		filed   int
	}{{"old", h.WipeOrderID, 0}, {h.WipeOrderID, "", 1}} {
		r.emptied(step.order, "d", uint64(1000+step.filed))
		d, err := r.s.Device(r.ctx(), "d")
		r.must(err)
		if d.WipeID != step.pending || len(d.Handover.Erased) != step.filed || d.Handover.ErasedAt.IsZero() != (step.pending != "") {
			t.Fatalf("the device waits for %q with %d receipts, want %q, %d", d.WipeID, len(d.Handover.Erased), step.pending, step.filed)
		}
	}
}

// A handover of an element that is full files the receipt of each of its places, whatever other receipt comes between, and waits for the last.
func handoverOfEveryPlace(t *testing.T, open Opener) {
	r := newRig(t, open)
	r.ended(r.phone("s", "d", 1), "phones")
	places := []store.Place{onPhone}
	for slot := range uint64(15) {
		places = append(places, store.Place{Slot: slot + 1})
		r.must(r.s.BindSE(r.ctx(), "d", []byte("key"), places[slot+1]))
	}
	h, _, err := r.handover("d")
	r.must(err)
	r.emptied("phones", "d", 100)
	for i, p := range places {
		if d, err := r.s.Device(r.ctx(), "d"); err != nil || d.WipeID != h.WipeOrderID || len(d.Places) != len(places)-i || len(d.Handover.Erased) != i {
			t.Fatalf("after %d receipts of %d the device is %+v: %v", i, len(places), d, err)
		}
		r.must(r.s.Wiped(r.ctx(), store.Wipe{OrderID: h.WipeOrderID, Device: "d", Place: p, Counter: uint64(200 + i), At: Now, Receipt: fmt.Append(nil, p)}))
	}
	d, err := r.s.Device(r.ctx(), "d")
	r.must(err)
	if d.WipeID != "" || !d.Handover.ErasedAt.Equal(Now) || len(d.Handover.Erased) != len(places) {
		t.Fatalf("after all receipts the device waits for %q, %d are filed", d.WipeID, len(d.Handover.Erased))
	}
	for i, p := range places {
		if got := d.Handover.Erased[i]; string(got) != fmt.Sprint(p) {
			t.Errorf("receipt %d is %q, want that of %v", i, got, p)
		}
	}
}

// Certificates that were revoked without an order to empty them can be ordered to be afterwards, by a final change with an order, and only while the
// SE may hold them and nothing waits that empties them anyway.
func emptiedAfterwards(t *testing.T, open Opener) {
	r := newRig(t, open)
	change := func(c store.Credential, order store.Message, want bool) {
		t.Helper()
		got, err := r.s.ChangePhone(r.ctx(), c.ID, store.PhoneChange{Reason: store.Superseded, At: Now, Order: order})
		r.must(err)
		if got != want {
			t.Fatalf("changed %v, want %v", got, want)
		}
	}
	following := func(c store.Credential) { t.Helper(); change(c, store.Message{}, true) } // revoked with its card

	// What was reserved after it and never signed is in no element.
	first := r.phone("s", "a", 1)
	following(first)
	burnt := r.reservePhone("s", "a", 2)
	_, err := r.s.Recover(r.ctx(), Now)
	r.must(err)
	change(burnt, message("empty a"), false)
	change(first, store.Message{}, false)
	change(first, message("empty a"), true)
	change(first, message("empty a"), false)
	r.queued("empty a", 1)

	// What was signed after it may be in its place: the order goes with that one.
	second := r.phone("t", "b", 3)
	younger := r.reservePhone("t", "b", 4)
	r.release(younger)
	following(second)
	following(younger)
	change(second, message("empty b"), false)
	change(younger, message("empty b"), true)
	r.queued("empty b", 1)

	// Such an order goes as far as any other: it empties what was reserved before it, and not what came after.
	r.emptied("empty a", "a", 1000)
	r.emptied("empty b", "b", 1000)
	for _, device := range []string{"a", "b"} {
		if h, _, err := r.handover(device); err != nil || h.WipeOrderID != "" {
			t.Errorf("%s: what was emptied afterwards is to be emptied again: %v", device, err)
		}
	}
	again := r.phone("t", "b", 6)
	following(again)
	change(again, message("empty b again"), true)
	r.release(r.reservePhone("t", "b", 7))
	r.emptied("empty b again", "b", 2000)
	if h, _, err := r.handover("b"); err != nil || h.WipeOrderID == "" {
		t.Errorf("what came after the order counts as emptied by it: %v", err)
	}

	// A handover that waits empties it; once its receipt is there, it is empty.
	third := r.phone("u", "c", 5)
	following(third)
	h, _, err := r.handover("c")
	r.must(err)
	change(third, message("empty c"), false)
	r.emptied(h.WipeOrderID, "c", 1000)
	change(third, message("empty c"), false)
	r.queued("empty c", 0)
}

// A receipt uses its counter up and moves the latest time, names an order, and is filed if there are bytes of it, up to a bound.
func wipeReceipts(t *testing.T, open Opener) {
	r := newRig(t, open)
	give := func(order string, p store.Place, counter uint64, at time.Time, receipt string) error {
		return r.s.Wiped(r.ctx(), store.Wipe{OrderID: order, Device: "d", Place: p, Counter: counter, At: at, Receipt: []byte(receipt)})
	}
	latest := func(want time.Time) {
		t.Helper()
		row := r.reservation(r.order("x", "another device"))
		row.At = want.Add(-store.ClockTolerance - time.Second)
		_, err := r.s.Reserve(r.ctx(), row)
		r.want(err, store.ErrClock)
		row.At = want.Add(-store.ClockTolerance)
		_, err = r.s.Reserve(r.ctx(), row)
		r.must(err)
	}
	r.ended(r.phone("s", "d", 1), "phones")
	credential := r.activate("s", "d")
	second := r.deliverIn(2, "s", "d")
	standing := r.phone("t", "d", 2) // has no order that empties it
	r.want(give("", onPhone, 100, Now, ""), store.ErrMismatch)
	if !r.row(standing.ID).Phone.WipedAt.IsZero() {
		t.Error("a receipt for no order is recorded")
	}
	at := Now.Add(time.Minute)
	r.must(give("phones", onPhone, 100, at, ""))
	latest(at)
	again := r.receipt(second)
	again.Counter = 100
	_, _, err := r.s.Activate(r.ctx(), again)
	r.want(err, store.ErrRollback)

	r.order("s", "e")
	at = at.Add(time.Minute)
	bare, _, err := r.s.RevokeDevice(r.ctx(), store.Handover{ID: r.id(), Device: "e", At: at, Credentials: 7, WipeOrderID: r.id()},
		store.WipeOrder{Body: []byte("wipe")})
	r.must(err)
	if bare.WipeOrderID != "" || bare.Credentials != 0 {
		t.Errorf("the handover of an empty device is recorded as %+v", bare)
	}
	latest(at)
	r.want(r.s.Wiped(r.ctx(), store.Wipe{Device: "e", Place: onPhone, Counter: 1, At: at}), store.ErrMismatch)

	h, _, err := r.handover("d")
	r.must(err)
	at = at.Add(time.Minute)
	r.must(give(h.WipeOrderID, credential.Place(), 200, at, ""))
	latest(at)
	r.want(give("phones", onPhone, 200, at, ""), store.ErrRollback)
	for i := range 40 {
		r.must(give(h.WipeOrderID, store.Place{Slot: 9}, uint64(300+i), at, fmt.Sprintf("receipt %d", i)))
	}
	d, err := r.s.Device(r.ctx(), "d")
	r.must(err)
	if filed := d.Handover.Erased; len(filed) != 16 || string(filed[0]) != "receipt 0" || string(filed[15]) != "receipt 15" {
		t.Errorf("%d receipts are filed, the first is %q", len(filed), filed[0])
	}
	if want := []store.Place{{Slot: 2}}; !slices.Equal(d.Places, want) {
		t.Errorf("the device waits for %v, want %v", d.Places, want)
	}
}
