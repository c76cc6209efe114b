package cardsim_test

import (
	"bytes"
	"errors"
	"testing"

	"mobileid/issuer/card/cardsim"
)

func TestSeededKeys(t *testing.T) {
	a, err := cardsim.MakeKeys(2, cardsim.SeededKeys(cardsim.SeededRand("one")))
	if err != nil {
		t.Fatal(err)
	}
	b, err := cardsim.MakeKeys(1, cardsim.SeededKeys(cardsim.SeededRand("one")))
	if err != nil {
		t.Fatal(err)
	}
	c, err := cardsim.MakeKeys(1, cardsim.SeededKeys(cardsim.SeededRand("two")))
	if err != nil {
		t.Fatal(err)
	}
	switch {
	case !a[0].Equal(b[0]):
		t.Error("the same seed gives another key")
	case a[0].Equal(a[1]) || a[0].Equal(c[0]):
		t.Error("a key comes twice")
	}
	for _, k := range a {
		if err := k.Validate(); err != nil || k.N.BitLen() != 2048 || k.E != 65537 {
			t.Errorf("%d bits, %v", k.N.BitLen(), err)
		}
	}
	if _, err := cardsim.SeededKeys(bytes.NewReader([]byte("short")))(); err == nil {
		t.Error("a stream that ends gives a key")
	}
}

// TestSeededCard makes the same card twice, and a saved authority goes on where it was.
func TestSeededCard(t *testing.T) {
	w := fixture(t)
	p, _ := cardsim.PersonByID("leapday", today())
	save := func() []byte {
		t.Helper()
		random := cardsim.SeededRand("card")
		a, err := cardsim.NewAuthority(cardsim.AuthorityConfig{Now: today, Rand: random, Keys: cardsim.SharedKeys(w.keys...)})
		if err != nil {
			t.Fatal(err)
		}
		k, err := cardsim.New(p, a, cardsim.Options{Rand: random, Keys: cardsim.SharedKeys(w.keys...)})
		if err != nil {
			t.Fatal(err)
		}
		raw, err := k.Save()
		if err != nil {
			t.Fatal(err)
		}
		return raw
	}
	if !bytes.Equal(save(), save()) {
		t.Error("the same seed makes another card")
	}
}

func TestCardWithoutSources(t *testing.T) {
	w := fixture(t)
	p, _ := cardsim.PersonByID("leapday", today())
	errEmpty := errors.New("no keys today")
	for name, o := range map[string]cardsim.Options{
		"no keys":   {Keys: cardsim.SharedKeys()},
		"no random": {Keys: cardsim.SharedKeys(w.keys...), Rand: bytes.NewReader(nil)},
	} {
		if _, err := cardsim.New(p, w.authority, o); err == nil {
			t.Errorf("%s, and there is a card", name)
		}
	}
	if _, err := cardsim.NewAuthority(cardsim.AuthorityConfig{Now: today, Rand: bytes.NewReader(nil), Keys: cardsim.SharedKeys(w.keys...)}); err == nil {
		t.Error("an authority without random numbers")
	}
	if _, err := cardsim.NewAuthority(cardsim.AuthorityConfig{Now: today, Keys: cardsim.SharedKeys()}); err == nil {
		t.Error("an authority without keys")
	}
	k, err := cardsim.New(p, w.authority, cardsim.Options{Keys: cardsim.SharedKeys(w.keys...), Rand: &untilNow{left: 4096, err: errEmpty}})
	if err != nil {
		t.Fatal(err)
	}
	sw := "9000"
	for sw == "9000" {
		_, sw = send(t, k, "0084000001")
	}
	if sw != "6400" {
		t.Errorf("without random numbers %s", sw)
	}
	p.Municipality = "9920"
	if _, err := cardsim.New(p, w.authority, cardsim.Options{Keys: cardsim.SharedKeys(w.keys...)}); err == nil {
		t.Error("a municipality of four digits")
	}
}

// untilNow gives bytes until it does not.
type untilNow struct {
	left int
	err  error
}

func (u *untilNow) Read(p []byte) (int, error) {
	if u.left < len(p) {
		return 0, u.err
	}
	u.left -= len(p)
	for i := range p {
		p[i] = byte(u.left + i)
	}
	return len(p), nil
}
