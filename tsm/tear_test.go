package tsm_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/sha256"
	"errors"
	"fmt"
	"math/big"
	mathrand "math/rand/v2"
	"net/http"
	"sync/atomic"
	"testing"

	"mobileid/mdoc"
	"mobileid/mdoc/cbor"
	"mobileid/mdoc/provisioning"
	"mobileid/tsm/applet"
	"mobileid/tsm/gp"
	"mobileid/tsm/jpkiapplet"
	"mobileid/tsm/se/nvm"
	"mobileid/tsm/store"
)

// A tearable is a job that is cut at each of its steps. The world it is given has
// what the job needs to begin.
type tearable struct {
	name    string
	prepare func(w *world)        // before the job is ordered
	order   func(w *world) []byte // signs the order, or is an operator's
	// between holds after every cut, before anything is resumed. May be nil.
	between func(w *world)
	// end checks that the element and the issuer stand as after the unbroken run.
	end func(w *world, order []byte)
}

func tearables() []tearable {
	fill := func(slots ...uint64) func(*world) {
		return func(w *world) {
			for _, s := range slots {
				w.provision(s)
			}
			_, err := w.contact()
			check(w.t, err)
			for _, s := range slots {
				w.setPIN(byte(s))
			}
		}
	}
	order := func(kind provisioning.OrderKind, slot uint64) func(*world) []byte {
		return func(w *world) []byte { return w.order(kind, slot) }
	}
	return []tearable{
		{
			name: "provisioning", prepare: func(*world) {}, order: order(provisioning.OrderProvision, 2),
			end: func(w *world, o []byte) { w.setPIN(2); w.committedOnce(o); w.holds(2, o) },
		},
		{
			name: "renewal", prepare: fill(2), order: order(provisioning.OrderProvision, 2),
			between: func(w *world) { w.presents(2) },
			end:     func(w *world, o []byte) { w.committedOnce(o); w.holds(2, o); w.presents(2) },
		},
		{
			name: "wipe", prepare: fill(1, 2), order: order(provisioning.OrderWipe, 0),
			end: func(w *world, o []byte) { w.emptied(o, []byte{1, 2}, nil) },
		},
		{
			name: "provisioning of phone certificates", prepare: func(*world) {}, order: order(provisioning.OrderProvision, gp.PhonePlace),
			end: func(w *world, o []byte) { w.setPIN(gp.PhonePlace); w.committedOnce(o); w.presentsPhone(o) },
		},
		{
			name: "renewal of phone certificates", prepare: fill(gp.PhonePlace), order: order(provisioning.OrderProvision, gp.PhonePlace),
			between: func(w *world) { w.presents(gp.PhonePlace) },
			end:     func(w *world, o []byte) { w.committedOnce(o); w.presentsPhone(o) },
		},
		{
			name: "wipe with phone certificates", prepare: fill(1, gp.PhonePlace), order: order(provisioning.OrderWipe, 0),
			end: func(w *world, o []byte) { w.emptied(o, []byte{1, gp.PhonePlace}, nil) },
		},
		{
			name: "wipe of phone certificates", prepare: fill(1, gp.PhonePlace), order: order(provisioning.OrderWipe, gp.PhonePlace),
			between: func(w *world) { w.presents(1) },
			end:     func(w *world, o []byte) { w.emptied(o, []byte{gp.PhonePlace}, []byte{1}); w.presents(1) },
		},
		{
			name: "wipe that names places", prepare: fill(2),
			order: func(w *world) []byte { return w.wipeNaming(2, gp.PhonePlace) },
			end:   func(w *world, o []byte) { w.emptied(o, []byte{2, gp.PhonePlace}, nil) },
		},
		{
			name: "wipe of what was wiped", prepare: func(w *world) {
				fill(2)(w)
				first := w.wipe(2)
				_, err := w.contact()
				check(w.t, err)
				w.emptied(first, []byte{2}, nil)
			},
			order: order(provisioning.OrderWipe, 0),
			end:   func(w *world, o []byte) { w.emptied(o, []byte{1}, nil) },
		},
		{
			name: "lock", prepare: fill(1, 2, gp.PhonePlace), order: order(provisioning.OrderLock, 0),
			end: func(w *world, _ []byte) { w.lockedSlots(1, 2, gp.PhonePlace) },
		},
		{
			name: "unlock", prepare: func(w *world) {
				fill(1, 2, gp.PhonePlace)(w)
				w.submit(w.order(provisioning.OrderLock, 0))
				_, err := w.contact()
				check(w.t, err)
				w.lockedSlots(1, 2, gp.PhonePlace)
			},
			order: order(provisioning.OrderUnlock, gp.PhonePlace),
			end:   func(w *world, _ []byte) { w.lockedSlots(1, 2); w.presents(gp.PhonePlace) },
		},
		{
			name: "rekey", prepare: func(w *world) {
				fill(2)(w)
				w.newMaster(0x31)
			},
			order:   func(*world) []byte { return []byte(rekey) },
			between: func(w *world) { w.presents(2); w.reachable() },
			end: func(w *world, _ []byte) {
				w.keySets(0x31)
				again := w.provision(3)
				_, err := w.contact()
				check(w.t, err)
				w.committedOnce(again)
			},
		},
	}
}

