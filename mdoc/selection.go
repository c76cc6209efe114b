package mdoc

// Stock is what a request can be answered from: a credential at the holder, the returned elements at the reader.
type Stock interface {
	// Has reports whether the element is there.
	Has(namespace, identifier string) bool
	// Ages gives the age attestations of a namespace by NN.
	Ages(namespace string) map[int]bool
}

// Selected is one element that answers a request.
type Selected struct {
	// Asked is what the request names, Identifier what answers it, both in NameSpace; they differ for age attestations.
	NameSpace, Asked, Identifier string
	// Instead is the requested element that this one, of an alternative set, stands for; the zero value when it was asked for itself.
	Instead ElementRef
	// Retain is the intentToRetain of the requested element.
	Retain bool
}

// Selection is what Select found.
type Selection struct {
	Elements []Selected
	// Missing are the requested elements that the stock cannot answer.
	Missing []ElementRef
}

// Select answers the request from a stock: each requested element by itself, an age attestation by the nearest one (ISO/IEC
// 18013-5:2021, 7.2.5), else by the first alternative set that is there as a whole (second edition, 10.2). Elements come in the
// order asked, each once. The holder selects from what it has; what a reader would not select from an answer was not asked for.
func (i ItemsRequest) Select(stock Stock) Selection {
	var s Selection
	info := i.Info()
	for _, ns := range i.NameSpaces {
		for _, asked := range ns.Value {
			ref := ElementRef{NameSpace: ns.Key, Identifier: asked.Key}
			if answer, ok := find(stock, ref); ok {
				s.add(Selected{NameSpace: ns.Key, Asked: asked.Key, Identifier: answer, Retain: asked.Value})
			} else if !s.addAlternative(stock, info.alternatives(ns.Key, asked.Key), ref, asked.Value) {
				s.Missing = append(s.Missing, ref)
			}
		}
	}
	return s
}

// find gives the identifier that answers for an element.
func find(stock Stock, ref ElementRef) (string, bool) {
	nn, isAge := AgeOver(ref.Identifier)
	if !isAge {
		return ref.Identifier, stock.Has(ref.NameSpace, ref.Identifier)
	}
	answer, ok := SelectAgeOver(stock.Ages(ref.NameSpace), nn)
	if answer == nn {
		return ref.Identifier, ok
	}
	return AgeOverIdentifier(answer), ok
}

// addAlternative adds the first set that is there as a whole.
func (s *Selection) addAlternative(stock Stock, sets [][]ElementRef, instead ElementRef, retain bool) bool {
next:
	for _, set := range sets {
		found := make([]Selected, len(set))
		for i, ref := range set {
			answer, ok := find(stock, ref)
			if !ok {
				continue next
			}
			found[i] = Selected{NameSpace: ref.NameSpace, Asked: ref.Identifier, Identifier: answer, Instead: instead, Retain: retain}
		}
		for _, e := range found {
			s.add(e)
		}
		return true
	}
	return false
}

// add keeps each element once; asked for twice, it is retained if one of them says so, and asked for itself if one of them did.
func (s *Selection) add(e Selected) {
	for i := range s.Elements {
		if old := &s.Elements[i]; old.NameSpace == e.NameSpace && old.Identifier == e.Identifier {
			old.Retain = old.Retain || e.Retain
			if e.Instead == (ElementRef{}) {
				old.Asked, old.Instead = e.Asked, e.Instead
			}
			return
		}
	}
	s.Elements = append(s.Elements, e)
}

// Has reports whether the element was selected.
func (s *Selection) Has(namespace, identifier string) bool {
	for i := range s.Elements {
		if s.Elements[i].NameSpace == namespace && s.Elements[i].Identifier == identifier {
			return true
		}
	}
	return false
}
