// Package terminal asks for secrets at a terminal without showing what is typed, and makes text of others safe to show on one. It
// keeps nothing. Where standard input is no terminal it asks nothing: the caller offers a file or standard input instead. Start at
// [Secret] and [Printable].
package terminal

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"unicode"

	"golang.org/x/term"
)

// ErrNone says that there is no terminal to ask on.
var ErrNone = errors.New("there is no terminal to ask on")

// Secret shows label on out and reads one line from in, which must be a terminal, without an echo. A read cannot be interrupted:
// when ctx ends first, the echo is given back and the read is left to end with the process.
func Secret(ctx context.Context, in io.Reader, out io.Writer, label string) (string, error) {
	file, ok := in.(*os.File)
	if !ok || !term.IsTerminal(int(file.Fd())) { //nolint:gosec // a file descriptor is small
		return "", ErrNone
	}
	fd := int(file.Fd()) //nolint:gosec // a file descriptor is small
	before, err := term.GetState(fd)
	if err != nil {
		return "", fmt.Errorf("asking for a secret: %w", err)
	}
	fmt.Fprintf(out, "%s: ", label)
	text, err := Wait(ctx, func() (string, error) {
		b, err := term.ReadPassword(fd)
		defer clear(b)
		return string(b), err
	})
	fmt.Fprintln(out)
	if err != nil {
		_ = term.Restore(fd, before)
		return "", fmt.Errorf("asking for a secret: %w", err)
	}
	return text, nil
}

// Wait lets ctx end a read that cannot be interrupted; the read then ends with the process, and nothing should be read after it.
func Wait(ctx context.Context, read func() (string, error)) (string, error) {
	if err := ctx.Err(); err != nil {
		return "", err
	}
	type answer struct {
		text string
		err  error
	}
	done := make(chan answer, 1)
	go func() {
		text, err := read()
		done <- answer{text, err}
	}()
	select {
	case <-ctx.Done():
		return "", ctx.Err()
	case a := <-done:
		return a.text, a.err
	}
}

// Printable makes a stranger's text safe for a terminal: what cannot be printed, control characters among it, is replaced.
func Printable(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return unicode.ReplacementChar
	}, text)
}
