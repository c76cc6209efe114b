package pcsc_test

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"mobileid/mdoc/apdu"
	"mobileid/mdoc/apdu/pcsc"
)

func connected(t testing.TB, s *server, o pcsc.ConnectOptions) *pcsc.Card {
	t.Helper()
	c := s.start(pcsc.Options{})
	k, err := c.Connect(t.Context(), readerOne, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = k.Close() })
	return k
}

// What the daemon is sent, field by field at the offsets of the C structures.
func TestCalls(t *testing.T) {
	s := newServer(t)
	k := connected(t, s, pcsc.ConnectOptions{Shared: true, Protocols: pcsc.T1})
	ctx := t.Context()
	for _, err := range []error{
		k.Begin(ctx), k.Status(ctx), k.End(ctx, pcsc.Reset), k.Reconnect(ctx, pcsc.Unpower),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	if _, err := k.Transmit(ctx, []byte{0, 0xA4, 4, 0}); err != nil {
		t.Fatal(err)
	}
	if v, err := k.Attribute(ctx, pcsc.VendorName); err != nil || string(v) != "vendor" {
		t.Errorf("attribute %q, %v", v, err)
	}
	if k.Reader() != readerOne || k.Protocol() != pcsc.T1 || !bytes.Equal(k.ATR(), []byte{0x3B, 0}) {
		t.Errorf("%q, T=%d, %X", k.Reader(), k.Protocol(), k.ATR())
	}
	if err := k.Disconnect(ctx, pcsc.Leave); err != nil {
		t.Error(err)
	}
	name := append([]byte(readerOne), make([]byte, 128-len(readerOne))...)
	for command, want := range map[uint32][]byte{
		version:    words(4, 4, 0),
		establish:  words(2, 0, 0),
		connect:    append(append(words(contextHandle), name...), words(2, 2, 0, 0, 0)...),
		reconnect:  words(cardHandle, 2, 2, 2, 0, 0),
		begin:      words(cardHandle, 0),
		end:        words(cardHandle, 1, 0),
		status:     words(cardHandle, 0),
		transmit:   append(words(cardHandle, 2, 16, 4, 3, 16, 65538, 0), 0, 0xA4, 4, 0),
		attribute:  append(append(words(cardHandle, 0x00010100), make([]byte, 264)...), words(264, 0)...),
		disconnect: words(cardHandle, 0, 0),
		release:    words(contextHandle, 0),
	} {
		if !bytes.Equal(s.bodies[command], want) {
			t.Errorf("command %#x: % X\nwant % X", command, s.bodies[command], want)
		}
	}
}

func words(values ...uint32) []byte {
	b := make([]byte, 4*len(values))
	for i, v := range values {
		put(b, 4*i, v)
	}
	return b
}

// Each call returns the daemon's code, and the connection stays.
func TestRefusals(t *testing.T) {
	calls := map[uint32]func(context.Context, *pcsc.Card) error{
		begin:     func(ctx context.Context, k *pcsc.Card) error { return k.Begin(ctx) },
		end:       func(ctx context.Context, k *pcsc.Card) error { return k.End(ctx, pcsc.Leave) },
		status:    func(ctx context.Context, k *pcsc.Card) error { return k.Status(ctx) },
		reconnect: func(ctx context.Context, k *pcsc.Card) error { return k.Reconnect(ctx, pcsc.Reset) },
		attribute: func(ctx context.Context, k *pcsc.Card) error {
			_, err := k.Attribute(ctx, pcsc.VendorSerial)
			return err
		},
		transmit: func(ctx context.Context, k *pcsc.Card) error { _, err := k.Transmit(ctx, make([]byte, 4)); return err },
	}
	for command, call := range calls {
		s := newServer(t)
		k := connected(t, s, pcsc.ConnectOptions{})
		s.code[command] = uint32(pcsc.RemovedCard)
		good := s.card
		s.card = func([]byte) ([]byte, uint32) { return nil, uint32(pcsc.RemovedCard) }
		if err := call(t.Context(), k); !errors.Is(err, pcsc.RemovedCard) {
			t.Errorf("command %#x: %v", command, err)
		}
		delete(s.code, command)
		s.card = good
		if err := call(t.Context(), k); err != nil {
			t.Errorf("command %#x again: %v", command, err)
		}
	}
}

func TestConnectRefused(t *testing.T) {
	for _, tc := range []struct {
		name   string
		reader string
		set    func(*server)
		want   error
	}{
		{"no card", readerOne, func(s *server) { s.code[connect] = uint32(pcsc.NoCard) }, pcsc.NoCard},
		{"in use", readerOne, func(s *server) { s.code[connect] = uint32(pcsc.SharingViolation) }, pcsc.SharingViolation},
		{"no context", readerOne, func(s *server) { s.code[establish] = 0x80100006 }, pcsc.Code(0x80100006)},
		{"odd protocol", readerOne, func(s *server) { s.protocol = 4 }, pcsc.ErrAnswer},
		{"reader unplugged meanwhile", readerOne, func(s *server) { s.none = true }, pcsc.ReaderUnavailable},
		{"name too long", string(make([]byte, 128)), func(*server) {}, pcsc.UnknownReader},
		{"name with NUL", "a\x00b", func(*server) {}, pcsc.UnknownReader},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := newServer(t)
			tc.set(s)
			if _, err := s.start(pcsc.Options{}).Connect(t.Context(), tc.reader, pcsc.ConnectOptions{}); !errors.Is(err, tc.want) {
				t.Errorf("error %v, want %v", err, tc.want)
			}
		})
	}
}

