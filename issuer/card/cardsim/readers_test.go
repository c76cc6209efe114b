package cardsim_test

import (
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"

	"mobileid/issuer/card/cardsim"
)

// The exchanges of readers in the field, byte for byte. A row is "command > data", data in hex, "*" for any, and the status word; {pin},
// {A} and {B} are VERIFY data of the card.

// exchange runs rows and gives the answers' data.
func exchange(t *testing.T, k *cardsim.Card, rows string) []string {
	t.Helper()
	p := k.Person()
	replace := strings.NewReplacer("{pin}", ascii(p.AuthenticationPIN), "{attributes}", ascii(p.AttributePIN),
		"{password}", ascii(p.SignaturePassword), "{A}", ascii(p.Number), "{B}", ascii(p.NumberB()))
	var answers []string
	for row := range strings.Lines(strings.TrimSpace(rows)) {
		command, want, ok := strings.Cut(strings.TrimSpace(row), " > ")
		if !ok {
			t.Fatalf("no answer in %q", row)
		}
		data, sw := send(t, k, replace.Replace(command))
		wanted := strings.Fields(want)
		if got := wanted[len(wanted)-1]; got != sw {
			t.Errorf("%s: %s, want %s", command, sw, got)
		}
		if pattern := strings.ToLower(strings.Join(wanted[:len(wanted)-1], "")); pattern != "*" {
			if prefix, open := strings.CutSuffix(pattern, "*"); data != pattern && (!open || !strings.HasPrefix(data, prefix)) {
				t.Errorf("%s: %s, want %s", command, data, pattern)
			}
		}
		answers = append(answers, data)
	}
	return answers
}

// digestInfo of SHA-256("message").
func digestInfo() (command string, digest [32]byte) {
	digest = sha256.Sum256([]byte("message"))
	return "3031300D060960864801650304020105000420" + hex.EncodeToString(digest[:]), digest
}

// rest reads a certificate whose first four bytes are known, in chunks of 256, and parses it.
func restOfCertificate(t *testing.T, k *cardsim.Card, head string) *x509.Certificate {
	t.Helper()
	var high, low int
	if _, err := fmt.Sscanf(head, "3082%02x%02x", &high, &low); err != nil {
		t.Fatalf("%s: %v", head, err)
	}
	size := high<<8 + low + 4
	whole := ""
	for at := 0; at < size; at += 256 {
		part, sw := send(t, k, fmt.Sprintf("00B0%04X%02X", at, min(256, size-at)&0xFF))
		if sw != "9000" || len(part) != 2*min(256, size-at) {
			t.Fatalf("offset %d: %d bytes, %s", at, len(part)/2, sw)
		}
		whole += part
	}
	raw, err := hex.DecodeString(whole)
	if err != nil {
		t.Fatal(err)
	}
	return certificate(t, raw)
}

func verifyPKCS1(t *testing.T, c *x509.Certificate, digest [32]byte, signature string) {
	t.Helper()
	raw, err := hex.DecodeString(signature)
	if err != nil {
		t.Fatal(err)
	}
	key, ok := c.PublicKey.(*rsa.PublicKey)
	if !ok || rsa.VerifyPKCS1v15(key, crypto.SHA256, digest[:], raw) != nil {
		t.Error("the signature does not verify with the certificate's key")
	}
}

// TestSignWithTheAuthKey is the whole exchange of a signature with the user authentication key.
func TestSignWithTheAuthKey(t *testing.T) {
	k := newCard(t, "nineteen", nil)
	info, digest := digestInfo()
	answers := exchange(t, k, `
		00A4040C0A D392F000260100000001 > 9000
		00A4020C02 0018 > 9000
		00200080 > 63C3
		00200080 {pin} > 9000
		00A4020C02 000A > 9000
		00B0000004 > 3082* 9000`)
	c := restOfCertificate(t, k, answers[5])
	answers = exchange(t, k, "00A4020C02 0017 > 9000\n802A008033 "+info+" 00 > * 9000")
	verifyPKCS1(t, c, digest, answers[1])
}

// TestReadTheAttributes is the exchange of a reader that takes the four attributes with the PIN and then the individual number.
func TestReadTheAttributes(t *testing.T) {
	k := newCard(t, "nineteen", publishedPerson)
	exchange(t, k, `
		00A4040C0A D3921000310001010408 > 9000
		00A4020C02 0011 > 9000
		0020008004 31323334 > 9000
		00A4020C02 0002 > 9000
		00B0000007 > FF2065DF210800 9000
		00B0000068 > FF2065DF2108000E002000590064DF220FE9BB92E6A190E38080E5B9B9E4B99F* 9000
		00A4020C02 0001 > 9000
		00B0000011 > FF100C353337363836363737313838FFFF 9000`)
	k.Unpower()
	exchange(t, k, `
		00A4040C0A D3921000310001010408 > 9000
		00A4020C02 0015 > 9000
		002000800E 3535303231373230333532323835 > 9000
		00A4020C02 0002 > 9000
		00B0000007 > FF2065DF210800 9000
		00A4020C02 0001 > 9000
		00B0000011 > 6982
		00A4020C02 0014 > 9000
		002000800C 353337363836363737313838 > 9000
		00A4020C02 0001 > 9000
		00B0000011 > FF100C353337363836363737313838FFFF 9000`)
}

