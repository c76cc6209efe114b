package cbor

import (
	"fmt"
	"strings"
	"time"
)

const (
	tagTDate    = 0    // RFC 8949, 3.4.1
	tagFullDate = 1004 // RFC 8943

	tdateLayout = "2006-01-02T15:04:05Z"
	dateLayout  = time.DateOnly
)

// TDate is tdate = #6.0(tstr) as ISO/IEC 18013-5:2021, 9.1.2.4 narrows it: YYYY-MM-DDThh:mm:ssZ, no fraction, no offset.
type TDate struct{ t time.Time }

// NewTDate cuts t to whole seconds in UTC.
func NewTDate(t time.Time) TDate { return TDate{t.UTC().Truncate(time.Second)} }

// Time gives the instant, in UTC.
func (d TDate) Time() time.Time { return d.t }

// String gives the text form.
func (d TDate) String() string { return d.t.Format(tdateLayout) }

// MarshalCBOR encodes the tagged text; years outside 0000-9999 are refused.
func (d TDate) MarshalCBOR() ([]byte, error) {
	if y := d.t.Year(); y < 0 || y > 9999 {
		return nil, fail(0, "the year %d has no four digits", y)
	}
	return AppendText(AppendTag(nil, tagTDate), d.String()), nil
}

// UnmarshalCBOR accepts tag 0 with exactly the form above.
func (d *TDate) UnmarshalCBOR(data []byte) error {
	s, err := taggedText(data, tagTDate)
	if err != nil {
		return err
	}
	t, err := time.Parse(tdateLayout, s)
	if err != nil || t.Format(tdateLayout) != s {
		return fail(0, "a tdate that is not YYYY-MM-DDThh:mm:ssZ")
	}
	d.t = t
	return nil
}

// ReadTDate decodes a tdate of another maker. Beside the form of [TDate] it takes a fraction of a second, up to nine digits,
// which issuers in the field write although the standard does not allow it; fraction reports that one was there. The instant
// is exact; String and MarshalCBOR never write the fraction. Offsets, a lower-case z and every other form stay refused.
func ReadTDate(item RawMessage) (d TDate, fraction bool, err error) {
	s, err := taggedText(item, tagTDate)
	if err != nil {
		return TDate{}, false, err
	}
	t, fraction, ok := parseFraction(s)
	if !ok {
		return TDate{}, false, fail(0, "a tdate that is neither YYYY-MM-DDThh:mm:ssZ nor that with a fraction")
	}
	return TDate{t}, fraction, nil
}

func parseFraction(s string) (t time.Time, fraction, ok bool) {
	whole := s
	const seconds = len("2006-01-02T15:04:05")
	if len(s) > seconds+2 && s[seconds] == '.' {
		digits := s[seconds+1 : len(s)-1]
		if len(digits) > 9 || strings.Trim(digits, "0123456789") != "" {
			return time.Time{}, false, false
		}
		whole, fraction = s[:seconds]+s[len(s)-1:], true
	}
	t, err := time.Parse(tdateLayout, s) // takes a fraction after the seconds
	if err != nil || t.Format(tdateLayout) != whole {
		return time.Time{}, false, false
	}
	return t, fraction, true
}

// FullDate is full-date = #6.1004(tstr), a calendar day without a time zone (RFC 8943).
type FullDate struct {
	Year  int
	Month time.Month
	Day   int
}

// ParseFullDate reads YYYY-MM-DD and refuses days that the calendar does not have. The text is not repeated in the error.
func ParseFullDate(s string) (FullDate, error) {
	t, err := time.Parse(dateLayout, s)
	if err != nil || t.Format(dateLayout) != s {
		return FullDate{}, fmt.Errorf("cbor: a full-date that is not a day YYYY-MM-DD")
	}
	return FullDate{t.Year(), t.Month(), t.Day()}, nil
}

// String gives YYYY-MM-DD.
func (d FullDate) String() string { return fmt.Sprintf("%04d-%02d-%02d", d.Year, int(d.Month), d.Day) }

// MarshalCBOR encodes the tagged text; a day that does not exist is refused.
func (d FullDate) MarshalCBOR() ([]byte, error) {
	if _, err := ParseFullDate(d.String()); err != nil {
		return nil, err
	}
	return AppendText(AppendTag(nil, tagFullDate), d.String()), nil
}

// UnmarshalCBOR accepts tag 1004 with YYYY-MM-DD.
func (d *FullDate) UnmarshalCBOR(data []byte) error {
	s, err := taggedText(data, tagFullDate)
	if err != nil {
		return err
	}
	*d, err = ParseFullDate(s)
	return err
}

func taggedText(data []byte, tag uint64) (string, error) {
	h, err := readHead(data, 0)
	if err != nil {
		return "", err
	}
	if h.major != majorTag || h.arg != tag {
		return "", fail(0, "%s where tag %d is due", majorName(h), tag)
	}
	var s string
	if err := Unmarshal(data[h.next:], &s); err != nil {
		return "", err
	}
	return s, nil
}
