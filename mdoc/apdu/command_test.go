package apdu_test

import (
	"bytes"
	"encoding/hex"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"mobileid/mdoc/apdu"
)

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatalf("test data %q: %v", s, err)
	}
	return b
}

// The seven encodings of ISO/IEC 7816-4:2020, 12.2 and their edges.
func TestCommandCases(t *testing.T) {
	long := bytes.Repeat([]byte{0x5A}, 65535)
	for _, tc := range []struct {
		name string
		head string
		data []byte
		tail string
		want apdu.Command
	}{
		{"1", "00A40400", nil, "", apdu.Command{INS: 0xA4, P1: 4}},
		{"2 short", "00B0000010", nil, "", apdu.Command{INS: 0xB0, Le: 16}},
		{"2 short, 256", "00B0000000", nil, "", apdu.Command{INS: 0xB0, Le: 256}},
		{"2 extended", "00B00000000101", nil, "", apdu.Command{INS: 0xB0, Le: 257, Extended: true}},
		{"2 extended, 65536", "00B00000000000", nil, "", apdu.Command{INS: 0xB0, Le: 65536, Extended: true}},
		{"2 extended, small", "00B00000000001", nil, "", apdu.Command{INS: 0xB0, Le: 1, Extended: true}},
		{"3 short", "0020008004", []byte("1234"), "", apdu.Command{INS: 0x20, P2: 0x80, Data: []byte("1234")}},
		{"3 short, 255", "00D60000FF", long[:255], "", apdu.Command{INS: 0xD6, Data: long[:255]}},
		{"3 extended, small", "00D60000000001", long[:1], "", apdu.Command{INS: 0xD6, Data: long[:1], Extended: true}},
		{"3 extended, most", "00D6000000FFFF", long, "", apdu.Command{INS: 0xD6, Data: long, Extended: true}},
		{"4 short", "8050000008", long[:8], "00", apdu.Command{CLA: 0x80, INS: 0x50, Data: long[:8], Le: 256}},
		{"4 extended", "802A0000000100", long[:256], "0000", apdu.Command{CLA: 0x80, INS: 0x2A, Data: long[:256], Le: 65536, Extended: true}},
		{"4 extended, Le 1", "802A0000000002", long[:2], "0001", apdu.Command{CLA: 0x80, INS: 0x2A, Data: long[:2], Le: 1, Extended: true}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			raw := append(append(unhex(t, tc.head), tc.data...), unhex(t, tc.tail)...)
			got, err := apdu.ParseCommand(raw)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(tc.want, got); d != "" {
				t.Fatal(d)
			}
			back, err := got.Bytes()
			if err != nil || !bytes.Equal(back, raw) {
				t.Fatalf("encoded back to %d bytes, %v; want the %d parsed", len(back), err, len(raw))
			}
		})
	}
}

func TestParseCommandRefuses(t *testing.T) {
	for _, tc := range []struct{ name, raw string }{
		{"nothing", ""},
		{"three bytes", "00A404"},
		{"Lc without its data", "00200080" + "04" + "313233"},
		{"two bytes after the data", "00200080" + "01" + "31" + "0000"},
		{"extended marker and one byte", "00B00000" + "0001"},
		{"extended Lc of zero", "00B00000" + "000000" + "00"},
		{"extended Lc of zero with Le", "00B00000" + "000000" + "0000"},
		{"extended data short", "00D60000" + "000004" + "313233"},
		{"extended Le of one byte", "00D60000" + "000002" + "3132" + "00"},
		{"extended Le of three bytes", "00D60000" + "000002" + "3132" + "000000"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if c, err := apdu.ParseCommand(unhex(t, tc.raw)); !errors.Is(err, apdu.ErrLength) {
				t.Fatalf("got %v, %v; want ErrLength", c, err)
			}
		})
	}
}

func TestCommandBytesRefuses(t *testing.T) {
	for name, c := range map[string]apdu.Command{
		"256 bytes in short form":      {Data: make([]byte, 256)},
		"65536 bytes in extended form": {Data: make([]byte, 65536), Extended: true},
		"Le 257 in short form":         {Le: 257},
		"Le 65537 in extended form":    {Le: 65537, Extended: true},
		"negative Le":                  {Le: -1},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := c.Bytes(); !errors.Is(err, apdu.ErrTooLong) {
				t.Fatalf("got %v, want ErrTooLong", err)
			}
		})
	}
}

func TestCommandRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := rapid.SliceOfN(rapid.Byte(), 4, 4).Draw(t, "header")
		c := apdu.Command{CLA: h[0], INS: h[1], P1: h[2], P2: h[3], Extended: rapid.Bool().Draw(t, "extended")}
		maxData, maxLe := 255, 256
		if c.Extended {
			maxData, maxLe = 3000, 65536
		}
		c.Data = rapid.SliceOfN(rapid.Byte(), 0, maxData).Draw(t, "data")
		c.Le = rapid.IntRange(0, maxLe).Draw(t, "Le")
		if len(c.Data) == 0 {
			c.Data = nil
			c.Extended = c.Extended && c.Le > 0 // case 1 has one form
		}
		raw, err := c.Bytes()
		if err != nil {
			t.Fatal(err)
		}
		got, err := apdu.ParseCommand(raw)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(c, got); d != "" {
			t.Fatal(d)
		}
	})
}

func TestCommandStringHidesData(t *testing.T) {
	c := apdu.Command{INS: 0x20, P2: 0x80, Data: []byte("9137")}
	if s := c.String(); s != "00 20 00 80 Lc=4 Le=0" {
		t.Fatalf("got %q", s)
	}
}

func TestClass(t *testing.T) {
	for _, tc := range []struct {
		cla                  byte
		channel              int
		secured, chained     bool
		secure, basicChannel byte
	}{
		{0x00, 0, false, false, 0x04, 0x00},
		{0x80, 0, false, false, 0x84, 0x80},
		{0x83, 3, false, false, 0x87, 0x80},
		{0x84, 0, true, false, 0x84, 0x84},
		{0x86, 2, true, false, 0x86, 0x84},
		{0x0C, 0, true, false, 0x0C, 0x0C},
		{0x10, 0, false, true, 0x14, 0x10},
		{0x94, 0, true, true, 0x94, 0x94},
		{0x40, 4, false, false, 0x60, 0x00},
		{0xCF, 19, false, false, 0xEF, 0x80},
		{0xE1, 5, true, false, 0xE1, 0x84},
	} {
		c := apdu.Command{CLA: tc.cla}
		if c.Channel() != tc.channel || c.Secured() != tc.secured || c.Chained() != tc.chained {
			t.Errorf("%02X: channel %d, secured %v, chained %v", tc.cla, c.Channel(), c.Secured(), c.Chained())
		}
		if got := apdu.SetSecure(tc.cla); got != tc.secure {
			t.Errorf("%02X: SetSecure gives %02X, want %02X", tc.cla, got, tc.secure)
		}
		if got := apdu.ClearChannel(tc.cla); got != tc.basicChannel {
			t.Errorf("%02X: ClearChannel gives %02X, want %02X", tc.cla, got, tc.basicChannel)
		}
		if apdu.Secured(apdu.ClearSecure(tc.cla)) {
			t.Errorf("%02X: still secured after ClearSecure", tc.cla)
		}
	}
}

func TestSetChannel(t *testing.T) {
	for _, cla := range []byte{0x00, 0x80, 0x84, 0x90, 0x94} {
		for ch := range 20 {
			got, err := apdu.SetChannel(cla, ch)
			if err != nil {
				t.Fatal(err)
			}
			c, orig := apdu.Command{CLA: got}, apdu.Command{CLA: cla}
			if c.Channel() != ch || c.Secured() != orig.Secured() || c.Chained() != orig.Chained() || c.Proprietary() != orig.Proprietary() {
				t.Errorf("%02X on channel %d became %02X", cla, ch, got)
			}
			if apdu.ClearChannel(got) != cla {
				t.Errorf("%02X on channel %d comes back as %02X", cla, ch, apdu.ClearChannel(got))
			}
		}
	}
	for _, ch := range []int{-1, 20} {
		if _, err := apdu.SetChannel(0x80, ch); err == nil {
			t.Errorf("channel %d accepted", ch)
		}
	}
}

func FuzzParseCommand(f *testing.F) {
	for _, s := range []string{"00A4040000", "00B00000000000", "00A404000AD392F00026010000000100", "00D600000000023132", "802A000000000231320000", "00200080"} {
		f.Add(unhex(f, s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := apdu.ParseCommand(b)
		if err != nil {
			if c.Data != nil || c.Le != 0 {
				t.Fatal("a refused command left something behind")
			}
			return
		}
		back, err := c.Bytes()
		if err != nil || !bytes.Equal(back, b) {
			t.Fatalf("%X encodes back to %X, %v", b, back, err)
		}
	})
}
