package apdu_test

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"mobileid/mdoc/apdu"
)

func TestParseTLV(t *testing.T) {
	for _, tc := range []struct {
		name string
		raw  string
		tag  uint32
		size int
	}{
		{"one byte", "8408a000000151000000", 0x84, 8},
		{"7F21", "7F2100", 0x7F21, 0},
		{"5F4E", "5F4E01AA", 0x5F4E, 1},
		{"DF21", "DF210800000000000000FF", 0xDF21, 8},
		{"low number in two bytes", "DF0101AA", 0xDF01, 1},
		{"FF20", "FF2003DF2100", 0xFF20, 3},
		{"three bytes", "9F810101AA", 0x9F8101, 1},
		{"four bytes", "9F81820301AA", 0x9F818203, 1},
		{"81", "8481" + "80" + strings.Repeat("AA", 128), 0x84, 128},
		{"82", "8482" + "0100" + strings.Repeat("AA", 256), 0x84, 256},
		{"83", "8483" + "010000" + strings.Repeat("AA", 65536), 0x84, 65536},
	} {
		t.Run(tc.name, func(t *testing.T) {
			raw := unhex(t, tc.raw)
			got, rest, err := apdu.ParseTLV(append(raw[:len(raw):len(raw)], 0x90, 0x00))
			if err != nil || got.Tag != tc.tag || len(got.Value) != tc.size || !bytes.Equal(rest, []byte{0x90, 0x00}) {
				t.Fatalf("tag %X, %d bytes, rest %X, %v", got.Tag, len(got.Value), rest, err)
			}
			if back := apdu.AppendTLV(nil, got.Tag, got.Value); !bytes.Equal(back, raw) {
				t.Fatalf("encodes back to %.20X", back)
			}
			// Every shorter prefix asks for more and is not called malformed.
			for n := range min(len(raw), 300) {
				if _, _, err := apdu.ParseTLV(raw[:n]); !errors.Is(err, apdu.ErrTruncated) || errors.Is(err, apdu.ErrMalformed) {
					t.Fatalf("first %d bytes: %v", n, err)
				}
			}
		})
	}
}

func TestParseTLVRefuses(t *testing.T) {
	for _, tc := range []struct{ name, raw string }{
		{"tag 00", "0000"},
		{"needless tag byte", "9F800101"},
		{"five tag bytes", "9F8181818101AA"},
		{"indefinite length", "308002010000"},
		{"81 below 80", "84817F" + strings.Repeat("AA", 127)},
		{"82 below 100", "848200FF" + strings.Repeat("AA", 255)},
		{"83 below 10000", "848300FFFF"},
		{"length of five bytes", "84850100000000"},
		{"length over two gigabytes", "8484FFFFFFFF"},
		{"length byte FF", "84FF"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got, _, err := apdu.ParseTLV(unhex(t, tc.raw)); !errors.Is(err, apdu.ErrMalformed) {
				t.Fatalf("got tag %X, %v; want ErrMalformed", got.Tag, err)
			}
		})
	}
}

// A real FCI, JCOP4: 6F { 84 AID, A5 { 9F65 } }.
func TestParseTLVsNested(t *testing.T) {
	outer, err := apdu.ParseTLVs(unhex(t, "6f108408a000000151000000a5049f6501ff"))
	if err != nil || len(outer) != 1 || !outer[0].Constructed() {
		t.Fatalf("%v, %v", outer, err)
	}
	inner, err := apdu.ParseTLVs(outer[0].Value)
	if err != nil {
		t.Fatal(err)
	}
	want := []apdu.TLV{{Tag: 0x84, Value: unhex(t, "a000000151000000")}, {Tag: 0xA5, Value: unhex(t, "9f6501ff")}}
	if d := cmp.Diff(want, inner); d != "" {
		t.Fatal(d)
	}
	if inner[0].Constructed() {
		t.Error("84 is primitive")
	}
	if v, ok := apdu.Find(inner, 0xA5); !ok || len(v) != 4 {
		t.Errorf("A5 not found: %X", v)
	}
	if _, ok := apdu.Find(inner, 0x9F65); ok {
		t.Error("9F65 is one level down")
	}
}

func TestParseTLVHeaderOfAStream(t *testing.T) {
	tag, length, size, err := apdu.ParseTLVHeader(unhex(t, "DF1582698000"))
	if err != nil || tag != 0xDF15 || length != 27008 || size != 5 {
		t.Fatalf("%X %d %d %v", tag, length, size, err)
	}
	if got := apdu.AppendTLVHeader(nil, 0xDF15, 27008); fmt.Sprintf("%X", got) != "DF15826980" {
		t.Fatalf("%X", got)
	}
}

func genTag(t *rapid.T) uint32 {
	lead := rapid.ByteRange(1, 255).Draw(t, "lead")
	tag := uint32(lead)
	if lead&0x1F != 0x1F {
		return tag
	}
	more := rapid.IntRange(0, 2).Draw(t, "more")
	for range more {
		tag = tag<<8 | uint32(rapid.ByteRange(0x81, 0xFF).Draw(t, "middle"))
	}
	return tag<<8 | uint32(rapid.ByteRange(0, 0x7F).Draw(t, "last"))
}

func TestTLVRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var want []apdu.TLV
		var raw []byte
		for range rapid.IntRange(0, 5).Draw(t, "objects") {
			o := apdu.TLV{Tag: genTag(t), Value: rapid.SliceOfN(rapid.Byte(), 0, 400).Draw(t, "value")}
			want = append(want, o)
			raw = apdu.AppendTLV(raw, o.Tag, o.Value)
		}
		got, err := apdu.ParseTLVs(raw)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(want, got, cmp.Comparer(bytes.Equal)); d != "" {
			t.Fatal(d)
		}
	})
}

func tlvSeeds(f *testing.F) {
	for _, s := range []string{"6f108408a000000151000000a5049f6501ff", "FF2065DF210800", "7F2100", "308000", "8481", "DF158269800102", "9f818203017f"} {
		f.Add(unhex(f, s))
	}
}

func FuzzParseTLV(f *testing.F) {
	tlvSeeds(f)
	f.Fuzz(func(t *testing.T, b []byte) {
		o, rest, err := apdu.ParseTLV(b)
		if err != nil {
			if errors.Is(err, apdu.ErrTruncated) == errors.Is(err, apdu.ErrMalformed) {
				t.Fatalf("neither or both of truncated and malformed: %v", err)
			}
			return
		}
		if back := append(apdu.AppendTLV(nil, o.Tag, o.Value), rest...); !bytes.Equal(back, b) {
			t.Fatalf("%X encodes back to %X", b, back)
		}
	})
}

func FuzzParseTLVs(f *testing.F) {
	tlvSeeds(f)
	f.Fuzz(func(t *testing.T, b []byte) {
		list, err := apdu.ParseTLVs(b)
		if err != nil {
			if list != nil {
				t.Fatal("a refused list left something behind")
			}
			return
		}
		var back []byte
		for _, o := range list {
			back = apdu.AppendTLV(back, o.Tag, o.Value)
		}
		if !bytes.Equal(back, b) {
			t.Fatalf("%X encodes back to %X", b, back)
		}
	})
}
