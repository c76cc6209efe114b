package cardsim_test

import (
	"bytes"
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math/big"
	"strings"
	"testing"

	"mobileid/issuer/card/cardsim"
	"mobileid/mdoc/apdu"
)

func TestATR(t *testing.T) {
	k := newCard(t, "nineteen", nil)
	if got := fmt.Sprintf("% X", k.ATR()); got != "3B DA 13 FF 81 31 FB 46 80 12 39 2F 31 C1 73 C6 01 C0 3B" {
		t.Errorf("ATR %s", got)
	}
	if got := fmt.Sprintf("% X", k.ContactlessATR()); got != "3B 88 80 01 00 00 05 E0 B3 81 A1 00 7F" {
		t.Errorf("contactless ATR %s", got)
	}
	for _, atr := range [][]byte{k.ATR(), k.ContactlessATR()} {
		var check byte
		for _, b := range atr[1:] {
			check ^= b
		}
		if check != 0 {
			t.Errorf("TCK of % X is wrong by %02X", atr, check)
		}
	}
}

func TestGetData(t *testing.T) {
	k := newCard(t, "nineteen", publishedPerson)
	for tag, want := range map[string]string{
		"00F0": "3939323031", // 99201
		"00F2": hex.EncodeToString([]byte("20350217")),
		"5F51": "da13ff8131fb468012392f31c173c601c03b",
		"0042": hex.EncodeToString([]byte("9000020")) + "0805" + "303031" + "ffffffff",
		"00F7": hex.EncodeToString([]byte("9000021")) + "0805" + "303031" + "ffffffff",
		"0066": "660b730906072a864886fc6b01",
	} {
		if got, sw := send(t, k, "00CA"+tag+"00"); sw != "9000" || got != want {
			t.Errorf("tag %s: %s %s", tag, got, sw)
		}
	}
	talk(t, k, `
		00CA00E000 > 6A88
		00CA000100 > 6A88     a file's identifier is no tag
		00CA00F200 > 9000
		00CA00F2 > 6700       without Le
		00CA00F204 > 6700     Le under the length of the object
		00CA00F208 > 9000
		00CA00F2 01 00 00 > 6700
		00CA7F2100 > 6700     the large ones want an extended Le
		00CA00F800 > 6700
		00CA7F21 000000 > 9000
		`+selectJPKI+` > 9000
		00CA00F200 > 6A88     the objects are the security domain's
		00CA7F21000000 > 6A88
		00CA5F5100 > 9000     but the ATR
		`+selectDomain+` > 9000
		00CA00F200 > 9000`)
	p := k.Person()
	for _, tag := range []string{"0042", "0045", "0066", "00F0", "00F2", "00F7", "5F51"} {
		got, _ := send(t, k, "00CA"+tag+"00")
		for _, secret := range []string{p.Number, p.SecurityCode, p.NumberB()} {
			if strings.Contains(got, hex.EncodeToString([]byte(secret))) {
				t.Errorf("%s tells a secret to everybody", tag)
			}
		}
	}
}

// cvCertificate reads issuer, subject and key of a certificate's content, and verifies it.
func cvCertificate(t *testing.T, content []byte, issuer *rsa.PublicKey) (issuerID, subjectID []byte, key *rsa.PublicKey) {
	t.Helper()
	list, err := apdu.ParseTLVs(content)
	if err != nil || len(list) != 2 || list[0].Tag != 0x5F4E || list[1].Tag != 0x5F37 || len(list[0].Value) != 297 {
		t.Fatalf("certificate of %d objects: %v", len(list), err)
	}
	digest := sha256.Sum256(list[0].Value)
	if err := rsa.VerifyPKCS1v15(issuer, crypto.SHA256, digest[:], list[1].Value); err != nil {
		t.Errorf("signature: %v", err)
	}
	body := list[0].Value
	return body[:16], body[16:32], &rsa.PublicKey{N: new(big.Int).SetBytes(body[41:]), E: 65537}
}

func TestChainOfTheSecurityDomain(t *testing.T) {
	k := newCard(t, "nineteen", nil)
	object := func(command string) []byte {
		t.Helper()
		out, sw := send(t, k, command)
		raw, err := hex.DecodeString(out)
		if err != nil || sw != "9000" {
			t.Fatalf("%s: %s %v", command, sw, err)
		}
		return raw
	}
	rootID, root := fixture(t).authority.DomainRoot()
	issuer, middle, key := cvCertificate(t, object("00CA00F8000000"), root)
	if !bytes.Equal(issuer, rootID[:]) || !bytes.Equal(issuer, object("00CA004200")) || !bytes.Equal(middle, object("00CA00F700")) {
		t.Errorf("upper certificate of %x for %x", issuer, middle)
	}
	issuer, subject, _ := cvCertificate(t, object("00CA7F21000000"), key)
	if !bytes.Equal(issuer, middle) || !bytes.HasPrefix(subject, []byte("99201")) {
		t.Errorf("lower certificate of %x for %x", issuer, subject)
	}
}

