package ble_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"mobileid/mdoc/transport"
	"mobileid/mdoc/transport/ble"
	"mobileid/mdoc/transport/ble/bletest"
	"mobileid/mdoc/transport/transporttest"
)

// A link that breaks after the start is an error at both ends, whatever was on its way.
func TestLostAfterTheStart(t *testing.T) {
	for _, at := range []int{3, 4, 8} { // 3 is the first part after the start
		synctest.Test(t, func(t *testing.T) {
			var radio bletest.Client
			link := bletest.Link{Fault: func(d bletest.Direction, n int, e ble.Event) []ble.Event {
				if d == bletest.FromClient && n == at {
					radio.Cut()
				}
				return []ble.Event{e}
			}}
			client, server, r := join(t, ble.Config{Mode: ble.PeripheralServer}, link)
			radio = r
			if err := client.Send(t.Context(), transporttest.Pattern(200)); !errors.Is(err, transport.ErrLost) {
				t.Errorf("sender: error %v, want ErrLost", err)
			}
			if m, err := server.Receive(t.Context()); !errors.Is(err, transport.ErrLost) || m != nil {
				t.Errorf("receiver: %d bytes, error %v, want ErrLost", len(m), err)
			}
			if err := server.Send(t.Context(), []byte("x")); !errors.Is(err, transport.ErrLost) {
				t.Errorf("receiver sends: error %v, want ErrLost", err)
			}
			transporttest.Close(t, client, server)
		})
	}
}

// What the other end must not send ends the connection: nothing is given to the caller, and the other end is told.
func TestMalformedParts(t *testing.T) {
	for name, e := range map[string]ble.Event{
		"empty":                    {Characteristic: ble.Client2Server},
		"first byte 02":            {Characteristic: ble.Client2Server, Value: []byte{2, 1}},
		"over the MTU":             {Characteristic: ble.Client2Server, Value: make([]byte, 21)},
		"over the message bound":   {Characteristic: ble.Client2Server, Value: make([]byte, 18)},
		"into the other direction": {Characteristic: ble.Server2Client, Value: []byte{0, 1}},
		"into Ident":               {Characteristic: ble.Ident, Value: []byte{0, 1}},
		"State 03":                 {Characteristic: ble.State, Value: []byte{3}},
		"State empty":              {Characteristic: ble.State},
		"a second start":           {Characteristic: ble.State, Value: []byte{1}},
		"an end of two bytes":      {Characteristic: ble.State, Value: []byte{2, 0}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				client, server, radio := join(t, ble.Config{Mode: ble.PeripheralServer, MaxMessage: 16}, bletest.Link{})
				if err := radio.Inject(t.Context(), e); err != nil {
					t.Fatal(err)
				}
				if m, err := server.Receive(t.Context()); !errors.Is(err, transport.ErrProtocol) || m != nil {
					t.Errorf("%d bytes, error %v, want ErrProtocol", len(m), err)
				}
				if _, err := client.Receive(t.Context()); !errors.Is(err, transport.ErrClosed) || errors.Is(err, transport.ErrLost) {
					t.Errorf("the other end: error %v, want an orderly ErrClosed", err)
				}
				transporttest.Close(t, client, server)
			})
		})
	}
}

// A client is as strict as a server, and it is the client that disconnects.
func TestMalformedNotifications(t *testing.T) {
	for name, e := range map[string]ble.Event{
		"empty":                    {Characteristic: ble.Server2Client},
		"over the MTU":             {Characteristic: ble.Server2Client, Value: make([]byte, 21)},
		"into the other direction": {Characteristic: ble.Client2Server, Value: []byte{0, 1}},
		"a start":                  {Characteristic: ble.State, Value: []byte{1}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				radio, there := bletest.Link{}.Join()
				var server *ble.Conn
				var wg sync.WaitGroup
				cfg := ble.Config{Mode: ble.PeripheralServer}
				wg.Go(func() {
					server, _ = ble.Serve(t.Context(), cfg, func(context.Context) (ble.Radio, error) { return there, nil })
				})
				client, err := ble.Connect(t.Context(), cfg, func(context.Context) (ble.ClientRadio, error) { return radio, nil })
				wg.Wait()
				if err != nil {
					t.Fatal(err)
				}
				if err := there.Inject(t.Context(), e); err != nil {
					t.Fatal(err)
				}
				if m, err := client.Receive(t.Context()); !errors.Is(err, transport.ErrProtocol) || m != nil {
					t.Errorf("%d bytes, error %v, want ErrProtocol", len(m), err)
				}
				synctest.Wait() // the link is cut by who reads it, which may be after Receive was told why
				if err := radio.Send(t.Context(), ble.State, []byte{2}); !errors.Is(err, bletest.ErrDisconnected) {
					t.Errorf("the link: error %v, want disconnected", err)
				}
				transporttest.Close(t, client, server)
			})
		})
	}
}

