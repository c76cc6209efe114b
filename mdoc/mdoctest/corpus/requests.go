package corpus

import (
	"bytes"
	"crypto"
	"crypto/elliptic"
	"crypto/x509"
	"time"

	"mobileid/mdoc/cose"
	"mobileid/mdoc/transcript"
)

// asking is a signed DeviceRequest in parts.
type asking struct {
	key     crypto.Signer
	alg     cose.Algorithm
	chain   [][]byte
	session transcript.Transcript // the holder's
	signed  transcript.Transcript // the one that was signed
	content func(items []byte, session transcript.Transcript) []byte

	onItems   func(items *node) // before the signature
	onHeaders func(protected, unprotected *node)
	onAuth    func(auth *node)
	onSpoil   func(items *node) // after the signature
	onDoc     func(doc *node)
	onRequest func(request *node)
	onRaw     func([]byte) []byte
}

func newAsking(a *authority) *asking {
	s := qrSession("first", agreementKey("reader ephemeral"))
	return &asking{key: a.readerKey, alg: cose.ES256, chain: [][]byte{a.reader}, session: s, signed: s, content: readerAuthentication}
}

func readerAuthentication(items []byte, s transcript.Transcript) []byte {
	return embedBytes(encode(array(text("ReaderAuthentication"), verbatim(s.Array()...), verbatim(items...))))
}

func (q *asking) build() []byte {
	items := itemsRequest(docType, []element{{space: spaceMDL, id: "age_over_20"}, {space: spaceMDL, id: "portrait"}, {space: spaceJP, id: "full_name"}})
	call(q.onItems, items)
	protected, unprotected := mapOf(1, integer(int64(q.alg))), mapOf(33, chainNode(q.chain))
	if q.onHeaders != nil {
		q.onHeaders(protected, unprotected)
	}
	head := encode(protected)
	signature := signBytes(q.key, q.alg, structure("Signature1", head, q.content(encode(embed(items)), q.signed)))
	auth := array(bstr(head), unprotected, null(), bstr(signature))
	call(q.onAuth, auth)
	call(q.onSpoil, items)
	doc := mapOf("itemsRequest", embed(items), "readerAuth", auth)
	call(q.onDoc, doc)
	request := mapOf("version", text("1.0"), "docRequests", array(doc))
	call(q.onRequest, request)
	raw := encode(request)
	if q.onRaw != nil {
		raw = q.onRaw(raw)
	}
	return raw
}

type askingRow struct {
	label
	edit func(*asking)
}

func requestCases(a *authority) []Case {
	base := askingRow{label{name: "base", reason: "a good signed request"}, func(*asking) {}}
	var out []Case
	for _, rows := range [][]askingRow{{base}, goodRequestRows(), requestShapeRows(), readerAuthRows(a)} {
		for _, r := range rows {
			q := newAsking(a)
			r.edit(q)
			c := r.of(DeviceRequest, "base")
			c.At = now
			c.add("request", q.build())
			c.add("transcript", q.session.Array())
			c.add("anchor", a.readerRoot.Raw)
			out = append(out, c)
		}
	}
	return out
}

func goodRequestRows() []askingRow {
	row := func(name, reason string, edit func(*asking)) askingRow {
		return askingRow{label{name: name, reason: reason}, edit}
	}
	return []askingRow{
		row("base-minor-version", "a later minor version", func(q *asking) { q.onRequest = set(text("1.5"), "version") }),
		row("base-unknown-members", "members that the standard leaves open", func(q *asking) {
			q.onRequest, q.onDoc = set(null(), "example"), set(mapOf(), "example")
			q.onItems = set(uinteger(1), "example")
		}),
		row("base-x5chain-array", "an array of one certificate", func(q *asking) { q.onHeaders = func(_, u *node) { u.set(33, array(u.get(33))) } }),
		row("base-x5chain-protected", "x5chain in the protected header", func(q *asking) {
			q.onHeaders = func(p, u *node) { p.set(33, u.get(33)); u.remove(33) }
		}),
	}
}

