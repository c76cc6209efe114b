package jpkiapplet_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

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

// tally is what an attacker with the power switch got.
type tally struct{ cuts, recoveries, guesses, restarts, blocked, extra atomic.Int64 }

// An attacker who can cut the power where he likes, also while the element recovers from the cut before: with 10,000 cuts for the
// password and 5,000 for the PIN, never more wrong values are compared than there are tries, and blocked stays blocked.
func TestPhoneGuessing(t *testing.T) {
	const attackers = 4
	cutsEach := []int{1250, 2500}
	b := newBench(t)
	start := guarded(t, b)
	got := make([]tally, len(secrets()))
	t.Run("attackers", func(t *testing.T) {
		for n, g := range secrets() {
			for i := range attackers {
				t.Run(fmt.Sprint(g.name, i), func(t *testing.T) {
					t.Parallel()
					random := rand.New(rand.NewPCG(uint64(n), uint64(i))) //nolint:gosec // where to cut, so that a failure repeats
					attacked := &bench{Element: b.Fork(t)}
					for cuts := 0; cuts < cutsEach[n]; {
						attacked.Restore(t, start)
						cuts += attacked.brute(t, g, random, &got[n])
					}
				})
			}
		}
	})
	for n, g := range secrets() {
		x := &got[n]
		line := fmt.Sprintf("E4: JPKI %s: %d power cuts (%d while recovering) in %d guesses over %d restarts and four channels: %d times blocked, %d extra guesses",
			g.name, x.cuts.Load(), x.recoveries.Load(), x.guesses.Load(), x.restarts.Load(), x.blocked.Load(), x.extra.Load())
		t.Log(line)
		if x.extra.Load() != 0 || x.blocked.Load() < 50 || x.cuts.Load() < int64(attackers*cutsEach[n]) {
			t.Error(line)
		}
	}
}

// brute guesses until the secret is blocked: some guesses in each period under power, which ends by a cut or without one.
func (b *bench) brute(t *testing.T, g guess, random *rand.Rand, got *tally) (cuts int) {
	t.Helper()
	ctx := t.Context()
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
		_, err := b.Powered(tear, func(s *se.SE) error {
			opened = true
			ways := setest.OpenChannels(t, s)
			for range 1 + random.IntN(4) {
				got.guesses.Add(1)
				way := ways.Turn(t, random.IntN(1+gp.MaxChannel))
				err := g.verify(ctx, way, g.wrong[:len(g.wrong)-2]+fmt.Sprintf("%02d", random.IntN(100)))
				if _, told := errors.AsType[*apdu.AuthError](err); !told {
					return err
				}
				if compared == 2*g.tries {
					t.Fatalf("%d guesses of the %s compared, and not blocked", compared, g.name)
				}
				compared++ // a guess that was compared is answered: nothing is written after the comparison
				if sw := g.change(t, way); sw != apdu.SecurityStatus {
					t.Fatalf("changed after a wrong guess: %v", sw)
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
	got.extra.Add(int64(max(0, compared-g.tries)))
	got.blocked.Add(1)
	b.staysBlocked(t, g)
	return cuts
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
func (b *bench) staysBlocked(t *testing.T, g guess) {
	t.Helper()
	if _, err := b.Powered(nil, func(s *se.SE) error {
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

const (
	envKillFile  = "MOBILEID_TEST_KILL_STATE" // set in the process that is to be killed
	envKillPoint = "MOBILEID_TEST_KILL_POINT"
	envKillGuess = "MOBILEID_TEST_KILL_GUESS" // number of the secret, value, and CHANGE or nothing
)

// TestKilledPhoneGuess guesses in processes that are killed, each at one point of VERIFY, or of VERIFY and CHANGE; the state file is a real one.
// After each kill the element is opened here: as many wrong guesses were compared as tries are gone, and the secret is whole.
func TestKilledPhoneGuess(t *testing.T) {
	if path := os.Getenv(envKillFile); path != "" {
		killedGuess(t, path)
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
				killed, answered := runAndKill(t, b.Path, k, fmt.Sprint(n, " ", tc.value, " ", tc.then))
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

// runAndKill guesses once in another process, which kills itself at a point, and tells whether it got an answer out.
func runAndKill(t *testing.T, path string, point int, guess string) (killed, answered bool) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestKilledPhoneGuess$", "-test.count=1")
	cmd.Env = append(os.Environ(), envKillFile+"="+path, envKillGuess+"="+guess, fmt.Sprintf("%s=%d", envKillPoint, point))
	out, err := cmd.CombinedOutput()
	answered = strings.Contains(string(out), "answered:")
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		if status, unix := exit.Sys().(syscall.WaitStatus); unix && status.Signaled() && status.Signal() == syscall.SIGKILL {
			return true, answered
		}
	}
	if err != nil {
		t.Fatalf("point %d: the process ended by itself: %v\n%s", point, err, out)
	}
	return false, answered
}

// killedGuess is the process.
func killedGuess(t *testing.T, path string) {
	t.Helper()
	point, err := strconv.Atoi(os.Getenv(envKillPoint))
	if err != nil {
		t.Fatal(err)
	}
	words := strings.Split(os.Getenv(envKillGuess), " ")
	g := secrets()[words[0][0]-'0']
	s, err := se.Open(path, se.Config{Applets: []se.Kind{jpkiapplet.Kind(jpkiapplet.Options{})},
		Now: func() time.Time { return time.Date(2026, 11, 1, 3, 0, 0, 0, time.UTC) },
		Tear: func(p int) bool {
			if p == point {
				_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
				select {} // until it arrives
			}
			return false
		}})
	if err != nil {
		t.Fatal(err)
	}
	err = g.verify(context.Background(), s, words[1])
	if _, told := errors.AsType[*apdu.AuthError](err); err != nil && !told {
		t.Fatal(err)
	}
	if words[2] != "" && err == nil {
		if sw := g.change(t, s); sw != apdu.OK {
			t.Fatal(sw)
		}
	}
	fmt.Fprintf(os.Stdout, "answered: %v\n", err)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}
