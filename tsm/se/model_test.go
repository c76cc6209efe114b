package se_test

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"mobileid/mdoc/apdu"
	"mobileid/tsm/gp"
	"mobileid/tsm/scp03"
	"mobileid/tsm/se"
	"mobileid/tsm/se/setest"
)

// reference is what the element should be: registry and life cycles, and what is selected and open on two channels.
type reference struct {
	card gp.CardState
	file bool // the applet's load file is registered
	apps map[gp.AID]refApp
	sel  [2]gp.AID
	open [2]gp.AID // domain of the session, "" for none
}

type refApp struct {
	domain                    gp.AID
	state                     gp.State
	locked, isDomain, manages bool
}

func (r *reference) app(aid gp.AID) (refApp, bool) {
	if aid == gp.ISD {
		return refApp{domain: gp.ISD, isDomain: true, manages: true}, true
	}
	a, ok := r.apps[aid]
	return a, ok
}

func (r *reference) under(aid, domain gp.AID) bool {
	for aid != gp.ISD {
		if aid = r.apps[aid].domain; aid == domain {
			return true
		}
	}
	return false
}

// with is an object and all that goes with it.
func (r *reference) with(aid gp.AID) map[gp.AID]bool {
	out := map[gp.AID]bool{aid: true}
	for other, a := range r.apps {
		if r.under(other, aid) && !a.isDomain || aid == gp.AID(testFile) && !a.isDomain || r.under(other, aid) {
			out[other] = true
		}
	}
	return out
}

func (r *reference) selected(aid gp.AID) bool { return r.sel[0] == aid || r.sel[1] == aid }

// manage is what content management in a session of a domain is answered before its object is looked at.
func (r *reference) manage(domain gp.AID) apdu.SW {
	d, _ := r.app(domain)
	switch {
	case r.card == gp.CardLocked:
		return apdu.Conditions
	case !d.manages:
		return apdu.SecurityStatus
	}
	return apdu.OK
}

func (r *reference) install(domain, aid gp.AID, isDomain bool) apdu.SW {
	if sw := r.manage(domain); sw != apdu.OK {
		return sw
	}
	if !r.file && !isDomain {
		return apdu.ReferenceNotFound
	}
	if _, taken := r.app(aid); taken {
		return apdu.Conditions
	}
	r.apps[aid] = refApp{domain: domain, state: gp.StateSelectable, isDomain: isDomain}
	return apdu.OK
}

func (r *reference) remove(domain, aid gp.AID, related bool) apdu.SW {
	if sw := r.manage(domain); sw != apdu.OK {
		return sw
	}
	_, exists := r.app(aid)
	isFile := aid == gp.AID(testFile)
	if isFile && !r.file || !isFile && !exists {
		return apdu.ReferenceNotFound
	}
	victims := r.with(aid)
	if aid == gp.ISD || !related && len(victims) > 1 || slices.ContainsFunc(slices.Collect(maps.Keys(victims)), r.selected) {
		return apdu.Conditions
	}
	for v := range victims {
		if domain != gp.ISD && (v == gp.AID(testFile) || !r.under(v, domain)) {
			return apdu.SecurityStatus
		}
	}
	for v := range victims {
		delete(r.apps, v)
	}
	r.file = r.file && !isFile
	return apdu.OK
}

func (r *reference) lock(domain, aid gp.AID, lock bool) apdu.SW {
	a, exists := r.app(aid)
	switch {
	case r.card == gp.CardLocked:
		return apdu.Conditions
	case !exists:
		return apdu.ReferenceNotFound
	case aid == gp.ISD:
		return apdu.Conditions
	case aid != domain && !r.under(aid, domain):
		return apdu.SecurityStatus
	case a.locked && lock:
		return apdu.OK
	case a.locked == lock:
		return apdu.Conditions
	}
	a.locked = lock
	r.apps[aid] = a
	for c := range r.open {
		if lock && r.open[c] == aid {
			r.open[c] = ""
		}
	}
	return apdu.OK
}

