package pki

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math/big"
	"strings"
	"time"
)

// Template says what is to stand in a certificate. Serial number, key identifiers, key usage, extended key usage and
// basic constraints follow from the profile and cannot be chosen.
type Template struct {
	Profile Profile
	// Country is the alpha-2 code of countryName; required for IACA, DocumentSigner and StatusSigner.
	Country string
	// State is stateOrProvinceName; empty leaves it out.
	State string
	// Organization is organizationName; empty leaves it out.
	Organization string
	// CommonName must contain "TEST": nothing made here is to pass for a government record.
	CommonName string
	// SEID is the secure element's id, 10 bytes; required for SEAttestation, refused for all others.
	SEID []byte
	// NotBefore and NotAfter are cut to whole seconds. NotAfter may not lie after the parent's.
	NotBefore, NotAfter time.Time
	// CRLURI is the address of the revocation list; required for DocumentSigner and ReaderAuth.
	CRLURI string
	// IssuerAltURI and IssuerAltEmail say how to reach the issuing authority; one is required for IACA and
	// DocumentSigner.
	IssuerAltURI, IssuerAltEmail string
}

// Create makes the certificate of pub in DER. parent nil makes a self-signed root, whose parentKey is its own key.
// random draws the serial number (126 bits); nil means crypto/rand.
//
// What was made is linted, and checked as a path under the parent, before it is given out; a certificate that fails
// its own profile is an error and never leaves.
func Create(t Template, pub crypto.PublicKey, parent *x509.Certificate, parentKey crypto.Signer, random io.Reader) ([]byte, error) {
	r, err := t.Profile.rules()
	if err != nil {
		return nil, err
	}
	if err := t.validate(r, parent); err != nil {
		return nil, fmt.Errorf("creating certificate: %w", err)
	}
	if random == nil {
		random = rand.Reader
	}
	c, err := t.certificate(r, pub, random)
	if err != nil {
		return nil, fmt.Errorf("creating certificate: %w", err)
	}
	issuer := parent
	if issuer == nil {
		issuer = c
	}
	der, err := x509.CreateCertificate(random, c, issuer, pub, parentKey)
	if err != nil {
		return nil, fmt.Errorf("creating certificate: %w", err)
	}
	if err := judgeOwn(der, t, parent); err != nil {
		return nil, err
	}
	return der, nil
}

func (t Template) validate(r rules, parent *x509.Certificate) error {
	switch {
	case !strings.Contains(t.CommonName, "TEST"):
		return errors.New("common name without TEST")
	case r.root != (parent == nil):
		return errors.New("a root has no parent, and every other certificate has one")
	case r.seID && len(t.SEID) != seIDLength:
		return errors.New("secure element id is not 10 bytes")
	case !r.seID && len(t.SEID) != 0:
		return errors.New("secure element id in another profile")
	case parent != nil && t.NotAfter.After(parent.NotAfter):
		return errors.New("would outlive its issuer")
	default:
		return nil
	}
}

func (t Template) certificate(r rules, pub crypto.PublicKey, random io.Reader) (*x509.Certificate, error) {
	serial, err := newSerial(random)
	if err != nil {
		return nil, err
	}
	spki, err := x509.MarshalPKIXPublicKey(pub)
	if err != nil {
		return nil, fmt.Errorf("encoding public key: %w", err)
	}
	ski, err := keyID(spki)
	if err != nil {
		return nil, err
	}
	extra, err := t.extensions(r)
	if err != nil {
		return nil, err
	}
	c := &x509.Certificate{
		SerialNumber:    serial,
		Subject:         t.subject(),
		NotBefore:       t.NotBefore.UTC().Truncate(time.Second),
		NotAfter:        t.NotAfter.UTC().Truncate(time.Second),
		KeyUsage:        r.usage,
		SubjectKeyId:    ski,
		ExtraExtensions: extra,
	}
	if r.root {
		c.BasicConstraintsValid, c.IsCA, c.MaxPathLenZero = true, true, true
	}
	if t.CRLURI != "" {
		c.CRLDistributionPoints = []string{t.CRLURI}
	}
	return c, nil
}

func (t Template) subject() pkix.Name {
	name := pkix.Name{CommonName: t.CommonName}
	if t.Country != "" {
		name.Country = []string{t.Country}
	}
	if t.State != "" {
		name.Province = []string{t.State}
	}
	if t.Organization != "" {
		name.Organization = []string{t.Organization}
	}
	if len(t.SEID) != 0 {
		name.SerialNumber = strings.ToUpper(hex.EncodeToString(t.SEID))
	}
	return name
}

// extensions gives those that the Go library cannot write itself: a critical extended key usage, issuerAltName.
func (t Template) extensions(r rules) ([]pkix.Extension, error) {
	var out []pkix.Extension
	if r.eku == ekuCritical {
		value, err := asn1.Marshal(append([]asn1.ObjectIdentifier{r.purpose}, r.also...))
		if err != nil {
			return nil, fmt.Errorf("encoding extended key usage: %w", err)
		}
		out = append(out, pkix.Extension{Id: oidExtKeyUsage, Critical: true, Value: value})
	}
	if t.IssuerAltURI != "" || t.IssuerAltEmail != "" {
		value, err := issuerAltName(t.IssuerAltURI, t.IssuerAltEmail)
		if err != nil {
			return nil, err
		}
		out = append(out, pkix.Extension{Id: oidIssuerAltName, Value: value})
	}
	return out, nil
}

// newSerial draws 126 random bits under a fixed top bit, so that every serial number has 16 octets.
func newSerial(random io.Reader) (*big.Int, error) {
	b := make([]byte, 16)
	if _, err := io.ReadFull(random, b); err != nil {
		return nil, fmt.Errorf("drawing serial number: %w", err)
	}
	b[0] = b[0]&0x3f | 0x40
	return new(big.Int).SetBytes(b), nil
}

// judgeOwn lints what was made and, under a parent, checks the path at the first moment of its validity.
func judgeOwn(der []byte, t Template, parent *x509.Certificate) error {
	if v := Lint(der, t.Profile); !v.OK() {
		return fmt.Errorf("creating certificate: own lint failed: %s", v)
	}
	if parent == nil {
		return nil
	}
	anchors, err := NewAnchors(parent.Raw)
	if err != nil {
		return fmt.Errorf("creating certificate: %w", err)
	}
	at := t.NotBefore.UTC().Truncate(time.Second)
	if at.Before(parent.NotBefore) {
		return errors.New("creating certificate: would be valid before its issuer")
	}
	chain, v, err := anchors.Check([][]byte{der}, t.Profile, at)
	if err != nil {
		return fmt.Errorf("creating certificate: %w", err)
	}
	if !v.OK() || !bytes.Equal(chain.Leaf.Raw, der) {
		return fmt.Errorf("creating certificate: own path check failed: %s", v)
	}
	return nil
}
