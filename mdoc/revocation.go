package mdoc

import (
	"time"

	"mobileid/mdoc/pki"
	"mobileid/mdoc/verdict"
)

const clauseRevocation = "ISO/IEC 18013-5:2021, 9.3.3 and Annex B, Table B.10; RFC 5280, 6.3"

// CheckReaderRevocation judges whether a reader's certificate is revoked: the check reader_auth.revocation. chain is what
// CheckReaderAuth gave; without one, or without a source, the check is not run.
func CheckReaderRevocation(chain *pki.Chain, source pki.RevocationSource, at time.Time) verdict.Verdict {
	var v verdict.Verdict
	judgeRevocation(&v, "reader_auth.revocation", chain, source, at)
	return v
}

// judgeRevocation asks about a chain that leads to an anchor, and about no other: a stranger's certificate is not worth a
// look-up. It reports whether the certificate is known to be revoked.
func judgeRevocation(v *verdict.Verdict, id string, chain *pki.Chain, source pki.RevocationSource, at time.Time) (revoked bool) {
	switch {
	case !chain.Trusted():
		v.NotRun(id, clauseRevocation, "the certificate leads to no anchor")
		return false
	case source == nil:
		v.NotRun(id, clauseRevocation, "revocation unknown: no CRLs are at hand")
		return false
	}
	a := source.Revocation(chain.Leaf, chain.Anchor, at)
	switch a.Outcome() {
	case verdict.Pass:
		v.Pass(id, clauseRevocation, a.Measured)
	case verdict.Fail:
		v.Fail(id, clauseRevocation, a.Measured)
		return true
	default:
		v.NotRun(id, clauseRevocation, a.Measured)
	}
	return false
}