// Parts that are lost, doubled or change places give another message than was sent, or none: never a panic, never more
// than the bound. That it is another one is for the session to see.
func TestFaultyLinks(t *testing.T) {
	message := transporttest.Pattern(100)
	var held []ble.Event
	for name, fault := range map[string]func(n int, e ble.Event) []ble.Event{
		"lost": func(n int, e ble.Event) []ble.Event {
			if n == 4 {
				return nil
			}
			return []ble.Event{e}
		},
		"doubled": func(_ int, e ble.Event) []ble.Event { return []ble.Event{e, e} },
		"reordered": func(n int, e ble.Event) []ble.Event {
			if n == 4 {
				held = []ble.Event{e}
				return nil
			}
			out := append([]ble.Event{e}, held...)
			held = nil
			return out
		},
		"altered": func(_ int, e ble.Event) []ble.Event { e.Value[len(e.Value)-1] ^= 1; return []ble.Event{e} },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				link := bletest.Link{Fault: func(d bletest.Direction, n int, e ble.Event) []ble.Event {
					if d == bletest.FromServer || e.Characteristic != ble.Client2Server {
						return []ble.Event{e}
					}
					return fault(n, e)
				}}
				client, server, _ := join(t, ble.Config{Mode: ble.PeripheralServer, MaxMessage: 200}, link)
				var wg sync.WaitGroup
				wg.Go(func() { _ = client.Send(t.Context(), message) })
				got, err := server.Receive(t.Context())
				if err == nil && (bytes.Equal(got, message) || len(got) > 200) {
					t.Errorf("received %d bytes, the same as without the fault", len(got))
				}
				wg.Wait()
				transporttest.Close(t, client, server)
			})
		})
	}
}

func TestSlowLink(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		link := bletest.Link{Delay: func(bletest.Direction, int) time.Duration { return 30 * time.Millisecond }}
		client, server, _ := join(t, ble.Config{Mode: ble.CentralClient}, link)
		transporttest.Exchange(t, server, client, transporttest.Pattern(1000), transporttest.Pattern(1000))
		transporttest.Close(t, server, client)
	})
}

// Half a message cannot be taken back: a Send that is cancelled in the middle ends the connection, and the other end gets
// no part of it.
func TestCancelledInTheMiddle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		link := bletest.Link{Fault: func(d bletest.Direction, n int, e ble.Event) []ble.Event {
			if d == bletest.FromClient && n == 5 {
				cancel()
			}
			return []ble.Event{e}
		}}
		client, server, _ := join(t, ble.Config{Mode: ble.PeripheralServer}, link)
		if err := client.Send(ctx, transporttest.Pattern(200)); !errors.Is(err, context.Canceled) {
			t.Errorf("error %v, want Canceled", err)
		}
		if m, err := server.Receive(t.Context()); !errors.Is(err, transport.ErrClosed) || m != nil {
			t.Errorf("%d bytes, error %v, want ErrClosed", len(m), err)
		}
		if err := client.Send(t.Context(), []byte("x")); !errors.Is(err, transport.ErrClosed) {
			t.Errorf("the next: error %v, want ErrClosed", err)
		}
		transporttest.Close(t, client, server)
	})
}

