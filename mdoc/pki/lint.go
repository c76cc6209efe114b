package pki

import (
	"bytes"
	"crypto/sha1" //nolint:gosec // RFC 5280, 4.2.1.2 method 1: an identifier, not a signature
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"fmt"
	"strconv"

	"golang.org/x/crypto/cryptobyte"
	cryptobyteasn1 "golang.org/x/crypto/cryptobyte/asn1"

	"mobileid/mdoc/verdict"
)

// Lint holds the certificate der against every line of profile p and lists each as a check with an id "cert.*". It
// judges the certificate alone: neither the time nor its issuer. A profile that does not exist gives a failed check.
func Lint(der []byte, p Profile) verdict.Verdict {
	var v verdict.Verdict
	r, err := p.rules()
	if err != nil {
		v.Fail("cert.profile", "docs/profile.md", err.Error())
		return v
	}
	c, err := parse(der)
	if err != nil {
		id := "cert.der"
		if _, ok := errors.AsType[*keyError](err); ok {
			id = "cert.key"
		}
		v.Fail(id, r.clause, err.Error())
		return v
	}
	v.Pass("cert.der", r.clause, fmt.Sprintf("%d bytes", len(der)))
	if c.Version != 3 { // its extensions were not read
		v.Fail("cert.version", r.clause, fmt.Sprintf("v%d", c.Version))
		return v
	}
	v.Pass("cert.version", r.clause, "v3")
	lintBody(&v, c, r)
	lintNames(&v, c, r)
	lintExtensions(&v, c, r)
	return v
}

func lintBody(v *verdict.Verdict, c *x509.Certificate, r rules) {
	record := func(id string, ok bool, measured string) { v.Record(id, r.clause, ok, measured) }
	ok, measured := judgeSerial(c)
	record("cert.serial", ok, measured)
	if ok {
		ok, measured = judgeEntropy(c)
		record("cert.serial.entropy", ok, measured)
	} else {
		v.NotRun("cert.serial.entropy", r.clause, "not a serial number of the profile")
	}
	ok, measured = judgeSignatureAlgorithm(c)
	record("cert.signature_algorithm", ok, measured)
	ok, measured = judgePeriod(c, r)
	record("cert.validity.period", ok, measured)
	ok, measured = judgeKey(c, r)
	record("cert.key", ok, measured)
	if !r.root {
		record("cert.issuer", r.ca || !selfIssued(c), "issuer and subject are compared as bytes")
		return
	}
	record("cert.issuer", selfIssued(c), "issuer and subject are compared as bytes")
	err := selfSignature(c)
	record("cert.self_signature", err == nil, errorText(err, "verified with the certificate's own key"))
}

// selfSignature verifies a root's signature with its own key, after the algorithm was found allowed.
func selfSignature(c *x509.Certificate) error {
	if ok, measured := judgeSignatureAlgorithm(c); !ok {
		return errors.New("signature algorithm " + measured)
	}
	return c.CheckSignature(c.SignatureAlgorithm, c.RawTBSCertificate, c.Signature)
}

func lintNames(v *verdict.Verdict, c *x509.Certificate, r rules) {
	if r.country {
		code, ok := country(c.Subject)
		v.Record("cert.subject.country", r.clause, ok, "countryName "+clip(code))
	}
	ok, measured := judgeCommonName(c)
	v.Record("cert.subject.common_name", r.clause, ok, measured)
	if r.organization {
		ok, measured = judgeOrganization(c, r)
		v.Record("cert.subject.organization", r.clause, ok, measured)
	}
	if r.dns {
		v.Record("cert.dns_name", r.clause, len(c.DNSNames) > 0, fmt.Sprintf("%d names of a server", len(c.DNSNames)))
	}
	if r.seID {
		id, err := SEID(c)
		v.Record("cert.subject.se_id", r.clause, err == nil, errorText(err, fmt.Sprintf("%d bytes", len(id))))
	}
	ok, measured = judgeNameStrings(c.RawSubject)
	v.Record("cert.subject.strings", r.clause, ok, measured)
}

// judgeNameStrings demands PrintableString for countryName and serialNumber, and PrintableString or UTF8String for
// all others. The name is RFC 5280, 4.1.2.4 RDNSequence: sets of type and value; the parser cut it out of the certificate.
func judgeNameStrings(raw []byte) (bool, string) {
	input := cryptobyte.String(raw)
	var name cryptobyte.String
	if !input.ReadASN1(&name, cryptobyteasn1.SEQUENCE) {
		return false, "not a name"
	}
	for !name.Empty() {
		var set cryptobyte.String
		if !name.ReadASN1(&set, cryptobyteasn1.SET) {
			return false, "not a name"
		}
		for !set.Empty() {
			if fault := nameStringFault(&set); fault != "" {
				return false, fault
			}
		}
	}
	return true, "PrintableString and UTF8String"
}

