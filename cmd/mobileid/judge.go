package main

import (
	"fmt"
	"strings"

	"mobileid/cmd/internal/usage"
	"mobileid/cmd/mobileid/internal/inspect"
	"mobileid/cmd/mobileid/internal/judge"
	"mobileid/mdoc/pki"

	"github.com/spf13/cobra"
)

func lintCommand() *cobra.Command {
	o, g := judge.LintOptions{}, givenFlags{}
	c := &cobra.Command{
		Use:   "lint FILE...",
		Short: "Hold certificates, documents, requests and engagements against their profile",
		Long: `Hold what a maker should have made well against every line of its profile: certificates (the profile is guessed and named, or given
with --profile), revocation lists (with --roots), IssuerSigned with its signer's certificate, DeviceRequest with its readers' certificates, device
engagements and status list tokens. What needs --roots, --at or --transcript and has none is listed as not_run.

--batch takes several IssuerSigned as copies issued to one holder and looks for what links them.

Exit status: 0 no check failed, 1 a check failed or a file cannot be linted, 2 misuse.

Profiles: ` + strings.Join(judge.ProfileNames(), ", "),
		Example: "  mobileid lint --profile document-signer ds.pem\n  mobileid lint issuer_signed.cbor --roots iaca.pem --at now\n" +
			"  mobileid lint --batch copy1.cbor copy2.cbor",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 || o.Batch && len(args) < 2 {
				return usage.Errorf("a file is missing")
			}
			return nil
		},
		RunE: func(c *cobra.Command, args []string) error {
			if _, ok := judge.ProfileByName(o.Profile); o.Profile != "" && !ok {
				return usage.Errorf("--profile %s is no profile known here", o.Profile)
			}
			var err error
			if o.Given, err = g.read(c); err != nil {
				return err
			}
			contents, err := readAll(c, args)
			if err != nil {
				return err
			}
			return judge.Lint(c.OutOrStdout(), args, contents, o)
		},
	}
	c.Flags().StringVar(&o.Profile, "profile", "", "certificate profile; otherwise it is guessed")
	c.Flags().BoolVar(&o.Batch, "batch", false, "compare the files as copies issued to one holder")
	c.Flags().BoolVar(&o.JSON, "json", false, "print one JSON document")
	g.add(c)
	return c
}

func readAll(c *cobra.Command, names []string) ([][]byte, error) {
	var out [][]byte
	for _, name := range names {
		raw, err := inspect.ReadInput(name, c.InOrStdin())
		if err != nil {
			return nil, err
		}
		out = append(out, raw)
	}
	return out, nil
}

// verifyFiles are the files of a presentation.
type verifyFiles struct {
	response, request string
	status, crl       []string
}

func verifyCommand() *cobra.Command {
	f, g, asJSON := verifyFiles{}, givenFlags{}, false
	c := &cobra.Command{
		Use:   "verify --response FILE --request FILE --transcript FILE --roots PEM",
		Short: "Judge a presentation as a reader does, and print every check",
		Long: `Judge a DeviceResponse as a reader does and print every check. It is accepted only when every check passed.

The request is needed, since an answer with a document or element that was not asked for is refused, and that cannot be told without it.
Without --status the status of the document is not known, without --crl that of its signer, and it is not accepted. --reader-key is needed
when the device's proof is a MAC. --at is now unless it is given.

Elements asked for that a proved document does not hold are named; the holder may refuse them, so no check fails.

Exit status: 0 accepted and complete, 1 not accepted, not complete or a file cannot be read, 2 misuse.`,
		Example: "  mobileid demo --out crossed\n  cd crossed && mobileid verify --response device_response.cbor --request device_request.cbor \\\n" +
			"    --transcript session_transcript.cbor --roots iaca.pem --status status_list.cwt --crl iaca.crl",
		Args: usage.AtMost(0),
		RunE: func(c *cobra.Command, _ []string) error {
			p, err := f.read(c, g)
			if err != nil {
				return err
			}
			return judge.Verify(c.OutOrStdout(), p, asJSON)
		},
	}
	c.Flags().StringVar(&f.response, "response", "", "file with the DeviceResponse")
	c.Flags().StringVar(&f.request, "request", "", "file with the DeviceRequest")
	c.Flags().StringSliceVar(&f.status, "status", nil, "file with a status list token; may be given several times")
	c.Flags().StringSliceVar(&f.crl, "crl", nil, "file with a revocation list, PEM or DER; may be given several times")
	c.Flags().BoolVar(&asJSON, "json", false, "print one JSON document")
	g.add(c)
	return c
}

func (f verifyFiles) read(c *cobra.Command, g givenFlags) (judge.Presentation, error) {
	var p judge.Presentation
	for _, flag := range []struct{ name, value string }{{"response", f.response}, {"transcript", g.transcript}, {"roots", g.roots}} {
		if flag.value == "" {
			return p, usage.Errorf("--%s is needed", flag.name)
		}
	}
	if f.request == "" {
		return p, usage.Errorf("--request is needed: whether the answer holds more than was asked for cannot be judged without it")
	}
	if g.at == "" {
		g.at = "now"
	}
	given, err := g.read(c)
	if err != nil {
		return p, err
	}
	p = judge.Presentation{Transcript: given.Transcript, EReaderKey: given.EReaderKey, At: given.At}
	if p.Roots, err = pki.NewAnchors(given.Roots...); err != nil {
		return p, err
	}
	if p.Response, err = inspect.ReadBinary(f.response, c.InOrStdin()); err != nil {
		return p, fmt.Errorf("reading response: %w", err)
	}
	if p.Request, err = inspect.ReadBinary(f.request, c.InOrStdin()); err != nil {
		return p, fmt.Errorf("reading request: %w", err)
	}
	for _, name := range f.status {
		raw, err := inspect.ReadBinary(name, c.InOrStdin())
		if err != nil {
			return p, fmt.Errorf("reading status list: %w", err)
		}
		p.StatusLists = append(p.StatusLists, raw)
	}
	for _, name := range f.crl {
		lists, err := inspect.ReadCRLs(name, c.InOrStdin())
		if err != nil {
			return p, err
		}
		p.CRLs = append(p.CRLs, lists...)
	}
	return p, nil
}
