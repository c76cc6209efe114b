package annotate

import (
	"encoding/hex"
	"fmt"
)

// Node is one element of the tree, in the stable form of docs/inspect.md.
type Node struct {
	// Type is the standard's name of the structure, or the CBOR type of an element that has none: uint, nint, bstr, tstr, array,
	// map, tag, bool, null, float, simple. "note" marks a line that explains its parent and stands for no bytes of its own.
	Type string `json:"type"`
	// Clause is the document and clause that define it; empty for what no standard names.
	Clause string `json:"clause,omitempty"`
	// Offset and Length place it in the decoded input; in a part that was put together from pieces ("joined"), in that part.
	Offset int `json:"offset"`
	Length int `json:"length"`
	// Name is the map key or what the standard calls an element of an array.
	Name string `json:"name,omitempty"`
	// Key is the map key in diagnostic notation, for members of maps only.
	Key string `json:"key,omitempty"`
	// Value is the whole value of an element without children, in diagnostic notation.
	Value string `json:"value,omitempty"`
	// Meaning says in words what it is or what its value means.
	Meaning  string  `json:"meaning,omitempty"`
	Children []*Node `json:"children,omitempty"`

	open, shut string // brackets around children that are CBOR
	bytes      []byte // the value of a byte string, to shorten it
	joined     bool   // offsets below count from the start of this part
}

// Note makes a line that explains its parent.
func Note(name, value string) *Node { return &Node{Type: "note", Name: name, Value: value} }

// Add appends children that are not nil.
func (n *Node) Add(children ...*Node) {
	for _, c := range children {
		if c != nil {
			n.Children = append(n.Children, c)
		}
	}
}

// Join marks n as put together from pieces: offsets below it count from its own start.
func (n *Node) Join() *Node {
	n.joined = true
	return n
}

// Bytes makes a node for bytes that no rule opens.
func Bytes(typ, name string, offset int, b []byte) *Node {
	return &Node{Type: typ, Name: name, Offset: offset, Length: len(b), bytes: b, Value: "h'" + hex.EncodeToString(b) + "'"}
}

// Each calls f for n and all below it, parents first.
func (n *Node) Each(f func(*Node)) {
	if n == nil {
		return
	}
	f(n)
	for _, c := range n.Children {
		c.Each(f)
	}
}

// say adds to the meaning.
func (n *Node) say(words string) {
	switch {
	case words == "":
	case n.Meaning == "":
		n.Meaning = words
	default:
		n.Meaning += "; " + words
	}
}

// Say adds words to what a node means.
func (n *Node) Say(words string) { n.say(words) }

// Fault says why the walk ended. It never repeats a value.
type Fault struct {
	// Offset counts bytes from the start of the decoded input.
	Offset int    `json:"offset"`
	Reason string `json:"reason"`
}

// Faultf makes a fault.
func Faultf(offset int, format string, args ...any) *Fault {
	return &Fault{Offset: offset, Reason: fmt.Sprintf(format, args...)}
}

func (f *Fault) Error() string {
	return fmt.Sprintf("offset %#x (%d): %s", f.Offset, f.Offset, f.Reason)
}

// Difference is a place where well-formed bytes are not what the rule says.
type Difference struct {
	Offset int
	Reason string
}
