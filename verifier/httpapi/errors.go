package httpapi

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"

	"github.com/gin-gonic/gin"

	"mobileid/mdoc/engagement"
	"mobileid/schemas/problem"
)

// The codes of this service, beside the shared ones.
const (
	CodeEngagementMalformed = "engagement_malformed"
	CodeCheckUnknown        = "check_unknown"
	CodeCheckLimit          = "check_limit"
)

var (
	errMalformed    = errors.New("body is not the JSON expected")
	errCheckUnknown = errors.New("no such check is open")
	errCheckLimit   = errors.New("too many checks are open")
)

// asProblem is the one place where errors become documents. Texts are constant.
func asProblem(err error) problem.Problem {
	switch {
	case errors.Is(err, engagement.ErrMalformed):
		return problem.New(http.StatusBadRequest, CodeEngagementMalformed, "the engagement is not an mdoc QR code this till can answer")
	case errors.Is(err, errCheckUnknown):
		return problem.New(http.StatusNotFound, CodeCheckUnknown, "there is no such check: it has had its message, or it ran out")
	case errors.Is(err, errCheckLimit):
		p := problem.New(http.StatusServiceUnavailable, CodeCheckLimit, "too many checks are open")
		p.RetryAfter = 30
		return p
	case isTooLarge(err):
		return problem.New(http.StatusRequestEntityTooLarge, problem.CodeBodyTooLarge, "")
	case errors.Is(err, errMalformed):
		return problem.New(http.StatusBadRequest, problem.CodeMalformed, "the body is not what this door takes")
	default:
		return problem.New(http.StatusInternalServerError, problem.CodeInternal, "")
	}
}

func isTooLarge(err error) bool {
	_, ok := errors.AsType[*http.MaxBytesError](err)
	return ok
}

// bodyError keeps what a decoder says, which may repeat what it read, out of the chain. A body over the limit stays
// recognizable.
func bodyError(err error) error {
	if e, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return e
	}
	return errMalformed
}

// fail answers with the document and logs the cause.
func (d *doors) fail(c *gin.Context, err error) {
	p := asProblem(err)
	level := slog.LevelWarn
	if p.Status >= http.StatusInternalServerError {
		level = slog.LevelError
	}
	d.config.Log.LogAttrs(c.Request.Context(), level, "request refused",
		slog.String("route", c.FullPath()), slog.String("code", p.Code),
		slog.String("request_id", c.Writer.Header().Get(problem.HeaderRequestID)),
		slog.String("cause", fmt.Sprint(err)))
	p.Write(c.Writer)
	c.Abort()
}
