package holder_test

import (
	"bytes"
	"context"
	"crypto/ecdh"
	"crypto/rand"
	"slices"
	"testing"

	"mobileid/mdoc"
	"mobileid/mdoc/cbor"
	"mobileid/mdoc/encryption"
	"mobileid/mdoc/holder"
	"mobileid/mdoc/mdoctest/world"
	"mobileid/mdoc/verdict"
)

// TestEncryptedDocuments: a document that is wanted encrypted goes out sealed, beside one in clear, and is judged with its key.
func TestEncryptedDocuments(t *testing.T) {
	w := world.New(t)
	key, err := ecdh.P256().GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	other, err := ecdh.P256().GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	parameters, err := encryption.NewParameters(key.PublicKey(), nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	draft := mdoc.RequestDraft{ReaderAuth: w.Reader(), Items: []mdoc.ItemsRequest{
		items(world.DocType, world.NameSpace, "age_over_20", nil),
		items(licence, licenceNS, "family_name", &mdoc.DocRequestInfo{DocResponseEncryption: parameters.Bytes()}),
	}}
	const id = "response.encrypted_documents"
	for _, proof := range []holder.Proof{holder.BySignature, holder.ByMAC} {
		h := wallet(t, w)
		d := w.Draft(t)
		d.DocType, d.Elements = licence, []mdoc.Element{{NameSpace: licenceNS, Identifier: "family_name", Value: world.Encode(t, "x")}}
		c, err := holder.NewCredential(w.Issue(t, d), world.SoftKey{Key: w.DeviceKey}, proof)
		if err != nil {
			t.Fatal(err)
		}
		h.Credentials[1] = c
		h.Consent = func(_ context.Context, p holder.Proposal) ([]holder.Element, error) {
			if p.Documents[0].Encrypted || !p.Documents[1].Encrypted {
				t.Errorf("shown as encrypted: %v, %v", p.Documents[0].Encrypted, p.Documents[1].Encrypted)
			}
			return p.Elements, nil
		}
		m := w.Meet(t)
		in := w.AnswerTo(t, h, m, w.RequestOf(t, m.Reader.Transcript(), draft))
		if bytes.Contains(in.Response, []byte("family_name")) || len(response(t, in).EncryptedDocuments) != 1 {
			t.Fatal("the document went out in clear")
		}
		cases := []struct {
			name  string
			spoil func(*mdoc.Verification, *mdoc.DeviceResponse)
			want  verdict.Outcome
		}{
			{"good", func(*mdoc.Verification, *mdoc.DeviceResponse) {}, verdict.Pass},
			{"no key", func(in *mdoc.Verification, _ *mdoc.DeviceResponse) { in.RecipientKeys = nil }, verdict.NotRun},
			{"another key", func(in *mdoc.Verification, _ *mdoc.DeviceResponse) { in.RecipientKeys = []*ecdh.PrivateKey{other} }, verdict.NotRun},
			{"flipped", func(_ *mdoc.Verification, r *mdoc.DeviceResponse) { r.EncryptedDocuments[0].CipherText[0] ^= 1 }, verdict.Fail},
			{"for a request in clear", func(_ *mdoc.Verification, r *mdoc.DeviceResponse) { r.EncryptedDocuments[0].DocRequestID = 0 }, verdict.Fail},
			{"for no request", func(_ *mdoc.Verification, r *mdoc.DeviceResponse) { r.EncryptedDocuments[0].DocRequestID = 1 << 40 }, verdict.Fail},
			{"of another session", func(in *mdoc.Verification, r *mdoc.DeviceResponse) {
				m := w.Meet(t)
				fresh := w.AnswerTo(t, h, m, w.RequestOf(t, m.Reader.Transcript(), draft))
				r.EncryptedDocuments = response(t, fresh).EncryptedDocuments
			}, verdict.Fail},
			{"sealed junk", func(in *mdoc.Verification, r *mdoc.DeviceResponse) {
				sealed, err := encryption.SealDocuments(parameters, in.Transcript, 1, encryption.Plaintext{Documents: []cbor.RawMessage{{0xa0}}})
				if err != nil {
					t.Fatal(err)
				}
				r.EncryptedDocuments[0] = sealed
			}, verdict.Fail},
		}
		for _, c := range cases {
			t.Run(c.name, func(t *testing.T) {
				in, r := in, response(t, in)
				in.RecipientKeys = []*ecdh.PrivateKey{key}
				c.spoil(&in, r)
				in.Response = world.Encode(t, *r)
				got, err := mdoc.Verify(in)
				if err != nil {
					t.Fatal(err)
				}
				if o, _ := got.Outcome(id); o != c.want || got.OK() != (c.want == verdict.Pass) {
					t.Errorf("%s is %s, accepted %v: %s", id, o, got.OK(), got.Verdict)
				}
				if c.want == verdict.Pass && (len(got.Documents) != 2 || got.Documents[1].Request != 1) {
					t.Errorf("%d documents", len(got.Documents))
				}
			})
		}
		// Beside the one in clear there is room for 31.
		for n, want := range map[int]verdict.Outcome{31: verdict.Pass, 32: verdict.Fail} {
			in, r := in, response(t, in)
			in.RecipientKeys = []*ecdh.PrivateKey{key}
			sealed, err := encryption.SealDocuments(parameters, in.Transcript, 1,
				encryption.Plaintext{Documents: slices.Repeat([]cbor.RawMessage{world.Encode(t, r.Documents[0])}, n)})
			if err != nil {
				t.Fatal(err)
			}
			r.EncryptedDocuments[0] = sealed
			in.Response = world.Encode(t, *r)
			got, err := mdoc.Verify(in)
			if err != nil {
				t.Fatal(err)
			}
			if o, _ := got.Outcome(id); o != want {
				t.Errorf("%d documents sealed: %s is %s", n, id, o)
			}
		}
	}
}

// TestEncryptedForAnotherDocument: what is sealed for one request does not answer another.
func TestEncryptedForAnotherDocument(t *testing.T) {
	w := world.New(t)
	key, err := ecdh.P256().GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	parameters, err := encryption.NewParameters(key.PublicKey(), nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	info := &mdoc.DocRequestInfo{DocResponseEncryption: parameters.Bytes()}
	m := w.Meet(t)
	h := wallet(t, w)
	first := w.RequestOf(t, m.Reader.Transcript(), mdoc.RequestDraft{Items: []mdoc.ItemsRequest{items(licence, licenceNS, "family_name", info)}})
	in := w.AnswerTo(t, h, m, first)
	in.RecipientKeys = []*ecdh.PrivateKey{key}
	in.Request = w.RequestOf(t, m.Reader.Transcript(), mdoc.RequestDraft{Items: []mdoc.ItemsRequest{
		items(world.DocType, world.NameSpace, "age_over_20", info), items(licence, licenceNS, "family_name", info)}})
	r, err := mdoc.Verify(in)
	if err != nil {
		t.Fatal(err)
	}
	var failed []string
	for _, c := range r.Failed() {
		failed = append(failed, c.ID)
	}
	if !slices.Equal(failed, []string{"response.documents"}) || len(r.Documents) != 0 {
		t.Errorf("failed %v with %d documents", failed, len(r.Documents))
	}
}
