package corpus

import (
	"bytes"
	"crypto/elliptic"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"math/big"
	"slices"
	"strings"
	"time"
)

// chainRow is one chain, leaf first, that is shown to anchors of every kind.
type chainRow struct {
	label
	chain   [][]byte
	profile string // document_signer when empty
	at      time.Time
	anchors [][]byte // the IACA, the reader root and the secure element root when empty
}

func chainCases(a *authority) []Case {
	good := []chainRow{
		{label: label{name: "base", reason: "a good document signer"}, chain: [][]byte{a.ds}},
		{label: label{name: "base-reader", reason: "a good reader"}, chain: [][]byte{a.reader}, profile: "reader"},
		{label: label{name: "base-status-signer", reason: "a good status list signer"}, chain: [][]byte{a.status}, profile: "status_signer"},
		{label: label{name: "base-element", reason: "a good attestation key of a secure element"}, chain: [][]byte{a.element}, profile: "se_attestation"},
	}
	var out []Case
	for _, r := range slices.Concat(good, goodChainRows(a), pathRows(a), profileRows(a), nameRows(a), chainEncodingRows(a), crossRows(a), anchorRows(a)) {
		base, p := "base", r.profile
		switch p {
		case "":
			p = "document_signer"
		case "reader":
			base = "base-reader"
		case "status_signer":
			base = "base-status-signer"
		case "se_attestation":
			base = "base-element"
		}
		c := r.of(CertificateChain, base)
		if c.Profile, c.At = p, r.at; r.at.IsZero() {
			c.At = now
		}
		if r.fails != "" {
			c.Covers = append(c.Covers, "P7")
		}
		c.add("certificate", r.chain...)
		if r.anchors == nil {
			r.anchors = [][]byte{a.iaca.Raw, a.readerRoot.Raw, a.seRoot.Raw}
		}
		c.add("anchor", r.anchors...)
		out = append(out, c)
	}
	return out
}

func goodChainRows(a *authority) []chainRow {
	row := func(name, reason string, at time.Time, chain []byte) chainRow {
		return chainRow{label: label{name: "base-" + name, reason: reason}, chain: [][]byte{chain}, at: at}
	}
	c := must(x509.ParseCertificate(a.ds))
	p384 := ecKey(elliptic.P384(), "document signer")
	return []chainRow{
		row("first-second", "at its first second", c.NotBefore, a.ds),
		row("last-second", "at its last second", c.NotAfter, a.ds),
		row("457-days", "valid for 457 days", time.Time{}, a.document(func(t *x509.Certificate) { t.NotAfter = t.NotBefore.AddDate(0, 0, 457) })),
		row("serial-20", "a serial number of 20 octets", time.Time{}, a.document(func(t *x509.Certificate) { t.SerialNumber = new(big.Int).Lsh(big.NewInt(1), 158) })),
		row("generic-purpose", "the generic purpose beside its own", time.Time{}, a.document(func(t *x509.Certificate) { t.ExtraExtensions[1] = purpose(true, oidDS, oidDSGeneric) })),
		row("without-state", "no state", time.Time{}, a.document(func(t *x509.Certificate) { t.Subject.Province = nil })),
		row("without-aki", "no authority key identifier", time.Time{}, certify(signerTemplate(), &x509.Certificate{RawSubject: a.iaca.RawSubject}, a.dsKey.Public(), a.iacaKey)),
		row("ca-false", "a CA flag written as false", time.Time{}, a.document(func(t *x509.Certificate) { t.BasicConstraintsValid = true })),
		row("p384", "a key on P-384", time.Time{}, certify(signerTemplate(), a.iaca, p384.Public(), a.iacaKey)),
		row("ed25519", "an Ed25519 key", time.Time{}, certify(signerTemplate(), a.iaca, edKey("document signer").Public(), a.iacaKey)),
		row("crl-as-dns-name", "the revocation list's address as a dNSName, as the standard's own example has it", time.Time{}, a.document(func(t *x509.Certificate) {
			t.CRLDistributionPoints = nil
			t.ExtraExtensions = append(t.ExtraExtensions, crlPoint(generalName(2, "issuer.example")))
		})),
	}
}

