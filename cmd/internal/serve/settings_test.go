package serve_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"mobileid/cmd/internal/serve"
)

type settings struct {
	Addr  string         `json:"addr"`
	Wait  serve.Duration `json:"wait"`
	Inner struct {
		A int `json:"a"`
	} `json:"inner"`
}

func (s *settings) Validate() error {
	if s.Addr == "" {
		return errors.New("addr is empty")
	}
	return nil
}

func TestParseSettings(t *testing.T) {
	deep := `{"addr":"x","inner":` + strings.Repeat("[", 100) + strings.Repeat("]", 100) + `}`
	cases := []struct{ name, in, want string }{
		{"good", `{"addr":":1","wait":"30s","inner":{"a":1}}`, ""},
		{"unknown name", `{"addr":":1","adr":""}`, "adr"},
		{"name twice", `{"addr":":1","addr":":2"}`, "twice"},
		{"name twice in another case", `{"addr":":1","Addr":":2"}`, "twice"},
		{"name twice inside", `{"addr":":1","inner":{"a":1,"A":2}}`, "twice"},
		{"second value", `{"addr":":1"} {}`, "after the closing brace"},
		{"validation", `{}`, "addr is empty"},
		{"negative duration", `{"addr":":1","wait":"-1s"}`, "negative"},
		{"duration without a unit", `{"addr":":1","wait":"30"}`, "unit"},
		{"cut", `{"addr":`, "EOF"},
		{"nested too deep", deep, "deeper"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			var s settings
			err := serve.Parse([]byte(c.in), &s)
			if c.want == "" {
				if err != nil || s.Addr != ":1" || time.Duration(s.Wait) != 30*time.Second {
					t.Errorf("got %+v, %v", s, err)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want an error with %q", err, c.want)
			}
		})
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(`{"addr":":1","wait":"30s","inner":{"a":1}}`))
	f.Add([]byte(`{"addr":":1","Addr":""}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		var s settings
		if serve.Parse(b, &s) == nil && s.Addr == "" {
			t.Error("accepted what Validate refuses")
		}
	})
}

func TestLoadRefusesALargeFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "settings.json")
	big := `{"addr":":1"` + strings.Repeat(" ", 1<<20) + `}`
	if err := os.WriteFile(path, []byte(big), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := serve.Load(path, &settings{}); err == nil || !strings.Contains(err.Error(), "over") {
		t.Errorf("got %v", err)
	}
}

func TestCommand(t *testing.T) {
	dir := t.TempDir()
	good, bad := filepath.Join(dir, "good.json"), filepath.Join(dir, "bad.json")
	for path, text := range map[string]string{good: `{"addr":":1"}`, bad: `{"adr":":1"}`} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cases := []struct {
		name   string
		args   []string
		fails  error
		exit   int
		ran    bool
		stdout string
		stderr string
	}{
		{name: "runs", args: []string{"-config", good}, ran: true},
		{name: "fails", args: []string{"-config", good}, fails: errors.New("no store"), exit: 1, ran: true, stderr: "prog: error: no store"},
		{name: "check good", args: []string{"-config", good, "-check"}, stdout: "settings are good"},
		{name: "check bad", args: []string{"-config", bad, "-check"}, exit: 1, stderr: "adr"},
		{name: "bad file", args: []string{"-config", bad}, exit: 1, stderr: "adr"},
		{name: "no file", args: []string{"-config", filepath.Join(dir, "none")}, exit: 1, stderr: "no such file"},
		{name: "no flag", exit: 2, stderr: "hint: prog -config"},
		{name: "stray argument", args: []string{"-config", good, "x"}, exit: 2, stderr: "arguments"},
		{name: "unknown flag", args: []string{"-no-checks"}, exit: 2, stderr: "no-checks"},
		{name: "help", args: []string{"-help"}, stderr: "-config"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			var stdout, stderr bytes.Buffer
			var s settings
			ran := false
			command := serve.Command{Name: "prog", Settings: &s, Run: func(_ context.Context, log *slog.Logger) error {
				ran = log != nil && s.Addr == ":1"
				return c.fails
			}}
			if exit := command.Main(t.Context(), c.args, &stdout, &stderr); exit != c.exit {
				t.Errorf("exit %d, want %d", exit, c.exit)
			}
			if ran != c.ran {
				t.Errorf("ran with settings: %v, want %v", ran, c.ran)
			}
			if !strings.Contains(stdout.String(), c.stdout) || !strings.Contains(stderr.String(), c.stderr) {
				t.Errorf("stdout %q, stderr %q", stdout.String(), stderr.String())
			}
		})
	}
}
