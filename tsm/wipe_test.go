package tsm_test

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"testing"
	"time"

	"mobileid/mdoc/apdu"
	"mobileid/mdoc/provisioning"
	"mobileid/tsm"
	"mobileid/tsm/applet"
	"mobileid/tsm/diversify"
	"mobileid/tsm/gp"
	"mobileid/tsm/scp03"
	"mobileid/tsm/se/setest"
	"mobileid/tsm/seram"
	"mobileid/tsm/store"
)

// filled is a world whose element holds credentials in the slots given.
func filled(t *testing.T, slots ...uint64) (*world, [][]byte) {
	t.Helper()
	w := newWorld(t)
	var orders [][]byte
	for _, s := range slots {
		orders = append(orders, w.provision(s))
	}
	_, err := w.contact()
	check(t, err)
	for _, o := range orders {
		if w.job(o).State != store.Done {
			t.Fatal("the element could not be filled")
		}
	}
	w.exchanges = nil
	return w, orders
}

func (w *world) wipe(slot uint64) []byte {
	w.t.Helper()
	order := w.order(provisioning.OrderWipe, slot)
	if code := w.submit(order); code != http.StatusAccepted {
		w.t.Fatalf("order answered %d", code)
	}
	return order
}

// instances asks the element itself, over a session of the test's own, which
// slots it has.
func (w *world) instances() []byte {
	w.t.Helper()
	ctx := w.t.Context()
	w.element.Reset()
	host, err := scp03.NewHost(w.factoryKeys(), nil)
	check(w.t, err)
	r, err := apdu.Exchange(ctx, w.element, host.InitializeUpdate())
	check(w.t, err)
	external, s, err := host.Authenticate(r, scp03.Full)
	check(w.t, err)
	r, err = apdu.Exchange(ctx, w.element, external)
	check(w.t, err)
	check(w.t, s.Opened(r))
	var pages gp.Pages
	for next, more := false, true; more; next = true {
		c, ticket, err := s.Wrap(gp.GetStatus{Scope: gp.ScopeApplications, Next: next}.Command())
		check(w.t, err)
		r, err := apdu.Exchange(ctx, w.element, c)
		check(w.t, err)
		r, err = s.Unwrap(ticket, r)
		check(w.t, err)
		more, err = pages.Add(r)
		check(w.t, err)
	}
	entries, err := pages.Entries()
	check(w.t, err)
	var slots []byte
	for _, e := range entries {
		if slot, ok := e.AID.Slot(); ok {
			slots = append(slots, slot)
		}
	}
	slices.Sort(slots)
	return slots
}

// wiped gives the slots the issuer has wipe receipts for, and their counters.
func (i *issuer) wiped(id string) (slots []byte, counters []uint64) {
	for _, r := range i.receipts {
		if r.Kind == provisioning.ReceiptWiped && hex.EncodeToString(r.OrderID) == id && !slices.Contains(slots, place(r)) {
			slots = append(slots, place(r))
			counters = append(counters, r.Counter)
		}
	}
	slices.Sort(slots)
	return slots, counters
}

// place is where a receipt says it was signed.
func place(r provisioning.Receipt) byte {
	if r.Application == provisioning.ApplicationPhoneCertificates {
		return gp.PhonePlace
	}
	return byte(r.Slot)
}

// emptied checks the end of a wipe of the slots given, with others left alone.
func (w *world) emptied(order []byte, wiped, left []byte) {
	w.t.Helper()
	job := w.job(order)
	if job.State != store.Done || job.Cursor != store.Cleared || job.Owes() {
		w.t.Errorf("wipe is %v at %v (%s)", job.State, job.Cursor, job.Reason)
	}
	slots, counters := w.issuer.wiped(job.OrderID)
	if !bytes.Equal(slots, wiped) {
		w.t.Errorf("issuer has receipts for slots %v, want %v", slots, wiped)
	}
	slices.Sort(counters)
	if len(slices.Compact(counters)) != len(wiped) {
		w.t.Errorf("receipt counters %v", counters)
	}
	if got := w.instances(); !bytes.Equal(got, left) {
		w.t.Errorf("element holds slots %v, want %v", got, left)
	}
}

func TestWipe(t *testing.T) {
	t.Parallel()
	all := []uint64{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}
	for _, tt := range []struct {
		name        string
		slots       []uint64
		slot        uint64
		wiped, left []byte
	}{
		{"one of one", []uint64{4}, 0, []byte{4}, nil},
		{"all of three", []uint64{1, 7, 15}, 0, []byte{1, 7, 15}, nil},
		{"all with phone certificates", []uint64{1, gp.PhonePlace}, 0, []byte{1, gp.PhonePlace}, nil},
		{"phone certificates", []uint64{1, gp.PhonePlace}, gp.PhonePlace, []byte{gp.PhonePlace}, []byte{1}},
		{"one of three", []uint64{1, 7, 15}, 7, []byte{7}, []byte{1, 15}},
		{"all of fifteen", all, 0, []byte{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w, _ := filled(t, tt.slots...)
			order := w.wipe(tt.slot)
			_, err := w.contact()
			check(t, err)
			w.onlyShortAndSecured()
			w.emptied(order, tt.wiped, tt.left)
			if tt.wiped[0] != gp.PhonePlace {
				if _, err := applet.NewClient(w.element, tt.wiped[0]).Info(t.Context()); !errors.Is(err, applet.ErrEmpty) {
					t.Errorf("the slot still answers: %v", err)
				}
			}
			before := len(w.exchanges)
			_, err = w.contact()
			check(t, err)
			if len(w.exchanges) != before {
				t.Error("the wipe was run again")
			}
		})
	}
}

