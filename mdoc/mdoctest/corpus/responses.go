package corpus

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/x509"
	"slices"
	"time"

	"mobileid/mdoc/cose"
)

// responseRow is one case of a device response.
type responseRow struct {
	label
	spoil spoil
}

func responseCases(a *authority) []Case {
	var out []Case
	add := func(base string, variant spoil, rows ...[]responseRow) {
		for _, r := range append([]responseRow{{label: label{name: base, reason: "a good answer"}, spoil: func(*presentation) {}}}, slices.Concat(rows...)...) {
			p := newPresentation(a)
			variant(p)
			r.spoil(p)
			out = append(out, p.responseCase(r.label, base))
		}
	}
	add("base-signature", func(*presentation) {}, responseShapeRows(), elementRows(), msoRows(), validityRows(), issuerAuthRows(),
		headerRows(), signerRows(a), deviceRows(), statusRows(a), revocationRows(a))
	add("base-eddsa", goodVariants(a)["ed25519"], []responseRow{
		{label{"eddsa-signature-bit", "issuer_auth.signature", "one bit of an Ed25519 signature", "P1"}, auth(flip(0, 3))},
		{label{"eddsa-signature-short", "issuer_auth.signature", "an Ed25519 signature cut by a byte", "P1"}, auth(func(n *node) { n.items[3].str = n.items[3].str[:63] })},
		{label{"eddsa-other-key", "issuer_auth.signature", "signed by another Ed25519 key", "P2"}, func(p *presentation) { p.signer = edKey("nobody") }},
		{label{"eddsa-device-bit", "device_auth.proof", "one bit of the device's Ed25519 signature", "P1"}, proof(flip(0, 3))},
		{label{"eddsa-device-other-key", "device_auth.proof", "signed by another Ed25519 key than the MSO's", "P2"}, func(p *presentation) { p.proofKey = edKey("thief") }},
	})
	add("base-mac", func(p *presentation) { p.byMAC = true }, macRows())
	variants := goodVariants(a)
	delete(variants, "ed25519") // base-eddsa
	for _, name := range sortedKeys(variants) {
		add("base-"+name, variants[name])
	}
	for _, r := range toleratedRows(a) { // which an issuer must not make
		add("base-"+r.name, r.spoil)
	}
	add("base-tolerated-until", untilRows(a)[0].spoil)
	add("base-tolerated-proof-header", proofHeaders(func(_, u *node) { u.set(4, bstr([]byte("key"))) }))
	add("base-tolerated-long-head", response(set(verbatim(0x78, 3, '1', '.', '0'), "version")))
	return append(out, sessionMixRows(a)...)
}

// goodVariants are further good answers: other curves, hashes and forms that a reader must take.
func goodVariants(a *authority) map[string]spoil {
	p384, p521 := ecKey(elliptic.P384(), "document signer"), ecKey(elliptic.P521(), "document signer")
	signedBy := func(key crypto.Signer, alg cose.Algorithm) spoil {
		t := signerTemplate()
		der := certify(t, a.iaca, key.Public(), a.iacaKey)
		return func(p *presentation) { p.signer, p.signerAlg, p.chain = key, alg, [][]byte{der} }
	}
	return map[string]spoil{
		"p384":           all(signedBy(p384, cose.ES384), func(p *presentation) { p.device = ecKey(elliptic.P384(), "device") }),
		"p521":           all(signedBy(p521, cose.ES512), func(p *presentation) { p.device = ecKey(elliptic.P521(), "device") }),
		"ed25519":        all(signedBy(edKey("document signer"), cose.EdDSA), func(p *presentation) { p.device = edKey("device") }),
		"sha384":         func(p *presentation) { p.hash = crypto.SHA384 },
		"sha512":         func(p *presentation) { p.hash = crypto.SHA512 },
		"minor-versions": all(mso(set(text("1.7"), "version")), response(set(text("1.9"), "version"))),
		"x5chain-array":  headers(func(_, u *node) { u.set(33, array(bstr(a.ds))) }),
		"x5chain-protected": headers(func(p, u *node) {
			p.set(33, u.get(33))
			u.remove(33)
		}),
		"kid-unprotected": headers(func(_, u *node) { u.set(4, bstr([]byte("key"))) }),
		"unknown-members": all(mso(set(uinteger(1), "example")), document(set(null(), "example")), response(set(array(), "example"))),
		"document-errors": response(set(array(), "documentErrors")),
		"device-signed": all(authorized(mapOf("nameSpaces", array(text("org.example.own")))),
			deviceSigned("org.example.own", "till")),
		"device-signed-element": all(authorized(mapOf("dataElements", mapOf("org.example.own", array(text("till"))))),
			deviceSigned("org.example.own", "till")),
		"nearest-age": func(p *presentation) {
			p.request = requestFor(docType, element{space: spaceMDL, id: "family_name"}, element{space: spaceMDL, id: "age_over_20"})
			p.elements = []element{p.elements[0], p.elements[5]}
		},
		"compressed-device-key": mso(func(m *node) {
			key := m.get("deviceKeyInfo", "deviceKey")
			odd := key.get(-3).str[31] & 1
			key.set(-3, boolean(odd == 1))
		}),
		"first-second": mso(set(at(0), "validityInfo", "validFrom")),
		"last-second":  mso(set(at(0), "validityInfo", "validUntil")),
		"no-portrait":  func(p *presentation) { p.elements = slices.Delete(p.elements, 6, 7) },
	}
}

func requestFor(docType string, elements ...element) func() []byte {
	return func() []byte {
		return encode(mapOf("version", text("1.0"), "docRequests", array(mapOf("itemsRequest", embed(itemsRequest(docType, elements))))))
	}
}

