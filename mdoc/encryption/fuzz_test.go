package encryption_test

import (
	"bytes"
	"crypto/ecdh"
	"encoding/json"
	"testing"

	"mobileid/mdoc/cbor"
	"mobileid/mdoc/encryption"
	"mobileid/mdoc/mdoctest"
)

func FuzzParseParameters(f *testing.F) {
	for _, c := range loadAnnexC(f) { // its parameters have the members of EncryptionParameters
		if c.Info != "" {
			f.Add(cbor.AppendEmbedded(nil, mdoctest.Hex(f, c.Info)[7:]))
		}
	}
	p, err := encryption.NewParameters(newKey(f, ecdh.P256()).PublicKey(), make([]byte, 16), nil)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(p.Bytes())
	f.Fuzz(func(t *testing.T, raw []byte) {
		p, err := encryption.ParseParameters(raw)
		if err != nil {
			if p.Bytes() != nil {
				t.Fatal("a failed parse gave something")
			}
			return
		}
		if again, err := cbor.Marshal(p); err != nil || !bytes.Equal(again, raw) {
			t.Fatal("the bytes were not kept")
		}
		if _, err := p.Value.RecipientPublicKey.ECDH(); err != nil {
			t.Fatal("a key that is no key was accepted")
		}
	})
}

func FuzzParseEncryptionInfo(f *testing.F) {
	for _, c := range loadAnnexC(f) {
		f.Add(c.InfoText)
	}
	f.Fuzz(func(t *testing.T, text string) {
		i, err := encryption.ParseEncryptionInfo(text)
		if (err == nil) != (i != nil) {
			t.Fatal("a failed parse gave something")
		}
		if err != nil {
			return
		}
		if i.Text() != text || len(i.Nonce()) < 16 {
			t.Fatal("the text was not kept, or the nonce is short")
		}
		if _, err := encryption.SealResponse(i, origin, []byte{1}); err != nil {
			t.Fatalf("accepted, and nothing can be sealed for it: %v", err)
		}
	})
}

func FuzzParseEncryptedResponse(f *testing.F) {
	for _, c := range loadAnnexC(f) {
		if c.Response != "" {
			f.Add(unbase64(f, c.Response))
		}
	}
	key := newKey(f, ecdh.P256())
	i, err := encryption.NewEncryptionInfo(key.PublicKey(), nil)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		r, err := encryption.ParseEncryptedResponse(raw)
		if (err == nil) != (r != nil) {
			t.Fatal("a failed parse gave something")
		}
		if err != nil {
			return
		}
		if !bytes.Equal(r.Bytes(), raw) {
			t.Fatal("the bytes were not kept")
		}
		if _, err := encryption.OpenResponse(key, i, origin, r); err == nil {
			t.Fatal("opened what was not sealed")
		}
	})
}

func FuzzParsePlaintext(f *testing.F) {
	d := mdoctest.LoadAnnexD(f)
	f.Add(d.Bytes(f, "device_response")) // has the member documents
	f.Add([]byte{0xa0})
	f.Fuzz(func(t *testing.T, raw []byte) {
		p, err := encryption.ParsePlaintext(raw)
		if (err == nil) != (p != nil) {
			t.Fatal("a failed parse gave something")
		}
		if err != nil {
			return
		}
		again, err := cbor.Marshal(*p)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := encryption.ParsePlaintext(again); err != nil {
			t.Fatalf("written and refused: %v", err)
		}
	})
}

func FuzzParseRequest(f *testing.F) {
	for _, c := range loadAnnexC(f) {
		f.Add([]byte(`{"deviceRequest":"` + c.Request + `","encryptionInfo":"` + c.InfoText + `"}`))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := encryption.ParseRequest(data)
		if (err == nil) != (r != nil) {
			t.Fatal("a failed parse gave something")
		}
		if err != nil {
			return
		}
		again, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		if s, err := encryption.ParseRequest(again); err != nil || !bytes.Equal(s.DeviceRequest, r.DeviceRequest) {
			t.Fatalf("written and read differently: %v", err)
		}
	})
}

func FuzzParseResponse(f *testing.F) {
	for _, c := range loadAnnexC(f) {
		f.Add([]byte(`{"response":"` + c.Response + `"}`))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := encryption.ParseResponse(data)
		if (err == nil) != (r != nil) {
			t.Fatal("a failed parse gave something")
		}
		if err != nil {
			return
		}
		again, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		if s, err := encryption.ParseResponse(again); err != nil || !bytes.Equal(s.Bytes(), r.Bytes()) {
			t.Fatalf("written and read differently: %v", err)
		}
	})
}
