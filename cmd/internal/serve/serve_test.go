package serve_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"mobileid/cmd/internal/serve"
	"mobileid/mdoc/mdoctest/canary"
	"mobileid/schemas/problem"
)

// logBuffer is the log of a server under test.
type logBuffer struct{ canary.Log }

// events gives the log's lines with the given message.
func (l *logBuffer) events(t *testing.T, message string) []map[string]any {
	t.Helper()
	var out []map[string]any
	for line := range strings.Lines(l.String()) {
		var e map[string]any
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			t.Fatalf("log line is not JSON: %v", err)
		}
		if e["msg"] == message {
			out = append(out, e)
		}
	}
	return out
}

// pipes is a listener whose connections are in memory, so that deadlines run
// on the fake clock of synctest.
type pipes struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func newPipes() *pipes { return &pipes{conns: make(chan net.Conn), closed: make(chan struct{})} }

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error   { p.once.Do(func() { close(p.closed) }); return nil }
func (p *pipes) Addr() net.Addr { return &net.UnixAddr{Name: "pipes", Net: "unix"} }

func (p *pipes) dial() net.Conn {
	client, server := net.Pipe()
	p.conns <- server
	return client
}

// harness is a server under test that stops with the test.
type harness struct {
	*pipes
	log  *logBuffer
	stop context.CancelFunc
	done chan error
}

func start(t *testing.T, cfg serve.Config) *harness {
	t.Helper()
	h := &harness{pipes: newPipes(), log: &logBuffer{}, done: make(chan error, 1)}
	cfg.Log = slog.New(slog.NewJSONHandler(h.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	s, err := serve.New(h.pipes, cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	h.stop = cancel
	go func() { h.done <- s.Serve(ctx) }()
	t.Cleanup(cancel)
	return h
}

// get sends one request on a connection of its own and reads the whole answer.
func (h *harness) get(t *testing.T, target string) (*http.Response, string) {
	t.Helper()
	conn := h.dial()
	defer conn.Close()
	request := "GET " + target + " HTTP/1.1\r\nHost: test\r\nConnection: close\r\nX-Request-Id: chosen-by-client\r\nX-Secret: header-canary\r\n\r\n"
	if _, err := io.WriteString(conn, request); err != nil {
		t.Fatal(err)
	}
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, string(body)
}

func TestSlowHeaderIsClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := start(t, serve.Config{Handler: http.NotFoundHandler()})
		conn := h.dial()
		began := time.Now()
		if _, err := io.WriteString(conn, "GET / HTTP/1.1\r\nHost:"); err != nil {
			t.Fatal(err)
		}
		_, err := io.ReadAll(conn) // net/http may say 408 before it closes
		if err != nil {
			t.Fatalf("reading until the server closes: %v", err)
		}
		if took := time.Since(began); took != 5*time.Second {
			t.Errorf("connection closed after %v, want the default of 5s", took)
		}
		h.stop()
		if err := <-h.done; err != nil {
			t.Errorf("stopping: %v", err)
		}
	})
}

func TestPanicIsAProblemWithoutDetails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := start(t, serve.Config{Handler: http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
			panic("panic-canary")
		})})
		resp, body := h.get(t, "/")
		if resp.StatusCode != http.StatusInternalServerError {
			t.Errorf("status %d, want 500", resp.StatusCode)
		}
		if got := resp.Header.Get("Content-Type"); got != "application/problem+json" {
			t.Errorf("content type %q", got)
		}
		if strings.Contains(body, "canary") || strings.Contains(body, "goroutine") || strings.Contains(body, ".go") {
			t.Errorf("body tells of the panic: %s", body)
		}
		if id := resp.Header.Get(problem.HeaderRequestID); len(id) != 32 || !strings.Contains(body, id) {
			t.Errorf("body %s does not name request %q", body, id)
		}
		synctest.Wait()
		events := h.log.events(t, "request")
		if len(events) != 1 || events[0]["error_class"] != "panic" || events[0]["panic"] != "string" || events[0]["level"] != "ERROR" {
			t.Errorf("events %v, want one of class panic", events)
		}
		if strings.Contains(h.log.String(), "canary") {
			t.Error("the log holds the panic's value")
		}
		if !strings.Contains(h.log.String(), "TestPanicIsAProblemWithoutDetails") {
			t.Error("the log does not say where the panic was")
		}
		h.stop()
		<-h.done
	})
}

