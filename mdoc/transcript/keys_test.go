package transcript_test

import (
	"crypto/ecdh"
	"testing"

	"mobileid/mdoc/mdoctest"
	"mobileid/mdoc/transcript"
)

// TestAnnexDMACKey derives the printed EMacKey at both ends; what is missing or does not fit is refused.
func TestAnnexDMACKey(t *testing.T) {
	d := mdoctest.LoadAnnexD(t)
	tr, err := transcript.Parse(d.Bytes(t, "session_transcript"))
	if err != nil {
		t.Fatal(err)
	}
	key := func(c ecdh.Curve, entry string) *ecdh.PrivateKey {
		k, err := c.NewPrivateKey(d.Bytes(t, entry))
		if err != nil {
			t.Fatal(err)
		}
		return k
	}
	device, reader := key(ecdh.P256(), "s_device_key_d"), key(ecdh.P256(), "e_reader_key_d")
	for _, end := range []struct{ own, other *ecdh.PrivateKey }{{device, reader}, {reader, device}} {
		mac, err := transcript.EMacKey(end.own, end.other.PublicKey(), tr)
		if err != nil {
			t.Fatal(err)
		}
		compare(t, "EMacKey", mac, d.Bytes(t, "e_mac_key"))
	}
	x := key(ecdh.X25519(), "e_reader_key_d")
	for name, refused := range map[string]func() ([]byte, error){
		"no transcript": func() ([]byte, error) {
			return transcript.EMacKey(device, reader.PublicKey(), transcript.Transcript{})
		},
		"no key":         func() ([]byte, error) { return transcript.EMacKey(nil, reader.PublicKey(), tr) },
		"no peer":        func() ([]byte, error) { return transcript.EMacKey(device, nil, tr) },
		"another curve":  func() ([]byte, error) { return transcript.EMacKey(device, x.PublicKey(), tr) },
		"salt too short": func() ([]byte, error) { return transcript.EMacKeyFromSalt(device, reader.PublicKey(), tr.Salt()[1:]) },
	} {
		if k, err := refused(); err == nil || k != nil {
			t.Errorf("%s: a key was derived", name)
		}
	}
}
