package corpus

import (
	"crypto/sha256"
	"slices"

	"mobileid/mdoc/transcript"
)

// info adds requestInfo to the request that a presentation answers.
func info(edit func(items *node)) spoil {
	return func(p *presentation) {
		p.request = func() []byte {
			items := itemsRequest(docType, append(slices.Clone(p.elements), p.extra...))
			edit(items)
			return encode(mapOf("version", text("1.1"), "docRequests", array(mapOf("itemsRequest", embed(items)))))
		}
	}
}

func requestInfo(pairs ...any) spoil { return info(set(mapOf(pairs...), "requestInfo")) }

const photo = "org.iso.23220.photoid.1"

// useCases asks for three documents of two kinds, where sets say what belongs together: request 0 is the mDL, 1 a photo id with
// a name, 2 a photo id with a portrait.
func useCases(cases ...*node) spoil {
	return func(p *presentation) {
		p.request = func() []byte {
			docs := array()
			for _, r := range []*node{itemsRequest(docType, p.elements), itemsRequest(photo, p.elements[:1]), itemsRequest(photo, p.elements[6:7])} {
				docs.items = append(docs.items, mapOf("itemsRequest", embed(r)))
			}
			return encode(mapOf("version", text("1.1"), "docRequests", docs, "deviceRequestInfo", embed(mapOf("useCases", array(cases...)))))
		}
	}
}

func useCase(mandatory bool, sets ...*node) *node {
	return mapOf("mandatory", boolean(mandatory), "documentSets", array(sets...))
}

func places(n ...uint64) *node {
	out := array()
	for _, i := range n {
		out.items = append(out.items, uinteger(i))
	}
	return out
}

// beside adds another document, a photo id with some of the elements.
func beside(from, to int) spoil {
	return func(p *presentation) {
		before := p.onResponse
		p.onResponse = func(n *node) {
			call(before, n)
			other := newPresentation(p.a)
			other.elements = other.elements[from:to]
			other.signedDoc = photo
			other.onMSO = set(text(photo), "docType")
			other.onDocument = set(text(photo), "docType")
			list := n.get("documents")
			list.items = append(list.items, other.document())
		}
	}
}

// pairs asks twice for a family name in a photo id, with changes, and answers with one document that has it.
func pairs(uc *node, change func(first, second *node)) spoil {
	return func(p *presentation) {
		p.elements = p.elements[:1]
		p.signedDoc = photo
		p.onMSO = set(text(photo), "docType")
		p.onDocument = set(text(photo), "docType")
		p.request = func() []byte {
			first, second := itemsRequest(photo, p.elements), itemsRequest(photo, p.elements)
			change(first, second)
			return encode(mapOf("version", text("1.1"), "docRequests", array(mapOf("itemsRequest", embed(first)), mapOf("itemsRequest", embed(second))),
				"deviceRequestInfo", embed(mapOf("useCases", array(uc)))))
		}
	}
}

func again() spoil {
	return response(func(n *node) {
		list := n.get("documents")
		list.items = append(list.items, list.items[0])
	})
}

