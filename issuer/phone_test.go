package issuer_test

import (
	"bytes"
	"context"
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"log/slog"
	"math/big"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ocsp"

	"mobileid/issuer"
	"mobileid/issuer/card"
	"mobileid/issuer/issuertest"
	"mobileid/issuer/store"
	"mobileid/mdoc/cbor"
	"mobileid/mdoc/pki"
	"mobileid/mdoc/provisioning"
)

// openPhones is an issuer that issues phone certificates.
func openPhones(t *testing.T, w *issuertest.World) (*issuer.Service, *store.Embedded) {
	t.Helper()
	return w.Open(t, t.TempDir()+"/issuer.db", func(c *issuer.Config) { c.Phone = w.Phone(t) })
}

// phoneOrdered goes from the start to the order.
func phoneOrdered(t *testing.T, w *issuertest.World, s *issuer.Service, wallet issuertest.Wallet) provisioning.Order {
	t.Helper()
	ctx := t.Context()
	started, err := s.Start(ctx)
	must(t, err)
	body := issuertest.Evidence(t, issuer.Evidence{Reading: issuertest.Tap(ctx, t, wallet.Card, started.Challenge, wallet.SE.ID, false),
		SEID: wallet.SE.ID, Slot: 1, Purpose: 1, Application: 2})
	p, err := s.Evidence(ctx, started.TransactionID, started.Token.Reveal(), body)
	must(t, err)
	o, ok := w.TSM.Order(p.OrderID)
	if !ok || o.Application != provisioning.ApplicationPhoneCertificates || o.Slot != 1 {
		t.Fatalf("the TSM has %v", ok)
	}
	return o
}

// onPhone is a set in force.
type onPhone struct {
	keys                      issuertest.PhoneKeys
	signature, authentication *x509.Certificate
	row                       store.Credential
}

func phoneActive(t *testing.T, w *issuertest.World, s *issuer.Service, kept *store.Embedded, wallet issuertest.Wallet) onPhone {
	t.Helper()
	o := phoneOrdered(t, w, s, wallet)
	k := w.AttestPhone(t, wallet.SE, o, nil)
	sealed, err := s.Attested(t.Context(), k.Signed)
	must(t, err)
	set, raw := wallet.SE.OpenSet(t, k, sealed)
	must(t, s.Receipt(t.Context(), wallet.SE.ReceiptPhone(t, k, raw)))
	row, err := kept.OfOrder(t.Context(), hex.EncodeToString(o.ID))
	must(t, err)
	if row.State != store.Active {
		t.Fatalf("the row is %s", row.State)
	}
	return onPhone{keys: k, signature: parseCertificate(t, set.Signature), authentication: parseCertificate(t, set.Authentication), row: row}
}

