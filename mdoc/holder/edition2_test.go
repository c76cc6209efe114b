package holder_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"

	"mobileid/mdoc"
	"mobileid/mdoc/cbor"
	"mobileid/mdoc/cose"
	"mobileid/mdoc/holder"
	"mobileid/mdoc/mdoctest"
	"mobileid/mdoc/mdoctest/world"
	"mobileid/mdoc/pki"
	"mobileid/mdoc/verdict"
)

const (
	licence   = "org.iso.18013.5.1.mDL"
	licenceNS = "org.iso.18013.5.1"
)

// items asks for elements of one namespace of a document, written with spaces between.
func items(docType, namespace, names string, info *mdoc.DocRequestInfo) mdoc.ItemsRequest {
	var pairs []string
	for name := range strings.FieldsSeq(names) {
		pairs = append(pairs, namespace, name)
	}
	i := world.Items(pairs...)
	i.DocType, i.RequestInfo = docType, info
	return i
}

// wallet holds the World's document and a driving licence without a postal code.
func wallet(t *testing.T, w *world.World) *holder.Holder {
	t.Helper()
	h := w.Holder(t, w.Issue(t, w.Draft(t)), holder.BySignature)
	d := w.Draft(t)
	d.DocType, d.Elements = licence, nil
	for _, name := range []string{"family_name", "given_name", "resident_city", "resident_state", "document_number"} {
		d.Elements = append(d.Elements, mdoc.Element{NameSpace: licenceNS, Identifier: name, Value: world.Encode(t, "x")})
	}
	for name, value := range map[string]bool{"age_over_18": true, "age_over_21": true, "age_over_65": false} {
		d.Elements = append(d.Elements, mdoc.Element{NameSpace: licenceNS, Identifier: name, Value: world.Encode(t, value)})
	}
	c, err := holder.NewCredential(w.Issue(t, d), world.SoftKey{Key: w.DeviceKey}, holder.BySignature)
	if err != nil {
		t.Fatal(err)
	}
	h.Credentials = append(h.Credentials, c)
	return h
}

// given lists what a response holds, as docType: identifiers.
func given(t *testing.T, in mdoc.Verification) []string {
	t.Helper()
	var out []string
	for _, d := range response(t, in).Documents {
		var ids []string
		for _, ns := range d.IssuerSigned.NameSpaces {
			for _, i := range ns.Value {
				ids = append(ids, i.Value.ElementIdentifier)
			}
		}
		for _, ns := range d.DeviceSigned.NameSpaces.Value {
			for _, e := range ns.Value {
				ids = append(ids, e.Key)
			}
		}
		slices.Sort(ids)
		out = append(out, d.DocType+": "+strings.Join(ids, " "))
	}
	return out
}

func instead(element string, written string) *mdoc.DocRequestInfo {
	a := mdoc.AlternativeDataElements{RequestedElement: mdoc.ElementRef{NameSpace: licenceNS, Identifier: element}}
	for set := range strings.SplitSeq(written, "/") {
		var refs []mdoc.ElementRef
		for name := range strings.FieldsSeq(set) {
			refs = append(refs, mdoc.ElementRef{NameSpace: licenceNS, Identifier: name})
		}
		a.AlternativeElementSets = append(a.AlternativeElementSets, refs)
	}
	return &mdoc.DocRequestInfo{AlternativeDataElements: []mdoc.AlternativeDataElements{a}}
}

