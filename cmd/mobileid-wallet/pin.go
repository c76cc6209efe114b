package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"mobileid/cmd/internal/serve"
	"mobileid/cmd/internal/terminal"
	"mobileid/cmd/internal/usage"
	"mobileid/mdoc/apdu"
	"mobileid/tsm/applet"
	"mobileid/tsm/se"

	"github.com/spf13/cobra"
)

var errBlockedPIN = errors.New("the PIN is blocked")

// newPIN is what the flags of pin change say.
type newPIN struct {
	state, file string
	slot        int
}

func (w *wallet) pinCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "pin",
		Short: "Change the PIN of a slot",
		Args:  usage.AtMost(0),
	}
	var v newPIN
	change := &cobra.Command{
		Use:   "change",
		Short: "Put a new PIN in the place of the old one",
		Long: `Put a new PIN in the place of the old one. Both are typed at the terminal without an echo, the new one twice; or they are the two lines
of a file of mode 0600, or of standard input. Three wrong PINs in a row block the slot, whichever command they come with. The PIN has a
version that rises with each change and is printed by "slots", and here when it is done: if "slots" shows that it rose although the
change was cut off, the new PIN holds.`,
		Example: "  mobileid-wallet pin change --state phone.se --slot 1\n  mobileid-wallet pin change --state phone.se --slot 1 --pin-file -",
		Args:    usage.AtMost(0),
		RunE:    func(c *cobra.Command, _ []string) error { return w.changePIN(c.Context(), v) },
	}
	stateFlag(change, &v.state)
	slotFlag(change, &v.slot)
	change.Flags().StringVar(&v.file, "pin-file", "", "`FILE` with the old PIN and the new one, a line each, mode 0600, or - for standard input; without it they are typed")
	c.AddCommand(required(change, "state", "slot"))
	return c
}

func (w *wallet) changePIN(ctx context.Context, v newPIN) error {
	slot, err := checkSlot(v.slot)
	if err != nil {
		return err
	}
	return w.withElement(v.state, func(element *se.SE) error {
		client := applet.NewClient(element, slot)
		info, err := client.Info(ctx)
		switch {
		case err != nil:
			return err
		case !info.PINSet:
			return fmt.Errorf("changing the PIN of slot %d: none is set", slot)
		case info.TriesLeft == 0:
			return fmt.Errorf("changing the PIN of slot %d: %w", slot, errBlockedPIN)
		}
		old, pin, err := w.twoSecrets(ctx, v.file, slotPIN(), info.TriesLeft)
		if err != nil {
			return err
		}
		version, err := changed(ctx, client, info.PINVersion, old, pin)
		if err != nil {
			return err
		}
		return w.print("the PIN of slot %d is changed, version %d\n", slot, version)
	})
}

// changed changes a PIN and tells its version. When the answer is lost the version tells whether the change was made.
func changed(ctx context.Context, client *applet.Client, before uint64, old, pin string) (version uint64, err error) {
	err = client.ChangePIN(ctx, old, pin)
	if wrong, ok := errors.AsType[*apdu.AuthError](err); ok {
		return 0, told("PIN", wrong.Retries, errBlockedPIN)
	}
	now, look := client.Info(ctx)
	if look == nil && now.PINVersion > before {
		return now.PINVersion, nil
	}
	return 0, errors.Join(err, look)
}

// told says what a wrong secret cost.
func told(name string, left int, blocked error) error {
	if left == 0 {
		return fmt.Errorf("%w: it was wrong too often", blocked)
	}
	return fmt.Errorf("the old %s is wrong, tries left: %d", name, left)
}

// secretKind is what is asked for, and how it is asked.
type secretKind struct {
	name, old, replacement string // in messages, and at the terminal
	flag                   string // of the file instead of a terminal
	check                  func(string) error
}

func slotPIN() secretKind {
	return secretKind{"PIN", "Old PIN 現在の暗証番号", "New PIN 新しい暗証番号", "pin-file", checkPIN}
}

// twoSecrets gives the old secret and the new one. Nothing is sent that no element would take.
func (w *wallet) twoSecrets(ctx context.Context, path string, kind secretKind, tries uint64) (old, pin string, err error) {
	switch path {
	case "":
		old, pin, err = w.typed(ctx, kind, tries)
	case "-":
		if old, err = w.line(ctx); err == nil {
			pin, err = w.line(ctx)
		}
	default:
		var data []byte
		if data, err = serve.ReadPrivate(path, maxSecret); err == nil {
			defer clear(data)
			lines := strings.Split(strings.TrimRight(string(data), "\r\n"), "\n")
			if len(lines) != 2 {
				return "", "", fmt.Errorf("reading the %ss: lines: %d, due are two, the old one and the new one", kind.name, len(lines))
			}
			old, pin = strings.TrimRight(lines[0], "\r"), lines[1]
		}
	}
	if err != nil {
		return "", "", fmt.Errorf("reading the %ss: %w", kind.name, err)
	}
	if err := kind.check(old); err != nil {
		return "", "", fmt.Errorf("reading the old %s: %w", kind.name, err)
	}
	if err := kind.check(pin); err != nil {
		return "", "", fmt.Errorf("reading the new %s: %w", kind.name, err)
	}
	return old, pin, nil
}

// typed asks at the terminal, for the new secret twice.
func (w *wallet) typed(ctx context.Context, kind secretKind, tries uint64) (old, pin string, err error) {
	var answers [3]string
	for i, label := range []string{fmt.Sprintf("%s (tries left: %d)", kind.old, tries), kind.replacement, "Again もう一度"} {
		answers[i], err = terminal.Secret(ctx, w.terminal, w.prompts, label)
		if errors.Is(err, terminal.ErrNone) {
			return "", "", usage.Errorf("there is no terminal to ask on: use --%s", kind.flag)
		}
		if err != nil {
			return "", "", err
		}
	}
	if answers[1] != answers[2] {
		return "", "", fmt.Errorf("the new %s was typed in two ways", kind.name)
	}
	return answers[0], answers[1], nil
}
