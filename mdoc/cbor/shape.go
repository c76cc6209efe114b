package cbor

import (
	"reflect"
	"strconv"
	"strings"
	"sync"

	fxcbor "github.com/fxamacker/cbor/v2"
)

// kind says which items a Go type accepts.
type kind uint8

const (
	kindAny kind = iota // RawMessage: any item
	kindCustom
	kindText
	kindBytes
	kindUint
	kindInt
	kindBool
	kindFloat
	kindArray
	kindTuple  // struct with a blank toarray field
	kindStruct // struct as a map
	kindMap
	kindRefused // a type this package does not decode into
)

// shape is what a Go type demands of the bytes.
type shape struct {
	kind     kind
	name     string // of the Go type, for messages
	size     int    // kindBytes: fixed length, or -1
	elem     *shape // kindArray, kindMap
	fields   []field
	required int // kindStruct, kindTuple: how many fields must be present
	byText   map[string]int
	byInt    map[int64]int
	keyMajor func(byte) bool // kindMap: which major types a key may have
	encodes  error           // why Marshal refuses the type, nil if it does not
}

type field struct {
	name     string
	shape    *shape
	required bool
}

var (
	anyShape        = &shape{kind: kindAny, size: -1}
	unmarshalerType = reflect.TypeFor[fxcbor.Unmarshaler]()
	rawType         = reflect.TypeFor[RawMessage]()
	orderedType     = reflect.TypeFor[ordered]()
	shapes          sync.Map // reflect.Type -> *shape; a cache of facts about types
)

func shapeOf(t reflect.Type) *shape {
	if s, ok := shapes.Load(t); ok {
		return s.(*shape)
	}
	s := compile(t, 0)
	shapes.Store(t, s)
	return s
}

func compile(t reflect.Type, depth int) *shape {
	if depth > 4*maxDepth { // a type that holds itself
		return &shape{kind: kindRefused, name: t.String(), size: -1}
	}
	s := &shape{name: t.String(), size: -1}
	switch {
	case t == rawType || t.Kind() == reflect.Interface:
		return &shape{kind: kindAny, name: t.String(), size: -1}
	case t.Kind() == reflect.Pointer: // optional in Go, never null on the wire
		return compile(t.Elem(), depth+1)
	case t.Implements(orderedType):
		k, v := reflect.Zero(t).Interface().(ordered).types()
		s.kind, s.keyMajor, s.elem = kindMap, keyMajors(k), compile(v, depth+1)
	case t.Implements(unmarshalerType) || reflect.PointerTo(t).Implements(unmarshalerType):
		s.kind = kindCustom
	default:
		s.plain(t, depth)
	}
	if s.elem != nil && s.encodes == nil {
		s.encodes = s.elem.encodes
	}
	return s
}

func (s *shape) plain(t reflect.Type, depth int) {
	switch t.Kind() {
	case reflect.String:
		s.kind = kindText
	case reflect.Bool:
		s.kind = kindBool
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		s.kind = kindUint
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		s.kind = kindInt
	case reflect.Float32, reflect.Float64:
		s.kind = kindFloat
	case reflect.Slice, reflect.Array:
		if t.Elem().Kind() == reflect.Uint8 {
			s.kind = kindBytes
			if t.Kind() == reflect.Array {
				s.size = t.Len()
			}
			return
		}
		s.kind, s.elem = kindArray, compile(t.Elem(), depth+1)
	case reflect.Map:
		s.kind, s.keyMajor, s.elem = kindMap, keyMajors(t.Key()), compile(t.Elem(), depth+1)
		s.encodes = fail(0, "%s is a Go map and has no order: use cbor.Map", t)
	case reflect.Struct:
		s.structure(t, depth)
	default:
		s.kind = kindRefused
	}
}

func keyMajors(t reflect.Type) func(byte) bool {
	switch t.Kind() {
	case reflect.String:
		return func(m byte) bool { return m == majorText }
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return func(m byte) bool { return m == majorUint }
	}
	return func(m byte) bool { return m == majorUint || m == majorNint }
}

