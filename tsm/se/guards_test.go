package se_test

import (
	"testing"

	"mobileid/mdoc/apdu"
	"mobileid/tsm/gp"
	"mobileid/tsm/se"
)

// A load file goes into the session's domain or one under it, and to no other.
func TestLoadIntoDomain(t *testing.T) {
	e, s, keys := withDomain(t, domainA, gp.SecurityDomain|gp.AuthorizedManage, se.Config{})
	drive(t, s, e.Factory.Keys, gp.ISD).installDomain(domainB, gp.SecurityDomain, apdu.OK)
	a := drive(t, s, keys, domainA)
	a.installDomain(domainC, gp.SecurityDomain, apdu.OK)
	for domain, want := range map[gp.AID]apdu.SW{
		"": apdu.OK, domainA: apdu.OK, domainC: apdu.OK, domainB: apdu.ReferenceNotFound, gp.ISD: apdu.ReferenceNotFound,
	} {
		a.do(gp.InstallLoad{LoadFile: foreignFile, Domain: domain}, want)
	}
	a.do(gp.InstallLoad{LoadFile: foreignFile, Domain: domainC}, apdu.OK)
	a.load(gp.LoadFileData{File: capFile(foreignFile, 1, 300, foreignModule)}.Bytes(), 0, apdu.OK)
	if got := a.list(gp.ScopeLoadFiles)[foreignFile].Domain; got != domainC {
		t.Errorf("the file belongs to %v", got)
	}
}

// Whoever comes second with a load file finds the name taken, or the domain locked.
func TestLoadOvertaken(t *testing.T) {
	stream := gp.LoadFileData{File: capFile(foreignFile, 1, 300, foreignModule)}.Bytes()
	for name, c := range map[string]struct {
		meanwhile func(isd driver)
		files     int
	}{
		"loaded by another": {func(isd driver) {
			isd.do(gp.InstallLoad{LoadFile: foreignFile}, apdu.OK)
			isd.load(stream, 0, apdu.OK)
		}, 3},
		"domain locked": {func(isd driver) { isd.do(lock(domainC), apdu.OK) }, 2},
	} {
		t.Run(name, func(t *testing.T) {
			e, s, keys := withDomain(t, domainA, gp.SecurityDomain|gp.AuthorizedManage, se.Config{})
			isd := drive(t, s, e.Factory.Keys, gp.ISD)
			a := drive(t, openChannel(t, s), keys, domainA)
			a.installDomain(domainC, gp.SecurityDomain, apdu.OK)
			a.do(gp.InstallLoad{LoadFile: foreignFile, Domain: domainC}, apdu.OK)
			c.meanwhile(isd)
			a.load(stream, 0, apdu.Conditions)
			if got := isd.list(gp.ScopeLoadFiles); len(got) != c.files || got[foreignFile].Domain == domainC {
				t.Errorf("%d load files: %v", len(got), got)
			}
		})
	}
}

// A load ends with the domain it was for, also when another one gets the same name.
func TestLoadOutlivesNoDomain(t *testing.T) {
	blocks, err := gp.Load(gp.LoadFileData{File: capFile(foreignFile, 1, 300, foreignModule)}.Bytes(), 200)
	if err != nil {
		t.Fatal(err)
	}
	e, s, keys := withDomain(t, domainA, gp.SecurityDomain|gp.AuthorizedManage, se.Config{})
	isd := drive(t, s, e.Factory.Keys, gp.ISD)
	a := drive(t, openChannel(t, s), keys, domainA)
	a.installDomain(domainC, gp.SecurityDomain, apdu.OK)
	a.do(gp.InstallLoad{LoadFile: foreignFile, Domain: domainC}, apdu.OK)
	a.send(blocks[0], apdu.OK)
	isd.do(gp.Delete{AID: domainC}, apdu.OK)
	isd.installDomain(domainC, gp.SecurityDomain, apdu.OK)
	for _, b := range blocks[1:] {
		a.send(b, apdu.Conditions)
	}
	if got := isd.list(gp.ScopeLoadFiles); len(got) != 2 {
		t.Errorf("%d load files", len(got))
	}
}

