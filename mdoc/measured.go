package mdoc

import (
	"strconv"
	"strings"
	"time"
)

// maxVersion is how much of a version is repeated.
const maxVersion = 8

// version repeats a version without what does not belong in one.
func (t *texts) version(version string) string {
	var b [maxVersion]byte
	n := copy(b[:], version)
	for i, c := range b[:n] {
		if c != '.' && (c < '0' || c > '9') {
			b[i] = '?'
		}
	}
	return t.measured(`version "`, string(b[:n]), `", major version 1 is due`)
}

// texts holds what the checks of one judgement saw, one text behind the other: some thirty of them, which would cost as many small
// pieces of memory. They are not formatted by reflection either.
type texts struct{ b strings.Builder }

// ordinaryTexts is how much an ordinary answer's checks say.
const ordinaryTexts = 1 << 10

// measured puts together what a check saw: texts, numbers, times in UTC and durations; it takes no other types.
func (t *texts) measured(parts ...any) string {
	if t.b.Cap() == 0 {
		t.b.Grow(ordinaryTexts)
	}
	start := t.b.Len()
	var room [40]byte
	for _, part := range parts {
		switch p := part.(type) {
		case string:
			t.b.WriteString(p)
		case int:
			t.b.Write(strconv.AppendInt(room[:0], int64(p), 10))
		case uint64:
			t.b.Write(strconv.AppendUint(room[:0], p, 10))
		case time.Time:
			t.b.Write(p.UTC().AppendFormat(room[:0], time.RFC3339))
		case time.Duration:
			t.b.WriteString(p.String())
		}
	}
	return t.b.String()[start:] // what is written behind it leaves it as it is
}

// measured is for a text that stands alone.
func measured(parts ...any) string {
	var t texts
	t.b.Grow(128)
	return t.measured(parts...)
}
