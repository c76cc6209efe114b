package jpkica

import (
	"crypto"
	"crypto/rsa"
	"crypto/x509"
	"encoding/asn1"
	"math/big"
	"time"
)

// A Kind is one of the two certificates of a holder.
type Kind uint8

// The kinds.
const (
	Signature      Kind = 1 // 署名用電子証明書
	Authentication Kind = 2 // 利用者証明用電子証明書
)

// A Profile says what stands in the certificates of one CA. All of them are of O=JPKI-TEST, so that none passes for real.
type Profile struct {
	Kind Kind
	// Phone tells スマホ用電子証明書 from those of the card: other names of the CA and other policies.
	Phone bool
}

// Organization is O of every name.
const Organization = "JPKI-TEST"

// CPS is where the policies are said to be; the real service's address is not borrowed.
const CPS = "http://jpki-test.invalid/cps.html"

// CAName is the subject of the CA in DER.
func (p Profile) CAName() []byte {
	return Name(RDN{AttributeC, "JP"}, RDN{AttributeO, Organization}, RDN{AttributeOU, p.Unit()},
		RDN{AttributeOU, "Japan Agency for Local Authority Information Systems"})
}

// Unit is the OU that tells the CAs apart.
func (p Profile) Unit() string {
	name := "JPKI for digital signature"
	if p.Kind == Authentication {
		name = "JPKI for user authentication"
	}
	if p.Phone {
		name += " on phones TEST"
	}
	return name
}

func (p Profile) japaneseName() []byte {
	name := "公的個人認証サービス署名用"
	if p.Kind == Authentication {
		name = "公的個人認証サービス利用者証明用"
	}
	if p.Phone {
		name += "（スマホ用）"
	}
	return Name(RDN{AttributeC, "JP"}, RDN{AttributeO, "公的個人認証サービス（試験用）"}, RDN{AttributeOU, name},
		RDN{AttributeOU, "地方公共団体情報システム機構"})
}

// Policy is the certificate policy, under the arc 1.2.392.200149.8.5.1: 1.20 and 3.30 on the card, 1.40 and 3.50 on a phone.
func (p Profile) Policy() asn1.ObjectIdentifier {
	arc := asn1.ObjectIdentifier{1, 2, 392, 200149, 8, 5, 1}
	switch {
	case p.Kind == Signature && p.Phone:
		return append(arc, 1, 40)
	case p.Kind == Signature:
		return append(arc, 1, 20)
	case p.Phone:
		return append(arc, 3, 50)
	default:
		return append(arc, 3, 30)
	}
}

// usage is keyUsage, as DER and as the library has it.
func (p Profile) usage() (der string, usage x509.KeyUsage) {
	if p.Kind == Signature {
		return usageSignature, x509.KeyUsageDigitalSignature | x509.KeyUsageContentCommitment
	}
	return usageAuthentication, x509.KeyUsageDigitalSignature
}

// CATemplate is the self-signed certificate of a CA: keyUsage, basicConstraints, subjectAltName, own CRLDP, SKI, no AKI. It is its own parent.
func (p Profile) CATemplate(serial *big.Int, key *rsa.PublicKey, from, until time.Time) *x509.Certificate {
	t := &x509.Certificate{SerialNumber: serial, RawSubject: p.CAName(), NotBefore: from.UTC(), NotAfter: until.UTC(),
		SignatureAlgorithm: x509.SHA256WithRSA}
	t.ExtraExtensions = append(t.ExtraExtensions, keyUsage(usageCA), basicConstraintsCA(),
		SubjectAltName(directoryNames(0x30, p.japaneseName())), distributionPoints(p.CAName(), ""), subjectKeyIdentifier(key))
	t.SubjectKeyId = keyIdentifier(key) // Go derives issuer and key identifier from the parent
	return t
}

// A Leaf is what stands in one certificate of a holder beside its profile.
type Leaf struct {
	Serial              *big.Int
	Subject             []byte // DER of a Name
	NotBefore, NotAfter time.Time
	Key                 *rsa.PublicKey
	// Personal is the subjectAltName of a signature certificate, the value of PersonalNames or that of another certificate of the holder.
	Personal []byte
	// ListName or ListURI is the distribution point.
	ListName []byte
	ListURI  string
	// OCSP is the address of the responder; the card's signature certificate has none.
	OCSP string
}

// Template is a holder's certificate under a CA, with its extensions in the order of the real ones: keyUsage, extKeyUsage or subjectAltName,
// certificatePolicies, issuerAltName, CRLDP, AIA, AKI, SKI.
func (p Profile) Template(l Leaf, ca *x509.Certificate) *x509.Certificate {
	usage, _ := p.usage()
	t := &x509.Certificate{SerialNumber: l.Serial, RawSubject: l.Subject, NotBefore: l.NotBefore.UTC(), NotAfter: l.NotAfter.UTC(),
		SignatureAlgorithm: x509.SHA256WithRSA}
	second := clientAuth()
	if p.Kind == Signature {
		second = SubjectAltName(l.Personal)
	}
	t.ExtraExtensions = append(t.ExtraExtensions, keyUsage(usage), second, certificatePolicies(p.Policy(), CPS),
		issuerAltName(p.japaneseName()), distributionPoints(l.ListName, l.ListURI))
	if l.OCSP != "" {
		t.ExtraExtensions = append(t.ExtraExtensions, ocspAt(l.OCSP))
	}
	t.ExtraExtensions = append(t.ExtraExtensions, authorityKeyIdentifier(ca), subjectKeyIdentifier(l.Key))
	return t
}

// keyOf is the RSA key of a signer, nil for another.
func keyOf(s crypto.Signer) *rsa.PublicKey {
	key, _ := s.Public().(*rsa.PublicKey)
	return key
}