// Fill, wipe, fill again: the next owner starts with a clean slot.
func TestProvisionAfterWipe(t *testing.T) {
	t.Parallel()
	w, _ := filled(t, 1)
	w.setPIN(1)
	wipe := w.wipe(0)
	next := w.provision(1)
	_, err := w.contact()
	check(t, err)
	if w.job(wipe).State != store.Done {
		t.Errorf("wipe is %v", w.job(wipe).State)
	}
	w.settle(next) // sets a PIN, which only works where there is none
}

// A wipe of what another wipe has emptied comes to its end, with a receipt of its own, and the next owner's credential reaches
// the element in the same contact: the desk has the phone certificates wiped, and a handover everything.
func TestWipeOfWhatWasWiped(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		filled []uint64
		wipes  []uint64
		wiped  [][]byte // by wipe, the places there are receipts for
	}{
		{"phone certificates, everything", []uint64{gp.PhonePlace}, []uint64{gp.PhonePlace, 0}, [][]byte{{gp.PhonePlace}, {1}}},
		{"phone certificates, the rest", []uint64{2, gp.PhonePlace}, []uint64{gp.PhonePlace, 0}, [][]byte{{gp.PhonePlace}, {2}}},
		{"everything, phone certificates", []uint64{2, gp.PhonePlace}, []uint64{0, gp.PhonePlace}, [][]byte{{2, gp.PhonePlace}, {gp.PhonePlace}}},
		{"one slot twice", []uint64{7}, []uint64{7, 7}, [][]byte{{7}, {7}}},
		{"everything twice", []uint64{1, 7}, []uint64{0, 0}, [][]byte{{1, 7}, {1}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w, _ := filled(t, tt.filled...)
			var wipes [][]byte
			for _, slot := range tt.wipes {
				wipes = append(wipes, w.wipe(slot))
			}
			next := w.provision(1)
			_, err := w.contact()
			check(t, err)
			for i, wipe := range wipes {
				w.emptied(wipe, tt.wiped[i], []byte{1})
			}
			w.issuer.committed(t, w.job(next).OrderID)
			w.setPIN(1)
			w.holds(1, next)
			before := len(w.exchanges)
			_, err = w.contact()
			check(t, err)
			if len(w.exchanges) != before || !bytes.Equal(w.instances(), []byte{1}) {
				t.Error("a wipe was run again")
			}
		})
	}
}

// A wipe comes in while a provisioning is queued, or in the middle of its run:
// the provisioning is cancelled, and in the same contact the wipe is run.
func TestWipeOvertakes(t *testing.T) {
	t.Parallel()
	t.Run("queued", func(t *testing.T) {
		w, _ := filled(t, 1)
		queued := w.provision(2)
		wipe := w.wipe(0)
		_, err := w.contact()
		check(t, err)
		if s := w.job(queued).State; s != store.Cancelled {
			t.Errorf("provisioning is %v", s)
		}
		w.emptied(wipe, []byte{1}, nil)
	})
	for report := 1; report <= 3; report++ {
		t.Run(fmt.Sprintf("before report %d", report), func(t *testing.T) {
			w, _ := filled(t, 1)
			running := w.provision(2)
			id, at := w.reach(report)
			wipe := w.wipe(0)
			for range 16 {
				var err error
				at, err = w.step(id, at, nil)
				check(t, err)
				if stops(at) {
					break
				}
			}
			if !stops(at) {
				t.Fatal("no end")
			}
			if s := w.job(running).State; s != store.Cancelled {
				t.Errorf("provisioning is %v", s)
			}
			want := []byte{1, 2}
			if report == 1 {
				want = []byte{1} // the instance was not installed yet
			}
			w.emptied(wipe, want, nil)
		})
	}
}

// An instance that is there behind its DELETE is not taken as deleted: the wipe goes on.
func TestWipeLooksAfterDelete(t *testing.T) {
	t.Parallel()
	w, _ := filled(t, 1)
	order := w.wipe(0)
	keys, err := diversify.KDF3(w.t.Context(), diversify.Memory(w.master), w.seID, tsm.MasterKeySize, 0x30)
	check(t, err)
	a := w.agent()
	w.element.Reset()
	inner := a.SE
	a.SE = transmit(func(ctx context.Context, command []byte) ([]byte, error) {
		r, err := inner.Transmit(ctx, command)
		if err == nil && command[1] == 0xE4 { // somebody puts it back, on a channel of his own
			h, err := setest.Open(ctx, setest.Channel{Transmitter: w.element, Number: 1}, keys)
			check(t, err)
			check(t, h.Install(ctx, applet.Kind(), []byte(gp.Instance(1))))
		}
		return r, err
	})
	_, err = a.Run(t.Context())
	check(t, err)
	if j := w.job(order); j.State != store.Queued || j.Cursor != store.Wiped || j.Attempts != 1 {
		t.Fatalf("wipe is %v at %v after %d attempts", j.State, j.Cursor, j.Attempts)
	}
	_, err = w.contact()
	check(t, err)
	w.emptied(order, []byte{1}, nil)
}

