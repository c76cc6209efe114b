package applet_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"

	"mobileid/mdoc/apdu"
	"mobileid/mdoc/provisioning"
	"mobileid/tsm/applet"
	"mobileid/tsm/se"
)

func TestPIN(t *testing.T) {
	b := newBench(t)
	s := b.open(t)
	ctx := t.Context()
	session(t, b, s)
	c := applet.NewClient(s, 1)
	if err := c.VerifyPIN(ctx, testPIN); !errors.Is(err, apdu.ErrNotFound) {
		t.Errorf("verified before it was set: %v", err)
	}
	for _, bad := range []string{"", "123", "1234567890123", "12a4", "１２３４"} {
		if err := c.SetPIN(ctx, bad); swOf(err) != apdu.WrongData {
			t.Errorf("set %d bytes: %v", len(bad), err)
		}
	}
	if err := c.SetPIN(ctx, testPIN); err != nil {
		t.Fatal(err)
	}
	if err := c.SetPIN(ctx, "1111"); !errors.Is(err, apdu.ErrConditions) {
		t.Errorf("set a second time: %v", err)
	}
	tries := func(want int) {
		t.Helper()
		if n, err := c.TriesLeft(ctx); err != nil || n != want {
			t.Errorf("%d tries left, expected %d: %v", n, want, err)
		}
	}
	wrong := func(pin string, want int) {
		t.Helper()
		err := c.VerifyPIN(ctx, pin)
		if auth, ok := errors.AsType[*apdu.AuthError](err); !ok || auth.Retries != want {
			t.Errorf("wrong PIN: %v, expected %d tries left", err, want)
		}
	}
	tries(3)
	wrong("246811", 2)
	wrong("2468100", 1) // the right one and a digit more
	tries(1)
	if err := c.VerifyPIN(ctx, "12"); swOf(err) != apdu.WrongLength {
		t.Errorf("impossible length: %v", err)
	}
	tries(1)
	if err := c.VerifyPIN(ctx, testPIN); err != nil {
		t.Fatal(err)
	}
	tries(3)
	wrong("24681", 2)
	wrong("abcdef", 1)
	wrong("000000", 0)
	tries(0)
	for range 2 {
		if err := c.VerifyPIN(ctx, testPIN); !errors.Is(err, apdu.ErrBlocked) {
			t.Errorf("the right PIN after three wrong ones: %v", err)
		}
		s.Reset()
	}
	if err := c.SetPIN(ctx, "1111"); !errors.Is(err, apdu.ErrConditions) {
		t.Errorf("set while blocked: %v", err)
	}
	// A renewal does not unblock; that takes a new instance.
	j := newJob(t, b, 1, provisioning.PurposeSign)
	if err := j.run(ctx, b, s); err != nil {
		t.Fatal(err)
	}
	tries(0)
}

// attempt is one VERIFY under power that goes at a point; answered tells whether the element said right or wrong.
func (b *bench) attempt(ctx context.Context, pin string, tear func(int) bool) (answered bool, points int, err error) {
	points, err = b.powered(tear, func(s *se.SE) error { return applet.NewClient(s, 1).VerifyPIN(ctx, pin) })
	_, told := errors.AsType[*apdu.AuthError](err)
	return told || err == nil, points, err
}

func (b *bench) triesLeft(tb testing.TB) (n int) {
	tb.Helper()
	if _, err := b.powered(nil, func(s *se.SE) (err error) { n, err = applet.NewClient(s, 1).TriesLeft(tb.Context()); return err }); err != nil {
		tb.Fatal(err)
	}
	return n
}

// pinned is a state file with an instance and a PIN.
func pinned(tb testing.TB, b *bench) []byte {
	tb.Helper()
	s := b.open(tb)
	session(tb, b, s)
	if err := applet.NewClient(s, 1).SetPIN(tb.Context(), testPIN); err != nil {
		tb.Fatal(err)
	}
	if err := s.Close(); err != nil {
		tb.Fatal(err)
	}
	return b.snapshot(tb)
}

// The power goes at every point of VERIFY. A wrong PIN never leaves more tries than a try before allowed, and costs one
// whenever an answer got out; a right one gives tries back only by having been right.
func TestTornVerify(t *testing.T) {
	b := newBench(t)
	start := pinned(t, b)
	ctx := t.Context()
	cuts := 0
	for _, pin := range []string{"000000", testPIN} {
		b.restore(t, start)
		_, points, _ := b.attempt(ctx, pin, nil)
		if points < 4 {
			t.Fatalf("only %d tear points", points)
		}
		for k := 1; k <= points; k++ {
			b.restore(t, start)
			for before := 3; before > 0; {
				answered, _, err := b.attempt(ctx, pin, at(k))
				if !errors.Is(err, se.ErrPowerCut) || answered {
					t.Fatalf("point %d: %v", k, err)
				}
				cuts++
				after := b.triesLeft(t)
				if after != before && after != before-1 && !(pin == testPIN && after == 3) {
					t.Fatalf("point %d: %d tries became %d", k, before, after)
				}
				if after >= before {
					break // the cut came before the try was written off, or the PIN was right: nothing was learnt
				}
				before = after
			}
		}
	}
	t.Logf("VERIFY: power cut %d times", cuts)
}

// An attacker who can cut the power where he likes: over 2,000 attempts with wrong PINs, never more than three are
// answered before a right one, and blocked stays blocked.
func TestTornGuessing(t *testing.T) {
	b := newBench(t)
	start := pinned(t, b)
	ctx := t.Context()
	random := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // where to cut, so that a failure repeats
	var attempts, blocked, extra int
	for attempts < 2000 {
		b.restore(t, start)
		answers := 0
		for attempts < 2000 {
			k := random.IntN(6)
			answered, _, err := b.attempt(ctx, fmt.Sprintf("%06d", random.IntN(200_000)), at(k)) // k = 0: no cut
			attempts++
			if answered {
				answers++
			}
			if errors.Is(err, apdu.ErrBlocked) && !answered {
				break
			}
		}
		extra += max(0, answers-3)
		if b.triesLeft(t) == 0 {
			blocked++
			if _, _, err := b.attempt(ctx, testPIN, nil); !errors.Is(err, apdu.ErrBlocked) {
				t.Fatalf("blocked, and then: %v", err)
			}
		}
	}
	line := fmt.Sprintf("PIN: %d torn and whole guesses, %d times blocked, %d extra guesses", attempts, blocked, extra)
	t.Log(line)
	if extra != 0 || blocked < 50 {
		t.Error(line)
	}
}
