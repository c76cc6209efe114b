package issuer_test

import (
	"context"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"slices"
	"testing"
	"time"

	"mobileid/issuer"
	"mobileid/issuer/card"
	"mobileid/issuer/issuertest"
	"mobileid/issuer/refusal"
	"mobileid/issuer/store"
	"mobileid/mdoc/provisioning"
)

func wantError(t *testing.T, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("error %v, expected %v", err, want)
	}
}

// wantRefused expects a RefusedError that names a check; "" means any.
func wantRefused(t *testing.T, err error, what, check string) {
	t.Helper()
	r, ok := errors.AsType[*issuer.RefusedError](err)
	if !ok || r.What != what || len(r.Checks) == 0 || check != "" && !slices.Contains(r.Checks, check) {
		t.Errorf("error %v, expected %s refused by %q", err, what, check)
	}
}

// wantCode expects a refused card reading with a code that the table explains.
func wantCode(t *testing.T, err error, code string) {
	t.Helper()
	r, ok := errors.AsType[*issuer.RefusedError](err)
	if !ok || r.What != "card reading" || r.Code != code {
		t.Errorf("error %v (%+v), expected the code %s", err, r, code)
	}
	if _, ok := refusal.Of(code); !ok {
		t.Errorf("the code %s is not explained", code)
	}
}

func wantField(t *testing.T, err error, field string) {
	t.Helper()
	if f, ok := errors.AsType[*issuer.FieldError](err); !ok || f.Field != field {
		t.Errorf("error %v, expected the field %s", err, field)
	}
}

func TestEvidenceRefused(t *testing.T) {
	ctx := t.Context()
	w := issuertest.New(t)
	s, _ := open(t, w, nil)
	wallet := w.Wallet(t, "nineteen", "element-01")
	start := func(t *testing.T) issuer.Started {
		t.Helper()
		started, err := s.Start(ctx)
		must(t, err)
		return started
	}
	send := func(in issuer.Started, token string, body []byte) error {
		_, err := s.Evidence(ctx, in.TransactionID, token, body)
		return err
	}
	t.Run("wrong token", func(t *testing.T) {
		one, two := start(t), start(t)
		body := wallet.Body(ctx, t, one.Challenge)
		unknown := one
		unknown.TransactionID = hex.EncodeToString(make([]byte, 16))
		wantError(t, send(one, two.Token.Reveal(), body), issuer.ErrToken)
		wantError(t, send(one, "", body), issuer.ErrToken)
		wantError(t, send(unknown, one.Token.Reveal(), body), issuer.ErrToken)
		_, err := s.State(ctx, one.TransactionID, two.Token.Reveal())
		wantError(t, err, issuer.ErrToken)
		must(t, send(one, one.Token.Reveal(), body)) // none of that used the challenge up
	})
	t.Run("challenge used twice", func(t *testing.T) {
		one := start(t)
		body := wallet.Body(ctx, t, one.Challenge)
		must(t, send(one, one.Token.Reveal(), body))
		wantError(t, send(one, one.Token.Reveal(), body), issuer.ErrUsed)
	})
	t.Run("challenge of another transaction", func(t *testing.T) {
		one, two := start(t), start(t)
		body := wallet.Body(ctx, t, one.Challenge)
		wantRefused(t, send(two, two.Token.Reveal(), body), "card reading", "")
		wantState(t, s, &issuertest.Attempt{Started: two}, "failed")
		wantError(t, send(two, two.Token.Reveal(), wallet.Body(ctx, t, two.Challenge)), issuer.ErrUsed)
	})
	t.Run("reading bound to another element", func(t *testing.T) {
		one := start(t)
		body := issuertest.Evidence(t, issuer.Evidence{Reading: issuertest.Tap(ctx, t, wallet.Card, one.Challenge, []byte("element-02"), false),
			SEID: wallet.SE.ID, Slot: 1, Purpose: 1})
		wantRefused(t, send(one, one.Token.Reveal(), body), "card reading", "")
	})
	t.Run("number without consent", func(t *testing.T) {
		one := start(t)
		body := issuertest.Evidence(t, issuer.Evidence{Reading: issuertest.Tap(ctx, t, wallet.Card, one.Challenge, wallet.SE.ID, true),
			SEID: wallet.SE.ID, Slot: 1, Purpose: 1})
		wantRefused(t, send(one, one.Token.Reveal(), body), "card reading", "")
	})
	t.Run("transaction expired", func(t *testing.T) {
		one := start(t)
		body := wallet.Body(ctx, t, one.Challenge)
		defer func() { w.Now = issuertest.Instant }()
		w.Now = func() time.Time { return one.ExpiresAt }
		wantError(t, send(one, one.Token.Reveal(), body), issuer.ErrExpired)
		wantState(t, s, &issuertest.Attempt{Started: one}, issuer.Expired)
	})
	t.Run("card revoked", func(t *testing.T) {
		other := w.Wallet(t, "leapday", "element-03")
		one := start(t)
		body := other.Body(ctx, t, one.Challenge)
		must(t, w.Denied.Revoke(signatureCertificate(t, body)))
		wantRefused(t, send(one, one.Token.Reveal(), body), "card reading", "card.certificate.status")
		wantState(t, s, &issuertest.Attempt{Started: one}, "failed")
	})
	t.Run("unreadable body does not cost the challenge", func(t *testing.T) {
		one := start(t)
		wantField(t, send(one, one.Token.Reveal(), []byte{0xff}), "evidence")
		wantField(t, send(one, one.Token.Reveal(), issuertest.Evidence(t, issuer.Evidence{Reading: []byte{1}, SEID: wallet.SE.ID, Slot: 1, Purpose: 1})), "reading")
		must(t, send(one, one.Token.Reveal(), wallet.Body(ctx, t, one.Challenge)))
	})
}

