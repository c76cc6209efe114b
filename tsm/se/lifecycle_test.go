package se_test

import (
	"fmt"
	"slices"
	"testing"

	"mobileid/mdoc/apdu"
	"mobileid/tsm/gp"
	"mobileid/tsm/scp03"
	"mobileid/tsm/se"
)

func card(state gp.CardState) gp.SetStatus {
	return gp.SetStatus{Scope: gp.StatusOfCard, State: byte(state)}
}

func lock(aid gp.AID) gp.SetStatus {
	return gp.SetStatus{Scope: gp.StatusOfApplication, State: 0x80, AID: aid}
}

func unlock(aid gp.AID) gp.SetStatus { return gp.SetStatus{Scope: gp.StatusOfApplication, AID: aid} }

// The card's life, every step and every step that is none.
func TestCardLifeCycle(t *testing.T) {
	e := newElement(t)
	e.Factory.State = gp.OPReady
	e.Again(t)
	s := open(t, e, se.Config{})
	isd := drive(t, s, e.Factory.Keys, gp.ISD)
	states := []gp.CardState{gp.OPReady, gp.CardInitialized, gp.CardSecured, gp.CardLocked, gp.CardTerminated, 0x33}
	allowed := map[gp.CardState][]gp.CardState{
		gp.OPReady: {gp.CardInitialized}, gp.CardInitialized: {gp.CardSecured}, gp.CardSecured: {gp.CardLocked},
	}
	for _, now := range []gp.CardState{gp.OPReady, gp.CardInitialized, gp.CardSecured} {
		if got := isd.list(gp.ScopeDomain)[gp.ISD].State; got != byte(now) {
			t.Fatalf("state %02X, expected %02X", got, byte(now))
		}
		for _, next := range states {
			if !slices.Contains(allowed[now], next) && next != gp.CardTerminated {
				isd.do(card(next), apdu.Conditions)
			}
		}
		if now != gp.CardSecured {
			isd.do(card(gp.CardTerminated), apdu.Conditions)
			isd.do(card(allowed[now][0]), apdu.OK)
		}
	}
	isd.do(gp.SetStatus{Scope: gp.StatusOfCard, State: byte(gp.CardLocked), AID: domainA}, apdu.ReferenceNotFound)
	closeSE(t, s)
	s = open(t, e, se.Config{})
	if got := drive(t, s, e.Factory.Keys, gp.ISD).list(gp.ScopeDomain)[gp.ISD].State; got != byte(gp.CardSecured) {
		t.Errorf("after a restart: %02X", got)
	}
}

