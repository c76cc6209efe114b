package pki_test

import (
	"bytes"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"math/big"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"mobileid/mdoc/pki"
	"mobileid/mdoc/verdict"
)

// animal is one chain and the ids of the checks that must fail; none means that it must be trusted.
type animal struct {
	name    string
	chain   [][]byte
	profile pki.Profile // DocumentSigner when zero
	at      time.Time   // now when zero
	fails   []string
}

func one(der []byte) [][]byte { return [][]byte{der} }

func zoo(w *world) []animal {
	return slices.Concat(pathAnimals(w), timeAnimals(w), profileAnimals(w), nameAnimals(w), encodingAnimals(w), crossProfileAnimals(w))
}

func pathAnimals(w *world) []animal {
	ds := w.create(pki.DocumentSigner, w.iaca)
	otherKey := newKey(w.tb, elliptic.P256())
	link := w.sign(&x509.Certificate{SerialNumber: big.NewInt(77), Subject: pkix.Name{Country: []string{"JP"}, CommonName: "TEST link"},
		NotBefore: now.AddDate(-1, 0, 0), NotAfter: now.AddDate(2, 0, 0), KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
		BasicConstraintsValid: true, IsCA: true, SubjectKeyId: []byte{9}}, w.iaca, otherKey.Public())
	linked := w.signWith(w.dsTemplate(), mustParse(w.tb, link), w.dsKey.Public(), otherKey)
	selfSigned := w.dsTemplate()
	cycleA := w.signWith(renamed(w.dsTemplate(), "TEST A"), &x509.Certificate{RawSubject: name("TEST B")}, w.dsKey.Public(), otherKey)
	cycleB := w.signWith(renamed(w.dsTemplate(), "TEST B"), &x509.Certificate{RawSubject: name("TEST A")}, otherKey.Public(), w.dsKey)
	impostor := w.signWith(w.dsTemplate(), w.iaca, w.dsKey.Public(), otherKey)
	// The anchor's subject and key, certified by another root: it leads from that root, and to nothing here.
	crossed := w.signWith(&x509.Certificate{SerialNumber: big.NewInt(78), RawSubject: w.iaca.RawSubject, NotBefore: now.AddDate(-1, 0, 0),
		NotAfter: now.AddDate(2, 0, 0), KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign, BasicConstraintsValid: true, IsCA: true,
		SubjectKeyId: w.iaca.SubjectKeyId}, &x509.Certificate{RawSubject: name("TEST other root")}, w.iacaKey.Public(), otherKey)
	long := one(ds)
	for range 99 {
		long = append(long, link)
	}
	flipped := bytes.Clone(ds)
	flipped[len(flipped)-3] ^= 1
	return []animal{
		{name: "genuine", chain: one(ds)},
		{name: "built without our Create", chain: one(w.forged(func(*x509.Certificate) {}))},
		{name: "no certificate", chain: nil, fails: []string{"chain.path"}},
		{name: "wrong order", chain: [][]byte{w.iaca.Raw, ds}, fails: []string{"chain.path", "chain.profile.basic_constraints",
			"chain.profile.eku", "chain.profile.key_usage", "chain.profile.period"}},
		{name: "missing link", chain: one(linked), fails: []string{"chain.path"}},
		{name: "two links", chain: [][]byte{linked, link}, fails: []string{"chain.path"}},
		{name: "extra link", chain: [][]byte{ds, link}, fails: []string{"chain.path"}},
		{name: "same certificate twice", chain: [][]byte{ds, ds}, fails: []string{"chain.path"}},
		{name: "anchor inside the chain", chain: [][]byte{ds, w.iaca.Raw}, fails: []string{"chain.path"}},
		{name: "one hundred certificates", chain: long, fails: []string{"chain.path"}},
		{name: "cross-signed anchor", chain: [][]byte{ds, crossed}, fails: []string{"chain.path"}},
		{name: "cross-signed anchor in place of the leaf", chain: one(crossed), fails: []string{"chain.path", "chain.profile.basic_constraints",
			"chain.profile.eku", "chain.profile.key_usage", "chain.profile.period"}},
		{name: "below a cross-signed anchor, sent alone", chain: one(ds)},
		{name: "cycle", chain: [][]byte{cycleA, cycleB, cycleA}, fails: []string{"chain.path"}},
		{name: "self-signed document signer", chain: one(w.signWith(selfSigned, &x509.Certificate{RawSubject: name("TEST forged")}, w.dsKey.Public(), w.dsKey)),
			fails: []string{"chain.path"}},
		{name: "anchor as document signer", chain: one(w.iaca.Raw), fails: []string{"chain.path", "chain.profile.basic_constraints",
			"chain.profile.eku", "chain.profile.key_usage", "chain.profile.period"}},
		{name: "issuer of the same name with another key", chain: one(impostor), fails: []string{"chain.signature"}},
		{name: "signature with a flipped bit", chain: one(flipped), fails: []string{"chain.signature"}},
		{name: "authority key identifier of another key", chain: one(w.sign(w.dsTemplate(),
			&x509.Certificate{RawSubject: w.iaca.RawSubject, SubjectKeyId: []byte{6, 6, 6}}, w.dsKey.Public())), fails: []string{"chain.authority_key_id"}},
		{name: "without authority key identifier", chain: one(w.sign(w.dsTemplate(), &x509.Certificate{RawSubject: w.iaca.RawSubject}, w.dsKey.Public()))},
	}
}

