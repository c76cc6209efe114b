package cbor_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"

	"mobileid/mdoc/cbor"
	"mobileid/mdoc/mdoctest"
)

// sample is a structure of this test only.
type sample struct {
	Name  string          `cbor:"name"`
	Data  []byte          `cbor:"data,omitempty"`
	Count uint64          `cbor:"count,omitempty"`
	Flag  bool            `cbor:"flag,omitempty"`
	When  *cbor.TDate     `cbor:"when,omitempty"`
	Any   cbor.RawMessage `cbor:"any,omitempty"`
	List  []uint64        `cbor:"list,omitempty"`
}

func TestStrictness(t *testing.T) {
	cases := []struct{ name, hex, err string }{
		{"good", "a1646e616d656161", ""},
		{"longer heads are tolerated", "b90001" + "78046e616d65" + "7801" + "61", ""},
		{"unknown member is ignored", "a2646e616d6561616178f6", ""},
		{"required member missing", "a0", "name is missing"},
		{"key differs in case", "a1644e616d656161", "name is missing"},
		{"null for text", "a1646e616d65f6", "text is due"},
		{"undefined for text", "a1646e616d65f7", "text is due"},
		{"bytes for text", "a1646e616d654161", "text is due"},
		{"tag round text", "a1646e616d65c06161", "text is due"},
		{"duplicate key", "a2646e616d656161646e616d656162", "duplicate"},
		{"duplicate key by a longer head", "a2646e616d65616178046e616d656162", "duplicate"},
		{"duplicate key in an ignored member", "a2646e616d6561616178a2010201030a", "duplicate"},
		{"duplicate key in a raw member", "a2646e616d65616163616e79a201020103", "duplicate"},
		{"array of ints for bytes", "a2646e616d65616164646174618101", "byte string is due"},
		{"tag 24 round bytes", "a2646e616d656161646461746" + "1d8184101", "byte string is due"},
		{"negative for unsigned", "a2646e616d65616165636f756e7420", "unsigned integer is due"},
		{"null for optional date", "a2646e616d656161647768656ef6", "a value is due"},
		{"untagged date", "a2646e616d656161647768656e74323032302d31302d30315431333a33303a30325a", "tag 0 is due"},
		{"date with an offset", "a2646e616d656161647768656ec07819323032302d31302d30315431333a33303a30322b30393a3030", "tdate"},
		{"date with a fraction", "a2646e616d656161647768656ec076323032302d31302d30315431333a33303a30322e355a", "tdate"},
		{"date with lower-case z", "a2646e616d656161647768656ec074323032302d31302d30315431333a33303a30327a", "tdate"},
		{"epoch for a date", "a2646e616d656161647768656ec11a00000000", "tag 0 is due"},
		{"invalid UTF-8", "a1646e616d6561ff", "UTF-8"},
		{"indefinite map", "bf646e616d656161ff", "indefinite"},
		{"bytes after the item", "a1646e616d65616100", "follow"},
		{"cut short", "a1646e616d65", "ends"},
		{"claimed length 2^63", "a1646e616d657b8000000000000000", "string of"},
		{"claimed elements 2^63", "bb8000000000000000", "elements"},
		{"bool as key", "a1f501", "map key"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			var s sample
			err := cbor.Unmarshal(mdoctest.Hex(t, c.hex), &s)
			switch {
			case c.err == "" && (err != nil || s.Name != "a"):
				t.Errorf("value %q, error %v", s.Name, err)
			case c.err != "" && (err == nil || !strings.Contains(err.Error(), c.err)):
				t.Errorf("error %v, want one about %q", err, c.err)
			}
		})
	}
}

func TestErrorSaysWhere(t *testing.T) {
	var s sample
	err := cbor.Unmarshal(mdoctest.Hex(t, "a2646e616d65616164646174618101"), &s)
	e, ok := errors.AsType[*cbor.Error](err)
	if !ok || e.Offset != 13 {
		t.Errorf("error %v, want a *cbor.Error at offset 13", err)
	}
}