// Of a locked card the ISD answers alone, to be unlocked or terminated.
func TestLockedCard(t *testing.T) {
	e, s, keys := withDomain(t, domainA, gp.SecurityDomain|gp.AuthorizedManage, se.Config{})
	isd := drive(t, s, e.Factory.Keys, gp.ISD)
	isd.install(1, apdu.OK)
	line, second := openChannel(t, s), openChannel(t, s)
	if r, err := apdu.Exchange(t.Context(), line, gp.Select(instance(1))); err != nil || r.SW != apdu.OK {
		t.Fatal(r.SW, err)
	}
	a := drive(t, second, keys, domainA)
	isd.do(card(gp.CardLocked), apdu.OK)
	isd.do(card(gp.CardLocked), apdu.OK) // the answer was lost

	a.send(command(t, "80F24002024F0000"), apdu.SecurityStatus)
	if r, err := apdu.Exchange(t.Context(), line, command(t, "0001000001AA00")); err != nil || r.SW != apdu.InsUnsupported {
		t.Errorf("the application answers %v, %v", r.SW, err)
	}
	for name, c := range map[string]apdu.Command{
		"install":     built(t, gp.Install{LoadFile: gp.AID(testFile), Module: gp.AID(testModule), Instance: instance(2)}),
		"delete":      built(t, gp.Delete{AID: instance(1)}),
		"load":        command(t, "80E8000001C4"),
		"PUT KEY":     command(t, "80D8008100"),
		"STORE DATA":  command(t, "80E2900001AA"),
		"lock of one": built(t, lock(instance(1))),
	} {
		if r := secure(t, isd.h, c); r.SW != apdu.Conditions {
			t.Errorf("%s: %v", name, r.SW)
		}
	}
	isd.list(gp.ScopeApplications)
	isd.send(gp.GetData(gp.DataDiversification), apdu.OK)
	closeSE(t, s)
	s = open(t, e, se.Config{})
	for _, c := range []struct{ name, command, want string }{
		{"the ISD", "00A4040008A000000151000000", "6F108408A000000151000000A5049F6501FF6283"},
		{"an application", "00A4040009F04D49444D444F4301", "6A82"},
		{"a domain", "00A4040007F04D4944534441", "6A82"},
		{"MANAGE CHANNEL", "0070000001", "6985"},
		{"GET DATA", "80CA00D300", "D301009000"},
	} {
		if got := fmt.Sprintf("%X", raw(t, s, unhex(t, c.command)).Bytes()); got != c.want {
			t.Errorf("%s: %s, expected %s", c.name, got, c.want)
		}
	}
	isd = drive(t, s, e.Factory.Keys, gp.ISD)
	isd.do(card(gp.CardInitialized), apdu.Conditions)
	isd.do(card(gp.CardSecured), apdu.OK)
	isd.install(2, apdu.OK)
	if r := send(t, s, gp.Select(instance(1))); r.SW != apdu.OK {
		t.Errorf("unlocked: %v", r.SW)
	}
}

// A lock of the card, by a domain or by an application, and its end have what is selected on any channel start anew, at once.
func TestCardLockStartsAnew(t *testing.T) {
	var log []string
	e := newElement(t)
	s := open(t, e, se.Config{Applets: []se.Kind{probe{echo{log: &log}}}})
	isd := drive(t, s, e.Factory.Keys, gp.ISD)
	isd.do(gp.Install{LoadFile: gp.AID(testFile), Module: gp.AID(testModule), Instance: instance(1), Privileges: gp.CardLock}, apdu.OK)
	isd.install(2, apdu.OK)
	first, second := openChannel(t, s), openChannel(t, s)
	for n, line := range []apdu.Transmitter{first, second} {
		if r, err := apdu.Exchange(t.Context(), line, gp.Select(instance(byte(n+1)))); err != nil || r.SW != apdu.OK {
			t.Fatal(r.SW, err)
		}
	}
	told := func(what string, want ...string) {
		t.Helper()
		if !slices.Equal(log, want) {
			t.Errorf("%s: the applications were told %v, expected %v", what, log, want)
		}
		log = nil
	}
	both := []string{"deselect", "select", "deselect", "select"}
	told("selected", "select", "select")
	isd.do(card(gp.CardLocked), apdu.OK)
	told("locked", both...)
	isd.do(card(gp.CardSecured), apdu.OK)
	told("unlocked")
	if r, err := apdu.Exchange(t.Context(), first, command(t, "00067F00")); err != nil || r.SW != apdu.OK {
		t.Fatal(r.SW, err)
	}
	told("locked by an application", both...)
	isd.do(card(gp.CardSecured), apdu.OK)
	isd.do(card(gp.CardTerminated), apdu.OK)
	told("terminated", both...)
}

// A terminated card answers GET DATA, for good.
func TestTerminatedCard(t *testing.T) {
	e := newElement(t)
	s := open(t, e, se.Config{})
	isd := drive(t, s, e.Factory.Keys, gp.ISD)
	isd.do(card(gp.CardLocked), apdu.OK)
	isd.do(card(gp.CardTerminated), apdu.OK)
	for range 2 {
		for _, c := range []struct{ name, command, want string }{
			{"a protected command", "84F2800218" + fmt.Sprintf("%048d", 0), "6985"},
			{"SELECT", "00A40400", "6985"},
			{"INITIALIZE UPDATE", "8050000008000102030405060700", "6985"},
			{"MANAGE CHANNEL", "0070000001", "6985"},
			{"GET DATA", "80CA00D300", "D301009000"},
			{"GET DATA, wrong Le", "80CA00D301", "6C03"},
		} {
			if got := fmt.Sprintf("%X", raw(t, s, unhex(t, c.command)).Bytes()); got != c.want {
				t.Errorf("%s: %s, expected %s", c.name, got, c.want)
			}
		}
		closeSE(t, s)
		s = open(t, e, se.Config{})
	}
}

