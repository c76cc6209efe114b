// Package problem holds the error documents of this project's REST APIs: RFC
// 9457 problem details with three extension members: a stable code, the id of
// the request, and advice for a person.
//
// A document is written for a stranger. It never holds a received value, a
// secret or a cause; the cause belongs in the server's log, which carries the
// same request id. Type is left out (RFC 9457, 4.2.1: absent means
// about:blank), so that title is the phrase of the status and the code is what
// clients branch on. The package checks nothing it is given except the status.
//
// Start with New and Problem.Write; a client reads an answer with Parse.
package problem

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
)

// ContentType is the media type of a problem document (RFC 9457, section 6.1).
const ContentType = "application/problem+json"

// MaxBytes bounds a document read by Parse.
const MaxBytes = 16 << 10

// The codes every service shares. A service adds its own beside its doors. A
// code, once published, keeps its meaning.
const (
	CodeMalformed            = "malformed_request"
	CodeUnauthorized         = "unauthorized"
	CodeForbidden            = "forbidden"
	CodeNotFound             = "not_found"
	CodeMethodNotAllowed     = "method_not_allowed"
	CodeNotAcceptable        = "not_acceptable"
	CodeConflict             = "conflict"
	CodeBodyTooLarge         = "body_too_large"
	CodeUnsupportedMediaType = "unsupported_media_type"
	CodeUnprocessable        = "unprocessable"
	CodeTooManyRequests      = "too_many_requests"
	CodeInternal             = "internal_error"
	CodeUnavailable          = "unavailable"
)

// Problem is a problem details object (RFC 9457, section 3.1) with the
// extension members code, request_id and advice (section 3.2).
type Problem struct {
	Type       string   `json:"type,omitempty"`       // a URI; empty means about:blank
	Title      string   `json:"title"`                // with about:blank the phrase of the status
	Status     int      `json:"status"`               // as in the status line
	Code       string   `json:"code"`                 // stable, for programs
	Detail     string   `json:"detail,omitempty"`     // for people; constant text, no received value
	RequestID  string   `json:"request_id,omitempty"` // the same id stands in the server's log
	Advice     []Advice `json:"advice,omitempty"`     // for the person concerned, one entry a language; constant text
	RetryAfter int      `json:"-"`                    // seconds; above 0 it becomes the Retry-After header
}

// Advice says what happened and what the person can do, in the language of the tag (RFC 5646).
type Advice struct {
	Lang string `json:"lang"`
	What string `json:"what"`
	Do   string `json:"do"`
}

// New returns the document for status with the phrase of the status as title.
func New(status int, code, detail string) Problem {
	return Problem{Title: http.StatusText(status), Status: status, Code: code, Detail: detail}
}

// Write sends the document. An empty RequestID is taken from the X-Request-Id
// header already set on w, so that the server in front names the request once.
// A status outside 400 to 599 is a programmer's mistake and becomes 500.
func (p Problem) Write(w http.ResponseWriter) {
	if p.Status < 400 || p.Status > 599 {
		p.Status = http.StatusInternalServerError
	}
	if p.Title == "" {
		p.Title = http.StatusText(p.Status)
	}
	h := w.Header()
	if p.RequestID == "" {
		p.RequestID = h.Get(HeaderRequestID)
	}
	body, err := json.Marshal(p)
	if err != nil { // strings and ints only: cannot happen
		http.Error(w, http.StatusText(p.Status), p.Status)
		return
	}
	h.Set("Content-Type", ContentType)
	h.Set("Content-Length", strconv.Itoa(len(body)))
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	if p.RetryAfter > 0 {
		h.Set("Retry-After", strconv.Itoa(p.RetryAfter))
	}
	w.WriteHeader(p.Status)
	_, _ = w.Write(body) // the client has gone: nothing left to tell it
}

// Error is the status and the code, so that a client can return a received
// document as an error. Title and detail stay out: another party wrote them.
func (p Problem) Error() string {
	return fmt.Sprintf("problem %d %s", p.Status, p.safeCode())
}

// safeCode keeps a foreign code printable and short.
func (p Problem) safeCode() string {
	if p.Code == "" || len(p.Code) > 64 {
		return "unnamed"
	}
	for _, c := range []byte(p.Code) {
		if c != '-' && c != '_' && c != '.' && (c < '0' || c > '9') && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') {
			return "unnamed"
		}
	}
	return p.Code
}

// Parse reads a received document of at most MaxBytes. RFC 9457, 3.1: unknown
// members are ignored; a status outside 400 to 599 is refused.
func Parse(body []byte) (Problem, error) {
	if len(body) > MaxBytes {
		return Problem{}, errors.New("decoding problem document: too long")
	}
	var p Problem
	if err := json.Unmarshal(body, &p); err != nil {
		return Problem{}, errors.New("decoding problem document: not the JSON object expected")
	}
	if p.Status < 400 || p.Status > 599 {
		return Problem{}, errors.New("decoding problem document: status out of range")
	}
	return p, nil
}
