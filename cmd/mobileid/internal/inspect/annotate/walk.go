package annotate

import (
	"errors"
	"fmt"
	"strconv"
	"unicode/utf8"

	"mobileid/mdoc/cbor"
)

// Bounds of one tree. The deepest structure of the standard, an extended DeviceRequest inside its embeddings, needs twenty levels.
const (
	maxDepth = 64
	maxNodes = 1 << 18
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

const tagEmbedded = 24

// Tree is what a walk found.
type Tree struct {
	Root *Node
	// Differences are the places where the bytes are not what the rule says, in order.
	Differences []Difference
}

type walker struct {
	data  []byte
	base  int // added to offsets: where data begins in the input
	nodes int
	diff  []Difference
}

// Walk reads data as exactly one item under the rule called name; an unknown or empty name means any item. Offsets in the tree count
// from base. After a fault the tree holds what was read before it.
func Walk(data []byte, name string, base int) (Tree, *Fault) {
	w := &walker{data: data, base: base}
	root, end, err := w.item(0, len(data), name, 0)
	if err == nil && end != len(data) {
		err = w.fault(end, "%d bytes follow the item", len(data)-end)
	}
	tree := Tree{Root: root, Differences: w.diff}
	if err == nil {
		return tree, nil
	}
	if f, ok := errors.AsType[*Fault](err); ok {
		return tree, f
	}
	return tree, &Fault{Offset: base, Reason: err.Error()}
}

func (w *walker) fault(off int, format string, args ...any) error {
	return &Fault{Offset: w.base + off, Reason: fmt.Sprintf(format, args...)}
}

func (w *walker) differs(off int, reason string) {
	w.diff = append(w.diff, Difference{Offset: w.base + off, Reason: reason})
}

// head reads the head at off; the item must not reach beyond end.
func (w *walker) head(off, end int) (cbor.Head, error) {
	h, err := cbor.HeadAt(w.data[:end], off)
	if err == nil {
		return h, nil
	}
	if e, ok := errors.AsType[*cbor.Error](err); ok {
		return h, w.fault(e.Offset, "%s", e.Reason)
	}
	return h, w.fault(off, "%v", err)
}

// resolve follows picks and choices to the rule that applies, by the bytes at off.
func (w *walker) resolve(name string, v view, h cbor.Head) (string, *rule) {
	for range 8 { // no table nests deeper
		r := schema()[name]
		switch {
		case r == nil:
			return "", &rule{}
		case r.pick != nil:
			name = r.pick(v)
		case r.form == formChoice:
			name = w.choose(r, h)
		default:
			return name, r
		}
	}
	return "", &rule{}
}

func (w *walker) choose(r *rule, h cbor.Head) string {
	for _, c := range r.choices {
		if o := schema()[c]; o != nil && o.accepts(h.Major, h.Arg) {
			return c
		}
	}
	return r.choices[0]
}

func (w *walker) item(off, end int, name string, depth int) (*Node, int, error) {
	return w.itemIn(off, end, name, depth, -1)
}

// itemIn reads the item at off that stands in the container at in (-1 for none).
func (w *walker) itemIn(off, end int, name string, depth, in int) (*Node, int, error) {
	if depth > maxDepth {
		return nil, off, w.fault(off, "nested deeper than %d levels", maxDepth)
	}
	if w.nodes++; w.nodes > maxNodes {
		return nil, off, w.fault(off, "more than %d items", maxNodes)
	}
	h, err := w.head(off, end)
	if err != nil {
		return nil, off, err
	}
	if h.Break() {
		return nil, off, w.fault(off, "a break where an item should begin")
	}
	name, r := w.resolve(name, view{data: w.data[:end], at: off, in: in}, h)
	node := &Node{Offset: w.base + off, Type: kindOf(h), Clause: r.clause, Meaning: r.meaning}
	null := h.Major == majorSimple && h.Info == simpleNull
	switch {
	case r.accepts(h.Major, h.Arg):
		if upper(name) || name == "tdate" || name == "full-date" {
			node.Type = name
		}
	case !null:
		w.differs(off, fmt.Sprintf("%s (%s) where %s is due", kindOf(h), name, r.due()))
		node.say("here " + r.due() + " is due")
		r = &rule{}
	}
	next, err := w.content(node, r, h, off, end, depth)
	node.Length = next - off
	if r.hide {
		node.Value, node.bytes, node.Children = "(not shown)", nil, nil
	}
	return node, next, err
}

func (w *walker) content(node *Node, r *rule, h cbor.Head, off, end, depth int) (int, error) {
	switch h.Major {
	case majorUint, majorNint:
		integer(node, r, h)
		return h.Next, nil
	case majorBytes, majorText:
		return w.str(node, r, h, off, end, depth)
	case majorArray:
		return w.array(node, r, h, off, end, depth)
	case majorMap:
		return w.pairs(node, r, h, off, end, depth)
	case majorTag:
		return w.tagged(node, r, h, off, end, depth)
	default:
		return w.simple(node, h, off)
	}
}

func (w *walker) str(node *Node, r *rule, h cbor.Head, off, end, depth int) (int, error) {
	b, next, err := w.stringBytes(h, off, end)
	if err != nil {
		return off, err
	}
	if h.Major == majorText {
		if !utf8.Valid(b) {
			return off, w.fault(off, "text that is not valid UTF-8")
		}
		node.Value = quote(string(b))
		if r.say != nil {
			node.say(r.say(b))
		}
		return next, nil
	}
	if r.of != "" && r.form == formBytes && !h.Indefinite() && len(b) > 0 {
		node.open, node.shut = "<<", ">>"
		child, at, err := w.item(h.Next, next, r.of, depth+1)
		node.Add(child)
		if err == nil && at != next {
			err = w.fault(at, "%d bytes follow the item inside a byte string", next-at)
		}
		return next, err
	}
	node.bytes, node.Value = b, "h'"+hexText(b)+"'"
	if r.say != nil {
		node.say(r.say(b))
	}
	if r.open != nil {
		r.open(node, b)
	}
	return next, nil
}

// stringBytes gives a string's content; chunks of an indefinite one are joined.
func (w *walker) stringBytes(h cbor.Head, off, end int) ([]byte, int, error) {
	if !h.Indefinite() {
		if h.Arg > uint64(end-h.Next) {
			return nil, off, w.fault(off, "a string of %d bytes, of which %d are here", h.Arg, end-h.Next)
		}
		next := h.Next + int(h.Arg) //nolint:gosec // bounded by the input just above
		return w.data[h.Next:next], next, nil
	}
	var out []byte
	next := h.Next
	for {
		c, err := w.head(next, end)
		if err != nil {
			return nil, off, err
		}
		if c.Break() {
			return out, c.Next, nil
		}
		if c.Major != h.Major || c.Indefinite() {
			return nil, off, w.fault(next, "a chunk of another type inside a string of indefinite length")
		}
		b, after, err := w.stringBytes(c, next, end)
		if err != nil {
			return nil, off, err
		}
		out, next = append(out, b...), after
	}
}

// more tells whether element i of a container follows at off, and where what follows the container begins if not.
func (w *walker) more(h cbor.Head, i, off, end int) (bool, int, error) {
	if !h.Indefinite() {
		return uint64(i) < h.Arg, off, nil //nolint:gosec // a count
	}
	c, err := w.head(off, end)
	if err != nil {
		return false, off, err
	}
	if c.Break() {
		return false, c.Next, nil
	}
	return true, off, nil
}

func (w *walker) count(h cbor.Head, off, end int) error {
	if !h.Indefinite() && h.Arg > uint64(end-h.Next) {
		return w.fault(off, "%d elements announced, %d bytes are here", h.Arg, end-h.Next)
	}
	return nil
}

func (w *walker) array(node *Node, r *rule, h cbor.Head, off, end, depth int) (int, error) {
	node.open, node.shut = brackets(h, "[", "]")
	if err := w.count(h, off, end); err != nil {
		return off, err
	}
	next := h.Next
	for i := 0; ; i++ {
		more, after, err := w.more(h, i, next, end)
		if err != nil {
			return next, err
		}
		if !more {
			if r.form == formTuple && i < len(r.fields) {
				w.differs(off, fmt.Sprintf("%d elements where %d are due", i, len(r.fields)))
			}
			return after, nil
		}
		f := field{of: r.of, label: ""}
		if r.form == formTuple {
			f = field{label: strconv.Itoa(i)}
			if i < len(r.fields) {
				f = r.fields[i]
			}
		}
		child, at, err := w.itemIn(next, end, f.of, depth+1, off)
		describe(child, f, r)
		node.Add(child)
		if err != nil {
			return next, err
		}
		next = at
	}
}

func (w *walker) pairs(node *Node, r *rule, h cbor.Head, off, end, depth int) (int, error) {
	node.open, node.shut = brackets(h, "{", "}")
	if err := w.count(h, off, end); err != nil {
		return off, err
	}
	next := h.Next
	seen := map[string]bool{}
	for i := 0; ; i++ {
		more, after, err := w.more(h, i, next, end)
		if err != nil || !more {
			return after, err
		}
		key, valueAt, err := w.key(next, end, depth)
		if err != nil {
			return next, err
		}
		if seen[key] {
			w.differs(next, "a map key for the second time")
		}
		seen[key] = true
		f := r.member(key)
		child, at, err := w.itemIn(valueAt, end, f.of, depth+1, off)
		if child != nil {
			child.Key = key
			child.Offset, child.Length = w.base+next, at-next
			describe(child, f, r)
		}
		node.Add(child)
		if err != nil {
			return next, err
		}
		next = at
	}
}

// key gives a map key in diagnostic notation.
func (w *walker) key(off, end, depth int) (string, int, error) {
	child, next, err := w.item(off, end, "", depth+1)
	if err != nil {
		return "", off, err
	}
	if len(child.Children) > 0 || child.open != "" {
		return "", off, w.fault(off, "a map key that is not a simple value")
	}
	return child.Value, next, nil
}

// member gives the field of a key.
func (r *rule) member(key string) field {
	for _, f := range r.fields {
		if f.key == key {
			return f
		}
	}
	f := field{key: key, label: unquote(key)}
	if r.form == formDict {
		f.of, f.meaning = r.of, r.name
		if r.nameOf != nil {
			f.meaning = r.nameOf(f.label)
		}
	}
	if r.form == formMap {
		f.meaning = "not a member the standard names"
	}
	return f
}

// describe gives a child what its place says about it; what its own rule says comes after.
func describe(child *Node, f field, parent *rule) {
	if child == nil {
		return
	}
	child.Name = f.label
	own := child.Meaning
	child.Meaning = ""
	child.say(f.meaning)
	if own != f.meaning {
		child.say(own)
	}
	switch {
	case f.clause != "":
		child.Clause = f.clause
	case child.Clause == "" && child.Meaning != "":
		child.Clause = parent.clause
	}
}

func (w *walker) tagged(node *Node, r *rule, h cbor.Head, off, end, depth int) (int, error) {
	of := r.of
	if h.Arg == tagEmbedded {
		return w.embedded(node, of, h, off, end, depth)
	}
	child, next, err := w.itemIn(h.Next, end, of, depth+1, off)
	if child == nil {
		return off, err
	}
	if child.open == "" { // a scalar: one line
		node.Value = decimal(h.Arg) + "(" + child.Value + ")"
		node.say(child.Meaning)
		if of == "" {
			node.say(explainTag(h.Arg, child))
		}
		return next, err
	}
	node.open, node.shut = decimal(h.Arg)+"(", ")"
	node.Add(child)
	return next, err
}

// embedded reads tag 24 over a byte string and what the string holds.
func (w *walker) embedded(node *Node, of string, h cbor.Head, off, end, depth int) (int, error) {
	s, err := w.head(h.Next, end)
	if err != nil {
		return off, err
	}
	if s.Major != majorBytes || s.Indefinite() {
		return off, w.fault(h.Next, "no byte string inside tag 24")
	}
	_, next, err := w.stringBytes(s, h.Next, end)
	if err != nil {
		// Show what is here of the item that is cut off.
		next = end
	}
	node.open, node.shut = "24(<<", ">>)"
	child, at, inner := w.item(s.Next, next, of, depth+1)
	node.Add(child)
	switch {
	case err != nil:
		return off, err
	case inner == nil && at != next:
		inner = w.fault(at, "%d bytes follow the item inside tag 24", next-at)
	}
	return next, inner
}
