package link_test

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"mobileid/cmd/internal/link"
	"mobileid/mdoc/mdoctest/canary"
	"mobileid/mdoc/pki"
)

// ends is a line with both its ends' files.
type ends struct {
	t         *testing.T
	dir       string
	authority *link.Authority
	now       atomic.Int64 // the clock of both, in seconds
	log       canary.Log
}

func newEnds(t *testing.T) *ends {
	e := &ends{t: t, dir: t.TempDir()}
	e.now.Store(time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC).Unix())
	e.authority = authority(t, e.clock())
	e.write("ca.pem", pki.EncodePEM(e.authority.Certificate))
	e.certify("issuer", e.authority)
	e.certify("tsm", e.authority)
	return e
}

func (e *ends) clock() time.Time { return time.Unix(e.now.Load(), 0) }

func newKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	check(t, err)
	return key
}

func authority(t *testing.T, at time.Time) *link.Authority {
	t.Helper()
	a, err := link.NewAuthority(newKey(t), at)
	check(t, err)
	return a
}

// certify gives an end, issuer or tsm, a new key and its certificate.
func (e *ends) certify(name string, by *link.Authority) {
	e.t.Helper()
	key := newKey(e.t)
	der, err := by.Issue(name+".test", key.Public(), e.clock())
	check(e.t, err)
	e.save(name, key, der)
}

func (e *ends) save(name string, key *ecdsa.PrivateKey, der []byte) {
	e.t.Helper()
	e.write(name+".key", pkcs8(e.t, key))
	e.write(name+".pem", pki.EncodePEM(der))
}

func pkcs8(t *testing.T, key crypto.PrivateKey) []byte {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(key)
	check(t, err)
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
}

// write replaces a file, as a renewal does, and makes sure that it looks changed.
func (e *ends) write(name string, data []byte) {
	e.t.Helper()
	path := filepath.Join(e.dir, name)
	check(e.t, os.WriteFile(path+".new", data, 0o600))
	check(e.t, os.Rename(path+".new", path))
}

func (e *ends) settings(name, peer string) link.Settings {
	path := func(s string) string { return filepath.Join(e.dir, s) }
	return link.Settings{Listen: "127.0.0.1:0", Certificate: path(name + ".pem"), Key: "file:" + path(name+".key"), Authorities: path("ca.pem"), Peer: peer + ".test"}
}

func (e *ends) open(name, peer string) *link.Link {
	e.t.Helper()
	l, err := link.Open(e.settings(name, peer), slog.New(slog.NewTextHandler(&e.log, nil)), e.clock)
	check(e.t, err)
	return l
}