func TestPanicAfterTheAnswerBeganCutsIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := start(t, serve.Config{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "100")
			_, _ = io.WriteString(w, "half")
			w.(http.Flusher).Flush()
			panic("late")
		})})
		conn := h.dial()
		defer conn.Close()
		if _, err := io.WriteString(conn, "GET / HTTP/1.1\r\nHost: test\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadAll(resp.Body); !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("reading the cut answer: %v, want unexpected EOF", err)
		}
		synctest.Wait()
		if e := h.log.events(t, "request"); len(e) != 1 || e[0]["error_class"] != "panic" || e[0]["bytes"] != 4.0 {
			t.Errorf("events %v", e)
		}
		h.stop()
		<-h.done
	})
}

func TestStopLetsARequestFinish(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		entered, release := make(chan struct{}), make(chan struct{})
		h := start(t, serve.Config{StopWithin: time.Minute, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			close(entered)
			<-release
			if r.Context().Err() != nil {
				t.Error("the stop ended the request's context")
			}
			_, _ = io.WriteString(w, "finished")
		})})
		conn := h.dial()
		defer conn.Close()
		if _, err := io.WriteString(conn, "GET / HTTP/1.1\r\nHost: test\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		<-entered
		h.stop()
		synctest.Wait()
		select {
		case <-h.closed:
		default:
			t.Error("the listener is still open after the stop began")
		}
		select {
		case err := <-h.done:
			t.Fatalf("server ended before the request did: %v", err)
		default:
		}
		close(release)
		resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			t.Fatal(err)
		}
		if body, err := io.ReadAll(resp.Body); err != nil || string(body) != "finished" {
			t.Errorf("body %q, %v", body, err)
		}
		if err := <-h.done; err != nil {
			t.Errorf("stop: %v", err)
		}
	})
}

func TestStopCutsWhatDoesNotFinish(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		entered := make(chan struct{})
		h := start(t, serve.Config{StopWithin: 3 * time.Second, Handler: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			close(entered)
			<-r.Context().Done()
		})})
		conn := h.dial()
		defer conn.Close()
		if _, err := io.WriteString(conn, "GET / HTTP/1.1\r\nHost: test\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		<-entered
		began := time.Now()
		h.stop()
		if err := <-h.done; !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("stop: %v, want a passed deadline", err)
		}
		if took := time.Since(began); took != 3*time.Second {
			t.Errorf("stop took %v, want 3s", took)
		}
	})
}

func TestReadyzSaysNoWhileDraining(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		mux := http.NewServeMux()
		mux.HandleFunc("GET /readyz", func(http.ResponseWriter, *http.Request) {})
		mux.HandleFunc("GET /livez", func(http.ResponseWriter, *http.Request) {})
		h := start(t, serve.Config{Drain: 20 * time.Second, Handler: mux})
		if resp, _ := h.get(t, "/readyz"); resp.StatusCode != http.StatusOK {
			t.Errorf("before the stop: %d", resp.StatusCode)
		}
		h.stop()
		synctest.Wait()
		resp, body := h.get(t, "/readyz")
		if resp.StatusCode != http.StatusServiceUnavailable || !strings.Contains(body, "stopping") {
			t.Errorf("while draining: %d %s", resp.StatusCode, body)
		}
		if resp, _ := h.get(t, "/livez"); resp.StatusCode != http.StatusOK {
			t.Errorf("livez while draining: %d", resp.StatusCode)
		}
		if err := <-h.done; err != nil {
			t.Errorf("stop: %v", err)
		}
	})
}

