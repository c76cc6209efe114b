package linkability

import (
	"fmt"
	"math"
	"slices"

	"mobileid/mdoc"
)

// minSpread is how far apart, on average, the status indexes of a batch must lie at least: those of a list of a hundred
// thousand entries do, but for one draw in many thousands.
const minSpread = 8

// status demands a reference of its own for each document, all copies in one list of each kind, which others use too where
// there are others, and indexes that neither follow one another nor stand close together, so that revoking the batch does not
// show which entries belong together.
func (l *lint) status() {
	missing := count(slices.Concat(l.copies, l.others), func(d *document) bool {
		return d.mso.Status == nil || d.mso.Status.StatusList == nil && d.mso.Status.IdentifierList == nil
	})
	var indexes []uint64
	for _, d := range l.copies {
		if s := d.mso.Status; s != nil && s.StatusList != nil {
			indexes = append(indexes, s.StatusList.Index)
		}
	}
	twice, lists, own := 0, 0, 0
	for _, of := range []func(*mdoc.Status) (string, string){statusEntry, identifierEntry} {
		t, n, o := l.references(of)
		twice, lists, own = twice+t, max(lists, n), own+o
	}
	ok := missing == 0 && twice == 0 && lists == 1 && own == 0 && !regular(indexes)
	l.v.Record("linkability.status", clauseStatus, ok, fmt.Sprintf("%d documents without a status reference, %d references given twice, "+
		"%d lists of a kind in the batch, %d that no other document uses, indexes regular or close together: %t",
		missing, twice, lists, own, regular(indexes)))
}

// references looks at one kind of list: how many entries are given twice in all documents, how many lists the copies use, where
// none counts as one if not all use none, and how many of those no other document uses.
func (l *lint) references(of func(*mdoc.Status) (list, entry string)) (twice, lists, own int) {
	entries := make(map[string]bool)
	batch, others := make(map[string]bool), make(map[string]bool)
	for i, d := range slices.Concat(l.copies, l.others) {
		list, entry := of(d.mso.Status)
		if i < len(l.copies) {
			batch[list] = true
		} else {
			others[list] = true
		}
		if list != "" && entries[list+entry] {
			twice++
		}
		entries[list+entry] = true
	}
	if len(batch) == 1 && batch[""] {
		return twice, 0, 0
	}
	for list := range batch {
		if list != "" && len(others) > 0 && !others[list] {
			own++
		}
	}
	return twice, len(batch), own
}

// statusEntry gives the status list, with its trust point, and the entry in it; nothing where there is none.
func statusEntry(s *mdoc.Status) (list, entry string) {
	if s == nil || s.StatusList == nil {
		return "", ""
	}
	return fmt.Sprintf("%q %x", s.StatusList.URI, s.StatusList.Certificate), fmt.Sprintf(" %d", s.StatusList.Index)
}

// identifierEntry is statusEntry for the identifier list.
func identifierEntry(s *mdoc.Status) (list, entry string) {
	if s == nil || s.IdentifierList == nil {
		return "", ""
	}
	return fmt.Sprintf("%q %x", s.IdentifierList.URI, s.IdentifierList.Certificate), fmt.Sprintf(" %x", s.IdentifierList.ID)
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
