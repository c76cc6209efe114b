package policy_test

import (
	"fmt"
	"strings"
	"testing"

	"mobileid/mdoc"
	"mobileid/mdoc/cbor"
	"mobileid/mdoc/doctype"
	"mobileid/mdoc/mdoctest"
	"mobileid/mdoc/verdict"
	"mobileid/verifier/policy"
)

func age(nn int, answer bool) mdoc.Element {
	return mdoc.Element{NameSpace: doctype.NameSpaceISO, Identifier: doctype.AgeOverIdentifier(nn), Value: cbor.AppendBool(nil, answer)}
}

func portrait() mdoc.Element {
	return mdoc.Element{NameSpace: doctype.NameSpaceJP, Identifier: "portrait", Value: cbor.AppendBytes(nil, []byte{0xff, 0xd8})}
}

func document(elements ...mdoc.Element) []mdoc.VerifiedDocument {
	return []mdoc.VerifiedDocument{{DocType: doctype.DocTypeMNC, Elements: elements}}
}

// TestPublishedAgeCases reads every published answer as a verifier does: an answer that is given is conclusive and agrees
// with the holder's age, and so does any part of what the holder stores.
func TestPublishedAgeCases(t *testing.T) {
	var file struct {
		Cases []struct {
			HolderAge int             `json:"holder_age"`
			Stored    map[string]bool `json:"stored"`
			Request   string          `json:"request"`
			Response  map[string]bool `json:"response"`
		} `json:"cases"`
	}
	mdoctest.ReadJSON(t, "iso18013-5/age-over-nn.json", &file)
	if len(file.Cases) != 55 {
		t.Fatalf("%d cases, want 55", len(file.Cases))
	}
	for i, c := range file.Cases {
		t.Run(fmt.Sprintf("%02d %s at %d", i, c.Request, c.HolderAge), func(t *testing.T) {
			asked, ok := doctype.AgeOver(c.Request)
			if !ok {
				t.Fatalf("request %q", c.Request)
			}
			want := policy.AgeNotReached
			if c.HolderAge >= asked {
				want = policy.AgeReached
			}
			got := policy.ReadAge(ages(t, c.Response), doctype.NameSpaceISO, asked)
			if c.Response == nil {
				want = policy.AgeUnknown
			}
			if got != want {
				t.Errorf("response %v reads as %d, want %d", c.Response, got, want)
			}
			for id, answer := range c.Stored {
				if one := policy.ReadAge(ages(t, map[string]bool{id: answer}), doctype.NameSpaceISO, asked); one != policy.AgeUnknown &&
					(one == policy.AgeReached) != (c.HolderAge >= asked) {
					t.Errorf("%s = %v reads as %d about %s", id, answer, one, c.Request)
				}
			}
		})
	}
}

func ages(t *testing.T, answers map[string]bool) []mdoc.Element {
	t.Helper()
	var out []mdoc.Element
	for id, answer := range answers {
		nn, ok := doctype.AgeOver(id)
		if !ok {
			t.Fatalf("identifier %q", id)
		}
		out = append(out, age(nn, answer))
	}
	return out
}

func TestReadAge(t *testing.T) {
	text := mdoc.Element{NameSpace: doctype.NameSpaceISO, Identifier: "age_over_20", Value: cbor.AppendText(nil, "true")}
	one := mdoc.Element{NameSpace: doctype.NameSpaceISO, Identifier: "age_over_20", Value: cbor.AppendUint(nil, 1)}
	elsewhere := age(20, true)
	elsewhere.NameSpace = doctype.NameSpaceJP
	long := age(20, true)
	long.Identifier = "age_over_020"
	birth := mdoc.Element{NameSpace: doctype.NameSpaceISO, Identifier: "birth_date", Value: cbor.AppendText(nil, "1990-01-01")}
	for name, tc := range map[string]struct {
		elements []mdoc.Element
		want     policy.AgeReading
	}{
		"nothing":                       {nil, policy.AgeUnknown},
		"exact true":                    {[]mdoc.Element{age(20, true)}, policy.AgeReached},
		"exact false":                   {[]mdoc.Element{age(20, false)}, policy.AgeNotReached},
		"older true":                    {[]mdoc.Element{age(65, true)}, policy.AgeReached},
		"younger false":                 {[]mdoc.Element{age(18, false)}, policy.AgeNotReached},
		"18 true says nothing about 20": {[]mdoc.Element{age(18, true)}, policy.AgeUnknown},
		"21 false says nothing":         {[]mdoc.Element{age(21, false)}, policy.AgeUnknown},
		"18 true and 21 false":          {[]mdoc.Element{age(18, true), age(21, false)}, policy.AgeUnknown},
		"contradiction":                 {[]mdoc.Element{age(18, false), age(21, true)}, policy.AgeDisputed},
		"text":                          {[]mdoc.Element{text}, policy.AgeDisputed},
		"number":                        {[]mdoc.Element{one}, policy.AgeDisputed},
		"another namespace":             {[]mdoc.Element{elsewhere}, policy.AgeUnknown},
		"three digits":                  {[]mdoc.Element{long}, policy.AgeUnknown},
		"birth date in place":           {[]mdoc.Element{birth}, policy.AgeUnknown},
	} {
		t.Run(name, func(t *testing.T) {
			if got := policy.ReadAge(tc.elements, doctype.NameSpaceISO, 20); got != tc.want {
				t.Errorf("reads as %d, want %d", got, tc.want)
			}
		})
	}
}

