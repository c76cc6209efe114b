package policy

import (
	"strings"

	"mobileid/mdoc/verdict"
)

// Decision is what a till does.
type Decision string

// The three decisions.
const (
	Accepted     Decision = "accepted"      // every check passed
	Refused      Decision = "refused"       // a check failed: selling now would be wrong
	NotConfirmed Decision = "not_confirmed" // something could not be known: ask for another proof
)

// Code names the reason of a decision. Codes are stable: programs and staff instructions may rest on them.
type Code string

// The codes.
const (
	CodeAccepted         Code = "accepted"
	CodeUnderAge         Code = "under_age"           // the age asked for is denied
	CodeRevoked          Code = "revoked"             // the status list says not valid: revoked or suspended
	CodeOutsideValidity  Code = "outside_validity"    // expired or not valid yet
	CodeIssuerNotTrusted Code = "issuer_not_trusted"  // no path to a root the till was given
	CodeNotGenuine       Code = "not_genuine"         // the issuer's signature or a digest does not hold
	CodeHolderNotProved  Code = "holder_not_proved"   // the device did not prove its key in this session
	CodeUnaskedData      Code = "unasked_data"        // more was sent than was asked for
	CodeWrongDocument    Code = "wrong_document"      // another type, or several documents
	CodeBadResponse      Code = "bad_response"        // not a well-formed response
	CodeStatusUnknown    Code = "status_unknown"      // no status list, or no CRL, that is fresh enough
	CodeAgeNotShown      Code = "age_not_shown"       // no answer about the age asked for
	CodeElementMissing   Code = "element_missing"     // the portrait, say, was not sent
	CodeNoDocument       Code = "no_document"         // declined, or nothing that fits
	CodeSessionFailed    Code = "session_failed"      // a message was lost, altered or replayed
	CodeCheckNotPassed   Code = "check_not_passed"    // a check without a code of its own failed
	CodeCheckNotRun      Code = "check_not_performed" // a check without a code of its own could not be made
)

// Reason explains a decision to staff.
type Reason struct {
	Code     Code   `json:"code"`
	Japanese string `json:"ja"`
	English  string `json:"en"`
	// Check is the id of the check the reason comes from; empty when accepted.
	Check string `json:"check,omitempty"`
	// Detail is what that check measured, such as "status unknown, last list 26h0m0s old".
	Detail string `json:"detail,omitempty"`
}

// rule gives the code of a check that failed and of one that was not run; an empty code means that the check only follows
// from others.
type rule struct {
	prefix    string
	failed    Code
	notRun    Code
	following bool // when not run, another check says why
}

// rules are looked through from the top; the first prefix that fits counts.
func rules() []rule {
	return []rule{
		{prefix: checkAge, failed: CodeUnderAge, notRun: CodeAgeNotShown},
		{prefix: CheckRequested, failed: CodeElementMissing, notRun: CodeElementMissing},
		{prefix: CheckUnasked, failed: CodeUnaskedData, following: true},
		{prefix: CheckDocument, failed: CodeWrongDocument, notRun: CodeNoDocument},
		{prefix: "response.requested", failed: CodeUnaskedData, following: true},
		{prefix: "response.age_over", failed: CodeUnaskedData, following: true},
		{prefix: "response.document_sets", failed: CodeUnaskedData, following: true},
		{prefix: "response.use_cases", failed: CodeNoDocument, following: true},
		{prefix: "response.issuer", failed: CodeIssuerNotTrusted, notRun: CodeIssuerNotTrusted},
		{prefix: "response.status", failed: CodeNoDocument, following: true},
		{prefix: "response.documents", failed: CodeNoDocument, following: true},
		{prefix: "response.", failed: CodeBadResponse, notRun: CodeBadResponse},
		{prefix: "chain.", failed: CodeIssuerNotTrusted, notRun: CodeIssuerNotTrusted},
		{prefix: "issuer_auth.chain", failed: CodeIssuerNotTrusted, notRun: CodeIssuerNotTrusted},
		{prefix: "issuer_auth.revocation", failed: CodeIssuerNotTrusted, notRun: CodeStatusUnknown},
		{prefix: "issuer_auth.", failed: CodeNotGenuine, notRun: CodeNotGenuine},
		{prefix: "mso.validity.window", failed: CodeOutsideValidity, notRun: CodeNotGenuine},
		{prefix: "mso.", failed: CodeNotGenuine, notRun: CodeNotGenuine},
		{prefix: "device_auth.", failed: CodeHolderNotProved, notRun: CodeHolderNotProved},
		{prefix: "status.", failed: CodeRevoked, notRun: CodeStatusUnknown},
		{prefix: "session.end", failed: CodeNoDocument, notRun: CodeNoDocument},
		{prefix: "session.", failed: CodeSessionFailed, notRun: CodeSessionFailed},
		{prefix: "", failed: CodeCheckNotPassed, notRun: CodeCheckNotRun},
	}
}

// Decide reads a whole verdict: that of the document and that of [Profile.Evaluate]. Accepted is given exactly when the
// verdict is OK. Otherwise the reasons are those of the failed checks or, when none failed, of the checks that could not be
// carried out; each code is given once.
func Decide(v verdict.Verdict) (Decision, []Reason) {
	if v.OK() {
		return Accepted, []Reason{explain(CodeAccepted, verdict.Check{})}
	}
	reasons := reasonsOf(v.Failed(), func(r rule) Code { return r.failed })
	if len(reasons) == 0 {
		reasons = reasonsOf(v.Unknown(), func(r rule) Code {
			if r.following {
				return ""
			}
			return r.notRun
		})
		reasons = withoutConsequences(reasons)
	}
	if len(reasons) == 0 {
		reasons = []Reason{explain(CodeCheckNotRun, verdict.Check{})}
	}
	for _, r := range reasons {
		if r.Code.refuses() {
			return Refused, reasons
		}
	}
	return NotConfirmed, reasons
}

func reasonsOf(checks []verdict.Check, code func(rule) Code) []Reason {
	var out []Reason
	seen := make(map[Code]bool)
	for _, c := range checks {
		for _, r := range rules() {
			if !strings.HasPrefix(c.ID, r.prefix) {
				continue
			}
			if k := code(r); k != "" && !seen[k] {
				seen[k] = true
				out = append(out, explain(k, c))
			}
			break
		}
	}
	return out
}

// withoutConsequences leaves "nothing was shown" alone: that nothing could be read from it follows.
func withoutConsequences(reasons []Reason) []Reason {
	for _, r := range reasons {
		if r.Code == CodeNoDocument {
			return []Reason{r}
		}
	}
	return reasons
}

// refuses tells the codes that say no from those that only say "not known".
func (c Code) refuses() bool {
	switch c {
	case CodeUnderAge, CodeRevoked, CodeOutsideValidity, CodeIssuerNotTrusted, CodeNotGenuine, CodeHolderNotProved,
		CodeUnaskedData, CodeWrongDocument, CodeBadResponse, CodeCheckNotPassed:
		return true
	default:
		return false
	}
}
