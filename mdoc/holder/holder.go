package holder

import (
	"context"
	"crypto/ecdh"
	"encoding/asn1"
	"errors"
	"fmt"
	"time"

	"mobileid/mdoc"
	"mobileid/mdoc/cbor"
	"mobileid/mdoc/cose"
	"mobileid/mdoc/pki"
	"mobileid/mdoc/transcript"
	"mobileid/mdoc/verdict"
)

// Element is one element that could be answered.
type Element struct {
	NameSpace string
	// Asked is the identifier of the request, Identifier that of the answer: they differ for age attestations only.
	Asked, Identifier string
	// Retain is the reader's statement that it will keep the element.
	Retain bool
}

// Reader is what reader authentication proved.
type Reader struct {
	// Name is the common name of the reader's certificate; empty unless Verdict is OK.
	Name string
	// Verdict lists the checks of reader authentication.
	Verdict verdict.Verdict
	chain   *pki.Chain
}

// Proposal is what the holder is asked to agree to.
type Proposal struct {
	DocType  string
	Elements []Element
	Reader   Reader
}

// Consent shows a proposal to the holder. It returns the elements agreed to, a subset of those proposed; none means no.
type Consent func(ctx context.Context, p Proposal) ([]Element, error)

// Restriction keeps an element from readers that are not certified for it.
type Restriction struct {
	NameSpace, Identifier string
	// Purpose is the extended key usage that the reader's certificate must carry.
	Purpose asn1.ObjectIdentifier
}

// Holder is a wallet with its documents. All fields but ReaderRevocation, Restrictions, Answered and Now are
// needed.
type Holder struct {
	Credentials []*Credential
	// ReaderRoots are the reader CAs the wallet knows.
	ReaderRoots *pki.Anchors
	// ReaderRevocation answers for the readers' certificates. Without it, and when it knows nothing, the reader counts as not
	// authenticated: what it gets then is for Consent and Restrictions to say.
	ReaderRevocation mdoc.RevocationSource
	Consent          Consent
	// Restrictions name the elements that are kept from uncertified readers.
	Restrictions []Restriction
	// Answered, if set, is given each request with the answer that was made to it, for the wallet's own record of what it gave
	// away. It owns neither slice.
	Answered func(request, response []byte, t transcript.Transcript)
	// Now gives the time; nil means the clock.
	Now func() time.Time
}

func (h *Holder) now() time.Time {
	if h.Now != nil {
		return h.Now()
	}
	return time.Now()
}

// ErrRequest is wrapped when the request does not decode; the session answers with status 11 of the DeviceResponse.
var ErrRequest = errors.New("the request is malformed")

// Answer makes the encoded DeviceResponse to an encoded DeviceRequest over the holder's own transcript. Documents that are
// not held or not agreed to are left out and named in documentErrors.
func (h *Holder) Answer(ctx context.Context, request []byte, t transcript.Transcript, eReaderKey *ecdh.PublicKey) ([]byte, error) {
	if h.Consent == nil || h.ReaderRoots == nil {
		return nil, errors.New("answering: no consent or no reader roots configured")
	}
	r, err := mdoc.ParseDeviceRequest(request)
	if err != nil {
		return nil, fmt.Errorf("answering: %w: %w", ErrRequest, err)
	}
	out := mdoc.DeviceResponse{Version: "1.0"}
	for i := range r.DocRequests {
		d := &r.DocRequests[i]
		doc, err := h.document(ctx, d, t, eReaderKey)
		if err != nil {
			return nil, fmt.Errorf("answering: %w", err)
		}
		if doc == nil {
			docType := d.ItemsRequest.Value.DocType
			out.DocumentErrors = append(out.DocumentErrors, cbor.Map[string, int64]{{Key: docType, Value: 0}})
			continue
		}
		out.Documents = append(out.Documents, *doc)
	}
	raw, err := cbor.Marshal(out)
	if err != nil {
		return nil, fmt.Errorf("answering: %w", err)
	}
	if h.Answered != nil {
		h.Answered(request, raw, t)
	}
	return raw, nil
}