// crlPoint is a cRLDistributionPoints extension with one name.
func crlPoint(name asn1.RawValue) pkix.Extension {
	full := asn1.RawValue{Class: asn1.ClassContextSpecific, Tag: 0, IsCompound: true, Bytes: must(asn1.Marshal(name))}
	point := asn1.RawValue{Class: asn1.ClassContextSpecific, Tag: 0, IsCompound: true, Bytes: must(asn1.Marshal(full))}
	return extension(oidCRLPoints, false, []asn1.RawValue{{Class: asn1.ClassUniversal, Tag: asn1.TagSequence, IsCompound: true, Bytes: must(asn1.Marshal(point))}})
}

func pathRows(a *authority) []chainRow {
	row := func(name, fails, reason string, chain ...[]byte) chainRow {
		return chainRow{label: label{name, fails, reason, ""}, chain: chain}
	}
	otherKey := p256Key("link")
	link := certify(func() *x509.Certificate {
		t := rootTemplate("TEST link")
		return t
	}(), a.iaca, otherKey.Public(), a.iacaKey)
	linked := certify(signerTemplate(), must(x509.ParseCertificate(link)), a.dsKey.Public(), otherKey)
	named := func(subject, issuer string) []byte {
		t := signerTemplate()
		t.Subject.CommonName = subject
		return certify(t, &x509.Certificate{RawSubject: nameOf(issuer), SubjectKeyId: []byte{1}}, a.dsKey.Public(), otherKey)
	}
	hundred := [][]byte{a.ds}
	for range 99 {
		hundred = append(hundred, link)
	}
	flipped := bytes.Clone(a.ds)
	flipped[len(flipped)-3] ^= 1
	inBody := bytes.Clone(a.ds)
	inBody[bytes.Index(inBody, []byte("TEST document"))+5]++
	outlives := a.document(func(t *x509.Certificate) {
		t.NotBefore, t.NotAfter = a.iaca.NotAfter.AddDate(0, -1, 0), a.iaca.NotAfter.AddDate(0, 1, 0)
	})
	precedes := a.document(func(t *x509.Certificate) {
		t.NotBefore, t.NotAfter = a.iaca.NotBefore.AddDate(0, -1, 0), a.iaca.NotBefore.AddDate(0, 1, 0)
	})
	rows := []chainRow{
		row("no-certificate", "chain.path", "no certificate at all"),
		row("missing-link", "chain.path", "the certificate between leaf and anchor is missing", linked),
		row("two-links", "chain.path", "two links where one is allowed", linked, link),
		row("extra-link", "chain.path", "a certificate that nobody needs", a.ds, link),
		row("same-twice", "chain.path", "the same certificate twice", a.ds, a.ds),
		row("anchor-inside", "chain.path", "the anchor inside the chain", a.ds, a.iaca.Raw),
		row("hundred", "chain.path", "a hundred certificates", hundred...),
		row("cycle", "chain.path", "certificates that issued one another", named("TEST A", "TEST B"), named("TEST B", "TEST A"), named("TEST A", "TEST B")),
		row("self-signed", "chain.path", "a document signer that signed itself", certify(signerTemplate(), nil, a.dsKey.Public(), a.dsKey)),
		row("cross-signed", "chain.path", "issued by a root that is not trusted", certify(signerTemplate(), &x509.Certificate{RawSubject: nameOf("TEST other IACA"), SubjectKeyId: []byte{1}}, a.dsKey.Public(), a.strangerKey)),
		row("same-name-other-key", "chain.signature", "an issuer of the anchor's name with another key", certify(signerTemplate(), a.iaca, a.dsKey.Public(), a.strangerKey)),
		row("signature-bit", "chain.signature", "one bit of the signature", flipped),
		row("subject-bit", "chain.signature", "one letter of the subject changed after signing", inBody),
		row("self-signed-by-leaf-key", "chain.signature", "names the anchor as issuer and is signed by its own key", certify(signerTemplate(), a.iaca, a.dsKey.Public(), a.dsKey)),
		row("aki-of-another", "chain.authority_key_id", "the authority key identifier of another key", certify(signerTemplate(), &x509.Certificate{RawSubject: a.iaca.RawSubject, SubjectKeyId: []byte{6, 6, 6}}, a.dsKey.Public(), a.iacaKey)),
		row("expired", "chain.validity", "expired a second ago", a.document(func(t *x509.Certificate) { t.NotAfter = now.Add(-time.Second) })),
		row("not-yet-valid", "chain.validity", "valid in a second", a.document(func(t *x509.Certificate) { t.NotBefore = now.Add(time.Second) })),
		row("anchor-expired", "chain.validity", "the anchor has expired", outlives),
		row("anchor-not-yet-valid", "chain.validity", "the anchor is not yet valid", precedes),
	}
	rows[len(rows)-2].at = a.iaca.NotAfter.Add(time.Second)
	rows[len(rows)-1].at = a.iaca.NotBefore.Add(-time.Second)
	return rows
}

