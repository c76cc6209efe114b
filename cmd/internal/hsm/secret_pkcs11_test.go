//go:build pkcs11

package hsm

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"mobileid/cmd/internal/hsm/hsmtest"
	"mobileid/mdoc/mdoctest"
	"mobileid/tsm"
	"mobileid/tsm/cmac"
	"mobileid/tsm/diversify"
	"mobileid/tsm/scp03"

	"github.com/google/go-cmp/cmp"
	"github.com/miekg/pkcs11"
)

// master is a key in a module as a TSM has it.
type master struct {
	MAC
	version byte
}

func (m master) Version() byte { return m.version }

// open opens a key and closes the module when the test ends.
func open(t *testing.T, uri string) *secret {
	t.Helper()
	var o Opener
	m, err := o.CMAC(t.Context(), uri)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { check(t, o.Close()) })
	return m.(*secret)
}

// A master key that the module made derives key sets: every one of its own, the same each time.
func TestMasterKeyBornInTheModule(t *testing.T) {
	b := newBed(t)
	b.masterKey("scp03-48")
	b.masterKey("scp03-49")
	var o Opener
	defer func() { check(t, o.Close()) }()
	one, err := o.CMAC(t.Context(), b.uri("scp03-48"))
	check(t, err)
	two, err := o.CMAC(t.Context(), b.uri("scp03-49"))
	check(t, err)
	source, err := tsm.NewMasters(0x31, master{one, 0x30}, master{two, 0x31})
	check(t, err)
	derive := func(id []byte, version byte) scp03.Keys {
		keys, err := source.Derive(t.Context(), id, version)
		check(t, err)
		return keys
	}
	id, other := []byte("0123456789"), []byte("9876543210")
	first := derive(id, 0x30)
	for name, c := range map[string]struct {
		keys scp03.Keys
		same bool
	}{"again": {derive(id, 0x30), true}, "another element": {derive(other, 0x30), false}, "another version": {derive(id, 0x31), false}} {
		if bytes.Equal(first.ENC, c.keys.ENC) != c.same || bytes.Equal(first.MAC, c.keys.MAC) != c.same || bytes.Equal(first.DEK, c.keys.DEK) != c.same {
			t.Errorf("%s: want the same %v", name, c.same)
		}
	}
	if err := first.Validate(); err != nil || len(first.ENC) != 32 {
		t.Errorf("%v, %d bytes", err, len(first.ENC))
	}
}

// The module derives the published keys, and those that the process derives from the same master key.
func TestMasterKeyVectors(t *testing.T) {
	var file struct {
		Vectors []struct {
			Scheme, Master, KDD, Key string
			Index                    int
		}
	}
	mdoctest.ReadJSON(t, "scp03/diversification.json", &file)
	vector := file.Vectors[0]
	b := newBed(t)
	key := mdoctest.Hex(t, vector.Master)
	b.importKey("published", key)
	source, err := tsm.NewMasters(0x30, master{open(t, b.uri("published")), 0x30})
	check(t, err)
	got, err := source.Derive(t.Context(), mdoctest.Hex(t, vector.KDD), 0x30)
	check(t, err)
	if vector.Scheme != "kdf3" || vector.Index != 1 || !bytes.Equal(got.ENC, mdoctest.Hex(t, vector.Key)) {
		t.Errorf("got %x, want %s", got.ENC, vector.Key)
	}
	want, err := diversify.KDF3(t.Context(), diversify.Memory(key), mdoctest.Hex(t, vector.KDD), tsm.MasterKeySize, 0x30)
	check(t, err)
	if !bytes.Equal(got.MAC, want.MAC) || !bytes.Equal(got.DEK, want.DEK) {
		t.Error("the module and the process derive different keys")
	}
}

