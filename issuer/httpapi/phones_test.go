package httpapi_test

import (
	"encoding/base64"
	"encoding/hex"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"crypto/x509"
	"math/big"

	"golang.org/x/crypto/ocsp"

	"mobileid/issuer"
	"mobileid/issuer/issuertest"
	"mobileid/schemas/problem"
)

// The doors of phone certificates, with and without CAs behind them.
func TestPhoneDoors(t *testing.T) {
	var phones *issuer.PhoneConfig
	a := newAPI(t, func(c *issuer.Config) {
		phones = issuertest.New(t).Phone(t)
		c.Phone = phones
	})
	ca := phones.Authentication.Certificate()
	request, err := ocsp.CreateRequest(&x509.Certificate{SerialNumber: big.NewInt(5)}, ca, nil)
	a.must(err)
	const responder = "/v1/phone-certificates/authentication/ocsp"
	for name, send := range map[string]func() (int, string, []byte){
		"POST": func() (int, string, []byte) {
			r := a.do("POST", responder, "application/ocsp-request", "", request)
			return r.Code, r.Header().Get("Content-Type"), r.Body.Bytes()
		},
		"GET": func() (int, string, []byte) {
			r := a.do("GET", responder+"/"+url.PathEscape(base64.StdEncoding.EncodeToString(request)), "", "", nil)
			return r.Code, r.Header().Get("Content-Type"), r.Body.Bytes()
		},
	} {
		code, media, body := send()
		got, err := ocsp.ParseResponse(body, ca)
		if code != http.StatusOK || media != "application/ocsp-response" || err != nil || got.Status != ocsp.Unknown {
			t.Errorf("%s: %d %s: %v", name, code, media, err)
		}
	}
	wantProblem(t, a.do("GET", responder+"/"+strings.Repeat("A", 6000), "", "", nil), http.StatusBadRequest, problem.CodeMalformed)
	wantProblem(t, a.do("POST", responder, "application/ocsp-request", "", make([]byte, 5000)), http.StatusRequestEntityTooLarge, problem.CodeBodyTooLarge)
	wantProblem(t, a.do("POST", responder, "application/json", "", request), http.StatusUnsupportedMediaType, problem.CodeUnsupportedMediaType)
	for path, media := range map[string]string{"/v1/phone-certificates/signature.crl": "application/pkix-crl", "/v1/trust/phone-ca.pem": "application/x-pem-file"} {
		r := a.do("GET", path, "", "", nil)
		if r.Code != http.StatusOK || r.Header().Get("Content-Type") != media || r.Body.Len() == 0 || !strings.Contains(r.Header().Get("Cache-Control"), "public") {
			t.Errorf("%s: %d %v", path, r.Code, r.Header())
		}
	}
	id := hex.EncodeToString([]byte("element-01"))
	for body, want := range map[string]int{
		`{"se_id":"` + id + `","reason":"superseded"}`:               http.StatusOK,
		`{"se_id":"` + id + `","reason":"keyCompromise"}`:            http.StatusBadRequest,
		`{"se_id":"` + id + `"}`:                                     http.StatusBadRequest,
		`{"se_id":"00","reason":"superseded"}`:                       http.StatusBadRequest,
		`{"se_id":"` + id + `","reason":"superseded","more":1}`:      http.StatusBadRequest,
		`{"se_id":"` + id + `","reason":"superseded"}{"se_id":"00"}`: http.StatusBadRequest,
	} {
		if r := a.do("POST", "/v1/phone-certificates/revocations", "application/json", issuertest.OperatorToken, []byte(body)); r.Code != want {
			t.Errorf("%s: %d, want %d", body, r.Code, want)
		}
	}

	without := newAPI(t, nil)
	for _, path := range []string{"/v1/phone-certificates/signature.crl", "/v1/trust/phone-ca.pem"} {
		wantProblem(t, without.do("GET", path, "", "", nil), http.StatusNotFound, problem.CodeNotFound)
	}
	wantProblem(t, without.do("POST", responder, "application/ocsp-request", "", request), http.StatusNotFound, problem.CodeNotFound)
}
