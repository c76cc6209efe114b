package httpapi

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"mime"
	"net/http"
	"path"
	"strconv"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"mobileid/issuer"
	"mobileid/issuer/revocation"
	"mobileid/schemas/problem"
)

// The largest bodies taken.
const (
	MaxJSON     = 64 << 10
	MaxEvidence = issuer.MaxEvidence
	MaxCOSE     = issuer.MaxAttestation
)

const (
	typeJSON   = "application/json"
	typeCBOR   = "application/cbor"
	typeCOSE   = "application/cose"
	typeSealed = "application/octet-stream"
	typeStatus = "application/statuslist+cwt"
	typePEM    = "application/x-pem-file"
	typeCRL    = "application/pkix-crl"
)

// sharedAge bounds how long a cache between may answer with the list, so that a new one is seen within its ttl and a
// little more.
const sharedAge = 10 * time.Second

// Service is what the doors open to; *issuer.Service is one.
type Service interface {
	Start(ctx context.Context) (issuer.Started, error)
	Evidence(ctx context.Context, id, token string, body []byte) (issuer.Progress, error)
	State(ctx context.Context, id, token string) (issuer.Progress, error)
	Sessions
	Phones
	Attested(ctx context.Context, attestation []byte) ([]byte, error)
	Receipt(ctx context.Context, receipt []byte) error
	Handover(ctx context.Context, operatorToken string, seID []byte) ([]byte, error)
	HandoverState(ctx context.Context, operatorToken string, seID []byte) (revocation.HandoverState, error)
	Suspend(ctx context.Context, operatorToken string, seID []byte) (int, error)
	Resume(ctx context.Context, operatorToken string, seID []byte) (int, error)
	StatusURI() string
	StatusList() (revocation.Published, bool)
	TrustAnchors() []byte
	RevocationList() ([]byte, error)
	Ready(ctx context.Context) error
}

var _ Service = (*issuer.Service)(nil)

type doors struct {
	service Service
	log     *slog.Logger
}

// New is the doors of [Public] and of [TSM] on one address, for a process that holds both ends of each.
func New(service Service, log *slog.Logger) http.Handler {
	d, e := newDoors(service, log)
	d.public(e)
	d.tsm(e)
	return e
}

// Public makes the doors for everybody: wallets, counters, desks, verifiers, and the two of health. A nil logger logs
// nothing. It puts gin into release mode, which is a setting of the process.
func Public(service Service, log *slog.Logger) http.Handler {
	d, e := newDoors(service, log)
	d.public(e)
	return e
}

// TSM makes the two doors that the service manager comes to, and the two of health. That the caller is the service manager
// is for the server in front to see to.
func TSM(service Service, log *slog.Logger) http.Handler {
	d, e := newDoors(service, log)
	d.tsm(e)
	return e
}

func newDoors(service Service, log *slog.Logger) (*doors, *gin.Engine) {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	d := &doors{service: service, log: log}
	gin.SetMode(gin.ReleaseMode)
	e := gin.New()
	_ = e.SetTrustedProxies(nil) // an error is only possible for addresses given
	e.HandleMethodNotAllowed = true
	e.RedirectTrailingSlash = false
	e.Use(func(c *gin.Context) { c.Request.Pattern = c.FullPath() }) // for the log of the server in front
	e.NoRoute(func(c *gin.Context) {
		problem.New(http.StatusNotFound, problem.CodeNotFound, "there is no such door").Write(c.Writer)
	})
	e.NoMethod(func(c *gin.Context) {
		problem.New(http.StatusMethodNotAllowed, problem.CodeMethodNotAllowed, "").Write(c.Writer)
	})
	e.GET("/livez", func(c *gin.Context) { c.Status(http.StatusNoContent) })
	e.GET("/readyz", d.ready)
	return d, e
}

func (d *doors) public(e *gin.Engine) {
	e.POST("/v1/transactions", bounded(MaxJSON), d.start)
	e.POST("/v1/transactions/:id/evidence", accept(typeCBOR, MaxEvidence), submissionOf(d, "evidence", http.StatusAccepted, d.service.Evidence, progress))
	e.GET("/v1/transactions/:id", stateOf(d, d.service.State, progress))
	d.sessions(e)
	d.phones(e)
	e.POST("/v1/handovers", accept(typeJSON, MaxJSON), d.handover)
	e.POST("/v1/handovers/state", accept(typeJSON, MaxJSON), deskOf(d, d.service.HandoverState, handoverProgress))
	e.POST("/v1/suspensions", accept(typeJSON, MaxJSON), deskOf(d, d.service.Suspend, counted("suspended")))
	e.POST("/v1/resumptions", accept(typeJSON, MaxJSON), deskOf(d, d.service.Resume, counted("resumed")))
	e.GET("/v1/status-lists/:n", d.statusList)
	e.GET("/v1/trust/iaca.pem", d.anchors)
	e.GET("/v1/trust/iaca.crl", d.revocationList)
}

