package setest

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"testing"

	"mobileid/mdoc/apdu"
	"mobileid/tsm/se"
)

// An Attacker guesses a secret and cuts the power where he likes, also while the element recovers from the cut before.
type Attacker struct {
	Tries int // of the secret
	// Guess makes one wrong guess on some channel. An [apdu.AuthError] tells that it was compared, [apdu.ErrBlocked] that none will be.
	Guess func(t *testing.T, c *Channels, random *rand.Rand) error
	// Blocked checks that nothing can be done with the secret of an element that was just switched off.
	Blocked func(t *testing.T, e *Element)
}

// A Tally is what attackers with the power switch got.
type Tally struct{ cuts, recoveries, guesses, restarts, blocked, extra atomic.Int64 }

// Attack guesses until the secret is blocked, from the state file the element has and again, until the power was cut so often.
func (a Attacker) Attack(t *testing.T, e *Element, random *rand.Rand, cuts int, got *Tally) {
	t.Helper()
	start := e.Snapshot(t)
	for done := 0; done < cuts; {
		e.Restore(t, start)
		done += a.brute(t, e, random, got)
	}
}

// brute guesses until the secret is blocked: some guesses in each period under power, which ends by a cut or without one.
func (a Attacker) brute(t *testing.T, e *Element, random *rand.Rand, got *Tally) (cuts int) {
	t.Helper()
	compared := 0
	for blocked := false; !blocked; {
		opened, during := false, 0 // the point at which the element was open
		k, late := 1+random.IntN(8), random.IntN(4) > 0
		tear := func(p int) bool {
			if !opened {
				during = p
			}
			return late && opened && p-during == k || !late && p == k
		}
		_, err := e.Powered(tear, func(s *se.SE) error {
			opened = true
			channels := OpenChannels(t, s)
			for range 1 + random.IntN(4) {
				got.guesses.Add(1)
				err := a.Guess(t, channels, random)
				if _, told := errors.AsType[*apdu.AuthError](err); !told {
					return err
				}
				if compared++; compared > 2*a.Tries { // a guess that was compared is answered: nothing is written after the comparison
					t.Fatalf("%d guesses compared, and not blocked", compared)
				}
			}
			return nil
		})
		got.restarts.Add(1)
		switch {
		case errors.Is(err, se.ErrPowerCut):
			cuts++
			if !opened {
				got.recoveries.Add(1)
			}
		case errors.Is(err, apdu.ErrBlocked):
			blocked = true
		case err != nil:
			t.Fatal(err)
		}
	}
	got.cuts.Add(int64(cuts))
	got.extra.Add(int64(max(0, compared-a.Tries)))
	got.blocked.Add(1)
	a.Blocked(t, e)
	return cuts
}

// Judge tells what was got, and fails unless it is no guess more than there are tries, of as many cuts as asked for. guesses says of what, and how.
func (got *Tally) Judge(t *testing.T, secret, guesses string, cuts int) {
	t.Helper()
	line := fmt.Sprintf("E4: %s: %d power cuts (%d while recovering) in %d %s over %d restarts and four channels: %d times blocked, %d extra guesses",
		secret, got.cuts.Load(), got.recoveries.Load(), got.guesses.Load(), guesses, got.restarts.Load(), got.blocked.Load(), got.extra.Load())
	t.Log(line)
	if got.extra.Load() != 0 || got.blocked.Load() < 50 || got.cuts.Load() < int64(cuts) {
		t.Error(line)
	}
}
