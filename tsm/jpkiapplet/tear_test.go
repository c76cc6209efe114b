package jpkiapplet_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"

	"mobileid/mdoc/apdu"
	"mobileid/mdoc/jpkiap"
	"mobileid/mdoc/provisioning"
	"mobileid/tsm/gp"
	"mobileid/tsm/jpkiapplet"
	"mobileid/tsm/se"
	"mobileid/tsm/se/setest"
)

// state is all there is of the application: what is told outside, and the objects in its memory.
type state struct {
	lifeCycle gp.State // GET STATUS, 0 without an instance
	info      jpkiapplet.Info
	objects   map[string]string
}

// look reads the state in a copy of the state file, and at every 16th look has the keys prove that they fit their certificates. What is
// found must be consistent.
func (b *bench) look(tb testing.TB) (out state, err error) {
	tb.Helper()
	c := b.Copied(tb)
	if _, err = c.Powered(nil, func(s *se.SE) error { out, err = b.told(tb.Context(), s); return err }); err != nil || out.lifeCycle == 0 {
		return out, err
	}
	out.objects = c.Objects(tb)
	if err := out.consistent(); err != nil {
		return out, err
	}
	if b.looks++; b.looks%16 != 0 || !out.info.Committed {
		return out, nil
	}
	_, err = c.Powered(nil, func(s *se.SE) error { return out.proves(tb.Context(), s) })
	return out, err
}

func (b *bench) told(ctx context.Context, s *se.SE) (out state, err error) {
	if out.lifeCycle, err = b.LifeCycle(ctx, s, []byte(gp.PhoneInstance)); err != nil || out.lifeCycle == 0 {
		return out, err
	}
	out.info, err = jpkiapplet.NewClient(s).Info(ctx)
	return out, err
}

// consistent checks what holds in every state the element can be found in: keys and certificates are there together, and a secret with its
// counter; the state that is told is the one in the memory.
func (s state) consistent() error {
	has := func(name string) bool { return s.objects[name] != "" }
	committed, want := has("live"), gp.StateSelectable
	if committed {
		want = gp.StatePersonalized
	}
	pending := has("pending")
	for _, x := range []struct {
		what string
		ok   bool
	}{
		{"life cycle", s.lifeCycle == want},
		{"live", s.info.Committed == committed && has("live.authentication") == committed && has("live.signature") == committed},
		{"pending", s.info.Pending == pending && has("pending.authentication") == pending && has("pending.signature") == pending &&
			has("pending.sealing") == pending},
		{"PIN", has("pin") == has("pin.tries") && s.info.PINSet == has("pin") && s.info.PINTries <= jpkiap.PINTries},
		{"password", has("password") == has("password.tries") && s.info.PasswordSet == has("password") && s.info.PasswordTries <= jpkiap.PasswordTries},
	} {
		if !x.ok {
			return fmt.Errorf("%s: life cycle %v, %+v", x.what, s.lifeCycle, s.info)
		}
	}
	return nil
}

// proves has both keys sign, behind the secrets that stand in the memory; a missing one is chosen, and a blocked one left.
func (s state) proves(ctx context.Context, t *se.SE) error {
	for _, g := range secrets() {
		value := s.objects[g.object]
		switch {
		case value == "":
			value = g.other
			if err := g.choose(jpkiapplet.NewClient(t), ctx, value); err != nil {
				return err
			}
		case g.left(s.info) == 0:
			continue
		default:
			value = value[1 : 1+value[0]]
		}
		if _, err := proved(ctx, t, g.file, g.certificate, g.key, value, true); err != nil {
			return err
		}
	}
	return nil
}

// matters is what must be whole at any time: certificates and keys in force, and the two secrets.
func (s state) matters() string {
	out := ""
	for _, name := range []string{"live", "live.authentication", "live.signature", "pin", "password"} {
		out += fmt.Sprintf(" %s %x", name, s.objects[name])
	}
	return out
}

// settled are the objects without the order carried out last, which has a number of its own in each run.
func (s state) settled() map[string]string {
	out := maps.Clone(s.objects)
	delete(out, "done")
	return out
}

// A task is an undertaking, and what it is done to.
type task struct {
	name     string
	start    func(t *testing.T, b *bench)
	begin    func(t *testing.T, b *bench) setest.Run
	destroys string // the objects of the start whose bytes are in no file after it
	verifies string // the secret whose tries move on the way
	leaves   jpkiapplet.Info
}

func provisionTask(t *testing.T, b *bench) setest.Run {
	t.Helper()
	j := newJob(t, b)
	return setest.Run{Resume: func(ctx context.Context, s *se.SE) error { return j.run(ctx, b, s) }, Job: &j.Job}
}

func wipeTask(t *testing.T, b *bench) setest.Run {
	t.Helper()
	w := newJob(t, b)
	w.SEKey = b.Factory.AttestationKey.Public()
	return setest.Run{Resume: func(ctx context.Context, s *se.SE) error { return w.wipe(ctx, b, s) }, Job: &w.Job}
}

