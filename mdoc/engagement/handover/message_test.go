package handover_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"mobileid/mdoc/engagement/handover"
	"mobileid/mdoc/engagement/ndef"
	"mobileid/mdoc/mdoctest"
)

const (
	bleType    = "application/vnd.bluetooth.le.oob"
	deviceType = "iso.org:18013:deviceengagement"
	readerType = "iso.org:18013:readerengagement"
)

func ac(payload string) ndef.Record {
	return ndef.Record{TNF: ndef.WellKnown, Type: "ac", Payload: []byte(payload)}
}

// message writes a Hs or Hr of the parts given.
func message(t testing.TB, typ string, version byte, inner []ndef.Record, outer ...ndef.Record) []byte {
	t.Helper()
	payload := []byte{version}
	if len(inner) > 0 {
		payload = must(ndef.Append(payload, inner...))(t)
	}
	head := ndef.Record{TNF: ndef.WellKnown, Type: typ, Payload: payload}
	return must(ndef.Append(nil, append([]ndef.Record{head}, outer...)...))(t)
}

func TestParseSelectRefuses(t *testing.T) {
	f := load(t)
	device := ndef.Record{TNF: ndef.External, Type: deviceType, ID: "mdoc", Payload: f.engagement(t).Bytes()}
	other := device
	other.ID = "other"
	broken := device
	broken.Payload = []byte{0xA0}
	ble := ndef.Record{TNF: ndef.Media, Type: bleType, ID: "0", Payload: []byte{2, 0x1C, 1}}
	bleOf := func(payload string) ndef.Record {
		r := ble
		r.Payload = mdoctest.Hex(t, payload)
		return r
	}
	nfcOf := func(payload string) ndef.Record {
		return ndef.Record{TNF: ndef.External, Type: "iso.org:18013:nfc", ID: "0", Payload: mdoctest.Hex(t, payload)}
	}
	good := ac("\x01\x010\x01\x04mdoc")
	if _, err := handover.ParseSelect(message(t, "Hs", 0x15, []ndef.Record{good}, ble, device)); err != nil {
		t.Fatalf("the valid form is refused: %v", err)
	}
	one := func(r ...ndef.Record) []byte { return message(t, "Hs", 0x15, []ndef.Record{good}, r...) }
	alternatives := func(r ...ndef.Record) []byte { return message(t, "Hs", 0x15, r, ble, device) }
	for name, raw := range map[string][]byte{
		"nothing":                           nil,
		"a request":                         message(t, "Hr", 0x15, []ndef.Record{good}, ble, device),
		"version 2":                         message(t, "Hs", 0x20, []ndef.Record{good}, ble, device),
		"no carrier":                        message(t, "Hs", 0x15, nil, ble, device),
		"no payload":                        must(ndef.Append(nil, ndef.Record{TNF: ndef.WellKnown, Type: "Hs"}))(t),
		"an error record alone":             alternatives(ndef.Record{TNF: ndef.WellKnown, Type: "err", Payload: []byte{1, 1}}),
		"too many carriers":                 alternatives(good, good, good, good, good, good, good, good, good),
		"one carrier twice":                 alternatives(good, good),
		"a carrier that is not there":       alternatives(ac("\x01\x019\x01\x04mdoc")),
		"an auxiliary that is not there":    alternatives(ac("\x01\x010\x02\x04mdoc\x01x")),
		"not pointing at the engagement":    alternatives(ac("\x01\x010\x00")),
		"the engagement as carrier":         alternatives(ac("\x01\x04mdoc\x01\x04mdoc")),
		"alternative cut":                   alternatives(ac("\x01\x010\x01\x04mdo")),
		"alternative of two bytes":          alternatives(ac("\x01\x01")),
		"alternative without auxiliaries":   alternatives(ac("\x01\x010")),
		"alternative with a tail":           alternatives(ac("\x01\x010\x01\x04mdocx")),
		"alternative with an empty ID":      alternatives(ac("\x01\x00\x01\x04mdoc")),
		"two collision records":             alternatives(good, ndef.Record{TNF: 1, Type: "cr", Payload: []byte{1, 2}}, ndef.Record{TNF: 1, Type: "cr", Payload: []byte{1, 2}}),
		"collision record of one byte":      alternatives(good, ndef.Record{TNF: 1, Type: "cr", Payload: []byte{1}}),
		"embedded message broken":           must(ndef.Append(nil, ndef.Record{TNF: 1, Type: "Hs", Payload: []byte{0x15, 0xD1}}, ble, device))(t),
		"no engagement":                     message(t, "Hs", 0x15, []ndef.Record{ac("\x01\x010\x01\x010")}, ble),
		"an engagement of another ID":       message(t, "Hs", 0x15, []ndef.Record{ac("\x01\x010\x01\x05other")}, ble, other),
		"two engagements":                   one(ble, device, other),
		"two records of an ID":              one(ble, ble, device),
		"a broken engagement":               one(ble, broken),
		"BLE without role":                  one(bleOf("1107b66eef55ee782ea2514bb6a1c42ad5b3"), device),
		"BLE role 4":                        one(bleOf("021c04"), device),
		"BLE role of two bytes":             one(bleOf("031c0101"), device),
		"BLE role twice":                    one(bleOf("021c01021c01"), device),
		"BLE field of length zero":          one(bleOf("021c0100"), device),
		"BLE field past the end":            one(bleOf("021c011107b6"), device),
		"BLE UUID of 15 bytes":              one(bleOf("021c0110076eef55ee782ea2514bb6a1c42ad5b3"), device),
		"BLE two UUIDs":                     one(bleOf("021c012107"+strings.Repeat("00", 32)), device),
		"BLE address of 5 bytes":            one(bleOf("021c01061b0102030405"), device),
		"BLE PSM of 2 bytes":                one(bleOf("021c01037700e0"), device),
		"BLE PSM over 16 bits":              one(bleOf("021c01057700010000"), device),
		"BLE service data of one byte":      one(bleOf("021c01021601"), device),
		"NFC without version":               one(nfcOf(""), device),
		"NFC version 2":                     one(nfcOf("02"), device),
		"NFC command data alone":            one(nfcOf("010301ffff"), device),
		"NFC command data of 254":           one(nfcOf("01030100fe0402010000"), device),
		"NFC response data of 255":          one(nfcOf("010301ffff030200ff"), device),
		"NFC response data over 65536":      one(nfcOf("010301ffff0402010001"), device),
		"NFC limit of zero":                 one(nfcOf("01030100000402010000"), device),
		"NFC limit of four bytes":           one(nfcOf("01050100000fff0402010000"), device),
		"NFC limit without value":           one(nfcOf("0101010402010000"), device),
		"NFC limit twice":                   one(nfcOf("010301ffff0301ffff0402010000"), device),
		"NFC field past the end":            one(nfcOf("010301ff"), device),
		"an engagement too large to be one": one(ble, ndef.Record{TNF: ndef.External, Type: deviceType, ID: "mdoc", Payload: make([]byte, 5000)}),
	} {
		t.Run(name, func(t *testing.T) {
			if got, err := handover.ParseSelect(raw); !errors.Is(err, handover.ErrMalformed) || got != nil {
				t.Errorf("error %v, want ErrMalformed", err)
			}
		})
	}
}

