package statuslist

import (
	"crypto/x509"
	"errors"
	"fmt"
	"strings"
	"time"

	"mobileid/mdoc/cbor"
	"mobileid/mdoc/pki"
	"mobileid/mdoc/verdict"
)

// MaxSkew is how far a token's issue time may lie ahead of the reader's clock, so that a till whose clock is slightly
// slow can use a list on the minute it is published. Expiry has no such tolerance.
const MaxSkew = 2 * time.Minute

const (
	clauseISO   = "ISO/IEC 18013-5 second edition, 12.3.6"
	clauseDraft = "draft-ietf-oauth-status-list-20, validation rules"
)

// Verify judges the token that was fetched from uri, at the time at. anchors are the authorities' roots, or the trust point
// that the MSO itself names in its status's certificate member. The caller may use the token if and only if the verdict is
// OK; otherwise it is empty. The error tells a caller's mistake and never an input's.
//
// Whether it speaks for a given credential is decided by [Token.Status] and [Token.Revoked], and whether its signer has been
// revoked since by [Token.CheckSigner].
func (s *SignedToken) Verify(anchors *pki.Anchors, uri string, at time.Time) (Token, verdict.Verdict, error) {
	var v verdict.Verdict
	if uri == "" {
		return Token{}, v, errors.New("verifying status list token: no URI to compare with")
	}
	chain, err := s.signer(&v, anchors, at)
	if err != nil {
		return Token{}, verdict.Verdict{}, fmt.Errorf("verifying status list token: %w", err)
	}
	isIdentifiers := s.checkType(&v)
	ok := s.claims.Sub != nil && *s.claims.Sub == uri
	v.Record("status.token.subject", clauseDraft, ok, "compared with the URI byte for byte")
	t := Token{URI: uri}
	s.checkTimes(&v, &t, at)
	if isIdentifiers {
		s.checkIdentifiers(&v, &t)
	} else {
		s.checkList(&v, &t)
	}
	if !v.OK() {
		return Token{}, v, nil
	}
	t.Anchor, t.Signer = chain.Anchor, chain.Leaf
	return t, v, nil
}

// signer checks who signed, and that the signature holds.
func (s *SignedToken) signer(v *verdict.Verdict, anchors *pki.Anchors, at time.Time) (*pki.Chain, error) {
	ders, err := s.message.X5Chain()
	switch {
	case err != nil:
		v.Fail("status.token.x5chain", clauseISO, err.Error())
		v.NotRun("status.token.chain", clauseISO, "no certificate")
		v.NotRun("status.token.signature", clauseISO, "no certificate")
		return nil, nil
	case !s.message.X5ChainProtected():
		v.Fail("status.token.x5chain", clauseISO, "in the unprotected header")
	default:
		v.Pass("status.token.x5chain", clauseISO, "in the protected header")
	}
	chain, judged, err := anchors.Check(ders, pki.StatusSigner, at)
	if err != nil {
		return nil, err
	}
	v.Record("status.token.chain", clauseISO, judged.OK(), judged.String())
	if chain == nil {
		v.NotRun("status.token.signature", clauseISO, "no certificate to take the key from")
		return nil, nil
	}
	if err := s.message.Verify(chain.LeafPublicKey()); err != nil {
		v.Fail("status.token.signature", clauseISO, err.Error())
		return chain, nil
	}
	v.Pass("status.token.signature", clauseISO, "verified with the certificate's key")
	return chain, nil
}

// checkType reports whether the token says that it is an identifier list.
func (s *SignedToken) checkType(v *verdict.Verdict) bool {
	const id = "status.token.type"
	raw, found := s.message.ProtectedHeader(16)
	if !found {
		v.Fail(id, clauseDraft, "absent from the protected header")
		return false
	}
	var got string
	if err := cbor.Unmarshal(raw, &got); err != nil {
		v.Fail(id, clauseDraft, "not text")
		return false
	}
	got = strings.TrimPrefix(got, typePrefix)
	isIdentifiers := typePrefix+got == IdentifierMediaType
	v.Record(id, clauseDraft, isIdentifiers || typePrefix+got == MediaType, fmt.Sprintf("text of %d bytes", len(got)))
	return isIdentifiers
}

// checkIdentifiers reads the identifier list. A token of this type has no status list.
func (s *SignedToken) checkIdentifiers(v *verdict.Verdict, t *Token) {
	const id = "status.token.identifiers"
	switch {
	case len(s.claims.List) > 0:
		v.Fail(id, clauseISO, "claim 65533, a status list, in an identifier list")
		return
	case len(s.claims.Identifiers) == 0:
		v.Fail(id, clauseISO, "claim 65530 absent")
		return
	}
	list, aggregationURI, err := decodeIdentifiers(s.claims.Identifiers)
	if err != nil {
		v.Fail(id, clauseISO, err.Error())
		return
	}
	t.Identifiers, t.AggregationURI = list, aggregationURI
	v.Pass(id, clauseISO, fmt.Sprintf("%d identifiers", list.Len()))
}

