package engagement_test

import (
	"strings"
	"testing"

	"mobileid/mdoc/engagement"
)

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
	if key, err := new(engagement.DeviceEngagement).EDeviceKey(); err == nil || key != nil {
		t.Errorf("a key of nothing: %v", err)
	}
}
