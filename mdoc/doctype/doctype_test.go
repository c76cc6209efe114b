package doctype

import (
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"testing"

	"mobileid/mdoc/cbor"
)

// unhex decodes hex written in groups, one item a line.
func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.NewReplacer(" ", "", "\n", "", "\t", "").Replace(s))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// The sets are those of the published descriptor of the document: seven elements in the Japanese namespace; sex,
// birth_date, age_in_years and age_over_NN in the other.
func TestPublicSetIsExact(t *testing.T) {
	want := map[string]bool{}
	for _, id := range []string{"full_name_unicode", "resident_address_unicode", "local_gov_code_unicode",
		"individual_number_unicode", "portrait", "sex_unicode", "birth_date_unicode"} {
		want[NameSpaceJP+"/"+id] = true
	}
	for _, id := range []string{"sex", "birth_date", "age_in_years"} {
		want[NameSpaceISO+"/"+id] = true
	}
	for _, nn := range []int{12, 13, 15, 16, 18, 20, 21, 25, 30, 40, 60, 65, 70, 75} {
		want[fmt.Sprintf("%s/age_over_%d", NameSpaceISO, nn)] = true
	}
	got := map[string]bool{}
	for _, e := range MNC().Elements() {
		switch e.Standing {
		case Public:
			got[e.NameSpace+"/"+e.Identifier] = true
		case Proposed:
			if e.NameSpace != NameSpaceProposed {
				t.Errorf("%s: an addition of ours stands in %s", e.Identifier, e.NameSpace)
			}
		case Standard:
			t.Errorf("%s: an element of another document type", e.Identifier)
		case Recognised:
			if e.NameSpace != NameSpaceISO {
				t.Errorf("%s: recognised in %s", e.Identifier, e.NameSpace)
			}
		}
		if e.Japanese == "" || e.English == "" {
			t.Errorf("%s: label missing", e.Identifier)
		}
		if e.Restricted != (e.Identifier == IndividualNumber) {
			t.Errorf("%s: restricted is %v", e.Identifier, e.Restricted)
		}
	}
	for k := range want {
		if !got[k] {
			t.Errorf("missing %s", k)
		}
	}
	for k := range got {
		if !want[k] {
			t.Errorf("not of the public set: %s", k)
		}
	}
	if MNC().DocType() != "org.iso.23220.1.jp.mnc" {
		t.Errorf("docType %s", MNC().DocType())
	}
}

