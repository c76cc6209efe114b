package httpapi_test

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"mobileid/mdoc"
	"mobileid/mdoc/engagement"
	"mobileid/mdoc/holder"
	"mobileid/mdoc/mdoctest/world"
	"mobileid/mdoc/pki"
	"mobileid/mdoc/session"
	"mobileid/mdoc/statuslist"
	"mobileid/schemas/problem"
	"mobileid/verifier"
	"mobileid/verifier/httpapi"
	"mobileid/verifier/policy"
	"mobileid/verifier/trust"
)

const token = "a-token-of-a-test-till"

// counter is the whole shop: an API over a till with a status list, and phones.
type counter struct {
	*world.World
	t       testing.TB
	now     time.Time
	lists   *trust.Cache
	handler http.Handler
	log     bytes.Buffer
	draft   mdoc.Draft
}

// revocations holds an empty CRL of the root.
func (s *counter) revocations() *trust.CRLs {
	s.t.Helper()
	crls, err := trust.NewCRLs(s.Anchors, "", s.Now)
	if err != nil {
		s.t.Fatal(err)
	}
	if err := crls.Put(world.CRL(s.t, s.IACA, s.IACAKey, 1, s.Now.AddDate(0, 0, -1)), s.Now); err != nil {
		s.t.Fatal(err)
	}
	return crls
}

