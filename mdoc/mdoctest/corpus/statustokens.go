package corpus

import (
	"crypto"
	"crypto/elliptic"
	"crypto/x509"
	"time"

	"mobileid/mdoc/cose"
)

type tokenRow struct {
	label
	edit func(*token)
}

func tokenCases(a *authority) []Case {
	base := tokenRow{label{name: "base", reason: "a good token"}, func(*token) {}}
	var out []Case
	for _, rows := range [][]tokenRow{{base}, goodTokenRows(), tokenShapeRows(), tokenSignerRows(a), tokenClaimRows(), tokenListRows()} {
		for _, r := range rows {
			t := newToken(a)
			r.edit(t)
			out = append(out, t.tokenCase(r.label))
		}
	}
	return out
}

func claim(edit func(*node)) func(*token) { return func(t *token) { t.onClaims = edit } }
func listOf(edit func(*node)) func(*token) {
	return func(t *token) { t.onList = edit }
}

func goodTokenRows() []tokenRow {
	row := func(name, reason string, edit func(*token)) tokenRow {
		return tokenRow{label{name: "base-" + name, reason: reason}, edit}
	}
	return []tokenRow{
		row("short-type", "the short form of the type", func(t *token) { t.onHeaders = func(p, _ *node) { p.set(16, text("statuslist+cwt")) } }),
		row("without-ttl", "no ttl", claim(remove(65534))),
		row("aggregation", "an aggregation_uri", listOf(set(text("https://issuer.example/lists"), "aggregation_uri"))),
		row("last-index", "the last entry of the list", func(t *token) { t.index = 8191 }),
		row("just-issued", "issued two minutes ahead of the reader's clock", claim(set(seconds(2*time.Minute), 6))),
		row("unknown-claim", "a claim that is not known", claim(set(text("issuer"), 1))),
	}
}

func tokenShapeRows() []tokenRow {
	row := func(name, reason string, edit func(*token)) tokenRow {
		return tokenRow{label{name, "status.token.decode", reason, "M1 R2"}, edit}
	}
	message := func(name, reason string, edit func(*node)) tokenRow {
		return row(name, reason, func(t *token) { t.onMessage = edit })
	}
	return []tokenRow{
		row("untagged", "without tag 18", func(t *token) { t.onRaw = func(b []byte) []byte { return b[1:] } }),
		row("tag-17", "under tag 17", func(t *token) { t.onRaw = func(b []byte) []byte { return append([]byte{0xd1}, b[1:]...) } }),
		row("two-tags", "under the CWT tag too", func(t *token) { t.onRaw = func(b []byte) []byte { return append([]byte{0xd8, 0x3d}, b...) } }),
		row("empty", "no bytes", func(t *token) { t.onRaw = func([]byte) []byte { return []byte{} } }),
		row("trailing", "a byte after the token", func(t *token) { t.onRaw = func(b []byte) []byte { return append(b, 0) } }),
		row("jwt", "a JWT", func(t *token) { t.onRaw = func([]byte) []byte { return []byte("eyJhbGciOiJub25lIn0.e30.") } }),
		message("detached", "the payload is detached", func(n *node) { n.items[0].items[2] = null() }),
		message("five-elements", "an array of five", func(n *node) { n.items[0].items = append(n.items[0].items, null()) }),
		message("payload-text", "the payload is text", func(n *node) { n.items[0].items[2] = text("x") }),
		message("payload-array", "the claims are an array", func(n *node) { n.items[0].items[2] = bstr([]byte{0x80}) }),
		row("subject-bytes", "the subject as bytes", claim(set(bstr([]byte(listURI)), 2))),
		row("subject-null", "the subject is null", claim(set(null(), 2))),
		row("issued-float", "the issue time as a float", claim(set(verbatim(0xfb, 0x41, 0xda, 0, 0, 0, 0, 0, 0), 6))),
		row("issued-tagged", "the issue time under tag 1", claim(set(tagged(1, seconds(-time.Hour)), 6))),
		row("issued-negative", "a negative issue time", claim(set(integer(-5), 6))),
		row("expiry-text", "the expiry as text", claim(set(text("2027-01-16"), 4))),
		row("ttl-negative", "a negative ttl", claim(set(integer(-1), 65534))),
		row("claim-twice", "the subject stands twice", claim(double(2))),
		row("crit", "a critical header that is not understood", func(t *token) {
			t.onHeaders = func(p, _ *node) { p.set(2, array(integer(-65600))); p.set(-65600, uinteger(1)) }
		}),
	}
}

