package cardsim_test

import (
	"bytes"
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"image/png"
	"slices"
	"strings"
	"testing"
	"time"

	"mobileid/issuer/card"
	"mobileid/issuer/card/cardsim"
	"mobileid/mdoc/apdu"
	"mobileid/mdoc/cbor"
)

// publishedPerson is the person of the public JPKI test card, as readers print it.
func publishedPerson(p *cardsim.Person, d *cardsim.Draft) {
	p.BirthDate, p.Expiry, p.SecurityCode = cbor.FullDate{Year: 1980, Month: time.February, Day: 17}, cbor.FullDate{Year: 2035, Month: time.February, Day: 17}, "2285"
	p.Number, p.AttributePIN, p.Foreign = "537686677188", "1234", false
	d.Attributes = cardsim.AttributesDraft{
		Name: "黒桐　幹也", Address: "東京都清瀬市観布子南１２－７－２０２", BirthDate: "19800217", Sex: "1", Number: "537686677188",
	}
}

// TestPublishedTestCard reads the published values of the public test card out of a modelled one, with the published commands.
func TestPublishedTestCard(t *testing.T) {
	k := newCard(t, "nineteen", publishedPerson)
	if got := k.Person().NumberB(); got != "55021720352285" {
		t.Errorf("照合番号B %s", got)
	}
	talk(t, k, selectAttributes+" > 9000\n00A4020C020011 > 9000\n002000800431323334 > 9000\n00A4020C020002 > 9000")
	if got, _ := send(t, k, "00B0000007"); got != "ff2065df210800"[:14] {
		t.Errorf("header %s", got)
	}
	want := "ff2065" +
		"df2108" + "000e" + "0020" + "0059" + "0064" + // offsets
		"df220f" + "e9bb92e6a190e38080e5b9b9e4b99f" + // name
		"df2336" + hex.EncodeToString([]byte("東京都清瀬市観布子南１２－７－２０２")) + // address
		"df2408" + "3139383030323137" + // birth date
		"df2501" + "31" // sex
	if got, _ := send(t, k, "00B0000068"); got != want {
		t.Errorf("attributes %s", got)
	}
	talk(t, k, "00A4020C020001 > 9000")
	if got, _ := send(t, k, "00B0000011"); got != "ff100c"+"353337363836363737313838"+"ffff" {
		t.Errorf("number %s", got)
	}
	talk(t, k, "00B0001100 > 6B00")
	integrity, _ := send(t, k, "00B0830000")
	for name, digest := range map[string]string{
		"DF31": "6d5a4c1ef9ab15bf506862d7e66b9c0f179ca065bc936c8e634e9e57449ca9cd",
		"DF32": "b9e0d09427b23b1d4beda2848512b4103752dc2667e51f9712872d65f472cb3b",
	} {
		if !strings.Contains(integrity, strings.ToLower(name)+"20"+digest) {
			t.Errorf("%s is another digest", name)
		}
	}
	if !strings.HasPrefix(integrity, "ff3082014b") {
		t.Errorf("integrity record begins %.10s", integrity)
	}
	talk(t, k, "0020009508 3535303231373230 > 63C9\n002000950E 3535303231373230333532323835 > 9000")
}

// contents reads every readable file of a card, whole.
func contents(t *testing.T, k *cardsim.Card) map[card.FileID][]byte {
	t.Helper()
	out := map[card.FileID][]byte{}
	for a, sel := range map[card.Application]string{card.JPKI: selectJPKI, card.Attributes: selectAttributes, card.Face: selectFace} {
		talk(t, k, sel+" > 9000")
		for _, steps := range secretsOf(k) {
			if s, verify, _ := strings.Cut(steps, "|"); s == sel {
				talk(t, k, verify+" > 9000")
			}
		}
		for ef := uint16(1); ef < 0x1F; ef++ {
			if _, sw := send(t, k, fmt.Sprintf("00A4020C02%04X", ef)); sw != "9000" {
				continue
			}
			if data, sw := send(t, k, "00B00000000000"); sw == "9000" {
				raw, err := hex.DecodeString(data)
				if err != nil {
					t.Fatal(err)
				}
				out[card.NewFileID(a, ef)] = raw
			}
		}
	}
	return out
}

