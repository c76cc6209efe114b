package counter

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
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"

	"mobileid/schemas/problem"
)

const (
	doorSessions   = "/v1/counter-sessions"
	maxAnswer      = 64 << 10
	defaultTimeout = 15 * time.Second
	challengeSize  = 32
	seIDSize       = 10
)

// Issuer is the issuer as a counter uses it; *Client is one over its REST doors. A refusal is a problem.Problem in the error.
type Issuer interface {
	Open(ctx context.Context) (Session, error)
	Progress(ctx context.Context, s Session) (Progress, error)
	Confirm(ctx context.Context, s Session, code string) (Grant, error)
	Submit(ctx context.Context, s Session, evidence []byte) error
	Close(ctx context.Context, s Session) error
}

// Session is one visit at the issuer. Formatting one gives [redacted].
type Session struct {
	ID, Token  string
	Invitation string // the text of the QR code
}

// Format keeps token and invitation out of formatted text.
func (Session) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "[redacted]") }

// LogValue keeps token and invitation out of logs.
func (Session) LogValue() slog.Value { return slog.StringValue("[redacted]") }

// Progress is how far the issuer is with a session.
type Progress struct {
	State      string // as the issuer's door tells it
	Contested  bool   // a second phone came with the same invitation
	ValidUntil time.Time
}

// Grant is what the issuer gives for the code of the phone: what the card signs, and for which element.
type Grant struct {
	Challenge, SEID []byte
	Slot, Purpose   uint64
}

// ClientConfig says where the issuer is and who asks.
type ClientConfig struct {
	// BaseURL is the issuer's address, http or https, without path. Required.
	BaseURL string
	// Token is the counter's own: it opens sessions, and the issuer logs whose it is. Required.
	Token string
	// Transport carries the requests; nil means http.DefaultTransport.
	Transport http.RoundTripper
	// Timeout bounds one call; zero means 15 s.
	Timeout time.Duration
}

// Client is an Issuer over REST (schemas/issuer-openapi.yaml). It follows no redirect. It is safe for concurrent use.
type Client struct {
	base, token string
	http        *http.Client
}

var _ Issuer = (*Client)(nil)

// NewClient checks the configuration.
func NewClient(c ClientConfig) (*Client, error) {
	u, err := url.Parse(c.BaseURL)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return nil, errors.New("configuring issuer client: address is not an http or https URL without query")
	}
	if u.Scheme == "http" && u.Hostname() != "localhost" && !isLoopback(u.Hostname()) {
		return nil, errors.New("configuring issuer client: http to another machine would carry token, portrait and number in clear: use https")
	}
	if c.Token == "" || c.Timeout < 0 {
		return nil, errors.New("configuring issuer client: no token, or a negative timeout")
	}
	if c.Timeout == 0 {
		c.Timeout = defaultTimeout
	}
	return &Client{base: strings.TrimSuffix(u.String(), "/"), token: c.Token, http: &http.Client{Transport: c.Transport,
		Timeout: c.Timeout, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}, nil
}

// sessionID is what may stand in a path.
var sessionID = regexp.MustCompile(`^[0-9a-f]{32}$`)

// Open opens a session on the counter's token.
func (c *Client) Open(ctx context.Context) (Session, error) {
	var out struct {
		ID         string `json:"session_id"`
		Token      string `json:"session_token"`
		Invitation string `json:"invitation"`
	}
	if err := c.call(ctx, http.MethodPost, doorSessions, c.token, "", nil, &out); err != nil {
		return Session{}, fmt.Errorf("opening session: %w", err)
	}
	if !sessionID.MatchString(out.ID) || out.Token == "" || out.Invitation == "" {
		return Session{}, fmt.Errorf("opening session: %w", errAnswer)
	}
	return Session(out), nil
}

// Progress asks how far the session is.
func (c *Client) Progress(ctx context.Context, s Session) (Progress, error) {
	var out struct {
		State      string    `json:"state"`
		Contested  bool      `json:"contested"`
		ValidUntil time.Time `json:"valid_until"`
	}
	if err := c.call(ctx, http.MethodGet, doorSessions+"/"+s.ID, s.Token, "", nil, &out); err != nil {
		return Progress{}, fmt.Errorf("reading session: %w", err)
	}
	return Progress(out), nil
}

// Confirm hands in the code that the phone shows.
func (c *Client) Confirm(ctx context.Context, s Session, code string) (Grant, error) {
	body, err := json.Marshal(map[string]string{"code": code})
	if err != nil {
		return Grant{}, fmt.Errorf("confirming session: %w", err)
	}
	var out struct {
		Challenge string `json:"challenge"`
		SEID      string `json:"se_id"`
		Slot      uint64 `json:"slot"`
		Purpose   uint64 `json:"purpose"`
	}
	if err := c.call(ctx, http.MethodPost, doorSessions+"/"+s.ID+"/confirmation", s.Token, "application/json", body, &out); err != nil {
		return Grant{}, fmt.Errorf("confirming session: %w", err)
	}
	g := Grant{Slot: out.Slot, Purpose: out.Purpose}
	var errs [2]error
	g.Challenge, errs[0] = base64.RawURLEncoding.DecodeString(out.Challenge)
	g.SEID, errs[1] = hex.DecodeString(out.SEID)
	if errs != [2]error{} || len(g.Challenge) != challengeSize || len(g.SEID) != seIDSize {
		return Grant{}, fmt.Errorf("confirming session: %w", errAnswer)
	}
	return g, nil
}

// Submit sends evidence (docs/issuance.md).
func (c *Client) Submit(ctx context.Context, s Session, evidence []byte) error {
	if err := c.call(ctx, http.MethodPost, doorSessions+"/"+s.ID+"/evidence", s.Token, "application/cbor", evidence, nil); err != nil {
		return fmt.Errorf("sending evidence: %w", err)
	}
	return nil
}

// Close ends the session.
func (c *Client) Close(ctx context.Context, s Session) error {
	if err := c.call(ctx, http.MethodDelete, doorSessions+"/"+s.ID, s.Token, "", nil, nil); err != nil {
		return fmt.Errorf("closing session: %w", err)
	}
	return nil
}

var (
	errAnswer      = errors.New("the issuer's answer is not what is due")
	errUnreachable = errors.New("the issuer does not answer")
)

// call makes one request. The errors of net/http hold addresses and are not passed on.
func (c *Client) call(ctx context.Context, method, path, token, media string, body []byte, out any) error {
	req, err := http.NewRequestWithContext(ctx, method, c.base+path, bytes.NewReader(body)) //nolint:gosec // configured address, checked id
	if err != nil {
		return errUnreachable
	}
	if media != "" {
		req.Header.Set("Content-Type", media)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	resp, err := c.http.Do(req) //nolint:gosec // as above
	if err != nil {
		return errUnreachable
	}
	defer resp.Body.Close() //nolint:errcheck // read to its end below
	answer, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return errUnreachable
	}
	switch {
	case resp.StatusCode >= http.StatusMultipleChoices:
		p, err := problem.Parse(answer)
		if err != nil || p.Status != resp.StatusCode {
			return fmt.Errorf("status %d: %w", resp.StatusCode, errAnswer)
		}
		return p
	case out == nil:
		return nil
	}
	if json.Unmarshal(answer, out) != nil {
		return errAnswer
	}
	return nil
}
