package revocation

import (
	"context"
	"crypto"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"mobileid/issuer/store"
	"mobileid/mdoc/statuslist"
)

// Defaults of PublisherConfig.
const (
	DefaultTTL  = 5 * time.Minute
	DefaultLife = 24 * time.Hour
)

// PublisherConfig says how the list is signed. Every field without a default is required.
type PublisherConfig struct {
	Store  StatusStore
	Signer crypto.Signer
	Chain  [][]byte // DER, the status signer's certificate first, root left out
	// URI is where the list is served. It stands in every MSO and in the token, byte for byte, and never changes.
	URI string
	// TTL is how long a reader may use its copy before it asks again; zero means DefaultTTL.
	TTL time.Duration
	// Life is how long the token is valid; zero means DefaultLife. Half of it after signing, a new one is due.
	Life time.Duration
	Now  func() time.Time // nil means the clock
	Log  *slog.Logger     // nil means no log
}

// StatusStore is what the publisher asks of the issuer's store.
type StatusStore interface {
	Status(ctx context.Context) (store.StatusSnapshot, error)
	StatusVersion(ctx context.Context) (uint64, error)
}

// Published is one signed list. Its bytes are shared and must not be changed.
type Published struct {
	Token     []byte
	ETag      string // quoted, as it stands in the header
	Version   uint64
	Entries   int // positions that do not read as valid
	IssuedAt  time.Time
	ExpiresAt time.Time
	TTL       time.Duration
}

// Publisher builds the list out of the store, signs it, and keeps the newest. It is safe for concurrent use.
type Publisher struct {
	config  PublisherConfig
	buildMu sync.Mutex // held while a list is built and signed
	current atomic.Pointer[Published]
}

// NewPublisher makes a publisher; nothing is signed yet.
func NewPublisher(c PublisherConfig) (*Publisher, error) {
	if c.Store == nil || c.Signer == nil || len(c.Chain) == 0 || c.URI == "" {
		return nil, errors.New("making publisher: store, signer, chain or URI missing")
	}
	if c.TTL < 0 || c.Life < 0 {
		return nil, errors.New("making publisher: negative duration")
	}
	if c.TTL == 0 {
		c.TTL = DefaultTTL
	}
	if c.Life == 0 {
		c.Life = DefaultLife
	}
	if c.TTL < time.Second || c.Life < 2*c.TTL {
		return nil, errors.New("making publisher: life of the list is under twice its ttl")
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return &Publisher{config: c}, nil
}

// URI is the address of the list as it stands in every MSO.
func (p *Publisher) URI() string { return p.config.URI }

// Current returns the newest list; ok is false before the first and after the newest has expired.
func (p *Publisher) Current() (published Published, ok bool) {
	c := p.current.Load()
	if c == nil || !p.config.Now().Before(c.ExpiresAt) {
		return Published{}, false
	}
	return *c, true
}

// Publish returns when a list that shows everything recorded before the call is signed and current. Callers that wait
// at the same time share one list. When the newest shows it already and is not half through its life, nothing is done.
func (p *Publisher) Publish(ctx context.Context) error {
	version, err := p.config.Store.StatusVersion(ctx)
	if err != nil {
		return fmt.Errorf("publishing status list: %w", err)
	}
	p.buildMu.Lock()
	defer p.buildMu.Unlock()
	now := p.config.Now().UTC()
	if c := p.current.Load(); c != nil && c.Version >= version && now.Before(c.IssuedAt.Add(p.config.Life/2)) && !now.Before(c.IssuedAt) {
		return nil
	}
	next, err := p.build(ctx, now)
	if err != nil {
		return fmt.Errorf("publishing status list: %w", err)
	}
	p.current.Store(next)
	p.config.Log.InfoContext(ctx, "status list published", "version", next.Version, "entries", next.Entries, "bytes", len(next.Token))
	return nil
}

func (p *Publisher) build(ctx context.Context, now time.Time) (*Published, error) {
	snapshot, err := p.config.Store.Status(ctx)
	if err != nil {
		return nil, err
	}
	list := statuslist.New(ListSize)
	for _, i := range snapshot.Set {
		if err := list.Set(i, 1); err != nil {
			return nil, err
		}
	}
	issued := now.Truncate(time.Second)
	if c := p.current.Load(); c != nil && !issued.After(c.IssuedAt) {
		// A till takes a list only when it was signed after the one it holds, and times have whole seconds.
		issued = c.IssuedAt.Add(time.Second)
	}
	token, err := statuslist.Sign(p.config.Signer, p.config.Chain, statuslist.Token{URI: p.config.URI, IssuedAt: issued,
		ExpiresAt: issued.Add(p.config.Life), TTL: p.config.TTL, List: list})
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(token)
	return &Published{Token: token, ETag: `"` + hex.EncodeToString(sum[:16]) + `"`, Version: snapshot.Version,
		Entries: len(snapshot.Set), IssuedAt: issued, ExpiresAt: issued.Add(p.config.Life), TTL: p.config.TTL}, nil
}
