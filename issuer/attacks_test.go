package issuer_test

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"maps"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"mobileid/issuer"
	"mobileid/issuer/card"
	"mobileid/issuer/card/cardsim"
	"mobileid/issuer/card/jpki"
	"mobileid/issuer/issuertest"
	"mobileid/issuer/refusal"
	"mobileid/issuer/store"
	"mobileid/mdoc/pki"
	"mobileid/mdoc/provisioning"
)

// attack is one forged reading: the card it is made with, and what is done to it on its way. Both sign again whatever they can sign.
type attack struct {
	name   string
	alter  func(*cardsim.Draft)
	tamper func(map[card.FileID][]byte)
	// body makes the evidence; nil taps the card for the challenge.
	body func(t *testing.T, wallet issuertest.Wallet, challenge []byte) []byte
	// before is done with a good reading's certificates before it is sent.
	before func(t *testing.T, signature, authentication *x509.Certificate)
	code   string
}

// arena is an issuer with a wallet that all attacks start from.
type arena struct {
	*issuertest.World
	service  *issuer.Service
	stranger *cardsim.Authority
	element  *issuertest.SE
}

func (a *arena) wallet(t *testing.T, c attack) issuertest.Wallet {
	t.Helper()
	k := a.Card(t, "nineteen", func(_ *cardsim.Person, o *cardsim.Options) { o.Alter, o.Tamper = c.alter, c.tamper })
	return issuertest.Wallet{Card: k, SE: a.element, Slot: 1, Purpose: provisioning.PurposeSign}
}

func (a *arena) send(t *testing.T, c attack) error {
	t.Helper()
	started, err := a.service.Start(t.Context())
	must(t, err)
	wallet := a.wallet(t, c)
	if c.body == nil {
		c.body = func(t *testing.T, w issuertest.Wallet, challenge []byte) []byte {
			t.Helper()
			return w.Body(t.Context(), t, challenge)
		}
	}
	body := c.body(t, wallet, started.Challenge)
	if c.before != nil {
		r := reading(t, body)
		authentication, _ := r.File(card.AuthenticationCertificate)
		c.before(t, parseCertificate(t, r.SignatureCertificate()), parseCertificate(t, authentication))
	}
	_, err = a.service.Evidence(t.Context(), started.TransactionID, started.Token.Reveal(), body)
	return err
}

func parseCertificate(t *testing.T, der []byte) *x509.Certificate {
	t.Helper()
	c, err := x509.ParseCertificate(der)
	must(t, err)
	return c
}

func reading(t *testing.T, body []byte) *card.Reading {
	t.Helper()
	e, err := issuer.ParseEvidence(body)
	must(t, err)
	r, err := card.ParseReading(e.Reading)
	must(t, err)
	return r
}

// spoil changes a reading after the tap; nothing is signed again.
func spoil(change func(t *testing.T, r *card.Reading, w issuertest.Wallet)) func(*testing.T, issuertest.Wallet, []byte) []byte {
	return func(t *testing.T, w issuertest.Wallet, challenge []byte) []byte {
		t.Helper()
		r := reading(t, w.Body(t.Context(), t, challenge))
		r.Files = slices.Clone(r.Files)
		change(t, r, w)
		raw, err := r.Bytes()
		must(t, err)
		return issuertest.Evidence(t, issuer.Evidence{Reading: raw, SEID: w.SE.ID, Slot: w.Slot, Purpose: uint64(w.Purpose)})
	}
}

// reissue signs a certificate again with a change.
func reissue(t *testing.T, der []byte, ca *x509.Certificate, key crypto.Signer, change func(*x509.Certificate)) []byte {
	t.Helper()
	c := parseCertificate(t, der)
	template := &x509.Certificate{SerialNumber: c.SerialNumber, RawSubject: c.RawSubject, NotBefore: c.NotBefore, NotAfter: c.NotAfter,
		SignatureAlgorithm: x509.SHA256WithRSA, ExtraExtensions: c.Extensions}
	change(template)
	out, err := x509.CreateCertificate(rand.Reader, template, ca, c.PublicKey, key)
	must(t, err)
	return out
}

func flip(id card.FileID, find string, offset int) func(map[card.FileID][]byte) {
	return func(files map[card.FileID][]byte) {
		at := bytes.Index(files[id], []byte(find))
		if at < 0 {
			panic("nothing of the kind in the file")
		}
		files[id][at+offset] ^= 1
	}
}

