package issuer

import (
	"fmt"
	"strings"
	"time"

	"mobileid/issuer/card"
	"mobileid/mdoc"
	"mobileid/mdoc/cbor"
	"mobileid/mdoc/doctype"
)

// elementList collects elements and checks each against the table; the first fault ends it.
type elementList struct {
	table *doctype.Table
	list  []mdoc.Element
	err   error
}

func (l *elementList) add(nameSpace, identifier string, value any) {
	if l.err != nil {
		return
	}
	encoded, err := cbor.Marshal(value)
	if err == nil {
		err = l.table.Check(nameSpace, identifier, encoded)
	}
	if err != nil {
		l.err = fmt.Errorf("building element %s: %w", identifier, err)
		return
	}
	l.list = append(l.list, mdoc.Element{NameSpace: nameSpace, Identifier: identifier, Value: encoded})
}

// Elements is what a document says of a checked identity; nothing is checked here but each value against the table. The two public
// namespaces get the public set alone; what is added goes to the project's own namespace, under the identifiers of ISO/IEC 23220-2.
// Ages are those of the instant validFrom in Japan. age_in_years is left out, since it would be wrong from the next birthday on.
func Elements(table *doctype.Table, id *card.Identity, authority string, validFrom time.Time) ([]mdoc.Element, error) {
	l := elementList{table: table}

	const jp = doctype.NameSpaceJP
	l.add(jp, "full_name_unicode", id.FullName)
	l.add(jp, "resident_address_unicode", id.Address)
	l.add(jp, "local_gov_code_unicode", id.LocalGovCode)
	if id.IndividualNumber != "" { // read and consented to, or the identity does not hold it
		l.add(jp, doctype.IndividualNumber, id.IndividualNumber)
	}
	l.add(jp, "portrait", id.Portrait)
	if text, ok := sexInJapanese(id.Sex); ok {
		l.add(jp, "sex_unicode", text)
	}
	l.add(jp, "birth_date_unicode", dateInJapanese(id.BirthDate))

	const iso = doctype.NameSpaceISO
	l.add(iso, "sex", id.Sex)
	l.add(iso, "birth_date", id.BirthDate)
	for _, nn := range table.AgeOverSet() {
		l.add(iso, doctype.AgeOverIdentifier(nn), card.AgeOver(id.BirthDate, nn, validFrom))
	}

	const own = doctype.NameSpaceProposed
	if family, given, ok := splitName(id.FullName); ok {
		l.add(own, "family_name_unicode", family)
		l.add(own, "given_name_unicode", given)
	}
	l.add(own, "expiry_date", card.DayInJapan(id.CardExpiry))
	l.add(own, "issue_date", card.DayInJapan(validFrom))
	l.add(own, "issuing_authority_unicode", authority)
	l.add(own, "issuing_country", "JP")
	l.add(own, "age_birth_year", uint(max(id.BirthDate.Year, 0)))
	return l.list, l.err
}

// sexInJapanese gives the text for male and female; the element is omitted for other codes.
func sexInJapanese(code uint) (string, bool) {
	switch code {
	case card.SexMale:
		return "男", true
	case card.SexFemale:
		return "女", true
	}
	return "", false
}

// dateInJapanese writes a Gregorian date without leading zeros.
func dateInJapanese(d cbor.FullDate) string {
	return fmt.Sprintf("%d年%d月%d日", d.Year, int(d.Month), d.Day)
}

// splitName cuts 氏名 at the first ideographic space. A name without one is not split.
func splitName(full string) (family, given string, ok bool) {
	family, given, ok = strings.Cut(full, "\u3000")
	return family, given, ok && family != "" && given != ""
}
