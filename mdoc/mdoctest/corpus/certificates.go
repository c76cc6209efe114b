package corpus

import (
	"bytes"
	"crypto/elliptic"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"math/big"
	"slices"
	"time"
)

// certificateCases are for the lint of a certificate about to be released.
func certificateCases(a *authority) []Case {
	type row struct {
		label
		profile string
		der     []byte
	}
	good := func(name, profile, reason string, der []byte) row {
		return row{label{name: name, reason: reason}, profile, der}
	}
	rows := []row{
		good("base-iaca", "iaca", "a good IACA root", a.iaca.Raw),
		good("base-document-signer", "document_signer", "a good document signer", a.ds),
		good("base-reader-root", "reader_root", "a good reader root", a.readerRoot.Raw),
		good("base-reader", "reader", "a good reader", a.reader),
		good("base-status-signer", "status_signer", "a good status list signer", a.status),
		good("base-se-root", "se_root", "a good root of secure elements", a.seRoot.Raw),
		good("base-se-attestation", "se_attestation", "a good attestation key", a.element),
	}
	signer := func(name, fails, reason string, change func(*x509.Certificate)) {
		rows = append(rows, row{label{"document-signer-" + name, "cert." + fails, reason, "P7"}, "document_signer", a.document(change)})
	}
	rootWith := func(name, fails, reason string, change func(*x509.Certificate)) {
		t := rootTemplate("TEST IACA")
		change(t)
		rows = append(rows, row{label{"iaca-" + name, "cert." + fails, reason, "P7"}, "iaca", certify(t, nil, a.iacaKey.Public(), a.iacaKey)})
	}
	raw := func(name, fails, reason string, change func(*body)) {
		rows = append(rows, row{label{"document-signer-" + name, "cert." + fails, reason, "P7"}, "document_signer", rewritten(a.ds, a.iacaKey, change)})
	}
	bytesOf := func(name, fails, reason, profile string, der []byte) {
		rows = append(rows, row{label{name, "cert." + fails, reason, "P7"}, profile, der})
	}
	add := func(e pkix.Extension) func(*x509.Certificate) {
		return func(t *x509.Certificate) { t.ExtraExtensions = append(t.ExtraExtensions, e) }
	}
	setExt := func(i int, e ...pkix.Extension) func(*x509.Certificate) {
		return func(t *x509.Certificate) { t.ExtraExtensions = slices.Replace(t.ExtraExtensions, i, i+1, e...) }
	}
	withoutCRL := func(e ...pkix.Extension) func(*x509.Certificate) {
		return func(t *x509.Certificate) {
			t.CRLDistributionPoints = nil
			t.ExtraExtensions = append(t.ExtraExtensions, e...)
		}
	}

	bytesOf("empty", "der", "no bytes", "document_signer", []byte{})
	bytesOf("not-a-certificate", "der", "no certificate", "document_signer", []byte("certificate"))
	bytesOf("trailing", "der", "a byte after the certificate", "document_signer", append(bytes.Clone(a.ds), 0))
	raw("huge", "der", "a certificate of five kilobytes", func(b *body) {
		b.Extensions = append(b.Extensions, pkix.Extension{Id: oidUnknown, Value: make([]byte, 5000)})
	})
	raw("extension-twice", "der", "an extension stands twice", func(b *body) { b.Extensions = append(b.Extensions, b.Extensions[0]) })
	raw("version-1", "version", "version 1", func(b *body) { b.Version, b.Extensions = 0, nil })
	raw("version-2", "version", "version 2", func(b *body) { b.Version, b.Extensions = 1, nil })
	raw("serial-zero", "serial", "serial number zero", func(b *body) { b.Serial = new(big.Int) })
	raw("serial-21", "serial", "a serial number of 21 octets", func(b *body) { b.Serial = new(big.Int).Lsh(big.NewInt(1), 159) })
	raw("serial-small", "serial.entropy", "serial number 77", func(b *body) { b.Serial = big.NewInt(77) })
	raw("serial-39-bits", "serial.entropy", "a serial number of 39 bits", func(b *body) { b.Serial = new(big.Int).Lsh(big.NewInt(1), 38) })
	raw("sha1", "signature_algorithm", "signed with SHA-1", func(b *body) { b.Signature = pkix.AlgorithmIdentifier{Algorithm: ecdsaSHA1} })
	raw("rsa-signature", "signature_algorithm", "signed with RSA", func(b *body) {
		b.Signature = pkix.AlgorithmIdentifier{Algorithm: rsaSHA256, Parameters: asn1.NullRawValue}
	})
	signer("458-days", "validity.period", "valid for a second more than 457 days", func(t *x509.Certificate) { t.NotAfter = t.NotBefore.AddDate(0, 0, 457).Add(time.Second) })
	signer("ends-first", "validity.period", "ends before it begins", func(t *x509.Certificate) { t.NotAfter = t.NotBefore.Add(-time.Hour) })
	rootWith("21-years", "validity.period", "valid for 21 years", func(t *x509.Certificate) { t.NotAfter = t.NotBefore.AddDate(21, 0, 0) })
	raw("brainpool", "key", "a key on brainpoolP256r1", func(b *body) { b.SPKI = foreignSubject(brainpool) })
	p224 := ecKey(elliptic.P224(), "document signer")
	bytesOf("document-signer-p224", "key", "a key on P-224", "document_signer", certify(signerTemplate(), a.iaca, p224.Public(), a.iacaKey))
	bytesOf("element-ed25519", "key", "an Ed25519 key where the profile has none", "se_attestation", certify(elementTemplate(), a.seRoot, edKey("element").Public(), a.seRootKey))
	bytesOf("document-signer-self-issued", "issuer", "issuer and subject are the same", "document_signer", rewritten(a.ds, a.iacaKey,
		func(b *body) { b.Issuer = b.Subject }))
	bytesOf("iaca-issued", "issuer", "a root issued by another name", "iaca", rewritten(a.iaca.Raw, a.iacaKey, func(b *body) { b.Issuer = asn1.RawValue{FullBytes: nameOf("TEST other")} }))
	bytesOf("iaca-signature-bit", "self_signature", "one bit of a root's signature", "iaca", func() []byte {
		b := bytes.Clone(a.iaca.Raw)
		b[len(b)-3] ^= 1
		return b
	}())
	bytesOf("iaca-other-signature", "self_signature", "a root signed by another key", "iaca", certify(rootTemplate("TEST IACA"),
		&x509.Certificate{RawSubject: a.iaca.RawSubject, SubjectKeyId: a.iaca.SubjectKeyId}, a.iacaKey.Public(), a.strangerKey))
	for _, c := range []struct {
		name, reason string
		countries    []string
	}{{"missing", "no country", nil}, {"lower", "the country in lower case", []string{"jp"}}, {"three", "a country of three letters", []string{"JPN"}},
		{"two", "two countries", []string{"JP", "KR"}}, {"digits", "digits for a country", []string{"81"}}, {"digit-first", "a digit and a letter", []string{"8P"}},
		{"digit-last", "a letter and a digit", []string{"J1"}}, {"lower-first", "the first letter in lower case", []string{"jP"}},
		{"lower-last", "the last letter in lower case", []string{"Jp"}}} {
		signer("country-"+c.name, "subject.country", c.reason, func(t *x509.Certificate) { t.Subject.Country = c.countries })
	}
	signer("name-missing", "subject.common_name", "no common name", func(t *x509.Certificate) { t.Subject.CommonName = "" })
	for _, c := range []struct{ name, reason, id string }{{"missing", "no id", ""}, {"short", "an id of nine bytes", "010203040506070809"},
		{"lower", "the id in lower case", "0102030405060708090a"}, {"long", "an id of eleven bytes", "0102030405060708090A0B"},
		{"odd", "an id and a digit more", "0102030405060708090A0"}, {"tail", "an id and letters behind it", "0102030405060708090AXY"}} {
		t := elementTemplate()
		t.Subject.SerialNumber = c.id
		bytesOf("element-id-"+c.name, "subject.se_id", c.reason, "se_attestation", certify(t, a.seRoot, p256Key("element").Public(), a.seRootKey))
	}
	raw("name-teletex", "subject.strings", "the common name as T61String", func(b *body) {
		b.Subject = asn1.RawValue{FullBytes: bytes.Replace(b.Subject.FullBytes, []byte{0x13, byte(len("TEST document signer"))}, []byte{0x14, byte(len("TEST document signer"))}, 1)}
	})
	raw("country-utf8", "subject.strings", "the country as UTF8String", func(b *body) {
		b.Subject = asn1.RawValue{FullBytes: bytes.Replace(b.Subject.FullBytes, []byte{0x13, 2, 'J', 'P'}, []byte{0x0c, 2, 'J', 'P'}, 1)}
	})
	signer("usage-missing", "key_usage", "no key usage", func(t *x509.Certificate) { t.KeyUsage = 0 })
	signer("usage-wide", "key_usage", "key agreement beside signatures", func(t *x509.Certificate) { t.KeyUsage |= x509.KeyUsageKeyAgreement })
	rootWith("usage-no-crl", "key_usage", "a root that may not sign revocation lists", func(t *x509.Certificate) { t.KeyUsage = x509.KeyUsageCertSign })
	raw("usage-not-critical", "key_usage", "key usage is not critical", func(b *body) { critical(b, oidKeyUsage, false) })
	signer("eku-missing", "extended_key_usage", "no purpose", setExt(1))
	signer("eku-not-critical", "extended_key_usage", "the purpose is not critical", setExt(1, purpose(false, oidDS)))
	signer("eku-other", "extended_key_usage", "the purpose of a reader", setExt(1, purpose(true, oidReader)))
	signer("eku-broken", "extended_key_usage", "purposes that are no list", setExt(1, extension(oidEKU, true, []asn1.ObjectIdentifier{})))
	raw("eku-trailing", "extended_key_usage", "bytes after the purposes", func(b *body) {
		for i := range b.Extensions {
			if b.Extensions[i].Id.Equal(oidEKU) {
				b.Extensions[i].Value = append(bytes.Clone(b.Extensions[i].Value), 0x05, 0x00)
			}
		}
	})
	lists := statusTemplate()
	lists.ExtraExtensions = append(lists.ExtraExtensions, purpose(false, asn1.ObjectIdentifier{1, 2, 3, 10}))
	bytesOf("status-signer-eku", "extended_key_usage", "a purpose of nobody's", "status_signer", certify(lists, a.iaca, a.statusKey.Public(), a.iacaKey))
	rootWith("eku", "extended_key_usage", "a root with a purpose", add(purpose(true, oidDS)))
	signer("ca", "basic_constraints", "the CA flag is set", func(t *x509.Certificate) { t.BasicConstraintsValid, t.IsCA = true, true })
	rootWith("path-length", "basic_constraints", "path length 1", func(t *x509.Certificate) { t.MaxPathLen, t.MaxPathLenZero = 1, false })
	rootWith("path-unbounded", "basic_constraints", "no path length", func(t *x509.Certificate) { t.MaxPathLen, t.MaxPathLenZero = -1, false })
	rootWith("not-ca", "basic_constraints", "no CA", func(t *x509.Certificate) { t.IsCA, t.MaxPathLenZero = false, false; t.BasicConstraintsValid = true })
	bytesOf("iaca-constraints-missing", "basic_constraints", "no basic constraints", "iaca", rewritten(a.iaca.Raw, a.iacaKey, func(b *body) {
		b.Extensions = slices.DeleteFunc(b.Extensions, func(e pkix.Extension) bool { return e.Id.Equal(oidBasic) })
	}))
	bytesOf("iaca-constraints-not-critical", "basic_constraints", "basic constraints are not critical", "iaca", rewritten(a.iaca.Raw, a.iacaKey, func(b *body) { critical(b, oidBasic, false) }))
	signer("critical-unknown", "critical_extensions", "a critical extension that is not known", add(extension(oidUnknown, true, 1)))
	for _, e := range []struct {
		name string
		oid  asn1.ObjectIdentifier
	}{{"policy-mappings", oidPolicyMap}, {"policy-constraints", oidPolicyLimits}, {"inhibit-any-policy", oidInhibitAny}, {"freshest-crl", oidFreshest}} {
		signer(e.name, "forbidden_extensions", "a forbidden extension: "+e.name, add(pkix.Extension{Id: e.oid, Value: forbiddenValue(e.oid)}))
	}
	rootWith("name-constraints", "forbidden_extensions", "a forbidden extension: name-constraints", add(pkix.Extension{Id: oidNameLimits, Value: forbiddenValue(oidNameLimits)}))
	signer("ski-other", "subject_key_id", "the subject key identifier of another key", func(t *x509.Certificate) { t.SubjectKeyId = []byte{1, 2, 3, 4} })
	noSKI := func(b *body) {
		b.Extensions = slices.DeleteFunc(b.Extensions, func(e pkix.Extension) bool { return e.Id.Equal(asn1.ObjectIdentifier{2, 5, 29, 14}) })
	}
	raw("key-with-more", "subject_key_id", "a public key of three parts, and no subject key identifier", func(b *body) {
		noSKI(b)
		b.SPKI = asn1.RawValue{Tag: asn1.TagSequence, IsCompound: true, Bytes: append(bytes.Clone(b.SPKI.Bytes), 0x05, 0x00)}
	})
	raw("ski-missing", "subject_key_id", "no subject key identifier", noSKI)
	bytesOf("document-signer-aki-missing", "authority_key_id", "no authority key identifier", "document_signer",
		certify(signerTemplate(), &x509.Certificate{RawSubject: a.iaca.RawSubject}, a.dsKey.Public(), a.iacaKey))
	bytesOf("iaca-aki-other", "authority_key_id", "a root with the authority key identifier of another key", "iaca", func() []byte {
		t := rootTemplate("TEST IACA")
		t.AuthorityKeyId = []byte{6}
		return certify(t, nil, a.iacaKey.Public(), a.iacaKey)
	}())
	signer("contact-missing", "issuer_alt_name", "no issuer alternative name", setExt(0))
	rootWith("contact-missing", "issuer_alt_name", "a root without issuer alternative name", setExt(0))
	signer("contact-dns", "issuer_alt_name", "neither e-mail address nor URI", setExt(0, extension(oidIssuerAlt, false, []asn1.RawValue{generalName(2, "issuer.example")})))
	signer("contact-empty", "issuer_alt_name", "an empty URI", setExt(0, extension(oidIssuerAlt, false, []asn1.RawValue{generalName(6, "")})))
	signer("contact-broken", "issuer_alt_name", "no list of names", setExt(0, extension(oidIssuerAlt, false, 1)))
	behind := func(e pkix.Extension) pkix.Extension {
		return pkix.Extension{Id: e.Id, Value: append(bytes.Clone(e.Value), 0x05, 0x00)}
	}
	signer("contact-trailing", "issuer_alt_name", "bytes after the list of names", setExt(0, behind(contact(oidIssuerAlt))))
	signer("contact-class", "issuer_alt_name", "a name of another class", setExt(0, extension(oidIssuerAlt, false,
		[]asn1.RawValue{{Class: asn1.ClassApplication, Tag: 6, Bytes: []byte("https://issuer.example/")}})))
	raw("crl-trailing", "crl_distribution_points", "bytes after the list", func(b *body) { replaceValue(b, func(v []byte) []byte { return append(v, 0x05, 0x00) }) })
	raw("crl-empty", "crl_distribution_points", "an empty list", func(b *body) { replaceValue(b, func([]byte) []byte { return []byte{0x30, 0x00} }) })
	raw("crl-reasons", "crl_distribution_points", "an address for some reasons", func(b *body) {
		replaceValue(b, func([]byte) []byte { return point("https://issuer.example/crl", []byte{0x81, 0x02, 0x05, 0x60}) })
	})
	raw("crl-issuer", "crl_distribution_points", "the list of another issuer", func(b *body) {
		replaceValue(b, func([]byte) []byte {
			return point("https://issuer.example/crl", []byte{0xa2, 0x04, 0x82, 0x02, 'x', 'y'})
		})
	})
	signer("crl-missing", "crl_distribution_points", "no address of a revocation list", withoutCRL())
	signer("crl-dns-name", "crl_distribution_points", "a dNSName in place of a URI", withoutCRL(crlPoint(generalName(2, "issuer.example"))))
	signer("crl-directory", "crl_distribution_points", "an e-mail address in place of a URI", withoutCRL(crlPoint(generalName(1, "crl@issuer.example"))))

	var out []Case
	for _, r := range rows {
		c := r.of(Certificate, baseCertificate(r.profile))
		c.Profile = r.profile
		c.add("certificate", r.der)
		out = append(out, c)
	}
	return out
}

