package cbor_test

import (
	"bytes"
	"math"
	"testing"

	"mobileid/mdoc/cbor"

	"github.com/google/go-cmp/cmp"
)

type (
	name    string
	label   int64
	element struct { // the forms a member may have; no clause
		Text     string
		Small    uint8
		Signed   int16
		Bytes    []byte
		List     []string
		Nested   *tuple
		Raw      cbor.RawMessage
		Float    float64
		Fixed    [2]byte
		Names    cbor.Map[name, cbor.Map[label, []byte]]
		Day      cbor.FullDate
		Embedded cbor.Embedded[tuple]
	}
)

// Every form, with members in another order than the Go type's and one that is unknown. Written by hand after RFC 8949.
func TestDecodesEveryForm(t *testing.T) {
	in := slicesOf(
		"\xad",
		"\x65Float", "\xf9\x3e\x00", // 1.5
		"\x64Text", "\x63abc",
		"\x65Small", "\x18\xff",
		"\x66Signed", "\x39\x7f\xff", // -32768
		"\x65Bytes", "\x40",
		"\x67unknown", "\xa1\x01\x82\xc1\x02\x43xyz",
		"\x64List", "\x82\x61a\x61b",
		"\x66Nested", "\x82\x61x\x05",
		"\x63Raw", "\x82\x01\xa0",
		"\x65Fixed", "\x42\x01\x02",
		"\x65Names", "\xa2\x61z\xa1\x20\x41\x09\x61a\xa0",
		"\x63Day", "\xd9\x03\xec\x6a2024-02-29",
		"\x68Embedded", "\xd8\x18\x44\x82\x61y\x06",
	)
	var got element
	if err := cbor.Unmarshal(in, &got); err != nil {
		t.Fatal(err)
	}
	if got.Embedded.Value.A != "y" || got.Embedded.Value.B != 6 || !bytes.Equal(got.Embedded.Content(), []byte("\x82\x61y\x06")) {
		t.Errorf("embedded: %+v", got.Embedded)
	}
	if got.Bytes == nil {
		t.Error("an empty byte string became nil")
	}
	got.Embedded = cbor.Embedded[tuple]{}
	want := element{Text: "abc", Small: 255, Signed: math.MinInt16, Bytes: []byte{}, List: []string{"a", "b"}, Nested: &tuple{A: "x", B: 5},
		Raw: cbor.RawMessage{0x82, 0x01, 0xa0}, Float: 1.5, Fixed: [2]byte{1, 2},
		Names: cbor.Map[name, cbor.Map[label, []byte]]{{Key: "z", Value: cbor.Map[label, []byte]{{Key: -1, Value: []byte{9}}}}, {Key: "a", Value: cbor.Map[label, []byte]{}}},
		Day:   cbor.FullDate{Year: 2024, Month: 2, Day: 29}}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(cbor.Embedded[tuple]{})); diff != "" {
		t.Error(diff)
	}
}

func slicesOf(parts ...string) []byte {
	var out []byte
	for _, p := range parts {
		out = append(out, p...)
	}
	return out
}

func TestIntegersThatDoNotFit(t *testing.T) {
	for text, to := range map[string]any{
		"\x19\x01\x00":                                 new(uint8),
		"\x19\x80\x00":                                 new(int16),
		"\x39\x80\x00":                                 new(int16),
		"\x1b\x80\x00\x00\x00\x00\x00\x00\x00":         new(int64),
		"\x3b\x80\x00\x00\x00\x00\x00\x00\x00":         new(int64),
		"\x3b\xff\xff\xff\xff\xff\xff\xff\xff":         new(int64),
		"\xa1\x1b\x80\x00\x00\x00\x00\x00\x00\x00\x01": new(cbor.Map[label, uint64]),
	} {
		if err := cbor.Unmarshal([]byte(text), to); err == nil {
			t.Errorf("%x into %T accepted", text, to)
		}
	}
	var n int64
	if err := cbor.Unmarshal([]byte("\x3b\x7f\xff\xff\xff\xff\xff\xff\xff"), &n); err != nil || n != math.MinInt64 {
		t.Errorf("%d, %v", n, err)
	}
}

func TestNilTarget(t *testing.T) {
	if err := cbor.Unmarshal([]byte{0x01}, (*uint64)(nil)); err == nil {
		t.Error("accepted")
	}
}
