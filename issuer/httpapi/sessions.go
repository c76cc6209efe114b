package httpapi

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"net/http"

	"github.com/gin-gonic/gin"

	"mobileid/issuer"
	"mobileid/issuer/pairing"
)

// Sessions is the part of Service behind the doors of counters (docs/counter.md).
type Sessions interface {
	OpenSession(ctx context.Context, token string) (issuer.SessionStarted, error)
	JoinSession(ctx context.Context, id, secret string, d pairing.Device) (issuer.SessionJoined, error)
	ConfirmSession(ctx context.Context, id, token, code string) (issuer.SessionGrant, error)
	SessionEvidence(ctx context.Context, id, token string, body []byte) (issuer.SessionProgress, error)
	SessionState(ctx context.Context, id, token string) (issuer.SessionProgress, error)
	CloseSession(ctx context.Context, id, token string) error
}

func (d *doors) sessions(e *gin.Engine) {
	e.POST("/v1/counter-sessions", bounded(MaxJSON), d.openSession)
	e.GET("/v1/counter-sessions/:id", stateOf(d, d.service.SessionState, sessionProgress))
	e.DELETE("/v1/counter-sessions/:id", d.closeSession)
	e.POST("/v1/counter-sessions/:id/phone", accept(typeJSON, MaxJSON), d.joinSession)
	e.POST("/v1/counter-sessions/:id/confirmation", accept(typeJSON, MaxJSON), d.confirmSession)
	e.POST("/v1/counter-sessions/:id/evidence", accept(typeCBOR, MaxEvidence), submissionOf(d, "evidence", http.StatusAccepted, d.service.SessionEvidence, sessionProgress))
}

// sessionAnswer is the body of 201 from /v1/counter-sessions.
type sessionAnswer struct {
	SessionID    string `json:"session_id"`
	SessionToken string `json:"session_token"`
	Invitation   string `json:"invitation"` // the text of the QR code
	ExpiresAt    string `json:"expires_at"`
}

// phoneRequest is what a phone takes a session up for.
type phoneRequest struct {
	SEID    string `json:"se_id"` // hex, 10 bytes
	Slot    uint64 `json:"slot"`
	Purpose uint64 `json:"purpose"`
}

// phoneAnswer is what a phone gets for it.
type phoneAnswer struct {
	PhoneToken string `json:"phone_token"`
	Code       string `json:"code"`
	ExpiresAt  string `json:"expires_at"`
}

// codeRequest is the code that the clerk typed.
type codeRequest struct {
	Code string `json:"code"`
}

// grantAnswer is what the counter gets for the right code.
type grantAnswer struct {
	Challenge string `json:"challenge"` // base64url without padding
	SEID      string `json:"se_id"`     // hex
	Slot      uint64 `json:"slot"`
	Purpose   uint64 `json:"purpose"`
	ExpiresAt string `json:"expires_at"`
}

// sessionProgressAnswer is what either end learns of a session.
type sessionProgressAnswer struct {
	State         string `json:"state"`
	CodeTriesLeft int    `json:"code_tries_left,omitempty"`
	Contested     bool   `json:"contested,omitempty"`
	OrderID       string `json:"order_id,omitempty"`
	ExpiresAt     string `json:"expires_at"`
	ValidUntil    string `json:"valid_until,omitempty"`
}

func (d *doors) openSession(c *gin.Context) {
	token, ok := d.bearer(c)
	if !ok {
		return
	}
	s, err := d.service.OpenSession(c.Request.Context(), token)
	if err != nil {
		d.fail(c, err)
		return
	}
	text, err := s.Invitation.Reveal()
	if err != nil {
		d.fail(c, err)
		return
	}
	d.answer(c, http.StatusCreated, sessionAnswer{SessionID: s.SessionID, SessionToken: s.Token.Reveal(), Invitation: text, ExpiresAt: stamp(s.ExpiresAt)})
}

func (d *doors) joinSession(c *gin.Context) {
	var in phoneRequest
	token, wrong, ok := d.member(c, &in)
	if !ok {
		return
	}
	seID, err := hex.DecodeString(in.SEID)
	if err != nil || wrong != nil {
		seID = nil // refused behind the secret, as any other device that cannot be
	}
	j, err := d.service.JoinSession(c.Request.Context(), c.Param("id"), token, pairing.Device{SEID: seID, Slot: in.Slot, Purpose: in.Purpose})
	if err != nil {
		d.fail(c, err)
		return
	}
	d.answer(c, http.StatusOK, phoneAnswer{PhoneToken: j.Token.Reveal(), Code: j.Code, ExpiresAt: stamp(j.ExpiresAt)})
}

func (d *doors) confirmSession(c *gin.Context) {
	var in codeRequest
	token, wrong, ok := d.member(c, &in)
	if !ok {
		return
	}
	if _, err := d.service.SessionState(c.Request.Context(), c.Param("id"), token); err != nil {
		d.fail(c, err)
		return
	}
	if wrong == nil && in.Code == "" {
		wrong = &issuer.FieldError{Field: "code", Reason: "missing"}
	}
	if wrong != nil { // costs no try
		d.fail(c, wrong)
		return
	}
	g, err := d.service.ConfirmSession(c.Request.Context(), c.Param("id"), token, in.Code)
	if err != nil {
		d.fail(c, err)
		return
	}
	d.answer(c, http.StatusOK, grantAnswer{Challenge: base64.RawURLEncoding.EncodeToString(g.Challenge), SEID: hex.EncodeToString(g.Device.SEID),
		Slot: g.Device.Slot, Purpose: g.Device.Purpose, ExpiresAt: stamp(g.ExpiresAt)})
}

func (d *doors) closeSession(c *gin.Context) {
	token, ok := d.bearer(c)
	if !ok {
		return
	}
	if err := d.service.CloseSession(c.Request.Context(), c.Param("id"), token); err != nil {
		d.fail(c, err)
		return
	}
	c.Status(http.StatusNoContent)
}

// member reads token and JSON body. What is wrong with the body is told apart, so that the token is judged before it.
func (d *doors) member(c *gin.Context, into any) (token string, wrong error, ok bool) { //nolint:revive // wrong is a finding, not the outcome
	if token, ok = d.bearer(c); !ok {
		return "", nil, false
	}
	err := decode(c.Request.Body, into)
	if tooLong := (*http.MaxBytesError)(nil); errors.As(err, &tooLong) {
		d.fail(c, err)
		return "", nil, false
	}
	if err != nil {
		wrong = &issuer.FieldError{Field: "body", Reason: "not the JSON object expected"}
	}
	return token, wrong, true
}

func sessionProgress(p issuer.SessionProgress) sessionProgressAnswer {
	a := sessionProgressAnswer{State: p.State, CodeTriesLeft: p.CodeTries, Contested: p.Contested, OrderID: p.OrderID, ExpiresAt: stamp(p.ExpiresAt)}
	if !p.ValidUntil.IsZero() {
		a.ValidUntil = stamp(p.ValidUntil)
	}
	return a
}