func responseShapeRows() []responseRow {
	const p1, m1 = "P1", "M1"
	row := func(name, fails, reason, covers string, s spoil) responseRow {
		return responseRow{label{name, fails, reason, covers}, s}
	}
	return []responseRow{
		row("version-2", "response.version", "major version 2", "", response(set(text("2.0"), "version"))),
		row("version-0", "response.version", "major version 0", "", response(set(text("0.9"), "version"))),
		row("version-10", "response.version", "major version 10", "", response(set(text("10.0"), "version"))),
		row("version-without-minor", "response.version", "a version that is only a number", "", response(set(text("1"), "version"))),
		row("version-empty", "response.version", "an empty version", "", response(set(text(""), "version"))),
		row("status-10", "response.status", "status 10, general error, with a document", "", response(set(uinteger(10), "status"))),
		row("status-11", "response.status", "status 11, decoding error, with a document", "", response(set(uinteger(11), "status"))),
		row("status-12", "response.status", "status 12, validation error, with a document", "", response(set(uinteger(12), "status"))),
		row("status-1", "response.status", "a reserved status", "", response(set(uinteger(1), "status"))),
		row("version-missing", "response.decode", "no version", m1, response(remove("version"))),
		row("status-missing", "response.decode", "no status", m1, response(remove("status"))),
		row("status-text", "response.decode", "the status is text", m1, response(set(text("0"), "status"))),
		row("status-negative", "response.decode", "the status is negative", m1, response(set(integer(-1), "status"))),
		row("status-null", "response.decode", "the status is null", m1, response(set(null(), "status"))),
		row("version-number", "response.decode", "the version is a number", m1, response(set(uinteger(1), "version"))),
		row("documents-map", "response.decode", "documents is a map", m1, response(set(mapOf(), "documents"))),
		row("documents-null", "response.decode", "documents is null", m1, response(set(null(), "documents"))),
		row("documents-case", "response.documents", "the member is called Documents", m1, response(rename(text("Documents"), "documents"))),
		row("document-twice-in-map", "response.decode", "the member documents stands twice", m1, response(double("documents"))),
		row("doctype-missing", "response.decode", "a document without docType", m1, document(remove("docType"))),
		row("doctype-bytes", "response.decode", "docType is a byte string", m1, document(set(bstr([]byte(docType)), "docType"))),
		row("issuer-signed-missing", "response.decode", "a document without issuerSigned", m1, document(remove("issuerSigned"))),
		row("device-signed-missing", "response.decode", "a document without deviceSigned", m1, document(remove("deviceSigned"))),
		row("issuer-auth-missing", "response.decode", "no issuerAuth", "eudi-140 "+m1, document(remove("issuerSigned", "issuerAuth"))),
		row("header-label-twice", "response.decode", "x5chain twice in the unprotected header", "P6 "+m1, auth(double2(1, 33))),
		row("device-auth-missing", "response.decode", "no deviceAuth", "P2 "+m1, document(remove("deviceSigned", "deviceAuth"))),
		row("device-namespaces-missing", "response.decode", "no DeviceNameSpaces", m1, document(remove("deviceSigned", "nameSpaces"))),
		row("device-namespaces-bare", "response.decode", "DeviceNameSpaces without tag 24", "S22 "+m1, document(set(mapOf(), "deviceSigned", "nameSpaces"))),
		row("device-namespaces-tag-25", "response.decode", "DeviceNameSpaces under tag 25", m1,
			document(set(tagged(25, bstr([]byte{0xa0})), "deviceSigned", "nameSpaces"))),
		row("device-namespaces-text", "response.decode", "DeviceNameSpaces as text under tag 24", m1,
			document(set(tagged(24, text("\xa0"[:0]+" ")), "deviceSigned", "nameSpaces"))),
		row("device-namespaces-array", "response.decode", "DeviceNameSpaces holds an array", m1, document(set(embed(array()), "deviceSigned", "nameSpaces"))),
		row("namespaces-array", "response.decode", "nameSpaces is an array", m1, document(set(array(), "issuerSigned", "nameSpaces"))),
		row("namespaces-null", "response.decode", "nameSpaces is null", m1, document(set(null(), "issuerSigned", "nameSpaces"))),
		row("namespace-key-number", "response.decode", "a namespace that is a number", m1, spaces(rename(uinteger(1), spaceJP))),
		row("namespace-twice", "response.decode", "a namespace stands twice", m1, spaces(double(spaceJP))),
		row("items-map", "response.decode", "the items of a namespace are a map", m1, spaces(set(mapOf(), spaceJP))),
		row("item-bare", "response.decode", "an item without tag 24", "S22 "+m1, spaces(func(n *node) {
			list := n.get(spaceJP)
			list.items[0] = parse(list.items[0].items[0].str)
		})),
		row("item-bstr-only", "response.decode", "an item as a byte string without its tag", "S22 "+m1, spaces(func(n *node) {
			list := n.get(spaceJP)
			list.items[0] = list.items[0].items[0]
		})),
		row("item-two-tags", "response.decode", "an item under two tags", m1, spaces(func(n *node) {
			list := n.get(spaceJP)
			list.items[0] = tagged(24, list.items[0])
		})),
		row("item-trailing", "response.decode", "bytes after the item inside tag 24", m1, spaces(func(n *node) {
			b := n.get(spaceJP, 0).items[0]
			b.str = append(b.str, 0)
		})),
		row("item-empty", "response.decode", "an empty item inside tag 24", m1, spaces(func(n *node) { n.get(spaceJP, 0).items[0].str = nil })),
		row("item-without-id", "response.decode", "an item without digestID", m1, tampered("full_name", remove("digestID"))),
		row("item-without-random", "response.decode", "an item without random", m1, tampered("full_name", remove("random"))),
		row("item-without-identifier", "response.decode", "an item without elementIdentifier", m1, tampered("full_name", remove("elementIdentifier"))),
		row("item-without-value", "response.decode", "an item without elementValue", m1, tampered("full_name", remove("elementValue"))),
		row("item-id-negative", "response.decode", "a negative digestID", m1, item("full_name", set(integer(-3), "digestID"))),
		row("item-id-text", "response.decode", "digestID as text", m1, item("full_name", set(text("3"), "digestID"))),
		row("item-id-float", "response.decode", "digestID as a float", m1, item("full_name", set(verbatim(0xf9, 0x42, 0x00), "digestID"))),
		row("item-id-bignum", "response.decode", "digestID as a bignum", m1, item("full_name", set(tagged(2, bstr([]byte{3})), "digestID"))),
		row("item-random-text", "response.decode", "random as text", m1, item("full_name", set(text("0123456789abcdef"), "random"))),
		row("item-random-numbers", "response.decode", "random as an array of small numbers", m1, item("full_name", set(array(uinteger(1), uinteger(2)), "random"))),
		row("item-random-tagged", "response.decode", "random under a tag", m1, item("full_name", set(tagged(24, bstr(draw("x", 16))), "random"))),
		row("item-identifier-tagged", "response.decode", "elementIdentifier under a tag", m1, item("full_name", set(tagged(0, text("full_name")), "elementIdentifier"))),
		row("item-identifier-null", "response.decode", "elementIdentifier is null", m1, item("full_name", set(null(), "elementIdentifier"))),
		row("item-key-twice", "response.decode", "a member of an item stands twice", m1, item("full_name", double("elementValue"))),
		row("item-key-twice-deep", "response.decode", "a key twice deep inside an element value", m1,
			item("full_name", set(array(mapOf("a", uinteger(1), "a", uinteger(2))), "elementValue"))),
		row("item-key-case", "response.decode", "elementvalue in place of elementValue", m1, item("full_name", rename(text("elementvalue"), "elementValue"))),
		row("item-value-indefinite", "response.decode", "an element value of indefinite length", m1, item("full_name", set(verbatim(0x5f, 0x41, 0x00, 0xff), "elementValue"))),
		row("item-value-undefined", "response.decode", "an element value undefined", m1, item("full_name", set(verbatim(0xf7), "elementValue"))),
		row("item-value-nan", "response.decode", "an element value that is not a number", m1, item("full_name", set(verbatim(0xf9, 0x7e, 0x00), "elementValue"))),
		row("item-value-bad-utf8", "response.decode", "an element value that is not UTF-8", m1, item("full_name", set(verbatim(0x62, 0xc3, 0x28), "elementValue"))),
		row("item-value-deep", "response.decode", "an element value nested forty levels", m1,
			item("full_name", set(verbatim(append(bytes.Repeat([]byte{0x81}, 40), 0x00)...), "elementValue"))),
		row("item-value-claims-much", "response.decode", "an element value that claims 2^31 elements", m1, item("full_name", set(verbatim(0x9a, 0x80, 0, 0, 0), "elementValue"))),
		row("errors-array", "response.decode", "errors of a document is an array", m1, document(set(array(), "errors"))),
		row("document-errors-text", "response.decode", "documentErrors with a text code", m1, response(set(array(mapOf(docType, text("0"))), "documentErrors"))),
		row("device-auth-array", "response.decode", "deviceAuth is an array", m1, document(set(array(), "deviceSigned", "deviceAuth"))),
		row("trailing-byte", "response.decode", "a byte after the response", p1, rawResponse(func(b []byte) []byte { return append(b, 0) })),
		row("cut", "response.decode", "the last byte is missing", p1, rawResponse(func(b []byte) []byte { return b[:len(b)-1] })),
		row("empty", "response.decode", "no bytes at all", p1, rawResponse(func([]byte) []byte { return []byte{} })),
		row("array-for-map", "response.decode", "an array in place of the response", m1, rawResponse(func(b []byte) []byte { return []byte{0x80} })),
		row("tagged-response", "response.decode", "the response under tag 24", m1, rawResponse(embedBytes)),
		row("self-described", "response.decode", "the response under tag 55799", m1, rawResponse(func(b []byte) []byte { return append([]byte{0xd9, 0xd9, 0xf7}, b...) })),
		row("too-long", "response.decode", "more than 512 KiB", m1, response(set(bstr(make([]byte, 512<<10)), "example"))),
		row("no-documents", "response.documents", "no document for the request", "P2", response(remove("documents"))),
		row("documents-empty", "response.documents", "an empty list of documents", "P2", response(set(array(), "documents"))),
		row("document-given-twice", "response.documents", "the document is given twice", "P2", response(func(n *node) {
			list := n.get("documents")
			list.items = append(list.items, list.items[0])
		})),
		row("no-elements", "response.answered", "a document without elements", "", document(remove("issuerSigned", "nameSpaces"))),
		row("namespace-emptied", "response.answered", "a document with an empty namespace", "", all(func(p *presentation) {
			p.extra = append(p.extra, p.elements...)
		}, spaces(func(n *node) { n.become(mapOf(spaceMDL, array())) }))),
		row("other-document-beside", "response.documents", "a second document that was not asked for", "P2", func(p *presentation) {
			p.onResponse = func(n *node) {
				other := newPresentation(p.a)
				other.signedDoc = "org.example.other"
				other.onMSO = set(text("org.example.other"), "docType")
				other.onDocument = set(text("org.example.other"), "docType")
				list := n.get("documents")
				list.items = append(list.items, other.document())
			}
		}),
		row("second-request-unanswered", "response.documents", "two documents asked for, one given", "P2", func(p *presentation) {
			p.request = func() []byte {
				return encode(mapOf("version", text("1.0"), "docRequests", array(
					mapOf("itemsRequest", embed(itemsRequest(docType, p.elements))),
					mapOf("itemsRequest", embed(itemsRequest("org.example.other", p.elements))))))
			}
		}),
	}
}

