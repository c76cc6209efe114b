package corpus

import "slices"

// selectRows are messages that show an mdoc and are spoiled.
func selectRows() []handRow {
	var rows []handRow
	add := func(name, fails, reason string, edit func(*hand)) {
		h := goodSelect()
		edit(h)
		r := handRow{label{name: name, reason: reason}, h, nil}
		if fails != "" {
			r.label = label{"select-" + name, fails, reason, "M1"}
		}
		rows = append(rows, r)
	}
	good := func(name, reason string, edit func(*hand)) { add("base-"+name, "", reason, edit) }
	row := func(name, reason string, edit func(*hand)) { add(name, "handover.decode", reason, edit) }
	raw := func(name, reason string, edit func([]byte) []byte) {
		row(name, reason, func(h *hand) { h.onRaw = edit })
	}
	alternative := func(name, reason string, payload ...string) {
		row("alternative-"+name, reason, func(h *hand) {
			h.inner = nil
			for _, p := range payload {
				h.inner = append(h.inner, alternativeCarrier(p))
			}
		})
	}
	ble := func(name, reason string, fields ...[]byte) {
		row("ble-"+name, reason, func(h *hand) { h.ble(bleFields(fields...)...) })
	}
	nfc := func(name, reason string, payload ...byte) {
		row("nfc-"+name, reason, func(h *hand) { h.nfc(payload...) })
	}
	device := func(name, reason string, edit func(*record)) {
		row("engagement-"+name, reason, func(h *hand) { edit(&h.outer[1]) })
	}
	const carrier = "\x01\x010\x01\x04mdoc"
	role, uuid := bleField(0x1c, 1), bleField(0x07, draw("uuid", 16)...)

	good("version-1-2", "an older minor version", func(h *hand) { h.version = 0x12 })
	good("nfc", "NFC data transfer with the largest limits", func(h *hand) { h.nfc(0x01, 3, 1, 0xff, 0xff, 4, 2, 1, 0, 0) })
	good("nfc-least", "NFC data transfer with the least limits", func(h *hand) { h.nfc(0x01, 3, 1, 0, 0xff, 3, 2, 1, 0) })
	good("error-record", "an error record beside the carrier", func(h *hand) {
		h.inner = append(h.inner, record{tnf: ndefWellKnown, typ: "err", payload: []byte{1, 1}})
	})
	good("psm", "a PSM and a device address", func(h *hand) {
		h.ble(bleFields(bleField(0x1b, draw("address", 7)...), bleField(0x1c, 0), uuid, bleField(0x77, 0, 0, 0xff, 0xff))...)
	})
	raw("empty", "no bytes", func([]byte) []byte { return []byte{} })
	raw("cut", "the last byte is missing", func(b []byte) []byte { return b[:len(b)-1] })
	raw("trailing", "a byte after the last record", func(b []byte) []byte { return append(b, 0) })
	raw("too-long", "more than 32 KiB", func(b []byte) []byte { return append(b, make([]byte, 32<<10)...) })
	raw("one-byte", "one byte", func(b []byte) []byte { return b[:1] })
	row("begin-missing", "the first record is none", func(h *hand) { h.onRaw = func(b []byte) []byte { b[0] ^= ndefBegin; return b } })
	row("begin-twice", "a second beginning", func(h *hand) { h.outer[0].flags = ndefBegin })
	row("end-missing", "no record is the last", func(h *hand) { h.outer[1].flags = ndefEnd })
	row("end-early", "the end before the last record", func(h *hand) { h.outer[0].flags = ndefEnd })
	row("chunk", "a chunk", func(h *hand) { h.outer[0].flags = ndefChunk })
	row("format-6", "the type name format of a chunk", func(h *hand) { h.outer[0].tnf = 6 })
	row("format-7", "a type name format that is reserved", func(h *hand) { h.outer[0].tnf = 7 })
	row("format-without-type", "a media record without a type", func(h *hand) { h.outer[0].typ = "" })
	row("format-with-type", "a type where the format has none", func(h *hand) { h.outer[0].tnf = 5 })
	row("empty-record-with-content", "an empty record with content", func(h *hand) {
		h.outer = append(h.outer, record{payload: []byte{1}})
	})
	row("empty-record-with-id", "an empty record with an ID", func(h *hand) { h.outer = append(h.outer, record{id: "x"}) })
	row("records-many", "more records than are taken", func(h *hand) {
		for range 63 {
			h.outer = append(h.outer, record{tnf: ndefExternal, typ: "x.example:y"})
		}
	})
	row("first-other", "another record first", func(h *hand) { h.typ = "Hi" })
	row("first-request", "a handover request", func(h *hand) { h.typ = "Hr" })
	row("version-2", "major version 2", func(h *hand) { h.version = 0x20 })
	row("version-0", "major version 0", func(h *hand) { h.version = 0x05 })
	row("carrier-none", "no carrier", func(h *hand) { h.inner = nil })
	row("inside-broken", "the message inside is cut", func(h *hand) { h.inner[0].flags = ndefEnd })
	row("inside-error-alone", "an error record and no carrier", func(h *hand) {
		h.inner = []record{{tnf: ndefWellKnown, typ: "err", payload: []byte{1, 1}}}
	})
	row("collision-one-byte", "a collision record of one byte", func(h *hand) { h.inner = append(h.inner, collision(1)) })
	row("collision-twice", "two collision records", func(h *hand) { h.inner = append(h.inner, collision(1, 2), collision(1, 2)) })
	alternative("twice", "one carrier twice", carrier, carrier)
	row("alternative-nine", "nine carriers", func(h *hand) {
		for _, id := range []string{"1", "2", "3", "4", "5", "6", "7", "8"} {
			h.inner = append(h.inner, alternativeCarrier("\x01\x01"+id+"\x01\x04mdoc"))
			h.outer = append(h.outer, record{tnf: ndefMedia, typ: "application/x-one", id: id})
		}
	})
	alternative("empty", "an alternative without content", "")
	alternative("unknown", "a carrier that is not there", "\x01\x019\x01\x04mdoc")
	alternative("auxiliary-unknown", "an auxiliary record that is not there", "\x01\x010\x02\x04mdoc\x01x")
	alternative("without-engagement", "an alternative that does not point at the engagement", "\x01\x010\x00")
	alternative("engagement", "the engagement as a carrier", "\x01\x04mdoc\x01\x04mdoc")
	alternative("cut", "an alternative that is cut", "\x01\x010\x01\x04mdo")
	alternative("two-bytes", "an alternative of two bytes", "\x01\x01")
	alternative("no-count", "an alternative without its number of auxiliary records", "\x01\x010")
	alternative("tail", "a byte after an alternative", carrier+"x")
	alternative("nameless", "an alternative with an empty reference", "\x01\x00\x01\x04mdoc")
	alternative("auxiliary-missing", "an auxiliary reference that is missing", "\x01\x010\x01")
	device("missing", "no engagement", func(r *record) { r.typ = "iso.org:18013:other" })
	row("engagement-id", "an engagement under another ID", func(h *hand) {
		h.outer[1].id = "other"
		h.inner = []record{alternativeCarrier("\x01\x010\x01\x05other")}
	})
	row("engagement-twice", "two engagements", func(h *hand) {
		h.outer = append(h.outer, h.outer[1])
		h.outer[1].id = "other"
	})
	row("id-twice", "two records of one ID", func(h *hand) { h.outer = append(h.outer, h.outer[0]) })
	device("malformed", "a malformed engagement", func(r *record) { r.payload = []byte{0xa0} })
	device("off-curve", "an engagement with a key off its curve", func(r *record) {
		e := parse(r.payload)
		e.get(1, 1).within(flip(7, -2))
		r.payload = encode(e)
	})
	ble("role-missing", "no LE role", uuid)
	ble("role-4", "LE role 4", bleField(0x1c, 4), uuid)
	ble("role-two-bytes", "an LE role of two bytes", bleField(0x1c, 1, 1), uuid)
	ble("role-twice", "the LE role twice", role, role, uuid)
	ble("field-empty", "a field of length zero", role, uuid, []byte{0})
	ble("field-past-end", "a field that passes the end", role, uuid[:len(uuid)-1])
	ble("uuid-15", "a UUID of 15 bytes", role, bleField(0x07, draw("uuid", 15)...))
	ble("uuid-two", "two UUIDs", role, bleField(0x07, draw("uuid", 32)...))
	ble("address-5", "a device address of five bytes", role, uuid, bleField(0x1b, draw("address", 5)...))
	ble("address-8", "a device address of eight bytes", role, uuid, bleField(0x1b, draw("address", 8)...))
	ble("psm-two-bytes", "a PSM of two bytes", role, uuid, bleField(0x77, 0, 0xe0))
	ble("psm-17-bits", "a PSM of 17 bits", role, uuid, bleField(0x77, 0, 1, 0, 0))
	ble("service-data-short", "service data of one byte", role, uuid, bleField(0x16, 1))
	nfc("empty", "an NFC carrier without version")
	nfc("version-2", "an NFC carrier of version 2", 2)
	nfc("answer-missing", "no limit for response data", 1, 3, 1, 0xff, 0xff)
	nfc("command-missing", "no limit for command data", 1, 4, 2, 1, 0, 0)
	nfc("command-small", "less than 255 bytes of command data", 1, 3, 1, 0, 0xfe, 4, 2, 1, 0, 0)
	nfc("command-large", "more than 65535 bytes of command data", 1, 4, 1, 1, 0, 0, 4, 2, 1, 0, 0)
	nfc("answer-small", "less than 256 bytes of response data", 1, 3, 1, 0xff, 0xff, 3, 2, 0, 0xff)
	nfc("answer-large", "more than 65536 bytes of response data", 1, 3, 1, 0xff, 0xff, 4, 2, 1, 0, 1)
	nfc("zero", "limits of zero", 1, 3, 1, 0, 0, 3, 2, 0, 0)
	nfc("four-bytes", "a limit of four bytes", 1, 5, 1, 0, 0, 0xff, 0xff, 4, 2, 1, 0, 0)
	nfc("no-value", "a limit without a value", 1, 1, 1, 4, 2, 1, 0, 0)
	nfc("twice", "a limit twice", 1, 3, 1, 0xff, 0xff, 3, 1, 0xff, 0xff, 4, 2, 1, 0, 0)
	nfc("past-end", "a limit that passes the end", 1, 3, 1, 0xff)
	return rows
}

