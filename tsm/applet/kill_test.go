package applet_test

import (
	"strings"
	"testing"

	"mobileid/tsm/applet"
	"mobileid/tsm/se"
	"mobileid/tsm/se/setest"
)

// TestKilledGuess guesses in processes that are killed, each at one point of VERIFY or CHANGE; the state file is a real one. After each
// kill the element is opened here: three wrong guesses at most were compared since the last right one, and the PIN is whole. It runs before
// the tests that run side by side: a process that is being started holds the locks of all state files that are open.
func TestKilledGuess(t *testing.T) {
	if doomed, is := setest.IsDoomed(t); is {
		command, pin, _ := strings.Cut(doomed.Guess, " ")
		doomed.Do(t, se.Config{Applets: []se.Kind{applet.Kind()}}, func(s *se.SE) error {
			return guesses[command](t.Context(), applet.NewClient(s, 1), pin)
		})
		return
	}
	b := newBench(t)
	start := pinned(t, b)
	b.Element = b.In(t, t.TempDir())
	kills, guesses := 0, 0
	for _, tc := range []struct {
		guess, pin string
		every      int // a right change passes many points while it destroys the former PIN
	}{{"VERIFY", "000000", 1}, {"VERIFY", testPIN, 1}, {"CHANGE", "000000", 1}, {"CHANGE", testPIN, 1}} {
		b.Restore(t, start)
		for k := 1; ; k += tc.every {
			before, changed := b.triesLeft(t), !b.opens(t, testPIN)
			killed, answered := setest.Kill(t, b.Path, k, tc.guess+" "+tc.pin)
			after := b.triesLeft(t)
			if killed {
				kills++
			} else {
				guesses++
			}
			wrong := tc.pin != testPIN || changed
			if killed && answered || after > before && wrong || after < before-1 || !killed && wrong && after != before-1 {
				t.Fatalf("%s, killed at point %d (%v): %d tries became %d, answered %v", tc.guess, k, killed, before, after, answered)
			}
			if after > 0 && !b.opens(t, testPIN) && !b.opens(t, otherPIN) {
				t.Fatalf("%s, killed at point %d: neither PIN opens", tc.guess, k)
			}
			if !killed {
				break
			}
			if after == 0 || changed {
				b.Restore(t, start)
			}
		}
	}
	t.Logf("E4: PIN: %d processes killed in VERIFY and CHANGE and %d let through, 0 extra guesses", kills, guesses)
	if kills < 20 {
		t.Error("too few points to be a test")
	}
}
