package apdu

import (
	"errors"
	"fmt"
)

// A TLV is one BER-TLV data object, ISO/IEC 7816-4:2020, 6.3 and annex E:
//
//	tag (1 to 4 bytes) ‖ length (00..7F, 81 nn, 82 nnnn, 83 nnnnnn, 84 nnnnnnnn) ‖ value
//
// Tag holds the tag bytes as a number: 84, 7F21, DF1F, FF20. The inside of a
// constructed object stays as bytes; parse it with another ParseTLVs.
type TLV struct {
	Tag uint32
	// Value aliases the bytes parsed.
	Value []byte
}

// Constructed tells whether the value holds further data objects (bit 6 of the
// first tag byte).
func (t TLV) Constructed() bool { return leadByte(t.Tag)&0x20 != 0 }

// Errors of the TLV parsers.
var (
	// ErrTruncated says that the object goes on beyond the bytes at hand: whoever
	// reads a stream may come back with more.
	ErrTruncated = errors.New("data object truncated")
	// ErrMalformed says that no further byte can make it right.
	ErrMalformed = errors.New("data object malformed")
)

// ParseTLVHeader reads tag and length alone and tells how many bytes they took,
// for objects that arrive in blocks or whose file is read piece by piece.
//
// Refused with ErrMalformed: tag 00 (padding), tags over four bytes or with a
// needless 80 in the second byte, the indefinite length 80, and any length not in
// its shortest form. The length is a claim: bound it before allocating.
func ParseTLVHeader(b []byte) (tag uint32, length, size int, err error) {
	tag, n, err := parseTag(b)
	if err != nil {
		return 0, 0, 0, err
	}
	length, m, err := parseLength(b[n:])
	if err != nil {
		return 0, 0, 0, fmt.Errorf("tag %X: %w", tag, err)
	}
	return tag, length, n + m, nil
}

func parseTag(b []byte) (tag uint32, n int, err error) {
	if len(b) == 0 {
		return 0, 0, ErrTruncated
	}
	if b[0] == 0 {
		return 0, 0, fmt.Errorf("tag 00: %w", ErrMalformed)
	}
	tag = uint32(b[0])
	if b[0]&0x1F != 0x1F {
		return tag, 1, nil
	}
	for n = 1; n < 4; n++ {
		if n == len(b) {
			return 0, 0, ErrTruncated
		}
		if n == 1 && b[1] == 0x80 {
			return 0, 0, fmt.Errorf("tag with a leading zero: %w", ErrMalformed)
		}
		tag = tag<<8 | uint32(b[n])
		if b[n]&0x80 == 0 {
			return tag, n + 1, nil
		}
	}
	return 0, 0, fmt.Errorf("tag over four bytes: %w", ErrMalformed)
}

func parseLength(b []byte) (length, n int, err error) {
	if len(b) == 0 {
		return 0, 0, ErrTruncated
	}
	if b[0] < 0x80 {
		return int(b[0]), 1, nil
	}
	k := int(b[0] & 0x7F)
	if k == 0 || k > 4 {
		return 0, 0, fmt.Errorf("length byte %02X: %w", b[0], ErrMalformed)
	}
	if len(b) < 1+k {
		return 0, 0, ErrTruncated
	}
	var v uint64
	for _, x := range b[1 : 1+k] {
		v = v<<8 | uint64(x)
	}
	if v < 0x80 || b[1] == 0 {
		return 0, 0, fmt.Errorf("length not in its shortest form: %w", ErrMalformed)
	}
	if v > 1<<31-1 {
		return 0, 0, fmt.Errorf("length over two gigabytes: %w", ErrMalformed)
	}
	return int(v), 1 + k, nil
}

// ParseTLV reads one data object from the front of b and returns what follows it.
// Value and rest alias b.
func ParseTLV(b []byte) (t TLV, rest []byte, err error) {
	tag, length, n, err := ParseTLVHeader(b)
	if err != nil {
		return TLV{}, nil, fmt.Errorf("parsing TLV: %w", err)
	}
	if length > len(b)-n {
		return TLV{}, nil, fmt.Errorf("parsing TLV: tag %X: %d of %d bytes: %w", tag, len(b)-n, length, ErrTruncated)
	}
	return TLV{Tag: tag, Value: b[n : n+length : n+length]}, b[n+length:], nil
}

// ParseTLVs reads b as data objects from end to end; nothing at all is no object.
func ParseTLVs(b []byte) ([]TLV, error) {
	var out []TLV
	for len(b) > 0 {
		t, rest, err := ParseTLV(b)
		if err != nil {
			return nil, fmt.Errorf("object %d: %w", len(out), err)
		}
		out = append(out, t)
		b = rest
	}
	return out, nil
}

// AppendTLV appends a data object in the one form ParseTLV accepts. The tag is
// written as it stands, so it must be a valid one.
func AppendTLV(b []byte, tag uint32, value []byte) []byte {
	return append(AppendTLVHeader(b, tag, len(value)), value...)
}

// AppendTLVHeader appends tag and length alone, for a value written in blocks.
func AppendTLVHeader(b []byte, tag uint32, length int) []byte {
	for shift := 24; shift > 0; shift -= 8 {
		if tag>>shift != 0 {
			b = append(b, byte(tag>>shift))
		}
	}
	b = append(b, byte(tag))
	switch {
	case length < 0x80:
		return append(b, byte(length))
	case length < 1<<8:
		return append(b, 0x81, byte(length))
	case length < 1<<16:
		return append(b, 0x82, byte(length>>8), byte(length))
	case length < 1<<24:
		return append(b, 0x83, byte(length>>16), byte(length>>8), byte(length))
	default:
		return append(b, 0x84, byte(length>>24), byte(length>>16), byte(length>>8), byte(length))
	}
}

// Find returns the value of the first object with the tag.
func Find(tlvs []TLV, tag uint32) ([]byte, bool) {
	for _, t := range tlvs {
		if t.Tag == tag {
			return t.Value, true
		}
	}
	return nil, false
}

func leadByte(tag uint32) byte {
	for tag > 0xFF {
		tag >>= 8
	}
	return byte(tag)
}