func (r *reference) extradite(domain, aid, to gp.AID) apdu.SW {
	if sw := r.manage(domain); sw != apdu.OK {
		return sw
	}
	a, exists := r.apps[aid]
	d, known := r.app(to)
	switch {
	case !exists:
		return apdu.ReferenceNotFound
	case a.domain != domain:
		return apdu.Conditions
	case !known || !d.isDomain:
		return apdu.ReferenceNotFound
	case to == aid, to != gp.ISD && (d.locked || d.state != gp.StatePersonalized || r.under(to, aid)):
		return apdu.Conditions
	}
	a.domain = to
	r.apps[aid] = a
	return apdu.OK
}

func (r *reference) setCard(domain gp.AID, next gp.CardState) apdu.SW {
	switch {
	case domain != gp.ISD:
		return apdu.SecurityStatus
	case r.card == next && next == gp.CardLocked:
		return apdu.OK
	case !r.card.CanBecome(next):
		return apdu.Conditions
	}
	r.card = next
	return apdu.OK
}

func (r *reference) choose(c int, aid gp.AID) apdu.SW {
	r.open[c] = ""
	a, exists := r.app(aid)
	switch {
	case !exists, r.card == gp.CardLocked && aid != gp.ISD:
		return apdu.NotFound
	case !a.isDomain && r.sel[1-c] == aid:
		return apdu.Conditions
	}
	r.sel[c] = aid
	if a.locked || r.card == gp.CardLocked {
		return apdu.WarnCardLocked
	}
	return apdu.OK
}

// addressed is what a locked card does with a channel a command comes on.
func (r *reference) addressed(c int) {
	if r.card == gp.CardLocked && r.sel[c] != gp.ISD {
		r.sel[c], r.open[c] = gp.ISD, ""
	}
}

// random is an element with its reference, and the secrets no answer may hold.
type random struct {
	t       *rapid.T
	s       *se.SE
	lines   [2]apdu.Transmitter
	hosts   [2]*setest.Host
	keys    map[gp.AID]scp03.Keys
	secrets [][]byte
	ref     reference
	done    map[apdu.SW]int
}

// Transmit looks at every answer on the way.
func (x *random) Transmit(ctx context.Context, command []byte) ([]byte, error) {
	out, err := x.s.Transmit(ctx, command)
	x.noSecret(out)
	return out, err
}

func (x *random) noSecret(answer []byte) {
	for _, secret := range x.secrets {
		for i := 0; i+8 <= len(secret); i++ {
			if bytes.Contains(answer, secret[i:i+8]) {
				x.t.Fatalf("a secret in an answer")
			}
		}
	}
}

// aids are the objects random commands name, some of which are not there.
func aids() []gp.AID {
	return []gp.AID{gp.ISD, domainA, domainB, domainC, instance(1), instance(2), instance(3), gp.AID(testFile)}
}

func (x *random) expect(what string, got, want apdu.SW) {
	if got != want {
		x.t.Fatalf("%s: %v, expected %v; %+v", what, got, want, x.ref)
	}
	x.done[got]++
}

// begin opens a session, or finds that there can be none.
func (x *random) begin(c int, domain gp.AID) {
	x.ref.addressed(c)
	sw := x.ref.choose(c, domain)
	a, _ := x.ref.app(domain)
	keys := x.keys[domain]
	for d := domain; len(keys.ENC) == 0; d = x.ref.apps[d].domain {
		keys = x.keys[x.ref.apps[d].domain]
		if _, exists := x.ref.app(d); !exists {
			keys = x.keys[gp.ISD]
		}
	}
	h, err := setest.OpenWith(context.Background(), x.lines[c], keys, domain, scp03.Full)
	want := a.isDomain && !a.locked && (sw == apdu.OK || sw == apdu.WarnCardLocked)
	if (err == nil) != want {
		x.t.Fatalf("session with %v: %v, expected %v; %+v", domain, err, want, x.ref)
	}
	if err == nil {
		x.hosts[c], x.ref.open[c] = h, domain
	}
}

