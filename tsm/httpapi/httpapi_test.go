package httpapi_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"mobileid/schemas"
	"mobileid/schemas/problem"
	"mobileid/tsm"
	"mobileid/tsm/httpapi"
	"mobileid/tsm/seram"
)

// fake answers every call with err, or with fixed results, and notes the call.
type fake struct {
	err    error
	called string
	order  []byte
	report seram.Report
}

func (f *fake) Submit(_ context.Context, order []byte) (string, error) {
	f.called, f.order = "submit", order
	return "00112233445566778899aabbccddeeff", f.err
}

func (f *fake) Open(_ context.Context, r seram.SessionRequest) (string, error) {
	f.called = "open " + fmt.Sprint(len(r.SecureElements))
	return "ffeeddccbbaa99887766554433221100", f.err
}

func (f *fake) Handshake(_ context.Context, id string, _ seram.HandshakeCommand) (seram.HandshakeResponse, error) {
	f.called = "handshake " + id
	return seram.HandshakeResponse{ChosenTransportProtocol: "HTTPS", ChosenDataFormat: "application/json", ChosenVersion: "2.0.0"}, f.err
}

func (f *fake) Report(_ context.Context, id string, r seram.Report) (seram.Order, error) {
	f.called, f.report = "report "+id, r
	now := 0
	return seram.Order{Delay: &now, RAMCommands: []seram.Command{{Type: seram.TypeStart}, {Type: seram.TypeSERAM, ListOfCAPDU: []seram.APDU{{0x00, 0xA4}}}}}, f.err
}

func (f *fake) Ready(context.Context) error { f.called = "ready"; return f.err }

func post(h http.Handler, path, contentType, body string) *httptest.ResponseRecorder {
	req := httptest.NewRequest(http.MethodPost, path, strings.NewReader(body))
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	rec := httptest.NewRecorder()
	h.ServeHTTP(rec, req)
	return rec
}

func TestDoors(t *testing.T) {
	for _, tt := range []struct {
		name, path, contentType, body string
		called                        string
		code                          int
		answer                        string
	}{
		{"order", "/v1/orders", "application/cose", "\x84\x01", "submit", 202, `{"order_id":"00112233445566778899aabbccddeeff"}`},
		{"order with the COSE type parameter", "/v1/orders", `application/cose; cose-type="cose-sign1"`, "\x84", "submit", 202, `{"order_id":"00112233445566778899aabbccddeeff"}`},
		{"session", "/gp/seram/order", "application/json", `{"secureElements":[{"seType":"eSE","seId":"00"}],"remoteManagementOrder":{}}`, "open 1", 201, `{"sessionID":"ffeeddccbbaa99887766554433221100"}`},
		// The handshake request and the report are examples of the published SERAM 2.0.0 schema.
		{"handshake", "/gp/seram/handshake?sessionId=s1", "application/json",
			`{"secureElements":[{"seType":"eSE","seId":"89001012012341234012345678901224","seExtraInfo":"SAM"}],"supportedTransportProtocols":["HTTPS"],"supportedDataFormats":["application/json"],"supportedVersion":["2.0.0"]}`,
			"handshake s1", 200, `{"chosenTransportProtocol":"HTTPS","chosenDataFormat":"application/json","chosenVersion":"2.0.0"}`},
		{"report", "/gp/seram/remoteManagement?sessionId=s1", "application/json; charset=utf-8",
			`{"localAgentStatus":{"localAgentStatusEnum":"PROCESSED","executedSeRamCommands":2},"ramResponses":[{"ramResponseType":"seRamResponse","listOfRAPDU":["9000","9000"]},{"ramResponseType":"seRamResponse","listOfRAPDU":["9000"]}]}`,
			"report s1", 200, `{"delay":0,"ramCommands":[{"ramCommandType":"startCommand"},{"ramCommandType":"seRamCommand","listOfCAPDU":["00A4"]}]}`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := &fake{}
			rec := post(httpapi.New(f, nil), tt.path, tt.contentType, tt.body)
			if rec.Code != tt.code || f.called != tt.called {
				t.Fatalf("status %d, called %q", rec.Code, f.called)
			}
			if diff := cmp.Diff(tt.answer, rec.Body.String()); diff != "" {
				t.Errorf("answer (-want +got):\n%s", diff)
			}
			if rec.Header().Get("Cache-Control") != "no-store" || !strings.HasPrefix(rec.Header().Get("Content-Type"), "application/json") {
				t.Errorf("headers %v", rec.Header())
			}
		})
	}
}