// attacks is the table. Every code of a refused reading is reached by one of them; TestEveryCodeIsReached sees to that.
func (a *arena) attacks(t *testing.T) []attack {
	t.Helper()
	instant := issuertest.Instant()
	yesterday := instant.In(card.Japan()).AddDate(0, 0, -1)
	ca, key := a.Authority.AuthenticationCA()
	strangerCA, strangerKey := a.stranger.AuthenticationCA()
	signatureCA, signatureKey := a.stranger.SignatureCA()
	authentication := func(ca *x509.Certificate, key crypto.Signer, change func(*x509.Certificate)) func(map[card.FileID][]byte) {
		return func(files map[card.FileID][]byte) {
			files[card.AuthenticationCertificate] = reissue(t, files[card.AuthenticationCertificate], ca, key, change)
		}
	}
	same := func(*x509.Certificate) {}
	drop := func(id card.FileID) func(*testing.T, *card.Reading, issuertest.Wallet) {
		return func(_ *testing.T, r *card.Reading, _ issuertest.Wallet) {
			r.Files = slices.DeleteFunc(r.Files, func(f card.File) bool { return f.ID == id })
		}
	}
	earlier := func(t *testing.T, w issuertest.Wallet) *card.Reading { // of the same card, over a challenge of before
		t.Helper()
		return reading(t, w.Body(t.Context(), t, bytes.Repeat([]byte{7}, 32)))
	}
	list := []attack{
		{name: "replayed reading", code: "card.challenge_mismatch", body: func(t *testing.T, w issuertest.Wallet, _ []byte) []byte {
			t.Helper()
			return w.Body(t.Context(), t, bytes.Repeat([]byte{7}, 32))
		}},
		{name: "relayed signature over another challenge", code: "card.signature_invalid",
			body: spoil(func(t *testing.T, r *card.Reading, w issuertest.Wallet) {
				t.Helper()
				r.Signature = earlier(t, w).Signature
			})},
		{name: "relayed proof of presence over another challenge", code: "card.not_present",
			body: func(t *testing.T, w issuertest.Wallet, challenge []byte) []byte {
				t.Helper()
				return spoil(func(t *testing.T, r *card.Reading, w issuertest.Wallet) {
					t.Helper()
					r.FaceProof = earlier(t, w).FaceProof
				})(t, w, challenge)
			}},
		{name: "statement over another binding", code: "card.other_device", body: func(t *testing.T, w issuertest.Wallet, challenge []byte) []byte {
			t.Helper()
			return issuertest.Evidence(t, issuer.Evidence{Reading: issuertest.Tap(t.Context(), t, w.Card, challenge, []byte("element-02"), false), SEID: w.SE.ID, Slot: 1, Purpose: 1})
		}},
		{name: "binding exchanged after signing", code: "card.signature_invalid", body: func(t *testing.T, w issuertest.Wallet, challenge []byte) []byte {
			t.Helper()
			r := reading(t, issuertest.Evidence(t, issuer.Evidence{Reading: issuertest.Tap(t.Context(), t, w.Card, challenge, []byte("element-02"), false), SEID: w.SE.ID, Slot: 1, Purpose: 1}))
			r.Binding = w.SE.ID
			raw, err := r.Bytes()
			must(t, err)
			return issuertest.Evidence(t, issuer.Evidence{Reading: raw, SEID: w.SE.ID, Slot: 1, Purpose: 1})
		}},
		{name: "files of one card with the signature of another", code: "card.signature_invalid",
			body: spoil(func(t *testing.T, r *card.Reading, w issuertest.Wallet) {
				t.Helper()
				other := a.Card(t, "birthday", nil)
				r.Signature = reading(t, issuertest.Wallet{Card: other, SE: w.SE, Slot: 1, Purpose: 1}.Body(t.Context(), t, r.Challenge)).Signature
			})},
		{name: "read without the face", code: "card.reading_incomplete", body: spoil(drop(card.FaceFile))},
		{name: "altered portrait", code: "card.face_altered", tamper: flip(card.FaceFile, "\xDF\x27", 2000)},
		{name: "altered name image", code: "card.face_altered", tamper: flip(card.FaceFile, "\xDF\x25", 40)},
		{name: "altered records", code: "card.records_altered", tamper: flip(card.AttributesFile, "\xDF\x24", 5)},
		{name: "altered key record", code: "card.records_altered", tamper: flip(card.AttributesKeyFile, "\x91\x82\x01\x00", 100)},
		{name: "portrait of another kind", code: "card.portrait_unsuitable", alter: func(d *cardsim.Draft) { d.Face.Portrait = bytes.Repeat([]byte{0xFF, 0xD8}, 4000) }},
		{name: "expired card", code: "card.expired", alter: func(d *cardsim.Draft) { d.Face.Expiry = yesterday.Format("20060102") }},
		{name: "certificate outlives the card", code: "card.certificate_outlives_card",
			alter: func(d *cardsim.Draft) { d.Face.Expiry = instant.In(card.Japan()).AddDate(0, 0, 1).Format("20060102") }},
		{name: "expired certificate", code: "card.certificate_expired", alter: func(d *cardsim.Draft) { d.Certificate.NotAfter = instant.Add(-time.Second) }},
		{name: "certificate of tomorrow", code: "card.certificate_expired", alter: func(d *cardsim.Draft) { d.Certificate.NotBefore = instant.Add(time.Hour) }},
		{name: "certificate past the fifth birthday", code: "card.certificate_unsuitable",
			alter: func(d *cardsim.Draft) { d.Certificate.NotAfter = d.Certificate.NotAfter.Add(time.Second) }},
		{name: "certificate for another purpose", code: "card.certificate_unsuitable", alter: func(d *cardsim.Draft) {
			d.Certificate.Template = func(c *x509.Certificate) {
				c.ExtraExtensions = append(c.ExtraExtensions, pkix.Extension{Id: asn1.ObjectIdentifier{1, 2, 3}, Critical: true, Value: []byte{5, 0}})
			}
		}},
		{name: "certificates of a phone", code: "card.phone_certificate", alter: func(d *cardsim.Draft) {
			d.Certificate.Template = func(c *x509.Certificate) {
				for i, e := range c.ExtraExtensions { // the policy of the card's signature certificate, 1.20, becomes the phone's, 1.40
					c.ExtraExtensions[i].Value = bytes.Replace(e.Value, []byte("\x08\x05\x01\x01\x14"), []byte("\x08\x05\x01\x01\x28"), 1)
				}
			}
		}},
		{name: "certificate of another root", code: "card.certificate_untrusted", tamper: func(files map[card.FileID][]byte) {
			files[card.SignatureCertificate] = reissue(t, files[card.SignatureCertificate], signatureCA, signatureKey, same)
		}},
		{name: "authentication certificate of another root", code: "card.authentication_certificate_untrusted", tamper: authentication(strangerCA, strangerKey, same)},
		{name: "expired authentication certificate", code: "card.authentication_certificate_expired",
			tamper: authentication(ca, key, func(c *x509.Certificate) { c.NotAfter = instant.Add(-time.Second) })},
		{name: "authentication certificate past the fifth birthday", code: "card.authentication_certificate_unsuitable",
			tamper: authentication(ca, key, func(c *x509.Certificate) { c.NotAfter = c.NotAfter.Add(time.Second) })},
		{name: "name differs", code: "card.name_differs", alter: func(d *cardsim.Draft) { d.Certificate.Name = "試験　次郎" }},
		{name: "address differs", code: "card.address_differs", alter: func(d *cardsim.Draft) { d.Attributes.Address += "１" }},
		{name: "birth date of the records differs", code: "card.birth_date_differs", alter: func(d *cardsim.Draft) { d.Attributes.BirthDate = "20060415" }},
		{name: "birth date of the face differs", code: "card.birth_date_differs", alter: func(d *cardsim.Draft) { d.Face.BirthDate = "20060415" }},
		{name: "sex of the certificate differs", code: "card.sex_differs", alter: func(d *cardsim.Draft) { d.Certificate.Sex = "2" }},
		{name: "sex of the face differs", code: "card.sex_differs", alter: func(d *cardsim.Draft) { d.Face.Sex = "2" }},
		{name: "municipality of the face differs", code: "card.municipality_differs", alter: func(d *cardsim.Draft) { d.Face.Municipality = "99202" }},
		{name: "municipality of the certificate differs", code: "card.municipality_differs", alter: func(d *cardsim.Draft) { d.AuthenticationMunicipality = "13101" }},
		{name: "individual number without consent", code: "card.number_without_consent", body: func(t *testing.T, w issuertest.Wallet, challenge []byte) []byte {
			t.Helper()
			return issuertest.Evidence(t, issuer.Evidence{Reading: issuertest.Tap(t.Context(), t, w.Card, challenge, w.SE.ID, true), SEID: w.SE.ID, Slot: 1, Purpose: 1})
		}},
		{name: "individual number of somebody else", code: "card.number_invalid", body: func(t *testing.T, w issuertest.Wallet, challenge []byte) []byte {
			t.Helper()
			w.Number = true
			return w.Body(t.Context(), t, challenge)
		}, tamper: func(files map[card.FileID][]byte) { copy(files[card.NumberFile][3:], "900000000108") }},
	}
	for reason, on := range map[pki.Reason]string{pki.AffiliationChanged: "revoked", pki.Superseded: "revoked", pki.CessationOfOperation: "revoked", pki.CertificateHold: "on_hold"} {
		list = append(list,
			attack{name: "certificate revoked: " + reason.String(), code: "card.certificate_" + on,
				before: func(t *testing.T, c, _ *x509.Certificate) { t.Helper(); must(t, a.JPKI.Revoke(c, reason)) }},
			attack{name: "authentication certificate revoked: " + reason.String(), code: "card.authentication_certificate_" + on,
				before: func(t *testing.T, _, c *x509.Certificate) { t.Helper(); must(t, a.JPKI.Revoke(c, reason)) }})
	}
	return append(list, a.mixes()...)
}

