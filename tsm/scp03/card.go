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

const (
	// MaxFailures is how many authentications in a row may fail before the key set is
	// blocked for good.
	MaxFailures = 10
	// MaxCounter is the last sequence counter; the key set is refused after it.
	MaxCounter = 0xFFFFFF
)

// ErrNoKeySet is what a KeySource returns for a version it does not have.
var ErrNoKeySet = errors.New("no such key set")

// A KeySource is the persistent side of a security domain's key sets.
type KeySource interface {
	// KeySet gives the keys of a version, 0 meaning the default set, with the version
	// they really have. It returns ErrNoKeySet for an unknown one. The caller does not
	// change or erase the key bytes.
	KeySet(version byte) (Keys, error)
	// SetState gives the stored state of a version KeySet returned.
	SetState(version byte) (SetState, error)
	// StoreSetState MUST have the state on durable storage when it returns nil: the
	// card counts before it uses, so that pulling the power gains nobody a guess.
	StoreSetState(version byte, state SetState) error
}

// SetState is what a key set remembers between sessions.
type SetState struct {
	// Counter is the sequence counter last used, 0 for a new set.
	Counter uint32
	// Failures counts failed authentications in a row, up to MaxFailures.
	Failures uint8
}

// CardConfig configures a Card.
type CardConfig struct {
	// Keys is required.
	Keys KeySource
	// KDD is the key diversification data told in INITIALIZE UPDATE, 10 bytes, required.
	KDD []byte
	// Option is "i"; zero means OptionPseudoRandom.
	Option Option
	// Least makes it i = 00: the challenge random, levels 01 and 03 alone. Option is zero then.
	Least bool
	// Rand is drawn from for a random challenge alone; nil means crypto/rand.
	Rand io.Reader
	// Test is for an element on a bench: this one published key set is accepted from Keys. Zero accepts none.
	Test TestSet
}

func (cfg *CardConfig) check() error {
	switch {
	case cfg.Keys == nil:
		return errors.New("no key source")
	case len(cfg.KDD) != kddSize:
		return fmt.Errorf("KDD of %d bytes, want %d", len(cfg.KDD), kddSize)
	case cfg.Least && cfg.Option != 0:
		return fmt.Errorf("i = 00 and %02X at once", byte(cfg.Option))
	case !cfg.Least && cfg.Option == 0:
		cfg.Option = OptionPseudoRandom
	}
	return cfg.Option.Check()
}

// A Card is the card's side of the handshake on one logical channel.
type Card struct {
	redacted
	cfg     CardConfig
	pending *handshake
}

// handshake is what stays between INITIALIZE UPDATE and EXTERNAL AUTHENTICATE.
type handshake struct {
	version byte
	ch      *channel
	host    []byte // cryptogram
}

// NewCard checks the configuration and copies the KDD.
func NewCard(cfg CardConfig) (*Card, error) {
	if err := cfg.check(); err != nil {
		return nil, fmt.Errorf("making card side of secure channel: %w", err)
	}
	if cfg.Rand == nil {
		cfg.Rand = rand.Reader
	}
	cfg.KDD = bytes.Clone(cfg.KDD)
	return &Card{cfg: cfg}, nil
}

// Reset forgets a handshake begun: call it on SELECT, on reset of the card, and for
// every command between INITIALIZE UPDATE and EXTERNAL AUTHENTICATE, which must
// follow one another.
func (c *Card) Reset() {
	if c.pending != nil {
		c.pending.ch.erase()
		c.pending = nil
	}
}

// InitializeUpdate answers the command of that name (Amendment D 7.1.1). The AID is
// that of the application selected, whole. A session open on the channel ends with
// this command, which is the caller's to do.
//
// 6A86 P2; 6700 challenge not of the size of the mode; 6A88 no such key set; 6983 set blocked;
// 6985 sequence counter used up, or a published key set; 6581 storage failed.
func (c *Card) InitializeUpdate(cmd apdu.Command, aid []byte) apdu.Response {
	c.Reset()
	switch {
	case cmd.INS != insInitializeUpdate:
		return apdu.Response{SW: apdu.InsUnsupported}
	case cmd.P2 != 0:
		return apdu.Response{SW: apdu.WrongParameters}
	case len(cmd.Data) != int(c.cfg.Option.Mode()):
		return apdu.Response{SW: apdu.WrongLength}
	}
	keys, sw := c.keySet(cmd.P1)
	if sw != apdu.OK {
		return apdu.Response{SW: sw}
	}
	challenge, counter, sw := c.challenge(keys, aid)
	if sw != apdu.OK {
		return apdu.Response{SW: sw}
	}
	data, err := c.begin(keys, cmd.Data, challenge)
	if err != nil {
		return apdu.Response{SW: apdu.ExecutionError}
	}
	if c.cfg.Option.PseudoRandom() {
		data = append(data, byte(counter>>16), byte(counter>>8), byte(counter))
	}
	return apdu.Response{Data: data, SW: apdu.OK}
}

