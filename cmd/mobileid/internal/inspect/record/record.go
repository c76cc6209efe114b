// Package record shows an NDEF message of NFC engagement (ISO/IEC 18013-5:2021, 8.2.2.1; NFC Forum Connection Handover 1.5, TNEP 1.0) record by
// record for `mobileid inspect`: carriers, their fields, and the engagement that a record holds, which the caller opens.
//
// It trusts nothing and judges nothing; a record that is cut off ends the tree with the place.
//
// Start at [Read].
package record

import (
	"encoding/binary"
	"fmt"
	"slices"

	"mobileid/cmd/mobileid/internal/inspect/annotate"
)

// record is one NDEF record, NFC Forum NDEF 1.0, 3.2:
//
//	flags (MB ME CF SR IL TNF) ‖ type length ‖ payload length (1 or 4) ‖ [id length] ‖ type ‖ [id] ‖ payload
type record struct {
	begin, end    bool
	tnf           byte
	typ, id       string
	payload       []byte
	at, payloadAt int
	next          int
}

// readRecord reads the record at off.
func readRecord(b []byte, off int) (record, *annotate.Fault) {
	cut := annotate.Faultf(off, "an NDEF record that is cut off")
	if len(b)-off < 3 {
		return record{}, cut
	}
	flags, at := b[off], off+2
	r := record{begin: flags&0x80 != 0, end: flags&0x40 != 0, tnf: flags & 7, at: off}
	if flags&0x20 != 0 {
		return record{}, annotate.Faultf(off, "an NDEF record in chunks, which handover does not use")
	}
	length := int(b[at])
	at++
	if flags&0x10 == 0 {
		if len(b)-at < 3 {
			return record{}, cut
		}
		length = int(binary.BigEndian.Uint32(b[at-1:]))
		at += 3
	}
	idLength := 0
	if flags&0x08 != 0 {
		if len(b)-at < 1 {
			return record{}, cut
		}
		idLength = int(b[at])
		at++
	}
	typeLength := int(b[off+1])
	if length > len(b) || typeLength+idLength+length > len(b)-at {
		return record{}, cut
	}
	r.typ, r.id = string(b[at:at+typeLength]), string(b[at+typeLength:at+typeLength+idLength])
	r.payloadAt = at + typeLength + idLength
	r.next = r.payloadAt + length
	r.payload = b[r.payloadAt:r.next]
	return r, nil
}

// Looks reports whether data is an NDEF message of a kind that meets here, from its first record.
func Looks(data []byte) bool {
	if len(data) < 4 || data[0]&0x80 == 0 {
		return false
	}
	n := int(data[1])
	known := []string{"Hs", "Hr", "Tp", "Ts", "Te", "iso.org:18013:deviceengagement"}
	for _, at := range []int{3, 4, 6, 7} { // short or long payload length, with or without id
		if at+n <= len(data) && slices.Contains(known, string(data[at:at+n])) {
			return true
		}
	}
	return false
}

// Opener gives the tree of a record's payload, which is of the type as and begins at the offset at.
type Opener func(payload []byte, as string, at int) (*annotate.Node, *annotate.Fault)

// Read shows a message. Offsets count from base; after a fault the tree goes as far as the records were good.
func Read(data []byte, base int, open Opener) (*annotate.Node, *annotate.Fault) {
	root := &annotate.Node{Type: "NDEF", Offset: base, Length: len(data), Clause: "ISO/IEC 18013-5:2021, 8.2.2.1; NFC Forum NDEF", Meaning: "message of records"}
	for off := 0; off < len(data); {
		r, f := readRecord(data, off)
		if f != nil {
			f.Offset += base
			return root, f
		}
		node, f := open.show(r, base)
		root.Add(node)
		if f != nil {
			return root, f
		}
		off = r.next
		if r.end && off != len(data) {
			return root, annotate.Faultf(base+off, "%d bytes follow the last NDEF record", len(data)-off)
		}
		if off == len(data) && !r.end {
			return root, annotate.Faultf(base+off, "the last NDEF record says that another follows")
		}
	}
	return root, nil
}

