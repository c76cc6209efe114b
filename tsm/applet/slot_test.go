package applet_test

import (
	"bytes"
	"crypto/rand"
	"errors"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"mobileid/mdoc"
	"mobileid/mdoc/apdu"
	"mobileid/mdoc/mdoctest/world"
	"mobileid/mdoc/provisioning"
	"mobileid/tsm/applet"
	"mobileid/tsm/applet/stream"
	"mobileid/tsm/gp"
	"mobileid/tsm/se"
	"mobileid/tsm/se/nvm"
	"mobileid/tsm/se/setest"
)

// A wipe destroys credential, keys and PIN, and its receipt can be had again until the instance is deleted. A locked
// instance can be wiped, and nothing else.
func TestWipe(t *testing.T) {
	t.Parallel()
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
	if r := block(t, h, 0x91, 0, must(t, stream.Wipe{OrderID: j.Order.ID})); r.SW != apdu.Conditions {
		t.Errorf("wipe under the id of the provisioning: %v", r.SW)
	}
	wipe := newJob(t, b, 1, provisioning.PurposeSign)
	wipe.SEKey = j.SEKey
	object := must(t, stream.Wipe{OrderID: wipe.Order.ID})
	for i := range 2 {
		r := block(t, h, 0x91, 0, object)
		if r.SW != apdu.OK {
			t.Fatal(r.SW)
		}
		if err := wipe.Settle(r.Data, provisioning.ReceiptWiped); err != nil {
			t.Fatal(err)
		}
		if wipe.Receipt.Counter != j.Receipt.Counter+1 {
			t.Errorf("wipe %d: receipt %d after %d", i, wipe.Receipt.Counter, j.Receipt.Counter)
		}
	}
	if info, err := c.Info(ctx); err != nil || !info.Locked || info.Committed || info.PINSet || info.Length != 0 {
		t.Errorf("info of a wiped slot: %+v, %v", info, err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if left := b.Objects(t); len(left) != 1 || left["done"] == "" {
		t.Errorf("a wiped slot still holds %v", slices.Sorted(maps.Keys(left)))
	}
	if bytes.Contains(b.Snapshot(t), []byte("individual_number_unicode")) {
		t.Error("personal data is still in the state file")
	}
}

// A phone that forgot everything finds its slots; deleting one takes it away and leaves the other.
func TestSlots(t *testing.T) {
	t.Parallel()
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
	if err := h.Delete(ctx, stream.InstanceAID(1)); err != nil {
		t.Fatal(err)
	}
	if found, err = applet.Slots(ctx, s); err != nil || len(found) != 1 || found[0].Slot != 9 || !found[0].Committed {
		t.Errorf("found %+v, %v", found, err)
	}
}

// A commit for which the memory is too small changes nothing.
func TestMemoryFull(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	s, old, _ := provisioned(t, b, provisioning.PurposeSign)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	b.draft.Elements = append(b.draft.Elements, mdoc.Element{NameSpace: world.NameJP, Identifier: "big", Value: world.Encode(t, make([]byte, 20_000))})
	cfg := b.Config
	cfg.Limit = 16 << 10
	s, err := se.Open(b.Path, cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close() //nolint:errcheck // the test is over
	if err := newJob(t, b, 1, provisioning.PurposeSign).run(t.Context(), b, s); setest.StatusWord(err) != apdu.NoSpace {
		t.Errorf("committed: %v", err)
	}
	untouched(t, applet.NewClient(s, 1), old)
}

// The keys of an order that was given up are destroyed when another makes its own.
func TestAbandonedKeysAreDestroyed(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	file, secrets := inUse(testPIN, true)(t, b)
	b.Restore(t, file)
	if _, err := b.Powered(nil, func(s *se.SE) error {
		return newJob(t, b, 1, provisioning.PurposeSign).Attest(t.Context(), session(t, b, s))
	}); err != nil {
		t.Fatal(err)
	}
	after, looked := b.Snapshot(t), 0
	for _, x := range secrets {
		if pending := strings.HasPrefix(x.name, "pending"); pending == bytes.Contains(after, x.value) {
			t.Errorf("%s: in the file afterwards %v", x.name, !pending)
		} else if pending {
			looked++
		}
	}
	if looked != 2 {
		t.Errorf("%d keys looked for", looked)
	}
}

// A use of the key that cannot be counted is none. The counter has a place of its own from the commit on, so it is taken away here, and the
// memory is full without it.
func TestUncountedUse(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	s, _, _ := provisioned(t, b, provisioning.PurposeSign)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	m, err := nvm.Open(b.Path, nvm.Config{Rand: rand.Reader})
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range m.Keys("object/") {
		if strings.HasSuffix(key, "/live.uses") {
			err = m.Commit(nvm.Change{Key: key})
		}
	}
	held := nvm.DefaultLimit - m.Free()
	if err := errors.Join(err, m.Close()); err != nil {
		t.Fatal(err)
	}
	tr, _, err := someTranscript()
	if err != nil {
		t.Fatal(err)
	}
	good := sigStructure("Signature1", []byte{0xA1, 0x01, 0x26}, nil, mdoc.DeviceAuthenticationBytes(tr, world.DocType, noNameSpaces()))
	for _, free := range []int{4, 200} {
		want := map[int]apdu.SW{4: apdu.NoSpace, 200: apdu.OK}[free]
		cfg := b.Config
		cfg.Limit = held + free
		s, err := se.Open(b.Path, cfg)
		if err != nil {
			t.Fatal(err)
		}
		c := applet.NewClient(s, 1)
		if err := c.VerifyPIN(t.Context(), testPIN); err != nil {
			t.Fatal(err)
		}
		if signature, err := c.SignDevice(t.Context(), good); setest.StatusWord(err) != want || (len(signature) > 0) != (want == apdu.OK) {
			t.Errorf("%d bytes free: %d bytes of signature, %v", free, len(signature), err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

func sameFile(t *testing.T, a, b string) bool {
	t.Helper()
	one, err := os.Stat(a)
	if err != nil {
		t.Fatal(err)
	}
	other, err := os.Stat(b)
	if err != nil {
		t.Fatal(err)
	}
	return os.SameFile(one, other)
}

// What a wipe and a DELETE destroy is overwritten where it lay: the file that held it is kept under a second name, and is all zeros, or the state
// file again, which takes turns with another.
func TestDeletedIsOverwritten(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	file, secrets := inUse(testPIN, true)(t, b)
	b.Restore(t, file)
	former := b.Path + ".former"
	if err := os.Link(b.Path, former); err != nil {
		t.Fatal(err)
	}
	r := deleteTask(t, b)
	if _, err := b.Powered(nil, func(s *se.SE) error { return r.Resume(t.Context(), s) }); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(former)
	if err != nil || len(data) < 1000 || len(bytes.Trim(data, "\x00")) != 0 && !sameFile(t, former, b.Path) {
		t.Errorf("%d of %d bytes of the former file are still there: %v", len(bytes.Trim(data, "\x00")), len(data), err)
	}
	if err := os.Remove(former); err != nil {
		t.Fatal(err)
	}
	for _, x := range append(secrets, secret{"personal data", []byte("individual_number_unicode")}, secret{"the instance", stream.InstanceAID(1)}) {
		if !bytes.Contains(file, x.value) {
			t.Fatalf("%s was not in the file at the start", x.name)
		}
		if bytes.Contains(b.Snapshot(t), x.value) {
			t.Errorf("%s is still in the state file", x.name)
		}
	}
	if _, err := b.Powered(nil, func(s *se.SE) error { _, err := applet.NewClient(s, 1).Info(t.Context()); return err }); !errors.Is(err, applet.ErrEmpty) {
		t.Errorf("the slot after DELETE: %v", err)
	}
}

// A state file put back after the credential was deleted presents again: no element can know that it was asleep (docs/threat-model.md).
// What an issuer sees is that its receipts begin anew.
func TestRestoredImage(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	s, j, _ := provisioned(t, b, provisioning.PurposeSign)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	image := b.Snapshot(t)
	b.Restore(t, image)
	first, second := deleteTask(t, b), deleteTask(t, b)
	run := func(r setest.Run) {
		t.Helper()
		if _, err := b.Powered(nil, func(s *se.SE) error { return r.Resume(t.Context(), s) }); err != nil {
			t.Fatal(err)
		}
	}
	run(first)
	b.Restore(t, image)
	if found, err := b.look(t); err != nil || found.held != string(j.Content) {
		t.Errorf("the image: %+v, %v", found.info, err)
	}
	run(second)
	if n := second.Job.Receipt.Counter; n != first.Job.Receipt.Counter || n != j.Receipt.Counter+1 {
		t.Errorf("receipts %d, %d, and %d from the image: a counter that rose would hide it", j.Receipt.Counter, first.Job.Receipt.Counter, n)
	}
}

// A receipt tells how often the key was used that it destroyed: by a renewal, and by a wipe.
func TestReceiptCountsUses(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	s, j, c := provisioned(t, b, provisioning.PurposeSign)
	ctx := t.Context()
	present := func(times int, credential []byte) {
		t.Helper()
		for range times {
			if err := errors.Join(c.VerifyPIN(ctx, testPIN), provesItself(ctx, c, credential)); err != nil {
				t.Fatal(err)
			}
		}
	}
	present(2, j.Content)
	renewal, wiped := newJob(t, b, 1, provisioning.PurposeSign), newJob(t, b, 1, provisioning.PurposeSign)
	if err := renewal.Attest(ctx, session(t, b, s)); err != nil {
		t.Fatal(err)
	}
	present(1, j.Content) // the old credential is presented until the commit
	if err := renewal.run(ctx, b, s); err != nil {
		t.Fatal(err)
	}
	wiped.SEKey = renewal.SEKey
	if err := wiped.wipe(ctx, b, s); err != nil {
		t.Fatal(err)
	}
	if j.Receipt.KeyUses != 0 || renewal.Receipt.KeyUses != 3 || wiped.Receipt.KeyUses != 0 {
		t.Errorf("receipts tell %d, %d and %d uses, expected 0, 3 and 0", j.Receipt.KeyUses, renewal.Receipt.KeyUses, wiped.Receipt.KeyUses)
	}
}

// A locked slot is selected with a warning, tells its state and does nothing else; it can be unlocked, and it can be deleted.
func TestLock(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	s, j, c := provisioned(t, b, provisioning.PurposeSign)
	ctx := t.Context()
	set := func(p2 byte) {
		t.Helper()
		if _, err := host(t, b, s).Must(ctx, apdu.Command{CLA: 0x80, INS: 0xF0, P1: 0x40, P2: p2, Data: j.instance()}); err != nil {
			t.Fatal(err)
		}
	}
	tr, _, err := someTranscript()
	if err != nil {
		t.Fatal(err)
	}
	good := sigStructure("Signature1", []byte{0xA1, 0x01, 0x26}, nil, mdoc.DeviceAuthenticationBytes(tr, world.DocType, noNameSpaces()))
	set(0x80)
	for _, x := range []struct {
		command apdu.Command
		sw      apdu.SW
	}{
		{gp.Select(gp.AID(j.instance())), apdu.WarnCardLocked},
		{apdu.Command{INS: 0xCA, P1: 0xDF, P2: 0x30, Le: 256}, apdu.OK},
		{apdu.Command{INS: 0x20, P2: 0x80}, apdu.Conditions},
		{apdu.Command{INS: 0x20, P2: 0x80, Data: []byte(testPIN)}, apdu.Conditions},
		{apdu.Command{INS: 0x24, P2: 0x80, Data: append(pad12(testPIN), pad12("1111")...)}, apdu.Conditions},
		{apdu.Command{INS: 0x24, P1: 1, P2: 0x80, Data: []byte("1111")}, apdu.Conditions},
		{apdu.Command{INS: 0xB1, Data: []byte{0x54, 3, 0, 0, 0}, Le: 256}, apdu.Conditions},
		{apdu.Command{INS: 0x2A, P1: 0x9E, P2: 0x9A, Data: good, Le: 256, Extended: true}, apdu.Conditions},
	} {
		if r, err := apdu.Exchange(ctx, s, x.command); err != nil || r.SW != x.sw {
			t.Errorf("%02X%02X%02X of a locked slot: %v, expected %v, %v", x.command.INS, x.command.P1, x.command.P2, r.SW, x.sw, err)
		}
	}
	if err := c.VerifyPIN(ctx, testPIN); !errors.Is(err, applet.ErrLocked) {
		t.Errorf("PIN of a locked slot: %v", err)
	}
	set(0x07)
	untouched(t, c, j)
	set(0x80)
	r := deleteTask(t, b)
	if err := r.Resume(ctx, s); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Info(ctx); !errors.Is(err, applet.ErrEmpty) {
		t.Errorf("a locked slot after wipe and DELETE: %v", err)
	}
}
