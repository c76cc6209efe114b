package vical

import (
	"crypto/sha256"
	"fmt"
	"sync"
	"time"

	"mobileid/mdoc/pki"
	"mobileid/mdoc/verdict"
)

// Floor is what a reader keeps of the newest list it has seen, over restarts too, so that nobody can bring back an older
// one. The zero value has seen none.
type Floor struct {
	Provider string
	// IssueID is nil when that list had none.
	IssueID *uint64
	Date    time.Time
	// Digest is the SHA-256 of the list: of two lists of the same rank the first counts.
	Digest [sha256.Size]byte
}

// Store holds the newest list of one provider. It is safe for concurrent use.
type Store struct {
	anchors *pki.Anchors

	mu    sync.RWMutex // guards all below
	floor Floor
	list  *List
}

// NewStore makes one that trusts the provider's roots and refuses what lies below the floor.
func NewStore(provider *pki.Anchors, floor Floor) *Store {
	return &Store{anchors: provider, floor: floor}
}

// Offer verifies a list at the time at and holds it if the verdict is OK. Beside the checks of [Signed.Verify] it must be of
// the same provider and not older than any it has seen: neither date nor vicalIssueID may go back, and with both unchanged
// it must be the same list. What was held stays when another is refused.
//
// The error is one of [Parse], or a caller's mistake.
func (s *Store) Offer(raw []byte, at time.Time) (verdict.Verdict, error) {
	signed, err := Parse(raw)
	if err != nil {
		return verdict.Verdict{}, err
	}
	list, v, err := signed.Verify(s.anchors, at)
	if err != nil {
		return verdict.Verdict{}, err
	}
	next := floorOf(signed)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.compare(&v, next)
	if v.OK() {
		s.floor, s.list = next, list
	}
	return v, nil
}

func floorOf(s *Signed) Floor {
	c := &s.content
	return Floor{Provider: c.Provider, IssueID: c.IssueID, Date: c.Date.Time(), Digest: sha256.Sum256(s.Bytes())}
}

// compare holds a list against the floor. The caller holds the lock.
func (s *Store) compare(v *verdict.Verdict, next Floor) {
	old := s.floor
	if old.Provider == "" {
		v.Pass("vical.provider", clause, "the first list")
		v.Pass("vical.not_older", clause, "the first list")
		return
	}
	v.Record("vical.provider", clause, old.Provider == next.Provider, fmt.Sprintf("a name of %d bytes, before of %d", len(next.Provider), len(old.Provider)))
	measured := "date " + next.Date.Format(time.RFC3339) + ", before " + old.Date.Format(time.RFC3339)
	if old.IssueID != nil && next.IssueID != nil {
		measured += fmt.Sprintf("; vicalIssueID %d, before %d", *next.IssueID, *old.IssueID)
	}
	v.Record("vical.not_older", clause, notOlder(old, next), measured)
}

// notOlder wants neither date nor vicalIssueID to go back, and one of them to go on unless it is the same list. A list
// without an id is compared by its date.
func notOlder(old, next Floor) bool {
	ids := old.IssueID != nil && next.IssueID != nil
	if next.Date.Before(old.Date) || ids && *next.IssueID < *old.IssueID {
		return false
	}
	return next.Date.After(old.Date) || ids && *next.IssueID > *old.IssueID || next.Digest == old.Digest
}

// Current gives the list that is held, nil when there is none.
func (s *Store) Current() *List {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.list
}

// Floor gives what is to be kept over a restart.
func (s *Store) Floor() Floor {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.floor
}
