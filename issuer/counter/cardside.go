package counter

import (
	"context"
	"errors"
	"fmt"

	"mobileid/issuer/card"
	"mobileid/mdoc/apdu"
	"mobileid/mdoc/cbor"
)

// unknownTries is what a secret has whose card told no number.
const unknownTries = -1

// tries are the attempts left for each secret, as the card tells them without spending one.
type tries struct{ attribute, numberB, signature int }

func (t tries) blocked() bool { return t.attribute == 0 || t.numberB == 0 || t.signature == 0 }

func (t tries) last() bool { return t.attribute == 1 || t.numberB == 1 || t.signature == 1 }

// The reference files of the secrets a reading needs.
const (
	attributeReference card.FileID = 0x20011
	numberBReference   card.FileID = 0x30012
	signatureReference card.FileID = 0x1001B
)

// askTries asks a card for the tries left by VERIFY without data (ISO/IEC 7816-4:2020, 11.6.6). The signature password comes
// last: its application is also the first a reading selects.
func askTries(ctx context.Context, t apdu.Transmitter) (out tries, err error) {
	for _, s := range []struct {
		reference card.FileID
		into      *int
	}{{attributeReference, &out.attribute}, {numberBReference, &out.numberB}, {signatureReference, &out.signature}} {
		if *s.into, err = askOne(ctx, t, s.reference); err != nil {
			return tries{}, fmt.Errorf("asking for the tries left: %w", err)
		}
	}
	return out, nil
}

func askOne(ctx context.Context, t apdu.Transmitter, reference card.FileID) (int, error) {
	for _, c := range []apdu.Command{
		{INS: 0xA4, P1: 0x04, P2: 0x0C, Data: reference.Application().AID()},
		{INS: 0xA4, P1: 0x02, P2: 0x0C, Data: []byte{byte(reference.EF() >> 8), byte(reference.EF())}}, //nolint:gosec // two bytes
	} {
		r, err := apdu.Exchange(ctx, t, c)
		if err != nil {
			return 0, err
		}
		if err := r.Err(); errors.Is(err, apdu.ErrNotFound) {
			return 0, card.ErrNotMyNumberCard
		} else if err != nil {
			return 0, err
		}
	}
	r, err := apdu.Exchange(ctx, t, apdu.Command{INS: 0x20, P2: 0x80})
	if err != nil {
		return 0, err
	}
	left, counted := r.SW.Tries()
	switch {
	case counted:
		return left, nil
	case r.SW == apdu.Blocked || r.SW == apdu.ReferenceUnusable:
		return 0, nil
	case r.SW == apdu.OK || r.SW == apdu.WarnChanged:
		return unknownTries, nil
	}
	return 0, r.Err()
}

// person is what the page shows of a reading, for the holder to agree. It lives as long as the reading.
type person struct {
	Name, Address, BirthDate, Expiry string
	Sex                              uint
	Number                           bool // the individual number was read; it is not shown
	portrait                         []byte
}

// describe takes out of a reading what the holder is shown. It checks layouts alone: the issuer judges.
func describe(r *card.Reading) (*person, error) {
	attributes, err := inside(r, card.AttributesFile, 0xFF20)
	if err != nil {
		return nil, err
	}
	face, err := inside(r, card.FaceFile, 0xFF20)
	if err != nil {
		return nil, err
	}
	p := &person{Name: text(attributes, 0xDF22), Address: text(attributes, 0xDF23), BirthDate: date(attributes, 0xDF24),
		Expiry: date(face, 0xDF29)}
	switch text(attributes, 0xDF25) {
	case "1":
		p.Sex = card.SexMale
	case "2":
		p.Sex = card.SexFemale
	}
	p.portrait, _ = apdu.Find(face, 0xDF27)
	_, p.Number = r.File(card.NumberFile)
	if p.Name == "" || p.Address == "" || p.BirthDate == "" {
		return nil, fmt.Errorf("describing the card: %w", card.ErrFile)
	}
	return p, nil
}

func inside(r *card.Reading, id card.FileID, outer uint32) ([]apdu.TLV, error) {
	content, ok := r.File(id)
	if !ok {
		return nil, fmt.Errorf("describing the card: %v is missing", id)
	}
	t, _, err := apdu.ParseTLV(content)
	if err != nil || t.Tag != outer {
		return nil, fmt.Errorf("describing the card: %v: %w", id, card.ErrFile)
	}
	list, err := apdu.ParseTLVs(t.Value)
	if err != nil {
		return nil, fmt.Errorf("describing the card: %v: %w", id, card.ErrFile)
	}
	return list, nil
}

func text(list []apdu.TLV, tag uint32) string {
	v, _ := apdu.Find(list, tag)
	return string(v)
}

// date writes YYYYMMDD as people read it, and nothing for what is no date.
func date(list []apdu.TLV, tag uint32) string {
	v := text(list, tag)
	if len(v) != 8 {
		return ""
	}
	d, err := cbor.ParseFullDate(v[:4] + "-" + v[4:6] + "-" + v[6:])
	if err != nil {
		return ""
	}
	return fmt.Sprintf("%d年%d月%d日", d.Year, d.Month, d.Day)
}
