package applet_test

import (
	"bytes"
	"crypto/sha256"
	"testing"

	"mobileid/mdoc"
	"mobileid/mdoc/apdu"
	"mobileid/mdoc/mdoctest/world"
	"mobileid/mdoc/provisioning"
	"mobileid/tsm/applet"
	"mobileid/tsm/applet/stream"
	"mobileid/tsm/gp"
	"mobileid/tsm/se/setest"
)

func TestProvision(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	s, j, c := provisioned(t, b, provisioning.PurposeSign)
	ctx := t.Context()
	if j.Receipt.Counter != 1 {
		t.Errorf("receipt counter %d", j.Receipt.Counter)
	}
	info, err := c.Info(ctx)
	if err != nil {
		t.Fatal(err)
	}
	want := applet.Info{Version: "1.1", Slot: 1, Committed: true, Purpose: provisioning.PurposeSign, Length: uint64(len(j.Content)),
		PINSet: true, TriesLeft: 3, PINVersion: 1}
	if info != want {
		t.Errorf("info %+v, expected %+v", info, want)
	}
	if _, err := c.Credential(ctx); setest.StatusWord(err) != apdu.SecurityStatus {
		t.Errorf("read without PIN: %v", err)
	}
	if err := c.VerifyPIN(ctx, testPIN); err != nil {
		t.Fatal(err)
	}
	got, err := c.Credential(ctx)
	if err != nil || !bytes.Equal(got, j.Content) {
		t.Errorf("credential of %d bytes, expected %d: %v", len(got), len(j.Content), err)
	}
	state, err := b.LifeCycle(ctx, s, j.instance())
	if err != nil || state != gp.StatePersonalized {
		t.Errorf("state %v, %v", state, err)
	}
}

// A lost answer to the commit: the same stream, or the commit alone, is answered with the same receipt, and nothing moves.
func TestCommitRepeated(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	s, j, _ := provisioned(t, b, provisioning.PurposeSign)
	first := *j.Receipt
	if err := j.run(t.Context(), b, s); err != nil {
		t.Fatal(err)
	}
	if j.Receipt.Counter != first.Counter {
		t.Errorf("the repeated commit got receipt %d", j.Receipt.Counter)
	}
	digest := sha256.Sum256(j.Sealed)
	commit, err := stream.Commit{OrderID: j.Order.ID, SHA256: digest[:]}.Object()
	if err != nil {
		t.Fatal(err)
	}
	h := session(t, b, s)
	if r := block(t, h, 0x91, 0, commit); r.SW != apdu.OK || j.Settle(r.Data, provisioning.ReceiptCommitted) != nil {
		t.Errorf("commit alone: %v", r.SW)
	}
	digest[0] ^= 1
	other, err := stream.Commit{OrderID: j.Order.ID, SHA256: digest[:]}.Object()
	if err != nil {
		t.Fatal(err)
	}
	if r := block(t, h, 0x91, 0, other); r.SW != apdu.Conditions {
		t.Errorf("commit of other bytes: %v", r.SW)
	}
	generate, err := stream.Generate{OrderID: j.Order.ID, Slot: 1, Purpose: 1, Challenge: j.Order.Challenge}.Object()
	if err != nil {
		t.Fatal(err)
	}
	if r := block(t, h, 0x91, 0, generate); r.SW != apdu.Conditions {
		t.Errorf("generate for an order carried out: %v", r.SW)
	}
}

