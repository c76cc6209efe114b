package mdoc_test

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"

	"mobileid/mdoc"
	"mobileid/mdoc/cbor"
	"mobileid/mdoc/cose"
	"mobileid/mdoc/mdoctest"
	"mobileid/mdoc/mdoctest/world"
	"mobileid/mdoc/pki"
	"mobileid/mdoc/transcript"
	"mobileid/mdoc/verdict"
)

// sets reads alternatives written as "element = a + b / c" in one namespace; an element of another stands as namespace:element.
func sets(namespace, written string) mdoc.AlternativeDataElements {
	ref := func(s string) mdoc.ElementRef {
		if ns, identifier, ok := strings.Cut(strings.TrimSpace(s), ":"); ok {
			return mdoc.ElementRef{NameSpace: ns, Identifier: identifier}
		}
		return mdoc.ElementRef{NameSpace: namespace, Identifier: strings.TrimSpace(s)}
	}
	left, right, _ := strings.Cut(written, "=")
	out := mdoc.AlternativeDataElements{RequestedElement: ref(left)}
	for alternative := range strings.SplitSeq(right, "/") {
		var set []mdoc.ElementRef
		for element := range strings.SplitSeq(alternative, "+") {
			set = append(set, ref(element))
		}
		out.AlternativeElementSets = append(out.AlternativeElementSets, set)
	}
	return out
}

func retained(docType, namespace, names string, info *mdoc.DocRequestInfo) mdoc.ItemsRequest {
	i := mdoc.ItemsRequest{DocType: docType, RequestInfo: info}
	elements := cbor.Map[string, bool]{}
	for name := range strings.FieldsSeq(names) {
		elements = append(elements, cbor.Entry[string, bool]{Key: name, Value: true})
	}
	i.NameSpaces = append(i.NameSpaces, cbor.Entry[string, cbor.Map[string, bool]]{Key: namespace, Value: elements})
	return i
}

func infoOf(namespace string, alternatives ...string) *mdoc.DocRequestInfo {
	info := &mdoc.DocRequestInfo{UniqueDocSetRequired: ptr(true)}
	for _, a := range alternatives {
		info.AlternativeDataElements = append(info.AlternativeDataElements, sets(namespace, a))
	}
	return info
}

// extendedDraft is the request of the second edition's D.4.1.3, with the slip "family._name" of the text.
func extendedDraft() mdoc.RequestDraft {
	const mdl, ns, photo = "org.iso.18013.5.1.mDL", "org.iso.18013.5.1", "org.iso.23220.1"
	first := retained(mdl, ns, "portrait birth_date issue_date expiry_date document_number given_name_national_character family_name_national_character",
		infoOf(ns, "given_name_national_character = given_name", "family_name_national_character = family._name",
			"org.iso.18013.5.1.aamva:domestic_driving_privileges = driving_privileges"))
	first.NameSpaces = append(first.NameSpaces, cbor.Entry[string, cbor.Map[string, bool]]{Key: "org.iso.18013.5.1.aamva",
		Value: cbor.Map[string, bool]{{Key: "domestic_driving_privileges", Value: true}}})
	second := retained(mdl, ns, "portrait given_name age_over_18 family_name resident_postal_code",
		infoOf(ns, "age_over_18 = age_in_years / birth_date", "resident_postal_code = resident_city + resident_state / resident_address"))
	third := retained("org.iso.23220.photoID", photo, "portrait last_name first_name age_over_18 resident_city resident_state",
		infoOf(photo, "first_name = first_name_latin1 / org.iso.23220.datagroups.1:dg1", "last_name = last_name_latin1 / org.iso.23220.datagroups.1:dg1",
			"portrait = org.iso.23220.datagroups.1:dg2", "resident_city = resident_postal_code / resident_address",
			"resident_state = resident_postal_code / resident_address", "age_over_18 = age_in_years / birth_date / org.iso.23220.datagroups.1:dg1"))
	hint := func(code int64) cbor.Map[string, int64] {
		return cbor.Map[string, int64]{{Key: mdoc.PurposeController, Value: code}}
	}
	return mdoc.RequestDraft{Items: []mdoc.ItemsRequest{first, second, third}, UseCases: []mdoc.UseCase{
		{DocumentSets: [][]uint64{{0}}, PurposeHints: hint(mdoc.PurposeDrivingPrivilege)},
		{DocumentSets: [][]uint64{{1}, {2}}, PurposeHints: hint(mdoc.PurposeIdentity)}}}
}

