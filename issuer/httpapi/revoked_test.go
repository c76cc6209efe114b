package httpapi_test

import (
	"crypto/x509"
	"errors"
	"net/http"
	"strings"
	"testing"

	"mobileid/issuer"
	"mobileid/issuer/card"
	"mobileid/issuer/card/jpki"
	"mobileid/issuer/refusal"
	"mobileid/mdoc/pki"
)

// Why a certificate was revoked can be a death: neither the answer nor the log tells more than that it is revoked, or on hold.
func TestReasonsAreNotTold(t *testing.T) {
	for reason, code := range map[pki.Reason]string{pki.AffiliationChanged: "card.certificate_revoked", pki.Superseded: "card.certificate_revoked",
		pki.CessationOfOperation: "card.certificate_revoked", pki.CertificateHold: "card.certificate_on_hold"} {
		t.Run(reason.String(), func(t *testing.T) {
			a := newAPI(t, nil)
			w := a.Wallet(t, "birthday", "element-01")
			s, challenge := a.start()
			body := w.Body(t.Context(), t, challenge)
			e, err := issuer.ParseEvidence(body)
			a.must(err)
			r, err := card.ParseReading(e.Reading)
			a.must(err)
			certificate, err := x509.ParseCertificate(r.SignatureCertificate())
			a.must(err)
			a.must(a.JPKI.Revoke(certificate, reason))
			p := wantProblem(t, a.evidence(s, s.TransactionToken, body), http.StatusUnprocessableEntity, code)
			explained, _ := refusal.Of(code)
			if len(p.Advice) != 2 || p.Advice[0].What != explained.What.JA || p.Advice[0].Do != explained.Do.JA || p.Advice[1].Do != explained.Do.EN {
				t.Errorf("advice %v", p.Advice)
			}
			for _, said := range []string{a.said.String(), a.log.String()} {
				for _, word := range []string{reason.String(), certificate.SerialNumber.String(), certificate.SerialNumber.Text(16), w.Card.Person().Name} {
					if strings.Contains(said, word) {
						t.Errorf("%q is told", word)
					}
				}
			}
		})
	}
}

type away struct{}

func (away) RoundTrip(*http.Request) (*http.Response, error) { return nil, errors.New("away") }

// A status that nobody can tell is a 503 with a time to wait.
func TestStatusAway(t *testing.T) {
	a := newAPI(t, nil)
	config := a.Config(a.store)
	source, err := jpki.New(jpki.Config{Authorities: a.JPKI.Places("http://jpki-test.example"), Transport: away{}})
	a.must(err)
	config.CardStatus = source
	b := newAPI(t, func(c *issuer.Config) {
		c.CardStatus, c.CardSignatureRoots, c.CardAuthenticationRoots, c.CardMunicipalRoots = source, config.CardSignatureRoots,
			config.CardAuthenticationRoots, config.CardMunicipalRoots
	})
	w := a.Wallet(t, "birthday", "element-01")
	s, challenge := b.start()
	rec := b.evidence(s, s.TransactionToken, w.Body(t.Context(), t, challenge))
	p := wantProblem(t, rec, http.StatusServiceUnavailable, refusal.CodeStatusUnavailable)
	if rec.Header().Get("Retry-After") != "60" || len(p.Advice) != 2 {
		t.Errorf("Retry-After %q, advice %v", rec.Header().Get("Retry-After"), p.Advice)
	}
	again := b.evidence(s, s.TransactionToken, w.Body(t.Context(), t, challenge)) // as it was told to
	wantProblem(t, again, http.StatusServiceUnavailable, refusal.CodeStatusUnavailable)
}
