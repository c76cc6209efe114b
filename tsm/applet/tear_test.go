package applet_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
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

// A task is one undertaking that may be cut off and taken up again.
type task struct {
	name string
	// start makes the state file before it, and tells the secrets in it.
	start func(t *testing.T, b *bench) (file []byte, secrets []secret)
	// begin makes what one run knows outside the element; a run does what is left of it, and may be called again.
	begin func(t *testing.T, b *bench) run
	// destroys names the secrets of the start that are in no file after it.
	destroys string
	// double is how many runs are cut at two random points.
	double int
}

type run struct {
	resume func(ctx context.Context, s *se.SE) error
	job    *job // with the receipt and the credential; nil when there is neither
}

func (r run) receipt() (out provisioning.Receipt) {
	if r.job != nil && r.job.Receipt != nil {
		out = *r.job.Receipt
		out.OrderID, out.Digest = nil, nil // settle compared them with the job's
	}
	return out
}

// provisionTask is a provisioning or a renewal: what it comes upon decides.
func provisionTask(t *testing.T, b *bench) run {
	t.Helper()
	j := newJob(t, b, 1, provisioning.PurposeSign)
	return run{func(ctx context.Context, s *se.SE) error { return j.run(ctx, b, s) }, j}
}

// deleteTask wipes and deletes under one order. The receipt is had before the instance goes.
func deleteTask(t *testing.T, b *bench) run {
	t.Helper()
	j := newJob(t, b, 1, provisioning.PurposeSign)
	j.SEKey = b.Factory.AttestationKey.Public()
	return run{func(ctx context.Context, s *se.SE) error {
		if j.Receipt == nil {
			if err := j.wipe(ctx, b, s); err != nil {
				return err
			}
		}
		h, err := setest.Open(ctx, s, b.Factory.Keys)
		if err != nil {
			return err
		}
		remove, err := gp.Delete{AID: gp.AID(stream.InstanceAID(1))}.Command()
		if err != nil {
			return err
		}
		if r, err := h.Send(ctx, remove); err != nil || r.SW != apdu.ReferenceNotFound && r.SW != apdu.OK {
			return errors.Join(err, r.Err())
		}
		return nil
	}, j}
}

// setPINTask sets the PIN; one that is set already must be this one.
func setPINTask(*testing.T, *bench) run {
	return run{func(ctx context.Context, s *se.SE) error {
		c := applet.NewClient(s, 1)
		if err := c.SetPIN(ctx, testPIN); !errors.Is(err, apdu.ErrConditions) {
			return err
		}
		return c.VerifyPIN(ctx, testPIN)
	}, nil}
}

// changePINTask changes the first PIN. The state tells whether that was done, so that no try is spent on the wrong one.
func changePINTask(*testing.T, *bench) run {
	return run{func(ctx context.Context, s *se.SE) error {
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
	}, nil}
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
			w := &tearing{task: k, bench: own}
			w.begun(t)
			w.everywhere(t)
			w.twice(t)
			t.Log(w.summary())
		})
	}
}

// tearing is one undertaking under the power switch.
type tearing struct {
	task
	*bench
	file   []byte
	gone   []secret
	points int // of the unbroken run
	before state
	after  state
	end    provisioning.Receipt

	old, new, doubled, recovering int
}

// begun makes the start and the unbroken run.
func (w *tearing) begun(t *testing.T) {
	t.Helper()
	file, secrets := w.start(t, w.bench)
	w.file, w.gone = file, slices.DeleteFunc(secrets, func(x secret) bool { return !slices.Contains(strings.Fields(w.destroys), x.name) })
	if len(w.gone) != len(strings.Fields(w.destroys)) {
		t.Fatalf("%d secrets at the start", len(w.gone))
	}
	w.Restore(t, w.file)
	w.before = w.found(t, "before")
	r := w.begin(t, w.bench)
	var err error
	if w.points, err = w.Powered(nil, func(s *se.SE) error { return r.resume(t.Context(), s) }); err != nil {
		t.Fatal(err)
	}
	w.after, w.end = w.found(t, "unbroken"), r.receipt()
	if w.matters(w.before) == w.matters(w.after) {
		t.Fatal("the undertaking changes nothing")
	}
}

// matters is what must be whole at any time: the credential and the PIN in force.
func (*tearing) matters(s state) [2]string { return [2]string{s.held, s.pin} }

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

