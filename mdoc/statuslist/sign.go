package statuslist

import (
	"crypto"
	"errors"
	"fmt"
	"time"

	"mobileid/mdoc/cbor"
	"mobileid/mdoc/cose"
)

// Sign makes the token: a COSE_Sign1 with tag 18, its type and the certificate chain (signer first, root left out) in the
// protected header. A status list must have one bit an entry.
func Sign(signer crypto.Signer, chain [][]byte, t Token) ([]byte, error) {
	payload, err := t.claims()
	if err != nil {
		return nil, fmt.Errorf("signing status list token: %w", err)
	}
	if len(chain) == 0 {
		return nil, errors.New("signing status list token: no certificate")
	}
	mediaType := MediaType
	if t.Identifiers != nil {
		mediaType = IdentifierMediaType
	}
	h := cose.Headers{
		X5Chain:          chain,
		X5ChainProtected: true,
		Protected:        cbor.Map[int64, cbor.RawMessage]{{Key: cose.HeaderType, Value: cbor.AppendText(nil, mediaType)}},
	}
	m, err := cose.NewSign1(signer, h, payload)
	if err != nil {
		return nil, fmt.Errorf("signing status list token: %w", err)
	}
	return m.TaggedBytes(), nil
}

func (t Token) claims() ([]byte, error) {
	iat, exp, ttl := t.IssuedAt.Unix(), t.ExpiresAt.Unix(), t.TTL/time.Second
	switch {
	case t.URI == "" || len(t.URI) > maxURI:
		return nil, fmt.Errorf("subject of %d bytes, expected 1 to %d", len(t.URI), maxURI)
	case iat < 0 || exp > maxTime || exp <= iat:
		return nil, errors.New("expiry is not after issue")
	case t.TTL < 0 || ttl > maxTTL || (t.TTL > 0 && ttl == 0):
		return nil, errors.New("ttl is not a positive number of seconds")
	case (t.List == nil) == (t.Identifiers == nil):
		return nil, errors.New("exactly one of a status list and an identifier list is due")
	case t.List != nil && t.List.bits != 1:
		return nil, errors.New("the list of an mdoc has one bit an entry")
	}
	issued, expires := uint64(iat), uint64(exp) //nolint:gosec // not negative
	c := claims{Sub: &t.URI, IAT: &issued, Exp: &expires}
	if t.Identifiers != nil {
		c.Identifiers = EncodeIdentifiers(t.Identifiers, t.AggregationURI)
	} else {
		list, err := encode(t.List, t.AggregationURI)
		if err != nil {
			return nil, err
		}
		c.List = list
	}
	if ttl > 0 {
		seconds := uint64(ttl) //nolint:gosec // positive
		c.TTL = &seconds
	}
	return cbor.Marshal(c)
}
