package applet_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"mobileid/mdoc/apdu"
	"mobileid/tsm/applet"
	"mobileid/tsm/se"
)

const (
	envKillFile  = "MOBILEID_TEST_KILL_STATE" // set in the process that is to be killed
	envKillPoint = "MOBILEID_TEST_KILL_POINT"
	envKillGuess = "MOBILEID_TEST_KILL_GUESS" // command and PIN
)

// TestKilledGuess guesses in processes that are killed, each at one point of VERIFY or CHANGE; the state file is a real one. After each
// kill the element is opened here: three wrong guesses at most were compared since the last right one, and the PIN is whole.
func TestKilledGuess(t *testing.T) {
	if path := os.Getenv(envKillFile); path != "" {
		killedGuess(t, path)
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
			killed, answered := runAndKill(t, b.Path, k, tc.guess+" "+tc.pin)
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

// runAndKill guesses once in another process, which kills itself at a point, and tells whether it got an answer out.
func runAndKill(t *testing.T, path string, point int, guess string) (killed, answered bool) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestKilledGuess$", "-test.count=1")
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
	command, pin, _ := strings.Cut(os.Getenv(envKillGuess), " ")
	s, err := se.Open(path, se.Config{Applets: []se.Kind{applet.Kind()},
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
	err = guesses[command](context.Background(), applet.NewClient(s, 1), pin)
	if _, told := errors.AsType[*apdu.AuthError](err); err != nil && !told {
		t.Fatal(err)
	}
	fmt.Fprintf(os.Stdout, "answered: %v\n", err)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}