func TestLogHoldsTheRouteAndNothingOfTheRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		mux := http.NewServeMux()
		mux.HandleFunc("GET /v1/transactions/{id}", func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusTeapot)
			_, _ = io.WriteString(w, "12345")
		})
		h := start(t, serve.Config{Handler: mux})
		resp, _ := h.get(t, "/v1/transactions/path-canary?q=query-canary")
		h.get(t, "/nowhere/path-canary")
		synctest.Wait()
		events := h.log.events(t, "request")
		if len(events) != 2 {
			t.Fatalf("%d request events for 2 requests", len(events))
		}
		for key, want := range map[string]any{
			"method": "GET", "route": "GET /v1/transactions/{id}", "status": 418.0, "bytes": 5.0,
			"error_class": "client", "level": "WARN", "request_id": resp.Header.Get(problem.HeaderRequestID),
		} {
			if events[0][key] != want {
				t.Errorf("%s is %v, want %v", key, events[0][key], want)
			}
		}
		if events[1]["route"] != "unmatched" || events[1]["request_id"] == events[0]["request_id"] {
			t.Errorf("second event %v", events[1])
		}
		for _, canary := range []string{"path-canary", "query-canary", "header-canary", "chosen-by-client"} {
			if strings.Contains(h.log.String(), canary) {
				t.Errorf("the log holds %q", canary)
			}
		}
		h.stop()
		<-h.done
	})
}

func TestBodyIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var failed error
		h := start(t, serve.Config{MaxBodyBytes: 8, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_, failed = io.Copy(io.Discard, r.Body)
			w.WriteHeader(http.StatusRequestEntityTooLarge)
		})})
		conn := h.dial()
		defer conn.Close()
		if _, err := io.WriteString(conn, "POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 9\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		go func() { _, _ = io.WriteString(conn, "123456789") }()
		resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, ok := errors.AsType[*http.MaxBytesError](failed); !ok || resp.StatusCode != http.StatusRequestEntityTooLarge {
			t.Errorf("reading 9 bytes of 8: %v, status %d", failed, resp.StatusCode)
		}
		conn.Close()
		h.stop()
		<-h.done
	})
}

func TestConnectionErrorsAreLoggedByKind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := start(t, serve.Config{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusOK)
			w.WriteHeader(http.StatusOK) // net/http complains, and names the caller
		})})
		h.get(t, "/")
		synctest.Wait()
		e := h.log.events(t, "connection error")
		if len(e) != 1 || e[0]["kind"] != "second_status" {
			t.Errorf("events %v", e)
		}
		h.stop()
		<-h.done
	})
}

func TestListenReportsTheBoundAddress(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	s, err := serve.Listen(ctx, serve.Config{
		Addr: "127.0.0.1:0", Log: slog.New(slog.DiscardHandler), StopWithin: time.Second,
		Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "here") }),
	})
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- s.Serve(ctx) }()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, s.URL(), nil)
	if err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(resp.Body)
	resp.Body.Close()
	if err != nil || string(body) != "here" {
		t.Errorf("body %q, %v", body, err)
	}
	cancel()
	if err := <-done; err != nil {
		t.Errorf("stop: %v", err)
	}
}

func TestConfigIsValidated(t *testing.T) {
	good := serve.Config{Addr: "127.0.0.1:0", Handler: http.NotFoundHandler(), Log: slog.New(slog.DiscardHandler)}
	cases := map[string]func(*serve.Config){
		"no address":       func(c *serve.Config) { c.Addr = "" },
		"no handler":       func(c *serve.Config) { c.Handler = nil },
		"no logger":        func(c *serve.Config) { c.Log = nil },
		"negative timeout": func(c *serve.Config) { c.ReadHeaderTimeout = -1 },
		"negative body":    func(c *serve.Config) { c.MaxBodyBytes = -1 },
	}
	for name, spoil := range cases {
		t.Run(name, func(t *testing.T) {
			c := good
			spoil(&c)
			if s, err := serve.Listen(t.Context(), c); err == nil {
				s.Close()
				t.Error("accepted")
			}
		})
	}
}
