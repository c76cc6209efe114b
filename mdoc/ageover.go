package mdoc

import (
	"strconv"
	"strings"
)

// agePrefix begins the identifier of every age attestation.
const agePrefix = "age_over_"

// AgeOver reads the NN of an age_over_NN element identifier: exactly two digits (ISO/IEC 18013-5:2021, 7.2.5).
func AgeOver(identifier string) (int, bool) {
	digits, ok := strings.CutPrefix(identifier, agePrefix)
	if !ok || len(digits) != 2 || digits[0] < '0' { // no sign
		return 0, false
	}
	nn, err := strconv.Atoi(digits)
	return nn, err == nil
}

// AgeOverIdentifier writes age_over_NN.
func AgeOverIdentifier(nn int) string {
	if nn < 10 {
		return agePrefix + "0" + strconv.Itoa(nn)
	}
	return agePrefix + strconv.Itoa(nn)
}

// SelectAgeOver gives the age attestation that answers a request for age_over_NN (ISO/IEC 18013-5:2021, 7.2.5): the
// nearest true one at or above, else the nearest false one at or below, else none. stored is by NN.
func SelectAgeOver(stored map[int]bool, nn int) (answer int, ok bool) {
	best, found := 0, false
	for at, value := range stored {
		if value && at >= nn && (!found || at < best) {
			best, found = at, true
		}
	}
	for at, value := range stored {
		if !value && at <= nn && (!found || at > best) { // never past a true one, which lies at or above nn
			best, found = at, true
		}
	}
	return best, found
}
