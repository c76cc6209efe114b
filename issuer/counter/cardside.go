package counter

import (
	"context"
	"fmt"

	"mobileid/issuer/card"
	"mobileid/mdoc/apdu"
	"mobileid/mdoc/cbor"
)

// unknownTries is what a secret has whose card told no number (card.PINStatus).
const unknownTries = -1

// tries are the attempts left for each secret, as the card tells them without spending one.
type tries struct{ attribute, numberB, signature int }

func (t tries) blocked() bool { return t.attribute == 0 || t.numberB == 0 || t.signature == 0 }

func (t tries) last() bool { return t.attribute == 1 || t.numberB == 1 || t.signature == 1 }

// askTries asks a card for the tries left, without spending one. A phone is no card to read at a counter.
func askTries(ctx context.Context, t apdu.Transmitter, extended bool) (tries, error) {
	client, err := card.Connect(ctx, t, card.ClientOptions{Extended: extended})
	if err != nil {
		return tries{}, fmt.Errorf("asking for the tries left: %w", err)
	}
	status, err := client.PINStatus(ctx, card.AttributesPINFile, card.FaceNumberBFile, card.SignaturePasswordFile)
	if err != nil {
		return tries{}, fmt.Errorf("asking for the tries left: %w", err)
	}
	for _, s := range status {
		if s.State == card.SecretAbsent || s.State == card.SecretUnknown {
			return tries{}, fmt.Errorf("asking for the tries left: %w", card.ErrCardAnswer)
		}
	}
	return tries{attribute: status[0].TriesLeft, numberB: status[1].TriesLeft, signature: status[2].TriesLeft}, nil
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