func renamed(t *x509.Certificate, commonName string) *x509.Certificate {
	t.Subject.CommonName = commonName
	return t
}

func name(commonName string) []byte {
	return mustMarshal(pkix.Name{Country: []string{"JP"}, CommonName: commonName}.ToRDNSequence())
}

func timeAnimals(w *world) []animal {
	ds := w.create(pki.DocumentSigner, w.iaca)
	c := mustParse(w.tb, ds)
	life := func(d time.Duration) []byte {
		return w.forged(func(t *x509.Certificate) { t.NotAfter = t.NotBefore.Add(d) })
	}
	outliving := w.forged(func(t *x509.Certificate) {
		t.NotBefore, t.NotAfter = w.iaca.NotAfter.AddDate(0, -1, 0), w.iaca.NotAfter.AddDate(0, 1, 0)
	})
	return []animal{
		{name: "at its first second", chain: one(ds), at: c.NotBefore},
		{name: "at its last second", chain: one(ds), at: c.NotAfter},
		{name: "expired", chain: one(ds), at: c.NotAfter.Add(time.Second), fails: []string{"chain.validity"}},
		{name: "not yet valid", chain: one(ds), at: c.NotBefore.Add(-time.Second), fails: []string{"chain.validity"}},
		{name: "anchor expired", chain: one(outliving), at: w.iaca.NotAfter.Add(time.Second), fails: []string{"chain.validity"}},
		{name: "lives 457 days", chain: one(life(457 * 24 * time.Hour))},
		{name: "lives over 457 days", chain: one(life(457*24*time.Hour + time.Second)), fails: []string{"chain.profile.period"}},
		{name: "ends before it begins", chain: one(life(-time.Hour)), fails: []string{"chain.profile.period", "chain.validity"}},
	}
}