func TestSizesOfTheRecords(t *testing.T) {
	files := contents(t, newCard(t, "nineteen", nil))
	for id, want := range map[card.FileID]string{
		0x20003: "ff3082014b", 0x20004: "7f21820233" + "5f4e820129", 0x20005: "ff40", 0x20007: "ff50820213" + "df51820109" + "9003010001" + "91820100",
		0x30001: "ff1082021e" + "df1108", 0x30002: "ff20", 0x30003: "ff30" + "82013b" + "df3104" + "06030e01", 0x30004: "7f21820233", 0x30005: "ff40",
		0x10008: "8f8f00",
	} {
		if got := hex.EncodeToString(files[id]); !strings.HasPrefix(got, want) {
			t.Errorf("%v begins %.32s, want %s", id, got, want)
		}
	}
	if n := len(files[0x20001]); n != 17 {
		t.Errorf("number file has %d bytes", n)
	}
	if token := files[0x10006]; len(token) != 160 || !bytes.HasPrefix(token, []byte("JPKIAPICCTOKEN2                 ")) {
		t.Errorf("token information of %d bytes", len(token))
	}
	if id := files[0x30004]; !bytes.Contains(id[:32], []byte("9000023\x08\x05")) {
		t.Error("face CV certificate has another issuer")
	}
	if id := files[0x20004]; !bytes.Contains(id[:32], []byte("9000033\x08\x05")) {
		t.Error("attributes CV certificate has another issuer")
	}
}

// TestOffsetTables checks what some readers check: each offset is where an object begins, counted from the start of the file.
func TestOffsetTables(t *testing.T) {
	files := contents(t, newCard(t, "substitute", nil))
	for id, n := range map[card.FileID]int{0x20002: 4, 0x30002: 9} {
		f := files[id]
		outer, _, err := apdu.ParseTLV(f)
		if err != nil {
			t.Fatal(err)
		}
		list, err := apdu.ParseTLVs(outer.Value)
		if err != nil {
			t.Fatal(err)
		}
		if len(list) != n+1 || len(list[0].Value) != 2*n {
			t.Fatalf("%v has %d objects, %d bytes of offsets", id, len(list), len(list[0].Value))
		}
		for i := range n {
			at := int(list[0].Value[2*i])<<8 | int(list[0].Value[2*i+1])
			o, _, err := apdu.ParseTLV(f[at:])
			if err != nil || o.Tag != list[i+1].Tag || !bytes.Equal(o.Value, list[i+1].Value) {
				t.Errorf("%v: offset %d points elsewhere", id, i)
			}
		}
	}
}

func TestImages(t *testing.T) {
	files := contents(t, newCard(t, "nineteen", nil))
	size := func(file card.FileID, tag uint32) (int, int) {
		t.Helper()
		outer, _, err := apdu.ParseTLV(files[file])
		if err != nil {
			t.Fatal(err)
		}
		list, err := apdu.ParseTLVs(outer.Value)
		if err != nil {
			t.Fatal(err)
		}
		value, _ := apdu.Find(list, tag)
		if len(value) < 25 || value[24] != 1 { // bit depth in IHDR
			t.Errorf("%X is not one bit per pixel", tag)
		}
		c, err := png.DecodeConfig(bytes.NewReader(value))
		if err != nil {
			t.Fatalf("%X: %v", tag, err)
		}
		return c.Width, c.Height
	}
	if w, h := size(0x30002, 0xDF2A); w != 24 || h != 12 {
		t.Errorf("security code %dx%d", w, h)
	}
	if w, h := size(0x30005, 0xDF41); w != 72 || h != 12 {
		t.Errorf("number %dx%d", w, h)
	}
	size(0x30002, 0xDF25)
	size(0x30002, 0xDF26)
}

