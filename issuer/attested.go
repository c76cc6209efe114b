package issuer

import (
	"bytes"
	"context"
	"crypto"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"mobileid/issuer/revocation"
	"mobileid/issuer/store"
	"mobileid/mdoc"
	"mobileid/mdoc/cbor"
	"mobileid/mdoc/cose"
	"mobileid/mdoc/provisioning"
)

const (
	// MaxAttestation bounds what the TSM may send.
	MaxAttestation = 64 << 10
	// maxTryLimit is the greatest number of wrong entries after which an SE may block the holder's secret.
	maxTryLimit = 10
)

// Attested takes a secure element's attestation and answers with the credential, sealed to that element. Asked again
// with an attestation of the same keys for the same order, it gives the same bytes while it still has them.
func (s *Service) Attested(ctx context.Context, attestation []byte) ([]byte, error) {
	sealed, err := s.attested(ctx, attestation)
	if err != nil {
		return nil, fmt.Errorf("answering attestation: %w", err)
	}
	return sealed, nil
}

func (s *Service) attested(ctx context.Context, raw []byte) ([]byte, error) {
	if len(raw) > MaxAttestation {
		return nil, &FieldError{Field: "attestation", Reason: "too long"}
	}
	now := s.now()
	a, err := s.verifyAny(raw, now)
	if err != nil {
		return nil, err
	}
	o, err := s.answers(ctx, a, now)
	if err != nil {
		return nil, err
	}
	h := s.vault.find(o.ID, now)
	if h == nil {
		return nil, ErrGone
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.sealed != nil {
		return s.again(ctx, h, a)
	}
	if h.identity == nil {
		return nil, ErrGone
	}
	key, err := cose.NewKey(a.element)
	if err != nil {
		return nil, err
	}
	if err := s.config.Store.BindSE(ctx, o.Device, key.Bytes(), o.Place()); err != nil {
		return nil, err
	}
	if a.phone != nil {
		return s.issuePhone(ctx, h, o, a.phone)
	}
	return s.issue(ctx, h, o, a.credential)
}

// attestation is a verified one of either application; the other member is nil.
type attestation struct {
	credential    *provisioning.Attestation
	phone         *provisioning.PhoneAttestation
	element       crypto.PublicKey
	orderID, seID []byte
}

// answersTo compares it with an order.
func (a *attestation) answersTo(o *provisioning.Order) error {
	if a.phone != nil {
		return a.phone.Answers(o)
	}
	return a.credential.Answers(o)
}

// sameKeys tells whether the keys are those that were answered before.
func (a *attestation) sameKeys(h *holding) bool {
	if a.phone != nil {
		return bornKeys(a.phone) == h.born && a.phone.SealingKey.Equal(h.sealing)
	}
	return a.credential.DeviceKey.Equal(h.deviceKey) && a.credential.SealingKey.Equal(h.sealing)
}

// verifyAny verifies an attestation of a credential or of phone certificates; their types tell them apart.
func (s *Service) verifyAny(raw []byte, now time.Time) (*attestation, error) {
	if signed, err := provisioning.ParsePhoneAttestation(raw); err == nil {
		a, key, err := s.verifyPhoneAttestation(signed, now)
		if err != nil {
			return nil, err
		}
		return &attestation{phone: a, element: key, orderID: a.OrderID, seID: a.SEID}, nil
	}
	a, key, err := s.verifyAttestation(raw, now)
	if err != nil {
		return nil, err
	}
	return &attestation{credential: a, element: key, orderID: a.OrderID, seID: a.SEID}, nil
}

// verifyAttestation checks what can be checked without knowing the order: certificate, signature, and the demands on
// the keys' protection.
func (s *Service) verifyAttestation(raw []byte, now time.Time) (*provisioning.Attestation, crypto.PublicKey, error) {
	signed, err := provisioning.ParseAttestation(raw)
	if err != nil {
		return nil, nil, &FieldError{Field: "attestation", Reason: "not an attestation"}
	}
	a, seKey, v, err := signed.Verify(s.config.SERoots, now)
	if err != nil {
		return nil, nil, err
	}
	if !v.OK() || a == nil {
		return nil, nil, refused("attestation", v)
	}
	if !a.UserPresence {
		return nil, nil, &RefusedError{What: "attestation", Checks: []string{"attestation.user_presence"}}
	}
	if a.TryLimit < 1 || a.TryLimit > maxTryLimit {
		return nil, nil, &RefusedError{What: "attestation", Checks: []string{"attestation.try_limit"}}
	}
	return a, seKey, nil
}

// answers finds the order and holds every member of the attestation against it.
func (s *Service) answers(ctx context.Context, a *attestation, now time.Time) (store.Order, error) {
	o, err := s.config.Store.Order(ctx, hex.EncodeToString(a.orderID))
	if errors.Is(err, store.ErrNotFound) {
		return store.Order{}, ErrOrder
	}
	if err != nil {
		return store.Order{}, err
	}
	if s.device(a.seID) != o.Device {
		return store.Order{}, ErrOrder
	}
	order := provisioning.Order{ID: a.orderID, Kind: provisioning.OrderProvision, SEID: a.seID, Slot: o.Slot,
		Purpose: provisioning.Purpose(o.Purpose), Challenge: o.Challenge, NotAfter: cbor.NewTDate(o.NotAfter)}
	if o.DocType == store.PhoneCertificates {
		order.Application = provisioning.ApplicationPhoneCertificates
	}
	err = a.answersTo(&order)
	if err != nil {
		return store.Order{}, ErrOrder
	}
	if !now.Before(o.NotAfter) {
		return store.Order{}, ErrExpired
	}
	return o, nil
}

// again gives out what was sealed before, after asking the gate once more.
func (s *Service) again(ctx context.Context, h *holding, a *attestation) ([]byte, error) {
	if !a.sameKeys(h) {
		return nil, ErrConflict
	}
	if err := s.config.Store.Release(ctx, h.row, s.now()); err != nil {
		return nil, err
	}
	return h.sealed, nil
}

// issue is the way from row to release. The caller holds h.mu.
func (s *Service) issue(ctx context.Context, h *holding, o store.Order, a *provisioning.Attestation) ([]byte, error) {
	// 1. Everything that can be known to be wrong is found before a row is spent.
	now := s.now()
	ds, leaf, err := s.signer(now)
	if err != nil {
		return nil, err
	}
	v, err := validityFor(h.identity, leaf, s.config.Life, now)
	if err != nil {
		return nil, err
	}
	list, err := Elements(s.table, h.identity, s.config.Authority, v.signed)
	if err != nil {
		return nil, err
	}

	// 2. The row with its index, on disk.
	row, err := s.reserve(ctx, h, o, a, v, now)
	if err != nil {
		return nil, err
	}
	// From here on the work is ended even if the TSM hangs up; a row that is left half-way is burnt.
	ctx = context.WithoutCancel(ctx)

	// 3. The MSO, and a look at what is about to be signed.
	draft := mdoc.Draft{DocType: o.DocType, Elements: list, DeviceKey: a.DeviceKey, Signed: v.signed, ValidFrom: v.signed,
		ValidUntil: v.until, ExpectedUpdate: v.update, Status: mdoc.StatusListRef{Index: row.Index, URI: s.config.StatusURI}}
	prepared, err := mdoc.Prepare(draft, s.config.Rand)
	if err != nil {
		return nil, err
	}
	mso, err := cbor.ParseEmbedded[mdoc.MobileSecurityObject](prepared.MSO())
	if err != nil {
		return nil, err
	}
	if err := matches(&mso.Value, draft); err != nil {
		return nil, err
	}

	// 4. The signature, once, and the verifier's own judgement of the result.
	s.log.InfoContext(ctx, "signing", "credential", row.ID)
	signed, err := prepared.Issue(ds.Key, ds.Chain)
	if err != nil {
		return nil, err
	}
	if err := s.lint(signed, draft, now); err != nil {
		return nil, err
	}

	// 5. The outcome, on disk.
	digest := sha256.Sum256(signed)
	if err := s.config.Store.MarkSigned(ctx, row.ID, digest[:], s.now()); err != nil {
		return nil, err
	}
	sealed, err := provisioning.Seal(a.SealingKey, a.OrderID, a.SEID, a.Slot, signed)
	if err != nil {
		return nil, err
	}

	// 6. The gate. After it the person is forgotten and only sealed bytes remain.
	if err := s.config.Store.Release(ctx, row.ID, s.now()); err != nil {
		return nil, err
	}
	h.identity, h.row, h.sealed, h.deviceKey, h.sealing = nil, row.ID, sealed, a.DeviceKey, a.SealingKey
	s.log.InfoContext(ctx, "released", "credential", row.ID, "order", o.ID)
	return sealed, nil
}

func (s *Service) reserve(ctx context.Context, h *holding, o store.Order, a *provisioning.Attestation, v validity, now time.Time) (store.Credential, error) {
	id, err := s.random(idSize)
	if err != nil {
		return store.Credential{}, err
	}
	key := sha256.Sum256(a.DeviceKey.Bytes())
	row, err := s.config.Store.Reserve(ctx, store.Reservation{ID: hex.EncodeToString(id), OrderID: o.ID, DeviceKey: key[:],
		Signed: v.signed, ValidUntil: v.until, Substituted: h.identity.NameSubstitutes, At: now,
		Index: s.index.Index, Limit: revocation.ListSize})
	if err != nil {
		return store.Credential{}, err
	}
	s.log.InfoContext(ctx, "row reserved", "credential", row.ID, "order", o.ID)
	return row, nil
}

// lint is the last look before release: the verifier's check of the issuer-signed part under our own roots, and whether
// it is the document that was meant.
func (s *Service) lint(signed []byte, draft mdoc.Draft, now time.Time) error {
	doc, err := mdoc.ParseIssuerSigned(signed)
	if err != nil {
		return err
	}
	v, err := doc.CheckIssuerSigned(s.config.Anchors, now)
	if err != nil {
		return err
	}
	if !v.OK() {
		return refused("credential", v)
	}
	mso, err := doc.MSO()
	if err != nil {
		return err
	}
	for _, e := range draft.Elements {
		item, ok := doc.Item(e.NameSpace, e.Identifier)
		if !ok || !bytes.Equal(item.Value.ElementValue, e.Value) {
			return &RefusedError{What: "credential", Checks: []string{"credential.elements"}}
		}
	}
	return matches(mso, draft)
}

// matches compares an MSO with what was meant by it.
func matches(mso *mdoc.MobileSecurityObject, d mdoc.Draft) error {
	var ref mdoc.StatusListRef
	if mso.Status != nil && mso.Status.StatusList != nil {
		ref = *mso.Status.StatusList
	}
	for check, ok := range map[string]bool{
		"credential.doctype":    mso.DocType == d.DocType,
		"credential.device_key": mso.DeviceKeyInfo.DeviceKey.Equal(d.DeviceKey),
		"credential.status":     ref.Index == d.Status.Index && ref.URI == d.Status.URI && ref.Certificate == nil,
		"credential.validity": mso.ValidityInfo.Signed.Time().Equal(d.Signed) &&
			mso.ValidityInfo.ValidFrom.Time().Equal(d.ValidFrom) && mso.ValidityInfo.ValidUntil.Time().Equal(d.ValidUntil),
	} {
		if !ok {
			return &RefusedError{What: "credential", Checks: []string{check}}
		}
	}
	return nil
}
