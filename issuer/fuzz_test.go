package issuer_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"mobileid/issuer"
	"mobileid/issuer/card"
	"mobileid/issuer/issuertest"
	"mobileid/mdoc/cbor"
)

func evidenceSeeds(tb testing.TB) map[string][]byte {
	tb.Helper()
	good := issuer.Evidence{Reading: []byte{0xa0}, SEID: []byte("element-01"), Slot: 1, Purpose: 1}
	alter := func(change func(*issuer.Evidence)) []byte {
		e := good
		change(&e)
		return issuertest.Evidence(tb, e)
	}
	same := alter(func(*issuer.Evidence) {})
	return map[string][]byte{
		"good":            same,
		"number":          alter(func(e *issuer.Evidence) { e.Consent.IndividualNumber = true }),
		"slot 0":          alter(func(e *issuer.Evidence) { e.Slot = 0 }),
		"slot 16":         alter(func(e *issuer.Evidence) { e.Slot = 16 }),
		"purpose 0":       alter(func(e *issuer.Evidence) { e.Purpose = 0 }),
		"purpose 3":       alter(func(e *issuer.Evidence) { e.Purpose = 3 }),
		"short id":        alter(func(e *issuer.Evidence) { e.SEID = e.SEID[:9] }),
		"long id":         alter(func(e *issuer.Evidence) { e.SEID = append(bytes.Clone(e.SEID), 0) }),
		"trailing byte":   append(bytes.Clone(same), 0),
		"cut short":       same[:len(same)-1],
		"empty":           {},
		"array":           {0x80},
		"empty map":       {0xa0},
		"consent as text": bytes.Replace(same, append([]byte("consent"), 0xa1), append([]byte("consent"), 0x60), 1),
		"number as 1":     bytes.Replace(same, append([]byte("individualNumber"), 0xf4), append([]byte("individualNumber"), 0x01), 1),
		"other case":      bytes.Replace(same, []byte("slot"), []byte("Slot"), 1),
		"doubled member":  bytes.Replace(same, []byte("purpose"), []byte("reading"), 1),
		"indefinite":      append([]byte{0xbf}, append(bytes.Clone(same[1:]), 0xff)...),
	}
}

func TestParseEvidence(t *testing.T) {
	for name, raw := range evidenceSeeds(t) {
		t.Run(name, func(t *testing.T) {
			e, err := issuer.ParseEvidence(raw)
			if good := name == "good" || name == "number"; good != (err == nil) || good != (e != nil) {
				t.Fatalf("error %v", err)
			}
			if field := (*issuer.FieldError)(nil); err != nil && !errors.As(err, &field) {
				t.Errorf("error %T, expected a FieldError", err)
			}
		})
	}
	t.Run("at the bound and over it", func(t *testing.T) {
		e := issuer.Evidence{SEID: []byte("element-01"), Slot: 1, Purpose: 1}
		overhead := len(issuertest.Evidence(t, e)) + 4 // the longer head of the reading
		for extra, want := range []bool{true, false} {
			e.Reading = make([]byte, issuer.MaxEvidence-overhead+extra)
			if raw := issuertest.Evidence(t, e); len(raw) != issuer.MaxEvidence+extra {
				t.Fatalf("the test makes %d bytes", len(raw))
			} else if _, err := issuer.ParseEvidence(raw); (err == nil) != want {
				t.Errorf("%d bytes: error %v", len(raw), err)
			}
		}
	})
	t.Run("unknown members are for later versions", func(t *testing.T) {
		raw := evidenceSeeds(t)["good"]
		more := append([]byte{raw[0] + 1}, raw[1:]...)
		if _, err := issuer.ParseEvidence(append(cbor.AppendText(more, "later"), 1)); err != nil {
			t.Error(err)
		}
	})
}

func FuzzParseEvidence(f *testing.F) {
	for _, raw := range evidenceSeeds(f) {
		f.Add(raw)
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		e, err := issuer.ParseEvidence(raw)
		if err != nil {
			if e != nil {
				t.Error("an error, and something beside it")
			}
			field := (*issuer.FieldError)(nil)
			if !errors.As(err, &field) || strings.Contains(err.Error(), "%!") {
				t.Errorf("error %v", err)
			}
			return
		}
		if len(e.SEID) != 10 || e.Slot < 1 || e.Slot > 15 || e.Purpose < 1 || e.Purpose > 2 {
			t.Error("accepted out of bounds")
		}
		again, err := issuer.ParseEvidence(issuertest.Evidence(t, *e))
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(again.Reading, e.Reading) || !bytes.Equal(again.SEID, e.SEID) || again.Slot != e.Slot ||
			again.Purpose != e.Purpose || again.Consent != e.Consent {
			t.Error("what was written is not what was read")
		}
	})
}

// signatureCertificate takes the card's certificate out of evidence.
func signatureCertificate(t *testing.T, body []byte) []byte {
	t.Helper()
	e, err := issuer.ParseEvidence(body)
	must(t, err)
	r, err := card.ParseReading(e.Reading)
	must(t, err)
	return r.SignatureCertificate()
}
