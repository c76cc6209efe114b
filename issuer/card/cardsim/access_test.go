package cardsim_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"mobileid/issuer/card/cardsim"
)

// secretsOf are all ways to present something: the application, and VERIFY by short identifier.
func secretsOf(k *cardsim.Card) map[string]string {
	p := k.Person()
	birth := p.NumberB()[:6]
	return map[string]string{
		"auth":      selectJPKI + "|00200098" + ascii(p.AuthenticationPIN),
		"password":  selectJPKI + "|0020009B" + ascii(p.SignaturePassword),
		"PIN":       selectAttributes + "|00200091" + ascii(p.AttributePIN),
		"A in 補助AP": selectAttributes + "|00200094" + ascii(p.Number),
		"B in 補助AP": selectAttributes + "|00200095" + ascii(p.NumberB()),
		"birth":     selectFace + "|00200091" + ascii(birth),
		"B in 券面AP": selectFace + "|00200092" + ascii(p.NumberB()),
		"A in 券面AP": selectFace + "|00200093" + ascii(p.Number),
		"common":    selectCommon + "|0020009C" + ascii(p.CommonPIN),
		"register":  selectRegister + "|0020009C" + ascii(p.RegisterPIN),
	}
}

// accessRule is a row of the tables: what opens a file or lets a key be used. "free" is nothing, "never" is nothing at all.
type accessRule struct {
	application, ef, use string
	opened               string // secrets, separated by a comma
}

// accessRules are the tables of what is known about the card, written down independent of the model: the data by application, the keys, and
// the files that nobody reads.
var accessRules = []accessRule{
	{selectJPKI, "01", "read", "password"}, // signature certificate
	{selectJPKI, "02", "read", "free"},     // its CA
	{selectJPKI, "06", "read", "free"},     // token information
	{selectJPKI, "08", "read", "free"},
	{selectJPKI, "0A", "read", "free"}, // user authentication certificate
	{selectJPKI, "0B", "read", "free"}, // its CA
	{selectJPKI, "16", "read", "never"},
	{selectJPKI, "17", "read", "never"},
	{selectJPKI, "17", "sign", "auth"},
	{selectJPKI, "18", "read", "never"},
	{selectJPKI, "1A", "read", "never"},
	{selectJPKI, "1A", "sign", "password"},
	{selectJPKI, "1B", "read", "never"},

	{selectAttributes, "01", "read", "PIN,A in 補助AP"},
	{selectAttributes, "02", "read", "PIN,B in 補助AP"},
	{selectAttributes, "03", "read", "PIN,A in 補助AP"},
	{selectAttributes, "04", "read", "free"},
	{selectAttributes, "05", "read", "free"},
	{selectAttributes, "06", "read", "PIN,A in 補助AP,B in 補助AP"},
	{selectAttributes, "07", "read", "PIN,A in 補助AP,B in 補助AP"},
	{selectAttributes, "08", "read", "free"},
	{selectAttributes, "10", "read", "never"},
	{selectAttributes, "11", "read", "never"},
	{selectAttributes, "12", "read", "never"},
	{selectAttributes, "13", "read", "never"},
	{selectAttributes, "13", "sign", "free"},
	{selectAttributes, "14", "read", "never"},
	{selectAttributes, "15", "read", "never"},
	{selectAttributes, "1C", "read", "never"},
	{selectAttributes, "1E", "read", "never"},

	{selectFace, "01", "read", "birth"},
	{selectFace, "02", "read", "A in 券面AP,B in 券面AP"},
	{selectFace, "03", "read", "free"},
	{selectFace, "04", "read", "free"},
	{selectFace, "05", "read", "A in 券面AP"},
	{selectFace, "06", "read", "free"},
	{selectFace, "11", "read", "never"},
	{selectFace, "12", "read", "never"},
	{selectFace, "13", "read", "never"},
	{selectFace, "1A", "read", "never"},
	{selectFace, "1A", "sign", "free"},
	{selectFace, "1C", "read", "never"},
	{selectFace, "1E", "read", "never"},

	{selectCommon, "01", "record", "free"},
	{selectCommon, "02", "record", "free"},
	{selectCommon, "19", "read", "never"},
	{selectCommon, "19", "sign", "never"},
	{selectCommon, "19", "authenticate", "free"},
	{selectCommon, "1C", "read", "never"},
	{selectRegister, "02", "record", "free"},
	{selectRegister, "1C", "read", "never"},
}

