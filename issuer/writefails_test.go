package issuer_test

import (
	"context"
	"crypto"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"mobileid/issuer"
	"mobileid/issuer/issuertest"
	"mobileid/issuer/keys"
	"mobileid/issuer/store"
	"mobileid/mdoc/statuslist"
)

var errDisk = errors.New("no space left on device")

// failing is a store of which one method fails once: before it did its work, or after it, as when an answer is lost.
type failing struct {
	store.Store
	method string
	after  bool
	done   atomic.Bool
}

func (f *failing) once(method string, after bool) error {
	if f.method == method && f.after == after && !f.done.Swap(true) {
		return errDisk
	}
	return nil
}

// around calls work between the two places of failure.
func (f *failing) around(method string, work func() error) error {
	if err := f.once(method, false); err != nil {
		return err
	}
	if err := work(); err != nil {
		return err
	}
	return f.once(method, true)
}

func (f *failing) Begin(ctx context.Context, t store.Transaction, limit int) error {
	return f.around("Begin", func() error { return f.Store.Begin(ctx, t, limit) })
}

func (f *failing) Redeem(ctx context.Context, id string, at time.Time) (t store.Transaction, err error) {
	err = f.around("Redeem", func() error { t, err = f.Store.Redeem(ctx, id, at); return err })
	return t, err
}

func (f *failing) PlaceOrder(ctx context.Context, o store.Order, signed []byte) (out store.Order, err error) {
	err = f.around("PlaceOrder", func() error { out, err = f.Store.PlaceOrder(ctx, o, signed); return err })
	return out, err
}

func (f *failing) Delivered(ctx context.Context, id string) error {
	return f.around("Delivered", func() error { return f.Store.Delivered(ctx, id) })
}

func (f *failing) BindSE(ctx context.Context, device string, key []byte, p store.Place) error {
	return f.around("BindSE", func() error { return f.Store.BindSE(ctx, device, key, p) })
}

func (f *failing) Reserve(ctx context.Context, r store.Reservation) (c store.Credential, err error) {
	err = f.around("Reserve", func() error { c, err = f.Store.Reserve(ctx, r); return err })
	return c, err
}

func (f *failing) MarkSigned(ctx context.Context, id string, digest []byte, at time.Time) error {
	return f.around("MarkSigned", func() error { return f.Store.MarkSigned(ctx, id, digest, at) })
}

func (f *failing) Release(ctx context.Context, id string, at time.Time) error {
	return f.around("Release", func() error { return f.Store.Release(ctx, id, at) })
}

func (f *failing) Activate(ctx context.Context, a store.Activation) (c store.Credential, n int, err error) {
	err = f.around("Activate", func() error { c, n, err = f.Store.Activate(ctx, a); return err })
	return c, n, err
}

// counted is a world's document signer that counts.
type counted struct {
	*issuertest.World
	n *atomic.Int64
}

func (c counted) At(at time.Time, need time.Duration) (keys.DocumentSigner, error) {
	ds, err := c.World.At(at, need)
	ds.Key = countedKey{ds.Key, c.n}
	return ds, err
}

type countedKey struct {
	crypto.Signer
	n *atomic.Int64
}

func (k countedKey) Sign(r io.Reader, digest []byte, o crypto.SignerOpts) ([]byte, error) {
	k.n.Add(1)
	return k.Signer.Sign(r, digest, o)
}