func elementRows() []responseRow {
	row := func(name, fails, reason, covers string, s spoil) responseRow {
		return responseRow{label{name, fails, reason, covers}, s}
	}
	const isomdl = "P2 S22 isomdl-132"
	salt := func(n int) func(*node) { return set(bstr(draw("short", n)), "random") }
	unasked := func(id string) spoil {
		return func(p *presentation) {
			i := slices.IndexFunc(p.elements, func(e element) bool { return e.id == id })
			p.request = requestFor(docType, slices.Delete(slices.Clone(p.elements), i, i+1)...)
		}
	}
	return []responseRow{
		row("value-changed", "mso.digest", "another element value under a genuine MSO", isomdl, tampered("age_over_21", set(boolean(false), "elementValue"))),
		row("name-changed", "mso.digest", "another family name", isomdl, tampered("family_name", set(text("他人"), "elementValue"))),
		row("portrait-changed", "mso.digest", "one bit of the portrait", isomdl, tampered("portrait", flip(0, "elementValue"))),
		row("salt-changed", "mso.digest", "one bit of random", "P2", tampered("portrait", flip(3, "random"))),
		row("identifier-changed", "mso.digest", "age_over_18 renamed age_over_21 and the true one left out", "P2 S22", all(
			tampered("age_over_18", set(text("age_over_21"), "elementIdentifier")),
			spaces(func(n *node) { list := n.get(spaceMDL); list.items = slices.Delete(list.items, 5, 6) }))),
		row("digest-of-another-item", "mso.digest", "digestID of another item of the namespace", "P2 S22", tampered("age_over_18", set(uinteger(digestID(5)), "digestID"))),
		row("digest-id-unknown", "mso.digest", "a digestID that the MSO does not list", "P2", tampered("age_over_18", set(uinteger(4000), "digestID"))),
		row("digest-missing", "mso.digest", "the MSO has no digest for an item", "P2", mso(func(m *node) { m.get("valueDigests", spaceMDL).remove(int(digestID(4))) })),
		row("digest-namespace-missing", "mso.digest", "the MSO has no digests for a namespace", "P2", mso(remove("valueDigests", spaceJP))),
		row("digest-short", "mso.digest", "a digest cut to 31 bytes", "P2", mso(func(m *node) {
			d := m.get("valueDigests", spaceMDL, int(digestID(4)))
			d.str = d.str[:31]
		})),
		row("digest-empty", "mso.digest", "an empty digest", "P2", mso(func(m *node) { m.get("valueDigests", spaceMDL, int(digestID(4))).str = nil })),
		row("digest-bit", "mso.digest", "one bit of a digest in the MSO", "P2", mso(flip(-1, "valueDigests", spaceMDL, int(digestID(4))))),
		row("digest-of-content", "mso.digest", "the digest covers the item without tag 24", "P2 multipaz-1724", func(p *presentation) {
			p.onMSO = func(m *node) {
				e := p.elements[4]
				plain := mapOf("digestID", uinteger(digestID(4)), "random", bstr(draw("salt "+e.space+e.id, 16)), "elementIdentifier", text(e.id), "elementValue", e.value)
				h := p.hash.New()
				h.Write(encode(plain))
				m.get("valueDigests", spaceMDL, int(digestID(4))).str = h.Sum(nil)
			}
		}),
		row("digest-of-other-encoding", "mso.digest", "an item written with a longer head than the one digested", "P2 multipaz-1724", spaces(func(n *node) {
			e := n.get(spaceMDL, 4)
			content := e.items[0].str
			n.get(spaceMDL).items[4] = verbatim(slices.Concat([]byte{0xd8, 0x18, 0x59, 0x00, byte(len(content))}, content)...)
		})),
		row("digest-sha384-bit", "mso.digest", "one bit of a SHA-384 digest in the MSO", "P2", all(func(p *presentation) { p.hash = crypto.SHA384 },
			mso(flip(-1, "valueDigests", spaceMDL, int(digestID(4)))))),
		row("digest-sha512-value", "mso.digest", "another element value under SHA-512", "P2", all(func(p *presentation) { p.hash = crypto.SHA512 },
			tampered("portrait", flip(0, "elementValue")))),
		row("digest-wrong-hash", "mso.digest", "digests made with SHA-384 under the name SHA-256", "P2", all(
			func(p *presentation) { p.hash = crypto.SHA384 }, mso(set(text("SHA-256"), "digestAlgorithm")))),
		row("item-in-other-namespace", "mso.digest", "an item moved to another namespace", "P2 S22", all(spaces(func(n *node) {
			list := n.get(spaceMDL)
			n.get(spaceJP).items = append(n.get(spaceJP).items, list.items[1])
			list.items = slices.Delete(list.items, 1, 2)
		}), func(p *presentation) { p.extra = append(p.extra, element{space: spaceJP, id: "birth_date"}) })),
		row("item-twice", "mso.element_unique", "an item is given twice", "P2 S22", spaces(func(n *node) {
			list := n.get(spaceMDL)
			list.items = append(list.items, list.items[0])
		})),
		row("element-twice", "mso.element_unique", "an element with two signed values", "P2", func(p *presentation) {
			p.elements = append(p.elements, element{spaceMDL, "family_name", text("他人")})
		}),
		row("random-15", "mso.random", "random of 15 bytes", "S22", item("birth_date", salt(15))),
		row("random-8", "mso.random", "random of 8 bytes", "S22", item("portrait", salt(8))),
		row("random-empty", "mso.random", "an empty random", "S22", item("full_name", salt(0))),
		row("unasked-name", "response.requested", "family_name was not asked for", "P8", unasked("family_name")),
		row("unasked-birth-date", "response.requested", "birth_date beside the age that was asked for", "P8", unasked("birth_date")),
		row("unasked-namespace", "response.requested", "an element of a namespace that was not asked for", "P8", unasked("full_name")),
		row("unasked-age", "response.requested", "an age attestation where none was asked for", "P8", func(p *presentation) {
			p.request = requestFor(docType, slices.Delete(slices.Clone(p.elements), 4, 6)...)
		}),
		row("unasked-odd-age", "response.requested", "age_over_5, which is no age attestation", "P8", func(p *presentation) {
			p.elements[4].id = "age_over_5"
			p.request = requestFor(docType, slices.Delete(slices.Clone(p.elements), 4, 5)...)
		}),
		row("unasked-age-suffix", "response.requested", "age_over_1x, which is no age attestation", "P8", func(p *presentation) {
			p.elements[4].id = "age_over_1x"
			p.request = requestFor(docType, slices.Delete(slices.Clone(p.elements), 4, 5)...)
		}),
		row("unasked-age-other-namespace", "response.requested", "an age attestation in a namespace where none was asked for", "P8", func(p *presentation) {
			p.elements[7].id = "age_over_20"
			p.request = requestFor(docType, append(slices.Clone(p.elements[:7]), element{space: spaceJP, id: "full_name"})...)
		}),
		row("country-other", "mso.issuing_country", "issuing_country KR under a Japanese signer", "S22", func(p *presentation) { p.elements[2].value = text("KR") }),
		row("country-lower-case", "mso.issuing_country", "issuing_country in lower case", "", func(p *presentation) { p.elements[2].value = text("jp") }),
		row("country-bytes", "mso.issuing_country", "issuing_country as a byte string", "", func(p *presentation) { p.elements[2].value = bstr([]byte("JP")) }),
		row("jurisdiction-other", "mso.issuing_jurisdiction", "issuing_jurisdiction of another state", "S22", func(p *presentation) { p.elements[3].value = text("JP-27") }),
		row("jurisdiction-number", "mso.issuing_jurisdiction", "issuing_jurisdiction as a number", "", func(p *presentation) { p.elements[3].value = uinteger(13) }),
	}
}

