package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"mobileid/cmd/internal/link"
	"mobileid/cmd/internal/serve/servetest"
	"mobileid/issuer/card"
	"mobileid/issuer/card/cardsim"
	"mobileid/issuer/keys"
	"mobileid/mdoc/pki"
)

// named makes a folder with everything that good's settings name.
func named(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	authority, err := keys.NewTestAuthority(keys.Ceremony{})
	must(t, err)
	must(t, authority.Save(filepath.Join(dir, "keys")))
	must(t, link.Certify(filepath.Join(dir, "service"), dir, time.Now()))
	cards, err := cardsim.NewAuthority(cardsim.AuthorityConfig{})
	must(t, err)
	municipal, err := card.EncodeMunicipalRoots(cards.MunicipalRoots())
	must(t, err)
	write(t, filepath.Join(dir, "s.pem"), string(pki.EncodePEM(cards.SignatureRoots()[0].Raw)))
	write(t, filepath.Join(dir, "a.pem"), string(pki.EncodePEM(cards.AuthenticationRoots()[0].Raw)))
	write(t, filepath.Join(dir, "m.pem"), string(municipal))
	write(t, filepath.Join(dir, "secret"), strings.Repeat("s", 32))
	return dir
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// good is a complete settings file, of what named made in dir; alter may change it.
func good(t *testing.T, dir string, alter func(map[string]any)) string {
	t.Helper()
	at := func(name string) string { return filepath.Join(dir, filepath.FromSlash(name)) }
	signer := func(name string) map[string]any {
		return map[string]any{"key": "file:" + at("keys/"+name+".key"), "chain": at("keys/" + name + ".pem")}
	}
	own := t.TempDir()
	s := map[string]any{"listen": "127.0.0.1:0", "store": filepath.Join(own, "issuer.db"), "secret": at("secret"),
		"authority": "TEST", "iaca": at("keys/iaca.pem"), "se_roots": at("keys/se-root.pem"), "document_signers": []any{signer("document-signer")},
		"status_signer": signer("status-signer"), "order_key": "file:" + at("keys/order.key"),
		"status_uri": "https://issuer.example/v1/status-lists/1", "tsm_url": "https://tsm.example",
		"link":                 link.In(at("service"), link.IssuerEnd, "127.0.0.1:0"),
		"card_signature_roots": at("s.pem"), "card_authentication_roots": at("a.pem"), "card_municipal_roots": at("m.pem"),
		"card_status": []any{map[string]any{"ca": at("s.pem"), "crls": []string{"https://jpki.example/s.crl"}},
			map[string]any{"ca": at("a.pem"), "ocsp": "https://jpki.example/ocsp"}}}
	return servetest.Write(t, own, s, alter)
}

func write(t *testing.T, path, text string) string {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestSettings(t *testing.T) {
	set := servetest.Set
	cases := []struct {
		name  string
		alter func(map[string]any)
		want  string // "" when they are good
	}{
		{"good", nil, ""},
		{"unknown name", set("status_url", "x"), "status_url"},
		{"no listen", set("listen", ""), "listen"},
		{"no store", set("store", ""), "store is missing"},
		{"no secret", set("secret", ""), "secret is missing"},
		{"no SE roots", set("se_roots", ""), "se_roots is missing"},
		{"no signers", set("document_signers", []any{}), "document_signers is empty"},
		{"signer without chain", set("document_signers", []any{map[string]any{"key": "file:a"}}), "key or chain"},
		{"not TEST", set("authority", "Ministry"), "TEST"},
		{"status URI elsewhere", set("status_uri", "https://issuer.example/lists/1"), "status_uri"},
		{"status URI is a folder", set("status_uri", "https://issuer.example/v1/status-lists/"), "status_uri"},
		{"TSM without scheme", set("tsm_url", "tsm.example:80"), "tsm_url"},
		{"TSM over plain HTTP", set("tsm_url", "http://127.0.0.1:1"), "tsm_url"},
		{"no link", set("link", map[string]any{}), "link.certificate is missing"},
		{"no such certificate", set("link", link.In("absent", link.IssuerEnd, "127.0.0.1:0")), "opening link"},
		{"no such order key", set("order_key", "file:absent"), "opening key"},
		{"PIN in a URI", set("order_key", "pkcs11:token=t;object=k?module-path=/m.so&pin-value=canary"), "pin-source"},
		{"no such module", set("order_key", "pkcs11:token=t;object=k?module-path=/absent.so&pin-source=file:/absent"), "module"},
		{"no status source", set("card_status", []any{}), "card_status is empty"},
		{"CA without a place", set("card_status", []any{map[string]any{"ca": "s.pem"}}), "card_status: ca"},
		{"eight days of grace", set("card_status_grace", "192h"), "card_status_grace"},
		{"no authentication roots", set("card_authentication_roots", ""), "card_authentication_roots is missing"},
		{"negative bound", set("max_held", -1), "max_held"},
	}
	dir := named(t)
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			servetest.Check(t, run, good(t, dir, c.alter), c.want)
		})
	}
}

func TestInitMakesTheStoreOnce(t *testing.T) {
	path := good(t, "absent", nil)
	servetest.InitOnce(t, run, path, filepath.Join(filepath.Dir(path), "issuer.db"))
}

