package applet_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"

	"mobileid/mdoc/apdu"
	"mobileid/mdoc/provisioning"
	"mobileid/tsm/applet"
	"mobileid/tsm/applet/stream"
	"mobileid/tsm/gp"
	"mobileid/tsm/se"
	"mobileid/tsm/se/setest"
)

// state is all that can be seen of slot 1 from outside.
type state struct {
	lifeCycle gp.State    // GET STATUS, 0 without an instance
	info      applet.Info // GET DATA
	held      string      // READ BINARY, empty without a credential
	pin       string      // the PIN that opens it, empty without one
}

// look reads the state in a copy of the state file. The key of a credential must prove it.
func (b *bench) look(tb testing.TB) (out state, err error) {
	tb.Helper()
	for _, pins := range [][]string{{testPIN, otherPIN}, {otherPIN}} {
		_, err = b.Copied(tb).Powered(nil, func(s *se.SE) error {
			out, err = b.lookInto(tb.Context(), s, pins)
			return err
		})
		if !errors.Is(err, apdu.ErrBlocked) {
			break // else the first PIN took the last try of the copy
		}
	}
	return out, err
}

func (b *bench) lookInto(ctx context.Context, s *se.SE, pins []string) (out state, err error) {
	if out.lifeCycle, err = b.LifeCycle(ctx, s, stream.InstanceAID(1)); err != nil || out.lifeCycle == 0 {
		return out, err
	}
	c := applet.NewClient(s, 1)
	if out.info, err = c.Info(ctx); err != nil {
		return out, err
	}
	if out.info.PINSet {
		for _, out.pin = range pins {
			if err = c.VerifyPIN(ctx, out.pin); err == nil {
				break
			}
		}
	} else if out.info.Committed {
		err = errors.Join(c.SetPIN(ctx, testPIN), c.VerifyPIN(ctx, testPIN))
	}
	if err != nil {
		return out, err
	}
	held, err := c.Credential(ctx)
	if !out.info.Committed {
		if setest.StatusWord(err) != apdu.Conditions {
			return out, fmt.Errorf("reading a credential that is not committed: %w", err)
		}
		return out, nil
	}
	if err != nil {
		return out, err
	}
	out.held = string(held)
	return out, provesItself(ctx, c, held)
}

// consistent checks what holds in every state the element can be found in: registry and instance agree, and there is no credential
// without its key, nor a key in use without a credential.
func (s state) consistent() error {
	want := gp.State(0)
	switch {
	case s.info.Committed:
		want = gp.StatePersonalized
	case s.info.Slot == 1:
		want = gp.StateSelectable
	}
	if s.lifeCycle != want || s.info.Committed != (s.held != "") || s.info.Length != uint64(len(s.held)) || s.info.PINSet != (s.pin != "") {
		return fmt.Errorf("life cycle %v, %+v, %d bytes held", s.lifeCycle, s.info, len(s.held))
	}
	return nil
}

// A task is an undertaking, and what it is done to.
type task struct {
	name string
	// start makes the state file before it, and tells the secrets in it.
	start func(t *testing.T, b *bench) (file []byte, secrets []secret)
	// begin makes what one run knows outside the element.
	begin func(t *testing.T, b *bench) setest.Run
	// destroys names the secrets of the start that are in no file after it.
	destroys string
	// double is how many runs are cut at two random points.
	double int
}

// provisionTask is a provisioning or a renewal: what it comes upon decides.
func provisionTask(t *testing.T, b *bench) setest.Run {
	t.Helper()
	j := newJob(t, b, 1, provisioning.PurposeSign)
	return setest.Run{Resume: func(ctx context.Context, s *se.SE) error { return j.run(ctx, b, s) }, Job: &j.Job}
}

// deleteTask wipes and deletes under one order. The receipt is had before the instance goes.
func deleteTask(t *testing.T, b *bench) setest.Run {
	t.Helper()
	j := newJob(t, b, 1, provisioning.PurposeSign)
	j.SEKey = b.Factory.AttestationKey.Public()
	return setest.Run{Resume: func(ctx context.Context, s *se.SE) error {
		if j.Receipt == nil {
			if err := j.wipe(ctx, b, s); err != nil {
				return err
			}
		}
		h, err := setest.Open(ctx, s, b.Factory.Keys)
		if err != nil {
			return err
		}
		if err := h.Delete(ctx, j.instance()); setest.StatusWord(err) != apdu.ReferenceNotFound {
			return err
		}
		return nil
	}, Job: &j.Job}
}

// setPINTask sets the PIN; one that is set already must be this one.
func setPINTask(*testing.T, *bench) setest.Run {
	return setest.Run{Resume: func(ctx context.Context, s *se.SE) error {
		c := applet.NewClient(s, 1)
		if err := c.SetPIN(ctx, testPIN); !errors.Is(err, apdu.ErrConditions) {
			return err
		}
		return c.VerifyPIN(ctx, testPIN)
	}}
}

// changePINTask changes the first PIN. The state tells whether that was done, so that no try is spent on the wrong one.
func changePINTask(*testing.T, *bench) setest.Run {
	return setest.Run{Resume: func(ctx context.Context, s *se.SE) error {
		c := applet.NewClient(s, 1)
		info, err := c.Info(ctx)
		switch {
		case err != nil:
			return err
		case info.PINVersion == 1:
			return c.ChangePIN(ctx, testPIN, otherPIN)
		default:
			return c.VerifyPIN(ctx, otherPIN)
		}
	}}
}

// manufactured is an element that has nothing.
func manufactured(t *testing.T, b *bench) ([]byte, []secret) { t.Helper(); return b.Snapshot(t), nil }

