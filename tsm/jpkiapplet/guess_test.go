package jpkiapplet_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"mobileid/mdoc/apdu"
	"mobileid/tsm/gp"
	"mobileid/tsm/jpkiapplet"
	"mobileid/tsm/se"
	"mobileid/tsm/se/setest"
)

// guarded is a state file with both secrets and no certificates, on which a guess is quick: VERIFY looks at neither.
func guarded(tb testing.TB, b *bench) []byte {
	tb.Helper()
	if _, err := b.Powered(nil, func(s *se.SE) error {
		_, err := b.session(tb.Context(), s)
		return errors.Join(err, chooseBoth(tb.Context(), b, s))
	}); err != nil {
		tb.Fatal(err)
	}
	return b.Snapshot(tb)
}

// An attacker who can cut the power where he likes, also while the element recovers from the cut before: with 10,000 cuts for the
// password and 5,000 for the PIN, never more wrong values are compared than there are tries, and blocked stays blocked.
func TestPhoneGuessing(t *testing.T) {
	const attackers = 4
	cutsEach := []int{1250, 2500}
	b := newBench(t)
	guarded(t, b)
	got := make([]setest.Tally, len(secrets()))
	t.Run("attackers", func(t *testing.T) {
		for n, g := range secrets() {
			for i := range attackers {
				t.Run(fmt.Sprint(g.name, i), func(t *testing.T) {
					t.Parallel()
					random := rand.New(rand.NewPCG(uint64(n), uint64(i))) //nolint:gosec // where to cut, so that a failure repeats
					g.attacker().Attack(t, b.Fork(t), random, cutsEach[n], &got[n])
				})
			}
		}
	})
	for n, g := range secrets() {
		got[n].Judge(t, "JPKI "+g.name, "guesses", attackers*cutsEach[n])
	}
}

// attacker guesses the last two characters, and tries to change the secret after each guess that was compared.
func (g guess) attacker() setest.Attacker {
	return setest.Attacker{Tries: g.tries, Blocked: g.staysBlocked, Guess: func(t *testing.T, channels *setest.Channels, random *rand.Rand) error {
		t.Helper()
		way := channels.Turn(t, random.IntN(1+gp.MaxChannel))
		err := g.verify(t.Context(), way, g.wrong[:len(g.wrong)-2]+fmt.Sprintf("%02d", random.IntN(100)))
		if _, told := errors.AsType[*apdu.AuthError](err); !told {
			return err
		}
		if sw := g.change(t, way); sw != apdu.SecurityStatus {
			t.Fatalf("changed after a wrong guess: %v", sw)
		}
		return err
	}}
}

// change is CHANGE REFERENCE of the secret.
func (g guess) change(tb testing.TB, t apdu.Transmitter) apdu.SW {
	tb.Helper()
	r, err := apdu.Exchange(tb.Context(), t, apdu.Command{INS: 0x24, P1: 1, P2: 0x80 | byte(g.file), Data: []byte(g.other)})
	if err != nil {
		tb.Fatal(err)
	}
	return r.SW
}

// staysBlocked tries a blocked secret with the right value, and the other secret, which has all its tries.
func (g guess) staysBlocked(t *testing.T, e *setest.Element) {
	t.Helper()
	if _, err := e.Powered(nil, func(s *se.SE) error {
		if err := g.verify(t.Context(), s, g.right); setest.StatusWord(err) != apdu.ReferenceUnusable {
			t.Fatalf("blocked, and then: %v", err)
		}
		if sw := g.change(t, s); sw != apdu.SecurityStatus {
			t.Fatalf("blocked, and then changed: %v", sw)
		}
		info, err := infoOf(t.Context(), s)
		for _, x := range secrets() {
			if left := x.left(info); x.name != g.name && left != uint64(x.tries) { //nolint:gosec // 3 or 5
				t.Fatalf("%d tries of the %s after guesses of the %s", left, x.name, g.name)
			}
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
}

// TestKilledPhoneGuess guesses in processes that are killed, each at one point of VERIFY, or of VERIFY and CHANGE; the state file is a real one.
// After each kill the element is opened here: as many wrong guesses were compared as tries are gone, and the secret is whole.
func TestKilledPhoneGuess(t *testing.T) {
	if doomed, is := setest.IsDoomed(t); is {
		killedGuess(t, doomed)
		return
	}
	b := newBench(t)
	start := guarded(t, b)
	b.Element = b.In(t, t.TempDir())
	kills, through := 0, 0
	for n, g := range secrets() {
		for _, tc := range []struct {
			value, then string
			every       int // a change passes many points while it destroys the former secret
		}{{g.wrong, "", 1}, {g.right, "", 1}, {g.right, "CHANGE", 4}} {
			b.Restore(t, start)
			for k := 1; ; k += tc.every {
				before := b.triesLeft(t, g)
				killed, answered := setest.Kill(t, b.Path, k, fmt.Sprint(n, " ", tc.value, " ", tc.then))
				after := b.triesLeft(t, g)
				wrong := tc.value == g.wrong
				if killed && answered || wrong && after > before || after < before-1 || !killed && wrong && after != before-1 {
					t.Fatalf("%s, killed at point %d (%v): %d tries became %d, answered %v", g.name, k, killed, before, after, answered)
				}
				old, changed := b.opens(t, g, g.right), b.opens(t, g, g.other)
				if after > 0 && old == changed || changed && tc.then == "" {
					t.Fatalf("%s, killed at point %d: the old value opens %v, the new %v", g.name, k, old, changed)
				}
				if !killed {
					through++
					break
				}
				kills++
				if after == 0 || changed {
					b.Restore(t, start)
				}
			}
		}
	}
	t.Logf("E4: JPKI: %d processes killed in VERIFY and CHANGE and %d let through, 0 extra guesses", kills, through)
	if kills < 40 {
		t.Error("too few points to be a test")
	}
}

// opens tells whether a value is the one that is set, in a copy of the state file.
func (b *bench) opens(tb testing.TB, g guess, value string) bool {
	tb.Helper()
	_, err := b.Copied(tb).Powered(nil, func(s *se.SE) error { return g.verify(tb.Context(), s, value) })
	return err == nil
}

// killedGuess is the process.
func killedGuess(t *testing.T, doomed *setest.Doomed) {
	t.Helper()
	words := strings.Split(doomed.Guess, " ") // number of the secret, value, and CHANGE or nothing
	g := secrets()[words[0][0]-'0']
	doomed.Do(t, se.Config{Applets: []se.Kind{jpkiapplet.Kind(jpkiapplet.Options{})}}, func(s *se.SE) error {
		err := g.verify(t.Context(), s, words[1])
		if words[2] != "" && err == nil {
			if sw := g.change(t, s); sw != apdu.OK {
				t.Fatal(sw)
			}
		}
		return err
	})
}
