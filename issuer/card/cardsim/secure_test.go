package cardsim_test

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math/big"
	"strings"
	"testing"

	"mobileid/issuer/card/cardsim"
)

// terminal is the other end of secure messaging, written from the description of the protocol.
type terminal struct {
	k       *cardsim.Card
	key     []byte
	counter uint32
}

// openTerminal presents the PIN, reads the public key and delivers a session key.
func openTerminal(t *testing.T, k *cardsim.Card) *terminal {
	t.Helper()
	talk(t, k, selectAttributes+" > 9000\n00200091 "+ascii(k.Person().AttributePIN)+" > 9000")
	file, _ := send(t, k, "00B0860000")
	raw, err := hex.DecodeString(file)
	if err != nil || !strings.HasPrefix(file, "a1820109"+"9003010001"+"91820100") {
		t.Fatalf("public key %.40s: %v", file, err)
	}
	more, _ := send(t, k, "00B0010000")
	rest, err := hex.DecodeString(more)
	if err != nil {
		t.Fatal(err)
	}
	raw = append(raw, rest...)
	public := &rsa.PublicKey{N: new(big.Int).SetBytes(raw[13 : 13+256]), E: 65537}
	seed := bytes.Repeat([]byte{0x5E}, 32)
	delivered, err := rsa.EncryptOAEP(sha256.New(), rand.Reader, public, append([]byte{0xA0, 0x22, 0x80, 0x20}, seed...), nil)
	if err != nil {
		t.Fatal(err)
	}
	talk(t, k, fmt.Sprintf("80AE0000 000100 %x > 9000", delivered))
	return &terminal{k: k, key: seed[:16], counter: 1}
}

func (m *terminal) iv(t *testing.T) (cipher.Block, []byte) {
	t.Helper()
	block, err := aes.NewCipher(m.key)
	if err != nil {
		t.Fatal(err)
	}
	iv := make([]byte, 16)
	iv[14], iv[15] = byte(m.counter>>8), byte(m.counter)
	cipher.NewCBCEncrypter(block, make([]byte, 16)).CryptBlocks(iv, iv)
	return block, iv
}

// sealed is DO 86 over a plaintext in hex.
func (m *terminal) sealed(t *testing.T, plain string) string {
	t.Helper()
	b, err := hex.DecodeString(plain)
	if err != nil {
		t.Fatal(err)
	}
	b = append(b, 0x80)
	for len(b)%16 != 0 {
		b = append(b, 0)
	}
	block, iv := m.iv(t)
	cipher.NewCBCEncrypter(block, iv).CryptBlocks(b, b)
	return fmt.Sprintf("86%02X01%x", len(b)+1, b)
}

// talk sends one command with its object and counts.
func (m *terminal) talk(t *testing.T, header, object, want string) string {
	t.Helper()
	out, sw := send(t, m.k, fmt.Sprintf("%s 00%04X%s 0000", header, len(object)/2, object))
	if sw != want {
		t.Errorf("%s: %s, want %s", header, sw, want)
	}
	plain := ""
	if out != "" {
		raw, err := hex.DecodeString(out)
		if err != nil || raw[0] != 0x86 {
			t.Fatalf("answer %.20s", out)
		}
		at := 2
		for raw[at] != 0x01 || (len(raw)-at-1)%16 != 0 {
			at++
		}
		block, iv := m.iv(t)
		b := raw[at+1:]
		cipher.NewCBCDecrypter(block, iv).CryptBlocks(b, b)
		b = bytes.TrimRight(b, "\x00")
		if b[len(b)-1] != 0x80 {
			t.Fatal("no padding in the answer")
		}
		plain = hex.EncodeToString(b[:len(b)-1])
	}
	m.counter++
	return plain
}

// verify is a protected VERIFY without Le, as it has to be.
func (m *terminal) verify(t *testing.T, p2, value, want string) {
	t.Helper()
	object := m.sealed(t, value)
	if _, sw := send(t, m.k, fmt.Sprintf("082000%s%02X%s", p2, len(object)/2, object)); sw != want {
		t.Errorf("VERIFY: %s, want %s", sw, want)
	}
	m.counter++
}

