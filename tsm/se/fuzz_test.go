package se_test

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"testing"

	"mobileid/mdoc/apdu"
	"mobileid/mdoc/mdoctest"
	"mobileid/tsm/gp"
	"mobileid/tsm/scp03"
	"mobileid/tsm/se"
	"mobileid/tsm/se/setest"
)

// Whatever comes through a session, the element answers, keeps its secrets, and can be switched on again.
func FuzzManage(f *testing.F) {
	var file struct {
		Traces []trace `json:"traces"`
	}
	mdoctest.ReadJSON(f, filepath.Join("scp03", "host-traces.json"), &file)
	seen := map[string]bool{}
	for _, tr := range file.Traces {
		for _, x := range tr.Exchanges {
			if plain := x.plain(); x.PlainHeader != "" && !seen[plain] {
				seen[plain] = true
				f.Add(mdoctest.Hex(f, x.PlainHeader), mdoctest.Hex(f, x.PlainData), false)
			}
		}
	}
	e, s, keys := withDomain(f, domainA, gp.DelegatedManagement, se.Config{})
	isd := drive(f, s, e.Factory.Keys, gp.ISD)
	isd.putSingle(0, 0x70, setest.Keys(f).ENC, apdu.OK)
	isd.putSingle(0, 0x71, setest.Keys(f).ENC, apdu.OK)
	isd.install(1, apdu.OK)
	closeSE(f, s)
	start, err := os.ReadFile(e.Path)
	if err != nil {
		f.Fatal(err)
	}
	secrets := [][]byte{e.Factory.Keys.ENC, e.Factory.Keys.MAC, e.Factory.Keys.DEK, keys.ENC, keys.MAC, keys.DEK}
	f.Fuzz(func(t *testing.T, header, data []byte, domain bool) {
		if len(header) != 4 || len(data) > scp03.MaxShortData {
			return
		}
		path := filepath.Join(t.TempDir(), "se.nvm")
		if err := os.WriteFile(path, start, 0o600); err != nil {
			t.Fatal(err)
		}
		s, err := se.Open(path, se.Config{Applets: []se.Kind{echo{}}, Tear: func(int) bool { return false }})
		if err != nil {
			t.Fatal(err)
		}
		d := drive(t, s, e.Factory.Keys, gp.ISD)
		if domain {
			d = drive(t, s, keys, domainA)
		}
		c := apdu.Command{CLA: header[0] &^ 0x17, INS: header[1], P1: header[2], P2: header[3], Data: data, Le: 256}
		if c.Secured() || c.Channel() != 0 || c.INS == 0xA4 || c.INS == 0x50 || c.INS == 0x70 {
			closeSE(t, s)
			return
		}
		r, err := d.h.Send(context.Background(), c)
		if err != nil {
			t.Fatal(err)
		}
		for _, secret := range secrets {
			if bytes.Contains(r.Data, secret[:8]) || bytes.Contains(r.Data, secret[8:16]) {
				t.Fatal("a key in an answer")
			}
		}
		closeSE(t, s)
		if s, err = se.Open(path, se.Config{Applets: []se.Kind{echo{}}}); err != nil {
			t.Fatal(err)
		}
		if r := send(t, s, gp.GetData(gp.DataDiversification)); r.SW != apdu.OK {
			t.Fatalf("afterwards: %v", r.SW)
		}
		closeSE(t, s)
	})
}
