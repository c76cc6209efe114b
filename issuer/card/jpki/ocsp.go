package jpki

import (
	"context"
	"crypto/x509"
	"log/slog"
	"sync"
	"time"

	"golang.org/x/crypto/ocsp"

	"mobileid/issuer/card"
	"mobileid/mdoc/pki"
	"mobileid/mdoc/verdict"
)

// maxAnswers bounds the answers kept; when none has expired, further ones are not kept.
const maxAnswers = 4096

// responder is an OCSP responder with the answers that still speak.
type responder struct {
	place string

	mu      sync.Mutex // guards the rest; not held through a fetch, since each asks about another certificate
	pace    pace       // of failures alone
	answers map[key]answer
}

// answer is a judged OCSP answer and its time.
type answer struct {
	status      card.StatusAnswer
	from, until time.Time
}

// askResponder also tells whether the responder answered that the certificate is a stranger to it, which is no outage: then nobody vouches for it.
func (s *Source) askResponder(ctx context.Context, a *authority, certificate *x509.Certificate, id key, at time.Time) (status card.StatusAnswer, stranger bool) {
	r := a.responder
	if kept, ok := r.find(id, at); ok {
		return kept, false
	}
	if !r.mayAsk(at, s.config.Retry) {
		return unknown("the responder gave no answer a moment ago"), false
	}
	request, err := ocsp.CreateRequest(certificate, a.ca, nil)
	if err != nil {
		return unknown("no OCSP request could be made"), false
	}
	raw, err := s.fetch(ctx, r.place, request, MaxAnswer)
	if err != nil {
		if ctx.Err() == nil {
			r.failed(at)
			s.config.Log.WarnContext(ctx, "no OCSP answer", slog.String("place", r.place), slog.String("error", err.Error()))
		}
		return unknown("the responder gave no answer"), false
	}
	parsed, v := s.judgeAnswer(ctx, a, raw, request, at)
	if !v.OK() {
		s.config.Log.WarnContext(ctx, "OCSP answer refused", slog.String("place", r.place), slog.String("checks", v.String()))
		return unknown("the OCSP answer is refused: %s", v), false
	}
	return r.keep(id, at, s.speaks(parsed)), parsed.Status == ocsp.Unknown
}

// speaks turns a good answer into a status, with the time for which it holds.
func (s *Source) speaks(r *ocsp.Response) answer {
	a := answer{from: r.ThisUpdate.Add(-clockSkew), until: r.ThisUpdate.Add(s.config.MaxAge)}
	if !r.NextUpdate.IsZero() && r.NextUpdate.Before(a.until) {
		a.until = r.NextUpdate
	}
	switch from := "OCSP answer of " + r.ThisUpdate.UTC().Format(time.RFC3339); r.Status {
	case ocsp.Good:
		a.status = card.StatusAnswer{State: card.StateInForce, Measured: "in force, " + from}
	case ocsp.Revoked:
		a.status = revoked(pki.Reason(r.RevocationReason), from)
	default:
		a.status = unknown("the responder does not know the certificate")
	}
	return a
}

func (r *responder) find(id key, at time.Time) (card.StatusAnswer, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	a, ok := r.answers[id]
	return a.status, ok && !at.Before(a.from) && !at.After(a.until)
}

func (r *responder) mayAsk(at time.Time, retry time.Duration) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return !r.pace.failed || r.pace.due(at, retry, retry)
}

func (r *responder) failed(at time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.pace = pace{asked: at, failed: true}
}

// keep remembers a known status and gives it back.
func (r *responder) keep(id key, at time.Time, a answer) card.StatusAnswer {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.pace = pace{}
	if len(r.answers) >= maxAnswers {
		for old, kept := range r.answers {
			if at.After(kept.until) {
				delete(r.answers, old)
			}
		}
	}
	if a.status.State != card.StateUnknown && len(r.answers) < maxAnswers {
		r.answers[id] = a
	}
	return a.status
}

// judgeAnswer holds an OCSP answer against what was asked; every check has an id "ocsp.*".
func (s *Source) judgeAnswer(ctx context.Context, a *authority, raw, request []byte, at time.Time) (*ocsp.Response, verdict.Verdict) {
	j := judge{ca: a.ca, at: at, maxAge: s.config.MaxAge, revocation: func(c *x509.Certificate) card.StatusAnswer {
		if len(a.lists) == 0 {
			return unknown("no CRL is configured")
		}
		return s.askLists(ctx, a, c, keyOf(c, a.ca), at)
	}}
	parsed := j.answer(raw, request)
	return parsed, j.v
}
