package ceremony_test

import (
	"bytes"
	"crypto/x509"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"mobileid/cmd/mobileid/internal/ceremony"
	"mobileid/issuer/keys"
	"mobileid/mdoc/pki"
)

// TestRevokeInAFolder holds the ceremony, revokes and releases a document signer, and reads the lists as a till would.
func TestRevokeInAFolder(t *testing.T) {
	dir, _ := hold(t)
	signer, reader := filepath.Join(dir, "keys", "document-signer.pem"), filepath.Join(dir, "keys", "reader.pem")
	at := time.Now()
	a, err := keys.OpenAuthority(filepath.Join(dir, "keys"), keys.Ceremony{})
	if err != nil {
		t.Fatal(err)
	}
	lists, err := a.Revocations(at)
	if err != nil {
		t.Fatal(err)
	}
	state := func(chain [][]byte, root []byte, file string) pki.RevocationState {
		t.Helper()
		if err := lists.Put(read(t, dir, "keys", file), time.Now()); err != nil {
			t.Fatal(err)
		}
		leaf, err := x509.ParseCertificate(chain[0])
		if err != nil {
			t.Fatal(err)
		}
		issuer, err := x509.ParseCertificate(root)
		if err != nil {
			t.Fatal(err)
		}
		return lists.Revocation(leaf, issuer, time.Now()).State
	}
	ds := func() pki.RevocationState { return state(a.DocumentSigner.Chain, a.IACA.Certificate, "iaca.crl") }
	var out bytes.Buffer
	for _, step := range []struct {
		name string
		do   func() error
		want pki.RevocationState
	}{
		{"at first", func() error { return nil }, pki.NotRevoked},
		{"on hold", func() error { return ceremony.Revoke(dir, signer, "certificateHold", at, &out) }, pki.Revoked},
		{"released", func() error { return ceremony.Release(dir, signer, at, &out) }, pki.NotRevoked},
		{"revoked", func() error { return ceremony.Revoke(dir, signer, "", at, &out) }, pki.Revoked},
		{"renewed", func() error { return ceremony.RenewCRLs(dir, at, &out) }, pki.Revoked},
	} {
		if err := step.do(); err != nil {
			t.Fatalf("%s: %v", step.name, err)
		}
		if got := ds(); got != step.want {
			t.Errorf("%s: state %d, want %d", step.name, got, step.want)
		}
	}
	if err := ceremony.Revoke(dir, reader, "cessationOfOperation", at, &out); err != nil {
		t.Fatal(err)
	}
	if got := state(a.Reader.Chain, a.ReaderRoot.Certificate, "reader-root.crl"); got != pki.Revoked {
		t.Errorf("reader: state %d", got)
	}
	if !strings.Contains(out.String(), "iaca.crl: number 5, 1 revoked") {
		t.Errorf("printed %q", out.String())
	}
}

func TestRevokeRefuses(t *testing.T) {
	dir, _ := hold(t)
	other, _ := hold(t)
	signer := filepath.Join(dir, "keys", "document-signer.pem")
	before := read(t, dir, "keys", "iaca.crl")
	var out bytes.Buffer
	for name, do := range map[string]func() error{
		"no such reason":            func() error { return ceremony.Revoke(dir, signer, "because", time.Now(), &out) },
		"a reason that is not ours": func() error { return ceremony.Revoke(dir, signer, "keyCompromise", time.Now(), &out) },
		"no certificate":            func() error { return ceremony.Revoke(dir, filepath.Join(dir, "none.pem"), "", time.Now(), &out) },
		"a key": func() error {
			return ceremony.Revoke(dir, filepath.Join(dir, "keys", "reader.key"), "", time.Now(), &out)
		},
		"a stranger's certificate": func() error {
			return ceremony.Revoke(dir, filepath.Join(other, "keys", "document-signer.pem"), "", time.Now(), &out)
		},
		"release of what is good": func() error { return ceremony.Release(dir, signer, time.Now(), &out) },
		"no folder":               func() error { return ceremony.RenewCRLs(filepath.Join(dir, "none"), time.Now(), &out) },
		"no folder to revoke in":  func() error { return ceremony.Revoke(filepath.Join(dir, "none"), signer, "", time.Now(), &out) },
	} {
		if do() == nil {
			t.Errorf("%s: done all the same", name)
		}
	}
	if err := os.RemoveAll(filepath.Join(dir, "keys", "offline")); err != nil {
		t.Fatal(err)
	}
	if ceremony.RenewCRLs(dir, time.Now(), &out) == nil || ceremony.Revoke(dir, signer, "", time.Now(), &out) == nil {
		t.Error("done without the roots' keys")
	}
	if !bytes.Equal(read(t, dir, "keys", "iaca.crl"), before) || out.Len() > 0 {
		t.Error("a refusal left something behind")
	}
}
