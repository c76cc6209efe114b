package se_test

import (
	"bytes"
	"errors"
	"maps"
	"slices"
	"testing"

	"mobileid/mdoc/apdu"
	"mobileid/tsm/gp"
	"mobileid/tsm/scp03"
	"mobileid/tsm/se"
	"mobileid/tsm/se/setest"
)

// A new domain is reached with the ISD's keys, its own AID in the challenge; once it has keys, with those alone.
func TestDomainKeys(t *testing.T) {
	e := newElement(t)
	s := open(t, e, se.Config{})
	isd := drive(t, s, e.Factory.Keys, gp.ISD)
	isd.installDomain(domainA, gp.SecurityDomain, apdu.OK)
	if isd.state(domainA) != gp.StateSelectable {
		t.Errorf("state %v", isd.state(domainA))
	}
	own := setest.Keys(t)
	inside := drive(t, s, e.Factory.Keys, domainA)
	if got := inside.send(gp.GetData(gp.DataKeyInformation), apdu.OK); !bytes.Equal(got, []byte{0xE0, 0}) {
		t.Errorf("keys of a new domain: %X", got)
	}
	inside.putSet(0, own, apdu.OK)
	inside.send(command(t, "80CA00D300"), apdu.OK) // the session outlives the change

	for _, c := range []struct {
		name   string
		keys   scp03.Keys
		domain gp.AID
		want   error
	}{
		{"own keys", own, domainA, nil},
		{"the ISD's keys", e.Factory.Keys, domainA, scp03.ErrCryptogram},
		{"own keys at the ISD", own, gp.ISD, scp03.ErrCryptogram},
		{"the ISD's at the ISD", e.Factory.Keys, gp.ISD, nil},
	} {
		if _, err := setest.OpenWith(t.Context(), s, c.keys, c.domain, scp03.Full); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	h, err := scp03.NewHostWith(own, scp03.HostConfig{AID: []byte(domainA)})
	if err != nil {
		t.Fatal(err)
	}
	send(t, s, gp.Select(domainA))
	if _, _, err := h.Authenticate(send(t, s, h.InitializeUpdate()), scp03.Full); err != nil {
		t.Errorf("the challenge is not derived from the domain's AID: %v", err)
	}
	if isd = drive(t, s, e.Factory.Keys, gp.ISD); isd.state(domainA) != gp.StatePersonalized {
		t.Errorf("state %v", isd.state(domainA))
	}
}

// A domain sees itself and what is under it, unless it has Global Registry.
func TestVisibility(t *testing.T) {
	e, s, keys := withDomain(t, domainA, gp.SecurityDomain|gp.AuthorizedManage, se.Config{})
	isd := drive(t, s, e.Factory.Keys, gp.ISD)
	isd.install(1, apdu.OK)
	isd.installDomain(domainB, gp.SecurityDomain|gp.GlobalRegistry, apdu.OK)
	a := drive(t, s, keys, domainA)
	a.install(2, apdu.OK)
	see := func(d driver, scope gp.Scope, want ...gp.AID) {
		t.Helper()
		if got := slices.Sorted(maps.Keys(d.list(scope))); !slices.Equal(got, want) {
			t.Errorf("scope %02X: %v, expected %v", byte(scope), got, want)
		}
	}
	see(a, gp.ScopeDomain)
	see(a, gp.ScopeApplications, instance(2), domainA)
	see(a, gp.ScopeModules)
	all := []gp.AID{instance(1), instance(2), domainA, domainB}
	b := drive(t, s, e.Factory.Keys, domainB)
	see(b, gp.ScopeApplications, all...)
	see(b, gp.ScopeDomain, gp.ISD)
	see(b, gp.ScopeLoadFiles, domainFile, gp.AID(testFile))
	see(drive(t, s, e.Factory.Keys, gp.ISD), gp.ScopeApplications, all...)
	if got := drive(t, s, keys, domainA).list(gp.ScopeApplications)[instance(2)]; got.Domain != domainA || got.LoadFile != gp.AID(testFile) {
		t.Errorf("%+v", got)
	}
}

// Who may manage what, by the privileges of the session's domain.
func TestPrivileges(t *testing.T) {
	remove := func(n byte) gp.Delete { return gp.Delete{AID: instance(n)} }
	lock := gp.SetStatus{Scope: gp.StatusOfApplication, State: 0x80, AID: instance(1)}
	lockCard := gp.SetStatus{Scope: gp.StatusOfCard, State: byte(gp.CardLocked)}
	load := gp.InstallLoad{LoadFile: "\xF0\x01\x02\x03\x04"}
	give := gp.Extradite{Domain: domainA, Application: instance(1)}
	for _, c := range []struct {
		name       string
		privileges gp.Privileges
		do         interface{ Command() (apdu.Command, error) }
		want       apdu.SW
	}{
		{"a simple domain does not load", 0, load, apdu.SecurityStatus},
		{"nor delete", 0, remove(1), apdu.SecurityStatus},
		{"nor lock what is not its own", 0, lock, apdu.SecurityStatus},
		{"nor lock the card", 0, lockCard, apdu.SecurityStatus},
		{"nor terminate it", 0, gp.SetStatus{Scope: gp.StatusOfCard, State: byte(gp.CardTerminated)}, apdu.SecurityStatus},
		{"an authorized one loads", gp.AuthorizedManage, load, apdu.OK},
		{"but does not delete what is the ISD's", gp.AuthorizedManage, remove(1), apdu.SecurityStatus},
		{"nor take it", gp.AuthorizedManage, give, apdu.Conditions},
		{"nor make it selectable", gp.AuthorizedManage, gp.MakeSelectable{Instance: instance(1)}, apdu.SecurityStatus},
		{"nor personalize it", gp.AuthorizedManage, gp.Personalize{Instance: instance(1)}, apdu.Conditions},
		{"nor delete the ISD", gp.AuthorizedManage, gp.Delete{AID: gp.ISD}, apdu.Conditions},
		{"nor itself in its own session", gp.AuthorizedManage, gp.Delete{AID: domainA}, apdu.Conditions},
		{"Global Delete deletes", gp.GlobalDelete, remove(1), apdu.OK},
		{"Global Lock locks", gp.GlobalLock, lock, apdu.OK},
		{"Card Lock locks the card", gp.CardLock, lockCard, apdu.OK},
		{"and does not terminate it", gp.CardLock, gp.SetStatus{Scope: gp.StatusOfCard, State: byte(gp.CardTerminated)}, apdu.SecurityStatus},
		{"Card Terminate does", gp.CardTerminate, gp.SetStatus{Scope: gp.StatusOfCard, State: byte(gp.CardTerminated)}, apdu.OK},
		{
			"no domain gives what it has not", gp.AuthorizedManage, gp.Install{
				LoadFile: domainFile, Module: domainModule, Instance: domainB, Privileges: gp.SecurityDomain | gp.GlobalDelete,
			}, apdu.WrongData,
		},
		{
			"but what it has", gp.AuthorizedManage, gp.Install{
				LoadFile: domainFile, Module: domainModule, Instance: domainB, Privileges: gp.SecurityDomain | gp.AuthorizedManage,
			}, apdu.OK,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			e, s, keys := withDomain(t, domainA, gp.SecurityDomain|c.privileges, se.Config{})
			drive(t, s, e.Factory.Keys, gp.ISD).install(1, apdu.OK)
			drive(t, s, keys, domainA).do(c.do, c.want)
		})
	}
	t.Run("not granted to anyone", func(t *testing.T) {
		e := newElement(t)
		isd := drive(t, open(t, e, se.Config{}), e.Factory.Keys, gp.ISD)
		for _, p := range []gp.Privileges{
			gp.DAPVerification, gp.MandatedDAP, gp.TokenManagement | gp.SecurityDomain, gp.ReceiptGeneration | gp.SecurityDomain,
			gp.CardReset | gp.SecurityDomain, gp.FinalApplication | gp.SecurityDomain, gp.DelegatedManagement | gp.AuthorizedManage, 0,
		} {
			isd.installDomain(domainA, p, apdu.WrongData)
		}
		isd.do(gp.Install{LoadFile: gp.AID(testFile), Module: gp.AID(testModule), Instance: instance(1), Privileges: gp.GlobalLock}, apdu.WrongData)
		isd.do(gp.Install{LoadFile: gp.AID(testFile), Module: gp.AID(testModule), Instance: instance(1), Privileges: gp.CVMManagement}, apdu.OK)
	})
}