// TestExtendedRequest builds the printed request of the second edition, byte for byte, and reads it.
func TestExtendedRequest(t *testing.T) {
	want := mdoctest.LoadAnnexD(t).Bytes(t, "device_request_extended_v1_1")
	got, err := mdoc.BuildRequest(extendedDraft(), transcript.Transcript{})
	if err != nil || !bytes.Equal(got, want) {
		t.Fatalf("built differently (%v):\n got %x\nwant %x", err, got, want)
	}
	r, err := mdoc.ParseDeviceRequest(want)
	if err != nil {
		t.Fatal(err)
	}
	if v := r.Lint(); !v.OK() || len(v.Checks) != 4 {
		t.Errorf("lint: %s", v)
	}
	again, err := cbor.Marshal(*r)
	if err != nil || !bytes.Equal(again, want) {
		t.Errorf("encoded differently: %v", err)
	}
	for i := range r.DocRequests {
		e := r.DocRequests[i].ItemsRequest
		if content, err := cbor.Marshal(e.Value); err != nil || !bytes.Equal(content, e.Content()) {
			t.Errorf("request %d encoded differently: %v", i, err)
		}
	}
	chosen, ok := r.Choose(func(i int) bool { return i == 2 })
	if !ok || !slices.Equal(chosen, []int{-1, 1}) {
		t.Errorf("with the third document alone the sets chosen are %v, %v", chosen, ok)
	}
}

// TestAnnexDReaderAuthenticationBytes checks the printed readerAuth over the printed content and structure.
func TestAnnexDReaderAuthenticationBytes(t *testing.T) {
	d := mdoctest.LoadAnnexD(t)
	s, err := cose.ParseSign1(d.Bytes(t, "reader_auth"))
	if err != nil {
		t.Fatal(err)
	}
	content := d.Bytes(t, "reader_authentication_bytes")
	if !bytes.Equal(s.SigStructure(content), d.Bytes(t, "reader_auth_sig_structure")) {
		t.Error("Sig_structure differs from the printed one")
	}
	chain, err := s.X5Chain()
	if err != nil || !bytes.Equal(chain[0], d.Bytes(t, "reader_certificate")) {
		t.Errorf("another reader certificate: %v", err)
	}
	r, err := mdoc.ParseDeviceRequest(d.Bytes(t, "device_request"))
	if err != nil || !bytes.Equal(r.DocRequests[0].ReaderAuth, s.Bytes()) {
		t.Errorf("the request carries another readerAuth: %v", err)
	}
}

