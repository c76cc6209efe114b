package handover_test

import (
	"bytes"
	"context"
	"crypto/ecdh"
	"encoding/hex"
	"errors"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"

	"mobileid/mdoc/apdu"
	"mobileid/mdoc/cbor"
	"mobileid/mdoc/engagement"
	"mobileid/mdoc/engagement/handover"
	"mobileid/mdoc/engagement/ndef"
	"mobileid/mdoc/mdoctest"
	"mobileid/mdoc/transcript"
)

type exchange struct {
	Command struct {
		CLA         byte
		Ins, P1, P2 string
		Data        string
		Le          *int
	}
	Response struct{ SW, Data string }
}

// command gives the bytes of the printed command.
func (e exchange) command(t testing.TB) []byte {
	t.Helper()
	number := func(s string) byte {
		n, err := strconv.ParseUint(s, 16, 8)
		if err != nil {
			t.Fatal(err)
		}
		return byte(n)
	}
	c := apdu.Command{CLA: e.Command.CLA, INS: number(e.Command.Ins), P1: number(e.Command.P1), P2: number(e.Command.P2), Data: mdoctest.Hex(t, e.Command.Data)}
	if e.Command.Le != nil {
		c.Le = *e.Command.Le
	}
	b, err := c.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func (e exchange) response(t testing.TB) []byte {
	return mdoctest.Hex(t, e.Response.Data+e.Response.SW)
}

type nfcFile struct {
	Key struct {
		Crv  string
		X, Y string
	} `json:"e_device_key"`
	UUID        string     `json:"ble_uuid"`
	MaxCommand  int        `json:"nfc_max_command_data"`
	MaxResponse int        `json:"nfc_max_response_data"`
	Static      []exchange `json:"static_handover"`
	Negotiated  []exchange `json:"negotiated_handover"`
	Example     struct {
		Hex string
		Hs  string `json:"handover_select"`
		Hr  string `json:"handover_request"`
	} `json:"session_transcript_example"`
	Apple struct {
		Capability string `json:"capability_container"`
		Tp         string `json:"service_parameter_record"`
		Hs         string `json:"handover_select"`
		Device     string `json:"device_engagement"`
	} `json:"apple_wallet"`
}

func load(t testing.TB) nfcFile {
	t.Helper()
	var f nfcFile
	mdoctest.ReadJSON(t, "iso18013-5/nfc-engagement.json", &f)
	return f
}

func (f nfcFile) engagement(t testing.TB) *engagement.DeviceEngagement {
	t.Helper()
	if f.Key.Crv != "P-256" {
		t.Fatalf("curve %s", f.Key.Crv)
	}
	key, err := ecdh.P256().NewPublicKey(mdoctest.Hex(t, "04"+f.Key.X+f.Key.Y))
	if err != nil {
		t.Fatal(err)
	}
	e, err := engagement.New(key, nil)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func (f nfcFile) uuid(t testing.TB) []byte {
	t.Helper()
	return mdoctest.Hex(t, strings.ReplaceAll(f.UUID, "-", ""))
}

// carriers are those that both printed exchanges offer.
func (f nfcFile) carriers(t testing.TB) []handover.Carrier {
	t.Helper()
	return []handover.Carrier{
		{ID: "0", BLE: &handover.BLE{Role: handover.CentralPreferred, UUID: f.uuid(t)}},
		{ID: "nfc", NFC: &handover.NFC{MaxCommandData: f.MaxCommand, MaxResponseData: f.MaxResponse}},
	}
}

func (f nfcFile) request(t testing.TB) *handover.Request {
	t.Helper()
	return must(handover.NewRequest(handover.RequestContent{ReaderEngagement: handover.ReaderEngagement(), Carriers: f.carriers(t)}))(t)
}

func (f nfcFile) staticTag(t testing.TB) *handover.Tag {
	t.Helper()
	sel := must(handover.NewSelect(f.engagement(t), f.carriers(t)...))(t)
	return must(handover.NewTag(handover.TagConfig{Static: sel}))(t)
}

// chosen is the select of the printed negotiated handover.
func (f nfcFile) chosen(t testing.TB) *handover.Select {
	t.Helper()
	return must(handover.NewSelect(f.engagement(t), handover.Carrier{ID: "0", BLE: &handover.BLE{Role: handover.CentralOnly}}))(t)
}

func (f nfcFile) negotiatedTag(t testing.TB) *handover.Tag {
	t.Helper()
	sel := f.chosen(t)
	return must(handover.NewTag(handover.TagConfig{Choose: func(*handover.Request) (*handover.Select, error) { return sel, nil }}))(t)
}

func must[T any](v T, err error) func(testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// script answers the printed commands, which must come exactly, with the printed responses.
type script struct {
	t    *testing.T
	left *[]exchange
}

func (s script) Transmit(_ context.Context, command []byte) ([]byte, error) {
	if len(*s.left) == 0 {
		s.t.Errorf("command %X after the last", command)
		return nil, errors.New("nothing left")
	}
	e := (*s.left)[0]
	*s.left = (*s.left)[1:]
	if want := e.command(s.t); !bytes.Equal(command, want) {
		s.t.Errorf("command %X, want %X", command, want)
	}
	return e.response(s.t), nil
}

func TestPublishedExchanges(t *testing.T) {
	f := load(t)
	for name, tc := range map[string]struct {
		exchanges []exchange
		tag       *handover.Tag
		count     int
		method    engagement.MethodType
	}{
		"static":     {f.Static, f.staticTag(t), 6, engagement.MethodBLE},
		"negotiated": {f.Negotiated, f.negotiatedTag(t), 12, engagement.MethodBLE},
	} {
		t.Run(name+" tag", func(t *testing.T) {
			if len(tc.exchanges) != tc.count {
				t.Fatalf("%d exchanges, want %d", len(tc.exchanges), tc.count)
			}
			for i, e := range tc.exchanges {
				got, err := tc.tag.Transmit(t.Context(), e.command(t))
				if err != nil || !bytes.Equal(got, e.response(t)) {
					t.Fatalf("exchange %d: %X, %v; want %X", i, got, err, e.response(t))
				}
			}
			<-tc.tag.Done()
			checkPublished(t, f, tc.tag.Handover(), name == "negotiated")
		})
		t.Run(name+" reader", func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				left := tc.exchanges
				h, err := handover.Reader{Request: f.request(t)}.Read(t.Context(), script{t, &left})
				if err != nil || len(left) > 0 {
					t.Fatalf("%v; %d exchanges left", err, len(left))
				}
				checkPublished(t, f, h, name == "negotiated")
			})
		})
	}
}

