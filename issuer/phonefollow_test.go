package issuer_test

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"math/big"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"mobileid/issuer"
	"mobileid/issuer/card"
	"mobileid/issuer/issuertest"
	"mobileid/issuer/store"
	"mobileid/mdoc/pki"
	"mobileid/mdoc/provisioning"
)

// stuck is a source that, while it is on, answers only when its asker gives up.
type stuck struct {
	behind card.StatusSource
	on     *atomic.Bool
	asked  *atomic.Int32
	begun  chan struct{} // closed with the first question; nil means that nobody looks
}

func (s stuck) Status(ctx context.Context, c, ca *x509.Certificate, at time.Time) card.StatusAnswer {
	if !s.on.Load() {
		return s.behind.Status(ctx, c, ca, at)
	}
	if s.asked.Add(1) == 1 && s.begun != nil {
		close(s.begun)
	}
	<-ctx.Done()
	return card.StatusAnswer{Measured: "away"}
}

// taken tells of each order the TSM took.
type taken struct {
	issuer.Orders
	tell chan struct{}
}

func (n taken) Submit(ctx context.Context, signed []byte) error {
	err := n.Orders.Submit(ctx, signed)
	if err == nil {
		n.tell <- struct{}{}
	}
	return err
}

// A CA that does not answer holds up neither orders nor the end of Run.
func TestOrdersDoNotWaitForCards(t *testing.T) {
	w := issuertest.New(t)
	on, asked, begun, told := &atomic.Bool{}, &atomic.Int32{}, make(chan struct{}), make(chan struct{}, 16)
	s, kept := w.Open(t, t.TempDir()+"/issuer.db", func(c *issuer.Config) {
		c.Phone, c.CardStatus, c.Round, c.Orders = w.Phone(t), stuck{fresh{w}, on, asked, begun}, time.Millisecond, taken{c.Orders, told}
	})
	wallet := w.Wallet(t, "nineteen", "element-01")
	phoneActive(t, w, s, kept, wallet)
	<-told // the provisioning
	on.Store(true)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	<-begun
	_, err := s.Suspend(t.Context(), issuertest.OperatorToken, wallet.SE.ID)
	must(t, err)
	select {
	case <-told:
		if len(w.TSM.Taken(provisioning.OrderLock)) != 1 {
			t.Error("another order was sent")
		}
	case <-time.After(20 * time.Second):
		t.Error("the order to lock waits for a CA that does not answer")
	}
	cancel()
	must(t, <-ended)
	if n := asked.Load(); n != 1 {
		t.Errorf("asked %d times, want once", n)
	}
}

// Each card has a bounded time; what has ended is asked about no more.
func TestFollowingIsBounded(t *testing.T) {
	w := issuertest.New(t)
	on, asked := &atomic.Bool{}, &atomic.Int32{}
	clock := issuertest.Instant()
	w.Now = func() time.Time { return clock }
	s, kept := w.Open(t, t.TempDir()+"/issuer.db", func(c *issuer.Config) {
		c.Phone, c.CardStatus = w.Phone(t), stuck{fresh{w}, on, asked, nil}
	})
	var last onPhone
	for i := range 2 {
		last = phoneActive(t, w, s, kept, w.Wallet(t, "nineteen", fmt.Sprintf("element-%02d", i)))
	}
	on.Store(true)
	synctest.Test(t, func(t *testing.T) {
		begun := time.Now()
		s.FollowCards(t.Context())
		if took := time.Since(begun); took != time.Minute {
			t.Errorf("two cards took %s, want 30 s each", took)
		}
	})
	if n := asked.Load(); n != 2 {
		t.Errorf("asked %d times, want 2", n)
	}
	clock = last.signature.NotAfter.Add(time.Hour)
	s.FollowCards(t.Context())
	if n := asked.Load(); n != 2 {
		t.Errorf("%d questions about certificates that have ended", n-2)
	}
}

// releases counts.
type releases struct {
	store.Store
	n atomic.Int32
}

func (r *releases) ReleasePhone(ctx context.Context, id string, by store.Hold, at time.Time, unlock store.Message) (bool, error) {
	r.n.Add(1)
	return r.Store.ReleasePhone(ctx, id, by, at, unlock)
}