// TestSecondEditionRequests: what the wallet answers, and that the reader's judgement of it is as said.
func TestSecondEditionRequests(t *testing.T) {
	const mnc = world.DocType
	full := items(licence, licenceNS, "family_name given_name", nil)
	lacking := items(licence, licenceNS, "family_name resident_postal_code", nil)
	japanese := items(mnc, world.NameSpace, "age_over_20", nil)
	unknown := items("org.iso.23220.photoid.1", "org.iso.23220.1", "family_name", nil)
	must := func(sets ...[]uint64) mdoc.UseCase { return mdoc.UseCase{Mandatory: true, DocumentSets: sets} }
	may := func(sets ...[]uint64) mdoc.UseCase { return mdoc.UseCase{DocumentSets: sets} }
	limited := func(n uint64) mdoc.ItemsRequest {
		return items(licence, licenceNS, "family_name", &mdoc.DocRequestInfo{MaximumResponseSize: &n})
	}
	cases := []struct {
		name string
		ask  []mdoc.ItemsRequest
		uses []mdoc.UseCase
		want []string
		ok   bool
	}{
		{"first document set", []mdoc.ItemsRequest{full, japanese}, []mdoc.UseCase{must([]uint64{0}, []uint64{1})}, []string{licence + ": family_name given_name"}, true},
		{"second document set", []mdoc.ItemsRequest{lacking, japanese}, []mdoc.UseCase{must([]uint64{0}, []uint64{1})}, []string{mnc + ": age_over_20"}, true},
		{"both of one set", []mdoc.ItemsRequest{full, japanese}, []mdoc.UseCase{must([]uint64{0, 1})},
			[]string{licence + ": family_name given_name", mnc + ": age_over_20"}, true},
		{"mandatory one unsatisfied", []mdoc.ItemsRequest{lacking, japanese}, []mdoc.UseCase{must([]uint64{0}), may([]uint64{1})}, nil, false},
		{"optional one unsatisfied", []mdoc.ItemsRequest{lacking, japanese}, []mdoc.UseCase{may([]uint64{0}), must([]uint64{1})}, []string{mnc + ": age_over_20"}, true},
		{"only optional ones, one satisfied", []mdoc.ItemsRequest{unknown, japanese}, []mdoc.UseCase{may([]uint64{0}), may([]uint64{1})}, []string{mnc + ": age_over_20"}, true},
		{"none satisfied", []mdoc.ItemsRequest{unknown, lacking}, []mdoc.UseCase{may([]uint64{0}), may([]uint64{1})}, nil, false},
		{"one document for two use cases", []mdoc.ItemsRequest{full}, []mdoc.UseCase{must([]uint64{0}), must([]uint64{0})}, []string{licence + ": family_name given_name"}, true},

		{"first alternative", []mdoc.ItemsRequest{items(licence, licenceNS, "resident_postal_code", instead("resident_postal_code", "resident_city resident_state / document_number"))},
			nil, []string{licence + ": resident_city resident_state"}, true},
		{"second alternative", []mdoc.ItemsRequest{items(licence, licenceNS, "resident_postal_code", instead("resident_postal_code", "resident_city resident_address / document_number"))},
			nil, []string{licence + ": document_number"}, true},
		{"the element itself before its alternatives", []mdoc.ItemsRequest{items(licence, licenceNS, "family_name", instead("family_name", "document_number"))},
			nil, []string{licence + ": family_name"}, true},
		{"an age as an alternative", []mdoc.ItemsRequest{items(licence, licenceNS, "age_in_years", instead("age_in_years", "age_over_20"))},
			nil, []string{licence + ": age_over_21"}, true},
		{"an alternative makes a document complete", []mdoc.ItemsRequest{items(licence, licenceNS, "resident_postal_code", instead("resident_postal_code", "resident_city"))},
			[]mdoc.UseCase{must([]uint64{0})}, []string{licence + ": resident_city"}, true},
		{"no alternative fits", []mdoc.ItemsRequest{items(licence, licenceNS, "resident_postal_code", instead("resident_postal_code", "resident_address"))}, nil, nil, false},

		{"same document type twice", []mdoc.ItemsRequest{full, items(licence, licenceNS, "age_over_18", nil)}, nil,
			[]string{licence + ": family_name given_name", licence + ": age_over_18"}, true},
		{"another issuer wanted", []mdoc.ItemsRequest{items(licence, licenceNS, "family_name", &mdoc.DocRequestInfo{IssuerIdentifiers: [][]byte{{1}}})}, nil, nil, false},
		{"large enough", []mdoc.ItemsRequest{limited(1 << 16)}, nil, []string{licence + ": family_name"}, true},
		{"too large", []mdoc.ItemsRequest{limited(64)}, nil, nil, false},
		{"proof without disclosure wanted", []mdoc.ItemsRequest{items(licence, licenceNS, "family_name",
			&mdoc.DocRequestInfo{ZkRequest: &mdoc.ZkRequest{SystemSpecs: []mdoc.ZkSystemSpec{{ZkSystemID: "a", System: "b"}}, ZkRequired: true}})}, nil, nil, false},
		{"proof without disclosure welcome", []mdoc.ItemsRequest{items(licence, licenceNS, "family_name",
			&mdoc.DocRequestInfo{ZkRequest: &mdoc.ZkRequest{SystemSpecs: []mdoc.ZkSystemSpec{{ZkSystemID: "a", System: "b"}}}})}, nil, []string{licence + ": family_name"}, true},
		{"encryption wanted", []mdoc.ItemsRequest{items(licence, licenceNS, "family_name",
			&mdoc.DocRequestInfo{DocResponseEncryption: cbor.AppendEmbedded(nil, []byte{0xa0})})}, nil, nil, false},
	}
	w := world.New(t)
	h := wallet(t, w)
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			m := w.Meet(t)
			in := w.AnswerTo(t, h, m, w.RequestOf(t, m.Reader.Transcript(), mdoc.RequestDraft{Items: c.ask, UseCases: c.uses, ReaderAuthAll: []mdoc.ReaderSigner{*w.Reader()}}))
			if got := given(t, in); !slices.Equal(got, c.want) {
				t.Errorf("answered %v, want %v", got, c.want)
			}
			if r := response(t, in); r.Status != mdoc.StatusOK || len(c.uses) > 0 && len(r.DocumentErrors) > 0 {
				t.Errorf("status %d, %d document errors", r.Status, len(r.DocumentErrors))
			}
			if r, err := mdoc.Verify(in); err != nil || r.OK() != c.ok {
				t.Errorf("accepted %v: %s, %v", r.OK(), r.Verdict, err)
			}
		})
	}
}