func msoRows() []responseRow {
	row := func(name, fails, reason, covers string, s spoil) responseRow {
		return responseRow{label{name, fails, reason, covers}, s}
	}
	shape := func(name, reason string, edit func(*node)) responseRow {
		return row("mso-"+name, "mso.shape", reason, "M1", mso(edit))
	}
	key := func(name, reason string, edit func(*node)) responseRow {
		return row("device-key-"+name, "mso.shape", reason, "P2 P4", mso(func(m *node) { edit(m.get("deviceKeyInfo", "deviceKey")) }))
	}
	return []responseRow{
		row("mso-version-2", "mso.version", "major version 2", "", mso(set(text("2.0"), "version"))),
		row("mso-version-0", "mso.version", "major version 0", "", mso(set(text("0.1"), "version"))),
		row("mso-version-11", "mso.version", "major version 11", "", mso(set(text("11.0"), "version"))),
		row("mso-doctype", "mso.doc_type", "the MSO is of another docType", "P2 S22", mso(set(text("org.iso.23220.photoid.1"), "docType"))),
		row("mso-doctype-case", "mso.doc_type", "docType differs in case", "P2", mso(set(text("org.iso.18013.5.1.MDL"), "docType"))),
		row("mso-doctype-empty", "mso.doc_type", "an empty docType in the MSO", "P2", mso(set(text(""), "docType"))),
		row("doctype-swapped", "mso.doc_type", "the document calls itself another docType, which was asked for", "P2", func(p *presentation) {
			const other = "org.iso.23220.photoid.1"
			p.request = requestFor(other, p.elements...)
			p.signedDoc, p.onDocument = other, set(text(other), "docType")
		}),
		row("mso-sha1", "mso.digest_algorithm", "SHA-1", "P2", mso(set(text("SHA-1"), "digestAlgorithm"))),
		row("mso-sha224", "mso.digest_algorithm", "SHA-224", "P2", mso(set(text("SHA-224"), "digestAlgorithm"))),
		row("mso-sha3", "mso.digest_algorithm", "SHA3-256", "P2", mso(set(text("SHA3-256"), "digestAlgorithm"))),
		row("mso-hash-lower-case", "mso.digest_algorithm", "sha-256 in lower case", "P2", mso(set(text("sha-256"), "digestAlgorithm"))),
		row("mso-hash-empty", "mso.digest_algorithm", "an empty algorithm name", "P2", mso(set(text(""), "digestAlgorithm"))),
		row("mso-without-tag", "mso.shape", "the payload is the MSO without tag 24", "S22", payload(func(b []byte) []byte { return parse(b).items[0].str })),
		row("mso-tag-25", "mso.shape", "the payload has tag 25", "S22", payload(func(b []byte) []byte { return encode(tagged(25, parse(b).items[0])) })),
		row("mso-empty-payload", "mso.shape", "an empty payload", "rekor-2026", payload(func([]byte) []byte { return []byte{} })),
		row("mso-trailing", "mso.shape", "a byte after the MSO", "M1", payload(func(b []byte) []byte { return append(b, 0) })),
		row("mso-null", "mso.shape", "null inside tag 24", "M1", payload(func([]byte) []byte { return embedBytes([]byte{0xf6}) })),
		shape("without-version", "no version", remove("version")),
		shape("without-digests", "no valueDigests", remove("valueDigests")),
		shape("without-key", "no deviceKeyInfo", remove("deviceKeyInfo")),
		shape("without-doctype", "no docType", remove("docType")),
		shape("without-validity", "no validityInfo", remove("validityInfo")),
		shape("without-hash", "no digestAlgorithm", remove("digestAlgorithm")),
		shape("member-twice", "docType stands twice", double("docType")),
		shape("member-case", "doctype in place of docType", rename(text("doctype"), "docType")),
		shape("digest-text", "a digest as text", set(text("digest"), "valueDigests", spaceJP, int(digestID(7)))),
		shape("digest-id-text", "a digest id as text", rename(text("38"), "valueDigests", spaceJP, int(digestID(7)))),
		shape("digest-id-negative", "a negative digest id", rename(integer(-1), "valueDigests", spaceJP, int(digestID(7)))),
		shape("digest-twice", "a digest id stands twice", double("valueDigests", spaceJP, int(digestID(7)))),
		shape("digests-array", "the digests are an array", set(array(), "valueDigests", spaceJP)),
		shape("status-array", "status is an array", set(array(), "status")),
		shape("status-index-negative", "a negative status index", set(integer(-1), "status", "status_list", "idx")),
		shape("status-index-float", "a status index as a float", set(verbatim(0xf9, 0x42, 0x00), "status", "status_list", "idx")),
		shape("status-index-text", "a status index as text", set(text("4711"), "status", "status_list", "idx")),
		shape("status-uri-missing", "a status list without uri", remove("status", "status_list", "uri")),
		shape("authorizations-array", "keyAuthorizations is an array", set(array(), "deviceKeyInfo", "keyAuthorizations")),
		shape("signed-missing", "validityInfo without signed", remove("validityInfo", "signed")),
		shape("from-missing", "validityInfo without validFrom", remove("validityInfo", "validFrom")),
		shape("until-missing", "validityInfo without validUntil", remove("validityInfo", "validUntil")),
		shape("date-untagged", "validFrom as bare text", set(text("2027-01-14T03:00:00Z"), "validityInfo", "validFrom")),
		shape("date-epoch", "validFrom as seconds under tag 1", set(tagged(1, uinteger(1800000000)), "validityInfo", "validFrom")),
		shape("date-full", "validFrom as a full-date", set(fullDate("2027-01-14"), "validityInfo", "validFrom")),
		shape("date-offset", "validFrom with an offset", set(tdate("2027-01-14T12:00:00+09:00"), "validityInfo", "validFrom")),
		shape("date-lower-case", "validFrom with a lower-case z", set(tdate("2027-01-14T03:00:00z"), "validityInfo", "validFrom")),
		shape("date-space", "validFrom with a space for T", set(tdate("2027-01-14 03:00:00Z"), "validityInfo", "validFrom")),
		shape("date-february-30", "a day that the calendar does not have", set(tdate("2026-02-30T03:00:00Z"), "validityInfo", "signed")),
		shape("date-number", "validFrom under tag 0 as a number", set(tagged(0, uinteger(1)), "validityInfo", "validFrom")),
		key("missing", "no deviceKey", func(k *node) { k.become(mapOf()) }),
		key("off-curve", "a point off its curve", flip(5, -2)),
		key("zero", "the coordinates are zero", func(k *node) { k.set(-2, bstr(make([]byte, 32))); k.set(-3, bstr(make([]byte, 32))) }),
		key("infinity", "the point at infinity", func(k *node) { k.set(-2, bstr(nil)); k.set(-3, bstr(nil)) }),
		key("x-31", "x of 31 bytes", func(k *node) { k.get(-2).str = k.get(-2).str[:31] }),
		key("x-33", "x of 33 bytes", func(k *node) { k.get(-2).str = append([]byte{0}, k.get(-2).str...) }),
		key("y-31", "y of 31 bytes", func(k *node) { k.get(-3).str = k.get(-3).str[1:] }),
		key("y-missing", "no y", remove(-3)),
		key("y-null", "y is null", set(null(), -3)),
		key("brainpool", "brainpoolP256r1, which is not supported", set(integer(256), -1)),
		key("x448", "X448, which is not supported", func(k *node) { k.become(mapOf(1, uinteger(1), -1, uinteger(5), -2, bstr(draw("x448", 56)))) }),
		key("ed448", "Ed448, which is not supported", func(k *node) { k.become(mapOf(1, uinteger(1), -1, uinteger(7), -2, bstr(draw("ed448", 57)))) }),
		key("ed25519-short", "Ed25519 of 31 bytes", func(k *node) { k.become(mapOf(1, uinteger(1), -1, uinteger(6), -2, bstr(draw("ed", 31)))) }),
		key("ed25519-y", "Ed25519 with a y", func(k *node) {
			k.become(mapOf(1, uinteger(1), -1, uinteger(6), -2, bstr(draw("ed", 32)), -3, bstr(draw("ed", 32))))
		}),
		key("curve-unknown", "an unknown curve", set(integer(99), -1)),
		key("kty-okp", "key type OKP with P-256", set(integer(1), 1)),
		key("kty-symmetric", "a symmetric key", set(integer(4), 1)),
		key("kty-text", "the key type as text", set(text("EC2"), 1)),
		key("crv-missing", "no curve", remove(-1)),
		key("compressed-off-curve", "a compressed point with an x of no point", func(k *node) { k.set(-2, bstr(noPoint())); k.set(-3, boolean(true)) }),
	}
}

