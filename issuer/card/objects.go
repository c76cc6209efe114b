package card

import (
	"bytes"
	"crypto/rsa"
	"errors"
	"fmt"
	"math/big"
	"unicode/utf8"

	"mobileid/mdoc/apdu"
	"mobileid/mdoc/cbor"
)

// ErrFile says that a file of the card has not the layout it must have.
var ErrFile = errors.New("not the layout of this file")

// object is a data object with its bytes as they stand in the file, header included: signatures cover those.
type object struct {
	tag   uint32
	value []byte
	raw   []byte
}

// objects reads the one outer object a file begins with and the objects in it. The first len(tags) must carry these tags
// in this order; objects of other tags may follow, as later card versions add some. Nothing but FF filler may stand
// behind the outer object.
func objects(file []byte, outer uint32, tags ...uint32) ([]object, error) {
	t, rest, err := apdu.ParseTLV(file)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrFile, err)
	}
	if t.Tag != outer || !filler(rest) {
		return nil, fmt.Errorf("outer object %X, want %X and filler: %w", t.Tag, outer, ErrFile)
	}
	var out []object
	for b := t.Value; len(b) > 0; {
		o, rest, err := apdu.ParseTLV(b)
		if err != nil {
			return nil, fmt.Errorf("object %d: %w: %w", len(out), ErrFile, err)
		}
		known := len(out) < len(tags)
		if known && o.Tag != tags[len(out)] || !known && contains(tags, o.Tag) {
			return nil, fmt.Errorf("object %d has tag %X: %w", len(out), o.Tag, ErrFile)
		}
		out = append(out, object{tag: o.Tag, value: o.Value, raw: b[:len(b)-len(rest)]})
		b = rest
	}
	if len(out) < len(tags) {
		return nil, fmt.Errorf("%d of %d objects: %w", len(out), len(tags), ErrFile)
	}
	return out, nil
}

// checkOffsets holds an offset table, the first of the objects of file, to the truth: for each object behind it, in order, 16 bits
// big-endian counted from the first byte of the file. Entries for objects of later card versions are held to it as well.
func checkOffsets(file []byte, list []object) error {
	table := list[0].value
	if len(table) != 2*(len(list)-1) {
		return fmt.Errorf("offset table of %d bytes for %d objects: %w", len(table), len(list)-1, ErrFile)
	}
	_, length, header, err := apdu.ParseTLVHeader(file)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrFile, err)
	}
	at := header + length
	for i := len(list) - 1; i > 0; i-- {
		at -= len(list[i].raw)
		if got := int(table[2*i-2])<<8 | int(table[2*i-1]); got != at {
			return fmt.Errorf("offset table: object %d is said to begin at %d, and begins at %d: %w", i, got, at, ErrFile)
		}
	}
	return nil
}

func contains(tags []uint32, tag uint32) bool {
	for _, t := range tags {
		if t == tag {
			return true
		}
	}
	return false
}

func filler(b []byte) bool { return len(bytes.Trim(b, "\xFF")) == 0 }

// join concatenates the objects as they stand.
func join(list []object) []byte {
	var out []byte
	for _, o := range list {
		out = append(out, o.raw...)
	}
	return out
}

// parsePublicKey reads 90 03 010001 ‖ 91 820100 modulus: RSA-2048 with e = 65537, nothing else.
func parsePublicKey(b []byte) (*rsa.PublicKey, error) {
	list, err := apdu.ParseTLVs(b)
	if err != nil {
		return nil, fmt.Errorf("public key: %w: %w", ErrFile, err)
	}
	if len(list) != 2 || list[0].Tag != 0x90 || list[1].Tag != 0x91 || !bytes.Equal(list[0].Value, []byte{1, 0, 1}) {
		return nil, fmt.Errorf("public key: %w", ErrFile)
	}
	n := list[1].Value
	if len(n) != signatureLength || n[0]&0x80 == 0 || n[len(n)-1]&1 == 0 {
		return nil, fmt.Errorf("public key: modulus is not an odd number of 2048 bits: %w", ErrFile)
	}
	return &rsa.PublicKey{N: new(big.Int).SetBytes(n), E: 65537}, nil
}

// parseDate reads eight digits, Gregorian. A day or month that is unknown (00) is refused.
func parseDate(b []byte) (cbor.FullDate, error) {
	if len(b) != 8 || !digits(string(b)) {
		return cbor.FullDate{}, fmt.Errorf("date: %w", ErrFile)
	}
	d, err := cbor.ParseFullDate(string(b[:4]) + "-" + string(b[4:6]) + "-" + string(b[6:]))
	if err != nil {
		return cbor.FullDate{}, fmt.Errorf("date with an unknown or impossible part: %w", ErrFile)
	}
	return d, nil
}

// Sex codes of ISO/IEC 5218, in which an Identity states them.
const (
	SexNotKnown      = 0
	SexMale          = 1
	SexFemale        = 2
	SexNotApplicable = 9
)

// parseSex turns the card's code into ISO/IEC 5218; 3 (unknown) becomes 0.
func parseSex(b []byte) (uint, error) {
	switch string(b) {
	case "1":
		return SexMale, nil
	case "2":
		return SexFemale, nil
	case "9":
		return SexNotApplicable, nil
	case "0", "3":
		return SexNotKnown, nil
	default:
		return 0, fmt.Errorf("sex code: %w", ErrFile)
	}
}

// Longest texts: otherName .5 has up to 200 characters, a name fewer.
const maxText = 200

func parseText(b []byte) (string, error) {
	if !utf8.Valid(b) || len(b) == 0 || utf8.RuneCount(b) > maxText {
		return "", fmt.Errorf("text: %w", ErrFile)
	}
	for _, r := range string(b) {
		if r < ' ' || r == 0x7F {
			return "", fmt.Errorf("control character in text: %w", ErrFile)
		}
	}
	return string(b), nil
}
