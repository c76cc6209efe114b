package session

import (
	"bytes"
	"crypto/ecdh"
	"testing"

	"mobileid/mdoc/cbor"
	"mobileid/mdoc/engagement"
	"mobileid/mdoc/mdoctest"
	"mobileid/mdoc/transcript"
)

// printed is Annex D of ISO/IEC 18013-5 as this package needs it.
type printed struct {
	entries        mdoctest.AnnexD
	device, reader *ecdh.PrivateKey
	transcript     transcript.Transcript
}

func annexD(t testing.TB) printed {
	t.Helper()
	d := mdoctest.LoadAnnexD(t)
	tr, err := transcript.Parse(d.Bytes(t, "session_transcript"))
	if err != nil {
		t.Fatal(err)
	}
	return printed{entries: d, device: private(t, d, "e_device_key_d"), reader: private(t, d, "e_reader_key_d"), transcript: tr}
}

func private(t testing.TB, d mdoctest.AnnexD, name string) *ecdh.PrivateKey {
	t.Helper()
	k, err := ecdh.P256().NewPrivateKey(d.Bytes(t, name))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// printedReader is a Reader with Annex D's ephemeral key.
func (p printed) printedReader(t testing.TB, eng string, h handover) *Reader {
	t.Helper()
	e, err := engagement.Parse(p.entries.Bytes(t, eng))
	if err != nil {
		t.Fatal(err)
	}
	r, err := readerWithKey(e, p.device.PublicKey(), p.reader, h)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// printedDevice is a Device with Annex D's ephemeral key.
func (p printed) printedDevice(t testing.TB, eng string, h handover) *Device {
	t.Helper()
	e, err := engagement.Parse(p.entries.Bytes(t, eng))
	if err != nil {
		t.Fatal(err)
	}
	return &Device{engagement: e, key: p.device, handover: h}
}

func (p printed) nfc(t testing.TB) handover {
	return nfcHandover(p.entries.Bytes(t, "nfc_handover_select_message"), p.entries.Bytes(t, "nfc_handover_request_message"))
}

func TestAnnexDKeys(t *testing.T) {
	p := annexD(t)
	z, err := transcript.Agree(p.device, p.reader.PublicKey())
	if err != nil {
		t.Fatal(err)
	}
	same(t, "zab_session", z, p.entries.Bytes(t, "zab_session"))
	for info, name := range map[string]string{infoSKReader: "sk_reader", infoSKDevice: "sk_device"} {
		key, err := transcript.DeriveKey(z, p.transcript.Salt(), info)
		if err != nil {
			t.Fatal(err)
		}
		same(t, name, key, p.entries.Bytes(t, name))
	}
}

func TestAnnexDEMacKeyIsOneForBothEnds(t *testing.T) {
	p := annexD(t)
	static := private(t, p.entries, "s_device_key_d")
	z, err := transcript.Agree(static, p.reader.PublicKey())
	if err != nil {
		t.Fatal(err)
	}
	same(t, "zab_mac", z, p.entries.Bytes(t, "zab_mac"))
	want := p.entries.Bytes(t, "e_mac_key")
	atDevice, err := EMacKey(static, p.reader.PublicKey(), p.transcript)
	if err != nil {
		t.Fatal(err)
	}
	same(t, "device's e_mac_key", atDevice, want)
	atReader, err := EMacKey(p.reader, static.PublicKey(), p.transcript)
	if err != nil {
		t.Fatal(err)
	}
	same(t, "reader's e_mac_key", atReader, want)
	inElement, err := transcript.EMacKeyFromSalt(static, p.reader.PublicKey(), p.transcript.Salt())
	if err != nil {
		t.Fatal(err)
	}
	same(t, "element's e_mac_key", inElement, want)
}

func TestAnnexDSessionAtTheReader(t *testing.T) {
	p := annexD(t)
	r := p.printedReader(t, "device_engagement_nfc", p.nfc(t))
	same(t, "transcript", r.Transcript().Array(), p.entries.Bytes(t, "session_transcript"))
	message, s, err := r.Establish(p.entries.Bytes(t, "device_request"))
	if err != nil {
		t.Fatal(err)
	}
	same(t, "session_establishment", message, p.entries.Bytes(t, "session_establishment"))
	response, status, err := s.Decrypt(p.entries.Bytes(t, "session_data"))
	if err != nil || status != nil {
		t.Fatalf("status %v, error %v", status, err)
	}
	same(t, "device_response", response, p.entries.Bytes(t, "device_response"))
	last, err := s.Terminate()
	if err != nil {
		t.Fatal(err)
	}
	same(t, "session_termination", last, p.entries.Bytes(t, "session_termination"))
}

func TestAnnexDSessionAtTheDevice(t *testing.T) {
	p := annexD(t)
	request, s, err := p.printedDevice(t, "device_engagement_nfc", p.nfc(t)).Accept(p.entries.Bytes(t, "session_establishment"))
	if err != nil {
		t.Fatal(err)
	}
	same(t, "device_request", request, p.entries.Bytes(t, "device_request"))
	same(t, "transcript", s.Transcript().Array(), p.entries.Bytes(t, "session_transcript"))
	if !s.EReaderKey().Equal(p.reader.PublicKey()) {
		t.Error("EReaderKey differs")
	}
	message, err := s.Encrypt(p.entries.Bytes(t, "device_response"), false)
	if err != nil {
		t.Fatal(err)
	}
	same(t, "session_data", message, p.entries.Bytes(t, "session_data"))
	data, status, err := s.Decrypt(p.entries.Bytes(t, "session_termination"))
	if err != nil || data != nil || status == nil || *status != StatusTermination {
		t.Errorf("termination gives data %x, status %v, error %v", data, status, err)
	}
}

func TestAnnexDOverQR(t *testing.T) {
	p := annexD(t)
	var want struct {
		SKReader string `json:"sk_reader_qr"`
		SKDevice string `json:"sk_device_qr"`
		EMacKey  string `json:"e_mac_key_qr"`
		Data     string `json:"session_establishment_data_qr"`
	}
	mdoctest.ReadJSON(t, "iso18013-5/annex-d-derived.json", &want)
	r := p.printedReader(t, "device_engagement_qr", transcript.QR)
	z, err := transcript.Agree(p.reader, p.device.PublicKey())
	if err != nil {
		t.Fatal(err)
	}
	for info, key := range map[string]string{infoSKReader: want.SKReader, infoSKDevice: want.SKDevice} {
		got, err := transcript.DeriveKey(z, r.Transcript().Salt(), info)
		if err != nil {
			t.Fatal(err)
		}
		same(t, info, got, mdoctest.Hex(t, key))
	}
	mac, err := EMacKey(p.reader, private(t, p.entries, "s_device_key_d").PublicKey(), r.Transcript())
	if err != nil {
		t.Fatal(err)
	}
	same(t, "EMacKey", mac, mdoctest.Hex(t, want.EMacKey))
	message, _, err := r.Establish(p.entries.Bytes(t, "device_request"))
	if err != nil {
		t.Fatal(err)
	}
	e, err := parseEstablishment(message)
	if err != nil {
		t.Fatal(err)
	}
	same(t, "data", e.Data, mdoctest.Hex(t, want.Data))
	request, _, err := p.printedDevice(t, "device_engagement_qr", transcript.QR).Accept(message)
	if err != nil {
		t.Fatal(err)
	}
	same(t, "device_request", request, p.entries.Bytes(t, "device_request"))
}

func TestFirstIVs(t *testing.T) {
	var file struct {
		IV struct {
			Reader string `json:"reader_message_1"`
			Device string `json:"device_message_1"`
		} `json:"iv"`
	}
	mdoctest.ReadJSON(t, "iso18013-5/annex-d.json", &file)
	p := annexD(t)
	reader, device, err := channels(p.reader, p.device.PublicKey(), p.transcript)
	if err != nil {
		t.Fatal(err)
	}
	for want, c := range map[string]*channel{file.IV.Reader: reader, file.IV.Device: device} {
		iv, err := c.nextIV()
		if err != nil {
			t.Fatal(err)
		}
		same(t, "first IV", iv[:], mdoctest.Hex(t, want))
	}
}

// TestMessagesEncodeBack decodes the printed messages and encodes them to the same bytes.
func TestMessagesEncodeBack(t *testing.T) {
	p := annexD(t)
	e, err := parseEstablishment(p.entries.Bytes(t, "session_establishment"))
	if err != nil {
		t.Fatal(err)
	}
	back := append(cbor.AppendText(cbor.AppendMapHead(nil, 2), "eReaderKey"), e.EReaderKey.Bytes()...)
	back = append(appendData(back, len(e.Data)), e.Data...)
	same(t, "SessionEstablishment", back, p.entries.Bytes(t, "session_establishment"))
	data, status, err := parseData(p.entries.Bytes(t, "session_data"))
	if err != nil || status != nil {
		t.Fatalf("status %v, error %v", status, err)
	}
	same(t, "SessionData", dataMessage(data), p.entries.Bytes(t, "session_data"))
}

func same(t *testing.T, what string, got, want []byte) {
	t.Helper()
	if len(want) == 0 || !bytes.Equal(got, want) {
		t.Errorf("%s differs: %d bytes, want %d", what, len(got), len(want))
	}
}
