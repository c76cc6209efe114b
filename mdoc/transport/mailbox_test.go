package transport_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"

	"mobileid/mdoc/transport"
)

func TestReasonsAreAllTheEndOfTheConnection(t *testing.T) {
	for _, err := range []error{transport.ErrLost, transport.ErrProtocol} {
		if !errors.Is(err, transport.ErrClosed) {
			t.Errorf("%v is not ErrClosed", err)
		}
	}
	if errors.Is(transport.ErrClosed, transport.ErrLost) || errors.Is(transport.ErrLost, transport.ErrProtocol) {
		t.Error("an orderly end passes for a lost link, or a lost link for a broken rule")
	}
}

func TestMailbox(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := transport.NewMailbox()
		for _, s := range []string{"1", "2", "3", "4"} {
			if err := m.Put(t.Context(), []byte(s)); err != nil {
				t.Fatal(err)
			}
		}
		ended, cancel := context.WithCancel(t.Context())
		cancel()
		if err := m.Put(ended, []byte("5")); !errors.Is(err, context.Canceled) {
			t.Errorf("a fifth: error %v, want Canceled", err)
		}
		var wg sync.WaitGroup
		wg.Go(func() {
			if err := m.Put(t.Context(), []byte("5")); !errors.Is(err, transport.ErrLost) {
				t.Errorf("a waiting Put: error %v, want ErrLost", err)
			}
		})
		synctest.Wait()
		woken := 0
		m.OnFinish(func() { t.Error("a wake that was replaced") })
		m.OnFinish(func() { woken++ })
		m.Finish(transport.ErrLost)
		m.Finish(transport.ErrClosed) // the first reason counts
		wg.Wait()
		m.OnFinish(func() { woken++ }) // over already
		if woken != 2 {
			t.Errorf("woken %d times", woken)
		}
		if err := m.Put(t.Context(), []byte("6")); !errors.Is(err, transport.ErrLost) {
			t.Errorf("after the end: error %v, want ErrLost", err)
		}
		for _, want := range []string{"1", "2", "3", "4"} {
			if got, err := m.Receive(ended); err != nil || string(got) != want {
				t.Errorf("received %q, error %v, want %s", got, err, want)
			}
		}
		if got, err := m.Receive(t.Context()); !errors.Is(err, transport.ErrLost) || got != nil {
			t.Errorf("after the last: error %v, want ErrLost", err)
		}
	})
}