// What was given to a provider's domain is out of the issuer's reach but for locking and deleting it.
func TestExtradition(t *testing.T) {
	var log []string
	e, s, keys := withDomain(t, domainA, gp.SecurityDomain|gp.AuthorizedManage, se.Config{Applets: []se.Kind{echo{log: &log}}})
	store := command(t, "80E2900002 AABB")
	isd := drive(t, s, e.Factory.Keys, gp.ISD)
	isd.install(1, apdu.OK)
	isd.do(gp.Personalize{Instance: instance(1)}, apdu.OK)
	isd.send(store, apdu.OK)
	isd.do(gp.Extradite{Domain: "\xF0\x00\x00\x00\x00", Application: instance(1)}, apdu.ReferenceNotFound)
	isd.do(gp.Extradite{Domain: instance(1), Application: instance(1)}, apdu.ReferenceNotFound)
	isd.do(gp.Extradite{Domain: domainA, Application: instance(2)}, apdu.ReferenceNotFound)
	isd.do(gp.Extradite{Domain: domainA, Application: domainFile}, apdu.Conditions)
	isd.do(gp.Extradite{Domain: domainA, Application: domainA}, apdu.Conditions)
	isd.do(gp.Extradite{Domain: domainA, Application: instance(1)}, apdu.OK)
	if got := isd.list(gp.ScopeApplications)[instance(1)].Domain; got != domainA {
		t.Errorf("belongs to %v", got)
	}
	isd.send(store, apdu.WrongData) // goes to the ISD now, which knows no such object
	isd.do(gp.Personalize{Instance: instance(1)}, apdu.Conditions)
	isd.do(gp.Extradite{Domain: gp.ISD, Application: instance(1)}, apdu.Conditions)
	isd.do(gp.RegistryUpdate{Application: instance(1), SetPrivileges: true}, apdu.Conditions)

	a := drive(t, s, keys, domainA)
	a.do(gp.Personalize{Instance: instance(1)}, apdu.OK)
	a.send(store, apdu.OK)
	a.do(gp.RegistryUpdate{Application: instance(1), SetPrivileges: true, Privileges: gp.CVMManagement}, apdu.WrongData)
	a.do(gp.Extradite{Domain: gp.ISD, Application: instance(1)}, apdu.OK)
	isd = drive(t, s, e.Factory.Keys, gp.ISD)
	isd.do(gp.RegistryUpdate{Application: instance(1), SetPrivileges: true, Privileges: gp.CVMManagement}, apdu.OK)
	if got := isd.list(gp.ScopeApplications)[instance(1)]; got.Domain != gp.ISD || got.Privileges != gp.CVMManagement {
		t.Errorf("%+v", got)
	}
	// A domain without keys takes nothing; a load file moves as an application does, and not its privileges.
	isd.installDomain(domainB, gp.SecurityDomain, apdu.OK)
	isd.do(gp.Extradite{Domain: domainB, Application: instance(1)}, apdu.Conditions)
	isd.do(gp.RegistryUpdate{Domain: domainA, Application: gp.AID(testFile), SetPrivileges: true}, apdu.WrongData)
	isd.do(gp.Extradite{Domain: domainA, Application: gp.AID(testFile)}, apdu.OK)
	if got := isd.list(gp.ScopeLoadFiles)[gp.AID(testFile)].Domain; got != domainA {
		t.Errorf("the load file belongs to %v", got)
	}
	isd.install(3, apdu.Conditions)
	drive(t, s, keys, domainA).install(3, apdu.OK)
	closeSE(t, s)
	s = open(t, e, se.Config{})
	if got := drive(t, s, keys, domainA).list(gp.ScopeModules)[gp.AID(testFile)]; got.Domain != domainA || len(got.Modules) != 1 {
		t.Errorf("after a restart: %+v", got)
	}
}

