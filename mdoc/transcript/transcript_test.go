package transcript_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"mobileid/mdoc/mdoctest"
	"mobileid/mdoc/transcript"
)

type derived struct {
	SessionTranscriptQR      string `json:"session_transcript_qr"`
	SessionTranscriptBytesQR string `json:"session_transcript_bytes_qr"`
}

type nfcFile struct {
	Example struct {
		Hex             string `json:"hex"`
		HandoverSelect  string `json:"handover_select"`
		HandoverRequest string `json:"handover_request"`
	} `json:"session_transcript_example"`
}

func TestAnnexDNegotiatedNFC(t *testing.T) {
	d := mdoctest.LoadAnnexD(t)
	tr, err := transcript.NFC(
		d.Bytes(t, "device_engagement_nfc"),
		d.Bytes(t, "e_reader_key_bytes"),
		d.Bytes(t, "nfc_handover_select_message"),
		d.Bytes(t, "nfc_handover_request_message"),
	)
	if err != nil {
		t.Fatal(err)
	}
	compare(t, "array", tr.Array(), d.Bytes(t, "session_transcript"))
	compare(t, "bytes", tr.Bytes(), d.Bytes(t, "session_transcript_bytes"))
	compare(t, "salt", tr.Salt(), d.Bytes(t, "hkdf_salt_sha256_session_transcript_bytes"))
	compare(t, "reader key", tr.EReaderKeyBytes(), d.Bytes(t, "e_reader_key_bytes"))
}

func TestAnnexDQR(t *testing.T) {
	d := mdoctest.LoadAnnexD(t)
	var want derived
	mdoctest.ReadJSON(t, "iso18013-5/annex-d-derived.json", &want)
	tr, err := transcript.QR(d.Bytes(t, "device_engagement_qr"), d.Bytes(t, "e_reader_key_bytes"))
	if err != nil {
		t.Fatal(err)
	}
	compare(t, "array", tr.Array(), mdoctest.Hex(t, want.SessionTranscriptQR))
	compare(t, "bytes", tr.Bytes(), mdoctest.Hex(t, want.SessionTranscriptBytesQR))
}

func TestParseKeepsBytesOfOtherMakers(t *testing.T) {
	d := mdoctest.LoadAnnexD(t)
	var nfc nfcFile
	mdoctest.ReadJSON(t, "iso18013-5/nfc-engagement.json", &nfc)
	for name, raw := range map[string][]byte{
		"annex D": d.Bytes(t, "session_transcript"),
		"vck":     mdoctest.Hex(t, nfc.Example.Hex),
	} {
		t.Run(name, func(t *testing.T) {
			tr, err := transcript.Parse(raw)
			if err != nil {
				t.Fatal(err)
			}
			compare(t, "array", tr.Array(), raw)
			if len(tr.DeviceEngagementBytes()) == 0 || len(tr.EReaderKeyBytes()) == 0 {
				t.Error("parts are missing")
			}
		})
	}
	tr, err := transcript.Parse(mdoctest.Hex(t, nfc.Example.Hex))
	if err != nil {
		t.Fatal(err)
	}
	want := append([]byte{0x82, 0x58, byte(len(nfc.Example.HandoverSelect) / 2)}, mdoctest.Hex(t, nfc.Example.HandoverSelect)...)
	want = append(want, 0x58, byte(len(nfc.Example.HandoverRequest)/2))
	want = append(want, mdoctest.Hex(t, nfc.Example.HandoverRequest)...)
	compare(t, "handover", tr.Handover(), want)
}

func TestHandoversDiffer(t *testing.T) {
	d := mdoctest.LoadAnnexD(t)
	eng := d.Bytes(t, "device_engagement_nfc")
	key := d.Bytes(t, "e_reader_key_bytes")
	hs := d.Bytes(t, "nfc_handover_select_message")
	qr, err := transcript.QR(eng, key)
	if err != nil {
		t.Fatal(err)
	}
	static, err := transcript.NFC(eng, key, hs, nil)
	if err != nil {
		t.Fatal(err)
	}
	negotiated, err := transcript.NFC(eng, key, hs, hs)
	if err != nil {
		t.Fatal(err)
	}
	if qr.Equal(static) || static.Equal(negotiated) || bytes.Equal(qr.Salt(), static.Salt()) {
		t.Error("two ways of meeting gave one transcript")
	}
	if h := static.Handover(); h[0] != 0x82 || h[len(h)-1] != 0xf6 {
		t.Errorf("static handover begins %x and ends %x", h[0], h[len(h)-1])
	}
}

func TestOnlineHasNoEngagement(t *testing.T) {
	tr, err := transcript.Online([]byte{0x81, 0x01})
	if err != nil {
		t.Fatal(err)
	}
	compare(t, "array", tr.Array(), []byte{0x83, 0xf6, 0xf6, 0x81, 0x01})
	if tr.DeviceEngagementBytes() != nil || tr.EReaderKeyBytes() != nil {
		t.Error("null elements are reported as present")
	}
}

