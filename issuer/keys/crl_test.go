package keys_test

import (
	"crypto/x509"
	"errors"
	"path/filepath"
	"testing"
	"time"

	"mobileid/issuer/keys"
	"mobileid/mdoc/pki"
)

// TestCRLOfAnAuthority revokes, holds and releases a document signer, and looks at each list as a till would.
func TestCRLOfAnAuthority(t *testing.T) {
	a := newAuthority(t)
	at := ceremony().Now()
	lists, err := a.Revocations(at)
	if err != nil {
		t.Fatal(err)
	}
	leaf, root := parse(t, a.DocumentSigner.Chain[0]), parse(t, a.IACA.Certificate)
	see := func(want pki.RevocationState) {
		t.Helper()
		if got := lists.Revocation(leaf, root, at); got.State != want {
			t.Errorf("%+v, want state %d", got, want)
		}
	}
	see(pki.NotRevoked)
	publish := func(der []byte, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		a.IACA.CRL = der
		if err := lists.Put(der, at); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := a.IACA.Release(at, leaf.SerialNumber); !errors.Is(err, keys.ErrNotRevoked) {
		t.Errorf("released what is not on hold: %v", err)
	}
	publish(a.IACA.RenewCRL(at, pki.Revocation{Serial: leaf.SerialNumber, Date: at, Reason: pki.CertificateHold}))
	see(pki.Revoked)
	publish(a.IACA.RenewCRL(at)) // the entry stays
	see(pki.Revoked)
	publish(a.IACA.Release(at, leaf.SerialNumber))
	see(pki.NotRevoked)
	publish(a.IACA.RenewCRL(at, pki.Revocation{Serial: leaf.SerialNumber, Date: at}))
	see(pki.Revoked)
	if v := pki.LintCRL(a.IACA.CRL, root, pki.CRLAnnexB); !v.OK() {
		t.Errorf("a list without reasons: %s", v)
	}
	if _, err := a.IACA.Release(at, leaf.SerialNumber); !errors.Is(err, keys.ErrNotRevoked) {
		t.Errorf("released what is revoked for ever: %v", err)
	}
	publish(a.IACA.RenewCRL(at, pki.Revocation{Serial: leaf.SerialNumber, Date: at, Reason: pki.Superseded})) // once more, with a reason
	if got := lists.Revocation(leaf, root, at); got.Reason != pki.Superseded {
		t.Errorf("%+v", got)
	}
}

func TestCRLNeedsTheKey(t *testing.T) {
	a := newAuthority(t)
	offline := a.IACA
	offline.Key = nil
	at := time.Now()
	if _, err := offline.RenewCRL(at); err == nil {
		t.Error("made without a key")
	}
	if _, err := (keys.Root{}).RenewCRL(at); err == nil {
		t.Error("made without a list before")
	}
	if _, err := (keys.Root{}).Release(at, parse(t, a.DocumentSigner.Chain[0]).SerialNumber); err == nil {
		t.Error("released without a list before")
	}
	dir := filepath.Join(t.TempDir(), "authority")
	if err := a.Save(dir); err != nil {
		t.Fatal(err)
	}
	b, err := keys.OpenAuthority(dir, ceremony())
	if err != nil || string(b.IACA.CRL) != string(a.IACA.CRL) || string(b.ReaderRoot.CRL) != string(a.ReaderRoot.CRL) {
		t.Errorf("another list read back: %v", err)
	}
}

func parse(t *testing.T, der []byte) *x509.Certificate {
	t.Helper()
	c, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return c
}
