package handover

import (
	"bytes"
	"testing"
	"time"

	"mobileid/mdoc/engagement/ndef"
	"mobileid/mdoc/mdoctest"
)

// The service parameter record of Apple's wallet, read and written.
func TestAppleServiceParameters(t *testing.T) {
	var f struct {
		Apple struct {
			Tp string `json:"service_parameter_record"`
		} `json:"apple_wallet"`
	}
	mdoctest.ReadJSON(t, "iso18013-5/nfc-engagement.json", &f)
	raw := mdoctest.Hex(t, f.Apple.Tp)
	records, err := ndef.Parse(raw)
	if err != nil {
		t.Fatal(err)
	}
	s, ok, err := findService(records)
	if err != nil || !ok || s != (service{wait: 0x14, extensions: 15, maxMessage: 0x0800}) || s.duration() != 16*time.Millisecond {
		t.Errorf("service %+v, %v, %v", s, ok, err)
	}
	again, err := ndef.Append(nil, s.record())
	if err != nil || !bytes.Equal(again, raw) {
		t.Errorf("written as %x, %v; want %x", again, err, raw)
	}
	if d := (service{}).duration(); d != 500*time.Microsecond {
		t.Errorf("waiting time 0 is %v, want half a millisecond", d)
	}
}
