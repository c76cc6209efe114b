package encryption_test

import (
	"bytes"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"errors"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"mobileid/mdoc/cbor"
	"mobileid/mdoc/encryption"
	"mobileid/mdoc/mdoctest"
	"mobileid/mdoc/transcript"
)

const origin = "https://reader.example"

func newKey(t testing.TB, c ecdh.Curve) *ecdh.PrivateKey {
	t.Helper()
	k, err := c.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func certificate(t testing.TB, key *ecdsa.PrivateKey) []byte {
	t.Helper()
	c := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "TEST recipient"}, NotAfter: time.Unix(1<<31, 0)}
	der, err := x509.CreateCertificate(rand.Reader, c, c, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

func channel(t testing.TB) transcript.Transcript {
	t.Helper()
	d := mdoctest.LoadAnnexD(t)
	tr, err := transcript.QR(d.Bytes(t, "device_engagement_qr"), d.Bytes(t, "e_reader_key_bytes"))
	if err != nil {
		t.Fatal(err)
	}
	return tr
}

func TestDocuments(t *testing.T) {
	signing, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	key, err := signing.ECDH()
	if err != nil {
		t.Fatal(err)
	}
	nonce := make([]byte, 16)
	sent, err := encryption.NewParameters(key.PublicKey(), nonce, [][]byte{certificate(t, signing)})
	if err != nil {
		t.Fatal(err)
	}
	p, err := encryption.ParseParameters(sent.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(p.Value.Nonce, nonce) || len(p.Value.RecipientCertificate) != 1 {
		t.Error("a member was lost")
	}
	session := channel(t)
	want := encryption.Plaintext{Documents: []cbor.RawMessage{{0xa1, 0x61, 'a', 0x01}, {0xa0}}, ZKDocuments: []cbor.RawMessage{{0xa0}}}
	sealed, err := encryption.SealDocuments(p, session, 3, want)
	if err != nil {
		t.Fatal(err)
	}
	if sealed.DocRequestID != 3 || len(sealed.Enc) != 65 {
		t.Errorf("docRequestID %d, enc of %d bytes", sealed.DocRequestID, len(sealed.Enc))
	}
	got, tr, err := encryption.OpenDocuments(key, sent, session, sealed)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(&want, got); diff != "" {
		t.Error(diff)
	}
	compare(t, "second member of the transcript", tr.EReaderKeyBytes(), sent.Bytes())
	compare(t, "engagement", tr.DeviceEngagementBytes(), session.DeviceEngagementBytes())

	// What was sealed for these parameters in this session opens nowhere else.
	again, err := encryption.NewParameters(key.PublicKey(), append(nonce[:15:15], 1), nil)
	if err != nil {
		t.Fatal(err)
	}
	online, err := transcript.Online([]byte{0x80})
	if err != nil {
		t.Fatal(err)
	}
	flipped := sealed
	flipped.CipherText = bytes.Clone(sealed.CipherText)
	flipped.CipherText[0] ^= 1
	moved := sealed
	moved.Enc = newKey(t, ecdh.P256()).PublicKey().Bytes()
	for name, open := range map[string]func() (*encryption.Plaintext, transcript.Transcript, error){
		"other parameters": func() (*encryption.Plaintext, transcript.Transcript, error) {
			return encryption.OpenDocuments(key, again, session, sealed)
		},
		"another session": func() (*encryption.Plaintext, transcript.Transcript, error) {
			return encryption.OpenDocuments(key, sent, online, sealed)
		},
		"a changed bit": func() (*encryption.Plaintext, transcript.Transcript, error) {
			return encryption.OpenDocuments(key, sent, session, flipped)
		},
		"another enc": func() (*encryption.Plaintext, transcript.Transcript, error) {
			return encryption.OpenDocuments(key, sent, session, moved)
		},
	} {
		if p, tr, err := open(); !errors.Is(err, encryption.ErrOpen) || p != nil || !tr.IsZero() {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, _, err := encryption.OpenDocuments(newKey(t, ecdh.P256()), sent, session, sealed); err == nil || errors.Is(err, encryption.ErrOpen) {
		t.Errorf("another key: %v", err)
	}
	if _, _, err := encryption.OpenDocuments(key, sent, transcript.Transcript{}, sealed); err == nil {
		t.Error("opened without a session")
	}
	if _, err := encryption.SealDocuments(p, transcript.Transcript{}, 0, want); err == nil {
		t.Error("sealed without a session")
	}
	if _, err := encryption.SealDocuments(p, session, 0, encryption.Plaintext{}); !errors.Is(err, encryption.ErrMalformed) {
		t.Errorf("sealed nothing: %v", err)
	}
	if _, err := encryption.SealDocuments(encryption.ParametersBytes{}, session, 0, want); !errors.Is(err, encryption.ErrMalformed) {
		t.Errorf("sealed to nobody: %v", err)
	}
	if _, err := encryption.SealDocuments(p, session, 0, encryption.Plaintext{Documents: []cbor.RawMessage{nil}}); err == nil {
		t.Error("sealed an empty document")
	}
	if _, err := encryption.SealDocuments(p, session, 0, encryption.Plaintext{Documents: []cbor.RawMessage{cbor.AppendBytes(nil, make([]byte, encryption.MaxPlaintext))}}); err == nil {
		t.Error("sealed more than the limit")
	}
}

// TestOpenedJunk seals what is no plaintext of documents: it opens, and is refused.
func TestOpenedJunk(t *testing.T) {
	key, session := newKey(t, ecdh.P256()), channel(t)
	p, err := encryption.NewParameters(key.PublicKey(), nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	tr, err := session.ForDocumentEncryption(p.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	for _, junk := range [][]byte{{0xa0}, {0x80}, {0xa1, 0x69, 'd', 'o', 'c', 'u', 'm', 'e', 'n', 't', 's', 0x80}, {0xff}} {
		s, err := encryption.Seal(key.PublicKey(), tr, junk)
		if err != nil {
			t.Fatal(err)
		}
		got, _, err := encryption.OpenDocuments(key, p, session, encryption.EncryptedDocuments{Enc: s.Enc, CipherText: s.CipherText})
		if !errors.Is(err, encryption.ErrMalformed) || got != nil {
			t.Errorf("%x: %v", junk, err)
		}
	}
}

func TestNewParametersRefuses(t *testing.T) {
	signing, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	good, other := newKey(t, ecdh.P256()).PublicKey(), certificate(t, signing)
	for name, build := range map[string]func() (encryption.ParametersBytes, error){
		"no key": func() (encryption.ParametersBytes, error) { return encryption.NewParameters(nil, nil, nil) },
		"P-384": func() (encryption.ParametersBytes, error) {
			return encryption.NewParameters(newKey(t, ecdh.P384()).PublicKey(), nil, nil)
		},
		"nonce of 15 bytes": func() (encryption.ParametersBytes, error) {
			return encryption.NewParameters(good, make([]byte, 15), nil)
		},
		"nonce of 257 bytes": func() (encryption.ParametersBytes, error) {
			return encryption.NewParameters(good, make([]byte, 257), nil)
		},
		"empty chain":       func() (encryption.ParametersBytes, error) { return encryption.NewParameters(good, nil, [][]byte{}) },
		"empty certificate": func() (encryption.ParametersBytes, error) { return encryption.NewParameters(good, nil, [][]byte{{}}) },
		"no certificate":    func() (encryption.ParametersBytes, error) { return encryption.NewParameters(good, nil, [][]byte{{1}}) },
		"chain of seven": func() (encryption.ParametersBytes, error) {
			return encryption.NewParameters(good, nil, slicesOf(other, 7))
		},
		"certificate of other": func() (encryption.ParametersBytes, error) {
			return encryption.NewParameters(good, nil, [][]byte{other})
		},
	} {
		if _, err := build(); err == nil {
			t.Errorf("%s: made", name)
		}
	}
}

func slicesOf(b []byte, n int) [][]byte {
	var out [][]byte
	for range n {
		out = append(out, b)
	}
	return out
}

func TestParseParametersRefuses(t *testing.T) {
	key := coseKey(t, newKey(t, ecdh.P256()).PublicKey())
	with := func(k []byte) []byte {
		return append(cbor.AppendText(cbor.AppendMapHead(nil, 1), "recipientPublicKey"), k...)
	}
	offCurve := bytes.Clone(key)
	offCurve[len(offCurve)-1] ^= 1
	for name, raw := range map[string][]byte{
		"no tag":       with(key),
		"no key":       cbor.AppendEmbedded(nil, []byte{0xa0}),
		"off curve":    cbor.AppendEmbedded(nil, with(offCurve)),
		"X25519":       cbor.AppendEmbedded(nil, with(coseKey(t, newKey(t, ecdh.X25519()).PublicKey()))),
		"key is text":  cbor.AppendEmbedded(nil, with([]byte{0x61, 'k'})),
		"key twice":    cbor.AppendEmbedded(nil, append(append([]byte{0xa2}, with(key)[1:]...), with(key)[1:]...)),
		"no CBOR":      {0xff},
		"nothing":      nil,
		"nonce number": cbor.AppendEmbedded(nil, append(append([]byte{0xa2}, with(key)[1:]...), "\x65nonce\x01"...)),
	} {
		if p, err := encryption.ParseParameters(raw); !errors.Is(err, encryption.ErrMalformed) || p.Bytes() != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestAnnexCRoundTrip(t *testing.T) {
	key := newKey(t, ecdh.P256())
	info, err := encryption.NewEncryptionInfo(key.PublicKey(), nil)
	if err != nil {
		t.Fatal(err)
	}
	data, err := json.Marshal(&encryption.Request{DeviceRequest: []byte{0xa0}, EncryptionInfo: info})
	if err != nil {
		t.Fatal(err)
	}
	received, err := encryption.ParseRequest(data)
	if err != nil {
		t.Fatal(err)
	}
	if len(received.EncryptionInfo.Nonce()) != 32 {
		t.Errorf("nonce of %d bytes", len(received.EncryptionInfo.Nonce()))
	}
	sealed, err := encryption.SealResponse(received.EncryptionInfo, origin, []byte("answer"))
	if err != nil {
		t.Fatal(err)
	}
	data, err = json.Marshal(sealed)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := encryption.ParseResponse(data)
	if err != nil {
		t.Fatal(err)
	}
	got, err := encryption.OpenResponse(key, info, origin, answer)
	if err != nil || string(got) != "answer" {
		t.Errorf("opened %q: %v", got, err)
	}
	second, err := encryption.NewEncryptionInfo(key.PublicKey(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := encryption.OpenResponse(key, second, origin, answer); !errors.Is(err, encryption.ErrOpen) {
		t.Errorf("it opens for another request of the same key: %v", err)
	}
	if _, err := encryption.OpenResponse(newKey(t, ecdh.P256()), info, origin, answer); err == nil {
		t.Error("it opens with another key")
	}
	if _, err := encryption.OpenResponse(key, info, "", answer); !errors.Is(err, transcript.ErrMalformed) {
		t.Errorf("it opens without an origin: %v", err)
	}
	if _, err := encryption.SealResponse(info, "", []byte{1}); !errors.Is(err, transcript.ErrMalformed) {
		t.Errorf("sealed without an origin: %v", err)
	}
	if _, err := encryption.SealResponse(info, origin, nil); err == nil {
		t.Error("sealed nothing")
	}
	if _, err := json.Marshal(&encryption.Request{}); err == nil {
		t.Error("an empty request was written")
	}
}

func TestNewEncryptionInfoRefuses(t *testing.T) {
	good := newKey(t, ecdh.P256()).PublicKey()
	if _, err := encryption.NewEncryptionInfo(nil, nil); err == nil {
		t.Error("made without a key")
	}
	if _, err := encryption.NewEncryptionInfo(newKey(t, ecdh.P521()).PublicKey(), nil); err == nil {
		t.Error("made for P-521")
	}
	if _, err := encryption.NewEncryptionInfo(good, strings.NewReader("short")); err == nil {
		t.Error("made with half a nonce")
	}
}

// info builds an EncryptionInfo text member by member.
func info(label string, nonce, key []byte) string {
	b := cbor.AppendMapHead(cbor.AppendText(cbor.AppendArrayHead(nil, 2), label), 2)
	b = cbor.AppendBytes(cbor.AppendText(b, "nonce"), nonce)
	b = append(cbor.AppendText(b, "recipientPublicKey"), key...)
	return base64.RawURLEncoding.EncodeToString(b)
}

func TestParseEncryptionInfoRefuses(t *testing.T) {
	key := coseKey(t, newKey(t, ecdh.P256()).PublicKey())
	good := info("dcapi", make([]byte, 16), key)
	if _, err := encryption.ParseEncryptionInfo(good); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"another label":   info("DCAPI", make([]byte, 16), key),
		"15 bytes":        info("dcapi", make([]byte, 15), key),
		"257 bytes":       info("dcapi", make([]byte, 257), key),
		"P-384":           info("dcapi", make([]byte, 16), coseKey(t, newKey(t, ecdh.P384()).PublicKey())),
		"padded":          good + "=",
		"a line break":    good[:8] + "\n" + good[8:],
		"plain base64":    strings.Repeat("+", 8),
		"spare bits":      "gmVkY2FwaaJ",
		"empty":           "",
		"too long":        strings.Repeat("A", 6<<10),
		"a map":           "oA",
		"three members":   "g2VkY2FwaaD2",
		"a tail":          base64.RawURLEncoding.EncodeToString(append(unbase64(t, good), 0)),
		"without members": "gmVkY2FwaaA",
	} {
		if i, err := encryption.ParseEncryptionInfo(text); !errors.Is(err, encryption.ErrMalformed) || i != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func response(label string, enc, cipherText []byte) []byte {
	b := cbor.AppendMapHead(cbor.AppendText(cbor.AppendArrayHead(nil, 2), label), 2)
	b = cbor.AppendBytes(cbor.AppendText(b, "enc"), enc)
	return cbor.AppendBytes(cbor.AppendText(b, "cipherText"), cipherText)
}

func TestParseEncryptedResponseRefuses(t *testing.T) {
	point := newKey(t, ecdh.P256()).PublicKey().Bytes()
	good := response("dcapi", point, make([]byte, 17))
	if _, err := encryption.ParseEncryptedResponse(good); err != nil {
		t.Fatal(err)
	}
	for name, raw := range map[string][]byte{
		"another label":    response("dc", point, make([]byte, 17)),
		"compressed point": response("dcapi", append([]byte{2}, point[1:33]...), make([]byte, 17)),
		"hybrid point":     response("dcapi", append([]byte{6}, point[1:]...), make([]byte, 17)),
		"short tag":        response("dcapi", point, make([]byte, 16)),
		"too long":         response("dcapi", point, make([]byte, encryption.MaxPlaintext+17)),
		"far too long":     response("dcapi", point, make([]byte, encryption.MaxPlaintext+2000)),
		"a tail":           append(bytes.Clone(good), 0),
		"nothing":          nil,
	} {
		if r, err := encryption.ParseEncryptedResponse(raw); !errors.Is(err, encryption.ErrMalformed) || r != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestJSONRefuses(t *testing.T) {
	key := coseKey(t, newKey(t, ecdh.P256()).PublicKey())
	i := info("dcapi", make([]byte, 16), key)
	member := func(name, value string) string { return `"` + name + `":"` + value + `"` }
	good := `{` + member("deviceRequest", "oA") + `,` + member("encryptionInfo", i) + `,"other":[{"a":1}]}`
	if _, err := encryption.ParseRequest([]byte(good)); err != nil {
		t.Fatal(err)
	}
	for name, data := range map[string]string{
		"nothing":              ``,
		"an array":             `[]`,
		"no members":           `{}`,
		"no deviceRequest":     `{` + member("encryptionInfo", i) + `}`,
		"no encryptionInfo":    `{` + member("deviceRequest", "oA") + `}`,
		"other capitals":       `{` + member("DeviceRequest", "oA") + `,` + member("encryptionInfo", i) + `}`,
		"empty deviceRequest":  `{` + member("deviceRequest", "") + `,` + member("encryptionInfo", i) + `}`,
		"padded deviceRequest": `{` + member("deviceRequest", "oA==") + `,` + member("encryptionInfo", i) + `}`,
		"bad encryptionInfo":   `{` + member("deviceRequest", "oA") + `,` + member("encryptionInfo", "oA") + `}`,
		"member twice":         `{` + member("deviceRequest", "oA") + `,` + member("deviceRequest", "oA") + `,` + member("encryptionInfo", i) + `}`,
		"null":                 `{"deviceRequest":null,` + member("encryptionInfo", i) + `}`,
		"number":               `{"deviceRequest":1,` + member("encryptionInfo", i) + `}`,
		"cut":                  good[:len(good)-1],
		"cut in a member":      good[:20],
		"cut before a name":    `{"a":1,`,
		"a tail":               good + `{}`,
		"too long":             `{"x":"` + strings.Repeat("a", 1<<20) + `"}`,
	} {
		if r, err := encryption.ParseRequest([]byte(data)); !errors.Is(err, encryption.ErrMalformed) || r != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, data := range map[string]string{"no member": `{}`, "capital": `{"Response":"oA"}`, "no base64": `{"response":"*"}`, "no answer": `{"response":"oA"}`} {
		if r, err := encryption.ParseResponse([]byte(data)); !errors.Is(err, encryption.ErrMalformed) || r != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestSealAndOpenRefuse(t *testing.T) {
	key, tr := newKey(t, ecdh.P256()), channel(t)
	s, err := encryption.Seal(key.PublicKey(), tr, []byte{1})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := encryption.Seal(nil, tr, []byte{1}); err == nil {
		t.Error("sealed to nobody")
	}
	if _, err := encryption.Seal(key.PublicKey(), transcript.Transcript{}, []byte{1}); err == nil {
		t.Error("sealed without a session")
	}
	if _, err := encryption.Open(nil, tr, s); err == nil {
		t.Error("opened without a key")
	}
	if _, err := encryption.Open(newKey(t, ecdh.P384()), tr, s); err == nil {
		t.Error("opened with P-384")
	}
	if _, err := encryption.Open(key, transcript.Transcript{}, s); err == nil {
		t.Error("opened without a session")
	}
	// A point off the curve must not reach the key agreement.
	bad := encryption.Sealed{Enc: bytes.Clone(s.Enc), CipherText: s.CipherText}
	bad.Enc[64] ^= 1
	if _, err := encryption.Open(key, tr, bad); !errors.Is(err, encryption.ErrOpen) {
		t.Errorf("a point off the curve: %v", err)
	}
	if _, err := encryption.Open(key, tr, encryption.Sealed{}); !errors.Is(err, encryption.ErrMalformed) {
		t.Errorf("nothing to open: %v", err)
	}
}