// rekey stands for an operator's order, which has no bytes.
const rekey = "rekey"

// A cut is where one run of a job is broken off.
type cut struct {
	kind  string
	at    int
	after bool
}

// The kinds of cuts.
const (
	cutLink    = "round trip" // the phone's link, before the request or after it was answered
	cutPower   = "command"    // the element's power, before a command or after it
	cutWrite   = "point"      // the element's power, inside, before or after a physical write
	cutStore   = "write"      // the manager's process, before a write of its store or after it
	cutProcess = "restart"    // the manager's process, after a round trip
)

// lengths is how far an unbroken run goes, by kind of cut.
type lengths map[string]int

// TestTornJobs cuts each job at every step of its run, resumes it, and expects the
// end of the unbroken run: one credential, one record, nothing left to do.
func TestTornJobs(t *testing.T) {
	t.Parallel()
	for _, job := range tearables() {
		t.Run(job.name, func(t *testing.T) {
			t.Parallel()
			start := job.start(t)
			n := job.unbroken(t, start)
			all := cuts(n, stride())
			var done atomic.Int64
			t.Run("at", func(t *testing.T) {
				for _, c := range all {
					t.Run(fmt.Sprintf("%s %d, carried out %v", c.kind, c.at, c.after), func(t *testing.T) {
						t.Parallel()
						job.run(t, start, c)
						done.Add(1)
					})
				}
			})
			t.Logf("E5: cuts of a %s: %d of %d resumed to the end of the unbroken run, %d of them at one of the %d points of the element's writes",
				job.name, done.Load(), len(all), inWrites(all), n[cutWrite])
		})
	}
}

// TestTornTwice cuts a job at a random step, resumes it, and cuts the run that
// resumes it at a random step of its own. A run that comes to its end before the second
// cut does not count.
func TestTornTwice(t *testing.T) {
	t.Parallel()
	const (
		perJob = 10
		most   = 10 * perJob
	)
	for _, job := range tearables() {
		t.Run(job.name, func(t *testing.T) {
			t.Parallel()
			start := job.start(t)
			all := cuts(job.unbroken(t, start), 11)
			random := mathrand.New(mathrand.NewPCG(5, uint64(len(all))))
			runs, twice := 0, 0
			for ; twice < perJob && runs < most; runs++ {
				if job.run(t, start, all[random.IntN(len(all))], all[random.IntN(len(all))]) == 2 {
					twice++
				}
			}
			t.Logf("E5: cuts of a %s at two random steps: %d of %d runs resumed were cut the second time too", job.name, twice, runs)
			if twice < perJob {
				t.Errorf("%d runs were cut twice, want %d", twice, perJob)
			}
		})
	}
}

// stride tells how many of the points of the element's physical writes are cut: every
// one, or where time is short each eleventh; the element's own tests cut at all.
func stride() int {
	if raced || testing.Short() {
		return 11
	}
	return 1
}

// cuts lists every cut of a run, but of the points of the element's physical writes
// each so many-th: before, in the middle of and after each of them.
func cuts(n lengths, stride int) []cut {
	var all []cut
	for _, kind := range []string{cutLink, cutPower, cutStore} {
		for at := 1; at <= n[kind]; at++ {
			all = append(all, cut{kind, at, false}, cut{kind, at, true})
		}
	}
	for at := 1; at <= n[cutLink]; at++ {
		all = append(all, cut{cutProcess, at, true})
	}
	for at := 1; at <= n[cutWrite]; at += stride {
		all = append(all, cut{cutWrite, at, true})
	}
	return all
}

// start is where every run of the job begins: what it needs is there, and the service is a new one that knows nothing yet of
// how long attestations are.
func (j tearable) start(t *testing.T) *image {
	t.Helper()
	w := newWorld(t)
	w.issuer.portrait = 300
	j.prepare(w)
	return w.image()
}

