package revocation

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"mobileid/issuer/store"
	"mobileid/mdoc/pki"
	"mobileid/mdoc/statuslist"
)

const uri = "https://issuer.example/v1/status-lists/1"

var noon = time.Date(2026, 11, 23, 3, 0, 0, 0, time.UTC)

// statuses is a StatusStore whose content the test sets.
type statuses struct {
	mu       sync.Mutex // guards the rest
	snapshot store.StatusSnapshot
	err      error
	reads    int
}

func (s *statuses) Status(context.Context) (store.StatusSnapshot, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.reads++
	return store.StatusSnapshot{Version: s.snapshot.Version, Set: slices.Clone(s.snapshot.Set)}, s.err
}

func (s *statuses) StatusVersion(context.Context) (uint64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.snapshot.Version, s.err
}

func (s *statuses) set(indexes ...uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.snapshot.Version++
	s.snapshot.Set = append(s.snapshot.Set, indexes...)
}

// listRig is a publisher with its certificates and a clock.
type listRig struct {
	*Publisher
	statuses *statuses
	anchors  *pki.Anchors
	clock    atomic.Int64
}

func newListRig(t *testing.T, change func(*PublisherConfig)) *listRig {
	t.Helper()
	root, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	signer, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	rootDER, err := pki.Create(pki.Template{Profile: pki.IACA, Country: "JP", CommonName: "IACA TEST", NotBefore: noon.AddDate(0, 0, -1),
		NotAfter: noon.AddDate(5, 0, 0), IssuerAltURI: "https://issuer.example"}, &root.PublicKey, nil, root, nil)
	must(t, err)
	rootCert, err := x509.ParseCertificate(rootDER)
	must(t, err)
	der, err := pki.Create(pki.Template{Profile: pki.StatusSigner, Country: "JP", CommonName: "Status TEST", NotBefore: noon.AddDate(0, 0, -1),
		NotAfter: noon.AddDate(1, 0, 0)}, &signer.PublicKey, rootCert, root, nil)
	must(t, err)
	r := &listRig{statuses: &statuses{}}
	r.anchors, err = pki.NewAnchors(rootDER)
	must(t, err)
	c := PublisherConfig{Store: r.statuses, Signer: signer, Chain: [][]byte{der}, URI: uri,
		Now: func() time.Time { return noon.Add(time.Duration(r.clock.Load())) }}
	if change != nil {
		change(&c)
	}
	r.Publisher, err = NewPublisher(c)
	must(t, err)
	return r
}

