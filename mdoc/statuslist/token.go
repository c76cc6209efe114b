package statuslist

import (
	"bytes"
	"crypto/x509"
	"fmt"
	"time"

	"mobileid/mdoc/cbor"
	"mobileid/mdoc/cose"
)

// MediaType and IdentifierMediaType are the content types under which tokens are served, and what their type header says. The
// draft's examples print it without "application/".
const (
	MediaType           = typePrefix + "statuslist+cwt"
	IdentifierMediaType = typePrefix + "identifierlist+cwt"

	typePrefix = "application/"
)

// MaxToken bounds a token: the largest list, incompressible, with its certificates.
const MaxToken = MaxBytes + 64<<10

// maxURI bounds the subject.
const maxURI = 1024

// Token is a status list or an identifier list with what a reader needs to keep it.
type Token struct {
	// URI is the subject: where the token is fetched, byte for byte as in the credentials.
	URI string
	// IssuedAt and ExpiresAt are whole seconds. ExpiresAt is mandatory for an mdoc.
	IssuedAt, ExpiresAt time.Time
	// TTL is how long a copy may be kept before it is fetched again, in whole seconds; 0 when the issuer said nothing.
	TTL time.Duration
	// AggregationURI lists all the issuer's lists; empty when it names none.
	AggregationURI string
	// List has one bit an entry. Exactly one of List and Identifiers is set.
	List *List
	// Identifiers are the revoked ids of an identifier list.
	Identifiers *Identifiers
	// Anchor is the root that the token's signer leads to; Verify sets it, Sign ignores it.
	Anchor *x509.Certificate
}

// claims is the CWT claims set, draft-ietf-oauth-status-list-20, section "Status List Token in CWT format"; RFC 8392, 3.1;
// identifier list: ISO/IEC 18013-5 second edition, 12.3.6.
//
//	claims = {2: tstr, 6: uint, ? 4: uint, ? 65534: uint, (65533: status-list // 65530: identifier-list), * label => any}
//
// All are optional here so that Verify can name the one that is missing.
type claims struct {
	Sub         *string         `cbor:"2,keyasint,omitempty"`
	IAT         *uint64         `cbor:"6,keyasint,omitempty"`
	Exp         *uint64         `cbor:"4,keyasint,omitempty"`
	TTL         *uint64         `cbor:"65534,keyasint,omitempty"`
	List        cbor.RawMessage `cbor:"65533,keyasint,omitzero"`
	Identifiers cbor.RawMessage `cbor:"65530,keyasint,omitzero"`
}

// parseClaims decodes them one by one, since an identifier list is wider than any map of the standard.
func parseClaims(raw []byte) (claims, error) {
	pairs, err := cbor.PairsWithin(raw, MaxIdentifiers)
	if err != nil {
		return claims{}, err
	}
	var c claims
	for _, p := range pairs {
		switch {
		case !p.IsInt:
		case p.Int == 2:
			err = cbor.Unmarshal(p.Value, &c.Sub)
		case p.Int == 6:
			err = cbor.Unmarshal(p.Value, &c.IAT)
		case p.Int == 4:
			err = cbor.Unmarshal(p.Value, &c.Exp)
		case p.Int == 65534:
			err = cbor.Unmarshal(p.Value, &c.TTL)
		case p.Int == 65533:
			c.List = p.Value
		case p.Int == 65530:
			c.Identifiers = p.Value
		}
		if err != nil {
			return claims{}, fmt.Errorf("claim %d: %w", p.Int, err)
		}
	}
	return c, nil
}

// maxTime bounds times and periods in seconds: the end of the year 9999, far below where time.Duration overflows when a
// period is bounded too.
const (
	maxTime = 253402300799
	maxTTL  = 100 * 365 * 24 * 3600
)

// SignedToken is a well-formed token that nobody has verified yet.
type SignedToken struct {
	message *cose.Sign1
	claims  claims
}

// Parse reads a token. It demands tag 18, and none other around it, and claims of the right types; it neither verifies
// nor inflates anything. A detached payload has no claims and is refused as such.
func Parse(raw []byte) (*SignedToken, error) {
	if len(raw) > MaxToken {
		return nil, fmt.Errorf("decoding status list token: %d bytes, more than the limit of %d", len(raw), MaxToken)
	}
	m, err := cose.ParseTaggedSign1(bytes.Clone(raw))
	if err != nil {
		return nil, fmt.Errorf("decoding status list token: %w", err)
	}
	s := &SignedToken{message: m}
	if s.claims, err = parseClaims(m.Payload()); err != nil {
		return nil, fmt.Errorf("decoding status list token: claims: %w", err)
	}
	return s, nil
}