// noPoint is an x coordinate that no point of P-256 has.
func noPoint() []byte {
	for i := byte(1); ; i++ {
		x := append(make([]byte, 31), i)
		if px, _ := elliptic.UnmarshalCompressed(elliptic.P256(), append([]byte{2}, x...)); px == nil {
			return x
		}
	}
}

func validityRows() []responseRow {
	row := func(name, fails, reason, covers string, edit func(*node)) responseRow {
		return responseRow{label{name, fails, reason, covers}, mso(func(m *node) { edit(m.get("validityInfo")) })}
	}
	days := func(n int) *node { return at(time.Duration(n) * 24 * time.Hour) }
	times := func(signed, from, until *node) func(*node) {
		return func(v *node) { v.set("signed", signed); v.set("validFrom", from); v.set("validUntil", until) }
	}
	return []responseRow{
		row("expired", "mso.validity.window", "expired a second ago", "P2 S22 T2", set(at(-time.Second), "validUntil")),
		row("expired-long-ago", "mso.validity.window", "expired ten days ago", "P2 S22", times(days(-30), days(-30), days(-10))),
		row("not-yet-valid", "mso.validity.window", "valid in a second", "P2 S22 T2", set(at(time.Second), "validFrom")),
		row("valid-next-week", "mso.validity.window", "valid in a week", "P2 S22", times(days(-1), days(7), days(30))),
		row("from-before-signed", "mso.validity.order", "validFrom a second before signed", "", times(days(-1), at(-24*time.Hour-time.Second), days(30))),
		row("signed-after-now", "mso.validity.order", "signed after validFrom, in the future", "", set(days(1), "signed")),
		row("from-equals-until", "mso.validity.order", "valid for no time", "", times(days(-2), at(0), at(0))),
		row("signed-before-certificate", "mso.validity.signed", "signed before the signer's certificate was valid", "P2 S22", times(days(-40), days(-1), days(30))),
		row("signed-second-before-certificate", "mso.validity.signed", "signed one second before the signer's certificate was valid", "P2",
			set(tdate(now.AddDate(0, -1, 0).Add(-time.Second).Format(stamp)), "signed")),
	}
}

