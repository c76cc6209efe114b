package ceremony_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
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

	"mobileid/cmd/internal/link"
	"mobileid/cmd/mobileid/internal/ceremony"
	"mobileid/issuer/tsmclient"
	"mobileid/tsm"
	"mobileid/tsm/issuerclient"
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

// start runs a service and gives its address, and that of its end of the line if it has one, once it says that it serves. It
// is told to stop when the test ends, and must then exit 0.
func start(t *testing.T, bin, dir, service string) (public *url.URL, line string) {
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
	addr, secure, drained := make(chan string, 1), make(chan string, 1), make(chan struct{})
	go func() {
		defer close(drained)
		defer close(addr)
		defer close(secure)
		for lines := bufio.NewScanner(stderr); lines.Scan(); {
			log.Write(append(lines.Bytes(), '\n'))
			var event struct {
				Msg, Addr string
				TLS       bool
			}
			if json.Unmarshal(lines.Bytes(), &event) != nil || event.Msg != "serving" {
				continue
			}
			if event.TLS {
				secure <- event.Addr
			} else {
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
	if service != "verifier" {
		if line, ok = <-secure; !ok {
			t.Fatalf("%s has no line", service)
		}
	}
	return &url.URL{Scheme: "http", Host: bound}, "https://" + line
}

// The line between the two services is open both ways, to the two of them.
func checkLine(t *testing.T, dir, issuerLine, tsmLine string) {
	t.Helper()
	end := func(name string) http.RoundTripper {
		l, err := link.Open(link.In(filepath.Join(dir, "service"), name, "127.0.0.1:0"), slog.New(slog.DiscardHandler), nil)
		if err != nil {
			t.Fatal(err)
		}
		return l.Transport()
	}
	orders, err := tsmclient.New(tsmclient.Config{BaseURL: tsmLine, Transport: end(link.IssuerEnd)})
	if err != nil {
		t.Fatal(err)
	}
	if err := orders.Submit(t.Context(), []byte("no order")); err == nil || !strings.Contains(err.Error(), "order_malformed") {
		t.Errorf("an order to the TSM: %v", err)
	}
	receipts, err := issuerclient.New(issuerclient.Config{BaseURL: issuerLine, Transport: end(link.TSMEnd)})
	if err != nil {
		t.Fatal(err)
	}
	if err := receipts.Receipt(t.Context(), []byte("no receipt")); !errors.Is(err, tsm.ErrIssuerRefused) {
		t.Errorf("a receipt to the issuer: %v", err)
	}
	if err := orders.Submit(t.Context(), nil); err == nil {
		t.Error("an empty order was taken")
	}
	if stranger, err := tsmclient.New(tsmclient.Config{BaseURL: issuerLine, Transport: end(link.IssuerEnd)}); err != nil {
		t.Fatal(err)
	} else if err := stranger.Submit(t.Context(), []byte("x")); err == nil || strings.Contains(err.Error(), "not_found") {
		t.Errorf("the issuer called itself: %v", err)
	}
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
	line := filepath.Join(dir, "service")
	change(t, filepath.Join(dir, "issuer.json"), map[string]any{"listen": "127.0.0.1:0", "status_uri": list,
		"link": link.In(line, link.IssuerEnd, "127.0.0.1:0")})
	change(t, filepath.Join(dir, "tsm.json"), map[string]any{"listen": "127.0.0.1:0", "link": link.In(line, link.TSMEnd, "127.0.0.1:0")})
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

	urls, lines := map[string]string{"issuer": issuer.URL}, map[string]string{}
	for _, s := range services {
		public, secure := start(t, bin, dir, s)
		lines[s] = secure
		if s == "issuer" {
			issuer.behind.Store(public)
		} else {
			urls[s] = public.String()
		}
	}
	checkLine(t, dir, lines["issuer"], lines["tsm"])
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
		var settings struct {
			Listen string
			Link   link.Settings
		}
		if err := json.Unmarshal(read(t, dir, s+".json"), &settings); err != nil {
			t.Fatal(err)
		}
		differs(s, settings.Listen)
		if s != "verifier" {
			differs(s+"'s line", settings.Link.Listen)
		}
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
