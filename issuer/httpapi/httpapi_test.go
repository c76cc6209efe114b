package httpapi_test

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"mobileid/issuer"
	"mobileid/issuer/httpapi"
	"mobileid/issuer/issuertest"
	"mobileid/issuer/revocation"
	"mobileid/mdoc"
	"mobileid/mdoc/pki"
	"mobileid/mdoc/provisioning"
	"mobileid/mdoc/statuslist"
	"mobileid/schemas/problem"
)

const statusPath = "/v1/status-lists/1"

func (a *api) listed(issued []byte) uint8 {
	a.Helper()
	doc, err := mdoc.ParseIssuerSigned(issued)
	a.must(err)
	mso, err := doc.MSO()
	a.must(err)
	rec := a.do("GET", statusPath, "", "", nil)
	a.expect(rec, http.StatusOK, "application/statuslist+cwt", nil)
	signed, err := statuslist.Parse(read(rec))
	a.must(err)
	token, v, err := signed.Verify(a.IACAAnchors(), mso.Status.StatusList.URI, a.Now())
	a.must(err)
	if !v.OK() {
		a.Fatalf("list refused: %v", v.Failed())
	}
	bit, err := token.List.At(mso.Status.StatusList.Index)
	a.must(err)
	return bit
}

// The whole story over the doors: issue, suspend, resume, hand over, empty, issue again.
func TestStory(t *testing.T) {
	a := newAPI(t, nil)
	w := a.Wallet(t, "birthday", "element-01")
	first, issued := a.active(w)
	if got := a.state(first); got != "active" {
		t.Fatalf("state %s", got)
	}
	if a.listed(issued) != statuslist.Valid {
		t.Fatal("a fresh credential does not read as valid")
	}
	desk := func(door, want string) {
		t.Helper()
		rec := a.do("POST", door, "application/json", issuertest.OperatorToken, deskBody(w.SE.ID))
		a.expect(rec, http.StatusOK, "application/json", nil)
		if got := rec.Body.String(); got != want {
			t.Fatalf("%s answered %s", door, got)
		}
	}
	desk("/v1/suspensions", `{"suspended":1}`)
	if a.listed(issued) != statuslist.Invalid || a.state(first) != "suspended" {
		t.Error("suspension does not show")
	}
	desk("/v1/resumptions", `{"resumed":1}`)
	if a.listed(issued) != statuslist.Valid || a.state(first) != "active" {
		t.Error("resumption does not show")
	}

	rec := a.handover(issuertest.OperatorToken, w.SE.ID)
	a.expect(rec, http.StatusOK, "application/cose", nil)
	receipt := read(rec)
	signed, err := provisioning.ParseHandoverReceipt(receipt)
	a.must(err)
	r, v, err := signed.Verify(a.IACAAnchors(), a.Now())
	a.must(err)
	if !v.OK() || r.Credentials != 1 || len(r.StatusURIs) != 1 || r.StatusURIs[0] != issuertest.StatusURI || !r.At.Time().Equal(a.Now()) {
		t.Errorf("receipt: %v", v.Failed())
	}
	if bytes.Contains(receipt, w.SE.ID) {
		t.Error("the receipt names the secure element in the clear")
	}
	if again := read(a.handover(issuertest.OperatorToken, w.SE.ID)); !bytes.Equal(again, receipt) {
		t.Error("asked again, another receipt")
	}
	if a.listed(issued) != statuslist.Invalid || a.state(first) != "revoked" {
		t.Error("handover does not show")
	}
	desk("/v1/resumptions", `{"resumed":0}`) // revoked is final
	state := a.do("POST", "/v1/handovers/state", "application/json", issuertest.OperatorToken, deskBody(w.SE.ID))
	for _, member := range []string{`"erasure":"queued"`, `"credentials":1`, `"receipts":0`, `"revoked_at":"2026-11-23T03:00:00Z"`, `"wipe_order_id":"`} {
		if state.Code != http.StatusOK || !strings.Contains(state.Body.String(), member) {
			t.Errorf("state of the handover: %d %s, want %s in it", state.Code, state.Body, member)
		}
	}
	if a.listed(issued) != statuslist.Invalid {
		t.Error("a revoked credential came back")
	}

	a.service.Dispatch(t.Context())
	wipes := a.TSM.Wipes()
	if len(wipes) != 1 || !bytes.Equal(wipes[0].ID, r.WipeOrderID) || !bytes.Equal(wipes[0].SEID, w.SE.ID) {
		t.Fatalf("%d wipe orders at the TSM", len(wipes))
	}
	s, challenge := a.start()
	wantProblem(t, a.evidence(s, s.TransactionToken, w.Body(t.Context(), t, challenge)), http.StatusConflict, httpapi.CodeDeviceNotEmptied)
	wiped := w.SE.Wiped(t, wipes[0], provisioning.ApplicationCredential, 1)
	if rec := a.do("POST", "/v1/receipts", "application/cose", "", wiped); rec.Code != http.StatusNoContent {
		t.Fatalf("wipe receipt answered with %d", rec.Code)
	}
	next, _ := a.active(w)
	if got := a.state(next); got != "active" {
		t.Errorf("the next owner's credential is %s", got)
	}
}

