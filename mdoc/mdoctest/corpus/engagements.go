package corpus

import (
	"bytes"
	"crypto"
	"crypto/elliptic"
	"encoding/base64"
	"slices"
)

// engagementNode is a good engagement for a QR code in central client mode.
func engagementNode(key crypto.PublicKey) *node {
	return mapOf(0, text("1.0"), 1, array(uinteger(1), embed(keyNode(key))), 2, array(bleMethod()))
}

func bleMethod() *node {
	return array(uinteger(2), uinteger(1), mapOf(0, boolean(false), 1, boolean(true), 11, bstr(draw("uuid", 16))))
}

type engagementRow struct {
	label
	edit func(*node)
}

func goodEngagement() *node {
	return engagementNode(agreementKey("device ephemeral first").PublicKey())
}

func engagementCases(*authority) []Case {
	row := func(name, reason string, edit func(*node)) engagementRow {
		return engagementRow{label{name, "engagement.decode", reason, "M1"}, edit}
	}
	good := func(name, reason string, edit func(*node)) engagementRow {
		return engagementRow{label{name: name, reason: reason}, edit}
	}
	key := func(name, reason string, edit func(*node)) engagementRow {
		r := row("key-"+name, reason, func(n *node) { n.get(1, 1).within(edit) })
		r.covers = "P4"
		return r
	}
	ble := func(name, reason string, edit func(*node)) engagementRow {
		return row("ble-"+name, reason, func(n *node) { edit(n.get(2, 0, 2)) })
	}
	nfc := func(name, reason string, command, answer *node) engagementRow {
		return row("nfc-"+name, reason, set(array(array(uinteger(1), uinteger(1), mapOf(0, command, 1, answer))), 2))
	}
	uuid := bstr(draw("uuid", 16))
	rows := []engagementRow{
		good("base", "a good engagement", func(*node) {}),
		good("base-unknown-members", "members that are reserved", func(n *node) { n.set(7, uinteger(1)); n.set(-1, text("own")) }),
		good("base-peripheral", "peripheral server mode with a device address", func(n *node) {
			n.get(2, 0, 2).become(mapOf(0, boolean(true), 1, boolean(false), 10, uuid, 20, bstr(draw("address", 6))))
		}),
		good("base-nfc", "NFC data transfer", set(array(array(uinteger(1), uinteger(1), mapOf(0, uinteger(255), 1, uinteger(256)))), 2)),
		good("base-compressed", "a compressed key", func(n *node) {
			n.get(1, 1).within(func(k *node) { k.set(-3, boolean(k.get(-3).str[31]&1 == 1)) })
		}),
		good("base-p384", "a key on P-384", func(n *node) { n.get(1).items[1] = embed(keyNode(ecKey(elliptic.P384(), "device ephemeral").Public())) }),
		row("version-2", "major version 2", set(text("2.0"), 0)),
		row("version-missing", "no version", remove(0)),
		row("version-number", "the version is a number", set(uinteger(1), 0)),
		row("version-empty", "an empty version", set(text(""), 0)),
		row("version-10", "major version 10", set(text("10.0"), 0)),
		row("version-long", "a version of nine characters", set(text("1.0000000"), 0)),
		row("security-missing", "no security", remove(1)),
		row("security-map", "security is a map", set(mapOf(), 1)),
		row("security-one", "security without a key", func(n *node) { n.get(1).items = n.get(1).items[:1] }),
		row("security-three", "security of three elements", func(n *node) { n.get(1).items = append(n.get(1).items, null()) }),
		row("suite-2", "cipher suite 2", func(n *node) { n.get(1).items[0] = uinteger(2) }),
		row("suite-0", "cipher suite 0", func(n *node) { n.get(1).items[0] = uinteger(0) }),
		row("suite-text", "the cipher suite is text", func(n *node) { n.get(1).items[0] = text("1") }),
		row("key-bare", "the key without tag 24", func(n *node) { n.get(1).items[1] = keyNode(p256Key("x").Public()) }),
		row("key-bstr", "the key as a byte string", func(n *node) { n.get(1).items[1] = bstr(encode(keyNode(p256Key("x").Public()))) }),
		row("label-twice", "a member stands twice", double(0)),
		row("label-text", "the version under a text label", func(n *node) { n.rename(0, text("0")) }),
		key("off-curve", "a point off its curve", flip(7, -2)),
		key("infinity", "the point at infinity", func(k *node) { k.set(-2, bstr(nil)); k.set(-3, bstr(nil)) }),
		key("zero", "coordinates of zero", func(k *node) { k.set(-2, bstr(make([]byte, 32))); k.set(-3, bstr(make([]byte, 32))) }),
		key("short", "x of 31 bytes", func(k *node) { k.get(-2).str = k.get(-2).str[1:] }),
		key("brainpool", "brainpoolP256r1, which is not supported", set(integer(256), -1)),
		key("ed25519", "Ed25519, which agrees on no key", func(k *node) { k.become(mapOf(1, uinteger(1), -1, uinteger(6), -2, bstr(draw("ed", 32)))) }),
		key("x448", "X448, which is not supported", func(k *node) { k.become(mapOf(1, uinteger(1), -1, uinteger(5), -2, bstr(draw("x448", 56)))) }),
		key("crv-missing", "no curve", remove(-1)),
		key("kty-missing", "no key type", remove(1)),
		key("compressed-off-curve", "a compressed point with an x of no point", func(k *node) { k.set(-2, bstr(noPoint())); k.set(-3, boolean(false)) }),
		row("methods-map", "the methods are a map", set(mapOf(), 2)),
		row("method-map", "a method is a map", set(array(mapOf()), 2)),
		row("method-two", "a method of two elements", func(n *node) { n.get(2, 0).items = n.get(2, 0).items[:2] }),
		row("method-type-text", "the type of a method is text", func(n *node) { n.get(2, 0).items[0] = text("2") }),
		row("method-twice", "a method stands twice", func(n *node) { n.get(2).items = append(n.get(2).items, bleMethod()) }),
		row("methods-seventeen", "seventeen methods", func(n *node) {
			list := array()
			for i := range 17 {
				list.items = append(list.items, array(uinteger(uint64(100+i)), uinteger(1), mapOf()))
			}
			n.set(2, list)
		}),
		ble("no-mode", "neither mode", func(o *node) { o.become(mapOf(0, boolean(false), 1, boolean(false))) }),
		ble("mode-missing", "a mode is not told", remove(0)),
		ble("mode-number", "a mode is a number", set(uinteger(0), 0)),
		ble("uuid-missing", "no UUID for the mode", remove(11)),
		ble("uuid-15", "a UUID of 15 bytes", func(o *node) { o.get(11).str = o.get(11).str[:15] }),
		ble("uuid-text", "a UUID as text", set(text("00000000-0000-4000-8000-000000000000"), 11)),
		ble("uuid-without-mode", "a UUID without its mode", set(uuid, 10)),
		ble("address-without-mode", "a device address in central client mode", set(bstr(draw("address", 6)), 20)),
		ble("address-5", "a device address of five bytes", func(o *node) {
			o.become(mapOf(0, boolean(true), 1, boolean(false), 10, uuid, 20, bstr(draw("address", 5))))
		}),
		ble("address-8", "a device address of eight bytes", func(o *node) {
			o.become(mapOf(0, boolean(true), 1, boolean(false), 10, uuid, 20, bstr(draw("address", 8))))
		}),
		ble("peripheral-uuid-missing", "no UUID for peripheral server mode", func(o *node) { o.become(mapOf(0, boolean(true), 1, boolean(false))) }),
		ble("psm-17-bits", "a PSM of 17 bits", func(o *node) { o.become(mapOf(0, boolean(true), 1, boolean(false), 10, uuid, 21, uinteger(1<<16))) }),
		nfc("command-small", "less than 255 bytes of command data", uinteger(254), uinteger(256)),
		nfc("command-large", "more than 65535 bytes of command data", uinteger(65536), uinteger(256)),
		nfc("answer-small", "less than 256 bytes of response data", uinteger(255), uinteger(255)),
		nfc("answer-large", "more than 65536 bytes of response data", uinteger(255), uinteger(65537)),
		nfc("negative", "a negative length", integer(-255), uinteger(256)),
		row("nfc-missing", "a length is missing", set(array(array(uinteger(1), uinteger(1), mapOf(0, uinteger(255)))), 2)),
		row("not-a-map", "an array", func(n *node) { n.become(array()) }),
		row("trailing", "a byte after it", func(n *node) { n.become(verbatim(append(encode(n), 0)...)) }),
		row("indefinite", "a map of indefinite length", func(n *node) {
			b := encode(n)
			n.become(verbatim(append(append([]byte{0xbf}, b[1:]...), 0xff)...))
		}),
		row("too-long", "more than 4096 bytes", func(n *node) { n.set(-1, bstr(make([]byte, 4096))) }),
		row("empty", "no bytes", func(n *node) { n.become(&node{raw: []byte{}}) }),
	}
	var out []Case
	for _, r := range slices.Concat(rows, optionRows(), extensionRows()) {
		n := goodEngagement()
		r.edit(n)
		c := r.of(Engagement, "base")
		c.add("engagement", encode(n))
		out = append(out, c)
	}
	return out
}

