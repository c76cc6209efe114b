package gp_test

import (
	"bytes"
	"testing"

	"mobileid/mdoc/apdu"
	"mobileid/mdoc/mdoctest"
	"mobileid/tsm/gp"
)

// seedAnswers gives every answer of the recorded cards.
func seedAnswers(f *testing.F) {
	f.Helper()
	for _, v := range cardResponses(f) {
		f.Add(split(f, v.Response).Data)
	}
	for _, tr := range traces(f) {
		for _, e := range tr.Exchanges {
			if e.PlainResponse != "" {
				f.Add(mdoctest.Hex(f, e.PlainResponse))
			}
		}
	}
}

func FuzzParseAnswers(f *testing.F) {
	seedAnswers(f)
	f.Fuzz(func(t *testing.T, b []byte) {
		if c, err := gp.ParseFCI(b); err == nil {
			if back, err := gp.ParseFCI(c.Bytes()); err != nil || back != c {
				t.Fatalf("FCI %+v comes back as %+v, %v", c, back, err)
			}
		}
		if entries, err := gp.ParseEntries(b); err == nil {
			var back []byte
			for _, e := range entries {
				back = e.AppendTo(back)
			}
			if again, err := gp.ParseEntries(back); err != nil || len(again) != len(entries) {
				t.Fatalf("%d entries come back as %d, %v", len(entries), len(again), err)
			}
		}
		if r, err := gp.ParseRecognition(b); err == nil && r.Version != "" {
			if _, err := r.Bytes(); err != nil {
				t.Fatalf("%+v does not encode: %v", r, err)
			}
		}
		if keys, err := gp.ParseKeyInformation(b); err != nil && keys != nil {
			t.Fatal("refused key information left something behind")
		}
		if _, err := gp.ParseCPLC(b); err == nil && len(b) != 45 {
			t.Fatalf("CPLC of %d bytes", len(b))
		}
		if _, err := gp.ParseSequenceCounter(b); err == nil && len(b) != 5 {
			t.Fatalf("counter of %d bytes", len(b))
		}
		if kdd, err := gp.ParseDiversification(b); err == nil && len(kdd) != 10 {
			t.Fatalf("KDD of %d bytes", len(kdd))
		}
		if p, err := gp.ParsePrivileges(b); err == nil && (len(b) > 3 || !bytes.HasPrefix(p.Bytes(), b)) {
			t.Fatalf("privileges %X read as %06X", b, p)
		}
		if receipt, err := gp.ParseConfirmation(b); err != nil && receipt != nil {
			t.Fatal("refused confirmation left something behind")
		}
	})
}

func FuzzParseCommands(f *testing.F) {
	n := 0
	for _, tr := range traces(f) {
		for _, e := range tr.Exchanges {
			if e.PlainHeader != "" {
				n++
				f.Add(mdoctest.Hex(f, e.PlainHeader+e.PlainData))
			}
		}
	}
	if n == 0 {
		f.Fatal("no seeds")
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) < 4 {
			return
		}
		c := apdu.Command{CLA: b[0], INS: b[1], P1: b[2], P2: b[3], Data: b[4:]}
		same := func(back apdu.Command, err error) {
			t.Helper()
			if err == nil && (back.INS != c.INS || back.P1 != c.P1 || back.P2 != c.P2) {
				t.Fatalf("%v comes back as %v", c, back)
			}
		}
		if i, err := gp.ParseInstall(c); err == nil {
			same(i.Command())
		}
		if d, err := gp.ParseDelete(c); err == nil {
			same(d.Command())
		}
		if s, err := gp.ParseSetStatus(c); err == nil {
			same(s.Command())
		}
		if g, err := gp.ParseGetStatus(c); err == nil {
			same(g.Command(), nil)
		}
		if s, err := gp.ParseStoreData(c); err == nil && !bytes.Equal(s.Data, c.Data) {
			t.Fatal("STORE DATA changed its data")
		}
		if tag, err := gp.ParseGetData(c); err == nil {
			same(gp.GetData(tag), nil)
		}
	})
}
