package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"mobileid/cmd/internal/serve"
	"mobileid/cmd/internal/terminal"
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
		Args:  noArguments,
	}
	var v newPIN
	change := &cobra.Command{
		Use:   "change",
		Short: "Put a new PIN in the place of the old one",
		Long: `Put a new PIN in the place of the old one. Both are typed at the terminal without an echo, the new one twice; or they are the two lines
of a file of mode 0600, or of standard input. Three wrong PINs in a row block the slot, whichever command they come with. A change that
was cut off can be given again: the secure element tells whether it was carried out.`,
		Example: "  mobileid-wallet pin change --state phone.se --slot 1\n  mobileid-wallet pin change --state phone.se --slot 1 --pin-file -",
		Args:    noArguments,
		RunE:    func(c *cobra.Command, _ []string) error { return w.changePIN(c.Context(), v) },
	}
	stateFlag(change, &v.state)
	change.Flags().IntVar(&v.slot, "slot", 0, fmt.Sprintf("credential slot, 1 to %d", maxSlot))
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
		old, pin, err := w.twoPINs(ctx, v.file, info.TriesLeft)
		if err != nil {
			return err
		}
		if err := client.ChangePIN(ctx, old, pin); err != nil {
			return told(err)
		}
		return w.print("the PIN of slot %d is changed\n", slot)
	})
}

// told says what a wrong PIN cost.
func told(err error) error {
	if wrong, ok := errors.AsType[*apdu.AuthError](err); ok && wrong.Retries == 0 {
		return fmt.Errorf("%w: it was wrong three times", errBlockedPIN)
	} else if ok {
		return fmt.Errorf("the old PIN is wrong, tries left: %d", wrong.Retries)
	}
	return err
}

// twoPINs gives the old PIN and the new one. Nothing is sent that no element would take.
func (w *wallet) twoPINs(ctx context.Context, path string, tries uint64) (old, pin string, err error) {
	switch path {
	case "":
		old, pin, err = w.typed(ctx, tries)
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
				return "", "", fmt.Errorf("reading the PINs: lines: %d, due are two, the old PIN and the new one", len(lines))
			}
			old, pin = strings.TrimRight(lines[0], "\r"), lines[1]
		}
	}
	if err != nil {
		return "", "", fmt.Errorf("reading the PINs: %w", err)
	}
	if err := checkPIN(old); err != nil {
		return "", "", fmt.Errorf("reading the old PIN: %w", err)
	}
	if err := checkPIN(pin); err != nil {
		return "", "", fmt.Errorf("reading the new PIN: %w", err)
	}
	return old, pin, nil
}

// typed asks at the terminal, for the new PIN twice.
func (w *wallet) typed(ctx context.Context, tries uint64) (old, pin string, err error) {
	var answers [3]string
	for i, label := range []string{fmt.Sprintf("Old PIN 現在の暗証番号 (tries left: %d)", tries), "New PIN 新しい暗証番号", "New PIN again もう一度"} {
		answers[i], err = terminal.Secret(ctx, w.terminal, w.prompts, label)
		if errors.Is(err, terminal.ErrNone) {
			return "", "", misuse("there is no terminal to ask on: use --pin-file")
		}
		if err != nil {
			return "", "", err
		}
	}
	if answers[1] != answers[2] {
		return "", "", errors.New("the new PIN was typed in two ways")
	}
	return answers[0], answers[1], nil
}
