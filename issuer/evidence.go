package issuer

import (
	"context"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"mobileid/issuer/card"
	"mobileid/issuer/refusal"
	"mobileid/issuer/store"
	"mobileid/mdoc/cbor"
	"mobileid/mdoc/doctype"
	"mobileid/mdoc/provisioning"
	"mobileid/mdoc/verdict"
)

const (
	// MaxEvidence bounds the body a wallet may send.
	MaxEvidence = 256 << 10
	seIDSize    = 10
	lastSlot    = 15
)

// Consent says what the holder agreed to beyond the credential itself, each in a step of its own.
//
// docs/issuance.md, evidence:
//
//	consent = { "individualNumber": bool, * tstr => any }
type Consent struct {
	IndividualNumber bool `cbor:"individualNumber"`
}

// Evidence is what a wallet sends after the tap. Formatting one gives [redacted].
//
// docs/issuance.md, evidence:
//
//	evidence = {
//	  "reading": bstr,           ; a card reading, at most 256 KiB with the rest
//	  "seId": bstr .size 10,     ; the secure element the reading is bound to
//	  "slot": 1..15,
//	  "purpose": 1 / 2,          ; of the device key: signatures, MACs
//	  "consent": consent,
//	  ? "application": 1 / 2,    ; credential (also when absent), phone certificates: slot 1, purpose 1
//	  * tstr => any }
type Evidence struct {
	Reading []byte  `cbor:"reading"`
	SEID    []byte  `cbor:"seId"`
	Slot    uint64  `cbor:"slot"`
	Purpose uint64  `cbor:"purpose"`
	Consent Consent `cbor:"consent"`

	Application uint64 `cbor:"application,omitempty"`
}

// phone tells that phone certificates are asked for.
func (e *Evidence) phone() bool {
	return e.Application == uint64(provisioning.ApplicationPhoneCertificates)
}

// Format keeps the reading out of formatted text.
func (Evidence) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte("[redacted]")) }

// LogValue keeps the reading out of logs.
func (Evidence) LogValue() slog.Value { return slog.StringValue("[redacted]") }

// ParseEvidence reads a body of at most MaxEvidence bytes. The error is a *FieldError. The result keeps slices of raw.
func ParseEvidence(raw []byte) (*Evidence, error) {
	if len(raw) > MaxEvidence {
		return nil, &FieldError{Field: "evidence", Reason: "too long"}
	}
	var e Evidence
	if err := cbor.Unmarshal(raw, &e); err != nil {
		return nil, &FieldError{Field: "evidence", Reason: "not the CBOR map expected"}
	}
	switch {
	case len(e.SEID) != seIDSize:
		return nil, &FieldError{Field: "seId", Reason: "not 10 bytes"}
	case e.Slot < 1 || e.Slot > lastSlot:
		return nil, &FieldError{Field: "slot", Reason: "not 1 to 15"}
	case e.Purpose != uint64(provisioning.PurposeSign) && e.Purpose != uint64(provisioning.PurposeMAC):
		return nil, &FieldError{Field: "purpose", Reason: "not 1 or 2"}
	case e.Application > uint64(provisioning.ApplicationPhoneCertificates):
		return nil, &FieldError{Field: "application", Reason: "not 1 or 2"}
	case e.phone() && (e.Slot != 1 || e.Purpose != uint64(provisioning.PurposeSign) || e.Consent.IndividualNumber):
		return nil, &FieldError{Field: "application", Reason: "phone certificates have slot 1, purpose 1 and no individual number"}
	}
	return &e, nil
}

// Evidence takes a wallet's evidence for a transaction, checks it and orders the TSM to make keys. The challenge is used
// up before anything is judged, so that one challenge is one attempt; a body that cannot be read does not cost it, and it is given
// back when all holds but the certificates' status, which could not be told.
func (s *Service) Evidence(ctx context.Context, id, token string, body []byte) (Progress, error) {
	p, err := s.evidence(ctx, id, token, body)
	if err != nil {
		return Progress{}, fmt.Errorf("taking evidence: %w", err)
	}
	return p, nil
}

func (s *Service) evidence(ctx context.Context, id, token string, body []byte) (Progress, error) {
	if _, err := s.authenticate(ctx, id, token); err != nil {
		return Progress{}, err
	}
	e, err := ParseEvidence(body)
	if err != nil {
		return Progress{}, err
	}
	if e.phone() && s.phones == nil {
		return Progress{}, &FieldError{Field: "application", Reason: "phone certificates are not issued here"}
	}
	reading, err := card.ParseReading(e.Reading)
	if err != nil {
		return Progress{}, &FieldError{Field: "reading", Reason: "not a card reading"}
	}
	now := s.now()
	if !s.vault.room(now) {
		return Progress{}, ErrBusy
	}
	t, err := s.config.Store.Redeem(ctx, id, now)
	if err != nil {
		return Progress{}, redeemError(err)
	}
	identity, err := s.judge(ctx, t, e, reading, now)
	if err == nil {
		var o store.Order
		if o, err = s.order(ctx, t, e, reading, identity, now); err == nil {
			return Progress{TransactionID: t.ID, State: string(store.Ordered), OrderID: o.ID, ExpiresAt: t.ExpiresAt}, nil
		}
	}
	if kept := s.close(context.WithoutCancel(ctx), id, err); kept != nil {
		return Progress{}, errors.Join(err, kept)
	}
	return Progress{}, err
}

