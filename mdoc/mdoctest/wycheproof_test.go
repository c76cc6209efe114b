package mdoctest_test

import (
	"bytes"
	"crypto"
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rsa"
	_ "crypto/sha1" //nolint:gosec // named by some groups of the signing vectors
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"hash"
	"math/big"
	"slices"
	"testing"

	"mobileid/mdoc/mdoctest"
)

// The cryptography of this module is that of Go's standard library. These tests hold it against the published attacks, file by
// file and case by case: valid must be accepted and give the stated bytes, invalid must be refused, and what the vectors
// call acceptable follows the policy written beside each file.

type wycheproofCase struct {
	TcID    int      `json:"tcId"`
	Flags   []string `json:"flags"`
	Result  string   `json:"result"`
	Public  string   `json:"public"`
	Private string   `json:"private"`
	Shared  string   `json:"shared"`
	Msg     string   `json:"msg"`
	Sig     string   `json:"sig"`
	Key     string   `json:"key"`
	IV      string   `json:"iv"`
	AAD     string   `json:"aad"`
	CT      string   `json:"ct"`
	Tag     string   `json:"tag"`
	IKM     string   `json:"ikm"`
	Salt    string   `json:"salt"`
	Info    string   `json:"info"`
	Size    int      `json:"size"`
	OKM     string   `json:"okm"`
}

type wycheproofGroup struct {
	SHA       string `json:"sha"`
	TagSize   int    `json:"tagSize"`
	PublicKey struct {
		Uncompressed string `json:"uncompressed"`
	} `json:"publicKey"`
	PublicKeyASN string `json:"publicKeyAsn"`
	PrivateKey   struct {
		Modulus         string `json:"modulus"`
		PublicExponent  string `json:"publicExponent"`
		PrivateExponent string `json:"privateExponent"`
	} `json:"privateKey"`
	Tests []wycheproofCase `json:"tests"`
}

// errRefused is what a primitive answers that refused its input; any other error fails the test.
var errRefused = errors.New("refused")

func refusal(err error) error {
	if err == nil {
		return nil
	}
	return errRefused
}

func same(got []byte, err error, want []byte) error {
	if err != nil || !bytes.Equal(got, want) {
		return errRefused
	}
	return nil
}

func TestWycheproof(t *testing.T) {
	hx := func(s string) []byte { return mdoctest.Hex(t, s) }
	for _, f := range []struct {
		file  string
		count int
		// accepted lists the flags of acceptable cases that are accepted here, cases their numbers where the flag does not tell;
		// all other acceptable cases are refused.
		accepted []string
		cases    []int
		run      func(g wycheproofGroup, c wycheproofCase) error
	}{
		{"aes_gcm_test", 316, nil, nil, func(g wycheproofGroup, c wycheproofCase) error { return gcm(g, c, hx) }},
		// A compressed point is no point of a session: EReaderKey is uncompressed, and a COSE_Key says its sign elsewhere.
		{"ecdh_secp256r1_ecpoint_test", 355, nil, nil, func(_ wycheproofGroup, c wycheproofCase) error { return point(ecdh.P256(), 32, c, hx) }},
		{"ecdh_secp384r1_ecpoint_test", 790, nil, nil, func(_ wycheproofGroup, c wycheproofCase) error { return point(ecdh.P384(), 48, c, hx) }},
		// A key whose parameters are spelled out or changed is refused. Of malformed encodings those pass of which Go's parser does
		// not read the part that is wrong; the point in them is right.
		{"ecdh_secp256r1_test", 612, nil, []int{417, 418, 423, 424, 458, 473, 474, 475, 476, 477, 478, 479, 480, 485, 486, 489}, func(_ wycheproofGroup, c wycheproofCase) error { return spki(ecdh.P256(), 32, c, hx) }},
		{"ecdh_secp384r1_test", 1047, nil, []int{852, 853, 858, 859, 893, 908, 909, 910, 911, 912, 913, 914, 915, 920, 921, 924}, func(_ wycheproofGroup, c wycheproofCase) error { return spki(ecdh.P384(), 48, c, hx) }},
		// All but the shared secret of zeros.
		{"x25519_test", 518, []string{"Twist", "NonCanonicalPublic", "SmallPublicKey", "EdgeCaseShared", "EdgeCaseMultiplication", "SpecialPublicKey", "Ktv"}, nil,
			func(_ wycheproofGroup, c wycheproofCase) error { return point(ecdh.X25519(), 32, c, hx) }},
		{"ecdsa_secp256r1_sha256_test", 484, nil, nil, func(g wycheproofGroup, c wycheproofCase) error { return der(elliptic.P256(), sha256.New, g, c, hx) }},
		{"ecdsa_secp384r1_sha384_test", 504, nil, nil, func(g wycheproofGroup, c wycheproofCase) error { return der(elliptic.P384(), sha512.New384, g, c, hx) }},
		{"hkdf_sha256_test", 86, nil, nil, func(_ wycheproofGroup, c wycheproofCase) error {
			okm, err := hkdf.Key(sha256.New, hx(c.IKM), hx(c.Salt), string(hx(c.Info)), c.Size)
			return same(okm, err, hx(c.OKM))
		}},
		{"hmac_sha256_test", 174, nil, nil, func(g wycheproofGroup, c wycheproofCase) error {
			m := hmac.New(sha256.New, hx(c.Key))
			m.Write(hx(c.Msg))
			return same(m.Sum(nil)[:g.TagSize/8], nil, hx(c.Tag))
		}},
		// The one acceptable case leaves out the NULL of the hash's parameters.
		{"rsa_signature_2048_sha256_test", 259, nil, nil, func(g wycheproofGroup, c wycheproofCase) error { return rsaVerify(g, c, hx) }},
		// Weak hashes and short keys are what makes these acceptable; the signatures made are the same.
		{"rsa_pkcs1_2048_sig_gen_test", 43, []string{"SmallPublicKey", "WeakHash"}, nil, func(g wycheproofGroup, c wycheproofCase) error { return rsaSign(g, c, hx) }},
	} {
		t.Run(f.file, func(t *testing.T) {
			var file struct {
				NumberOfTests int               `json:"numberOfTests"`
				TestGroups    []wycheproofGroup `json:"testGroups"`
			}
			mdoctest.ReadJSON(t, "wycheproof/"+f.file+".json", &file)
			ran := 0
			for _, g := range file.TestGroups {
				for _, c := range g.Tests {
					ran++
					accept := c.Result == "valid" || c.Result == "acceptable" && slices.Contains(f.cases, c.TcID) ||
						c.Result == "acceptable" && slices.ContainsFunc(c.Flags, func(flag string) bool { return slices.Contains(f.accepted, flag) })
					if f.file == "x25519_test" && slices.Contains(c.Flags, "ZeroSharedSecret") {
						accept = false
					}
					if got := f.run(g, c) == nil; got != accept {
						t.Errorf("case %d, %s %v: accepted %v", c.TcID, c.Result, c.Flags, got)
					}
				}
			}
			if ran != f.count || ran != file.NumberOfTests {
				t.Errorf("%d cases ran, the file says %d, expected %d", ran, file.NumberOfTests, f.count)
			}
		})
	}
}

