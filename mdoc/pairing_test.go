package mdoc_test

import (
	"crypto/ecdh"
	"crypto/rand"
	"crypto/x509"
	"encoding/binary"
	"slices"
	"strings"
	"testing"
	"time"

	"mobileid/mdoc"
	"mobileid/mdoc/cbor"
	"mobileid/mdoc/cose"
	"mobileid/mdoc/encryption"
	"mobileid/mdoc/holder"
	"mobileid/mdoc/mdoctest/world"
	"mobileid/mdoc/pki"
	"mobileid/mdoc/transcript"
	"mobileid/mdoc/verdict"
)

const (
	licence   = "org.iso.18013.5.1.mDL"
	licenceNS = "org.iso.18013.5.1"
)

// items asks for elements of a document, given as namespace and identifier in turn.
func items(docType string, info *mdoc.DocRequestInfo, names ...string) mdoc.ItemsRequest {
	i := world.Items(names...)
	i.DocType, i.RequestInfo = docType, info
	return i
}

// licenceDraft is a driving licence beside the World's document.
func licenceDraft(t testing.TB, w *world.World) mdoc.Draft {
	d := w.Draft(t)
	d.DocType = licence
	d.Elements = nil
	for identifier, value := range map[string]any{"family_name": "Test", "given_name": "Hanako", "age_over_18": true, "age_over_21": true,
		"age_over_65": false, "resident_city": "Tokyo", "resident_state": "Tokyo", "issuing_country": "JP", "document_number": "1"} {
		d.Elements = append(d.Elements, mdoc.Element{NameSpace: licenceNS, Identifier: identifier, Value: world.Encode(t, value)})
	}
	return d
}

// pairScene is a request with a wallet that gives documents of any shape over its session.
type pairScene struct {
	*world.World
	t       testing.TB
	meeting world.Meeting
	wallet  *holder.Holder
	in      mdoc.Verification
}

func newPairScene(t testing.TB, draft mdoc.RequestDraft) *pairScene {
	t.Helper()
	w := world.New(t)
	s := &pairScene{World: w, t: t, meeting: w.Meet(t), wallet: w.Holder(t, w.Issue(t, w.Draft(t)), holder.BySignature)}
	c, err := holder.NewCredential(w.Issue(t, licenceDraft(t, w)), world.SoftKey{Key: w.DeviceKey}, holder.BySignature)
	if err != nil {
		t.Fatal(err)
	}
	s.wallet.Credentials = append(s.wallet.Credentials, c)
	s.in = mdoc.Verification{Transcript: s.meeting.Reader.Transcript(), EReaderKey: s.meeting.Reader.EReaderKey(), Anchors: w.Anchors, Revocation: w.Revocation,
		Status: world.Status{Outcome: verdict.Pass, Measured: "valid"}, At: w.Now}
	s.in.Request = w.RequestOf(t, s.in.Transcript, draft)
	return s
}

// document has the wallet disclose exactly these elements, over the scene's session.
func (s *pairScene) document(docType string, names ...string) mdoc.Document {
	s.t.Helper()
	request := s.RequestOf(s.t, s.in.Transcript, mdoc.RequestDraft{Items: []mdoc.ItemsRequest{items(docType, nil, names...)}})
	raw, err := s.wallet.Answer(s.t.Context(), request.Raw(), s.in.Transcript, s.in.EReaderKey.PublicKey())
	if err != nil {
		s.t.Fatal(err)
	}
	r, err := mdoc.ParseDeviceResponse(raw)
	if err != nil || len(r.Documents) != 1 {
		s.t.Fatalf("%d documents: %v", len(r.Documents), err)
	}
	return r.Documents[0]
}

func (s *pairScene) verify(response mdoc.DeviceResponse) *mdoc.Result {
	s.t.Helper()
	response.Version = "1.0"
	s.in.Response = world.Encode(s.t, response)
	r, err := mdoc.Verify(s.in)
	if err != nil {
		s.t.Fatal(err)
	}
	return r
}

func notPassed(r *mdoc.Result) []string {
	var out []string
	for _, c := range r.Checks {
		if c.Outcome != verdict.Pass && !slices.Contains(out, c.ID) {
			out = append(out, c.ID)
		}
	}
	slices.Sort(out)
	return out
}

func ptr[T any](v T) *T { return &v }

