package counter_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"mobileid/issuer"
	"mobileid/issuer/card/cardsim"
	"mobileid/issuer/counter"
	"mobileid/issuer/issuertest"
	"mobileid/issuer/pairing"
	"mobileid/mdoc/apdu"
	"mobileid/schemas/problem"
)

const origin = "http://127.0.0.1:8084"

// hall is a town hall: one issuer, for the counters of one test.
type hall struct {
	*issuertest.World
	service *issuer.Service
}

func newHall(t *testing.T) *hall {
	t.Helper()
	h := &hall{World: issuertest.New(t)}
	h.service, _ = h.Open(t, filepath.Join(t.TempDir(), "issuer.db"), nil)
	return h
}

// direct is a counter.Issuer without a network: what a test sets in fail is answered in the service's place.
type direct struct {
	service *issuer.Service
	mu      sync.Mutex // guards the rest
	fail    map[string]error
	closed  int
	after   func() // runs behind a Submit that was taken
}

func (d *direct) failure(op string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.fail[op]
}

func (d *direct) set(op string, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.fail[op] = err
}

func (d *direct) Open(ctx context.Context) (counter.Session, error) {
	if err := d.failure("open"); err != nil {
		return counter.Session{}, err
	}
	s, err := d.service.OpenSession(ctx, issuertest.OperatorToken)
	if err != nil {
		return counter.Session{}, err
	}
	text, err := s.Invitation.Reveal()
	return counter.Session{ID: s.SessionID, Token: s.Token.Reveal(), Invitation: text}, err
}

func (d *direct) Progress(ctx context.Context, s counter.Session) (counter.Progress, error) {
	if err := d.failure("progress"); err != nil {
		return counter.Progress{}, err
	}
	p, err := d.service.SessionState(ctx, s.ID, s.Token)
	return counter.Progress{State: p.State, Contested: p.Contested, ValidUntil: p.ValidUntil}, err
}

func (d *direct) Confirm(ctx context.Context, s counter.Session, code string) (counter.Grant, error) {
	if err := d.failure("confirm"); err != nil {
		return counter.Grant{}, err
	}
	g, err := d.service.ConfirmSession(ctx, s.ID, s.Token, code)
	if wrong, ok := errors.AsType[*pairing.CodeError](err); ok {
		return counter.Grant{}, problem.New(422, "wrong_code", "not the code that the phone shows; tries left: "+string(rune('0'+wrong.TriesLeft)))
	}
	return counter.Grant{Challenge: g.Challenge, SEID: g.Device.SEID, Slot: g.Device.Slot, Purpose: g.Device.Purpose}, err
}

func (d *direct) Submit(ctx context.Context, s counter.Session, evidence []byte) error {
	if err := d.failure("submit"); err != nil {
		return err
	}
	_, err := d.service.SessionEvidence(ctx, s.ID, s.Token, evidence)
	if refused, ok := errors.AsType[*issuer.RefusedError](err); ok {
		return problem.New(422, refused.Code, "checks not passed: "+strings.Join(refused.Checks, ", "))
	}
	if d.after != nil {
		d.after()
	}
	return errors.Join(err, d.failure("answer"))
}

func (d *direct) Close(ctx context.Context, s counter.Session) error {
	d.mu.Lock()
	d.closed++
	d.mu.Unlock()
	return errors.Join(d.service.CloseSession(ctx, s.ID, s.Token), d.failure("close"))
}

// slot is a reader into which a test puts cards.
type slot struct {
	cards    chan apdu.Transmitter
	broken   chan error
	mu       sync.Mutex // guards released
	released int
}

func (s *slot) Wait(ctx context.Context) (apdu.Transmitter, func(), error) {
	select {
	case <-ctx.Done():
		return nil, nil, ctx.Err()
	case err := <-s.broken:
		return nil, nil, err
	case c := <-s.cards:
		return c, func() { s.mu.Lock(); s.released++; s.mu.Unlock() }, nil
	}
}

func (s *slot) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.released
}

// desk is one counter with its browser, and everything it said.
type desk struct {
	*testing.T
	*hall
	issuer  *direct
	reader  *slot
	counter *counter.Counter
	handler http.Handler
	cookie  *http.Cookie
	at      time.Time
	logs    bytes.Buffer
	said    bytes.Buffer // headers and bodies but those of the review
	joined  issuer.SessionJoined
	wallet  issuertest.Wallet
}

func (h *hall) desk(t *testing.T, alter func(*counter.Config)) *desk {
	t.Helper()
	d := &desk{T: t, hall: h, issuer: &direct{service: h.service, fail: map[string]error{}},
		reader: &slot{cards: make(chan apdu.Transmitter, 1), broken: make(chan error, 1)}, at: issuertest.Instant()}
	config := counter.Config{Reader: d.reader, Issuer: d.issuer, Origin: origin, QR: func(text string) ([]byte, error) { return []byte("picture of " + text), nil },
		Extended: true, Now: func() time.Time { return d.at }, Log: slog.New(slog.NewTextHandler(&d.logs, nil))}
	if alter != nil {
		alter(&config)
	}
	var err error
	if d.counter, err = counter.New(config); err != nil {
		t.Fatal(err)
	}
	d.handler = d.counter.Handler()
	t.Cleanup(func() { // Run ends the visit and waits for the reader
		ctx, stop := context.WithCancel(context.Background())
		stop()
		if err := d.counter.Run(ctx); err != nil {
			t.Error(err)
		}
	})
	d.wallet = h.Wallet(t, "nineteen", "element-01")
	return d
}