func TestRefusals(t *testing.T) {
	key := []byte{0xd8, 0x18, 0x41, 0xa0}
	big := make([]byte, transcript.MaxSize)
	for name, build := range map[string]func() (transcript.Transcript, error){
		"reader key without tag":      func() (transcript.Transcript, error) { return transcript.QR([]byte{0xa0}, []byte{0xa0}) },
		"reader key bare byte string": func() (transcript.Transcript, error) { return transcript.QR([]byte{0xa0}, []byte{0x41, 0xa0}) },
		"reader key with other tag": func() (transcript.Transcript, error) {
			return transcript.QR([]byte{0xa0}, []byte{0xd8, 0x19, 0x41, 0xa0})
		},
		"reader key missing":           func() (transcript.Transcript, error) { return transcript.QR([]byte{0xa0}, nil) },
		"engagement missing":           func() (transcript.Transcript, error) { return transcript.QR(nil, key) },
		"engagement with a tail":       func() (transcript.Transcript, error) { return transcript.QR([]byte{0xa0, 0xa0}, key) },
		"handover select missing":      func() (transcript.Transcript, error) { return transcript.NFC([]byte{0xa0}, key, nil, nil) },
		"handover request empty":       func() (transcript.Transcript, error) { return transcript.NFC([]byte{0xa0}, key, []byte{1}, []byte{}) },
		"handover too large":           func() (transcript.Transcript, error) { return transcript.NFC([]byte{0xa0}, key, big, nil) },
		"online handover not CBOR":     func() (transcript.Transcript, error) { return transcript.Online([]byte{0xff}) },
		"parse: two elements":          func() (transcript.Transcript, error) { return transcript.Parse([]byte{0x82, 0xf6, 0xf6}) },
		"parse: four elements":         func() (transcript.Transcript, error) { return transcript.Parse([]byte{0x84, 0xf6, 0xf6, 0xf6, 0xf6}) },
		"parse: a map":                 func() (transcript.Transcript, error) { return transcript.Parse([]byte{0xa0}) },
		"parse: long array head":       func() (transcript.Transcript, error) { return transcript.Parse([]byte{0x98, 3, 0xf6, 0xf6, 0xf6}) },
		"parse: engagement not tagged": func() (transcript.Transcript, error) { return transcript.Parse([]byte{0x83, 0xa0, 0xf6, 0xf6}) },
		"parse: the tag 24 form": func() (transcript.Transcript, error) {
			return transcript.Parse([]byte{0xd8, 0x18, 0x44, 0x83, 0xf6, 0xf6, 0xf6})
		},
		"parse: too large": func() (transcript.Transcript, error) { return transcript.Parse(append(big, 0)) },
	} {
		t.Run(name, func(t *testing.T) {
			tr, err := build()
			if !errors.Is(err, transcript.ErrMalformed) {
				t.Errorf("error %v, want ErrMalformed", err)
			}
			if !tr.IsZero() {
				t.Error("a refused transcript is not the zero value")
			}
		})
	}
}

// TestMapInPlaceOfTheArray holds what is said: that it has no three elements would refuse it too.
func TestMapInPlaceOfTheArray(t *testing.T) {
	if _, err := transcript.Parse([]byte{0xa0}); err == nil || !strings.Contains(err.Error(), "cbor: ") {
		t.Errorf("error %v", err)
	}
}

func TestCallerCannotChangeTheTranscript(t *testing.T) {
	raw := []byte{0x83, 0xf6, 0xf6, 0x01}
	tr, err := transcript.Parse(raw)
	if err != nil {
		t.Fatal(err)
	}
	raw[3] = 2
	tr.Array()[3] = 3
	tr.Handover()[0] = 4
	compare(t, "array", tr.Array(), []byte{0x83, 0xf6, 0xf6, 0x01})
}

func FuzzParse(f *testing.F) {
	d := mdoctest.LoadAnnexD(f)
	var nfc nfcFile
	mdoctest.ReadJSON(f, "iso18013-5/nfc-engagement.json", &nfc)
	for _, raw := range [][]byte{d.Bytes(f, "session_transcript"), mdoctest.Hex(f, nfc.Example.Hex), {0x83, 0xf6, 0xf6, 0xf6}} {
		f.Add(raw)
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		tr, err := transcript.Parse(raw)
		if err != nil {
			if !tr.IsZero() {
				t.Error("a failed parse returned something")
			}
			return
		}
		if !bytes.Equal(tr.Array(), raw) {
			t.Error("the bytes were not kept")
		}
	})
}

func compare(t *testing.T, what string, got, want []byte) {
	t.Helper()
	if !bytes.Equal(got, want) {
		t.Errorf("%s differs: got %d bytes %x..., want %d bytes %x...", what, len(got), head(got), len(want), head(want))
	}
}

func head(b []byte) []byte { return b[:min(16, len(b))] }