func newArena(t *testing.T) *arena {
	t.Helper()
	w := issuertest.New(t)
	a := &arena{World: w, element: w.SE(t, "element-01")}
	a.service, _ = open(t, w, nil)
	keys, err := cardsim.MakeKeys(2, cardsim.NewKeys(nil))
	must(t, err)
	a.stranger, err = cardsim.NewAuthority(cardsim.AuthorityConfig{Now: issuertest.Instant, Keys: cardsim.SharedKeys(keys...)})
	must(t, err)
	return a
}

// E9: each forged reading is refused with the code of what is wrong with it, and the transaction is over.
func TestEvidenceAttacks(t *testing.T) {
	a := newArena(t)
	reached := map[string]bool{}
	attacks := a.attacks(t)
	for _, c := range attacks {
		t.Run(c.name, func(t *testing.T) {
			err := a.send(t, c)
			wantCode(t, err, c.code)
			if err != nil && (strings.Contains(err.Error(), "affiliation") || strings.Contains(err.Error(), "試験")) {
				t.Errorf("the error says too much: %v", err)
			}
			reached[c.code] = true
		})
	}
	must(t, a.send(t, attack{})) // and a good one is taken
	t.Logf("E9: %d forged readings refused with %d codes", len(attacks), len(reached))
	for _, r := range refusal.Table() {
		if strings.HasPrefix(r.Code, "card.") && !reached[r.Code] && !slices.Contains(reachedElsewhere(), r.Code) {
			t.Errorf("no attack is refused with %s", r.Code)
		}
	}
}

