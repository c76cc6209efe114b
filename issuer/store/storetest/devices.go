package storetest

import (
	"bytes"
	"fmt"
	"slices"
	"testing"
	"time"

	"mobileid/issuer/store"
)

func handover(t *testing.T, open Opener) {
	r := newRig(t, open)
	a, b := r.activate("s", "d"), r.activateIn(2, "t", "d")
	r.phone("s", "d", 7)
	elsewhere := r.activate("u", "e")
	r.must(r.s.BindSE(r.ctx(), "d", []byte("key"), a.Place()))
	h, again, err := r.handover("d")
	r.must(err)
	if again || h.Credentials != 3 {
		t.Fatalf("again %v, %d credentials", again, h.Credentials)
	}
	r.must(r.s.AttachReceipt(r.ctx(), "d", h.ID, []byte("receipt")))
	r.want(r.s.AttachReceipt(r.ctx(), "d", h.ID, []byte("other")), store.ErrState)
	r.reopen()
	for _, c := range []store.Credential{a, b} {
		r.state(c.ID, store.Revoked)
	}
	r.state(elsewhere.ID, store.Active)
	d, err := r.s.Device(r.ctx(), "d")
	r.must(err)
	if d.Epoch != 1 || d.WipeID != h.WipeOrderID || string(d.SEKey) != "key" {
		t.Fatalf("device %+v", d)
	}
	r.order("u", "f")
	bare, again, err := r.handover("f") // never attested anything: nothing to empty
	r.must(err)
	if again || bare.WipeOrderID != "" || bare.Credentials != 0 {
		t.Fatalf("handover of a device that never answered: %+v", bare)
	}
	r.order("u", "f")
	same, again, err := r.handover("d")
	r.must(err)
	if !again || same.ID != h.ID || string(same.Receipt) != "receipt" || same.WipeOrderID != h.WipeOrderID {
		t.Fatalf("asked again: %v %+v", again, same)
	}
	wipes := 0
	pending, err := r.s.Pending(r.ctx(), 0, 100)
	r.must(err)
	for _, m := range pending {
		if string(m.Body) == "wipe" {
			wipes++
		}
	}
	if wipes != 1 {
		t.Fatalf("%d wipe orders queued, want 1", wipes)
	}
	_, err = r.place("s", "d")
	r.want(err, store.ErrWipePending)

	r.want(r.s.Wiped(r.ctx(), store.Wipe{OrderID: "other", Device: "d", Counter: 90, At: Now}), store.ErrMismatch)
	r.want(r.s.Wiped(r.ctx(), store.Wipe{OrderID: h.WipeOrderID, Device: "d", Counter: a.Counter, At: Now}), store.ErrRollback)
	// Each place has its receipt before the device counts as empty; one of a place without a row is filed, and no more,
	// and no place stands for all.
	at := func(counter uint64, p store.Place, seconds int) store.Wipe {
		return store.Wipe{OrderID: h.WipeOrderID, Device: "d", Place: p, Counter: counter, At: Now.Add(time.Duration(seconds) * time.Second),
			Receipt: fmt.Append(nil, p)}
	}
	for i, p := range []store.Place{{}, {Slot: 9}, {Slot: 1}, {Slot: 1}, {Slot: 2}, {Phone: true, Slot: 1}} {
		d, err = r.s.Device(r.ctx(), "d")
		r.must(err)
		if d.WipeID == "" || !d.Handover.ErasedAt.IsZero() {
			t.Fatalf("after %d of 6 receipts the device counts as empty", i)
		}
		_, err = r.place("s", "d")
		r.want(err, store.ErrWipePending)
		r.must(r.s.Wiped(r.ctx(), at(99+p.Slot, p, i)))
		r.reopen()
	}
	d, err = r.s.Device(r.ctx(), "d")
	r.must(err)
	if e := d.Handover; d.WipeID != "" || !e.ErasedAt.Equal(Now.Add(5*time.Second)) || len(e.Erased) != 5 || !bytes.Equal(e.Erased[2], fmt.Append(nil, store.Place{Slot: 1})) {
		t.Fatalf("the receipts are not filed: %+v", e)
	}

	// The next owner: a new credential under the new epoch, and a second handover that is not the first.
	c := r.activate("v", "d")
	if c.Epoch != 1 {
		t.Fatalf("epoch %d", c.Epoch)
	}
	r.must(r.s.Wiped(r.ctx(), at(100, store.Place{Slot: 1}, 9))) // of the former owner, again
	second, again, err := r.handover("d")
	r.must(err)
	r.must(r.s.Wiped(r.ctx(), store.Wipe{OrderID: second.WipeOrderID, Device: "d", Place: store.Place{Slot: 2}, Counter: 200, At: Now}))
	d, err = r.s.Device(r.ctx(), "d")
	r.must(err)
	if d.WipeID != second.WipeOrderID {
		t.Error("a receipt of the former owner's, or of another slot, emptied the new owner's")
	}
	if again || second.ID == h.ID || second.Credentials != 1 || second.WipeOrderID == "" {
		t.Fatalf("second handover: again %v, %+v", again, second)
	}
}

