package handover

import (
	"bytes"
	"testing"
	"time"

	"mobileid/mdoc/engagement/ndef"
	"mobileid/mdoc/mdoctest"
)

// TestServiceSelect: one record of its type with the service's name and nothing else selects it.
func TestServiceSelect(t *testing.T) {
	if !isServiceSelect(serviceSelect()) {
		t.Error("our own is refused")
	}
	ts := ndef.Record{TNF: ndef.WellKnown, Type: typeServiceSelect, Payload: []byte(selected)}
	other, short, long := ts, ts, ts
	other.Type, short.Payload, long.Payload = "Tp", []byte(selected[:len(selected)-1]), []byte(selected+"x")
	for name, records := range map[string][]ndef.Record{"two": {ts, ts}, "another type": {other}, "a short name": {short}, "a long name": {long}} {
		raw, err := ndef.Append(nil, records...)
		if err != nil || isServiceSelect(raw) {
			t.Errorf("%s: taken, %v", name, err)
		}
	}
	if isServiceSelect([]byte{1}) || isServiceSelect(nil) {
		t.Error("no message: taken")
	}
}

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