// A handover while an issuance is under way: nothing is released any more, whatever the issuance has reached.
func TestHandoverInFlight(t *testing.T) {
	a := newAPI(t, nil)
	w := a.Wallet(t, "birthday", "element-01")
	ordered, challenge := a.start()
	var p progress
	a.expect(a.evidence(ordered, ordered.TransactionToken, w.Body(t.Context(), t, challenge)), http.StatusAccepted, "application/json", &p)
	order, _ := a.TSM.Order(p.OrderID)
	delivered, keys, issued := a.attested(w)

	a.expect(a.handover(issuertest.OperatorToken, w.SE.ID), http.StatusOK, "application/cose", nil)
	wantProblem(t, a.do("POST", "/v1/attestations", "application/cose", "", w.SE.Attest(t, order, nil).Signed), http.StatusConflict, httpapi.CodeDeviceRevoked)
	wantProblem(t, a.do("POST", "/v1/attestations", "application/cose", "", keys.Signed), http.StatusConflict, httpapi.CodeCredentialRevoked)
	wantProblem(t, a.do("POST", "/v1/receipts", "application/cose", "", w.SE.Receipt(t, keys, issued)), http.StatusConflict, httpapi.CodeCredentialRevoked)
	if got := a.state(delivered); got != "revoked" {
		t.Errorf("state %s", got)
	}
	if a.listed(issued) != statuslist.Invalid {
		t.Error("the credential that was under way reads as valid")
	}
}

// R6: who may revoke, suspend and resume.
func TestWhoMayRevoke(t *testing.T) {
	a := newAPI(t, nil)
	w := a.Wallet(t, "birthday", "element-01")
	s, issued := a.active(w)
	for _, door := range []string{"/v1/handovers", "/v1/suspensions", "/v1/resumptions"} {
		for name, token := range map[string]string{"nobody": "", "a wallet": s.TransactionToken, "a hash": hexHash(issuertest.OperatorToken),
			"nearly": issuertest.OperatorToken + " ", "cut": issuertest.OperatorToken[1:], "long": strings.Repeat("x", 10_000)} {
			t.Run(door+" by "+name, func(t *testing.T) {
				rec := a.do("POST", door, "application/json", token, deskBody(w.SE.ID))
				wantProblem(t, rec, http.StatusUnauthorized, problem.CodeUnauthorized)
				if rec.Header().Get("WWW-Authenticate") != "Bearer" {
					t.Error("no WWW-Authenticate")
				}
			})
		}
		t.Run(door+" with another scheme", func(t *testing.T) {
			req := httptest.NewRequestWithContext(t.Context(), "POST", door, bytes.NewReader(deskBody(w.SE.ID)))
			req.Header.Set("Content-Type", "application/json")
			req.Header.Set("Authorization", "Basic "+issuertest.OperatorToken)
			wantProblem(t, a.send(req), http.StatusUnauthorized, problem.CodeUnauthorized)
		})
		t.Run(door+" for an unknown element", func(t *testing.T) {
			rec := a.do("POST", door, "application/json", issuertest.OperatorToken, deskBody([]byte("never seen")))
			wantProblem(t, rec, http.StatusNotFound, problem.CodeNotFound)
		})
	}
	if a.listed(issued) != statuslist.Valid {
		t.Error("somebody revoked")
	}
	t.Run("an issuer without operators", func(t *testing.T) {
		b := newAPI(t, func(c *issuer.Config) { c.Operators = nil })
		wantProblem(t, b.handover(issuertest.OperatorToken, w.SE.ID), http.StatusUnauthorized, problem.CodeUnauthorized)
	})
	t.Run("operator without a hash", func(t *testing.T) {
		_, err := issuer.New(t.Context(), func() issuer.Config {
			c := a.Config(a.store)
			c.Operators = []revocation.Operator{{Name: "desk", TokenHash: []byte("token itself")}}
			return c
		}())
		if err == nil {
			t.Error("accepted")
		}
	})
}