// A card in force writes nothing where no hold is for its sake: neither on certificates in force nor on those that the desk holds.
func TestFollowingWritesOnChange(t *testing.T) {
	w := issuertest.New(t)
	var counted *releases
	s, kept := w.Open(t, t.TempDir()+"/issuer.db", func(c *issuer.Config) {
		counted = &releases{Store: c.Store}
		c.Phone, c.CardStatus, c.Store = w.Phone(t), fresh{w}, counted
	})
	wallet := w.Wallet(t, "nineteen", "element-01")
	on := phoneActive(t, w, s, kept, wallet)
	follow := func(when string, state store.State, want int32) {
		t.Helper()
		s.FollowCards(t.Context())
		row, err := kept.Credential(t.Context(), on.row.ID)
		must(t, err)
		if n := counted.n.Load(); n != want || row.State != state {
			t.Errorf("%s: %d releases, row %s; want %d, %s", when, n, row.State, want, state)
		}
	}
	follow("in force", store.Active, 0)
	_, err := s.RevokePhone(t.Context(), issuertest.OperatorToken, wallet.SE.ID, store.CertificateHold)
	must(t, err)
	follow("held by the desk", store.Suspended, 0)
	onCard := cardCertificate(t, wallet)
	must(t, w.JPKI.Revoke(onCard, pki.CertificateHold))
	follow("held by both", store.Suspended, 0)
	must(t, w.JPKI.Signature.Release(onCard))
	follow("held by the desk again", store.Suspended, 1)
}

// readsOfLists counts.
type readsOfLists struct {
	store.Store
	n    atomic.Int32
	fail error
}

func (r *readsOfLists) Listed(ctx context.Context) (uint64, []store.Credential, error) {
	r.n.Add(1)
	return r.Store.Listed(ctx)
}

func (r *readsOfLists) ListNumber(ctx context.Context, least uint64) (uint64, error) {
	if r.fail != nil {
		return 0, r.fail
	}
	return r.Store.ListNumber(ctx, least)
}

// The rows are read when something changed, not for each who asks; and no list goes out under a number that is not on disk.
func TestListsAreReadOnChange(t *testing.T) {
	w := issuertest.New(t)
	var reads *readsOfLists
	s, kept := w.Open(t, t.TempDir()+"/issuer.db", func(c *issuer.Config) {
		reads = &readsOfLists{Store: c.Store}
		c.Phone, c.Store = w.Phone(t), reads
	})
	wallet := w.Wallet(t, "nineteen", "element-01")
	phoneActive(t, w, s, kept, wallet)
	ask := func(want int32) {
		t.Helper()
		for range 5 {
			_, err := s.PhoneList(t.Context(), store.SignatureCertificate)
			must(t, err)
		}
		if n := reads.n.Load(); n != want {
			t.Errorf("the rows were read %d times, want %d", n, want)
		}
	}
	ask(1)
	_, err := s.RevokePhone(t.Context(), issuertest.OperatorToken, wallet.SE.ID, store.Superseded)
	must(t, err)
	reads.fail = errors.New("disk full")
	if _, err := s.PhoneList(t.Context(), store.SignatureCertificate); !errors.Is(err, reads.fail) {
		t.Errorf("a list without a number: %v", err)
	}
	reads.fail = nil
	ask(3)
}

// Numbers rise over a restart, and over a clock that was put back.
func TestListNumbersRise(t *testing.T) {
	w := issuertest.New(t)
	clock, path, phones := issuertest.Instant(), t.TempDir()+"/issuer.db", w.Phone(t)
	w.Now = func() time.Time { return clock }
	start := func() (*issuer.Service, *store.Embedded) {
		return w.Open(t, path, func(c *issuer.Config) { c.Phone = phones })
	}
	s, kept := start()
	wallet := w.Wallet(t, "nineteen", "element-01")
	phoneActive(t, w, s, kept, wallet)
	last := new(big.Int)
	next := func() {
		t.Helper()
		der, err := s.PhoneList(t.Context(), store.SignatureCertificate)
		must(t, err)
		l, err := x509.ParseRevocationList(der)
		must(t, err)
		if l.Number.Cmp(last) <= 0 {
			t.Errorf("number %s after %s", l.Number, last)
		}
		last = l.Number
	}
	for i := range 6 {
		if i%2 == 0 {
			_, err := s.RevokePhone(t.Context(), issuertest.OperatorToken, wallet.SE.ID, store.CertificateHold)
			must(t, err)
		} else {
			_, err := s.ReleasePhone(t.Context(), issuertest.OperatorToken, wallet.SE.ID)
			must(t, err)
		}
		next()
	}
	must(t, kept.Close())
	s, kept = start()
	next()
	must(t, kept.Close())
	clock = clock.Add(-time.Minute)
	s, _ = start()
	next()
}