// choiceTask chooses a secret; one that is chosen already must be this one.
func choiceTask(g guess) func(*testing.T, *bench) setest.Run {
	return func(*testing.T, *bench) setest.Run {
		return setest.Run{Resume: func(ctx context.Context, s *se.SE) error {
			if err := g.choose(jpkiapplet.NewClient(s), ctx, g.right); err != nil && !errors.Is(err, apdu.ErrSecurityStatus) {
				return err
			}
			return g.verify(ctx, s, g.right)
		}}
	}
}

// changeTask verifies a secret and changes it, unless that was done.
func changeTask(g guess) func(*testing.T, *bench) setest.Run {
	return func(*testing.T, *bench) setest.Run {
		changed := false // a phone that was told so does not present the former one again, which would cost a try each time
		return setest.Run{Resume: func(ctx context.Context, s *se.SE) error {
			if changed {
				return g.verify(ctx, s, g.other)
			}
			err := g.verify(ctx, s, g.right)
			if _, changed = errors.AsType[*apdu.AuthError](err); changed {
				return g.verify(ctx, s, g.other)
			}
			if err != nil {
				return err
			}
			r, err := apdu.Exchange(ctx, s, apdu.Command{INS: 0x24, P1: 1, P2: 0x80 | byte(g.file), Data: []byte(g.other)})
			return errors.Join(err, r.Err())
		}}
	}
}

// begun makes a start: certificates of the first pair of keys, and what is asked for besides.
func begun(more func(ctx context.Context, b *bench, s *se.SE) error) func(*testing.T, *bench) {
	return func(t *testing.T, b *bench) {
		t.Helper()
		all := b.pool
		b.pool = all[:2]
		if _, err := b.Powered(nil, func(s *se.SE) error {
			if err := newJob(t, b).run(t.Context(), b, s); err != nil || more == nil {
				return err
			}
			b.pool = all[4:]
			return more(t.Context(), b, s)
		}); err != nil {
			t.Fatal(err)
		}
		b.pool = all[2:4]
	}
}

func chooseBoth(ctx context.Context, _ *bench, s *se.SE) error {
	c := jpkiapplet.NewClient(s)
	return errors.Join(c.ChoosePIN(ctx, testPIN), c.ChoosePassword(ctx, testPassword))
}

// worn has chosen both, has one try less of the PIN, a blocked password, and the keys of an order that was given up.
func worn(t *testing.T) func(ctx context.Context, b *bench, s *se.SE) error {
	t.Helper()
	return func(ctx context.Context, b *bench, s *se.SE) error {
		err := chooseBoth(ctx, b, s)
		for n, g := range secrets() {
			for range []int{1, g.tries}[n] {
				if _, told := errors.AsType[*apdu.AuthError](g.verify(ctx, s, g.wrong)); !told {
					err = errors.Join(err, errors.New("a wrong secret was not refused"))
				}
			}
		}
		j := newJob(t, b)
		h, opened := b.session(ctx, s)
		if err = errors.Join(err, opened); err != nil {
			return err
		}
		return j.Attest(ctx, h)
	}
}

// TestTornPhoneCertificates cuts the power at every point of each undertaking, and then at two random points, the second while the element
// recovers or the undertaking is taken up again. After each cut the application is as before or as after, and the undertaking ends as
// the unbroken run does, with the same receipt.
func TestTornPhoneCertificates(t *testing.T) {
	pin, password := secrets()[0], secrets()[1]
	empty := jpkiapplet.Info{Version: jpkiapplet.Version}
	committed, pinned, guarded, both := empty, empty, empty, empty
	for _, i := range []*jpkiapplet.Info{&committed, &pinned, &guarded, &both} {
		i.Committed = true
	}
	pinned.PINSet, pinned.PINTries = true, 3
	guarded.PasswordSet, guarded.PasswordTries = true, 5
	both.PINSet, both.PINTries, both.PasswordSet, both.PasswordTries = true, 3, true, 5
	renewed := pinned
	renewed.PINTries = 2 // as it was; the blocked password is to be chosen anew
	keys := "live.authentication live.signature pending.authentication pending.signature pending.sealing password"
	for _, k := range []task{
		{"provisioning", func(_ *testing.T, b *bench) { b.pool = b.pool[2:4] }, provisionTask, "", "", committed},
		{"renewal", begun(worn(t)), provisionTask, keys, "", renewed},
		{"wipe", begun(worn(t)), wipeTask, keys + " live pin", "", empty},
		{"PIN choice", begun(nil), choiceTask(pin), "", "pin", pinned},
		{"password choice", begun(nil), choiceTask(password), "", "password", guarded},
		{"PIN change", begun(chooseBoth), changeTask(pin), "pin", "pin", both},
		{"password change", begun(chooseBoth), changeTask(password), "password", "password", both},
	} {
		t.Run(k.name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			k.start(t, b)
			w := &tearing{task: k, bench: b}
			sweep := w.sweep(t)
			sweep.Everywhere(t)
			sweep.Twice(t, 40, 7, func(random *rand.Rand, _ int) int { return setest.Recovering(random) })
			t.Logf("E5: JPKI %s: %v", k.name, sweep)
		})
	}
}

