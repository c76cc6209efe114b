package cbor

import "math"

// Cursor reads one item from front to back under exactly the rules of [Unmarshal], without reflection and without memory
// beside the values themselves. It is for the structures a verifier decodes for every answer (docs/adr/0011); everything
// else uses Unmarshal, and a test holds both to the same answers.
//
// The first error stays: after it every read gives a zero value and every loop ends, so a decoder reads on and asks
// [Cursor.Done] once, at the end. What was read before an error must then be thrown away.
type Cursor struct {
	w     walker
	off   int
	depth int
	err   error
}

// NewCursor starts at the first byte of data. Values read keep slices of data.
func NewCursor(data []byte) *Cursor { return &Cursor{w: walker{data: data}} }

// Done gives the first error, an *[Error], or one about bytes that follow the item.
func (c *Cursor) Done() error {
	if c.err == nil && c.off != len(c.w.data) {
		c.err = fail(c.off, "%d bytes follow the item", len(c.w.data)-c.off)
	}
	return c.err
}

// Offset is the place of the next item.
func (c *Cursor) Offset() int { return c.off }

// Since gives the bytes from an earlier offset up to here, or nil after an error.
func (c *Cursor) Since(start int) []byte {
	if c.err != nil {
		return nil
	}
	return c.w.data[start:c.off:c.off]
}

// Refuse fails at an offset, for what a decoder finds beyond the form. The reason must not repeat what was read.
func (c *Cursor) Refuse(offset int, reason string) {
	if c.err == nil {
		c.err = &Error{Offset: offset, Reason: reason}
	}
}

// fail keeps the first error.
func (c *Cursor) fail(err error) {
	if c.err == nil {
		c.err = err
	}
}

// item reads the head of the next item, which must be of kind k. The caller moves on.
func (c *Cursor) item(k kind) (head, bool) {
	if c.err != nil {
		return head{}, false
	}
	h, err := c.w.begin(c.off, c.depth)
	if err != nil {
		c.err = err
		return head{}, false
	}
	if !k.accepts(h) {
		c.err = fail(c.off, "%s where %s is due", majorName(h), k.due())
		return head{}, false
	}
	return h, true
}

// Uint reads an unsigned integer.
func (c *Cursor) Uint() uint64 {
	h, ok := c.item(kindUint)
	if ok {
		c.off = h.next
	}
	return h.arg
}

// Int reads an integer of 64 bits.
func (c *Cursor) Int() int64 {
	h, ok := c.item(kindInt)
	if !ok {
		return 0
	}
	if h.arg > math.MaxInt64 {
		c.err = fail(c.off, "an integer beyond 64 bits")
		return 0
	}
	c.off = h.next
	if h.major == majorNint {
		return -1 - int64(h.arg)
	}
	return int64(h.arg)
}

// Bool reads a truth value.
func (c *Cursor) Bool() bool {
	h, ok := c.item(kindBool)
	if ok {
		c.off = h.next
	}
	return h.arg == simpleTrue
}

// Text reads a text string into memory of its own.
func (c *Cursor) Text() string { return string(c.str(kindText)) }

// TextOf reads a text string like Text; one of the usual ones needs no memory of its own.
func (c *Cursor) TextOf(usual ...string) string {
	b := c.str(kindText)
	for _, u := range usual {
		if string(b) == u {
			return u
		}
	}
	return string(b)
}

// Bytes reads a byte string, a slice of the input.
func (c *Cursor) Bytes() []byte { return c.str(kindBytes) }

func (c *Cursor) str(k kind) []byte {
	h, ok := c.item(k)
	if !ok {
		return nil
	}
	end, err := c.w.str(c.off, h, anyShape)
	if err != nil {
		c.err = err
		return nil
	}
	c.off = end
	return c.w.data[h.next:end:end]
}

// Raw reads any item and keeps it as it stands.
func (c *Cursor) Raw() RawMessage {
	start := c.off
	c.Skip()
	return c.Since(start)
}

// Skip reads over any item, under the same rules.
func (c *Cursor) Skip() {
	if c.err != nil {
		return
	}
	next, err := c.w.item(c.off, anyShape, c.depth)
	if err != nil {
		c.err = err
		return
	}
	c.off = next
}

// Into reads any item into v, a non-nil pointer, by [Unmarshal]: for members that are rare.
func (c *Cursor) Into(v any) {
	start := c.off
	if raw := c.Raw(); c.err == nil {
		c.fail(shifted(Unmarshal(raw, v), start))
	}
}

// IsNull reports whether null comes next, and reads nothing.
func (c *Cursor) IsNull() bool {
	return c.err == nil && c.off < len(c.w.data) && c.w.data[c.off] == majorSimple<<5|simpleNull
}

// TDate reads a tdate.
func (c *Cursor) TDate() TDate {
	var d TDate
	start := c.off
	if raw := c.Raw(); c.err == nil {
		c.fail(shifted(d.UnmarshalCBOR(raw), start))
	}
	return d
}

// ForeignTDate reads a tdate as [ReadTDate] does.
func (c *Cursor) ForeignTDate() (d TDate, fraction bool) {
	start := c.off
	if raw := c.Raw(); c.err == nil {
		var err error
		d, fraction, err = ReadTDate(raw)
		c.fail(shifted(err, start))
	}
	return d, fraction
}

// shifted moves the offset of an error about a part to the whole.
func shifted(err error, by int) error {
	if e, ok := err.(*Error); ok { //nolint:errorlint // inside another error, the offset is that of an embedded item
		return &Error{Offset: e.Offset + by, Reason: e.Reason}
	}
	return err
}

// ReadEmbedded reads #6.24(bstr .cbor T) into e; read decodes the content, of which nothing may be left. Offsets of errors
// inside count from the start of the content, as in [Unmarshal].
func ReadEmbedded[T any](c *Cursor, e *Embedded[T], read func(*Cursor, *T)) {
	start := c.off
	content := c.embedded()
	if c.err != nil {
		return
	}
	data, items, off, depth := c.w.data, c.w.items, c.off, c.depth
	c.w.data, c.w.items, c.off, c.depth = content, 0, 0, 0
	read(c, &e.Value)
	if c.Done() != nil {
		return
	}
	c.w.data, c.w.items, c.off, c.depth = data, items, off, depth
	e.raw, e.content = c.Since(start), content
}

// embedded reads over a tag 24 item and gives what its byte string holds.
func (c *Cursor) embedded() []byte {
	h, ok := c.item(kindAny)
	if !ok {
		return nil
	}
	if h.major != majorTag || h.arg != tagEmbedded {
		c.err = fail(c.off, "%s where tag 24 is due", majorName(h))
		return nil
	}
	c.off = h.next
	c.depth++
	content := c.str(kindBytes)
	c.depth--
	return content
}
