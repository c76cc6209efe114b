package jpkiapplet_test

import (
	"bytes"
	"errors"
	"maps"
	"slices"
	"testing"

	"mobileid/mdoc/apdu"
	"mobileid/mdoc/jpkiap"
	"mobileid/tsm/gp"
	"mobileid/tsm/jpkiapplet"
	"mobileid/tsm/se"
	"mobileid/tsm/se/setest"
)

// newInside is an element with certificates and secrets, whose program can be asked without the element.
func newInside(t *testing.T) (*bench, *setest.Inside, *se.SE) {
	t.Helper()
	b := newBench(t)
	inside := &setest.Inside{Kind: b.Config.Applets[0]}
	b.Config.Applets = []se.Kind{inside}
	s, _ := provisioned(t, b)
	return b, inside, s
}

// Each call that ends a verification does so alone; the element makes more than one of them whenever it makes any.
func TestEachCallEndsVerification(t *testing.T) {
	_, inside, _ := newInside(t)
	answers := func(t *testing.T, c apdu.Command, want apdu.SW) {
		t.Helper()
		if sw := inside.Program.Process(c).SW; sw != want {
			t.Errorf("%02X%02X%02X: %v, expected %v", c.INS, c.P1, c.P2, sw, want)
		}
	}
	for _, tc := range []struct {
		name       string
		do         func(p se.FileSelector)
		file, used apdu.SW // answers about the current file, and to what needs the secrets
	}{
		{"none", func(se.FileSelector) {}, apdu.OK, apdu.OK},
		{"Reselect", func(p se.FileSelector) { p.Reselect() }, apdu.NoCurrentFile, apdu.OK},
		{"Select", func(p se.FileSelector) { p.Select() }, apdu.NoCurrentFile, apdu.SecurityStatus},
		{"Deselect", func(p se.FileSelector) { p.Deselect() }, apdu.NoCurrentFile, apdu.SecurityStatus},
		{"Delete", func(p se.FileSelector) { p.Delete() }, apdu.NoCurrentFile, apdu.SecurityStatus},
	} {
		t.Run(tc.name, func(t *testing.T) {
			program, ok := inside.Program.(se.FileSelector)
			if !ok {
				t.Fatal("the program has no files")
			}
			for _, g := range secrets() {
				answers(t, apdu.Command{INS: 0x20, P2: 0x80 | byte(g.file), Data: []byte(g.right)}, apdu.OK)
			}
			answers(t, apdu.Command{INS: 0xB0, P1: 0x80 | byte(jpkiap.TokenInfo), Le: 256}, apdu.OK)
			tc.do(program)
			answers(t, apdu.Command{INS: 0xB0, Le: 256}, tc.file)
			for _, g := range secrets() {
				answers(t, apdu.Command{INS: 0xB0, P1: 0x80 | byte(g.certificate), Le: 256}, tc.used)
				answers(t, apdu.Command{CLA: 0x80, INS: 0x2A, P2: 0x80 | byte(g.key), Data: []byte{1}, Le: 256}, tc.used)
				answers(t, apdu.Command{INS: 0x24, P1: 1, P2: 0x80 | byte(g.file), Data: []byte(g.right)}, tc.used)
			}
		})
	}
}

// What was received and not committed is gone with the session, and with the instance.
func TestEachCallEndsPersonalization(t *testing.T) {
	b, inside, s := newInside(t)
	inside.EndsPersonalization(t, func(t *testing.T) *setest.Job {
		t.Helper()
		j := newJob(t, b)
		h, err := b.session(t.Context(), s)
		if err == nil {
			err = errors.Join(j.Attest(t.Context(), h), j.issue(b))
		}
		if err != nil {
			t.Fatal(err)
		}
		return &j.Job
	})
}

