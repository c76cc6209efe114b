package mdoc_test

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"math/big"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"mobileid/mdoc/mdoctest"
	"mobileid/mdoc/pki"
)

// annexB is the printed example of ISO/IEC TS 18013-7, B.6.
type annexB struct {
	Inputs struct {
		Nonce string `json:"nonce"`
		MGN   string `json:"mdoc_generated_nonce"`
	} `json:"inputs"`
	Transcript string          `json:"session_transcript"`
	JAR        string          `json:"authorization_request_jar"`
	Payload    json.RawMessage `json:"jar_payload"`
	SigningKey struct {
		Crv, D string
	} `json:"reader_signing_key"`
	JWE           string          `json:"authorization_response_jwe"`
	Header        json.RawMessage `json:"jwe_protected_header"`
	EncryptionKey struct {
		Crv, X, Y, D, KID string
	} `json:"reader_encryption_key"`
	EphemeralD string                     `json:"mdoc_ephemeral_key_d"`
	Plaintext  map[string]json.RawMessage `json:"jwe_plaintext"`
	VPToken    string                     `json:"vp_token"`
	Response   string                     `json:"device_response"`
	Root       string                     `json:"iaca_certificate_der"`
	Validity   stamps                     `json:"validity"`
}

func loadAnnexB(t *testing.T) (a annexB) {
	t.Helper()
	mdoctest.ReadJSON(t, "openid4vp/iso18013-7-annex-b.json", &a)
	if a.SigningKey.Crv != "P-256" || a.EncryptionKey.Crv != "P-256" {
		t.Errorf("keys on %s and %s", a.SigningKey.Crv, a.EncryptionKey.Crv)
	}
	return a
}

func unbase64(t *testing.T, s string) []byte {
	t.Helper()
	b, err := base64.RawURLEncoding.Strict().DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// sameJSON compares two JSON texts by what they say.
func sameJSON(t *testing.T, what string, got, want []byte) {
	t.Helper()
	var g, w any
	if err := json.Unmarshal(got, &g); err != nil {
		t.Fatalf("%s: %v", what, err)
	}
	if err := json.Unmarshal(want, &w); err != nil {
		t.Fatalf("%s: %v", what, err)
	}
	if diff := cmp.Diff(w, g); diff != "" {
		t.Errorf("%s differs:\n%s", what, diff)
	}
}

// TestAnnexBRequestObject checks the signed request: its signature, its payload, and that the printed key signed it.
func TestAnnexBRequestObject(t *testing.T) {
	a := loadAnnexB(t)
	parts := strings.Split(a.JAR, ".")
	if len(parts) != 3 {
		t.Fatalf("%d parts", len(parts))
	}
	var header struct {
		Alg string   `json:"alg"`
		X5C []string `json:"x5c"`
	}
	if err := json.Unmarshal(unbase64(t, parts[0]), &header); err != nil {
		t.Fatal(err)
	}
	der, err := base64.StdEncoding.DecodeString(header.X5C[0])
	if err != nil {
		t.Fatal(err)
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pub, ok := c.PublicKey.(*ecdsa.PublicKey)
	if !ok || header.Alg != "ES256" {
		t.Fatalf("%s with a %T", header.Alg, c.PublicKey)
	}
	priv, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), mdoctest.Hex(t, a.SigningKey.D))
	if err != nil || !priv.PublicKey.Equal(pub) {
		t.Errorf("the certificate is for another key: %v", err)
	}
	signature := unbase64(t, parts[2])
	if len(signature) != 64 {
		t.Fatalf("a signature of %d bytes", len(signature))
	}
	digest := sha256.Sum256([]byte(parts[0] + "." + parts[1]))
	r, s := new(big.Int).SetBytes(signature[:32]), new(big.Int).SetBytes(signature[32:])
	if !ecdsa.Verify(pub, digest[:], r, s) {
		t.Error("the signature does not hold")
	}
	sameJSON(t, "payload", unbase64(t, parts[1]), a.Payload)
	var payload struct {
		Nonce    string `json:"nonce"`
		Metadata struct {
			JWKS struct {
				Keys []struct{ X, Y, KID string }
			} `json:"jwks"`
		} `json:"client_metadata"`
	}
	if err := json.Unmarshal(a.Payload, &payload); err != nil {
		t.Fatal(err)
	}
	key := payload.Metadata.JWKS.Keys[0]
	if payload.Nonce != a.Inputs.Nonce || key.KID != a.EncryptionKey.KID {
		t.Error("another nonce or key id")
	}
	if !bytes.Equal(unbase64(t, key.X), mdoctest.Hex(t, a.EncryptionKey.X)) || !bytes.Equal(unbase64(t, key.Y), mdoctest.Hex(t, a.EncryptionKey.Y)) {
		t.Error("the key to encrypt to is another one")
	}
}

