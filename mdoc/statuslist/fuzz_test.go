package statuslist_test

import (
	"bytes"
	"testing"
	"time"

	"mobileid/mdoc/cose"
	"mobileid/mdoc/mdoctest"
	"mobileid/mdoc/pki"
	"mobileid/mdoc/statuslist"
)

// FuzzParse starts from the 22 tokens of the vectors. Nothing that verifies may have been signed by nobody.
func FuzzParse(f *testing.F) {
	var file struct {
		Vectors []struct {
			Token string `json:"token_hex"`
		} `json:"vectors"`
	}
	mdoctest.ReadJSON(f, "status-list/mdoc-cwt-cases.json", &file)
	if len(file.Vectors) == 0 {
		f.Fatal("no seeds")
	}
	anchors, err := pki.ParseAnchorsPEM(readVector(f, "mdoc-iaca.pem"))
	if err != nil {
		f.Fatal(err)
	}
	genuine := map[string]bool{}
	for _, c := range file.Vectors {
		raw := mdoctest.Hex(f, c.Token)
		f.Add(raw)
		if m, err := cose.ParseTaggedSign1(raw); err == nil {
			genuine[string(m.SigStructure(m.Payload()))] = true
		}
	}
	at := time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, raw []byte) {
		s, err := statuslist.Parse(raw)
		if (err == nil) != (s != nil) {
			t.Fatal("an error and a result, or neither")
		}
		if err != nil {
			return
		}
		_, v, err := s.Verify(anchors, "https://issuer.example/status/42", at)
		if err != nil {
			t.Fatal(err)
		}
		m, err := cose.ParseTaggedSign1(raw)
		if err != nil {
			t.Fatal(err)
		}
		if v.OK() && !genuine[string(m.SigStructure(m.Payload()))] {
			t.Error("verified, though nobody signed it")
		}
	})
}

// FuzzDecode checks bounds, and that an accepted list survives a round trip.
func FuzzDecode(f *testing.F) {
	var file struct {
		Vectors []struct {
			CBOR string `json:"status_list_cbor_hex"`
		} `json:"vectors"`
	}
	mdoctest.ReadJSON(f, "status-list/lists-small.json", &file)
	if len(file.Vectors) == 0 {
		f.Fatal("no seeds")
	}
	for _, c := range file.Vectors {
		f.Add(mdoctest.Hex(f, c.CBOR))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		l, err := statuslist.Decode(raw)
		if err != nil {
			if l != nil {
				t.Fatal("an error and a result")
			}
			return
		}
		if len(l.Bytes()) == 0 || len(l.Bytes()) > statuslist.MaxBytes {
			t.Fatalf("%d bytes", len(l.Bytes()))
		}
		encoded, err := statuslist.Encode(l)
		if err != nil {
			t.Fatal(err)
		}
		again, err := statuslist.Decode(encoded)
		if err != nil || again.Bits() != l.Bits() || !bytes.Equal(again.Bytes(), l.Bytes()) {
			t.Errorf("round trip: %v", err)
		}
	})
}
