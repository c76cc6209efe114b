package corpus

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha1"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"math/big"
	"time"

	"mobileid/mdoc/cose"
)

var (
	oidDS           = asn1.ObjectIdentifier{1, 0, 18013, 5, 1, 2}
	oidDSGeneric    = asn1.ObjectIdentifier{1, 0, 23220, 4, 1, 2}
	oidReader       = asn1.ObjectIdentifier{1, 0, 18013, 5, 1, 6}
	oidSE           = asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 32473, 1, 1}
	oidTLSServer    = asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 3, 1}
	oidStatusOpen   = asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 3, 99}
	oidAnyPurpose   = asn1.ObjectIdentifier{2, 5, 29, 37, 0}
	oidKeyUsage     = asn1.ObjectIdentifier{2, 5, 29, 15}
	oidAltName      = asn1.ObjectIdentifier{2, 5, 29, 17}
	oidIssuerAlt    = asn1.ObjectIdentifier{2, 5, 29, 18}
	oidBasic        = asn1.ObjectIdentifier{2, 5, 29, 19}
	oidNameLimits   = asn1.ObjectIdentifier{2, 5, 29, 30}
	oidCRLPoints    = asn1.ObjectIdentifier{2, 5, 29, 31}
	oidPolicies     = asn1.ObjectIdentifier{2, 5, 29, 32}
	oidPolicyMap    = asn1.ObjectIdentifier{2, 5, 29, 33}
	oidPolicyLimits = asn1.ObjectIdentifier{2, 5, 29, 36}
	oidEKU          = asn1.ObjectIdentifier{2, 5, 29, 37}
	oidFreshest     = asn1.ObjectIdentifier{2, 5, 29, 46}
	oidInhibitAny   = asn1.ObjectIdentifier{2, 5, 29, 54}
	oidUnknown      = asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 32473, 9}
)

// now is the time of every judgement that does not say another.
var now = time.Date(2027, 1, 15, 3, 0, 0, 0, time.UTC)

const (
	country = "JP"
	state   = "JP-13"
)

// authority is a small world: roots, signers, a reader and a device, all TEST and all fixed.
type authority struct {
	iacaKey, dsKey, readerRootKey, readerKey, statusKey, deviceKey, seRootKey *ecdsa.PrivateKey
	iaca, readerRoot, seRoot, stranger                                        *x509.Certificate
	strangerKey                                                               *ecdsa.PrivateKey
	ds, reader, status, element                                               []byte
}

func newAuthority() *authority {
	a := &authority{iacaKey: p256Key("iaca"), dsKey: p256Key("document signer"), readerRootKey: p256Key("reader root"), readerKey: p256Key("reader"),
		statusKey: p256Key("status signer"), deviceKey: p256Key("device"), seRootKey: p256Key("se root"), strangerKey: p256Key("stranger")}
	a.iaca = root(rootTemplate("TEST IACA"), a.iacaKey)
	a.stranger = root(rootTemplate("TEST IACA"), a.strangerKey)
	reader := rootTemplate("TEST reader root")
	reader.ExtraExtensions = nil // so that it fits no IACA
	a.readerRoot = root(reader, a.readerRootKey)
	se := rootTemplate("TEST secure element root")
	se.ExtraExtensions = append(se.ExtraExtensions, purpose(true, oidSE))
	a.seRoot = root(se, a.seRootKey)
	a.ds = a.document(func(*x509.Certificate) {})
	a.reader = certify(readerTemplate(), a.readerRoot, a.readerKey.Public(), a.readerRootKey)
	a.status = certify(statusTemplate(), a.iaca, a.statusKey.Public(), a.iacaKey)
	a.element = certify(elementTemplate(), a.seRoot, p256Key("element").Public(), a.seRootKey)
	return a
}

// document gives a document signer with changes, signed by the IACA.
func (a *authority) document(change func(*x509.Certificate)) []byte {
	t := signerTemplate()
	change(t)
	return certify(t, a.iaca, a.dsKey.Public(), a.iacaKey)
}

func serial(name string) *big.Int {
	b := draw("serial "+name, 16)
	b[0] = b[0]&0x3f | 0x40
	return new(big.Int).SetBytes(b)
}

