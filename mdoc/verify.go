package mdoc

import (
	"crypto/ecdh"
	"crypto/x509"
	"errors"
	"fmt"
	"strconv"
	"time"

	"mobileid/mdoc/cbor"
	"mobileid/mdoc/pki"
	"mobileid/mdoc/transcript"
	"mobileid/mdoc/verdict"
)

// MaxSkew bounds the tolerance for clocks.
const MaxSkew = 5 * time.Minute

const (
	clauseResponse = "ISO/IEC 18013-5:2021, 8.3.2.1.2.2"
	clauseStatus   = "ISO/IEC 18013-5 second edition, 12.3.6"
)

// Verification is what Verify judges and with what. Every field is needed but Status and Skew.
type Verification struct {
	// Response is the DeviceResponse as decrypted. The result keeps slices of it.
	Response []byte
	// Transcript is rebuilt from what the reader itself sent and received.
	Transcript transcript.Transcript
	// Request is what the reader sent.
	Request *DeviceRequest
	// EReaderKey is the reader's ephemeral key, for answers proved by MAC. Without it such an answer is not accepted.
	EReaderKey *ecdh.PrivateKey
	// Anchors are the trusted IACA roots.
	Anchors *pki.Anchors
	// Status answers for the status lists. Without it the check status.list is not run, so nothing is accepted.
	Status StatusSource
	// At is the time of the check.
	At time.Time
	// Skew is the tolerance for clocks at both ends of the validity; zero means none, at most MaxSkew.
	Skew time.Duration
}

// StatusSource tells the status of a credential from what is at hand: it never fetches.
type StatusSource interface {
	Status(StatusQuery) StatusAnswer
}

// StatusQuery names one entry of one list.
type StatusQuery struct {
	StatusListRef
	// Anchor is the root above the document signer: the list's signer must stand under the same one.
	Anchor *x509.Certificate
	At     time.Time
}

// StatusAnswer is what a source knows.
type StatusAnswer struct {
	// Outcome is pass for a valid entry, fail for any other entry or a list that must not be used, and not_run when
	// nothing is known.
	Outcome verdict.Outcome
	// Measured says what was found and how old the knowledge is, such as "revoked, list 3m0s old".
	Measured string
}

// Result is the outcome of Verify.
type Result struct {
	verdict.Verdict
	// Documents are those of which every check but status.list has passed, in the order received. Their elements are proved;
	// whether the document may be accepted is for the verdict to say.
	Documents []VerifiedDocument
}

// VerifiedDocument is what a proved document says.
type VerifiedDocument struct {
	DocType    string
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
	case in.Anchors == nil:
		return nil, errors.New("verifying: no trust anchors given")
	case in.Request == nil:
		return nil, errors.New("verifying: the request is not given")
	case in.Transcript.IsZero():
		return nil, errors.New("verifying: the session transcript is not given")
	case in.At.IsZero():
		return nil, errors.New("verifying: no time given")
	case in.Skew < 0 || in.Skew > MaxSkew:
		return nil, fmt.Errorf("verifying: a clock tolerance of %s, at most %s is allowed", in.Skew, MaxSkew)
	}
	r := &Result{}
	response, err := ParseDeviceResponse(in.Response)
	if err != nil {
		r.Fail("response.decode", clauseResponse, err.Error())
		r.NotRun("response.documents", clauseResponse, "the response did not decode")
		return r, nil
	}
	r.Pass("response.decode", clauseResponse, strconv.Itoa(len(in.Response))+" bytes")
	r.Record("response.version", clauseResponse, majorOne(response.Version), "major version 1 is due")
	r.Record("response.status", clauseResponse, response.Status == 0, "status "+strconv.FormatUint(response.Status, 10))
	in.judgeDocumentSet(r, response)
	for i := range response.Documents {
		if err := in.judgeDocument(r, &response.Documents[i]); err != nil {
			return nil, err
		}
	}
	return r, nil
}

// judgeDocumentSet compares the documents with the requests: each docType asked for is answered once, and no other is.
func (in *Verification) judgeDocumentSet(r *Result, response *DeviceResponse) {
	answered := map[string]int{}
	unasked := 0
	for _, d := range response.Documents {
		answered[d.DocType]++
		if _, asked := in.Request.For(d.DocType); !asked {
			unasked++
		}
	}
	missing, doubled := 0, 0
	for _, d := range in.Request.DocRequests {
		switch answered[d.ItemsRequest.Value.DocType] {
		case 0:
			missing++
		case 1:
		default:
			doubled++
		}
	}
	r.Record("response.documents", clauseResponse, unasked == 0 && missing == 0 && doubled == 0,
		fmt.Sprintf("%d documents: %d missing, %d not asked for, %d given twice", len(response.Documents), missing, unasked, doubled))
}

