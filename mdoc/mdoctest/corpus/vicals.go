package corpus

import (
	"crypto/ecdsa"
	"crypto/x509"
	"encoding/asn1"
	"time"

	"mobileid/mdoc/cose"
	"mobileid/mdoc/pki"
	"mobileid/mdoc/verdict"
	"mobileid/mdoc/vical"
)

var oidVICAL = asn1.ObjectIdentifier{1, 0, 18013, 5, 1, 8}

// trustList is a VICAL in parts.
type trustList struct {
	key      *ecdsa.PrivateKey
	alg      cose.Algorithm
	chain    [][]byte
	provider []byte // the root that is trusted

	onContent func(content *node)
	onHeaders func(protected, unprotected *node)
	onMessage func(message *node)
	onRaw     func([]byte) []byte
}

func vicalRoot() (*x509.Certificate, *ecdsa.PrivateKey) {
	key := p256Key("vical root")
	t := rootTemplate("TEST VICAL root")
	t.Subject.Province = nil
	return root(t, key), key
}

func vicalSigner(change func(*x509.Certificate)) []byte {
	r, key := vicalRoot()
	t := leafTemplate("TEST VICAL signer")
	t.Subject.Province = nil
	t.Subject.Organization = []string{"TEST provider"}
	t.KeyUsage = x509.KeyUsageContentCommitment
	t.ExtraExtensions = append(t.ExtraExtensions, purpose(true, oidVICAL))
	change(t)
	return certify(t, r, p256Key("vical signer").Public(), key)
}

func newTrustList() *trustList {
	r, _ := vicalRoot()
	return &trustList{key: p256Key("vical signer"), alg: cose.ES256, chain: [][]byte{vicalSigner(func(*x509.Certificate) {})}, provider: r.Raw}
}

func (l *trustList) build(a *authority) []byte {
	entry := mapOf("certificate", bstr(a.iaca.Raw), "serialNumber", tagged(2, bstr(a.iaca.SerialNumber.Bytes())), "ski", bstr(a.iaca.SubjectKeyId),
		"docType", array(text(docType)), "certificateProfile", array(text("urn:oid:1.0.18013.5.1.7")), "issuingCountry", text(country))
	content := mapOf("version", text("1.0"), "vicalProvider", text("TEST provider"), "vicalIssueID", uinteger(7), "date", at(-time.Hour),
		"nextUpdate", at(24*time.Hour), "notAfter", at(48*time.Hour), "certificateInfos", array(entry))
	call(l.onContent, content)
	protected, unprotected := mapOf(1, integer(int64(l.alg))), mapOf(33, chainNode(l.chain))
	if l.onHeaders != nil {
		l.onHeaders(protected, unprotected)
	}
	head, payload := encode(protected), encode(content)
	message := array(bstr(head), unprotected, bstr(payload), bstr(signBytes(l.key, l.alg, structure("Signature1", head, payload))))
	call(l.onMessage, message)
	raw := encode(message)
	if l.onRaw != nil {
		raw = l.onRaw(raw)
	}
	return raw
}

