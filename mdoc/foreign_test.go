package mdoc_test

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"slices"
	"strings"
	"testing"
	"time"

	"mobileid/mdoc"
	"mobileid/mdoc/cbor"
	"mobileid/mdoc/mdoctest"
	"mobileid/mdoc/mdoctest/world"
	"mobileid/mdoc/pki"
	"mobileid/mdoc/transcript"
	"mobileid/mdoc/verdict"
)

// pinned are the checks that a document signer without a root that is known cannot pass. A signer that was handed out as its
// own trust anchor is refused as a root, so its path is not judged further.
func pinned(more ...string) []string {
	return append(more, "chain.path", "chain.signature", "chain.authority_key_id", "chain.country", "chain.state", "issuer_auth.chain",
		"issuer_auth.revocation", "status.list")
}

// rooted are the checks that a document under a known root cannot pass here: no vector comes with lists of revocations.
func rooted() []string { return []string{"issuer_auth.revocation", "status.list"} }

// foreign is a response of another maker, judged at its own clock.
type foreign struct {
	response   []byte
	transcript string
	anchors    *pki.Anchors
	at         time.Time
	open       []string // every check that does not pass
	tolerated  []string // every tolerance made use of
}

func (f foreign) check(t *testing.T) *mdoc.Result {
	t.Helper()
	tr, err := transcript.Parse(mdoctest.Hex(t, f.transcript))
	if err != nil {
		t.Fatal(err)
	}
	in := mdoc.Verification{Response: f.response, Transcript: tr, Request: requestFor(t, f.response), Anchors: f.anchors, At: f.at}
	r, err := mdoc.Verify(in)
	if err != nil {
		t.Fatal(err)
	}
	var open, tolerated []string
	for _, c := range r.Checks {
		tolerance := strings.HasPrefix(c.ID, "tolerance.")
		switch {
		case tolerance && c.Outcome == verdict.Pass:
			tolerated = append(tolerated, c.ID)
		case c.Outcome != verdict.Pass:
			open = append(open, c.ID)
		}
	}
	same(t, "not passed", open, f.open)
	same(t, "tolerated", tolerated, f.tolerated)
	for _, id := range []string{"response.decode", "issuer_auth.signature", "mso.digest", "mso.doc_type", "mso.validity.window", "device_auth.proof"} {
		if o, _ := r.Outcome(id); o != verdict.Pass {
			t.Errorf("%s is %s", id, o)
		}
	}
	// Over another transcript the device's proof does not hold.
	if in.Transcript, err = transcript.Online([]byte{0x80}); err != nil {
		t.Fatal(err)
	}
	other, err := mdoc.Verify(in)
	if err != nil {
		t.Fatal(err)
	}
	if o, _ := other.Outcome("device_auth.proof"); o != verdict.Fail {
		t.Errorf("device_auth.proof is %s over another transcript", o)
	}
	return r
}

func same(t *testing.T, what string, got, want []string) {
	t.Helper()
	got, want = slices.Sorted(slices.Values(got)), slices.Sorted(slices.Values(want))
	if !slices.Equal(got, want) {
		t.Errorf("%s: %v\nwant %v", what, got, want)
	}
}

