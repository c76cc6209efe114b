package gp

import (
	"bytes"
	"errors"
	"fmt"

	"mobileid/mdoc/apdu"
)

const (
	insPutKey = 0xD8

	putKeyMultiple = 0x80 // of P2
	maxKeyNumber   = 0x7F // of versions and ids; bit 80 says something else in P1 and P2

	// maxKeys is how many keys one PUT KEY may bring: more do not fit a short command.
	maxKeys = 12
)

// ErrPutKey says that the answer to PUT KEY does not name the keys that were sent.
var ErrPutKey = errors.New("answer to PUT KEY is not for these keys")

// A PutKey is PUT KEY, Card Specification 2.3.1, 11.8: 80 D8 P1 P2 { new version, key, key … } 00, where P1 is the
// version replaced, or 00 for a new set, and P2 the id of the first key, with bit 80 when several follow.
type PutKey struct {
	Replace byte
	// FirstID is the id of the first key; the others count on from it. An SCP03 set has ids 1, 2, 3.
	FirstID byte
	// Multiple is bit 80 of P2; more than one key needs it.
	Multiple bool
	// Version is the new key version number, 01 to 7F.
	Version byte
	Keys    []WrappedKey
}

// PutKeySet is the PUT KEY of keys with ids from 1, wrapped under the domain's current Key-DEK, in the bare form. An
// SCP03 set is Key-ENC, Key-MAC, Key-DEK.
func PutKeySet(dek []byte, replace, version byte, keys ...[]byte) (PutKey, error) {
	p := PutKey{Replace: replace, FirstID: 1, Multiple: len(keys) > 1, Version: version}
	for i, key := range keys {
		w, err := WrapKey(dek, key)
		if err != nil {
			return PutKey{}, fmt.Errorf("building PUT KEY: key %d: %w", i+1, err)
		}
		p.Keys = append(p.Keys, w)
	}
	return p, nil
}

// Command builds the command.
func (p PutKey) Command() (apdu.Command, error) {
	if err := p.check(); err != nil {
		return apdu.Command{}, fmt.Errorf("building PUT KEY: %w", err)
	}
	c := apdu.Command{CLA: 0x80, INS: insPutKey, P1: p.Replace, P2: p.FirstID, Data: []byte{p.Version}, Le: apdu.MaxShortLe}
	if p.Multiple {
		c.P2 |= putKeyMultiple
	}
	for _, k := range p.Keys {
		c.Data = k.appendTo(c.Data)
	}
	if len(c.Data) > BlockSize {
		return apdu.Command{}, fmt.Errorf("building PUT KEY: %d bytes: %w", len(c.Data), apdu.ErrTooLong)
	}
	return c, nil
}

func (p PutKey) check() error {
	switch n := len(p.Keys); {
	case n == 0 || n > maxKeys || n > 1 && !p.Multiple:
		return fmt.Errorf("%d keys", n)
	case p.Version == 0 || p.Version > maxKeyNumber || p.Replace > maxKeyNumber:
		return fmt.Errorf("version %02X in place of %02X", p.Version, p.Replace)
	case p.FirstID == 0 || int(p.FirstID)+n-1 > maxKeyNumber:
		return fmt.Errorf("%d keys from id %02X", n, p.FirstID)
	}
	for _, k := range p.Keys {
		if err := k.check(); err != nil {
			return err
		}
	}
	return nil
}

// ParsePutKey reads PUT KEY on the card, keys in either form. "More commands follow" is refused with 6A86, a key type
// that is not AES or triple DES with 9484, a missing check value and whatever else is malformed with 6A80. Fields alias
// the command.
func ParsePutKey(c apdu.Command) (PutKey, error) {
	const doing = "parsing PUT KEY"
	switch {
	case c.INS != insPutKey:
		return PutKey{}, refuse(doing, apdu.InsUnsupported, "instruction %02X", c.INS)
	case c.P1 > maxKeyNumber || c.P2&^putKeyMultiple == 0:
		return PutKey{}, refuse(doing, apdu.WrongParameters, "P1 P2 %02X%02X", c.P1, c.P2)
	case len(c.Data) == 0:
		return PutKey{}, refuse(doing, apdu.WrongData, "no data")
	}
	p := PutKey{Replace: c.P1, FirstID: c.P2 &^ putKeyMultiple, Multiple: c.P2&putKeyMultiple != 0, Version: c.Data[0]}
	for rest := c.Data[1:]; len(rest) > 0 && len(p.Keys) <= maxKeys; {
		k, after, err := parseWrappedKey(rest)
		switch {
		case errors.Is(err, errKeyType):
			return PutKey{}, refuse(doing, apdu.AlgorithmUnknown, "key %d: %v", len(p.Keys)+1, err)
		case err != nil:
			return PutKey{}, refuse(doing, apdu.WrongData, "key %d: %v", len(p.Keys)+1, err)
		}
		p.Keys, rest = append(p.Keys, k), after
	}
	if err := p.check(); err != nil {
		return PutKey{}, refuse(doing, apdu.WrongData, "%v", err)
	}
	return p, nil
}

// Confirmation is what the card answers: the new version and the check value of each key.
func (p PutKey) Confirmation() []byte {
	out := []byte{p.Version}
	for _, k := range p.Keys {
		out = append(out, k.KCV...)
	}
	return out
}

// CheckConfirmation tells whether an answer is the one to these keys, no more and no less; else it is ErrPutKey.
func (p PutKey) CheckConfirmation(answer []byte) error {
	if !bytes.Equal(answer, p.Confirmation()) {
		return ErrPutKey
	}
	return nil
}
