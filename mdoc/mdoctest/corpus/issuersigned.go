package corpus

import (
	"crypto/x509"
	"slices"
	"time"
)

// issuerSignedCases judge what an issuer is about to give out, which is stricter than what a reader demands of others.
func issuerSignedCases(a *authority) []Case {
	// Rows of the device response that concern the issuer's part alone are judged here too.
	var rows []responseRow
	for _, r := range slices.Concat(msoRows(), validityRows(), issuerAuthRows(), headerRows(), issuedElementRows(), untilRows(a), toleratedRows(a)) {
		if r.fails != "mso.doc_type" { // no document to compare with
			rows = append(rows, r)
		}
	}
	base := responseRow{label{name: "base", reason: "a good IssuerSigned"}, func(*presentation) {}}
	var out []Case
	for _, r := range append([]responseRow{base}, rows...) {
		p := newPresentation(a)
		r.spoil(p)
		n := p.issuerSigned()
		call(p.onDocument, n)
		raw := encode(n)
		if p.onRaw != nil {
			raw = p.onRaw(raw)
		}
		c := r.of(IssuerSigned, "base")
		c.At = p.at
		c.add("issuer_signed", raw)
		c.add("anchor", p.anchors...)
		out = append(out, c)
	}
	return out
}

// toleratedRows are deviations that Verify takes and names, and that an issuer must not make.
func toleratedRows(a *authority) []responseRow {
	row := func(name, reason string, s spoil) responseRow {
		return responseRow{label{"tolerated-" + name, "issuer_auth.strict", reason, "S22"}, s}
	}
	fraction := func(member string) spoil {
		return mso(func(n *node) {
			date := n.get("validityInfo", member)
			date.items[0] = text(string(date.items[0].str[:19]) + ".5Z")
		})
	}
	long := verbatim(0x78, 3, '1', '.', '0')
	return []responseRow{
		row("x5chain-array", "one certificate in an array", headers(func(_, u *node) { u.set(33, array(bstr(a.ds))) })),
		row("x5chain-protected", "x5chain in the protected header", headers(func(p, u *node) {
			p.set(33, u.get(33))
			u.remove(33)
		})),
		row("header-label", "an unprotected parameter that nobody reads", headers(func(_, u *node) { u.set(4, bstr([]byte("key"))) })),
		row("header-text-label", "an unprotected parameter under a text", headers(func(_, u *node) { u.set("kid", bstr([]byte("key"))) })),
		row("fraction-signed", "signed with a fraction of a second", fraction("signed")),
		row("fraction-from", "validFrom with a fraction of a second", fraction("validFrom")),
		row("fraction-until", "validUntil with a fraction of a second", fraction("validUntil")),
		row("long-head-mso", "a head of the MSO longer than needed", mso(set(long, "version"))),
		row("long-head-item", "a head of an item longer than needed", item("birth_date", set(verbatim(append([]byte{0x78, 10}, "birth_date"...)...), "elementIdentifier"))),
		row("long-head-header", "a head of issuerAuth longer than needed", auth(func(n *node) {
			n.items[3] = verbatim(append([]byte{0x59, 0, byte(len(n.items[3].str))}, n.items[3].str...)...)
		})),
	}
}

func issuedElementRows() []responseRow {
	row := func(name, fails, reason, covers string, s spoil) responseRow {
		return responseRow{label{name, fails, reason, covers}, s}
	}
	return []responseRow{
		row("value-changed", "mso.digest", "another element value under a genuine MSO", "P2 S22", tampered("age_over_18", set(boolean(false), "elementValue"))),
		row("random-15", "mso.random", "random of 15 bytes", "S22", item("birth_date", set(bstr(draw("short", 15)), "random"))),
		row("item-twice", "mso.element_unique", "an item is given twice", "S22", spaces(func(n *node) {
			list := n.get(spaceMDL)
			list.items = append(list.items, list.items[0])
		})),
		row("namespace-nameless", "mso.element_unique", "a namespace with an empty name", "", func(p *presentation) { p.elements[7].space = "" }),
		row("element-nameless", "mso.element_unique", "an element with an empty identifier", "", item("full_name", set(text(""), "elementIdentifier"))),
		row("header-label-twice", "issuer_signed.decode", "x5chain twice in the unprotected header", "P6 M1", auth(double2(1, 33))),
		row("auth-absent", "issuer_signed.decode", "no issuerAuth", "M1", document(remove("issuerAuth"))),
		row("not-a-map", "issuer_signed.decode", "an array", "M1", rawResponse(func([]byte) []byte { return []byte{0x80} })),
		row("trailing", "issuer_signed.decode", "a byte after it", "M1", rawResponse(func(b []byte) []byte { return append(b, 0) })),
		row("too-long", "issuer_signed.decode", "more than 256 KiB", "M1", document(set(bstr(make([]byte, 256<<10)), "example"))),
	}
}

func untilRows(a *authority) []responseRow {
	short := a.document(func(t *x509.Certificate) { t.NotAfter = now.AddDate(0, 0, 10) })
	return []responseRow{
		{label{"until-after-certificate", "mso.validity.until", "valid longer than the signer's certificate", "S22"},
			func(p *presentation) { p.chain = [][]byte{short} }},
		{label{"until-second-after-certificate", "mso.validity.until", "valid one second longer than the signer's certificate", "S22"},
			func(p *presentation) {
				p.chain = [][]byte{short}
				p.onMSO = set(tdate(now.AddDate(0, 0, 10).Add(time.Second).Format(stamp)), "validityInfo", "validUntil")
			}},
	}
}
