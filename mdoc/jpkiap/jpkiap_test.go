package jpkiap_test

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"strings"
	"testing"

	"mobileid/mdoc/apdu"
	"mobileid/mdoc/jpkiap"
)

func TestTokenInformation(t *testing.T) {
	b := jpkiap.TokenInformation(jpkiap.LabelAndroid)
	if len(b) != 160 || strings.TrimRight(string(b[:32]), " ") != "JPKIAPGPSETOKEN" || !bytes.Equal(b[96:100], []byte{0, 0, 4, 0x0D}) ||
		!bytes.Equal(b[116:124], []byte{0, 0, 0, 16, 0, 0, 0, 6}) || string(b[144:]) != strings.Repeat("9", 16) {
		t.Errorf("%d bytes: %q", len(b), b)
	}
}

func TestForms(t *testing.T) {
	for text, want := range map[string]bool{"0000": true, "123": false, "12345": false, "12a4": false, "": false} {
		if jpkiap.IsPIN([]byte(text)) != want {
			t.Errorf("PIN of %d bytes: %v", len(text), !want)
		}
	}
	for text, want := range map[string]bool{"ABC123": true, "A23456789B123456": true, "ABC12": false, "A23456789B1234567": false, "abc123": false, "ABC-12": false} {
		if jpkiap.IsPassword([]byte(text)) != want {
			t.Errorf("password of %d bytes: %v", len(text), !want)
		}
	}
}

func TestAddresses(t *testing.T) {
	for _, c := range []struct {
		command apdu.Command
		ef      uint16
		offset  int
		sw      apdu.SW
	}{
		{apdu.Command{P1: 0x01, P2: 0x02, Le: 1}, 0, 0x102, apdu.OK},
		{apdu.Command{P1: 0x8A, P2: 0x10, Le: 1}, 0x0A, 0x10, apdu.OK},
		{apdu.Command{P1: 0xAA, Le: 1}, 0, 0, apdu.WrongParameters},
		{apdu.Command{P1: 0x8A}, 0, 0, apdu.WrongLength},
		{apdu.Command{Data: []byte{1}, Le: 1}, 0, 0, apdu.WrongLength},
	} {
		if ef, offset, sw := jpkiap.ReadAddress(c.command); ef != c.ef || offset != c.offset || sw != c.sw {
			t.Errorf("%02X%02X: %x, %d, %v", c.command.P1, c.command.P2, ef, offset, sw)
		}
	}
	for p2, want := range map[byte]uint16{0x80: 0, 0x97: 0x17} {
		if ef, sw := jpkiap.Reference(p2); ef != want || sw != apdu.OK {
			t.Errorf("%02X: %x, %v", p2, ef, sw)
		}
	}
	for _, p2 := range []byte{0x00, 0x17, 0xA0, 0xC0} {
		if _, sw := jpkiap.Reference(p2); sw != apdu.WrongParameters {
			t.Errorf("%02X: %v", p2, sw)
		}
	}
}

// Each P1 signs what it says, by an ordinary verifier.
func TestSign(t *testing.T) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	message := []byte("a message")
	digest := sha256.Sum256(message)
	info := append([]byte{0x30, 0x31, 0x30, 0x0D, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00, 0x04, 0x20}, digest[:]...)
	v15 := func(hash crypto.Hash, hashed []byte) func([]byte) error {
		return func(s []byte) error { return rsa.VerifyPKCS1v15(&key.PublicKey, hash, hashed, s) }
	}
	pss := func(s []byte) error { return rsa.VerifyPSS(&key.PublicKey, crypto.SHA256, digest[:], s, nil) }
	for p1, c := range map[byte]struct {
		data   []byte
		verify func([]byte) error
	}{
		0: {info, v15(crypto.SHA256, digest[:])}, 1: {message, v15(0, digest[:])}, 2: {digest[:], v15(crypto.SHA256, digest[:])},
		3: {message, v15(crypto.SHA256, digest[:])}, 4: {digest[:], pss}, 5: {message, pss},
	} {
		s, sw := jpkiap.Sign(rand.Reader, key, p1, c.data)
		if sw != apdu.OK || c.verify(s) != nil {
			t.Errorf("P1 %02X: %v", p1, sw)
		}
	}
	for _, c := range []struct {
		p1   byte
		size int
		sw   apdu.SW
	}{{6, 32, apdu.WrongParameters}, {0, 246, apdu.Conditions}, {3, 256, apdu.Conditions}, {2, 31, apdu.Conditions}, {4, 33, apdu.Conditions}} {
		if s, sw := jpkiap.Sign(rand.Reader, key, c.p1, make([]byte, c.size)); sw != c.sw || s != nil {
			t.Errorf("P1 %02X, %d bytes: %v", c.p1, c.size, sw)
		}
	}
	if _, sw := jpkiap.Sign(bytes.NewReader(nil), key, 4, digest[:]); sw != apdu.OK && sw != apdu.ExecutionError {
		t.Errorf("without salts: %v", sw)
	}
}
