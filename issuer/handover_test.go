package issuer_test

import (
	"bytes"
	"context"
	"crypto"
	"encoding/hex"
	"errors"
	"io"
	"slices"
	"testing"
	"time"

	"mobileid/issuer"
	"mobileid/issuer/issuertest"
	"mobileid/issuer/keys"
	"mobileid/issuer/revocation"
	"mobileid/issuer/store"
	"mobileid/mdoc/provisioning"
	"mobileid/mdoc/statuslist"
)

// handoverReceipt verifies a receipt as the buyer of a phone would.
func handoverReceipt(t *testing.T, w *issuertest.World, raw []byte) *provisioning.HandoverReceipt {
	t.Helper()
	signed, err := provisioning.ParseHandoverReceipt(raw)
	must(t, err)
	r, v, err := signed.Verify(w.IACAAnchors(), w.Now())
	must(t, err)
	if !v.OK() {
		t.Fatalf("the receipt is refused: %s", v)
	}
	return r
}

func TestHandover(t *testing.T) {
	ctx := t.Context()
	w := issuertest.New(t)
	s, kept := open(t, w, nil)
	wallet, stranger := w.Wallet(t, "nineteen", "element-01"), w.Wallet(t, "birthday", "element-02")
	second := wallet
	second.Slot, second.Purpose = 2, provisioning.PurposeMAC
	a := w.Ordered(ctx, t, s, wallet).Attested(ctx, t, s).Committed(ctx, t, s)
	b := w.Ordered(ctx, t, s, second).Attested(ctx, t, s) // released, and no receipt yet
	other := w.Ordered(ctx, t, s, stranger).Attested(ctx, t, s).Committed(ctx, t, s)

	t.Run("tokens", func(t *testing.T) {
		for name, token := range map[string]string{"none": "", "wrong": issuertest.OperatorToken + "x"} {
			_, err := s.Handover(ctx, token, wallet.SE.ID)
			wantError(t, err, revocation.ErrUnauthorized)
			_, err = s.Suspend(ctx, token, wallet.SE.ID)
			wantError(t, err, revocation.ErrUnauthorized)
			_, err = s.Resume(ctx, token, wallet.SE.ID)
			wantError(t, err, revocation.ErrUnauthorized)
			_, err = s.Handover(ctx, token, nil)
			if !errors.Is(err, revocation.ErrUnauthorized) {
				t.Errorf("%s: a stranger learns about ids: %v", name, err)
			}
		}
		wantState(t, s, a, "active")
	})
	t.Run("ids", func(t *testing.T) {
		_, err := s.Handover(ctx, issuertest.OperatorToken, wallet.SE.ID[:9])
		wantError(t, err, revocation.ErrSEID)
		_, err = s.Handover(ctx, issuertest.OperatorToken, []byte("element-99"))
		wantError(t, err, store.ErrNotFound)
	})

	w.TSM.Fail(errAway)
	raw, err := s.Handover(ctx, issuertest.OperatorToken, wallet.SE.ID)
	must(t, err)
	for _, c := range []*issuertest.Attempt{a, b} {
		wantState(t, s, c, "revoked")
		if bit(t, w, s, c.Issued) != statuslist.Invalid {
			t.Error("a receipt is given before the list shows it")
		}
	}
	wantState(t, s, other, "active")
	if bit(t, w, s, other.Issued) != statuslist.Valid {
		t.Error("a credential of another phone was revoked")
	}
	r := handoverReceipt(t, w, raw)
	if r.Credentials != 2 || len(r.StatusURIs) != 1 || r.StatusURIs[0] != issuertest.StatusURI || !r.At.Time().Equal(w.Now()) {
		t.Errorf("the receipt speaks of %d credentials and lists %q", r.Credentials, r.StatusURIs)
	}

	t.Run("asked again", func(t *testing.T) {
		again, err := s.Handover(ctx, issuertest.OperatorToken, wallet.SE.ID)
		if err != nil || !bytes.Equal(again, raw) {
			t.Errorf("error %v, same receipt %v", err, bytes.Equal(again, raw))
		}
	})
	t.Run("what was delivered is not committed any more", func(t *testing.T) {
		wantError(t, s.Receipt(ctx, wallet.SE.Receipt(t, b.Keys, b.Issued)), store.ErrRevoked)
		_, err := s.Attested(ctx, b.Keys.Signed)
		wantError(t, err, store.ErrRevoked)
	})
	t.Run("nothing is ordered for it", func(t *testing.T) {
		one, err := s.Start(ctx)
		must(t, err)
		_, err = s.Evidence(ctx, one.TransactionID, one.Token.Reveal(), wallet.Body(ctx, t, one.Challenge))
		wantError(t, err, store.ErrWipePending)
	})
	erasure := func(t *testing.T, want revocation.Erasure, since time.Time, receipts int) {
		t.Helper()
		state, err := s.HandoverState(ctx, issuertest.OperatorToken, wallet.SE.ID)
		must(t, err)
		if state.Erasure != want || !state.Since.Equal(since) || state.Receipts != receipts || !state.RevokedAt.Equal(issuertest.Instant()) ||
			state.ID != hex.EncodeToString(r.ID) || state.WipeOrderID != hex.EncodeToString(r.WipeOrderID) || state.Credentials != 2 {
			t.Errorf("the record says %+v, want %s since %s", state, want, since)
		}
	}
	t.Run("a phone that never comes by is unreachable, revoked by the list", func(t *testing.T) {
		erasure(t, revocation.ErasureQueued, issuertest.Instant(), 0)
		deadline := issuertest.Instant().Add(30 * 24 * time.Hour)
		now := w.Now
		defer func() { w.Now = now }()
		w.Now = func() time.Time { return deadline.Add(-time.Second) }
		erasure(t, revocation.ErasureQueued, issuertest.Instant(), 0)
		w.Now = func() time.Time { return deadline }
		erasure(t, revocation.ErasureUnreachable, deadline, 0)
		wantState(t, s, a, "revoked")
		_, err := s.HandoverState(ctx, issuertest.OperatorToken+"x", wallet.SE.ID)
		wantError(t, err, revocation.ErrUnauthorized)
		_, err = s.HandoverState(ctx, issuertest.OperatorToken, stranger.SE.ID)
		wantError(t, err, store.ErrNotFound)
	})
	t.Run("the wipe order waits for the TSM", func(t *testing.T) {
		for range 3 {
			s.Dispatch(ctx)
		}
		if waiting, err := kept.Pending(ctx, 0, 10); err != nil || len(waiting) != 1 || len(w.TSM.Wipes()) != 0 {
			t.Fatalf("%d orders wait, %d were taken: %v", len(waiting), len(w.TSM.Wipes()), err)
		}
		w.TSM.Fail(nil)
		s.Dispatch(ctx)
		s.Dispatch(ctx)
		wipes := w.TSM.Wipes()
		if len(wipes) != 1 || !bytes.Equal(wipes[0].ID, r.WipeOrderID) || !bytes.Equal(wipes[0].SEID, wallet.SE.ID) || wipes[0].Slot != 0 {
			t.Fatalf("%d wipe orders taken, or another one", len(wipes))
		}
		if want := []provisioning.Place{{Application: provisioning.ApplicationCredential, Slot: 1}, {Application: provisioning.ApplicationCredential, Slot: 2}}; !slices.Equal(wipes[0].Places, want) {
			t.Errorf("the order names %v, want %v", wipes[0].Places, want)
		}
		if waiting, err := kept.Pending(ctx, 0, 10); err != nil || len(waiting) != 0 {
			t.Errorf("%d orders still wait: %v", len(waiting), err)
		}
	})
	t.Run("a receipt of another element or key is not taken", func(t *testing.T) {
		forged := stranger.SE.SignReceipt(t, provisioning.Receipt{Kind: provisioning.ReceiptWiped, OrderID: r.WipeOrderID,
			SEID: wallet.SE.ID, Slot: 1, Counter: 77})
		if err := s.Receipt(ctx, forged); err == nil {
			t.Error("taken")
		}
		wantError(t, s.Receipt(ctx, stranger.SE.Wiped(t, w.TSM.Wipes()[0], provisioning.ApplicationCredential, 1)), issuer.ErrOrder)
		erasure(t, revocation.ErasureQueued, issuertest.Instant(), 0)
	})
	t.Run("once emptied it may serve again", func(t *testing.T) {
		for i, want := range []revocation.Erasure{revocation.ErasureQueued, revocation.ErasureDone} {
			wiped := wallet.SE.Wiped(t, w.TSM.Wipes()[0], provisioning.ApplicationCredential, uint64(i+1))
			must(t, s.Receipt(ctx, wiped))
			must(t, s.Receipt(ctx, wiped))
			erasure(t, want, issuertest.Instant(), i+1)
		}
		c := w.Ordered(ctx, t, s, wallet).Attested(ctx, t, s).Committed(ctx, t, s)
		wantState(t, s, c, "active")
		again, err := s.Handover(ctx, issuertest.OperatorToken, wallet.SE.ID)
		must(t, err)
		if next := handoverReceipt(t, w, again); next.Credentials != 1 || bytes.Equal(next.ID, r.ID) || bytes.Equal(next.WipeOrderID, r.WipeOrderID) {
			t.Error("the second handover is not one of its own")
		}
	})
}