// reachedElsewhere are the codes of the tests below. The last is for a check that nothing is mapped to: see TestEveryCheckHasACode.
func reachedElsewhere() []string {
	return []string{refusal.CodeStatusUnavailable, refusal.CodeDuplicate, refusal.CodeReadingUnsound}
}

func TestClockShifted(t *testing.T) {
	for name, c := range map[string]struct {
		by   time.Duration
		code string
	}{
		"two years back": {-2 * 365 * 24 * time.Hour, "card.certificate_expired"},
		"six years on":   {6 * 365 * 24 * time.Hour, "card.certificate_expired"},
		"ten years on":   {10 * 365 * 24 * time.Hour, "card.certificate_untrusted"}, // the root is over
	} {
		t.Run(name, func(t *testing.T) {
			a := newArena(t)
			a.Now = func() time.Time { return issuertest.Instant().Add(c.by) }
			wantCode(t, a.send(t, attack{}), c.code)
		})
	}
	t.Run("lists and answers of tomorrow", func(t *testing.T) {
		a := newArena(t)
		shifted := false
		a.Now = func() time.Time {
			if shifted { // as JPKI-TEST sees it
				return issuertest.Instant().AddDate(0, 0, 1)
			}
			return issuertest.Instant()
		}
		a.service, _ = a.Open(t, t.TempDir()+"/issuer.db", func(c *issuer.Config) {
			source, err := jpki.New(jpki.Config{Authorities: a.JPKI.Places("http://jpki-test.example"), Transport: through(func(r *http.Request) (*http.Response, error) {
				shifted = true
				defer func() { shifted = false }()
				return a.JPKI.Transport().RoundTrip(r)
			})})
			must(t, err)
			c.CardStatus = source
		})
		wantCode(t, a.send(t, attack{}), refusal.CodeStatusUnavailable)
	})
}

