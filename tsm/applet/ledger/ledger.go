// Package ledger is what the applet programs of the element keep alike: the order carried out last with its signed receipt, which whoever lost
// the answer gets again, and records and P-256 keys among the objects of an instance.
//
// The records are this project's own; they stay inside the element. A [Ledger] trusts the program to tell what an order was carried out as, and
// checks only whether it was before.
//
// Start at [Ledger.Settle].
package ledger

import (
	"bytes"

	"mobileid/mdoc/apdu"
	"mobileid/mdoc/cbor"
	"mobileid/mdoc/provisioning"
	"mobileid/tsm/applet/stream"
	"mobileid/tsm/se"
)

// object is the name of the one object a ledger has.
const object = "done"

// A Ledger remembers the last order of one instance.
type Ledger struct{ Platform *se.Platform }

// entry is the order carried out last, docs/provisioning.md, receipt; inside the element only:
//
//	{"orderID": bstr, "kind": 1 / 2, ? "sealed": bstr, "receipt": bstr}      sealed: SHA-256 of the sealed bytes
type entry struct {
	OrderID []byte                   `cbor:"orderID"`
	Kind    provisioning.ReceiptKind `cbor:"kind"`
	Sealed  []byte                   `cbor:"sealed,omitempty"`
	Receipt []byte                   `cbor:"receipt"`
}

// last gives the entry when it is about this order, else nil.
func (l Ledger) last(orderID []byte) *entry {
	e := Record[entry](l.Platform, object)
	if e == nil || !bytes.Equal(e.OrderID, orderID) {
		return nil
	}
	return e
}

// CarriedOut tells whether the order was carried out, as whatever kind: no keys are made for it.
func (l Ledger) CarriedOut(orderID []byte) bool { return l.last(orderID) != nil }

// Begin admits sealed bytes for the order under way, and, repeated, for the one that was committed last. under is nil when no order is.
func (l Ledger) Begin(orderID, under []byte) (repeated bool, sw apdu.SW) {
	if e := l.last(orderID); e != nil && e.Kind == provisioning.ReceiptCommitted {
		return true, apdu.OK
	}
	if under == nil || !bytes.Equal(under, orderID) {
		return false, apdu.Conditions
	}
	return false, apdu.OK
}

// Repeat gives the receipt of a commit that was carried out before to whoever names its sealed bytes; 6985 for other bytes. found is false when
// the order was not committed last.
func (l Ledger) Repeat(c stream.Commit) (receipt []byte, found bool, sw apdu.SW) {
	e := l.last(c.OrderID)
	switch {
	case e == nil || e.Kind != provisioning.ReceiptCommitted:
		return nil, false, apdu.OK
	case !bytes.Equal(e.Sealed, c.SHA256):
		return nil, true, apdu.Conditions
	default:
		return e.Receipt, true, apdu.OK
	}
}

// Wiped gives the receipt of a wipe that was carried out before; 6985 when the order was carried out as something else. found is false for
// another order.
func (l Ledger) Wiped(w stream.Wipe) (receipt []byte, found bool, sw apdu.SW) {
	e := l.last(w.OrderID)
	switch {
	case e == nil:
		return nil, false, apdu.OK
	case e.Kind != provisioning.ReceiptWiped:
		return nil, true, apdu.Conditions
	default:
		return e.Receipt, true, apdu.OK
	}
}

// Settle signs the receipt, which gets the element's id and the next number, stores it with the transaction it is about, and carries the
// transaction out. sealed is the SHA-256 of the sealed bytes of a commit.
func (l Ledger) Settle(tx *se.Tx, r provisioning.Receipt, sealed []byte) ([]byte, apdu.SW) {
	r.SEID, r.Counter = l.Platform.SEID(), tx.RaiseReceiptCounter()
	receipt, err := provisioning.SignReceipt(l.Platform.Attestor(), r)
	if err != nil {
		return nil, apdu.ExecutionError
	}
	raw, err := cbor.Marshal(entry{OrderID: r.OrderID, Kind: r.Kind, Sealed: sealed, Receipt: receipt})
	if err != nil {
		return nil, apdu.ExecutionError
	}
	tx.Store(object, raw)
	if err := tx.Commit(); err != nil {
		return nil, se.StatusOf(err)
	}
	return receipt, apdu.OK
}