func profileRows(a *authority) []chainRow {
	row := func(name, fails, reason string, change func(*x509.Certificate)) chainRow {
		return chainRow{label: label{name, "chain." + fails, reason, ""}, chain: [][]byte{a.document(change)}}
	}
	raw := func(name, fails, reason string, change func(*body)) chainRow {
		return chainRow{label: label{name, "chain." + fails, reason, ""}, chain: [][]byte{rewritten(a.ds, a.iacaKey, change)}}
	}
	usage := func(u x509.KeyUsage) func(*x509.Certificate) { return func(t *x509.Certificate) { t.KeyUsage = u } }
	eku := func(e ...pkix.Extension) func(*x509.Certificate) {
		return func(t *x509.Certificate) { t.ExtraExtensions = append(t.ExtraExtensions[:1], e...) }
	}
	adds := func(e pkix.Extension) func(*x509.Certificate) {
		return func(t *x509.Certificate) { t.ExtraExtensions = append(t.ExtraExtensions, e) }
	}
	return []chainRow{
		row("life-458-days", "profile.period", "valid for a second more than 457 days", func(t *x509.Certificate) { t.NotAfter = t.NotBefore.AddDate(0, 0, 457).Add(time.Second) }),
		row("life-10-years", "profile.period", "valid for ten years", func(t *x509.Certificate) { t.NotAfter = t.NotBefore.AddDate(10, 0, 0) }),
		row("ca", "profile.basic_constraints", "the CA flag is set", func(t *x509.Certificate) { t.BasicConstraintsValid, t.IsCA = true, true }),
		row("usage-missing", "profile.key_usage", "no key usage", usage(0)),
		row("usage-certificates", "profile.key_usage", "key usage for signing certificates", usage(x509.KeyUsageCertSign)),
		row("usage-too-wide", "profile.key_usage", "key agreement beside signatures", usage(x509.KeyUsageDigitalSignature|x509.KeyUsageKeyAgreement)),
		row("usage-non-repudiation", "profile.key_usage", "non-repudiation in place of signatures", usage(x509.KeyUsageContentCommitment)),
		row("usage-not-critical", "profile.key_usage", "key usage is not critical", func(t *x509.Certificate) {
			t.KeyUsage = 0
			adds(extension(oidKeyUsage, false, asn1.BitString{Bytes: []byte{0x80}, BitLength: 1}))(t)
		}),
		row("eku-missing", "profile.eku", "no purpose", eku()),
		row("eku-not-critical", "profile.eku", "the purpose is not critical", eku(purpose(false, oidDS))),
		row("eku-reader", "profile.eku", "the purpose of a reader", eku(purpose(true, oidReader))),
		row("eku-any", "profile.eku", "any purpose", eku(purpose(true, oidAnyPurpose))),
		row("eku-and-tls", "profile.eku", "a TLS server beside its purpose", eku(purpose(true, oidDS, oidTLSServer))),
		row("eku-generic-only", "profile.eku", "only the generic purpose", eku(purpose(true, oidDSGeneric))),
		row("eku-prefix", "profile.eku", "an identifier under its purpose", eku(purpose(true, append(slices.Clone(oidDS), 1)))),
		row("critical-unknown", "critical_extensions", "a critical extension that is not known", adds(extension(oidUnknown, true, 1))),
		row("critical-policies", "critical_extensions", "critical policies", adds(extension(oidPolicies, true, [][]asn1.ObjectIdentifier{{oidUnknown}}))),
		row("critical-alt-name", "critical_extensions", "a critical subject alternative name", adds(extension(oidAltName, true, []asn1.RawValue{generalName(2, "x.example")}))),
		raw("critical-issuer-alt", "critical_extensions", "the issuer alternative name is critical", func(b *body) {
			for i := range b.Extensions {
				if b.Extensions[i].Id.Equal(oidIssuerAlt) {
					b.Extensions[i].Critical = true
				}
			}
		}),
		raw("serial-zero", "profile.serial", "serial number zero", func(b *body) { b.Serial = big.NewInt(0) }),
		raw("serial-21", "profile.serial", "a serial number of 21 octets", func(b *body) { b.Serial = new(big.Int).Lsh(big.NewInt(1), 159) }),
		raw("sha1", "profile.signature_algorithm", "signed with SHA-1", func(b *body) { b.Signature = pkix.AlgorithmIdentifier{Algorithm: ecdsaSHA1} }),
		raw("signed-rsa", "profile.signature_algorithm", "signed with RSA", func(b *body) {
			b.Signature = pkix.AlgorithmIdentifier{Algorithm: rsaSHA256, Parameters: asn1.NullRawValue}
		}),
		raw("rsa-1024", "profile.key", "an RSA key of 1024 bits", func(b *body) { b.SPKI = rsaSubject(1024) }),
		raw("rsa-2048", "profile.key", "an RSA key of 2048 bits", func(b *body) { b.SPKI = rsaSubject(2048) }),
		raw("brainpool", "profile.key", "a key on brainpoolP256r1", func(b *body) { b.SPKI = foreignSubject(brainpool) }),
		raw("secp256k1", "profile.key", "a key on secp256k1", func(b *body) { b.SPKI = foreignSubject(secp256k1) }),
		{label: label{"p224", "chain.profile.key", "a key on P-224", ""}, chain: [][]byte{certify(signerTemplate(), a.iaca, ecKey(elliptic.P224(), "document signer").Public(), a.iacaKey)}},
	}
}

