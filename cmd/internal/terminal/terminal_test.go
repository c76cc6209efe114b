package terminal_test

import (
	"strings"
	"testing"

	"mobileid/cmd/internal/terminal"
)

func TestPrintable(t *testing.T) {
	if got := terminal.Printable("販売\x1b[2Jできます\r\n"); strings.ContainsAny(got, "\x1b\r\n") || !strings.HasPrefix(got, "販売") {
		t.Errorf("Printable gives %q", got)
	}
}