func checkPublished(t *testing.T, f nfcFile, h *handover.Handover, negotiated bool) {
	t.Helper()
	hs, hr := h.Messages()
	want, wantHr := f.Static[5].Response.Data, ""
	if negotiated {
		want, wantHr = f.Negotiated[11].Response.Data, f.Negotiated[9].Command.Data[4:]
	}
	if hex.EncodeToString(hs) != want || hex.EncodeToString(hr) != wantHr || (hr == nil) == negotiated {
		t.Errorf("messages %x and %x", hs, hr)
	}
	if !bytes.Equal(h.Select().Device().Bytes(), f.engagement(t).Bytes()) {
		t.Error("another engagement")
	}
	methods, err := h.Methods()
	if err != nil || len(methods) == 0 || methods[0].BLE == nil {
		t.Fatalf("methods %v, %v", methods, err)
	}
	ble := methods[0].BLE
	if !ble.CentralClient || ble.PeripheralServer == negotiated || !bytes.Equal(ble.CentralClientUUID, f.uuid(t)) {
		t.Errorf("BLE %+v", *ble)
	}
	if negotiated {
		return
	}
	if len(methods) != 2 || methods[1].NFC == nil || methods[1].NFC.MaxCommandData != 65535 || methods[1].NFC.MaxResponseData != 65536 {
		t.Errorf("methods %+v", methods)
	}
}

// The messages of Annex D, of the example and of Apple's wallet are read, and each of their records is written again.
func TestPublishedMessages(t *testing.T) {
	f, d := load(t), mdoctest.LoadAnnexD(t)
	for name, raw := range map[string][]byte{
		"Annex D": d.Bytes(t, "nfc_handover_select_message"),
		"example": mdoctest.Hex(t, f.Example.Hs),
		"Apple":   mdoctest.Hex(t, f.Apple.Hs),
		"static":  mdoctest.Hex(t, f.Static[5].Response.Data),
	} {
		t.Run("select "+name, func(t *testing.T) {
			s := must(handover.ParseSelect(raw))(t)
			again := must(handover.NewSelect(s.Device(), s.Carriers()...))(t)
			sameRecords(t, again.Bytes(), raw)
			for n := range raw {
				if got, err := handover.ParseSelect(raw[:n]); !errors.Is(err, handover.ErrMalformed) || got != nil {
					t.Errorf("cut to %d bytes: error %v", n, err)
				}
			}
		})
	}
	for name, raw := range map[string][]byte{
		"Annex D": d.Bytes(t, "nfc_handover_request_message"),
		"example": mdoctest.Hex(t, f.Example.Hr),
		"printed": mdoctest.Hex(t, f.Negotiated[9].Command.Data)[2:],
	} {
		t.Run("request "+name, func(t *testing.T) {
			q := must(handover.ParseRequest(raw))(t)
			again := must(handover.NewRequest(q.Content()))(t)
			if !bytes.Equal(again.Bytes(), raw) || !bytes.Equal(q.Bytes(), raw) {
				t.Errorf("written as %x, want %x", again.Bytes(), raw)
			}
			for n := range raw {
				if got, err := handover.ParseRequest(raw[:n]); !errors.Is(err, handover.ErrMalformed) || got != nil {
					t.Errorf("cut to %d bytes: error %v", n, err)
				}
			}
		})
	}
}