func issuerAuthRows() []responseRow {
	row := func(name, fails, reason, covers string, s spoil) responseRow {
		return responseRow{label{name, fails, reason, covers}, s}
	}
	return []responseRow{
		row("signature-bit", "issuer_auth.signature", "one bit of the signature", "P1", auth(flip(0, 3))),
		row("signature-empty", "issuer_auth.signature", "an empty signature", "P1", auth(set3(3, bstr(nil)))),
		row("signature-zero", "issuer_auth.signature", "r and s are zero", "P1 java-2022-21449", auth(set3(3, bstr(make([]byte, 64))))),
		row("signature-short", "issuer_auth.signature", "the signature is cut by a byte", "P1", auth(func(n *node) { n.items[3].str = n.items[3].str[:63] })),
		row("signature-long", "issuer_auth.signature", "a byte after the signature", "P1", auth(func(n *node) { n.items[3].str = append(n.items[3].str, 0) })),
		row("signature-der", "issuer_auth.signature", "the signature in DER", "P6", func(p *presentation) {
			p.onAuth = func(n *node) {
				sum := crypto.SHA256.New()
				sum.Write(structure("Signature1", n.items[0].str, n.items[2].str))
				n.items[3] = bstr(must(p.a.dsKey.Sign(nil, sum.Sum(nil), crypto.SHA256)))
			}
		}),
		row("signature-other-key", "issuer_auth.signature", "signed by another key", "P2", func(p *presentation) { p.signer = p256Key("nobody") }),
		row("signature-iaca-key", "issuer_auth.signature", "signed by the root's key under the signer's certificate", "P2", func(p *presentation) { p.signer = p.a.iacaKey }),
		row("payload-bit", "issuer_auth.signature", "validUntil a minute later after signing", "P1", auth(func(n *node) {
			i := bytes.Index(n.items[2].str, []byte("validUntil")) + len("validUntil") + 2 + 15
			n.items[2].str[i]++ // a minute later
		})),
		row("signature-mac0-context", "issuer_auth.signature", "signed over a MAC_structure", "P6", func(p *presentation) {
			p.onAuth = func(n *node) {
				n.items[3] = bstr(signBytes(p.signer, p.signerAlg, structure("MAC0", n.items[0].str, n.items[2].str)))
			}
		}),
		row("signature-over-payload-only", "issuer_auth.signature", "signed over the payload and not its Sig_structure", "P6", func(p *presentation) {
			p.onAuth = func(n *node) { n.items[3] = bstr(signBytes(p.signer, p.signerAlg, n.items[2].str)) }
		}),
		row("external-data", "issuer_auth.signature", "signed with external data", "P6", func(p *presentation) {
			p.onAuth = func(n *node) {
				s := encode(array(text("Signature1"), bstr(n.items[0].str), bstr([]byte("aad")), bstr(n.items[2].str)))
				n.items[3] = bstr(signBytes(p.signer, p.signerAlg, s))
			}
		}),
		row("payload-null", "issuer_auth.shape", "the MSO is detached", "rekor-2026 M1", func(p *presentation) {
			p.onAuth = set3(2, null())
		}),
		row("auth-five-elements", "issuer_auth.shape", "issuerAuth of five elements", "M1", auth(func(n *node) { n.items = append(n.items, null()) })),
		row("auth-three-elements", "issuer_auth.shape", "issuerAuth of three elements", "M1", auth(func(n *node) { n.items = n.items[:3] })),
		row("auth-tagged", "issuer_auth.shape", "issuerAuth under tag 18", "M1", auth(func(n *node) { c := *n; n.become(tagged(18, &c)) })),
		row("auth-null", "issuer_auth.shape", "issuerAuth holds an empty array", "M1", auth(func(n *node) { n.become(array()) })),
		row("auth-protected-map", "issuer_auth.shape", "the protected header is a map", "M1 P6", auth(func(n *node) { n.items[0] = parse(n.items[0].str) })),
		row("auth-unprotected-bytes", "issuer_auth.shape", "the unprotected header is a byte string", "M1 P6", auth(func(n *node) { n.items[1] = bstr(encode(n.items[1])) })),
		row("auth-payload-text", "issuer_auth.shape", "the payload is text", "M1", auth(set3(2, text("payload")))),
		row("auth-signature-text", "issuer_auth.shape", "the signature is text", "M1", auth(set3(3, text("signature")))),
		row("auth-signature-null", "issuer_auth.shape", "the signature is null", "M1", auth(set3(3, null()))),
	}
}

// double2 doubles a pair of the map at a place of an array.
func double2(place int, key any) func(*node) {
	return func(n *node) { n.items[place].double(key) }
}

// set3 replaces an element of an array.
func set3(place int, value *node) func(*node) {
	return func(n *node) { n.items[place] = value }
}

func headerRows() []responseRow {
	row := func(name, fails, reason string, edit func(protected, unprotected *node)) responseRow {
		return responseRow{label{"header-" + name, fails, reason, "P6"}, headers(edit)}
	}
	shape := func(name, reason string, edit func(protected, unprotected *node)) responseRow {
		return row(name, "issuer_auth.shape", reason, edit)
	}
	signature := func(name, reason string, edit func(protected, unprotected *node)) responseRow {
		return row(name, "issuer_auth.signature", reason, edit)
	}
	return []responseRow{
		shape("alg-unprotected", "alg only in the unprotected header", func(p, u *node) { p.remove(1); u.set(1, integer(-7)) }),
		shape("alg-in-both", "alg in both headers", func(_, u *node) { u.set(1, integer(-7)) }),
		shape("label-in-both", "x5chain in both headers", func(p, u *node) { p.set(33, u.get(33)) }),
		shape("text-label-in-both", "a text label in both headers", func(p, u *node) { p.set("x", uinteger(1)); u.set("x", uinteger(1)) }),
		shape("label-twice-protected", "alg twice in the protected header", func(p, _ *node) { p.double(1) }),
		shape("crit-unknown", "a critical header that is not understood", func(p, _ *node) { p.set(2, array(integer(-65600))); p.set(-65600, uinteger(1)) }),
		shape("crit-text", "a critical text header", func(p, _ *node) { p.set(2, array(text("x"))); p.set("x", uinteger(1)) }),
		shape("crit-absent", "crit names a header that is not there", func(p, _ *node) { p.set(2, array(uinteger(16))) }),
		shape("crit-empty", "an empty crit", func(p, _ *node) { p.set(2, array()) }),
		shape("crit-number", "crit is a number", func(p, _ *node) { p.set(2, uinteger(1)) }),
		shape("crit-unprotected", "crit in the unprotected header", func(_, u *node) { u.set(2, array(uinteger(1))) }),
		shape("key-of-bytes", "a header label that is a byte string", func(p, _ *node) { p.set(bstr([]byte{1}), uinteger(1)) }),
		shape("x5chain-missing", "no x5chain", func(_, u *node) { u.remove(33) }),
		shape("x5chain-text", "x5chain as text", func(_, u *node) { u.set(33, text("certificate")) }),
		shape("x5chain-number", "x5chain as a number", func(_, u *node) { u.set(33, uinteger(1)) }),
		shape("x5chain-empty-array", "x5chain as an empty array", func(_, u *node) { u.set(33, array()) }),
		shape("x5chain-empty", "x5chain as an empty byte string", func(_, u *node) { u.set(33, bstr(nil)) }),
		shape("x5chain-array-of-text", "x5chain as an array of text", func(_, u *node) { u.set(33, array(text("x"))) }),
		shape("x5chain-of-seven", "x5chain of seven certificates", func(_, u *node) {
			c := u.get(33)
			u.set(33, array(c, c, c, c, c, c, c))
		}),
		shape("x5chain-huge", "a certificate of 17 KiB in x5chain", func(_, u *node) { u.set(33, bstr(make([]byte, 17<<10))) }),
		shape("x5chain-text-label", "x5chain under the label \"33\"", func(_, u *node) { u.rename(33, text("33")) }),
		signature("alg-missing", "no alg", func(p, _ *node) { p.remove(1) }),
		signature("alg-none", "alg 0", func(p, _ *node) { p.set(1, uinteger(0)) }),
		signature("alg-text", "alg as text", func(p, _ *node) { p.set(1, text("ES256")) }),
		signature("alg-null", "alg null", func(p, _ *node) { p.set(1, null()) }),
		signature("alg-es384", "ES384 with a P-256 key", func(p, _ *node) { p.set(1, integer(-35)) }),
		signature("alg-es512", "ES512 with a P-256 key", func(p, _ *node) { p.set(1, integer(-36)) }),
		signature("alg-eddsa", "EdDSA with a P-256 key", func(p, _ *node) { p.set(1, integer(-8)) }),
		signature("alg-hmac", "HMAC 256/256 in place of a signature", func(p, _ *node) { p.set(1, uinteger(5)) }),
		signature("alg-esp256", "ESP256, which is for metadata only", func(p, _ *node) { p.set(1, integer(-9)) }),
		signature("alg-rs256", "RS256", func(p, _ *node) { p.set(1, integer(-257)) }),
	}
}

