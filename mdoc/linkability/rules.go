package linkability

import (
	"bytes"
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"time"

	"mobileid/mdoc/cbor"
	"mobileid/mdoc/cose"
)

// content demands what makes a batch: one docType, the same elements with the same values.
func (l *lint) content() {
	first := l.copies[0].values()
	docType := l.copies[0].mso.DocType
	n := count(l.copies, func(d *document) bool { return d.mso.DocType != docType || !maps.Equal(d.values(), first) })
	l.v.Record("linkability.content", clauseProfile, n == 0, strconv.Itoa(n)+" copies differ in docType, elements or values")
}

func (d *document) values() map[string]string {
	out := make(map[string]string, len(d.items))
	for _, it := range d.items {
		out[it.element] = string(it.value.Value.ElementValue)
	}
	return out
}

// members refuses what the standard does not name: it may hold anything, so also a link.
func (l *lint) members() {
	n := count(l.copies, func(d *document) bool { return d.unknown > 0 })
	l.v.Record("linkability.members", clauseMSO, n == 0, strconv.Itoa(n)+" copies with members that the standard does not name")
}

// authorizations demands the same keyAuthorizations in all copies and, where there are others, ones that another document has
// too: the names in them are free, so they may hold a link.
func (l *lint) authorizations() {
	first := l.copies[0].authorizations
	differ := count(l.copies, func(d *document) bool { return !bytes.Equal(d.authorizations, first) })
	shared := count(l.others, func(d *document) bool { return bytes.Equal(d.authorizations, first) })
	names := 0
	if k := l.copies[0].mso.DeviceKeyInfo.KeyAuthorizations; k != nil {
		names = len(k.NameSpaces) + len(k.DataElements)
	}
	l.v.Record("linkability.key_authorizations", clauseMSO, differ == 0 && (first == nil || len(l.others) == 0 || shared > 0),
		fmt.Sprintf("%d namespaces authorized, %d copies differ from the first, %d of %d other documents have the same",
			names, differ, shared, len(l.others)))
}

// headers demands alg and at most x5t protected, the certificates unprotected, and the same of both in all copies.
func (l *lint) headers() {
	first := l.copies[0].headers
	n := count(l.copies, func(d *document) bool {
		return !bytes.Equal(d.headers.Protected, first.Protected) || !bytes.Equal(d.headers.Unprotected, first.Unprotected) ||
			!onlyLabels(d.headers.Protected, 1, 34) || !onlyLabels(d.headers.Unprotected, 33)
	})
	l.v.Record("linkability.headers", clauseMSO, n == 0, strconv.Itoa(n)+" copies whose headers differ or hold more than alg, x5t and x5chain")
}

func onlyLabels(header []byte, labels ...int64) bool {
	pairs, err := cbor.Pairs(header)
	if err != nil {
		return false
	}
	return !slices.ContainsFunc(pairs, func(p cbor.RawPair) bool { return !p.IsInt || !slices.Contains(labels, p.Int) })
}

// times demands that every time lies on the grid, so that it does not tell when this batch was made, and that all copies have one
// life, so that their ends do not tell one batch from another.
func (l *lint) times(grid time.Duration) {
	off := func(t time.Time) bool { return !t.Equal(t.Truncate(grid)) }
	n := count(l.copies, func(d *document) bool {
		i := d.mso.ValidityInfo
		return off(i.Signed.Time()) || off(i.ValidFrom.Time()) || off(i.ValidUntil.Time()) ||
			i.ExpectedUpdate != nil && off(i.ExpectedUpdate.Time())
	})
	first := l.copies[0].life()
	other := count(l.copies, func(d *document) bool { return d.life() != first })
	l.v.Record("linkability.times", clauseMSO, n == 0 && other == 0,
		fmt.Sprintf("%d copies with a time off the grid of %s, %d with another life than the first", n, grid, other))
}

// life is what lies between signed and validFrom, validFrom and validUntil, and validFrom and expectedUpdate.
type life struct {
	wait, valid, update time.Duration
	updated             bool
}

func (d *document) life() life {
	i := d.mso.ValidityInfo
	from := i.ValidFrom.Time()
	out := life{wait: from.Sub(i.Signed.Time()), valid: i.ValidUntil.Time().Sub(from)}
	if i.ExpectedUpdate != nil {
		out.update, out.updated = i.ExpectedUpdate.Time().Sub(from), true
	}
	return out
}

// itemOrder demands one order of elements in all documents of the issuer, or else an order that no two copies share.
func (l *lint) itemOrder() {
	all := slices.Concat(l.copies, l.others)
	place := make(map[string]int)
	for i, it := range l.copies[0].items {
		place[it.element] = i
	}
	n := count(all, func(d *document) bool {
		last := -1
		for _, it := range d.items {
			if at, shared := place[it.element]; shared {
				if at < last {
					return true
				}
				last = at
			}
		}
		return false
	})
	orders := make(map[string]int)
	for _, d := range l.copies {
		var order []byte
		for _, it := range d.items {
			order = append(append(order, it.element...), 0)
		}
		orders[string(order)]++
	}
	random := len(orders) == len(l.copies)
	l.v.Record("linkability.item_order", clauseProfile, n == 0 || random,
		fmt.Sprintf("%d documents in another order than the first, %d orders in %d copies", n, len(orders), len(l.copies)))
}