// A report's answers arrive as they were sent, in order, empty ones included.
func TestReportIsHandedOver(t *testing.T) {
	f := &fake{}
	post(httpapi.New(f, nil), "/gp/seram/remoteManagement?sessionId=s", "application/json",
		`{"localAgentStatus":{"localAgentStatusEnum":"PROCESSED"},"ramResponses":[{"listOfRAPDU":["6f009000",""]},{"listOfRAPDU":["6A82"]}]}`)
	if diff := cmp.Diff([][]byte{{0x6f, 0, 0x90, 0}, {}, {0x6A, 0x82}}, f.report.Answers()); diff != "" {
		t.Errorf("answers (-want +got):\n%s", diff)
	}
}

func TestProblems(t *testing.T) {
	for _, tt := range []struct {
		err   error
		code  int
		word  string
		retry string
	}{
		{tsm.ErrOrderMalformed, 400, "order_malformed", ""},
		{tsm.ErrOrderSignature, 403, "order_signature", ""},
		{tsm.ErrOrderExpired, 422, "order_expired", ""},
		{tsm.ErrOrderConflict, 409, "order_conflict", ""},
		{tsm.ErrNoElement, 400, "element_unknown", ""},
		{tsm.ErrOtherElement, 409, "other_element", ""},
		{tsm.ErrUnknownSession, 404, "session_unknown", ""},
		{tsm.ErrTooManySessions, 503, "session_limit", "30"},
		{tsm.ErrBusy, 409, "element_busy", "1"},
		{tsm.ErrNoCommon, 406, "no_common_protocol", ""},
		{tsm.ErrPhase, 409, "out_of_order", ""},
		{tsm.ErrReport, 400, "report_mismatch", ""},
		{tsm.ErrUnknownOrder, 404, "order_unknown", ""},
		{tsm.ErrNoNewKeys, 409, "no_new_keys", ""},
		{tsm.ErrUnavailable, 503, "unavailable", "5"},
		{errors.New("anything else"), 500, "internal_error", ""},
	} {
		t.Run(tt.word, func(t *testing.T) {
			var log bytes.Buffer
			h := httpapi.New(&fake{err: fmt.Errorf("doing: %w: CAUSE", tt.err)}, slog.New(slog.NewJSONHandler(&log, nil)))
			rec := httptest.NewRecorder()
			rec.Header().Set(problem.HeaderRequestID, "0a0b")
			req := httptest.NewRequest(http.MethodPost, "/v1/orders", strings.NewReader("x"))
			req.Header.Set("Content-Type", "application/cose")
			h.ServeHTTP(rec, req)
			p, err := problem.Parse(rec.Body.Bytes())
			if err != nil || rec.Code != tt.code || p.Status != tt.code || p.Code != tt.word || p.RequestID != "0a0b" {
				t.Errorf("%d %+v %v", rec.Code, p, err)
			}
			if rec.Header().Get("Retry-After") != tt.retry || rec.Header().Get("Content-Type") != problem.ContentType {
				t.Errorf("headers %v", rec.Header())
			}
			if strings.Contains(rec.Body.String(), "CAUSE") {
				t.Error("the cause is told to the client")
			}
			level := "WARN"
			if tt.code >= 500 {
				level = "ERROR"
			}
			if l := log.String(); !strings.Contains(l, "CAUSE") || !strings.Contains(l, `"level":"`+level+`"`) || !strings.Contains(l, "0a0b") {
				t.Errorf("log: %s", l)
			}
		})
	}
}

