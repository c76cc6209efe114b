package issuer

import (
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"mobileid/issuer/card"
	"mobileid/issuer/store"
	"mobileid/mdoc/cbor"
	"mobileid/mdoc/doctype"
)

// person is an identity as a checked card gives it.
func person() *card.Identity {
	return &card.Identity{FullName: "番号　花子", Address: "見本県見本市１−２−３", LocalGovCode: "99201",
		BirthDate: cbor.FullDate{Year: 1971, Month: time.September, Day: 1}, Sex: card.SexFemale,
		Portrait:   []byte("\x00\x00\x00\x0cjP  \x0d\x0a\x87\x0a and so on"),
		CardExpiry: time.Date(2030, 9, 1, 14, 59, 59, 0, time.UTC), CertificateNotAfter: time.Date(2028, 9, 1, 14, 59, 59, 0, time.UTC)}
}

var noon = time.Date(2026, 11, 23, 3, 0, 0, 0, time.UTC)

// built gives the elements as "identifier" to encoded value.
func built(t *testing.T, id *card.Identity, at time.Time) map[string]string {
	t.Helper()
	list, err := Elements(doctype.MNC(), id, "試験 TEST", at)
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	for _, e := range list {
		if out[e.Identifier] = fmt.Sprintf("%x", []byte(e.Value)); e.NameSpace == "" {
			t.Error("element without a namespace")
		}
	}
	return out
}

// Values are given as CBOR written by hand (RFC 8949).
func TestElements(t *testing.T) {
	text := func(s string) string { return fmt.Sprintf("%x%x", 0x60+len(s), s) }
	longer := func(s string) string { return fmt.Sprintf("78%02x%x", len(s), s) }
	got := built(t, person(), noon)
	for id, want := range map[string]string{
		"full_name_unicode":         text("番号　花子"),
		"resident_address_unicode":  longer("見本県見本市１−２−３"),
		"local_gov_code_unicode":    text("99201"),
		"sex_unicode":               text("女"),
		"birth_date_unicode":        text("1971年9月1日"),
		"sex":                       "02",
		"birth_date":                "d903ec" + text("1971-09-01"),
		"age_over_40":               "f5",
		"age_over_60":               "f4",
		"family_name_unicode":       text("番号"),
		"given_name_unicode":        text("花子"),
		"expiry_date":               "d903ec" + text("2030-09-01"),
		"issue_date":                "d903ec" + text("2026-11-23"),
		"issuing_authority_unicode": text("試験 TEST"),
		"issuing_country":           text("JP"),
		"age_birth_year":            "1907b3",
	} {
		if got[id] != want {
			t.Errorf("%s is %s, expected %s", id, got[id], want)
		}
	}
	for _, id := range []string{"age_in_years", doctype.IndividualNumber} {
		if _, there := got[id]; there {
			t.Errorf("%s is there", id)
		}
	}
	if len(got) != 6+2+14+7 {
		t.Errorf("%d elements", len(got))
	}
}

func TestSexCodes(t *testing.T) {
	for code, want := range map[uint]string{0: "", 1: "63e794b7", 2: "63e5a5b3", 9: ""} {
		id := person()
		id.Sex = code
		got := built(t, id, noon)
		if got["sex_unicode"] != want || got["sex"] != fmt.Sprintf("%02x", code) {
			t.Errorf("code %d: sex %s, sex_unicode %s", code, got["sex"], got["sex_unicode"])
		}
	}
}

// The age is that of the calendar day in Japan, and turns on the birthday itself; 29 February is 1 March in a common year.
func TestAgeAtSigning(t *testing.T) {
	for _, tt := range []struct {
		name  string
		birth cbor.FullDate
		at    time.Time
		over  bool // 20
	}{
		{"last second before the day in Japan", cbor.FullDate{Year: 2006, Month: 11, Day: 24}, time.Date(2026, 11, 23, 14, 59, 59, 0, time.UTC), false},
		{"first second of the day in Japan", cbor.FullDate{Year: 2006, Month: 11, Day: 24}, time.Date(2026, 11, 23, 15, 0, 0, 0, time.UTC), true},
		{"29 February, on the 28th", cbor.FullDate{Year: 2004, Month: 2, Day: 29}, time.Date(2024, 2, 28, 3, 0, 0, 0, time.UTC), false},
		{"29 February, on the 29th", cbor.FullDate{Year: 2004, Month: 2, Day: 29}, time.Date(2024, 2, 29, 3, 0, 0, 0, time.UTC), true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			id := person()
			id.BirthDate = tt.birth
			if got := built(t, id, tt.at)["age_over_20"]; got != map[bool]string{true: "f5", false: "f4"}[tt.over] {
				t.Errorf("age_over_20 is %s", got)
			}
		})
	}
	id := person()
	id.BirthDate = cbor.FullDate{Year: 2008, Month: 2, Day: 29} // 21 in 2029, a common year
	if got := built(t, id, time.Date(2029, 2, 28, 3, 0, 0, 0, time.UTC))["age_over_21"]; got != "f4" {
		t.Error("over 21 on 28 February")
	}
	if got := built(t, id, time.Date(2029, 3, 1, 3, 0, 0, 0, time.UTC))["age_over_21"]; got != "f5" {
		t.Error("not over 21 on 1 March")
	}
}