// Content octets of the two attributes' identifiers: 2.5.4.6 and 2.5.4.5.
const (
	attributeCountry = "\x55\x04\x06"
	attributeSerial  = "\x55\x04\x05"
)

func nameStringFault(set *cryptobyte.String) string {
	var attribute, kind, value cryptobyte.String
	var tag cryptobyteasn1.Tag
	if !set.ReadASN1(&attribute, cryptobyteasn1.SEQUENCE) || !attribute.ReadASN1(&kind, cryptobyteasn1.OBJECT_IDENTIFIER) ||
		!attribute.ReadAnyASN1(&value, &tag) {
		return "not a name"
	}
	narrow := string(kind) == attributeCountry || string(kind) == attributeSerial
	if tag == cryptobyteasn1.PrintableString || tag == cryptobyteasn1.UTF8String && !narrow {
		return ""
	}
	return fmt.Sprintf("attribute %x with string type %d", []byte(clip(string(kind))), tag)
}

func lintExtensions(v *verdict.Verdict, c *x509.Certificate, r rules) {
	record := func(id string, ok bool, measured string) { v.Record(id, r.clause, ok, measured) }
	ok, measured := judgeKeyUsage(c, r)
	record("cert.key_usage", ok, measured)
	ok, measured = judgeExtKeyUsage(c, r)
	record("cert.extended_key_usage", ok, measured)
	ok, measured = judgeBasicConstraints(c, r)
	record("cert.basic_constraints", ok, measured)
	ok, measured = judgeCriticalExtensions(c)
	record("cert.critical_extensions", ok, measured)
	ok, measured = judgeForbidden(c)
	record("cert.forbidden_extensions", ok, measured)
	ok, measured = judgeSubjectKeyID(c)
	record("cert.subject_key_id", ok, measured)
	ok, measured = judgeAuthorityKeyID(c, r)
	record("cert.authority_key_id", ok, measured)
	ok, measured = judgeIssuerAltName(c, r)
	record("cert.issuer_alt_name", ok, measured)
	ok, measured = judgeCRLPoints(c, r)
	record("cert.crl_distribution_points", ok, measured)
}

func judgeForbidden(c *x509.Certificate) (bool, string) {
	for _, oid := range []asn1.ObjectIdentifier{oidPolicyMappings, oidNameConstraints, oidPolicyConstraint,
		oidInhibitAnyPolicy, oidFreshestCRL} {
		if _, found := extension(c, oid); found {
			return false, "extension " + oid.String()
		}
	}
	return true, "none of the five forbidden extensions"
}

func judgeSubjectKeyID(c *x509.Certificate) (bool, string) {
	want, err := keyID(c.RawSubjectPublicKeyInfo)
	if err != nil {
		return false, err.Error()
	}
	if !bytes.Equal(c.SubjectKeyId, want) {
		return false, "not the SHA-1 of the key bits"
	}
	return true, "SHA-1 of the key bits"
}

// judgeAuthorityKeyID demands the extension of all but roots, which may leave it out or name themselves.
func judgeAuthorityKeyID(c *x509.Certificate, r rules) (bool, string) {
	measured := "authority key identifier of " + strconv.Itoa(len(c.AuthorityKeyId)) + " bytes"
	if r.root {
		return len(c.AuthorityKeyId) == 0 || bytes.Equal(c.AuthorityKeyId, c.SubjectKeyId), measured
	}
	return len(c.AuthorityKeyId) > 0, measured
}

// keyID is RFC 5280, 4.2.1.2 method 1: SHA-1 over the key's bit string, which both keys' profiles ask for.
func keyID(spki []byte) ([]byte, error) {
	input := cryptobyte.String(spki)
	var info, algorithm cryptobyte.String
	var key []byte
	if !input.ReadASN1(&info, cryptobyteasn1.SEQUENCE) || !info.ReadASN1(&algorithm, cryptobyteasn1.SEQUENCE) ||
		!info.ReadASN1BitStringAsBytes(&key) || !info.Empty() {
		return nil, errors.New("reading public key: not a SubjectPublicKeyInfo")
	}
	sum := sha1.Sum(key) //nolint:gosec // see above
	return sum[:], nil
}

func errorText(err error, good string) string {
	if err != nil {
		return err.Error()
	}
	return good
}

func clip(s string) string {
	if len(s) > 16 {
		return s[:16]
	}
	return s
}
