package linkability

import (
	"fmt"
	"math"
	"slices"
)

// minSpread is how far apart, on average, the status indexes of a batch must lie at least: those of a list of a hundred
// thousand entries do, but for one draw in many thousands.
const minSpread = 8

// status demands a reference of its own for each document, all copies in one list, and indexes that neither follow one
// another nor stand close together, so that revoking the batch does not show which entries belong together.
func (l *lint) status() {
	all := slices.Concat(l.copies, l.others)
	seen := make(map[string]bool)
	missing, twice := 0, 0
	uris := make(map[string]bool)
	var indexes []uint64
	for i, d := range all {
		ref, uri, index := d.statusReference()
		if ref == "" {
			missing++
			continue
		}
		if seen[ref] {
			twice++
		}
		seen[ref] = true
		if i < len(l.copies) {
			uris[uri] = true
			if index != nil {
				indexes = append(indexes, *index)
			}
		}
	}
	ok := missing == 0 && twice == 0 && len(uris) == 1 && !regular(indexes)
	l.v.Record("linkability.status", clauseStatus, ok, fmt.Sprintf("%d documents without a status reference, %d references given twice, "+
		"%d lists in the batch, indexes regular or close together: %t", missing, twice, len(uris), regular(indexes)))
}

// statusReference gives the whole reference as a key to compare, the list's address, and the index of a status list.
func (d *document) statusReference() (ref, uri string, index *uint64) {
	s := d.mso.Status
	switch {
	case s == nil:
		return "", "", nil
	case s.StatusList != nil:
		return fmt.Sprintf("%d %s", s.StatusList.Index, s.StatusList.URI), s.StatusList.URI, &s.StatusList.Index
	case s.IdentifierList != nil:
		return string(s.IdentifierList.ID) + " " + s.IdentifierList.URI, s.IdentifierList.URI, nil
	}
	return "", "", nil
}

// regular reports whether sorted indexes have equal steps (three or more of them), or lie close together.
func regular(indexes []uint64) bool {
	if len(indexes) < 2 {
		return false
	}
	sorted := slices.Sorted(slices.Values(indexes))
	span := sorted[len(sorted)-1] - sorted[0]
	if span/minSpread < uint64(len(sorted)) {
		return true
	}
	step, equal := uint64(math.MaxUint64), true
	for i := 1; i < len(sorted); i++ {
		d := sorted[i] - sorted[i-1]
		if i > 1 && d != step {
			equal = false
		}
		step = d
	}
	return equal && len(sorted) > 2
}
