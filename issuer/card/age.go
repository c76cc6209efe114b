package card

import (
	"time"

	"mobileid/mdoc/cbor"
)

// Japan is the zone of every date of the card: UTC+9, without summer time since 1952.
func Japan() *time.Location { return time.FixedZone("JST", 9*60*60) }

// DayInJapan is the calendar day in Japan at the instant.
func DayInJapan(at time.Time) cbor.FullDate {
	y, m, d := at.In(Japan()).Date()
	return cbor.FullDate{Year: y, Month: m, Day: d}
}

// EndOfDay is 23:59:59 Japan time of the day: the last second of a validity that is given as a date.
func EndOfDay(d cbor.FullDate) time.Time {
	return time.Date(d.Year, d.Month, d.Day, 23, 59, 59, 0, Japan())
}

// StartOfDay is 00:00:00 Japan time of the day.
func StartOfDay(d cbor.FullDate) time.Time {
	return time.Date(d.Year, d.Month, d.Day, 0, 0, 0, 0, Japan())
}

// AgeOver reports whether a person born on birth is nn years old or older at the instant: from 00:00 Japan time of the
// birthday itself on, and from 1 March in a common year for the birthday of 29 February. The law of 1902 counts the age
// from the end of the day before; for a shop the later day is the safe one.
func AgeOver(birth cbor.FullDate, nn int, at time.Time) bool {
	return !at.Before(reaches(birth, nn))
}

// AgeAt is the age in whole years by the rule of AgeOver, negative before the birth.
func AgeAt(birth cbor.FullDate, at time.Time) int {
	age := DayInJapan(at).Year - birth.Year
	if at.Before(reaches(birth, age)) {
		age--
	}
	return age
}

// NextBirthday is 00:00 Japan time of the day on which the age of AgeAt next changes: the end of anything that states it.
func NextBirthday(birth cbor.FullDate, at time.Time) time.Time {
	return reaches(birth, AgeAt(birth, at)+1)
}

// reaches relies on time.Date turning 29 February of a common year into 1 March.
func reaches(birth cbor.FullDate, age int) time.Time {
	return time.Date(birth.Year+age, birth.Month, birth.Day, 0, 0, 0, 0, Japan())
}

// BirthdayAfter is the n-th birthday strictly after the day of issue, n at least 1, by which cards and certificates end.
// For an end of validity a birthday of 29 February counts as 28 February in a common year.
func BirthdayAfter(birth, issued cbor.FullDate, n int) cbor.FullDate {
	year := issued.Year
	if !before(issued, birthdayIn(birth, year)) {
		year++
	}
	return birthdayIn(birth, year+n-1)
}

func birthdayIn(birth cbor.FullDate, year int) cbor.FullDate {
	d := cbor.FullDate{Year: year, Month: birth.Month, Day: birth.Day}
	if birth.Month == time.February && birth.Day == 29 && time.Date(year, time.February, 29, 0, 0, 0, 0, time.UTC).Day() != 29 {
		d.Day = 28
	}
	return d
}

func before(a, b cbor.FullDate) bool { return StartOfDay(a).Before(StartOfDay(b)) }

// eras in the order of the first digit of otherName .4 of the signature certificate, with their first days.
var eras = [...]cbor.FullDate{
	{Year: 1868, Month: time.January, Day: 25},  // 明治
	{Year: 1912, Month: time.July, Day: 30},     // 大正
	{Year: 1926, Month: time.December, Day: 25}, // 昭和
	{Year: 1989, Month: time.January, Day: 8},   // 平成
	{Year: 2019, Month: time.May, Day: 1},       // 令和
}

// Era gives the Japanese era of a day, 1 明治 to 5 令和, and the year in it, the first year being 1; 0, 0 before 明治.
func Era(d cbor.FullDate) (era, year int) {
	for i := len(eras) - 1; i >= 0; i-- {
		if !before(d, eras[i]) {
			return i + 1, d.Year - eras[i].Year + 1
		}
	}
	return 0, 0
}
