package card

import (
	"crypto/rsa"
	"crypto/sha256"
	"fmt"

	"mobileid/mdoc/apdu"
	"mobileid/mdoc/cbor"
)

// parseNumber reads 補助AP 0001: FF10 ‖ 0C ‖ twelve digits, then filler.
func parseNumber(file []byte) (string, error) {
	t, rest, err := apdu.ParseTLV(file)
	if err != nil {
		return "", fmt.Errorf("individual number: %w: %w", ErrFile, err)
	}
	if t.Tag != 0xFF10 || len(t.Value) != 12 || !digits(string(t.Value)) || !filler(rest) {
		return "", fmt.Errorf("individual number: %w", ErrFile)
	}
	return string(t.Value), nil
}

// attributes is 補助AP 0002:
//
//	FF20 { DF21 offsets, DF22 name, DF23 address, DF24 birth date, DF25 sex }
type attributes struct {
	name, address string
	birth         cbor.FullDate
	sex           uint
	digest        [sha256.Size]byte // over everything behind the offset table, as DF32 of 0003 states it
}

func parseAttributes(file []byte) (*attributes, error) {
	list, err := objects(file, 0xFF20, 0xDF21, 0xDF22, 0xDF23, 0xDF24, 0xDF25)
	if err != nil {
		return nil, fmt.Errorf("attributes: %w", err)
	}
	if err := checkOffsets(file, list); err != nil {
		return nil, fmt.Errorf("attributes: %w", err)
	}
	a := &attributes{digest: sha256.Sum256(join(list[1:]))}
	if a.name, err = parseText(list[1].value); err != nil {
		return nil, fmt.Errorf("name: %w", err)
	}
	if a.address, err = parseText(list[2].value); err != nil {
		return nil, fmt.Errorf("address: %w", err)
	}
	if a.birth, err = parseDate(list[3].value); err != nil {
		return nil, fmt.Errorf("birth date: %w", err)
	}
	if a.sex, err = parseSex(list[4].value); err != nil {
		return nil, err
	}
	return a, nil
}

// integrity is 補助AP 0003:
//
//	FF30 { DF31 SHA-256 of 0001 with its filler, DF32 SHA-256 of 0002 behind the offset table, DF33 signature over both }
type integrity struct {
	number, attributes []byte
	signed, signature  []byte
}

func parseIntegrity(file []byte) (*integrity, error) {
	list, err := objects(file, 0xFF30, 0xDF31, 0xDF32, 0xDF33)
	if err != nil {
		return nil, fmt.Errorf("integrity record: %w", err)
	}
	in := &integrity{number: list[0].value, attributes: list[1].value, signed: join(list[:2]), signature: list[2].value}
	if len(in.number) != sha256.Size || len(in.attributes) != sha256.Size {
		return nil, fmt.Errorf("integrity record: digest length: %w", ErrFile)
	}
	return in, nil
}

// keyRecord is 補助AP 0007:
//
//	FF50 { DF51 public key of the application, DF52 signature over DF51 }
type keyRecord struct {
	key               *rsa.PublicKey
	signed, signature []byte
}

func parseKeyRecord(file []byte) (*keyRecord, error) {
	list, err := objects(file, 0xFF50, 0xDF51, 0xDF52)
	if err != nil {
		return nil, fmt.Errorf("key record: %w", err)
	}
	key, err := parsePublicKey(list[0].value)
	if err != nil {
		return nil, fmt.Errorf("key record: %w", err)
	}
	return &keyRecord{key: key, signed: list[0].raw, signature: list[1].value}, nil
}

// face is 券面AP 0002:
//
//	FF20 { DF21 offsets, DF22 birth date, DF23 sex, DF24 public key of the application, DF25 name PNG, DF26 address PNG,
//	       DF27 photo JP2, DF28 signature, DF29 expiry, DF2A security code PNG }
type face struct {
	birth, expiry cbor.FullDate
	sex           uint
	key           *rsa.PublicKey
	portrait      []byte
	name, address []byte // PNG
	securityCode  []byte // PNG, not signed
	digests       []byte // the 96 bytes that DF28 signs
	signature     []byte
}

func parseFace(file []byte) (*face, error) {
	list, err := objects(file, 0xFF20, 0xDF21, 0xDF22, 0xDF23, 0xDF24, 0xDF25, 0xDF26, 0xDF27, 0xDF28, 0xDF29, 0xDF2A)
	if err != nil {
		return nil, fmt.Errorf("card face: %w", err)
	}
	if err := checkOffsets(file, list); err != nil {
		return nil, fmt.Errorf("card face: %w", err)
	}
	f := &face{
		portrait: list[6].value, signature: list[7].value, digests: faceDigests(list),
		name: list[4].value, address: list[5].value, securityCode: list[9].value,
	}
	if f.birth, err = parseDate(list[1].value); err != nil {
		return nil, fmt.Errorf("card face: birth date: %w", err)
	}
	if f.sex, err = parseSex(list[2].value); err != nil {
		return nil, fmt.Errorf("card face: %w", err)
	}
	if f.key, err = parsePublicKey(list[3].value); err != nil {
		return nil, fmt.Errorf("card face: %w", err)
	}
	if f.expiry, err = parseDate(list[8].value); err != nil {
		return nil, fmt.Errorf("card face: expiry: %w", err)
	}
	return f, nil
}

// faceDigests are SHA-256 of the text objects, of the two text images, and of the photo, one behind the other: a verifier
// can check the text without the photo.
func faceDigests(list []object) []byte {
	var out []byte
	for _, part := range [][]object{list[1:4], list[4:6], list[6:7]} {
		d := sha256.Sum256(join(part))
		out = append(out, d[:]...)
	}
	return out
}

// BasicData is 券面AP 0003, which nobody signs:
//
//	FF30 { DF31 version, DF32 key id, DF33 version, DF34 municipality code, DF35 key id ‖ encrypted 照合番号 }
type BasicData struct {
	// Specification is the version of the specification, the flag for extended lengths, the vendor and a byte of the vendor's.
	Specification [4]byte
	KeyID         KeyID
	Version       byte
	// Municipality is the code, 5 digits.
	Municipality string
	// Encrypted is the 照合番号 for the issuer's eyes, behind the id of its key. What it holds is not public.
	Encrypted []byte
}

// ParseBasicData reads 券面AP 0003.
func ParseBasicData(file []byte) (BasicData, error) {
	list, err := objects(file, 0xFF30, 0xDF31, 0xDF32, 0xDF33, 0xDF34, 0xDF35)
	if err != nil {
		return BasicData{}, fmt.Errorf("basic data: %w", err)
	}
	code := string(list[3].value)
	switch {
	case len(list[0].value) != 4, len(list[1].value) != len(KeyID{}), len(list[2].value) != 1:
		return BasicData{}, fmt.Errorf("basic data: length of an object: %w", ErrFile)
	case len(code) != 5 || !digits(code):
		return BasicData{}, fmt.Errorf("basic data: municipality code: %w", ErrFile)
	}
	return BasicData{
		Specification: [4]byte(list[0].value), KeyID: KeyID(list[1].value), Version: list[2].value[0], Municipality: code,
		Encrypted: list[4].value,
	}, nil
}

// parseBasic reads the municipality code alone.
func parseBasic(file []byte) (municipality string, err error) {
	b, err := ParseBasicData(file)
	return b.Municipality, err
}