func alternative(element string, sets ...[]string) *mdoc.DocRequestInfo {
	a := mdoc.AlternativeDataElements{RequestedElement: mdoc.ElementRef{NameSpace: licenceNS, Identifier: element}}
	for _, set := range sets {
		var refs []mdoc.ElementRef
		for _, identifier := range set {
			refs = append(refs, mdoc.ElementRef{NameSpace: licenceNS, Identifier: identifier})
		}
		a.AlternativeElementSets = append(a.AlternativeElementSets, refs)
	}
	return &mdoc.DocRequestInfo{AlternativeDataElements: []mdoc.AlternativeDataElements{a}}
}

// TestPairing gives answers of every shape to requests of every shape and names the only checks that may not pass.
func TestPairing(t *testing.T) {
	const mnc = world.DocType
	age := func(info *mdoc.DocRequestInfo) mdoc.ItemsRequest {
		return items(licence, info, licenceNS, "age_over_18")
	}
	name := items(licence, nil, licenceNS, "family_name")
	both := items(licence, nil, licenceNS, "family_name", licenceNS, "age_over_18")
	japanese := items(mnc, nil, world.NameSpace, "age_over_20")
	address := func(info *mdoc.DocRequestInfo) mdoc.ItemsRequest {
		return items(licence, info, licenceNS, "resident_postal_code")
	}
	useCases := func(u ...mdoc.UseCase) []mdoc.UseCase { return u }
	must := func(sets ...[]uint64) mdoc.UseCase { return mdoc.UseCase{Mandatory: true, DocumentSets: sets} }
	may := func(sets ...[]uint64) mdoc.UseCase { return mdoc.UseCase{DocumentSets: sets} }
	type get = func(docType string, names ...string) mdoc.Document
	cases := []struct {
		name  string
		ask   []mdoc.ItemsRequest
		uses  []mdoc.UseCase
		give  func(get get) []mdoc.Document
		want  []string
		place []int // of the requests that the documents are paired with
	}{
		{name: "two documents", ask: []mdoc.ItemsRequest{name, japanese}, place: []int{1, 0}, give: func(get get) []mdoc.Document {
			return []mdoc.Document{get(mnc, world.NameSpace, "age_over_20"), get(licence, licenceNS, "family_name")}
		}},
		{name: "one document type asked for twice", ask: []mdoc.ItemsRequest{both, name}, place: []int{1, 0}, give: func(get get) []mdoc.Document {
			return []mdoc.Document{get(licence, licenceNS, "family_name"), get(licence, licenceNS, "family_name", licenceNS, "age_over_18")}
		}},
		{name: "the one that fits both gives way", ask: []mdoc.ItemsRequest{age(nil), items(licence, alternative("document_number", []string{"age_over_18"}),
			licenceNS, "document_number")}, place: []int{0, 1}, give: func(get get) []mdoc.Document {
			return []mdoc.Document{get(licence, licenceNS, "age_over_18"), get(licence, licenceNS, "document_number")}
		}},
		{name: "asked for twice, answered once", ask: []mdoc.ItemsRequest{both, name}, want: []string{"response.documents"}, place: []int{1},
			give: func(get get) []mdoc.Document { return []mdoc.Document{get(licence, licenceNS, "family_name")} }},
		{name: "incomplete answer under the 2021 edition", ask: []mdoc.ItemsRequest{both}, place: []int{0},
			give: func(get get) []mdoc.Document { return []mdoc.Document{get(licence, licenceNS, "family_name")} }},

		{name: "unique, one", ask: []mdoc.ItemsRequest{age(&mdoc.DocRequestInfo{UniqueDocSetRequired: ptr(true)})}, place: []int{0},
			give: func(get get) []mdoc.Document { return []mdoc.Document{get(licence, licenceNS, "age_over_18")} }},
		{name: "unique, two", ask: []mdoc.ItemsRequest{age(&mdoc.DocRequestInfo{UniqueDocSetRequired: ptr(true)})}, place: []int{0, 0},
			want: []string{"response.unique_document"}, give: func(get get) []mdoc.Document {
				return []mdoc.Document{get(licence, licenceNS, "age_over_18"), get(licence, licenceNS, "age_over_18")}
			}},
		{name: "several welcome", ask: []mdoc.ItemsRequest{age(&mdoc.DocRequestInfo{UniqueDocSetRequired: ptr(false)})}, place: []int{0, 0},
			give: func(get get) []mdoc.Document {
				return []mdoc.Document{get(licence, licenceNS, "age_over_18"), get(licence, licenceNS, "age_over_18")}
			}},

		{name: "first alternative", ask: []mdoc.ItemsRequest{address(alternative("resident_postal_code", []string{"resident_city", "resident_state"}, []string{"document_number"}))},
			place: []int{0}, give: func(get get) []mdoc.Document {
				return []mdoc.Document{get(licence, licenceNS, "resident_city", licenceNS, "resident_state")}
			}},
		{name: "second alternative", ask: []mdoc.ItemsRequest{address(alternative("resident_postal_code", []string{"resident_city", "resident_state"}, []string{"document_number"}))},
			place: []int{0}, give: func(get get) []mdoc.Document { return []mdoc.Document{get(licence, licenceNS, "document_number")} }},
		{name: "half an alternative", ask: []mdoc.ItemsRequest{address(alternative("resident_postal_code", []string{"resident_city", "resident_state"}))},
			want: []string{"response.requested"}, place: []int{0}, give: func(get get) []mdoc.Document {
				return []mdoc.Document{get(licence, licenceNS, "resident_city")}
			}},
		{name: "two alternatives at once", ask: []mdoc.ItemsRequest{address(alternative("resident_postal_code", []string{"resident_city"}, []string{"document_number"}))},
			want: []string{"response.requested"}, place: []int{0}, give: func(get get) []mdoc.Document {
				return []mdoc.Document{get(licence, licenceNS, "resident_city", licenceNS, "document_number")}
			}},
		{name: "alternative beside the element itself", ask: []mdoc.ItemsRequest{items(licence, alternative("family_name", []string{"document_number"}), licenceNS, "family_name")},
			want: []string{"response.requested"}, place: []int{0}, give: func(get get) []mdoc.Document {
				return []mdoc.Document{get(licence, licenceNS, "family_name", licenceNS, "document_number")}
			}},
		{name: "age as an alternative", ask: []mdoc.ItemsRequest{address(alternative("resident_postal_code", []string{"age_over_20"}))},
			place: []int{0}, give: func(get get) []mdoc.Document { return []mdoc.Document{get(licence, licenceNS, "age_over_21")} }},

		{name: "nearest true age", ask: []mdoc.ItemsRequest{items(licence, nil, licenceNS, "age_over_20")}, place: []int{0},
			give: func(get get) []mdoc.Document { return []mdoc.Document{get(licence, licenceNS, "age_over_21")} }},
		{name: "true below the age", ask: []mdoc.ItemsRequest{items(licence, nil, licenceNS, "age_over_20")}, want: []string{"response.age_over"}, place: []int{0},
			give: func(get get) []mdoc.Document { return []mdoc.Document{get(licence, licenceNS, "age_over_18")} }},
		{name: "false above the age", ask: []mdoc.ItemsRequest{items(licence, nil, licenceNS, "age_over_20")}, want: []string{"response.age_over"}, place: []int{0},
			give: func(get get) []mdoc.Document { return []mdoc.Document{get(licence, licenceNS, "age_over_65")} }},
		{name: "two answers to one age", ask: []mdoc.ItemsRequest{age(nil)}, want: []string{"response.age_over"}, place: []int{0},
			give: func(get get) []mdoc.Document {
				return []mdoc.Document{get(licence, licenceNS, "age_over_18", licenceNS, "age_over_21")}
			}},
		{name: "an age where none was asked for", ask: []mdoc.ItemsRequest{name}, want: []string{"response.requested"}, place: []int{0},
			give: func(get get) []mdoc.Document {
				return []mdoc.Document{get(licence, licenceNS, "family_name", licenceNS, "age_over_18")}
			}},

		{name: "mandatory use case", ask: []mdoc.ItemsRequest{both, japanese}, uses: useCases(must([]uint64{0}, []uint64{1})), place: []int{1},
			give: func(get get) []mdoc.Document { return []mdoc.Document{get(mnc, world.NameSpace, "age_over_20")} }},
		{name: "mandatory use case in part", ask: []mdoc.ItemsRequest{both, japanese}, uses: useCases(must([]uint64{0}, []uint64{1})), place: []int{0},
			want: []string{"response.document_sets", "response.use_cases"},
			give: func(get get) []mdoc.Document { return []mdoc.Document{get(licence, licenceNS, "family_name")} }},
		{name: "half a document set", ask: []mdoc.ItemsRequest{both, japanese}, uses: useCases(must([]uint64{0, 1})), place: []int{1},
			want: []string{"response.document_sets", "response.use_cases"},
			give: func(get get) []mdoc.Document { return []mdoc.Document{get(mnc, world.NameSpace, "age_over_20")} }},
		{name: "two sets of one use case", ask: []mdoc.ItemsRequest{name, japanese}, uses: useCases(must([]uint64{0}, []uint64{1})), place: []int{0, 1},
			want: []string{"response.document_sets"}, give: func(get get) []mdoc.Document {
				return []mdoc.Document{get(licence, licenceNS, "family_name"), get(mnc, world.NameSpace, "age_over_20")}
			}},
		{name: "two use cases share out two sets", ask: []mdoc.ItemsRequest{name, japanese}, uses: useCases(must([]uint64{0}, []uint64{1}), may([]uint64{1})),
			place: []int{0, 1}, give: func(get get) []mdoc.Document {
				return []mdoc.Document{get(licence, licenceNS, "family_name"), get(mnc, world.NameSpace, "age_over_20")}
			}},
		{name: "optional use case alone beside a mandatory one", ask: []mdoc.ItemsRequest{name, japanese}, uses: useCases(must([]uint64{0}), may([]uint64{1})),
			place: []int{1}, want: []string{"response.document_sets", "response.use_cases"},
			give: func(get get) []mdoc.Document { return []mdoc.Document{get(mnc, world.NameSpace, "age_over_20")} }},
		{name: "one of two optional use cases", ask: []mdoc.ItemsRequest{name, japanese}, uses: useCases(may([]uint64{0}), may([]uint64{1})),
			place: []int{1}, give: func(get get) []mdoc.Document { return []mdoc.Document{get(mnc, world.NameSpace, "age_over_20")} }},
		{name: "no use case", ask: []mdoc.ItemsRequest{name, japanese}, uses: useCases(may([]uint64{0}), may([]uint64{1})),
			want: []string{"response.document_sets", "response.use_cases"}, give: func(get) []mdoc.Document { return nil }},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			s := newPairScene(t, mdoc.RequestDraft{Items: c.ask, UseCases: c.uses})
			r := s.verify(mdoc.DeviceResponse{Documents: c.give(s.document)})
			var got []string
			for _, id := range notPassed(r) {
				if id != "status.list" { // nobody is asked about a document that was not proved
					got = append(got, id)
				}
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("not passed: %v, want %v", got, c.want)
			}
			if r.OK() != (len(c.want) == 0) {
				t.Errorf("accepted: %v", r.OK())
			}
			for _, f := range r.Checks {
				if f.ID == "response.use_cases" && f.Outcome == verdict.Pass && strings.HasPrefix(f.Measured, "0 ") {
					t.Errorf("passed with %s", f.Measured)
				}
			}
			for i, d := range r.Documents {
				if len(r.Documents) == len(c.place) && d.Request != c.place[i] {
					t.Errorf("document %d answers request %d, want %d", i, d.Request, c.place[i])
				}
			}
		})
	}
}

