package applet_test

import (
	"bytes"
	"context"
	"crypto"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"testing"
	"time"

	"mobileid/mdoc"
	"mobileid/mdoc/apdu"
	"mobileid/mdoc/cose"
	"mobileid/mdoc/mdoctest/world"
	"mobileid/mdoc/provisioning"
	"mobileid/tsm/applet"
	"mobileid/tsm/applet/stream"
	"mobileid/tsm/gp"
	"mobileid/tsm/se"
	"mobileid/tsm/se/setest"
)

const testPIN = "246810"

// bench is a world with one element in it.
type bench struct {
	*world.World
	*setest.Element
	draft mdoc.Draft
}

func newBench(tb testing.TB) *bench {
	tb.Helper()
	w := world.New(tb)
	b := &bench{World: w, Element: setest.New(tb, w.Now, w.IACA.Raw), draft: w.Draft(tb)}
	b.Config = se.Config{Applets: []se.Kind{applet.Kind()}, Now: func() time.Time { return b.Now }}
	return b
}

// fork is the same world with the element in a place of its own.
func (b *bench) fork(tb testing.TB) *bench {
	tb.Helper()
	return &bench{World: b.World, Element: b.Fork(tb), draft: b.draft}
}

// job is what a server knows of one provisioning. It outlives its sessions.
type job struct {
	order       provisioning.Order
	attestation []byte
	seKey       crypto.PublicKey
	credential  []byte
	sealed      []byte
	receipt     *provisioning.Receipt
	answers     [][]byte // all that the element said in sessions, decrypted
}

func newJob(tb testing.TB, b *bench, slot uint64, purpose provisioning.Purpose) *job {
	tb.Helper()
	j := &job{order: provisioning.Order{ID: make([]byte, 16), Kind: provisioning.OrderProvision, SEID: b.Factory.ID, Slot: slot,
		Purpose: purpose, Challenge: make([]byte, 32)}}
	for _, f := range [][]byte{j.order.ID, j.order.Challenge} {
		if _, err := rand.Read(f); err != nil {
			tb.Fatal(err)
		}
	}
	return j
}

func (j *job) instance() []byte { return stream.InstanceAID(byte(j.order.Slot)) }

// run does what is left of the job, in a new session.
func (j *job) run(ctx context.Context, b *bench, t apdu.Transmitter) error {
	h, err := setest.Open(ctx, t, b.Factory.Keys)
	if err != nil {
		return err
	}
	defer func() { j.answers = append(j.answers, h.Answers...) }()
	if err := h.Install(ctx, applet.Kind(), j.instance()); err != nil {
		return err
	}
	if err := h.Personalize(ctx, j.instance()); err != nil {
		return err
	}
	if j.sealed == nil {
		if err := j.attest(ctx, h); err != nil {
			return err
		}
		if err := j.issue(b); err != nil {
			return err
		}
	}
	return j.deliver(ctx, h)
}

// attest asks for keys, page by page.
func (j *job) attest(ctx context.Context, h *setest.Host) error {
	object, err := stream.Generate{OrderID: j.order.ID, Slot: j.order.Slot, Purpose: uint64(j.order.Purpose), Challenge: j.order.Challenge}.Object()
	if err != nil {
		return err
	}
	j.attestation = nil
	for {
		page, err := h.Store(ctx, object, 0)
		if err != nil {
			return err
		}
		j.attestation = append(j.attestation, page...)
		if len(page) < stream.PageSize {
			return nil
		}
		object = stream.Page(uint16(len(j.attestation)))
	}
}

// issue is the issuer's part: judge the attestation, sign for its key, seal.
func (j *job) issue(b *bench) error {
	signed, err := provisioning.ParseAttestation(j.attestation)
	if err != nil {
		return err
	}
	a, key, v, err := signed.Verify(b.Roots, b.Now)
	if err != nil {
		return err
	}
	if !v.OK() {
		return fmt.Errorf("attestation: %+v", v.Failed())
	}
	if err := a.Answers(&j.order); err != nil {
		return err
	}
	if !a.UserPresence || a.TryLimit != 3 || a.AppletVersion != applet.Version {
		return fmt.Errorf("attested policy: %v %d %s", a.UserPresence, a.TryLimit, a.AppletVersion)
	}
	draft := b.draft
	draft.DeviceKey = a.DeviceKey
	p, err := mdoc.Prepare(draft, nil)
	if err != nil {
		return err
	}
	if j.credential, err = p.Issue(cose.Deterministic(b.SignerKey), b.SignerChain); err != nil {
		return err
	}
	j.seKey = key
	j.sealed, err = provisioning.Seal(a.SealingKey, j.order.ID, j.order.SEID, j.order.Slot, j.credential)
	return err
}

