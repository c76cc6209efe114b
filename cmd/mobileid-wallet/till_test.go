package main

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"mobileid/mdoc/session"
	"mobileid/mdoc/transport"
)

// TestHostileTill: no answer of a till makes the wallet do more than fail, and none gets the token elsewhere.
func TestHostileTill(t *testing.T) {
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("a redirect was followed") }))
	defer elsewhere.Close()
	for name, tc := range map[string]struct {
		answer http.HandlerFunc
		text   string
	}{
		"redirect": {func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, elsewhere.URL, http.StatusTemporaryRedirect)
		}, "status 307"},
		"endless":      {func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(make([]byte, maxAnswer+1)) }, "too long"},
		"not JSON":     {func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("hello")) }, "not the JSON"},
		"empty object": {func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("{}")) }, "not the one that is due"},
		"not base64": {func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write([]byte(`{"id":"a","session_establishment":"="}`))
		}, "not the one that is due"},
		"bare status": {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) }, "status 502"},
		"escape in text": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/problem+json")
			w.WriteHeader(http.StatusTeapot)
			_, _ = w.Write([]byte(`{"title":"x","status":418,"code":"\u001b[2J","detail":"\u001b]0;x\u0007"}`))
		}, "the till"},
	} {
		t.Run(name, func(t *testing.T) {
			s := httptest.NewServer(tc.answer)
			defer s.Close()
			c := newTill(s.URL, "a-token-of-this-test")
			err := c.begin(t.Context(), "mdoc:x")
			if err == nil || !strings.Contains(err.Error(), tc.text) || strings.ContainsAny(err.Error(), "\x1b\x07") {
				t.Errorf("error %q, want one with %q", err, tc.text)
			}
			if _, err := c.Receive(t.Context()); !errors.Is(err, transport.ErrClosed) {
				t.Errorf("after a failure there is a message: %v", err)
			}
		})
	}
}

func TestATillTakesOneMessage(t *testing.T) {
	got := 0
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/v1/checks" {
			_, _ = w.Write([]byte(`{"id":"../a","session_establishment":"AQI"}`))
			return
		}
		got++
		if r.URL.EscapedPath() != "/v1/checks/..%2Fa/messages" {
			t.Errorf("path %s", r.URL.EscapedPath())
		}
		_, _ = w.Write([]byte(`{"result":{"decision":"refused","portrait":"AAAA"},"session_termination":"oA"}`))
	}))
	defer s.Close()
	c := newTill(s.URL, "a-token-of-this-test")
	if err := c.Send(t.Context(), nil); !errors.Is(err, transport.ErrClosed) {
		t.Errorf("sending before the check began: %v", err)
	}
	check(t, c.begin(t.Context(), "mdoc:x"))
	if m := must(c.Receive(t.Context()))(t); string(m) != "\x01\x02" {
		t.Errorf("establishment %x", m)
	}
	if err := c.Send(t.Context(), make([]byte, session.MaxMessage+1)); !errors.Is(err, transport.ErrTooLarge) {
		t.Errorf("too large a message: %v", err)
	}
	check(t, c.Send(t.Context(), []byte{0xa0}))
	if err := c.Send(t.Context(), []byte{0xa0}); !errors.Is(err, transport.ErrClosed) {
		t.Errorf("a second message: %v", err)
	}
	if m := must(c.Receive(t.Context()))(t); string(m) != "\xa0" {
		t.Errorf("termination %x", m)
	}
	if got != 1 || c.result.Decision != "refused" {
		t.Errorf("%d messages, decision %s", got, c.result.Decision)
	}
	if text := fmt.Sprintf("%v %+v %s", c, c, c); strings.Contains(text, "a-token") {
		t.Error("a till prints its token")
	}
}
