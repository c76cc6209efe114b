package card

import (
	"crypto/x509"

	"mobileid/mdoc/cbor"
)

// Contents are the parsed values of what was read; what was not read or is not well-formed is nil or empty. They are personal data:
// formatting them gives [redacted]. Parsed is not proved: see the verdict that comes with them.
type Contents struct {
	Token *TokenInformation

	Signature, SignatureCA           *x509.Certificate
	Authentication, AuthenticationCA *x509.Certificate
	// Holder is what the signature certificate says of its holder.
	Holder *Holder

	Attributes      *HolderAttributes
	Number          string // 個人番号
	AttributesBasic *AttributesBasicData

	Face        *CardFace
	Age         *AgeRecord
	NumberImage *NumberImage
	Basic       *BasicData

	CardNumber *CardNumber
}

// Holder is the subjectAltName of a signature certificate: otherName .1 to .6 under 1.2.392.200149.8.5.5.
type Holder struct {
	Name, Address string
	// NameSubstitutes and AddressSubstitutes have one 0 or 1 for each character, 1 where another stands in.
	NameSubstitutes, AddressSubstitutes string
	BirthDate                           cbor.FullDate
	Sex                                 uint // ISO/IEC 5218
}

// HolderAttributes are the four attributes of 補助AP 0002.
type HolderAttributes struct {
	Name, Address string
	BirthDate     cbor.FullDate
	Sex           uint // ISO/IEC 5218
}

// CardFace is 券面AP 0002. The pictures are as the card holds them, byte for byte.
type CardFace struct {
	BirthDate         cbor.FullDate
	Expiry            cbor.FullDate // not signed
	Sex               uint          // ISO/IEC 5218
	Name, Address     []byte        // PNG
	Portrait          []byte        // JP2
	SecurityCodeImage []byte        // PNG, not signed
}
