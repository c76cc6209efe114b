//go:build pkcs11

package main

import (
	"bytes"
	"crypto/rand"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"mobileid/cmd/internal/hsm"
	"mobileid/mdoc/mdoctest/canary"
	"mobileid/tsm"
	"mobileid/tsm/diversify"
)

const (
	softHSM = "/usr/lib/softhsm/libsofthsm2.so"
	userPIN = "canary-pin-7413"
)

// token makes a private SoftHSM with the token "tsm", and gives the URI of an object in it.
func token(t *testing.T) (dir string, uri func(object string) string) {
	t.Helper()
	dir = t.TempDir()
	conf := "directories.tokendir = " + filepath.Join(dir, "tokens") + "\nobjectstore.backend = file\nlog.level = ERROR\n"
	check(t, errors.Join(os.Mkdir(filepath.Join(dir, "tokens"), 0o700), os.WriteFile(filepath.Join(dir, "conf"), []byte(conf), 0o600),
		os.WriteFile(filepath.Join(dir, "pin"), []byte(userPIN+"\n"), 0o600)))
	t.Setenv("SOFTHSM2_CONF", filepath.Join(dir, "conf"))
	command(t, "softhsm2-util", "--init-token", "--free", "--label", "tsm", "--so-pin", "canary-so-pin", "--pin", userPIN)
	return dir, func(object string) string {
		return hsm.URI{Token: "tsm", Object: object, ModulePath: softHSM, PINFile: filepath.Join(dir, "pin")}.String()
	}
}

func command(t *testing.T, name string, args ...string) {
	t.Helper()
	if out, err := exec.CommandContext(t.Context(), name, args...).CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", name, err, out)
	}
}

// bringIn puts a key from a file into the token, as docs/operations.md says.
func bringIn(t *testing.T, file, label string) {
	t.Helper()
	command(t, "pkcs11-tool", "--module", softHSM, "--token-label", "tsm", "--login", "--pin", userPIN,
		"--write-object", file, "--type", "secrkey", "--key-type", "AES:32", "--label", label, "--usage-sign", "--sensitive")
}

// A master key that is brought into the module derives what it derived as a file: an installation can move.
func TestMasterKeyMovesIntoTheModule(t *testing.T) {
	dir, uri := token(t)
	key := make([]byte, tsm.MasterKeySize)
	_, _ = rand.Read(key)
	file := filepath.Join(dir, "master.key")
	check(t, os.WriteFile(file, key, 0o600))
	bringIn(t, file, "scp03-48")
	var o hsm.Opener
	defer func() { check(t, o.Close()) }()
	s := &settings{KeyVersion: 0x31, MasterKeys: map[string]string{"48": uri("scp03-48"), "49": "file:" + file}}
	source, err := s.masters(t.Context(), &o)
	check(t, err)
	for _, version := range []byte{0x30, 0x31} {
		got, err := source.Derive(t.Context(), []byte("0123456789"), version)
		check(t, err)
		want, err := diversify.KDF3(t.Context(), diversify.Memory(key), []byte("0123456789"), tsm.MasterKeySize, version)
		check(t, err)
		if !bytes.Equal(got.ENC, want.ENC) || !bytes.Equal(got.MAC, want.MAC) || !bytes.Equal(got.DEK, want.DEK) || got.Version != version {
			t.Errorf("version %02X: other keys", version)
		}
	}
}

// A weak key is refused although nobody sees it.
func TestWeakMasterKeyInTheModule(t *testing.T) {
	dir, uri := token(t)
	for name, first := range map[string]byte{"rising": 0, "published": 0x40} {
		key := make([]byte, tsm.MasterKeySize)
		for i := range key {
			key[i] = first + byte(i%16)
		}
		file := filepath.Join(dir, name)
		check(t, os.WriteFile(file, key, 0o600))
		bringIn(t, file, name)
		var o hsm.Opener
		if m, err := openMaster(t.Context(), &o, uri(name), 0x30); !errors.Is(err, tsm.ErrWeakKey) || m != nil {
			t.Errorf("%s: %v", name, err)
		}
		check(t, o.Close())
	}
}

// The service runs on a key that was born in the module, and says the PIN nowhere.
func TestServiceWithAModule(t *testing.T) {
	dir, uri := token(t)
	command(t, "pkcs11-tool", "--module", softHSM, "--token-label", "tsm", "--login", "--pin", userPIN,
		"--keygen", "--key-type", "AES:32", "--label", "scp03-48", "--usage-sign", "--sensitive")
	in := func(s map[string]any) { s["master_keys"] = map[string]any{"48": uri("scp03-48")} }
	path, log := good(t, in), &canary.Log{}
	if code := run(t.Context(), []string{"-config", path, "-check"}, log, log); code != 0 {
		t.Fatalf("-check: exit %d: %s", code, log.String())
	}
	check(t, os.WriteFile(filepath.Join(dir, "wrong"), []byte("canary-wrong-pin"), 0o600))
	for _, pin := range []string{"wrong", "absent"} {
		spoiled := func(s map[string]any) {
			s["master_keys"] = map[string]any{"48": strings.Replace(uri("scp03-48"), "/pin", "/"+pin, 1)}
		}
		if code := run(t.Context(), []string{"-config", good(t, spoiled), "-check"}, log, log); code != 1 {
			t.Errorf("%s PIN: exit %d: %s", pin, code, log.String())
		}
	}
	service(t, path, log)
	if strings.Contains(log.String(), "canary") {
		t.Errorf("a PIN is in the log: %s", log.String())
	}
}
