package mdoc_test

import (
	"crypto/rand"
	"crypto/x509"
	"slices"
	"strings"
	"testing"

	"mobileid/mdoc"
	"mobileid/mdoc/cose"
	"mobileid/mdoc/holder"
	"mobileid/mdoc/mdoctest/world"
	"mobileid/mdoc/pki"
	"mobileid/mdoc/verdict"
)

// TestCountryAndState compares what the document says of its issuer with the signer's certificate, with and without a state there.
func TestCountryAndState(t *testing.T) {
	const country, state = "mso.issuing_country", "mso.issuing_jurisdiction"
	for _, c := range []struct {
		name, namespace, signerState string
		values                       string // country and jurisdiction
		want                         []string
	}{
		{"equal", licenceNS, "JP-13", "JP JP-13", nil},
		{"another country", licenceNS, "", "US -", []string{country}},
		{"another state", licenceNS, "JP-13", "JP JP-14", []string{state}},
		{"a state that the certificate does not have", licenceNS, "", "JP JP-14", nil},
		{"three letters in an mDL", licenceNS, "", "JPN -", []string{country}},
		{"three letters elsewhere", world.NameSpace, "", "JPN -", []string{country}}, // not run
		{"another country elsewhere", world.NameSpace, "", "US -", []string{country}},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := world.New(t)
			if c.signerState != "" {
				from := w.Now.AddDate(0, -1, 0)
				signer := w.Certificate(t, pki.Template{Profile: pki.DocumentSigner, Country: "JP", State: c.signerState, CommonName: "TEST state signer",
					NotBefore: from, NotAfter: from.AddDate(0, 0, 450), IssuerAltURI: "https://issuer.example", CRLURI: "https://issuer.example/crl"},
					w.SignerKey.Public(), w.IACA, w.IACAKey)
				w.SignerChain = [][]byte{signer.Raw}
			}
			values := strings.Fields(c.values)
			d := w.Draft(t)
			d.Elements = append(d.Elements, mdoc.Element{NameSpace: c.namespace, Identifier: "issuing_country", Value: world.Encode(t, values[0])},
				mdoc.Element{NameSpace: c.namespace, Identifier: "issuing_jurisdiction", Value: world.Encode(t, values[1])})
			in := w.Answer(t, w.Holder(t, w.Issue(t, d), holder.BySignature), w.Meet(t),
				world.Items(c.namespace, "issuing_country", c.namespace, "issuing_jurisdiction"))
			r, err := mdoc.Verify(in)
			if err != nil {
				t.Fatal(err)
			}
			if got := notPassed(r); !slices.Equal(withoutStatus(got), c.want) {
				t.Errorf("not passed: %v, want %v", got, c.want)
			}
			due := verdict.Fail
			if c.name == "three letters elsewhere" {
				due = verdict.NotRun
			}
			if o, _ := r.Outcome(country); slices.Contains(c.want, country) && o != due {
				t.Errorf("%s is %s, want %s", country, o, due)
			}
		})
	}
}

// withoutStatus takes off the check that follows from a document which is not proved.
func withoutStatus(ids []string) []string {
	return slices.DeleteFunc(slices.Clone(ids), func(id string) bool { return id == "status.list" })
}

// TestCountrySignedByTheDevice: what the device says of its issuer is compared like what the issuer says.
func TestCountrySignedByTheDevice(t *testing.T) {
	s := newScene(t, holder.BySignature)
	for identifier, id := range map[string]string{"issuing_country": "mso.issuing_country", "issuing_jurisdiction": ""} {
		s.deviceSigns(world.NameSpace, identifier) // the value true
		r := s.verify()
		if o, listed := r.Outcome("mso." + identifier); listed != (id != "") || listed && o != verdict.Fail {
			t.Errorf("%s is %q", identifier, o)
		}
	}
}

// TestStateThatIsNoText: an empty name in the certificate does not stand for a value that is no text.
func TestStateThatIsNoText(t *testing.T) {
	w := world.New(t)
	signer, err := x509.ParseCertificate(w.SignerChain[0])
	if err != nil {
		t.Fatal(err)
	}
	signer.RawSubject, signer.Subject.Province, signer.ExtraExtensions = nil, []string{""}, signer.Extensions
	der, err := x509.CreateCertificate(rand.Reader, signer, w.IACA, w.SignerKey.Public(), w.IACAKey)
	if err != nil {
		t.Fatal(err)
	}
	d := w.Draft(t)
	d.Elements = append(d.Elements, mdoc.Element{NameSpace: licenceNS, Identifier: "issuing_jurisdiction", Value: []byte{1}})
	in := w.Answer(t, w.Holder(t, w.Issue(t, d), holder.BySignature), w.Meet(t), world.Items(licenceNS, "issuing_jurisdiction"))
	answer, err := mdoc.ParseDeviceResponse(in.Response)
	if err != nil {
		t.Fatal(err)
	}
	issued := &answer.Documents[0].IssuerSigned
	signed, err := cose.NewSign1(w.SignerKey, cose.Headers{X5Chain: [][]byte{der}}, mustSign1(t, issued.IssuerAuth).Payload())
	if err != nil {
		t.Fatal(err)
	}
	issued.IssuerAuth = signed.Bytes()
	in.Response = world.Encode(t, *answer)
	r, err := mdoc.Verify(in)
	if err != nil {
		t.Fatal(err)
	}
	if got, _ := r.Outcome("mso.issuing_jurisdiction"); got != verdict.Fail {
		t.Errorf("a number passes for an empty name: %q: %s", got, r.Verdict)
	}
}