// command sends a command through the session of a channel, if there is one.
func (x *random) command(c int, what string, b interface{ Command() (apdu.Command, error) }, expect func(domain gp.AID) apdu.SW) {
	x.ref.addressed(c)
	if x.ref.open[c] == "" {
		x.begin(c, rapid.SampledFrom([]gp.AID{gp.ISD, gp.ISD, domainA, domainB}).Draw(x.t, "new session"))
	}
	domain := x.ref.open[c]
	if domain == "" {
		return
	}
	cmd, err := b.Command()
	if err != nil {
		x.t.Fatal(err)
	}
	want := expect(domain)
	r, err := x.hosts[c].Send(context.Background(), cmd)
	if err != nil {
		x.t.Fatalf("%s: %v", what, err)
	}
	x.noSecret(r.Data)
	x.expect(fmt.Sprintf("%s in a session with %v", what, domain), r.SW, want)
}

// step does something. A command without a session opens one first.
func (x *random) step() {
	c := rapid.IntRange(0, 1).Draw(x.t, "channel")
	aid := rapid.SampledFrom(aids()).Draw(x.t, "AID")
	flag := rapid.Bool().Draw(x.t, "flag")
	switch rapid.IntRange(0, 15).Draw(x.t, "step") {
	case 0, 1:
		x.begin(c, rapid.SampledFrom([]gp.AID{gp.ISD, domainA, domainB, domainC}).Draw(x.t, "domain"))
	case 2:
		x.ref.addressed(c)
		want := x.ref.choose(c, aid)
		r, err := apdu.Exchange(context.Background(), x.lines[c], gp.Select(aid))
		if err != nil {
			x.t.Fatal(err)
		}
		if aid == gp.AID(testFile) { // a partial AID: it may find an instance
			x.restart()
			return
		}
		x.expect("SELECT", r.SW, want)
	case 3, 4, 12:
		n := rapid.ByteRange(1, 3).Draw(x.t, "instance")
		x.command(c, "INSTALL", gp.Install{LoadFile: gp.AID(testFile), Module: gp.AID(testModule), Instance: instance(n)},
			func(d gp.AID) apdu.SW { return x.ref.install(d, instance(n), false) })
	case 5:
		x.command(c, "INSTALL of a domain",
			gp.Install{LoadFile: domainFile, Module: domainModule, Instance: domainC, Privileges: gp.SecurityDomain},
			func(d gp.AID) apdu.SW { return x.ref.install(d, domainC, true) })
	case 6, 13:
		x.command(c, "DELETE", gp.Delete{AID: aid, Related: flag}, func(d gp.AID) apdu.SW { return x.ref.remove(d, aid, flag) })
	case 7, 8, 14:
		if aid == gp.AID(testFile) {
			return
		}
		set := unlock(aid)
		if flag {
			set = lock(aid)
		}
		x.command(c, "SET STATUS", set, func(d gp.AID) apdu.SW { return x.ref.lock(d, aid, flag) })
	case 9, 15:
		if aid == gp.AID(testFile) || aid == gp.ISD {
			return
		}
		to := rapid.SampledFrom(aids()).Draw(x.t, "new domain")
		x.command(c, "EXTRADITION", gp.Extradite{Domain: to, Application: aid}, func(d gp.AID) apdu.SW { return x.ref.extradite(d, aid, to) })
	case 10:
		next := gp.CardSecured
		if flag {
			next = gp.CardLocked
		}
		x.command(c, "SET STATUS of the card", card(next), func(d gp.AID) apdu.SW { return x.ref.setCard(d, next) })
	default:
		x.noise()
	}
}

// noise is commands of random bytes on every channel, and a reset. They change nothing that stays.
func (x *random) noise() {
	for range 3 {
		c := rapid.SliceOfN(rapid.Byte(), 0, 40).Draw(x.t, "noise")
		if out, err := x.Transmit(context.Background(), c); err != nil || len(out) < 2 {
			x.t.Fatalf("%X answered with %X, %v", c, out, err)
		}
	}
	x.restart()
}

// restart resets the element and opens the second channel again.
func (x *random) restart() {
	x.s.Reset()
	x.ref.sel, x.ref.open = [2]gp.AID{gp.ISD, gp.ISD}, [2]gp.AID{}
	if x.ref.card == gp.CardLocked { // there is one channel only
		x.lines[1] = x
		x.begin(0, gp.ISD)
		x.command(0, "unlocking the card", card(gp.CardSecured), func(d gp.AID) apdu.SW { return x.ref.setCard(d, gp.CardSecured) })
	}
	r, err := apdu.Exchange(context.Background(), x, apdu.Command{INS: 0x70, Le: 1})
	if err != nil || r.SW != apdu.OK {
		x.t.Fatal(r.SW, err)
	}
	x.lines = [2]apdu.Transmitter{x, setest.Channel{Transmitter: x, Number: r.Data[0]}}
}

