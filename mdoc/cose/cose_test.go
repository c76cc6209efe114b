package cose_test

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"errors"
	"strings"
	"testing"

	"mobileid/mdoc/cbor"
	"mobileid/mdoc/cose"
	"mobileid/mdoc/mdoctest"
)

func newKey(t testing.TB, c elliptic.Curve) *ecdsa.PrivateKey {
	t.Helper()
	k, err := ecdsa.GenerateKey(c, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func publicOf(t *testing.T, der []byte) crypto.PublicKey {
	t.Helper()
	c, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return c.PublicKey
}

// TestAnnexDSign1 verifies the printed issuerAuth and readerAuth and rebuilds their Sig_structures.
func TestAnnexDSign1(t *testing.T) {
	d := mdoctest.LoadAnnexD(t)
	cases := []struct{ message, certificate, detached, structure string }{
		{"issuer_auth", "ds_certificate", "", "issuer_auth_sig_structure"},
		{"reader_auth", "reader_certificate", "reader_authentication_bytes", "reader_auth_sig_structure"},
	}
	for _, c := range cases {
		t.Run(c.message, func(t *testing.T) {
			raw := d.Bytes(t, c.message)
			s, err := cose.ParseSign1(raw)
			if err != nil {
				t.Fatal(err)
			}
			out, err := cbor.Marshal(s)
			if err != nil || !bytes.Equal(out, raw) {
				t.Errorf("re-encoded differently: %v", err)
			}
			chain, err := s.X5Chain()
			if err != nil || len(chain) != 1 || !bytes.Equal(chain[0], d.Bytes(t, c.certificate)) {
				t.Fatalf("x5chain: %v", err)
			}
			pub := publicOf(t, chain[0])
			payload := s.Payload()
			if c.detached != "" {
				payload = d.Bytes(t, c.detached)
				err = s.VerifyDetached(pub, payload)
			} else {
				err = s.Verify(pub)
			}
			if err != nil {
				t.Error(err)
			}
			if !bytes.Equal(s.SigStructure(payload), d.Bytes(t, c.structure)) {
				t.Error("Sig_structure differs from the printed one")
			}
		})
	}
}

func TestAnnexDMac0(t *testing.T) {
	d := mdoctest.LoadAnnexD(t)
	var auth struct {
		DeviceMac cbor.RawMessage `cbor:"deviceMac"`
	}
	if err := cbor.Unmarshal(d.Bytes(t, "device_auth"), &auth); err != nil {
		t.Fatal(err)
	}
	m, err := cose.ParseMac0(auth.DeviceMac)
	if err != nil {
		t.Fatal(err)
	}
	key, payload := d.Bytes(t, "e_mac_key"), d.Bytes(t, "device_authentication_bytes")
	if !bytes.Equal(m.MACStructure(payload), d.Bytes(t, "device_mac_structure")) {
		t.Error("MAC_structure differs from the printed one")
	}
	if err := m.VerifyDetached(key, payload); err != nil {
		t.Error(err)
	}
	made, err := cose.NewMac0Detached(key, payload)
	if err != nil || !bytes.Equal(made.Bytes(), auth.DeviceMac) {
		t.Errorf("our Mac0 differs from the printed one: %v", err)
	}
	if err := m.VerifyDetached(d.Bytes(t, "sk_device"), payload); !errors.Is(err, cose.ErrSignature) {
		t.Errorf("another key: %v", err)
	}
	if err := m.VerifyDetached(key, payload[1:]); !errors.Is(err, cose.ErrSignature) {
		t.Errorf("another payload: %v", err)
	}
}

func TestSignAndVerify(t *testing.T) {
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	p256 := newKey(t, elliptic.P256())
	signers := map[string]crypto.Signer{"P-256": p256, "P-256 deterministic": cose.Deterministic(p256), "P-384": newKey(t, elliptic.P384()),
		"P-384 deterministic": cose.Deterministic(newKey(t, elliptic.P384())), "P-521": newKey(t, elliptic.P521()), "Ed25519": ed}
	payload := []byte("payload")
	for name, signer := range signers {
		t.Run(name, func(t *testing.T) {
			s, err := cose.NewSign1(signer, cose.Headers{}, payload)
			if err != nil {
				t.Fatal(err)
			}
			if err := s.Verify(signer.Public()); err != nil {
				t.Error(err)
			}
			if err := s.VerifyDetached(signer.Public(), payload); err == nil {
				t.Error("an attached payload passed as detached")
			}
			d, err := cose.NewSign1Detached(signer, cose.Headers{}, payload)
			if err != nil {
				t.Fatal(err)
			}
			if err := d.VerifyDetached(signer.Public(), payload); err != nil {
				t.Error(err)
			}
			if err := d.Verify(signer.Public()); err == nil {
				t.Error("a detached message verified without its payload")
			}
			if err := d.VerifyDetached(newKey(t, elliptic.P256()).Public(), payload); err == nil {
				t.Error("another key verified")
			}
			if _, err := cose.ParseTaggedSign1(s.Bytes()); err == nil {
				t.Error("an untagged message passed as tagged")
			}
			if _, err := cose.ParseSign1(s.TaggedBytes()); err == nil {
				t.Error("a tagged message passed as untagged")
			}
		})
	}
	one, err := cose.NewSign1(cose.Deterministic(p256), cose.Headers{}, payload)
	if err != nil {
		t.Fatal(err)
	}
	two, err := cose.NewSign1(cose.Deterministic(p256), cose.Headers{}, payload)
	if err != nil || !one.Equal(two) {
		t.Errorf("deterministic signatures differ: %v", err)
	}
}

// message builds [protected, unprotected, payload, signature] with a good signature over whatever the headers are.
func message(t *testing.T, key *ecdsa.PrivateKey, protected, unprotected string) []byte {
	t.Helper()
	p := mdoctest.Hex(t, protected)
	toSign := cbor.AppendText(cbor.AppendArrayHead(nil, 4), "Signature1")
	toSign = cbor.AppendBytes(cbor.AppendBytes(cbor.AppendBytes(toSign, p), nil), []byte("x"))
	made, err := cose.NewSign1From(cose.Headers{}, cose.ES256, []byte("x"), false, func([]byte) ([]byte, error) {
		return signBytes(key, toSign)
	})
	if err != nil {
		t.Fatal(err)
	}
	out := append(cbor.AppendBytes(cbor.AppendArrayHead(nil, 4), p), mdoctest.Hex(t, unprotected)...)
	return cbor.AppendBytes(cbor.AppendBytes(out, []byte("x")), made.Signature())
}

func signBytes(key *ecdsa.PrivateKey, toSign []byte) ([]byte, error) {
	h := crypto.SHA256.New()
	h.Write(toSign)
	r, s, err := ecdsa.Sign(rand.Reader, key, h.Sum(nil)) //nolint:staticcheck // r and s are wanted side by side
	if err != nil {
		return nil, err
	}
	out := make([]byte, 64)
	r.FillBytes(out[:32])
	s.FillBytes(out[32:])
	return out, nil
}

// TestHeaderTraps holds the cases that go-cose alone lets by; every one carries a good signature.
func TestHeaderTraps(t *testing.T) {
	key := newKey(t, elliptic.P256())
	cases := []struct{ name, protected, unprotected string }{
		{"alg missing", "a0", "a0"},
		{"protected header empty", "", "a0"},
		{"alg unprotected only", "a0", "a10126"},
		{"alg in both", "a10126", "a10126"},
		{"x5chain in both", "a201261821" + "4101", "a118214101"},
		{"unknown critical header", "a3012602811a000100001a0001000001", "a0"},
		{"critical header not there", "a20126028118" + "21", "a0"},
		{"crit empty", "a201260280", "a0"},
		{"crit unprotected", "a10126", "a1028101"},
		{"alg as text", "a101654553323536", "a0"},
		{"alg none", "a10100", "a0"},
		{"HMAC for a signature", "a10105", "a0"},
		{"ES384 with P-256", "a1013822", "a0"},
		{"duplicate label", "a201260126", "a0"},
		{"text label in both", "a201266161" + "01", "a1616101"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			s, err := cose.ParseSign1(message(t, key, c.protected, c.unprotected))
			if err == nil {
				err = s.Verify(key.Public())
			}
			if err == nil {
				t.Error("accepted")
			}
		})
	}
	good, err := cose.ParseSign1(message(t, key, "a10126", "a0"))
	if err != nil || good.Verify(key.Public()) != nil {
		t.Fatalf("the good message of this test does not verify: %v", err)
	}
	if p384 := newKey(t, elliptic.P384()); good.Verify(p384.Public()) == nil {
		t.Error("ES256 with a P-384 key")
	}
}

func TestX5ChainForms(t *testing.T) {
	key := newKey(t, elliptic.P256())
	cases := []struct {
		name, protected, unprotected string
		want                         int
	}{
		{"one", "a10126", "a118214101", 1},
		{"array of one", "a10126", "a11821814101", 1},
		{"two", "a10126", "a118218241014102", 2},
		{"protected", "a201261821" + "4101", "a0", 1},
		{"text", "a10126", "a118216161", 0},
		{"empty array", "a10126", "a1182180", 0},
		{"empty certificate", "a10126", "a1182140", 0},
		{"array of text", "a10126", "a11821816161", 0},
		{"seven", "a10126", "a11821874101410141014101410141014101", 0},
		{"none", "a10126", "a0", 0},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			s, err := cose.ParseSign1(message(t, key, c.protected, c.unprotected))
			if err != nil {
				t.Fatal(err)
			}
			chain, err := s.X5Chain()
			if len(chain) != c.want || (err == nil) != (c.want > 0) {
				t.Errorf("%d certificates, %v", len(chain), err)
			}
			if got, want := s.X5ChainIsArray(), strings.Contains(c.unprotected, "182181") || c.name != "one" && c.want == 2; c.want > 0 && got != want {
				t.Errorf("an array: %v", got)
			}
		})
	}
}

