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
	// Country is the alpha-2 code of countryName; required for every profile under an IACA and for VICALs.
	Country string
	// State is stateOrProvinceName; empty leaves it out.
	State string
	// Organization is organizationName; required for VICALSigner, empty leaves it out.
	Organization string
	// CommonName must contain "TEST": nothing made here is to pass for a government record. An IACALink takes its whole
	// subject from LinkTo.
	CommonName string
	// SEID is the secure element's id, 10 bytes; required for SEAttestation, refused for all others.
	SEID []byte
	// NotBefore and NotAfter are cut to whole seconds. NotAfter may not lie after the parent's.
	NotBefore, NotAfter time.Time
	// CRLURI is the address of the revocation list; required for all but roots, StatusSigner and secure elements.
	CRLURI string
	// OCSPURI is the address of an OCSP responder for the authority information access extension; empty leaves it out.
	OCSPURI string
	// OCSPNoCheck marks an OCSPSigner that nobody asks about: 90 days at most, and it needs no CRLURI.
	OCSPNoCheck bool
	// DNSNames are the names of a TLSServer; at least one is required there.
	DNSNames []string
	// IssuerAltURI and IssuerAltEmail say how to reach the issuing authority; one is required for an IACA, its links, and
	// what it issues, but StatusSigner.
	IssuerAltURI, IssuerAltEmail string
	// LinkTo is the new root whose subject and key an IACALink carries; required there, refused for all others.
	LinkTo *x509.Certificate
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
	if err := t.validate(r, pub, parent); err != nil {
		return nil, fmt.Errorf("creating certificate: %w", err)
	}
	if random == nil {
		random = rand.Reader
	}
	c, err := t.certificate(r, pub, parent, random)
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

func (t Template) validate(r rules, pub crypto.PublicKey, parent *x509.Certificate) error {
	name := t.CommonName
	if t.LinkTo != nil {
		name = t.LinkTo.Subject.CommonName
	}
	switch {
	case !strings.Contains(name, "TEST"):
		return errors.New("common name without TEST")
	case (t.Profile == IACALink) != (t.LinkTo != nil):
		return errors.New("a link names the new root, and nothing else does")
	case t.LinkTo != nil && !equalKeys(t.LinkTo.PublicKey, pub):
		return errors.New("the key is not the new root's")
	case t.OCSPNoCheck && !r.noCheck:
		return errors.New("ocsp-nocheck in another profile")
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

func (t Template) certificate(r rules, pub crypto.PublicKey, parent *x509.Certificate, random io.Reader) (*x509.Certificate, error) {
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
	extra, err := t.extensions(r, parent)
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
	if r.ca {
		c.BasicConstraintsValid, c.IsCA, c.MaxPathLenZero = true, true, true
	}
	if t.CRLURI != "" {
		c.CRLDistributionPoints = []string{t.CRLURI}
	}
	if t.OCSPURI != "" {
		c.OCSPServer = []string{t.OCSPURI}
	}
	if t.LinkTo != nil {
		c.RawSubject = t.LinkTo.RawSubject
		c.AuthorityKeyId = parent.SubjectKeyId // the Go library leaves it out where issuer and subject are equal
	}
	c.DNSNames = t.DNSNames
	return c, nil
}

func equalKeys(a, b crypto.PublicKey) bool {
	k, ok := a.(interface{ Equal(crypto.PublicKey) bool })
	return ok && k.Equal(b)
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

// extensions gives those that the Go library cannot write itself: a critical extended key usage, issuerAltName, the
// directory name of a link, ocsp-nocheck.
func (t Template) extensions(r rules, parent *x509.Certificate) ([]pkix.Extension, error) {
	var out []pkix.Extension
	if r.eku == ekuCritical {
		value, err := asn1.Marshal(r.written())
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
	if t.OCSPNoCheck {
		out = append(out, pkix.Extension{Id: oidNoCheck, Value: asn1.NullBytes})
	}
	if t.LinkTo != nil && !bytes.Equal(t.LinkTo.RawSubject, parent.RawSubject) {
		value, err := directoryName(parent.RawSubject)
		if err != nil {
			return nil, err
		}
		out = append(out, pkix.Extension{Id: oidSubjectAltName, Value: value})
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
	v := Lint(der, t.Profile)
	if parent != nil {
		v = LintIssued(der, t.Profile, parent)
	}
	if !v.OK() {
		return fmt.Errorf("creating certificate: own lint failed: %s", v)
	}
	if parent == nil {
		return nil
	}
	r, err := t.Profile.rules()
	if err != nil {
		return err
	}
	anchors, err := NewAnchorsFor(r.anchor, parent.Raw)
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