func TestProfileValidate(t *testing.T) {
	if err := policy.AgeTill(20, true).Validate(); err != nil {
		t.Fatal(err)
	}
	if err := policy.AgeTill(20, false).Validate(); err != nil {
		t.Fatal(err)
	}
	elsewhere := policy.ElementRef{NameSpace: "x", Identifier: "y"}
	for name, change := range map[string]func(*policy.Profile){
		"no document type":      func(p *policy.Profile) { p.DocType = "" },
		"three ages":            func(p *policy.Profile) { p.Ages = []int{18, 20, 65} },
		"one age twice":         func(p *policy.Profile) { p.Ages = []int{20, 20} },
		"age -1":                func(p *policy.Profile) { p.Ages = []int{-1} },
		"age 100":               func(p *policy.Profile) { p.Ages = []int{100} },
		"age without namespace": func(p *policy.Profile) { p.AgeNameSpace = "" },
		"nothing asked":         func(p *policy.Profile) { p.Ages = nil },
		"the individual number": func(p *policy.Profile) {
			p.Elements = []policy.ElementRef{{doctype.NameSpaceJP, doctype.IndividualNumber}}
		},
		"age among the elements":  func(p *policy.Profile) { p.Elements = []policy.ElementRef{{doctype.NameSpaceISO, "age_over_18"}} },
		"element without name":    func(p *policy.Profile) { p.Elements = []policy.ElementRef{{doctype.NameSpaceISO, ""}} },
		"element of no namespace": func(p *policy.Profile) { p.Elements = []policy.ElementRef{{"", "x"}} },
		"portrait not asked for":  func(p *policy.Profile) { p.Portrait = &elsewhere },
		"too many": func(p *policy.Profile) {
			for i := range 9 {
				p.Elements = append(p.Elements, policy.ElementRef{NameSpace: "x", Identifier: fmt.Sprint(i)})
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			p := policy.AgeTill(20, false)
			change(&p)
			if err := p.Validate(); err == nil {
				t.Error("accepted")
			}
		})
	}
}

func TestEvaluate(t *testing.T) {
	foreign := document(age(20, true))
	foreign[0].DocType = "org.iso.18013.5.1.mDL"
	birth := mdoc.Element{NameSpace: doctype.NameSpaceISO, Identifier: "birth_date", Value: []byte{0xf6}}
	for name, tc := range map[string]struct {
		profile   policy.Profile
		documents []mdoc.VerifiedDocument
		decision  policy.Decision
		code      policy.Code
		detail    string
	}{
		"old enough":                 {policy.AgeTill(20, false), document(age(20, true)), policy.Accepted, policy.CodeAccepted, ""},
		"nearest answer":             {policy.AgeTill(20, false), document(age(21, true)), policy.Accepted, policy.CodeAccepted, ""},
		"nineteen":                   {policy.AgeTill(20, false), document(age(20, false)), policy.Refused, policy.CodeUnderAge, "age_over_20 = false"},
		"sixteen by nearest answer":  {policy.AgeTill(20, false), document(age(18, false)), policy.Refused, policy.CodeUnderAge, "age_over_20 = false"},
		"answer about another age":   {policy.AgeTill(20, false), document(age(18, true)), policy.NotConfirmed, policy.CodeAgeNotShown, ""},
		"birth date in place":        {policy.AgeTill(20, false), document(birth), policy.Refused, policy.CodeUnaskedData, ""},
		"birth date besides":         {policy.AgeTill(20, false), document(age(20, true), birth), policy.Refused, policy.CodeUnaskedData, ""},
		"more ages than asked":       {policy.AgeTill(20, false), document(age(20, true), age(65, false)), policy.Refused, policy.CodeUnaskedData, ""},
		"with portrait":              {policy.AgeTill(20, true), document(age(20, true), portrait()), policy.Accepted, policy.CodeAccepted, ""},
		"portrait missing":           {policy.AgeTill(20, true), document(age(20, true)), policy.NotConfirmed, policy.CodeElementMissing, ""},
		"portrait not asked for":     {policy.AgeTill(20, false), document(age(20, true), portrait()), policy.Refused, policy.CodeUnaskedData, ""},
		"nothing shown":              {policy.AgeTill(20, false), nil, policy.NotConfirmed, policy.CodeNoDocument, ""},
		"another type":               {policy.AgeTill(20, false), foreign, policy.Refused, policy.CodeWrongDocument, ""},
		"two documents":              {policy.AgeTill(20, false), append(document(age(20, true)), document(age(20, true))...), policy.Refused, policy.CodeWrongDocument, ""},
		"contradiction is a refusal": {policy.AgeTill(20, false), document(age(18, false), age(21, true)), policy.Refused, policy.CodeUnderAge, ""},
	} {
		t.Run(name, func(t *testing.T) {
			v := tc.profile.Evaluate(tc.documents)
			decision, reasons := policy.Decide(v)
			if decision != tc.decision {
				t.Errorf("decision %s, want %s: %s", decision, tc.decision, v)
			}
			r, ok := find(reasons, tc.code)
			if !ok {
				t.Fatalf("reasons %+v, want %s among them", reasons, tc.code)
			}
			if tc.detail != "" && r.Detail != tc.detail {
				t.Errorf("detail %q, want %q", r.Detail, tc.detail)
			}
			if r.Japanese == "" || r.English == "" {
				t.Error("a reason without words")
			}
		})
	}
}

