// Command mobileid-wallet is a phone on the command line: a modelled secure element in a file, and the wallet in front of it.
//
// It only wires: element, card, issuer's doors, TSM and till are other packages' work, most of it package phone's. The
// state file is the element alone; the wallet keeps nothing beside it, so each command opens the element, does one thing
// and switches it off. What it trusts: the folder that "mobileid pki new" made, from which it takes the place of the
// element's maker and of the card's; a real phone has neither.
//
// PINs and tokens come from files or standard input, never from arguments, and are not printed. Text that comes from a
// till or a reader's certificate is printed with its control characters taken out.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"mobileid/cmd/internal/serve"
	"mobileid/cmd/internal/usage"
	"mobileid/mdoc/apdu"
	"mobileid/tsm/se"

	"github.com/spf13/cobra"
)

// Exit codes.
const (
	exitOK     = 0
	exitFailed = 1
	exitMisuse = 2
)

// maxInput bounds all that is read from standard input.
const maxInput = 64 << 10

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	code := run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// wallet is what all commands share. Standard input is read through one buffer: its first line may be the PIN and the
// second the consent.
type wallet struct {
	in       *bufio.Reader
	out      io.Writer
	now      func() time.Time
	terminal io.Reader // standard input itself, for what is typed without an echo
	prompts  io.Writer // standard error
}

func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	w := &wallet{in: bufio.NewReader(io.LimitReader(stdin, maxInput)), out: stdout, now: time.Now, terminal: stdin, prompts: stderr}
	root := &cobra.Command{
		Use:           "mobileid-wallet",
		Short:         "A phone on the command line: modelled secure element and wallet",
		Example:       "  mobileid-wallet new --state phone.se --authority state",
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	root.SetOut(stdout)
	root.SetErr(stderr)
	root.SetArgs(args)
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return &usage.Error{Err: err} })
	root.AddCommand(w.newCommand(), w.provisionCommand(), w.joinCommand(), w.slotsCommand(), w.contactCommand(), w.presentCommand(),
		w.pinCommand(), w.seCommand(), w.jpkiCommand())
	err := root.ExecuteContext(ctx)
	if err == nil {
		return exitOK
	}
	fmt.Fprintf(stderr, "mobileid-wallet: error: %v\n", err)
	if usage.Is(err) || isCobraMisuse(err) {
		fmt.Fprintln(stderr, "hint: mobileid-wallet --help")
		return exitMisuse
	}
	if hint := hintFor(err); hint != "" {
		fmt.Fprintln(stderr, "hint: "+hint)
	}
	return exitFailed
}

// isCobraMisuse tells the mistakes for which cobra has no hook: an unknown command, and flags that are missing or exclude
// each other.
func isCobraMisuse(err error) bool {
	for _, beginning := range []string{"unknown command", "required flag(s)", "at least one of the flags", "if any flags in the group"} {
		if strings.HasPrefix(err.Error(), beginning) {
			return true
		}
	}
	return false
}

func hintFor(err error) string {
	switch {
	case errors.Is(err, errNoElement):
		return "mobileid-wallet new --state FILE --authority DIR makes one"
	case errors.Is(err, se.ErrInUse):
		return "another mobileid-wallet has the state file open; wait for it to end"
	case errors.Is(err, se.ErrTestElement):
		return "an element with published keys holds nothing: use another file, or mobileid-wallet se --test-keys to show it in a reader"
	case errors.Is(err, se.ErrNoTestElement):
		return "published keys go into a new element only: name a file that does not exist yet, or leave --test-keys out"
	case errors.Is(err, se.ErrExists):
		return "a secure element is made once; name a file that does not exist yet"
	case errors.Is(err, errBlockedSecret):
		return "mobileid-wallet jpki apply renews the phone certificates, and a blocked secret is chosen anew"
	case errors.Is(err, errBlockedPIN), errors.Is(err, apdu.ErrBlocked):
		return "nothing on the phone unblocks a PIN, a renewal neither: have the credential revoked, and apply anew once the slot is empty"
	case errors.Is(err, errNotEmptied):
		return "run mobileid-wallet contact --state FILE --tsm URL until jpki show says none"
	case errors.Is(err, serve.ErrOpenSecret):
		return "chmod 600 the file"
	case errors.Is(err, errNoAuthority) && errors.Is(err, fs.ErrNotExist):
		return "mobileid pki new --dir DIR makes the folder"
	default:
		return ""
	}
}

// required marks flags that were defined just before.
func required(c *cobra.Command, names ...string) *cobra.Command {
	for _, name := range names {
		_ = c.MarkFlagRequired(name) // fails for an undefined flag only
	}
	return c
}

func (w *wallet) print(format string, args ...any) error {
	_, err := fmt.Fprintf(w.out, format, args...)
	return err
}

// document prints the one JSON document of a command.
func (w *wallet) document(v any) error {
	e := json.NewEncoder(w.out)
	e.SetIndent("", "  ")
	return e.Encode(v)
}