func TestMac0Refusals(t *testing.T) {
	key, payload := make([]byte, 32), []byte("payload")
	good, err := cose.NewMac0Detached(key, payload)
	if err != nil {
		t.Fatal(err)
	}
	cases := map[string][]byte{
		"other algorithm": bytes.Replace(bytes.Clone(good.Bytes()), []byte{0xa1, 0x01, 0x05}, []byte{0xa1, 0x01, 0x04}, 1),
		"short tag":       append(bytes.Clone(good.Bytes()[:7]), cbor.AppendBytes(nil, good.Tag()[:8])...),
		"empty tag":       append(bytes.Clone(good.Bytes()[:7]), 0x40),
	}
	for name, raw := range cases {
		m, err := cose.ParseMac0(raw)
		if err != nil {
			t.Errorf("%s: the case does not reach the check: %v", name, err)
			continue
		}
		if err := m.VerifyDetached(key, payload); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func FuzzParseSign1(f *testing.F) {
	d := mdoctest.LoadAnnexD(f)
	f.Add(d.Bytes(f, "issuer_auth"))
	f.Add(d.Bytes(f, "reader_auth"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		s, err := cose.ParseSign1(raw)
		if err != nil {
			return
		}
		if !bytes.Equal(s.Bytes(), raw) {
			t.Fatal("the bytes were not kept")
		}
		_, _ = s.X5Chain()
		_, _ = s.Algorithm()
	})
}

func FuzzParseTaggedSign1(f *testing.F) {
	d := mdoctest.LoadAnnexD(f)
	f.Add(append([]byte{0xd2}, d.Bytes(f, "issuer_auth")...))
	f.Fuzz(func(t *testing.T, raw []byte) {
		if s, err := cose.ParseTaggedSign1(raw); err == nil && !bytes.Equal(s.TaggedBytes(), raw) {
			t.Fatal("the bytes were not kept")
		}
	})
}

func FuzzParseMac0(f *testing.F) {
	d := mdoctest.LoadAnnexD(f)
	f.Add(d.Bytes(f, "device_auth")[len("\xa1\x69deviceMac"):])
	f.Fuzz(func(t *testing.T, raw []byte) {
		if m, err := cose.ParseMac0(raw); err == nil && !bytes.Equal(m.Bytes(), raw) {
			t.Fatal("the bytes were not kept")
		}
	})
}
