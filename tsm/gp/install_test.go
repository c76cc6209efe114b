package gp_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"mobileid/mdoc/apdu"
	"mobileid/mdoc/mdoctest"
	"mobileid/tsm/gp"
)

const domain gp.AID = "\xA0\x00\x00\x01\x51\x53\x50\x41\x01"

// Every form of INSTALL, its bytes by the tables, and back.
func TestInstallForms(t *testing.T) {
	file, instance := "08f04d49444d444f43", "09f04d49444d444f4301"
	sd := "09a00000015153504101"
	for _, tc := range []struct {
		name, want string
		i          gp.Installation
	}{
		{"load", "80e60200" + file + "00" + "00" + "00" + "00", gp.InstallLoad{LoadFile: gp.LoadFile}},
		{"load with everything", "80e60200" + file + sd + "20" + strings.Repeat("ab", 32) + "0c" + "ef0a" + "c6020260" + "c80400010000" + "02" + "beef",
			gp.InstallLoad{LoadFile: gp.LoadFile, Domain: domain, Hash: bytes.Repeat([]byte{0xAB}, 32), Limits: gp.Limits{Code: 0x260, NonVolatile: 0x10000}, Token: []byte{0xBE, 0xEF}}},
		{"install", "80e60400" + file + instance + instance + "03000000" + "02c900" + "00",
			gp.Install{LoadFile: gp.LoadFile, Module: gp.Module, Instance: gp.Instance(1), NotSelectable: true}},
		{"install and make selectable", "80e60c00" + file + instance + instance + "03800000" + "11" + "c90101" + "ef0c" + "c7020100" + "c8020200" + "cf0203ff" + "00",
			gp.Install{LoadFile: gp.LoadFile, Module: gp.Module, Instance: gp.Instance(1), Privileges: gp.SecurityDomain, Parameters: []byte{1},
				Limits: gp.Limits{Volatile: 0x100, NonVolatile: 0x200}, Implicit: []byte{3, 0xFF}}},
		{"make selectable", "80e60800" + "00" + "00" + instance + "03040000" + "05ef03cf01aa" + "01cc",
			gp.MakeSelectable{Instance: gp.Instance(1), Privileges: gp.CardReset, Implicit: []byte{0xAA}, Token: []byte{0xCC}}},
		{"extradition", "80e61000" + sd + "00" + instance + "00" + "00" + "01dd", gp.Extradite{Domain: domain, Application: gp.Instance(1), Token: []byte{0xDD}}},
		{"personalization", "80e62000" + "00" + "00" + instance + "00" + "00" + "00", gp.Personalize{Instance: gp.Instance(1)}},
		{"registry update", "80e64000" + sd + "00" + instance + "03008000" + "00" + "01ee",
			gp.RegistryUpdate{Domain: domain, Application: gp.Instance(1), SetPrivileges: true, Privileges: gp.TrustedPath, Token: []byte{0xEE}}},
		{"registry update of nothing", "80e64000" + "00" + "00" + instance + "00" + "00" + "00", gp.RegistryUpdate{Application: gp.Instance(1)}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := must(t)(tc.i.Command())
			if got := fmt.Sprintf("%02x%02x%02x%02x%x", c.CLA, c.INS, c.P1, c.P2, c.Data); got != tc.want {
				t.Fatalf("built %s\nwant  %s", got, tc.want)
			}
			back, err := gp.ParseInstall(c)
			if d := cmp.Diff(tc.i, back, cmpopts.EquateEmpty()); err != nil || d != "" {
				t.Error(err, d)
			}
		})
	}
}

func TestInstallFormsRefuse(t *testing.T) {
	instance, sd := "09f04d49444d444f4301", "09a00000015153504101"
	for name, tc := range map[string]struct {
		p1   byte
		data string
	}{
		"load: short AID":              {0x02, "04f04d4944" + "00000000"},
		"load: short domain":           {0x02, instance + "04f04d4944" + "000000"},
		"load: hash of 5 bytes":        {0x02, instance + "00" + "050102030405" + "0000"},
		"load: parameters":             {0x02, instance + "00" + "00" + "01ef" + "00"},
		"load: size of 3 bytes":        {0x02, instance + "00" + "00" + "07ef05c603010203" + "00"},
		"load: system parameters":      {0x02, instance + "00" + "00" + "03ef01c6" + "00"},
		"install: parameters":          {0x04, instance + instance + instance + "00" + "01c9" + "00"},
		"selectable: file named":       {0x08, instance + "00" + instance + "00" + "00" + "00"},
		"selectable: no instance":      {0x08, "00" + "00" + "00" + "00" + "00" + "00"},
		"selectable: privileges":       {0x08, "00" + "00" + instance + "0401020304" + "00" + "00"},
		"selectable: parameters":       {0x08, "00" + "00" + instance + "00" + "01cf" + "00"},
		"extradition: privileges":      {0x10, sd + "00" + instance + "0101" + "00" + "00"},
		"extradition: no domain":       {0x10, "00" + "00" + instance + "00" + "00" + "00"},
		"extradition: parameters":      {0x10, sd + "00" + instance + "00" + "01ef" + "00"},
		"registry update: module":      {0x40, sd + instance + instance + "00" + "00" + "00"},
		"registry update: application": {0x40, sd + "00" + "00" + "00" + "00" + "00"},
		"registry update: privileges":  {0x40, sd + "00" + instance + "0401020304" + "00" + "00"},
		"registry update: parameters":  {0x40, sd + "00" + instance + "00" + "01ef" + "00"},
	} {
		t.Run(name, func(t *testing.T) {
			i, err := gp.ParseInstall(apdu.Command{INS: 0xE6, P1: tc.p1, Data: mdoctest.Hex(t, tc.data)})
			wantSW(t, err, apdu.WrongData)
			if i != nil {
				t.Error("a refused command left something behind")
			}
		})
	}
	for name, i := range map[string]gp.Installation{
		"hash":                  gp.InstallLoad{LoadFile: gp.LoadFile, Hash: []byte{1}},
		"load to a short AID":   gp.InstallLoad{LoadFile: gp.LoadFile, Domain: "x"},
		"registry update":       gp.RegistryUpdate{Application: gp.ISD, Domain: "x"},
		"extradite to nothing":  gp.Extradite{Application: gp.ISD},
		"selectable of nothing": gp.MakeSelectable{},
	} {
		if c, err := i.Command(); err == nil {
			t.Errorf("%s: built %v", name, c)
		}
	}
}

// The parameters with which gpshell installs a security domain.
func TestDomainParameters(t *testing.T) {
	raw := mdoctest.Hex(t, "8102037082022020830120"+"87022020")
	want := gp.DomainParameters{
		Channels: []gp.ChannelProtocol{{SCP: 3, Option: 0x70}}, Extradition: []byte{0x20, 0x20}, ExtraditionAway: []byte{0x20}, Deletion: []byte{0x20, 0x20},
	}
	got, err := gp.ParseDomainParameters(raw)
	if d := cmp.Diff(want, got); err != nil || d != "" {
		t.Error(err, d)
	}
	if !bytes.Equal(want.Bytes(), raw) {
		t.Errorf("built %x", want.Bytes())
	}
	if d, err := gp.ParseDomainParameters(nil); err != nil || len(d.Bytes()) != 0 {
		t.Errorf("%+v, %v", d, err)
	}
	for _, bad := range []string{"81", "8101ff", "8103037000"} {
		if _, err := gp.ParseDomainParameters(mdoctest.Hex(t, bad)); err == nil {
			t.Errorf("%s accepted", bad)
		}
	}
}
