package pki

import (
	"bytes"
	"crypto/rsa"
	"crypto/x509"
	"fmt"
	"math/big"
	"time"

	"mobileid/mdoc/verdict"
)

const (
	clauseCRL = "ISO/IEC 18013-5:2021, Annex B, Table B.10 (CRL)"

	// maxCRLPeriod: a new list is due every 90 days (Table B.10).
	maxCRLPeriod = 90 * day
)

// CRLProfile says what an entry of a list may carry.
type CRLProfile int

// The profiles. The zero value is none of them.
const (
	// CRLAnnexB is Table B.10: no entry extensions.
	CRLAnnexB CRLProfile = iota + 1
	// CRLWithReasons is our own, for authorities that say why, as Japan's JPKI does: an entry may carry one of the four
	// reasons affiliationChanged, superseded, cessationOfOperation and certificateHold, and nothing else.
	CRLWithReasons
)

// allows reports whether an entry may carry a reason.
func (p CRLProfile) allows(r Reason) bool {
	switch r {
	case Unspecified: // is written as no extension
		return true
	case AffiliationChanged, Superseded, CessationOfOperation, CertificateHold:
		return p == CRLWithReasons
	default:
		return false
	}
}

// Verify judges a list of the issuer at the time at; every check has an id "crl.*". It may be relied on if and only if the
// verdict is OK: signed by the issuer's key under the issuer's name, a full list with a number, in force. Reasons are read
// whatever the profile; they change no outcome. That a list is not older than one seen before is asked by [RevocationLists].
//
// The issuer may have an RSA key of 2048 bits or more, with SHA-256, as Japan's JPKI; the anchors of this package have none.
func (c *CRL) Verify(issuer *x509.Certificate, at time.Time) verdict.Verdict {
	return c.verify(issuer, at, c.scopeFault())
}

// VerifyPart is Verify, but a list of one distribution point is in its scope too (RFC 5280, 5.2.5). It speaks of the
// certificates that [CRL.Covers] names and of no others.
func (c *CRL) VerifyPart(issuer *x509.Certificate, at time.Time) verdict.Verdict {
	return c.verify(issuer, at, c.partFault())
}

func (c *CRL) verify(issuer *x509.Certificate, at time.Time, scope string) verdict.Verdict {
	var v verdict.Verdict
	c.judgeOrigin(&v, issuer)
	c.judgeContent(&v, scope)
	fault := c.outside(at)
	v.Record("crl.validity", clauseCRL, fault == "", text(fault, c.period()))
	return v
}

func (c *CRL) judgeOrigin(v *verdict.Verdict, issuer *x509.Certificate) {
	l := c.list
	v.Record("crl.issuer", clauseCRL, bytes.Equal(l.RawIssuer, issuer.RawSubject), "issuer and subject are compared as bytes")
	same := len(l.AuthorityKeyId) == 0 || len(issuer.SubjectKeyId) == 0 || bytes.Equal(l.AuthorityKeyId, issuer.SubjectKeyId)
	v.Record("crl.authority_key_id", clauseCRL, same, map[bool]string{true: "the issuer's key", false: "another key"}[same])
	may := issuer.IsCA && issuer.KeyUsage&x509.KeyUsageCRLSign != 0
	v.Record("crl.issuer_usage", "RFC 5280, 6.3.3 (f)", may, map[bool]string{true: "a CA for CRLs", false: "not a CA for CRLs"}[may])
	if fitsCRL(l.SignatureAlgorithm, issuer.PublicKey) {
		v.Pass("crl.signature_algorithm", clauseCRL, l.SignatureAlgorithm.String())
	} else {
		v.Fail("crl.signature_algorithm", clauseCRL, l.SignatureAlgorithm.String())
		v.NotRun("crl.signature", clauseCRL, "algorithm "+l.SignatureAlgorithm.String())
		return
	}
	err := issuer.CheckSignature(l.SignatureAlgorithm, l.RawTBSRevocationList, l.Signature)
	v.Record("crl.signature", clauseCRL, err == nil, errorText(err, "verified with the issuer's key"))
}

// fitsCRL: Table B.10 has ECDSA alone; an issuer with an RSA key is none of that table.
func fitsCRL(a x509.SignatureAlgorithm, issuerKey any) bool {
	switch a {
	case x509.ECDSAWithSHA256, x509.ECDSAWithSHA384, x509.ECDSAWithSHA512:
		return true
	case x509.SHA256WithRSA:
		key, ok := issuerKey.(*rsa.PublicKey)
		return ok && key.N.BitLen() >= 2048
	default:
		return false
	}
}

func (c *CRL) judgeContent(v *verdict.Verdict, fault string) {
	ok, measured := judgeCRLNumber(c.list.Number)
	v.Record("crl.number", clauseCRL, ok, measured)
	v.Record("crl.scope", "RFC 5280, 5.2; Table B.10 (full list)", fault == "", text(fault, "a full list of its issuer"))
	v.Record("crl.entries", clauseCRL, c.fault == "", text(c.fault, fmt.Sprintf("%d entries", len(c.revoked))))
}

