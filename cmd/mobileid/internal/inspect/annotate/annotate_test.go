package annotate_test

import (
	"bytes"
	"encoding/hex"
	"strings"
	"testing"
	"time"

	"mobileid/cmd/mobileid/internal/inspect/annotate"
	"mobileid/mdoc/mdoctest"
)

// TestAppendixA prints every example of RFC 8949, appendix A, those that an mdoc must not contain included, and compares the simple ones
// with the notation the RFC prints.
func TestAppendixA(t *testing.T) {
	var cases []struct {
		Hex        string `json:"hex"`
		Diagnostic string `json:"diagnostic"`
		Decoded    any    `json:"decoded"`
	}
	mdoctest.ReadJSON(t, "cbor/appendix_a.json", &cases)
	compared := 0
	for _, c := range cases {
		t.Run(c.Hex, func(t *testing.T) {
			tree, fault := annotate.Walk(mdoctest.Hex(t, c.Hex), "", 0)
			if c.Hex == "f818" { // simple(24), which RFC 8949, 3.3 took back
				if fault == nil {
					t.Error("no fault")
				}
				return
			}
			if fault != nil {
				t.Fatal(fault)
			}
			text, isText := c.Decoded.(string)
			switch {
			case c.Diagnostic != "" && len(tree.Root.Children) == 0 && !strings.HasPrefix(c.Diagnostic, "(_") && tree.Root.Value != "":
				compared++
				if tree.Root.Value != c.Diagnostic {
					t.Errorf("%s, want %s", tree.Root.Value, c.Diagnostic)
				}
			case isText && tree.Root.Type == "tstr" && !strings.ContainsAny(text, "\"\\"):
				compared++
				if tree.Root.Value != `"`+text+`"` {
					t.Errorf("%s, want %q", tree.Root.Value, text)
				}
			}
		})
	}
	if len(cases) < 80 || compared < 10 {
		t.Errorf("%d examples, %d compared", len(cases), compared)
	}
}

// TestAppendixF: what is not well-formed gives a fault, and never a whole tree.
func TestAppendixF(t *testing.T) {
	var cases []struct {
		Hex string `json:"hex"`
	}
	mdoctest.ReadJSON(t, "cbor/appendix_f.json", &cases)
	for _, c := range cases {
		data := mdoctest.Hex(t, strings.ReplaceAll(c.Hex, " ", ""))
		if _, fault := annotate.Walk(data, "", 0); fault == nil {
			t.Errorf("%s: no fault", c.Hex)
		}
	}
	if len(cases) < 20 {
		t.Errorf("%d cases", len(cases))
	}
}

func TestFaults(t *testing.T) {
	cases := []struct {
		name, in, typ, reason string
		offset                int
	}{
		{"nothing", "", "", "the input ends", 0},
		{"bytes after the item", "0000", "", "1 bytes follow", 1},
		{"string cut off", "a16161436162", "", "of which 2 are here", 3},
		{"text that is not UTF-8", "8162c328", "", "not valid UTF-8", 1},
		{"reserved head", "811c", "", "reserved head", 1},
		{"count beyond the input", "9affffffff00", "", "4294967295 elements", 0},
		{"embedded item broken", "d81842ff00", "", "a break", 3},
		{"bytes after an embedded item", "d818420000", "", "1 bytes follow the item inside tag 24", 4},
		{"no bytes inside tag 24", "d81800", "", "no byte string inside tag 24", 2},
		{"map as a key", "a1a000", "", "not a simple value", 1},
		{"chunk of another type", "5f6161ff", "", "chunk of another type", 1},
		{"protected header broken", "8443a101ffa0f640", "COSE_Sign1", "a break", 4},
		{"bytes after a protected header", "8443a000 00a0f640", "COSE_Sign1", "2 bytes follow", 3},
		{"simple value in two bytes", "f800", "", "simple value 0", 0},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			data := mdoctest.Hex(t, strings.ReplaceAll(c.in, " ", ""))
			_, fault := annotate.Walk(data, c.typ, 0x100)
			if fault == nil || fault.Offset != 0x100+c.offset || !strings.Contains(fault.Reason, c.reason) {
				t.Errorf("%v, want offset %#x and %q", fault, 0x100+c.offset, c.reason)
			}
		})
	}
}

