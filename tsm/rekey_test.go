package tsm_test

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"mobileid/mdoc/apdu"
	"mobileid/mdoc/provisioning"
	"mobileid/tsm"
	"mobileid/tsm/gp"
	"mobileid/tsm/scp03"
	"mobileid/tsm/store"
)

// newMaster gives the manager a further master key, which elements are to get.
func (w *world) newMaster(version byte) {
	w.t.Helper()
	former, err := tsm.NewMasterKey(w.master, 0x30)
	check(w.t, err)
	next, err := tsm.NewMasterKey(random(tsm.MasterKeySize), version)
	check(w.t, err)
	w.keys, err = tsm.NewMasters(version, former, next)
	check(w.t, err)
	w.restart()
}

// keySets checks which SCP03 key sets the element has.
func (w *world) keySets(want ...byte) {
	w.t.Helper()
	if got := w.versions(); !bytes.Equal(got, want) {
		w.t.Errorf("the element has key sets %X, want %X", got, want)
	}
}

// versions asks the element which key sets it has, in the clear.
func (w *world) versions() []byte {
	w.t.Helper()
	w.element.Reset()
	r, err := apdu.Exchange(w.t.Context(), w.element, gp.GetData(gp.DataKeyInformation))
	check(w.t, err)
	keys, err := gp.ParseKeyInformation(r.Data)
	check(w.t, err)
	var got []byte
	for _, k := range keys {
		if !slices.Contains(got, k.Version) {
			got = append(got, k.Version)
		}
	}
	slices.Sort(got)
	return got
}

// reachable checks that every key set of the element opens a session for the
// manager's keys: it is never without one.
func (w *world) reachable() {
	w.t.Helper()
	versions := w.versions()
	if len(versions) == 0 {
		w.t.Fatal("the element has no key set")
	}
	for _, v := range versions {
		w.element.Reset()
		keys, err := w.keys.Derive(w.t.Context(), w.seID, v)
		check(w.t, err)
		host, err := scp03.NewHost(keys, nil)
		check(w.t, err)
		r, err := apdu.Exchange(w.t.Context(), w.element, host.InitializeUpdate())
		check(w.t, err)
		external, s, err := host.Authenticate(r, scp03.Full)
		check(w.t, err)
		r, err = apdu.Exchange(w.t.Context(), w.element, external)
		check(w.t, err)
		check(w.t, s.Opened(r))
	}
}

func TestRekey(t *testing.T) {
	t.Parallel()
	w, orders := filled(t, 1)
	w.setPIN(1)
	w.newMaster(0x31)
	id, err := w.service.Rekey(t.Context(), w.seID)
	check(t, err)
	if again, err := w.service.Rekey(t.Context(), w.seID); err != nil || again != id {
		t.Errorf("ordered again: %q, %v, want %q", again, err, id)
	}
	w.exchanges = nil
	_, err = w.contact()
	check(t, err)
	if j := w.jobOf(id); j.State != store.Done || j.Cursor != store.Rekeyed {
		t.Fatalf("rekey is %v at %v (%s)", j.State, j.Cursor, j.Reason)
	}
	w.keySets(0x31)
	w.holds(1, orders[0])
	w.noKeyInTheClear()

	t.Run("other jobs ask for the new set first", func(t *testing.T) {
		w.exchanges = nil
		again := w.provision(2)
		res, err := w.contact()
		check(t, err)
		if w.job(again).State != store.Done || res.RoundTrips > 6 || w.exchanges[1].command[2] != 0x31 {
			t.Errorf("%v after %d round trips, version %02X asked for", w.job(again).State, res.RoundTrips, w.exchanges[1].command[2])
		}
	})
	t.Run("a second element is found under its former set", func(t *testing.T) {
		w, _ := filled(t, 1)
		w.newMaster(0x33)
		w.exchanges = nil
		again := w.provision(2)
		_, err := w.contact()
		check(t, err)
		if w.job(again).State != store.Done || w.failedAuth() != 0 {
			t.Errorf("%v, %d failed authentications", w.job(again).State, w.failedAuth())
		}
		w.exchanges = nil
		w.provision(3)
		res, err := w.contact()
		check(t, err)
		if res.RoundTrips > 6 {
			t.Errorf("%d round trips although the version was noted", res.RoundTrips)
		}
	})
}

// noKeyInTheClear checks that no key travelled outside the channel.
func (w *world) noKeyInTheClear() {
	w.t.Helper()
	for _, v := range []byte{0x30, 0x31} {
		keys, err := w.keys.Derive(w.t.Context(), w.seID, v)
		check(w.t, err)
		for i, x := range w.exchanges {
			for _, key := range [][]byte{keys.ENC, keys.MAC, keys.DEK} {
				if bytes.Contains(x.command, key) || bytes.Contains(x.response, key) {
					w.t.Errorf("exchange %d shows a key of set %02X", i, v)
				}
			}
		}
	}
}

