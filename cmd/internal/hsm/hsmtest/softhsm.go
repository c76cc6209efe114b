// Package hsmtest gives tests a private SoftHSM with one token in it. Only tests import it.
package hsmtest

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

const (
	// Module is the PKCS#11 module.
	Module = "/usr/lib/softhsm/libsofthsm2.so"
	// UserPIN is the token's. It says "canary", for tests to look for it in messages.
	UserPIN = "canary-pin-7413"
	soPIN   = "canary-so-pin-9021"
)

// Token is a folder with a token, and what belongs to it.
type Token struct {
	tb         testing.TB
	label, dir string
	// PINFile is the file with the user's PIN, which a test may write anew: "pin" of the folder.
	PINFile string
}

// New makes a token that ends with the test, and points the module to it.
func New(tb testing.TB, label string) *Token {
	tb.Helper()
	k := &Token{tb: tb, label: label, dir: tb.TempDir()}
	if err := os.Mkdir(k.Path("tokens"), 0o700); err != nil {
		tb.Fatal(err)
	}
	conf := k.Write("softhsm2.conf", "directories.tokendir = "+k.Path("tokens")+"\nobjectstore.backend = file\nlog.level = ERROR\n")
	tb.Setenv("SOFTHSM2_CONF", conf)
	k.PINFile = k.Write("pin", UserPIN+"\n")
	k.Command("softhsm2-util", "--init-token", "--free", "--label", label, "--so-pin", soPIN, "--pin", UserPIN)
	return k
}

// Path is that of a file in the folder.
func (k *Token) Path(name string) string { return filepath.Join(k.dir, name) }

// Write writes a file in the folder.
func (k *Token) Write(name, text string) (path string) {
	k.tb.Helper()
	if err := os.WriteFile(k.Path(name), []byte(text), 0o600); err != nil {
		k.tb.Fatal(err)
	}
	return k.Path(name)
}

// Command runs a program that has to succeed.
func (k *Token) Command(name string, args ...string) {
	k.tb.Helper()
	if out, err := exec.CommandContext(k.tb.Context(), name, args...).CombinedOutput(); err != nil {
		k.tb.Fatalf("%s: %v\n%s", name, err, out)
	}
}

// Generate makes a key or brings one in, as docs/operations.md says.
func (k *Token) Generate(args ...string) {
	k.tb.Helper()
	k.Command("pkcs11-tool", append([]string{"--module", Module, "--token-label", k.label, "--login", "--pin", UserPIN}, args...)...)
}