// TestConsentShowsEverything: one proposal for all documents, with reader, purposes, alternatives and retention.
func TestConsentShowsEverything(t *testing.T) {
	w := world.New(t)
	h := wallet(t, w)
	var shown []holder.Proposal
	h.Consent = func(_ context.Context, p holder.Proposal) ([]holder.Element, error) {
		shown = append(shown, p)
		return p.Elements, nil
	}
	ask := items(licence, licenceNS, "resident_postal_code age_over_20", instead("resident_postal_code", "resident_city"))
	ask.NameSpaces[0].Value[0].Value = true
	purposes := cbor.Map[string, int64]{{Key: mdoc.PurposeController, Value: mdoc.PurposeAgeVerification}}
	m := w.Meet(t)
	w.AnswerTo(t, h, m, w.RequestOf(t, m.Reader.Transcript(), mdoc.RequestDraft{
		Items:         []mdoc.ItemsRequest{items("org.example", "a", "b", nil), items(world.DocType, world.NameSpace, "age_over_20", nil), ask},
		UseCases:      []mdoc.UseCase{{DocumentSets: [][]uint64{{0}}}, {Mandatory: true, DocumentSets: [][]uint64{{2, 1}}, PurposeHints: purposes}},
		ReaderAuthAll: []mdoc.ReaderSigner{*w.Reader()},
	}))
	if len(shown) != 1 {
		t.Fatalf("asked %d times", len(shown))
	}
	p := shown[0]
	want := []holder.Element{
		{Document: 0, NameSpace: world.NameSpace, Asked: "age_over_20", Identifier: "age_over_20"},
		{Document: 1, NameSpace: licenceNS, Asked: "resident_city", Identifier: "resident_city", Retain: true,
			Instead: mdoc.ElementRef{NameSpace: licenceNS, Identifier: "resident_postal_code"}},
		{Document: 1, NameSpace: licenceNS, Asked: "age_over_20", Identifier: "age_over_21"},
	}
	if !slices.Equal(p.Elements, want) {
		t.Errorf("elements %+v", p.Elements)
	}
	if len(p.Documents) != 2 || p.Documents[0].DocType != world.DocType || p.Documents[1].DocType != licence || p.Documents[1].Reader.Name != "TEST till" {
		t.Errorf("documents %+v", p.Documents)
	}
	if p.Reader.Name != "TEST till" || !p.Reader.Verdict.OK() {
		t.Errorf("reader %q: %s", p.Reader.Name, p.Reader.Verdict)
	}
	if len(p.UseCases) != 1 || !p.UseCases[0].Mandatory || !slices.Equal(p.UseCases[0].Documents, []int{1, 0}) || !slices.Equal(p.UseCases[0].Purposes, purposes) {
		t.Errorf("use cases %+v", p.UseCases)
	}
}