// cut runs under power that goes at point k, and tells whether it went.
func (w *tearing) cut(t *testing.T, r run, k int) (torn, recovering bool) {
	t.Helper()
	recovering = true
	_, err := w.Powered(setest.At(k), func(s *se.SE) error {
		recovering = false
		return r.resume(t.Context(), s)
	})
	if err != nil && !errors.Is(err, se.ErrPowerCut) {
		t.Fatalf("point %d: %v", k, err)
	}
	return err != nil, recovering
}

// halfway judges what a cut left: old or new, and when it is new the old is destroyed.
func (w *tearing) halfway(t *testing.T, r run, when string) {
	t.Helper()
	s := w.found(t, when)
	renewed := w.matters(w.after)
	if r.job != nil && r.job.Content != nil {
		renewed[0] = string(r.job.Content)
	}
	switch w.matters(s) {
	case w.matters(w.before):
		w.old++
	case renewed:
		w.new++
		w.destroyed(t, when)
	default:
		t.Fatalf("%s: neither the old state nor the new: %+v", when, s.info)
	}
}

// destroyed looks for the secrets of the start in all files. halfway looked at a copy, in which the element has recovered.
func (w *tearing) destroyed(t *testing.T, when string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(filepath.Dir(w.Path), "copy", "*"))
	if err != nil || len(files) == 0 {
		t.Fatal(err)
	}
	for _, f := range files {
		data, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		for _, x := range w.gone {
			if bytes.Contains(data, x.value) {
				t.Fatalf("%s: %s is still in %s", when, x.name, filepath.Base(f))
			}
		}
	}
}

// ends takes the undertaking up once more and compares with the unbroken run. The credential's bytes are drawn anew in each run: they must
// be the ones of this run.
func (w *tearing) ends(t *testing.T, r run, when string) {
	t.Helper()
	if _, err := w.Powered(nil, func(s *se.SE) error { return r.resume(t.Context(), s) }); err != nil {
		t.Fatalf("%s, resumed: %v", when, err)
	}
	got, want := w.found(t, when), w.after
	if r.job != nil && r.job.Content != nil {
		want.held = string(r.job.Content)
	}
	if receipt := r.receipt(); got != want || fmt.Sprint(receipt) != fmt.Sprint(w.end) || receipt.Counter != w.end.Counter || receipt.KeyUses != w.end.KeyUses {
		t.Fatalf("%s: ended in %v, %+v; the unbroken run in %v, %+v", when, got.lifeCycle, got.info, want.lifeCycle, want.info)
	}
	w.destroyed(t, when)
}

func (w *tearing) everywhere(t *testing.T) {
	t.Helper()
	for k := 1; k <= w.points; k++ {
		w.Restore(t, w.file)
		r, when := w.begin(t, w.bench), fmt.Sprintf("point %d", k)
		if torn, _ := w.cut(t, r, k); !torn {
			t.Fatalf("%s: not reached", when)
		}
		w.halfway(t, r, when)
		w.ends(t, r, when)
	}
	if w.old == 0 || w.new == 0 {
		t.Errorf("%d cuts found the old state and %d the new: they do not straddle the change", w.old, w.new)
	}
}

func (w *tearing) twice(t *testing.T) {
	t.Helper()
	random := rand.New(rand.NewPCG(5, uint64(w.points))) //nolint:gosec // where to cut, so that a failure repeats
	for w.doubled < w.double {
		w.Restore(t, w.file)
		first, second := 1+random.IntN(w.points), 1+random.IntN(w.points)
		if random.IntN(2) == 0 {
			second = 1 + random.IntN(16) // while the element recovers, if there is something to recover
		}
		r, when := w.begin(t, w.bench), fmt.Sprintf("points %d and %d", first, second)
		w.cut(t, r, first)
		torn, recovering := w.cut(t, r, second)
		if torn {
			w.doubled++
			w.halfway(t, r, when)
		}
		if recovering {
			w.recovering++
		}
		w.ends(t, r, when)
	}
}

func (w *tearing) summary() string {
	return fmt.Sprintf("E5: %s: power cut at %d points and %d times at two points (%d of these while recovering): %d found the old state, %d the new, 0 between; all resumed",
		w.name, w.points, w.doubled, w.recovering, w.old, w.new)
}