// TestAnnexBResponse opens the encrypted response with a key derivation written here, and verifies what is inside.
func TestAnnexBResponse(t *testing.T) {
	a := loadAnnexB(t)
	parts := strings.Split(a.JWE, ".")
	if len(parts) != 5 || parts[1] != "" {
		t.Fatalf("%d parts", len(parts))
	}
	sameJSON(t, "protected header", unbase64(t, parts[0]), a.Header)
	var header struct {
		Alg, Enc, APU, APV, KID string
		EPK                     struct{ X, Y string }
	}
	if err := json.Unmarshal(a.Header, &header); err != nil {
		t.Fatal(err)
	}
	apu, apv := unbase64(t, header.APU), unbase64(t, header.APV)
	if header.Alg != "ECDH-ES" || header.KID != a.EncryptionKey.KID || string(apu) != a.Inputs.MGN || string(apv) != a.Inputs.Nonce {
		t.Error("alg, kid, apu or apv is another one")
	}
	reader, ephemeral := p256Key(t, a.EncryptionKey.D), p256Key(t, a.EphemeralD)
	point := append(append([]byte{4}, mdoctest.Hex(t, a.EncryptionKey.X)...), mdoctest.Hex(t, a.EncryptionKey.Y)...)
	if !bytes.Equal(point, reader.PublicKey().Bytes()) {
		t.Error("the reader's coordinates are not those of its key")
	}
	epk := append(append([]byte{4}, unbase64(t, header.EPK.X)...), unbase64(t, header.EPK.Y)...)
	if !bytes.Equal(epk, ephemeral.PublicKey().Bytes()) {
		t.Error("epk is not the key of the printed ephemeral private key")
	}
	z, err := reader.ECDH(ephemeral.PublicKey())
	if err != nil {
		t.Fatal(err)
	}
	block, err := aes.NewCipher(concatKDF(z, header.Enc, apu, apv))
	if err != nil {
		t.Fatal(err)
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil {
		t.Fatal(err)
	}
	opened, err := gcm.Open(nil, unbase64(t, parts[2]), append(unbase64(t, parts[3]), unbase64(t, parts[4])...), []byte(parts[0]))
	if err != nil {
		t.Fatal(err)
	}
	var plaintext map[string]json.RawMessage
	if err := json.Unmarshal(opened, &plaintext); err != nil {
		t.Fatal(err)
	}
	var token string
	if err := json.Unmarshal(plaintext["vp_token"], &token); err != nil || token != a.VPToken || string(a.Plaintext["vp_token"]) != `"(the vp_token below)"` {
		t.Errorf("another vp_token: %v", err)
	}
	sameJSON(t, "presentation_submission", plaintext["presentation_submission"], a.Plaintext["presentation_submission"])
	if len(plaintext) != len(a.Plaintext) {
		t.Errorf("%d members", len(plaintext))
	}
	if !bytes.Equal(unbase64(t, token), mdoctest.Hex(t, a.Response)) {
		t.Error("another DeviceResponse")
	}

	f := foreign{response: mdoctest.Hex(t, a.Response), transcript: a.Transcript, open: rooted()}
	f.at = a.Validity.check(t, f.response)
	if f.anchors, err = pki.NewAnchors(mdoctest.Hex(t, a.Root)); err != nil {
		t.Fatal(err)
	}
	if r := f.check(t); len(r.Documents) != 1 || len(r.Documents[0].Elements) != 11 {
		t.Error("not every element is given as proved")
	}
}

func p256Key(t *testing.T, d string) *ecdh.PrivateKey {
	t.Helper()
	k, err := ecdh.P256().NewPrivateKey(mdoctest.Hex(t, d))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// concatKDF is the key derivation of RFC 7518, 4.6.2 for a key of 256 bits: one round of SHA-256.
func concatKDF(z []byte, enc string, apu, apv []byte) []byte {
	field := func(b []byte) []byte { return append(binary.BigEndian.AppendUint32(nil, uint32(len(b))), b...) }
	h := sha256.New()
	h.Write([]byte{0, 0, 0, 1})
	h.Write(z)
	h.Write(field([]byte(enc)))
	h.Write(field(apu))
	h.Write(field(apv))
	h.Write([]byte{0, 0, 1, 0})
	return h.Sum(nil)
}