func TestCertificates(t *testing.T) {
	w := fixture(t)
	files := contents(t, newCard(t, "birthday", nil))
	parse := func(id card.FileID) *x509.Certificate {
		t.Helper()
		tlv, _, err := apdu.ParseTLV(files[id])
		if err != nil {
			t.Fatal(err)
		}
		c, err := x509.ParseCertificate(files[id][:len(tlv.Value)+4])
		if err != nil {
			t.Fatalf("%v: %v", id, err)
		}
		return c
	}
	for _, tc := range []struct {
		leaf, ca   card.FileID
		root       *x509.Certificate
		unit       string
		extensions string
		keyUsage   string
	}{
		{0x10001, 0x10002, w.authority.SignatureRoots()[0], "JPKI for digital signature", "15 17 32 18 31 35 14", "030206c0"},
		{0x1000A, 0x1000B, w.authority.AuthenticationRoots()[0], "JPKI for user authentication", "15 37 32 18 31 1 35 14", "03020780"},
	} {
		leaf, ca := parse(tc.leaf), parse(tc.ca)
		if !ca.Equal(tc.root) || leaf.CheckSignatureFrom(ca) != nil || ca.CheckSignatureFrom(ca) != nil {
			t.Errorf("%v does not chain", tc.leaf)
		}
		if !slices.Equal(leaf.Issuer.Organization, []string{"JPKI-TEST"}) || leaf.Issuer.OrganizationalUnit[0] != tc.unit {
			t.Errorf("issuer %v", leaf.Issuer)
		}
		var order []string
		for _, e := range leaf.Extensions {
			order = append(order, fmt.Sprint(e.Id[len(e.Id)-1]))
		}
		if got := strings.Join(order, " "); got != tc.extensions {
			t.Errorf("%v has the extensions %s", tc.leaf, got)
		}
		if e := leaf.Extensions[0]; !e.Critical || hex.EncodeToString(e.Value) != tc.keyUsage {
			t.Errorf("%v: keyUsage %x", tc.leaf, e.Value)
		}
		if s := leaf.NotAfter.UTC().Format("150405"); s != "145959" {
			t.Errorf("%v ends at %s", tc.leaf, s)
		}
		if n := len(leaf.SerialNumber.Bytes()); n != 4 {
			t.Errorf("%v: serial of %d bytes", tc.leaf, n)
		}
	}
	san := files[0x10001]
	order := ""
	for at := 0; ; {
		i := bytes.Index(san[at:], []byte("\x06\x0A\x2A\x83\x08\x8C\x9B\x55\x08\x05\x05"))
		if i < 0 {
			break
		}
		at += i + 11
		order += fmt.Sprint(san[at])
	}
	if order != "143526" {
		t.Errorf("otherNames in the order %s", order)
	}
}

// TestSignatures verifies every padding of COMPUTE DIGITAL SIGNATURE with the library's own verifier.
func TestSignatures(t *testing.T) {
	k := newCard(t, "nineteen", nil)
	p := k.Person()
	files := contents(t, k)
	k.Unpower()
	tlv, _, err := apdu.ParseTLV(files[0x1000A])
	if err != nil {
		t.Fatal(err)
	}
	c, err := x509.ParseCertificate(files[0x1000A][:len(tlv.Value)+4])
	if err != nil {
		t.Fatal(err)
	}
	key, ok := c.PublicKey.(*rsa.PublicKey)
	if !ok {
		t.Fatal("no RSA key")
	}
	message := []byte("message")
	digest := sha256.Sum256(message)
	info := "3031300d060960864801650304020105000420" + hex.EncodeToString(digest[:])
	pkcs := func(hash crypto.Hash, data []byte) func([]byte) error {
		return func(sig []byte) error { return rsa.VerifyPKCS1v15(key, hash, data, sig) }
	}
	pss := func(sig []byte) error { return rsa.VerifyPSS(key, crypto.SHA256, digest[:], sig, nil) }
	talk(t, k, selectJPKI+" > 9000\n80 2A 00 97 33 "+info+" 00 > 6982\n00200098"+ascii(p.AuthenticationPIN)+" > 9000\n00A4020C020017 > 9000")
	for _, tc := range []struct {
		name, command string
		verify        func([]byte) error
	}{
		{"DigestInfo, current file", "802A0080 33" + info + "00", pkcs(crypto.SHA256, digest[:])},
		{"DigestInfo, by short id", "802A0097 33" + info + "00", pkcs(crypto.SHA256, digest[:])},
		{"SHA-1 DigestInfo", "802A0080 23 3021300906052b0e03021a05000414" + strings.Repeat("11", 20) + "00", pkcs(crypto.SHA1, bytes.Repeat([]byte{0x11}, 20))},
		{"one raw byte", "802A0080 01 55 00", pkcs(0, []byte{0x55})},
		{"245 raw bytes", "802A0080 F5 " + strings.Repeat("55", 245) + "00", pkcs(0, bytes.Repeat([]byte{0x55}, 245))},
		{"bare SHA-256", "802A0180 07" + hex.EncodeToString(message) + "00", pkcs(0, digest[:])},
		{"digest given", "802A0280 20" + hex.EncodeToString(digest[:]) + "00", pkcs(crypto.SHA256, digest[:])},
		{"hashed by the card", "802A0380 07" + hex.EncodeToString(message) + "00", pkcs(crypto.SHA256, digest[:])},
		{"PSS, digest given", "802A0480 20" + hex.EncodeToString(digest[:]) + "00", pss},
		{"PSS, hashed by the card", "802A0580 07" + hex.EncodeToString(message) + "00", pss},
	} {
		t.Run(tc.name, func(t *testing.T) {
			out, sw := send(t, k, tc.command)
			sig, err := hex.DecodeString(out)
			if err != nil || sw != "9000" || len(sig) != 256 {
				t.Fatalf("%d bytes, %s", len(sig), sw)
			}
			if err := tc.verify(sig); err != nil {
				t.Error(err)
			}
		})
	}
	talk(t, k, `
		802A0680 20 `+strings.Repeat("00", 32)+` 00 > 6A86
		802A0280 1F `+strings.Repeat("00", 31)+` 00 > 6985
		802A0080 F6 `+strings.Repeat("00", 246)+` 00 > 6985
		802A0080 > 6700
		802A0000 01 55 00 > 6A86      no own key in JPKI-AP
		802A009A 33 `+info+` 00 > 6982  the signature key wants its own password
		802A0098 33 `+info+` 00 > 6981
		`+selectFace+` > 9000
		802A0000 33 `+info+` 00 > 9000  no secret needed
		802A009A 33 `+info+` 00 > 9000
		`+selectAttributes+` > 9000
		802A0000 33 `+info+` 00 > 9000
	`)
}

