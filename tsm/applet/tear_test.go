package applet_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"testing"

	"mobileid/mdoc/provisioning"
	"mobileid/tsm/applet"
	"mobileid/tsm/gp"
	"mobileid/tsm/se"
)

// powered switches the element on, does something with it and switches it off. It gives the number of tear points passed.
func (b *bench) powered(tear func(point int) bool, do func(*se.SE) error) (points int, err error) {
	s, err := se.Open(b.Path, b.config(func(p int) bool {
		points = p
		return tear != nil && tear(p)
	}))
	if err != nil {
		return points, err
	}
	return points, errors.Join(do(s), s.Close())
}

func at(k int) func(int) bool { return func(p int) bool { return p == k } }

// state is what can be seen of slot 1 from outside.
type state struct {
	lifeCycle gp.State
	info      applet.Info
	held      []byte // the live credential, nil for none
}

// look reads the state. A credential is read with the PIN, which is set if there is none, and its key must prove it.
func (b *bench) look(ctx context.Context, s *se.SE) (out state, err error) {
	if out.lifeCycle, err = lifeCycle(ctx, b, s); err != nil || out.lifeCycle == 0 {
		return out, err
	}
	c := applet.NewClient(s, 1)
	if out.info, err = c.Info(ctx); err != nil {
		return out, err
	}
	if !out.info.PINSet {
		if err := c.SetPIN(ctx, testPIN); err != nil {
			return out, err
		}
	}
	if err := c.VerifyPIN(ctx, testPIN); err != nil {
		return out, err
	}
	out.held, err = c.Credential(ctx)
	if !out.info.Committed {
		if err == nil {
			return out, errors.New("a credential can be read that is not committed")
		}
		return out, nil
	}
	if err != nil {
		return out, err
	}
	return out, provesItself(ctx, c, out.held)
}

// consistent checks what holds in every state the element can be found in.
func (s state) consistent() error {
	want := gp.State(0)
	switch {
	case s.info.Committed:
		want = gp.StatePersonalized
	case s.info.Slot == 1:
		want = gp.StateSelectable
	}
	if s.lifeCycle != want || s.info.Committed != (s.held != nil) {
		return fmt.Errorf("life cycle %v, committed %v, %d bytes held", s.lifeCycle, s.info.Committed, len(s.held))
	}
	return nil
}