func hexHash(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hexOf(sum[:])
}

func TestDeskBody(t *testing.T) {
	a := newAPI(t, nil)
	for name, body := range map[string]string{"empty": "", "no JSON": "x", "array": "[]", "null": "null", "no member": "{}",
		"short": `{"se_id":"00"}`, "no hex": `{"se_id":"zzzzzzzzzzzzzzzzzzzz"}`, "number": `{"se_id":1}`,
		"another member": `{"se_id":"00112233445566778899","force":true}`, "two values": `{"se_id":"00112233445566778899"}{}`} {
		t.Run(name, func(t *testing.T) {
			rec := a.do("POST", "/v1/handovers", "application/json", issuertest.OperatorToken, []byte(body))
			p := wantProblem(t, rec, http.StatusBadRequest, problem.CodeMalformed)
			if strings.Contains(p.Detail, "zz") || strings.Contains(p.Detail, "force") {
				t.Errorf("detail repeats the value: %s", p.Detail)
			}
		})
	}
}

// M4: each door at its limit and one byte over it, by length and by a body that does not say its length. One that is cut off says
// nothing about the message, which may be sent again.
func TestBodyLimits(t *testing.T) {
	a := newAPI(t, nil)
	s, _ := a.start()
	for _, d := range []struct {
		path, media, token string
		limit              int
	}{
		{"/v1/transactions", "application/json", "", 64 << 10},
		{"/v1/transactions/" + s.TransactionID + "/evidence", "application/cbor", s.TransactionToken, 256 << 10},
		{"/v1/attestations", "application/cose", "", 64 << 10},
		{"/v1/receipts", "application/cose", "", 64 << 10},
		{"/v1/handovers", "application/json", issuertest.OperatorToken, 64 << 10},
		{"/v1/suspensions", "application/json", issuertest.OperatorToken, 64 << 10},
		{"/v1/resumptions", "application/json", issuertest.OperatorToken, 64 << 10},
	} {
		t.Run(d.path, func(t *testing.T) {
			if rec := a.do("POST", d.path, d.media, d.token, make([]byte, d.limit)); rec.Code == http.StatusRequestEntityTooLarge {
				t.Error("refused at the limit")
			}
			wantProblem(t, a.do("POST", d.path, d.media, d.token, make([]byte, d.limit+1)), http.StatusRequestEntityTooLarge, problem.CodeBodyTooLarge)
			endless := httptest.NewRequestWithContext(t.Context(), "POST", d.path, zeros{})
			endless.ContentLength = -1
			endless.Header.Set("Content-Type", d.media)
			endless.Header.Set("Authorization", "Bearer "+d.token)
			wantProblem(t, a.send(endless), http.StatusRequestEntityTooLarge, problem.CodeBodyTooLarge)
			cut := httptest.NewRequestWithContext(t.Context(), "POST", d.path, io.MultiReader(strings.NewReader("x"), iotest.ErrReader(os.ErrDeadlineExceeded)))
			cut.Header.Set("Content-Type", d.media)
			cut.Header.Set("Authorization", "Bearer "+d.token)
			wantProblem(t, a.send(cut), http.StatusRequestTimeout, problem.CodeUnavailable)
			for _, coding := range []string{"gzip", "identity"} {
				req := httptest.NewRequestWithContext(t.Context(), "POST", d.path, strings.NewReader("x"))
				req.Header.Set("Content-Type", d.media)
				req.Header.Set("Content-Encoding", coding)
				wantProblem(t, a.send(req), http.StatusUnsupportedMediaType, problem.CodeUnsupportedMediaType)
			}
			if d.path != "/v1/transactions" {
				for _, media := range []string{"", "text/plain", "multipart/form-data; boundary=x", ";"} {
					wantProblem(t, a.do("POST", d.path, media, d.token, []byte("x")), http.StatusUnsupportedMediaType, problem.CodeUnsupportedMediaType)
				}
			}
		})
	}
}

