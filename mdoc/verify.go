package mdoc

import (
	"crypto/ecdh"
	"errors"
	"fmt"
	"time"

	"mobileid/mdoc/cbor"
	"mobileid/mdoc/pki"
	"mobileid/mdoc/transcript"
	"mobileid/mdoc/verdict"
)

// MaxSkew bounds the tolerance for clocks.
const MaxSkew = 5 * time.Minute

const clauseResponse = "ISO/IEC 18013-5:2021, 8.3.2.1.2.2"

// Verification is what Verify judges and with what. Every field is needed but one of the two for anchors, EReaderKey, MacKeys, RecipientKeys, Status,
// Revocation and Skew.
type Verification struct {
	// Response is the DeviceResponse as decrypted. The result keeps slices of it.
	Response []byte
	// Transcript is rebuilt from what the reader itself sent and received.
	Transcript transcript.Transcript
	// Request is what the reader sent.
	Request *DeviceRequest
	// EReaderKey is the reader's ephemeral key, for answers proved by MAC. Without it such an answer is not accepted.
	EReaderKey *ecdh.PrivateKey
	// MacKeys are the private halves of the request's macKeys; a MAC is made with the one on the device key's curve, if any.
	MacKeys []*ecdh.PrivateKey
	// RecipientKeys are the private halves of the keys that the request's docResponseEncryption names. Without its key an
	// encrypted document is not opened and the answer not accepted.
	RecipientKeys []*ecdh.PrivateKey
	// Anchors are the trusted IACA roots for documents of every type. Exactly one of Anchors and AnchorsFor is given.
	Anchors *pki.Anchors
	// AnchorsFor gives the trusted IACA roots for documents of one type, as a VICAL does, or nil where there are none. It is asked
	// once for each document.
	AnchorsFor func(docType string) *pki.Anchors
	// Status answers for the lists that MSOs name. Without it the status checks are not run, so nothing is accepted.
	Status StatusSource
	// Revocation answers for the document signers' certificates. Without it the check issuer_auth.revocation is not run, so
	// nothing is accepted.
	Revocation pki.RevocationSource
	// At is the time of the check.
	At time.Time
	// Skew is the tolerance for clocks at both ends of the validity; zero means none, at most MaxSkew.
	Skew time.Duration

	said *texts
}

// Result is the outcome of Verify.
type Result struct {
	verdict.Verdict
	// Documents are those of which every check but the status ones has passed, in the order received, and whose signer is not
	// known to be revoked. Their elements are proved; whether the document may be accepted is for the verdict to say.
	Documents []VerifiedDocument
}

// VerifiedDocument is what a proved document says.
type VerifiedDocument struct {
	DocType string
	// Request is the place of the document request it answers.
	Request int
	// Complete says that every element of that request is answered: by itself, the nearest age or an alternative set.
	Complete   bool
	Elements   []Element
	ValidFrom  time.Time
	ValidUntil time.Time
}

// Element gives the value of an element as encoded CBOR.
func (d VerifiedDocument) Element(namespace, identifier string) (cbor.RawMessage, bool) {
	for _, e := range d.Elements {
		if e.NameSpace == namespace && e.Identifier == identifier {
			return e.Value, true
		}
	}
	return nil, false
}

