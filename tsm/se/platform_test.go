package se_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"testing"

	"mobileid/mdoc/apdu"
	"mobileid/tsm/gp"
	"mobileid/tsm/se"
)

// probe is an applet that uses all of its platform, on command:
//
//	01 what it sees, 02 store, 03 load, 04 erase, 05 life cycle P1, 06 card state P1
type probe struct{ echo }

func (k probe) New(p *se.Platform) se.Applet { return &probeApplet{echoApplet{p: p, log: k.log}} }

type probeApplet struct{ echoApplet }

func (a *probeApplet) Process(c apdu.Command) apdu.Response {
	tx := a.p.Begin()
	switch c.INS {
	case 0x01:
		digest := sha256.Sum256(a.p.SEID())
		signature, err := a.p.Attestor().Sign(a.p.Rand(), digest[:], nil)
		key, ok := a.p.Attestor().Public().(*ecdsa.PublicKey)
		if err != nil || !ok || !ecdsa.VerifyASN1(key, digest[:], signature) || !a.p.Now().Equal(testNow) || len(a.p.AttestationChain()) != 1 {
			return apdu.Response{SW: apdu.Unknown}
		}
		anchors := append(slices.Clone(a.p.IssuerAnchors()), a.p.CertificateAnchors()...)
		return apdu.Response{Data: slices.Concat(append(anchors, a.p.Instance(), a.p.Privileges().Bytes())...), SW: apdu.OK}
	case 0x02:
		tx.Store("object", c.Data)
	case 0x03:
		v, ok := a.p.Load("object")
		if !ok {
			return apdu.Response{SW: apdu.NotFound}
		}
		return apdu.Response{Data: v, SW: apdu.OK}
	case 0x04:
		tx.Erase("object")
	case 0x05:
		tx.SetLifeCycle(gp.State(c.P1))
	case 0x06:
		if a.p.Locked() || !tx.SetCardState(gp.CardState(c.P1)) {
			return apdu.Response{SW: apdu.Conditions}
		}
	}
	return apdu.Response{SW: se.StatusOf(tx.Commit())}
}

func TestPlatform(t *testing.T) {
	e := newElement(t)
	e.Factory.CertificateAnchors = [][]byte{{0xCA, 0xFE}}
	e.Again(t)
	cfg := se.Config{Applets: []se.Kind{probe{}}}
	s := open(t, e, cfg)
	isd := drive(t, s, e.Factory.Keys, gp.ISD)
	isd.do(gp.Install{LoadFile: gp.AID(testFile), Module: gp.AID(testModule), Instance: instance(1), Privileges: gp.CardLock}, apdu.OK)
	isd.install(2, apdu.OK)
	ask := func(n byte, c string, sw apdu.SW, want string) {
		t.Helper()
		send(t, s, gp.Select(instance(n)))
		if r := send(t, s, command(t, c)); r.SW != sw || !bytes.Equal(r.Data, unhex(t, want)) {
			t.Errorf("%s: %X %v, expected %s %v", c, r.Data, r.SW, want, sw)
		}
	}
	ask(1, "00010000", apdu.OK, hex.EncodeToString(e.Factory.IssuerAnchors[0])+"CAFE"+"F04D49444D444F4301"+"100000")
	before := drive(t, s, e.Factory.Keys, gp.ISD).memory()
	ask(1, "00020000 04 01020304", apdu.OK, "")
	ask(2, "00030000", apdu.NotFound, "") // objects are each instance's own
	ask(1, "00030000", apdu.OK, "01020304")
	used := before.FreeNonVolatile - drive(t, s, e.Factory.Keys, gp.ISD).memory().FreeNonVolatile
	if used < 4 || used > 60 {
		t.Errorf("an object of 4 bytes takes %d", used)
	}
	closeSE(t, s)
	s = open(t, e, cfg)
	ask(1, "00030000", apdu.OK, "01020304")
	ask(1, "00040000", apdu.OK, "")
	ask(1, "00030000", apdu.NotFound, "")
	if after := drive(t, s, e.Factory.Keys, gp.ISD).memory(); after != before {
		t.Errorf("erased: %+v, before %+v", after, before)
	}
	ask(1, "00050F00", apdu.OK, "")
	isd = drive(t, s, e.Factory.Keys, gp.ISD)
	if got := isd.state(instance(1)); got != gp.StatePersonalized {
		t.Errorf("state %v", got)
	}
	ask(1, "00058F00", apdu.OK, "") // the lock is not the application's
	isd = drive(t, s, e.Factory.Keys, gp.ISD)
	if got := isd.state(instance(1)); got != gp.StatePersonalized {
		t.Errorf("state %v", got)
	}
	ask(2, "00067F00", apdu.Conditions, "") // without the privilege
	ask(1, "0006FF00", apdu.Conditions, "") // not that one
	ask(1, "00060700", apdu.Conditions, "")
	ask(1, "00067F00", apdu.OK, "")
	if r := send(t, s, gp.Select(instance(1))); r.SW != apdu.NotFound {
		t.Errorf("SELECT on a card the application locked: %v", r.SW)
	}
	drive(t, s, e.Factory.Keys, gp.ISD).do(card(gp.CardSecured), apdu.OK)
	ask(1, "00030000", apdu.NotFound, "")
}

// folders is an applet with files.
type folders struct{ echo }

func (k folders) New(p *se.Platform) se.Applet { return &foldersApplet{echoApplet{p: p, log: k.log}} }

type foldersApplet struct{ echoApplet }

func (a *foldersApplet) Reselect() { a.note("reselect") }

func (a *foldersApplet) SelectFile(c apdu.Command) apdu.Response {
	a.note("file")
	return apdu.Response{Data: c.Data, SW: apdu.OK}
}

// SELECT of files goes to the applet that has some; of the applet itself, once more, it is told so.
func TestFileSelector(t *testing.T) {
	var log []string
	e := newElement(t)
	s := open(t, e, se.Config{Applets: []se.Kind{folders{echo{log: &log}}}})
	drive(t, s, e.Factory.Keys, gp.ISD).install(1, apdu.OK)
	for _, c := range []struct{ command, want string }{
		{"00A40000023F00", "6A86"}, // the ISD has none
		{"00A4040C09F04D49444D444F4301", "9000"},
		{"00A40000023F00", "3F009000"},
		{"00A4040009F04D49444D444F4301", "6F118409F04D49444D444F4301A5049F6501FF9000"},
		{"00A4040C00", "9000"},
	} {
		b := unhex(t, c.command)
		if got := hex.EncodeToString(raw(t, s, b).Bytes()); got != hex.EncodeToString(unhex(t, c.want)) {
			t.Errorf("%s: %s, expected %s", c.command, got, c.want)
		}
	}
	if want := []string{"select", "file", "reselect", "deselect"}; !slices.Equal(log, want) {
		t.Errorf("the applet was told %v, expected %v", log, want)
	}
}