func tokenSignerRows(a *authority) []tokenRow {
	row := func(name, fails, reason, covers string, edit func(*token)) tokenRow {
		return tokenRow{label{name, "status.token." + fails, reason, covers}, edit}
	}
	signer := func(name, reason string, change func(*x509.Certificate)) tokenRow {
		t := statusTemplate()
		change(t)
		der := certify(t, a.iaca, a.statusKey.Public(), a.iacaKey)
		return row("signer-"+name, "chain", reason, "R2 P7", func(t *token) { t.chain = [][]byte{der} })
	}
	head := func(edit func(p, u *node)) func(*token) { return func(t *token) { t.onHeaders = edit } }
	p384 := ecKey(elliptic.P384(), "status signer")
	otherKey := p256Key("other iaca")
	other := root(rootTemplate("TEST other IACA"), otherKey)
	return []tokenRow{
		row("x5chain-missing", "x5chain", "no x5chain", "R2", head(func(p, _ *node) { p.remove(33) })),
		row("x5chain-unprotected", "x5chain", "x5chain in the unprotected header", "R2", head(func(p, u *node) { u.set(33, p.get(33)); p.remove(33) })),
		row("x5chain-text", "x5chain", "x5chain as text", "R2 P6", head(func(p, _ *node) { p.set(33, text("x")) })),
		row("x5chain-empty", "x5chain", "an empty x5chain", "R2", head(func(p, _ *node) { p.set(33, array()) })),
		row("signature-bit", "signature", "one bit of the signature", "R2 P1", func(t *token) { t.onMessage = func(n *node) { flip(0, 3)(n.items[0]) } }),
		row("signature-empty", "signature", "an empty signature", "R2 sunet-532", func(t *token) { t.onMessage = func(n *node) { n.items[0].items[3] = bstr(nil) } }),
		row("signature-zero", "signature", "r and s are zero", "java-2022-21449", func(t *token) { t.onMessage = func(n *node) { n.items[0].items[3] = bstr(make([]byte, 64)) } }),
		row("signature-other-key", "signature", "signed by another key", "R2", func(t *token) { t.key = p256Key("nobody") }),
		row("claims-changed", "signature", "a claim changed after signing", "R2 P1", func(t *token) {
			t.onMessage = func(n *node) {
				claims := parse(n.items[0].items[2].str)
				claims.set(4, seconds(48*time.Hour))
				n.items[0].items[2] = bstr(encode(claims))
			}
		}),
		row("alg-missing", "signature", "no alg", "P6", head(func(p, _ *node) { p.remove(1) })),
		row("alg-none", "signature", "alg 0", "P6", head(func(p, _ *node) { p.set(1, uinteger(0)) })),
		row("alg-hmac", "signature", "HMAC 256/256 in place of a signature", "P6", head(func(p, _ *node) { p.set(1, uinteger(5)) })),
		row("alg-of-other-curve", "signature", "ES256 with a P-384 key", "P6", func(t *token) {
			t.key, t.chain = crypto.Signer(p384), [][]byte{certify(statusTemplate(), a.iaca, p384.Public(), a.iacaKey)}
			t.alg = cose.ES256
		}),
		signer("self-signed", "a signer that signed itself", func(t *x509.Certificate) { t.Subject = a.iaca.Subject; t.RawSubject = a.iaca.RawSubject }),
		signer("expired", "the signer's certificate has expired", func(t *x509.Certificate) { t.NotAfter = now.Add(-time.Second) }),
		signer("other-country", "the signer is of another country", func(t *x509.Certificate) { t.Subject.Country = []string{"KR"} }),
		signer("tls", "the signer is a TLS server", func(t *x509.Certificate) {
			t.ExtraExtensions = append(t.ExtraExtensions, purpose(false, oidTLSServer))
		}),
		row("signer-stranger", "chain", "a signer of a stranger", "R2 sunet-532", func(t *token) {
			t.chain = [][]byte{certify(statusTemplate(), a.iaca, a.statusKey.Public(), a.strangerKey)}
		}),
		row("signer-document", "chain", "signed by the document signer", "R2 P7", func(t *token) { t.key, t.chain = a.dsKey, [][]byte{a.ds} }),
		row("signer-with-anchor", "chain", "the anchor inside x5chain", "P7", func(t *token) { t.chain = append(t.chain, a.iaca.Raw) }),
		row("type-missing", "type", "no type", "R2", head(func(p, _ *node) { p.remove(16) })),
		row("type-cwt", "type", "the type of another token", "R2", head(func(p, _ *node) { p.set(16, text("application/cwt")) })),
		row("type-identifiers", "identifiers", "the type of an identifier list over a status list", "R2", head(func(p, _ *node) { p.set(16, text("application/identifierlist+cwt")) })),
		row("type-jwt", "type", "the type of the JSON form", "R2", head(func(p, _ *node) { p.set(16, text("statuslist+jwt")) })),
		row("type-number", "type", "the type as a number", "R2", head(func(p, _ *node) { p.set(16, uinteger(60)) })),
		row("type-unprotected", "type", "the type in the unprotected header", "R2", head(func(p, u *node) { u.set(16, p.get(16)); p.remove(16) })),
		row("other-authority", "authority", "the list of another authority that is trusted too", "R2", func(t *token) {
			t.anchors = append(t.anchors, other.Raw)
			t.chain = [][]byte{certify(statusTemplate(), other, a.statusKey.Public(), otherKey)}
		}),
		row("issuer-not-trusted", "authority", "the document signer is of a stranger", "R2", func(t *token) {
			t.issuer = certify(signerTemplate(), a.iaca, a.dsKey.Public(), a.strangerKey)
		}),
	}
}

