package cose

// UnprotectedBesides counts the parameters of the unprotected header other than the one with the given label, and gives the
// integer labels among them in order. Nothing reads those parameters; they are outside the signature or MAC.
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
