package mdoc

import (
	"slices"

	"mobileid/mdoc/cbor"
	"mobileid/mdoc/doctype"
)

const (
	clausePairing = "ISO/IEC 18013-5 second edition, 10.2"
	clauseAges    = "ISO/IEC 18013-5:2021, 7.2.5"
)

// judgeDocumentSet compares the documents with the requests. Without use cases each request is answered once (2021); with them
// each use case by one document set. No document comes unasked.
func (in *Verification) judgeDocumentSet(r *Result, response *DeviceResponse, o *opening, p pairing) {
	unasked, missing, doubled := 0, 0, 0
	for _, d := range p.documents {
		if d.request < 0 {
			unasked++
		}
	}
	otherwise := o.closed | in.provedInZeroKnowledge(response)
	for i := range in.Request.DocRequests {
		unique := in.Request.DocRequests[i].ItemsRequest.Value.Info().UniqueDocSetRequired
		if p.count[i] == 0 && otherwise&(1<<i) == 0 && len(in.Request.UseCases()) == 0 {
			missing++
		}
		if p.count[i] > 1 && unique == nil {
			doubled++
		}
	}
	r.Record("response.documents", clauseResponse, unasked == 0 && missing == 0 && doubled == 0,
		in.said.measured(len(o.documents), " documents: ", missing, " missing, ", unasked, " not asked for, ", doubled, " given twice"))
	in.judgeUniqueness(r, p)
	in.judgeUseCases(r, p)
	in.judgeSize(r)
	in.judgeErrors(r, response, o, p)
	o.judgeEncrypted(r, response)
	if n := len(response.ZkDocuments) + o.zk; n > 0 {
		r.NotRun("response.zk_documents", clausePairing, in.said.measured(n, " zero-knowledge proofs, which are not verified here"))
	}
}

// provedInZeroKnowledge are the requests that a zero-knowledge document answers.
func (in *Verification) provedInZeroKnowledge(response *DeviceResponse) mask {
	var m mask
	for i := range in.Request.DocRequests {
		for k := range response.ZkDocuments {
			if response.ZkDocuments[k].DocumentData.Value.DocType == in.Request.DocRequests[i].ItemsRequest.Value.DocType {
				m |= 1 << i
			}
		}
	}
	return m
}

// judgeUniqueness wants one document at most for each request that says so.
func (in *Verification) judgeUniqueness(r *Result, p pairing) {
	unique, doubled := 0, 0
	for i := range in.Request.DocRequests {
		if u := in.Request.DocRequests[i].ItemsRequest.Value.Info().UniqueDocSetRequired; u != nil && *u {
			unique++
			if p.count[i] > 1 {
				doubled++
			}
		}
	}
	if unique > 0 {
		r.Record("response.unique_document", clausePairing, doubled == 0, in.said.measured(doubled, " of ", unique, " requests for one document got several"))
	}
}

// judgeUseCases wants every mandatory use case satisfied and at least one, and of each one document set.
func (in *Verification) judgeUseCases(r *Result, p pairing) {
	useCases := in.Request.UseCases()
	if len(useCases) == 0 {
		return
	}
	chosen, ok := in.Request.Choose(func(i int) bool { return p.complete&(1<<i) != 0 })
	satisfied := 0
	for _, c := range chosen {
		if c >= 0 {
			satisfied++
		}
	}
	r.Record("response.use_cases", clausePairing, ok, in.said.measured(satisfied, " of ", len(useCases), " use cases satisfied"))
	if !ok {
		r.NotRun("response.document_sets", clausePairing, "the use cases are not satisfied")
		return
	}
	r.Record("response.document_sets", clausePairing, covers(useCases, p.answered, p.complete),
		in.said.measured(p.answered.size(), " document requests answered, one set of each use case is due"))
}

// judgeSize holds the response to the least maximumResponseSize among the requests.
func (in *Verification) judgeSize(r *Result) {
	limit, given := in.Request.MaximumResponseSize()
	if given {
		r.Record("response.size", clausePairing, uint64(len(in.Response)) <= limit, in.said.measured(len(in.Response), " bytes, at most ", limit))
	}
}

// MaximumResponseSize gives the least bound that a document request sets, and whether one does.
func (r *DeviceRequest) MaximumResponseSize() (limit uint64, given bool) {
	for i := range r.DocRequests {
		if m := r.DocRequests[i].ItemsRequest.Value.Info().MaximumResponseSize; m != nil && (!given || *m < limit) {
			limit, given = *m, true
		}
	}
	return limit, given
}

