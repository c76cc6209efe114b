package gp

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"mobileid/mdoc/apdu"
)

// Recognition is what a card tells about itself to anyone, Card Specification 2.3.1,
// H.2, in the answer for DataCardRecognition: object identifiers under
// 1.2.840.114283, in
//
//	66 { 73 { 06 {.1}, 60 { 06 {.2.v…} }, 63 { 06 {.3} }, 64 { 06 {.4.scp.i} } …, … } }
type Recognition struct {
	// Version is the edition of the card specification, as in "2.3.1".
	Version string
	// Channels are the secure channel protocols offered.
	Channels []ChannelProtocol
	// Configuration (65) and Chip (66) are identifiers of details, dotted; empty when not told.
	Configuration, Chip string
}

// A ChannelProtocol is a secure channel protocol with its option "i"; SCP03 is 3.
type ChannelProtocol struct {
	SCP    byte
	Option uint32
}

// gpArc is 1.2.840.114283 as DER contents.
const gpArc = "\x2A\x86\x48\x86\xFC\x6B"

// ParseRecognition reads the card recognition data.
func ParseRecognition(b []byte) (Recognition, error) {
	r, err := parseRecognition(b)
	if err != nil {
		return Recognition{}, fmt.Errorf("parsing card recognition data: %w", err)
	}
	return r, nil
}

func parseRecognition(b []byte) (Recognition, error) {
	outer, err := value(b, 0x66)
	if err != nil {
		return Recognition{}, err
	}
	objects, err := only(outer, 0x73)
	if err != nil {
		return Recognition{}, err
	}
	if id, ok := apdu.Find(objects, 0x06); !ok || !bytes.Equal(id, []byte(gpArc+"\x01")) {
		return Recognition{}, errors.New("not a GlobalPlatform card")
	}
	var r Recognition
	for _, o := range objects {
		switch o.Tag {
		case 0x60:
			arcs, err := gpArcs(o.Value)
			if err != nil {
				return Recognition{}, fmt.Errorf("object 60: %w", err)
			}
			if len(arcs) < 2 || arcs[0] != 2 {
				return Recognition{}, errors.New("object 60: identifier of another kind")
			}
			r.Version = dotted(arcs[1:])
		case 0x64:
			if c, ok := channelOf(o.Value); ok {
				r.Channels = append(r.Channels, c)
			}
		case 0x65, 0x66:
			oid, err := value(o.Value, 0x06)
			if err != nil {
				return Recognition{}, fmt.Errorf("object %X: %w", o.Tag, err)
			}
			dotted, err := dottedOID(oid)
			if err != nil {
				return Recognition{}, fmt.Errorf("object %X: %w", o.Tag, err)
			}
			if o.Tag == 0x65 {
				r.Configuration = dotted
			} else {
				r.Chip = dotted
			}
		}
	}
	return r, nil
}

// channelOf reads 06 { gpArc 4 SCP i }. Cards write protocols over 7F as one bare byte, which is no arc, and are
// understood; an entry of another shape names no protocol and is passed over.
func channelOf(b []byte) (ChannelProtocol, bool) {
	arcs, err := gpArcs(b)
	if err == nil && len(arcs) == 3 && arcs[0] == 4 && arcs[1] <= 0xFF {
		return ChannelProtocol{SCP: byte(arcs[1]), Option: arcs[2]}, true
	}
	oid, err := value(b, 0x06)
	bare, ok := bytes.CutPrefix(oid, []byte(gpArc+"\x04"))
	if err != nil || !ok || len(bare) != 2 || bare[0] < 0x80 || bare[1] > 0x7F {
		return ChannelProtocol{}, false
	}
	return ChannelProtocol{SCP: bare[0], Option: uint32(bare[1])}, true
}

// gpArcs reads 06 { gpArc … } and gives the arcs behind.
func gpArcs(b []byte) ([]uint32, error) {
	oid, err := value(b, 0x06)
	if err != nil {
		return nil, err
	}
	rest, ok := bytes.CutPrefix(oid, []byte(gpArc))
	if !ok {
		return nil, errors.New("identifier outside 1.2.840.114283")
	}
	return arcsOf(rest)
}

