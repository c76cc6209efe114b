package virtualreader_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"mobileid/cmd/internal/virtualreader"
	"mobileid/mdoc/apdu/vpcd"
)

func TestLoopback(t *testing.T) {
	for given, want := range map[string]string{
		"localhost:1": "127.0.0.1:1", "127.9.9.9:1": "127.9.9.9:1", "[::1]:1": "[::1]:1", "[::ffff:127.0.0.1]:1": "127.0.0.1:1",
	} {
		if got, err := virtualreader.Loopback(t.Context(), given); got != want || err != nil {
			t.Errorf("%s: %q, %v", given, got, err)
		}
	}
	for given, says := range map[string]string{
		"192.0.2.1:1": "not this machine", "0.0.0.0:1": "must be loopback", "[::ffff:192.0.2.1]:1": "must be loopback", ":1": "no host", "localhost": "HOST:PORT",
	} {
		if got, err := virtualreader.Loopback(t.Context(), given); !errors.Is(err, virtualreader.ErrAddress) || !strings.Contains(err.Error(), says) || got != "" {
			t.Errorf("%s: %q, %v", given, got, err)
		}
	}
}

func TestNotices(t *testing.T) {
	var out bytes.Buffer
	n := virtualreader.NewNotices(&out, "127.0.0.1:1")
	for _, kind := range []vpcd.EventKind{vpcd.Unreachable, vpcd.Unreachable, vpcd.Inserted, vpcd.Pulled, vpcd.Inserted} {
		n.Tell(vpcd.Event{Kind: kind})
	}
	if got := strings.Count(out.String(), "127.0.0.1:1: "); got != 4 {
		t.Errorf("%d lines: %s", got, out.String())
	}
}