func (in *Verification) judgeDocument(r *Result, d *Document) error {
	j, err := d.IssuerSigned.judge(in.Anchors, in.At, in.Skew)
	if err != nil {
		return err
	}
	if j.mso != nil {
		j.Record("mso.doc_type", clauseMSOCheck, j.mso.DocType == d.DocType, "docType of the MSO against that of the document")
		judgeIssuerElements(&j, d)
	} else {
		j.NotRun("mso.doc_type", clauseMSOCheck, "no MSO")
	}
	in.judgeRequested(&j, d)
	in.judgeDevice(&j, d)
	proved := j.OK()
	in.judgeStatus(&j)
	r.Append(j.Verdict)
	if proved {
		r.Documents = append(r.Documents, verifiedDocument(j.mso, d))
	}
	return nil
}

// judgeRequested refuses elements that the request did not name, and a document that answers nothing. An age attestation with another NN is no surprise when one
// was asked for (ISO/IEC 18013-5:2021, 7.2.5).
func (in *Verification) judgeRequested(j *issuerJudgement, d *Document) {
	request, ok := in.Request.For(d.DocType)
	if !ok {
		j.NotRun("response.requested", clauseResponse, "the document was not asked for") // response.documents fails
		j.NotRun("response.answered", clauseResponse, "the document was not asked for")
		return
	}
	items, total, unasked := request.ItemsRequest.Value, 0, 0
	each := func(namespace, identifier string) {
		total++
		if items.Asks(namespace, identifier) {
			return
		}
		if _, isAge := AgeOver(identifier); isAge && items.asksAge(namespace) {
			return
		}
		unasked++
	}
	for _, ns := range d.IssuerSigned.NameSpaces {
		for i := range ns.Value {
			each(ns.Key, ns.Value[i].Value.ElementIdentifier)
		}
	}
	for _, ns := range d.DeviceSigned.NameSpaces.Value {
		for _, e := range ns.Value {
			each(ns.Key, e.Key)
		}
	}
	j.Record("response.requested", clauseResponse, unasked == 0, strconv.Itoa(unasked)+" elements that were not asked for")
	j.Record("response.answered", clauseResponse, total > 0, strconv.Itoa(total)+" elements returned")
}

func (i ItemsRequest) asksAge(namespace string) bool {
	elements, _ := i.NameSpaces.Get(namespace)
	for _, e := range elements {
		if _, ok := AgeOver(e.Key); ok {
			return true
		}
	}
	return false
}

// judgeIssuerElements compares issuing_country and issuing_jurisdiction with the signer's certificate (ISO/IEC
// 18013-5:2021, 9.3.1 and Annex B) where they were returned.
func judgeIssuerElements(j *issuerJudgement, d *Document) {
	if j.chain == nil || j.chain.Leaf == nil {
		return
	}
	subject := j.chain.Leaf.Subject
	compare := func(id, identifier string, due []string) {
		for _, ns := range d.IssuerSigned.NameSpaces {
			for i := range ns.Value {
				if ns.Value[i].Value.ElementIdentifier != identifier {
					continue
				}
				var got string
				err := cbor.Unmarshal(ns.Value[i].Value.ElementValue, &got)
				j.Record(id, clauseMSOCheck, err == nil && len(due) == 1 && due[0] == got, identifier+" against the signer certificate")
			}
		}
	}
	compare("mso.issuing_country", "issuing_country", subject.Country)
	if len(subject.Province) > 0 {
		compare("mso.issuing_jurisdiction", "issuing_jurisdiction", subject.Province)
	}
}

func (in *Verification) judgeStatus(j *issuerJudgement) {
	const id = "status.list"
	switch {
	case !j.OK() || j.mso == nil || j.chain == nil || j.chain.Anchor == nil:
		// Nobody is asked about a list that a document names which was not proved.
		j.NotRun(id, clauseStatus, "the credential itself was not proved")
	case j.mso.Status != nil && len(j.mso.Status.IdentifierList) > 0:
		j.NotRun(id, clauseStatus, "status unknown: the MSO names an identifier list, which is not read here")
	case j.mso.Status == nil || j.mso.Status.StatusList == nil:
		j.NotRun(id, clauseStatus, "status unknown: the MSO names no status list")
	case len(j.mso.Status.StatusList.Certificate) > 0:
		j.NotRun(id, clauseStatus, "status unknown: the MSO names a trust point of its own for its list")
	case in.Status == nil:
		j.NotRun(id, clauseStatus, "status unknown: no status lists are at hand")
	default:
		a := in.Status.Status(StatusQuery{StatusListRef: *j.mso.Status.StatusList, Anchor: j.chain.Anchor, At: in.At})
		switch a.Outcome {
		case verdict.Pass:
			j.Pass(id, clauseStatus, a.Measured)
		case verdict.Fail:
			j.Fail(id, clauseStatus, a.Measured)
		default:
			j.NotRun(id, clauseStatus, a.Measured)
		}
	}
}

func verifiedDocument(mso *MobileSecurityObject, d *Document) VerifiedDocument {
	out := VerifiedDocument{DocType: d.DocType, ValidFrom: mso.ValidityInfo.ValidFrom.Time(), ValidUntil: mso.ValidityInfo.ValidUntil.Time()}
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
