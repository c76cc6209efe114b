// Package npm_test holds our documents against the mdoc library @auth0/mdl of the npm registry, which we did not write: it
// verifies ours, and we verify those it makes, by signature and by MAC.
package npm_test

import (
	"bytes"
	"crypto/ecdsa"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"mobileid/mdoc"
	"mobileid/mdoc/cbor"
	"mobileid/mdoc/holder"
	"mobileid/mdoc/mdoctest/world"
	"mobileid/mdoc/transcript"
	"mobileid/mdoc/verdict"
)

// run gives requests to the library, at one time, and its answers in their order.
func run[T any](t *testing.T, at time.Time, requests ...map[string]any) []T {
	t.Helper()
	if _, err := os.Stat("testdata/node_modules/@auth0/mdl/package.json"); err != nil {
		t.Fatalf("the npm packages are not installed: run make packages (%v)", err)
	}
	in, err := json.Marshal(map[string]any{"at": at.Format(time.RFC3339), "requests": requests})
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "node", "mdoc.mjs")
	cmd.Dir = "testdata"
	cmd.Stdin = bytes.NewReader(in)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		t.Fatalf("node: %v\n%s", err, stderr.String())
	}
	var out []T
	if err := json.Unmarshal(stdout.Bytes(), &out); err != nil || len(out) != len(requests) {
		t.Fatalf("node answers %q: %v", stdout.String(), err)
	}
	return out
}

// judgement is what the library says of a response.
type judgement struct {
	Checks []string `json:"checks"`
	Failed []string `json:"failed"`
}

// verify asks for the judgement of a response. readerKey is for a MAC only.
func verify(w *world.World, response []byte, tr transcript.Transcript, readerKey []byte) map[string]any {
	return map[string]any{"do": "verify", "root": certificate(w.IACA.Raw), "response": hex.EncodeToString(response),
		"transcript": hex.EncodeToString(tr.Bytes()), "readerKey": hex.EncodeToString(readerKey)}
}

func certificate(der []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}

// coseKey is a COSE_Key of a P-256 key with its private part, -4, when there is one.
func coseKey(point, d []byte) []byte {
	n := 4
	if d != nil {
		n = 5
	}
	b := cbor.AppendMapHead(nil, n)
	b = cbor.AppendInt(cbor.AppendInt(b, 1), 2)
	b = cbor.AppendInt(cbor.AppendInt(b, -1), 1)
	b = cbor.AppendBytes(cbor.AppendInt(b, -2), point[1:33])
	b = cbor.AppendBytes(cbor.AppendInt(b, -3), point[33:])
	if d != nil {
		b = cbor.AppendBytes(cbor.AppendInt(b, -4), d)
	}
	return b
}

func jwk(t *testing.T, k *ecdsa.PrivateKey, private bool) map[string]string {
	t.Helper()
	e, err := k.ECDH()
	if err != nil {
		t.Fatal(err)
	}
	p, b64 := e.PublicKey().Bytes(), base64.RawURLEncoding.EncodeToString
	out := map[string]string{"kty": "EC", "crv": "P-256", "x": b64(p[1:33]), "y": b64(p[33:])}
	if private {
		out["kid"] = "1" // the library writes undefined where there is none
		out["d"] = b64(e.Bytes())
	}
	return out
}

var proofs = map[string]holder.Proof{"signature": holder.BySignature, "MAC": holder.ByMAC}

// TestOursVerifyThere shows our answer to the library, then the same in another session and with one byte changed in each part
// that it has to check.
func TestOursVerifyThere(t *testing.T) {
	t.Parallel()
	for name, proof := range proofs {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := world.New(t)
			in := w.Answer(t, w.Holder(t, w.Issue(t, w.Draft(t)), proof), w.Meet(t),
				world.Items(world.NameSpace, "age_over_20", world.NameSpace, "birth_date", world.NameJP, "full_name_unicode"))
			var key []byte
			if proof == holder.ByMAC {
				key = coseKey(in.EReaderKey.PublicKey().Bytes(), in.EReaderKey.Bytes())
			}
			made := map[string]string{"signature": "Device signature must be valid", "MAC": "Device MAC must be valid"}[name]
			cases := []struct {
				part   string
				after  string // a text of the response, of which the last occurrence counts
				offset int
				failed string
			}{
				{"the device's proof", "deviceAuth", 40, made},
				{"an element", "full_name_unicode", 35, "full_name_unicode attribute must match"},
				{"the issuer's payload", "digestAlgorithm", 60, "Issuer signature must be valid"},
				{"the signer's certificate", "TEST document signer", 5, "Issuer certificate must be valid"},
			}
			requests := []map[string]any{
				verify(w, in.Response, in.Transcript, key),
				verify(w, in.Response, w.Meet(t).Reader.Transcript(), key),
			}
			for _, c := range cases {
				changed := bytes.Clone(in.Response)
				at := bytes.LastIndex(changed, []byte(c.after))
				if at < 0 {
					t.Fatalf("no %s in the response", c.after)
				}
				changed[at+c.offset] ^= 1
				requests = append(requests, verify(w, changed, in.Transcript, key))
			}
			said := run[judgement](t, w.Now, requests...)
			if len(said[0].Failed) > 0 {
				t.Errorf("refused: %q", said[0].Failed)
			}
			for _, check := range []string{"Issuer certificate must be valid", "Issuer signature must be valid", made} {
				if !slices.Contains(said[0].Checks, check) {
					t.Errorf("the library did not check %q, only %q", check, said[0].Checks)
				}
			}
			refused := func(what string, j judgement, failed string) {
				if !slices.ContainsFunc(j.Failed, func(f string) bool { return strings.Contains(f, failed) }) {
					t.Errorf("%s changed: the library says %q, want %q", what, j.Failed, failed)
				}
			}
			refused("the transcript", said[1], made)
			for i, c := range cases {
				refused(c.part, said[i+2], c.failed)
			}
		})
	}
}