func TestParseDeviceRequestRefuses(t *testing.T) {
	one := func(change func(*mdoc.DeviceRequest)) func(testing.TB) []byte {
		return func(t testing.TB) []byte {
			e, err := cbor.NewEmbedded(world.Items(world.NameSpace, "age_over_20"))
			if err != nil {
				t.Fatal(err)
			}
			r := mdoc.DeviceRequest{Version: "1.0", DocRequests: []mdoc.DocRequest{{ItemsRequest: e}}}
			change(&r)
			return world.Encode(t, r)
		}
	}
	items := func(change func(*mdoc.ItemsRequest)) func(testing.TB) []byte {
		return one(func(r *mdoc.DeviceRequest) {
			i := world.Items(world.NameSpace, "age_over_20")
			change(&i)
			e, err := cbor.NewEmbedded(i)
			if err != nil {
				panic(err)
			}
			r.DocRequests[0].ItemsRequest = e
		})
	}
	info := func(i mdoc.DocRequestInfo) func(testing.TB) []byte {
		return items(func(r *mdoc.ItemsRequest) { r.RequestInfo = &i })
	}
	useCase := func(u ...mdoc.UseCase) func(testing.TB) []byte {
		return one(func(r *mdoc.DeviceRequest) {
			e, err := cbor.NewEmbedded(mdoc.DeviceRequestInfo{UseCases: u})
			if err != nil {
				panic(err)
			}
			r.DeviceRequestInfo = &e
		})
	}
	empty := mdoc.AlternativeDataElements{AlternativeElementSets: [][]mdoc.ElementRef{}}
	for name, c := range map[string]struct {
		raw     func(testing.TB) []byte
		invalid bool
	}{
		"good":                           {one(func(*mdoc.DeviceRequest) {}), false},
		"version 2.0":                    {one(func(r *mdoc.DeviceRequest) { r.Version = "2.0" }), true},
		"no version":                     {one(func(r *mdoc.DeviceRequest) { r.Version = "" }), true},
		"no document":                    {one(func(r *mdoc.DeviceRequest) { r.DocRequests = []mdoc.DocRequest{} }), true},
		"no docType":                     {items(func(i *mdoc.ItemsRequest) { i.DocType = "" }), true},
		"no namespace":                   {items(func(i *mdoc.ItemsRequest) { i.NameSpaces = cbor.Map[string, cbor.Map[string, bool]]{} }), true},
		"empty namespace":                {items(func(i *mdoc.ItemsRequest) { i.NameSpaces[0].Value = cbor.Map[string, bool]{} }), true},
		"nameless namespace":             {items(func(i *mdoc.ItemsRequest) { i.NameSpaces[0].Key = "" }), true},
		"nameless element":               {items(func(i *mdoc.ItemsRequest) { i.NameSpaces[0].Value[0].Key = "" }), true},
		"seventeen documents":            {one(func(r *mdoc.DeviceRequest) { r.DocRequests = slices.Repeat(r.DocRequests, 17) }), true},
		"nine signatures over the whole": {one(func(r *mdoc.DeviceRequest) { r.ReaderAuthAll = slices.Repeat([]cbor.RawMessage{{0x80}}, 9) }), true},
		"alternative without sets":       {info(mdoc.DocRequestInfo{AlternativeDataElements: []mdoc.AlternativeDataElements{empty}}), true},
		"alternative without elements": {info(mdoc.DocRequestInfo{AlternativeDataElements: []mdoc.AlternativeDataElements{
			{AlternativeElementSets: [][]mdoc.ElementRef{{}}}}}), true},
		"alternative without a name": {info(mdoc.DocRequestInfo{AlternativeDataElements: []mdoc.AlternativeDataElements{
			{AlternativeElementSets: [][]mdoc.ElementRef{{{}}}}}}), true},
		"too many alternatives": {info(mdoc.DocRequestInfo{AlternativeDataElements: slices.Repeat([]mdoc.AlternativeDataElements{empty}, 257)}), true},
		"no proof system":       {info(mdoc.DocRequestInfo{ZkRequest: &mdoc.ZkRequest{SystemSpecs: []mdoc.ZkSystemSpec{}}}), true},
		"no document set":       {useCase(mdoc.UseCase{DocumentSets: [][]uint64{}}), true},
		"empty document set":    {useCase(mdoc.UseCase{DocumentSets: [][]uint64{{}}}), true},
		"set beyond the end":    {useCase(mdoc.UseCase{DocumentSets: [][]uint64{{1}}}), true},
		"set far beyond":        {useCase(mdoc.UseCase{DocumentSets: [][]uint64{{1 << 63}}}), true},
		"larger than all":       {useCase(mdoc.UseCase{DocumentSets: [][]uint64{{0, 0}}}), true},
		"seventeen use cases":   {useCase(slices.Repeat([]mdoc.UseCase{{DocumentSets: [][]uint64{{0}}}}, 17)...), true},
	} {
		t.Run(name, func(t *testing.T) {
			r, err := mdoc.ParseDeviceRequest(c.raw(t))
			if c.invalid != errors.Is(err, mdoc.ErrInvalid) || c.invalid != (r == nil) {
				t.Errorf("%v", err)
			}
		})
	}
	good := one(func(*mdoc.DeviceRequest) {})(t)
	for at := range good {
		if _, err := mdoc.ParseDeviceRequest(good[:at]); err == nil || errors.Is(err, mdoc.ErrInvalid) {
			t.Fatalf("cut at %d: %v", at, err)
		}
	}
	if _, err := mdoc.ParseDeviceRequest(make([]byte, mdoc.MaxMessage+1)); err == nil {
		t.Error("a message without end was read")
	}
}