// serve starts the TSM's end.
func (e *ends) serve() *httptest.Server {
	l := e.open("tsm", "issuer")
	s := httptest.NewUnstartedServer(l.Guard(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, r.TLS.PeerCertificates[0].DNSNames[0])
	})))
	s.TLS = l.Server()
	s.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelInfo)
	s.StartTLS()
	e.t.Cleanup(s.Close)
	return s
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func get(ctx context.Context, t *testing.T, by http.RoundTripper, url string) (int, string, error) {
	t.Helper()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	check(t, err)
	resp, err := (&http.Client{Transport: by, Timeout: 5 * time.Second}).Do(req)
	if err != nil {
		return 0, "", err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	check(t, err)
	return resp.StatusCode, string(body), nil
}

func TestLine(t *testing.T) {
	e := newEnds(t)
	s := e.serve()
	status, body, err := get(t.Context(), t, e.open("issuer", "tsm").Transport(), s.URL)
	if err != nil || status != 200 || body != "issuer.test" {
		t.Errorf("got %d %q, %v", status, body, err)
	}
}

// raw is a caller with a TLS configuration of its own.
func (e *ends) raw(change func(*tls.Config)) http.RoundTripper {
	roots := x509.NewCertPool()
	ca, err := x509.ParseCertificate(e.authority.Certificate)
	check(e.t, err)
	roots.AddCert(ca)
	own, err := tls.LoadX509KeyPair(filepath.Join(e.dir, "issuer.pem"), filepath.Join(e.dir, "issuer.key"))
	check(e.t, err)
	c := &tls.Config{RootCAs: roots, ServerName: "tsm.test", Time: e.clock, Certificates: []tls.Certificate{own}}
	change(c)
	return &http.Transport{TLSClientConfig: c, DisableKeepAlives: true}
}

// issue gives a certificate made by hand, so that one thing in it can be wrong.
func (e *ends) issue(change func(*x509.Certificate)) tls.Certificate {
	key, root := newKey(e.t), newKey(e.t)
	a, err := link.NewAuthority(root, e.clock())
	check(e.t, err)
	e.authority = a // the root whose key is at hand here
	e.write("ca.pem", pki.EncodePEM(a.Certificate))
	e.certify("tsm", a)
	der, err := a.Issue("issuer.test", key.Public(), e.clock())
	check(e.t, err)
	leaf, err := x509.ParseCertificate(der)
	check(e.t, err)
	parent, err := x509.ParseCertificate(a.Certificate)
	check(e.t, err)
	change(leaf)
	der, err = x509.CreateCertificate(rand.Reader, leaf, parent, key.Public(), root)
	check(e.t, err)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// Whoever is not the issuer does not get to a door, for each reason alone.
func TestCallersRefused(t *testing.T) {
	only := func(c tls.Certificate) func(*tls.Config) {
		return func(config *tls.Config) { config.Certificates = []tls.Certificate{c} }
	}
	for name, caller := range map[string]func(e *ends) func(*tls.Config){
		"no certificate": func(*ends) func(*tls.Config) { return func(c *tls.Config) { c.Certificates = nil } },
		"TLS 1.2": func(*ends) func(*tls.Config) {
			return func(c *tls.Config) { c.MinVersion, c.MaxVersion = tls.VersionTLS12, tls.VersionTLS12 }
		},
		"another authority": func(e *ends) func(*tls.Config) {
			key := newKey(e.t)
			der, err := authority(e.t, e.clock()).Issue("issuer.test", key.Public(), e.clock())
			check(e.t, err)
			return only(tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key})
		},
		"self-signed": func(e *ends) func(*tls.Config) {
			key := newKey(e.t)
			template := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{"issuer.test"}, NotBefore: e.clock().Add(-time.Hour), NotAfter: e.clock().Add(time.Hour),
				ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}
			der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
			check(e.t, err)
			return only(tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key})
		},
		"expired": func(e *ends) func(*tls.Config) {
			return only(e.issue(func(c *x509.Certificate) { c.NotAfter = e.clock().Add(-time.Second) }))
		},
		"not yet in force": func(e *ends) func(*tls.Config) {
			return only(e.issue(func(c *x509.Certificate) { c.NotBefore = e.clock().Add(time.Minute) }))
		},
		"another name": func(e *ends) func(*tls.Config) {
			return only(e.issue(func(c *x509.Certificate) { c.DNSNames = []string{"issuer.test.example"} }))
		},
		"the name in the subject": func(e *ends) func(*tls.Config) {
			return only(e.issue(func(c *x509.Certificate) { c.DNSNames, c.Subject.CommonName = nil, "issuer.test" }))
		},
		"for servers alone": func(e *ends) func(*tls.Config) {
			return only(e.issue(func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth} }))
		},
		"the TSM's own certificate": func(e *ends) func(*tls.Config) {
			own, err := tls.LoadX509KeyPair(filepath.Join(e.dir, "tsm.pem"), filepath.Join(e.dir, "tsm.key"))
			check(e.t, err)
			return only(own)
		},
		"another's key": func(e *ends) func(*tls.Config) {
			c := e.issue(func(*x509.Certificate) {})
			c.PrivateKey = newKey(e.t)
			return only(c)
		},
	} {
		t.Run(name, func(t *testing.T) {
			e := newEnds(t)
			change := caller(e)
			s := e.serve()
			if status, body, err := get(t.Context(), t, e.raw(change), s.URL); err == nil {
				t.Errorf("got %d %q", status, body)
			}
		})
	}
	t.Run("a good one made the same way", func(t *testing.T) {
		e := newEnds(t)
		c := e.issue(func(*x509.Certificate) {})
		if status, body, err := get(t.Context(), t, e.raw(func(config *tls.Config) { config.Certificates = []tls.Certificate{c} }), e.serve().URL); err != nil || status != 200 {
			t.Errorf("got %d %q, %v", status, body, err)
		}
	})
}

