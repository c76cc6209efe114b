package se_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"mobileid/mdoc/apdu"
	"mobileid/tsm/gp"
	"mobileid/tsm/scp03"
	"mobileid/tsm/se"
	"mobileid/tsm/se/setest"
)

// tornWorld is an element with a domain of a provider, an application that stored something, a foreign load file, two key
// sets and a receipt key, as a state file to begin with.
type tornWorld struct {
	*setest.Element
	start          []byte
	first, second  scp03.Keys // of the ISD
	domain, coming scp03.Keys // of the domain; what PUT KEY brings
	receipt        []byte
}

const tornSecret = "what the application keeps and nobody may find"

func newTornWorld(t *testing.T) *tornWorld {
	e, s, domain := withDomain(t, domainA, gp.SecurityDomain|gp.AuthorizedManage, se.Config{})
	w := &tornWorld{
		Element: e, first: e.Factory.Keys, second: version(setest.Keys(t), 0x31), domain: domain, coming: version(setest.Keys(t), 0x32),
		receipt: setest.Keys(t).ENC,
	}
	isd := drive(t, s, w.first, gp.ISD)
	isd.putSet(0, w.second, apdu.OK)
	isd.putSingle(0, 0x71, w.receipt, apdu.OK)
	isd.install(1, apdu.OK)
	isd.do(gp.Personalize{Instance: instance(1)}, apdu.OK)
	isd.send(apdu.Command{CLA: 0x80, INS: 0xE2, P1: 0x90, Data: []byte(tornSecret)}, apdu.OK)
	isd.do(gp.InstallLoad{LoadFile: foreignFile}, apdu.OK)
	blocks, err := gp.Load(gp.LoadFileData{File: capFile(foreignFile, 1, 700, foreignModule)}.Bytes(), 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range blocks {
		isd.send(b, apdu.OK)
	}
	drive(t, s, w.second, gp.ISD) // its counter is stored from here on
	drive(t, s, domain, domainA)
	closeSE(t, s)
	w.start = w.Snapshot(t)
	return w
}

// in gives the same world in a folder of its own.
func (w *tornWorld) in(t *testing.T) *tornWorld {
	t.Helper()
	own := *w
	own.Element = w.Fork(t)
	return &own
}

// look gives all that can be seen of the element with the set that opens it, the free memory included.
func (w *tornWorld) look(s *se.SE) (map[string]string, error) {
	ctx := context.Background()
	var h *setest.Host
	var errs error
	for _, keys := range []scp03.Keys{w.second, w.coming, version(w.coming, 0x31)} {
		var err error
		if h, err = setest.Open(ctx, s, keys); err == nil {
			break
		}
		errs = errors.Join(errs, err)
	}
	if h == nil {
		return nil, errs
	}
	seen := map[string]string{}
	for _, c := range []apdu.Command{
		gp.GetStatus{Scope: gp.ScopeDomain}.Command(), gp.GetStatus{Scope: gp.ScopeApplications}.Command(),
		gp.GetStatus{Scope: gp.ScopeModules}.Command(), gp.GetData(gp.DataKeyInformation), gp.GetData(gp.DataConfirmationCounter),
		gp.GetData(gp.DataMemory), gp.GetData(gp.DataIIN),
	} {
		r, err := h.Send(ctx, c)
		if err != nil {
			return nil, err
		}
		seen[c.String()] = fmt.Sprintf("%X %v", r.Data, r.SW)
	}
	return seen, nil
}

// operation is a command or several in one session, the last of which does it.
type operation struct {
	name     string
	domain   bool // in a session with the provider's domain
	commands func(t *testing.T, w *tornWorld) []apdu.Command
	// again are the status words the last command may get when it was done already.
	again []apdu.SW
	// gone must be in no file once it is done.
	gone func(w *tornWorld) [][]byte
}

func (o operation) run(t *testing.T, w *tornWorld, s *se.SE, again bool) error {
	ctx := context.Background()
	keys, aid := w.second, gp.ISD
	if o.domain {
		keys, aid = w.domain, domainA
	}
	h, err := setest.OpenWith(ctx, s, keys, aid, scp03.Full)
	if err != nil {
		return err
	}
	for _, c := range o.commands(t, w) {
		r, err := h.Send(ctx, c)
		if err != nil {
			return err
		}
		if r.SW == apdu.OK {
			continue
		}
		for _, sw := range o.again {
			if again && r.SW == sw {
				return nil
			}
		}
		return fmt.Errorf("%02X: %w", c.INS, r.Err())
	}
	return nil
}

func one(b interface{ Command() (apdu.Command, error) }) func(t *testing.T, _ *tornWorld) []apdu.Command {
	return func(t *testing.T, _ *tornWorld) []apdu.Command { return []apdu.Command{built(t, b)} }
}

func putting(replace, v byte) func(t *testing.T, w *tornWorld) []apdu.Command {
	return func(t *testing.T, w *tornWorld) []apdu.Command {
		p, err := gp.PutKeySet(w.second.DEK, replace, v, w.coming.ENC, w.coming.MAC, w.coming.DEK)
		if err != nil {
			t.Fatal(err)
		}
		return []apdu.Command{built(t, p)}
	}
}

func operations() []operation {
	return []operation{
		{name: "PUT KEY, a new set", commands: putting(0, 0x32)},
		{
			name: "PUT KEY, in place of another", commands: putting(0x30, 0x32), again: []apdu.SW{apdu.ReferenceNotFound},
			gone: func(w *tornWorld) [][]byte { return [][]byte{w.first.ENC, w.first.MAC, w.first.DEK} },
		},
		{
			name: "key data groups", commands: func(t *testing.T, w *tornWorld) []apdu.Command {
				g, err := gp.NewKeyGroup(w.second.DEK, 0x32, gp.AccessDomain, gp.PurposeSCP03, w.coming.ENC, w.coming.MAC, w.coming.DEK)
				if err != nil {
					t.Fatal(err)
				}
				b, err := g.Bytes()
				if err != nil {
					t.Fatal(err)
				}
				c, err := gp.StoreDGIs(b, 100, true)
				if err != nil {
					t.Fatal(err)
				}
				return c
			},
		},
		{
			name: "DELETE of a key set", commands: one(gp.DeleteKeys{Version: 0x30}), again: []apdu.SW{apdu.ReferenceNotFound},
			gone: func(w *tornWorld) [][]byte { return [][]byte{w.first.ENC, w.first.MAC, w.first.DEK} },
		},
		{
			name: "INSTALL", again: []apdu.SW{apdu.Conditions},
			commands: one(gp.Install{LoadFile: gp.AID(testFile), Module: gp.AID(testModule), Instance: instance(2)}),
		},
		{
			name: "INSTALL of a domain", again: []apdu.SW{apdu.Conditions},
			commands: one(gp.Install{LoadFile: domainFile, Module: domainModule, Instance: domainB, Privileges: gp.SecurityDomain}),
		},
		{
			name: "LOAD", domain: true, again: []apdu.SW{apdu.Conditions}, commands: func(t *testing.T, _ *tornWorld) []apdu.Command {
				blocks, err := gp.Load(gp.LoadFileData{File: capFile(foreignFile+"\x33", 1, 500, foreignModule)}.Bytes(), 0)
				if err != nil {
					t.Fatal(err)
				}
				return append([]apdu.Command{built(t, gp.InstallLoad{LoadFile: foreignFile + "\x33"})}, blocks...)
			},
		},
		{
			name: "EXTRADITION", again: []apdu.SW{apdu.Conditions},
			commands: one(gp.Extradite{Domain: domainA, Application: instance(1)}),
		},
		{name: "SET STATUS of an application", commands: one(lock(instance(1)))},
		{
			name: "SET STATUS of a domain with its applications", again: []apdu.SW{apdu.Conditions},
			commands: one(gp.SetStatus{Scope: gp.StatusOfDomain, State: 0x80, AID: domainA}),
		},
		{name: "SET STATUS of the card", commands: one(card(gp.CardLocked))},
		{
			name: "STORE DATA to the ISD", commands: func(*testing.T, *tornWorld) []apdu.Command {
				return []apdu.Command{{CLA: 0x80, INS: 0xE2, P1: 0x90, Data: []byte{0x42, 2, 0x12, 0x34}}}
			},
		},
		{
			name: "DELETE of an application", commands: one(gp.Delete{AID: instance(1)}), again: []apdu.SW{apdu.ReferenceNotFound},
			gone: func(*tornWorld) [][]byte { return [][]byte{[]byte(tornSecret)} },
		},
		{
			name: "DELETE of a load file with its instances", commands: one(gp.Delete{AID: gp.AID(testFile), Related: true}),
			again: []apdu.SW{apdu.ReferenceNotFound}, gone: func(*tornWorld) [][]byte { return [][]byte{[]byte(tornSecret)} },
		},
		{
			name: "DELETE of a domain", commands: one(gp.Delete{AID: domainA, Related: true}), again: []apdu.SW{apdu.ReferenceNotFound},
			gone: func(w *tornWorld) [][]byte { return [][]byte{w.domain.ENC, w.domain.MAC, w.domain.DEK} },
		},
	}
}

// E5: power is cut before, in and after every write of each operation. What is found afterwards is the old state or the
// new one, and doing it again leads to the same end as doing it once.
func TestTornManagement(t *testing.T) {
	w := newTornWorld(t)
	for _, o := range operations() {
		t.Run(o.name, func(t *testing.T) {
			t.Parallel()
			o.tear(t, w.in(t))
		})
	}
}

func (o operation) tear(t *testing.T, w *tornWorld) {
	looked := func() map[string]string {
		t.Helper()
		var seen map[string]string
		if _, err := w.Powered(nil, func(s *se.SE) (err error) { seen, err = w.look(s); return err }); err != nil {
			t.Fatal(err)
		}
		return seen
	}
	before := looked()
	w.Restore(t, w.start)
	points, err := w.Powered(nil, func(s *se.SE) error { return o.run(t, w, s, false) })
	if err != nil {
		t.Fatal(err)
	}
	after := looked()
	if cmp.Equal(before, after) {
		t.Fatal("the operation cannot be seen")
	}
	found := map[bool]int{}
	for k := 1; k <= points; k++ {
		w.Restore(t, w.start)
		if _, err := w.Powered(setest.At(k), func(s *se.SE) error { return o.run(t, w, s, false) }); !errors.Is(err, se.ErrPowerCut) {
			t.Fatalf("point %d: %v", k, err)
		}
		seen := looked()
		done := cmp.Equal(seen, after)
		if !done && !cmp.Equal(seen, before) {
			t.Fatalf("point %d: neither old nor new: %s", k, cmp.Diff(before, seen))
		}
		found[done]++
		if done {
			o.checkGone(t, w, k)
		}
		if _, err := w.Powered(nil, func(s *se.SE) error { return o.run(t, w, s, true) }); err != nil {
			t.Fatalf("point %d, again: %v", k, err)
		}
		if d := cmp.Diff(after, looked()); d != "" {
			t.Fatalf("point %d, again: another end: %s", k, d)
		}
	}
	if found[true] == 0 || found[false] == 0 {
		t.Errorf("the cuts did not straddle the change: %v", found)
	}
	t.Logf("E5: %s: power cut at %d points, %d found the old state, %d the new, 0 between", o.name, points, found[false], found[true])
}

func (o operation) checkGone(t *testing.T, w *tornWorld, point int) {
	t.Helper()
	if o.gone == nil {
		return
	}
	left := w.Snapshot(t)
	for _, secret := range o.gone(w) {
		if bytes.Contains(left, secret) {
			t.Fatalf("point %d: what was destroyed is still in the file", point)
		}
	}
}
