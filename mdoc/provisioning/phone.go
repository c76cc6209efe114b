package provisioning

import (
	"bytes"
	"crypto"
	"crypto/ecdh"
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"fmt"
	"time"

	"mobileid/mdoc/cbor"
	"mobileid/mdoc/cose"
	"mobileid/mdoc/pki"
	"mobileid/mdoc/verdict"
)

// Bounds of the messages about phone certificates.
const (
	maxRSAKey      = 600     // DER of an RSAPublicKey: one of 2048 bits has 270 bytes
	maxCertificate = 4 << 10 // DER; a signature certificate with the longest address has about 2500 bytes
)

// PhoneAttestation is the secure element's answer to a provisioning order for phone certificates: two RSA-2048 keys
// were born inside it and cannot leave, docs/provisioning.md, phone attestation.
//
//	phone-attestation = {
//	  1: bstr .size 16,   ; order id
//	  2: bstr .size 32,   ; the order's challenge
//	  3: bstr .size 10,   ; secure element id, equal to the one in its certificate
//	  4: bstr,            ; user authentication key, RSAPublicKey in DER (RFC 8017, A.1.1)
//	  5: bstr,            ; signature key, of the same form
//	  6: COSE_Key,        ; sealing key, P-256, for this order only
//	  7: tstr,            ; version of the applet
//	  8: uint,            ; wrong entries until the PIN of the authentication key blocks
//	  9: uint             ; wrong entries until the password of the signature key blocks
//	}
type PhoneAttestation struct {
	OrderID           []byte   `cbor:"1,keyasint"`
	Challenge         []byte   `cbor:"2,keyasint"`
	SEID              []byte   `cbor:"3,keyasint"`
	AuthenticationKey []byte   `cbor:"4,keyasint"`
	SignatureKey      []byte   `cbor:"5,keyasint"`
	SealingKey        cose.Key `cbor:"6,keyasint"`
	AppletVersion     string   `cbor:"7,keyasint"`
	PINTries          uint64   `cbor:"8,keyasint"`
	PasswordTries     uint64   `cbor:"9,keyasint"`
}

// SignedPhoneAttestation is a well-formed phone attestation that nobody has verified yet.
type SignedPhoneAttestation struct {
	message *cose.Sign1
	claimed PhoneAttestation
}

// SignPhoneAttestation signs as [SignAttestation] does.
func SignPhoneAttestation(signer crypto.Signer, chain [][]byte, a PhoneAttestation) ([]byte, error) {
	return sign(signer, chain, &a)
}

// ParsePhoneAttestation reads a phone attestation; a message of another type is [ErrType].
func ParsePhoneAttestation(raw []byte) (*SignedPhoneAttestation, error) {
	s := &SignedPhoneAttestation{}
	m, err := parse(raw, &s.claimed)
	if err != nil {
		return nil, err
	}
	s.message = m
	return s, nil
}

// Verify judges the attestation as [SignedAttestation.Verify] does, and that the two keys are RSA-2048 with e = 65537 and
// different from each other. The attestation and the element's key are nil unless the verdict is OK.
func (s *SignedPhoneAttestation) Verify(roots *pki.Anchors, at time.Time) (*PhoneAttestation, crypto.PublicKey, verdict.Verdict, error) {
	key, v, err := vouched(s.message, s.claimed.SEID, roots, at)
	if err != nil || key == nil {
		return nil, nil, v, err
	}
	err = s.claimed.checkKeys(key)
	v.Record("attestation.keys", clauseAttestation, err == nil, text(err, "two RSA-2048 keys and a sealing key on P-256"))
	if !v.OK() {
		return nil, nil, v, nil
	}
	a := s.claimed
	return &a, key, v, nil
}

// Answers compares the attestation with the order it claims to answer; an error wraps [ErrMismatch].
func (a *PhoneAttestation) Answers(o *Order) error {
	return o.attested(ApplicationPhoneCertificates, a.OrderID, a.Challenge, a.SEID)
}

// Keys gives the two public keys of a verified attestation.
func (a *PhoneAttestation) Keys() (authentication, signature *rsa.PublicKey, err error) {
	if authentication, err = rsaKey(a.AuthenticationKey); err != nil {
		return nil, nil, fmt.Errorf("user authentication key: %w", err)
	}
	if signature, err = rsaKey(a.SignatureKey); err != nil {
		return nil, nil, fmt.Errorf("signature key: %w", err)
	}
	return authentication, signature, nil
}