func TestDepthIsBounded(t *testing.T) {
	bomb := bytes.Repeat([]byte{0x81}, 1<<20)
	allocs := testing.AllocsPerRun(3, func() {
		if cbor.Wellformed(bomb) == nil {
			t.Fatal("a nesting bomb was accepted")
		}
	})
	if allocs > 20 {
		t.Errorf("%v allocations to refuse a bomb", allocs)
	}
}

// tuple is a structure of this test only.
type tuple struct {
	_ struct{} `cbor:",toarray"`
	A string
	B uint64
}

func TestTuple(t *testing.T) {
	var v tuple
	if err := cbor.Unmarshal([]byte{0x82, 0x61, 'x', 0x05}, &v); err != nil || v.A != "x" || v.B != 5 {
		t.Errorf("%+v, %v", v, err)
	}
	for _, bad := range [][]byte{{0x81, 0x61, 'x'}, {0x83, 0x61, 'x', 0x05, 0x06}, {0x82, 0x05, 0x61, 'x'}, {0x82, 0xf6, 0x05}} {
		if err := cbor.Unmarshal(bad, &v); err == nil {
			t.Errorf("%x accepted", bad)
		}
	}
}

func TestMapKeepsOrder(t *testing.T) {
	in := mdoctest.Hex(t, "a3617a01616102616d03")
	var m cbor.Map[string, uint64]
	if err := cbor.Unmarshal(in, &m); err != nil {
		t.Fatal(err)
	}
	if v, ok := m.Get("a"); !ok || v != 2 || m[0].Key != "z" {
		t.Errorf("%+v", m)
	}
	out, err := cbor.Marshal(m)
	if err != nil || !bytes.Equal(out, in) {
		t.Errorf("re-encoded as %x, %v", out, err)
	}
	if err := cbor.Unmarshal(mdoctest.Hex(t, "a1617a6178"), &m); err == nil {
		t.Error("text for an unsigned value was accepted")
	}
	if err := cbor.Unmarshal(mdoctest.Hex(t, "a10102"), &m); err == nil {
		t.Error("an integer key for a text key was accepted")
	}
	if _, err := cbor.Marshal(cbor.Map[string, uint64]{{"a", 1}, {"a", 2}}); err == nil {
		t.Error("a duplicate key was encoded")
	}
	if _, err := cbor.Marshal(map[string]int{"a": 1}); err == nil {
		t.Error("a Go map was encoded")
	}
}

