package cbor

import (
	"fmt"
	"reflect"
)

// Key is what may be a key of [Map].
type Key interface{ ~string | ~int64 | ~uint64 }

// Entry is one pair of a [Map].
type Entry[K Key, V any] struct {
	Key   K
	Value V
}

// Map is a CBOR map in the order in which it was received or is to be sent. The standard does not sort maps, so the order
// is part of the bytes. Keys are unique in every decoded map.
type Map[K Key, V any] []Entry[K, V]

// ordered is how the shape of a type finds the key and value types of a Map.
type ordered interface {
	types() (key, value reflect.Type)
}

func (Map[K, V]) types() (reflect.Type, reflect.Type) {
	return reflect.TypeFor[K](), reflect.TypeFor[V]()
}

// Get gives the value under key.
func (m Map[K, V]) Get(key K) (V, bool) {
	for i := range m {
		if m[i].Key == key {
			return m[i].Value, true
		}
	}
	var none V
	return none, false
}

// MarshalCBOR encodes the pairs in their order and refuses a key that stands twice.
func (m Map[K, V]) MarshalCBOR() ([]byte, error) {
	_, enc := modes()
	out := AppendMapHead(nil, len(m))
	seen := make(map[K]struct{}, len(m))
	for i := range m {
		if _, twice := seen[m[i].Key]; twice {
			return nil, fail(0, "duplicate map key")
		}
		seen[m[i].Key] = struct{}{}
		k, err := enc.Marshal(m[i].Key)
		if err != nil {
			return nil, fmt.Errorf("cbor: %w", err)
		}
		v, err := enc.Marshal(m[i].Value)
		if err != nil {
			return nil, fmt.Errorf("cbor: %w", err)
		}
		out = append(append(out, k...), v...)
	}
	return out, nil
}

// UnmarshalCBOR decodes a map and keeps its order.
func (m *Map[K, V]) UnmarshalCBOR(data []byte) error {
	if err := checkWhole(data, shapeOf(reflect.TypeFor[Map[K, V]]())); err != nil {
		return err
	}
	h, _ := readHead(data, 0) // all of it was read just above
	dec, _ := modes()
	w := walker{data: data}
	out := make(Map[K, V], h.arg)
	next := h.next
	for i := range out {
		k, valueAt, _ := w.key(next)
		if !assignKey(&out[i].Key, k, data) {
			if err := dec.Unmarshal(data[next:valueAt], &out[i].Key); err != nil {
				return fmt.Errorf("cbor: %w", err)
			}
		}
		next, _ = w.item(valueAt, anyShape, 0)
		if !assignValue(&out[i].Value, data[valueAt:next]) {
			if err := dec.Unmarshal(data[valueAt:next], &out[i].Value); err != nil {
				return fmt.Errorf("cbor: %w", err)
			}
		}
	}
	*m = out
	return nil
}

// assignKey and assignValue take the commonest types without reflection. The item has been checked against the type
// before. They report whether they did it.
func assignKey(to any, k mapKey, data []byte) bool {
	switch p := to.(type) {
	case *string:
		*p = string(k.content(data))
	case *uint64:
		*p = k.arg
	default:
		return false
	}
	return true
}

func assignValue(to any, item []byte) bool {
	switch p := to.(type) {
	case *RawMessage:
		*p = item
	case *[]byte:
		h, _ := readHead(item, 0)
		*p = item[h.next:]
	case *bool:
		*p = item[0] == majorSimple<<5|simpleTrue
	default:
		return false
	}
	return true
}

// RawPair is one pair of a map whose keys are of several types, such as a COSE header.
type RawPair struct {
	// Int is the key where it is an integer, and IsInt says so.
	Int   int64
	IsInt bool
	// Text is the key where it is text.
	Text string
	// Value is the value as received.
	Value RawMessage
}

// Pairs splits a map with integer and text keys into its pairs, in order. Other keys, and integers outside int64, are
// refused.
func Pairs(data []byte) ([]RawPair, error) {
	c := Cursor{w: walker{data: data}}
	return c.split()
}

func (c *Cursor) split() ([]RawPair, error) {
	c.w.loose = true
	m := c.Map()
	if m.n > maxPairs {
		c.fail(fail(m.start, "%d pairs: more than allowed", m.n))
	}
	out := make([]RawPair, 0, m.Left())
	for m.Next() {
		var p RawPair
		if p.Int, p.IsInt = m.Label(); !p.IsInt {
			if m.key.major != majorText {
				c.fail(fail(m.keyAt, "a map key that is neither text nor a 64-bit integer"))
			}
			p.Text = string(m.Name())
		}
		p.Value = c.Raw()
		out = append(out, p)
	}
	if err := c.Done(); err != nil {
		return nil, err
	}
	return out, nil
}
