package storetest

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"mobileid/issuer/store"
)

func transactions(t *testing.T, open Opener) {
	r := newRig(t, open)
	tr := store.Transaction{ID: r.id(), TokenHash: []byte{1, 2}, Challenge: []byte{3, 4}, ExpiresAt: Now.Add(time.Minute)}
	r.must(r.s.Begin(r.ctx(), tr, 1))
	r.want(r.s.Begin(r.ctx(), tr, 2), store.ErrExists)
	r.want(r.s.Begin(r.ctx(), store.Transaction{ID: r.id(), ExpiresAt: Now}, 1), store.ErrFull)
	r.want(r.s.Fail(r.ctx(), tr.ID), store.ErrState)
	if _, err := r.s.Redeem(r.ctx(), tr.ID, tr.ExpiresAt); !errors.Is(err, store.ErrExpired) {
		t.Fatalf("at its end: %v", err)
	}
	got, err := r.s.Redeem(r.ctx(), tr.ID, tr.ExpiresAt.Add(-time.Second))
	r.must(err)
	if string(got.Challenge) != "\x03\x04" || got.State != store.Redeemed {
		t.Fatalf("redeemed %+v", got)
	}
	r.reopen()
	_, err = r.s.Redeem(r.ctx(), tr.ID, Now)
	r.want(err, store.ErrRedeemed)
	r.must(r.s.Fail(r.ctx(), tr.ID))
	_, err = r.s.PlaceOrder(r.ctx(), store.Order{ID: r.id(), TransactionID: tr.ID, Device: "dev", NotAfter: Now}, nil)
	r.want(err, store.ErrState)
}

// A challenge that was given back can be redeemed once more, until its end, and never beside an order.
func reopened(t *testing.T, open Opener) {
	r := newRig(t, open)
	tr := store.Transaction{ID: r.id(), Challenge: []byte{3}, ExpiresAt: Now.Add(time.Minute)}
	r.must(r.s.Begin(r.ctx(), tr, 0))
	r.want(r.s.Reopen(r.ctx(), tr.ID), store.ErrState)
	_, err := r.s.Redeem(r.ctx(), tr.ID, Now)
	r.must(err)
	r.must(r.s.Reopen(r.ctx(), tr.ID))
	r.want(r.s.Reopen(r.ctx(), tr.ID), store.ErrState)
	order := store.Order{ID: r.id(), TransactionID: tr.ID, Subject: "s", Device: "d", DocType: "d", Slot: 1, Purpose: 1, NotAfter: tr.ExpiresAt}
	_, err = r.s.PlaceOrder(r.ctx(), order, nil)
	r.want(err, store.ErrState)
	r.reopen()
	_, err = r.s.Redeem(r.ctx(), tr.ID, tr.ExpiresAt)
	r.want(err, store.ErrExpired)
	got, err := r.s.Redeem(r.ctx(), tr.ID, Now)
	r.must(err)
	if string(got.Challenge) != "\x03" || got.State != store.Redeemed {
		t.Fatalf("redeemed again: %+v", got)
	}
	_, err = r.s.Redeem(r.ctx(), tr.ID, Now)
	r.want(err, store.ErrRedeemed)
	_, err = r.s.PlaceOrder(r.ctx(), order, nil)
	r.must(err)
	r.want(r.s.Reopen(r.ctx(), tr.ID), store.ErrState)
	failed := r.transaction()
	r.must(r.s.Fail(r.ctx(), failed.ID))
	r.want(r.s.Reopen(r.ctx(), failed.ID), store.ErrState)
}

func redeemRaces(t *testing.T, open Opener) {
	r := newRig(t, open)
	const racers, rounds = 64, 8
	for range rounds {
		tr := store.Transaction{ID: r.id(), ExpiresAt: Now.Add(time.Minute)}
		r.must(r.s.Begin(r.ctx(), tr, 0))
		var wg sync.WaitGroup
		won := make(chan bool, racers)
		for range racers {
			wg.Go(func() {
				_, err := r.s.Redeem(r.ctx(), tr.ID, Now)
				if err != nil && !errors.Is(err, store.ErrRedeemed) {
					t.Error(err)
				}
				won <- err == nil
			})
		}
		wg.Wait()
		n := 0
		for range racers {
			if <-won {
				n++
			}
		}
		if n != 1 {
			t.Fatalf("%d of %d redeemed one challenge", n, racers)
		}
	}
}