func TestSplitName(t *testing.T) {
	for full, want := range map[string][2]string{"番号　花子": {"番号", "花子"}, "番号　花子　美": {"番号", "花子　美"}, "番号花子": {}, "　花子": {}, "番号　": {}, "SAMPLE MARIA": {}} {
		family, given, ok := splitName(full)
		if ok != (want[0] != "") || ok && (family != want[0] || given != want[1]) {
			t.Errorf("%d characters: split %v", len([]rune(full)), ok)
		}
	}
}

// What the table does not allow is refused, and the error names the element without its value.
func TestElementsRefused(t *testing.T) {
	for name, change := range map[string]func(*card.Identity){
		"full_name_unicode":      func(id *card.Identity) { id.FullName = "" },
		"portrait":               func(id *card.Identity) { id.Portrait = []byte("CANARY") },
		"sex":                    func(id *card.Identity) { id.Sex = 3 },
		"local_gov_code_unicode": func(id *card.Identity) { id.LocalGovCode = "CANARY" },
		doctype.IndividualNumber: func(id *card.Identity) { id.IndividualNumber = "123456789012" },
		"birth_date":             func(id *card.Identity) { id.BirthDate.Day = 0 },
	} {
		id := person()
		change(id)
		_, err := Elements(doctype.MNC(), id, "TEST", noon)
		if err == nil || !strings.Contains(err.Error(), name) || strings.Contains(err.Error(), "CANARY") || strings.Contains(err.Error(), "1234") {
			t.Errorf("%s: error %v", name, err)
		}
	}
}

func TestValidityFor(t *testing.T) {
	signer := &x509.Certificate{NotBefore: noon.AddDate(0, -1, 0), NotAfter: noon.AddDate(1, 0, 0)}
	hour := func(h int) time.Time { return noon.Truncate(time.Hour).Add(time.Duration(h) * time.Hour) }
	const month = 30 * 24
	now := noon.Add(25*time.Minute + 7*time.Second)
	tests := []struct {
		name   string
		change func(*card.Identity, *x509.Certificate)
		until  time.Time // zero: refused
		update bool
	}{
		{"a month", func(*card.Identity, *x509.Certificate) {}, hour(month), true},
		{"card ends", func(id *card.Identity, _ *x509.Certificate) { id.CardExpiry = hour(100).Add(59 * time.Minute) }, hour(100), false},
		{"certificate ends", func(id *card.Identity, _ *x509.Certificate) { id.CertificateNotAfter = hour(300) }, hour(300), true},
		{"signer ends", func(_ *card.Identity, c *x509.Certificate) { c.NotAfter = hour(5).Add(time.Second) }, hour(5), false},
		{"card ends within two hours", func(id *card.Identity, _ *x509.Certificate) { id.CardExpiry = now.Add(2 * time.Hour) }, time.Time{}, false},
		{"card has ended", func(id *card.Identity, _ *x509.Certificate) { id.CardExpiry = now.AddDate(0, 0, -1) }, time.Time{}, false},
		{"signer has ended", func(_ *card.Identity, c *x509.Certificate) { c.NotAfter = now.Add(-time.Second) }, time.Time{}, false},
		{"signer in the future", func(_ *card.Identity, c *x509.Certificate) { c.NotBefore = now.Add(time.Second) }, time.Time{}, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			id, c := person(), *signer
			tt.change(id, &c)
			v, err := validityFor(id, &c, month*time.Hour, now)
			if tt.until.IsZero() {
				if !errors.Is(err, ErrValidity) {
					t.Errorf("error %v, until %s", err, v.until)
				}
				return
			}
			if err != nil || !v.signed.Equal(hour(0)) || !v.until.Equal(tt.until) || v.update.IsZero() == tt.update {
				t.Errorf("error %v, %s to %s, update %s", err, v.signed, v.until, v.update)
			}
		})
	}
	young := &x509.Certificate{NotBefore: now.Add(-time.Minute), NotAfter: noon.AddDate(1, 0, 0)}
	if v, err := validityFor(person(), young, month*time.Hour, now); err != nil || !v.signed.Equal(young.NotBefore) {
		t.Errorf("first hour of a signer: error %v, signed %s", err, v.signed)
	}
}