// setStatus sends SET STATUS commands over a session on a channel of its own, and nothing on another between them.
func setStatus(t *testing.T, b *bench, c *setest.Channels, commands ...apdu.Command) {
	t.Helper()
	h, err := setest.Open(t.Context(), c.Way(1), b.Factory.Keys)
	if err != nil {
		t.Fatal(err)
	}
	for _, status := range commands {
		status.CLA, status.INS = 0x80, 0xF0
		if _, err := h.Must(t.Context(), status); err != nil {
			t.Fatal(err)
		}
	}
}

// A verification outlives neither a lock, of the application or the card, nor the channel it was made on.
func TestVerificationEnds(t *testing.T) {
	b := newBench(t)
	s, _ := provisioned(t, b)
	for name, do := range map[string]func(t *testing.T, c *setest.Channels){
		"lock and unlock": func(t *testing.T, c *setest.Channels) {
			t.Helper()
			setStatus(t, b, c, apdu.Command{P1: 0x40, P2: 0x80, Data: []byte(gp.PhoneInstance)}, apdu.Command{P1: 0x40, P2: 0x07, Data: []byte(gp.PhoneInstance)})
		},
		"lock and unlock of the card": func(t *testing.T, c *setest.Channels) {
			t.Helper()
			setStatus(t, b, c, apdu.Command{P1: 0x80, P2: byte(gp.CardLocked)}, apdu.Command{P1: 0x80, P2: byte(gp.CardSecured)})
		},
		"the channel closed and opened": func(t *testing.T, c *setest.Channels) {
			t.Helper()
			c.Close(t)
			for n := byte(1); n <= gp.MaxChannel; n++ {
				phone{t, s}.say(apdu.OK, apdu.Command{INS: 0x70, P2: n})
			}
			phone{t, c.Way(2)}.app()
		},
	} {
		t.Run(name, func(t *testing.T) {
			s.Reset()
			channels := setest.OpenChannels(t, s)
			p := phone{t, channels.Way(2)}
			p.app()
			for _, g := range secrets() {
				p.verify(apdu.OK, g.file, g.right)
				p.whole(apdu.OK, g.certificate)
			}
			do(t, channels)
			for _, g := range secrets() {
				p.whole(apdu.SecurityStatus, g.certificate)
				p.say(apdu.SecurityStatus, apdu.Command{CLA: 0x80, INS: 0x2A, P2: 0x80 | byte(g.key), Data: []byte{1}, Le: 256})
			}
		})
	}
}

// deletion is an application in full use, about to be deleted: certificates, both secrets, just verified, and a renewal whose sealed bytes are
// there but for the commit.
type deletion struct {
	*bench
	element *se.SE
	phone   phone
	old     *job
	renewal *job
	manager *setest.Host // on a second channel
	server  *setest.Host // of the renewal, on a third
}

func newDeletion(t *testing.T) *deletion {
	t.Helper()
	ctx, b := t.Context(), newBench(t)
	d := &deletion{bench: b, renewal: newJob(t, b)}
	d.element, d.old = provisioned(t, b)
	d.phone = phone{t, d.element}
	channels := setest.OpenChannels(t, d.element)
	if r, err := apdu.Exchange(ctx, d.element, gp.Select(gp.ISD)); err != nil || r.SW != apdu.OK {
		t.Fatalf("leaving the application: %v, %v", r.SW, err)
	}
	var err error
	if d.manager, err = setest.Open(ctx, channels.Way(1), b.Factory.Keys); err == nil {
		d.server, err = b.session(ctx, channels.Way(2))
	}
	if err == nil {
		err = errors.Join(d.renewal.Attest(ctx, d.server), d.renewal.issue(b))
	}
	if err != nil {
		t.Fatal(err)
	}
	if err := d.renewal.Bring(ctx, d.server); err != nil {
		t.Fatal(err)
	}
	d.phone.app()
	for _, g := range secrets() {
		d.phone.verify(apdu.OK, g.file, g.right)
	}
	return d
}

