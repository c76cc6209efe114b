package tsm_test

import (
	"context"
	"errors"
	"testing"

	"mobileid/tsm"
	"mobileid/tsm/store"
)

// An operator who goes back to a former master key and forth again gets the element
// to the set asked for each time, under an order of its own.
func TestRekeyBackAndForth(t *testing.T) {
	t.Parallel()
	w, _ := filled(t, 1)
	w.setPIN(1)
	former, err := tsm.NewMasterKey(w.master, 0x30)
	check(t, err)
	next, err := tsm.NewMasterKey(random(tsm.MasterKeySize), 0x31)
	check(t, err)
	seen := map[string]bool{}
	for turn, version := range []byte{0x31, 0x30, 0x31, 0x30, 0x31} {
		w.keys, err = tsm.NewMasters(version, former, next)
		check(t, err)
		w.restart()
		id, err := w.service.Rekey(t.Context(), w.seID)
		check(t, err)
		if seen[id] {
			t.Errorf("turn %d: an order that was carried out before is given again", turn)
		}
		seen[id] = true
		_, err = w.contact()
		check(t, err)
		if j := w.jobOf(id); j.State != store.Done || j.KeyVersion != version {
			t.Errorf("turn %d: rekey to %02X is %v at %v (%s)", turn, j.KeyVersion, j.State, j.Cursor, j.Reason)
		}
		w.keySets(version)
		if again, err := w.service.Rekey(t.Context(), w.seID); err != nil || again != id {
			t.Errorf("turn %d, ordered again: another order %v, %v", turn, again != id, err)
		}
	}
	w.presents(1)
}

// What cannot be asked of the store is no answer to an operator.
func TestRekeyWithoutTheStore(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, err := w.service.Rekey(t.Context(), w.seID)
	check(t, err)
	_, err = w.contact()
	check(t, err)
	w.wrap = func(s store.Store) store.Store { return noVersion{s} }
	w.restart()
	if _, err := w.service.Rekey(t.Context(), w.seID); !errors.Is(err, tsm.ErrUnavailable) {
		t.Errorf("err = %v, want ErrUnavailable", err)
	}
}

// noVersion is a store that cannot tell an element's version.
type noVersion struct{ store.Store }

func (noVersion) KeyVersion(context.Context, string) (byte, error) { return 0, errDead }

// Of several rekeys that wait for a phone the latest counts, also over one that was cut
// half way.
func TestRekeyOvertakesRekey(t *testing.T) {
	t.Parallel()
	for _, cut := range []int{0, 4, 5, 6, 7} { // round trips of the first before its link breaks
		w, _ := filled(t, 1)
		w.setPIN(1)
		var masters []tsm.Master
		for version := byte(0x30); version <= 0x32; version++ {
			key := w.master
			if version != 0x30 {
				key = random(tsm.MasterKeySize)
			}
			m, err := tsm.NewMasterKey(key, version)
			check(t, err)
			masters = append(masters, m)
		}
		var ids []string
		for i, version := range []byte{0x31, 0x32, 0x31, 0x30} {
			var err error
			w.keys, err = tsm.NewMasters(version, masters...)
			check(t, err)
			w.restart()
			id, err := w.service.Rekey(t.Context(), w.seID)
			check(t, err)
			ids = append(ids, id)
			if i == 0 && cut > 0 {
				a := w.agent()
				a.Client.Transport = &cutter{next: direct{w}, at: cut, answers: true}
				w.element.Reset()
				_, _ = a.Run(t.Context()) // ends as it may
			}
		}
		_, err := w.contact()
		check(t, err)
		for i, id := range ids[:3] {
			if j := w.jobOf(id); j.State != store.Done && (j.State != store.Cancelled || j.Reason != "overtaken") || i > 0 && j.State == store.Done {
				t.Errorf("cut at %d: rekey %d is %v (%s)", cut, i, j.State, j.Reason)
			}
		}
		if j := w.jobOf(ids[3]); j.State != store.Done {
			t.Errorf("cut at %d: the latest rekey is %v at %v (%s)", cut, j.State, j.Cursor, j.Reason)
		}
		w.keySets(0x30)
		w.presents(1)
	}
}