// document answers one request; nil means that there is nothing to return.
func (h *Holder) document(ctx context.Context, d *mdoc.DocRequest, t transcript.Transcript, eReaderKey *ecdh.PublicKey) (*mdoc.Document, error) {
	c := h.find(d.ItemsRequest.Value.DocType)
	if c == nil {
		return nil, nil
	}
	reader, err := h.identify(d, t)
	if err != nil {
		return nil, err
	}
	proposal := Proposal{DocType: c.DocType(), Reader: reader, Elements: h.permitted(c.candidates(d.ItemsRequest.Value), reader)}
	if len(proposal.Elements) == 0 {
		return nil, nil
	}
	agreed, err := h.Consent(ctx, proposal)
	if err != nil {
		return nil, fmt.Errorf("asking for consent: %w", err)
	}
	for _, e := range agreed {
		if !listed(proposal.Elements, e.NameSpace, e.Identifier) {
			return nil, errors.New("consent names an element that was not proposed")
		}
	}
	if len(agreed) == 0 {
		return nil, nil
	}
	return c.prove(ctx, agreed, t, eReaderKey)
}

func (h *Holder) find(docType string) *Credential {
	for _, c := range h.Credentials {
		if c.DocType() == docType {
			return c
		}
	}
	return nil
}

func (h *Holder) identify(d *mdoc.DocRequest, t transcript.Transcript) (Reader, error) {
	chain, v, err := d.CheckReaderAuth(t, h.ReaderRoots, h.now())
	if err != nil {
		return Reader{}, fmt.Errorf("checking the reader: %w", err)
	}
	v.Append(mdoc.CheckReaderRevocation(chain, h.ReaderRevocation, h.now()))
	r := Reader{Verdict: v}
	if v.OK() && chain != nil {
		r.Name, r.chain = chain.Leaf.Subject.CommonName, chain
	}
	return r, nil
}

// permitted leaves out what a restriction keeps from this reader.
func (h *Holder) permitted(elements []Element, reader Reader) []Element {
	var out []Element
next:
	for _, e := range elements {
		for _, r := range h.Restrictions {
			if r.NameSpace == e.NameSpace && r.Identifier == e.Identifier && !reader.certifiedFor(r.Purpose) {
				continue next
			}
		}
		out = append(out, e)
	}
	return out
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

// prove builds the document with device authentication over the transcript (ISO/IEC 18013-5:2021, 9.1.3).
func (c *Credential) prove(ctx context.Context, agreed []Element, t transcript.Transcript, eReaderKey *ecdh.PublicKey) (*mdoc.Document, error) {
	empty, err := cbor.NewEmbedded(mdoc.DeviceNameSpaces{})
	if err != nil {
		return nil, err
	}
	doc := &mdoc.Document{DocType: c.DocType(), IssuerSigned: c.disclose(agreed)}
	doc.DeviceSigned.NameSpaces = empty
	content := mdoc.DeviceAuthenticationBytes(t, doc.DocType, empty.Bytes())
	if c.proof == ByMAC {
		m, err := cose.NewMac0From(content, func(toMAC []byte) ([]byte, error) {
			return c.key.MACDevice(ctx, eReaderKey, t.Salt(), toMAC)
		})
		if err != nil {
			return nil, err
		}
		doc.DeviceSigned.DeviceAuth.DeviceMac = m.Bytes()
		return doc, nil
	}
	pub, err := c.mso.DeviceKeyInfo.DeviceKey.Public()
	if err != nil {
		return nil, err
	}
	alg, err := cose.AlgorithmFor(pub)
	if err != nil {
		return nil, err
	}
	s, err := cose.NewSign1From(cose.Headers{}, alg, content, true, func(toSign []byte) ([]byte, error) {
		return c.key.SignDevice(ctx, toSign)
	})
	if err != nil {
		return nil, err
	}
	doc.DeviceSigned.DeviceAuth.DeviceSignature = s.Bytes()
	return doc, nil
}