func TestSecureMessaging(t *testing.T) {
	k := newCard(t, "nineteen", nil)
	p := k.Person()
	m := openTerminal(t, k)
	m.verify(t, "94", hex.EncodeToString([]byte(p.Number)), "9000")
	m.talk(t, "08A4020C", m.sealed(t, "0001"), "9000")
	want := "ff100c" + hex.EncodeToString([]byte(p.Number)) + "ffff"
	if got := m.talk(t, "08B00000", "9603000000", "9000"); got != want {
		t.Errorf("number %s", got)
	}
	if got := m.talk(t, "08B00003", "9603000004", "9000"); got != want[6:14] {
		t.Errorf("part %s", got)
	}
	talk(t, k, "00B0000000 > 9000") // a plain command between does not count
	m.verify(t, "94", "303030303030303030303030", "63C9")
	m.verify(t, "92", "31323334", "6984") // refused, and counted
	m.talk(t, "08A4020C", m.sealed(t, "0002"), "9000")
	plain, _ := send(t, k, "00B0000000")
	if got := m.talk(t, "08B00000", "9603000000", "9000"); got == "" || got != plain {
		t.Errorf("attributes %.20s, in clear %.20s", got, plain)
	}
	m.talk(t, "08B07F00", "9603000000", "6B00")
	talk(t, k, "0CB00000 05 9603000000 00 > 6987")
}

func TestSecureMessagingDies(t *testing.T) {
	number := "303030303030303030303030"
	for name, spoil := range map[string]func(t *testing.T, m *terminal){
		"wrong counter": func(t *testing.T, m *terminal) {
			m.counter = 7
			m.talk(t, "08A4020C", m.sealed(t, "0001"), "6988")
		},
		"no object":            func(t *testing.T, m *terminal) { talk(t, m.k, "08B0000000 > 6988") },
		"data for a length":    func(t *testing.T, m *terminal) { m.talk(t, "08B00000", m.sealed(t, "0001"), "6988") },
		"length for data":      func(t *testing.T, m *terminal) { m.talk(t, "08A4020C", "9603000000", "6988") },
		"two objects":          func(t *testing.T, m *terminal) { m.talk(t, "08B00000", "96030000009603000000", "6988") },
		"short length":         func(t *testing.T, m *terminal) { m.talk(t, "08B00000", "96020000", "6988") },
		"long length":          func(t *testing.T, m *terminal) { m.talk(t, "08B00000", "9603010000", "6988") },
		"padding indicator":    func(t *testing.T, m *terminal) { m.talk(t, "08A4020C", "861102"+strings.Repeat("00", 16), "6988") },
		"broken block":         func(t *testing.T, m *terminal) { m.talk(t, "08A4020C", "861001"+strings.Repeat("00", 15), "6988") },
		"object out of bounds": func(t *testing.T, m *terminal) { m.talk(t, "08A4020C", "8611", "6988") },
	} {
		t.Run(name, func(t *testing.T) {
			k := newCard(t, "nineteen", nil)
			m := openTerminal(t, k)
			spoil(t, m)
			m.counter = 1
			m.verify(t, "94", number, "69FC")
			talk(t, k, "00200094 > 63CA\n00B0820000 > 9000") // no try was spent, and the clear goes on
			again := openTerminal(t, k)
			again.verify(t, "94", hex.EncodeToString([]byte(k.Person().Number)), "9000")
			talk(t, k, selectAttributes+" > 9000") // a SELECT ends the channel
			again.verify(t, "94", number, "69FC")
		})
	}
}

func TestSetSessionKeyRefuses(t *testing.T) {
	k := newCard(t, "nineteen", nil)
	some := strings.Repeat("00", 255) + "01"
	talk(t, k, selectAttributes+` > 9000
		00200094 `+ascii(k.Person().Number)+` > 9000
		80AE0000 000100 `+some+` > 6982      照合番号A does not do
		00200091 `+ascii(k.Person().AttributePIN)+` > 9000
		80AE0000 000100 `+some+` > 6A80
		80AE0000 000100 `+strings.Repeat("FF", 256)+` > 6F00    beyond the modulus
		80AE0100 000100 `+some+` > 6A86
		80AE0000 01 00 > 6700
		80AE0000 000100 `+some+` 0000 > 6700`)
}
