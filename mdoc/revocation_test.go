package mdoc_test

import (
	"context"
	"crypto/x509"
	"math/big"
	"slices"
	"strings"
	"testing"
	"time"

	"mobileid/mdoc"
	"mobileid/mdoc/cbor"
	"mobileid/mdoc/holder"
	"mobileid/mdoc/mdoctest/world"
	"mobileid/mdoc/pki"
	"mobileid/mdoc/verdict"
)

const checkSigner, checkReader = "issuer_auth.revocation", "reader_auth.revocation"

func parsed(t testing.TB, der []byte) *x509.Certificate {
	t.Helper()
	c, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// TestSignerRevocation shows a good answer under different CRLs. What is not known is not run, a revoked signer's document is
// not among the proved ones, and in both cases nothing is accepted.
func TestSignerRevocation(t *testing.T) {
	for _, c := range []struct {
		name     string
		change   func(*scene)
		outcome  verdict.Outcome
		measured string
	}{
		{"not revoked", func(*scene) {}, verdict.Pass, "CRL 1"},
		{"another certificate revoked", func(s *scene) { s.revoke(2, pki.Revocation{Serial: big.NewInt(77), Date: s.Now.AddDate(0, 0, -2)}) }, verdict.Pass, "CRL 2"},
		{"revoked", func(s *scene) { s.revoke(2, s.signer(pki.Superseded)) }, verdict.Fail, "superseded"},
		{"on hold", func(s *scene) { s.revoke(2, s.signer(pki.CertificateHold)) }, verdict.Fail, "on hold"},
		{"released from hold", func(s *scene) {
			s.revoke(2, s.signer(pki.CertificateHold))
			s.revoke(3)
		}, verdict.Pass, "CRL 3"},
		{"revoked, and the CRL has expired", func(s *scene) {
			s.revoke(2, s.signer(pki.Unspecified))
			s.in.At = s.Now.AddDate(0, 0, 30)
			s.resign(func(m *mdoc.MobileSecurityObject) {
				m.ValidityInfo.ValidUntil = cbor.NewTDate(s.in.At.AddDate(0, 0, 1))
			})
		}, verdict.Fail, "revoked"},
		{"CRL expired", func(s *scene) {
			s.in.At = s.Now.AddDate(0, 0, 29).Add(time.Second)
		}, verdict.NotRun, "expired"},
		{"no source", func(s *scene) { s.in.Revocation = nil }, verdict.NotRun, "no CRLs are at hand"},
		{"no CRL", func(s *scene) { s.in.Revocation = pki.NewRevocationLists(s.Anchors) }, verdict.NotRun, "no CRL of the issuer"},
		{"CRL of another CA", func(s *scene) {
			other := world.New(s.t)
			s.only(world.CRL(s.t, other.IACA, other.IACAKey, 5, s.Now))
		}, verdict.NotRun, "no CRL of the issuer"},
		{"older than seen", func(s *scene) {
			s.revoke(2, s.signer(pki.Superseded))
			if err := s.Revocation.Put(world.CRL(s.t, s.IACA, s.IACAKey, 1, s.Now), s.Now); err == nil {
				s.t.Error("an older CRL was taken")
			}
		}, verdict.Fail, "CRL 2"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newScene(t, holder.BySignature)
			c.change(s)
			r := s.verify()
			var got verdict.Check
			for _, check := range r.Checks {
				if check.ID == checkSigner {
					got = check
				}
			}
			if got.Outcome != c.outcome || !strings.Contains(got.Measured, c.measured) {
				t.Errorf("%s: %s, want %s with %q", got.Outcome, got.Measured, c.outcome, c.measured)
			}
			if r.OK() != (c.outcome == verdict.Pass) {
				t.Errorf("accepted: %v: %s", r.OK(), r.Verdict)
			}
			if proved := len(r.Documents) == 1; proved != (c.outcome != verdict.Fail) {
				t.Errorf("proved: %v", proved)
			}
			for _, check := range r.Checks {
				allowed := []string{checkSigner}
				if c.outcome == verdict.Fail {
					allowed = append(allowed, "status.list") // nobody is asked about it
				}
				if check.Outcome != verdict.Pass && !slices.Contains(allowed, check.ID) {
					t.Errorf("%s %s: %s", check.ID, check.Outcome, check.Measured)
				}
			}
		})
	}
}

func (s *scene) revoke(number int64, revoked ...pki.Revocation) {
	s.t.Helper()
	s.Revoke(s.t, s.IACA, s.IACAKey, number, revoked...)
}

// signer is the document signer's entry.
func (s *scene) signer(r pki.Reason) pki.Revocation {
	return pki.Revocation{Serial: parsed(s.t, s.SignerChain[0]).SerialNumber, Date: s.Now.AddDate(0, 0, -2), Reason: r}
}

// only leaves one list at hand, which the set must refuse.
func (s *scene) only(der []byte) {
	s.t.Helper()
	lists := pki.NewRevocationLists(s.Anchors)
	if err := lists.Put(der, s.Now); err == nil {
		s.t.Error("a list of a stranger was taken")
	}
	s.in.Revocation = lists
}

// TestReaderRevocation: what the holder learns of a reader under different CRLs.
func TestReaderRevocation(t *testing.T) {
	for _, c := range []struct {
		name    string
		change  func(t *testing.T, w *world.World, h *holder.Holder)
		outcome verdict.Outcome
	}{
		{"not revoked", func(*testing.T, *world.World, *holder.Holder) {}, verdict.Pass},
		{"revoked", func(t *testing.T, w *world.World, _ *holder.Holder) {
			w.Revoke(t, w.ReaderRoot, w.ReaderRootKey, 2, pki.Revocation{Serial: parsed(t, w.ReaderChain[0]).SerialNumber, Date: w.Now.AddDate(0, 0, -2)})
		}, verdict.Fail},
		{"no source", func(_ *testing.T, _ *world.World, h *holder.Holder) { h.ReaderRevocation = nil }, verdict.NotRun},
		{"no CRL", func(_ *testing.T, w *world.World, h *holder.Holder) {
			h.ReaderRevocation = pki.NewRevocationLists(w.ReaderRoots)
		}, verdict.NotRun},
		{"unknown root", func(t *testing.T, _ *world.World, h *holder.Holder) { h.ReaderRoots = world.New(t).ReaderRoots }, verdict.NotRun},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := world.New(t)
			h := w.Holder(t, w.Issue(t, w.Draft(t)), holder.BySignature)
			c.change(t, w, h)
			var seen *holder.Reader
			h.Consent = func(_ context.Context, p holder.Proposal) ([]holder.Element, error) {
				seen = &p.Reader
				return p.Elements, nil
			}
			w.Answer(t, h, w.Meet(t), world.Items(world.NameSpace, "age_over_20"))
			if seen == nil {
				t.Fatal("nobody was asked")
			}
			if got, _ := seen.Verdict.Outcome(checkReader); got != c.outcome {
				t.Errorf("%s is %s, want %s", checkReader, got, c.outcome)
			}
			good := c.outcome == verdict.Pass
			if seen.Verdict.OK() != good || (seen.Name != "") != good {
				t.Errorf("name %q: %s", seen.Name, seen.Verdict)
			}
		})
	}
}
