package applet_test

import (
	"errors"
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

// newInside is an element with a credential and a PIN, whose program of slot 1 can be asked without the element.
func newInside(t *testing.T) (*bench, *setest.Inside, *se.SE) {
	t.Helper()
	b, inside := newBench(t), &setest.Inside{Kind: applet.Kind()}
	b.Config.Applets = []se.Kind{inside}
	s, _, _ := provisioned(t, b, provisioning.PurposeSign)
	return b, inside, s
}

// Each call that ends a consent does so alone; the element makes more than one of them whenever it makes any.
func TestEachCallEndsConsent(t *testing.T) {
	t.Parallel()
	b, inside, s := newInside(t)
	tr, _, err := someTranscript()
	if err != nil {
		t.Fatal(err)
	}
	read := apdu.Command{INS: 0xB1, Data: []byte{0x54, 3, 0, 0, 0}, Le: 256}
	sign := apdu.Command{INS: 0x2A, P1: 0x9E, P2: 0x9A, Le: 256, Extended: true,
		Data: sigStructure("Signature1", []byte{0xA1, 0x01, 0x26}, nil, mdoc.DeviceAuthenticationBytes(tr, world.DocType, noNameSpaces()))}
	answers := func(t *testing.T, c apdu.Command, want apdu.SW) {
		t.Helper()
		if sw := inside.Program.Process(c).SW; sw != want {
			t.Errorf("%02X: %v, expected %v", c.INS, sw, want)
		}
	}
	h := host(t, b, s) // the ISD is selected, so that the element tells the program of no lock
	lock := func(t *testing.T, p2 byte) {
		t.Helper()
		if _, err := h.Must(t.Context(), apdu.Command{CLA: 0x80, INS: 0xF0, P1: 0x40, P2: p2, Data: stream.InstanceAID(1)}); err != nil {
			t.Fatal(err)
		}
	}
	for _, tc := range []struct {
		name string
		do   func(t *testing.T)
		sw   apdu.SW
	}{
		{"none", func(*testing.T) {}, apdu.OK},
		{"Select", func(*testing.T) { inside.Program.Select() }, apdu.SecurityStatus},
		{"Deselect", func(*testing.T) { inside.Program.Deselect() }, apdu.SecurityStatus},
		{"Delete", func(*testing.T) { inside.Program.Delete() }, apdu.SecurityStatus},
		{"a command while it is locked", func(t *testing.T) {
			t.Helper()
			lock(t, 0x80)
			answers(t, sign, apdu.Conditions)
			lock(t, 0x07)
		}, apdu.SecurityStatus},
		{"no tries left", func(t *testing.T) { // the last case: the PIN stays blocked
			t.Helper()
			tx := inside.Platform.Begin()
			tx.Store("pin.tries", []byte{0})
			if err := tx.Commit(); err != nil {
				t.Fatal(err)
			}
			answers(t, apdu.Command{INS: 0x20, P2: 0x80}, apdu.Blocked)
		}, apdu.SecurityStatus},
	} {
		t.Run(tc.name, func(t *testing.T) {
			answers(t, apdu.Command{INS: 0x20, P2: 0x80, Data: []byte(testPIN)}, apdu.OK)
			tc.do(t)
			answers(t, read, tc.sw)
			answers(t, sign, tc.sw)
		})
	}
}

// What was received and not committed is gone with the session, and with the instance.
func TestEachCallEndsPersonalization(t *testing.T) {
	t.Parallel()
	b, inside, s := newInside(t)
	inside.EndsPersonalization(t, func(t *testing.T) *setest.Job {
		t.Helper()
		j := newJob(t, b, 1, provisioning.PurposeSign)
		if err := errors.Join(j.Attest(t.Context(), session(t, b, s)), j.issue(b)); err != nil {
			t.Fatal(err)
		}
		return &j.Job
	})
}

// deletion is an instance in full use, about to be deleted: a credential shown once, a PIN, a consent that was just given, and a renewal whose
// sealed bytes are there but for the commit.
type deletion struct {
	*bench
	client  *applet.Client
	element *se.SE
	old     *job
	renewal *job
	manager *setest.Host // on a second channel
	server  *setest.Host // of the renewal, on a third
}

func newDeletion(t *testing.T) *deletion {
	t.Helper()
	ctx, b := t.Context(), newBench(t)
	d := &deletion{bench: b, renewal: newJob(t, b, 1, provisioning.PurposeSign)}
	d.element, d.old, d.client = provisioned(t, b, provisioning.PurposeSign)
	channels := setest.OpenChannels(t, d.element)
	err := errors.Join(d.client.VerifyPIN(ctx, testPIN), provesItself(ctx, d.client, d.old.Content))
	d.manager = host(t, b, channels.Way(1))
	d.server = session(t, b, channels.Way(2))
	err = errors.Join(err, d.renewal.Attest(ctx, d.server), d.renewal.issue(b))
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(d.renewal.Bring(ctx, d.server), d.client.VerifyPIN(ctx, testPIN)); err != nil {
		t.Fatal(err)
	}
	return d
}

// An instance is not deleted under a consent. Once it is, another in the same slot inherits nothing: no credential and no keys, no PIN and no
// consent, no order under way or carried out, and no session.
func TestDeletedInstanceLeavesNothing(t *testing.T) {
	t.Parallel()
	d, ctx := newDeletion(t), t.Context()
	if err := d.manager.Delete(ctx, stream.InstanceAID(1)); setest.StatusWord(err) != apdu.Conditions {
		t.Fatalf("DELETE of what is selected: %v", err)
	}
	if state, err := d.client.State(ctx); err != nil || !state.Committed || !state.Pending || state.ConsentUses != 1 || state.ConsentSeconds != 60 || state.KeyUses != 1 {
		t.Fatalf("the slot that was not deleted: %+v, %v", state, err)
	}
	if r, err := apdu.Exchange(ctx, d.element, gp.Select(gp.ISD)); err != nil || r.SW != apdu.OK {
		t.Fatalf("leaving the instance: %v, %v", r.SW, err)
	}
	if err := d.manager.Delete(ctx, stream.InstanceAID(1)); err != nil {
		t.Fatal(err)
	}
	if _, err := d.client.Info(ctx); !errors.Is(err, applet.ErrEmpty) {
		t.Errorf("the slot after DELETE: %v", err)
	}
	if err := d.renewal.Commit(ctx, d.server); setest.StatusWord(err) == apdu.OK || setest.StatusWord(err) == 0 {
		t.Errorf("committed to no instance: %v", err)
	}

	if err := d.manager.Install(ctx, applet.Kind(), stream.InstanceAID(1)); err != nil {
		t.Fatal(err)
	}
	if info, err := d.client.Info(ctx); err != nil || info != (applet.Info{Version: applet.Version, Slot: 1}) {
		t.Errorf("the new instance: %+v, %v", info, err)
	}
	if err := newJob(t, d.bench, 1, provisioning.PurposeSign).Attest(ctx, d.server); setest.StatusWord(err) == apdu.OK || setest.StatusWord(err) == 0 {
		t.Errorf("a session with the former instance goes on with the new one: %v", err)
	}
	if err := d.client.VerifyPIN(ctx, testPIN); !errors.Is(err, apdu.ErrNotFound) {
		t.Errorf("the former PIN: %v", err)
	}
	if _, err := d.client.Credential(ctx); setest.StatusWord(err) != apdu.Conditions {
		t.Errorf("the former credential: %v", err)
	}
	if err := provesItself(ctx, d.client, d.old.Content); setest.StatusWord(err) != apdu.Conditions {
		t.Errorf("the former key: %v", err)
	}
	for name, j := range map[string]*job{"under way": d.renewal, "carried out": d.old} {
		if err := j.Commit(ctx, session(t, d.bench, d.element)); setest.StatusWord(err) != apdu.Conditions {
			t.Errorf("the commit of the order that was %s: %v", name, err)
		}
		if err := j.Deliver(ctx, session(t, d.bench, d.element)); setest.StatusWord(err) != apdu.Conditions {
			t.Errorf("the order that was %s: %v", name, err)
		}
	}

	again := newJob(t, d.bench, 1, provisioning.PurposeSign)
	if err := again.run(ctx, d.bench, d.element); err != nil {
		t.Fatal(err)
	}
	if again.Receipt.Counter != d.old.Receipt.Counter+1 || again.Receipt.KeyUses != 0 {
		t.Errorf("receipt %d of %d uses, after %d", again.Receipt.Counter, again.Receipt.KeyUses, d.old.Receipt.Counter)
	}
}
