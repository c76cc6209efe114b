package trust_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"mobileid/mdoc/statuslist"
	"mobileid/verifier/trust"
)

// server serves one handler on loopback.
func server(t *testing.T, h http.HandlerFunc) *httptest.Server {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s
}

func serve(raw []byte) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", statuslist.MediaType)
		_, _ = w.Write(raw)
	}
}

func TestFetch(t *testing.T) {
	i := newIssuer(t)
	s := server(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Accept") != "application/statuslist+cwt, application/identifierlist+cwt" || r.Method != http.MethodGet {
			t.Errorf("%s with Accept %q", r.Method, r.Header.Get("Accept"))
		}
		serve(i.tokenFor(t, "http://"+r.Host+r.URL.Path, i.Now, time.Hour, 5))(w, r)
	})
	at := s.URL + "/lists/1"
	c := i.cache(t, "")
	r, err := trust.NewRefresher(trust.RefresherConfig{Cache: c, URIs: []string{at}, Now: func() time.Time { return i.Now }})
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	if a := c.Lookup(at, 5, i.Now); !a.Known || a.Value != 1 {
		t.Errorf("answer %+v, want revoked", a)
	}
}

// TestFetchRefuses keeps the list held whatever the server does.
func TestFetchRefuses(t *testing.T) {
	i, stranger := newIssuer(t), newIssuer(t)
	elsewhere := server(t, func(http.ResponseWriter, *http.Request) { t.Error("a redirect led to another host") })
	var own string
	for name, h := range map[string]http.HandlerFunc{
		"404": http.NotFound,
		"500": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) },
		"redirect elsewhere": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, elsewhere.URL+"/lists/1", http.StatusFound)
		},
		"redirect without end": func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, r.URL.Path, http.StatusFound) },
		"wrong content type": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/octet-stream")
			_, _ = w.Write(i.tokenFor(t, own, i.Now, time.Hour))
		},
		"broken content type": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", statuslist.MediaType+"; x")
			_, _ = w.Write(i.tokenFor(t, own, i.Now, time.Hour))
		},
		"404 with a good list": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", statuslist.MediaType)
			w.WriteHeader(http.StatusNotFound)
			_, _ = w.Write(i.tokenFor(t, own, i.Now, time.Hour))
		},
		"broken off": func(w http.ResponseWriter, _ *http.Request) {
			raw := i.tokenFor(t, own, i.Now, time.Hour)
			w.Header().Set("Content-Type", statuslist.MediaType)
			w.Header().Set("Content-Length", strconv.Itoa(len(raw)+1))
			_, _ = w.Write(raw)
		},
		"signed by a stranger": func(w http.ResponseWriter, r *http.Request) { serve(stranger.tokenFor(t, own, i.Now, time.Hour))(w, r) },
		"unsigned":             serve([]byte{0xa0}),
		"empty":                serve(nil),
		"another list":         func(w http.ResponseWriter, r *http.Request) { serve(i.tokenFor(t, own+"2", i.Now, time.Hour))(w, r) },
		"expired": func(w http.ResponseWriter, r *http.Request) {
			serve(i.tokenFor(t, own, i.Now.Add(-2*time.Minute), time.Minute))(w, r)
		},
		"older than held": func(w http.ResponseWriter, r *http.Request) {
			serve(i.tokenFor(t, own, i.Now.Add(-2*time.Minute), time.Hour))(w, r)
		},
		"without end": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", statuslist.MediaType)
			for block := make([]byte, 1<<16); ; {
				if _, err := w.Write(block); err != nil {
					return
				}
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := server(t, h)
			own = s.URL + "/lists/1"
			c := i.cache(t, "")
			if err := c.Put(own, i.tokenFor(t, own, i.Now.Add(-time.Minute), time.Hour, 5), i.Now); err != nil {
				t.Fatal(err)
			}
			r, err := trust.NewRefresher(trust.RefresherConfig{Cache: c, URIs: []string{own}, Now: func() time.Time { return i.Now }})
			if err != nil {
				t.Fatal(err)
			}
			if err := r.Refresh(t.Context()); err == nil {
				t.Error("taken")
			}
			if a := c.Lookup(own, 5, i.Now); !a.Known || a.Value != 1 {
				t.Errorf("answer %+v: the list held was lost", a)
			}
			if a := c.Lookup(own, 6, i.Now.Add(25*time.Hour)); a.Known {
				t.Errorf("answer %+v: an old list counts as good", a)
			}
		})
	}
}

// TestRedirectWithinTheHost: three are followed.
func TestRedirectWithinTheHost(t *testing.T) {
	i := newIssuer(t)
	for redirects, good := range map[int]bool{0: true, 1: true, 3: true, 4: false} {
		left, asked, own := redirects, 0, ""
		s := server(t, func(w http.ResponseWriter, r *http.Request) {
			asked++
			if left > 0 {
				left--
				http.Redirect(w, r, r.URL.Path+"-v2", http.StatusFound)
				return
			}
			serve(i.tokenFor(t, own, i.Now, time.Hour))(w, r)
		})
		own = s.URL + "/lists/1"
		r, err := trust.NewRefresher(trust.RefresherConfig{Cache: i.cache(t, ""), URIs: []string{own}, Now: func() time.Time { return i.Now }})
		if err != nil {
			t.Fatal(err)
		}
		if err := r.Refresh(t.Context()); (err == nil) != good || asked != min(redirects, 3)+1 {
			t.Errorf("%d redirects: %d requests, %v", redirects, asked, err)
		}
	}
}

