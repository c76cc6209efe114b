package engagement_test

import (
	"bytes"
	"crypto/ecdh"
	"crypto/rand"
	"strings"
	"testing"

	"mobileid/mdoc/cbor"
	"mobileid/mdoc/engagement"
)

func newReaderKey(t testing.TB) *ecdh.PublicKey {
	t.Helper()
	key, err := ecdh.P256().GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key.PublicKey()
}

// TestRefusalsSayWhy: what a QR code is instead is named, and an engagement that was never read has no key.
func TestRefusalsSayWhy(t *testing.T) {
	for uri, want := range map[string]string{
		"mdoc://owBjMS4x": "a reader engagement",
		"mdoc:" + strings.Repeat("A", 4*engagement.MaxSize): "characters",
		"mdoc:owBjMS4w=": "base64url without padding",
		"http:owBjMS4w":  "scheme is not mdoc",
	} {
		if _, err := engagement.ParseURI(uri); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.24s: %v", uri, err)
		}
	}
	for uri, want := range map[string]string{
		"mdoc://owBjMS4w=": "base64url without padding",
		"mdox://owBjMS4w":  "scheme is not mdoc",
		"mdoc://oA":        "required member",
	} {
		if _, err := engagement.ParseReaderURI(uri); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", uri, err)
		}
	}
	e, err := engagement.NewReader(newReaderKey(t), "https://reader.example")
	if err != nil {
		t.Fatal(err)
	}
	long := e.Bytes()
	long[0]++ // one more member in the map
	for _, n := range []int{1, engagement.MaxSize} {
		_, err := engagement.ParseReader(cbor.AppendBytes(cbor.AppendUint(bytes.Clone(long), 99), make([]byte, n)))
		if (err == nil) != (n == 1) {
			t.Errorf("a reader engagement with a member of %d bytes: %v", n, err)
		}
	}
	origin := engagement.DomainOrigin("reader.example")
	origin.Type = engagement.OriginOther
	if domain, ok := origin.Domain(); ok || domain != "" {
		t.Errorf("another origin has the domain %q", domain)
	}
	if key, err := new(engagement.DeviceEngagement).EDeviceKey(); err == nil || key != nil {
		t.Errorf("a key of nothing: %v", err)
	}
}
