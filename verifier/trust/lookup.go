package trust

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"time"

	"mobileid/mdoc"
	"mobileid/mdoc/statuslist"
	"mobileid/mdoc/verdict"
)

// Answer is what the cache knows of one entry.
type Answer struct {
	// Known says that Value may be relied on. It is false without a list, with one that is too old, and for an index beyond
	// its end; it is true for an entry that is not valid whatever the age of the list, since revocation is final.
	Known bool
	// Value is the entry: 0 valid, 1 not valid, others as the Token Status List draft, section 7 says.
	Value uint8
	// Held says that there is a list, fresh or not.
	Held bool
	// Age is the time since the list was signed; it is not negative.
	Age time.Duration
	// Why says why Known is false.
	Why string
}

// Lookup answers from what is held. It does not touch network or disk.
func (c *Cache) Lookup(uri string, index uint64, at time.Time) Answer {
	h := c.find(uri)
	if h == nil {
		return Answer{Why: "no list held"}
	}
	return c.answer(h, index, at)
}

func (c *Cache) find(uri string) *held {
	c.mu.RLock()
	h, ok := c.lists[uri]
	c.mu.RUnlock()
	if ok || uri == "" || len(uri) > maxURI {
		return h
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.wanted) < MaxLists {
		c.wanted[strings.Clone(uri)] = struct{}{}
	}
	return c.lists[uri]
}

func (c *Cache) answer(h *held, index uint64, at time.Time) Answer {
	a := Answer{Held: true, Age: max(0, at.Sub(h.token.IssuedAt))}
	if h.token.List == nil {
		a.Why = "an identifier list, not a status list"
		return a
	}
	value, err := h.token.List.At(index)
	if err != nil {
		a.Why = "index beyond the end of the list"
		return a
	}
	a.Value = value
	a.Why = c.stale(h, at)
	a.Known = value != 0 || a.Why == ""
	return a
}

// stale says why a list may not be relied on at a time, or nothing.
func (c *Cache) stale(h *held, at time.Time) string {
	switch {
	case at.Before(h.token.IssuedAt.Add(-statuslist.MaxSkew)):
		return "list is signed in the future"
	case !h.token.ExpiresAt.IsZero() && !at.Before(h.token.ExpiresAt):
		return "list has expired"
	case at.Sub(h.token.IssuedAt) > c.maxAge:
		return "list is too old"
	case c.revoked(h, at):
		return "the list's signer is revoked"
	case !h.token.CheckSigner(c.signers, at).OK():
		return "revocation of the list's signer unknown"
	}
	return ""
}

// Status answers a verification: pass for a valid entry of a usable list, fail for any other entry, not run when nothing is
// known. The list must stand under the same root as the document, or under the trust point that the document names for it
// (ISO/IEC 18013-5 second edition draft, 12.3.6); a trust point that is none of the till's roots is not followed.
func (c *Cache) Status(q mdoc.StatusQuery) mdoc.StatusAnswer {
	h := c.find(q.URI())
	switch {
	case h == nil:
		return unknown("status unknown, no list held")
	case !speaksFor(h, q):
		return unknown("status unknown, the list held is signed under another root")
	case (q.Identifier != nil) != (h.token.Identifiers != nil):
		return unknown("status unknown, the list held is of the other kind")
	}
	a := Answer{}
	if q.Identifier != nil {
		a = c.answerIdentifier(h, q.Identifier.ID, q.At)
	} else {
		a = c.answer(h, q.List.Index, q.At)
	}
	switch {
	case !a.Known:
		return unknown(fmt.Sprintf("status unknown, last list %s old, %s", age(a.Age), a.Why))
	case a.Value != 0:
		return mdoc.StatusAnswer{Outcome: verdict.Fail, Measured: fmt.Sprintf("%s, list %s old", name(a.Value), age(a.Age))}
	}
	return mdoc.StatusAnswer{Outcome: verdict.Pass, Measured: fmt.Sprintf("valid, list %s old", age(a.Age))}
}