// TestRedirectToPlainHTTP: the same host without TLS is another.
func TestRedirectToPlainHTTP(t *testing.T) {
	i := newIssuer(t)
	c := i.cache(t, "")
	r, err := trust.NewRefresher(trust.RefresherConfig{Cache: c, URIs: []string{uri}, Now: func() time.Time { return i.Now },
		Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
			w := httptest.NewRecorder()
			if r.URL.Scheme == "https" {
				http.Redirect(w, r, "http://"+r.URL.Host+r.URL.Path, http.StatusFound)
			} else {
				serve(i.token(t, i.Now, time.Hour))(w, r)
			}
			return w.Result(), nil
		})})
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Refresh(t.Context()); !errors.Is(err, trust.ErrNotAllowed) || c.Lookup(uri, 5, i.Now).Held {
		t.Errorf("error %v, want ErrNotAllowed", err)
	}
}

// TestWantedListsAreFetchedUnderThePrefixOnly: a document cannot send the till anywhere.
func TestWantedListsAreFetchedUnderThePrefixOnly(t *testing.T) {
	i := newIssuer(t)
	var asked []string
	var own string
	s := server(t, func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.URL.Path)
		serve(i.tokenFor(t, own+r.URL.Path, i.Now, time.Hour))(w, r)
	})
	own = s.URL
	c := i.cache(t, "")
	r, err := trust.NewRefresher(trust.RefresherConfig{Cache: c, Prefixes: []string{own + "/lists/"}, Now: func() time.Time { return i.Now }})
	if err != nil {
		t.Fatal(err)
	}
	for _, uri := range []string{
		own + "/lists/7", own + "/other/7", own + "/lists/../other/7", own + "/lists/%2e%2e/other", "http://localhost:1/lists/7",
		strings.Replace(own, "http://", "http://x@", 1) + "/lists/8", "file:///lists/7", own + "/lists/7#x", own + "/listsother/7",
		own + "/lists/a%2fb", own + "/lists/%zz", strings.Replace(own, "http://", "https://", 1) + "/lists/9", "http://127.0.0.1:1/lists/7",
	} {
		c.Lookup(uri, 1, i.Now)
	}
	if err := r.Refresh(t.Context()); !errors.Is(err, trust.ErrNotAllowed) {
		t.Errorf("error %v, want ErrNotAllowed for the others", err)
	}
	if !slices.Equal(asked, []string{"/lists/7"}) {
		t.Errorf("fetched %q, want /lists/7 alone", asked)
	}
	if a := c.Lookup(own+"/lists/7", 1, i.Now); !a.Known {
		t.Errorf("answer %+v, want known", a)
	}
	if n := len(c.Wanted()); n != 0 {
		t.Errorf("%d addresses stay wanted", n)
	}
}

func TestNewRefresherRefuses(t *testing.T) {
	c := newIssuer(t).cache(t, "")
	for name, cfg := range map[string]trust.RefresherConfig{
		"no cache":              {},
		"plain http":            {Cache: c, URIs: []string{"http://issuer.example/1"}},
		"a name for loopback":   {Cache: c, URIs: []string{"http://localhost/1"}},
		"credentials":           {Cache: c, URIs: []string{"https://a:b@issuer.example/1"}},
		"no host":               {Cache: c, URIs: []string{"https:///1"}},
		"opaque":                {Cache: c, URIs: []string{"https:issuer.example/1"}},
		"no address":            {Cache: c, URIs: []string{"https://issuer.example/%zz"}},
		"2049 bytes":            {Cache: c, URIs: []string{longURI(2049)}},
		"another computer":      {Cache: c, URIs: []string{"http://192.0.2.1/1"}},
		"relative":              {Cache: c, URIs: []string{"/1"}},
		"prefix without slash":  {Cache: c, Prefixes: []string{"https://issuer.example/lists"}},
		"prefix with query":     {Cache: c, Prefixes: []string{"https://issuer.example/lists/?a=/"}},
		"prefix over plain web": {Cache: c, Prefixes: []string{"http://issuer.example/lists/"}},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := trust.NewRefresher(cfg); err == nil {
				t.Error("accepted")
			}
		})
	}
	if _, err := trust.NewRefresher(trust.RefresherConfig{Cache: c, URIs: []string{longURI(2048), "http://127.0.0.1/1", "http://[::1]/1"}}); err != nil {
		t.Error(err)
	}
}

// longURI is an address of n bytes.
func longURI(n int) string { return uri + strings.Repeat("0", n-len(uri)) }

// roundTripper answers without a network, as the fake clock of synctest needs.
type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// TestRunFollowsTTL: a list with a ttl of five minutes is fetched again after it, a failing one every minute.
func TestRunFollowsTTL(t *testing.T) {
	i := newIssuer(t)
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		now := func() time.Time { return i.Now.Add(time.Since(start)) }
		var good, bad atomic.Int64
		transport := roundTripper(func(r *http.Request) (*http.Response, error) {
			w := httptest.NewRecorder()
			if strings.HasSuffix(r.URL.Path, "bad") {
				bad.Add(1)
				return nil, errors.New("unreachable")
			}
			good.Add(1)
			serve(i.token(t, now().Truncate(time.Second), time.Hour))(w, r)
			return w.Result(), nil
		})
		r, err := trust.NewRefresher(trust.RefresherConfig{
			Cache: i.cache(t, ""), URIs: []string{uri, uri + "bad"}, Transport: transport, Now: now,
		})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 21*time.Minute+time.Second)
		defer cancel()
		if err := r.Run(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("error %v, want DeadlineExceeded", err)
		}
		if n := good.Load(); n != 5 { // at 0, 5, 10, 15 and 20 minutes
			t.Errorf("the good list was fetched %d times in 21 minutes, want 5", n)
		}
		if n := bad.Load(); n != 22 {
			t.Errorf("the failing list was tried %d times in 21 minutes, want 22", n)
		}
	})
}
