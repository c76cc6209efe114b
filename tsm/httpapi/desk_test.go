package httpapi_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"mobileid/schemas/problem"
	"mobileid/tsm"
	"mobileid/tsm/httpapi"
)

// fakeDesk answers every call with err, or with fixed results.
type fakeDesk struct {
	err    error
	called string
}

func (f *fakeDesk) Rekey(_ context.Context, seID []byte) (string, error) {
	f.called = "rekey " + hex.EncodeToString(seID)
	return "0011", f.err
}

func (f *fakeDesk) Release(_ context.Context, seID []byte) (int, error) {
	f.called = "release " + hex.EncodeToString(seID)
	return 3, f.err
}

func (f *fakeDesk) OrderState(_ context.Context, id string) (tsm.OrderState, error) {
	f.called = "state " + id
	state := tsm.OrderState{OrderID: id, Kind: "lock", State: "queued", Cursor: "ordered", Reason: "nothing_found", Attempts: 10,
		Service: tsm.Operational, Error: tsm.ErrorNotFound}
	if id == "ccdd" {
		state.Refused = []tsm.RefusedReceipt{{Place: 2, Reason: "order_unknown"}, {Place: 16, Reason: "conflict"}}
	}
	return state, f.err
}

func (f *fakeDesk) Ready(context.Context) error { return f.err }

const deskToken = "an operator's token for tests"

func knock(f *fakeDesk, method, path, authorization, body string) *httptest.ResponseRecorder {
	req := httptest.NewRequest(method, path, strings.NewReader(body))
	req.Header.Set("Content-Type", "application/json")
	if authorization != "" {
		req.Header.Set("Authorization", authorization)
	}
	rec := httptest.NewRecorder()
	h := httpapi.Desk(f, []httpapi.Operator{{Name: "other"}, {Name: "desk", TokenHash: sha256.Sum256([]byte(deskToken))}}, nil)
	h.ServeHTTP(rec, req)
	return rec
}

func TestDesk(t *testing.T) {
	const element, body = "00010203040506070809", `{"se_id":"00010203040506070809"}`
	for _, tt := range []struct {
		method, path, body, called string
		code                       int
		answer                     string
	}{
		{"POST", "/v1/rekeys", body, "rekey " + element, 202, `{"order_id":"0011"}`},
		{"POST", "/v1/releases", body, "release " + element, 200, `{"released":3}`},
		{"GET", "/v1/orders/aabb", "", "state aabb", 200,
			`{"order_id":"aabb","kind":"lock","state":"queued","cursor":"ordered","reason":"nothing_found","attempts":10,"service_state":21,"error_type":17}`},
		{"GET", "/v1/orders/ccdd", "", "state ccdd", 200,
			`{"order_id":"ccdd","kind":"lock","state":"queued","cursor":"ordered","reason":"nothing_found","attempts":10,"service_state":21,"error_type":17,` +
				`"refused_receipts":[{"place":2,"reason":"order_unknown"},{"place":16,"reason":"conflict"}]}`},
	} {
		t.Run(tt.path, func(t *testing.T) {
			f := &fakeDesk{}
			rec := knock(f, tt.method, tt.path, "Bearer "+deskToken, tt.body)
			if rec.Code != tt.code || f.called != tt.called || rec.Body.String() != tt.answer || rec.Header().Get("Cache-Control") != "no-store" {
				t.Errorf("%d, called %q, %s", rec.Code, f.called, rec.Body)
			}
			for _, token := range []string{"", "Bearer", "Bearer ", "Bearer x", "Basic " + deskToken, deskToken} {
				f.called = ""
				rec := knock(f, tt.method, tt.path, token, tt.body)
				if p, err := problem.Parse(rec.Body.Bytes()); rec.Code != http.StatusUnauthorized || err != nil || p.Code != problem.CodeUnauthorized || f.called != "" {
					t.Errorf("token %q: %d, called %q", token, rec.Code, f.called)
				}
			}
			away := &fakeDesk{err: fmt.Errorf("doing: %w", tsm.ErrUnavailable)}
			if rec := knock(away, tt.method, tt.path, "Bearer "+deskToken, tt.body); rec.Code != http.StatusServiceUnavailable {
				t.Errorf("without its store: status %d", rec.Code)
			}
		})
	}
	for name, bad := range map[string]string{"no JSON": "x", "no element": "{}", "short": `{"se_id":"00"}`, "no hex": `{"se_id":"zz010203040506070809"}`} {
		for _, path := range []string{"/v1/rekeys", "/v1/releases"} {
			f := &fakeDesk{}
			if rec := knock(f, "POST", path, "Bearer "+deskToken, bad); rec.Code != http.StatusBadRequest || f.called != "" {
				t.Errorf("%s at %s: %d, called %q", name, path, rec.Code, f.called)
			}
		}
	}
	if rec := knock(&fakeDesk{}, "GET", "/readyz", "", ""); rec.Code != http.StatusNoContent {
		t.Errorf("/readyz: %d", rec.Code)
	}
	rec := httptest.NewRecorder()
	req := httptest.NewRequest(http.MethodGet, "/v1/orders/aabb", nil)
	req.Header.Set("Authorization", "Bearer "+deskToken)
	httpapi.Desk(&fakeDesk{}, nil, nil).ServeHTTP(rec, req)
	if rec.Code != http.StatusUnauthorized {
		t.Errorf("without operators: %d", rec.Code)
	}
}