// unbroken runs the job to its end and counts the steps.
func (j tearable) unbroken(t *testing.T, start *image) lengths {
	t.Helper()
	w := start.world(t)
	f := &faulty{}
	w.useStore(f)
	points := 0
	w.tear = func(int) bool { points++; return false }
	o := j.order(w)
	w.submitted(o)
	res, err := w.contact()
	check(t, err)
	w.tear = nil
	writes := f.writes
	if s := w.job(o).State; s != store.Done {
		t.Fatalf("the unbroken run ends %v", s)
	}
	j.end(w, o)
	return lengths{cutLink: res.RoundTrips, cutPower: res.APDUs, cutStore: writes, cutWrite: points}
}

// submitted hands an order in, and tells whether it was taken.
func (w *world) submitted(order []byte) bool {
	w.t.Helper()
	if string(order) == rekey {
		_, err := w.service.Rekey(w.t.Context(), w.seID)
		return err == nil
	}
	return w.submit(order) == http.StatusAccepted
}

// run cuts the job, once for each cut, and lets it come to its end. It tells how many
// of the cuts came; the first does.
func (j tearable) run(t *testing.T, start *image, at ...cut) (came int) {
	t.Helper()
	w := start.world(t)
	o := j.order(w)
	for i, c := range at {
		reached := w.broken(c, o)
		if i == 0 && !reached {
			t.Fatal("the cut was not reached")
		}
		if reached {
			came++
		}
		if j.between != nil {
			j.between(w)
		}
		w.element.Reset()
	}
	if !w.submitted(o) { // whoever ordered it asks again
		t.Fatal("the order is not taken again")
	}
	for range 3 {
		if w.job(o).State == store.Done {
			break
		}
		if _, err := w.contact(); err != nil {
			t.Fatalf("coming by again: %v", err)
		}
	}
	check(t, w.service.Sweep(t.Context()))
	if job := w.job(o); job.State != store.Done || !job.Settled() || job.Owes() || len(job.Sealed) > 0 {
		t.Fatalf("job ends %v at %v (%s)", job.State, job.Cursor, job.Reason)
	}
	if w.failedAuth() != 0 {
		t.Errorf("%d failed authentications stand against the element", w.failedAuth())
	}
	j.end(w, o)
	before := len(w.exchanges)
	w.element.Reset()
	_, err := w.contact()
	check(t, err)
	if len(w.exchanges) != before {
		t.Error("a settled order was run again")
	}
	return came
}

// broken orders the job and lets the phone come by once, with one cut. It tells
// whether the cut came.
func (w *world) broken(c cut, order []byte) bool {
	w.t.Helper()
	if c.kind == cutStore {
		f := &faulty{at: c.at, after: c.after}
		w.useStore(f)
		if w.submitted(order) {
			_, _ = w.contact() // ends as it may
		}
		w.restart()
		return f.dead
	}
	if !w.submitted(order) {
		w.t.Fatal("the order is not taken")
	}
	a := w.agent()
	w.element.Reset()
	switch c.kind {
	case cutLink:
		link := &cutter{next: direct{w}, at: c.at, answers: c.after}
		a.Client.Transport = link
		_, _ = a.Run(w.t.Context())
		return link.seen >= c.at
	case cutProcess:
		link := &restarter{w: w, at: c.at}
		a.Client.Transport = link
		_, _ = a.Run(w.t.Context())
		return link.seen >= c.at
	case cutPower:
		x := &torn{w: w, at: c.at, after: c.after}
		a.SE = x
		_, _ = a.Run(w.t.Context())
		return x.delivered
	default:
		points := 0
		w.tear = func(int) bool { points++; return points == c.at }
		_, err := a.Run(w.t.Context())
		w.tear = nil
		if points >= c.at && !errors.Is(err, nvm.ErrPowerCut) {
			w.t.Errorf("the power was cut and the run ends with %v", err)
		}
		w.power()
		return points >= c.at
	}
}

// torn is an element that loses power at one command, before or after it was
// carried out.
type torn struct {
	w         *world
	at        int
	after     bool
	commands  int
	delivered bool
}

func (x *torn) Transmit(ctx context.Context, command []byte) ([]byte, error) {
	x.commands++
	if x.commands == x.at {
		if x.after {
			if _, err := x.w.element.Transmit(ctx, command); err != nil {
				return nil, err
			}
		}
		x.delivered = true
		x.w.power()
		return nil, errCut
	}
	return x.w.element.Transmit(ctx, command)
}

// restarter ends the manager's process after a round trip and starts another.
type restarter struct {
	w        *world
	at, seen int
}

