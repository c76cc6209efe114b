package scp03

import (
	"bytes"
	"testing"

	"mobileid/mdoc/mdoctest"
)

func TestCMACVectors(t *testing.T) {
	var file struct {
		Subkeys struct{ Key, K1, K2 string }
		Vectors []struct{ Name, Key, Message, MAC, MAC8 string }
	}
	mdoctest.ReadJSON(t, "scp03/aes-cmac.json", &file)
	whole, short := 0, 0
	for _, v := range file.Vectors {
		got, err := CMAC(mdoctest.Hex(t, v.Key), mdoctest.Hex(t, v.Message))
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
	m, err := newCMAC(mdoctest.Hex(t, file.Subkeys.Key))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(m.k1[:], mdoctest.Hex(t, file.Subkeys.K1)) || !bytes.Equal(m.k2[:], mdoctest.Hex(t, file.Subkeys.K2)) {
		t.Errorf("sub-keys %x, %x", m.k1, m.k2)
	}
}

func TestCMACWycheproof(t *testing.T) {
	n := 0
	for _, g := range mdoctest.LoadWycheproof(t, "aes_cmac_test") {
		for _, v := range g.Tests {
			n++
			got, err := CMAC(mdoctest.Hex(t, v.Key), mdoctest.Hex(t, v.Msg))
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

// However a message is cut, its MAC is the same, and a cmac is fresh after each sum.
func TestCMACInPieces(t *testing.T) {
	key, msg := bytes.Repeat([]byte{7}, 16), bytes.Repeat([]byte("0123456789"), 7)
	want, err := CMAC(key, msg)
	if err != nil {
		t.Fatal(err)
	}
	m, err := newCMAC(key)
	if err != nil {
		t.Fatal(err)
	}
	for cut := range len(msg) + 1 {
		m.write(msg[:cut])
		m.write(msg[cut:])
		if got := m.sum(); got != want {
			t.Fatalf("cut at %d: %x, want %x", cut, got, want)
		}
	}
}