func TestCheck(t *testing.T) {
	const jp, iso, own = NameSpaceJP, NameSpaceISO, NameSpaceProposed
	tests := []struct {
		name, ns, id, value string
		ok                  bool
	}{
		{"name", jp, "full_name_unicode", "6f e795aae58fb7 e38080 e88ab1e5ad90", true}, // 番号　花子
		{"name as bytes", jp, "full_name_unicode", "4f e795aae58fb7 e38080 e88ab1e5ad90", false},
		{"name empty", jp, "full_name_unicode", "60", false},
		{"name under a tag", jp, "full_name_unicode", "c0 61 41", false},
		{"name null", jp, "full_name_unicode", "f6", false},
		{"two items", jp, "full_name_unicode", "61 41 61 41", false},
		{"municipality 5", jp, "local_gov_code_unicode", "65 3134333634", true},
		{"municipality 6", jp, "local_gov_code_unicode", "66 313433363439", true},
		{"municipality 4", jp, "local_gov_code_unicode", "64 31343336", false},
		{"municipality 7", jp, "local_gov_code_unicode", "67 31343336343930", false},
		{"municipality in letters", jp, "local_gov_code_unicode", "65 4142434445", false},
		{"municipality with a slash", jp, "local_gov_code_unicode", "65 2f34333634", false},
		{"municipality with a colon", jp, "local_gov_code_unicode", "65 3a34333634", false},
		{"municipality full-width", jp, "local_gov_code_unicode", "6f efbc91efbc94efbc93efbc96efbc94", false},
		{"individual number 123456789018", jp, IndividualNumber, "6c 313233343536373839303138", true},
		{"individual number 537686677188", jp, IndividualNumber, "6c 353337363836363737313838", true},
		{"individual number wrong digit", jp, IndividualNumber, "6c 313233343536373839303132", false},
		{"individual number as uint", jp, IndividualNumber, "1b 0000001cbe991a12", false},
		{"portrait JPEG", jp, "portrait", "44 ffd8ffe0", true},
		{"portrait JP2", jp, "portrait", "4e 0000000c6a5020200d0a870a0000", true},
		{"portrait of 128 KiB", jp, "portrait", "5a 00020000 ffd8ff" + strings.Repeat("00", 1<<17-3), true},
		{"portrait of a byte more", jp, "portrait", "5a 00020001 ffd8ff" + strings.Repeat("00", 1<<17-2), false},
		{"portrait PNG", jp, "portrait", "48 89504e470d0a1a0a", false},
		{"portrait text", jp, "portrait", "64 41414141", false},
		{"sex 1", iso, "sex", "01", true},
		{"sex 9", iso, "sex", "09", true},
		{"sex 3", iso, "sex", "03", false},
		{"sex text", iso, "sex", "61 31", false},
		{"sex negative", iso, "sex", "20", false},
		{"birth date", iso, "birth_date", "d903ec 6a 313937312d30392d3031", true},
		{"birth date untagged", iso, "birth_date", "6a 313937312d30392d3031", false},
		{"birth date 30 February", iso, "birth_date", "d903ec 6a 313937312d30322d3330", false},
		{"birth date map", iso, "birth_date", "a1 6a 62697274685f64617465 d903ec 6a 313937312d30392d3031", true},
		{"birth date map with mask", iso, "birth_date",
			"a2 6a 62697274685f64617465 d903ec 6a 313937312d30392d3031 70 617070726f78696d6174655f6d61736b 68 3030303030303131", true},
		{"birth date map, short mask", iso, "birth_date",
			"a2 6a 62697274685f64617465 d903ec 6a 313937312d30392d3031 70 617070726f78696d6174655f6d61736b 67 30303030303031", false},
		{"birth date map, mask of 2", iso, "birth_date",
			"a2 6a 62697274685f64617465 d903ec 6a 313937312d30392d3031 70 617070726f78696d6174655f6d61736b 68 3030303030303132", false},
		{"birth date empty map", iso, "birth_date", "a0", false},
		{"age", iso, "age_in_years", "18 37", true},
		{"age 151", iso, "age_in_years", "18 97", false},
		{"over 20", iso, "age_over_20", "f5", true},
		{"over 20 as uint", iso, "age_over_20", "01", false},
		{"over 33, outside the set", iso, "age_over_33", "f4", true},
		{"expiry", own, "expiry_date", "d903ec 6a 323033352d30322d3137", true},
		{"expiry as tdate", own, "expiry_date", "c0 74 323033352d30322d31375430303a30303a30305a", false},
		{"country", own, "issuing_country", "62 4a50", true},
		{"country with a digit", own, "issuing_country", "62 4a31", false},
		{"country lower case", own, "issuing_country", "62 6a70", false},
		{"birth year", own, "age_birth_year", "19 07b3", true},
		{"birth year 1800", own, "age_birth_year", "19 0708", false},
		{"recognised spelling of edition 2", iso, "family_name", "63 e795aa", true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			err := MNC().Check(tt.ns, tt.id, unhex(t, tt.value))
			if (err == nil) != tt.ok {
				t.Fatalf("Check = %v, want ok %v", err, tt.ok)
			}
			var ve *ValueError
			if err != nil && (!errors.As(err, &ve) || ve.Identifier != tt.id) {
				t.Errorf("error %v does not name the element", err)
			}
		})
	}
}

func TestCheckUnknown(t *testing.T) {
	for _, id := range [][2]string{{NameSpaceJP, "age_over_20"}, {NameSpaceISO, "age_over_100"}, {NameSpaceISO, "age_over_2"},
		{NameSpaceISO, "age_over_1a"}, {NameSpaceJP, "sex"}, {"org.iso.18013.5.1", "portrait"}, {"", ""}} {
		if err := MNC().Check(id[0], id[1], []byte{0xf5}); !errors.Is(err, ErrUnknownElement) {
			t.Errorf("%v: %v, want ErrUnknownElement", id, err)
		}
	}
}

// TestErrorTellsTheCodec: what the codec refused is told apart from what is of the wrong form.
func TestErrorTellsTheCodec(t *testing.T) {
	for _, c := range []struct {
		id, value string
		codec     bool
	}{{"full_name_unicode", "41 41", true}, {"full_name_unicode", "60", false}, {"portrait", "61 41", true}, {"portrait", "40", false}} {
		var wrong *ValueError
		if err := MNC().Check(NameSpaceJP, c.id, unhex(t, c.value)); !errors.As(err, &wrong) || (wrong.Unwrap() != nil) != c.codec {
			t.Errorf("%s as %s: %v", c.id, c.value, err)
		}
	}
}

