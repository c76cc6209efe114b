package storetest

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"mobileid/tsm/store"
)

// contested: a refused receipt is owed no more and kept all the same, until a release has it owed again.
func contested(t *testing.T, open Opener) {
	s := open(t)
	ctx := t.Context()
	put := func(n int, kind store.Kind, se string, state store.State, cursor store.Cursor) store.Job {
		j := must(s.Enqueue(ctx, job(n, kind, se, 0)))(t)
		j.State, j.Cursor, j.Reason, j.Attempts = state, cursor, "receipt_refused", 3
		j.Receipts = []store.Receipt{{Slot: 1, Signed: []byte{1}, Delivered: true}, {Slot: 2, Signed: []byte{2}, Refused: "order_unknown"}}
		return must(s.Advance(ctx, j))(t)
	}
	put(1, store.Wipe, seA, store.Refused, store.Cleared)
	put(2, store.Wipe, seA, store.Expired, store.Wiped)
	put(3, store.Wipe, seA, store.Queued, store.Wiped)
	put(4, store.Wipe, seB, store.Refused, store.Cleared)
	put(5, store.Provision, seA, store.Refused, store.Committed) // of this one nobody waits for the receipt
	shut(t, s)
	s = open(t)
	defer shut(t, s)
	if got := must(s.Owing(ctx, "", 10))(t); len(got) != 0 {
		t.Errorf("%d jobs owe what was refused", len(got))
	}
	if n := must(s.Prune(ctx, noon.Add(time.Hour), 10))(t); n != 1 {
		t.Errorf("%d jobs forgotten, want the provisioning alone", n)
	}
	if n := must(s.Release(ctx, seA))(t); n != 3 {
		t.Errorf("%d released, want 3", n)
	}
	if n := must(s.Release(ctx, seA))(t); n != 0 {
		t.Errorf("%d released once more", n)
	}
	want := map[int]store.State{1: store.Queued, 2: store.Expired, 3: store.Queued}
	owing := must(s.Owing(ctx, "", 10))(t)
	if len(owing) != len(want) {
		t.Errorf("%d jobs owe, want %d", len(owing), len(want))
	}
	for n, state := range want {
		j := must(s.Job(ctx, job(n, 0, "", 0).OrderID))(t)
		receipts := []store.Receipt{{Slot: 1, Signed: []byte{1}, Delivered: true}, {Slot: 2, Signed: []byte{2}}}
		if diff := cmp.Diff(receipts, j.Receipts); diff != "" || j.State != state || j.Reason != "" || j.Attempts != 0 {
			t.Errorf("job %d is %v (%s) after %d attempts\n%s", n, j.State, j.Reason, j.Attempts, diff)
		}
		j.State, j.Receipts[1].Delivered = store.Done, true
		must(s.Advance(ctx, j))(t)
	}
	if n := must(s.Prune(ctx, noon.Add(time.Hour), 10))(t); n != 3 {
		t.Errorf("%d jobs forgotten once their receipts were taken, want 3", n)
	}
	if j := must(s.Job(ctx, job(4, 0, "", 0).OrderID))(t); j.State != store.Refused || j.Receipts[1].Refused != "order_unknown" {
		t.Errorf("the other element's job is %v", j.State)
	}
	if _, err := s.Job(ctx, job(5, 0, "", 0).OrderID); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("the provisioning: %v", err)
	}
}
