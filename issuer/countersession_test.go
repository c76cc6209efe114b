package issuer_test

import (
	"crypto/sha256"
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"mobileid/issuer"
	"mobileid/issuer/issuertest"
	"mobileid/issuer/pairing"
	"mobileid/issuer/revocation"
)

// visit is one session at a counter, as far as it has come.
type visit struct {
	*issuertest.World
	service *issuer.Service
	opened  issuer.SessionStarted
	joined  issuer.SessionJoined
	grant   issuer.SessionGrant
}

func newVisit(t *testing.T) *visit {
	t.Helper()
	v := &visit{World: issuertest.New(t)}
	v.service, _ = v.Open(t, filepath.Join(t.TempDir(), "issuer.db"), nil)
	v.open(t)
	return v
}

func (v *visit) open(t *testing.T) {
	t.Helper()
	var err error
	if v.opened, err = v.service.OpenSession(t.Context(), issuertest.OperatorToken); err != nil {
		t.Fatal(err)
	}
}

func (v *visit) join(t *testing.T, seID string) {
	t.Helper()
	v.joinAs(t, pairing.Device{SEID: []byte(seID), Slot: 1, Purpose: 1})
}

func (v *visit) joinAs(t *testing.T, d pairing.Device) {
	t.Helper()
	var err error
	if v.joined, err = v.service.JoinSession(t.Context(), v.opened.SessionID, v.opened.Invitation.Secret(), d); err != nil {
		t.Fatal(err)
	}
}

func (v *visit) confirm(t *testing.T) {
	t.Helper()
	var err error
	if v.grant, err = v.service.ConfirmSession(t.Context(), v.opened.SessionID, v.opened.Token.Reveal(), v.joined.Code); err != nil {
		t.Fatal(err)
	}
}

func (v *visit) evidence(t *testing.T, body []byte) (issuer.SessionProgress, error) {
	return v.service.SessionEvidence(t.Context(), v.opened.SessionID, v.opened.Token.Reveal(), body)
}

