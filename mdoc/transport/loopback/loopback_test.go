package loopback_test

import (
	"bytes"
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"mobileid/mdoc/transport"
	"mobileid/mdoc/transport/loopback"
)

func TestMessagesArriveWholeInOrderBothWays(t *testing.T) {
	a, b := loopback.Pipe()
	for _, m := range []string{"one", "", "three"} {
		send(t, a, []byte(m))
		send(t, b, []byte(m+" back"))
	}
	for _, m := range []string{"one", "", "three"} {
		receive(t, b, []byte(m))
		receive(t, a, []byte(m+" back"))
	}
}

func TestSenderMayReuseItsBuffer(t *testing.T) {
	a, b := loopback.Pipe()
	buf := []byte("before")
	send(t, a, buf)
	copy(buf, "after!")
	receive(t, b, []byte("before"))
}

func TestMessageSizeIsBounded(t *testing.T) {
	a, b := loopback.Config{MaxMessage: 8}.Pipe()
	if err := a.Send(t.Context(), make([]byte, 9)); !errors.Is(err, transport.ErrTooLarge) {
		t.Fatalf("error %v, want ErrTooLarge", err)
	}
	send(t, a, make([]byte, 8)) // still usable
	receive(t, b, make([]byte, 8))
	big, _ := loopback.Pipe()
	if err := big.Send(t.Context(), make([]byte, loopback.DefaultMaxMessage+1)); !errors.Is(err, transport.ErrTooLarge) {
		t.Errorf("default limit: error %v, want ErrTooLarge", err)
	}
}

func TestCloseEndsBothDirectionsAndLeavesWhatArrived(t *testing.T) {
	a, b := loopback.Pipe()
	send(t, a, []byte("last"))
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	if err := a.Close(); err != nil {
		t.Errorf("second close: %v", err)
	}
	receive(t, b, []byte("last"))
	for name, end := range map[string]transport.Conn{"closer": a, "other": b} {
		if _, err := end.Receive(t.Context()); !errors.Is(err, transport.ErrClosed) {
			t.Errorf("%s receives: error %v, want ErrClosed", name, err)
		}
		if err := end.Send(t.Context(), []byte("x")); !errors.Is(err, transport.ErrClosed) {
			t.Errorf("%s sends: error %v, want ErrClosed", name, err)
		}
	}
}

func TestCloseWakesWhoWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := loopback.Pipe()
		var wg sync.WaitGroup
		wg.Go(func() {
			if _, err := b.Receive(t.Context()); !errors.Is(err, transport.ErrClosed) {
				t.Errorf("waiting receiver: error %v, want ErrClosed", err)
			}
		})
		wg.Go(func() {
			for {
				if err := b.Send(t.Context(), []byte("x")); err != nil {
					if !errors.Is(err, transport.ErrClosed) {
						t.Errorf("waiting sender: error %v, want ErrClosed", err)
					}
					return
				}
			}
		})
		synctest.Wait()
		_ = a.Close()
		wg.Wait()
	})
}

func TestContextEndsWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, _ := loopback.Pipe()
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if _, err := a.Receive(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("receive: error %v, want DeadlineExceeded", err)
		}
		ctx, cancel = context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		var err error
		for n := 0; n < 1000 && err == nil; n++ { // nobody takes them, so Send has to wait at some point
			err = a.Send(ctx, []byte("x"))
		}
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("send: error %v, want DeadlineExceeded", err)
		}
	})
}

func TestFaultsActOnTheMessagesNamed(t *testing.T) {
	cfg := loopback.Config{Fault: func(d loopback.Direction, n int, m []byte) [][]byte {
		switch {
		case d == loopback.SecondToFirst:
			return [][]byte{m}
		case n == 0:
			return nil
		case n == 1:
			return [][]byte{m, m}
		}
		m[0] ^= 1
		return [][]byte{m}
	}}
	a, b := cfg.Pipe()
	for _, m := range []string{"lost", "twice", "@"} {
		send(t, a, []byte(m))
	}
	send(t, b, []byte("untouched"))
	for _, m := range []string{"twice", "twice", "A"} {
		receive(t, b, []byte(m))
	}
	receive(t, a, []byte("untouched"))
}

func send(t *testing.T, c transport.Conn, m []byte) {
	t.Helper()
	if err := c.Send(t.Context(), m); err != nil {
		t.Fatal(err)
	}
}

func receive(t *testing.T, c transport.Conn, want []byte) {
	t.Helper()
	got, err := c.Receive(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("received %q, want %q", got, want)
	}
}
