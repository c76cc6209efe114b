package pki

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/hex"
	"errors"
	"fmt"
	"math/big"
	"strconv"
	"strings"
)

// maxCertificate bounds the DER of one certificate: real document signers and roots have 500 to 1100 bytes.
const maxCertificate = 4096

// Extension identifiers of RFC 5280, 4.2.1.
var (
	oidKeyUsage         = asn1.ObjectIdentifier{2, 5, 29, 15}
	oidIssuerAltName    = asn1.ObjectIdentifier{2, 5, 29, 18}
	oidBasicConstraints = asn1.ObjectIdentifier{2, 5, 29, 19}
	oidNameConstraints  = asn1.ObjectIdentifier{2, 5, 29, 30}
	oidCRLPoints        = asn1.ObjectIdentifier{2, 5, 29, 31}
	oidPolicyMappings   = asn1.ObjectIdentifier{2, 5, 29, 33}
	oidPolicyConstraint = asn1.ObjectIdentifier{2, 5, 29, 36}
	oidExtKeyUsage      = asn1.ObjectIdentifier{2, 5, 29, 37}
	oidFreshestCRL      = asn1.ObjectIdentifier{2, 5, 29, 46}
	oidInhibitAnyPolicy = asn1.ObjectIdentifier{2, 5, 29, 54}
	oidSubjectAltName   = asn1.ObjectIdentifier{2, 5, 29, 17}
	oidNoCheck          = asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 48, 1, 5} // RFC 6960, 4.2.2.2.1
)

// keyError says that a certificate could not be read because of its key, which gets its own check id.
type keyError struct{ curve string }

func (e *keyError) Error() string { return "key on " + e.curve + ", which is not supported" }

// parse reads one certificate. A key on a curve that Go lacks gives a *keyError that names the curve.
func parse(der []byte) (*x509.Certificate, error) {
	if len(der) == 0 {
		return nil, errors.New("empty")
	}
	if len(der) > maxCertificate {
		return nil, fmt.Errorf("%d bytes, more than the limit of %d", len(der), maxCertificate)
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		if curve := foreignCurve(der); curve != "" {
			return nil, &keyError{curve: curve}
		}
		return nil, err
	}
	return c, nil
}

// certificateShape is the head of RFC 5280, 4.1 Certificate down to the key's algorithm; what follows is not read.
type certificateShape struct {
	TBS struct {
		Version  int `asn1:"optional,explicit,default:0,tag:0"`
		Serial   *big.Int
		Sig      pkix.AlgorithmIdentifier
		Issuer   asn1.RawValue
		Validity asn1.RawValue
		Subject  asn1.RawValue
		SPKI     struct{ Algorithm pkix.AlgorithmIdentifier }
	}
}

// foreignCurve names the curve of an EC key that the Go library does not know, or gives "".
func foreignCurve(der []byte) string {
	var shape certificateShape
	if _, err := asn1.Unmarshal(der, &shape); err != nil {
		return ""
	}
	var curve asn1.ObjectIdentifier
	if _, err := asn1.Unmarshal(shape.TBS.SPKI.Algorithm.Parameters.FullBytes, &curve); err != nil {
		return ""
	}
	switch curve.String() {
	case "1.3.36.3.3.2.8.1.1.7":
		return "brainpoolP256r1"
	case "1.3.36.3.3.2.8.1.1.9":
		return "brainpoolP320r1"
	case "1.3.36.3.3.2.8.1.1.11":
		return "brainpoolP384r1"
	case "1.3.36.3.3.2.8.1.1.13":
		return "brainpoolP512r1"
	case "1.3.132.0.10":
		return "secp256k1"
	default:
		return ""
	}
}

func extension(c *x509.Certificate, oid asn1.ObjectIdentifier) (pkix.Extension, bool) {
	for _, e := range c.Extensions {
		if e.Id.Equal(oid) {
			return e, true
		}
	}
	return pkix.Extension{}, false
}

// The functions below each judge one line of a profile and say what they saw. Lint and Check share them.

func judgeSerial(c *x509.Certificate) (bool, string) {
	switch n := c.SerialNumber; {
	case n.Sign() <= 0:
		return false, "serial number not positive"
	case len(derInteger(n)) > 20:
		return false, fmt.Sprintf("serial number of %d octets, more than 20", len(derInteger(n)))
	default:
		return true, strconv.Itoa(n.BitLen()) + " bits"
	}
}

// derInteger gives the content octets of a positive DER INTEGER, with the leading zero that a set top bit needs.
func derInteger(n *big.Int) []byte {
	b := n.Bytes()
	if len(b) > 0 && b[0]&0x80 != 0 {
		return append([]byte{0}, b...)
	}
	return b
}

