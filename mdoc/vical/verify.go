package vical

import (
	"fmt"
	"time"

	"mobileid/mdoc/pki"
	"mobileid/mdoc/verdict"
)

// MaxSkew is how far the date of a list may lie ahead of the reader's clock. notAfter has no such tolerance.
const MaxSkew = 2 * time.Minute

const clausePath = "ISO/IEC 18013-5:2021, Annex C, Table C.1"

// Verify judges the list at the time at. It may be used if and only if the verdict is OK; otherwise there is no [List].
// provider holds the roots of the provider ([pki.NewAnchorsFor] with [pki.VICALRoot]). The error tells a caller's mistake
// and never an input's.
//
// A list whose nextUpdate has passed holds, with the check "tolerance.vical_overdue" in its verdict: a newer one is to be
// fetched ([List.Due]). One whose notAfter has passed does not. What else the list breaks without harm is named by checks
// "tolerance.*", which are listed only when there is something to tolerate.
func (s *Signed) Verify(provider *pki.Anchors, at time.Time) (*List, verdict.Verdict, error) {
	var v verdict.Verdict
	if err := s.verifySigner(&v, provider, at); err != nil {
		return nil, verdict.Verdict{}, fmt.Errorf("verifying VICAL: %w", err)
	}
	s.verifyTimes(&v, at)
	for _, f := range forms() {
		if ok, measured := f.judge(s); !ok {
			v.Pass(f.tolerance, clause, measured)
		}
	}
	if !v.OK() {
		return nil, v, nil
	}
	return newList(s), v, nil
}

// verifySigner checks who signed (12.8.3 of the second edition draft), and that the signature holds.
func (s *Signed) verifySigner(v *verdict.Verdict, provider *pki.Anchors, at time.Time) error {
	ders, err := s.message.X5Chain()
	if err != nil {
		v.Fail("vical.x5chain", clause, err.Error())
		v.NotRun("vical.chain", clausePath, "no certificate")
		v.NotRun("vical.signature", clause, "no certificate")
		return nil
	}
	v.Pass("vical.x5chain", clause, fmt.Sprintf("%d certificates", len(ders)))
	chain, judged, err := provider.Check(ders, pki.VICALSigner, at)
	if err != nil {
		return err
	}
	v.Append(judged)
	if judged.OK() {
		v.Pass("vical.chain", clausePath, judged.String())
	} else { // the check that failed is among those of the path
		v.NotRun("vical.chain", clausePath, "the path did not hold")
	}
	if chain == nil {
		v.NotRun("vical.signature", clause, "no certificate to take the key from")
		return nil
	}
	err = s.message.Verify(chain.LeafPublicKey())
	measured := "verified with the signer's key"
	if err != nil {
		measured = err.Error()
	}
	v.Record("vical.signature", clause, err == nil, measured)
	return nil
}

func (s *Signed) verifyTimes(v *verdict.Verdict, at time.Time) {
	c := &s.content
	date := c.Date.Time()
	v.Record("vical.date", clause, !date.After(at.Add(MaxSkew)), date.Format(time.RFC3339))
	ok, measured := judgeDates(c)
	v.Record("vical.order", clause, ok, measured)
	const draft = "ISO/IEC 18013-5 second edition, Annex C"
	if c.NotAfter == nil {
		v.Pass("vical.not_after", draft, "not stated")
	} else {
		v.Record("vical.not_after", draft, !at.After(c.NotAfter.Time()), c.NotAfter.String())
	}
	switch {
	case c.NextUpdate == nil:
		v.Pass("vical.next_update", clause, "not stated")
	case at.After(c.NextUpdate.Time()):
		v.Pass("tolerance.vical_overdue", clause, "a newer list was due at "+c.NextUpdate.String())
	default:
		v.Pass("vical.next_update", clause, c.NextUpdate.String())
	}
}
