package counter

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"sync"
	"time"

	"mobileid/issuer/card"
)

const (
	cookieName = "visit"
	maxForm    = 8 << 10
	sweepEvery = 5 * time.Second
	// closeWithin bounds telling the issuer that a visit is over.
	closeWithin = 3 * time.Second
	// askWithin bounds asking a card for its tries.
	askWithin = 10 * time.Second
)

// Counter is the page and the visit it shows, one at a time. It is safe for concurrent use.
type Counter struct {
	config  Config
	pages   *pages
	starter string         // token of forms outside a visit
	waits   sync.WaitGroup // goroutines that wait for a card

	mu     sync.Mutex // guards the rest
	visit  *visit     // nil between visits
	before notice     // what the start page says of the last visit
}

// New makes a Counter without a visit.
func New(config Config) (*Counter, error) {
	config, err := config.complete()
	if err != nil {
		return nil, fmt.Errorf("making counter: %w", err)
	}
	c := &Counter{config: config}
	if c.pages, err = newPages(); err != nil {
		return nil, fmt.Errorf("making counter: %w", err)
	}
	if c.starter, err = c.token(); err != nil {
		return nil, fmt.Errorf("making counter: %w", err)
	}
	return c, nil
}

// Handler answers the page's requests. The server in front listens on the loopback address of Config.Origin.
func (c *Counter) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", c.showPage)
	mux.HandleFunc("GET /state", c.showState)
	mux.HandleFunc("GET /qr.png", c.showQR)
	mux.HandleFunc("GET /portrait", c.showPortrait)
	mux.HandleFunc("GET /counter.css", c.pages.style)
	mux.HandleFunc("GET /counter.js", c.pages.script)
	mux.HandleFunc("POST /start", c.start)
	mux.HandleFunc("POST /end", c.end)
	mux.HandleFunc("POST /keep", c.at("", func(*visit, *http.Request) {}))
	mux.HandleFunc("POST /code", c.at(stepCode, c.code))
	mux.HandleFunc("POST /card", c.at(stepCard, c.cardAgain))
	mux.HandleFunc("POST /consent", c.at(stepConsent, c.consent))
	mux.HandleFunc("POST /secrets", c.at(stepSecrets, c.secrets))
	mux.HandleFunc("POST /review", c.at(stepReview, c.review))
	return c.guard(mux)
}

// Run ends visits that nobody goes on with, until ctx ends; then it ends the visit there is and waits for the reader.
func (c *Counter) Run(ctx context.Context) error {
	ticker := time.NewTicker(sweepEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			c.leave(ctx, nil, noticeEnded())
			c.waits.Wait()
			return nil
		case <-ticker.C:
			c.Sweep(ctx)
		}
	}
}

// Sweep ends the visit if its idle time is over. Run does so every few seconds.
func (c *Counter) Sweep(ctx context.Context) {
	c.mu.Lock()
	v := c.visit
	over := v != nil && c.left(v) <= 0
	c.mu.Unlock()
	if over {
		c.leave(ctx, v, noticeIdle())
	}
}

// left is what remains of a visit's idle time.
func (c *Counter) left(v *visit) time.Duration {
	return v.active.Add(c.config.Idle).Sub(c.config.Now())
}

// leave ends a visit, or whichever there is for nil, and tells the issuer if it waits for something. Between the end of the
// visit and the issuer's answer nothing is held any more.
func (c *Counter) leave(ctx context.Context, v *visit, why notice) {
	c.mu.Lock()
	if v == nil {
		v = c.visit
	}
	if v == nil || c.visit != v {
		c.mu.Unlock()
		return
	}
	session, begun := v.session, v.begun()
	v.wipe()
	c.visit, c.before = nil, why
	c.mu.Unlock()
	c.config.Log.InfoContext(ctx, "visit ended", "step", string(v.step))
	if begun {
		c.closeSession(ctx, session)
	}
}

func (c *Counter) closeSession(ctx context.Context, s Session) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeWithin)
	defer cancel()
	if err := c.config.Issuer.Close(ctx, s); err != nil {
		c.config.Log.WarnContext(ctx, "session not closed at the issuer: it ends by itself", "error", err)
	}
}

// update changes a visit after work without the lock, unless the visit has ended meanwhile. It tells whether it did.
func (c *Counter) update(v *visit, change func()) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.visit != v {
		return false
	}
	change()
	return true
}