// edition2Cases are answers to requests with the members of the second edition, and what it adds to signed structures.
func edition2Cases(a *authority) []Case {
	row := func(name, fails, reason string, s spoil) responseRow {
		return responseRow{label{name, fails, reason, "P2"}, s}
	}
	good := func(name, reason string, s spoil) responseRow {
		return responseRow{label{name: "base-" + name, reason: reason}, s}
	}
	x5t := func(hash int64, der []byte) spoil {
		sum := sha256.Sum256(der)
		return headers(func(p, _ *node) { p.set(34, array(integer(hash), bstr(sum[:]))) })
	}
	authorizations := func(n *node) spoil { return authorized(n) }
	aki := bstr(a.iaca.SubjectKeyId)
	alternatives := func(sets ...*node) spoil {
		return info(func(items *node) {
			items.get("nameSpaces").set("org.example.alt", mapOf("resident", boolean(false)))
			items.set("requestInfo", mapOf("alternativeDataElements", array(mapOf("requestedElement", array(text("org.example.alt"), text("resident")),
				"alternativeElementSets", array(sets...)))))
			items.get("nameSpaces").remove(spaceJP)
		})
	}
	ref := func(space, id string) *node { return array(text(space), text(id)) }
	rows := []responseRow{
		good("x5t", "x5t of the signer's certificate", x5t(-16, a.ds)),
		row("x5t-other", "issuer_auth.x5t", "x5t of another certificate", x5t(-16, a.reader)),
		row("x5t-hash", "issuer_auth.x5t", "x5t under another hash algorithm", x5t(-43, a.ds)),
		row("x5t-shape", "issuer_auth.x5t", "x5t is a byte string", headers(func(p, _ *node) { p.set(34, bstr(make([]byte, 32))) })),
		row("x5t-short", "issuer_auth.x5t", "x5t with a hash cut short", headers(func(p, _ *node) {
			sum := sha256.Sum256(a.ds)
			p.set(34, array(integer(-16), bstr(sum[:8])))
		})),
		row("authorizations-empty", "mso.key_authorizations", "key authorizations without a namespace", authorizations(mapOf())),
		row("authorizations-nameless", "mso.key_authorizations", "an authorized namespace without a name", authorizations(mapOf("nameSpaces", array(text(""))))),
		row("authorizations-both", "mso.key_authorizations", "a namespace authorized as a whole and in part",
			authorizations(mapOf("nameSpaces", array(text("org.example.own")), "dataElements", mapOf("org.example.own", array(text("till")))))),
		row("authorizations-elements-nameless", "mso.key_authorizations", "an authorized namespace of elements without a name",
			authorizations(mapOf("dataElements", mapOf("", array(text("till")))))),
		row("authorizations-no-elements", "mso.key_authorizations", "an authorized namespace without elements",
			authorizations(mapOf("dataElements", mapOf("org.example.own", array())))),
		good("unique", "one document where one is asked for", requestInfo("uniqueDocSetRequired", boolean(true))),
		good("several", "two documents where several are taken", all(requestInfo("uniqueDocSetRequired", boolean(false)), again())),
		row("unique-twice", "response.unique_document", "two documents where one is asked for", all(requestInfo("uniqueDocSetRequired", boolean(true)), again())),
		good("size", "an answer below the maximum response size", requestInfo("maximumResponseSize", uinteger(10_000))),
		row("size-over", "response.size", "an answer over the maximum response size", requestInfo("maximumResponseSize", uinteger(1000))),
		good("issuer", "an issuer that is asked for", requestInfo("issuerIdentifiers", array(bstr([]byte{9}), aki))),
		row("issuer-other", "response.issuer", "an issuer that is not asked for", requestInfo("issuerIdentifiers", array(bstr([]byte{9})))),
		row("issuer-prefix", "response.issuer", "the identifier asked for is longer", requestInfo("issuerIdentifiers", array(bstr(append(slices.Clone(a.iaca.SubjectKeyId), 0))))),
		good("alternative", "the alternative of an element", alternatives(array(ref(spaceJP, "full_name")))),
		good("alternative-second", "the second alternative of an element", alternatives(array(ref(spaceJP, "address"), ref(spaceJP, "full_name")), array(ref(spaceJP, "full_name")))),
		row("alternative-in-part", "response.requested", "a part of an alternative", alternatives(array(ref(spaceJP, "address"), ref(spaceJP, "full_name")))),
		row("alternative-beside", "response.requested", "an alternative beside the element that was asked for", info(func(items *node) {
			items.get("nameSpaces").remove(spaceJP)
			items.set("requestInfo", mapOf("alternativeDataElements", array(mapOf("requestedElement", ref(spaceMDL, "family_name"),
				"alternativeElementSets", array(array(ref(spaceJP, "full_name")))))))
		})),
		row("age-of-alternative", "response.age_over", "an age attestation that answers none of the alternative", all(alternatives(array(ref(spaceJP, "age_over_20"))),
			func(p *presentation) { p.elements[7].id, p.elements[7].value = "age_over_18", boolean(true) })),
		good("pair-by-issuer", "the second of two requests names the issuer", pairs(useCase(true, places(0), places(1)),
			func(first, second *node) {
				first.set("requestInfo", mapOf("issuerIdentifiers", array(bstr([]byte{9}))))
				second.set("requestInfo", mapOf("issuerIdentifiers", array(aki)))
			})),
		good("pair-by-moving", "the first document leaves the second the one request that fits it", all(pairs(useCase(true, places(0, 1)),
			func(first, second *node) {
				first.set("requestInfo", mapOf("alternativeDataElements", array(mapOf("requestedElement", ref(spaceMDL, "family_name"),
					"alternativeElementSets", array(array(ref(spaceMDL, "portrait")))))))
			}), beside(6, 7))),
		row("age-other", "response.age_over", "an age attestation that answers none of the ages asked for", func(p *presentation) {
			p.request = requestFor(docType, append(slices.Clone(p.elements[:4]), p.elements[4], p.elements[6], p.elements[7])...)
		}),
		row("age-false-above", "response.age_over", "age_over_21 false where age_over_20 was asked for", func(p *presentation) {
			p.elements[5].value = boolean(false)
			p.elements = slices.Delete(p.elements, 4, 5)
			p.extra = nil
			p.request = requestFor(docType, append(slices.Clone(p.elements[:4]), element{space: spaceMDL, id: "age_over_20"}, p.elements[5], p.elements[6])...)
		}),
		row("age-true-below", "response.age_over", "age_over_18 true where age_over_20 was asked for", func(p *presentation) {
			p.elements = slices.Delete(p.elements, 5, 6)
			p.request = requestFor(docType, append(slices.Clone(p.elements[:4]), element{space: spaceMDL, id: "age_over_20"}, p.elements[5], p.elements[6])...)
		}),
		row("age-no-truth-value", "response.age_over", "an age attestation that is a number", func(p *presentation) { p.elements[4].value = uinteger(1) }),
		good("document-errors-code", "an error about a document that is not there", all(useCases(useCase(false, places(0)), useCase(false, places(1))),
			response(set(array(mapOf(photo, uinteger(0))), "documentErrors")))),
		row("errors-strange", "response.errors", "an error about a document that was not asked for", response(set(array(mapOf("org.example.other", uinteger(0))), "documentErrors"))),
		row("errors-contrary", "response.errors", "an error about an element that was returned", document(set(mapOf(spaceMDL, mapOf("portrait", uinteger(0))), "errors"))),
		good("element-error", "an error about an element that was not returned", all(func(p *presentation) { p.extra = []element{{space: spaceMDL, id: "sex"}} },
			document(set(mapOf(spaceMDL, mapOf("sex", uinteger(0))), "errors")))),
		good("use-case", "one use case satisfied by its first set", useCases(useCase(true, places(0), places(1)))),
		good("use-case-second-set", "one use case satisfied by a set of two", all(useCases(useCase(true, places(0, 1))), beside(0, 1))),
		good("use-case-optional", "an optional use case left out", useCases(useCase(true, places(0)), useCase(false, places(1)))),
		row("use-case-mandatory", "response.use_cases", "a mandatory use case is not satisfied", useCases(useCase(false, places(0)), useCase(true, places(1)))),
		row("use-case-in-part", "response.use_cases", "a set of two is satisfied in part", useCases(useCase(true, places(0, 1)))),
		row("use-case-none", "response.use_cases", "no use case is satisfied", useCases(useCase(false, places(1)), useCase(false, places(2)))),
		row("use-case-two-sets", "response.document_sets", "two sets of one use case", all(useCases(useCase(true, places(0), places(1))), beside(0, 1))),
		row("use-case-more", "response.document_sets", "a document that no chosen set names", all(useCases(useCase(true, places(0)), useCase(false, places(1, 2))), beside(0, 1))),
		good("identifier-list", "an identifier list that does not name the credential", identified(a, []byte("another id"))),
		row("identifier-revoked", "status.identifier_list", "an identifier list that names the credential", identified(a, []byte("credential id"))),
		row("identifier-list-of-stranger", "status.identifier_list", "an identifier list signed by a stranger", all(identified(a, []byte("another id")), func(p *presentation) {
			t := newIdentifiers(a, []byte("another id"))
			t.key = p256Key("stranger")
			p.token = t.build()
		})),
		row("identifier-empty", "?status.identifier_list", "an empty identifier in the MSO", all(identified(a, []byte("another id")), mso(func(m *node) {
			m.set("status", mapOf("identifier_list", mapOf("id", bstr(nil), "uri", text(listURI))))
		}))),
		row("status-list-as-identifiers", "status.identifier_list", "a status list where an identifier list is named", all(identified(a, []byte("x")), func(p *presentation) {
			p.token = newToken(a).build()
		})),
		row("identifiers-as-status-list", "status.list", "an identifier list where a status list is named", func(p *presentation) {
			p.token = newIdentifiers(a, []byte("x")).build()
		}),
		good("trust-point", "a trust point of its own for the list", trustPoint(a, true)),
		row("trust-point-other", "status.list", "a list that is not under the trust point that the MSO names", trustPoint(a, false)),
		row("status-none", "?status.list", "the MSO names no list", mso(remove("status"))),
		row("status-empty", "?status.list", "status without a list", mso(set(mapOf(), "status"))),
		row("status-no-list-at-hand", "?status.list", "the reader has no list", func(p *presentation) { p.token = nil }),
		row("status-other-list-at-hand", "?status.list", "the reader has another list", mso(set(text(listURI+"2"), "status", "status_list", "uri"))),
		row("identifiers-not-at-hand", "?status.identifier_list", "the reader has no identifier list", all(identified(a, []byte("x")), func(p *presentation) { p.token = nil })),
		row("mac-without-reader-key", "?device_auth.proof", "the reader's key is not at hand", func(p *presentation) {
			p.byMAC, p.macReader, p.reader = true, p.reader, nil
		}),
		row("zk-document", "?response.zk_documents", "a zero-knowledge proof beside the document", response(set(array(mapOf("documentData",
			embed(mapOf("docType", text(docType), "zkSystemId", text("x"), "timestamp", fullDate("2027-01-15"))), "proof", bstr([]byte{1}))), "zkDocuments"))),
		row("encrypted-document", "?response.encrypted_documents", "an encrypted document whose key is not at hand",
			all(requestInfo("docResponseEncryption", embed(mapOf("recipientPublicKey", keyNode(p256Key("recipient").Public())))), response(set(array(mapOf("enc", bstr(make([]byte, 65)), "cipherText", bstr(make([]byte, 32)), "docRequestID", uinteger(0))), "encryptedDocuments")))),
		row("encrypted-not-asked", "response.encrypted_documents", "an encrypted document that was not asked to be encrypted",
			response(set(array(mapOf("enc", bstr(make([]byte, 65)), "cipherText", bstr(make([]byte, 32)), "docRequestID", uinteger(0))), "encryptedDocuments"))),
		row("encrypted-place", "response.encrypted_documents", "an encrypted document for a request that is not there",
			response(set(array(mapOf("enc", bstr(make([]byte, 65)), "cipherText", bstr(make([]byte, 32)), "docRequestID", uinteger(1))), "encryptedDocuments"))),
		row("zk-shape", "response.decode", "a zero-knowledge document without its proof", response(set(array(mapOf("documentData", embed(mapOf()))), "zkDocuments"))),
		row("encrypted-shape", "response.decode", "an encrypted document without enc", response(set(array(mapOf("cipherText", bstr(nil), "docRequestID", uinteger(0))), "encryptedDocuments"))),
		row("documents-many", "response.decode", "more documents than any request asks for", response(func(n *node) {
			list := n.get("documents")
			for range 32 {
				list.items = append(list.items, list.items[0])
			}
		})),
	}
	var out []Case
	for _, r := range rows {
		p := newPresentation(a)
		r.spoil(p)
		out = append(out, p.responseCase(r.label, "base-signature"))
	}
	return out
}

