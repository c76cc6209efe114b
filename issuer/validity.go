package issuer

import (
	"crypto/x509"
	"time"

	"mobileid/issuer/card"
)

const (
	// grid is the step of every time in an MSO. Times on a coarse grid do not link what was issued together
	// (ISO/IEC 18013-5 second edition, 12.3).
	grid = time.Hour
	// leastLife is the least a credential must have left to be worth making.
	leastLife = 2 * time.Hour
	// updateAhead is how long before its end a credential should be renewed, and updateLeast the life below which no
	// such time is given.
	updateAhead = 5 * 24 * time.Hour
	updateLeast = 10 * 24 * time.Hour
)

// validity holds the times of one MSO; validFrom is signed.
type validity struct{ signed, until, update time.Time }

// validityFor applies ISO/IEC 18013-5, 9.1.2.4 and the rule that a credential outlives neither the card, nor the signature
// certificate that proved the holder, nor the document signer. The end is rounded down. A card that ends within the life of
// the MSO shows its day of expiry in it, and with it a birthday: that cannot be helped without letting the mdoc outlive the
// card.
func validityFor(id *card.Identity, signer *x509.Certificate, life time.Duration, now time.Time) (validity, error) {
	v := validity{signed: now.UTC().Truncate(grid)}
	if v.signed.Before(signer.NotBefore) { // the first hour of a document signer
		v.signed = signer.NotBefore.UTC()
	}
	until := v.signed.Add(life)
	for _, end := range []time.Time{id.CardExpiry, id.CertificateNotAfter, signer.NotAfter} {
		if end.Before(until) {
			until = end
		}
	}
	v.until = until.UTC().Truncate(grid)
	if v.signed.After(now) || v.until.Before(now.Add(leastLife)) {
		return validity{}, ErrValidity
	}
	if v.until.Sub(v.signed) >= updateLeast {
		v.update = v.until.Add(-updateAhead)
	}
	return v, nil
}
