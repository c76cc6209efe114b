package counter

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

	"mobileid/issuer"
	"mobileid/issuer/card"
	"mobileid/mdoc/cbor"
	"mobileid/schemas/problem"
)

const (
	codeDigits     = 6
	decodeWithin   = 5 * time.Second
	maxPicture     = 1 << 20
	fullWidthShift = 'Ａ' - 'A'
)

// secrets reads the card. The PINs are the card's and are gone when this returns; a wrong one costs one try and ends the
// reading, which is not repeated.
func (c *Counter) secrets(v *visit, r *http.Request) {
	// The card is taken out of the visit: an end of the visit cancels the reading, and letting go comes after it.
	c.mu.Lock()
	t, release, options := v.card, v.release, card.Options{Challenge: v.grant.Challenge, Binding: v.grant.SEID,
		WithIndividualNumber: v.number, Extended: c.config.Extended, SpendLastTry: r.PostForm.Get("last") == "yes"}
	v.card, v.release = nil, nil
	c.mu.Unlock()
	if t == nil {
		c.update(v, func() { v.to(stepCard, cardNotice(nil)) })
		return
	}
	ctx, cancel := context.WithTimeout(v.ctx, c.config.ReadWithin)
	defer cancel()
	reading, err := card.Read(ctx, t, secretsOf(r), options)
	if wrong, ok := errors.AsType[*card.SecretError](err); ok {
		left, err := askTries(ctx, t, c.config.Extended)
		if err == nil && c.update(v, func() {
			v.card, v.release, v.tries = t, release, left
			v.to(stepSecrets, secretNotice(wrong))
		}) {
			return
		}
	}
	release() // the card has done its part, or failed
	c.take(ctx, v, reading, err)
}

// take holds a reading for the holder to agree to.
func (c *Counter) take(ctx context.Context, v *visit, reading *card.Reading, err error) {
	var shown *person
	if err == nil {
		shown, err = describe(reading)
	}
	if err != nil {
		c.config.Log.WarnContext(ctx, "card not read", "error", err)
		c.update(v, func() { v.to(stepCard, cardNotice(err)) })
		return
	}
	picture, mediaType := c.portrait(ctx, shown.portrait)
	c.update(v, func() {
		v.reading, v.person, v.picture, v.pictureType = reading, shown, picture, mediaType
		v.to(stepReview, notice{})
	})
}

// portrait decodes a portrait if there is a decoder; a failure costs the picture only.
func (c *Counter) portrait(ctx context.Context, jp2 []byte) ([]byte, string) {
	if c.config.Portrait == nil || len(jp2) == 0 {
		return nil, ""
	}
	ctx, cancel := context.WithTimeout(ctx, decodeWithin)
	defer cancel()
	picture, mediaType, err := c.config.Portrait(ctx, jp2)
	if err != nil || len(picture) > maxPicture || mediaType != "image/png" && mediaType != "image/jpeg" {
		c.config.Log.WarnContext(ctx, "portrait not decoded")
		return nil, ""
	}
	return picture, mediaType
}

// review sends what the holder agreed to, and drops it when it has arrived or was refused. The reading is taken out of the
// visit meanwhile, so that an end of the visit does not pull it away.
func (c *Counter) review(v *visit, r *http.Request) {
	c.mu.Lock()
	reading := v.reading
	v.reading = nil
	e := issuer.Evidence{SEID: v.grant.SEID, Slot: v.grant.Slot, Purpose: v.grant.Purpose, Consent: issuer.Consent{IndividualNumber: v.number}}
	c.mu.Unlock()
	if reading == nil { // the visit has ended
		return
	}
	err := c.send(r.Context(), v.session, e, reading)
	if err != nil {
		c.config.Log.WarnContext(r.Context(), "evidence not taken", "error", err)
	}
	n, checks, final := notice{}, []string(nil), false
	if err != nil {
		n, checks, final = refused(err)
	}
	if err != nil && !final && c.update(v, func() { v.reading = reading; v.to(stepReview, n) }) {
		return
	}
	forget(reading)
	c.update(v, func() {
		v.forgetPerson()
		if err == nil {
			v.to(stepDeliver, n)
			return
		}
		v.codes = checks
		v.to(stepFailed, n)
	})
}

// send encodes what docs/issuance.md says and sends it. The reading is bound to the element by the card's own signature. When
// the issuer had the evidence already, the answer to the first sending was lost.
func (c *Counter) send(ctx context.Context, s Session, e issuer.Evidence, reading *card.Reading) (err error) {
	if e.Reading, err = reading.Bytes(); err != nil {
		return err
	}
	defer clear(e.Reading)
	body, err := cbor.Marshal(e)
	if err != nil {
		return err
	}
	defer clear(body)
	err = c.config.Issuer.Submit(ctx, s, body)
	if p, ok := errors.AsType[problem.Problem](err); ok && p.Code == "challenge_used" && c.arrived(ctx, s) {
		return nil
	}
	return err
}

// arrived tells whether the issuer has accepted evidence in this session.
func (c *Counter) arrived(ctx context.Context, s Session) bool {
	p, err := c.config.Issuer.Progress(ctx, s)
	if err != nil {
		return false
	}
	switch p.State {
	case "ordered", "reserved", "signed", "delivered", "active":
		return true
	}
	return false
}

// narrow turns full-width letters and digits into ASCII: a Japanese keyboard may be in that state.
func narrow(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r >= '０' && r <= '９', r >= 'Ａ' && r <= 'Ｚ', r >= 'ａ' && r <= 'ｚ':
			return r - fullWidthShift
		}
		return r
	}, strings.TrimSpace(s))
}

// digitsOf drops the spaces and hyphens people write between groups of digits.
func digitsOf(s string) string {
	return strings.Map(func(r rune) rune {
		if strings.ContainsRune(" \u3000-‐ー", r) {
			return -1
		}
		return r
	}, narrow(s))
}
