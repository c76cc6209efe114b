package httpapi

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strconv"
	"strings"

	"github.com/gin-gonic/gin"

	"mobileid/issuer"
	"mobileid/issuer/pairing"
	"mobileid/issuer/refusal"
	"mobileid/issuer/revocation"
	"mobileid/issuer/store"
	"mobileid/schemas/problem"
)

// The codes of this service beside those every service shares and those of package refusal.
const (
	CodeChallengeUsed     = refusal.CodeChallengeUsed
	CodeExpired           = refusal.CodeExpired
	CodeEvidenceGone      = refusal.CodeEvidenceGone
	CodeOrderUnknown      = "order_unknown"
	CodeCredentialRevoked = "credential_revoked"
	CodeDeviceRevoked     = refusal.CodeDeviceRevoked
	CodeDeviceNotEmptied  = refusal.CodeDeviceNotEmptied
	CodeNoValidity        = refusal.CodeNoValidity
	CodeListFull          = "status_list_full"
	CodeSessionTaken      = "session_taken"
	CodeSessionStep       = "session_step"
	CodeSessionEnded      = "session_ended"
	CodeWrongCode         = "wrong_code"
)

var errNoToken = errors.New("no bearer token")

// errCut says that a body did not come whole and in time. That is nothing about what it would have said.
var errCut = errors.New("body cut off")

// retrySoon is the Retry-After of what passes by itself, retryStatus that of a certificate's status that cannot be told.
const (
	retrySoon   = 5
	retryStatus = 60
)

// fail answers with the problem an error stands for and logs it: the client's fault at Warn, ours at Error.
func (d *doors) fail(c *gin.Context, err error) {
	p := problemOf(err)
	level := slog.LevelWarn
	if p.Status >= 500 {
		level = slog.LevelError
	}
	d.log.LogAttrs(c.Request.Context(), level, "request failed", slog.String("route", c.FullPath()), slog.Int("status", p.Status),
		slog.String("code", p.Code), slog.String("request_id", requestID(c)), slog.String("error", err.Error()))
	if p.Status == http.StatusUnauthorized {
		c.Header("WWW-Authenticate", "Bearer")
	}
	p.Write(c.Writer)
}

// problemOf is the one place where an error becomes an answer, with advice where the table of refusals has some.
func problemOf(err error) problem.Problem {
	p := bareProblem(err)
	if r, ok := refusal.Of(p.Code); ok {
		p.Advice = []problem.Advice{{Lang: "ja", What: r.What.JA, Do: r.Do.JA}, {Lang: "en", What: r.What.EN, Do: r.Do.EN}}
	}
	return p
}

// refusedReading answers with the code of a refused reading. That the status of a certificate cannot be told is no fault of the card.
func refusedReading(e *issuer.RefusedError) problem.Problem {
	if e.Code == refusal.CodeStatusUnavailable {
		p := problem.New(http.StatusServiceUnavailable, e.Code, "send the same evidence again after a while; once the transaction has expired, start a new one")
		p.RetryAfter = retryStatus
		return p
	}
	return problem.New(http.StatusUnprocessableEntity, e.Code, "checks not passed: "+strings.Join(e.Checks, ", "))
}

