package provisioning_test

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdh"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"testing"

	"mobileid/mdoc/cose"
	"mobileid/mdoc/provisioning"
)

// labeledExtract and labeledExpand are RFC 9180, 4, written out over HMAC so that Seal is judged by something other
// than the library it is made with.
func labeledExtract(salt []byte, suite, label string, ikm []byte) []byte {
	if salt == nil {
		salt = make([]byte, sha256.Size)
	}
	m := hmac.New(sha256.New, salt)
	m.Write([]byte("HPKE-v1" + suite + label))
	m.Write(ikm)
	return m.Sum(nil)
}

func labeledExpand(prk []byte, suite, label string, info []byte, n int) []byte {
	m := hmac.New(sha256.New, prk)
	var size [2]byte
	binary.BigEndian.PutUint16(size[:], uint16(n))
	m.Write(size[:])
	m.Write([]byte("HPKE-v1" + suite + label))
	m.Write(info)
	m.Write([]byte{1})
	return m.Sum(nil)[:n]
}

// openByHand opens an HPKE message of the suite (0x0010, 0x0001, 0x0002) in base mode, RFC 9180, 4.1 and 5.1.
func openByHand(tb testing.TB, priv *ecdh.PrivateKey, info, sealed []byte) ([]byte, error) {
	tb.Helper()
	enc, ct := sealed[:65], sealed[65:]
	peer, err := ecdh.P256().NewPublicKey(enc)
	if err != nil {
		return nil, err
	}
	z, err := priv.ECDH(peer)
	if err != nil {
		return nil, err
	}
	kem, suite := "KEM\x00\x10", "HPKE\x00\x10\x00\x01\x00\x02"
	eae := labeledExtract(nil, kem, "eae_prk", z)
	shared := labeledExpand(eae, kem, "shared_secret", append(bytes.Clone(enc), priv.PublicKey().Bytes()...), 32)
	context := append([]byte{0}, labeledExtract(nil, suite, "psk_id_hash", nil)...)
	context = append(context, labeledExtract(nil, suite, "info_hash", info)...)
	secret := labeledExtract(shared, suite, "secret", nil)
	block, err := aes.NewCipher(labeledExpand(secret, suite, "key", context, 32))
	if err != nil {
		return nil, err
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil {
		return nil, err
	}
	return gcm.Open(nil, labeledExpand(secret, suite, "base_nonce", context, 12), ct, nil)
}

func TestSealIsHPKE(t *testing.T) {
	w := newWorld(t)
	plain := []byte("the bytes of an IssuerSigned")
	sealed, err := provisioning.Seal(coseKey(t, w.sealKey), orderID, seID, 3, plain)
	if err != nil {
		t.Fatal(err)
	}
	if len(sealed) != 65+len(plain)+16 {
		t.Errorf("%d bytes", len(sealed))
	}
	info := unhex(t, `
		84                                       ; array of 4
		71 6d6f62696c6569642d7365616c65642d31    ; "mobileid-sealed-1"
		50 6f726465722d69642d31366279746573      ; order id
		4a 656c656d656e742d3031                  ; secure element id
		03                                       ; slot
	`)
	got, err := openByHand(t, ecdhKey(t, w), info, sealed)
	if err != nil || !bytes.Equal(got, plain) {
		t.Errorf("%v: %q", err, got)
	}
}

func TestOpen(t *testing.T) {
	w := newWorld(t)
	priv := ecdhKey(t, w)
	plain := make([]byte, 30_000)
	if _, err := rand.Read(plain); err != nil {
		t.Fatal(err)
	}
	sealed, err := provisioning.Seal(coseKey(t, w.sealKey), orderID, seID, 3, plain)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := provisioning.Open(priv, orderID, seID, 3, sealed); err != nil || !bytes.Equal(got, plain) {
		t.Fatal(err)
	}
	otherKey, err := ecdh.P256().GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	p384, err := ecdh.P384().GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	flip := func(i int) []byte {
		c := bytes.Clone(sealed)
		c[i] ^= 1
		return c
	}
	for name, open := range map[string]func() ([]byte, error){
		"another order":        func() ([]byte, error) { return provisioning.Open(priv, []byte("another-id-16byt"), seID, 3, sealed) },
		"another element":      func() ([]byte, error) { return provisioning.Open(priv, orderID, []byte("element-02"), 3, sealed) },
		"another slot":         func() ([]byte, error) { return provisioning.Open(priv, orderID, seID, 4, sealed) },
		"another key":          func() ([]byte, error) { return provisioning.Open(otherKey, orderID, seID, 3, sealed) },
		"key on P-384":         func() ([]byte, error) { return provisioning.Open(p384, orderID, seID, 3, sealed) },
		"slot 0":               func() ([]byte, error) { return provisioning.Open(priv, orderID, seID, 0, sealed) },
		"order id of 15 bytes": func() ([]byte, error) { return provisioning.Open(priv, orderID[:15], seID, 3, sealed) },
		"first bit":            func() ([]byte, error) { return provisioning.Open(priv, orderID, seID, 3, flip(0)) },
		"key bit":              func() ([]byte, error) { return provisioning.Open(priv, orderID, seID, 3, flip(64)) },
		"ciphertext bit":       func() ([]byte, error) { return provisioning.Open(priv, orderID, seID, 3, flip(65)) },
		"tag bit":              func() ([]byte, error) { return provisioning.Open(priv, orderID, seID, 3, flip(len(sealed)-1)) },
		"cut":                  func() ([]byte, error) { return provisioning.Open(priv, orderID, seID, 3, sealed[:len(sealed)-1]) },
		"longer": func() ([]byte, error) {
			return provisioning.Open(priv, orderID, seID, 3, append(bytes.Clone(sealed), 0))
		},
		"empty":     func() ([]byte, error) { return provisioning.Open(priv, orderID, seID, 3, nil) },
		"key alone": func() ([]byte, error) { return provisioning.Open(priv, orderID, seID, 3, sealed[:65]) },
		"too large": func() ([]byte, error) { return provisioning.Open(priv, orderID, seID, 3, make([]byte, 1<<21)) },
	} {
		t.Run(name, func(t *testing.T) {
			if got, err := open(); err == nil || got != nil {
				t.Error("opened")
			}
		})
	}
}

func TestSealRefuses(t *testing.T) {
	w := newWorld(t)
	key := coseKey(t, w.sealKey)
	for name, seal := range map[string]func() ([]byte, error){
		"no key": func() ([]byte, error) { return provisioning.Seal(cose.Key{}, orderID, seID, 1, []byte{1}) },
		"key on P-384": func() ([]byte, error) {
			return provisioning.Seal(coseKey(t, newKey(t, elliptic.P384())), orderID, seID, 1, []byte{1})
		},
		"slot 16":    func() ([]byte, error) { return provisioning.Seal(key, orderID, seID, 16, []byte{1}) },
		"element id": func() ([]byte, error) { return provisioning.Seal(key, orderID, seID[:9], 1, []byte{1}) },
		"nothing":    func() ([]byte, error) { return provisioning.Seal(key, orderID, seID, 1, nil) },
		"too much":   func() ([]byte, error) { return provisioning.Seal(key, orderID, seID, 1, make([]byte, 1<<20+1)) },
	} {
		t.Run(name, func(t *testing.T) {
			if got, err := seal(); err == nil || got != nil {
				t.Error("sealed")
			}
		})
	}
}