// TestPartialConsent: what is left out takes its use case, and its alternative set, with it.
func TestPartialConsent(t *testing.T) {
	w := world.New(t)
	h := wallet(t, w)
	refuse := func(names string) holder.Consent {
		return func(_ context.Context, p holder.Proposal) ([]holder.Element, error) {
			return slices.DeleteFunc(slices.Clone(p.Elements), func(e holder.Element) bool { return slices.Contains(strings.Fields(names), e.Identifier) }), nil
		}
	}
	name, age := items(licence, licenceNS, "family_name given_name", nil), items(world.DocType, world.NameSpace, "age_over_20", nil)
	for _, c := range []struct {
		name, refused string
		draft         mdoc.RequestDraft
		want          []string
	}{
		{"mandatory", "given_name", mdoc.RequestDraft{Items: []mdoc.ItemsRequest{name, age}, UseCases: []mdoc.UseCase{
			{Mandatory: true, DocumentSets: [][]uint64{{0}}}, {DocumentSets: [][]uint64{{1}}}}}, nil},
		{"optional", "given_name", mdoc.RequestDraft{Items: []mdoc.ItemsRequest{name, age}, UseCases: []mdoc.UseCase{
			{DocumentSets: [][]uint64{{0}}}, {Mandatory: true, DocumentSets: [][]uint64{{1}}}}}, []string{world.DocType + ": age_over_20"}},
		{"no use cases", "given_name", mdoc.RequestDraft{Items: []mdoc.ItemsRequest{name}}, []string{licence + ": family_name"}},
		{"half an alternative", "resident_state", mdoc.RequestDraft{Items: []mdoc.ItemsRequest{items(licence, licenceNS, "family_name resident_postal_code",
			instead("resident_postal_code", "resident_city resident_state"))}}, []string{licence + ": family_name"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			h.Consent = refuse(c.refused)
			m := w.Meet(t)
			if got := given(t, w.AnswerTo(t, h, m, w.RequestOf(t, m.Reader.Transcript(), c.draft))); !slices.Equal(got, c.want) {
				t.Errorf("answered %v, want %v", got, c.want)
			}
		})
	}
	h.Consent = func(_ context.Context, p holder.Proposal) ([]holder.Element, error) {
		e := p.Elements[0]
		e.Document = 1
		return []holder.Element{e}, nil
	}
	m := w.Meet(t)
	request := w.Request(t, m.Reader.Transcript(), name)
	if _, err := h.Answer(t.Context(), request.Raw(), m.Reader.Transcript(), m.Reader.EReaderKey().PublicKey()); err == nil {
		t.Error("consent to a document that was not proposed was taken")
	}
}

