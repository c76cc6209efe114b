package vpcd_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"slices"
	"sync"
	"testing"
	"time"

	"mobileid/mdoc/apdu/vpcd"

	"github.com/google/go-cmp/cmp"
)

// card notes what happens to it.
type card struct {
	mu     sync.Mutex
	events []string
	answer func(command []byte) ([]byte, error)
	atr    []byte
}

func (c *card) note(e string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.events = append(c.events, e)
}

func (c *card) noted() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.events)
}

func (c *card) Transmit(_ context.Context, command []byte) ([]byte, error) {
	if c.answer != nil {
		return c.answer(command)
	}
	return append(bytes.Clone(command), 0x90, 0x00), nil
}
func (c *card) Unpower()    { c.note("unpower") }
func (c *card) Reset()      { c.note("reset") }
func (c *card) ATR() []byte { return c.atr }

// reader is vpcd's end.
type reader struct {
	t *testing.T
	l net.Listener
}

func newReader(t *testing.T) *reader {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return &reader{t, l}
}

func (r *reader) accept() net.Conn {
	r.t.Helper()
	c, err := r.l.Accept()
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { _ = c.Close() })
	return c
}

func write(t *testing.T, c net.Conn, m []byte) {
	t.Helper()
	if _, err := c.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(m))), m...)); err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, c net.Conn) []byte {
	t.Helper()
	var length [2]byte
	if _, err := io.ReadFull(c, length[:]); err != nil {
		t.Fatal(err)
	}
	m := make([]byte, binary.BigEndian.Uint16(length[:]))
	if _, err := io.ReadFull(c, m); err != nil {
		t.Fatal(err)
	}
	return m
}

// run serves the card until the test ends, and gives what Serve returned.
func (r *reader) run(k vpcd.Card, o vpcd.Options) (end func() error) {
	ctx, cancel := context.WithCancel(r.t.Context())
	done := make(chan error, 1)
	go func() { done <- vpcd.Serve(ctx, r.l.Addr().String(), k, o) }()
	end = sync.OnceValue(func() error { cancel(); return <-done })
	r.t.Cleanup(func() { _ = end() })
	return end
}

// The whole protocol: only the ATR and commands are answered.
func TestProtocol(t *testing.T) {
	r := newReader(t)
	k := &card{atr: []byte{0x3B, 0x00}}
	end := r.run(k, vpcd.Options{})
	c := r.accept()
	write(t, c, []byte{1})
	write(t, c, []byte{4})
	if got := read(t, c); !bytes.Equal(got, k.atr) {
		t.Errorf("ATR %X", got)
	}
	write(t, c, []byte{2})
	write(t, c, []byte{0, 0xA4, 4, 0})
	if got := read(t, c); !bytes.Equal(got, []byte{0, 0xA4, 4, 0, 0x90, 0}) {
		t.Errorf("answer %X", got)
	}
	write(t, c, []byte{0})
	long := make([]byte, 0xFFFF-2)
	write(t, c, long)
	if got := read(t, c); len(got) != 0xFFFF {
		t.Errorf("%d bytes", len(got))
	}
	if err := end(); err != nil {
		t.Error(err)
	}
	if d := cmp.Diff([]string{"reset", "unpower", "unpower"}, k.noted()); d != "" {
		t.Error(d)
	}
}

// Answers the protocol cannot carry become 6F00; an empty one is passed on.
func TestAnswers(t *testing.T) {
	r := newReader(t)
	answer := make([]byte, 65538)
	k := &card{answer: func([]byte) ([]byte, error) { return answer, nil }}
	r.run(k, vpcd.Options{})
	c := r.accept()
	for n, want := range map[int]int{0: 0, 1: 1, 65535: 65535, 65536: 2, 65538: 2} {
		answer = answer[:n]
		write(t, c, []byte{0, 0xB0, 0, 0, 0})
		if got := read(t, c); len(got) != want || n > 65535 && !bytes.Equal(got, []byte{0x6F, 0}) {
			t.Errorf("%d bytes came as %d", n, len(got))
		}
		answer = answer[:65538]
	}
	write(t, c, []byte{4})
	if got := read(t, c); len(got) != 0 {
		t.Errorf("an empty ATR came as %X", got)
	}
}

