package encryption_test

import (
	"bytes"
	"crypto/ecdh"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"testing"

	"mobileid/mdoc/cbor"
	"mobileid/mdoc/cose"
	"mobileid/mdoc/encryption"
	"mobileid/mdoc/mdoctest"
	"mobileid/mdoc/transcript"
)

// annexC is one case of openid4vp/iso18013-7-annex-c.json.
type annexC struct {
	ID             string `json:"id"`
	Origin         string `json:"origin"`
	Info           string `json:"encryption_info"`
	InfoText       string `json:"encryption_info_b64"`
	Transcript     string `json:"session_transcript"`
	Request        string `json:"device_request_b64"`
	Response       string `json:"encrypted_response_b64"`
	PrivateKey     string `json:"recipient_private_key"`
	DeviceResponse string `json:"device_response"`
}

func loadAnnexC(tb testing.TB) map[string]annexC {
	tb.Helper()
	var file struct {
		Cases []annexC `json:"cases"`
	}
	mdoctest.ReadJSON(tb, "openid4vp/iso18013-7-annex-c.json", &file)
	out := map[string]annexC{}
	for _, c := range file.Cases {
		out[c.ID] = c
	}
	if len(out) != 4 {
		tb.Fatalf("%d cases, expected 4", len(out))
	}
	return out
}

func compare(t *testing.T, what string, got, want []byte) {
	t.Helper()
	if !bytes.Equal(got, want) {
		t.Errorf("%s differs: %d bytes, want %d", what, len(got), len(want))
	}
}

