package pki

import (
	"bytes"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"

	"golang.org/x/crypto/cryptobyte"
	cryptobyteasn1 "golang.org/x/crypto/cryptobyte/asn1"
)

// issuingPoint is what a list says of the part of the certificates it is for (RFC 5280, 5.2.5):
//
//	IssuingDistributionPoint ::= SEQUENCE { distributionPoint [0] { fullName [0] GeneralNames } OPTIONAL,
//	  onlyContainsUserCerts [1] BOOLEAN, onlyContainsCACerts [2], onlySomeReasons [3], indirectCRL [4],
//	  onlyContainsAttributeCerts [5] }
type issuingPoint struct {
	there bool
	names [][]byte // GeneralNames in DER; none when the point is not named
	fault string   // why no list of this kind is taken, or ""
}

var oidDistributionPoints = asn1.ObjectIdentifier{2, 5, 29, 31}

func contextTag(n uint8) cryptobyteasn1.Tag { return cryptobyteasn1.Tag(n).ContextSpecific() }

func issuingPointOf(extensions []pkix.Extension) issuingPoint {
	for _, e := range extensions {
		if e.Id.Equal(oidIssuingPoint) {
			return parseIssuingPoint(e.Value)
		}
	}
	return issuingPoint{}
}

func parseIssuingPoint(der []byte) issuingPoint {
	broken := issuingPoint{there: true, fault: "an issuing distribution point that cannot be read"}
	var body cryptobyte.String
	in := cryptobyte.String(der)
	if !in.ReadASN1(&body, cryptobyteasn1.SEQUENCE) || !in.Empty() {
		return broken
	}
	p := issuingPoint{there: true}
	for !body.Empty() {
		var tag cryptobyteasn1.Tag
		var value cryptobyte.String
		if !body.ReadAnyASN1(&value, &tag) {
			return broken
		}
		switch {
		case tag == contextTag(0).Constructed():
			if p.names = fullName(value); p.names == nil {
				return broken
			}
		case tag == contextTag(1) && bytes.Equal(value, []byte{0xFF}): // user certificates alone: those that are asked for
		default:
			p.fault = "a list of certificates of another kind, of some reasons, or of another issuer's"
		}
	}
	return p
}

// fullName reads DistributionPointName, fullName [0]: one GeneralName or more, each in DER; nil for anything else.
func fullName(point cryptobyte.String) (names [][]byte) {
	var list cryptobyte.String
	if !point.ReadASN1(&list, contextTag(0).Constructed()) || !point.Empty() {
		return nil
	}
	for !list.Empty() {
		var name cryptobyte.String
		var tag cryptobyteasn1.Tag
		if !list.ReadAnyASN1Element(&name, &tag) {
			return nil
		}
		names = append(names, name)
	}
	return names
}

// Covers reports whether the list speaks of a certificate of its issuer: it is a full list, or one of a distribution point
// that the certificate names for all reasons (RFC 5280, 6.3.3 (b)(2)). Names are compared as bytes.
func (c *CRL) Covers(leaf *x509.Certificate) bool {
	switch {
	case !c.point.there:
		return true
	case c.point.fault != "" || leaf.IsCA:
		return false
	case len(c.point.names) == 0:
		return true
	}
	for _, named := range distributionPointsOf(leaf) {
		for _, own := range c.point.names {
			if bytes.Equal(named, own) {
				return true
			}
		}
	}
	return false
}

// distributionPointsOf gives the names of those points that stand for all reasons and for lists of the issuer itself.
func distributionPointsOf(leaf *x509.Certificate) (names [][]byte) {
	var points cryptobyte.String
	for _, e := range leaf.Extensions {
		if e.Id.Equal(oidDistributionPoints) {
			in := cryptobyte.String(e.Value)
			in.ReadASN1(&points, cryptobyteasn1.SEQUENCE)
		}
	}
	for !points.Empty() {
		var point, name cryptobyte.String
		if !points.ReadASN1(&point, cryptobyteasn1.SEQUENCE) {
			return nil
		}
		if point.ReadASN1(&name, contextTag(0).Constructed()) && point.Empty() {
			names = append(names, fullName(name)...)
		}
	}
	return names
}