// TestMessagesSayWhy: what is wrong is named, and not a consequence of it.
func TestMessagesSayWhy(t *testing.T) {
	device := ndef.Record{TNF: ndef.External, Type: deviceType, ID: "mdoc", Payload: load(t).engagement(t).Bytes()}
	ble := ndef.Record{TNF: ndef.Media, Type: bleType, ID: "0", Payload: []byte{2, 0x1C, 1}}
	cut := ble
	cut.Payload = []byte{2, 0x1C, 1, 0}
	good := ac("\x01\x010\x01\x04mdoc")
	alternative := func(payload string) []byte { return message(t, "Hs", 0x15, []ndef.Record{ac(payload)}, ble, device) }
	for name, c := range map[string]struct {
		raw  []byte
		want string
	}{
		"an empty alternative":     {alternative(""), "alternative carrier record"},
		"an alternative cut":       {alternative("\x01\x010\x01\x04mdo"), "alternative carrier record"},
		"an empty reference":       {alternative("\x01\x00\x01\x04mdoc"), "alternative carrier record"},
		"a broken message inside":  {must(ndef.Append(nil, ndef.Record{TNF: 1, Type: "Hs", Payload: []byte{0x15, 0xD1}}, ble, device))(t), "embedded message"},
		"a BLE field of no length": {message(t, "Hs", 0x15, []ndef.Record{good}, cut, device), "a field of length 0"},
	} {
		if _, err := handover.ParseSelect(c.raw); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}

func TestParseRequestRefuses(t *testing.T) {
	ble := ndef.Record{TNF: ndef.Media, Type: bleType, ID: "0", Payload: []byte{2, 0x1C, 1}}
	peripheral := ble
	peripheral.Payload = []byte{2, 0x1C, 3}
	reader := func(id, payload string) ndef.Record {
		return ndef.Record{TNF: ndef.External, Type: readerType, ID: id, Payload: mdoctest.Hex(t, payload)}
	}
	good := []ndef.Record{ac("\x01\x010\x00")}
	if _, err := handover.ParseRequest(message(t, "Hr", 0x15, good, reader("mdocreader", "a10063312e30"), ble)); err != nil {
		t.Fatalf("the valid form is refused: %v", err)
	}
	for name, raw := range map[string][]byte{
		"a select":                         message(t, "Hs", 0x15, good, ble),
		"central client mode without UUID": message(t, "Hr", 0x15, good, peripheral),
		"reader engagement of version 2":   message(t, "Hr", 0x15, good, reader("mdocreader", "a10063322e30"), ble),
		"reader engagement without it":     message(t, "Hr", 0x15, good, reader("mdocreader", "a0"), ble),
		"reader engagement of another ID":  message(t, "Hr", 0x15, good, reader("x", "a10063312e30"), ble),
		"two reader engagements":           message(t, "Hr", 0x15, good, reader("mdocreader", "a10063312e30"), reader("x", "a10063312e30"), ble),
		"reader engagement as carrier":     message(t, "Hr", 0x15, []ndef.Record{ac("\x01\x0Amdocreader\x00")}, reader("mdocreader", "a10063312e30")),
	} {
		t.Run(name, func(t *testing.T) {
			if got, err := handover.ParseRequest(raw); !errors.Is(err, handover.ErrMalformed) || got != nil {
				t.Errorf("error %v, want ErrMalformed", err)
			}
		})
	}
}

// What stands in the records of the field and is read beyond what is written.
func TestReadBeyondWritten(t *testing.T) {
	f := load(t)
	device := ndef.Record{TNF: ndef.External, Type: deviceType, ID: "mdoc", Payload: f.engagement(t).Bytes()}
	good := ac("\x03\x010\x01\x04mdoc")
	read := func(t *testing.T, payload string) *handover.BLE {
		t.Helper()
		r := ndef.Record{TNF: ndef.Media, Type: bleType, ID: "0", Payload: mdoctest.Hex(t, payload)}
		s := must(handover.ParseSelect(message(t, "Hs", 0x12, []ndef.Record{good, {TNF: 1, Type: "err", Payload: []byte{1}}}, r, device)))(t)
		if s.Carriers()[0].Power != 3 {
			t.Errorf("power state %d", s.Carriers()[0].Power)
		}
		return s.Carriers()[0].BLE
	}
	for name, tc := range map[string]struct {
		payload string
		psm     uint32
		address int
	}{
		"address of six bytes":           {"071b010203040506021c01", 0, 6},
		"PSM in service data":            {"021c01" + "07163412a10018e0", 224, 0},
		"another's service data":         {"021c0105163412ffff", 0, 0},
		"service data beside a field 77": {"021c01" + "0577000000c0" + "07163412a10018e0", 192, 0},
		"a local name":                   {"021c01" + "03096d64", 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			if b := read(t, tc.payload); b.PSM != tc.psm || len(b.Address) != tc.address || b.Role != handover.CentralOnly {
				t.Errorf("read as %+v", *b)
			}
		})
	}
}

