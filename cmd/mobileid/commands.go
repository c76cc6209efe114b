package main

import (
	"time"

	"mobileid/cmd/internal/usage"
	"mobileid/cmd/mobileid/internal/ceremony"

	"github.com/spf13/cobra"
)

func pkiCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "pki",
		Short: "Keys and certificates of a TEST authority",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usage.Errorf("unknown command %q for mobileid pki", args[0])
			}
			return nil
		},
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	dir := ""
	made := &cobra.Command{
		Use:     "new",
		Short:   "Hold the key ceremony of a TEST authority and write settings for the three services",
		Example: "  mobileid pki new --dir state\n  mobileid-issuer -config state/issuer.json -check",
		Args:    usage.AtMost(0),
		RunE: func(c *cobra.Command, _ []string) error {
			return ceremony.Run(c.Context(), dir, c.OutOrStdout())
		},
	}
	made.Flags().StringVar(&dir, "dir", "", "folder to make; it must not exist yet")
	_ = made.MarkFlagRequired("dir") // the flag was defined just above
	c.AddCommand(made, crlCommand(), revokeCommand(), releaseCommand(), serviceCommand(), certifyCommand(), jpkiCommand())
	return c
}

func crlCommand() *cobra.Command {
	dir := ""
	c := &cobra.Command{
		Use:     "crl",
		Short:   "Make the next revocation lists of a TEST authority's roots; due every 90 days",
		Example: "  mobileid pki crl --dir state",
		Args:    usage.AtMost(0),
		RunE: func(c *cobra.Command, _ []string) error {
			return ceremony.RenewCRLs(dir, time.Now(), c.OutOrStdout())
		},
	}
	folderFlag(c, &dir)
	return c
}

func revokeCommand() *cobra.Command {
	dir, certificate, reason := "", "", ""
	c := &cobra.Command{
		Use:   "revoke",
		Short: "Put a certificate on the revocation list of the root that issued it",
		Long: `Put a certificate on the revocation list of the root that issued it, and make the next list.

Without --reason the list follows ISO/IEC 18013-5, Table B.10. The reasons are affiliationChanged, superseded,
cessationOfOperation and certificateHold; a list with one of them follows docs/profile.md.`,
		Example: "  mobileid pki revoke --dir state --certificate state/keys/document-signer.pem --reason superseded",
		Args:    usage.AtMost(0),
		RunE: func(c *cobra.Command, _ []string) error {
			return ceremony.Revoke(dir, certificate, reason, time.Now(), c.OutOrStdout())
		},
	}
	folderFlag(c, &dir)
	certificateFlag(c, &certificate)
	c.Flags().StringVar(&reason, "reason", "", "`REASON`; none by default")
	return c
}

func releaseCommand() *cobra.Command {
	dir, certificate := "", ""
	c := &cobra.Command{
		Use:     "release",
		Short:   "Take a certificate that is on hold off the revocation list",
		Example: "  mobileid pki release --dir state --certificate state/keys/document-signer.pem",
		Args:    usage.AtMost(0),
		RunE: func(c *cobra.Command, _ []string) error {
			return ceremony.Release(dir, certificate, time.Now(), c.OutOrStdout())
		},
	}
	folderFlag(c, &dir)
	certificateFlag(c, &certificate)
	return c
}

func certifyCommand() *cobra.Command {
	dir, public, chain := "", "", ""
	c := &cobra.Command{
		Use:   "certify",
		Short: "Certify a document signer whose key is elsewhere, as in a hardware security module",
		Example: `  pkcs11-tool --module MODULE --token-label issuer --read-object --type pubkey --label ds-1 -o ds-1.der
  openssl pkey -pubin -inform DER -in ds-1.der -out ds-1.pub
  mobileid pki certify --dir state --public-key ds-1.pub --out ds-1.pem`,
		Args: usage.AtMost(0),
		RunE: func(c *cobra.Command, _ []string) error {
			return ceremony.CertifySigner(dir, public, chain, c.OutOrStdout())
		},
	}
	folderFlag(c, &dir)
	c.Flags().StringVar(&public, "public-key", "", "PEM `FILE` of the public key")
	c.Flags().StringVar(&chain, "out", "", "PEM `FILE` to make")
	_, _ = c.MarkFlagRequired("public-key"), c.MarkFlagRequired("out") // the flags were defined just above
	return c
}

func serviceCommand() *cobra.Command {
	dir := ""
	c := &cobra.Command{
		Use:   "service",
		Short: "Make new certificates for the line between the issuer's service and the TSM",
		Long: `Make new keys and TEST certificates for the line between the issuer's service and the TSM, in DIR/service, and their
authority if there is none yet. Services that run take them at their next connection.`,
		Example: "  mobileid pki service --dir state",
		Args:    usage.AtMost(0),
		RunE: func(c *cobra.Command, _ []string) error {
			return ceremony.RenewServices(dir, time.Now(), c.OutOrStdout())
		},
	}
	folderFlag(c, &dir)
	return c
}

func jpkiCommand() *cobra.Command {
	dir, address := "", ""
	c := &cobra.Command{
		Use:   "jpki-test",
		Short: "Serve CRL and OCSP of JPKI-TEST, the authority behind modelled cards",
		Long: `Serve CRL and OCSP of JPKI-TEST, the authority behind modelled cards, until it is stopped.

A PEM file of a card's certificate in DIR/card/revoked/REASON/ revokes it; REASON is affiliationChanged, superseded,
cessationOfOperation or certificateHold. Taking the file away again ends a hold.`,
		Example: "  mobileid pki jpki-test --dir state",
		Args:    usage.AtMost(0),
		RunE: func(c *cobra.Command, _ []string) error {
			return ceremony.ServeJPKI(c.Context(), dir, address, c.OutOrStdout())
		},
	}
	c.Flags().StringVar(&dir, "dir", "", "`DIR` that mobileid pki new made")
	_ = c.MarkFlagRequired("dir") // the flag was defined just above
	c.Flags().StringVar(&address, "listen", ceremony.JPKIAddr, "`ADDRESS` to listen on; the settings of mobileid pki new name the default")
	return c
}

func folderFlag(c *cobra.Command, dir *string) {
	c.Flags().StringVar(dir, "dir", "", "`DIR` that mobileid pki new made, with keys/offline in it")
	_ = c.MarkFlagRequired("dir") // the flag was defined just above
}

func certificateFlag(c *cobra.Command, path *string) {
	c.Flags().StringVar(path, "certificate", "", "PEM `FILE` of the certificate, or of its chain")
	_ = c.MarkFlagRequired("certificate") // the flag was defined just above
}
