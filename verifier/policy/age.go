package policy

import (
	"bytes"

	"mobileid/mdoc"
	"mobileid/mdoc/cbor"
	"mobileid/mdoc/doctype"
)

// AgeReading is what a set of age_over_NN answers proves about one age.
type AgeReading int

// The four readings. Only AgeReached lets anybody buy.
const (
	AgeUnknown    AgeReading = iota // nothing is proved
	AgeReached                      // the holder is at least that old
	AgeNotReached                   // the holder is younger
	AgeDisputed                     // the answers contradict one another or are not truth values
)

// ReadAge reads the age_over_nn elements of one namespace for the age nn, by the rule of ISO/IEC 18013-5 second edition
// draft, 13.4.6: true at an nn of at least the age proves it, false at an nn of at most the age disproves it, anything
// else says nothing about it. The identifier returned may differ from the one asked for.
func ReadAge(elements []mdoc.Element, nameSpace string, age int) AgeReading {
	reached, denied := false, false
	for _, e := range elements {
		nn, ok := doctype.AgeOver(e.Identifier)
		if !ok || e.NameSpace != nameSpace {
			continue
		}
		answer, ok := truth(e.Value)
		switch {
		case !ok:
			return AgeDisputed
		case answer && nn >= age:
			reached = true
		case !answer && nn <= age:
			denied = true
		}
	}
	switch {
	case reached && denied:
		return AgeDisputed
	case reached:
		return AgeReached
	case denied:
		return AgeNotReached
	}
	return AgeUnknown
}

func truth(value []byte) (answer, ok bool) {
	switch {
	case bytes.Equal(value, cbor.AppendBool(nil, true)):
		return true, true
	case bytes.Equal(value, cbor.AppendBool(nil, false)):
		return false, true
	}
	return false, false
}
