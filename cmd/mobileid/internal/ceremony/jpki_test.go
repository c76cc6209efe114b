package ceremony

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"mobileid/issuer/card"
	"mobileid/issuer/card/cardsim"
	"mobileid/issuer/card/jpki"
	"mobileid/issuer/card/jpki/jpkisim"
)

// modelFolder is the part of a ceremony's folder that JPKI-TEST needs, with the certificates of a card made under it.
func modelFolder(t *testing.T) (dir string, cards *cardsim.Authority, certificate *x509.Certificate) {
	t.Helper()
	dir = t.TempDir()
	cards, err := cardsim.NewAuthority(cardsim.AuthorityConfig{})
	if err != nil {
		t.Fatal(err)
	}
	raw, err := cards.Save()
	if err != nil {
		t.Fatal(err)
	}
	put(t, filepath.Join(dir, "card", "authority.secret"), raw)
	keys, err := cardsim.MakeKeys(1, cardsim.NewKeys(nil))
	if err != nil {
		t.Fatal(err)
	}
	p, _ := cardsim.PersonByID("nineteen", time.Now())
	model, err := cardsim.New(p, cards, cardsim.Options{Keys: cardsim.SharedKeys(keys...)})
	if err != nil {
		t.Fatal(err)
	}
	r, err := card.Read(t.Context(), model, p.Secrets(), card.Options{Challenge: make([]byte, 32), Binding: []byte("element-01")})
	if err != nil {
		t.Fatal(err)
	}
	if certificate, err = x509.ParseCertificate(r.SignatureCertificate()); err != nil {
		t.Fatal(err)
	}
	return dir, cards, certificate
}

func put(t *testing.T, path string, content []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
}

// listening tells the address that ServeJPKI says it answers at.
type listening struct{ at chan string }

func (l listening) Write(b []byte) (int, error) {
	_, after, _ := strings.Cut(string(b), "http://")
	address, _, _ := strings.Cut(after, ";")
	l.at <- "http://" + address
	return len(b), nil
}

// A file put into the folder revokes, one taken away releases, and one that cannot be read stops the answers.
func TestServeJPKI(t *testing.T) {
	dir, cards, certificate := modelFolder(t)
	ctx, stop := context.WithCancel(t.Context())
	out, ended := listening{make(chan string, 1)}, make(chan error, 1)
	go func() { ended <- ServeJPKI(ctx, dir, "127.0.0.1:0", out) }()
	base := <-out.at
	pair, err := jpkisim.New(cards, nil) // for the names of the places alone
	if err != nil {
		t.Fatal(err)
	}
	state := func() card.CertificateState {
		s, err := jpki.New(jpki.Config{Authorities: pair.Places(base)})
		if err != nil {
			t.Fatal(err)
		}
		return s.Status(t.Context(), certificate, pair.Signature.Certificate(), time.Now()).State
	}
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate.Raw})
	held, revoked, bad := filepath.Join(dir, "card/revoked/certificateHold/one.pem"), filepath.Join(dir, "card/revoked/superseded/one.pem"),
		filepath.Join(dir, "card/revoked/superseded/bad.pem")
	remove := func(path string) func() {
		return func() {
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, step := range []struct {
		name string
		do   func()
		want card.CertificateState
	}{
		{"nothing revoked", func() {}, card.StateInForce},
		{"on hold", func() { put(t, held, text) }, card.StateOnHold},
		{"released", remove(held), card.StateInForce},
		{"revoked", func() { put(t, revoked, text) }, card.StateRevoked},
		{"a file that is no certificate", func() { put(t, bad, []byte("x")) }, card.StateUnknown},
		{"a certificate of nobody here", func() { put(t, bad, []byte(strings.Replace(string(text), "CERTIFICATE", "OTHER", 2))) }, card.StateUnknown},
		{"put right", remove(bad), card.StateRevoked},
		{"a reason that there is not", func() { put(t, filepath.Join(dir, "card/revoked/keyCompromise/one.pem"), text) }, card.StateUnknown},
		{"no reason", func() { put(t, filepath.Join(dir, "card/revoked/whim/one.pem"), text) }, card.StateUnknown},
	} {
		step.do()
		if got := state(); got != step.want {
			t.Errorf("%s: state %d, want %d", step.name, got, step.want)
		}
	}
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

func TestServeJPKIFails(t *testing.T) {
	out := io.Discard
	if err := ServeJPKI(t.Context(), t.TempDir(), "127.0.0.1:0", out); err == nil {
		t.Error("served without an authority")
	}
	dir := t.TempDir()
	put(t, filepath.Join(dir, "card", "authority.secret"), []byte("x"))
	if err := ServeJPKI(t.Context(), dir, "127.0.0.1:0", out); err == nil {
		t.Error("served with a broken authority")
	}
	dir, _, _ = modelFolder(t)
	if err := ServeJPKI(t.Context(), dir, "127.0.0.1:99999", out); err == nil {
		t.Error("served at no address")
	}
	put(t, filepath.Join(dir, "long"), make([]byte, maxPEM+1))
	if _, err := readCertificate(filepath.Join(dir, "long")); err == nil {
		t.Error("no bound")
	}
}