// TestReadersOfARequest: whom the wallet names, by which of the signatures.
func TestReadersOfARequest(t *testing.T) {
	w, stranger := world.New(t), world.New(t)
	h := wallet(t, w)
	var seen holder.Proposal
	h.Consent = func(_ context.Context, p holder.Proposal) ([]holder.Element, error) { seen = p; return nil, nil }
	ask := []mdoc.ItemsRequest{items(licence, licenceNS, "family_name", nil), items(world.DocType, world.NameSpace, "age_over_20", nil)}
	one, other := *w.Reader(), *stranger.Reader()
	for _, c := range []struct {
		name  string
		draft mdoc.RequestDraft
		spoil func(*mdoc.DeviceRequest)
		want  string
		check string
	}{
		{"over each", mdoc.RequestDraft{ReaderAuth: &one}, nil, "TEST till", ""},
		{"over all", mdoc.RequestDraft{ReaderAuthAll: []mdoc.ReaderSigner{one}}, nil, "TEST till", ""},
		{"over all, the second is known", mdoc.RequestDraft{ReaderAuthAll: []mdoc.ReaderSigner{other, one}}, nil, "TEST till", ""},
		{"over all by a stranger, over each by one known", mdoc.RequestDraft{ReaderAuth: &one, ReaderAuthAll: []mdoc.ReaderSigner{other}}, nil, "TEST till", ""},
		{"over all by a stranger", mdoc.RequestDraft{ReaderAuthAll: []mdoc.ReaderSigner{other}}, nil, "", "chain.signature"},
		{"by nobody", mdoc.RequestDraft{}, nil, "", "reader_auth.present"},
		{"over one of two", mdoc.RequestDraft{ReaderAuth: &one}, func(r *mdoc.DeviceRequest) { r.DocRequests[1].ReaderAuth = nil }, "", "reader_auth.common"},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := w.Meet(t)
			c.draft.Items = ask
			r := w.RequestOf(t, m.Reader.Transcript(), c.draft)
			if c.spoil != nil {
				c.spoil(r)
			}
			if _, err := h.Answer(t.Context(), world.Encode(t, *r), m.Reader.Transcript(), m.Reader.EReaderKey().PublicKey()); err != nil {
				t.Fatal(err)
			}
			if seen.Reader.Name != c.want || seen.Reader.Verdict.OK() != (c.want != "") {
				t.Errorf("reader %q: %s", seen.Reader.Name, seen.Reader.Verdict)
			}
			if o, listed := seen.Reader.Verdict.Outcome(c.check); c.check != "" && (!listed || o == verdict.Pass) {
				t.Errorf("%s is %q: %s", c.check, o, seen.Reader.Verdict)
			}
		})
	}
}

// TestDeviceSignedElements: the device signs what the issuer lets it, also in a document without an element of the issuer.
func TestDeviceSignedElements(t *testing.T) {
	w := world.New(t)
	authorized := &mdoc.KeyAuthorizations{NameSpaces: []string{"example.all"}, DataElements: cbor.Map[string, []string]{{Key: "example.some", Value: []string{"till"}}}}
	with, without := w.Draft(t), w.Draft(t)
	with.KeyAuthorizations, without.KeyAuthorizations, without.Elements = authorized, authorized, nil
	for name, draft := range map[string]mdoc.Draft{"beside the issuer's": with, "alone": without} {
		for _, proof := range []holder.Proof{holder.BySignature, holder.ByMAC} {
			t.Run(name, func(t *testing.T) {
				issued := w.Issue(t, draft)
				s, err := mdoc.ParseIssuerSigned(issued)
				if err != nil {
					t.Fatal(err)
				}
				if v, err := s.CheckIssuerSigned(w.Anchors, w.Now); err != nil || !v.OK() {
					t.Fatalf("%s, %v", v, err)
				}
				mso, err := s.MSO()
				if err != nil || len(mso.ValueDigests) == 0 || len(mso.ValueDigests[0].Value[0].Value) != sha256.Size {
					t.Fatalf("no digest, or one of the wrong length: %v", err)
				}
				c, err := holder.NewCredential(issued, world.SoftKey{Key: w.DeviceKey}, proof)
				if err != nil {
					t.Fatal(err)
				}
				for _, e := range [][2]string{{"example.all", "age_over_50"}, {"example.some", "till"}, {"example.all", "other"}} {
					if err := c.SignElement(e[0], e[1], world.Encode(t, true)); err != nil {
						t.Fatal(err)
					}
				}
				if err := c.SignElement("example.some", "other", world.Encode(t, true)); !errors.Is(err, holder.ErrNotAuthorized) {
					t.Errorf("an element without authorization: %v", err)
				}
				if err := c.SignElement("example.some", "till", world.Encode(t, true)); err == nil {
					t.Error("an element twice")
				}
				if err := c.SignElement("example.all", "broken", []byte{0xff}); err == nil {
					t.Error("an element that is not CBOR")
				}
				h := w.Holder(t, issued, proof)
				h.Credentials = []*holder.Credential{c}
				ask := world.Items("example.all", "age_over_40", "example.some", "till")
				if got := answered(t, w.Answer(t, h, w.Meet(t), ask)); !slices.Equal(got, []string{"example.all/age_over_50", "example.some/till"}) {
					t.Errorf("answered %v", got)
				}
			})
		}
	}
}

