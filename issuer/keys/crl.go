package keys

import (
	"crypto/x509"
	"errors"
	"fmt"
	"math/big"
	"time"

	"mobileid/mdoc/pki"
)

// lifeCRL is how long a list of a TEST root speaks; Annex B, Table B.10 allows 90 days.
const lifeCRL = 90 * 24 * time.Hour

// ErrNotRevoked is returned for the release of a certificate that is not on hold.
var ErrNotRevoked = errors.New("the certificate is not on hold")

// firstCRL makes the empty list with which a root begins.
func (r Root) firstCRL(from time.Time) ([]byte, error) {
	return r.signCRL(big.NewInt(1), from, nil)
}

// RenewCRL makes the root's next list at the time at, with the entries of the one before and further ones. It needs the
// root's key and gives the list without putting it into the root.
//
// An entry stays until its certificate has ended, and here for ever: lists are short. A list with a reason follows
// [pki.CRLWithReasons], one without follows Table B.10.
func (r Root) RenewCRL(at time.Time, revoked ...pki.Revocation) ([]byte, error) {
	before, err := pki.ParseCRL(r.CRL)
	if err != nil {
		return nil, fmt.Errorf("renewing CRL: %w", err)
	}
	entries := before.Revoked()
	for _, e := range revoked {
		entries = append(without(entries, e.Serial), e)
	}
	return r.signCRL(next(before), at, entries)
}

// Release makes the root's next list without the entry of a certificate that was on hold. Any other entry stays for ever.
func (r Root) Release(at time.Time, serial *big.Int) ([]byte, error) {
	before, err := pki.ParseCRL(r.CRL)
	if err != nil {
		return nil, fmt.Errorf("renewing CRL: %w", err)
	}
	for _, e := range before.Revoked() {
		if e.Serial.Cmp(serial) == 0 && e.Reason == pki.CertificateHold {
			return r.signCRL(next(before), at, without(before.Revoked(), serial))
		}
	}
	return nil, fmt.Errorf("renewing CRL: %w", ErrNotRevoked)
}

func next(c *pki.CRL) *big.Int { return new(big.Int).Add(c.Number(), big.NewInt(1)) }

func without(entries []pki.Revocation, serial *big.Int) []pki.Revocation {
	var out []pki.Revocation
	for _, e := range entries {
		if e.Serial.Cmp(serial) != 0 {
			out = append(out, e)
		}
	}
	return out
}

func (r Root) signCRL(number *big.Int, at time.Time, entries []pki.Revocation) ([]byte, error) {
	if r.Key == nil {
		return nil, errors.New("making CRL: the root's key is offline")
	}
	issuer, err := x509.ParseCertificate(r.Certificate)
	if err != nil {
		return nil, fmt.Errorf("reading root: %w", err)
	}
	t := pki.CRLTemplate{Profile: pki.CRLAnnexB, Number: number, ThisUpdate: at, NextUpdate: at.Add(lifeCRL), Revoked: entries}
	for _, e := range entries {
		if e.Reason != pki.Unspecified {
			t.Profile = pki.CRLWithReasons
		}
	}
	return pki.CreateCRL(t, issuer, r.Key)
}

// Revocations gives the set of the lists of IACA and reader root, as a verifier or a wallet would hold it.
func (a *Authority) Revocations(at time.Time) (*pki.RevocationLists, error) {
	anchors, err := pki.NewAnchors(a.IACA.Certificate, a.ReaderRoot.Certificate)
	if err != nil {
		return nil, err
	}
	lists := pki.NewRevocationLists(anchors)
	for _, der := range [][]byte{a.IACA.CRL, a.ReaderRoot.CRL} {
		if err := lists.Put(der, at); err != nil {
			return nil, err
		}
	}
	return lists, nil
}
