package mdoc

import (
	"crypto/x509"
	"errors"
	"time"

	"mobileid/mdoc/cbor"
	"mobileid/mdoc/verdict"
)

const clauseStatus = "ISO/IEC 18013-5 second edition, 12.3.6"

// Status is the status member of the MSO, ISO/IEC 18013-5 second edition, 12.3.6. An MSO may name both kinds of list; then both
// must speak well of it.
//
//	Status = {? "status_list": StatusListInfo, ? "identifier_list": IdentifierListInfo, * tstr => any}
type Status struct {
	StatusList     *StatusListRef     `cbor:"status_list,omitempty"`
	IdentifierList *IdentifierListRef `cbor:"identifier_list,omitempty"`
}

// StatusListRef points at one entry of a status list, ISO/IEC 18013-5 second edition, 12.3.6.
//
//	StatusListInfo = {"idx": uint, "uri": tstr, ? "certificate": bstr, * tstr => any}
type StatusListRef struct {
	Index uint64 `cbor:"idx"`
	URI   string `cbor:"uri"`
	// Certificate, if present, is the trust point of the list: it holds the key above the token's x5chain.
	Certificate []byte `cbor:"certificate,omitempty"`
}

// IdentifierListRef names an identifier list and what stands for the MSO in it, ISO/IEC 18013-5 second edition, 12.3.6.
//
//	IdentifierListInfo = {"id": bstr, "uri": tstr, ? "certificate": bstr, * tstr => any}
type IdentifierListRef struct {
	ID  []byte `cbor:"id"`
	URI string `cbor:"uri"`
	// Certificate is as in StatusListRef.
	Certificate []byte `cbor:"certificate,omitempty"`
}

// StatusSource tells the status of a credential from what is at hand: it never fetches.
type StatusSource interface {
	Status(StatusQuery) StatusAnswer
}

// StatusQuery names one entry of one list. Exactly one of List and Identifier is set.
type StatusQuery struct {
	List       *StatusListRef
	Identifier *IdentifierListRef
	// Anchor is the root above the document signer. Unless the MSO names a trust point of the list's own, the list's signer must
	// stand under the same one.
	Anchor *x509.Certificate
	At     time.Time
}

// URI is where the list is published.
func (q StatusQuery) URI() string {
	if q.Identifier != nil {
		return q.Identifier.URI
	}
	if q.List != nil {
		return q.List.URI
	}
	return ""
}

// TrustPoint is the certificate that the MSO names for the list, in DER; nil when the document signer's root counts.
func (q StatusQuery) TrustPoint() []byte {
	if q.Identifier != nil {
		return q.Identifier.Certificate
	}
	if q.List != nil {
		return q.List.Certificate
	}
	return nil
}

// StatusAnswer is what a source knows.
type StatusAnswer struct {
	// Outcome is pass for a valid entry, fail for any other entry or a list that must not be used, and not_run when
	// nothing is known.
	Outcome verdict.Outcome
	// Measured says what was found and how old the knowledge is, such as "revoked, list 3m0s old".
	Measured string
}

// judgeStatus asks about every list the MSO names, one check each. An MSO that names none is of unknown status.
func (in *Verification) judgeStatus(j *issuerJudgement, proved bool) {
	const id = "status.list"
	switch {
	case !proved || j.mso == nil || j.chain == nil || j.chain.Anchor == nil:
		// Nobody is asked about a list that a document names which was not proved.
		j.NotRun(id, clauseStatus, "the credential itself was not proved")
		return
	case j.mso.Status == nil || j.mso.Status.StatusList == nil && j.mso.Status.IdentifierList == nil:
		j.NotRun(id, clauseStatus, "status unknown: the MSO names no list")
		return
	}
	if ref := j.mso.Status.StatusList; ref != nil {
		in.askStatus(j, id, StatusQuery{List: ref, Anchor: j.chain.Anchor, At: in.At})
	}
	if ref := j.mso.Status.IdentifierList; ref != nil {
		in.askStatus(j, "status.identifier_list", StatusQuery{Identifier: ref, Anchor: j.chain.Anchor, At: in.At})
	}
}

func (in *Verification) askStatus(j *issuerJudgement, id string, q StatusQuery) {
	switch {
	case q.URI() == "" || q.Identifier != nil && len(q.Identifier.ID) == 0: // which stands in no list
		j.NotRun(id, clauseStatus, "status unknown: a reference without address or identifier")
		return
	case in.Status == nil:
		j.NotRun(id, clauseStatus, "status unknown: no lists are at hand")
		return
	}
	a := in.Status.Status(q)
	switch a.Outcome {
	case verdict.Pass:
		j.Pass(id, clauseStatus, a.Measured)
	case verdict.Fail:
		j.Fail(id, clauseStatus, a.Measured)
	default:
		j.NotRun(id, clauseStatus, a.Measured)
	}
}

// deviation names what is wrong with the references of a document made here; nothing if nothing is.
func (s *Status) deviation() string {
	switch {
	case s == nil || s.StatusList == nil && s.IdentifierList == nil:
		return "no status: the document cannot be revoked"
	case s.StatusList != nil && s.StatusList.URI == "":
		return "a status list without an address"
	case s.IdentifierList != nil && (s.IdentifierList.URI == "" || len(s.IdentifierList.ID) == 0):
		return "an identifier list without address or identifier"
	}
	return ""
}

// checkStatus wants at least one list in a draft, with an address.
func (d *Draft) checkStatus() error {
	if d.Status.URI == "" && d.IdentifierList == nil {
		return errors.New("no status list: a credential that cannot be revoked is not issued")
	}
	if l := d.IdentifierList; l != nil && (l.URI == "" || len(l.ID) == 0) {
		return errors.New("an identifier list without address or identifier")
	}
	return nil
}

// appendStatus writes the status member of the MSO.
func (d *Draft) appendStatus(b []byte) []byte {
	n := 0
	if d.Status.URI != "" {
		n++
	}
	if d.IdentifierList != nil {
		n++
	}
	b = cbor.AppendMapHead(cbor.AppendText(b, "status"), n)
	if d.Status.URI != "" {
		b = cbor.AppendMapHead(cbor.AppendText(b, "status_list"), 2+present(d.Status.Certificate))
		b = cbor.AppendUint(cbor.AppendText(b, "idx"), d.Status.Index)
		b = appendCertificate(cbor.AppendText(cbor.AppendText(b, "uri"), d.Status.URI), d.Status.Certificate)
	}
	if l := d.IdentifierList; l != nil {
		b = cbor.AppendMapHead(cbor.AppendText(b, "identifier_list"), 2+present(l.Certificate))
		b = cbor.AppendBytes(cbor.AppendText(b, "id"), l.ID)
		b = appendCertificate(cbor.AppendText(cbor.AppendText(b, "uri"), l.URI), l.Certificate)
	}
	return b
}

func present(certificate []byte) int {
	if len(certificate) > 0 {
		return 1
	}
	return 0
}

func appendCertificate(b, certificate []byte) []byte {
	if len(certificate) == 0 {
		return b
	}
	return cbor.AppendBytes(cbor.AppendText(b, "certificate"), certificate)
}
