package statuslist

import (
	"bytes"
	"compress/zlib"
	"errors"
	"fmt"

	"mobileid/mdoc/cbor"
)

// Encode gives the CBOR form, without aggregation_uri. The compressed bytes depend on the Go release; compare lists by
// [List.Bytes].
func Encode(l *List) ([]byte, error) { return encode(l, "") }

func encode(l *List, aggregationURI string) ([]byte, error) {
	if l == nil {
		return nil, errors.New("encoding status list: no list")
	}
	lst, err := deflate(l.raw)
	if err != nil {
		return nil, fmt.Errorf("encoding status list: %w", err)
	}
	raw, err := cbor.Marshal(listMap{Bits: uint64(l.bits), Lst: lst, AggregationURI: aggregationURI})
	if err != nil {
		return nil, fmt.Errorf("encoding status list: %w", err)
	}
	return raw, nil
}

// deflate compresses at zlib's default level: for a million entries with one in a hundred set it is about 15 times
// faster than the highest level and a ninth larger.
func deflate(raw []byte) ([]byte, error) {
	var b bytes.Buffer
	w := zlib.NewWriter(&b)
	if _, err := w.Write(raw); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}
