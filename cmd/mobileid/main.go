// Command mobileid is the tool for people: it shows the whole story in one process, looks into any message, judges presentations and
// certificates, measures, and holds the key ceremony of a TEST authority.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"mobileid/cmd/internal/usage"
	"mobileid/cmd/mobileid/internal/demo"
	"mobileid/cmd/mobileid/internal/inspect"

	"github.com/spf13/cobra"
)

// Exit codes.
const (
	exitOK     = 0
	exitFailed = 1
	exitMisuse = 2
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	root := &cobra.Command{
		Use:           "mobileid",
		Short:         "Mobile-ID issuer: card, mdoc, secure element, till, handover",
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	root.SetIn(stdin)
	root.SetOut(stdout)
	root.SetErr(stderr)
	root.SetArgs(args)
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return &usage.Error{Err: err} })
	root.PersistentPreRunE = requiredFlags
	root.AddCommand(demoCommand(), benchCommand(), pkiCommand(), cardCommand(), seCommand(), corpusCommand(), inspectCommand(), lintCommand(), verifyCommand())
	ran, err := root.ExecuteContextC(ctx)
	if err == nil {
		return exitOK
	}
	fmt.Fprintf(stderr, "mobileid: error: %v\n", err)
	if usage.Is(err) || strings.HasPrefix(err.Error(), "unknown command") {
		fmt.Fprintf(stderr, "hint: %s --help\n", ran.CommandPath())
		return exitMisuse
	}
	if p, ok := errors.AsType[*inspect.Problem](err); ok && p.Hint != "" {
		fmt.Fprintf(stderr, "hint: %s\n", p.Hint)
	}
	return exitFailed
}

// requiredFlags makes a missing flag misuse; cobra would return an error of no type of its own.
func requiredFlags(c *cobra.Command, _ []string) error {
	if err := c.ValidateRequiredFlags(); err != nil {
		return &usage.Error{Err: err}
	}
	return nil
}

func demoCommand() *cobra.Command {
	o := demo.Options{}
	c := &cobra.Command{
		Use:   "demo",
		Short: "Run the whole story in one process",
		Long: `Run the whole story in one process: a modelled My Number card is read over APDUs, an mdoc is issued for a key born in a
modelled secure element, brought there over SCP03, shown to an offline till, and refused after the phone was handed over.
All keys, persons and certificates are made for the run and say TEST.

With --card pcsc the card is read through pcscd: it lies in the virtual reader of a pcscd that the run starts (as root; packages pcscd and
vsmartcard-vpcd), or, with --card-dir, in a reader of this machine, where it is a card that mobileid card new made.

--out and --trace write down personal data of the modelled person, never a PIN.`,
		Example: "  mobileid demo\n  mobileid demo --person nineteen --lang ja\n  mobileid demo --out crossed --trace\n  mobileid demo --card pcsc",
		Args:    usage.AtMost(0),
		RunE: func(c *cobra.Command, _ []string) error {
			o.Stdout = c.OutOrStdout()
			_, err := demo.Run(c.Context(), o)
			return err
		},
	}
	c.Flags().StringVar(&o.Person, "person", "birthday", "the modelled person: "+strings.Join(demo.Persons(time.Now()), ", "))
	c.Flags().StringVar(&o.Card, "card", demo.InProcess, "the way to the card: "+demo.InProcess+" or "+demo.ThroughPCSC)
	c.Flags().StringVar(&o.CardDir, "card-dir", "", "`DIR` that mobileid card new made; its card is in a reader")
	c.Flags().StringVar(&o.Reader, "reader", "", "`NAME` of that reader; the only one with a card by default")
	c.Flags().StringVar(&o.Language, "lang", demo.English, "language of the output: ja or en")
	c.Flags().BoolVar(&o.Trace, "trace", false, "print every APDU and every CBOR message with its clause")
	c.Flags().BoolVar(&o.JSON, "json", false, "print one JSON document")
	c.Flags().StringVar(&o.Out, "out", "", "folder that receives everything that crossed")
	return c
}