func (d *doors) tsm(e *gin.Engine) {
	e.POST("/v1/attestations", accept(typeCOSE, MaxCOSE), d.attested)
	e.POST("/v1/receipts", accept(typeCOSE, MaxCOSE), d.receipt)
}

// bounded limits the body and refuses a compressed one.
func bounded(limit int64) gin.HandlerFunc {
	return func(c *gin.Context) {
		if c.GetHeader("Content-Encoding") != "" {
			problem.New(http.StatusUnsupportedMediaType, problem.CodeUnsupportedMediaType, "no content coding is taken").Write(c.Writer)
			c.Abort()
			return
		}
		c.Request.Body = http.MaxBytesReader(c.Writer, c.Request.Body, limit)
	}
}

// accept is bounded and checks the media type.
func accept(mediaType string, limit int64) gin.HandlerFunc {
	bound := bounded(limit)
	return func(c *gin.Context) {
		media, _, err := mime.ParseMediaType(c.GetHeader("Content-Type"))
		if err != nil || media != mediaType {
			problem.New(http.StatusUnsupportedMediaType, problem.CodeUnsupportedMediaType, "this door takes "+mediaType).Write(c.Writer)
			c.Abort()
			return
		}
		bound(c)
	}
}

// startAnswer is the body of 201 from /v1/transactions.
type startAnswer struct {
	TransactionID    string `json:"transaction_id"`
	TransactionToken string `json:"transaction_token"`
	Challenge        string `json:"challenge"` // base64url without padding
	ExpiresAt        string `json:"expires_at"`
}

// progressAnswer is what a wallet learns of its transaction.
type progressAnswer struct {
	TransactionID string `json:"transaction_id"`
	State         string `json:"state"`
	OrderID       string `json:"order_id,omitempty"`
	ExpiresAt     string `json:"expires_at"`
	ValidUntil    string `json:"valid_until,omitempty"`
}

// deskRequest is what an operator asks.
type deskRequest struct {
	SEID string `json:"se_id"` // hex, 10 bytes
}

func (d *doors) start(c *gin.Context) {
	if n, err := io.Copy(io.Discard, c.Request.Body); err != nil || n > 0 && !emptyObject(c) {
		d.fail(c, bodyError(err, "body"))
		return
	}
	s, err := d.service.Start(c.Request.Context())
	if err != nil {
		d.fail(c, err)
		return
	}
	d.answer(c, http.StatusCreated, startAnswer{TransactionID: s.TransactionID, TransactionToken: s.Token.Reveal(),
		Challenge: base64.RawURLEncoding.EncodeToString(s.Challenge), ExpiresAt: stamp(s.ExpiresAt)})
}

// emptyObject: the door has no members yet; a body is taken if it is declared as JSON, and not looked into.
func emptyObject(c *gin.Context) bool {
	media, _, err := mime.ParseMediaType(c.GetHeader("Content-Type"))
	return err == nil && media == typeJSON
}

// submissionOf is a door for what belongs to a transaction or to a counter's session, such as the reading of a card: field names it.
func submissionOf[P, A any](d *doors, field string, status int, judge func(ctx context.Context, id, token string, body []byte) (P, error), tell func(P) A) gin.HandlerFunc {
	return func(c *gin.Context) {
		token, ok := d.bearer(c)
		if !ok {
			return
		}
		body, ok := d.body(c, field)
		if !ok {
			return
		}
		p, err := judge(c.Request.Context(), c.Param("id"), token, body)
		if err != nil {
			d.fail(c, err)
			return
		}
		d.answer(c, status, tell(p))
	}
}

// stateOf is a door that tells how far one of them is.
func stateOf[P, A any](d *doors, ask func(ctx context.Context, id, token string) (P, error), tell func(P) A) gin.HandlerFunc {
	return func(c *gin.Context) {
		token, ok := d.bearer(c)
		if !ok {
			return
		}
		p, err := ask(c.Request.Context(), c.Param("id"), token)
		if err != nil {
			d.fail(c, err)
			return
		}
		d.answer(c, http.StatusOK, tell(p))
	}
}

