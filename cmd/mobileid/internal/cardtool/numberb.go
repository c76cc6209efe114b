package cardtool

import (
	"strconv"
	"strings"

	"mobileid/issuer/card"
	"mobileid/mdoc/cbor"
)

// numberB takes the 照合番号B as its fourteen digits, or as its parts: birth date YYYY-MM-DD, year of expiry, security code, and the
// word "foreign" where the card prints Gregorian years.
func numberB(text string) (string, error) {
	parts := strings.Fields(text)
	if len(parts) < 3 {
		return text, nil
	}
	bad := &card.SecretError{Secret: card.NumberB, TriesLeft: -1, Err: card.ErrSecretForm}
	birth, err := cbor.ParseFullDate(parts[0])
	year, numeric := strconv.Atoi(parts[1])
	foreign := len(parts) == 4 && parts[3] == "foreign"
	if err != nil || numeric != nil || len(parts) > 3 && !foreign {
		return "", bad
	}
	return card.NumberBParts{BirthDate: birth, Foreign: foreign, ExpiryYear: year, SecurityCode: parts[2]}.NumberB()
}
