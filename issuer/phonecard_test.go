package issuer

import (
	"bytes"
	"crypto/rand"
	"crypto/x509"
	"errors"
	"math/big"
	"testing"
	"time"

	"mobileid/issuer/card"
	"mobileid/issuer/card/cardsim"
	"mobileid/issuer/card/jpki/jpkica"
	"mobileid/mdoc/cbor"
)

func phoneCA(t *testing.T, kind jpkica.Kind, until time.Time) *jpkica.CA {
	t.Helper()
	key, err := cardsim.NewKeys(nil)()
	if err != nil {
		t.Fatal(err)
	}
	ca, err := jpkica.NewCA(jpkica.Profile{Kind: kind, Phone: true}, key, big.NewInt(7), until.AddDate(-20, 0, 0), until)
	if err != nil {
		t.Fatal(err)
	}
	return ca
}

// Phone certificates end on the fifth birthday after their own issue, and never after the card, its certificate or the CAs.
func TestPhoneValidity(t *testing.T) {
	now := time.Date(2026, 11, 23, 3, 0, 0, 0, time.UTC)
	far := now.AddDate(15, 0, 0)
	p := &phones{config: &PhoneConfig{Signature: phoneCA(t, jpkica.Signature, far), Authentication: phoneCA(t, jpkica.Authentication, far)}}
	day := func(y int, m time.Month, d int) time.Time {
		return card.EndOfDay(cbor.FullDate{Year: y, Month: m, Day: d})
	}
	person := func(m time.Month, d int) *card.Identity {
		return &card.Identity{BirthDate: cbor.FullDate{Year: 1990, Month: m, Day: d}, CardExpiry: day(2040, 1, 1)}
	}
	for name, c := range map[string]struct {
		id   *card.Identity
		cert time.Time
		want time.Time // zero for none
	}{
		"birthday ahead":              {person(12, 24), far, day(2030, 12, 24)},
		"birthday behind":             {person(5, 2), far, day(2031, 5, 2)},
		"on the birthday":             {person(11, 23), far, day(2031, 11, 23)},
		"29 February":                 {person(2, 29), far, day(2031, 2, 28)},
		"the card's certificate ends": {person(5, 2), day(2028, 5, 2), day(2028, 5, 2)},
		"the card ends":               {&card.Identity{BirthDate: cbor.FullDate{Year: 1990, Month: 5, Day: 2}, CardExpiry: day(2027, 1, 1)}, far, day(2027, 1, 1)},
		"hardly any time":             {person(5, 2), now.Add(time.Hour), time.Time{}},
	} {
		got, err := p.until(c.id, &x509.Certificate{NotAfter: c.cert}, now)
		if c.want.IsZero() {
			if !errors.Is(err, ErrValidity) {
				t.Errorf("%s: %v, %v", name, got, err)
			}
			continue
		}
		if err != nil || !got.Equal(c.want) {
			t.Errorf("%s: until %v, want %v: %v", name, got, c.want, err)
		}
	}
	near := now.AddDate(1, 0, 0)
	p.config.Authentication = phoneCA(t, jpkica.Authentication, near)
	if got, err := p.until(person(5, 2), &x509.Certificate{NotAfter: far}, now); err != nil || !got.Equal(p.config.Authentication.Certificate().NotAfter) {
		t.Errorf("a CA that ends before: until %v: %v", got, err)
	}
}

// What is stored of the card's certificate opens with the issuer's key only, and is enough to ask about it.
func TestCardName(t *testing.T) {
	root := &x509.Certificate{RawSubject: []byte("a name"), SubjectKeyId: []byte("a key")}
	name := cardName{Issuer: issuerDigest(root.RawSubject, root.SubjectKeyId), Serial: []byte{1, 2, 3}, Points: []byte{4}}
	s, err := newCardSealer(bytes.Repeat([]byte{1}, 32))
	if err != nil {
		t.Fatal(err)
	}
	sealed, err := s.seal(rand.Reader, name)
	if err != nil || bytes.Contains(sealed, name.Serial) {
		t.Fatalf("sealed %d bytes: %v", len(sealed), err)
	}
	back, err := s.open(sealed)
	if err != nil || !bytes.Equal(back.Serial, name.Serial) {
		t.Errorf("%v", err)
	}
	if c, issuer := back.certificate([]*x509.Certificate{{RawSubject: []byte("another")}, root}); issuer != root || c.SerialNumber.Int64() != 0x010203 ||
		!bytes.Equal(extensionOf(c, oidDistributionPoints), []byte{4}) {
		t.Error("another certificate")
	}
	if c, _ := back.certificate(nil); c != nil {
		t.Error("a certificate without its issuer")
	}
	other, err := newCardSealer(bytes.Repeat([]byte{2}, 32))
	if err != nil {
		t.Fatal(err)
	}
	for what, try := range map[string]func() error{
		"another key": func() error { _, err := other.open(sealed); return err },
		"cut":         func() error { _, err := s.open(sealed[:5]); return err },
		"a bit":       func() error { sealed[20] ^= 1; _, err := s.open(sealed); return err },
	} {
		if try() == nil {
			t.Errorf("%s: opened", what)
		}
	}
	if _, err := newCardSealer(make([]byte, 5)); err == nil {
		t.Error("a key of five bytes")
	}
}
