package jpki

import (
	"bytes"
	"context"
	"crypto/x509"
	"fmt"
	"strings"
	"time"

	"mobileid/issuer/card"
	"mobileid/mdoc/pki"
)

// maxJudged bounds what is remembered of certificates found in force; further ones find no grace.
const maxJudged = 1 << 16

var _ card.StatusSource = (*Source)(nil)

// Status asks every place of the issuer about a certificate that issuer is proved to have issued, the lists first. The worst answer
// counts; see the package.
func (s *Source) Status(ctx context.Context, certificate, issuer *x509.Certificate, at time.Time) card.StatusAnswer {
	if certificate == nil || issuer == nil {
		return card.StatusAnswer{Measured: "no certificate to ask about"}
	}
	for _, a := range s.authorities {
		if bytes.Equal(a.ca.Raw, issuer.Raw) {
			return s.ask(ctx, a, certificate, at)
		}
	}
	return card.StatusAnswer{Measured: "no place to ask is configured for the issuer"}
}

func (s *Source) ask(ctx context.Context, a *authority, certificate *x509.Certificate, at time.Time) card.StatusAnswer {
	id := keyOf(certificate, a.ca)
	var answers []card.StatusAnswer
	stranger := false
	if len(a.lists) > 0 {
		answers = append(answers, s.askLists(ctx, a, certificate, id, at))
	}
	if a.responder != nil && (len(answers) == 0 || answers[0].State != card.StateRevoked) {
		var answer card.StatusAnswer
		answer, stranger = s.askResponder(ctx, a, certificate, id, at)
		answers = append(answers, answer)
	}
	result := worst(answers)
	if stranger && result.State == card.StateInForce {
		result.State = card.StateUnknown
	}
	if result.State == card.StateInForce {
		s.remember(id)
	}
	return result
}

// worst joins answers: revoked before on hold before in force before not known.
func worst(answers []card.StatusAnswer) card.StatusAnswer {
	rank := func(state card.CertificateState) int { return int(state) } // the states are declared in this order
	var result card.StatusAnswer
	texts := make([]string, len(answers))
	for i, a := range answers {
		texts[i] = a.Measured
		if i == 0 || rank(a.State) > rank(result.State) {
			result = a
		}
	}
	result.Measured = strings.Join(texts, "; ")
	return result
}

func (s *Source) remember(id key) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.judged) < maxJudged {
		s.judged[id] = true
	}
}

func (s *Source) knows(id key) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.judged[id]
}

// revoked makes the answer for an entry. Its reason stays out of the text.
func revoked(reason pki.Reason, from string) card.StatusAnswer {
	if reason == pki.CertificateHold {
		return card.StatusAnswer{State: card.StateOnHold, Reason: reason, Measured: "on hold, " + from}
	}
	return card.StatusAnswer{State: card.StateRevoked, Reason: reason, Measured: "revoked, " + from}
}

func unknown(format string, a ...any) card.StatusAnswer {
	return card.StatusAnswer{Measured: "not known: " + fmt.Sprintf(format, a...)}
}