// The caller holds the one it calls to the same rules, and sends nothing before.
func TestCalledRefused(t *testing.T) {
	for name, prepare := range map[string]func(e *ends, s *httptest.Server){
		"plain HTTP":        func(_ *ends, s *httptest.Server) { s.Start() },
		"another authority": func(e *ends, s *httptest.Server) { e.certify("tsm", authority(e.t, e.clock())); e.startTLS(s, 0) },
		"another name":      func(e *ends, s *httptest.Server) { e.certifyAs("tsm", "other.test"); e.startTLS(s, 0) },
		"TLS 1.2":           func(e *ends, s *httptest.Server) { e.startTLS(s, tls.VersionTLS12) },
		"expired":           func(e *ends, s *httptest.Server) { e.startTLS(s, 0); e.now.Add(400 * 24 * 3600) },
	} {
		t.Run(name, func(t *testing.T) {
			e := newEnds(t)
			caller := e.open("issuer", "tsm").Transport()
			called := false
			s := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { called = true }))
			s.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelInfo)
			prepare(e, s)
			defer s.Close()
			for _, url := range []string{s.URL, "https" + strings.TrimPrefix(strings.TrimPrefix(s.URL, "https"), "http")} {
				if status, _, err := get(t.Context(), t, caller, url); err == nil || called {
					t.Errorf("%s: got %d, called %v", url, status, called)
				}
			}
		})
	}
}

// startTLS serves with the TSM's files as they are, asking for no certificate.
func (e *ends) startTLS(s *httptest.Server, highest uint16) {
	own, err := tls.LoadX509KeyPair(filepath.Join(e.dir, "tsm.pem"), filepath.Join(e.dir, "tsm.key"))
	check(e.t, err)
	s.TLS = &tls.Config{Certificates: []tls.Certificate{own}, MaxVersion: highest}
	s.StartTLS()
}

// certifyAs certifies an end under another name.
func (e *ends) certifyAs(end, name string) {
	key := newKey(e.t)
	der, err := e.authority.Issue(name, key.Public(), e.clock())
	check(e.t, err)
	e.save(end, key, der)
}

// Renewal of either end, and of the authority, without a restart; a connection outlives no certificate.
func TestRenewal(t *testing.T) {
	e := newEnds(t)
	s := e.serve()
	caller := e.open("issuer", "tsm").Transport()
	works := func(when string) {
		t.Helper()
		if status, _, err := get(t.Context(), t, caller, s.URL); err != nil || status != 200 {
			t.Fatalf("%s: %d, %v", when, status, err)
		}
	}
	works("at first")
	e.now.Add(390 * 24 * 3600)
	works("just before the end")
	e.certify("issuer", e.authority)
	e.certify("tsm", e.authority)
	works("renewed")
	e.now.Add(20 * 24 * 3600)
	works("after the first ones' end")

	// A new authority: both ends take both for a while, then each end changes, then the old goes.
	next := authority(t, e.clock())
	e.write("ca.pem", pki.EncodePEM(e.authority.Certificate, next.Certificate))
	works("with two authorities")
	e.certify("issuer", next)
	works("issuer under the next")
	e.certify("tsm", next)
	works("both under the next")
	e.write("ca.pem", pki.EncodePEM(next.Certificate))
	works("with the next alone")
	if n := strings.Count(e.log.String(), "link files renewed"); n < 6 {
		t.Errorf("the log tells of %d renewals:\n%s", n, e.log.String())
	}
}

// What cannot be used leaves in use what was there, and is told once.
func TestRenewalThatFails(t *testing.T) {
	e := newEnds(t)
	s := e.serve()
	caller := e.open("issuer", "tsm").Transport()
	for name, data := range map[string][]byte{"issuer.key": pkcs8(t, newKey(t)), "issuer.pem": []byte("canary"), "ca.pem": nil, "tsm.key": []byte("canary")} {
		before, err := os.ReadFile(filepath.Join(e.dir, name))
		check(t, err)
		e.write(name, data)
		for range 3 {
			if status, _, err := get(t.Context(), t, caller, s.URL); err != nil || status != 200 {
				t.Errorf("%s: %d, %v", name, status, err)
			}
		}
		e.write(name, before)
	}
	if n := strings.Count(e.log.String(), "not usable"); n < 4 || n > 10 || strings.Contains(e.log.String(), "canary") {
		t.Errorf("the log tells %d times:\n%s", n, e.log.String())
	}
}

