package benchmark

import (
	"context"
	"crypto"
	"crypto/sha256"
	"errors"
	"math"
	"runtime"

	"mobileid/mdoc"
	"mobileid/mdoc/cose"
)

// collectorShare is how many batches long those of an issue are, so that the collector runs in each in proportion. It comes about once in eighty issues,
// which is as long as a batch: with one of them, a process counted it in all of its batches or in none, and the figure was one of two.
const collectorShare = 4

// issue compares one issue with one signature by the same signer, RFC 6979 both, and counts its allocations.
func issue(ctx context.Context, h harness, w *world, p *printer) error {
	draft, err := w.draft(w.workload())
	if err != nil {
		return err
	}
	signer := cose.Deterministic(w.signer.key)
	if err := w.acceptIssued(draft, signer); err != nil {
		return err
	}
	one := func() error { _, err := w.issue(draft, signer); return err }
	digest := sha256.Sum256([]byte("a digest"))
	sign := func() error { _, err := signer.Sign(nil, digest[:], crypto.SHA256); return err }
	h.batch *= collectorShare
	m, err := h.compare(ctx, one, sign)
	if err != nil {
		return err
	}
	allocations, _, err := memory(16, one)
	if err != nil {
		return err
	}
	p.comment("issue of %d items %s, one RFC 6979 signature %s", workloadItems, m.function, m.floor)
	p.ratio("issue_over_sign", m.ratio)
	p.ratio("issue_share_of_sign", 1/m.ratio)
	p.count("issue_allocs", allocations)
	return nil
}

// acceptIssued issues once and checks the result as an issuer does.
func (w *world) acceptIssued(d mdoc.Draft, signer crypto.Signer) error {
	raw, err := w.issue(d, signer)
	if err != nil {
		return err
	}
	s, err := mdoc.ParseIssuerSigned(raw)
	if err != nil {
		return err
	}
	v, err := s.CheckIssuerSigned(w.iacas, w.now)
	if err != nil {
		return err
	}
	if !v.OK() {
		return errors.New("what was issued is refused: " + v.String())
	}
	return nil
}

// memory gives the allocations and bytes of one call: the least seen, so that what runs beside is not counted.
func memory(calls int, f func() error) (allocations int, bytes uint64, err error) {
	least, leastBytes := uint64(math.MaxUint64), uint64(math.MaxUint64)
	for range calls {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		err := f()
		runtime.ReadMemStats(&after)
		if err != nil {
			return 0, 0, err
		}
		least, leastBytes = min(least, after.Mallocs-before.Mallocs), min(leastBytes, after.TotalAlloc-before.TotalAlloc)
	}
	return int(least), leastBytes, nil //nolint:gosec // a count
}
