package main

import (
	"bufio"
	"bytes"
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"io"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"mobileid/cmd/internal/phone"
	"mobileid/issuer"
	"mobileid/issuer/card"
	"mobileid/issuer/card/cardsim"
	"mobileid/issuer/card/jpki"
	"mobileid/mdoc/cbor"
	"mobileid/mdoc/pki"
	"mobileid/mdoc/provisioning"
	"mobileid/tsm/jpkiapplet"
	"mobileid/tsm/se"
)

const (
	jpkiPIN      = "4802"
	jpkiPassword = "GIVE4802AWAY"
)

// bearer is a phone of somebody who has one card for all of it.
type bearer struct {
	w     *town
	state string
	chip  *cardsim.Card
}

func (w *town) newPhone(name string, chip *cardsim.Card) bearer {
	b := bearer{w, w.path(name), chip}
	w.expect(exitOK, nil, "", "new", "--state", b.state, "--authority", w.dir)
	return b
}

// apply has something put into the phone, with the one card.
func (b bearer) apply(a phone.Application) error {
	w := &wallet{in: bufio.NewReader(strings.NewReader("")), out: io.Discard, now: time.Now}
	return w.withElement(b.state, func(element *se.SE) error {
		p := &phone.Phone{SE: element, SEID: element.ID(), IssuerURL: b.w.issuerURL, TSMURL: b.w.tsmURL}
		if err := w.apply(b.w.t.Context(), p, b.chip, a); err != nil {
			return err
		}
		if !a.PhoneCertificates {
			return nil
		}
		return w.choose(b.w.t.Context(), jpkiapplet.NewClient(element), jpkiPIN, jpkiPassword)
	})
}

// shown is `jpki show --json` with both secrets.
func (b bearer) shown() (out shownCertificates) {
	b.w.t.Helper()
	s := b.w.expect(exitOK, nil, jpkiPIN+"\n"+jpkiPassword+"\n", "jpki", "show", "--state", b.state, "--pin-file", "-", "--password-file", "-", "--json")
	check(b.w.t, json.Unmarshal([]byte(s.out), &out))
	return out
}

func (b bearer) seID() string {
	b.w.t.Helper()
	var h held
	check(b.w.t, json.Unmarshal([]byte(b.w.expect(exitOK, nil, "", "slots", "--state", b.state, "--json").out), &h))
	return h.SEID
}

func parsed(t *testing.T, text string) *x509.Certificate {
	t.Helper()
	block, _ := pem.Decode([]byte(text))
	if block == nil {
		t.Fatal("no PEM")
	}
	return must(x509.ParseCertificate(block.Bytes))(t)
}

// status asks the issuer's lists, and then its responders, over HTTP as a relying party does.
func (w *town) status(c *x509.Certificate) [2]card.StatusAnswer {
	w.t.Helper()
	var out [2]card.StatusAnswer
	ca := w.phones.Signature
	kind := "signature"
	if w.phones.Authentication.Issued(c) {
		ca, kind = w.phones.Authentication, "authentication"
	}
	base := w.issuerURL + "/v1/phone-certificates/" + kind
	if !slices.Equal(c.CRLDistributionPoints, []string{base + ".crl"}) || !slices.Equal(c.OCSPServer, []string{base + "/ocsp"}) {
		w.t.Errorf("the certificate names %v and %v", c.CRLDistributionPoints, c.OCSPServer)
	}
	for i, a := range []jpki.Authority{{CA: ca.Certificate(), CRLs: c.CRLDistributionPoints}, {CA: ca.Certificate(), OCSP: c.OCSPServer[0]}} {
		source := must(jpki.New(jpki.Config{Authorities: []jpki.Authority{a}}))(w.t)
		out[i] = source.Status(w.t.Context(), c, ca.Certificate(), time.Now())
	}
	return out
}

// wantStatus demands that lists and responders agree.
func (w *town) wantStatus(name string, c *x509.Certificate, want card.CertificateState, reason pki.Reason) {
	w.t.Helper()
	for i, got := range w.status(c) {
		if got.State != want || want != card.StateInForce && got.Reason != reason {
			w.t.Errorf("%s, %s: state %d, reason %v, want %d, %v: %v", name, []string{"list", "responder"}[i], got.State, got.Reason, want, reason, got)
		}
	}
}