func requestShapeRows() []askingRow {
	row := func(name, reason string, edit func(*asking)) askingRow {
		return askingRow{label{name, "request.decode", reason, "M1"}, edit}
	}
	request := func(name, reason string, edit func(*node)) askingRow {
		return row(name, reason, func(q *asking) { q.onRequest = edit })
	}
	doc := func(name, reason string, edit func(*node)) askingRow {
		return row(name, reason, func(q *asking) { q.onDoc = edit })
	}
	items := func(name, reason string, edit func(*node)) askingRow {
		return row("items-"+name, reason, func(q *asking) { q.onItems = edit })
	}
	return []askingRow{
		request("version-2", "major version 2", set(text("2.0"), "version")),
		request("version-missing", "no version", remove("version")),
		request("version-number", "the version is a number", set(uinteger(1), "version")),
		request("docs-missing", "no docRequests", remove("docRequests")),
		request("docs-empty", "an empty list of requests", set(array(), "docRequests")),
		request("docs-map", "docRequests is a map", set(mapOf(), "docRequests")),
		request("docs-twice", "docRequests stands twice", double("docRequests")),
		request("docs-null", "docRequests is null", set(null(), "docRequests")),
		doc("items-missing", "no itemsRequest", remove("itemsRequest")),
		doc("items-bare", "itemsRequest without tag 24", set(mapOf(), "itemsRequest")),
		doc("items-bstr", "itemsRequest as a byte string", set(bstr([]byte{0xa0}), "itemsRequest")),
		doc("items-tag-25", "itemsRequest under tag 25", func(n *node) { n.get("itemsRequest").arg = 25 }),
		items("doctype-missing", "no docType", remove("docType")),
		items("doctype-empty", "an empty docType", set(text(""), "docType")),
		items("doctype-bytes", "docType as bytes", set(bstr([]byte(docType)), "docType")),
		items("namespaces-missing", "no nameSpaces", remove("nameSpaces")),
		items("namespaces-empty", "no namespace", set(mapOf(), "nameSpaces")),
		items("namespaces-array", "nameSpaces is an array", set(array(), "nameSpaces")),
		items("namespace-empty", "a namespace without elements", set(mapOf(), "nameSpaces", spaceJP)),
		items("namespace-nameless", "a namespace with an empty name", rename(text(""), "nameSpaces", spaceJP)),
		items("namespace-twice", "a namespace stands twice", double("nameSpaces", spaceJP)),
		items("element-nameless", "an element with an empty name", rename(text(""), "nameSpaces", spaceJP, "full_name")),
		items("element-twice", "an element stands twice", double("nameSpaces", spaceJP, "full_name")),
		items("retain-missing", "intentToRetain is null", set(null(), "nameSpaces", spaceJP, "full_name")),
		items("retain-number", "intentToRetain is a number", set(uinteger(0), "nameSpaces", spaceJP, "full_name")),
		items("element-number", "an element that is a number", rename(uinteger(1), "nameSpaces", spaceJP, "full_name")),
		items("key-case", "NameSpaces in place of nameSpaces", rename(text("NameSpaces"), "nameSpaces")),
		row("trailing", "a byte after the request", func(q *asking) { q.onRaw = func(b []byte) []byte { return append(b, 0) } }),
		row("cut", "the last byte is missing", func(q *asking) { q.onRaw = func(b []byte) []byte { return b[:len(b)-1] } }),
		row("empty", "no bytes", func(q *asking) { q.onRaw = func([]byte) []byte { return []byte{} } }),
		row("not-a-map", "an array", func(q *asking) { q.onRaw = func([]byte) []byte { return []byte{0x80} } }),
		row("nesting", "nesting of a million arrays", func(q *asking) { q.onRaw = func([]byte) []byte { return bytes.Repeat([]byte{0x81}, 1<<20) } }),
		row("too-long", "more than 512 KiB", func(q *asking) { q.onRequest = set(bstr(make([]byte, 512<<10)), "example") }),
	}
}

