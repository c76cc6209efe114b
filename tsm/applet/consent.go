package applet

import "time"

// ConsentTime is how long a verified PIN holds, by the element's clock.
const ConsentTime = 60 * time.Second

// consent is what the holder allowed by typing the PIN in: to read, and to use the device key once, within [ConsentTime]. It is
// volatile; the zero value allows nothing.
type consent struct {
	given, seen time.Time
	use         bool
}

func newConsent(now time.Time) consent { return consent{given: now, seen: now, use: true} }

func (c *consent) end() { *c = consent{} }

// left tells for how long the consent still holds, and ends it when that is over. The clock may be set, and the monotonic one
// stands still while a machine sleeps: the longer of the two times counts, and a clock that was seen to go back ends it.
func (c *consent) left(now time.Time) time.Duration {
	if c.given.IsZero() {
		return 0
	}
	wall := now.Round(0)
	passed := max(now.Sub(c.given), wall.Sub(c.given.Round(0)))
	if passed >= ConsentTime || wall.Before(c.seen.Round(0)) {
		c.end()
		return 0
	}
	c.seen = now
	return ConsentTime - passed
}
