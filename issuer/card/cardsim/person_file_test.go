package cardsim_test

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"mobileid/issuer/card"
	"mobileid/issuer/card/cardsim"
	"mobileid/mdoc/cbor"
)

// testCardYAML is the public test card's person, as readers print it.
const testCardYAML = `# the public test card
id: test-card
name: 黒桐　幹也
address: 東京都清瀬市観布子南１２－７－２０２
birth_date: 1980-02-17
era: 昭和
sex: male
number: "537686677188"
municipality: "13221"
prefecture: Tokyo-to
city: Kiyose-shi
issued: 2025-03-01
expiry: 2035-02-17
security_code: 2285
pins:
  attributes: 0123
  signature: PASSWORD1
`

func TestParsePerson(t *testing.T) {
	p, err := cardsim.ParsePerson([]byte(testCardYAML), today(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if p.NumberB() != "55021720352285" || p.Number != "537686677188" {
		t.Errorf("照合番号A %s, B %s", p.Number, p.NumberB())
	}
	if p.AttributePIN != "0123" || p.AuthenticationPIN != "1234" || p.SignaturePassword != "PASSWORD1" || p.CommonPIN != "1234" || p.RegisterPIN != "1234" {
		t.Error("secrets are not those of the file and the documented ones")
	}
	if len(p.NameFlags) != 5 || strings.Trim(p.NameFlags, "0") != "" || len(p.AddressFlags) != 18 {
		t.Errorf("flags %s, %s", p.NameFlags, p.AddressFlags)
	}
	w := fixture(t)
	k, err := cardsim.New(p, w.authority, cardsim.Options{Keys: cardsim.SharedKeys(w.keys...)})
	if err != nil {
		t.Fatal(err)
	}
	talk(t, k, selectAttributes+" > 9000\n00200091 04 30313233 > 9000\n00A4020C020002 > 9000")
	want := "ff2065df2108000e002000590064df220fe9bb92e6a190e38080e5b9b9e4b99fdf2336" +
		hex.EncodeToString([]byte("東京都清瀬市観布子南１２－７－２０２")) + "df24083139383030323137df250131"
	if got, _ := send(t, k, "00B0000068"); got != want {
		t.Errorf("attributes %s", got)
	}
	talk(t, k, selectCommon+" > 9000")
	if got, _ := send(t, k, "00B2010C00"); !strings.HasSuffix(got, hex.EncodeToString([]byte("13221"+"20350217"))) {
		t.Errorf("card information %s", got)
	}
}

func TestParsePersonDefaults(t *testing.T) {
	const least = "name: A\naddress: B\nbirth_date: 2000-02-29\nsex: female\n"
	p, err := cardsim.ParsePerson([]byte(least), today(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if p.ID != "custom" || p.Sex != "2" || !card.ValidNumber(p.Number) || p.Number[0] != '9' || p.SecurityCode != "0000" || p.Portrait != nil ||
		p.Issued != (cbor.FullDate{Year: 2025, Month: time.October, Day: 15}) || p.Expiry != (cbor.FullDate{Year: 2035, Month: time.February, Day: 28}) {
		t.Errorf("defaults: %s, %v, %v", p.ID, p.Issued, p.Expiry)
	}
	if p.AttributePIN != cardsim.TestPIN || p.SignaturePassword != cardsim.TestPassword || p.PUK != cardsim.TestPUK {
		t.Error("not the documented secrets")
	}
	foreign, err := cardsim.ParsePerson([]byte(least+"foreign_resident: true\nexpiry: 2028-01-15\nsecurity_code: '0042'\n"), today(), nil)
	if err != nil || foreign.NumberB() != "000229"+"2028"+"0042" {
		t.Errorf("foreign resident: 照合番号B %s, %v", foreign.NumberB(), err)
	}
	if japanese := p.NumberB(); japanese != "120229"+"2035"+"0000" { // 平成12
		t.Errorf("照合番号B %s", japanese)
	}
	minor, err := cardsim.ParsePerson([]byte(strings.Replace(least, "2000-02-29", "2010-05-01", 1)), today(), nil)
	if err != nil || minor.Expiry != (cbor.FullDate{Year: 2030, Month: time.May, Day: 1}) {
		t.Errorf("a minor's card ends on %v, %v", minor.Expiry, err)
	}
	faced, err := cardsim.ParsePerson([]byte(least+"face_authentication: true\n"), today(), nil)
	if err != nil || faced.AuthenticationPIN+faced.SignaturePassword+faced.AttributePIN+faced.CommonPIN+faced.RegisterPIN != "" {
		t.Errorf("a card without PINs has some, %v", err)
	}
}

func TestParsePersonPortrait(t *testing.T) {
	jp2 := append([]byte("\x00\x00\x00\x0CjP  \r\n\x87\n"), bytes.Repeat([]byte{7}, 100)...)
	files := fstest.MapFS{
		"face.jp2": {Data: jp2}, "face.png": {Data: []byte("\x89PNG")}, "large.jp2": {Data: append(jp2, make([]byte, cardsim.MaxPortrait)...)},
	}
	person := func(line string) (cardsim.Person, error) {
		return cardsim.ParsePerson([]byte("name: A\naddress: B\nbirth_date: 2000-01-01\nsex: 1\nportrait: "+line), today(), files)
	}
	p, err := person("face.jp2")
	if err != nil || !bytes.Equal(p.Portrait, jp2) {
		t.Fatalf("portrait of %d bytes, %v", len(p.Portrait), err)
	}
	w := fixture(t)
	k, err := cardsim.New(p, w.authority, cardsim.Options{Keys: cardsim.SharedKeys(w.keys...)})
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(contents(t, k)[0x30002], append([]byte("\xDF\x27\x70"), jp2...)) {
		t.Error("the card's photo is another")
	}
	path := stateOf(t, k)
	if !bytes.Contains(contents(t, openCard(t, path))[0x30002], jp2) {
		t.Error("the photo was not kept")
	}
	for line, want := range map[string]string{
		"face.png": "line 5: portrait is a JP2", "large.jp2": "line 5: portrait is a JP2", "none.jp2": "line 5: portrait: ", "../face.jp2": "line 5: portrait is a file",
	} {
		if _, err := person(line); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", line, err)
		}
	}
	if _, err := cardsim.ParsePerson([]byte("name: A\naddress: B\nbirth_date: 2000-01-01\nsex: 1\nportrait: face.jp2"), today(), nil); !errors.Is(err, cardsim.ErrPerson) {
		t.Errorf("without files: %v", err)
	}
}

func TestParsePersonRefuses(t *testing.T) {
	const least = "name: A\naddress: B\nbirth_date: 2000-01-01\nsex: female\n"
	for name, tc := range map[string]struct{ text, want string }{
		"nothing":             {"", "empty"},
		"no name":             {"address: B\nbirth_date: 2000-01-01\nsex: 1\n", "name is 1 to 200 characters, and is missing"},
		"no address":          {"name: A\nbirth_date: 2000-01-01\nsex: 1\n", "address is 1 to 200 characters, and is missing"},
		"no birth date":       {"name: A\naddress: B\nsex: 1\n", "birth_date is a day as YYYY-MM-DD, and is missing"},
		"no sex":              {"name: A\naddress: B\nbirth_date: 2000-01-01\n", "sex is male"},
		"unknown field":       {least + "pin: 1234\n", `[5:1] unknown field "pin"`},
		"unknown secret":      {least + "pins:\n  sign: A\n", `[6:3] unknown field "sign"`},
		"twice":               {least + "name: C\n", "[5:1]"},
		"a list":              {least + "id: [a]\n", "line 5: a plain value is due"},
		"an anchor":           {least + "pins: &p\n  puk: 12345678\n", "line 5: a plain value is due"},
		"merges of merges":    {"pins: &a {puk: 12345678}\nb: &b {<<: [*a, *a]}\nc: &c {<<: [*b, *b]}\n", "line 1: a plain value is due"},
		"a map":               {least + "id:\n  puk: 12345678\n", "a plain value is due"},
		"a tag":               {least + "id: !!binary aaaa\n", "line 5: a plain value is due"},
		"broken":              {least + "id: 'a\n", "[5:"},
		"two documents":       {least + "---\n" + least, "more than one document"},
		"no UTF-8":            {"name: \xff\n", "no UTF-8"},
		"too long":            {least + strings.Repeat("#", cardsim.MaxPersonFile), "over 8192 bytes"},
		"id":                  {least + "id: Taro Yamada\n", "line 5: id is 1 to 32"},
		"long name":           {"name: " + strings.Repeat("字", 201) + "\naddress: B\nbirth_date: 2000-01-01\nsex: 1\n", "line 1: name is"},
		"control character":   {"name: \"A\\nB\"\naddress: B\nbirth_date: 2000-01-01\nsex: 1\n", "line 1: name is"},
		"flags":               {least + "name_substitutes: \"00\"\n", "line 5: name_substitutes has one"},
		"address flags":       {least + "address_substitutes: x\n", "line 5: address_substitutes has one"},
		"no day":              {strings.Replace(least, "2000-01-01", "2001-02-29", 1), "line 3: birth_date is a day as"},
		"not born":            {strings.Replace(least, "2000-01-01", "2026-10-16", 1), "line 3: birth_date is a day from"},
		"before the eras":     {strings.Replace(least, "2000-01-01", "1868-01-24", 1), "line 3: birth_date is a day from"},
		"another era":         {least + "era: showa\n", "line 5: era is the era of birth_date"},
		"no era":              {least + "era: x\n", "line 5: era is"},
		"check digit":         {least + "number: 123456789019\n", "line 5: number is twelve digits"},
		"sex":                 {strings.Replace(least, "female", "f", 1), "line 4: sex is male"},
		"security code":       {least + "security_code: 12345\n", "line 5: security_code is four digits"},
		"municipality":        {least + "municipality: 1234\n", "line 5: municipality is five digits"},
		"prefecture":          {least + "prefecture: 東京\n", "line 5: prefecture is romaji"},
		"city":                {least + "city: 東京\n", "line 5: city is romaji"},
		"issued":              {least + "issued: yesterday\n", "line 5: issued is a day"},
		"expired before":      {least + "issued: 2025-01-02\nexpiry: 2025-01-01\n", "line 6: expiry is not before"},
		"PIN":                 {least + "pins:\n  authentication: 12345\n", "line 6: pins.authentication is four digits"},
		"password":            {least + "pins:\n  signature: abc123\n", "line 6: pins.signature is 6 to 16"},
		"PUK":                 {least + "pins:\n  puk: 1234\n", "line 6: pins.puk is eight digits"},
		"no boolean":          {least + "foreign_resident: maybe\n", "line 5: foreign_resident is true or false"},
		"PIN on a faced card": {least + "face_authentication: true\npins:\n  common: 1234\n", "line 7: pins.common is not set"},
	} {
		t.Run(name, func(t *testing.T) {
			p, err := cardsim.ParsePerson([]byte(tc.text), today(), nil)
			if !errors.Is(err, cardsim.ErrPerson) || !strings.Contains(err.Error(), tc.want) {
				t.Fatalf("error %v, want %s", err, tc.want)
			}
			if p.ID != "" {
				t.Error("a person came with the error")
			}
			for _, secret := range []string{"12345", "abc123", "123456789019", "Taro", "yesterday"} {
				if strings.Contains(err.Error(), secret) {
					t.Errorf("the error tells a value: %v", err)
				}
			}
		})
	}
}

// FuzzParsePerson wants a person that a card can be made for, or nothing.
func FuzzParsePerson(f *testing.F) {
	for _, seed := range []string{testCardYAML, "name: A\naddress: B\nbirth_date: 2000-02-29\nsex: 2\nface_authentication: true\n", "a: *b", "{{[", "? |\n - &x\n"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		p, err := cardsim.ParsePerson(text, today(), nil)
		if err != nil {
			if p.ID != "" {
				t.Fatal("a person came with the error")
			}
			return
		}
		if !card.ValidNumber(p.Number) || len(p.NumberB()) != 14 || len(p.NameFlags) != len([]rune(p.Name)) || len(p.AddressFlags) != len([]rune(p.Address)) ||
			card.StartOfDay(p.Expiry).Before(card.StartOfDay(p.Issued)) {
			t.Fatal(fmt.Sprint("an impossible person: ", p.ID))
		}
	})
}