// No domain comes under one that is under it.
func TestNoCycleOfDomains(t *testing.T) {
	e, s, keys := withDomain(t, domainA, gp.SecurityDomain|gp.AuthorizedManage, se.Config{})
	a := drive(t, s, keys, domainA)
	a.installDomain(domainB, gp.SecurityDomain|gp.AuthorizedManage, apdu.OK)
	b := drive(t, s, keys, domainB)
	b.putSet(0, keys, apdu.OK)
	b = drive(t, s, keys, domainB)
	b.installDomain(domainC, gp.SecurityDomain, apdu.OK)
	drive(t, s, keys, domainC).putSet(0, keys, apdu.OK)
	isd := drive(t, s, e.Factory.Keys, gp.ISD)
	for _, below := range []gp.AID{domainA, domainB, domainC} {
		isd.do(gp.Extradite{Application: domainA, Domain: below}, apdu.Conditions)
	}
	registry := isd.list(gp.ScopeApplications)
	if registry[domainA].Domain != gp.ISD || registry[domainB].Domain != domainA || registry[domainC].Domain != domainB {
		t.Errorf("%+v", registry)
	}
}

// Card Lock and Card Terminate do not make a domain the one that brings the card into use.
func TestCardIntoUse(t *testing.T) {
	e := newElement(t)
	e.Factory.State = gp.OPReady
	e.Again(t)
	s := open(t, e, se.Config{})
	drive(t, s, e.Factory.Keys, gp.ISD).installDomain(domainA, gp.SecurityDomain|gp.CardLock|gp.CardTerminate, apdu.OK)
	for _, next := range []gp.CardState{gp.CardInitialized, gp.CardSecured} {
		drive(t, s, e.Factory.Keys, domainA).do(card(next), apdu.SecurityStatus)
		isd := drive(t, s, e.Factory.Keys, gp.ISD)
		isd.do(card(next), apdu.OK)
		if got := isd.list(gp.ScopeDomain)[gp.ISD].State; got != byte(next) {
			t.Errorf("state %02X, expected %02X", got, byte(next))
		}
	}
}

// interruptions are commands of which each ends a personalization and a load, also one that is refused.
func interruptions() map[string]string {
	return map[string]string{"INSTALL": "80E60400", "DELETE": "80E40000", "PUT KEY": "80D80081", "SET STATUS": "80F04080"}
}

func TestPersonalizationInterrupted(t *testing.T) {
	for name, between := range interruptions() {
		t.Run(name, func(t *testing.T) {
			e := newElement(t)
			isd := drive(t, open(t, e, se.Config{}), e.Factory.Keys, gp.ISD)
			isd.install(1, apdu.OK)
			isd.do(gp.Personalize{Instance: instance(1)}, apdu.OK)
			isd.send(command(t, "80E2100002AABB"), apdu.OK)
			if r := secure(t, isd.h, command(t, between)); r.SW == apdu.OK {
				t.Errorf("%v", r.SW)
			}
			isd.send(command(t, "80E2900102AABB"), apdu.Conditions) // to the ISD, which has no block 0
			isd.send(command(t, "80E2900002AABB"), apdu.WrongData)  // nor such an object
		})
	}
}

func TestLoadInterrupted(t *testing.T) {
	blocks, err := gp.Load(gp.LoadFileData{File: capFile(foreignFile, 1, 300, foreignModule)}.Bytes(), 200)
	if err != nil {
		t.Fatal(err)
	}
	for name, between := range interruptions() {
		t.Run(name, func(t *testing.T) {
			e := newElement(t)
			isd := drive(t, open(t, e, se.Config{}), e.Factory.Keys, gp.ISD)
			isd.do(gp.InstallLoad{LoadFile: foreignFile}, apdu.OK)
			isd.send(blocks[0], apdu.OK)
			if r := secure(t, isd.h, command(t, between)); r.SW == apdu.OK {
				t.Errorf("%v", r.SW)
			}
			for _, b := range blocks[1:] {
				isd.send(b, apdu.Conditions)
			}
		})
	}
}