func newCounter(t testing.TB, profile policy.Profile, maxOpen int) *counter {
	t.Helper()
	s := &counter{World: world.New(t), t: t}
	s.now, s.draft = s.Now, s.Draft(t)
	var err error
	crls := s.revocations()
	if s.lists, err = trust.NewCache(trust.CacheConfig{Anchors: s.Anchors, Revocation: crls}); err != nil {
		t.Fatal(err)
	}
	now := func() time.Time { return s.now }
	till, err := verifier.New(verifier.Config{
		Anchors: s.Anchors, Lists: s.lists, CRLs: crls, Profile: profile, ReaderKey: s.ReaderKey, ReaderChain: s.ReaderChain, Now: now,
	})
	if err != nil {
		t.Fatal(err)
	}
	s.handler, err = httpapi.New(httpapi.Config{
		Till: till, Token: token, MaxOpen: maxOpen, Now: now,
		Log: slog.New(slog.NewJSONHandler(&s.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func (s *counter) publish() {
	s.t.Helper()
	key := world.Key(s.t)
	from := s.Now.AddDate(0, -1, 0)
	c := s.Certificate(s.t, pki.Template{Profile: pki.StatusSigner, Country: "JP", CommonName: "TEST status signer",
		NotBefore: from, NotAfter: from.AddDate(1, 0, 0), CRLURI: "https://issuer.example/crl"}, key.Public(), s.IACA, s.IACAKey)
	raw, err := statuslist.Sign(key, [][]byte{c.Raw}, statuslist.Token{
		URI: s.draft.Status.URI, IssuedAt: s.now, ExpiresAt: s.now.Add(48 * time.Hour), List: statuslist.New(1 << 13),
	})
	if err != nil {
		s.t.Fatal(err)
	}
	if err := s.lists.Put(s.draft.Status.URI, raw, s.now); err != nil {
		s.t.Fatal(err)
	}
}

func (s *counter) phone() *session.Device {
	s.t.Helper()
	method, err := engagement.CentralClient(rand.Reader)
	if err != nil {
		s.t.Fatal(err)
	}
	d, err := session.NewDevice(nil, []engagement.RetrievalMethod{method})
	if err != nil {
		s.t.Fatal(err)
	}
	return d
}

type answered struct {
	ID            string `json:"id"`
	Establishment string `json:"session_establishment"`
	Result        struct {
		Decision string `json:"decision"`
		Reasons  []struct {
			Code string `json:"code"`
		} `json:"reasons"`
		Portrait []byte `json:"portrait"`
	} `json:"result"`
	Termination string `json:"session_termination"`
	Code        string `json:"code"`
	status      int
	header      http.Header
	body        []byte
}

// send makes one request with the token.
func (s *counter) send(method, path, contentType string, body []byte, change ...func(*http.Request)) answered {
	s.t.Helper()
	r := httptest.NewRequest(method, path, bytes.NewReader(body))
	r.Header.Set("Authorization", "Bearer "+token)
	if contentType != "" {
		r.Header.Set("Content-Type", contentType)
	}
	for _, c := range change {
		c(r)
	}
	w := httptest.NewRecorder()
	s.handler.ServeHTTP(w, r)
	out := answered{status: w.Code, header: w.Header(), body: w.Body.Bytes()}
	if len(out.body) > 0 {
		if err := json.Unmarshal(out.body, &out); err != nil {
			s.t.Fatalf("%s %s answers %q", method, path, out.body)
		}
	}
	return out
}

func (s *counter) begin(d *session.Device) answered {
	s.t.Helper()
	body, err := json.Marshal(map[string]string{"engagement": d.Engagement().URI()})
	if err != nil {
		s.t.Fatal(err)
	}
	return s.send(http.MethodPost, "/v1/checks", "application/json", body)
}

// present lets a phone with the document answer the establishment.
func (s *counter) present(d *session.Device, establishment string) ([]byte, *session.DeviceSession) {
	s.t.Helper()
	raw, err := base64.RawURLEncoding.DecodeString(establishment)
	if err != nil {
		s.t.Fatal(err)
	}
	request, ds, err := d.Accept(raw)
	if err != nil {
		s.t.Fatal(err)
	}
	response, err := s.Holder(s.t, s.Issue(s.t, s.draft), holder.BySignature).Answer(s.t.Context(), request, ds.Transcript(), ds.EReaderKey())
	if err != nil {
		s.t.Fatal(err)
	}
	m, err := ds.Encrypt(response, false)
	if err != nil {
		s.t.Fatal(err)
	}
	return m, ds
}

func (s *counter) deliver(id string, message []byte) answered {
	s.t.Helper()
	return s.send(http.MethodPost, "/v1/checks/"+id+"/messages", "application/cbor", message)
}

func TestAWholeCheck(t *testing.T) {
	s := newCounter(t, policy.AgeTill(20, true), 0)
	s.publish()
	d := s.phone()
	opened := s.begin(d)
	if opened.status != http.StatusCreated || opened.ID == "" || opened.header.Get("Location") != "/v1/checks/"+opened.ID {
		t.Fatalf("begin answers %d %s", opened.status, opened.body)
	}
	message, ds := s.present(d, opened.Establishment)
	done := s.deliver(opened.ID, message)
	if done.status != http.StatusOK || done.Result.Decision != "accepted" || len(done.Result.Portrait) != 64 {
		t.Fatalf("message answers %d %s", done.status, done.body)
	}
	if done.header.Get("Cache-Control") != "no-store" || done.header.Get("Content-Type") != "application/json" {
		t.Errorf("headers %v", done.header)
	}
	end, err := base64.RawURLEncoding.DecodeString(done.Termination)
	if err != nil {
		t.Fatal(err)
	}
	if _, status, err := ds.Decrypt(end); err != nil || status == nil || *status != session.StatusTermination {
		t.Errorf("the phone reads status %v, error %v", status, err)
	}
	if again := s.deliver(opened.ID, message); again.status != http.StatusNotFound || again.Code != httpapi.CodeCheckUnknown {
		t.Errorf("the same message again answers %d %s", again.status, again.body)
	}
}

func TestWithoutAListNobodyIsConfirmed(t *testing.T) {
	s := newCounter(t, policy.AgeTill(20, false), 0)
	d := s.phone()
	opened := s.begin(d)
	message, _ := s.present(d, opened.Establishment)
	done := s.deliver(opened.ID, message)
	if done.status != http.StatusOK || done.Result.Decision != "not_confirmed" || done.Result.Reasons[0].Code != "status_unknown" {
		t.Errorf("answers %d %s", done.status, done.body)
	}
}

// TestAMessageOfAnotherCheck: two phones at once, their messages exchanged.
func TestAMessageOfAnotherCheck(t *testing.T) {
	s := newCounter(t, policy.AgeTill(20, false), 0)
	s.publish()
	a, b := s.phone(), s.phone()
	openedA, openedB := s.begin(a), s.begin(b)
	messageA, _ := s.present(a, openedA.Establishment)
	if done := s.deliver(openedB.ID, messageA); done.Result.Decision != "not_confirmed" {
		t.Errorf("a foreign message: %s", done.body)
	}
	if done := s.deliver(openedA.ID, messageA); done.Result.Decision != "accepted" {
		t.Errorf("the own message: %s", done.body)
	}
}

func TestACheckTakesOneOfManyMessages(t *testing.T) {
	s := newCounter(t, policy.AgeTill(20, false), 0)
	s.publish()
	d := s.phone()
	opened := s.begin(d)
	message, _ := s.present(d, opened.Establishment)
	var mu sync.Mutex
	count := make(map[int]int)
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			r := httptest.NewRequest(http.MethodPost, "/v1/checks/"+opened.ID+"/messages", bytes.NewReader(message))
			r.Header.Set("Authorization", "Bearer "+token)
			r.Header.Set("Content-Type", "application/cbor")
			w := httptest.NewRecorder()
			s.handler.ServeHTTP(w, r)
			mu.Lock()
			defer mu.Unlock()
			count[w.Code]++
		})
	}
	wg.Wait()
	if count[http.StatusOK] != 1 || count[http.StatusNotFound] != 15 {
		t.Errorf("answers %v, want one 200 and fifteen 404", count)
	}
}

func TestOpenChecksAreBoundedAndRunOut(t *testing.T) {
	s := newCounter(t, policy.AgeTill(20, false), 2)
	first := s.begin(s.phone())
	s.begin(s.phone())
	full := s.begin(s.phone())
	if full.status != http.StatusServiceUnavailable || full.Code != httpapi.CodeCheckLimit || full.header.Get("Retry-After") == "" {
		t.Fatalf("a third check answers %d %s", full.status, full.body)
	}
	s.now = s.now.Add(verifier.DefaultTimeout + time.Second)
	if late := s.deliver(first.ID, []byte{0xa0}); late.status != http.StatusNotFound {
		t.Errorf("a message after the time-out answers %d %s", late.status, late.body)
	}
	if again := s.begin(s.phone()); again.status != http.StatusCreated {
		t.Errorf("after the time-out a new check answers %d %s", again.status, again.body)
	}
}

func TestRefusals(t *testing.T) {
	s := newCounter(t, policy.AgeTill(20, false), 0)
	good := []byte(`{"engagement":"` + s.phone().Engagement().URI() + `"}`)
	for name, tc := range map[string]struct {
		method, path, contentType string
		body                      []byte
		change                    func(*http.Request)
		status                    int
		code                      string
	}{
		"no token":            {"POST", "/v1/checks", "application/json", good, func(r *http.Request) { r.Header.Del("Authorization") }, 401, problem.CodeUnauthorized},
		"wrong token":         {"POST", "/v1/checks", "application/json", good, func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+token+"x") }, 401, problem.CodeUnauthorized},
		"empty token":         {"POST", "/v1/checks", "application/json", good, func(r *http.Request) { r.Header.Set("Authorization", "Bearer ") }, 401, problem.CodeUnauthorized},
		"other scheme":        {"POST", "/v1/checks", "application/json", good, func(r *http.Request) { r.Header.Set("Authorization", "Basic "+token) }, 401, problem.CodeUnauthorized},
		"message no token":    {"POST", "/v1/checks/x/messages", "application/cbor", []byte{0xa0}, func(r *http.Request) { r.Header.Del("Authorization") }, 401, problem.CodeUnauthorized},
		"not JSON":            {"POST", "/v1/checks", "application/json", []byte("{"), nil, 400, problem.CodeMalformed},
		"two values":          {"POST", "/v1/checks", "application/json", append(bytes.Clone(good), good...), nil, 400, problem.CodeMalformed},
		"unknown member":      {"POST", "/v1/checks", "application/json", []byte(`{"engagement":"mdoc:","x":1}`), nil, 400, problem.CodeMalformed},
		"not an engagement":   {"POST", "/v1/checks", "application/json", []byte(`{"engagement":"https://example.com"}`), nil, 400, httpapi.CodeEngagementMalformed},
		"engagement missing":  {"POST", "/v1/checks", "application/json", []byte(`{}`), nil, 400, httpapi.CodeEngagementMalformed},
		"body too large":      {"POST", "/v1/checks", "application/json", []byte(`{"engagement":"` + strings.Repeat("A", httpapi.MaxBegin) + `"}`), nil, 413, problem.CodeBodyTooLarge},
		"wrong type":          {"POST", "/v1/checks", "text/plain", good, nil, 415, problem.CodeUnsupportedMediaType},
		"no type":             {"POST", "/v1/checks", "", good, nil, 415, problem.CodeUnsupportedMediaType},
		"compressed":          {"POST", "/v1/checks", "application/json", good, func(r *http.Request) { r.Header.Set("Content-Encoding", "gzip") }, 415, problem.CodeUnsupportedMediaType},
		"unknown check":       {"POST", "/v1/checks/AAAAAAAAAAAAAAAAAAAAAA/messages", "application/cbor", []byte{0xa0}, nil, 404, httpapi.CodeCheckUnknown},
		"message as JSON":     {"POST", "/v1/checks/x/messages", "application/json", []byte("{}"), nil, 415, problem.CodeUnsupportedMediaType},
		"message too large":   {"POST", "/v1/checks/x/messages", "application/cbor", make([]byte, httpapi.MaxMessage+1), nil, 413, problem.CodeBodyTooLarge},
		"another method":      {"GET", "/v1/checks", "", nil, nil, 405, problem.CodeMethodNotAllowed},
		"another door":        {"POST", "/v1/other", "application/json", good, nil, 404, problem.CodeNotFound},
		"trailing slash":      {"POST", "/v1/checks/", "application/json", good, nil, 404, problem.CodeNotFound},
		"check without a cut": {"POST", "/v1/checks/x", "application/cbor", []byte{0xa0}, nil, 404, problem.CodeNotFound},
	} {
		t.Run(name, func(t *testing.T) {
			change := tc.change
			if change == nil {
				change = func(*http.Request) {}
			}
			got := s.send(tc.method, tc.path, tc.contentType, tc.body, change)
			if got.status != tc.status || got.Code != tc.code || got.header.Get("Content-Type") != problem.ContentType {
				t.Errorf("answers %d %s, want %d %s", got.status, got.body, tc.status, tc.code)
			}
		})
	}
}