// TestOneWriteFails fails each write of an issuance once (S3). The wallet is told, unless it lost nothing by it; asking
// again, from the tap if need be, ends in one active credential; nothing is signed without a row.
func TestOneWriteFails(t *testing.T) {
	ctx := t.Context()
	w := issuertest.New(t)
	wallet := w.Wallet(t, "nineteen", "element-01")
	cases := 0
	for _, method := range []string{"Begin", "Redeem", "PlaceOrder", "Delivered", "BindSE", "Reserve", "MarkSigned", "Release", "Activate"} {
		for place, after := range map[string]bool{"before": false, "after": true} {
			cases++
			t.Run(method+" "+place, func(t *testing.T) {
				f := &failing{method: method, after: after}
				var signatures atomic.Int64
				rows := &rowCounter{}
				s, kept := open(t, w, func(c *issuer.Config) {
					f.Store = c.Store
					rows.Store = f
					c.Store, c.Signers = rows, counted{World: w, n: &signatures}
				})
				failures := 0
				a := persist(t, func() (*issuertest.Attempt, error) { return tryOrder(ctx, t, w, s, wallet) }, &failures)
				a.Keys = wallet.SE.Attest(t, a.Order, nil)
				a.Sealed = persist(t, func() ([]byte, error) { return s.Attested(ctx, a.Keys.Signed) }, &failures)
				a.Issued = wallet.SE.Open(t, a.Keys, a.Sealed)
				receipt := wallet.SE.Receipt(t, a.Keys, a.Issued)
				persist(t, func() (struct{}, error) { return struct{}{}, s.Receipt(ctx, receipt) }, &failures)
				s.Dispatch(ctx)
				wantState(t, s, a, "active")
				if bit(t, w, s, a.Issued) != statuslist.Valid {
					t.Error("the credential does not read as valid")
				}
				want := 1
				if method == "Delivered" { // the order waits in the outbox; nobody but the log need know
					want = 0
				}
				if !f.done.Load() || failures != want {
					t.Errorf("failed %v; the client was told %d times, expected %d", f.done.Load(), failures, want)
				}
				if n := signatures.Load(); n > rows.n.Load() {
					t.Errorf("%d signatures, %d rows", n, rows.n.Load())
				}
				if left, err := kept.Pending(ctx, 0, 10); err != nil || len(left) != 0 {
					t.Errorf("%d orders still queued, error %v", len(left), err)
				}
			})
		}
	}
	t.Logf("%d failures injected", cases)
}

// rowCounter counts rows that were made, whatever was answered.
type rowCounter struct {
	store.Store
	n atomic.Int64
}

func (r *rowCounter) Reserve(ctx context.Context, in store.Reservation) (store.Credential, error) {
	c, err := r.Store.Reserve(ctx, in)
	if err == nil {
		r.n.Add(1)
	}
	return c, err
}

// tryOrder is World.Ordered with its error.
func tryOrder(ctx context.Context, t *testing.T, w *issuertest.World, s *issuer.Service, wallet issuertest.Wallet) (*issuertest.Attempt, error) {
	started, err := s.Start(ctx)
	if err != nil {
		return nil, err
	}
	p, err := s.Evidence(ctx, started.TransactionID, started.Token.Reveal(), wallet.Body(ctx, t, started.Challenge))
	if err != nil {
		return nil, err
	}
	order, ok := w.TSM.Order(p.OrderID)
	if !ok {
		t.Fatal("the TSM has not got the order")
	}
	return &issuertest.Attempt{Wallet: wallet, Started: started, Order: order}, nil
}

// persist tries a step a second time after a failure of the disk, and after no other.
func persist[T any](t *testing.T, step func() (T, error), failures *int) T {
	t.Helper()
	v, err := step()
	if errors.Is(err, errDisk) {
		*failures++
		v, err = step()
	}
	must(t, err)
	return v
}

// Many wallets with one challenge, many TSMs with one attestation: one order, one signature, one answer.
func TestRacers(t *testing.T) {
	ctx := t.Context()
	w := issuertest.New(t)
	var signatures atomic.Int64
	s, _ := open(t, w, func(c *issuer.Config) { c.Signers = counted{World: w, n: &signatures} })
	wallet := w.Wallet(t, "nineteen", "element-01")
	started, err := s.Start(ctx)
	must(t, err)
	body := wallet.Body(ctx, t, started.Challenge)
	const racers = 64
	var wg sync.WaitGroup
	orders := make(chan string, racers)
	for range racers {
		wg.Go(func() {
			p, err := s.Evidence(ctx, started.TransactionID, started.Token.Reveal(), body)
			if err == nil {
				orders <- p.OrderID
			} else {
				wantError(t, err, issuer.ErrUsed)
			}
		})
	}
	wg.Wait()
	if len(orders) != 1 {
		t.Fatalf("%d orders for one challenge", len(orders))
	}
	order, _ := w.TSM.Order(<-orders)
	attestation := wallet.SE.Attest(t, order, nil).Signed
	answers := make(chan string, racers)
	for range racers {
		wg.Go(func() {
			sealed, err := s.Attested(ctx, attestation)
			if err != nil {
				t.Error(err)
			}
			answers <- string(sealed)
		})
	}
	wg.Wait()
	first := <-answers
	for range racers - 1 {
		if <-answers != first {
			t.Fatal("two answers to one attestation")
		}
	}
	if n := signatures.Load(); n != 1 {
		t.Errorf("%d signatures", n)
	}
}