func tokenClaimRows() []tokenRow {
	row := func(name, fails, reason string, edit func(*token)) tokenRow {
		return tokenRow{label{name, "status.token." + fails, reason, "R2"}, edit}
	}
	return []tokenRow{
		row("subject-missing", "subject", "no subject", claim(remove(2))),
		row("subject-other", "subject", "the subject is another list", claim(set(text(listURI+"2"), 2))),
		row("subject-case", "subject", "the subject differs in case", claim(set(text("https://ISSUER.example/v1/status-lists/1"), 2))),
		row("subject-slash", "subject", "a slash after the subject", claim(set(text(listURI+"/"), 2))),
		row("subject-empty", "subject", "an empty subject", claim(set(text(""), 2))),
		row("fetched-elsewhere", "subject", "fetched from another URI", func(t *token) { t.uri = "https://attacker.example/list" }),
		row("issued-missing", "issued_at", "no issue time", claim(remove(6))),
		row("issued-in-future", "issued_at", "issued in two minutes and a second", claim(set(seconds(2*time.Minute+time.Second), 6))),
		row("expiry-missing", "expiry", "no expiry", claim(remove(4))),
		row("expired", "expiry", "expired this second", claim(set(seconds(0), 4))),
		row("expired-long-ago", "expiry", "expired half an hour ago", claim(set(seconds(-30*time.Minute), 4))),
		row("expiry-before-issue", "expiry", "expires before it was issued", func(t *token) {
			t.onClaims = func(n *node) { n.set(6, seconds(time.Minute)); n.set(4, seconds(time.Minute)) }
		}),
		row("expiry-too-far", "expiry", "expires after the year 9999", claim(set(uinteger(253402300800), 4))),
		row("issued-too-far", "issued_at", "issued after the year 9999", claim(set(uinteger(253402300800), 6))),
		row("ttl-zero", "ttl", "a ttl of zero", claim(set(uinteger(0), 65534))),
		row("ttl-too-long", "ttl", "a ttl of more than a hundred years", claim(set(uinteger(3153600001), 65534))),
	}
}