func TestOperators(t *testing.T) {
	sum := sha256.Sum256([]byte("token"))
	hash := hex.EncodeToString(sum[:])
	cases := []struct {
		name, text string
		want       int // operators; 0 when refused
	}{
		{"two", "one " + hash + "\n\ntwo " + strings.Repeat("ab", 32) + "\n", 2},
		{"nobody", "\n", 0},
		{"no name", hash + "\n", 0},
		{"short hash", "one " + hash[:62] + "\n", 0},
		{"token instead of its hash", "one token\n", 0},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			got, err := operators(write(t, filepath.Join(t.TempDir(), "operators"), c.text))
			if len(got) != c.want || (err == nil) != (c.want > 0) {
				t.Fatalf("got %d, %v; want %d", len(got), err, c.want)
			}
			if c.want > 0 && (got[0].Name != "one" || !bytes.Equal(got[0].TokenHash, sum[:])) {
				t.Errorf("got %q, %x", got[0].Name, got[0].TokenHash)
			}
			if err != nil && strings.Contains(err.Error(), "token\n") {
				t.Errorf("the error repeats the line: %v", err)
			}
		})
	}
	if got, err := operators(""); got != nil || err != nil {
		t.Errorf("without the setting: %v, %v", got, err)
	}
}

func TestDenyList(t *testing.T) {
	a, err := keys.NewTestAuthority(keys.Ceremony{})
	if err != nil {
		t.Fatal(err)
	}
	listed, unlisted := a.DocumentSigner.Chain[0], a.Reader.Chain[0]
	text := string(pki.EncodePEM(listed))
	cases := []struct {
		name, text string
		ok, denied bool
	}{
		{"empty", "", true, false},
		{"one", text, true, true},
		{"two", string(pki.EncodePEM(a.IACA.Certificate)) + "\n" + text, true, true},
		{"text between", text + "broken\n" + text, false, false},
		{"cut", text + text[:len(text)/2], false, false},
		{"other block", strings.ReplaceAll(text, "CERTIFICATE", "X509 CRL"), false, false},
		{"other block first", strings.ReplaceAll(text, "CERTIFICATE", "X509 CRL") + text, false, false},
		{"broken block is not skipped", strings.Replace(text, "M", "!", 1) + text, false, false},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			list, err := denyList(write(t, filepath.Join(t.TempDir(), "deny.pem"), c.text))
			if (err == nil) != c.ok {
				t.Fatalf("got %v, want success %v", err, c.ok)
			}
			if !c.ok {
				return
			}
			source := list.Before(asked{})
			for der, want := range map[string]card.CertificateState{string(listed): map[bool]card.CertificateState{true: card.StateRevoked,
				false: card.StateInForce}[c.denied], string(unlisted): card.StateInForce} {
				parsed, err := x509.ParseCertificate([]byte(der))
				if err != nil {
					t.Fatal(err)
				}
				if got := source.Status(t.Context(), parsed, nil, time.Now()).State; got != want {
					t.Errorf("state %v, want %v", got, want)
				}
			}
		})
	}
}

// asked is a source that knows of no revocation.
type asked struct{}

func (asked) Status(context.Context, *x509.Certificate, *x509.Certificate, time.Time) card.StatusAnswer {
	return card.StatusAnswer{State: card.StateInForce}
}

// A root about which nobody can be asked keeps the service from starting.
func TestStatusSource(t *testing.T) {
	cards, err := cardsim.NewAuthority(cardsim.AuthorityConfig{})
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	signature, authentication := filepath.Join(dir, "s.pem"), filepath.Join(dir, "a.pem")
	write(t, signature, string(pki.EncodePEM(cards.SignatureRoots()[0].Raw)))
	write(t, authentication, string(pki.EncodePEM(cards.AuthenticationRoots()[0].Raw)))
	both := filepath.Join(dir, "both.pem")
	write(t, both, string(pki.EncodePEM(cards.SignatureRoots()[0].Raw, cards.AuthenticationRoots()[0].Raw)))
	roots := append(cards.SignatureRoots(), cards.AuthenticationRoots()...)
	place := func(ca string) statusPlaces {
		return statusPlaces{CA: ca, CRLs: []string{"http://127.0.0.1:1/list.crl"}}
	}
	for name, c := range map[string]struct {
		places []statusPlaces
		want   string
	}{
		"both":              {[]statusPlaces{place(signature), place(authentication)}, ""},
		"one root left out": {[]statusPlaces{place(signature)}, "nobody can be asked"},
		"no such file":      {[]statusPlaces{place(filepath.Join(dir, "x.pem"))}, "is not one certificate"},
		"two in a file":     {[]statusPlaces{place(both)}, "is not one certificate"},
		"named twice":       {[]statusPlaces{place(signature), place(authentication), place(signature)}, "named twice"},
		"no address":        {[]statusPlaces{{CA: signature, CRLs: []string{"ldap://x"}}, place(authentication)}, "no http or https address"},
	} {
		t.Run(name, func(t *testing.T) {
			s := settings{CardStatus: c.places}
			source, err := s.statusSource(roots, slog.New(slog.DiscardHandler))
			if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) || (source == nil) == (err == nil) {
				t.Errorf("source %v, error %v", source != nil, err)
			}
		})
	}
}
