package tsm_test

import (
	"context"
	"fmt"
	"testing"

	"mobileid/mdoc/apdu"
	"mobileid/mdoc/jpkiap"
	"mobileid/mdoc/provisioning"
	"mobileid/tsm"
	"mobileid/tsm/applet"
	"mobileid/tsm/diversify"
	"mobileid/tsm/gp"
	"mobileid/tsm/se/setest"
	"mobileid/tsm/store"
)

// switchTo orders a lock or unlock and lets the phone come by.
func (w *world) switchTo(kind provisioning.OrderKind, slot uint64) []byte {
	w.t.Helper()
	order := w.order(kind, slot)
	if !w.submitted(order) {
		w.t.Fatal("the order is not taken")
	}
	w.element.Reset()
	_, err := w.contact()
	check(w.t, err)
	return order
}

func TestLockAndUnlock(t *testing.T) {
	t.Parallel()
	const lock, unlock = provisioning.OrderLock, provisioning.OrderUnlock
	w, _ := filled(t, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15) // a listing of several pages
	w.setPIN(7)
	for _, step := range []struct {
		kind provisioning.OrderKind
		slot uint64
		want []byte
	}{
		{lock, 7, []byte{7}}, {lock, 7, []byte{7}}, {lock, 0, []byte{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}},
		{unlock, 3, []byte{1, 2, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}}, {unlock, 0, nil}, {unlock, 0, nil},
	} {
		job := w.job(w.switchTo(step.kind, step.slot))
		if job.State != store.Done || job.Cursor != store.Applied || job.Owes() {
			t.Errorf("kind %d of slot %d is %v at %v (%s)", step.kind, step.slot, job.State, job.Cursor, job.Reason)
		}
		w.lockedSlots(step.want...)
	}
	w.presents(7)
}

// A locked slot cannot be used by whoever holds the phone, and nothing is put into
// it; it can be wiped.
func TestLockHolds(t *testing.T) {
	t.Parallel()
	w, _ := filled(t, 1)
	w.setPIN(1)
	w.switchTo(provisioning.OrderLock, 1)
	w.element.Reset()
	if err := applet.NewClient(w.element, 1).VerifyPIN(t.Context(), "2468"); err == nil {
		t.Error("a locked slot takes its PIN")
	}
	renewal := w.provision(1)
	w.element.Reset()
	_, err := w.contact()
	check(t, err)
	if s := w.job(renewal).State; s != store.Queued {
		t.Errorf("a renewal of a locked slot is %v", s)
	}
	wipe := w.wipe(0)
	w.element.Reset()
	_, err = w.contact()
	check(t, err)
	w.emptied(wipe, []byte{1}, nil)
}

// The phone comes by between lock and unlock, or never: the latest order counts.
func TestUnlockOvertakesLock(t *testing.T) {
	t.Parallel()
	w, _ := filled(t, 1)
	w.setPIN(1)
	lock := w.order(provisioning.OrderLock, 0)
	w.submitted(lock)
	unlock := w.switchTo(provisioning.OrderUnlock, 0)
	if a, b := w.job(lock), w.job(unlock); a.State != store.Cancelled || a.Reason != "overtaken" || b.State != store.Done {
		t.Errorf("lock is %v (%s), unlock %v", a.State, a.Reason, b.State)
	}
	w.presents(1)
}

// What the holder verified does not outlive a lock, of the application or of the card,
// though the lock comes on another channel and is over before the next command.
func TestLockEndsConsent(t *testing.T) {
	t.Parallel()
	w, _ := filled(t, 1, gp.PhonePlace)
	w.setPIN(1)
	w.setPIN(gp.PhonePlace)
	keys, err := diversify.KDF3(w.t.Context(), diversify.Memory(w.master), w.seID, tsm.MasterKeySize, 0x30)
	check(t, err)
	credential := applet.NewClient(w.element, 1)
	sign := apdu.Command{CLA: 0x80, INS: 0x2A, P2: 0x80 | byte(jpkiap.SignatureKey), Data: []byte("a contract"), Le: 256}
	for _, tt := range []struct {
		slot byte
		use  []apdu.Command
	}{
		{1, []apdu.Command{{INS: 0xB1, Data: []byte{0x54, 0x03, 0, 0, 0}, Le: 1}}},
		{gp.PhonePlace, []apdu.Command{sign, {INS: 0xB0, P1: 0x80 | byte(jpkiap.SignatureCertificate), Le: 1}}},
	} {
		for name, lock := range map[string][]gp.SetStatus{
			"nothing": nil,
			"the application": {
				{Scope: gp.StatusOfApplication, State: byte(gp.StateLocked), AID: gp.Instance(tt.slot)},
				{Scope: gp.StatusOfApplication, State: byte(gp.StatePersonalized), AID: gp.Instance(tt.slot)},
			},
			"the card": {
				{Scope: gp.StatusOfCard, State: byte(gp.CardLocked)}, {Scope: gp.StatusOfCard, State: byte(gp.CardSecured)},
			},
		} {
			w.element.Reset()
			if tt.slot == gp.PhonePlace {
				w.certificate(jpkiap.SignaturePassword, jpkiap.SignatureCertificate, jpkiap.SignatureKey, phonePassword)
			} else {
				check(t, credential.VerifyPIN(t.Context(), "2468"))
			}
			r, err := apdu.Exchange(t.Context(), w.element, apdu.Command{INS: 0x70, Le: 1})
			check(t, err)
			h, err := setest.Open(t.Context(), setest.Channel{Transmitter: w.element, Number: r.Data[0]}, keys)
			check(t, err)
			want := apdu.OK
			for _, set := range lock {
				want = apdu.SecurityStatus
				c, err := set.Command()
				check(t, err)
				_, err = h.Must(t.Context(), c)
				check(t, err)
			}
			for _, c := range tt.use {
				r, err := apdu.Exchange(t.Context(), w.element, c)
				check(t, err)
				if r.SW != want {
					t.Errorf("slot %d, locked between: %s: %02X answered %v, want %v", tt.slot, name, c.INS, r.SW, want)
				}
			}
		}
	}
}

