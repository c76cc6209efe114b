package main

import (
	"path/filepath"
	"testing"

	"mobileid/cmd/internal/serve/servetest"
)

// good is a complete settings file; alter may change it.
func good(t *testing.T, alter func(map[string]any)) string {
	t.Helper()
	dir := t.TempDir()
	s := map[string]any{"listen": "127.0.0.1:0", "anchors": "iaca.pem", "reader_key": "file:r.key", "reader_chain": "r.pem", "token": "token", "status_dir": filepath.Join(dir, "state"),
		"status_uris": []string{"https://issuer.example/v1/status-lists/1"}, "crl_uris": []string{"https://issuer.example/iaca.crl"}, "profile": map[string]any{"age": 20}}
	return servetest.Write(t, dir, s, alter)
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
		{"no anchors", set("anchors", ""), "anchors is missing"},
		{"no token", set("token", ""), "token is missing"},
		{"no folder", set("status_dir", ""), "status_dir is missing"},
		{"nothing to fetch", set("status_uris", []string{}), "status_uris"},
		{"no CRL", set("crl_uris", []string{}), "crl_uris"},
		{"CRL from a file", func(s map[string]any) { delete(s, "crl_uris"); s["crl_files"] = []string{"iaca.crl"} }, ""},
		{"no age", set("profile", map[string]any{}), "profile.age"},
		{"age over 99", set("profile", map[string]any{"age": 100}), "profile.age"},
		{"unknown name in profile", set("profile", map[string]any{"age": 20, "name": "x"}), "name"},
		{"portrait", set("profile", map[string]any{"age": 20, "portrait": true}), ""},
		{"skew", set("clock_skew", "1h"), "clock_skew"},
		{"negative bound", set("max_open", -1), "max_open"},
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
