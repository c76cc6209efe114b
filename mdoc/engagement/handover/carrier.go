package handover

import (
	"encoding/binary"
	"fmt"

	"mobileid/mdoc/engagement/ndef"
)

// Types of the carrier records, ISO/IEC 18013-5:2021, 8.2.2.1.
const (
	typeNFC       = "iso.org:18013:nfc"
	typeBLE       = "application/vnd.bluetooth.le.oob"
	typeWiFiAware = "application/vnd.wfa.nan"
)

// Kind is the technology of a carrier.
type Kind int

// The kinds of carriers; KindOther is one this package does not know.
const (
	KindOther Kind = iota
	KindNFC
	KindBLE
	KindWiFiAware
)

// PowerState is the state of a carrier in its alternative carrier record (Connection Handover 1.5, 6.2.1).
type PowerState byte

// PowerActive is what is written; what the other end says of its radio has no effect.
const PowerActive PowerState = 1

// Carrier is one way to reach the other end. Exactly one of NFC, BLE, WiFiAware and Other is set.
type Carrier struct {
	ID    string     // the reference of the alternative carrier record
	Power PowerState // as received; written as PowerActive
	NFC   *NFC
	BLE   *BLE
	// WiFiAware is the payload of the record (Wi-Fi Aware 3.1, clause 12), which is not looked into.
	WiFiAware []byte
	Other     *ndef.Record
}

// Kind tells which of the fields is set.
func (c Carrier) Kind() Kind {
	switch {
	case c.NFC != nil:
		return KindNFC
	case c.BLE != nil:
		return KindBLE
	case c.WiFiAware != nil:
		return KindWiFiAware
	}
	return KindOther
}

// NFC is the carrier record of NFC data transfer, ISO/IEC 18013-5:2021, 8.2.2.1:
//
//	01, and from the mdoc: length 01 maximum command data, length 02 maximum response data
//
// A length counts its type. The reader sends the version alone; some send the limits too.
type NFC struct {
	MaxCommandData  int // 255 to 65535; 0 from a reader
	MaxResponseData int // 256 to 65536; 0 from a reader
}

const (
	nfcVersion     = 0x01
	nfcMaxCommand  = 0x01
	nfcMaxResponse = 0x02
)

func (n NFC) check() error {
	if n == (NFC{}) {
		return nil
	}
	if n.MaxCommandData < 255 || n.MaxCommandData > 65535 || n.MaxResponseData < 256 || n.MaxResponseData > 65536 {
		return fmt.Errorf("NFC limits %d and %d: %w", n.MaxCommandData, n.MaxResponseData, ErrMalformed)
	}
	return nil
}

func (n NFC) payload() []byte {
	if n == (NFC{}) {
		return []byte{nfcVersion}
	}
	b := appendLimit([]byte{nfcVersion}, nfcMaxCommand, n.MaxCommandData)
	return appendLimit(b, nfcMaxResponse, n.MaxResponseData)
}

// appendLimit writes a limit in two bytes, or three where it has no room.
func appendLimit(b []byte, typ byte, v int) []byte {
	if v > 0xFFFF {
		return append(b, 4, typ, byte(v>>16), byte(v>>8), byte(v))
	}
	return append(b, 3, typ, byte(v>>8), byte(v))
}

func parseNFC(b []byte) (*NFC, error) {
	if len(b) == 0 || b[0] != nfcVersion {
		return nil, fmt.Errorf("NFC carrier: version: %w", ErrMalformed)
	}
	fields, err := parseFields(b[1:])
	if err != nil {
		return nil, fmt.Errorf("NFC carrier: %w", err)
	}
	n := new(NFC)
	for _, f := range fields {
		switch f.typ {
		case nfcMaxCommand:
			n.MaxCommandData, err = limit(f.value)
		case nfcMaxResponse:
			n.MaxResponseData, err = limit(f.value)
		}
		if err != nil {
			return nil, fmt.Errorf("NFC carrier: %w", err)
		}
	}
	if err := n.check(); err != nil {
		return nil, fmt.Errorf("NFC carrier: %w", err)
	}
	return n, nil
}

// limit reads a number of one to three bytes that is not zero.
func limit(b []byte) (int, error) {
	if len(b) > 3 {
		return 0, fmt.Errorf("a limit of %d bytes: %w", len(b), ErrMalformed)
	}
	v := binary.BigEndian.Uint32(append(make([]byte, 4-len(b), 4), b...))
	if v == 0 {
		return 0, fmt.Errorf("a limit of 0: %w", ErrMalformed)
	}
	return int(v), nil
}

// field is a length, which counts the type, a type and a value: the form of both the NFC and the BLE carrier.
type field struct {
	typ   byte
	value []byte
}

// parseFields splits b into fields of different types.
func parseFields(b []byte) ([]field, error) {
	var out []field
	var seen [256]bool
	for len(b) > 0 {
		n := int(b[0])
		if n == 0 || n >= len(b) {
			return nil, fmt.Errorf("a field of length %d where %d bytes are left: %w", n, len(b)-1, ErrMalformed)
		}
		f := field{typ: b[1], value: b[2 : 1+n : 1+n]}
		if seen[f.typ] {
			return nil, fmt.Errorf("field %02X twice: %w", f.typ, ErrMalformed)
		}
		seen[f.typ] = true
		out, b = append(out, f), b[1+n:]
	}
	return out, nil
}

// parseCarrier reads the record of a carrier.
func parseCarrier(r ndef.Record) (c Carrier, err error) {
	c.ID = r.ID
	switch {
	case r.Is(ndef.External, typeNFC):
		c.NFC, err = parseNFC(r.Payload)
	case r.Is(ndef.Media, typeBLE):
		c.BLE, err = parseBLE(r.Payload)
	case r.Is(ndef.Media, typeWiFiAware):
		c.WiFiAware = append([]byte{}, r.Payload...)
	default:
		other := r
		other.Payload = append([]byte{}, r.Payload...)
		c.Other = &other
	}
	return c, err
}

// record writes the record of a carrier.
func (c Carrier) record() (ndef.Record, error) {
	set := 0
	for _, there := range []bool{c.NFC != nil, c.BLE != nil, c.WiFiAware != nil, c.Other != nil} {
		if there {
			set++
		}
	}
	switch {
	case set != 1:
		return ndef.Record{}, fmt.Errorf("carrier of %d kinds: %w", set, ErrMalformed)
	case c.ID == "":
		return ndef.Record{}, fmt.Errorf("carrier without ID: %w", ErrMalformed)
	case c.NFC != nil:
		return ndef.Record{TNF: ndef.External, Type: typeNFC, ID: c.ID, Payload: c.NFC.payload()}, c.NFC.check()
	case c.BLE != nil:
		return ndef.Record{TNF: ndef.Media, Type: typeBLE, ID: c.ID, Payload: c.BLE.payload()}, c.BLE.check()
	case c.WiFiAware != nil:
		return ndef.Record{TNF: ndef.Media, Type: typeWiFiAware, ID: c.ID, Payload: c.WiFiAware}, nil
	}
	r := *c.Other
	r.ID = c.ID
	return r, nil
}
