package main

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"mobileid/cmd/internal/terminal/terminaltest"
	"mobileid/mdoc/apdu"
	"mobileid/tsm/applet"
	"mobileid/tsm/se"
)

// TestPINChange changes a PIN by file, by standard input and at a terminal, and blocks it in the end. No PIN is in anything printed.
func TestPINChange(t *testing.T) {
	w := newTown(t)
	state := w.path("phone.se")
	w.expect(exitOK, nil, "", "new", "--state", state, "--authority", w.dir)
	provision := []string{"provision", "--state", state, "--issuer", w.issuerURL, "--tsm", w.tsmURL, "--person", "birthday", "--authority", w.dir,
		"--slot", "1", "--pin-file", "-"}
	change := []string{"pin", "change", "--state", state, "--slot", "1"}
	file, stdin := append(change, "--pin-file", w.path("two")), append(change[:len(change):len(change)], "--pin-file", "-")
	w.expect(exitFailed, []string{"empty"}, "2468\n1357\n", stdin...)
	w.expect(exitOK, []string{"is set"}, "2468\n", provision...)

	w.write("two", []byte("2468\n13579\n"))
	w.expect(exitOK, []string{"the PIN of slot 1 is changed, version 2"}, "", file...)
	w.expect(exitFailed, []string{"the old PIN is wrong, tries left: 2"}, "", file...)
	w.expect(exitOK, []string{"is changed, version 3"}, "13579\n975310\n", stdin...)
	w.expect(exitOK, []string{`"pin_version": 3`}, "", "slots", "--state", state, "--json")
	w.expect(exitOK, []string{"PIN VERSION"}, "", "slots", "--state", state)
	w.expect(exitOK, []string{"stays as it was"}, "975310\n", provision...)

	for text, input := range map[string]string{"reading the new PIN": "975310\n12\n", "reading the old PIN": "97531x\n1234\n", "reading the PINs": "975310\n"} {
		w.expect(exitFailed, []string{text}, input, stdin...)
	}
	w.write("two", []byte("975310\n"))
	w.expect(exitFailed, []string{"lines: 1"}, "", file...)
	w.expect(exitMisuse, []string{"no terminal", "--pin-file"}, "", change...)
	w.expect(exitMisuse, []string{"--slot"}, "", "pin", "change", "--state", state, "--slot", "16")

	person, program := terminaltest.Open(t)
	var out bytes.Buffer
	typed := func(lines ...string) int {
		screen := terminaltest.Type(person, lines...)
		code := run(t.Context(), change, program, &out, program)
		if seen := <-screen; !strings.Contains(seen, "tries left: ") || strings.Contains(seen, lines[0]) || strings.Contains(seen, lines[1]) {
			t.Errorf("screen: %q", seen)
		}
		return code
	}
	if code := typed("975310", "8642", "8642"); code != exitOK || !strings.Contains(out.String(), "is changed") {
		t.Errorf("exit code %d, %q", code, out.String())
	}
	if code := typed("8642", "7531", "7513"); code != exitFailed {
		t.Errorf("typed in two ways: exit code %d", code)
	}
	for _, text := range []string{"tries left: 2", "tries left: 1", "hint: nothing on the phone unblocks"} {
		w.expect(exitFailed, []string{text}, "0000\n1111\n", stdin...)
	}
	w.expect(exitFailed, []string{"blocked", "hint"}, "8642\n1111\n", stdin...)
	w.expect(exitFailed, []string{"blocked", "hint"}, "8642\n", provision...)
}

// lost is an element whose answer to CHANGE REFERENCE DATA is lost, before or after it was carried out.
type lost struct {
	apdu.Transmitter
	after bool
}

var errLost = errors.New("the link is gone")

func (l lost) Transmit(ctx context.Context, command []byte) ([]byte, error) {
	if command[1] != 0x24 {
		return l.Transmitter.Transmit(ctx, command)
	}
	if l.after {
		if _, err := l.Transmitter.Transmit(ctx, command); err != nil {
			return nil, err
		}
	}
	return nil, errLost
}

// A change whose answer is lost is told by the PIN's version, and costs no try.
func TestPINChangeCutOff(t *testing.T) {
	w := newTown(t)
	state := w.path("phone.se")
	w.expect(exitOK, nil, "", "new", "--state", state, "--authority", w.dir)
	w.expect(exitOK, []string{"is set"}, "2468\n", "provision", "--state", state, "--issuer", w.issuerURL, "--tsm", w.tsmURL, "--person", "birthday",
		"--authority", w.dir, "--slot", "1", "--pin-file", "-")
	check(t, (&wallet{now: time.Now}).withElement(state, func(element *se.SE) error {
		for _, after := range []bool{false, true} {
			version, err := changed(t.Context(), applet.NewClient(lost{element, after}, 1), 1, "2468", "13579")
			if after && (version != 2 || err != nil) || !after && !errors.Is(err, errLost) {
				t.Errorf("carried out %v: version %d, %v", after, version, err)
			}
		}
		info, err := applet.NewClient(element, 1).Info(t.Context())
		if info.TriesLeft != 3 || info.PINVersion != 2 {
			t.Errorf("%d tries left, version %d", info.TriesLeft, info.PINVersion)
		}
		return err
	}))
}
