package corpus

import (
	"slices"
	"strings"
	"time"

	"mobileid/mdoc/verdict"
)

// Kind says what a case holds and which judgement it is for.
type Kind string

// The kinds, in the order they are made.
const (
	DeviceResponse   Kind = "device_response"
	AgePolicy        Kind = "age_policy"
	IssuerSigned     Kind = "issuer_signed"
	DeviceRequest    Kind = "device_request"
	RequestLint      Kind = "device_request_lint"
	CertificateChain Kind = "certificate_chain"
	Certificate      Kind = "certificate"
	CRL              Kind = "crl"
	CRLLint          Kind = "crl_lint"
	VICAL            Kind = "vical"
	VICALLint        Kind = "vical_lint"
	StatusToken      Kind = "status_token"
	SessionMessages  Kind = "session"
	Engagement       Kind = "engagement"
	EngagementURI    Kind = "engagement_uri"
	NFCHandover      Kind = "nfc_handover"
	Transcript       Kind = "transcript"
	CBORItem         Kind = "cbor"
)

// Case is one structure with all that is needed to judge it. It is what the manifest of an export holds.
type Case struct {
	// Name is unique in the corpus: the kind, a slash, and words with hyphens.
	Name string `json:"name"`
	Kind Kind   `json:"kind"`
	// Base names the good case that this one was made from; empty for a good case.
	Base string `json:"base,omitempty"`
	// Check is the id of the one check that must not pass; empty for a good case, of which every check passes.
	Check string `json:"check,omitempty"`
	// Outcome is what that check says: fail, or not_run where nobody can tell; pass for a good case.
	Outcome verdict.Outcome `json:"outcome"`
	// Clause is where the demand comes from.
	Clause string `json:"clause"`
	// Reason says in one line what is wrong.
	Reason string `json:"reason"`
	// Covers lists the rows of attacks that the case answers, such as "P2" or "isomdl-132".
	Covers []string `json:"covers,omitempty"`
	// At is the time of the judgement.
	At time.Time `json:"at,omitzero"`
	// Profile is the certificate's profile, for certificate_chain and certificate, or that of a list, for crl_lint.
	Profile string `json:"profile,omitempty"`
	// URI is where a status token was fetched; for a device_response the one that the token belongs to.
	URI string `json:"uri,omitempty"`
	// Index is the entry asked for, for status_token.
	Index uint64 `json:"index,omitempty"`
	// Side is who receives the messages of a session: "device" or "reader".
	Side string `json:"side,omitempty"`
	// Files are the bytes, by role; of several of one role the order counts.
	Files []File `json:"files"`
}

// File is one file of a case.
type File struct {
	// Role says what it is, such as "response" or "anchor".
	Role string `json:"role"`
	// Path is relative to the export's folder; it is set by Export and Import. Cases share the files in which they do not differ.
	Path string `json:"path"`
	// Data are the bytes. The slice must not be changed.
	Data []byte `json:"-"`
}

// file gives the first file of a role, or nil.
func (c *Case) file(role string) []byte {
	for _, f := range c.Files {
		if f.Role == role {
			return f.Data
		}
	}
	return nil
}

// files gives all files of a role in their order.
func (c *Case) files(role string) [][]byte {
	var out [][]byte
	for _, f := range c.Files {
		if f.Role == role {
			out = append(out, f.Data)
		}
	}
	return out
}

func (c *Case) add(role string, data ...[]byte) {
	for _, d := range data {
		c.Files = append(c.Files, File{Role: role, Data: d})
	}
}

// All makes the corpus: good cases and spoiled ones, always the same bytes. The caller owns the slice.
func All() []Case {
	var out []Case
	for _, k := range Kinds() {
		out = append(out, Make(k)...)
	}
	return out
}

// Kinds lists the kinds in the order of the corpus.
func Kinds() []Kind {
	return []Kind{DeviceResponse, AgePolicy, IssuerSigned, DeviceRequest, RequestLint, CertificateChain, Certificate, CRL, CRLLint, VICAL, VICALLint, StatusToken, SessionMessages,
		Engagement, EngagementURI, NFCHandover, Transcript, CBORItem}
}

// Make makes the cases of one kind; none for a kind that does not exist.
func Make(k Kind) []Case {
	a := newAuthority()
	switch k {
	case DeviceResponse:
		return slices.Concat(responseCases(a), edition2Cases(a), encryptedCases(a))
	case AgePolicy:
		return ageCases(a)
	case IssuerSigned:
		return issuerSignedCases(a)
	case DeviceRequest:
		return append(requestCases(a), readerAuthAllCases(a)...)
	case RequestLint:
		return requestLintCases()
	case CertificateChain:
		return chainCases(a)
	case Certificate:
		return certificateCases(a)
	case CRL:
		return crlCases(a)
	case CRLLint:
		return crlLintCases(a)
	case VICAL:
		return vicalCases(a)
	case VICALLint:
		return vicalLintCases(a)
	case StatusToken:
		return append(tokenCases(a), identifierCases(a)...)
	case SessionMessages:
		return sessionCases(a)
	case Engagement:
		return engagementCases(a)
	case EngagementURI:
		return uriCases(a)
	case NFCHandover:
		return handoverCases(a)
	case Transcript:
		return transcriptCases(a)
	case CBORItem:
		return itemCases()
	}
	return nil
}

// label is what every case says of itself.
type label struct {
	name   string
	fails  string // the check; empty for a good case, with a question mark before it where it is not run
	reason string
	covers string // separated by spaces
}

func (l label) of(kind Kind, base string) Case {
	check, unknown := strings.CutPrefix(l.fails, "?")
	c := Case{Name: string(kind) + "/" + l.name, Kind: kind, Check: check, Outcome: verdict.Pass, Reason: l.reason, Covers: strings.Fields(l.covers),
		Clause: clauseOf(kind, check)}
	if check != "" {
		c.Base, c.Outcome = string(kind)+"/"+base, verdict.Fail
	}
	if unknown {
		c.Outcome = verdict.NotRun
	}
	return c
}
