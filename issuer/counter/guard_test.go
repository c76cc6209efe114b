package counter_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"mobileid/issuer/counter"
	"mobileid/issuer/issuertest"
)

// Requests that do not come from the page reach nothing: other names of the machine, other pages, forms without the token.
func TestGuard(t *testing.T) {
	d := newHall(t).desk(t, nil)
	d.until("secrets")
	revision := d.page()
	fields := url.Values{"csrf": {d.csrf()}, "attribute": {"0000"}, "signature": {"AAAAAA"}, "birth": {"080101"}, "expiry": {"2030"}, "security": {"0000"}}
	for name, c := range map[string]struct {
		alter  func(*http.Request)
		cookie bool
		want   int
	}{
		"another host":          {func(r *http.Request) { r.Host = "rebind.example:8084" }, true, 421},
		"localhost":             {func(r *http.Request) { r.Host = "localhost:8084" }, true, 421},
		"another port":          {func(r *http.Request) { r.Host = "127.0.0.1:8085" }, true, 421},
		"another origin":        {func(r *http.Request) { r.Header.Set("Origin", "https://evil.example") }, true, 403},
		"no origin":             {func(r *http.Request) { r.Header.Del("Origin") }, true, 403},
		"null origin":           {func(r *http.Request) { r.Header.Set("Origin", "null") }, true, 403},
		"cross-site fetch":      {func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "cross-site") }, true, 403},
		"same-site fetch":       {func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "same-site") }, true, 403},
		"no cookie":             {func(*http.Request) {}, false, 403},
		"values in the address": {func(r *http.Request) { r.URL.RawQuery = fields.Encode() }, true, 403},
		"JSON":                  {func(r *http.Request) { r.Header.Set("Content-Type", "application/json") }, true, 415},
		"no type":               {func(r *http.Request) { r.Header.Del("Content-Type") }, true, 415},
		"wrong token":           {func(r *http.Request) { *r = *form("/secrets", url.Values{"csrf": {"x"}}) }, true, 403},
		"no token":              {func(r *http.Request) { *r = *form("/secrets", url.Values{}) }, true, 403},
		"too long":              {func(r *http.Request) { *r = *form("/secrets", url.Values{"csrf": {strings.Repeat("x", 9<<10)}}) }, true, 400},
		"GET":                   {func(r *http.Request) { r.Method = http.MethodGet }, true, 405},
		"no such page":          {func(r *http.Request) { r.URL.Path = "/admin" }, true, 404},
		"start, visit's token":  {func(r *http.Request) { *r = *form("/start", fields) }, true, 403},
		"end, made-up token":    {func(r *http.Request) { *r = *form("/end", url.Values{"csrf": {"x"}}) }, true, 403},
	} {
		t.Run(name, func(t *testing.T) {
			r := form("/secrets", fields)
			c.alter(r)
			if c.cookie {
				r.AddCookie(d.cookie)
			}
			rec := httptest.NewRecorder()
			d.handler.ServeHTTP(rec, r)
			if rec.Code != c.want {
				t.Errorf("answer %d, want %d", rec.Code, c.want)
			}
		})
	}
	if d.page() != revision {
		t.Error("one of them changed the page")
	}
}

// Every answer carries the headers, and no page or picture may be stored.
func TestHeaders(t *testing.T) {
	d := newHall(t).desk(t, nil)
	d.until("phone")
	for _, path := range []string{"/", "/state", "/qr.png", "/counter.css", "/counter.js", "/portrait", "/none"} {
		h := d.get(path).Header()
		for name, want := range map[string]string{"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY",
			"Referrer-Policy": "same-origin", "Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Resource-Policy": "same-origin"} {
			if got := h.Get(name); got != want {
				t.Errorf("%s: %s is %q", path, name, got)
			}
		}
		for _, part := range []string{"default-src 'none'", "script-src 'self'", "form-action 'self'", "frame-ancestors 'none'", "base-uri 'none'"} {
			if !strings.Contains(h.Get("Content-Security-Policy"), part) {
				t.Errorf("%s: the policy lacks %s", path, part)
			}
		}
		if strings.Contains(h.Get("Content-Security-Policy"), "unsafe") {
			t.Errorf("%s: the policy is not strict", path)
		}
	}
	if !d.cookie.HttpOnly || d.cookie.SameSite != http.SameSiteStrictMode || len(d.cookie.Value) < 40 {
		t.Errorf("cookie %+v", d.cookie)
	}
}

