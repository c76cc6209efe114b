package pki

import (
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"net/mail"
	"net/url"
)

// GeneralName choices of RFC 5280, 4.2.1.6 that the profiles allow.
const (
	tagMail = 1
	tagDNS  = 2
	tagDir  = 4
	tagURI  = 6
)

// judgeIssuerAltName demands an e-mail address or a URI where the profile requires the extension, and that form
// wherever it stands. That it is not critical is asked of all extensions together.
func judgeIssuerAltName(c *x509.Certificate, r rules) (bool, string) {
	e, found := extension(c, oidIssuerAltName)
	if !found {
		return !r.altName, "absent"
	}
	var names []asn1.RawValue
	if rest, _ := asn1.Unmarshal(e.Value, &names); len(rest) != 0 {
		return false, "not a list of names"
	}
	for _, n := range names {
		if isContact(n) {
			return true, "an e-mail address or URI"
		}
	}
	return false, "neither e-mail address nor URI"
}

func isContact(n asn1.RawValue) bool {
	if n.Class != asn1.ClassContextSpecific || len(n.Bytes) == 0 {
		return false
	}
	return n.Tag == tagMail || n.Tag == tagURI
}

// distributionPoint is RFC 5280, 4.2.1.13 DistributionPoint.
type distributionPoint struct {
	Name struct {
		FullName []asn1.RawValue `asn1:"optional,tag:0"`
	} `asn1:"optional,tag:0"`
	Reasons   asn1.BitString  `asn1:"optional,tag:1"`
	CRLIssuer []asn1.RawValue `asn1:"optional,tag:2"`
}

// judgeCRLPoints demands a URI, no reasons and no cRLIssuer. The standard's own example certificates fail here: they
// write a dNSName.
func judgeCRLPoints(c *x509.Certificate, r rules) (bool, string) {
	e, found := extension(c, oidCRLPoints)
	if !found {
		_, alone := extension(c, oidNoCheck)
		return !r.crl || r.noCheck && alone, "absent"
	}
	var points []distributionPoint
	if rest, _ := asn1.Unmarshal(e.Value, &points); len(rest) != 0 || len(points) == 0 {
		return false, "not a list of distribution points"
	}
	for _, p := range points {
		if p.Reasons.BitLength != 0 || len(p.CRLIssuer) != 0 {
			return false, "with reasons or cRLIssuer"
		}
		for _, n := range p.Name.FullName {
			if n.Class == asn1.ClassContextSpecific && n.Tag == tagDNS {
				return false, "a dNSName in place of a URI"
			}
		}
		if len(p.Name.FullName) == 0 || p.Name.FullName[0].Tag != tagURI {
			return false, "without a URI"
		}
	}
	return true, "a URI"
}

// issuerAltName encodes the extension from a URI and an e-mail address, either of which may be empty.
func issuerAltName(uri, address string) ([]byte, error) {
	var names []asn1.RawValue
	if uri != "" {
		u, err := url.Parse(uri)
		if err != nil || u.Scheme == "" || !ascii(uri) {
			return nil, errors.New("encoding issuer alternative name: not an absolute URI")
		}
		names = append(names, asn1.RawValue{Class: asn1.ClassContextSpecific, Tag: tagURI, Bytes: []byte(uri)})
	}
	if address != "" {
		if a, err := mail.ParseAddress(address); err != nil || a.Address != address || !ascii(address) {
			return nil, errors.New("encoding issuer alternative name: not an e-mail address")
		}
		names = append(names, asn1.RawValue{Class: asn1.ClassContextSpecific, Tag: tagMail, Bytes: []byte(address)})
	}
	return asn1.Marshal(names)
}

// directoryName encodes a subject alternative name that holds one name, given in DER.
func directoryName(name []byte) ([]byte, error) {
	return asn1.Marshal([]asn1.RawValue{{Class: asn1.ClassContextSpecific, Tag: tagDir, IsCompound: true, Bytes: name}})
}

func ascii(s string) bool {
	for i := range len(s) {
		if s[i] <= ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}
