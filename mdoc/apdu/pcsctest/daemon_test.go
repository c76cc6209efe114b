package pcsctest_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"mobileid/mdoc/apdu"
	"mobileid/mdoc/apdu/pcsc"
	"mobileid/mdoc/apdu/pcsctest"
	"mobileid/mdoc/apdu/vpcd"
)

// contactATR is one that My Number cards give on contacts.
var contactATR = []byte{0x3B, 0xDA, 0x13, 0xFF, 0x81, 0x31, 0xFB, 0x46, 0x80, 0x12, 0x39, 0x2F, 0x31, 0xC1, 0x73, 0xC6, 0x01, 0xC0, 0x3B}

// driverATR is a tag of the driver's own, which pcscd passes on as an attribute.
const driverATR pcsc.Attribute = 0x0303

// card answers READ BINARY with zeros and everything else with its data.
type card struct {
	atr []byte

	mu     sync.Mutex
	events []string
}

func (*card) Transmit(_ context.Context, command []byte) ([]byte, error) {
	c, err := apdu.ParseCommand(command)
	switch {
	case err != nil:
		return apdu.Response{SW: apdu.WrongLength}.Bytes(), nil
	case c.INS == 0xB0:
		return apdu.Response{Data: make([]byte, min(c.Le, 65533)), SW: apdu.OK}.Bytes(), nil
	default:
		return apdu.Response{Data: c.Data, SW: apdu.OK}.Bytes(), nil
	}
}

func (c *card) note(e string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.events = append(c.events, e)
}
func (c *card) Unpower()    { c.note("unpower") }
func (c *card) Reset()      { c.note("reset") }
func (c *card) ATR() []byte { return c.atr }

// since gives what happened since the last call.
func (c *card) since() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := strings.Join(c.events, " ")
	c.events = nil
	return s
}

func insert(t *testing.T, d *pcsctest.Daemon, k vpcd.Card) *pcsctest.Stay {
	t.Helper()
	s, err := d.Insert(t.Context(), k)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Pull)
	return s
}

func connect(t *testing.T, d *pcsctest.Daemon, o pcsc.ConnectOptions) *pcsc.Card {
	t.Helper()
	k, err := d.Client().Connect(t.Context(), d.Reader, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = k.Close() })
	return k
}

// A card's life in the installed daemon: in, connected, short and extended commands, a transaction, reset and power, out.
func TestRealDaemon(t *testing.T) {
	d := pcsctest.Run(t)
	ctx := t.Context()
	if _, err := d.Client().Connect(ctx, d.Reader, pcsc.ConnectOptions{}); !errors.Is(err, pcsc.NoCard) {
		t.Errorf("an empty reader: %v", err)
	}
	if _, err := d.Client().Connect(ctx, "no such reader", pcsc.ConnectOptions{}); !errors.Is(err, pcsc.UnknownReader) {
		t.Errorf("no reader: %v", err)
	}
	model := &card{atr: contactATR}
	stay := insert(t, d, model)
	r, err := d.Client().WaitCard(ctx, "")
	if err != nil || r.Name != d.Reader || !bytes.Equal(r.ATR, contactATR) {
		t.Fatalf("%+v, %v", r, err)
	}
	k := connect(t, d, pcsc.ConnectOptions{})
	if !bytes.Equal(k.ATR(), contactATR) || k.Protocol() != pcsc.T1 {
		t.Errorf("ATR %X, T=%d", k.ATR(), k.Protocol())
	}
	if _, err := d.Client().Connect(ctx, d.Reader, pcsc.ConnectOptions{}); !errors.Is(err, pcsc.SharingViolation) {
		t.Errorf("a second one: %v", err)
	}
	for _, c := range []apdu.Command{
		{INS: 0x20, P2: 0x80}, {INS: 0xB0, Le: 256}, {INS: 0xA4, Data: make([]byte, 255)}, {INS: 0xA4, Data: []byte{1, 2}, Le: 2},
		{INS: 0xB0, Le: 65533, Extended: true}, {INS: 0xA4, Data: make([]byte, 65000), Le: 65000, Extended: true},
	} {
		got, err := apdu.Exchange(ctx, k, c)
		want := len(c.Data)
		if c.INS == 0xB0 {
			want = c.Le
		}
		if err != nil || got.SW != apdu.OK || len(got.Data) != want {
			t.Errorf("%v: %d bytes, %v, %v", c, len(got.Data), got.SW, err)
		}
	}
	for _, err := range []error{k.Begin(ctx), k.Status(ctx), k.End(ctx, pcsc.Leave)} {
		if err != nil {
			t.Error(err)
		}
	}
	if atr, err := k.Attribute(ctx, driverATR); err != nil || !bytes.Equal(atr, contactATR) {
		t.Errorf("attribute %X, %v", atr, err)
	}
	model.since()
	if err := k.Reconnect(ctx, pcsc.Reset); err != nil || model.since() != "reset" {
		t.Errorf("reset: %v", err)
	}
	if err := k.Reconnect(ctx, pcsc.Unpower); err != nil || model.since() != "unpower" {
		t.Errorf("power: %v", err)
	}
	if err := k.Close(); err != nil || !strings.Contains(model.since(), "unpower") {
		t.Errorf("closing: %v", err)
	}
	if err := stay.Remove(ctx); err != nil {
		t.Error(err)
	}
}

