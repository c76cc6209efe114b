// Package storetest is the suite that every implementation of store.Store must pass. It is imported by tests only.
//
// It trusts nothing but the interface: an implementation is opened, closed and opened again through a function the
// test gives. Start at Run.
package storetest

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"testing"
	"time"

	"mobileid/issuer/store"
)

// Limit is the number of indexes in the suite's list: small, so that the end of it is reached.
const Limit = 64

// Opener opens the store of one test; called again after Close it must find what was written.
type Opener func(t *testing.T) store.Store

// Run runs the suite. make returns a fresh, empty place for each subtest.
func Run(t *testing.T, make func(t *testing.T) Opener) {
	for name, test := range map[string]func(*testing.T, Opener){
		"transactions":       transactions,
		"redeem races":       redeemRaces,
		"purge":              purge,
		"life of a row":      life,
		"indexes":            indexes,
		"reserve refuses":    reserveRefuses,
		"clock":              clock,
		"supersede":          supersede,
		"supersede by slot":  supersedeBySlot,
		"supersede by place": supersedeByPlace,
		"phone lists":        phoneLists,
		"phones emptied":     phonesEmptied,
		"late receipt":       lateReceipt,
		"receipts":           receipts,
		"handover":           handover,
		"places":             places,
		"places named":       placesNamed,
		"late wipes":         lateWipes,
		"late wipe of many":  lateWipeOfSeveral,
		"wipe and handover":  lateWipeInHandover,
		"every place":        handoverOfEveryPlace,
		"emptied afterwards": emptiedAfterwards,
		"wipe receipts":      wipeReceipts,
		"handover in flight": handoverInFlight,
		"suspension":         suspension,
		"recover":            recovery,
		"reopen":             reopened,
		"outbox":             outbox,
		"outbox of a device": outboxOfDevice,
		"status":             status,
		"missing records":    missing,
		"cancelled":          cancelled,
		"reserve races":      reserveRaces,
		"phones":             phones,
		"phone holds":        phoneHolds,
		"phones of a device": phoneDevice,
	} {
		t.Run(name, func(t *testing.T) { test(t, make(t)) })
	}
}

// Now is the suite's instant.
var Now = time.Date(2026, 11, 23, 3, 0, 0, 0, time.UTC)

// rig is one subtest's store with shorthands that fail the test.
type rig struct {
	*testing.T
	open  Opener
	s     store.Store
	count int
}

func newRig(t *testing.T, open Opener) *rig {
	r := &rig{T: t, open: open, s: open(t)}
	t.Cleanup(func() { _ = r.s.Close() })
	return r
}

func (r *rig) reopen() {
	r.Helper()
	r.must(r.s.Close())
	r.s = r.open(r.T)
}

func (r *rig) must(err error) {
	r.Helper()
	if err != nil {
		r.Fatal(err)
	}
}

func (r *rig) want(err, target error) {
	r.Helper()
	if !errors.Is(err, target) {
		r.Fatalf("error %v, want %v", err, target)
	}
}

func (r *rig) ctx() context.Context { return r.Context() }

func (r *rig) id() string {
	r.count++
	return hex.EncodeToString(fmt.Appendf(nil, "id-%06d", r.count))
}

// transaction begins and redeems one.
func (r *rig) transaction() store.Transaction {
	r.Helper()
	t := store.Transaction{ID: r.id(), TokenHash: []byte{1}, Challenge: []byte{2}, ExpiresAt: Now.Add(10 * time.Minute)}
	r.must(r.s.Begin(r.ctx(), t, 0))
	got, err := r.s.Redeem(r.ctx(), t.ID, Now)
	r.must(err)
	return got
}

// order places one for a subject and a device.
func (r *rig) order(subject, device string) store.Order {
	r.Helper()
	o, err := r.place(subject, device)
	r.must(err)
	return o
}

func (r *rig) place(subject, device string) (store.Order, error) {
	r.Helper()
	return r.placeIn(1, subject, device)
}

func (r *rig) placeIn(slot uint64, subject, device string) (store.Order, error) {
	r.Helper()
	return r.s.PlaceOrder(r.ctx(), store.Order{ID: r.id(), TransactionID: r.transaction().ID, Subject: subject, Device: device,
		DocType: "d", Slot: slot, Purpose: 1, Challenge: []byte{3}, NotAfter: Now.Add(10 * time.Minute)}, []byte("order"))
}

func (r *rig) reservation(o store.Order) store.Reservation {
	return store.Reservation{ID: r.id(), OrderID: o.ID, DeviceKey: []byte("key of " + o.ID), Signed: Now,
		ValidUntil: Now.AddDate(0, 0, 30), At: Now, Index: func(n uint64) uint64 { return n ^ 5 }, Limit: Limit}
}

func (r *rig) reserve(o store.Order) store.Credential {
	r.Helper()
	c, err := r.s.Reserve(r.ctx(), r.reservation(o))
	r.must(err)
	return c
}

// deliver brings a new row to Delivered.
func (r *rig) deliver(subject, device string) store.Credential {
	r.Helper()
	return r.deliverIn(1, subject, device)
}

// deliverIn is deliver in a slot.
func (r *rig) deliverIn(slot uint64, subject, device string) store.Credential {
	r.Helper()
	o, err := r.placeIn(slot, subject, device)
	r.must(err)
	c := r.reserve(o)
	r.must(r.s.MarkSigned(r.ctx(), c.ID, []byte("digest of "+c.ID), Now))
	r.must(r.s.Release(r.ctx(), c.ID, Now))
	return r.row(c.ID)
}

// activate brings a new row to Active.
func (r *rig) activate(subject, device string) store.Credential {
	r.Helper()
	c := r.deliver(subject, device)
	_, _, err := r.s.Activate(r.ctx(), r.receipt(c))
	r.must(err)
	return r.row(c.ID)
}

// activateIn is activate in a slot.
func (r *rig) activateIn(slot uint64, subject, device string) store.Credential {
	r.Helper()
	c := r.deliverIn(slot, subject, device)
	_, _, err := r.s.Activate(r.ctx(), r.receipt(c))
	r.must(err)
	return r.row(c.ID)
}

func (r *rig) receipt(c store.Credential) store.Activation {
	return store.Activation{OrderID: c.OrderID, Device: c.Device, Slot: c.Slot, Digest: c.Digest, Counter: c.Sequence, At: Now}
}

func (r *rig) row(id string) store.Credential {
	r.Helper()
	c, err := r.s.Credential(r.ctx(), id)
	r.must(err)
	return c
}

func (r *rig) state(id string, want store.State) {
	r.Helper()
	if got := r.row(id).State; got != want {
		r.Fatalf("state %s, want %s", got, want)
	}
}

// handover hands a device over with an order that names all that is on record.
func (r *rig) handover(device string) (store.Handover, bool, error) {
	d, err := r.s.Device(r.ctx(), device)
	if err != nil {
		return store.Handover{}, false, err
	}
	return r.handoverNaming(device, d.Places)
}

func (r *rig) handoverNaming(device string, places []store.Place) (store.Handover, bool, error) {
	return r.s.RevokeDevice(r.ctx(), store.Handover{ID: r.id(), Device: device, At: Now, Operator: "desk",
		Reason: store.CessationOfOperation, WipeOrderID: r.id()}, store.WipeOrder{Body: []byte("wipe"), Places: places})
}