func TestVerifiedDocumentTellsWhetherItIsComplete(t *testing.T) {
	s := newPairScene(t, mdoc.RequestDraft{Items: []mdoc.ItemsRequest{items(licence, nil, licenceNS, "family_name", licenceNS, "given_name")}})
	for names, want := range map[string]bool{"family_name": false, "family_name given_name": true} {
		ask := []string{licenceNS, "family_name"}
		if want {
			ask = append(ask, licenceNS, "given_name")
		}
		r := s.verify(mdoc.DeviceResponse{Documents: []mdoc.Document{s.document(licence, ask...)}})
		if !r.OK() || r.Documents[0].Complete != want {
			t.Errorf("%s: complete is %v: %s", names, r.Documents[0].Complete, r.Verdict)
		}
	}
}

func TestIssuerIdentifiers(t *testing.T) {
	for _, c := range []struct {
		name string
		ids  func(w *world.World) [][]byte
		want []string
	}{
		{"the signer's authority", func(w *world.World) [][]byte { return [][]byte{{1, 2}, w.IACA.SubjectKeyId} }, nil},
		{"others", func(*world.World) [][]byte { return [][]byte{{1, 2}, {3}} }, []string{"response.issuer", "status.list"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			info := &mdoc.DocRequestInfo{IssuerIdentifiers: [][]byte{{0}}}
			s := newPairScene(t, mdoc.RequestDraft{Items: []mdoc.ItemsRequest{items(licence, info, licenceNS, "family_name")}})
			info.IssuerIdentifiers = c.ids(s.World)
			s.in.Request = s.RequestOf(t, s.in.Transcript, mdoc.RequestDraft{Items: []mdoc.ItemsRequest{items(licence, info, licenceNS, "family_name")}})
			r := s.verify(mdoc.DeviceResponse{Documents: []mdoc.Document{s.document(licence, licenceNS, "family_name")}})
			if got := notPassed(r); !slices.Equal(got, c.want) {
				t.Errorf("not passed: %v, want %v", got, c.want)
			}
		})
	}
}

