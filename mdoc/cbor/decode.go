package cbor

import (
	"fmt"
	"reflect"
	"strings"

	fxcbor "github.com/fxamacker/cbor/v2"
)

// decoder builds Go values from an item that [checkWhole] has accepted for the same shape. It relies on that check: lengths
// lie within data, types fit, keys are unique and required members are there. What it does not build itself it leaves to the
// library (shape.library).
type decoder struct{ data []byte }

// filler is a Map: it decodes its own pairs, typed.
type filler interface {
	fill(d *decoder, off int, elem *shape) (int, error)
}

// value decodes the item at off into v, which is settable, and gives the offset behind it.
func (d *decoder) value(v reflect.Value, s *shape, off int) (int, error) {
	for v.Kind() == reflect.Pointer {
		v.Set(reflect.New(v.Type().Elem()))
		v = v.Elem()
	}
	if s.library || s.kind == kindAny || s.kind == kindCustom {
		return d.foreign(v, s, off)
	}
	h, err := readHead(d.data, off)
	if err != nil {
		return 0, err
	}
	switch s.kind {
	case kindText:
		end := h.next + int(h.arg) //nolint:gosec // bounded by the check
		v.SetString(string(d.data[h.next:end]))
		return end, nil
	case kindBytes:
		end := h.next + int(h.arg) //nolint:gosec // bounded by the check
		v.SetBytes(append([]byte{}, d.data[h.next:end]...))
		return end, nil
	case kindBool:
		v.SetBool(h.arg == simpleTrue)
		return h.next, nil
	case kindUint, kindInt:
		return h.next, setInteger(v, h, off)
	case kindArray:
		return d.array(v, s, h)
	case kindTuple:
		return d.tuple(v, s, h)
	case kindStruct:
		return d.members(v, s, h)
	case kindMap:
		return v.Addr().Interface().(filler).fill(d, off, s.elem)
	}
	return 0, fail(off, "%s cannot be decoded into", s.name)
}

// foreign hands the item to the type itself or to the library.
func (d *decoder) foreign(v reflect.Value, s *shape, off int) (int, error) {
	end, err := d.skip(off)
	if err != nil {
		return 0, err
	}
	item := d.data[off:end:end]
	if v.Type() == rawType {
		v.SetBytes(item)
		return end, nil
	}
	if s.kind == kindCustom {
		if u, ok := v.Addr().Interface().(fxcbor.Unmarshaler); ok {
			return end, u.UnmarshalCBOR(item)
		}
	}
	dec, _ := modes()
	return end, dec.Unmarshal(item, v.Addr().Interface())
}

func setInteger(v reflect.Value, h head, off int) error {
	if v.CanUint() {
		if v.OverflowUint(h.arg) {
			return fail(off, "an integer too large for %s", v.Type())
		}
		v.SetUint(h.arg)
		return nil
	}
	n := int64(h.arg) //nolint:gosec // tested next
	if h.major == majorNint {
		n = -1 - n
	}
	if h.arg>>63 != 0 || v.OverflowInt(n) {
		return fail(off, "an integer too large for %s", v.Type())
	}
	v.SetInt(n)
	return nil
}

func (d *decoder) array(v reflect.Value, s *shape, h head) (int, error) {
	n := int(h.arg) //nolint:gosec // bounded by the check
	v.Set(reflect.MakeSlice(v.Type(), n, n))
	next := h.next
	for i := range n {
		var err error
		if next, err = d.value(v.Index(i), s.elem, next); err != nil {
			return 0, err
		}
	}
	return next, nil
}

func (d *decoder) tuple(v reflect.Value, s *shape, h head) (int, error) {
	next := h.next
	for i := range int(h.arg) { //nolint:gosec // bounded by the check
		f, err := s.fields[i], error(nil)
		if next, err = d.value(v.Field(f.at), f.shape, next); err != nil {
			return 0, err
		}
	}
	return next, nil
}

func (d *decoder) members(v reflect.Value, s *shape, h head) (int, error) {
	w, next := walker(*d), h.next
	for range h.arg {
		k, valueAt, err := w.key(next)
		if err != nil {
			return 0, err
		}
		if i, ok := s.index(k); ok {
			next, err = d.value(v.Field(s.fields[i].at), s.fields[i].shape, valueAt)
		} else {
			next, err = d.skip(valueAt)
		}
		if err != nil {
			return 0, err
		}
	}
	return next, nil
}

// skip gives the offset behind the item at off.
func (d *decoder) skip(off int) (int, error) {
	for left := uint64(1); left > 0; left-- {
		h, err := readHead(d.data, off)
		if err != nil {
			return 0, err
		}
		off = h.next
		switch h.major {
		case majorBytes, majorText:
			off += int(h.arg) //nolint:gosec // bounded by the check
		case majorArray:
			left += h.arg
		case majorMap:
			left += 2 * h.arg
		case majorTag:
			left++
		}
	}
	return off, nil
}

// fill implements filler.
func (m *Map[K, V]) fill(d *decoder, off int, elem *shape) (int, error) {
	h, err := readHead(d.data, off)
	if err != nil {
		return 0, err
	}
	w, out, next := walker(*d), make(Map[K, V], h.arg), h.next
	for i := range out {
		k, valueAt, err := w.key(next)
		if err != nil {
			return 0, err
		}
		if err := assignKey(&out[i].Key, k, next); err != nil {
			return 0, err
		}
		if next, err = fillValue(d, &out[i].Value, elem, valueAt); err != nil {
			return 0, err
		}
	}
	*m = out
	return next, nil
}

// fillValue takes the commonest types without reflection.
func fillValue[V any](d *decoder, to *V, elem *shape, off int) (int, error) {
	switch p := any(to).(type) {
	case *[]byte:
		h, err := readHead(d.data, off)
		if err != nil {
			return 0, err
		}
		end := h.next + int(h.arg) //nolint:gosec // bounded by the check
		*p = d.data[h.next:end:end]
		return end, nil
	case filler:
		return p.fill(d, off, elem.elem)
	}
	return d.value(reflect.ValueOf(to).Elem(), elem, off)
}

// assignKey takes the commonest types without reflection.
func assignKey(to any, k mapKey, off int) error {
	switch p := to.(type) {
	case *string:
		*p = strings.Clone(k.str)
		return nil
	case *uint64:
		*p = k.num
		return nil
	}
	v := reflect.ValueOf(to).Elem()
	if v.Kind() == reflect.String {
		v.SetString(strings.Clone(k.str))
		return nil
	}
	return setInteger(v, head{major: k.major, arg: k.num}, off)
}

func decode(data []byte, v reflect.Value, s *shape) error {
	d := decoder{data: data}
	if _, err := d.value(v, s, 0); err != nil {
		return fmt.Errorf("cbor: %w", err)
	}
	return nil
}
