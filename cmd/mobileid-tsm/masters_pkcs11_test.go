//go:build pkcs11

package main

import (
	"bytes"
	"crypto/rand"
	"errors"
	"strings"
	"testing"

	"mobileid/cmd/internal/hsm"
	"mobileid/cmd/internal/hsm/hsmtest"
	"mobileid/mdoc/mdoctest/canary"
	"mobileid/tsm"
	"mobileid/tsm/diversify"
)

// token is a private SoftHSM with the token "tsm".
type token struct{ *hsmtest.Token }

func newToken(t *testing.T) token {
	t.Helper()
	return token{hsmtest.New(t, "tsm")}
}

// uri is that of an object.
func (k token) uri(object string) string {
	return hsm.URI{Token: "tsm", Object: object, ModulePath: hsmtest.Module, PINFile: k.PINFile}.String()
}

// bringIn puts a key from a file into the token, as docs/operations.md says.
func (k token) bringIn(file, label string) {
	k.Generate("--write-object", file, "--type", "secrkey", "--key-type", "AES:32", "--label", label, "--usage-sign", "--sensitive")
}

// A master key that is brought into the module derives what it derived as a file: an installation can move.
func TestMasterKeyMovesIntoTheModule(t *testing.T) {
	k := newToken(t)
	key := make([]byte, tsm.MasterKeySize)
	_, _ = rand.Read(key)
	file := k.Write("master.key", string(key))
	k.bringIn(file, "scp03-48")
	var o hsm.Opener
	defer func() { check(t, o.Close()) }()
	s := &settings{KeyVersion: 0x31, MasterKeys: map[string]string{"48": k.uri("scp03-48"), "49": "file:" + file}}
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
	k := newToken(t)
	for name, first := range map[string]byte{"rising": 0, "published": 0x40} {
		key := make([]byte, tsm.MasterKeySize)
		for i := range key {
			key[i] = first + byte(i%16)
		}
		k.bringIn(k.Write(name, string(key)), name)
		var o hsm.Opener
		if m, err := openMaster(t.Context(), &o, k.uri(name), 0x30); !errors.Is(err, tsm.ErrWeakKey) || m != nil {
			t.Errorf("%s: %v", name, err)
		}
		check(t, o.Close())
	}
}

// The service runs on a key that was born in the module, and says the PIN nowhere.
func TestServiceWithAModule(t *testing.T) {
	k := newToken(t)
	k.Generate("--keygen", "--key-type", "AES:32", "--label", "scp03-48", "--usage-sign", "--sensitive")
	in := func(s map[string]any) { s["master_keys"] = map[string]any{"48": k.uri("scp03-48")} }
	path, log := good(t, in), &canary.Log{}
	if code := run(t.Context(), []string{"-config", path, "-check"}, log, log); code != 0 {
		t.Fatalf("-check: exit %d: %s", code, log.String())
	}
	k.Write("wrong", "canary-wrong-pin")
	for _, pin := range []string{"wrong", "absent"} {
		spoiled := func(s map[string]any) {
			s["master_keys"] = map[string]any{"48": strings.Replace(k.uri("scp03-48"), "/pin", "/"+pin, 1)}
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