// judgeErrors refuses errors about a document type that was not asked for or an element that was not, and about a document or an
// element that was returned after all. The codes are not read: any but 0 is reserved or an application's own.
func (in *Verification) judgeErrors(r *Result, response *DeviceResponse, o *opening, p pairing) {
	total, strange, contrary := 0, 0, 0
	var due map[string]bool
	if len(response.DocumentErrors) > 0 {
		due = in.unanswered(response, o, p)
	}
	for _, e := range response.DocumentErrors {
		for _, entry := range e {
			total++
			open, asked := due[entry.Key]
			switch {
			case !asked:
				strange++
			case !open:
				contrary++
			}
		}
	}
	for i, d := range o.documents {
		for _, ns := range d.document.Errors {
			for _, e := range ns.Value {
				total++
				switch {
				case (returned{d.document}).Has(ns.Key, e.Key):
					contrary++
				case !in.named(p.documents[i].request, ns.Key, e.Key):
					strange++
				}
			}
		}
	}
	if total > 0 {
		r.Record("response.errors", clauseResponse, strange == 0 && contrary == 0,
			in.said.measured(total, " errors, ", strange, " about what was not asked for, ", contrary, " about what was returned"))
	}
}

// unanswered tells of each docType asked for whether a request for it has no document.
func (in *Verification) unanswered(response *DeviceResponse, o *opening, p pairing) map[string]bool {
	due := make(map[string]bool, len(in.Request.DocRequests))
	otherwise := o.closed | in.provedInZeroKnowledge(response)
	for i := range in.Request.DocRequests {
		docType := in.Request.DocRequests[i].ItemsRequest.Value.DocType
		due[docType] = due[docType] || p.count[i] == 0 && otherwise&(1<<i) == 0
	}
	return due
}

// named reports whether the document request, or an alternative it allows, names the element. An answer to no request is not
// judged by its elements: response.documents fails.
func (in *Verification) named(request int, namespace, identifier string) bool {
	if request < 0 {
		return true
	}
	items := &in.Request.DocRequests[request].ItemsRequest.Value
	elements, _ := items.NameSpaces.Get(namespace)
	if _, ok := elements.Get(identifier); ok {
		return true
	}
	for _, a := range items.Info().AlternativeDataElements {
		for _, set := range a.AlternativeElementSets {
			if slices.Contains(set, ElementRef{NameSpace: namespace, Identifier: identifier}) {
				return true
			}
		}
	}
	return false
}

// judgeRequested refuses elements that the request did not name, age attestations that answer none of the ages asked for, a document
// that answers nothing, and one of another issuer than those named.
func (in *Verification) judgeRequested(j *issuerJudgement, p pairedDocument) {
	if p.request < 0 {
		j.NotRun("response.requested", clauseResponse, "the document was not asked for") // response.documents fails
		j.NotRun("response.answered", clauseResponse, "the document was not asked for")
		return
	}
	j.Record("response.requested", clauseResponse, p.unasked == 0, j.said.measured(p.unasked, " elements that were not asked for"))
	j.Record("response.answered", clauseResponse, p.total > 0, j.said.measured(p.total, " elements returned"))
	if p.asked > 0 {
		j.Record("response.age_over", clauseAges, p.ages == 0,
			j.said.measured(p.asked, " age attestations, ", p.ages, " that answer none of the ages asked for"))
	}
	if len(in.Request.DocRequests[p.request].ItemsRequest.Value.Info().IssuerIdentifiers) > 0 {
		j.Record("response.issuer", clausePairing, p.issuer, "authority key identifiers of x5chain against those asked for")
	}
}

// judgeCountry compares issuing_country with C and issuing_jurisdiction with ST of the signer's subject where they were returned
// and, for the state, the certificate has one (ISO/IEC 18013-5:2021, 9.3.1 and Annex B), whoever signed them. A three-letter
// country, which ISO/IEC 23220 documents may have, is not comparable with C: the check is not run.
func judgeCountry(j *issuerJudgement, d *Document) {
	var countries, provinces []string
	if j.chain != nil {
		countries, provinces = j.chain.Leaf.Subject.Country, j.chain.Leaf.Subject.Province
	}
	stateless := j.chain != nil && len(provinces) == 0
	d.each(func(namespace, identifier string, value cbor.RawMessage) {
		switch {
		case identifier == "issuing_country":
			judgeName(j, "mso.issuing_country", value, countries, namespace != doctype.NameSpaceMDL)
		case identifier == "issuing_jurisdiction" && !stateless:
			judgeName(j, "mso.issuing_jurisdiction", value, provinces, false)
		}
	})
}

// judgeName compares an element with the one name due; threeLetters tells that it may be of three.
func judgeName(j *issuerJudgement, id string, value cbor.RawMessage, due []string, threeLetters bool) {
	var got string
	err := cbor.Unmarshal(value, &got)
	switch {
	case len(due) != 1: // which the checks of the path report
		j.NotRun(id, clauseMSOCheck, "no signer certificate with one name to compare with")
	case threeLetters && len(got) == 3:
		j.NotRun(id, clauseMSOCheck, "a country of three letters, which is not comparable with the two of the signer certificate")
	default:
		j.Record(id, clauseMSOCheck, err == nil && due[0] == got, "the element against the signer certificate")
	}
}