func handoverInFlight(t *testing.T, open Opener) {
	r := newRig(t, open)
	ordered := r.order("s", "d")
	reserved := r.reserve(r.order("s", "d"))
	signed := r.reserve(r.order("s", "d"))
	r.must(r.s.MarkSigned(r.ctx(), signed.ID, []byte("x"), Now))
	delivered := r.deliver("s", "d")
	_, _, err := r.handover("d")
	r.must(err)
	_, err = r.s.Reserve(r.ctx(), r.reservation(ordered))
	r.want(err, store.ErrEpoch)
	r.want(r.s.MarkSigned(r.ctx(), reserved.ID, []byte("y"), Now), store.ErrRevoked)
	r.want(r.s.Release(r.ctx(), signed.ID, Now), store.ErrRevoked)
	r.want(r.s.Release(r.ctx(), delivered.ID, Now), store.ErrRevoked)
	_, _, err = r.s.Activate(r.ctx(), r.receipt(delivered))
	r.want(err, store.ErrRevoked)
}

func suspension(t *testing.T, open Opener) {
	r := newRig(t, open)
	active := r.activate("s", "d")
	delivered := r.deliver("t", "d")
	ordered := r.order("s", "d")
	n, err := r.s.SuspendDevice(r.ctx(), "d", Now, message("lock"))
	r.must(err)
	if n != 2 {
		t.Fatalf("%d changed, want 2", n)
	}
	r.state(active.ID, store.Suspended)
	r.state(delivered.ID, store.Revoked)
	_, err = r.s.Reserve(r.ctx(), r.reservation(ordered))
	r.want(err, store.ErrEpoch)
	r.set(active.Index, delivered.Index)
	r.queued("lock", 1)
	_, err = r.s.SuspendDevice(r.ctx(), "d", Now, message("lock"))
	r.must(err)
	r.queued("lock", 1) // nothing was active any more
	_, _, err = r.s.Activate(r.ctx(), r.receipt(active))
	r.must(err)
	r.state(active.ID, store.Suspended) // a repeated receipt brings nothing back
	n, err = r.s.ResumeDevice(r.ctx(), "d", Now, message("unlock"))
	r.must(err)
	if n != 1 {
		t.Fatalf("%d resumed, want 1", n)
	}
	r.queued("unlock", 1)
	r.state(active.ID, store.Active)
	r.state(delivered.ID, store.Revoked)
	r.set(delivered.Index)

	_, err = r.s.SuspendDevice(r.ctx(), "d", Now, message("lock"))
	r.must(err)
	_, _, err = r.handover("d")
	r.must(err)
	r.state(active.ID, store.Revoked)
	n, err = r.s.ResumeDevice(r.ctx(), "d", Now, message("unlock"))
	r.must(err)
	if n != 0 {
		t.Fatal("revoked came back")
	}
	r.queued("unlock", 1) // nothing to unlock
	r.state(active.ID, store.Revoked)
}

// message is an order for the outbox, of which nobody looks at the bytes.
func message(body string) store.Message {
	return store.Message{OrderID: body, Body: []byte(body), NotAfter: Now.AddDate(1, 0, 0)}
}

// queued counts the orders of a body in the outbox.
func (r *rig) queued(body string, want int) {
	r.Helper()
	pending, err := r.s.Pending(r.ctx(), 0, 100)
	r.must(err)
	n := 0
	for _, m := range pending {
		if string(m.Body) == body {
			n++
		}
	}
	if n != want {
		r.Fatalf("%d orders to %s queued, want %d", n, body, want)
	}
}

// set compares the positions that are not valid.
func (r *rig) set(want ...uint64) {
	r.Helper()
	s, err := r.s.Status(r.ctx())
	r.must(err)
	slices.Sort(s.Set)
	slices.Sort(want)
	if !slices.Equal(s.Set, want) {
		r.Fatalf("set %v, want %v", s.Set, want)
	}
}

func status(t *testing.T, open Opener) {
	r := newRig(t, open)
	r.set()
	before, err := r.s.StatusVersion(r.ctx())
	r.must(err)
	c := r.activate("s", "d")
	if v, _ := r.s.StatusVersion(r.ctx()); v != before {
		t.Fatal("an issuance changed the version of the list")
	}
	_, _, err = r.handover("d")
	r.must(err)
	r.reopen()
	r.set(c.Index)
	s, err := r.s.Status(r.ctx())
	r.must(err)
	if s.Version <= before {
		t.Fatal("version did not rise")
	}
	if v, _ := r.s.StatusVersion(r.ctx()); v != s.Version {
		t.Fatal("two versions")
	}
}
