package cbor

import (
	"encoding/binary"
	"math"
	"unicode/utf8"
)

// Bounds of one item. The deepest structure of ISO/IEC 18013-5 (an extended DeviceRequest) nests ten levels; the
// widest map is that of a status or digest list.
const (
	maxDepth    = 16
	maxElements = 1 << 14
	maxPairs    = 1 << 10
	maxItems    = 1 << 15 // in all, so that checking costs no more memory than reading
)

// Wellformed checks that data is exactly one item under the rules of this package, whatever it means.
func Wellformed(data []byte) error { return (&walker{data: data}).whole(anyShape) }

func checkWhole(data []byte, s *shape) error { return (&walker{data: data}).whole(s) }

// walker checks an item against a shape without building anything.
type walker struct {
	data  []byte
	items int
	wide  int  // pairs a map may have beyond maxPairs, see PairsWithin
	loose bool // what tags 0 to 3 hold is the caller's business: Pairs and Items give items that it reads itself

	tables []keyTable // of wide maps, the first open ones in use
	open   int
}

func (w *walker) whole(s *shape) error {
	end, err := w.item(0, s, 0)
	if err != nil {
		return err
	}
	if end != len(w.data) {
		return fail(end, "%d bytes follow the item", len(w.data)-end)
	}
	return nil
}

// limit gives how many elements an item of the major type may have.
func (w *walker) limit(major byte) uint64 {
	if major == majorMap {
		return uint64(max(maxPairs, w.wide)) //nolint:gosec // positive
	}
	return maxElements
}

// begin counts an item in and reads its head.
func (w *walker) begin(off, depth int) (head, error) {
	if depth > maxDepth {
		return head{}, fail(off, "nested deeper than %d levels", maxDepth)
	}
	if w.items++; w.items > max(maxItems, 4*w.wide) {
		return head{}, fail(off, "more than %d items", max(maxItems, 4*w.wide))
	}
	return readHead(w.data, off)
}

func (w *walker) item(off int, s *shape, depth int) (int, error) {
	h, err := w.begin(off, depth)
	if err != nil {
		return 0, err
	}
	if err := s.accepts(off, h); err != nil {
		return 0, err
	}
	switch h.major {
	case majorBytes, majorText:
		return w.str(off, h, s)
	case majorArray:
		return w.array(off, h, s, depth)
	case majorMap:
		return w.pairs(off, h, s, depth)
	case majorTag:
		if err := w.tag(off, h); err != nil {
			return 0, err
		}
		return w.item(h.next, anyShape, depth+1)
	case majorSimple:
		return w.simple(off, h)
	}
	return h.next, nil
}

// tag holds the tags of RFC 8949, 3.4.1 to 3.4.3 to their content. No structure of ours has numbers beyond 64 bits.
func (w *walker) tag(off int, h head) error {
	if w.loose || h.arg > 3 || h.next >= len(w.data) {
		return nil
	}
	major, info := w.data[h.next]>>5, w.data[h.next]&0x1f
	switch {
	case h.arg >= 2:
		return fail(off, "a bignum has no meaning here")
	case h.arg == 0 && major != majorText:
		return fail(h.next, "tag 0 holds text only")
	case h.arg == 1 && major > majorNint && (major != majorSimple || info < 25):
		return fail(h.next, "tag 1 holds a number only")
	}
	return nil
}

func (w *walker) str(off int, h head, s *shape) (int, error) {
	if h.arg > uint64(len(w.data)-h.next) {
		return 0, fail(off, "a string of %d bytes in %d remaining", h.arg, len(w.data)-h.next)
	}
	end := h.next + int(h.arg) //nolint:gosec // bounded by the input just above
	if h.major == majorText && !utf8.Valid(w.data[h.next:end]) {
		return 0, fail(off, "text that is not valid UTF-8")
	}
	if s.kind == kindBytes && s.size >= 0 && end-h.next != s.size {
		return 0, fail(off, "a byte string of %d bytes where %d are due", end-h.next, s.size)
	}
	return end, nil
}

// count bounds the number of elements by the rules and by what the input can hold.
func (w *walker) count(off int, h head) (int, error) {
	if h.arg > w.limit(h.major) || h.arg > uint64(len(w.data)-h.next) {
		return 0, fail(off, "%d elements: more than allowed or than the input holds", h.arg)
	}
	return int(h.arg), nil //nolint:gosec // bounded just above
}

func (w *walker) array(off int, h head, s *shape, depth int) (int, error) {
	n, err := w.count(off, h)
	if err != nil {
		return 0, err
	}
	if s.kind == kindTuple && (n < s.required || n > len(s.fields)) {
		return 0, fail(off, "an array of %d elements where %d are due", n, len(s.fields))
	}
	next := h.next
	for i := range n {
		elem := anyShape
		switch s.kind {
		case kindArray:
			elem = s.elem
		case kindTuple:
			elem = s.fields[i].shape
		}
		if next, err = w.item(next, elem, depth+1); err != nil {
			return 0, err
		}
	}
	return next, nil
}

func (w *walker) pairs(off int, h head, s *shape, depth int) (int, error) {
	n, err := w.count(off, h)
	if err != nil {
		return 0, err
	}
	var seen keySet
	required, next := 0, h.next
	for range n {
		k, valueAt, err := w.key(next)
		if err != nil {
			return 0, err
		}
		if !seen.add(w, k, n) {
			return 0, fail(next, "duplicate map key")
		}
		elem, isRequired, err := s.member(w.data, next, k)
		if err != nil {
			return 0, err
		}
		if isRequired {
			required++
		}
		if next, err = w.item(valueAt, elem, depth+1); err != nil {
			return 0, err
		}
	}
	if s.kind == kindStruct && required != s.required {
		return 0, fail(off, "required member %s is missing", s.missing(w, &seen))
	}
	seen.done(w)
	return next, nil
}

// key reads a map key: an integer, text or byte string.
func (w *walker) key(off int) (mapKey, int, error) {
	h, err := readHead(w.data, off)
	if err != nil {
		return mapKey{}, 0, err
	}
	switch h.major {
	case majorUint, majorNint:
		return mapKey{major: h.major, arg: h.arg}, h.next, nil
	case majorBytes, majorText:
		end, err := w.str(off, h, anyShape)
		if err != nil {
			return mapKey{}, 0, err
		}
		return mapKey{major: h.major, arg: h.arg, at: h.next}, end, nil
	}
	return mapKey{}, 0, fail(off, "a map key that is neither integer, text nor byte string")
}

func (w *walker) simple(off int, h head) (int, error) {
	switch h.info {
	case 25: // half precision: exponent all ones is infinity or NaN
		if h.arg&0x7c00 == 0x7c00 {
			return 0, fail(off, "a float that is not a number")
		}
		return h.next, nil
	case 26:
		if f := float64(math.Float32frombits(uint32(h.arg))); math.IsNaN(f) || math.IsInf(f, 0) { //nolint:gosec // four bytes were read
			return 0, fail(off, "a float that is not a number")
		}
		return h.next, nil
	case 27:
		if f := math.Float64frombits(binary.BigEndian.Uint64(w.data[h.next-8:])); math.IsNaN(f) || math.IsInf(f, 0) {
			return 0, fail(off, "a float that is not a number")
		}
		return h.next, nil
	case simpleFalse, simpleTrue, simpleNull:
		return h.next, nil
	}
	return 0, fail(off, "simple value %d has no meaning here", h.arg)
}
