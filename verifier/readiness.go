package verifier

import (
	"time"

	"mobileid/verifier/trust"
)

// Readiness says what a till knows at a time. A till that is not ready still checks, and answers "not confirmed".
type Readiness struct {
	// Ready is true when there are roots, at least one usable status list, and a CRL in force.
	Ready bool `json:"ready"`
	// Profile names what is asked for.
	Profile string `json:"profile"`
	// Anchors counts the roots within their validity.
	Anchors int `json:"anchors"`
	// Lists describes every status list held, with its age.
	Lists []trust.ListInfo `json:"lists"`
	// CRLs counts the certificate revocation lists in force.
	CRLs int `json:"crls"`
	// At is the time it was asked.
	At time.Time `json:"at"`
}

// Readiness reports on roots and lists.
func (t *Till) Readiness() Readiness {
	at := t.config.Now()
	r := Readiness{Profile: t.config.Profile.Name, Lists: t.config.Lists.Lists(at), At: at}
	for _, root := range t.config.Anchors.Certificates() {
		if !at.Before(root.NotBefore) && !at.After(root.NotAfter) {
			r.Anchors++
		}
	}
	for _, c := range t.config.CRLs.Lists() {
		if !at.Before(c.ThisUpdate()) && !at.After(c.NextUpdate()) {
			r.CRLs++
		}
	}
	for _, l := range r.Lists {
		r.Ready = r.Ready || (l.Usable && r.Anchors > 0 && r.CRLs > 0)
	}
	return r
}