// desk is one request of an operator.
func (w *town) desk(path, body string) (int, map[string]any) {
	w.t.Helper()
	request := must(http.NewRequestWithContext(w.t.Context(), http.MethodPost, w.issuerURL+path, strings.NewReader(body)))(w.t)
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Authorization", "Bearer "+w.operator)
	response := must(http.DefaultClient.Do(request))(w.t)
	defer response.Body.Close()
	var out map[string]any
	check(w.t, json.NewDecoder(response.Body).Decode(&out))
	return response.StatusCode, out
}

func (w *town) person(id string) *cardsim.Card {
	p, _ := cardsim.PersonByID(id, time.Now())
	return must(cardsim.New(p, w.cards, cardsim.Options{}))(w.t)
}

// The whole life of phone certificates: card, application, TSM, element, signatures that verify, lists and responders, a new phone, and the
// handover of that.
func TestPhoneCertificates(t *testing.T) {
	w := newTown(t)
	chip := w.person("birthday")
	old := w.newPhone("old.se", chip)
	w.expect(exitOK, []string{"phone certificates: none"}, "", "jpki", "show", "--state", old.state)
	check(t, old.apply(phone.Application{PhoneCertificates: true}))
	shown := old.shown()
	signature, authentication := parsed(t, shown.Signature.PEM), parsed(t, shown.Authentication.PEM)

	t.Run("certificates", func(t *testing.T) {
		if shown.State != "committed" || shown.PINTries != 3 || shown.PasswordTries != 5 {
			t.Errorf("%+v", shown)
		}
		for name, c := range map[string]*x509.Certificate{"signature": signature, "authentication": authentication} {
			ca := map[string]*x509.Certificate{"signature": w.phones.Signature.Certificate(), "authentication": w.phones.Authentication.Certificate()}[name]
			if err := c.CheckSignatureFrom(ca); err != nil {
				t.Errorf("%s: %v", name, err)
			}
			if !strings.Contains(c.Issuer.String(), "TEST") || !strings.Contains(c.Issuer.String(), "on phones") {
				t.Errorf("%s is issued by %v", name, c.Issuer)
			}
			p := chip.Person()
			end := card.EndOfDay(card.BirthdayAfter(p.BirthDate, card.DayInJapan(time.Now()), 5))
			if limit := card.EndOfDay(card.BirthdayAfter(p.BirthDate, p.Issued, 5)); limit.Before(end) { // the card's own certificate
				end = limit
			}
			if !c.NotAfter.Equal(end) {
				t.Errorf("%s ends %v, want %v", name, c.NotAfter, end)
			}
			w.wantStatus(name, c, card.StateInForce, 0)
		}
		if p := signature.PolicyIdentifiers; len(p) != 1 || p[0].String() != "1.2.392.200149.8.5.1.1.40" {
			t.Errorf("policy %v", p)
		}
	})
	t.Run("sign", func(t *testing.T) {
		w.write("contract", []byte("a contract\n"))
		sign := []string{"jpki", "sign", "--state", old.state, "--in", w.path("contract")}
		w.expect(exitOK, []string{"256 bytes"}, jpkiPassword+"\n", append(slices.Clone(sign), "--key", "signature", "--password-file", "-",
			"--out", w.path("contract.sig"), "--certificate", w.path("signer.pem"))...)
		signer := parsed(t, string(must(os.ReadFile(w.path("signer.pem")))(t)))
		check(t, signer.CheckSignature(x509.SHA256WithRSA, []byte("a contract\n"), must(os.ReadFile(w.path("contract.sig")))(t)))
		if !signer.Equal(signature) {
			t.Error("another certificate")
		}
		w.expect(exitOK, nil, jpkiPIN+"\n", append(slices.Clone(sign), "--key", "authentication", "--pin-file", "-", "--out", w.path("login.sig"))...)
		check(t, authentication.CheckSignature(x509.SHA256WithRSA, []byte("a contract\n"), must(os.ReadFile(w.path("login.sig")))(t)))
		w.expect(exitFailed, []string{"exists"}, jpkiPIN+"\n", append(slices.Clone(sign), "--key", "authentication", "--pin-file", "-", "--out", w.path("login.sig"))...)
		w.expect(exitMisuse, []string{"needs the PIN"}, "", append(slices.Clone(sign), "--key", "authentication", "--out", w.path("x"))...)
		w.expect(exitMisuse, []string{"neither signature nor"}, "", append(slices.Clone(sign), "--key", "face", "--out", w.path("x"))...)
	})
	t.Run("a reader of cards", func(t *testing.T) { w.reads(t, old) })
	t.Run("tries over restarts", func(t *testing.T) {
		for left := 2; left >= 1; left-- {
			w.expect(exitFailed, []string{"PIN"}, "9999\n", "jpki", "show", "--state", old.state, "--pin-file", "-")
			w.expect(exitOK, []string{"PIN set yes, " + strconv.Itoa(left) + " tries left"}, "", "jpki", "show", "--state", old.state)
		}
	})

	renewed := old
	check(t, renewed.apply(phone.Application{PhoneCertificates: true}))
	t.Run("renewal", func(t *testing.T) {
		again := parsed(t, w.expectJSON(renewed, jpkiPassword).Signature.PEM)
		w.wantStatus("before the renewal", signature, card.StateRevoked, pki.Superseded)
		w.wantStatus("renewed", again, card.StateInForce, 0)
		signature = again
	})

	young := w.newPhone("new.se", chip)
	check(t, young.apply(phone.Application{Slot: 1, Purpose: provisioning.PurposeSign}))
	check(t, young.apply(phone.Application{PhoneCertificates: true}))
	on := young.shown()
	w.wantStatus("on the old phone", signature, card.StateRevoked, pki.Superseded)
	w.wantStatus("on the new phone", parsed(t, on.Signature.PEM), card.StateInForce, 0)

	t.Run("handover", func(t *testing.T) {
		w.handOver(young.seID())
		w.wantStatus("after the handover", parsed(t, on.Signature.PEM), card.StateRevoked, pki.CessationOfOperation)
		w.wantStatus("after the handover", parsed(t, on.Authentication.PEM), card.StateRevoked, pki.CessationOfOperation)
		w.expect(exitOK, []string{"credential slots in use: 0"}, "", "contact", "--state", young.state, "--tsm", w.tsmURL)
		w.expect(exitOK, []string{"phone certificates: none"}, "", "jpki", "show", "--state", young.state)
		check(t, young.apply(phone.Application{PhoneCertificates: true})) // emptied, it may be used again
	})
}

