package mdoc

import (
	"fmt"

	"mobileid/mdoc/cbor"
	"mobileid/mdoc/verdict"
)

// The field differs from the standard in places that do not touch what is proved. Verify takes such answers and says so: each
// tolerance it made use of is a check "tolerance.*" that passed, with what was seen; one that was not needed is not listed.
// CheckIssuerSigned refuses each of them in what we make (issuer_auth.strict).

const clauseSerialization = "ISO/IEC 18013-5 second edition, 8.3"

// Labels of the parameters of an issuerAuth, ISO/IEC 18013-5:2021, 9.1.2.4; x5t: second edition, 12.3. x5chain is the only one
// that is unprotected.
const (
	headerAlg     = 1
	headerX5Chain = 33
	headerX5T     = 34
)

func tolerate(v *verdict.Verdict, id, clause string, n int, what string) {
	if n > 0 {
		v.Pass(id, clause, measured("tolerated: ", n, " ", what))
	}
}

// judgeForm looks for what the field writes differently in the issuer-signed part.
func (s *IssuerSigned) judgeForm(j *issuerJudgement) {
	if j.sign1 == nil || j.mso == nil {
		return
	}
	heads := cbor.LongHeads(j.sign1.Bytes()) + cbor.LongHeads(j.sign1.Payload())
	for _, ns := range s.NameSpaces {
		for i := range ns.Value {
			heads += cbor.LongHeads(ns.Value[i].Bytes())
		}
	}
	tolerate(&j.Verdict, "tolerance.preferred_serialization", clauseSerialization, heads, "heads of the issuer-signed part longer than needed")
	others, what := unprotected(j.sign1.UnprotectedBesides(headerX5Chain))
	tolerate(&j.Verdict, "tolerance.unprotected_header", clauseIssuerAuth, others, what)
	tolerate(&j.Verdict, "tolerance.mso_date_fraction", clauseIssuerAuth, j.mso.ValidityInfo.fractions, "dates of the MSO with a fraction of a second")
}

// tolerateForm lists what Verify tolerates in the response as a whole.
func (r *Result) tolerateForm(raw []byte, response *DeviceResponse) {
	tolerate(&r.Verdict, "tolerance.preferred_serialization", clauseSerialization, cbor.LongHeads(raw), "heads of the response longer than needed")
	if response.DocumentErrors != nil && len(response.DocumentErrors) == 0 {
		tolerate(&r.Verdict, "tolerance.document_errors_empty", clauseResponse, 1, "empty list of documentErrors")
	}
}

// tolerateUntil lists a document that is valid for longer than its signer's certificate; the second edition lets a reader
// refuse it.
func (j *issuerJudgement) tolerateUntil() {
	if j.mso == nil || j.chain == nil {
		return
	}
	if until := j.mso.ValidityInfo.ValidUntil.Time(); until.After(j.chain.Leaf.NotAfter) {
		tolerate(&j.Verdict, "tolerance.validity_until", "ISO/IEC 18013-5 second edition, 12.3", 1,
			measured("document valid until ", until, ", its signer's certificate until ", j.chain.Leaf.NotAfter))
	}
}

// tolerateHeader lists unprotected parameters of a device proof, where none is due.
func (j *issuerJudgement) tolerateHeader(count int, labels []int64) {
	if count > 0 {
		count, what := unprotected(count, labels)
		tolerate(&j.Verdict, "tolerance.unprotected_header", clauseDeviceAuth, count, what)
	}
}

func unprotected(count int, labels []int64) (int, string) {
	what := "unprotected parameters that are not due there"
	if len(labels) > 0 {
		what += fmt.Sprintf(" %v", labels)
	}
	return count, what
}