func rootTemplate(name string) *x509.Certificate {
	return &x509.Certificate{SerialNumber: serial(name), Subject: pkix.Name{Country: []string{country}, Province: []string{state}, CommonName: name},
		NotBefore: now.AddDate(-1, 0, 0), NotAfter: now.AddDate(8, 0, 0), KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
		BasicConstraintsValid: true, IsCA: true, MaxPathLenZero: true, ExtraExtensions: []pkix.Extension{contact(oidIssuerAlt)}}
}

func leafTemplate(name string) *x509.Certificate {
	return &x509.Certificate{SerialNumber: serial(name), Subject: pkix.Name{Country: []string{country}, Province: []string{state}, CommonName: name},
		NotBefore: now.AddDate(0, -1, 0), NotAfter: now.AddDate(1, 0, 0), KeyUsage: x509.KeyUsageDigitalSignature,
		CRLDistributionPoints: []string{"https://issuer.example/crl"}, ExtraExtensions: []pkix.Extension{contact(oidIssuerAlt)}}
}

func signerTemplate() *x509.Certificate {
	t := leafTemplate("TEST document signer")
	t.ExtraExtensions = append(t.ExtraExtensions, purpose(true, oidDS))
	return t
}

func readerTemplate() *x509.Certificate {
	t := leafTemplate("TEST reader")
	t.ExtraExtensions = append(t.ExtraExtensions, purpose(true, oidReader))
	return t
}

func statusTemplate() *x509.Certificate { return leafTemplate("TEST status signer") }

func elementTemplate() *x509.Certificate {
	t := leafTemplate("TEST element")
	t.Subject.SerialNumber = "0102030405060708090A"
	t.ExtraExtensions = append(t.ExtraExtensions, purpose(true, oidSE))
	return t
}

func root(t *x509.Certificate, key *ecdsa.PrivateKey) *x509.Certificate {
	return must(x509.ParseCertificate(certify(t, nil, key.Public(), key)))
}

// certify signs a certificate after RFC 6979. parent nil makes it self-signed; of the parent only name and key id are used.
func certify(t, parent *x509.Certificate, pub crypto.PublicKey, key *ecdsa.PrivateKey) []byte {
	if t.SubjectKeyId == nil {
		t.SubjectKeyId = keyID(pub)
	}
	if parent == nil {
		parent = t
	} else {
		parent = &x509.Certificate{RawSubject: parent.RawSubject, SubjectKeyId: parent.SubjectKeyId}
	}
	if t.SignatureAlgorithm == 0 && key.Curve == elliptic.P256() {
		t.SignatureAlgorithm = x509.ECDSAWithSHA256
	}
	return must(x509.CreateCertificate(stream("unused"), t, parent, pub, cose.Deterministic(key)))
}

// keyID is RFC 5280, 4.2.1.2 method 1.
func keyID(pub crypto.PublicKey) []byte {
	var info struct {
		Algorithm asn1.RawValue
		Key       asn1.BitString
	}
	_ = must(asn1.Unmarshal(must(x509.MarshalPKIXPublicKey(pub)), &info))
	sum := sha1.Sum(info.Key.Bytes)
	return sum[:]
}

func extension(oid asn1.ObjectIdentifier, critical bool, value any) pkix.Extension {
	return pkix.Extension{Id: oid, Critical: critical, Value: must(asn1.Marshal(value))}
}

func purpose(critical bool, purposes ...asn1.ObjectIdentifier) pkix.Extension {
	return extension(oidEKU, critical, purposes)
}

func generalName(tag int, s string) asn1.RawValue {
	return asn1.RawValue{Class: asn1.ClassContextSpecific, Tag: tag, Bytes: []byte(s)}
}

func contact(oid asn1.ObjectIdentifier) pkix.Extension {
	return extension(oid, false, []asn1.RawValue{generalName(6, "https://issuer.example/")})
}

// plainSignature turns a DER signature into r and s side by side.
func plainSignature(der []byte, size int) []byte {
	var v struct{ R, S *big.Int }
	_ = must(asn1.Unmarshal(der, &v))
	out := make([]byte, 2*size)
	v.R.FillBytes(out[:size])
	v.S.FillBytes(out[size:])
	return out
}