// identified lets the MSO name an identifier list that revokes the ids given.
func identified(a *authority, revoked ...[]byte) spoil {
	return func(p *presentation) {
		p.onMSO = func(m *node) {
			m.set("status", mapOf("identifier_list", mapOf("id", bstr([]byte("credential id")), "uri", text(listURI))))
		}
		p.token = newIdentifiers(a, revoked...).build()
	}
}

// newIdentifiers is an identifier list token in parts.
func newIdentifiers(a *authority, revoked ...[]byte) *token {
	t := newToken(a)
	t.onHeaders = func(p, _ *node) { p.set(16, text("application/identifierlist+cwt")) }
	t.onClaims = func(n *node) {
		ids := mapOf()
		for _, id := range revoked {
			ids.set(bstr(id), mapOf())
		}
		n.remove(65533)
		n.set(65530, mapOf("identifiers", ids))
	}
	return t
}

// trustPoint lets the MSO name another authority for its list.
func trustPoint(a *authority, under bool) spoil {
	key := p256Key("list authority")
	other := root(rootTemplate("TEST list authority"), key)
	return func(p *presentation) {
		p.onMSO = set(bstr(other.Raw), "status", "status_list", "certificate")
		if under {
			t := newToken(a)
			t.chain = [][]byte{certify(statusTemplate(), other, a.statusKey.Public(), key)}
			p.token = t.build()
		}
	}
}