// expectJSON is show with the signature password alone.
func (w *town) expectJSON(b bearer, password string) (out shownCertificates) {
	w.t.Helper()
	s := w.expect(exitOK, nil, password+"\n", "jpki", "show", "--state", b.state, "--password-file", "-", "--json")
	check(w.t, json.Unmarshal([]byte(s.out), &out))
	return out
}

// reads is a reader of My Number cards at a phone: it knows the token, and reads no card from it.
func (w *town) reads(t *testing.T, b bearer) {
	t.Helper()
	wallet := &wallet{now: time.Now}
	check(t, wallet.withElement(b.state, func(element *se.SE) error {
		ctx := t.Context()
		token := must(card.Connect(ctx, element, card.ClientOptions{}))(t)
		if token.Kind() != card.KindAndroid || token.Token().Label != "JPKIAPGPSETOKEN" {
			t.Errorf("the token is %v", token.Kind())
		}
		status := must(token.PINStatus(ctx))(t)
		if len(status) != 2 || status[0].TriesLeft+status[1].TriesLeft != 8 {
			t.Errorf("tries %+v", status)
		}
		if _, err := token.ReadFile(ctx, card.AuthenticationCertificate); err == nil {
			t.Error("the user authentication certificate is free")
		}
		if _, err := token.ReadFile(ctx, card.FaceFile); !errors.Is(err, card.ErrPhone) {
			t.Errorf("card face: %v", err)
		}
		if err := token.Change(ctx, card.AuthenticationPINFile, jpkiPIN, jpkiPIN); err != nil {
			t.Errorf("change of the PIN: %v", err)
		}
		_, err := card.Read(ctx, element, b.chip.Person().Secrets(), card.Options{Challenge: make([]byte, 32), Binding: element.ID()})
		if !errors.Is(err, card.ErrPhone) {
			t.Errorf("as a card: %v", err)
		}
		return nil
	}))
}

