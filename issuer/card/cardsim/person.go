package cardsim

import (
	"fmt"
	"io"
	"log/slog"
	"slices"
	"time"

	"mobileid/issuer/card"
	"mobileid/mdoc/cbor"
)

// A Person is a fictitious holder: what is on the card, and the secrets. Formatting one gives the ID alone.
type Person struct {
	// ID is short and stable: nineteen, birthday, leapday, substitute, foreigner.
	ID string
	// Name and Address as text; the flags have one 0 or 1 per character, 1 for a substitute character.
	Name, NameFlags       string
	Address, AddressFlags string
	// Sex is the card's code, 1 or 2.
	Sex       string
	BirthDate cbor.FullDate
	// Foreign residents have Gregorian years on the card and in 照合番号B.
	Foreign bool
	// Municipality is the 5-digit code; Prefecture and City are its names in romaji.
	Municipality, Prefecture, City string
	// Issued is the day of issue of card and certificates, Expiry the last day of the card.
	Issued, Expiry cbor.FullDate
	// Number is the individual number, SecurityCode the four digits printed beside the photo.
	Number, SecurityCode string
	// The secrets the holder chose. One that is empty is not set: it answers as a blocked one.
	AttributePIN, AuthenticationPIN, SignaturePassword string
	// The secrets of 共通カードAP and 住基AP, chosen together as one 個人番号カード用 PIN.
	CommonPIN, RegisterPIN string
	// PUK unblocks the PIN of a card of the next generation; the current one has none.
	PUK string
	// Portrait is JP2; empty is a drawing of nobody. A saved card keeps it in its files alone.
	Portrait []byte
}

// The documented test secrets. 照合番号A is the individual number and 照合番号B is NumberB.
const (
	TestPIN      = "1234"
	TestPassword = "ABC123"
	TestPUK      = "12345678"
)

// WithTestSecrets is the person with the documented test secrets in the place of all chosen ones.
func (p Person) WithTestSecrets() Person {
	p.AttributePIN, p.AuthenticationPIN, p.CommonPIN, p.RegisterPIN = TestPIN, TestPIN, TestPIN, TestPIN
	p.SignaturePassword, p.PUK = TestPassword, TestPUK
	return p
}

// WithoutPINs is the person with a card that is used by the face alone (顔認証マイナンバーカード): no secret is chosen, the ones computed
// from the print remain.
func (p Person) WithoutPINs() Person {
	p.AttributePIN, p.AuthenticationPIN, p.CommonPIN, p.RegisterPIN, p.SignaturePassword, p.PUK = "", "", "", "", "", ""
	return p
}

// Format writes the ID for every verb.
func (p Person) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "person "+p.ID) }

// LogValue is the ID.
func (p Person) LogValue() slog.Value { return slog.StringValue("person " + p.ID) }

// MarshalText is the ID.
func (p Person) MarshalText() ([]byte, error) { return []byte("person " + p.ID), nil }

// Secrets are what this holder knows or reads off the card, as a wallet asks for it.
func (p Person) Secrets() card.Secrets {
	return card.Secrets{AttributePIN: p.AttributePIN, SignaturePassword: p.SignaturePassword, NumberB: p.NumberB()}
}

// NumberB is the 照合番号B: year of birth as printed (era year, for foreign residents the Gregorian one) in two digits, month, day,
// four-digit year of expiry, security code.
func (p Person) NumberB() string {
	return p.birthKey() + fmt.Sprintf("%04d", p.Expiry.Year) + p.SecurityCode
}

// birthKey is the birth date as printed, the key of the age record.
func (p Person) birthKey() string {
	year := p.BirthDate.Year
	if !p.Foreign {
		_, year = card.Era(p.BirthDate)
	}
	return fmt.Sprintf("%02d%02d%02d", year%100, int(p.BirthDate.Month), p.BirthDate.Day)
}

// PersonByID finds one of People.
func PersonByID(id string, today time.Time) (Person, bool) {
	people := People(today)
	i := slices.IndexFunc(people, func(p Person) bool { return p.ID == id })
	if i < 0 {
		return Person{}, false
	}
	return people[i], true
}

// The invented municipality: no prefecture has the number 99.
const (
	municipality = "99201"
	prefecture   = "Shiken-ken"
	city         = "Mihon-shi"
)

