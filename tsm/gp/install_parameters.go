package gp

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"

	"mobileid/mdoc/apdu"
)

// Tags of the parameters of INSTALL, Card Specification 2.3.1, table 11-49 and 11.5.2.3.7.
const (
	tagApplicationParameters = 0xC9
	tagSystemParameters      = 0xEF
	tagCodeSize              = 0xC6
	tagVolatile              = 0xC7
	tagNonVolatile           = 0xC8
	tagImplicitSelection     = 0xCF
)

// Limits are the memory sizes in EF of INSTALL, Card Specification 2.3.1, table 11-49: for [for load] what the code
// needs, for [for install] what the instance may use; 0 states nothing.
//
//	EF { C6 code, C7 volatile, C8 non-volatile }    each of 2 or 4 bytes
type Limits struct{ Code, Volatile, NonVolatile uint32 }

// append writes EF with the sizes and CF, or nothing.
func (l Limits) append(b, implicit []byte) []byte {
	var inner []byte
	for _, x := range []struct {
		tag uint32
		n   uint32
	}{{tagCodeSize, l.Code}, {tagVolatile, l.Volatile}, {tagNonVolatile, l.NonVolatile}} {
		switch {
		case x.n > math.MaxUint16:
			inner = apdu.AppendTLV(inner, x.tag, binary.BigEndian.AppendUint32(nil, x.n))
		case x.n > 0:
			inner = apdu.AppendTLV(inner, x.tag, binary.BigEndian.AppendUint16(nil, uint16(x.n)))
		}
	}
	if len(implicit) > 0 {
		inner = apdu.AppendTLV(inner, tagImplicitSelection, implicit)
	}
	if len(inner) == 0 {
		return b
	}
	return apdu.AppendTLV(b, tagSystemParameters, inner)
}

// parameters is what the parameter field of INSTALL holds.
type parameters struct {
	application    []byte
	hasApplication bool
	limits         Limits
	implicit       []byte
}

// parseParameters reads { C9 …, EF { … } }; objects of other tags are passed over.
func parseParameters(b []byte) (parameters, error) {
	var p parameters
	objects, err := apdu.ParseTLVs(b)
	if err != nil {
		return p, fmt.Errorf("parameters: %w", err)
	}
	p.application, p.hasApplication = apdu.Find(objects, tagApplicationParameters)
	system, ok := apdu.Find(objects, tagSystemParameters)
	if !ok {
		return p, nil
	}
	inner, err := apdu.ParseTLVs(system)
	if err != nil {
		return parameters{}, fmt.Errorf("system parameters: %w", err)
	}
	for _, o := range inner {
		switch o.Tag {
		case tagCodeSize:
			p.limits.Code, err = parseSize(o.Value)
		case tagVolatile:
			p.limits.Volatile, err = parseSize(o.Value)
		case tagNonVolatile:
			p.limits.NonVolatile, err = parseSize(o.Value)
		case tagImplicitSelection:
			p.implicit = o.Value
		}
		if err != nil {
			return parameters{}, fmt.Errorf("system parameters: object %X: %w", o.Tag, err)
		}
	}
	return p, nil
}

func parseSize(b []byte) (uint32, error) {
	switch len(b) {
	case 2:
		return uint32(binary.BigEndian.Uint16(b)), nil
	case 4:
		return binary.BigEndian.Uint32(b), nil
	}
	return 0, fmt.Errorf("size of %d bytes, want 2 or 4", len(b))
}

// DomainParameters is the application data (C9) with which a supplementary security domain is installed, as hosts send
// it after GlobalPlatform UICC Configuration 1.0, 10.1.3:
//
//	81 { SCP, i }, 82 accepts extradition, 83 gives away by extradition, 87 accepts deletion
//
// e.g. 81 02 03 70 · 82 02 20 20 · 83 01 20 · 87 02 20 20. Objects of other tags are passed over.
type DomainParameters struct {
	// Channels are the secure channel protocols the domain shall offer; none leaves it to the card.
	Channels []ChannelProtocol
	// The rules are kept as they came: 20 lets the domain do it itself, with a secure channel of its own.
	Extradition, ExtraditionAway, Deletion []byte
}

// Bytes encodes the parameters.
func (d DomainParameters) Bytes() []byte {
	var b []byte
	for _, c := range d.Channels {
		b = apdu.AppendTLV(b, 0x81, []byte{c.SCP, byte(c.Option)})
	}
	for _, x := range []struct {
		tag  uint32
		rule []byte
	}{{0x82, d.Extradition}, {0x83, d.ExtraditionAway}, {0x87, d.Deletion}} {
		if len(x.rule) > 0 {
			b = apdu.AppendTLV(b, x.tag, x.rule)
		}
	}
	return b
}

// ParseDomainParameters reads the value of C9; nothing at all is no parameters.
func ParseDomainParameters(b []byte) (DomainParameters, error) {
	objects, err := apdu.ParseTLVs(b)
	if err != nil {
		return DomainParameters{}, fmt.Errorf("parsing domain parameters: %w", err)
	}
	var d DomainParameters
	for _, o := range objects {
		switch o.Tag {
		case 0x81:
			if len(o.Value) != 2 {
				return DomainParameters{}, errors.New("parsing domain parameters: secure channel protocol malformed")
			}
			d.Channels = append(d.Channels, ChannelProtocol{SCP: o.Value[0], Option: uint32(o.Value[1])})
		case 0x82:
			d.Extradition = o.Value
		case 0x83:
			d.ExtraditionAway = o.Value
		case 0x87:
			d.Deletion = o.Value
		}
	}
	return d, nil
}