func TestGarbageFromThePhoneGivesADecision(t *testing.T) {
	s := newCounter(t, policy.AgeTill(20, false), 0)
	for name, message := range map[string][]byte{
		"empty": {}, "not CBOR": {0xff}, "status only": {0xa1, 0x66, 's', 't', 'a', 't', 'u', 's', 0x14}, "zeroes": make([]byte, 1000),
	} {
		t.Run(name, func(t *testing.T) {
			done := s.deliver(s.begin(s.phone()).ID, message)
			if done.status != http.StatusOK || done.Result.Decision != "not_confirmed" {
				t.Errorf("answers %d %s", done.status, done.body)
			}
		})
	}
}

func TestHealth(t *testing.T) {
	s := newCounter(t, policy.AgeTill(20, false), 0)
	bare := func(r *http.Request) { r.Header.Del("Authorization") }
	if live := s.send(http.MethodGet, "/livez", "", nil, bare); live.status != http.StatusNoContent {
		t.Errorf("livez answers %d", live.status)
	}
	readiness := func(t *testing.T, status int) verifier.Readiness {
		t.Helper()
		got := s.send(http.MethodGet, "/readyz", "", nil, bare)
		if got.status != status {
			t.Errorf("readyz answers %d %s, want %d", got.status, got.body, status)
		}
		var r verifier.Readiness
		if err := json.Unmarshal(got.body, &r); err != nil {
			t.Fatal(err)
		}
		return r
	}
	if r := readiness(t, http.StatusServiceUnavailable); r.Ready || r.Anchors != 1 || len(r.Lists) != 0 {
		t.Errorf("without lists: %+v", r)
	}
	s.publish()
	s.now = s.now.Add(time.Hour)
	if r := readiness(t, http.StatusOK); !r.Ready || len(r.Lists) != 1 || r.Lists[0].AgeSeconds != 3600 {
		t.Errorf("with a list: %+v", r)
	}
	s.now = s.now.Add(25 * time.Hour)
	if r := readiness(t, http.StatusServiceUnavailable); r.Ready || r.Lists[0].Why == "" {
		t.Errorf("with an old list: %+v", r)
	}
	s.now = s.Now.AddDate(20, 0, 0)
	if r := readiness(t, http.StatusServiceUnavailable); r.Anchors != 0 {
		t.Errorf("with an expired root: %+v", r)
	}
}

