package tsm_test

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"mobileid/mdoc/apdu"
	"mobileid/mdoc/provisioning"
	"mobileid/tsm/store"
)

// picky is an issuer that answers the receipts of some places with an error, and counts how often it is asked for each.
type picky struct {
	*issuer
	no    map[byte]error
	asked map[byte]int
	taken map[byte]int
	hangs []byte // for which no answer comes at all

	late      bool               // the answer to an attestation takes all the time
	never     bool               // and does not come then either
	meanwhile func(asked string) // what happens while it answers; may be nil
}

func (p *picky) Attested(ctx context.Context, raw []byte) ([]byte, error) {
	sealed, err := p.issuer.Attested(ctx, raw)
	if p.late {
		<-ctx.Done()
		if p.never {
			return nil, ctx.Err()
		}
		return sealed, err
	}
	if p.meanwhile != nil {
		p.meanwhile("attestation")
	}
	return sealed, errors.Join(err, ctx.Err())
}

func (p *picky) Receipt(ctx context.Context, raw []byte) error {
	receipt, err := provisioning.ParseReceipt(raw)
	if err != nil {
		return err
	}
	at := place(receipt.Claimed())
	p.asked[at]++
	if p.meanwhile != nil {
		p.meanwhile("receipt")
	}
	if slices.Contains(p.hangs, at) {
		<-ctx.Done()
		return ctx.Err()
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := p.no[at]; err != nil {
		return err
	}
	if err := p.issuer.Receipt(ctx, raw); err != nil {
		return err
	}
	p.taken[at]++
	return nil
}

// choosy puts a picky issuer behind a world's service.
func (w *world) choosy(no map[byte]error) *picky {
	p := &picky{issuer: w.issuer, no: no, asked: map[byte]int{}, taken: map[byte]int{}}
	w.port = p
	w.restart()
	return p
}

var errBusy = errors.New("problem 503 overloaded")

// A refusal and a temporary failure in one wipe: each receipt goes its own way, and none waits for one before it.
func TestWipeReceiptsGoTheirOwnWay(t *testing.T) {
	t.Parallel()
	w, _ := filled(t, 1, 2, 3)
	fault := errors.New("problem 500 internal_error")
	port := w.choosy(map[byte]error{1: fault, 2: errUnknownOrder})
	order := w.wipe(0)
	_, err := w.contact()
	check(t, err)
	id := w.job(order).OrderID
	stands := func(state store.State, taken ...byte) {
		t.Helper()
		slots, _ := w.issuer.wiped(id)
		if j := w.jobOf(id); j.State != state || !bytes.Equal(slots, taken) {
			t.Errorf("wipe is %v, issuer has receipts for slots %v", j.State, slots)
		}
	}
	stands(store.Queued, 3)
	for range 2 {
		port.asked = map[byte]int{}
		if err := w.service.Sweep(t.Context()); !errors.Is(err, fault) || port.asked[1] != 1 {
			t.Errorf("sweep says %v, offered %v", err, port.asked)
		}
		stands(store.Queued, 3)
	}
	delete(port.no, 1)
	check(t, w.service.Sweep(t.Context()))
	stands(store.Refused, 1, 3)
	if port.asked[1] != 2 || port.asked[2] != 0 || port.asked[3] != 0 {
		t.Errorf("receipts offered again: %v", port.asked)
	}
}

// Of a round in which some receipts were taken and one was not, Sweep says so.
func TestWipeReceiptsInPart(t *testing.T) {
	t.Parallel()
	w, _ := filled(t, 1, 2, 3, 4)
	fault := errors.New("problem 500 internal_error")
	port := w.choosy(map[byte]error{1: fault, 2: fault, 3: fault, 4: fault})
	order := w.wipe(0)
	_, err := w.contact()
	check(t, err)
	port.no = map[byte]error{1: fault, 3: fault} // each has one behind it, wherever the round begins
	if err := w.service.Sweep(t.Context()); !errors.Is(err, fault) {
		t.Errorf("sweep says %v", err)
	}
	if slots, _ := w.issuer.wiped(w.job(order).OrderID); !bytes.Equal(slots, []byte{2, 4}) {
		t.Errorf("issuer has receipts for slots %v", slots)
	}
}

// An issuer that does not answer at all is not asked for each receipt of a wipe: the time is for the round. One that takes all the time over one receipt
// gets the others all the same, each once: what it took is noted though the time is over.
func TestWipeReceiptsShareTheTime(t *testing.T) {
	t.Parallel()
	w, _ := filled(t, 1, 2, 3)
	port := w.choosy(map[byte]error{1: errBusy, 2: errBusy, 3: errBusy})
	order := w.wipe(0)
	_, err := w.contact()
	check(t, err)
	w.within = 20 * time.Millisecond
	w.restart()
	clear(port.no)
	sweep := func(hangs ...byte) {
		t.Helper()
		port.hangs = hangs
		if err := w.service.Sweep(t.Context()); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("sweep says %v", err)
		}
	}
	clear(port.asked)
	sweep(1, 2, 3)
	if port.asked[1]+port.asked[2]+port.asked[3] > 1 {
		t.Errorf("offered in one round: %v", port.asked)
	}
	clear(port.asked)
	for rounds := 0; port.taken[1] == 0 || port.taken[3] == 0; rounds++ {
		if sweep(2); rounds > 100 {
			t.Fatalf("offered in 100 rounds: %v", port.asked)
		}
	}
	port.hangs, w.within = nil, 0
	w.restart()
	check(t, w.service.Sweep(t.Context()))
	w.emptied(order, []byte{1, 2, 3}, nil)
	if port.taken[1] != 1 || port.taken[3] != 1 {
		t.Errorf("taken %v", port.taken)
	}
	if log := w.logged.String(); !strings.Contains(log, `"offered":false`) || !strings.Contains(log, `"offered":true`) {
		t.Errorf("the log says\n%s", log)
	}
}

