package ceremony_test

import (
	"bytes"
	"context"
	"crypto/elliptic"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"mobileid/cmd/internal/link"
	"mobileid/cmd/mobileid/internal/ceremony"
	"mobileid/issuer/card"
	"mobileid/issuer/card/cardsim"
	"mobileid/issuer/keys"
	"mobileid/tsm"
)

// hold makes a ceremony's folder and gives what was printed.
func hold(t *testing.T) (dir, printed string) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "test authority")
	var out bytes.Buffer
	if err := ceremony.Run(t.Context(), dir, &out); err != nil {
		t.Fatal(err)
	}
	return dir, out.String()
}

func read(t *testing.T, parts ...string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(parts...))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestFolder(t *testing.T) {
	dir, printed := hold(t)

	t.Run("secrets are their owner's and not printed", func(t *testing.T) {
		secrets := 0
		err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			info, err := d.Info()
			if err != nil {
				return err
			}
			if d.IsDir() {
				if info.Mode().Perm() != 0o700 {
					t.Errorf("%s has mode %v", path, info.Mode())
				}
				return nil
			}
			switch filepath.Base(path) {
			case "authority.secret", "secret", "token", "operator.token", "counter.token":
			default:
				if filepath.Ext(path) != ".key" {
					return nil
				}
			}
			secrets++
			if info.Mode().Perm() != 0o600 {
				t.Errorf("%s has mode %v", path, info.Mode())
			}
			if text := strings.TrimSpace(string(read(t, path))); strings.Contains(printed, text) {
				t.Errorf("%s was printed", path)
			}
			return nil
		})
		if err != nil || secrets != 18 {
			t.Errorf("%d secrets, %v; want 12 keys, the master key, and five more", secrets, err)
		}
	})
	t.Run("authority opens", func(t *testing.T) {
		if _, err := keys.OpenAuthority(filepath.Join(dir, "keys"), keys.Ceremony{}); err != nil {
			t.Error(err)
		}
	})
	t.Run("cards chain to the issuer's roots", func(t *testing.T) {
		a, err := cardsim.ParseAuthority(read(t, dir, "card", "authority.secret"), cardsim.AuthorityConfig{})
		if err != nil {
			t.Fatal(err)
		}
		roots, err := card.ParseMunicipalRoots(read(t, dir, "card", "municipal-roots.pem"))
		if err != nil || len(roots) != 2 {
			t.Fatalf("%d municipal roots, %v", len(roots), err)
		}
		for id, key := range a.MunicipalRoots() {
			if roots[id] == nil || !roots[id].Equal(key) {
				t.Errorf("municipal root %v is missing or another", id)
			}
		}
	})
	t.Run("hashes are the tokens'", func(t *testing.T) {
		for name, who := range map[string]string{"operator": "desk", "counter": "counter"} {
			sum := sha256.Sum256(bytes.TrimSpace(read(t, dir, "issuer", name+".token")))
			if got, want := string(read(t, dir, "issuer", name+"s")), who+" "+hex.EncodeToString(sum[:])+"\n"; got != want {
				t.Errorf("%ss %q, want %q", name, got, want)
			}
		}
		var settings struct{ Operators, Counters string }
		if err := json.Unmarshal(read(t, dir, "issuer.json"), &settings); err != nil ||
			settings.Operators != filepath.Join(dir, "issuer", "operators") || settings.Counters != filepath.Join(dir, "issuer", "counters") {
			t.Errorf("settings %+v, %v", settings, err)
		}
	})
	t.Run("what comes next is printed", func(t *testing.T) {
		for _, want := range []string{"mobileid-issuer -config", "mobileid pki jpki-test --dir " + dir, filepath.Join(dir, "issuer", "counter.token")} {
			if !strings.Contains(printed, want) {
				t.Errorf("nothing is said of %q", want)
			}
		}
	})
	t.Run("master key is taken", func(t *testing.T) {
		if _, err := tsm.OpenMasterKey("file:"+filepath.Join(dir, "tsm", "master.key"), 0x30); err != nil {
			t.Error(err)
		}
	})
	t.Run("issuer and TSM have certificates for each other", func(t *testing.T) {
		at := func(name string) link.Settings {
			var settings struct{ Link link.Settings }
			if err := json.Unmarshal(read(t, dir, name+".json"), &settings); err != nil {
				t.Fatal(err)
			}
			if _, err := link.Open(settings.Link, slog.New(slog.DiscardHandler), nil); err != nil {
				t.Error(err)
			}
			return settings.Link
		}
		before := read(t, at("issuer").Certificate)
		if at("issuer").Peer != "tsm.test" || at("tsm").Peer != "issuer.test" {
			t.Errorf("peers %q, %q", at("issuer").Peer, at("tsm").Peer)
		}
		var out bytes.Buffer
		if err := ceremony.RenewServices(dir, time.Now(), &out); err != nil || !strings.Contains(out.String(), "TEST") {
			t.Fatalf("%v: %s", err, out.String())
		}
		if bytes.Equal(read(t, at("issuer").Certificate), before) {
			t.Error("not renewed")
		}
		at("tsm")
		if err := ceremony.RenewServices(t.TempDir(), time.Now(), &out); err == nil {
			t.Error("certified in an empty folder")
		}
	})
	t.Run("a signer with its key elsewhere", func(t *testing.T) {
		key, err := keys.Generate("file:"+filepath.Join(t.TempDir(), "key"), elliptic.P256())
		if err != nil {
			t.Fatal(err)
		}
		der, err := x509.MarshalPKIXPublicKey(key.Public())
		if err != nil {
			t.Fatal(err)
		}
		public, chain := filepath.Join(t.TempDir(), "ds.pub"), filepath.Join(t.TempDir(), "ds.pem")
		if err := os.WriteFile(public, pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := ceremony.CertifySigner(dir, public, chain, io.Discard); err != nil {
			t.Fatal(err)
		}
		signer, err := keys.WithChain(key, chain)
		if err != nil {
			t.Fatal(err)
		}
		a, err := keys.OpenAuthority(filepath.Join(dir, "keys"), keys.Ceremony{})
		if err != nil {
			t.Fatal(err)
		}
		anchors, err := a.IACA.Anchors()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := keys.NewRing(anchors, a.DocumentSigner, signer); err != nil {
			t.Errorf("the ring refuses it: %v", err)
		}
		if err := ceremony.CertifySigner(dir, public, chain, io.Discard); !errors.Is(err, fs.ErrExist) {
			t.Errorf("written over another: %v", err)
		}
		if err := ceremony.CertifySigner(dir, chain, chain+"2", io.Discard); err == nil {
			t.Error("a certificate was taken for a public key")
		}
		if err := ceremony.CertifySigner(t.TempDir(), public, chain+"3", io.Discard); err == nil {
			t.Error("certified without an authority")
		}
	})
	t.Run("no state", func(t *testing.T) {
		if entries, err := os.ReadDir(filepath.Join(dir, "state")); err != nil || len(entries) > 0 {
			t.Errorf("state holds %v, %v", entries, err)
		}
	})
}

func TestExistingFolderIsLeftAlone(t *testing.T) {
	dir := t.TempDir()
	kept := filepath.Join(dir, "issuer.json")
	if err := os.WriteFile(kept, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := ceremony.Run(t.Context(), dir, new(bytes.Buffer)); !errors.Is(err, fs.ErrExist) {
		t.Errorf("got %v, want ErrExist", err)
	}
	if got := read(t, kept); string(got) != "mine" {
		t.Errorf("the file became %q", got)
	}
}

func TestInterruptedCeremonyLeavesNothing(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	dir := filepath.Join(t.TempDir(), "authority")
	if err := ceremony.Run(ctx, dir, new(bytes.Buffer)); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want context.Canceled", err)
	}
	if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the folder is there: %v", err)
	}
}

// Two ceremonies share nothing.
func TestSecretsAreDrawn(t *testing.T) {
	one, _ := hold(t)
	other, _ := hold(t)
	for _, name := range []string{"issuer/secret", "issuer/operator.token", "tsm/master.key", "verifier/token", "keys/order.key"} {
		if bytes.Equal(read(t, one, name), read(t, other, name)) {
			t.Errorf("%s is the same twice", name)
		}
	}
}
