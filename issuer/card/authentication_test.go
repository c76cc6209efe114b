package card_test

import (
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"mobileid/issuer/card"
	"mobileid/issuer/card/cardsim"
	"mobileid/mdoc/cbor"
	"mobileid/mdoc/verdict"
)

// reissue signs a certificate again with a change.
func reissue(t *testing.T, der []byte, ca *x509.Certificate, key crypto.Signer, change func(*x509.Certificate)) []byte {
	t.Helper()
	c := parse(t, der)
	template := &x509.Certificate{SerialNumber: c.SerialNumber, RawSubject: c.RawSubject, NotBefore: c.NotBefore, NotAfter: c.NotAfter,
		SignatureAlgorithm: x509.SHA256WithRSA, ExtraExtensions: c.Extensions, PublicKey: c.PublicKey}
	change(template)
	out, err := x509.CreateCertificate(rand.Reader, template, ca, template.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// TestAuthenticationProfile signs user authentication certificates that break the profile, or their time, in one place each.
func TestAuthenticationProfile(t *testing.T) {
	w := fixture(t)
	ca, key := w.authority.AuthenticationCA()
	stranger, strangerKey := w.stranger.AuthenticationCA()
	signature, signatureKey := w.authority.SignatureCA()
	find := func(c *x509.Certificate, n int) int {
		return slices.IndexFunc(c.ExtraExtensions, func(e pkix.Extension) bool { return e.Id.Equal(asn1.ObjectIdentifier{2, 5, 29, n}) })
	}
	set := func(n int, value string) func(*x509.Certificate) {
		return func(c *x509.Certificate) { c.ExtraExtensions[find(c, n)].Value = []byte(value) }
	}
	drop := func(n int) func(*x509.Certificate) {
		return func(c *x509.Certificate) {
			c.ExtraExtensions = slices.Delete(c.ExtraExtensions, find(c, n), find(c, n)+1)
		}
	}
	uncritical := func(n int) func(*x509.Certificate) {
		return func(c *x509.Certificate) { c.ExtraExtensions[find(c, n)].Critical = false }
	}
	add := func(e pkix.Extension) func(*x509.Certificate) {
		return func(c *x509.Certificate) { c.ExtraExtensions = append(c.ExtraExtensions, e) }
	}
	for name, c := range map[string]struct {
		change func(*x509.Certificate)
		ca     *x509.Certificate
		key    crypto.Signer
		want   []string
	}{
		"as it was":               {func(*x509.Certificate) {}, ca, key, nil},
		"of a stranger":           {func(*x509.Certificate) {}, stranger, strangerKey, []string{"auth.chain"}},
		"of the signature CA":     {func(*x509.Certificate) {}, signature, signatureKey, []string{"auth.chain"}},
		"expired":                 {func(c *x509.Certificate) { c.NotAfter = today().Add(-time.Second) }, ca, key, []string{"auth.validity"}},
		"not yet valid":           {func(c *x509.Certificate) { c.NotBefore = today().Add(time.Second) }, ca, key, []string{"auth.validity"}},
		"past the fifth birthday": {func(c *x509.Certificate) { c.NotAfter = c.NotAfter.Add(time.Second) }, ca, key, []string{"auth.birthday"}},
		"nonRepudiation added":    {set(15, "\x03\x02\x06\xC0"), ca, key, []string{"auth.profile"}},
		"keyUsage not critical":   {uncritical(15), ca, key, []string{"auth.profile"}},
		"no extKeyUsage":          {drop(37), ca, key, []string{"auth.profile"}},
		"serverAuth":              {set(37, "\x30\x0A\x06\x08\x2B\x06\x01\x05\x05\x07\x03\x01"), ca, key, []string{"auth.profile"}},
		"clientAuth and another":  {set(37, "\x30\x0F\x06\x08\x2B\x06\x01\x05\x05\x07\x03\x02\x06\x03\x2A\x03\x04"), ca, key, []string{"auth.profile"}},
		"signature policy":        {set(32, "\x30\x0E\x30\x0C\x06\x0A\x2A\x83\x08\x8C\x9B\x55\x08\x05\x01\x14"), ca, key, []string{"auth.profile"}},
		"policy of a phone":       {set(32, "\x30\x0F\x30\x0D\x06\x0B\x2A\x83\x08\x8C\x9B\x55\x08\x05\x01\x03\x32"), ca, key, []string{"evidence.token", "auth.profile"}},
		"policy not critical":     {uncritical(32), ca, key, []string{"auth.profile"}},
		"no distribution point":   {drop(31), ca, key, []string{"auth.profile"}},
		"names somebody":          {add(pkix.Extension{Id: asn1.ObjectIdentifier{2, 5, 29, 17}, Value: []byte("\x30\x05\x82\x03a.b")}), ca, key, []string{"auth.profile"}},
		"SHA-384":                 {func(c *x509.Certificate) { c.SignatureAlgorithm = x509.SHA384WithRSA }, ca, key, []string{"auth.profile"}},
		"unknown critical extension": {add(pkix.Extension{Id: asn1.ObjectIdentifier{1, 2, 3}, Critical: true, Value: []byte{5, 0}}), ca, key,
			[]string{"auth.profile"}},
		"subject of another form": {func(c *x509.Certificate) { c.RawSubject = nil; c.Subject = pkix.Name{CommonName: "TEST"} }, ca, key, []string{"agree.municipality"}},
	} {
		t.Run(name, func(t *testing.T) {
			k := w.card(t, "nineteen", cardsim.Options{Tamper: func(files map[card.FileID][]byte) {
				files[card.AuthenticationCertificate] = reissue(t, files[card.AuthenticationCertificate], c.ca, c.key, c.change)
			}})
			_, v, err := card.Check(read(t, k, k.Person().Secrets(), options()), w.config())
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, failing(v)); diff != "" {
				t.Errorf("failed checks (-want +got):\n%s", diff)
			}
		})
	}
}

// TestFifthBirthday: the example of a real certificate, issued on 2019-07-25 to a person born on 2 May, ends on 2024-05-02; a
// certificate that ends with the card is fine, and so is the 28th of February.
func TestFifthBirthday(t *testing.T) {
	w := fixture(t)
	for name, c := range map[string]struct {
		end  time.Duration // after the last second of the fifth birthday
		want []string
	}{
		"on the fifth birthday":   {0, nil},
		"a second later":          {time.Second, []string{"cert.birthday", "auth.birthday"}},
		"a year earlier":          {-365 * 24 * time.Hour, nil},
		"on the day after":        {24 * time.Hour, []string{"cert.birthday", "auth.birthday"}},
		"on the day before":       {-24 * time.Hour, nil},
		"in the sixth year after": {366 * 24 * time.Hour, []string{"cert.birthday", "auth.birthday"}},
	} {
		t.Run(name, func(t *testing.T) {
			k := w.card(t, "substitute", cardsim.Options{Alter: func(d *cardsim.Draft) {
				d.Certificate.NotAfter = d.Certificate.NotAfter.Add(c.end)
			}})
			_, v, err := card.Check(read(t, k, k.Person().Secrets(), options()), w.config())
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, failing(v)); diff != "" {
				t.Errorf("failed checks (-want +got):\n%s", diff)
			}
		})
	}
	day := func(y int, m time.Month, d int) cbor.FullDate { return cbor.FullDate{Year: y, Month: m, Day: d} }
	if got := card.BirthdayAfter(day(1980, time.May, 2), day(2019, time.July, 25), 5); got != day(2024, time.May, 2) {
		t.Errorf("fifth birthday %v", got)
	}
}

