package card_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"mobileid/issuer/card"
	"mobileid/issuer/card/cardsim"
	"mobileid/mdoc/apdu"
)

func TestReadAndCheckEveryPerson(t *testing.T) {
	w := fixture(t)
	for _, p := range cardsim.People(today()) {
		for _, mode := range []struct {
			name             string
			extended, number bool
		}{{"short", false, false}, {"extended with number", true, true}} {
			t.Run(p.ID+" "+mode.name, func(t *testing.T) {
				o := options()
				o.Extended, o.WithIndividualNumber, o.WithSignatureCA = mode.extended, mode.number, mode.number
				r := overTheWire(t, read(t, w.card(t, p.ID, cardsim.Options{}), p.Secrets(), o))
				c := w.config()
				c.NumberConsent = mode.number
				id, v, err := card.Check(r, c)
				if err != nil || id == nil || !v.OK() {
					t.Fatalf("identity %v, verdict %v, error %v", id != nil, v, err)
				}
				compare(t, id, p, mode.number)
			})
		}
	}
}

func compare(t *testing.T, id *card.Identity, p cardsim.Person, number bool) {
	t.Helper()
	wantNumber := ""
	if number {
		wantNumber = p.Number
	}
	wantSex := map[string]uint{"1": card.SexMale, "2": card.SexFemale}[p.Sex]
	switch {
	case id.FullName != p.Name, id.Address != p.Address, id.BirthDate != p.BirthDate, id.Sex != wantSex:
		t.Error("an attribute is another")
	case id.LocalGovCode != p.Municipality:
		t.Errorf("municipality %q", id.LocalGovCode)
	case id.NameSubstitutes != (p.ID == "substitute") || id.AddressSubstitutes:
		t.Error("substitute flags")
	case id.IndividualNumber != wantNumber:
		t.Error("individual number")
	case !id.CardExpiry.Equal(card.EndOfDay(p.Expiry)) || id.CertificateNotAfter.After(id.CardExpiry):
		t.Errorf("card ends %v, certificate %v", id.CardExpiry, id.CertificateNotAfter)
	case len(id.Portrait) < 8_000 || len(id.Portrait) > 12_000:
		t.Errorf("portrait of %d bytes", len(id.Portrait))
	case len(id.SubjectKey) < 32:
		t.Error("subject key")
	}
}

func TestPersonsAreWhatTheirNamesSay(t *testing.T) {
	ages := map[string]int{"nineteen": 19, "birthday": 20, "leapday": 22, "substitute": 45, "foreigner": 32}
	for _, p := range cardsim.People(today()) {
		if got := card.AgeAt(p.BirthDate, today()); got != ages[p.ID] {
			t.Errorf("%s is %d years old, want %d", p.ID, got, ages[p.ID])
		}
	}
	if b := person(t, "birthday").BirthDate; b.Month != time.October || b.Day != 15 {
		t.Error("birthday is not today")
	}
	if b := person(t, "leapday").BirthDate; b.Month != time.February || b.Day != 29 {
		t.Error("leapday was not born on 29 February")
	}
}

func TestWrongSecretsSpendOneTryEach(t *testing.T) {
	w := fixture(t)
	p := person(t, "birthday")
	for _, tc := range []struct {
		name  card.SecretName
		spoil func(*card.Secrets)
		left  int
	}{
		{card.AttributePIN, func(s *card.Secrets) { s.AttributePIN = "0000" }, 2},
		{card.NumberB, func(s *card.Secrets) { s.NumberB = "00000000000000" }, 9},
		{card.SignaturePassword, func(s *card.Secrets) { s.SignaturePassword = "WRONG00" }, 4},
	} {
		t.Run(string(tc.name), func(t *testing.T) {
			k := w.card(t, p.ID, cardsim.Options{})
			s := p.Secrets()
			tc.spoil(&s)
			_, err := card.Read(t.Context(), k, s, options())
			se, ok := errors.AsType[*card.SecretError](err)
			if !ok || se.Secret != tc.name || se.TriesLeft != tc.left || !errors.Is(err, card.ErrWrongSecret) {
				t.Fatalf("error %v", err)
			}
			read(t, k, p.Secrets(), options()) // the right ones still work, and restore the counter
			if _, err = card.Read(t.Context(), k, s, options()); !errors.As(err, &se) || se.TriesLeft != tc.left {
				t.Errorf("after a success: %v", err)
			}
		})
	}
}