func nameRows(a *authority) []chainRow {
	row := func(name, fails, reason string, change func(*x509.Certificate)) chainRow {
		return chainRow{label: label{name, "chain." + fails, reason, ""}, chain: [][]byte{a.document(change)}}
	}
	issued := func(name, reason, issuer string) chainRow {
		return chainRow{label: label{name, "chain.path", reason, ""}, chain: [][]byte{certify(signerTemplate(),
			&x509.Certificate{RawSubject: nameOf(issuer), SubjectKeyId: a.iaca.SubjectKeyId}, a.dsKey.Public(), a.iacaKey)}}
	}
	countries := func(c ...string) func(*x509.Certificate) {
		return func(t *x509.Certificate) { t.Subject.Country = c }
	}
	states := func(s ...string) func(*x509.Certificate) {
		return func(t *x509.Certificate) { t.Subject.Province = s }
	}
	return []chainRow{
		issued("issuer-nobody", "the issuer is nobody", "TEST nobody"),
		issued("issuer-case", "the issuer's name in another case", "TEST iaca"),
		issued("issuer-space", "a space after the issuer's name", "TEST IACA "),
		row("country-other", "country", "another country", countries("KR")),
		row("country-missing", "country", "no country", countries()),
		row("country-lower", "country", "the country in lower case", countries("jp")),
		row("country-three", "country", "a country of three letters", countries("JPN")),
		row("country-two", "country", "two countries", countries("JP", "KR")),
		row("state-other", "state", "another state", states("JP-27")),
		row("state-case", "state", "the state in lower case", states("jp-13")),
		row("state-two", "state", "two states", states("JP-13", "JP-27")),
		row("name-huge", "certificate", "a name of ten kilobytes", func(t *x509.Certificate) { t.Subject.Organization = []string{strings.Repeat("x", 10_000)} }),
	}
}

