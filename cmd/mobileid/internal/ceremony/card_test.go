package ceremony_test

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"mobileid/cmd/mobileid/internal/ceremony"
	"mobileid/issuer/card"
	"mobileid/issuer/card/cardsim"
)

var today = time.Date(2026, time.October, 15, 12, 0, 0, 0, card.Japan())

// makeCard makes a card in a new folder and gives what was printed.
func makeCard(t *testing.T, o ceremony.CardOptions) (dir, printed string) {
	t.Helper()
	o.Dir, o.Now = filepath.Join(t.TempDir(), "test card"), today
	var out bytes.Buffer
	if err := ceremony.NewCard(t.Context(), o, &out); err != nil {
		t.Fatal(err)
	}
	return o.Dir, out.String()
}

func roots(t *testing.T, path string) []*x509.Certificate {
	t.Helper()
	var list []*x509.Certificate
	for rest := read(t, path); len(rest) > 0; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			t.Fatal("no PEM")
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, c)
	}
	return list
}

// judge reads the card in a folder with secrets and has the reading checked against the roots in another.
func judge(t *testing.T, dir, authority string, secrets func(cardsim.Person) card.Secrets) {
	t.Helper()
	k, err := cardsim.OpenState(filepath.Join(dir, ceremony.CardState))
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := k.Close(); err != nil {
			t.Error(err)
		}
	}()
	o := card.Options{Challenge: make([]byte, 32), Binding: []byte("element")}
	r, err := card.Read(t.Context(), k, secrets(k.Person()), o)
	if err != nil {
		t.Fatal(err)
	}
	municipal, err := card.ParseMunicipalRoots(read(t, authority, "municipal-roots.pem"))
	if err != nil {
		t.Fatal(err)
	}
	id, v, err := card.Check(r, card.CheckConfig{SignatureRoots: roots(t, filepath.Join(authority, "signature-roots.pem")),
		AuthenticationRoots: roots(t, filepath.Join(authority, "authentication-roots.pem")), MunicipalRoots: municipal,
		Status:    func(_, _ *x509.Certificate) card.StatusAnswer { return card.StatusAnswer{State: card.StateInForce} },
		Challenge: o.Challenge, Binding: o.Binding, At: today})
	if err != nil || id == nil {
		t.Errorf("%v, %v", v, err)
	}
}

// documented are the test secrets of docs/testcard.md.
func documented(p cardsim.Person) card.Secrets {
	return card.Secrets{AttributePIN: "1234", SignaturePassword: "ABC123", NumberB: p.NumberB()}
}

func TestNewCard(t *testing.T) {
	dir, printed := makeCard(t, ceremony.CardOptions{Person: "substitute"})
	judge(t, dir, dir, documented)
	for name, mode := range map[string]fs.FileMode{
		".": 0o700, "card.state": 0o600, "authority.secret": 0o600, "signature-roots.pem": 0o644, "authentication-roots.pem": 0o644,
		"municipal-roots.pem": 0o644, "deny-list.pem": 0o644,
	} {
		if info, err := os.Stat(filepath.Join(dir, name)); err != nil || info.Mode().Perm() != mode {
			t.Errorf("%s: %v", name, err)
		}
	}
	p, _ := cardsim.PersonByID("substitute", today)
	for _, want := range []string{"PINs 1234", "signature password ABC123", "照合番号A " + p.Number, "照合番号B " + p.NumberB(), "signature-roots.pem", "municipal-roots.pem"} {
		if !strings.Contains(printed, want) {
			t.Errorf("%q is not printed", want)
		}
	}
	a, err := cardsim.ParseAuthority(read(t, dir, "authority.secret"), cardsim.AuthorityConfig{})
	if err != nil || !a.AuthenticationRoots()[0].Equal(roots(t, filepath.Join(dir, "authentication-roots.pem"))[0]) {
		t.Errorf("the authority is another, %v", err)
	}
}