// TestNothingOfAPersonIsLoggedOrAnswered looks for the values of a document in everything that leaves the service.
func TestNothingOfAPersonIsLoggedOrAnswered(t *testing.T) {
	s := newCounter(t, policy.AgeTill(20, true), 0)
	s.publish()
	canary := bytes.Repeat([]byte("CANARY"), 20)
	for i := range s.draft.Elements {
		if s.draft.Elements[i].Identifier == "portrait" {
			s.draft.Elements[i].Value = world.Encode(t, canary)
		}
	}
	d := s.phone()
	opened := s.begin(d)
	message, _ := s.present(d, opened.Establishment)
	if done := s.deliver(opened.ID, message); !bytes.Equal(done.Result.Portrait, canary) {
		t.Fatal("the portrait did not reach the staff")
	}
	s.deliver(opened.ID, message)
	s.send(http.MethodPost, "/v1/checks", "application/json", []byte(`{"engagement":"mdoc:CANARY"}`))
	log := s.log.String()
	if !strings.Contains(log, "check decided") || !strings.Contains(log, "request refused") {
		t.Fatalf("log %q", log)
	}
	for _, secret := range []string{"CANARY", fmt.Sprintf("%x", "CANARY"), base64.StdEncoding.EncodeToString(canary)[:16], token, opened.ID, "試験", "1990"} {
		if strings.Contains(log, secret) {
			t.Errorf("the log holds %q", secret)
		}
	}
}

func TestNewRefuses(t *testing.T) {
	s := newCounter(t, policy.AgeTill(20, false), 0)
	till, err := verifier.New(verifier.Config{Anchors: s.Anchors, Lists: s.lists, CRLs: s.revocations(), Profile: policy.AgeTill(20, false),
		ReaderKey: s.ReaderKey, ReaderChain: s.ReaderChain})
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]httpapi.Config{
		"no till":         {Token: token},
		"no token":        {Till: till},
		"short token":     {Till: till, Token: "short"},
		"negative number": {Till: till, Token: token, MaxOpen: -1},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := httpapi.New(c); err == nil {
				t.Error("accepted")
			}
		})
	}
}
