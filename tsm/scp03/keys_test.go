package scp03

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
)

// run gives n bytes rising from first.
func run(first byte, n int) []byte {
	out := make([]byte, n)
	for i := range out {
		out[i] = first + byte(i)
	}
	return out
}

// goodKeys is a set no test of weakness finds fault with.
func goodKeys(tb testing.TB, size int) Keys {
	tb.Helper()
	k, err := Diversify(run(0x80, size), run(0, 10), 0x30)
	if err != nil {
		tb.Fatal(err)
	}
	return k
}

func TestKeysWeak(t *testing.T) {
	good := goodKeys(t, 32)
	if reason, weak := good.Weak(); weak {
		t.Fatalf("diversified keys called weak: %s", reason)
	}
	for _, tc := range []struct {
		name, want string
		change     func(k *Keys)
	}{
		{"all zero", "Key-ENC repeats", func(k *Keys) { k.ENC = make([]byte, 32) }},
		{"all FF", "Key-MAC repeats", func(k *Keys) { k.MAC = bytes.Repeat([]byte{0xFF}, 32) }},
		{"40 to 4F", "Key-ENC is a run", func(k *Keys) {
			k.ENC, k.MAC, k.DEK = run(0x40, 16), run(0x40, 16), run(0x40, 16)
		}},
		{"40 to 5F", "Key-DEK is a run", func(k *Keys) { k.DEK = run(0x40, 32) }},
		{"ENC = MAC = DEK", "alike", func(k *Keys) { k.MAC, k.DEK = k.ENC, k.ENC }},
		{"MAC = DEK", "alike", func(k *Keys) { k.DEK = k.MAC }},
	} {
		t.Run(tc.name, func(t *testing.T) {
			k := good.Clone()
			tc.change(&k)
			if reason, weak := k.Weak(); !weak || !strings.Contains(reason, tc.want) {
				t.Fatalf("got %v %q, want %q", weak, reason, tc.want)
			}
		})
	}
}

func TestKeysValidate(t *testing.T) {
	for name, k := range map[string]Keys{
		"none":      {},
		"no DEK":    {ENC: run(1, 16), MAC: run(2, 16)},
		"mixed":     {ENC: run(1, 16), MAC: run(2, 32), DEK: run(3, 16)},
		"15 bytes":  {ENC: run(1, 15), MAC: run(2, 15), DEK: run(3, 15)},
		"two times": {ENC: run(1, 8), MAC: run(2, 8), DEK: run(3, 8)},
	} {
		if err := k.Validate(); !errors.Is(err, ErrKeys) {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := NewHost(k, nil); !errors.Is(err, ErrKeys) {
			t.Errorf("%s: NewHost: %v", name, err)
		}
	}
}

func TestDiversifyRefuses(t *testing.T) {
	if _, err := Diversify(run(0, 32), run(0, 9), 0x30); err == nil {
		t.Error("KDD of 9 bytes accepted")
	}
	if _, err := Diversify(run(0, 31), run(0, 10), 0x30); err == nil {
		t.Error("master of 31 bytes accepted")
	}
}

func TestCloneAndErase(t *testing.T) {
	k := goodKeys(t, 16)
	c := k.Clone()
	k.Erase()
	if !bytes.Equal(k.ENC, make([]byte, 16)) || !bytes.Equal(k.MAC, make([]byte, 16)) || !bytes.Equal(k.DEK, make([]byte, 16)) {
		t.Error("not erased")
	}
	if _, weak := c.Weak(); weak {
		t.Error("the clone was erased too")
	}
}

// Whatever prints a key or what holds one, no byte of it shows.
func TestRedacted(t *testing.T) {
	k := goodKeys(t, 16)
	host, card, hs, cs := openPair(t, k)
	for name, v := range map[string]any{"Keys": k, "*Keys": &k, "Host": host, "Card": card, "HostSession": hs, "CardSession": cs} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%d", "%q"} {
			if got := fmt.Sprintf(verb, v); got != redactedText {
				t.Errorf("%s with %s prints %q", name, verb, got)
			}
		}
		for _, kind := range []string{"text", "json"} {
			var log bytes.Buffer
			var handler slog.Handler = slog.NewTextHandler(&log, nil)
			if kind == "json" {
				handler = slog.NewJSONHandler(&log, nil)
			}
			slog.New(handler).Info("opened", "with", v, "group", slog.GroupValue(slog.Any("again", v)))
			if !strings.Contains(log.String(), redactedText) || leaks(log.String(), k) {
				t.Errorf("%s logs %q", name, log.String())
			}
		}
	}
}

func leaks(s string, k Keys) bool {
	for _, key := range [][]byte{k.ENC, k.MAC, k.DEK} {
		if strings.Contains(strings.ToLower(s), hex.EncodeToString(key[:4])) || strings.Contains(s, fmt.Sprint(key[:4])[1:10]) {
			return true
		}
	}
	return false
}