func TestEmbeddedKeepsBytes(t *testing.T) {
	inner := mdoctest.Hex(t, "b90001646e616d656161") // a longer head than needed
	raw := cbor.AppendEmbedded(nil, inner)
	e, err := cbor.ParseEmbedded[sample](raw)
	if err != nil {
		t.Fatal(err)
	}
	out, err := cbor.Marshal(e)
	if err != nil || !bytes.Equal(out, raw) || !bytes.Equal(e.Content(), inner) || e.Value.Name != "a" {
		t.Errorf("%x, %v", out, err)
	}
	bad := map[string][]byte{
		"no tag":           cbor.AppendBytes(nil, inner),
		"other tag":        cbor.AppendBytes(cbor.AppendTag(nil, 25), inner),
		"text inside":      cbor.AppendText(cbor.AppendTag(nil, 24), string(inner)),
		"longer":           append(bytes.Clone(raw), 0),
		"shorter":          raw[:len(raw)-1],
		"bad content":      cbor.AppendEmbedded(nil, []byte{0xa0}),
		"two items":        cbor.AppendEmbedded(nil, append(bytes.Clone(inner), 0)),
		"duplicate inside": cbor.AppendEmbedded(nil, mdoctest.Hex(t, "a2646e616d656161646e616d656162")),
	}
	for name, b := range bad {
		if _, err := cbor.ParseEmbedded[sample](b); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	if _, err := cbor.Marshal(cbor.Embedded[sample]{}); err == nil {
		t.Error("a zero Embedded was encoded")
	}
}

func TestDates(t *testing.T) {
	at := time.Date(2026, 2, 28, 23, 59, 59, 999, time.FixedZone("JST", 9*3600))
	out, err := cbor.Marshal(cbor.NewTDate(at))
	if want := append([]byte{0xc0, 0x74}, "2026-02-28T14:59:59Z"...); err != nil || !bytes.Equal(out, want) {
		t.Errorf("%q, %v", out, err)
	}
	var d cbor.TDate
	if err := cbor.Unmarshal(out, &d); err != nil || !d.Time().Equal(at.Truncate(time.Second)) {
		t.Errorf("%v, %v", d, err)
	}
	for _, s := range []string{"2026-02-29", "2026-2-1", "2026-13-01", "20260101", ""} {
		if _, err := cbor.ParseFullDate(s); err == nil {
			t.Errorf("%q accepted", s)
		}
	}
	day, err := cbor.ParseFullDate("2024-02-29")
	if err != nil {
		t.Fatal(err)
	}
	out, err = cbor.Marshal(day)
	if want := append([]byte{0xd9, 0x03, 0xec, 0x6a}, "2024-02-29"...); err != nil || !bytes.Equal(out, want) {
		t.Errorf("%q, %v", out, err)
	}
	if _, err := cbor.Marshal(cbor.FullDate{Year: 2023, Month: 2, Day: 29}); err == nil {
		t.Error("29 February 2023 was encoded")
	}
}

func TestDiagnose(t *testing.T) {
	got, err := cbor.Diagnose(mdoctest.Hex(t, "a1616181f5"))
	if err != nil || got != `{"a": [true]}` {
		t.Errorf("%s, %v", got, err)
	}
}

func FuzzWellformed(f *testing.F) {
	seeds := 0
	for _, b := range mdoctest.LoadAnnexD(f) {
		f.Add(b)
		seeds++
	}
	if seeds == 0 {
		f.Fatal("no seeds")
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		err := cbor.Wellformed(data)
		var raw cbor.RawMessage
		if derr := cbor.Unmarshal(data, &raw); (err == nil) != (derr == nil) {
			t.Fatalf("walker says %v, decoder says %v", err, derr)
		}
		if err == nil && !bytes.Equal(raw, data) {
			t.Fatal("the bytes were not kept")
		}
		var s sample
		_ = cbor.Unmarshal(data, &s)
		var m cbor.Map[string, cbor.RawMessage]
		if cbor.Unmarshal(data, &m) == nil {
			again, err := cbor.Marshal(m)
			if err != nil || cbor.Wellformed(again) != nil {
				t.Fatalf("an accepted map does not encode: %v", err)
			}
		}
	})
}

func FuzzParseEmbedded(f *testing.F) {
	d := mdoctest.LoadAnnexD(f)
	for _, name := range []string{"mobile_security_object_bytes", "items_request_bytes", "device_namespaces_bytes", "session_transcript_bytes"} {
		f.Add(d.Bytes(f, name))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		e, err := cbor.ParseEmbedded[cbor.RawMessage](data)
		if err == nil && !bytes.Equal(e.Bytes(), data) {
			t.Fatal("the bytes were not kept")
		}
	})
}

func FuzzParseFullDate(f *testing.F) {
	f.Add("2024-02-29")
	f.Fuzz(func(t *testing.T, s string) {
		if d, err := cbor.ParseFullDate(s); err == nil && d.String() != s {
			t.Fatalf("%q read as %s", s, d)
		}
	})
}

// TestWorkIsBounded gives a message as many pairs and items as its bytes allow: it is refused before it costs memory.
func TestWorkIsBounded(t *testing.T) {
	wide := cbor.AppendMapHead(nil, 2000)
	for i := range 2000 {
		wide = cbor.AppendUint(cbor.AppendUint(wide, uint64(1000+i)), 0)
	}
	if err := cbor.Wellformed(wide); err == nil {
		t.Error("a map of 2000 pairs was accepted")
	}
	many := cbor.AppendArrayHead(nil, 4)
	for range 4 {
		many = cbor.AppendArrayHead(many, 10000)
		many = append(many, make([]byte, 10000)...)
	}
	if err := cbor.Wellformed(many); err == nil {
		t.Error("40000 items were accepted")
	}
}
