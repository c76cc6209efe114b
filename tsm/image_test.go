package tsm_test

import (
	"bytes"
	"maps"
	"os"
	"slices"
	"testing"
	"time"
)

// image is a world at rest, from which any number of worlds go on: the same element with what it holds, the same jobs, the same
// issuer. A test that begins at one point many times over need not come there as often.
type image struct {
	of            *world
	element, jobs []byte // the two files
}

// image takes one. Nothing may be under way, and the world is not used after it.
func (w *world) image() *image {
	w.t.Helper()
	element, err := os.ReadFile(w.sePath)
	check(w.t, err)
	jobs, err := os.ReadFile(w.storePath)
	check(w.t, err)
	return &image{of: w, element: element, jobs: jobs}
}

// world goes on from the image, with files, element, service and issuer of its own.
func (i *image) world(t *testing.T) *world {
	t.Helper()
	was := i.of
	w := &world{
		t: t, now: was.now, logged: &bytes.Buffer{}, orderKey: was.orderKey, master: was.master, keys: was.keys,
		seID: was.seID, born: was.born, longest: was.longest, limit: was.limit,
	}
	w.settleIn()
	check(t, os.WriteFile(w.sePath, i.element, 0o600))
	check(t, os.WriteFile(w.storePath, i.jobs, 0o600))
	w.issuer = was.issuer.again(t, w.clock)
	w.begin()
	return w
}

// again is the issuer with the same keys, and with what it knows by now.
func (i *issuer) again(t *testing.T, now func() time.Time) *issuer {
	return &issuer{
		t: t, now: now, iaca: i.iaca, seRoot: i.seRoot, signer: i.signer, chain: i.chain, portrait: i.portrait,
		orders: maps.Clone(i.orders), issued: maps.Clone(i.issued), receipts: slices.Clone(i.receipts), asked: i.asked,
	}
}