// sameRecords compares messages whose records may stand in another order.
func sameRecords(t *testing.T, got, want []byte) {
	t.Helper()
	g, w := must(ndef.Parse(got))(t), must(ndef.Parse(want))(t)
	byID := make(map[string]ndef.Record)
	for _, r := range g {
		byID[r.ID] = r
	}
	ordered := make([]ndef.Record, len(w))
	for i, r := range w {
		ordered[i] = byID[r.ID]
	}
	if again := must(ndef.Append(nil, ordered...))(t); !bytes.Equal(again, want) || len(g) != len(w) {
		t.Errorf("written as %x, want %x", again, want)
	}
}

func TestAnnexDValues(t *testing.T) {
	d := mdoctest.LoadAnnexD(t)
	q := must(handover.ParseRequest(d.Bytes(t, "nfc_handover_request_message")))(t)
	c := q.Content()
	if hex.EncodeToString(c.Collision) != "0102" || c.ReaderEngagement != nil || len(c.Carriers) != 3 {
		t.Fatalf("content %+v", c)
	}
	ble := c.Carriers[0].BLE
	if ble == nil || c.Carriers[0].ID != "0" || ble.Role != handover.PeripheralPreferred || c.Carriers[0].Power != handover.PowerActive ||
		hex.EncodeToString(ble.UUID) != "3a82d455d5fc4db3bea06fd2f6ff32c8" || hex.EncodeToString(ble.Address) != "28078080bf2801" {
		t.Errorf("BLE %+v", ble)
	}
	if n := c.Carriers[1]; n.ID != "nfc" || n.NFC == nil || *n.NFC != (handover.NFC{}) {
		t.Errorf("NFC %+v", n)
	}
	if w := c.Carriers[2]; w.ID != "W" || w.Kind() != handover.KindWiFiAware || len(w.WiFiAware) != 43 {
		t.Errorf("Wi-Fi Aware %+v", w)
	}
	s := must(handover.ParseSelect(d.Bytes(t, "nfc_handover_select_message")))(t)
	if !bytes.Equal(s.Device().Bytes(), d.Bytes(t, "device_engagement_nfc")) {
		t.Error("the engagement is not the printed one")
	}
	h := must(handover.New(s, q))(t)
	hs, hr := h.Messages()
	tr := must(transcript.NFC(s.Device().Bytes(), d.Bytes(t, "e_reader_key_bytes"), hs, hr))(t)
	if !bytes.Equal(tr.Bytes(), d.Bytes(t, "session_transcript_bytes")) {
		t.Error("the transcript is not the printed one")
	}
	methods := must(h.Methods())(t)
	if len(methods) != 1 || hex.EncodeToString(methods[0].BLE.CentralClientUUID) != "3a82d455d5fc4db3bea06fd2f6ff32c8" || methods[0].BLE.PeripheralServer {
		t.Errorf("methods %+v: the reader's UUID is due", methods)
	}
}

// In the example the select repeats no UUID and both records give a PSM in the field 77.
func TestExampleTranscript(t *testing.T) {
	f := load(t)
	s := must(handover.ParseSelect(mdoctest.Hex(t, f.Example.Hs)))(t)
	q := must(handover.ParseRequest(mdoctest.Hex(t, f.Example.Hr)))(t)
	h := must(handover.New(s, q))(t)
	items := must(cbor.Items(mdoctest.Hex(t, f.Example.Hex)))(t)
	if len(items) != 3 {
		t.Fatalf("%d members", len(items))
	}
	hs, hr := h.Messages()
	tr := must(transcript.NFC(s.Device().Bytes(), items[1], hs, hr))(t)
	if hex.EncodeToString(tr.Array()) != f.Example.Hex {
		t.Errorf("transcript %x", tr.Array())
	}
	ble := must(h.Methods())(t)[0].BLE
	if ble.PSM != 224 || q.Content().Carriers[0].BLE.PSM != 224 || hex.EncodeToString(ble.CentralClientUUID) != "7ba78f7439dd48de9292be12fbdd428c" {
		t.Errorf("BLE %+v", *ble)
	}
}