// TestAgeOverVectors runs the 55 rows of Table D.1 through a wallet and through the reader's judgement.
func TestAgeOverVectors(t *testing.T) {
	var file struct {
		Cases []struct {
			Stored   map[string]bool `json:"stored"`
			Request  string          `json:"request"`
			Response map[string]bool `json:"response"`
		} `json:"cases"`
	}
	mdoctest.ReadJSON(t, "iso18013-5/age-over-nn.json", &file)
	if len(file.Cases) != 55 {
		t.Fatalf("%d cases, expected 55", len(file.Cases))
	}
	w := world.New(t)
	for i, c := range file.Cases {
		d := w.Draft(t)
		d.Elements = nil
		for _, id := range slices.Sorted(maps.Keys(c.Stored)) {
			d.Elements = append(d.Elements, mdoc.Element{NameSpace: licenceNS, Identifier: id, Value: world.Encode(t, c.Stored[id])})
		}
		m := w.Meet(t)
		h := w.Holder(t, w.Issue(t, d), holder.BySignature)
		in := w.AnswerTo(t, h, m, w.Request(t, m.Reader.Transcript(), items(world.DocType, licenceNS, c.Request, nil)))
		r, err := mdoc.Verify(in)
		if err != nil {
			t.Fatal(err)
		}
		got := map[string]bool{}
		for _, doc := range r.Documents {
			for _, e := range doc.Elements {
				var value bool
				if err := cbor.Unmarshal(e.Value, &value); err != nil {
					t.Fatal(err)
				}
				got[e.Identifier] = value
			}
		}
		if !maps.Equal(got, c.Response) || r.OK() != (len(c.Response) > 0) {
			t.Errorf("case %d: %s of %v is answered with %v, want %v: %s", i, c.Request, c.Stored, got, c.Response, r.Verdict)
		}
		// Any other attestation, sent alone, is an answer exactly when it proves something about the age asked for.
		asked, _ := mdoc.AgeOver(c.Request)
		for id, value := range c.Stored {
			other := w.AnswerTo(t, h, m, w.Request(t, m.Reader.Transcript(), items(world.DocType, licenceNS, id, nil)))
			other.Request = in.Request
			at, _ := mdoc.AgeOver(id)
			want := value && at >= asked || !value && at <= asked
			r, err := mdoc.Verify(other)
			if err != nil {
				t.Fatal(err)
			}
			if o, _ := r.Outcome("response.age_over"); r.OK() != want || (o == verdict.Pass) != want {
				t.Errorf("case %d: %s = %v as an answer to %s: response.age_over %s, accepted %v", i, id, value, c.Request, o, r.OK())
			}
		}
	}
}

