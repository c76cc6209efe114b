package transcript_test

import (
	"bytes"
	"crypto/ecdh"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"mobileid/mdoc/cbor"
	"mobileid/mdoc/mdoctest"
	"mobileid/mdoc/transcript"
)

// TestOpenID4VPVectors builds both examples of OpenID4VP 1.0, appendix B.2.6, and the cases computed by its rules.
func TestOpenID4VPVectors(t *testing.T) {
	var file struct {
		Cases []struct {
			ID       string `json:"id"`
			Handover string `json:"handover"`
			Inputs   struct {
				ClientID    string            `json:"client_id"`
				Origin      string            `json:"origin"`
				Nonce       string            `json:"nonce"`
				ResponseURI string            `json:"response_uri"`
				JWK         map[string]string `json:"verifier_encryption_jwk"`
				Thumbprint  *string           `json:"jwk_thumbprint"`
			} `json:"inputs"`
			Info       string `json:"handover_info"`
			InfoHash   string `json:"handover_info_sha256"`
			HandoverCB string `json:"handover_cbor"`
			Transcript string `json:"session_transcript"`
		} `json:"cases"`
	}
	mdoctest.ReadJSON(t, "openid4vp/openid4vp-1.0-transcripts.json", &file)
	ids := []string{"b.2.6.1-redirect", "b.2.6.2-dc-api", "derived-redirect-unencrypted", "derived-dc-api-unencrypted", "kthrtty-dc-api"}
	if len(file.Cases) != len(ids) {
		t.Fatalf("%d cases, expected %d", len(file.Cases), len(ids))
	}
	for i, c := range file.Cases {
		if c.ID != ids[i] {
			t.Errorf("case %s, expected %s", c.ID, ids[i])
		}
		t.Run(c.ID, func(t *testing.T) {
			var thumbprint []byte
			if c.Inputs.Thumbprint != nil {
				thumbprint = mdoctest.Hex(t, *c.Inputs.Thumbprint)
			}
			if c.Inputs.JWK != nil {
				got, err := transcript.JWKThumbprint(jwk(t, c.Inputs.JWK))
				if err != nil {
					t.Fatal(err)
				}
				compare(t, "thumbprint", got, thumbprint)
			}
			var info []byte
			var tr transcript.Transcript
			var err error
			switch c.Handover {
			case "OpenID4VPHandover":
				i := transcript.OpenID4VPHandoverInfo{ClientID: c.Inputs.ClientID, Nonce: c.Inputs.Nonce, JWKThumbprint: thumbprint, ResponseURI: c.Inputs.ResponseURI}
				info, _ = i.Encode()
				tr, err = transcript.OpenID4VP(i)
			case "OpenID4VPDCAPIHandover":
				i := transcript.OpenID4VPDCAPIHandoverInfo{Origin: c.Inputs.Origin, Nonce: c.Inputs.Nonce, JWKThumbprint: thumbprint}
				info, _ = i.Encode()
				tr, err = transcript.OpenID4VPDCAPI(i)
			default:
				t.Fatalf("handover %q", c.Handover)
			}
			if err != nil {
				t.Fatal(err)
			}
			compare(t, "handover info", info, mdoctest.Hex(t, c.Info))
			sum := sha256.Sum256(info)
			compare(t, "hash", sum[:], mdoctest.Hex(t, c.InfoHash))
			compare(t, "handover", tr.Handover(), mdoctest.Hex(t, c.HandoverCB))
			compare(t, "transcript", tr.Array(), mdoctest.Hex(t, c.Transcript))
		})
	}
}

func jwk(t *testing.T, members map[string]string) *ecdh.PublicKey {
	t.Helper()
	for name, want := range map[string]string{"kty": "EC", "crv": "P-256", "use": "enc", "alg": "ECDH-ES", "kid": "1"} {
		if members[name] != want {
			t.Fatalf("a JWK whose %s is %s", name, members[name])
		}
	}
	point := []byte{4}
	for _, name := range []string{"x", "y"} {
		coordinate, err := base64.RawURLEncoding.Strict().DecodeString(members[name])
		if err != nil {
			t.Fatal(err)
		}
		point = append(point, coordinate...)
	}
	pub, err := ecdh.P256().NewPublicKey(point)
	if err != nil {
		t.Fatal(err)
	}
	return pub
}

