package applet_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"

	"mobileid/mdoc/apdu"
	"mobileid/tsm/applet"
	"mobileid/tsm/gp"
	"mobileid/tsm/se"
	"mobileid/tsm/se/setest"
)

const otherPIN = "13579135"

// guesses are the commands that compare a PIN.
var guesses = map[string]func(ctx context.Context, c *applet.Client, pin string) error{
	"VERIFY": func(ctx context.Context, c *applet.Client, pin string) error { return c.VerifyPIN(ctx, pin) },
	"CHANGE": func(ctx context.Context, c *applet.Client, pin string) error { return c.ChangePIN(ctx, pin, otherPIN) },
}

// attempt is one guess under power that goes at a point; answered tells whether the element said right or wrong.
func (b *bench) attempt(ctx context.Context, command, pin string, tear func(int) bool) (answered bool, points int, err error) {
	points, err = b.Powered(tear, func(s *se.SE) error { return guesses[command](ctx, applet.NewClient(s, 1), pin) })
	_, told := errors.AsType[*apdu.AuthError](err)
	return told || err == nil, points, err
}

func (b *bench) triesLeft(tb testing.TB) (n int) {
	tb.Helper()
	if _, err := b.Powered(nil, func(s *se.SE) (err error) { n, err = applet.NewClient(s, 1).TriesLeft(tb.Context()); return err }); err != nil {
		tb.Fatal(err)
	}
	return n
}

// opens tells whether a PIN is the one that is set, in a copy of the state file.
func (b *bench) opens(tb testing.TB, pin string) bool {
	tb.Helper()
	_, err := b.Copied(tb).Powered(nil, func(s *se.SE) error { return applet.NewClient(s, 1).VerifyPIN(tb.Context(), pin) })
	return err == nil
}

// pinned is a state file with an instance and a PIN.
func pinned(tb testing.TB, b *bench) []byte {
	tb.Helper()
	s := b.On(tb)
	session(tb, b, s)
	if err := applet.NewClient(s, 1).SetPIN(tb.Context(), testPIN); err != nil {
		tb.Fatal(err)
	}
	if err := s.Close(); err != nil {
		tb.Fatal(err)
	}
	return b.Snapshot(tb)
}

// The power goes at every point of VERIFY and CHANGE. A wrong PIN never leaves more tries than a try before allowed, and costs one
// whenever an answer got out; a right one gives tries back only by having been right.
func TestTornGuess(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	start := pinned(t, b)
	ctx := t.Context()
	for command := range guesses {
		cuts := 0
		for _, pin := range []string{"000000", testPIN} {
			b.Restore(t, start)
			_, points, _ := b.attempt(ctx, command, pin, nil)
			if points < 4 {
				t.Fatalf("only %d tear points", points)
			}
			for k := 1; k <= points; k++ {
				b.Restore(t, start)
				for before := 3; before > 0; {
					answered, _, err := b.attempt(ctx, command, pin, setest.At(k))
					if command == "CHANGE" && pin == testPIN && !b.opens(t, testPIN) {
						break // the change was carried out before the cut
					}
					if !errors.Is(err, se.ErrPowerCut) || answered {
						t.Fatalf("%s, point %d: %v", command, k, err)
					}
					cuts++
					after := b.triesLeft(t)
					if after != before && after != before-1 && !(pin == testPIN && after == 3) {
						t.Fatalf("%s, point %d: %d tries became %d", command, k, before, after)
					}
					if after >= before {
						break // the cut came before the try was written off, or the PIN was right: nothing was learnt
					}
					before = after
				}
			}
		}
		t.Logf("E4: PIN, %s: power cut %d times", command, cuts)
	}
}

// Up to the first answer a right and a wrong guess must look the same from outside wherever the power is cut, or a cut would tell one
// from the other without costing a try.
func TestTryIsWrittenBeforeTheComparison(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	start := pinned(t, b)
	ctx := t.Context()
	for command := range guesses {
		for k := 1; ; k++ {
			b.Restore(t, start)
			wrongAnswered, _, wrong := b.attempt(ctx, command, "000000", setest.At(k))
			wrongLeft := b.triesLeft(t)
			b.Restore(t, start)
			rightAnswered, _, right := b.attempt(ctx, command, testPIN, setest.At(k))
			rightLeft := b.triesLeft(t)
			if wrongAnswered {
				if wrongLeft != 2 || k < 3 {
					t.Errorf("%s, point %d: a wrong guess was answered with %d tries left", command, k, wrongLeft)
				}
				break
			}
			if !errors.Is(wrong, se.ErrPowerCut) || !errors.Is(right, se.ErrPowerCut) || rightAnswered || wrongLeft != rightLeft {
				t.Fatalf("%s, point %d tells a right guess (%v, %d left) from a wrong one (%v, %d left)", command, k, right, rightLeft, wrong, wrongLeft)
			}
		}
	}
}

// An attacker who can cut the power where he likes, also while the element recovers from the cut before: with 10,000 cuts, never more than
// three wrong PINs are compared before a right one, and blocked stays blocked.
func TestTornGuessing(t *testing.T) {
	t.Parallel()
	const attackers, cutsEach = 4, 2500
	b := newBench(t)
	pinned(t, b)
	attacker := setest.Attacker{Tries: 3, Blocked: staysBlocked, Guess: func(t *testing.T, channels *setest.Channels, random *rand.Rand) error {
		t.Helper()
		command := []string{"VERIFY", "CHANGE"}[random.IntN(2)]
		c := applet.NewClient(channels.Turn(t, random.IntN(1+gp.MaxChannel)), 1)
		return guesses[command](t.Context(), c, fmt.Sprintf("%06d", random.IntN(200_000)))
	}}
	var got setest.Tally
	t.Run("attackers", func(t *testing.T) {
		for i := range attackers {
			t.Run(fmt.Sprint(i), func(t *testing.T) {
				t.Parallel()
				random := rand.New(rand.NewPCG(1, uint64(i))) //nolint:gosec // where to cut, so that a failure repeats
				attacker.Attack(t, b.Fork(t), random, cutsEach, &got)
			})
		}
	})
	got.Judge(t, "PIN", "guesses by VERIFY and CHANGE", attackers*cutsEach)
}

// staysBlocked tries the right PIN on a blocked element.
func staysBlocked(t *testing.T, e *setest.Element) {
	t.Helper()
	if _, err := e.Powered(nil, func(s *se.SE) error {
		for command, guess := range guesses {
			if err := guess(t.Context(), applet.NewClient(s, 1), testPIN); !errors.Is(err, apdu.ErrBlocked) {
				t.Fatalf("blocked, and then %s: %v", command, err)
			}
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
}