func (r *restarter) RoundTrip(req *http.Request) (*http.Response, error) {
	r.seen++
	resp, err := direct{r.w}.RoundTrip(req)
	if r.seen == r.at {
		r.w.restart()
	}
	return resp, err
}

// committedOnce checks that the issuer signed once and has the element's one receipt.
func (w *world) committedOnce(order []byte) {
	w.t.Helper()
	w.issuer.committed(w.t, w.job(order).OrderID)
	if want := len(w.issuer.issued); w.issuer.asked < want || len(w.issuer.orders) != want {
		w.t.Errorf("%d credentials for %d orders", want, len(w.issuer.orders))
	}
	counters := map[string]uint64{}
	for _, r := range w.issuer.receipts {
		if c, seen := counters[string(r.OrderID)]; seen && c != r.Counter {
			w.t.Errorf("the element signed receipts %d and %d: it did its work more than once", c, r.Counter)
		}
		counters[string(r.OrderID)] = r.Counter
	}
}

// lockedSlots checks which slots the element says are locked.
func (w *world) lockedSlots(want ...byte) {
	w.t.Helper()
	w.element.Reset()
	infos, err := applet.Slots(w.t.Context(), w.element)
	check(w.t, err)
	var got []byte
	for _, i := range infos {
		if i.Locked {
			got = append(got, byte(i.Slot))
		}
	}
	if info, err := jpkiapplet.NewClient(w.element).Info(w.t.Context()); err == nil && info.Locked {
		got = append(got, gp.PhonePlace)
	}
	if !bytes.Equal(got, want) {
		w.t.Errorf("slots %v are locked, want %v", got, want)
	}
}

// presents proves that a slot can be presented: it gives a credential that was
// issued for it, and signs with the key the credential names.
func (w *world) presents(slot byte) {
	w.t.Helper()
	if slot == gp.PhonePlace {
		w.presentsPhone(nil)
		return
	}
	w.element.Reset()
	ctx := w.t.Context()
	c := applet.NewClient(w.element, slot)
	check(w.t, c.VerifyPIN(ctx, "2468"))
	credential, err := c.Credential(ctx)
	check(w.t, err)
	known := false
	for _, i := range w.issuer.issued {
		known = known || bytes.Equal(i.issuerSigned, credential)
	}
	if !known {
		w.t.Fatalf("slot %d holds %d bytes nobody issued", slot, len(credential))
	}
	signed, err := mdoc.ParseIssuerSigned(credential)
	check(w.t, err)
	mso, err := signed.MSO()
	check(w.t, err)
	structure := deviceAuthentication(mso.DocType)
	signature, err := c.SignDevice(ctx, structure)
	check(w.t, err)
	public, err := mso.DeviceKeyInfo.DeviceKey.Public()
	check(w.t, err)
	key, ok := public.(*ecdsa.PublicKey)
	digest := sha256.Sum256(structure)
	r, s := new(big.Int).SetBytes(signature[:32]), new(big.Int).SetBytes(signature[32:])
	if !ok || !ecdsa.Verify(key, digest[:], r, s) {
		w.t.Errorf("slot %d signs with another key than its credential names", slot)
	}
}

// deviceAuthentication is the Sig_structure of a presentation, ISO/IEC
// 18013-5:2021, 9.1.3.4 and RFC 9052, 4.4, with hardly anything in it but the document type.
func deviceAuthentication(docType string) []byte {
	inner := cbor.AppendText(cbor.AppendArrayHead(nil, 4), "DeviceAuthentication")
	engagement, reader := []byte{0xA1, 0x00, 0x63, '1', '.', '0'}, []byte{0xA0}
	inner = cbor.AppendBytes(cbor.AppendTag(cbor.AppendArrayHead(inner, 3), 24), engagement) // SessionTranscript
	inner = append(cbor.AppendBytes(cbor.AppendTag(inner, 24), reader), 0xF6)
	inner = cbor.AppendText(inner, docType)
	inner = cbor.AppendBytes(cbor.AppendTag(inner, 24), []byte{0xA0})
	out := cbor.AppendText(cbor.AppendArrayHead(nil, 4), "Signature1")
	out = cbor.AppendBytes(out, []byte{0xA1, 0x01, 0x26})
	out = cbor.AppendBytes(out, nil)
	return cbor.AppendBytes(out, cbor.AppendBytes(cbor.AppendTag(nil, 24), inner))
}

// inWrites counts the cuts inside the element's writes.
func inWrites(all []cut) (n int) {
	for _, c := range all {
		if c.kind == cutWrite {
			n++
		}
	}
	return n
}