func profileAnimals(w *world) []animal {
	usage := func(u x509.KeyUsage) []byte { return w.forged(func(t *x509.Certificate) { t.KeyUsage = u }) }
	purposes := func(e ...pkix.Extension) []byte {
		return w.forged(func(t *x509.Certificate) { t.ExtraExtensions = append(e, t.ExtraExtensions[1:]...) })
	}
	critical := func(oid asn1.ObjectIdentifier) []byte {
		return w.forged(func(t *x509.Certificate) { t.ExtraExtensions = append(t.ExtraExtensions, ext(oid, true, []int{1})) })
	}
	rsaKey, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		w.tb.Fatal(err)
	}
	return []animal{
		{name: "CA flag set", chain: one(w.forged(func(t *x509.Certificate) { t.BasicConstraintsValid, t.IsCA = true, true })),
			fails: []string{"chain.profile.basic_constraints"}},
		{name: "CA flag written as false", chain: one(w.forged(func(t *x509.Certificate) { t.BasicConstraintsValid = true }))},
		{name: "key usage missing", chain: one(usage(0)), fails: []string{"chain.profile.key_usage"}},
		{name: "key usage for certificates", chain: one(usage(x509.KeyUsageCertSign)), fails: []string{"chain.profile.key_usage"}},
		{name: "key usage too wide", chain: one(usage(x509.KeyUsageDigitalSignature | x509.KeyUsageKeyAgreement)), fails: []string{"chain.profile.key_usage"}},
		{name: "key usage not critical", chain: one(w.forged(func(t *x509.Certificate) {
			t.KeyUsage = 0
			t.ExtraExtensions = append(t.ExtraExtensions, ext(asn1.ObjectIdentifier{2, 5, 29, 15}, false, asn1.BitString{Bytes: []byte{0x80}, BitLength: 1}))
		})), fails: []string{"chain.profile.key_usage"}},
		{name: "purpose missing", chain: one(purposes()), fails: []string{"chain.profile.eku"}},
		{name: "purpose not critical", chain: one(purposes(eku(false, oidDS))), fails: []string{"chain.profile.eku"}},
		{name: "purpose of a reader", chain: one(purposes(eku(true, oidReader))), fails: []string{"chain.profile.eku"}},
		{name: "any purpose", chain: one(purposes(eku(true, asn1.ObjectIdentifier{2, 5, 29, 37, 0}))), fails: []string{"chain.profile.eku"}},
		{name: "purpose and TLS server", chain: one(purposes(eku(true, oidDS, asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 3, 1}))), fails: []string{"chain.profile.eku"}},
		{name: "only the generic purpose", chain: one(purposes(eku(true, asn1.ObjectIdentifier{1, 0, 23220, 4, 1, 2}))), fails: []string{"chain.profile.eku"}},
		{name: "purpose and the generic one", chain: one(purposes(eku(true, oidDS, asn1.ObjectIdentifier{1, 0, 23220, 4, 1, 2})))},
		{name: "unknown critical extension", chain: one(critical(asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 32473, 9})), fails: []string{"chain.critical_extensions"}},
		{name: "critical policies", chain: one(w.forged(func(t *x509.Certificate) {
			t.ExtraExtensions = append(t.ExtraExtensions, ext(asn1.ObjectIdentifier{2, 5, 29, 32}, true, [][]asn1.ObjectIdentifier{{{2, 5, 29, 32, 0}}}))
		})), fails: []string{"chain.critical_extensions"}},
		{name: "serial number zero", chain: one(w.rewrite(func(t *tbs) { t.Serial = big.NewInt(0) })), fails: []string{"chain.profile.serial"}},
		{name: "serial number negative", chain: one(w.rewrite(func(t *tbs) { t.Serial = big.NewInt(-5) })), fails: []string{"chain.certificate"}},
		{name: "serial number of 20 octets", chain: one(w.rewrite(func(t *tbs) { t.Serial = new(big.Int).Lsh(big.NewInt(1), 158) }))},
		{name: "serial number of 21 octets", chain: one(w.rewrite(func(t *tbs) { t.Serial = new(big.Int).Lsh(big.NewInt(1), 159) })), fails: []string{"chain.profile.serial"}},
		{name: "signed with SHA-1", chain: one(w.rewrite(func(t *tbs) { t.Signature = pkix.AlgorithmIdentifier{Algorithm: ecdsaSHA1} })),
			fails: []string{"chain.profile.signature_algorithm"}},
		{name: "RSA 1024 key", chain: one(w.sign(w.dsTemplate(), w.iaca, rsaKey.Public())), fails: []string{"chain.profile.key"}},
		{name: "signed with RSA", chain: one(w.signWith(w.dsTemplate(), w.iaca, w.dsKey.Public(), mustRSA(w.tb))), fails: []string{"chain.profile.signature_algorithm"}},
		{name: "P-224 key", chain: one(w.sign(w.dsTemplate(), w.iaca, newKey(w.tb, elliptic.P224()).Public())), fails: []string{"chain.profile.key"}},
		{name: "P-384 key", chain: one(w.sign(w.dsTemplate(), w.iaca, newKey(w.tb, elliptic.P384()).Public()))},
		{name: "brainpoolP256r1 key", chain: one(w.rewrite(func(t *tbs) { t.SPKI = foreignKey(asn1.ObjectIdentifier{1, 3, 36, 3, 3, 2, 8, 1, 1, 7}, 32) })),
			fails: []string{"chain.profile.key"}},
		{name: "issuer alternative name missing", chain: one(w.forged(func(t *x509.Certificate) { t.ExtraExtensions = t.ExtraExtensions[:1] }))},
	}
}

func mustRSA(tb testing.TB) *rsa.PrivateKey {
	tb.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		tb.Fatal(err)
	}
	return key
}

