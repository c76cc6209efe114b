package tsm_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"testing"
	"time"

	"mobileid/mdoc/apdu"
	"mobileid/mdoc/cbor"
	"mobileid/mdoc/provisioning"
	"mobileid/tsm/store"
)

var errCut = errors.New("link cut")

// settle lets the phone come by until the job is over, and checks that the end
// is that of the unbroken run: one credential, the one that was sealed, one
// signature of the issuer, its receipt at the issuer, nothing left to do.
func (w *world) settle(order []byte) {
	w.t.Helper()
	for range 3 {
		if w.job(order).State == store.Done {
			break
		}
		if _, err := w.contact(); err != nil {
			w.t.Fatalf("coming by again: %v", err)
		}
	}
	check(w.t, w.service.Sweep(w.t.Context()))
	job := w.job(order)
	if job.State != store.Done || job.Cursor != store.Committed || job.Owes() || len(job.Sealed) > 0 {
		w.t.Fatalf("job ends %v at %v (%s)", job.State, job.Cursor, job.Reason)
	}
	w.issuer.committed(w.t, job.OrderID)
	counters := map[string]uint64{}
	for _, r := range w.issuer.receipts {
		if c, seen := counters[string(r.OrderID)]; seen && c != r.Counter {
			w.t.Errorf("the element signed receipts %d and %d: it did its work more than once", c, r.Counter)
		}
		counters[string(r.OrderID)] = r.Counter
	}
	for _, c := range counters {
		if c > uint64(len(counters)) {
			w.t.Errorf("receipt number %d of %d orders", c, len(counters))
		}
	}
	w.setPIN(job.Slot)
	w.holds(job.Slot, order)
	before := len(w.exchanges)
	_, err := w.contact()
	check(w.t, err)
	if len(w.exchanges) != before {
		w.t.Errorf("a settled order was run again")
	}
}

// cutter loses a request on its way, or the answer to it on the way back.
type cutter struct {
	next    http.RoundTripper
	at      int
	answers bool
	seen    int
}

func (c *cutter) RoundTrip(req *http.Request) (*http.Response, error) {
	c.seen++
	if c.seen != c.at {
		return c.next.RoundTrip(req)
	}
	if c.answers {
		if _, err := c.next.RoundTrip(req); err != nil {
			return nil, err
		}
	}
	return nil, errCut
}

// The phone repeats a report whose answer was lost: the same order comes again,
// and the run goes on in the same session.
func TestPhoneRepeatsReport(t *testing.T) {
	t.Parallel()
	for at := 3; at <= 6; at++ {
		t.Run(fmt.Sprintf("round trip %d", at), func(t *testing.T) {
			w := newWorld(t)
			order := w.provision(2)
			a := w.agent()
			a.Client.Transport = &repeater{next: direct{w}, at: at}
			res, err := a.Run(t.Context())
			check(t, err)
			if res.RoundTrips != 6 || w.job(order).State != store.Done {
				t.Errorf("job is %v after %d answered round trips", w.job(order).State, res.RoundTrips)
			}
			w.settle(order)
		})
	}
}

// repeater sends one request twice and keeps the second answer.
type repeater struct {
	next     http.RoundTripper
	at, seen int
}

func (r *repeater) RoundTrip(req *http.Request) (*http.Response, error) {
	r.seen++
	if r.seen == r.at {
		first := req.Clone(req.Context())
		first.Body, _ = req.GetBody()
		if _, err := r.next.RoundTrip(first); err != nil {
			return nil, err
		}
	}
	return r.next.RoundTrip(req)
}

// faulty is a store whose process dies at one write: before the write reached
// the disk, or after it did but before the caller heard of it. From then on
// every call fails, as it would without a process.
type faulty struct {
	store.Store
	at, writes int
	after      bool
	dead       bool
}

var errDead = errors.New("process is gone")

