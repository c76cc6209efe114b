package cbor

import (
	"fmt"
	"reflect"
	"sync"

	fxcbor "github.com/fxamacker/cbor/v2"
)

// RawMessage is one item as received. Decoding keeps a slice of the input.
type RawMessage []byte

// MarshalCBOR gives the item itself; an empty one is refused.
func (m RawMessage) MarshalCBOR() ([]byte, error) {
	if len(m) == 0 {
		return nil, fail(0, "an empty RawMessage is no item")
	}
	return m, nil
}

// UnmarshalCBOR keeps the item.
func (m *RawMessage) UnmarshalCBOR(data []byte) error {
	*m = data
	return nil
}

var modes = sync.OnceValues(func() (fxcbor.DecMode, fxcbor.EncMode) {
	dec, err := fxcbor.DecOptions{
		DupMapKey:         fxcbor.DupMapKeyEnforcedAPF,
		IndefLength:       fxcbor.IndefLengthForbidden,
		MaxNestedLevels:   2 * maxDepth,
		MaxArrayElements:  maxElements,
		MaxMapPairs:       maxElements,
		FieldNameMatching: fxcbor.FieldNameMatchingCaseSensitive,
		BignumTag:         fxcbor.BignumTagForbidden,
		UTF8:              fxcbor.UTF8RejectInvalid,
		TimeTag:           fxcbor.DecTagRequired,
	}.DecMode()
	if err != nil {
		panic(fmt.Sprintf("cbor: internal error: %v", err))
	}
	enc, err := fxcbor.EncOptions{
		Sort:          fxcbor.SortNone, // struct fields as declared
		IndefLength:   fxcbor.IndefLengthForbidden,
		ShortestFloat: fxcbor.ShortestFloat16,
		NaNConvert:    fxcbor.NaNConvertReject,
		InfConvert:    fxcbor.InfConvertReject,
	}.EncMode()
	if err != nil {
		panic(fmt.Sprintf("cbor: internal error: %v", err))
	}
	return dec, enc
})

// Unmarshal decodes exactly one item into v, a non-nil pointer, under the rules of this package. The value keeps
// slices of data. After an error v is unspecified and must not be used. Errors about the bytes are *Error.
func Unmarshal(data []byte, v any) error {
	t := reflect.TypeOf(v)
	if t == nil || t.Kind() != reflect.Pointer {
		return fmt.Errorf("cbor: cannot decode into %T: a pointer is needed", v)
	}
	if err := checkWhole(data, shapeOf(t.Elem())); err != nil {
		return err
	}
	dec, _ := modes()
	if err := dec.Unmarshal(data, v); err != nil {
		return fmt.Errorf("cbor: %w", err)
	}
	return nil
}

// Marshal encodes v in preferred serialization. Types that hold Go maps are refused.
func Marshal(v any) ([]byte, error) {
	if t := reflect.TypeOf(v); t != nil {
		if err := shapeOf(t).encodes; err != nil {
			return nil, err
		}
	}
	_, enc := modes()
	out, err := enc.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("cbor: %w", err)
	}
	return out, nil
}

// Diagnose gives the diagnostic notation of RFC 8949, section 8 of one item; embedded CBOR (tag 24) is shown inside <<>>.
func Diagnose(data []byte) (string, error) {
	if err := Wellformed(data); err != nil {
		return "", err
	}
	mode, err := fxcbor.DiagOptions{ByteStringText: false, ByteStringEmbeddedCBOR: false}.DiagMode()
	if err != nil {
		return "", fmt.Errorf("cbor: %w", err)
	}
	return mode.Diagnose(data)
}