// filling is a store in which an element comes to hold something in a further place each time the desk has read what it holds.
type filling struct {
	store.Store
	next []store.Place
}

func (f *filling) Device(ctx context.Context, id string) (store.Device, error) {
	d, err := f.Store.Device(ctx, id)
	if err == nil && len(f.next) > 0 {
		err = f.BindSE(ctx, id, d.SEKey, f.next[0])
		f.next = f.next[1:]
	}
	return d, err
}

// The order of a handover names what came to be there while it was signed, up to every place there is.
func TestHandoverNamesWhatCame(t *testing.T) {
	more := []store.Place{{Phone: true, Slot: 1}}
	for slot := range uint64(14) {
		more = append(more, store.Place{Slot: slot + 2})
	}
	for _, n := range []int{0, 1, len(more)} {
		w, ctx := issuertest.New(t), t.Context()
		f := &filling{}
		s, _ := open(t, w, func(c *issuer.Config) { f.Store, c.Store = c.Store, f })
		wallet := w.Wallet(t, "nineteen", "element-01")
		w.Ordered(ctx, t, s, wallet).Attested(ctx, t, s).Committed(ctx, t, s)
		f.next = more[:n]
		_, err := s.Handover(ctx, issuertest.OperatorToken, wallet.SE.ID)
		must(t, err)
		s.Dispatch(ctx)
		wipes := w.TSM.Wipes()
		if len(wipes) != 1 || len(wipes[0].Places) != n+1 {
			t.Fatalf("%d wipe orders, of which the first is %+v, want %d places", len(wipes), wipes, n+1)
		}
		for i, p := range wipes[0].Places {
			must(t, s.Receipt(ctx, wallet.SE.Wiped(t, wipes[0], p.Application, p.Slot)))
			state, err := s.HandoverState(ctx, issuertest.OperatorToken, wallet.SE.ID)
			must(t, err)
			if done := i == n; (state.Erasure == revocation.ErasureDone) != done {
				t.Errorf("after receipt %d of %d the handover is %s", i+1, n+1, state.Erasure)
			}
		}
	}
}