func (open Opener) show(r record, base int) (*annotate.Node, *annotate.Fault) {
	node := &annotate.Node{Type: "record", Name: r.typ, Offset: base + r.at, Length: r.next - r.at, Clause: "NFC Forum NDEF, 3.2"}
	if r.id != "" {
		node.Add(annotate.Note("id", r.id))
	}
	at := base + r.payloadAt
	switch {
	case r.tnf == 1:
		return open.wellKnown(node, r, at)
	case r.tnf == 2 && r.typ == "application/vnd.bluetooth.le.oob":
		node.Clause, node.Meaning = "ISO/IEC 18013-5:2021, 8.2.2.1; Bluetooth Supplement", "carrier: Bluetooth Low Energy"
		showOOB(node, r.payload, at)
	case r.tnf == 2 && r.typ == "application/vnd.wfa.nan":
		node.Clause, node.Meaning = "Wi-Fi Aware 3.1, 12", "carrier: Wi-Fi Aware"
		node.Add(annotate.Bytes("payload", "payload", at, r.payload))
	case r.tnf == 4 && r.typ == "iso.org:18013:deviceengagement":
		node.Clause, node.Meaning = "ISO/IEC 18013-5:2021, 8.2.2.1", "device engagement, goes into the transcript as it is"
		return open.embed(node, r.payload, "DeviceEngagement", at)
	case r.tnf == 4 && r.typ == "iso.org:18013:readerengagement":
		node.Clause, node.Meaning = "ISO/IEC 18013-5 second edition, 9.2", "reader engagement"
		return open.embed(node, r.payload, "ReaderEngagement", at)
	case r.tnf == 4 && r.typ == "iso.org:18013:nfc":
		node.Clause, node.Meaning = "ISO/IEC 18013-5:2021, 8.2.2.1", "carrier: NFC"
		showNFC(node, r.payload)
	default:
		node.Meaning = "a record that handover does not define"
		node.Add(annotate.Bytes("payload", "payload", at, r.payload))
	}
	return node, nil
}

func (open Opener) embed(node *annotate.Node, payload []byte, as string, at int) (*annotate.Node, *annotate.Fault) {
	child, f := open(payload, as, at)
	node.Add(child)
	return node, f
}

func (open Opener) wellKnown(node *annotate.Node, r record, at int) (*annotate.Node, *annotate.Fault) {
	node.Clause = "NFC Forum Connection Handover 1.5"
	switch r.typ {
	case "Hs", "Hr":
		node.Meaning = map[string]string{"Hs": "handover select: the mdoc's choice", "Hr": "handover request: what the reader offers"}[r.typ]
		if len(r.payload) == 0 {
			return node, annotate.Faultf(at, "a handover record without a version")
		}
		node.Add(annotate.Note("version", fmt.Sprintf("%d.%d", r.payload[0]>>4, r.payload[0]&15)))
		for off := 1; off < len(r.payload); {
			inner, f := readRecord(r.payload, off)
			if f != nil {
				f.Offset += at
				return node, f
			}
			child, f := open.show(inner, at)
			node.Add(child)
			if f != nil {
				return node, f
			}
			off = inner.next
		}
	case "ac":
		node.Meaning = "alternative carrier"
		showCarrier(node, r.payload)
	case "cr":
		node.Meaning = "random number against collisions"
		node.Add(annotate.Bytes("payload", "random number", at, r.payload))
	case "Tp", "Ts", "Te":
		node.Clause = "NFC Forum TNEP 1.0"
		node.Meaning = map[string]string{"Tp": "service parameters of the tag", "Ts": "service selected by the reader", "Te": "status of the tag"}[r.typ]
		showTNEP(node, r, at)
	default:
		node.Meaning = "a well-known record that handover does not define"
		node.Add(annotate.Bytes("payload", "payload", at, r.payload))
	}
	return node, nil
}

// showCarrier reads an ac record: power state, carrier reference, auxiliary references.
func showCarrier(node *annotate.Node, p []byte) {
	states := []string{"inactive", "active", "activating", "unknown"}
	if len(p) < 2 || 2+int(p[1]) > len(p) {
		node.Say("cut off")
		return
	}
	node.Add(annotate.Note("power state", states[p[0]&3]), annotate.Note("carrier record", string(p[2:2+int(p[1])])))
	rest := p[2+int(p[1]):]
	if len(rest) == 0 {
		return
	}
	for n, rest := int(rest[0]), rest[1:]; n > 0 && len(rest) > 0 && int(rest[0]) < len(rest); n-- {
		node.Add(annotate.Note("auxiliary record", string(rest[1:1+int(rest[0])])))
		rest = rest[1+int(rest[0]):]
	}
}