// One that waits for its turn and gives up leaves the connection usable.
func TestCancelledBeforeItsTurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, server, _ := join(t, ble.Config{Mode: ble.PeripheralServer}, bletest.Link{})
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		var wg sync.WaitGroup
		for range 6 { // four wait at the other end, one is in its hands, one in the stack
			wg.Go(func() {
				if err := client.Send(t.Context(), transporttest.Pattern(200)); err != nil {
					t.Errorf("error %v", err)
				}
			})
		}
		synctest.Wait()
		if err := client.Send(ctx, []byte("x")); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("error %v, want DeadlineExceeded", err)
		}
		for range 6 {
			if m, err := server.Receive(t.Context()); err != nil || len(m) != 200 {
				t.Errorf("%d bytes, error %v", len(m), err)
			}
		}
		wg.Wait()
		transporttest.Exchange(t, client, server, []byte("request"), []byte("answer"))
		transporttest.Close(t, client, server)
	})
}

// A client that neither reads nor disconnects holds nobody up for long.
func TestCloseIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		radio, there := bletest.Link{}.Join()
		for _, c := range []ble.Characteristic{ble.State, ble.Server2Client} {
			if err := radio.Subscribe(t.Context(), c); err != nil {
				t.Fatal(err)
			}
		}
		if err := radio.Send(t.Context(), ble.State, []byte{1}); err != nil {
			t.Fatal(err)
		}
		server, err := ble.Serve(t.Context(), ble.Config{Mode: ble.PeripheralServer}, func(context.Context) (ble.Radio, error) { return there, nil })
		if err != nil {
			t.Fatal(err)
		}
		var wg sync.WaitGroup
		wg.Go(func() {
			if err := server.Send(t.Context(), transporttest.Pattern(1000)); !errors.Is(err, transport.ErrClosed) {
				t.Errorf("waiting sender: error %v, want ErrClosed", err)
			}
		})
		synctest.Wait()
		before := time.Now() //nolint:forbidigo // the bubble's clock
		transporttest.Close(t, server)
		wg.Wait()
		if took := time.Since(before); took > time.Second {
			t.Errorf("closing took %s", took)
		}
	})
}

// deaf is a radio that stops taking values without saying so to a reader.
type deaf struct{ bletest.Client }

func (d deaf) Send(ctx context.Context, c ble.Characteristic, value []byte) error {
	if c == ble.State {
		return d.Client.Send(ctx, c, value)
	}
	return io.ErrClosedPipe
}

func TestRadioThatFailsOneWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		radio, there := bletest.Link{}.Join()
		var server *ble.Conn
		var wg sync.WaitGroup
		cfg := ble.Config{Mode: ble.PeripheralServer}
		wg.Go(func() {
			server, _ = ble.Serve(t.Context(), cfg, func(context.Context) (ble.Radio, error) { return there, nil })
		})
		client, err := ble.Connect(t.Context(), cfg, func(context.Context) (ble.ClientRadio, error) { return deaf{radio}, nil })
		wg.Wait()
		if err != nil {
			t.Fatal(err)
		}
		if err := client.Send(t.Context(), []byte("x")); !errors.Is(err, transport.ErrLost) {
			t.Errorf("error %v, want ErrLost", err)
		}
		if _, err := server.Receive(t.Context()); !errors.Is(err, transport.ErrClosed) {
			t.Errorf("the other end: error %v, want ErrClosed", err)
		}
		transporttest.Close(t, client, server)
	})
}

// Frames of an L2CAP channel, byte by byte.
func TestStreamFrames(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		here, there := net.Pipe()
		s := ble.NewStream(t.Context(), here, 300)
		var wg sync.WaitGroup
		wg.Go(func() {
			if err := s.Send(t.Context(), transporttest.Pattern(258)); err != nil {
				t.Error(err)
			}
		})
		frame := make([]byte, 262)
		if _, err := io.ReadFull(there, frame); err != nil || !bytes.Equal(frame, append([]byte{0, 0, 1, 2}, transporttest.Pattern(258)...)) {
			t.Errorf("frame %x, error %v", frame[:8], err)
		}
		wg.Wait()
		wg.Go(func() {
			for i := range frame { // a byte at a time
				_, _ = there.Write(frame[i : i+1])
			}
		})
		if m, err := s.Receive(t.Context()); err != nil || !bytes.Equal(m, transporttest.Pattern(258)) {
			t.Errorf("%d bytes, error %v", len(m), err)
		}
		wg.Wait()
		transporttest.Close(t, s)
	})
}