// People are the five holders as they are on the day of the instant in Japan: nineteen is 19 years old, birthday has the 20th
// birthday on that very day, leapday was born on a 29 February at least 20 years before, substitute has a substitute
// character in the name, foreigner is a foreign resident whose card ends with the period of stay.
func People(today time.Time) []Person {
	day := card.DayInJapan(today)
	leap := day.Year - 20
	for !isLeap(leap) {
		leap--
	}
	people := []Person{
		{
			ID: "nineteen", Name: "試験　太郎", NameFlags: "00000", Sex: "1", BirthDate: shift(day, -19, -6, 0),
			Address: "試験県見本市架空町一丁目１９番地", Number: number("90000000019"), SecurityCode: "1901",
			AttributePIN: "1902", AuthenticationPIN: "1903", SignaturePassword: "NINETEEN19",
		},
		{
			ID: "birthday", Name: "試験　花子", NameFlags: "00000", Sex: "2", BirthDate: shift(day, -20, 0, 0),
			Address: "試験県見本市架空町二丁目２０番地", Number: number("90000000020"), SecurityCode: "2001",
			AttributePIN: "2002", AuthenticationPIN: "2003", SignaturePassword: "BIRTHDAY20",
		},
		{
			ID: "leapday", Name: "見本　閏子", NameFlags: "00000", Sex: "2", BirthDate: cbor.FullDate{Year: leap, Month: time.February, Day: 29},
			Address: "試験県見本市架空町三丁目２９番地", Number: number("90000000029"), SecurityCode: "2901",
			AttributePIN: "2902", AuthenticationPIN: "2903", SignaturePassword: "LEAPDAY29",
		},
		{
			ID: "substitute", Name: "見本　高夫", NameFlags: "00010", Sex: "1", BirthDate: shift(day, -45, -2, 3),
			Address: "試験県見本市架空町四丁目４５番地", Number: number("90000000045"), SecurityCode: "4501",
			AttributePIN: "4502", AuthenticationPIN: "4503", SignaturePassword: "SUBST45",
		},
		{
			ID: "foreigner", Name: "SAMPLE MARIA TEST", NameFlags: "00000000000000000", Sex: "2", BirthDate: shift(day, -33, 1, 1),
			Address: "試験県見本市架空町五丁目３３番地　見本荘１０１", Number: number("90000000033"), SecurityCode: "3301", Foreign: true,
			AttributePIN: "3302", AuthenticationPIN: "3303", SignaturePassword: "FOREIGN33",
		},
	}
	for i := range people {
		p := &people[i]
		p.settle(day)
		p.CommonPIN, p.RegisterPIN, p.PUK = TestPIN, TestPIN, TestPUK
	}
	return people
}

// settle fills in what is computed: a card issued a year ago, valid to the 10th birthday, the 5th for those under 18 at issue.
func (p *Person) settle(day cbor.FullDate) {
	p.Municipality, p.Prefecture, p.City = municipality, prefecture, city
	p.AddressFlags = ""
	for range p.Address {
		p.AddressFlags += "0"
	}
	p.Issued = shift(day, -1, 0, 0)
	p.Expiry = expiryOf(*p, day)
}

// expiryOf is the 10th birthday after the issue, the 5th for those under 18; a foreign resident's card ends with the period of stay.
func expiryOf(p Person, day cbor.FullDate) cbor.FullDate {
	if p.Foreign {
		return shift(day, 2, 3, 0)
	}
	birthdays := 10
	if !card.AgeOver(p.BirthDate, 18, card.StartOfDay(p.Issued)) {
		birthdays = 5
	}
	return card.BirthdayAfter(p.BirthDate, p.Issued, birthdays)
}

func number(first11 string) string {
	check, _ := card.NumberCheckDigit(first11)
	return first11 + string(rune(check))
}

func isLeap(year int) bool {
	return time.Date(year, time.February, 29, 0, 0, 0, 0, time.UTC).Day() == 29
}

func shift(d cbor.FullDate, years, months, days int) cbor.FullDate {
	y, m, dd := time.Date(d.Year+years, d.Month+time.Month(months), d.Day+days, 0, 0, 0, 0, time.UTC).Date()
	return cbor.FullDate{Year: y, Month: m, Day: dd}
}
