package pcsc_test

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"mobileid/mdoc/apdu/pcsc"

	"github.com/google/go-cmp/cmp"
)

// The daemons of pcsc-lite 1.8.9 to 2.5, by what they accept and what they name.
func TestVersions(t *testing.T) {
	for _, tc := range []struct {
		name          string
		accepts       []uint32
		answerVersion uint32
		offers        int
		state         uint32 // the command that brings the reader states
	}{
		{"1.8.9 to 1.8.23", []uint32{3}, 0, 2, states},
		{"1.8.24 to 2.2", []uint32{4}, 0, 1, states},
		{"2.3 and 2.4.0", []uint32{5}, 0, 2, states},
		{"2.4.1", []uint32{4, 5}, 5, 1, states},
		{"2.5", []uint32{4, 5, 6}, 6, 1, states},
		{"one that takes 4.6 alone", []uint32{6}, 0, 2, array},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := newServer(t)
			s.accepts, s.answerVersion = tc.accepts, tc.answerVersion
			readers, err := s.start(pcsc.Options{}).Readers(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			want := []pcsc.Reader{{Name: readerOne, State: 0x34, Sharing: -1, ATR: []byte{0x3B, 0x00}}}
			if d := cmp.Diff(want, readers); d != "" {
				t.Error(d)
			}
			if n := s.count(version); n != tc.offers {
				t.Errorf("%d offers, want %d", n, tc.offers)
			}
			if s.count(tc.state) != 1 {
				t.Errorf("commands %#x, want %#x once", s.seen, tc.state)
			}
		})
	}
}

func TestUnknownVersions(t *testing.T) {
	for _, tc := range []struct {
		name    string
		accepts []uint32
		answer  func(net.Conn) []byte
	}{
		{"older", []uint32{2}, nil},
		{"newer", []uint32{7}, nil},
		{"another major", nil, func(net.Conn) []byte { return versionAnswer(5, 4) }},
		{"refuses what it names", nil, func(net.Conn) []byte { return versionAnswer(4, 4) }},
		{"names one after the other", nil, alternately(5, 6)},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := newServer(t)
			s.accepts = tc.accepts
			if tc.answer != nil {
				s.raw[version] = tc.answer
			}
			if _, err := s.start(pcsc.Options{}).Readers(t.Context()); !errors.Is(err, pcsc.ErrVersion) {
				t.Errorf("error %v", err)
			}
		})
	}
}

func versionAnswer(major, minor uint32) []byte {
	b := make([]byte, 12)
	put(b, 0, major)
	put(b, 4, minor)
	put(b, 8, stopped)
	return b
}

func alternately(minors ...uint32) func(net.Conn) []byte {
	n := 0
	return func(net.Conn) []byte {
		n++
		return versionAnswer(4, minors[(n-1)%len(minors)])
	}
}

func TestNoService(t *testing.T) {
	dir := t.TempDir()
	stale := filepath.Join(dir, "stale")
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: stale, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	l.SetUnlinkOnClose(false)
	_ = l.Close()
	hangsUp := newServer(t)
	hangsUp.raw[version] = func(net.Conn) []byte { return nil }
	refused := func(err error) *pcsc.Client {
		return pcsc.New(pcsc.Options{Dial: func(context.Context) (net.Conn, error) { return nil, err }})
	}
	for _, tc := range []struct {
		name   string
		client *pcsc.Client
		want   error
	}{
		{"no socket", pcsc.New(pcsc.Options{Socket: filepath.Join(dir, "none")}), pcsc.ErrNotRunning},
		{"nobody listens", pcsc.New(pcsc.Options{Socket: stale}), pcsc.ErrNotRunning},
		{"forbidden", refused(&os.PathError{Op: "connect", Err: os.ErrPermission}), pcsc.ErrNotAllowed},
		{"hangs up at the greeting", hangsUp.start(pcsc.Options{}), pcsc.ErrNotAllowed},
		{"another failure", refused(errors.New("no more files")), pcsc.ErrService},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if _, err := tc.client.Readers(t.Context()); !errors.Is(err, tc.want) {
				t.Errorf("Readers: %v, want %v", err, tc.want)
			}
			if _, err := tc.client.Connect(t.Context(), readerOne, pcsc.ConnectOptions{}); !errors.Is(err, tc.want) {
				t.Errorf("Connect: %v, want %v", err, tc.want)
			}
			if _, err := tc.client.WaitCard(t.Context(), ""); !errors.Is(err, tc.want) {
				t.Errorf("WaitCard: %v, want %v", err, tc.want)
			}
		})
	}
}

