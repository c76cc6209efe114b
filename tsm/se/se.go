package se

import (
	"context"
	"crypto/ecdsa"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"time"

	"mobileid/mdoc/apdu"
	"mobileid/tsm/scp03"
	"mobileid/tsm/se/nvm"
)

// What Open, Manufacture and Transmit fail with, beside errors of the file system.
var (
	// ErrForeign says that a file is not a state file.
	ErrForeign = nvm.ErrForeign
	// ErrDamaged says that a state file is not as any power cut leaves it.
	ErrDamaged = nvm.ErrDamaged
	// ErrInUse says that the state file is open already.
	ErrInUse = nvm.ErrInUse
	// ErrExists says that Manufacture found a file.
	ErrExists = nvm.ErrExists
	// ErrPowerCut says that the element is without power until it is opened again.
	ErrPowerCut = nvm.ErrPowerCut
)

// Config is what an element is opened with.
type Config struct {
	// Applets are the programs built in. Every instance in the state file needs its own.
	Applets []Kind
	// Rand is the element's randomness; nil means crypto/rand.Reader.
	Rand io.Reader
	// Now is the element's clock; nil means the system's.
	Now func() time.Time
	// Limit bounds the non-volatile memory in bytes; 0 means 256 KiB.
	Limit int
	// Tear, if set, can cut the power at each physical write; see nvm.Config.
	Tear func(point int) bool
}

// An SE is a secure element under power. It is an [apdu.Transmitter], safe for concurrent use; commands are carried out
// one after the other. It prints as [redacted].
type SE struct {
	mu  sync.Mutex // guards everything below
	cfg Config
	mem *nvm.Memory

	id          []byte
	keys        keySets
	attestation *ecdsa.PrivateKey
	chain       [][]byte
	anchors     [][]byte

	certificateAnchors [][]byte

	// What follows is volatile.
	instances map[string]*instance
	selected  *instance // nil: the ISD
	card      *scp03.Card
	session   *scp03.CardSession
	target    *instance // of [for personalization]
	chained   *chain
	listing   *listing
}

// Open switches an element on. A transaction torn by the last power cut is dropped. It fails with ErrForeign, ErrDamaged
// or ErrInUse.
func Open(path string, cfg Config) (*SE, error) {
	if cfg.Rand == nil {
		cfg.Rand = rand.Reader
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	mem, err := nvm.Open(path, nvm.Config{Limit: cfg.Limit, Tear: cfg.Tear, Rand: cfg.Rand})
	if err != nil {
		return nil, fmt.Errorf("opening secure element: %w", err)
	}
	s := &SE{cfg: cfg, mem: mem, keys: keySets{mem}}
	err = s.load()
	if err == nil {
		s.card, err = scp03.NewCard(scp03.CardConfig{Keys: s.keys, KDD: s.id, Option: option, Rand: cfg.Rand})
	}
	if err == nil {
		err = s.start()
	}
	if err != nil {
		return nil, fmt.Errorf("opening secure element: %w", errors.Join(err, mem.Close()))
	}
	return s, nil
}

// ID is the identity of the element, 10 bytes; GET DATA 00CF tells it too.
func (s *SE) ID() []byte { return append([]byte(nil), s.id...) }

// Transmit carries out one command APDU on the basic channel. Its error means that the element has no power.
func (s *SE) Transmit(ctx context.Context, command []byte) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("transmitting to secure element: %w", err)
	}
	if !s.mem.Alive() {
		return nil, fmt.Errorf("transmitting to secure element: %w", ErrPowerCut)
	}
	r := s.process(command)
	if !s.mem.Alive() {
		return nil, fmt.Errorf("transmitting to secure element: %w", ErrPowerCut)
	}
	return r.Bytes(), nil
}

// Reset is the card's reset: sessions, verified PINs and buffers are gone, the ISD is selected.
func (s *SE) Reset() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.endSession()
	s.selected, s.chained, s.listing = nil, nil, nil
	if !s.mem.Alive() {
		return
	}
	for _, e := range s.entries() {
		if k, ok := s.kindOf(e.module); ok {
			s.run(k, e.aid)
		}
	}
}

// Close switches the element off and releases the state file.
func (s *SE) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.endSession()
	if err := s.mem.Close(); err != nil {
		return fmt.Errorf("closing secure element: %w", err)
	}
	return nil
}

// endSession drops the secure channel and what depends on it.
func (s *SE) endSession() {
	s.card.Reset()
	if s.session != nil {
		s.session.Close()
		s.session = nil
	}
	s.listing = nil
	s.endPersonalization()
}

func (s *SE) endPersonalization() {
	if s.target != nil {
		s.target.applet.EndPersonalization()
		s.target = nil
	}
}

// Format prints [redacted]: the element holds keys.
func (s *SE) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "[redacted]") }

// LogValue is [redacted].
func (s *SE) LogValue() slog.Value { return slog.StringValue("[redacted]") }

var _ apdu.Transmitter = (*SE)(nil)