// TestHostile: nesting, wide maps and long announcements end soon and small.
func TestHostile(t *testing.T) {
	cases := map[string][]byte{
		"nested arrays":     bytes.Repeat([]byte{0x81}, 1<<20),
		"nested tags":       bytes.Repeat([]byte{0xc1}, 1<<20),
		"nested maps":       bytes.Repeat([]byte{0xa1, 0x00}, 1<<19),
		"nested embeddings": bytes.Repeat([]byte{0xd8, 0x18, 0x5a, 0x00, 0x10, 0x00, 0x00}, 1<<16),
		"many elements":     append([]byte{0x9a, 0x00, 0x10, 0x00, 0x00}, make([]byte, 1<<20)...),
		"huge length":       {0x5b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff},
	}
	for name, in := range cases {
		t.Run(name, func(t *testing.T) {
			begun := time.Now()
			for _, typ := range []string{annotate.Recognise(in), "SessionTranscript", "DeviceEngagement"} {
				if _, fault := annotate.Walk(in, typ, 0); fault == nil {
					t.Error("no fault")
				}
			}
			if took := time.Since(begun); took > 10*time.Second {
				t.Errorf("took %s", took)
			}
		})
	}
}

// TestDifferences: well-formed bytes that are not what the rule says are shown and noted, with the place.
func TestDifferences(t *testing.T) {
	cases := []struct {
		name, typ, in, reason string
		offset                int
	}{
		{"text for a number", "SessionData", "a16673746174757361 31", "tstr (session status) where an integer is due", 8},
		{"array for a map", "DeviceResponse", "80", "array (DeviceResponse) where a map is due", 0},
		{"short tuple", "COSE_Sign1", "8340a0f6", "3 elements where 4 are due", 0},
		{"key twice", "SessionData", "a266737461747573146673746174757314", "a map key for the second time", 9},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			tree, fault := annotate.Walk(mdoctest.Hex(t, strings.ReplaceAll(c.in, " ", "")), c.typ, 0)
			if fault != nil {
				t.Fatal(fault)
			}
			if len(tree.Differences) != 1 || tree.Differences[0].Offset != c.offset || tree.Differences[0].Reason != c.reason {
				t.Errorf("%+v", tree.Differences)
			}
		})
	}
}

// TestAnnexDMatchesItsRules: the standard's own examples differ from no rule, and every element of them that a rule names has a clause.
func TestAnnexDMatchesItsRules(t *testing.T) {
	d := mdoctest.LoadAnnexD(t)
	types := map[string]string{
		"device_response": "DeviceResponse", "device_request": "DeviceRequest", "device_request_extended_v1_1": "DeviceRequest",
		"session_establishment": "SessionEstablishment", "session_data": "SessionData", "session_termination": "SessionData",
		"session_transcript_bytes": "SessionTranscriptBytes", "session_transcript": "SessionTranscript", "issuer_auth": "IssuerAuth",
		"issuer_auth_sig_structure": "Sig_structure", "device_auth": "DeviceAuth", "device_authentication_bytes": "DeviceAuthenticationBytes",
		"device_mac_structure": "MAC_structure", "reader_auth": "COSE_Sign1", "reader_authentication_bytes": "ReaderAuthenticationBytes",
		"device_engagement_qr": "DeviceEngagement", "device_engagement_nfc": "DeviceEngagement", "items_request": "ItemsRequest",
		"items_request_bytes": "ItemsRequestBytes", "mobile_security_object": "MobileSecurityObject",
		"mobile_security_object_bytes": "MobileSecurityObjectBytes", "e_reader_key_bytes": "CoseKeyBytes",
	}
	for entry, want := range types {
		t.Run(entry, func(t *testing.T) {
			data := d.Bytes(t, entry)
			got := annotate.Recognise(data)
			if got != want {
				t.Fatalf("recognised as %q, want %q", got, want)
			}
			tree, fault := annotate.Walk(data, got, 0)
			if fault != nil || len(tree.Differences) > 0 || tree.Root.Type != want {
				t.Fatalf("%v, %+v", fault, tree.Differences)
			}
			nested(t, tree.Root, len(data))
		})
	}
}

