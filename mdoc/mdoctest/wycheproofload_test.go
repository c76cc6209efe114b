package mdoctest_test

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"mobileid/mdoc/mdoctest"
)

// TestWycheproofContradictions changes a file in the places that state one thing twice: the loader refuses each.
func TestWycheproofContradictions(t *testing.T) {
	for _, c := range []struct{ name, file, from, to string }{
		{"number of cases", "hkdf_sha256_test", `"numberOfTests": 86`, `"numberOfTests": 87`},
		{"a case's number", "x25519_test", `"tcId": 7,`, `"tcId": 8,`},
		{"a number outside the file's", "rsa_pkcs1_2048_sig_gen_test", `"tcId": 154`, `"tcId": 156`},
		{"algorithm", "hmac_sha256_test", `"algorithm": "HMACSHA256"`, `"algorithm": "HMACSHA384"`},
		{"kind", "hmac_sha256_test", `"type": "MacTest"`, `"type": "AeadTest"`},
		{"result", "x25519_test", `"result": "acceptable"`, `"result": "valid"`},
		{"no result", "x25519_test", `"result": "acceptable"`, `"result": "unknown"`},
		{"an unknown key", "x25519_test", `"tcId": 7,`, `"tcId": 7, "more": 1,`},
		{"curve", "ecdh_secp256r1_test", `"curve": "secp256r1"`, `"curve": "secp384r1"`},
		{"curve of a key", "ecdsa_secp384r1_sha384_test", `"curve": "secp384r1"`, `"curve": "secp256r1"`},
		{"hash", "ecdsa_secp256r1_sha256_test", `"sha": "SHA-256"`, `"sha": "SHA-384"`},
		{"key size", "ecdsa_secp256r1_sha256_test", `"keySize": 256`, `"keySize": 384`},
		{"size of a MAC's key", "aes_cmac_test", `"keySize": 192`, `"keySize": 128`},
		{"size of a tag", "hmac_sha256_test", `"tagSize": 128`, `"tagSize": 256`},
		{"size of no tag", "aes_cmac_test", `"keySize": 320,\s*"tagSize": 128`, `"keySize": 320, "tagSize": 129`},
		{"size of a nonce", "aes_gcm_test", `"ivSize": 96`, `"ivSize": 64`},
		{"size of key material", "hkdf_sha256_test", `"size": 20,`, `"size": 21,`},
		{"wx", "ecdsa_secp256r1_sha256_test", `"wx": "[0-9a-f]{8}`, `"wx": "01020304`},
		{"DER", "ecdsa_secp256r1_sha256_test", `"publicKeyDer": "3059`, `"publicKeyDer": "3058`},
		{"PEM", "ecdsa_secp256r1_sha256_test", `KEY-----\\nMFkw`, `KEY-----\nMFkx`},
		{"JWK", "ecdsa_secp256r1_sha256_p1363_test", `"x": "....`, `"x": "AAAA`},
		{"curve of a JWK", "ecdsa_secp256r1_sha256_p1363_test", `"crv": "P-256"`, `"crv": "P-384"`},
		{"RSA exponent", "rsa_signature_2048_sha256_test", `"publicExponent": "010001"`, `"publicExponent": "03"`},
		{"RSA key in PKCS #1", "rsa_signature_2048_sha256_test", `"publicKeyAsn": "3082010a`, `"publicKeyAsn": "3082010b`},
		{"hash of a JWK", "rsa_pkcs1_2048_sig_gen_test", `"alg": "RS384"`, `"alg": "RS256"`},
		{"private exponent", "rsa_pkcs1_2048_sig_gen_test", `"privateExponent": "....`, `"privateExponent": "0000`},
		{"coefficient of a JWK", "rsa_pkcs1_2048_sig_gen_test", `"qi": "....`, `"qi": "AAAA`},
	} {
		t.Run(c.name, func(t *testing.T) {
			data, err := os.ReadFile(filepath.Join(mdoctest.Vectors(t), "wycheproof", c.file+".json"))
			if err != nil {
				t.Fatal(err)
			}
			if _, err := mdoctest.ReadWycheproof(c.file, data); err != nil {
				t.Fatalf("as published: %v", err)
			}
			at := regexp.MustCompile(c.from).FindIndex(data)
			if at == nil {
				t.Fatalf("%s is not in the file", c.from)
			}
			changed := bytes.Join([][]byte{data[:at[0]], data[at[1]:]}, []byte(c.to))
			if groups, err := mdoctest.ReadWycheproof(c.file, changed); err == nil || groups != nil {
				t.Errorf("%d groups, %v", len(groups), err)
			}
		})
	}
	if _, err := mdoctest.ReadWycheproof("another_test", []byte("{}")); err == nil {
		t.Error("a file of which nothing is known was read")
	}
}
