package scp03

import (
	"bytes"
	"crypto/rand"
	"crypto/subtle"
	"errors"
	"fmt"
	"io"

	"mobileid/mdoc/apdu"
)

var (
	// ErrCryptogram says that the card did not prove the keys. It is the symptom of a
	// wrong key set: repeating the attempt blocks real cards.
	ErrCryptogram = errors.New("card cryptogram wrong")
	// ErrSpent says that a Host was asked to authenticate a second time.
	ErrSpent = errors.New("handshake already used")
	// ErrChallenge says that a pseudo-random card challenge is not the one its sequence counter and the AID give: another
	// application answered, or a card that does not derive what it says it derives.
	ErrChallenge = errors.New("card challenge not derived from its counter and AID")
	// ErrInitializeUpdate says that the answer to INITIALIZE UPDATE is not one.
	ErrInitializeUpdate = errors.New("answer to INITIALIZE UPDATE malformed")
)

// HostConfig is what a host may know and want beyond its keys. The zero value is right for most cards.
type HostConfig struct {
	// Mode is the size of challenges and MACs; zero is S8. A card of the other mode answers INITIALIZE UPDATE with 6700.
	Mode Mode
	// AID is that of the application selected, whole. If it is given and the card tells a sequence counter, its challenge
	// must be derived from both.
	AID []byte
	// Rand gives the host challenge; nil means crypto/rand.
	Rand io.Reader
}

// A Host is the server's side before the card is authenticated. It serves for one
// handshake.
type Host struct {
	redacted
	keys      Keys
	cfg       HostConfig
	challenge []byte
	spent     bool
}

// NewHost draws the host challenge, of 8 bytes. The keys are copied; weak and published ones are refused with ErrWeakKeys. A
// nil reader means crypto/rand.
func NewHost(keys Keys, random io.Reader) (*Host, error) {
	return NewHostWith(keys, HostConfig{Rand: random})
}

// NewHostWith is NewHost with a configuration, whose AID is copied.
func NewHostWith(keys Keys, cfg HostConfig) (*Host, error) {
	if err := keys.Validate(); err != nil {
		return nil, fmt.Errorf("opening secure channel: %w", err)
	}
	return newHost(keys, cfg)
}

func newHost(keys Keys, cfg HostConfig) (*Host, error) {
	switch {
	case cfg.Mode == 0:
		cfg.Mode = S8
	case cfg.Mode != S8 && cfg.Mode != S16:
		return nil, fmt.Errorf("opening secure channel: challenge of %d bytes, want 8 or 16", int(cfg.Mode))
	}
	if cfg.Rand == nil {
		cfg.Rand = rand.Reader
	}
	cfg.AID = bytes.Clone(cfg.AID)
	h := &Host{keys: keys.Clone(), cfg: cfg, challenge: make([]byte, cfg.Mode)}
	if _, err := io.ReadFull(cfg.Rand, h.challenge); err != nil {
		return nil, fmt.Errorf("drawing host challenge: %w", err)
	}
	return h, nil
}

// InitializeUpdate is the first command (Amendment D 7.1.1):
// 80 50 KVN 00 08 challenge 00, with S16 80 50 KVN 00 10 challenge 00.
func (h *Host) InitializeUpdate() apdu.Command {
	return apdu.Command{
		CLA: 0x80, INS: insInitializeUpdate, P1: h.keys.Version,
		Data: bytes.Clone(h.challenge), Le: apdu.MaxShortLe,
	}
}

// CardInfo is what the card tells about itself in its answer to INITIALIZE UPDATE.
// After Authenticate it is authentic only in so far as the card holds the keys: the
// KDD, for one, is under no MAC; compare it with the card that was meant.
type CardInfo struct {
	KDD     []byte // key diversification data, 10 bytes
	Version byte   // of the key set really used
	Option  Option
	// Counter is the sequence counter; one that does not rise from session to session
	// shows a card restored from an image. 0 with OptionRandom.
	Counter uint32
}

type initializeUpdate struct {
	CardInfo
	challenge, cryptogram []byte
}