// read verifies the current list as a till does.
func (r *listRig) read(t *testing.T) (Published, statuslist.Token) {
	t.Helper()
	p, ok := r.Current()
	if !ok {
		t.Fatal("no list")
	}
	signed, err := statuslist.Parse(p.Token)
	must(t, err)
	token, v, err := signed.Verify(r.anchors, uri, r.config.Now())
	must(t, err)
	if !v.OK() {
		t.Fatalf("a till refuses the list: %v", v.Failed())
	}
	return p, token
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestPublish(t *testing.T) {
	r := newListRig(t, nil)
	if _, ok := r.Current(); ok {
		t.Fatal("a list before the first was published")
	}
	r.statuses.set(0, 7, 8, ListSize-1)
	must(t, r.Publish(t.Context()))
	p, token := r.read(t)
	if p.Entries != 4 || !token.IssuedAt.Equal(noon) || !token.ExpiresAt.Equal(noon.Add(24*time.Hour)) || token.TTL != 5*time.Minute {
		t.Errorf("%d entries, issued %s, expires %s, ttl %s", p.Entries, token.IssuedAt, token.ExpiresAt, token.TTL)
	}
	if token.List.Len() != 1<<20 {
		t.Errorf("%d positions", token.List.Len())
	}
	set := 0
	for i := range token.List.Len() {
		bit, err := token.List.At(i)
		must(t, err)
		if bit != 0 {
			set++
		}
		if (bit != 0) != slices.Contains([]uint64{0, 7, 8, ListSize - 1}, i) {
			t.Errorf("position %d is %d", i, bit)
		}
	}
	if set != 4 {
		t.Errorf("%d positions set", set)
	}
}

func TestPublishAgain(t *testing.T) {
	r := newListRig(t, nil)
	must(t, r.Publish(t.Context()))
	first, _ := r.Current()
	steps := []struct {
		name  string
		do    func()
		fresh bool
	}{
		{"nothing happened", func() {}, false},
		{"just under half its life", func() { r.clock.Store(int64(12*time.Hour - time.Second)) }, false},
		{"a change", func() { r.statuses.set(5) }, true},
		{"no further change", func() {}, false},
		{"half its life after the last", func() { r.clock.Add(int64(12 * time.Hour)) }, true},
		{"the clock went back before its issue", func() { r.clock.Add(-int64(time.Hour)) }, true},
	}
	for _, step := range steps {
		step.do()
		must(t, r.Publish(t.Context()))
		next, ok := r.Current()
		if !ok || (next.ETag != first.ETag) != step.fresh {
			t.Errorf("%s: a new list is %v", step.name, next.ETag != first.ETag)
		}
		first = next
	}
}

func TestExpiredListIsNotCurrent(t *testing.T) {
	r := newListRig(t, nil)
	must(t, r.Publish(t.Context()))
	r.clock.Store(int64(24*time.Hour - time.Second))
	if _, ok := r.Current(); !ok {
		t.Error("gone too early")
	}
	r.clock.Store(int64(24 * time.Hour))
	if _, ok := r.Current(); ok {
		t.Error("an expired list is current")
	}
}

// A failure leaves the list that was there, and is told.
func TestPublishFails(t *testing.T) {
	r := newListRig(t, nil)
	must(t, r.Publish(t.Context()))
	before, _ := r.Current()
	disk := errors.New("disk")
	r.statuses.set(3)
	r.statuses.err = disk
	if err := r.Publish(t.Context()); !errors.Is(err, disk) {
		t.Fatalf("error %v", err)
	}
	if now, ok := r.Current(); !ok || now.ETag != before.ETag {
		t.Error("the list that was there is gone")
	}
	r.statuses.err = nil
	r.statuses.set(ListSize) // beyond the list: not silently left out
	if err := r.Publish(t.Context()); err == nil {
		t.Error("a position outside the list was published")
	}
}

// Callers that wait at the same time share lists, and each finds its own change in what is current afterwards.
func TestPublishTogether(t *testing.T) {
	r := newListRig(t, nil)
	must(t, r.Publish(t.Context()))
	const callers = 48
	var wg sync.WaitGroup
	for i := range uint64(callers) {
		wg.Go(func() {
			r.statuses.set(i)
			if err := r.Publish(t.Context()); err != nil {
				t.Error(err)
				return
			}
			p, _ := r.Current()
			signed, err := statuslist.Parse(p.Token)
			if err != nil {
				t.Error(err)
				return
			}
			token, _, err := signed.Verify(r.anchors, uri, noon)
			if err != nil {
				t.Error(err)
				return
			}
			if bit, err := token.List.At(i); err != nil || bit != 1 {
				t.Errorf("change %d is not in the list after Publish: %d, %v", i, bit, err)
			}
		})
	}
	wg.Wait()
	if r.statuses.reads > callers+1 {
		t.Errorf("%d lists for %d callers", r.statuses.reads, callers)
	}
	if p, _ := r.Current(); p.Entries != callers {
		t.Errorf("%d entries", p.Entries)
	}
}

func TestPublisherConfig(t *testing.T) {
	good := newListRig(t, nil).config
	for name, change := range map[string]func(*PublisherConfig){
		"store":       func(c *PublisherConfig) { c.Store = nil },
		"signer":      func(c *PublisherConfig) { c.Signer = nil },
		"chain":       func(c *PublisherConfig) { c.Chain = nil },
		"URI":         func(c *PublisherConfig) { c.URI = "" },
		"ttl":         func(c *PublisherConfig) { c.TTL = time.Millisecond },
		"negative":    func(c *PublisherConfig) { c.Life = -time.Hour },
		"life to ttl": func(c *PublisherConfig) { c.TTL, c.Life = time.Hour, time.Hour },
	} {
		c := good
		change(&c)
		if _, err := NewPublisher(c); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}
