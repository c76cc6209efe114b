package gp

import (
	"fmt"

	"mobileid/mdoc/apdu"
)

const insSelect = 0xA4

// Select selects an application by its AID, Card Specification 2.3.1, 11.9; the empty
// AID selects the issuer security domain. It ends the secure channel.
func Select(aid AID) apdu.Command {
	return apdu.Command{CLA: 0x00, INS: insSelect, P1: 0x04, Data: []byte(aid), Le: apdu.MaxShortLe}
}

// FCI is the file control information SELECT answers with, Card Specification
// 2.3.1, table 11-83:
//
//	6F { 84 AID, A5 { … 9F65 maximum length of command data } }
type FCI struct {
	AID AID
	// MaxData is the longest command data field, 0 when not told.
	MaxData int
}

// ParseFCI reads the answer of a security domain or of our applet. Objects it does
// not know are passed over.
func ParseFCI(b []byte) (FCI, error) {
	inner, err := only(b, 0x6F)
	if err != nil {
		return FCI{}, fmt.Errorf("parsing FCI: %w", err)
	}
	aid, ok := apdu.Find(inner, 0x84)
	if !ok {
		return FCI{}, fmt.Errorf("parsing FCI: no AID (tag 84)")
	}
	f := FCI{AID: AID(aid)}
	if err := f.AID.Validate(); err != nil {
		return FCI{}, fmt.Errorf("parsing FCI: %w", err)
	}
	proprietary, ok := apdu.Find(inner, 0xA5)
	if !ok {
		return f, nil
	}
	more, err := apdu.ParseTLVs(proprietary)
	if err != nil {
		return FCI{}, fmt.Errorf("parsing FCI: proprietary data: %w", err)
	}
	if v, ok := apdu.Find(more, 0x9F65); ok {
		if len(v) < 1 || len(v) > 2 {
			return FCI{}, fmt.Errorf("parsing FCI: maximum length of %d bytes", len(v))
		}
		for _, x := range v {
			f.MaxData = f.MaxData<<8 | int(x)
		}
	}
	return f, nil
}

// Bytes encodes the FCI, the maximum length in one byte when it fits.
func (f FCI) Bytes() []byte {
	inner := apdu.AppendTLV(nil, 0x84, []byte(f.AID))
	if f.MaxData > 0 {
		n := []byte{byte(f.MaxData)}
		if f.MaxData > 0xFF {
			n = []byte{byte(f.MaxData >> 8), byte(f.MaxData)}
		}
		inner = apdu.AppendTLV(inner, 0xA5, apdu.AppendTLV(nil, 0x9F65, n))
	}
	return apdu.AppendTLV(nil, 0x6F, inner)
}

// only reads exactly one object of the tag and the objects inside it.
func only(b []byte, tag uint32) ([]apdu.TLV, error) {
	v, err := value(b, tag)
	if err != nil {
		return nil, err
	}
	return apdu.ParseTLVs(v)
}

// value reads exactly one object of the tag.
func value(b []byte, tag uint32) ([]byte, error) {
	t, rest, err := apdu.ParseTLV(b)
	if err != nil {
		return nil, err
	}
	if t.Tag != tag || len(rest) != 0 {
		return nil, fmt.Errorf("tag %X and %d more bytes, want one object %X", t.Tag, len(rest), tag)
	}
	return t.Value, nil
}
