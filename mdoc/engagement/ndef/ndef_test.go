package ndef_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"mobileid/mdoc/engagement/ndef"
	"mobileid/mdoc/mdoctest"
)

// published gives every NDEF message of the vectors by a name.
func published(t testing.TB) map[string][]byte {
	t.Helper()
	d := mdoctest.LoadAnnexD(t)
	type exchange struct {
		Command  struct{ Ins, Data string }
		Response struct{ Data string }
	}
	var f struct {
		Static     []exchange `json:"static_handover"`
		Negotiated []exchange `json:"negotiated_handover"`
		Example    struct {
			Hs string `json:"handover_select"`
			Hr string `json:"handover_request"`
		} `json:"session_transcript_example"`
		Apple struct {
			Tp string `json:"service_parameter_record"`
			Hs string `json:"handover_select"`
		} `json:"apple_wallet"`
	}
	mdoctest.ReadJSON(t, "iso18013-5/nfc-engagement.json", &f)
	neg := f.Negotiated
	return map[string][]byte{
		"Annex D request": d.Bytes(t, "nfc_handover_request_message"),
		"Annex D select":  d.Bytes(t, "nfc_handover_select_message"),
		"static select":   mdoctest.Hex(t, f.Static[5].Response.Data),
		"Tp":              mdoctest.Hex(t, neg[5].Response.Data),
		"Ts":              mdoctest.Hex(t, neg[6].Command.Data)[2:],
		"Te":              mdoctest.Hex(t, neg[8].Response.Data),
		"request":         mdoctest.Hex(t, neg[9].Command.Data)[2:],
		"select":          mdoctest.Hex(t, neg[11].Response.Data),
		"example select":  mdoctest.Hex(t, f.Example.Hs),
		"example request": mdoctest.Hex(t, f.Example.Hr),
		"Apple Tp":        mdoctest.Hex(t, f.Apple.Tp),
		"Apple select":    mdoctest.Hex(t, f.Apple.Hs),
	}
}

func TestPublishedMessages(t *testing.T) {
	for name, raw := range published(t) {
		t.Run(name, func(t *testing.T) {
			records, err := ndef.Parse(raw)
			if err != nil {
				t.Fatal(err)
			}
			back, err := ndef.Append(nil, records...)
			if err != nil || !bytes.Equal(back, raw) {
				t.Errorf("written as %x, %v; want %x", back, err, raw)
			}
			for n := range raw {
				if got, err := ndef.Parse(raw[:n]); !errors.Is(err, ndef.ErrMalformed) || got != nil {
					t.Errorf("cut to %d bytes: %v, %v; want ErrMalformed", n, got, err)
				}
			}
		})
	}
}

