package mdoc

import (
	"errors"
	"fmt"
	"math/bits"

	"mobileid/mdoc/cbor"
)

// PurposeController is the controller of the purpose codes of ISO/IEC 18013-5 second edition, 10.2.
const PurposeController = "org.iso.jtc1.sc17"

// Purpose codes under PurposeController.
const (
	PurposeIdentity         int64 = 1
	PurposeDrivingPrivilege int64 = 2
	PurposeAgeVerification  int64 = 3
)

// Bounds of a DeviceRequestInfo; the standard names none.
const (
	maxUseCases     = 16
	maxDocumentSets = 16
	maxPurposeHints = 32
)

// DeviceRequestInfo is ISO/IEC 18013-5 second edition, 10.2.
//
//	DeviceRequestInfo = {? "useCases": [+ UseCase], * tstr => any}
type DeviceRequestInfo struct {
	UseCases []UseCase `cbor:"useCases,omitempty"`
}

// UseCase is ISO/IEC 18013-5 second edition, 10.2: what the documents are for. It is satisfied by one of its document sets,
// whole; a set names document requests by their place, from 0.
//
//	UseCase = {"mandatory": bool, "documentSets": [+ [+ uint]], ? "purposeHints": {+ tstr => int}, * tstr => any}
type UseCase struct {
	Mandatory    bool                    `cbor:"mandatory"`
	DocumentSets [][]uint64              `cbor:"documentSets"`
	PurposeHints cbor.Map[string, int64] `cbor:"purposeHints,omitzero"`
}

func (d *DeviceRequestInfo) validate(docRequests int) error {
	if len(d.UseCases) > maxUseCases {
		return fmt.Errorf("%d use cases, at most %d are taken", len(d.UseCases), maxUseCases)
	}
	for _, u := range d.UseCases {
		if err := u.validate(docRequests); err != nil {
			return err
		}
	}
	return nil
}

func (u UseCase) validate(docRequests int) error {
	if n := len(u.DocumentSets); n == 0 || n > maxDocumentSets || len(u.PurposeHints) > maxPurposeHints {
		return fmt.Errorf("a use case with %d document sets and %d purposes", n, len(u.PurposeHints))
	}
	for _, set := range u.DocumentSets {
		if len(set) == 0 || len(set) > docRequests {
			return errors.New("an empty document set, or one larger than the request")
		}
		for _, index := range set {
			if index >= uint64(docRequests) { //nolint:gosec // a length
				return fmt.Errorf("a document set names request %d of %d", index, docRequests)
			}
		}
	}
	return nil
}

// mask is a set of document requests, one bit each.
type mask uint64

func (m mask) size() int { return bits.OnesCount64(uint64(m)) }

// sets gives the document sets as masks.
func (u UseCase) sets() []mask {
	out := make([]mask, len(u.DocumentSets))
	for i, set := range u.DocumentSets {
		for _, index := range set {
			out[i] |= 1 << index
		}
	}
	return out
}

// Choose gives, for each use case, the place of the first document set of which every request can be answered, -1 where
// there is none. ok reports whether every mandatory use case has one, and at least one use case has: only then is anything answered.
// can is asked with places of document requests.
func (r *DeviceRequest) Choose(can func(request int) bool) (chosen []int, ok bool) {
	var answerable mask
	for i := range r.DocRequests {
		if can(i) {
			answerable |= 1 << i
		}
	}
	ok = true
	satisfied := 0
	for _, u := range r.UseCases() {
		choice := -1
		for i, set := range u.sets() {
			if set&^answerable == 0 {
				choice = i
				break
			}
		}
		if choice >= 0 {
			satisfied++
		} else if u.Mandatory {
			ok = false
		}
		chosen = append(chosen, choice)
	}
	return chosen, ok && satisfied > 0
}

// covers reports whether the answered requests are just what one document set of each use case makes up, where a use case may
// be left out unless it is mandatory. complete are the requests answered in full.
func covers(useCases []UseCase, answered, complete mask) bool {
	reached := map[mask]struct{}{0: {}}
	for _, u := range useCases {
		next := make(map[mask]struct{}, len(reached))
		for from := range reached {
			if !u.Mandatory {
				next[from] = struct{}{}
			}
			for _, set := range u.sets() {
				if set&^complete == 0 {
					next[from|set] = struct{}{}
				}
			}
		}
		reached = next
	}
	_, ok := reached[answered]
	return ok
}