func TestRekeyRefused(t *testing.T) {
	t.Parallel()
	t.Run("an element of no known form", func(t *testing.T) {
		w := newWorld(t)
		if _, err := w.service.Rekey(t.Context(), []byte{1}); !errors.Is(err, tsm.ErrNoElement) {
			t.Errorf("err = %v, want ErrNoElement", err)
		}
	})
	t.Run("a default set has no version to go to", func(t *testing.T) {
		w := newWorld(t)
		master, err := tsm.NewMasterKey(w.master, 0)
		check(t, err)
		w.keys = master
		w.restart()
		if _, err := w.service.Rekey(t.Context(), w.seID); !errors.Is(err, tsm.ErrNoNewKeys) {
			t.Errorf("err = %v, want ErrNoNewKeys", err)
		}
	})
	t.Run("nothing to do", func(t *testing.T) {
		w := newWorld(t)
		id, err := w.service.Rekey(t.Context(), w.seID)
		check(t, err)
		_, err = w.contact()
		check(t, err)
		if s := w.jobOf(id).State; s != store.Done {
			t.Errorf("rekey to the set that is there is %v", s)
		}
		w.keySets(0x30)
	})
	t.Run("ordered anew after it expired", func(t *testing.T) {
		w := newWorld(t)
		id, err := w.service.Rekey(t.Context(), w.seID)
		check(t, err)
		w.pass((2*365 + 1) * 24 * time.Hour)
		check(t, w.service.Sweep(t.Context()))
		again, err := w.service.Rekey(t.Context(), w.seID)
		if err != nil || again == id {
			t.Errorf("the same order %v, %v", again == id, err)
		}
	})
}

// A hostile phone at each command of a rekey: it answers with an error word or a
// bare success in the element's place. The element keeps a set that works, is never
// asked to count a failed authentication, and the honest phone ends the job.
func TestRekeyHostileAnswers(t *testing.T) {
	t.Parallel()
	full, _ := filled(t, 1)
	full.setPIN(1)
	start := full.image()
	counts := 0
	for _, fake := range [][]byte{{0x6A, 0x88}, {0x90, 0x00}, {0x69, 0x85}, nil} {
		for at := 1; ; at++ {
			w := start.world(t)
			w.newMaster(0x31)
			id, err := w.service.Rekey(t.Context(), w.seID)
			check(t, err)
			seen := 0
			err = w.through(func(ctx context.Context, command []byte, next apdu.Transmitter) ([]byte, error) {
				r, err := next.Transmit(ctx, command)
				if seen++; seen == at {
					return fake, err
				}
				return r, err
			})
			if err != nil {
				t.Fatalf("%X at command %d of %d: %v, %v", fake, at, seen, err, w.jobOf(id))
			}
			if seen < at {
				break
			}
			counts++
			w.reachable()
			w.presents(1)
			_, err = w.contact()
			check(t, err)
			if j := w.jobOf(id); j.State != store.Done {
				t.Errorf("%X at command %d: rekey is %v at %v (%s)", fake, at, j.State, j.Cursor, j.Reason)
			}
			w.keySets(0x31)
			if w.failedAuth() != 0 {
				t.Errorf("%X at command %d: %d failed authentications stand", fake, at, w.failedAuth())
			}
		}
	}
	t.Logf("E2: points of a rekey at which the phone made an answer up: %d; the element keeps a key set that works", counts)
}

// An element that holds other keys under the new version is left as it is: the job
// is parked and the former set stays.
func TestRekeyFindsOtherKeys(t *testing.T) {
	t.Parallel()
	w, _ := filled(t, 1)
	w.setPIN(1)
	w.newMaster(0x31)
	_, err := w.service.Rekey(t.Context(), w.seID)
	check(t, err)
	_, err = w.contact()
	check(t, err)
	w.keySets(0x31)
	// Another master key of the same version: what the element has under 31 cannot be told from outside.
	stray, err := tsm.NewMasterKey(random(tsm.MasterKeySize), 0x31)
	check(t, err)
	former, err := tsm.NewMasterKey(w.master, 0x30)
	check(t, err)
	w.keys, err = tsm.NewMasters(0x31, former, stray)
	check(t, err)
	w.restart()
	order := w.provision(2)
	for range 12 {
		_, err := w.contact()
		check(t, err)
	}
	if j := w.job(order); j.State != store.Parked || j.Reason != "failed_auth" {
		t.Errorf("job is %v (%s)", j.State, j.Reason)
	}
	blocked := 0
	for _, x := range w.exchanges {
		if x.command[1] == 0x82 && !bytes.HasSuffix(x.response, []byte{0x90, 0x00}) {
			blocked++
		}
	}
	if blocked != 0 {
		t.Errorf("the element was made to count %d failed authentications", blocked)
	}
	w.keySets(0x31)
}

// The state set by provisioning orders of the issuer cannot carry a rekey.
func TestRekeyIsNoOrder(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	if _, err := provisioning.SignOrder(w.orderKey, provisioning.Order{ID: random(16), Kind: 128, SEID: w.seID}); err == nil {
		t.Error("an order of the manager's own kind was signed")
	}
}
