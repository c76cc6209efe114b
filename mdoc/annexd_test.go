package mdoc_test

import (
	"bytes"
	"crypto/ecdh"
	"crypto/sha256"
	"maps"
	"testing"
	"time"

	"mobileid/mdoc"
	"mobileid/mdoc/cbor"
	"mobileid/mdoc/encryption"
	"mobileid/mdoc/mdoctest"
	"mobileid/mdoc/mdoctest/world"
	"mobileid/mdoc/pki"
	"mobileid/mdoc/transcript"
	"mobileid/mdoc/verdict"
)

// annexDTime lies inside every validity of the example data.
var annexDTime = time.Date(2021, 3, 1, 12, 0, 0, 0, time.UTC)

// sameBytes decodes an entry of Annex D into T and encodes it again.
func sameBytes[T any](t *testing.T, d mdoctest.AnnexD, name string) {
	t.Helper()
	t.Run(name, func(t *testing.T) {
		in := d.Bytes(t, name)
		var v T
		if err := cbor.Unmarshal(in, &v); err != nil {
			t.Fatal(err)
		}
		out, err := cbor.Marshal(v)
		if err != nil || !bytes.Equal(out, in) {
			t.Errorf("encoded differently (%v):\n got %x\nwant %x", err, out, in)
		}
	})
}

func TestAnnexDSameBytes(t *testing.T) {
	d := mdoctest.LoadAnnexD(t)
	sameBytes[mdoc.DeviceRequest](t, d, "device_request")
	sameBytes[mdoc.ItemsRequest](t, d, "items_request")
	sameBytes[cbor.Embedded[mdoc.ItemsRequest]](t, d, "items_request_bytes")
	sameBytes[mdoc.DeviceResponse](t, d, "device_response")
	sameBytes[mdoc.DeviceAuth](t, d, "device_auth")
	sameBytes[mdoc.MobileSecurityObject](t, d, "mobile_security_object")
	sameBytes[cbor.Embedded[mdoc.MobileSecurityObject]](t, d, "mobile_security_object_bytes")
	sameBytes[cbor.Embedded[mdoc.DeviceNameSpaces]](t, d, "device_namespaces_bytes")
}

func TestAnnexDItems(t *testing.T) {
	var file struct {
		Items map[string]struct {
			DigestID uint64 `json:"digestID"`
			Bytes    string `json:"issuerSignedItemBytes"`
			SHA256   string `json:"sha256"`
		} `json:"issuer_signed_items"`
	}
	mdoctest.ReadJSON(t, "iso18013-5/annex-d.json", &file)
	if len(file.Items) != 6 {
		t.Fatalf("%d items, expected 6", len(file.Items))
	}
	for name, want := range file.Items {
		raw := mdoctest.Hex(t, want.Bytes)
		var item mdoc.IssuerSignedItemBytes
		if err := cbor.Unmarshal(raw, &item); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if item.Value.ElementIdentifier != name || item.Value.DigestID != want.DigestID {
			t.Errorf("%s: read as %s, digest id %d", name, item.Value.ElementIdentifier, item.Value.DigestID)
		}
		again, err := cbor.NewEmbedded(item.Value)
		if err != nil || !bytes.Equal(again.Bytes(), raw) {
			t.Errorf("%s: encoded differently: %v", name, err)
		}
		if sum := sha256.Sum256(item.Bytes()); !bytes.Equal(sum[:], mdoctest.Hex(t, want.SHA256)) {
			t.Errorf("%s: another digest", name)
		}
	}
}

func annexDVerification(t testing.TB) mdoc.Verification {
	t.Helper()
	d := mdoctest.LoadAnnexD(t)
	request, err := mdoc.ParseDeviceRequest(d.Bytes(t, "device_request"))
	if err != nil {
		t.Fatal(err)
	}
	tr, err := transcript.Parse(d.Bytes(t, "session_transcript"))
	if err != nil {
		t.Fatal(err)
	}
	anchors, err := pki.NewAnchors(d.Bytes(t, "iaca_root_certificate"))
	if err != nil {
		t.Fatal(err)
	}
	reader, err := ecdh.P256().NewPrivateKey(d.Bytes(t, "e_reader_key_d"))
	if err != nil {
		t.Fatal(err)
	}
	return mdoc.Verification{Response: d.Bytes(t, "device_response"), Transcript: tr, Request: request, EReaderKey: reader, Anchors: anchors, At: annexDTime}
}