// start opens a visit, ending the one there is.
func (c *Counter) start(w http.ResponseWriter, r *http.Request) {
	if !same(r.PostForm.Get("csrf"), c.starter) {
		c.pages.refuse(w, http.StatusForbidden)
		return
	}
	c.leave(r.Context(), nil, notice{})
	session, err := c.config.Issuer.Open(r.Context())
	if err == nil {
		err = c.open(r.Context(), w, session)
	}
	if err != nil {
		c.config.Log.ErrorContext(r.Context(), "visit not opened", "error", err)
		n, _, _ := refused(err)
		c.mu.Lock()
		c.before = n
		c.mu.Unlock()
	}
	back(w, r)
}

func (c *Counter) open(ctx context.Context, w http.ResponseWriter, session Session) error {
	picture, err := c.config.QR(session.Invitation)
	if err != nil {
		return fmt.Errorf("drawing the invitation: %w", err)
	}
	v, err := c.newVisit(ctx, c.config.Now())
	if err != nil {
		return err
	}
	v.session, v.qr = session, picture
	c.mu.Lock()
	if c.visit != nil { // two windows at once: the first wins
		c.mu.Unlock()
		v.cancel()
		c.closeSession(ctx, session)
		return nil
	}
	c.visit, c.before = v, notice{}
	c.mu.Unlock()
	setCookie(w, v.cookie, 0)
	c.config.Log.InfoContext(ctx, "visit opened")
	return nil
}

// end wipes the visit, whichever window asks: the next person must find nothing.
func (c *Counter) end(w http.ResponseWriter, r *http.Request) {
	token := r.PostForm.Get("csrf")
	c.mu.Lock()
	allowed := same(token, c.starter) || c.visit != nil && same(token, c.visit.csrf)
	c.mu.Unlock()
	if !allowed {
		c.pages.refuse(w, http.StatusForbidden)
		return
	}
	c.leave(r.Context(), nil, noticeEnded())
	setCookie(w, "", -1)
	back(w, r)
}

// setCookie is without Secure, since the page comes over http from this machine.
func setCookie(w http.ResponseWriter, value string, maxAge int) {
	http.SetCookie(w, &http.Cookie{Name: cookieName, Value: value, Path: "/", MaxAge: maxAge, HttpOnly: true, //nolint:gosec // see above
		SameSite: http.SameSiteStrictMode})
}

// at makes a handler for a form of a step; "" is any. The visit is this browser's and not busy, and do runs without the lock
// while the visit is marked busy. A form of another step changes nothing: the page shown next is the one that is due.
func (c *Counter) at(s step, do func(*visit, *http.Request)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		c.Sweep(r.Context())
		c.mu.Lock()
		v := c.mine(r)
		if v == nil || !same(r.PostForm.Get("csrf"), v.csrf) {
			c.mu.Unlock()
			c.pages.refuse(w, http.StatusForbidden)
			return
		}
		due := !v.busy && (s == "" || v.step == s)
		if due {
			v.busy, v.active = true, c.config.Now()
		}
		c.mu.Unlock()
		if due {
			do(v, r)
			c.update(v, func() { v.busy, v.active = false, c.config.Now() })
		}
		clear(r.PostForm)
		clear(r.Form)
		back(w, r)
	}
}

// mine is the visit if the request comes from its browser. The lock is held.
func (c *Counter) mine(r *http.Request) *visit {
	k, err := r.Cookie(cookieName)
	if err != nil || c.visit == nil || !same(k.Value, c.visit.cookie) {
		return nil
	}
	return c.visit
}