func judgePeriod(c *x509.Certificate, r rules) (bool, string) {
	life, longest := c.NotAfter.Sub(c.NotBefore), r.maxLife
	if _, found := extension(c, oidNoCheck); r.noCheck && found {
		longest = lifeNoCheck
	}
	measured := strconv.FormatInt(int64(life/day), 10) + " days, at most " + strconv.FormatInt(int64(longest/day), 10)
	return life > 0 && life <= longest, measured
}

func judgeKey(c *x509.Certificate, r rules) (bool, string) {
	switch pub := c.PublicKey.(type) {
	case *ecdsa.PublicKey:
		switch pub.Curve {
		case elliptic.P256(), elliptic.P384(), elliptic.P521():
			return true, pub.Curve.Params().Name
		}
		return false, "curve " + pub.Curve.Params().Name
	case ed25519.PublicKey:
		return r.edwards, "Ed25519"
	default:
		return false, "public key algorithm " + c.PublicKeyAlgorithm.String()
	}
}

func judgeSignatureAlgorithm(c *x509.Certificate) (bool, string) {
	switch c.SignatureAlgorithm {
	case x509.ECDSAWithSHA256, x509.ECDSAWithSHA384, x509.ECDSAWithSHA512:
		return true, c.SignatureAlgorithm.String()
	default:
		return false, c.SignatureAlgorithm.String()
	}
}

func judgeKeyUsage(c *x509.Certificate, r rules) (bool, string) {
	e, found := extension(c, oidKeyUsage)
	switch {
	case !e.Critical:
		return false, notCritical(found)
	case c.KeyUsage != r.usage:
		return false, fmt.Sprintf("bits %#x, expected exactly %#x", int(c.KeyUsage), int(r.usage))
	default:
		return true, "bits 0x" + strconv.FormatInt(int64(c.KeyUsage), 16) + ", critical"
	}
}

func judgeBasicConstraints(c *x509.Certificate, r rules) (bool, string) {
	e, found := extension(c, oidBasicConstraints)
	if !r.ca {
		return !c.IsCA, map[bool]string{true: "a CA certificate", false: "not a CA"}[c.IsCA]
	}
	switch {
	case !e.Critical:
		return false, notCritical(found)
	case !c.IsCA:
		return false, "not a CA"
	case !c.MaxPathLenZero:
		return false, "path length not 0"
	default:
		return true, "CA, path length 0, critical"
	}
}

// notCritical says what is wrong with an extension that must be there and critical, and is not.
func notCritical(found bool) string {
	return map[bool]string{true: "not critical", false: "absent"}[found]
}

// judgeAnyPathLength demands a CA, whatever its path length.
func judgeAnyPathLength(c *x509.Certificate) (bool, string) {
	e, found := extension(c, oidBasicConstraints)
	switch {
	case !e.Critical:
		return false, notCritical(found)
	default:
		return c.IsCA, map[bool]string{true: "CA, critical", false: "not a CA"}[c.IsCA]
	}
}

// judgeCertSign demands the right to sign certificates, alone or beside others.
func judgeCertSign(c *x509.Certificate) (bool, string) {
	e, found := extension(c, oidKeyUsage)
	switch {
	case !e.Critical:
		return false, notCritical(found)
	default:
		return c.KeyUsage&x509.KeyUsageCertSign != 0, fmt.Sprintf("bits %#x, critical", int(c.KeyUsage))
	}
}

// judgeCriticalExtensions refuses every critical extension that the path check does not process itself. Go's parser
// calls more of them handled than this package looks at.
func judgeCriticalExtensions(c *x509.Certificate) (bool, string) {
	for _, e := range c.Extensions {
		if !e.Critical {
			continue
		}
		if !e.Id.Equal(oidKeyUsage) && !e.Id.Equal(oidExtKeyUsage) && !e.Id.Equal(oidBasicConstraints) {
			return false, "critical extension " + e.Id.String()
		}
	}
	return true, "every critical extension is understood"
}

// country gives the one countryName if it is an upper-case alpha-2 code.
func country(n pkix.Name) (string, bool) {
	if len(n.Country) != 1 || len(n.Country[0]) != 2 {
		return "", false
	}
	code := n.Country[0]
	return code, code[0] >= 'A' && code[0] <= 'Z' && code[1] >= 'A' && code[1] <= 'Z'
}

// SEID gives the secure element's id from a certificate of profile SEAttestation: 10 bytes, written in upper-case hex
// in the subject's serialNumber.
func SEID(c *x509.Certificate) ([]byte, error) {
	id, err := hex.DecodeString(c.Subject.SerialNumber)
	if err != nil || len(id) != seIDLength || strings.ToUpper(c.Subject.SerialNumber) != c.Subject.SerialNumber {
		return nil, errors.New("reading secure element id: subject serialNumber is not 20 upper-case hex digits")
	}
	return id, nil
}

const seIDLength = 10

func selfIssued(c *x509.Certificate) bool { return bytes.Equal(c.RawIssuer, c.RawSubject) }
