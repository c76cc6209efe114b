package pki

import (
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"time"
)

// CRLTemplate says what is to stand in a list.
type CRLTemplate struct {
	Profile CRLProfile
	// Number is the CRLNumber; it must be higher than that of every list of the issuer before.
	Number *big.Int
	// ThisUpdate and NextUpdate are cut to whole seconds; at most 90 days lie between them.
	ThisUpdate, NextUpdate time.Time
	// Revoked are the entries, in any order; they are written by serial number. Dates may not lie after ThisUpdate.
	Revoked []Revocation
}

// CreateCRL makes the list of issuer, whose key is given, in DER. A reason that the profile does not allow is an error, and
// so is a serial number twice. What was made is linted and verified before it is given out.
func CreateCRL(t CRLTemplate, issuer *x509.Certificate, key crypto.Signer) ([]byte, error) {
	if t.Profile != CRLAnnexB && t.Profile != CRLWithReasons {
		return nil, errors.New("creating CRL: unknown profile")
	}
	if t.Number == nil {
		return nil, errors.New("creating CRL: no number")
	}
	whole := func(at time.Time) time.Time { return at.UTC().Truncate(time.Second) }
	list := &x509.RevocationList{Number: t.Number, ThisUpdate: whole(t.ThisUpdate), NextUpdate: whole(t.NextUpdate)}
	for _, r := range t.Revoked {
		if !t.Profile.allows(r.Reason) {
			return nil, fmt.Errorf("creating CRL: %s is no reason that this profile writes", r.Reason)
		}
		list.RevokedCertificateEntries = append(list.RevokedCertificateEntries,
			x509.RevocationListEntry{SerialNumber: r.Serial, RevocationTime: whole(r.Date), ReasonCode: int(r.Reason)})
	}
	slices.SortFunc(list.RevokedCertificateEntries, func(a, b x509.RevocationListEntry) int { return a.SerialNumber.Cmp(b.SerialNumber) })
	der, err := x509.CreateRevocationList(rand.Reader, list, issuer, key)
	if err != nil {
		return nil, fmt.Errorf("creating CRL: %w", err)
	}
	if v := LintCRL(der, issuer, t.Profile); !v.OK() {
		return nil, fmt.Errorf("creating CRL: own lint failed: %s", v)
	}
	return der, nil
}
