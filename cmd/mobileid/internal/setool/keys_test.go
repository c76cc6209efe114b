package setool

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"mobileid/tsm/diversify"
	"mobileid/tsm/scp03"
)

// What is read from a file to open a session is erased after it: what is asked for later is made of zeroes.
func TestSecretsErased(t *testing.T) {
	master := []byte("\x8c\x72\xc7\x2c\xf9\x08\x41\x16\x53\x01\x88\x07\x95\x0d\x82\xfb")
	kdd := []byte("ten bytes!")
	file := func(name string, content []byte) string {
		path := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	zero, err := diversify.KDF3(t.Context(), diversify.Memory(make([]byte, 16)), kdd, 16, 0x30)
	if err != nil {
		t.Fatal(err)
	}
	set := file("set", []byte("version 30\nenc 8c72c72cf908411653018807950d82fb\nmac ad947562f0828a0b10b8b9606abf3bcd\ndek 75c911850fb5ffa1433a50226f489a0a\n"))
	for _, tc := range []struct {
		name, set, master string
		left              []byte
	}{
		{"key set", set, "", make([]byte, 16)},
		{"master key", "", file("master", master), zero.ENC},
	} {
		t.Run(tc.name, func(t *testing.T) {
			from, err := (&Tool{}).keys(tc.set, tc.master, "")
			if err != nil || from.version != 0x30 {
				t.Fatalf("version %02X, %v", from.version, err)
			}
			give := func() scp03.Keys {
				t.Helper()
				k, err := from.keys(t.Context(), func() ([]byte, error) { return kdd, nil })
				if err != nil {
					t.Fatal(err)
				}
				return k
			}
			first := give()
			if err := first.Validate(); err != nil {
				t.Fatal(err)
			}
			first.Erase() // of one session; the next has its own
			if again := give(); again.Validate() != nil {
				t.Error("the second session has no keys")
			}
			from.erase()
			if got := give(); !bytes.Equal(got.ENC, tc.left) {
				t.Error("the secret is still there")
			}
		})
	}
}
