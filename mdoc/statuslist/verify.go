package statuslist

import (
	"errors"
	"fmt"
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

// Verify judges the token that was fetched from uri, at the time at. The caller may use the token if and only if the
// verdict is OK; otherwise it is empty. The error tells a caller's mistake and never an input's.
//
// Whether an entry speaks for a given credential is decided by [Token.Status].
func (s *SignedToken) Verify(anchors *pki.Anchors, uri string, at time.Time) (Token, verdict.Verdict, error) {
	var v verdict.Verdict
	if uri == "" {
		return Token{}, v, errors.New("verifying status list token: no URI to compare with")
	}
	chain, err := s.signer(&v, anchors, at)
	if err != nil {
		return Token{}, verdict.Verdict{}, fmt.Errorf("verifying status list token: %w", err)
	}
	s.checkType(&v)
	ok := s.claims.Sub != nil && *s.claims.Sub == uri
	v.Record("status.token.subject", clauseDraft, ok, "compared with the URI byte for byte")
	t := Token{URI: uri}
	s.checkTimes(&v, &t, at)
	s.checkList(&v, &t)
	if !v.OK() {
		return Token{}, v, nil
	}
	t.Anchor = chain.Anchor
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

func (s *SignedToken) checkType(v *verdict.Verdict) {
	const id = "status.token.type"
	raw, found := s.message.ProtectedHeader(16)
	if !found {
		v.Fail(id, clauseDraft, "absent from the protected header")
		return
	}
	var got string
	if err := cbor.Unmarshal(raw, &got); err != nil {
		v.Fail(id, clauseDraft, "not text")
		return
	}
	v.Record(id, clauseDraft, got == typeFull || got == typeShort, fmt.Sprintf("text of %d bytes", len(got)))
}

func (s *SignedToken) checkTimes(v *verdict.Verdict, t *Token, at time.Time) {
	iat, ok, measured := instant(s.claims.IAT)
	t.IssuedAt = iat
	v.Record("status.token.issued_at", clauseDraft, ok && !iat.After(at.Add(MaxSkew)), measured)
	exp, ok, measured := instant(s.claims.Exp)
	t.ExpiresAt = exp
	v.Record("status.token.expiry", clauseISO, ok && at.Before(exp) && exp.After(iat), measured)
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

// Status looks up the entry of one credential whose document signer was found to be issuer. The value may be used if
// and only if the verdict is OK; otherwise it is Invalid. t must come from Verify.
func (t Token) Status(index uint64, issuer *pki.Chain) (uint8, verdict.Verdict) {
	var v verdict.Verdict
	same := t.Anchor != nil && issuer.Trusted() && issuer.Anchor.Equal(t.Anchor)
	v.Record("status.token.authority", clauseISO, same, map[bool]string{
		true: "the document signer's own authority", false: "not the document signer's authority"}[same])
	if t.List == nil {
		v.NotRun("status.token.index", clauseDraft, "no list")
		return Invalid, v
	}
	value, err := t.List.At(index)
	v.Record("status.token.index", clauseDraft, err == nil, fmt.Sprintf("compared with the list's %d entries", t.List.Len()))
	if !v.OK() {
		return Invalid, v
	}
	return value, v
}