func nameAnimals(w *world) []animal {
	issuedBy := func(raw []byte) []byte {
		return w.sign(w.dsTemplate(), &x509.Certificate{RawSubject: raw, SubjectKeyId: w.iaca.SubjectKeyId}, w.dsKey.Public())
	}
	countries := func(c ...string) []byte {
		return w.forged(func(t *x509.Certificate) { t.Subject.Country = c })
	}
	return []animal{
		{name: "issuer name of nobody", chain: one(issuedBy(name("TEST nobody"))), fails: []string{"chain.path"}},
		{name: "issuer name in other case", chain: one(issuedBy(name("TEST iaca"))), fails: []string{"chain.path"}},
		{name: "another country", chain: one(countries("KR")), fails: []string{"chain.country"}},
		{name: "country missing", chain: one(countries()), fails: []string{"chain.country"}},
		{name: "country in lower case", chain: one(countries("jp")), fails: []string{"chain.country"}},
		{name: "three-letter country", chain: one(countries("JPN")), fails: []string{"chain.country"}},
		{name: "two countries", chain: one(countries("JP", "KR")), fails: []string{"chain.country"}},
		{name: "state where the anchor has none", chain: one(w.forged(func(t *x509.Certificate) { t.Subject.Province = []string{"JP-13"} }))},
		{name: "ten kilobytes of name", chain: one(w.forged(func(t *x509.Certificate) { t.Subject.Organization = []string{strings.Repeat("x", 10_000)} })),
			fails: []string{"chain.certificate"}},
	}
}

func encodingAnimals(w *world) []animal {
	ds := w.create(pki.DocumentSigner, w.iaca)
	mixed := mustParse(w.tb, ds)
	return []animal{
		{name: "empty certificate", chain: one(nil), fails: []string{"chain.certificate"}},
		{name: "not a certificate", chain: one([]byte("certificate")), fails: []string{"chain.certificate"}},
		{name: "trailing byte", chain: one(append(bytes.Clone(ds), 0)), fails: []string{"chain.certificate"}},
		{name: "cut by one byte", chain: one(ds[:len(ds)-1]), fails: []string{"chain.certificate"}},
		{name: "duplicate extension", chain: one(w.rewrite(func(t *tbs) { t.Extensions = append(t.Extensions, t.Extensions[0]) })),
			fails: []string{"chain.certificate"}},
		{name: "algorithms inside and outside differ", chain: one(w.seal(mixed.RawTBSCertificate,
			pkix.AlgorithmIdentifier{Algorithm: asn1.ObjectIdentifier{1, 2, 840, 10045, 4, 3, 3}})), fails: []string{"chain.certificate"}},
		{name: "version 2", chain: one(w.rewrite(func(t *tbs) { t.Version, t.Extensions = 1, nil })),
			fails: []string{"chain.certificate"}},
	}
}

func crossProfileAnimals(w *world) []animal {
	ds, status := w.create(pki.DocumentSigner, w.iaca), w.create(pki.StatusSigner, w.iaca)
	reader, element := w.create(pki.ReaderAuth, w.readerRoot), w.create(pki.SEAttestation, w.seRoot)
	underReaderRoot := w.sign(w.dsTemplate(), w.readerRoot, w.dsKey.Public())
	return []animal{
		{name: "reader", chain: one(reader), profile: pki.ReaderAuth},
		{name: "reader under an IACA", chain: one(w.create(pki.ReaderAuth, w.iaca)), profile: pki.ReaderAuth},
		{name: "status signer", chain: one(status), profile: pki.StatusSigner},
		{name: "secure element", chain: one(element), profile: pki.SEAttestation},
		{name: "document signer as reader", chain: one(ds), profile: pki.ReaderAuth, fails: []string{"chain.profile.eku"}},
		{name: "document signer as status signer", chain: one(ds), profile: pki.StatusSigner, fails: []string{"chain.profile.eku"}},
		{name: "status signer as document signer", chain: one(status), fails: []string{"chain.profile.eku"}},
		{name: "reader as document signer", chain: one(reader), fails: []string{"chain.path", "chain.profile.eku"}},
		{name: "document signer under the reader root", chain: one(underReaderRoot), fails: []string{"chain.path"}},
		{name: "secure element as document signer", chain: one(element), fails: []string{"chain.path", "chain.profile.eku"}},
		{name: "secure element without id", profile: pki.SEAttestation, chain: one(w.sign(&x509.Certificate{SerialNumber: big.NewInt(1 << 60),
			Subject: pkix.Name{CommonName: "TEST element"}, NotBefore: now, NotAfter: now.AddDate(1, 0, 0), KeyUsage: x509.KeyUsageDigitalSignature,
			ExtraExtensions: []pkix.Extension{eku(true, asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 32473, 1, 1})}}, w.seRoot, w.dsKey.Public())),
			fails: []string{"chain.profile.se_id"}},
		{name: "status signer for the open purpose", profile: pki.StatusSigner, chain: one(w.forged(func(t *x509.Certificate) {
			t.ExtraExtensions[0] = eku(false, asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 3, 99})
		}))},
		{name: "status signer for TLS", profile: pki.StatusSigner, chain: one(w.forged(func(t *x509.Certificate) {
			t.ExtraExtensions[0] = eku(false, asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 3, 1})
		})), fails: []string{"chain.profile.eku"}},
	}
}