// speaksFor reports whether the list held is signed under the authority that answers for the document.
func speaksFor(h *held, q mdoc.StatusQuery) bool {
	if point := q.TrustPoint(); point != nil {
		return bytes.Equal(point, h.token.Anchor.Raw)
	}
	return q.Anchor.Equal(h.token.Anchor) // no anchor is not that of any list
}

// answerIdentifier is answer for an identifier list: an id that is listed is revoked. An empty id names nothing.
func (c *Cache) answerIdentifier(h *held, id []byte, at time.Time) Answer {
	a := Answer{Held: true, Age: max(0, at.Sub(h.token.IssuedAt)), Why: c.stale(h, at)}
	if len(id) == 0 {
		a.Why = "no identifier to look for"
		return a
	}
	if h.token.Identifiers.Revoked(id) {
		a.Value = statuslist.Invalid
	}
	a.Known = a.Value != 0 || a.Why == ""
	return a
}

func unknown(why string) mdoc.StatusAnswer {
	return mdoc.StatusAnswer{Outcome: verdict.NotRun, Measured: why}
}

// name is the name of a status that is not valid. In a list of one bit an entry that is set may be a suspension.
func name(value uint8) string {
	switch value {
	case 1:
		return "revoked"
	case 2:
		return "suspended"
	}
	return fmt.Sprintf("status %d", value)
}

// age words a duration for staff: minutes below two hours, hours above.
func age(d time.Duration) string {
	if d < 2*time.Hour {
		return fmt.Sprintf("%d min", int(d.Minutes()))
	}
	return fmt.Sprintf("%d h", int(d.Hours()))
}

// ListInfo describes one list held.
type ListInfo struct {
	URI       string    `json:"uri"`
	IssuedAt  time.Time `json:"issued_at"`
	ExpiresAt time.Time `json:"expires_at"`
	FetchedAt time.Time `json:"fetched_at"`
	// AgeSeconds is the time since the list was signed.
	AgeSeconds int64 `json:"age_seconds"`
	// Usable says that valid entries may be relied on; Why says why not.
	Usable bool   `json:"usable"`
	Why    string `json:"why,omitempty"`
	// Refresh is when the list should be fetched again.
	Refresh time.Time `json:"refresh"`
}

// Lists describes every list held, by address.
func (c *Cache) Lists(at time.Time) []ListInfo {
	c.mu.RLock()
	defer c.mu.RUnlock()
	out := make([]ListInfo, 0, len(c.lists))
	for uri, h := range c.lists {
		why := c.stale(h, at)
		out = append(out, ListInfo{
			URI: uri, IssuedAt: h.token.IssuedAt, ExpiresAt: h.token.ExpiresAt, FetchedAt: h.fetchedAt,
			AgeSeconds: int64(max(0, at.Sub(h.token.IssuedAt)).Seconds()), Usable: why == "", Why: why, Refresh: h.refreshAt(),
		})
	}
	slices.SortFunc(out, func(a, b ListInfo) int { return strings.Compare(a.URI, b.URI) })
	return out
}

// Bounds of the time between two fetches of one list, whatever its ttl says.
const (
	minRefresh     = time.Minute
	defaultRefresh = 5 * time.Minute
	maxRefresh     = 12 * time.Hour
)

// refreshAt is ttl after fetching (draft-ietf-oauth-status-list, section 13.7), within bounds.
func (h *held) refreshAt() time.Time {
	ttl := h.token.TTL
	if ttl <= 0 {
		ttl = defaultRefresh
	}
	return h.fetchedAt.Add(min(max(ttl, minRefresh), maxRefresh))
}

// Wanted lists the addresses that checks asked about and that are not held. A refresher fetches those it may.
func (c *Cache) Wanted() []string {
	c.mu.RLock()
	defer c.mu.RUnlock()
	out := make([]string, 0, len(c.wanted))
	for uri := range c.wanted {
		out = append(out, uri)
	}
	slices.Sort(out)
	return out
}

// forget takes an address off the list of wanted ones, since it may not be fetched.
func (c *Cache) forget(uri string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.wanted, uri)
}
