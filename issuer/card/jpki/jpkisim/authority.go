package jpkisim

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"sync"
	"time"

	"mobileid/mdoc/pki"
)

// Periods of what is published, as far as is known of the real service: lists about daily.
const (
	listLife   = 24 * time.Hour
	answerLife = time.Hour
	// backdated lets an asker's clock lie a little behind.
	backdated = time.Minute
)

// Errors of Revoke and Release.
var (
	ErrReason = errors.New("not one of the four reasons of the service")
	ErrState  = errors.New("certificate is not in a state that allows this")
	ErrIssuer = errors.New("certificate of another authority")
)

// CA is one of the two authorities: a certificate, the entries of its list, and its delegated responder. It is safe for concurrent use.
type CA struct {
	cert *x509.Certificate
	key  crypto.Signer
	now  func() time.Time

	responder    *x509.Certificate
	responderKey crypto.Signer

	mu      sync.Mutex // guards the rest
	number  int64      // of the last list
	entries []pki.Revocation
}

func newCA(cert *x509.Certificate, key crypto.Signer, now func() time.Time) (*CA, error) {
	own, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	c := &CA{cert: cert, key: key, now: now, responderKey: own}
	c.responder, err = c.delegate(own.Public(), nil)
	return c, err
}

// delegate certifies the key of a responder (RFC 6960, 4.2.2.2): for OCSP signing alone, as long as the CA, without a check of
// its own revocation.
func (c *CA) delegate(key crypto.PublicKey, alter func(*x509.Certificate)) (*x509.Certificate, error) {
	template := &x509.Certificate{SerialNumber: big.NewInt(2), NotBefore: c.cert.NotBefore, NotAfter: c.cert.NotAfter,
		Subject:  pkix.Name{Country: []string{"JP"}, Organization: c.cert.Subject.Organization, CommonName: "OCSP responder TEST"},
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageOCSPSigning},
		SignatureAlgorithm: x509.SHA256WithRSA,
		ExtraExtensions:    []pkix.Extension{{Id: asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 48, 1, 5}, Value: asn1.NullBytes}}}
	if alter != nil {
		alter(template)
	}
	der, err := x509.CreateCertificate(rand.Reader, template, c.cert, key, c.key)
	if err != nil {
		return nil, fmt.Errorf("certifying an OCSP responder: %w", err)
	}
	return x509.ParseCertificate(der)
}

// Certificate is the CA's own.
func (c *CA) Certificate() *x509.Certificate { return c.cert }

// Revoke enters a certificate for one of the four reasons; certificateHold can be taken back by Release. A certificate on hold can be
// revoked for good, one revoked for good stays as it is (ErrState).
func (c *CA) Revoke(certificate *x509.Certificate, reason pki.Reason) error {
	e, err := c.entry(certificate, reason)
	if err != nil {
		return fmt.Errorf("revoking certificate: %w", err)
	}
	return c.enter(e)
}

func (c *CA) entry(certificate *x509.Certificate, reason pki.Reason) (pki.Revocation, error) {
	switch reason {
	case pki.AffiliationChanged, pki.Superseded, pki.CessationOfOperation, pki.CertificateHold:
	default:
		return pki.Revocation{}, fmt.Errorf("%s: %w", reason, ErrReason)
	}
	if !bytes.Equal(certificate.RawIssuer, c.cert.RawSubject) || certificate.CheckSignatureFrom(c.cert) != nil {
		return pki.Revocation{}, ErrIssuer
	}
	return pki.Revocation{Serial: certificate.SerialNumber, Date: c.now().UTC().Add(-backdated).Truncate(time.Second), Reason: reason}, nil
}

// replace makes the entries these and no others; those that stay keep their date.
func (c *CA) replace(entries []pki.Revocation) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i, e := range entries {
		if j := c.index(e.Serial); j >= 0 && c.entries[j].Reason == e.Reason {
			entries[i].Date = c.entries[j].Date
		}
	}
	c.entries = entries
}

func (c *CA) enter(e pki.Revocation) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch i := c.index(e.Serial); {
	case i < 0:
		c.entries = append(c.entries, e)
	case c.entries[i].Reason != pki.CertificateHold:
		return fmt.Errorf("revoking certificate: revoked already: %w", ErrState)
	default:
		c.entries[i] = e
	}
	return nil
}

// Release ends a hold: the next list does not name the certificate. (removeFromCRL stands in delta lists only, RFC 5280, 5.3.1.)
func (c *CA) Release(certificate *x509.Certificate) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	i := c.index(certificate.SerialNumber)
	if i < 0 || c.entries[i].Reason != pki.CertificateHold {
		return fmt.Errorf("releasing certificate: not on hold: %w", ErrState)
	}
	c.entries = slices.Delete(c.entries, i, i+1)
	return nil
}

func (c *CA) index(serial *big.Int) int {
	return slices.IndexFunc(c.entries, func(e pki.Revocation) bool { return e.Serial.Cmp(serial) == 0 })
}

// List signs a list of the moment in DER, with a number above that of the last, valid for a day.
func (c *CA) List() ([]byte, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	from := c.now().UTC().Add(-backdated)
	c.number = max(c.number+1, from.Unix()) // above those of a process before
	return pki.CreateCRL(pki.CRLTemplate{Profile: pki.CRLWithReasons, Number: big.NewInt(c.number), ThisUpdate: from,
		NextUpdate: from.Add(listLife), Revoked: slices.Clone(c.entries)}, c.cert, c.key)
}