func (s *shape) structure(t reflect.Type, depth int) {
	s.kind, s.byText, s.byInt = kindStruct, map[string]int{}, map[int64]int{}
	for i := range t.NumField() {
		f := t.Field(i)
		tag := f.Tag.Get("cbor")
		name, options, _ := strings.Cut(tag, ",")
		if f.Name == "_" && options == "toarray" {
			s.kind = kindTuple
			continue
		}
		if tag == "-" || !f.IsExported() {
			continue
		}
		fs := compile(f.Type, depth+1)
		if fs.encodes != nil {
			s.encodes = fs.encodes
		}
		if name == "" {
			name = f.Name
		}
		added := field{name: name, shape: fs, required: !strings.Contains(options, "omitempty") && !strings.Contains(options, "omitzero")}
		if added.required {
			s.required++
		}
		if strings.Contains(options, "keyasint") {
			n, err := strconv.ParseInt(name, 10, 64)
			if err != nil {
				s.kind = kindRefused
				return
			}
			s.byInt[n] = len(s.fields)
		} else {
			s.byText[name] = len(s.fields)
		}
		s.fields = append(s.fields, added)
	}
}

// member gives the shape of the value under key, and whether the member is a required one.
func (s *shape) member(data []byte, off int, k mapKey) (*shape, bool, error) {
	switch s.kind {
	case kindStruct:
		if i, ok := s.index(data, k); ok {
			return s.fields[i].shape, s.fields[i].required, nil
		}
		return anyShape, false, nil
	case kindMap:
		if !s.keyMajor(k.major) {
			return nil, false, fail(off, "a map key of the wrong type for %s", s.name)
		}
		return s.elem, false, nil
	}
	return anyShape, false, nil
}

func (s *shape) index(data []byte, k mapKey) (int, bool) {
	if k.major == majorText {
		i, ok := s.byText[string(k.content(data))]
		return i, ok
	}
	n, ok := k.number()
	if !ok {
		return 0, false
	}
	i, ok := s.byInt[n]
	return i, ok
}

// missing names the first required member that is not among the keys seen.
func (s *shape) missing(w *walker, seen *keySet) string {
	for _, f := range s.fields {
		if !f.required {
			continue
		}
		found := false
		if _, isText := s.byText[f.name]; isText {
			found = seen.has(w, f.name)
		} else if n, err := strconv.ParseInt(f.name, 10, 64); err == nil {
			found = seen.hasNumber(w, n)
		}
		if !found {
			return f.name
		}
	}
	return "(unknown)"
}

// accepts checks the head of an item against the shape.
func (s *shape) accepts(off int, h head) error {
	if s.kind == kindRefused {
		return fail(off, "%s cannot be decoded into", s.name)
	}
	if !s.kind.accepts(h) {
		return fail(off, "%s where %s is due", majorName(h), s.kind.due())
	}
	return nil
}

func (k kind) accepts(h head) bool {
	switch k {
	case kindAny:
		return true
	case kindCustom: // decodes itself; an absent value is absent, not null
		return h.major != majorSimple || h.arg != simpleNull
	case kindText:
		return h.major == majorText
	case kindBytes:
		return h.major == majorBytes
	case kindUint:
		return h.major == majorUint
	case kindInt:
		return h.major == majorUint || h.major == majorNint
	case kindBool:
		return h.major == majorSimple && h.info < 24 && (h.arg == simpleFalse || h.arg == simpleTrue)
	case kindFloat:
		return h.major == majorSimple && h.info > 24
	case kindArray, kindTuple:
		return h.major == majorArray
	case kindStruct, kindMap:
		return h.major == majorMap
	}
	return false
}

func (k kind) due() string {
	switch k {
	case kindText:
		return "text"
	case kindBytes:
		return "a byte string"
	case kindUint:
		return "an unsigned integer"
	case kindInt:
		return "an integer"
	case kindBool:
		return "a truth value"
	case kindFloat:
		return "a float"
	case kindArray, kindTuple:
		return "an array"
	case kindCustom:
		return "a value"
	}
	return "a map"
}

func majorName(h head) string {
	switch h.major {
	case majorUint, majorNint:
		return "an integer"
	case majorBytes:
		return "a byte string"
	case majorText:
		return "text"
	case majorArray:
		return "an array"
	case majorMap:
		return "a map"
	case majorTag:
		return "tag " + strconv.FormatUint(h.arg, 10)
	}
	return "a simple value or float"
}
