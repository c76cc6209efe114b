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
// once into a slice of that size.
func inflate(lst []byte) ([]byte, error) {
	size, err := copyStream(io.Discard, lst)
	if err != nil {
		return nil, err
	}
	raw := bytes.NewBuffer(make([]byte, 0, size+bytes.MinRead)) // the room that reading to the end asks for
	_, err = copyStream(raw, lst)
	return raw.Bytes(), err
}

// copyStream inflates into w, at most one byte more than [MaxBytes]. Bytes after the stream are refused.
func copyStream(w io.Writer, lst []byte) (int64, error) {
	in := bytes.NewReader(lst)
	r, err := zlib.NewReader(in)
	if err != nil {
		return 0, err
	}
	size, err := io.Copy(w, io.LimitReader(r, MaxBytes+1))
	switch {
	case err != nil:
		return size, err
	case size > MaxBytes:
		return size, fmt.Errorf("more than %d bytes", MaxBytes)
	case in.Len() != 0:
		return size, errors.New("bytes after the stream")
	}
	return size, r.Close()
}
