package corpus

import (
	"encoding/binary"
	"fmt"

	"mobileid/mdoc/cbor"
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

// node is one CBOR item as a tree that can be edited into anything, also into what no encoder writes.
type node struct {
	major byte
	arg   uint64
	str   []byte  // byte and text strings
	items []*node // array elements; keys and values in turn; the tagged item
	raw   []byte  // written as it is, in place of all else
}

func text(s string) *node        { return &node{major: majorText, str: []byte(s)} }
func bstr(b []byte) *node        { return &node{major: majorBytes, str: b} }
func array(items ...*node) *node { return &node{major: majorArray, items: items} }
func tagged(tag uint64, item *node) *node {
	return &node{major: majorTag, arg: tag, items: []*node{item}}
}
func uinteger(n uint64) *node  { return &node{major: majorUint, arg: n} }
func verbatim(b ...byte) *node { return &node{raw: b} }
func null() *node              { return verbatim(0xf6) }
func embed(n *node) *node      { return tagged(24, bstr(encode(n))) }

func integer(n int64) *node {
	if n < 0 {
		return &node{major: majorNint, arg: uint64(-(n + 1))}
	}
	return uinteger(uint64(n))
}

func boolean(v bool) *node {
	if v {
		return verbatim(0xf5)
	}
	return verbatim(0xf4)
}

// mapOf takes keys (string or int) and values in turn.
func mapOf(pairs ...any) *node {
	n := &node{major: majorMap}
	for i := 0; i < len(pairs); i += 2 {
		n.items = append(n.items, keyOf(pairs[i]), pairs[i+1].(*node))
	}
	return n
}

func keyOf(key any) *node {
	switch k := key.(type) {
	case string:
		return text(k)
	case int:
		return integer(int64(k))
	case *node:
		return k
	}
	panic(fmt.Sprintf("corpus: internal error: a map key of type %T", key))
}

func encode(n *node) []byte { return n.append(nil) }

func (n *node) append(b []byte) []byte {
	if n.raw != nil {
		return append(b, n.raw...)
	}
	arg := n.arg
	switch n.major {
	case majorBytes, majorText:
		arg = uint64(len(n.str))
	case majorArray:
		arg = uint64(len(n.items))
	case majorMap:
		arg = uint64(len(n.items) / 2)
	}
	b = append(cbor.AppendHead(b, n.major, arg), n.str...)
	for _, item := range n.items {
		b = item.append(b)
	}
	return b
}

// parse reads one item of this package's own making.
func parse(b []byte) *node {
	n, rest := parseItem(b)
	if len(rest) != 0 {
		panic("corpus: internal error: bytes after an item")
	}
	return n
}

func parseItem(b []byte) (*node, []byte) {
	n := &node{major: b[0] >> 5}
	size := 0
	if info := b[0] & 0x1f; info < 24 {
		n.arg = uint64(info)
	} else {
		size = 1 << (info - 24)
	}
	wide := make([]byte, 8)
	copy(wide[8-size:], b[1:1+size])
	if size > 0 {
		n.arg = binary.BigEndian.Uint64(wide)
	}
	head, b := b[:1+size], b[1+size:]
	children := 0
	switch n.major {
	case majorBytes, majorText:
		n.str, b = append([]byte{}, b[:n.arg]...), b[n.arg:]
	case majorArray:
		children = int(n.arg)
	case majorMap:
		children = 2 * int(n.arg)
	case majorTag:
		children = 1
	case majorSimple:
		n.raw = head
	}
	for range children {
		var item *node
		item, b = parseItem(b)
		n.items = append(n.items, item)
	}
	return n, b
}

// get follows keys of maps and places in arrays.
func (n *node) get(path ...any) *node {
	for _, step := range path {
		if place, ok := step.(int); ok && n.major == majorArray {
			n = n.items[place]
			continue
		}
		n = n.items[n.place(step)+1]
	}
	return n
}

// place gives where the key stands in a map, or panics.
func (n *node) place(key any) int {
	want := string(encode(keyOf(key)))
	for i := 0; i < len(n.items); i += 2 {
		if string(encode(n.items[i])) == want {
			return i
		}
	}
	panic(fmt.Sprintf("corpus: internal error: no key %v", key))
}

func (n *node) has(key any) bool {
	want := string(encode(keyOf(key)))
	for i := 0; i < len(n.items); i += 2 {
		if string(encode(n.items[i])) == want {
			return true
		}
	}
	return false
}

// set replaces the value under the key or adds the pair.
func (n *node) set(key any, value *node) {
	if n.has(key) {
		n.items[n.place(key)+1] = value
		return
	}
	n.items = append(n.items, keyOf(key), value)
}

func (n *node) remove(key any) {
	i := n.place(key)
	n.items = append(append([]*node{}, n.items[:i]...), n.items[i+2:]...)
}

// rename gives the pair another key.
func (n *node) rename(key any, to *node) { n.items[n.place(key)] = to }

// double writes the pair a second time.
func (n *node) double(key any) {
	i := n.place(key)
	n.items = append(n.items, n.items[i], n.items[i+1])
}

// become turns the node into another in its place.
func (n *node) become(other *node) { *n = *other }

// within edits what an embedded item (tag 24) holds.
func (n *node) within(edit func(*node)) {
	inner := parse(n.items[0].str)
	edit(inner)
	n.items[0].str = encode(inner)
}