func chainEncodingRows(a *authority) []chainRow {
	row := func(name, reason string, der []byte) chainRow {
		return chainRow{label: label{name, "chain.certificate", reason, "M1"}, chain: [][]byte{der}}
	}
	c := must(x509.ParseCertificate(a.ds))
	return []chainRow{
		row("empty", "an empty certificate", []byte{}),
		row("not-a-certificate", "no certificate", []byte("certificate")),
		row("trailing", "a byte after the certificate", append(bytes.Clone(a.ds), 0)),
		row("cut", "the last byte is missing", a.ds[:len(a.ds)-1]),
		row("pem", "PEM in place of DER", []byte("-----BEGIN CERTIFICATE-----\n")),
		row("serial-negative", "a negative serial number", rewritten(a.ds, a.iacaKey, func(b *body) { b.Serial = big.NewInt(-5) })),
		row("extension-twice", "an extension stands twice", rewritten(a.ds, a.iacaKey, func(b *body) { b.Extensions = append(b.Extensions, b.Extensions[0]) })),
		row("algorithms-differ", "the algorithm inside differs from the one outside", sealed(c.RawTBSCertificate, pkix.AlgorithmIdentifier{Algorithm: ecdsaSHA384}, a.iacaKey)),
		row("version-1", "version 1 with extensions", rewritten(a.ds, a.iacaKey, func(b *body) { b.Version = 0 })),
		row("huge", "a certificate of five kilobytes", rewritten(a.ds, a.iacaKey, func(b *body) {
			b.Extensions = append(b.Extensions, pkix.Extension{Id: oidUnknown, Value: make([]byte, 5000)})
		})),
	}
}

func crossRows(a *authority) []chainRow {
	row := func(name, fails, reason, profile string, der []byte) chainRow {
		return chainRow{label: label{name, "chain." + fails, reason, ""}, chain: [][]byte{der}, profile: profile}
	}
	underReaderRoot := certify(signerTemplate(), a.readerRoot, a.dsKey.Public(), a.readerRootKey)
	status := func(change func(*x509.Certificate)) []byte {
		t := statusTemplate()
		change(t)
		return certify(t, a.iaca, a.statusKey.Public(), a.iacaKey)
	}
	element := func(change func(*x509.Certificate)) []byte {
		t := elementTemplate()
		change(t)
		return certify(t, a.seRoot, p256Key("element").Public(), a.seRootKey)
	}
	eku := func(e pkix.Extension) func(*x509.Certificate) {
		return func(t *x509.Certificate) { t.ExtraExtensions = append(t.ExtraExtensions, e) }
	}
	return []chainRow{
		row("signer-as-reader", "profile.eku", "a document signer as reader", "reader", certify(signerTemplate(), a.readerRoot, a.dsKey.Public(), a.readerRootKey)),
		row("signer-as-status-signer", "profile.eku", "a document signer as status list signer", "status_signer", a.ds),
		row("status-signer-as-signer", "profile.eku", "a status list signer as document signer", "", a.status),
		row("signer-under-reader-root", "path", "a document signer under the reader root", "", underReaderRoot),
		row("reader-under-se-root", "path", "a reader under the secure elements' root", "reader", certify(readerTemplate(), a.seRoot, a.readerKey.Public(), a.seRootKey)),
		row("status-critical-eku", "profile.eku", "a critical purpose", "status_signer", status(eku(purpose(true, oidStatusOpen)))),
		row("status-tls", "profile.eku", "a TLS server's purpose", "status_signer", status(eku(purpose(false, oidTLSServer)))),
		row("status-eku-elsewhere", "profile.eku", "a purpose outside the PKIX arc", "status_signer", status(eku(purpose(false, oidUnknown)))),
		row("status-eku-broken", "profile.eku", "an empty list of purposes", "status_signer", status(eku(purpose(false)))),
		row("element-without-id", "profile.se_id", "no id of a secure element", "se_attestation", element(func(t *x509.Certificate) { t.Subject.SerialNumber = "" })),
		row("element-id-lower", "profile.se_id", "the id in lower case", "se_attestation", element(func(t *x509.Certificate) { t.Subject.SerialNumber = "0102030405060708090a" })),
		row("element-id-short", "profile.se_id", "an id of nine bytes", "se_attestation", element(func(t *x509.Certificate) { t.Subject.SerialNumber = "010203040506070809" })),
		row("element-ed25519", "profile.key", "an Ed25519 key where the profile has none", "se_attestation",
			certify(elementTemplate(), a.seRoot, edKey("element").Public(), a.seRootKey)),
	}
}