func TestPeopleOfEveryDay(t *testing.T) {
	for day := time.Date(2026, 1, 1, 3, 0, 0, 0, time.UTC); day.Year() < 2033; day = day.AddDate(0, 0, 1) {
		for _, p := range cardsim.People(day) {
			age := card.AgeAt(p.BirthDate, day)
			switch {
			case p.ID == "nineteen" && age != 19, p.ID == "birthday" && age != 20, p.ID == "leapday" && age < 19:
				t.Fatalf("%s is %d years old on %v", p.ID, age, day)
			case !card.ValidNumber(p.Number), len(p.NumberB()) != 14, len(p.AddressFlags) != len([]rune(p.Address)), len(p.NameFlags) != len([]rune(p.Name)):
				t.Fatalf("%s is ill-formed on %v", p.ID, day)
			case day.After(card.EndOfDay(p.Expiry)), day.Before(card.StartOfDay(p.Issued)):
				t.Fatalf("%s has no valid card on %v", p.ID, day)
			}
			if _, err := cbor.ParseFullDate(p.BirthDate.String()); err != nil {
				t.Fatalf("%s was born on no day, on %v", p.ID, day)
			}
			if card.AgeOver(p.BirthDate, 20, day) != (age >= 20) || p.ID == "birthday" && card.AgeOver(p.BirthDate, 20, card.StartOfDay(card.DayInJapan(day)).Add(-time.Second)) {
				t.Fatalf("%s turns 20 on another day than %v", p.ID, day)
			}
		}
	}
	if _, ok := cardsim.PersonByID("nobody", today()); ok {
		t.Error("there is somebody called nobody")
	}
	era, _ := cardsim.PersonByID("foreigner", today())
	if got := era.NumberB()[:2]; got != fmt.Sprintf("%02d", era.BirthDate.Year%100) {
		t.Errorf("foreign resident's year %s", got)
	}
}

func TestSaveAndParse(t *testing.T) {
	w := fixture(t)
	k := newCard(t, "leapday", nil)
	talk(t, k, selectJPKI+" > 9000\n0020009B06585858585858 > 63C4")
	raw, err := k.Save()
	if err != nil {
		t.Fatal(err)
	}
	again, err := cardsim.ParseCard(raw)
	if err != nil {
		t.Fatal(err)
	}
	talk(t, again, "00A4020C020001 > 6986\n"+selectJPKI+" > 9000\n0020009B > 63C4")
	a, b := contents(t, newCard(t, "leapday", nil)), contents(t, again)
	if len(a) != len(b) {
		t.Errorf("%d files, want %d", len(b), len(a))
	}
	saved, err := w.authority.Save()
	if err != nil {
		t.Fatal(err)
	}
	authority, err := cardsim.ParseAuthority(saved, cardsim.AuthorityConfig{})
	if err != nil {
		t.Fatal(err)
	}
	p, _ := cardsim.PersonByID("birthday", today())
	other, err := cardsim.New(p, authority, cardsim.Options{Keys: cardsim.SharedKeys(w.keys...)})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []*cardsim.Card{again, other} { // both satisfy the roots of the first authority
		o := card.Options{Challenge: make([]byte, 16), Binding: []byte("se")}
		r, err := card.Read(t.Context(), c, c.Person().Secrets(), o)
		if err != nil {
			t.Fatal(err)
		}
		id, v, err := card.Check(r, card.CheckConfig{
			SignatureRoots: w.authority.SignatureRoots(), AuthenticationRoots: w.authority.AuthenticationRoots(),
			MunicipalRoots: w.authority.MunicipalRoots(),
			Status: func(_, _ *x509.Certificate) card.StatusAnswer {
				return card.StatusAnswer{State: card.StateInForce, Measured: "in force"}
			},
			Challenge: o.Challenge, Binding: o.Binding, At: today(),
		})
		if err != nil || id == nil {
			t.Errorf("%v: %v %v", c, v, err)
		}
	}
}

