package storetest

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"mobileid/tsm/store"
)

func owing(t *testing.T, open Opener) {
	s := open(t)
	defer shut(t, s)
	ctx := t.Context()
	var want []string
	for i, state := range []store.State{store.Queued, store.Parked, store.Expired, store.Refused, store.Done} {
		j := must(s.Enqueue(ctx, job(i, store.Provision, seA, 1)))(t)
		j.State, j.Cursor = state, store.Committed
		j.Receipts = []store.Receipt{{Slot: 1, Signed: []byte{byte(i)}, Delivered: state == store.Done}}
		must(s.Advance(ctx, j))(t)
		if state != store.Refused && state != store.Done {
			want = append(want, j.OrderID)
		}
	}
	var got []string
	for after := ""; ; {
		page := must(s.Owing(ctx, after, 2))(t)
		for _, j := range page {
			after = j.OrderID
			got = append(got, after)
		}
		if len(page) < 2 {
			break
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("owing:\n%s", diff)
	}
	j := must(s.Job(ctx, want[0]))(t)
	j.State, j.Receipts[0].Delivered = store.Done, true
	must(s.Advance(ctx, j))(t)
	if left := must(s.Owing(ctx, "", 10))(t); len(left) != 2 {
		t.Errorf("%d jobs owe after a delivery, want 2", len(left))
	}
}

func expire(t *testing.T, open Opener) {
	s := open(t)
	defer shut(t, s)
	ctx := t.Context()
	for i, change := range []func(*store.Job){
		func(*store.Job) {},
		func(j *store.Job) { j.State = store.Parked },
		func(j *store.Job) { j.Cursor, j.Sealed = store.Sealed, []byte("ct") },
		func(j *store.Job) { j.Cursor = store.Committed }, // settled: the receipt is still to go out
		func(j *store.Job) { j.State = store.Done },
	} {
		j := must(s.Enqueue(ctx, job(i, store.Provision, seA, 1)))(t)
		change(&j)
		must(s.Advance(ctx, j))(t)
	}
	later := job(5, store.Provision, seA, 1)
	later.NotAfter = noon.Add(time.Hour)
	must(s.Enqueue(ctx, later))(t)

	if n := must(s.Expire(ctx, noon, 10))(t); n != 0 {
		t.Errorf("at NotAfter itself %d jobs expired", n)
	}
	if n := must(s.Expire(ctx, noon.Add(time.Second), 2))(t); n != 2 {
		t.Errorf("%d expired, want the limit of 2", n)
	}
	if n := must(s.Expire(ctx, noon.Add(time.Second), 10))(t); n != 1 {
		t.Errorf("%d expired, want the third", n)
	}
	want := []store.State{store.Expired, store.Expired, store.Expired, store.Queued, store.Done, store.Queued}
	for i, state := range want {
		j := must(s.Job(ctx, job(i, 0, "", 0).OrderID))(t)
		if j.State != state || (state == store.Expired && len(j.Sealed) > 0) {
			t.Errorf("job %d is %v, want %v", i, j.State, state)
		}
	}
}

func prune(t *testing.T, open Opener) {
	s := open(t)
	defer shut(t, s)
	ctx := t.Context()
	for i, change := range []func(*store.Job){
		func(j *store.Job) { j.State = store.Done },
		func(j *store.Job) { j.State = store.Cancelled },
		func(*store.Job) {}, // open
		func(j *store.Job) { // expired, but the issuer lacks its receipt
			j.State, j.Cursor, j.Receipts = store.Expired, store.Wiped, []store.Receipt{{Slot: 1, Signed: []byte{1}}}
		},
		func(j *store.Job) { // expired half wiped: that receipt is not for the issuer
			j.State, j.Receipts = store.Expired, []store.Receipt{{Slot: 1, Signed: []byte{1}}}
		},
	} {
		j := must(s.Enqueue(ctx, job(i, store.Wipe, seA, 1)))(t)
		change(&j)
		must(s.Advance(ctx, j))(t)
	}
	if n := must(s.Prune(ctx, noon, 10))(t); n != 0 {
		t.Errorf("at NotAfter itself %d jobs were forgotten", n)
	}
	if n := must(s.Prune(ctx, noon.Add(time.Second), 1))(t); n != 1 {
		t.Errorf("%d forgotten, want the limit of 1", n)
	}
	if n := must(s.Prune(ctx, noon.Add(time.Second), 10))(t); n != 2 {
		t.Errorf("%d forgotten, want the other two", n)
	}
	for i, gone := range []bool{true, true, false, false, true} {
		_, err := s.Job(ctx, job(i, 0, "", 0).OrderID)
		if errors.Is(err, store.ErrNotFound) != gone {
			t.Errorf("job %d: %v, want gone %v", i, err, gone)
		}
	}
}

func failedAuth(t *testing.T, open Opener) {
	s := open(t)
	defer shut(t, s)
	ctx := t.Context()
	for want := 1; want <= 3; want++ {
		if n := must(s.CountFailedAuth(ctx, seA))(t); n != want {
			t.Fatalf("count %d, want %d", n, want)
		}
	}
	if n := must(s.FailedAuth(ctx, seB))(t); n != 0 {
		t.Errorf("the other element has %d", n)
	}
	if err := s.ClearFailedAuth(ctx, seA); err != nil || must(s.FailedAuth(ctx, seA))(t) != 0 {
		t.Errorf("clearing: %v", err)
	}
	must(s.CountFailedAuth(ctx, seA))(t)
	for i, state := range []store.State{store.Parked, store.Parked, store.Done} {
		j := must(s.Enqueue(ctx, job(i, store.Provision, seA, 1)))(t)
		j.State, j.Reason, j.Attempts, j.Sealed = state, "failed_auth", 4, []byte("ct")
		must(s.Advance(ctx, j))(t)
	}
	if n := must(s.Release(ctx, seA))(t); n != 2 {
		t.Errorf("%d released, want 2", n)
	}
	j := must(s.Next(ctx, seA))(t)
	if j.Reason != "" || j.Attempts != 0 || string(j.Sealed) != "ct" || must(s.FailedAuth(ctx, seA))(t) != 0 {
		t.Errorf("released job has reason %q, %d attempts", j.Reason, j.Attempts)
	}
}

func keyVersions(t *testing.T, open Opener) {
	s := open(t)
	ctx := t.Context()
	if v := must(s.KeyVersion(ctx, seA))(t); v != 0 {
		t.Errorf("version %02X of an element never seen", v)
	}
	for _, v := range []byte{0x30, 0x31, 0x31} {
		if err := s.SetKeyVersion(ctx, seA, v); err != nil {
			t.Fatal(err)
		}
	}
	shut(t, s)
	s = open(t)
	defer shut(t, s)
	if a, b := must(s.KeyVersion(ctx, seA))(t), must(s.KeyVersion(ctx, seB))(t); a != 0x31 || b != 0 {
		t.Errorf("versions %02X and %02X, want 31 and 00", a, b)
	}
}

func reopen(t *testing.T, open Opener) {
	s := open(t)
	ctx := t.Context()
	j := must(s.Enqueue(ctx, job(1, store.Provision, seA, 3)))(t)
	j.Cursor, j.Sealed, j.Attestation = store.Sealed, []byte("ct"), []byte("att")
	j = must(s.Advance(ctx, j))(t)
	must(s.CountFailedAuth(ctx, seA))(t)
	shut(t, s)

	s = open(t)
	defer shut(t, s)
	if diff := cmp.Diff(j, must(s.Next(ctx, seA))(t)); diff != "" {
		t.Errorf("after reopening:\n%s", diff)
	}
	if n := must(s.FailedAuth(ctx, seA))(t); n != 1 {
		t.Errorf("failed authentications after reopening: %d", n)
	}
	if next := must(s.Enqueue(ctx, job(2, store.Provision, seA, 3)))(t); next.Position <= j.Position {
		t.Errorf("position %d after %d", next.Position, j.Position)
	}
}
