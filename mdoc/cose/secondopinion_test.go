package cose

import (
	"bytes"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/sha512"
	"slices"
	"testing"

	"mobileid/mdoc/cbor"
	"mobileid/mdoc/mdoctest"

	gocose "github.com/veraison/go-cose"
)

// messageArray is COSE_Sign1 and COSE_Mac0, RFC 9052, 4.2 and 6.2, as the generic decoder reads them.
type messageArray struct {
	_           struct{} `cbor:",toarray"`
	Protected   []byte
	Unprotected cbor.RawMessage
	Payload     cbor.RawMessage
	Proof       []byte
}

// genericMessage is parseMessage by the generic decoder, up to the rules about labels.
func genericMessage(raw []byte) (a messageArray, payload []byte, err error) {
	if err = cbor.Unmarshal(raw, &a); err != nil {
		return a, nil, err
	}
	if !bytes.Equal(a.Payload, []byte{0xf6}) {
		if err = cbor.Unmarshal(a.Payload, &payload); err != nil {
			return a, nil, err
		}
	}
	if len(a.Protected) > 0 {
		if _, err = cbor.Pairs(a.Protected); err != nil {
			return a, nil, err
		}
	}
	_, err = cbor.Pairs(a.Unprotected)
	return a, payload, err
}

func messagesAgree(t *testing.T, raw []byte) {
	t.Helper()
	want, payload, wantErr := genericMessage(raw)
	m, err := parseMessage(raw)
	if wantErr == nil {
		wantErr = m.checkHeaders()
	}
	if (err == nil) != (wantErr == nil) {
		t.Fatalf("%v, the generic decoder %v: %x", err, wantErr, raw)
	}
	if err == nil && (!bytes.Equal(m.protected, want.Protected) || !bytes.Equal(m.payload, payload) || !bytes.Equal(m.proof, want.Proof) ||
		(m.payload == nil) != bytes.Equal(want.Payload, []byte{0xf6})) {
		t.Fatalf("read differently: %x", raw)
	}
}

// genericKey is COSE_Key, RFC 9052, 7, as the generic decoder reads it.
type genericKey struct {
	Kty int64           `cbor:"1,keyasint"`
	Crv int64           `cbor:"-1,keyasint"`
	X   []byte          `cbor:"-2,keyasint"`
	Y   cbor.RawMessage `cbor:"-3,keyasint,omitzero"`
}

func keysAgree(t *testing.T, raw []byte) {
	t.Helper()
	var want genericKey
	wantErr := cbor.Unmarshal(raw, &want)
	var k Key
	err := k.UnmarshalCBOR(raw)
	if (err == nil) != (wantErr == nil) {
		t.Fatalf("%v, the generic decoder %v: %x", err, wantErr, raw)
	}
	if err == nil && (k.m.kty != want.Kty || k.m.crv != want.Crv || !bytes.Equal(k.m.x, want.X) || !bytes.Equal(k.m.y, want.Y) || !bytes.Equal(k.raw, raw)) {
		t.Fatalf("read differently: %x", raw)
	}
}

// TestDecodersAgree changes messages and keys at every byte and compares with the generic decoder.
func TestDecodersAgree(t *testing.T) {
	d := mdoctest.LoadAnnexD(t)
	auth := d.Bytes(t, "device_auth")
	var deviceAuth struct {
		Mac cbor.RawMessage `cbor:"deviceMac"`
	}
	if err := cbor.Unmarshal(auth, &deviceAuth); err != nil {
		t.Fatal(err)
	}
	embedded, err := cbor.ParseEmbedded[cbor.RawMessage](d.Bytes(t, "e_device_key_bytes"))
	if err != nil {
		t.Fatal(err)
	}
	crit := mdoctest.Hex(t, "8446a20126028101a0f64100") // alg named as critical
	for name, c := range map[string]struct {
		seeds [][]byte
		agree func(*testing.T, []byte)
	}{
		"messages": {[][]byte{d.Bytes(t, "issuer_auth"), d.Bytes(t, "reader_auth"), deviceAuth.Mac, crit}, messagesAgree},
		"keys": {[][]byte{embedded.Content(), mdoctest.Hex(t, // y by its sign, and a member that is not known
			"a5010220012158202222222222222222222222222222222222222222222222222222222222222222"+"22f5617801")}, keysAgree},
	} {
		t.Run(name, func(t *testing.T) {
			for _, seed := range c.seeds {
				c.agree(t, seed)
				for at := range seed {
					for _, b := range []byte{seed[at] ^ 1, seed[at] ^ 0x20, seed[at] ^ 0x80, 0xf6, 0xff, 0x18, 0x00, 0xa0, 0x80, 0x40} {
						changed := bytes.Clone(seed)
						changed[at] = b
						c.agree(t, changed)
					}
					c.agree(t, seed[:at])
					c.agree(t, slices.Concat(seed[:at], seed[at+1:]))
					c.agree(t, slices.Concat(seed[:at+1], seed[at:]))
				}
			}
		})
	}
}

