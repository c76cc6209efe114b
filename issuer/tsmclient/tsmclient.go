// Package tsmclient is the issuer's way to the service manager (TSM): issuer.Orders over the TSM's HTTP door.
//
//	POST /v1/orders  application/cose -> 202
//
// The door is this project's own; an order is a COSE_Sign1 (RFC 9052) signed by the issuer. Who calls and who is called is
// proved by the transport it is given: mutual TLS in the service (package cmd/internal/link). It looks at the status of the
// answer only. Redirects are not followed. Repeating is the caller's business; the TSM carries out an order at most
// once.
//
// Start at New.
package tsmclient

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"mobileid/issuer"
	"mobileid/schemas/problem"
)

const (
	pathOrders     = "/v1/orders"
	typeCOSE       = "application/cose"
	defaultTimeout = 10 * time.Second
)

// Config says where the TSM is.
type Config struct {
	// BaseURL is the TSM's address, http or https, without user, query and fragment. Required.
	BaseURL string
	// Transport carries the requests; nil means http.DefaultTransport.
	Transport http.RoundTripper
	// Timeout bounds one call; zero means 10 s.
	Timeout time.Duration
}

// Client is an issuer.Orders. It is safe for concurrent use.
type Client struct {
	door string
	http *http.Client
}

var _ issuer.Orders = (*Client)(nil)

// New checks the address.
func New(c Config) (*Client, error) {
	u, err := url.Parse(c.BaseURL)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return nil, errors.New("configuring TSM client: address is not an http or https URL without query")
	}
	if c.Timeout < 0 {
		return nil, errors.New("configuring TSM client: negative timeout")
	}
	if c.Timeout == 0 {
		c.Timeout = defaultTimeout
	}
	return &Client{door: strings.TrimSuffix(u.String(), "/") + pathOrders, http: &http.Client{Transport: c.Transport,
		Timeout: c.Timeout, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}, nil
}

// Submit hands over one signed order. An error after which the TSM may have taken it all the same is possible; the order
// is then sent again.
func (c *Client) Submit(ctx context.Context, signedOrder []byte) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.door, bytes.NewReader(signedOrder))
	if err != nil {
		return fmt.Errorf("submitting order: %w", err)
	}
	req.Header.Set("Content-Type", typeCOSE)
	resp, err := c.http.Do(req)
	if err != nil {
		return fmt.Errorf("submitting order: %w", err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, problem.MaxBytes))
	if err != nil {
		return fmt.Errorf("submitting order: reading answer: %w", err)
	}
	if resp.StatusCode == http.StatusAccepted {
		return nil
	}
	if p, err := problem.Parse(body); err == nil && p.Status == resp.StatusCode {
		return fmt.Errorf("submitting order: %w", p)
	}
	return fmt.Errorf("submitting order: status %d", resp.StatusCode)
}