// The application is not deleted while somebody may use it. Once it is, the next instance inherits nothing: no certificates and no keys, no
// secrets and no verification, no order under way or carried out, and no session.
func TestDeletedApplicationLeavesNothing(t *testing.T) {
	d, ctx := newDeletion(t), t.Context()
	if err := d.manager.Delete(ctx, []byte(gp.PhoneInstance)); setest.StatusWord(err) != apdu.Conditions {
		t.Fatalf("DELETE of what is selected: %v", err)
	}
	for _, g := range secrets() {
		d.phone.whole(apdu.OK, g.certificate)
	}
	d.phone.say(apdu.OK, gp.Select(gp.ISD))
	if err := d.manager.Delete(ctx, []byte(gp.PhoneInstance)); err != nil {
		t.Fatal(err)
	}
	c := jpkiapplet.NewClient(d.element)
	if _, err := c.Info(ctx); !errors.Is(err, jpkiapplet.ErrEmpty) {
		t.Errorf("after DELETE: %v", err)
	}
	if err := d.renewal.Commit(ctx, d.server); setest.StatusWord(err) == apdu.OK || setest.StatusWord(err) == 0 {
		t.Errorf("committed to no instance: %v", err)
	}

	if err := d.manager.Install(ctx, d.Config.Applets[0], []byte(gp.PhoneInstance)); err != nil {
		t.Fatal(err)
	}
	if info, err := c.Info(ctx); err != nil || info != (jpkiapplet.Info{Version: jpkiapplet.Version}) {
		t.Errorf("the new instance: %+v, %v", info, err)
	}
	if err := newJob(t, d.bench).Attest(ctx, d.server); setest.StatusWord(err) == apdu.OK || setest.StatusWord(err) == 0 {
		t.Errorf("a session with the former instance goes on with the new one: %v", err)
	}
	d.phone.app()
	for _, g := range secrets() {
		d.phone.verify(apdu.ReferenceUnusable, g.file, g.right)
		for _, id := range []uint16{g.certificate, g.key} {
			d.phone.file(apdu.NotFound, id)
		}
	}
	for name, j := range map[string]*job{"under way": d.renewal, "carried out": d.old} {
		h, err := d.session(ctx, d.element)
		if err != nil {
			t.Fatal(err)
		}
		if err := j.Commit(ctx, h); setest.StatusWord(err) != apdu.Conditions {
			t.Errorf("the commit of the order that was %s: %v", name, err)
		}
		if err := j.Deliver(ctx, h); setest.StatusWord(err) != apdu.Conditions {
			t.Errorf("the order that was %s: %v", name, err)
		}
	}

	again := newJob(t, d.bench)
	if err := again.run(ctx, d.bench, d.element); err != nil {
		t.Fatal(err)
	}
	if again.Receipt.Counter != d.old.Receipt.Counter+1 {
		t.Errorf("receipt %d after %d", again.Receipt.Counter, d.old.Receipt.Counter)
	}
}

// A wipe leaves nothing in the memory but its receipt, and what it destroyed is in no file: neither keys and certificates, nor the secrets, nor
// the keys of an order under way.
func TestPhoneWipe(t *testing.T) {
	b := newBench(t)
	begun(worn(t))(t, b)
	before := b.Objects(t)
	if len(before) != 12 {
		t.Fatalf("%d objects at the start", len(before))
	}
	r := wipeTask(t, b)
	if _, err := b.Powered(nil, func(s *se.SE) error { return r.Resume(t.Context(), s) }); err != nil {
		t.Fatal(err)
	}
	after := b.Objects(t)
	if len(after) != 1 || after["done"] == "" {
		t.Errorf("objects left: %v", slices.Sorted(maps.Keys(after)))
	}
	file := b.Snapshot(t)
	for name, value := range before {
		if len(value) > 1 && bytes.Contains(file, []byte(value)) {
			t.Errorf("%s is still in the state file", name)
		}
	}
}
