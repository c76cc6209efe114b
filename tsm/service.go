package tsm

import (
	"context"
	"crypto"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"mobileid/tsm/store"
)

// An IssuerPort is the issuer as the manager sees it. Both calls may be repeated
// with the same bytes, and then give the same result.
type IssuerPort interface {
	// Attested hands an attestation in and gets the sealed credential for it.
	Attested(ctx context.Context, attestation []byte) (sealed []byte, err error)
	// Receipt hands in what an element signed about a commit or a wipe.
	Receipt(ctx context.Context, receipt []byte) error
}

// Config is what a Service needs. The zero value of a limit means its default.
type Config struct {
	Store    store.Store      // required; the Service does not close it
	Keys     KeySource        // required
	Issuer   IssuerPort       // required
	OrderKey crypto.PublicKey // required; whose signature makes an order

	Now  func() time.Time // nil: the clock
	Rand io.Reader        // nil: crypto/rand; session ids, host challenges, where a round of receipts begins
	Log  *slog.Logger     // nil: nothing is logged

	MaxFailedAuth int           // 5: failed authentications in a row after which an element is left alone
	MaxAttempts   int           // 10: runs of one job that the element or the issuer ended
	MaxSessions   int           // 4096: sessions of phones at once
	SessionLife   time.Duration // 5 min since the last report (SERAM: a phone is lost after 5 minutes)
	IssuerTimeout time.Duration // 20 s: an attestation, or one round of a job's receipts, at the issuer; well within the 30 s a phone waits
	Retention     time.Duration // 30 days: how long a closed job is kept after its order's end
}

// The limits an element sets: it blocks its keys after ten failed tries.
const (
	defaultMaxFailedAuth = 5
	mostFailedAuth       = 8
)

func (c *Config) validate() error {
	switch {
	case c.Store == nil || c.Keys == nil || c.Issuer == nil || c.OrderKey == nil:
		return errors.New("store, keys, issuer and order key are required")
	case c.MaxFailedAuth < 0 || c.MaxFailedAuth > mostFailedAuth:
		return fmt.Errorf("MaxFailedAuth %d, want 1 to %d: an element blocks at 10", c.MaxFailedAuth, mostFailedAuth)
	case c.MaxAttempts < 0 || c.MaxSessions < 0 || c.SessionLife < 0 || c.IssuerTimeout < 0 || c.Retention < 0:
		return errors.New("a limit is negative")
	}
	c.MaxFailedAuth = or(c.MaxFailedAuth, defaultMaxFailedAuth)
	c.MaxAttempts = or(c.MaxAttempts, 10)
	c.MaxSessions = or(c.MaxSessions, 4096)
	c.SessionLife = or(c.SessionLife, 5*time.Minute)
	c.IssuerTimeout = or(c.IssuerTimeout, 20*time.Second)
	c.Retention = or(c.Retention, 30*24*time.Hour)
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Rand == nil {
		c.Rand = rand.Reader
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return nil
}

func or[T int | time.Duration](v, def T) T {
	if v == 0 {
		return def
	}
	return v
}

// Service is the manager. It is safe for concurrent use and holds no goroutine.
type Service struct {
	cfg   Config
	pages atomic.Int32 // of an attestation that are asked for at once

	mu         sync.Mutex          // guards what follows, not the sessions in the maps
	sessions   map[string]*session // by session id
	byElement  map[string]*session // by SE id; the same sessions
	failedAt   string              // the order id at which the last sweep failed; empty when it did not
	delivering map[string]bool     // order ids of which somebody hands over receipts
}

// New checks the configuration.
func New(cfg Config) (*Service, error) {
	if err := cfg.validate(); err != nil {
		return nil, fmt.Errorf("configuring service manager: %w", err)
	}
	s := &Service{cfg: cfg, sessions: map[string]*session{}, byElement: map[string]*session{}, delivering: map[string]bool{}}
	s.pages.Store(firstPages)
	return s, nil
}

// Ready fails when orders could not be taken.
func (s *Service) Ready(ctx context.Context) error {
	if err := s.cfg.Store.Ready(ctx); err != nil {
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	return nil
}

// Release lets a parked element be served again, after an operator found out
// why it was parked, and says how many jobs were waiting. Receipts of wipes that
// the issuer refused are among what waited: Sweep offers them again.
func (s *Service) Release(ctx context.Context, seID []byte) (int, error) {
	n, err := s.cfg.Store.Release(ctx, hex.EncodeToString(seID))
	if err != nil {
		return 0, fmt.Errorf("releasing secure element: %w", err)
	}
	s.cfg.Log.InfoContext(ctx, "secure element released", "se", short(hex.EncodeToString(seID)), "jobs", n)
	return n, nil
}

// short names an element in the log: the end of its id, enough to follow one
// conversation, too little to name the chip.
func short(seID string) string {
	return seID[max(len(seID)-6, 0):]
}

// jobAttrs is all that the log may hold of a job.
func jobAttrs(j store.Job) []any {
	return []any{"order", j.OrderID, "se", short(j.SEID), "slot", int(j.Slot), "state", j.State.String(), "cursor", j.Cursor.String()}
}
