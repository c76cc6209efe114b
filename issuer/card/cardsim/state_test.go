package cardsim_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"

	"mobileid/issuer/card/cardsim"
)

// stateOf writes a card into a new state file.
func stateOf(t *testing.T, k *cardsim.Card) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "card.state")
	if err := cardsim.CreateState(path, k); err != nil {
		t.Fatal(err)
	}
	return path
}

// openCard opens a state file until the test ends.
func openCard(t *testing.T, path string) *cardsim.Card {
	t.Helper()
	k, err := cardsim.OpenState(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := k.Close(); err != nil {
			t.Error(err)
		}
	})
	return k
}

// triesIn reads a counter out of a state file as a new start of the card tells it.
func triesIn(t *testing.T, path, sel, ask string) string {
	t.Helper()
	k, err := cardsim.OpenState(path)
	if err != nil {
		t.Fatal(err)
	}
	talk(t, k, sel+" > 9000")
	_, sw := send(t, k, ask)
	if err := k.Close(); err != nil {
		t.Fatal(err)
	}
	return sw
}

func TestCountersSurviveARestart(t *testing.T) {
	for _, tc := range []struct {
		name, sel, ask string
		limit          int
	}{
		{"auth PIN", selectJPKI, "00200098", 3}, {"signature password", selectJPKI, "0020009B", 5}, {"attribute PIN", selectAttributes, "00200091", 3},
		{"A in 補助AP", selectAttributes, "00200094", 10}, {"B in 券面AP", selectFace, "00200092", 10}, {"birth date", selectFace, "00200091", 10},
		{"common PIN", selectCommon, "0020009C", 3}, {"register PIN", selectRegister, "0020009C", 3},
	} {
		t.Run(tc.name, func(t *testing.T) {
			path := stateOf(t, newCard(t, "nineteen", nil))
			for left := tc.limit; left > 0; left-- {
				k, err := cardsim.OpenState(path)
				if err != nil {
					t.Fatal(err)
				}
				talk(t, k, fmt.Sprintf("%s > 9000\n%s > 63C%X\n%s0458585858 > 63C%X", tc.sel, tc.ask, left, tc.ask, left-1))
				if err := k.Close(); err != nil {
					t.Fatal(err)
				}
			}
			k := openCard(t, path)
			talk(t, k, tc.sel+" > 9000\n"+tc.ask+" > 63C0\n"+tc.ask+"0458585858 > 6984")
			for _, steps := range secretsOf(k) { // not even the right value
				if sel, verify, _ := strings.Cut(steps, "|"); sel == tc.sel && strings.HasPrefix(verify, tc.ask) {
					talk(t, k, verify+" > 6984")
				}
			}
		})
	}
}

func TestARightValueAndANewOneSurvive(t *testing.T) {
	path := stateOf(t, newCard(t, "nineteen", nil))
	k := openCard(t, path)
	pin := ascii(k.Person().AuthenticationPIN)
	talk(t, k, selectJPKI+" > 9000\n0020009804 30303030 > 63C2\n00200098 "+pin+" > 9000\n0024019804 37373737 > 9000")
	if err := k.Close(); err != nil {
		t.Fatal(err)
	}
	again := openCard(t, path)
	talk(t, again, selectJPKI+" > 9000\n00200098 > 63C3\n00200098 "+pin+" > 63C2\n0020009804 37373737 > 9000\n00200098 > 63C3")
}

