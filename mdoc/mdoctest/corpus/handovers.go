package corpus

import (
	"errors"

	"mobileid/mdoc/engagement/handover"
	"mobileid/mdoc/verdict"
)

// Type name formats and flags of a record (NDEF 1.0, 3.2).
const (
	ndefWellKnown = 1
	ndefMedia     = 2
	ndefExternal  = 4

	ndefBegin = 0x80
	ndefEnd   = 0x40
	ndefChunk = 0x20
	ndefShort = 0x10
	ndefID    = 0x08
)

// record is one NDEF record that can be written wrongly.
type record struct {
	tnf     byte
	typ, id string
	payload []byte
	flags   byte // flags that are turned round
}

func (r record) append(b []byte, position byte) []byte {
	head := position | r.tnf
	n := len(r.payload)
	if n < 256 {
		head |= ndefShort
	}
	if r.id != "" {
		head |= ndefID
	}
	b = append(b, head^r.flags, byte(len(r.typ)))
	if n >= 256 {
		b = append(b, byte(n>>24), byte(n>>16), byte(n>>8))
	}
	b = append(b, byte(n))
	if r.id != "" {
		b = append(b, byte(len(r.id)))
	}
	return append(append(append(b, r.typ...), r.id...), r.payload...)
}

func records(list ...record) []byte {
	var b []byte
	for i, r := range list {
		var position byte
		if i == 0 {
			position |= ndefBegin
		}
		if i == len(list)-1 {
			position |= ndefEnd
		}
		b = r.append(b, position)
	}
	return b
}

// hand is a Handover Select or Request in parts: the records inside the first one, and those after it.
type hand struct {
	typ          string
	version      byte
	inner, outer []record
	onRaw        func([]byte) []byte
}

func (h *hand) build() []byte {
	head := record{tnf: ndefWellKnown, typ: h.typ, payload: append([]byte{h.version}, records(h.inner...)...)}
	raw := records(append([]record{head}, h.outer...)...)
	if h.onRaw != nil {
		raw = h.onRaw(raw)
	}
	return raw
}

func (h *hand) ble(payload ...byte) { h.outer[0].payload = payload }

// nfc puts an NFC carrier in the place of BLE.
func (h *hand) nfc(payload ...byte) {
	h.outer[0] = record{tnf: ndefExternal, typ: "iso.org:18013:nfc", id: "0", payload: payload}
}

func alternativeCarrier(payload string) record {
	return record{tnf: ndefWellKnown, typ: "ac", payload: []byte(payload)}
}

func collision(number ...byte) record {
	return record{tnf: ndefWellKnown, typ: "cr", payload: number}
}

// bleField is a field of the BLE and NFC carriers: its length, which counts the type, type and value.
func bleField(typ byte, value ...byte) []byte {
	return append([]byte{byte(1 + len(value)), typ}, value...)
}

func bleFields(fields ...[]byte) []byte {
	var b []byte
	for _, f := range fields {
		b = append(b, f...)
	}
	return b
}

// goodSelect shows BLE in mdoc central client mode and the engagement, which names no way to be reached itself.
func goodSelect() *hand {
	e := goodEngagement()
	e.remove(2)
	return &hand{typ: "Hs", version: 0x15, inner: []record{alternativeCarrier("\x01\x010\x01\x04mdoc")}, outer: []record{
		{tnf: ndefMedia, typ: "application/vnd.bluetooth.le.oob", id: "0", payload: bleFields(bleField(0x1c, 1), bleField(0x07, draw("uuid", 16)...))},
		{tnf: ndefExternal, typ: "iso.org:18013:deviceengagement", id: "mdoc", payload: encode(e)},
	}}
}

// goodRequest offers BLE with the reader as the peripheral.
func goodRequest() *hand {
	return &hand{typ: "Hr", version: 0x15, inner: []record{collision(1, 2), alternativeCarrier("\x01\x010\x00")}, outer: []record{
		{tnf: ndefMedia, typ: "application/vnd.bluetooth.le.oob", id: "0", payload: bleFields(bleField(0x1c, 0), bleField(0x07, draw("reader uuid", 16)...))},
		{tnf: ndefExternal, typ: "iso.org:18013:readerengagement", id: "mdocreader", payload: encode(mapOf(0, text("1.0")))},
	}}
}

func judgeHandover(c *Case) (verdict.Verdict, error) {
	selects, requests := c.files("handover_select"), c.files("handover_request")
	if len(selects)+len(requests) == 0 {
		return verdict.Verdict{}, errors.New("no message of a handover")
	}
	var request *handover.Request
	if len(requests) > 0 {
		var err error
		if request, err = handover.ParseRequest(requests[0]); err != nil || len(selects) == 0 {
			return stage(c.Kind, "handover.decode", err), nil
		}
	}
	sel, err := handover.ParseSelect(selects[0])
	v := stage(c.Kind, "handover.decode", err)
	if err == nil {
		_, err = handover.New(sel, request)
		v.Append(stage(c.Kind, "handover.match", err))
	}
	return v, nil
}

// handRow is a case of the messages of a handover; nil where there is none.
type handRow struct {
	label
	sel, request *hand
}

func handoverCases(*authority) []Case {
	rows := []handRow{
		{label{name: "base", reason: "a good handover select"}, goodSelect(), nil},
		{label{name: "base-request", reason: "a good handover request"}, nil, goodRequest()},
		{label{name: "base-negotiated", reason: "a select that answers a request"}, goodSelect(), goodRequest()},
	}
	var out []Case
	for _, r := range append(append(append(rows, selectRows()...), requestRows()...), matchRows()...) {
		base := "base"
		if r.request != nil {
			base = "base-request"
		}
		if r.sel != nil && r.request != nil {
			base = "base-negotiated"
		}
		c := r.of(NFCHandover, base)
		if r.sel != nil {
			c.add("handover_select", r.sel.build())
		}
		if r.request != nil {
			c.add("handover_request", r.request.build())
		}
		out = append(out, c)
	}
	return out
}