// TestReadTheFace reads the card face with 照合番号B, a file of several kB, in chunks.
func TestReadTheFace(t *testing.T) {
	k := newCard(t, "nineteen", nil)
	answers := exchange(t, k, `
		00A4040C0A D3921000310001010402 > 9000
		00A4020C02 0012 > 9000
		00200080 > 63CA
		00200080 {B} > 9000
		00A4040C0A D3921000310001010402 > 9000
		00A4020C02 0002 > 9000
		00B0000007 > FF2082* 9000`)
	var high, low int
	if _, err := fmt.Sscanf(answers[6], "ff2082%02x%02x", &high, &low); err != nil {
		t.Fatal(err)
	}
	size := high<<8 + low + 5
	if size < 4096 {
		t.Errorf("a card face of %d bytes", size)
	}
	var whole strings.Builder
	for at := 0; at < size; at += 256 {
		part, sw := send(t, k, fmt.Sprintf("00B0%04X00", at))
		if sw != "9000" {
			t.Fatalf("offset %04X: %s", at, sw)
		}
		whole.WriteString(part)
	}
	extended, sw := send(t, k, "00B0000000 0000")
	if sw != "9000" || extended != whole.String() {
		t.Error("the extended answer is another")
	}
	exchange(t, k, "00B07FFF00 > 6B00\n00A4020C02 0005 > 9000\n00B0000000 > 6982")
}

// TestOpenSCExchanges is what OpenSC 0.23 sends through PC/SC: the probes of its other drivers, then its jpki driver, which binds to PKCS#15, logs in,
// reads and signs.
func TestOpenSCExchanges(t *testing.T) {
	k := newCard(t, "nineteen", nil)
	// Other drivers look first; the card answers quickly and keeps nothing.
	exchange(t, k, `
		00A4040007 627601FF000000 00 > 6A82
		00A4040006 A00000000101 00 > 6A82
		00A404000B E82B0601040181C31F0201 00 > 6A82
		00A4040C0F D23300000045737445494420763335 > 6A82
		00CADF3005 > 6A88
		00CB3FFF03 5C017E 08 > 6D00
		00A4040009 A00000030800001000 00 > 6A82
		00A4040C07 A000000116DB00 > 6A82
		00A4040C07 A0000000790100 > 6A82
		00A404000C F276A288BCFBA69D34F31001 > 6A82
		00A4040009 A00000039742544659 00 > 6A82
		00A4040006 D27600012401 00 > 6A82
		00CA017F00 > 6A88
		00CA006E00 > 6A88
		80CA9F7F00 > 6D00
		00A4000C02 3F00 > 6A82
		00A40000 > 6A86
		00A4080C04 3F002F00 > 6A86
		00C0000000 > 6D00`)
	answers := exchange(t, k, `
		00A4040C0A D392F000260100000001 > 9000
		00A4040C0A D392F000260100000001 > 9000
		00A4020C02 0018 > 9000
		00200080 > 63C3
		00A4020C02 001B > 9000
		00200080 > 63C5
		00A4020C02 0018 > 9000
		00200080 {pin} > 9000
		00200080 > 63C3
		00A4020C02 000A > 9000
		00B0000004 > 3082* 9000`)
	auth := restOfCertificate(t, k, answers[10])
	for _, file := range []string{"000B", "0002"} {
		answers = exchange(t, k, "00A4020C02 "+file+" > 9000\n00B0000004 > 3082* 9000")
		if ca := restOfCertificate(t, k, answers[1]); !ca.IsCA {
			t.Errorf("%s is no CA certificate", file)
		}
	}
	info, digest := digestInfo()
	answers = exchange(t, k, "00A4020C02 0017 > 9000\n802A008033 "+info+" 00 > * 9000")
	verifyPKCS1(t, auth, digest, answers[1])
	answers = exchange(t, k, `
		00A4020C02 0001 > 9000
		00B0000004 > 6982
		00A4020C02 001B > 9000
		00200080 {password} > 9000
		00A4020C02 0001 > 9000
		00B0000004 > 3082* 9000`)
	sign := restOfCertificate(t, k, answers[5])
	answers = exchange(t, k, "00A4020C02 001A > 9000\n802A008033 "+info+" 00 > * 9000")
	verifyPKCS1(t, sign, digest, answers[1])
}

// TestMyna is what the tools of jpki/myna send: the token first, counters one by one, a change of the PIN.
func TestMyna(t *testing.T) {
	k := newCard(t, "nineteen", nil)
	exchange(t, k, `
		00A4040C0A D392F000260100000001 > 9000
		00A4020C02 0006 > 9000
		00B0000020 > 4A504B494150494343544F4B454E3220* 9000
		00A4020C02 0018 > 9000
		00200080 > 63C3
		00A4020C02 001B > 9000
		00200080 > 63C5
		00A4040C0A D3921000310001010408 > 9000
		00A4020C02 0011 > 9000
		00200080 > 63C3
		00A4020C02 0014 > 9000
		00200080 > 63CA
		00A4020C02 0015 > 9000
		00200080 > 63CA
		00A4040C0A D3921000310001010402 > 9000
		00A4020C02 0013 > 9000
		00200080 > 63CA
		00A4020C02 0012 > 9000
		00200080 > 63CA
		00A4040C0A D3921000310001010408 > 9000
		00A4020C02 0011 > 9000
		00200080 {attributes} > 9000
		00240180 04 35363738 > 9000
		00200080 04 35363738 > 9000
		00A4020C02 0005 > 9000
		00B0000011 > FF40* 9000
		00A4040C0A D3921000310001010402 > 9000
		00A4020C02 0013 > 9000
		00200080 {A} > 9000
		00A4020C02 0002 > 9000
		00B0000007 > FF2082* 9000
		00A4020C02 0005 > 9000
		00B0000007 > FF4082* 9000`)
}
