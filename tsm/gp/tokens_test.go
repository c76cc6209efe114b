package gp_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"mobileid/mdoc/apdu"
	"mobileid/mdoc/mdoctest"
	"mobileid/tsm/gp"
)

type tokenVectors struct {
	Tokens []struct {
		What, P1, P2 string
		SD           string `json:"sd_aid"`
		App          string `json:"app_aid"`
		AIDs         []string
		Input        string
	} `json:"token_input"`
	Receipts []struct {
		What, Key string
		Counter   string `json:"confirmation_counter"`
		CardData  string `json:"card_unique_data"`
		AIDs      []string
		Input     string `json:"mac_input"`
		Receipt   string
		Response  string `json:"response_data"`
	}
}

func readTokens(tb testing.TB) tokenVectors {
	tb.Helper()
	var v tokenVectors
	mdoctest.ReadJSON(tb, "scp03/tokens-receipts.json", &v)
	if len(v.Tokens) != 2 || len(v.Receipts) != 3 {
		tb.Fatalf("tokens-receipts.json holds %d tokens and %d receipts", len(v.Tokens), len(v.Receipts))
	}
	return v
}

// What a token signs does not change when the token is put in.
func TestTokenInputs(t *testing.T) {
	key := mdoctest.Hex(t, "c0ffee00112233445566778899aabbcd")
	for _, v := range readTokens(t).Tokens {
		t.Run(v.What, func(t *testing.T) {
			var plain, signed apdu.Command
			token := func(c apdu.Command) []byte {
				mac, err := gp.TokenMAC(key, c)
				if err != nil {
					t.Fatal(err)
				}
				return mac[:]
			}
			switch v.What {
			case "extradition":
				e := gp.Extradite{Domain: gp.AID(mdoctest.Hex(t, v.SD)), Application: gp.AID(mdoctest.Hex(t, v.App))}
				plain = must(t)(e.Command())
				e.Token = token(plain)
				signed = must(t)(e.Command())
			case "delete":
				plain = apdu.Command{INS: 0xE4, P2: 0x80}
				for _, a := range v.AIDs {
					plain.Data = apdu.AppendTLV(plain.Data, 0x4F, mdoctest.Hex(t, a))
				}
				signed = plain
				signed.Data = apdu.AppendTLV(plain.Data, 0x9E, token(plain))
			default:
				t.Fatalf("what is %q", v.What)
			}
			if got := fmt.Sprintf("%02x %02x", plain.P1, plain.P2); got != v.P1+" "+v.P2 {
				t.Errorf("P1 P2 %s", got)
			}
			for _, c := range []apdu.Command{plain, signed} {
				if got, err := gp.TokenInput(c); err != nil || fmt.Sprintf("%x", got) != v.Input {
					t.Errorf("signs %x, %v; want %s", got, err, v.Input)
				}
			}
			if err := gp.VerifyToken(key, signed, token(plain)); err != nil {
				t.Error(err)
			}
			for _, bad := range [][]byte{nil, make([]byte, 16)} {
				if err := gp.VerifyToken(key, signed, bad); !errors.Is(err, gp.ErrToken) {
					t.Error(err)
				}
			}
		})
	}
}

func TestTokenInputRefuses(t *testing.T) {
	for _, c := range []apdu.Command{{INS: 0xE2}, {INS: 0xE6, Data: []byte{5}}, {INS: 0xE4, Data: []byte{0x4F, 5}}} {
		if _, err := gp.TokenInput(c); err == nil {
			t.Errorf("%v takes a token", c)
		}
		if err := gp.VerifyToken(make([]byte, 16), c, nil); err == nil {
			t.Errorf("%v verified", c)
		}
	}
	if err := gp.VerifyToken([]byte{1}, apdu.Command{INS: 0xE4}, nil); err == nil {
		t.Error("a key of one byte verified")
	}
}

func TestReceipts(t *testing.T) {
	for _, v := range readTokens(t).Receipts {
		t.Run(v.What, func(t *testing.T) {
			key, counter, cardData := mdoctest.Hex(t, v.Key), mdoctest.Hex(t, v.Counter), mdoctest.Hex(t, v.CardData)
			if n, ok := map[string]int{"delete": 1, "load": 2, "install": 2}[v.What]; !ok || n != len(v.AIDs) {
				t.Errorf("%s with %d AIDs", v.What, len(v.AIDs))
			}
			var aids []gp.AID
			for _, a := range v.AIDs {
				aids = append(aids, gp.AID(mdoctest.Hex(t, a)))
			}
			r, err := gp.NewReceipt(key, uint16(counter[0])<<8|uint16(counter[1]), cardData, aids...)
			if err != nil || fmt.Sprintf("%x", r.MAC) != v.Receipt || fmt.Sprintf("%x", r.Input(aids...)) != v.Input || fmt.Sprintf("%x", r.Bytes()) != v.Response {
				t.Errorf("made %x over %x: %x, %v", r.MAC, r.Input(aids...), r.Bytes(), err)
			}
			// With and without the length in front.
			for _, answer := range [][]byte{mdoctest.Hex(t, v.Response), mdoctest.Hex(t, v.Response)[1:]} {
				got, err := gp.ParseConfirmation(answer)
				if err != nil {
					t.Fatal(err)
				}
				if d := cmp.Diff(r, *got); d != "" {
					t.Error(d)
				}
				if n, ok := got.Number(); !ok || n != 1 {
					t.Errorf("number %d, %v", n, ok)
				}
				if err := got.Verify(key, aids...); err != nil {
					t.Error(err)
				}
				if err := got.Verify(key, aids[0]+"\x01"); !errors.Is(err, gp.ErrReceipt) {
					t.Errorf("another object: %v", err)
				}
				got.Counter = []byte{0, 2}
				if err := got.Verify(key, aids...); !errors.Is(err, gp.ErrReceipt) {
					t.Errorf("another counter: %v", err)
				}
			}
		})
	}
}