// zeros never ends.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

func TestStart(t *testing.T) {
	a := newAPI(t, func(c *issuer.Config) { c.MaxTransactions = 3 })
	seen := map[string]bool{}
	for range 2 {
		s, challenge := a.start()
		if len(challenge) != 32 || len(s.TransactionToken) != 43 || s.ExpiresAt != "2026-11-23T03:10:00Z" {
			t.Errorf("challenge of %d bytes, token of %d, expires %s", len(challenge), len(s.TransactionToken), s.ExpiresAt)
		}
		for _, v := range []string{s.TransactionID, s.TransactionToken, s.Challenge} {
			if seen[v] {
				t.Error("drawn twice")
			}
			seen[v] = true
		}
	}
	if rec := a.do("POST", "/v1/transactions", "application/json", "", []byte("{}")); rec.Code != http.StatusCreated {
		t.Errorf("with an empty object: %d", rec.Code)
	}
	rec := a.do("POST", "/v1/transactions", "", "", nil)
	wantProblem(t, rec, http.StatusServiceUnavailable, problem.CodeUnavailable)
	if rec.Header().Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
	wantProblem(t, a.do("POST", "/v1/transactions", "text/plain", "", []byte("x")), http.StatusBadRequest, problem.CodeMalformed)
}

func TestWalletRefusals(t *testing.T) {
	a := newAPI(t, nil)
	w := a.Wallet(t, "birthday", "element-01")
	s, challenge := a.start()
	other, otherChallenge := a.start()
	body := w.Body(t.Context(), t, challenge)
	wantProblem(t, a.evidence(s, other.TransactionToken, body), http.StatusUnauthorized, problem.CodeUnauthorized)
	wantProblem(t, a.evidence(s, "", body), http.StatusUnauthorized, problem.CodeUnauthorized)
	wantProblem(t, a.do("GET", "/v1/transactions/"+s.TransactionID, "", other.TransactionToken, nil), http.StatusUnauthorized, problem.CodeUnauthorized)
	wantProblem(t, a.do("GET", "/v1/transactions/%2e%2e", "", s.TransactionToken, nil), http.StatusUnauthorized, problem.CodeUnauthorized)
	if p := wantProblem(t, a.evidence(s, s.TransactionToken, []byte{0xff}), http.StatusBadRequest, problem.CodeMalformed); !strings.HasPrefix(p.Detail, "evidence:") {
		t.Errorf("detail %q", p.Detail)
	}
	// L3: the check is named; what was sent is not.
	p := wantProblem(t, a.evidence(other, other.TransactionToken, body), http.StatusUnprocessableEntity, "card.challenge_mismatch")
	if !strings.Contains(p.Detail, "evidence.challenge") {
		t.Errorf("detail %q", p.Detail)
	}
	if len(p.Advice) != 2 || p.Advice[0].Lang != "ja" || p.Advice[1].Lang != "en" || p.Advice[1].What != "The reading was not made for this application." {
		t.Errorf("advice %v", p.Advice)
	}
	wantProblem(t, a.evidence(other, other.TransactionToken, w.Body(t.Context(), t, otherChallenge)), http.StatusConflict, httpapi.CodeChallengeUsed)
	late, lateChallenge := a.start()
	body = w.Body(t.Context(), t, lateChallenge)
	a.Now = func() time.Time { return issuertest.Instant().Add(issuer.DefaultTransactionLife) }
	wantProblem(t, a.evidence(late, late.TransactionToken, body), http.StatusGone, httpapi.CodeExpired)
}

