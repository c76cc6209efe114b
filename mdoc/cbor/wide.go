package cbor

// PairsWithin is [Pairs] for a structure in which an issuer, not a standard, sizes a map, such as an identifier list: any map
// inside it may have up to pairs pairs, itself not. The bound of the nesting stays; the caller bounds the input.
func PairsWithin(data []byte, pairs int) ([]RawPair, error) {
	c := Cursor{w: walker{data: data, wide: pairs}}
	return c.split()
}

// EachByteKey calls each with every pair of a map of at most pairs pairs whose keys are byte strings, in order, and ends at its
// first error. Key and value are slices of data. Duplicate keys, at any level, and other keys are refused before each is
// called the first time.
func EachByteKey(data []byte, pairs int, each func(key []byte, value RawMessage) error) error {
	w := walker{data: data, wide: pairs}
	if err := w.whole(&shape{kind: kindMap, name: "byte string keys", size: -1, elem: anyShape,
		keyMajor: func(m byte) bool { return m == majorBytes }}); err != nil {
		return err
	}
	h, _ := readHead(data, 0) // all of it was read just above
	next := h.next
	for range h.arg {
		w.items = 0
		k, valueAt, _ := w.key(next)
		next, _ = w.item(valueAt, anyShape, 1)
		if err := each(k.content(data), data[valueAt:next]); err != nil {
			return err
		}
	}
	return nil
}