func (d *desk) send(r *http.Request) *httptest.ResponseRecorder {
	if d.cookie != nil {
		r.AddCookie(d.cookie)
	}
	rec := httptest.NewRecorder()
	d.handler.ServeHTTP(rec, r)
	for _, c := range rec.Result().Cookies() {
		d.cookie = c
		if c.MaxAge < 0 {
			d.cookie = nil
		}
	}
	_ = rec.Header().Write(&d.said)
	return rec
}

func (d *desk) get(path string) *httptest.ResponseRecorder {
	return d.send(httptest.NewRequestWithContext(d.Context(), http.MethodGet, origin+path, nil))
}

// page is what the browser shows.
func (d *desk) page() string {
	d.Helper()
	rec := d.get("/")
	if rec.Code != http.StatusOK {
		d.Fatalf("the page answers %d", rec.Code)
	}
	body := rec.Body.String()
	if stepOf(body) != "review" {
		d.said.WriteString(body)
	}
	return body
}

func stepOf(page string) string {
	return regexp.MustCompile(`data-step="([a-z]+)"`).FindStringSubmatch(page)[1]
}

func (d *desk) csrf() string {
	d.Helper()
	return regexp.MustCompile(`name="csrf" value="([^"]+)"`).FindStringSubmatch(d.page())[1]
}

// form makes a form as the page would send it.
func form(path string, values url.Values) *http.Request {
	r := httptest.NewRequest(http.MethodPost, origin+path, strings.NewReader(values.Encode())) //nolint:noctx // answered in place
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Origin", origin)
	return r
}

// press sends a form of the page at hand and gives the page behind it.
func (d *desk) press(path string, fields ...string) string {
	d.Helper()
	values := url.Values{"csrf": {d.csrf()}}
	for i := 0; i < len(fields); i += 2 {
		values.Set(fields[i], fields[i+1])
	}
	rec := d.send(form(path, values))
	if rec.Code != http.StatusSeeOther || rec.Header().Get("Location") != "/" {
		d.Fatalf("%s answers %d to %q", path, rec.Code, rec.Header().Get("Location"))
	}
	return d.page()
}

// want waits until the page is at a step: what a reader's goroutine does takes a moment.
func (d *desk) want(step string) string {
	d.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for {
		page := d.page()
		if stepOf(page) == step {
			return page
		}
		if time.Now().After(deadline) {
			d.Fatalf("the page is at %s, want %s", stepOf(page), step)
		}
	}
}

// says wants words on a page.
func (d *desk) says(page string, words ...string) {
	d.Helper()
	for _, w := range words {
		if !strings.Contains(page, w) {
			d.Errorf("the page at %s does not say %q", stepOf(page), w)
		}
	}
}

// scan takes the session up as the phone that sees the QR code does.
func (d *desk) scan() {
	d.Helper()
	text, _ := strings.CutPrefix(d.get("/qr.png").Body.String(), "picture of ")
	i, err := pairing.ParseInvitation(text)
	if err != nil {
		d.Fatal(err)
	}
	d.joined, err = d.service.JoinSession(d.Context(), i.Session(), i.Secret(), pairing.Device{SEID: d.wallet.SE.ID, Slot: 1, Purpose: 1})
	if err != nil {
		d.Fatal(err)
	}
}

// until goes the good way up to a step.
func (d *desk) until(step string) string {
	d.Helper()
	for _, s := range []struct {
		step string
		next func()
	}{
		{"start", func() { d.press("/start") }},
		{"phone", func() { d.scan() }},
		{"code", func() { d.press("/code", "code", d.joined.Code) }},
		{"card", func() { d.reader.cards <- d.wallet.Card }},
		{"consent", func() { d.press("/consent", "agree", "yes") }},
		{"secrets", func() { d.press("/secrets", secrets(d.wallet.Card.Person())...) }},
		{"review", func() { d.press("/review") }},
		{"deliver", func() { d.provision() }},
		{"done", nil},
	} {
		page := d.want(s.step)
		if s.step == step {
			return page
		}
		s.next()
	}
	d.Fatalf("there is no step %s", step)
	return ""
}

// secrets are the fields of a form with the right PINs.
func secrets(p cardsim.Person) []string {
	return []string{"attribute", p.AttributePIN, "signature", p.SignaturePassword, "birth", p.NumberB()[:6], "expiry", p.NumberB()[6:10], "security", p.NumberB()[10:]}
}

// with changes one of the fields.
func with(fields []string, name, value string) []string {
	out := append([]string(nil), fields...)
	for i := 0; i < len(out); i += 2 {
		if out[i] == name {
			out[i+1] = value
			return out
		}
	}
	return append(out, name, value)
}

// provision plays phone, TSM and element to the receipt.
func (d *desk) provision() {
	d.Helper()
	p, err := d.service.SessionState(d.Context(), d.session(), d.joined.Token.Reveal())
	if err != nil {
		d.Fatal(err)
	}
	order, ok := d.TSM.Order(p.OrderID)
	if !ok {
		d.Fatal("the TSM has no order")
	}
	(&issuertest.Attempt{Wallet: d.wallet, Order: order}).Attested(d.Context(), d, d.service).Committed(d.Context(), d, d.service)
}

// session is the id in the invitation, which stays known to the phone.
func (d *desk) session() string {
	d.Helper()
	m := regexp.MustCompile(`<code id="invitation">([^<]+)<`).FindAllStringSubmatch(d.said.String(), -1)
	i, err := pairing.ParseInvitation(m[len(m)-1][1])
	if err != nil {
		d.Fatal(err)
	}
	return i.Session()
}

// drain reads a body to its end.
func drain(rec *httptest.ResponseRecorder) string {
	b, _ := io.ReadAll(rec.Body) // a recorder's buffer does not fail
	return string(b)
}