func private(t testing.TB, d string) *ecdh.PrivateKey {
	t.Helper()
	k, err := ecdh.P256().NewPrivateKey(mdoctest.Hex(t, d))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// TestAnnexCOpens carries ANNEXC-DETERMINISTIC-001 from the JSON of the request to the DeviceResponse.
func TestAnnexCOpens(t *testing.T) {
	c := loadAnnexC(t)["ANNEXC-DETERMINISTIC-001"]
	data, err := json.Marshal(map[string]string{"deviceRequest": c.Request, "encryptionInfo": c.InfoText})
	if err != nil {
		t.Fatal(err)
	}
	request, err := encryption.ParseRequest(data)
	if err != nil {
		t.Fatal(err)
	}
	if again, err := json.Marshal(request); err != nil || !bytes.Equal(again, data) {
		t.Errorf("the request is written differently: %v", err)
	}
	if got := base64.RawURLEncoding.EncodeToString(request.DeviceRequest); got != c.Request {
		t.Error("another DeviceRequest")
	}
	info := request.EncryptionInfo
	compare(t, "nonce", info.Nonce(), []byte{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15})
	key := private(t, c.PrivateKey)
	if !info.RecipientPublicKey().Equal(key.PublicKey()) {
		t.Error("the key is not that of the request")
	}
	tr, err := info.Transcript(c.Origin)
	if err != nil {
		t.Fatal(err)
	}
	compare(t, "transcript", tr.Array(), mdoctest.Hex(t, c.Transcript))

	answer := []byte(`{"response":"` + c.Response + `"}`)
	response, err := encryption.ParseResponse(answer)
	if err != nil {
		t.Fatal(err)
	}
	if again, err := json.Marshal(response); err != nil || !bytes.Equal(again, answer) {
		t.Errorf("the answer is written differently: %v", err)
	}
	got, err := encryption.OpenResponse(key, info, c.Origin, response)
	if err != nil {
		t.Fatal(err)
	}
	compare(t, "DeviceResponse", got, mdoctest.Hex(t, c.DeviceResponse))
	if _, err := encryption.OpenResponse(key, info, "https://other.example", response); err == nil {
		t.Error("it opens at another origin")
	}
}

// TestAnnexCInfo reads the EncryptionInfo of the other makers. The one of the case abc is no EncryptionInfo.
func TestAnnexCInfo(t *testing.T) {
	for id, c := range loadAnnexC(t) {
		info, err := encryption.ParseEncryptionInfo(c.InfoText)
		if id == "abc" {
			if err == nil || info != nil {
				t.Error("the dummy text was taken")
			}
			continue
		}
		if err != nil {
			t.Fatalf("%s: %v", id, err)
		}
		if info.Text() != c.InfoText {
			t.Errorf("%s: the text was not kept", id)
		}
		if c.Info != "" {
			compare(t, id, mdoctest.Hex(t, c.Info), unbase64(t, c.InfoText))
		}
		tr, err := info.Transcript(c.Origin)
		if err != nil {
			t.Fatal(err)
		}
		compare(t, id+": transcript", tr.Array(), mdoctest.Hex(t, c.Transcript))
		if c.Response == "" {
			continue
		}
		raw := unbase64(t, c.Response)
		response, err := encryption.ParseEncryptedResponse(raw)
		if err != nil {
			t.Fatalf("%s: %v", id, err)
		}
		compare(t, id+": answer", response.Bytes(), raw)
	}
}

func unbase64(t testing.TB, s string) []byte {
	t.Helper()
	b, err := base64.RawURLEncoding.Strict().DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestAppleEnvelopeOpens opens the sample of Apple's in-app presentation: the same suite under another envelope, from before
// the standard.
func TestAppleEnvelopeOpens(t *testing.T) {
	var file struct {
		Envelope   string `json:"envelope"`
		Private    string `json:"merchant_private_key_d"`
		Public     string `json:"merchant_public_key"`
		Transcript string `json:"session_transcript"`
		Plaintext  string `json:"plaintext"`
		Response   string `json:"device_response"`
	}
	mdoctest.ReadJSON(t, "openid4vp/apple-passkit-sample.json", &file)
	var envelope struct {
		Algorithm string `cbor:"algorithm"`
		Params    struct {
			Mode     uint64 `cbor:"mode"`
			PKEm     []byte `cbor:"pkEm"`
			PKRHash  []byte `cbor:"pkRHash"`
			InfoHash []byte `cbor:"infoHash"`
		} `cbor:"params"`
		Data []byte `cbor:"data"`
	}
	if err := cbor.Unmarshal(mdoctest.Hex(t, file.Envelope), &envelope); err != nil {
		t.Fatal(err)
	}
	if envelope.Algorithm != "APPLE-HPKE-v1" || envelope.Params.Mode != 0 {
		t.Errorf("algorithm %s, mode %d", envelope.Algorithm, envelope.Params.Mode)
	}
	tr, err := transcript.Parse(mdoctest.Hex(t, file.Transcript))
	if err != nil {
		t.Fatal(err)
	}
	key := private(t, file.Private)
	compare(t, "merchant key", key.PublicKey().Bytes(), mdoctest.Hex(t, file.Public))
	infoHash, keyHash := sha256.Sum256(tr.Array()), sha256.Sum256(key.PublicKey().Bytes())
	compare(t, "infoHash", envelope.Params.InfoHash, infoHash[:])
	compare(t, "pkRHash", envelope.Params.PKRHash, keyHash[:])
	opened, err := encryption.Open(key, tr, encryption.Sealed{Enc: envelope.Params.PKEm, CipherText: envelope.Data})
	if err != nil {
		t.Fatal(err)
	}
	compare(t, "plaintext", opened, mdoctest.Hex(t, file.Plaintext))
	var identity struct {
		Identity cbor.RawMessage `cbor:"identity"`
	}
	if err := cbor.Unmarshal(opened, &identity); err != nil {
		t.Fatal(err)
	}
	compare(t, "DeviceResponse", identity.Identity, mdoctest.Hex(t, file.Response))
}

// coseKey is a COSE_Key for a test's own structures.
func coseKey(t testing.TB, pub *ecdh.PublicKey) []byte {
	t.Helper()
	k, err := cose.NewKey(pub)
	if err != nil {
		t.Fatal(err)
	}
	return k.Bytes()
}