func tokenListRows() []tokenRow {
	row := func(name, fails, reason, covers string, edit func(*token)) tokenRow {
		return tokenRow{label{name, "status." + fails, reason, covers}, edit}
	}
	list := func(name, reason string, edit func(*node)) tokenRow {
		return row(name, "token.list", reason, "M8", listOf(edit))
	}
	stream := func(name, reason string, raw func() []byte) tokenRow {
		return list("lst-"+name, reason, func(n *node) { n.set("lst", bstr(raw())) })
	}
	good := deflate(make([]byte, 1024))
	return []tokenRow{
		row("list-missing", "token.list", "no list", "M8", claim(remove(65533))),
		row("identifier-list", "token.list", "an identifier list in its place", "M8", claim(rename(uinteger(65530), 65533))),
		row("list-array", "token.list", "the list is an array", "M8", claim(set(array(), 65533))),
		row("list-null", "token.list", "the list is null", "M8", claim(set(null(), 65533))),
		list("bits-missing", "no bits", remove("bits")),
		list("bits-3", "three bits an entry", set(uinteger(3), "bits")),
		list("bits-0", "no bits an entry", set(uinteger(0), "bits")),
		list("bits-16", "sixteen bits an entry", set(uinteger(16), "bits")),
		list("bits-text", "bits as text", set(text("1"), "bits")),
		list("bits-float", "bits as a float", set(verbatim(0xf9, 0x3c, 0x00), "bits")),
		list("bits-negative", "negative bits", set(integer(-1), "bits")),
		list("lst-missing", "no lst", remove("lst")),
		list("lst-text", "lst as text", set(text("x"), "lst")),
		list("lst-empty", "an empty lst", set(bstr(nil), "lst")),
		row("bits-2", "token.bits", "two bits an entry", "M8", listOf(set(uinteger(2), "bits"))),
		row("bits-8", "token.bits", "eight bits an entry", "M8", listOf(set(uinteger(8), "bits"))),
		stream("bomb", "a MiB that inflates to a GiB", func() []byte { return bomb(1 << 30) }),
		stream("bomb-of-a-byte", "one byte more than is inflated", func() []byte { return bomb(16<<20 + 1) }),
		stream("not-zlib", "no zlib stream", func() []byte { return []byte("not a stream") }),
		stream("uncompressed", "the list uncompressed", func() []byte { return make([]byte, 1024) }),
		stream("raw-deflate", "deflate without its zlib frame", func() []byte { return good[2 : len(good)-4] }),
		stream("cut", "the stream is cut", func() []byte { return good[:len(good)-6] }),
		stream("checksum", "the checksum is wrong", func() []byte { b := deflate(make([]byte, 1024)); b[len(b)-1] ^= 1; return b }),
		stream("trailing", "a byte after the stream", func() []byte { return append(deflate(make([]byte, 1024)), 0) }),
		stream("two-streams", "a second stream after the first", func() []byte { return append(deflate(make([]byte, 1024)), good...) }),
		stream("inflates-to-nothing", "the stream inflates to nothing", func() []byte { return deflate(nil) }),
		row("index-at-end", "token.index", "the first index past the end", "M8", func(t *token) { t.index = 8192 }),
		row("index-far", "token.index", "index 2^53 + 1", "M8", func(t *token) { t.index = 1<<53 + 1 }),
		row("index-largest", "token.index", "index 2^64 - 1", "M8", func(t *token) { t.index = 1<<64 - 1 }),
		row("revoked", "list", "the entry says invalid", "S22 R2", func(t *token) { t.index = revokedIndex }),
	}
}

// statusRows are answers whose credential is not good by its status list.
func statusRows(a *authority) []responseRow {
	row := func(name, reason, covers string, s spoil) responseRow {
		return responseRow{label{"status-" + name, "status.list", reason, covers}, s}
	}
	with := func(edit func(*token)) spoil {
		return func(p *presentation) {
			t := newToken(a)
			edit(t)
			p.token = t.build()
		}
	}
	return []responseRow{
		row("revoked", "the list says revoked", "S22 R2", mso(set(uinteger(revokedIndex), "status", "status_list", "idx"))),
		row("index-past-end", "the index lies past the end", "M8 R2", mso(set(uinteger(9000), "status", "status_list", "idx"))),
		row("index-2-53", "index 2^53 + 1", "M8 R2 sunet-532", mso(set(uinteger(1<<53+1), "status", "status_list", "idx"))),
		row("list-of-stranger", "the list is signed by a stranger", "S22 R2 sunet-532", with(func(t *token) { t.key = p256Key("stranger status") })),
		row("list-unsigned", "the list is not signed", "R2 sunet-532 ack-135", with(func(t *token) { t.onMessage = func(n *node) { n.items[0].items[3] = bstr(nil) } })),
		row("list-expired", "the list has expired", "R2 ack-135", with(claim(set(seconds(-time.Second), 4)))),
		row("list-other-subject", "the list is another one", "R2", with(claim(set(text(listURI+"2"), 2)))),
		row("list-broken", "the list does not decode", "R2 ack-135", func(p *presentation) { p.token = []byte{0xd2, 0x80} }),
		row("list-bomb", "the list inflates to a GiB", "M8", with(listOf(func(n *node) { n.set("lst", bstr(bomb(1<<26))) }))),
	}
}
