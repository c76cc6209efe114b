package terminal_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"strings"
	"testing"

	"mobileid/cmd/internal/terminal"
	"mobileid/cmd/internal/terminal/terminaltest"
)

// What is typed comes in and is not on the screen.
func TestSecret(t *testing.T) {
	person, program := terminaltest.Open(t)
	screen := terminaltest.Type(person, "2468")
	got, err := terminal.Secret(t.Context(), program, program, "PIN")
	if err != nil || got != "2468" {
		t.Errorf("typed %q: %v", got, err)
	}
	if seen := <-screen; !strings.Contains(seen, "PIN: ") || strings.Contains(seen, "2468") {
		t.Errorf("screen: %q", seen)
	}
	if !terminaltest.Echo(t, program) {
		t.Error("the echo is off afterwards")
	}
}

// asked ends a context as soon as the question is on the screen.
type asked struct{ end context.CancelFunc }

func (a asked) Write(b []byte) (int, error) {
	a.end()
	return len(b), nil
}

// Whoever interrupts the question is not kept waiting, and has the echo back.
func TestSecretInterrupted(t *testing.T) {
	_, program := terminaltest.Open(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	if _, err := terminal.Secret(ctx, program, asked{cancel}, "PIN"); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// Nothing is asked where nobody sits.
func TestNoTerminal(t *testing.T) {
	file, err := os.CreateTemp(t.TempDir(), "")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close() //nolint:errcheck // read only
	for _, in := range []io.Reader{file, strings.NewReader("2468\n")} {
		var out bytes.Buffer
		if _, err := terminal.Secret(t.Context(), in, &out, "PIN"); !errors.Is(err, terminal.ErrNone) || out.Len() > 0 {
			t.Errorf("%q, %v", out.String(), err)
		}
	}
}
