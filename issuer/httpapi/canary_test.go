package httpapi_test

import (
	"bytes"
	"errors"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"mobileid/issuer/card"
	"mobileid/issuer/card/cardsim"
	"mobileid/issuer/issuertest"
	"mobileid/mdoc/cbor"
	"mobileid/mdoc/mdoctest/canary"
	"mobileid/mdoc/provisioning"
)

// TestCanaries runs issuance, its refusals and failures at the most verbose level for a person whose every field is
// unique, and looks for those fields, and for tokens, in log, answers and store (L1). Only the credential itself, opened by
// the secure element, may hold them.
func TestCanaries(t *testing.T) {
	a := newAPI(t, nil)
	const portrait = "CANARY-PORTRAIT-8c41f0"
	w := issuertest.Wallet{SE: a.SE(t, "element-01"), Slot: 1, Purpose: provisioning.PurposeSign, Number: true}
	w.Card = a.Card(t, "nineteen", func(p *cardsim.Person, o *cardsim.Options) {
		p.Name, p.NameFlags = "鵺野　檮昧", "00000"
		p.Address, p.AddressFlags = "試験県鸞鳳市", "000000"
		p.BirthDate = cbor.FullDate{Year: 1987, Month: time.August, Day: 19}
		check, _ := card.NumberCheckDigit("73519264806")
		p.Number = "73519264806" + string(rune(check))
		p.AttributePIN, p.SignaturePassword, p.SecurityCode = "7391", "CANARYPW77", "6413"
		o.Alter = func(d *cardsim.Draft) { d.Face.Portrait = append(bytes.Clone(d.Face.Portrait), portrait...) }
	})
	canaries := map[string]string{"name": "鵺野　檮昧", "family name": "鵺野", "given name": "檮昧", "address": "試験県鸞鳳市", "number": w.Card.Person().Number,
		"birth date": "1987-08-19", "birth date on the card": "19870819", "birth date in Japanese": "1987年8月19日", "portrait": portrait,
		"signature password": "CANARYPW77", "operator token": issuertest.OperatorToken}

	s, keys, issued := a.attested(w)
	for _, field := range []string{"name", "address", "number", "birth date", "portrait"} { // the canaries did go through
		if !bytes.Contains(issued, []byte(canaries[field])) {
			t.Fatalf("the credential does not hold the %s", field)
		}
	}
	canaries["transaction token"] = s.TransactionToken
	a.unlucky(w, s)
	if rec := a.do("POST", "/v1/receipts", "application/cose", "", w.SE.Receipt(t, keys, issued)); rec.Code != 204 {
		t.Fatalf("receipt answered with %d", rec.Code)
	}
	a.handover(issuertest.OperatorToken, w.SE.ID)
	a.handover("wrong "+issuertest.OperatorToken, w.SE.ID)
	a.service.Dispatch(t.Context())
	a.must(a.store.Close())
	file, err := os.ReadFile(a.path)
	a.must(err)
	a.do("POST", "/v1/transactions", "", "", nil) // fails: the store is closed
	a.evidence(s, s.TransactionToken, issued)
	a.store, err = reopen(a.path)
	a.must(err)

	said := a.said.String()
	said = strings.Replace(said, `"transaction_token":"`+s.TransactionToken+`"`, "", 1) // the one place it belongs
	places := map[string]string{"log": a.log.String(), "answers": said, "store": string(file)}
	looked := 0
	for place, text := range places {
		if len(text) < 1000 {
			t.Errorf("%s of %d bytes: nothing to look at", place, len(text))
		}
		for field, value := range canaries {
			for form, needle := range canary.Forms(value) {
				if len(needle) < 5 {
					continue
				}
				looked++
				if strings.Contains(text, string(needle)) {
					t.Errorf("%s holds the %s (%s)", place, field, form)
				}
			}
		}
	}
	t.Logf("%d searches in %d places, %d bytes", looked, len(places), len(places["log"])+len(said)+len(file))
}

// unlucky sends what fails, with the person's data in it.
func (a *api) unlucky(w issuertest.Wallet, used started) {
	a.Helper()
	first, challenge := a.start()
	body := w.Body(a.Context(), a, challenge)
	a.evidence(used, used.TransactionToken, body)          // challenge used
	a.evidence(first, used.TransactionToken, body)         // wrong token
	a.evidence(first, first.TransactionToken, body[:9000]) // cut
	a.evidence(first, first.TransactionToken, body)        // good, and again
	a.evidence(first, first.TransactionToken, body)
	second, _ := a.start()
	a.evidence(second, second.TransactionToken, body) // refused: another challenge
	third, challenge := a.start()
	w.Number = false
	changed := w.Body(a.Context(), a, challenge)
	for _, at := range []int{len(changed) / 3, len(changed) / 2} { // a file that the card did not sign
		changed[at] ^= 1
	}
	a.evidence(third, third.TransactionToken, changed)
	a.TSM.Fail(errors.New("away"))
	fourth, challenge := a.start()
	a.evidence(fourth, fourth.TransactionToken, w.Body(a.Context(), a, challenge)) // the TSM is away
	a.TSM.Fail(nil)
	a.do("POST", "/v1/attestations", "application/cose", "", body)
	a.do("POST", "/v1/receipts", "application/cose", "", body[:200])
	a.do("POST", "/v1/handovers", "application/json", issuertest.OperatorToken, body)
	a.do("POST", "/v1/"+url.PathEscape(w.Card.Person().Name), "application/json", "", nil)
	a.do("GET", "/v1/transactions/"+url.PathEscape(w.Card.Person().Name), "", first.TransactionToken, nil)
}