// write counts a write and tells whether it is done and whether it is heard of.
func (f *faulty) write() (carryOut, hear bool) {
	if f.dead {
		return false, false
	}
	f.writes++
	if f.writes == f.at {
		f.dead = true
		return f.after, false
	}
	return true, true
}

func (f *faulty) Enqueue(ctx context.Context, job store.Job) (store.Job, error) {
	do, hear := f.write()
	if !do {
		return store.Job{}, errDead
	}
	job, err := f.Store.Enqueue(ctx, job)
	if !hear {
		return store.Job{}, errDead
	}
	return job, err
}

func (f *faulty) Advance(ctx context.Context, job store.Job) (store.Job, error) {
	do, hear := f.write()
	if !do {
		return store.Job{}, errDead
	}
	job, err := f.Store.Advance(ctx, job)
	if !hear {
		return store.Job{}, errDead
	}
	return job, err
}

func (f *faulty) SetKeyVersion(ctx context.Context, seID string, version byte) error {
	do, hear := f.write()
	if !do {
		return errDead
	}
	err := f.Store.SetKeyVersion(ctx, seID, version)
	if !hear {
		return errDead
	}
	return err
}

func (f *faulty) Next(ctx context.Context, seID string, except ...string) (store.Job, error) {
	if f.dead {
		return store.Job{}, errDead
	}
	return f.Store.Next(ctx, seID, except...)
}

// useStore puts f between the service and the store it has open, until restart.
func (w *world) useStore(f *faulty) {
	w.t.Helper()
	w.wrap = func(s store.Store) store.Store { f.Store = s; return f }
	w.restart()
	w.wrap = nil
}

// A job is not run past its order's end, wherever it stands, and its cipher text
// goes.
func TestOrderEndsHalfWay(t *testing.T) {
	t.Parallel()
	for _, sweep := range []bool{false, true} {
		t.Run(fmt.Sprintf("swept %v", sweep), func(t *testing.T) {
			w := newWorld(t)
			order := w.provision(2)
			a := w.agent()
			a.Client.Transport = &cutter{next: direct{w}, at: 5, answers: true}
			if _, err := a.Run(t.Context()); !errors.Is(err, errCut) {
				t.Fatal(err)
			}
			if w.job(order).Cursor != store.Sealed {
				t.Fatalf("job is at %v", w.job(order).Cursor)
			}
			w.pass(time.Hour + time.Second)
			if sweep {
				check(t, w.service.Sweep(t.Context()))
			}
			before := len(w.exchanges)
			_, err := w.contact()
			check(t, err)
			if j := w.job(order); j.State != store.Expired || len(j.Sealed) > 0 || len(w.exchanges) != before {
				t.Errorf("job is %v with %d sealed bytes after %d more APDUs", j.State, len(j.Sealed), len(w.exchanges)-before)
			}
		})
	}
}

// The end passes while the element works: what it did is filed all the same.
func TestReceiptAfterTheEnd(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	order := w.order(provisioning.OrderProvision, 2, func(o *provisioning.Order) {
		o.NotAfter = cbor.NewTDate(w.now.Add(2 * time.Minute))
	})
	w.submit(order)
	a, passed := w.agent(), false
	inner := a.SE
	a.SE = transmit(func(ctx context.Context, command []byte) ([]byte, error) {
		if !passed && w.job(order).Cursor == store.Sealed {
			passed = true
			w.pass(3 * time.Minute)
			check(t, w.service.Sweep(ctx))
		}
		return inner.Transmit(ctx, command)
	})
	_, err := a.Run(t.Context())
	check(t, err)
	job := w.job(order)
	if !passed || job.State != store.Expired || job.Cursor != store.Committed || job.Owes() {
		t.Errorf("job is %v at %v", job.State, job.Cursor)
	}
	w.issuer.committed(t, job.OrderID)
}

type transmit func(ctx context.Context, command []byte) ([]byte, error)

func (f transmit) Transmit(ctx context.Context, command []byte) ([]byte, error) {
	return f(ctx, command)
}

var _ apdu.Transmitter = transmit(nil)
