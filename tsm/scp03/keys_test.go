package scp03

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"

	"mobileid/mdoc/apdu"
	"mobileid/mdoc/mdoctest"
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
	return diversified(tb, run(0x80, size), run(0, 10), 0x30)
}

// diversified gives a set of its own to each master key and diversification data. How elements' sets are made is package
// diversify's.
func diversified(tb testing.TB, master, kdd []byte, version byte) Keys {
	tb.Helper()
	var keys [3][]byte
	for k := range keys {
		var err error
		if keys[k], err = KDF(master, byte(0x80+k), kdd, len(master)); err != nil {
			tb.Fatal(err)
		}
	}
	return Keys{ENC: keys[0], MAC: keys[1], DEK: keys[2], Version: version}
}

func TestE3Weak(t *testing.T) {
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
		{"falling", "Key-DEK is a run", func(k *Keys) { slices.Reverse(k.DEK[:copy(k.DEK, run(0x40, 32))]) }},
		{"40 to 4F twice", "Key-MAC repeats itself after 16", func(k *Keys) { k.MAC = append(run(0x40, 16), run(0x40, 16)...) }},
		{"two bytes in turn", "Key-MAC repeats itself after 2", func(k *Keys) { k.MAC = bytes.Repeat([]byte{0xCA, 0xFE}, 16) }},
		{"AES-192 of 16 bytes", "Key-ENC repeats itself after 16", func(k *Keys) {
			k.ENC, k.MAC, k.DEK = append(k.ENC[:16:16], k.ENC[:8]...), k.MAC[:24], k.DEK[:24]
		}},
		{"ENC = MAC = DEK", "alike", func(k *Keys) { k.MAC, k.DEK = k.ENC, k.ENC }},
		{"ENC = DEK", "alike", func(k *Keys) { k.DEK = k.ENC }},
		{"MAC = DEK", "alike", func(k *Keys) { k.DEK = k.MAC }},
		{"RFC 4493", "Key-ENC is published", func(k *Keys) {
			k.ENC, k.MAC, k.DEK = mdoctest.Hex(t, "2b7e151628aed2a6abf7158809cf4f3c"), k.MAC[:16], k.DEK[:16]
		}},
		{"GEMXPRESSOSAMPLE", "Key-ENC is published", func(k *Keys) {
			k.ENC, k.MAC, k.DEK = []byte("GEMXPRESSOSAMPLE"), k.MAC[:16], k.DEK[:16]
		}},
		{"SE050 development kit", "Key-MAC is published", func(k *Keys) {
			k.ENC, k.MAC, k.DEK = k.ENC[:16], mdoctest.Hex(t, "af177d5dbdf7c0d5c10a05b9f1607f78"), k.DEK[:16]
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			k := good.Clone()
			tc.change(&k)
			if reason, weak := k.Weak(); !weak || !strings.Contains(reason, tc.want) {
				t.Fatalf("got %v %q, want %q", weak, reason, tc.want)
			}
			// Both ends refuse it.
			if err := k.Validate(); !errors.Is(err, ErrWeakKeys) {
				t.Errorf("Validate: %v", err)
			}
			if _, err := NewHost(k, nil); !errors.Is(err, ErrWeakKeys) {
				t.Errorf("host: %v", err)
			}
			store := &memorySet{keys: k}
			if r := newTestCard(t, store).InitializeUpdate(apdu.Command{INS: insInitializeUpdate, Data: run(0, 8)}, testAID); r.SW != apdu.Conditions {
				t.Errorf("card: %v", r.SW)
			}
			if len(store.stored) != 0 {
				t.Error("the sequence counter moved")
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
	for name, v := range map[string]any{"Keys": k, "*Keys": &k, "Host": host, "Card": card, "HostSession": hs, "CardSession": cs, "TestSet": TestSet{keys: k}} {
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

// Each single key of the recorded sessions is known and refused, and so is each set.
func TestE3RecordedKeys(t *testing.T) {
	keys, sets := map[string]bool{}, map[string]bool{}
	for _, r := range loadSessions(t) {
		k := r.keys(t)
		for _, key := range [][]byte{k.ENC, k.MAC, k.DEK} {
			if _, weak := WeakKey(key); !weak {
				t.Errorf("%s: a key of %d bytes passes", r.Name, len(key))
			}
			keys[string(key)] = true
		}
		if err := k.Validate(); !errors.Is(err, ErrWeakKeys) {
			t.Errorf("%s: %v", r.Name, err)
		}
		sets[string(slices.Concat(k.ENC, k.MAC, k.DEK))] = true
	}
	t.Logf("E3: %d different published keys in %d different sets refused in variants of AES-128, 192 and 256", len(keys), len(sets))
	if len(keys) != 71 || len(sets) != 25 {
		t.Error("some keys are missing")
	}
}

// A published set gets into a card by its configuration alone, and that one only.
func TestE3TestSet(t *testing.T) {
	update := apdu.Command{INS: insInitializeUpdate, Data: run(0, 8)}
	for _, set := range []TestSet{TestKeys(), TestKeys256()} {
		k := set.Keys()
		if set.IsZero() || k.Version != 0x30 || !bytes.Equal(k.ENC, run(0x40, len(k.ENC))) {
			t.Fatal("not the published set")
		}
		if _, err := NewHostWith(k, HostConfig{}); !errors.Is(err, ErrWeakKeys) {
			t.Errorf("host: %v", err)
		}
		card, err := NewCard(CardConfig{Keys: &memorySet{keys: k}, KDD: run(1, 10), Test: set})
		if err != nil {
			t.Fatal(err)
		}
		if r := card.InitializeUpdate(update, testAID); r.SW != apdu.OK {
			t.Errorf("bench card: %v", r.SW)
		}
		for name, keys := range map[string]Keys{"another run": {ENC: run(0x50, 16), MAC: run(0x50, 16), DEK: run(0x50, 16), Version: 0x30}, "half of it": {ENC: k.ENC, MAC: k.MAC, DEK: run(0x50, len(k.ENC)), Version: 0x30}} {
			card, err := NewCard(CardConfig{Keys: &memorySet{keys: keys}, KDD: run(1, 10), Test: set})
			if err != nil {
				t.Fatal(err)
			}
			if r := card.InitializeUpdate(update, testAID); r.SW != apdu.Conditions {
				t.Errorf("%s: %v", name, r.SW)
			}
		}
		// A copy: who erases it does not erase the set.
		k.Erase()
		if !bytes.Equal(set.Keys().ENC[:2], []byte{0x40, 0x41}) {
			t.Error("the set was erased")
		}
	}
	if !(TestSet{}).IsZero() || (TestSet{}).is(Keys{}) {
		t.Error("no set takes no keys")
	}
}
