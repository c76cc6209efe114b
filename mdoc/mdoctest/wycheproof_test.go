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
	"fmt"
	"hash"
	"math/big"
	"slices"
	"testing"

	"mobileid/mdoc/mdoctest"
)

// The cryptography of this module is that of Go's standard library. These tests hold it against the published attacks, file by
// file and case by case: valid must be accepted and give the stated bytes, invalid must be refused, and what the vectors
// call acceptable follows the policy written beside each file.

// errRefused is what a primitive answers that refused its input, errDiffers that what it made is not what the case states; any
// other error fails the test.
var (
	errRefused = errors.New("refused")
	errDiffers = errors.New("other bytes than stated")
)

func refusal(err error) error {
	if err == nil {
		return nil
	}
	return errRefused
}

func same(got []byte, err error, want []byte) error {
	switch {
	case err != nil:
		return errRefused
	case !bytes.Equal(got, want):
		return errDiffers
	}
	return nil
}

// wycheproofFile is how one file is run and what is decided where the vectors leave it open.
type wycheproofFile struct {
	name  string
	count int
	run   func(g mdoctest.WycheproofGroup, c mdoctest.WycheproofCase) error
	// policy says, by flag, whether an acceptable case is accepted; a refusing flag outweighs others. A case is acceptable exactly
	// when it has one of these flags.
	policy map[string]bool
	// accepted are the numbers of acceptable cases that pass against their flag.
	accepted []int
	// stated holds what a refused acceptable case states against its inputs.
	stated func(g mdoctest.WycheproofGroup, c mdoctest.WycheproofCase) error
}

func wycheproofFiles(t *testing.T) []wycheproofFile {
	type (
		group  = mdoctest.WycheproofGroup
		single = mdoctest.WycheproofCase
	)
	hx := func(s string) []byte { return mdoctest.Hex(t, s) }
	// A compressed point is no point of a session: EReaderKey is uncompressed, and a COSE_Key says its sign elsewhere.
	compressed := map[string]bool{"CompressedPublic": false}
	// A key whose parameters are spelled out or changed is refused, a malformed encoding too. Of these those pass of which Go's
	// parser does not read the part that is wrong; the point in them is right.
	encoding := map[string]bool{"CompressedPublic": false, "UnusedParam": false, "InvalidAsn": false}
	return []wycheproofFile{
		{name: "aes_gcm_test", count: 316, run: func(_ group, c single) error { return gcm(c, hx) }},
		{name: "ecdh_secp256r1_ecpoint_test", count: 355, run: func(_ group, c single) error { return point(ecdh.P256(), 32, c, hx) },
			policy: compressed, stated: func(_ group, c single) error { return statedSecret(ecdh.P256(), elliptic.P256(), c, hx) }},
		{name: "ecdh_secp384r1_ecpoint_test", count: 790, run: func(_ group, c single) error { return point(ecdh.P384(), 48, c, hx) },
			policy: compressed, stated: func(_ group, c single) error { return statedSecret(ecdh.P384(), elliptic.P384(), c, hx) }},
		{name: "ecdh_secp256r1_test", count: 612, run: func(_ group, c single) error { return spki(ecdh.P256(), 32, c, hx) },
			policy: encoding, accepted: []int{417, 418, 423, 424, 458, 473, 474, 475, 476, 477, 478, 479, 480, 485, 486, 489},
			stated: func(g group, c single) error {
				return statedSecret(ecdh.P256(), elliptic.P256(), intact(g, c), hx)
			}},
		{name: "ecdh_secp384r1_test", count: 1047, run: func(_ group, c single) error { return spki(ecdh.P384(), 48, c, hx) },
			policy: encoding, accepted: []int{852, 853, 858, 859, 893, 908, 909, 910, 911, 912, 913, 914, 915, 920, 921, 924},
			stated: func(g group, c single) error {
				return statedSecret(ecdh.P384(), elliptic.P384(), intact(g, c), hx)
			}},
		// A point of the twist and a number over the prime are computed right; a shared secret of zeros is refused (RFC 7748, 6.1).
		{name: "x25519_test", count: 518, run: func(_ group, c single) error { return point(ecdh.X25519(), 32, c, hx) },
			policy: map[string]bool{"Twist": true, "NonCanonicalPublic": true, "ZeroSharedSecret": false},
			stated: func(_ group, c single) error { return same(hx(c.Shared), nil, make([]byte, 32)) }},
		{name: "ecdsa_secp256r1_sha256_test", count: 484, run: func(g group, c single) error { return der(elliptic.P256(), sha256.New, g, c, hx) }},
		{name: "ecdsa_secp384r1_sha384_test", count: 504, run: func(g group, c single) error { return der(elliptic.P384(), sha512.New384, g, c, hx) }},
		{name: "hkdf_sha256_test", count: 86, run: func(_ group, c single) error {
			okm, err := hkdf.Key(sha256.New, hx(c.IKM), hx(c.Salt), string(hx(c.Info)), c.Size)
			return same(okm, err, hx(c.OKM))
		}},
		{name: "hmac_sha256_test", count: 174, run: func(g group, c single) error {
			m := hmac.New(sha256.New, hx(c.Key))
			m.Write(hx(c.Msg))
			return same(m.Sum(nil)[:g.TagSize/8], nil, hx(c.Tag))
		}},
		// The one acceptable case leaves out the NULL of the hash's parameters and is refused; it is right but for that.
		{name: "rsa_signature_2048_sha256_test", count: 259, run: func(g group, c single) error { return rsaVerify(g, c, hx) },
			policy: map[string]bool{"MissingNull": false}, stated: func(g group, c single) error { return statedHash(g, c, hx) }},
		// SHA-1 and the exponent 3 are what makes these acceptable; the signatures made are the same.
		{name: "rsa_pkcs1_2048_sig_gen_test", count: 43, run: func(g group, c single) error { return rsaSign(g, c, hx) },
			policy: map[string]bool{"WeakHash": true, "SmallPublicKey": true}},
	}
}

