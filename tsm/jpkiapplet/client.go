package jpkiapplet

import (
	"context"
	"errors"
	"fmt"

	"mobileid/mdoc/apdu"
	"mobileid/mdoc/cbor"
	"mobileid/mdoc/jpkiap"
)

var (
	// ErrLocked says that the instance is locked: it was suspended, or the phone is being handed over.
	ErrLocked = errors.New("phone certificates are locked")
	// ErrEmpty says that the secure element has no instance.
	ErrEmpty = errors.New("no phone certificates in the secure element")
	// ErrForm says that a value cannot be the secret: the PIN has 4 digits, the signature password 6 to 16 of A to Z and 0 to 9.
	ErrForm = errors.New("not of the form of this secret")
)

// A Client is the phone's access to what only the phone does: looking at the state and choosing the secrets. All the rest is what any reader of
// JPKI-AP does. It is not safe for concurrent use, and keeps nothing.
type Client struct{ t apdu.Transmitter }

// NewClient makes a client. It sends nothing.
func NewClient(t apdu.Transmitter) *Client { return &Client{t} }

func (c *Client) selectInstance(ctx context.Context) error {
	r, err := apdu.Exchange(ctx, c.t, apdu.Command{INS: 0xA4, P1: 0x04, P2: 0x0C, Data: jpkiap.AID()})
	if err != nil {
		return err
	}
	switch r.SW {
	case apdu.OK:
		return nil
	case apdu.WarnCardLocked:
		return ErrLocked
	case apdu.NotFound:
		return ErrEmpty
	default:
		return r.Err()
	}
}

// Info selects the application and tells its state, also when it is locked.
func (c *Client) Info(ctx context.Context) (Info, error) {
	if err := c.selectInstance(ctx); err != nil && !errors.Is(err, ErrLocked) {
		return Info{}, fmt.Errorf("reading state: %w", err)
	}
	r, err := apdu.Exchange(ctx, c.t, apdu.Command{INS: insGetData, P1: tagInfo >> 8, P2: tagInfo & 0xFF, Le: apdu.MaxShortLe})
	if err == nil {
		err = r.Err()
	}
	var out Info
	if err == nil {
		err = cbor.Unmarshal(r.Data, &out)
	}
	if err != nil {
		return Info{}, fmt.Errorf("reading state: %w", err)
	}
	return out, nil
}

// ChoosePIN sets the PIN, once: when there is one already the error is apdu.ErrSecurityStatus.
func (c *Client) ChoosePIN(ctx context.Context, pin string) error {
	return c.choose(ctx, "choosing the PIN", jpkiap.AuthenticationPIN, []byte(pin))
}

// ChoosePassword sets the signature password, as ChoosePIN does the PIN.
func (c *Client) ChoosePassword(ctx context.Context, password string) error {
	return c.choose(ctx, "choosing the signature password", jpkiap.SignaturePassword, []byte(password))
}

func (c *Client) choose(ctx context.Context, what string, file uint16, value []byte) error {
	if !secretOf(file).form(value) {
		return fmt.Errorf("%s: %w", what, ErrForm)
	}
	err := c.selectInstance(ctx)
	if err == nil {
		var r apdu.Response
		if r, err = apdu.Exchange(ctx, c.t, apdu.Command{INS: insChangeReference, P1: 0x01, P2: 0x80 | byte(file), Data: value}); err == nil {
			err = r.Err()
		}
	}
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}
