package annotate

import (
	"bytes"
	"compress/zlib"
	"crypto/sha256"
	"fmt"
	"io"
	"strings"
	"time"
)

// explainTag says what a well-known tag over a scalar is where no rule does.
func explainTag(tag uint64, child *Node) string {
	switch tag {
	case 0:
		return sayTDate([]byte(unquote(child.Value)))
	case 1:
		return "seconds since 1970 (RFC 8949, 3.4.2)"
	case 2, 3:
		return "bignum" + bignum(tag, child.bytes)
	case 1004:
		return "a calendar day (RFC 8943)"
	}
	return ""
}

func bignum(tag uint64, b []byte) string {
	if len(b) > 32 {
		return fmt.Sprintf(" of %d bytes", len(b))
	}
	if tag == 3 {
		return " -1-" + bigOf(b)
	}
	return " " + bigOf(b)
}

// sayTDate tells only what is unusual about a time.
func sayTDate(b []byte) string {
	const strict = "2006-01-02T15:04:05Z"
	s := string(b)
	if at, err := time.Parse(strict, s); err == nil && at.Format(strict) == s {
		return ""
	}
	if _, err := time.Parse(time.RFC3339Nano, s); err == nil {
		return "with a fraction or an offset, which a tdate must not have"
	}
	return "not a time of RFC 3339"
}

func sayFullDate(b []byte) string {
	if at, err := time.Parse(time.DateOnly, string(b)); err == nil && at.Format(time.DateOnly) == string(b) {
		return ""
	}
	return "not a day YYYY-MM-DD"
}

func saySeconds(v int64) string {
	const endOf9999 = 253402300799
	if v < 0 || v > endOf9999 {
		return "outside the years 1970 to 9999"
	}
	return time.Unix(v, 0).UTC().Format(time.RFC3339)
}

func sayPeriod(v int64) string {
	if v < 0 || v > int64(100*365*24*time.Hour/time.Second) {
		return ""
	}
	return (time.Duration(v) * time.Second).String()
}

func sayUUID(b []byte) string {
	if len(b) != 16 {
		return fmt.Sprintf("%d bytes where a UUID has 16", len(b))
	}
	return UUID(b)
}

// UUID writes 16 bytes, big-endian, as RFC 9562 does.
func UUID(b []byte) string {
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:16])
}

func sayImage(b []byte) string {
	switch {
	case bytes.HasPrefix(b, []byte{0xff, 0xd8, 0xff}):
		return fmt.Sprintf("JPEG, %d bytes", len(b))
	case bytes.HasPrefix(b, []byte("\x00\x00\x00\x0cjP  ")), bytes.HasPrefix(b, []byte{0xff, 0x4f, 0xff, 0x51}):
		return fmt.Sprintf("JPEG 2000, %d bytes", len(b))
	}
	return fmt.Sprintf("neither JPEG nor JPEG 2000, %d bytes", len(b))
}

func sayRandom(b []byte) string {
	if len(b) < 16 {
		return fmt.Sprintf("%d bytes where at least 16 are due", len(b))
	}
	return ""
}

func sayPoint(b []byte) string {
	if len(b) == 65 && b[0] == 4 {
		return "a point of P-256, uncompressed"
	}
	return ""
}

// sayDeflated inflates a status list, bounded, and counts its bytes and set bits.
func sayDeflated(b []byte) string {
	const most = 16 << 20
	r, err := zlib.NewReader(bytes.NewReader(b))
	if err != nil {
		return "not a zlib stream"
	}
	size, set, chunk := 0, 0, make([]byte, 32<<10)
	for {
		n, err := r.Read(chunk)
		for _, c := range chunk[:n] {
			for ; c != 0; c &= c - 1 {
				set++
			}
		}
		if size += n; size > most {
			return fmt.Sprintf("inflates to more than %d bytes", most)
		}
		if err == io.EOF {
			return fmt.Sprintf("inflates to %d bytes, %d bits set", size, set)
		}
		if err != nil {
			return "a broken zlib stream"
		}
	}
}

// shortBytes is a byte string for a line: whole when short or asked for, otherwise its beginning, length and hash.
func shortBytes(b []byte, full bool) string {
	const whole, shown = 32, 16
	if full || len(b) <= whole {
		return "h'" + hexText(b) + "'"
	}
	sum := sha256.Sum256(b)
	return fmt.Sprintf("h'%s…' (%d bytes, SHA-256 %s…)", hexText(b[:shown]), len(b), hexText(sum[:8]))
}

func shortText(s string, full bool) string {
	const most = 160
	if full || len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + fmt.Sprintf("…\" (%d characters more)", len(s)-most)
}
