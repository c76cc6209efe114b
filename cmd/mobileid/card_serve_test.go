package main

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"mobileid/issuer/card"
	"mobileid/issuer/card/cardsim"
	"mobileid/mdoc/apdu"
	"mobileid/mdoc/apdu/pcsc"
	"mobileid/mdoc/apdu/pcsctest"
)

// served runs card serve into a daemon's reader until end is called.
func served(t *testing.T, d *pcsctest.Daemon, args ...string) (end func() (code int, out string)) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var stdout, stderr bytes.Buffer
	done := make(chan int, 1)
	go func() {
		done <- run(ctx, append([]string{"card", "serve", "--vpcd", d.Address}, args...), strings.NewReader(""), &stdout, &stderr)
	}()
	end = sync.OnceValues(func() (int, string) { cancel(); return <-done, stdout.String() + stderr.String() })
	t.Cleanup(func() { end() })
	if _, err := d.Client().WaitCard(t.Context(), d.Reader); err != nil {
		_, out := end()
		t.Fatal(err, out)
	}
	return end
}

// verify presents the auth PIN and gives the answer.
func verify(t *testing.T, d *pcsctest.Daemon, pin string) (apdu.SW, error) {
	t.Helper()
	k, err := d.Client().Connect(t.Context(), d.Reader, pcsc.ConnectOptions{})
	if err != nil {
		return 0, err
	}
	defer k.Close() //nolint:errcheck // the card may be gone
	var last apdu.SW
	for _, c := range []apdu.Command{
		{INS: 0xA4, P1: 4, P2: 12, Data: card.JPKI.AID()},
		{INS: 0xA4, P1: 2, P2: 12, Data: []byte{0, 0x18}},
		{INS: 0x20, P2: 0x80, Data: []byte(pin)},
	} {
		r, err := apdu.Exchange(t.Context(), k, c)
		if err != nil {
			return 0, err
		}
		last = r.SW
	}
	return last, nil
}

func TestCardServe(t *testing.T) {
	d := pcsctest.Run(t)
	end := served(t, d, "--slow", "1ms")
	if sw, err := verify(t, d, cardsim.TestPIN); sw != apdu.OK || err != nil {
		t.Errorf("PIN %s: %v, %v", cardsim.TestPIN, sw, err)
	}
	if code, out := end(); code != exitOK || !strings.Contains(out, "card is in the reader") {
		t.Errorf("code %d: %s", code, out)
	}
}

// The card leaves after the commands said, and is back for the next tap.
func TestCardServeRemoveAfter(t *testing.T) {
	d := pcsctest.Run(t)
	served(t, d, "--state", savedPath(t), "--remove-after", "2", "--retry", "2s")
	if _, err := verify(t, d, cardsim.TestPIN); !errors.Is(err, pcsc.ErrNoResponse) && !errors.Is(err, pcsc.RemovedCard) && !errors.Is(err, pcsc.NotTransacted) {
		t.Errorf("third command: %v", err)
	}
	readers, err := d.Client().Readers(t.Context())
	for err == nil && (readers[0].Events < 3 || !readers[0].HasCard()) { // in, out, in
		readers, err = d.Client().Wait(t.Context(), readers)
	}
	if err != nil {
		t.Fatal(err)
	}
	k, err := d.Client().Connect(t.Context(), d.Reader, pcsc.ConnectOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer k.Close() //nolint:errcheck // the end of the test
	if _, err := apdu.Exchange(t.Context(), k, apdu.Command{INS: 0xA4, P1: 4, P2: 12, Data: card.JPKI.AID()}); err != nil {
		t.Errorf("the next tap: %v", err)
	}
}

// A spent try is in the file afterwards.
func TestCardServeState(t *testing.T) {
	state, d := savedPath(t), pcsctest.Run(t)
	for _, want := range []apdu.SW{0x63C2, 0x63C1} {
		end := served(t, d, "--state", state)
		if sw, err := verify(t, d, "0000"); sw != want || err != nil {
			t.Errorf("%v, %v, want %v", sw, err, want)
		}
		if code, out := end(); code != exitOK {
			t.Fatalf("code %d: %s", code, out)
		}
		for readers, err := d.Client().Readers(t.Context()); readers[0].HasCard(); readers, err = d.Client().Wait(t.Context(), readers) {
			if err != nil {
				t.Fatal(err)
			}
		}
	}
}

func TestCardServeRefuses(t *testing.T) {
	dir := t.TempDir()
	broken := filepath.Join(dir, "broken")
	if err := os.WriteFile(broken, []byte("no card"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		name string
		args []string
		code int
		says string
	}{
		{"no reader named", []string{"card", "serve"}, exitMisuse, "vpcd"},
		{"no port", []string{"card", "serve", "--vpcd", "localhost"}, exitMisuse, "HOST:PORT"},
		{"another machine", []string{"card", "serve", "--vpcd", "192.0.2.1:35963"}, exitMisuse, "192.0.2.1 is not this machine"},
		{"another machine, IPv6", []string{"card", "serve", "--vpcd", "[::ffff:192.0.2.1]:35963"}, exitMisuse, "must be loopback"},
		{"every address", []string{"card", "serve", "--vpcd", "0.0.0.0:35963"}, exitMisuse, "must be loopback"},
		{"no address", []string{"card", "serve", "--vpcd", ":35963"}, exitMisuse, "no host"},
		{"negative", []string{"card", "serve", "--vpcd", "localhost:1", "--remove-after", "-1"}, exitMisuse, "negative"},
		{"unknown person", []string{"card", "serve", "--vpcd", "localhost:1", "--person", "nobody"}, exitMisuse, "nobody"},
		{"no such state", []string{"card", "serve", "--vpcd", "localhost:1", "--state", filepath.Join(dir, "none")}, exitFailed, "opening the card"},
		{"broken state", []string{"card", "serve", "--vpcd", "localhost:1", "--state", broken}, exitFailed, "opening the card"},
		{"unknown command", []string{"card", "eat"}, exitMisuse, "unknown command"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var out, stderr bytes.Buffer
			if code := run(t.Context(), tc.args, strings.NewReader(""), &out, &stderr); code != tc.code || !strings.Contains(stderr.String(), tc.says) {
				t.Errorf("code %d: %s", code, stderr.String())
			}
		})
	}
	if s := (serving{flaky: true}).misbehave(&cardsim.Card{}); s == nil {
		t.Error("no card")
	}
}