func TestMakingRefuses(t *testing.T) {
	f := load(t)
	e := f.engagement(t)
	ble := &handover.BLE{Role: handover.CentralOnly}
	for name, c := range map[string][]handover.Carrier{
		"no carrier":       nil,
		"an empty carrier": {{ID: "0"}},
		"two kinds":        {{ID: "0", BLE: ble, NFC: &handover.NFC{}}},
		"no ID":            {{BLE: ble}},
		"a long ID":        {{ID: strings.Repeat("a", 256), BLE: ble}},
		"one ID twice":     {{ID: "0", BLE: ble}, {ID: "0", NFC: &handover.NFC{}}},
		"the mdoc's ID":    {{ID: "mdoc", BLE: ble}},
		"limits":           {{ID: "0", NFC: &handover.NFC{MaxCommandData: 1, MaxResponseData: 256}}},
		"a short UUID":     {{ID: "0", BLE: &handover.BLE{UUID: []byte{1}}}},
		"a chunk":          {{ID: "0", Other: &ndef.Record{TNF: 6, Type: "x"}}},
	} {
		t.Run(name, func(t *testing.T) {
			if got, err := handover.NewSelect(e, c...); err == nil || got != nil {
				t.Error("a select was made")
			}
			if name == "the mdoc's ID" {
				return
			}
			if got, err := handover.NewRequest(handover.RequestContent{Carriers: c}); err == nil || got != nil {
				t.Error("a request was made")
			}
		})
	}
	if _, err := handover.NewSelect(nil, handover.Carrier{ID: "0", BLE: ble}); err == nil {
		t.Error("a select without engagement was made")
	}
}