// Verify judges a DeviceResponse by the steps of ISO/IEC 18013-5:2021, 9.1.3 and 9.3: every check is carried out and
// listed, or listed as not run. Accept the answer if and only if the verdict is OK. The error tells that the judgement could not be
// made at all because of the caller; no input gives one.
func Verify(in Verification) (*Result, error) {
	switch {
	case in.Anchors == nil && in.AnchorsFor == nil:
		return nil, errors.New("verifying: no trust anchors given")
	case in.Anchors != nil && in.AnchorsFor != nil:
		return nil, errors.New("verifying: trust anchors given for every type and for each")
	case in.Request == nil:
		return nil, errors.New("verifying: the request is not given")
	case in.Transcript.IsZero():
		return nil, errors.New("verifying: the session transcript is not given")
	case in.At.IsZero():
		return nil, errors.New("verifying: no time given")
	case in.Skew < 0 || in.Skew > MaxSkew:
		return nil, fmt.Errorf("verifying: a clock tolerance of %s, at most %s is allowed", in.Skew, MaxSkew)
	}
	in.said = new(texts)
	r := &Result{}
	r.Grow(responseChecks + documentChecks)
	response, err := ParseDeviceResponse(in.Response)
	if err != nil {
		r.Fail("response.decode", clauseResponse, err.Error())
		r.NotRun("response.documents", clauseResponse, "the response did not decode")
		return r, nil
	}
	r.Pass("response.decode", clauseResponse, in.said.measured(len(in.Response), " bytes"))
	r.Record("response.version", clauseResponse, majorOne(response.Version), in.said.version(response.Version))
	r.Record("response.status", clauseResponse, response.Status == StatusOK,
		in.said.measured("status ", response.Status, " with ", len(response.Documents), " documents"))
	r.tolerateForm(in.Response, response)
	o := in.receive(response)
	p := in.pair(o.documents)
	in.judgeDocumentSet(r, response, &o, p)
	for i, d := range o.documents {
		own := in
		own.Transcript = d.transcript
		own.judgeDocument(r, d.document, p.documents[i])
	}
	return r, nil
}

func (in *Verification) judgeDocument(r *Result, d *Document, p pairedDocument) {
	room := r.Part()
	anchors := in.anchorsFor(&room, d.DocType)
	j := d.IssuerSigned.judge(room, in.said, anchors, in.At, in.Skew)
	if j.mso != nil {
		j.Record("mso.doc_type", clauseMSOCheck, j.mso.DocType == d.DocType, "docType of the MSO against that of the document")
		judgeCountry(&j, d)
	} else {
		j.NotRun("mso.doc_type", clauseMSOCheck, "no MSO")
	}
	in.judgeRequested(&j, p)
	in.judgeDevice(&j, d)
	d.IssuerSigned.judgeForm(&j)
	j.tolerateUntil()
	proved := j.OK()
	if judgeRevocation(&j.Verdict, "issuer_auth.revocation", j.chain, in.Revocation, in.At) {
		proved = false
	}
	in.judgeStatus(&j, proved)
	r.Append(j.Verdict)
	if proved {
		r.Documents = append(r.Documents, verifiedDocument(j.mso, d, p))
	}
}

// anchorsFor gives the roots that a document of the type is judged with (ISO/IEC 18013-5:2021, Annex C), or nil.
func (in *Verification) anchorsFor(v *verdict.Verdict, docType string) *pki.Anchors {
	const id, clause = "issuer_auth.anchor_doc_type", "ISO/IEC 18013-5:2021, Annex C"
	if in.AnchorsFor == nil {
		v.Pass(id, clause, "one set of anchors for every type")
		return in.Anchors
	}
	anchors := in.AnchorsFor(docType)
	v.Record(id, clause, anchors != nil, "anchors for documents of this type")
	return anchors
}

func verifiedDocument(mso *MobileSecurityObject, d *Document, p pairedDocument) VerifiedDocument {
	out := VerifiedDocument{DocType: d.DocType, Request: p.request, Complete: p.complete(),
		ValidFrom: mso.ValidityInfo.ValidFrom.Time(), ValidUntil: mso.ValidityInfo.ValidUntil.Time()}
	out.Elements = make([]Element, 0, p.total)
	for _, ns := range d.IssuerSigned.NameSpaces {
		for i := range ns.Value {
			v := &ns.Value[i].Value
			out.Elements = append(out.Elements, Element{NameSpace: ns.Key, Identifier: v.ElementIdentifier, Value: v.ElementValue})
		}
	}
	for _, ns := range d.DeviceSigned.NameSpaces.Value {
		for _, e := range ns.Value {
			out.Elements = append(out.Elements, Element{NameSpace: ns.Key, Identifier: e.Key, Value: e.Value})
		}
	}
	return out
}