// Generate again for the order under way attests the same keys; another challenge or purpose is refused; another order gets
// other keys.
func TestGenerateResumed(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	s := b.On(t)
	keys := func(j *job) *provisioning.Attestation {
		t.Helper()
		if err := j.Attest(t.Context(), session(t, b, s)); err != nil {
			t.Fatal(err)
		}
		signed, err := provisioning.ParseAttestation(j.Attestation)
		if err != nil {
			t.Fatal(err)
		}
		a, _, v, err := signed.Verify(b.Roots, b.Now)
		if err != nil || !v.OK() {
			t.Fatal(err, v.Failed())
		}
		return a
	}
	j := newJob(t, b, 1, provisioning.PurposeSign)
	first, again := keys(j), keys(j)
	if !first.DeviceKey.Equal(again.DeviceKey) || !first.SealingKey.Equal(again.SealingKey) {
		t.Error("the order under way got other keys")
	}
	for name, change := range map[string]func(*stream.Generate){
		"challenge":    func(g *stream.Generate) { g.Challenge = bytes.Repeat([]byte{9}, 32) },
		"purpose":      func(g *stream.Generate) { g.Purpose = 2 },
		"another slot": func(g *stream.Generate) { g.Slot = 2 },
	} {
		g := stream.Generate{OrderID: j.Order.ID, Slot: 1, Purpose: 1, Challenge: j.Order.Challenge}
		change(&g)
		object, err := g.Object()
		if err != nil {
			t.Fatal(err)
		}
		if r := block(t, session(t, b, s), 0x91, 0, object); r.SW != apdu.Conditions && r.SW != apdu.WrongData {
			t.Errorf("%s changed: %v", name, r.SW)
		}
	}
	other := keys(newJob(t, b, 1, provisioning.PurposeSign))
	if first.DeviceKey.Equal(other.DeviceKey) || first.SealingKey.Equal(other.SealingKey) {
		t.Error("another order got the same keys")
	}
}

// The pages of an attestation in the answers to one sequence, as a server batches them.
func TestPagesInOneSequence(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	j := newJob(t, b, 1, provisioning.PurposeSign)
	h := session(t, b, b.On(t))
	object, err := stream.Generate{OrderID: j.Order.ID, Slot: 1, Purpose: 1, Challenge: j.Order.Challenge}.Object()
	if err != nil {
		t.Fatal(err)
	}
	got := block(t, h, 0x11, 0, object).Data
	for i := byte(1); i < 8; i++ {
		p1 := byte(0x11)
		if i == 7 {
			p1 = 0x91
		}
		r := block(t, h, p1, i, []byte{0xDF, 0x02, 0x00})
		if r.SW != apdu.OK {
			t.Fatal(r.SW)
		}
		got = append(got, r.Data...)
	}
	j.Attestation = got
	if err := j.issue(b); err != nil {
		t.Errorf("%d bytes: %v", len(got), err)
	}
}