func TestSocketFromTheEnvironment(t *testing.T) {
	t.Setenv(pcsc.SocketEnvironment, filepath.Join(t.TempDir(), "none"))
	if _, err := pcsc.New(pcsc.Options{}).Readers(t.Context()); !errors.Is(err, pcsc.ErrNotRunning) {
		t.Errorf("error %v", err)
	}
}

// A client outlives a restart of the daemon without anybody noticing.
func TestRestart(t *testing.T) {
	s := newServer(t)
	var last net.Conn
	c := pcsc.New(pcsc.Options{Dial: func(context.Context) (net.Conn, error) {
		here, there := net.Pipe()
		last = there
		go s.serve(there)
		return here, nil
	}})
	for range 2 {
		if _, err := c.Readers(t.Context()); err != nil {
			t.Fatal(err)
		}
		_ = last.Close()
	}
	if n := s.count(version); n != 2 {
		t.Errorf("%d connections, want 2", n)
	}
	c.Close()
}

func TestMalformedStates(t *testing.T) {
	longATR := make([]byte, 16*184)
	copy(longATR, "reader")
	put(longATR, 176, 34)
	endless := make([]byte, 16*184)
	copy(endless, strings.Repeat("x", 128))
	for name, b := range map[string][]byte{"ATR too long": longATR, "name without an end": endless} {
		t.Run(name, func(t *testing.T) {
			s := newServer(t)
			s.raw[states] = func(net.Conn) []byte { return b }
			s.raw[wait] = s.raw[states]
			c := s.start(pcsc.Options{})
			if _, err := c.Readers(t.Context()); !errors.Is(err, pcsc.ErrAnswer) {
				t.Errorf("Readers: %v", err)
			}
			if _, err := c.Wait(t.Context(), nil); !errors.Is(err, pcsc.ErrAnswer) {
				t.Errorf("Wait: %v", err)
			}
			if _, err := c.Connect(t.Context(), readerOne, pcsc.ConnectOptions{}); !errors.Is(err, pcsc.ErrAnswer) {
				t.Errorf("Connect: %v", err)
			}
		})
	}
	t.Run("too many", func(t *testing.T) {
		s := newServer(t)
		s.accepts = []uint32{6}
		s.raw[arraySize] = func(net.Conn) []byte { return []byte{0xFF, 0xFF, 0xFF, 0x7F} }
		if _, err := s.start(pcsc.Options{}).Readers(t.Context()); !errors.Is(err, pcsc.ErrAnswer) {
			t.Errorf("error %v", err)
		}
	})
	t.Run("none", func(t *testing.T) {
		s := newServer(t)
		s.accepts = []uint32{6}
		s.raw[arraySize] = func(net.Conn) []byte { return make([]byte, 4) }
		if readers, err := s.start(pcsc.Options{}).Readers(t.Context()); err != nil || len(readers) != 0 {
			t.Errorf("%v, %v", readers, err)
		}
	})
}

// Waiting sees a card that comes, by event and by looking again.
func TestWaitCard(t *testing.T) {
	for _, minor := range []uint32{3, 4, 5, 6} {
		t.Run("4."+string('0'+rune(minor)), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newServer(t)
				s.accepts, s.state, s.atr = []uint32{minor}, 0x02, nil
				c := s.pipe(pcsc.Options{})
				defer c.Close()
				got := make(chan pcsc.Reader)
				go func() {
					r, err := c.WaitCard(t.Context(), readerOne)
					if err != nil {
						t.Error(err)
					}
					got <- r
				}()
				synctest.Wait()
				s.change(func() { s.state, s.events = 0x0C, 1 }) // a card that does not answer is none
				synctest.Wait()
				s.change(func() { s.state, s.events, s.atr = 0x34, 2, []byte{0x3B, 0x80} })
				r := <-got
				if !r.HasCard() || r.Events != 2 || string(r.ATR) != "\x3B\x80" {
					t.Errorf("reader %+v", r)
				}
			})
		})
	}
}

// What changed between looking and waiting is not missed, and the daemon is told to forget the waiting.
func TestWaitSeesAnEarlierChange(t *testing.T) {
	s := newServer(t)
	c := s.start(pcsc.Options{})
	for range 2 {
		now, err := c.Wait(t.Context(), nil)
		if err != nil || len(now) != 1 {
			t.Fatalf("%v, %v", now, err)
		}
	}
	if s.count(stopWait) != 2 || len(s.waiting) != 0 || s.count(version) != 1 {
		t.Errorf("commands %#x, %d waiting", s.seen, len(s.waiting))
	}
}