// TestErrorsWithinTheRequest: an error may be about what the request or an alternative names, and about a docType of which a
// request has no document, with whatever code.
func TestErrorsWithinTheRequest(t *testing.T) {
	alternative := &mdoc.DocRequestInfo{AlternativeDataElements: []mdoc.AlternativeDataElements{{
		RequestedElement:       mdoc.ElementRef{NameSpace: licenceNS, Identifier: "portrait"},
		AlternativeElementSets: [][]mdoc.ElementRef{{{NameSpace: licenceNS, Identifier: "sex"}}},
	}}}
	first := items(licence, alternative, licenceNS, "family_name", licenceNS, "portrait")
	second := items(licence, nil, licenceNS, "given_name")
	errorAbout := func(element string) func(*mdoc.DeviceResponse) {
		return func(r *mdoc.DeviceResponse) {
			r.Documents[0].Errors = cbor.Map[string, cbor.Map[string, int64]]{{Key: licenceNS, Value: cbor.Map[string, int64]{{Key: element, Value: 7}}}}
		}
	}
	twice := mdoc.RequestDraft{Items: []mdoc.ItemsRequest{items(licence, nil, licenceNS, "family_name"), second}, UseCases: []mdoc.UseCase{
		{Mandatory: true, DocumentSets: [][]uint64{{0}, {1}}}}}
	for name, c := range map[string]struct {
		draft mdoc.RequestDraft
		spoil func(*mdoc.DeviceResponse)
		want  []string
	}{
		"requested":       {mdoc.RequestDraft{Items: []mdoc.ItemsRequest{first}}, errorAbout("portrait"), nil},
		"alternative":     {mdoc.RequestDraft{Items: []mdoc.ItemsRequest{first}}, errorAbout("sex"), nil},
		"neither":         {mdoc.RequestDraft{Items: []mdoc.ItemsRequest{first}}, errorAbout("given_name"), []string{"response.errors"}},
		"another request": {twice, errorAbout("given_name"), []string{"response.errors"}},
		"one of two documents": {twice, func(r *mdoc.DeviceResponse) {
			r.DocumentErrors = []cbor.Map[string, int64]{{{Key: licence, Value: -1}}}
		}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			s := newPairScene(t, c.draft)
			response := mdoc.DeviceResponse{Documents: []mdoc.Document{s.document(licence, licenceNS, "family_name")}}
			c.spoil(&response)
			if got := notPassed(s.verify(response)); !slices.Equal(got, c.want) {
				t.Errorf("not passed: %v, want %v", got, c.want)
			}
		})
	}
}

