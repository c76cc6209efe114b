package keys_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/hex"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"mobileid/issuer/keys"
	"mobileid/mdoc/pki"
)

var now = time.Date(2027, 1, 15, 3, 0, 0, 0, time.UTC)

func ceremony() keys.Ceremony { return keys.Ceremony{Now: func() time.Time { return now }} }

func newAuthority(tb testing.TB) *keys.Authority {
	tb.Helper()
	a, err := keys.NewTestAuthority(ceremony())
	if err != nil {
		tb.Fatal(err)
	}
	return a
}

// members lists every certificate of an authority with its root and profile.
func members(tb testing.TB, a *keys.Authority) []member {
	tb.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		tb.Fatal(err)
	}
	element, err := a.SecureElement([]byte{0, 1, 2, 3, 4, 5, 6, 7, 8, 0xaf}, key.Public())
	if err != nil {
		tb.Fatal(err)
	}
	return []member{
		{pki.DocumentSigner, pki.IACA, a.IACA, a.DocumentSigner.Chain},
		{pki.StatusSigner, pki.IACA, a.IACA, a.StatusSigner.Chain},
		{pki.ReaderAuth, pki.ReaderRoot, a.ReaderRoot, a.Reader.Chain},
		{pki.SEAttestation, pki.SERoot, a.SERoot, element},
	}
}

type member struct {
	profile, rootProfile pki.Profile
	root                 keys.Root
	chain                [][]byte
}

func TestAuthority(t *testing.T) {
	all := members(t, newAuthority(t))
	for _, m := range all {
		t.Run(m.profile.String(), func(t *testing.T) {
			if v := pki.Lint(m.root.Certificate, m.rootProfile); !v.OK() {
				t.Errorf("root: %s", v)
			}
			if v := pki.Lint(m.chain[0], m.profile); !v.OK() {
				t.Errorf("certificate: %s", v)
			}
			for _, der := range [][]byte{m.root.Certificate, m.chain[0]} {
				c, err := x509.ParseCertificate(der)
				if err != nil || !strings.Contains(c.Subject.CommonName, "TEST") {
					t.Errorf("common name without TEST: %v", err)
				}
			}
			// Every root trusts its own and none of the others, now and for a year less a day.
			for _, other := range all {
				anchors, err := other.root.Anchors()
				if err != nil {
					t.Fatal(err)
				}
				for _, at := range []time.Time{now.Add(-24 * time.Hour), now, now.AddDate(1, 0, -1)} {
					_, v, err := anchors.Check(m.chain, m.profile, at)
					if err != nil || v.OK() != (other.rootProfile == m.rootProfile) {
						t.Errorf("under %s: %v %s", other.rootProfile, err, v)
					}
				}
			}
		})
	}
	c, err := x509.ParseCertificate(all[3].chain[0])
	if err != nil {
		t.Fatal(err)
	}
	if id, err := pki.SEID(c); err != nil || hex.EncodeToString(id) != "000102030405060708af" {
		t.Errorf("secure element id %x: %v", id, err)
	}
}

func TestCeremonyRefuses(t *testing.T) {
	for name, c := range map[string]keys.Ceremony{
		"organization of a real name": {Organization: "Digital Agency"},
		"country in three letters":    {Country: "JPN"},
		"address that is none":        {IssuerURI: "issuer"},
	} {
		t.Run(name, func(t *testing.T) {
			if a, err := keys.NewTestAuthority(c); err == nil || a != nil {
				t.Error("held all the same")
			}
		})
	}
	a := newAuthority(t)
	if chain, err := a.SecureElement([]byte{1}, a.OrderKey.Public()); err == nil || chain != nil {
		t.Error("a secure element with an id of one byte was certified")
	}
	a.IACA.Key = nil
	if _, err := a.NextDocumentSigner("TEST signer 2"); err == nil {
		t.Error("a document signer without the root's key")
	}
}

func TestSaveAndOpen(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "authority")
	a := newAuthority(t)
	if err := a.Save(dir); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(sorted([]string{
		"-rw------- document-signer.key", "-rw-r--r-- document-signer.pem", "-rw-r--r-- iaca.crl", "-rw-r--r-- iaca.pem",
		"-rw------- offline/iaca.key", "-rw------- offline/reader-root.key", "-rw------- offline/se-root.key",
		"-rw------- order.key", "-rw-r--r-- order.pub", "-rw------- reader.key", "-rw-r--r-- reader-root.crl", "-rw-r--r-- reader-root.pem", "-rw-r--r-- reader.pem",
		"-rw-r--r-- se-root.pem", "-rw------- status-signer.key", "-rw-r--r-- status-signer.pem"}), sorted(listing(t, dir))); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
	b, err := keys.OpenAuthority(dir, ceremony())
	if err != nil {
		t.Fatal(err)
	}
	for _, pair := range [][2]keys.DocumentSigner{{a.DocumentSigner, b.DocumentSigner}, {a.StatusSigner, b.StatusSigner}, {a.Reader, b.Reader},
		{{Key: a.IACA.Key, Chain: [][]byte{a.IACA.Certificate}}, {Key: b.IACA.Key, Chain: [][]byte{b.IACA.Certificate}}},
		{{Key: a.SERoot.Key, Chain: [][]byte{a.SERoot.Certificate}}, {Key: b.SERoot.Key, Chain: [][]byte{b.SERoot.Certificate}}}} {
		if !cmp.Equal(pair[0].Chain, pair[1].Chain) || !pair[0].Key.Public().(*ecdsa.PublicKey).Equal(pair[1].Key.Public()) {
			t.Error("another key or certificate came back")
		}
	}
	pub, err := keys.OpenPublicKey(filepath.Join(dir, "order.pub"))
	if err != nil || !a.OrderKey.Public().(*ecdsa.PublicKey).Equal(pub) {
		t.Errorf("order key: %v", err)
	}
	if err := a.Save(dir); err == nil {
		t.Error("saved over an authority")
	}
	if _, err := b.NextDocumentSigner("TEST document signer 2"); err != nil {
		t.Error(err)
	}
}