// TestAnnexBTranscript builds the handover of the printed example of ISO/IEC TS 18013-7, B.6.
func TestAnnexBTranscript(t *testing.T) {
	var file struct {
		Inputs struct {
			ClientID    string `json:"client_id"`
			ResponseURI string `json:"response_uri"`
			Nonce       string `json:"nonce"`
			MGN         string `json:"mdoc_generated_nonce"`
		} `json:"inputs"`
		ClientHash   string `json:"client_id_hash"`
		ResponseHash string `json:"response_uri_hash"`
		Handover     string `json:"handover_cbor"`
		Transcript   string `json:"session_transcript"`
	}
	mdoctest.ReadJSON(t, "openid4vp/iso18013-7-annex-b.json", &file)
	in := file.Inputs
	tr, err := transcript.AnnexB(transcript.AnnexBInfo{ClientID: in.ClientID, ResponseURI: in.ResponseURI, Nonce: in.Nonce, MdocGeneratedNonce: in.MGN})
	if err != nil {
		t.Fatal(err)
	}
	var handover struct {
		_                 struct{} `cbor:",toarray"`
		Client, Responses []byte
		Nonce             string
	}
	if err := cbor.Unmarshal(tr.Handover(), &handover); err != nil {
		t.Fatal(err)
	}
	compare(t, "client_id hash", handover.Client, mdoctest.Hex(t, file.ClientHash))
	compare(t, "response_uri hash", handover.Responses, mdoctest.Hex(t, file.ResponseHash))
	compare(t, "handover", tr.Handover(), mdoctest.Hex(t, file.Handover))
	compare(t, "transcript", tr.Array(), mdoctest.Hex(t, file.Transcript))
}

// TestAnnexCTranscripts builds the four published handovers of ISO/IEC TS 18013-7, Annex C.
func TestAnnexCTranscripts(t *testing.T) {
	var file struct {
		Cases []struct {
			ID         string `json:"id"`
			Origin     string `json:"origin"`
			Info       string `json:"encryption_info_b64"`
			DCAPIInfo  string `json:"dcapi_info"`
			Hash       string `json:"dcapi_info_sha256"`
			Transcript string `json:"session_transcript"`
		} `json:"cases"`
	}
	mdoctest.ReadJSON(t, "openid4vp/iso18013-7-annex-c.json", &file)
	ids := []string{"ANNEXC-DETERMINISTIC-001", "ANNEXC-REAL-001", "abc", "kthrtty"}
	if len(file.Cases) != len(ids) {
		t.Fatalf("%d cases, expected %d", len(file.Cases), len(ids))
	}
	for n, c := range file.Cases {
		if c.ID != ids[n] {
			t.Errorf("case %s, expected %s", c.ID, ids[n])
		}
		t.Run(c.ID, func(t *testing.T) {
			i := transcript.DCAPIInfo{EncryptionInfo: c.Info, Origin: c.Origin}
			encoded, err := i.Encode()
			if err != nil {
				t.Fatal(err)
			}
			compare(t, "dcapi info", encoded, mdoctest.Hex(t, c.DCAPIInfo))
			sum := sha256.Sum256(encoded)
			compare(t, "hash", sum[:], mdoctest.Hex(t, c.Hash))
			tr, err := transcript.AnnexC(i)
			if err != nil {
				t.Fatal(err)
			}
			compare(t, "transcript", tr.Array(), mdoctest.Hex(t, c.Transcript))
		})
	}
}

