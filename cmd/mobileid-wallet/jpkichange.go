package main

import (
	"context"
	"errors"
	"fmt"

	"mobileid/cmd/internal/usage"
	"mobileid/issuer/card"
	"mobileid/mdoc/jpkiap"
	"mobileid/tsm/jpkiapplet"
	"mobileid/tsm/se"

	"github.com/spf13/cobra"
)

var errBlockedSecret = errors.New("the secret of the phone certificates is blocked")

// newSecret is what the flags of jpki change say.
type newSecret struct{ state, which, file string }

func (w *wallet) jpkiChangeCommand() *cobra.Command {
	var v newSecret
	c := &cobra.Command{
		Use:   "change",
		Short: "Change the PIN or the signature password of the phone certificates",
		Long: `Put a new PIN or signature password in the place of the old one. Both are typed at the terminal without an echo, the new one twice; or
they are the two lines of a file of mode 0600, or of standard input. The PIN has three tries, the password five; a blocked one is chosen anew
with the next "jpki apply".`,
		Example: "  mobileid-wallet jpki change --state phone.se --secret pin\n  mobileid-wallet jpki change --state phone.se --secret password --secret-file -",
		Args:    usage.AtMost(0),
		RunE:    func(c *cobra.Command, _ []string) error { return w.jpkiChange(c.Context(), v) },
	}
	stateFlag(c, &v.state)
	c.Flags().StringVar(&v.which, "secret", "", "pin or password")
	c.Flags().StringVar(&v.file, "secret-file", "", "`FILE` with the old secret and the new one, a line each, mode 0600, or - for standard input; without it they are typed")
	return required(c, "state", "secret")
}

// certificateSecret is one of the two secrets of the phone certificates.
type certificateSecret struct {
	secretKind
	file card.FileID
	look func(jpkiapplet.Info) (set bool, tries uint64)
}

func (v newSecret) kind() (certificateSecret, error) {
	switch v.which {
	case "pin":
		return certificateSecret{secretKind{"PIN", "Old PIN 現在の利用者証明用暗証番号", "New PIN 新しい利用者証明用暗証番号", "secret-file", checkCertificatePIN},
			card.AuthenticationPINFile, func(i jpkiapplet.Info) (bool, uint64) { return i.PINSet, i.PINTries }}, nil
	case "password":
		return certificateSecret{secretKind{"signature password", "Old password 現在の署名用暗証番号", "New password 新しい署名用暗証番号", "secret-file", checkPassword},
			card.SignaturePasswordFile, func(i jpkiapplet.Info) (bool, uint64) { return i.PasswordSet, i.PasswordTries }}, nil
	default:
		return certificateSecret{}, usage.Errorf("--secret is neither pin nor password")
	}
}

func checkCertificatePIN(text string) error {
	if !jpkiap.IsPIN([]byte(text)) {
		return errors.New("it must have 4 digits and nothing else")
	}
	return nil
}

func checkPassword(text string) error {
	if !jpkiap.IsPassword([]byte(text)) {
		return errors.New("it must have 6 to 16 of A to Z and 0 to 9 and nothing else")
	}
	return nil
}

func (w *wallet) jpkiChange(ctx context.Context, v newSecret) error {
	kind, err := v.kind()
	if err != nil {
		return err
	}
	return w.withElement(v.state, func(element *se.SE) error {
		info, err := jpkiapplet.NewClient(element).Info(ctx)
		if err != nil {
			return err
		}
		switch set, tries := kind.look(info); {
		case !set:
			return fmt.Errorf("changing the %s of the phone certificates: none is set", kind.name)
		case tries == 0:
			return errBlockedSecret
		default:
			return w.exchange(ctx, element, v.file, kind, tries)
		}
	})
}

func (w *wallet) exchange(ctx context.Context, element *se.SE, file string, kind certificateSecret, tries uint64) error {
	old, value, err := w.twoSecrets(ctx, file, kind.secretKind, tries)
	if err != nil {
		return err
	}
	token, err := card.Connect(ctx, element, card.ClientOptions{Extended: true, SpendLastTry: true})
	if err != nil {
		return fmt.Errorf("looking for phone certificates in the secure element: %w", err)
	}
	err = token.Change(ctx, kind.file, old, value)
	if wrong, ok := errors.AsType[*card.SecretError](err); ok && errors.Is(err, card.ErrWrongSecret) {
		return told(kind.name, wrong.TriesLeft, errBlockedSecret)
	}
	if err != nil {
		return err
	}
	return w.print("the %s of the phone certificates is changed\n", kind.name)
}