// What is delivered must be sealed to this order, this element and this slot, whole, and hold what a verifier accepts, for the key
// born here. Every refusal leaves the live credential as it was.
func TestCommitRefuses(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	s, old, c := provisioned(t, b, provisioning.PurposeSign)
	other := setest.New(t, b.Now, b.IACA.Raw)
	stranger := world.New(t)
	attested := func(j *job) *provisioning.Attestation {
		t.Helper()
		signed, err := provisioning.ParseAttestation(j.Attestation)
		if err != nil {
			t.Fatal(err)
		}
		a, _, _, err := signed.Verify(b.Roots, b.Now)
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	issued := func(w *world.World, a *provisioning.Attestation, change func(*mdoc.Draft)) []byte {
		d := b.draft
		d.DeviceKey = a.DeviceKey
		change(&d)
		return w.Issue(t, d)
	}
	seal := func(j *job, a *provisioning.Attestation, credential []byte) []byte {
		t.Helper()
		sealed, err := provisioning.Seal(a.SealingKey, j.Order.ID, j.Order.SEID, j.Order.Slot, credential)
		if err != nil {
			t.Fatal(err)
		}
		return sealed
	}
	same := func(*mdoc.Draft) {}
	for _, tc := range []struct {
		name string
		make func(j *job, a *provisioning.Attestation) []byte
	}{
		{"for another element", func(j *job, a *provisioning.Attestation) []byte {
			j.Order.SEID = other.Factory.ID
			return seal(j, a, issued(b.World, a, same))
		}},
		{"for another order", func(j *job, a *provisioning.Attestation) []byte {
			x := newJob(t, b, 1, provisioning.PurposeSign)
			return seal(x, a, issued(b.World, a, same))
		}},
		{"for another slot", func(j *job, a *provisioning.Attestation) []byte {
			x := *j
			x.Order.Slot = 2
			return seal(&x, a, issued(b.World, a, same))
		}},
		{"to another key", func(j *job, a *provisioning.Attestation) []byte {
			x := *a
			x.SealingKey = a.DeviceKey
			return seal(j, &x, issued(b.World, a, same))
		}},
		{"first bit changed", func(j *job, a *provisioning.Attestation) []byte {
			sealed := seal(j, a, issued(b.World, a, same))
			sealed[0] ^= 1
			return sealed
		}},
		{"middle bit changed", func(j *job, a *provisioning.Attestation) []byte {
			sealed := seal(j, a, issued(b.World, a, same))
			sealed[len(sealed)/2] ^= 1
			return sealed
		}},
		{"last bit changed", func(j *job, a *provisioning.Attestation) []byte {
			sealed := seal(j, a, issued(b.World, a, same))
			sealed[len(sealed)-1] ^= 1
			return sealed
		}},
		{"not sealed", func(_ *job, a *provisioning.Attestation) []byte { return issued(b.World, a, same) }},
		{"no credential inside", func(j *job, a *provisioning.Attestation) []byte { return seal(j, a, []byte{0xA0}) }},
		{"of another issuer", func(j *job, a *provisioning.Attestation) []byte {
			return seal(j, a, issued(stranger, a, same))
		}},
		{"an element changed", func(j *job, a *provisioning.Attestation) []byte {
			raw := issued(b.World, a, same)
			at := bytes.Index(raw, []byte("123456789018"))
			raw[at] = '9'
			return seal(j, a, raw)
		}},
		{"for another device key", func(j *job, a *provisioning.Attestation) []byte {
			return seal(j, a, issued(b.World, a, func(d *mdoc.Draft) { d.DeviceKey = b.draft.DeviceKey }))
		}},
		{"for the live device key", func(j *job, a *provisioning.Attestation) []byte {
			return seal(j, a, old.Content)
		}},
		{"expired", func(j *job, a *provisioning.Attestation) []byte {
			return seal(j, a, issued(b.World, a, func(d *mdoc.Draft) {
				d.Signed, d.ValidFrom, d.ValidUntil = b.Now.AddDate(0, 0, -9), b.Now.AddDate(0, 0, -9), b.Now.AddDate(0, 0, -2)
			}))
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			j := newJob(t, b, 1, provisioning.PurposeSign)
			j.SEKey, j.Content = old.SEKey, old.Content
			h := session(t, b, s)
			if err := j.Attest(t.Context(), h); err != nil {
				t.Fatal(err)
			}
			j.Sealed = tc.make(j, attested(j))
			if err := j.Deliver(t.Context(), h); setest.StatusWord(err) != apdu.WrongData {
				t.Errorf("delivered: %v", err)
			}
			untouched(t, c, old)
		})
	}
}

// untouched checks that a credential is still live, with its key.
func untouched(tb testing.TB, c *applet.Client, j *job) {
	tb.Helper()
	ctx := tb.Context()
	if err := c.VerifyPIN(ctx, testPIN); err != nil {
		tb.Fatal(err)
	}
	got, err := c.Credential(ctx)
	if err != nil || !bytes.Equal(got, j.Content) {
		tb.Fatalf("the live credential changed: %v", err)
	}
	if err := provesItself(ctx, c, got); err != nil {
		tb.Fatal(err)
	}
}

// The stream: what is refused, and that a refusal drops what was received.
func TestStream(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	s := b.On(t)
	j := newJob(t, b, 1, provisioning.PurposeSign)
	if err := j.Attest(t.Context(), session(t, b, s)); err != nil {
		t.Fatal(err)
	}
	if err := j.issue(b); err != nil {
		t.Fatal(err)
	}
	digest := sha256.Sum256(j.Sealed)
	whole, err := stream.Deliver(j.Order.ID, j.Sealed, digest[:])
	if err != nil {
		t.Fatal(err)
	}
	begin, err := stream.Begin{OrderID: j.Order.ID, Length: uint64(len(j.Sealed)), SHA256: digest[:]}.Object()
	if err != nil {
		t.Fatal(err)
	}
	commit, err := stream.Commit{OrderID: j.Order.ID, SHA256: digest[:]}.Object()
	if err != nil {
		t.Fatal(err)
	}
	half := len(j.Sealed) / 2
	part := func(b []byte) []byte { return apdu.AppendTLV(nil, stream.TagSealed, b) }
	const first, last, more = 200, 0x91, 0x11

	type step struct {
		p1, p2 byte
		data   []byte
		sw     apdu.SW
	}
	for _, tc := range []struct {
		name  string
		steps []step
	}{
		{"commit without begin", []step{{last, 0, commit, apdu.Conditions}}},
		{"sealed without begin", []step{{last, 0, part(j.Sealed[:100]), apdu.Conditions}}},
		{"page without attestation", []step{{last, 0, stream.Page(0), apdu.Conditions}}},
		{"encrypted under Key-DEK", []step{{0xF1, 0, begin, apdu.WrongParameters}}},
		{"no BER-TLV", []step{{0x89, 0, begin, apdu.WrongParameters}}},
		{"first block not 00", []step{{more, 1, whole[:first], apdu.Conditions}}},
		{"gap", []step{{more, 0, whole[:first], apdu.OK}, {more, 2, whole[first : 2*first], apdu.Conditions},
			{more, 1, whole[first : 2*first], apdu.Conditions}}},
		{"block 00 inside a sequence", []step{{more, 0, whole[:first], apdu.OK}, {more, 1, whole[first : 2*first], apdu.OK},
			{more, 0, whole[:first], apdu.Conditions}, {more, 0, whole[:first], apdu.OK}}},
		{"block repeated", []step{{more, 0, whole[:first], apdu.OK}, {more, 0, whole[:first], apdu.OK},
			{more, 1, whole[first : 2*first], apdu.OK}, {more, 1, whole[first : 2*first], apdu.OK}}},
		{"block repeated with other bytes", []step{{more, 0, whole[:first], apdu.OK}, {more, 0, whole[:first-1], apdu.Conditions},
			{more, 1, whole[first : 2*first], apdu.OK}}},
		{"sequence ends inside an object", []step{{last, 0, whole[:first], apdu.WrongData}}},
		{"unknown object", []step{{last, 0, []byte{0xDF, 0x11, 0x00}, apdu.WrongData}}},
		{"begin for another order", []step{{last, 0, must(t, stream.Begin{OrderID: make([]byte, 16), Length: 1, SHA256: digest[:]}), apdu.Conditions}}},
		{"more than announced", []step{{more, 0, must(t, stream.Begin{OrderID: j.Order.ID, Length: 50, SHA256: digest[:]}), apdu.OK},
			{last, 1, part(j.Sealed[:51]), apdu.WrongData}}},
		{"less than announced", []step{{more, 0, begin, apdu.OK}, {more, 1, part(j.Sealed[:50]), apdu.OK}, {last, 2, commit, apdu.WrongData}}},
		{"gap after begin drops it", []step{{more, 0, begin, apdu.OK}, {more, 9, commit, apdu.Conditions}, {last, 0, part(j.Sealed[:50]), apdu.Conditions}}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			h := session(t, b, s)
			for i, st := range tc.steps {
				if r := block(t, h, st.p1, st.p2, st.data); r.SW != st.sw {
					t.Fatalf("step %d: %v, expected %v", i, r.SW, st.sw)
				}
			}
		})
	}
	t.Run("received before the session ended is gone", func(t *testing.T) {
		h := session(t, b, s)
		if r := block(t, h, last, 0, begin); r.SW != apdu.OK {
			t.Fatal(r.SW)
		}
		if r := block(t, session(t, b, s), last, 0, part(j.Sealed[:50])); r.SW != apdu.Conditions {
			t.Error(r.SW)
		}
	})
	t.Run("several sequences in blocks of 100", func(t *testing.T) {
		h := session(t, b, s)
		var out []byte
		for _, sequence := range [][]byte{begin, part(j.Sealed[:half]), append(part(j.Sealed[half:]), commit...)} {
			var err error
			if out, err = h.Store(t.Context(), sequence, 100); err != nil {
				t.Fatal(err)
			}
		}
		if err := j.Settle(out, provisioning.ReceiptCommitted); err != nil {
			t.Error(err)
		}
	})
	t.Run("last block of a long sequence repeated", func(t *testing.T) {
		h := session(t, b, s)
		blocks, err := gp.StoreData(whole, 0, true)
		if err != nil {
			t.Fatal(err)
		}
		var answers [2]apdu.Response
		for _, c := range blocks {
			answers[0] = block(t, h, c.P1, c.P2, c.Data)
		}
		end := blocks[len(blocks)-1]
		answers[1] = block(t, h, end.P1, end.P2, end.Data)
		if answers[0].SW != apdu.OK || answers[1].SW != apdu.OK || !bytes.Equal(answers[0].Data, answers[1].Data) {
			t.Errorf("%v, then %v", answers[0].SW, answers[1].SW)
		}
	})
}

func must(tb testing.TB, o interface{ Object() ([]byte, error) }) []byte {
	tb.Helper()
	data, err := o.Object()
	if err != nil {
		tb.Fatal(err)
	}
	return data
}