// TestStatusOfCertificates: each certificate is asked about once, with its own CA, when all else holds; what is not known is not passed.
func TestStatusOfCertificates(t *testing.T) {
	w := fixture(t)
	k := w.card(t, "nineteen", cardsim.Options{})
	r := read(t, k, k.Person().Secrets(), options())
	signatureCA, _ := w.authority.SignatureCA()
	authenticationCA, _ := w.authority.AuthenticationCA()
	ids := []string{"card.certificate.status", "card.certificate.hold", "card.authentication.status", "card.authentication.hold"}
	for name, c := range map[string]struct {
		signature, authentication card.CertificateState
		want                      [4]verdict.Outcome
	}{
		"both in force":             {card.StateInForce, card.StateInForce, [4]verdict.Outcome{verdict.Pass, verdict.Pass, verdict.Pass, verdict.Pass}},
		"signature revoked":         {card.StateRevoked, card.StateInForce, [4]verdict.Outcome{verdict.Fail, verdict.Pass, verdict.Pass, verdict.Pass}},
		"signature on hold":         {card.StateOnHold, card.StateInForce, [4]verdict.Outcome{verdict.Pass, verdict.Fail, verdict.Pass, verdict.Pass}},
		"signature not known":       {card.StateUnknown, card.StateInForce, [4]verdict.Outcome{verdict.NotRun, verdict.NotRun, verdict.Pass, verdict.Pass}},
		"authentication revoked":    {card.StateInForce, card.StateRevoked, [4]verdict.Outcome{verdict.Pass, verdict.Pass, verdict.Fail, verdict.Pass}},
		"authentication on hold":    {card.StateInForce, card.StateOnHold, [4]verdict.Outcome{verdict.Pass, verdict.Pass, verdict.Pass, verdict.Fail}},
		"authentication not known":  {card.StateInForce, card.StateUnknown, [4]verdict.Outcome{verdict.Pass, verdict.Pass, verdict.NotRun, verdict.NotRun}},
		"a state that there is not": {card.CertificateState(9), card.StateInForce, [4]verdict.Outcome{verdict.NotRun, verdict.NotRun, verdict.Pass, verdict.Pass}},
	} {
		t.Run(name, func(t *testing.T) {
			asked := 0
			config := w.config()
			config.Status = func(certificate, issuer *x509.Certificate) card.StatusAnswer {
				asked++
				switch {
				case issuer.Equal(signatureCA) && certificate.CheckSignatureFrom(signatureCA) == nil:
					return card.StatusAnswer{State: c.signature, Measured: "asked"}
				case issuer.Equal(authenticationCA) && certificate.CheckSignatureFrom(authenticationCA) == nil:
					return card.StatusAnswer{State: c.authentication, Measured: "asked"}
				}
				t.Error(errors.New("asked about something else"))
				return card.StatusAnswer{}
			}
			id, v, err := card.Check(r, config)
			if err != nil {
				t.Fatal(err)
			}
			good := c.signature == card.StateInForce && c.authentication == card.StateInForce
			if asked != 2 || (id != nil) != good || v.OK() != good {
				t.Errorf("asked %d times, identity %v, %v", asked, id != nil, v)
			}
			for i, id := range ids {
				if got, _ := v.Outcome(id); got != c.want[i] {
					t.Errorf("%s: %s, want %s", id, got, c.want[i])
				}
			}
		})
	}
	t.Run("something else failed", func(t *testing.T) {
		config := w.config()
		config.Binding = []byte("se-0000002")
		config.Status = func(_, _ *x509.Certificate) card.StatusAnswer {
			t.Error("asked")
			return card.StatusAnswer{State: card.StateInForce}
		}
		_, v, err := card.Check(r, config)
		if err != nil {
			t.Fatal(err)
		}
		for _, id := range ids {
			if got, _ := v.Outcome(id); got != verdict.NotRun {
				t.Errorf("%s: %s", id, got)
			}
		}
	})
}

