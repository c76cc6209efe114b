package card

import (
	"context"
	"errors"
	"fmt"

	"mobileid/mdoc/apdu"
)

// A SecretState is what a token tells of a secret without a try.
type SecretState string

// The states.
const (
	SecretCounted   SecretState = "tries left"  // 63Cx
	SecretBlocked   SecretState = "blocked"     // 63C0, 6983 or 6984
	SecretUnlimited SecretState = "not limited" // 6300
	SecretPresented SecretState = "presented"   // 9000, from cards that tell no number once the secret was verified
	SecretAbsent    SecretState = "not on it"   // 6A82, 6A83 or 6A88
	SecretUnknown   SecretState = "not told"    // any other word
)

// A PINStatus is one secret's state. It holds nothing personal.
type PINStatus struct {
	File   FileID
	Secret SecretName
	State  SecretState
	// TriesLeft counts with SecretCounted and SecretBlocked; it is -1 otherwise.
	TriesLeft int
	// SW is the card's answer.
	SW apdu.SW
}

func newPINStatus(f FileID, sw apdu.SW) PINStatus {
	name, _ := f.Secret()
	p := PINStatus{File: f, Secret: name, TriesLeft: -1, SW: sw}
	left, counted := sw.Tries()
	switch {
	case counted && left > 0:
		p.State, p.TriesLeft = SecretCounted, left
	case counted, sw == apdu.ReferenceUnusable, sw == apdu.Blocked:
		p.State, p.TriesLeft = SecretBlocked, 0
	case sw == apdu.WarnChanged:
		p.State = SecretUnlimited
	case sw == apdu.OK:
		p.State = SecretPresented
	case errors.Is(sw.Err(), apdu.ErrNotFound):
		p.State = SecretAbsent
	default:
		p.State = SecretUnknown
	}
	return p
}

// tries is VERIFY without data: exactly four bytes, which spend nothing. It leaves the secret's file current.
func (c *channel) tries(ctx context.Context, f FileID) (PINStatus, error) {
	r, err := c.named(ctx, f, func(short byte) apdu.Command { return apdu.Command{INS: 0x20, P2: 0x80 | short} })
	if s, ok := errors.AsType[*apdu.StatusError](err); ok { // of the SELECT
		return newPINStatus(f, s.SW), nil
	}
	if err != nil {
		return PINStatus{}, fmt.Errorf("asking for the tries of %v: %w", f, err)
	}
	return newPINStatus(f, r.SW), nil
}

// verify presents a secret, once. It looks at the tries left first, and sends nothing when none is left, or when one is
// left and spendLast is not set.
func (c *channel) verify(ctx context.Context, f FileID, value string, spendLast bool) error {
	status, err := c.tries(ctx, f)
	if err != nil {
		return err
	}
	switch {
	case status.State == SecretBlocked:
		return &SecretError{Secret: status.Secret, TriesLeft: 0, Err: ErrSecretBlocked}
	case status.State == SecretCounted && status.TriesLeft == 1 && !spendLast:
		return &SecretError{Secret: status.Secret, TriesLeft: 1, Err: ErrLastTry}
	case status.State == SecretAbsent, status.State == SecretUnknown:
		return fmt.Errorf("asking for the tries of the %s: %w", status.Secret, status.SW.Err())
	}
	return c.present(ctx, f, status.Secret, value)
}

// present is VERIFY, naming the secret as the question for the tries did: by its short identifier, or as the file that was selected.
func (c *channel) present(ctx context.Context, f FileID, name SecretName, value string) error {
	reference := byte(0x80)
	if !c.selects {
		reference |= byte(f.EF() & 0x1F) //nolint:gosec // five bits
	}
	r, err := c.exchange(ctx, apdu.Command{INS: 0x20, P2: reference, Data: []byte(value)})
	if err != nil {
		return fmt.Errorf("verifying the %s: %w", name, err)
	}
	if r.SW == apdu.OK {
		return nil
	}
	if left, counted := r.SW.Tries(); counted {
		return &SecretError{Secret: name, TriesLeft: left, Err: ErrWrongSecret}
	}
	if errors.Is(r.Err(), apdu.ErrBlocked) {
		return &SecretError{Secret: name, TriesLeft: 0, Err: ErrSecretBlocked}
	}
	return fmt.Errorf("verifying the %s: %w", name, r.Err())
}

// change puts a new value in the place of a secret just verified: CHANGE REFERENCE DATA in the selected file with the new value
// alone, or CHANGE KEY in 共通カードAP and 住基AP.
func (c *channel) change(ctx context.Context, f FileID, value string) error {
	if err := c.selectFile(ctx, f); err != nil {
		return err
	}
	cmd := apdu.Command{INS: 0x24, P1: 0x01, P2: 0x80, Data: []byte(value)}
	if a := f.Application(); a == Common || a == Resident {
		cmd = apdu.Command{CLA: 0x80, INS: 0x32, P2: 0x80, Data: []byte(value)}
	}
	_, err := c.do(ctx, cmd)
	return err
}