// TestLegacyTranscripts builds the handovers from before the standards member by member; [transcript.Online] carries them.
func TestLegacyTranscripts(t *testing.T) {
	var file struct {
		Cases []struct {
			ID         string            `json:"id"`
			Inputs     map[string]string `json:"inputs"`
			Transcript string            `json:"session_transcript"`
		} `json:"cases"`
	}
	mdoctest.ReadJSON(t, "openid4vp/legacy-transcripts.json", &file)
	if len(file.Cases) != 4 {
		t.Fatalf("%d cases, expected 4", len(file.Cases))
	}
	for _, c := range file.Cases {
		t.Run(c.ID, func(t *testing.T) {
			hexOf := func(name string) []byte { return mdoctest.Hex(t, c.Inputs[name]) }
			var h []byte
			switch c.ID {
			case "android-handover-v1":
				h = cbor.AppendText(cbor.AppendArrayHead(nil, 4), "AndroidHandoverv1")
				h = cbor.AppendBytes(cbor.AppendBytes(h, hexOf("nonce")), []byte(c.Inputs["package"]))
				h = cbor.AppendBytes(h, hexOf("requester_id_hash"))
			case "apple-handover-v1":
				h = cbor.AppendText(cbor.AppendArrayHead(nil, 5), "AppleIdentityPresentment_1.0")
				h = cbor.AppendText(cbor.AppendBytes(h, hexOf("nonce")), c.Inputs["merchant_id"])
				h = cbor.AppendBytes(cbor.AppendText(h, c.Inputs["team_id"]), hexOf("requester_id_hash"))
			case "browser-handover-v1":
				origin := originInfo(c.Inputs["origin"])
				compare(t, "origin info", origin, hexOf("origin_info_cbor"))
				h = cbor.AppendText(cbor.AppendArrayHead(nil, 4), "BrowserHandoverv1")
				h = cbor.AppendBytes(cbor.AppendBytes(h, hexOf("nonce")), origin)
				h = cbor.AppendBytes(h, hexOf("requester_id_hash"))
			case "openid4vp-draft18-non-utf8":
				h = draft18NotUTF8(t, c.Inputs)
			default:
				t.Fatalf("unknown case %s", c.ID)
			}
			tr, err := transcript.Online(h)
			if err != nil {
				t.Fatal(err)
			}
			compare(t, "transcript", tr.Array(), mdoctest.Hex(t, c.Transcript))
			parsed, err := transcript.Parse(mdoctest.Hex(t, c.Transcript))
			if err != nil || !parsed.Equal(tr) {
				t.Errorf("parsing it gives another: %v", err)
			}
		})
	}
}

func originInfo(baseURL string) []byte {
	h := cbor.AppendUint(cbor.AppendText(cbor.AppendMapHead(nil, 3), "cat"), 1)
	h = cbor.AppendUint(cbor.AppendText(h, "type"), 1)
	h = cbor.AppendMapHead(cbor.AppendText(h, "details"), 1)
	return cbor.AppendText(cbor.AppendText(h, "baseUrl"), baseURL)
}

// draft18NotUTF8 hashes an apu that is no text as if it were: we refuse to build that.
func draft18NotUTF8(t *testing.T, in map[string]string) []byte {
	t.Helper()
	mgn, err := base64.StdEncoding.DecodeString(in["apu"])
	if err != nil {
		t.Fatal(err)
	}
	compare(t, "decoded apu", mgn, mdoctest.Hex(t, in["mdoc_generated_nonce_bytes"]))
	info := transcript.AnnexBInfo{ClientID: in["client_id"], ResponseURI: in["response_uri"], Nonce: in["nonce"], MdocGeneratedNonce: string(mgn)}
	if _, err := transcript.AnnexB(info); !errors.Is(err, transcript.ErrMalformed) {
		t.Errorf("a text that is not UTF-8 was taken: %v", err)
	}
	hash := func(first string) []byte {
		sum := sha256.Sum256(cbor.AppendText(cbor.AppendText(cbor.AppendArrayHead(nil, 2), first), string(mgn)))
		return sum[:]
	}
	h := cbor.AppendBytes(cbor.AppendArrayHead(nil, 3), hash(in["client_id"]))
	return cbor.AppendText(cbor.AppendBytes(h, hash(in["response_uri"])), in["nonce"])
}

// TestWalletTranscripts rebuilds the transcript of each wallet's response from the parameters of its request.
func TestWalletTranscripts(t *testing.T) {
	var file struct {
		Cases []struct {
			ID         string            `json:"id"`
			Handover   string            `json:"handover"`
			Params     map[string]string `json:"params"`
			Transcript string            `json:"session_transcript"`
		} `json:"cases"`
	}
	mdoctest.ReadJSON(t, "openid4vp/wallet-responses.json", &file)
	if len(file.Cases) != 4 {
		t.Fatalf("%d cases, expected 4", len(file.Cases))
	}
	for _, c := range file.Cases {
		t.Run(c.ID, func(t *testing.T) {
			var tr transcript.Transcript
			var err error
			switch p := c.Params; c.Handover {
			case "openid4vp-dcapi-draft24": // [origin, client_id, nonce] where 1.0 has [origin, nonce, thumbprint]
				info := cbor.AppendText(cbor.AppendText(cbor.AppendText(cbor.AppendArrayHead(nil, 3), p["origin"]), p["clientId"]), p["nonce"])
				sum := sha256.Sum256(info)
				tr, err = transcript.Online(cbor.AppendBytes(cbor.AppendText(cbor.AppendArrayHead(nil, 2), "OpenID4VPDCAPIHandover"), sum[:]))
			case "openid4vp-draft18":
				tr, err = draft18(p)
			case "openid4vp-1.0-redirect":
				tr, err = transcript.OpenID4VP(transcript.OpenID4VPHandoverInfo{ClientID: p["clientId"], Nonce: p["nonce"],
					JWKThumbprint: mdoctest.Hex(t, p["jwkThumbprint"]), ResponseURI: p["responseUri"]})
			default:
				t.Fatalf("handover %q", c.Handover)
			}
			if err != nil {
				t.Fatal(err)
			}
			compare(t, "transcript", tr.Array(), mdoctest.Hex(t, c.Transcript))
		})
	}
}