type through func(*http.Request) (*http.Response, error)

func (f through) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// A status that cannot be asked for refuses, and takes no order.
func TestStatusUnavailable(t *testing.T) {
	a := newArena(t)
	away := true
	a.service, _ = a.Open(t, t.TempDir()+"/issuer.db", func(c *issuer.Config) {
		source, err := jpki.New(jpki.Config{Authorities: a.JPKI.Places("http://jpki-test.example"), Transport: through(func(r *http.Request) (*http.Response, error) {
			if away {
				return nil, errors.New("away")
			}
			return a.JPKI.Transport().RoundTrip(r)
		})})
		must(t, err)
		c.CardStatus = source
	})
	ctx := t.Context()
	started, err := a.service.Start(ctx)
	must(t, err)
	body := a.wallet(t, attack{}).Body(ctx, t, started.Challenge)
	send := func(body []byte) error {
		_, err := a.service.Evidence(ctx, started.TransactionID, started.Token.Reveal(), body)
		return err
	}
	wantCode(t, send(body), refusal.CodeStatusUnavailable)
	wantCode(t, send(body), refusal.CodeStatusUnavailable) // at once: nobody is asked
	before, err := a.service.State(ctx, started.TransactionID, started.Token.Reveal())
	if must(t, err); before.State != string(store.Begun) || before.OrderID != "" {
		t.Errorf("state %s, order %q", before.State, before.OrderID)
	}
	away = false
	a.Now = func() time.Time { return issuertest.Instant().Add(jpki.DefaultRetry) }
	var wg sync.WaitGroup // the same evidence, and never two orders
	var placed atomic.Int32
	for range 4 {
		wg.Go(func() {
			if err := send(body); err == nil {
				placed.Add(1)
			} else if !errors.Is(err, issuer.ErrUsed) {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	wantError(t, send(body), issuer.ErrUsed)
	if n := placed.Load(); n != 1 {
		t.Errorf("%d orders", n)
	}
	must(t, a.send(t, attack{})) // and a new transaction
}

// The challenge that came back is spent by evidence that is refused, and by its end.
func TestStatusUnavailableThen(t *testing.T) {
	replayed := func(t *testing.T, w issuertest.Wallet, _ []byte) []byte {
		t.Helper()
		return w.Body(t.Context(), t, bytes.Repeat([]byte{7}, 32))
	}
	good := func(t *testing.T, w issuertest.Wallet, challenge []byte) []byte {
		t.Helper()
		return w.Body(t.Context(), t, challenge)
	}
	for name, c := range map[string]struct {
		later time.Duration
		body  func(*testing.T, issuertest.Wallet, []byte) []byte
		check func(*testing.T, error)
		last  error
	}{
		"refused": {0, replayed, func(t *testing.T, err error) { t.Helper(); wantCode(t, err, "card.challenge_mismatch") }, issuer.ErrUsed},
		"too late": {issuer.DefaultTransactionLife, good, func(t *testing.T, err error) { t.Helper(); wantError(t, err, issuer.ErrExpired) },
			issuer.ErrExpired},
	} {
		t.Run(name, func(t *testing.T) {
			a := newArena(t)
			a.service, _ = a.Open(t, t.TempDir()+"/issuer.db", func(c *issuer.Config) {
				source, err := jpki.New(jpki.Config{Authorities: a.JPKI.Places("http://jpki-test.example"),
					Transport: through(func(*http.Request) (*http.Response, error) { return nil, errors.New("away") })})
				must(t, err)
				c.CardStatus = source
			})
			started, err := a.service.Start(t.Context())
			must(t, err)
			w := a.wallet(t, attack{})
			send := func(body []byte) error {
				_, err := a.service.Evidence(t.Context(), started.TransactionID, started.Token.Reveal(), body)
				return err
			}
			wantCode(t, send(good(t, w, started.Challenge)), refusal.CodeStatusUnavailable)
			a.Now = func() time.Time { return issuertest.Instant().Add(c.later) }
			c.check(t, send(c.body(t, w, started.Challenge)))
			wantError(t, send(good(t, w, started.Challenge)), c.last)
		})
	}
}

// One person is issued one document at a time, on one element.
func TestDuplicate(t *testing.T) {
	ctx := t.Context()
	w := issuertest.New(t)
	s, _ := open(t, w, nil)
	here := w.Wallet(t, "nineteen", "element-01")
	there := here
	there.SE = w.SE(t, "element-02")
	first := w.Ordered(ctx, t, s, here)
	again := func(wallet issuertest.Wallet) error {
		started, err := s.Start(ctx)
		must(t, err)
		_, err = s.Evidence(ctx, started.TransactionID, started.Token.Reveal(), wallet.Body(ctx, t, started.Challenge))
		return err
	}
	wantError(t, again(there), issuer.ErrDuplicate)
	must(t, again(here)) // a phone that starts again
	first.Attested(ctx, t, s).Committed(ctx, t, s)
	wantError(t, again(there), issuer.ErrDuplicate) // the second order of the phone is open
	w.Now = func() time.Time { return issuertest.Instant().Add(issuer.DefaultOrderLife) }
	second := w.Ordered(ctx, t, s, there).Attested(ctx, t, s).Committed(ctx, t, s)
	wantState(t, s, first, "revoked") // of two active ones the younger stays
	wantState(t, s, second, "active")
}

// Every check of a reading leads to a code, and every code is explained, in both languages, here and in the documents.
func TestEveryCheckHasACode(t *testing.T) {
	w := issuertest.New(t)
	k := w.Card(t, "nineteen", nil)
	r, err := card.ParseReading(issuertest.Tap(t.Context(), t, k, bytes.Repeat([]byte{1}, 32), []byte("element-01"), true))
	must(t, err)
	_, v, err := card.Check(r, card.CheckConfig{SignatureRoots: w.Authority.SignatureRoots(), AuthenticationRoots: w.Authority.AuthenticationRoots(),
		MunicipalRoots: w.Authority.MunicipalRoots(), Challenge: r.Challenge, Binding: r.Binding, At: issuertest.Instant(), NumberConsent: true,
		Status: func(_, _ *x509.Certificate) card.StatusAnswer { return card.StatusAnswer{Measured: "nobody was asked"} }})
	must(t, err)
	for _, c := range v.Checks {
		if refusal.CodeOf(c.ID) == refusal.CodeReadingUnsound {
			t.Errorf("the check %s has no code", c.ID)
		}
	}
	document, err := os.ReadFile("../docs/issuance.md")
	must(t, err)
	listed := map[string]bool{}
	for line := range strings.Lines(string(document)) {
		if cells := strings.Split(line, "|"); len(cells) > 3 && strings.HasPrefix(cells[1], " `") {
			listed[strings.Trim(cells[1], " `")] = true
		}
	}
	seen := map[string]bool{}
	for _, r := range refusal.Table() {
		if seen[r.Code] {
			t.Errorf("%s stands twice", r.Code)
		}
		seen[r.Code] = true
		if !listed[r.Code] || !strings.Contains(string(document), r.What.EN) {
			t.Errorf("docs/issuance.md does not explain %s", r.Code)
		}
		for _, text := range []refusal.Text{r.What, r.Do} {
			if !strings.HasSuffix(text.JA, "。") || !strings.HasSuffix(text.EN, ".") {
				t.Errorf("%s: %q, %q are not two sentences", r.Code, text.JA, text.EN)
			}
		}
	}
	for code := range maps.Keys(listed) {
		if _, ok := refusal.Of(code); !ok && strings.HasPrefix(code, "card.") {
			t.Errorf("docs/issuance.md explains %s, which nobody is answered", code)
		}
	}
	if _, ok := refusal.Of("card.unheard_of"); ok {
		t.Error("explains what there is not")
	}
}
