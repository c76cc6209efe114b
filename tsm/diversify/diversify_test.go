package diversify_test

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"mobileid/mdoc/mdoctest"
	"mobileid/tsm/diversify"
	"mobileid/tsm/gp"
	"mobileid/tsm/scp03"
)

type vector struct {
	Scheme, Cipher, Master, KDD string
	Index                       int
	Key, KCV                    string
	KCVDES                      string `json:"kcv_des"`
}

func (v vector) keys(t *testing.T) (scp03.Keys, error) {
	t.Helper()
	master, kdd := mdoctest.Hex(t, v.Master), mdoctest.Hex(t, v.KDD)
	switch v.Scheme + " " + v.Cipher {
	case "kdf3 ":
		return diversify.KDF3(t.Context(), diversify.Memory(master), kdd, len(master), 0x30)
	case "emv 3des-ecb", "visa2 3des-ecb":
		block, err := diversify.TripleDES(master)
		if err != nil {
			return scp03.Keys{}, err
		}
		return diversify.Method(v.Scheme).Keys(block, kdd, 0x30)
	case "emv aes-ecb", "visa2 aes-ecb":
		block, err := diversify.AES(master)
		if err != nil {
			return scp03.Keys{}, err
		}
		return diversify.Method(v.Scheme).Keys(block, kdd, 0x30)
	}
	return scp03.Keys{}, fmt.Errorf("scheme %q with %q", v.Scheme, v.Cipher)
}

func TestVectors(t *testing.T) {
	var file struct{ Vectors []vector }
	mdoctest.ReadJSON(t, "scp03/diversification.json", &file)
	count := map[string]int{}
	for i, v := range file.Vectors {
		t.Run(fmt.Sprintf("%d %s %d", i, v.Scheme, v.Index), func(t *testing.T) {
			count[v.Scheme+" "+v.Cipher]++
			keys, err := v.keys(t)
			if err != nil || keys.Version != 0x30 {
				t.Fatal(err)
			}
			key := map[int][]byte{1: keys.ENC, 2: keys.MAC, 3: keys.DEK}[v.Index]
			if hex.EncodeToString(key) != v.Key {
				t.Fatalf("key %x, want %s", key, v.Key)
			}
			for kind, want := range map[byte]string{gp.KeyAES: v.KCV, gp.KeyDES: v.KCVDES} {
				kcv, err := gp.KCV(kind, key)
				if want != "" && (err != nil || hex.EncodeToString(kcv) != want) {
					t.Errorf("check value %x, %v; want %s", kcv, err, want)
				}
			}
		})
	}
	want := map[string]int{"kdf3 ": 10, "emv 3des-ecb": 9, "visa2 3des-ecb": 3, "emv aes-ecb": 3, "visa2 aes-ecb": 3}
	if d := cmp.Diff(want, count); d != "" {
		t.Error(d)
	}
}

func TestVISA1Template(t *testing.T) {
	got, err := diversify.VISA1.Template([]byte{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}, diversify.MAC)
	if err != nil || fmt.Sprintf("%x", got) != "000102030809f002"+"0001020308090f02" {
		t.Errorf("%x, %v", got, err)
	}
}

func TestMemoryPrintsNothing(t *testing.T) {
	m := diversify.Memory("a master key of thirty-two bytes")
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%d", "%q"} {
		if got := fmt.Sprintf(verb, m); got != "[redacted]" {
			t.Errorf("%s prints %q", verb, got)
		}
	}
	if got := m.LogValue().String(); got != "[redacted]" {
		t.Errorf("logs %q", got)
	}
}

var errAway = errors.New("module away")

type broken struct{}

func (broken) CMAC(context.Context, []byte) ([16]byte, error) { return [16]byte{}, errAway }

type oddBlock struct{}

func (oddBlock) BlockSize() int      { return 5 }
func (oddBlock) Encrypt(_, _ []byte) {}
func (oddBlock) Decrypt(_, _ []byte) {}

func TestRefuses(t *testing.T) {
	kdd, master := make([]byte, 10), bytes.Repeat([]byte{7}, 16)
	block, err := diversify.AES(master)
	if err != nil {
		t.Fatal(err)
	}
	key := func(_ any, err error) error { return err }
	for name, err := range map[string]error{
		"KDD short":           key(diversify.KDF3(t.Context(), diversify.Memory(master), kdd[:9], 16, 0)),
		"size":                key(diversify.KDF3(t.Context(), diversify.Memory(master), kdd, 20, 0)),
		"key 0":               key(diversify.KDF3Input(kdd, 0, 1)),
		"key 4":               key(diversify.KDF3Input(kdd, 4, 1)),
		"block 0":             key(diversify.KDF3Input(kdd, diversify.ENC, 0)),
		"template KDD short":  key(diversify.EMV.Keys(block, kdd[:9], 0)),
		"template key":        key(diversify.EMV.Template(kdd, 4)),
		"method":              key(diversify.Method("visa3").Template(kdd, 1)),
		"block size":          key(diversify.EMV.Keys(oddBlock{}, kdd, 0)),
		"AES-256 as template": key(diversify.AES(make([]byte, 32))),
		"triple DES":          key(diversify.TripleDES(make([]byte, 24))),
	} {
		if !errors.Is(err, diversify.ErrInput) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := diversify.KDF3(t.Context(), broken{}, kdd, 16, 0); !errors.Is(err, errAway) {
		t.Errorf("a module away: %v", err)
	}
}