// during is a document signer in whose signature something else happens.
type during struct {
	crypto.Signer
	what func()
}

func (d during) Sign(random io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	d.what()
	return d.Signer.Sign(random, digest, opts)
}

// duringSigners hands out during.
type duringSigners struct {
	issuer.Signers
	what func()
}

func (d duringSigners) At(at time.Time, need time.Duration) (keys.DocumentSigner, error) {
	ds, err := d.Signers.At(at, need)
	ds.Key = during{ds.Key, d.what}
	return ds, err
}

// beforeRelease is a store in whose gate something else comes first.
type beforeRelease struct {
	store.Store
	what func()
}

func (b beforeRelease) Release(ctx context.Context, id string, at time.Time) error {
	b.what()
	return b.Store.Release(ctx, id, at)
}

// Whenever the phone changes hands between order and release, nothing is released.
func TestHandoverDuringIssuance(t *testing.T) {
	ctx := t.Context()
	w := issuertest.New(t)
	wallet := w.Wallet(t, "nineteen", "element-01")
	refuse := func(t *testing.T, s *issuer.Service, a *issuertest.Attempt, want ...error) {
		t.Helper()
		k := wallet.SE.Attest(t, a.Order, nil)
		sealed, err := s.Attested(ctx, k.Signed)
		if sealed != nil || err == nil {
			t.Fatalf("%d bytes were released: %v", len(sealed), err)
		}
		wantError(t, err, want[0])
		if sealed, err = s.Attested(ctx, k.Signed); sealed != nil || !errors.Is(err, store.ErrEpoch) {
			t.Errorf("asked again: %d bytes, %v", len(sealed), err)
		}
	}
	t.Run("before the attestation", func(t *testing.T) {
		s, _ := open(t, w, nil)
		a := w.Ordered(ctx, t, s, wallet)
		raw, err := s.Handover(ctx, issuertest.OperatorToken, wallet.SE.ID)
		must(t, err)
		if r := handoverReceipt(t, w, raw); r.Credentials != 0 || len(r.WipeOrderID) != 0 {
			t.Error("an empty element is to be emptied")
		}
		refuse(t, s, a, store.ErrEpoch)
	})
	var s *issuer.Service
	handOver := func() {
		if _, err := s.Handover(ctx, issuertest.OperatorToken, wallet.SE.ID); err != nil {
			t.Error(err)
		}
	}
	t.Run("during the signature", func(t *testing.T) {
		s, _ = open(t, w, func(c *issuer.Config) { c.Signers = duringSigners{w, handOver} })
		a := w.Ordered(ctx, t, s, wallet)
		refuse(t, s, a, store.ErrRevoked)
		wantState(t, s, a, "revoked")
	})
	t.Run("before the release", func(t *testing.T) {
		s, _ = open(t, w, func(c *issuer.Config) { c.Store = beforeRelease{c.Store, handOver} })
		a := w.Ordered(ctx, t, s, wallet)
		refuse(t, s, a, store.ErrRevoked)
		wantState(t, s, a, "revoked")
	})
}