func TestHandoverRules(t *testing.T) {
	f := load(t)
	uuid, readers := f.uuid(t), bytes.Repeat([]byte{7}, 16)
	carrier := func(role handover.Role, uuid []byte) handover.Carrier {
		return handover.Carrier{ID: "0", BLE: &handover.BLE{Role: role, UUID: uuid}}
	}
	nfc := handover.Carrier{ID: "nfc", NFC: &handover.NFC{MaxCommandData: 255, MaxResponseData: 256}}
	bare := handover.Carrier{ID: "nfc", NFC: &handover.NFC{}}
	wifi := handover.Carrier{ID: "W", WiFiAware: []byte{1}}
	other := func(typ string) handover.Carrier {
		return handover.Carrier{ID: "x", Other: &ndef.Record{TNF: ndef.Media, Type: typ}}
	}
	list := func(c ...handover.Carrier) []handover.Carrier { return c }
	for name, tc := range map[string]struct {
		sel, req        []handover.Carrier
		ok              bool
		server, central []byte // the UUIDs
	}{
		"static, both modes under one UUID":       {list(carrier(2, uuid)), nil, true, uuid, uuid},
		"static, peripheral server":               {list(carrier(0, uuid)), nil, true, uuid, nil},
		"static, without UUID":                    {list(carrier(1, nil)), nil, false, nil, nil},
		"static, NFC without limits":              {list(bare), nil, false, nil, nil},
		"static, Wi-Fi Aware":                     {list(wifi), nil, true, nil, nil},
		"central, the reader's UUID":              {list(carrier(1, nil)), list(carrier(3, readers)), true, nil, readers},
		"central, its own UUID beside":            {list(carrier(1, uuid)), list(carrier(3, readers)), true, nil, readers},
		"peripheral server":                       {list(carrier(0, uuid)), list(carrier(3, readers)), true, uuid, nil},
		"peripheral server, reader central alone": {list(carrier(0, uuid)), list(carrier(1, nil)), true, uuid, nil},
		"peripheral server without UUID":          {list(carrier(0, nil)), list(carrier(3, readers)), false, nil, nil},
		"both, UUID of both":                      {list(carrier(3, uuid)), list(carrier(2, readers)), true, uuid, readers},
		"both, no UUID of the mdoc":               {list(carrier(3, nil)), list(carrier(2, readers)), true, nil, readers},
		"both central":                            {list(carrier(1, nil)), list(carrier(1, nil)), false, nil, nil},
		"both peripheral":                         {list(carrier(0, uuid)), list(carrier(0, readers)), false, nil, nil},
		"two carriers selected":                   {list(carrier(1, nil), nfc), list(carrier(3, readers), bare), false, nil, nil},
		"not offered":                             {list(nfc), list(carrier(3, readers)), false, nil, nil},
		"BLE not offered":                         {list(carrier(1, nil)), list(bare), false, nil, nil},
		"NFC":                                     {list(nfc), list(bare), true, nil, nil},
		"NFC without limits":                      {list(bare), list(bare), false, nil, nil},
		"another carrier":                         {list(other("a/b")), list(other("a/b")), true, nil, nil},
		"another carrier not offered":             {list(other("a/b")), list(other("a/c")), false, nil, nil},
	} {
		t.Run(name, func(t *testing.T) {
			sel := must(handover.NewSelect(f.engagement(t), tc.sel...))(t)
			var req *handover.Request
			if tc.req != nil {
				req = must(handover.NewRequest(handover.RequestContent{Carriers: tc.req}))(t)
			}
			h, err := handover.New(sel, req)
			if !tc.ok {
				if !errors.Is(err, handover.ErrMalformed) || h != nil {
					t.Errorf("error %v, want ErrMalformed", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if h.Select() != sel || h.Request() != req {
				t.Error("other messages")
			}
			methods := must(h.Methods())(t)
			if len(methods) > 0 && methods[0].BLE != nil {
				b := methods[0].BLE
				if !bytes.Equal(b.PeripheralServerUUID, tc.server) || !bytes.Equal(b.CentralClientUUID, tc.central) ||
					b.PeripheralServer != (tc.server != nil) || b.CentralClient != (tc.central != nil) {
					t.Errorf("BLE %+v", *b)
				}
				must(methods[0].MarshalCBOR())(t)
			}
		})
	}
	if _, err := handover.New(nil, nil); err == nil {
		t.Error("a handover without select was made")
	}
}
