package main

import (
	"fmt"

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
				return &usageError{fmt.Errorf("unknown command %q for mobileid card", args[0])}
			}
			return nil
		},
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(cardReaderCommands()...)
	c.AddCommand(cardNewCommand(), cardServeCommand())
	return c
}