func FuzzParseCard(f *testing.F) {
	raw, err := newCard(f, "nineteen", nil).Save()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(raw)
	f.Fuzz(func(t *testing.T, raw []byte) {
		k, err := cardsim.ParseCard(raw)
		if (k == nil) == (err == nil) || err != nil && !errors.Is(err, cardsim.ErrSaved) {
			t.Fatalf("error %v", err)
		}
	})
}

func FuzzParseAuthority(f *testing.F) {
	raw, err := fixture(f).authority.Save()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(raw)
	f.Fuzz(func(t *testing.T, raw []byte) {
		a, err := cardsim.ParseAuthority(raw, cardsim.AuthorityConfig{})
		if (a == nil) == (err == nil) || err != nil && !errors.Is(err, cardsim.ErrSaved) {
			t.Fatalf("error %v", err)
		}
	})
}

// FuzzTransmit sends two commands of any bytes to a card: each is answered with a status word, nothing is answered beyond Le, the tries of
// no secret grow, and no answer holds a secret that opens more.
func FuzzTransmit(f *testing.F) {
	k := newCard(f, "nineteen", nil)
	for _, seed := range []string{
		"00A4040C0AD392F000260100000001", "00B0000000", "00B00000000000", "00200080", "802A000001550000", "00240180043131", "00CA5F5100",
		"0084000010", "00A4040C0AD3921000310001010408", "00200091043132333400", "08B0000005960300000000", "80AE000001FF", "00B2010C00",
		"008800990155", "0020009404", "8032008004", "002C00910C", "00CA7F21000000", "00A40400", "00B0860000",
	} {
		raw, err := hex.DecodeString(seed)
		if err != nil {
			f.Fatal(err)
		}
		f.Add([]byte("\x00\xA4\x04\x0C\x0A\xD3\x92\x10\x00\x31\x00\x01\x01\x04\x08"), raw)
		f.Add(raw, []byte("\x00\xB0\x00\x00\x00"))
	}
	p := k.Person()
	f.Fuzz(func(t *testing.T, first, second []byte) {
		k.Unpower()
		for _, command := range [][]byte{first, second} {
			out, err := k.Transmit(t.Context(), command)
			if err != nil {
				t.Fatal(err)
			}
			r, err := apdu.ParseResponse(out)
			if err != nil {
				t.Fatal(err)
			}
			c, err := apdu.ParseCommand(command)
			if err == nil && len(r.Data) > c.Le {
				t.Fatalf("%d bytes answered where %d were asked for", len(r.Data), c.Le)
			}
			for _, secret := range []string{p.AttributePIN, p.AuthenticationPIN, p.SignaturePassword} {
				if len(r.Data) < 16 && bytes.Contains(r.Data, []byte(secret)) { // longer ones hold such digits by chance
					t.Fatal("a secret is in an answer")
				}
			}
		}
	})
}

// BenchmarkReadBinary is READ BINARY of 256 bytes, in process: the answer is the one thing allocated.
func BenchmarkReadBinary(b *testing.B) {
	k := newCard(b, "nineteen", nil)
	if _, sw := send(b, k, selectJPKI); sw != "9000" {
		b.Fatal(sw)
	}
	if _, sw := send(b, k, "00A4020C02000A"); sw != "9000" {
		b.Fatal(sw)
	}
	command := []byte{0x00, 0xB0, 0x01, 0x00, 0x00}
	b.ReportAllocs()
	for b.Loop() {
		out, err := k.Transmit(b.Context(), command)
		if err != nil || len(out) != 258 {
			b.Fatal(len(out), err)
		}
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "reads/s")
}

func TestReadBinaryAllocatesTheAnswerAlone(t *testing.T) {
	k := newCard(t, "nineteen", nil)
	talk(t, k, selectJPKI+" > 9000\n00A4020C02000A > 9000")
	ctx, command := t.Context(), []byte{0x00, 0xB0, 0x01, 0x00, 0x00}
	allocations := testing.AllocsPerRun(100, func() {
		if out, err := k.Transmit(ctx, command); err != nil || len(out) != 258 {
			t.Fatal(len(out), err)
		}
	})
	if allocations > 1 {
		t.Errorf("%v allocations", allocations)
	}
}