// TestErrorsOfNoRequest: the errors of a document that answers no request are not judged, the document is.
func TestErrorsOfNoRequest(t *testing.T) {
	s := newPairScene(t, mdoc.RequestDraft{Items: []mdoc.ItemsRequest{items(licence, nil, licenceNS, "family_name")}})
	unasked := s.document(world.DocType, world.NameSpace, "age_over_18")
	unasked.Errors = cbor.Map[string, cbor.Map[string, int64]]{{Key: world.NameSpace, Value: cbor.Map[string, int64]{{Key: "sex"}}}}
	r := s.verify(mdoc.DeviceResponse{Documents: []mdoc.Document{s.document(licence, licenceNS, "family_name"), unasked}})
	if got := notPassed(r); !slices.Contains(got, "response.documents") || slices.Contains(got, "response.errors") {
		t.Errorf("not passed: %v", got)
	}
}

// TestErrorsAreToldApart counts what was not asked for by itself.
func TestErrorsAreToldApart(t *testing.T) {
	for docType, want := range map[string]string{
		"org.example": "1 errors, 1 about what was not asked for, 0 about what was returned",
		licence:       "1 errors, 0 about what was not asked for, 1 about what was returned",
	} {
		s := newPairScene(t, mdoc.RequestDraft{Items: []mdoc.ItemsRequest{items(licence, nil, licenceNS, "family_name")}})
		r := s.verify(mdoc.DeviceResponse{Documents: []mdoc.Document{s.document(licence, licenceNS, "family_name")},
			DocumentErrors: []cbor.Map[string, int64]{{{Key: docType, Value: mdoc.NotReturned}}}})
		for _, c := range r.Failed() {
			if c.ID != "response.errors" || c.Measured != want {
				t.Errorf("%s: %s: %s", docType, c.ID, c.Measured)
			}
		}
	}
}

