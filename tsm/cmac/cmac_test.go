package cmac

import (
	"bytes"
	"crypto/aes"
	"testing"

	"mobileid/mdoc/mdoctest"
)

func TestVectors(t *testing.T) {
	var file struct {
		Subkeys struct {
			Key, K1, K2 string
			Zero        string `json:"aes_of_zero"`
		}
		Vectors []struct{ Name, Key, Message, MAC, MAC8 string }
	}
	mdoctest.ReadJSON(t, "scp03/aes-cmac.json", &file)
	whole, short := 0, 0
	for _, v := range file.Vectors {
		got, err := Sum(mdoctest.Hex(t, v.Key), mdoctest.Hex(t, v.Message))
		if err != nil {
			t.Fatalf("%s: %v", v.Name, err)
		}
		want := mdoctest.Hex(t, v.MAC)
		if v.MAC8 != "" {
			want, short = mdoctest.Hex(t, v.MAC8), short+1
		} else {
			whole++
		}
		if len(want) < 8 || !bytes.Equal(got[:len(want)], want) {
			t.Errorf("%s: got %x, want %x", v.Name, got, want)
		}
	}
	if whole != 12 || short != 2 {
		t.Errorf("ran %d whole and %d truncated MACs, want 12 and 2", whole, short)
	}
	m, err := New(mdoctest.Hex(t, file.Subkeys.Key))
	if err != nil {
		t.Fatal(err)
	}
	block, err := aes.NewCipher(mdoctest.Hex(t, file.Subkeys.Key))
	if err != nil {
		t.Fatal(err)
	}
	zero := make([]byte, Size)
	if block.Encrypt(zero, zero); !bytes.Equal(zero, mdoctest.Hex(t, file.Subkeys.Zero)) {
		t.Errorf("AES of zero %x", zero)
	}
	if !bytes.Equal(m.k1[:], mdoctest.Hex(t, file.Subkeys.K1)) || !bytes.Equal(m.k2[:], mdoctest.Hex(t, file.Subkeys.K2)) {
		t.Errorf("sub-keys %x, %x", m.k1, m.k2)
	}
}

func TestWycheproof(t *testing.T) {
	n := 0
	for _, g := range mdoctest.LoadWycheproof(t, "aes_cmac_test") {
		for _, v := range g.Tests {
			n++
			got, err := Sum(mdoctest.Hex(t, v.Key), mdoctest.Hex(t, v.Msg))
			valid := err == nil && bytes.Equal(got[:g.TagSize/8], mdoctest.Hex(t, v.Tag))
			if valid != (v.Result == "valid") {
				t.Errorf("%d %s: got valid %v, want %s (%v)", v.TcID, v.Comment, valid, v.Result, err)
			}
		}
	}
	if n != 311 {
		t.Errorf("ran %d tests, expected 311", n)
	}
}

// However a message is cut, its MAC is the same, and a MAC is fresh after each Sum.
func TestInPieces(t *testing.T) {
	key, msg := bytes.Repeat([]byte{7}, 16), bytes.Repeat([]byte("0123456789"), 110)
	want, err := Sum(key, msg)
	if err != nil {
		t.Fatal(err)
	}
	m, err := New(key)
	if err != nil {
		t.Fatal(err)
	}
	for cut := range len(msg) + 1 {
		m.Add(msg[:cut])
		m.Add(msg[cut:])
		if got := m.Sum(); got != want {
			t.Fatalf("cut at %d: %x, want %x", cut, got, want)
		}
	}
}

func TestAllocates(t *testing.T) {
	m, err := New(make([]byte, 16))
	if err != nil {
		t.Fatal(err)
	}
	msg := make([]byte, 2000)
	if n := testing.AllocsPerRun(50, func() { m.Add(msg); m.Sum() }); n != 0 {
		t.Errorf("%v allocations a message", n)
	}
}

func TestRefusesKey(t *testing.T) {
	if _, err := New(make([]byte, 15)); err == nil {
		t.Error("a key of 15 bytes accepted")
	}
	if _, err := Sum(nil, nil); err == nil {
		t.Error("no key accepted")
	}
}

func TestErase(t *testing.T) {
	m, err := New(bytes.Repeat([]byte{1}, 16))
	if err != nil {
		t.Fatal(err)
	}
	m.Add([]byte("secret"))
	if m.Erase(); *m != (MAC{}) {
		t.Error("something is left")
	}
}
