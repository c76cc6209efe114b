package holder_test

import (
	"context"
	"encoding/asn1"
	"errors"
	"slices"
	"testing"

	"mobileid/mdoc"
	"mobileid/mdoc/cbor"
	"mobileid/mdoc/holder"
	"mobileid/mdoc/mdoctest"
	"mobileid/mdoc/mdoctest/world"
	"mobileid/mdoc/verdict"
)

// answered lists what a verified answer holds, as namespace/identifier.
func answered(t *testing.T, in mdoc.Verification) []string {
	t.Helper()
	r, err := mdoc.Verify(in)
	if err != nil {
		t.Fatal(err)
	}
	if !r.OK() {
		t.Fatalf("refused: %s", r.Verdict)
	}
	var out []string
	for _, d := range r.Documents {
		for _, e := range d.Elements {
			out = append(out, e.NameSpace+"/"+e.Identifier)
		}
	}
	slices.Sort(out)
	return out
}

func TestAnswerHoldsOnlyWhatWasAsked(t *testing.T) {
	w := world.New(t)
	issued := w.Issue(t, w.Draft(t))
	cases := []struct {
		name  string
		asked []string
		want  []string
	}{
		{"one age", []string{world.NameSpace, "age_over_20"}, []string{world.NameSpace + "/age_over_20"}},
		{"nearest true age", []string{world.NameSpace, "age_over_19"}, []string{world.NameSpace + "/age_over_20"}},
		{"nearest false age", []string{world.NameSpace, "age_over_70"}, []string{world.NameSpace + "/age_over_65"}},
		{"no more than two ages", []string{world.NameSpace, "age_over_18", world.NameSpace, "age_over_20", world.NameSpace, "age_over_70"},
			[]string{world.NameSpace + "/age_over_18", world.NameSpace + "/age_over_20"}},
		{"two requests, one answer", []string{world.NameSpace, "age_over_19", world.NameSpace, "age_over_20"},
			[]string{world.NameSpace + "/age_over_20"}},
		{"two namespaces", []string{world.NameSpace, "age_over_20", world.NameJP, "portrait"},
			[]string{world.NameJP + "/portrait", world.NameSpace + "/age_over_20"}},
		{"one unknown", []string{world.NameSpace, "age_over_20", world.NameSpace, "shoe_size"}, []string{world.NameSpace + "/age_over_20"}},
	}
	for _, proof := range []holder.Proof{holder.BySignature, holder.ByMAC} {
		for _, c := range cases {
			t.Run(c.name, func(t *testing.T) {
				in := w.AnswerTo(t, w.Holder(t, issued, proof), w.Meet(t), unsigned(t, world.Items(c.asked...)))
				if got := answered(t, in); !slices.Equal(got, c.want) {
					t.Errorf("answered %v, want %v", got, c.want)
				}
			})
		}
	}
}

