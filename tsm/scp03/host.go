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
	// ErrInitializeUpdate says that the answer to INITIALIZE UPDATE is not one.
	ErrInitializeUpdate = errors.New("answer to INITIALIZE UPDATE malformed")
)

// A Host is the server's side before the card is authenticated. It serves for one
// handshake.
type Host struct {
	redacted
	keys      Keys
	challenge [challengeSize]byte
	spent     bool
}

// NewHost draws the host challenge. The keys are copied; a nil reader means
// crypto/rand.
func NewHost(keys Keys, random io.Reader) (*Host, error) {
	if err := keys.Validate(); err != nil {
		return nil, fmt.Errorf("opening secure channel: %w", err)
	}
	if random == nil {
		random = rand.Reader
	}
	h := &Host{keys: keys.Clone()}
	if _, err := io.ReadFull(random, h.challenge[:]); err != nil {
		return nil, fmt.Errorf("drawing host challenge: %w", err)
	}
	return h, nil
}

// InitializeUpdate is the first command (Amendment D 7.1.1):
// 80 50 KVN 00 08 challenge 00.
func (h *Host) InitializeUpdate() apdu.Command {
	return apdu.Command{
		CLA: 0x80, INS: insInitializeUpdate, P1: h.keys.Version,
		Data: bytes.Clone(h.challenge[:]), Le: apdu.MaxShortLe,
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
//	KDD (10) ‖ KVN ‖ 03 ‖ i ‖ challenge (8) ‖ cryptogram (8) [‖ sequence counter (3)]
func parseInitializeUpdate(b []byte) (initializeUpdate, error) {
	const fixed = kddSize + 3 + challengeSize + cryptogramSize
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
	want := fixed
	if u.Option&optionCounter != 0 {
		want += 3
	}
	if len(b) != want {
		return initializeUpdate{}, fmt.Errorf("%d bytes, want %d for i = %02X: %w", len(b), want, byte(u.Option), ErrInitializeUpdate)
	}
	b = b[kddSize+3:]
	u.challenge, u.cryptogram = b[:challengeSize], b[challengeSize:challengeSize+cryptogramSize]
	if rest := b[challengeSize+cryptogramSize:]; len(rest) == 3 {
		u.Counter = uint32(rest[0])<<16 | uint32(rest[1])<<8 | uint32(rest[2])
	}
	return u, nil
}

// Authenticate checks the card's answer to INITIALIZE UPDATE and, when its cryptogram
// proves the keys, gives the EXTERNAL AUTHENTICATE command to send and the session.
// Any failure ends the Host for good. Commands may be wrapped at once, as for a
// script; answers are taken only after Opened.
func (h *Host) Authenticate(resp apdu.Response, level Level) (external apdu.Command, s *HostSession, err error) {
	if h.spent {
		return apdu.Command{}, nil, fmt.Errorf("authenticating card: %w", ErrSpent)
	}
	h.spent = true
	defer h.keys.Erase()
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
	if h.keys.Version != 0 && u.Version != h.keys.Version {
		return apdu.Command{}, nil, fmt.Errorf("key version %02X, want %02X: %w", u.Version, h.keys.Version, ErrInitializeUpdate)
	}
	ch, card, host, err := newChannel(h.keys, h.challenge[:], u.challenge)
	if err != nil {
		return apdu.Command{}, nil, err
	}
	if subtle.ConstantTimeCompare(card[:], u.cryptogram) != 1 {
		ch.erase()
		return apdu.Command{}, nil, ErrCryptogram
	}
	c := apdu.Command{CLA: 0x84, INS: insExternalAuthenticate, P1: byte(level)}
	ch.mcv = ch.commandMAC(c, host[:])
	c.Data = append(append(make([]byte, 0, cryptogramSize+macSize), host[:]...), ch.mcv[:macSize]...)
	return c, &HostSession{ch: ch, card: u.CardInfo}, nil
}