// TestResponseMembers spoils the response around a good document.
func TestResponseMembers(t *testing.T) {
	cases := []struct {
		name  string
		spoil func(*mdoc.DeviceResponse)
		want  []string
	}{
		{"nothing", func(*mdoc.DeviceResponse) {}, nil},
		{"no errors in a list of errors", func(r *mdoc.DeviceResponse) { r.DocumentErrors = []cbor.Map[string, int64]{} }, nil},
		{"an error about an element that was not asked for", func(r *mdoc.DeviceResponse) {
			r.Documents[0].Errors = cbor.Map[string, cbor.Map[string, int64]]{{Key: licenceNS, Value: cbor.Map[string, int64]{{Key: "portrait"}}}}
		}, []string{"response.errors"}},
		{"an error about a document that is there", func(r *mdoc.DeviceResponse) {
			r.DocumentErrors = []cbor.Map[string, int64]{{{Key: licence, Value: mdoc.NotReturned}}}
		}, []string{"response.errors"}},
		{"an error about an element that is there", func(r *mdoc.DeviceResponse) {
			r.Documents[0].Errors = cbor.Map[string, cbor.Map[string, int64]]{{Key: licenceNS, Value: cbor.Map[string, int64]{{Key: "family_name"}}}}
		}, []string{"response.errors"}},
		{"an error about a document that was not asked for", func(r *mdoc.DeviceResponse) {
			r.DocumentErrors = []cbor.Map[string, int64]{{{Key: "org.example", Value: mdoc.NotReturned}}}
		}, []string{"response.errors"}},
		{"general error", func(r *mdoc.DeviceResponse) { r.Status = mdoc.StatusGeneralError }, []string{"response.status"}},
		{"decoding error", func(r *mdoc.DeviceResponse) { r.Status = mdoc.StatusDecodingError }, []string{"response.status"}},
		{"validation error", func(r *mdoc.DeviceResponse) { r.Status = mdoc.StatusValidationError }, []string{"response.status"}},
		{"another status", func(r *mdoc.DeviceResponse) { r.Status = 1 }, []string{"response.status"}},
		{"a zero-knowledge document beside", func(r *mdoc.DeviceResponse) {
			data, err := cbor.NewEmbedded(mdoc.ZkDocumentData{DocType: licence, ZkSystemID: "x", Timestamp: cbor.RawMessage{0x00}})
			if err != nil {
				panic(err)
			}
			r.ZkDocuments = []mdoc.ZkDocument{{DocumentData: data, Proof: []byte{1}}}
		}, []string{"response.zk_documents"}},
		{"an encrypted document beside", func(r *mdoc.DeviceResponse) {
			r.EncryptedDocuments = []encryption.EncryptedDocuments{{Enc: make([]byte, 65), CipherText: make([]byte, 32)}}
		}, []string{"response.encrypted_documents"}},
		{"an encrypted document alone", func(r *mdoc.DeviceResponse) {
			r.Documents, r.EncryptedDocuments = nil, []encryption.EncryptedDocuments{{Enc: make([]byte, 65), CipherText: make([]byte, 32)}}
		}, []string{"response.encrypted_documents"}},
		{"too many documents", func(r *mdoc.DeviceResponse) {
			for range 32 {
				r.Documents = append(r.Documents, r.Documents[0])
			}
		}, []string{"response.decode", "response.documents"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			s := newPairScene(t, mdoc.RequestDraft{Items: []mdoc.ItemsRequest{items(licence, nil, licenceNS, "family_name")}})
			response := mdoc.DeviceResponse{Documents: []mdoc.Document{s.document(licence, licenceNS, "family_name")}}
			c.spoil(&response)
			if got := notPassed(s.verify(response)); !slices.Equal(got, c.want) {
				t.Errorf("not passed: %v, want %v", got, c.want)
			}
		})
	}
}

