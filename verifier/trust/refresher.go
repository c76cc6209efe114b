package trust

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"mime"
	"net"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strings"
	"time"

	"mobileid/mdoc/statuslist"
)

const (
	fetchTimeout  = 20 * time.Second
	maxRedirects  = 3
	pollInterval  = time.Minute
	retryInterval = time.Minute
)

// ErrNotAllowed is returned for an address outside the configured ones.
var ErrNotAllowed = errors.New("address is not one the till may fetch from")

// RefresherConfig describes a refresher.
type RefresherConfig struct {
	// Cache receives the lists; needed.
	Cache *Cache
	// URIs are fetched always.
	URIs []string
	// Prefixes are the addresses under which lists that checks asked about may be fetched too: scheme, host and a folder of
	// the path, such as "https://issuer.example/v1/status-lists/". Each URI stands for itself without being listed here.
	Prefixes []string
	// Transport carries the requests; nil means net/http's default.
	Transport http.RoundTripper
	// Now is the clock; nil means time.Now.
	Now func() time.Time
	// Log is told of each list; nil is silent.
	Log *slog.Logger
}

// Refresher fetches status lists between checks. It follows redirects within one host only, and reads no more than
// [MaxToken] bytes.
type Refresher struct {
	config   RefresherConfig
	prefixes []*url.URL
	client   *http.Client
}

// NewRefresher makes a refresher. Addresses must be https, or http on the loopback interface.
func NewRefresher(c RefresherConfig) (*Refresher, error) {
	if c.Cache == nil {
		return nil, errors.New("making status list refresher: no cache")
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	r := &Refresher{config: c, client: &http.Client{Transport: c.Transport, Timeout: fetchTimeout, CheckRedirect: sameHost}}
	for _, uri := range c.URIs {
		if _, err := parseAddress(uri); err != nil {
			return nil, fmt.Errorf("making status list refresher: %w", err)
		}
	}
	for _, prefix := range c.Prefixes {
		u, err := parseAddress(prefix)
		if err != nil || !strings.HasSuffix(u.Path, "/") || u.RawQuery != "" {
			return nil, fmt.Errorf("making status list refresher: a prefix ends in a slash and is an allowed address: %w", errors.Join(err, ErrNotAllowed))
		}
		r.prefixes = append(r.prefixes, u)
	}
	return r, nil
}

// parseAddress takes an absolute https address, or an http one on loopback, without credentials or fragment.
func parseAddress(uri string) (*url.URL, error) {
	u, err := url.Parse(uri)
	if err != nil || len(uri) > maxURI || u.Host == "" || u.User != nil || u.Fragment != "" {
		return nil, fmt.Errorf("malformed address: %w", ErrNotAllowed)
	}
	if u.Scheme == "https" || (u.Scheme == "http" && isLoopback(u.Hostname())) {
		return u, nil
	}
	return nil, fmt.Errorf("neither https nor loopback: %w", ErrNotAllowed)
}

func isLoopback(host string) bool {
	return net.ParseIP(host).IsLoopback() // a name has no address here
}

func sameHost(next *http.Request, via []*http.Request) error {
	if len(via) > maxRedirects {
		return errors.New("too many redirects")
	}
	if first := via[0].URL; next.URL.Host != first.Host || next.URL.Scheme != first.Scheme {
		return fmt.Errorf("redirect to another host: %w", ErrNotAllowed)
	}
	return nil
}

// allowed reports whether a list may be fetched.
func (r *Refresher) allowed(uri string) bool {
	if slices.Contains(r.config.URIs, uri) {
		return true
	}
	u, err := parseAddress(uri)
	if err != nil || u.Path != path.Clean(u.Path) || strings.Contains(u.EscapedPath(), "%") {
		return false
	}
	return slices.ContainsFunc(r.prefixes, func(p *url.URL) bool {
		return p.Scheme == u.Scheme && p.Host == u.Host && strings.HasPrefix(u.Path, p.Path)
	})
}

// Fetch fetches one list and puts it into the cache. An address that is not configured gives ErrNotAllowed and no request.
func (r *Refresher) Fetch(ctx context.Context, uri string) error {
	if !r.allowed(uri) {
		r.config.Cache.forget(uri)
		return fmt.Errorf("fetching status list: %w", ErrNotAllowed)
	}
	raw, err := r.get(ctx, uri)
	if err != nil {
		return fmt.Errorf("fetching status list: %w", err)
	}
	return r.config.Cache.Put(uri, raw, r.config.Now())
}

func (r *Refresher) get(ctx context.Context, uri string) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, uri, nil)
	if err != nil { // never: it is an allowed address
		return nil, err
	}
	request.Header.Set("Accept", statuslist.MediaType+", "+statuslist.IdentifierMediaType)
	response, err := r.client.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("status %d", response.StatusCode)
	}
	got, _, err := mime.ParseMediaType(response.Header.Get("Content-Type"))
	if err != nil || got != statuslist.MediaType && got != statuslist.IdentifierMediaType {
		return nil, fmt.Errorf("content type is neither %s nor %s", statuslist.MediaType, statuslist.IdentifierMediaType)
	}
	return io.ReadAll(io.LimitReader(response.Body, MaxToken+1)) // the cache refuses a byte too many
}

// Refresh fetches every configured list and every allowed one that checks asked about, and tells which failed. Lists held
// stay as they are when a fetch fails.
func (r *Refresher) Refresh(ctx context.Context) error {
	var failed []error
	for _, uri := range r.due(func(ListInfo) bool { return true }) {
		if err := r.fetchAndLog(ctx, uri); err != nil {
			failed = append(failed, err)
		}
	}
	return errors.Join(failed...)
}

// due lists what is to be fetched: what is not held, and what is held and picked.
func (r *Refresher) due(pick func(ListInfo) bool) []string {
	heldNow := make(map[string]ListInfo)
	for _, l := range r.config.Cache.Lists(r.config.Now()) {
		heldNow[l.URI] = l
	}
	var out []string
	for _, uri := range r.config.URIs {
		if l, ok := heldNow[uri]; !ok || pick(l) {
			out = append(out, uri)
		}
	}
	for uri, l := range heldNow {
		if !slices.Contains(r.config.URIs, uri) && r.allowed(uri) && pick(l) {
			out = append(out, uri)
		}
	}
	return append(out, r.config.Cache.Wanted()...)
}

func (r *Refresher) fetchAndLog(ctx context.Context, uri string) error {
	err := r.Fetch(ctx, uri)
	if err != nil {
		r.config.Log.WarnContext(ctx, "status list not refreshed", slog.String("uri", clip(uri)), slog.String("error", err.Error()))
		return err
	}
	r.config.Log.InfoContext(ctx, "status list refreshed", slog.String("uri", clip(uri)))
	return nil
}

func clip(s string) string { return s[:min(len(s), 200)] }

// Run keeps the lists fresh until ctx ends: each is fetched when its ttl has passed, a missing or wanted one at once, and
// one that failed again after a minute. It returns ctx's error.
func (r *Refresher) Run(ctx context.Context) error {
	notBefore := make(map[string]time.Time) // after a failure
	ticker := time.NewTicker(pollInterval)
	defer ticker.Stop()
	for {
		now := r.config.Now()
		for _, uri := range r.due(func(l ListInfo) bool { return !now.Before(l.Refresh) }) {
			if now.Before(notBefore[uri]) {
				continue
			}
			delete(notBefore, uri)
			if err := r.fetchAndLog(ctx, uri); err != nil && len(notBefore) < 2*MaxLists {
				notBefore[uri] = now.Add(retryInterval)
			}
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-ticker.C:
		}
	}
}