func purge(t *testing.T, open Opener) {
	r := newRig(t, open)
	old := store.Transaction{ID: r.id(), ExpiresAt: Now.Add(-time.Second)}
	fresh := store.Transaction{ID: r.id(), ExpiresAt: Now.Add(time.Second)}
	r.must(r.s.Begin(r.ctx(), old, 0))
	r.must(r.s.Begin(r.ctx(), fresh, 0))
	bare := r.order("s", "d") // never led to a row
	kept := r.deliver("s", "d")
	n, err := r.s.Purge(r.ctx(), Now)
	r.must(err)
	if n != 1 {
		t.Fatalf("purged %d, want 1", n)
	}
	_, err = r.s.Transaction(r.ctx(), old.ID)
	r.want(err, store.ErrNotFound)
	_, err = r.s.Transaction(r.ctx(), fresh.ID)
	r.must(err)

	_, err = r.s.Purge(r.ctx(), Now.Add(time.Hour))
	r.must(err)
	_, err = r.s.Order(r.ctx(), bare.ID)
	r.want(err, store.ErrNotFound)
	_, err = r.s.Order(r.ctx(), kept.OrderID)
	r.must(err)
	r.must(r.s.Begin(r.ctx(), store.Transaction{ID: r.id(), ExpiresAt: Now}, 1)) // none is counted any more
}

func outbox(t *testing.T, open Opener) {
	r := newRig(t, open)
	var ids []string
	for range 5 {
		ids = append(ids, r.order("s", "d").ID)
	}
	r.reopen()
	got, err := r.s.Pending(r.ctx(), 0, 3)
	r.must(err)
	if len(got) != 3 || got[0].OrderID != ids[0] || got[2].OrderID != ids[2] || string(got[0].Body) != "order" {
		t.Fatalf("pending %v", got)
	}
	rest, err := r.s.Pending(r.ctx(), got[2].Sequence, 10)
	r.must(err)
	if len(rest) != 2 || rest[0].OrderID != ids[3] || !rest[0].NotAfter.Equal(Now.Add(10*time.Minute)) {
		t.Fatalf("after the third: %v", rest)
	}
	r.must(r.s.Delivered(r.ctx(), ids[1]))
	r.must(r.s.Delivered(r.ctx(), ids[1]))
	r.must(r.s.Delivered(r.ctx(), "unknown"))
	got, err = r.s.Pending(r.ctx(), 0, 10)
	r.must(err)
	if len(got) != 4 || got[1].OrderID != ids[2] {
		t.Fatalf("after one delivery: %v", got)
	}
}

