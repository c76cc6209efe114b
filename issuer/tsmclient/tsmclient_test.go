package tsmclient_test

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"mobileid/issuer/tsmclient"
	"mobileid/schemas/problem"
)

func TestNewRefusesAddresses(t *testing.T) {
	for _, address := range []string{"", "tsm.example", "ftp://tsm.example", "https://", "https://user:word@tsm.example", "https://tsm.example?a=b", "https://tsm.example#a", "://"} {
		if _, err := tsmclient.New(tsmclient.Config{BaseURL: address}); err == nil {
			t.Errorf("%q is taken", address)
		} else if strings.Contains(err.Error(), "word") {
			t.Error("the error shows a password")
		}
	}
	if _, err := tsmclient.New(tsmclient.Config{BaseURL: "https://tsm.example", Timeout: -1}); err == nil {
		t.Error("a negative timeout is taken")
	}
}

func TestSubmit(t *testing.T) {
	const order = "a signed order"
	for _, c := range []struct {
		name   string
		answer func(http.ResponseWriter, *http.Request)
		want   string // in the error; "" for none
	}{
		{"taken", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusAccepted) }, ""},
		{"other success", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) }, "status 200"},
		{"refused", func(w http.ResponseWriter, _ *http.Request) {
			problem.New(http.StatusForbidden, problem.CodeForbidden, "text of another party").Write(w)
		}, problem.CodeForbidden},
		{"failed without words", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) }, "status 502"},
		{"redirected", func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "/elsewhere", http.StatusTemporaryRedirect)
		}, "status 307"},
	} {
		t.Run(c.name, func(t *testing.T) {
			requests := 0
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				requests++
				body, err := io.ReadAll(r.Body)
				if err != nil || string(body) != order || r.Method != http.MethodPost || r.URL.Path != "/tsm/v1/orders" ||
					r.URL.RawQuery != "" || r.Header.Get("Content-Type") != "application/cose" {
					t.Errorf("%s %s with %d bytes of %s", r.Method, r.URL.Path, len(body), r.Header.Get("Content-Type"))
				}
				c.answer(w, r)
			}))
			defer server.Close()
			client, err := tsmclient.New(tsmclient.Config{BaseURL: server.URL + "/tsm/"})
			if err != nil {
				t.Fatal(err)
			}
			err = client.Submit(t.Context(), []byte(order))
			if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, expected %q", err, c.want)
			}
			if err != nil && strings.Contains(err.Error(), "another party") {
				t.Error("the error repeats what another party wrote")
			}
			if requests != 1 {
				t.Errorf("%d requests", requests)
			}
		})
	}
}

func TestSubmitToNobody(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	server.Close()
	client, err := tsmclient.New(tsmclient.Config{BaseURL: server.URL})
	if err != nil {
		t.Fatal(err)
	}
	if err := client.Submit(t.Context(), []byte("x")); err == nil || errors.Is(err, io.EOF) {
		t.Errorf("error %v", err)
	}
}
