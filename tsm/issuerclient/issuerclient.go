// Package issuerclient is the service manager's way to the issuer: a
// tsm.IssuerPort over the issuer's HTTP doors.
//
//	POST /v1/attestations  application/cose -> 200 application/octet-stream, the sealed credential
//	POST /v1/receipts      application/cose -> 204
//
// The doors are this project's own; the messages are COSE_Sign1 (RFC 9052) and
// prove themselves. Who calls and who is called is proved by the transport it is
// given: mutual TLS in the service (package cmd/internal/link). It checks status,
// media type and size of an answer, not its content; an answer is the issuer's
// refusal by the code of its problem document alone. Redirects are not followed.
//
// Start with New.
package issuerclient

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"time"

	"mobileid/schemas/problem"
	"mobileid/tsm"
	"mobileid/tsm/applet/stream"
)

const (
	pathAttestations = "/v1/attestations"
	pathReceipts     = "/v1/receipts"

	typeCOSE   = "application/cose"
	typeSealed = "application/octet-stream"

	defaultTimeout = 15 * time.Second
)

// Config says where the issuer is.
type Config struct {
	// BaseURL is the issuer's address, http or https, without query. Required.
	BaseURL string
	// Transport carries the requests; nil means http.DefaultTransport.
	Transport http.RoundTripper
	// Timeout bounds one call; 0 means 15 s.
	Timeout time.Duration
}

// Client is a tsm.IssuerPort. It is safe for concurrent use.
type Client struct {
	base string
	http *http.Client
}

var _ tsm.IssuerPort = (*Client)(nil)

// New checks the address.
func New(cfg Config) (*Client, error) {
	u, err := url.Parse(cfg.BaseURL)
	if err != nil || (u.Scheme != "https" && u.Scheme != "http") || u.Host == "" || u.RawQuery != "" || u.Fragment != "" || u.User != nil {
		return nil, errors.New("configuring issuer client: address is not an http or https URL without query")
	}
	if cfg.Timeout < 0 {
		return nil, errors.New("configuring issuer client: negative timeout")
	}
	if cfg.Timeout == 0 {
		cfg.Timeout = defaultTimeout
	}
	return &Client{base: strings.TrimSuffix(u.String(), "/"), http: &http.Client{
		Transport:     cfg.Transport,
		Timeout:       cfg.Timeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}, nil
}

// Attested hands an attestation in and gets the sealed credential.
func (c *Client) Attested(ctx context.Context, attestation []byte) ([]byte, error) {
	resp, body, err := c.post(ctx, pathAttestations, attestation, stream.MaxSealed)
	if err != nil {
		return nil, fmt.Errorf("handing attestation to issuer: %w", err)
	}
	media, _, err := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	if resp.StatusCode != http.StatusOK || err != nil || media != typeSealed || len(body) == 0 {
		return nil, fmt.Errorf("handing attestation to issuer: status %d without a sealed credential", resp.StatusCode)
	}
	return body, nil
}

// Receipt hands a receipt in.
func (c *Client) Receipt(ctx context.Context, receipt []byte) error {
	resp, _, err := c.post(ctx, pathReceipts, receipt, problem.MaxBytes)
	if err != nil {
		return fmt.Errorf("handing receipt to issuer: %w", err)
	}
	if resp.StatusCode != http.StatusNoContent {
		return fmt.Errorf("handing receipt to issuer: status %d, want 204", resp.StatusCode)
	}
	return nil
}

// post sends a message and reads at most limit bytes of the answer. A status of
// 400 or more is an error; where it is the issuer's no to the message, a
// *tsm.RefusedError.
func (c *Client) post(ctx context.Context, path string, message []byte, limit int64) (*http.Response, []byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.base+path, bytes.NewReader(message))
	if err != nil {
		return nil, nil, err
	}
	req.Header.Set("Content-Type", typeCOSE)
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, nil, err
	}
	defer resp.Body.Close()
	if resp.StatusCode >= 400 {
		limit = problem.MaxBytes
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, limit+1))
	if err != nil {
		return nil, nil, fmt.Errorf("reading answer: %w", err)
	}
	if resp.StatusCode >= 400 {
		return nil, nil, refusal(resp, body)
	}
	if int64(len(body)) > limit {
		return nil, nil, fmt.Errorf("answer longer than %d bytes", limit)
	}
	return resp, body, nil
}

// refusal makes the error of a status of 400 or more. A status alone refuses nothing: the guard of the issuer's line and whatever
// else stands before its doors answer 403 and 404 too, and their no passes.
func refusal(resp *http.Response, body []byte) error {
	status := resp.StatusCode
	media, _, err := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	if err != nil || media != problem.ContentType {
		return problem.Problem{Status: status}
	}
	said, err := problem.Parse(body)
	switch {
	case err != nil || said.Status != status:
		return problem.Problem{Status: status}
	case status < http.StatusInternalServerError && forGood(said.Code):
		return fmt.Errorf("%w: %w", &tsm.RefusedError{Word: said.Code}, said)
	default:
		return said
	}
}

// forGood tells whether a code is the issuer's no to an attestation or receipt, which the same message gets each time. Every other
// code, one that is not known here too, may be another the next time.
func forGood(code string) bool {
	switch code {
	case problem.CodeMalformed, problem.CodeBodyTooLarge, // it is no such message
		problem.CodeForbidden,                                        // it does not pass the checks
		"order_unknown",                                              // it answers no order
		problem.CodeConflict,                                         // the order was answered already, or in another way
		"credential_revoked", "device_revoked", "device_not_emptied", // it comes after a revocation
		"expired", "evidence_gone", "no_validity_left": // it comes too late
		return true
	default:
		return false
	}
}