// compare reads the registry through the ISD and compares it with the reference.
func (x *random) compare() {
	x.begin(0, gp.ISD)
	got := map[gp.AID]string{}
	var pages gp.Pages
	q := gp.GetStatus{Scope: gp.ScopeApplications}
	for more := true; more; q.Next = true {
		r, err := x.hosts[0].Send(context.Background(), q.Command())
		if err == nil {
			more, err = pages.Add(r)
		}
		if err != nil {
			x.t.Fatal(err)
		}
	}
	entries, err := pages.Entries()
	if err != nil {
		x.t.Fatal(err)
	}
	for _, e := range entries {
		got[e.AID] = fmt.Sprintf("%v under %v, %v", gp.State(e.State), e.Domain, e.Privileges.Has(gp.SecurityDomain))
	}
	want := map[gp.AID]string{}
	for aid, a := range x.ref.apps {
		state := a.state
		if a.locked {
			state |= gp.StateLocked
		}
		want[aid] = fmt.Sprintf("%v under %v, %v", state, a.domain, a.isDomain)
	}
	if !maps.Equal(got, want) {
		x.t.Fatalf("the registry is %v, expected %v", got, want)
	}
}

// Random commands on two channels, against a reference that knows nothing of how the element works.
func TestRandomCommands(t *testing.T) {
	t.Parallel()
	e, s, a := withDomain(t, domainA, gp.SecurityDomain|gp.AuthorizedManage, se.Config{})
	drive(t, s, e.Factory.Keys, gp.ISD).installDomain(domainB, gp.SecurityDomain, apdu.OK)
	b := setest.Keys(t)
	drive(t, s, e.Factory.Keys, domainB).putSet(0, b, apdu.OK)
	closeSE(t, s)
	start, err := os.ReadFile(e.Path)
	if err != nil {
		t.Fatal(err)
	}
	path, sequences, done := filepath.Join(t.TempDir(), "se.nvm"), 0, map[apdu.SW]int{}
	rapid.Check(t, func(rt *rapid.T) {
		if err := os.WriteFile(path, start, 0o600); err != nil {
			rt.Fatal(err)
		}
		s, err := se.Open(path, se.Config{Applets: []se.Kind{echo{}}, Tear: func(int) bool { return false }})
		if err != nil {
			rt.Fatal(err)
		}
		defer s.Close() //nolint:errcheck // the next sequence has a file of its own
		x := &random{t: rt, s: s, keys: map[gp.AID]scp03.Keys{gp.ISD: e.Factory.Keys, domainA: a, domainB: b}, done: done}
		for _, k := range x.keys {
			x.secrets = append(x.secrets, k.ENC, k.MAC, k.DEK)
		}
		x.secrets = append(x.secrets, e.Factory.AttestationKey.D.Bytes()) //nolint:staticcheck // the very bytes are looked for
		x.ref = reference{card: gp.CardSecured, file: true, apps: map[gp.AID]refApp{
			domainA: {domain: gp.ISD, state: gp.StatePersonalized, isDomain: true, manages: true},
			domainB: {domain: gp.ISD, state: gp.StatePersonalized, isDomain: true},
		}}
		x.restart()
		for range rapid.IntRange(5, 35).Draw(rt, "steps") {
			x.step()
		}
		if x.ref.card == gp.CardLocked {
			x.restart()
		}
		x.compare()
		sequences++
	})
	total := 0
	for _, n := range done {
		total += n
	}
	if done[apdu.OK] == 0 || done[apdu.Conditions] == 0 || done[apdu.SecurityStatus] == 0 || done[apdu.ReferenceNotFound] == 0 {
		t.Errorf("status words seen: %v", done)
	}
	t.Logf("%d random sequences, %d variants of commands answered as the reference says: %v", sequences, total, done)
}
