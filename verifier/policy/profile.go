package policy

import (
	"errors"
	"fmt"

	"mobileid/mdoc/doctype"
)

// MaxAges is how many age_over_NN one retrieval may ask for (ISO/IEC 18013-5 second edition draft, 13.4.6).
const MaxAges = 2

// maxElements bounds a profile: a till that needs more is not checking an age.
const maxElements = 8

// ElementRef names one data element.
type ElementRef struct {
	NameSpace  string `json:"namespace"`
	Identifier string `json:"element"`
}

// Profile is what a till asks for. Every element is asked for with intentToRetain false.
type Profile struct {
	// Name appears in results and logs, such as "till-age-20".
	Name string `json:"name"`
	// DocType is the one document type that is accepted.
	DocType string `json:"doctype"`
	// AgeNameSpace is where age_over_NN stands; needed when Ages is not empty.
	AgeNameSpace string `json:"age_namespace,omitempty"`
	// Ages are the ages of which every one must be reached; at most MaxAges.
	Ages []int `json:"ages,omitempty"`
	// Elements are further elements that must be there. age_over_NN stands in Ages instead.
	Elements []ElementRef `json:"elements,omitempty"`
	// Portrait names the element of Elements that staff compare with the face; nil when nobody does.
	Portrait *ElementRef `json:"portrait,omitempty"`
}

// AgeTill is the profile of a till that sells what may be sold from the given age on: age_over_NN of the My Number
// document and, where staff compare faces, its portrait.
func AgeTill(age int, portrait bool) Profile {
	p := Profile{
		Name:         fmt.Sprintf("till-age-%02d", age),
		DocType:      doctype.DocTypeMNC,
		AgeNameSpace: doctype.NameSpaceISO,
		Ages:         []int{age},
	}
	if portrait {
		ref := ElementRef{NameSpace: doctype.NameSpaceJP, Identifier: "portrait"}
		p.Name += "-portrait"
		p.Elements, p.Portrait = []ElementRef{ref}, &ref
	}
	return p
}

// Requested lists every element to ask for: the ages first, then the others.
func (p Profile) Requested() []ElementRef {
	out := make([]ElementRef, 0, len(p.Ages)+len(p.Elements))
	for _, age := range p.Ages {
		out = append(out, ElementRef{NameSpace: p.AgeNameSpace, Identifier: doctype.AgeOverIdentifier(age)})
	}
	return append(out, p.Elements...)
}

// Validate refuses a profile that asks for nothing, for too much, or for what a shop may not see.
func (p Profile) Validate() error {
	if p.DocType == "" {
		return errors.New("checking policy profile: no document type")
	}
	if err := p.validateAges(); err != nil {
		return fmt.Errorf("checking policy profile: %w", err)
	}
	all := p.Requested()
	if len(all) == 0 || len(all) > maxElements {
		return fmt.Errorf("checking policy profile: %d elements, want 1 to %d", len(all), maxElements)
	}
	seen := make(map[ElementRef]bool, len(all))
	for _, e := range all {
		if e.NameSpace == "" || e.Identifier == "" || seen[e] {
			return errors.New("checking policy profile: an element without a name, or twice")
		}
		seen[e] = true
	}
	for _, e := range p.Elements {
		if _, isAge := doctype.AgeOver(e.Identifier); isAge {
			return errors.New("checking policy profile: age_over_NN belongs in ages")
		}
		if e.Identifier == doctype.IndividualNumber {
			return errors.New("checking policy profile: a till may not ask for the individual number")
		}
	}
	if p.Portrait != nil && !seen[*p.Portrait] {
		return errors.New("checking policy profile: the portrait is not among the elements")
	}
	return nil
}

func (p Profile) validateAges() error {
	if len(p.Ages) > MaxAges {
		return fmt.Errorf("%d ages, at most %d may be asked for", len(p.Ages), MaxAges)
	}
	for _, age := range p.Ages {
		if age < 0 || age > 99 {
			return fmt.Errorf("age %d has no identifier", age)
		}
	}
	return nil
}
