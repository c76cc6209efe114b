package cbor

import (
	"slices"
	"strconv"
)

// Elements walks the elements of an array: each turn of the loop reads one item from the cursor.
//
//	for e := c.Array(); e.Next(); { list = append(list, c.Text()) }
//
// A loop is run to its end.
type Elements struct {
	c    *Cursor
	left int
}

// Array reads the head of an array.
func (c *Cursor) Array() Elements {
	h, ok := c.item(kindArray)
	return Elements{c: c, left: c.enter(h, ok)}
}

// Tuple reads the head of an array of exactly n elements.
func (c *Cursor) Tuple(n int) Elements {
	start := c.off
	e := c.Array()
	if c.err == nil && e.left != n {
		c.err = fail(start, "an array of %d elements where %d are due", e.left, n)
	}
	return e
}

// enter moves into an array or map and gives its number of elements or pairs.
func (c *Cursor) enter(h head, ok bool) int {
	if !ok {
		return 0
	}
	n, err := c.w.count(c.off, h)
	if err != nil {
		c.err = err
		return 0
	}
	c.off = h.next
	c.depth++
	return n
}

// Next reports whether there is one more.
func (e *Elements) Next() bool {
	if e.c.err != nil {
		return false
	}
	if e.left == 0 {
		e.c.depth--
		return false
	}
	e.left--
	return true
}

// prealloc bounds what is allocated on the word of a head: a sender pays with bytes for more.
const prealloc = 64

// Members walks the pairs of a map: each turn of the loop is given a key and reads the value from the cursor. Keys are
// integers, text or byte strings and stand once.
//
//	for m := c.Struct("docType"); m.Next(); {
//		switch string(m.Name()) {
//		case "docType":
//			d.DocType = c.Text()
//		default:
//			c.Skip()
//		}
//	}
//
// A loop is run to its end.
type Members struct {
	c       *Cursor
	start   int // of the map
	n, left int
	members bool // the keys name members: text or integers
	names   []string
	labels  []int64
	seen    keySet
	key     mapKey
	keyAt   int
}

// Map reads the head of a map whose keys are data.
func (c *Cursor) Map() Members {
	m := Members{c: c, start: c.off}
	m.n = c.enter(c.item(kindMap))
	m.left = m.n
	return m
}

// Struct reads the head of a map of members, in which the named ones must be present.
func (c *Cursor) Struct(required ...string) Members {
	m := c.Map()
	m.members, m.names = true, required
	return m
}

// Labels is Struct for a map with integer keys.
func (c *Cursor) Labels(required ...int64) Members {
	m := c.Map()
	m.members, m.labels = true, required
	return m
}

// Next reads the next key and reports whether there is one.
func (m *Members) Next() bool {
	c := m.c
	if c.err != nil {
		return false
	}
	if m.left == 0 {
		m.end()
		return false
	}
	m.left--
	m.keyAt = c.off
	key, valueAt, err := c.w.key(c.off)
	switch {
	case err != nil:
		c.err = err
	case m.members && !key.names():
		c.err = fail(c.off, "a key that names no member: neither text nor an integer of 64 bits")
	case !m.seen.add(&c.w, key, m.n):
		c.err = fail(c.off, "duplicate map key")
	}
	m.key, c.off = key, valueAt
	return c.err == nil
}

func (m *Members) end() {
	c := m.c
	c.depth--
	for _, name := range m.names {
		if !m.seen.has(&c.w, name) {
			c.fail(fail(m.start, "required member %s is missing", name))
		}
	}
	for _, label := range m.labels {
		if !m.seen.hasNumber(&c.w, label) {
			c.fail(fail(m.start, "required member %s is missing", strconv.FormatInt(label, 10)))
		}
	}
	m.seen.done(&c.w)
}

// Left is how many pairs are still to come, at most 64: how much room to make beforehand.
func (m *Members) Left() int { return min(m.left, prealloc) }

