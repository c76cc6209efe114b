package card

import (
	"bytes"
	"crypto/rsa"
	"fmt"
	"image/png"

	"mobileid/mdoc/apdu"
	"mobileid/mdoc/cbor"
)

// AgeRecord is 券面AP 0001, the birth date alone:
//
//	FF10 { DF11 birth date YYYYMMDD, DF12 public key of the application, DF13 signature over DF11 ‖ DF12 }
type AgeRecord struct {
	BirthDate cbor.FullDate
	Key       *rsa.PublicKey

	signed, signature []byte
}

// ParseAgeRecord reads 券面AP 0001. The result aliases file; its signature is judged by [Inspect].
func ParseAgeRecord(file []byte) (*AgeRecord, error) {
	list, err := objects(file, 0xFF10, 0xDF11, 0xDF12, 0xDF13)
	if err != nil {
		return nil, fmt.Errorf("age record: %w", err)
	}
	a := &AgeRecord{signed: join(list[:2]), signature: list[2].value}
	if a.BirthDate, err = parseDate(list[0].value); err != nil {
		return nil, fmt.Errorf("age record: %w", err)
	}
	if a.Key, err = parsePublicKey(list[1].value); err != nil {
		return nil, fmt.Errorf("age record: %w", err)
	}
	return a, nil
}

// NumberImage is 券面AP 0005, the individual number as a picture:
//
//	FF40 { DF41 PNG, DF42 public key of the application, DF43 signature over DF41 ‖ DF42 }
type NumberImage struct {
	PNG []byte
	Key *rsa.PublicKey

	signed, signature []byte
}

// ParseNumberImage reads 券面AP 0005. The result aliases file.
func ParseNumberImage(file []byte) (*NumberImage, error) {
	list, err := objects(file, 0xFF40, 0xDF41, 0xDF42, 0xDF43)
	if err != nil {
		return nil, fmt.Errorf("number image: %w", err)
	}
	n := &NumberImage{PNG: list[0].value, signed: join(list[:2]), signature: list[2].value}
	if err := checkPNG(n.PNG); err != nil {
		return nil, fmt.Errorf("number image: %w", err)
	}
	if n.Key, err = parsePublicKey(list[1].value); err != nil {
		return nil, fmt.Errorf("number image: %w", err)
	}
	return n, nil
}

// maxPixels bounds the side of a picture on the card; the address, the largest, has some hundred pixels.
const maxPixels = 4096

// checkPNG looks at the header of a PNG (ISO/IEC 15948) and leaves the picture alone.
func checkPNG(b []byte) error {
	c, err := png.DecodeConfig(bytes.NewReader(b))
	if err != nil || c.Width > maxPixels || c.Height > maxPixels {
		return fmt.Errorf("no PNG of at most %d pixels a side: %w", maxPixels, ErrFile)
	}
	return nil
}

// AttributesBasicData is 補助AP 0005, which nobody signs:
//
//	FF40 { DF41 version, DF42 key id, DF43 128 bytes of unknown meaning }
type AttributesBasicData struct {
	Specification [4]byte
	KeyID         KeyID
}

// ParseAttributesBasicData reads 補助AP 0005.
func ParseAttributesBasicData(file []byte) (AttributesBasicData, error) {
	list, err := objects(file, 0xFF40, 0xDF41, 0xDF42, 0xDF43)
	if err != nil {
		return AttributesBasicData{}, fmt.Errorf("basic data of the attributes: %w", err)
	}
	if len(list[0].value) != 4 || len(list[1].value) != len(KeyID{}) {
		return AttributesBasicData{}, fmt.Errorf("basic data of the attributes: length of an object: %w", ErrFile)
	}
	return AttributesBasicData{Specification: [4]byte(list[0].value), KeyID: KeyID(list[1].value)}, nil
}

// parseSessionKey reads 補助AP 0006, the public key for secure messaging: A1 { 90 exponent, 91 modulus }.
func parseSessionKey(file []byte) (*rsa.PublicKey, error) {
	t, rest, err := apdu.ParseTLV(file)
	if err != nil || t.Tag != 0xA1 || !filler(rest) {
		return nil, fmt.Errorf("session key: %w", ErrFile)
	}
	return parsePublicKey(t.Value)
}

// CardNumber is record 1 of 共通カードAP 0001, in simple-TLV: 01 1C and 28 digits.
type CardNumber struct {
	Manufacturing string // 15 digits
	Municipality  string // 5 digits
	Expiry        cbor.FullDate
}

// ParseCardNumber reads record 1 of 共通カードAP 0001.
func ParseCardNumber(record []byte) (CardNumber, error) {
	if len(record) < 30 || record[0] != 0x01 || record[1] != 0x1C || !digits(string(record[2:30])) || !filler(record[30:]) {
		return CardNumber{}, fmt.Errorf("card number: %w", ErrFile)
	}
	text := string(record[2:30])
	expiry, err := parseDate([]byte(text[20:]))
	if err != nil {
		return CardNumber{}, fmt.Errorf("card number: expiry: %w", err)
	}
	return CardNumber{Manufacturing: text[:15], Municipality: text[15:20], Expiry: expiry}, nil
}
