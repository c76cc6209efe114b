package card

import (
	"time"

	"mobileid/mdoc/cbor"
)

// An Identity is a person as the card, checked, states them. Formatting one gives [redacted].
type Identity struct {
	// FullName is 氏名, unchanged: family and given name separated by U+3000 where the card separates them.
	FullName string
	// NameSubstitutes and AddressSubstitutes say that some character stands in for one that cannot be written.
	NameSubstitutes, AddressSubstitutes bool
	Address                             string
	// LocalGovCode is the municipality code, 5 digits without the check digit.
	LocalGovCode string
	BirthDate    cbor.FullDate
	// Sex is the code of ISO/IEC 5218: 0, 1, 2 or 9.
	Sex uint
	// Portrait is the photo as the card holds it: JP2, greyscale.
	Portrait []byte
	// IndividualNumber is empty unless it was read and consented to.
	IndividualNumber string
	// CardExpiry is the last second of the card's validity. The date is not signed by the card's issuer; see the package.
	CardExpiry time.Time
	// CertificateNotAfter is the last second of the signature certificate.
	CertificateNotAfter time.Time
	// SubjectKey names the signature certificate by issuer and serial number (発行番号), the input of a keyed pseudonym: the same person's next
	// card gives another. It is itself personal: it must not be stored in the clear.
	SubjectKey []byte
}