func TestMaximumResponseSize(t *testing.T) {
	info := &mdoc.DocRequestInfo{MaximumResponseSize: ptr(uint64(1 << 20))}
	draft := mdoc.RequestDraft{Items: []mdoc.ItemsRequest{items(licence, info, licenceNS, "family_name")}}
	s := newPairScene(t, draft)
	response := mdoc.DeviceResponse{Documents: []mdoc.Document{s.document(licence, licenceNS, "family_name")}}
	if r := s.verify(response); !r.OK() {
		t.Fatal(r.Verdict)
	}
	size := uint64(len(s.in.Response))
	for limit, want := range map[uint64][]string{size: nil, size - 1: {"response.size"}} {
		info.MaximumResponseSize = &limit
		s.in.Request = s.RequestOf(t, s.in.Transcript, draft)
		if got := notPassed(s.verify(response)); !slices.Equal(got, want) {
			t.Errorf("limit %d of %d bytes: not passed %v, want %v", limit, size, got, want)
		}
	}
}

// TestMacKeys proves a document by a MAC with the reader's further key instead of EReaderKey.
func TestMacKeys(t *testing.T) {
	w := world.New(t)
	m := w.Meet(t)
	further := world.Key(t)
	private, err := further.ECDH()
	if err != nil {
		t.Fatal(err)
	}
	request := w.RequestOf(t, m.Reader.Transcript(), mdoc.RequestDraft{Items: []mdoc.ItemsRequest{world.Items(world.NameSpace, "age_over_20")},
		MacKeys: macKeys(t, further.Public())})
	if request.Version != "1.1" {
		t.Errorf("version %s", request.Version)
	}
	in := w.AnswerTo(t, w.Holder(t, w.Issue(t, w.Draft(t)), holder.ByMAC), m, request)
	if r, err := mdoc.Verify(in); err != nil || !slices.Contains(notPassed(r), "device_auth.proof") {
		t.Errorf("the MAC holds without the further key: %v", err)
	}
	other, err := ecdh.X25519().GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for name, keys := range map[string][]*ecdh.PrivateKey{"alone": {private}, "after one on another curve": {other, private}} {
		in.MacKeys = keys
		if r, err := mdoc.Verify(in); err != nil || !r.OK() {
			t.Errorf("%s: refused: %v, %v", name, notPassed(r), err)
		}
	}
}

