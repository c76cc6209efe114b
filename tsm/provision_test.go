package tsm_test

import (
	"context"
	"errors"
	"net/http"
	"testing"

	"mobileid/mdoc/apdu"
	"mobileid/mdoc/provisioning"
	"mobileid/tsm"
	"mobileid/tsm/store"
)

// The unbroken run, with its exchanges and round trips counted: the bound is
// part of what the service promises.
func TestProvisionUnbroken(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name     string
		portrait int
	}{
		{"small", 300},
		{"27 kB", 27_000},
		{"more than 256 blocks", 61_500},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			w.issuer.portrait = tt.portrait
			order := w.provision(3)
			res, err := w.contact()
			check(t, err)

			job := w.job(order)
			if job.State != store.Done || job.Cursor != store.Committed || len(job.Sealed)+len(job.Attestation) > 0 {
				t.Errorf("job is %v at %v, %d sealed bytes kept", job.State, job.Cursor, len(job.Sealed))
			}
			w.issuer.committed(t, job.OrderID)
			w.setPIN(3)
			w.holds(3, order)

			n := len(w.issuer.issued[job.OrderID].sealed)
			if limit := 2 + (n+238)/239 + 8; res.APDUs > limit || res.APDUs != len(w.exchanges) {
				t.Errorf("%d APDUs for %d sealed bytes, at most %d", res.APDUs, n, limit)
			}
			if res.RoundTrips > 6 {
				t.Errorf("%d round trips, at most 6", res.RoundTrips)
			}
			if w.issuer.asked != 1 || len(w.issuer.receipts) != 1 {
				t.Errorf("issuer was asked %d times and got %d receipts", w.issuer.asked, len(w.issuer.receipts))
			}
			w.onlyShortAndSecured()
		})
	}
}

// onlyShortAndSecured checks every command: short, and behind the handshake
// under secure messaging at level 33.
func (w *world) onlyShortAndSecured() {
	w.t.Helper()
	for i, x := range w.exchanges {
		c, err := apdu.ParseCommand(x.command)
		check(w.t, err)
		if c.Extended || len(x.command) > 261 {
			w.t.Errorf("command %d is extended", i)
		}
		switch {
		case c.INS == 0xA4 || c.INS == 0x50:
		case c.INS == 0x82 && c.P1 != 0x33:
			w.t.Errorf("security level %02X", c.P1)
		case c.CLA != 0x84:
			w.t.Errorf("command %d (%02X) in the clear", i, c.INS)
		}
	}
}

// A second order for the slot: the instance is there already.
func TestRenewal(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	first := w.provision(1)
	_, err := w.contact()
	check(t, err)
	w.setPIN(1)
	w.holds(1, first)

	second := w.provision(1)
	res, err := w.contact()
	check(t, err)
	if w.job(second).State != store.Done || res.RoundTrips > 6 {
		t.Errorf("renewal is %v after %d round trips", w.job(second).State, res.RoundTrips)
	}
	w.holds(1, second)
	w.issuer.committed(t, w.job(second).OrderID)
}

// Several jobs of one element run one after the other in one contact.
func TestSeveralJobsInOneContact(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var orders [][]byte
	for slot := range uint64(3) {
		orders = append(orders, w.provision(slot+1))
	}
	res, err := w.contact()
	check(t, err)
	for i, o := range orders {
		if s := w.job(o).State; s != store.Done {
			t.Errorf("job %d is %v", i, s)
		}
		w.issuer.committed(t, w.job(o).OrderID)
	}
	if res.RoundTrips != 2+3*3+1 {
		t.Errorf("%d round trips for three jobs, want 12", res.RoundTrips)
	}
}

func TestNothingToDo(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	res, err := w.contact()
	check(t, err)
	if res.APDUs != 0 || res.RoundTrips != 3 {
		t.Errorf("%d APDUs in %d round trips", res.APDUs, res.RoundTrips)
	}
}

// An issuer that is away, then back: the phone comes again, and the issuer signs
// once.
func TestIssuerAway(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	order := w.provision(1)
	w.issuer.fail(errors.New("connection refused"))
	_, err := w.contact()
	check(t, err)
	if j := w.job(order); j.State != store.Queued || j.Cursor != store.Attested || len(j.Attestation) == 0 {
		t.Fatalf("job is %v at %v", j.State, j.Cursor)
	}
	w.issuer.fail(nil)
	res, err := w.contact()
	check(t, err)
	if j := w.job(order); j.State != store.Done || res.RoundTrips > 5 {
		t.Errorf("job is %v after %d round trips", j.State, res.RoundTrips)
	}
	w.issuer.committed(t, w.job(order).OrderID)
}

