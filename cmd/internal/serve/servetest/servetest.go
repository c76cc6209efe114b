// Package servetest is what the tests of the services' programs share: settings files, and what -check and -init owe. Only tests import
// it.
package servetest

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Program is the command line of a service.
type Program func(ctx context.Context, args []string, stdout, stderr io.Writer) int

// Set is the change that gives one setting another value.
func Set(name string, to any) func(map[string]any) { return func(s map[string]any) { s[name] = to } }

// Write writes settings into a file in dir, which belongs to this one service. alter, if there is one, changes them before.
func Write(tb testing.TB, dir string, settings map[string]any, alter func(map[string]any)) (path string) {
	tb.Helper()
	if alter != nil {
		alter(settings)
	}
	text, err := json.Marshal(settings)
	if err != nil {
		tb.Fatal(err)
	}
	path = filepath.Join(dir, "settings.json")
	if err := os.WriteFile(path, text, 0o600); err != nil {
		tb.Fatal(err)
	}
	return path
}

// Check runs -check, which has to find the settings good, or to fail with want in its message. "canary" is for values in settings that
// stand for a secret: no message may repeat it.
func Check(tb testing.TB, run Program, path, want string) {
	tb.Helper()
	var stdout, stderr bytes.Buffer
	code := run(tb.Context(), []string{"-config", path, "-check"}, &stdout, &stderr)
	if want == "" && (code != 0 || stdout.String() != "settings are good\n") {
		tb.Errorf("exit %d, %s", code, stderr.String())
	}
	if want != "" && (code != 1 || !strings.Contains(stderr.String(), want)) {
		tb.Errorf("exit %d, %q; want 1 and %q", code, stderr.String(), want)
	}
	if strings.Contains(stdout.String()+stderr.String(), "canary") {
		tb.Errorf("a value is repeated: %s%s", stdout.String(), stderr.String())
	}
}

// InitOnce runs -init twice: the first time has to make what the settings name, the second time is refused.
func InitOnce(tb testing.TB, run Program, path, made string) {
	tb.Helper()
	var stdout, stderr bytes.Buffer
	if code := run(tb.Context(), []string{"-config", path, "-init"}, &stdout, &stderr); code != 0 {
		tb.Fatalf("exit %d: %s", code, stderr.String())
	}
	if _, err := os.Stat(made); err != nil {
		tb.Fatal(err)
	}
	if code := run(tb.Context(), []string{"-config", path, "-init"}, &stdout, &stderr); code != 1 {
		tb.Errorf("second -init: exit %d, want 1", code)
	}
}