func TestCommonAndRegister(t *testing.T) {
	k := newCard(t, "nineteen", publishedPerson)
	talk(t, k, `
		`+selectCommon+` > 9000
		00A4020C020001 > 9000
		00B2010400 > 9000
		00B2020400 > 6A83     one record
		00B2000400 > 6A83
		00B2010500 > 6A81     all from the first on
		00B2010600 > 6A86
		00B201FC00 > 6A86     short identifier 1F
		00B2011C00 > 6A82     short identifier 03
		00B20104 > 6700
		00B2010401AA > 6700
		00B0000000 > 6981     no transparent file
		00B2010C00 > 9000     by short identifier
		00B2011400 > 9000
		00B0830000 > 6A82
		802A0000 01 55 00 > 6A86
		00A4020C02001C > 9000
		00200080 > 63C3
		00200080 04 30303030 > 63C2
		80320080 04 37373737 > 6982     without VERIFY
		00200080 04 31323334 > 9000
		80320180 04 37373737 > 6A86
		80320080 05 3737373737 > 6700
		80320080 04 37373737 00 > 6700
		00240180 04 37373737 > 6985     the instruction of other applications
		80320080 04 37373737 > 9000
		00200080 04 31323334 > 63C2
		00200080 04 37373737 > 9000
		`+selectRegister+` > 9000
		00B2011400 > 9000
		0020009C 04 37373737 > 63C2     two PINs, although the holder chose one
		0020009C 04 31323334 > 9000
		`+selectJPKI+` > 9000
		00200098 `+ascii(k.Person().AuthenticationPIN)+` > 9000
		80320098 04 37373737 > 6985
		00B2010400 > 6981`)
	talk(t, k, selectCommon+" > 9000")
	got, _ := send(t, k, "00B2010C00")
	raw, err := hex.DecodeString(got)
	if err != nil || len(raw) != 30 || !strings.HasPrefix(got, "011c") {
		t.Fatalf("record %s", got)
	}
	digits := string(raw[2:])
	if strings.Trim(digits, "0123456789") != "" || digits[:3] != "999" || digits[15:] != "99201"+"20350217" {
		t.Errorf("manufacturing number, municipality and expiry are %s", digits)
	}
	talk(t, k, selectDomain+" > 9000")
	if number, _ := send(t, k, "00CA004500"); number != hex.EncodeToString([]byte(digits[:15])) {
		t.Error("the security domain tells another number")
	}
	talk(t, k, selectCommon+" > 9000")
	id, _ := send(t, k, "00B2011400")
	talk(t, k, selectRegister+" > 9000")
	if other, _ := send(t, k, "00B2011400"); other != id || !strings.HasPrefix(id, "0110") || len(id) != 36 {
		t.Errorf("key ids %s and %s", id, other)
	}
}

func TestInternalAuthenticate(t *testing.T) {
	w := fixture(t)
	k := newCard(t, "nineteen", nil)
	key := &w.keys[4%len(w.keys)].PublicKey // the fifth key that the card took
	talk(t, k, selectCommon+" > 9000")
	for _, n := range []int{1, 16, 255} {
		challenge := bytes.Repeat([]byte{0xA5}, n)
		for _, p2 := range []string{"99", "80"} { // by short identifier, which selects, and the current file
			out, sw := send(t, k, fmt.Sprintf("008800%s%02X%x00", p2, n, challenge))
			signature, err := hex.DecodeString(out)
			digest := sha256.Sum256(challenge)
			if err != nil || sw != "9000" || rsa.VerifyPKCS1v15(key, crypto.SHA256, digest[:], signature) != nil {
				t.Errorf("%d bytes: %s %v", n, sw, err)
			}
		}
	}
	talk(t, k, `
		00880099 00 > 6700                    no challenge
		00880099 01 55 > 6700                 no Le
		00880099 000100 `+strings.Repeat("55", 256)+` 0000 > 6700
		00880199 01 55 00 > 6A86
		00880019 01 55 00 > 6A86
		0088009C 01 55 00 > 6981              a PIN
		00880083 01 55 00 > 6A88
		`+selectFace+` > 9000
		0088009A 01 55 00 > 6985              signs by another command
		`+selectJPKI+` > 9000
		00880080 01 55 00 > 6986
		00880097 01 55 00 > 6982`)
}

func TestWarnAtEnd(t *testing.T) {
	w := fixture(t)
	p, _ := cardsim.PersonByID("nineteen", today())
	k, err := cardsim.New(p, w.authority, cardsim.Options{Keys: cardsim.SharedKeys(w.keys...), WarnAtEnd: true})
	if err != nil {
		t.Fatal(err)
	}
	talk(t, k, selectJPKI+" > 9000\n00A4020C020006 > 9000\n00B00000A0 > 9000\n00B0000000 > 6282\n00B0009F02 > 6282\n00B0009F01 > 9000")
	if got, _ := send(t, k, "00B0009F02"); len(got) != 2 {
		t.Errorf("the last byte is %s", got)
	}
}

// TestStatusWords shows one command for every status word a reader should tell apart.
func TestStatusWords(t *testing.T) {
	k := newCard(t, "nineteen", nil)
	talk(t, k, `
		00B0000000 > 6986
		`+selectJPKI+` > 9000
		00200098 04 30303030 > 63C2
		0020009800 > 6700
		01200098 > 6881
		00B0980000 > 6981
		00B0810000 > 6982
		00200098 04 30303030 > 63C1
		00200098 04 30303030 > 63C0
		00200098 04 30303030 > 6984
		00840000000010 > 6985
		00A4020C020003 > 6A82
		00A4080C023F00 > 6A86
		00CA00E000 > 6A88
		00B086A000 > 6B00
		80A20000 > 6A86
		80FC0000 > 6700
		80540000 > 6D00
		00FE0000 > 6D00
		FF000000 > 6E00
		08B00000 05 9603000000 00 > 6E00      secure messaging is 補助AP's
		80AE0000 01 00 > 6982
		`+selectCommon+` > 9000
		00B2010D00 > 6A81
		00B2020C00 > 6A83
		80AE0000 01 00 > 66F1
		`+selectFace+` > 9000
		80AE0000 01 00 > 66F1
		`+selectRegister+` > 9000
		80AE0000 01 00 > 6982
		`+selectDomain+` > 9000
		80AE0000 01 00 > 6D00
		`+selectAttributes+` > 9000
		08B00000 05 9603000000 00 > 69FC`)
}