// A domain is deleted with its keys, and with what is under it only when that is asked for.
func TestDeleteDomain(t *testing.T) {
	e, s, keys := withDomain(t, domainA, gp.SecurityDomain|gp.AuthorizedManage, se.Config{})
	a := drive(t, s, keys, domainA)
	a.installDomain(domainB, gp.SecurityDomain|gp.AuthorizedManage, apdu.OK)
	drive(t, s, keys, domainB).install(1, apdu.OK)
	other := drive(t, openChannel(t, s), e.Factory.Keys, gp.ISD)
	other.do(gp.Delete{AID: domainB, Related: true}, apdu.Conditions) // selected on the basic channel
	isd := drive(t, s, e.Factory.Keys, gp.ISD)
	isd.do(gp.Delete{AID: domainA}, apdu.Conditions)
	isd.do(gp.Delete{AID: domainB}, apdu.Conditions)
	if !inFolder(t, pathOf(e), string(keys.MAC)) {
		t.Fatal("the keys are not in the state file: this test sees nothing")
	}
	isd.do(gp.Delete{AID: domainA, Related: true}, apdu.OK)
	if got := isd.list(gp.ScopeApplications); len(got) != 0 {
		t.Errorf("left over: %v", got)
	}
	for _, key := range [][]byte{keys.ENC, keys.MAC, keys.DEK} {
		if inFolder(t, pathOf(e), string(key)) {
			t.Error("a deleted domain's key is still in the state file")
		}
	}
	if r := send(t, s, gp.Select(domainA)); r.SW != apdu.NotFound {
		t.Errorf("SELECT of what is gone: %v", r.SW)
	}
}

