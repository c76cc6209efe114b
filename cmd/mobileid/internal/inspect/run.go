package inspect

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"mobileid/cmd/mobileid/internal/inspect/annotate"
	"mobileid/mdoc/verdict"
)

// Options are those of the command.
type Options struct {
	// As forces a type, one of [Types]; empty recognises it.
	As string
	// Pick is the path of one structure in a JSON document.
	Pick string
	// Full prints long values whole.
	Full bool
	// JSON prints the report as JSON.
	JSON bool
	// Given is what the checks may use.
	Given Given
}

// Types lists what --as takes.
func Types() []string { return append(annotate.Types(), "Certificate", "CertificateList", "NDEF") }

// Known reports whether --as takes the name.
func Known(name string) bool {
	for _, t := range Types() {
		if t == name {
			return true
		}
	}
	return false
}

// ErrChecks is returned when the input was printed and a check failed.
var ErrChecks = errors.New("a check failed")

// Failure names the checks that failed; it wraps ErrChecks.
func Failure(checks []verdict.Check) error {
	var ids []string
	for _, c := range (verdict.Verdict{Checks: checks}).Failed() {
		if !slices.Contains(ids, c.ID) {
			ids = append(ids, c.ID)
		}
	}
	return fmt.Errorf("%w: %s", ErrChecks, strings.Join(ids, ", "))
}

// Run inspects raw and prints the report. The error is a *Problem when the input is bad, after as much of it as could be read was printed,
// and ErrChecks when a check failed.
func Run(raw []byte, out io.Writer, o Options) error {
	r := inspect(raw, o)
	write := func() error { return r.WriteText(out, o.Full) }
	if o.JSON {
		write = func() error { return WriteJSON(out, r) }
	}
	if err := write(); err != nil {
		return fmt.Errorf("printing: %w", err)
	}
	switch {
	case r.Fault != nil:
		return &Problem{Err: fmt.Errorf("inspecting: %w", r.Fault), Hint: r.hint(o)}
	case r.Failed():
		return Failure(r.Checks)
	}
	return nil
}

// hint gives advice for an input that cannot be read.
func (r *Report) hint(o Options) string {
	switch {
	case r.Length == 0:
		return "give a file, or - for standard input: CBOR or DER as it is, hex, base64url, base64, PEM, JSON, an mdoc: URI or an APDU log"
	case o.Pick != "":
		return "without --pick everything that is found is shown, or listed with its path"
	case r.Type == "JSON":
		return "strings of hex, base64url, base64, PEM and mdoc: links are looked at, and JSON Web Keys"
	case o.As != "":
		return "without --as the type is recognised"
	case r.Tree != nil && r.Fault.Offset >= r.Length:
		return fmt.Sprintf("the input ends after %d bytes: was it cut off?", r.Length)
	case r.Tree != nil && r.Fault.Offset > 0:
		return "everything before the offset was read and is printed above"
	}
	return "--as TYPE forces a type; mobileid inspect --help lists them"
}
