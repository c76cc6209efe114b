package serve_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"mobileid/cmd/internal/serve"
)

func TestReadSecret(t *testing.T) {
	dir := t.TempDir()
	cases := []struct {
		name string
		data []byte
		mode os.FileMode
		want string // "" when it is read
	}{
		{"good", []byte("secret\n"), 0o600, ""},
		{"read only", []byte("secret\n"), 0o400, ""},
		{"group", []byte("secret"), 0o640, "open to others"},
		{"others", []byte("secret"), 0o604, "open to others"},
		{"empty", nil, 0o600, "empty"},
		{"too large", make([]byte, serve.MaxSecret+1), 0o600, "over"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			path := filepath.Join(dir, c.name)
			if err := os.WriteFile(path, c.data, 0o600); err != nil {
				t.Fatal(err)
			}
			if err := os.Chmod(path, c.mode); err != nil {
				t.Fatal(err)
			}
			got, err := serve.ReadSecret(path)
			if c.want == "" && (err != nil || !bytes.Equal(got, c.data)) {
				t.Errorf("got %q, %v", got, err)
			}
			if c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
				t.Errorf("got %v, want an error with %q", err, c.want)
			}
		})
	}
	if _, err := serve.ReadSecret(dir); err == nil {
		t.Error("read a folder")
	}
}

func TestBeside(t *testing.T) {
	broken := errors.New("broken")
	cases := []struct {
		name string
		work func(ctx context.Context, stop func()) error
		want string // "" for a clean end
	}{
		{"work waits for the end", func(ctx context.Context, stop func()) error { stop(); <-ctx.Done(); return nil }, ""},
		{"work gives the context's error", func(ctx context.Context, stop func()) error { stop(); <-ctx.Done(); return ctx.Err() }, ""},
		{"work fails", func(context.Context, func()) error { return broken }, "broken"},
		{"work ends by itself", func(context.Context, func()) error { return nil }, "by itself"},
		{"work fails while stopping", func(ctx context.Context, stop func()) error { stop(); <-ctx.Done(); return broken }, "broken"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			ctx, stop := context.WithCancel(t.Context())
			defer stop()
			server, err := serve.Front{Listen: "127.0.0.1:0"}.Open(ctx, http.NotFoundHandler(), slog.New(slog.DiscardHandler))
			if err != nil {
				t.Fatal(err)
			}
			err = server.Beside(ctx, func(ctx context.Context) error { return c.work(ctx, stop) })
			if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}

func TestInit(t *testing.T) {
	path := filepath.Join(t.TempDir(), "settings.json")
	if err := os.WriteFile(path, []byte(`{"addr":":1"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	cases := []struct {
		name  string
		flags []string
		fails error
		exit  int
		made  bool
	}{
		{"made", []string{"-init"}, nil, 0, true},
		{"failed", []string{"-init"}, errors.New("there already"), 1, true},
		{"with -check", []string{"-init", "-check"}, nil, 2, false},
		{"only when asked", []string{"-check"}, nil, 0, false},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			made, ran := false, false
			command := serve.Command{Name: "prog", Settings: &settings{},
				Init: func(context.Context) error { made = true; return c.fails },
				Run:  func(context.Context, *slog.Logger) error { ran = true; return nil }}
			var stdout, stderr bytes.Buffer
			exit := command.Main(t.Context(), append([]string{"-config", path}, c.flags...), &stdout, &stderr)
			if exit != c.exit || made != c.made || ran {
				t.Errorf("exit %d, made %v, ran %v; %s", exit, made, ran, stderr.String())
			}
		})
	}
}

// -check says that all is good only when what the settings name is good too.
func TestCheckOpensWhatIsNamed(t *testing.T) {
	path := filepath.Join(t.TempDir(), "settings.json")
	if err := os.WriteFile(path, []byte(`{"addr":":1"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	for want, fails := range map[int]error{0: nil, 1: errors.New("the key is gone")} {
		ran := false
		command := serve.Command{Name: "prog", Settings: &settings{}, Check: func(context.Context) error { return fails },
			Run: func(context.Context, *slog.Logger) error { ran = true; return nil }}
		var stdout, stderr bytes.Buffer
		exit := command.Main(t.Context(), []string{"-config", path, "-check"}, &stdout, &stderr)
		if exit != want || ran || (stdout.String() == "settings are good\n") != (want == 0) {
			t.Errorf("exit %d, want %d; ran %v; %s%s", exit, want, ran, stdout.String(), stderr.String())
		}
	}
}
