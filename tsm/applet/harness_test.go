package applet_test

import (
	"context"
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

// made are a world and an element for all tests: making them takes long.
var made struct {
	world   *world.World
	element setest.Mould
}

func newBench(tb testing.TB) *bench {
	tb.Helper()
	element := made.element.Cast(tb, func(tb testing.TB) *setest.Element {
		tb.Helper()
		made.world = world.New(tb)
		return setest.New(tb, made.world.Now, made.world.IACA.Raw)
	})
	w := *made.world // a test may set its clock
	b := &bench{World: &w, Element: element, draft: w.Draft(tb)}
	b.Config = se.Config{Applets: []se.Kind{applet.Kind()}, Now: func() time.Time { return b.Now }}
	return b
}

// fork is the same world with the element in a place of its own.
func (b *bench) fork(tb testing.TB) *bench {
	tb.Helper()
	return &bench{World: b.World, Element: b.Fork(tb), draft: b.draft}
}

// job is one provisioning of a credential.
type job struct{ setest.Job }

func newJob(tb testing.TB, b *bench, slot uint64, purpose provisioning.Purpose) *job {
	tb.Helper()
	return &job{setest.NewJob(tb, b.Element, provisioning.Order{Slot: slot, Purpose: purpose})}
}

func (j *job) instance() []byte { return stream.InstanceAID(byte(j.Order.Slot)) }

// run does what is left of the job, in a new session.
func (j *job) run(ctx context.Context, b *bench, t apdu.Transmitter) error {
	h, err := b.Session(ctx, t, j.instance())
	if err != nil {
		return err
	}
	return j.Run(ctx, h, func() error { return j.issue(b) })
}

// issue is the issuer's part: judge the attestation, sign for its key, seal.
func (j *job) issue(b *bench) error {
	signed, err := provisioning.ParseAttestation(j.Attestation)
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
	if err := a.Answers(&j.Order); err != nil {
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
	credential, err := p.Issue(cose.Deterministic(b.SignerKey), b.SignerChain)
	if err != nil {
		return err
	}
	return j.Seal(a.SealingKey, key, credential)
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
	h, err := b.Session(tb.Context(), t, stream.InstanceAID(1))
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

// wipe empties the job's slot under the job's order id.
func (j *job) wipe(ctx context.Context, b *bench, t apdu.Transmitter) error {
	h, err := setest.Open(ctx, t, b.Factory.Keys)
	if err != nil {
		return err
	}
	if err := h.Personalize(ctx, j.instance()); err != nil {
		return err
	}
	return j.Wipe(ctx, h)
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