func (d *doors) attested(c *gin.Context) {
	body, ok := d.body(c, "attestation")
	if !ok {
		return
	}
	sealed, err := d.service.Attested(c.Request.Context(), body)
	if err != nil {
		d.fail(c, err)
		return
	}
	c.Header("Cache-Control", "no-store")
	c.Data(http.StatusOK, typeSealed, sealed)
}

func (d *doors) receipt(c *gin.Context) {
	body, ok := d.body(c, "receipt")
	if !ok {
		return
	}
	if err := d.service.Receipt(c.Request.Context(), body); err != nil {
		d.fail(c, err)
		return
	}
	c.Status(http.StatusNoContent)
}

func (d *doors) handover(c *gin.Context) {
	token, seID, ok := d.desk(c)
	if !ok {
		return
	}
	receipt, err := d.service.Handover(c.Request.Context(), token, seID)
	if err != nil {
		d.fail(c, err)
		return
	}
	c.Header("Cache-Control", "no-store")
	c.Data(http.StatusOK, typeCOSE, receipt)
}

// handoverAnswer is what an operator learns of a handover.
type handoverAnswer struct {
	HandoverID  string `json:"handover_id"`
	RevokedAt   string `json:"revoked_at"`
	Credentials uint64 `json:"credentials"`
	Erasure     string `json:"erasure"`
	Since       string `json:"since"`
	WipeOrderID string `json:"wipe_order_id,omitempty"`
	Receipts    int    `json:"receipts"`
}

func handoverProgress(s revocation.HandoverState) handoverAnswer {
	return handoverAnswer{HandoverID: s.ID, RevokedAt: stamp(s.RevokedAt), Credentials: s.Credentials,
		Erasure: string(s.Erasure), Since: stamp(s.Since), WipeOrderID: s.WipeOrderID, Receipts: s.Receipts}
}

// deskOf is a door where an operator asks about one secure element.
func deskOf[P, A any](d *doors, ask func(ctx context.Context, token string, seID []byte) (P, error), tell func(P) A) gin.HandlerFunc {
	return func(c *gin.Context) {
		token, seID, ok := d.desk(c)
		if !ok {
			return
		}
		p, err := ask(c.Request.Context(), token, seID)
		if err != nil {
			d.fail(c, err)
			return
		}
		d.answer(c, http.StatusOK, tell(p))
	}
}

// counted tells how many were changed, as the one member of the answer.
func counted(member string) func(int) map[string]int {
	return func(n int) map[string]int { return map[string]int{member: n} }
}

func (d *doors) statusList(c *gin.Context) {
	if c.Param("n") != path.Base(d.service.StatusURI()) {
		problem.New(http.StatusNotFound, problem.CodeNotFound, "there is no such list").Write(c.Writer)
		return
	}
	if !acceptable(c.GetHeader("Accept"), typeStatus) {
		problem.New(http.StatusNotAcceptable, problem.CodeNotAcceptable, "this list is "+typeStatus).Write(c.Writer)
		return
	}
	list, ok := d.service.StatusList()
	if !ok {
		p := problem.New(http.StatusServiceUnavailable, problem.CodeUnavailable, "the list has expired")
		p.RetryAfter = 5
		p.Write(c.Writer)
		return
	}
	h := c.Writer.Header()
	h.Set("ETag", list.ETag)
	h.Set("Cache-Control", "public, must-revalidate, max-age="+strconv.Itoa(int(min(sharedAge, list.TTL)/time.Second)))
	h.Set("Last-Modified", list.IssuedAt.UTC().Format(http.TimeFormat))
	h.Set("Vary", "Accept")
	h.Set("Access-Control-Allow-Origin", "*") // browsers read it too
	if c.GetHeader("If-None-Match") == list.ETag {
		c.Status(http.StatusNotModified)
		return
	}
	c.Data(http.StatusOK, typeStatus, list.Token)
}

func (d *doors) anchors(c *gin.Context) {
	c.Header("Cache-Control", "public, max-age=3600")
	c.Data(http.StatusOK, typePEM, d.service.TrustAnchors())
}

// revocationList is public, and small beside what it decides: caches may keep it for a minute.
func (d *doors) revocationList(c *gin.Context) {
	list, err := d.service.RevocationList()
	switch {
	case err != nil:
		d.log.ErrorContext(c.Request.Context(), "no CRL", "error", err, "request_id", requestID(c))
		problem.New(http.StatusServiceUnavailable, problem.CodeUnavailable, "no list at hand").Write(c.Writer)
	case len(list) == 0:
		problem.New(http.StatusNotFound, problem.CodeNotFound, "no list is published here").Write(c.Writer)
	default:
		c.Header("Cache-Control", "public, max-age=60")
		c.Data(http.StatusOK, typeCRL, list)
	}
}

