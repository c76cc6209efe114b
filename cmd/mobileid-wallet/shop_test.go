package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"math/big"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"mobileid/issuer"
	"mobileid/issuer/card/cardsim"
	"mobileid/issuer/card/jpki"
	"mobileid/issuer/card/jpki/jpkica"
	"mobileid/issuer/card/jpki/jpkisim"
	issuerapi "mobileid/issuer/httpapi"
	"mobileid/issuer/keys"
	"mobileid/issuer/revocation"
	issuerstore "mobileid/issuer/store"
	"mobileid/issuer/tsmclient"
	"mobileid/mdoc/pki"
	"mobileid/tsm"
	tsmapi "mobileid/tsm/httpapi"
	"mobileid/tsm/issuerclient"
	tsmstore "mobileid/tsm/store"
	"mobileid/verifier"
	verifierapi "mobileid/verifier/httpapi"
	"mobileid/verifier/policy"
	"mobileid/verifier/trust"
)

const testPIN = "480216935770"

// town is the authority's folder, the three services on loopback, and what a command printed.
type town struct {
	dispatch  func(context.Context) // sends what waits in the issuer's outbox
	t         *testing.T
	dir       string // the authority's
	authority *keys.Authority
	cards     *cardsim.Authority
	anchors   *pki.Anchors

	issuerURL, tsmURL, tillURL string
	operator, pos              string
	fetch                      *trust.Refresher

	ordersRefused atomic.Bool // the TSM takes no orders

	service *issuer.Service
	jpki    *jpkisim.Pair
	phones  *issuer.PhoneConfig
}