// flaky is a signer that fails while it is told to.
type flaky struct {
	crypto.Signer
	fail bool
}

func (f *flaky) Sign(random io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	if f.fail {
		return nil, errAway
	}
	return f.Signer.Sign(random, digest, opts)
}

func TestHandoverWithoutList(t *testing.T) {
	ctx := t.Context()
	w := issuertest.New(t)
	signer := &flaky{Signer: w.Status.Key}
	s, _ := open(t, w, func(c *issuer.Config) { c.StatusKey = signer })
	wallet := w.Wallet(t, "nineteen", "element-01")
	a := w.Ordered(ctx, t, s, wallet).Attested(ctx, t, s).Committed(ctx, t, s)
	signer.fail = true
	if raw, err := s.Handover(ctx, issuertest.OperatorToken, wallet.SE.ID); raw != nil || err == nil {
		t.Errorf("a receipt without a list: %v", err)
	}
	wantState(t, s, a, "revoked") // it stands all the same
	signer.fail = false
	raw, err := s.Handover(ctx, issuertest.OperatorToken, wallet.SE.ID)
	must(t, err)
	if handoverReceipt(t, w, raw).Credentials != 1 || bit(t, w, s, a.Issued) != statuslist.Invalid {
		t.Error("what was begun was not ended")
	}
}

func TestSuspendAndResume(t *testing.T) {
	ctx := t.Context()
	w := issuertest.New(t)
	s, _ := open(t, w, nil)
	wallet := w.Wallet(t, "nineteen", "element-01")
	a := w.Ordered(ctx, t, s, wallet).Attested(ctx, t, s).Committed(ctx, t, s)
	w.TSM.Fail(errAway) // the status does not wait for it
	for _, step := range []struct {
		do    func(context.Context, string, []byte) (int, error)
		n     int
		state string
		bit   uint8
	}{
		{s.Suspend, 1, "suspended", statuslist.Invalid}, {s.Suspend, 0, "suspended", statuslist.Invalid},
		{s.Resume, 1, "active", statuslist.Valid}, {s.Resume, 0, "active", statuslist.Valid},
	} {
		if n, err := step.do(ctx, issuertest.OperatorToken, wallet.SE.ID); err != nil || n != step.n {
			t.Errorf("%d rows changed, expected %d: %v", n, step.n, err)
		}
		wantState(t, s, a, step.state)
		if got := bit(t, w, s, a.Issued); got != step.bit {
			t.Errorf("%s: the list says %d", step.state, got)
		}
	}
	w.TSM.Fail(nil)
	s.Dispatch(ctx)
	for _, kind := range []provisioning.OrderKind{provisioning.OrderLock, provisioning.OrderUnlock} {
		taken := w.TSM.Taken(kind)
		if len(taken) != 1 || !bytes.Equal(taken[0].SEID, wallet.SE.ID) || taken[0].Slot != 0 {
			t.Errorf("%d orders of kind %d taken, want one for all slots", len(taken), kind)
		}
	}
}

