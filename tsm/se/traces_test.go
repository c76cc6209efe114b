package se_test

import (
	"bytes"
	"context"
	"path/filepath"
	"testing"

	"mobileid/mdoc/apdu"
	"mobileid/mdoc/mdoctest"
	"mobileid/tsm/scp03"
	"mobileid/tsm/se"
)

type exchange struct {
	Command       string `json:"command"`
	Response      string `json:"response"`
	PlainHeader   string `json:"plain_header"`
	PlainData     string `json:"plain_data"`
	PlainResponse string `json:"plain_response"`
	SW            string `json:"sw"`
}

type trace struct {
	Name      string     `json:"name"`
	Key       string     `json:"key"`
	Option    string     `json:"i"`
	Exchanges []exchange `json:"exchanges"`
}

// differs says which commands of the traces this element answers otherwise than the recorded card, by the beginning of the
// plain command, with the status word it has instead (0: the data differ).
var differs = []struct {
	prefix string
	sw     apdu.SW
}{
	{"80ca9f7f", 0},                  // another serial number
	{"80ca0066", 0}, {"00ca0066", 0}, // fewer details
	{"80ca0067", 0},
	{"80ca0045", 0}, // this element has a card image number
	{"80ca00fe", 0},
	{"80f210", 0}, {"80f220", 0}, // other load files
	{"80e602", apdu.WrongParameters}, // load files are built in
	{"80e604", apdu.WrongParameters},
	{"80e608", apdu.WrongParameters},
	{"80e8", apdu.InsUnsupported},
	{"80d8", apdu.InsUnsupported}, // the keys are the factory's
	{"80ca00e0", 0}, {"00ca00e0", 0},
	{"80e40000", apdu.FunctionUnsupported},               // DELETE of keys
	{"80e400804f08f0", apdu.Conditions},                  // DELETE of a load file
	{"80e2", apdu.Conditions}, {"00e2", apdu.Conditions}, // STORE DATA to the ISD
	{"80f080", apdu.WrongParameters}, // the state of the card
}

// Real hosts talked to a card; this element, given the same keys and identity, must understand every protected command they
// sent, and answer with the very same bytes wherever it does what that card did. The challenge is pseudo-random, so
// the session keys come out the same.
func TestHostTraces(t *testing.T) {
	var file struct {
		Traces []trace `json:"traces"`
	}
	mdoctest.ReadJSON(t, filepath.Join("scp03", "host-traces.json"), &file)
	replayed, equal := 0, 0
	for _, tr := range file.Traces {
		if tr.Option != "70" || !opensFull(tr) {
			continue
		}
		replayed++
		t.Run(tr.Name, func(t *testing.T) { equal += replay(t, tr) })
	}
	if replayed < 4 || equal < 40 {
		t.Errorf("replayed %d traces at level 33, %d equal answers", replayed, equal)
	}
	t.Logf("%d traces, %d answers equal to the byte", replayed, equal)
}

func opensFull(tr trace) bool {
	for _, e := range tr.Exchanges {
		if len(e.Command) >= 6 && e.Command[:6] == "848233" {
			return true
		}
	}
	return false
}

func replay(t *testing.T, tr trace) (equal int) {
	e := newElement(t)
	e.Factory.ID = make([]byte, 10)
	e.Factory.Keys = scp03.Keys{}
	if e.Factory.TestKeys = scp03.TestKeys(); len(tr.Key) == 64 {
		e.Factory.TestKeys = scp03.TestKeys256()
	}
	e.Again(t)
	s := open(t, e, se.Config{})
	personalizing := false
	for i, x := range tr.Exchanges {
		out, err := s.Transmit(context.Background(), mdoctest.Hex(t, x.Command))
		if err != nil {
			t.Fatal(err)
		}
		plain := x.PlainHeader + x.PlainData
		if plain == "" {
			plain = x.Command
		}
		if plain[:4] == "80e6" {
			personalizing = plain[:6] == "80e620"
		}
		if bytes.Equal(out, mdoctest.Hex(t, x.Response)) {
			equal++
			continue
		}
		if sw, ok := differing(plain, personalizing); !ok || sw != 0 && !bytes.Equal(out, apdu.Response{SW: sw}.Bytes()) {
			t.Errorf("exchange %d, %s: answered %X, recorded %s", i, clip(plain), out, clip(x.Response))
		}
	}
	return equal
}

func differing(plain string, personalizing bool) (apdu.SW, bool) {
	for _, d := range differs {
		if len(plain) >= len(d.prefix) && plain[:len(d.prefix)] == d.prefix {
			return d.sw, !(personalizing && plain[:4] == "80e2")
		}
	}
	return 0, false
}

func clip(s string) string { return s[:min(len(s), 60)] }

// The session of a published example, value by value: INITIALIZE UPDATE and GET STATUS answered as recorded.
func TestRecordedSession(t *testing.T) {
	e := newElement(t)
	e.Factory.ID = make([]byte, 10)
	e.Factory.Keys, e.Factory.TestKeys = scp03.Keys{}, scp03.TestKeys()
	e.Again(t)
	s := open(t, e, se.Config{})
	for _, x := range [][2]string{
		{"00a4040000", "6f108408a000000151000000a5049f6501ff9000"},
		{"80500000080bdb2a907126569a00", "0000000000000000000030037086c8bd65fa1044ee47fe9ac53ffae7ed0000019000"},
		{"84823300102a52d65cd90fef33cf89c259e8e5d73b", "9000"},
		{"84f2800218793af0ce31524f3bf5b59d0f7b3234fc2e59064f5cb036b900",
			"2001bf30cbf492fec6c46c10e4d8e467460915add97fd986535805422599948669ae93cbb758cbd49000"},
	} {
		command, want := mdoctest.Hex(t, x[0]), mdoctest.Hex(t, x[1])
		if out, err := s.Transmit(context.Background(), command); err != nil || !bytes.Equal(out, want) {
			t.Fatalf("%s: answered %X, recorded %s (%v)", x[0], out, x[1], err)
		}
	}
}