// draft18 is AnnexB, and for the wallet that gave an empty nonce, which AnnexB refuses, the same by hand.
func draft18(p map[string]string) (transcript.Transcript, error) {
	tr, err := transcript.AnnexB(transcript.AnnexBInfo{ClientID: p["clientId"], ResponseURI: p["responseUri"], Nonce: p["nonce"],
		MdocGeneratedNonce: p["mdocGeneratedNonce"]})
	if err == nil || p["mdocGeneratedNonce"] != "" {
		return tr, err
	}
	h := cbor.AppendArrayHead(nil, 3)
	for _, s := range []string{p["clientId"], p["responseUri"]} {
		sum := sha256.Sum256(cbor.AppendText(cbor.AppendText(cbor.AppendArrayHead(nil, 2), s), ""))
		h = cbor.AppendBytes(h, sum[:])
	}
	return transcript.Online(cbor.AppendText(h, p["nonce"]))
}

func TestWebsite(t *testing.T) {
	d := mdoctest.LoadAnnexD(t)
	engagement, key := d.Bytes(t, "device_engagement_qr"), d.Bytes(t, "e_reader_key_bytes")
	reader := append([]byte{0xa2, 0x00, 0x63, '1', '.', '1', 0x01, 0x82, 0x01}, key...)
	tr, err := transcript.Website(engagement, key, reader)
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(cbor.AppendEmbedded(nil, reader))
	compare(t, "handover", tr.Handover(), append([]byte{0x58, 0x20}, sum[:]...))
	compare(t, "engagement", tr.DeviceEngagementBytes(), cbor.AppendEmbedded(nil, engagement))
	compare(t, "reader key", tr.EReaderKeyBytes(), key)
	if _, err := transcript.Website(engagement, key, reader[1:]); !errors.Is(err, transcript.ErrMalformed) {
		t.Errorf("a reader engagement that is not CBOR: %v", err)
	}
	if _, err := transcript.Website(engagement, key, nil); !errors.Is(err, transcript.ErrMalformed) {
		t.Errorf("no reader engagement: %v", err)
	}
}

func TestForDocumentEncryption(t *testing.T) {
	d := mdoctest.LoadAnnexD(t)
	channel, err := transcript.QR(d.Bytes(t, "device_engagement_qr"), d.Bytes(t, "e_reader_key_bytes"))
	if err != nil {
		t.Fatal(err)
	}
	parameters := cbor.AppendEmbedded(nil, []byte{0xa1, 0x61, 'x', 0x01})
	tr, err := channel.ForDocumentEncryption(parameters)
	if err != nil {
		t.Fatal(err)
	}
	want := append([]byte{0x83}, channel.DeviceEngagementBytes()...)
	compare(t, "array", tr.Array(), append(append(want, parameters...), channel.Handover()...))
	compare(t, "second member", tr.EReaderKeyBytes(), parameters)
	if _, err := channel.ForDocumentEncryption([]byte{0xa0}); !errors.Is(err, transcript.ErrMalformed) {
		t.Errorf("parameters without tag 24: %v", err)
	}
	if _, err := (transcript.Transcript{}).ForDocumentEncryption(parameters); err == nil {
		t.Error("made from no transcript")
	}
}

func TestJWKThumbprintRefuses(t *testing.T) {
	p384, err := ecdh.P384().GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for name, key := range map[string]*ecdh.PublicKey{"none": nil, "P-384": p384.PublicKey()} {
		if sum, err := transcript.JWKThumbprint(key); err == nil || sum != nil {
			t.Errorf("%s: taken", name)
		}
	}
}

