package gp

import (
	"crypto/subtle"
	"errors"
	"fmt"

	"mobileid/mdoc/apdu"
	"mobileid/tsm/cmac"
)

// ErrToken says that a token is not the issuer's for this command.
var ErrToken = errors.New("token wrong")

// TokenInput gives the bytes a token of delegated management is over, Card Specification 2.3.1, C.4: P1, P2, Lc and the
// data of INSTALL or DELETE without the token, Lc counting just those. It reads a command with a token and one without.
func TokenInput(c apdu.Command) ([]byte, error) {
	signed, err := beforeToken(c)
	if err != nil {
		return nil, fmt.Errorf("finding what a token signs: %w", err)
	}
	return append(apdu.AppendLc([]byte{c.P1, c.P2}, len(signed), len(signed) > apdu.MaxShortLc), signed...), nil
}

// beforeToken is the data up to the last field of INSTALL, or up to 9E of DELETE.
func beforeToken(c apdu.Command) ([]byte, error) {
	switch {
	case c.INS == insInstall:
		n := 6
		if c.P1 == installLoad {
			n = 5
		}
		f, err := parseFields(c.Data, n)
		if err != nil {
			return nil, err
		}
		return c.Data[:len(c.Data)-len(appendFields(nil, f[n-1]))], nil
	case c.INS == insDelete:
		for rest := c.Data; len(rest) > 0; {
			o, after, err := apdu.ParseTLV(rest)
			if err != nil {
				return nil, err
			}
			if o.Tag == tagToken {
				return c.Data[:len(c.Data)-len(rest)], nil
			}
			rest = after
		}
		return c.Data, nil
	default:
		return nil, fmt.Errorf("instruction %02X takes no token", c.INS)
	}
}

// TokenMAC is the token of a command under an AES token key (version 70): AES-CMAC over TokenInput.
func TokenMAC(key []byte, c apdu.Command) ([16]byte, error) {
	input, err := TokenInput(c)
	if err != nil {
		return [16]byte{}, err
	}
	return cmac.Sum(key, input)
}

// VerifyToken checks the token a command came with under an AES token key; it fails with ErrToken, also for no token.
func VerifyToken(key []byte, c apdu.Command, token []byte) error {
	want, err := TokenMAC(key, c)
	if err != nil {
		return err
	}
	if subtle.ConstantTimeCompare(want[:], token) != 1 {
		return ErrToken
	}
	return nil
}
