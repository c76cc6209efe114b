package main

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"mobileid/issuer/card/cardsim"
	"mobileid/mdoc/apdu"
	"mobileid/mdoc/apdu/pcsc"
)

// forms is a browser without script: it follows the page's forms.
type forms struct {
	*hall
	http *http.Client
	seen strings.Builder // every address asked for
}

func (h *hall) forms() *forms {
	jar, err := cookiejar.New(nil)
	check(h.t, err)
	f := &forms{hall: h}
	f.http = &http.Client{Jar: jar, CheckRedirect: func(r *http.Request, _ []*http.Request) error { f.seen.WriteString(r.URL.String() + "\n"); return nil }}
	return f
}

func (f *forms) get(path string) string {
	f.t.Helper()
	resp, err := f.http.Get(f.page + path) //nolint:noctx // a test's server
	check(f.t, err)
	defer resp.Body.Close() //nolint:errcheck // read to its end
	var b bytes.Buffer
	_, err = b.ReadFrom(resp.Body)
	check(f.t, err)
	return b.String()
}

func (f *forms) press(path string, fields ...string) string {
	f.t.Helper()
	values := url.Values{"csrf": {regexp.MustCompile(`name="csrf" value="([^"]+)"`).FindStringSubmatch(f.get("/"))[1]}}
	for i := 0; i < len(fields); i += 2 {
		values.Set(fields[i], fields[i+1])
	}
	r, err := http.NewRequestWithContext(f.t.Context(), http.MethodPost, f.page+path, strings.NewReader(values.Encode()))
	check(f.t, err)
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Origin", f.page)
	resp, err := f.http.Do(r)
	check(f.t, err)
	defer resp.Body.Close() //nolint:errcheck // read to its end
	var b bytes.Buffer
	_, err = b.ReadFrom(resp.Body)
	check(f.t, err)
	return b.String()
}

func (f *forms) want(step string) string {
	f.t.Helper()
	for deadline := time.Now().Add(20 * time.Second); ; {
		page := f.get("/")
		if strings.Contains(page, `data-step="`+step+`"`) {
			return page
		}
		if time.Now().After(deadline) {
			f.t.Fatalf("the page never comes to %s", step)
		}
	}
}

// TestCounterByForms is the whole way through the program without a browser: issuer, counter, card in a file and phone, each
// behind its own door; a try that was spent stays spent in the card's file.
func TestCounterByForms(t *testing.T) {
	h := newHall(t, "foreigner")
	f := h.forms()
	f.press("/start")
	visit := h.join(h.scan([]byte(f.get("/qr.png"))))
	f.want("code")
	f.press("/code", "code", visit.Code)
	h.tap()
	f.want("consent")
	f.press("/consent", "agree", "yes", "number", "yes")
	p := h.card.Person()
	fields := func(pin string) []string {
		return []string{"attribute", pin, "signature", p.SignaturePassword, "birth", p.NumberB()[:6], "expiry", p.NumberB()[6:10], "security", p.NumberB()[10:]}
	}
	f.press("/secrets", fields("9090")...)
	saved, err := os.ReadFile(h.cardFile)
	check(t, err)
	again, err := cardsim.ParseCard(saved)
	check(t, err)
	if left := triesLeft(t, again); left != 2 {
		t.Errorf("the file says %d tries are left, want 2", left)
	}
	if page := f.press("/secrets", fields(p.AttributePIN)...); !strings.Contains(page, p.Name) {
		t.Error("the name is not shown")
	}
	f.press("/review")
	h.provision(visit)
	f.want("done")
	f.press("/end")
	for name, canary := range h.canaries() {
		if strings.Contains(f.seen.String(), canary) {
			t.Errorf("an address holds the %s", name)
		}
	}
	h.wantNoCanary()
	if leftovers, err := filepath.Glob(h.cardFile + ".*"); err != nil || len(leftovers) > 0 {
		t.Errorf("left behind: %v, %v", leftovers, err)
	}
}

// triesLeft asks a card for the tries of its attribute PIN.
func triesLeft(t *testing.T, chip apdu.Transmitter) int {
	t.Helper()
	var r apdu.Response
	for _, c := range []apdu.Command{{INS: 0xA4, P1: 4, P2: 0x0C, Data: []byte{0xD3, 0x92, 0x10, 0x00, 0x31, 0x00, 0x01, 0x01, 0x04, 0x08}},
		{INS: 0xA4, P1: 2, P2: 0x0C, Data: []byte{0, 0x11}}, {INS: 0x20, P2: 0x80}} {
		var err error
		r, err = apdu.Exchange(t.Context(), chip, c)
		check(t, err)
	}
	left, _ := r.SW.Tries()
	return left
}