// Answers of every length there can be come through whole.
func TestEveryLength(t *testing.T) {
	s := newServer(t)
	answer := make([]byte, apdu.MaxResponse)
	for i := range answer {
		answer[i] = byte(i * 7)
	}
	n := 0
	s.card = func([]byte) ([]byte, uint32) { return answer[:n], 0 }
	k, err := s.pipe(pcsc.Options{}).Connect(t.Context(), readerOne, pcsc.ConnectOptions{})
	if err != nil {
		t.Fatal(err)
	}
	command := []byte{0, 0xB0, 0, 0, 0, 0, 0}
	if _, err := k.Transmit(t.Context(), command); !errors.Is(err, pcsc.ErrNoResponse) {
		t.Errorf("no byte: %v", err)
	}
	for n = 1; n <= apdu.MaxResponse; n++ {
		got, err := k.Transmit(t.Context(), command)
		if err != nil || !bytes.Equal(got, answer[:n]) {
			t.Fatalf("%d bytes: got %d, %v", n, len(got), err)
		}
		s.bodies[transmit] = nil
	}
	n = 1 // one byte is no response, and says so
	if _, err := apdu.Exchange(t.Context(), k, apdu.Command{INS: 0xB0, Le: 256}); !errors.Is(err, apdu.ErrLength) {
		t.Errorf("one byte: %v", err)
	}
}

func TestTooLong(t *testing.T) {
	t.Run("response the daemon holds back", func(t *testing.T) {
		s := newServer(t)
		s.card = func([]byte) ([]byte, uint32) { return make([]byte, apdu.MaxResponse+1), 0 }
		if _, err := connected(t, s, pcsc.ConnectOptions{}).Transmit(t.Context(), make([]byte, 4)); !errors.Is(err, pcsc.Code(0x80100008)) {
			t.Errorf("error %v", err)
		}
	})
	t.Run("response the daemon announces", func(t *testing.T) {
		s := newServer(t)
		k := connected(t, s, pcsc.ConnectOptions{})
		s.raw[transmit] = func(net.Conn) []byte { return words(cardHandle, 2, 16, 4, 2, 16, 0xFFFFFFFF, 0) }
		if _, err := k.Transmit(t.Context(), make([]byte, 4)); !errors.Is(err, pcsc.ErrAnswer) {
			t.Errorf("error %v", err)
		}
		if _, err := k.Transmit(t.Context(), make([]byte, 4)); !errors.Is(err, pcsc.ErrDropped) {
			t.Errorf("afterwards: %v", err)
		}
	})
	t.Run("command", func(t *testing.T) {
		if _, err := connected(t, newServer(t), pcsc.ConnectOptions{}).Transmit(t.Context(), make([]byte, apdu.MaxCommand+1)); !errors.Is(err, apdu.ErrLength) {
			t.Errorf("error %v", err)
		}
	})
	t.Run("attribute", func(t *testing.T) {
		s := newServer(t)
		k := connected(t, s, pcsc.ConnectOptions{})
		s.raw[attribute] = func(net.Conn) []byte { return append(make([]byte, 272), words(265, 0)...) }
		if _, err := k.Attribute(t.Context(), pcsc.VendorSerial); !errors.Is(err, pcsc.ErrAnswer) {
			t.Errorf("error %v", err)
		}
	})
}