// What others have in the element is listed too, and left alone.
func TestWipeBesideOthers(t *testing.T) {
	t.Parallel()
	w, _ := filled(t, 1, gp.PhonePlace)
	domain := gp.AID("\xF0domain")
	w.another(domain)
	order := w.wipe(0)
	_, err := w.contact()
	check(t, err)
	w.emptied(order, []byte{1, gp.PhonePlace}, nil)
	w.element.Reset()
	r, err := apdu.Exchange(t.Context(), w.element, gp.Select(domain))
	check(t, err)
	check(t, r.Err())
}

// A hostile phone at each report of a wipe: every answer replaced, one at a
// time, by a success without R-MAC and by a refusal.
func TestWipeHostileAnswers(t *testing.T) {
	t.Parallel()
	full, _ := filled(t, 1, gp.PhonePlace)
	start := full.image()
	for report := 2; report <= 4; report++ {
		for _, fake := range [][]byte{{0x90, 0x00}, {0x6A, 0x80}, nil} {
			t.Run(fmt.Sprintf("report %d, %X", report, fake), func(t *testing.T) {
				w := start.world(t)
				order := w.wipe(0)
				id, at := w.reach(report)
				next, err := w.step(id, at, func(in []seram.APDU) []seram.APDU {
					in[len(in)-1] = fake
					return in
				})
				if err != nil || !stops(next) {
					t.Fatalf("%v %v", next, err)
				}
				if w.job(order).State != store.Queued {
					t.Fatalf("wipe is %v", w.job(order).State)
				}
				_, err = w.contact()
				check(t, err)
				check(t, w.service.Sweep(t.Context()))
				w.emptied(order, []byte{1, gp.PhonePlace}, nil)
			})
		}
	}
}

// A wipe that broke off between two slots tells the issuer nothing yet: the
// issuer gets the receipts of a listing together.
func TestHalfWipedIsNotReported(t *testing.T) {
	t.Parallel()
	w, _ := filled(t, 1, 2)
	order := w.wipe(0)
	id, at := w.reach(3) // the answers to personalize, wipe, personalize, wipe are due
	next, err := w.step(id, at, func(in []seram.APDU) []seram.APDU { return in[:2] })
	if err != nil || !stops(next) {
		t.Fatal(err)
	}
	check(t, w.service.Sweep(t.Context()))
	if j := w.job(order); len(j.Receipts) != 1 || j.Cursor != store.Ordered {
		t.Fatalf("%d receipts filed, job at %v", len(j.Receipts), j.Cursor)
	}
	if slots, _ := w.issuer.wiped(w.job(order).OrderID); len(slots) != 0 {
		t.Errorf("issuer was told that slots %v are wiped", slots)
	}
	_, err = w.contact()
	check(t, err)
	w.emptied(order, []byte{1, 2}, nil)
}

// The end passes while the element is being wiped: the receipts still go out.
func TestWipeReceiptsAfterTheEnd(t *testing.T) {
	t.Parallel()
	w, _ := filled(t, 1)
	order := w.wipe(0)
	id, at := w.reach(3)
	for range 40 { // two hours pass without a session running out
		w.pass(3 * time.Minute)
		_, err := w.service.Handshake(t.Context(), id, seram.HandshakeCommand{})
		check(t, err)
	}
	check(t, w.service.Sweep(t.Context()))
	next, err := w.step(id, at, nil)
	if err != nil || !stops(next) {
		t.Fatalf("%v", err)
	}
	job := w.job(order)
	if slots, _ := w.issuer.wiped(job.OrderID); job.State != store.Expired || !bytes.Equal(slots, []byte{1}) {
		t.Errorf("wipe is %v, issuer has receipts for %v", job.State, slots)
	}
}

// Phones are not authenticated: whoever knows an element's id may answer in its name. That never stops a wipe: the honest
// contact after any number of made-up answers empties the element, without an operator's help.
func TestStrangerCannotStopAWipe(t *testing.T) {
	t.Parallel()
	w, _ := filled(t, 4)
	order := w.wipe(0)
	made := 0
	for range 20 {
		id := w.session()
		at, err := w.service.Report(t.Context(), id, polling())
		check(t, err)
		if stops(at) {
			continue
		}
		made++
		_, err = w.step(id, at, func(in []seram.APDU) []seram.APDU { in[1][28] ^= 1; return in })
		check(t, err)
	}
	if made != 20 {
		t.Errorf("only %d of 20 strangers were let try: the wipe was held up", made)
	}
	_, err := w.contact()
	check(t, err)
	w.emptied(order, []byte{4}, nil)
}
