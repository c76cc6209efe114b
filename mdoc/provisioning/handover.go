package provisioning

import (
	"crypto"
	"errors"
	"fmt"
	"time"

	"mobileid/mdoc/cbor"
	"mobileid/mdoc/cose"
	"mobileid/mdoc/pki"
	"mobileid/mdoc/verdict"
)

const clauseHandover = "docs/provisioning.md, handover receipt"

// Bounds of a handover receipt.
const (
	maxDevice     = 128
	maxStatusURIs = 64
	maxURI        = 256
)

// HandoverReceipt is the issuer's word that a phone's credentials are revoked, for a buyer to check. It names the device
// by a keyed hash and nobody by name, docs/provisioning.md, handover receipt.
//
//	handover = {
//	  1: bstr .size 16,   ; id of the receipt
//	  2: tstr,            ; keyed hash of the secure element's id
//	  3: tdate,           ; when the credentials were revoked
//	  4: uint,            ; how many there were
//	  5: [* tstr],        ; status lists in which they stand
//	  ? 6: bstr .size 16  ; order to empty the secure element
//	}
type HandoverReceipt struct {
	ID          []byte     `cbor:"1,keyasint"`
	Device      string     `cbor:"2,keyasint"`
	At          cbor.TDate `cbor:"3,keyasint"`
	Credentials uint64     `cbor:"4,keyasint"`
	StatusURIs  []string   `cbor:"5,keyasint"`
	WipeOrderID []byte     `cbor:"6,keyasint,omitempty"`
}

// SignedHandoverReceipt is a well-formed handover receipt that nobody has verified yet.
type SignedHandoverReceipt struct {
	message *cose.Sign1
	claimed HandoverReceipt
}

// SignHandoverReceipt signs with the key of a status list signer, the authority's word on revocation; chain is its
// certificate, the root left out.
func SignHandoverReceipt(signer crypto.Signer, chain [][]byte, r HandoverReceipt) ([]byte, error) {
	if r.StatusURIs == nil {
		r.StatusURIs = []string{}
	}
	return sign(signer, chain, &r)
}

// ParseHandoverReceipt reads a handover receipt.
func ParseHandoverReceipt(raw []byte) (*SignedHandoverReceipt, error) {
	s := &SignedHandoverReceipt{}
	m, err := parse(raw, &s.claimed)
	if err != nil {
		return nil, err
	}
	s.message = m
	return s, nil
}

// Verify judges the receipt at the time at: the certificate under the issuing authority's anchors (profile
// StatusSigner), the signature, and that it does not speak of the future. The receipt is nil unless the verdict is OK.
func (s *SignedHandoverReceipt) Verify(anchors *pki.Anchors, at time.Time) (*HandoverReceipt, verdict.Verdict, error) {
	var v verdict.Verdict
	chain, err := s.message.X5Chain()
	protected := s.message.X5ChainProtected()
	v.Record("handover.x5chain", clauseHandover, err == nil && protected, chainText(err, protected))
	if err != nil {
		return nil, v, nil
	}
	path, judged, err := anchors.Check(chain, pki.StatusSigner, at)
	if err != nil {
		return nil, verdict.Verdict{}, fmt.Errorf("verifying handover receipt: %w", err)
	}
	v.Append(judged)
	if path == nil {
		v.NotRun("handover.signature", clauseHandover, "no certificate to take the key from")
		return nil, v, nil
	}
	err = s.message.Verify(path.LeafPublicKey())
	v.Record("handover.signature", clauseHandover, err == nil, text(err, "verified with the certificate's key"))
	v.Record("handover.at", clauseHandover, !s.claimed.At.Time().After(at), "revoked at "+s.claimed.At.String())
	if !v.OK() {
		return nil, v, nil
	}
	r := s.claimed
	return &r, v, nil
}

func (r *HandoverReceipt) kind() (name, messageType string) { return "handover receipt", typeHandover }

func (r *HandoverReceipt) validate() error {
	if err := checkLengths(length{"receipt id", r.ID, orderIDLength}); err != nil {
		return err
	}
	if len(r.WipeOrderID) != 0 {
		if err := checkLengths(length{"wipe order id", r.WipeOrderID, orderIDLength}); err != nil {
			return err
		}
	}
	switch {
	case r.Device == "" || len(r.Device) > maxDevice:
		return fmt.Errorf("device of %d bytes, expected 1 to %d", len(r.Device), maxDevice)
	case r.At.Time().IsZero():
		return errors.New("time missing")
	case len(r.StatusURIs) > maxStatusURIs:
		return fmt.Errorf("%d status lists, at most %d", len(r.StatusURIs), maxStatusURIs)
	}
	for _, uri := range r.StatusURIs {
		if uri == "" || len(uri) > maxURI {
			return fmt.Errorf("status list URI of %d bytes, expected 1 to %d", len(uri), maxURI)
		}
	}
	return nil
}
