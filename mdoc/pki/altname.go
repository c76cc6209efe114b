package pki

import (
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"net/mail"
	"net/url"

	"golang.org/x/crypto/cryptobyte"
	cryptobyteasn1 "golang.org/x/crypto/cryptobyte/asn1"
)

// GeneralName choices of RFC 5280, 4.2.1.6 that the profiles speak of.
const (
	tagMail = cryptobyteasn1.Tag(1 | classContext)
	tagDNS  = cryptobyteasn1.Tag(2 | classContext)
	tagURI  = cryptobyteasn1.Tag(6 | classContext)
	numDir  = 4
	numMail = 1
	numURI  = 6

	classContext = 0x80
)

// judgeIssuerAltName demands an e-mail address or a URI where the profile requires the extension, and that form
// wherever it stands. It is never critical.
func judgeIssuerAltName(c *x509.Certificate, r rules) (bool, string) {
	e, found := extension(c, oidIssuerAltName)
	if !found {
		return !r.altName, "absent"
	}
	if e.Critical {
		return false, "critical"
	}
	input := cryptobyte.String(e.Value)
	var names cryptobyte.String
	if !input.ReadASN1(&names, cryptobyteasn1.SEQUENCE) || !input.Empty() {
		return false, "not a list of names"
	}
	contact := false
	for !names.Empty() {
		var name cryptobyte.String
		var tag cryptobyteasn1.Tag
		if !names.ReadAnyASN1(&name, &tag) {
			return false, "not a list of names"
		}
		contact = contact || (tag == tagMail || tag == tagURI) && len(name) > 0
	}
	return contact, map[bool]string{true: "an e-mail address or URI", false: "neither e-mail address nor URI"}[contact]
}

// judgeCRLPoints demands a URI, no reasons and no cRLIssuer. The standard's own example certificates fail here: they
// write a dNSName.
func judgeCRLPoints(c *x509.Certificate, r rules) (bool, string) {
	e, found := extension(c, oidCRLPoints)
	if !found {
		_, alone := extension(c, oidNoCheck)
		return !r.crl || r.noCheck && alone, "absent"
	}
	if e.Critical {
		return false, "critical"
	}
	input := cryptobyte.String(e.Value)
	var points cryptobyte.String
	if !input.ReadASN1(&points, cryptobyteasn1.SEQUENCE) || !input.Empty() || points.Empty() {
		return false, "not a list of distribution points"
	}
	for !points.Empty() {
		if fault := pointFault(&points); fault != "" {
			return false, fault
		}
	}
	return true, "a URI"
}

// pointFault reads one DistributionPoint (RFC 5280, 4.2.1.13) and says what is wrong with it, or gives "".
func pointFault(points *cryptobyte.String) string {
	var point, name, full cryptobyte.String
	var named, hasFull bool
	if !points.ReadASN1(&point, cryptobyteasn1.SEQUENCE) || !point.ReadOptionalASN1(&name, &named, constructed(0)) {
		return "not a list of distribution points"
	}
	if !point.Empty() {
		return "with reasons or cRLIssuer"
	}
	if !name.ReadOptionalASN1(&full, &hasFull, constructed(0)) || !hasFull {
		return "without a URI"
	}
	for first := true; !full.Empty(); first = false {
		var value cryptobyte.String
		var tag cryptobyteasn1.Tag
		switch {
		case !full.ReadAnyASN1(&value, &tag):
			return "not a list of distribution points"
		case tag == tagDNS:
			return "a dNSName in place of a URI"
		case first && tag != tagURI:
			return "without a URI"
		}
	}
	return ""
}

func constructed(n uint8) cryptobyteasn1.Tag {
	return cryptobyteasn1.Tag(n).ContextSpecific().Constructed()
}

// issuerAltName encodes the extension from a URI and an e-mail address, either of which may be empty.
func issuerAltName(uri, address string) ([]byte, error) {
	var names []asn1.RawValue
	if uri != "" {
		u, err := url.Parse(uri)
		if err != nil || u.Scheme == "" || !ascii(uri) {
			return nil, errors.New("encoding issuer alternative name: not an absolute URI")
		}
		names = append(names, asn1.RawValue{Class: asn1.ClassContextSpecific, Tag: numURI, Bytes: []byte(uri)})
	}
	if address != "" {
		if a, err := mail.ParseAddress(address); err != nil || a.Address != address || !ascii(address) {
			return nil, errors.New("encoding issuer alternative name: not an e-mail address")
		}
		names = append(names, asn1.RawValue{Class: asn1.ClassContextSpecific, Tag: numMail, Bytes: []byte(address)})
	}
	return asn1.Marshal(names)
}

// directoryName encodes a subject alternative name that holds one name, given in DER.
func directoryName(name []byte) ([]byte, error) {
	return asn1.Marshal([]asn1.RawValue{{Class: asn1.ClassContextSpecific, Tag: numDir, IsCompound: true, Bytes: name}})
}

func ascii(s string) bool {
	for i := range len(s) {
		if s[i] <= ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}