func must[T any](v T, err error) func(*testing.T) T {
	return func(t *testing.T) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func token() string {
	b := make([]byte, 32)
	_, _ = rand.Read(b)
	return base64.RawURLEncoding.EncodeToString(b)
}

// newFolder makes the authority's folder as the key ceremony does, without services.
func newFolder(t *testing.T) *town {
	t.Helper()
	w := &town{t: t, dir: t.TempDir(), operator: token(), pos: token()}
	w.authority = must(keys.NewTestAuthority(keys.Ceremony{}))(t)
	check(t, w.authority.Save(filepath.Join(w.dir, "keys")))
	w.anchors = must(w.authority.IACA.Anchors())(t)
	master := make([]byte, tsm.MasterKeySize)
	_, _ = rand.Read(master)
	w.write("tsm/master.key", master)
	w.write("verifier/token", []byte(w.pos+"\n"))
	w.write("pin", []byte(testPIN+"\n"))
	return w
}

// newTown starts the services on top of the folder.
func newTown(t *testing.T) *town {
	t.Helper()
	w := newFolder(t)
	w.cards = must(cardsim.NewAuthority(cardsim.AuthorityConfig{}))(t)
	w.write("card/authority.secret", must(w.cards.Save())(t))
	w.phones = w.phoneCAs()
	issuerServer, tsmServer := w.server(), w.server()
	w.issuerURL, w.tsmURL = address(issuerServer), address(tsmServer)
	issuerServer.Config.Handler = w.issuer()
	manager := w.manager()
	tsmServer.Config.Handler = http.HandlerFunc(func(out http.ResponseWriter, in *http.Request) {
		if w.ordersRefused.Load() && in.URL.Path == "/v1/orders" {
			out.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		manager.ServeHTTP(out, in)
	})
	tillServer := w.server()
	w.tillURL = address(tillServer)
	for _, s := range []*httptest.Server{issuerServer, tsmServer} {
		s.Start()
	}
	tillServer.Config.Handler = w.till()
	tillServer.Start()
	return w
}

func (w *town) path(name string) string { return filepath.Join(w.dir, filepath.FromSlash(name)) }

func (w *town) write(name string, data []byte) {
	w.t.Helper()
	check(w.t, os.MkdirAll(filepath.Dir(w.path(name)), 0o700))
	check(w.t, os.WriteFile(w.path(name), data, 0o600))
}

// server binds and does not answer yet.
func (w *town) server() *httptest.Server {
	s := httptest.NewUnstartedServer(http.NotFoundHandler())
	w.t.Cleanup(s.Close)
	return s
}

func address(s *httptest.Server) string { return "http://" + s.Listener.Addr().String() }

func (w *town) statusURI() string { return w.issuerURL + "/v1/status-lists/1" }

func (w *town) issuer() http.Handler {
	t := w.t
	file := must(issuerstore.Open(w.path("issuer.db"), true))(t)
	t.Cleanup(func() { check(t, file.Close()) })
	hash := sha256.Sum256([]byte(w.operator))
	service := must(issuer.New(t.Context(), issuer.Config{
		Store: file, Orders: must(tsmclient.New(tsmclient.Config{BaseURL: w.tsmURL}))(t), OrderKey: w.authority.OrderKey,
		Anchors: w.anchors, SERoots: must(w.authority.SERoot.Anchors())(t),
		Signers:            must(keys.NewRing(w.anchors, w.authority.DocumentSigner))(t),
		CardSignatureRoots: w.cards.SignatureRoots(), CardAuthenticationRoots: w.cards.AuthenticationRoots(),
		CardMunicipalRoots: w.cards.MunicipalRoots(), CardStatus: w.cardStatus(),
		StatusKey: w.authority.StatusSigner.Key, StatusChain: w.authority.StatusSigner.Chain, StatusURI: w.statusURI(),
		Operators: []revocation.Operator{{Name: "desk", TokenHash: hash[:]}},
		Phone:     &issuer.PhoneConfig{Signature: w.phones.Signature, Authentication: w.phones.Authentication, URL: w.issuerURL},
		Secret:    []byte(token()), Authority: "TEST issuer", Log: slog.New(slog.DiscardHandler),
	}))(t)
	check(t, service.PublishStatus(t.Context()))
	var running sync.WaitGroup
	t.Cleanup(running.Wait)
	running.Go(func() {
		if err := service.Run(t.Context()); err != nil && !errors.Is(err, context.Canceled) {
			t.Errorf("the issuer ended: %v", err)
		}
	})
	w.dispatch, w.service = service.Dispatch, service
	return issuerapi.New(service, slog.New(slog.DiscardHandler))
}

// phoneKeys are the keys of the CAs of phone certificates, once for all tests: making one takes long.
var phoneKeys = sync.OnceValues(func() ([]*rsa.PrivateKey, error) { return cardsim.MakeKeys(2, cardsim.NewKeys(nil)) })

// phoneCAs makes the CAs of phone certificates and writes what elements are made with.
func (w *town) phoneCAs() *issuer.PhoneConfig {
	made := must(phoneKeys())(w.t)
	from := time.Now().AddDate(0, 0, -1)
	ca := func(kind jpkica.Kind, key *rsa.PrivateKey, name string) *jpkica.CA {
		c := must(jpkica.NewCA(jpkica.Profile{Kind: kind, Phone: true}, key, big.NewInt(7), from, from.AddDate(10, 0, 0)))(w.t)
		w.write("phone/"+name+".pem", pki.EncodePEM(c.Certificate().Raw))
		return c
	}
	return &issuer.PhoneConfig{Signature: ca(jpkica.Signature, made[0], "signature"), Authentication: ca(jpkica.Authentication, made[1], "authentication")}
}

// cardStatus asks JPKI-TEST, which is served on loopback.
func (w *town) cardStatus() *jpki.Source {
	authority := must(jpkisim.New(w.cards, nil))(w.t)
	w.jpki = authority
	server := w.server()
	server.Config.Handler = authority.Handler()
	server.Start()
	return must(jpki.New(jpki.Config{Authorities: authority.Places(server.URL), Refresh: time.Nanosecond}))(w.t)
}

func (w *town) manager() http.Handler {
	t := w.t
	file := must(tsmstore.Open(w.path("tsm.db")))(t)
	t.Cleanup(func() { check(t, file.Close()) })
	log := slog.New(slog.DiscardHandler)
	service := must(tsm.New(tsm.Config{Store: file, Keys: must(tsm.OpenMasterKey("file:"+w.path("tsm/master.key"), keyVersion))(t),
		Issuer:   must(issuerclient.New(issuerclient.Config{BaseURL: w.issuerURL}))(t),
		OrderKey: w.authority.OrderKey.Public(), Log: log}))(t)
	return tsmapi.New(service, log)
}

func (w *town) till() http.Handler {
	t := w.t
	crls := must(trust.NewCRLs(w.anchors, "", time.Now()))(t)
	check(t, crls.Put(w.authority.IACA.CRL, time.Now()))
	lists := must(trust.NewCache(trust.CacheConfig{Anchors: w.anchors, Revocation: crls}))(t)
	w.fetch = must(trust.NewRefresher(trust.RefresherConfig{Cache: lists, URIs: []string{w.statusURI()}}))(t)
	check(t, w.fetch.Fetch(t.Context(), w.statusURI()))
	till := must(verifier.New(verifier.Config{Anchors: w.anchors, Lists: lists, CRLs: crls, Profile: policy.AgeTill(20, false),
		ReaderKey: w.authority.Reader.Key, ReaderChain: w.authority.Reader.Chain}))(t)
	return must(verifierapi.New(verifierapi.Config{Till: till, Token: w.pos}))(t)
}

// said is what one command did.
type said struct {
	code     int
	out, err string
}

// wallet runs one command. Whatever it prints holds neither PIN nor token.
func (w *town) wallet(stdin string, args ...string) said {
	w.t.Helper()
	var out, errs bytes.Buffer
	s := said{code: run(w.t.Context(), args, strings.NewReader(stdin), &out, &errs)}
	s.out, s.err = out.String(), errs.String()
	for name, secret := range map[string]string{"PIN": testPIN, "token": w.pos} {
		if strings.Contains(s.out+s.err, secret) {
			w.t.Errorf("%s prints the %s", args[0], name)
		}
	}
	return s
}

// expect runs a command that must end with a code and say all of the texts on either stream.
func (w *town) expect(code int, texts []string, stdin string, args ...string) said {
	w.t.Helper()
	s := w.wallet(stdin, args...)
	if s.code != code {
		w.t.Fatalf("mobileid-wallet %s ends with %d, want %d\n%s%s", strings.Join(args, " "), s.code, code, s.out, s.err)
	}
	for _, text := range texts {
		if !strings.Contains(s.out+s.err, text) {
			w.t.Errorf("mobileid-wallet %s does not say %q:\n%s%s", args[0], text, s.out, s.err)
		}
	}
	return s
}

// handOver is the desk's one request.
func (w *town) handOver(seID string) {
	w.t.Helper()
	request := must(http.NewRequestWithContext(w.t.Context(), http.MethodPost, w.issuerURL+"/v1/handovers", strings.NewReader(`{"se_id":"`+seID+`"}`)))(w.t)
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Authorization", "Bearer "+w.operator)
	response := must(http.DefaultClient.Do(request))(w.t)
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		body, _ := io.ReadAll(response.Body)
		w.t.Fatalf("the handover answers %d %s", response.StatusCode, body)
	}
	w.dispatch(w.t.Context()) // the wipe order is with the TSM before the phone's next contact
}

// holds is what "slots" shows of an element.
func (w *town) holds(state string) (h held) {
	w.t.Helper()
	check(w.t, json.Unmarshal([]byte(w.expect(exitOK, nil, "", "slots", "--state", state, "--json").out), &h))
	return h
}
