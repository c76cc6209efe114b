package pki

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"errors"
	"fmt"
	"time"

	"mobileid/mdoc/verdict"
)

// Chain is what a check found. The certificates are shared between callers and must not be changed.
type Chain struct {
	// Leaf is the first certificate of the chain as it was sent. It is here also when the check failed, so that a
	// caller can go on and report more; only the verdict says whether it may be trusted.
	Leaf *x509.Certificate
	// Anchor is the root it leads to; nil unless every check passed.
	Anchor *x509.Certificate
}

// LeafPublicKey gives the leaf's key: *ecdsa.PublicKey on a NIST curve or ed25519.PublicKey when the verdict is good.
// It is nil when no certificate could be read.
func (c *Chain) LeafPublicKey() crypto.PublicKey {
	if c == nil || c.Leaf == nil {
		return nil
	}
	return c.Leaf.PublicKey
}

// Trusted reports whether the path to an anchor held when it was checked.
func (c *Chain) Trusted() bool { return c != nil && c.Anchor != nil }

// link is one verified step from a leaf to an anchor. Everything in it holds at any time; validity is judged anew at
// each check.
type link struct {
	leaf     *x509.Certificate
	anchor   *anchor
	checks   []verdict.Check // all but chain.validity
	validity string
}

// Check judges the chain of a message, leaf first, for purpose p at the time at. The verdict lists every check with
// an id "chain.*"; the caller trusts the chain if and only if it is OK. The chain is one certificate; more, or the
// anchor itself in it, fails chain.path (ISO/IEC 18013-5:2021, 9.1.2.4: the root is not included).
//
// The chain is nil when no certificate could be read. The error tells a caller's mistake, such as a profile that
// nothing can be checked for; no input gives one.
//
// A link that held is remembered by its exact bytes, at most 1024 of them; a certificate that failed is not.
func (a *Anchors) Check(chain [][]byte, p Profile, at time.Time) (*Chain, verdict.Verdict, error) {
	if a == nil {
		return nil, verdict.Verdict{}, errors.New("checking certificate chain: no anchors")
	}
	if len(chain) == 1 {
		if l := a.links.find(p, chain[0]); l != nil {
			found, v := l.judge(at)
			return found, v, nil
		}
	}
	r, err := p.rules()
	if err != nil {
		return nil, verdict.Verdict{}, err
	}
	if r.root {
		return nil, verdict.Verdict{}, fmt.Errorf("checking certificate chain: %s is a root profile", r.name)
	}
	l := &link{}
	a.build(l, chain, r)
	if l.leaf == nil {
		return nil, verdict.Verdict{Checks: l.checks}, nil
	}
	if (verdict.Verdict{Checks: l.checks}).OK() {
		a.links.keep(p, l)
	}
	found, v := l.judge(at)
	return found, v, nil
}

// judge adds the one check that depends on the time.
func (l *link) judge(at time.Time) (*Chain, verdict.Verdict) {
	checks := make([]verdict.Check, len(l.checks), len(l.checks)+1)
	copy(checks, l.checks)
	v := verdict.Verdict{Checks: checks}
	const id = "chain.validity"
	switch {
	case at.Before(l.leaf.NotBefore):
		v.Fail(id, clausePath, "not yet valid: "+l.validity)
	case at.After(l.leaf.NotAfter):
		v.Fail(id, clausePath, "expired: "+l.validity)
	case l.anchor == nil:
		v.Pass(id, clausePath, l.validity)
	case at.Before(l.anchor.cert.NotBefore):
		v.Fail(id, clausePath, "anchor not yet valid: "+l.validity)
	case at.After(l.anchor.cert.NotAfter):
		v.Fail(id, clausePath, "anchor expired: "+l.validity)
	default:
		v.Pass(id, clausePath, l.validity)
	}
	found := &Chain{Leaf: l.leaf}
	if l.anchor != nil && v.OK() {
		found.Anchor = l.anchor.cert
	}
	return found, v
}

// build carries out every check but validity. It reads the first certificate only: more than one fails anyway.
func (a *Anchors) build(l *link, chain [][]byte, r rules) {
	var v verdict.Verdict
	defer func() { l.checks = v.Checks }()
	if len(chain) == 0 {
		v.Fail("chain.path", clausePath, "no certificate")
		return
	}
	leaf, err := parse(bytes.Clone(chain[0]))
	if err != nil {
		id := "chain.certificate"
		if _, ok := errors.AsType[*keyError](err); ok {
			id = "chain.profile.key"
		}
		v.Fail(id, r.clause, err.Error())
		return
	}
	if leaf.Version != 3 { // its extensions were not read
		v.Fail("chain.certificate", r.clause, fmt.Sprintf("X.509 v%d", leaf.Version))
		return
	}
	l.leaf = leaf
	v.Pass("chain.certificate", r.clause, fmt.Sprintf("X.509 v3, %d bytes", len(leaf.Raw)))
	judgeLeaf(&v, leaf, r)
	candidates, ok, measured := a.issuers(leaf, chain, r)
	v.Record("chain.path", clausePath, ok, measured)
	l.anchor = judgeSignature(&v, leaf, candidates)
	judgeAgainstAnchor(&v, leaf, l.anchor, r)
	l.validity = period("certificate", leaf)
	if l.anchor != nil {
		l.validity += ", " + period("anchor", l.anchor.cert)
	}
}