// command uses the file by its short identifier.
func (r accessRule) command() string {
	var id byte
	if _, err := fmt.Sscanf(r.ef, "%X", &id); err != nil {
		panic(err)
	}
	switch r.use {
	case "record":
		return fmt.Sprintf("00B201%02X00", id<<3|4)
	case "sign":
		return fmt.Sprintf("802A00%02X 01 55 00", 0x80|id)
	case "authenticate":
		return fmt.Sprintf("008800%02X 01 55 00", 0x80|id)
	default:
		return fmt.Sprintf("00B0%02X0000", 0x80|id)
	}
}

func (r accessRule) want(presented string) string {
	switch {
	case r.opened == "free", slices.Contains(strings.Split(r.opened, ","), presented):
		return "9000"
	case r.opened == "never" && r.use == "sign":
		return "6985"
	case r.opened == "never":
		return "6981"
	default:
		return "6982"
	}
}

// TestAccessRules tries every file with nothing and with every secret alone.
func TestAccessRules(t *testing.T) {
	k := newCard(t, "foreigner", nil)
	secrets := secretsOf(k)
	for _, r := range accessRules {
		k.Unpower()
		talk(t, k, r.application+" > 9000\n"+r.command()+" > "+r.want(""))
		for _, name := range slices.Sorted(maps.Keys(secrets)) {
			k.Unpower()
			sel, verify, _ := strings.Cut(secrets[name], "|")
			talk(t, k, sel+" > 9000\n"+verify+" > 9000")
			if sel != r.application {
				talk(t, k, r.application+" > 9000")
			}
			if _, sw := send(t, k, r.command()); sw != r.want(name) {
				t.Errorf("%s of %s %s after %s: %s, want %s", r.use, r.application[12:], r.ef, name, sw, r.want(name))
			}
		}
	}
}

// TestNoOtherFiles selects every identifier: what the tables do not name is not there.
func TestNoOtherFiles(t *testing.T) {
	known := map[string]bool{}
	for _, r := range accessRules {
		known[r.application+r.ef] = true
	}
	k := newCard(t, "nineteen", nil)
	for _, sel := range []string{selectJPKI, selectAttributes, selectFace, selectCommon, selectRegister} {
		talk(t, k, sel+" > 9000")
		for id := range 0x10000 {
			want := "6A82"
			if id < 0x100 && known[sel+fmt.Sprintf("%02X", id)] {
				want = "9000"
			}
			out, err := k.Transmit(t.Context(), []byte{0, 0xA4, 2, 0x0C, 2, byte(id >> 8), byte(id)})
			if got := fmt.Sprintf("%X", out); err != nil || got != want {
				t.Errorf("%s %04X: %s %v, want %s", sel[12:], id, got, err, want)
			}
		}
	}
}

func TestAnEmptySecretIsBlocked(t *testing.T) {
	k := newCard(t, "nineteen", func(p *cardsim.Person, _ *cardsim.Draft) { *p = p.WithoutPINs() })
	p := k.Person()
	talk(t, k, selectJPKI+` > 9000
		00200098 > 63C0
		00200098 04 31323334 > 6984
		0020009B > 63C0
		0020009B 06 414243313233 > 6984
		00B08A0000 > 9000                      certificates are free
		`+selectAttributes+` > 9000
		00200091 > 63C0
		00200091 04 31323334 > 6984
		00200095 `+ascii(p.NumberB())+` > 9000  what is printed still opens
		00B0820000 > 9000
		`+selectCommon+` > 9000
		0020009C > 63C0
		`+selectRegister+` > 9000
		0020009C > 63C0
		`+selectFace+` > 9000
		00200092 `+ascii(p.NumberB())+` > 9000
		00B0820000 > 9000`)
}
