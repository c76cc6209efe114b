package se_test

import (
	"context"
	"path/filepath"
	"testing"

	"mobileid/mdoc/apdu"
	"mobileid/tsm/gp"
	"mobileid/tsm/scp03"
	"mobileid/tsm/se"
	"mobileid/tsm/se/setest"
)

const (
	domainFile   gp.AID = "\xA0\x00\x00\x01\x51\x53\x50"
	domainModule gp.AID = domainFile + "\x41"
	domainA      gp.AID = "\xF0\x4D\x49\x44\x53\x44\x41"
	domainB      gp.AID = "\xF0\x4D\x49\x44\x53\x44\x42"
	domainC      gp.AID = "\xF0\x4D\x49\x44\x53\x44\x43"
)

func instance(n byte) gp.AID { return gp.AID(instanceAID(n)) }

// built makes a command that must be well-formed.
func built(tb testing.TB, b interface{ Command() (apdu.Command, error) }) apdu.Command {
	tb.Helper()
	c, err := b.Command()
	if err != nil {
		tb.Fatal(err)
	}
	return c
}

// driver drives one session.
type driver struct {
	tb testing.TB
	h  *setest.Host
	// dek is that of the key set the session was opened with.
	dek []byte
}

func drive(tb testing.TB, t apdu.Transmitter, keys scp03.Keys, domain gp.AID) driver {
	tb.Helper()
	return driveAt(tb, t, keys, domain, scp03.Full)
}

func driveAt(tb testing.TB, t apdu.Transmitter, keys scp03.Keys, domain gp.AID, level scp03.Level) driver {
	tb.Helper()
	h, err := setest.OpenWith(context.Background(), t, keys, domain, level)
	if err != nil {
		tb.Fatal(err)
	}
	return driver{tb, h, keys.DEK}
}

// send sends a command of any kind and demands a status word.
func (d driver) send(c apdu.Command, want apdu.SW) []byte {
	d.tb.Helper()
	r := secure(d.tb, d.h, c)
	if r.SW != want {
		d.tb.Errorf("%02X%02X%02X%02X: %v, expected %v", c.CLA, c.INS, c.P1, c.P2, r.SW, want)
	}
	return r.Data
}

func (d driver) do(b interface{ Command() (apdu.Command, error) }, want apdu.SW) []byte {
	d.tb.Helper()
	return d.send(built(d.tb, b), want)
}

// install makes an instance of the echo applet.
func (d driver) install(n byte, want apdu.SW) {
	d.tb.Helper()
	d.do(gp.Install{LoadFile: gp.AID(testFile), Module: gp.AID(testModule), Instance: instance(n)}, want)
}

func (d driver) installDomain(aid gp.AID, p gp.Privileges, want apdu.SW) {
	d.tb.Helper()
	d.do(gp.Install{LoadFile: domainFile, Module: domainModule, Instance: aid, Privileges: p}, want)
}

// putSet sends PUT KEY of a key set.
func (d driver) putSet(replace byte, keys scp03.Keys, want apdu.SW) {
	d.tb.Helper()
	p, err := gp.PutKeySet(d.dek, replace, keys.Version, keys.ENC, keys.MAC, keys.DEK)
	if err != nil {
		d.tb.Fatal(err)
	}
	answer := d.do(p, want)
	if err := p.CheckConfirmation(answer); want == apdu.OK && err != nil {
		d.tb.Error(err)
	}
}

// putSingle sends PUT KEY of one key.
func (d driver) putSingle(replace, version byte, key []byte, want apdu.SW) {
	d.tb.Helper()
	p, err := gp.PutKeySet(d.dek, replace, version, key)
	if err != nil {
		d.tb.Fatal(err)
	}
	d.do(p, want)
}

// list gives the registry of a scope by AID.
func (d driver) list(scope gp.Scope) map[gp.AID]gp.Entry {
	d.tb.Helper()
	var pages gp.Pages
	q := gp.GetStatus{Scope: scope}
	for more := true; more; q.Next = true {
		var err error
		if more, err = pages.Add(secure(d.tb, d.h, q.Command())); err != nil {
			d.tb.Fatal(err)
		}
	}
	entries, err := pages.Entries()
	if err != nil {
		d.tb.Fatal(err)
	}
	out := map[gp.AID]gp.Entry{}
	for _, e := range entries {
		out[e.AID] = e
	}
	return out
}

// state is the life cycle GET STATUS tells of an application.
func (d driver) state(aid gp.AID) gp.State {
	d.tb.Helper()
	return gp.State(d.list(gp.ScopeApplications)[aid].State)
}

// withDomain makes an element that holds a security domain with keys of its own.
func withDomain(tb testing.TB, aid gp.AID, p gp.Privileges, cfg se.Config) (*setest.Element, *se.SE, scp03.Keys) {
	tb.Helper()
	e := newElement(tb)
	s := open(tb, e, cfg)
	drive(tb, s, e.Factory.Keys, gp.ISD).installDomain(aid, p, apdu.OK)
	keys := setest.Keys(tb)
	drive(tb, s, e.Factory.Keys, aid).putSet(0, keys, apdu.OK)
	return e, s, keys
}

func pathOf(e *setest.Element) string { return filepath.Dir(e.Path) }
