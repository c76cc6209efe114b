package applet_test

import (
	"bytes"
	"testing"

	"mobileid/mdoc"
	"mobileid/mdoc/apdu"
	"mobileid/mdoc/mdoctest/world"
	"mobileid/mdoc/provisioning"
	"mobileid/tsm/applet"
	"mobileid/tsm/applet/stream"
	"mobileid/tsm/gp"
	"mobileid/tsm/se"
	"mobileid/tsm/se/setest"
)

// A wipe destroys credential, keys and PIN, and its receipt can be had again until the instance is deleted. A locked
// instance can be wiped, and nothing else.
func TestWipe(t *testing.T) {
	b := newBench(t)
	s, j, c := provisioned(t, b, provisioning.PurposeSign)
	ctx := t.Context()
	h := session(t, b, s)
	lock := apdu.Command{CLA: 0x80, INS: 0xF0, P1: 0x40, P2: 0x80, Data: j.instance()}
	if _, err := h.Must(ctx, lock); err != nil {
		t.Fatal(err)
	}
	if err := c.VerifyPIN(ctx, testPIN); err == nil {
		t.Error("a locked slot takes a PIN")
	}
	if info, err := c.Info(ctx); err != nil || !info.Locked || !info.Committed {
		t.Errorf("info of a locked slot: %+v, %v", info, err)
	}
	h = session(t, b, s)
	if r := block(t, h, 0x91, 0, must(t, stream.Generate{OrderID: bytes.Repeat([]byte{1}, 16), Slot: 1, Purpose: 1, Challenge: make([]byte, 32)})); r.SW != apdu.Conditions {
		t.Errorf("a locked slot makes keys: %v", r.SW)
	}
	if r := block(t, h, 0x91, 0, must(t, stream.Wipe{OrderID: j.order.ID})); r.SW != apdu.Conditions {
		t.Errorf("wipe under the id of the provisioning: %v", r.SW)
	}
	wipe := &job{order: j.order, seKey: j.seKey}
	wipe.order.ID = bytes.Repeat([]byte{0x77}, 16)
	object := must(t, stream.Wipe{OrderID: wipe.order.ID})
	for i := range 2 {
		r := block(t, h, 0x91, 0, object)
		if r.SW != apdu.OK {
			t.Fatal(r.SW)
		}
		if err := wipe.settle(r.Data, provisioning.ReceiptWiped); err != nil {
			t.Fatal(err)
		}
		if wipe.receipt.Counter != j.receipt.Counter+1 {
			t.Errorf("wipe %d: receipt %d after %d", i, wipe.receipt.Counter, j.receipt.Counter)
		}
	}
	if info, err := c.Info(ctx); err != nil || !info.Locked || info.Committed || info.PINSet || info.Length != 0 {
		t.Errorf("info of a wiped slot: %+v, %v", info, err)
	}
	for _, secret := range secretsOf(t, b, s) {
		t.Errorf("a wiped slot still holds %s", secret.name)
	}
	if bytes.Contains(b.snapshot(t), []byte("individual_number_unicode")) {
		t.Error("personal data is still in the state file")
	}
}

// A phone that forgot everything finds its slots; deleting one takes it away and leaves the other.
func TestSlots(t *testing.T) {
	b := newBench(t)
	s, _, _ := provisioned(t, b, provisioning.PurposeSign)
	ctx := t.Context()
	if err := newJob(t, b, 9, provisioning.PurposeMAC).run(ctx, b, s); err != nil {
		t.Fatal(err)
	}
	found, err := applet.Slots(ctx, s)
	if err != nil || len(found) != 2 || found[0].Slot != 1 || found[1].Slot != 9 || found[1].Purpose != provisioning.PurposeMAC {
		t.Errorf("found %+v, %v", found, err)
	}
	h, err := setest.Open(ctx, s, b.Factory.Keys)
	if err != nil {
		t.Fatal(err)
	}
	remove, err := gp.Delete{AID: gp.AID(stream.InstanceAID(1))}.Command()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := h.Must(ctx, remove); err != nil {
		t.Fatal(err)
	}
	if found, err = applet.Slots(ctx, s); err != nil || len(found) != 1 || found[0].Slot != 9 || !found[0].Committed {
		t.Errorf("found %+v, %v", found, err)
	}
}

// A commit for which the memory is too small changes nothing.
func TestMemoryFull(t *testing.T) {
	b := newBench(t)
	s, old, _ := provisioned(t, b, provisioning.PurposeSign)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	b.draft.Elements = append(b.draft.Elements, mdoc.Element{NameSpace: world.NameJP, Identifier: "big", Value: world.Encode(t, make([]byte, 20_000))})
	cfg := b.config(nil)
	cfg.Limit = 16 << 10
	s, err := se.Open(b.Path, cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close() //nolint:errcheck // the test is over
	if err := newJob(t, b, 1, provisioning.PurposeSign).run(t.Context(), b, s); swOf(err) != apdu.NoSpace {
		t.Errorf("committed: %v", err)
	}
	untouched(t, applet.NewClient(s, 1), old)
}