// wipedInPart is a wipe of which all receipts are owed, its phone gone before DELETE.
func wipedInPart(t *testing.T, slots ...uint64) (*world, *picky, []byte) {
	t.Helper()
	w, _ := filled(t, slots...)
	port := w.choosy(map[byte]error{})
	for _, slot := range slots {
		port.no[byte(slot)] = errBusy
	}
	order := w.wipe(0)
	check(t, w.through(func(ctx context.Context, command []byte, next apdu.Transmitter) ([]byte, error) {
		if command[1] == insDelete {
			return nil, nil
		}
		return next.Transmit(ctx, command)
	}))
	clear(port.no)
	clear(port.asked)
	return w, port, order
}

// The phone comes back while Sweep hands its receipts over: each is offered once, what became of it is noted whoever wrote to the job meanwhile, and the
// wipe goes on.
func TestSweepMeetsContact(t *testing.T) {
	t.Parallel()
	w, port, order := wipedInPart(t, 1, 2, 3)
	contacts := 0
	port.meanwhile = func(string) {
		if contacts++; contacts == 1 {
			_, err := w.contact()
			check(t, err)
		}
	}
	check(t, w.service.Sweep(t.Context()))
	if port.asked[1] != 1 || port.asked[2] != 1 || port.asked[3] != 1 {
		t.Errorf("offered %v", port.asked)
	}
	_, err := w.contact()
	check(t, err)
	w.emptied(order, []byte{1, 2, 3}, nil)
}

// The same where the issuer refuses one and fails on another: the refusal is noted, the failure told.
func TestSweepMeetsContactInPart(t *testing.T) {
	t.Parallel()
	w, port, order := wipedInPart(t, 1, 2, 3)
	port.no[1], port.no[2] = errUnknownOrder, errBusy
	contacts := 0
	port.meanwhile = func(string) {
		if contacts++; contacts == 1 {
			_, err := w.contact()
			check(t, err)
		}
	}
	if err := w.service.Sweep(t.Context()); !errors.Is(err, errBusy) {
		t.Errorf("sweep says %v", err)
	}
	_, err := w.contact()
	check(t, err)
	delete(port.no, 2)
	check(t, w.service.Sweep(t.Context()))
	if j := w.job(order); j.State != store.Refused || port.asked[1] != 1 || port.taken[2] != 1 || port.taken[3] != 1 {
		t.Errorf("wipe is %v, offered %v, taken %v", j.State, port.asked, port.taken)
	}
}

// Two sweeps at once: what one delivered the other does not offer again, though it had read the job before.
func TestSweepsMeet(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	port := w.choosy(map[byte]error{1: errBusy, 2: errBusy, 3: errBusy})
	for slot := range uint64(3) {
		w.provision(slot + 1)
	}
	_, err := w.contact()
	check(t, err)
	clear(port.no)
	clear(port.asked)
	begun := false
	port.meanwhile = func(string) {
		if !begun {
			begun = true
			check(t, w.service.Sweep(t.Context()))
		}
	}
	check(t, w.service.Sweep(t.Context()))
	if port.asked[1] != 1 || port.asked[2] != 1 || port.asked[3] != 1 {
		t.Errorf("offered %v", port.asked)
	}
}

