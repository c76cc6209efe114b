package cbor

// Items splits an array into its items, in order. As with [Pairs], each item is well-formed and what its tags mean is the
// caller's business: this is how a structure is read whose items hold a tag that [Unmarshal] refuses, such as a bignum.
func Items(data []byte) ([]RawMessage, error) {
	c := Cursor{w: walker{data: data, loose: true}}
	out := ReadArray(&c, func(c *Cursor, item *RawMessage) { *item = c.Raw() })
	if err := c.Done(); err != nil {
		return nil, err
	}
	return out, nil
}
