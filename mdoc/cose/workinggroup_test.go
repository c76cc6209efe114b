package cose_test

import (
	"bytes"
	"crypto"
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"mobileid/mdoc/cbor"
	"mobileid/mdoc/cose"
	"mobileid/mdoc/mdoctest"
)

// wgFile is one example of the COSE working group.
type wgFile struct {
	Fail  bool `json:"fail"`
	Input struct {
		Plaintext    string                     `json:"plaintext"`
		PlaintextHex string                     `json:"plaintext_hex"`
		Sign0        *wgParty                   `json:"sign0"`
		Sign         *wgParty                   `json:"sign"`
		Mac0         *wgParty                   `json:"mac0"`
		Mac          *wgParty                   `json:"mac"`
		Encrypted    *wgParty                   `json:"encrypted"`
		Failures     map[string]json.RawMessage `json:"failures"`
		Random       []string                   `json:"rng_stream"`
	} `json:"input"`
	Intermediates struct {
		ToBeSign string `json:"ToBeSign_hex"`
		ToMac    string `json:"ToMac_hex"`
		CEK      string `json:"CEK_hex"`
		AAD      string `json:"AAD_hex"`
		Signers  []struct {
			ToBeSign string `json:"ToBeSign_hex"`
		} `json:"signers"`
	} `json:"intermediates"`
	Output struct {
		Diag string `json:"cbor_diag"`
		CBOR string `json:"cbor"`
	} `json:"output"`
}

// wgParty is a message, a signer or a recipient of one.
type wgParty struct {
	Alg         string         `json:"alg"`
	Protected   map[string]any `json:"protected"`
	Unprotected map[string]any `json:"unprotected"`
	External    string         `json:"external"`
	Key         wgKey          `json:"key"`
	Signers     []wgParty      `json:"signers"`
	Recipients  []wgParty      `json:"recipients"`
}

type wgKey struct {
	Crv  string `json:"crv"`
	X    string `json:"x"`
	Y    string `json:"y"`
	K    string `json:"k"`
	XHex string `json:"x_hex"`
	YHex string `json:"y_hex"`
	KHex string `json:"k_hex"`
}

func hexOf(t *testing.T, s string) []byte { return mdoctest.Hex(t, strings.ToLower(s)) }