func (d *doors) ready(c *gin.Context) {
	if err := d.service.Ready(c.Request.Context()); err != nil {
		d.log.ErrorContext(c.Request.Context(), "not ready", "error", err, "request_id", requestID(c))
		problem.New(http.StatusServiceUnavailable, problem.CodeUnavailable, "not ready").Write(c.Writer)
		return
	}
	d.answer(c, http.StatusOK, map[string]string{"status": "ready"})
}

// bearer takes the token of the Authorization header (RFC 6750, 2.1).
func (d *doors) bearer(c *gin.Context) (string, bool) {
	scheme, token, ok := strings.Cut(c.GetHeader("Authorization"), " ")
	if !ok || !strings.EqualFold(scheme, "Bearer") || token == "" {
		d.fail(c, errNoToken)
		return "", false
	}
	return token, true
}

func (d *doors) body(c *gin.Context, field string) ([]byte, bool) {
	body, err := io.ReadAll(c.Request.Body)
	if err != nil || len(body) == 0 {
		d.fail(c, bodyError(err, field))
		return nil, false
	}
	return body, true
}

// bodyError tells a body that is too long, and one that did not come whole, from one that is of no use.
func bodyError(err error, field string) error {
	tooLong := (*http.MaxBytesError)(nil)
	switch {
	case err == nil:
		return &issuer.FieldError{Field: field, Reason: "missing or of another kind"}
	case errors.As(err, &tooLong):
		return err
	default:
		return fmt.Errorf("%w: %w", errCut, err)
	}
}

func (d *doors) desk(c *gin.Context) (token string, seID []byte, ok bool) {
	var in deskRequest
	if token, ok = d.asked(c, &in, "member se_id"); !ok {
		return "", nil, false
	}
	seID, ok = d.element(c, in.SEID)
	return token, seID, ok
}

// asked reads an operator's token and request; members says which it has.
func (d *doors) asked(c *gin.Context, into any, members string) (token string, ok bool) {
	if token, ok = d.bearer(c); !ok {
		return "", false
	}
	body, ok := d.body(c, "body")
	if !ok {
		return "", false
	}
	if err := decode(bytes.NewReader(body), into); err != nil {
		d.fail(c, &issuer.FieldError{Field: "body", Reason: "not a JSON object with the " + members + " alone"})
		return "", false
	}
	return token, true
}

// decode reads one JSON value with no member unknown here, and nothing behind it.
func decode(body io.Reader, into any) error {
	dec := json.NewDecoder(body)
	dec.DisallowUnknownFields()
	if err := dec.Decode(into); err != nil {
		return err
	}
	switch _, err := dec.Token(); {
	case errors.Is(err, io.EOF):
		return nil
	case err != nil:
		return err
	default:
		return errors.New("more than one JSON value")
	}
}

// element reads the id of a secure element.
func (d *doors) element(c *gin.Context, text string) (seID []byte, ok bool) {
	seID, err := hex.DecodeString(text)
	if err != nil || len(seID) != revocation.SEIDSize {
		d.fail(c, &issuer.FieldError{Field: "se_id", Reason: "not 10 bytes in hex"})
		return nil, false
	}
	return seID, true
}

func (d *doors) answer(c *gin.Context, status int, v any) {
	body, err := json.Marshal(v)
	if err != nil {
		d.fail(c, err)
		return
	}
	c.Header("Cache-Control", "no-store")
	c.Data(status, typeJSON, body)
}

func progress(p issuer.Progress) progressAnswer {
	a := progressAnswer{TransactionID: p.TransactionID, State: p.State, OrderID: p.OrderID, ExpiresAt: stamp(p.ExpiresAt)}
	if !p.ValidUntil.IsZero() {
		a.ValidUntil = stamp(p.ValidUntil)
	}
	return a
}

// acceptable reads an Accept header (RFC 9110, 12.5.1) for one media type; weights of zero exclude.
func acceptable(header, mediaType string) bool {
	if strings.TrimSpace(header) == "" {
		return true
	}
	main, _, _ := strings.Cut(mediaType, "/")
	for part := range strings.SplitSeq(header, ",") {
		media, params, err := mime.ParseMediaType(part)
		if err != nil || media != mediaType && media != main+"/*" && media != "*/*" {
			continue
		}
		if q, err := strconv.ParseFloat(params["q"], 64); params["q"] == "" || err == nil && q > 0 {
			return true
		}
	}
	return false
}

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }

func requestID(c *gin.Context) string { return c.Writer.Header().Get(problem.HeaderRequestID) }
