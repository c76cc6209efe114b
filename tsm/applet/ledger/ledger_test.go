package ledger_test

import (
	"bytes"
	"testing"
	"time"

	"mobileid/mdoc/apdu"
	"mobileid/mdoc/provisioning"
	"mobileid/tsm/applet"
	"mobileid/tsm/applet/ledger"
	"mobileid/tsm/applet/stream"
	"mobileid/tsm/se"
	"mobileid/tsm/se/setest"
)

func newLedger(t *testing.T) (ledger.Ledger, []byte) {
	t.Helper()
	now := time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC)
	e, k := setest.New(t, now, []byte{0x30, 0}), &setest.Inside{Kind: applet.Kind()}
	e.Config.Applets = []se.Kind{k}
	s := e.On(t)
	if _, err := e.Session(t.Context(), s, stream.InstanceAID(1)); err != nil {
		t.Fatal(err)
	}
	return ledger.Ledger{Platform: k.Platform}, s.ID()
}

func id(b byte) []byte { return bytes.Repeat([]byte{b}, stream.OrderIDSize) }

// What is answered about an order depends on whether it is under way, was carried out last, as what, and from which bytes.
func TestLedger(t *testing.T) {
	l, element := newLedger(t)
	digest, other := bytes.Repeat([]byte{1}, 32), bytes.Repeat([]byte{2}, 32)
	begin := func(order, under byte, repeated bool, sw apdu.SW) {
		t.Helper()
		var way []byte
		if under != 0 {
			way = id(under)
		}
		if r, got := l.Begin(id(order), way); r != repeated || got != sw {
			t.Errorf("beginning %d with %d under way: %v, %v", order, under, r, got)
		}
	}
	answers := func(what string, receipt []byte, found bool, sw apdu.SW, want []byte, wantFound bool, wantSW apdu.SW) {
		t.Helper()
		if !bytes.Equal(receipt, want) || found != wantFound || sw != wantSW {
			t.Errorf("%s: %d bytes, %v, %v", what, len(receipt), found, sw)
		}
	}
	repeat := func(order byte, of, want []byte, found bool, sw apdu.SW) {
		t.Helper()
		receipt, f, got := l.Repeat(stream.Commit{OrderID: id(order), SHA256: of})
		answers("repeating a commit", receipt, f, got, want, found, sw)
	}
	wiped := func(order byte, want []byte, found bool, sw apdu.SW) {
		t.Helper()
		receipt, f, got := l.Wiped(stream.Wipe{OrderID: id(order)})
		answers("repeating a wipe", receipt, f, got, want, found, sw)
	}
	settle := func(r provisioning.Receipt, sealed []byte, counter uint64) []byte {
		t.Helper()
		raw, sw := l.Settle(l.Platform.Begin(), r, sealed)
		if sw != apdu.OK {
			t.Fatal(sw)
		}
		signed, err := provisioning.ParseReceipt(raw)
		if err != nil {
			t.Fatal(err)
		}
		got, err := signed.Verify(l.Platform.Attestor().Public())
		if err != nil || got.Kind != r.Kind || !bytes.Equal(got.OrderID, r.OrderID) || !bytes.Equal(got.SEID, element) || got.Counter != counter {
			t.Errorf("the receipt says %+v, %v", got, err)
		}
		return raw
	}

	begin(1, 0, false, apdu.Conditions)
	begin(1, 2, false, apdu.Conditions)
	begin(1, 1, false, apdu.OK)
	repeat(1, digest, nil, false, apdu.OK)
	wiped(1, nil, false, apdu.OK)
	if l.CarriedOut(id(1)) {
		t.Error("carried out before anything was")
	}

	committed := settle(provisioning.Receipt{Kind: provisioning.ReceiptCommitted, OrderID: id(1), Slot: 1, Digest: digest}, digest, 1)
	begin(1, 0, true, apdu.OK)
	begin(2, 1, false, apdu.Conditions)
	repeat(1, digest, committed, true, apdu.OK)
	repeat(1, other, nil, true, apdu.Conditions)
	repeat(2, digest, nil, false, apdu.OK)
	wiped(1, nil, true, apdu.Conditions)
	wiped(2, nil, false, apdu.OK)
	if !l.CarriedOut(id(1)) || l.CarriedOut(id(2)) {
		t.Error("another order is the one carried out")
	}

	empty := settle(provisioning.Receipt{Kind: provisioning.ReceiptWiped, OrderID: id(2), Slot: 1}, nil, 2)
	begin(2, 0, false, apdu.Conditions)
	repeat(2, digest, nil, false, apdu.OK)
	wiped(2, empty, true, apdu.OK)
	begin(1, 0, false, apdu.Conditions) // only the last order is remembered
	if l.CarriedOut(id(1)) {
		t.Error("an order before the last is remembered")
	}
}

// A key is read as it was born, and as nothing when it is absent or no key.
func TestObjects(t *testing.T) {
	l, _ := newLedger(t)
	tx := l.Platform.Begin()
	born, err := ledger.Born(l.Platform, tx, "key")
	if err != nil {
		t.Fatal(err)
	}
	tx.Store("short", []byte{1, 2, 3})
	tx.Store("zero", make([]byte, 32))
	if err := tx.Commit(); err != nil {
		t.Fatal(err)
	}
	public, err := born.PublicKey.ECDH()
	if err != nil {
		t.Fatal(err)
	}
	if k := ledger.SigningKey(l.Platform, "key"); k == nil || !k.Equal(born) {
		t.Error("another signing key than was born")
	}
	if k := ledger.AgreementKey(l.Platform, "key"); k == nil || !k.PublicKey().Equal(public) {
		t.Error("another agreement key than was born")
	}
	for _, name := range []string{"absent", "short", "zero"} {
		if ledger.SigningKey(l.Platform, name) != nil || ledger.AgreementKey(l.Platform, name) != nil {
			t.Errorf("%s: a key", name)
		}
		if ledger.Record[map[string]int](l.Platform, name) != nil {
			t.Errorf("%s: a record", name)
		}
	}
}