// readerAuthAllCases are signatures over a whole request.
func readerAuthAllCases(a *authority) []Case {
	all := func(q *asking) {
		q.content = func(items []byte, s transcript.Transcript) []byte {
			return embedBytes(encode(array(text("ReaderAuthenticationAll"), verbatim(s.Array()...), array(verbatim(items...)), null())))
		}
		q.onDoc = func(doc *node) {
			auth := doc.get("readerAuth")
			doc.remove("readerAuth")
			q.onRequest = func(n *node) { n.set("version", text("1.1")); n.set("readerAuthAll", array(auth)) }
		}
	}
	useCases := embed(mapOf("useCases", array(useCase(true, places(0)))))
	withInfo := func(signed *node) func(*asking) {
		return func(q *asking) {
			all(q)
			doc := q.onDoc
			q.content = func(items []byte, s transcript.Transcript) []byte {
				return embedBytes(encode(array(text("ReaderAuthenticationAll"), verbatim(s.Array()...), array(verbatim(items...)), signed)))
			}
			q.onDoc = func(n *node) {
				doc(n)
				before := q.onRequest
				q.onRequest = func(n *node) { before(n); n.set("deviceRequestInfo", useCases) }
			}
		}
	}
	x5t := func(der []byte) func(*asking) {
		sum := sha256.Sum256(der)
		return func(q *asking) { q.onHeaders = func(p, _ *node) { p.set(34, array(integer(-16), bstr(sum[:]))) } }
	}
	also := func(edits ...func(*asking)) func(*asking) {
		return func(q *asking) {
			for _, e := range edits {
				e(q)
			}
		}
	}
	rows := []askingRow{
		{label{name: "base-all", reason: "a signature over the whole request"}, all},
		{label{name: "base-all-info", reason: "a signature over request and use cases"}, withInfo(useCases)},
		{label{name: "base-x5t", reason: "x5t of the reader's certificate"}, x5t(a.reader)},
		{label{"unsigned", "?reader_auth.present", "no readerAuth", ""}, func(q *asking) { q.onDoc = remove("readerAuth") }},
		{label{"x5t-other", "reader_auth.x5t", "x5t of another certificate", "P6"}, x5t(a.ds)},
		{label{"all-info-unsigned", "reader_auth.signature", "use cases that the signature does not cover", "P1"}, withInfo(null())},
		{label{"all-info-other", "reader_auth.signature", "other use cases than the signed ones", "P1"}, withInfo(embed(mapOf("useCases", array(useCase(false, places(0))))))},
		{label{"all-other-session", "reader_auth.signature", "signed over another session", "P3 P5"}, also(all, func(q *asking) {
			q.signed = qrSession("second", agreementKey("reader ephemeral"))
		})},
		{label{"all-reader-auth-context", "reader_auth.signature", "a readerAuth signature in readerAuthAll", "P6"}, also(all, func(q *asking) { q.content = readerAuthentication })},
		{label{"all-items-changed", "reader_auth.signature", "an element added after signing", "P1"}, also(all, func(q *asking) {
			q.onSpoil = set(boolean(false), "nameSpaces", spaceJP, "address")
		})},
		{label{"all-text", "reader_auth.shape", "readerAuthAll of text", "M1"}, also(all, func(q *asking) { q.onAuth = func(n *node) { n.become(text("x")) } })},
		{label{"all-without-chain", "reader_auth.shape", "readerAuthAll without x5chain", "M1"}, also(all, func(q *asking) {
			q.onHeaders = func(_, u *node) { u.remove(33) }
		})},
	}
	decode := func(name, reason string, edit func(*node)) {
		rows = append(rows, askingRow{label{name, "request.decode", reason, "M1"}, func(q *asking) {
			q.onRequest = func(n *node) { n.set("version", text("1.1")); edit(n) }
		}})
	}
	cases := func(name, reason string, uc ...*node) {
		decode("use-cases-"+name, reason, func(n *node) { n.set("deviceRequestInfo", embed(mapOf("useCases", array(uc...)))) })
	}
	member := func(name, reason, key string, value *node) {
		rows = append(rows, askingRow{label{"info-" + name, "request.decode", reason, "M1"}, func(q *asking) {
			q.onItems = func(n *node) { n.set("requestInfo", mapOf(key, value)) }
		}})
	}
	decode("docs-seventeen", "more document requests than are taken", func(n *node) {
		list := n.get("docRequests")
		for range 16 {
			list.items = append(list.items, list.items[0])
		}
	})
	decode("all-nine", "more signatures than are taken", func(n *node) {
		auth := n.get("docRequests", 0, "readerAuth")
		n.set("readerAuthAll", array(auth, auth, auth, auth, auth, auth, auth, auth, auth))
	})
	decode("mac-keys-nine", "more MAC keys than are taken", func(n *node) {
		k := keyNode(p256Key("mac").Public())
		n.set("macKeys", array(k, k, k, k, k, k, k, k, k))
	})
	decode("info-bare", "deviceRequestInfo without tag 24", func(n *node) { n.set("deviceRequestInfo", mapOf()) })
	cases("no-set", "a use case without a document set", useCase(true))
	cases("empty-set", "an empty document set", useCase(true, places()))
	cases("place-1", "a document set names a request that is not there", useCase(true, places(1)))
	cases("place-large", "a document set names request 2^63", useCase(true, places(1<<63)))
	cases("set-long", "a document set larger than the request", useCase(true, places(0, 0)))
	cases("mandatory-missing", "a use case that does not say whether it is mandatory", mapOf("documentSets", array(places(0))))
	many := []*node{}
	for range 17 {
		many = append(many, useCase(true, places(0)))
	}
	cases("seventeen", "more use cases than are taken", many...)
	sets := []*node{}
	for range 17 {
		sets = append(sets, places(0))
	}
	cases("sets-seventeen", "more document sets than are taken", useCase(true, sets...))
	hints := mapOf()
	for i := range 33 {
		hints.set(text("org.example."+string(rune('A'+i))), uinteger(1))
	}
	hinted := useCase(true, places(0))
	hinted.set("purposeHints", hints)
	cases("hints-many", "more purposes than are taken", hinted)
	alternative := func(sets *node) *node {
		return array(mapOf("requestedElement", array(text(spaceJP), text("full_name")), "alternativeElementSets", sets))
	}
	element := array(text(spaceJP), text("address"))
	member("alternatives-none", "an element with no alternative sets", "alternativeDataElements", alternative(array()))
	member("alternatives-empty", "an empty alternative", "alternativeDataElements", alternative(array(array())))
	member("alternatives-nameless", "an alternative without a name", "alternativeDataElements", alternative(array(array(array(text(spaceJP), text(""))))))
	member("alternatives-spaceless", "an alternative without a namespace", "alternativeDataElements", alternative(array(array(array(text(""), text("x"))))))
	member("alternatives-one-part", "an alternative that is no pair", "alternativeDataElements", alternative(array(array(array(text(spaceJP))))))
	member("alternatives-many-sets", "more alternatives than are taken", "alternativeDataElements", alternative(&node{major: majorArray, items: slices.Repeat([]*node{array(element)}, 33)}))
	member("alternatives-large-set", "an alternative of more elements than are taken", "alternativeDataElements", alternative(array(&node{major: majorArray, items: slices.Repeat([]*node{element}, 257)})))
	member("alternatives-many", "more elements with alternatives than are taken", "alternativeDataElements",
		&node{major: majorArray, items: slices.Repeat(alternative(array(array(element))).items, 257)})
	member("issuers-many", "more issuers than are taken", "issuerIdentifiers", &node{major: majorArray, items: slices.Repeat([]*node{bstr([]byte{1})}, 1025)})
	member("issuer-text", "an issuer as text", "issuerIdentifiers", array(text("x")))
	member("unique-number", "uniqueDocSetRequired is a number", "uniqueDocSetRequired", uinteger(1))
	member("size-negative", "a negative maximum response size", "maximumResponseSize", integer(-1))
	member("zk-no-system", "a zkRequest without systems", "zkRequest", mapOf("systemSpecs", array(), "zkRequired", boolean(false)))
	member("zk-many", "a zkRequest with more systems than are taken", "zkRequest", mapOf("systemSpecs", &node{major: majorArray,
		items: slices.Repeat([]*node{mapOf("zkSystemId", text("a"), "system", text("b"), "params", mapOf())}, 65)}, "zkRequired", boolean(false)))
	var out []Case
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
	return out
}

