package pki

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"errors"
	"fmt"
	"strconv"
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
	middle   *x509.Certificate // the one CA between them that a deep profile tolerates, or nil
	anchor   *anchor
	checks   []verdict.Check // all but chain.validity
	validity string
}

// Check judges the chain of a message, leaf first, for purpose p at the time at. The verdict lists every check with
// an id "chain.*"; the caller trusts the chain if and only if it is OK. The chain is one certificate; more, or the
// anchor itself in it, fails chain.path (ISO/IEC 18013-5:2021, 9.1.2.4: the root is not included). For a VICALSigner
// alone, one CA between it and the anchor, and the anchor at the end, are tolerated: AAMVA's VICAL comes so.
//
// A line of the profile that decides no trust and that the certificate breaks is named as a passed check with an id
// "tolerance.*", listed only when there is something to tolerate.
//
// The chain is nil when no certificate could be read; what was asked of it is then listed as not run. The error tells a caller's mistake, such as a profile that
// nothing can be checked for; no input gives one.
//
// A link that held is remembered by its exact bytes, at most 1024 of them; a certificate that failed is not.
func (a *Anchors) Check(chain [][]byte, p Profile, at time.Time) (*Chain, verdict.Verdict, error) {
	var v verdict.Verdict
	found, err := a.Judge(&v, chain, p, at)
	return found, v, err
}

// Judge is [Anchors.Check] that adds its checks to v, which is empty or has room of its own ([verdict.Verdict.Part]).
func (a *Anchors) Judge(v *verdict.Verdict, chain [][]byte, p Profile, at time.Time) (*Chain, error) {
	if a == nil {
		return nil, errors.New("checking certificate chain: no anchors")
	}
	if len(chain) == 1 {
		if l := a.links.find(p, chain[0]); l != nil {
			return l.judge(v, at), nil
		}
	}
	r, err := p.rules()
	if err != nil {
		return nil, err
	}
	if r.root {
		return nil, fmt.Errorf("checking certificate chain: %s is a root profile", r.name)
	}
	l := &link{}
	a.build(l, chain, r)
	if l.leaf == nil {
		v.Append(verdict.Verdict{Checks: l.checks})
		return nil, nil
	}
	if len(chain) == 1 && (verdict.Verdict{Checks: l.checks}).OK() {
		a.links.keep(p, l)
	}
	return l.judge(v, at), nil
}

// judge adds the checks of the link to v, and the one that depends on the time.
func (l *link) judge(v *verdict.Verdict, at time.Time) *Chain {
	v.Grow(len(l.checks) + 1)
	v.Append(verdict.Verdict{Checks: l.checks})
	const id = "chain.validity"
	if fault := l.outside(at); fault != "" {
		v.Fail(id, clausePath, fault+l.validity)
	} else {
		v.Pass(id, clausePath, l.validity)
	}
	found := &Chain{Leaf: l.leaf}
	if l.anchor != nil && v.OK() {
		found.Anchor = l.anchor.cert
	}
	return found
}

// outside says which certificate of the path is not valid at the time, or gives "". Both ends of a validity belong to it.
func (l *link) outside(at time.Time) string {
	switch {
	case at.Before(l.leaf.NotBefore):
		return "not yet valid: "
	case at.After(l.leaf.NotAfter):
		return "expired: "
	case l.middle != nil && (at.Before(l.middle.NotBefore) || at.After(l.middle.NotAfter)):
		return "the CA between is not valid: "
	case l.anchor == nil:
		return ""
	case at.Before(l.anchor.cert.NotBefore):
		return "anchor not yet valid: "
	case at.After(l.anchor.cert.NotAfter):
		return "anchor expired: "
	default:
		return ""
	}
}

// build carries out every check but validity.
func (a *Anchors) build(l *link, chain [][]byte, r rules) {
	var v verdict.Verdict
	defer func() { l.checks = v.Checks }()
	if len(chain) == 0 {
		v.Fail("chain.path", clausePath, "no certificate")
		listUnreached(&v, r, "no certificate")
		return
	}
	leaf, err := parse(bytes.Clone(chain[0]))
	if err != nil {
		id := "chain.certificate"
		if _, ok := errors.AsType[*keyError](err); ok {
			id = "chain.profile.key"
		}
		v.Fail(id, r.clause, err.Error())
		listUnreached(&v, r, unread)
		return
	}
	if leaf.Version != 3 { // its extensions were not read
		v.Fail("chain.certificate", r.clause, "X.509 v"+strconv.Itoa(leaf.Version))
		listUnreached(&v, r, unread)
		return
	}
	l.leaf = leaf
	v.Checks = make([]verdict.Check, 0, 20)
	v.Pass("chain.certificate", r.clause, "X.509 v3, "+strconv.Itoa(len(leaf.Raw))+" bytes")
	judgeLeaf(&v, leaf, r)
	judgeTolerances(&v, leaf, r)
	u := a.climb(leaf, chain[1:], r)
	l.middle = u.middle
	v.Record("chain.path", clausePath, u.fault == "", text(u.fault, u.measured))
	u.judgeTolerances(&v)
	l.anchor = u.judgeSignatures(&v, leaf)
	u.judgeMiddle(&v)
	judgeAgainstAnchor(&v, leaf, u.middle, l.anchor, r)
	l.validity = period("certificate", leaf)
	if u.middle != nil {
		l.validity += ", " + period("CA between", u.middle)
	}
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
		record("chain.profile.se_id", err == nil, errorText(err, "10 bytes"))
	}
	if r.dns {
		record("chain.profile.dns_name", len(c.DNSNames) > 0, strconv.Itoa(len(c.DNSNames))+" names of a server")
	}
}

func judgeAgainstAnchor(v *verdict.Verdict, leaf, middle *x509.Certificate, n *anchor, r rules) {
	if n == nil {
		v.NotRun("chain.authority_key_id", r.clause, "no anchor to compare with")
		if r.country {
			v.NotRun("chain.country", r.clause, "no anchor to compare with")
			v.NotRun("chain.state", r.clause, "no anchor to compare with")
		}
		return
	}
	above := n.cert
	if middle != nil {
		above = middle
	}
	same := sameKeyID(leaf, above) && (middle == nil || sameKeyID(middle, n.cert))
	v.Record("chain.authority_key_id", r.clause, same, map[bool]string{true: "the issuer's key", false: "another key"}[same])
	if !r.country {
		return
	}
	want, _ := country(n.cert.Subject) // an anchor of these profiles has a good one
	code, _ := country(leaf.Subject)
	v.Record("chain.country", r.clause, code == want, `certificate "`+clip(code)+`", anchor "`+clip(want)+`"`)
	ok, measured := judgeState(leaf, n.cert)
	v.Record("chain.state", r.clause, ok, measured)
	if ok && len(leaf.Subject.Province) != len(n.cert.Subject.Province) {
		v.Pass("tolerance.state", r.clause, "stateOrProvinceName in one of certificate and anchor only")
	}
}

// sameKeyID compares the key identifiers where both are there. A certificate without them names its issuer all the same.
func sameKeyID(c, issuer *x509.Certificate) bool {
	return len(issuer.SubjectKeyId) == 0 || len(c.AuthorityKeyId) == 0 || bytes.Equal(issuer.SubjectKeyId, c.AuthorityKeyId)
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
		return a[0] == b[0], `certificate "` + clip(a[0]) + `", anchor "` + clip(b[0]) + `"`
	}
}
