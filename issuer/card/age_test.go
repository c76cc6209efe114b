package card_test

import (
	"testing"
	"time"

	"mobileid/issuer/card"
	"mobileid/mdoc/cbor"
)

func day(t testing.TB, s string) cbor.FullDate {
	t.Helper()
	d, err := cbor.ParseFullDate(s)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestAgeInJapan(t *testing.T) {
	for _, tc := range []struct {
		name, birth, at string
		age             int
	}{
		{"the second before the birthday", "2006-10-15", "2026-10-14T14:59:59Z", 19},
		{"the birthday begins in Japan", "2006-10-15", "2026-10-14T15:00:00Z", 20},
		{"the birthday ends in Japan", "2006-10-15", "2027-10-14T14:59:59Z", 20},
		{"a server far west is on the day before", "2006-10-15", "2026-10-14T08:00:00-07:00", 20},
		{"29 February, a leap year's birthday", "2004-02-29", "2024-02-28T15:00:00Z", 20},
		{"29 February, the second before", "2004-02-29", "2024-02-28T14:59:59Z", 19},
		{"29 February, 28 February of a common year", "2004-02-29", "2025-02-28T14:59:59Z", 20},
		{"29 February, 1 March of a common year", "2004-02-29", "2025-02-28T15:00:00Z", 21},
		{"1 March is not touched by it", "2004-03-01", "2025-02-28T14:59:59Z", 20},
		{"new year's child", "2000-01-01", "2019-12-31T15:00:00Z", 20},
		{"last day of the year", "2000-12-31", "2020-12-30T14:59:59Z", 19},
		{"after 2038", "2018-02-01", "2038-02-01T00:00:00+09:00", 20},
		{"not born yet", "2027-01-01", "2026-10-15T00:00:00Z", -1},
	} {
		t.Run(tc.name, func(t *testing.T) {
			at, err := time.Parse(time.RFC3339, tc.at)
			if err != nil {
				t.Fatal(err)
			}
			birth := day(t, tc.birth)
			if got := card.AgeAt(birth, at); got != tc.age {
				t.Errorf("age %d, want %d", got, tc.age)
			}
			for nn := 0; nn <= 120; nn++ {
				if got := card.AgeOver(birth, nn, at); got != (nn <= tc.age) {
					t.Errorf("age over %d is %v at the age of %d", nn, got, tc.age)
				}
			}
			next := card.NextBirthday(birth, at)
			if card.AgeAt(birth, next) != tc.age+1 || card.AgeAt(birth, next.Add(-time.Second)) != tc.age {
				t.Errorf("next birthday %v", next)
			}
		})
	}
}

func TestEndsOfValidity(t *testing.T) {
	for _, tc := range []struct {
		name, birth, issued string
		n                   int
		want                string // UTC
	}{
		// A real certificate: issued 2019-07-25, birthday 2 May, notAfter 240502145959Z.
		{"published certificate", "1990-05-02", "2019-07-25", 5, "2024-05-02T14:59:59Z"},
		{"issued the day before the birthday", "1990-05-02", "2020-05-01", 5, "2024-05-02T14:59:59Z"},
		{"issued on the birthday: it does not count", "1990-05-02", "2020-05-02", 5, "2025-05-02T14:59:59Z"},
		{"issued the day after", "1990-05-02", "2020-05-03", 5, "2025-05-02T14:59:59Z"},
		{"29 February in a common year", "2004-02-29", "2022-03-10", 5, "2027-02-28T14:59:59Z"},
		{"29 February in a leap year", "2004-02-29", "2023-03-10", 5, "2028-02-29T14:59:59Z"},
		{"card of an adult", "1980-02-17", "2025-02-17", 10, "2035-02-17T14:59:59Z"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			end := card.EndOfDay(card.BirthdayAfter(day(t, tc.birth), day(t, tc.issued), tc.n))
			if got := end.UTC().Format(time.RFC3339); got != tc.want {
				t.Errorf("ends %s, want %s", got, tc.want)
			}
		})
	}
}

func TestEras(t *testing.T) {
	for _, tc := range []struct {
		date      string
		era, year int
	}{
		{"1868-01-24", 0, 0}, {"1868-01-25", 1, 1},
		{"1912-07-29", 1, 45}, {"1912-07-30", 2, 1},
		{"1926-12-24", 2, 15}, {"1926-12-25", 3, 1},
		{"1980-02-17", 3, 55},
		{"1989-01-07", 3, 64}, {"1989-01-08", 4, 1},
		{"2019-04-30", 4, 31}, {"2019-05-01", 5, 1},
		{"2026-10-15", 5, 8},
	} {
		if era, year := card.Era(day(t, tc.date)); era != tc.era || year != tc.year {
			t.Errorf("%s is year %d of era %d, want %d of %d", tc.date, year, era, tc.year, tc.era)
		}
	}
}

func TestNumberCheckDigits(t *testing.T) {
	for _, valid := range []string{"537686677188", "123456789018"} { // of the published test card, and the common example
		if !card.ValidNumber(valid) {
			t.Errorf("%s is refused", valid)
		}
		for i := range valid {
			for d := byte('0'); d <= '9'; d++ {
				b := []byte(valid)
				if b[i] == d {
					continue
				}
				b[i] = d
				if i == 11 && card.ValidNumber(string(b)) {
					t.Errorf("a second check digit for %s", valid)
				}
			}
		}
	}
	for _, invalid := range []string{"", "53768667718", "5376866771880", "53768667718x", "５３７６", "537686677189"} {
		if card.ValidNumber(invalid) {
			t.Errorf("%q is taken", invalid)
		}
	}
	// Check digits as printed in the list of municipality codes: Sapporo 011002, Chiyoda 131016, Kiyose 132217, Naha 472018.
	for code, want := range map[string]byte{"01100": '2', "13101": '6', "13221": '7', "47201": '8'} {
		if got, ok := card.MunicipalityCheckDigit(code); !ok || got != want {
			t.Errorf("municipality %s: check digit %c", code, got)
		}
	}
	if _, ok := card.MunicipalityCheckDigit("1310"); ok {
		t.Error("four digits are taken")
	}
}
