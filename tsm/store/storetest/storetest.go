// Package storetest is the suite that every store.Store must pass, imported by
// tests only. It checks what the comments of the interface promise, except what
// only a power cut can show.
package storetest

import (
	"bytes"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"mobileid/tsm/store"
)

// Opener opens a store on the same data each time it is called in one test.
// The suite closes what it opened before it opens again.
type Opener func(t *testing.T) store.Store

// noon is the time around which the suite's orders end.
var noon = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

// Run runs the suite; fresh gives the opener of an empty data set.
func Run(t *testing.T, fresh func(t *testing.T) Opener) {
	for _, tt := range []struct {
		name string
		run  func(*testing.T, Opener)
	}{
		{"enqueue is idempotent", enqueueTwice},
		{"an order id is taken once", conflict},
		{"racers enqueue one job", racers},
		{"wipes and locks come first, then the order of arrival", order},
		{"a wipe cancels what it covers", wipeCancels},
		{"the latest of lock and unlock counts", latestSwitch},
		{"writers at the same time", writers},
		{"advance needs the revision", advance},
		{"final jobs lose their cipher text", finalDrops},
		{"settled and parked jobs are passed over", passedOver},
		{"receipts owed", owing},
		{"refused receipts of a wipe", contested},
		{"expire", expire},
		{"prune", prune},
		{"failed authentications and release", failedAuth},
		{"key versions", keyVersions},
		{"what was written is there after reopening", reopen},
		{"a copy is returned", copies},
		{"closed", closed},
	} {
		t.Run(tt.name, func(t *testing.T) { tt.run(t, fresh(t)) })
	}
}

// job is an order of its own for SE and slot.
func job(n int, kind store.Kind, se string, slot byte) store.Job {
	return store.Job{
		OrderID: fmt.Sprintf("%032x", n), Digest: fmt.Sprintf("%064x", n), Kind: kind, SEID: se, Slot: slot,
		Purpose: 1, Challenge: []byte{1, 2, 3}, NotAfter: noon,
	}
}

const seA, seB = "a0000000000000000001", "a0000000000000000002"

func enqueueTwice(t *testing.T, open Opener) {
	s := open(t)
	defer shut(t, s)
	first := must(s.Enqueue(t.Context(), job(1, store.Provision, seA, 1)))(t)
	if first.State != store.Queued || first.Cursor != store.Ordered || first.Revision == 0 {
		t.Fatalf("fresh job is %v %v revision %d", first.State, first.Cursor, first.Revision)
	}
	first.Cursor, first.Attestation = store.Attested, []byte("att")
	moved := must(s.Advance(t.Context(), first))(t)
	again := must(s.Enqueue(t.Context(), job(1, store.Provision, seA, 1)))(t)
	if diff := cmp.Diff(moved, again); diff != "" {
		t.Errorf("the second Enqueue does not return the job as it stands:\n%s", diff)
	}
}

func conflict(t *testing.T, open Opener) {
	s := open(t)
	defer shut(t, s)
	want := must(s.Enqueue(t.Context(), job(1, store.Provision, seA, 1)))(t)
	other := job(1, store.Wipe, seB, 0)
	other.Digest = job(2, 0, "", 0).Digest
	if _, err := s.Enqueue(t.Context(), other); !errors.Is(err, store.ErrOrderConflict) {
		t.Fatalf("err = %v, want ErrOrderConflict", err)
	}
	if diff := cmp.Diff(want, must(s.Job(t.Context(), want.OrderID))(t)); diff != "" {
		t.Errorf("the refused order changed the job:\n%s", diff)
	}
	if _, err := s.Next(t.Context(), seB); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("the refused order is in the queue: %v", err)
	}
}