// statusUnknown is a source that cannot say.
type statusUnknown struct{}

var errAway = errors.New("away")

func (statusUnknown) Status(context.Context, *x509.Certificate, *x509.Certificate, time.Time) card.StatusAnswer {
	return card.StatusAnswer{Measured: "away"}
}

func TestEvidenceWithoutRoomOrStatus(t *testing.T) {
	ctx := t.Context()
	w := issuertest.New(t)
	wallet := w.Wallet(t, "nineteen", "element-01")
	t.Run("status of the card unknown", func(t *testing.T) {
		s, _ := open(t, w, func(c *issuer.Config) { c.CardStatus = statusUnknown{} })
		one, err := s.Start(ctx)
		must(t, err)
		_, err = s.Evidence(ctx, one.TransactionID, one.Token.Reveal(), wallet.Body(ctx, t, one.Challenge))
		wantCode(t, err, refusal.CodeStatusUnavailable)
	})
	t.Run("too many identities held", func(t *testing.T) {
		s, _ := open(t, w, func(c *issuer.Config) { c.MaxHeld = 1 })
		first := w.Ordered(ctx, t, s, wallet)
		one, err := s.Start(ctx)
		must(t, err)
		body := wallet.Body(ctx, t, one.Challenge)
		_, err = s.Evidence(ctx, one.TransactionID, one.Token.Reveal(), body)
		wantError(t, err, issuer.ErrBusy)
		first.Attested(ctx, t, s).Committed(ctx, t, s)
		_, err = s.Evidence(ctx, one.TransactionID, one.Token.Reveal(), body) // the challenge was kept
		must(t, err)
	})
	t.Run("too many transactions", func(t *testing.T) {
		s, _ := open(t, w, func(c *issuer.Config) { c.MaxTransactions = 1 })
		_, err := s.Start(ctx)
		must(t, err)
		_, err = s.Start(ctx)
		wantError(t, err, issuer.ErrBusy)
	})
}