// The child of TestKillAtEveryStep: it opens the card, presents one value, and is killed before the step it is told.
func TestChild(t *testing.T) {
	path, command := os.Getenv("CARDSIM_STATE"), os.Getenv("CARDSIM_COMMAND")
	if path == "" {
		return // an ordinary run
	}
	left, err := strconv.Atoi(os.Getenv("CARDSIM_STEP"))
	if err != nil {
		t.Fatal(err)
	}
	k, err := cardsim.OpenStateStep(path, func(name string) error {
		if name == "lock" { // of the opening
			return nil
		}
		if left--; left == 0 {
			return syscall.Kill(os.Getpid(), syscall.SIGKILL)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	talk(t, k, selectJPKI+" > 9000")
	_, sw := send(t, k, command)
	fmt.Fprintf(os.Stdout, "answer %s\n", sw)
}

// killed runs the child and tells its answer, empty when it was killed before it gave one.
func killed(t *testing.T, path, command string, step int) (answer string, dead bool) {
	t.Helper()
	child := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestChild$") //nolint:gosec // this very test
	child.Env = append(os.Environ(), "CARDSIM_STATE="+path, "CARDSIM_COMMAND="+command, "CARDSIM_STEP="+strconv.Itoa(step))
	var out bytes.Buffer
	child.Stdout, child.Stderr = &out, &out
	err := child.Run()
	if e, ok := errors.AsType[*exec.ExitError](err); ok && e.ExitCode() == -1 {
		dead = true
	} else if err != nil {
		t.Fatalf("%v: %s", err, out.String())
	}
	if _, after, ok := strings.Cut(out.String(), "answer "); ok {
		answer = after[:4]
	}
	return answer, dead
}

// TestKillAtEveryStep kills a real process before each physical step of a VERIFY and starts the card again. A guess whose outcome could
// have been seen has cost a try, and a right value whose answer was seen has reset the counter.
func TestKillAtEveryStep(t *testing.T) {
	original := newCard(t, "nineteen", nil)
	steps := cardsim.StateSteps()
	renamed := 5 // steps up to the rename: the fifth is told before it is made
	wrong := "00200098 04 30303030"
	t.Run("wrong value", func(t *testing.T) {
		for n := 1; n <= len(steps)+1; n++ {
			path := stateOf(t, original)
			answer, dead := killed(t, path, wrong, n)
			want := "63C3"
			if n > renamed {
				want = "63C2"
			}
			if dead != (n <= len(steps)) || dead && answer != "" || !dead && answer != "63C2" {
				t.Fatalf("step %d: dead %v, answer %q", n, dead, answer)
			}
			if got := triesIn(t, path, selectJPKI, "00200098"); got != want {
				t.Errorf("killed before step %d: %s, want %s", n, got, want)
			}
		}
	})
	t.Run("right value", func(t *testing.T) {
		right := "00200098 " + ascii(original.Person().AuthenticationPIN)
		for n := 1; n <= 2*len(steps)+1; n++ {
			path := stateOf(t, original)
			if answer, dead := killed(t, path, wrong, 0); answer != "63C2" || dead {
				t.Fatalf("the first try: %q", answer)
			}
			answer, dead := killed(t, path, right, n)
			want := "63C2"
			switch {
			case n > len(steps)+renamed:
				want = "63C3"
			case n > renamed:
				want = "63C1"
			}
			if dead != (n <= 2*len(steps)) || dead && answer != "" || !dead && answer != "9000" {
				t.Fatalf("step %d: dead %v, answer %q", n, dead, answer)
			}
			if got := triesIn(t, path, selectJPKI, "00200098"); got != want {
				t.Errorf("killed before step %d: %s, want %s", n, got, want)
			}
		}
	})
}

// TestTears fails at each step instead: the card says 6581 and has spent the try, in memory too, and works on.
func TestTears(t *testing.T) {
	steps := cardsim.StateSteps()
	errCut := errors.New("cut")
	original := newCard(t, "nineteen", nil)
	pin := ascii(original.Person().AuthenticationPIN)
	for n := 1; n <= 2*len(steps); n++ {
		t.Run(fmt.Sprintf("%d %s", n, steps[(n-1)%len(steps)]), func(t *testing.T) {
			path := stateOf(t, original)
			left := 0
			k, err := cardsim.OpenStateStep(path, func(string) error {
				if left--; left == 0 {
					return errCut
				}
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			talk(t, k, selectJPKI+" > 9000\n00200098 "+pin+" > 9000")
			left = n
			talk(t, k, "00200098 "+pin+" > 6581\n00200098 > 63C2\n802A0097 01 55 00 > 6982\n00200098 04 30303030 > 63C1\n00200098 "+pin+" > 9000")
			left = n
			talk(t, k, "00200098 04 30303030 > "+map[bool]string{true: "6581", false: "63C2"}[n <= len(steps)]+"\n00200098 > 63C2")
			talk(t, k, "00200098 "+pin+map[bool]string{true: " > 9000", false: " > 6581"}[n <= len(steps)])
			if err := k.Close(); err != nil {
				t.Fatal(err)
			}
			if got := triesIn(t, path, selectJPKI, "00200098"); n <= len(steps) && got != "63C3" {
				t.Errorf("after the next right value %s", got)
			}
		})
	}
}

func TestATornChangeIsNoChange(t *testing.T) {
	path := stateOf(t, newCard(t, "nineteen", nil))
	fail := false
	k, err := cardsim.OpenStateStep(path, func(name string) error {
		if fail && name == "sync" {
			return errors.New("no space")
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	pin := ascii(k.Person().AuthenticationPIN)
	talk(t, k, selectJPKI+" > 9000\n00200098 "+pin+" > 9000")
	fail = true
	talk(t, k, "0024019804 37373737 > 6581")
	fail = false
	talk(t, k, "00200098 "+pin+" > 9000")
	if err := k.Close(); err != nil {
		t.Fatal(err)
	}
	talk(t, openCard(t, path), selectJPKI+" > 9000\n00200098 "+pin+" > 9000")
}

// TestConcurrentTries has many connections guess at once: the number of guesses that were compared is the limit.
func TestConcurrentTries(t *testing.T) {
	for _, tc := range []struct {
		name, sel, wrong string
		limit            int
	}{
		{"auth PIN", selectJPKI, "00200098 04 30303030", 3},
		{"signature password", selectJPKI, "0020009B 06 303030303030", 5},
		{"A in 券面AP", selectFace, "00200093 0C 303030303030303030303030", 10},
	} {
		t.Run(tc.name, func(t *testing.T) {
			k := openCard(t, stateOf(t, newCard(t, "nineteen", nil)))
			talk(t, k, tc.sel+" > 9000")
			var (
				wg    sync.WaitGroup
				mu    sync.Mutex
				words = map[string]int{}
			)
			for range 40 {
				wg.Go(func() {
					_, sw := send(t, k, tc.wrong)
					mu.Lock()
					words[sw]++
					mu.Unlock()
				})
			}
			wg.Wait()
			for left := range tc.limit {
				if word := fmt.Sprintf("63C%X", left); words[word] != 1 {
					t.Errorf("%s was answered %d times", word, words[word])
				}
			}
			if words["6984"] != 40-tc.limit {
				t.Errorf("answers %v", words)
			}
		})
	}
}

func TestOneHolderOfAState(t *testing.T) {
	path := stateOf(t, newCard(t, "nineteen", nil))
	k := openCard(t, path)
	if _, err := cardsim.OpenState(path); !errors.Is(err, cardsim.ErrInUse) {
		t.Errorf("a second copy: %v", err)
	}
	talk(t, k, selectJPKI+" > 9000\n00200098 04 30303030 > 63C2") // the file is another one now
	if _, err := cardsim.OpenState(path); !errors.Is(err, cardsim.ErrInUse) {
		t.Errorf("a second copy after a change: %v", err)
	}
	if err := k.Close(); err != nil {
		t.Fatal(err)
	}
	second := openCard(t, path)
	talk(t, second, selectJPKI+" > 9000\n00200098 > 63C2")
	pin := ascii(k.Person().AuthenticationPIN)
	talk(t, k, "00200098 "+pin+" > 6581\n00200098 > 63C1") // the closed one compares nothing and writes nothing
	talk(t, second, "00200098 > 63C2")
	if err := k.Close(); err != nil {
		t.Errorf("closing twice: %v", err)
	}
	if err := newCard(t, "nineteen", nil).Close(); err != nil {
		t.Errorf("closing a card in memory: %v", err)
	}
}

// TestAStateThatIsReplacedMeanwhile lets another holder spend a try between the opening of the file and its lock: what was opened then is an
// old state.
func TestAStateThatIsReplacedMeanwhile(t *testing.T) {
	path := stateOf(t, newCard(t, "nineteen", nil))
	_, err := cardsim.OpenStateStep(path, func(string) error {
		k, err := cardsim.OpenState(path)
		if err != nil {
			return err
		}
		talk(t, k, selectJPKI+" > 9000\n00200098 04 30303030 > 63C2")
		return k.Close()
	})
	if !errors.Is(err, cardsim.ErrInUse) {
		t.Errorf("opened the old state: %v", err)
	}
	if got := triesIn(t, path, selectJPKI, "00200098"); got != "63C2" {
		t.Errorf("tries left %s", got)
	}
}

func TestStateFiles(t *testing.T) {
	k := newCard(t, "nineteen", nil)
	path := stateOf(t, k)
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	if err := cardsim.CreateState(path, k); !errors.Is(err, cardsim.ErrExists) {
		t.Errorf("creating twice: %v", err)
	}
	if _, err := cardsim.OpenState(path + " of nobody"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("opening nothing: %v", err)
	}
	if err := cardsim.CreateState(filepath.Join(path, "below a file"), k); err == nil {
		t.Error("created below a file")
	}
	whole, err := os.ReadFile(path) //nolint:gosec // of this test
	if err != nil {
		t.Fatal(err)
	}
	t.Run("leftover of a cut", func(t *testing.T) {
		if err := os.WriteFile(path+".new", whole[:len(whole)/2], 0o600); err != nil {
			t.Fatal(err)
		}
		k, err := cardsim.OpenState(path)
		if err != nil {
			t.Fatal(err)
		}
		talk(t, k, selectJPKI+" > 9000\n00200098 04 30303030 > 63C2")
		if _, err := os.Stat(path + ".new"); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("the leftover is still there: %v", err)
		}
		if err := k.Close(); err != nil {
			t.Fatal(err)
		}
	})
	for name, content := range map[string][]byte{
		"torn": whole[:len(whole)-1], "empty": {}, "foreign": []byte("a text"), "too long": bytes.Repeat([]byte{0}, 1<<20+1),
		"tries beyond the limit": bytes.Replace(whole, []byte("\x44"+"1903"+"\x03"), []byte("\x44"+"1903"+"\x04"), 1),
	} {
		t.Run(name, func(t *testing.T) {
			bad := filepath.Join(t.TempDir(), "card.state")
			if err := os.WriteFile(bad, content, 0o600); err != nil {
				t.Fatal(err)
			}
			if _, err := cardsim.OpenState(bad); !errors.Is(err, cardsim.ErrSaved) {
				t.Errorf("error %v", err)
			}
		})
	}
	t.Run("readable by others", func(t *testing.T) {
		if err := os.Chmod(path, 0o644); err != nil { //nolint:gosec // on purpose
			t.Fatal(err)
		}
		if _, err := cardsim.OpenState(path); err == nil || !strings.Contains(err.Error(), "0644") {
			t.Errorf("error %v", err)
		}
	})
}

// failing is a store that has no room.
type failing struct{}

func (failing) Write([]byte) error { return errors.New("no space") }

func TestUseStore(t *testing.T) {
	k := newCard(t, "nineteen", nil)
	k.UseStore(failing{})
	pin := ascii(k.Person().AuthenticationPIN)
	talk(t, k, selectJPKI+" > 9000\n00200098 "+pin+" > 6581\n00200098 > 63C2\n00200098 04 30303030 > 6581\n00200098 > 63C1")
	k.UseStore(nil)
	talk(t, k, "00200098 "+pin+" > 9000\n00200098 > 63C3")
}
