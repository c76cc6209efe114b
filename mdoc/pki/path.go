package pki

import (
	"bytes"
	"crypto/x509"
	"slices"
	"strconv"

	"mobileid/mdoc/verdict"
)

// way is how a leaf leads to the anchors by names, before any signature is looked at.
type way struct {
	middle     *x509.Certificate // the CA between, where the profile tolerates one
	candidates []*anchor         // those that may have signed the top certificate
	anchorSent bool              // the anchor itself closes the chain, where the profile tolerates it
	fault      string            // why the path is refused, or ""
	measured   string
}

// climb finds the anchors the chain names as its issuer, byte for byte, that fit the root profile it needs. A certificate
// with an authority key identifier gets the anchor with that key first.
func (a *Anchors) climb(leaf *x509.Certificate, rest [][]byte, r rules) way {
	var w way
	top := leaf
	if r.deep {
		rest = w.deep(a, rest)
		if w.middle != nil {
			top = w.middle
		}
	}
	named := a.bySubject[string(top.RawIssuer)]
	for _, n := range named {
		if !anchoredBy(r.anchor, n.fits) || (w.middle != nil && n.cert.MaxPathLen == 0 && n.cert.MaxPathLenZero) {
			continue
		}
		if bytes.Equal(n.cert.SubjectKeyId, top.AuthorityKeyId) {
			w.candidates = slices.Insert(w.candidates, 0, n)
		} else {
			w.candidates = append(w.candidates, n)
		}
	}
	w.measured = "one link to an anchor"
	if w.middle != nil {
		w.measured = "two links to an anchor"
	}
	if w.fault == "" {
		w.fault = a.pathFault(w, leaf, rest, r, len(named))
	}
	return w
}

// deep takes the anchor off the end of the chain, and then the one CA that stands before it.
func (w *way) deep(a *Anchors, rest [][]byte) [][]byte {
	if n := len(rest); n > 0 && n <= 2 && a.has(rest[n-1]) {
		w.anchorSent, rest = true, rest[:n-1]
	}
	if len(rest) != 1 {
		return rest
	}
	middle, err := parse(bytes.Clone(rest[0]))
	if err != nil {
		w.fault = "the CA between: " + err.Error()
		return nil
	}
	w.middle = middle
	return nil
}

// pathFault says why the names do not lead from the leaf to an anchor, or gives "".
func (a *Anchors) pathFault(w way, leaf *x509.Certificate, rest [][]byte, r rules, named int) string {
	switch {
	case a.has(leaf.Raw):
		return "the anchor itself in place of the leaf"
	case selfIssued(leaf) && !r.ca: // a link may keep the authority's name
		return "self-issued"
	case a.hasAny(rest):
		return "the anchor inside the chain"
	case len(rest) > 0:
		return strconv.Itoa(len(rest)+1) + " certificates, one expected"
	case w.middle != nil && !bytes.Equal(leaf.RawIssuer, w.middle.RawSubject):
		return "the certificate's issuer is not the one that follows it"
	case w.middle != nil && selfIssued(w.middle):
		return "the CA between is self-issued"
	case named == 0:
		return "no anchor with the issuer's name"
	case len(w.candidates) == 0 && w.middle != nil:
		return "the issuer is an anchor, but allows no CA below it or is none for " + r.anchor.String()
	case len(w.candidates) == 0:
		return "the issuer is an anchor, but not as " + r.anchor.String()
	default:
		return ""
	}
}

// hasAny looks at the first few only: what stands behind them does not change the outcome.
func (a *Anchors) hasAny(ders [][]byte) bool {
	return slices.ContainsFunc(ders[:min(len(ders), maxSameName)], a.has)
}

// judgeSignatures gives the anchor whose key made the top signature, or else the first one named.
func (w *way) judgeSignatures(v *verdict.Verdict, leaf *x509.Certificate) *anchor {
	const id = "chain.signature"
	top := leaf
	if w.middle != nil {
		top = w.middle
	}
	if len(w.candidates) == 0 {
		v.NotRun(id, clausePath, "no anchor to check it with")
		return nil
	}
	for _, c := range []*x509.Certificate{leaf, top} {
		if ok, measured := judgeSignatureAlgorithm(c); !ok {
			v.NotRun(id, clausePath, "algorithm "+measured)
			return w.candidates[0]
		}
	}
	for _, n := range w.candidates {
		if !signedBy(top, n.cert) {
			continue
		}
		below := w.middle == nil || signedBy(leaf, w.middle)
		v.Record(id, clausePath, below, map[bool]string{true: "verified up to the anchor's key", false: "not made by the CA between"}[below])
		return n
	}
	v.Fail(id, clausePath, "made by no anchor of that name")
	return w.candidates[0]
}

// signedBy verifies one signature; that its algorithm is allowed was asked before.
func signedBy(c, issuer *x509.Certificate) bool {
	return issuer.CheckSignature(c.SignatureAlgorithm, c.RawTBSCertificate, c.Signature) == nil
}

// judgeMiddle holds the CA between leaf and anchor against the lines that make a CA. One that is not of version 3 has no
// extensions, and so is none.
func (w *way) judgeMiddle(v *verdict.Verdict) {
	if w.middle == nil {
		return
	}
	fault := ""
	for _, judge := range []func(*x509.Certificate) (bool, string){judgeSerial, judgeSignatureAlgorithm,
		judgeCAKey, judgeAnyPathLength, judgeCertSign, judgeNoPurpose, judgeCriticalExtensions} {
		if ok, measured := judge(w.middle); !ok {
			fault = measured
			break
		}
	}
	v.Record("chain.intermediate", clausePath, fault == "", text(fault, "a CA that may sign certificates"))
}

func (w *way) judgeTolerances(v *verdict.Verdict) {
	if w.middle != nil {
		v.Pass("tolerance.x5chain_intermediate", clausePath, "one CA between the certificate and the anchor")
	}
	if w.anchorSent {
		v.Pass("tolerance.x5chain_root", clausePath, "the anchor itself closes the chain")
	}
}

func judgeCAKey(c *x509.Certificate) (bool, string) { return judgeKey(c, rules{}) }

func judgeNoPurpose(c *x509.Certificate) (bool, string) {
	return judgeExtKeyUsage(c, rules{eku: ekuNone})
}

func text(fault, good string) string {
	if fault != "" {
		return fault
	}
	return good
}