// TestOffline takes the roots' keys away: what services need still opens, and nothing can be certified.
func TestOffline(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "authority")
	if err := newAuthority(t).Save(dir); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(filepath.Join(dir, "offline"), filepath.Join(t.TempDir(), "safe")); err != nil {
		t.Fatal(err)
	}
	a, err := keys.OpenAuthority(dir, ceremony())
	if err != nil {
		t.Fatal(err)
	}
	if a.IACA.Key != nil || a.SERoot.Key != nil {
		t.Error("a root's key is still here")
	}
	if _, err := a.NextDocumentSigner("TEST signer 2"); err == nil {
		t.Error("certified without the root's key")
	}
	if _, err := a.SecureElement(make([]byte, 10), a.OrderKey.Public()); err == nil {
		t.Error("certified a secure element without the root's key")
	}
}

func TestOpenAuthorityRefuses(t *testing.T) {
	for name, spoil := range map[string]func(t *testing.T, dir string){
		"certificate of another key": func(t *testing.T, dir string) { swap(t, dir, "document-signer.pem", "status-signer.pem") },
		"keys swapped":               func(t *testing.T, dir string) { swap(t, dir, "reader.key", "order.key") },
		"roots swapped":              func(t *testing.T, dir string) { swap(t, dir, "iaca.pem", "se-root.pem") },
		"key readable by others": func(t *testing.T, dir string) {
			if err := os.Chmod(filepath.Join(dir, "order.key"), 0o644); err != nil {
				t.Fatal(err)
			}
		},
		"root missing": func(t *testing.T, dir string) {
			if err := os.Remove(filepath.Join(dir, "iaca.pem")); err != nil {
				t.Fatal(err)
			}
		},
		"a key in place of a certificate": func(t *testing.T, dir string) { swap(t, dir, "iaca.pem", "order.key") },
		"two roots in one file": func(t *testing.T, dir string) {
			data, err := os.ReadFile(filepath.Join(dir, "iaca.pem"))
			if err != nil {
				t.Fatal(err)
			}
			writeFile(t, filepath.Join(dir, "iaca.pem"), slices.Concat(data, data), 0o644)
		},
		"certificate too large": func(t *testing.T, dir string) {
			writeFile(t, filepath.Join(dir, "reader.pem"), make([]byte, 65<<10), 0o644)
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "authority")
			if err := newAuthority(t).Save(dir); err != nil {
				t.Fatal(err)
			}
			spoil(t, dir)
			if a, err := keys.OpenAuthority(dir, ceremony()); err == nil || a != nil {
				t.Error("opened")
			}
		})
	}
	for _, path := range []string{"missing", os.DevNull} {
		if _, err := keys.OpenPublicKey(path); err == nil {
			t.Errorf("%s is a public key", path)
		}
	}
}

// TestSaveLeavesNothingHalf has a key that cannot be written down: the folder is gone again.
func TestSaveLeavesNothingHalf(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "authority")
	a := newAuthority(t)
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	a.OrderKey = key
	if err := a.Save(dir); err == nil {
		t.Error("a key of another kind was saved")
	}
	if _, err := os.Stat(dir); !os.IsNotExist(err) {
		t.Errorf("the folder is still there: %v", err)
	}
}

func swap(t *testing.T, dir, a, b string) {
	t.Helper()
	a, b = filepath.Join(dir, a), filepath.Join(dir, b)
	for _, step := range [][2]string{{a, a + ".x"}, {b, a}, {a + ".x", b}} {
		if err := os.Rename(step[0], step[1]); err != nil {
			t.Fatal(err)
		}
	}
}

func listing(t *testing.T, dir string) []string {
	t.Helper()
	var out []string
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		name, err := filepath.Rel(dir, path)
		out = append(out, info.Mode().String()+" "+name)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func sorted(in []string) []string {
	out := slices.Clone(in)
	slices.Sort(out)
	return out
}
