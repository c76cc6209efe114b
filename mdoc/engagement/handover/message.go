package handover

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"mobileid/mdoc/cbor"
	"mobileid/mdoc/engagement"
	"mobileid/mdoc/engagement/ndef"
)

// Select is a Handover Select message (Hs): what the mdoc shows. ISO/IEC 18013-5:2021, 8.2.2.1.
type Select struct {
	raw      []byte
	device   *engagement.DeviceEngagement
	carriers []Carrier
}

// NewSelect makes a Hs. The engagement names no retrieval methods, as the carriers do (second edition draft, 9.3). For
// negotiated handover there is one carrier.
func NewSelect(device *engagement.DeviceEngagement, carriers ...Carrier) (*Select, error) {
	const op = "making handover select"
	if device == nil {
		return nil, fmt.Errorf("%s: no engagement: %w", op, ErrMalformed)
	}
	r := ndef.Record{TNF: ndef.External, Type: typeDeviceEngagement, ID: idDeviceEngagement, Payload: device.Bytes()}
	raw, err := assemble(typeSelect, nil, &r, carriers, idDeviceEngagement)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", op, err)
	}
	s, err := ParseSelect(raw) // what we show passes our own reader
	if err != nil {
		return nil, fmt.Errorf("%s: %w", op, err)
	}
	return s, nil
}

// ParseSelect reads a complete Hs and copies it. Every reference must exist, IDs are different, and each alternative points
// at the one record of the device engagement.
func ParseSelect(raw []byte) (*Select, error) {
	const op = "parsing handover select"
	s := &Select{raw: bytes.Clone(raw)}
	p, err := parse(s.raw, typeSelect)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", op, err)
	}
	r, _, err := p.only(typeDeviceEngagement)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", op, err)
	}
	if r.ID != idDeviceEngagement {
		return nil, fmt.Errorf("%s: no device engagement of ID mdoc: %w", op, ErrMalformed)
	}
	for i, a := range p.alternatives {
		if !slices.Contains(a.auxiliaries, r.ID) {
			return nil, fmt.Errorf("%s: alternative %d does not point at the device engagement: %w", op, i, ErrMalformed)
		}
	}
	if s.device, err = engagement.Parse(r.Payload); err != nil {
		return nil, fmt.Errorf("%s: %w: %w", op, ErrMalformed, err)
	}
	s.carriers = p.carriers
	return s, nil
}

// Bytes is the complete NDEF message, as received.
func (s *Select) Bytes() []byte { return bytes.Clone(s.raw) }

// Device is the device engagement; its Bytes are the payload of its record, as received.
func (s *Select) Device() *engagement.DeviceEngagement { return s.device }

// Carriers lists the carriers in the order of their alternatives. The caller does not change what they point at.
func (s *Select) Carriers() []Carrier { return slices.Clone(s.carriers) }

// Request is a Handover Request message (Hr): what a reader offers in negotiated handover. ISO/IEC 18013-5:2021, 8.2.2.1.
type Request struct {
	raw     []byte
	content RequestContent
}

// RequestContent is what a Hr says.
type RequestContent struct {
	// ReaderEngagement is the payload of its record, nil without.
	ReaderEngagement []byte
	// Collision is the random number of the collision resolution record, of two bytes, nil without.
	Collision []byte
	Carriers  []Carrier
}

// readerEngagement is ReaderEngagement, ISO/IEC 18013-5:2021, 8.2.1.2 (not that of ISO/IEC TS 18013-7):
//
//	ReaderEngagement = {0: tstr, * int => any}        ; version
type readerEngagement struct {
	Version string `cbor:"0,keyasint"`
}

// ReaderEngagement is the payload of the record in a Hr: version 1.0 and nothing else.
func ReaderEngagement() []byte {
	return cbor.AppendText(cbor.AppendUint(cbor.AppendMapHead(nil, 1), 0), "1.0")
}

// NewRequest makes a Hr.
func NewRequest(content RequestContent) (*Request, error) {
	const op = "making handover request"
	var r *ndef.Record
	if content.ReaderEngagement != nil {
		r = &ndef.Record{TNF: ndef.External, Type: typeReaderEngagement, ID: idReaderEngagement, Payload: content.ReaderEngagement}
	}
	raw, err := assemble(typeRequest, content.Collision, r, content.Carriers)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", op, err)
	}
	q, err := ParseRequest(raw)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", op, err)
	}
	return q, nil
}

// ParseRequest reads a complete Hr and copies it. A reader that can be the BLE peripheral must give its UUID (second
// edition draft, 9.2).
func ParseRequest(raw []byte) (*Request, error) {
	const op = "parsing handover request"
	q := &Request{raw: bytes.Clone(raw)}
	p, err := parse(q.raw, typeRequest)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", op, err)
	}
	r, ok, err := p.only(typeReaderEngagement)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", op, err)
	}
	if ok {
		var e readerEngagement
		if err := cbor.Unmarshal(r.Payload, &e); err != nil || !strings.HasPrefix(e.Version, "1.") || r.ID != idReaderEngagement {
			return nil, fmt.Errorf("%s: reader engagement: %w", op, ErrMalformed)
		}
		q.content.ReaderEngagement = append([]byte{}, r.Payload...)
	}
	for _, c := range p.carriers {
		if c.BLE != nil && c.BLE.Role.Peripheral() && c.BLE.UUID == nil {
			return nil, fmt.Errorf("%s: mdoc central client mode without UUID: %w", op, ErrMalformed)
		}
	}
	q.content.Collision, q.content.Carriers = p.collision, p.carriers
	return q, nil
}

// Bytes is the complete NDEF message, as received.
func (q *Request) Bytes() []byte { return bytes.Clone(q.raw) }

// Content is what the message says. The caller does not change what it points at.
func (q *Request) Content() RequestContent {
	c := q.content
	c.Carriers = slices.Clone(c.Carriers)
	return c
}
