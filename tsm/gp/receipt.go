package gp

import (
	"crypto/subtle"
	"encoding/binary"
	"errors"
	"fmt"

	"mobileid/mdoc/apdu"
	"mobileid/tsm/cmac"
)

// ErrReceipt says that a receipt is not the card's for these objects.
var ErrReceipt = errors.New("receipt wrong")

// A Receipt is the card's proof that it carried an operation out, Card Specification 2.3.1, 11.1.6 and C.5, in place of
// the byte 00 that INSTALL, LOAD and DELETE answer:
//
//	[length] L‖MAC · L‖confirmation counter · L‖card unique data [· L‖token id [· L‖token digest]]
type Receipt struct {
	MAC []byte
	// Counter goes up by one with each receipt of a card, so that one is missed.
	Counter []byte
	// CardData names the card; it is what 00CF or the card image number tells.
	CardData []byte
	// Of the token the operation had, if the card repeats it.
	TokenID, TokenDigest []byte
}

// NewReceipt makes a receipt with an AES receipt key (version 71). The AIDs are those of ReceiptInput.
func NewReceipt(key []byte, counter uint16, cardData []byte, aids ...AID) (Receipt, error) {
	r := Receipt{Counter: binary.BigEndian.AppendUint16(nil, counter), CardData: cardData}
	mac, err := cmac.Sum(key, r.Input(aids...))
	if err != nil {
		return Receipt{}, fmt.Errorf("making receipt: %w", err)
	}
	r.MAC = mac[:]
	return r, nil
}

// Input gives the bytes the MAC is over: the fields behind it and, each behind its length, the AIDs of what was done:
// for DELETE the one deleted, for LOAD file and security domain, for INSTALL file and instance, for extradition the old
// domain, the application and the new domain.
func (r Receipt) Input(aids ...AID) []byte {
	b := r.appendBehindMAC(nil)
	for _, a := range aids {
		b = appendFields(b, []byte(a))
	}
	return b
}

func (r Receipt) appendBehindMAC(b []byte) []byte {
	b = appendFields(b, r.Counter, r.CardData)
	switch {
	case len(r.TokenDigest) > 0:
		return appendFields(b, r.TokenID, r.TokenDigest)
	case len(r.TokenID) > 0:
		return appendFields(b, r.TokenID)
	}
	return b
}

// Verify checks the MAC under an AES receipt key; it fails with ErrReceipt. That the counter moved on is the caller's to
// check.
func (r Receipt) Verify(key []byte, aids ...AID) error {
	want, err := cmac.Sum(key, r.Input(aids...))
	if err != nil {
		return fmt.Errorf("verifying receipt: %w", err)
	}
	if subtle.ConstantTimeCompare(want[:], r.MAC) != 1 {
		return ErrReceipt
	}
	return nil
}

// Bytes is the receipt as the card answers it, with the length in front.
func (r Receipt) Bytes() []byte {
	return appendFields(nil, r.appendBehindMAC(appendFields(nil, r.MAC)))
}

// Number is the confirmation counter as a number; false when it has more than eight bytes.
func (r Receipt) Number() (n uint64, ok bool) {
	if len(r.Counter) > 8 {
		return 0, false
	}
	for _, x := range r.Counter {
		n = n<<8 | uint64(x)
	}
	return n, true
}

// ParseConfirmation reads what INSTALL, LOAD and DELETE answer: nothing, or one byte 00, which is no receipt, or a
// receipt with or without the length in front.
func ParseConfirmation(b []byte) (*Receipt, error) {
	if len(b) == 0 || len(b) == 1 && b[0] == 0 {
		return nil, nil
	}
	if len(b) > apdu.MaxShortLe {
		return nil, fmt.Errorf("parsing confirmation: %d bytes", len(b))
	}
	if inner, rest, err := parseField(b); err == nil && len(rest) == 0 {
		b = inner
	}
	var f [][]byte
	for len(b) > 0 && len(f) <= 5 {
		v, rest, err := parseField(b)
		if err != nil {
			return nil, fmt.Errorf("parsing confirmation: field %d: %w", len(f)+1, err)
		}
		f, b = append(f, v), rest
	}
	if len(f) < 3 || len(f) > 5 || len(f[0]) == 0 {
		return nil, fmt.Errorf("parsing confirmation: %d fields", len(f))
	}
	r := &Receipt{MAC: f[0], Counter: f[1], CardData: f[2]}
	if len(f) > 3 {
		r.TokenID = f[3]
	}
	if len(f) > 4 {
		r.TokenDigest = f[4]
	}
	return r, nil
}

// Confirmation is what a card without receipts answers to INSTALL, LOAD and DELETE.
func Confirmation() []byte { return []byte{0} }
