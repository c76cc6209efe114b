package gp_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"mobileid/mdoc/apdu"
	"mobileid/mdoc/mdoctest"
	"mobileid/tsm/gp"
)

func TestObjects(t *testing.T) {
	for object, want := range map[uint16]string{
		gp.DataIIN: "42020102", gp.DataCardImage: "45020102", gp.DataConfirmationCounter: "c2020102", gp.DataKeyInformationMore: "e0020102",
		gp.DataManagerURL: "5f50020102", gp.DataApplications: "0102",
	} {
		b := gp.AppendObject(nil, object, []byte{1, 2})
		back, err := gp.ParseObject(object, b)
		if fmt.Sprintf("%x", b) != want || err != nil || !bytes.Equal(back, []byte{1, 2}) {
			t.Errorf("%04X: %x, %x, %v", object, b, back, err)
		}
	}
	if _, err := gp.ParseObject(gp.DataIIN, []byte{0x45, 0}); err == nil {
		t.Error("another object accepted")
	}
	raw := gp.AppendApplications(nil, []gp.AID{gp.ISD, gp.LoadFile})
	if got, err := gp.ParseApplications(raw); err != nil || !cmp.Equal(got, []gp.AID{gp.ISD, gp.LoadFile}) || fmt.Sprintf("%x", raw[:4]) != "610a4f08" {
		t.Errorf("%v, %v of %x", got, err, raw)
	}
	for _, bad := range []string{"61", "6100", "620a4f08a000000151000000", "61034f01a0", "61024f08"} {
		if got, err := gp.ParseApplications(mdoctest.Hex(t, bad)); err == nil || got != nil {
			t.Errorf("%s accepted", bad)
		}
	}
	for _, bad := range []string{"ff2100", "ff2106810101820101", "ff210b81050102030405820101830101", "ff21088100820101830101", "8100"} {
		if m, err := gp.ParseMemory(mdoctest.Hex(t, bad)); err == nil || m != (gp.Memory{}) {
			t.Errorf("%s accepted", bad)
		}
	}
}

func TestCapabilitiesRefuse(t *testing.T) {
	for _, bad := range []string{"66028000", "6701a0", "6702a000", "6705a003810100", "6706a00480020303", "67048102", "67068104010203" + "04", "6703a001ff"} {
		if c, err := gp.ParseCapabilities(mdoctest.Hex(t, bad)); err == nil || c.Channels != nil {
			t.Errorf("%s accepted", bad)
		}
	}
}

// What an entry and the recognition data hold beside what is looked at comes back.
func TestEntryForms(t *testing.T) {
	for _, e := range []gp.Entry{
		{AID: gp.Instance(1), State: 7, Privileges: gp.CardReset, Implicit: []byte{0x81}, LoadFile: gp.LoadFile, Domain: domain, Others: []apdu.TLV{{Tag: 0xEA, Value: []byte{1}}}},
		{AID: gp.LoadFile, State: 1, IsLoadFile: true, Version: []byte{1, 0}, Modules: []gp.AID{gp.Module}, Domain: gp.ISD},
	} {
		got, err := gp.ParseEntries(e.AppendTo(nil))
		if d := cmp.Diff([]gp.Entry{e}, got); err != nil || d != "" {
			t.Error(err, d)
		}
	}
	head := "06072a864886fc6b01"
	for name, inner := range map[string]string{
		"configuration": head + "65020600", "configuration cut": head + "6501ff", "chip": head + "6604060280ff", "chip without arcs": head + "66030601" + "80",
	} {
		raw := apdu.AppendTLV(nil, 0x66, apdu.AppendTLV(nil, 0x73, mdoctest.Hex(t, inner)))
		if _, err := gp.ParseRecognition(raw); err == nil {
			t.Errorf("%s accepted", name)
		}
	}
	for _, r := range []gp.Recognition{
		{Version: "2.3", Chip: "1"}, {Version: "2.3", Chip: "x.y"}, {Version: "2.3", Configuration: "3.1"}, {Version: "2.3", Configuration: "1.40"},
	} {
		if _, err := r.Bytes(); err == nil {
			t.Errorf("%+v encoded", r)
		}
	}
	// Options and protocols that need more than a byte.
	wide := gp.Recognition{Version: "2.3.1", Channels: []gp.ChannelProtocol{{SCP: 0x80, Option: 0x1234}, {SCP: 0x81, Option: 0}}, Chip: "2.999.1"}
	raw, err := wide.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	back, err := gp.ParseRecognition(raw)
	if d := cmp.Diff(wide, back); err != nil || d != "" {
		t.Error(err, d)
	}
}

func TestPrivilegeNames(t *testing.T) {
	for p, want := range map[gp.Privileges]string{
		0: "", gp.SecurityDomain: "security domain", gp.DelegatedManagement: "security domain, delegated management",
		gp.MandatedDAP: "security domain, DAP verification, mandated DAP verification", gp.CardReset | gp.ReceiptGeneration: "card reset, receipt generation",
	} {
		if got := strings.Join(p.Names(), ", "); got != want {
			t.Errorf("%06X: %s, want %s", uint32(p), got, want)
		}
	}
	if n := len(gp.Privileges(0xFFFFF0).Names()); n != 20 {
		t.Errorf("%d names for all privileges", n)
	}
}