// Hot plug: the reader itself comes and goes.
func TestWaitForAReader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServer(t)
		s.none = true
		c := s.pipe(pcsc.Options{})
		defer c.Close()
		var last []pcsc.Reader
		for i, plugged := range []bool{true, false, true} {
			done := make(chan struct{})
			go func() {
				defer close(done)
				now, err := c.Wait(t.Context(), last)
				if err != nil || (len(now) == 1) != plugged {
					t.Errorf("%d: %v, %v", i, now, err)
				}
				last = now
			}()
			synctest.Wait()
			s.change(func() { s.none = !plugged })
			<-done
		}
	})
}

// A wait ends with its context, and the client goes on.
func TestWaitEnds(t *testing.T) {
	for _, minor := range []uint32{3, 4} {
		synctest.Test(t, func(t *testing.T) {
			s := newServer(t)
			s.accepts = []uint32{minor}
			c := s.pipe(pcsc.Options{})
			defer c.Close()
			last, err := c.Readers(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
			defer cancel()
			before := time.Now()
			if _, err := c.Wait(ctx, last); !errors.Is(err, context.DeadlineExceeded) || errors.Is(err, pcsc.ErrTimeout) {
				t.Errorf("4.%d: %v", minor, err)
			}
			if d := time.Since(before); d != time.Hour {
				t.Errorf("4.%d: ended after %v", minor, d)
			}
			if _, err := c.Wait(t.Context(), nil); err != nil {
				t.Errorf("4.%d: the next wait: %v", minor, err)
			}
		})
	}
}

// stateOf is one reader state.
func stateOf(name string, state uint32) []byte {
	b := make([]byte, 184)
	copy(b, name)
	put(b, 132, state)
	return b
}

func TestFind(t *testing.T) {
	for _, tc := range []struct {
		name   string
		states map[string]uint32
		wanted string
		found  string
		want   error
	}{
		{"the only one", map[string]uint32{"a": 0x34}, "", "a", nil},
		{"the one with a card", map[string]uint32{"a": 0x02, "b": 0x34}, "", "b", nil},
		{"the one named", map[string]uint32{"a": 0x34, "b": 0x34}, "b", "b", nil},
		{"several", map[string]uint32{"a": 0x34, "b": 0x34}, "", "", pcsc.ErrSeveral},
		{"none", nil, "", "", pcsc.NoReaders},
		{"none, and one named", nil, "a", "", pcsc.NoReaders},
		{"another", map[string]uint32{"a": 0x34}, "b", "", pcsc.UnknownReader},
		{"empty", map[string]uint32{"a": 0x02}, "", "", pcsc.NoCard},
		{"a card that is mute", map[string]uint32{"a": 0x0C}, "a", "", pcsc.NoCard},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := newServer(t)
			s.raw[states] = func(net.Conn) []byte {
				var b []byte
				for name, state := range tc.states {
					b = append(b, stateOf(name, state)...)
				}
				return append(b, make([]byte, 16*184-len(b))...)
			}
			r, err := s.start(pcsc.Options{}).Find(t.Context(), tc.wanted)
			if r.Name != tc.found || !errors.Is(err, tc.want) {
				t.Errorf("%q, %v", r.Name, err)
			}
		})
	}
	if _, err := pcsc.New(pcsc.Options{Socket: "none"}).Find(t.Context(), ""); !errors.Is(err, pcsc.ErrNotRunning) {
		t.Errorf("no service: %v", err)
	}
}

// Every code has a sentence, the number behind it, and nothing else in common with others that need another deed.
func TestCodes(t *testing.T) {
	for c := pcsc.Code(0x80100001); c < 0x80100070; c++ {
		if text := c.Error(); len(text) < 15 || !strings.HasSuffix(text, ")") {
			t.Errorf("%q", text)
		}
	}
	for c, want := range map[pcsc.Code]string{
		pcsc.NoCard: "put the card on the reader", pcsc.RemovedCard: "put it on again", pcsc.SharingViolation: "another program",
		pcsc.NoReaders: "plug one in", pcsc.ServiceStopped: "start pcscd", pcsc.UnresponsiveCard: "lies right",
		pcsc.ReaderUnavailable: "plug it in again", pcsc.ResetCard: "start over", pcsc.UnpoweredCard: "no power",
		pcsc.SecurityViolation: "administrator", pcsc.CommError: "start over", pcsc.UnknownReader: "listed",
	} {
		if !strings.Contains(c.Error(), want) {
			t.Errorf("%q does not say %q", c.Error(), want)
		}
	}
}