// The card leaves while connected: the next command says so, and after it is back a new connection works.
func TestRemoved(t *testing.T) {
	d := pcsctest.Run(t)
	stay := insert(t, d, &card{atr: contactATR})
	k := connect(t, d, pcsc.ConnectOptions{})
	stay.Pull()
	_, err := k.Transmit(t.Context(), []byte{0, 0xB0, 0, 0, 0})
	if !errors.Is(err, pcsc.ErrNoResponse) && !errors.Is(err, pcsc.RemovedCard) && !errors.Is(err, pcsc.NotTransacted) {
		t.Errorf("error %v", err)
	}
	if err := stay.Remove(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := k.Status(t.Context()); !errors.Is(err, pcsc.RemovedCard) {
		t.Errorf("status: %v", err)
	}
	if err := k.Close(); err != nil {
		t.Errorf("closing: %v", err)
	}
	insert(t, d, &card{atr: contactATR})
	if _, err := connect(t, d, pcsc.ConnectOptions{Shared: true}).Transmit(t.Context(), []byte{0, 0xB0, 0, 0, 0}); err != nil {
		t.Errorf("the next tap: %v", err)
	}
}

// Two programs share a card; one resets it, the other is told and can go on.
func TestShared(t *testing.T) {
	d := pcsctest.Run(t)
	insert(t, d, &card{atr: contactATR})
	shared := pcsc.ConnectOptions{Shared: true}
	one, two, third := connect(t, d, shared), connect(t, d, shared), connect(t, d, shared)
	err := one.Exclusively(t.Context(), func(c apdu.Transmitter) error {
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		if err := third.Begin(ctx); !errors.Is(err, pcsc.SharingViolation) && !errors.Is(err, pcsc.ErrTimeout) {
			t.Errorf("inside another's transaction: %v", err)
		}
		_, err := c.Transmit(t.Context(), []byte{0, 0xB0, 0, 0, 0})
		return err
	})
	if err != nil {
		t.Error(err)
	}
	if err := one.Reconnect(t.Context(), pcsc.Reset); err != nil {
		t.Fatal(err)
	}
	if _, err := two.Transmit(t.Context(), []byte{0, 0xB0, 0, 0, 0}); !errors.Is(err, pcsc.ResetCard) {
		t.Errorf("after another's reset: %v", err)
	}
	if err := two.Reconnect(t.Context(), pcsc.Leave); err != nil {
		t.Fatal(err)
	}
	if _, err := two.Transmit(t.Context(), []byte{0, 0xB0, 0, 0, 0}); err != nil {
		t.Errorf("after taking note of it: %v", err)
	}
}

// Whatever a card says at power-up, the daemon and the client live, say something, and take the next card.
func TestGarbageATR(t *testing.T) {
	d := pcsctest.Run(t)
	for _, atr := range [][]byte{
		{}, {0}, {0x3B}, {0xFF, 0xFF}, bytes.Repeat([]byte{0xFF}, 33), bytes.Repeat([]byte{0x3B}, 64), make([]byte, 4096),
		append([]byte{0x3B, 0xFF}, bytes.Repeat([]byte{0x80}, 31)...), []byte("HTTP/1.1 400 Bad Request\r\n"),
	} {
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		if len(atr) == 0 { // no card, as far as the virtual reader is concerned
			ctx, cancel = context.WithTimeout(t.Context(), time.Second)
		}
		stay, err := d.Insert(ctx, &card{atr: atr})
		cancel()
		if err == nil {
			k, err := d.Client().Connect(t.Context(), d.Reader, pcsc.ConnectOptions{})
			if err != nil {
				t.Logf("ATR of %d bytes % .4X: %v", len(atr), atr, err)
				if _, told := errors.AsType[pcsc.Code](err); !told {
					t.Errorf("ATR % .8X: %v", atr, err)
				}
			} else if len(k.ATR()) > 33 || k.Close() != nil {
				t.Errorf("ATR % .8X was taken", atr)
			}
			if err := stay.Remove(t.Context()); err != nil {
				t.Fatal(err)
			}
		} else if len(atr) > 0 {
			t.Errorf("ATR % .8X: %v", atr, err)
		} else {
			t.Logf("ATR of %d bytes % .4X: not inserted: %v", len(atr), atr, err)
		}
	}
	insert(t, d, &card{atr: contactATR})
	if _, err := connect(t, d, pcsc.ConnectOptions{}).Transmit(t.Context(), []byte{0, 0xB0, 0, 0, 0}); err != nil {
		t.Errorf("the next card: %v", err)
	}
}

// A card that is silent holds nothing up but its own command.
func TestSilentCard(t *testing.T) {
	d := pcsctest.Run(t)
	stay := insert(t, d, vpcd.Misbehave(&card{atr: contactATR}, vpcd.Slow(time.Hour)))
	k := connect(t, d, pcsc.ConnectOptions{})
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := k.Transmit(ctx, []byte{0, 0xB0, 0, 0, 0}); !errors.Is(err, pcsc.ErrTimeout) {
		t.Errorf("error %v", err)
	}
	if err := stay.Remove(t.Context()); err != nil {
		t.Fatal(err)
	}
	insert(t, d, &card{atr: contactATR})
	if _, err := connect(t, d, pcsc.ConnectOptions{}).Transmit(t.Context(), []byte{0, 0xB0, 0, 0, 0}); err != nil {
		t.Errorf("the next tap: %v", err)
	}
}

// Several daemons run side by side, and leave nothing.
func TestSideBySide(t *testing.T) {
	var daemons []*pcsctest.Daemon
	for range 3 {
		d := pcsctest.Run(t)
		insert(t, d, &card{atr: contactATR})
		daemons = append(daemons, d)
	}
	for _, d := range daemons {
		if !strings.HasSuffix(strings.Join(d.Environment(), "\n"), pcsc.SocketEnvironment+"="+d.Socket) {
			t.Error("no variable in the environment")
		}
		if _, err := connect(t, d, pcsc.ConnectOptions{}).Transmit(t.Context(), []byte{0, 0xB0, 0, 0, 0}); err != nil {
			t.Error(err)
		}
		d.Stop()
		d.Stop()
		if _, err := os.Stat(d.Socket); !os.IsNotExist(err) {
			t.Errorf("the socket is left: %v", err)
		}
	}
}

// An exchange through daemon and virtual reader takes well under the 40 ms of a delayed acknowledgement.
func TestMeasure(t *testing.T) {
	d := pcsctest.Run(t)
	insert(t, d, &card{atr: contactATR})
	k := connect(t, d, pcsc.ConnectOptions{})
	for _, c := range []apdu.Command{{INS: 0xB0, Le: 256}, {INS: 0xB0, Le: 20000, Extended: true}} {
		each, err := pcsctest.Measure(t.Context(), k, c, 101, time.Now)
		if err != nil || each > 20*time.Millisecond {
			t.Errorf("%v: %v, %v", c, each, err)
		}
		t.Logf("%v: %v", c, each)
	}
	if _, err := pcsctest.Measure(t.Context(), refusing{}, apdu.Command{}, 1, time.Now); err == nil {
		t.Error("a refused command was measured")
	}
	if each, err := pcsctest.Measure(t.Context(), k, apdu.Command{}, 0, time.Now); each != 0 || err != nil {
		t.Errorf("nothing took %v, %v", each, err)
	}
}

type refusing struct{}

func (refusing) Transmit(context.Context, []byte) ([]byte, error) { return []byte{0x6D, 0x00}, nil }

// What is missing is named with its package.
func TestMissing(t *testing.T) {
	if _, err := pcsctest.Tool("no-such-program", "no-such-package"); !errors.Is(err, pcsctest.ErrMissing) || !strings.Contains(err.Error(), "no-such-package") {
		t.Errorf("error %v", err)
	}
	t.Setenv("PATH", t.TempDir()) // as of a user, without the folders of the administrator's programs
	if path, err := pcsctest.Tool("pcscd", "pcscd"); err != nil || path != "/usr/sbin/pcscd" {
		t.Errorf("%q, %v", path, err)
	}
}

// Waiting for the daemon to see a card ends with the context.
func TestContextEnds(t *testing.T) {
	d := pcsctest.Run(t)
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := d.Insert(ended, &card{atr: contactATR}); !errors.Is(err, context.Canceled) {
		t.Errorf("Insert: %v", err)
	}
	if err := insert(t, d, &card{atr: contactATR}).Remove(ended); !errors.Is(err, context.Canceled) {
		t.Errorf("Remove: %v", err)
	}
}

// fatal is a test that notes why it fails.
type fatal struct {
	*testing.T
	why string
}

func (f *fatal) Fatal(args ...any) { f.why = fmt.Sprint(args...); runtime.Goexit() }

// A daemon that does not start fails the test with the cause, and leaves nothing.
func TestStartFails(t *testing.T) {
	long := filepath.Join(t.TempDir(), strings.Repeat("x", 100))
	if err := os.Mkdir(long, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		name     string
		variable string
		value    string
		program  string // what stands in the daemon's place
		says     string
	}{
		{"no folder to work in", "TMPDIR", filepath.Join(t.TempDir(), "none"), "", "no such file"},
		{"a path too long for a socket", "TMPDIR", long, "", "invalid argument"},
		{"a daemon that ends at once", "", "", "echo first; echo the disk is full >&2; exit 1", "the disk is full"},
		{"a daemon that cannot be run", "", "", "\x7fELF", "pcscd says"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if tc.variable != "" {
				t.Setenv(tc.variable, tc.value)
			}
			if tc.program != "" {
				dir := t.TempDir()
				if err := os.WriteFile(filepath.Join(dir, "pcscd"), []byte("#!/bin/sh\n"+tc.program+"\n"), 0o700); err != nil {
					t.Fatal(err)
				}
				t.Setenv("PATH", dir)
			}
			f := &fatal{T: t}
			done := make(chan struct{})
			go func() {
				defer close(done)
				pcsctest.Run(f)
			}()
			<-done
			if !strings.Contains(f.why, tc.says) {
				t.Errorf("it says %q, want %q", f.why, tc.says)
			}
		})
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if d, err := pcsctest.Start(ended); err == nil {
		d.Stop()
		t.Error("started after the end")
	}
}
