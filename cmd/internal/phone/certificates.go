package phone

import (
	"context"
	"crypto"
	"crypto/sha256"
	"fmt"
	"net/http"

	"mobileid/issuer"
	"mobileid/issuer/card"
	"mobileid/mdoc/apdu"
	"mobileid/mdoc/cbor"
)

// revocation is mobileid's own format, docs/issuance.md, phone certificates.
//
//	revocation = {"certificate": bstr, "seId": bstr, "signature": bstr}
type revocation struct {
	Certificate []byte `cbor:"certificate"`
	SEID        []byte `cbor:"seId"`
	Signature   []byte `cbor:"signature"`
}

// RevokeCertificates has the phone's signature key revoke the phone's certificates at the issuer, and tells how many sets that changed. The TSM
// empties the application at the next Contact.
func (p *Phone) RevokeCertificates(ctx context.Context, password string) (changed int, err error) {
	t, err := p.Start(ctx)
	if err != nil {
		return 0, err
	}
	token, err := Certificates(ctx, p.SE)
	if err != nil {
		return 0, err
	}
	if err := token.Verify(ctx, card.SignaturePasswordFile, password); err != nil {
		return 0, fmt.Errorf("presenting the signature password: %w", err)
	}
	certificate, err := token.ReadFile(ctx, card.SignatureCertificate)
	if err != nil {
		return 0, fmt.Errorf("reading the signature certificate: %w", err)
	}
	digest := sha256.Sum256(issuer.PhoneRevocationStatement(t.Challenge, p.SEID))
	signature, err := token.Sign(ctx, card.SignatureKey, crypto.SHA256, digest[:])
	if err != nil {
		return 0, fmt.Errorf("signing the revocation: %w", err)
	}
	body, err := cbor.Marshal(revocation{Certificate: certificate, SEID: p.SEID, Signature: signature})
	if err != nil {
		return 0, fmt.Errorf("revoking phone certificates: %w", err)
	}
	var out struct {
		Changed int `json:"changed"`
	}
	if err := p.call(ctx, http.MethodPost, "/v1/transactions/"+t.ID+"/revocation", t.token, "application/cbor", body, &out); err != nil {
		return 0, fmt.Errorf("revoking phone certificates: %w", err)
	}
	return out.Changed, nil
}

// Certificates is the secure element as a reader of JPKI-AP sees it. What is in it is what any reader of cards and phones can do with it.
func Certificates(ctx context.Context, se apdu.Transmitter) (*card.Client, error) {
	token, err := card.Connect(ctx, se, card.ClientOptions{Extended: true})
	if err != nil {
		return nil, fmt.Errorf("looking for phone certificates in the secure element: %w", err)
	}
	if !token.Kind().Phone() {
		return nil, fmt.Errorf("looking for phone certificates: the token is a %v", token.Kind())
	}
	return token, nil
}
