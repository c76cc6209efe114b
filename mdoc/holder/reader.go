package holder

import (
	"encoding/asn1"
	"fmt"
	"slices"

	"mobileid/mdoc"
	"mobileid/mdoc/pki"
	"mobileid/mdoc/transcript"
	"mobileid/mdoc/verdict"
)

// Reader is what reader authentication proved.
type Reader struct {
	// Name is the common name of the reader's certificate; empty unless Verdict is OK.
	Name string
	// Verdict lists the checks of reader authentication.
	Verdict verdict.Verdict
	chain   *pki.Chain
}

// Restriction keeps an element from readers that are not certified for it.
type Restriction struct {
	NameSpace, Identifier string
	// Purpose is the extended key usage that the reader's certificate must carry.
	Purpose asn1.ObjectIdentifier
}

// identify gives the reader of each document request: the one that readerAuthAll proves for all of them (second edition, 12.5),
// else that of the request's own readerAuth.
func (h *Holder) identify(r *mdoc.DeviceRequest, t transcript.Transcript) ([]Reader, error) {
	all, err := r.CheckReaderAuthAll(t, h.ReaderRoots, h.now())
	if err != nil {
		return nil, fmt.Errorf("checking the reader: %w", err)
	}
	out := make([]Reader, len(r.DocRequests))
	var refused verdict.Verdict // what is wrong with the signatures over the whole
	for _, a := range all {
		reader := h.proved(a.Chain, a.Verdict)
		if reader.chain != nil {
			for i := range out {
				out[i] = reader
			}
			return out, nil
		}
		refused.Append(reader.Verdict)
	}
	for i := range r.DocRequests {
		chain, v, err := r.DocRequests[i].CheckReaderAuth(t, h.ReaderRoots, h.now())
		if err != nil {
			return nil, fmt.Errorf("checking the reader: %w", err)
		}
		if out[i] = h.proved(chain, v); out[i].chain == nil && len(r.ReaderAuthAll) > 0 {
			out[i].Verdict.Append(refused)
		}
	}
	return out, nil
}

// proved adds what is known of the certificate's revocation: a reader of whom that is not known has no name.
func (h *Holder) proved(chain *pki.Chain, v verdict.Verdict) Reader {
	r := Reader{Verdict: verdict.Verdict{Checks: slices.Clone(v.Checks)}} // v is shared by all documents
	r.Verdict.Append(mdoc.CheckReaderRevocation(chain, h.ReaderRevocation, h.now()))
	v = r.Verdict
	if v.OK() && chain != nil {
		r.Name, r.chain = chain.Leaf.Subject.CommonName, chain
	}
	return r
}

// commonReader is the reader of all plans, or an unproved one when they have several.
func commonReader(plans []*plan) Reader {
	first := plans[0].reader
	for _, p := range plans[1:] {
		if first.chain != nil && p.reader.chain != nil && p.reader.chain.Leaf.Equal(first.chain.Leaf) || first.chain == nil && p.reader.chain == nil {
			continue
		}
		var v verdict.Verdict
		v.NotRun("reader_auth.common", "ISO/IEC 18013-5 second edition, 12.5", "the documents are not asked for by one reader")
		return Reader{Verdict: v}
	}
	return first
}

// permits reports whether no restriction keeps the element from this reader.
func (h *Holder) permits(reader Reader, namespace, identifier string) bool {
	for _, r := range h.Restrictions {
		if r.NameSpace == namespace && r.Identifier == identifier && !reader.certifiedFor(r.Purpose) {
			return false
		}
	}
	return true
}

func (r Reader) certifiedFor(purpose asn1.ObjectIdentifier) bool {
	if r.chain == nil {
		return false
	}
	for _, oid := range r.chain.Leaf.UnknownExtKeyUsage {
		if oid.Equal(purpose) {
			return true
		}
	}
	return false
}
