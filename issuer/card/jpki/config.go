package jpki

import (
	"bytes"
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"sync"
	"time"
)

// Defaults and bounds of Config.
const (
	DefaultTimeout = 5 * time.Second
	DefaultRefresh = time.Hour
	DefaultRetry   = 15 * time.Second
	DefaultMaxAge  = 24 * time.Hour
	MaxGrace       = 7 * 24 * time.Hour

	// MaxList and MaxAnswer bound what is read of a list and of an OCSP answer.
	MaxList   = 16 << 20
	MaxAnswer = 64 << 10

	maxPlaces = 64
)

// An Authority is a CA and the places that tell which of its certificates are revoked; at least one place.
type Authority struct {
	CA *x509.Certificate
	// CRLs are the http or https addresses of lists, which are asked in this order until one covers the certificate.
	CRLs []string
	// OCSP is the http or https address of the responder, or empty.
	OCSP string
}

// Config says whom to ask, and how. No field leaves the question out.
type Config struct {
	// Authorities are one or more, each CA once.
	Authorities []Authority
	// Transport carries the requests; nil means http.DefaultTransport.
	Transport http.RoundTripper
	// Timeout bounds one fetch; zero means 5 s.
	Timeout time.Duration
	// Refresh is the age at which a list in force is fetched anew; zero means an hour.
	Refresh time.Duration
	// Retry is the pause after a fetch that failed; zero means 15 s.
	Retry time.Duration
	// MaxAge bounds the age of an OCSP answer, counted from its thisUpdate; zero means a day.
	MaxAge time.Duration
	// Grace is how long after its nextUpdate the last good list counts when no newer one can be had, for certificates that were
	// found in force before; zero means not at all, and seven days is the most.
	Grace time.Duration
	// Log tells of fetches that failed; nil logs nothing.
	Log *slog.Logger
}

func (c *Config) validate() error {
	if len(c.Authorities) == 0 {
		return errors.New("no authority to ask")
	}
	for i, a := range c.Authorities {
		if err := a.validate(); err != nil {
			return fmt.Errorf("authority %d: %w", i, err)
		}
		for _, other := range c.Authorities[:i] {
			if bytes.Equal(other.CA.Raw, a.CA.Raw) {
				return fmt.Errorf("authority %d: named twice", i)
			}
		}
	}
	if c.Timeout < 0 || c.Refresh < 0 || c.Retry < 0 || c.MaxAge < 0 || c.Grace < 0 || c.Grace > MaxGrace {
		return errors.New("a bound is negative, or the period of grace over seven days")
	}
	return nil
}

func (a *Authority) validate() error {
	switch {
	case a.CA == nil || !a.CA.IsCA:
		return errors.New("no CA certificate")
	case len(a.CRLs) == 0 && a.OCSP == "":
		return errors.New("neither a CRL nor a responder: its certificates could not be judged")
	case len(a.CRLs) > maxPlaces:
		return fmt.Errorf("more than %d lists", maxPlaces)
	}
	for _, place := range append([]string{a.OCSP}, a.CRLs...) {
		u, err := url.Parse(place)
		if place != "" && (err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil || u.Fragment != "") {
			return errors.New("a place is no http or https address")
		}
	}
	return nil
}

func (c *Config) defaults() {
	for value, fallback := range map[*time.Duration]time.Duration{&c.Timeout: DefaultTimeout, &c.Refresh: DefaultRefresh,
		&c.Retry: DefaultRetry, &c.MaxAge: DefaultMaxAge} {
		if *value == 0 {
			*value = fallback
		}
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
}

// Source is a card.StatusSource over the places of a Config. It is safe for concurrent use.
type Source struct {
	config      Config
	client      *http.Client
	authorities []*authority

	mu     sync.Mutex // guards judged
	judged map[key]bool
}

// authority is an Authority with what its places gave.
type authority struct {
	ca        *x509.Certificate
	lists     []*list
	responder *responder // nil when there is none
}

// New makes a Source. It fetches nothing: a place that is away keeps nobody from starting, and nobody's card passes meanwhile.
func New(c Config) (*Source, error) {
	if err := c.validate(); err != nil {
		return nil, fmt.Errorf("configuring certificate status: %w", err)
	}
	c.defaults()
	s := &Source{config: c, judged: map[key]bool{}, client: &http.Client{Transport: c.Transport, Timeout: c.Timeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
	for _, a := range c.Authorities {
		own := &authority{ca: a.CA}
		for _, place := range a.CRLs {
			own.lists = append(own.lists, &list{place: place})
		}
		if a.OCSP != "" {
			own.responder = &responder{place: a.OCSP, answers: map[key]answer{}}
		}
		s.authorities = append(s.authorities, own)
	}
	return s, nil
}

// key is a digest of a CA's key and a serial number: what is remembered of a certificate.
type key [sha256.Size]byte

func keyOf(certificate, issuer *x509.Certificate) key {
	h := sha256.New()
	h.Write(issuer.RawSubjectPublicKeyInfo)
	h.Write(certificate.SerialNumber.Bytes())
	return key(h.Sum(nil))
}
