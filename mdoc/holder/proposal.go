package holder

import (
	"context"
	"errors"
	"fmt"

	"mobileid/mdoc"
	"mobileid/mdoc/cbor"
	"mobileid/mdoc/encryption"
)

// Element is one element that could be answered.
type Element struct {
	// Document is the place of its document in the proposal.
	Document  int
	NameSpace string
	// Asked is the identifier of the request, Identifier that of the answer: they differ for age attestations only.
	Asked, Identifier string
	// Instead is the requested element that this one stands for as part of an alternative set; empty when it was asked for itself.
	Instead mdoc.ElementRef
	// Retain is the reader's statement that it will keep the element.
	Retain bool
}

// Proposal is what the holder is asked to agree to: the whole answer at once.
type Proposal struct {
	// Reader is who asks for all of it. It is unproved, with a verdict that says so, when the documents have different readers.
	Reader    Reader
	Documents []ProposedDocument
	// Elements are those of all documents.
	Elements []Element
	// UseCases say what the documents are for; none in a request of the 2021 edition.
	UseCases []ProposedUseCase
}

// ProposedDocument is one document of a proposal.
type ProposedDocument struct {
	DocType string
	Reader  Reader
	// Encrypted says that the document goes out encrypted to a key of the reader (second edition, 12.6).
	Encrypted bool
}

// ProposedUseCase is one use case that the proposal satisfies, by the document set chosen for it.
type ProposedUseCase struct {
	// Mandatory use cases are answered in full, or nothing is.
	Mandatory bool
	// Purposes are codes by controller: see mdoc.PurposeController.
	Purposes cbor.Map[string, int64]
	// Documents are places in the proposal.
	Documents []int
}

// Consent shows a proposal to the holder. It returns the elements agreed to, a subset of those proposed; none means no.
type Consent func(ctx context.Context, p Proposal) ([]Element, error)

// plan is what one document request would be answered with.
type plan struct {
	request    int
	items      *mdoc.ItemsRequest
	credential *Credential
	reader     Reader
	elements   []Element
	complete   bool
	sealedTo   *encryption.ParametersBytes // nil for a document in clear
}

// plan picks the credential that answers a request best, by the issuers it takes. It is nil when nothing can be answered, when the
// request wants a zero-knowledge proof, which is not made here, and when it wants encryption to a key that is none.
func (h *Holder) plan(r *mdoc.DeviceRequest, i int, reader Reader) *plan {
	items := &r.DocRequests[i].ItemsRequest.Value
	info := items.Info()
	if info.ZkRequest != nil && info.ZkRequest.ZkRequired {
		return nil
	}
	var sealedTo *encryption.ParametersBytes
	if len(info.DocResponseEncryption) > 0 {
		p, err := encryption.ParseParameters(info.DocResponseEncryption)
		if err != nil { // it cannot be encrypted and must not go in clear
			return nil
		}
		sealedTo = &p
	}
	var best *plan
	for _, c := range h.Credentials {
		if c.DocType() != items.DocType || len(info.IssuerIdentifiers) > 0 && !info.TakesIssuer(c.authorityKeyIDs()...) {
			continue
		}
		p := &plan{request: i, items: items, credential: c, reader: reader, sealedTo: sealedTo}
		p.elements, p.complete = h.choose(c, items, reader)
		if len(p.elements) > 0 && (best == nil || p.complete && !best.complete) {
			best = p
		}
	}
	return best
}

// maxAges is how many age attestations one request may be answered with (ISO/IEC 18013-5:2021, 7.2.5).
const maxAges = 2

// choose selects the elements that answer a request, and tells whether they answer all of it.
func (h *Holder) choose(c *Credential, items *mdoc.ItemsRequest, reader Reader) ([]Element, bool) {
	selection := items.Select(stock{c, func(namespace, identifier string) bool { return h.permits(reader, namespace, identifier) }})
	var out []Element
	ages, complete := 0, len(selection.Missing) == 0
	for _, e := range selection.Elements {
		if _, isAge := mdoc.AgeOver(e.Asked); isAge {
			if ages++; ages > maxAges {
				complete = false
				continue
			}
		}
		out = append(out, Element{NameSpace: e.NameSpace, Asked: e.Asked, Identifier: e.Identifier, Instead: e.Instead, Retain: e.Retain})
	}
	return out, complete
}

