package cbor_test

import (
	"encoding/hex"
	"testing"
	"time"

	"mobileid/mdoc/cbor"
)

// TestReadTDate: the forms of other makers that are read, each with the instant it stands for.
func TestReadTDate(t *testing.T) {
	whole := time.Date(2025, 2, 7, 23, 36, 58, 0, time.UTC)
	for _, c := range []struct {
		text     string
		want     time.Time
		fraction bool
	}{
		{"2025-02-07T23:36:58Z", whole, false},
		{"2025-02-07T23:36:58.0Z", whole, true},
		{"2025-02-07T23:36:58.573Z", whole.Add(573 * time.Millisecond), true},
		{"2025-02-07T23:36:58.573829001Z", whole.Add(573829001), true},
	} {
		d, fraction, err := cbor.ReadTDate(cbor.AppendText([]byte{0xc0}, c.text))
		if err != nil || !d.Time().Equal(c.want) || fraction != c.fraction {
			t.Errorf("%s: %s, %v, %v", c.text, d.Time(), fraction, err)
		}
		if out, err := cbor.Marshal(d); err != nil || string(out) != "\xc0\x742025-02-07T23:36:58Z" {
			t.Errorf("%s is written as %q: %v", c.text, out, err)
		}
		var strict cbor.TDate
		if err := cbor.Unmarshal(cbor.AppendText([]byte{0xc0}, c.text), &strict); (err == nil) == c.fraction {
			t.Errorf("%s: TDate says %v", c.text, err)
		}
	}
	for _, text := range []string{"", "2025-02-07", "2025-02-07T23:36:58", "2025-02-07T23:36:58.Z", "2025-02-07T23:36:58.5", "2025-02-07T23:36:58.1234567890Z",
		"2025-02-07T23:36:58.5+09:00", "2025-02-07T23:36:58+00:00", "2025-02-07T23:36:58.5z", "2025-02-07t23:36:58.5Z", "2025-02-07T23:36:58,5Z",
		"2025-02-07T23:36:58.-5Z", "2025-02-30T23:36:58.5Z", "0001-01-01T00:00:00.xZ", "0001-01-01T00:00:00.1xZ", "2025-13-07T23:36:58.5Z", "2025-02-07T24:00:00.5Z", "2025-02-07T23:36:60.5Z", "02025-02-07T23:36:58.5Z"} {
		if d, _, err := cbor.ReadTDate(cbor.AppendText([]byte{0xc0}, text)); err == nil || !d.Time().IsZero() {
			t.Errorf("%q was read", text)
		}
	}
	if _, _, err := cbor.ReadTDate(cbor.AppendText(nil, "2025-02-07T23:36:58.5Z")); err == nil {
		t.Error("a date without tag 0 was read")
	}
}

func TestLongHeads(t *testing.T) {
	for _, c := range []struct {
		hex  string
		want int
	}{
		{"00", 0}, {"17", 0}, {"1818", 0}, {"1801", 1}, {"190001", 1}, {"1900ff", 1}, {"190100", 0},
		{"1a0000ffff", 1}, {"1a00010000", 0}, {"1b00000000ffffffff", 1}, {"1b0000000100000000", 0},
		{"3800", 1}, {"5801ff", 1}, {"780161", 1}, {"980101", 1}, {"b9000161610a", 1}, {"b900016161190001", 2},
		{"d8184118", 0},                        // the embedded item is cut
		{"d818421801", 1},                      // inside tag 24
		{"d820421801", 0}, {"821818421801", 0}, // inside another tag, after the number 24
		{"421801", 0},           // not inside a bare byte string
		{"d8205801ff", 1},       // tag 32, one long byte string
		{"d900184100", 1},       // a long tag
		{"d81844d818411801", 0}, // embedded in embedded, cut
		{"d81845d818421801", 1},
		{"fb3ff0000000000000", 0},   // a float that could be shorter
		{"5b000000000000ffff00", 1}, // longer than the input
		{"", 0}, {"ff", 0},
	} {
		raw, err := hex.DecodeString(c.hex)
		if err != nil {
			t.Fatal(err)
		}
		if got := cbor.LongHeads(raw); got != c.want {
			t.Errorf("%s: %d, want %d", c.hex, got, c.want)
		}
	}
}

// FuzzReadTDate: what is read as a foreign date and carries no fraction is read alike by the strict type, and no other.
func FuzzReadTDate(f *testing.F) {
	f.Add([]byte("\xc0\x742025-02-07T23:36:58Z"))
	f.Add([]byte("\xc0\x78\x182025-02-07T23:36:58.573Z"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		_ = cbor.LongHeads(raw)
		d, fraction, err := cbor.ReadTDate(raw)
		var strict cbor.TDate
		if strictErr := cbor.Unmarshal(raw, &strict); (strictErr == nil) != (err == nil && !fraction) {
			t.Fatalf("%v, strictly %v", err, strictErr)
		}
		if err == nil && !fraction && d != strict {
			t.Fatal("two readings of one date")
		}
	})
}
