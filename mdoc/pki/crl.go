package pki

import (
	"bytes"
	"crypto/x509"
	"encoding/asn1"
	"fmt"
	"math/big"
	"strconv"
	"time"

	"golang.org/x/crypto/cryptobyte"
	cryptobyteasn1 "golang.org/x/crypto/cryptobyte/asn1"
)

// MaxCRL bounds the DER of one list: an authority revokes a few dozen signers in its life; this holds 12,000.
const MaxCRL = 512 << 10

// Reason says why a certificate was revoked (RFC 5280, 5.3.1).
type Reason int

// The reasons. Those marked are the ones that [CRLWithReasons] may write.
const (
	Unspecified          Reason = 0
	KeyCompromise        Reason = 1
	CACompromise         Reason = 2
	AffiliationChanged   Reason = 3 // may be written
	Superseded           Reason = 4 // may be written
	CessationOfOperation Reason = 5 // may be written
	CertificateHold      Reason = 6 // may be written
	RemoveFromCRL        Reason = 8
	PrivilegeWithdrawn   Reason = 9
	AACompromise         Reason = 10
)

// String gives the RFC's name, or the number of one that has none.
func (r Reason) String() string {
	switch r {
	case Unspecified:
		return "unspecified"
	case KeyCompromise:
		return "keyCompromise"
	case CACompromise:
		return "cACompromise"
	case AffiliationChanged:
		return "affiliationChanged"
	case Superseded:
		return "superseded"
	case CessationOfOperation:
		return "cessationOfOperation"
	case CertificateHold:
		return "certificateHold"
	case RemoveFromCRL:
		return "removeFromCRL"
	case PrivilegeWithdrawn:
		return "privilegeWithdrawn"
	case AACompromise:
		return "aACompromise"
	default:
		return "reason " + strconv.Itoa(int(r))
	}
}

// ParseReason gives the reason of an RFC name.
func ParseReason(name string) (Reason, error) {
	for r := Unspecified; r <= AACompromise; r++ {
		if r.String() == name {
			return r, nil
		}
	}
	return 0, fmt.Errorf("reading revocation reason: none has this name")
}

// Revocation is one entry of a list.
type Revocation struct {
	Serial *big.Int
	Date   time.Time
	Reason Reason
}

// serial is a serial number as a key: 20 octets, the most that RFC 5280, 4.1.2.2 allows, filled from the right.
type serial [20]byte

// serialOf gives the key of a positive number of at most 20 octets.
func serialOf(n *big.Int) (serial, bool) {
	var s serial
	if n == nil || n.Sign() <= 0 || n.BitLen() > 8*len(s) {
		return serial{}, false
	}
	n.FillBytes(s[:])
	return s, true
}

// CRL is a certificate revocation list as received (RFC 5280, 5; profile ISO/IEC 18013-5:2021, Annex B, Table B.10). It
// never changes, and says nothing that may be relied on before [CRL.Verify].
type CRL struct {
	list    *x509.RevocationList
	revoked map[serial]Revocation
	fault   string // what is wrong with the entries, or ""
	hollow  bool   // revokedCertificates is there and empty
	point   issuingPoint
}

// ParseCRL reads a list in DER, of at most 512 KiB: version 2, well-formed, nothing behind it. The bytes are copied.
func ParseCRL(der []byte) (*CRL, error) { return ParseCRLWithin(der, MaxCRL) }

// ParseCRLWithin is ParseCRL with another bound: lists of an authority of many people are longer.
func ParseCRLWithin(der []byte, limit int) (*CRL, error) {
	if len(der) > limit {
		return nil, fmt.Errorf("parsing CRL: %d bytes, more than the limit of %d", len(der), limit)
	}
	list, err := x509.ParseRevocationList(bytes.Clone(der))
	if err != nil {
		return nil, fmt.Errorf("parsing CRL: %w", err)
	}
	if len(list.Raw) != len(der) { // the Go library reads over what follows
		return nil, fmt.Errorf("parsing CRL: %d bytes behind it", len(der)-len(list.Raw))
	}
	c := &CRL{list: list, point: issuingPointOf(list.Extensions), revoked: make(map[serial]Revocation, len(list.RevokedCertificateEntries)), hollow: isHollow(list)}
	for i := range list.RevokedCertificateEntries {
		c.enter(&list.RevokedCertificateEntries[i])
	}
	return c, nil
}

