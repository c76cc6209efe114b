package doctype

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"

	"mobileid/schemas"
)

// Identifiers of the document types and of their namespaces. A docType is not a namespace, even where the two are spelt alike.
const (
	DocTypeMNC        = "org.iso.23220.1.jp.mnc"
	NameSpaceJP       = "org.iso.23220.1.jp"
	NameSpaceISO      = "org.iso.23220.1"
	NameSpaceProposed = "jp.mobileid.proposed.1"

	DocTypeMDL       = "org.iso.18013.5.1.mDL"
	NameSpaceMDL     = "org.iso.18013.5.1"
	DocTypePhotoID   = "org.iso.23220.photoid.1"
	NameSpacePhotoID = "org.iso.23220.photoid.1"
)

// IndividualNumber is the identifier of the 12-digit individual number (個人番号) in NameSpaceJP. By law it may be asked
// for, stored and passed on only for listed purposes.
const IndividualNumber = "individual_number_unicode"

// biometricPrefix begins biometric_template_xx, xx being the lower-case name of the kind: ISO/IEC 18013-5:2021, 7.2.6.
const biometricPrefix = "biometric_template_"

// Standing says where an element of the table comes from.
type Standing string

// The standings of an element.
const (
	Public     Standing = "public"     // in the real document
	Proposed   Standing = "proposed"   // this project's addition, in NameSpaceProposed
	Recognised Standing = "recognised" // ISO/IEC 23220-2, understood, never issued here
	Standard   Standing = "standard"   // of a document type of ISO/IEC, understood, never issued here
)

// Element is one row of the table.
type Element struct {
	NameSpace  string   `json:"nameSpace"`
	Identifier string   `json:"identifier"`
	Alias      string   `json:"alias"` // spelling of ISO/IEC 23220-2 edition 2, accepted when reading; may be empty
	Type       Type     `json:"type"`
	Min        uint64   `json:"min"`    // least number, or least length in bytes or digits
	Max        uint64   `json:"max"`    // most; 0 where the type fixes it
	Values     []string `json:"values"` // of an enumeration
	Mandatory  bool     `json:"mandatory"`
	Standing   Standing `json:"status"`
	Restricted bool     `json:"restricted"` // released only to readers certified for it (My Number Act)
	Japanese   string   `json:"ja"`         // label for people
	English    string   `json:"en"`
}

// Table holds the elements of one document type. It is immutable and safe for concurrent use.
type Table struct {
	docType      string
	otherNames   []string // spellings of the docType in older code
	elements     []Element
	index        map[[2]string]int
	ageOver      []int
	ageNameSpace string
	closed       []string // namespaces that hold no other elements
}

// MNC returns the table of org.iso.23220.1.jp.mnc. It is parsed once; a fault in the embedded file is a
// programmer's mistake and panics.
func MNC() *Table { return mnc() }

// MDL returns the table of the mDL, ISO/IEC 18013-5 second edition, 13.4, parsed as MNC is.
func MDL() *Table { return mdl() }

// PhotoID returns the table of the Photo ID, ISO/IEC TS 23220-4 Annex C, parsed as MNC is.
func PhotoID() *Table { return photoID() }

var (
	mnc     = sync.OnceValue(func() *Table { return embedded(schemas.MNCElements) })
	mdl     = sync.OnceValue(func() *Table { return embedded(schemas.MDLElements) })
	photoID = sync.OnceValue(func() *Table { return embedded(schemas.PhotoIDElements) })
)

func embedded(raw []byte) *Table {
	t, err := parse(raw)
	if err != nil {
		panic("doctype: internal error: " + err.Error())
	}
	return t
}

// For gives the table of a docType, also in a spelling of older code; false when it is none of the three.
func For(docType string) (*Table, bool) {
	for _, t := range []*Table{MNC(), MDL(), PhotoID()} {
		if t.docType == docType || slices.Contains(t.otherNames, docType) {
			return t, true
		}
	}
	return nil, false
}