func TestLastTryIsNotSpentUnasked(t *testing.T) {
	w := fixture(t)
	p := person(t, "birthday")
	k := w.card(t, p.ID, cardsim.Options{})
	wrong := p.Secrets()
	wrong.AttributePIN = "0000"
	for range 2 {
		_, _ = card.Read(t.Context(), k, wrong, options())
	}
	for range 3 { // however often it is asked for
		_, err := card.Read(t.Context(), k, p.Secrets(), options())
		if se, ok := errors.AsType[*card.SecretError](err); !ok || !errors.Is(err, card.ErrLastTry) || se.TriesLeft != 1 {
			t.Fatalf("with one try left: %v", err)
		}
	}
	o := options()
	o.SpendLastTry = true
	_, err := card.Read(t.Context(), k, wrong, o)
	if se, ok := errors.AsType[*card.SecretError](err); !ok || se.TriesLeft != 0 {
		t.Fatalf("last try: %v", err)
	}
	if _, err = card.Read(t.Context(), k, p.Secrets(), o); !errors.Is(err, card.ErrSecretBlocked) {
		t.Fatalf("blocked card: %v", err)
	}
}

func TestSecretsOfTheWrongFormAreNotSent(t *testing.T) {
	p := person(t, "nineteen")
	for name, s := range map[string]card.Secrets{
		"PIN of five digits":        {AttributePIN: "12345", SignaturePassword: p.SignaturePassword, NumberB: p.NumberB()},
		"PIN with a letter":         {AttributePIN: "12a4", SignaturePassword: p.SignaturePassword, NumberB: p.NumberB()},
		"password of five":          {AttributePIN: "1234", SignaturePassword: "ABC12", NumberB: p.NumberB()},
		"password of seventeen":     {AttributePIN: "1234", SignaturePassword: "ABCDEFGHIJKLMNOPQ", NumberB: p.NumberB()},
		"password with punctuation": {AttributePIN: "1234", SignaturePassword: "ABC-123", NumberB: p.NumberB()},
		"number B of twelve":        {AttributePIN: "1234", SignaturePassword: p.SignaturePassword, NumberB: p.Number},
	} {
		t.Run(name, func(t *testing.T) {
			f := &cardsim.Fault{}
			if _, err := card.Read(t.Context(), f, s, options()); !errors.Is(err, card.ErrSecretForm) {
				t.Errorf("error %v", err)
			}
			if f.Exchanges() != 0 {
				t.Error("the card was asked")
			}
		})
	}
}

func TestSmallLettersOfThePasswordAreTaken(t *testing.T) {
	p := person(t, "nineteen")
	s := p.Secrets()
	s.SignaturePassword = "nineteen19"
	read(t, fixture(t).card(t, p.ID, cardsim.Options{}), s, options())
}

func TestGarbageAtEveryExchange(t *testing.T) {
	w := fixture(t)
	p := person(t, "leapday")
	k := w.card(t, p.ID, cardsim.Options{})
	o := options()
	o.WithIndividualNumber = true
	for _, extended := range []bool{false, true} {
		o.Extended = extended
		whole := &cardsim.Fault{Card: k, After: 1 << 20}
		read(t, whole, p.Secrets(), o)
		step := 7 // with short commands most exchanges are alike: the middle of a file
		if extended {
			step = 1
		}
		for n := 0; n < whole.Exchanges(); n += step {
			for _, answer := range garbage() {
				k.Unpower()
				f := &cardsim.Fault{Card: k, After: n, Answer: func(context.Context, []byte) ([]byte, error) { return answer, nil }}
				r, err := card.Read(t.Context(), f, p.Secrets(), o)
				if err == nil { // an answer of 256 bytes may look like a signature: then the issuer must see it
					if id, _, err := card.Check(r, w.config()); id != nil || err != nil {
						t.Fatalf("answer of %d bytes at exchange %d was accepted: %v", len(answer), n, err)
					}
				}
				if f.Exchanges() > 1024 {
					t.Fatalf("%d exchanges", f.Exchanges())
				}
			}
		}
	}
}

