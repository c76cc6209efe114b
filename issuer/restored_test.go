package issuer_test

import (
	"testing"
	"time"

	"mobileid/issuer/issuertest"
	"mobileid/issuer/store"
	"mobileid/mdoc/provisioning"
	"mobileid/mdoc/statuslist"
)

// A phone changes hands while it is offline, is emptied later, and is then restored from an image made before. What the
// image presents stays revoked by the list from the handover on; its receipts, whose counter went back, are not taken; and
// its next owner gets a document only under the new epoch. What is left is a verifier without a list: the document's own
// validity bounds that.
func TestRestoredImage(t *testing.T) {
	ctx := t.Context()
	w := issuertest.New(t)
	s, _ := open(t, w, nil)
	wallet := w.Wallet(t, "nineteen", "element-01")
	a := w.Ordered(ctx, t, s, wallet).Attested(ctx, t, s).Committed(ctx, t, s)
	image := a.Receipt // the last thing the element signed before the image was made

	w.TSM.Fail(errAway) // the phone is offline, and the TSM away besides
	begun := time.Now()
	raw, err := s.Handover(ctx, issuertest.OperatorToken, wallet.SE.ID)
	must(t, err)
	if bit(t, w, s, a.Issued) != statuslist.Invalid {
		t.Fatal("the list does not show the revocation when the receipt is given out")
	}
	t.Logf("E7: revoked in the signed list %s after the request", time.Since(begun))
	order := handoverReceipt(t, w, raw).WipeOrderID

	restored := wallet.SE.Image()
	w.TSM.Fail(nil)
	s.Dispatch(ctx)
	must(t, s.Receipt(ctx, wallet.SE.Wiped(t, w.TSM.Wipes()[0], provisioning.ApplicationCredential, 1)))

	t.Run("it reads as invalid for good", func(t *testing.T) {
		for range 3 {
			n, err := s.Resume(ctx, issuertest.OperatorToken, wallet.SE.ID)
			if must(t, err); n != 0 || bit(t, w, s, a.Issued) != statuslist.Invalid {
				t.Errorf("%d credentials came back", n)
			}
		}
		wantState(t, s, a, "revoked")
	})
	t.Run("its receipts are not taken", func(t *testing.T) {
		wantError(t, s.Receipt(ctx, image), store.ErrRevoked)
		next := w.Ordered(ctx, t, s, issuertest.Wallet{Card: wallet.Card, SE: restored, Slot: 1, Purpose: provisioning.PurposeSign})
		next.Attested(ctx, t, s)
		wantError(t, s.Receipt(ctx, restored.Receipt(t, next.Keys, next.Issued)), store.ErrRollback)
		wantState(t, s, next, "delivered")
	})
	t.Run("another wipe of the same order changes nothing", func(t *testing.T) {
		again := wallet.SE.SignReceipt(t, provisioning.Receipt{Kind: provisioning.ReceiptWiped, OrderID: order, SEID: wallet.SE.ID,
			Slot: 1, Counter: 1})
		wantError(t, s.Receipt(ctx, again), store.ErrRollback)
	})
}
