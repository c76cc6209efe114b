package httpapi_test

import (
	"encoding/base64"
	"net/http"
	"strings"
	"testing"

	"mobileid/issuer/httpapi"
	"mobileid/issuer/issuertest"
	"mobileid/issuer/pairing"
	"mobileid/schemas/problem"
)

const (
	doorSessions = "/v1/counter-sessions"
	phoneBody    = `{"se_id":"656c656d656e742d3031","slot":1,"purpose":1}` // element-01
)

type counterSession struct {
	SessionID    string `json:"session_id"`
	SessionToken string `json:"session_token"`
	Invitation   string `json:"invitation"`
	ExpiresAt    string `json:"expires_at"`
}

type sessionProgress struct {
	State         string `json:"state"`
	CodeTriesLeft int    `json:"code_tries_left"`
	Contested     bool   `json:"contested"`
	OrderID       string `json:"order_id"`
	ExpiresAt     string `json:"expires_at"`
	ValidUntil    string `json:"valid_until"`
}

func (a *api) openSession() (s counterSession, i pairing.Invitation) {
	a.Helper()
	a.expect(a.do("POST", doorSessions, "", issuertest.OperatorToken, nil), http.StatusCreated, "application/json", &s)
	i, err := pairing.ParseInvitation(s.Invitation)
	a.must(err)
	return s, i
}

func (a *api) sessionState(id, token string) (p sessionProgress) {
	a.Helper()
	a.expect(a.do("GET", doorSessions+"/"+id, "", token, nil), http.StatusOK, "application/json", &p)
	return p
}

func TestSessionDoors(t *testing.T) {
	a := newAPI(t, nil)
	wallet := a.Wallet(t, "nineteen", "element-01")
	s, i := a.openSession()
	door := doorSessions + "/" + s.SessionID
	var joined struct {
		PhoneToken string `json:"phone_token"`
		Code       string `json:"code"`
		ExpiresAt  string `json:"expires_at"`
	}
	wantProblem(t, a.do("POST", door+"/phone", "application/json", i.Secret(), []byte(`{"se_id":"zz","slot":1,"purpose":1}`)), http.StatusBadRequest, problem.CodeMalformed)
	wantProblem(t, a.do("POST", door+"/phone", "application/json", i.Secret(), []byte(phoneBody[:20])), http.StatusBadRequest, problem.CodeMalformed)
	a.expect(a.do("POST", door+"/phone", "application/json", i.Secret(), []byte(phoneBody)), http.StatusOK, "application/json", &joined)
	wantProblem(t, a.do("POST", door+"/phone", "application/json", i.Secret(), []byte(phoneBody)), http.StatusConflict, httpapi.CodeSessionTaken)

	wrong := `{"code":"000000"}`
	if joined.Code == "000000" {
		wrong = `{"code":"000001"}`
	}
	p := wantProblem(t, a.do("POST", door+"/confirmation", "application/json", s.SessionToken, []byte(wrong)), http.StatusUnprocessableEntity, httpapi.CodeWrongCode)
	if !strings.HasSuffix(p.Detail, "tries left: 2") {
		t.Errorf("detail %q", p.Detail)
	}
	for _, body := range []string{`{"code":1}`, "", " ", "null", "{}", `{"code":""}`} {
		wantProblem(t, a.do("POST", door+"/confirmation", "application/json", s.SessionToken, []byte(body)), http.StatusBadRequest, problem.CodeMalformed)
	}
	wantProblem(t, a.do("POST", door+"/confirmation", "application/json", s.SessionToken, []byte(`{"code":"`+strings.Repeat("1", httpapi.MaxJSON)+`"}`)), http.StatusRequestEntityTooLarge, problem.CodeBodyTooLarge)
	if p := a.sessionState(s.SessionID, s.SessionToken); p.State != "claimed" || p.CodeTriesLeft != 2 || !p.Contested {
		t.Errorf("claimed: %+v", p)
	}
	wantProblem(t, a.do("POST", door+"/evidence", "application/cbor", s.SessionToken, []byte{0xA0}), http.StatusConflict, httpapi.CodeSessionStep)
	wantProblem(t, a.do("POST", door+"/evidence", "application/cbor", s.SessionToken, nil), http.StatusBadRequest, problem.CodeMalformed)

	var grant struct {
		Challenge string `json:"challenge"`
		SEID      string `json:"se_id"`
		Slot      uint64 `json:"slot"`
		Purpose   uint64 `json:"purpose"`
		ExpiresAt string `json:"expires_at"`
	}
	a.expect(a.do("POST", door+"/confirmation", "application/json", s.SessionToken, []byte(`{"code":"`+joined.Code+`"}`)), http.StatusOK, "application/json", &grant)
	if grant.SEID != "656c656d656e742d3031" || grant.Slot != 1 || grant.Purpose != 1 {
		t.Errorf("granted for %+v", grant)
	}
	challenge, err := base64.RawURLEncoding.DecodeString(grant.Challenge)
	a.must(err)
	var after sessionProgress
	a.expect(a.do("POST", door+"/evidence", "application/cbor", s.SessionToken, wallet.Body(t.Context(), t, challenge)), http.StatusAccepted, "application/json", &after)
	if after.State != "ordered" || after.OrderID == "" {
		t.Errorf("after the evidence: %+v", after)
	}
	order, ok := a.TSM.Order(after.OrderID)
	if !ok {
		t.Fatal("no order")
	}
	keys := wallet.SE.Attest(t, order, nil)
	rec := a.do("POST", "/v1/attestations", "application/cose", "", keys.Signed)
	a.expect(rec, http.StatusOK, "application/octet-stream", nil)
	a.do("POST", "/v1/receipts", "application/cose", "", wallet.SE.Receipt(t, keys, wallet.SE.Open(t, keys, rec.Body.Bytes())))
	if p := a.sessionState(s.SessionID, joined.PhoneToken); p.State != "active" || p.ValidUntil == "" {
		t.Errorf("in the end: %+v", p)
	}
	for _, secret := range []string{s.SessionToken, joined.PhoneToken, joined.Code, i.Secret(), s.Invitation, wallet.Card.Person().Name} {
		if strings.Contains(a.log.String(), secret) {
			t.Error("a log line holds a secret of the session")
		}
	}
}

func TestSessionIsClosed(t *testing.T) {
	a := newAPI(t, nil)
	s, i := a.openSession()
	door := doorSessions + "/" + s.SessionID
	wantProblem(t, a.do("DELETE", door, "", i.Secret(), nil), http.StatusUnauthorized, problem.CodeUnauthorized)
	if rec := a.do("DELETE", door, "", s.SessionToken, nil); rec.Code != http.StatusNoContent {
		t.Errorf("closing: %d", rec.Code)
	}
	wantProblem(t, a.do("POST", door+"/phone", "application/json", i.Secret(), []byte(phoneBody)), http.StatusGone, httpapi.CodeSessionEnded)
	wantProblem(t, a.do("POST", door+"/confirmation", "application/json", s.SessionToken, []byte(`{"code":"123456"}`)), http.StatusGone, httpapi.CodeSessionEnded)
	if p := a.sessionState(s.SessionID, s.SessionToken); p.State != "ended" {
		t.Errorf("closed: %+v", p)
	}
}
