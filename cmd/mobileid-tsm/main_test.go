package main

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"mobileid/cmd/internal/link"
	"mobileid/cmd/internal/serve/servetest"
	"mobileid/issuer/tsmclient"
	"mobileid/mdoc/mdoctest/canary"
	"mobileid/mdoc/pki"
)

// good is a complete settings file beside what it names; alter may change it.
func good(t *testing.T, alter func(map[string]any)) string {
	t.Helper()
	dir := t.TempDir()
	check(t, link.Certify(filepath.Join(dir, "service"), dir, time.Now()))
	order, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	check(t, err)
	der, err := x509.MarshalPKIXPublicKey(order.Public())
	check(t, err)
	check(t, os.WriteFile(filepath.Join(dir, "order.pub"), pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}), 0o600))
	s := map[string]any{"listen": "127.0.0.1:0", "store": filepath.Join(dir, "state"), "order_key": filepath.Join(dir, "order.pub"),
		"master_keys": map[string]any{"48": masterKey(t, dir, "48"), "63": masterKey(t, dir, "63")}, "issuer_url": "https://issuer.example",
		"link": link.In(filepath.Join(dir, "service"), link.TSMEnd, "127.0.0.1:0")}
	return servetest.Write(t, dir, s, alter)
}

func masterKey(t *testing.T, dir, name string) string {
	t.Helper()
	key := make([]byte, 32)
	_, _ = rand.Read(key)
	check(t, os.WriteFile(filepath.Join(dir, name), key, 0o600))
	return "file:" + filepath.Join(dir, name)
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestSettings(t *testing.T) {
	set := servetest.Set
	cases := []struct {
		name  string
		alter func(map[string]any)
		want  string // "" when they are good
	}{
		{"good", nil, ""},
		{"unknown name", set("listn", "x"), "listn"},
		{"no listen", set("listen", ""), "listen"},
		{"listen without port", set("listen", "127.0.0.1"), "listen"},
		{"no store", set("store", ""), "store is missing"},
		{"no master keys", set("master_keys", map[string]any{}), "master_keys is empty"},
		{"master key of SCP02", set("master_keys", map[string]any{"32": "file:x", "48": "file:x"}), "master_keys: a version"},
		{"version with a zero before", set("master_keys", map[string]any{"048": "file:x", "48": "file:x"}), "master_keys: a version"},
		{"version in words", set("master_keys", map[string]any{"canary": "file:x", "48": "file:x"}), "master_keys: a version"},
		{"PIN in a URI", set("master_keys", map[string]any{"48": "pkcs11:token=t;object=k?module-path=/m.so&pin-value=canary"}), "pin-source"},
		{"no such master key", set("master_keys", map[string]any{"48": "file:absent"}), "opening master key"},
		{"no such module", set("master_keys", map[string]any{"48": "pkcs11:token=t;object=k?module-path=/absent.so&pin-source=file:/absent"}), "module"},
		{"no order key", set("order_key", ""), "order_key is missing"},
		{"issuer without scheme", set("issuer_url", "issuer.example"), "issuer_url"},
		{"issuer over plain HTTP", set("issuer_url", "http://127.0.0.1:1"), "issuer_url"},
		{"key version without a key", set("key_version", 0x31), "key_version"},
		{"key version zero", set("key_version", 0), "key_version"},
		{"highest key version", set("key_version", 0x3F), ""},
		{"no link", set("link", map[string]any{}), "link.certificate is missing"},
		{"no such certificate", set("link", link.In("absent", link.TSMEnd, "127.0.0.1:0")), "opening link"},
		{"no such order key", set("order_key", "absent"), "opening public key"},
		{"desk without operators", set("desk", map[string]any{"listen": "127.0.0.1:0"}), "desk: listen and operators"},
		{"desk with a token", set("desk", map[string]any{"listen": "127.0.0.1:0", "operators": map[string]any{"desk": "canary"}}), "desk.operators"},
		{"desk", set("desk", map[string]any{"listen": "127.0.0.1:0", "operators": map[string]any{"desk": strings.Repeat("0a", 32)}}), ""},
		{"negative bound", set("max_sessions", -1), "max_sessions"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			servetest.Check(t, run, good(t, c.alter), c.want)
		})
	}
}

func TestInitMakesStateOnce(t *testing.T) {
	path := good(t, nil)
	servetest.InitOnce(t, run, path, filepath.Join(filepath.Dir(path), "state"))
}

// service runs the TSM until the test ends, and gives the roots of its two addresses.
func service(t *testing.T, path string, log *canary.Log) (phones, orders string) {
	t.Helper()
	var stdout bytes.Buffer
	if code := run(t.Context(), []string{"-config", path, "-init"}, &stdout, log); code != 0 {
		t.Fatalf("-init: exit %d: %s", code, log.String())
	}
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	ended := make(chan int, 1)
	go func() { ended <- run(ctx, []string{"-config", path}, &stdout, log) }()
	t.Cleanup(func() {
		stop()
		if code := <-ended; code != 0 {
			t.Errorf("exit %d: %s", code, log.String())
		}
	})
	return addresses(t, log)
}

// addresses waits for the two addresses in the log of a TSM that starts.
func addresses(t *testing.T, log *canary.Log) (phones, orders string) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); phones == "" || orders == ""; {
		for line := range strings.Lines(log.String()) {
			var event struct {
				Msg, Addr string
				TLS       bool
			}
			if json.Unmarshal([]byte(line), &event) != nil || event.Msg != "serving" {
				continue
			}
			if event.TLS {
				orders = "https://" + event.Addr
			} else {
				phones = "http://" + event.Addr
			}
		}
		if time.Now().After(deadline) {
			t.Fatalf("the service did not come up: %s", log.String())
		}
	}
	return phones, orders
}

