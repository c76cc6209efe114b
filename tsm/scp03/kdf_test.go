package scp03

import (
	"bytes"
	"fmt"
	"testing"

	"mobileid/mdoc/mdoctest"
	"mobileid/tsm/cmac"
)

func TestKDFVectors(t *testing.T) {
	var file struct {
		Vectors []struct{ Source, Key, Constant, Context, Out string }
	}
	mdoctest.ReadJSON(t, "scp03/kdf.json", &file)
	for i, v := range file.Vectors {
		want := mdoctest.Hex(t, v.Out)
		got, err := KDF(mdoctest.Hex(t, v.Key), mdoctest.Hex(t, v.Constant)[0], mdoctest.Hex(t, v.Context), len(want))
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("%d (%s): got %x, %v; want %x", i, v.Source, got, err, want)
		}
	}
	if len(file.Vectors) != 49 {
		t.Errorf("ran %d vectors, want 49", len(file.Vectors))
	}
}

func TestCounterModeNIST(t *testing.T) {
	var file struct {
		Vectors []struct {
			PRF       string `json:"prf"`
			Count     int    `json:"count"`
			Lbits     int    `json:"lbits"`
			Ki        string `json:"ki"`
			BeforeCtr string `json:"before_ctr"`
			AfterCtr  string `json:"after_ctr"`
			Ko        string `json:"ko"`
		}
	}
	mdoctest.ReadJSON(t, "scp03/sp800-108-cmac-ctr-middle.json", &file)
	for i, v := range file.Vectors {
		if v.PRF != fmt.Sprintf("CMAC_AES%d", 4*len(v.Ki)) || v.Count != i%40 || v.Lbits != 4*len(v.Ko) {
			t.Errorf("%d %s, count %d, %d bits: not what its values are", i, v.PRF, v.Count, v.Lbits)
		}
		m, err := cmac.New(mdoctest.Hex(t, v.Ki))
		if err != nil {
			t.Fatal(err)
		}
		got := make([]byte, v.Lbits/8)
		counterMode(m, got, mdoctest.Hex(t, v.BeforeCtr), mdoctest.Hex(t, v.AfterCtr))
		if !bytes.Equal(got, mdoctest.Hex(t, v.Ko)) {
			t.Errorf("%d %s: got %x, want %s", i, v.PRF, got, v.Ko)
		}
	}
	if len(file.Vectors) != 120 {
		t.Errorf("ran %d vectors, want 120", len(file.Vectors))
	}
}

func TestKDFRefuses(t *testing.T) {
	for _, n := range []int{-1, 0, 255*16 + 1} {
		if _, err := KDF(make([]byte, 16), 4, nil, n); err == nil {
			t.Errorf("%d bytes derived", n)
		}
	}
	if _, err := KDF(make([]byte, 15), 4, nil, 16); err == nil {
		t.Error("a key of 15 bytes accepted")
	}
	if _, err := CardChallenge(nil, 1, nil, S8); err == nil {
		t.Error("no key accepted")
	}
}
