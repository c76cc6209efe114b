package jpkisim_test

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/crypto/ocsp"

	"mobileid/issuer/card"
	"mobileid/issuer/card/cardsim"
	"mobileid/issuer/card/jpki"
	"mobileid/issuer/card/jpki/jpkisim"
	"mobileid/mdoc/pki"
)

func now() time.Time { return time.Date(2026, time.November, 23, 3, 0, 0, 0, time.UTC) }

type town struct {
	pair                      *jpkisim.Pair
	signature, authentication *x509.Certificate
}

var theCards = sync.OnceValues(func() (*cardsim.Authority, error) {
	return cardsim.NewAuthority(cardsim.AuthorityConfig{Now: now})
})

// newTown reads the certificates of a modelled card.
func newTown(t *testing.T) town {
	t.Helper()
	authority, err := theCards()
	if err != nil {
		t.Fatal(err)
	}
	p, _ := cardsim.PersonByID("nineteen", now())
	keys, err := cardsim.MakeKeys(1, cardsim.NewKeys(nil))
	if err != nil {
		t.Fatal(err)
	}
	c, err := cardsim.New(p, authority, cardsim.Options{Keys: cardsim.SharedKeys(keys...)})
	if err != nil {
		t.Fatal(err)
	}
	r, err := card.Read(t.Context(), c, p.Secrets(), card.Options{Challenge: make([]byte, 32), Binding: []byte("element-01")})
	if err != nil {
		t.Fatal(err)
	}
	w := town{}
	if w.pair, err = jpkisim.New(authority, now); err != nil {
		t.Fatal(err)
	}
	for id, into := range map[card.FileID]**x509.Certificate{card.SignatureCertificate: &w.signature, card.AuthenticationCertificate: &w.authentication} {
		der, _ := r.File(id)
		if *into, err = x509.ParseCertificate(der); err != nil {
			t.Fatal(err)
		}
	}
	return w
}

// The two CAs each speak of their own certificates, over a real connection.
func TestServed(t *testing.T) {
	for _, signature := range []bool{true, false} {
		w := newTown(t)
		c := struct{ revoked, other *x509.Certificate }{w.signature, w.authentication}
		if !signature {
			c.revoked, c.other = c.other, c.revoked
		}
		server := httptest.NewServer(w.pair.Handler())
		defer server.Close()
		if err := w.pair.Revoke(c.revoked, pki.CessationOfOperation); err != nil {
			t.Fatal(err)
		}
		for name, only := range map[string]func(*jpki.Authority){"lists": func(a *jpki.Authority) { a.OCSP = "" }, "responders": func(a *jpki.Authority) { a.CRLs = nil }} {
			places := w.pair.Places(server.URL)
			for i := range places {
				only(&places[i])
			}
			s, err := jpki.New(jpki.Config{Authorities: places})
			if err != nil {
				t.Fatal(err)
			}
			for certificate, want := range map[*x509.Certificate]card.CertificateState{c.revoked: card.StateRevoked, c.other: card.StateInForce} {
				ca, err := w.pair.Of(certificate)
				if err != nil {
					t.Fatal(err)
				}
				if got := s.Status(t.Context(), certificate, ca.Certificate(), now()); got.State != want {
					t.Errorf("%s: state %d, want %d: %v", name, got.State, want, got)
				}
			}
		}
	}
}

func TestRevokeAndRelease(t *testing.T) {
	w := newTown(t)
	stranger, err := cardsim.NewAuthority(cardsim.AuthorityConfig{Now: now})
	if err != nil {
		t.Fatal(err)
	}
	same, _ := stranger.SignatureCA() // the same name, another key
	for _, step := range []struct {
		name string
		do   func() error
		want error
	}{
		{"release before a hold", func() error { return w.pair.Signature.Release(w.signature) }, jpkisim.ErrState},
		{"key compromise", func() error { return w.pair.Revoke(w.signature, pki.KeyCompromise) }, jpkisim.ErrReason},
		{"unspecified", func() error { return w.pair.Revoke(w.signature, pki.Unspecified) }, jpkisim.ErrReason},
		{"the other CA's", func() error { return w.pair.Signature.Revoke(w.authentication, pki.Superseded) }, jpkisim.ErrIssuer},
		{"a stranger's", func() error { return w.pair.Revoke(same, pki.Superseded) }, jpkisim.ErrIssuer},
		{"nobody's", func() error { return w.pair.Revoke(&x509.Certificate{RawIssuer: []byte{0x30, 0}}, pki.Superseded) }, jpkisim.ErrIssuer},
		{"hold", func() error { return w.pair.Revoke(w.signature, pki.CertificateHold) }, nil},
		{"release", func() error { return w.pair.Signature.Release(w.signature) }, nil},
		{"hold again", func() error { return w.pair.Revoke(w.signature, pki.CertificateHold) }, nil},
		{"for good", func() error { return w.pair.Revoke(w.signature, pki.Superseded) }, nil},
		{"for good again", func() error { return w.pair.Revoke(w.signature, pki.Superseded) }, jpkisim.ErrState},
		{"release what is revoked for good", func() error { return w.pair.Signature.Release(w.signature) }, jpkisim.ErrState},
	} {
		if err := step.do(); !errors.Is(err, step.want) {
			t.Errorf("%s: %v, want %v", step.name, err, step.want)
		}
	}
}