func racers(t *testing.T, open Opener) {
	s := open(t)
	defer shut(t, s)
	var wg sync.WaitGroup
	positions := make([]uint64, 32)
	for i := range positions {
		wg.Go(func() {
			if j, err := s.Enqueue(t.Context(), job(i%4, store.Provision, seA, 1)); err != nil {
				t.Error(err)
			} else {
				positions[i] = j.Position
			}
		})
	}
	wg.Wait()
	for i, p := range positions {
		if p != positions[i%4] {
			t.Errorf("racer %d got position %d, another one of the same order %d", i, p, positions[i%4])
		}
	}
}

func order(t *testing.T, open Opener) {
	s := open(t)
	defer shut(t, s)
	ctx := t.Context()
	must(s.Enqueue(ctx, job(9, store.Provision, seA, 2)))(t)
	must(s.Enqueue(ctx, job(3, store.Provision, seA, 1)))(t)
	must(s.Enqueue(ctx, job(1, store.Provision, seB, 1)))(t)
	must(s.Enqueue(ctx, job(7, store.Wipe, seA, 5)))(t)
	must(s.Enqueue(ctx, job(2, store.Wipe, seA, 6)))(t)
	must(s.Enqueue(ctx, job(8, store.Rekey, seA, 0)))(t)
	must(s.Enqueue(ctx, job(5, store.Lock, seA, 1)))(t)
	if j := must(s.Next(ctx, seA, job(7, store.Wipe, seA, 5).OrderID, job(5, store.Lock, seA, 1).OrderID))(t); j.OrderID[31:] != "2" {
		t.Errorf("past two jobs the next is %s", j.OrderID[31:])
	}
	var got []string
	for {
		j, err := s.Next(ctx, seA)
		if errors.Is(err, store.ErrNotFound) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, j.OrderID[31:])
		j.State = store.Done
		must(s.Advance(ctx, j))(t)
	}
	if diff := cmp.Diff([]string{"7", "2", "5", "9", "3", "8"}, got); diff != "" {
		t.Errorf("order of the queue:\n%s", diff)
	}
	if j := must(s.Next(ctx, seB))(t); j.Slot != 1 {
		t.Errorf("the other element's job is gone")
	}
}

func wipeCancels(t *testing.T, open Opener) {
	for _, tt := range []struct {
		name string
		slot byte
		want map[int]store.State
	}{
		{"every slot", 0, map[int]store.State{1: store.Cancelled, 2: store.Cancelled, 3: store.Queued, 4: store.Queued, 5: store.Cancelled, 7: store.Cancelled, 8: store.Queued}},
		{"one slot", 2, map[int]store.State{1: store.Queued, 2: store.Cancelled, 3: store.Queued, 4: store.Queued, 5: store.Parked, 7: store.Cancelled, 8: store.Queued}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := open(t)
			defer shut(t, s)
			ctx, base := t.Context(), int(tt.slot)*16
			put := func(n int, se string, slot byte, change func(*store.Job)) {
				j := must(s.Enqueue(ctx, job(base+n, store.Provision, se+fmt.Sprint(tt.slot), slot)))(t)
				change(&j)
				must(s.Advance(ctx, j))(t)
			}
			put(1, seA, 1, func(*store.Job) {})
			put(2, seA, 2, func(j *store.Job) { j.Cursor, j.Sealed = store.Sealed, []byte("ct") })
			put(3, seB, 2, func(*store.Job) {})
			put(4, seA, 2, func(j *store.Job) { j.Cursor = store.Committed })
			put(5, seA, 1, func(j *store.Job) { j.State = store.Parked })
			must(s.Enqueue(ctx, job(base+7, store.Lock, seA+fmt.Sprint(tt.slot), 2)))(t)
			must(s.Enqueue(ctx, job(base+8, store.Rekey, seA+fmt.Sprint(tt.slot), 0)))(t)
			wipe := must(s.Enqueue(ctx, job(base+6, store.Wipe, seA+fmt.Sprint(tt.slot), tt.slot)))(t)
			for n, want := range tt.want {
				j := must(s.Job(ctx, job(base+n, 0, "", 0).OrderID))(t)
				if j.State != want {
					t.Errorf("job %d is %v, want %v", n, j.State, want)
				}
				if want == store.Cancelled && len(j.Sealed) > 0 {
					t.Errorf("job %d kept its sealed bytes", n)
				}
			}
			if next := must(s.Next(ctx, seA+fmt.Sprint(tt.slot)))(t); next.OrderID != wipe.OrderID {
				t.Error("the wipe is not next")
			}
		})
	}
}

