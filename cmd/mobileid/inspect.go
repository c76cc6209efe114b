package main

import (
	"strings"
	"time"

	"mobileid/cmd/internal/usage"
	"mobileid/cmd/mobileid/internal/inspect"

	"github.com/spf13/cobra"
)

// givenFlags are the flags that name what a judgement may use.
type givenFlags struct{ roots, at, transcript, readerKey string }

func (g *givenFlags) add(c *cobra.Command) {
	c.Flags().StringVar(&g.roots, "roots", "", "PEM file with trusted roots")
	c.Flags().StringVar(&g.at, "at", "", "time to judge at: RFC 3339, a day, or now")
	c.Flags().StringVar(&g.transcript, "transcript", "", "file with the SessionTranscript")
	c.Flags().StringVar(&g.readerKey, "reader-key", "", "PEM file with the reader's ephemeral private key, for a device MAC")
}

func (g *givenFlags) read(c *cobra.Command) (inspect.Given, error) {
	var given inspect.Given
	var err error
	if given.At, err = inspect.ParseTime(g.at, time.Now); err != nil {
		return given, &usage.Error{Err: err}
	}
	if g.roots != "" {
		if given.Roots, err = inspect.ReadRoots(g.roots); err != nil {
			return given, err
		}
	}
	if g.transcript != "" {
		if given.Transcript, err = inspect.ReadTranscript(g.transcript, c.InOrStdin()); err != nil {
			return given, err
		}
	}
	if g.readerKey != "" {
		if given.EReaderKey, err = inspect.ReadReaderKey(g.readerKey); err != nil {
			return given, err
		}
	}
	return given, nil
}

func inspectCommand() *cobra.Command {
	o, g := inspect.Options{}, givenFlags{}
	c := &cobra.Command{
		Use:   "inspect [FILE|-]",
		Short: "Recognise anything around an mdoc, print it with clause and meaning, and check it",
		Long: `Recognise anything around an mdoc, print it element by element with offset, clause and meaning, and check what can be checked
from the data: digests, signatures, the chain inside it. The input is CBOR or DER as it is, hex, base64url, base64, PEM, JSON with encoded
structures, an mdoc: URI, an NDEF message or an APDU log. JSON with several structures is listed by path; --pick PATH shows one.

What a check needs and was not given is listed as not_run: trust anchors (--roots), the time (--at), the session (--transcript, and
--reader-key for a MAC). Element values are personal data; they are printed. Private keys are refused.

Exit status: 0 printed and no check failed, 1 a check failed or the input is bad, 2 misuse.

Types for --as: ` + strings.Join(inspect.Types(), " "),
		Example: "  mobileid inspect device_response.cbor --transcript session_transcript.cbor\n" +
			"  mobileid inspect crossed/apdu.log\n  echo a16673746174757314 | mobileid inspect -",
		Args: usage.AtMost(1),
		RunE: func(c *cobra.Command, args []string) error {
			if o.As != "" && !inspect.Known(o.As) {
				return usage.Errorf("--as %s is no type known here", o.As)
			}
			var err error
			if o.Given, err = g.read(c); err != nil {
				return err
			}
			raw, err := inspect.ReadInput(firstOr(args, "-"), c.InOrStdin())
			if err != nil {
				return err
			}
			return inspect.Run(raw, c.OutOrStdout(), o)
		},
	}
	c.Flags().StringVar(&o.As, "as", "", "force a type")
	c.Flags().StringVar(&o.Pick, "pick", "", "`PATH` of one structure in a JSON document that holds several, as they are listed without it")
	c.Flags().BoolVar(&o.Full, "full", false, "print long byte strings and texts whole")
	c.Flags().BoolVar(&o.JSON, "json", false, "print one JSON document, as docs/inspect.md describes")
	g.add(c)
	return c
}

func firstOr(args []string, other string) string {
	if len(args) > 0 {
		return args[0]
	}
	return other
}