func signerRows(a *authority) []responseRow {
	row := func(name, fails, reason, covers string, s spoil) responseRow {
		return responseRow{label{"signer-" + name, fails, reason, covers}, s}
	}
	chain := func(ders ...[]byte) spoil { return func(p *presentation) { p.chain = ders } }
	p384 := ecKey(elliptic.P384(), "document signer")
	forged := func(change func(*x509.Certificate)) spoil { return chain(a.document(change)) }
	return []responseRow{
		row("self-signed", "chain.path", "a signer that signed itself", "P2 P7 sunet-383", func(p *presentation) {
			t := signerTemplate()
			p.chain = [][]byte{certify(t, nil, a.dsKey.Public(), a.dsKey)}
		}),
		row("of-stranger", "chain.signature", "issued by a stranger of the IACA's name", "P2 P7 sunet-383", chain(
			certify(signerTemplate(), &x509.Certificate{RawSubject: a.iaca.RawSubject, SubjectKeyId: a.iaca.SubjectKeyId}, a.dsKey.Public(), a.strangerKey))),
		row("with-anchor", "chain.path", "the anchor inside x5chain", "P7", chain(a.ds, a.iaca.Raw)),
		row("twice", "chain.path", "the certificate twice in x5chain", "P7", chain(a.ds, a.ds)),
		row("reader-purpose", "chain.profile.eku", "a certificate for readers", "P2 P7 S22", forged(func(t *x509.Certificate) { t.ExtraExtensions[1] = purpose(true, oidReader) })),
		row("other-country", "chain.country", "the signer is of another country", "P2 P7 S22", all(forged(func(t *x509.Certificate) { t.Subject.Country = []string{"KR"} }),
			func(p *presentation) { p.elements[2].value = text("KR") })),
		row("without-country", "chain.country", "the signer names no country", "P2 P7", forged(func(t *x509.Certificate) { t.Subject.Country = nil })),
		row("two-states", "chain.state", "the signer names two states", "P2 P7", forged(func(t *x509.Certificate) { t.Subject.Province = []string{"JP-13", "JP-27"} })),
		row("other-state", "chain.state", "the signer is of another state", "P2 P7", all(forged(func(t *x509.Certificate) { t.Subject.Province = []string{"JP-27"} }),
			func(p *presentation) { p.elements[3].value = text("JP-27") })),
		row("expired", "chain.validity", "the signer's certificate has expired", "P2 P7 S22", forged(func(t *x509.Certificate) { t.NotAfter = now.Add(-time.Second) })),
		row("unreadable", "chain.certificate", "the signer's certificate is no certificate", "P7 M1", chain([]byte("certificate"))),
		row("alg-of-other-curve", "issuer_auth.signature", "ES256 with a P-384 key", "P2 P6", func(p *presentation) {
			p.signer, p.chain = p384, [][]byte{certify(signerTemplate(), a.iaca, p384.Public(), a.iacaKey)}
			p.signerAlg = cose.ES256
		}),
		row("foreign-anchor", "chain.path", "no anchor of that name is trusted", "P2 P7 sunet-383", func(p *presentation) { p.anchors = [][]byte{a.seRoot.Raw} }),
	}
}

