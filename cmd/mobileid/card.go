package main

import (
	"fmt"

	"github.com/spf13/cobra"
)

func cardCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "card",
		Short: "My Number cards, modelled ones and others",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 {
				return &usageError{fmt.Errorf("unknown command %q for mobileid card", args[0])}
			}
			return nil
		},
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(cardServeCommand())
	return c
}