// unsigned writes a request as it is given, also one that BuildRequest refuses.
func unsigned(t *testing.T, items ...mdoc.ItemsRequest) *mdoc.DeviceRequest {
	t.Helper()
	request := mdoc.DeviceRequest{Version: "1.0"}
	for _, i := range items {
		e, err := cbor.NewEmbedded(i)
		if err != nil {
			t.Fatal(err)
		}
		request.DocRequests = append(request.DocRequests, mdoc.DocRequest{ItemsRequest: e})
	}
	r, err := mdoc.ParseDeviceRequest(world.Encode(t, request))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func response(t *testing.T, in mdoc.Verification) *mdoc.DeviceResponse {
	t.Helper()
	r, err := mdoc.ParseDeviceResponse(in.Response)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestConsent(t *testing.T) {
	w := world.New(t)
	issued := w.Issue(t, w.Draft(t))
	ask := world.Items(world.NameSpace, "age_over_20", world.NameJP, "portrait")
	t.Run("a part", func(t *testing.T) {
		h := w.Holder(t, issued, holder.BySignature)
		h.Consent = func(_ context.Context, p holder.Proposal) ([]holder.Element, error) {
			if p.Reader.Name != "TEST till" || !p.Reader.Verdict.OK() {
				t.Errorf("the reader is shown as %q: %s", p.Reader.Name, p.Reader.Verdict)
			}
			return p.Elements[:1], nil
		}
		if got := answered(t, w.Answer(t, h, w.Meet(t), ask)); !slices.Equal(got, []string{world.NameSpace + "/age_over_20"}) {
			t.Errorf("answered %v", got)
		}
	})
	t.Run("no", func(t *testing.T) {
		h := w.Holder(t, issued, holder.BySignature)
		h.Consent = func(context.Context, holder.Proposal) ([]holder.Element, error) { return nil, nil }
		r := response(t, w.Answer(t, h, w.Meet(t), ask))
		if len(r.Documents) != 0 || len(r.DocumentErrors) != 1 {
			t.Errorf("%d documents, %d document errors", len(r.Documents), len(r.DocumentErrors))
		}
	})
	t.Run("more than proposed", func(t *testing.T) {
		h := w.Holder(t, issued, holder.BySignature)
		h.Consent = func(context.Context, holder.Proposal) ([]holder.Element, error) {
			return []holder.Element{{NameSpace: world.NameSpace, Identifier: "birth_date"}}, nil
		}
		m := w.Meet(t)
		request := w.Request(t, m.Reader.Transcript(), ask)
		if _, err := h.Answer(t.Context(), request.Raw(), m.Reader.Transcript(), m.Reader.EReaderKey().PublicKey()); err == nil {
			t.Error("an element that was not asked for went out")
		}
	})
	t.Run("other document", func(t *testing.T) {
		h := w.Holder(t, issued, holder.BySignature)
		other := ask
		other.DocType = "org.iso.18013.5.1.mDL"
		if r := response(t, w.Answer(t, h, w.Meet(t), other)); len(r.Documents) != 0 {
			t.Error("another document was answered")
		}
	})
}

// TestRestrictedElement asks for the individual number with and without a reader certified for it.
func TestRestrictedElement(t *testing.T) {
	w := world.New(t)
	issued := w.Issue(t, w.Draft(t))
	ask := world.Items(world.NameJP, "individual_number_unicode", world.NameSpace, "age_over_20")
	h := w.Holder(t, issued, holder.BySignature)
	reader := asn1.ObjectIdentifier{1, 0, 18013, 5, 1, 6}
	cases := []struct {
		name    string
		purpose asn1.ObjectIdentifier
		unknown bool
		want    int
	}{
		{"certified", reader, false, 2},
		{"not certified", asn1.ObjectIdentifier{2, 25, 1}, false, 1},
		{"certified by a root the wallet does not know", reader, true, 1},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			h.Restrictions = []holder.Restriction{{NameSpace: world.NameJP, Identifier: "individual_number_unicode", Purpose: c.purpose}}
			h.ReaderRoots = w.ReaderRoots
			if c.unknown {
				h.ReaderRoots = world.New(t).ReaderRoots
			}
			// The reader's extended key usage is critical and known to the path check; it is the purpose of this test.
			got := answered(t, w.Answer(t, h, w.Meet(t), ask))
			if len(got) != c.want {
				t.Errorf("answered %v", got)
			}
		})
	}
}

func TestMalformedRequest(t *testing.T) {
	w := world.New(t)
	h := w.Holder(t, w.Issue(t, w.Draft(t)), holder.BySignature)
	m := w.Meet(t)
	for name, raw := range map[string][]byte{"empty": nil, "no documents": mdoctest.Hex(t, "a26776657273696f6e63312e306b646f63526571756573747380"),
		"version 2": mdoctest.Hex(t, "a26776657273696f6e63322e306b646f63526571756573747380")} {
		if _, err := h.Answer(t.Context(), raw, m.Reader.Transcript(), m.Reader.EReaderKey().PublicKey()); !errors.Is(err, holder.ErrRequest) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestReaderAuthenticationOverAnotherTranscript(t *testing.T) {
	w := world.New(t)
	h := w.Holder(t, w.Issue(t, w.Draft(t)), holder.BySignature)
	var seen verdict.Verdict
	h.Consent = func(_ context.Context, p holder.Proposal) ([]holder.Element, error) {
		seen = p.Reader.Verdict
		if p.Reader.Name != "" {
			t.Error("an unproved reader has a name")
		}
		return nil, nil
	}
	one, two := w.Meet(t), w.Meet(t)
	request := w.Request(t, one.Reader.Transcript(), world.Items(world.NameSpace, "age_over_20"))
	if _, err := h.Answer(t.Context(), request.Raw(), two.Reader.Transcript(), two.Reader.EReaderKey().PublicKey()); err != nil {
		t.Fatal(err)
	}
	if o, _ := seen.Outcome("reader_auth.signature"); o != verdict.Fail {
		t.Errorf("reader_auth.signature is %s", o)
	}
}

func TestNewCredentialRefuses(t *testing.T) {
	w := world.New(t)
	issued := w.Issue(t, w.Draft(t))
	if _, err := holder.NewCredential(issued, nil, holder.BySignature); err == nil {
		t.Error("a credential without a key")
	}
	if _, err := holder.NewCredential(cbor.AppendMapHead(nil, 0), world.SoftKey{Key: w.DeviceKey}, holder.BySignature); err == nil {
		t.Error("an empty credential")
	}
}
