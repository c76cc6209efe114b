package issuer

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"fmt"
	"sync"
	"time"
)

// DenyList is a CardStatus held in memory: the certificates it was told of are revoked, all others are in force. It is
// filled from whatever an approved verifier is given (lists and OCSP answers of the certificate service are not public).
// The zero value is empty and ready; it is safe for concurrent use. It keeps digests, not serial numbers.
type DenyList struct {
	mu      sync.RWMutex // guards revoked
	revoked map[[sha256.Size]byte]bool
}

// Revoke enters a signature certificate (DER). There is no way back: a certificate that was only held gets a new
// judgement when the list is made anew.
func (d *DenyList) Revoke(certificate []byte) error {
	key, err := certificateKey(certificate)
	if err != nil {
		return fmt.Errorf("revoking card certificate: %w", err)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.revoked == nil {
		d.revoked = make(map[[sha256.Size]byte]bool)
	}
	d.revoked[key] = true
	return nil
}

// Revoked tells whether the certificate was entered.
func (d *DenyList) Revoked(_ context.Context, certificate []byte, _ time.Time) (bool, error) {
	key, err := certificateKey(certificate)
	if err != nil {
		return false, fmt.Errorf("looking up card certificate: %w", err)
	}
	d.mu.RLock()
	defer d.mu.RUnlock()
	return d.revoked[key], nil
}

// certificateKey digests issuer and serial number (RFC 5280, 5.3: what a revocation names).
func certificateKey(der []byte) (key [sha256.Size]byte, err error) {
	c, err := x509.ParseCertificate(der)
	if err != nil {
		return key, err
	}
	h := sha256.New()
	h.Write(c.RawIssuer)
	h.Write(c.SerialNumber.Bytes())
	return [sha256.Size]byte(h.Sum(nil)), nil
}