func TestTSMRefusals(t *testing.T) {
	a := newAPI(t, nil)
	w := a.Wallet(t, "birthday", "element-01")
	_, keys, issued := a.attested(w)
	attest := func(raw []byte) *httptest.ResponseRecorder {
		return a.do("POST", "/v1/attestations", "application/cose", "", raw)
	}
	receipt := func(raw []byte) *httptest.ResponseRecorder {
		return a.do("POST", "/v1/receipts", "application/cose", "", raw)
	}
	wantProblem(t, attest(nil), http.StatusBadRequest, problem.CodeMalformed)
	wantProblem(t, attest([]byte("x")), http.StatusBadRequest, problem.CodeMalformed)
	wantProblem(t, receipt([]byte("x")), http.StatusBadRequest, problem.CodeMalformed)
	changed := bytes.Clone(keys.Signed)
	changed[len(changed)-1] ^= 1
	wantProblem(t, attest(changed), http.StatusForbidden, problem.CodeForbidden)
	good := w.SE.Receipt(t, keys, issued)
	changed = bytes.Clone(good)
	changed[len(changed)-1] ^= 1
	wantProblem(t, receipt(changed), http.StatusForbidden, problem.CodeForbidden)
	wantProblem(t, receipt(w.SE.Receipt(t, keys, []byte("another credential"))), http.StatusNotFound, httpapi.CodeOrderUnknown)
	stranger := a.SE(t, "element-02")
	wantProblem(t, receipt(stranger.Receipt(t, keys, issued)), http.StatusNotFound, httpapi.CodeOrderUnknown)
	order, _ := a.TSM.Order(hexOf(keys.Attestation.OrderID))
	wantProblem(t, attest(stranger.Attest(t, order, nil).Signed), http.StatusNotFound, httpapi.CodeOrderUnknown)
	wantProblem(t, attest(w.SE.Attest(t, order, nil).Signed), http.StatusConflict, problem.CodeConflict)
	if rec := receipt(good); rec.Code != http.StatusNoContent {
		t.Errorf("after all that, the receipt is answered with %d", rec.Code)
	}
}

func TestStatusList(t *testing.T) {
	a := newAPI(t, nil)
	get := func(header map[string]string) *httptest.ResponseRecorder {
		req := httptest.NewRequestWithContext(t.Context(), "GET", statusPath, nil)
		for k, v := range header {
			req.Header.Set(k, v)
		}
		return a.send(req)
	}
	rec := get(nil)
	a.expect(rec, http.StatusOK, "application/statuslist+cwt", nil)
	etag := rec.Header().Get("ETag")
	if !strings.HasPrefix(etag, `"`) || rec.Header().Get("Access-Control-Allow-Origin") != "*" || !strings.Contains(rec.Header().Get("Cache-Control"), "max-age=10") {
		t.Errorf("headers %v", rec.Header())
	}
	if rec := get(map[string]string{"If-None-Match": etag}); rec.Code != http.StatusNotModified || rec.Body.Len() != 0 {
		t.Errorf("not modified: %d, %d bytes", rec.Code, rec.Body.Len())
	}
	if rec := get(map[string]string{"If-None-Match": `"older"`}); rec.Code != http.StatusOK {
		t.Errorf("another ETag: %d", rec.Code)
	}
	for accept, want := range map[string]int{"*/*": 200, "application/*": 200, "application/statuslist+cwt": 200, "text/html, application/statuslist+cwt;q=0.5": 200,
		"application/statuslist+jwt": 406, "application/statuslist+cwt;q=0": 406, "text/*": 406, ";": 406} {
		if rec := get(map[string]string{"Accept": accept}); rec.Code != want {
			t.Errorf("Accept %s: %d, expected %d", accept, rec.Code, want)
		}
	}
	wantProblem(t, a.do("GET", "/v1/status-lists/2", "", "", nil), http.StatusNotFound, problem.CodeNotFound)

	w := a.Wallet(t, "birthday", "element-01")
	a.active(w)
	if get(map[string]string{"If-None-Match": etag}).Code != http.StatusNotModified {
		t.Error("an issuance changed the list")
	}
	a.handover(issuertest.OperatorToken, w.SE.ID)
	if get(map[string]string{"If-None-Match": etag}).Code != http.StatusOK {
		t.Error("a revocation did not change the list")
	}
	// A list that has expired is not handed out, and the service is not ready.
	a.Now = func() time.Time { return issuertest.Instant().Add(revocation.DefaultLife + time.Second) }
	wantProblem(t, get(nil), http.StatusServiceUnavailable, problem.CodeUnavailable)
	wantProblem(t, a.do("GET", "/readyz", "", "", nil), http.StatusServiceUnavailable, problem.CodeUnavailable)
	a.must(a.service.PublishStatus(t.Context()))
	if rec := get(nil); rec.Code != http.StatusOK {
		t.Errorf("after publishing anew: %d", rec.Code)
	}
}

