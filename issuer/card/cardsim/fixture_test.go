package cardsim_test

import (
	"crypto/rsa"
	"encoding/hex"
	"strings"
	"sync"
	"testing"
	"time"

	"mobileid/issuer/card"
	"mobileid/issuer/card/cardsim"
	"mobileid/mdoc/apdu"
)

func today() time.Time { return time.Date(2026, time.October, 15, 12, 0, 0, 0, card.Japan()) }

type world struct {
	authority *cardsim.Authority
	keys      []*rsa.PrivateKey
}

var theWorld = sync.OnceValues(func() (*world, error) {
	keys, err := cardsim.MakeKeys(4, cardsim.NewKeys(nil))
	if err != nil {
		return nil, err
	}
	a, err := cardsim.NewAuthority(cardsim.AuthorityConfig{Now: today})
	return &world{a, keys}, err
})

func fixture(t testing.TB) *world {
	t.Helper()
	w, err := theWorld()
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// newCard makes a card for one of the people; alter may be nil.
func newCard(t testing.TB, id string, alter func(*cardsim.Person, *cardsim.Draft)) *cardsim.Card {
	t.Helper()
	w := fixture(t)
	p, ok := cardsim.PersonByID(id, today())
	if !ok {
		t.Fatalf("no person %q", id)
	}
	o := cardsim.Options{Keys: cardsim.SharedKeys(w.keys...)}
	if alter != nil {
		alter(&p, &cardsim.Draft{})
		o.Alter = func(d *cardsim.Draft) { alter(&cardsim.Person{}, d) }
	}
	k, err := cardsim.New(p, w.authority, o)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// send transmits a command in hex, spaces allowed, and gives data and status word in hex.
func send(t testing.TB, k *cardsim.Card, command string) (data, sw string) {
	t.Helper()
	raw, err := hex.DecodeString(strings.ReplaceAll(command, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	out, err := k.Transmit(t.Context(), raw)
	if err != nil {
		t.Fatal(err)
	}
	r, err := apdu.ParseResponse(out)
	if err != nil {
		t.Fatalf("%s: %v", command, err)
	}
	return hex.EncodeToString(r.Data), strings.ToUpper(hex.EncodeToString(out[len(out)-2:]))
}

// talk is a list of commands with the status word each must get; a line is "command > word".
func talk(t *testing.T, k *cardsim.Card, lines string) {
	t.Helper()
	for _, line := range strings.Split(strings.TrimSpace(lines), "\n") {
		command, want, ok := strings.Cut(strings.TrimSpace(line), " > ")
		if !ok {
			t.Fatalf("no status word in %q", line)
		}
		want, _, _ = strings.Cut(want, " ")
		if _, sw := send(t, k, command); sw != want {
			t.Errorf("%s: %s, want %s", command, sw, want)
		}
	}
}

// Selection of the applications, byte for byte.
const (
	selectJPKI       = "00A4040C0A D392F000260100000001"
	selectAttributes = "00A4040C0A D3921000310001010408"
	selectFace       = "00A4040C0A D3921000310001010402"
	selectCommon     = "00A4040C0A D3921000310001010100"
	selectRegister   = "00A4040C0A D3921000310001010401"
	selectDomain     = "00A4040C07 A0000001510000"
)

func ascii(s string) string {
	return hex.EncodeToString([]byte{byte(len(s))}) + hex.EncodeToString([]byte(s))
}