// requestRows are messages that a reader shows and that are spoiled. What they share with a select is spoiled there.
func requestRows() []handRow {
	var rows []handRow
	row := func(name, reason string, edit func(*hand)) {
		h := goodRequest()
		edit(h)
		rows = append(rows, handRow{label{"request-" + name, "handover.decode", reason, "M1"}, nil, h})
	}
	reader := func(name, reason string, n *node) {
		row("engagement-"+name, reason, func(h *hand) { h.outer[1].payload = encode(n) })
	}
	row("first-select", "a handover select", func(h *hand) { h.typ = "Hs" })
	row("uuid-missing", "mdoc central client mode without a UUID", func(h *hand) { h.ble(bleField(0x1c, 0)...) })
	row("uuid-missing-preferred", "a reader that may be the peripheral, without a UUID", func(h *hand) { h.ble(bleField(0x1c, 3)...) })
	reader("version-2", "a reader engagement of version 2.0", mapOf(0, text("2.0")))
	reader("version-missing", "a reader engagement without a version", mapOf())
	reader("array", "a reader engagement that is an array", array())
	row("engagement-id", "a reader engagement under another ID", func(h *hand) { h.outer[1].id = "x" })
	row("engagement-twice", "two reader engagements", func(h *hand) {
		h.outer = append(h.outer, h.outer[1])
		h.outer[1].id = "x"
	})
	row("engagement-as-carrier", "the reader engagement as a carrier", func(h *hand) { h.inner[1] = alternativeCarrier("\x01\x0amdocreader\x00") })
	row("trailing", "a byte after the last record", func(h *hand) { h.onRaw = func(b []byte) []byte { return append(b, 0) } })
	return rows
}

