package keys_test

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"mobileid/issuer/keys"
)

func TestGenerateAndOpen(t *testing.T) {
	for _, curve := range []elliptic.Curve{elliptic.P256(), elliptic.P384(), elliptic.P521()} {
		t.Run(curve.Params().Name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "key.pem")
			made, err := keys.Generate("file:"+path, curve)
			if err != nil {
				t.Fatal(err)
			}
			info, err := os.Stat(path)
			if err != nil || info.Mode() != 0o600 {
				t.Errorf("mode %v, error %v", info.Mode(), err)
			}
			opened, err := keys.Open("file://" + path)
			if err != nil {
				t.Fatal(err)
			}
			pub := opened.Public().(*ecdsa.PublicKey)
			if !pub.Equal(made.Public()) || pub.Curve != curve {
				t.Error("another key came back")
			}
			digest := sha256.Sum256([]byte("message"))
			first, err := made.Sign(rand.Reader, digest[:], crypto.SHA256)
			if err != nil {
				t.Fatal(err)
			}
			second, err := opened.Sign(nil, digest[:], crypto.SHA256)
			if err != nil || !bytes.Equal(first, second) {
				t.Errorf("signatures differ: %v", err)
			}
			if !ecdsa.VerifyASN1(pub, digest[:], first) {
				t.Error("the signature does not verify")
			}
		})
	}
}

// TestForeignFile opens a key that the standard library wrote, as any tool would.
func TestForeignFile(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "key.pem")
	writeKey(t, path, key, 0o600)
	opened, err := keys.Open("file:" + path)
	if err != nil || !key.PublicKey.Equal(opened.Public()) {
		t.Errorf("%v", err)
	}
}

func writeKey(t *testing.T, path string, key any, mode fs.FileMode) {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	writeFile(t, path, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), mode)
}

func writeFile(t *testing.T, path string, data []byte, mode fs.FileMode) {
	t.Helper()
	if err := os.WriteFile(path, data, mode); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
}

func TestGenerateOverwritesNothing(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "key.pem")
	if _, err := keys.Generate("file:"+path, elliptic.P256()); err != nil {
		t.Fatal(err)
	}
	before, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if s, err := keys.Generate("file:"+path, elliptic.P256()); !errors.Is(err, fs.ErrExist) || s != nil {
		t.Errorf("error %v, expected one of an existing file", err)
	}
	if after, err := os.ReadFile(path); err != nil || !bytes.Equal(before, after) {
		t.Errorf("the key on disk changed: %v", err)
	}
	link := filepath.Join(dir, "link")
	if err := os.Symlink(filepath.Join(dir, "elsewhere"), link); err != nil {
		t.Fatal(err)
	}
	if _, err := keys.Generate("file:"+link, elliptic.P256()); err == nil {
		t.Error("a key was written through a symbolic link")
	}
	if _, err := keys.Generate("file:"+filepath.Join(dir, "p224"), elliptic.P224()); err == nil {
		t.Error("a key on P-224 was made")
	}
	if _, err := keys.Generate("file:"+filepath.Join(dir, "no", "such", "folder"), elliptic.P256()); err == nil {
		t.Error("a folder was made silently")
	}
}

func TestOpenRefuses(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	good, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	p224, err := ecdsa.GenerateKey(elliptic.P224(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	_, edwards, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	writeKey(t, at("good"), good, 0o600)
	whole, err := os.ReadFile(at("good"))
	if err != nil {
		t.Fatal(err)
	}
	for name, mode := range map[string]fs.FileMode{"group": 0o640, "world": 0o604, "executable": 0o700, "read-only": 0o400} {
		writeKey(t, at(name), good, mode)
	}
	writeKey(t, at("p224"), p224, 0o600)
	writeKey(t, at("edwards"), edwards, 0o600)
	writeKey(t, at("rsa"), rsaKey, 0o600)
	writeFile(t, at("empty"), nil, 0o600)
	writeFile(t, at("text"), []byte("key"), 0o600)
	writeFile(t, at("two"), append(bytes.Clone(whole), whole...), 0o600)
	writeFile(t, at("large"), bytes.Repeat([]byte("x"), 9<<10), 0o600)
	writeFile(t, at("type"), bytes.ReplaceAll(whole, []byte("PRIVATE KEY"), []byte("EC PRIVATE KEY")), 0o600)
	writeFile(t, at("garbage"), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: []byte("x")}), 0o600)
	if err := os.Mkdir(at("folder"), 0o700); err != nil {
		t.Fatal(err)
	}
	for uri, want := range map[string]error{
		"file:" + at("group"): keys.ErrMode, "file:" + at("world"): keys.ErrMode, "file:" + at("executable"): keys.ErrMode,
		"file:" + at("read-only"): keys.ErrMode, "file:" + at("missing"): fs.ErrNotExist,
		"file:" + at("p224"): nil, "file:" + at("edwards"): nil, "file:" + at("rsa"): nil, "file:" + at("empty"): nil,
		"file:" + at("text"): nil, "file:" + at("two"): nil, "file:" + at("large"): nil, "file:" + at("type"): nil,
		"file:" + at("garbage"): nil, "file:" + at("folder"): nil,
		at("good"): nil, "": nil, "file:": nil, "file://host" + at("good"): nil, "pkcs11:object=ds": nil, "FILE:" + at("good"): nil,
	} {
		t.Run(strings.ReplaceAll(strings.TrimPrefix(uri, "file:"+dir), "/", "_"), func(t *testing.T) {
			s, err := keys.Open(uri)
			if err == nil || s != nil {
				t.Error("opened")
			}
			if want != nil && !errors.Is(err, want) {
				t.Errorf("error %v, expected %v", err, want)
			}
		})
	}
	if _, err := keys.Open("file:" + at("good")); err != nil {
		t.Errorf("the good key beside them: %v", err)
	}
}

// TestKeysShowNothing prints and logs everything that holds a key.
func TestKeysShowNothing(t *testing.T) {
	a := newAuthority(t)
	path := filepath.Join(t.TempDir(), "key.pem")
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	writeKey(t, path, key, 0o600)
	opened, err := keys.Open("file:" + path)
	if err != nil {
		t.Fatal(err)
	}
	holder := keys.DocumentSigner{Key: opened}
	var out bytes.Buffer
	log := slog.New(slog.NewJSONHandler(&out, nil))
	values := []any{opened, holder, &holder, keys.Root{Key: opened}, a}
	for _, v := range values {
		fmt.Fprintf(&out, "%v %+v %#v %s %x %d\n", v, v, v, v, v, v)
		log.Info("key", "value", v)
	}
	secret, err := key.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	for _, form := range []string{fmt.Sprintf("%x", secret), fmt.Sprintf("%d", secret[:4]), new(big.Int).SetBytes(secret).String()} {
		if strings.Contains(out.String(), strings.Trim(form, "[]")) {
			t.Errorf("the output shows the key as %.8s...", form)
		}
	}
	if got, want := strings.Count(out.String(), "[redacted]"), 7*len(values); got != want {
		t.Errorf("%d times [redacted], expected %d", got, want)
	}
}
