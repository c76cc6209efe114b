package issuer

import (
	"context"
	"errors"
	"fmt"
	"time"

	"mobileid/issuer/pairing"
	"mobileid/issuer/store"
	"mobileid/mdoc/provisioning"
)

// SessionStarted is the answer to OpenSession: the counter's token, and the invitation for one phone.
type SessionStarted struct {
	SessionID  string
	Token      Token
	Invitation pairing.Invitation
	ExpiresAt  time.Time
}

// SessionJoined is the answer to JoinSession: the phone's token, and the code it shows.
type SessionJoined struct {
	Token     Token
	Code      string
	ExpiresAt time.Time
}

// SessionGrant is what the counter gets for the right code: the challenge for the card, and what the evidence must be for.
type SessionGrant struct {
	Challenge []byte
	Device    pairing.Device
	ExpiresAt time.Time // of the challenge
}

// SessionProgress tells either end how far a session is.
type SessionProgress struct {
	State      string // a pairing.Step; from the evidence on, what State says of a transaction
	CodeTries  int    // zero for the phone
	Contested  bool   // a second phone came with the same invitation; false for the phone
	OrderID    string // hex; empty before the order
	ExpiresAt  time.Time
	ValidUntil time.Time // of the credential; zero before its row
}

// OpenSession opens a session on the token of a counter or an operator, whose name stands in the log.
func (s *Service) OpenSession(ctx context.Context, token string) (SessionStarted, error) {
	counter, err := s.desk.AuthorizeCounter(token)
	if err != nil {
		return SessionStarted{}, fmt.Errorf("opening session: %w", err)
	}
	o, err := s.sessions.Open()
	if errors.Is(err, pairing.ErrFull) {
		return SessionStarted{}, fmt.Errorf("opening session: %w", ErrBusy)
	}
	if err != nil {
		return SessionStarted{}, fmt.Errorf("opening session: %w", err)
	}
	s.log.InfoContext(ctx, "counter session opened", "counter", counter, "session", o.ID)
	return SessionStarted{SessionID: o.ID, Token: Token{o.Token}, Invitation: o.Invitation, ExpiresAt: o.ExpiresAt}, nil
}

// JoinSession takes a session up for a phone, once, by the secret of its invitation. The secret is looked at before the device.
func (s *Service) JoinSession(ctx context.Context, id, secret string, d pairing.Device) (SessionJoined, error) {
	if err := s.sessions.Knock(id, secret); err != nil {
		return SessionJoined{}, fmt.Errorf("joining session: %w", err)
	}
	if err := checkDevice(d); err != nil {
		return SessionJoined{}, fmt.Errorf("joining session: %w", err)
	}
	j, err := s.sessions.Claim(id, secret, d)
	if err != nil {
		if errors.Is(err, pairing.ErrTaken) {
			s.log.WarnContext(ctx, "second phone with the same invitation", "session", id)
		}
		return SessionJoined{}, fmt.Errorf("joining session: %w", err)
	}
	return SessionJoined{Token: Token{j.Token}, Code: j.Code, ExpiresAt: j.ExpiresAt}, nil
}

func checkDevice(d pairing.Device) error {
	switch {
	case len(d.SEID) != seIDSize:
		return &FieldError{Field: "se_id", Reason: "not 10 bytes"}
	case d.Slot < 1 || d.Slot > lastSlot:
		return &FieldError{Field: "slot", Reason: "not 1 to 15"}
	case d.Purpose != uint64(provisioning.PurposeSign) && d.Purpose != uint64(provisioning.PurposeMAC):
		return &FieldError{Field: "purpose", Reason: "not 1 or 2"}
	}
	return nil
}

// ConfirmSession takes the code that the holder's phone shows and opens a transaction. Before that there is no challenge, so
// that no card can be tapped for a phone that nobody at the counter has seen.
func (s *Service) ConfirmSession(ctx context.Context, id, token, code string) (SessionGrant, error) {
	d, err := s.sessions.Confirm(id, token, code)
	if err != nil {
		return SessionGrant{}, fmt.Errorf("confirming session: %w", err)
	}
	started, err := s.Start(ctx)
	if err == nil {
		err = s.sessions.Attach(id, pairing.Transaction{ID: started.TransactionID, Token: started.Token.text})
	}
	if err != nil {
		return SessionGrant{}, errors.Join(fmt.Errorf("confirming session: %w", err), s.sessions.Close(id, token))
	}
	return SessionGrant{Challenge: started.Challenge, Device: d, ExpiresAt: started.ExpiresAt}, nil
}

// SessionEvidence takes a counter's evidence. It must be for the element, slot and purpose with which the session was taken
// up; evidence for others does not cost the challenge, and what follows is as in Evidence.
func (s *Service) SessionEvidence(ctx context.Context, id, token string, body []byte) (SessionProgress, error) {
	p, err := s.sessionEvidence(ctx, id, token, body)
	if err != nil {
		return SessionProgress{}, fmt.Errorf("taking evidence at a counter: %w", err)
	}
	return p, nil
}

func (s *Service) sessionEvidence(ctx context.Context, id, token string, body []byte) (SessionProgress, error) {
	st, err := s.sessions.Status(id, token)
	switch {
	case err != nil:
		return SessionProgress{}, err
	case !st.Counter:
		return SessionProgress{}, pairing.ErrUnknown
	case st.Step == pairing.Ended:
		return SessionProgress{}, pairing.ErrEnded
	case st.Transaction.ID == "":
		return SessionProgress{}, pairing.ErrStep
	}
	e, err := ParseEvidence(body)
	if err != nil {
		return SessionProgress{}, err
	}
	if string(e.SEID) != string(st.Device.SEID) || e.Slot != st.Device.Slot || e.Purpose != st.Device.Purpose {
		return SessionProgress{}, &FieldError{Field: "seId, slot, purpose", Reason: "not those of the phone that took the session up"}
	}
	if _, err := s.evidence(ctx, st.Transaction.ID, st.Transaction.Token, body); err != nil {
		return SessionProgress{}, err
	}
	s.sessions.Prolong(id)
	return s.SessionState(ctx, id, token)
}

// SessionState tells the counter or the phone, by its own token, how far a session is.
func (s *Service) SessionState(ctx context.Context, id, token string) (SessionProgress, error) {
	st, err := s.sessions.Status(id, token)
	if err != nil {
		return SessionProgress{}, fmt.Errorf("reading session: %w", err)
	}
	p := SessionProgress{State: string(st.Step), ExpiresAt: st.ExpiresAt}
	if st.Counter {
		p.CodeTries, p.Contested = st.CodeTries, st.Contested
	}
	if st.Transaction.ID == "" {
		return p, nil
	}
	t, err := s.State(ctx, st.Transaction.ID, st.Transaction.Token)
	if err != nil {
		return SessionProgress{}, fmt.Errorf("reading session: %w", err)
	}
	if t.State == string(store.Begun) { // the evidence has not come; the session's own step says more
		return p, nil
	}
	p.State, p.OrderID, p.ValidUntil = t.State, t.OrderID, t.ValidUntil
	return p, nil
}

// CloseSession ends a session on the counter's word. What was ordered before stays ordered.
func (s *Service) CloseSession(_ context.Context, id, token string) error {
	if err := s.sessions.Close(id, token); err != nil {
		return fmt.Errorf("closing session: %w", err)
	}
	return nil
}
