package mdoc

import (
	"fmt"
	"strconv"

	"mobileid/mdoc/verdict"
)

const clauseRequest = "ISO/IEC 18013-5 second edition, 10.2"

// maxAges is how many age attestations one document may be asked for (ISO/IEC 18013-5:2021, 7.2.5).
const maxAges = 2

// Lint judges how a well-formed request is written; a holder answers it all the same. BuildRequest writes none that does not
// pass. Check ids: request.version, request.ages, request.alternatives, request.document_sets, request.mac_keys.
func (r *DeviceRequest) Lint() verdict.Verdict {
	var v verdict.Verdict
	v.Record("request.version", clauseRequest, r.Version == r.dueVersion() || r.Version > version11 && r.dueVersion() == version11,
		"version "+strconv.Quote(r.Version[:min(len(r.Version), 8)])+", "+r.dueVersion()+" is due")
	ages, unknown, twice := 0, 0, 0
	for i := range r.DocRequests {
		items := &r.DocRequests[i].ItemsRequest.Value
		ages = max(ages, items.ages())
		u, t := items.oddAlternatives()
		unknown, twice = unknown+u, twice+t
	}
	v.Record("request.ages", "ISO/IEC 18013-5:2021, 7.2.5", ages <= maxAges, fmt.Sprintf("%d age attestations of one document, at most %d", ages, maxAges))
	v.Record("request.alternatives", clauseRequest, unknown == 0 && twice == 0,
		fmt.Sprintf("%d alternatives for an element that is not asked for, %d given twice", unknown, twice))
	if len(r.UseCases()) > 0 {
		idle, doubled := r.oddSets()
		v.Record("request.document_sets", clauseRequest, idle == 0 && doubled == 0,
			fmt.Sprintf("%d document requests in no set, %d sets that name one twice", idle, doubled))
	}
	if len(r.MacKeys) > 0 {
		doubled := r.curvesTwice()
		v.Record("request.mac_keys", "ISO/IEC TS 18013-7, MAC keys", doubled == 0, fmt.Sprintf("%d keys on a curve that has one", doubled))
	}
	return v
}

// ages counts the age attestations asked for.
func (i *ItemsRequest) ages() int {
	n := 0
	for _, ns := range i.NameSpaces {
		for _, e := range ns.Value {
			if _, ok := AgeOver(e.Key); ok {
				n++
			}
		}
	}
	return n
}

// oddAlternatives counts the alternatives of elements that nameSpaces does not name, and elements with two lists of them.
func (i *ItemsRequest) oddAlternatives() (unknown, twice int) {
	seen := map[ElementRef]bool{}
	for _, a := range i.Info().AlternativeDataElements {
		if !i.Asks(a.RequestedElement.NameSpace, a.RequestedElement.Identifier) {
			unknown++
		}
		if seen[a.RequestedElement] {
			twice++
		}
		seen[a.RequestedElement] = true
	}
	return unknown, twice
}

// oddSets counts document requests that no use case names, and document sets that name a request twice.
func (r *DeviceRequest) oddSets() (idle, doubled int) {
	var named mask
	for _, u := range r.UseCases() {
		for i, set := range u.sets() {
			named |= set
			if set.size() != len(u.DocumentSets[i]) {
				doubled++
			}
		}
	}
	return len(r.DocRequests) - named.size(), doubled
}

func (r *DeviceRequest) curvesTwice() int {
	seen, doubled := map[string]bool{}, 0
	for _, k := range r.MacKeys {
		if seen[k.Curve()] {
			doubled++
		}
		seen[k.Curve()] = true
	}
	return doubled
}
