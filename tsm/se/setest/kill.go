package setest

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"mobileid/mdoc/apdu"
	"mobileid/tsm/se"
)

const (
	envKillFile  = "MOBILEID_TEST_KILL_STATE" // set in the process that is to be killed
	envKillPoint = "MOBILEID_TEST_KILL_POINT"
	envKillGuess = "MOBILEID_TEST_KILL_GUESS"
)

const answered = "answered:"

// Kill runs the test it is called from once more, in another process that guesses once and kills itself at a point. It tells whether the process
// was killed, and whether it got an answer out. The test begins by asking for [Doomed].
func Kill(t *testing.T, path string, point int, guess string) (killed, answer bool) {
	t.Helper()
	test, _, _ := strings.Cut(t.Name(), "/")
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+test+"$", "-test.count=1") //nolint:gosec // this binary
	// The race detector waits a second before a process ends by itself, for what other threads may still find; this one has none.
	race := strings.TrimSpace(os.Getenv("GORACE") + " atexit_sleep_ms=0")
	cmd.Env = append(os.Environ(), envKillFile+"="+path, envKillGuess+"="+guess, fmt.Sprintf("%s=%d", envKillPoint, point), "GORACE="+race)
	out, err := cmd.CombinedOutput()
	answer = strings.Contains(string(out), answered)
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		if status, unix := exit.Sys().(syscall.WaitStatus); unix && status.Signaled() && status.Signal() == syscall.SIGKILL {
			return true, answer
		}
	}
	if err != nil {
		t.Fatalf("point %d: the process ended by itself: %v\n%s", point, err, out)
	}
	return false, answer
}

// A Doomed process is one that Kill started.
type Doomed struct {
	Guess string // as Kill was told
	path  string
	point int
}

// IsDoomed gives what this process is to do if it is doomed.
func IsDoomed(t *testing.T) (*Doomed, bool) {
	t.Helper()
	path := os.Getenv(envKillFile)
	if path == "" {
		return nil, false
	}
	point, err := strconv.Atoi(os.Getenv(envKillPoint))
	if err != nil {
		t.Fatal(err)
	}
	return &Doomed{Guess: os.Getenv(envKillGuess), path: path, point: point}, true
}

// Do opens the element, guesses and tells that it was answered, if it comes so far.
func (d *Doomed) Do(t *testing.T, cfg se.Config, guess func(*se.SE) error) {
	t.Helper()
	self, err := os.FindProcess(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	cfg.Tear = func(p int) bool {
		if p == d.point {
			_ = self.Kill()
			select {} // until it arrives
		}
		return false
	}
	s, err := se.Open(d.path, cfg)
	if err != nil {
		t.Fatal(err)
	}
	err = guess(s)
	if _, told := errors.AsType[*apdu.AuthError](err); err != nil && !told {
		t.Fatal(err)
	}
	fmt.Fprintln(os.Stdout, answered, err)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}
