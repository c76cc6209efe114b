package main

import (
	"mobileid/cmd/mobileid/internal/ceremony"

	"github.com/spf13/cobra"
)

func pkiCommand() *cobra.Command {
	c := &cobra.Command{Use: "pki", Short: "Keys and certificates of a TEST authority"}
	dir := ""
	made := &cobra.Command{
		Use:     "new",
		Short:   "Hold the key ceremony of a TEST authority and write settings for the three services",
		Example: "  mobileid pki new --dir state\n  mobileid-issuer -config state/issuer.json -check",
		Args:    noArguments,
		RunE: func(c *cobra.Command, _ []string) error {
			return ceremony.Run(c.Context(), dir, c.OutOrStdout())
		},
	}
	made.Flags().StringVar(&dir, "dir", "", "folder to make; it must not exist yet")
	_ = made.MarkFlagRequired("dir") // the flag was defined just above
	c.AddCommand(made)
	return c
}
