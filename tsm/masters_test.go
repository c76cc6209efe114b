package tsm_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"mobileid/mdoc/mdoctest"
	"mobileid/tsm"
	"mobileid/tsm/cmac"
	"mobileid/tsm/diversify"
)

// bench is a master key that no check keeps out.
type bench struct {
	key     []byte
	version byte
	err     error
	calls   int
}

func (b *bench) Version() byte { return b.version }
func (b *bench) CMAC(_ context.Context, message []byte) ([16]byte, error) {
	if b.calls++; b.err != nil && b.calls > 3 {
		return [16]byte{}, b.err
	}
	return cmac.Sum(b.key, message)
}

// Derive gives the published keys of KDF3.
func TestDeriveVectors(t *testing.T) {
	t.Parallel()
	var file struct {
		Vectors []struct {
			Scheme, Master, KDD, Key string
			Index                    int
		}
	}
	mdoctest.ReadJSON(t, "scp03/diversification.json", &file)
	n := 0
	for _, v := range file.Vectors {
		master := mdoctest.Hex(t, v.Master)
		if v.Scheme != "kdf3" || len(master) != tsm.MasterKeySize {
			continue // the other schemes are for keys of other kinds, the other sizes are package diversify's to show
		}
		n++
		source, err := tsm.NewMasters(0x30, &bench{key: master, version: 0x30})
		check(t, err)
		got, err := source.Derive(t.Context(), mdoctest.Hex(t, v.KDD), 0x30)
		check(t, err)
		if key := [][]byte{got.ENC, got.MAC, got.DEK}[v.Index-1]; !bytes.Equal(key, mdoctest.Hex(t, v.Key)) {
			t.Errorf("vector %d, index %d: %x", n, v.Index, key)
		}
	}
	if n != 4 {
		t.Errorf("ran %d vectors, want 4", n)
	}
}

// Whatever keeps the master key, the sets are those of diversify.KDF3.
func TestDerive(t *testing.T) {
	t.Parallel()
	old, next, id := random(32), random(32), random(10)
	a, err := tsm.NewMasterKey(old, 0x30)
	check(t, err)
	b := &bench{key: next, version: 0x31}
	both, err := tsm.NewMasters(0x31, a, b)
	check(t, err)
	for _, tt := range []struct {
		name    string
		source  tsm.KeySource
		version byte
		master  []byte // nil when refused
	}{
		{"one key", a, 0x30, old},
		{"one key, another version", a, 0x31, nil},
		{"the old", both, 0x30, old},
		{"the next", both, 0x31, next},
		{"neither", both, 0x32, nil},
		{"the default set", both, 0, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := tt.source.Derive(t.Context(), id, tt.version)
			if tt.master == nil {
				if !errors.Is(err, tsm.ErrKeyVersion) || got.ENC != nil {
					t.Errorf("got %v", err)
				}
				return
			}
			check(t, err)
			want, err := diversify.KDF3(t.Context(), diversify.Memory(tt.master), id, tsm.MasterKeySize, tt.version)
			check(t, err)
			if !bytes.Equal(got.ENC, want.ENC) || !bytes.Equal(got.MAC, want.MAC) || !bytes.Equal(got.DEK, want.DEK) || got.Version != tt.version {
				t.Error("not the keys of diversify.KDF3")
			}
			if _, err := tt.source.Derive(t.Context(), id[:9], tt.version); err == nil {
				t.Error("an id of nine bytes was taken")
			}
		})
	}
	if a.Current() != 0x30 || both.Current() != 0x31 {
		t.Errorf("current versions %02X, %02X", a.Current(), both.Current())
	}
}

func TestNewMastersRefuses(t *testing.T) {
	t.Parallel()
	one := &bench{version: 0x30}
	for name, masters := range map[string][]tsm.Master{"none": nil, "another version": {one}, "twice": {&bench{version: 0x31}, one, one}} {
		if m, err := tsm.NewMasters(0x31, masters...); err == nil || m != nil {
			t.Errorf("%s: taken", name)
		}
	}
}

// A key store that fails half way gives no keys, and one that gives the same block always is found out.
func TestDeriveFails(t *testing.T) {
	t.Parallel()
	broken := errors.New("the module is gone")
	source, err := tsm.NewMasters(0x30, &bench{key: random(32), version: 0x30, err: broken})
	check(t, err)
	if keys, err := source.Derive(t.Context(), random(10), 0x30); !errors.Is(err, broken) || keys.ENC != nil {
		t.Errorf("got %v", err)
	}
	source, err = tsm.NewMasters(0x30, constant{})
	check(t, err)
	if keys, err := source.Derive(t.Context(), random(10), 0x30); !errors.Is(err, tsm.ErrWeakKey) || keys.ENC != nil {
		t.Errorf("got %v", err)
	}
	if text := fmt.Sprintf("%v %+v %s", source, source, source.LogValue()); strings.Count(text, "[redacted]") != 3 {
		t.Errorf("prints %s", text)
	}
}

type constant struct{}

func (constant) Version() byte                                  { return 0x30 }
func (constant) CMAC(context.Context, []byte) ([16]byte, error) { return [16]byte{}, nil }

// A master key that nobody can see is known by what it makes of a text.
func TestCheckMaster(t *testing.T) {
	t.Parallel()
	pattern := func(first, step byte, size int) []byte {
		key := make([]byte, tsm.MasterKeySize)
		for i := range key {
			key[i] = first + step*byte(i%size)
		}
		return key
	}
	for name, key := range map[string][]byte{"all zero": make([]byte, 32), "all FF": pattern(0xFF, 0, 32), "40 to 5F": pattern(0x40, 1, 32),
		"40 to 4F twice": pattern(0x40, 1, 16), "falling": pattern(0xFF, 0xFF, 32), "by sevens": pattern(3, 7, 32)} {
		if err := tsm.CheckMaster(t.Context(), &bench{key: key}); !errors.Is(err, tsm.ErrWeakKey) {
			t.Errorf("%s: %v", name, err)
		}
	}
	b := &bench{key: random(32)}
	if err := tsm.CheckMaster(t.Context(), b); err != nil || b.calls != 1 {
		t.Errorf("a random key: %v after %d calls", err, b.calls)
	}
	broken := errors.New("the module is gone")
	if err := tsm.CheckMaster(t.Context(), &bench{key: random(32), err: broken, calls: 3}); !errors.Is(err, broken) {
		t.Errorf("a key store that fails: %v", err)
	}
}