func find(reasons []policy.Reason, code policy.Code) (policy.Reason, bool) {
	for _, r := range reasons {
		if r.Code == code {
			return r, true
		}
	}
	return policy.Reason{}, false
}

func TestDecide(t *testing.T) {
	good := verdict.Check{ID: "mso.digest", Outcome: verdict.Pass}
	fail := func(id string) verdict.Check { return verdict.Check{ID: id, Outcome: verdict.Fail, Measured: "m"} }
	notRun := func(id string) verdict.Check { return verdict.Check{ID: id, Outcome: verdict.NotRun, Measured: "m"} }
	for name, tc := range map[string]struct {
		checks   []verdict.Check
		decision policy.Decision
		codes    string
	}{
		"nothing was checked":          {nil, policy.NotConfirmed, "check_not_performed"},
		"every check passed":           {[]verdict.Check{good}, policy.Accepted, "accepted"},
		"revoked":                      {[]verdict.Check{good, fail("status.list")}, policy.Refused, "revoked"},
		"status unknown":               {[]verdict.Check{good, notRun("status.list")}, policy.NotConfirmed, "status_unknown"},
		"signer revoked":               {[]verdict.Check{fail("issuer_auth.revocation"), notRun("status.list")}, policy.Refused, "issuer_not_trusted"},
		"signer's revocation unknown":  {[]verdict.Check{notRun("issuer_auth.revocation"), notRun("status.list")}, policy.NotConfirmed, "status_unknown"},
		"untrusted":                    {[]verdict.Check{fail("chain.path"), notRun("status.list")}, policy.Refused, "issuer_not_trusted"},
		"expired and revoked":          {[]verdict.Check{fail("mso.validity.window"), fail("status.list")}, policy.Refused, "outside_validity revoked"},
		"one code once":                {[]verdict.Check{fail("mso.digest"), fail("mso.random")}, policy.Refused, "not_genuine"},
		"device proof":                 {[]verdict.Check{fail("device_auth.proof")}, policy.Refused, "holder_not_proved"},
		"declined":                     {[]verdict.Check{fail("response.documents"), notRun("policy.document")}, policy.NotConfirmed, "no_document"},
		"nothing shown":                {[]verdict.Check{notRun("status.list"), notRun("policy.document")}, policy.NotConfirmed, "no_document"},
		"two that are not known":       {[]verdict.Check{notRun("status.list"), notRun("policy.age_over_20")}, policy.NotConfirmed, "status_unknown age_not_shown"},
		"altered message":              {[]verdict.Check{fail("session.message")}, policy.NotConfirmed, "session_failed"},
		"a check nobody knows failed":  {[]verdict.Check{fail("new.check")}, policy.Refused, "check_not_passed"},
		"a check nobody knows not run": {[]verdict.Check{notRun("new.check")}, policy.NotConfirmed, "check_not_performed"},
	} {
		t.Run(name, func(t *testing.T) {
			decision, reasons := policy.Decide(verdict.Verdict{Checks: tc.checks})
			var codes []string
			for _, r := range reasons {
				codes = append(codes, string(r.Code))
			}
			if got := strings.Join(codes, " "); decision != tc.decision || got != tc.codes {
				t.Errorf("%s because of %q, want %s because of %q", decision, got, tc.decision, tc.codes)
			}
		})
	}
}

func TestCustomerDisplayTellsOnlyYesOrNot(t *testing.T) {
	if policy.CustomerWording(policy.Refused) != policy.CustomerWording(policy.NotConfirmed) {
		t.Error("the customer's display tells refusal from not confirmed")
	}
	if policy.CustomerWording(policy.Accepted) == policy.CustomerWording(policy.Refused) {
		t.Error("the customer's display does not tell yes from no")
	}
}