func showTNEP(node *annotate.Node, r record, at int) {
	p := r.payload
	switch {
	case r.typ == "Tp" && len(p) > 2 && len(p) == 2+int(p[1])+5:
		rest := p[2+int(p[1]):]
		node.Add(annotate.Note("version", fmt.Sprintf("%d.%d", p[0]>>4, p[0]&15)), annotate.Note("service", string(p[2:2+int(p[1])])),
			annotate.Note("communication mode", fmt.Sprint(rest[0])), annotate.Note("minimum waiting time", fmt.Sprint(rest[1])),
			annotate.Note("waiting time extensions", fmt.Sprint(rest[2])), annotate.Note("maximum message size", fmt.Sprint(binary.BigEndian.Uint16(rest[3:]))))
	case r.typ == "Ts" && len(p) > 1 && len(p) == 1+int(p[0]):
		node.Add(annotate.Note("service", string(p[1:])))
	case r.typ == "Te" && len(p) == 1:
		node.Add(annotate.Note("status", map[bool]string{true: "success", false: fmt.Sprintf("error %#x", p[0])}[p[0] == 0]))
	default:
		node.Add(annotate.Bytes("payload", "payload", at, p))
	}
}

// showNFC reads the NFC carrier: version, then length-type-value fields.
func showNFC(node *annotate.Node, p []byte) {
	if len(p) == 0 {
		node.Say("empty")
		return
	}
	node.Add(annotate.Note("version", fmt.Sprint(p[0])))
	eachLTV(p, 1, func(_ int, typ byte, v []byte) {
		n := 0
		for _, b := range v[:min(len(v), 4)] {
			n = n<<8 | int(b)
		}
		name, ok := map[byte]string{1: "maximum command data", 2: "maximum response data"}[typ]
		if !ok {
			name = fmt.Sprintf("field %d", typ)
		}
		node.Add(annotate.Note(name, fmt.Sprintf("%d bytes", n)))
	})
}

// showOOB reads the Bluetooth carrier: length-type-value fields, values little-endian.
func showOOB(node *annotate.Node, p []byte, at int) {
	eachLTV(p, 0, func(off int, typ byte, v []byte) {
		child := annotate.Bytes("oob", "", at+off, v)
		child.Clause = "Bluetooth Supplement to the Core Specification, part A"
		switch {
		case typ == 0x1c && len(v) == 1:
			roles := []string{"peripheral only: the mdoc is the server", "central only: the mdoc is the client", "both, peripheral preferred", "both, central preferred"}
			child.Name = "LE role (1C)"
			if int(v[0]) < len(roles) {
				child.Meaning = roles[v[0]]
			}
		case typ == 0x07 && len(v) == 16:
			r := slices.Clone(v)
			slices.Reverse(r)
			child.Name, child.Meaning = "service UUID (07)", annotate.UUID(r)+", sent little-endian"
		case typ == 0x1b:
			child.Name, child.Meaning = "device address (1B)", "little-endian, then the address type"
		case typ == 0x16 || typ == 0x21:
			child.Name = fmt.Sprintf("service data (%02X)", typ)
		case typ == 0x09 || typ == 0x08:
			child.Name, child.Meaning = fmt.Sprintf("local name (%02X)", typ), ""
		case typ == 0x77:
			child.Name, child.Meaning = "L2CAP PSM (77)", "provisional type of one maker"
		default:
			child.Name = fmt.Sprintf("type %02X", typ)
		}
		node.Add(child)
	})
}

// eachLTV calls f for each field from off on; a length counts the type byte. It stops where the fields do.
func eachLTV(p []byte, off int, f func(off int, typ byte, v []byte)) {
	for off < len(p) {
		n := int(p[off])
		if n == 0 || off+1+n > len(p) {
			return
		}
		f(off, p[off+1], p[off+2:off+1+n])
		off += 1 + n
	}
}