// ISO/IEC 7816-3:2006, 12.2: how the commands of the four cases go over T=0.
func TestT0(t *testing.T) {
	for _, tc := range []struct{ name, command, sent string }{
		{"case 1", "00200080", "0020008000"},
		{"case 2", "00B0000000", "00B0000000"},
		{"case 3", "00A4020C020018", "00A4020C020018"},
		{"case 4", "00A404000AD392F00026010000000100", "00A404000AD392F000260100000001"},
		{"no command at all", "00B0", "00B0"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := newServer(t)
			s.protocol = 1
			k := connected(t, s, pcsc.ConnectOptions{})
			command, _ := hex.DecodeString(tc.command)
			sent, _ := hex.DecodeString(tc.sent)
			if _, err := k.Transmit(t.Context(), command); err != nil {
				t.Fatal(err)
			}
			if got := s.bodies[transmit][32:]; !bytes.Equal(got, sent) {
				t.Errorf("sent %X, want %X", got, sent)
			}
		})
	}
	s := newServer(t)
	s.protocol = 1
	if _, err := connected(t, s, pcsc.ConnectOptions{}).Transmit(t.Context(), []byte{0, 0xB0, 0, 0, 0, 0, 0}); !errors.Is(err, pcsc.ErrExtendedT0) {
		t.Errorf("extended length: %v", err)
	}
}

// A reader that stays silent is given up at the client's limit or at the context's end, whichever is first; then the connection is
// gone, and the next tap works.
func TestSilence(t *testing.T) {
	for _, tc := range []struct {
		name    string
		options pcsc.Options
		within  time.Duration // of the caller; 0 is none
		want    time.Duration
	}{
		{"no limit said", pcsc.Options{}, 0, 10 * time.Second},
		{"the client's", pcsc.Options{Timeout: 3 * time.Second}, 0, 3 * time.Second},
		{"the caller's", pcsc.Options{}, 2 * time.Second, 2 * time.Second},
		{"both", pcsc.Options{Timeout: 30 * time.Second}, time.Minute, 30 * time.Second},
	} {
		for _, at := range []string{"nothing", "half a structure", "half a response"} {
			t.Run(tc.name+"/"+at, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					s := newServer(t)
					c := s.pipe(tc.options)
					k, err := c.Connect(t.Context(), readerOne, pcsc.ConnectOptions{})
					if err != nil {
						t.Fatal(err)
					}
					s.raw[transmit] = silent(at)
					ctx := t.Context()
					if tc.within > 0 {
						var cancel context.CancelFunc
						ctx, cancel = context.WithTimeout(ctx, tc.within)
						defer cancel()
					}
					before := time.Now()
					_, err = k.Transmit(ctx, []byte{0, 0xB0, 0, 0, 0})
					if !errors.Is(err, pcsc.ErrTimeout) || !errors.Is(err, context.DeadlineExceeded) {
						t.Errorf("error %v", err)
					}
					if d := time.Since(before); d != tc.want {
						t.Errorf("gave up after %v, want %v", d, tc.want)
					}
					if _, err := k.Transmit(t.Context(), []byte{0, 0xB0, 0, 0, 0}); !errors.Is(err, pcsc.ErrDropped) {
						t.Errorf("afterwards: %v", err)
					}
					if err := k.Close(); err != nil {
						t.Errorf("closing: %v", err)
					}
					delete(s.raw, transmit)
					again, err := c.Connect(t.Context(), readerOne, pcsc.ConnectOptions{})
					if err != nil {
						t.Fatal(err)
					}
					if _, err := again.Transmit(t.Context(), []byte{0, 0xB0, 0, 0, 0}); err != nil {
						t.Errorf("the next tap: %v", err)
					}
					_ = again.Close()
				})
			})
		}
	}
}

func silent(at string) func(net.Conn) []byte {
	return func(c net.Conn) []byte {
		command := make([]byte, 5)
		_, _ = c.Read(command)
		switch at {
		case "half a structure":
			_, _ = c.Write(make([]byte, 16))
		case "half a response":
			_, _ = c.Write(append(words(cardHandle, 2, 16, 4, 2, 16, 258, 0), 1, 2, 3))
		}
		_, _ = c.Read(command) // until the other end is gone
		return nil
	}
}