// garbage are answers no good card gives at every turn: none, half a status word, success with nothing, with noise, with lying
// lengths, with endless promises of more.
func garbage() [][]byte {
	answers := [][]byte{nil, {}, {0x90}, {0x90, 0x00}, {0x61, 0x00}, {0x55, 0x61, 0x10}, {0x6C, 0x10}, {0x63, 0xC0}, {0x63, 0xCF}, {0x69, 0x84}, {0x00, 0x00}, {0xFF, 0xFF}}
	for _, body := range [][]byte{
		{0xFF}, {0xFF, 0x20, 0x84, 0x7F, 0xFF, 0xFF, 0xFF}, {0xFF, 0x20, 0x80}, {0x30, 0x82, 0x00, 0x01}, {0x30, 0x82, 0xFF, 0xFF, 0x00},
		make([]byte, 256), make([]byte, 257), make([]byte, 65536), make([]byte, 65537),
	} {
		answers = append(answers, append(append([]byte(nil), body...), 0x90, 0x00))
	}
	return append(answers, make([]byte, 65538), make([]byte, 70000))
}

func TestSilentCardEndsWithTheContext(t *testing.T) {
	w := fixture(t)
	p := person(t, "nineteen")
	k := w.card(t, p.ID, cardsim.Options{})
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		defer cancel()
		began := time.Now()
		f := &cardsim.Fault{Card: k, After: 12, Answer: func(ctx context.Context, _ []byte) ([]byte, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		}}
		if _, err := card.Read(ctx, f, p.Secrets(), options()); !errors.Is(err, context.DeadlineExceeded) || !errors.Is(err, card.ErrCardSilent) {
			t.Errorf("error %v", err)
		}
		if took := time.Since(began); took != 30*time.Second {
			t.Errorf("gave up after %v", took)
		}
	})
}

func TestOtherTokensAreRefused(t *testing.T) {
	w := fixture(t)
	p := person(t, "nineteen")
	for name, label := range map[string]string{"phone": "JPKIAPGPSETOKEN", "iPhone": "JPKIAPIOSTOKEN", "older card": "JPKIAPICCTOKEN ", "longer": "JPKIAPICCTOKEN22"} {
		t.Run(name, func(t *testing.T) {
			k := w.card(t, p.ID, cardsim.Options{Tamper: func(files map[card.FileID][]byte) {
				copy(files[0x10006], label+"                                ")
			}})
			if _, err := card.Read(t.Context(), k, p.Secrets(), options()); !errors.Is(err, card.ErrNotMyNumberCard) {
				t.Errorf("error %v", err)
			}
		})
	}
	t.Run("no JPKI-AP", func(t *testing.T) {
		f := &cardsim.Fault{Answer: func(context.Context, []byte) ([]byte, error) { return []byte{0x6A, 0x82}, nil }}
		if _, err := card.Read(t.Context(), f, p.Secrets(), options()); !errors.Is(err, card.ErrNotMyNumberCard) || !errors.Is(err, apdu.ErrNotFound) {
			t.Errorf("error %v", err)
		}
	})
}

func TestReadDemandsAChallengeAndABinding(t *testing.T) {
	p := person(t, "nineteen")
	for name, o := range map[string]card.Options{
		"none": {}, "short challenge": {Challenge: make([]byte, 15), Binding: binding()},
		"long challenge": {Challenge: make([]byte, 65), Binding: binding()}, "no binding": {Challenge: challenge()},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := card.Read(t.Context(), &cardsim.Fault{}, p.Secrets(), o); err == nil || errors.Is(err, cardsim.ErrPulled) {
				t.Errorf("error %v", err)
			}
		})
	}
}
