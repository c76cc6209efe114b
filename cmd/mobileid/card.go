package main

import (
	"errors"
	"fmt"
	"strings"

	"mobileid/cmd/internal/usage"

	"github.com/spf13/cobra"
)

func cardCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "card",
		Short: "My Number cards, modelled ones and others",
		Long: `Read a My Number card, sign with it, and see to its secrets.

Secrets are asked for on the terminal without an echo, or come one a line from --pin-file (mode 0600) or --pin-stdin; never as arguments.
A wrong secret is never sent twice, and the last try is not spent without --spend-last-try.

--model FILE takes a saved model in place of a reader; tries that are spent are kept in the file. new makes one, serve puts it into a
virtual reader, where every program that uses PC/SC meets it.

Exit status: 0 done, 1 the card or a file refused or a check failed, 2 misuse.`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usage.Errorf("unknown command for mobileid card")
			}
			return nil
		},
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.SetFlagErrorFunc(unrepeated)
	c.AddCommand(cardReaderCommands()...)
	c.AddCommand(cardNewCommand(), cardServeCommand())
	return c
}

// cardArguments allows n arguments. One too many may be a secret, and is not repeated.
func cardArguments(n int) cobra.PositionalArgs {
	return func(_ *cobra.Command, args []string) error {
		if len(args) > n {
			return usage.Errorf("there is one argument too many; a secret is never an argument")
		}
		return nil
	}
}

// unrepeated words mistakes of flags without the value given, or what stands behind a single dash: either may be a secret.
func unrepeated(_ *cobra.Command, err error) error {
	if wrong, ok := errors.AsType[interface {
		error
		GetValue() string
	}](err); ok {
		flag, _, _ := strings.Cut(strings.TrimPrefix(wrong.Error(), fmt.Sprintf("invalid argument %q for ", wrong.GetValue())), ": ")
		return usage.Errorf("invalid value for the %s", flag)
	}
	if unknown, ok := errors.AsType[interface {
		error
		GetSpecifiedShortnames() string
	}](err); ok && unknown.GetSpecifiedShortnames() != "" {
		return usage.Errorf("unknown flag of one letter")
	}
	return &usage.Error{Err: err}
}