func failedIDs(v verdict.Verdict) []string {
	var ids []string
	for _, c := range v.Failed() {
		ids = append(ids, c.ID)
	}
	slices.Sort(ids)
	return ids
}

// TestZoo shows each chain to one set of anchors that holds roots of every kind.
func TestZoo(t *testing.T) {
	w := newWorld(t)
	animals := zoo(w)
	if len(animals) < 60 {
		t.Fatalf("the zoo has %d animals", len(animals))
	}
	anchors, err := pki.NewAnchors(w.iaca.Raw, w.readerRoot.Raw, w.seRoot.Raw)
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range animals {
		t.Run(a.name, func(t *testing.T) { checkAnimal(t, anchors, a) })
	}
}

func checkAnimal(t *testing.T, anchors *pki.Anchors, a animal) {
	if a.profile == 0 {
		a.profile = pki.DocumentSigner
	}
	if a.at.IsZero() {
		a.at = now
	}
	for range 3 { // the second and third time may come from the cache and must say the same
		chain, v, err := anchors.Check(a.chain, a.profile, a.at)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(a.fails, failedIDs(v)); diff != "" {
			t.Errorf("failed checks (-want +got):\n%s%s", diff, v)
		}
		if v.OK() != (len(a.fails) == 0) || chain.Trusted() != v.OK() {
			t.Errorf("OK %v, trusted %v: %s", v.OK(), chain.Trusted(), v)
		}
	}
}

// BenchmarkZoo tells what the dearest refusal costs.
func BenchmarkZoo(b *testing.B) {
	w := newWorld(b)
	anchors, err := pki.NewAnchors(w.iaca.Raw, w.readerRoot.Raw, w.seRoot.Raw)
	if err != nil {
		b.Fatal(err)
	}
	for _, a := range zoo(w) {
		b.Run(a.name, func(b *testing.B) {
			for b.Loop() {
				if _, _, err := anchors.Check(a.chain, max(a.profile, pki.IACA+1), now); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func TestState(t *testing.T) {
	w := newWorld(t)
	iaca := w.root(pki.IACA, "JP", "JP-13")
	anchors, err := pki.NewAnchors(iaca.Raw)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name  string
		state []string
		fails []string
	}{
		{name: "same", state: []string{"JP-13"}},
		{name: "absent", state: nil},
		{name: "another", state: []string{"JP-27"}, fails: []string{"chain.state"}},
		{name: "two", state: []string{"JP-13", "JP-27"}, fails: []string{"chain.state"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			ds := w.dsTemplate()
			ds.Subject.Province = c.state
			checkAnimal(t, anchors, animal{chain: one(w.sign(ds, iaca, w.dsKey.Public())), fails: c.fails})
		})
	}
	two := rootTemplate()
	two.Subject.Province = []string{"JP-13", "JP-27"}
	two.ExtraExtensions = w.dsTemplate().ExtraExtensions[1:]
	root := mustParse(t, w.sign(two, &x509.Certificate{RawSubject: mustMarshal(two.Subject.ToRDNSequence())}, w.iacaKey.Public()))
	ds := w.dsTemplate()
	ds.Subject.Province = []string{"JP-13"}
	checkAnimal(t, mustAnchors(t, root), animal{chain: one(w.sign(ds, root, w.dsKey.Public())), fails: []string{"chain.state"}})
}
