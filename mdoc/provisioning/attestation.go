package provisioning

import (
	"bytes"
	"crypto"
	"crypto/ecdh"
	"fmt"
	"time"

	"mobileid/mdoc/cose"
	"mobileid/mdoc/pki"
	"mobileid/mdoc/verdict"
)

const clauseAttestation = "docs/provisioning.md, attestation"

// maxAppletVersion bounds the version text.
const maxAppletVersion = 32

// Attestation is the secure element's answer to a provisioning order: two keys were born inside it and cannot leave,
// docs/provisioning.md, attestation.
//
//	attestation = {
//	  1: bstr .size 16,   ; order id
//	  2: bstr .size 32,   ; the order's challenge
//	  3: bstr .size 10,   ; secure element id, equal to the one in its certificate
//	  4: 1..15,           ; slot
//	  5: 1 / 2,           ; purpose of the device key
//	  6: COSE_Key,        ; device key, P-256
//	  7: COSE_Key,        ; sealing key, P-256, for this order only
//	  8: tstr,            ; version of the applet
//	  9: bool,            ; each use of the device key needs the holder's presence
//	  10: uint            ; wrong entries until the holder's secret blocks
//	}
type Attestation struct {
	OrderID       []byte   `cbor:"1,keyasint"`
	Challenge     []byte   `cbor:"2,keyasint"`
	SEID          []byte   `cbor:"3,keyasint"`
	Slot          uint64   `cbor:"4,keyasint"`
	Purpose       Purpose  `cbor:"5,keyasint"`
	DeviceKey     cose.Key `cbor:"6,keyasint"`
	SealingKey    cose.Key `cbor:"7,keyasint"`
	AppletVersion string   `cbor:"8,keyasint"`
	UserPresence  bool     `cbor:"9,keyasint"`
	TryLimit      uint64   `cbor:"10,keyasint"`
}

// SignedAttestation is a well-formed attestation that nobody has verified yet.
type SignedAttestation struct {
	message *cose.Sign1
	claimed Attestation
}

// SignAttestation signs with the secure element's attestation key. chain is its certificate, in the protected header;
// the root is left out.
func SignAttestation(signer crypto.Signer, chain [][]byte, a Attestation) ([]byte, error) {
	return sign(signer, chain, &a)
}

// ParseAttestation reads an attestation.
func ParseAttestation(raw []byte) (*SignedAttestation, error) {
	s := &SignedAttestation{}
	m, err := parse(raw, &s.claimed)
	if err != nil {
		return nil, err
	}
	s.message = m
	return s, nil
}

// ClaimedOrder gives the id of the order that the attestation says it answers: enough to look the order up, and not
// to be trusted before Verify.
func (s *SignedAttestation) ClaimedOrder() []byte { return s.claimed.OrderID }

// Verify judges the attestation at the time at: the certificate under roots (profile SEAttestation), the signature, the
// secure element's id against its certificate, and the two keys. The attestation and the element's key are nil unless
// the verdict is OK. Whether it answers the order at hand is for [Attestation.Answers].
func (s *SignedAttestation) Verify(roots *pki.Anchors, at time.Time) (*Attestation, crypto.PublicKey, verdict.Verdict, error) {
	key, v, err := vouched(s.message, s.claimed.SEID, roots, at)
	if err != nil || key == nil {
		return nil, nil, v, err
	}
	err = s.claimed.checkKeys(key)
	v.Record("attestation.keys", clauseAttestation, err == nil, text(err, "two P-256 keys, different from each other and from the attestation key"))
	if !v.OK() {
		return nil, nil, v, nil
	}
	a := s.claimed
	return &a, key, v, nil
}

// vouched judges what every attestation has: the element's certificate under roots, the signature, and the element's id
// against the certificate. The key is nil when there is no path to take it from.
func vouched(m *cose.Sign1, seID []byte, roots *pki.Anchors, at time.Time) (crypto.PublicKey, verdict.Verdict, error) {
	var v verdict.Verdict
	chain, err := m.X5Chain()
	protected := m.X5ChainProtected()
	v.Record("attestation.x5chain", clauseAttestation, err == nil && protected, chainText(err, protected))
	if err != nil {
		return nil, v, nil
	}
	path, judged, err := roots.Check(chain, pki.SEAttestation, at)
	if err != nil {
		return nil, verdict.Verdict{}, fmt.Errorf("verifying attestation: %w", err)
	}
	v.Append(judged)
	if path == nil {
		v.NotRun("attestation.signature", clauseAttestation, "no certificate to take the key from")
		return nil, v, nil
	}
	key := path.LeafPublicKey()
	err = m.Verify(key)
	v.Record("attestation.signature", clauseAttestation, err == nil, text(err, "verified with the certificate's key"))
	id, err := pki.SEID(path.Leaf)
	v.Record("attestation.se_id", clauseAttestation, err == nil && bytes.Equal(id, seID), text(err, "compared with the certificate"))
	return key, v, nil
}

// Answers compares the attestation with the order it claims to answer; an error wraps [ErrMismatch].
func (a *Attestation) Answers(o *Order) error {
	if err := o.attested(ApplicationCredential, a.OrderID, a.Challenge, a.SEID); err != nil {
		return err
	}
	switch {
	case a.Slot != o.Slot:
		return fmt.Errorf("%w: slot", ErrMismatch)
	case a.Purpose != o.Purpose:
		return fmt.Errorf("%w: purpose", ErrMismatch)
	default:
		return nil
	}
}

func (a *Attestation) kind() (name, messageType string) { return "attestation", typeAttestation }

func (a *Attestation) validate() error {
	err := checkLengths(length{"order id", a.OrderID, orderIDLength}, length{"challenge", a.Challenge, challengeLength},
		length{"secure element id", a.SEID, seIDLength})
	switch {
	case err != nil:
		return err
	case a.Slot < 1 || a.Slot > maxSlot:
		return fmt.Errorf("slot %d, expected 1 to %d", a.Slot, maxSlot)
	case !a.Purpose.valid():
		return fmt.Errorf("purpose %d is not known", a.Purpose)
	case len(a.AppletVersion) > maxAppletVersion:
		return fmt.Errorf("applet version of %d bytes, at most %d", len(a.AppletVersion), maxAppletVersion)
	default:
		return nil
	}
}

// checkKeys refuses a key that is not on P-256 or has two duties.
func (a *Attestation) checkKeys(attestation crypto.PublicKey) error {
	for name, k := range map[string]cose.Key{"device key": a.DeviceKey, "sealing key": a.SealingKey} {
		pub, err := k.ECDH()
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		if pub.Curve() != ecdh.P256() {
			return fmt.Errorf("%s: not on P-256", name)
		}
	}
	own, err := cose.NewKey(attestation)
	if err != nil {
		return fmt.Errorf("attestation key: %w", err)
	}
	if a.DeviceKey.Equal(a.SealingKey) || a.DeviceKey.Equal(own) || a.SealingKey.Equal(own) {
		return fmt.Errorf("one key with two duties")
	}
	return nil
}

func chainText(err error, protected bool) string {
	if err == nil && !protected {
		return "not in the protected header"
	}
	return text(err, "in the protected header")
}

func text(err error, good string) string {
	if err != nil {
		return err.Error()
	}
	return good
}