func TestLintNamesWhatIsOdd(t *testing.T) {
	w := world.New(t)
	tr := w.Meet(t).Reader.Transcript()
	ask := world.Items(world.NameSpace, "age_over_20")
	odd := func(a ...mdoc.AlternativeDataElements) mdoc.ItemsRequest {
		i := world.Items(world.NameSpace, "age_over_20")
		i.RequestInfo = &mdoc.DocRequestInfo{AlternativeDataElements: a}
		return i
	}
	key := macKeys(t, w.ReaderKey.Public())
	for name, c := range map[string]struct {
		draft mdoc.RequestDraft
		want  string
	}{
		"three ages": {mdoc.RequestDraft{Items: []mdoc.ItemsRequest{world.Items(world.NameSpace, "age_over_18", world.NameSpace, "age_over_20", world.NameJP, "age_over_65")}},
			"request.ages"},
		"alternative for nothing": {mdoc.RequestDraft{Items: []mdoc.ItemsRequest{odd(sets(world.NameSpace, "birth_date = age_over_20"))}}, "request.alternatives"},
		"alternatives twice": {mdoc.RequestDraft{Items: []mdoc.ItemsRequest{odd(sets(world.NameSpace, "age_over_20 = birth_date"), sets(world.NameSpace, "age_over_20 = age_in_years"))}},
			"request.alternatives"},
		"idle document":  {mdoc.RequestDraft{Items: []mdoc.ItemsRequest{ask, ask}, UseCases: []mdoc.UseCase{{DocumentSets: [][]uint64{{1}}}}}, "request.document_sets"},
		"document twice": {mdoc.RequestDraft{Items: []mdoc.ItemsRequest{ask, ask}, UseCases: []mdoc.UseCase{{DocumentSets: [][]uint64{{0}, {1, 1}}}}}, "request.document_sets"},
		"curve twice":    {mdoc.RequestDraft{Items: []mdoc.ItemsRequest{ask}, MacKeys: append(key, key...)}, "request.mac_keys"},
		"empty info":     {mdoc.RequestDraft{Items: []mdoc.ItemsRequest{odd()}}, "requestInfo"},
		"nothing":        {mdoc.RequestDraft{}, "no document"},
		"no certificate": {mdoc.RequestDraft{Items: []mdoc.ItemsRequest{ask}, ReaderAuthAll: []mdoc.ReaderSigner{{Key: w.ReaderKey}}}, "certificate"},
	} {
		if _, err := mdoc.BuildRequest(c.draft, tr); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	// The version is the only thing that BuildRequest cannot get wrong.
	for version, want := range map[string]bool{"1.0": false, "1.1": true, "1.2": true} {
		raw, err := mdoc.BuildRequest(extendedDraft(), tr)
		if err != nil {
			t.Fatal(err)
		}
		r, err := mdoc.ParseDeviceRequest(bytes.Replace(raw, []byte("1.1"), []byte(version), 1))
		if err != nil {
			t.Fatal(err)
		}
		if o, _ := r.Lint().Outcome("request.version"); (o == verdict.Pass) != want {
			t.Errorf("version %s of an extended request: %s", version, o)
		}
	}
	plain := w.Request(t, tr, ask)
	if plain.Version != "1.0" {
		t.Errorf("a plain request is version %s", plain.Version)
	}
	plain.Version = "1.1"
	if o, _ := plain.Lint().Outcome("request.version"); o != verdict.Fail {
		t.Errorf("version 1.1 without reason: %s", o)
	}
}

// TestReaderAuthAll signs a request as a whole and spoils one thing at a time.
func TestReaderAuthAll(t *testing.T) {
	w, stranger := world.New(t), world.New(t)
	tr := w.Meet(t).Reader.Transcript()
	draft := extendedDraft()
	draft.ReaderAuthAll = []mdoc.ReaderSigner{*w.Reader()}
	without := draft
	without.UseCases = nil
	cases := []struct {
		name  string
		draft mdoc.RequestDraft
		spoil func(r *mdoc.DeviceRequest)
		want  []string
	}{
		{"good", draft, func(*mdoc.DeviceRequest) {}, nil},
		{"good without use cases", without, func(*mdoc.DeviceRequest) {}, nil},
		{"use case changed", draft, func(r *mdoc.DeviceRequest) {
			e, err := cbor.NewEmbedded(mdoc.DeviceRequestInfo{UseCases: []mdoc.UseCase{{Mandatory: true, DocumentSets: [][]uint64{{0, 1, 2}}}}})
			if err != nil {
				t.Fatal(err)
			}
			r.DeviceRequestInfo = &e
		}, []string{"reader_auth.signature"}},
		{"use cases taken away", draft, func(r *mdoc.DeviceRequest) { r.DeviceRequestInfo = nil }, []string{"reader_auth.signature"}},
		{"documents in another order", draft, func(r *mdoc.DeviceRequest) { r.DocRequests[0], r.DocRequests[1] = r.DocRequests[1], r.DocRequests[0] },
			[]string{"reader_auth.signature"}},
		{"document taken away", without, func(r *mdoc.DeviceRequest) { r.DocRequests = r.DocRequests[:2] }, []string{"reader_auth.signature"}},
		{"not there", draft, func(r *mdoc.DeviceRequest) { r.ReaderAuthAll = nil }, []string{"reader_auth.present"}},
		{"not a signature", draft, func(r *mdoc.DeviceRequest) { r.ReaderAuthAll[0] = cbor.RawMessage{0x80} }, []string{"reader_auth.shape"}},
		{"no chain", draft, func(r *mdoc.DeviceRequest) { resignAll(t, r, tr, w, cose.Headers{}) }, []string{"reader_auth.shape"}},
		{"chain in the protected header", draft, func(r *mdoc.DeviceRequest) {
			resignAll(t, r, tr, w, cose.Headers{X5Chain: w.ReaderChain, X5ChainProtected: true})
		}, nil},
		{"x5t of another certificate", draft, func(r *mdoc.DeviceRequest) {
			resignAll(t, r, tr, w, cose.Headers{X5Chain: w.ReaderChain, Protected: cbor.Map[int64, cbor.RawMessage]{cose.X5T(w.SignerChain[0])}})
		}, []string{"reader_auth.x5t"}},
		{"x5t outside the signature", draft, func(r *mdoc.DeviceRequest) {
			resignAll(t, r, tr, w, cose.Headers{X5Chain: w.ReaderChain, Unprotected: cbor.Map[int64, cbor.RawMessage]{cose.X5T(w.SignerChain[0])}})
		}, []string{"reader_auth.x5t"}},
		{"reader of a stranger", draft, func(r *mdoc.DeviceRequest) {
			resignAll(t, r, tr, stranger, cose.Headers{X5Chain: stranger.ReaderChain})
		},
			[]string{"chain.authority_key_id", "chain.signature"}},
		{"signed by another key", draft, func(r *mdoc.DeviceRequest) { resignAll(t, r, tr, stranger, cose.Headers{X5Chain: w.ReaderChain}) },
			[]string{"reader_auth.signature"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			r := w.RequestOf(t, tr, c.draft)
			c.spoil(r)
			all, err := r.CheckReaderAuthAll(tr, w.ReaderRoots, w.Now)
			if err != nil || len(all) != 1 {
				t.Fatalf("%d judgements, %v", len(all), err)
			}
			got := notPassed(&mdoc.Result{Verdict: all[0].Verdict})
			if !slices.Equal(got, c.want) || (all[0].Chain != nil) != (len(c.want) == 0) {
				t.Errorf("not passed: %v, want %v", got, c.want)
			}
		})
	}
	r := w.RequestOf(t, tr, draft)
	all, err := r.CheckReaderAuthAll(w.Meet(t).Reader.Transcript(), w.ReaderRoots, w.Now)
	if err != nil || all[0].Verdict.OK() || all[0].Chain != nil {
		t.Errorf("it holds over another transcript: %v", err)
	}
	if present, err := mustSign1(t, r.ReaderAuthAll[0]).CheckX5T(w.ReaderChain[0]); !present || err != nil {
		t.Errorf("readerAuthAll carries no x5t: %v", err)
	}
}

func mustSign1(t *testing.T, raw []byte) *cose.Sign1 {
	t.Helper()
	s, err := cose.ParseSign1(raw)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// resignAll makes readerAuthAll anew, written out from the clause: it is the independent second form of the signed content.
func resignAll(t *testing.T, r *mdoc.DeviceRequest, tr transcript.Transcript, by *world.World, h cose.Headers) {
	t.Helper()
	content := cbor.AppendText(cbor.AppendArrayHead(nil, 4), "ReaderAuthenticationAll")
	content = cbor.AppendArrayHead(append(content, tr.Array()...), len(r.DocRequests))
	for _, d := range r.DocRequests {
		content = append(content, d.ItemsRequest.Bytes()...)
	}
	content = append(content, r.DeviceRequestInfo.Bytes()...)
	s, err := cose.NewSign1Detached(by.ReaderKey, h, cbor.AppendEmbedded(nil, content))
	if err != nil {
		t.Fatal(err)
	}
	r.ReaderAuthAll = []cbor.RawMessage{s.Bytes()}
}

// TestReaderAuthHeaders: the chain of readerAuth is read from either header.
func TestReaderAuthHeaders(t *testing.T) {
	w := world.New(t)
	tr := w.Meet(t).Reader.Transcript()
	r := w.Request(t, tr, world.Items(world.NameSpace, "age_over_20"))
	d := &r.DocRequests[0]
	content := cbor.AppendText(cbor.AppendArrayHead(nil, 3), "ReaderAuthentication")
	content = cbor.AppendEmbedded(nil, append(append(content, tr.Array()...), d.ItemsRequest.Bytes()...))
	for _, protected := range []bool{false, true} {
		s, err := cose.NewSign1Detached(w.ReaderKey, cose.Headers{X5Chain: w.ReaderChain, X5ChainProtected: protected}, content)
		if err != nil {
			t.Fatal(err)
		}
		d.ReaderAuth = s.Bytes()
		var chain *pki.Chain
		chain, v, err := d.CheckReaderAuth(tr, w.ReaderRoots, w.Now)
		if err != nil || !v.OK() || chain == nil {
			t.Errorf("protected %v: %s, %v", protected, v, err)
		}
	}
	if chain, _, err := d.CheckReaderAuth(tr, nil, w.Now); err == nil || chain != nil {
		t.Error("judged without roots")
	}
	r.ReaderAuthAll = []cbor.RawMessage{d.ReaderAuth}
	if all, err := r.CheckReaderAuthAll(tr, nil, w.Now); err == nil || all != nil {
		t.Error("all judged without roots")
	}
}

// TestIdentifierListVector reads the published status member of an MSO with an identifier list, and builds the same.
func TestIdentifierListVector(t *testing.T) {
	var file struct {
		List struct {
			Status struct {
				Hex string `json:"hex"`
			} `json:"mso_status"`
		} `json:"identifier_list"`
	}
	mdoctest.ReadJSON(t, "iso18013-5/revocation.json", &file)
	raw := mdoctest.Hex(t, file.List.Status.Hex)
	var s mdoc.Status
	if err := cbor.Unmarshal(raw, &s); err != nil {
		t.Fatal(err)
	}
	want := mdoc.IdentifierListRef{ID: []byte{0xcc, 0xcc}, URI: "https://example.com/identifierlists/1", Certificate: []byte{0xaa}}
	if s.StatusList != nil || s.IdentifierList == nil || !bytes.Equal(s.IdentifierList.ID, want.ID) || s.IdentifierList.URI != want.URI ||
		!bytes.Equal(s.IdentifierList.Certificate, want.Certificate) {
		t.Errorf("read as %+v", s.IdentifierList)
	}
	if again := world.Encode(t, s); !bytes.Equal(again, raw) {
		t.Errorf("encoded differently: %x", again)
	}
	w := world.New(t)
	d := w.Draft(t)
	d.Status, d.IdentifierList = mdoc.StatusListRef{}, &want
	p, err := mdoc.Prepare(d, nil)
	if err != nil || !bytes.HasSuffix(p.MSO(), raw) {
		t.Errorf("the MSO ends with another status: %v", err)
	}
}

// TestDraftStatusAndAuthorizations: what a draft says of lists and of the device key stands in the MSO; what breaks the rules is refused.
func TestDraftStatusAndAuthorizations(t *testing.T) {
	w := world.New(t)
	list := &mdoc.IdentifierListRef{ID: []byte{1}, URI: "https://issuer.example/v1/identifier-lists/1"}
	whole, part := []string{"example.all"}, cbor.Map[string, []string]{{Key: "example.some", Value: []string{"a", "b"}}}
	for name, change := range map[string]func(*mdoc.Draft){
		"both lists":   func(d *mdoc.Draft) { d.IdentifierList = list },
		"trust points": func(d *mdoc.Draft) { d.Status.Certificate, d.IdentifierList = []byte{1}, list },
		"whole":        func(d *mdoc.Draft) { d.KeyAuthorizations = &mdoc.KeyAuthorizations{NameSpaces: whole} },
		"part":         func(d *mdoc.Draft) { d.KeyAuthorizations = &mdoc.KeyAuthorizations{DataElements: part} },
		"whole and part": func(d *mdoc.Draft) {
			d.KeyAuthorizations = &mdoc.KeyAuthorizations{NameSpaces: whole, DataElements: part}
		},
		"no element": func(d *mdoc.Draft) {
			d.Elements, d.KeyAuthorizations = nil, &mdoc.KeyAuthorizations{DataElements: part}
		},
	} {
		d := w.Draft(t)
		change(&d)
		issued, err := mdoc.ParseIssuerSigned(w.Issue(t, d))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if v, err := issued.CheckIssuerSigned(w.Anchors, w.Now); err != nil || !v.OK() {
			t.Errorf("%s: %s, %v", name, v, err)
		}
		mso, err := issued.MSO()
		if err != nil {
			t.Fatal(err)
		}
		want := mdoc.Status{StatusList: &d.Status, IdentifierList: d.IdentifierList}
		if !bytes.Equal(world.Encode(t, mso.Status), world.Encode(t, want)) {
			t.Errorf("%s: status %+v", name, mso.Status)
		}
		if k := d.KeyAuthorizations; (k == nil) != (mso.DeviceKeyInfo.KeyAuthorizations == nil) ||
			k != nil && !bytes.Equal(world.Encode(t, k), world.Encode(t, mso.DeviceKeyInfo.KeyAuthorizations)) {
			t.Errorf("%s: authorizations %+v", name, mso.DeviceKeyInfo.KeyAuthorizations)
		}
	}
	for name, change := range map[string]func(*mdoc.Draft){
		"no list":       func(d *mdoc.Draft) { d.Status = mdoc.StatusListRef{} },
		"no address":    func(d *mdoc.Draft) { d.IdentifierList = &mdoc.IdentifierListRef{ID: []byte{1}} },
		"no identifier": func(d *mdoc.Draft) { d.IdentifierList = &mdoc.IdentifierListRef{URI: "https://issuer.example"} },
		"no namespace":  func(d *mdoc.Draft) { d.KeyAuthorizations = &mdoc.KeyAuthorizations{} },
		"namespace in both": func(d *mdoc.Draft) {
			d.KeyAuthorizations = &mdoc.KeyAuthorizations{NameSpaces: []string{"example.some"}, DataElements: part}
		},
		"namespace twice": func(d *mdoc.Draft) {
			d.KeyAuthorizations = &mdoc.KeyAuthorizations{DataElements: append(part, part...)}
		},
		"nameless namespace": func(d *mdoc.Draft) { d.KeyAuthorizations = &mdoc.KeyAuthorizations{NameSpaces: []string{""}} },
		"no element at all":  func(d *mdoc.Draft) { d.Elements = nil },
	} {
		d := w.Draft(t)
		change(&d)
		if _, err := mdoc.Prepare(d, nil); err == nil {
			t.Errorf("%s: prepared", name)
		}
	}
}