func back(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/", http.StatusSeeOther) }

// refresh asks the issuer how far it is, in the steps that wait for the phone.
func (c *Counter) refresh(r *http.Request) {
	c.Sweep(r.Context())
	c.mu.Lock()
	v := c.mine(r)
	if v == nil || v.busy || v.asking || v.step != stepPhone && v.step != stepCode && v.step != stepDeliver {
		c.mu.Unlock()
		return
	}
	v.asking = true
	session := v.session
	c.mu.Unlock()
	p, err := c.config.Issuer.Progress(r.Context(), session)
	c.update(v, func() {
		v.asking = false
		if err != nil {
			c.config.Log.WarnContext(r.Context(), "session not read", "error", err)
			if n, _, final := refused(err); final {
				v.to(stepFailed, n)
			}
			return
		}
		c.advance(v, p)
	})
}

// advance follows the issuer. The lock is held.
func (c *Counter) advance(v *visit, p Progress) {
	if p.Contested && !v.contested {
		v.contested = true
		v.revision++
	}
	switch v.step {
	case stepPhone:
		switch p.State {
		case "open":
		case "claimed":
			v.to(stepCode, notice{})
			v.active = c.config.Now()
		default:
			v.to(stepFailed, noticeQR())
		}
	case stepCode:
		if p.State != "claimed" {
			v.to(stepFailed, noticeGone())
		}
	case stepDeliver:
		switch p.State {
		case "active":
			v.validUntil = p.ValidUntil
			v.to(stepDone, notice{})
			v.active = c.config.Now()
		case "failed", "expired", "ended", "revoked", "suspended":
			v.to(stepFailed, noticeLost())
		}
	case stepStart, stepCard, stepConsent, stepSecrets, stepReview, stepDone, stepFailed:
	}
}

// state is what the script asks for every second.
type state struct {
	Revision int `json:"revision"`
	Left     int `json:"left"` // seconds; 0 without a visit
}

func (c *Counter) showState(w http.ResponseWriter, r *http.Request) {
	c.refresh(r)
	c.mu.Lock()
	s := state{Revision: -1}
	if v := c.mine(r); v != nil {
		s = state{Revision: v.revision, Left: int(c.left(v) / time.Second)}
	}
	c.mu.Unlock()
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(s) // the browser has gone: nothing left to tell it
}

func (c *Counter) showQR(w http.ResponseWriter, r *http.Request) {
	c.mu.Lock()
	var picture []byte
	if v := c.mine(r); v != nil && v.step == stepPhone {
		picture = append(picture, v.qr...)
	}
	c.mu.Unlock()
	sendPicture(w, r, "image/png", picture)
}

func (c *Counter) showPortrait(w http.ResponseWriter, r *http.Request) {
	c.mu.Lock()
	var picture []byte
	mediaType := ""
	if v := c.mine(r); v != nil && v.step == stepReview {
		picture, mediaType = append(picture, v.picture...), v.pictureType
	}
	c.mu.Unlock()
	sendPicture(w, r, mediaType, picture)
}

func sendPicture(w http.ResponseWriter, r *http.Request, mediaType string, picture []byte) {
	if len(picture) == 0 {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Type", mediaType)
	_, _ = w.Write(picture)
}

// cardAgain waits for a card once more, after one that could not be read.
func (c *Counter) cardAgain(v *visit, _ *http.Request) {
	c.update(v, func() {
		if v.waiting {
			return
		}
		v.to(stepCard, notice{})
		c.await(v)
	})
}

// await waits for a card in a goroutine that ends with the visit. The lock is held.
func (c *Counter) await(v *visit) {
	v.waiting = true
	c.waits.Go(func() {
		t, release, err := c.config.Reader.Wait(v.ctx)
		if err != nil {
			if v.ctx.Err() == nil {
				c.config.Log.ErrorContext(v.ctx, "no card to be had", "error", err)
			}
			c.update(v, func() { v.waiting = false; v.to(stepCard, noticeRead()) })
			return
		}
		ctx, cancel := context.WithTimeout(v.ctx, askWithin)
		defer cancel()
		left, err := askTries(ctx, t, c.config.Extended)
		kept := c.update(v, func() {
			v.waiting, v.active = false, c.config.Now()
			if err != nil {
				v.to(stepCard, cardNotice(err))
				return
			}
			v.card, v.release, v.tries = t, release, left
			v.to(stepConsent, notice{})
		})
		if err != nil || !kept {
			release()
		}
	})
}

// consent takes what the holder agreed to: reading and issuing, and apart from it the individual number.
func (c *Counter) consent(v *visit, r *http.Request) {
	agreed, number := r.PostForm.Get("agree") == "yes", r.PostForm.Get("number") == "yes"
	c.update(v, func() {
		v.agreed, v.number = agreed, agreed && number
		if !agreed {
			v.to(stepConsent, noticeAgree())
			return
		}
		v.to(stepSecrets, notice{})
	})
}

// code hands in what the clerk read off the phone.
func (c *Counter) code(v *visit, r *http.Request) {
	code := digitsOf(r.PostForm.Get("code"))
	if len(code) != codeDigits {
		c.update(v, func() { v.to(stepCode, noticeForm()) })
		return
	}
	grant, err := c.config.Issuer.Confirm(r.Context(), v.session, code)
	c.update(v, func() {
		if err != nil {
			c.config.Log.WarnContext(r.Context(), "code not taken", "error", err)
			n, _, final := refused(err)
			if final {
				v.to(stepFailed, n)
				return
			}
			v.to(stepCode, n)
			return
		}
		v.grant = grant
		v.to(stepCard, notice{})
		c.await(v)
	})
}

// secretsOf reads the form. What is typed full width is taken as the digits it shows.
func secretsOf(r *http.Request) card.Secrets {
	f := r.PostForm
	return card.Secrets{AttributePIN: digitsOf(f.Get("attribute")), SignaturePassword: narrow(f.Get("signature")),
		NumberB: digitsOf(f.Get("birth")) + digitsOf(f.Get("expiry")) + digitsOf(f.Get("security"))}
}
