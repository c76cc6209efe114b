package corpus

import "strings"

// extensionRows are engagements of version 1.1 (ISO/IEC 18013-5 second edition, 9.1 and 9.3; ISO/IEC TS 18013-7, Annex A).
func extensionRows() []engagementRow {
	good := func(name, reason string, edit func(*node)) engagementRow {
		return engagementRow{label{name: "base-" + name, reason: reason}, func(n *node) { n.set(0, text("1.1")); edit(n) }}
	}
	row := func(name, reason string, edit func(*node)) engagementRow {
		return engagementRow{label{"edition2-" + name, "engagement.decode", reason, "M1"}, func(n *node) { n.set(0, text("1.1")); edit(n) }}
	}
	origin := func(category, kind uint64, details *node) *node {
		return mapOf("cat", uinteger(category), "type", uinteger(kind), "details", details)
	}
	domain := origin(1, 1, mapOf("domain", text("reader.example")))
	origins := func(name, reason string, list ...*node) engagementRow {
		return row("origin-"+name, reason, set(array(list...), 5))
	}
	capabilities := func(name, reason string, c *node) engagementRow {
		return row("capabilities-"+name, reason, func(n *node) { n.set(5, array()); n.set(6, c) })
	}
	curves := array()
	many := []*node{}
	for i := range uint64(17) {
		curves.items = append(curves.items, uinteger(i))
		many = append(many, origin(1, 100+i, mapOf("x", null())))
	}
	return []engagementRow{
		good("edition2", "version 1.1 without origins", set(array(), 5)),
		good("edition2-origin", "a website and what the device can do", func(n *node) {
			n.set(5, array(domain, origin(1, 0, mapOf("x", null()))))
			n.set(6, mapOf(0, boolean(true), 1, array(uinteger(1)), 2, boolean(true), 3, boolean(true), 4, boolean(true)))
		}),
		good("edition2-later", "version 1.2, whose members are its own", set(text("1.2"), 0)),
		row("bare", "version 1.1 without its members", func(*node) {}),
		row("origin-in-1-0", "origins in version 1.0", func(n *node) { n.set(0, text("1.0")); n.set(5, array()) }),
		row("capabilities-in-1-0", "capabilities in version 1.0", func(n *node) { n.set(0, text("1.0")); n.set(6, mapOf()) }),
		row("capabilities-alone", "capabilities without origins", set(mapOf(), 6)),
		row("origins-map", "origins that are a map", set(mapOf(), 5)),
		origins("many", "more origins than are taken", many...),
		origins("twice", "two origins of one type", domain, domain),
		origins("category-2", "an origin of another category", origin(2, 1, mapOf("domain", text("reader.example")))),
		origins("details-empty", "an origin without details", origin(1, 0, mapOf())),
		origins("details-array", "details that are an array", origin(1, 0, array(text("x")))),
		origins("details-missing", "no details", mapOf("cat", uinteger(1), "type", uinteger(0))),
		origins("domain-missing", "a website without a domain", origin(1, 1, mapOf("x", null()))),
		origins("domain-number", "a domain that is a number", origin(1, 1, mapOf("domain", uinteger(1)))),
		capabilities("array", "capabilities that are an array", array()),
		capabilities("number", "a capability that is a number", mapOf(3, uinteger(1))),
		capabilities("curves-alone", "curves for MAC keys that are not supported", mapOf(1, array(uinteger(1)))),
		capabilities("curves-refused", "curves where MAC keys are denied", mapOf(0, boolean(false), 1, array(uinteger(1)))),
		capabilities("curves-many", "more curves than are taken", mapOf(0, boolean(true), 1, curves)),
	}
}

// optionRows are retrieval methods over Wi-Fi Aware and to a website.
func optionRows() []engagementRow {
	method := func(kind uint64, options *node) func(*node) {
		return set(array(array(uinteger(kind), uinteger(1), options)), 2)
	}
	row := func(name, reason string, kind uint64, options *node) engagementRow {
		return engagementRow{label{name, "engagement.decode", reason, "M1"}, method(kind, options)}
	}
	good := func(name, reason string, kind uint64, options *node) engagementRow {
		return engagementRow{label{name: "base-" + name, reason: reason}, method(kind, options)}
	}
	bands := bstr([]byte{4})
	site := func(uri string) *node { return mapOf(0, text(uri)) }
	return []engagementRow{
		good("wifi", "Wi-Fi Aware with the longest pass-phrase", 3, mapOf(0, text(strings.Repeat("p", 63)), 1, uinteger(255), 2, uinteger(255), 3, bstr(make([]byte, 8)))),
		row("wifi-phrase-64", "a pass-phrase of 64 bytes", 3, mapOf(0, text(strings.Repeat("p", 64)), 3, bands)),
		row("wifi-class-256", "operating class 256", 3, mapOf(1, uinteger(256), 3, bands)),
		row("wifi-channel-256", "channel 256", 3, mapOf(2, uinteger(256), 3, bands)),
		row("wifi-bands-missing", "no bands", 3, mapOf()),
		row("wifi-bands-empty", "empty bands", 3, mapOf(3, bstr(nil))),
		row("wifi-bands-9", "bands of nine bytes", 3, mapOf(3, bstr(make([]byte, 9)))),
		good("website", "a website", 4, site("https://reader.example/mdoc")),
		row("website-http", "a website without TLS", 4, site("http://reader.example/mdoc")),
		row("website-no-host", "a website without a host", 4, site("https:///mdoc")),
		row("website-port-alone", "a website with a port and no host", 4, site("https://:443/mdoc")),
		row("website-user", "a website with a user's name", 4, site("https://user@reader.example/mdoc")),
		row("website-no-uri", "a website that is no URI", 4, site("https://reader.example/%zz")),
		row("website-long", "a website of more than 2048 bytes", 4, site("https://reader.example/"+strings.Repeat("a", 2048))),
		row("website-bytes", "a website that is a byte string", 4, mapOf(0, bstr([]byte("https://reader.example/")))),
	}
}
