package jpkiap

import (
	"encoding/binary"
	"slices"
	"strings"

	"mobileid/mdoc/apdu"
)

// AID is the application identifier (ISO/IEC 7816-4:2020, 12.3.4), on a card and on a phone.
func AID() []byte { return []byte{0xD3, 0x92, 0xF0, 0x00, 0x26, 0x01, 0x00, 0x00, 0x00, 0x01} }

// The elementary files, by identifier. All of them have short identifiers.
const (
	SignatureCertificate      uint16 = 0x01 // DER, opened by the signature password
	SignatureCA               uint16 = 0x02 // DER, free
	TokenInfo                 uint16 = 0x06 // free
	Presence                  uint16 = 0x08 // free; which certificates are there
	AuthenticationCertificate uint16 = 0x0A // DER; free on a card, opened by the PIN on a phone
	AuthenticationCA          uint16 = 0x0B // DER, free
	AuthenticationKey         uint16 = 0x17
	AuthenticationPIN         uint16 = 0x18
	SignatureKey              uint16 = 0x1A
	SignaturePassword         uint16 = 0x1B

	// LastFile is the highest identifier a file may have.
	LastFile uint16 = 0x1E
)

// Labels tell the tokens apart; nothing else does.
const (
	LabelCard    = "JPKIAPICCTOKEN2"
	LabelOldCard = "JPKIAPICCTOKEN" // 住基カード
	LabelAndroid = "JPKIAPGPSETOKEN"
	LabelIPhone  = "JPKIAPIOSTOKEN"
)

// BothPresent is the content of Presence when both certificates are there.
func BothPresent() []byte { return []byte{0x8F, 0x8F, 0x00} }

// NonePresent is the content of Presence before there are certificates.
func NonePresent() []byte { return []byte{0x00, 0x00, 0x00} }

// TokenInformation is the file TokenInfo, 160 bytes: CK_TOKEN_INFO of PKCS#11 v2.40 (3.2), big-endian, texts filled with spaces. label has at
// most 32 bytes.
func TokenInformation(label string) []byte {
	text := func(s string, n int) string { return s + strings.Repeat(" ", n-len(s)) }
	b := []byte(text(label, 32) + text("mobileid model", 32) + text("TEST", 16) + text("TEST", 16))
	for _, n := range []uint32{0x0000040D, 1, 0, 1, 0, 16, 6, 0xFFFFFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0xFFFFFFFF} {
		b = binary.BigEndian.AppendUint32(b, n)
	}
	b = append(b, 1, 0, 1, 0) // hardware and firmware version
	return append(b, strings.Repeat("9", 16)...)
}

// Try limits of the two secrets.
const (
	PINTries      = 3
	PasswordTries = 5
)

// Bounds of the signature password.
const (
	MinPassword = 6
	MaxPassword = 16
	PINLength   = 4
)

// IsPIN tells whether b is a PIN: four digits in ASCII.
func IsPIN(b []byte) bool {
	return len(b) == PINLength && !slices.ContainsFunc(b, func(c byte) bool { return c < '0' || c > '9' })
}

// IsPassword tells whether b is a signature password: 6 to 16 of A to Z and 0 to 9 in ASCII.
func IsPassword(b []byte) bool {
	return len(b) >= MinPassword && len(b) <= MaxPassword &&
		!slices.ContainsFunc(b, func(c byte) bool { return (c < '0' || c > '9') && (c < 'A' || c > 'Z') })
}

// ReadAddress reads P1 and P2 of READ BINARY (ISO/IEC 7816-4:2020, 11.3.3): a 15-bit offset in the current file (ef 0), or a short
// identifier and 8 bits of offset.
func ReadAddress(c apdu.Command) (ef uint16, offset int, sw apdu.SW) {
	if len(c.Data) > 0 || c.Le == 0 {
		return 0, 0, apdu.WrongLength
	}
	if c.P1&0x80 == 0 {
		return 0, int(c.P1)<<8 | int(c.P2), apdu.OK
	}
	if c.P1&0x60 != 0 {
		return 0, 0, apdu.WrongParameters
	}
	return uint16(c.P1 & 0x1F), int(c.P2), apdu.OK
}

// Reference reads P2 of the commands that use a secret or a key: 80 is the current file (ef 0), 80|id another.
func Reference(p2 byte) (ef uint16, sw apdu.SW) {
	if p2&0x80 == 0 || p2&0x60 != 0 {
		return 0, apdu.WrongParameters
	}
	return uint16(p2 & 0x1F), apdu.OK
}
