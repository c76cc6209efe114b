package pki_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"math/big"
	"testing"
	"time"

	"mobileid/mdoc/pki"
)

var (
	ecdsaSHA1   = asn1.ObjectIdentifier{1, 2, 840, 10045, 4, 1}
	ecPublicKey = asn1.ObjectIdentifier{1, 2, 840, 10045, 2, 1}
	oidDS       = asn1.ObjectIdentifier{1, 0, 18013, 5, 1, 2}
	oidReader   = asn1.ObjectIdentifier{1, 0, 18013, 5, 1, 6}
)

// now is the time of the checks in these tests.
var now = time.Date(2027, 1, 15, 3, 0, 0, 0, time.UTC)

func newKey(tb testing.TB, curve elliptic.Curve) *ecdsa.PrivateKey {
	tb.Helper()
	key, err := ecdsa.GenerateKey(curve, rand.Reader)
	if err != nil {
		tb.Fatal(err)
	}
	return key
}

func mustParse(tb testing.TB, der []byte) *x509.Certificate {
	tb.Helper()
	c, err := x509.ParseCertificate(der)
	if err != nil {
		tb.Fatal(err)
	}
	return c
}

// world is one small PKI made with Create, and the keys to forge with.
type world struct {
	tb                        testing.TB
	iacaKey, dsKey, readerKey *ecdsa.PrivateKey
	iaca, readerRoot, seRoot  *x509.Certificate
	vicalRoot                 *x509.Certificate
}

func newWorld(tb testing.TB) *world {
	w := &world{tb: tb, iacaKey: newKey(tb, elliptic.P256()), dsKey: newKey(tb, elliptic.P256()), readerKey: newKey(tb, elliptic.P256())}
	w.iaca = w.root(pki.IACA, "JP", "")
	w.readerRoot = w.root(pki.ReaderRoot, "JP", "")
	w.seRoot = w.root(pki.SERoot, "", "")
	w.vicalRoot = w.root(pki.VICALRoot, "JP", "")
	return w
}

func (w *world) root(p pki.Profile, country, state string) *x509.Certificate {
	w.tb.Helper()
	t := pki.Template{Profile: p, Country: country, State: state, CommonName: "TEST " + p.String(),
		NotBefore: now.AddDate(-1, 0, 0), NotAfter: now.AddDate(8, 0, 0)}
	if p == pki.IACA {
		t.IssuerAltURI = "https://issuer.example/"
	}
	der, err := pki.Create(t, w.iacaKey.Public(), nil, w.iacaKey, nil)
	if err != nil {
		w.tb.Fatal(err)
	}
	return mustParse(w.tb, der)
}

// create makes a certificate of the profile under parent, as an issuer would.
func (w *world) create(p pki.Profile, parent *x509.Certificate) []byte {
	w.tb.Helper()
	der, err := pki.Create(w.template(p), w.dsKey.Public(), parent, w.iacaKey, nil)
	if err != nil {
		w.tb.Fatal(err)
	}
	return der
}

// template has all that the profile demands.
func (w *world) template(p pki.Profile) pki.Template {
	t := pki.Template{Profile: p, Country: "JP", CommonName: "TEST " + p.String(), CRLURI: "https://issuer.example/crl",
		IssuerAltURI: "https://issuer.example/", NotBefore: now.AddDate(0, -1, 0), NotAfter: now.AddDate(1, 0, 0)}
	switch p {
	case pki.SEAttestation:
		t.SEID = []byte{1, 2, 3, 4, 5, 6, 7, 8, 9, 10}
	case pki.VICALSigner:
		t.Organization = "TEST provider"
	case pki.TLSServer:
		t.DNSNames = []string{"issuer.example"}
	default:
	}
	return t
}

func ext(oid asn1.ObjectIdentifier, critical bool, value any) pkix.Extension {
	der, err := asn1.Marshal(value)
	if err != nil {
		panic(err)
	}
	return pkix.Extension{Id: oid, Critical: critical, Value: der}
}

func eku(critical bool, purposes ...asn1.ObjectIdentifier) pkix.Extension {
	return ext(asn1.ObjectIdentifier{2, 5, 29, 37}, critical, purposes)
}