func TestStreamRefuses(t *testing.T) {
	for name, tc := range map[string]struct {
		bytes string
		want  error
	}{
		"a message over the bound":    {"\x00\x00\x00\x11", transport.ErrProtocol},
		"four gigabytes":              {"\xff\xff\xff\xff", transport.ErrProtocol},
		"the end inside the length":   {"\x00\x00", transport.ErrLost},
		"the end inside the message":  {"\x00\x00\x00\x04abc", transport.ErrLost},
		"the end before the message":  {"\x00\x00\x00\x04", transport.ErrLost},
		"the end after some messages": {"\x00\x00\x00\x00", transport.ErrClosed},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				here, there := net.Pipe()
				s := ble.NewStream(t.Context(), here, 16)
				_, _ = there.Write([]byte(tc.bytes))
				_ = there.Close()
				m, err := s.Receive(t.Context())
				for err == nil && len(m) == 0 { // the message of no bytes
					m, err = s.Receive(t.Context())
				}
				if !errors.Is(err, tc.want) || errors.Is(err, transport.ErrLost) != errors.Is(tc.want, transport.ErrLost) {
					t.Errorf("error %v, want %v", err, tc.want)
				}
				transporttest.Close(t, s)
			})
		})
	}
}

func TestStreamSendCancelled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		here, there := net.Pipe()
		s := ble.NewStream(t.Context(), here, 0)
		if err := s.Send(t.Context(), make([]byte, transport.DefaultMaxMessage+1)); !errors.Is(err, transport.ErrTooLarge) {
			t.Errorf("error %v, want ErrTooLarge", err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if err := s.Send(ctx, []byte("nobody reads")); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("error %v, want DeadlineExceeded", err)
		}
		if _, err := there.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
			t.Errorf("the other end reads: %v, want EOF", err)
		}
		transporttest.Close(t, s)
	})
}

// broken is a channel that takes nothing and brings nothing until it is closed.
type broken struct{ net.Conn }

func (broken) Write([]byte) (int, error) { return 0, io.ErrShortWrite }

func TestStreamThatFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		here, _ := net.Pipe()
		s := ble.NewStream(t.Context(), broken{here}, 0)
		for range 2 {
			if err := s.Send(t.Context(), []byte("x")); !errors.Is(err, transport.ErrLost) {
				t.Errorf("error %v, want ErrLost", err)
			}
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		here, _ = net.Pipe()
		whole := ble.NewStream(t.Context(), here, 0)
		if err := whole.Send(ctx, []byte("x")); !errors.Is(err, context.Canceled) {
			t.Errorf("error %v, want Canceled", err)
		}
		if _, err := whole.Receive(ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("error %v, want Canceled", err)
		}
		transporttest.Close(t, s, whole)
	})
}

// A stream cut into frames, whatever it is, ends with an error and never gives a message over the bound.
func FuzzStream(f *testing.F) {
	f.Add([]byte("\x00\x00\x00\x03abc\x00\x00\x00\x00"))
	f.Add([]byte("\xff\xff\xff\xff"))
	f.Fuzz(func(t *testing.T, stream []byte) {
		s := ble.NewStream(t.Context(), closer{bytes.NewReader(stream)}, 64)
		var back []byte
		for {
			m, err := s.Receive(t.Context())
			if err != nil {
				if !errors.Is(err, transport.ErrClosed) || m != nil {
					t.Fatalf("error %v with %d bytes", err, len(m))
				}
				break
			}
			if len(m) > 64 {
				t.Fatalf("a message of %d bytes", len(m))
			}
			back = append(append(back, 0, 0, 0, byte(len(m))), m...)
		}
		if !bytes.HasPrefix(stream, back) {
			t.Fatalf("the messages are not those of the stream")
		}
		transporttest.Close(t, s)
	})
}

type closer struct{ io.Reader }

func (closer) Write(b []byte) (int, error) { return len(b), nil }
func (closer) Close() error                { return nil }
