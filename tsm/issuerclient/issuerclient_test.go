package issuerclient_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"mobileid/schemas/problem"
	"mobileid/tsm"
	"mobileid/tsm/applet/stream"
	"mobileid/tsm/issuerclient"
)

// serve starts an issuer that answers every request with h, and a client of it.
func serve(t *testing.T, h http.HandlerFunc) *issuerclient.Client {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	c, err := issuerclient.New(issuerclient.Config{BaseURL: s.URL + "/", Timeout: 5 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestRequests(t *testing.T) {
	var got []string
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got = append(got, r.Method+" "+r.URL.Path+" "+r.Header.Get("Content-Type")+" "+string(body))
		if r.URL.Path == "/v1/receipts" {
			w.WriteHeader(http.StatusNoContent)
			return
		}
		w.Header().Set("Content-Type", "application/octet-stream")
		_, _ = w.Write([]byte("sealed"))
	})
	sealed, err := c.Attested(t.Context(), []byte("attestation"))
	if err != nil || string(sealed) != "sealed" {
		t.Errorf("Attested = %q, %v", sealed, err)
	}
	if err := c.Receipt(t.Context(), []byte("receipt")); err != nil {
		t.Errorf("Receipt: %v", err)
	}
	want := []string{"POST /v1/attestations application/cose attestation", "POST /v1/receipts application/cose receipt"}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("requests %q", got)
	}
}

// Only the issuer's own no to the message ends a job; the codes are held against its doors where both can be imported, with the line.
func TestRefusals(t *testing.T) {
	document := func(status int, code string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { problem.New(status, code, "SECRET").Write(w) }
	}
	for _, tt := range []struct {
		name    string
		h       http.HandlerFunc
		said    string // what the error tells
		refused bool
	}{
		{"the issuer's no", document(404, "order_unknown"), "order_unknown", true},
		{"another code under the same status", document(404, "not_found"), "not_found", false},
		{"a code that is not known", document(403, "some_code"), "some_code", false},
		{"the line's guard", document(403, "peer_unknown"), "peer_unknown", false},
		{"too many", document(429, "too_many_requests"), "too_many_requests", false},
		{"no fault of the message's", document(503, "order_unknown"), "order_unknown", false},
		{"no document", func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "SECRET", http.StatusForbidden) }, "403", false},
		{"nothing", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(404) }, "404", false},
		{"a document of another type", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(404)
			_, _ = io.WriteString(w, `{"status":404,"code":"order_unknown"}`)
		}, "404", false},
		{"a document of another status", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", problem.ContentType)
			w.WriteHeader(403)
			_, _ = io.WriteString(w, `{"status":404,"code":"order_unknown"}`)
		}, "403", false},
		{"a document that is too long", func(w http.ResponseWriter, _ *http.Request) {
			problem.New(404, "order_unknown", strings.Repeat("x", problem.MaxBytes)).Write(w)
		}, "404", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := serve(t, tt.h)
			_, attested := c.Attested(t.Context(), []byte("a"))
			for _, err := range []error{attested, c.Receipt(t.Context(), []byte("r"))} {
				refused, is := errors.AsType[*tsm.RefusedError](err)
				if err == nil || errors.Is(err, tsm.ErrIssuerRefused) != tt.refused || is != tt.refused || is && refused.Word != tt.said {
					t.Errorf("%v, want refused %v", err, tt.refused)
					continue
				}
				if !strings.Contains(err.Error(), tt.said) || strings.Contains(err.Error(), "SECRET") {
					t.Errorf("%v", err)
				}
			}
		})
	}
}

// An answer that is no answer is temporary, never a sealed credential.
func TestAnswersNotTaken(t *testing.T) {
	for name, h := range map[string]http.HandlerFunc{
		"empty": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/octet-stream")
		},
		"html": func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("<html>")) },
		"wrong type": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			_, _ = w.Write([]byte("{}"))
		},
		"202": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(202); _, _ = w.Write([]byte("x")) },
		"redirect": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "/v1/elsewhere", http.StatusTemporaryRedirect)
		},
		"plain error": func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "no", 500) },
		"too long": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/octet-stream")
			_, _ = w.Write(bytes.Repeat([]byte{1}, stream.MaxSealed+1))
		},
		"cut": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/octet-stream")
			w.Header().Set("Content-Length", "100")
			_, _ = w.Write([]byte("x"))
		},
	} {
		t.Run(name, func(t *testing.T) {
			requests := 0
			c := serve(t, func(w http.ResponseWriter, r *http.Request) { requests++; h(w, r) })
			sealed, err := c.Attested(t.Context(), []byte("a"))
			if err == nil || sealed != nil || errors.Is(err, tsm.ErrIssuerRefused) {
				t.Errorf("%d bytes, %v", len(sealed), err)
			}
			if requests != 1 {
				t.Errorf("%d requests: a redirect was followed, or a request repeated", requests)
			}
		})
	}
	t.Run("largest", func(t *testing.T) {
		c := serve(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/octet-stream")
			_, _ = w.Write(bytes.Repeat([]byte{1}, stream.MaxSealed))
		})
		if sealed, err := c.Attested(t.Context(), []byte("a")); err != nil || len(sealed) != stream.MaxSealed {
			t.Errorf("%d bytes, %v", len(sealed), err)
		}
	})
	t.Run("receipt with 200", func(t *testing.T) {
		c := serve(t, func(http.ResponseWriter, *http.Request) {})
		if err := c.Receipt(t.Context(), []byte("r")); err == nil {
			t.Error("taken")
		}
	})
}

func TestTimeAndContext(t *testing.T) {
	release := make(chan struct{})
	s := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-release:
		case <-r.Context().Done():
		}
	}))
	defer s.Close()
	defer close(release)
	c, err := issuerclient.New(issuerclient.Config{BaseURL: s.URL, Timeout: 20 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Receipt(t.Context(), []byte("r")); err == nil || errors.Is(err, tsm.ErrIssuerRefused) {
		t.Errorf("slow issuer: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := c.Receipt(ctx, []byte("r")); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

func TestNewRefuses(t *testing.T) {
	for _, address := range []string{"", "issuer.example", "ftp://issuer.example", "https://", "https://issuer.example?a=b", "https://user:pw@issuer.example", "https://issuer.example#x"} {
		if c, err := issuerclient.New(issuerclient.Config{BaseURL: address}); err == nil || c != nil {
			t.Errorf("%q taken", address)
		}
	}
	if _, err := issuerclient.New(issuerclient.Config{BaseURL: "https://issuer.example", Timeout: -1}); err == nil {
		t.Error("a negative timeout was taken")
	}
}