func TestReplace(t *testing.T) {
	w := newTown(t)
	state := func(c *x509.Certificate) card.CertificateState {
		s, err := jpki.New(jpki.Config{Authorities: w.pair.Places("http://jpki-test.example"), Transport: w.pair.Transport()})
		if err != nil {
			t.Fatal(err)
		}
		ca, err := w.pair.Of(c)
		if err != nil {
			t.Fatal(err)
		}
		return s.Status(t.Context(), c, ca.Certificate(), now()).State
	}
	for _, c := range []struct {
		revoked                   map[*x509.Certificate]pki.Reason
		err                       error
		signature, authentication card.CertificateState
	}{
		{map[*x509.Certificate]pki.Reason{w.signature: pki.CertificateHold, w.authentication: pki.Superseded}, nil, card.StateOnHold, card.StateRevoked},
		{map[*x509.Certificate]pki.Reason{w.signature: pki.KeyCompromise}, jpkisim.ErrReason, card.StateOnHold, card.StateRevoked},
		{map[*x509.Certificate]pki.Reason{{RawIssuer: []byte{0x30, 0}}: pki.Superseded}, jpkisim.ErrIssuer, card.StateOnHold, card.StateRevoked},
		{map[*x509.Certificate]pki.Reason{w.authentication: pki.Superseded}, nil, card.StateInForce, card.StateRevoked},
		{nil, nil, card.StateInForce, card.StateInForce},
	} {
		if err := w.pair.Replace(c.revoked); !errors.Is(err, c.err) {
			t.Errorf("error %v, want %v", err, c.err)
		}
		if s, a := state(w.signature), state(w.authentication); s != c.signature || a != c.authentication {
			t.Errorf("states %d, %d; want %d, %d", s, a, c.signature, c.authentication)
		}
	}
}

// A list is what its authority owes: numbers rise, and the library reads the reason and agrees with the signature.
func TestList(t *testing.T) {
	w := newTown(t)
	if err := w.pair.Revoke(w.signature, pki.AffiliationChanged); err != nil {
		t.Fatal(err)
	}
	var last *x509.RevocationList
	for range 2 {
		der, err := w.pair.Signature.List()
		if err != nil {
			t.Fatal(err)
		}
		if v := pki.LintCRL(der, w.pair.Signature.Certificate(), pki.CRLWithReasons); !v.OK() {
			t.Error(v)
		}
		l, err := x509.ParseRevocationList(der)
		if err != nil || l.CheckSignatureFrom(w.pair.Signature.Certificate()) != nil {
			t.Fatalf("error %v", err)
		}
		if e := l.RevokedCertificateEntries; len(e) != 1 || e[0].ReasonCode != 3 || e[0].SerialNumber.Cmp(w.signature.SerialNumber) != 0 {
			t.Errorf("entries %v", e)
		}
		if last != nil && l.Number.Cmp(last.Number) <= 0 {
			t.Errorf("number %s after %s", l.Number, last.Number)
		}
		last = l
	}
}

func TestAnswer(t *testing.T) {
	w := newTown(t)
	ca := w.pair.Signature
	for _, hash := range []crypto.Hash{crypto.SHA1, crypto.SHA256} {
		request, err := ocsp.CreateRequest(w.signature, ca.Certificate(), &ocsp.RequestOptions{Hash: hash})
		if err != nil {
			t.Fatal(err)
		}
		r, err := ocsp.ParseResponseForCert(ca.Answer(request), w.signature, ca.Certificate())
		if err != nil || r.Status != ocsp.Good || r.IssuerHash != hash {
			t.Errorf("%v: %v, %v", hash, r, err)
		}
	}
	sha384, err := ocsp.CreateRequest(w.signature, ca.Certificate(), &ocsp.RequestOptions{Hash: crypto.SHA384})
	if err != nil {
		t.Fatal(err)
	}
	foreign, err := ocsp.CreateRequest(w.authentication, w.pair.Authentication.Certificate(), nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct{ request, want []byte }{
		"nothing":        {nil, ocsp.MalformedRequestErrorResponse},
		"another CA":     {foreign, ocsp.UnauthorizedErrorResponse},
		"another digest": {sha384, ocsp.UnauthorizedErrorResponse},
	} {
		if got := ca.Answer(c.request); !bytes.Equal(got, c.want) {
			t.Errorf("%s: %x", name, got)
		}
	}
}

func TestDoors(t *testing.T) {
	w := newTown(t)
	ask := func(method, path, body string) *http.Response {
		req, err := http.NewRequestWithContext(t.Context(), method, "http://jpki-test.example"+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		resp, err := w.pair.Transport().RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = resp.Body.Close() })
		return resp
	}
	for _, c := range []struct {
		method, path, body string
		status             int
		media              string
	}{
		{"GET", "/signature.crl", "", 200, "application/pkix-crl"}, {"GET", "/authentication.crl", "", 200, "application/pkix-crl"},
		{"POST", "/signature/ocsp", strings.Repeat("x", 5000), 200, "application/ocsp-response"},
		{"GET", "/signature/ocsp", "", 405, ""}, {"GET", "/x.crl", "", 404, ""},
	} {
		resp := ask(c.method, c.path, c.body)
		if resp.StatusCode != c.status || c.media != "" && resp.Header.Get("Content-Type") != c.media {
			t.Errorf("%s %s: %d %s", c.method, c.path, resp.StatusCode, resp.Header.Get("Content-Type"))
		}
		if c.method == "POST" {
			if body, err := io.ReadAll(resp.Body); err != nil || !bytes.Equal(body, ocsp.MalformedRequestErrorResponse) {
				t.Errorf("answer %x, %v", body, err)
			}
		}
	}
	if _, err := jpkisim.New(w.cards(t), nil); err != nil {
		t.Error(err)
	}
}

func (town) cards(t *testing.T) *cardsim.Authority {
	t.Helper()
	a, err := theCards()
	if err != nil {
		t.Fatal(err)
	}
	return a
}