func (v *visit) state(t *testing.T, token issuer.Token) issuer.SessionProgress {
	t.Helper()
	p, err := v.service.SessionState(t.Context(), v.opened.SessionID, token.Reveal())
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestVisitAtACounter(t *testing.T) {
	v := newVisit(t)
	wallet := v.Wallet(t, "nineteen", "element-01")
	if s := v.state(t, v.opened.Token); s.State != "open" || s.CodeTries != 3 {
		t.Errorf("opened: %+v", s)
	}
	v.join(t, "element-01")
	v.confirm(t)
	if s := v.state(t, v.joined.Token); s.State != "confirmed" || s.CodeTries != 0 {
		t.Errorf("for the phone: %+v", s)
	}
	p, err := v.evidence(t, wallet.Body(t.Context(), t, v.grant.Challenge))
	if err != nil || p.State != "ordered" {
		t.Fatalf("%+v, %v", p, err)
	}
	order, ok := v.TSM.Order(p.OrderID)
	if !ok {
		t.Fatal("no order")
	}
	(&issuertest.Attempt{Wallet: wallet, Order: order}).Attested(t.Context(), t, v.service).Committed(t.Context(), t, v.service)
	for _, token := range []issuer.Token{v.opened.Token, v.joined.Token} {
		if s := v.state(t, token); s.State != "active" || s.ValidUntil.Before(v.Now()) {
			t.Errorf("in the end: %+v", s)
		}
	}
	if err := v.service.CloseSession(t.Context(), v.opened.SessionID, v.opened.Token.Reveal()); err != nil {
		t.Error(err)
	}
	if s := v.state(t, v.joined.Token); s.State != "active" {
		t.Errorf("after closing: %+v", s)
	}
}

// I9 and misbinding: what a counter's session gives goes to the phone whose code was typed, and to no other.
func TestMisbindingAtACounter(t *testing.T) {
	t.Run("another element in the evidence", func(t *testing.T) {
		v := newVisit(t)
		holder, thief := v.Wallet(t, "nineteen", "element-01"), v.SE(t, "element-02")
		v.join(t, "element-01")
		v.confirm(t)
		swapped := holder
		swapped.SE = thief
		_, err := v.evidence(t, swapped.Body(t.Context(), t, v.grant.Challenge))
		if e, ok := errors.AsType[*issuer.FieldError](err); !ok || !strings.Contains(e.Field, "seId") {
			t.Errorf("got %v", err)
		}
		if _, err := v.evidence(t, holder.Body(t.Context(), t, v.grant.Challenge)); err != nil {
			t.Errorf("the challenge was spent: %v", err)
		}
	})
	t.Run("another slot", func(t *testing.T) {
		v := newVisit(t)
		wallet := v.Wallet(t, "nineteen", "element-01")
		wallet.Slot = 2
		v.join(t, "element-01")
		v.confirm(t)
		if _, err := v.evidence(t, wallet.Body(t.Context(), t, v.grant.Challenge)); err == nil {
			t.Error("accepted")
		}
	})
	t.Run("another purpose", func(t *testing.T) {
		v := newVisit(t)
		wallet := v.Wallet(t, "nineteen", "element-01")
		v.joinAs(t, pairing.Device{SEID: []byte("element-01"), Slot: 1, Purpose: 2})
		v.confirm(t)
		if _, err := v.evidence(t, wallet.Body(t.Context(), t, v.grant.Challenge)); err == nil {
			t.Error("accepted")
		}
	})
	t.Run("card signed for another element", func(t *testing.T) {
		v := newVisit(t)
		wallet := v.Wallet(t, "nineteen", "element-01")
		v.join(t, "element-01")
		v.confirm(t)
		body := issuertest.Evidence(t, issuer.Evidence{Reading: issuertest.Tap(t.Context(), t, wallet.Card, v.grant.Challenge, []byte("element-02"), false),
			SEID: []byte("element-01"), Slot: 1, Purpose: 1})
		_, err := v.evidence(t, body)
		if e, ok := errors.AsType[*issuer.RefusedError](err); !ok || e.What != "card reading" {
			t.Errorf("got %v", err)
		}
		if s := v.state(t, v.joined.Token); s.State != "failed" {
			t.Errorf("then %s", s.State)
		}
	})
	t.Run("relayed challenge of another session", func(t *testing.T) {
		v := newVisit(t)
		wallet := v.Wallet(t, "nineteen", "element-01")
		v.join(t, "element-01")
		v.confirm(t)
		first := v.grant.Challenge
		v.open(t)
		v.join(t, "element-01")
		v.confirm(t)
		if _, err := v.evidence(t, wallet.Body(t.Context(), t, first)); err == nil {
			t.Error("accepted")
		}
	})
	t.Run("photographed invitation, thief second", func(t *testing.T) {
		v := newVisit(t)
		v.join(t, "element-01")
		_, err := v.service.JoinSession(t.Context(), v.opened.SessionID, v.opened.Invitation.Secret(), pairing.Device{SEID: []byte("element-02"), Slot: 1, Purpose: 1})
		wantError(t, err, pairing.ErrTaken)
		if s := v.state(t, v.opened.Token); !s.Contested {
			t.Error("the counter does not see it")
		}
	})
	t.Run("photographed invitation, thief first", func(t *testing.T) {
		v := newVisit(t)
		v.join(t, "element-02") // the thief's; the holder's phone shows no code, so none is typed
		if _, err := v.service.ConfirmSession(t.Context(), v.opened.SessionID, v.opened.Token.Reveal(), ""); err == nil {
			t.Error("confirmed without the code")
		}
		_, err := v.evidence(t, v.Wallet(t, "nineteen", "element-02").Body(t.Context(), t, make([]byte, 32)))
		wantError(t, err, pairing.ErrStep)
	})
	t.Run("phone confirms itself", func(t *testing.T) {
		v := newVisit(t)
		v.join(t, "element-01")
		_, err := v.service.ConfirmSession(t.Context(), v.opened.SessionID, v.joined.Token.Reveal(), v.joined.Code)
		wantError(t, err, pairing.ErrUnknown)
	})
	t.Run("phone sends the evidence", func(t *testing.T) {
		v := newVisit(t)
		v.join(t, "element-01")
		v.confirm(t)
		_, err := v.service.SessionEvidence(t.Context(), v.opened.SessionID, v.joined.Token.Reveal(), v.Wallet(t, "nineteen", "element-01").Body(t.Context(), t, v.grant.Challenge))
		wantError(t, err, pairing.ErrUnknown)
	})
	t.Run("evidence twice", func(t *testing.T) {
		v := newVisit(t)
		wallet := v.Wallet(t, "nineteen", "element-01")
		v.join(t, "element-01")
		v.confirm(t)
		body := wallet.Body(t.Context(), t, v.grant.Challenge)
		if _, err := v.evidence(t, body); err != nil {
			t.Fatal(err)
		}
		_, err := v.evidence(t, body)
		wantError(t, err, issuer.ErrUsed)
	})
	t.Run("after the end", func(t *testing.T) {
		v := newVisit(t)
		wallet := v.Wallet(t, "nineteen", "element-01")
		v.join(t, "element-01")
		v.confirm(t)
		if err := v.service.CloseSession(t.Context(), v.opened.SessionID, v.opened.Token.Reveal()); err != nil {
			t.Fatal(err)
		}
		_, err := v.evidence(t, wallet.Body(t.Context(), t, v.grant.Challenge))
		wantError(t, err, pairing.ErrEnded)
		if s := v.state(t, v.joined.Token); s.State != "ended" {
			t.Errorf("the phone is told %s", s.State)
		}
	})
}

// A counter's token opens sessions, and nothing of the revocation desk.
func TestWhoMayOpenASession(t *testing.T) {
	v := &visit{World: issuertest.New(t)}
	hash := sha256.Sum256([]byte("a counter's token"))
	v.service, _ = v.Open(t, filepath.Join(t.TempDir(), "issuer.db"), func(c *issuer.Config) {
		c.Counters = []revocation.Operator{{Name: "counter 1", TokenHash: hash[:]}}
	})
	v.open(t)
	if _, err := v.service.OpenSession(t.Context(), "a counter's token"); err != nil {
		t.Errorf("a counter: %v", err)
	}
	_, err := v.service.Handover(t.Context(), "a counter's token", []byte("element-01"))
	wantError(t, err, revocation.ErrUnauthorized)
	_, err = v.service.Suspend(t.Context(), "a counter's token", []byte("element-01"))
	wantError(t, err, revocation.ErrUnauthorized)
	for _, token := range []string{"", "somebody's", v.opened.Token.Reveal()} {
		_, err := v.service.OpenSession(t.Context(), token)
		wantError(t, err, revocation.ErrUnauthorized)
	}
}

func TestJoinRefusesWhatNoPhoneIs(t *testing.T) {
	v := newVisit(t)
	for field, d := range map[string]pairing.Device{"se_id": {SEID: []byte("short"), Slot: 1, Purpose: 1}, "slot": {SEID: []byte("element-01"), Slot: 16, Purpose: 1},
		"purpose": {SEID: []byte("element-01"), Slot: 1, Purpose: 3}} {
		_, err := v.service.JoinSession(t.Context(), v.opened.SessionID, v.opened.Invitation.Secret(), d)
		if e, ok := errors.AsType[*issuer.FieldError](err); !ok || e.Field != field {
			t.Errorf("%s: %v", field, err)
		}
		_, err = v.service.JoinSession(t.Context(), v.opened.SessionID, "guessed", d)
		wantError(t, err, pairing.ErrUnknown)
	}
	v.join(t, "element-01") // none of it took the session up
}

func TestSessionsAreBounded(t *testing.T) {
	v := &visit{World: issuertest.New(t)}
	v.service, _ = v.Open(t, filepath.Join(t.TempDir(), "issuer.db"), func(c *issuer.Config) { c.MaxTransactions = 1 })
	v.open(t)
	_, err := v.service.OpenSession(t.Context(), issuertest.OperatorToken)
	wantError(t, err, issuer.ErrBusy)
	v.join(t, "element-01")
	if _, err := v.service.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	_, err = v.service.ConfirmSession(t.Context(), v.opened.SessionID, v.opened.Token.Reveal(), v.joined.Code)
	wantError(t, err, issuer.ErrBusy)
	if s := v.state(t, v.joined.Token); s.State != "ended" {
		t.Errorf("a session without a transaction is %s", s.State)
	}
	now := v.Now()
	v.World.Now = func() time.Time { return now.Add(time.Hour) }
	v.open(t)
}
