package statuslist

import (
	"errors"
	"fmt"

	"mobileid/mdoc/cbor"
)

// Bounds of an identifier list. The standard sets none; an authority that revokes more publishes several lists.
const (
	MaxIdentifiers = 1 << 17
	maxIdentifier  = 64 // bytes
)

// Identifiers is the set of revoked ids of an identifier list, ISO/IEC 18013-5 second edition, 12.3.6. Unlike an entry of a
// status list, an id that is not in it tells nothing but that it was not revoked. It does not change once made.
type Identifiers struct {
	ids   map[string]struct{}
	order [][]byte
}

// NewIdentifiers makes a set, in the order given, of ids of 1 to 64 bytes, which it copies. An id given twice is an error.
func NewIdentifiers(ids ...[]byte) (*Identifiers, error) {
	s := &Identifiers{ids: make(map[string]struct{}, len(ids)), order: make([][]byte, 0, len(ids))}
	for _, id := range ids {
		if err := s.add(append([]byte(nil), id...)); err != nil {
			return nil, fmt.Errorf("making identifier list: %w", err)
		}
	}
	return s, nil
}

func (s *Identifiers) add(id []byte) error {
	switch _, twice := s.ids[string(id)]; {
	case len(id) == 0 || len(id) > maxIdentifier:
		return fmt.Errorf("an identifier of %d bytes, expected 1 to %d", len(id), maxIdentifier)
	case twice:
		return errors.New("an identifier is there twice")
	case len(s.order) == MaxIdentifiers:
		return fmt.Errorf("more than %d identifiers", MaxIdentifiers)
	}
	s.ids[string(id)] = struct{}{}
	s.order = append(s.order, id)
	return nil
}

// Len gives how many ids are revoked.
func (s *Identifiers) Len() int { return len(s.order) }

// Revoked reports whether the id is in the set.
func (s *Identifiers) Revoked(id []byte) bool {
	_, ok := s.ids[string(id)]
	return ok
}

// EncodeIdentifiers gives the value of the identifier list claim, every entry an empty map:
//
//	identifier-list = {"identifiers": {* bstr => {}}, ? "aggregation_uri": tstr}
func EncodeIdentifiers(s *Identifiers, aggregationURI string) []byte {
	n := 1
	if aggregationURI != "" {
		n = 2
	}
	b := cbor.AppendMapHead(cbor.AppendText(cbor.AppendMapHead(nil, n), "identifiers"), len(s.order))
	for _, id := range s.order {
		b = cbor.AppendMapHead(cbor.AppendBytes(b, id), 0)
	}
	if aggregationURI != "" {
		b = cbor.AppendText(cbor.AppendText(b, "aggregation_uri"), aggregationURI)
	}
	return b
}

// DecodeIdentifiers reads the value of the identifier list claim. What stands in the entries is ignored, as are members it
// does not know. The set keeps slices of raw.
func DecodeIdentifiers(raw []byte) (*Identifiers, string, error) {
	s, aggregationURI, err := decodeIdentifiers(raw)
	if err != nil {
		return nil, "", fmt.Errorf("decoding identifier list: %w", err)
	}
	return s, aggregationURI, nil
}

func decodeIdentifiers(raw []byte) (*Identifiers, string, error) {
	pairs, err := cbor.PairsWithin(raw, MaxIdentifiers)
	if err != nil {
		return nil, "", err
	}
	var s *Identifiers
	var aggregationURI string
	for _, p := range pairs {
		switch {
		case p.IsInt:
		case p.Text == "identifiers":
			s = &Identifiers{ids: map[string]struct{}{}}
			err = cbor.EachByteKey(p.Value, MaxIdentifiers, func(id []byte, entry cbor.RawMessage) error {
				if entry[0]>>5 != 5 {
					return errors.New("an entry that is not a map")
				}
				return s.add(id)
			})
		case p.Text == "aggregation_uri":
			err = cbor.Unmarshal(p.Value, &aggregationURI)
		}
		if err != nil {
			return nil, "", err
		}
	}
	if s == nil {
		return nil, "", errors.New("required member identifiers is missing")
	}
	return s, aggregationURI, nil
}