// part gives a key's member, which stands in base64url or in hex.
func part(t *testing.T, b64, hex string) []byte {
	t.Helper()
	if hex != "" {
		return hexOf(t, hex)
	}
	b, err := base64.RawURLEncoding.DecodeString(b64)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func (f *wgFile) plaintext(t *testing.T) []byte {
	if f.Input.PlaintextHex != "" {
		return hexOf(t, f.Input.PlaintextHex)
	}
	return []byte(f.Input.Plaintext)
}

// protected encodes the protected header as the example describes it: the algorithm and the content type.
func (p wgParty) protected(t *testing.T) []byte {
	t.Helper()
	if len(p.Protected) == 0 {
		return nil
	}
	algs := map[string]int64{"ES256": -7, "ES384": -35, "ES512": -36, "EdDSA": -8, "HS256/64": 4, "HS256": 5, "HS384": 6, "HS512": 7,
		"AES-MAC-256/64": 15, "AES-CCM-16-128/64": 10}
	out := cbor.AppendMapHead(nil, len(p.Protected))
	if name, ok := p.Protected["alg"]; ok {
		alg, known := algs[name.(string)]
		if !known {
			t.Fatalf("algorithm %v", name)
		}
		out = cbor.AppendInt(cbor.AppendInt(out, 1), alg)
	}
	if typ, ok := p.Protected["ctyp"]; ok {
		out = cbor.AppendUint(cbor.AppendInt(out, 3), uint64(typ.(float64)))
	}
	return out
}

func contextStructure(context string, parts ...[]byte) []byte {
	out := cbor.AppendText(cbor.AppendArrayHead(nil, 1+len(parts)), context)
	for _, p := range parts {
		out = cbor.AppendBytes(out, p)
	}
	return out
}

// genuine checks a signature by the library's primitives alone, with the hash that the algorithm names.
func genuine(t *testing.T, p wgParty, alg string, toBeSigned, sig []byte) bool {
	t.Helper()
	x := part(t, p.Key.X, p.Key.XHex)
	if p.Key.Crv == "Ed25519" {
		return ed25519.Verify(x, toBeSigned, sig)
	}
	curve := map[string]elliptic.Curve{"P-256": elliptic.P256(), "P-384": elliptic.P384(), "P-521": elliptic.P521()}[p.Key.Crv]
	hash := map[string]crypto.Hash{"ES256": crypto.SHA256, "ES384": crypto.SHA384, "ES512": crypto.SHA512}[alg].New()
	hash.Write(toBeSigned)
	pub := publicKey(t, curve, x, part(t, p.Key.Y, p.Key.YHex))
	return ecdsa.Verify(pub, hash.Sum(nil), new(big.Int).SetBytes(sig[:len(sig)/2]), new(big.Int).SetBytes(sig[len(sig)/2:]))
}

func publicKey(t *testing.T, curve elliptic.Curve, x, y []byte) *ecdsa.PublicKey {
	t.Helper()
	size := (curve.Params().BitSize + 7) / 8
	point := append([]byte{4}, make([]byte, 2*size)...)
	copy(point[1+size-len(x):], x)
	copy(point[1+2*size-len(y):], y)
	pub, err := ecdsa.ParseUncompressedPublicKey(curve, point)
	if err != nil {
		t.Fatal(err)
	}
	return pub
}

// body takes the tag, whatever it is, off a message and splits its array.
func body(t *testing.T, raw []byte) (tag uint64, array []byte, parts []cbor.RawMessage) {
	t.Helper()
	array = raw
	switch b := raw[0]; {
	case b == 0xd8:
		tag, array = uint64(raw[1]), raw[2:]
	case b == 0xd9:
		tag, array = uint64(binary.BigEndian.Uint16(raw[1:])), raw[3:]
	case b>>5 == 6:
		tag, array = uint64(b&0x1f), raw[1:]
	}
	if err := cbor.Unmarshal(array, &parts); err != nil {
		t.Fatal(err)
	}
	return tag, array, parts
}

func byteString(t *testing.T, item cbor.RawMessage) []byte {
	t.Helper()
	var b []byte
	if err := cbor.Unmarshal(item, &b); err != nil {
		t.Fatal(err)
	}
	return b
}

// differs are the examples that verify elsewhere and not here, each with why.
var differs = map[string]string{
	"sign1-tests/sign-pass-01":    "alg stands in the unprotected header",
	"sign1-tests/sign-pass-02":    "external data, which an mdoc never has",
	"ecdsa-examples/ecdsa-sig-04": "ES512 with a key on P-256",
	"eddsa-examples/eddsa-sig-02": "Ed448, which Go's library does not have",
	"mac0-tests/mac-pass-01":      "alg stands in the unprotected header",
	"mac0-tests/mac-pass-02":      "external data and alg in the unprotected header",
	"mac0-tests/mac-pass-03":      "alg stands in the unprotected header",
	"hmac-examples/HMac-enc-02":   "HMAC 384/384",
	"hmac-examples/HMac-enc-03":   "HMAC 512/512",
	"hmac-examples/HMac-enc-05":   "a tag of 64 bits",
	"CWT/A_4":                     "a tag of 64 bits",
	"CWT/A_7":                     "a tag of 64 bits",
	"RFC8152/Appendix_C_6_1":      "AES-MAC",
}

// TestWorkingGroup runs every example: its structures are built anew, its signature or tag is checked by the primitives,
// and our own reading of it must come out as the example states, or as differs says.
func TestWorkingGroup(t *testing.T) {
	root := filepath.Join(mdoctest.Vectors(t), "cose")
	files, err := filepath.Glob(filepath.Join(root, "*", "*.json"))
	if err != nil || len(files) != 53 {
		t.Fatalf("%d examples, expected 53: %v", len(files), err)
	}
	used, ed448 := 0, map[string]bool{}
	for _, path := range files {
		rel, err := filepath.Rel(root, path)
		if err != nil {
			t.Fatal(err)
		}
		name := strings.TrimSuffix(filepath.ToSlash(rel), ".json")
		t.Run(name, func(t *testing.T) {
			var f wgFile
			mdoctest.ReadJSON(t, "cose/"+name+".json", &f)
			raw := hexOf(t, f.Output.CBOR)
			checkDiagnosis(t, raw, f.Output.Diag)
			f.checkStated(t, ed448)
			why, other := differs[name]
			if other {
				used++
			}
			accepted := f.check(t, raw)
			if want := !f.Fail && !other && (f.Input.Sign0 != nil || f.Input.Mac0 != nil); accepted != want {
				t.Errorf("verified %v, expected %v (%s)", accepted, want, why)
			}
		})
	}
	if len(ed448) != 1 {
		t.Errorf("%d Ed448 keys, the examples share one", len(ed448))
	}
	if used != len(differs) {
		t.Errorf("%d of the %d examples that differ were found", used, len(differs))
	}
}

// checkDiagnosis compares with the example's diagnostic notation, but for white space and the case of hex digits.
func checkDiagnosis(t *testing.T, raw []byte, want string) {
	t.Helper()
	got, err := cbor.Diagnose(raw)
	if err != nil {
		t.Fatal(err)
	}
	// Two x509 examples carry their kid as text and print it as bytes.
	want = strings.ReplaceAll(want, "4: h'416C696365204C6F76656C616365', 32:", `4: "Alice Lovelace", 32:`)
	norm := func(s string) string { return strings.ToLower(strings.Join(strings.Fields(s), "")) }
	if norm(got) != norm(want) {
		t.Errorf("diagnostic notation %s, expected %s", got, want)
	}
}

// checkStated compares what an example says twice: the algorithm of a message beside that of its headers. An Ed448 key, which
// nothing here computes with, is kept for comparison with those of the other examples.
func (f *wgFile) checkStated(t *testing.T, ed448 map[string]bool) {
	t.Helper()
	for _, p := range []*wgParty{f.Input.Sign0, f.Input.Sign, f.Input.Mac0, f.Input.Mac} {
		if p == nil {
			continue
		}
		for _, header := range []map[string]any{p.Protected, p.Unprotected} {
			if alg, ok := header["alg"]; ok && p.Alg != "" && alg != p.Alg {
				t.Errorf("algorithm %v, stated as %v", alg, p.Alg)
			}
		}
		for _, party := range append([]wgParty{*p}, p.Signers...) {
			if party.Key.Crv == "Ed448" {
				ed448[party.Key.XHex] = true
			}
		}
	}
}

func (f *wgFile) check(t *testing.T, raw []byte) bool {
	t.Helper()
	in := f.Input
	switch {
	case in.Sign0 != nil:
		return f.checkSign1(t, raw, *in.Sign0)
	case in.Sign != nil:
		f.checkSign(t, raw, *in.Sign)
	case in.Mac0 != nil:
		return f.checkMac0(t, raw, *in.Mac0)
	case in.Mac != nil:
		f.checkMac(t, raw, "MAC", *in.Mac)
	case in.Encrypted != nil:
		f.checkEncrypted(t, raw, *in.Encrypted)
	default:
		t.Fatal("an example of no known kind")
	}
	_, err1 := cose.ParseTaggedSign1(raw)
	_, err2 := cose.ParseMac0(raw)
	return err1 == nil || err2 == nil
}

func (f *wgFile) checkSign1(t *testing.T, raw []byte, p wgParty) bool {
	_, array, parts := body(t, raw)
	toBeSigned := contextStructure("Signature1", p.protected(t), hexOf(t, p.External), f.plaintext(t))
	if !bytes.Equal(toBeSigned, hexOf(t, f.Intermediates.ToBeSign)) {
		t.Error("the Sig_structure differs from the printed one")
	}
	_, changed := f.Input.Failures["ChangeTag"]
	sig := byteString(t, parts[3])
	if p.Key.Crv == "Ed448" {
		if _, err := cose.ParseTaggedSign1(raw); err != nil || len(sig) != 114 {
			t.Errorf("%d bytes, %v", len(sig), err)
		}
		return false // no primitive to check with, and no key type either: see TestKeyRefusals
	}
	carried := contextStructure("Signature1", p.protected(t), hexOf(t, p.External), byteString(t, parts[2]))
	if genuine(t, p, p.Alg, carried, sig) == changed || bytes.Equal(carried, toBeSigned) == changed {
		t.Error("the primitives disagree with the example")
	}
	s, err := cose.ParseTaggedSign1(raw)
	if raw[0]>>5 != 6 { // the example without a tag is the form an mdoc uses
		s, err = cose.ParseSign1(array)
	}
	if err != nil {
		return false
	}
	if !f.Fail && p.External == "" && !bytes.Equal(s.SigStructure(s.Payload()), toBeSigned) {
		t.Error("our Sig_structure differs")
	}
	var pub crypto.PublicKey = ed25519.PublicKey(part(t, p.Key.X, p.Key.XHex))
	if p.Key.Crv != "Ed25519" {
		curve := map[string]elliptic.Curve{"P-256": elliptic.P256(), "P-384": elliptic.P384(), "P-521": elliptic.P521()}[p.Key.Crv]
		pub = publicKey(t, curve, part(t, p.Key.X, p.Key.XHex), part(t, p.Key.Y, p.Key.YHex))
	}
	return s.Verify(pub) == nil
}

// checkSign is COSE_Sign with several signers, which no mdoc carries: only the primitives read it.
func (f *wgFile) checkSign(t *testing.T, raw []byte, p wgParty) {
	tag, array, parts := body(t, raw)
	var signatures []cbor.RawMessage
	if err := cbor.Unmarshal(parts[3], &signatures); err != nil {
		t.Fatal(err)
	}
	if tag != 98 || len(signatures) != len(p.Signers) || len(signatures) != len(f.Intermediates.Signers) {
		t.Fatalf("tag %d, %d signatures", tag, len(signatures))
	}
	for i, signer := range p.Signers {
		toBeSigned := contextStructure("Signature", p.protected(t), signer.protected(t), hexOf(t, p.External), f.plaintext(t))
		if !bytes.Equal(toBeSigned, hexOf(t, f.Intermediates.Signers[i].ToBeSign)) {
			t.Errorf("signer %d: the Sig_structure differs from the printed one", i)
		}
		var s []cbor.RawMessage
		if err := cbor.Unmarshal(signatures[i], &s); err != nil {
			t.Fatal(err)
		}
		alg, _ := signer.Protected["alg"].(string)
		if signer.Key.Crv != "Ed448" && !genuine(t, signer, alg, toBeSigned, byteString(t, s[2])) {
			t.Errorf("signer %d: the signature does not verify", i)
		}
		checkCertificates(t, signer, s[1])
	}
	if _, err := cose.ParseSign1(array); err == nil {
		t.Error("a COSE_Sign is read as a COSE_Sign1")
	}
}

// checkCertificates reads the headers of RFC 9360 in the x509 examples.
func checkCertificates(t *testing.T, signer wgParty, header cbor.RawMessage) {
	t.Helper()
	var ders [][]byte
	for _, name := range []string{"alice.der", "ca.der"} {
		der, err := os.ReadFile(filepath.Join(mdoctest.Vectors(t), "cose", "x509-examples", name))
		if err != nil {
			t.Fatal(err)
		}
		ders = append(ders, der)
	}
	pairs, err := cbor.Pairs(header)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range pairs {
		switch p.Int {
		case 32, 33: // x5bag, x5chain: through our own reading, as the header of a message
			protected, _ := cbor.Marshal([]byte{0xa1, 1, 0x26})
			m := append(append([]byte{0x84}, protected...), 0xa1, 0x18, 33)
			m = append(append(m, p.Value...), 0xf6, 0x40)
			s, err := cose.ParseSign1(m)
			if err != nil {
				t.Fatal(err)
			}
			chain, err := s.X5Chain()
			if err != nil || len(chain) < 1 || !bytes.Equal(chain[0], ders[0]) || len(chain) == 2 && !bytes.Equal(chain[1], ders[1]) {
				t.Errorf("label %d: %d certificates, %v", p.Int, len(chain), err)
			}
			_, several := signer.Unprotected[map[int64]string{32: "x5bag", 33: "x5chain"}[p.Int]].([]any)
			if several != (len(chain) == 2) {
				t.Errorf("label %d: %d certificates", p.Int, len(chain))
			}
		case 34:
			var x5t struct {
				_    struct{} `cbor:",toarray"`
				Alg  int64
				Hash []byte
			}
			sum := sha256.Sum256(ders[0])
			if err := cbor.Unmarshal(p.Value, &x5t); err != nil || x5t.Alg != -16 || !bytes.Equal(x5t.Hash, sum[:]) {
				t.Errorf("x5t: %v", err)
			}
		case 4:
		default:
			t.Errorf("label %d", p.Int)
		}
	}
	alice, err := x509.ParseCertificate(ders[0])
	if err != nil {
		t.Fatal(err)
	}
	ca, err := x509.ParseCertificate(ders[1])
	if err != nil {
		t.Fatal(err)
	}
	if err := alice.CheckSignatureFrom(ca); err != nil {
		t.Error(err)
	}
}

func (f *wgFile) checkMac0(t *testing.T, raw []byte, p wgParty) bool {
	tag, array, parts := body(t, raw)
	key := f.checkMac(t, raw, "MAC0", p)
	if _, err := cose.ParseMac0(raw); err == nil && raw[0]>>5 == 6 {
		t.Error("a tagged message is read as an untagged one")
	}
	if tag != 17 && tag != 0 {
		return false
	}
	m, err := cose.ParseMac0(array)
	if err != nil {
		return false
	}
	if err := m.VerifyDetached(key, m.Payload()); err == nil {
		t.Error("an attached payload passed as detached")
	}
	// Device authentication has its payload detached, and that is the only form verified: take it out.
	detached := append([]byte{0x84}, parts[0]...)
	detached = append(append(append(detached, parts[1]...), 0xf6), parts[3]...)
	if m, err = cose.ParseMac0(detached); err != nil {
		t.Fatal(err)
	}
	return m.VerifyDetached(key, f.plaintext(t)) == nil
}

// checkMac builds the MAC_structure and the tag, and gives the key.
func (f *wgFile) checkMac(t *testing.T, raw []byte, context string, p wgParty) []byte {
	_, _, parts := body(t, raw)
	key := part(t, p.Recipients[0].Key.K, p.Recipients[0].Key.KHex)
	if !bytes.Equal(key, hexOf(t, f.Intermediates.CEK)) {
		t.Error("the key differs from the printed one")
	}
	toMAC := contextStructure(context, p.protected(t), hexOf(t, p.External), f.plaintext(t))
	if !bytes.Equal(toMAC, hexOf(t, f.Intermediates.ToMac)) {
		t.Error("the MAC_structure differs from the printed one")
	}
	alg := p.Alg
	if alg == "" {
		alg, _ = p.Protected["alg"].(string)
	}
	got := byteString(t, parts[3])
	_, changed := f.Input.Failures["ChangeTag"]
	if context == "MAC" && changed != f.Fail {
		t.Errorf("stated to fail: %v, but its tag was changed: %v", f.Fail, changed)
	}
	if bytes.Equal(got, macOf(t, alg, key, toMAC)) == changed {
		t.Error("the primitives disagree with the example")
	}
	return key
}

func macOf(t *testing.T, alg string, key, toMAC []byte) []byte {
	t.Helper()
	if alg == "AES-MAC-256/64" { // CBC-MAC over zero padding
		block, err := aes.NewCipher(key)
		if err != nil {
			t.Fatal(err)
		}
		padded := append(bytes.Clone(toMAC), make([]byte, (16-len(toMAC)%16)%16)...)
		cipher.NewCBCEncrypter(block, make([]byte, 16)).CryptBlocks(padded, padded)
		return padded[len(padded)-16:][:8]
	}
	hash := map[string]crypto.Hash{"HS256": crypto.SHA256, "HS256/64": crypto.SHA256, "HS384": crypto.SHA384, "HS512": crypto.SHA512}[alg]
	m := hmac.New(hash.New, key)
	m.Write(toMAC)
	if alg == "HS256/64" {
		return m.Sum(nil)[:8]
	}
	return m.Sum(nil)
}

// checkEncrypted opens COSE_Encrypt0 with AES-CCM-16-128/64 (RFC 3610: a nonce of 13, a length of 2, a tag of 8 bytes).
func (f *wgFile) checkEncrypted(t *testing.T, raw []byte, p wgParty) {
	tag, _, parts := body(t, raw)
	key := part(t, "", p.Recipients[0].Key.KHex)
	aad := contextStructure("Encrypt0", p.protected(t), nil)
	if tag != 16 || !bytes.Equal(key, hexOf(t, f.Intermediates.CEK)) || !bytes.Equal(aad, hexOf(t, f.Intermediates.AAD)) {
		t.Error("tag, key or Enc_structure differ from the printed ones")
	}
	header, err := cbor.Pairs(parts[1])
	if err != nil || len(header) != 1 || !bytes.Equal(byteString(t, header[0].Value), hexOf(t, f.Input.Random[0])) {
		t.Fatalf("nonce: %v", err)
	}
	nonce, sealed, plain := byteString(t, header[0].Value), byteString(t, parts[2]), f.plaintext(t)
	block, err := aes.NewCipher(key)
	if err != nil {
		t.Fatal(err)
	}
	pad := func(b []byte) []byte { return append(b, make([]byte, (16-len(b)%16)%16)...) }
	first := binary.BigEndian.AppendUint16(append([]byte{0x40 | 3<<3 | 1}, nonce...), uint16(len(plain)))
	mac := append(first, pad(append(binary.BigEndian.AppendUint16(nil, uint16(len(aad))), aad...))...)
	mac = append(mac, pad(bytes.Clone(plain))...)
	cipher.NewCBCEncrypter(block, make([]byte, 16)).CryptBlocks(mac, mac)
	counter := append(append([]byte{1}, nonce...), 0, 0)
	stream := append(mac[len(mac)-16:], plain...)
	cipher.NewCTR(block, counter).XORKeyStream(stream, stream)
	if !bytes.Equal(append(stream[16:], stream[:8]...), sealed) {
		t.Error("AES-CCM gives other bytes")
	}
	if plain[0] == 0xd2 { // the nested example holds the signed one
		if _, err := cose.ParseTaggedSign1(plain); err != nil {
			t.Error(err)
		}
	}
}