func period(what string, c *x509.Certificate) string {
	return what + " " + c.NotBefore.Format(time.RFC3339) + " to " + c.NotAfter.Format(time.RFC3339)
}

func judgeLeaf(v *verdict.Verdict, c *x509.Certificate, r rules) {
	record := func(id string, ok bool, measured string) { v.Record(id, r.clause, ok, measured) }
	ok, measured := judgeSerial(c)
	record("chain.profile.serial", ok, measured)
	ok, measured = judgeSignatureAlgorithm(c)
	record("chain.profile.signature_algorithm", ok, measured)
	ok, measured = judgePeriod(c, r)
	record("chain.profile.period", ok, measured)
	ok, measured = judgeKey(c, r)
	record("chain.profile.key", ok, measured)
	ok, measured = judgeKeyUsage(c, r)
	record("chain.profile.key_usage", ok, measured)
	ok, measured = judgeExtKeyUsage(c, r)
	record("chain.profile.eku", ok, measured)
	ok, measured = judgeBasicConstraints(c, r)
	record("chain.profile.basic_constraints", ok, measured)
	ok, measured = judgeCriticalExtensions(c)
	record("chain.critical_extensions", ok, measured)
	if r.seID {
		_, err := SEID(c)
		record("chain.profile.se_id", err == nil, text(err, "10 bytes"))
	}
}

// issuers finds the anchors the leaf names as its issuer, byte for byte, that fit the root profile it needs. A leaf
// with an authority key identifier gets the anchor with that key first.
func (a *Anchors) issuers(leaf *x509.Certificate, chain [][]byte, r rules) (found []*anchor, ok bool, measured string) {
	named := a.bySubject[string(leaf.RawIssuer)]
	for _, n := range named {
		if !anchoredBy(r.anchor, n.fits) {
			continue
		}
		if bytes.Equal(n.cert.SubjectKeyId, leaf.AuthorityKeyId) {
			found = append([]*anchor{n}, found...)
		} else {
			found = append(found, n)
		}
	}
	switch {
	case a.has(leaf.Raw):
		return found, false, "the anchor itself in place of the leaf"
	case selfIssued(leaf):
		return found, false, "self-issued"
	case len(chain) > 1 && a.hasAny(chain[1:]):
		return found, false, "the anchor inside the chain"
	case len(chain) > 1:
		return found, false, fmt.Sprintf("%d certificates, one expected", len(chain))
	case len(named) == 0:
		return found, false, "no anchor with the issuer's name"
	case len(found) == 0:
		return found, false, "the issuer is an anchor, but not as " + r.anchor.String()
	default:
		return found, true, "one link to an anchor"
	}
}

// hasAny looks at the first few only: what stands behind them does not change the outcome.
func (a *Anchors) hasAny(ders [][]byte) bool {
	for _, der := range ders[:min(len(ders), maxSameName)] {
		if a.has(der) {
			return true
		}
	}
	return false
}

// judgeSignature gives the anchor whose key made the leaf's signature, or else the first one named.
func judgeSignature(v *verdict.Verdict, leaf *x509.Certificate, candidates []*anchor) *anchor {
	const id = "chain.signature"
	if len(candidates) == 0 {
		v.NotRun(id, clausePath, "no anchor to check it with")
		return nil
	}
	if ok, measured := judgeSignatureAlgorithm(leaf); !ok {
		v.NotRun(id, clausePath, "algorithm "+measured)
		return candidates[0]
	}
	for _, n := range candidates {
		if n.cert.CheckSignature(leaf.SignatureAlgorithm, leaf.RawTBSCertificate, leaf.Signature) == nil {
			v.Pass(id, clausePath, "verified with the anchor's key")
			return n
		}
	}
	v.Fail(id, clausePath, "made by no anchor of that name")
	return candidates[0]
}

func judgeAgainstAnchor(v *verdict.Verdict, leaf *x509.Certificate, n *anchor, r rules) {
	if n == nil {
		v.NotRun("chain.authority_key_id", r.clause, "no anchor to compare with")
		if r.country {
			v.NotRun("chain.country", r.clause, "no anchor to compare with")
			v.NotRun("chain.state", r.clause, "no anchor to compare with")
		}
		return
	}
	ski, aki := n.cert.SubjectKeyId, leaf.AuthorityKeyId
	same := len(ski) == 0 || len(aki) == 0 || bytes.Equal(ski, aki)
	v.Record("chain.authority_key_id", r.clause, same, map[bool]string{true: "the anchor's key", false: "another key"}[same])
	if !r.country {
		return
	}
	want, _ := country(n.cert.Subject)
	code, ok := country(leaf.Subject)
	v.Record("chain.country", r.clause, ok && code == want, fmt.Sprintf("certificate %q, anchor %q", clip(code), clip(want)))
	ok, measured := judgeState(leaf, n.cert)
	v.Record("chain.state", r.clause, ok, measured)
}

// judgeState compares stateOrProvinceName where both certificates have it.
func judgeState(leaf, root *x509.Certificate) (bool, string) {
	a, b := leaf.Subject.Province, root.Subject.Province
	switch {
	case len(a) > 1 || len(b) > 1:
		return false, "several names of a state"
	case len(a) == 0 || len(b) == 0:
		return true, "not in both"
	default:
		return a[0] == b[0], fmt.Sprintf("certificate %q, anchor %q", clip(a[0]), clip(b[0]))
	}
}
