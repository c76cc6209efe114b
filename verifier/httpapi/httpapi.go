package httpapi

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"mime"
	"net/http"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"mobileid/mdoc/session"
	"mobileid/schemas/problem"
	"mobileid/verifier"
)

const (
	// MaxBegin bounds the body that begins a check; a QR code has at most 4296 characters.
	MaxBegin = 16 << 10
	// MaxMessage bounds the phone's message.
	MaxMessage = session.MaxMessage
	// DefaultMaxOpen is how many checks may wait at once when Config leaves it open.
	DefaultMaxOpen = 64
	// minToken is the shortest bearer token taken.
	minToken = 16
)

const (
	typeJSON = "application/json"
	typeCBOR = "application/cbor"
)

// Till is what the doors open to; *verifier.Till is one.
type Till interface {
	Begin(engagementURI string) (*verifier.Open, []byte, error)
	Readiness() verifier.Readiness
}

var _ Till = (*verifier.Till)(nil)

// Config describes the API.
type Config struct {
	// Till checks; needed.
	Till Till
	// Token is the bearer token of the POS devices, at least 16 characters; needed.
	Token string
	// MaxOpen bounds the checks that wait for a message; 0 means DefaultMaxOpen.
	MaxOpen int
	// Now is the clock that the till uses too; nil means time.Now.
	Now func() time.Time
	// Rand is the source of check ids; nil means crypto/rand.
	Rand io.Reader
	// Log is told of refusals and decisions, without anything about a person; nil is silent.
	Log *slog.Logger
}

type doors struct {
	config Config
	token  [sha256.Size]byte
	checks *checks
}

// New makes the handler. It puts gin into release mode, which is a setting of the process.
func New(c Config) (http.Handler, error) {
	switch {
	case c.Till == nil:
		return nil, errors.New("making till API: no till")
	case len(c.Token) < minToken:
		return nil, fmt.Errorf("making till API: a bearer token of at least %d characters is needed", minToken)
	case c.MaxOpen < 0:
		return nil, errors.New("making till API: a negative number of checks")
	}
	if c.MaxOpen == 0 {
		c.MaxOpen = DefaultMaxOpen
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Rand == nil {
		c.Rand = rand.Reader
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	d := &doors{config: c, token: sha256.Sum256([]byte(c.Token))}
	d.config.Token = ""
	d.checks = &checks{max: c.MaxOpen, now: c.Now, rand: c.Rand, open: make(map[string]*verifier.Open)}
	return d.routes(), nil
}

func (d *doors) routes() http.Handler {
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
	e.POST("/v1/checks", d.authorize, accept(typeJSON, MaxBegin), d.begin)
	e.POST("/v1/checks/:id/messages", d.authorize, accept(typeCBOR, MaxMessage), d.message)
	e.GET("/livez", func(c *gin.Context) { c.Status(http.StatusNoContent) })
	e.GET("/readyz", d.ready)
	return e
}

// authorize compares the bearer token in constant time.
func (d *doors) authorize(c *gin.Context) {
	token, ok := strings.CutPrefix(c.GetHeader("Authorization"), "Bearer ")
	given := sha256.Sum256([]byte(token))
	if !ok || subtle.ConstantTimeCompare(given[:], d.token[:]) != 1 {
		c.Header("WWW-Authenticate", "Bearer")
		problem.New(http.StatusUnauthorized, problem.CodeUnauthorized, "this door takes a bearer token").Write(c.Writer)
		c.Abort()
	}
}

// accept bounds the body, refuses a compressed one and checks the media type.
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

// beginRequest is the body of POST /v1/checks.
type beginRequest struct {
	// Engagement is the text of the QR code.
	Engagement string `json:"engagement"`
}

// beginAnswer is the body of its 201.
type beginAnswer struct {
	ID                   string    `json:"id"`
	SessionEstablishment string    `json:"session_establishment"`
	ExpiresAt            time.Time `json:"expires_at"`
}

func (d *doors) begin(c *gin.Context) {
	var in beginRequest
	if err := decode(c.Request.Body, &in); err != nil {
		d.fail(c, err)
		return
	}
	if d.checks.full() { // before the reader key signs anything
		d.fail(c, errCheckLimit)
		return
	}
	open, establishment, err := d.config.Till.Begin(in.Engagement)
	if err != nil {
		d.fail(c, err)
		return
	}
	id, err := d.checks.add(open)
	if err != nil {
		open.Abandon()
		d.fail(c, err)
		return
	}
	c.Header("Location", "/v1/checks/"+id)
	d.answer(c, http.StatusCreated, beginAnswer{
		ID: id, SessionEstablishment: base64.RawURLEncoding.EncodeToString(establishment), ExpiresAt: open.Expires,
	})
}

// messageAnswer is the body of 200 from POST /v1/checks/{id}/messages.
type messageAnswer struct {
	Result *verifier.Result `json:"result"`
	// SessionTermination is for the phone; absent when the phone has ended the session.
	SessionTermination string `json:"session_termination,omitempty"`
}

func (d *doors) message(c *gin.Context) {
	message, err := io.ReadAll(c.Request.Body)
	if err != nil {
		d.fail(c, bodyError(err))
		return
	}
	open, err := d.checks.take(c.Param("id"))
	if err != nil {
		d.fail(c, err)
		return
	}
	result, end, err := open.Finish(message)
	if err != nil {
		d.fail(c, err)
		return
	}
	defer result.Wipe()
	d.config.Log.InfoContext(c.Request.Context(), "check decided",
		slog.String("request_id", c.Writer.Header().Get(problem.HeaderRequestID)), slog.Any("result", result))
	d.answer(c, http.StatusOK, messageAnswer{Result: result, SessionTermination: base64.RawURLEncoding.EncodeToString(end)})
}

// ready tells about roots and lists; 503 with the same document when the till could confirm nobody.
func (d *doors) ready(c *gin.Context) {
	r := d.config.Till.Readiness()
	status := http.StatusOK
	if !r.Ready {
		status = http.StatusServiceUnavailable
	}
	d.answer(c, status, r)
}

// decode reads one JSON value of known members and nothing after it.
func decode(body io.Reader, out any) error {
	dec := json.NewDecoder(body)
	dec.DisallowUnknownFields()
	if err := dec.Decode(out); err != nil {
		return bodyError(err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return bodyError(errors.Join(errMalformed, err))
	}
	return nil
}

// answer writes JSON that no cache may keep, and overwrites it afterwards, since it may hold a portrait.
func (d *doors) answer(c *gin.Context, status int, body any) {
	encoded, err := json.Marshal(body)
	if err != nil {
		d.fail(c, fmt.Errorf("encoding answer: %w", err))
		return
	}
	defer clear(encoded)
	c.Header("Cache-Control", "no-store")
	c.Header("X-Content-Type-Options", "nosniff")
	c.Data(status, typeJSON, encoded)
}