func TestRefusedBeforeTheService(t *testing.T) {
	big := strings.Repeat("a", httpapi.MaxReportBody)
	for _, tt := range []struct {
		name, method, path, contentType, body string
		code                                  int
		word                                  string
	}{
		{"no media type", "POST", "/v1/orders", "", "x", 415, "unsupported_media_type"},
		{"JSON as order", "POST", "/v1/orders", "application/json", "{}", 415, "unsupported_media_type"},
		{"form as report", "POST", "/gp/seram/remoteManagement", "application/x-www-form-urlencoded", "a=b", 415, "unsupported_media_type"},
		{"order too large", "POST", "/v1/orders", "application/cose", strings.Repeat("a", httpapi.MaxOrderBody+1), 413, "body_too_large"},
		{"session request too large", "POST", "/gp/seram/order", "application/json", `{"a":"` + big + `"}`, 413, "body_too_large"},
		{"report too large", "POST", "/gp/seram/remoteManagement", "application/json", `{"a":"` + big + `"}`, 413, "body_too_large"},
		{"no JSON", "POST", "/gp/seram/handshake", "application/json", `SECRET`, 400, "malformed_request"},
		{"two values", "POST", "/gp/seram/handshake", "application/json", `{}{}`, 400, "malformed_request"},
		{"half a byte of APDU", "POST", "/gp/seram/remoteManagement", "application/json", `{"ramResponses":[{"listOfRAPDU":["900"]}]}`, 400, "malformed_request"},
		{"deep JSON", "POST", "/gp/seram/order", "application/json", strings.Repeat("[", 15000), 400, "malformed_request"},
		{"wrong method", "GET", "/v1/orders", "", "", 405, "method_not_allowed"},
		{"no door", "POST", "/v1/jobs/SECRET", "application/json", "{}", 404, "not_found"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := &fake{}
			req := httptest.NewRequest(tt.method, tt.path, strings.NewReader(tt.body))
			req.Header.Set("Content-Type", tt.contentType)
			rec := httptest.NewRecorder()
			httpapi.New(f, nil).ServeHTTP(rec, req)
			p, err := problem.Parse(rec.Body.Bytes())
			if err != nil || rec.Code != tt.code || p.Code != tt.word {
				t.Errorf("%d %+v %v", rec.Code, p, err)
			}
			if f.called != "" || strings.Contains(rec.Body.String(), "SECRET") {
				t.Errorf("called %q, body %s", f.called, rec.Body)
			}
		})
	}
	t.Run("compressed body", func(t *testing.T) {
		req := httptest.NewRequest(http.MethodPost, "/v1/orders", strings.NewReader("x"))
		req.Header.Set("Content-Type", "application/cose")
		req.Header.Set("Content-Encoding", "gzip")
		rec := httptest.NewRecorder()
		httpapi.New(&fake{}, nil).ServeHTTP(rec, req)
		if rec.Code != 415 {
			t.Errorf("status %d", rec.Code)
		}
	})
}

func TestHealth(t *testing.T) {
	for _, tt := range []struct {
		path string
		err  error
		code int
	}{
		{"/livez", tsm.ErrUnavailable, 204}, {"/readyz", nil, 204}, {"/readyz", tsm.ErrUnavailable, 503},
	} {
		rec := httptest.NewRecorder()
		httpapi.New(&fake{err: tt.err}, nil).ServeHTTP(rec, httptest.NewRequest(http.MethodGet, tt.path, nil))
		if rec.Code != tt.code {
			t.Errorf("%s with %v: %d, want %d", tt.path, tt.err, rec.Code, tt.code)
		}
	}
}

// The server in front logs the pattern of a route, never a path or a query.
func TestPattern(t *testing.T) {
	for path, want := range map[string]string{
		"/gp/seram/handshake?sessionId=SECRET": "/gp/seram/handshake", "/v1/orders": "/v1/orders", "/none/SECRET": "",
	} {
		req := httptest.NewRequest(http.MethodPost, path, strings.NewReader("{}"))
		httpapi.New(&fake{}, nil).ServeHTTP(httptest.NewRecorder(), req)
		if req.Pattern != want {
			t.Errorf("%s has pattern %q, want %q", path, req.Pattern, want)
		}
	}
}