// dsTemplate is a document signer built without this package's Create, so that each case can break one thing.
func (w *world) dsTemplate() *x509.Certificate {
	return &x509.Certificate{
		SerialNumber:          big.NewInt(0x7123456789abcdef),
		Subject:               pkix.Name{Country: []string{"JP"}, CommonName: "TEST forged"},
		NotBefore:             now.AddDate(0, -1, 0),
		NotAfter:              now.AddDate(1, 0, 0),
		KeyUsage:              x509.KeyUsageDigitalSignature,
		SubjectKeyId:          []byte{1, 2, 3, 4},
		CRLDistributionPoints: []string{"https://issuer.example/crl"},
		ExtraExtensions: []pkix.Extension{eku(true, oidDS), {Id: asn1.ObjectIdentifier{2, 5, 29, 18},
			Value: mustMarshal([]asn1.RawValue{{Class: asn1.ClassContextSpecific, Tag: 6, Bytes: []byte("https://issuer.example/")}})}},
	}
}

func mustMarshal(v any) []byte {
	der, err := asn1.Marshal(v)
	if err != nil {
		panic(err)
	}
	return der
}

// sign makes the certificate of pub from t under parent, signed with the IACA's key.
func (w *world) sign(t, parent *x509.Certificate, pub crypto.PublicKey) []byte {
	w.tb.Helper()
	return w.signWith(t, parent, pub, w.iacaKey)
}

func (w *world) signWith(t, parent *x509.Certificate, pub crypto.PublicKey, key crypto.Signer) []byte {
	w.tb.Helper()
	parent = &x509.Certificate{RawSubject: parent.RawSubject, SubjectKeyId: parent.SubjectKeyId}
	der, err := x509.CreateCertificate(rand.Reader, t, parent, pub, key)
	if err != nil {
		w.tb.Fatal(err)
	}
	return der
}

// forged gives a document signer with changes, properly signed by the IACA.
func (w *world) forged(change func(t *x509.Certificate)) []byte {
	w.tb.Helper()
	t := w.dsTemplate()
	change(t)
	return w.sign(t, w.iaca, w.dsKey.Public())
}

// tbs is RFC 5280, 4.1 TBSCertificate with each part as raw DER, to write what the Go library refuses to write.
type tbs struct {
	Version    int `asn1:"explicit,tag:0"`
	Serial     *big.Int
	Signature  pkix.AlgorithmIdentifier
	Issuer     asn1.RawValue
	Validity   asn1.RawValue
	Subject    asn1.RawValue
	SPKI       asn1.RawValue
	Extensions []pkix.Extension `asn1:"optional,explicit,tag:3"`
}

type outer struct {
	TBS       asn1.RawValue
	Algorithm pkix.AlgorithmIdentifier
	Signature asn1.BitString
}

// rewrite changes a genuine document signer below the Go library and signs it again.
func (w *world) rewrite(change func(t *tbs)) []byte {
	w.tb.Helper()
	genuine := mustParse(w.tb, w.forged(func(*x509.Certificate) {}))
	var t tbs
	if rest, err := asn1.Unmarshal(genuine.RawTBSCertificate, &t); err != nil || len(rest) != 0 {
		w.tb.Fatal("reading TBSCertificate:", err)
	}
	change(&t)
	return w.seal(mustMarshal(t), t.Signature)
}

func (w *world) seal(raw []byte, algorithm pkix.AlgorithmIdentifier) []byte {
	w.tb.Helper()
	digest := sha256.Sum256(raw)
	sum := digest[:]
	if algorithm.Algorithm.Equal(ecdsaSHA1) {
		short := sha1.Sum(raw)
		sum = short[:]
	}
	sig, err := ecdsa.SignASN1(rand.Reader, w.iacaKey, sum)
	if err != nil {
		w.tb.Fatal(err)
	}
	return mustMarshal(outer{TBS: asn1.RawValue{FullBytes: raw}, Algorithm: algorithm,
		Signature: asn1.BitString{Bytes: sig, BitLength: 8 * len(sig)}})
}

// foreignKey is a SubjectPublicKeyInfo on a curve given by its identifier.
func foreignKey(curve asn1.ObjectIdentifier, size int) asn1.RawValue {
	point := make([]byte, 1+2*size)
	point[0] = 4
	return asn1.RawValue{FullBytes: mustMarshal(struct {
		Algorithm pkix.AlgorithmIdentifier
		Key       asn1.BitString
	}{
		Algorithm: pkix.AlgorithmIdentifier{Algorithm: ecPublicKey, Parameters: asn1.RawValue{FullBytes: mustMarshal(curve)}},
		Key:       asn1.BitString{Bytes: point, BitLength: 8 * len(point)},
	})}
}
