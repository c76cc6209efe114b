package demo

import (
	"bytes"
	"crypto/ecdh"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"mobileid/mdoc"
	testworld "mobileid/mdoc/mdoctest/world"
	"mobileid/mdoc/pki"
	"mobileid/mdoc/provisioning"
	"mobileid/mdoc/statuslist"
	"mobileid/mdoc/transcript"
	"mobileid/mdoc/verdict"
)

// told runs the story as JSON.
func told(t *testing.T, o Options) Report {
	t.Helper()
	var out bytes.Buffer
	o.JSON, o.Language, o.Stdout = true, English, &out
	if _, err := Run(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	var r Report
	if err := json.Unmarshal(out.Bytes(), &r); err != nil {
		t.Fatal(err)
	}
	return r
}

// TestEveryPerson runs the story for each modelled person: without a list nobody is confirmed, with a list the age decides, and
// after the handover everybody is refused as revoked.
func TestEveryPerson(t *testing.T) {
	for _, id := range Persons(time.Now()) {
		t.Run(id, func(t *testing.T) {
			t.Parallel()
			r := told(t, Options{Person: id})
			if len(r.Steps) != 5 || len(r.Checks) != 3 {
				t.Fatalf("%d steps, %d presentations", len(r.Steps), len(r.Checks))
			}
			due := []string{"not_confirmed", "accepted", "refused"}
			reason := []string{"status_unknown", "accepted", "revoked"}
			if id == "nineteen" {
				due[0], due[1] = "refused", "refused"
				reason[0], reason[1] = "age_over_20 = false", "age_over_20 = false"
			}
			for i, c := range r.Checks {
				if c.Decision != due[i] || !strings.Contains(strings.Join(c.Reasons, "\n"), reason[i]) {
					t.Errorf("%s: %s %v, want %s with %q", c.When, c.Decision, c.Reasons, due[i], reason[i])
				}
			}
			f := r.Figures
			if limit := 2 + blocks(f.SealedBytes) + 12; f.ProvisionExchanges > limit || f.ProvisionRoundTrips > 6 || f.AnswerBytes > 2700 {
				t.Errorf("%+v: at most %d exchanges, 6 round trips and 2700 bytes are allowed", f, limit)
			}
		})
	}
}

func TestOptionsAreChecked(t *testing.T) {
	for name, o := range map[string]Options{"person": {Person: "nobody", Language: English}, "language": {Person: "birthday", Language: "fr"}} {
		if _, err := Run(t.Context(), o); err == nil || !strings.Contains(err.Error(), "choose --") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func read(t *testing.T, dir, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestOutHoldsEverythingThatCrossed checks the files of --out by themselves, from the roots up.
func TestOutHoldsEverythingThatCrossed(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "crossed")
	r := told(t, Options{Person: "leapday", Out: dir})
	if len(r.Files) != 13 {
		t.Errorf("%d files, expected 13", len(r.Files))
	}
	anchors, err := pki.ParseAnchorsPEM(read(t, dir, "iaca.pem"))
	if err != nil {
		t.Fatal(err)
	}
	request, err := mdoc.ParseDeviceRequest(read(t, dir, "device_request.cbor"))
	if err != nil {
		t.Fatal(err)
	}
	tr, err := transcript.Parse(read(t, dir, "session_transcript.cbor"))
	if err != nil {
		t.Fatal(err)
	}
	in := mdoc.Verification{Transcript: tr, Request: request, EReaderKey: readerKey(t, dir), Anchors: anchors, At: time.Now(),
		Status: testworld.Status{Outcome: verdict.Pass}, Revocation: revocations(t, anchors, read(t, dir, "iaca.crl"))}
	for _, name := range []string{"device_response.cbor", "device_response_mac.cbor"} {
		in.Response = read(t, dir, name)
		result, err := mdoc.Verify(in)
		if err != nil || !result.OK() {
			t.Errorf("%s: %v, %v", name, result, err)
		}
		parsed, err := mdoc.ParseDeviceResponse(in.Response)
		if err != nil {
			t.Fatal(err)
		}
		if byMAC := len(parsed.Documents[0].DeviceSigned.DeviceAuth.DeviceMac) > 0; byMAC != strings.Contains(name, "mac") {
			t.Errorf("%s: by MAC is %v", name, byMAC)
		}
	}
	issued, err := mdoc.ParseIssuerSigned(read(t, dir, "issuer_signed.cbor"))
	if err != nil {
		t.Fatal(err)
	}
	v, err := issued.CheckIssuerSigned(anchors, time.Now())
	if err != nil || !v.OK() {
		t.Errorf("issuer_signed.cbor: %s, %v", v, err)
	}
	mso, err := issued.MSO()
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]uint8{"status_list.cwt": 0, "status_list_revoked.cwt": 1} {
		if got := entry(t, read(t, dir, name), anchors, mso.Status.StatusList); got != want {
			t.Errorf("%s: the entry is %d, want %d", name, got, want)
		}
	}
	receipt, err := provisioning.ParseHandoverReceipt(read(t, dir, "handover_receipt.cose"))
	if err != nil {
		t.Fatal(err)
	}
	if _, v, err := receipt.Verify(anchors, time.Now()); err != nil || !v.OK() {
		t.Errorf("handover_receipt.cose: %s, %v", v, err)
	}
	ds, err := pki.DecodePEM(read(t, dir, "ds.pem"))
	if err != nil || len(ds) != 1 {
		t.Errorf("ds.pem: %v", err)
	}
	if log := read(t, dir, "apdu.log"); bytes.Count(log, []byte("\n")) < 200 || !bytes.Contains(log, []byte("se > 80500000")) && !bytes.Contains(log, []byte("se > 80503000")) {
		t.Error("apdu.log does not hold the exchanges")
	}
}

func readerKey(t *testing.T, dir string) *ecdh.PrivateKey {
	t.Helper()
	block, _ := pem.Decode(read(t, dir, "reader_ephemeral_key.pem"))
	if block == nil {
		t.Fatal("reader_ephemeral_key.pem is no PEM")
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	switch k := key.(type) {
	case *ecdh.PrivateKey:
		return k
	case interface {
		ECDH() (*ecdh.PrivateKey, error)
	}:
		e, err := k.ECDH()
		if err != nil {
			t.Fatal(err)
		}
		return e
	}
	t.Fatalf("a key of type %T", key)
	return nil
}

func entry(t *testing.T, raw []byte, anchors *pki.Anchors, ref *mdoc.StatusListRef) uint8 {
	t.Helper()
	signed, err := statuslist.Parse(raw)
	if err != nil {
		t.Fatal(err)
	}
	token, v, err := signed.Verify(anchors, ref.URI, time.Now())
	if err != nil || !v.OK() {
		t.Fatalf("the status list does not verify: %s, %v", v, err)
	}
	value, err := token.List.At(ref.Index)
	if err != nil {
		t.Fatal(err)
	}
	return value
}

func TestTextInBothLanguages(t *testing.T) {
	for language, words := range map[string][]string{
		Japanese: {"カードを読む", "発行者が証拠を確かめる", "セキュアエレメントに届ける", "レジで見せる", "電話を手放す"},
		English:  {"[1/5] Read", "[2/5] Prove", "[3/5] Provision", "[4/5] Show", "[5/5] Hand", "policy.age_over_20", "accepted", "revoked"},
	} {
		var out bytes.Buffer
		if _, err := Run(t.Context(), Options{Person: "substitute", Language: language, Stdout: &out, Trace: true}); err != nil {
			t.Fatal(err)
		}
		for _, w := range append(slices.Clone(words), "█", "card > 00A4040C", "DeviceRequest, ISO/IEC 18013-5:2021, 8.3.2.1.2.1",
			"SessionEstablishment from the till", "Attestation, ", "Order, ", "Receipt, ", "HandoverReceipt, ", "StatusListToken, ", "CardReading, ") {
			if !strings.Contains(out.String(), w) {
				t.Errorf("%s: %q is not in the output", language, w)
			}
		}
	}
}

// revocations is a set with the list that the demo wrote down.
func revocations(t *testing.T, anchors *pki.Anchors, der []byte) *pki.RevocationLists {
	t.Helper()
	lists := pki.NewRevocationLists(anchors)
	if err := lists.Put(der, time.Now()); err != nil {
		t.Fatal(err)
	}
	return lists
}
