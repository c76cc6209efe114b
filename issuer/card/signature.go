package card

import (
	"context"
	"crypto"
	"fmt"

	"mobileid/mdoc/apdu"
)

// digestInfoPrefix is the DER of DigestInfo up to the digest (RFC 8017, 9.2, note 1).
func digestInfoPrefix(h crypto.Hash) (string, bool) {
	switch h {
	case crypto.SHA256:
		return digestInfoSHA256, true
	case crypto.SHA384:
		return "\x30\x41\x30\x0D\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x02\x05\x00\x04\x30", true
	case crypto.SHA512:
		return "\x30\x51\x30\x0D\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x03\x05\x00\x04\x40", true
	default:
		return "", false
	}
}

// sign is COMPUTE DIGITAL SIGNATURE (80 2A 00) over a DigestInfo with a key of JPKI-AP.
func (c *channel) sign(ctx context.Context, key FileID, info []byte) ([]byte, error) {
	r, err := c.named(ctx, key, func(short byte) apdu.Command {
		return apdu.Command{CLA: 0x80, INS: 0x2A, P2: 0x80 | short, Data: info, Le: apdu.MaxShortLe}
	})
	return signed(r, err)
}

// internalAuthenticate is INTERNAL AUTHENTICATE of 共通カードAP: the card signs SHA-256 of the challenge.
func (c *channel) internalAuthenticate(ctx context.Context, challenge []byte) ([]byte, error) {
	r, err := c.named(ctx, commonKey, func(short byte) apdu.Command {
		return apdu.Command{INS: 0x88, P2: 0x80 | short, Data: challenge, Le: apdu.MaxShortLe}
	})
	return signed(r, err)
}

// signature carries a command that names its key in itself.
func (c *channel) signature(ctx context.Context, command apdu.Command) ([]byte, error) {
	return signed(c.exchange(ctx, command))
}

// signed takes a signature out of an answer.
func signed(r apdu.Response, err error) ([]byte, error) {
	if err == nil {
		err = r.Err()
	}
	if err != nil {
		return nil, err
	}
	if len(r.Data) != signatureLength {
		return nil, fmt.Errorf("a signature of %d bytes: %w", len(r.Data), ErrCardAnswer)
	}
	return append([]byte(nil), r.Data...), nil
}
