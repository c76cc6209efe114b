package counter

import (
	"context"
	"crypto/subtle"
	"encoding/base64"
	"io"
	"time"

	"mobileid/issuer/card"
	"mobileid/mdoc/apdu"
)

// step is the page a visit is at.
type step string

// The steps in their order.
const (
	stepStart   step = "start" // no visit
	stepPhone   step = "phone"
	stepCode    step = "code"
	stepCard    step = "card"
	stepConsent step = "consent"
	stepSecrets step = "secrets"
	stepReview  step = "review"
	stepDeliver step = "deliver"
	stepDone    step = "done"
	stepFailed  step = "failed"
)

// visit is one holder at the counter. Everything in it goes when it ends. Guarded by Counter.mu, but for ctx and cancel.
type visit struct {
	cookie, csrf string
	ctx          context.Context //nolint:containedctx // the visit is what this context stands for
	cancel       context.CancelFunc

	step     step
	revision int  // counts what the page must show anew
	busy     bool // a form is being worked on
	asking   bool // the issuer is being asked
	waiting  bool // for a card
	active   time.Time
	notice   notice
	codes    []string // of the issuer's refusal

	session   Session
	qr        []byte
	contested bool
	grant     Grant

	card    apdu.Transmitter
	release func()
	tries   tries

	agreed, number bool // consents
	reading        *card.Reading
	person         *person
	picture        []byte // of the portrait, and its media type
	pictureType    string

	validUntil time.Time
}

// newVisit makes the tokens of a visit.
func (c *Counter) newVisit(ctx context.Context, now time.Time) (*visit, error) {
	cookie, err := c.token()
	if err != nil {
		return nil, err
	}
	csrf, err := c.token()
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx)) // it outlives the request that opens it
	return &visit{cookie: cookie, csrf: csrf, ctx: ctx, cancel: cancel, step: stepPhone, active: now}, nil
}

func (c *Counter) token() (string, error) {
	b := make([]byte, 32)
	if _, err := io.ReadFull(c.config.Rand, b); err != nil {
		return "", err
	}
	return base64.RawURLEncoding.EncodeToString(b), nil
}

// to moves the visit to a step with a word for it.
func (v *visit) to(s step, n notice) {
	v.step, v.notice = s, n
	v.revision++
}

// letGo lets the card go. What was read stays.
func (v *visit) letGo() {
	if v.release != nil {
		v.release()
	}
	v.card, v.release, v.tries = nil, nil, tries{}
}

// forgetPerson drops what was read.
func (v *visit) forgetPerson() {
	forget(v.reading)
	clear(v.picture)
	v.reading, v.person, v.picture, v.pictureType = nil, nil, nil, ""
}

// forget overwrites a reading's files.
func forget(r *card.Reading) {
	if r == nil {
		return
	}
	for _, f := range r.Files {
		clear(f.Content)
	}
}

// wipe drops everything: the visit is over.
func (v *visit) wipe() {
	v.cancel()
	v.letGo()
	v.forgetPerson()
	clear(v.qr)
	v.qr, v.grant, v.codes = nil, Grant{}, nil
	v.agreed, v.number = false, false
}

// begun tells whether the issuer has something to close: before the evidence was taken.
func (v *visit) begun() bool {
	return v.session.ID != "" && v.step != stepDeliver && v.step != stepDone
}

func same(a, b string) bool {
	return a != "" && subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1
}
