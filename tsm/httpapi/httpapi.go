package httpapi

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"mime"
	"net/http"

	"github.com/gin-gonic/gin"

	"mobileid/schemas/problem"
	"mobileid/tsm"
	"mobileid/tsm/seram"
)

// Service is what the doors open to; *tsm.Service is one.
type Service interface {
	Submit(ctx context.Context, signedOrder []byte) (orderID string, err error)
	Open(ctx context.Context, request seram.SessionRequest) (sessionID string, err error)
	Handshake(ctx context.Context, sessionID string, h seram.HandshakeCommand) (seram.HandshakeResponse, error)
	Report(ctx context.Context, sessionID string, report seram.Report) (seram.Order, error)
	Ready(ctx context.Context) error
}

var _ Service = (*tsm.Service)(nil)

// The largest bodies taken. A report is the largest in use: the answers to the
// 128 commands of a script of 30 kB take 3 kB, its longest page of answers 30.
const (
	MaxOrderBody  = 64 << 10
	MaxPhoneBody  = 16 << 10
	MaxReportBody = 256 << 10
)

const (
	typeCOSE = "application/cose"
	typeJSON = "application/json"
)

type doors struct {
	service Service
	log     *slog.Logger
}

// New is the doors of [Phones] and of [Orders] on one address, for a process that
// holds both ends of each.
func New(service Service, log *slog.Logger) http.Handler {
	d, e := newDoors(service, log)
	d.phones(e)
	d.orders(e)
	return e
}

// Phones makes the doors that phones come to: SERAM's, and the two of health. A
// nil logger logs nothing. It puts gin into release mode, which is a setting of
// the process.
func Phones(service Service, log *slog.Logger) http.Handler {
	d, e := newDoors(service, log)
	d.phones(e)
	return e
}

// Orders makes the one door that the issuer comes to, and the two of health. That
// the caller is the issuer is for the server in front to see to.
func Orders(service Service, log *slog.Logger) http.Handler {
	d, e := newDoors(service, log)
	d.orders(e)
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
	e.Use(pattern)
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

func (d *doors) phones(e *gin.Engine) {
	e.POST(seram.PathOrder, accept(typeJSON, MaxPhoneBody), d.session)
	e.POST(seram.PathHandshake, accept(typeJSON, MaxPhoneBody), d.handshake)
	e.POST(seram.PathRemoteManagement, accept(typeJSON, MaxReportBody), d.report)
}

func (d *doors) orders(e *gin.Engine) {
	e.POST("/v1/orders", accept(typeCOSE, MaxOrderBody), d.order)
}

// pattern tells the server in front which route it was, for its log.
func pattern(c *gin.Context) {
	c.Request.Pattern = c.FullPath()
}

// accept bounds the body and checks its media type.
func accept(mediaType string, limit int64) gin.HandlerFunc {
	return func(c *gin.Context) {
		media, _, err := mime.ParseMediaType(c.GetHeader("Content-Type"))
		if err != nil || media != mediaType || c.GetHeader("Content-Encoding") != "" {
			problem.New(http.StatusUnsupportedMediaType, problem.CodeUnsupportedMediaType, "this door takes "+mediaType).Write(c.Writer)
			c.Abort()
			return
		}
		c.Request.Body = http.MaxBytesReader(c.Writer, c.Request.Body, limit)
	}
}

func (d *doors) order(c *gin.Context) {
	raw, err := io.ReadAll(c.Request.Body)
	if err != nil {
		d.fail(c, bodyError(err))
		return
	}
	id, err := d.service.Submit(c.Request.Context(), raw)
	if err != nil {
		d.fail(c, err)
		return
	}
	answer(c, http.StatusAccepted, orderAnswer{OrderID: id})
}

// orderAnswer is the body of 202 from /v1/orders.
type orderAnswer struct {
	OrderID string `json:"order_id"`
}

func (d *doors) session(c *gin.Context) {
	var in seram.SessionRequest
	if err := decode(c.Request.Body, &in); err != nil {
		d.fail(c, err)
		return
	}
	id, err := d.service.Open(c.Request.Context(), in)
	if err != nil {
		d.fail(c, err)
		return
	}
	answer(c, http.StatusCreated, seram.SessionAnswer{SessionID: id})
}

func (d *doors) handshake(c *gin.Context) {
	var in seram.HandshakeCommand
	if err := decode(c.Request.Body, &in); err != nil {
		d.fail(c, err)
		return
	}
	out, err := d.service.Handshake(c.Request.Context(), c.Query(seram.QuerySession), in)
	if err != nil {
		d.fail(c, err)
		return
	}
	answer(c, http.StatusOK, out)
}

func (d *doors) report(c *gin.Context) {
	var in seram.Report
	if err := decode(c.Request.Body, &in); err != nil {
		d.fail(c, err)
		return
	}
	out, err := d.service.Report(c.Request.Context(), c.Query(seram.QuerySession), in)
	if err != nil {
		d.fail(c, err)
		return
	}
	raw, err := out.Bytes()
	if err != nil {
		d.fail(c, err)
		return
	}
	sealed(c)
	c.Data(http.StatusOK, "application/json; charset=utf-8", raw)
}

func (d *doors) ready(c *gin.Context) {
	if err := d.service.Ready(c.Request.Context()); err != nil {
		d.fail(c, err)
		return
	}
	c.Status(http.StatusNoContent)
}

// decode reads one JSON value and nothing after it. Unknown members are left
// alone, as SERAM's own examples need.
func decode(body io.Reader, out any) error {
	dec := json.NewDecoder(body)
	if err := dec.Decode(out); err != nil {
		return bodyError(err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return bodyError(errors.Join(errMalformed, err))
	}
	return nil
}

func answer(c *gin.Context, status int, body any) {
	sealed(c)
	c.JSON(status, body)
}

// sealed keeps caches and guesses away from an answer.
func sealed(c *gin.Context) {
	c.Header("Cache-Control", "no-store")
	c.Header("X-Content-Type-Options", "nosniff")
}