func judgeCRLNumber(n *big.Int) (bool, string) {
	switch {
	case n == nil:
		return false, "absent"
	case n.Sign() < 0:
		return false, "negative"
	case len(derInteger(n)) > 20:
		return false, fmt.Sprintf("%d octets, more than 20", len(derInteger(n)))
	default:
		return true, "number " + n.String()
	}
}

// scopeFault says what keeps the list from being a full one of its issuer, or gives "".
func (c *CRL) scopeFault() string {
	if c.point.there {
		return "a list of part of the certificates, or of another issuer's"
	}
	return c.partFault()
}

// partFault is scopeFault for a list that may be of one distribution point.
func (c *CRL) partFault() string {
	for i, e := range c.list.Extensions {
		switch {
		case e.Id.Equal(oidDeltaCRL):
			return "a delta list"
		case e.Id.Equal(oidIssuingPoint):
			if c.point.fault != "" {
				return c.point.fault
			}
		case e.Critical:
			return "critical extension " + e.Id.String()
		}
		for _, other := range c.list.Extensions[:i] {
			if other.Id.Equal(e.Id) {
				return "extension " + e.Id.String() + " twice"
			}
		}
	}
	return ""
}

// outside says why the list does not speak for the time, or gives "". Both ends belong to its period.
func (c *CRL) outside(at time.Time) string {
	switch {
	case at.Before(c.list.ThisUpdate):
		return "from the future: " + c.period()
	case c.list.NextUpdate.IsZero():
		return "without nextUpdate: " + c.period()
	case at.After(c.list.NextUpdate):
		return "expired: " + c.period()
	default:
		return ""
	}
}

func (c *CRL) period() string {
	if c.list.NextUpdate.IsZero() {
		return "from " + c.list.ThisUpdate.Format(time.RFC3339)
	}
	return c.list.ThisUpdate.Format(time.RFC3339) + " to " + c.list.NextUpdate.Format(time.RFC3339)
}

// LintCRL holds a list against every line of its profile: what Verify asks, but for the time, and what an authority owes
// besides. Every check has an id "crl.*".
func LintCRL(der []byte, issuer *x509.Certificate, p CRLProfile) verdict.Verdict {
	var v verdict.Verdict
	c, err := ParseCRL(der)
	if err != nil {
		v.Fail("crl.der", clauseCRL, err.Error())
		return v
	}
	v.Pass("crl.der", clauseCRL, fmt.Sprintf("version 2, %d bytes", len(der)))
	c.judgeOrigin(&v, issuer)
	c.judgeContent(&v, c.scopeFault())
	c.lintContent(&v, p)
	return v
}

func (c *CRL) lintContent(v *verdict.Verdict, p CRLProfile) {
	l := c.list
	life := l.NextUpdate.Sub(l.ThisUpdate) // negative where nextUpdate is absent
	v.Record("crl.period", clauseCRL, life > 0 && life <= maxCRLPeriod,
		fmt.Sprintf("%s, at most %d days", c.period(), int64(maxCRLPeriod/day)))
	fault := c.extensionFault()
	v.Record("crl.extensions", clauseCRL, fault == "", text(fault, "authorityKeyIdentifier and CRLNumber"))
	fault = c.entryFault(p)
	v.Record("crl.entry_extensions", clauseCRL, fault == "", text(fault, map[CRLProfile]string{CRLAnnexB: "none",
		CRLWithReasons: "none but one of four reasons"}[p]))
	v.Record("crl.empty", clauseCRL, !c.hollow, map[bool]string{true: "revokedCertificates is there and empty",
		false: "revokedCertificates is absent when empty"}[c.hollow])
	late := 0
	for _, e := range c.revoked {
		if e.Date.After(l.ThisUpdate) {
			late++
		}
	}
	v.Record("crl.entry_dates", clauseCRL, late == 0, fmt.Sprintf("%d entries dated after the list", late))
}

// extensionFault wants exactly the two extensions of the table, not critical.
func (c *CRL) extensionFault() string {
	key := false
	for _, e := range c.list.Extensions {
		switch {
		case e.Critical:
			return "critical extension " + e.Id.String()
		case e.Id.Equal(oidAuthorityKeyID):
			key = len(c.list.AuthorityKeyId) > 0
		case !e.Id.Equal(oidCRLNumber):
			return "extension " + e.Id.String()
		}
	}
	if !key {
		return "without authorityKeyIdentifier"
	}
	return ""
}

func (c *CRL) entryFault(p CRLProfile) string {
	for i := range c.list.RevokedCertificateEntries {
		e := &c.list.RevokedCertificateEntries[i]
		for _, x := range e.Extensions {
			switch {
			case p == CRLAnnexB:
				return "extension " + x.Id.String() + ", where none is allowed"
			case !x.Id.Equal(oidReasonCode) || x.Critical:
				return "extension " + x.Id.String()
			case e.ReasonCode == int(Unspecified) || !p.allows(Reason(e.ReasonCode)):
				return "reason " + Reason(e.ReasonCode).String()
			}
		}
	}
	return ""
}
