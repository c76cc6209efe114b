package cbor

// Items splits an array into its items, in order. As with [Pairs], each item is well-formed and what its tags mean is the
// caller's business: this is how a structure is read whose items hold a tag that [Unmarshal] refuses, such as a bignum.
func Items(data []byte) ([]RawMessage, error) {
	w := walker{data: data, loose: true}
	if err := w.whole(anyShape); err != nil {
		return nil, err
	}
	h, err := readHead(data, 0)
	if err != nil {
		return nil, err
	}
	if h.major != majorArray {
		return nil, fail(0, "%s where an array is due", majorName(h))
	}
	w.items = 0
	out := make([]RawMessage, h.arg)
	next := h.next
	for i := range out {
		at := next
		if next, err = w.item(at, anyShape, 0); err != nil {
			return nil, err
		}
		out[i] = data[at:next]
	}
	return out, nil
}