func gcm(g wycheproofGroup, c wycheproofCase, hx func(string) []byte) error {
	block, err := aes.NewCipher(hx(c.Key))
	if err != nil {
		return errRefused
	}
	iv := hx(c.IV)
	if len(iv) == 0 {
		return errRefused
	}
	aead, err := cipher.NewGCMWithNonceSize(block, len(iv))
	if err != nil {
		return errRefused
	}
	sealed := slices.Concat(hx(c.CT), hx(c.Tag))
	opened, err := aead.Open(nil, iv, sealed, hx(c.AAD))
	if err := same(opened, err, hx(c.Msg)); err != nil {
		return err
	}
	return same(aead.Seal(nil, iv, hx(c.Msg), hx(c.AAD)), nil, sealed)
}

// scalar cuts or fills a private key to the curve's size: the vectors write it as a signed integer.
func scalar(raw []byte, size int) []byte {
	return new(big.Int).SetBytes(raw).FillBytes(make([]byte, size))
}

func point(curve ecdh.Curve, size int, c wycheproofCase, hx func(string) []byte) error {
	pub, err := curve.NewPublicKey(hx(c.Public))
	if err != nil {
		return errRefused
	}
	return agree(curve, size, pub, c, hx)
}

func agree(curve ecdh.Curve, size int, pub *ecdh.PublicKey, c wycheproofCase, hx func(string) []byte) error {
	priv, err := curve.NewPrivateKey(scalar(hx(c.Private), size))
	if err != nil {
		return errRefused
	}
	z, err := priv.ECDH(pub)
	return same(z, err, hx(c.Shared))
}

func spki(curve ecdh.Curve, size int, c wycheproofCase, hx func(string) []byte) error {
	key, err := x509.ParsePKIXPublicKey(hx(c.Public))
	if err != nil {
		return errRefused
	}
	ec, ok := key.(*ecdsa.PublicKey)
	if !ok {
		return errRefused
	}
	pub, err := ec.ECDH()
	if err != nil || pub.Curve() != curve {
		return errRefused
	}
	return agree(curve, size, pub, c, hx)
}

func der(curve elliptic.Curve, h func() hash.Hash, g wycheproofGroup, c wycheproofCase, hx func(string) []byte) error {
	pub, err := ecdsa.ParseUncompressedPublicKey(curve, hx(g.PublicKey.Uncompressed))
	if err != nil {
		return err
	}
	d := h()
	d.Write(hx(c.Msg))
	if !ecdsa.VerifyASN1(pub, d.Sum(nil), hx(c.Sig)) {
		return errRefused
	}
	return nil
}

func rsaVerify(g wycheproofGroup, c wycheproofCase, hx func(string) []byte) error {
	var key struct{ N, E *big.Int }
	if _, err := asn1.Unmarshal(hx(g.PublicKeyASN), &key); err != nil {
		return err
	}
	digest := sha256.Sum256(hx(c.Msg))
	pub := &rsa.PublicKey{N: key.N, E: int(key.E.Int64())}
	return refusal(rsa.VerifyPKCS1v15(pub, crypto.SHA256, digest[:], hx(c.Sig)))
}

func rsaSign(g wycheproofGroup, c wycheproofCase, hx func(string) []byte) error {
	number := func(s string) *big.Int { return new(big.Int).SetBytes(hx(s)) }
	k := &rsa.PrivateKey{
		PublicKey: rsa.PublicKey{N: number(g.PrivateKey.Modulus), E: int(number(g.PrivateKey.PublicExponent).Int64())},
		D:         number(g.PrivateKey.PrivateExponent),
	}
	h, ok := map[string]crypto.Hash{"SHA-1": crypto.SHA1, "SHA-224": crypto.SHA224, "SHA-256": crypto.SHA256, "SHA-384": crypto.SHA384,
		"SHA-512": crypto.SHA512, "SHA-512/224": crypto.SHA512_224, "SHA-512/256": crypto.SHA512_256}[g.SHA]
	if !ok {
		return errors.New("unknown hash " + g.SHA)
	}
	d := h.New()
	d.Write(hx(c.Msg))
	sig, err := rsa.SignPKCS1v15(nil, k, h, d.Sum(nil))
	return same(sig, err, hx(c.Sig))
}
