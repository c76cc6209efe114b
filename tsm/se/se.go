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
	"mobileid/tsm/gp"
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
	// ErrTestElement says that an element was made with published keys and none was asked for: whoever has it in hand owns
	// it, and it is for a bench alone.
	ErrTestElement = errors.New("element made with published test keys")
	// ErrNoTestElement says that an element made with published keys was asked for, and this one is an ordinary one.
	ErrNoTestElement = errors.New("element not made with test keys")
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
	// TestElement says that an element made with published keys is meant: such a one opens in no other way, and no other
	// one so.
	TestElement bool
	// Limit bounds the non-volatile memory in bytes, at most 2 MiB; 0 means 256 KiB.
	Limit int
	// CommandData is the longest command data field the element tells of in its FCI (9F65), up to 65,535; 0 means 255. It
	// takes commands in extended length whatever it tells.
	CommandData int
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
	option      scp03.Option
	attestation *ecdsa.PrivateKey
	chain       [][]byte
	anchors     [][]byte

	certificateAnchors [][]byte

	// What follows mirrors the memory.
	cardState gp.CardState
	registry  map[gp.AID]entry
	files     map[gp.AID]loadFile

	// What follows is volatile.
	instances map[gp.AID]*instance
	channels  [channels]*channel
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
	s := &SE{cfg: cfg, mem: mem}
	for n := range s.channels {
		s.channels[n] = &channel{se: s, open: n == 0, domain: gp.ISD}
	}
	err = s.load()
	if err == nil {
		err = s.checkTestElement()
	}
	if err == nil {
		err = s.loadRegistry()
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

// Transmit carries out one command APDU on the logical channel its class names. Its error means that the element has no power.
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

// Reset is the card's reset: sessions, verified PINs and buffers are gone, the ISD is selected on the basic channel, the
// others are closed.
func (s *SE) Reset() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for n, ch := range s.channels {
		ch.clear(n == 0)
	}
	if !s.mem.Alive() {
		return
	}
	for _, e := range s.entries() {
		if k, ok := s.kindOf(e.file, e.module); ok {
			s.run(k, e.aid)
		}
	}
}

// Close switches the element off and releases the state file.
func (s *SE) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, ch := range s.channels {
		ch.endSession()
	}
	if err := s.mem.Close(); err != nil {
		return fmt.Errorf("closing secure element: %w", err)
	}
	return nil
}

// instance is the running program of an application.
type instance struct {
	aid    gp.AID
	level  scp03.Level // least for personalization
	applet Applet
}

// start makes the programs of all registered applications anew, as power-on does.
func (s *SE) start() error {
	s.instances = map[gp.AID]*instance{}
	for _, e := range s.entries() {
		if e.isDomain() {
			continue
		}
		k, ok := s.kindOf(e.file, e.module)
		if !ok {
			return fmt.Errorf("starting instance %v: no applet kind for module %v", e.aid, e.module)
		}
		s.run(k, e.aid)
	}
	return nil
}

func (s *SE) run(k Kind, aid gp.AID) {
	s.instances[aid] = &instance{aid: aid, level: k.Level(), applet: k.New(&Platform{se: s, aid: aid})}
}

// Format prints [redacted]: the element holds keys.
func (s *SE) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "[redacted]") }

// LogValue is [redacted].
func (s *SE) LogValue() slog.Value { return slog.StringValue("[redacted]") }

var _ apdu.Transmitter = (*SE)(nil)
