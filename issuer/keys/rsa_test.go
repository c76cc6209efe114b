package keys_test

import (
	"crypto"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"mobileid/issuer/keys"
)

func TestRSA(t *testing.T) {
	dir := t.TempDir()
	uri := "file:" + filepath.Join(dir, "ca.key")
	made, err := keys.GenerateRSA(uri)
	if err != nil {
		t.Fatal(err)
	}
	opened, err := keys.OpenRSA(uri)
	if err != nil {
		t.Fatal(err)
	}
	digest := sha256.Sum256([]byte("a certificate"))
	signature, err := opened.Sign(nil, digest[:], crypto.SHA256)
	if err != nil {
		t.Fatal(err)
	}
	public, ok := made.Public().(*rsa.PublicKey)
	if !ok || rsa.VerifyPKCS1v15(public, crypto.SHA256, digest[:], signature) != nil {
		t.Error("another key was opened")
	}
	if text := fmt.Sprintf("%v %+v %s", opened, opened, made); text != "[redacted] [redacted] [redacted]" {
		t.Error("a key shows itself")
	}
	if _, err := keys.GenerateRSA(uri); err == nil {
		t.Error("overwrote a key")
	}
	elliptical := "file:" + filepath.Join(dir, "ec.key")
	if _, err := keys.Generate(elliptical, elliptic.P256()); err != nil {
		t.Fatal(err)
	}
	garbage := filepath.Join(dir, "garbage.key")
	if err := os.WriteFile(garbage, []byte("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, bad := range []string{elliptical, "file:" + garbage, "file:" + filepath.Join(dir, "none.key"), "pkcs12:x", "file:" + dir} {
		if _, err := keys.OpenRSA(bad); err == nil {
			t.Errorf("opened %s", bad)
		}
	}
	if _, err := keys.Open(uri); err == nil {
		t.Error("Open took an RSA key")
	}
	if _, err := keys.GenerateRSA("pkcs12:x"); err == nil {
		t.Error("made a key nowhere")
	}
}
