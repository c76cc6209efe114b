package card

import (
	"context"
	"errors"
	"fmt"

	"mobileid/mdoc/apdu"
)

// Errors of the reading side.
var (
	// ErrNotMyNumberCard says that the card in the field has no JPKI-AP, or one of another token.
	ErrNotMyNumberCard = errors.New("not a My Number card")
	// ErrCardAnswer says that the card answered something no My Number card answers.
	ErrCardAnswer = errors.New("unexpected answer from the card")
)

// maxOffset is the end of what READ BINARY with a 15-bit offset reaches in its last command.
const maxOffset = 0x7FFF

// minChunk is the least a READ BINARY must bring in the middle of a file, so that a file is read in at most 512 commands.
const minChunk = 128

// maxExchanges bounds a whole reading, ten times what a real card needs with short commands: a card that drips single bytes
// (61xx without end) is given up.
const maxExchanges = 1024

// budget counts the exchanges of one reading and ends it when there are too many.
type budget struct {
	apdu.Transmitter
	left int
}

func (b *budget) Transmit(ctx context.Context, command []byte) ([]byte, error) {
	if b.left == 0 {
		return nil, fmt.Errorf("over %d exchanges: %w", maxExchanges, ErrCardAnswer)
	}
	b.left--
	return b.Transmitter.Transmit(ctx, command)
}

// channel speaks the card's commands. It keeps no state but the transmitter: what is selected, the card knows.
type channel struct {
	t        apdu.Transmitter
	extended bool
}

func (c channel) exchange(ctx context.Context, command apdu.Command) (apdu.Response, error) {
	r, err := apdu.Exchange(ctx, c.t, command)
	if err != nil {
		return apdu.Response{}, err
	}
	if command.Le > 0 && len(r.Data) > command.Le {
		return apdu.Response{}, fmt.Errorf("%d bytes where at most %d were asked for: %w", len(r.Data), command.Le, ErrCardAnswer)
	}
	return r, nil
}

// do is exchange for commands where any word but 9000 is an error.
func (c channel) do(ctx context.Context, command apdu.Command) ([]byte, error) {
	r, err := c.exchange(ctx, command)
	if err != nil {
		return nil, err
	}
	return r.Data, r.Err()
}

// selectApplication selects by the full AID, without asking for FCI (ISO/IEC 7816-4, SELECT).
func (c channel) selectApplication(ctx context.Context, a Application) error {
	if _, err := c.do(ctx, apdu.Command{INS: 0xA4, P1: 0x04, P2: 0x0C, Data: a.AID()}); err != nil {
		return fmt.Errorf("selecting the %v application: %w", a, err)
	}
	return nil
}

func (c channel) selectFile(ctx context.Context, f FileID) error {
	id := []byte{byte(f.EF() >> 8), byte(f.EF())}
	if _, err := c.do(ctx, apdu.Command{INS: 0xA4, P1: 0x02, P2: 0x0C, Data: id}); err != nil {
		return fmt.Errorf("selecting %v: %w", f, err)
	}
	return nil
}

// readBinary is one READ BINARY at an offset. An end-of-file warning (6282) is no error, and an offset outside the file
// (6B00) gives no bytes.
func (c channel) readBinary(ctx context.Context, offset int) ([]byte, error) {
	le := apdu.MaxShortLe
	if c.extended {
		le = apdu.MaxExtendedLe
	}
	r, err := c.exchange(ctx, apdu.Command{INS: 0xB0, P1: byte(offset >> 8), P2: byte(offset), Le: le, Extended: c.extended})
	if err != nil {
		return nil, err
	}
	switch r.SW {
	case apdu.OK, apdu.WarnEndOfFile:
		return r.Data, nil
	case apdu.OffsetOutside:
		return nil, nil
	default:
		return nil, r.Err()
	}
}

