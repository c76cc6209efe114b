package refusal_test

import (
	"regexp"
	"testing"

	"mobileid/issuer/refusal"
)

func TestCodeOf(t *testing.T) {
	for _, c := range []struct {
		name   string
		failed []string
		want   string
	}{
		{"one check", []string{"agree.sex"}, "card.sex_differs"},
		{"the first of the table, in whatever order they failed", []string{"agree.name", "card.expiry", "evidence.signature"}, "card.signature_invalid"},
		{"expired card with a certificate that outlives it", []string{"agree.expiry", "card.expiry"}, "card.expired"},
		{"revoked before on hold", []string{"card.certificate.hold", "card.certificate.status"}, "card.certificate_revoked"},
		{"signature certificate before the other", []string{"card.authentication.status", "card.certificate.hold"}, "card.certificate_on_hold"},
		{"a check that leads nowhere", []string{"x.y"}, refusal.CodeReadingUnsound},
		{"none", nil, refusal.CodeReadingUnsound},
	} {
		if got := refusal.CodeOf(c.failed...); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
}

// Codes have one form, and every entry explains itself in Japanese and in English.
func TestTable(t *testing.T) {
	code, japanese := regexp.MustCompile(`^[a-z]+(_[a-z]+)*(\.[a-z]+(_[a-z]+)*)?$`), regexp.MustCompile(`\p{Hiragana}`)
	for _, r := range refusal.Table() {
		if !code.MatchString(r.Code) {
			t.Errorf("code %q", r.Code)
		}
		if got, ok := refusal.Of(r.Code); !ok || got.What != r.What || got.Do != r.Do {
			t.Errorf("%s is not found, or another", r.Code)
		}
		for _, text := range []refusal.Text{r.What, r.Do} {
			if !japanese.MatchString(text.JA) || japanese.MatchString(text.EN) || text.EN == "" {
				t.Errorf("%s: %q, %q", r.Code, text.JA, text.EN)
			}
		}
	}
	if _, ok := refusal.Of("card.unheard_of"); ok {
		t.Error("explains what there is not")
	}
}
