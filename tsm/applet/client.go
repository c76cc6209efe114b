package applet

import (
	"context"
	"crypto/ecdh"
	"errors"
	"fmt"

	"mobileid/mdoc/apdu"
	"mobileid/mdoc/cbor"
	"mobileid/tsm/applet/stream"
)

var (
	// ErrLocked says that the instance is locked: it was suspended, or the phone is being handed over.
	ErrLocked = errors.New("credential slot is locked")
	// ErrEmpty says that the secure element has no instance for the slot.
	ErrEmpty = errors.New("credential slot is empty")
)

// readSize is how much of a credential one READ BINARY asks for.
const readSize = 8 << 10

// A Client is a phone's access to one credential slot. It is not safe for concurrent use, and between [Client.VerifyPIN]
// and the uses of that verification nothing else may select on the secure element: the uses would be refused.
//
// Status words come back as errors of package apdu: a wrong PIN as *apdu.AuthError with the tries left, a blocked one as
// apdu.ErrBlocked, a missing verification as apdu.ErrSecurityStatus.
type Client struct {
	t    apdu.Transmitter
	slot byte
}

// NewClient makes a client for a slot, 1 to 15. It sends nothing.
func NewClient(t apdu.Transmitter, slot byte) *Client { return &Client{t: t, slot: slot} }

// selectInstance selects the slot. Whatever was verified is not any more.
func (c *Client) selectInstance(ctx context.Context) error {
	r, err := apdu.Exchange(ctx, c.t, apdu.Command{CLA: 0x00, INS: 0xA4, P1: 0x04, Data: stream.InstanceAID(c.slot), Le: apdu.MaxShortLe})
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

// command sends one command to the selected instance and demands 9000.
func (c *Client) command(ctx context.Context, cmd apdu.Command) ([]byte, error) {
	cmd.Extended = len(cmd.Data) > apdu.MaxShortLc || cmd.Le > apdu.MaxShortLe
	r, err := apdu.Exchange(ctx, c.t, cmd)
	if err != nil {
		return nil, err
	}
	return r.Data, r.Err()
}

// Info selects the slot and tells its state, also when it is locked.
func (c *Client) Info(ctx context.Context) (Info, error) {
	if err := c.selectInstance(ctx); err != nil && !errors.Is(err, ErrLocked) {
		return Info{}, fmt.Errorf("reading slot %d: %w", c.slot, err)
	}
	return c.State(ctx)
}

// State is [Client.Info] without selecting: it leaves a verification as it is, and tells what is left of it.
func (c *Client) State(ctx context.Context) (Info, error) {
	data, err := c.command(ctx, apdu.Command{INS: insGetData, P1: tagInfo >> 8, P2: tagInfo & 0xFF, Le: apdu.MaxShortLe})
	if err != nil {
		return Info{}, fmt.Errorf("reading slot %d: %w", c.slot, err)
	}
	var out Info
	if err := cbor.Unmarshal(data, &out); err != nil {
		return Info{}, fmt.Errorf("reading slot %d: %w", c.slot, err)
	}
	return out, nil
}

// Slots tells the state of every slot that has an instance. A phone that was reset finds its credentials again this way:
// the element keeps them.
func Slots(ctx context.Context, t apdu.Transmitter) ([]Info, error) {
	var out []Info
	for slot := byte(1); slot <= stream.MaxSlot; slot++ {
		info, err := NewClient(t, slot).Info(ctx)
		if errors.Is(err, ErrEmpty) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("listing slots: %w", err)
		}
		out = append(out, info)
	}
	return out, nil
}

// SetPIN selects the slot and sets its PIN, 4 to 12 digits, once: when there is one already it fails with
// apdu.ErrConditions.
func (c *Client) SetPIN(ctx context.Context, pin string) error {
	err := c.selectInstance(ctx)
	if err == nil {
		_, err = c.command(ctx, apdu.Command{INS: insChangeReference, P1: 0x01, P2: 0x80, Data: []byte(pin)})
	}
	if err != nil {
		return fmt.Errorf("setting PIN: %w", err)
	}
	return nil
}