func TestMasterKeyRefused(t *testing.T) {
	b := newBed(t)
	key := make([]byte, 32)
	_, _ = rand.Read(key)
	b.importKey("good", key)
	b.importKey("twice", key)
	b.importKey("twice", key)
	b.importKey("short", bytes.Repeat([]byte{0xA5}, 16))
	b.importKey("AES-192", bytes.Repeat([]byte{0xA5}, 24))
	b.importKey("extractable", key, pkcs11.NewAttribute(pkcs11.CKA_EXTRACTABLE, true))
	b.importKey("readable", key, pkcs11.NewAttribute(pkcs11.CKA_SENSITIVE, false))
	b.importKey("other use", key, pkcs11.NewAttribute(pkcs11.CKA_SIGN, false))
	named := func(change func(*URI)) string {
		u := URI{Token: "tsm", Object: "good", ModulePath: hsmtest.Module, PINFile: b.PINFile}
		change(&u)
		return u.String()
	}
	public := b.Write("public-pin", hsmtest.UserPIN)
	check(t, os.Chmod(public, 0o644))
	cases := []refusal{
		{"no such key", b.uri("nobody"), ErrKey, "0 secret keys"},
		{"two keys", b.uri("twice"), ErrKey, "2 secret keys"},
		{"AES-128", b.uri("short"), ErrKey, "32 bytes"},
		{"AES-192", b.uri("AES-192"), ErrKey, "32 bytes"},
		{"extractable", b.uri("extractable"), ErrKey, "extractable"},
		{"not sensitive", b.uri("readable"), ErrKey, "not sensitive"},
		{"not for signing", b.uri("other use"), ErrKey, "signing"},
		{"no such token", named(func(u *URI) { u.Token = "other" }), ErrKey, "0 tokens"},
		{"another maker", named(func(u *URI) { u.Manufacturer = "other" }), ErrKey, "0 tokens"},
		{"no such module", named(func(u *URI) { u.ModulePath = b.Path("none.so") }), nil, "cannot be loaded"},
		{"a module that is none", named(func(u *URI) { u.ModulePath = b.PINFile }), nil, "cannot be loaded"},
		{"wrong PIN", named(func(u *URI) { u.PINFile = b.Write("wrong", "canary-wrong-pin") }), ErrPIN, ""},
		{"PIN for all", named(func(u *URI) { u.PINFile = public }), nil, "open to others"},
		{"no PIN", named(func(u *URI) { u.PINFile = b.Write("empty", "\n") }), nil, "empty"},
		{"no PIN file", named(func(u *URI) { u.PINFile = b.Path("absent") }), os.ErrNotExist, ""},
		{"a private key's type", named(func(u *URI) { u.Type = "private" }), ErrURI, "type"},
	}
	refused(t, cases, func(o *Opener, uri string) (bool, error) {
		m, err := o.CMAC(t.Context(), uri)
		return m != nil, err
	})
	open(t, b.uri("good")) // a wrong PIN locked nobody out
}

// When the module forgets its sessions, the next MAC logs in again; a PIN that is refused then is never tried twice.
func TestMasterKeyReconnects(t *testing.T) {
	b := newBed(t)
	b.masterKey("scp03-48")
	m := open(t, b.uri("scp03-48"))
	before, err := m.CMAC(t.Context(), []byte("text"))
	check(t, err)
	forget := func() {
		slot, _, err := tokenOf(m.module, m.uri)
		check(t, err)
		check(t, m.module.CloseAllSessions(slot))
	}
	for range 3 {
		forget()
		after, err := m.CMAC(t.Context(), []byte("text"))
		if err != nil || after != before {
			t.Fatalf("after the sessions were gone: %v, the same MAC %v", err, after == before)
		}
	}
	b.Write("pin", "canary-wrong-pin")
	forget()
	for range 3 {
		if _, err := m.CMAC(t.Context(), []byte("text")); !errors.Is(err, ErrPIN) || strings.Contains(err.Error(), "canary") {
			t.Fatalf("with a wrong PIN: %v", err)
		}
		b.Write("pin", hsmtest.UserPIN) // too late: only a start reads it again
	}
}

