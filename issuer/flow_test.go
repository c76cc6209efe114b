package issuer_test

import (
	"bytes"
	"path/filepath"
	"testing"
	"time"

	"mobileid/issuer"
	"mobileid/issuer/issuertest"
	"mobileid/issuer/store"
	"mobileid/mdoc"
	"mobileid/mdoc/cbor"
	"mobileid/mdoc/doctype"
	"mobileid/mdoc/provisioning"
	"mobileid/mdoc/statuslist"
)

// open makes an issuer over a new store.
func open(t *testing.T, w *issuertest.World, alter func(*issuer.Config)) (*issuer.Service, *store.Embedded) {
	t.Helper()
	return w.Open(t, filepath.Join(t.TempDir(), "issuer.db"), alter)
}

// checked parses a credential after the verifier's own judgement of it.
func checked(t *testing.T, w *issuertest.World, issued []byte) (*mdoc.IssuerSigned, *mdoc.MobileSecurityObject) {
	t.Helper()
	doc, err := mdoc.ParseIssuerSigned(issued)
	must(t, err)
	v, err := doc.CheckIssuerSigned(w.IACAAnchors(), w.Now())
	must(t, err)
	if !v.OK() {
		t.Fatalf("the verifier refuses: %s", v)
	}
	mso, err := doc.MSO()
	must(t, err)
	return doc, mso
}

// bit reads the published list at the index a credential names.
func bit(t *testing.T, w *issuertest.World, s *issuer.Service, issued []byte) uint8 {
	t.Helper()
	_, mso := checked(t, w, issued)
	if mso.Status == nil || mso.Status.StatusList == nil || mso.Status.StatusList.URI != issuertest.StatusURI {
		t.Fatal("the credential names no list")
	}
	published, ok := s.StatusList()
	if !ok {
		t.Fatal("no list is published")
	}
	signed, err := statuslist.Parse(published.Token)
	must(t, err)
	token, v, err := signed.Verify(w.IACAAnchors(), issuertest.StatusURI, w.Now())
	must(t, err)
	if !v.OK() {
		t.Fatalf("the list is refused: %s", v)
	}
	b, err := token.List.At(mso.Status.StatusList.Index)
	must(t, err)
	return b
}

func wantState(t *testing.T, s *issuer.Service, a *issuertest.Attempt, want string) {
	t.Helper()
	if got := a.State(t.Context(), t, s); got != want {
		t.Errorf("state %q, expected %q", got, want)
	}
}

