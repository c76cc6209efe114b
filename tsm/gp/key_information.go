package gp

import (
	"errors"
	"fmt"

	"mobileid/mdoc/apdu"
)

// KeyInformation describes one key of a security domain, Card Specification 2.3.1,
// 11.3.3.1, in the answer for DataKeyInformation:
//
//	E0 { C0 { key id, key version, (type, length (1)) … } … }                       basic
//	E0 { C0 { key id, key version, (FF, type, length (2)) …, 01 usage, 01 access } … }  extended
type KeyInformation struct {
	ID, Version byte
	Components  []KeyComponent
	// Extended tells the second form, which alone has Usage and Access.
	Extended      bool
	Usage, Access byte
}

// A KeyComponent is a part of a key: all of a symmetric one, modulus or exponent of
// an RSA key.
type KeyComponent struct {
	Type   byte
	Length int
}

// ParseKeyInformation reads the key information template.
func ParseKeyInformation(b []byte) ([]KeyInformation, error) {
	objects, err := only(b, 0xE0)
	if err != nil {
		return nil, fmt.Errorf("parsing key information: %w", err)
	}
	var out []KeyInformation
	for i, o := range objects {
		if o.Tag != 0xC0 {
			return nil, fmt.Errorf("parsing key information: object %d has tag %X, want C0", i, o.Tag)
		}
		k, err := parseKey(o.Value)
		if err != nil {
			return nil, fmt.Errorf("parsing key information: key %d: %w", i, err)
		}
		out = append(out, k)
	}
	return out, nil
}

func parseKey(b []byte) (KeyInformation, error) {
	if len(b) < 4 {
		return KeyInformation{}, fmt.Errorf("%d bytes", len(b))
	}
	k := KeyInformation{ID: b[0], Version: b[1], Extended: b[2] == 0xFF}
	b = b[2:]
	if k.Extended {
		n := len(b) - 4
		if n < 4 || b[n] != 1 || b[n+2] != 1 {
			return KeyInformation{}, errors.New("extended form without usage and access")
		}
		k.Usage, k.Access = b[n+1], b[n+3]
		b = b[:n]
	}
	for len(b) > 0 {
		if k.Extended && b[0] == 0xFF {
			b = b[1:] // some cards write the mark before the first component alone
		}
		n := 2
		if k.Extended {
			n = 3
		}
		if len(b) < n {
			return KeyInformation{}, errors.New("component cut short")
		}
		c := KeyComponent{Type: b[0], Length: int(b[1])}
		if k.Extended {
			c.Length = int(b[1])<<8 | int(b[2])
		}
		k.Components = append(k.Components, c)
		b = b[n:]
	}
	return k, nil
}

// AppendKeyInformation encodes the template, each key in its form. Components longer than 255 bytes do not fit the basic
// one.
func AppendKeyInformation(b []byte, keys []KeyInformation) []byte {
	var inner []byte
	for _, k := range keys {
		v := []byte{k.ID, k.Version}
		for _, c := range k.Components {
			if k.Extended {
				v = append(v, 0xFF, c.Type, byte(c.Length>>8), byte(c.Length))
			} else {
				v = append(v, c.Type, byte(c.Length))
			}
		}
		if k.Extended {
			v = append(v, 1, k.Usage, 1, k.Access)
		}
		inner = apdu.AppendTLV(inner, 0xC0, v)
	}
	return apdu.AppendTLV(b, 0xE0, inner)
}
