package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"mobileid/cmd/internal/terminal"
	"mobileid/mdoc/session"
	"mobileid/mdoc/transport"
	"mobileid/mdoc/verdict"
	"mobileid/schemas/problem"
	"mobileid/verifier/policy"
)

const (
	// maxAnswer bounds an answer of the till: it may carry a portrait and a session message, both in base64.
	maxAnswer   = 4 << 20
	tillTimeout = 40 * time.Second
)

// outcome is what the wallet takes from a till's result: not the portrait, which is for the staff.
type outcome struct {
	Decision        policy.Decision `json:"decision"`
	Reasons         []policy.Reason `json:"reasons"`
	ComparePortrait bool            `json:"compare_portrait"`
	Checks          []verdict.Check `json:"checks"`
	BytesReceived   int             `json:"bytes_received"`
}

// till carries session messages between the phone and the doors of mobileid-verifier, in place of the POS device and the
// radio. It is a [transport.Conn] for one check, of one goroutine.
type till struct {
	url, token string
	client     *http.Client

	id      string
	waiting []byte   // a message for the phone; nil when there is none
	result  *outcome // nil until the till has decided
}

var _ transport.Conn = (*till)(nil)

func newTill(address, token string) *till {
	return &till{url: strings.TrimSuffix(address, "/"), token: token, client: &http.Client{Timeout: tillTimeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
}

// Format keeps the token out of formatted text.
func (*till) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "[redacted]") }

// begin shows the till the QR code; its SessionEstablishment then waits for the phone.
func (t *till) begin(ctx context.Context, uri string) error {
	body, err := json.Marshal(struct {
		Engagement string `json:"engagement"`
	}{uri})
	if err != nil {
		return fmt.Errorf("showing the QR code to the till: %w", err)
	}
	var answer struct {
		ID            string `json:"id"`
		Establishment string `json:"session_establishment"`
	}
	if err := t.post(ctx, "/v1/checks", "application/json", body, &answer); err != nil {
		return fmt.Errorf("showing the QR code to the till: %w", err)
	}
	if t.waiting, err = base64.RawURLEncoding.DecodeString(answer.Establishment); err != nil || answer.ID == "" || len(t.waiting) == 0 {
		return errors.New("showing the QR code to the till: its answer is not the one that is due")
	}
	t.id = answer.ID
	return nil
}

// Send hands the phone's message to the till, which takes one.
func (t *till) Send(ctx context.Context, message []byte) error {
	if t.id == "" {
		return transport.ErrClosed
	}
	if len(message) > session.MaxMessage {
		return transport.ErrTooLarge
	}
	path := "/v1/checks/" + url.PathEscape(t.id) + "/messages"
	t.id = ""
	var answer struct {
		Result      *outcome `json:"result"`
		Termination string   `json:"session_termination"`
	}
	if err := t.post(ctx, path, "application/cbor", message, &answer); err != nil {
		return fmt.Errorf("carrying the answer to the till: %w", err)
	}
	end, err := base64.RawURLEncoding.DecodeString(answer.Termination)
	if err != nil || answer.Result == nil {
		return errors.New("carrying the answer to the till: its answer is not the one that is due")
	}
	t.result, t.waiting = answer.Result, end
	return nil
}

// Receive gives the message that waits. There is never a later one: the till speaks only when spoken to.
func (t *till) Receive(ctx context.Context) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	message := t.waiting
	t.waiting = nil
	if len(message) == 0 {
		return nil, transport.ErrClosed
	}
	return message, nil
}

// Close forgets the check.
func (t *till) Close() error {
	t.id, t.waiting = "", nil
	t.client.CloseIdleConnections()
	return nil
}

// post makes one request and decodes its answer, which is overwritten since it may hold a portrait.
func (t *till) post(ctx context.Context, path, contentType string, body []byte, out any) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, t.url+path, bytes.NewReader(body))
	if err != nil {
		return errors.New("the till's address is not an address")
	}
	request.Header.Set("Content-Type", contentType)
	request.Header.Set("Authorization", "Bearer "+t.token)
	response, err := t.client.Do(request)
	if err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return errors.New("the till does not answer: is mobileid-verifier running at the address given?")
	}
	defer func() { _ = response.Body.Close() }()
	answer, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer+1))
	defer clear(answer)
	switch {
	case err != nil:
		return errors.New("the till's answer was cut off: try again")
	case len(answer) > maxAnswer:
		return errors.New("the till's answer is too long")
	case response.StatusCode >= http.StatusMultipleChoices:
		return refusal(response.StatusCode, answer)
	}
	if err := json.Unmarshal(answer, out); err != nil {
		return errors.New("the till's answer is not the JSON that is due")
	}
	return nil
}

func refusal(status int, answer []byte) error {
	why, err := problem.Parse(answer)
	if err != nil || why.Code == "" {
		return fmt.Errorf("the till answers with status %d", status)
	}
	return fmt.Errorf("the till refuses: %s (%s)", terminal.Printable(why.Code), terminal.Printable(why.Detail))
}