func TestVault(t *testing.T) {
	v := newVault(2)
	order := func(id string, life time.Duration) store.Order {
		return store.Order{ID: id, Subject: "subject of " + id, Device: "device", Slot: 1, NotAfter: noon.Add(life)}
	}
	if err := errors.Join(v.keep(order("a", time.Minute), person(), noon), v.keep(order("b", time.Hour), person(), noon)); err != nil {
		t.Fatal(err)
	}
	if err := v.keep(order("c", time.Hour), person(), noon); !errors.Is(err, ErrBusy) || v.room(noon) {
		t.Errorf("error %v", err)
	}
	if v.find("a", noon) == nil || v.find("a", noon.Add(time.Minute)) != nil || v.find("x", noon) != nil {
		t.Error("found what it should not, or not what it should")
	}
	if !v.room(noon.Add(time.Minute)) { // a is over
		t.Error("an expired identity takes room")
	}
	v.drop("b")
	v.forget(noon.Add(time.Hour))
	if len(v.held) != 0 {
		t.Errorf("%d identities are left", len(v.held))
	}
}

// One person has one issuance of a kind at a time, but for the same place.
func TestVaultDuplicates(t *testing.T) {
	first := store.Order{ID: "first", Subject: "s", Device: "d", DocType: "t", Slot: 1, Purpose: 1, NotAfter: noon.Add(time.Hour)}
	for name, c := range map[string]struct {
		change  func(*store.Order)
		refused bool
	}{
		"another device":  {func(o *store.Order) { o.Device = "e" }, true},
		"another slot":    {func(o *store.Order) { o.Slot = 2 }, true},
		"the same place":  {func(*store.Order) {}, false},
		"another person":  {func(o *store.Order) { o.Subject, o.Device = "r", "e" }, false},
		"another purpose": {func(o *store.Order) { o.Purpose, o.Device = 2, "e" }, false},
		"another kind":    {func(o *store.Order) { o.DocType, o.Device = "u", "e" }, false},
	} {
		t.Run(name, func(t *testing.T) {
			v := newVault(2)
			if err := v.keep(first, person(), noon); err != nil {
				t.Fatal(err)
			}
			next := first
			next.ID = "next"
			c.change(&next)
			if err := v.keep(next, person(), noon); errors.Is(err, ErrDuplicate) != c.refused || (err == nil) == c.refused {
				t.Errorf("error %v", err)
			}
			if v.find("first", noon) == nil || (v.find("next", noon) == nil) != c.refused {
				t.Error("another one is held")
			}
		})
	}
	t.Run("released", func(t *testing.T) {
		v := newVault(2)
		if err := v.keep(first, person(), noon); err != nil {
			t.Fatal(err)
		}
		v.find("first", noon).identity = nil
		next := first
		next.ID, next.Device = "next", "e"
		if err := v.keep(next, person(), noon); err != nil {
			t.Fatal(err)
		}
		if v.find("first", noon) == nil {
			t.Error("what was released is forgotten")
		}
	})
	t.Run("being answered", func(t *testing.T) {
		v := newVault(2)
		if err := v.keep(first, person(), noon); err != nil {
			t.Fatal(err)
		}
		h := v.find("first", noon)
		h.mu.Lock()
		defer h.mu.Unlock()
		next := first
		next.ID, next.Device = "next", "e"
		if err := v.keep(next, person(), noon); !errors.Is(err, ErrDuplicate) {
			t.Errorf("error %v", err)
		}
	})
}

// Nothing that holds a person or a token shows it when formatted or logged.
func TestRedaction(t *testing.T) {
	id := person()
	id.FullName = "CANARY"
	for name, v := range map[string]any{"holding": &holding{identity: id, sealed: []byte("CANARY")}, "evidence": Evidence{Reading: []byte("CANARY")},
		"pointer to evidence": &Evidence{Reading: []byte("CANARY")}, "token": Token{"CANARY"}, "started": Started{Token: Token{"CANARY"}}} {
		var log strings.Builder
		slog.New(slog.NewTextHandler(&log, nil)).Info("x", "v", v)
		texts := []string{log.String()}
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
			texts = append(texts, fmt.Sprintf(verb, v))
		}
		if i := slices.IndexFunc(texts, func(s string) bool {
			return strings.Contains(s, "CANARY") || strings.Contains(s, "43414e415259") || strings.Contains(s, "67 65 78")
		}); i >= 0 {
			t.Errorf("%s: shown in form %d", name, i)
		}
	}
}

func TestPseudonyms(t *testing.T) {
	a, err := deriveSecrets(make([]byte, 32))
	if err != nil {
		t.Fatal(err)
	}
	b, err := deriveSecrets(slices.Repeat([]byte{1}, 32))
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, key := range [][]byte{a.subject, a.device, a.index, b.subject, b.device, b.index} {
		p := pseudonym(key, []byte("the same"))
		if seen[p] || len(p) != 64 {
			t.Error("two keys give one pseudonym")
		}
		seen[p] = true
	}
}