// A lock lies over the state there was, which comes back.
func TestLockApplication(t *testing.T) {
	e, s, keys := withDomain(t, domainA, gp.SecurityDomain|gp.AuthorizedManage, se.Config{})
	isd := drive(t, s, e.Factory.Keys, gp.ISD)
	isd.do(gp.Install{LoadFile: gp.AID(testFile), Module: gp.AID(testModule), Instance: instance(1), NotSelectable: true}, apdu.OK)
	if r := send(t, s, gp.Select(instance(1))); r.SW != apdu.NotFound {
		t.Errorf("SELECT of INSTALLED: %v", r.SW)
	}
	isd = drive(t, s, e.Factory.Keys, gp.ISD)
	toAndFro := func(want gp.State) {
		t.Helper()
		isd.do(unlock(instance(1)), apdu.Conditions)
		for range 2 {
			isd.do(lock(instance(1)), apdu.OK)
		}
		if got := isd.state(instance(1)); got != want|gp.StateLocked {
			t.Errorf("locked: %v", got)
		}
		isd.do(unlock(instance(1)), apdu.OK)
		if got := isd.state(instance(1)); got != want {
			t.Errorf("unlocked: %v, expected %v", got, want)
		}
	}
	toAndFro(gp.StateInstalled)
	isd.do(gp.MakeSelectable{Instance: instance(2)}, apdu.ReferenceNotFound)
	isd.do(gp.MakeSelectable{Instance: instance(1), Privileges: gp.CVMManagement}, apdu.WrongData)
	isd.do(gp.MakeSelectable{Instance: instance(1)}, apdu.OK)
	isd.do(gp.MakeSelectable{Instance: instance(1)}, apdu.OK)
	toAndFro(gp.StateSelectable)
	isd.do(lock(gp.ISD), apdu.Conditions)
	isd.do(lock(instance(9)), apdu.ReferenceNotFound)

	// A locked domain cannot be worked with, and does not unlock itself.
	isd.do(lock(domainA), apdu.OK)
	if r := send(t, s, gp.Select(domainA)); r.SW != apdu.WarnCardLocked {
		t.Errorf("SELECT of a locked domain: %v", r.SW)
	}
	if r := send(t, s, command(t, "8050000008000102030405060700")); r.SW != apdu.Conditions {
		t.Errorf("INITIALIZE UPDATE with a locked domain: %v", r.SW)
	}
	isd = drive(t, s, e.Factory.Keys, gp.ISD)
	isd.do(unlock(domainA), apdu.OK)
	if got := isd.state(domainA); got != gp.StatePersonalized {
		t.Errorf("unlocked: %v", got)
	}
	line := openChannel(t, s)
	a := drive(t, line, keys, domainA)
	isd.do(lock(domainA), apdu.OK)
	a.send(command(t, "80CA00D300"), apdu.SecurityStatus) // its session has ended
	isd.do(unlock(domainA), apdu.OK)
	a = drive(t, line, keys, domainA)
	a.do(lock(domainA), apdu.OK)
	a.do(unlock(domainA), apdu.SecurityStatus)
	isd.do(unlock(domainA), apdu.OK)
}

