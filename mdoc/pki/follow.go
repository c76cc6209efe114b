package pki

import (
	"bytes"
	"fmt"
	"time"

	"mobileid/mdoc/verdict"
)

const clauseFollow = "ISO/IEC 18013-5:2021, Annex B, Table B.2 (IACA link); docs/profile.md"

// Follow extends trust from an old root to a new one by a link certificate, which the old root issued for the subject and
// the key of the new root: it gives a set of these anchors and the new root. The verdict holds the "chain.*" checks of the
// link under its anchor and the "link.*" checks of the new root against the link; the set is nil unless it is OK.
//
// The link is judged at the time at, when whoever keeps the trust list decides; from then on the new root stands by itself,
// within its own validity. It is trusted for what the old root was trusted for, and nothing else. A link inside a message
// extends nothing: it fails chain.path there.
func (a *Anchors) Follow(linkCertificate, root []byte, at time.Time) (*Anchors, verdict.Verdict, error) {
	chain, v, err := a.Check([][]byte{linkCertificate}, IACALink, at)
	if err != nil {
		return nil, v, err
	}
	if !chain.Trusted() {
		v.NotRun("link.root", clauseFollow, "the link is not trusted")
		return nil, v, nil
	}
	old := a.find(chain.Anchor.Raw)
	l := chain.Leaf
	ending := !l.NotAfter.After(old.cert.NotAfter)
	v.Record("link.end", clauseFollow, ending, period("link", l)+", "+period("old root", old.cert))
	n, err := newAnchor(root, old.fits)
	v.Record("link.root", clauseFollow, err == nil, errorText(err, "a root of the old one's kind"))
	if err != nil {
		return nil, v, nil
	}
	c := n.cert
	v.Record("link.subject", clauseFollow, bytes.Equal(l.RawSubject, c.RawSubject), "subjects are compared as bytes")
	v.Record("link.key", clauseFollow, bytes.Equal(l.RawSubjectPublicKeyInfo, c.RawSubjectPublicKeyInfo), "public keys are compared as bytes")
	v.Record("link.validity", clauseFollow, !at.Before(c.NotBefore) && !at.After(c.NotAfter), period("new root", c))
	if !v.OK() {
		return nil, v, nil
	}
	out := &Anchors{bySubject: make(map[string][]*anchor)}
	for _, have := range append(a.all[:len(a.all):len(a.all)], n) {
		if err := out.add(have); err != nil {
			return nil, v, fmt.Errorf("following link: %w", err)
		}
	}
	return out, v, nil
}

func (a *Anchors) find(der []byte) *anchor {
	for _, n := range a.all {
		if bytes.Equal(n.cert.Raw, der) {
			return n
		}
	}
	return nil
}
