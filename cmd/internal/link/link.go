package link

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"mobileid/schemas/problem"
)

const (
	dialTimeout      = 5 * time.Second
	handshakeTimeout = 5 * time.Second
	idleTimeout      = 30 * time.Second
)

// CodePeer is the problem code of a request whose certificate is not, or no longer, the other end's.
const CodePeer = "peer_unknown"

// errPeer says that a certificate is not the other end's.
var errPeer = errors.New("not the other end of the line")

// Link is one end of the line. It is safe for concurrent use.
type Link struct {
	settings Settings
	log      *slog.Logger
	now      func() time.Time

	mu      sync.Mutex // guards the two below
	current *material
	read    stamp // of the files that were read last, whether they could be used or not
}

// Open reads and checks the files. A nil now is the clock.
func Open(s Settings, log *slog.Logger, now func() time.Time) (*Link, error) {
	if now == nil {
		now = time.Now
	}
	l := &Link{settings: s, log: log, now: now, read: s.stamp()}
	var err error
	if l.current, err = s.load(now()); err != nil {
		return nil, fmt.Errorf("opening link: %w", err)
	}
	return l, nil
}

// stamp is what the files look like from outside; nil for one that is not there.
type stamp []os.FileInfo

func (s Settings) stamp() stamp {
	var out stamp
	for _, path := range []string{s.Certificate, strings.TrimPrefix(s.Key, "file:"), s.Authorities} {
		info, err := os.Stat(path)
		if err != nil {
			info = nil
		}
		out = append(out, info)
	}
	return out
}

// same tells whether no file was replaced or written between two stamps.
func (s stamp) same(other stamp) bool {
	return slices.EqualFunc(s, other, func(a, b os.FileInfo) bool {
		if a == nil || b == nil {
			return a == nil && b == nil
		}
		return os.SameFile(a, b) && a.Size() == b.Size() && a.ModTime().Equal(b.ModTime())
	})
}

// material gives what the files hold now. Files that cannot be used, as between the writing of a key and of its
// certificate, leave in use what was read before.
func (l *Link) material() *material {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.settings.stamp()
	if now.same(l.read) {
		return l.current
	}
	l.read = now
	m, err := l.settings.load(l.now())
	if err != nil {
		l.log.Warn("link files not usable, the ones before stay in use", "error", err) //nolint:sloglint // a handshake brings no context
		return l.current
	}
	l.log.Info("link files renewed", "until", m.own.Leaf.NotAfter) //nolint:sloglint // as above
	l.current = m
	return m
}

// verify judges the other end's certificate. use is what it is for: a client's when it calls, a server's when it is called.
func (m *material) verify(chain []*x509.Certificate, use x509.ExtKeyUsage, at time.Time) error {
	if len(chain) == 0 {
		return fmt.Errorf("no certificate: %w", errPeer)
	}
	between := x509.NewCertPool()
	for _, c := range chain[1:] {
		between.AddCert(c)
	}
	_, err := chain[0].Verify(x509.VerifyOptions{Roots: m.roots, Intermediates: between, CurrentTime: at, DNSName: m.peer, KeyUsages: []x509.ExtKeyUsage{use}})
	if err != nil {
		return fmt.Errorf("%w: %w", errPeer, err)
	}
	return nil
}

// Server is the TLS configuration of this end's listener.
func (l *Link) Server() *tls.Config {
	return &tls.Config{MinVersion: tls.VersionTLS13, GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) {
		m := l.material()
		return &tls.Config{MinVersion: tls.VersionTLS13, Certificates: []tls.Certificate{m.own}, Time: l.now, NextProtos: []string{"http/1.1"},
			ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: m.roots, SessionTicketsDisabled: true,
			VerifyConnection: func(c tls.ConnectionState) error {
				return m.verify(c.PeerCertificates, x509.ExtKeyUsageClientAuth, l.now())
			}}, nil
	}}
}

// Guard stands before this end's doors: only the other end passes, judged anew for each request.
func (l *Link) Guard(doors http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		err := errPeer
		if r.TLS != nil && r.TLS.Version >= tls.VersionTLS13 {
			err = l.material().verify(r.TLS.PeerCertificates, x509.ExtKeyUsageClientAuth, l.now())
		}
		if err != nil {
			l.log.WarnContext(r.Context(), "peer refused", "cause", reason(err))
			w.Header().Set("Connection", "close")
			problem.New(http.StatusForbidden, CodePeer, "").Write(w)
			return
		}
		doors.ServeHTTP(w, r)
	})
}

// reason keeps a certificate's content out of the log.
func reason(err error) string {
	if _, ok := errors.AsType[x509.HostnameError](err); ok {
		return "another name"
	}
	if _, ok := errors.AsType[x509.UnknownAuthorityError](err); ok {
		return "another authority"
	}
	if invalid, ok := errors.AsType[x509.CertificateInvalidError](err); ok && invalid.Reason == x509.Expired {
		return "expired or not yet in force"
	}
	return "not a certificate of the other end"
}

// Transport calls the other end.
func (l *Link) Transport() http.RoundTripper {
	t := &transport{link: l, used: l.material()}
	t.http = &http.Transport{DialTLSContext: t.dial, TLSHandshakeTimeout: handshakeTimeout, IdleConnTimeout: idleTimeout, MaxIdleConnsPerHost: 8}
	return t
}

// transport lets go of idle connections when the files have changed.
type transport struct {
	link *Link
	http *http.Transport

	mu   sync.Mutex // guards used
	used *material
}

// RoundTrip takes https alone, so that a wrong address sends nothing in the clear.
func (t *transport) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.URL.Scheme != "https" {
		return nil, errors.New("the line between issuer and TSM is https")
	}
	m := t.link.material()
	t.mu.Lock()
	changed := m != t.used
	t.used = m
	t.mu.Unlock()
	if changed {
		t.http.CloseIdleConnections()
	}
	return t.http.RoundTrip(r)
}

// CloseIdleConnections is for http.Client.
func (t *transport) CloseIdleConnections() { t.http.CloseIdleConnections() }

func (t *transport) dial(ctx context.Context, network, address string) (net.Conn, error) {
	m := t.link.material()
	d := tls.Dialer{NetDialer: &net.Dialer{Timeout: dialTimeout}, Config: &tls.Config{MinVersion: tls.VersionTLS13, Certificates: []tls.Certificate{m.own},
		RootCAs: m.roots, ServerName: m.peer, Time: t.link.now, NextProtos: []string{"http/1.1"}}}
	return d.DialContext(ctx, network, address)
}