// A card file that goes away is a card pulled away; the tries it had stay as they were.
func TestModelIsPulled(t *testing.T) {
	h := newHall(t, "nineteen")
	f := h.forms()
	f.press("/start")
	visit := h.join(h.scan([]byte(f.get("/qr.png"))))
	f.want("code")
	f.press("/code", "code", visit.Code)
	h.tap()
	f.want("consent")
	f.press("/consent", "agree", "yes")
	h.pull()
	if page := f.press("/secrets", "attribute", "1234", "signature", "ABC123", "birth", "000000", "expiry", "2030", "security", "0000"); !strings.Contains(page, "読み取れませんでした") {
		t.Error("the page does not say that the card is gone")
	}
	check(t, os.WriteFile(h.cardFile, []byte("no card"), 0o600))
	f.press("/card")
	for deadline := time.Now().Add(20 * time.Second); !strings.Contains(f.get("/"), "カードリーダーまたはカードを使用できません"); {
		if time.Now().After(deadline) {
			t.Fatal("a broken file is not told")
		}
	}
}

// The phone of one issuer does not follow what another's counter shows, and a closed visit is told as such.
func TestPhoneAtACounter(t *testing.T) {
	h := newHall(t, "nineteen")
	f := h.forms()
	f.press("/start")
	text := h.scan([]byte(f.get("/qr.png")))
	other := newHall(t, "nineteen")
	if _, err := other.phone.Join(t.Context(), text, 1, 1); err == nil || !strings.Contains(err.Error(), "unauthorized") {
		t.Errorf("another issuer's phone: %v", err)
	}
	for _, bad := range []string{"", "https://issuer.example/join", "mdoc:AAAA"} {
		if _, err := h.phone.Join(t.Context(), bad, 1, 1); err == nil {
			t.Errorf("joined by %q", bad)
		}
	}
	visit := h.join(text)
	f.press("/end")
	if _, err := h.phone.Ordered(t.Context(), visit, time.Millisecond); err == nil || !strings.Contains(err.Error(), "ended") {
		t.Errorf("after the end: %v", err)
	}
	if s := fmt.Sprintf("%v %+v", visit, visit); strings.Contains(s, visit.Code) {
		t.Errorf("formatted as %s", s)
	}
}

// The program reads with extended commands, which take a fraction of the exchanges (TestExtendedVisit of the page).
func TestCounterReadsExtended(t *testing.T) {
	if !(station{}).config(nil, "", nil).Extended {
		t.Error("cards are read with short commands")
	}
}

func TestCounterRefusesToStart(t *testing.T) {
	dir := t.TempDir()
	t.Setenv(pcsc.SocketEnvironment, filepath.Join(dir, "nobody"))
	token := write(t, filepath.Join(dir, "token"), "token")
	open := write(t, filepath.Join(dir, "open"), "token")
	check(t, os.Chmod(open, 0o644)) //nolint:gosec // the fault under test
	args := func(more ...string) []string {
		return append([]string{"counter", "-issuer", "http://127.0.0.1:1", "-token-file", token, "-model", filepath.Join(dir, "card"), "-listen", "127.0.0.1:0"}, more...)
	}
	for name, c := range map[string]struct {
		args []string
		code int
		says string
	}{
		"help":            {[]string{"counter", "-help"}, 0, "loopback"},
		"unknown flag":    {args("-pin", "1234"), 2, "-pin"},
		"nothing":         {[]string{"counter"}, 2, "hint"},
		"two readers":     {args("-reader", "x"), 2, "-model"},
		"argument":        {args("x"), 2, "arguments"},
		"every address":   {args("-listen", ":8084"), 1, "loopback"},
		"the network":     {args("-listen", "192.0.2.1:8084"), 1, "loopback"},
		"a name":          {args("-listen", "localhost:8084"), 1, "loopback"},
		"open token file": {args("-token-file", open), 1, "mode 0644: file is open to others"},
		"no token file":   {args("-token-file", filepath.Join(dir, "none")), 1, "counter's token"},
		"folder":          {args("-token-file", dir), 1, "not a regular file"},
		"long token":      {args("-token-file", write(t, filepath.Join(dir, "long"), strings.Repeat("x", 5<<10))), 1, "over"},
		"no address":      {args("-issuer", "issuer.example"), 1, "http"},
		"negative idle":   {args("-idle", "-1s"), 1, "negative"},
		"in clear":        {args("-issuer", "http://192.0.2.1"), 1, "https"},
		"no pcscd":        {args("-model", ""), 1, "start pcscd"},
	} {
		t.Run(name, func(t *testing.T) {
			var stdout, stderr bytes.Buffer
			if code := run(t.Context(), c.args, &stdout, &stderr); code != c.code || !strings.Contains(stderr.String(), c.says) {
				t.Errorf("exit %d, %s", code, stderr.String())
			}
		})
	}
}