func (j *job) deliver(ctx context.Context, h *setest.Host) error {
	digest := sha256.Sum256(j.sealed)
	data, err := stream.Deliver(j.order.ID, j.sealed, digest[:])
	if err != nil {
		return err
	}
	out, err := h.Store(ctx, data, 0)
	if err != nil {
		return err
	}
	return j.settle(out, provisioning.ReceiptCommitted)
}

// settle checks a receipt.
func (j *job) settle(raw []byte, kind provisioning.ReceiptKind) error {
	signed, err := provisioning.ParseReceipt(raw)
	if err != nil {
		return err
	}
	r, err := signed.Verify(j.seKey)
	if err != nil {
		return err
	}
	digest := sha256.Sum256(j.credential)
	switch {
	case r.Kind != kind || !bytes.Equal(r.OrderID, j.order.ID) || r.Slot != j.order.Slot || !bytes.Equal(r.SEID, j.order.SEID):
		return errors.New("receipt of another order")
	case kind == provisioning.ReceiptCommitted && !bytes.Equal(r.Digest, digest[:]):
		return errors.New("receipt of another credential")
	}
	j.receipt = r
	return nil
}

// provisioned is an element with a credential and a PIN.
func provisioned(tb testing.TB, b *bench, purpose provisioning.Purpose) (*se.SE, *job, *applet.Client) {
	tb.Helper()
	s := b.On(tb)
	j := newJob(tb, b, 1, purpose)
	c := applet.NewClient(s, 1)
	if err := j.run(tb.Context(), b, s); err != nil {
		tb.Fatal(err)
	}
	if err := c.SetPIN(tb.Context(), testPIN); err != nil {
		tb.Fatal(err)
	}
	return s, j, c
}

// session opens a session and directs it to the instance of slot 1, which it installs if need be.
func session(tb testing.TB, b *bench, t apdu.Transmitter) *setest.Host {
	tb.Helper()
	ctx := tb.Context()
	h, err := setest.Open(ctx, t, b.Factory.Keys)
	if err == nil {
		err = h.Install(ctx, applet.Kind(), stream.InstanceAID(1))
	}
	if err == nil {
		err = h.Personalize(ctx, stream.InstanceAID(1))
	}
	if err != nil {
		tb.Fatal(err)
	}
	return h
}

// block sends one STORE DATA block.
func block(tb testing.TB, h *setest.Host, p1, p2 byte, data []byte) apdu.Response {
	tb.Helper()
	r, err := h.Send(tb.Context(), apdu.Command{CLA: 0x80, INS: 0xE2, P1: p1, P2: p2, Data: data, Le: apdu.MaxShortLe})
	if err != nil {
		tb.Fatal(err)
	}
	return r
}

// lifeCycle is what GET STATUS says of slot 1; 0 when there is no instance.
func lifeCycle(ctx context.Context, b *bench, t apdu.Transmitter) (gp.State, error) {
	h, err := setest.Open(ctx, t, b.Factory.Keys)
	if err != nil {
		return 0, err
	}
	r, err := h.Send(ctx, gp.GetStatus{Scope: gp.ScopeApplications, Prefix: gp.AID(stream.InstanceAID(1))}.Command())
	if err != nil || r.SW == apdu.ReferenceNotFound {
		return 0, err
	}
	entries, err := gp.ParseEntries(r.Data)
	if err != nil || len(entries) != 1 {
		return 0, fmt.Errorf("%d entries: %w", len(entries), err)
	}
	return gp.State(entries[0].State), nil
}

// swOf is the status word an error stands for, 9000 for none, 0 for another error.
func swOf(err error) apdu.SW {
	if err == nil {
		return apdu.OK
	}
	if e, ok := errors.AsType[*apdu.StatusError](err); ok {
		return e.SW
	}
	return 0
}

// wipe empties the job's slot under the job's order id.
func (j *job) wipe(ctx context.Context, b *bench, t apdu.Transmitter) error {
	h, err := setest.Open(ctx, t, b.Factory.Keys)
	if err != nil {
		return err
	}
	if err := h.Personalize(ctx, j.instance()); err != nil {
		return err
	}
	object, err := stream.Wipe{OrderID: j.order.ID}.Object()
	if err != nil {
		return err
	}
	out, err := h.Store(ctx, object, 0)
	if err != nil {
		return err
	}
	return j.settle(out, provisioning.ReceiptWiped)
}

// host opens a session with the ISD.
func host(tb testing.TB, b *bench, t apdu.Transmitter) *setest.Host {
	tb.Helper()
	h, err := setest.Open(tb.Context(), t, b.Factory.Keys)
	if err != nil {
		tb.Fatal(err)
	}
	return h
}
