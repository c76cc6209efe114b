package jpkisim

import (
	"crypto"
	"crypto/x509"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"sync"
	"time"

	"mobileid/issuer/card/jpki/jpkica"
	"mobileid/mdoc/pki"
)

// Periods of what is published, as far as is known of the real service: lists about daily.
const (
	listLife = 24 * time.Hour
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
	signer    *jpkica.CA
	cert      *x509.Certificate
	now       func() time.Time
	responder *jpkica.Responder

	mu      sync.Mutex // guards the rest
	number  int64      // of the last list
	entries []pki.Revocation
}

func newCA(p jpkica.Profile, cert *x509.Certificate, key crypto.Signer, now func() time.Time) (*CA, error) {
	signer, err := jpkica.OpenCA(p, cert, key)
	if err != nil {
		return nil, err
	}
	responder, err := jpkica.NewResponder(signer)
	if err != nil {
		return nil, err
	}
	return &CA{signer: signer, cert: cert, now: now, responder: responder}, nil
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
	if !c.signer.Issued(certificate) {
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
	return c.signer.List(big.NewInt(c.number), from, from.Add(listLife), slices.Clone(c.entries))
}
