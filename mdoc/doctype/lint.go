package doctype

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"mobileid/mdoc/cbor"
	"mobileid/mdoc/verdict"
)

const clauseElements = "ISO/IEC 18013-5 second edition, 13.4; ISO/IEC TS 23220-4, Annex C"

// Value is one element with its value as encoded CBOR.
type Value struct {
	NameSpace, Identifier string
	Value                 []byte
}

// Lint judges the elements of a whole document against the table; what a verifier was shown is a part of one and lacks elements. Check
// ids: document.mandatory, document.elements, document.types, document.ages, document.jurisdiction. Measured values name elements,
// never what they hold.
func (t *Table) Lint(document []Value) verdict.Verdict {
	var v verdict.Verdict
	missing := t.missing(document)
	v.Record("document.mandatory", clauseElements, len(missing) == 0, "missing: "+list(missing))
	var unknown, wrong []string
	for _, e := range document {
		err := t.Check(e.NameSpace, e.Identifier, e.Value)
		switch {
		case errors.Is(err, ErrUnknownElement):
			if slices.Contains(t.closed, e.NameSpace) {
				unknown = append(unknown, e.Identifier)
			}
		case err != nil:
			wrong = append(wrong, e.Identifier)
		}
	}
	v.Record("document.elements", clauseElements, len(unknown) == 0, "not of this document type: "+list(unknown))
	v.Record("document.types", clauseElements, len(wrong) == 0, "not of their type: "+list(wrong))
	contrary := contraryAges(document, t.ageNameSpace)
	v.Record("document.ages", "ISO/IEC 18013-5:2021, 7.2.5", contrary == 0, fmt.Sprintf("%d age attestations contradict others", contrary))
	country, _ := t.text(document, "issuing_country")
	if jurisdiction, given := t.text(document, "issuing_jurisdiction"); given {
		v.Record("document.jurisdiction", clauseElements, strings.HasPrefix(jurisdiction, country+"-"), "issuing_jurisdiction against issuing_country")
	}
	return v
}

func list(identifiers []string) string {
	if len(identifiers) == 0 {
		return "none"
	}
	const most = 8
	shown := make([]string, 0, most)
	for _, i := range identifiers[:min(len(identifiers), most)] {
		shown = append(shown, fmt.Sprintf("%.64q", i))
	}
	if more := len(identifiers) - len(shown); more > 0 {
		shown = append(shown, fmt.Sprintf("%d more", more))
	}
	return strings.Join(shown, ", ")
}

// missing names the mandatory elements that the document lacks, in either spelling.
func (t *Table) missing(document []Value) []string {
	var out []string
	for _, e := range t.elements {
		if e.Mandatory && !slices.ContainsFunc(document, func(v Value) bool {
			return v.NameSpace == e.NameSpace && (v.Identifier == e.Identifier || e.Alias != "" && v.Identifier == e.Alias)
		}) {
			out = append(out, e.Identifier)
		}
	}
	return out
}

// contraryAges counts the attestations that cannot be true beside the others: a false one at or below a true one, and one that denies
// age_in_years.
func contraryAges(document []Value, nameSpace string) int {
	oldest, years, known := -1, uint64(0), false
	stated := map[int]bool{}
	for _, e := range document {
		if e.NameSpace != nameSpace {
			continue
		}
		if e.Identifier == "age_in_years" {
			known = cbor.Unmarshal(e.Value, &years) == nil
		}
		var is bool
		if nn, ok := AgeOver(e.Identifier); ok && cbor.Unmarshal(e.Value, &is) == nil {
			stated[nn] = is
			if is {
				oldest = max(oldest, nn)
			}
		}
	}
	contrary := 0
	for nn, is := range stated {
		if !is && nn <= oldest || known && is != (uint64(nn) <= years) { //nolint:gosec // two digits
			contrary++
		}
	}
	return contrary
}

// text gives a text element of the table's first namespace.
func (t *Table) text(document []Value, identifier string) (string, bool) {
	for _, e := range document {
		var s string
		if e.Identifier == identifier && e.NameSpace == t.ageNameSpace && cbor.Unmarshal(e.Value, &s) == nil {
			return s, true
		}
	}
	return "", false
}