// What waits about one device is found in the order it came in, whatever it is and whatever waits about others.
func outboxOfDevice(t *testing.T, open Opener) {
	r := newRig(t, open)
	want := func(device string, limit int, bodies ...string) {
		t.Helper()
		got, err := r.s.PendingFor(r.ctx(), device, limit)
		r.must(err)
		all, err := r.s.Pending(r.ctx(), 0, 100)
		r.must(err)
		of := slices.DeleteFunc(all, func(m store.Message) bool { return m.Device != device })
		of = of[:min(limit, len(of))]
		if len(got) != len(bodies) || !slices.EqualFunc(got, of, func(a, b store.Message) bool {
			return a.Sequence == b.Sequence && a.OrderID == b.OrderID && string(a.Body) == string(b.Body) && a.NotAfter.Equal(b.NotAfter)
		}) {
			t.Fatalf("%q: %d messages, want %q; in the whole outbox are %+v", device, len(got), bodies, of)
		}
		for i, m := range got {
			if string(m.Body) != bodies[i] || m.Device != device {
				t.Errorf("message %d of %q is %s about %q, want %s", i, device, m.Body, m.Device, bodies[i])
			}
		}
	}
	change := func(of store.Credential, reason store.Reason, body string) {
		t.Helper()
		_, err := r.s.ChangePhone(r.ctx(), of.ID, store.PhoneChange{Reason: reason, By: store.HoldDesk, At: Now, Order: message(body)})
		r.must(err)
	}
	want("d", 10)
	set := r.phone("s", "d", 1) // its order
	r.order("u", "dd")
	change(set, store.CertificateHold, "hold")
	_, err := r.s.ReleasePhone(r.ctx(), set.ID, store.HoldDesk, Now, message("release"))
	r.must(err)
	_, err = r.s.SuspendDevice(r.ctx(), "d", Now, message("lock"))
	r.must(err)
	r.order("u", "dd")
	_, err = r.s.ResumeDevice(r.ctx(), "d", Now, message("unlock"))
	r.must(err)
	change(set, store.Superseded, "")
	change(set, store.Superseded, "late")
	second := r.phone("s", "d", 2)
	change(second, store.Superseded, "empty")
	r.reopen()
	want("d", 3, "order", "hold", "release")
	_, _, err = r.handover("d")
	r.must(err)
	want("d", 100, "order", "hold", "release", "lock", "unlock", "late", "order", "empty", "wipe")
	want("dd", 100, "order", "order")
	want("", 100)

	r.must(r.s.Delivered(r.ctx(), "release"))
	r.must(r.s.Delivered(r.ctx(), "unknown"))
	want("d", 3, "order", "hold", "lock")
	r.must(r.s.Delivered(r.ctx(), set.OrderID))
	want("d", 2, "hold", "lock")
	want("dd", 100, "order", "order")
}

func missing(t *testing.T, open Opener) {
	r := newRig(t, open)
	ctx := r.ctx()
	for name, call := range map[string]func() error{
		"Transaction": func() error { _, err := r.s.Transaction(ctx, "x"); return err },
		"Redeem":      func() error { _, err := r.s.Redeem(ctx, "x", Now); return err },
		"Fail":        func() error { return r.s.Fail(ctx, "x") },
		"Reopen":      func() error { return r.s.Reopen(ctx, "x") },
		"PlaceOrder":  func() error { _, err := r.s.PlaceOrder(ctx, store.Order{ID: "o", TransactionID: "x"}, nil); return err },
		"Order":       func() error { _, err := r.s.Order(ctx, "x"); return err },
		"Reserve":     func() error { _, err := r.s.Reserve(ctx, r.reservation(store.Order{ID: "x"})); return err },
		"MarkSigned":  func() error { return r.s.MarkSigned(ctx, "x", []byte{1}, Now) },
		"Release":     func() error { return r.s.Release(ctx, "x", Now) },
		"Activate":    func() error { _, _, err := r.s.Activate(ctx, store.Activation{OrderID: "x"}); return err },
		"Credential":  func() error { _, err := r.s.Credential(ctx, "x"); return err },
		"OfOrder":     func() error { _, err := r.s.OfOrder(ctx, "x"); return err },
		"Device":      func() error { _, err := r.s.Device(ctx, "x"); return err },
		"BindSE":      func() error { return r.s.BindSE(ctx, "x", []byte{1}, store.Place{Slot: 1}) },
		"Revoke":      func() error { _, _, err := r.handover("x"); return err },
		"Attach":      func() error { return r.s.AttachReceipt(ctx, "x", "h", nil) },
		"Suspend":     func() error { _, err := r.s.SuspendDevice(ctx, "x", Now, store.Message{}); return err },
		"Resume":      func() error { _, err := r.s.ResumeDevice(ctx, "x", Now, store.Message{}); return err },
		"Wiped":       func() error { return r.s.Wiped(ctx, store.Wipe{Device: "x"}) },
	} {
		if err := call(); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("%s: %v, want ErrNotFound", name, err)
		}
	}
	r.must(r.s.Ready(ctx, Now))
}

func cancelled(t *testing.T, open Opener) {
	r := newRig(t, open)
	ctx, cancel := context.WithCancel(r.ctx())
	cancel()
	r.want(r.s.Begin(ctx, store.Transaction{ID: "x", ExpiresAt: Now}, 0), context.Canceled)
	_, err := r.s.Transaction(ctx, "x")
	r.want(err, context.Canceled)
	_, err = r.s.Transaction(r.ctx(), "x")
	r.want(err, store.ErrNotFound)
}
