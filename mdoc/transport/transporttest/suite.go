// Package transporttest holds what every [transport.Conn] owes as one suite, run by each implementation. Only tests import
// it.
package transporttest

import (
	"bytes"
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"mobileid/mdoc/transport"
)

// Subject is an implementation under test.
type Subject struct {
	// Open joins a reader and a mdoc whose messages are bounded. It is called inside the bubble of [synctest.Test].
	Open func(tb testing.TB, maxMessage int) (reader, mdoc transport.Conn)
	// Turns says that the mdoc speaks only when it was spoken to, as over NFC.
	Turns bool
}

// Run runs the suite.
func Run(t *testing.T, s Subject) {
	t.Helper()
	for name, f := range map[string]func(*testing.T, Subject){
		"messages arrive whole":            whole,
		"several messages wait":            several,
		"a buffer belongs to its caller":   buffers,
		"a message is bounded":             bounded,
		"the mdoc closes after its answer": closedByMdoc,
		"the reader closes":                closedByReader,
		"each end closes itself":           closedHere,
		"a context ends the waiting":       contexts,
		"ends closed twice and at once":    closedTwice,
	} {
		t.Run(name, func(t *testing.T) { synctest.Test(t, func(t *testing.T) { f(t, s) }) })
	}
}

const limit = 1 << 18

// Pattern gives n bytes in which no two stretches are alike.
func Pattern(n int) []byte {
	out := make([]byte, n)
	for i := range out {
		out[i] = byte(i ^ i>>8 ^ i>>16)
	}
	return out
}

func open(t *testing.T, s Subject, maxMessage int) (reader, mdoc transport.Conn) {
	t.Helper()
	reader, mdoc = s.Open(t, maxMessage)
	t.Cleanup(func() { Close(t, reader, mdoc) })
	return reader, mdoc
}

// Close closes both ends.
func Close(tb testing.TB, ends ...transport.Conn) {
	tb.Helper()
	for _, c := range ends {
		if err := c.Close(); err != nil {
			tb.Errorf("closing: %v", err)
		}
	}
}

// Exchange sends a request and an answer and compares what arrives.
func Exchange(tb testing.TB, reader, mdoc transport.Conn, request, answer []byte) {
	tb.Helper()
	var wg sync.WaitGroup
	wg.Go(func() { send(tb, reader, request) })
	receive(tb, mdoc, request)
	send(tb, mdoc, answer)
	wg.Wait()
	receive(tb, reader, answer)
}

func send(tb testing.TB, c transport.Conn, m []byte) {
	tb.Helper()
	if err := c.Send(tb.Context(), m); err != nil {
		tb.Errorf("sending %d bytes: %v", len(m), err)
	}
}

func receive(tb testing.TB, c transport.Conn, want []byte) {
	tb.Helper()
	got, err := c.Receive(tb.Context())
	if err != nil || !bytes.Equal(got, want) {
		tb.Fatalf("received %d bytes, error %v; want %d bytes", len(got), err, len(want))
	}
}

func whole(t *testing.T, s Subject) {
	reader, mdoc := open(t, s, limit)
	for _, n := range []int{0, 1, 2, 19, 20, 21, 126, 127, 128, 253, 254, 255, 256, 257, 258, 511, 512, 513, 65533, 65534, 65535, 65536, 65537, limit} {
		Exchange(t, reader, mdoc, Pattern(n), Pattern(limit-n))
	}
}

func several(t *testing.T, s Subject) {
	if s.Turns {
		return // one message at a time is all there can be
	}
	reader, mdoc := open(t, s, limit)
	for _, m := range []string{"one", "", "three"} {
		send(t, reader, []byte(m))
		send(t, mdoc, []byte(m+" back"))
	}
	for _, m := range []string{"one", "", "three"} {
		receive(t, mdoc, []byte(m))
		receive(t, reader, []byte(m+" back"))
	}
}

func buffers(t *testing.T, s Subject) {
	reader, mdoc := open(t, s, limit)
	request, answer := []byte("a request"), []byte("an answer")
	send(t, reader, request)
	clear(request)
	got, err := mdoc.Receive(t.Context())
	if err != nil || string(got) != "a request" {
		t.Fatalf("received %q, error %v", got, err)
	}
	clear(got)
	send(t, mdoc, answer)
	clear(answer)
	receive(t, reader, []byte("an answer"))
}