// An open connection ends with its certificate, or with the authority's place in the file.
func TestGuardOnAnOpenConnection(t *testing.T) {
	for name, change := range map[string]func(e *ends){
		"expired":           func(e *ends) { e.now.Add(400 * 24 * 3600) },
		"authority removed": func(e *ends) { e.write("ca.pem", pki.EncodePEM(authority(e.t, e.clock()).Certificate)) },
	} {
		t.Run(name, func(t *testing.T) {
			e := newEnds(t)
			s := e.serve()
			caller := e.raw(func(*tls.Config) {}).(*http.Transport)
			caller.DisableKeepAlives = false
			defer caller.CloseIdleConnections()
			if status, _, err := get(t.Context(), t, caller, s.URL); err != nil || status != 200 {
				t.Fatalf("%d, %v", status, err)
			}
			change(e)
			status, body, err := get(t.Context(), t, caller, s.URL)
			if err != nil || status != http.StatusForbidden || !strings.Contains(body, link.CodePeer) {
				t.Errorf("got %d %q, %v", status, body, err)
			}
			if _, _, err := get(t.Context(), t, caller, s.URL); err == nil {
				t.Error("a new connection was taken")
			}
		})
	}
	t.Run("without TLS", func(t *testing.T) {
		e := newEnds(t)
		rec := httptest.NewRecorder()
		e.open("tsm", "issuer").Guard(http.NotFoundHandler()).ServeHTTP(rec, httptest.NewRequest(http.MethodGet, "/", nil))
		if rec.Code != http.StatusForbidden {
			t.Errorf("got %d", rec.Code)
		}
	})
}

func TestOpenRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		spoil func(e *ends)
		says  string
	}{
		"no key":               {func(e *ends) { check(e.t, os.Remove(filepath.Join(e.dir, "tsm.key"))) }, "no such file"},
		"key open to all":      {func(e *ends) { check(e.t, os.Chmod(filepath.Join(e.dir, "tsm.key"), 0o644)) }, "0644"},
		"another's key":        {func(e *ends) { e.write("tsm.key", pkcs8(e.t, newKey(e.t))) }, "another key"},
		"no certificate":       {func(e *ends) { e.write("tsm.pem", nil) }, "tsm.pem"},
		"expired":              {func(e *ends) { e.now.Add(400 * 24 * 3600) }, "in force from"},
		"not yet in force":     {func(e *ends) { e.now.Add(-7 * 24 * 3600) }, "in force from"},
		"no authorities":       {func(e *ends) { check(e.t, os.Remove(filepath.Join(e.dir, "ca.pem"))) }, "no such file"},
		"a leaf for authority": {func(e *ends) { b, _ := os.ReadFile(filepath.Join(e.dir, "issuer.pem")); e.write("ca.pem", b) }, "no authority"},
		"without a name":       {func(e *ends) { e.own(func(c *x509.Certificate) { c.DNSNames = nil }) }, "no DNS name"},
		"for servers alone": {func(e *ends) {
			e.own(func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth} })
		}, "servers and clients"},
	} {
		t.Run(name, func(t *testing.T) {
			e := newEnds(t)
			c.spoil(e)
			l, err := link.Open(e.settings("tsm", "issuer"), slog.New(slog.DiscardHandler), e.clock)
			if err == nil || l != nil || !strings.Contains(err.Error(), c.says) {
				t.Errorf("got %v, want %q", err, c.says)
			}
		})
	}
}

// own gives the TSM a certificate made by hand.
func (e *ends) own(change func(*x509.Certificate)) {
	c := e.issue(change)
	e.save("tsm", c.PrivateKey.(*ecdsa.PrivateKey), c.Certificate[0])
}