// The OpenAPI document names every door with its method and no other, and every
// code and status of errors.go.
func TestDocumentFitsTheDoors(t *testing.T) {
	doc := schemas.TSMOpenAPI()
	door := regexp.MustCompile(`(?m)^  (/\S+):\n    (get|post|put|delete):`)
	found := door.FindAllStringSubmatch(doc, -1)
	if len(found) != 9 || strings.Count(doc, "\n  /") != len(found) {
		t.Fatalf("%d doors read in the document", len(found))
	}
	for _, f := range found {
		served := false
		for _, h := range []http.Handler{httpapi.New(&fake{}, nil), httpapi.Desk(&fakeDesk{}, nil, nil)} {
			rec := httptest.NewRecorder()
			h.ServeHTTP(rec, httptest.NewRequest(strings.ToUpper(f[2]), f[1], nil))
			served = served || rec.Code != 404 && rec.Code != 405
		}
		if !served {
			t.Errorf("%s %s of the document is not served", f[2], f[1])
		}
	}
	source := readFile(t, "httpapi.go") + readFile(t, "desk.go")
	if n := strings.Count(source, "e.POST(") + strings.Count(source, "e.GET("); n != len(found) {
		t.Errorf("%d routes in the code, %d in the document", n, len(found))
	}
	for _, code := range regexp.MustCompile(`Code\w+ += "(\w+)"`).FindAllStringSubmatch(readFile(t, "errors.go"), -1) {
		if !strings.Contains(doc, "- "+code[1]+"\n") {
			t.Errorf("code %s is not in the document", code[1])
		}
	}
}

func readFile(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// Whatever comes to a door, it answers with a status below 500 and JSON.
func FuzzDoors(f *testing.F) {
	for _, seed := range []string{
		`{"secureElements":[{"seType":"eSE","seId":"00010203040506070809"}]}`,
		`{"localAgentStatus":{"localAgentStatusEnum":"POLLING"}}`,
		`{"ramResponses":[{"listOfRAPDU":["9000",""]}]}`, `[`, `null`, "\x84\x43\xa1\x01\x26",
	} {
		f.Add([]byte(seed))
	}
	h := httpapi.New(&fake{}, nil)
	f.Fuzz(func(t *testing.T, body []byte) {
		for path, media := range map[string]string{
			"/v1/orders": "application/cose", "/gp/seram/order": "application/json",
			"/gp/seram/handshake?sessionId=s": "application/json", "/gp/seram/remoteManagement?sessionId=s": "application/json",
		} {
			rec := post(h, path, media, string(body))
			if rec.Code >= 500 || !json.Valid(rec.Body.Bytes()) {
				t.Fatalf("%s answers %d %q", path, rec.Code, rec.Body)
			}
		}
	})
}

// Each address has its own doors and not the other's.
func TestDoorsByCaller(t *testing.T) {
	for _, tt := range []struct {
		path, contentType string
		phones, orders    bool
	}{
		{"/v1/orders", "application/cose", false, true},
		{"/gp/seram/order", "application/json", true, false},
		{"/gp/seram/handshake", "application/json", true, false},
		{"/gp/seram/remoteManagement", "application/json", true, false},
	} {
		f := &fake{}
		for name, c := range map[string]struct {
			handler http.Handler
			open    bool
		}{"phones": {httpapi.Phones(f, nil), tt.phones}, "orders": {httpapi.Orders(f, nil), tt.orders}, "both": {httpapi.New(f, nil), true}} {
			f.called = ""
			if rec := post(c.handler, tt.path, tt.contentType, "{}"); (rec.Code == http.StatusNotFound) == c.open || (f.called != "") != c.open {
				t.Errorf("%s at %s: status %d, called %q", tt.path, name, rec.Code, f.called)
			}
			rec := httptest.NewRecorder()
			c.handler.ServeHTTP(rec, httptest.NewRequest(http.MethodGet, "/readyz", nil))
			if rec.Code != http.StatusNoContent {
				t.Errorf("/readyz at %s: status %d", name, rec.Code)
			}
		}
	}
}
