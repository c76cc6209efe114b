package statuslist

import (
	"bytes"
	"compress/zlib"
	"errors"
	"fmt"
	"io"

	"mobileid/mdoc/cbor"
)

// listMap is StatusList in its CBOR form, draft-ietf-oauth-status-list-20, section "Status List in CBOR format".
//
//	status-list = {"bits": 1 / 2 / 4 / 8, "lst": bstr, ? "aggregation_uri": tstr}   ; lst is a zlib stream (RFC 1950)
type listMap struct {
	Bits           uint64 `cbor:"bits"`
	Lst            []byte `cbor:"lst"`
	AggregationURI string `cbor:"aggregation_uri,omitempty"`
}

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

// Decode reads the CBOR form of a list of any bits. It inflates at most [MaxBytes], and allocates only what a list
// needs that it accepts.
func Decode(raw []byte) (*List, error) {
	m, err := parseMap(raw)
	if err != nil {
		return nil, fmt.Errorf("decoding status list: %w", err)
	}
	return m.list()
}

func parseMap(raw []byte) (listMap, error) {
	var m listMap
	if err := cbor.Unmarshal(raw, &m); err != nil {
		return listMap{}, err
	}
	if m.Bits != 1 && m.Bits != 2 && m.Bits != 4 && m.Bits != 8 {
		return listMap{}, fmt.Errorf("%d bits an entry", m.Bits)
	}
	return m, nil
}

func (m listMap) list() (*List, error) {
	raw, err := inflate(m.Lst)
	if err != nil {
		return nil, fmt.Errorf("decoding status list: inflating: %w", err)
	}
	return FromBytes(int(m.Bits), raw) //nolint:gosec // at most 8
}

// inflate runs over the stream twice: once to learn its size without keeping anything, which is where a bomb ends, and
// once into a slice of that size. Bytes after the stream are refused.
func inflate(lst []byte) ([]byte, error) {
	size, err := inflated(lst)
	if err != nil {
		return nil, err
	}
	r, err := zlib.NewReader(bytes.NewReader(lst))
	if err != nil {
		return nil, err
	}
	raw := make([]byte, size)
	if _, err := io.ReadFull(r, raw); err != nil {
		return nil, err
	}
	return raw, r.Close()
}

func inflated(lst []byte) (int64, error) {
	in := bytes.NewReader(lst)
	r, err := zlib.NewReader(in)
	if err != nil {
		return 0, err
	}
	size, err := io.Copy(io.Discard, io.LimitReader(r, MaxBytes+1))
	switch {
	case err != nil:
		return 0, err
	case size > MaxBytes:
		return 0, fmt.Errorf("more than %d bytes", MaxBytes)
	case in.Len() != 0:
		return 0, errors.New("bytes after the stream")
	}
	return size, r.Close()
}
