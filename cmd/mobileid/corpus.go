package main

import (
	"fmt"

	"mobileid/cmd/internal/usage"
	"mobileid/mdoc/mdoctest/corpus"

	"github.com/spf13/cobra"
)

func corpusCommand() *cobra.Command {
	dir := ""
	c := &cobra.Command{
		Use:   "corpus",
		Short: "Write the negative corpus for other projects to test with",
		Long: `Write the negative corpus: mdoc structures of every kind, each spoiled in one respect and signed again, with the id of the one
check that must not pass; and good ones, of which every check passes. docs/corpus.md describes the files.

Two runs write the same bytes. All keys in it are TEST keys that anybody can make.`,
		Example: "  mobileid corpus --dir corpus",
		Args:    usage.AtMost(0),
		RunE: func(c *cobra.Command, _ []string) error {
			cases := corpus.All()
			if err := corpus.Export(dir, cases); err != nil {
				return err
			}
			spoiled := 0
			for i := range cases {
				if cases[i].Base != "" {
					spoiled++
				}
			}
			fmt.Fprintf(c.OutOrStdout(), "%d cases, %d of them spoiled, in %s\n", len(cases), spoiled, dir)
			return nil
		},
	}
	c.Flags().StringVar(&dir, "dir", "", "folder to make; it must not exist yet")
	_ = c.MarkFlagRequired("dir") // the flag was defined just above
	return c
}