func TestNotVPCD(t *testing.T) {
	for name, m := range map[string][]byte{"empty": {}, "unknown control": {3}} {
		t.Run(name, func(t *testing.T) {
			r := newReader(t)
			done := make(chan error, 1)
			go func() { done <- vpcd.Serve(t.Context(), r.l.Addr().String(), &card{}, vpcd.Options{}) }()
			write(t, r.accept(), m)
			if err := <-done; !errors.Is(err, vpcd.ErrProtocol) {
				t.Errorf("error %v", err)
			}
		})
	}
}

// The reader hangs up in the middle of a message; the card is put into it again.
func TestReaderGone(t *testing.T) {
	r := newReader(t)
	k := &card{}
	var kinds []vpcd.EventKind
	end := r.run(k, vpcd.Options{Retry: time.Millisecond, Notice: func(e vpcd.Event) { kinds = append(kinds, e.Kind) }})
	for _, cut := range [][]byte{nil, {0}, {0, 4, 0, 0xA4}} {
		c := r.accept()
		if _, err := c.Write(cut); err != nil {
			t.Fatal(err)
		}
		_ = c.Close()
	}
	c := r.accept()
	write(t, c, []byte{4})
	read(t, c)
	if err := end(); err != nil {
		t.Fatal(err)
	}
	want := []vpcd.EventKind{
		vpcd.Inserted, vpcd.ReaderGone, vpcd.Inserted, vpcd.ReaderGone, vpcd.Inserted, vpcd.ReaderGone, vpcd.Inserted,
	}
	if d := cmp.Diff(want, kinds); d != "" {
		t.Error(d)
	}
	if n := len(k.noted()); n != 4 {
		t.Errorf("unpowered %d times, want 4", n)
	}
}

// A card that fails is taken out and put back.
func TestPulled(t *testing.T) {
	r := newReader(t)
	inner := errors.New("inner")
	k := &card{answer: func([]byte) ([]byte, error) { return nil, inner }}
	var kinds []vpcd.EventKind
	var cause error
	end := r.run(k, vpcd.Options{Retry: time.Millisecond, Notice: func(e vpcd.Event) {
		if kinds = append(kinds, e.Kind); e.Kind == vpcd.Pulled {
			cause = e.Err
		}
	}})
	c := r.accept()
	write(t, c, []byte{0, 0xA4, 4, 0})
	if n, err := c.Read(make([]byte, 1)); err == nil {
		t.Errorf("%d bytes from a card that is gone", n)
	}
	c = r.accept()
	write(t, c, []byte{4})
	read(t, c)
	if err := end(); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]vpcd.EventKind{vpcd.Inserted, vpcd.Pulled, vpcd.Inserted}, kinds); d != "" || !errors.Is(cause, inner) {
		t.Errorf("%s %v", d, cause)
	}
}

func TestAttempts(t *testing.T) {
	r := newReader(t)
	_ = r.l.Close()
	n := 0
	err := vpcd.Serve(t.Context(), r.l.Addr().String(), &card{}, vpcd.Options{
		Retry: time.Millisecond, Attempts: 3, Notice: func(e vpcd.Event) {
			if e.Kind == vpcd.Unreachable && e.Err != nil {
				n++
			}
		},
	})
	if err == nil || n != 3 {
		t.Errorf("%d tries, %v", n, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	err = vpcd.Serve(ctx, r.l.Addr().String(), &card{}, vpcd.Options{Notice: func(vpcd.Event) { cancel() }})
	if err != nil {
		t.Errorf("ended while waiting for the reader: %v", err)
	}
}
