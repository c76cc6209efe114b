package trust

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"time"

	"mobileid/mdoc/pki"
)

// crlInterval is the time between two fetches of one CRL. An authority publishes within 48 hours of a revocation (Table
// B.10); an hour more does not matter.
const crlInterval = time.Hour

// CRLRefresherConfig describes a refresher of CRLs.
type CRLRefresherConfig struct {
	// CRLs receives the lists; needed.
	CRLs *CRLs
	// URIs are fetched, and no others: what a certificate names is not followed.
	URIs []string
	// Transport carries the requests; nil means net/http's default.
	Transport http.RoundTripper
	// Now is the clock; nil means time.Now.
	Now func() time.Time
	// Log is told of each list; nil is silent.
	Log *slog.Logger
}

// CRLRefresher fetches certificate revocation lists between checks. It follows redirects within one host only, and reads
// no more than [pki.MaxCRL] bytes.
type CRLRefresher struct {
	config CRLRefresherConfig
	client *http.Client
}

// NewCRLRefresher makes a refresher. Addresses must be https, or http on the loopback interface.
func NewCRLRefresher(c CRLRefresherConfig) (*CRLRefresher, error) {
	if c.CRLs == nil {
		return nil, errors.New("making CRL refresher: no set of CRLs")
	}
	for _, uri := range c.URIs {
		if _, err := parseAddress(uri); err != nil {
			return nil, fmt.Errorf("making CRL refresher: %w", err)
		}
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return &CRLRefresher{config: c, client: &http.Client{Transport: c.Transport, Timeout: fetchTimeout, CheckRedirect: sameHost}}, nil
}

// Refresh fetches every list and tells which failed. Lists held stay as they are when a fetch fails.
func (r *CRLRefresher) Refresh(ctx context.Context) error {
	var failed []error
	for _, uri := range r.config.URIs {
		failed = append(failed, r.fetch(ctx, uri))
	}
	return errors.Join(failed...)
}

func (r *CRLRefresher) fetch(ctx context.Context, uri string) error {
	der, err := r.get(ctx, uri)
	if err == nil {
		err = r.config.CRLs.Put(der, r.config.Now())
	}
	if err != nil {
		r.config.Log.WarnContext(ctx, "CRL not refreshed", slog.String("uri", clip(uri)), slog.String("error", err.Error()))
		return fmt.Errorf("fetching CRL: %w", err)
	}
	r.config.Log.InfoContext(ctx, "CRL refreshed", slog.String("uri", clip(uri)))
	return nil
}

// get does not ask for a media type: servers in the field differ, and the signature says what it is.
func (r *CRLRefresher) get(ctx context.Context, uri string) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, uri, nil)
	if err != nil { // never: it is an allowed address
		return nil, err
	}
	response, err := r.client.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("status %d", response.StatusCode)
	}
	return io.ReadAll(io.LimitReader(response.Body, pki.MaxCRL+1))
}

// Run fetches every list at once and then each hour, one that failed again after a minute, until ctx ends. It returns
// ctx's error.
func (r *CRLRefresher) Run(ctx context.Context) error {
	due := make(map[string]time.Time)
	ticker := time.NewTicker(pollInterval)
	defer ticker.Stop()
	for {
		now := r.config.Now()
		for _, uri := range r.config.URIs {
			if now.Before(due[uri]) {
				continue
			}
			due[uri] = now.Add(crlInterval)
			if r.fetch(ctx, uri) != nil {
				due[uri] = now.Add(retryInterval)
			}
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-ticker.C:
		}
	}
}
