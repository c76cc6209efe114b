package serve

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"runtime"
	"time"

	"mobileid/schemas/problem"
)

// readyPath is answered here only while the server stops; before that it is
// the handler's.
const readyPath = "/readyz"

// handler wraps the service's handler with what every request gets. The id
// stands in the answer's header before the handler runs, where
// [problem.Problem.Write] finds it; an id sent by a client is not used.
func (s *Server) handler() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		began := s.config.Now()
		rec := &recorder{ResponseWriter: w}
		id, err := problem.NewRequestID(nil)
		if err != nil { // crypto/rand ends the process rather than fail
			panic(http.ErrAbortHandler)
		}
		rec.Header().Set(problem.HeaderRequestID, id)
		r.Body = http.MaxBytesReader(w, r.Body, s.config.MaxBodyBytes)

		caught := s.answer(rec, r)
		s.log(r, rec, id, s.config.Now().Sub(began), caught)
		if caught != nil && caught.cut {
			panic(http.ErrAbortHandler) // half an answer is out: close the connection
		}
	})
}

// answer runs the handler and turns a panic into a 500, if nothing was sent.
func (s *Server) answer(w *recorder, r *http.Request) (caught *caughtPanic) {
	defer func() {
		v := recover()
		if v == nil {
			return
		}
		caught = newCaughtPanic(v)
		if caught.cut = w.status != 0 || caught.aborted; !caught.cut {
			problem.New(http.StatusInternalServerError, problem.CodeInternal, "").Write(w)
		}
	}()
	if s.stopping.Load() && r.URL.Path == readyPath {
		r.Pattern = readyPath
		problem.New(http.StatusServiceUnavailable, problem.CodeUnavailable, "stopping").Write(w)
		return nil
	}
	s.config.Handler.ServeHTTP(w, r)
	return nil
}

// log writes the one event of a request. What it holds is all there is: no
// path value, query, header, body or peer address.
func (s *Server) log(r *http.Request, w *recorder, id string, took time.Duration, caught *caughtPanic) {
	class, level := classify(w, r.Context(), caught)
	attrs := []slog.Attr{
		slog.String("method", method(r.Method)),
		slog.String("route", route(r)),
		slog.Int("status", w.code()),
		slog.Duration("duration", took),
		slog.Int64("bytes", w.bytes),
		slog.String("request_id", id),
		slog.String("error_class", class),
	}
	if caught != nil {
		attrs = append(attrs, slog.String("panic", caught.kind), slog.Any("stack", caught.stack))
	}
	s.config.Log.LogAttrs(r.Context(), level, "request", attrs...)
}

// classify gives the error class, a word out of a fixed set that also serves
// as a metric label, and the level: the client's fault is a warning, ours an
// error.
func classify(w *recorder, ctx context.Context, caught *caughtPanic) (string, slog.Level) {
	switch code := w.code(); {
	case caught != nil && !caught.aborted:
		return "panic", slog.LevelError
	case caught != nil || errors.Is(ctx.Err(), context.Canceled):
		return "aborted", slog.LevelWarn
	case code >= 500:
		return "server", slog.LevelError
	case code >= 400:
		return "client", slog.LevelWarn
	default:
		return "none", slog.LevelInfo
	}
}

// route is the pattern the request matched. A path that matched nothing is a
// stranger's text and stays out of the log.
func route(r *http.Request) string {
	if r.Pattern == "" {
		return "unmatched"
	}
	return r.Pattern
}

func method(m string) string {
	switch m {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions:
		return m
	}
	return "other"
}

// caughtPanic is what may be said of a panic: its kind and where it was, never
// its value, which can hold what the handler was working on.
type caughtPanic struct {
	kind    string
	stack   []string
	aborted bool // the handler asked for the connection to be closed
	cut     bool // part of an answer is out, so no other can be given
}

// maxFrames bounds the stack in a log event.
const maxFrames = 24

func newCaughtPanic(v any) *caughtPanic {
	err, isError := v.(error)
	c := &caughtPanic{kind: fmt.Sprintf("%T", v), aborted: isError && errors.Is(err, http.ErrAbortHandler)}
	pcs := make([]uintptr, maxFrames)
	frames := runtime.CallersFrames(pcs[:runtime.Callers(3, pcs)])
	for {
		f, more := frames.Next()
		c.stack = append(c.stack, fmt.Sprintf("%s:%d", f.Function, f.Line))
		if !more {
			return c
		}
	}
}

// recorder counts what the handler sends.
type recorder struct {
	http.ResponseWriter
	status int
	bytes  int64
}

func (w *recorder) WriteHeader(status int) {
	if w.status == 0 && status >= 200 {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *recorder) Write(b []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	n, err := w.ResponseWriter.Write(b)
	w.bytes += int64(n)
	return n, err
}

// Flush is asked for by type assertion, not only through Unwrap.
func (w *recorder) Flush() {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	_ = http.NewResponseController(w.ResponseWriter).Flush() // a writer that cannot flush sends at the end
}

// Unwrap is for http.ResponseController.
func (w *recorder) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// code is the status that went out; net/http sends 200 for a handler that
// wrote nothing.
func (w *recorder) code() int {
	if w.status == 0 {
		return http.StatusOK
	}
	return w.status
}