// Name is the key where it is text and nil where it is not: a slice of the input.
func (m *Members) Name() []byte {
	if m.key.major != majorText {
		return nil
	}
	return m.key.content(m.c.w.data)
}

// Label is the key where it is an integer of 64 bits.
func (m *Members) Label() (int64, bool) { return m.key.number() }

// Text is the key of a map from text, in memory of its own; another key is refused.
func (m *Members) Text() string {
	if m.key.major != majorText {
		m.c.fail(fail(m.keyAt, "a map key that is not text"))
		return ""
	}
	return string(m.Name())
}

// Uint is the key of a map from unsigned integers; another key is refused.
func (m *Members) Uint() uint64 {
	if m.key.major != majorUint {
		m.c.fail(fail(m.keyAt, "a map key that is not an unsigned integer"))
		return 0
	}
	return m.key.arg
}

// ReadMap reads a map from text and keeps its order; read decodes one value.
func ReadMap[V any](c *Cursor, read func(*Cursor, *V)) Map[string, V] {
	m := c.Map()
	r := c.room(m.n)
	out := make(Map[string, V], 0, r.first())
	for m.Next() {
		if len(out) == cap(out) {
			out = slices.Grow(out, r.more(c, len(out)))
		}
		out = append(out, Entry[string, V]{Key: m.Text()})
		read(c, &out[len(out)-1].Value)
	}
	return out
}

// ReadUintMap reads a map from unsigned integers to byte strings, slices of the input, and keeps its order: the widest map of an answer, the
// digests of its MSO, is one.
func ReadUintMap(c *Cursor) Map[uint64, []byte] {
	m := c.Map()
	out := make(Map[uint64, []byte], 0, m.Left())
	for {
		if e, ok := m.short(); ok {
			out = append(out, e)
			continue
		}
		if !m.Next() {
			return out
		}
		out = append(out, Entry[uint64, []byte]{Key: m.Uint(), Value: c.Bytes()})
	}
}

// short reads a pair whose key is below 256 and whose value has a length of one byte, the form of nearly all digests. Whatever has another form,
// or breaks a rule, it leaves to Next. After an error it may read on; what was read is thrown away then.
func (m *Members) short() (e Entry[uint64, []byte], ok bool) {
	c := m.c
	if m.left == 0 || c.off+4 > len(c.w.data) || c.w.items >= maxItems || c.depth > maxDepth {
		return e, false
	}
	at, key := c.off+1, uint64(c.w.data[c.off])
	if key == 24 { // the value is in the next byte
		at, key = at+1, uint64(c.w.data[at])
	} else if key > 23 {
		return e, false
	}
	if c.w.data[at] != majorBytes<<5|24 {
		return e, false
	}
	from := at + 2
	end := from + int(c.w.data[at+1])
	word, bit := &m.seen.ints[key/64], uint64(1)<<(key%64)
	if end > len(c.w.data) || *word&bit != 0 {
		return e, false
	}
	*word |= bit
	m.left--
	c.w.items++
	c.off = end
	return Entry[uint64, []byte]{Key: key, Value: c.w.data[from:end:end]}, true
}

// ReadArray reads an array; read decodes one element.
func ReadArray[V any](c *Cursor, read func(*Cursor, *V)) []V {
	e := c.Array()
	r := c.room(e.left)
	out := make([]V, 0, r.first())
	for e.Next() {
		if len(out) == cap(out) {
			out = slices.Grow(out, r.more(c, len(out)))
		}
		out = out[:len(out)+1]
		read(c, &out[len(out)-1])
	}
	return out
}

// room says for how many elements to make room: a sender pays for memory with bytes, not with the number in a head.
type room struct{ n, start int }

func (c *Cursor) room(n int) room { return room{n: n, start: c.off} }

func (r room) first() int { return min(r.n, prealloc) }

// more guesses from the size of those read how many may follow.
func (r room) more(c *Cursor, have int) int {
	return min(r.n-have, 1+have*(len(c.w.data)-c.off)/max(1, c.off-r.start))
}
