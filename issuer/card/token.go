package card

import (
	"errors"
	"fmt"
	"strings"

	"mobileid/mdoc/apdu"
	"mobileid/mdoc/jpkiap"
)

// A Kind is the kind of token that JPKI-AP is in, as its label tells.
type Kind uint8

// The kinds. A Client is given for the first three only.
const (
	KindCard    Kind = 1 // My Number card
	KindAndroid Kind = 2 // スマホ用電子証明書 in an Android phone (GP-SE)
	KindIPhone  Kind = 3 // the same in an iPhone
)

// Phone tells the tokens that have JPKI-AP only, and whose authentication certificate needs the PIN.
func (k Kind) Phone() bool { return k == KindAndroid || k == KindIPhone }

// String is the English name of the kind.
func (k Kind) String() string {
	switch k {
	case KindCard:
		return "My Number card"
	case KindAndroid:
		return "Android phone"
	case KindIPhone:
		return "iPhone"
	default:
		return fmt.Sprintf("kind %d", uint8(k))
	}
}

// Errors about the token. The others are also ErrNotMyNumberCard.
var (
	// ErrNotMyNumberCard says that the card in the field has no JPKI-AP, or one of another token.
	ErrNotMyNumberCard = errors.New("not a My Number card")
	// ErrOldCard says that it is a 住基カード, the card before 2016, whose certificates have all ended.
	ErrOldCard = fmt.Errorf("a 住基カード, the card before 2016: %w", ErrNotMyNumberCard)
	// ErrPhone says that it is a phone, which has neither attributes nor a card face.
	ErrPhone = fmt.Errorf("a phone, which has certificates only: %w", ErrNotMyNumberCard)
)

// TokenInformation is JPKI-AP 0006, CK_TOKEN_INFO of PKCS#11 v2.40 (3.2) written out: 160 bytes. Only texts and PIN lengths are
// kept; trailing spaces are cut.
type TokenInformation struct {
	Label, Manufacturer, Model, SerialNumber string
	Flags                                    uint32
	MaxPIN, MinPIN                           uint32
	HardwareVersion, FirmwareVersion         [2]byte
}

const tokenBytes = 160

// ParseTokenInformation reads JPKI-AP 0006. Texts must be printable ASCII.
func ParseTokenInformation(file []byte) (TokenInformation, error) {
	if len(file) != tokenBytes {
		return TokenInformation{}, fmt.Errorf("token information of %d bytes: %w", len(file), ErrFile)
	}
	texts := file[:96]
	for _, c := range texts {
		if c < ' ' || c > '~' {
			return TokenInformation{}, fmt.Errorf("token information: text: %w", ErrFile)
		}
	}
	cut := func(from, to int) string { return strings.TrimRight(string(texts[from:to]), " ") }
	return TokenInformation{
		Label: cut(0, 32), Manufacturer: cut(32, 64), Model: cut(64, 80), SerialNumber: cut(80, 96),
		Flags:  bigEndian32(file[96:]),
		MaxPIN: bigEndian32(file[116:]), MinPIN: bigEndian32(file[120:]),
		HardwareVersion: [2]byte(file[140:142]), FirmwareVersion: [2]byte(file[142:144]),
	}, nil
}

func bigEndian32(b []byte) uint32 {
	return uint32(b[0])<<24 | uint32(b[1])<<16 | uint32(b[2])<<8 | uint32(b[3])
}

// Kind tells the kind by the label, the only thing in which the tokens are known to differ.
func (t TokenInformation) Kind() (Kind, error) {
	switch t.Label {
	case jpkiap.LabelCard:
		return KindCard, nil
	case jpkiap.LabelAndroid:
		return KindAndroid, nil
	case jpkiap.LabelIPhone:
		return KindIPhone, nil
	case jpkiap.LabelOldCard:
		return 0, ErrOldCard
	default:
		return 0, fmt.Errorf("the token label is another: %w", ErrNotMyNumberCard)
	}
}

// notFoundIsAnotherCard says what it means that a card has no JPKI-AP.
func notFoundIsAnotherCard(err error) error {
	if errors.Is(err, apdu.ErrNotFound) {
		return fmt.Errorf("%w: %w", ErrNotMyNumberCard, err)
	}
	return err
}
