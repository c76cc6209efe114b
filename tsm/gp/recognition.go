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
			// Cards write protocols over 7F as one bare byte, which is no identifier:
			// such an entry names no protocol we could speak and is passed over.
			arcs, err := gpArcs(o.Value)
			if err == nil && len(arcs) == 3 && arcs[0] == 4 && arcs[1] <= 0xFF {
				r.Channels = append(r.Channels, ChannelProtocol{SCP: byte(arcs[1]), Option: arcs[2]})
			}
		}
	}
	return r, nil
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
	var arcs []uint32
	var v uint32
	fresh := true
	for _, x := range rest {
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

func dotted(arcs []uint32) string {
	s := make([]string, len(arcs))
	for i, a := range arcs {
		s[i] = strconv.FormatUint(uint64(a), 10)
	}
	return strings.Join(s, ".")
}

// Bytes encodes the recognition data: version, identification scheme and channels.
// Arcs and options over 7F take several bytes.
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
		inner = apdu.AppendTLV(inner, 0x64, oid(4, uint32(c.SCP), c.Option))
	}
	return apdu.AppendTLV(nil, 0x66, apdu.AppendTLV(nil, 0x73, inner)), nil
}

func appendArc(b []byte, v uint32) []byte {
	for shift := 28; shift > 0; shift -= 7 {
		if v>>shift != 0 {
			b = append(b, byte(v>>shift)|0x80)
		}
	}
	return append(b, byte(v&0x7F))
}