func TestNewCardOfAFile(t *testing.T) {
	folder := t.TempDir()
	portrait := "\x00\x00\x00\x0CjP  \r\n\x87\n" + strings.Repeat("photo", 100)
	person := "id: taro\nname: 試験　次郎\naddress: 試験県\nbirth_date: 1980-02-17\nsex: male\nsecurity_code: 2285\nportrait: taro.jp2\n" +
		"pins:\n  attributes: 0123\n  signature: PASSWORD9\n"
	for name, text := range map[string]string{"taro.yaml": person, "taro.jp2": portrait, "bad.yaml": "name: A\nsecret: 12345\n"} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	authority, _ := hold(t)
	dir, printed := makeCard(t, ceremony.CardOptions{Person: filepath.Join(folder, "taro.yaml"), Authority: authority})
	judge(t, dir, filepath.Join(authority, "card"), func(p cardsim.Person) card.Secrets {
		return card.Secrets{AttributePIN: "0123", SignaturePassword: "PASSWORD9", NumberB: "550217" + "2035" + "2285"}
	})
	if strings.Contains(printed, "PASSWORD9") || strings.Contains(printed, "0123") || !strings.Contains(printed, "test card of taro") {
		t.Errorf("printed %q", printed)
	}
	if names, err := os.ReadDir(dir); err != nil || len(names) != 1 {
		t.Errorf("an authority was made beside the one that was named: %v, %v", names, err)
	}
	err := ceremony.NewCard(t.Context(), ceremony.CardOptions{Dir: filepath.Join(folder, "x"), Person: filepath.Join(folder, "bad.yaml"), Now: today}, new(bytes.Buffer))
	if !errors.Is(err, cardsim.ErrPerson) || !strings.Contains(err.Error(), `[2:1] unknown field "secret"`) || strings.Contains(err.Error(), "12345") {
		t.Errorf("error %v", err)
	}
}

func TestNewCardBySeed(t *testing.T) {
	one, _ := makeCard(t, ceremony.CardOptions{Person: "nineteen", Seed: "one"})
	again, _ := makeCard(t, ceremony.CardOptions{Person: "nineteen", Seed: "one"})
	for _, name := range []string{"card.state", "authority.secret"} {
		if !bytes.Equal(read(t, one, name), read(t, again, name)) {
			t.Errorf("%s differs for the same seed", name)
		}
	}
	judge(t, one, again, documented)
}

func TestNewCardOfTheNextGeneration(t *testing.T) {
	dir, printed := makeCard(t, ceremony.CardOptions{Person: "nineteen", Next: true})
	if list := roots(t, filepath.Join(dir, "next-roots.pem")); len(list) != 2 {
		t.Errorf("%d roots", len(list))
	}
	k, err := cardsim.OpenState(filepath.Join(dir, ceremony.CardState))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = k.Close() }() // nothing was changed
	if !strings.Contains(printed, "照合番号 "+k.Person().ShortNumber()) || !strings.Contains(printed, "PUK 12345678") {
		t.Errorf("printed %q", printed)
	}
}

func TestNewCardRefuses(t *testing.T) {
	folder := t.TempDir()
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	for name, tc := range map[string]struct {
		ctx  context.Context
		o    ceremony.CardOptions
		want error
	}{
		"nobody":              {t.Context(), ceremony.CardOptions{Person: "nobody"}, ceremony.ErrPerson},
		"seed and next":       {t.Context(), ceremony.CardOptions{Person: "nineteen", Next: true, Seed: "x"}, ceremony.ErrOptions},
		"authority and next":  {t.Context(), ceremony.CardOptions{Person: "nineteen", Next: true, Authority: "x"}, ceremony.ErrOptions},
		"no authority there":  {t.Context(), ceremony.CardOptions{Person: "nineteen", Authority: folder}, fs.ErrNotExist},
		"ended":               {ended, ceremony.CardOptions{Person: "nineteen"}, context.Canceled},
		"a folder for person": {t.Context(), ceremony.CardOptions{Person: folder}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			tc.o.Dir, tc.o.Now = filepath.Join(folder, "new"), today
			err := ceremony.NewCard(tc.ctx, tc.o, new(bytes.Buffer))
			if err == nil || tc.want != nil && !errors.Is(err, tc.want) {
				t.Errorf("error %v", err)
			}
			if _, err := os.Stat(tc.o.Dir); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("something was left: %v", err)
			}
		})
	}
	if err := ceremony.NewCard(t.Context(), ceremony.CardOptions{Dir: folder, Person: "nineteen", Now: today}, new(bytes.Buffer)); !errors.Is(err, fs.ErrExist) {
		t.Errorf("a folder that is there: %v", err)
	}
	if _, err := os.Stat(folder); err != nil {
		t.Errorf("it was removed: %v", err)
	}
}