// keySet gives a key set that may be used.
func (c *Card) keySet(version byte) (Keys, apdu.SW) {
	keys, err := c.cfg.Keys.KeySet(version)
	switch {
	case errors.Is(err, ErrNoKeySet):
		return Keys{}, apdu.ReferenceNotFound
	case err != nil:
		return Keys{}, apdu.MemoryFailure
	}
	err = keys.Validate()
	switch {
	case errors.Is(err, ErrWeakKeys) && !c.cfg.Test.is(keys):
		return Keys{}, apdu.Conditions
	case errors.Is(err, ErrKeys):
		return Keys{}, apdu.ExecutionError
	default:
		return keys, apdu.OK
	}
}

// challenge makes the card challenge, moving and storing the counter before its use.
func (c *Card) challenge(keys Keys, aid []byte) (challenge []byte, counter uint32, sw apdu.SW) {
	state, err := c.cfg.Keys.SetState(keys.Version)
	switch {
	case err != nil:
		return nil, 0, apdu.MemoryFailure
	case state.Failures >= MaxFailures:
		return nil, 0, apdu.Blocked
	}
	if !c.cfg.Option.PseudoRandom() {
		challenge = make([]byte, c.cfg.Option.Mode())
		if _, err := io.ReadFull(c.cfg.Rand, challenge); err != nil {
			return nil, 0, apdu.ExecutionError
		}
		return challenge, 0, apdu.OK
	}
	if state.Counter >= MaxCounter {
		return nil, 0, apdu.Conditions
	}
	state.Counter++
	if err := c.cfg.Keys.StoreSetState(keys.Version, state); err != nil {
		return nil, 0, apdu.MemoryFailure
	}
	challenge, err = CardChallenge(keys.ENC, state.Counter, aid, c.cfg.Option.Mode())
	if err != nil {
		return nil, 0, apdu.ExecutionError
	}
	return challenge, state.Counter, apdu.OK
}

// begin derives the session and gives the answer up to the card cryptogram.
func (c *Card) begin(keys Keys, hostChallenge, cardChallenge []byte) ([]byte, error) {
	ch, card, host, err := newChannel(keys, hostChallenge, cardChallenge)
	if err != nil {
		return nil, err
	}
	c.pending = &handshake{version: keys.Version, ch: ch, host: host}
	out := append(make([]byte, 0, kddSize+3+2*len(cardChallenge)+3), c.cfg.KDD...)
	out = append(out, keys.Version, 0x03, byte(c.cfg.Option))
	out = append(out, cardChallenge...)
	return append(out, card...), nil
}

// ExternalAuthenticate answers the command of that name (Amendment D 7.1.2). The
// session is there exactly when the answer is 9000. Whatever happens, the handshake
// is used up.
//
// 6985 no INITIALIZE UPDATE right before; 6A86 a level the option does not offer, or P2; 6700
// length; 6A88 key set gone; 6983 set blocked; 6300 host cryptogram wrong; 6982 MAC wrong or missing;
// 6581 storage failed. 6300 and 6982 count as failed authentications.
func (c *Card) ExternalAuthenticate(cmd apdu.Command) (apdu.Response, *CardSession) {
	h := c.pending
	c.pending = nil
	if h == nil {
		return apdu.Response{SW: apdu.Conditions}, nil
	}
	sw := c.authenticate(h, cmd)
	if sw != apdu.OK {
		h.ch.erase()
		return apdu.Response{SW: sw}, nil
	}
	return apdu.Response{SW: apdu.OK}, &CardSession{ch: h.ch, level: Level(cmd.P1), version: h.version}
}

func (c *Card) authenticate(h *handshake, cmd apdu.Command) apdu.SW {
	switch {
	case cmd.INS != insExternalAuthenticate:
		return apdu.InsUnsupported
	case !c.cfg.Option.Offers(Level(cmd.P1)) || cmd.P2 != 0:
		return apdu.WrongParameters
	case len(cmd.Data) != 2*len(h.host):
		return apdu.WrongLength
	}
	if _, sw := c.keySet(h.version); sw != apdu.OK { // deleted in between, over another channel
		return sw
	}
	state, err := c.cfg.Keys.SetState(h.version)
	if err != nil {
		return apdu.MemoryFailure
	}
	if state.Failures >= MaxFailures {
		return apdu.Blocked
	}
	state.Failures++ // counted and stored before anything is compared
	if err := c.cfg.Keys.StoreSetState(h.version, state); err != nil {
		return apdu.MemoryFailure
	}
	cryptogram, sent := cmd.Data[:len(h.host)], cmd.Data[len(h.host):]
	mac := h.ch.commandMAC(cmd, cryptogram)
	cryptogramOK := subtle.ConstantTimeCompare(h.host, cryptogram) == 1
	macOK := h.ch.agrees(&mac, sent)
	switch {
	case !cryptogramOK:
		return apdu.WarnChanged
	case !macOK || !gpSecured(cmd.CLA):
		return apdu.SecurityStatus
	}
	state.Failures = 0
	if err := c.cfg.Keys.StoreSetState(h.version, state); err != nil {
		return apdu.MemoryFailure
	}
	h.ch.mcv = mac
	return apdu.OK
}

// gpSecured tells whether a class announces GlobalPlatform's secure messaging, and
// no other kind.
func gpSecured(cla byte) bool { return apdu.SetSecure(apdu.ClearSecure(cla)) == cla }
