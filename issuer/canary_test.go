package issuer_test

import (
	"bytes"
	"encoding/base64"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"mobileid/issuer"
	"mobileid/issuer/card/cardsim"
	"mobileid/issuer/issuertest"
	"mobileid/mdoc/mdoctest/canary"
	"mobileid/mdoc/provisioning"
)

// hits names what of a value is found in a text.
func hits(value string, text []byte) []string {
	var found []string
	for name, d := range canary.Forms(value) {
		if len(d) >= 4 && bytes.Contains(text, d) {
			found = append(found, name)
		}
	}
	return found
}

func TestNothingPersonalIsLeft(t *testing.T) {
	ctx := t.Context()
	w := issuertest.New(t)
	path := filepath.Join(t.TempDir(), "issuer.db")
	log := &canary.Log{}
	s, _ := w.Open(t, path, func(c *issuer.Config) {
		c.Log = slog.New(slog.NewJSONHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	})
	wallet := w.Wallet(t, "nineteen", "canary-se1")
	wallet.Number = true
	wallet.Card = w.Card(t, "nineteen", func(p *cardsim.Person, _ *cardsim.Options) {
		p.Name, p.NameFlags = "金糸雀　鳴太郎", "0000000"
		p.Address = "試験県金糸雀市鳥籠町七丁目"
		p.AddressFlags = strings.Repeat("0", len([]rune(p.Address)))
		p.SignaturePassword = "CANARYSONG42"
	})
	p := wallet.Card.Person()

	var errs []string
	fails := func(err error) {
		t.Helper()
		if err == nil {
			t.Fatal("an error path without an error")
		}
		errs = append(errs, err.Error())
	}
	a := w.Ordered(ctx, t, s, wallet)
	_, err := s.Evidence(ctx, a.Started.TransactionID, a.Started.Token.Reveal(), wallet.Body(ctx, t, a.Started.Challenge))
	fails(err) // used
	one, err := s.Start(ctx)
	must(t, err)
	_, err = s.Evidence(ctx, one.TransactionID, one.Token.Reveal(), wallet.Body(ctx, t, a.Started.Challenge))
	fails(err) // foreign challenge
	two, err := s.Start(ctx)
	must(t, err)
	body := wallet.Body(ctx, t, two.Challenge)
	_, err = s.Evidence(ctx, two.TransactionID, two.Token.Reveal(), body[:len(body)-1])
	fails(err) // cut short
	_, err = s.Evidence(ctx, two.TransactionID, one.Token.Reveal(), body)
	fails(err) // wrong token
	must(t, w.Denied.Revoke(signatureCertificate(t, body)))
	_, err = s.Evidence(ctx, two.TransactionID, two.Token.Reveal(), body)
	fails(err) // revoked
	_, err = s.Attested(ctx, wallet.SE.Attest(t, a.Order, func(x *provisioning.Attestation) { x.Challenge = make([]byte, 32) }).Signed)
	fails(err)
	a.Attested(ctx, t, s).Committed(ctx, t, s)
	_, err = s.Attested(ctx, a.Keys.Signed)
	fails(err) // gone
	fails(s.Receipt(ctx, a.Receipt[:20]))
	_, err = s.Handover(ctx, issuertest.OperatorToken, wallet.SE.ID)
	must(t, err)
	_, err = s.Handover(ctx, "CANARYOPERATOR", wallet.SE.ID)
	fails(err)
	s.Dispatch(ctx)

	values := map[string]string{"name": p.Name, "family name": "金糸雀", "given name": "鳴太郎", "address": p.Address, "number": p.Number,
		"birth date": p.BirthDate.String(), "birth date in Japanese": strings.ReplaceAll(p.BirthDate.String(), "-", ""),
		"signature password": p.SignaturePassword, "number B": p.NumberB(), "operator's token": issuertest.OperatorToken,
		"wrong token": "CANARYOPERATOR", "transaction token": a.Started.Token.Reveal(), "portrait's head": string([]byte{0, 0, 0, 0x0c, 'j', 'P', ' ', ' '}),
		"SE id": string(wallet.SE.ID)}
	file, err := os.ReadFile(path)
	must(t, err)
	all := map[string][]byte{"log": []byte(log.String()), "errors": []byte(strings.Join(errs, "\n")), "store": file}
	// PINs of four digits stand in any file by chance; in the short texts they must not stand as words.
	for name, pin := range map[string]string{"attribute PIN": p.AttributePIN, "authentication PIN": p.AuthenticationPIN, "security code": p.SecurityCode} {
		if strings.Contains(string(all["errors"]), pin) || strings.Contains(string(all["log"]), `"`+pin+`"`) {
			t.Errorf("%s is shown", name)
		}
	}
	for where, text := range all {
		if len(text) == 0 {
			t.Fatalf("%s is empty", where)
		}
		for name, v := range values {
			if where == "store" && name == "SE id" {
				continue // orders in the outbox name it until the TSM has taken them, and freed pages keep it
			}
			if found := hits(v, text); found != nil {
				t.Errorf("%s stands in the %s (%s)", name, where, strings.Join(found, ", "))
			}
		}
	}
	// The search finds what is there: the transaction's id in log and store, and every disguise in a text made for it.
	if hits(a.Started.TransactionID, all["log"]) == nil || hits(a.Started.TransactionID, file) == nil {
		t.Error("the search does not find what must be there")
	}
	for shift := range 3 {
		text := base64.StdEncoding.EncodeToString([]byte(strings.Repeat("x", shift) + p.Name + "yy"))
		if hits(p.Name, []byte(text)) == nil {
			t.Errorf("the search does not find base64 at place %d", shift)
		}
	}
}
