package tsm_test

import (
	"bytes"
	"testing"

	"mobileid/tsm/gp"
	"mobileid/tsm/gp/manager"
	"mobileid/tsm/store"
)

// another puts a security domain into the element, which is listed among the applications.
func (w *world) another(domain gp.AID) {
	w.t.Helper()
	s, err := manager.Connect(w.t.Context(), w.element, manager.Static(w.factoryKeys()), manager.Options{})
	check(w.t, err)
	_, err = s.Install(w.t.Context(), gp.Install{
		LoadFile: "\xA0\x00\x00\x01\x51\x53\x50", Module: "\xA0\x00\x00\x01\x51\x53\x50\x41", Instance: domain, Privileges: gp.SecurityDomain,
	})
	check(w.t, err)
	s.Close()
}

// A phone that has the element select another security domain than the issuer's, which still has the issuer's keys, gets no script:
// the session would be one with that domain.
func TestAnotherDomainSelected(t *testing.T) {
	t.Parallel()
	const domain = gp.AID("\xA0\x00\x00\x08\x12\x01\x02\x03")
	w := newWorld(t)
	w.another(domain)
	order := w.provision(1)
	id := w.session()
	first, err := w.service.Report(t.Context(), id, polling())
	check(t, err)
	turned := 0
	for _, list := range first.RAMCommands {
		for i, c := range list.ListOfCAPDU {
			if bytes.Contains(c, []byte(gp.ISD)) && c[1] == 0xA4 {
				list.ListOfCAPDU[i], err = gp.Select(domain).Bytes()
				check(t, err)
				turned++
			}
		}
	}
	next, err := w.step(id, first, nil)
	if err != nil || turned != 1 || !stops(next) {
		t.Fatalf("%v: %d commands and %v", turned, len(next.RAMCommands), err)
	}
	if w.failedAuth() != 0 {
		t.Error("counted as a failed authentication, though the keys were proved")
	}
	_, err = w.contact()
	check(t, err)
	if j := w.job(order); j.State != store.Done {
		t.Errorf("%v: the honest phone does not finish the job", j.State)
	}
}
