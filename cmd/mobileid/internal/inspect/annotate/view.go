package annotate

import (
	"strconv"

	"mobileid/mdoc/cbor"
)

// view is what a rule may look at to choose another: the bytes, where the item stands, and the container it stands in.
type view struct {
	data   []byte
	at, in int
}

// maxPeek bounds how many elements are looked through.
const maxPeek = 64

// skip gives the end of the item at off, or -1. It follows counts, not meaning, and gives up on indefinite forms.
func (v view) skip(off, depth int) int {
	h, err := cbor.HeadAt(v.data, off)
	if err != nil || h.Indefinite() || h.Break() || depth > maxDepth {
		return -1
	}
	switch h.Major {
	case majorBytes, majorText:
		if h.Arg > uint64(len(v.data)-h.Next) {
			return -1
		}
		return h.Next + int(h.Arg) //nolint:gosec // bounded by the input just above
	case majorArray, majorMap, majorTag:
		n := h.Arg
		switch h.Major {
		case majorMap:
			n *= 2
		case majorTag:
			n = 1
		}
		if h.Arg > uint64(len(v.data)) {
			return -1
		}
		next := h.Next
		for range n {
			if next = v.skip(next, depth+1); next < 0 {
				return -1
			}
		}
		return next
	}
	return h.Next
}

// element gives the offset of element i of the array at off, or -1.
func (v view) element(off, i int) int {
	h, err := cbor.HeadAt(v.data, max(off, 0))
	if off < 0 || err != nil || h.Major != majorArray || h.Indefinite() || uint64(i) >= h.Arg { //nolint:gosec // a small count
		return -1
	}
	next := h.Next
	for range i {
		if next = v.skip(next, 0); next < 0 {
			return -1
		}
	}
	return next
}

// keys gives the keys of the map at off in diagnostic notation with the offsets of their values, as far as they can be read.
func (v view) keys(off int) map[string]int {
	out := map[string]int{}
	h, err := cbor.HeadAt(v.data, max(off, 0))
	if off < 0 || err != nil || h.Major != majorMap {
		return out
	}
	next := h.Next
	for i := 0; i < maxPeek && (h.Indefinite() || uint64(i) < h.Arg); i++ { //nolint:gosec // a small count
		key, ok := v.scalar(next)
		value := v.skip(next, 0)
		if !ok || value < 0 {
			break
		}
		out[key] = value
		if next = v.skip(value, 0); next < 0 {
			break
		}
	}
	return out
}

// scalar gives an integer or text in diagnostic notation.
func (v view) scalar(off int) (string, bool) {
	h, err := cbor.HeadAt(v.data, max(off, 0))
	if off < 0 || err != nil || h.Indefinite() {
		return "", false
	}
	switch h.Major {
	case majorUint, majorNint:
		var n Node
		integer(&n, &rule{}, h)
		return n.Value, true
	case majorText:
		if h.Arg > uint64(len(v.data)-h.Next) {
			return "", false
		}
		return quote(string(v.data[h.Next : h.Next+int(h.Arg)])), true //nolint:gosec // bounded by the input just above
	}
	return "", false
}

// head gives the head at off, its major type 8 when there is none.
func (v view) head(off int) cbor.Head {
	h, err := cbor.HeadAt(v.data, max(off, 0))
	if off < 0 || err != nil {
		return cbor.Head{Major: 8}
	}
	return h
}

// text gives the text at off, or "".
func (v view) text(off int) string {
	s, ok := v.scalar(off)
	if !ok || s[0] != '"' {
		return ""
	}
	return unquote(s)
}

// content gives the content of the byte string at off, tag 24 around it or not, and where it begins.
func (v view) content(off int) ([]byte, bool) {
	h := v.head(off)
	if h.Major == majorTag && h.Arg == tagEmbedded {
		h = v.head(h.Next)
	}
	if h.Major != majorBytes || h.Indefinite() || h.Arg > uint64(len(v.data)-h.Next) {
		return nil, false
	}
	return v.data[h.Next : h.Next+int(h.Arg)], true //nolint:gosec // bounded by the input just above
}

func (v view) number(off int) (int64, bool) {
	s, ok := v.scalar(off)
	if !ok {
		return 0, false
	}
	i, err := strconv.ParseInt(s, 10, 64)
	return i, err == nil
}