// Parameters a domain is installed with must be such as it can keep.
func TestDomainParameters(t *testing.T) {
	e := newElement(t)
	isd := drive(t, open(t, e, se.Config{}), e.Factory.Keys, gp.ISD)
	for _, c := range []struct {
		parameters string
		want       apdu.SW
	}{{"81020355", apdu.WrongData}, {"81020270", apdu.WrongData}, {"8102", apdu.WrongData}, {"810203708202202083012087022020", apdu.OK}} {
		isd.do(gp.Install{
			LoadFile: domainFile, Module: domainModule, Instance: domainA, Privileges: gp.SecurityDomain, Parameters: unhex(t, c.parameters),
		}, c.want)
	}
	isd.do(gp.Install{LoadFile: domainFile, Module: gp.AID(testModule), Instance: domainB, Privileges: gp.SecurityDomain}, apdu.ReferenceNotFound)
}

// What goes on on another channel ends when an application is given away, and when a domain gets keys of its own.
func TestTakeOver(t *testing.T) {
	var log []string
	e, s, _ := withDomain(t, domainA, gp.SecurityDomain, se.Config{Applets: []se.Kind{echo{log: &log}}})
	store := command(t, "80E2900002 AABB")
	isd := drive(t, s, e.Factory.Keys, gp.ISD)
	isd.install(1, apdu.OK)
	isd.installDomain(domainB, gp.SecurityDomain, apdu.OK)
	line := openChannel(t, s)
	second := drive(t, line, e.Factory.Keys, gp.ISD)
	second.do(gp.Personalize{Instance: instance(1)}, apdu.OK)
	second.send(store, apdu.OK)
	isd.do(gp.Extradite{Domain: domainA, Application: instance(1)}, apdu.OK)
	second.send(store, apdu.WrongData)
	if !slices.Contains(log, "end") {
		t.Errorf("the application was told %v", log)
	}
	second.do(gp.Personalize{Instance: domainB}, apdu.OK)
	third := drive(t, openChannel(t, s), e.Factory.Keys, domainB)
	inherited := drive(t, s, e.Factory.Keys, domainB)
	inherited.putSet(0, setest.Keys(t), apdu.OK)
	third.send(command(t, "80CA00D300"), apdu.SecurityStatus)
	second.send(command(t, "80E2900003 420177"), apdu.OK) // to the ISD, not to the domain
	send(t, s, gp.Select(domainB))
	if r := send(t, s, gp.GetData(gp.DataIIN)); r.SW != apdu.ReferenceNotFound {
		t.Errorf("the domain was written through the ISD: %X %v", r.Data, r.SW)
	}
}