// enter takes one entry. What is wrong with it is kept for the verdict, and a serial number given twice stays with the
// first entry: both revoke it.
func (c *CRL) enter(e *x509.RevocationListEntry) {
	key, ok := serialOf(e.SerialNumber)
	_, twice := c.revoked[key]
	switch {
	case !ok:
		c.fault = "a serial number that no certificate may have"
		return
	case twice:
		c.fault = "a serial number twice"
		return
	case Reason(e.ReasonCode) == RemoveFromCRL:
		c.fault = "an entry removeFromCRL, which only a delta list has"
	}
	for _, x := range e.Extensions {
		switch {
		case x.Id.Equal(oidCertificateIssuer):
			c.fault = "an entry of another issuer's certificate"
		case x.Critical:
			c.fault = "an entry with critical extension " + x.Id.String()
		}
	}
	c.revoked[key] = Revocation{Serial: e.SerialNumber, Date: e.RevocationTime, Reason: Reason(e.ReasonCode)}
}

// isHollow looks for an empty revokedCertificates, which the Go library reads like an absent one.
func isHollow(list *x509.RevocationList) bool {
	tbs := cryptobyte.String(list.RawTBSRevocationList)
	var body cryptobyte.String
	if !tbs.ReadASN1(&body, cryptobyteasn1.SEQUENCE) {
		return false
	}
	for !body.Empty() {
		var element cryptobyte.String
		var tag cryptobyteasn1.Tag
		if !body.ReadAnyASN1(&element, &tag) {
			return false
		}
		if tag == cryptobyteasn1.SEQUENCE && element.Empty() {
			return true
		}
	}
	return false
}

// Identifiers of extensions of lists and entries (RFC 5280, 5.2 and 5.3).
var (
	oidCRLNumber         = asn1.ObjectIdentifier{2, 5, 29, 20}
	oidReasonCode        = asn1.ObjectIdentifier{2, 5, 29, 21}
	oidDeltaCRL          = asn1.ObjectIdentifier{2, 5, 29, 27}
	oidIssuingPoint      = asn1.ObjectIdentifier{2, 5, 29, 28}
	oidCertificateIssuer = asn1.ObjectIdentifier{2, 5, 29, 29}
	oidAuthorityKeyID    = asn1.ObjectIdentifier{2, 5, 29, 35}
)

// Raw gives the DER as received; the caller must not change it.
func (c *CRL) Raw() []byte { return c.list.Raw }

// Number gives the CRLNumber, or nil.
func (c *CRL) Number() *big.Int { return c.list.Number }

// Issuer gives the issuer's name in DER; the caller must not change it.
func (c *CRL) Issuer() []byte { return c.list.RawIssuer }

// AuthorityKeyID gives the identifier of the issuer's key, or nothing.
func (c *CRL) AuthorityKeyID() []byte { return c.list.AuthorityKeyId }

// ThisUpdate and NextUpdate bound the time for which the list speaks; NextUpdate may be zero.
func (c *CRL) ThisUpdate() time.Time { return c.list.ThisUpdate }

// NextUpdate is the time by which a newer list is due.
func (c *CRL) NextUpdate() time.Time { return c.list.NextUpdate }

// Revoked gives the entries in the order of the list.
func (c *CRL) Revoked() []Revocation {
	out := make([]Revocation, 0, len(c.list.RevokedCertificateEntries))
	for _, e := range c.list.RevokedCertificateEntries {
		out = append(out, Revocation{Serial: e.SerialNumber, Date: e.RevocationTime, Reason: Reason(e.ReasonCode)})
	}
	return out
}

// Lookup gives the entry of a serial number and whether there is one. Whether the list covers the certificate is asked by
// [CRL.Covers].
func (c *CRL) Lookup(n *big.Int) (Revocation, bool) { return c.find(n) }

// find gives the entry of a serial number.
func (c *CRL) find(n *big.Int) (Revocation, bool) {
	key, _ := serialOf(n) // the zero key, under which there is no entry, for a number that no certificate may have
	r, found := c.revoked[key]
	return r, found
}