// TestRevocationListDoor: what the authority's file holds is given out as it is, and a file that cannot be read is told.
func TestRevocationListDoor(t *testing.T) {
	var list []byte
	var fault error
	a := newAPI(t, func(c *issuer.Config) { c.CRL = func() ([]byte, error) { return list, fault } })
	get := func() *httptest.ResponseRecorder { return a.do("GET", "/v1/trust/iaca.crl", "", "", nil) }
	for _, content := range []string{"first", "second"} {
		list = []byte(content)
		rec := get()
		a.expect(rec, http.StatusOK, "application/pkix-crl", nil)
		if rec.Body.String() != content {
			t.Errorf("answer %q, want %q", rec.Body, content)
		}
	}
	fault = errors.New("no such file /secret/path")
	p := wantProblem(t, get(), http.StatusServiceUnavailable, problem.CodeUnavailable)
	if strings.Contains(p.Detail, "secret") {
		t.Error("the answer tells what is inside")
	}
}

func TestPublicAndHealth(t *testing.T) {
	a := newAPI(t, nil)
	rec := a.do("GET", "/v1/trust/iaca.pem", "", "", nil)
	a.expect(rec, http.StatusOK, "application/x-pem-file", nil)
	ders, err := pki.DecodePEM(read(rec))
	a.must(err)
	if len(ders) != 1 || !bytes.Equal(ders[0], a.IACA.Cert) {
		t.Error("another root")
	}
	wantProblem(t, a.do("GET", "/v1/trust/iaca.crl", "", "", nil), http.StatusNotFound, problem.CodeNotFound)
	if rec := a.do("GET", "/livez", "", "", nil); rec.Code != http.StatusNoContent {
		t.Errorf("livez %d", rec.Code)
	}
	a.expect(a.do("GET", "/readyz", "", "", nil), http.StatusOK, "application/json", nil)
	a.must(a.store.Close())
	p := wantProblem(t, a.do("GET", "/readyz", "", "", nil), http.StatusServiceUnavailable, problem.CodeUnavailable)
	if strings.Contains(p.Detail, "database") {
		t.Error("the answer tells what is inside")
	}
	wantProblem(t, a.do("POST", "/v1/transactions", "", "", nil), http.StatusInternalServerError, problem.CodeInternal)
	a.store, err = reopen(a.path)
	a.must(err)
}

// The TSM is away: the wallet is told that the order is placed, and it is sent when the TSM is back.
func TestTSMAway(t *testing.T) {
	a := newAPI(t, nil)
	w := a.Wallet(t, "birthday", "element-01")
	a.TSM.Fail(errors.New("connection refused"))
	s, challenge := a.start()
	var p progress
	a.expect(a.evidence(s, s.TransactionToken, w.Body(t.Context(), t, challenge)), http.StatusAccepted, "application/json", &p)
	a.service.Dispatch(t.Context())
	if _, ok := a.TSM.Order(p.OrderID); ok {
		t.Fatal("taken")
	}
	a.TSM.Fail(nil)
	a.service.Dispatch(t.Context())
	if _, ok := a.TSM.Order(p.OrderID); !ok {
		t.Fatal("not sent")
	}
	left, err := a.store.Pending(t.Context(), 0, 10)
	a.must(err)
	if len(left) != 0 {
		t.Errorf("%d messages left", len(left))
	}
}

func TestRoutes(t *testing.T) {
	a := newAPI(t, nil)
	wantProblem(t, a.do("GET", "/v1/credentials", "", "", nil), http.StatusNotFound, problem.CodeNotFound)
	rec := a.do("DELETE", "/v1/transactions", "", "", nil)
	wantProblem(t, rec, http.StatusMethodNotAllowed, problem.CodeMethodNotAllowed)
	if rec.Header().Get("Allow") == "" {
		t.Error("no Allow header")
	}
	for path, want := range map[string]string{"/v1/transactions/00": "/v1/transactions/:id", "/livez": "/livez", "/nowhere": ""} {
		req := httptest.NewRequestWithContext(t.Context(), "GET", path, nil)
		a.send(req)
		if req.Pattern != want {
			t.Errorf("pattern of %s is %q", path, req.Pattern)
		}
	}
}