func TestAttestationRefused(t *testing.T) {
	ctx := t.Context()
	w, other := issuertest.New(t), issuertest.New(t)
	s, _ := open(t, w, nil)
	wallet := w.Wallet(t, "nineteen", "element-01")
	order := w.Ordered(ctx, t, s, wallet).Order
	with := func(change func(*provisioning.Attestation)) []byte { return wallet.SE.Attest(t, order, change).Signed }
	for name, c := range map[string]struct {
		raw  []byte
		want error
	}{
		"another challenge": {with(func(a *provisioning.Attestation) { a.Challenge = make([]byte, 32) }), issuer.ErrOrder},
		"another order":     {with(func(a *provisioning.Attestation) { a.OrderID = make([]byte, 16) }), issuer.ErrOrder},
		"another purpose":   {with(func(a *provisioning.Attestation) { a.Purpose = provisioning.PurposeMAC }), issuer.ErrOrder},
		"another slot":      {with(func(a *provisioning.Attestation) { a.Slot = 2 }), issuer.ErrOrder},
		"another element":   {w.SE(t, "element-02").Attest(t, order, nil).Signed, issuer.ErrOrder},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := s.Attested(ctx, c.raw)
			wantError(t, err, c.want)
		})
	}
	for name, c := range map[string]struct {
		raw   []byte
		check string
	}{
		"unknown root":     {other.SE(t, "element-01").Attest(t, order, nil).Signed, ""},
		"no user presence": {with(func(a *provisioning.Attestation) { a.UserPresence = false }), "attestation.user_presence"},
		"no try limit":     {with(func(a *provisioning.Attestation) { a.TryLimit = 0 }), "attestation.try_limit"},
		"high try limit":   {with(func(a *provisioning.Attestation) { a.TryLimit = 11 }), "attestation.try_limit"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := s.Attested(ctx, c.raw)
			wantRefused(t, err, "attestation", c.check)
		})
	}
	for name, raw := range map[string][]byte{"nothing": nil, "not COSE": {0xa0}, "too long": make([]byte, issuer.MaxAttestation+1)} {
		t.Run(name, func(t *testing.T) {
			_, err := s.Attested(ctx, raw)
			wantField(t, err, "attestation")
		})
	}

	good := wallet.SE.Attest(t, order, nil)
	t.Run("order expired", func(t *testing.T) {
		defer func() { w.Now = issuertest.Instant }()
		w.Now = order.NotAfter.Time
		_, err := s.Attested(ctx, good.Signed)
		wantError(t, err, issuer.ErrExpired)
	})
	_, err := s.Attested(ctx, good.Signed) // after all that, it still works
	must(t, err)
	t.Run("other keys for an answered order", func(t *testing.T) {
		_, err := s.Attested(ctx, wallet.SE.Attest(t, order, nil).Signed)
		wantError(t, err, issuer.ErrConflict)
	})
	t.Run("device key of another order", func(t *testing.T) {
		next := w.Ordered(ctx, t, s, wallet).Order
		_, err := s.Attested(ctx, wallet.SE.Attest(t, next, func(a *provisioning.Attestation) { a.DeviceKey = good.Attestation.DeviceKey }).Signed)
		wantError(t, err, store.ErrKeyReused)
	})
}

func TestReceiptRefused(t *testing.T) {
	ctx := t.Context()
	w := issuertest.New(t)
	s, _ := open(t, w, nil)
	wallet, foreign := w.Wallet(t, "nineteen", "element-01"), w.Wallet(t, "birthday", "element-02")
	w.Ordered(ctx, t, s, foreign).Attested(ctx, t, s).Committed(ctx, t, s) // another element that the issuer knows
	stranger := w.SE(t, "element-09")
	a := w.Ordered(ctx, t, s, wallet).Attested(ctx, t, s)

	as := func(se *issuertest.SE, change func(*provisioning.Receipt)) []byte {
		raw := wallet.SE.Receipt(t, a.Keys, a.Issued)
		parsed, err := provisioning.ParseReceipt(raw)
		must(t, err)
		r := parsed.Claimed()
		change(&r)
		return se.SignReceipt(t, r)
	}
	same := func(*provisioning.Receipt) {}
	for name, raw := range map[string][]byte{
		"known element for itself":     as(foreign.SE, func(r *provisioning.Receipt) { r.SEID = foreign.SE.ID }),
		"unknown element for itself":   as(stranger, func(r *provisioning.Receipt) { r.SEID = stranger.ID }),
		"another digest":               as(wallet.SE, func(r *provisioning.Receipt) { r.Digest = make([]byte, 32) }),
		"another slot":                 as(wallet.SE, func(r *provisioning.Receipt) { r.Slot = 2 }),
		"another order":                as(wallet.SE, func(r *provisioning.Receipt) { r.OrderID = make([]byte, 16) }),
		"emptied instead of committed": as(wallet.SE, func(r *provisioning.Receipt) { r.Kind, r.Digest = provisioning.ReceiptWiped, nil }),
	} {
		t.Run(name, func(t *testing.T) {
			wantError(t, s.Receipt(ctx, raw), issuer.ErrOrder)
			wantState(t, s, a, "delivered")
		})
	}
	t.Run("signed by another element", func(t *testing.T) {
		wantRefused(t, s.Receipt(ctx, as(foreign.SE, same)), "receipt", "receipt.signature")
	})
	t.Run("not COSE", func(t *testing.T) { wantField(t, s.Receipt(ctx, []byte{0x80}), "receipt") })
	a.Committed(ctx, t, s)
	t.Run("counter of another order", func(t *testing.T) {
		used, err := provisioning.ParseReceipt(a.Receipt)
		must(t, err)
		b := w.Ordered(ctx, t, s, wallet).Attested(ctx, t, s)
		parsed, err := provisioning.ParseReceipt(wallet.SE.Receipt(t, b.Keys, b.Issued))
		must(t, err)
		r := parsed.Claimed()
		r.Counter = used.Claimed().Counter
		wantError(t, s.Receipt(ctx, wallet.SE.SignReceipt(t, r)), store.ErrRollback)
		wantState(t, s, b, "delivered")
	})
}
