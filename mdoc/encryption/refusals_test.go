package encryption_test

import (
	"bytes"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"strings"
	"testing"

	"mobileid/mdoc/cbor"
	"mobileid/mdoc/encryption"
	"mobileid/mdoc/transcript"
)

// TestRefusalsSayWhy: what is wrong is named, and not a consequence of it.
func TestRefusalsSayWhy(t *testing.T) {
	key, session := newKey(t, ecdh.P256()), channel(t)
	good := info("dcapi", make([]byte, 16), coseKey(t, key.PublicKey()))
	i, err := encryption.ParseEncryptionInfo(good)
	if err != nil {
		t.Fatal(err)
	}
	p, err := encryption.NewParameters(key.PublicKey(), nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	sealed, err := encryption.Seal(key.PublicKey(), session, []byte{1})
	if err != nil {
		t.Fatal(err)
	}
	answer, err := encryption.SealResponse(i, origin, []byte{1})
	if err != nil {
		t.Fatal(err)
	}
	parse := func(text string) error { _, err := encryption.ParseEncryptionInfo(text); return err }
	request := func(data string) error { _, err := encryption.ParseRequest([]byte(data)); return err }
	response := func(data string) error { _, err := encryption.ParseResponse([]byte(data)); return err }
	documents := func(key ecdh.KeyExchanger, p encryption.ParametersBytes, tr transcript.Transcript) error {
		_, _, err := encryption.OpenDocuments(key, p, tr, encryption.EncryptedDocuments{Enc: sealed.Enc, CipherText: sealed.CipherText})
		return err
	}
	opened := func(key ecdh.KeyExchanger, tr transcript.Transcript) error {
		_, err := encryption.Open(key, tr, sealed)
		return err
	}
	elsewhere := func(key ecdh.KeyExchanger) error {
		_, err := encryption.OpenResponse(key, i, origin, answer)
		return err
	}
	for name, c := range map[string]struct {
		err  error
		want string
	}{
		"padded info":             {parse(good + "="), "base64url"},
		"long info":               {parse(strings.Repeat("A", 6<<10)), "characters"},
		"info that is a map":      {parse("oA"), "cbor"},
		"request, no members":     {request(`{}`), "member deviceRequest"},
		"request, padded":         {request(`{"deviceRequest":"oA==","encryptionInfo":"` + good + `"}`), "base64url"},
		"request, a number":       {request(`{"deviceRequest":1,"encryptionInfo":"` + good + `"}`), "member deviceRequest"},
		"request, an array":       {request(`[]`), "not a JSON object"},
		"request, cut":            {request(`{"deviceRequest":"oA`), "not a JSON object"},
		"request, cut at a comma": {request(`{"a":1,`), "not a JSON object"},
		"request, too long":       {request(`{"x":"` + strings.Repeat("a", 1<<20) + `"}`), "bytes of JSON"},
		"response, no member":     {response(`{}`), "member response"},
		"response, no base64":     {response(`{"response":"*"}`), "base64url"},
		"response, no CBOR":       {response(`{"response":"_w"}`), "cbor"},
		"parameters, no tag":      {parameters([]byte{0xa0}), "cbor"},
		"plaintext, an array":     {plaintext([]byte{0x80}), "cbor"},
		"documents, no session":   {documents(key, p, transcript.Transcript{}), "no transcript of the channel"},
		"documents, no key":       {documents(nil, p, session), "not that of the EncryptionParameters"},
		"documents, no recipient": {documents(key, encryption.ParametersBytes{}, session), "recipientPublicKey"},
		"response, no key":        {elsewhere(nil), "not that of the EncryptionInfo"},
		"response, another key":   {elsewhere(newKey(t, ecdh.P256())), "not that of the EncryptionInfo"},
		"a key on P-384":          {opened(newKey(t, ecdh.P384()), session), "not on P-256"},
		"no key":                  {opened(nil, session), "not on P-256"},
		"no session":              {opened(key, transcript.Transcript{}), "no session transcript"},
	} {
		if c.err == nil || !strings.Contains(c.err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, c.err, c.want)
		}
	}
}

func parameters(raw []byte) error { _, err := encryption.ParseParameters(raw); return err }
func plaintext(raw []byte) error  { _, err := encryption.ParsePlaintext(raw); return err }

// TestParametersOfAnotherCurve: parameters that never were checked are checked before anything is opened.
func TestParametersOfAnotherCurve(t *testing.T) {
	key := newKey(t, ecdh.P384())
	raw := cbor.AppendText(cbor.AppendMapHead(nil, 1), "recipientPublicKey")
	p, err := cbor.ParseEmbedded[encryption.Parameters](cbor.AppendEmbedded(nil, append(raw, coseKey(t, key.PublicKey())...)))
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := encryption.OpenDocuments(key, p, channel(t), encryption.EncryptedDocuments{}); !errors.Is(err, encryption.ErrMalformed) {
		t.Errorf("opened with parameters on P-384: %v", err)
	}
}

// TestBounds: each bound by itself, in what is good but for its size.
func TestBounds(t *testing.T) {
	signing, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	key, err := signing.ECDH()
	if err != nil {
		t.Fatal(err)
	}
	own := certificate(t, signing)
	for name, chain := range map[string][][]byte{"seven certificates": slicesOf(own, 7), "an empty second": {own, {}}, "a large second": {own, make([]byte, 16<<10+1)}} {
		if _, err := encryption.NewParameters(key.PublicKey(), nil, chain); !errors.Is(err, encryption.ErrMalformed) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := encryption.NewParameters(key.PublicKey(), nil, [][]byte{own, make([]byte, 16<<10)}); err != nil {
		t.Errorf("a chain within its bounds: %v", err)
	}
	member := func(n int) []byte { return cbor.AppendBytes(cbor.AppendText(nil, "x"), make([]byte, n)) }
	point := newKey(t, ecdh.P256()).PublicKey().Bytes()
	long := response("dcapi", point, make([]byte, 17))
	long[7]++ // one more member in the map
	if _, err := encryption.ParseEncryptedResponse(append(bytes.Clone(long), member(100)...)); err != nil {
		t.Errorf("a member that is not known: %v", err)
	}
	if _, err := encryption.ParseEncryptedResponse(append(long, member(encryption.MaxPlaintext+1024)...)); !errors.Is(err, encryption.ErrMalformed) {
		t.Errorf("a long member that is not known: %v", err)
	}
	documents := append(cbor.AppendText(cbor.AppendMapHead(nil, 1), "documents"), 0x81)
	if err := plaintext(cbor.AppendBytes(documents, make([]byte, encryption.MaxPlaintext))); !errors.Is(err, encryption.ErrMalformed) {
		t.Errorf("a long plaintext: %v", err)
	}
}
