package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// good is a complete settings file; alter may change it.
func good(t *testing.T, alter func(map[string]any)) string {
	t.Helper()
	dir := t.TempDir()
	s := map[string]any{"listen": "127.0.0.1:0", "store": filepath.Join(dir, "state"), "master_key": "file:m.key", "order_key": "order.pub", "issuer_url": "https://issuer.example"}
	if alter != nil {
		alter(s)
	}
	text, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "settings.json")
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestSettings(t *testing.T) {
	set := func(name string, to any) func(map[string]any) { return func(s map[string]any) { s[name] = to } }
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
		{"no master key", set("master_key", ""), "master_key is missing"},
		{"no order key", set("order_key", ""), "order_key is missing"},
		{"issuer without scheme", set("issuer_url", "issuer.example"), "issuer_url"},
		{"key version of SCP02", set("key_version", 0x20), "key_version"},
		{"key version zero", set("key_version", 0), "key_version"},
		{"highest key version", set("key_version", 0x3F), ""},
		{"negative bound", set("max_sessions", -1), "max_sessions"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			var stdout, stderr bytes.Buffer
			code := run(t.Context(), []string{"-config", good(t, c.alter), "-check"}, &stdout, &stderr)
			if c.want == "" && (code != 0 || stdout.String() != "settings are good\n") {
				t.Errorf("exit %d, %s", code, stderr.String())
			}
			if c.want != "" && (code != 1 || !strings.Contains(stderr.String(), c.want)) {
				t.Errorf("exit %d, %q; want 1 and %q", code, stderr.String(), c.want)
			}
		})
	}
}

func TestInitMakesStateOnce(t *testing.T) {
	path := good(t, nil)
	var stdout, stderr bytes.Buffer
	if code := run(t.Context(), []string{"-config", path, "-init"}, &stdout, &stderr); code != 0 {
		t.Fatalf("exit %d: %s", code, stderr.String())
	}
	if _, err := os.Stat(filepath.Join(filepath.Dir(path), "state")); err != nil {
		t.Fatal(err)
	}
	if code := run(t.Context(), []string{"-config", path, "-init"}, &stdout, &stderr); code != 1 {
		t.Errorf("second -init: exit %d, want 1", code)
	}
}
