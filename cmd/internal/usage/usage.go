// Package usage is how the commands for people tell a mistake on the command line from a failure: the first ends a program with 2 and a
// hint at its help, the second with 1. It says nothing of what was typed but what a command puts into the error; one where an argument
// may be a secret repeats none. Start at [Errorf] and [Is].
package usage

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"
)

// Error is a mistake on the command line. It reads as its cause.
type Error struct{ Err error }

func (e *Error) Error() string { return e.Err.Error() }

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.Err }

// Errorf is fmt.Errorf for a mistake on the command line.
func Errorf(format string, a ...any) error { return &Error{fmt.Errorf(format, a...)} }

// Is tells whether an error is, or comes from, a mistake on the command line.
func Is(err error) bool {
	_, ok := errors.AsType[*Error](err)
	return ok
}

// AtMost allows n arguments and repeats the first one too many.
func AtMost(n int) cobra.PositionalArgs {
	return func(_ *cobra.Command, args []string) error {
		if len(args) > n {
			return Errorf("%q is one argument too many", args[n])
		}
		return nil
	}
}