// A receipt counts for the order's own application and slot, and a handover is done when every place has its receipt.
func TestReceiptsOfOtherPlaces(t *testing.T) {
	ctx := t.Context()
	w := issuertest.New(t)
	s, kept := openPhones(t, w)
	wallet := w.Wallet(t, "nineteen", "element-01")
	receipt := func(o provisioning.Order, application provisioning.Application, slot uint64) error {
		return s.Receipt(ctx, wallet.SE.Wiped(t, o, application, slot))
	}
	phones, credentials := provisioning.ApplicationPhoneCertificates, provisioning.ApplicationCredential

	on := phoneActive(t, w, s, kept, wallet)
	_, err := s.RevokePhone(ctx, issuertest.OperatorToken, wallet.SE.ID, store.CessationOfOperation)
	must(t, err)
	s.Dispatch(ctx)
	order := w.TSM.Wipes()[0]
	for _, slot := range []uint64{1, 7} {
		wantError(t, receipt(order, credentials, slot), issuer.ErrOrder)
	}
	if row, err := kept.Credential(ctx, on.row.ID); err != nil || !row.Phone.WipedAt.IsZero() {
		t.Errorf("the receipt of another application emptied the certificates: %v", err)
	}
	must(t, receipt(order, phones, 1))
	if row, err := kept.Credential(ctx, on.row.ID); err != nil || row.Phone.WipedAt.IsZero() {
		t.Errorf("the order's own receipt is not on record: %v", err)
	}
	// That was all the element held: a handover has nothing to empty.
	raw, err := s.Handover(ctx, issuertest.OperatorToken, wallet.SE.ID)
	must(t, err)
	if r := handoverReceipt(t, w, raw); len(r.WipeOrderID) != 0 {
		t.Error("an emptied element is to be emptied again")
	}

	second := wallet
	second.Slot, second.Purpose = 2, provisioning.PurposeMAC
	w.Ordered(ctx, t, s, wallet).Attested(ctx, t, s).Committed(ctx, t, s)
	w.Ordered(ctx, t, s, second).Attested(ctx, t, s) // its receipt is not in
	phoneActive(t, w, s, kept, wallet)
	_, err = s.Handover(ctx, issuertest.OperatorToken, wallet.SE.ID)
	must(t, err)
	s.Dispatch(ctx)
	order = w.TSM.Wipes()[1]
	for i, place := range []struct {
		application provisioning.Application
		slot        uint64
		want        revocation.Erasure
	}{{credentials, 9, revocation.ErasureQueued}, {credentials, 1, revocation.ErasureQueued}, {credentials, 1, revocation.ErasureQueued},
		{phones, 1, revocation.ErasureQueued}, {credentials, 2, revocation.ErasureDone}} {
		must(t, receipt(order, place.application, place.slot))
		state, err := s.HandoverState(ctx, issuertest.OperatorToken, wallet.SE.ID)
		must(t, err)
		if state.Erasure != place.want {
			t.Errorf("after receipt %d the handover is %s, want %s", i+1, state.Erasure, place.want)
		}
	}
}

// The receipt of an order to empty the certificates comes when the next set is on its way: the handover has that set emptied all the same.
func TestWipeReceiptComesLate(t *testing.T) {
	ctx := t.Context()
	w := issuertest.New(t)
	s, kept := openPhones(t, w)
	wallet := w.Wallet(t, "nineteen", "element-01")
	phoneActive(t, w, s, kept, wallet)
	_, err := s.RevokePhone(ctx, issuertest.OperatorToken, wallet.SE.ID, store.CessationOfOperation)
	must(t, err)
	s.Dispatch(ctx)
	late := wallet.SE.Wiped(t, w.TSM.Wipes()[0], provisioning.ApplicationPhoneCertificates, 1)
	_, err = s.Attested(ctx, w.AttestPhone(t, wallet.SE, phoneOrdered(t, w, s, wallet), nil).Signed)
	must(t, err)
	must(t, s.Receipt(ctx, late))
	raw, err := s.Handover(ctx, issuertest.OperatorToken, wallet.SE.ID)
	must(t, err)
	if r := handoverReceipt(t, w, raw); r.Credentials != 1 || len(r.WipeOrderID) == 0 {
		t.Errorf("%d sets revoked, and the wipe order is %x", r.Credentials, r.WipeOrderID)
	}
}