// close ends a redeemed transaction that came to no order, or gives its challenge back if the cause is an outage of the places that tell
// the status of certificates. Those are asked last: everything else about the evidence held.
func (s *Service) close(ctx context.Context, id string, cause error) error {
	if no, ok := errors.AsType[*RefusedError](cause); ok && no.Code == refusal.CodeStatusUnavailable {
		return s.config.Store.Reopen(ctx, id)
	}
	return s.config.Store.Fail(ctx, id)
}

func redeemError(err error) error {
	switch {
	case errors.Is(err, store.ErrRedeemed):
		return ErrUsed
	case errors.Is(err, store.ErrExpired):
		return ErrExpired
	case errors.Is(err, store.ErrNotFound):
		return ErrToken
	}
	return err
}

// judge checks the reading over the redeemed challenge, and the status of its certificates.
func (s *Service) judge(ctx context.Context, t store.Transaction, e *Evidence, r *card.Reading, now time.Time) (*card.Identity, error) {
	identity, v, err := card.Check(r, card.CheckConfig{SignatureRoots: s.config.CardSignatureRoots,
		AuthenticationRoots: s.config.CardAuthenticationRoots, MunicipalRoots: s.config.CardMunicipalRoots,
		Challenge: t.Challenge, Binding: e.SEID, At: now, NumberConsent: e.Consent.IndividualNumber,
		Status: func(certificate, issuer *x509.Certificate) card.StatusAnswer {
			return s.config.CardStatus.Status(ctx, certificate, issuer, now)
		}})
	if err != nil {
		return nil, err
	}
	if !v.OK() || identity == nil {
		no := refusedReading(v)
		s.log.WarnContext(ctx, "card reading refused", "transaction", t.ID, "code", no.Code, "checks", no.Checks)
		return nil, no
	}
	return identity, nil
}

// order records the order with its place in the outbox, holds the identity for it, and tries to send it at once, behind what waits for the device.
func (s *Service) order(ctx context.Context, t store.Transaction, e *Evidence, r *card.Reading, id *card.Identity, now time.Time) (store.Order, error) {
	random, err := s.random(idSize + challengeSize)
	if err != nil {
		return store.Order{}, err
	}
	notAfter := now.Add(s.config.OrderLife).Truncate(time.Second)
	signed, err := provisioning.SignOrder(s.config.OrderKey, provisioning.Order{ID: random[:idSize],
		Kind: provisioning.OrderProvision, SEID: e.SEID, Slot: e.Slot, Purpose: provisioning.Purpose(e.Purpose),
		Challenge: random[idSize:], NotAfter: cbor.NewTDate(notAfter), Application: applicationOf(e)})
	if err != nil {
		return store.Order{}, err
	}
	docType := doctype.DocTypeMNC
	if e.phone() {
		docType = store.PhoneCertificates
	}
	o := store.Order{ID: hex.EncodeToString(random[:idSize]), TransactionID: t.ID, Subject: pseudonym(s.secrets.subject, id.SubjectKey),
		Device: s.device(e.SEID), DocType: docType, Slot: e.Slot, Purpose: e.Purpose, Challenge: random[idSize:],
		NotAfter: notAfter}
	// Held before it is recorded: an attestation may come as soon as the TSM knows the order.
	if err := s.vault.keep(o, id, now); err != nil {
		return store.Order{}, err
	}
	if e.phone() {
		certificate, err := x509.ParseCertificate(r.SignatureCertificate())
		if err != nil {
			s.vault.drop(o.ID)
			return store.Order{}, err
		}
		s.vault.rests(o.ID, certificate)
	}
	if o, err = s.config.Store.PlaceOrder(ctx, o, signed); err != nil {
		s.vault.drop(o.ID)
		return store.Order{}, err
	}
	s.log.InfoContext(ctx, "order placed", "transaction", t.ID, "order", o.ID)
	s.outbox.forward(ctx, o.Device)
	return o, nil
}

// applicationOf leaves a credential's member out, as orders had none before.
func applicationOf(e *Evidence) provisioning.Application {
	if e.phone() {
		return provisioning.ApplicationPhoneCertificates
	}
	return 0
}

// refusedReading names what a verdict refuses. A status that nobody could tell counts only when nothing failed.
func refusedReading(v verdict.Verdict) *RefusedError {
	e := refused("card reading", v)
	e.Code = refusal.CodeStatusUnavailable
	if len(v.Failed()) > 0 {
		e.Code = refusal.CodeOf(e.Checks...)
	}
	return e
}

// refused lists the checks of a verdict that did not pass.
func refused(what string, v verdict.Verdict) *RefusedError {
	return &RefusedError{What: what, Checks: failedIDs(v)}
}

// failedIDs names the failed checks, or those that were not run when none failed.
func failedIDs(v verdict.Verdict) []string {
	var failed, notRun []string
	for _, c := range v.Checks {
		switch c.Outcome {
		case verdict.Fail:
			failed = append(failed, c.ID)
		case verdict.NotRun:
			notRun = append(notRun, c.ID)
		case verdict.Pass:
		}
	}
	if failed == nil {
		return notRun
	}
	return failed
}