// readObject selects a file and reads the one data object it begins with, TLV or DER alike, leaving the filler behind.
func (c channel) readObject(ctx context.Context, f FileID) ([]byte, error) {
	if err := c.selectFile(ctx, f); err != nil {
		return nil, err
	}
	content, err := c.readBinary(ctx, 0)
	if err != nil {
		return nil, fmt.Errorf("reading %v: %w", f, err)
	}
	_, length, header, err := apdu.ParseTLVHeader(content)
	if err != nil {
		return nil, fmt.Errorf("reading %v: %w: %w", f, ErrCardAnswer, err)
	}
	total := header + length
	if total > MaxFile {
		return nil, fmt.Errorf("reading %v: %d bytes: %w", f, total, ErrCardAnswer)
	}
	content = append(make([]byte, 0, total), content...)
	for len(content) < total {
		if len(content) > maxOffset {
			return nil, fmt.Errorf("reading %v: %d bytes are out of reach: %w", f, total, ErrCardAnswer)
		}
		more, err := c.readBinary(ctx, len(content))
		if err != nil {
			return nil, fmt.Errorf("reading %v: %w", f, err)
		}
		if len(more) < min(minChunk, total-len(content)) {
			return nil, fmt.Errorf("reading %v: %d of %d bytes: %w", f, len(content)+len(more), total, ErrCardAnswer)
		}
		content = append(content, more...)
	}
	return content[:total:total], nil
}

// readSmall selects a file and reads what one short command gives of it, filler included.
func (c channel) readSmall(ctx context.Context, f FileID) ([]byte, error) {
	if err := c.selectFile(ctx, f); err != nil {
		return nil, err
	}
	content, err := channel{t: c.t}.readBinary(ctx, 0)
	if err != nil {
		return nil, fmt.Errorf("reading %v: %w", f, err)
	}
	if len(content) == 0 {
		return nil, fmt.Errorf("reading %v: empty: %w", f, ErrCardAnswer)
	}
	return append([]byte(nil), content...), nil
}

// verify presents a secret, once. It looks at the tries left first, and sends nothing when none is left, or when one is
// left and spendLast is not set.
func (c channel) verify(ctx context.Context, f FileID, name SecretName, value string, spendLast bool) error {
	if err := c.selectFile(ctx, f); err != nil {
		return err
	}
	r, err := c.exchange(ctx, apdu.Command{INS: 0x20, P2: 0x80})
	if err != nil {
		return fmt.Errorf("asking for the tries of the %s: %w", name, err)
	}
	left, counted := r.SW.Tries()
	switch {
	case counted && left == 0, r.SW == apdu.ReferenceUnusable, r.SW == apdu.Blocked:
		return &SecretError{Secret: name, TriesLeft: 0, Err: ErrSecretBlocked}
	case counted && left == 1 && !spendLast:
		return &SecretError{Secret: name, TriesLeft: 1, Err: ErrLastTry}
	case counted, r.SW == apdu.WarnChanged, r.SW == apdu.OK: // 6300: no limit; 9000: presented before
	default:
		return fmt.Errorf("asking for the tries of the %s: %w", name, r.Err())
	}
	return c.present(ctx, name, value)
}

func (c channel) present(ctx context.Context, name SecretName, value string) error {
	r, err := c.exchange(ctx, apdu.Command{INS: 0x20, P2: 0x80, Data: []byte(value)})
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

// Key references of COMPUTE DIGITAL SIGNATURE.
const (
	currentKey     byte = 0x80 // the key file selected
	applicationKey byte = 0x00 // the own key of 補助AP and 券面AP
)

// sign is COMPUTE DIGITAL SIGNATURE (80 2A 00) over the DigestInfo of message.
func (c channel) sign(ctx context.Context, key byte, message []byte) ([]byte, error) {
	data, err := c.do(ctx, apdu.Command{CLA: 0x80, INS: 0x2A, P2: key, Data: digestInfo(message), Le: apdu.MaxShortLe})
	if err != nil {
		return nil, err
	}
	if len(data) != signatureLength {
		return nil, fmt.Errorf("a signature of %d bytes: %w", len(data), ErrCardAnswer)
	}
	return append([]byte(nil), data...), nil
}