func vicalCases(a *authority) []Case {
	type row struct {
		label
		edit func(*trustList)
	}
	content := func(edit func(*node)) func(*trustList) { return func(l *trustList) { l.onContent = edit } }
	message := func(edit func(*node)) func(*trustList) { return func(l *trustList) { l.onMessage = edit } }
	signer := func(change func(*x509.Certificate)) func(*trustList) {
		return func(l *trustList) { l.chain = [][]byte{vicalSigner(change)} }
	}
	rows := []row{
		{label{name: "base", reason: "a good VICAL"}, func(*trustList) {}},
		{label{name: "base-2021", reason: "without the members of the second edition"}, content(remove("notAfter"))},
		{label{name: "base-overdue", reason: "a newer list was due: it still holds"}, content(set(at(-time.Minute), "nextUpdate"))},
		{label{name: "base-serial-number", reason: "a serial number as bytes"}, content(func(n *node) { n.get("certificateInfos", 0).set("serialNumber", bstr([]byte{7})) })},
		{label{name: "base-anchor", reason: "the root at the end of x5chain, as AAMVA's list has it"}, func(l *trustList) { l.chain = append(l.chain, l.provider) }},
		{label{"x5chain-missing", "vical.x5chain", "no x5chain", "P6"}, func(l *trustList) { l.onHeaders = func(_, u *node) { u.remove(33) } }},
		{label{"x5chain-text", "vical.x5chain", "x5chain as text", "P6"}, func(l *trustList) { l.onHeaders = func(_, u *node) { u.set(33, text("x")) } }},
		{label{"signature-bit", "vical.signature", "one bit of the signature", "P1"}, message(flip(0, 3))},
		{label{"signature-zero", "vical.signature", "r and s are zero", "java-2022-21449"}, message(set3(3, bstr(make([]byte, 64))))},
		{label{"signature-other-key", "vical.signature", "signed by another key", "P6"}, func(l *trustList) { l.key = p256Key("nobody") }},
		{label{"alg-missing", "vical.signature", "no alg", "P6"}, func(l *trustList) { l.onHeaders = func(p, _ *node) { p.remove(1) } }},
		{label{"content-changed", "vical.signature", "a list changed after signing", "P1"}, message(func(n *node) {
			c := parse(n.items[2].str)
			c.set("vicalIssueID", uinteger(8))
			n.items[2] = bstr(encode(c))
		})},
		{label{"signer-stranger", "chain.signature", "a signer of a stranger", "P7"}, func(l *trustList) {
			r, _ := vicalRoot()
			t := leafTemplate("TEST VICAL signer")
			t.Subject.Province, t.Subject.Organization, t.KeyUsage = nil, []string{"TEST provider"}, x509.KeyUsageContentCommitment
			t.ExtraExtensions = append(t.ExtraExtensions, purpose(true, oidVICAL))
			l.chain = [][]byte{certify(t, r, l.key.Public(), a.strangerKey)}
		}},
		{label{"signer-expired", "chain.validity", "the signer has expired", "P7"}, signer(func(t *x509.Certificate) { t.NotAfter = now.Add(-time.Second) })},
		{label{"signer-purpose", "chain.profile.eku", "a signer for documents", "P7"}, signer(func(t *x509.Certificate) { t.ExtraExtensions[1] = purpose(true, oidDS) })},
		{label{"signer-usage", "chain.profile.key_usage", "a signer with the key usage of others", "P7"}, signer(func(t *x509.Certificate) { t.KeyUsage = x509.KeyUsageDigitalSignature })},
		{label{"signer-country", "chain.country", "a signer of another country", "P7"}, signer(func(t *x509.Certificate) { t.Subject.Country = []string{"KR"} })},
		{label{"signer-of-iaca", "chain.path", "a signer under an issuing authority", "P7"}, func(l *trustList) {
			t := leafTemplate("TEST VICAL signer")
			t.Subject.Organization, t.KeyUsage = []string{"TEST provider"}, x509.KeyUsageContentCommitment
			t.ExtraExtensions = append(t.ExtraExtensions, purpose(true, oidVICAL))
			l.chain = [][]byte{certify(t, a.iaca, l.key.Public(), a.iacaKey)}
		}},
		{label{"future", "vical.date", "dated two minutes and a second ahead", "T2"}, content(set(at(2*time.Minute+time.Second), "date"))},
		{label{"expired", "vical.not_after", "expired a second ago", "T2"}, content(func(n *node) { n.set("nextUpdate", at(-time.Minute)); n.set("notAfter", at(-time.Second)) })},
		{label{"update-before-date", "vical.order", "nextUpdate before the date", ""}, content(set(at(-2*time.Hour), "nextUpdate"))},
		{label{"end-before-update", "vical.order", "notAfter before nextUpdate", ""}, content(set(at(time.Hour), "notAfter"))},
		{label{"end-at-date", "vical.order", "notAfter at the date", ""}, content(func(n *node) { n.remove("nextUpdate"); n.set("date", at(0)); n.set("notAfter", at(0)) })},
	}
	decode := func(name, reason string, edit func(*trustList)) {
		rows = append(rows, row{label{name, "vical.decode", reason, "M1"}, edit})
	}
	member := func(name, reason string, edit func(*node)) { decode(name, reason, content(edit)) }
	entry := func(name, reason string, edit func(*node)) {
		member("entry-"+name, reason, func(n *node) { edit(n.get("certificateInfos", 0)) })
	}
	decode("empty", "no bytes", func(l *trustList) { l.onRaw = func([]byte) []byte { return []byte{} } })
	decode("tagged", "under tag 18", func(l *trustList) { l.onRaw = func(b []byte) []byte { return append([]byte{0xd2}, b...) } })
	decode("trailing", "a byte after it", func(l *trustList) { l.onRaw = func(b []byte) []byte { return append(b, 0) } })
	decode("detached", "the list is detached", message(set3(2, null())))
	decode("wrapped", "the list in tag 24", message(func(n *node) { n.items[2] = bstr(embedBytes(n.items[2].str)) }))
	decode("crit", "a critical header that is not understood", func(l *trustList) {
		l.onHeaders = func(p, _ *node) { p.set(2, array(integer(-65600))); p.set(-65600, uinteger(1)) }
	})
	member("version-2", "version 2", set(text("2.0"), "version"))
	member("version-missing", "no version", remove("version"))
	member("provider-missing", "no provider", remove("vicalProvider"))
	member("provider-empty", "an empty provider", set(text(""), "vicalProvider"))
	member("provider-long", "a provider's name of 1025 bytes", set(text(string(make([]byte, 1025))), "vicalProvider"))
	member("url-long", "a URL of 1025 bytes", set(text(string(make([]byte, 1025))), "vicalURL"))
	member("date-missing", "no date", remove("date"))
	member("date-untagged", "the date as bare text", set(text("2027-01-15T00:00:00Z"), "date"))
	member("infos-missing", "no certificateInfos", remove("certificateInfos"))
	member("infos-map", "certificateInfos is a map", set(mapOf(), "certificateInfos"))
	member("infos-many", "more entries than are taken", func(n *node) {
		list := n.get("certificateInfos")
		small := mapOf("certificate", bstr([]byte{1}), "serialNumber", uinteger(1), "ski", bstr([]byte{1}), "docType", array(text("x")))
		for range 1024 {
			list.items = append(list.items, small)
		}
	})
	member("issue-id-text", "the issue id as text", set(text("7"), "vicalIssueID"))
	member("key-number", "a member without a name", func(n *node) { n.set(1, uinteger(1)) })
	member("member-twice", "a member stands twice", double("date"))
	entry("array", "an entry is an array", func(n *node) { n.become(array()) })
	entry("certificate-missing", "an entry without a certificate", remove("certificate"))
	entry("certificate-empty", "an entry with an empty certificate", set(bstr(nil), "certificate"))
	entry("certificate-text", "an entry with a certificate as text", set(text("x"), "certificate"))
	entry("serial-missing", "an entry without a serial number", remove("serialNumber"))
	entry("serial-text", "a serial number as text", set(text("1"), "serialNumber"))
	entry("serial-negative", "a negative serial number", set(tagged(3, bstr([]byte{1})), "serialNumber"))
	entry("serial-long", "a serial number of 33 bytes", set(tagged(2, bstr(make([]byte, 33))), "serialNumber"))
	entry("ski-missing", "an entry without ski", remove("ski"))
	entry("doctype-missing", "an entry without docType", remove("docType"))
	entry("doctype-none", "an entry for no document type", set(array(), "docType"))
	entry("doctype-empty", "an entry for an empty document type", set(array(text("")), "docType"))
	entry("doctype-text", "an entry whose docType is text", set(text(docType), "docType"))
	entry("doctype-many", "an entry for 65 document types", func(n *node) {
		list := array()
		for range 65 {
			list.items = append(list.items, text(docType))
		}
		n.set("docType", list)
	})
	entry("doctype-long", "a document type of 1025 bytes", set(array(text(string(make([]byte, 1025)))), "docType"))
	var out []Case
	for _, r := range rows {
		l := newTrustList()
		r.edit(l)
		c := r.of(VICAL, "base")
		c.At = now
		c.add("vical", l.build(a))
		c.add("anchor", l.provider)
		out = append(out, c)
	}
	return out
}

func judgeVICAL(c *Case) (verdict.Verdict, error) {
	signed, err := vical.Parse(c.file("vical"))
	if err != nil {
		return stage(c.Kind, "vical.decode", err), nil
	}
	provider, err := pki.NewAnchorsFor(pki.VICALRoot, c.files("anchor")...)
	if err != nil {
		return verdict.Verdict{}, err
	}
	_, v, err := signed.Verify(provider, c.At)
	return v, err
}

func judgeCRL(c *Case) (verdict.Verdict, error) {
	list, err := pki.ParseCRL(c.file("crl"))
	if err != nil {
		return stage(c.Kind, "crl.der", err), nil
	}
	issuer, err := x509.ParseCertificate(c.file("issuer"))
	if err != nil {
		return verdict.Verdict{}, err
	}
	return list.Verify(issuer, c.At), nil
}
