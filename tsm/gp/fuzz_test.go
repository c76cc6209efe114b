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
	for _, tr := range mdoctest.HostTraces(f) {
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
		if c, err := gp.ParseCapabilities(b); err == nil {
			if back, err := gp.ParseCapabilities(c.Bytes()); err != nil || len(back.Channels) != len(c.Channels) {
				t.Fatalf("%+v comes back as %+v, %v", c, back, err)
			}
		}
		if m, err := gp.ParseMemory(b); err == nil {
			if back, err := gp.ParseMemory(m.Bytes()); err != nil || back != m {
				t.Fatalf("%+v comes back as %+v, %v", m, back, err)
			}
		}
		if aids, err := gp.ParseApplications(b); err == nil {
			if back, err := gp.ParseApplications(gp.AppendApplications(nil, aids)); err != nil || len(back) != len(aids) {
				t.Fatalf("%v comes back as %v, %v", aids, back, err)
			}
		}
		if _, err := gp.ParseCPLC(b); err == nil && len(b) != 45 {
			t.Fatalf("CPLC of %d bytes", len(b))
		}
		if _, err := gp.ParseSequenceCounter(b); err == nil && len(b) != 5 {
			t.Fatalf("counter of %d bytes", len(b))
		}
		if v, err := gp.ParseObject(gp.DataCardImage, b); err == nil && !bytes.Equal(gp.AppendObject(nil, gp.DataCardImage, v), b) {
			t.Fatalf("object %x comes back changed", b)
		}
		if n, err := gp.ParseChannel(b); err == nil && (n == 0 || n > gp.MaxChannel || len(b) != 1) {
			t.Fatalf("channel %d", n)
		}
		if kdd, err := gp.ParseDiversification(b); err == nil && len(kdd) != 10 {
			t.Fatalf("KDD of %d bytes", len(kdd))
		}
		if p, err := gp.ParsePrivileges(b); err == nil && (len(b) > 3 || !bytes.HasPrefix(p.Bytes(), b)) {
			t.Fatalf("privileges %X read as %06X", b, p)
		}
		switch receipt, err := gp.ParseConfirmation(b); {
		case err != nil && receipt != nil:
			t.Fatal("refused confirmation left something behind")
		case receipt != nil && len(receipt.Bytes()) <= apdu.MaxShortLe:
			back, err := gp.ParseConfirmation(receipt.Bytes())
			if err != nil || !bytes.Equal(back.MAC, receipt.MAC) || !bytes.Equal(back.Input(), receipt.Input()) {
				t.Fatalf("%+v comes back as %+v, %v", receipt, back, err)
			}
		}
	})
}

func FuzzParseCommands(f *testing.F) {
	n := 0
	for _, tr := range mdoctest.HostTraces(f) {
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
		if p, err := gp.ParsePutKey(c); err == nil {
			back, err := p.Command()
			if same(back, err); err == nil && !bytes.Equal(back.Data, c.Data) {
				t.Fatalf("PUT KEY %x comes back as %x", c.Data, back.Data)
			}
			for _, k := range p.Keys {
				_, _ = k.Unwrap(make([]byte, 16))
			}
		}
		if l, err := gp.ParseLoad(c); err == nil && !bytes.Equal(l.Data, c.Data) {
			t.Fatal("LOAD changed its data")
		}
		if m, err := gp.ParseManageChannel(c); err == nil {
			same(m.Command())
		}
		if input, err := gp.TokenInput(c); err == nil && (len(input) < 3 || input[0] != c.P1 || input[1] != c.P2) {
			t.Fatalf("token signs %x", input)
		}
		if tag, err := gp.ParseGetData(c); err == nil {
			same(gp.GetData(tag), nil)
		}
	})
}

// FuzzParseStreams is about what comes in blocks: load files, packages, data groups and parameters.
func FuzzParseStreams(f *testing.F) {
	for _, tr := range mdoctest.HostTraces(f) {
		stream := tr.Loaded(f)
		if l, err := gp.ParseLoadFileData(stream); err == nil {
			f.Add(stream)
			f.Add(l.File)
		}
	}
	for _, v := range readPutKey(f).DGIs {
		f.Add(mdoctest.Hex(f, v.Data))
	}
	f.Add(mdoctest.Hex(f, "81020370820220208301208702202"+"0"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if l, err := gp.ParseLoadFileData(b); err == nil && !bytes.Equal(l.Bytes(), b) {
			t.Fatalf("load file comes back as %x", l.Bytes())
		}
		if p, err := gp.ParsePackage(b); err == nil && (p.AID.Validate() != nil || len(p.Components) == 0) {
			t.Fatalf("package %+v", p)
		}
		if d, err := gp.ParseDomainParameters(b); err == nil {
			if back, err := gp.ParseDomainParameters(d.Bytes()); err != nil || len(back.Channels) != len(d.Channels) {
				t.Fatalf("%+v comes back as %+v, %v", d, back, err)
			}
		}
		dgis, err := gp.ParseDGIs(b)
		if err != nil {
			return
		}
		var back []byte
		for _, d := range dgis {
			back = gp.AppendDGI(back, d)
		}
		if !bytes.Equal(back, b) {
			t.Fatalf("data groups come back as %x", back)
		}
		g, err := gp.ParseKeyGroup(dgis)
		if err != nil {
			return
		}
		again, err := g.Bytes()
		if err != nil {
			t.Fatalf("keys do not encode: %v", err)
		}
		if dgis, err = gp.ParseDGIs(again); err == nil {
			_, err = gp.ParseKeyGroup(dgis)
		}
		if err != nil {
			t.Fatalf("keys encode to what does not read: %v", err)
		}
	})
}