// TestOursVerifyThereOnline shows an answer over a transcript without engagement.
func TestOursVerifyThereOnline(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	tr, err := transcript.OpenID4VP(transcript.OpenID4VPHandoverInfo{ClientID: "x509_san_dns:example.com", Nonce: "nonce", ResponseURI: "https://example.com/response"})
	if err != nil {
		t.Fatal(err)
	}
	request := w.Request(t, tr, world.Items(world.NameSpace, "age_over_20"))
	response, err := w.Holder(t, w.Issue(t, w.Draft(t)), holder.BySignature).Answer(t.Context(), request.Raw(), tr, nil)
	if err != nil {
		t.Fatal(err)
	}
	j := run[judgement](t, w.Now, verify(w, response, tr, nil))[0]
	if len(j.Failed) > 0 || !slices.Contains(j.Checks, "Device signature must be valid") {
		t.Errorf("refused: %q", j.Failed)
	}
}

// TestTheirsVerifyHere lets the library issue a document under our test root and answer with it.
func TestTheirsVerifyHere(t *testing.T) {
	t.Parallel()
	for name, proof := range proofs {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := world.New(t)
			in := w.Answer(t, w.Holder(t, w.Issue(t, w.Draft(t)), proof), w.Meet(t),
				world.Items(world.NameSpace, "age_over_20", world.NameSpace, "given_name"))
			request := map[string]any{
				"do": "present", "until": w.Now.AddDate(0, 0, 7).Format(time.RFC3339),
				"docType": world.DocType, "nameSpace": world.NameSpace, "ask": []string{"age_over_20", "given_name"},
				"elements":  map[string]any{"age_over_20": true, "given_name": "Hanako", "family_name": "Test"},
				"signerKey": jwk(t, w.SignerKey, true), "signer": certificate(w.SignerChain[0]),
				"devicePublicKey": jwk(t, w.DeviceKey, false), "deviceKey": jwk(t, w.DeviceKey, true),
				"transcript": hex.EncodeToString(in.Transcript.Bytes()),
			}
			if proof == holder.ByMAC {
				request["readerKey"] = hex.EncodeToString(coseKey(in.EReaderKey.PublicKey().Bytes(), nil))
			}
			answer := run[struct {
				Response string `json:"response"`
			}](t, w.Now, request)[0]
			raw, err := hex.DecodeString(answer.Response)
			if err != nil {
				t.Fatal(err)
			}
			in.Response = raw
			r, err := mdoc.Verify(in)
			if err != nil {
				t.Fatal(err)
			}
			var open, tolerated []string
			for _, c := range r.Checks {
				switch {
				case c.Outcome != verdict.Pass:
					open = append(open, c.ID)
				case strings.HasPrefix(c.ID, "tolerance."):
					tolerated = append(tolerated, c.ID)
				}
			}
			// Its MSO names no status list; its headers carry a kid.
			if !slices.Equal(open, []string{"status.list"}) {
				t.Errorf("not passed: %v", open)
			}
			if !slices.Equal(tolerated, []string{"tolerance.unprotected_header", "tolerance.unprotected_header"}) {
				t.Errorf("tolerated: %v", tolerated)
			}
			if len(r.Documents) != 1 || len(r.Documents[0].Elements) != 2 {
				t.Fatalf("%d documents are proved: %s", len(r.Documents), r.Verdict)
			}
			name, _ := r.Documents[0].Element(world.NameSpace, "given_name")
			if string(name) != "\x66Hanako" {
				t.Errorf("given_name is %q", name)
			}
		})
	}
}