// TestAnnexDVerifies runs the whole judgement over the printed answer, which is proved by a MAC. Every check passes but two:
// the MSO of 2021 names no status list, and no CRL is printed.
func TestAnnexDVerifies(t *testing.T) {
	r, err := mdoc.Verify(annexDVerification(t))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range r.Checks {
		unknown := c.ID == "status.list" || c.ID == "issuer_auth.revocation"
		if want := map[bool]verdict.Outcome{true: verdict.NotRun, false: verdict.Pass}[unknown]; c.Outcome != want {
			t.Errorf("%s: %s (%s)", c.ID, c.Outcome, c.Measured)
		}
	}
	if r.OK() {
		t.Error("an answer of unknown status was accepted")
	}
	if len(r.Documents) != 1 || len(r.Documents[0].Elements) != 6 {
		t.Errorf("%d documents", len(r.Documents))
	}
}

func TestAnnexDWithoutReaderKey(t *testing.T) {
	in := annexDVerification(t)
	in.EReaderKey = nil
	r, err := mdoc.Verify(in)
	if err != nil {
		t.Fatal(err)
	}
	if o, _ := r.Outcome("device_auth.proof"); o != verdict.NotRun || len(r.Documents) != 0 {
		t.Errorf("device_auth.proof is %s with %d documents", o, len(r.Documents))
	}
}

func TestAnnexDReaderAuth(t *testing.T) {
	d := mdoctest.LoadAnnexD(t)
	in := annexDVerification(t)
	roots, err := pki.NewAnchors(d.Bytes(t, "reader_root_certificate"))
	if err != nil {
		t.Fatal(err)
	}
	doc, ok := in.Request.For("org.iso.18013.5.1.mDL")
	if !ok {
		t.Fatal("the request does not ask for an mDL")
	}
	chain, v, err := doc.CheckReaderAuth(in.Transcript, roots, annexDTime)
	if err != nil || !v.OK() || chain == nil {
		t.Errorf("%s, %v", v, err)
	}
	var derived struct {
		Transcript string `json:"session_transcript_qr"`
	}
	mdoctest.ReadJSON(t, "iso18013-5/annex-d-derived.json", &derived)
	other, err := transcript.Parse(mdoctest.Hex(t, derived.Transcript))
	if err != nil {
		t.Fatal(err)
	}
	if _, v, err := doc.CheckReaderAuth(other, roots, annexDTime); err != nil || v.OK() {
		t.Errorf("readerAuth holds over another transcript: %s, %v", v, err)
	} else if o, _ := v.Outcome("reader_auth.signature"); o != verdict.Fail {
		t.Errorf("reader_auth.signature is %s", o)
	}
}

func TestAnnexDDeviceAuthentication(t *testing.T) {
	d := mdoctest.LoadAnnexD(t)
	in := annexDVerification(t)
	got := mdoc.DeviceAuthenticationBytes(in.Transcript, "org.iso.18013.5.1.mDL", d.Bytes(t, "device_namespaces_bytes"))
	if !bytes.Equal(got, d.Bytes(t, "device_authentication_bytes")) {
		t.Error("DeviceAuthenticationBytes differ from the printed ones")
	}
}

type ageOverCase struct {
	HolderAge int             `json:"holder_age"`
	Stored    map[string]bool `json:"stored"`
	Request   string          `json:"request"`
	Response  map[string]bool `json:"response"`
}

// TestAgeOverVectors runs the 55 rows of Table D.1: which age attestation answers a request.
func TestAgeOverVectors(t *testing.T) {
	var file struct {
		Cases []ageOverCase `json:"cases"`
	}
	mdoctest.ReadJSON(t, "iso18013-5/age-over-nn.json", &file)
	if len(file.Cases) != 55 {
		t.Fatalf("%d cases, expected 55", len(file.Cases))
	}
	number := func(id string) int {
		nn, ok := mdoc.AgeOver(id)
		if !ok || mdoc.AgeOverIdentifier(nn) != id {
			t.Fatalf("%s is not an age attestation", id)
		}
		return nn
	}
	for i, c := range file.Cases {
		stored := map[int]bool{}
		for id, value := range c.Stored {
			stored[number(id)] = value
		}
		got := map[string]bool{}
		if answer, ok := mdoc.SelectAgeOver(stored, number(c.Request)); ok {
			got[mdoc.AgeOverIdentifier(answer)] = stored[answer]
		}
		if !maps.Equal(got, c.Response) {
			t.Errorf("case %d: %s of %v is answered with %v, want %v", i, c.Request, c.Stored, got, c.Response)
		}
	}
	ageOverTable(t, file.Cases, number)
}