func TestErrorHoldsNoValue(t *testing.T) {
	const canary = "CANARYNAME"
	value, err := cbor.Marshal(canary)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range MNC().Elements() {
		if err := e.Check(value); err != nil {
			for e := err; e != nil; e = errors.Unwrap(e) {
				if strings.Contains(e.Error(), canary) {
					t.Fatalf("%v repeats the value", e)
				}
			}
		}
	}
}

func TestAgeOver(t *testing.T) {
	for _, nn := range MNC().AgeOverSet() {
		if got, ok := AgeOver(AgeOverIdentifier(nn)); !ok || got != nn {
			t.Errorf("AgeOver(%s) = %d, %v", AgeOverIdentifier(nn), got, ok)
		}
		if e, ok := MNC().Element(NameSpaceISO, AgeOverIdentifier(nn)); !ok || e.Standing != Public {
			t.Errorf("age_over_%d: %v %v", nn, e.Standing, ok)
		}
	}
	if nn, ok := AgeOver("age_over_07"); !ok || nn != 7 {
		t.Errorf("age_over_07: %d %v", nn, ok)
	}
	for _, bad := range []string{"20", "age_over_/0", "age_over_:0", "age_over_0/", "age_over_0:", "age_over_", "age_over_020"} {
		if nn, ok := AgeOver(bad); ok {
			t.Errorf("%s: %d", bad, nn)
		}
	}
}

// Every single wrong digit must be found out of those the scheme can find: a check digit of 0 stands for two
// remainders, so a few changes go unseen; the two published numbers are right and most changes of them are not.
func TestIndividualNumberCheckDigit(t *testing.T) {
	const valid = "123456789018"
	seen := 0
	for d := byte('0'); d <= '9'; d++ {
		if ValidIndividualNumber(valid[:11] + string(d)) {
			seen++
		}
	}
	if seen != 1 {
		t.Errorf("%d last digits pass, want 1", seen)
	}
	for _, bad := range []string{"", "12345678901", "1234567890188", "12345678901a", "１２３４", "<23456789018"} {
		if ValidIndividualNumber(bad) {
			t.Errorf("%q passes", bad)
		}
	}
}

func TestParseTableRefuses(t *testing.T) {
	good := `{"docType":"d","nameSpaces":{},"ageOver":{"nameSpace":"n","values":[]},"elements":[%s]}`
	for name, rows := range map[string]string{
		"unknown type":     `{"nameSpace":"n","identifier":"a","type":"float","status":"public"}`,
		"unknown standing": `{"nameSpace":"n","identifier":"a","type":"tstr","status":"maybe"}`,
		"unknown member":   `{"nameSpace":"n","identifier":"a","type":"tstr","status":"public","x":1}`,
		"twice": `{"nameSpace":"n","identifier":"a","type":"tstr","status":"public"},` +
			`{"nameSpace":"n","identifier":"b","alias":"a","type":"tstr","status":"public"}`,
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := parse(fmt.Appendf(nil, good, rows)); err == nil {
				t.Fatal("accepted")
			}
		})
	}
	if _, err := parse([]byte(`{"docType":"d","nameSpaces":{},"ageOver":{"nameSpace":"n","values":[20,20]},"elements":[]}`)); err == nil {
		t.Error("one age twice")
	}
}

func TestBirthIsRedacted(t *testing.T) {
	b := Birth{Date: cbor.FullDate{Year: 1971, Month: 9, Day: 1}}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%d"} {
		if s := fmt.Sprintf(verb, b); strings.Contains(s, "1971") {
			t.Errorf("%s shows the date", verb)
		}
	}
	if b.LogValue().String() != "[redacted]" {
		t.Error("logged")
	}
}

func FuzzParseBirthDate(f *testing.F) {
	for _, s := range []string{"d903ec6a313937312d30392d3031", "a16a62697274685f64617465d903ec6a313937312d30392d3031",
		"a26a62697274685f64617465d903ec6a313937312d30392d303170617070726f78696d6174655f6d61736b683030303030303131"} {
		f.Add(unhex(f, s))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		b, err := ParseBirthDate(raw)
		if err != nil {
			if b != (Birth{}) {
				t.Fatal("a failed parse returned a value")
			}
			return
		}
		again, err := EncodeBirthDate(b)
		if err != nil {
			t.Fatal(err)
		}
		c, err := ParseBirthDate(again)
		if err != nil || c != b {
			t.Fatalf("not the same after encoding: %v", err)
		}
	})
}
