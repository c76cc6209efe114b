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
	for _, r := range slices.Concat(msoRows(), validityRows(), issuerAuthRows(), headerRows(), issuedElementRows(), untilRows(a)) {
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
