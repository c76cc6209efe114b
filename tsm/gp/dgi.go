package gp

import (
	"encoding/binary"
	"errors"
	"fmt"
)

const (
	dgiLongLength = 0xFF
	maxDGIs       = 64
)

// A DGI is a data group of STORE DATA with P1 bit 08, GlobalPlatform Card Specification 2.3.1, 11.11.2.3: tag in two
// bytes, length in one or FF and two.
type DGI struct {
	Tag   uint16
	Value []byte
}

// AppendDGI encodes a data group, which has at most FFFF bytes.
func AppendDGI(b []byte, d DGI) []byte {
	b = binary.BigEndian.AppendUint16(b, d.Tag)
	if n := len(d.Value); n < dgiLongLength {
		b = append(b, byte(n))
	} else {
		b = append(b, dgiLongLength, byte(n>>8), byte(n))
	}
	return append(b, d.Value...)
}

// ParseDGIs reads data groups from end to end, at most 64. Values alias b.
func ParseDGIs(b []byte) ([]DGI, error) {
	var out []DGI
	for len(b) > 0 {
		d, rest, err := parseDGI(b)
		switch {
		case err != nil:
			return nil, fmt.Errorf("parsing data group %d: %w", len(out), err)
		case len(out) == maxDGIs:
			return nil, fmt.Errorf("parsing data groups: over %d", maxDGIs)
		}
		out, b = append(out, d), rest
	}
	return out, nil
}

func parseDGI(b []byte) (d DGI, rest []byte, err error) {
	if len(b) < 3 {
		return DGI{}, nil, errors.New("cut short")
	}
	d.Tag = binary.BigEndian.Uint16(b)
	n, start := int(b[2]), 3
	if n == dgiLongLength {
		if len(b) < 5 {
			return DGI{}, nil, errors.New("cut short")
		}
		n, start = int(binary.BigEndian.Uint16(b[3:])), 5
		if n < dgiLongLength {
			return DGI{}, nil, errors.New("length not in its shortest form")
		}
	}
	if n > len(b)-start {
		return DGI{}, nil, fmt.Errorf("%d of %d bytes", len(b)-start, n)
	}
	return DGI{Tag: d.Tag, Value: b[start : start+n : start+n]}, b[start+n:], nil
}