// TestOnlineRefusals leaves out or spoils one input of a good handover at a time.
func TestOnlineRefusals(t *testing.T) {
	long := strings.Repeat("a", 16<<10+1)
	thumbprint := bytes.Repeat([]byte{1}, 32)
	type redirect = transcript.OpenID4VPHandoverInfo
	type api = transcript.OpenID4VPDCAPIHandoverInfo
	type annexB = transcript.AnnexBInfo
	type annexC = transcript.DCAPIInfo
	cases := map[string]func() (transcript.Transcript, error){
		"redirect: no client_id":     func() (transcript.Transcript, error) { return transcript.OpenID4VP(redirect{"", "n", nil, "u"}) },
		"redirect: no nonce":         func() (transcript.Transcript, error) { return transcript.OpenID4VP(redirect{"c", "", nil, "u"}) },
		"redirect: no response_uri":  func() (transcript.Transcript, error) { return transcript.OpenID4VP(redirect{"c", "n", nil, ""}) },
		"redirect: empty thumbprint": func() (transcript.Transcript, error) { return transcript.OpenID4VP(redirect{"c", "n", []byte{}, "u"}) },
		"redirect: short thumbprint": func() (transcript.Transcript, error) {
			return transcript.OpenID4VP(redirect{"c", "n", thumbprint[1:], "u"})
		},
		"redirect: nonce not UTF-8":   func() (transcript.Transcript, error) { return transcript.OpenID4VP(redirect{"c", "\xff", nil, "u"}) },
		"redirect: long response_uri": func() (transcript.Transcript, error) { return transcript.OpenID4VP(redirect{"c", "n", nil, long}) },
		"API: no origin":              func() (transcript.Transcript, error) { return transcript.OpenID4VPDCAPI(api{"", "n", thumbprint}) },
		"API: no nonce": func() (transcript.Transcript, error) {
			return transcript.OpenID4VPDCAPI(api{"https://a.example", "", nil})
		},
		"API: origin: prefix": func() (transcript.Transcript, error) {
			return transcript.OpenID4VPDCAPI(api{"origin:https://a.example", "n", nil})
		},
		"API: web-origin: prefix": func() (transcript.Transcript, error) {
			return transcript.OpenID4VPDCAPI(api{"web-origin:https://a.example", "n", nil})
		},
		"API: opaque origin": func() (transcript.Transcript, error) { return transcript.OpenID4VPDCAPI(api{"null", "n", nil}) },
		"API: origin with a path": func() (transcript.Transcript, error) {
			return transcript.OpenID4VPDCAPI(api{"https://a.example/", "n", nil})
		},
		"API: origin in capitals": func() (transcript.Transcript, error) {
			return transcript.OpenID4VPDCAPI(api{"https://A.example", "n", nil})
		},
		"API: scheme in capitals": func() (transcript.Transcript, error) {
			return transcript.OpenID4VPDCAPI(api{"HTTPS://a.example", "n", nil})
		},
		"API: origin with a user": func() (transcript.Transcript, error) {
			return transcript.OpenID4VPDCAPI(api{"https://u@a.example", "n", nil})
		},
		"API: origin, default port": func() (transcript.Transcript, error) {
			return transcript.OpenID4VPDCAPI(api{"https://a.example:443", "n", nil})
		},
		"API: origin without a host":   func() (transcript.Transcript, error) { return transcript.OpenID4VPDCAPI(api{"https://", "n", nil}) },
		"API: origin that is no URL":   func() (transcript.Transcript, error) { return transcript.OpenID4VPDCAPI(api{"https://[", "n", nil}) },
		"annex B: no client_id":        func() (transcript.Transcript, error) { return transcript.AnnexB(annexB{"", "u", "n", "m"}) },
		"annex B: no response_uri":     func() (transcript.Transcript, error) { return transcript.AnnexB(annexB{"c", "", "n", "m"}) },
		"annex B: no nonce":            func() (transcript.Transcript, error) { return transcript.AnnexB(annexB{"c", "u", "", "m"}) },
		"annex B: no nonce of wallet":  func() (transcript.Transcript, error) { return transcript.AnnexB(annexB{"c", "u", "n", ""}) },
		"annex C: no EncryptionInfo":   func() (transcript.Transcript, error) { return transcript.AnnexC(annexC{"", "https://a.example"}) },
		"annex C: no origin":           func() (transcript.Transcript, error) { return transcript.AnnexC(annexC{"x", ""}) },
		"annex C: origin with a query": func() (transcript.Transcript, error) { return transcript.AnnexC(annexC{"x", "https://a.example?b"}) },
	}
	for name, build := range cases {
		t.Run(name, func(t *testing.T) {
			tr, err := build()
			if !errors.Is(err, transcript.ErrMalformed) || !tr.IsZero() {
				t.Errorf("taken: %v", err)
			}
		})
	}
	if _, err := cases["annex B: no nonce"](); err == nil || !strings.Contains(err.Error(), "no nonce") {
		t.Errorf("annex B: no nonce: %v", err)
	}
	for _, origin := range []string{"https://a.example", "http://localhost:4000", "https://a.example:8443", "https://[::1]:8443", "android:apk-key-hash:abc"} {
		if _, err := transcript.OpenID4VPDCAPI(api{Origin: origin, Nonce: "n"}); err != nil {
			t.Errorf("%s: %v", origin, err)
		}
	}
}