func TestIssuance(t *testing.T) {
	ctx := t.Context()
	w := issuertest.New(t)
	s, _ := open(t, w, nil)
	wallet := w.Wallet(t, "nineteen", "element-01")
	wallet.Number = true
	person := wallet.Card.Person()

	started, err := s.Start(ctx)
	must(t, err)
	if len(started.Challenge) != 32 || !started.ExpiresAt.Equal(w.Now().Add(issuer.DefaultTransactionLife)) {
		t.Error("challenge or end of the transaction is not as promised")
	}
	a := &issuertest.Attempt{Wallet: wallet, Started: started}
	wantState(t, s, a, "open")

	p, err := s.Evidence(ctx, started.TransactionID, started.Token.Reveal(), wallet.Body(ctx, t, started.Challenge))
	must(t, err)
	wantState(t, s, a, "ordered")
	order, ok := w.TSM.Order(p.OrderID)
	if !ok || order.Kind != provisioning.OrderProvision || !bytes.Equal(order.SEID, wallet.SE.ID) || order.Slot != 1 {
		t.Fatal("the TSM has not got the order that was meant")
	}
	if bytes.Equal(order.Challenge, started.Challenge) {
		t.Error("card and secure element were given one challenge")
	}
	a.Order = order

	a.Attested(ctx, t, s)
	wantState(t, s, a, "delivered")
	doc, mso := checked(t, w, a.Issued)
	if mso.DocType != doctype.DocTypeMNC || !mso.DeviceKeyInfo.DeviceKey.Equal(a.Keys.Attestation.DeviceKey) {
		t.Error("another document type or device key")
	}
	if until := mso.ValidityInfo.ValidUntil.Time(); until.After(w.Now().Add(issuer.DefaultLife)) || until.Before(w.Now().Add(29*24*time.Hour)) {
		t.Errorf("valid until %v", until)
	}
	for _, e := range []struct {
		nameSpace, identifier string
		value                 any
	}{
		{doctype.NameSpaceJP, "full_name_unicode", person.Name},
		{doctype.NameSpaceJP, "resident_address_unicode", person.Address},
		{doctype.NameSpaceJP, doctype.IndividualNumber, person.Number},
		{doctype.NameSpaceJP, "sex_unicode", "男"},
		{doctype.NameSpaceISO, "birth_date", person.BirthDate},
		{doctype.NameSpaceISO, "age_over_18", true},
		{doctype.NameSpaceISO, "age_over_20", false},
	} {
		want, err := cbor.Marshal(e.value)
		must(t, err)
		item, ok := doc.Item(e.nameSpace, e.identifier)
		if !ok || !bytes.Equal(item.Value.ElementValue, want) {
			t.Errorf("%s is missing or not what the card says", e.identifier)
		}
	}
	if bit(t, w, s, a.Issued) != statuslist.Valid {
		t.Error("a fresh credential does not read as valid")
	}

	t.Run("the same attestation again", func(t *testing.T) {
		for name, raw := range map[string][]byte{"same bytes": a.Keys.Signed, "signed again": wallet.SE.Sign(t, a.Keys.Attestation)} {
			sealed, err := s.Attested(ctx, raw)
			if err != nil || !bytes.Equal(sealed, a.Sealed) {
				t.Errorf("%s: error %v, same sealed credential %v", name, err, bytes.Equal(sealed, a.Sealed))
			}
		}
	})
	a.Committed(ctx, t, s)
	wantState(t, s, a, "active")
	t.Run("the same receipt again", func(t *testing.T) {
		must(t, s.Receipt(ctx, a.Receipt))
		wantState(t, s, a, "active")
	})
	t.Run("a younger one takes its place", func(t *testing.T) {
		b := w.Ordered(ctx, t, s, wallet).Attested(ctx, t, s)
		if bit(t, w, s, a.Issued) != statuslist.Valid {
			t.Error("the older one ends before the younger one is held")
		}
		b.Committed(ctx, t, s)
		wantState(t, s, a, "revoked")
		wantState(t, s, b, "active")
		if bit(t, w, s, a.Issued) != statuslist.Invalid || bit(t, w, s, b.Issued) != statuslist.Valid {
			t.Error("the list does not show which one holds")
		}
	})
	t.Run("another purpose beside it", func(t *testing.T) {
		other := wallet
		other.Slot, other.Purpose, other.Number = 2, provisioning.PurposeMAC, false
		b := w.Ordered(ctx, t, s, other).Attested(ctx, t, s).Committed(ctx, t, s)
		wantState(t, s, b, "active")
		doc, _ := checked(t, w, b.Issued)
		if _, ok := doc.Item(doctype.NameSpaceJP, doctype.IndividualNumber); ok {
			t.Error("the individual number came along unasked")
		}
	})
}

// A process that ends forgets the person; nothing it signed comes out later.
func TestRestartForgets(t *testing.T) {
	ctx := t.Context()
	w := issuertest.New(t)
	s, kept := open(t, w, nil)
	wallet := w.Wallet(t, "birthday", "element-01")
	ordered := w.Ordered(ctx, t, s, wallet)
	delivered := w.Ordered(ctx, t, s, wallet).Attested(ctx, t, s)

	again, err := issuer.New(ctx, w.Config(kept))
	must(t, err)
	wantState(t, again, ordered, issuer.Expired)
	_, err = again.Attested(ctx, wallet.SE.Attest(t, ordered.Order, nil).Signed)
	wantError(t, err, issuer.ErrGone)
	_, err = again.Attested(ctx, delivered.Keys.Signed)
	wantError(t, err, issuer.ErrGone)
	delivered.Committed(ctx, t, again) // what was released before still counts
	wantState(t, again, delivered, "active")
}
