package doctype

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"

	"mobileid/mdoc/cbor"
)

// Type is the type of an element's value as the table names it.
type Type string

// The types of the table, with their CBOR form.
const (
	Text             Type = "tstr"              // tstr, not empty
	Digits           Type = "digits"            // tstr of ASCII digits
	Number           Type = "individual-number" // tstr, 12 digits with a valid check digit
	Image            Type = "image"             // bstr that begins as JPEG or as a JPEG 2000 file (JP2)
	Uint             Type = "uint"              // uint
	Sex              Type = "sex"               // uint of ISO/IEC 5218: 0, 1, 2 or 9
	Bool             Type = "bool"              // bool
	FullDate         Type = "full-date"         // #6.1004(tstr)
	BirthDate        Type = "birth-date"        // full-date, or the map of ISO/IEC 23220-2
	Country          Type = "country"           // tstr, ISO 3166-1 alpha-2
	CountryOf2Or3    Type = "country-2-3"       // tstr, ISO 3166-1 alpha-2 or alpha-3
	Subdivision      Type = "subdivision"       // tstr, ISO 3166-2
	Latin1           Type = "latin1"            // tstr of ISO/IEC 8859-1 characters, at most 150
	Enum             Type = "enum"              // tstr, one of the values
	TDate            Type = "tdate"             // #6.0(tstr)
	Date             Type = "date"              // full-date or tdate
	Bytes            Type = "bstr"              // bstr, not empty
	Biometric        Type = "biometric"         // bstr that begins 7F61
	Array            Type = "array"             // array of anything
	Privileges       Type = "driving-privileges"
	individualDigits      = 12
	maxText               = 4096
	maxImage              = 1 << 20
)

func (t Type) known() bool {
	switch t {
	case Text, Digits, Number, Image, Uint, Sex, Bool, FullDate, BirthDate, Country, CountryOf2Or3, Subdivision, Latin1, Enum,
		TDate, Date, Bytes, Biometric, Array, Privileges:
		return true
	}
	return false
}

// ErrUnknownElement means that the table has no such identifier in that namespace.
var ErrUnknownElement = errors.New("element not in the table of the document type")

// ValueError says which element holds a value that is not of its type. It never holds the value.
type ValueError struct {
	NameSpace, Identifier string
	Type                  Type
	cause                 error
}

func (e *ValueError) Error() string {
	return fmt.Sprintf("element %s of %s: value is no valid %s", e.Identifier, e.NameSpace, e.Type)
}

// Unwrap returns what the codec said, when it was the codec that refused.
func (e *ValueError) Unwrap() error { return e.cause }

// Check tells whether value, one CBOR item as received, is of the type of the named element. It returns
// ErrUnknownElement for an identifier that the table does not hold and *ValueError for a wrong value.
func (t *Table) Check(nameSpace, identifier string, value []byte) error {
	e, ok := t.Element(nameSpace, identifier)
	if !ok {
		return ErrUnknownElement
	}
	return e.Check(value)
}

// Check tells whether value, one CBOR item, is of the element's type; the error is a *ValueError.
func (e Element) Check(value []byte) error {
	ok, err := e.holds(value)
	if err != nil || !ok {
		return &ValueError{NameSpace: e.NameSpace, Identifier: e.Identifier, Type: e.Type, cause: err}
	}
	return nil
}

func (e Element) holds(value []byte) (bool, error) {
	switch e.Type {
	case Text, Digits, Number, Country, CountryOf2Or3, Subdivision, Latin1, Enum:
		var s string
		if err := cbor.Unmarshal(value, &s); err != nil {
			return false, err
		}
		return e.text(s), nil
	case Image, Bytes, Biometric:
		var b []byte
		if err := cbor.Unmarshal(value, &b); err != nil {
			return false, err
		}
		return uint64(len(b)) <= bound(e.Max, maxImage) && e.bytes(b), nil
	case Uint, Sex:
		var n uint64
		if err := cbor.Unmarshal(value, &n); err != nil {
			return false, err
		}
		if e.Type == Sex {
			return n <= 2 || n == 9, nil
		}
		return n >= e.Min && (e.Max == 0 || n <= e.Max), nil
	case Bool:
		var b bool
		return true, cbor.Unmarshal(value, &b)
	case FullDate:
		var d cbor.FullDate
		return true, cbor.Unmarshal(value, &d)
	case TDate:
		var d cbor.TDate
		return true, cbor.Unmarshal(value, &d)
	case Date:
		return holdsDate(value)
	case Array:
		var a []cbor.RawMessage
		return true, cbor.Unmarshal(value, &a)
	case Privileges:
		_, err := ParseDrivingPrivileges(value)
		return true, err
	case BirthDate:
		_, err := ParseBirthDate(value)
		return true, err
	}
	return false, nil
}

