package se_test

import (
	"bytes"
	"context"
	"encoding/hex"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"mobileid/mdoc/mdoctest"
	"mobileid/tsm/gp"
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

// plain is the command without protection, in hex.
func (x exchange) plain() string {
	if x.PlainHeader != "" {
		return x.PlainHeader + x.PlainData
	}
	return x.Command
}

type trace struct {
	Name      string     `json:"name"`
	Key       string     `json:"key"`
	Version   string     `json:"kvn"`
	Option    string     `json:"i"`
	ISD       string     `json:"isd_aid"`
	Exchanges []exchange `json:"exchanges"`
}

// What the maker of the recorded card had put in: production data, and recognition data with details of that chip.
const (
	tracedProduction  = "4790d600470000000000000032443429762084480000000000000000150f823432393736000000000000"
	tracedRecognition = "734a06072a864886fc6b01600c060a2a864886fc6b02020301630906072a864886fc6b03640b06092a864886fc6b040370" +
		"650b06092b8510864864020103660c060a2b060104012a026e0103"
)

// differs are the exchanges of the traces in which this element answers otherwise than the recorded card, each by the traces,
// the beginning of the plain command, and the whole answer it gives instead.
var differs = []struct{ traces, command, answer, why string }{
	{
		"gppro-", "80ca0067", "6721a0098001038101708201078103ba5c0082031a00008304010203048501388601389000",
		"card capabilities are this element's own",
	},
	{"gppro-level01", "80e2", "6982", "personal data are not taken without encryption"},
	{"gppro-level11", "80e2", "6982", "personal data are not taken without encryption"},
	{"pysim-", "80f080", "6985", "SECURED does not go back to INITIALIZED (Card Specification 2.3.1, 5.1.1)"},
}

// Five hosts of other people talked to a card of software. This element, given the same keys, counter and content, answers
// them with the same bytes: the challenge is pseudo-random, so session keys, ciphertexts and MACs come out the same.
func TestHostTraces(t *testing.T) {
	var file struct {
		Traces []trace `json:"traces"`
	}
	mdoctest.ReadJSON(t, filepath.Join("scp03", "host-traces.json"), &file)
	var exchanges, equal int
	different := map[string]int{}
	for _, tr := range file.Traces {
		t.Run(tr.Name, func(t *testing.T) {
			n, others := replay(t, tr)
			exchanges += len(tr.Exchanges)
			equal += n
			for _, why := range others {
				different[why]++
			}
		})
	}
	if len(file.Traces) != 19 {
		t.Errorf("%d traces", len(file.Traces))
	}
	for _, why := range slices.Sorted(maps.Keys(different)) {
		t.Logf("%d exchanges differ: %s", different[why], why)
		equal += different[why]
	}
	if equal != exchanges {
		t.Errorf("%d exchanges accounted for, of %d", equal, exchanges)
	}
	for _, why := range different {
		equal -= why
	}
	t.Logf("%d traces: %d exchanges replayed, %d equal to the byte, %d differ", len(file.Traces), exchanges, equal, exchanges-equal)
}

// recorded makes the element of a trace: one without the applet's load file, which the hosts load.
func recorded(t *testing.T, tr trace) *se.SE {
	e := newElement(t)
	e.Factory.ID, e.Factory.Keys, e.Factory.TestKeys = make([]byte, 10), scp03.Keys{}, scp03.TestKeys()
	if len(tr.Key) == 64 {
		e.Factory.TestKeys = scp03.TestKeys256()
	}
	if k := e.Factory.TestKeys.Keys(); hex.EncodeToString(k.ENC) != tr.Key || fmt.Sprintf("%02x", k.Version) != tr.Version {
		t.Fatal("the trace has other keys")
	}
	e.Factory.Unloaded, e.Factory.Option = true, scp03.Option(mdoctest.Hex(t, tr.Option)[0])
	e.Factory.Objects = map[uint16][]byte{
		gp.DataCPLC: mdoctest.Hex(t, tracedProduction), gp.DataCardRecognition: mdoctest.Hex(t, tracedRecognition),
	}
	e.Again(t)
	return open(t, e, se.Config{Applets: []se.Kind{echo{level: scp03.CommandMAC | scp03.CommandEncryption}}})
}

// replay sends a trace. It gives how many answers are equal, and why others are not.
func replay(t *testing.T, tr trace) (equal int, others []string) {
	if want := hex.EncodeToString([]byte(gp.ISD)); tr.ISD != want {
		t.Fatalf("ISD %s", tr.ISD)
	}
	s := recorded(t, tr)
	for i, x := range tr.Exchanges {
		out, err := s.Transmit(context.Background(), mdoctest.Hex(t, x.Command))
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Equal(out, mdoctest.Hex(t, x.Response)) {
			equal++
			continue
		}
		d := slices.IndexFunc(differs, func(d struct{ traces, command, answer, why string }) bool {
			return strings.HasPrefix(tr.Name, d.traces) && strings.HasPrefix(x.plain(), d.command)
		})
		if d < 0 || hex.EncodeToString(out) != differs[d].answer {
			t.Errorf("exchange %d, %s: answered %X, recorded %s", i, clip(x.plain()), out, clip(x.Response))
			continue
		}
		others = append(others, differs[d].why)
	}
	return equal, others
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