// A key of any bytes is brought in whole, by pkcs11-tool: softhsm2-util cuts it, and the stump is refused.
func TestKeyBroughtIn(t *testing.T) {
	b := newBed(t)
	key := bytes.Repeat([]byte{0xA5}, 32)
	key[0], key[5], key[31] = 0, '\n', 0
	file := b.Write("key", string(key))
	b.Generate("--write-object", file, "--type", "secrkey", "--key-type", "AES:32", "--label", "whole", "--usage-sign", "--sensitive")
	b.Write("key", string(key[1:])+"1")
	b.Command("softhsm2-util", "--import", file, "--aes", "--token", "tsm", "--label", "stump", "--id", "02", "--pin", hsmtest.UserPIN)
	got, err := open(t, b.uri("whole")).CMAC(t.Context(), []byte("text"))
	check(t, err)
	if want, err := cmac.Sum(key, []byte("text")); err != nil || got != want {
		t.Errorf("another MAC, %v", err)
	}
	var o Opener
	if _, err := o.CMAC(t.Context(), b.uri("stump")); !errors.Is(err, ErrKey) || !strings.Contains(err.Error(), "32 bytes") {
		t.Errorf("a key that was cut: %v", err)
	}
	check(t, o.Close())
}

func TestMasterKeyWaits(t *testing.T) {
	b := newBed(t)
	b.masterKey("scp03-48")
	m := open(t, b.uri("scp03-48"))
	for range maxSessions {
		<-m.current.idle
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if _, err := m.CMAC(ctx, []byte("text")); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("without an idle session: %v", err)
	}
	if _, err := m.CMAC(ctx, []byte("text")); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("after the deadline: %v", err)
	}
}

// Many derivations at once, over sessions that vanish now and then, give what one gives.
func TestMasterKeyConcurrently(t *testing.T) {
	b := newBed(t)
	b.masterKey("scp03-48")
	m := open(t, b.uri("scp03-48"))
	source, err := tsm.NewMasters(0x30, master{m, 0x30})
	check(t, err)
	want, err := source.Derive(t.Context(), []byte("0123456789"), 0x30)
	check(t, err)
	const workers, each = 16, 20
	var all sync.WaitGroup
	began := time.Now()
	for range workers {
		all.Go(func() {
			for range each {
				got, err := source.Derive(t.Context(), []byte("0123456789"), 0x30)
				if err != nil || !bytes.Equal(got.MAC, want.MAC) {
					t.Errorf("got %v", err)
					return
				}
			}
		})
	}
	all.Wait()
	t.Logf("%d key sets of 6 CMACs by %d workers in %v", workers*each, workers, time.Since(began).Round(time.Millisecond))
}

// Neither key, PIN nor sessions show in what a master key or an opener prints.
func TestMasterKeyIsHidden(t *testing.T) {
	b := newBed(t)
	b.masterKey("scp03-48")
	m := open(t, b.uri("scp03-48"))
	var log bytes.Buffer
	slog.New(slog.NewJSONHandler(&log, nil)).Info("key", "m", m, "any", any(m))
	text := log.String() + fmt.Sprintf("%v %+v %#v %s", m, m, m, m)
	if diff := cmp.Diff(6, strings.Count(text, "[redacted]")); diff != "" || strings.Contains(text, "canary") {
		t.Errorf("prints %s", text)
	}
}

func TestMayTry(t *testing.T) {
	const ready = pkcs11.CKF_TOKEN_INITIALIZED | pkcs11.CKF_USER_PIN_INITIALIZED
	for name, c := range map[string]struct {
		flags uint
		ok    bool
	}{
		"ready":         {ready, true},
		"one was wrong": {ready | pkcs11.CKF_USER_PIN_COUNT_LOW, true},
		"one try left":  {ready | pkcs11.CKF_USER_PIN_COUNT_LOW | pkcs11.CKF_USER_PIN_FINAL_TRY, false},
		"locked":        {ready | pkcs11.CKF_USER_PIN_LOCKED, false},
		"no user PIN":   {pkcs11.CKF_TOKEN_INITIALIZED, false},
		"no token":      {0, false},
	} {
		if err := mayTry(c.flags); (err == nil) != c.ok || err != nil && !errors.Is(err, ErrPIN) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
