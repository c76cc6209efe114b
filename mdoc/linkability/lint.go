package linkability

import (
	"errors"
	"fmt"
	"time"

	"mobileid/mdoc/verdict"
)

// MaxDocuments bounds a batch and the documents it is compared with, each.
const MaxDocuments = 1000

// DefaultGrid is what times are rounded to when a Batch leaves it open.
const DefaultGrid = time.Hour

// Batch is what Lint compares.
type Batch struct {
	// Copies are the encoded IssuerSigned of one holder, at least two.
	Copies [][]byte
	// Others are documents that the same issuer made for other holders. With some at hand more can be told; none is needed.
	Others [][]byte
	// Grid is the unit to which all times are rounded, in UTC; 0 means DefaultGrid.
	Grid time.Duration
}

const (
	clauseMSO     = "ISO/IEC 18013-5 second edition, 12.3"
	clauseRandom  = "ISO/IEC 18013-5:2021, 9.1.2.5"
	clauseStatus  = "ISO/IEC 18013-5 second edition, 12.3.6"
	clauseProfile = "docs/profile.md"
)

// Lint compares the copies with one another and with the others. Every check has an id "linkability.*" and is listed whatever
// came of it. The error tells a caller's mistake; no document gives one.
func Lint(b Batch) (verdict.Verdict, error) {
	var v verdict.Verdict
	if b.Grid == 0 {
		b.Grid = DefaultGrid
	}
	switch {
	case len(b.Copies) < 2 || len(b.Copies) > MaxDocuments || len(b.Others) > MaxDocuments:
		return v, fmt.Errorf("linting batch: %d copies and %d others, expected 2 to %d and at most %d",
			len(b.Copies), len(b.Others), MaxDocuments, MaxDocuments)
	case b.Grid < time.Second || b.Grid > 24*time.Hour:
		return v, errors.New("linting batch: the grid of times is from a second to a day")
	}
	copies, err := readAll(b.Copies)
	others, otherErr := readAll(b.Others)
	if err = errors.Join(err, otherErr); err != nil {
		v.Fail("linkability.form", clauseMSO, err.Error())
		for _, id := range checks[1:] {
			v.NotRun(id, clauseMSO, "a document did not decode")
		}
		return v, nil
	}
	v.Pass("linkability.form", clauseMSO, fmt.Sprintf("%d copies, %d others", len(copies), len(others)))
	l := lint{v: &v, copies: copies, others: others}
	l.content()
	l.members()
	l.authorizations()
	l.headers()
	l.times(b.Grid)
	l.itemOrder()
	l.digestIDs()
	l.digestOrder()
	l.uniqueDigests()
	l.salts()
	l.lengths()
	l.deviceKeys()
	l.status()
	return v, nil
}

// checks are the ids in their order.
var checks = [...]string{"linkability.form", "linkability.content", "linkability.members", "linkability.key_authorizations",
	"linkability.headers", "linkability.times", "linkability.item_order", "linkability.digest_ids", "linkability.digest_order", "linkability.digests",
	"linkability.salts", "linkability.lengths", "linkability.device_keys", "linkability.status"}

type lint struct {
	v      *verdict.Verdict
	copies []*document
	others []*document
}

// count runs a check over documents and says how many broke it.
func count(docs []*document, broken func(*document) bool) int {
	n := 0
	for _, d := range docs {
		if broken(d) {
			n++
		}
	}
	return n
}