func TestRecords(t *testing.T) {
	long := strings.Repeat("ab", 512)
	for name, tc := range map[string]struct {
		raw  string
		want []ndef.Record
	}{
		"empty":              {"D00000", []ndef.Record{{}}},
		"without ID":         {"D10201546500", []ndef.Record{{TNF: ndef.WellKnown, Type: "Te", Payload: []byte{0}}}},
		"with ID":            {"D90101024169640B", []ndef.Record{{TNF: ndef.WellKnown, Type: "A", ID: "id", Payload: []byte{11}}}},
		"ID of length zero":  {"D9010100410B", []ndef.Record{{TNF: ndef.WellKnown, Type: "A", Payload: []byte{11}}}},
		"unknown":            {"D500010B", []ndef.Record{{TNF: ndef.Unknown, Payload: []byte{11}}}},
		"long":               {"C20100000200" + "41" + long, []ndef.Record{{TNF: ndef.Media, Type: "A", Payload: mdoctest.Hex(t, long)}}},
		"long though short":  {"C401000000014100", []ndef.Record{{TNF: ndef.External, Type: "A", Payload: []byte{0}}}},
		"three":              {"910101410111010142025101014303", []ndef.Record{{TNF: 1, Type: "A", Payload: []byte{1}}, {TNF: 1, Type: "B", Payload: []byte{2}}, {TNF: 1, Type: "C", Payload: []byte{3}}}},
		"no payload":         {"D3010041", []ndef.Record{{TNF: ndef.URI, Type: "A"}}},
		"empty and not last": {"900000500000", []ndef.Record{{}, {}}},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := ndef.Parse(mdoctest.Hex(t, tc.raw))
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(tc.want, got, cmpopts.EquateEmpty()); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestParseRefuses(t *testing.T) {
	for name, raw := range map[string][]byte{
		"nothing":                      {},
		"no beginning":                 {0x51, 1, 0, 'A'},
		"two beginnings":               {0x91, 1, 0, 'A', 0xD1, 1, 0, 'B'},
		"no end":                       {0x91, 1, 0, 'A'},
		"bytes after the end":          {0xD1, 1, 0, 'A', 0},
		"a first chunk":                {0xF1, 1, 0, 'A'},
		"a middle chunk":               {0x91, 1, 0, 'A', 0x76, 0, 0},
		"unchanged without chunk":      {0xD6, 0, 0},
		"reserved format":              {0xD7, 0, 0},
		"empty with type":              {0xD0, 1, 0, 'A'},
		"empty with payload":           {0xD0, 0, 1, 0},
		"empty with ID":                {0xD8, 0, 0, 1, 'A'},
		"unknown with type":            {0xD5, 1, 0, 'A'},
		"well-known without type":      {0xD1, 0, 1, 0},
		"payload over the bound":       {0xC1, 1, 0, 0, 0x80, 1, 'A'},
		"payload of four gibibytes":    {0xC1, 1, 0xFF, 0xFF, 0xFF, 0xFF, 'A'},
		"message over the bound":       append([]byte{0xC1, 1, 0, 0, 0x7F, 0xFF, 'A'}, make([]byte, 0x7FFF)...),
		"records over the bound":       manyRecords(ndef.MaxRecords + 1),
		"an ID that passes the end":    {0xD9, 1, 0, 5, 'A', 'i'},
		"a type that passes the end":   {0xD1, 9, 0, 'A'},
		"four-byte length cut in half": {0xC1, 1, 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			if got, err := ndef.Parse(raw); !errors.Is(err, ndef.ErrMalformed) || got != nil {
				t.Errorf("got %v, %v; want ErrMalformed", got, err)
			}
		})
	}
	if _, err := ndef.Parse(manyRecords(ndef.MaxRecords)); err != nil {
		t.Errorf("%d records: %v", ndef.MaxRecords, err)
	}
}

func manyRecords(n int) []byte {
	var out []byte
	for i := range n {
		head := byte(0x10)
		if i == 0 {
			head |= 0x80
		}
		if i == n-1 {
			head |= 0x40
		}
		out = append(out, head, 0, 0)
	}
	return out
}

func TestAppendRefuses(t *testing.T) {
	a := ndef.Record{TNF: ndef.WellKnown, Type: "A"}
	for name, records := range map[string][]ndef.Record{
		"no record":        nil,
		"too many":         make([]ndef.Record, ndef.MaxRecords+1),
		"a chunk's format": {{TNF: 6}},
		"no type":          {{TNF: ndef.Media}},
		"a long type":      {{TNF: ndef.Media, Type: strings.Repeat("a", 256)}},
		"a long ID":        {{TNF: ndef.Media, Type: "a", ID: strings.Repeat("a", 256)}},
		"too large":        {a, {TNF: ndef.Unknown, Payload: make([]byte, ndef.MaxMessage)}},
	} {
		t.Run(name, func(t *testing.T) {
			if got, err := ndef.Append(nil, records...); !errors.Is(err, ndef.ErrMalformed) || got != nil {
				t.Errorf("got %d bytes, %v; want ErrMalformed", len(got), err)
			}
		})
	}
}

func TestIs(t *testing.T) {
	r := ndef.Record{TNF: ndef.WellKnown, Type: "Hs"}
	if !r.Is(ndef.WellKnown, "Hs") || r.Is(ndef.External, "Hs") || r.Is(ndef.WellKnown, "Hr") {
		t.Error("a record is what it is not")
	}
}

func TestRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		records := make([]ndef.Record, rapid.IntRange(1, 5).Draw(t, "records"))
		for i := range records {
			records[i] = ndef.Record{
				TNF:     ndef.TNF(rapid.IntRange(1, 4).Draw(t, "TNF")),
				Type:    string(rapid.SliceOfN(rapid.Byte(), 1, 255).Draw(t, "type")),
				ID:      string(rapid.SliceOfN(rapid.Byte(), 0, 255).Draw(t, "ID")),
				Payload: rapid.SliceOfN(rapid.Byte(), 0, 300).Draw(t, "payload"),
			}
		}
		prefix := []byte("before")
		raw, err := ndef.Append(prefix, records...)
		if err != nil {
			t.Fatal(err)
		}
		got, err := ndef.Parse(raw[len(prefix):])
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(records, got, cmpopts.EquateEmpty()); d != "" {
			t.Fatal(d)
		}
	})
}

func FuzzParse(f *testing.F) {
	for _, raw := range published(f) {
		f.Add(raw)
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		records, err := ndef.Parse(raw)
		if err != nil {
			if records != nil {
				t.Error("a failed parse returned something")
			}
			return
		}
		back, err := ndef.Append(nil, records...)
		if err != nil || len(back) > len(raw) {
			t.Fatalf("written as %d bytes, %v; read from %d", len(back), err, len(raw))
		}
		again, err := ndef.Parse(back)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(records, again, cmpopts.EquateEmpty()); d != "" {
			t.Error(d)
		}
		if len(back) == len(raw) && !bytes.Equal(back, raw) {
			t.Error("the same length and other bytes")
		}
	})
}