// Another window sees nothing of the visit, and can only erase it.
func TestOtherWindow(t *testing.T) {
	d := newHall(t).desk(t, nil)
	d.until("review")
	mine := d.cookie
	d.cookie = nil
	page := d.page()
	d.says(page, "使用中")
	if strings.Contains(page, d.wallet.Card.Person().Name) || d.get("/portrait").Code != http.StatusNotFound {
		t.Error("the other window sees the holder")
	}
	if state := drain(d.get("/state")); state != "{\"revision\":-1,\"left\":0}\n" {
		t.Errorf("the other window is told %s", state)
	}
	d.says(d.press("/end"), "すべて消去しました", "受付を始める")
	d.cookie = mine
	if strings.Contains(d.page(), d.wallet.Card.Person().Name) {
		t.Error("the visit went on")
	}
	first := d.until("phone")
	d.cookie = nil
	if second := d.press("/start"); stepOf(second) != "phone" || second == first || d.issuer.closed != 2 {
		t.Errorf("a new start: at %s, closed %d", stepOf(second), d.issuer.closed)
	}
}

// A form of another step changes nothing.
func TestFormsOutOfTurn(t *testing.T) {
	d := newHall(t).desk(t, nil)
	d.until("phone")
	for _, path := range []string{"/code", "/card", "/consent", "/secrets", "/review"} {
		if page := d.press(path, "agree", "yes", "code", "123456"); stepOf(page) != "phone" {
			t.Errorf("%s leads to %s", path, stepOf(page))
		}
	}
}

// Names, numbers and PINs appear in no log, address or header, and in no page after the review.
func TestCanaries(t *testing.T) {
	d := newHall(t).desk(t, nil)
	d.until("secrets")
	right := secrets(d.wallet.Card.Person())
	d.press("/secrets", with(right, "attribute", "0470")...)
	d.press("/secrets", with(right, "signature", "CANARYPASSWORD")...)
	d.press("/secrets", with(right, "security", "CANARY")...)
	page := d.press("/secrets", right...)
	d.says(page, d.wallet.Card.Person().Name)
	d.press("/review")
	d.provision()
	d.want("done")
	d.press("/end")
	p := d.wallet.Card.Person()
	for name, canary := range map[string]string{"name": p.Name, "address": p.Address, "number": p.Number, "signature password": p.SignaturePassword,
		"attribute PIN": `"` + p.AttributePIN + `"`, "wrong PIN": `"0470"`, "wrong password": "CANARYPASSWORD", "wrong code": "CANARY", "number B": p.NumberB(), "birth date": "2007年"} {
		if strings.Contains(d.logs.String(), canary) {
			t.Errorf("the log holds the %s", name)
		}
		if strings.Contains(d.said.String(), canary) {
			t.Errorf("a page or header beside the review holds the %s", name)
		}
		if name != "name" && name != "address" && name != "birth date" && strings.Contains(page, canary) {
			t.Errorf("the review holds the %s", name)
		}
	}
	for _, held := range []string{d.joined.Code, d.joined.Token.Reveal(), issuertest.OperatorToken} {
		if strings.Contains(d.logs.String(), held) {
			t.Error("the log holds a token or code")
		}
	}
}

func TestNewRefuses(t *testing.T) {
	good := counter.Config{Reader: &slot{}, Issuer: &direct{}, Origin: origin, QR: func(string) ([]byte, error) { return nil, nil }}
	if _, err := counter.New(good); err != nil {
		t.Fatal(err)
	}
	for name, alter := range map[string]func(*counter.Config){
		"no reader": func(c *counter.Config) { c.Reader = nil }, "no issuer": func(c *counter.Config) { c.Issuer = nil },
		"no QR": func(c *counter.Config) { c.QR = nil }, "no origin": func(c *counter.Config) { c.Origin = "" },
		"https": func(c *counter.Config) { c.Origin = "https://127.0.0.1:1" }, "path": func(c *counter.Config) { c.Origin = origin + "/x" },
		"everywhere": func(c *counter.Config) { c.Origin = "http://0.0.0.0:1" }, "name": func(c *counter.Config) { c.Origin = "http://localhost:1" },
		"no port": func(c *counter.Config) { c.Origin = "http://127.0.0.1" }, "the network": func(c *counter.Config) { c.Origin = "http://192.0.2.1:1" },
		"negative idle": func(c *counter.Config) { c.Idle = -time.Second }, "no randomness": func(c *counter.Config) { c.Rand = strings.NewReader("") },
	} {
		c := good
		alter(&c)
		if _, err := counter.New(c); err == nil {
			t.Errorf("%s: made", name)
		}
	}
	for address, ok := range map[string]bool{"127.0.0.1:0": true, "[::1]:8084": true, "127.9.9.9:1": true, ":8084": false, "0.0.0.0:1": false, "localhost:1": false, "192.0.2.1:1": false, "x": false} {
		if err := counter.Loopback(address); (err == nil) != ok {
			t.Errorf("%s: %v", address, err)
		}
	}
}