// nested demands that each element lies inside its parent, and that what the standard names has a clause.
func nested(t *testing.T, n *annotate.Node, end int) {
	t.Helper()
	if n.Type == "note" {
		return
	}
	if n.Offset < 0 || n.Offset+n.Length > end {
		t.Errorf("%s %q at %d, %d bytes, ends after %d", n.Type, n.Name, n.Offset, n.Length, end)
	}
	if n.Type[0] >= 'A' && n.Type[0] <= 'Z' && n.Clause == "" {
		t.Errorf("%s has no clause", n.Type)
	}
	for _, c := range n.Children {
		nested(t, c, n.Offset+n.Length)
	}
}

// TestTypesResolve: each type of the table walks over an empty map and an empty array without a fault, so no rule leads nowhere.
func TestTypesResolve(t *testing.T) {
	types := annotate.Types()
	if len(types) < 60 {
		t.Errorf("%d types", len(types))
	}
	for _, typ := range types {
		for _, in := range []string{"a0", "80", "f6", "d81841a0", "40"} {
			if _, fault := annotate.Walk(mdoctest.Hex(t, in), typ, 0); fault != nil {
				t.Errorf("%s over %s: %v", typ, in, fault)
			}
		}
	}
	if annotate.Has("NoSuchType") {
		t.Error("a type that is not there")
	}
}

func FuzzWalk(f *testing.F) {
	d := mdoctest.LoadAnnexD(f)
	for _, b := range d {
		f.Add(b, annotate.Recognise(b))
	}
	f.Add([]byte{0x9f, 0x5f, 0x41, 0x00, 0xff, 0xff}, "")
	f.Fuzz(func(t *testing.T, data []byte, typ string) {
		tree, fault := annotate.Walk(data, typ, 0)
		if fault != nil && (fault.Offset < 0 || fault.Offset > len(data)) {
			t.Fatalf("fault at %d of %d", fault.Offset, len(data))
		}
		if fault == nil && tree.Root.Length != len(data) {
			t.Fatalf("%d of %d bytes", tree.Root.Length, len(data))
		}
		tree.Root.Each(func(n *annotate.Node) {
			if n.Type != "note" && (n.Offset < 0 || n.Offset+n.Length > len(data)) {
				t.Fatalf("%s at %d, %d bytes of %d", n.Type, n.Offset, n.Length, len(data))
			}
		})
		var out bytes.Buffer
		if err := annotate.WriteText(&out, tree.Root, annotate.TextOptions{}); err != nil {
			t.Fatal(err)
		}
		if rec := annotate.Recognise(data); rec != "" && !annotate.Has(rec) {
			t.Fatalf("recognised as %s, which has no rule", rec)
		}
	})
}

// TestLongValues: long strings are shortened with their length and hash, and whole when asked for.
func TestLongValues(t *testing.T) {
	data := append([]byte{0x58, 0x40}, bytes.Repeat([]byte{0xab}, 64)...)
	tree, fault := annotate.Walk(data, "", 0)
	if fault != nil {
		t.Fatal(fault)
	}
	for _, full := range []bool{false, true} {
		var out strings.Builder
		if err := annotate.WriteText(&out, tree.Root, annotate.TextOptions{Full: full}); err != nil {
			t.Fatal(err)
		}
		if strings.Contains(out.String(), hex.EncodeToString(data[2:])) != full {
			t.Errorf("full %v: %s", full, out.String())
		}
		if strings.Contains(out.String(), "64 bytes, SHA-256") == full {
			t.Errorf("full %v: %s", full, out.String())
		}
	}
}
