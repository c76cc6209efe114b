package httpapi

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"

	"github.com/gin-gonic/gin"

	"mobileid/schemas/problem"
	"mobileid/tsm"
)

// The codes of this service, beside the shared ones.
const (
	CodeOrderMalformed = "order_malformed"
	CodeOrderSignature = "order_signature"
	CodeOrderExpired   = "order_expired"
	CodeOrderConflict  = "order_conflict"
	CodeElementUnknown = "element_unknown"
	CodeOtherElement   = "other_element"
	CodeUnknownSession = "session_unknown"
	CodeSessionLimit   = "session_limit"
	CodeElementBusy    = "element_busy"
	CodeNoCommon       = "no_common_protocol"
	CodeOutOfOrder     = "out_of_order"
	CodeReportMismatch = "report_mismatch"
	CodeOrderUnknown   = "order_unknown"
	CodeNoNewKeys      = "no_new_keys"
)

var errMalformed = errors.New("body is not the JSON expected")

// bodyError keeps what a decoder says, which may repeat what it read, out of
// the chain. A body over the limit stays recognizable.
func bodyError(err error) error {
	if e, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return e
	}
	return errMalformed
}

// asProblem is the one place where errors become documents. Texts are constant.
func asProblem(err error) problem.Problem {
	switch {
	case errors.Is(err, tsm.ErrOrderMalformed):
		return problem.New(http.StatusBadRequest, CodeOrderMalformed, "the body is not an order")
	case errors.Is(err, tsm.ErrOrderSignature):
		return problem.New(http.StatusForbidden, CodeOrderSignature, "the order is not signed with the issuer's order key")
	case errors.Is(err, tsm.ErrOrderExpired):
		return problem.New(http.StatusUnprocessableEntity, CodeOrderExpired, "the order is past its end")
	case errors.Is(err, tsm.ErrOrderConflict):
		return problem.New(http.StatusConflict, CodeOrderConflict, "the order id was used for another order")
	case errors.Is(err, tsm.ErrNoElement):
		return problem.New(http.StatusBadRequest, CodeElementUnknown, "no secure element with an id of 10 bytes in hex is named")
	case errors.Is(err, tsm.ErrOtherElement):
		return problem.New(http.StatusConflict, CodeOtherElement, "the session is bound to another secure element")
	case errors.Is(err, tsm.ErrUnknownSession):
		return problem.New(http.StatusNotFound, CodeUnknownSession, "there is no such session, or it ran out")
	case errors.Is(err, tsm.ErrTooManySessions):
		return later(problem.New(http.StatusServiceUnavailable, CodeSessionLimit, "too many sessions are open"), 30)
	case errors.Is(err, tsm.ErrBusy):
		return later(problem.New(http.StatusConflict, CodeElementBusy, "a request for this secure element is under way"), 1)
	case errors.Is(err, tsm.ErrNoCommon):
		return problem.New(http.StatusNotAcceptable, CodeNoCommon, "the server offers HTTPS, application/json and version 2.0.0")
	case errors.Is(err, tsm.ErrPhase):
		return problem.New(http.StatusConflict, CodeOutOfOrder, "the request does not come next in this session")
	case errors.Is(err, tsm.ErrReport):
		return problem.New(http.StatusBadRequest, CodeReportMismatch, "the report does not fit what was ordered")
	case errors.Is(err, tsm.ErrUnknownOrder):
		return problem.New(http.StatusNotFound, CodeOrderUnknown, "there is no such order, or it was forgotten")
	case errors.Is(err, tsm.ErrNoNewKeys):
		return problem.New(http.StatusConflict, CodeNoNewKeys, "there is no master key of a version to go to")
	case errors.Is(err, tsm.ErrUnavailable):
		return later(problem.New(http.StatusServiceUnavailable, problem.CodeUnavailable, "try again later"), 5)
	case errors.Is(err, errMalformed):
		return problem.New(http.StatusBadRequest, problem.CodeMalformed, "the body is not the JSON this door takes")
	case isTooLarge(err):
		return problem.New(http.StatusRequestEntityTooLarge, problem.CodeBodyTooLarge, "")
	default:
		return problem.New(http.StatusInternalServerError, problem.CodeInternal, "")
	}
}

func isTooLarge(err error) bool {
	_, ok := errors.AsType[*http.MaxBytesError](err)
	return ok
}

func later(p problem.Problem, seconds int) problem.Problem {
	p.RetryAfter = seconds
	return p
}

// fail answers with the document and logs the cause.
func (d *doors) fail(c *gin.Context, err error) {
	p := asProblem(err)
	level := slog.LevelWarn
	if p.Status >= 500 {
		level = slog.LevelError
	}
	d.log.LogAttrs(c.Request.Context(), level, "request refused",
		slog.String("route", c.FullPath()), slog.String("code", p.Code),
		slog.String("request_id", c.Writer.Header().Get(problem.HeaderRequestID)),
		slog.String("cause", fmt.Sprint(err)))
	p.Write(c.Writer)
}