// TestMacKeyOfAnotherCurve: a device key on P-384 makes its MAC with the reader's key of that curve.
func TestMacKeyOfAnotherCurve(t *testing.T) {
	w := world.New(t)
	device, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	further, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	w.DeviceKey = device
	key, err := cose.NewKey(further.Public())
	if err != nil {
		t.Fatal(err)
	}
	m := w.Meet(t)
	in := w.AnswerTo(t, w.Holder(t, w.Issue(t, w.Draft(t)), holder.ByMAC), m, w.RequestOf(t, m.Reader.Transcript(),
		mdoc.RequestDraft{Items: []mdoc.ItemsRequest{world.Items(world.NameSpace, "age_over_20")}, MacKeys: []cose.Key{key}}))
	private, err := further.ECDH()
	if err != nil {
		t.Fatal(err)
	}
	in.MacKeys = append(in.MacKeys, private)
	if r, err := mdoc.Verify(in); err != nil || !r.OK() {
		t.Errorf("refused: %v", err)
	}
}

// TestWhatIsLeftOutHasNoReason: documentErrors name each type once, with code 0.
func TestWhatIsLeftOutHasNoReason(t *testing.T) {
	w := world.New(t)
	ask := items("org.example", "a", "b", nil)
	r := response(t, w.Answer(t, wallet(t, w), w.Meet(t), ask, items(licence, licenceNS, "family_name", nil), ask))
	want := cbor.Map[string, int64]{{Key: "org.example", Value: mdoc.NotReturned}}
	if len(r.Documents) != 1 || len(r.DocumentErrors) != 1 || !slices.Equal(r.DocumentErrors[0], want) || len(r.Documents[0].Errors) != 0 {
		t.Errorf("%d documents, errors %v", len(r.Documents), r.DocumentErrors)
	}
}

// TestRevokedReaderOverTheWhole: a revoked certificate names nobody, and another signature over the whole still may.
func TestRevokedReaderOverTheWhole(t *testing.T) {
	w := world.New(t)
	key, from := world.Key(t), w.Now.AddDate(0, -1, 0)
	second := w.Certificate(t, pki.Template{Profile: pki.ReaderAuth, Country: "JP", CommonName: "TEST second till", NotBefore: from, NotAfter: from.AddDate(1, 0, 0),
		IssuerAltURI: "https://reader.example", CRLURI: "https://reader.example/crl"}, key.Public(), w.ReaderRoot, w.ReaderRootKey)
	revoked, err := x509.ParseCertificate(w.ReaderChain[0])
	if err != nil {
		t.Fatal(err)
	}
	w.Revoke(t, w.ReaderRoot, w.ReaderRootKey, 2, pki.Revocation{Serial: revoked.SerialNumber, Date: w.Now.AddDate(0, 0, -2)})
	h := wallet(t, w)
	var seen holder.Reader
	h.Consent = func(_ context.Context, p holder.Proposal) ([]holder.Element, error) { seen = p.Reader; return nil, nil }
	for want, signers := range map[string][]mdoc.ReaderSigner{
		"":                 {*w.Reader()},
		"TEST second till": {*w.Reader(), {Key: key, Chain: [][]byte{second.Raw}}},
	} {
		m := w.Meet(t)
		w.AnswerTo(t, h, m, w.RequestOf(t, m.Reader.Transcript(), mdoc.RequestDraft{
			Items: []mdoc.ItemsRequest{items(licence, licenceNS, "family_name", nil)}, ReaderAuthAll: signers}))
		if seen.Name != want || seen.Verdict.OK() != (want != "") {
			t.Errorf("reader %q, want %q: %s", seen.Name, want, seen.Verdict)
		}
		if o, _ := seen.Verdict.Outcome("reader_auth.revocation"); want == "" && o != verdict.Fail {
			t.Errorf("reader_auth.revocation is %q", o)
		}
	}
}