func TestPhoneEvidence(t *testing.T) {
	w := issuertest.New(t)
	with, _ := openPhones(t, w)
	without, _ := open(t, w, nil)
	wallet := w.Wallet(t, "nineteen", "element-01")
	for name, c := range map[string]struct {
		s      *issuer.Service
		change func(e *issuer.Evidence)
		field  string
	}{
		"application 3":   {with, func(e *issuer.Evidence) { e.Application = 3 }, "application"},
		"slot 2":          {with, func(e *issuer.Evidence) { e.Slot = 2 }, "application"},
		"for MACs":        {with, func(e *issuer.Evidence) { e.Purpose = 2 }, "application"},
		"with a number":   {with, func(e *issuer.Evidence) { e.Consent.IndividualNumber = true }, "application"},
		"not issued here": {without, func(*issuer.Evidence) {}, "application"},
	} {
		t.Run(name, func(t *testing.T) {
			started, err := c.s.Start(t.Context())
			must(t, err)
			e := issuer.Evidence{Reading: issuertest.Tap(t.Context(), t, wallet.Card, started.Challenge, wallet.SE.ID, false), SEID: wallet.SE.ID,
				Slot: 1, Purpose: 1, Application: 2}
			c.change(&e)
			_, err = c.s.Evidence(t.Context(), started.TransactionID, started.Token.Reveal(), issuertest.Evidence(t, e))
			if field, ok := errors.AsType[*issuer.FieldError](err); !ok || field.Field != c.field {
				t.Errorf("%v", err)
			}
			// A body that cannot be taken does not cost the challenge.
			if p, err := c.s.State(t.Context(), started.TransactionID, started.Token.Reveal()); err != nil || p.State != "open" {
				t.Errorf("the transaction is %s: %v", p.State, err)
			}
		})
	}
	for name, change := range map[string]func(*issuer.PhoneConfig){
		"CAs exchanged": func(c *issuer.PhoneConfig) { c.Signature, c.Authentication = c.Authentication, c.Signature },
		"no CA":         func(c *issuer.PhoneConfig) { c.Signature = nil },
		"no address":    func(c *issuer.PhoneConfig) { c.URL = "issuer.example" },
	} {
		config := w.Config(nil)
		config.Phone = w.Phone(t)
		change(config.Phone)
		if _, err := issuer.New(t.Context(), config); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
}

func TestPhoneIssuance(t *testing.T) {
	w := issuertest.New(t)
	s, kept := openPhones(t, w)
	ctx := t.Context()
	wallet := w.Wallet(t, "nineteen", "element-01")
	o := phoneOrdered(t, w, s, wallet)
	for name, c := range map[string]struct {
		alter func(a *provisioning.PhoneAttestation)
		check string
	}{
		"four tries for the PIN":     {func(a *provisioning.PhoneAttestation) { a.PINTries = 4 }, "attestation.try_limit"},
		"no limit for the PIN":       {func(a *provisioning.PhoneAttestation) { a.PINTries = 0 }, "attestation.try_limit"},
		"six tries for the password": {func(a *provisioning.PhoneAttestation) { a.PasswordTries = 6 }, "attestation.try_limit"},
		"one key twice":              {func(a *provisioning.PhoneAttestation) { a.SignatureKey = a.AuthenticationKey }, "attestation.keys"},
		"another element":            {func(a *provisioning.PhoneAttestation) { a.SEID = []byte("element-02") }, "attestation.se_id"},
	} {
		_, err := s.Attested(ctx, w.AttestPhone(t, wallet.SE, o, c.alter).Signed)
		if no, ok := errors.AsType[*issuer.RefusedError](err); !ok || !slices.Equal(no.Checks, []string{c.check}) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, alter := range map[string]func(a *provisioning.PhoneAttestation){
		"another challenge": func(a *provisioning.PhoneAttestation) { a.Challenge = make([]byte, 32) },
		"another order":     func(a *provisioning.PhoneAttestation) { a.OrderID = make([]byte, 16) },
	} {
		if _, err := s.Attested(ctx, w.AttestPhone(t, wallet.SE, o, alter).Signed); !errors.Is(err, issuer.ErrOrder) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := s.Attested(ctx, wallet.SE.Attest(t, o, nil).Signed); !errors.Is(err, issuer.ErrOrder) {
		t.Errorf("a credential's attestation for phone certificates: %v", err)
	}

	k := w.AttestPhone(t, wallet.SE, o, nil)
	sealed, err := s.Attested(ctx, k.Signed)
	must(t, err)
	again, err := s.Attested(ctx, k.Signed)
	if err != nil || !bytes.Equal(again, sealed) {
		t.Errorf("asked again: %v", err)
	}
	if _, err := s.Attested(ctx, w.AttestPhone(t, wallet.SE, o, nil).Signed); !errors.Is(err, issuer.ErrConflict) {
		t.Errorf("other keys for an answered order: %v", err)
	}
	set, raw := wallet.SE.OpenSet(t, k, sealed)
	signature, authentication := parseCertificate(t, set.Signature), parseCertificate(t, set.Authentication)
	if !k.Signature.PublicKey.Equal(signature.PublicKey) || !k.Authentication.PublicKey.Equal(authentication.PublicKey) {
		t.Error("certificates of other keys")
	}
	onCard := cardCertificate(t, wallet)
	for name, oid := range map[string]string{"holder": "2.5.29.17"} {
		if !bytes.Equal(extension(signature, oid), extension(onCard, oid)) || len(extension(signature, oid)) == 0 {
			t.Errorf("the %s is not as on the card", name)
		}
	}
	if extension(authentication, "2.5.29.17") != nil || strings.Contains(authentication.Subject.CommonName, "試験") {
		t.Error("the user authentication certificate names somebody")
	}

	wrong := wallet.SE.SignReceipt(t, provisioning.Receipt{Kind: provisioning.ReceiptCommitted, OrderID: o.ID, SEID: wallet.SE.ID, Slot: 1,
		Digest: digestOf(raw), Counter: wallet.SE.Next()})
	if err := s.Receipt(ctx, wrong); !errors.Is(err, issuer.ErrOrder) {
		t.Errorf("a credential's receipt for phone certificates: %v", err)
	}
	must(t, s.Receipt(ctx, wallet.SE.ReceiptPhone(t, k, raw)))
	if snapshot, err := kept.Status(ctx); err != nil || len(snapshot.Set) != 0 {
		t.Errorf("the status list shows %v: %v", snapshot.Set, err)
	}
}

func digestOf(raw []byte) []byte { d := sha256.Sum256(raw); return d[:] }

func extension(c *x509.Certificate, oid string) []byte {
	for _, e := range c.Extensions {
		if e.Id.String() == oid {
			return e.Value
		}
	}
	return nil
}

func cardCertificate(t *testing.T, wallet issuertest.Wallet) *x509.Certificate {
	t.Helper()
	raw := issuertest.Tap(t.Context(), t, wallet.Card, make([]byte, 32), wallet.SE.ID, false)
	r, err := card.ParseReading(raw)
	must(t, err)
	return parseCertificate(t, r.SignatureCertificate())
}

// A credential's order is not answered with phone keys either.
func TestPhoneKeysForACredential(t *testing.T) {
	w := issuertest.New(t)
	s, _ := openPhones(t, w)
	a := w.Ordered(t.Context(), t, s, w.Wallet(t, "nineteen", "element-01"))
	if _, err := s.Attested(t.Context(), w.AttestPhone(t, a.Wallet.SE, a.Order, nil).Signed); !errors.Is(err, issuer.ErrOrder) {
		t.Errorf("%v", err)
	}
}

// answer asks a responder and reads what it said.
func answer(t *testing.T, s *issuer.Service, kind store.CertificateKind, c, ca *x509.Certificate) *ocsp.Response {
	t.Helper()
	request, err := ocsp.CreateRequest(c, ca, nil)
	must(t, err)
	raw, err := s.PhoneOCSP(t.Context(), kind, request)
	must(t, err)
	r, err := ocsp.ParseResponseForCert(raw, c, ca)
	must(t, err)
	return r
}

// Lists and responders follow the rows; numbers rise; entries go once the certificate has ended.
func TestPhoneLists(t *testing.T) {
	w := issuertest.New(t)
	clock := issuertest.Instant()
	w.Now = func() time.Time { return clock }
	s, kept := openPhones(t, w)
	wallet := w.Wallet(t, "nineteen", "element-01")
	on := phoneActive(t, w, s, kept, wallet)
	list := func(kind store.CertificateKind) *x509.RevocationList {
		t.Helper()
		der, err := s.PhoneList(t.Context(), kind)
		must(t, err)
		ca := parseCertificate(t, s.PhoneAnchors()[map[store.CertificateKind]int{store.SignatureCertificate: 0, store.AuthenticationCertificate: 1}[kind]])
		if v := pki.LintCRL(der, ca, pki.CRLWithReasons); !v.OK() {
			t.Error(v)
		}
		l, err := x509.ParseRevocationList(der)
		must(t, err)
		return l
	}
	first := list(store.SignatureCertificate)
	if len(first.RevokedCertificateEntries) != 0 || list(store.SignatureCertificate).Number.Cmp(first.Number) != 0 {
		t.Error("a list of nothing, made anew for nothing")
	}
	for i, c := range []struct {
		reason store.Reason
		code   int
	}{{store.CertificateHold, 6}, {store.AffiliationChanged, 3}} {
		n, err := s.RevokePhone(t.Context(), issuertest.OperatorToken, wallet.SE.ID, c.reason)
		must(t, err)
		l := list(store.SignatureCertificate)
		if n != 1 || len(l.RevokedCertificateEntries) != 1 || l.RevokedCertificateEntries[0].ReasonCode != c.code ||
			l.RevokedCertificateEntries[0].SerialNumber.Cmp(on.signature.SerialNumber) != 0 || l.Number.Cmp(first.Number) <= 0 {
			t.Errorf("step %d: %d changed, entries %v", i, n, l.RevokedCertificateEntries)
		}
		if l := list(store.AuthenticationCertificate); len(l.RevokedCertificateEntries) != 1 || l.RevokedCertificateEntries[0].SerialNumber.Cmp(on.authentication.SerialNumber) != 0 {
			t.Errorf("step %d: the other list has %v", i, l.RevokedCertificateEntries)
		}
		r := answer(t, s, store.SignatureCertificate, on.signature, parseCertificate(t, s.PhoneAnchors()[0]))
		if r.Status != ocsp.Revoked || r.RevocationReason != c.code {
			t.Errorf("step %d: the responder says %d, %d", i, r.Status, r.RevocationReason)
		}
	}
	before := list(store.SignatureCertificate)
	clock = clock.Add(13 * time.Hour)
	if after := list(store.SignatureCertificate); after.Number.Cmp(before.Number) <= 0 || !after.NextUpdate.After(before.NextUpdate) {
		t.Error("at half its life the list was not made anew")
	}
	clock = on.signature.NotAfter.Add(48 * time.Hour)
	if l := list(store.SignatureCertificate); len(l.RevokedCertificateEntries) != 0 {
		t.Error("the list names a certificate that has ended")
	}
	stranger := &x509.Certificate{SerialNumber: big.NewInt(99)}
	if r := answer(t, s, store.SignatureCertificate, stranger, parseCertificate(t, s.PhoneAnchors()[0])); r.Status != ocsp.Unknown {
		t.Errorf("of a number that was never given out the responder says %d", r.Status)
	}
	long := &x509.Certificate{SerialNumber: new(big.Int).Lsh(big.NewInt(1), 100)}
	if r := answer(t, s, store.SignatureCertificate, long, parseCertificate(t, s.PhoneAnchors()[0])); r.Status != ocsp.Unknown {
		t.Errorf("of a number that cannot be the responder says %d", r.Status)
	}
	without, _ := open(t, issuertest.New(t), nil)
	if _, err := without.PhoneList(t.Context(), store.SignatureCertificate); !errors.Is(err, issuer.ErrNoPhones) {
		t.Errorf("%v", err)
	}
	if _, err := without.PhoneOCSP(t.Context(), store.SignatureCertificate, nil); !errors.Is(err, issuer.ErrNoPhones) || without.PhoneAnchors() != nil {
		t.Errorf("%v", err)
	}
}

// What becomes of the card's certificate becomes of the phone's, for the same reason; what nobody can tell changes nothing.
func TestPhonesFollowTheCard(t *testing.T) {
	for reason, want := range map[pki.Reason]store.Reason{pki.AffiliationChanged: store.AffiliationChanged, pki.Superseded: store.Superseded,
		pki.CessationOfOperation: store.CessationOfOperation} {
		w := issuertest.New(t)
		var away bool
		s, kept := w.Open(t, t.TempDir()+"/issuer.db", func(c *issuer.Config) {
			c.Phone, c.CardStatus = w.Phone(t), outage{fresh{w}, &away}
		})
		wallet := w.Wallet(t, "nineteen", "element-01")
		on := phoneActive(t, w, s, kept, wallet)
		state := func(want store.State) store.Credential {
			t.Helper()
			s.FollowCards(t.Context())
			row, err := kept.Credential(t.Context(), on.row.ID)
			must(t, err)
			if row.State != want {
				t.Errorf("%s: the row is %s, want %s", reason, row.State, want)
			}
			return row
		}
		state(store.Active)
		c := cardCertificate(t, wallet)
		must(t, w.JPKI.Revoke(c, pki.CertificateHold))
		state(store.Suspended)
		must(t, w.JPKI.Signature.Release(c))
		state(store.Active)
		must(t, w.JPKI.Revoke(c, reason))
		away = true
		state(store.Active)
		away = false
		if row := state(store.Revoked); row.Reason != want {
			t.Errorf("%s: reason %s", reason, row.Reason)
		}
	}
}

// outage is a source that can be away.
type outage struct {
	behind card.StatusSource
	away   *bool
}

func (o outage) Status(ctx context.Context, c, ca *x509.Certificate, at time.Time) card.StatusAnswer {
	if *o.away {
		return card.StatusAnswer{Measured: "away"}
	}
	return o.behind.Status(ctx, c, ca, at)
}

// fresh asks JPKI-TEST anew each time.
type fresh struct{ w *issuertest.World }

func (f fresh) Status(ctx context.Context, c, ca *x509.Certificate, at time.Time) card.StatusAnswer {
	return f.w.CardStatus().Status(ctx, c, ca, at)
}

// ownWord is a holder's revocation over a challenge; change may alter it after it is signed.
func ownWord(t *testing.T, on onPhone, seID, challenge []byte, change func(*issuer.Revocation)) []byte {
	t.Helper()
	digest := sha256.Sum256(issuer.PhoneRevocationStatement(challenge, seID))
	signature, err := rsa.SignPKCS1v15(nil, on.keys.Signature, crypto.SHA256, digest[:])
	must(t, err)
	r := issuer.Revocation{Certificate: on.signature.Raw, SEID: seID, Signature: signature}
	if change != nil {
		change(&r)
	}
	raw, err := cbor.Marshal(r)
	must(t, err)
	return raw
}

// A holder's word needs the phone's key over a challenge of this moment, and is taken once.
func TestRevokeOwn(t *testing.T) {
	w := issuertest.New(t)
	s, kept := openPhones(t, w)
	wallet := w.Wallet(t, "nineteen", "element-01")
	on := phoneActive(t, w, s, kept, wallet)
	body := func(challenge []byte, change func(r *issuer.Revocation)) []byte {
		t.Helper()
		return ownWord(t, on, wallet.SE.ID, challenge, change)
	}
	for name, c := range map[string]struct {
		change func(r *issuer.Revocation)
		check  string
	}{
		"the other certificate": {func(r *issuer.Revocation) { r.Certificate = on.authentication.Raw }, "revocation.certificate"},
		"the card's":            {func(r *issuer.Revocation) { r.Certificate = cardCertificate(t, wallet).Raw }, "revocation.certificate"},
		"garbage":               {func(r *issuer.Revocation) { r.Certificate = []byte{1} }, "revocation.certificate"},
		"another element":       {func(r *issuer.Revocation) { r.SEID = []byte("element-02") }, "revocation.element"},
		"a flipped bit":         {func(r *issuer.Revocation) { r.Signature[0] ^= 1 }, "revocation.signature"},
	} {
		started, err := s.Start(t.Context())
		must(t, err)
		_, err = s.RevokeOwn(t.Context(), started.TransactionID, started.Token.Reveal(), body(started.Challenge, c.change))
		if no, ok := errors.AsType[*issuer.RefusedError](err); !ok || !slices.Equal(no.Checks, []string{c.check}) {
			t.Errorf("%s: %v", name, err)
		}
		if p, err := s.State(t.Context(), started.TransactionID, started.Token.Reveal()); err != nil || p.State != "failed" {
			t.Errorf("%s: the transaction is %s: %v", name, p.State, err)
		}
	}
	started, err := s.Start(t.Context())
	must(t, err)
	replayed := body(bytes.Repeat([]byte{9}, 32), nil)
	if _, err := s.RevokeOwn(t.Context(), started.TransactionID, started.Token.Reveal(), replayed); err == nil {
		t.Error("a signature over another challenge was taken")
	}
	if _, err := s.RevokeOwn(t.Context(), started.TransactionID, started.Token.Reveal(), body(started.Challenge, nil)); !errors.Is(err, issuer.ErrUsed) {
		t.Errorf("a second attempt over one challenge: %v", err)
	}
	if started, err = s.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := s.RevokeOwn(t.Context(), started.TransactionID, "x", body(started.Challenge, nil)); !errors.Is(err, issuer.ErrToken) {
		t.Errorf("another token: %v", err)
	}
	if _, err := s.RevokeOwn(t.Context(), started.TransactionID, started.Token.Reveal(), []byte{0xA0}); err == nil {
		t.Error("an empty body was taken")
	}
	n, err := s.RevokeOwn(t.Context(), started.TransactionID, started.Token.Reveal(), body(started.Challenge, nil))
	if err != nil || n != 1 {
		t.Fatalf("%d sets: %v", n, err)
	}
	row, err := kept.Credential(t.Context(), on.row.ID)
	must(t, err)
	if row.State != store.Revoked || row.Reason != store.CessationOfOperation || row.Phone.WipeID == "" {
		t.Errorf("row %s, %s", row.State, row.Reason)
	}
	wipes := w.TSM.Wipes() // the order is with the TSM before the answer
	if len(wipes) != 1 || wipes[0].Slot != 1 || wipes[0].Application != provisioning.ApplicationPhoneCertificates {
		t.Fatalf("%d wipe orders", len(wipes))
	}
	must(t, s.Receipt(t.Context(), wallet.SE.Wiped(t, wipes[0], provisioning.ApplicationPhoneCertificates, 1)))
	if row, err = kept.Credential(t.Context(), on.row.ID); err != nil || row.Phone.WipedAt.IsZero() {
		t.Errorf("the receipt is not on record: %v", err)
	}
}

// A set for another phone supersedes; a crash between row and receipt leaves nothing in force.
func TestOnePhone(t *testing.T) {
	w := issuertest.New(t)
	s, kept := openPhones(t, w)
	old := w.Wallet(t, "nineteen", "element-01")
	first := phoneActive(t, w, s, kept, old)
	young := old
	young.SE = w.SE(t, "element-02")
	second := phoneActive(t, w, s, kept, young)
	for id, want := range map[string]store.State{first.row.ID: store.Revoked, second.row.ID: store.Active} {
		row, err := kept.Credential(t.Context(), id)
		must(t, err)
		if row.State != want || want == store.Revoked && row.Reason != store.Superseded {
			t.Errorf("row %s, %s", row.State, row.Reason)
		}
	}
	o := phoneOrdered(t, w, s, old)
	_, err := s.Attested(t.Context(), w.AttestPhone(t, old.SE, o, nil).Signed)
	must(t, err)
	row, err := kept.OfOrder(t.Context(), hex.EncodeToString(o.ID))
	must(t, err)
	_, err = s.Suspend(t.Context(), issuertest.OperatorToken, old.SE.ID) // what is on its way ends for good
	must(t, err)
	r := answer(t, s, store.SignatureCertificate, &x509.Certificate{SerialNumber: new(big.Int).SetUint64(row.Phone.Signature)}, parseCertificate(t, s.PhoneAnchors()[0]))
	if r.Status != ocsp.Revoked || r.RevocationReason != ocsp.CessationOfOperation {
		t.Errorf("the responder says %d, %d", r.Status, r.RevocationReason)
	}
}

func FuzzParseRevocation(f *testing.F) {
	good, err := cbor.Marshal(issuer.Revocation{Certificate: []byte{1}, SEID: []byte("element-01"), Signature: make([]byte, 256)})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add([]byte{0xA0})
	f.Add(good[:40])
	f.Fuzz(func(t *testing.T, raw []byte) {
		r, err := issuer.ParseRevocation(raw)
		if (err == nil) != (r != nil) {
			t.Fatal("an error and a result, or neither")
		}
		if err != nil {
			return
		}
		again, err := cbor.Marshal(*r)
		if err != nil {
			t.Fatal(err)
		}
		back, err := issuer.ParseRevocation(again)
		if err != nil || !bytes.Equal(back.Certificate, r.Certificate) || !bytes.Equal(back.SEID, r.SEID) || !bytes.Equal(back.Signature, r.Signature) {
			t.Errorf("another revocation: %v", err)
		}
	})
}

// Nothing of the holder is written down: not in the store, not in the log. The serial number of the card's certificate is sealed.
func TestPhoneLeavesNoTrace(t *testing.T) {
	w := issuertest.New(t)
	path := t.TempDir() + "/issuer.db"
	var log bytes.Buffer
	s, kept := w.Open(t, path, func(c *issuer.Config) {
		c.Phone, c.Log = w.Phone(t), slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	})
	wallet := w.Wallet(t, "nineteen", "element-01")
	on := phoneActive(t, w, s, kept, wallet)
	s.FollowCards(t.Context())
	_, err := s.RevokePhone(t.Context(), issuertest.OperatorToken, wallet.SE.ID, store.Superseded)
	must(t, err)
	written, err := os.ReadFile(path)
	must(t, err)
	onCard, p := cardCertificate(t, wallet), wallet.Card.Person()
	searched := 0
	for name, secret := range map[string][]byte{"name": []byte(p.Name), "address": []byte(p.Address), "element": wallet.SE.ID,
		"element in hex": []byte(hex.EncodeToString(wallet.SE.ID)), "card's serial number": onCard.SerialNumber.Bytes(),
		"card's serial number in decimal": []byte(onCard.SerialNumber.String()), "subject": []byte(on.signature.Subject.CommonName)} {
		for place, text := range map[string][]byte{"store": written, "log": log.Bytes()} {
			searched++
			if bytes.Contains(text, secret) {
				t.Errorf("the %s holds the %s", place, name)
			}
		}
	}
	if len(written) == 0 || log.Len() == 0 {
		t.Error("nothing was searched")
	}
	t.Logf("phone certificates: %d searches, nothing of the holder found", searched)
}

// The element is locked while the desk holds, whichever hold came first and whichever ends first.
func TestHoldsOfDeskAndCard(t *testing.T) {
	for _, c := range []struct{ first, ends string }{{"desk", "desk"}, {"desk", "card"}, {"card", "desk"}, {"card", "card"}} {
		t.Run(c.first+" first, "+c.ends+" ends first", func(t *testing.T) {
			w := issuertest.New(t)
			s, kept := w.Open(t, t.TempDir()+"/issuer.db", func(c *issuer.Config) { c.Phone, c.CardStatus = w.Phone(t), fresh{w} })
			wallet := w.Wallet(t, "nineteen", "element-01")
			on := phoneActive(t, w, s, kept, wallet)
			onCard := cardCertificate(t, wallet)
			hold := map[string]func(){
				"desk": func() {
					n, err := s.RevokePhone(t.Context(), issuertest.OperatorToken, wallet.SE.ID, store.CertificateHold)
					must(t, err)
					if n != 1 {
						t.Errorf("the desk held %d sets", n)
					}
				},
				"card": func() { must(t, w.JPKI.Revoke(onCard, pki.CertificateHold)); s.FollowCards(t.Context()) },
			}
			release := map[string]func(){
				"desk": func() {
					n, err := s.ReleasePhone(t.Context(), issuertest.OperatorToken, wallet.SE.ID)
					must(t, err)
					if n != 1 {
						t.Errorf("the desk released %d sets", n)
					}
				},
				"card": func() { must(t, w.JPKI.Signature.Release(onCard)); s.FollowCards(t.Context()) },
			}
			other := map[string]string{"desk": "card", "card": "desk"}
			sent := func(when string, state store.State, locks, unlocks int) {
				t.Helper()
				s.Dispatch(t.Context())
				row, err := kept.Credential(t.Context(), on.row.ID)
				must(t, err)
				l, u := len(w.TSM.Taken(provisioning.OrderLock)), len(w.TSM.Taken(provisioning.OrderUnlock))
				if row.State != state || l != locks || u != unlocks {
					t.Errorf("%s: row %s, %d locks, %d unlocks; want %s, %d, %d", when, row.State, l, u, state, locks, unlocks)
				}
			}
			hold[c.first]()
			hold[other[c.first]]()
			sent("held by both", store.Suspended, 1, 0)
			release[c.ends]()
			sent("one ended", store.Suspended, 1, map[string]int{"desk": 1}[c.ends])
			release[other[c.ends]]()
			sent("both ended", store.Active, 1, 1)
		})
	}
}

// Certificates that were revoked without an order to empty the phone can be emptied afterwards, once, by the desk.
func TestEmptiedAfterRevocation(t *testing.T) {
	for name, c := range map[string]struct {
		revoke func(t *testing.T, w *issuertest.World, s *issuer.Service, kept *store.Embedded, wallet issuertest.Wallet)
		wipes  int
	}{
		"with the card's": {func(t *testing.T, w *issuertest.World, s *issuer.Service, _ *store.Embedded, wallet issuertest.Wallet) {
			must(t, w.JPKI.Revoke(cardCertificate(t, wallet), pki.AffiliationChanged))
			s.FollowCards(t.Context())
		}, 1},
		"by another phone": {func(t *testing.T, w *issuertest.World, s *issuer.Service, kept *store.Embedded, wallet issuertest.Wallet) {
			wallet.SE = w.SE(t, "element-02")
			phoneActive(t, w, s, kept, wallet)
		}, 1},
		"by a handover": {func(t *testing.T, _ *issuertest.World, s *issuer.Service, _ *store.Embedded, wallet issuertest.Wallet) {
			_, err := s.Handover(t.Context(), issuertest.OperatorToken, wallet.SE.ID)
			must(t, err)
		}, 0}, // whose own order empties it
	} {
		t.Run(name, func(t *testing.T) {
			w := issuertest.New(t)
			s, kept := w.Open(t, t.TempDir()+"/issuer.db", func(c *issuer.Config) { c.Phone, c.CardStatus = w.Phone(t), fresh{w} })
			wallet := w.Wallet(t, "nineteen", "element-01")
			on := phoneActive(t, w, s, kept, wallet)
			c.revoke(t, w, s, kept, wallet)
			before, err := kept.Credential(t.Context(), on.row.ID)
			must(t, err)
			for i, want := range []int{0, c.wipes, 0} {
				reason := store.Reason(store.CessationOfOperation)
				if i == 0 {
					reason = store.CertificateHold
				}
				n, err := s.RevokePhone(t.Context(), issuertest.OperatorToken, wallet.SE.ID, reason)
				must(t, err)
				if n != want {
					t.Errorf("time %d: %d sets changed, want %d", i, n, want)
				}
			}
			s.Dispatch(t.Context())
			var wipes []provisioning.Order
			for _, o := range w.TSM.Wipes() {
				if o.Application == provisioning.ApplicationPhoneCertificates && bytes.Equal(o.SEID, wallet.SE.ID) {
					wipes = append(wipes, o)
				}
			}
			if len(wipes) != c.wipes {
				t.Fatalf("%d orders to empty the certificates, want %d", len(wipes), c.wipes)
			}
			after, err := kept.Credential(t.Context(), on.row.ID)
			must(t, err)
			if after.State != store.Revoked || after.Reason != before.Reason || !after.ChangedAt.Equal(before.ChangedAt) {
				t.Errorf("row %s, %s", after.State, after.Reason)
			}
			if c.wipes == 0 {
				return
			}
			must(t, s.Receipt(t.Context(), wallet.SE.Wiped(t, wipes[0], provisioning.ApplicationPhoneCertificates, 1)))
			if after, err = kept.Credential(t.Context(), on.row.ID); err != nil || after.Phone.WipedAt.IsZero() {
				t.Errorf("the receipt is not on record: %v", err)
			}
		})
	}
}

// A final change orders the application to be emptied once, also of a set that was delivered and has no receipt yet; a hold ends that set without an
// order.
func TestRevokedOnItsWay(t *testing.T) {
	for reason, want := range map[store.Reason]int{store.CessationOfOperation: 1, store.CertificateHold: 0} {
		for _, renewal := range []bool{false, true} {
			w := issuertest.New(t)
			s, kept := openPhones(t, w)
			wallet := w.Wallet(t, "nineteen", "element-01")
			sets, locks := 1, 0
			var rows []string
			if renewal {
				rows = append(rows, phoneActive(t, w, s, kept, wallet).row.ID)
				sets, locks = 2, 1-want
			}
			o := phoneOrdered(t, w, s, wallet)
			_, err := s.Attested(t.Context(), w.AttestPhone(t, wallet.SE, o, nil).Signed)
			must(t, err)
			row, err := kept.OfOrder(t.Context(), hex.EncodeToString(o.ID))
			must(t, err)
			rows = append(rows, row.ID)
			n, err := s.RevokePhone(t.Context(), issuertest.OperatorToken, wallet.SE.ID, reason)
			must(t, err)
			s.Dispatch(t.Context())
			if wipes, l := len(w.TSM.Wipes()), len(w.TSM.Taken(provisioning.OrderLock)); n != sets || wipes != want || l != locks {
				t.Errorf("%s, renewal %v: %d sets, %d wipes, %d locks; want %d, %d, %d", reason, renewal, n, wipes, l, sets, want, locks)
			}
			for _, id := range rows {
				row, err := kept.Credential(t.Context(), id)
				must(t, err)
				if want == 1 && row.Phone.WipeID != hex.EncodeToString(w.TSM.Wipes()[0].ID) {
					t.Errorf("%s, renewal %v: a row does not name the order that empties it", reason, renewal)
				}
			}
		}
	}
}

// A renewal in place with the person's next card ends the former set: its keys are gone.
func TestRenewalWithAnotherCard(t *testing.T) {
	w := issuertest.New(t)
	s, kept := openPhones(t, w)
	wallet := w.Wallet(t, "nineteen", "element-01")
	first := phoneActive(t, w, s, kept, wallet)
	next := w.Wallet(t, "nineteen", "element-02")
	next.SE = wallet.SE
	if cardCertificate(t, next).SerialNumber.Cmp(cardCertificate(t, wallet).SerialNumber) == 0 {
		t.Fatal("the same card")
	}
	second := phoneActive(t, w, s, kept, next)
	ca := parseCertificate(t, s.PhoneAnchors()[0])
	if r := answer(t, s, store.SignatureCertificate, first.signature, ca); r.Status != ocsp.Revoked || r.RevocationReason != ocsp.Superseded {
		t.Errorf("of the former certificate the responder says %d, %d", r.Status, r.RevocationReason)
	}
	if r := answer(t, s, store.SignatureCertificate, second.signature, ca); r.Status != ocsp.Good {
		t.Errorf("of the new one it says %d", r.Status)
	}
}
