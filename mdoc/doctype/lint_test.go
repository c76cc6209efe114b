package doctype_test

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"mobileid/mdoc/cbor"
	"mobileid/mdoc/doctype"
	"mobileid/mdoc/mdoctest"
	"mobileid/mdoc/verdict"
)

func encode(t testing.TB, v any) []byte {
	t.Helper()
	raw, err := cbor.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// licence is an mDL with its mandatory elements and some others.
func licence(t testing.TB) []doctype.Value {
	day := encode(t, cbor.FullDate{Year: 1990, Month: 1, Day: 2})
	privileges := mdoctest.LoadAnnexD(t).Bytes(t, "driving_privileges")
	out := []doctype.Value{}
	for id, v := range map[string][]byte{"family_name": encode(t, "Müller"), "given_name": encode(t, "A"), "birth_date": day, "issue_date": day,
		"expiry_date": day, "issuing_country": encode(t, "JP"), "issuing_authority": encode(t, "A"), "document_number": encode(t, "1"),
		"portrait": encode(t, []byte{0xff, 0xd8, 0xff, 0xe0}), "driving_privileges": privileges, "un_distinguishing_sign": encode(t, "J"),
		"age_over_18": encode(t, true), "age_over_65": encode(t, false), "age_in_years": encode(t, uint64(36)), "issuing_jurisdiction": encode(t, "JP-13"),
		"hair_colour": encode(t, "black"), "biometric_template_face": encode(t, []byte{0x7f, 0x61, 0})} {
		out = append(out, doctype.Value{NameSpace: doctype.NameSpaceMDL, Identifier: id, Value: v})
	}
	return append(out, doctype.Value{NameSpace: "org.iso.18013.5.1.JP", Identifier: "anything", Value: []byte{0x00}})
}

func codes(n int) []doctype.DrivingCode { return slices.Repeat([]doctype.DrivingCode{{Code: "01"}}, n) }

// TestLint changes one element of a good licence and names what fails.
func TestLint(t *testing.T) {
	set := func(id string, v any) func([]doctype.Value) []doctype.Value {
		return func(d []doctype.Value) []doctype.Value {
			i := slices.IndexFunc(d, func(e doctype.Value) bool { return e.Identifier == id })
			if i < 0 {
				i, d = len(d), append(d, doctype.Value{NameSpace: doctype.NameSpaceMDL, Identifier: id})
			}
			d[i].Value = encode(t, v)
			return d
		}
	}
	without := func(id string) func([]doctype.Value) []doctype.Value {
		return func(d []doctype.Value) []doctype.Value {
			return slices.DeleteFunc(d, func(e doctype.Value) bool { return e.Identifier == id })
		}
	}
	moment := mdoctest.Hex(t, "c074323032302d31302d30315430303a30303a30305a")
	for name, c := range map[string]struct {
		change func([]doctype.Value) []doctype.Value
		want   string
	}{
		"good":                          {func(d []doctype.Value) []doctype.Value { return d }, ""},
		"issue date as a moment":        {set("issue_date", cbor.RawMessage(moment)), ""},
		"no privileges":                 {set("driving_privileges", []string{}), ""},
		"150 Latin characters":          {set("family_name", strings.Repeat("ü", 150)), ""},
		"no portrait":                   {without("portrait"), "document.mandatory"},
		"no privilege member":           {without("driving_privileges"), "document.mandatory"},
		"element of another type":       {set("shoe_size", 44), "document.elements"},
		"age of three digits":           {set("age_over_100", false), "document.elements"},
		"151 Latin characters":          {set("family_name", strings.Repeat("ü", 151)), "document.types"},
		"name outside Latin-1":          {set("family_name", "試験"), "document.types"},
		"name with a control character": {set("family_name", "a\u0085b"), "document.types"},
		"name with a tab":               {set("family_name", "a\tb"), "document.types"},
		"subdivision without a hyphen":  {set("issuing_jurisdiction", "JP"), "document.types document.jurisdiction"},
		"subdivision of no country":     {set("issuing_jurisdiction", "J-13"), "document.types document.jurisdiction"},
		"subdivision in small letters":  {set("issuing_jurisdiction", "jp-13"), "document.types document.jurisdiction"},
		"subdivision with a small code": {set("issuing_jurisdiction", "JP-1a"), "document.types"},
		"birth date as a moment":        {set("birth_date", cbor.RawMessage(moment)), "document.types"},
		"portrait date as a day":        {set("portrait_capture_date", cbor.FullDate{Year: 2020, Month: 1, Day: 1}), "document.types"},
		"height as text":                {set("height", "180"), "document.types"},
		"purple eyes":                   {set("eye_colour", "purple"), "document.types"},
		"nationality of three letters":  {set("nationality", "JPN"), "document.types"},
		"template of another kind":      {set("biometric_template_face", []byte{0x7f, 0x60}), "document.types"},
		"age as a number":               {set("age_over_18", 1), "document.types"},
		"subdivision without a code":    {set("issuing_jurisdiction", "JP-"), "document.types"},
		"subdivision of four":           {set("issuing_jurisdiction", "JP-1234"), "document.types"},
		"privilege without a category":  {set("driving_privileges", []doctype.DrivingPrivilege{{}}), "document.types"},
		"privilege without codes":       {set("driving_privileges", []doctype.DrivingPrivilege{{Category: "B", Codes: []doctype.DrivingCode{}}}), "document.types"},
		"code without a name":           {set("driving_privileges", []doctype.DrivingPrivilege{{Category: "B", Codes: []doctype.DrivingCode{{}}}}), "document.types"},
		"64 codes":                      {set("driving_privileges", []doctype.DrivingPrivilege{{Category: "B", Codes: codes(64)}}), ""},
		"65 codes":                      {set("driving_privileges", []doctype.DrivingPrivilege{{Category: "B", Codes: codes(65)}}), "document.types"},
		"64 privileges":                 {set("driving_privileges", slices.Repeat([]doctype.DrivingPrivilege{{Category: "B"}}, 64)), ""},
		"65 privileges":                 {set("driving_privileges", slices.Repeat([]doctype.DrivingPrivilege{{Category: "B"}}, 65)), "document.types"},
		"privileges as a map":           {set("driving_privileges", doctype.DrivingPrivilege{Category: "B"}), "document.types"},
		"false below true":              {set("age_over_16", false), "document.ages"},
		"false below true, no years":    {func(d []doctype.Value) []doctype.Value { return set("age_over_16", false)(without("age_in_years")(d)) }, "document.ages"},
		"against the years":             {set("age_in_years", uint64(70)), "document.ages"},
		"state of another country":      {set("issuing_jurisdiction", "US-CA"), "document.jurisdiction"},
	} {
		t.Run(name, func(t *testing.T) {
			v := doctype.MDL().Lint(c.change(licence(t)))
			var got []string
			for _, f := range v.Checks {
				if f.Outcome != verdict.Pass {
					got = append(got, f.ID)
				}
			}
			if c.want == "" && len(got) > 0 || c.want != "" && strings.Join(got, " ") != c.want {
				t.Errorf("failed: %s", v)
			}
			if strings.Contains(v.String(), "Müller") {
				t.Error("a value is repeated")
			}
		})
	}
}

// TestTablesOfOthers: the mandatory sets, and what may be written in more than one way.
func TestTablesOfOthers(t *testing.T) {
	for docType, want := range map[string]string{
		"org.iso.18013.5.1.mDL": "birth_date document_number driving_privileges expiry_date family_name given_name issue_date issuing_authority " +
			"issuing_country portrait un_distinguishing_sign",
		"org.iso.23220.photoid.1": "age_over_18 birth_date expiry_date family_name given_name issue_date issuing_authority issuing_country portrait",
		"org.iso.23220.photoID.1": "age_over_18 birth_date expiry_date family_name given_name issue_date issuing_authority issuing_country portrait",
		"org.iso.23220.1.jp.mnc":  "",
	} {
		table, ok := doctype.For(docType)
		if !ok {
			t.Fatalf("no table of %s", docType)
		}
		var got []string
		for _, e := range table.Elements() {
			if e.Mandatory {
				got = append(got, e.Identifier)
			}
		}
		slices.Sort(got)
		if strings.Join(got, " ") != want {
			t.Errorf("%s: mandatory %v", docType, got)
		}
	}
	if _, ok := doctype.For("org.example"); ok {
		t.Error("a table of an unknown type")
	}
	photo := doctype.PhotoID()
	for _, c := range []struct {
		id    string
		value any
		ok    bool
	}{
		{"issuing_country", "JPN", true}, {"issuing_country", "JP", true}, {"issuing_country", "JAPA", false}, {"issuing_country", "jp", false},
		{"family_name_unicode", "試験", true}, {"family_name_latin1", "試験", false}, {"age_over_40", true, true}, {"age_over_40", "x", false},
		{"birth_date", cbor.Map[string, cbor.FullDate]{{Key: "birth_date", Value: cbor.FullDate{Year: 1990, Month: 1, Day: 1}}}, true},
	} {
		if err := photo.Check("org.iso.23220.1", c.id, encode(t, c.value)); (err == nil) != c.ok {
			t.Errorf("%s: %v", c.id, err)
		}
	}
	for value, ok := range map[string]bool{"01": true, "": false} {
		if err := photo.Check("org.iso.23220.datagroups.1", "dg1", encode(t, mdoctest.Hex(t, value))); (err == nil) != ok {
			t.Errorf("dg1 of %d bytes: %v", len(value)/2, err)
		}
	}
	if err := doctype.MDL().Check(doctype.NameSpaceMDL, "webapi_info", encode(t, []uint64{1})); err != nil {
		t.Error(err)
	}
}

// TestAnnexDElements: the six printed elements are of their types, and the printed privileges encode back to their bytes.
func TestAnnexDElements(t *testing.T) {
	d := mdoctest.LoadAnnexD(t)
	raw := d.Bytes(t, "driving_privileges")
	privileges, err := doctype.ParseDrivingPrivileges(raw)
	if err != nil || len(privileges) != 2 || !bytes.Equal(encode(t, privileges), raw) {
		t.Errorf("%d privileges, %v", len(privileges), err)
	}
	var file struct {
		Items map[string]struct {
			Bytes string `json:"issuerSignedItemBytes"`
		} `json:"issuer_signed_items"`
	}
	mdoctest.ReadJSON(t, "iso18013-5/annex-d.json", &file)
	for name, item := range file.Items {
		e, err := cbor.ParseEmbedded[cbor.Map[string, cbor.RawMessage]](mdoctest.Hex(t, item.Bytes))
		if err != nil {
			t.Fatal(err)
		}
		value, _ := e.Value.Get("elementValue")
		if err := doctype.MDL().Check(doctype.NameSpaceMDL, name, value); err != nil {
			t.Error(err)
		}
	}
}

func FuzzParseDrivingPrivileges(f *testing.F) {
	f.Add(mdoctest.LoadAnnexD(f).Bytes(f, "driving_privileges"))
	f.Add([]byte{0x80})
	f.Fuzz(func(t *testing.T, raw []byte) {
		p, err := doctype.ParseDrivingPrivileges(raw)
		if err != nil {
			if p != nil {
				t.Fatal("a refused value is not nothing")
			}
			return
		}
		again, err := doctype.ParseDrivingPrivileges(encode(t, p))
		if err != nil || len(again) != len(p) {
			t.Fatalf("not read back: %v", err)
		}
	})
}
