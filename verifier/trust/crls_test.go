package trust_test

import (
	"bytes"
	"context"
	"crypto/x509"
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"mobileid/mdoc/mdoctest/world"
	"mobileid/mdoc/pki"
	"mobileid/verifier/trust"
)

func crlSet(t *testing.T, w *world.World, dir string) *trust.CRLs {
	t.Helper()
	c, err := trust.NewCRLs(w.Anchors, dir, w.Now)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func signer(t *testing.T, w *world.World) pki.Revocation {
	t.Helper()
	c := certificate(t, w.SignerChain[0])
	return pki.Revocation{Serial: c.SerialNumber, Date: w.Now.AddDate(0, 0, -2)}
}

// TestCRLsSurviveARestart: what was seen is not forgotten, an older list is refused after the restart as before it, and a
// damaged file is told and left out.
func TestCRLsSurviveARestart(t *testing.T) {
	w, dir := world.New(t), t.TempDir()
	newest := world.CRL(t, w.IACA, w.IACAKey, 3, w.Now.Add(-time.Hour), signer(t, w))
	older := world.CRL(t, w.IACA, w.IACAKey, 2, w.Now.Add(-time.Hour))
	if err := crlSet(t, w, dir).Put(newest, w.Now); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "damaged.crl"), []byte{1}, 0o600); err != nil {
		t.Fatal(err)
	}
	again := crlSet(t, w, dir)
	leaf := certificate(t, w.SignerChain[0])
	if got := again.Revocation(leaf, w.IACA, w.Now); got.State != pki.Revoked {
		t.Errorf("after a restart: %+v", got)
	}
	if err := again.Put(older, w.Now); !errors.Is(err, pki.ErrCRLOlder) {
		t.Errorf("an older list after a restart: %v", err)
	}
	if got := again.Unusable(); len(got) != 1 || !strings.Contains(got[0].Error(), "damaged.crl") {
		t.Errorf("left out: %v", got)
	}
	if got := len(again.Lists()); got != 1 {
		t.Errorf("%d lists", got)
	}
	// A newer one takes the file's place.
	if err := again.Put(world.CRL(t, w.IACA, w.IACAKey, 4, w.Now), w.Now); err != nil {
		t.Fatal(err)
	}
	if got := crlSet(t, w, dir).Revocation(leaf, w.IACA, w.Now); got.State != pki.NotRevoked {
		t.Errorf("after a newer list: %+v", got)
	}
}

func TestCRLsRefuse(t *testing.T) {
	w := world.New(t)
	if _, err := trust.NewCRLs(nil, "", w.Now); err == nil {
		t.Error("made without roots")
	}
	if _, err := trust.NewCRLs(w.Anchors, filepath.Join(t.TempDir(), "none"), w.Now); err == nil {
		t.Error("made over a folder that is not there")
	}
	dir := t.TempDir()
	c := crlSet(t, w, dir)
	if err := c.LoadFile(filepath.Join(dir, "none.crl"), w.Now); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a file that is not there: %v", err)
	}
	path := filepath.Join(dir, "list")
	if err := os.WriteFile(path, world.CRL(t, w.ReaderRoot, w.ReaderRootKey, 1, w.Now), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := c.LoadFile(path, w.Now); !errors.Is(err, pki.ErrCRLNotTrusted) {
		t.Errorf("another CA's list: %v", err)
	}
	if err := os.WriteFile(path, world.CRL(t, w.IACA, w.IACAKey, 1, w.Now), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := c.LoadFile(path, w.Now); err != nil {
		t.Error(err)
	}
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	if err := c.Put(world.CRL(t, w.IACA, w.IACAKey, 2, w.Now), w.Now); err == nil {
		t.Error("a list that could not be kept is taken without a word")
	}
}

func TestCRLRefresh(t *testing.T) {
	w := world.New(t)
	leaf := certificate(t, w.SignerChain[0])
	lists := map[string][]byte{"/good": world.CRL(t, w.IACA, w.IACAKey, 5, w.Now, pki.Revocation{Serial: leaf.SerialNumber, Date: w.Now}),
		"/older": world.CRL(t, w.IACA, w.IACAKey, 4, w.Now), "/large": make([]byte, pki.MaxCRL+10)}
	s := server(t, func(rw http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/gone" {
			rw.WriteHeader(http.StatusGone)
			_, _ = rw.Write(lists["/good"])
			return
		}
		der, ok := lists[r.URL.Path]
		if !ok {
			http.NotFound(rw, r)
			return
		}
		_, _ = rw.Write(der)
	})
	c := crlSet(t, w, "")
	for _, step := range []struct {
		path string
		good bool
	}{{"/missing", false}, {"/large", false}, {"/gone", false}, {"/good", true}, {"/older", false}, {"/good", true}} {
		r, err := trust.NewCRLRefresher(trust.CRLRefresherConfig{CRLs: c, URIs: []string{s.URL + step.path}, Now: func() time.Time { return w.Now }})
		if err != nil {
			t.Fatal(err)
		}
		if err := r.Refresh(t.Context()); (err == nil) != step.good {
			t.Errorf("%s: %v", step.path, err)
		}
	}
	if got := c.Revocation(leaf, w.IACA, w.Now); got.State != pki.Revoked {
		t.Errorf("%+v", got)
	}
	for name, config := range map[string]trust.CRLRefresherConfig{
		"no set": {}, "http elsewhere": {CRLs: c, URIs: []string{"http://issuer.example/crl"}}, "no address": {CRLs: c, URIs: []string{"crl"}},
	} {
		if _, err := trust.NewCRLRefresher(config); err == nil {
			t.Errorf("%s: made", name)
		}
	}
}

// roundTrip answers without a network.
type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// TestCRLRunWaits: each list is fetched at once, each hour, and a minute after a failure.
func TestCRLRunWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := world.New(t)
		var asked []time.Duration
		begin := time.Now()
		r, err := trust.NewCRLRefresher(trust.CRLRefresherConfig{CRLs: crlSet(t, w, ""), URIs: []string{"https://issuer.example/crl"},
			Transport: roundTrip(func(*http.Request) (*http.Response, error) {
				asked = append(asked, time.Since(begin))
				if len(asked) == 1 {
					return nil, errors.New("no network")
				}
				rec := newRecorder(world.CRL(t, w.IACA, w.IACAKey, int64(len(asked)), w.Now))
				return rec, nil
			}), Now: func() time.Time { return w.Now.Add(time.Since(begin)) }})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 90*time.Minute)
		defer cancel()
		if err := r.Run(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
		if len(asked) != 3 || asked[0] != 0 || asked[1] != time.Minute || asked[2] != 61*time.Minute {
			t.Errorf("asked after %v", asked)
		}
	})
}

func newRecorder(body []byte) *http.Response {
	return &http.Response{StatusCode: http.StatusOK, Body: io.NopCloser(bytes.NewReader(body))}
}

func certificate(t *testing.T, der []byte) *x509.Certificate {
	t.Helper()
	c, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return c
}
