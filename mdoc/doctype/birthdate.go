package doctype

import (
	"errors"
	"fmt"
	"log/slog"

	"mobileid/mdoc/cbor"
)

// Birth is the value of birth_date. Mask, when not empty, has eight characters, one for each digit of YYYYMMDD, and
// marks the positions whose digit is not known with 1.
type Birth struct {
	Date cbor.FullDate
	Mask string
}

// Format keeps the date out of formatted text.
func (Birth) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte("[redacted]")) }

// LogValue keeps the date out of logs.
func (Birth) LogValue() slog.Value { return slog.StringValue("[redacted]") }

// approximateDate is the map form of birth_date.
//
// ISO/IEC 23220-2:
//
//	birth-date = full-date / {
//	    "birth_date": full-date,
//	    ? "approximate_mask": tstr      ; 8 characters of 0 and 1
//	}
type approximateDate struct {
	BirthDate cbor.FullDate `cbor:"birth_date"`
	Mask      string        `cbor:"approximate_mask,omitempty"`
}

var errMask = errors.New("approximate_mask is not eight characters of 0 and 1")

// ParseBirthDate reads either form of birth_date. The map without a mask says the same as the plain date.
func ParseBirthDate(value []byte) (Birth, error) {
	const majorMap = 5
	if len(value) == 0 || value[0]>>5 != majorMap {
		var d cbor.FullDate
		if err := cbor.Unmarshal(value, &d); err != nil {
			return Birth{}, fmt.Errorf("decoding birth date: %w", err)
		}
		return Birth{Date: d}, nil
	}
	var a approximateDate
	if err := cbor.Unmarshal(value, &a); err != nil {
		return Birth{}, fmt.Errorf("decoding birth date: %w", err)
	}
	if a.Mask != "" && !validMask(a.Mask) {
		return Birth{}, errMask
	}
	return Birth{Date: a.BirthDate, Mask: a.Mask}, nil
}

// EncodeBirthDate writes the plain date, or the map when a mask is given.
func EncodeBirthDate(b Birth) ([]byte, error) {
	if b.Mask == "" {
		return cbor.Marshal(b.Date)
	}
	if !validMask(b.Mask) {
		return nil, errMask
	}
	return cbor.Marshal(approximateDate{BirthDate: b.Date, Mask: b.Mask})
}

func validMask(s string) bool {
	if len(s) != 8 {
		return false
	}
	for i := range len(s) {
		if s[i] != '0' && s[i] != '1' {
			return false
		}
	}
	return true
}