// TestECDSASecondOpinion runs every Wycheproof case of signatures with r and s side by side, and changes of the good ones,
// through our way to crypto/ecdsa and through go-cose.
func TestECDSASecondOpinion(t *testing.T) {
	for _, f := range []struct {
		file  string
		curve elliptic.Curve
		alg   Algorithm
		sum   func([]byte) []byte
	}{
		{"ecdsa_secp256r1_sha256_p1363_test", elliptic.P256(), ES256, func(m []byte) []byte { s := sha256.Sum256(m); return s[:] }},
		{"ecdsa_secp384r1_sha384_p1363_test", elliptic.P384(), ES384, func(m []byte) []byte { s := sha512.Sum384(m); return s[:] }},
	} {
		t.Run(f.file, func(t *testing.T) {
			ran := 0
			for _, g := range mdoctest.LoadWycheproof(t, f.file) {
				pub, err := ecdsa.ParseUncompressedPublicKey(f.curve, mdoctest.Hex(t, g.PublicKey.Uncompressed))
				if err != nil {
					t.Fatal(err)
				}
				v, err := gocose.NewVerifier(gocose.Algorithm(f.alg), pub)
				if err != nil {
					t.Fatal(err)
				}
				for _, c := range g.Tests {
					ran++
					sum, sig := f.sum(mdoctest.Hex(t, c.Msg)), mdoctest.Hex(t, c.Sig)
					opinion := v.(gocose.DigestVerifier)
					got := verifyECDSA(pub, sum, sig)
					if want := opinion.VerifyDigest(sum, sig) == nil; got != want || got != (c.Result == "valid") {
						t.Errorf("case %d, %s: %v, go-cose %v", c.TcID, c.Result, got, want)
					}
					for at := c.TcID % 9; f.alg == ES256 && c.TcID%16 == 0 && at < len(sig); at += 9 {
						changed := bytes.Clone(sig)
						changed[at] ^= 1
						if got, want := verifyECDSA(pub, sum, changed), opinion.VerifyDigest(sum, changed) == nil; got != want {
							t.Errorf("case %d changed at %d: %v, go-cose %v", c.TcID, at, got, want)
						}
					}
				}
			}
			if ran < 200 {
				t.Errorf("%d cases", ran)
			}
		})
	}
}

// TestSigningSecondOpinion makes a message by our writer and verifies it by go-cose, whole.
func TestSigningSecondOpinion(t *testing.T) {
	for _, curve := range []elliptic.Curve{elliptic.P256(), elliptic.P384(), elliptic.P521()} {
		key, err := ecdsa.GenerateKey(curve, rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		raw, err := AppendSign1([]byte{1, 2, 3}, Deterministic(key), Headers{X5Chain: [][]byte{{1}, {2}}}, []byte("payload"))
		if err != nil || !bytes.HasPrefix(raw, []byte{1, 2, 3}) {
			t.Fatal(err)
		}
		alg, err := AlgorithmFor(key.Public())
		if err != nil {
			t.Fatal(err)
		}
		v, err := gocose.NewVerifier(gocose.Algorithm(alg), key.Public())
		if err != nil {
			t.Fatal(err)
		}
		var m gocose.UntaggedSign1Message
		if err := m.UnmarshalCBOR(raw[3:]); err != nil {
			t.Fatal(err)
		}
		if err := m.Verify(nil, v); err != nil {
			t.Errorf("%s: %v", curve.Params().Name, err)
		}
	}
}

// TestHeadersAreHeldToTheirRules gives headers that may not be written.
func TestHeadersAreHeldToTheirRules(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	one := func(label int64, value ...byte) cbor.Map[int64, cbor.RawMessage] {
		return cbor.Map[int64, cbor.RawMessage]{{Key: label, Value: value}}
	}
	for name, h := range map[string]Headers{
		"alg given":            {Protected: one(labelAlg, 0x26)},
		"x5chain given too":    {Unprotected: one(labelX5Chain, 0x40), X5Chain: [][]byte{{1}}},
		"a label twice":        {Protected: append(one(labelType, 0x60), one(labelType, 0x60)...)},
		"an empty value":       {Unprotected: one(labelType)},
		"a value cut short":    {Protected: one(labelType, 0x61)},
		"two values":           {Protected: one(labelType, 0x60, 0x60)},
		"alg unprotected":      {Unprotected: one(labelAlg, 0x26)},
		"one label in buckets": {Protected: one(labelType, 0x60), Unprotected: one(labelType, 0x60)},
	} {
		if _, err := NewSign1(Deterministic(key), h, []byte("x")); err == nil {
			t.Errorf("%s: written", name)
		}
	}
	for _, protected := range []bool{true, false} {
		s, err := NewSign1(Deterministic(key), Headers{X5Chain: [][]byte{{1}, {2, 3}}, X5ChainProtected: protected, Protected: one(labelType, 0x60)}, []byte("x"))
		if err != nil {
			t.Fatal(err)
		}
		chain, err := s.X5Chain()
		if err != nil || len(chain) != 2 || !bytes.Equal(chain[1], []byte{2, 3}) || s.X5ChainProtected() != protected || s.Verify(key.Public()) != nil {
			t.Errorf("chain %x, %v", chain, err)
		}
	}
}

func TestCheckSigning(t *testing.T) {
	p256, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	x25519, err := ecdh.X25519().GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	signs, err := NewKey(p256.Public())
	if err != nil {
		t.Fatal(err)
	}
	agrees, err := NewKey(x25519.PublicKey())
	if err != nil {
		t.Fatal(err)
	}
	off := bytes.Clone(signs.Bytes())
	off[len(off)-1] ^= 1
	decode := func(raw []byte) (k Key) {
		if err := k.UnmarshalCBOR(raw); err != nil {
			t.Fatal(err)
		}
		return k
	}
	for name, c := range map[string]struct {
		key  Key
		good bool
	}{
		"made": {signs, true}, "read": {decode(signs.Bytes()), true}, "off the curve": {decode(off), false},
		"for agreement, made": {agrees, false}, "for agreement, read": {decode(agrees.Bytes()), false}, "empty": {Key{}, false},
	} {
		if err := c.key.CheckSigning(); (err == nil) != c.good {
			t.Errorf("%s: %v", name, err)
		}
	}
}
