package pki

import (
	"bytes"
	"crypto/x509"
	"errors"
	"fmt"
	"strings"
)

// maxSameName bounds how many anchors may share one subject name: a few generations of one authority's keys. Each
// costs a signature check when a certificate names it.
const maxSameName = 8

// Anchors is a set of trusted roots. It is safe for concurrent use, and never changes after it was made; a changed
// trust list is a new set. It remembers links it has verified.
type Anchors struct {
	all       []*anchor
	bySubject map[string][]*anchor
	links     linkCache
}

type anchor struct {
	cert *x509.Certificate
	fits []Profile // root profiles whose lines that decide trust it meets
}

// NewAnchors makes a set from the DER of roots. Each must be a self-signed CA certificate that fits a root profile
// (IACA, ReaderRoot or SERoot) in every line that decides trust: signature, algorithm, key, key usage, extended key
// usage, basic constraints with path length 0, critical extensions, and for an IACA the country and the issuer
// alternative name. A document signer handed in as a root is refused.
//
// Lines that decide nothing are left to [Lint], since roots in the field fail them: key identifiers, the revocation
// list's address, string types. Validity is judged at each check.
func NewAnchors(ders ...[]byte) (*Anchors, error) {
	return newAnchors([]Profile{IACA, ReaderRoot, SERoot}, ders)
}

// NewAnchorsFor is NewAnchors for roots of one profile, which then anchor what that profile anchors and nothing else: a
// provider's root that must not stand in for an issuing authority's, or the other way round.
//
// A VICALRoot may have any path length and further key usages beside certificate signing: the root behind AAMVA's VICAL
// is made so.
func NewAnchorsFor(p Profile, ders ...[]byte) (*Anchors, error) {
	r, err := p.rules()
	if err != nil {
		return nil, err
	}
	if !r.root {
		return nil, fmt.Errorf("reading trust anchors: %s is no root profile", r.name)
	}
	return newAnchors([]Profile{p}, ders)
}

func newAnchors(profiles []Profile, ders [][]byte) (*Anchors, error) {
	if len(ders) == 0 {
		return nil, errors.New("reading trust anchors: none given")
	}
	a := &Anchors{bySubject: make(map[string][]*anchor)}
	for i, der := range ders {
		n, err := newAnchor(der, profiles)
		if err != nil {
			return nil, fmt.Errorf("reading trust anchor %d: %w", i, err)
		}
		if err := a.add(n); err != nil {
			return nil, fmt.Errorf("reading trust anchor %d: %w", i, err)
		}
	}
	return a, nil
}

// add takes an anchor while the set is being made. One that is there already changes nothing.
func (a *Anchors) add(n *anchor) error {
	if a.has(n.cert.Raw) {
		return nil
	}
	subject := string(n.cert.RawSubject)
	if len(a.bySubject[subject]) == maxSameName {
		return fmt.Errorf("more than %d of the same name", maxSameName)
	}
	a.all = append(a.all, n)
	a.bySubject[subject] = append(a.bySubject[subject], n)
	return nil
}

// ParseAnchorsPEM is NewAnchors over the certificates of a PEM file.
func ParseAnchorsPEM(data []byte) (*Anchors, error) {
	ders, err := DecodePEM(data)
	if err != nil {
		return nil, fmt.Errorf("reading trust anchors: %w", err)
	}
	return NewAnchors(ders...)
}

// Certificates gives the anchors in the order they were given, without doubles. The certificates are shared and must
// not be changed.
func (a *Anchors) Certificates() []*x509.Certificate {
	out := make([]*x509.Certificate, len(a.all))
	for i, n := range a.all {
		out[i] = n.cert
	}
	return out
}

func (a *Anchors) has(der []byte) bool { return a.find(der) != nil }

func newAnchor(der []byte, profiles []Profile) (*anchor, error) {
	c, err := parse(bytes.Clone(der))
	if err != nil {
		return nil, err
	}
	n := &anchor{cert: c}
	var reasons []string
	for _, p := range profiles {
		if reason := misfit(c, p); reason != "" {
			reasons = append(reasons, p.String()+": "+reason)
			continue
		}
		n.fits = append(n.fits, p)
	}
	if len(n.fits) == 0 {
		return nil, errors.New("fits no root profile: " + strings.Join(reasons, "; "))
	}
	if err := selfSignature(c); err != nil {
		return nil, fmt.Errorf("not self-signed: %w", err)
	}
	return n, nil
}

// misfit says which line that decides trust a root breaks, or gives "".
func misfit(c *x509.Certificate, p Profile) string {
	r, err := p.rules()
	if err != nil {
		return err.Error()
	}
	if c.Version != 3 {
		return fmt.Sprintf("version %d", c.Version)
	}
	if !selfIssued(c) {
		return "issuer is not the subject"
	}
	judgements := []struct {
		name  string
		judge func() (bool, string)
	}{
		{"serial number", func() (bool, string) { return judgeSerial(c) }},
		{"signature algorithm", func() (bool, string) { return judgeSignatureAlgorithm(c) }},
		{"key", func() (bool, string) { return judgeKey(c, r) }},
		{"basic constraints", func() (bool, string) { return judgeAuthority(c, p, r) }},
		{"key usage", func() (bool, string) { return judgeAuthorityUsage(c, p, r) }},
		{"extended key usage", func() (bool, string) { return judgeExtKeyUsage(c, r) }},
		{"extensions", func() (bool, string) { return judgeCriticalExtensions(c) }},
		{"issuer alternative name", func() (bool, string) { return !r.altName || first(judgeIssuerAltName(c, r)), "missing" }},
		{"country", func() (bool, string) { return !r.country || second(country(c.Subject)), "missing" }},
	}
	for _, j := range judgements {
		if ok, measured := j.judge(); !ok {
			return j.name + ": " + measured
		}
	}
	return ""
}

func judgeAuthority(c *x509.Certificate, p Profile, r rules) (bool, string) {
	if p == VICALRoot {
		return judgeAnyPathLength(c)
	}
	return judgeBasicConstraints(c, r)
}

func judgeAuthorityUsage(c *x509.Certificate, p Profile, r rules) (bool, string) {
	if p == VICALRoot {
		return judgeCertSign(c)
	}
	return judgeKeyUsage(c, r)
}

func first(ok bool, _ string) bool  { return ok }
func second(_ string, ok bool) bool { return ok }