func readerAuthRows(a *authority) []askingRow {
	row := func(name, fails, reason, covers string, edit func(*asking)) askingRow {
		return askingRow{label{name, fails, reason, covers}, edit}
	}
	shape := func(name, reason string, edit func(*asking)) askingRow {
		return row("auth-"+name, "reader_auth.shape", reason, "P6 M1", edit)
	}
	signature := func(name, reason, covers string, edit func(*asking)) askingRow {
		return row("auth-"+name, "reader_auth.signature", reason, covers, edit)
	}
	head := func(edit func(p, u *node)) func(*asking) { return func(q *asking) { q.onHeaders = edit } }
	auth := func(edit func(*node)) func(*asking) { return func(q *asking) { q.onAuth = edit } }
	chain := func(ders ...[]byte) func(*asking) { return func(q *asking) { q.chain = ders } }
	forged := func(change func(*x509.Certificate)) func(*asking) {
		t := readerTemplate()
		change(t)
		return chain(certify(t, a.readerRoot, a.readerKey.Public(), a.readerRootKey))
	}
	p384 := ecKey(elliptic.P384(), "reader")
	return []askingRow{
		shape("x5chain-missing", "no x5chain", head(func(_, u *node) { u.remove(33) })),
		shape("x5chain-text", "x5chain as text", head(func(_, u *node) { u.set(33, text("x")) })),
		shape("x5chain-empty", "an empty x5chain", head(func(_, u *node) { u.set(33, array()) })),
		shape("alg-unprotected", "alg in the unprotected header", head(func(p, u *node) { p.remove(1); u.set(1, integer(-7)) })),
		shape("crit", "a critical header that is not understood", head(func(p, _ *node) { p.set(2, array(integer(-65600))); p.set(-65600, uinteger(1)) })),
		shape("tagged", "readerAuth under tag 18", auth(func(n *node) { c := *n; n.become(tagged(18, &c)) })),
		shape("three", "readerAuth of three elements", auth(func(n *node) { n.items = n.items[:3] })),
		shape("text", "readerAuth is text", auth(func(n *node) { n.become(text("x")) })),
		signature("bit", "one bit of the signature", "P1", auth(flip(0, 3))),
		signature("zero", "r and s are zero", "java-2022-21449", auth(set3(3, bstr(make([]byte, 64))))),
		signature("other-key", "signed by another key", "P2", func(q *asking) { q.key = p256Key("nobody") }),
		signature("other-session", "signed over another session", "P3 P5", func(q *asking) { q.signed = qrSession("second", agreementKey("reader ephemeral")) }),
		signature("items-changed", "an element added after signing", "P1", func(q *asking) { q.onSpoil = set(boolean(false), "nameSpaces", spaceJP, "address") }),
		signature("retain-changed", "intentToRetain changed after signing", "P1", func(q *asking) { q.onSpoil = set(boolean(true), "nameSpaces", spaceJP, "full_name") }),
		signature("attached", "the payload is attached", "P6", func(q *asking) {
			q.onAuth = func(n *node) {
				items := encode(embed(itemsRequest(docType, []element{{space: spaceMDL, id: "age_over_20"}, {space: spaceMDL, id: "portrait"}, {space: spaceJP, id: "full_name"}})))
				n.items[2] = bstr(q.content(items, q.signed))
			}
		}),
		signature("without-tag", "signed without tag 24", "P6", func(q *asking) {
			q.content = func(items []byte, s transcript.Transcript) []byte {
				return encode(array(text("ReaderAuthentication"), verbatim(s.Array()...), verbatim(items...)))
			}
		}),
		signature("device-context", "signed over DeviceAuthentication", "P6", func(q *asking) {
			q.content = func(items []byte, s transcript.Transcript) []byte {
				return embedBytes(encode(array(text("DeviceAuthentication"), verbatim(s.Array()...), verbatim(items...))))
			}
		}),
		signature("all-context", "signed over ReaderAuthenticationAll", "P6", func(q *asking) {
			q.content = func(items []byte, s transcript.Transcript) []byte {
				return embedBytes(encode(array(text("ReaderAuthenticationAll"), verbatim(s.Array()...), array(verbatim(items...)), null())))
			}
		}),
		signature("alg-missing", "no alg", "P6", head(func(p, _ *node) { p.remove(1) })),
		signature("alg-es384", "ES384 with a P-256 key", "P6", head(func(p, _ *node) { p.set(1, integer(-35)) })),
		signature("alg-of-other-curve", "ES256 with a P-384 key", "P6", func(q *asking) {
			q.key, q.chain = p384, [][]byte{certify(readerTemplate(), a.readerRoot, p384.Public(), a.readerRootKey)}
		}),
		row("reader-self-signed", "chain.path", "a reader that signed itself", "P7", chain(certify(readerTemplate(), nil, a.readerKey.Public(), a.readerKey))),
		row("reader-of-iaca", "chain.path", "a reader under a root that is not trusted for readers", "P7", chain(certify(readerTemplate(), a.iaca, a.readerKey.Public(), a.iacaKey))),
		row("reader-of-stranger", "chain.signature", "issued by a stranger of the root's name", "P7", chain(certify(readerTemplate(), a.readerRoot, a.readerKey.Public(), a.strangerKey))),
		row("reader-purpose", "chain.profile.eku", "a document signer's purpose", "P7", forged(func(t *x509.Certificate) { t.ExtraExtensions[1] = purpose(true, oidDS) })),
		row("reader-expired", "chain.validity", "expired", "P7", forged(func(t *x509.Certificate) { t.NotAfter = now.Add(-time.Second) })),
		row("reader-too-long", "chain.profile.period", "valid for more than 1187 days", "P7", forged(func(t *x509.Certificate) { t.NotAfter = t.NotBefore.AddDate(0, 0, 1188) })),
		row("reader-not-a-certificate", "chain.certificate", "no certificate", "P7 M1", chain([]byte("certificate"))),
	}
}