// arcsOf reads arcs of an object identifier.
func arcsOf(b []byte) ([]uint32, error) {
	var arcs []uint32
	var v uint32
	fresh := true
	for _, x := range b {
		if v >= 1<<25 || fresh && x == 0x80 {
			return nil, errors.New("identifier malformed")
		}
		v, fresh = v<<7|uint32(x&0x7F), false
		if x&0x80 == 0 {
			arcs, v, fresh = append(arcs, v), 0, true
		}
	}
	if !fresh {
		return nil, errors.New("identifier cut short")
	}
	return arcs, nil
}

// dottedOID writes an object identifier with dots; the first arc holds two (X.690, 8.19.4).
func dottedOID(oid []byte) (string, error) {
	arcs, err := arcsOf(oid)
	if err != nil {
		return "", err
	}
	if len(arcs) == 0 {
		return "", errors.New("identifier empty")
	}
	first := min(arcs[0]/40, 2)
	return dotted(append([]uint32{first, arcs[0] - 40*first}, arcs[1:]...)), nil
}

// parseDotted is the way back.
func parseDotted(s string) ([]byte, error) {
	var arcs []uint32
	for x := range strings.SplitSeq(s, ".") {
		n, err := strconv.ParseUint(x, 10, 31)
		if err != nil {
			return nil, fmt.Errorf("identifier: %w", err)
		}
		arcs = append(arcs, uint32(n))
	}
	if len(arcs) < 2 || arcs[0] > 2 || arcs[1] > 39 && arcs[0] < 2 || arcs[1] > 1<<30 {
		return nil, errors.New("identifier malformed")
	}
	b := appendArc(nil, 40*arcs[0]+arcs[1])
	for _, a := range arcs[2:] {
		b = appendArc(b, a)
	}
	return b, nil
}

func dotted(arcs []uint32) string {
	s := make([]string, len(arcs))
	for i, a := range arcs {
		s[i] = strconv.FormatUint(uint64(a), 10)
	}
	return strings.Join(s, ".")
}

// Bytes encodes the recognition data: version, identification scheme, channels and
// details. Options over 7F take several bytes.
func (r Recognition) Bytes() ([]byte, error) {
	oid := func(arcs ...uint32) []byte {
		b := []byte(gpArc)
		for _, a := range arcs {
			b = appendArc(b, a)
		}
		return apdu.AppendTLV(nil, 0x06, b)
	}
	arcs := []uint32{2}
	for s := range strings.SplitSeq(r.Version, ".") {
		n, err := strconv.ParseUint(s, 10, 31)
		if err != nil {
			return nil, fmt.Errorf("encoding card recognition data: version: %w", err)
		}
		arcs = append(arcs, uint32(n))
	}
	inner := oid(1)
	inner = apdu.AppendTLV(inner, 0x60, oid(arcs...))
	inner = apdu.AppendTLV(inner, 0x63, oid(3))
	for _, c := range r.Channels {
		inner = apdu.AppendTLV(inner, 0x64, apdu.AppendTLV(nil, 0x06, c.oid()))
	}
	for _, detail := range []struct {
		tag uint32
		oid string
	}{{0x65, r.Configuration}, {0x66, r.Chip}} {
		if detail.oid == "" {
			continue
		}
		b, err := parseDotted(detail.oid)
		if err != nil {
			return nil, fmt.Errorf("encoding card recognition data: object %X: %w", detail.tag, err)
		}
		inner = apdu.AppendTLV(inner, detail.tag, apdu.AppendTLV(nil, 0x06, b))
	}
	return apdu.AppendTLV(nil, 0x66, apdu.AppendTLV(nil, 0x73, inner)), nil
}

// oid is gpArc 4 SCP i, a protocol over 7F as the bare byte cards write when the option lets it.
func (c ChannelProtocol) oid() []byte {
	b := append([]byte(gpArc), 4)
	if c.SCP > 0x7F && c.Option < 0x80 {
		return append(b, c.SCP, byte(c.Option))
	}
	return appendArc(appendArc(b, uint32(c.SCP)), c.Option)
}

func appendArc(b []byte, v uint32) []byte {
	for shift := 28; shift > 0; shift -= 7 {
		if v>>shift != 0 {
			b = append(b, byte(v>>shift)|0x80)
		}
	}
	return append(b, byte(v&0x7F))
}
