package inspect

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"mobileid/cmd/mobileid/internal/inspect/annotate"
	"mobileid/cmd/mobileid/internal/inspect/record"
)

// Bounds of what is looked at in a JSON document.
const (
	maxJSONDepth = 64
	maxJSONParts = 256
)

// jsonPart is one structure of a document: an encoded string, or a JSON Web Key.
type jsonPart struct {
	path  string
	size  int
	node  *annotate.Node
	found []Found
	fault *annotate.Fault
}

// lookJSON finds the encoded structures among a document's strings, such as a vp_token's. One alone, or the one at pick, is shown whole;
// several are listed with their paths, and the fault is the first of theirs.
func lookJSON(text []byte, as, pick string) (*annotate.Node, []Found, *annotate.Fault) {
	root := &annotate.Node{Type: "JSON", Length: len(text), Meaning: "JSON document"}
	var v any
	if err := json.Unmarshal(text, &v); err != nil {
		at := 0
		if e, ok := errors.AsType[*json.SyntaxError](err); ok {
			at = int(e.Offset)
		}
		return root, nil, annotate.Faultf(at, "JSON that cannot be read")
	}
	j := &jsonReader{as: as, pick: pick}
	j.read("", v, 0)
	switch {
	case len(j.parts) == 0 && pick != "":
		return root, nil, annotate.Faultf(0, "a JSON document without an encoded structure at the path of --pick")
	case len(j.parts) == 0:
		return root, nil, annotate.Faultf(0, "a JSON document without an encoded structure")
	case len(j.parts) == 1:
		p := j.parts[0]
		root.Add(p.whole())
		return root, p.found, p.fault
	}
	j.list(root)
	var found []Found
	var first *annotate.Fault
	for _, p := range j.parts {
		found = append(found, p.found...)
		if first == nil {
			first = p.fault
		}
	}
	return root, found, first
}

// list shows the parts by their paths only.
func (j *jsonReader) list(root *annotate.Node) {
	root.Say(fmt.Sprintf("%d encoded structures; --pick PATH shows one", len(j.parts)))
	for _, p := range j.parts {
		root.Add(p.line())
	}
	if j.more {
		root.Say("there are more, which are not listed")
	}
}

// whole is the part under its path.
func (p jsonPart) whole() *annotate.Node {
	if p.node == nil || p.node.Type == "JWK" {
		return p.node
	}
	part := &annotate.Node{Type: "joined", Name: p.path, Length: p.size, Meaning: "encoded in the document"}
	part.Add(p.node)
	return part.Join()
}

// line is the part without what is in it.
func (p jsonPart) line() *annotate.Node {
	n := &annotate.Node{Type: "joined", Name: p.path, Length: p.size}
	if p.node != nil {
		n.Type = p.node.Type
	}
	switch {
	case n.Type == "JWK":
		n.Meaning = "public key"
	case p.size > 0:
		n.Meaning = fmt.Sprintf("%d bytes", p.size)
	}
	if p.fault != nil {
		n.Say(p.fault.Reason)
	}
	return n.Join()
}

type jsonReader struct {
	as, pick string // a forced type, and the one path to look at
	parts    []jsonPart
	more     bool
}

func (j *jsonReader) read(path string, v any, depth int) {
	if depth > maxJSONDepth {
		j.more = true
		return
	}
	switch v := v.(type) {
	case map[string]any:
		if _, key := v["kty"]; key {
			j.add(path, func() (jsonPart, bool) { return jwk(path, v), true })
			return
		}
		for _, name := range slices.Sorted(maps.Keys(v)) {
			j.read(strings.TrimPrefix(path+"."+name, "."), v[name], depth+1)
		}
	case []any:
		for i, e := range v {
			j.read(path+"["+strconv.Itoa(i)+"]", e, depth+1)
		}
	case string:
		j.add(path, func() (jsonPart, bool) { return j.text(v) })
	}
}

// add takes what stands at a path, if it is wanted and there is room.
func (j *jsonReader) add(path string, part func() (jsonPart, bool)) {
	if j.pick != "" && j.pick != path {
		return
	}
	if len(j.parts) == maxJSONParts {
		j.more = true
		return
	}
	if p, ok := part(); ok {
		p.path = path
		j.parts = append(j.parts, p)
	}
}

// text opens a string that holds a structure, and passes over every other. The one that was picked is opened whatever it holds.
func (j *jsonReader) text(s string) (jsonPart, bool) {
	const least = 8 // shorter strings are words
	if s = strings.TrimSpace(s); s == "" || s[0] == '{' || s[0] == '[' || j.pick == "" && len(s) < least {
		return jsonPart{}, false
	}
	m, f := unwrapText(s)
	if f != nil || m.kind == kindAPDU || j.pick == "" && !m.telling(least) {
		return jsonPart{}, false
	}
	as := j.as
	if j.pick == "" {
		as = "" // a forced type is for one structure
	}
	p := jsonPart{size: len(m.data)}
	p.node, p.found, p.fault = m.look(as, "")
	return p, true
}

// telling reports whether a decoded string is recognised as something.
func (m material) telling(least int) bool {
	if m.kind == kindPEM || m.as != "" {
		return true
	}
	return len(m.data) >= least && (looksDER(m.data) || record.Looks(m.data) || annotate.Recognise(m.data) != "")
}

// jwk shows a public JSON Web Key (RFC 7517).
func jwk(path string, v map[string]any) jsonPart {
	for _, secret := range []string{"d", "k", "p", "q", "dp", "dq", "qi"} {
		if _, ok := v[secret]; ok {
			return jsonPart{fault: errPrivate(0)}
		}
	}
	node := &annotate.Node{Type: "JWK", Name: path, Clause: "RFC 7517", Meaning: "public key"}
	for _, name := range slices.Sorted(maps.Keys(v)) {
		if s, ok := v[name].(string); ok {
			node.Add(annotate.Note(name, s))
		}
	}
	return jsonPart{node: node}
}