func latestSwitch(t *testing.T, open Opener) {
	s := open(t)
	defer shut(t, s)
	ctx := t.Context()
	enqueue := func(n int, kind store.Kind, se string, slot byte) store.Job {
		return must(s.Enqueue(ctx, job(n, kind, se, slot)))(t)
	}
	enqueue(1, store.Lock, seA, 1)
	enqueue(2, store.Lock, seA, 2)
	done := enqueue(3, store.Lock, seA, 3)
	done.Cursor = store.Applied
	done.State = store.Done
	must(s.Advance(ctx, done))(t)
	enqueue(4, store.Lock, seB, 1)
	enqueue(5, store.Provision, seA, 1)
	enqueue(6, store.Unlock, seA, 1) // overtakes 1 alone
	want := map[int]store.State{1: store.Cancelled, 2: store.Queued, 3: store.Done, 4: store.Queued, 5: store.Queued, 6: store.Queued}
	states := func() {
		t.Helper()
		for n, state := range want {
			if j := must(s.Job(ctx, job(n, 0, "", 0).OrderID))(t); j.State != state {
				t.Errorf("job %d is %v, want %v", n, j.State, state)
			}
		}
	}
	states()
	enqueue(7, store.Lock, seA, 0) // all slots: 2 and 6
	want[2], want[6], want[7] = store.Cancelled, store.Cancelled, store.Queued
	states()
	enqueue(8, store.Rekey, seA, 0)
	enqueue(9, store.Rekey, seB, 0)
	enqueue(10, store.Rekey, seA, 0) // overtakes 8 alone
	want[8], want[9], want[10] = store.Cancelled, store.Queued, store.Queued
	states()
}

// writers are many at once: each finds on disk what it was told is, and one that
// is refused spoils no other's write.
func writers(t *testing.T, open Opener) {
	s := open(t)
	ctx := t.Context()
	const n = 64
	taken := must(s.Enqueue(ctx, job(n, store.Provision, seB, 1)))(t)
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			j, err := s.Enqueue(ctx, job(i, store.Provision, seA, byte(i)))
			if err != nil {
				t.Error(err)
				return
			}
			j.Cursor, j.Sealed = store.Sealed, []byte{byte(i)}
			if _, err := s.Advance(ctx, j); err != nil {
				t.Error(err)
			}
			if _, err := s.Advance(ctx, j); !errors.Is(err, store.ErrRevision) {
				t.Errorf("a late write: %v", err)
			}
			other := taken
			other.Digest = fmt.Sprint(i)
			if _, err := s.Enqueue(ctx, other); !errors.Is(err, store.ErrOrderConflict) {
				t.Errorf("another order of the same id: %v", err)
			}
		})
	}
	wg.Wait()
	shut(t, s)
	s = open(t)
	defer shut(t, s)
	positions := map[uint64]bool{}
	for i := range n {
		j := must(s.Job(ctx, job(i, 0, "", 0).OrderID))(t)
		if j.Cursor != store.Sealed || !cmp.Equal(j.Sealed, []byte{byte(i)}) || j.Revision != 2 {
			t.Errorf("job %d is at %v, revision %d, with %x", i, j.Cursor, j.Revision, j.Sealed)
		}
		positions[j.Position] = true
	}
	if len(positions) != n {
		t.Errorf("%d positions for %d jobs", len(positions), n)
	}
}