// ChangePIN selects the slot and puts a new PIN in the place of the old one. A wrong old PIN costs a try as in [Client.VerifyPIN];
// after a change all tries are there again, and nothing is verified.
func (c *Client) ChangePIN(ctx context.Context, old, pin string) error {
	err := c.selectInstance(ctx)
	if err == nil && max(len(old), len(pin)) > MaxPIN {
		err = apdu.WrongLength.Err()
	}
	if err == nil {
		data := appendPadded(appendPadded(nil, old), pin)
		defer clear(data)
		_, err = c.command(ctx, apdu.Command{INS: insChangeReference, P2: 0x80, Data: data})
	}
	if err != nil {
		return fmt.Errorf("changing PIN: %w", err)
	}
	return nil
}

// VerifyPIN selects the slot and verifies the PIN, for reading and for one signature or MAC within [ConsentTime].
func (c *Client) VerifyPIN(ctx context.Context, pin string) error {
	err := c.selectInstance(ctx)
	if err == nil && pin == "" {
		err = apdu.WrongLength.Err() // without data VERIFY would ask for the tries left
	}
	if err == nil {
		_, err = c.command(ctx, apdu.Command{INS: insVerify, P2: 0x80, Data: []byte(pin)})
	}
	if err != nil {
		return fmt.Errorf("verifying PIN: %w", err)
	}
	return nil
}

// TriesLeft selects the slot and tells how many wrong PINs it still takes, 0 when blocked.
func (c *Client) TriesLeft(ctx context.Context) (int, error) {
	err := c.selectInstance(ctx)
	if err == nil {
		_, err = c.command(ctx, apdu.Command{INS: insVerify, P2: 0x80})
	}
	if auth, ok := errors.AsType[*apdu.AuthError](err); ok {
		return auth.Retries, nil
	}
	if errors.Is(err, apdu.ErrBlocked) {
		return 0, nil
	}
	if err == nil {
		err = errors.New("the slot answered 9000 to an empty VERIFY")
	}
	return 0, fmt.Errorf("asking for tries: %w", err)
}

// Credential reads the IssuerSigned bytes. It needs a verified PIN and leaves the verification for a signature.
func (c *Client) Credential(ctx context.Context) ([]byte, error) {
	var out []byte
	for {
		n := len(out)
		data, err := c.command(ctx, apdu.Command{INS: insReadBinary, Le: readSize,
			Data: apdu.AppendTLV(nil, 0x54, []byte{byte(n >> 16), byte(n >> 8), byte(n)})})
		if err != nil {
			return nil, fmt.Errorf("reading credential: %w", err)
		}
		part, rest, err := apdu.ParseTLV(data)
		if err != nil || part.Tag != 0x53 || len(rest) != 0 {
			return nil, errors.New("reading credential: the slot's answer is no data object 53")
		}
		out = append(out, part.Value...)
		if len(data) < readSize-3 || len(part.Value) == 0 {
			return out, nil
		}
		if len(out) > stream.MaxCredential {
			return nil, errors.New("reading credential: longer than a slot can hold")
		}
	}
}

// SignDevice has the element sign a Sig_structure over a DeviceAuthentication; it gives r ‖ s, 64 bytes. It uses up the
// verification.
func (c *Client) SignDevice(ctx context.Context, sigStructure []byte) ([]byte, error) {
	out, err := c.command(ctx, apdu.Command{INS: insSecurity, P1: 0x9E, P2: 0x9A, Data: sigStructure, Le: apdu.MaxShortLe})
	if err == nil && len(out) != 64 {
		err = fmt.Errorf("signature of %d bytes", len(out))
	}
	if err != nil {
		return nil, fmt.Errorf("signing device authentication: %w", err)
	}
	return out, nil
}

// MACDevice has the element compute the MAC of a MAC_structure over a DeviceAuthentication, 32 bytes. salt is the SHA-256
// of SessionTranscriptBytes. It uses up the verification.
func (c *Client) MACDevice(ctx context.Context, eReaderKey *ecdh.PublicKey, salt, macStructure []byte) ([]byte, error) {
	data := apdu.AppendTLV(nil, tagPoint, eReaderKey.Bytes())
	data = apdu.AppendTLV(data, tagSalt, salt)
	data = apdu.AppendTLV(data, tagMACStructure, macStructure)
	out, err := c.command(ctx, apdu.Command{INS: insSecurity, P1: 0x8E, P2: 0x80, Data: data, Le: apdu.MaxShortLe})
	if err == nil && len(out) != 32 {
		err = fmt.Errorf("tag of %d bytes", len(out))
	}
	if err != nil {
		return nil, fmt.Errorf("computing device MAC: %w", err)
	}
	return out, nil
}