// What is locked starts anew where it is selected, by a lock of its own and by that of its domain; an unlock and another's
// lock leave it alone.
func TestLockStartsAnew(t *testing.T) {
	var log []string
	_, s, keys := withDomain(t, domainA, gp.SecurityDomain|gp.AuthorizedManage, se.Config{Applets: []se.Kind{echo{log: &log}}})
	line := openChannel(t, s)
	a := drive(t, line, keys, domainA)
	a.install(1, apdu.OK)
	a.install(2, apdu.OK)
	if r := send(t, s, gp.Select(instance(1))); r.SW != apdu.OK {
		t.Fatal(r.SW)
	}
	domain := func(state byte) gp.SetStatus {
		return gp.SetStatus{Scope: gp.StatusOfDomain, State: state, AID: domainA}
	}
	for _, step := range []struct {
		name string
		set  gp.SetStatus
		want []string
	}{
		{"lock of another", lock(instance(2)), nil},
		{"lock", lock(instance(1)), []string{"deselect", "select"}},
		{"lock again", lock(instance(1)), nil},
		{"unlock", unlock(instance(1)), nil},
		{"lock of the domain", domain(0x80), []string{"deselect", "select"}},
	} {
		log = nil
		a.do(step.set, apdu.OK)
		if !slices.Equal(log, step.want) {
			t.Errorf("%s: %v, expected %v", step.name, log, step.want)
		}
	}
}

// Scope 60 is a domain with all that is under it.
func TestLockDomainWithApplications(t *testing.T) {
	e, s, keys := withDomain(t, domainA, gp.SecurityDomain|gp.AuthorizedManage, se.Config{})
	a := drive(t, s, keys, domainA)
	a.install(1, apdu.OK)
	a.install(2, apdu.OK)
	isd := drive(t, s, e.Factory.Keys, gp.ISD)
	isd.install(3, apdu.OK)
	all := gp.SetStatus{Scope: gp.StatusOfDomain, State: 0x80, AID: domainA}
	isd.do(all, apdu.OK)
	isd.do(all, apdu.OK)
	locked := func() (out []gp.AID) {
		for aid, e := range isd.list(gp.ScopeApplications) {
			if gp.State(e.State).Locked() {
				out = append(out, aid)
			}
		}
		slices.Sort(out)
		return out
	}
	if got := locked(); !slices.Equal(got, []gp.AID{instance(1), instance(2), domainA}) {
		t.Errorf("locked: %v", got)
	}
	all.State = 0
	isd.do(all, apdu.OK)
	isd.do(all, apdu.Conditions)
	if got := locked(); len(got) != 0 {
		t.Errorf("locked: %v", got)
	}
	all.AID = instance(1)
	isd.do(all, apdu.ReferenceNotFound)
	isd.installDomain(domainB, gp.SecurityDomain, apdu.OK)
	a = drive(t, s, keys, domainA)
	all.AID = domainB
	a.do(all, apdu.SecurityStatus)
}

// Personal data are taken at the kind's level and above, and by no kind without encryption.
func TestPersonalizationLevels(t *testing.T) {
	const encrypted = scp03.CommandMAC | scp03.CommandEncryption
	for _, kind := range []scp03.Level{scp03.CommandMAC, encrypted, encrypted | scp03.ResponseMAC, scp03.Full} {
		e := newElement(t)
		s := open(t, e, se.Config{Applets: []se.Kind{echo{level: kind}}})
		drive(t, s, e.Factory.Keys, gp.ISD).install(1, apdu.OK)
		for _, level := range []scp03.Level{0x01, 0x03, 0x11, 0x13, 0x33} {
			want := apdu.SecurityStatus
			if level.Has(encrypted | kind) {
				want = apdu.OK
			}
			d := driveAt(t, s, e.Factory.Keys, gp.ISD, level)
			if got := d.send(command(t, "80CA00D300"), apdu.OK); got[2] != byte(level) {
				t.Errorf("level %v told as %02X", level, got[2])
			}
			d.do(gp.Personalize{Instance: instance(1)}, apdu.OK)
			d.send(command(t, "80E2900002AABB"), want)
			d.list(gp.ScopeApplications) // the session goes on
			if level.Has(encrypted) {
				want = apdu.OK
			}
			d.do(lock(instance(1)), apdu.OK) // ends the personalization
			d.send(command(t, "80E29000054203010203"), want)
		}
	}
}