// bareProblem: what is not listed is ours, and the answer says no more.
func bareProblem(err error) problem.Problem {
	var (
		field   *issuer.FieldError
		refused *issuer.RefusedError
		tooLong *http.MaxBytesError
		code    *pairing.CodeError
	)
	switch {
	case errors.As(err, &tooLong):
		return problem.New(http.StatusRequestEntityTooLarge, problem.CodeBodyTooLarge, "the body is too long")
	case errors.Is(err, errCut):
		p := problem.New(http.StatusRequestTimeout, problem.CodeUnavailable, "the body did not come whole and in time")
		p.RetryAfter = retrySoon
		return p
	case errors.As(err, &field):
		return problem.New(http.StatusBadRequest, problem.CodeMalformed, field.Error())
	case errors.As(err, &refused) && refused.What == "card reading":
		return refusedReading(refused)
	case errors.Is(err, issuer.ErrDuplicate):
		return problem.New(http.StatusConflict, refusal.CodeDuplicate, "the person is being issued the same document elsewhere")
	case errors.As(err, &refused) && (refused.What == "attestation" || refused.What == "receipt"):
		return problem.New(http.StatusForbidden, problem.CodeForbidden, "checks not passed: "+strings.Join(refused.Checks, ", "))
	case errors.Is(err, errNoToken), errors.Is(err, issuer.ErrToken), errors.Is(err, revocation.ErrUnauthorized),
		errors.Is(err, pairing.ErrUnknown):
		return problem.New(http.StatusUnauthorized, problem.CodeUnauthorized, "the bearer token opens nothing here")
	case errors.As(err, &code):
		return problem.New(http.StatusUnprocessableEntity, CodeWrongCode, "not the code that the phone shows; tries left: "+strconv.Itoa(code.TriesLeft))
	case errors.Is(err, pairing.ErrTaken):
		return problem.New(http.StatusConflict, CodeSessionTaken, "a phone has taken the session up; open another")
	case errors.Is(err, pairing.ErrStep):
		return problem.New(http.StatusConflict, CodeSessionStep, "the session is not at this step")
	case errors.Is(err, pairing.ErrEnded):
		return problem.New(http.StatusGone, CodeSessionEnded, "the session has ended; open another")
	case errors.As(err, &refused) && refused.What == "revocation":
		return problem.New(http.StatusForbidden, problem.CodeForbidden, "checks not passed: "+strings.Join(refused.Checks, ", "))
	case errors.Is(err, revocation.ErrReason):
		return problem.New(http.StatusBadRequest, problem.CodeMalformed, "reason: none of affiliationChanged, superseded, cessationOfOperation, certificateHold")
	case errors.Is(err, issuer.ErrNoPhones):
		return problem.New(http.StatusNotFound, problem.CodeNotFound, "no phone certificates are issued here")
	case errors.Is(err, revocation.ErrSEID):
		return problem.New(http.StatusBadRequest, problem.CodeMalformed, "se_id: not 10 bytes")
	case errors.Is(err, issuer.ErrUsed):
		return problem.New(http.StatusConflict, CodeChallengeUsed, "start a new transaction")
	case errors.Is(err, issuer.ErrExpired), errors.Is(err, store.ErrExpired):
		return problem.New(http.StatusGone, CodeExpired, "start a new transaction")
	case errors.Is(err, issuer.ErrGone):
		return problem.New(http.StatusGone, CodeEvidenceGone, "start a new transaction with a new reading of the card")
	case errors.Is(err, issuer.ErrOrder):
		return problem.New(http.StatusNotFound, CodeOrderUnknown, "the message answers no order of this issuer")
	case errors.Is(err, issuer.ErrConflict), errors.Is(err, store.ErrState), errors.Is(err, store.ErrKeyReused), errors.Is(err, store.ErrRollback):
		return problem.New(http.StatusConflict, problem.CodeConflict, "the order was answered already, or in another way")
	case errors.Is(err, store.ErrRevoked):
		return problem.New(http.StatusConflict, CodeCredentialRevoked, "the credential is revoked")
	case errors.Is(err, store.ErrEpoch):
		return problem.New(http.StatusConflict, CodeDeviceRevoked, "the device was revoked after the order; start a new transaction")
	case errors.Is(err, store.ErrWipePending):
		return problem.New(http.StatusConflict, CodeDeviceNotEmptied, "the secure element must be emptied first")
	case errors.Is(err, issuer.ErrValidity):
		return problem.New(http.StatusUnprocessableEntity, CodeNoValidity, "card or certificate end too soon")
	case errors.Is(err, store.ErrNotFound):
		return problem.New(http.StatusNotFound, problem.CodeNotFound, "no such record")
	case errors.Is(err, issuer.ErrBusy):
		p := problem.New(http.StatusServiceUnavailable, problem.CodeUnavailable, "too much at once")
		p.RetryAfter = retrySoon
		return p
	case errors.Is(err, store.ErrListFull):
		return problem.New(http.StatusServiceUnavailable, CodeListFull, "no status index is left")
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		p := problem.New(http.StatusServiceUnavailable, problem.CodeUnavailable, "not done in time")
		p.RetryAfter = retrySoon
		return p
	}
	return problem.New(http.StatusInternalServerError, problem.CodeInternal, "")
}