// The desk, the holder, and what the card's certificate carries with it.
func TestPhoneCertificatesAreRevoked(t *testing.T) {
	w := newTown(t)
	chip := w.person("nineteen")
	b := w.newPhone("phone.se", chip)
	check(t, b.apply(phone.Application{PhoneCertificates: true}))
	shown := b.shown()
	c := parsed(t, shown.Signature.PEM)
	id := `{"se_id":"` + b.seID() + `"`
	change := func(reason string, want float64) {
		t.Helper()
		if code, out := w.desk("/v1/phone-certificates/revocations", id+`,"reason":"`+reason+`"}`); code != http.StatusOK || out["changed"] != want {
			t.Errorf("%s: %d %v", reason, code, out)
		}
	}
	release := func(want float64) {
		t.Helper()
		if code, out := w.desk("/v1/phone-certificates/releases", id+`}`); code != http.StatusOK || out["released"] != want {
			t.Errorf("release: %d %v", code, out)
		}
	}
	for _, bad := range []string{"keyCompromise", "abandoned", ""} {
		if code, _ := w.desk("/v1/phone-certificates/revocations", id+`,"reason":"`+bad+`"}`); code != http.StatusBadRequest {
			t.Errorf("reason %q: %d", bad, code)
		}
	}
	change("certificateHold", 1)
	w.wantStatus("held", c, card.StateOnHold, pki.CertificateHold)
	change("certificateHold", 0)
	contact := []string{"contact", "--state", b.state, "--tsm", w.tsmURL}
	w.dispatch(t.Context())
	w.expect(exitOK, nil, "", contact...)
	w.expect(exitOK, []string{"committed, locked yes"}, "", "jpki", "show", "--state", b.state)
	release(1)
	w.dispatch(t.Context())
	w.expect(exitOK, nil, "", contact...)
	w.expect(exitOK, []string{"committed, locked no"}, "", "jpki", "show", "--state", b.state)
	w.wantStatus("released", c, card.StateInForce, 0)
	release(0)

	t.Run("the card's certificate", func(t *testing.T) {
		onCard := w.cardCertificate(chip)
		check(t, w.jpki.Revoke(onCard, pki.CertificateHold))
		w.service.FollowCards(t.Context())
		w.wantStatus("card on hold", c, card.StateOnHold, pki.CertificateHold)
		release(0) // the desk's word does not lift what the card holds
		w.wantStatus("card still on hold", c, card.StateOnHold, pki.CertificateHold)
	})
	t.Run("the holder", func(t *testing.T) {
		w.expect(exitFailed, []string{"password"}, "WRONG123\n", "jpki", "revoke", "--state", b.state, "--password-file", "-", "--issuer", w.issuerURL, "--tsm", w.tsmURL)
		w.forged(t, b, c)
		w.expect(exitOK, []string{"revoked: 1 sets", "emptied: yes"}, jpkiPassword+"\n", "jpki", "revoke", "--state", b.state, "--password-file", "-", "--issuer", w.issuerURL, "--tsm", w.tsmURL)
		w.wantStatus("by the holder", c, card.StateRevoked, pki.CessationOfOperation)
		w.wantStatus("by the holder", parsed(t, shown.Authentication.PEM), card.StateRevoked, pki.CessationOfOperation)
		w.expect(exitOK, []string{"phone certificates: none"}, "", "jpki", "show", "--state", b.state)
	})
	change("superseded", 0)
	release(0)
}

// cardCertificate reads the signature certificate of a card.
func (w *town) cardCertificate(chip *cardsim.Card) *x509.Certificate {
	w.t.Helper()
	defer chip.Unpower()
	token := must(card.Connect(w.t.Context(), chip, card.ClientOptions{}))(w.t)
	check(w.t, token.Verify(w.t.Context(), card.SignaturePasswordFile, chip.Person().SignaturePassword))
	return must(x509.ParseCertificate(must(token.ReadFile(w.t.Context(), card.SignatureCertificate))(w.t)))(w.t)
}

// forged sends revocations that the phone's key did not sign.
func (w *town) forged(t *testing.T, b bearer, c *x509.Certificate) {
	t.Helper()
	stranger := must(cardsim.NewKeys(nil)())(t)
	seID := must(hex.DecodeString(b.seID()))(t)
	for name, change := range map[string]func(r *forgedRevocation){
		"a stranger's signature": func(*forgedRevocation) {},
		"the card's certificate": func(r *forgedRevocation) { r.certificate = w.cardCertificate(b.chip).Raw },
		"another element":        func(r *forgedRevocation) { r.seID = bytes.Repeat([]byte{7}, 10) },
		"no certificate":         func(r *forgedRevocation) { r.certificate = []byte{1} },
	} {
		r := forgedRevocation{certificate: c.Raw, seID: seID, key: stranger}
		change(&r)
		if code := r.send(t, w); code != http.StatusForbidden {
			t.Errorf("%s: %d", name, code)
		}
	}
}

type forgedRevocation struct {
	certificate, seID []byte
	key               *rsa.PrivateKey
}

