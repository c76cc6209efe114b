package mdoc

import (
	"crypto/x509"

	"mobileid/mdoc/cbor"
)

// pairing tells which document answers which document request.
type pairing struct {
	documents []pairedDocument // by document
	count     []int            // by document request: how many documents answer it
	complete  mask             // the requests that are answered in full
	answered  mask
}

// pairedDocument is a document with the request it answers, and how it does.
type pairedDocument struct {
	request int // -1 when no request asks for its docType
	missing int // requested elements without an answer
	total   int // elements returned
	unasked int // elements that neither the request nor the alternative it chose names
	ages    int // age attestations that answer none of the ages asked for
	asked   int // age attestations among the elements returned where ages were asked for
	issuer  bool
}

// complete is asked of a document that has a request.
func (p pairedDocument) complete() bool { return p.missing == 0 }

// score orders the requests that a document could answer: what was asked for first, then completeness, then the issuer.
func (p pairedDocument) score() int {
	s := 0
	if p.unasked == 0 && p.ages == 0 {
		s += 4
	}
	if p.complete() {
		s += 2
	}
	if p.issuer {
		s++
	}
	return s
}

const bestScore = 7

// pair gives each document a request of its docType. A document says only its docType, so that several requests for one are
// told apart by what the documents hold: as many documents as possible get a request that they answer well, one each; the rest
// gets what fits best. An encrypted document does say which request it answers.
func (in *Verification) pair(documents []received) pairing {
	requests := in.Request.DocRequests
	counts := make([]int, 2*len(requests))
	p := pairing{documents: make([]pairedDocument, len(documents)), count: counts[:len(requests):len(requests)]}
	fits := make([][]pairedDocument, len(documents))
	for d, got := range documents {
		for i := range requests {
			if requests[i].ItemsRequest.Value.DocType == got.document.DocType && (got.request < 0 || got.request == i) {
				fits[d] = append(fits[d], fit(&requests[i].ItemsRequest.Value, i, got.document))
			}
		}
	}
	owner := counts[len(requests):] // by request: the document that answers it well, plus one
	for d := range fits {
		augment(fits, owner, d, new(mask))
	}
	var settled mask // documents, of which there are as few as requests
	for i, d := range owner {
		if d > 0 {
			settled |= 1 << (d - 1)
			p.settle(d-1, of(fits[d-1], i))
		}
	}
	for d := range fits {
		if settled&(1<<d) == 0 {
			p.settle(d, in.leftover(fits[d], p.count))
		}
	}
	return p
}

func (p *pairing) settle(d int, f pairedDocument) {
	p.documents[d] = f
	if f.request < 0 {
		return
	}
	p.count[f.request]++
	p.answered |= 1 << f.request
	if f.complete() {
		p.complete |= 1 << f.request
	}
}

// augment finds a request that document d answers well, moving others to another such request of theirs where needed: one
// round of the augmenting path method for bipartite matching.
func augment(fits [][]pairedDocument, owner []int, d int, visited *mask) bool {
	for _, f := range fits[d] {
		if f.score() < bestScore || *visited&(1<<f.request) != 0 {
			continue
		}
		*visited |= 1 << f.request
		if owner[f.request] == 0 || augment(fits, owner, owner[f.request]-1, visited) {
			owner[f.request] = d + 1
			return true
		}
	}
	return false
}

// leftover picks the request that fits best: what was asked for first, then a request without a document or that takes several.
func (in *Verification) leftover(fits []pairedDocument, count []int) pairedDocument {
	best, bestAt := pairedDocument{request: -1}, -1
	for _, f := range fits {
		at := f.score() + f.score()&4 // twice the weight of all else for what was asked for
		unique := in.Request.DocRequests[f.request].ItemsRequest.Value.Info().UniqueDocSetRequired
		if count[f.request] == 0 || unique != nil && !*unique {
			at += 4
		}
		if at > bestAt {
			best, bestAt = f, at
		}
	}
	return best
}

func of(fits []pairedDocument, request int) pairedDocument {
	for _, f := range fits {
		if f.request == request {
			return f
		}
	}
	return pairedDocument{request: -1}
}

// fit compares a document with one request: what the request would select from what was returned is all that may be returned.
func fit(items *ItemsRequest, request int, d *Document) pairedDocument {
	selection := items.Select(returned{d})
	f := pairedDocument{request: request, missing: len(selection.Missing), issuer: true}
	if info := items.Info(); len(info.IssuerIdentifiers) > 0 {
		f.issuer = info.TakesIssuer(d.IssuerSigned.authorityKeyIDs()...)
	}
	d.each(func(namespace, identifier string, _ cbor.RawMessage) {
		f.total++
		_, isAge := AgeOver(identifier)
		isAge = isAge && items.asksAge(namespace)
		if isAge {
			f.asked++
		}
		switch {
		case selection.Has(namespace, identifier):
		case isAge:
			f.ages++
		default:
			f.unasked++
		}
	})
	return f
}

// each calls f with every element, those the issuer signed first.
func (d *Document) each(f func(namespace, identifier string, value cbor.RawMessage)) {
	for _, ns := range d.IssuerSigned.NameSpaces {
		for i := range ns.Value {
			f(ns.Key, ns.Value[i].Value.ElementIdentifier, ns.Value[i].Value.ElementValue)
		}
	}
	for _, ns := range d.DeviceSigned.NameSpaces.Value {
		for _, e := range ns.Value {
			f(ns.Key, e.Key, e.Value)
		}
	}
}

// returned is what a document holds, as a Stock.
type returned struct{ d *Document }

// Has implements Stock.
func (r returned) Has(namespace, identifier string) bool {
	items, _ := r.d.IssuerSigned.NameSpaces.Get(namespace)
	if seenBefore(items, identifier) {
		return true
	}
	elements, _ := r.d.DeviceSigned.NameSpaces.Value.Get(namespace)
	_, ok := elements.Get(identifier)
	return ok
}

// Ages implements Stock. An attestation that is no truth value answers nothing.
func (r returned) Ages(namespace string) map[int]bool {
	out := map[int]bool{}
	r.d.each(func(ns, identifier string, value cbor.RawMessage) {
		nn, ok := AgeOver(identifier)
		if !ok || ns != namespace {
			return
		}
		c := cbor.NewCursor(value)
		if is := c.Bool(); c.Done() == nil {
			out[nn] = is
		}
	})
	return out
}

// asksAge reports whether the request or one of its alternatives names an age attestation in the namespace.
func (i *ItemsRequest) asksAge(namespace string) bool {
	elements, _ := i.NameSpaces.Get(namespace)
	for _, e := range elements {
		if _, ok := AgeOver(e.Key); ok {
			return true
		}
	}
	for _, a := range i.Info().AlternativeDataElements {
		for _, set := range a.AlternativeElementSets {
			for _, ref := range set {
				if _, ok := AgeOver(ref.Identifier); ok && ref.NameSpace == namespace {
					return true
				}
			}
		}
	}
	return false
}

// authorityKeyIDs gives the authority key identifiers of the certificates in issuerAuth; none where they cannot be read, which
// issuer_auth.shape and the chain's checks report.
func (s *IssuerSigned) authorityKeyIDs() [][]byte {
	sign1, err := s.Sign1()
	if err != nil {
		return nil
	}
	chain, err := sign1.X5Chain()
	if err != nil {
		return nil
	}
	var out [][]byte
	for _, der := range chain {
		if c, err := x509.ParseCertificate(der); err == nil {
			out = append(out, c.AuthorityKeyId)
		}
	}
	return out
}
