package mdoctest

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
)

// wycheproofKeys are the forms in which a group writes its key; RSA groups for signing call the public ones key..., not publicKey....
type wycheproofKeys struct {
	PublicKey struct {
		Type           string `json:"type"`
		Curve          string `json:"curve"`
		KeySize        int    `json:"keySize"`
		Uncompressed   string `json:"uncompressed"`
		WX             string `json:"wx"`
		WY             string `json:"wy"`
		Modulus        string `json:"modulus"`
		PublicExponent string `json:"publicExponent"`
	} `json:"publicKey"`
	PublicKeyASN string         `json:"publicKeyAsn"`
	PublicKeyDER string         `json:"publicKeyDer"`
	PublicKeyPEM string         `json:"publicKeyPem"`
	PublicKeyJWK *wycheproofJWK `json:"publicKeyJwk"`
	KeyASN       string         `json:"keyAsn"`
	KeyDER       string         `json:"keyDer"`
	KeyPEM       string         `json:"keyPem"`
	KeyJWK       *wycheproofJWK `json:"keyJwk"`
	PrivateKey   struct {
		Modulus         string `json:"modulus"`
		PublicExponent  string `json:"publicExponent"`
		PrivateExponent string `json:"privateExponent"`
	} `json:"privateKey"`
	PrivateKeyPEM   string         `json:"privateKeyPem"`
	PrivateKeyPKCS8 string         `json:"privateKeyPkcs8"`
	PrivateKeyJWK   *wycheproofJWK `json:"privateKeyJwk"`
}

type wycheproofJWK struct {
	Kty string `json:"kty"`
	Kid string `json:"kid"`
	Alg string `json:"alg"`
	Crv string `json:"crv"`
	X   string `json:"x"`
	Y   string `json:"y"`
	N   string `json:"n"`
	E   string `json:"e"`
	D   string `json:"d"`
	P   string `json:"p"`
	Q   string `json:"q"`
	DP  string `json:"dp"`
	DQ  string `json:"dq"`
	QI  string `json:"qi"`
}

// number is a value with the texts that write it, in hex or, of a JWK, in base64url.
type number struct {
	name  string
	value *big.Int
	hex   string
	jwk   *string
}