// text judges a text string, which the codec has seen to be UTF-8.
func (e Element) text(s string) bool {
	if s == "" || uint64(len(s)) > bound(e.Max, maxText) {
		return false
	}
	switch e.Type {
	case Digits:
		return allDigits(s) && uint64(len(s)) >= e.Min
	case Number:
		return ValidIndividualNumber(s)
	case Country:
		return len(s) == 2 && capitals(s)
	case CountryOf2Or3:
		return (len(s) == 2 || len(s) == 3) && capitals(s)
	case Subdivision:
		return subdivision(s)
	case Latin1:
		return latin1(s)
	case Enum:
		return slices.Contains(e.Values, s)
	default: // the others set no form beyond the length
		return true
	}
}

func (e Element) bytes(b []byte) bool {
	switch e.Type {
	case Image:
		return image(b)
	case Biometric: // ISO/IEC 19785-3 biometric information template
		return bytes.HasPrefix(b, []byte{0x7f, 0x61})
	default:
		return len(b) > 0
	}
}

func holdsDate(value []byte) (bool, error) {
	var day cbor.FullDate
	if cbor.Unmarshal(value, &day) == nil {
		return true, nil
	}
	var moment cbor.TDate
	return true, cbor.Unmarshal(value, &moment)
}

func capitals(s string) bool {
	for i := range len(s) {
		if s[i] < 'A' || s[i] > 'Z' {
			return false
		}
	}
	return true
}

// subdivision accepts the form of ISO 3166-2: a country, a hyphen, one to three letters or digits.
func subdivision(s string) bool {
	country, rest, _ := strings.Cut(s, "-")
	if len(country) != 2 || !capitals(country) || len(rest) == 0 || len(rest) > 3 {
		return false
	}
	return strings.Trim(rest, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789") == ""
}

// maxLatin1 is ISO/IEC 18013-5:2021, 7.2.1: characters, not bytes.
const maxLatin1 = 150

// latin1 accepts the printable characters of ISO/IEC 8859-1, at most 150.
func latin1(s string) bool {
	n := 0
	for _, r := range s {
		if n++; r < 0x20 || r >= 0x7f && r < 0xa0 || r > 0xff {
			return false
		}
	}
	return n <= maxLatin1
}

func bound(of, def uint64) uint64 {
	if of == 0 {
		return def
	}
	return of
}

// allDigits also takes the empty string.
func allDigits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return true
}

// image accepts the two formats ISO/IEC 18013-5 allows for a portrait, by their first bytes: JPEG, and the signature
// box of a JPEG 2000 file (ISO/IEC 15444-1, I.5.1).
func image(b []byte) bool {
	return bytes.HasPrefix(b, []byte{0xff, 0xd8, 0xff}) ||
		bytes.HasPrefix(b, []byte{0, 0, 0, 0x0c, 'j', 'P', ' ', ' ', 0x0d, 0x0a, 0x87, 0x0a})
}

// ValidIndividualNumber tells whether s is twelve digits of which the last is the check digit of the eleven before it
// (平成26年総務省令第85号 第5条).
func ValidIndividualNumber(s string) bool {
	if len(s) != individualDigits || !allDigits(s) {
		return false
	}
	sum := 0
	for n := 1; n <= individualDigits-1; n++ { // n-th digit from the right of the first eleven
		weight := n + 1
		if n > 6 {
			weight = n - 5
		}
		sum += int(s[individualDigits-1-n]-'0') * weight
	}
	check := 0
	if r := sum % 11; r > 1 {
		check = 11 - r
	}
	return int(s[individualDigits-1]-'0') == check
}