func deviceRows() []responseRow {
	row := func(name, fails, reason, covers string, s spoil) responseRow {
		return responseRow{label{"device-" + name, fails, reason, covers}, s}
	}
	prove := func(name, reason, covers string, s spoil) responseRow {
		return row(name, "device_auth.proof", reason, covers, s)
	}
	members := func(edit func(*node)) spoil {
		return document(func(n *node) { edit(n.get("deviceSigned", "deviceAuth")) })
	}
	const own = "org.example.own"
	return []responseRow{
		prove("other-key", "signed by another key than the MSO's", "P2", func(p *presentation) { p.proofKey = p256Key("thief") }),
		prove("signer-key", "signed by the document signer's key", "P2", func(p *presentation) { p.proofKey = p.a.dsKey }),
		prove("signature-bit", "one bit of the signature", "P1", proof(flip(1, 3))),
		prove("signature-zero", "r and s are zero", "P1 java-2022-21449", proof(set3(3, bstr(make([]byte, 64))))),
		prove("signature-empty", "an empty signature", "P1", proof(set3(3, bstr(nil)))),
		prove("other-doctype", "signed over another docType", "P2", func(p *presentation) { p.signedDoc = "org.iso.23220.photoid.1" }),
		prove("attached", "the payload is attached", "P6", func(p *presentation) {
			p.onProof = func(n *node) {
				content := encode(array(text("DeviceAuthentication"), verbatim(p.session.Array()...), text(docType), verbatim(0xd8, 0x18, 0x41, 0xa0)))
				n.items[2] = bstr(embedBytes(content))
			}
		}),
		prove("content-without-tag", "signed over the content without tag 24", "P6", func(p *presentation) {
			p.onProof = func(n *node) {
				content := encode(array(text("DeviceAuthentication"), verbatim(p.session.Array()...), text(docType), verbatim(0xd8, 0x18, 0x41, 0xa0)))
				n.items[3] = bstr(signBytes(p.device, cose.ES256, structure("Signature1", n.items[0].str, content)))
			}
		}),
		prove("reader-context", "signed over ReaderAuthentication", "P6", func(p *presentation) {
			p.onProof = func(n *node) {
				content := embedBytes(encode(array(text("ReaderAuthentication"), verbatim(p.session.Array()...), text(docType), verbatim(0xd8, 0x18, 0x41, 0xa0))))
				n.items[3] = bstr(signBytes(p.device, cose.ES256, structure("Signature1", n.items[0].str, content)))
			}
		}),
		prove("namespaces-changed", "DeviceNameSpaces written otherwise after signing", "P1 multipaz-1724",
			document(set(verbatim(0xd8, 0x18, 0x58, 0x01, 0xa0), "deviceSigned", "nameSpaces"))),
		prove("alg-missing", "no alg", "P6", proofHeaders(func(p, _ *node) { p.remove(1) })),
		prove("alg-unprotected", "alg in the unprotected header", "P6", proofHeaders(func(p, u *node) { p.remove(1); u.set(1, integer(-7)) })),
		prove("alg-es384", "ES384 with a P-256 key", "P6", proofHeaders(func(p, _ *node) { p.set(1, integer(-35)) })),
		prove("alg-none", "alg 0", "P6", proofHeaders(func(p, _ *node) { p.set(1, uinteger(0)) })),
		prove("crit-unknown", "a critical header that is not understood", "P6", proofHeaders(func(p, _ *node) {
			p.set(2, array(integer(-65600)))
			p.set(-65600, uinteger(1))
		})),
		prove("tagged", "deviceSignature under tag 18", "M1", proof(func(n *node) { c := *n; n.become(tagged(18, &c)) })),
		prove("three-elements", "deviceSignature of three elements", "M1", proof(func(n *node) { n.items = n.items[:3] })),
		prove("text", "deviceSignature is text", "M1", proof(func(n *node) { n.become(text("signature")) })),
		prove("key-x25519", "a signature under a device key on X25519, which only agrees", "P2 P4", mso(func(m *node) {
			m.get("deviceKeyInfo", "deviceKey").become(mapOf(1, uinteger(1), -1, uinteger(4), -2, bstr(draw("x25519", 32))))
		})),
		prove("as-mac", "a signature offered as deviceMac", "P2 P6", members(rename(text("deviceMac"), "deviceSignature"))),
		row("neither", "device_auth.shape", "neither signature nor MAC", "P2 S22", members(remove("deviceSignature"))),
		row("both", "device_auth.shape", "both signature and MAC", "P2 S22", members(func(n *node) { n.set("deviceMac", n.get("deviceSignature")) })),
		row("member-case", "device_auth.shape", "DeviceSignature in place of deviceSignature", "M1", members(rename(text("DeviceSignature"), "deviceSignature"))),
		row("authorizations-unread", "mso.shape", "a device-signed element under an MSO that is not well-formed", "P2",
			all(mso(remove("version")), deviceSigned(own, "till"))),
		row("unauthorized", "device_auth.key_authorizations", "a device-signed element without authorization", "P2 S22", deviceSigned(own, "till")),
		row("unauthorized-age", "device_auth.key_authorizations", "the device attests an age by itself", "P2 S22", deviceSigned(own, "age_over_20")),
		row("authorized-elsewhere", "device_auth.key_authorizations", "authorized for another namespace", "P2",
			all(authorized(mapOf("nameSpaces", array(text("org.example.other")))), deviceSigned(own, "till"))),
		row("authorized-other-element", "device_auth.key_authorizations", "authorized for another element", "P2",
			all(authorized(mapOf("dataElements", mapOf(own, array(text("other"))))), deviceSigned(own, "till"))),
		row("authorized-same-element-elsewhere", "device_auth.key_authorizations", "authorized for the element in another namespace", "P2",
			all(authorized(mapOf("dataElements", mapOf("org.example.other", array(text("till"))))), deviceSigned(own, "till"))),
		row("signed-over-issued", "device_auth.element_unique", "an element that the issuer signed as well", "P2",
			all(authorized(mapOf("nameSpaces", array(text(spaceJP)))), deviceSigned(spaceJP, "full_name"))),
		row("unasked", "response.requested", "a device-signed element that was not asked for", "P8",
			all(authorized(mapOf("nameSpaces", array(text(own)))), deviceSigned(own, "till"), func(p *presentation) { p.extra = nil })),
	}
}

func macRows() []responseRow {
	prove := func(name, reason, covers string, s spoil) responseRow {
		return responseRow{label{"mac-" + name, "device_auth.proof", reason, covers}, s}
	}
	return []responseRow{
		prove("other-reader-key", "the MAC is for another reader's key", "P2 S22", func(p *presentation) { p.macReader = agreementKey("other reader") }),
		prove("other-device-key", "the MAC is by another device key", "P2", func(p *presentation) { p.proofKey = p256Key("thief") }),
		prove("other-session", "the MAC is over another session", "P2 P3", func(p *presentation) { p.signed = qrSession("second", p.reader) }),
		prove("swapped-roles", "the MAC key is SKDevice", "P2", func(p *presentation) {
			p.onProof = func(n *node) { n.items[3] = bstr(hmacTag(sessionKey(p, "SKDevice"), n, p)) }
		}),
		prove("key-of-reader", "the MAC key is SKReader", "P2", func(p *presentation) {
			p.onProof = func(n *node) { n.items[3] = bstr(hmacTag(sessionKey(p, "SKReader"), n, p)) }
		}),
		prove("bit", "one bit of the tag", "P1", proof(flip(0, 3))),
		prove("short", "the tag cut to 8 bytes", "P1", proof(func(n *node) { n.items[3].str = n.items[3].str[:8] })),
		prove("cut", "the tag cut by a byte", "P1", proof(func(n *node) { n.items[3].str = n.items[3].str[:31] })),
		prove("empty", "an empty tag", "P1", proof(set3(3, bstr(nil)))),
		prove("alg-64", "HMAC 256/64", "P6", all(proofHeaders(func(p, _ *node) { p.set(1, uinteger(4)) }))),
		prove("alg-es256", "ES256 in place of the MAC's algorithm", "P6", proofHeaders(func(p, _ *node) { p.set(1, integer(-7)) })),
		prove("alg-missing", "no alg", "P6", proofHeaders(func(p, _ *node) { p.remove(1) })),
		prove("attached", "the payload is attached", "P6", func(p *presentation) {
			p.onProof = func(n *node) {
				content := encode(array(text("DeviceAuthentication"), verbatim(p.session.Array()...), text(docType), verbatim(0xd8, 0x18, 0x41, 0xa0)))
				n.items[2] = bstr(embedBytes(content))
			}
		}),
		prove("crit-unknown", "a critical header that is not understood", "P6", proofHeaders(func(p, _ *node) {
			p.set(2, array(integer(-65600)))
			p.set(-65600, uinteger(1))
		})),
		prove("alg-in-both", "alg in both headers", "P6", proofHeaders(func(_, u *node) { u.set(1, uinteger(5)) })),
		prove("three-elements", "deviceMac of three elements", "M1", proof(func(n *node) { n.items = n.items[:3] })),
		prove("other-curve", "the device key is on another curve than EReaderKey", "P4", func(p *presentation) {
			p.proofKey, p.device = p.device, ecKey(elliptic.P384(), "device")
		}),
		prove("ed25519-key", "the device key agrees on no key", "P4", func(p *presentation) {
			p.proofKey, p.device = p.device.(*ecdsa.PrivateKey), edKey("device")
		}),
	}
}