// matchRows are good messages that do not belong together.
func matchRows() []handRow {
	var rows []handRow
	row := func(name, reason string, edit func(sel, request *hand)) {
		s, q := goodSelect(), goodRequest()
		edit(s, q)
		rows = append(rows, handRow{label{"match-" + name, "handover.match", reason, "P5"}, s, q})
	}
	alone := func(name, reason string, edit func(*hand)) {
		s := goodSelect()
		edit(s)
		rows = append(rows, handRow{label{"static-" + name, "handover.match", reason, "P5"}, s, nil})
	}
	limits := []byte{1, 3, 1, 0xff, 0xff, 4, 2, 1, 0, 0}
	alone("uuid-missing", "BLE without a UUID and no request that gives one", func(h *hand) { h.ble(bleField(0x1c, 1)...) })
	alone("server-uuid-missing", "mdoc peripheral server mode without a UUID", func(h *hand) { h.ble(bleField(0x1c, 0)...) })
	alone("nfc-bare", "an NFC carrier of the mdoc without limits", func(h *hand) { h.nfc(1) })
	row("not-offered", "NFC where BLE was offered", func(s, _ *hand) { s.nfc(limits...) })
	row("two", "two carriers selected", func(s, q *hand) {
		s.inner = append(slices.Clone(s.inner), alternativeCarrier("\x01\x01n\x01\x04mdoc"))
		s.outer = append(s.outer, record{tnf: ndefExternal, typ: "iso.org:18013:nfc", id: "n", payload: limits})
		q.inner = append(slices.Clone(q.inner), alternativeCarrier("\x01\x01n\x00"))
		q.outer = append(q.outer, record{tnf: ndefExternal, typ: "iso.org:18013:nfc", id: "n", payload: []byte{1}})
	})
	row("both-central", "both are central", func(_, q *hand) { q.ble(bleFields(bleField(0x1c, 1), bleField(0x07, draw("reader uuid", 16)...))...) })
	row("both-peripheral", "both are peripheral", func(s, _ *hand) { s.ble(bleFields(bleField(0x1c, 0), bleField(0x07, draw("uuid", 16)...))...) })
	row("other-type", "a carrier of another type than the one offered", func(s, q *hand) {
		s.outer[0] = record{tnf: ndefMedia, typ: "application/x-one", id: "0"}
		q.outer[0] = record{tnf: ndefMedia, typ: "application/x-two", id: "0"}
	})
	row("other-format", "a carrier of another type name format than the one offered", func(s, q *hand) {
		s.outer[0] = record{tnf: ndefMedia, typ: "x.example:one", id: "0"}
		q.outer[0] = record{tnf: ndefExternal, typ: "x.example:one", id: "0"}
	})
	row("nfc-bare", "an NFC carrier of the mdoc without limits", func(s, q *hand) { s.nfc(1); q.nfc(1) })
	row("server-uuid-missing", "mdoc peripheral server mode without a UUID", func(s, q *hand) {
		s.ble(bleField(0x1c, 0)...)
		q.ble(bleField(0x1c, 1)...)
	})
	return rows
}
