package cbor

import (
	"fmt"
	"strconv"
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
	return d.Append(nil), nil
}

// Append appends the tagged text. The caller answers for a year of four digits.
func (d TDate) Append(b []byte) []byte {
	b = AppendHead(AppendTag(b, tagTDate), majorText, uint64(len(tdateLayout)))
	return d.t.AppendFormat(b, tdateLayout)
}

// UnmarshalCBOR accepts tag 0 with exactly the form above.
func (d *TDate) UnmarshalCBOR(data []byte) error {
	s, err := taggedText(data, tagTDate)
	if err != nil {
		return err
	}
	t, ok := parseTDate(s)
	if !ok {
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
	if t, ok := parseTDate(s); ok {
		return TDate{t}, false, nil
	}
	t, ok := parseFraction(string(s))
	if !ok {
		return TDate{}, false, fail(0, "a tdate that is neither YYYY-MM-DDThh:mm:ssZ nor that with a fraction")
	}
	return TDate{t}, true, nil
}

// parseFraction takes the form of [TDate] with a point and one to nine digits after the seconds.
func parseFraction(s string) (time.Time, bool) {
	const seconds = len("2006-01-02T15:04:05")
	if len(s) < seconds+3 || len(s) > seconds+11 || s[seconds] != '.' || strings.Trim(s[seconds+1:len(s)-1], "0123456789") != "" {
		return time.Time{}, false
	}
	t, ok := parseTDate([]byte(s[:seconds] + s[len(s)-1:]))
	nanoseconds, _ := strconv.Atoi((s[seconds+1:len(s)-1] + "00000000")[:9]) // digits
	return t.Add(time.Duration(nanoseconds)), ok
}

// parseTDate takes what time.Parse takes with tdateLayout and formats back to the same, and nothing else.
func parseTDate(s []byte) (time.Time, bool) {
	const form = "0000-00-00T00:00:00Z"
	if len(s) != len(form) {
		return time.Time{}, false
	}
	for i, c := range s {
		if isDigit := c >= '0' && c <= '9'; form[i] == '0' && !isDigit || form[i] != '0' && c != form[i] {
			return time.Time{}, false
		}
	}
	n := func(from, to int) (n int) {
		for _, c := range s[from:to] {
			n = 10*n + int(c-'0')
		}
		return n
	}
	year, month, day, hour, minute, second := n(0, 4), n(5, 7), n(8, 10), n(11, 13), n(14, 16), n(17, 19)
	t := time.Date(year, time.Month(month), day, hour, minute, second, 0, time.UTC)
	// time.Date carries what is out of range: such a text does not come back.
	ok := hour < 24 && minute < 60 && second < 60 && t.Month() == time.Month(month) // a day that is carried is one of another month
	return t, ok
}

// FullDate is full-date = #6.1004(tstr), a calendar day without a time zone (RFC 8943).
type FullDate struct {
	Year  int
	Month time.Month
	Day   int
}

// ParseFullDate reads YYYY-MM-DD and refuses days that the calendar does not have. The text is not repeated in the error.
func ParseFullDate(s string) (FullDate, error) {
	t, _ := time.Parse(dateLayout, s) // the year 1 on failure, which is not s either
	if t.Format(dateLayout) != s {
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
	*d, err = ParseFullDate(string(s))
	return err
}

// taggedText gives the text inside a tag, a slice of data.
func taggedText(data []byte, tag uint64) ([]byte, error) {
	h, err := readHead(data, 0)
	if err != nil {
		return nil, err
	}
	if h.major != majorTag || h.arg != tag {
		return nil, fail(0, "%s where tag %d is due", majorName(h), tag)
	}
	c := NewCursor(data)
	c.off = h.next
	s := c.str(kindText)
	return s, c.Done()
}
