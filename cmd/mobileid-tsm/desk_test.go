package main

import (
	"bytes"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"mobileid/cmd/internal/link"
	"mobileid/cmd/internal/serve/servetest"
	"mobileid/mdoc/mdoctest/canary"
)

// deskAt is a desk with one operator, whose token is "token".
func deskAt(listen string, more map[string]any) map[string]any {
	hash := sha256.Sum256([]byte("token"))
	d := map[string]any{"listen": listen, "operators": map[string]any{"desk": hex.EncodeToString(hash[:])}}
	for name, v := range more {
		d[name] = v
	}
	return d
}

// A bearer token is read from no network in the clear.
func TestDeskIsLoopbackOrTLS(t *testing.T) {
	dir := t.TempDir()
	pair := map[string]any{"certificate": filepath.Join(dir, "missing.pem"), "key": filepath.Join(dir, "missing.key")}
	for _, c := range []struct {
		listen string
		more   map[string]any
		want   string // "" when it is good
	}{
		{"127.0.0.1:0", nil, ""},
		{"[::1]:0", nil, ""},
		{"127.9.8.7:0", nil, ""},
		{":8090", nil, "in the clear"},
		{"0.0.0.0:8090", nil, "in the clear"},
		{"[::]:8090", nil, "in the clear"},
		{"192.0.2.1:8090", nil, "in the clear"},
		{"localhost:8090", nil, "in the clear"},
		{"desk.example:8090", nil, "in the clear"},
		{"127.0.0.1", nil, "desk.listen"},
		{"0.0.0.0:8090", map[string]any{"certificate": "x"}, "go together"},
		{"127.0.0.1:8090", map[string]any{"key": "x"}, "go together"},
		{"0.0.0.0:8090", pair, "opening desk"},
	} {
		t.Run(c.listen, func(t *testing.T) {
			servetest.Check(t, run, good(t, servetest.Set("desk", deskAt(c.listen, c.more))), c.want)
		})
	}
}

// deskPair is a certificate and key of the test's own.
func deskPair(t *testing.T) (pair map[string]any, roots *x509.CertPool) {
	t.Helper()
	dir := t.TempDir()
	check(t, link.Certify(filepath.Join(dir, "service"), dir, time.Now()))
	ca, err := os.ReadFile(filepath.Join(dir, "service", "ca.pem"))
	check(t, err)
	roots = x509.NewCertPool()
	roots.AppendCertsFromPEM(ca)
	return map[string]any{"certificate": filepath.Join(dir, "service", "tsm.pem"), "key": filepath.Join(dir, "service", "tsm.key")}, roots
}

// With a certificate the desk is served over TLS alone.
func TestDeskOverTLS(t *testing.T) {
	pair, roots := deskPair(t)
	free, err := net.Listen("tcp", "127.0.0.1:0")
	check(t, err)
	address := free.Addr().String()
	check(t, free.Close())
	log := &canary.Log{}
	service(t, good(t, func(s map[string]any) { s["desk"] = deskAt(address, pair) }), log)
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, ServerName: "tsm.test", MinVersion: tls.VersionTLS13}}}
	defer client.CloseIdleConnections()
	for _, tt := range []struct {
		url, token string
		want       int
	}{
		{"https://" + address, "token", http.StatusNotFound}, // there is no such order
		{"https://" + address, "other", http.StatusUnauthorized},
		{"http://" + address, "token", http.StatusBadRequest}, // what the standard library answers to HTTP where TLS is spoken
	} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, tt.url+"/v1/orders/00", nil)
		check(t, err)
		req.Header.Set("Authorization", "Bearer "+tt.token)
		resp, err := client.Do(req)
		check(t, err)
		check(t, resp.Body.Close())
		if resp.StatusCode != tt.want {
			t.Errorf("%s with %q: %d, want %d", strings.SplitN(tt.url, ":", 2)[0], tt.token, resp.StatusCode, tt.want)
		}
	}
}

// A key that others can read, or that is not the certificate's, is refused at the start.
func TestDeskKey(t *testing.T) {
	pair, _ := deskPair(t)
	other, _ := deskPair(t)
	for name, tt := range map[string]struct {
		key  string
		mode os.FileMode
	}{
		"good": {pair["key"].(string), 0o600}, "of another": {other["key"].(string), 0o600}, "open to others": {pair["key"].(string), 0o644}, //nolint:forcetypeassert // set above
	} {
		check(t, os.Chmod(tt.key, tt.mode))
		var stdout, stderr bytes.Buffer
		path := good(t, func(s map[string]any) {
			s["desk"] = deskAt("0.0.0.0:0", map[string]any{"certificate": pair["certificate"], "key": tt.key})
		})
		if code := run(t.Context(), []string{"-config", path, "-check"}, &stdout, &stderr); (code == 0) != (name == "good") {
			t.Errorf("%s: exit %d, %s", name, code, stderr.String())
		}
		check(t, os.Chmod(tt.key, 0o600))
	}
}
