package problem

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestWrite(t *testing.T) {
	tests := []struct {
		name    string
		problem Problem
		header  string // X-Request-Id set by the server in front
		status  int
		body    map[string]any
		retry   string
	}{
		{"constant text", New(404, CodeNotFound, "no such session"), "",
			404, map[string]any{"title": "Not Found", "status": 404.0, "code": "not_found", "detail": "no such session"}, ""},
		{"request id of the response header", New(409, CodeConflict, ""), "0a0b",
			409, map[string]any{"title": "Conflict", "status": 409.0, "code": "conflict", "request_id": "0a0b"}, ""},
		{"own request id wins", Problem{Status: 400, Code: CodeMalformed, RequestID: "ff"}, "0a0b",
			400, map[string]any{"title": "Bad Request", "status": 400.0, "code": "malformed_request", "request_id": "ff"}, ""},
		{"retry after", Problem{Status: 503, Code: CodeUnavailable, RetryAfter: 7}, "",
			503, map[string]any{"title": "Service Unavailable", "status": 503.0, "code": "unavailable"}, "7"},
		{"a success is no problem", Problem{Status: 200, Code: CodeInternal}, "",
			500, map[string]any{"title": "Internal Server Error", "status": 500.0, "code": "internal_error"}, ""},
		{"type kept", Problem{Type: "https://example.com/p", Title: "T", Status: 422, Code: "c"}, "",
			422, map[string]any{"type": "https://example.com/p", "title": "T", "status": 422.0, "code": "c"}, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			rec := httptest.NewRecorder()
			if tt.header != "" {
				rec.Header().Set(HeaderRequestID, tt.header)
			}
			tt.problem.Write(rec)
			if rec.Code != tt.status {
				t.Errorf("status %d, want %d", rec.Code, tt.status)
			}
			if got := rec.Header().Get("Content-Type"); got != "application/problem+json" {
				t.Errorf("content type %q", got)
			}
			if got := rec.Header().Get("Retry-After"); got != tt.retry {
				t.Errorf("Retry-After %q, want %q", got, tt.retry)
			}
			var body map[string]any
			if err := json.Unmarshal(rec.Body.Bytes(), &body); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.body, body); diff != "" {
				t.Errorf("body (-want +got):\n%s", diff)
			}
		})
	}
}

func TestParse(t *testing.T) {
	// The first two documents are the examples of RFC 9457, section 3.
	const outOfCredit = `{
 "type": "https://example.com/probs/out-of-credit",
 "title": "You do not have enough credit.",
 "detail": "Your current balance is 30, but that costs 50.",
 "instance": "/account/12345/msgs/abc",
 "balance": 30,
 "accounts": ["/account/12345", "/account/67890"],
 "status": 403
}`
	tests := []struct {
		name, body string
		want       int // 0: refused
	}{
		{"RFC 9457 example with unknown members", outOfCredit, 403},
		{"RFC 9457 example without status", `{"type":"https://example.net/validation-error","title":"Your request is not valid."}`, 0},
		{"status as text", `{"status":"403"}`, 0},
		{"status of a success", `{"status":200}`, 0},
		{"status too high", `{"status":600}`, 0},
		{"empty", ``, 0},
		{"array", `[]`, 0},
		{"two documents", `{"status":403}{"status":403}`, 0},
		{"too long", `{"status":403,"detail":"` + strings.Repeat("a", MaxBytes) + `"}`, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p, err := Parse([]byte(tt.body))
			if (err == nil) != (tt.want != 0) || p.Status != tt.want {
				t.Errorf("Parse = %d, %v, want status %d", p.Status, err, tt.want)
			}
		})
	}
}

func TestErrorPrintsNoForeignText(t *testing.T) {
	for code, want := range map[string]string{
		"order_expired":           "problem 403 order_expired",
		"":                        "problem 403 unnamed",
		"a\nlevel=ERROR":          "problem 403 unnamed",
		strings.Repeat("x", 1000): "problem 403 unnamed",
	} {
		if got := (Problem{Status: 403, Code: code, Title: "secret", Detail: "secret"}).Error(); got != want {
			t.Errorf("Error() = %q, want %q", got, want)
		}
	}
}

func TestNewRequestID(t *testing.T) {
	id, err := NewRequestID(bytes.NewReader(bytes.Repeat([]byte{0xa5}, 16)))
	if err != nil || id != strings.Repeat("a5", 16) {
		t.Errorf("NewRequestID = %q, %v", id, err)
	}
	if _, err := NewRequestID(bytes.NewReader(nil)); err == nil {
		t.Error("a dry source was not noticed")
	}
	a, _ := NewRequestID(nil)
	b, _ := NewRequestID(nil)
	if a == b || len(a) != 32 {
		t.Errorf("two ids from the system: %q and %q", a, b)
	}
}

func TestProblemIsAnError(t *testing.T) {
	var err error = New(http.StatusConflict, CodeConflict, "")
	if p, ok := errors.AsType[Problem](err); !ok || p.Status != 409 {
		t.Errorf("AsType = %v, %v", p, ok)
	}
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{`{"status":403}`, `{"status":404,"code":"x","title":"t","request_id":"r"}`, `{`, `null`, `{"status":1e9}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		p, err := Parse(body)
		if err != nil {
			if !cmp.Equal(p, Problem{}) {
				t.Fatal("a failed parse returned something")
			}
			return
		}
		rec := httptest.NewRecorder()
		p.Write(rec)
		again, err := Parse(rec.Body.Bytes())
		if err != nil && rec.Body.Len() <= MaxBytes {
			t.Fatalf("what was written is not read: %v", err)
		}
		if err == nil && again.Code != p.Code {
			t.Fatalf("code %q became %q", p.Code, again.Code)
		}
	})
}

// Advice goes with the document in the order given, and is left out when there is none.
func TestAdvice(t *testing.T) {
	want := New(http.StatusUnprocessableEntity, "card.expired", "")
	want.Advice = []Advice{{"ja", "期限切れです。", "更新してください。"}, {"en", "It has expired.", "Renew it."}}
	rec := httptest.NewRecorder()
	want.Write(rec)
	got, err := Parse(rec.Body.Bytes())
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	rec = httptest.NewRecorder()
	New(http.StatusNotFound, CodeNotFound, "").Write(rec)
	if strings.Contains(rec.Body.String(), "advice") {
		t.Errorf("an empty member: %s", rec.Body)
	}
}
