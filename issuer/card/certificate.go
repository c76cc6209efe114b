package card

import (
	"bytes"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"golang.org/x/crypto/cryptobyte"
	cryptobyteasn1 "golang.org/x/crypto/cryptobyte/asn1"

	"mobileid/issuer/card/jpki/jpkica"
	"mobileid/mdoc/cbor"
)

// OIDs under 1.2.392.200149.8.5, the arc of 公的個人認証サービス, and the two extensions read by hand.
var (
	oidPersonal            = asn1.ObjectIdentifier{1, 2, 392, 200149, 8, 5, 5}
	oidSubjectAltName      = asn1.ObjectIdentifier{2, 5, 29, 17}
	oidKeyUsage            = asn1.ObjectIdentifier{2, 5, 29, 15}
	oidCertificatePolicies = asn1.ObjectIdentifier{2, 5, 29, 32}
	oidDistributionPoints  = asn1.ObjectIdentifier{2, 5, 29, 31}
)

// fromPhone tells the certificates of a phone by their policies. They are as good for signing, and do not make a card present.
func fromPhone(c *x509.Certificate) bool {
	for _, kind := range []jpkica.Kind{jpkica.Signature, jpkica.Authentication} {
		if hasPolicy(c, jpkica.Profile{Kind: kind, Phone: true}.Policy()) {
			return true
		}
	}
	return false
}

// parseCertificate reads a DER certificate (RFC 5280, 4.1). The library's error may quote names and is not passed on.
func parseCertificate(der []byte) (*x509.Certificate, error) {
	c, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, errors.New("no well-formed X.509 certificate")
	}
	return c, nil
}

// verifyChain finds the root that issued the certificate (RFC 5280, 6.1: name, key identifier, signature, CA, validity).
// The signature CAs issue directly, so there is no path between. Roots of one name and several keys are all tried.
func verifyChain(c *x509.Certificate, roots []*x509.Certificate, at time.Time) (*x509.Certificate, error) {
	err := errors.New("no root has the issuer's name and key identifier")
	for _, root := range roots {
		if !bytes.Equal(root.RawSubject, c.RawIssuer) || !bytes.Equal(root.SubjectKeyId, c.AuthorityKeyId) {
			continue
		}
		switch {
		case at.Before(root.NotBefore) || at.After(root.NotAfter):
			err = errors.New("the root is out of its validity")
		case c.CheckSignatureFrom(root) != nil:
			err = errors.New("signature of the root does not verify")
		default:
			return root, nil
		}
	}
	return nil, err
}

// checkSignatureProfile holds a certificate to the signature certificate profile of 公的個人認証サービス.
func checkSignatureProfile(c *x509.Certificate) error {
	key, isRSA := c.PublicKey.(*rsa.PublicKey)
	if err := checkCommonProfile(c, key, isRSA, jpkica.Profile{Kind: jpkica.Signature}.Policy()); err != nil {
		return err
	}
	switch {
	case c.KeyUsage != x509.KeyUsageDigitalSignature|x509.KeyUsageContentCommitment || !critical(c, oidKeyUsage):
		return errors.New("keyUsage is not exactly digitalSignature and nonRepudiation, critical")
	case len(c.ExtKeyUsage)+len(c.UnknownExtKeyUsage) > 0:
		return errors.New("an extKeyUsage")
	}
	return nil
}

// checkCommonProfile is what the two profiles share.
func checkCommonProfile(c *x509.Certificate, key *rsa.PublicKey, isRSA bool, policy asn1.ObjectIdentifier) error {
	switch {
	case c.Version != 3:
		return errors.New("not version 3")
	case c.SignatureAlgorithm != x509.SHA256WithRSA:
		return errors.New("not signed with sha256WithRSAEncryption")
	case !isRSA || key.N.BitLen() != 2048 || key.E != 65537:
		return errors.New("key is not RSA-2048 with e = 65537")
	case c.SerialNumber.Sign() <= 0 || c.SerialNumber.BitLen() > 159:
		return errors.New("serial number is not positive or too long")
	case c.IsCA:
		return errors.New("a CA certificate")
	case !hasPolicy(c, policy) || !critical(c, oidCertificatePolicies):
		return errors.New("certificatePolicies does not name the policy of its kind, critical")
	case len(c.AuthorityKeyId) == 0 || len(c.SubjectKeyId) == 0:
		return errors.New("a key identifier is missing")
	case extension(c, oidDistributionPoints) == nil:
		return errors.New("no cRLDistributionPoints: revocation could not be asked")
	case len(c.UnhandledCriticalExtensions) > 0:
		return errors.New("a critical extension that is not understood")
	}
	return nil
}

func hasPolicy(c *x509.Certificate, policy asn1.ObjectIdentifier) bool {
	return slices.ContainsFunc(c.PolicyIdentifiers, policy.Equal)
}

func critical(c *x509.Certificate, oid asn1.ObjectIdentifier) bool {
	return slices.ContainsFunc(c.Extensions, func(e pkix.Extension) bool { return e.Id.Equal(oid) && e.Critical })
}

func extension(c *x509.Certificate, oid asn1.ObjectIdentifier) []byte {
	for _, e := range c.Extensions {
		if e.Id.Equal(oid) {
			return e.Value
		}
	}
	return nil
}