func (r forgedRevocation) send(t *testing.T, w *town) int {
	t.Helper()
	var started struct {
		ID        string `json:"transaction_id"`
		Token     string `json:"transaction_token"`
		Challenge string `json:"challenge"`
	}
	answer := must(http.Post(w.issuerURL+"/v1/transactions", "application/json", nil))(t) //nolint:noctx // a test
	check(t, json.NewDecoder(answer.Body).Decode(&started))
	check(t, answer.Body.Close())
	challenge := must(base64.RawURLEncoding.DecodeString(started.Challenge))(t)
	digest := sha256.Sum256(issuer.PhoneRevocationStatement(challenge, r.seID))
	signature := must(rsa.SignPKCS1v15(nil, r.key, crypto.SHA256, digest[:]))(t)
	body := must(cbor.Marshal(issuer.Revocation{Certificate: r.certificate, SEID: r.seID, Signature: signature}))(t)
	request := must(http.NewRequestWithContext(t.Context(), http.MethodPost, w.issuerURL+"/v1/transactions/"+started.ID+"/revocation", bytes.NewReader(body)))(t)
	request.Header.Set("Content-Type", "application/cbor")
	request.Header.Set("Authorization", "Bearer "+started.Token)
	response := must(http.DefaultClient.Do(request))(t)
	defer response.Body.Close()
	return response.StatusCode
}

// A TSM that takes no orders: the certificates are revoked, the command fails and says what empties the phone.
func TestPhoneCertificatesNotEmptied(t *testing.T) {
	w := newTown(t)
	b := w.newPhone("phone.se", w.person("nineteen"))
	check(t, b.apply(phone.Application{PhoneCertificates: true}))
	c := parsed(t, b.shown().Signature.PEM)
	w.ordersRefused.Store(true)
	w.expect(exitFailed, []string{"revoked: 1 sets", "emptied: no", "revoked and not emptied", "hint: run mobileid-wallet contact"}, jpkiPassword+"\n",
		"jpki", "revoke", "--state", b.state, "--password-file", "-", "--issuer", w.issuerURL, "--tsm", w.tsmURL)
	w.wantStatus("by the holder", c, card.StateRevoked, pki.CessationOfOperation)
	w.ordersRefused.Store(false)
	w.dispatch(t.Context())
	w.expect(exitOK, nil, "", "contact", "--state", b.state, "--tsm", w.tsmURL)
	w.expect(exitOK, []string{"phone certificates: none"}, "", "jpki", "show", "--state", b.state)
}

// The secrets of the phone certificates are changed on the phone, and what is wrong costs their own tries.
func TestPhoneCertificateSecretsChange(t *testing.T) {
	w := newTown(t)
	b := w.newPhone("phone.se", w.person("nineteen"))
	change := func(which string) []string {
		return []string{"jpki", "change", "--state", b.state, "--secret", which, "--secret-file", "-"}
	}
	w.expect(exitFailed, []string{"no phone certificates"}, "", change("pin")...)
	check(t, b.apply(phone.Application{PhoneCertificates: true}))
	w.expect(exitMisuse, []string{"neither pin nor password"}, "", change("face")...)
	w.expect(exitMisuse, []string{"no terminal", "--secret-file"}, "", change("pin")[:6]...)
	for text, input := range map[string]string{"reading the old PIN": "480\n1111\n", "reading the new PIN": jpkiPIN + "\n11111\n", "reading the PINs": ""} {
		w.expect(exitFailed, []string{text}, input, change("pin")...)
	}
	w.expect(exitFailed, []string{"reading the new signature password"}, jpkiPassword+"\nSHORT\n", change("password")...)
	w.expect(exitFailed, []string{"the old PIN is wrong, tries left: 2"}, "9999\n1111\n", change("pin")...)
	w.expect(exitOK, []string{"the PIN of the phone certificates is changed"}, jpkiPIN+"\n1111\n", change("pin")...)
	w.expect(exitOK, []string{"the signature password of the phone certificates is changed"}, jpkiPassword+"\nOTHER5678\n", change("password")...)
	w.expect(exitOK, []string{"user authentication certificate", "3 tries left", "5 tries left"}, "1111\nOTHER5678\n",
		"jpki", "show", "--state", b.state, "--pin-file", "-", "--password-file", "-")
	for _, text := range []string{"tries left: 2", "tries left: 1", "is blocked"} {
		w.expect(exitFailed, []string{text}, "9999\n2222\n", change("pin")...)
	}
	w.expect(exitFailed, []string{"is blocked", "hint: mobileid-wallet jpki apply"}, "1111\n2222\n", change("pin")...)
	check(t, b.apply(phone.Application{PhoneCertificates: true}))
	w.expect(exitOK, []string{"is changed"}, jpkiPIN+"\n1111\n", change("pin")...)
}
