package cardsim_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha512"
	"crypto/x509"
	"encoding/hex"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"mobileid/issuer/card/cardsim"
	"mobileid/mdoc/apdu"
)

const (
	selectNextAuth = "00A4040C0A F04D4F42494C45494401"
	selectNextFace = "00A4040C0A F04D4F42494C45494402"
)

var theNextAuthority = sync.OnceValues(func() (*cardsim.NextAuthority, error) {
	return cardsim.NewNextAuthority(cardsim.AuthorityConfig{Now: today})
})

func nextCard(t testing.TB) *cardsim.Card {
	t.Helper()
	a, err := theNextAuthority()
	if err != nil {
		t.Fatal(err)
	}
	p, _ := cardsim.PersonByID("nineteen", today())
	k, err := cardsim.NewNext(p.WithTestSecrets(), a, cardsim.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// read gives the data object at the beginning of a file, by short identifier.
func readFile(t *testing.T, k *cardsim.Card, id byte) (raw []byte) {
	t.Helper()
	out, sw := send(t, k, fmt.Sprintf("00B0%02X00000000", 0x80|id))
	raw, err := hex.DecodeString(out)
	if err != nil || sw != "9000" {
		t.Fatalf("file %02X: %s %v", id, sw, err)
	}
	tlv, _, err := apdu.ParseTLV(raw)
	if err != nil {
		t.Fatal(err)
	}
	return apdu.AppendTLV(nil, tlv.Tag, tlv.Value)
}

func certificate(t *testing.T, der []byte) *x509.Certificate {
	t.Helper()
	c, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func p384(t *testing.T, c *x509.Certificate) *ecdsa.PublicKey {
	t.Helper()
	key, ok := c.PublicKey.(*ecdsa.PublicKey)
	if !ok || key.Curve != elliptic.P384() {
		t.Fatal("no P-384 key")
	}
	return key
}

// record verifies that the object tagged signature is over all others but the offset table, and gives the others.
func signedRecord(t *testing.T, file []byte, signature uint32, key *ecdsa.PublicKey) []apdu.TLV {
	t.Helper()
	outer, _, err := apdu.ParseTLV(file)
	if err != nil || outer.Tag != 0xFF20 {
		t.Fatalf("tag %X, %v", outer.Tag, err)
	}
	list, err := apdu.ParseTLVs(outer.Value)
	if err != nil {
		t.Fatal(err)
	}
	var signed, value []byte
	for _, o := range list[1:] {
		if o.Tag == signature {
			value = o.Value
			continue
		}
		signed = apdu.AppendTLV(signed, o.Tag, o.Value)
	}
	digest := sha512.Sum384(signed)
	if !ecdsa.VerifyASN1(key, digest[:], value) {
		t.Errorf("signature %X does not hold", signature)
	}
	return list
}

func TestNextGenerationReads(t *testing.T) {
	a, err := theNextAuthority()
	if err != nil {
		t.Fatal(err)
	}
	k := nextCard(t)
	p := k.Person()
	talk(t, k, `
		`+selectJPKI+` > 6A82                     no application of today
		`+selectFace+` > 6A82
		00CA5F5100 > 9000
		00CA006600 > 9000
		00CA00F200 > 6A88
		`+selectNextAuth+` > 9000
		00B0810000 > 6982
		00B0830000 > 6982
		0020009104 31323334 > 9000
		00B0830000 > 9000                         the PIN opens the attributes
		00B0810000 > 6982
		802A009A 01 55 00 > 6982
		0020009206 414243313233 > 9000`)
	records := certificate(t, readFile(t, k, 0x04))
	signature, auth := certificate(t, readFile(t, k, 0x01)), certificate(t, readFile(t, k, 0x0A))
	for _, c := range []*x509.Certificate{records, signature} {
		if err := c.CheckSignatureFrom(a.Roots()[0]); err != nil {
			t.Error(err)
		}
	}
	if err := auth.CheckSignatureFrom(a.Roots()[1]); err != nil {
		t.Error(err)
	}
	if !a.Roots()[0].Equal(certificate(t, readFile(t, k, 0x02))) || !a.Roots()[1].Equal(certificate(t, readFile(t, k, 0x0B))) {
		t.Error("CA certificates are others")
	}
	if o := signature.Issuer.Organization; len(o) != 1 || o[0] != "JPKI-TEST" {
		t.Errorf("issued by %v", o)
	}
	if !bytes.Contains(signature.Raw, []byte(p.Name)) || bytes.Contains(auth.Raw, []byte(p.Name)) {
		t.Error("the name belongs into the signature certificate alone")
	}
	list := signedRecord(t, readFile(t, k, 0x03), 0xDF26, p384(t, records))
	if name, _ := apdu.Find(list, 0xDF22); string(name) != p.Name {
		t.Error("attributes have another name")
	}
	if token, _ := send(t, k, "00B08600A0"); !strings.HasPrefix(token, hex.EncodeToString([]byte("MOBILEIDNEXTTOKEN1 "))) {
		t.Errorf("token %.40s", token)
	}

	talk(t, k, selectNextFace+` > 9000
		00B0810000 > 6982
		00B0820000 > 6982
		00200091`+ascii(p.ShortNumber())+` > 9000
		00B0810011 > 9000`)
	if number, _ := send(t, k, "00B0810011"); number != "ff100c"+hex.EncodeToString([]byte(p.Number))+"ffff" {
		t.Errorf("number %s", number)
	}
	list = signedRecord(t, readFile(t, k, 0x02), 0xDF28, p384(t, certificate(t, readFile(t, k, 0x04))))
	point, ok := apdu.Find(list, 0xDF24)
	if !ok || len(point) != 2+97 || point[0] != 0x86 || point[1] != 97 {
		t.Fatalf("key of the face has %d bytes", len(point))
	}
	face, err := ecdsa.ParseUncompressedPublicKey(elliptic.P384(), point[2:])
	if err != nil {
		t.Fatal(err)
	}
	k.Unpower()
	talk(t, k, selectNextFace+" > 9000")
	checkNextSignature(t, k, face, "802A039A") // proof of presence without any secret
}

// checkNextSignature signs with P1 03 and verifies.
func checkNextSignature(t *testing.T, k *cardsim.Card, key *ecdsa.PublicKey, header string) {
	t.Helper()
	message := []byte("message")
	digest := sha512.Sum384(message)
	out, sw := send(t, k, fmt.Sprintf("%s07%x00", header, message))
	signature, err := hex.DecodeString(out)
	if err != nil || sw != "9000" || !ecdsa.VerifyASN1(key, digest[:], signature) {
		t.Errorf("%s: %s, the signature does not hold", header, sw)
	}
}

func TestNextGenerationSigns(t *testing.T) {
	k := nextCard(t)
	talk(t, k, selectNextAuth+" > 9000\n0020009104 31323334 > 9000\n0020009206 414243313233 > 9000")
	auth, sign := p384(t, certificate(t, readFile(t, k, 0x0A))), p384(t, certificate(t, readFile(t, k, 0x01)))
	checkNextSignature(t, k, auth, "802A0397")
	checkNextSignature(t, k, sign, "802A039A")
	digest := sha512.Sum384([]byte("message"))
	out, sw := send(t, k, fmt.Sprintf("802A0297 30 %x 00", digest))
	signature, err := hex.DecodeString(out)
	if err != nil || sw != "9000" || !ecdsa.VerifyASN1(auth, digest[:], signature) {
		t.Errorf("digest given: %s, the signature does not hold", sw)
	}
	talk(t, k, `
		802A0097 01 55 00 > 6A86
		802A0497 01 55 00 > 6A86
		802A0297 01 55 00 > 6985
		802A0397 000100 `+strings.Repeat("55", 256)+` 0000 > 6985
		802A0091 01 55 00 > 6981
		0088009A 01 55 00 > 6985
		80AE0000 01 00 > 6D00
		80320091 04 37373737 > 6985
		00240191 04 37373737 > 9000
		0020009104 37373737 > 9000`)
}

func TestPUK(t *testing.T) {
	path := filepath.Join(t.TempDir(), "card.state")
	if err := cardsim.CreateState(path, nextCard(t)); err != nil {
		t.Fatal(err)
	}
	k := openCard(t, path)
	puk, wrong := "3132333435363738", "3030303030303030"
	talk(t, k, `
		`+selectNextAuth+` > 9000
		0020009104 31323334 > 9000
		802A0397 01 55 00 > 9000
		002C0091 0C `+puk+`31323334 > 9000
		802A0397 01 55 00 > 6982                 what was presented is gone with the old PIN
		0020009104 30303030 > 63C2
		0020009104 30303030 > 63C1
		0020009104 30303030 > 63C0
		0020009104 31323334 > 6984
		002C0191 08 `+puk+` > 6A86
		002C0091 08 `+puk+` > 6700               no new PIN
		002C0091 0D `+puk+`3737373737 > 6700
		002C0091 0C `+puk+`37373737 00 > 6700
		002C0092 0C `+puk+`37373737 > 6985       the password is for the municipal office
		002C0095 0C `+puk+`37373737 > 6A88
		002C0091 0C `+wrong+`37373737 > 63C9
		00200093 > 63C9
		0020009104 37373737 > 6984
		002C0091 0C `+puk+`37373737 > 9000
		00200091 > 63C3
		00200093 > 63CA
		802A0397 01 55 00 > 6982                 a new PIN is not a presented one
		0020009104 31323334 > 63C2
		0020009104 37373737 > 9000
		`+selectNextFace+` > 9000
		002C0091 0C `+puk+`37373737 > 6D00`)
	for left := 9; left >= 0; left-- {
		talk(t, k, fmt.Sprintf("%s > 9000\n002C0091 0C %s37373737 > 63C%X", selectNextAuth, wrong, left))
	}
	talk(t, k, "002C0091 0C "+puk+"37373737 > 6984")
	if err := k.Close(); err != nil {
		t.Fatal(err)
	}
	talk(t, openCard(t, path), selectNextAuth+" > 9000\n00200093 > 63C0\n0020009104 37373737 > 9000")
	talk(t, newCard(t, "nineteen", nil), selectJPKI+" > 9000\n002C0098 0C "+puk+"37373737 > 6D00") // the current card has none
}

func TestPUKThatCannotBeWritten(t *testing.T) {
	k := nextCard(t)
	count := 0
	k.UseStore(storeFunc(func([]byte) error {
		if count++; count == 3 { // the two writes of the PUK's counter pass
			return fmt.Errorf("no space")
		}
		return nil
	}))
	talk(t, k, selectNextAuth+" > 9000\n002C0091 0C 313233343536373837373737 > 6581\n0020009104 31323334 > 9000")
}

type storeFunc func([]byte) error

func (f storeFunc) Write(state []byte) error { return f(state) }

func TestNextGenerationAccess(t *testing.T) {
	k := nextCard(t)
	p := k.Person()
	secrets := map[string][2]string{
		"PIN": {selectNextAuth, "00200091" + ascii(p.AuthenticationPIN)}, "password": {selectNextAuth, "00200092" + ascii(p.SignaturePassword)},
		"PUK": {selectNextAuth, "00200093" + ascii(p.PUK)}, "number": {selectNextFace, "00200091" + ascii(p.ShortNumber())},
	}
	for _, r := range []accessRule{
		{selectNextAuth, "01", "read", "password"}, {selectNextAuth, "02", "read", "free"}, {selectNextAuth, "03", "read", "PIN,password"},
		{selectNextAuth, "04", "read", "free"}, {selectNextAuth, "06", "read", "free"}, {selectNextAuth, "0A", "read", "free"},
		{selectNextAuth, "0B", "read", "free"}, {selectNextAuth, "11", "read", "never"}, {selectNextAuth, "17", "read", "never"},
		{selectNextFace, "01", "read", "number"}, {selectNextFace, "02", "read", "number"}, {selectNextFace, "04", "read", "free"},
		{selectNextFace, "1A", "read", "never"},
	} {
		for name, s := range secrets {
			k.Unpower()
			talk(t, k, s[0]+" > 9000\n"+s[1]+" > 9000\n"+r.application+" > 9000")
			want := r.want(name)
			if s[0] != r.application && r.opened != "free" && r.opened != "never" {
				want = "6982"
			}
			if _, sw := send(t, k, r.command()); sw != want {
				t.Errorf("%s after %s: %s, want %s", r.ef, name, sw, want)
			}
		}
	}
}
