package counter_test

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"mobileid/issuer/counter"
	"mobileid/schemas/problem"
)

const (
	goodID  = "00112233445566778899aabbccddeeff"
	session = `{"session_id":"` + goodID + `","session_token":"token","invitation":"mobileid-join:x","expires_at":"2026-11-23T03:00:00Z"}`
)

func grant(challenge, seID string) string {
	return fmt.Sprintf(`{"challenge":%q,"se_id":%q,"slot":1,"purpose":2}`, challenge, seID)
}

// seen is one request the issuer got.
type seen struct{ line, authorization, media, body string }

func client(t *testing.T, status int, answer string) (*counter.Client, *seen) {
	t.Helper()
	got := new(seen)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		*got = seen{r.Method + " " + r.RequestURI, r.Header.Get("Authorization"), r.Header.Get("Content-Type"), string(body)}
		if status >= 300 && status < 400 {
			w.Header().Set("Location", "/elsewhere")
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, answer)
	}))
	t.Cleanup(server.Close)
	c, err := counter.NewClient(counter.ClientConfig{BaseURL: server.URL + "/", Token: "operator"})
	if err != nil {
		t.Fatal(err)
	}
	return c, got
}

func TestClient(t *testing.T) {
	s := counter.Session{ID: goodID, Token: "token"}
	challenge := base64.RawURLEncoding.EncodeToString(make([]byte, 32))
	for name, c := range map[string]struct {
		answer string
		status int
		call   func(*counter.Client) error
		want   seen
	}{
		"open": {session, 201, func(c *counter.Client) error {
			got, err := c.Open(t.Context())
			if got.ID != goodID || got.Token != "token" || got.Invitation != "mobileid-join:x" {
				t.Errorf("opened %s", got.ID)
			}
			return err
		}, seen{"POST /v1/counter-sessions", "Bearer operator", "", ""}},
		"progress": {`{"state":"active","contested":true,"expires_at":"2026-11-23T03:00:00Z","valid_until":"2026-12-23T03:00:00Z"}`, 200, func(c *counter.Client) error {
			p, err := c.Progress(t.Context(), s)
			if p.State != "active" || !p.Contested || !p.ValidUntil.Equal(time.Date(2026, 12, 23, 3, 0, 0, 0, time.UTC)) {
				t.Errorf("progress %+v", p)
			}
			return err
		}, seen{"GET /v1/counter-sessions/" + goodID, "Bearer token", "", ""}},
		"confirm": {grant(challenge, strings.Repeat("0a", 10)), 200, func(c *counter.Client) error {
			g, err := c.Confirm(t.Context(), s, "123456")
			if len(g.Challenge) != 32 || len(g.SEID) != 10 || g.Slot != 1 || g.Purpose != 2 {
				t.Errorf("granted %+v", g)
			}
			return err
		}, seen{"POST /v1/counter-sessions/" + goodID + "/confirmation", "Bearer token", "application/json", `{"code":"123456"}`}},
		"submit": {`{"state":"ordered"}`, 202, func(c *counter.Client) error { return c.Submit(t.Context(), s, []byte("evidence")) },
			seen{"POST /v1/counter-sessions/" + goodID + "/evidence", "Bearer token", "application/cbor", "evidence"}},
		"close": {"", 204, func(c *counter.Client) error { return c.Close(t.Context(), s) },
			seen{"DELETE /v1/counter-sessions/" + goodID, "Bearer token", "", ""}},
	} {
		t.Run(name, func(t *testing.T) {
			cl, got := client(t, c.status, c.answer)
			if err := c.call(cl); err != nil {
				t.Fatal(err)
			}
			if *got != c.want {
				t.Errorf("asked %+v, want %+v", *got, c.want)
			}
			for status, answer := range map[int]string{409: `{"title":"x","status":409,"code":"session_taken","detail":"CANARY"}`, 500: "CANARY", 302: "", 404: `{"status":500}`} {
				cl, got := client(t, status, answer)
				err := quietly(cl, name, s)
				if err == nil || strings.Contains(err.Error(), "CANARY") || strings.Contains(err.Error(), "127.0.0.1") {
					t.Errorf("status %d: %v", status, err)
				}
				if p, ok := errors.AsType[problem.Problem](err); ok != (status == 409) || ok && p.Code != "session_taken" {
					t.Errorf("status %d: %v", status, err)
				}
				if strings.Contains(got.line, "elsewhere") {
					t.Error("followed a redirect")
				}
			}
		})
	}
}

// quietly makes a call whose answer does not matter.
func quietly(c *counter.Client, name string, s counter.Session) (err error) {
	ctx := context.Background()
	switch name {
	case "open":
		_, err = c.Open(ctx)
	case "progress":
		_, err = c.Progress(ctx, s)
	case "confirm":
		_, err = c.Confirm(ctx, s, "123456")
	case "submit":
		err = c.Submit(ctx, s, nil)
	case "close":
		err = c.Close(ctx, s)
	}
	return err
}

func TestClientRefusesAnswers(t *testing.T) {
	s := counter.Session{ID: goodID, Token: "token"}
	challenge := base64.RawURLEncoding.EncodeToString(make([]byte, 32))
	for name, answer := range map[string]string{"no JSON": "<html>", "no id": `{"session_token":"t","invitation":"i"}`,
		"path in the id": strings.Replace(session, goodID, "../"+goodID[3:], 1), "no token": strings.Replace(session, `"token"`, `""`, 1)} {
		c, _ := client(t, 201, answer)
		if _, err := c.Open(t.Context()); err == nil {
			t.Errorf("%s: opened", name)
		}
	}
	for name, answer := range map[string]string{"no JSON": "x", "short challenge": grant("AAAA", strings.Repeat("0a", 10)), "not base64url": grant("+", strings.Repeat("0a", 10)),
		"short id": grant(challenge, "0a"), "not hex": grant(challenge, "zz")} {
		c, _ := client(t, 200, answer)
		if _, err := c.Confirm(t.Context(), s, "123456"); err == nil {
			t.Errorf("%s: confirmed", name)
		}
	}
	c, err := counter.NewClient(counter.ClientConfig{BaseURL: "http://127.0.0.1:1", Token: "t", Timeout: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Open(t.Context()); err == nil || strings.Contains(err.Error(), "127.0.0.1") {
		t.Errorf("nobody there: %v", err)
	}
}

func TestNewClientRefuses(t *testing.T) {
	for name, c := range map[string]counter.ClientConfig{"no address": {Token: "t"}, "no scheme": {BaseURL: "issuer.example", Token: "t"},
		"user": {BaseURL: "https://a:b@issuer.example", Token: "t"}, "query": {BaseURL: "https://issuer.example/?x=1", Token: "t"},
		"no token": {BaseURL: "https://issuer.example"}, "in clear": {BaseURL: "http://192.0.2.1", Token: "t"},
		"in clear to a name": {BaseURL: "http://issuer.example", Token: "t"}, "negative": {BaseURL: "https://issuer.example", Token: "t", Timeout: -1}} {
		if _, err := counter.NewClient(c); err == nil {
			t.Errorf("%s: made", name)
		}
	}
}

func TestSessionsAreNotFormatted(t *testing.T) {
	s := counter.Session{ID: goodID, Token: "CANARY", Invitation: "CANARY"}
	if text := fmt.Sprintf("%v %+v %#v %s", s, s, s, s.LogValue()); strings.Contains(text, "CANARY") {
		t.Errorf("formatted as %s", text)
	}
}