// A context that ended sends nothing and costs nothing; one that ends on the way costs the connection.
func TestCancel(t *testing.T) {
	s := newServer(t)
	k := connected(t, s, pcsc.ConnectOptions{})
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := k.Transmit(ended, make([]byte, 4)); !errors.Is(err, context.Canceled) || s.count(transmit) != 0 {
		t.Errorf("error %v, %d sent", err, s.count(transmit))
	}
	if _, err := k.Transmit(t.Context(), make([]byte, 4)); err != nil {
		t.Errorf("afterwards: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	s.mu.Lock()
	s.raw[transmit] = func(c net.Conn) []byte { cancel(); return silent("nothing")(c) }
	s.mu.Unlock()
	if _, err := k.Transmit(ctx, []byte{0, 0xB0, 0, 0, 0}); !errors.Is(err, context.Canceled) {
		t.Errorf("on the way: %v", err)
	}
	if err := k.Status(t.Context()); !errors.Is(err, pcsc.ErrDropped) {
		t.Errorf("afterwards: %v", err)
	}
}

// The daemon going away in the middle of anything is an error of its own.
func TestServiceGone(t *testing.T) {
	s := newServer(t)
	k := connected(t, s, pcsc.ConnectOptions{})
	s.raw[transmit] = func(net.Conn) []byte { return nil }
	if _, err := k.Transmit(t.Context(), make([]byte, 4)); !errors.Is(err, pcsc.ErrService) {
		t.Errorf("error %v", err)
	}
	s = newServer(t)
	k = connected(t, s, pcsc.ConnectOptions{})
	s.raw[disconnect] = func(net.Conn) []byte { return nil }
	if err := k.Close(); !errors.Is(err, pcsc.ErrService) {
		t.Errorf("closing: %v", err)
	}
	if err := k.Close(); err != nil {
		t.Errorf("closing again: %v", err)
	}
}

// Exclusively ends the transaction whatever happens inside, and says what went wrong first.
func TestExclusively(t *testing.T) {
	inner := errors.New("inner")
	for _, tc := range []struct {
		name     string
		set      func(*server)
		inner    error
		want     error
		sent     int
		finished int
	}{
		{"good", func(*server) {}, nil, nil, 1, 1},
		{"fails inside", func(*server) {}, inner, inner, 1, 1},
		{"fails to begin", func(s *server) { s.code[begin] = uint32(pcsc.ResetCard) }, nil, pcsc.ResetCard, 0, 0},
		{"fails to end", func(s *server) { s.code[end] = uint32(pcsc.RemovedCard) }, nil, pcsc.RemovedCard, 1, 1},
		{"fails inside and at the end", func(s *server) { s.code[end] = uint32(pcsc.RemovedCard) }, inner, inner, 1, 1},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := newServer(t)
			tc.set(s)
			k := connected(t, s, pcsc.ConnectOptions{Shared: true})
			err := k.Exclusively(t.Context(), func(c apdu.Transmitter) error {
				if _, err := c.Transmit(t.Context(), make([]byte, 4)); err != nil {
					t.Error(err)
				}
				return tc.inner
			})
			if !errors.Is(err, tc.want) || s.count(transmit) != tc.sent || s.count(end) != tc.finished {
				t.Errorf("error %v, %d commands, %d ends", err, s.count(transmit), s.count(end))
			}
		})
	}
}

// Whatever a daemon sends, a client neither panics nor waits for ever, and what it accepts is within the bounds.
func FuzzAnswers(f *testing.F) {
	s := newServer(f)
	minor := uint32(0)
	greeting := append(s.answer(nil, version, words(4, 4, 0), &minor), s.answer(nil, establish, words(2, 0, 0), &minor)...)
	hello := append(greeting, s.answer(nil, connect, make([]byte, 152), &minor)...)
	hello = append(hello, s.states(16)...)
	f.Add(hello)
	f.Add(append(bytes.Clone(hello), append(words(cardHandle, 2, 16, 4, 2, 16, 4, 0), 1, 2, 0x90, 0)...))
	f.Add(append(bytes.Clone(hello), words(cardHandle, 2, 16, 4, 2, 16, 0xFFFFFFFF, 0)...))
	f.Fuzz(func(t *testing.T, answers []byte) {
		c := pcsc.New(pcsc.Options{Dial: func(context.Context) (net.Conn, error) {
			return &recorded{answers: bytes.NewReader(answers)}, nil
		}})
		readers, err := c.Readers(t.Context())
		if err != nil && readers != nil {
			t.Error("readers and an error")
		}
		for _, r := range readers {
			if r.Name == "" || len(r.Name) > 127 || len(r.ATR) > 33 {
				t.Errorf("reader %+v", r)
			}
		}
		k, err := c.Connect(t.Context(), readerOne, pcsc.ConnectOptions{})
		if err != nil {
			return
		}
		if b, err := k.Transmit(t.Context(), make([]byte, 5)); len(b) > apdu.MaxResponse || err != nil && b != nil {
			t.Errorf("%d bytes, %v", len(b), err)
		}
	})
}

// recorded is a daemon that says what is written, whatever it is sent.
type recorded struct {
	net.Conn
	answers *bytes.Reader
}

func (r *recorded) Read(b []byte) (int, error) { return r.answers.Read(b) }
func (*recorded) Write(b []byte) (int, error)  { return len(b), nil }
func (*recorded) SetDeadline(time.Time) error  { return nil }
func (*recorded) Close() error                 { return nil }