// ageOverTable holds the rows against each other: five holders, ever older, each asked the same eleven ages in rising order, who
// hold the same attestations, each true from its age on.
func ageOverTable(t *testing.T, rows []ageOverCase, number func(string) int) {
	t.Helper()
	const requests = 11
	for i, c := range rows {
		first, asked := rows[i-i%requests], rows[i%requests]
		if i >= requests && c.HolderAge <= rows[i-requests].HolderAge {
			t.Errorf("case %d: age %d after %d", i, c.HolderAge, rows[i-requests].HolderAge)
		}
		if c.HolderAge != first.HolderAge || c.Request != asked.Request || len(c.Stored) != len(asked.Stored) {
			t.Errorf("case %d: %s at %d with %v is out of the table's order", i, c.Request, c.HolderAge, c.Stored)
		}
		if i < requests-1 && number(c.Request) >= number(rows[i+1].Request) {
			t.Errorf("case %d: %s before %s", i, c.Request, rows[i+1].Request)
		}
		for id, value := range c.Stored {
			if _, ok := asked.Stored[id]; !ok || value != (c.HolderAge >= number(id)) {
				t.Errorf("case %d: %s is stored as %v at %d", i, id, value, c.HolderAge)
			}
		}
	}
}

func TestAgeOverIdentifier(t *testing.T) {
	for _, bad := range []string{"age_over_", "age_over_1", "age_over_100", "age_over_2x", "age_over_+1", "age_over_-1", "age_in_years", "Age_over_20"} {
		if _, ok := mdoc.AgeOver(bad); ok {
			t.Errorf("%q was read as an age attestation", bad)
		}
	}
	for nn := range 100 {
		if got, ok := mdoc.AgeOver(mdoc.AgeOverIdentifier(nn)); !ok || got != nn {
			t.Errorf("%d is read back as %d", nn, got)
		}
	}
}

func FuzzParseDeviceRequest(f *testing.F) {
	d := mdoctest.LoadAnnexD(f)
	f.Add(d.Bytes(f, "device_request"))
	f.Add(d.Bytes(f, "device_request_extended_v1_1"))
	draft := extendedDraft()
	w := world.New(f)
	draft.ReaderAuth, draft.ReaderAuthAll = w.Reader(), []mdoc.ReaderSigner{*w.Reader()}
	signed, err := mdoc.BuildRequest(draft, w.Meet(f).Reader.Transcript())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(signed)
	answer := annexDVerification(f)
	f.Fuzz(func(t *testing.T, raw []byte) {
		r, err := mdoc.ParseDeviceRequest(raw)
		if err != nil {
			if r != nil {
				t.Fatal("a refused request is not nothing")
			}
			return
		}
		if !bytes.Equal(r.Raw(), raw) || len(r.DocRequests) == 0 {
			t.Fatal("an accepted request is not whole")
		}
		for i := range r.DocRequests {
			e := r.DocRequests[i].ItemsRequest
			again, err := cbor.Marshal(e)
			if err != nil || !bytes.Equal(again, e.Bytes()) || !bytes.Contains(raw, again) {
				t.Fatal("an ItemsRequest is not the bytes received")
			}
		}
		r.Lint()
		r.Choose(func(i int) bool { return i%2 == 0 })
		in := answer
		in.Request = r
		if _, err := mdoc.Verify(in); err != nil {
			t.Fatal(err)
		}
	})
}

func FuzzParseDeviceResponse(f *testing.F) {
	d := mdoctest.LoadAnnexD(f)
	f.Add(d.Bytes(f, "device_response"))
	data, err := cbor.NewEmbedded(mdoc.ZkDocumentData{DocType: "a", ZkSystemID: "b", Timestamp: cbor.RawMessage{0},
		IssuerSigned: mdoc.ZkNameSpaces{{Key: "c", Value: []mdoc.ZkItem{{ElementIdentifier: "d", ElementValue: cbor.RawMessage{0}}}}}})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(world.Encode(f, mdoc.DeviceResponse{Version: "1.0", ZkDocuments: []mdoc.ZkDocument{{DocumentData: data, Proof: []byte{1}}},
		EncryptedDocuments: []encryption.EncryptedDocuments{{Enc: []byte{4}, CipherText: []byte{1}}},
		DocumentErrors:     []cbor.Map[string, int64]{{{Key: "a", Value: 0}}}}))
	good := annexDVerification(f)
	f.Fuzz(func(t *testing.T, raw []byte) {
		in := good
		in.Response = raw
		r, err := mdoc.Verify(in)
		if err != nil {
			t.Fatal(err)
		}
		if r.OK() {
			t.Fatal("an answer of unknown status was accepted")
		}
	})
}

func FuzzParseIssuerSigned(f *testing.F) {
	d := mdoctest.LoadAnnexD(f)
	response, err := mdoc.ParseDeviceResponse(d.Bytes(f, "device_response"))
	if err != nil {
		f.Fatal(err)
	}
	raw, err := cbor.Marshal(response.Documents[0].IssuerSigned)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(raw)
	f.Fuzz(func(t *testing.T, raw []byte) {
		s, err := mdoc.ParseIssuerSigned(raw)
		if err != nil {
			return
		}
		_, _ = s.MSO()
	})
}