// anchorRows are roots that must not be taken for anchors.
func anchorRows(a *authority) []chainRow {
	row := func(name, reason string, der []byte) chainRow {
		return chainRow{label: label{"anchor-" + name, "anchor.profile", reason, ""}, chain: [][]byte{a.ds}, anchors: [][]byte{der}}
	}
	made := func(change func(*x509.Certificate)) []byte {
		t := rootTemplate("TEST IACA")
		change(t)
		return certify(t, nil, a.iacaKey.Public(), a.iacaKey)
	}
	return []chainRow{
		row("document-signer", "a document signer as anchor", a.ds),
		row("not-ca", "a root without the CA flag", made(func(t *x509.Certificate) { t.BasicConstraintsValid, t.IsCA, t.MaxPathLenZero = true, false, false })),
		row("path-length", "a root with path length 1", made(func(t *x509.Certificate) { t.MaxPathLen, t.MaxPathLenZero = 1, false })),
		row("path-unbounded", "a root without a path length", made(func(t *x509.Certificate) { t.MaxPathLen, t.MaxPathLenZero = -1, false })),
		row("usage", "a root that may sign documents", made(func(t *x509.Certificate) { t.KeyUsage |= x509.KeyUsageDigitalSignature })),
		row("no-usage", "a root without key usage", made(func(t *x509.Certificate) { t.KeyUsage = 0 })),
		row("purpose", "a root with a purpose of TLS", made(func(t *x509.Certificate) { t.ExtraExtensions = append(t.ExtraExtensions, purpose(true, oidTLSServer)) })),
		row("critical", "a root with a critical extension that is not known", made(func(t *x509.Certificate) {
			t.ExtraExtensions = append(t.ExtraExtensions, extension(oidUnknown, true, 1))
		})),
		row("issued", "a root that another issued", certify(rootTemplate("TEST IACA"), &x509.Certificate{RawSubject: nameOf("TEST other"), SubjectKeyId: []byte{1}}, a.iacaKey.Public(), a.strangerKey)),
		row("other-signature", "a root signed by another key", certify(rootTemplate("TEST IACA"), &x509.Certificate{RawSubject: a.iaca.RawSubject, SubjectKeyId: a.iaca.SubjectKeyId}, a.iacaKey.Public(), a.strangerKey)),
		row("p224", "a root with a P-224 key", rewritten(a.iaca.Raw, a.iacaKey, func(b *body) {
			k := ecKey(elliptic.P224(), "iaca")
			b.SPKI = asn1.RawValue{FullBytes: must(x509.MarshalPKIXPublicKey(k.Public()))}
		})),
		row("sha1", "a root signed with SHA-1", rewritten(a.iaca.Raw, a.iacaKey, func(b *body) { b.Signature = pkix.AlgorithmIdentifier{Algorithm: ecdsaSHA1} })),
		row("serial-zero", "a root with serial number zero", rewritten(a.iaca.Raw, a.iacaKey, func(b *body) { b.Serial = big.NewInt(0) })),
		row("garbage", "no certificate", []byte("anchor")),
	}
}
