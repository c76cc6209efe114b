package cbor

// Head is the head of one item (RFC 8949, 3) as it stands in foreign bytes. It is for tools that show what was sent, so
// longer forms than needed and indefinite lengths are read here; decoders use [Unmarshal], which refuses the latter.
type Head struct {
	// Major is the major type, 0 to 7.
	Major byte
	// Info is the additional information: 24 to 27 tell how many bytes the argument took.
	Info byte
	// Arg is the argument: a value, a length, a count, a tag, or the bits of a float. It is 0 when Indefinite.
	Arg uint64
	// Next is the offset of what follows the head. The input may end there.
	Next int
}

const infoIndefinite = 31

// Indefinite reports whether a string, array or map has no length; items follow until a break.
func (h Head) Indefinite() bool { return h.Info == infoIndefinite && h.Major != majorSimple }

// Break reports whether this is the stop code that ends an indefinite item.
func (h Head) Break() bool { return h.Info == infoIndefinite && h.Major == majorSimple }

// HeadAt reads the head at off. It bounds neither length nor count: that is the caller's part. Errors are *Error.
func HeadAt(data []byte, off int) (Head, error) {
	if off >= 0 && off < len(data) && data[off]&0x1f == infoIndefinite {
		switch major := data[off] >> 5; major {
		case majorBytes, majorText, majorArray, majorMap, majorSimple:
			return Head{Major: major, Info: infoIndefinite, Next: off + 1}, nil
		}
		return Head{}, fail(off, "reserved head %#x", data[off])
	}
	if off < 0 {
		return Head{}, fail(off, "a negative offset")
	}
	h, err := readHead(data, off)
	if err != nil {
		return Head{}, err
	}
	return Head{Major: h.major, Info: h.info, Arg: h.arg, Next: h.next}, nil
}