func baseCertificate(profile string) string { return "base-" + words(profile) }

// point is a list of one distribution point: a URI, and what else there is to it.
func point(uri string, more []byte) []byte {
	wrap := func(tag byte, b []byte) []byte { return append([]byte{tag, byte(len(b))}, b...) }
	name := wrap(0xa0, wrap(0xa0, wrap(0x86, []byte(uri))))
	return wrap(0x30, wrap(0x30, append(name, more...)))
}

// replaceValue changes the value of cRLDistributionPoints.
func replaceValue(b *body, change func([]byte) []byte) {
	for i := range b.Extensions {
		if b.Extensions[i].Id.Equal(oidCRLPoints) {
			b.Extensions[i].Value = change(bytes.Clone(b.Extensions[i].Value))
		}
	}
}

func critical(b *body, oid asn1.ObjectIdentifier, value bool) {
	for i := range b.Extensions {
		if b.Extensions[i].Id.Equal(oid) {
			b.Extensions[i].Critical = value
		}
	}
}

// forbiddenValue is a good value of one of the extensions that no profile allows.
func forbiddenValue(oid asn1.ObjectIdentifier) []byte {
	switch {
	case oid.Equal(oidPolicyMap):
		return must(asn1.Marshal([][]asn1.ObjectIdentifier{{oidUnknown, oidUnknown}}))
	case oid.Equal(oidInhibitAny):
		return must(asn1.Marshal(1))
	case oid.Equal(oidNameLimits):
		return []byte{0x30, 0x0b, 0xa0, 0x09, 0x30, 0x07, 0x82, 0x05, 'x', '.', 't', 's', 't'}
	case oid.Equal(oidFreshest):
		return crlPoint(generalName(6, "https://issuer.example/delta")).Value
	}
	return []byte{0x30, 0x03, 0x80, 0x01, 0x00} // requireExplicitPolicy 0
}