// TestHandoversBindEveryInput changes each input in turn: each gives another transcript.
func TestHandoversBindEveryInput(t *testing.T) {
	must := func(tr transcript.Transcript, err error) string {
		if err != nil {
			t.Fatal(err)
		}
		return string(tr.Array())
	}
	thumbprint := bytes.Repeat([]byte{1}, 32)
	seen := map[string]bool{}
	all := []string{
		must(transcript.OpenID4VP(transcript.OpenID4VPHandoverInfo{ClientID: "c", Nonce: "n", ResponseURI: "u"})),
		must(transcript.OpenID4VP(transcript.OpenID4VPHandoverInfo{ClientID: "d", Nonce: "n", ResponseURI: "u"})),
		must(transcript.OpenID4VP(transcript.OpenID4VPHandoverInfo{ClientID: "c", Nonce: "o", ResponseURI: "u"})),
		must(transcript.OpenID4VP(transcript.OpenID4VPHandoverInfo{ClientID: "c", Nonce: "n", ResponseURI: "v"})),
		must(transcript.OpenID4VP(transcript.OpenID4VPHandoverInfo{ClientID: "c", Nonce: "n", ResponseURI: "u", JWKThumbprint: thumbprint})),
		must(transcript.OpenID4VPDCAPI(transcript.OpenID4VPDCAPIHandoverInfo{Origin: "c", Nonce: "n"})),
		must(transcript.OpenID4VPDCAPI(transcript.OpenID4VPDCAPIHandoverInfo{Origin: "d", Nonce: "n"})),
		must(transcript.OpenID4VPDCAPI(transcript.OpenID4VPDCAPIHandoverInfo{Origin: "c", Nonce: "o"})),
		must(transcript.OpenID4VPDCAPI(transcript.OpenID4VPDCAPIHandoverInfo{Origin: "c", Nonce: "n", JWKThumbprint: thumbprint})),
		must(transcript.AnnexB(transcript.AnnexBInfo{ClientID: "c", ResponseURI: "u", Nonce: "n", MdocGeneratedNonce: "m"})),
		must(transcript.AnnexB(transcript.AnnexBInfo{ClientID: "u", ResponseURI: "c", Nonce: "n", MdocGeneratedNonce: "m"})),
		must(transcript.AnnexB(transcript.AnnexBInfo{ClientID: "c", ResponseURI: "u", Nonce: "m", MdocGeneratedNonce: "n"})),
		must(transcript.AnnexC(transcript.DCAPIInfo{EncryptionInfo: "c", Origin: "n"})),
		must(transcript.AnnexC(transcript.DCAPIInfo{EncryptionInfo: "n", Origin: "c"})),
	}
	for _, a := range all {
		if seen[a] {
			t.Error("two handovers are alike")
		}
		seen[a] = true
	}
}

// A JWK's other members and their order do not count: the two examples of OpenID4VP 1.0 print one with use, alg and kid.
func TestJWKThumbprintIsOverFourMembers(t *testing.T) {
	key, err := ecdh.P256().GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	sum, err := transcript.JWKThumbprint(key.PublicKey())
	if err != nil {
		t.Fatal(err)
	}
	p := key.PublicKey().Bytes()
	members, err := json.Marshal(map[string]string{"kty": "EC", "crv": "P-256",
		"x": base64.RawURLEncoding.EncodeToString(p[1:33]), "y": base64.RawURLEncoding.EncodeToString(p[33:])})
	if err != nil { // encoding/json sorts the members of a map, as RFC 7638 wants
		t.Fatal(err)
	}
	want := sha256.Sum256(members)
	compare(t, "thumbprint", sum, want[:])
}