func bounded(t *testing.T, s Subject) {
	reader, mdoc := open(t, s, 100)
	if err := reader.Send(t.Context(), make([]byte, 101)); !errors.Is(err, transport.ErrTooLarge) {
		t.Errorf("reader sends too much: error %v, want ErrTooLarge", err)
	}
	send(t, reader, Pattern(100)) // still usable
	receive(t, mdoc, Pattern(100))
	if err := mdoc.Send(t.Context(), make([]byte, 101)); !errors.Is(err, transport.ErrTooLarge) {
		t.Errorf("mdoc sends too much: error %v, want ErrTooLarge", err)
	}
	send(t, mdoc, Pattern(100))
	receive(t, reader, Pattern(100))
}

// over demands that an end is over for good.
func over(t *testing.T, name string, c transport.Conn) {
	t.Helper()
	for range 2 {
		if m, err := c.Receive(t.Context()); !errors.Is(err, transport.ErrClosed) || m != nil {
			t.Errorf("%s receives %d bytes, error %v, want ErrClosed", name, len(m), err)
		}
		if err := c.Send(t.Context(), []byte("x")); !errors.Is(err, transport.ErrClosed) {
			t.Errorf("%s sends: error %v, want ErrClosed", name, err)
		}
	}
}

func closedByMdoc(t *testing.T, s Subject) {
	reader, mdoc := open(t, s, limit)
	send(t, reader, []byte("request"))
	receive(t, mdoc, []byte("request"))
	var wg sync.WaitGroup
	wg.Go(func() { receive(t, reader, Pattern(1000)) }) // waiting, as a reader does
	send(t, mdoc, Pattern(1000))
	Close(t, mdoc)
	wg.Wait()
	synctest.Wait()
	if err := reader.Send(t.Context(), []byte("more")); err != nil && !errors.Is(err, transport.ErrClosed) {
		t.Errorf("reader sends: error %v, want ErrClosed", err)
	}
	over(t, "the reader", reader)
	over(t, "the mdoc", mdoc)
}

func closedByReader(t *testing.T, s Subject) {
	reader, mdoc := open(t, s, limit)
	Exchange(t, reader, mdoc, []byte("request"), []byte("answer"))
	var wg sync.WaitGroup
	wg.Go(func() {
		receive(t, mdoc, []byte("the end"))
		if _, err := mdoc.Receive(t.Context()); !errors.Is(err, transport.ErrClosed) {
			t.Errorf("the waiting mdoc: error %v, want ErrClosed", err)
		}
	})
	send(t, reader, []byte("the end"))
	Close(t, reader)
	wg.Wait()
	over(t, "the reader", reader)
	over(t, "the mdoc", mdoc)
}

func closedHere(t *testing.T, s Subject) {
	reader, mdoc := open(t, s, limit)
	var wg sync.WaitGroup
	for _, c := range []transport.Conn{reader, mdoc} {
		wg.Go(func() {
			if _, err := c.Receive(t.Context()); !errors.Is(err, transport.ErrClosed) {
				t.Errorf("waiting receiver: error %v, want ErrClosed", err)
			}
		})
	}
	synctest.Wait()
	Close(t, mdoc, reader)
	wg.Wait()
}

func contexts(t *testing.T, s Subject) {
	reader, mdoc := open(t, s, limit)
	for name, c := range map[string]transport.Conn{"reader": reader, "mdoc": mdoc} {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		if _, err := c.Receive(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%s receives: error %v, want DeadlineExceeded", name, err)
		}
		cancel()
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var err error
	for n := 0; n < 1000 && err == nil; n++ { // nobody takes them, so Send has to wait at some point
		err = reader.Send(ctx, Pattern(1000))
	}
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("reader sends: error %v, want DeadlineExceeded", err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if err := reader.Send(ended, []byte("x")); err == nil {
		t.Error("sent under a context that has ended")
	}
}

func closedTwice(t *testing.T, s Subject) {
	reader, mdoc := open(t, s, limit)
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() { Close(t, reader) })
		wg.Go(func() { Close(t, mdoc) })
	}
	wg.Wait()
	over(t, "the reader", reader)
	over(t, "the mdoc", mdoc)
}
