package httpapi_test

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"testing"

	"mobileid/issuer"
	"mobileid/issuer/httpapi"
	"mobileid/issuer/issuertest"
	"mobileid/issuer/store"
	"mobileid/mdoc/mdoctest/canary"
	"mobileid/schemas/problem"
)

// api is a whole issuer behind its doors, and everything it said.
type api struct {
	*testing.T
	*issuertest.World
	service *issuer.Service
	store   *store.Embedded
	path    string
	handler http.Handler
	log     canary.Log
	said    canary.Log // what was answered
}

func newAPI(t *testing.T, alter func(*issuer.Config)) *api {
	t.Helper()
	a := &api{T: t, World: issuertest.New(t), path: filepath.Join(t.TempDir(), "issuer.db")}
	log := slog.New(slog.NewTextHandler(&a.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	a.service, a.store = a.Open(t, a.path, func(c *issuer.Config) {
		c.Log = log
		if alter != nil {
			alter(c)
		}
	})
	a.handler = httpapi.New(a.service, log)
	return a
}

func (a *api) must(err error) {
	a.Helper()
	if err != nil {
		a.Fatal(err)
	}
}

// do sends one request and keeps what was answered.
func (a *api) do(method, path, media, token string, body []byte) *httptest.ResponseRecorder {
	req := httptest.NewRequestWithContext(a.Context(), method, path, bytes.NewReader(body))
	if media != "" {
		req.Header.Set("Content-Type", media)
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	return a.send(req)
}

func (a *api) send(req *http.Request) *httptest.ResponseRecorder {
	rec := httptest.NewRecorder()
	a.handler.ServeHTTP(rec, req)
	_ = rec.Header().Write(&a.said)
	_, _ = a.said.Write(rec.Body.Bytes())
	return rec
}

// expect checks status and media type and decodes a JSON answer.
func (a *api) expect(rec *httptest.ResponseRecorder, status int, media string, into any) {
	a.Helper()
	if rec.Code != status || rec.Header().Get("Content-Type") != media {
		a.Fatalf("answer %d %s, expected %d %s: %s", rec.Code, rec.Header().Get("Content-Type"), status, media, rec.Body)
	}
	if into != nil {
		dec := json.NewDecoder(rec.Body)
		dec.DisallowUnknownFields()
		a.must(dec.Decode(into))
	}
}

// wantProblem checks a refusal.
func wantProblem(t *testing.T, rec *httptest.ResponseRecorder, status int, code string) problem.Problem {
	t.Helper()
	p, err := problem.Parse(rec.Body.Bytes())
	if err != nil || rec.Header().Get("Content-Type") != problem.ContentType {
		t.Fatalf("status %d, %s: no problem document", rec.Code, rec.Header().Get("Content-Type"))
	}
	if rec.Code != status || p.Status != status || p.Code != code {
		t.Errorf("answer %d %s, expected %d %s", rec.Code, p.Code, status, code)
	}
	return p
}

type started struct {
	TransactionID    string `json:"transaction_id"`
	TransactionToken string `json:"transaction_token"`
	Challenge        string `json:"challenge"`
	ExpiresAt        string `json:"expires_at"`
}

type progress struct {
	TransactionID string `json:"transaction_id"`
	State         string `json:"state"`
	OrderID       string `json:"order_id"`
	ExpiresAt     string `json:"expires_at"`
	ValidUntil    string `json:"valid_until"`
}

func (a *api) start() (s started, challenge []byte) {
	a.Helper()
	a.expect(a.do("POST", "/v1/transactions", "", "", nil), http.StatusCreated, "application/json", &s)
	challenge, err := base64.RawURLEncoding.DecodeString(s.Challenge)
	a.must(err)
	return s, challenge
}

func (a *api) evidence(s started, token string, body []byte) *httptest.ResponseRecorder {
	return a.do("POST", "/v1/transactions/"+s.TransactionID+"/evidence", "application/cbor", token, body)
}

func (a *api) state(s started) string {
	a.Helper()
	var p progress
	a.expect(a.do("GET", "/v1/transactions/"+s.TransactionID, "", s.TransactionToken, nil), http.StatusOK, "application/json", &p)
	return p.State
}

// attested goes from the start to the opened credential.
func (a *api) attested(w issuertest.Wallet) (s started, keys issuertest.Keys, issued []byte) {
	a.Helper()
	s, challenge := a.start()
	var p progress
	a.expect(a.evidence(s, s.TransactionToken, w.Body(a.Context(), a, challenge)), http.StatusAccepted, "application/json", &p)
	order, ok := a.TSM.Order(p.OrderID)
	if !ok {
		a.Fatal("the TSM has not got the order")
	}
	keys = w.SE.Attest(a, order, nil)
	rec := a.do("POST", "/v1/attestations", "application/cose", "", keys.Signed)
	a.expect(rec, http.StatusOK, "application/octet-stream", nil)
	return s, keys, w.SE.Open(a, keys, rec.Body.Bytes())
}

// active goes on to the receipt.
func (a *api) active(w issuertest.Wallet) (s started, issued []byte) {
	a.Helper()
	s, keys, issued := a.attested(w)
	if rec := a.do("POST", "/v1/receipts", "application/cose", "", w.SE.Receipt(a, keys, issued)); rec.Code != http.StatusNoContent || rec.Body.Len() != 0 {
		a.Fatalf("receipt answered with %d", rec.Code)
	}
	return s, issued
}

func deskBody(seID []byte) []byte { return []byte(`{"se_id":"` + hex.EncodeToString(seID) + `"}`) }

func (a *api) handover(token string, seID []byte) *httptest.ResponseRecorder {
	return a.do("POST", "/v1/handovers", "application/json", token, deskBody(seID))
}

// read gives a body as bytes that stay.
func read(rec *httptest.ResponseRecorder) []byte {
	b, _ := io.ReadAll(rec.Body) // a recorder's buffer does not fail
	return b
}