// parseInitializeUpdate reads, Amendment D 7.1.1.5:
//
//	KDD (10) ‖ KVN ‖ 03 ‖ i ‖ challenge ‖ cryptogram [‖ sequence counter (3)]
//
// with challenge and cryptogram of 8 or 16 bytes, as i tells.
func parseInitializeUpdate(b []byte) (initializeUpdate, error) {
	if len(b) < kddSize+3 {
		return initializeUpdate{}, fmt.Errorf("%d bytes: %w", len(b), ErrInitializeUpdate)
	}
	u := initializeUpdate{CardInfo: CardInfo{KDD: bytes.Clone(b[:kddSize]), Version: b[kddSize], Option: Option(b[kddSize+2])}}
	if scp := b[kddSize+1]; scp != 0x03 {
		return initializeUpdate{}, fmt.Errorf("secure channel protocol %02X, want 03: %w", scp, ErrInitializeUpdate)
	}
	if err := u.Option.Check(); err != nil {
		return initializeUpdate{}, err
	}
	size := int(u.Option.Mode())
	want := kddSize + 3 + 2*size
	if u.Option.PseudoRandom() {
		want += 3
	}
	if len(b) != want {
		return initializeUpdate{}, fmt.Errorf("%d bytes, want %d for i = %02X: %w", len(b), want, byte(u.Option), ErrInitializeUpdate)
	}
	b = b[kddSize+3:]
	u.challenge, u.cryptogram = b[:size], b[size:2*size]
	if rest := b[2*size:]; len(rest) == 3 {
		u.Counter = uint32(rest[0])<<16 | uint32(rest[1])<<8 | uint32(rest[2])
	}
	return u, nil
}

// Authenticate checks the card's answer to INITIALIZE UPDATE and, when its cryptogram
// proves the keys, gives the EXTERNAL AUTHENTICATE command to send and the session. Level zero is Full; a card whose "i"
// does not offer the level is refused with ErrOption.
// Any failure ends the Host for good. Commands may be wrapped at once, as for a
// script; answers are taken only after Opened.
func (h *Host) Authenticate(resp apdu.Response, level Level) (external apdu.Command, s *HostSession, err error) {
	if h.spent {
		return apdu.Command{}, nil, fmt.Errorf("authenticating card: %w", ErrSpent)
	}
	h.spent = true
	defer h.keys.Erase()
	if level == 0 {
		level = Full
	}
	if external, s, err = h.authenticate(resp, level); err != nil {
		return apdu.Command{}, nil, fmt.Errorf("authenticating card: %w", err)
	}
	return external, s, nil
}

func (h *Host) authenticate(resp apdu.Response, level Level) (apdu.Command, *HostSession, error) {
	if err := level.Check(); err != nil {
		return apdu.Command{}, nil, err
	}
	if err := resp.Err(); err != nil {
		return apdu.Command{}, nil, err
	}
	u, err := parseInitializeUpdate(resp.Data)
	if err != nil {
		return apdu.Command{}, nil, err
	}
	if err := h.suits(u.CardInfo, level); err != nil {
		return apdu.Command{}, nil, err
	}
	ch, card, host, err := newChannel(h.keys, h.challenge, u.challenge)
	if err != nil {
		return apdu.Command{}, nil, err
	}
	if err := h.prove(u, card); err != nil {
		ch.erase()
		return apdu.Command{}, nil, err
	}
	c := apdu.Command{CLA: 0x84, INS: insExternalAuthenticate, P1: byte(level)}
	ch.mcv = ch.commandMAC(c, host)
	c.Data = append(append(make([]byte, 0, 2*len(host)), host...), ch.mcv[:ch.mode]...)
	return c, &HostSession{ch: ch, level: level, card: u.CardInfo}, nil
}

// suits tells whether the card is what was asked for, as far as it says itself.
func (h *Host) suits(card CardInfo, level Level) error {
	switch {
	case h.keys.Version != 0 && card.Version != h.keys.Version:
		return fmt.Errorf("key version %02X, want %02X: %w", card.Version, h.keys.Version, ErrInitializeUpdate)
	case card.Option.Mode() != h.cfg.Mode:
		return fmt.Errorf("i = %02X, want MACs of %d bytes: %w", byte(card.Option), int(h.cfg.Mode), ErrOption)
	case !card.Option.Offers(level):
		return fmt.Errorf("i = %02X, want level %02X: %w", byte(card.Option), byte(level), ErrOption)
	}
	return nil
}

// prove compares the cryptogram first: it is the symptom of wrong keys, under which the challenge would differ too.
func (h *Host) prove(u initializeUpdate, cryptogram []byte) error {
	if subtle.ConstantTimeCompare(cryptogram, u.cryptogram) != 1 {
		return ErrCryptogram
	}
	if len(h.cfg.AID) == 0 || !u.Option.PseudoRandom() {
		return nil
	}
	want, err := CardChallenge(h.keys.ENC, u.Counter, h.cfg.AID, h.cfg.Mode)
	if err != nil {
		return err
	}
	if subtle.ConstantTimeCompare(want, u.challenge) != 1 {
		return ErrChallenge
	}
	return nil
}