// torn cuts the power at every point of a provisioning that starts from the given state file, looks at what is left, and runs the job
// to its end, cut once more on the way. before is the credential there was at the start, nil for none.
func (b *bench) torn(t *testing.T, start []byte, before []byte, name string) {
	t.Helper()
	ctx := t.Context()
	b.restore(t, start)
	unbroken := newJob(t, b, 1, provisioning.PurposeSign)
	points, err := b.powered(nil, func(s *se.SE) error { return unbroken.run(ctx, b, s) })
	if err != nil {
		t.Fatal(err)
	}
	var end state
	if _, err := b.powered(nil, func(s *se.SE) error { end, err = b.look(ctx, s); return err }); err != nil {
		t.Fatal(err)
	}
	if points < 100 {
		t.Fatalf("only %d tear points", points)
	}
	var oldSeen, newSeen, cutsAfter int
	for k := 1; k <= points; k++ {
		b.restore(t, start)
		j := newJob(t, b, 1, provisioning.PurposeSign)
		if _, err := b.powered(at(k), func(s *se.SE) error { return j.run(ctx, b, s) }); !errors.Is(err, se.ErrPowerCut) {
			t.Fatalf("point %d: %v", k, err)
		}
		var found state
		if _, err := b.powered(nil, func(s *se.SE) error { found, err = b.look(ctx, s); return err }); err != nil {
			t.Fatalf("point %d: %v", k, err)
		}
		switch {
		case found.consistent() != nil:
			t.Fatalf("point %d: %v", k, found.consistent())
		case bytes.Equal(found.held, before):
			oldSeen++
		case bytes.Equal(found.held, j.credential):
			newSeen++
		default:
			t.Fatalf("point %d: neither the old nor the new credential", k)
		}
		// Cut the resumed job too, somewhere else each time; it may end before that point.
		if _, err := b.powered(at(k*31%points+1), func(s *se.SE) error { return j.run(ctx, b, s) }); errors.Is(err, se.ErrPowerCut) {
			cutsAfter++
		} else if err != nil {
			t.Fatalf("point %d, resumed: %v", k, err)
		}
		if _, err := b.powered(nil, func(s *se.SE) error { return j.run(ctx, b, s) }); err != nil {
			t.Fatalf("point %d, to the end: %v", k, err)
		}
		if _, err := b.powered(nil, func(s *se.SE) error { found, err = b.look(ctx, s); return err }); err != nil {
			t.Fatalf("point %d, at the end: %v", k, err)
		}
		// The same as the unbroken run: state, one receipt, the job's credential; salts, keys and signatures are drawn
		// anew in each run, and the key proved itself.
		got := found.info
		got.KeyUses, got.PINSet, got.TriesLeft = end.info.KeyUses, end.info.PINSet, end.info.TriesLeft
		if !bytes.Equal(found.held, j.credential) || found.lifeCycle != end.lifeCycle || got != end.info ||
			j.receipt.Counter != unbroken.receipt.Counter {
			t.Fatalf("point %d: ended in %+v, receipt %d; the unbroken run in %+v, receipt %d", k, found.info, j.receipt.Counter,
				end.info, unbroken.receipt.Counter)
		}
	}
	line := fmt.Sprintf("%s: power cut at %d points (%d found the old state, %d the new) and %d times more while resuming; 0 between, all resumed",
		name, points, oldSeen, newSeen, cutsAfter)
	t.Log(line)
	if oldSeen == 0 || newSeen == 0 {
		t.Error("the cuts did not straddle the commit")
	}
}

func TestTornProvisioning(t *testing.T) {
	b := newBench(t)
	b.torn(t, b.snapshot(t), nil, "provisioning")
}

// Renewal in place, over the keys of an order that was given up: at every moment exactly one credential is live, with its
// own key.
func TestTornRenewal(t *testing.T) {
	b := newBench(t)
	s, j, _ := provisioned(t, b, provisioning.PurposeSign)
	if err := newJob(t, b, 1, provisioning.PurposeMAC).attest(t.Context(), session(t, b, s)); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	b.torn(t, b.snapshot(t), j.credential, "renewal")
}

// A wipe, too, is whole or has not happened; what it destroyed is in no file afterwards.
func TestTornWipe(t *testing.T) {
	b := newBench(t)
	s, j, _ := provisioned(t, b, provisioning.PurposeSign)
	keys := secretsOf(t, b, s)
	start := b.snapshot(t)
	ctx := t.Context()
	wipe := func(s *se.SE) error {
		d := *j
		d.order.ID = bytes.Repeat([]byte{0x77}, 16)
		return d.wipe(ctx, b, s)
	}
	points, err := b.powered(nil, wipe)
	if err != nil || len(keys) != 1 {
		t.Fatal(len(keys), err)
	}
	for k := 1; k <= points; k++ {
		b.restore(t, start)
		if _, err := b.powered(at(k), wipe); !errors.Is(err, se.ErrPowerCut) {
			t.Fatalf("point %d: %v", k, err)
		}
		var found state
		if _, err := b.powered(nil, func(s *se.SE) error { found, err = b.look(ctx, s); return err }); err != nil {
			t.Fatalf("point %d: %v", k, err)
		}
		if err := found.consistent(); err != nil || found.held != nil && !bytes.Equal(found.held, j.credential) {
			t.Fatalf("point %d: %v", k, err)
		}
		if found.held == nil && bytes.Contains(b.snapshot(t), keys[0].value) {
			t.Fatalf("point %d: wiped, and the key is still in the file", k)
		}
		if _, err := b.powered(nil, wipe); err != nil {
			t.Fatalf("point %d, again: %v", k, err)
		}
	}
	t.Logf("wipe: power cut at %d points", points)
}
