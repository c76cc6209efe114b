package applet

import (
	"testing"
	"time"
)

// The wall clock may be set back without being seen, and the monotonic one may stand still: the longer time counts.
func TestConsentByBothClocks(t *testing.T) {
	given := time.Now() //nolint:forbidigo // with a monotonic reading, which only the system's clock gives
	for name, tc := range map[string]struct {
		now  time.Time
		left time.Duration
	}{
		"both go on":               {given.Add(20 * time.Second), 40 * time.Second},
		"the monotonic one stands": {given.Round(0).Add(59 * time.Second), time.Second},
		"and the hour goes by":     {given.Round(0).Add(time.Hour), 0},
	} {
		t.Run(name, func(t *testing.T) {
			c := newConsent(given)
			if left := c.left(tc.now); left != tc.left || (left == 0) != c.given.IsZero() {
				t.Errorf("%v left, expected %v", left, tc.left)
			}
		})
	}
	none := consent{}
	if none.left(given) != 0 || none.left(time.Time{}) != 0 {
		t.Error("something is left of no consent")
	}
}
