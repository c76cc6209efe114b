package issuer

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"sync"
	"time"

	"mobileid/issuer/card"
)

// DenyList is a list of signature certificates that this issuer refuses beside what their authority says, such as those of
// cards reported to it. It says nothing of others: they are asked for at the source behind it. The zero value is empty and
// ready; it is safe for concurrent use. It keeps digests, not serial numbers.
type DenyList struct {
	mu      sync.RWMutex // guards revoked
	revoked map[[sha256.Size]byte]bool
}

// Before puts the list in front of a source.
func (d *DenyList) Before(source card.StatusSource) card.StatusSource { return denied{d, source} }

type denied struct {
	list   *DenyList
	behind card.StatusSource
}

func (d denied) Status(ctx context.Context, certificate, issuer *x509.Certificate, at time.Time) card.StatusAnswer {
	if d.list.names(certificate) {
		return card.StatusAnswer{State: card.StateRevoked, Measured: "on the issuer's own list"}
	}
	return d.behind.Status(ctx, certificate, issuer, at)
}

// Revoke enters a signature certificate (DER). There is no way back: a certificate that was only held gets a new
// judgement when the list is made anew.
func (d *DenyList) Revoke(certificate []byte) error {
	c, err := x509.ParseCertificate(certificate)
	if err != nil {
		return errors.New("revoking card certificate: not a certificate")
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.revoked == nil {
		d.revoked = make(map[[sha256.Size]byte]bool)
	}
	d.revoked[certificateKey(c)] = true
	return nil
}

func (d *DenyList) names(c *x509.Certificate) bool {
	d.mu.RLock()
	defer d.mu.RUnlock()
	return d.revoked[certificateKey(c)]
}

// certificateKey digests issuer and serial number (RFC 5280, 5.3: what a revocation names).
func certificateKey(c *x509.Certificate) [sha256.Size]byte {
	h := sha256.New()
	h.Write(c.RawIssuer)
	h.Write(c.SerialNumber.Bytes())
	return [sha256.Size]byte(h.Sum(nil))
}
