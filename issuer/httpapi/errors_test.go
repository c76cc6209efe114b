package httpapi_test

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"testing"

	"mobileid/issuer"
	"mobileid/issuer/httpapi"
	"mobileid/issuer/pairing"
	"mobileid/issuer/refusal"
	"mobileid/issuer/revocation"
	"mobileid/issuer/store"
	"mobileid/schemas/problem"
)

// answers is what each error of the service and its store becomes.
func answers() []struct {
	err    error
	status int
	code   string
} {
	return []struct {
		err    error
		status int
		code   string
	}{
		{&http.MaxBytesError{Limit: 1}, http.StatusRequestEntityTooLarge, problem.CodeBodyTooLarge},
		{&issuer.FieldError{Field: "slot", Reason: "not 1 to 15"}, http.StatusBadRequest, problem.CodeMalformed},
		{&issuer.RefusedError{What: "card reading", Checks: []string{"x"}, Code: "card.expired"}, http.StatusUnprocessableEntity, "card.expired"},
		{&issuer.RefusedError{What: "card reading", Checks: []string{"x"}, Code: refusal.CodeStatusUnavailable}, http.StatusServiceUnavailable, refusal.CodeStatusUnavailable},
		{issuer.ErrDuplicate, http.StatusConflict, refusal.CodeDuplicate},
		{&issuer.RefusedError{What: "attestation", Checks: []string{"x"}}, http.StatusForbidden, problem.CodeForbidden},
		{&issuer.RefusedError{What: "receipt", Checks: []string{"x"}}, http.StatusForbidden, problem.CodeForbidden},
		{&issuer.RefusedError{What: "credential", Checks: []string{"x"}}, http.StatusInternalServerError, problem.CodeInternal},
		{issuer.ErrToken, http.StatusUnauthorized, problem.CodeUnauthorized},
		{revocation.ErrUnauthorized, http.StatusUnauthorized, problem.CodeUnauthorized},
		{revocation.ErrSEID, http.StatusBadRequest, problem.CodeMalformed},
		{issuer.ErrUsed, http.StatusConflict, httpapi.CodeChallengeUsed},
		{issuer.ErrExpired, http.StatusGone, httpapi.CodeExpired},
		{store.ErrExpired, http.StatusGone, httpapi.CodeExpired},
		{issuer.ErrGone, http.StatusGone, httpapi.CodeEvidenceGone},
		{issuer.ErrOrder, http.StatusNotFound, httpapi.CodeOrderUnknown},
		{issuer.ErrConflict, http.StatusConflict, problem.CodeConflict},
		{store.ErrState, http.StatusConflict, problem.CodeConflict},
		{store.ErrKeyReused, http.StatusConflict, problem.CodeConflict},
		{store.ErrRollback, http.StatusConflict, problem.CodeConflict},
		{store.ErrRevoked, http.StatusConflict, httpapi.CodeCredentialRevoked},
		{store.ErrEpoch, http.StatusConflict, httpapi.CodeDeviceRevoked},
		{store.ErrWipePending, http.StatusConflict, httpapi.CodeDeviceNotEmptied},
		{issuer.ErrValidity, http.StatusUnprocessableEntity, httpapi.CodeNoValidity},
		{store.ErrNotFound, http.StatusNotFound, problem.CodeNotFound},
		{issuer.ErrBusy, http.StatusServiceUnavailable, problem.CodeUnavailable},
		{pairing.ErrUnknown, http.StatusUnauthorized, problem.CodeUnauthorized},
		{pairing.ErrTaken, http.StatusConflict, httpapi.CodeSessionTaken},
		{pairing.ErrStep, http.StatusConflict, httpapi.CodeSessionStep},
		{pairing.ErrEnded, http.StatusGone, httpapi.CodeSessionEnded},
		{&pairing.CodeError{TriesLeft: 2}, http.StatusUnprocessableEntity, httpapi.CodeWrongCode},
		{store.ErrListFull, http.StatusServiceUnavailable, httpapi.CodeListFull},
		{store.ErrClock, http.StatusInternalServerError, problem.CodeInternal},
		{context.DeadlineExceeded, http.StatusServiceUnavailable, problem.CodeUnavailable},
		{context.Canceled, http.StatusServiceUnavailable, problem.CodeUnavailable},
		{errors.New("disk on fire"), http.StatusInternalServerError, problem.CodeInternal},
	}
}

func codes() []string {
	out := []string{problem.CodeMethodNotAllowed, problem.CodeNotAcceptable, problem.CodeUnsupportedMediaType}
	for _, a := range answers() {
		out = append(out, a.code)
	}
	for _, r := range refusal.Table() {
		out = append(out, r.Code)
	}
	return out
}

func TestProblemOf(t *testing.T) {
	for _, tt := range answers() {
		p := httpapi.ProblemOf(fmt.Errorf("doing this: %w", fmt.Errorf("doing that: %w", tt.err)))
		if p.Status != tt.status || p.Code != tt.code {
			t.Errorf("%v: %d %s, expected %d %s", tt.err, p.Status, p.Code, tt.status, tt.code)
		}
		if p.Status == http.StatusInternalServerError && p.Detail != "" {
			t.Errorf("%v: the answer says %q", tt.err, p.Detail)
		}
	}
}

func reopen(path string) (*store.Embedded, error) { return store.Open(path, false) }

func hexOf(b []byte) string { return hex.EncodeToString(b) }
