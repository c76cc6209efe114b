package policy

import (
	"fmt"

	"mobileid/mdoc"
	"mobileid/mdoc/doctype"
	"mobileid/mdoc/verdict"
)

// Check ids of this package. The id of an age check carries the age, two digits.
const (
	CheckDocument  = "policy.document"
	CheckRequested = "policy.requested"
	CheckUnasked   = "policy.unasked"
	checkAge       = "policy.age_over_"
)

const (
	clauseAge     = "ISO/IEC 18013-5 second edition draft, 13.4.6"
	clauseProfile = "policy profile"
)

// AgeCheck is the id of the check of one age, such as "policy.age_over_20".
func AgeCheck(age int) string { return fmt.Sprintf("%s%02d", checkAge, age) }

// Evaluate judges verified documents by the profile. It reports the answer to each age, never a value that was not asked
// for. The documents must come from an mdoc verification whose verdict the caller joins with this one.
func (p Profile) Evaluate(documents []mdoc.VerifiedDocument) verdict.Verdict {
	var v verdict.Verdict
	elements, ok := p.theDocument(documents, &v)
	for _, age := range p.Ages {
		if !ok {
			v.NotRun(AgeCheck(age), clauseAge, "no document to read it from")
			continue
		}
		p.evaluateAge(elements, age, &v)
	}
	if !ok {
		v.NotRun(CheckRequested, clauseProfile, "no document to read it from")
		v.NotRun(CheckUnasked, clauseProfile, "no document to read it from")
		return v
	}
	p.evaluatePresence(elements, &v)
	p.evaluateUnasked(elements, &v)
	return v
}

// theDocument demands exactly one document, of the profile's type.
func (p Profile) theDocument(documents []mdoc.VerifiedDocument, v *verdict.Verdict) ([]mdoc.Element, bool) {
	switch {
	case len(documents) == 0:
		v.NotRun(CheckDocument, clauseProfile, "no document was shown")
		return nil, false
	case len(documents) > 1:
		v.Fail(CheckDocument, clauseProfile, fmt.Sprintf("%d documents were shown, one was asked for", len(documents)))
		return nil, false
	case documents[0].DocType != p.DocType:
		v.Fail(CheckDocument, clauseProfile, "a document of another type was shown")
		return nil, false
	}
	v.Pass(CheckDocument, clauseProfile, "one document of the type asked for")
	return documents[0].Elements, true
}

func (p Profile) evaluateAge(elements []mdoc.Element, age int, v *verdict.Verdict) {
	id, name := AgeCheck(age), doctype.AgeOverIdentifier(age)
	switch ReadAge(elements, p.AgeNameSpace, age) {
	case AgeReached:
		v.Pass(id, clauseAge, name+" = true")
	case AgeNotReached:
		v.Fail(id, clauseAge, name+" = false")
	case AgeDisputed:
		v.Fail(id, clauseAge, "the answers contradict one another or are not truth values")
	case AgeUnknown:
		v.NotRun(id, clauseAge, "no answer that says anything about "+name)
	}
}

// evaluatePresence looks for the elements other than ages; a missing one means that nothing is known, not that anything
// is wrong.
func (p Profile) evaluatePresence(elements []mdoc.Element, v *verdict.Verdict) {
	missing := 0
	for _, want := range p.Elements {
		if !contains(elements, want) {
			missing++
		}
	}
	if missing > 0 {
		v.NotRun(CheckRequested, clauseProfile, fmt.Sprintf("%d of %d further elements missing", missing, len(p.Elements)))
		return
	}
	v.Pass(CheckRequested, clauseProfile, fmt.Sprintf("%d further elements asked for, all there", len(p.Elements)))
}

// evaluateUnasked refuses data nobody asked for. An age_over_NN of another number is the answer to the one asked for as
// long as there are no more answers than questions.
func (p Profile) evaluateUnasked(elements []mdoc.Element, v *verdict.Verdict) {
	asked := make(map[ElementRef]bool)
	for _, e := range p.Requested() {
		asked[e] = true
	}
	ages, unasked := 0, 0
	for _, e := range elements {
		_, isAge := doctype.AgeOver(e.Identifier)
		switch {
		case isAge && e.NameSpace == p.AgeNameSpace:
			ages++
		case !asked[ElementRef{NameSpace: e.NameSpace, Identifier: e.Identifier}]:
			unasked++
		}
	}
	if ages > len(p.Ages) {
		unasked += ages - len(p.Ages)
	}
	v.Record(CheckUnasked, clauseProfile, unasked == 0, fmt.Sprintf("%d elements that were not asked for", unasked))
}

func contains(elements []mdoc.Element, ref ElementRef) bool {
	for _, e := range elements {
		if e.NameSpace == ref.NameSpace && e.Identifier == ref.Identifier {
			return true
		}
	}
	return false
}