func (s *SignedToken) checkTimes(v *verdict.Verdict, t *Token, at time.Time) {
	iat, ok, measured := instant(s.claims.IAT)
	t.IssuedAt = iat
	v.Record("status.token.issued_at", clauseDraft, ok && !iat.After(at.Add(MaxSkew)), measured)
	exp, _, measured := instant(s.claims.Exp) // one that is absent or out of bounds is the zero time, which has passed
	t.ExpiresAt = exp
	v.Record("status.token.expiry", clauseISO, at.Before(exp) && exp.After(iat), measured)
	switch ttl := s.claims.TTL; {
	case ttl == nil:
		v.Pass("status.token.ttl", clauseDraft, "absent")
	case *ttl == 0 || *ttl > maxTTL:
		v.Fail("status.token.ttl", clauseDraft, fmt.Sprintf("%d seconds", *ttl))
	default:
		t.TTL = time.Duration(*ttl) * time.Second //nolint:gosec // at most maxTTL
		v.Pass("status.token.ttl", clauseDraft, t.TTL.String())
	}
}

func instant(seconds *uint64) (t time.Time, ok bool, measured string) {
	if seconds == nil {
		return time.Time{}, false, "absent"
	}
	if *seconds > maxTime {
		return time.Time{}, false, "after the year 9999"
	}
	t = time.Unix(int64(*seconds), 0).UTC() //nolint:gosec // at most maxTime
	return t, true, t.Format(time.RFC3339)
}

// checkList inflates the list, unless something before it failed.
func (s *SignedToken) checkList(v *verdict.Verdict, t *Token) {
	sound := v.OK()
	if len(s.claims.Identifiers) > 0 {
		v.Fail("status.token.list", clauseISO, "claim 65530, an identifier list, in a status list")
		v.NotRun("status.token.bits", clauseISO, "not one list")
		return
	}
	if len(s.claims.List) == 0 {
		v.Fail("status.token.list", clauseDraft, "claim 65533 absent")
		v.NotRun("status.token.bits", clauseISO, "no list")
		return
	}
	m, err := parseMap(s.claims.List)
	if err != nil {
		v.Fail("status.token.list", clauseDraft, err.Error())
		v.NotRun("status.token.bits", clauseISO, "no list")
		return
	}
	v.Record("status.token.bits", clauseISO, m.Bits == 1, fmt.Sprintf("%d bits an entry", m.Bits))
	if !sound {
		v.NotRun("status.token.list", clauseDraft, "not inflated: an earlier check failed")
		return
	}
	list, err := m.list()
	if err != nil {
		v.Fail("status.token.list", clauseDraft, err.Error())
		return
	}
	t.List, t.AggregationURI = list, m.AggregationURI
	v.Pass("status.token.list", clauseDraft, fmt.Sprintf("%d entries", list.Len()))
}

// Status looks up the entry of one credential. authority is the root above its document signer, or the trust point that its
// MSO names for the list; the list's own signer must stand under it. The value may be used if and only if the verdict is OK;
// otherwise it is Invalid. t must come from Verify.
func (t Token) Status(index uint64, authority *x509.Certificate) (uint8, verdict.Verdict) {
	var v verdict.Verdict
	t.checkAuthority(&v, authority)
	if t.List == nil {
		v.Fail("status.token.index", clauseDraft, "not a status list")
		return Invalid, v
	}
	value, err := t.List.At(index)
	v.Record("status.token.index", clauseDraft, err == nil, fmt.Sprintf("compared with the list's %d entries", t.List.Len()))
	if !v.OK() {
		return Invalid, v
	}
	return value, v
}

// Revoked looks up the id of one credential in an identifier list; authority is as in [Token.Status]. The answer may be used
// if and only if the verdict is OK; otherwise it is true.
func (t Token) Revoked(id []byte, authority *x509.Certificate) (bool, verdict.Verdict) {
	var v verdict.Verdict
	t.checkAuthority(&v, authority)
	if t.Identifiers == nil {
		v.Fail("status.token.id", clauseISO, "not an identifier list")
		return true, v
	}
	v.Record("status.token.id", clauseISO, len(id) > 0, fmt.Sprintf("an id of %d bytes among %d", len(id), t.Identifiers.Len()))
	if !v.OK() {
		return true, v
	}
	return t.Identifiers.Revoked(id), v
}

// CheckSigner judges whether the certificate of the list's signer is revoked at the time at, which is that of the use and not
// that of the fetch: whoever holds a stolen key would sign lists in which nothing is revoked. Without a source, or when nothing
// is known, the check is not run and the list must not be used. t must come from Verify.
func (t Token) CheckSigner(source pki.RevocationSource, at time.Time) verdict.Verdict {
	const id, clause = "status.token.revocation", "RFC 5280, 6.3"
	var v verdict.Verdict
	if source == nil || t.Signer == nil || t.Anchor == nil {
		v.NotRun(id, clause, "revocation unknown: no CRLs or no signer at hand")
		return v
	}
	switch a := source.Revocation(t.Signer, t.Anchor, at); a.Outcome() {
	case verdict.Pass:
		v.Pass(id, clause, a.Measured)
	case verdict.Fail:
		v.Fail(id, clause, a.Measured)
	default:
		v.NotRun(id, clause, a.Measured)
	}
	return v
}

func (t Token) checkAuthority(v *verdict.Verdict, authority *x509.Certificate) {
	same := t.Anchor != nil && authority.Equal(t.Anchor) // no authority equals none
	v.Record("status.token.authority", clauseISO, same, map[bool]string{
		true: "the credential's own authority", false: "not the credential's authority"}[same])
}