// TestKeyThatOnlyAgrees proves a document by the MAC of a device key on X25519, which signs nothing.
func TestKeyThatOnlyAgrees(t *testing.T) {
	x25519 := func() *ecdh.PrivateKey {
		k, err := ecdh.X25519().GenerateKey(rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		return k
	}
	device, reader := x25519(), x25519()
	s := newScene(t, holder.BySignature)
	s.resign(func(m *mdoc.MobileSecurityObject) { m.DeviceKeyInfo.DeviceKey = macKeys(t, device.PublicKey())[0] })
	key, err := transcript.EMacKey(device, reader.PublicKey(), s.in.Transcript)
	if err != nil {
		t.Fatal(err)
	}
	mac, err := cose.NewMac0Detached(key, mdoc.DeviceAuthenticationBytes(s.in.Transcript, s.doc().DocType, s.doc().DeviceSigned.NameSpaces.Bytes()))
	if err != nil {
		t.Fatal(err)
	}
	s.doc().DeviceSigned.DeviceAuth = mdoc.DeviceAuth{DeviceMac: mac.Bytes()}
	s.in.MacKeys = []*ecdh.PrivateKey{x25519()}
	if got := notPassed(s.verify()); !slices.Equal(got, []string{"device_auth.proof", "status.list"}) {
		t.Errorf("with another key of the reader: %v", got)
	}
	s.in.MacKeys = []*ecdh.PrivateKey{reader}
	if r := s.verify(); !r.OK() {
		t.Errorf("refused: %s", r.Verdict)
	}
	s.in.EReaderKey, s.in.MacKeys = reader, nil
	if r := s.verify(); !r.OK() {
		t.Errorf("refused with an ephemeral key on X25519: %s", r.Verdict)
	}
}

// bothAuthorities asks each of two sources about what it may know.
type bothAuthorities [2]pki.RevocationSource

// Revocation implements pki.RevocationSource.
func (b bothAuthorities) Revocation(leaf, issuer *x509.Certificate, at time.Time) pki.RevocationAnswer {
	if a := b[0].Revocation(leaf, issuer, at); a.Outcome() == verdict.Pass {
		return a
	}
	return b[1].Revocation(leaf, issuer, at)
}

// TestAnchorsForEachType judges two documents of two authorities, each with the anchors of its own type.
func TestAnchorsForEachType(t *testing.T) {
	s := newPairScene(t, mdoc.RequestDraft{Items: []mdoc.ItemsRequest{items(world.DocType, nil, world.NameSpace, "age_over_20"),
		items(licence, nil, licenceNS, "family_name")}})
	other := world.New(t)
	d := licenceDraft(t, s.World)
	other.DeviceKey = s.DeviceKey
	c, err := holder.NewCredential(other.Issue(t, d), world.SoftKey{Key: s.DeviceKey}, holder.BySignature)
	if err != nil {
		t.Fatal(err)
	}
	s.wallet.Credentials[1] = c
	answer := mdoc.DeviceResponse{Documents: []mdoc.Document{s.document(world.DocType, world.NameSpace, "age_over_20"), s.document(licence, licenceNS, "family_name")}}
	s.in.Revocation, s.in.Anchors = bothAuthorities{s.Revocation, other.Revocation}, nil
	const own = "issuer_auth.anchor_doc_type"
	for name, c := range map[string]struct {
		anchors map[string]*pki.Anchors
		proved  int
		failed  []string
	}{
		"its own":           {map[string]*pki.Anchors{world.DocType: s.Anchors, licence: other.Anchors}, 2, nil},
		"swapped":           {map[string]*pki.Anchors{world.DocType: other.Anchors, licence: s.Anchors}, 0, []string{"chain.authority_key_id", "chain.signature"}},
		"none for a type":   {map[string]*pki.Anchors{world.DocType: s.Anchors}, 1, []string{own}},
		"the type's case":   {map[string]*pki.Anchors{world.DocType: s.Anchors, "org.iso.18013.5.1.MDL": other.Anchors}, 1, []string{own}},
		"one for both":      {map[string]*pki.Anchors{world.DocType: s.Anchors, licence: s.Anchors}, 1, []string{"chain.authority_key_id", "chain.signature"}},
		"none for any type": {nil, 0, []string{own}},
	} {
		t.Run(name, func(t *testing.T) {
			s.in.AnchorsFor = func(docType string) *pki.Anchors { return c.anchors[docType] }
			r := s.verify(answer)
			var failed []string
			for _, f := range r.Failed() {
				if !slices.Contains(failed, f.ID) {
					failed = append(failed, f.ID)
				}
			}
			slices.Sort(failed)
			if !slices.Equal(failed, c.failed) || len(r.Documents) != c.proved || r.OK() != (c.failed == nil) {
				t.Errorf("%d proved, failed %v, want %d and %v: %s", len(r.Documents), failed, c.proved, c.failed, r.Verdict)
			}
			listed := map[string]int{}
			for _, check := range r.Checks {
				listed[check.ID]++
			}
			for _, id := range []string{own, "issuer_auth.chain", "issuer_auth.signature", "chain.path", "chain.validity", "chain.state"} {
				if listed[id] != 2 {
					t.Errorf("%s is listed %d times", id, listed[id])
				}
			}
		})
	}
}

// TestSixteenRequests asks for as many documents as are taken, and for one more.
func TestSixteenRequests(t *testing.T) {
	draft := mdoc.RequestDraft{}
	set := make([]uint64, mdoc.MaxDocRequests)
	for i := range set {
		name := binary.BigEndian.AppendUint16([]byte("example."), uint16(0x6161+i)) //nolint:gosec // two letters
		draft.Items = append(draft.Items, items(string(name), nil, licenceNS, "family_name"))
		set[i] = uint64(i) //nolint:gosec // an index
	}
	draft.UseCases = []mdoc.UseCase{{Mandatory: true, DocumentSets: [][]uint64{set}}}
	s := newPairScene(t, draft)
	if got := notPassed(s.verify(mdoc.DeviceResponse{})); !slices.Equal(got, []string{"response.document_sets", "response.use_cases"}) {
		t.Errorf("not passed: %v", got)
	}
	draft.Items = append(draft.Items, draft.Items[0])
	if _, err := mdoc.BuildRequest(draft, s.in.Transcript); err == nil {
		t.Error("seventeen document requests were built")
	}
}

func macKeys(t *testing.T, public ...any) []cose.Key {
	t.Helper()
	var out []cose.Key
	for _, p := range public {
		k, err := cose.NewKey(p)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, k)
	}
	return out
}
