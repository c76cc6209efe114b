package tsm_test

import (
	"bytes"
	"context"
	mathrand "math/rand/v2"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	"mobileid/mdoc/apdu"
	"mobileid/mdoc/provisioning"
	"mobileid/tsm/seram"
	"mobileid/tsm/store"
)

// A turn is what a phone takes before each round trip and each APDU, and gives back
// after it. Nil takes none: the phones run as the scheduler of goroutines likes.
type turn struct {
	ask, done chan struct{}
}

func (t *turn) take() {
	if t != nil {
		t.ask <- struct{}{}
	}
}

func (t *turn) give() {
	if t != nil {
		t.done <- struct{}{}
	}
}

// via is one phone's way to one manager, and to the element that both phones reach.
type via struct {
	handler http.Handler
	turn    *turn
	element *oneAtATime
	steps   int
}

func (v *via) RoundTrip(req *http.Request) (*http.Response, error) {
	v.turn.take()
	defer v.turn.give()
	v.steps++
	in := httptest.NewRequest(req.Method, req.URL.String(), req.Body).WithContext(req.Context())
	in.Header = req.Header.Clone()
	rec := httptest.NewRecorder()
	v.handler.ServeHTTP(rec, in)
	return rec.Result(), nil
}

func (v *via) Transmit(ctx context.Context, command []byte) ([]byte, error) {
	v.turn.take()
	defer v.turn.give()
	v.steps++
	return v.element.Transmit(ctx, command)
}

// oneAtATime is an element that takes one command at a time, whoever sends it.
type oneAtATime struct {
	mu sync.Mutex
	apdu.Transmitter
}

func (o *oneAtATime) Transmit(ctx context.Context, command []byte) ([]byte, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.Transmitter.Transmit(ctx, command)
}

// race lets two phones with one element come by at two managers at once. With pick, one
// step is made at a time, by the phone that pick names while both wait; else they run
// freely. It gives the steps of each and how often the turn passed to the other.
func (w *world) race(managers [2]http.Handler, pick func() int) (steps [2]int, changes int) {
	w.t.Helper()
	shared := &oneAtATime{Transmitter: transmit(w.transmit)}
	w.element.Reset()
	var phones [2]*via
	var ended [2]chan struct{}
	for i := range phones {
		phones[i], ended[i] = &via{handler: managers[i], element: shared}, make(chan struct{})
		if pick != nil {
			phones[i].turn = &turn{make(chan struct{}), make(chan struct{})}
		}
		a := &seram.Agent{Client: &http.Client{Transport: phones[i]}, BaseURL: "https://tsm.example", Element: seram.NewSecureElement(w.seID), SE: phones[i]}
		go func() {
			defer close(ended[i])
			_, _ = a.Run(w.t.Context()) // ends as it may
		}()
	}
	if pick != nil {
		changes = inTurns(phones, ended, pick)
	}
	for i := range phones {
		<-ended[i]
		steps[i] = phones[i].steps
	}
	return steps, changes
}

// inTurns grants one step at a time until both phones have ended.
func inTurns(phones [2]*via, ended [2]chan struct{}, pick func() int) (changes int) {
	live, last := [2]bool{true, true}, -1
	for live[0] || live[1] {
		i := pick()
		if !live[i] {
			i = 1 - i
		}
		select {
		case <-ended[i]:
			live[i] = false
			continue
		case <-phones[i].turn.ask:
		}
		<-phones[i].turn.done
		if last >= 0 && last != i {
			changes++
		}
		last = i
	}
	return changes
}

// twoManagers makes a second manager over the store of the first.
func (w *world) twoManagers() [2]http.Handler {
	one := w.handler
	w.logged = &bytes.Buffer{} // a logger of its own writes to it
	w.newService()
	return [2]http.Handler{one, w.handler}
}

// TestTwoManagersOneStore has two managers on one store run the same orders on one
// element at once, with every interleaving of a kind: the second begins before each step
// of the first, and then they go on step by step, in turns or at random; and freely. Each
// write is compared with what the other wrote, so one of them goes on and the other gives
// up: one credential, issued once, one receipt, and a wipe that wipes once.
func TestTwoManagersOneStore(t *testing.T) {
	t.Parallel()
	type order struct {
		name  string
		slots []uint64
		kind  provisioning.OrderKind
		end   func(w *world, o []byte)
	}
	for _, tt := range []order{
		{"provisioning", nil, provisioning.OrderProvision, func(w *world, o []byte) { w.committedOnce(o); w.setPIN(1); w.holds(1, o) }},
		{"wipe", []uint64{1, 2}, provisioning.OrderWipe, func(w *world, o []byte) { w.emptied(o, []byte{1}, []byte{2}) }},
		{"lock", []uint64{1, 2}, provisioning.OrderLock, func(w *world, _ []byte) { w.lockedSlots(1) }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			runs, changed, both, finished, failed := 0, 0, 0, 0, 0
			first, _ := filled(t, tt.slots...)
			first.issuer.portrait = 300
			start := first.image()
			once := func(pick func() int) [2]int {
				w := start.world(t)
				o := w.order(tt.kind, 1)
				w.submitted(o)
				steps, changes := w.race(w.twoManagers(), pick)
				runs, changed = runs+1, changed+changes
				if steps[0] > 4 && steps[1] > 4 { // beyond session, handshake and first order
					both++
				}
				if w.job(o).State == store.Done {
					finished++
				}
				for range 3 {
					if w.job(o).State == store.Done {
						break
					}
					_, err := w.contact()
					check(t, err)
				}
				check(t, w.service.Sweep(t.Context()))
				if j := w.job(o); j.State != store.Done || j.Owes() || !j.Settled() {
					t.Errorf("job ends %v at %v (%s)", j.State, j.Cursor, j.Reason)
				}
				// INITIALIZE UPDATE of one voids that of the other, whose EXTERNAL AUTHENTICATE then fails: once in a contact.
				if n := w.failedAuth(); n > 2 {
					t.Errorf("%d failed authentications stand against the element", n)
				}
				failed = max(failed, w.failedAuth())
				if tt.kind == provisioning.OrderProvision && len(w.issuer.issued) != 1 {
					t.Errorf("%d credentials for one order", len(w.issuer.issued))
				}
				tt.end(w, o)
				return steps
			}
			steps := once(func() int { return 0 }) // one after the other
			for at := range steps[0] {
				once(after(at, true))
				once(after(at, false))
			}
			random := mathrand.New(mathrand.NewPCG(6, 2))
			for range 20 {
				once(func() int { return random.IntN(2) })
			}
			for range 10 {
				once(nil)
			}
			t.Logf("E6: two managers at once, %s: %d interleavings, %d changes of turn, both got to the element in %d, the job was done without a further contact in %d, at most %d failed authentications stand",
				tt.name, runs, changed, both, finished, failed)
			if changed < 4*runs || both < runs/2 {
				t.Errorf("the managers hardly met")
			}
		})
	}
}

// after picks the first phone so often, then the second: to its end, or in turns.
func after(n int, turns bool) func() int {
	calls := 0
	return func() int {
		calls++
		switch {
		case calls <= n:
			return 0
		case turns:
			return (calls - n) % 2
		default:
			return 1
		}
	}
}
