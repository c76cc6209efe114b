package card

import (
	"fmt"

	"mobileid/mdoc/cbor"
)

// NumberBParts are what 照合番号B is put together from: all of it is printed on the card.
type NumberBParts struct {
	BirthDate cbor.FullDate
	// Foreign says that the card prints Gregorian years, as those of foreign residents do. On the others the year is the one of the
	// Japanese era.
	Foreign bool
	// ExpiryYear is the Gregorian year in which the card ends.
	ExpiryYear int
	// SecurityCode is the four digits beside the photo.
	SecurityCode string
}

// NumberB is the 照合番号B of 14 digits: birth date YYMMDD with the year as printed, year of expiry, security code. It is a
// *SecretError of ErrSecretForm when a part cannot be right.
func (p NumberBParts) NumberB() (string, error) {
	birth, err := BirthKey(p.BirthDate, p.Foreign)
	if err != nil {
		return "", err
	}
	if p.ExpiryYear < 2016 || p.ExpiryYear > 9999 || len(p.SecurityCode) != 4 {
		return "", &SecretError{Secret: NumberB, TriesLeft: -1, Err: ErrSecretForm}
	}
	return NumberB.normalize(birth + fmt.Sprintf("%04d", p.ExpiryYear) + p.SecurityCode)
}

// BirthKey is the birth date as printed on the card, YYMMDD: the secret that opens the age record, and the beginning of 照合番号B.
func BirthKey(birth cbor.FullDate, foreign bool) (string, error) {
	era, year := Era(birth)
	if foreign {
		era, year = 1, birth.Year%100
	}
	if era == 0 || birth.Month < 1 || birth.Month > 12 || birth.Day < 1 || birth.Day > 31 {
		return "", &SecretError{Secret: BirthDateKey, TriesLeft: -1, Err: ErrSecretForm}
	}
	return fmt.Sprintf("%02d%02d%02d", year, int(birth.Month), birth.Day), nil
}
