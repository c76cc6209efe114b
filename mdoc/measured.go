package mdoc

import (
	"strconv"
	"time"
)

// maxVersion is how much of a version is repeated.
const maxVersion = 8

// measuredVersion repeats a version without what does not belong in one.
func measuredVersion(version string) string {
	b := []byte(version[:min(len(version), maxVersion)])
	for i, c := range b {
		if c != '.' && (c < '0' || c > '9') {
			b[i] = '?'
		}
	}
	return measured("version ", strconv.Quote(string(b)), ", major version 1 is due")
}

// measured puts together what a check saw: texts, numbers, times in UTC and durations; it takes no other types. A judgement
// holds some thirty of these texts, so they are not formatted by reflection.
func measured(parts ...any) string {
	b := make([]byte, 0, 128)
	for _, part := range parts {
		switch p := part.(type) {
		case string:
			b = append(b, p...)
		case int:
			b = strconv.AppendInt(b, int64(p), 10)
		case uint64:
			b = strconv.AppendUint(b, p, 10)
		case time.Time:
			b = p.UTC().AppendFormat(b, time.RFC3339)
		case time.Duration:
			b = append(b, p.String()...)
		}
	}
	return string(b)
}