// requestFor asks for exactly what a response holds.
func requestFor(t testing.TB, raw []byte) *mdoc.DeviceRequest {
	t.Helper()
	response, err := mdoc.ParseDeviceResponse(raw)
	if err != nil {
		t.Fatal(err)
	}
	request := mdoc.DeviceRequest{Version: "1.0"}
	for _, d := range response.Documents {
		items := mdoc.ItemsRequest{DocType: d.DocType}
		for _, ns := range d.IssuerSigned.NameSpaces {
			var elements cbor.Map[string, bool]
			for _, i := range ns.Value {
				elements = append(elements, cbor.Entry[string, bool]{Key: i.Value.ElementIdentifier})
			}
			items.NameSpaces = append(items.NameSpaces, cbor.Entry[string, cbor.Map[string, bool]]{Key: ns.Key, Value: elements})
		}
		e, err := cbor.NewEmbedded(items)
		if err != nil {
			t.Fatal(err)
		}
		request.DocRequests = append(request.DocRequests, mdoc.DocRequest{ItemsRequest: e})
	}
	out, err := cbor.Marshal(request)
	if err != nil {
		t.Fatal(err)
	}
	r, err := mdoc.ParseDeviceRequest(out)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// signer gives the document signer's certificate of a response.
func signer(t *testing.T, raw []byte) []byte {
	t.Helper()
	response, err := mdoc.ParseDeviceResponse(raw)
	if err != nil {
		t.Fatal(err)
	}
	s, err := response.Documents[0].IssuerSigned.Sign1()
	if err != nil {
		t.Fatal(err)
	}
	chain, err := s.X5Chain()
	if err != nil {
		t.Fatal(err)
	}
	return chain[0]
}

// TestWalletResponses verifies the responses of four wallets. Three name the document signer itself as their trust anchor,
// which is refused as a root; the fourth names its root.
func TestWalletResponses(t *testing.T) {
	var file struct {
		Cases []struct {
			ID         string   `json:"id"`
			Transcript string   `json:"session_transcript"`
			Response   string   `json:"device_response"`
			Trusted    []string `json:"trusted_certificates_pem"`
			At         string   `json:"verify_at"`
		} `json:"cases"`
	}
	mdoctest.ReadJSON(t, "openid4vp/wallet-responses.json", &file)
	stranger := world.New(t).Anchors
	want := map[string]foreign{
		"google-cmwallet-dcapi-draft24": {
			at:        time.Date(2025, 2, 20, 0, 0, 0, 0, time.UTC),
			open:      pinned(),
			tolerated: []string{"tolerance.mso_date_fraction", "tolerance.validity_until"},
		},
		"ubique-draft18": {
			at:   time.Date(2025, 2, 1, 0, 0, 0, 0, time.UTC),
			open: pinned("chain.profile.serial", "chain.profile.key_usage", "chain.profile.eku"),
			tolerated: []string{"tolerance.authority_key_id", "tolerance.crl_distribution_points", "tolerance.issuer_alt_name",
				"tolerance.subject_key_id"},
		},
		"france-draft18": {
			at:        time.Date(2021, 9, 25, 0, 0, 0, 0, time.UTC),
			open:      pinned(),
			tolerated: []string{"tolerance.crl_distribution_points", "tolerance.document_errors_empty", "tolerance.validity_until"},
		},
		"paradym-openid4vp-1.0": {
			at:   time.Date(2026, 1, 12, 0, 0, 0, 0, time.UTC),
			open: rooted(),
			tolerated: []string{"tolerance.crl_distribution_points", "tolerance.preferred_serialization", "tolerance.preferred_serialization", "tolerance.unprotected_header",
				"tolerance.unprotected_header", "tolerance.validity_until"},
		},
	}
	if len(file.Cases) != len(want) {
		t.Fatalf("%d cases, expected %d", len(file.Cases), len(want))
	}
	for _, c := range file.Cases {
		t.Run(c.ID, func(t *testing.T) {
			f, known := want[c.ID]
			if !known {
				t.Fatal("unknown case")
			}
			f.response, f.transcript, f.anchors = mdoctest.Hex(t, c.Response), c.Transcript, stranger
			if at, err := time.Parse(time.RFC3339, c.At); err != nil || !at.Equal(f.at) {
				t.Errorf("to be verified at %s, expected %s (%v)", c.At, f.at, err)
			}
			pins := false
			for _, text := range c.Trusted {
				block, rest := pem.Decode([]byte(text))
				if block == nil || len(bytes.TrimSpace(rest)) != 0 {
					t.Fatal("a trusted certificate that is no PEM")
				}
				anchors, err := pki.NewAnchors(block.Bytes)
				switch {
				case err == nil:
					f.anchors = anchors
				case bytes.Equal(block.Bytes, signer(t, f.response)):
					pins = true
				default: // another wallet's signer in the same list
					if _, err := x509.ParseCertificate(block.Bytes); err != nil {
						t.Error(err)
					}
				}
			}
			if pins == (f.anchors != stranger) {
				t.Errorf("the document signer is pinned: %v, and a root is named: %v", pins, f.anchors != stranger)
			}
			f.check(t)
			if c.ID != "france-draft18" {
				return
			}
			// Its signer stands under the root of Annex D of ISO/IEC 18013-5:2021: with that root all but the status is proved.
			var err error
			if f.anchors, err = pki.NewAnchors(mdoctest.LoadAnnexD(t).Bytes(t, "iaca_root_certificate")); err != nil {
				t.Fatal(err)
			}
			f.open = rooted()
			if r := f.check(t); len(r.Documents) != 1 || len(r.Documents[0].Elements) == 0 {
				t.Error("the document is not given as proved")
			}
		})
	}
}

// stamps are the dates of a vector's MSO.
type stamps struct {
	Signed     string `json:"signed"`
	ValidFrom  string `json:"validFrom"`
	ValidUntil string `json:"validUntil"`
}

// check compares them with the MSO of the response's first document and gives validFrom.
func (s stamps) check(t *testing.T, raw []byte) time.Time {
	t.Helper()
	response, err := mdoc.ParseDeviceResponse(raw)
	if err != nil {
		t.Fatal(err)
	}
	mso, err := response.Documents[0].IssuerSigned.MSO()
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range []struct {
		text string
		got  cbor.TDate
	}{{s.Signed, mso.ValidityInfo.Signed}, {s.ValidFrom, mso.ValidityInfo.ValidFrom}, {s.ValidUntil, mso.ValidityInfo.ValidUntil}} {
		due, err := time.Parse("2006-01-02 15:04:05-07:00", d.text)
		if err != nil || !due.Equal(d.got.Time()) {
			t.Errorf("%s, want %s (%v)", d.got, d.text, err)
		}
	}
	return mso.ValidityInfo.ValidFrom.Time()
}

// TestApplePassKit verifies the sample of Apple's in-app presentation. Its root allows further authorities below it, so it is
// no root of ours; its document signer is valid for 99 years.
func TestApplePassKit(t *testing.T) {
	var file struct {
		Transcript string   `json:"session_transcript"`
		Response   string   `json:"device_response"`
		Root       string   `json:"issuer_root_der"`
		Validity   stamps   `json:"validity"`
		Elements   []string `json:"elements"`
	}
	mdoctest.ReadJSON(t, "openid4vp/apple-passkit-sample.json", &file)
	f := foreign{response: mdoctest.Hex(t, file.Response), transcript: file.Transcript, anchors: world.New(t).Anchors}
	f.open = pinned("chain.profile.period", "chain.profile.key_usage", "chain.profile.eku", "mso.issuing_country")
	f.tolerated = []string{"tolerance.crl_distribution_points", "tolerance.issuer_alt_name"}
	f.at = file.Validity.check(t, f.response)
	f.check(t)

	if _, err := pki.NewAnchors(mdoctest.Hex(t, file.Root)); err == nil || !strings.Contains(err.Error(), "path length not 0") {
		t.Errorf("the root: %v", err)
	}
	root, err := x509.ParseCertificate(mdoctest.Hex(t, file.Root))
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(signer(t, f.response))
	if err != nil {
		t.Fatal(err)
	}
	if err := root.CheckSignature(leaf.SignatureAlgorithm, leaf.RawTBSCertificate, leaf.Signature); err != nil {
		t.Errorf("the signer's certificate is not the root's: %v", err)
	}
	if err := root.CheckSignature(root.SignatureAlgorithm, root.RawTBSCertificate, root.Signature); err != nil {
		t.Errorf("the root's own signature: %v", err)
	}
	response, err := mdoc.ParseDeviceResponse(f.response)
	if err != nil {
		t.Fatal(err)
	}
	var elements []string
	for _, ns := range response.Documents[0].IssuerSigned.NameSpaces {
		for _, i := range ns.Value {
			elements = append(elements, ns.Key+"/"+i.Value.ElementIdentifier)
		}
	}
	same(t, "elements", elements, file.Elements)
}