// minPermuted is the number of elements from which two equal permutations are no accident: 8! is 40,320.
const minPermuted = 8

// digestIDs demands ids below the number of digests and, where there are elements enough, no two copies with one assignment.
func (l *lint) digestIDs() {
	high := count(l.copies, func(d *document) bool {
		return slices.ContainsFunc(d.items, func(it item) bool { return it.value.Value.DigestID >= uint64(d.digests()) })
	})
	same := 0
	for i, d := range l.copies {
		for _, o := range l.copies[:i] {
			if len(d.items) >= minPermuted && maps.Equal(d.digestIDs(), o.digestIDs()) {
				same++
			}
		}
	}
	l.v.Record("linkability.digest_ids", clauseRandom, high == 0 && same == 0,
		fmt.Sprintf("%d copies with an id beyond the number of digests, %d pairs with one assignment", high, same))
}

func (d *document) digests() int {
	n := 0
	for _, ns := range d.mso.ValueDigests {
		n += len(ns.Value)
	}
	return n
}

// digestOrder demands the digests of a namespace in the order of their ids: any other could follow the elements.
func (l *lint) digestOrder() {
	n := count(l.copies, func(d *document) bool {
		for _, ns := range d.mso.ValueDigests {
			if !slices.IsSortedFunc(ns.Value, func(a, b cbor.Entry[uint64, []byte]) int { return cmp.Compare(a.Key, b.Key) }) {
				return true
			}
		}
		return false
	})
	l.v.Record("linkability.digest_order", clauseRandom, n == 0, strconv.Itoa(n)+" copies whose digests are not in the order of their ids")
}

// uniqueDigests demands that no digest stands twice in all documents, whether or not its item was given: also a decoy's must be drawn
// anew for each copy.
func (l *lint) uniqueDigests() {
	seen := make(map[string]bool)
	all, twice := 0, 0
	for _, d := range slices.Concat(l.copies, l.others) {
		for _, ns := range d.mso.ValueDigests {
			for _, e := range ns.Value {
				all++
				if seen[string(e.Value)] {
					twice++
				}
				seen[string(e.Value)] = true
			}
		}
	}
	l.v.Record("linkability.digests", clauseRandom, twice == 0, fmt.Sprintf("%d digests, %d given twice", all, twice))
}

// salts demands that no random value stands twice in all documents, and one length for all.
func (l *lint) salts() {
	seen := make(map[string]bool)
	twice, lengths := 0, make(map[int]bool)
	for _, d := range slices.Concat(l.copies, l.others) {
		for _, it := range d.items {
			salt := string(it.value.Value.Random)
			if seen[salt] {
				twice++
			}
			seen[salt] = true
			lengths[len(salt)] = true
		}
	}
	l.v.Record("linkability.salts", clauseRandom, twice == 0 && len(lengths) == 1,
		fmt.Sprintf("%d random values given twice, %d different lengths", twice, len(lengths)))
}

// lengths demands one length of all copies, but for the status index, whose head depends on its value.
func (l *lint) lengths() {
	first := l.copies[0].length()
	n := count(l.copies, func(d *document) bool { return d.length() != first })
	l.v.Record("linkability.lengths", clauseProfile, n == 0, strconv.Itoa(n)+" copies of another length than the first")
}

func (d *document) length() int {
	if s := d.mso.Status; s != nil && s.StatusList != nil {
		return d.size - cbor.HeadSize(int(min(s.StatusList.Index, math.MaxUint32)))
	}
	return d.size
}

// deviceKeys demands a key of its own for each document, all on one curve.
func (l *lint) deviceKeys() {
	all := slices.Concat(l.copies, l.others)
	same := 0
	for i, d := range all {
		for _, o := range all[:i] {
			if sameKey(d.mso.DeviceKeyInfo.DeviceKey, o.mso.DeviceKeyInfo.DeviceKey) {
				same++
			}
		}
	}
	curve := l.copies[0].mso.DeviceKeyInfo.DeviceKey.Curve()
	other := count(l.copies, func(d *document) bool { return d.mso.DeviceKeyInfo.DeviceKey.Curve() != curve })
	l.v.Record("linkability.device_keys", clauseProfile, same == 0 && other == 0,
		fmt.Sprintf("%d pairs with one device key, %d keys on another curve than the first", same, other))
}

func sameKey(a, b cose.Key) bool { return a.Equal(b) || bytes.Equal(a.Bytes(), b.Bytes()) }