// tearing judges an undertaking under the power switch.
type tearing struct {
	task
	*bench
	before, after state
	receipt       provisioning.Receipt
}

// sweep makes the unbroken run.
func (w *tearing) sweep(t *testing.T) *setest.Sweep {
	t.Helper()
	sweep := &setest.Sweep{Element: w.Element, Start: w.Snapshot(t), Destroy: map[string]string{}, Cut: w.cut, End: w.end,
		Begin: func(t *testing.T) setest.Run { t.Helper(); return w.begin(t, w.bench) }}
	w.before = w.found(t, "before")
	for name := range strings.FieldsSeq(w.destroys) {
		if sweep.Destroy[name] = w.before.objects[name]; sweep.Destroy[name] == "" {
			t.Fatalf("no %s at the start", name)
		}
	}
	r := sweep.Unbroken(t)
	w.after, w.receipt = w.found(t, "unbroken"), r.Receipt()
	if w.before.matters() == w.after.matters() || w.after.info != w.leaves {
		t.Fatalf("the undertaking changes nothing, or ends in %+v, expected %+v", w.after.info, w.leaves)
	}
	return sweep
}

func (w *tearing) found(t *testing.T, when string) state {
	t.Helper()
	s, err := w.look(t)
	if err != nil {
		t.Fatalf("%s: %v", when, err)
	}
	return s
}

// cut judges what a cut left: old, or new, with the tries there were.
func (w *tearing) cut(t *testing.T, _ setest.Run, when string, cuts int) (done bool) {
	t.Helper()
	s := w.found(t, when)
	switch s.matters() {
	case w.before.matters():
		w.tries(t, w.before, s, when, cuts)
		return false
	case w.after.matters():
		w.tries(t, w.after, s, when, cuts)
		return true
	}
	t.Fatalf("%s: neither the old state nor the new: %+v", when, s.info)
	return false
}

// tries compares the counters: only a verification that was cut off moves one, by a try.
func (w *tearing) tries(t *testing.T, want, got state, when string, cuts int) {
	t.Helper()
	for _, g := range secrets() {
		expected, n := g.left(want.info), g.left(got.info)
		if n != expected && (g.object != w.verifies || n > expected || n+uint64(cuts) < expected) {
			t.Fatalf("%s: %d tries of the %s, expected %d", when, n, g.name, expected)
		}
	}
}

// end compares with the unbroken run.
func (w *tearing) end(t *testing.T, r setest.Run, when string) {
	t.Helper()
	got := w.found(t, when)
	if got.lifeCycle != w.after.lifeCycle || got.info != w.after.info || !maps.Equal(got.settled(), w.after.settled()) {
		t.Fatalf("%s: ended in %v, %+v; the unbroken run in %v, %+v", when, got.lifeCycle, got.info, w.after.lifeCycle, w.after.info)
	}
	if !reflect.DeepEqual(r.Receipt(), w.receipt) {
		t.Fatalf("%s: another receipt than the unbroken run's", when)
	}
}

// The power goes at every point of wipe and delete: afterwards the certificates are whole or gone, and the wipe ends with its receipt.
func TestTornPhoneWipe(t *testing.T) {
	b := newBench(t)
	begun(chooseBoth)(t, b)
	start := b.Snapshot(t)
	empty := func(s *se.SE, r setest.Run) error {
		if err := r.Resume(t.Context(), s); err != nil {
			return err
		}
		h, err := setest.Open(t.Context(), s, b.Factory.Keys)
		if err != nil {
			return err
		}
		return h.Delete(t.Context(), []byte(gp.PhoneInstance))
	}
	b.Restore(t, start)
	before, err := b.look(t)
	if err != nil {
		t.Fatal(err)
	}
	points, err := b.Powered(nil, func(s *se.SE) error { return empty(s, wipeTask(t, b)) })
	if err != nil {
		t.Fatal(err)
	}
	var whole, gone int
	for k := 1; k <= points; k++ {
		b.Restore(t, start)
		r := wipeTask(t, b)
		if _, err := b.Powered(setest.At(k), func(s *se.SE) error { return empty(s, r) }); !errors.Is(err, se.ErrPowerCut) {
			t.Fatalf("point %d: %v", k, err)
		}
		found, err := b.look(t)
		if err != nil {
			t.Fatalf("point %d: %v", k, err)
		}
		switch {
		case found.matters() == before.matters():
			whole++
		case len(found.settled()) == 0:
			gone++
		default:
			t.Fatalf("point %d: half wiped", k)
		}
		if found.lifeCycle == 0 {
			continue // deleted; the receipt came before
		}
		if _, err := b.Powered(nil, func(s *se.SE) error { return empty(s, r) }); err != nil || r.Job.Receipt == nil {
			t.Fatalf("point %d, again: %v", k, err)
		}
	}
	t.Logf("E5: JPKI wipe and delete: power cut at %d points, %d times whole, %d times gone, never half", points, whole, gone)
	if whole == 0 || gone == 0 {
		t.Error("one of the two never seen")
	}
}