// A receipt the issuer could not take is delivered by Sweep, without the phone.
func TestReceiptDeliveredLater(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	order := w.provision(1)
	fail := &failingReceipts{issuer: w.issuer, fail: true}
	w.port = fail
	w.restart()
	_, err := w.contact()
	check(t, err)
	if j := w.job(order); j.State != store.Queued || j.Cursor != store.Committed || !j.Owes() {
		t.Fatalf("job is %v at %v", j.State, j.Cursor)
	}
	if err := w.service.Sweep(t.Context()); err == nil {
		t.Error("a sweep that could not deliver says nothing")
	}
	fail.fail = false
	check(t, w.service.Sweep(t.Context()))
	if j := w.job(order); j.State != store.Done || j.Owes() {
		t.Errorf("after the sweep the job is %v", j.State)
	}
	w.issuer.committed(t, w.job(order).OrderID)
}

func TestIssuerRefuses(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	order := w.provision(1)
	w.issuer.fail(tsm.ErrIssuerRefused)
	_, err := w.contact()
	check(t, err)
	if j := w.job(order); j.State != store.Refused || j.Reason != "attestation_refused" || len(j.Attestation) > 0 {
		t.Errorf("job is %v (%s)", j.State, j.Reason)
	}
	w.issuer.fail(nil)
	if res, err := w.contact(); err != nil || res.APDUs != 0 {
		t.Errorf("a refused job is run again: %d APDUs, %v", res.APDUs, err)
	}
	if code := w.submit(order); code != http.StatusAccepted {
		t.Errorf("the order again: %d", code)
	}
}

// An attestation for an order the issuer never gave out must not come through.
func TestAttestationIsForTheOrder(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	order := w.order(provisioning.OrderProvision, 1)
	w.issuer.orders = map[string]provisioning.Order{}
	w.submit(order)
	_, err := w.contact()
	check(t, err)
	if j := w.job(order); j.State != store.Refused {
		t.Errorf("job is %v", j.State)
	}
}

// failingReceipts is an issuer whose door for receipts is shut while fail is set.
type failingReceipts struct {
	*issuer
	fail  bool
	asked chan struct{} // told of each call; may be nil
}

func (f *failingReceipts) Receipt(ctx context.Context, raw []byte) error {
	if f.asked != nil {
		f.asked <- struct{}{}
	}
	if f.fail {
		return errors.New("connection refused")
	}
	return f.issuer.Receipt(ctx, raw)
}

// listener is an issuer that keeps the attestation and says no.
type listener struct{ attestation []byte }

func (l *listener) Attested(_ context.Context, raw []byte) ([]byte, error) {
	l.attestation = raw
	return nil, tsm.ErrIssuerRefused
}

func (l *listener) Receipt(context.Context, []byte) error { return tsm.ErrIssuerRefused }

// Attestations of any length come through whole: below, at and over the pages
// asked for at once. The second one of a length costs no further round trip.
func TestAttestationPages(t *testing.T) {
	t.Parallel()
	lengths := map[int]bool{}
	for surplus := range 12 {
		w := newWorldWith(t, surplus)
		l := &listener{}
		w.port = l
		w.restart()
		for again := range 2 {
			order := w.provision(1)
			w.element.Reset()
			res, err := w.contact()
			check(t, err)
			if _, err := provisioning.ParseAttestation(l.attestation); err != nil {
				t.Fatalf("%d bytes: %v", len(l.attestation), err)
			}
			pages := len(l.attestation)/239 + 1
			first := []int{4, min(pages, 12)}[again]
			want := 5 // session, handshake, POLLING, handshake's answers, attestation
			for pages -= first; pages > 0; pages -= 8 {
				want++
			}
			if res.RoundTrips != want || w.job(order).State != store.Refused {
				t.Errorf("%d bytes in %d round trips, want %d; job %v", len(l.attestation), res.RoundTrips, want, w.job(order).State)
			}
			lengths[want] = true
		}
	}
	if len(lengths) < 3 {
		t.Errorf("the lengths tried take %v round trips only", lengths)
	}
}