// Only the issuer, with its certificate, gets an order as far as its signature; the phones' address has no such door.
func TestOrdersComeOverTheLine(t *testing.T) {
	path, log := good(t, nil), &canary.Log{}
	dir := filepath.Join(filepath.Dir(path), "service")
	phones, orders := service(t, path, log)
	issuer, err := link.Open(link.In(dir, link.IssuerEnd, "127.0.0.1:0"), slog.New(slog.DiscardHandler), nil)
	check(t, err)
	submit := func(url string, by http.RoundTripper) string {
		client, err := tsmclient.New(tsmclient.Config{BaseURL: url, Transport: by})
		check(t, err)
		if err = client.Submit(t.Context(), []byte("no order")); err == nil {
			t.Fatal("nonsense was taken for an order")
		}
		return err.Error()
	}
	if said := submit(orders, issuer.Transport()); !strings.Contains(said, "order_malformed") {
		t.Errorf("the issuer: %s", said)
	}
	if said := submit(phones, http.DefaultTransport); !strings.Contains(said, "not_found") {
		t.Errorf("at the phones' address: %s", said)
	}
	roots := x509.NewCertPool()
	ca, err := os.ReadFile(filepath.Join(dir, "ca.pem"))
	check(t, err)
	roots.AppendCertsFromPEM(ca)
	for name, change := range map[string]func(*tls.Config){
		"without a certificate": func(*tls.Config) {},
		"over TLS 1.2":          func(c *tls.Config) { c.MaxVersion = tls.VersionTLS12 },
		"with the TSM's own": func(c *tls.Config) {
			own, err := tls.LoadX509KeyPair(filepath.Join(dir, "tsm.pem"), filepath.Join(dir, "tsm.key"))
			check(t, err)
			c.Certificates = []tls.Certificate{own}
		},
		"of a stranger": func(c *tls.Config) {
			key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
			check(t, err)
			other, err := link.NewAuthority(key, time.Now())
			check(t, err)
			der, err := other.Issue("issuer.test", key.Public(), time.Now())
			check(t, err)
			c.Certificates = []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}
		},
	} {
		t.Run(name, func(t *testing.T) {
			c := &tls.Config{RootCAs: roots, ServerName: "tsm.test", MaxVersion: tls.VersionTLS13}
			change(c)
			if said := submit(orders, &http.Transport{TLSClientConfig: c, DisableKeepAlives: true}); strings.Contains(said, "order") && strings.Contains(said, "malformed") {
				t.Errorf("got as far as the door: %s", said)
			}
		})
	}
	t.Run("SERAM on the line", func(t *testing.T) {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, orders+"/gp/seram/order", strings.NewReader("{}"))
		check(t, err)
		req.Header.Set("Content-Type", "application/json")
		resp, err := issuer.Transport().RoundTrip(req)
		check(t, err)
		defer resp.Body.Close()
		if resp.StatusCode != http.StatusNotFound {
			t.Errorf("status %d", resp.StatusCode)
		}
	})
}

// What the service says at the start, when it refuses, and when its files are renewed holds no key.
func TestNothingSaidHoldsAKey(t *testing.T) {
	path, log := good(t, nil), &canary.Log{}
	dir := filepath.Dir(path)
	secrets := map[string][]byte{}
	for _, name := range []string{"48", "63"} {
		b, err := os.ReadFile(filepath.Join(dir, name))
		check(t, err)
		secrets["master key "+name] = b
	}
	for _, name := range []string{"service/tsm.key", "service-ca.key"} {
		b, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(name)))
		check(t, err)
		block, _ := pem.Decode(b)
		secrets[name] = block.Bytes[len(block.Bytes)/3:]
	}
	service(t, path, log)
	check(t, errors.Join(link.Certify(filepath.Join(dir, "service"), dir, time.Now()), os.WriteFile(filepath.Join(dir, "bad"), secrets["master key 48"][:31], 0o600)))
	for _, alter := range []func(map[string]any){
		func(s map[string]any) { s["master_keys"] = map[string]any{"48": "file:" + filepath.Join(dir, "bad")} },
		func(s map[string]any) {
			s["master_keys"] = map[string]any{"48": "file:" + filepath.Join(dir, "service", "tsm.key")}
		},
		func(s map[string]any) { s["order_key"] = filepath.Join(dir, "service", "tsm.key") },
		func(s map[string]any) {
			own := link.In(filepath.Join(dir, "service"), link.TSMEnd, "127.0.0.1:0")
			own.Certificate = filepath.Join(dir, "service", "tsm.key")
			s["link"] = own
		},
		func(s map[string]any) {
			own := link.In(filepath.Join(dir, "service"), link.TSMEnd, "127.0.0.1:0")
			own.Key = "file:" + filepath.Join(dir, "48")
			s["link"] = own
		},
	} {
		if code := run(t.Context(), []string{"-config", good(t, alter), "-check"}, log, log); code != 1 {
			t.Errorf("exit %d", code)
		}
	}
	for name, secret := range secrets {
		for _, form := range [][]byte{secret[:8], []byte(hex.EncodeToString(secret[:8])), bytes.TrimSpace(pki.EncodePEM(secret))[30:50]} {
			if strings.Contains(log.String(), string(form)) {
				t.Errorf("%s is in the log", name)
			}
		}
	}
}
