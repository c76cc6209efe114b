package ceremony_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"mobileid/cmd/mobileid/internal/ceremony"
)

var services = []string{"issuer", "tsm", "verifier"}

// binaries builds the three services as they are shipped.
func binaries(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	args := []string{"build", "-o", dir + string(filepath.Separator)}
	for _, s := range services {
		args = append(args, "mobileid/cmd/mobileid-"+s)
	}
	if out, err := exec.CommandContext(t.Context(), "go", args...).CombinedOutput(); err != nil {
		t.Fatalf("building: %v\n%s", err, out)
	}
	return dir
}

// front stands before a service that is not up yet, as a proxy does in operation, so that its address is known first.
type front struct {
	*httptest.Server
	behind atomic.Pointer[url.URL]
}

func newFront(t *testing.T) *front {
	f := new(front)
	f.Server = httptest.NewServer(&httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(f.behind.Load()) }})
	t.Cleanup(f.Close)
	return f
}

// change rewrites names of a settings file.
func change(t *testing.T, path string, to map[string]any) {
	t.Helper()
	var settings map[string]any
	if err := json.Unmarshal(read(t, path), &settings); err != nil {
		t.Fatal(err)
	}
	for name, value := range to {
		if _, ok := settings[name]; !ok {
			t.Fatalf("%s has no %s", path, name)
		}
		settings[name] = value
	}
	text, err := json.Marshal(settings)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
}

// command outlives the test's context, which ends before a service is told to stop.
func command(t *testing.T, bin, dir, service string, flags ...string) *exec.Cmd {
	args := append([]string{"-config", filepath.Join(dir, service+".json")}, flags...)
	return exec.CommandContext(context.WithoutCancel(t.Context()), filepath.Join(bin, "mobileid-"+service), args...)
}

// start runs a service and gives its address, once it says that it serves. It is told to stop when the test ends, and
// must then exit 0.
func start(t *testing.T, bin, dir, service string) *url.URL {
	t.Helper()
	cmd := command(t, bin, dir, service)
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	addr, drained := make(chan string, 1), make(chan struct{})
	go func() {
		defer close(drained)
		defer close(addr)
		for lines := bufio.NewScanner(stderr); lines.Scan(); {
			log.Write(append(lines.Bytes(), '\n'))
			var event struct{ Msg, Addr string }
			if json.Unmarshal(lines.Bytes(), &event) == nil && event.Msg == "serving" {
				addr <- event.Addr
			}
		}
	}()
	t.Cleanup(func() {
		if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
			t.Errorf("%s: %v", service, err)
		}
		<-drained
		if err := cmd.Wait(); err != nil {
			t.Errorf("%s ended with %v", service, err)
		}
		if t.Failed() {
			t.Logf("%s said:\n%s", service, log.String())
		}
	})
	bound, ok := <-addr
	if !ok {
		t.Fatalf("%s did not come up", service)
	}
	return &url.URL{Scheme: "http", Host: bound}
}

func get(ctx context.Context, t *testing.T, address string) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(body)
}

// The settings a ceremony writes are those the shipped services take; with their stores made, all three come up, and the
// verifier gets the issuer's status list.
func TestServicesStart(t *testing.T) {
	bin := binaries(t)
	dir, _ := hold(t)
	for _, s := range services {
		if out, err := command(t, bin, dir, s, "-check").CombinedOutput(); err != nil || !strings.Contains(string(out), "settings are good") {
			t.Fatalf("mobileid-%s -check: %v\n%s", s, err, out)
		}
	}

	issuer := newFront(t)
	list := issuer.URL + "/v1/status-lists/1"
	change(t, filepath.Join(dir, "issuer.json"), map[string]any{"listen": "127.0.0.1:0", "status_uri": list})
	change(t, filepath.Join(dir, "tsm.json"), map[string]any{"listen": "127.0.0.1:0", "issuer_url": issuer.URL})
	change(t, filepath.Join(dir, "verifier.json"), map[string]any{"listen": "127.0.0.1:0", "status_uris": []string{list},
		"crl_uris": []string{issuer.URL + "/v1/trust/iaca.crl"}})

	for _, s := range services {
		if out, err := command(t, bin, dir, s).CombinedOutput(); err == nil || !strings.Contains(string(out), "no such file") {
			t.Errorf("mobileid-%s ran without its state: %v\n%s", s, err, out)
		}
		if out, err := command(t, bin, dir, s, "-init").CombinedOutput(); err != nil {
			t.Fatalf("mobileid-%s -init: %v\n%s", s, err, out)
		}
		if out, err := command(t, bin, dir, s, "-init").CombinedOutput(); err == nil || !strings.Contains(string(out), "file exists") && !strings.Contains(string(out), "already exists") {
			t.Errorf("mobileid-%s -init made state over the old: %v\n%s", s, err, out)
		}
	}

	issuer.behind.Store(start(t, bin, dir, "issuer"))
	urls := map[string]string{"issuer": issuer.URL}
	for _, s := range services[1:] {
		urls[s] = start(t, bin, dir, s).String()
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	for _, s := range services {
		if status, body := get(ctx, t, urls[s]+"/livez"); status != http.StatusNoContent {
			t.Errorf("%s /livez: %d %s", s, status, body)
		}
		status, body := 0, ""
		for status != http.StatusOK && status != http.StatusNoContent { // until ctx ends
			status, body = get(ctx, t, urls[s]+"/readyz")
		}
		if s == "verifier" && !strings.Contains(body, list) {
			t.Errorf("verifier /readyz does not name the list: %s", body)
		}
	}
}

// TestDefaultAddressesDiffer: the services, JPKI-TEST and the counter page run side by side on one machine as they come.
func TestDefaultAddressesDiffer(t *testing.T) {
	dir, _ := hold(t)
	at := map[string]string{ceremony.JPKIAddr: "JPKI-TEST"}
	differs := func(who, address string) {
		if other, taken := at[address]; taken || address == "" {
			t.Errorf("%s listens at %q, as does %s", who, address, other)
		}
		at[address] = who
	}
	for _, s := range services {
		var settings struct{ Listen string }
		if err := json.Unmarshal(read(t, dir, s+".json"), &settings); err != nil {
			t.Fatal(err)
		}
		differs(s, settings.Listen)
	}
	help, err := exec.CommandContext(t.Context(), filepath.Join(binaries(t), "mobileid-issuer"), "counter", "-help").CombinedOutput()
	if err != nil {
		t.Fatal(err)
	}
	m := regexp.MustCompile(`(?s)-listen ADDRESS\s.*?\(default "([^"]+)"\)`).FindSubmatch(help)
	if m == nil {
		t.Fatalf("the counter page has no default address:\n%s", help)
	}
	differs("the counter page", string(m[1]))
}