// propose picks the plans to be carried out. Without use cases these are all (2021); with them those of the first document set of
// each use case that can be answered in full, and none when a mandatory use case cannot (second edition, 10.2).
func propose(r *mdoc.DeviceRequest, plans []*plan) ([]*plan, []ProposedUseCase) {
	useCases := r.UseCases()
	if len(useCases) == 0 {
		return withoutNil(plans), nil
	}
	sets, ok := r.Choose(func(i int) bool { return plans[i] != nil && plans[i].complete })
	if !ok {
		return nil, nil
	}
	picked := pick(useCases, sets, plans)
	place := map[int]int{}
	var out []*plan
	for i, p := range picked {
		if p != nil {
			place[i] = len(out)
			out = append(out, p)
		}
	}
	var shown []ProposedUseCase
	for u, set := range sets {
		if set < 0 {
			continue
		}
		p := ProposedUseCase{Mandatory: useCases[u].Mandatory, Purposes: useCases[u].PurposeHints}
		for _, request := range useCases[u].DocumentSets[set] {
			p.Documents = append(p.Documents, place[int(request)]) //nolint:gosec // below the number of requests
		}
		shown = append(shown, p)
	}
	return out, shown
}

// pick gives the plans, by request, of the document sets chosen.
func pick(useCases []mdoc.UseCase, sets []int, plans []*plan) []*plan {
	out := make([]*plan, len(plans))
	for u, set := range sets {
		if set < 0 {
			continue
		}
		for _, request := range useCases[u].DocumentSets[set] {
			out[request] = plans[request]
		}
	}
	return out
}

func withoutNil(plans []*plan) []*plan {
	var out []*plan
	for _, p := range plans {
		if p != nil {
			out = append(out, p)
		}
	}
	return out
}

// agree asks the holder once for everything and gives the plans with the agreed elements only. A use case of which the holder
// left something out is not satisfied: its documents stay at home, and all of them if it is mandatory.
func (h *Holder) agree(ctx context.Context, r *mdoc.DeviceRequest, plans []*plan) ([]*plan, error) {
	proposed, useCases := propose(r, plans)
	if len(proposed) == 0 {
		return nil, nil
	}
	proposal := Proposal{UseCases: useCases, Reader: commonReader(proposed)}
	for d, p := range proposed {
		proposal.Documents = append(proposal.Documents, ProposedDocument{DocType: p.items.DocType, Reader: p.reader, Encrypted: p.sealedTo != nil})
		for _, e := range p.elements {
			e.Document = d
			proposal.Elements = append(proposal.Elements, e)
		}
	}
	agreed, err := h.Consent(ctx, proposal)
	if err != nil {
		return nil, fmt.Errorf("asking for consent: %w", err)
	}
	byRequest := make([]*plan, len(r.DocRequests))
	for d, p := range proposed {
		var elements []Element
		for _, e := range agreed {
			if e.Document == d {
				elements = append(elements, e)
			}
		}
		narrowed := *p
		if narrowed.elements, err = p.only(elements); err != nil {
			return nil, err
		}
		if narrowed.complete = p.complete && len(narrowed.elements) == len(p.elements); len(narrowed.elements) > 0 {
			byRequest[p.request] = &narrowed
		}
	}
	for _, e := range agreed {
		if e.Document < 0 || e.Document >= len(proposed) {
			return nil, errors.New("consent names a document that was not proposed")
		}
	}
	out, _ := propose(r, byRequest)
	return out, nil
}

// only keeps the proposed elements that were agreed to. Of an alternative set all of it or nothing is kept: a part would answer
// nothing.
func (p *plan) only(agreed []Element) ([]Element, error) {
	for _, e := range agreed {
		if !listed(p.elements, e.NameSpace, e.Identifier) {
			return nil, errors.New("consent names an element that was not proposed")
		}
	}
	broken := map[mdoc.ElementRef]bool{}
	for _, e := range p.elements {
		if e.Instead != (mdoc.ElementRef{}) && !listed(agreed, e.NameSpace, e.Identifier) {
			broken[e.Instead] = true
		}
	}
	var out []Element
	for _, e := range p.elements {
		if listed(agreed, e.NameSpace, e.Identifier) && !broken[e.Instead] {
			out = append(out, e)
		}
	}
	return out, nil
}
