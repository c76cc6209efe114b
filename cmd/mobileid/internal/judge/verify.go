package judge

import (
	"crypto/ecdh"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"mobileid/cmd/mobileid/internal/inspect"
	"mobileid/mdoc"
	"mobileid/mdoc/pki"
	"mobileid/mdoc/transcript"
	"mobileid/mdoc/verdict"
	"mobileid/verifier/trust"
)

// Presentation is what Verify judges.
type Presentation struct {
	// Response, Request: the encoded structures. Needed.
	Response, Request []byte
	// Transcript is the session's. Needed.
	Transcript transcript.Transcript
	// Roots are the issuers' roots. Needed.
	Roots *pki.Anchors
	// EReaderKey is the reader's ephemeral key; a device MAC cannot be checked without it.
	EReaderKey *ecdh.PrivateKey
	// StatusLists are encoded tokens; without the right one the status is not known and nothing is accepted.
	StatusLists [][]byte
	// CRLs are revocation lists in DER; without the right one it is not known whether the signer is revoked, and nothing is accepted.
	CRLs [][]byte
	// At is the time of the judgement. Needed.
	At time.Time
}

// ErrNotAccepted is returned when a check failed or did not run, ErrIncomplete when all passed and something asked for was not
// returned: a holder may refuse a single element, which breaks no rule.
var (
	ErrNotAccepted = errors.New("not accepted")
	ErrIncomplete  = errors.New("accepted, but not everything asked for was returned")
)

// Verify judges a presentation and prints every check, and for each proved document what is missing of what was asked for. It
// returns ErrNotAccepted or ErrIncomplete, as a *inspect.Problem with advice, unless each check passed and nothing is missing.
func Verify(out io.Writer, p Presentation, asJSON bool) error {
	request, err := mdoc.ParseDeviceRequest(p.Request)
	if err != nil {
		return fmt.Errorf("verifying: %w", err)
	}
	lists, err := p.lists()
	if err != nil {
		return err
	}
	in := mdoc.Verification{Response: p.Response, Transcript: p.Transcript, Request: request, EReaderKey: p.EReaderKey, Anchors: p.Roots, At: p.At}
	if lists != nil {
		in.Status = lists
	}
	crls, err := p.revocations()
	if err != nil {
		return err
	}
	if crls != nil {
		in.Revocation = crls
	}
	result, err := mdoc.Verify(in)
	if err != nil {
		return err
	}
	o := newOutcome(result, request, p.At)
	if err := o.write(out, asJSON); err != nil {
		return err
	}
	switch {
	case !o.Accepted:
		return &inspect.Problem{Err: ErrNotAccepted, Hint: p.hint(result.Verdict)}
	case o.missing() > 0:
		return &inspect.Problem{Err: ErrIncomplete, Hint: "the holder may refuse single elements; whether the rest is enough is for whoever asked to decide"}
	}
	return nil
}

// lists takes the status lists as a till would; nil when there are none.
func (p Presentation) lists() (*trust.Cache, error) {
	if len(p.StatusLists) == 0 {
		return nil, nil
	}
	held, err := p.revocations()
	if err != nil {
		return nil, err
	}
	if held == nil {
		held = pki.NewRevocationLists(p.Roots)
	}
	cache, err := trust.NewCache(trust.CacheConfig{Anchors: p.Roots, Revocation: held})
	if err != nil {
		return nil, err
	}
	for _, raw := range p.StatusLists {
		uri, err := inspect.StatusListURI(raw)
		if err != nil {
			return nil, err
		}
		if err := cache.Put(uri, raw, p.At); err != nil {
			return nil, err
		}
	}
	return cache, nil
}

// revocations takes the revocation lists as a till would; nil when there are none.
func (p Presentation) revocations() (*pki.RevocationLists, error) {
	if len(p.CRLs) == 0 {
		return nil, nil
	}
	held := pki.NewRevocationLists(p.Roots)
	for _, der := range p.CRLs {
		if err := held.Put(der, p.At); err != nil {
			return nil, err
		}
	}
	return held, nil
}

// hint says what is missing, or where to look.
func (p Presentation) hint(v verdict.Verdict) string {
	var missing []string
	for _, c := range v.Unknown() {
		switch {
		case strings.HasPrefix(c.ID, "status.") && len(p.StatusLists) == 0:
			missing = append(missing, "--status with the status list the document names: without it the document may be revoked")
		case c.ID == "device_auth.proof" && p.EReaderKey == nil:
			missing = append(missing, "--reader-key: the device's proof is a MAC")
		case c.ID == "issuer_auth.revocation":
			missing = append(missing, "--crl with the revocation list of the signer's issuer, in force at the time")
		}
	}
	slices.Sort(missing)
	if missing = slices.Compact(missing); len(missing) > 0 && len(v.Failed()) == 0 {
		return "nothing failed, but something is missing: " + strings.Join(missing, "; ")
	}
	return "docs/verdicts.md explains each id; mobileid inspect shows the elements"
}
