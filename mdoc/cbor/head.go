package cbor

import (
	"encoding/binary"
	"math"
)

// Major types of RFC 8949, 3.1.
const (
	majorUint byte = iota
	majorNint
	majorBytes
	majorText
	majorArray
	majorMap
	majorTag
	majorSimple
)

// Simple values of RFC 8949, 3.3 that may stand in an item.
const (
	simpleFalse = 20
	simpleTrue  = 21
	simpleNull  = 22
)

// head is the first part of an item: major type, argument, and the offset of what follows.
type head struct {
	major byte
	info  byte // the low five bits: tells simple values from floats
	arg   uint64
	next  int
}

// readHead reads the head at off. It refuses reserved and indefinite forms.
func readHead(data []byte, off int) (head, error) {
	if off >= len(data) {
		return head{}, fail(off, "the input ends where an item should begin")
	}
	h := head{major: data[off] >> 5, info: data[off] & 0x1f, next: off + 1}
	switch {
	case h.info < 24:
		h.arg = uint64(h.info)
		return h, nil
	case h.info == 31:
		return head{}, fail(off, "indefinite length is forbidden")
	case h.info > 27:
		return head{}, fail(off, "reserved head %#x", data[off])
	}
	n := 1 << (h.info - 24)
	if len(data)-h.next < n {
		return head{}, fail(off, "the input ends inside a head")
	}
	arg := data[h.next : h.next+n]
	switch n {
	case 1:
		h.arg = uint64(arg[0])
	case 2:
		h.arg = uint64(binary.BigEndian.Uint16(arg))
	case 4:
		h.arg = uint64(binary.BigEndian.Uint32(arg))
	default:
		h.arg = binary.BigEndian.Uint64(arg)
	}
	h.next += n
	return h, nil
}

// AppendHead appends the shortest head of the given major type and argument.
func AppendHead(b []byte, major byte, n uint64) []byte {
	m := major << 5
	switch {
	case n < 24:
		return append(b, m|byte(n))
	case n <= math.MaxUint8:
		return append(b, m|24, byte(n))
	case n <= math.MaxUint16:
		return binary.BigEndian.AppendUint16(append(b, m|25), uint16(n))
	case n <= math.MaxUint32:
		return binary.BigEndian.AppendUint32(append(b, m|26), uint32(n))
	}
	return binary.BigEndian.AppendUint64(append(b, m|27), n)
}

// AppendUint appends an unsigned integer.
func AppendUint(b []byte, n uint64) []byte { return AppendHead(b, majorUint, n) }

// AppendInt appends an integer.
func AppendInt(b []byte, n int64) []byte {
	if n < 0 {
		return AppendHead(b, majorNint, uint64(-(n + 1))) //nolint:gosec // -(n+1) is not negative
	}
	return AppendHead(b, majorUint, uint64(n))
}

// AppendBytes appends a byte string.
func AppendBytes(b, v []byte) []byte { return append(AppendHead(b, majorBytes, uint64(len(v))), v...) }

// AppendBytesHead appends the head of a byte string; its n bytes follow.
func AppendBytesHead(b []byte, n int) []byte { return AppendHead(b, majorBytes, uint64(n)) } //nolint:gosec // a length

// AppendText appends a text string; the caller answers for valid UTF-8.
func AppendText(b []byte, s string) []byte {
	return append(AppendHead(b, majorText, uint64(len(s))), s...)
}

// TextSize is the number of bytes of an encoded text string.
func TextSize(s string) int { return HeadSize(len(s)) + len(s) }

// AppendArrayHead appends the head of an array of n items.
func AppendArrayHead(b []byte, n int) []byte { return AppendHead(b, majorArray, uint64(n)) } //nolint:gosec // a count

// AppendMapHead appends the head of a map of n pairs.
func AppendMapHead(b []byte, n int) []byte { return AppendHead(b, majorMap, uint64(n)) } //nolint:gosec // a count

// AppendTag appends a tag; the tagged item follows.
func AppendTag(b []byte, tag uint64) []byte { return AppendHead(b, majorTag, tag) }

// AppendBool appends a truth value.
func AppendBool(b []byte, v bool) []byte {
	if v {
		return append(b, majorSimple<<5|simpleTrue)
	}
	return append(b, majorSimple<<5|simpleFalse)
}

// AppendNull appends null.
func AppendNull(b []byte) []byte { return append(b, majorSimple<<5|simpleNull) }

// HeadSize is the number of bytes of the shortest head with argument n.
func HeadSize(n int) int { return headSize(uint64(n)) } //nolint:gosec // a count

func headSize(n uint64) int {
	switch {
	case n < 24:
		return 1
	case n <= math.MaxUint8:
		return 2
	case n <= math.MaxUint16:
		return 3
	case n <= math.MaxUint32:
		return 5
	}
	return 9
}