// TestNoCertificateOutlivesItsCard: each of the two is held to the day of the card.
func TestNoCertificateOutlivesItsCard(t *testing.T) {
	w := fixture(t)
	ca, key := w.authority.AuthenticationCA()
	day := today().AddDate(0, 1, 0)
	end := card.EndOfDay(card.DayInJapan(day))
	for name, c := range map[string]struct {
		signature, authentication time.Time
		want                      []string
	}{
		"both end with the card":   {end, end, nil},
		"signature a second later": {end.Add(time.Second), end, []string{"agree.expiry"}},
		"the other a second later": {end, end.Add(time.Second), []string{"agree.expiry"}},
	} {
		t.Run(name, func(t *testing.T) {
			k := w.card(t, "nineteen", cardsim.Options{
				Alter: func(d *cardsim.Draft) {
					d.Face.Expiry, d.Certificate.NotAfter = day.Format("20060102"), c.signature
				},
				Tamper: func(files map[card.FileID][]byte) {
					files[card.AuthenticationCertificate] = reissue(t, files[card.AuthenticationCertificate], ca, key,
						func(a *x509.Certificate) { a.NotAfter = c.authentication })
				},
			})
			_, v, err := card.Check(read(t, k, k.Person().Secrets(), options()), w.config())
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, failing(v)); diff != "" {
				t.Errorf("failed checks (-want +got):\n%s", diff)
			}
		})
	}
}
