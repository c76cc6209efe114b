package cardsim_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"mobileid/issuer/card/cardsim"
)

func TestAPersonIsNotShown(t *testing.T) {
	p, _ := cardsim.PersonByID("nineteen", today())
	var out bytes.Buffer
	slog.New(slog.NewJSONHandler(&out, nil)).Info("person", "person", p, "card", fmt.Sprint(newCard(t, "nineteen", nil)))
	asJSON, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	for _, shown := range []string{out.String(), string(asJSON), fmt.Sprintf("%v %+v %#v %s %d", p, p, p, p, p)} {
		if !strings.Contains(shown, "person nineteen") {
			t.Errorf("shown as %s", shown)
		}
		for _, secret := range []string{p.Name, p.Address, p.Number, p.AttributePIN, p.SignaturePassword, p.PUK, p.BirthDate.String()} {
			if strings.Contains(shown, secret) {
				t.Errorf("%s shows too much", shown)
			}
		}
	}
}

// TestDocumentedSecrets holds the values that docs/testcard.md names.
func TestDocumentedSecrets(t *testing.T) {
	for _, p := range cardsim.People(today()) {
		q := p.WithTestSecrets()
		if q.AttributePIN != "1234" || q.AuthenticationPIN != "1234" || q.CommonPIN != "1234" || q.RegisterPIN != "1234" || q.SignaturePassword != "ABC123" ||
			q.PUK != "12345678" {
			t.Errorf("%v has other test secrets", p)
		}
		if q.Number != p.Number || q.NumberB() != p.NumberB() || q.Name != p.Name {
			t.Errorf("%v is somebody else", p)
		}
		if r := p.WithoutPINs(); r.AttributePIN+r.AuthenticationPIN+r.CommonPIN+r.RegisterPIN+r.SignaturePassword+r.PUK != "" || r.NumberB() != p.NumberB() {
			t.Errorf("%v without PINs has some", p)
		}
		if want := p.SecurityCode + fmt.Sprint(p.Expiry.Year)[2:]; p.ShortNumber() != want {
			t.Errorf("short number of %v: %s, want %s", p, p.ShortNumber(), want)
		}
	}
}

func TestFault(t *testing.T) {
	ask := []byte{0x00, 0xCA, 0x5F, 0x51, 0x00}
	f := &cardsim.Fault{Card: newCard(t, "nineteen", nil), After: 2}
	for range 2 {
		if out, err := f.Transmit(t.Context(), ask); err != nil || len(out) != 20 {
			t.Errorf("%d bytes, %v", len(out), err)
		}
	}
	if _, err := f.Transmit(t.Context(), ask); !errors.Is(err, cardsim.ErrPulled) {
		t.Errorf("pulled away: %v", err)
	}
	f.Answer = func(context.Context, []byte) ([]byte, error) { return []byte("garbage"), nil }
	if out, err := f.Transmit(t.Context(), ask); err != nil || string(out) != "garbage" || f.Exchanges() != 4 {
		t.Errorf("%q after %d exchanges, %v", out, f.Exchanges(), err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := newCard(t, "nineteen", nil).Transmit(ended, ask); !errors.Is(err, context.Canceled) {
		t.Errorf("after the end: %v", err)
	}
}

// TestAuthorityOfTheFirstVersion opens an authority from before it had a key for the Issuer Security Domain: that key is made anew, the
// roots that issuers have stay.
func TestAuthorityOfTheFirstVersion(t *testing.T) {
	w := fixture(t)
	saved, err := w.authority.Save()
	if err != nil {
		t.Fatal(err)
	}
	keys, last := bytes.Index(saved, []byte{0x85}), bytes.Index(saved, []byte("\x82\x14\x59"))
	if saved[1] != 2 || keys != 2 || last < 0 {
		t.Fatalf("version %d, keys at %d, last at %d", saved[1], keys, last)
	}
	size := int(saved[last+3])<<8 | int(saved[last+4])
	first := append([]byte{0x84, 0x01, 0x84}, saved[3:last]...)
	first = append(first, saved[last+5+size:]...)
	a, err := cardsim.ParseAuthority(first, cardsim.AuthorityConfig{Keys: cardsim.SharedKeys(w.keys...)})
	if err != nil {
		t.Fatal(err)
	}
	for id, key := range w.authority.MunicipalRoots() {
		if got := a.MunicipalRoots()[id]; got == nil || !got.Equal(key) {
			t.Errorf("%v is another", id)
		}
	}
	if _, key := a.DomainRoot(); key == nil {
		t.Error("no key of the security domain")
	}
	first[1] = 2
	if _, err := cardsim.ParseAuthority(first, cardsim.AuthorityConfig{}); !errors.Is(err, cardsim.ErrSaved) {
		t.Errorf("version 2 without that key: %v", err)
	}
	first[1] = 3
	if _, err := cardsim.ParseAuthority(first, cardsim.AuthorityConfig{}); !errors.Is(err, cardsim.ErrSaved) {
		t.Errorf("version 3: %v", err)
	}
}

func TestParseCardRefuses(t *testing.T) {
	raw, err := newCard(t, "nineteen", nil).Save()
	if err != nil {
		t.Fatal(err)
	}
	if raw[0] != 0x86 || raw[1] != 2 || raw[2] != 1 {
		t.Fatalf("begins % X", raw[:3])
	}
	next, err := nextCard(t).Save()
	if err != nil {
		t.Fatal(err)
	}
	changed := func(raw []byte, at int, to byte) []byte {
		b := bytes.Clone(raw)
		b[at] = to
		return b
	}
	for name, b := range map[string][]byte{
		"version 1": changed(raw, 1, 1), "generation 3": changed(raw, 2, 3), "generation 0": changed(raw, 2, 0),
		"files of another generation": changed(raw, 2, 2), "keys of another generation": changed(next, 2, 1),
		"a file of no application": bytes.Replace(raw, []byte("\x1A\x00\x01\x00\x02\x59"), []byte("\x1A\x00\x09\x00\x02\x59"), 1),
		"a broken key":             bytes.Replace(raw, []byte("\x1A\x00\x01\x00\x17\x59"), []byte("\x1A\x00\x01\x00\x16\x59"), 1),
	} {
		if k, err := cardsim.ParseCard(b); k != nil || !errors.Is(err, cardsim.ErrSaved) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