func TestWycheproof(t *testing.T) {
	for _, f := range wycheproofFiles(t) {
		t.Run(f.name, func(t *testing.T) {
			ran := 0
			for _, g := range mdoctest.LoadWycheproof(t, f.name) {
				for _, c := range g.Tests {
					ran++
					if err := f.judge(g, c); err != nil {
						t.Errorf("case %d, %s %v: %v", c.TcID, c.Result, c.Flags, err)
					}
				}
			}
			if ran != f.count {
				t.Errorf("%d cases ran, expected %d", ran, f.count)
			}
		})
	}
}

// judge runs one case and says what is not as its result and the policy want it.
func (f wycheproofFile) judge(g mdoctest.WycheproofGroup, c mdoctest.WycheproofCase) error {
	var accept, open bool
	for _, flag := range c.Flags {
		if yes, ok := f.policy[flag]; ok {
			accept, open = yes && (accept || !open), true
		}
	}
	if open != (c.Result == "acceptable") {
		return errors.New("the flags say another result")
	}
	accept = accept || slices.Contains(f.accepted, c.TcID)
	err := f.run(g, c)
	switch {
	case err != nil && !errors.Is(err, errRefused) && !errors.Is(err, errDiffers):
		return err
	case c.Result == "invalid" && err == nil:
		return errors.New("accepted")
	case c.Result == "valid" || c.Result == "acceptable" && accept:
		return err
	case c.Result == "acceptable" && !errors.Is(err, errRefused):
		return fmt.Errorf("not refused: %w", err)
	case c.Result == "acceptable":
		return f.stated(g, c)
	}
	return nil
}

