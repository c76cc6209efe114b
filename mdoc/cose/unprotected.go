package cose

import "slices"

// UnprotectedBesides counts the parameters of the unprotected header other than the one with the given label, and gives the
// integer labels among them in order. Those parameters are outside the signature or MAC.
func (m *message) UnprotectedBesides(label int64) (count int, labels []int64) {
	for _, p := range m.unprotectedI {
		if p.IsInt && p.Int == label {
			continue
		}
		count++
		if p.IsInt {
			labels = append(labels, p.Int)
		}
	}
	return count, labels
}

// ProtectedBesides counts the parameters of the protected header whose labels are not among the given ones.
func (m *message) ProtectedBesides(labels ...int64) int {
	n := 0
	for _, p := range m.protectedIn {
		if !p.IsInt || !slices.Contains(labels, p.Int) {
			n++
		}
	}
	return n
}