// holder is what the subjectAltName of a signature certificate says of the holder: six otherNames .1 to .6 under
// 1.2.392.200149.8.5.5.
type holder struct {
	name, nameFlags       string // flags: one 0 or 1 per character, 1 for a substitute character
	address, addressFlags string
	sex                   uint
	birth                 cbor.FullDate
}

func parseHolder(c *x509.Certificate) (*holder, error) {
	texts, err := otherNames(extension(c, oidSubjectAltName))
	if err != nil {
		return nil, err
	}
	h := &holder{nameFlags: texts[2], addressFlags: texts[6]}
	if h.name, err = parseText([]byte(texts[1])); err != nil {
		return nil, fmt.Errorf("otherName .1: %w", err)
	}
	if h.address, err = parseText([]byte(texts[5])); err != nil {
		return nil, fmt.Errorf("otherName .5: %w", err)
	}
	if h.sex, err = parseSex([]byte(texts[3])); err != nil {
		return nil, fmt.Errorf("otherName .3: %w", err)
	}
	if h.birth, err = parseEraDate(texts[4]); err != nil {
		return nil, fmt.Errorf("otherName .4: %w", err)
	}
	if !flagsFit(h.nameFlags, h.name) || !flagsFit(h.addressFlags, h.address) {
		return nil, fmt.Errorf("otherName .2 or .6: not one flag for each character: %w", ErrFile)
	}
	return h, nil
}

// otherNames reads the values of the otherNames .1 to .6, each of which must be there once:
//
//	SubjectAltName ::= SEQUENCE OF GeneralName; otherName [0] { type-id OID, value [0] EXPLICIT UTF8String }
//
// (RFC 5280, 4.2.1.6.) Other GeneralNames and other numbers in the arc are passed over: a kana reading is to be added.
func otherNames(san []byte) (texts [7]string, err error) {
	bad := func(what string) ([7]string, error) {
		return [7]string{}, fmt.Errorf("subjectAltName: %s: %w", what, ErrFile)
	}
	general := cryptobyteasn1.Tag(0).ContextSpecific().Constructed()
	var names, name, value, text cryptobyte.String
	in := cryptobyte.String(san)
	if !in.ReadASN1(&names, cryptobyteasn1.SEQUENCE) || !in.Empty() {
		return bad("no sequence of names")
	}
	var seen [7]bool
	for !names.Empty() {
		var tag cryptobyteasn1.Tag
		if !names.ReadAnyASN1(&name, &tag) {
			return bad("broken name")
		}
		if tag != general {
			continue
		}
		var oid asn1.ObjectIdentifier
		if !name.ReadASN1ObjectIdentifier(&oid) {
			return bad("broken otherName")
		}
		n := personalNumber(oid)
		if n == 0 {
			continue
		}
		if !name.ReadASN1(&value, general) || !name.Empty() || !value.ReadASN1(&text, cryptobyteasn1.UTF8String) || !value.Empty() {
			return bad("otherName is no UTF8String")
		}
		if seen[n] {
			return bad("the same otherName twice")
		}
		seen[n], texts[n] = true, string(text)
	}
	for n := 1; n < len(seen); n++ {
		if !seen[n] {
			return bad(fmt.Sprintf("otherName .%d is missing", n))
		}
	}
	return texts, nil
}

func personalNumber(oid asn1.ObjectIdentifier) int {
	n := len(oidPersonal)
	if len(oid) != n+1 || !oid[:n].Equal(oidPersonal) || oid[n] < 1 || oid[n] > 6 {
		return 0
	}
	return oid[n]
}

// parseEraDate reads E YYYYMMDD: the era's number, then the Gregorian date, which must lie in that era (0: unknown).
func parseEraDate(s string) (cbor.FullDate, error) {
	if len(s) != 9 {
		return cbor.FullDate{}, fmt.Errorf("date with era: %w", ErrFile)
	}
	d, err := parseDate([]byte(s[1:]))
	if err != nil {
		return cbor.FullDate{}, err
	}
	if era, _ := Era(d); s[0] != '0' && int(s[0]-'0') != era {
		return cbor.FullDate{}, fmt.Errorf("date is not in its era: %w", ErrFile)
	}
	return d, nil
}

func flagsFit(flags, text string) bool {
	return len(flags) == utf8.RuneCountInString(text) && strings.Trim(flags, "01") == ""
}

// municipalityOf reads the municipality code in the CN of a user authentication certificate: 14 letters or digits, the code,
// three digits, a letter.
func municipalityOf(cn string) (string, error) {
	if len(cn) != 23 || !digits(cn[14:22]) {
		return "", fmt.Errorf("subject: %w", ErrFile)
	}
	return cn[14:19], nil
}

// subjectKey names the certificate for ever: [issuer DN in DER, serial number], encoded as RFC 8949, 4.2.1.
func subjectKey(c *x509.Certificate) []byte {
	b := cbor.AppendArrayHead(nil, 2)
	b = cbor.AppendBytes(b, c.RawIssuer)
	return cbor.AppendBytes(b, c.SerialNumber.Bytes())
}