func gcm(c mdoctest.WycheproofCase, hx func(string) []byte) error {
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

func point(curve ecdh.Curve, size int, c mdoctest.WycheproofCase, hx func(string) []byte) error {
	pub, err := curve.NewPublicKey(hx(c.Public))
	if err != nil {
		return errRefused
	}
	return agree(curve, size, pub, c, hx)
}

func agree(curve ecdh.Curve, size int, pub *ecdh.PublicKey, c mdoctest.WycheproofCase, hx func(string) []byte) error {
	priv, err := curve.NewPrivateKey(scalar(hx(c.Private), size))
	if err != nil {
		return errRefused
	}
	z, err := priv.ECDH(pub)
	return same(z, err, hx(c.Shared))
}

func spki(curve ecdh.Curve, size int, c mdoctest.WycheproofCase, hx func(string) []byte) error {
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

// intact gives a case of a malformed encoding the key of the first of them, whose point is whole: all were made of that key.
func intact(g mdoctest.WycheproofGroup, c mdoctest.WycheproofCase) mdoctest.WycheproofCase {
	if slices.Contains(c.Flags, "InvalidAsn") {
		first := slices.IndexFunc(g.Tests, func(c mdoctest.WycheproofCase) bool { return slices.Contains(c.Flags, "InvalidAsn") })
		c.Public = g.Tests[first].Public
	}
	return c
}

// statedSecret holds the private key and the secret of a case against the point at the end of its public key, compressed or not,
// whatever stands before it.
func statedSecret(curve ecdh.Curve, shape elliptic.Curve, c mdoctest.WycheproofCase, hx func(string) []byte) error {
	size := (shape.Params().BitSize + 7) / 8
	key := hx(c.Public)
	if slices.Contains(c.Flags, "CompressedPublic") {
		x, y := elliptic.UnmarshalCompressed(shape, key[max(0, len(key)-1-size):])
		if x == nil {
			return errors.New("no compressed point")
		}
		key = slices.Concat([]byte{4}, x.FillBytes(make([]byte, size)), y.FillBytes(make([]byte, size)))
	}
	pub, err := curve.NewPublicKey(key[max(0, len(key)-1-2*size):])
	if err != nil {
		return err
	}
	return agree(curve, size, pub, c, hx)
}

func der(curve elliptic.Curve, h func() hash.Hash, g mdoctest.WycheproofGroup, c mdoctest.WycheproofCase, hx func(string) []byte) error {
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

func rsaKey(g mdoctest.WycheproofGroup, hx func(string) []byte) (*rsa.PublicKey, error) {
	var key struct{ N, E *big.Int }
	if _, err := asn1.Unmarshal(hx(g.PublicKeyASN), &key); err != nil {
		return nil, err
	}
	return &rsa.PublicKey{N: key.N, E: int(key.E.Int64())}, nil
}

func rsaVerify(g mdoctest.WycheproofGroup, c mdoctest.WycheproofCase, hx func(string) []byte) error {
	pub, err := rsaKey(g, hx)
	if err != nil {
		return err
	}
	digest := sha256.Sum256(hx(c.Msg))
	return refusal(rsa.VerifyPKCS1v15(pub, crypto.SHA256, digest[:], hx(c.Sig)))
}

// statedHash opens the signature and expects the padding, SHA-256 without the NULL, and the message's hash.
func statedHash(g mdoctest.WycheproofGroup, c mdoctest.WycheproofCase, hx func(string) []byte) error {
	pub, err := rsaKey(g, hx)
	if err != nil {
		return err
	}
	opened := new(big.Int).Exp(new(big.Int).SetBytes(hx(c.Sig)), big.NewInt(int64(pub.E)), pub.N).FillBytes(make([]byte, pub.Size()))
	digest := sha256.Sum256(hx(c.Msg))
	info := slices.Concat(hx("00302f300b0609608648016503040201"), []byte{4, sha256.Size}, digest[:])
	filling := bytes.Repeat([]byte{0xff}, pub.Size()-2-len(info))
	return same(opened, nil, slices.Concat([]byte{0, 1}, filling, info))
}

func rsaSign(g mdoctest.WycheproofGroup, c mdoctest.WycheproofCase, hx func(string) []byte) error {
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
