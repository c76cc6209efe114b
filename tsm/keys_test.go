package tsm_test

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"mobileid/tsm"
)

func TestMasterKeyFile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write := func(name string, content []byte, mode os.FileMode) string {
		path := filepath.Join(dir, name)
		check(t, os.WriteFile(path, content, mode))
		check(t, os.Chmod(path, mode))
		return path
	}
	key := random(32)
	good := write("good", key, 0o600)
	for _, tt := range []struct {
		name, uri string
		ok        bool
	}{
		{"file", "file:" + good, true},
		{"file with empty host", "file://" + good, true},
		{"read only", "file:" + write("readonly", key, 0o400), true},
		{"open to the group", "file:" + write("group", key, 0o640), false},
		{"open to all", "file:" + write("all", key, 0o604), false},
		{"too short", "file:" + write("short", key[:31], 0o600), false},
		{"too long", "file:" + write("long", append(bytes.Clone(key), '\n'), 0o600), false},
		{"a folder", "file:" + dir, false},
		{"absent", "file:" + filepath.Join(dir, "absent"), false},
		{"no scheme", good, false},
		{"another scheme", "https://example.com/key", false},
		{"another host", "file://elsewhere" + good, false},
		{"empty", "", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m, err := tsm.OpenMasterKey(tt.uri, 0x30)
			if (err == nil) != tt.ok || (m != nil) != tt.ok {
				t.Fatalf("%v, %v", m, err)
			}
			if err != nil && strings.Contains(err.Error(), hex.EncodeToString(key[:4])) {
				t.Error("the error holds the key")
			}
		})
	}
}

func TestMasterKeyRefusesPublished(t *testing.T) {
	t.Parallel()
	run := func(from, step byte) []byte {
		k := make([]byte, 32)
		for i := range k {
			k[i] = from + byte(i)*step
		}
		return k
	}
	half := random(16)
	for name, key := range map[string][]byte{
		"all zero":                       make([]byte, 32),
		"all FF":                         run(0xFF, 0),
		"00 01 02":                       run(0, 1),
		"40 41 42":                       run(0x40, 1),
		"falling":                        run(0xFF, 0xFF),
		"the published 40 to 4F, twice":  append(run(0x40, 1)[:16], run(0x40, 1)[:16]...),
		"a random half, twice":           append(bytes.Clone(half), half...),
		"text of few letters":            []byte("passwordpasswordpasswordpassword"),
		"digits":                         []byte("12345678901234567890123456789012"),
		"hex text of a shorter key half": []byte(hex.EncodeToString(bytes.Repeat([]byte{0xA5, 0x5A}, 8))),
	} {
		if m, err := tsm.NewMasterKey(key, 0x30); !errors.Is(err, tsm.ErrWeakKey) || m != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for range 1000 {
		if _, err := tsm.NewMasterKey(random(32), 0x30); err != nil {
			t.Fatalf("a random key is refused: %v", err)
		}
	}
}

func TestMasterKeyIsRedacted(t *testing.T) {
	t.Parallel()
	key := []byte("CANARY-0123456789-abcdefghijklmn")
	m, err := tsm.NewMasterKey(key, 0x30)
	check(t, err)
	var log bytes.Buffer
	slog.New(slog.NewTextHandler(&log, nil)).Info("key", "k", m, "any", any(m))
	text := log.String() + fmt.Sprintf("%v %+v %#v %s %x %q %d", m, m, m, m, m, m, m)
	if strings.Contains(text, "CANARY") || strings.Contains(text, hex.EncodeToString(key[:4])) || strings.Count(text, "[redacted]") != 9 {
		t.Errorf("printed: %s", text)
	}
}

func TestConfig(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	m, err := tsm.NewMasterKey(random(32), 0)
	check(t, err)
	good := tsm.Config{Store: w.store, Keys: m, Issuer: w.issuer, OrderKey: w.orderKey.Public()}
	if _, err := tsm.New(good); err != nil {
		t.Fatal(err)
	}
	for name, spoil := range map[string]func(*tsm.Config){
		"no store":                       func(c *tsm.Config) { c.Store = nil },
		"no keys":                        func(c *tsm.Config) { c.Keys = nil },
		"no issuer":                      func(c *tsm.Config) { c.Issuer = nil },
		"no order key":                   func(c *tsm.Config) { c.OrderKey = nil },
		"more failures than it survives": func(c *tsm.Config) { c.MaxFailedAuth = 9 },
		"negative":                       func(c *tsm.Config) { c.SessionLife = -1 },
	} {
		c := good
		spoil(&c)
		if _, err := tsm.New(c); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
}