func advance(t *testing.T, open Opener) {
	s := open(t)
	defer shut(t, s)
	ctx := t.Context()
	ordered := job(1, store.Provision, seA, 1)
	ordered.Places = []byte{2, 16}
	old := must(s.Enqueue(ctx, ordered))(t)
	mine := old
	mine.Cursor, mine.SEID, mine.Slot, mine.Digest, mine.KeyVersion, mine.Places = store.Attested, seB, 9, "other", 0x31, []byte{9}
	now := must(s.Advance(ctx, mine))(t)
	if now.Revision == old.Revision || now.Cursor != store.Attested {
		t.Errorf("after Advance: revision %d, cursor %v", now.Revision, now.Cursor)
	}
	if now.SEID != seA || now.Slot != 1 || now.Digest != old.Digest || now.KeyVersion != 0 || !bytes.Equal(now.Places, []byte{2, 16}) {
		t.Error("Advance changed whose job it is")
	}
	late := old
	late.State = store.Done
	if _, err := s.Advance(ctx, late); !errors.Is(err, store.ErrRevision) {
		t.Fatalf("err = %v, want ErrRevision", err)
	}
	if diff := cmp.Diff(now, must(s.Job(ctx, old.OrderID))(t)); diff != "" {
		t.Errorf("the late write left a trace:\n%s", diff)
	}
	if _, err := s.Advance(ctx, job(2, store.Wipe, seA, 0)); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("advancing an unknown job: %v", err)
	}
}

func finalDrops(t *testing.T, open Opener) {
	s := open(t)
	defer shut(t, s)
	for i, state := range []store.State{store.Done, store.Cancelled, store.Expired, store.Refused} {
		j := must(s.Enqueue(t.Context(), job(i, store.Provision, seA, 1)))(t)
		j.State, j.Attestation, j.Sealed = state, []byte("att"), []byte("ct")
		must(s.Advance(t.Context(), j))(t)
		if got := must(s.Job(t.Context(), j.OrderID))(t); len(got.Attestation)+len(got.Sealed) > 0 {
			t.Errorf("%v: cipher text kept", state)
		}
	}
	if _, err := s.Next(t.Context(), seA); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("a final job is next: %v", err)
	}
}

func passedOver(t *testing.T, open Opener) {
	s := open(t)
	defer shut(t, s)
	for i, change := range []func(*store.Job){
		func(j *store.Job) { j.State = store.Parked },
		func(j *store.Job) { j.Cursor = store.Committed },
		func(j *store.Job) { j.Cursor = store.Cleared },
		func(j *store.Job) { j.Cursor = store.Applied },
		func(j *store.Job) { j.Cursor = store.Rekeyed },
	} {
		j := must(s.Enqueue(t.Context(), job(i, store.Provision, seA, 1)))(t)
		change(&j)
		must(s.Advance(t.Context(), j))(t)
	}
	if j, err := s.Next(t.Context(), seA); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("next is %v %v: %v", j.State, j.Cursor, err)
	}
}

func copies(t *testing.T, open Opener) {
	s := open(t)
	defer shut(t, s)
	in := job(1, store.Provision, seA, 1)
	got := must(s.Enqueue(t.Context(), in))(t)
	in.Challenge[0], got.Challenge[1] = 0xFF, 0xFF
	if j := must(s.Job(t.Context(), in.OrderID))(t); !cmp.Equal(j.Challenge, []byte{1, 2, 3}) {
		t.Errorf("the stored challenge became %x", j.Challenge)
	}
}

func closed(t *testing.T, open Opener) {
	s := open(t)
	if err := s.Ready(t.Context()); err != nil {
		t.Errorf("open store: %v", err)
	}
	shut(t, s)
	if err := s.Ready(t.Context()); !errors.Is(err, store.ErrClosed) {
		t.Errorf("Ready after Close = %v", err)
	}
	if _, err := s.Enqueue(t.Context(), job(1, store.Provision, seA, 1)); !errors.Is(err, store.ErrClosed) {
		t.Errorf("Enqueue after Close = %v", err)
	}
}

func shut(t *testing.T, s store.Store) {
	t.Helper()
	if err := s.Close(); err != nil {
		t.Errorf("closing: %v", err)
	}
}

// must unpacks a result that has to be there.
func must[T any](v T, err error) func(*testing.T) T {
	return func(t *testing.T) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}
