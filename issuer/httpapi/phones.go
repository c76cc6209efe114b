package httpapi

import (
	"context"
	"encoding/base64"
	"net/http"
	"net/url"
	"strings"

	"github.com/gin-gonic/gin"

	"mobileid/issuer"
	"mobileid/issuer/store"
	"mobileid/mdoc/pki"
	"mobileid/schemas/problem"
)

const (
	typeOCSPRequest  = "application/ocsp-request"
	typeOCSPResponse = "application/ocsp-response"
	// MaxOCSP bounds an OCSP request: one names one certificate.
	MaxOCSP = 4 << 10
)

// Phones is what the doors of phone certificates open to.
type Phones interface {
	RevokeOwn(ctx context.Context, id, token string, body []byte) (int, error)
	RevokePhone(ctx context.Context, operatorToken string, seID []byte, reason store.Reason) (int, error)
	ReleasePhone(ctx context.Context, operatorToken string, seID []byte) (int, error)
	PhoneList(ctx context.Context, kind store.CertificateKind) ([]byte, error)
	PhoneOCSP(ctx context.Context, kind store.CertificateKind, request []byte) ([]byte, error)
	PhoneAnchors() [][]byte
}

func (d *doors) phones(e *gin.Engine) {
	e.POST("/v1/transactions/:id/revocation", accept(typeCBOR, issuer.MaxRevocation), submissionOf(d, "revocation", http.StatusOK, d.service.RevokeOwn, counted("changed")))
	e.POST("/v1/phone-certificates/revocations", accept(typeJSON, MaxJSON), d.revokePhone)
	e.POST("/v1/phone-certificates/releases", accept(typeJSON, MaxJSON), deskOf(d, d.service.ReleasePhone, counted("released")))
	for _, kind := range []store.CertificateKind{store.SignatureCertificate, store.AuthenticationCertificate} {
		e.GET("/v1/phone-certificates/"+string(kind)+".crl", d.phoneList(kind))
		e.POST("/v1/phone-certificates/"+string(kind)+"/ocsp", accept(typeOCSPRequest, MaxOCSP), d.phoneOCSP(kind))
		e.GET("/v1/phone-certificates/"+string(kind)+"/ocsp/*request", d.phoneOCSP(kind))
	}
	e.GET("/v1/trust/phone-ca.pem", d.phoneAnchors)
}

// revocationRequest is what an operator asks about phone certificates.
type revocationRequest struct {
	SEID   string `json:"se_id"` // hex, 10 bytes
	Reason string `json:"reason"`
}

func (d *doors) revokePhone(c *gin.Context) {
	var in revocationRequest
	token, ok := d.asked(c, &in, "members se_id and reason")
	if !ok {
		return
	}
	seID, ok := d.element(c, in.SEID)
	if !ok {
		return
	}
	n, err := d.service.RevokePhone(c.Request.Context(), token, seID, store.Reason(in.Reason))
	if err != nil {
		d.fail(c, err)
		return
	}
	d.answer(c, http.StatusOK, counted("changed")(n))
}

// phoneList is public: it names serial numbers and reasons, as the service that it models gives them to verifiers.
func (d *doors) phoneList(kind store.CertificateKind) gin.HandlerFunc {
	return func(c *gin.Context) {
		list, err := d.service.PhoneList(c.Request.Context(), kind)
		if err != nil {
			d.fail(c, err)
			return
		}
		c.Header("Cache-Control", "public, max-age=10")
		c.Data(http.StatusOK, typeCRL, list)
	}
}

// phoneOCSP is the responder (RFC 6960, A.1): POST, or GET with the request in base64 behind the address.
func (d *doors) phoneOCSP(kind store.CertificateKind) gin.HandlerFunc {
	return func(c *gin.Context) {
		request, ok := d.ocspRequest(c)
		if !ok {
			return
		}
		answer, err := d.service.PhoneOCSP(c.Request.Context(), kind, request)
		if err != nil {
			d.fail(c, err)
			return
		}
		c.Header("Cache-Control", "no-store")
		c.Data(http.StatusOK, typeOCSPResponse, answer)
	}
}

func (d *doors) ocspRequest(c *gin.Context) ([]byte, bool) {
	if c.Request.Method == http.MethodPost {
		return d.body(c, "request")
	}
	text, err := url.PathUnescape(strings.TrimPrefix(c.Param("request"), "/"))
	if err != nil || len(text) > base64.StdEncoding.EncodedLen(MaxOCSP) {
		text = ""
	}
	request, err := base64.StdEncoding.DecodeString(text)
	if err != nil || len(request) == 0 {
		d.fail(c, &issuer.FieldError{Field: "request", Reason: "not an OCSP request in base64"})
		return nil, false
	}
	return request, true
}

func (d *doors) phoneAnchors(c *gin.Context) {
	ders := d.service.PhoneAnchors()
	if len(ders) == 0 {
		problem.New(http.StatusNotFound, problem.CodeNotFound, "no phone certificates are issued here").Write(c.Writer)
		return
	}
	c.Header("Cache-Control", "public, max-age=3600")
	c.Data(http.StatusOK, typePEM, pki.EncodePEM(ders...))
}
