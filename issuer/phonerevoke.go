package issuer

import (
	"context"
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"fmt"
	"time"

	"mobileid/issuer/store"
	"mobileid/mdoc/cbor"
)

// MaxRevocation bounds the body of a holder's revocation.
const MaxRevocation = 16 << 10

// sendOwn is how long a holder waits for the TSM to take the order.
const sendOwn = 5 * time.Second

// Revocation is what a phone sends to revoke its own certificates: its signature certificate, and a signature of that key over
// PhoneRevocationStatement, which takes the signature password.
//
// docs/issuance.md, phone certificates:
//
//	revocation = { "certificate": bstr, "seId": bstr .size 10, "signature": bstr .size 256, * tstr => any }
type Revocation struct {
	Certificate []byte `cbor:"certificate"`
	SEID        []byte `cbor:"seId"`
	Signature   []byte `cbor:"signature"`
}

// PhoneRevocationStatement is what the phone's signature key signs (RSASSA-PKCS1-v1_5 with SHA-256): CBOR of
// ["mobileid-phone-revocation-1", challenge, element id].
func PhoneRevocationStatement(challenge, seID []byte) []byte {
	b := cbor.AppendText(cbor.AppendArrayHead(nil, 3), "mobileid-phone-revocation-1")
	return cbor.AppendBytes(cbor.AppendBytes(b, challenge), seID)
}

// ParseRevocation reads the body. The error is a *FieldError. The result keeps slices of raw.
func ParseRevocation(raw []byte) (*Revocation, error) {
	if len(raw) > MaxRevocation {
		return nil, &FieldError{Field: "revocation", Reason: "too long"}
	}
	var r Revocation
	if err := cbor.Unmarshal(raw, &r); err != nil {
		return nil, &FieldError{Field: "revocation", Reason: "not the CBOR map expected"}
	}
	switch {
	case len(r.SEID) != seIDSize:
		return nil, &FieldError{Field: "seId", Reason: "not 10 bytes"}
	case len(r.Certificate) == 0 || len(r.Signature) != 256:
		return nil, &FieldError{Field: "signature", Reason: "certificate missing, or signature not 256 bytes"}
	}
	return &r, nil
}

// RevokeOwn takes a holder's word, given on the phone over the challenge of a transaction, that the phone's certificates are to be revoked
// (公的個人認証法 第35条の8第3項). The challenge is used up. It tells how many sets changed; the element's application is ordered to be emptied,
// and the order sent before the answer if the TSM takes it within sendOwn: the holder is about to come by there.
func (s *Service) RevokeOwn(ctx context.Context, id, token string, body []byte) (int, error) {
	n, err := s.revokeOwn(ctx, id, token, body)
	if err != nil {
		return n, fmt.Errorf("revoking phone certificates: %w", err)
	}
	return n, nil
}

func (s *Service) revokeOwn(ctx context.Context, id, token string, body []byte) (int, error) {
	if _, err := s.authenticate(ctx, id, token); err != nil {
		return 0, err
	}
	r, err := ParseRevocation(body)
	if err != nil {
		return 0, err
	}
	if s.phones == nil {
		return 0, ErrNoPhones
	}
	t, err := s.config.Store.Redeem(ctx, id, s.now())
	if err != nil {
		return 0, redeemError(err)
	}
	if err := s.judgeOwn(ctx, r, t.Challenge); err != nil {
		return 0, errors.Join(err, s.config.Store.Fail(context.WithoutCancel(ctx), id))
	}
	n, err := s.desk.ChangePhones(ctx, r.SEID, store.CessationOfOperation)
	if err != nil {
		return n, err
	}
	sending, cancel := context.WithTimeout(context.WithoutCancel(ctx), sendOwn)
	defer cancel()
	s.outbox.round(sending)
	s.log.InfoContext(ctx, "phone certificates revoked by their holder", "transaction", id, "sets", n)
	return n, nil
}

// judgeOwn checks that the certificate is one of ours for this element and that its key signed.
func (s *Service) judgeOwn(ctx context.Context, r *Revocation, challenge []byte) error {
	no := func(check string) error { return &RefusedError{What: "revocation", Checks: []string{check}} }
	certificate, err := x509.ParseCertificate(r.Certificate)
	if err != nil || !s.phones.config.Signature.Issued(certificate) || !certificate.SerialNumber.IsUint64() {
		return no("revocation.certificate")
	}
	row, err := s.config.Store.OfSerial(ctx, store.SignatureCertificate, certificate.SerialNumber.Uint64())
	if errors.Is(err, store.ErrNotFound) || err == nil && row.Device != s.device(r.SEID) {
		return no("revocation.element")
	}
	if err != nil {
		return err
	}
	key, ok := certificate.PublicKey.(*rsa.PublicKey)
	digest := sha256.Sum256(PhoneRevocationStatement(challenge, r.SEID))
	if !ok || rsa.VerifyPKCS1v15(key, crypto.SHA256, digest[:], r.Signature) != nil {
		return no("revocation.signature")
	}
	return nil
}

// RevokePhone changes the status of the phone certificates on a secure element; see revocation.Desk.
func (s *Service) RevokePhone(ctx context.Context, operatorToken string, seID []byte, reason store.Reason) (int, error) {
	return s.desk.RevokePhone(ctx, operatorToken, seID, reason)
}

// ReleasePhone ends the desk's hold on phone certificates; see revocation.Desk.
func (s *Service) ReleasePhone(ctx context.Context, operatorToken string, seID []byte) (int, error) {
	return s.desk.ReleasePhone(ctx, operatorToken, seID)
}