// rsaKey reads an RSAPublicKey that fits the certificates' profile.
func rsaKey(der []byte) (*rsa.PublicKey, error) {
	key, err := x509.ParsePKCS1PublicKey(der)
	switch {
	case err != nil:
		return nil, errors.New("not an RSAPublicKey")
	case key.N.BitLen() != 2048 || key.E != 65537:
		return nil, errors.New("not RSA-2048 with e = 65537")
	case !bytes.Equal(x509.MarshalPKCS1PublicKey(key), der):
		return nil, errors.New("not in DER")
	}
	return key, nil
}

func (a *PhoneAttestation) kind() (name, messageType string) {
	return "phone attestation", typePhoneAttestation
}

func (a *PhoneAttestation) validate() error {
	err := checkLengths(length{"order id", a.OrderID, orderIDLength}, length{"challenge", a.Challenge, challengeLength},
		length{"secure element id", a.SEID, seIDLength})
	switch {
	case err != nil:
		return err
	case len(a.AuthenticationKey) == 0 || len(a.AuthenticationKey) > maxRSAKey || len(a.SignatureKey) == 0 || len(a.SignatureKey) > maxRSAKey:
		return fmt.Errorf("keys of %d and %d bytes, expected 1 to %d", len(a.AuthenticationKey), len(a.SignatureKey), maxRSAKey)
	case len(a.AppletVersion) > maxAppletVersion:
		return fmt.Errorf("applet version of %d bytes, at most %d", len(a.AppletVersion), maxAppletVersion)
	default:
		return nil
	}
}

// checkKeys refuses keys out of profile and a key with two duties.
func (a *PhoneAttestation) checkKeys(attestation crypto.PublicKey) error {
	authentication, signature, err := a.Keys()
	if err != nil {
		return err
	}
	sealing, err := a.SealingKey.ECDH()
	if err != nil {
		return fmt.Errorf("sealing key: %w", err)
	}
	own, err := cose.NewKey(attestation)
	switch {
	case err != nil:
		return fmt.Errorf("attestation key: %w", err)
	case sealing.Curve() != ecdh.P256():
		return errors.New("sealing key: not on P-256")
	case authentication.Equal(signature) || a.SealingKey.Equal(own):
		return errors.New("one key with two duties")
	default:
		return nil
	}
}

// CertificateSet is what the issuer seals for the applet of the phone certificates, all or nothing, docs/provisioning.md,
// certificate set. It holds personal data: the signature certificate names its holder.
//
//	certificate-set = {
//	  1: bstr,   ; signature certificate, DER (RFC 5280, 4.1)
//	  2: bstr,   ; certificate of its CA
//	  3: bstr,   ; user authentication certificate
//	  4: bstr    ; certificate of its CA
//	}
type CertificateSet struct {
	Signature        []byte `cbor:"1,keyasint"`
	SignatureCA      []byte `cbor:"2,keyasint"`
	Authentication   []byte `cbor:"3,keyasint"`
	AuthenticationCA []byte `cbor:"4,keyasint"`
}

// Bytes encodes the set.
func (s CertificateSet) Bytes() ([]byte, error) {
	if err := s.validate(); err != nil {
		return nil, fmt.Errorf("encoding certificate set: %w", err)
	}
	return cbor.Marshal(s)
}

// ParseCertificateSet reads a set; whether the members are certificates is the caller's to find out. The result keeps no slice of raw.
func ParseCertificateSet(raw []byte) (*CertificateSet, error) {
	s := new(CertificateSet)
	if err := cbor.Unmarshal(bytes.Clone(raw), s); err != nil {
		return nil, fmt.Errorf("decoding certificate set: %w", err)
	}
	if err := s.validate(); err != nil {
		return nil, fmt.Errorf("decoding certificate set: %w", err)
	}
	return s, nil
}

func (s CertificateSet) validate() error {
	for _, der := range [][]byte{s.Signature, s.SignatureCA, s.Authentication, s.AuthenticationCA} {
		if len(der) == 0 || len(der) > maxCertificate {
			return fmt.Errorf("certificate of %d bytes, expected 1 to %d", len(der), maxCertificate)
		}
	}
	return nil
}