// requestLintCases are requests that a holder answers, and that a reader should not send.
func requestLintCases() []Case {
	items := func(ids ...string) *node {
		var list []element
		for _, id := range ids {
			list = append(list, element{space: spaceMDL, id: id})
		}
		return itemsRequest(docType, list)
	}
	request := func(version string, items ...*node) *node {
		docs := array()
		for _, i := range items {
			docs.items = append(docs.items, mapOf("itemsRequest", embed(i)))
		}
		return mapOf("version", text(version), "docRequests", docs)
	}
	with := func(n *node, key string, value *node) *node {
		n.set(key, value)
		return n
	}
	alternatives := func(ids ...string) *node {
		list := array()
		for _, id := range ids {
			list.items = append(list.items, mapOf("requestedElement", array(text(spaceMDL), text(id)), "alternativeElementSets", array(array(array(text(spaceMDL), text("sex"))))))
		}
		return with(items("portrait"), "requestInfo", mapOf("alternativeDataElements", list))
	}
	cases := func(uc ...*node) *node { return embed(mapOf("useCases", array(uc...))) }
	keys := func(curves ...string) *node {
		list := array()
		for _, c := range curves {
			list.items = append(list.items, keyNode(p256Key(c).Public()))
		}
		return list
	}
	rows := []struct {
		label
		request *node
	}{
		{label{name: "base", reason: "a plain request"}, request("1.0", items("portrait", "age_over_18", "age_over_20"))},
		{label{name: "base-use-cases", reason: "a request with use cases"}, with(request("1.1", items("portrait")), "deviceRequestInfo", cases(useCase(true, places(0))))},
		{label{name: "base-mac-keys", reason: "a request with a MAC key"}, with(request("1.1", items("portrait")), "macKeys", keys("a"))},
		{label{name: "base-alternatives", reason: "a request with alternatives"}, request("1.0", alternatives("portrait"))},
		{label{"version-1.0", "request.version", "version 1.0 with use cases", ""}, with(request("1.0", items("portrait")), "deviceRequestInfo", cases(useCase(true, places(0))))},
		{label{"version-1.1", "request.version", "version 1.1 without a member that needs it", ""}, request("1.1", items("portrait"))},
		{label{"ages-three", "request.ages", "three age attestations of one document", "P8"}, request("1.0", items("age_over_18", "age_over_20", "age_over_65"))},
		{label{"alternatives-unasked", "request.alternatives", "alternatives for an element that is not asked for", ""}, request("1.0", alternatives("height"))},
		{label{"alternatives-twice", "request.alternatives", "two lists of alternatives for one element", ""}, request("1.0", alternatives("portrait", "portrait"))},
		{label{"sets-idle", "request.document_sets", "a document request in no set", ""}, with(request("1.1", items("portrait"), items("sex")), "deviceRequestInfo", cases(useCase(true, places(0))))},
		{label{"sets-double", "request.document_sets", "a set that names a request twice", ""},
			with(request("1.1", items("portrait"), items("sex")), "deviceRequestInfo", cases(useCase(true, places(0, 0)), useCase(true, places(1))))},
		{label{"mac-keys-double", "request.mac_keys", "two MAC keys on one curve", ""}, with(request("1.1", items("portrait")), "macKeys", keys("a", "b"))},
	}
	var out []Case
	for _, r := range rows {
		c := r.of(RequestLint, "base")
		c.add("request", encode(r.request))
		out = append(out, c)
	}
	return out
}