// A hostile phone cannot have a lock noted that the element did not make: it drops
// the command and says that it succeeded, that it was refused, or that there is
// nothing.
func TestLockHostileAnswers(t *testing.T) {
	t.Parallel()
	counts := 0
	for _, slot := range []uint64{1, gp.PhonePlace} {
		counts += hostileToLock(t, slot)
	}
	t.Logf("E2: answers to a lock made up: %d; none is noted as a lock", counts)
}

func hostileToLock(t *testing.T, slot uint64) (counts int) {
	full, _ := filled(t, slot)
	start := full.image()
	for _, ins := range []byte{0xF0, 0xF2} {
		for _, fake := range [][]byte{{0x90, 0x00}, {0x6A, 0x88}, {0x69, 0x85}, {0x6A, 0x80}} {
			t.Run(fmt.Sprintf("slot %d, %02X answered %X", slot, ins, fake), func(t *testing.T) {
				w := start.world(t)
				order := w.order(provisioning.OrderLock, slot)
				w.submitted(order)
				a := w.agent()
				w.element.Reset()
				inner := a.SE
				a.SE = transmit(func(ctx context.Context, command []byte) ([]byte, error) {
					if command[1] == ins {
						return fake, nil
					}
					return inner.Transmit(ctx, command)
				})
				_, err := a.Run(t.Context())
				check(t, err)
				if j := w.job(order); j.State != store.Queued || j.Cursor != store.Ordered {
					t.Fatalf("lock is %v at %v", j.State, j.Cursor)
				}
				w.element.Reset()
				_, err = w.contact()
				check(t, err)
				if j := w.job(order); j.State != store.Done {
					t.Errorf("lock is %v (%s) after an honest contact", j.State, j.Reason)
				}
				w.lockedSlots(byte(slot))
				counts++
			})
		}
	}
	return counts
}

// An element that lists nothing to lock holds no other job up for longer than any job is
// tried; the lock stays, is tried first each time, and is made once there is something.
func TestLockOfNothing(t *testing.T) {
	t.Parallel()
	for _, slot := range []uint64{0, 1} {
		t.Run(fmt.Sprintf("slot %d", slot), func(t *testing.T) {
			w := newWorld(t)
			lock := w.order(provisioning.OrderLock, slot)
			w.submitted(lock)
			order := w.provision(1)
			contacts := 0
			for ; w.job(order).State != store.Done && contacts < 30; contacts++ {
				_, err := w.contact()
				check(t, err)
			}
			if j := w.job(lock); j.State != store.Queued || j.Reason != "nothing_found" || contacts > 12 {
				t.Errorf("lock is %v (%s) after %d contacts", j.State, j.Reason, contacts)
			}
			_, err := w.contact()
			check(t, err)
			if j := w.job(lock); j.State != store.Done || j.Reason != "" {
				t.Errorf("lock is %v (%s) when there is something", j.State, j.Reason)
			}
			w.lockedSlots(1)
		})
	}
}

// Whoever stands in the phone's place says as often as he likes that there is nothing to
// lock: the first contact that shows the element's listing locks it, without an operator.
func TestE2LockTalkedAway(t *testing.T) {
	t.Parallel()
	const lies = 30
	for _, slot := range []uint64{0, 1, gp.PhonePlace} {
		w, _ := filled(t, 1, gp.PhonePlace)
		order := w.order(provisioning.OrderLock, slot)
		w.submitted(order)
		for range lies {
			if w.hiding(func(int) bool { return true }) == 0 {
				t.Fatal("the lock was not tried")
			}
		}
		if j := w.job(order); j.State != store.Queued {
			t.Fatalf("lock of slot %d is %v (%s) after %d made-up answers", slot, j.State, j.Reason, lies)
		}
		_, err := w.contact()
		check(t, err)
		want := []byte{byte(slot)}
		if slot == 0 {
			want = []byte{1, gp.PhonePlace}
		}
		if s := w.job(order).State; s != store.Done {
			t.Errorf("lock of slot %d is %v after an honest contact", slot, s)
		}
		w.lockedSlots(want...)
	}
	t.Logf("E2: sessions in which a phone says that there is nothing to lock: %d; the lock is made in the next one", 3*lies)
}