// inUse is an element whose credential was shown three times; pin is set if it is not empty. The keys of an order that was given up lie
// beside its own when abandoned.
func inUse(pin string, abandoned bool) func(t *testing.T, b *bench) ([]byte, []secret) {
	return func(t *testing.T, b *bench) ([]byte, []secret) {
		t.Helper()
		ctx := t.Context()
		j, c := newJob(t, b, 1, provisioning.PurposeSign), (*applet.Client)(nil)
		s := b.On(t)
		err := j.run(ctx, b, s)
		if c = applet.NewClient(s, 1); pin != "" {
			err = errors.Join(err, c.SetPIN(ctx, pin))
			for range 3 {
				err = errors.Join(err, c.VerifyPIN(ctx, pin), provesItself(ctx, c, j.Content))
			}
		}
		if abandoned {
			err = errors.Join(err, newJob(t, b, 1, provisioning.PurposeMAC).Attest(ctx, session(t, b, s)))
		}
		if err != nil {
			t.Fatal(err)
		}
		file, secrets := b.closedWith(t, s)
		return file, append(secrets, secret{"live.credential", j.Content})
	}
}

// closedWith gives the state file of an element that is switched off, with the keys and the PIN in it.
func (b *bench) closedWith(t *testing.T, s *se.SE) ([]byte, []secret) {
	t.Helper()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Snapshot(t), secretsOf(t, b)
}

// TestTorn cuts the power at every point of each undertaking, and then 1,000 times in all at two random points, the second while the element
// recovers or the undertaking is taken up again. After each cut the element is in the state before or in the one after, and the
// undertaking ends as the unbroken run does.
func TestTorn(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	for _, k := range []task{
		{"provisioning", manufactured, provisionTask, "", 200},
		{"renewal", inUse(testPIN, true), provisionTask, "live.key live.credential pending.key pending.sealing", 200},
		{"delete", inUse(testPIN, true), deleteTask, "live.key live.credential pending.key pending.sealing pin", 200},
		{"PIN set", inUse("", false), setPINTask, "", 200},
		{"PIN change", inUse(testPIN, false), changePINTask, "pin", 200},
	} {
		own := b.fork(t)
		t.Run(k.name, func(t *testing.T) {
			t.Parallel()
			w := &tearing{bench: own}
			sweep := w.sweep(t, k)
			sweep.Everywhere(t)
			sweep.Twice(t, k.double, 5, func(random *rand.Rand, points int) int {
				second := 1 + random.IntN(points)
				if random.IntN(2) == 0 {
					second = setest.Recovering(random)
				}
				return second
			})
			t.Logf("E5: %s: %v", k.name, sweep)
		})
	}
}

// tearing judges an undertaking under the power switch.
type tearing struct {
	*bench
	before, after state
	receipt       provisioning.Receipt
}

// sweep makes the start and the unbroken run.
func (w *tearing) sweep(t *testing.T, k task) *setest.Sweep {
	t.Helper()
	file, secrets := k.start(t, w.bench)
	destroyed := map[string]string{}
	for _, x := range secrets {
		if slices.Contains(strings.Fields(k.destroys), x.name) {
			destroyed[x.name] = string(x.value)
		}
	}
	if len(destroyed) != len(strings.Fields(k.destroys)) {
		t.Fatalf("%d secrets at the start", len(destroyed))
	}
	sweep := &setest.Sweep{Element: w.Element, Start: file, Destroy: destroyed, Cut: w.cut, End: w.end,
		Begin: func(t *testing.T) setest.Run { t.Helper(); return k.begin(t, w.bench) }}
	w.Restore(t, file)
	w.before = w.found(t, "before")
	r := sweep.Unbroken(t)
	w.after, w.receipt = w.found(t, "unbroken"), receiptOf(r)
	if w.before.matters() == w.after.matters() {
		t.Fatal("the undertaking changes nothing")
	}
	return sweep
}

// receiptOf is a run's receipt without the digest: Settle compared it with the credential, whose bytes are drawn anew in each run.
func receiptOf(r setest.Run) provisioning.Receipt {
	out := r.Receipt()
	out.Digest = nil
	return out
}

// matters is what must be whole at any time: the credential and the PIN in force.
func (s state) matters() [2]string { return [2]string{s.held, s.pin} }

// done is the state after the unbroken run, with the credential of another run.
func (w *tearing) done(r setest.Run) state {
	out := w.after
	if r.Job != nil && r.Job.Content != nil {
		out.held = string(r.Job.Content)
	}
	return out
}

// found looks at the element, which must be consistent.
func (w *tearing) found(t *testing.T, when string) state {
	t.Helper()
	s, err := w.look(t)
	if err == nil {
		err = s.consistent()
	}
	if err != nil {
		t.Fatalf("%s: %v", when, err)
	}
	return s
}

// cut judges what a cut left: old or new.
func (w *tearing) cut(t *testing.T, r setest.Run, when string, _ int) (done bool) {
	t.Helper()
	s := w.found(t, when)
	switch s.matters() {
	case w.before.matters():
		return false
	case w.done(r).matters():
		return true
	}
	t.Fatalf("%s: neither the old state nor the new: %+v", when, s.info)
	return false
}

// end compares with the unbroken run.
func (w *tearing) end(t *testing.T, r setest.Run, when string) {
	t.Helper()
	if got, want := w.found(t, when), w.done(r); got != want {
		t.Fatalf("%s: ended in %v, %+v; the unbroken run in %v, %+v", when, got.lifeCycle, got.info, want.lifeCycle, want.info)
	}
	if receipt := receiptOf(r); !reflect.DeepEqual(receipt, w.receipt) {
		t.Fatalf("%s: another receipt than the unbroken run's: number %d of %d uses, not %d of %d", when,
			receipt.Counter, receipt.KeyUses, w.receipt.Counter, w.receipt.KeyUses)
	}
}