func parse(raw []byte) (*Table, error) {
	var file struct {
		DocType    string            `json:"docType"`
		Others     []string          `json:"otherDocTypes"`
		Closed     []string          `json:"closed"`
		NameSpaces map[string]string `json:"nameSpaces"`
		AgeOver    struct {
			NameSpace string `json:"nameSpace"`
			Values    []int  `json:"values"`
		} `json:"ageOver"`
		Elements []Element `json:"elements"`
	}
	dec := json.NewDecoder(strings.NewReader(string(raw)))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&file); err != nil {
		return nil, fmt.Errorf("decoding element table: %w", err)
	}
	t := &Table{docType: file.DocType, index: make(map[[2]string]int), ageOver: file.AgeOver.Values,
		ageNameSpace: file.AgeOver.NameSpace, otherNames: file.Others, closed: file.Closed}
	for _, e := range file.Elements {
		if err := t.add(e); err != nil {
			return nil, err
		}
	}
	for _, nn := range file.AgeOver.Values {
		e := Element{NameSpace: file.AgeOver.NameSpace, Identifier: AgeOverIdentifier(nn), Type: Bool, Standing: Public,
			Japanese: strconv.Itoa(nn) + "歳以上", English: "age " + strconv.Itoa(nn) + " or over"}
		if err := t.add(e); err != nil {
			return nil, err
		}
	}
	return t, nil
}

func (t *Table) add(e Element) error {
	if !e.Type.known() {
		return fmt.Errorf("element %s: unknown type %q", e.Identifier, string(e.Type))
	}
	if e.Standing != Public && e.Standing != Proposed && e.Standing != Recognised && e.Standing != Standard {
		return fmt.Errorf("element %s: unknown standing %q", e.Identifier, string(e.Standing))
	}
	for _, name := range []string{e.Identifier, e.Alias} {
		if name == "" {
			continue
		}
		key := [2]string{e.NameSpace, name}
		if _, twice := t.index[key]; twice {
			return fmt.Errorf("element %s: twice in %s", name, e.NameSpace)
		}
		t.index[key] = len(t.elements)
	}
	t.elements = append(t.elements, e)
	return nil
}

// DocType is the document type the table describes.
func (t *Table) DocType() string { return t.docType }

// Elements returns a copy of every row, in the order of the file, the age_over_NN of the project's set last.
func (t *Table) Elements() []Element { return append([]Element(nil), t.elements...) }

// NameSpaces lists the namespaces in which this project issues elements, the public ones first.
func (t *Table) NameSpaces() []string { return []string{NameSpaceJP, NameSpaceISO, NameSpaceProposed} }

// Element looks up a row by identifier or by its second spelling. Every age_over_NN from 00 to 99 is found, also those
// outside the project's set, since another issuer may have chosen other values.
func (t *Table) Element(nameSpace, identifier string) (Element, bool) {
	if i, ok := t.index[[2]string{nameSpace, identifier}]; ok {
		return t.elements[i], true
	}
	if suffix, ok := strings.CutPrefix(identifier, biometricPrefix); ok && suffix != "" {
		if i, ok := t.index[[2]string{nameSpace, biometricPrefix + "xx"}]; ok {
			e := t.elements[i]
			e.Identifier = identifier
			return e, true
		}
	}
	if nn, ok := AgeOver(identifier); ok && nameSpace == t.ageNameSpace {
		return Element{NameSpace: nameSpace, Identifier: identifier, Type: Bool, Standing: Recognised,
			Japanese: strconv.Itoa(nn) + "歳以上", English: "age " + strconv.Itoa(nn) + " or over"}, true
	}
	return Element{}, false
}

// AgeOverSet returns the NN of the age_over_NN this project issues, rising: 12 to 75.
func (t *Table) AgeOverSet() []int { return append([]int(nil), t.ageOver...) }

// AgeOverIdentifier is the identifier for NN, two digits: age_over_20.
func AgeOverIdentifier(nn int) string { return fmt.Sprintf("age_over_%02d", nn) }

// AgeOver reads NN out of an identifier age_over_NN, NN being exactly two digits.
func AgeOver(identifier string) (nn int, ok bool) {
	digits, found := strings.CutPrefix(identifier, "age_over_")
	if !found || len(digits) != 2 || digits[0] < '0' || digits[0] > '9' || digits[1] < '0' || digits[1] > '9' {
		return 0, false
	}
	return int(digits[0]-'0')*10 + int(digits[1]-'0'), true
}