// TestCountryWithoutACertificate: a comparison that cannot be made is listed.
func TestCountryWithoutACertificate(t *testing.T) {
	w := world.New(t)
	d := w.Draft(t)
	d.Elements = append(d.Elements, mdoc.Element{NameSpace: world.NameSpace, Identifier: "issuing_country", Value: world.Encode(t, "JP")},
		mdoc.Element{NameSpace: world.NameSpace, Identifier: "issuing_jurisdiction", Value: world.Encode(t, "JP-13")})
	in := w.Answer(t, w.Holder(t, w.Issue(t, d), holder.BySignature), w.Meet(t), world.Items(world.NameSpace, "issuing_country", world.NameSpace, "issuing_jurisdiction"))
	answer, err := mdoc.ParseDeviceResponse(in.Response)
	if err != nil {
		t.Fatal(err)
	}
	issued := &answer.Documents[0].IssuerSigned
	payload := mustSign1(t, issued.IssuerAuth).Payload()
	broken, err := cose.NewSign1(w.SignerKey, cose.Headers{X5Chain: [][]byte{{0x30, 0x00}}}, payload)
	if err != nil {
		t.Fatal(err)
	}
	issued.IssuerAuth = broken.Bytes()
	in.Response = world.Encode(t, *answer)
	r, err := mdoc.Verify(in)
	for _, id := range []string{"mso.issuing_country", "mso.issuing_jurisdiction"} {
		if o, _ := r.Outcome(id); err != nil || o != verdict.NotRun {
			t.Errorf("%s is %q: %v", id, o, err)
		}
	}
}

// TestStatusQueryNamesItsList: what a source is asked, for both kinds of list and with a trust point.
func TestStatusQueryNamesItsList(t *testing.T) {
	var asked []mdoc.StatusQuery
	s := newScene(t, holder.BySignature)
	list := mdoc.StatusListRef{Index: 7, URI: "https://issuer.example/a", Certificate: []byte{1}}
	identifier := mdoc.IdentifierListRef{ID: []byte{9}, URI: "https://issuer.example/b", Certificate: []byte{2}}
	s.resign(func(m *mdoc.MobileSecurityObject) {
		m.Status = &mdoc.Status{StatusList: &list, IdentifierList: &identifier}
	})
	s.in.Status = sourceFunc(func(q mdoc.StatusQuery) mdoc.StatusAnswer {
		asked = append(asked, q)
		return mdoc.StatusAnswer{Outcome: verdict.Pass}
	})
	if r := s.verify(); !r.OK() || len(asked) != 2 {
		t.Fatalf("asked %d times: %s", len(asked), r.Verdict)
	}
	for i, want := range []struct {
		uri   string
		point byte
	}{{list.URI, 1}, {identifier.URI, 2}} {
		q := asked[i]
		if q.URI() != want.uri || !slices.Equal(q.TrustPoint(), []byte{want.point}) || !q.Anchor.Equal(s.IACA) || !q.At.Equal(s.Now) || (q.List == nil) == (q.Identifier == nil) {
			t.Errorf("question %d: %s, trust point %x", i, q.URI(), q.TrustPoint())
		}
	}
	if q := (mdoc.StatusQuery{}); q.URI() != "" || q.TrustPoint() != nil {
		t.Error("an empty question names a list")
	}
}

type sourceFunc func(mdoc.StatusQuery) mdoc.StatusAnswer

// Status implements mdoc.StatusSource.
func (f sourceFunc) Status(q mdoc.StatusQuery) mdoc.StatusAnswer { return f(q) }

// TestSelect: an element asked for in several ways is selected once, kept if one of them keeps it, and shown as asked for itself.
func TestSelect(t *testing.T) {
	ask := items(licence, alternative("resident_postal_code", []string{"resident_city", "age_over_20"}), licenceNS, "resident_postal_code", licenceNS, "resident_city",
		licenceNS, "age_over_21", licenceNS, "portrait", world.NameSpace, "resident_postal_code")
	ask.NameSpaces[0].Value[1].Value = true
	got := ask.Select(shelf{"resident_city", "age_over_21"})
	want := []mdoc.Selected{
		{NameSpace: licenceNS, Asked: "resident_city", Identifier: "resident_city", Retain: true},
		{NameSpace: licenceNS, Asked: "age_over_21", Identifier: "age_over_21"},
	}
	if !slices.Equal(got.Elements, want) || !slices.Equal(got.Missing, []mdoc.ElementRef{{NameSpace: licenceNS, Identifier: "portrait"},
		{NameSpace: world.NameSpace, Identifier: "resident_postal_code"}}) { // the alternative is for the other namespace's
		t.Errorf("selected %+v, missing %+v", got.Elements, got.Missing)
	}
	if !got.Has(licenceNS, "resident_city") || got.Has(licenceNS, "portrait") || got.Has(world.NameSpace, "resident_city") {
		t.Error("Has does not tell what was selected")
	}
}

// shelf is a stock of elements in one namespace; every age on it is true.
type shelf []string

// Has implements mdoc.Stock.
func (s shelf) Has(namespace, identifier string) bool {
	return namespace == licenceNS && slices.Contains(s, identifier)
}

// Ages implements mdoc.Stock.
func (s shelf) Ages(string) map[int]bool {
	out := map[int]bool{}
	for _, e := range s {
		if nn, ok := mdoc.AgeOver(e); ok {
			out[nn] = true
		}
	}
	return out
}