func uriCases(*authority) []Case {
	raw := encode(goodEngagement())
	b64 := base64.RawURLEncoding
	withoutMethods := goodEngagement()
	withoutMethods.remove(2)
	body := b64.EncodeToString(raw)
	// Two bits are left over in the last character of an engagement whose length is not a multiple of three.
	padded := raw
	for len(padded)%3 == 0 {
		n := parse(padded)
		n.set(-1, text("x"))
		padded = encode(n)
	}
	loose := []byte(b64.EncodeToString(padded))
	loose[len(loose)-1]++
	rows := []struct {
		label
		uri string
	}{
		{label{name: "base", reason: "a good URI"}, "mdoc:" + body},
		{label{name: "base-upper-case", reason: "the scheme in upper case"}, "MDOC:" + body},
		{label{"scheme-other", "engagement.uri", "another scheme", "M1"}, "mdocs:" + body},
		{label{"scheme-of-five", "engagement.uri", "another scheme of as many letters", "M1"}, "mdox:" + body},
		{label{"character-after", "engagement.uri", "a character after a whole engagement", "M1"}, "mdoc:" + b64.EncodeToString(aligned(raw)) + "!"},
		{label{"padding-after", "engagement.uri", "padding after a whole engagement", "M1"}, "mdoc:" + b64.EncodeToString(aligned(raw)) + "="},
		{label{"scheme-missing", "engagement.uri", "no scheme", "M1"}, body},
		{label{"scheme-openid", "engagement.uri", "the scheme of a wallet", "M1"}, "mdoc-openid4vp:" + body},
		{label{"slashes", "engagement.uri", "two slashes: a reader engagement", "M1"}, "mdoc://" + body},
		{label{"padding", "engagement.uri", "base64url with padding", "M1"}, "mdoc:" + base64.URLEncoding.EncodeToString(padded)},
		{label{"standard-alphabet", "engagement.uri", "the alphabet of plain base64", "M1"}, "mdoc:" + base64.RawStdEncoding.EncodeToString(withSpecial(raw))},
		{label{"line-break", "engagement.uri", "a line break inside", "M1"}, "mdoc:" + body[:20] + "\n" + body[20:]},
		{label{"carriage-return", "engagement.uri", "a carriage return at the end", "M1"}, "mdoc:" + body + "\r"},
		{label{"space", "engagement.uri", "a space after the scheme", "M1"}, "mdoc: " + body},
		{label{"left-over-bits", "engagement.uri", "bits left over in the last character", "M1"}, "mdoc:" + string(loose)},
		{label{"hex", "engagement.uri", "hexadecimal", "M1"}, "mdoc:a30063312e30"},
		{label{"empty", "engagement.uri", "nothing after the scheme", "M1"}, "mdoc:"},
		{label{"nothing", "engagement.uri", "no text", "M1"}, ""},
		{label{"cut", "engagement.uri", "cut in the middle", "M1"}, "mdoc:" + body[:40]},
		{label{"no-method", "engagement.uri", "an engagement that names no way to be reached", ""}, "mdoc:" + b64.EncodeToString(encode(withoutMethods))},
		{label{"too-long", "engagement.uri", "more text than the largest engagement", "M1"}, "mdoc:" + string(bytes.Repeat([]byte{'A'}, 6000))},
		{label{"query", "engagement.uri", "a query after the engagement", "M1"}, "mdoc:" + body + "?x=1"},
	}
	var out []Case
	for _, r := range rows {
		c := r.of(EngagementURI, "base")
		c.add("uri", []byte(r.uri))
		out = append(out, c)
	}
	return out
}