// identifierCases are identifier list tokens.
func identifierCases(a *authority) []Case {
	list := func(edit func(*node)) func(*token) {
		return func(t *token) {
			before := t.onClaims
			t.onClaims = func(n *node) { before(n); edit(n) }
		}
	}
	id := "identifiers-"
	rows := []tokenRow{
		{label{name: "base-identifiers", reason: "an identifier list"}, func(*token) {}},
		{label{name: "base-identifiers-short-type", reason: "the short form of its type"}, func(t *token) { t.onHeaders = func(p, _ *node) { p.set(16, text("identifierlist+cwt")) } }},
		{label{id + "missing", "status.token.identifiers", "no identifier list", "M8"}, list(remove(65530))},
		{label{id + "and-list", "status.token.identifiers", "a status list beside it", "M8"}, list(set(mapOf("bits", uinteger(1), "lst", bstr(nil)), 65533))},
		{label{id + "array", "status.token.identifiers", "the list is an array", "M8"}, list(set(array(), 65530))},
		{label{id + "member-missing", "status.token.identifiers", "no member identifiers", "M8"}, list(set(mapOf(), 65530))},
		{label{id + "member-array", "status.token.identifiers", "identifiers is an array", "M8"}, list(set(mapOf("identifiers", array()), 65530))},
		{label{id + "text", "status.token.identifiers", "an identifier as text", "M8"}, list(set(mapOf("identifiers", mapOf("id", mapOf())), 65530))},
		{label{id + "empty", "status.token.identifiers", "an empty identifier", "M8"}, list(set(mapOf("identifiers", mapOf(bstr(nil), mapOf())), 65530))},
		{label{id + "long", "status.token.identifiers", "an identifier of 65 bytes", "M8"}, list(set(mapOf("identifiers", mapOf(bstr(make([]byte, 65)), mapOf())), 65530))},
		{label{id + "entry-number", "status.token.identifiers", "an entry that is a number", "M8"}, list(set(mapOf("identifiers", mapOf(bstr([]byte{1}), uinteger(1))), 65530))},
		{label{id + "aggregation-number", "status.token.identifiers", "aggregation_uri is a number", "M8"}, list(set(uinteger(1), 65530, "aggregation_uri"))},
		{label{id + "twice", "status.token.decode", "an identifier stands twice", "M8"}, list(func(n *node) { n.get(65530, "identifiers").double(bstr([]byte("revoked id"))) })},
		{label{id + "as-status-list", "status.token.list", "an identifier list under the type of a status list", "M8"}, func(t *token) {
			t.onHeaders = func(*node, *node) {}
		}},
		{label{id + "other-authority", "status.token.authority", "the document signer is of a stranger", "R2"}, func(t *token) {
			t.issuer = certify(signerTemplate(), a.iaca, a.dsKey.Public(), a.strangerKey)
		}},
	}
	var out []Case
	add := func(r tokenRow, id string) {
		t := newIdentifiers(a, []byte("revoked id"))
		r.edit(t)
		c := t.tokenCase(r.label)
		if c.Base != "" {
			c.Base = "status_token/base-identifiers"
		}
		c.add("identifier", []byte(id))
		out = append(out, c)
	}
	for _, r := range rows {
		add(r, "credential id")
	}
	add(tokenRow{label{id + "revoked", "status.identifier_list", "the identifier is in the list", "S22 R2"}, func(*token) {}}, "revoked id")
	add(tokenRow{label{id + "asked-empty", "status.token.id", "an empty identifier is asked for", "M8"}, func(*token) {}}, "")
	status := newToken(a).tokenCase(label{"identifier-in-status-list", "status.token.id", "an identifier is asked of a status list", "M8"})
	status.add("identifier", []byte("credential id"))
	index := newIdentifiers(a, []byte("revoked id")).tokenCase(label{"index-in-identifiers", "status.token.index", "an index is asked of an identifier list", "M8"})
	index.Base = "status_token/base-identifiers"
	return append(out, status, index)
}