// An order the TSM refuses for ever does not hold up those about other elements, and is given up when its time is over.
func TestOutboxGoesRound(t *testing.T) {
	ctx := t.Context()
	w := issuertest.New(t)
	away := &picky{Orders: w.TSM}
	s, kept := open(t, w, func(c *issuer.Config) { c.Orders = away })
	away.refuse.Store(10)
	var ids []string
	for i := range 12 { // more than a round's worth of failures, then two that are taken
		wallet := w.Wallet(t, "nineteen", fmt.Sprintf("element-%02d", i))
		started, err := s.Start(ctx)
		must(t, err)
		p, err := s.Evidence(ctx, started.TransactionID, started.Token.Reveal(), wallet.Body(ctx, t, started.Challenge))
		must(t, err)
		ids = append(ids, p.OrderID)
	}
	left := func() int {
		pending, err := kept.Pending(ctx, 0, 100)
		must(t, err)
		return len(pending)
	}
	if left() != 10 {
		t.Fatalf("%d queued, expected 10", left())
	}
	away.refuse.Store(8)
	s.Dispatch(ctx) // eight failures end the round
	s.Dispatch(ctx) // the next one goes on behind them
	if left() != 8 {
		t.Errorf("%d queued, expected 8", left())
	}
	for _, id := range ids[10:] {
		if _, ok := w.TSM.Order(id); !ok {
			t.Error("an order behind the refused ones was not sent")
		}
	}
	defer func() { w.Now = issuertest.Instant }()
	w.Now = func() time.Time { return issuertest.Instant().Add(issuer.DefaultOrderLife) }
	s.Dispatch(ctx)
	s.Dispatch(ctx)
	if left() != 0 {
		t.Errorf("%d queued after their time", left())
	}
}

// picky refuses a number of orders, then takes the rest.
type picky struct {
	issuer.Orders
	refuse atomic.Int64
}

func (p *picky) Submit(ctx context.Context, signed []byte) error {
	if p.refuse.Add(-1) >= 0 {
		return errors.New("refused")
	}
	return p.Orders.Submit(ctx, signed)
}

func TestConfigRefused(t *testing.T) {
	w := issuertest.New(t)
	kept, err := store.Open(filepath.Join(t.TempDir(), "issuer.db"), true)
	must(t, err)
	defer kept.Close()
	for name, c := range map[string]struct {
		change func(*issuer.Config)
		says   string
	}{
		"no store":           {func(c *issuer.Config) { c.Store = nil }, "Store"},
		"no orders":          {func(c *issuer.Config) { c.Orders = nil }, "Orders"},
		"no order key":       {func(c *issuer.Config) { c.OrderKey = nil }, "OrderKey"},
		"no signers":         {func(c *issuer.Config) { c.Signers = nil }, "Signers"},
		"no anchors":         {func(c *issuer.Config) { c.Anchors = nil }, "Anchors"},
		"no SE roots":        {func(c *issuer.Config) { c.SERoots = nil }, "SERoots"},
		"no card roots":      {func(c *issuer.Config) { c.CardSignatureRoots = nil }, "CardSignatureRoots"},
		"no authentication":  {func(c *issuer.Config) { c.CardAuthenticationRoots = nil }, "CardAuthenticationRoots"},
		"root of nobody":     {func(c *issuer.Config) { c.CardSignatureRoots = []*x509.Certificate{{}} }, "self-signed"},
		"no municipal roots": {func(c *issuer.Config) { c.CardMunicipalRoots = nil }, "CardMunicipalRoots"},
		"no card status":     {func(c *issuer.Config) { c.CardStatus = nil }, "CardStatus"},
		"no status key":      {func(c *issuer.Config) { c.StatusKey = nil }, "StatusKey"},
		"no status URI":      {func(c *issuer.Config) { c.StatusURI = "" }, "StatusURI"},
		"short secret":       {func(c *issuer.Config) { c.Secret = c.Secret[:31] }, "secret"},
		"authority":          {func(c *issuer.Config) { c.Authority = "地方公共団体情報システム機構" }, "TEST"},
		"negative life":      {func(c *issuer.Config) { c.Life = -1 }, "negative"},
		"short list life":    {func(c *issuer.Config) { c.StatusLife = time.Minute }, "life"},
		"roots of others":    {func(c *issuer.Config) { c.Anchors = c.SERoots }, "document signer"},
	} {
		t.Run(name, func(t *testing.T) {
			config := w.Config(kept)
			c.change(&config)
			if _, err := issuer.New(t.Context(), config); err == nil || !strings.Contains(err.Error(), c.says) {
				t.Errorf("error %v", err)
			}
		})
	}
}