func TestSettingsCheck(t *testing.T) {
	good := link.Settings{Listen: "127.0.0.1:0", Certificate: "c.pem", Key: "file:k", Authorities: "ca.pem", Peer: "tsm.test"}
	check(t, good.Check())
	for want, spoil := range map[string]func(*link.Settings){
		"link.listen":      func(s *link.Settings) { s.Listen = "127.0.0.1" },
		"link.certificate": func(s *link.Settings) { s.Certificate = "" },
		"link.key":         func(s *link.Settings) { s.Key = "" },
		"link.authorities": func(s *link.Settings) { s.Authorities = "" },
		"link.peer is mis": func(s *link.Settings) { s.Peer = "" },
		"link.peer is an":  func(s *link.Settings) { s.Peer = "127.0.0.1" },
	} {
		s := good
		spoil(&s)
		if err := s.Check(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
}

func TestAuthority(t *testing.T) {
	key, at := newKey(t), time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)
	a, err := link.NewAuthority(key, at)
	check(t, err)
	if _, err := link.OpenAuthority(newKey(t), a.Certificate); err == nil {
		t.Error("another key was taken")
	}
	if _, err := link.OpenAuthority(key, a.Certificate[1:]); err == nil {
		t.Error("half a certificate was taken")
	}
	b, err := link.OpenAuthority(key, a.Certificate)
	check(t, err)
	der, err := b.Issue("tsm.test", newKey(t).Public(), at.AddDate(8, 11, 0))
	check(t, err)
	leaf, err := x509.ParseCertificate(der)
	check(t, err)
	root, err := x509.ParseCertificate(a.Certificate)
	check(t, err)
	if leaf.NotAfter.After(root.NotAfter) || !strings.Contains(leaf.Subject.CommonName, "TEST") || !strings.Contains(root.Subject.CommonName, "TEST") {
		t.Errorf("%v until %v, %v until %v", leaf.Subject, leaf.NotAfter, root.Subject, root.NotAfter)
	}
}

// What stands in the way of new files leaves the old in use; what a run that was cut left behind does not.
func TestCertifyFails(t *testing.T) {
	for name, c := range map[string]struct {
		spoil func(t *testing.T, dir, offline string)
		ok    bool
	}{
		"left over from a cut": {func(t *testing.T, dir, _ string) {
			check(t, os.WriteFile(filepath.Join(dir, "tsm.key.new"), nil, 0o600))
		}, true},
		"a folder in the way": {func(t *testing.T, dir, _ string) {
			check(t, os.MkdirAll(filepath.Join(dir, "tsm.key.new", "x"), 0o700))
		}, false},
		"a folder for the certificate": {func(t *testing.T, dir, _ string) { check(t, os.Mkdir(filepath.Join(dir, "tsm.pem.new"), 0o700)) }, false},
		"two roots": {func(t *testing.T, dir, _ string) {
			b, err := os.ReadFile(filepath.Join(dir, "ca.pem"))
			check(t, err)
			check(t, os.WriteFile(filepath.Join(dir, "ca.pem"), append(b, b...), 0o600))
		}, false},
		"the authority's certificate lost, its key not": {func(t *testing.T, dir, _ string) { check(t, os.Remove(filepath.Join(dir, "ca.pem"))) }, false},
	} {
		t.Run(name, func(t *testing.T) {
			dir, offline := filepath.Join(t.TempDir(), "service"), t.TempDir()
			check(t, link.Certify(dir, offline, time.Now()))
			c.spoil(t, dir, offline)
			if err := link.Certify(dir, offline, time.Now()); (err == nil) != c.ok {
				t.Errorf("got %v", err)
			}
		})
	}
	if err := link.Certify(filepath.Join(t.TempDir(), "no", "such"), t.TempDir(), time.Now()); err == nil {
		t.Error("certified in a folder that cannot be made")
	}
}

// A connection that nobody answers ends with the caller's context.
func TestTransportKeepsToTheContext(t *testing.T) {
	e := newEnds(t)
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	check(t, err)
	defer silent.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, _, err := get(ctx, t, e.open("issuer", "tsm").Transport(), "https://"+silent.Addr().String()); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
}

// Certify makes both ends' files, and new ones under the same authority for as long as its key is there.
func TestCertify(t *testing.T) {
	dir, offline, at := filepath.Join(t.TempDir(), "service"), t.TempDir(), time.Now()
	read := func(name string) string {
		b, err := os.ReadFile(filepath.Join(dir, name))
		check(t, err)
		return string(b)
	}
	check(t, link.Certify(dir, offline, at))
	a, err := link.Open(link.In(dir, link.TSMEnd, "127.0.0.1:0"), slog.New(slog.DiscardHandler), nil)
	check(t, err)
	b, err := link.Open(link.In(dir, link.IssuerEnd, "127.0.0.1:0"), slog.New(slog.DiscardHandler), nil)
	check(t, err)
	s := httptest.NewUnstartedServer(a.Guard(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})))
	s.TLS = a.Server()
	s.StartTLS()
	defer s.Close()
	caller := b.Transport()
	before := map[string]string{}
	for _, name := range []string{"issuer.key", "issuer.pem", "tsm.key", "tsm.pem"} {
		before[name] = read(name)
	}
	root := read("ca.pem")
	for range 2 {
		if status, _, err := get(t.Context(), t, caller, s.URL); err != nil || status != 200 {
			t.Fatalf("%d, %v", status, err)
		}
		check(t, link.Certify(dir, offline, at))
	}
	for name, text := range before {
		if read(name) == text {
			t.Errorf("%s is not new", name)
		}
	}
	if read("ca.pem") != root {
		t.Error("another authority")
	}
	check(t, os.Remove(filepath.Join(offline, "service-ca.key")))
	if err := link.Certify(dir, offline, at); err == nil {
		t.Error("certified without the authority's key")
	}
	check(t, os.WriteFile(filepath.Join(dir, "ca.pem"), []byte("canary"), 0o600))
	if err := link.Certify(dir, offline, at); err == nil || strings.Contains(err.Error(), "canary") {
		t.Errorf("got %v", err)
	}
}