// Of a receipt that the store does not take the mark, Sweep says so, and offers it again.
func TestDeliveryNotNoted(t *testing.T) {
	t.Parallel()
	w, port, order := wipedInPart(t, 1)
	full := errors.New("no space left")
	w.wrap = func(s store.Store) store.Store { return failing{s, full} }
	w.restart()
	if err := w.service.Sweep(t.Context()); !errors.Is(err, full) {
		t.Errorf("sweep says %v", err)
	}
	w.wrap = nil
	w.restart()
	check(t, w.service.Sweep(t.Context()))
	_, err := w.contact()
	check(t, err)
	if w.emptied(order, []byte{1}, nil); port.asked[1] != 2 {
		t.Errorf("offered %v", port.asked)
	}
}

// failing is a store that takes no change of a job.
type failing struct {
	store.Store
	err error
}

// An issuer that takes all the time for an attestation is waited for no longer, and an answer that comes with the end of it is noted.
func TestAttestationTakesItsTime(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]store.Cursor{"answers at the end": store.Sealed, "never": store.Attested} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.within = 20 * time.Millisecond
			port := w.choosy(nil)
			port.late, port.never = true, want == store.Attested
			order := w.provision(1)
			_, err := w.contact()
			check(t, err)
			if j := w.job(order); j.Cursor < want || port.never && j.Cursor != want {
				t.Errorf("provisioning is %v at %v, want %v", j.State, j.Cursor, want)
			}
		})
	}
}

// A phone that hangs up while the issuer is asked does not keep the answer from being noted.
func TestPhoneHangsUpMeanwhile(t *testing.T) {
	t.Parallel()
	for asked, want := range map[string]store.Job{"attestation": {State: store.Queued, Cursor: store.Sealed}, "receipt": {State: store.Done, Cursor: store.Committed}} {
		t.Run(asked, func(t *testing.T) {
			w := newWorld(t)
			port := w.choosy(nil)
			order := w.provision(1)
			ctx, hangUp := context.WithCancel(t.Context())
			port.meanwhile = func(what string) {
				if what == asked {
					hangUp()
				}
			}
			a, next := w.agent(), w.agent().SE
			a.SE = transmit(func(_ context.Context, command []byte) ([]byte, error) {
				if err := ctx.Err(); err != nil {
					return nil, err
				}
				return next.Transmit(t.Context(), command)
			})
			w.element.Reset()
			if _, err := a.Run(ctx); err != nil && !errors.Is(err, context.Canceled) {
				t.Error(err)
			}
			if j := w.job(order); j.State != want.State || j.Cursor != want.Cursor {
				t.Errorf("provisioning is %v at %v", j.State, j.Cursor)
			}
		})
	}
}

// A receipt on which the issuer fails each time keeps no other from it: not one behind it, and not one before it that came later.
func TestSweepGoesPastAFailure(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	fault := errors.New("problem 500 internal_error")
	port := w.choosy(map[byte]error{1: fault, 2: fault, 3: fault})
	for slot := range uint64(3) {
		w.provision(slot + 1)
	}
	_, err := w.contact()
	check(t, err)
	owing, err := w.store.Owing(t.Context(), "", 10)
	if err != nil || len(owing) != 3 {
		t.Fatalf("%d jobs owe a receipt, %v", len(owing), err)
	}
	first, last := owing[0], owing[2]
	sweep := func(want error) {
		t.Helper()
		if err := w.service.Sweep(t.Context()); !errors.Is(err, want) {
			t.Errorf("sweep says %v, want %v", err, want)
		}
	}
	delete(port.no, last.Slot)
	for range 3 { // one for each of those before it
		sweep(fault)
	}
	if j := w.jobOf(last.OrderID); j.State != store.Done {
		t.Errorf("the receipt behind the others is not delivered, the job is %v", j.State)
	}
	delete(port.no, first.Slot)
	for range 2 {
		sweep(fault)
	}
	if j := w.jobOf(first.OrderID); j.State != store.Done {
		t.Errorf("the receipt before the other is not delivered, the job is %v", j.State)
	}
	port.no = nil
	sweep(nil)
	if left, err := w.store.Owing(t.Context(), "", 10); err != nil || len(left) != 0 {
		t.Errorf("%d jobs owe a receipt, %v", len(left), err)
	}
}
