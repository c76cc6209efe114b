package se_test

import (
	"bytes"
	"testing"

	"mobileid/mdoc/apdu"
	"mobileid/tsm/gp"
	"mobileid/tsm/se"
)

// The answer format of before 2.2: fields without tags.
func TestOldStatusFormat(t *testing.T) {
	e := newElement(t)
	isd := drive(t, open(t, e, se.Config{}), e.Factory.Keys, gp.ISD)
	isd.do(gp.Install{LoadFile: gp.AID(testFile), Module: gp.AID(testModule), Instance: instance(1), Privileges: gp.CVMManagement}, apdu.OK)
	for _, c := range []struct{ name, command, want string }{
		{"ISD", "80F28000024F0000", "08 A000000151000000 0F 9E"},
		{"application", "80F24000024F0000", "09 F04D49444D444F4301 07 02"},
		{"load files", "80F22000024F0000", "07 A0000001515350 01 00 08 F04D49444D444F43 01 00"},
		{"one with its modules", "80F21000044F02F04D00", "08 F04D49444D444F43 01 00 01 09 F04D49444D444F4301"},
	} {
		if got := isd.send(command(t, c.command), apdu.OK); !bytes.Equal(got, unhex(t, c.want)) {
			t.Errorf("%s: %X, expected %s", c.name, got, c.want)
		}
	}
	isd.send(command(t, "80F24001024F0000"), apdu.Conditions)
	isd.send(command(t, "80F24004024F0000"), apdu.WrongParameters)
	isd.send(command(t, "80F2E002024F0000"), apdu.WrongParameters)
	isd.send(command(t, "80F24002"), apdu.WrongData)
	isd.send(command(t, "80F24002044F02F09900"), apdu.ReferenceNotFound)
	for n := byte(2); n <= 15; n++ {
		isd.install(n, apdu.OK)
	}
	var all []byte
	for p2, sw := byte(0), apdu.MoreAvailable; sw == apdu.MoreAvailable; p2 = 1 {
		c := command(t, "80F24000024F0000")
		c.P2 = p2
		r := secure(t, isd.h, c)
		all, sw = append(all, r.Data...), r.SW
	}
	if len(all) != 15*12 {
		t.Errorf("%d bytes on all pages", len(all))
	}
}

// A tag list leaves of each entry what it names.
func TestTagList(t *testing.T) {
	e := newElement(t)
	isd := drive(t, open(t, e, se.Config{}), e.Factory.Keys, gp.ISD)
	isd.install(1, apdu.OK)
	for _, c := range []struct{ command, want string }{
		{"80F24002 09 4F00 5C05 4F9F70C5CC 00", "E3 1E 4F09F04D49444D444F4301 9F700107 C503000000 CC08A000000151000000"},
		{"80F24002 05 4F00 5C01 4F 00", "E3 0B 4F09F04D49444D444F4301"},
		{"80F24002 06 4F00 5C02 9F70 00", "E3 04 9F700107"},
		{"80F24002 06 4F00 5C02 4F9F 00", "E3 0B 4F09F04D49444D444F4301"}, // cut short
	} {
		if got := isd.send(command(t, c.command), apdu.OK); !bytes.Equal(got, unhex(t, c.want)) {
			t.Errorf("%s: %X, expected %s", c.command, got, c.want)
		}
	}
	isd.send(command(t, "80F24003 02 4F00 00"), apdu.Conditions) // the next page of another search
}

// What a security domain is given in STORE DATA, GET DATA tells, after a restart too.
func TestDomainObjects(t *testing.T) {
	e, s, keys := withDomain(t, domainA, gp.SecurityDomain, se.Config{})
	isd := drive(t, s, e.Factory.Keys, gp.ISD)
	store := func(d driver, p1 byte, data string, want apdu.SW) {
		t.Helper()
		c := command(t, "80E2000000")
		c.P1, c.Le, c.Data = p1, 0, unhex(t, data)
		d.send(c, want)
	}
	store(isd, 0x90, "4203112233 4504AABBCCDD 5F5005"+"68747470 3A", apdu.OK)
	store(isd, 0x80, "4202 4455", apdu.OK)
	recognition := "664c734a06072a864886fc6b01600c060a2a864886fc6b02020301630906072a864886fc6b03640b06092a864886fc6b040370650b06092b8510864864020103660c060a2b060104012a026e0103"
	store(isd, 0x90, recognition, apdu.OK)
	for name, bad := range map[string]string{
		"an object it does not keep": "4303112233", "empty": "4200", "no object": "42", "its own production data": "9F7F03112233",
		"recognition data that are none": "6602 7300",
	} {
		if r := secure(t, isd.h, apdu.Command{CLA: 0x80, INS: 0xE2, P1: 0x90, Data: unhex(t, bad)}); r.SW != apdu.WrongData {
			t.Errorf("%s: %v", name, r.SW)
		}
	}
	store(isd, 0x98, "4203112233", apdu.WrongParameters)
	store(isd, 0x88, "4203112233", apdu.WrongData) // no data groups
	a := drive(t, s, keys, domainA)
	store(a, 0x90, "4201 99", apdu.OK)
	store(a, 0x90, recognition, apdu.WrongData)
	closeSE(t, s)
	s = open(t, e, se.Config{})
	see := func(command_, want string) {
		t.Helper()
		if r := send(t, s, command(t, command_)); r.SW != apdu.OK || !bytes.Equal(r.Data, unhex(t, want)) {
			t.Errorf("%s: %X %v, expected %s", command_, r.Data, r.SW, want)
		}
	}
	see("80CA004200", "42024455")
	see("80CA004500", "4504AABBCCDD")
	see("80CA5F5000", "5F5005687474703A")
	see("80CA006600", recognition)
	see("00CA006600", recognition[4:])
	send(t, s, gp.Select(domainA))
	see("80CA004200", "420199")
	see("80CA006600", recognition)
	if r := send(t, s, gp.GetData(gp.DataCardImage)); r.SW != apdu.ReferenceNotFound {
		t.Errorf("the ISD's number at another domain: %v", r.SW)
	}
	big := command(t, "80E2100000")
	big.Le, big.Data = 0, bytes.Repeat([]byte{0x42}, 239)
	isd = drive(t, s, e.Factory.Keys, gp.ISD)
	for n := range 40 {
		big.P2 = byte(n)
		if r := secure(t, isd.h, big); r.SW != apdu.OK {
			if r.SW != apdu.NoSpace || n < 30 {
				t.Errorf("block %d: %v", n, r.SW)
			}
			return
		}
	}
	t.Error("a domain buffers without bound")
}

// The list of applications anybody may have.
func TestListOfApplications(t *testing.T) {
	e := newElement(t)
	s := open(t, e, se.Config{})
	isd := drive(t, s, e.Factory.Keys, gp.ISD)
	isd.install(1, apdu.OK)
	isd.do(gp.Install{LoadFile: gp.AID(testFile), Module: gp.AID(testModule), Instance: instance(2), NotSelectable: true}, apdu.OK)
	isd.installDomain(domainA, gp.SecurityDomain, apdu.OK)
	if r := send(t, s, command(t, "80CA2F0000")); r.SW != apdu.SecurityStatus {
		t.Errorf("without MAC in a session: %v", r.SW)
	}
	got, err := gp.ParseApplications(send(t, s, command(t, "80CA2F0000")).Data)
	if err != nil || len(got) != 2 || got[0] != instance(1) || got[1] != domainA {
		t.Errorf("%v, %v", got, err)
	}
}