func (n number) check() error {
	if n.jwk == nil {
		if got, ok := new(big.Int).SetString(n.hex, 16); !ok || got.Cmp(n.value) != 0 {
			return fmt.Errorf("%s is of another key", n.name)
		}
		return nil
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(*n.jwk)
	if err != nil || new(big.Int).SetBytes(raw).Cmp(n.value) != 0 {
		return fmt.Errorf("%s of the JWK is of another key", n.name)
	}
	return nil
}

func checkNumbers(all ...number) error {
	var errs []error
	for _, n := range all {
		errs = append(errs, n.check())
	}
	return errors.Join(errs...)
}

// encoded holds a key's encoding against its hex and, where one is given, its PEM text.
func encoded(name string, der []byte, inHex, inPEM, label string) error {
	if inHex != "" && inHex != hex.EncodeToString(der) {
		return fmt.Errorf("%s is of another key", name)
	}
	if label == "" {
		return nil
	}
	if block, _ := pem.Decode([]byte(inPEM)); block == nil || block.Type != label || !bytes.Equal(block.Bytes, der) {
		return fmt.Errorf("%s in PEM is of another key", name)
	}
	return nil
}

// ec holds the forms of an elliptic curve key against the uncompressed point.
func (g *WycheproofGroup) ec(curve string) error {
	c, crv := elliptic.P256(), "P-256"
	if curve == "secp384r1" {
		c, crv = elliptic.P384(), "P-384"
	}
	k := g.PublicKey
	if k.Curve != curve || k.KeySize != c.Params().BitSize {
		return fmt.Errorf("a key of %d bits on %q, want %q", k.KeySize, k.Curve, curve)
	}
	point, err := hex.DecodeString(k.Uncompressed)
	if err != nil {
		return err
	}
	pub, err := ecdsa.ParseUncompressedPublicKey(c, point)
	if err != nil {
		return err
	}
	der, err := x509.MarshalPKIXPublicKey(pub)
	if err != nil {
		return err
	}
	half := 1 + len(point)/2
	x, y := new(big.Int).SetBytes(point[1:half]), new(big.Int).SetBytes(point[half:])
	numbers := []number{{"wx", x, k.WX, nil}, {"wy", y, k.WY, nil}}
	if jwk := g.PublicKeyJWK; jwk != nil {
		if jwk.Crv != crv {
			return fmt.Errorf("a JWK on %q", jwk.Crv)
		}
		numbers = append(numbers, number{"x", x, "", &jwk.X}, number{"y", y, "", &jwk.Y})
	}
	return errors.Join(encoded("publicKeyDer", der, g.PublicKeyDER, g.PublicKeyPEM, "PUBLIC KEY"), checkNumbers(numbers...))
}

// rsa holds the forms of an RSA key against the public key in DER and, of a group for signing, the private key in PKCS #8.
func (g *WycheproofGroup) rsa() error {
	if g.Kind == "RsassaPkcs1Verify" {
		k := g.PublicKey
		return g.rsaPublic(g.PublicKeyDER, g.PublicKeyPEM, g.PublicKeyASN, k.Modulus, k.PublicExponent)
	}
	k := g.PrivateKey
	return errors.Join(g.rsaPublic(g.KeyDER, g.KeyPEM, g.KeyASN, k.Modulus, k.PublicExponent), g.rsaPrivate())
}

func (g *WycheproofGroup) rsaPublic(inHex, inPEM, asn, modulus, exponent string) error {
	der, err := hex.DecodeString(inHex)
	if err != nil {
		return err
	}
	key, err := x509.ParsePKIXPublicKey(der)
	if err != nil {
		return err
	}
	pub, ok := key.(*rsa.PublicKey)
	if !ok || pub.N.BitLen() != g.KeySize || g.KeySize != 2048 {
		return fmt.Errorf("no RSA key of %d bits, or not 2048", g.KeySize)
	}
	e := big.NewInt(int64(pub.E))
	numbers := []number{{"modulus", pub.N, modulus, nil}, {"publicExponent", e, exponent, nil}}
	if jwk := g.KeyJWK; jwk != nil {
		if want := "RS" + g.SHA[len("SHA-"):]; jwk.Alg != want {
			return fmt.Errorf("a JWK for %q, want %q", jwk.Alg, want)
		}
		numbers = append(numbers, number{"n", pub.N, "", &jwk.N}, number{"e", e, "", &jwk.E})
	}
	return errors.Join(encoded("the key in DER", der, inHex, inPEM, "PUBLIC KEY"),
		encoded("the key in PKCS #1", x509.MarshalPKCS1PublicKey(pub), asn, "", ""), checkNumbers(numbers...))
}

func (g *WycheproofGroup) rsaPrivate() error {
	der, err := hex.DecodeString(g.PrivateKeyPKCS8)
	if err != nil {
		return err
	}
	key, err := x509.ParsePKCS8PrivateKey(der)
	if err != nil {
		return err
	}
	k, ok := key.(*rsa.PrivateKey)
	if !ok || len(k.Primes) != 2 {
		return errors.New("no RSA key of two primes")
	}
	e := big.NewInt(int64(k.E))
	numbers := []number{{"modulus", k.N, g.PrivateKey.Modulus, nil}, {"privateExponent", k.D, g.PrivateKey.PrivateExponent, nil}}
	if jwk := g.PrivateKeyJWK; jwk != nil {
		if jwk.Alg != "RS"+g.SHA[len("SHA-"):] {
			return fmt.Errorf("a private JWK for %q", jwk.Alg)
		}
		numbers = append(numbers, number{"n", k.N, "", &jwk.N}, number{"e", e, "", &jwk.E}, number{"d", k.D, "", &jwk.D},
			number{"p", k.Primes[0], "", &jwk.P}, number{"q", k.Primes[1], "", &jwk.Q}, number{"dp", k.Precomputed.Dp, "", &jwk.DP},
			number{"dq", k.Precomputed.Dq, "", &jwk.DQ}, number{"qi", k.Precomputed.Qinv, "", &jwk.QI})
	}
	return errors.Join(encoded("the private key", x509.MarshalPKCS1PrivateKey(k), "", g.PrivateKeyPEM, "RSA PRIVATE KEY"),
		checkNumbers(numbers...))
}