// aligned is an engagement of a length that base64 writes without a remainder.
func aligned(raw []byte) []byte {
	for n := 0; ; n++ {
		e := parse(raw)
		e.set(-1, bstr(make([]byte, n)))
		if b := encode(e); len(b)%3 == 0 {
			return b
		}
	}
}

// withSpecial is an engagement whose base64 needs the characters in which the two alphabets differ.
func withSpecial(raw []byte) []byte {
	n := parse(raw)
	n.set(-1, bstr(bytes.Repeat([]byte{0xfb, 0xff}, 6)))
	return encode(n)
}

func transcriptCases(*authority) []Case {
	good := parse(qrSession("first", agreementKey("reader ephemeral")).Array())
	row := func(name, reason string, edit func(*node)) engagementRow {
		return engagementRow{label{name, "transcript.decode", reason, "P5 M1"}, edit}
	}
	rows := []engagementRow{
		{label{name: "base", reason: "a good transcript of a QR engagement"}, func(*node) {}},
		row("two-elements", "two elements", func(n *node) { n.items = n.items[:2] }),
		row("four-elements", "four elements", func(n *node) { n.items = append(n.items, null()) }),
		row("map", "a map", func(n *node) { n.become(mapOf()) }),
		row("tagged", "the tag 24 form", func(n *node) { n.become(embed(&node{major: n.major, items: n.items})) }),
		row("engagement-bare", "the engagement without tag 24", func(n *node) { n.items[0] = goodEngagement() }),
		row("engagement-bstr", "the engagement as a byte string", func(n *node) { n.items[0] = n.items[0].items[0] }),
		row("key-bare", "the reader's key without tag 24", func(n *node) { n.items[1] = keyNode(p256Key("x").Public()) }),
		row("key-text", "the reader's key as text", func(n *node) { n.items[1] = text("key") }),
		row("head-long", "the array's head longer than needed", func(n *node) { b := encode(n); n.become(verbatim(append([]byte{0x98, 3}, b[1:]...)...)) }),
		row("indefinite", "an array of indefinite length", func(n *node) {
			b := encode(n)
			n.become(verbatim(append(append([]byte{0x9f}, b[1:]...), 0xff)...))
		}),
		row("trailing", "a byte after it", func(n *node) { n.become(verbatim(append(encode(n), 0)...)) }),
		row("too-long", "more than 96 KiB", func(n *node) { n.items[2] = bstr(make([]byte, 96<<10)) }),
	}
	var out []Case
	for _, r := range rows {
		n := parse(encode(good))
		r.edit(n)
		c := r.of(Transcript, "base")
		c.add("transcript", encode(n))
		out = append(out, c)
	}
	return out
}
