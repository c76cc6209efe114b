package pairing

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"
)

// Bounds and times.
const (
	// ClaimWithin is how long an invitation can be taken up.
	ClaimWithin = 3 * time.Minute
	// Life is how long a session goes on after a phone took it up, and again after the evidence was accepted.
	Life = 15 * time.Minute
	// CodeTries is how many codes may be typed; the last wrong one ends the session.
	CodeTries = 3
	// CodeDigits is the length of a code.
	CodeDigits = 6

	defaultMax = 1000
	codeRange  = 1_000_000
	tokenSize  = 32
	// grace is how long an ended session can still be asked about.
	grace = 5 * time.Minute
)

// The answers callers branch on.
var (
	// ErrUnknown means that a session does not exist or the token is not of it; the two are not told apart.
	ErrUnknown = errors.New("session unknown or token wrong")
	// ErrTaken means that a phone has taken the session up already.
	ErrTaken = errors.New("session was taken up already")
	// ErrStep means that the session is not so far, or further.
	ErrStep = errors.New("session is not at this step")
	// ErrEnded means that the session was closed or its time is over.
	ErrEnded = errors.New("session has ended")
	// ErrFull means that as many sessions are open as may be.
	ErrFull = errors.New("too many sessions are open")
)

// CodeError means that a code was not the one the phone shows. It never holds a code.
type CodeError struct{ TriesLeft int }

func (e *CodeError) Error() string { return fmt.Sprintf("wrong code, %d tries left", e.TriesLeft) }

// Device is what a phone takes a session up for: the element, the slot in it and the purpose of the device key.
type Device struct {
	SEID          []byte
	Slot, Purpose uint64
}

// Step is how far a session is.
type Step string

// The steps of a session, in their order.
const (
	Open      Step = "open"      // waits for a phone
	Claimed   Step = "claimed"   // a phone has taken it up and shows the code
	Confirmed Step = "confirmed" // the code was typed; the card may be tapped
	Ended     Step = "ended"     // closed, too many wrong codes, or past its time
)

// Transaction is the issuer's transaction behind a confirmed session. Its token stays at the issuer.
type Transaction struct{ ID, Token string }

// Status is what both ends may know of a session.
type Status struct {
	Step        Step
	CodeTries   int
	ExpiresAt   time.Time
	Device      Device
	Transaction Transaction // zero until it is attached
	Contested   bool        // a second phone came with the same invitation
	Counter     bool        // whoever asks is the counter, not the phone
}

// Config says how a board works. Zero values take defaults.
type Config struct {
	Now  func() time.Time // nil is the clock
	Rand io.Reader        // nil is crypto/rand
	Max  int              // sessions at once; 0 is 1000
}

// Board holds the sessions. It is safe for concurrent use.
type Board struct {
	config Config

	mu       sync.Mutex // guards sessions
	sessions map[string]*session
}

// session holds hashes of the tokens, and the code as it is.
type session struct {
	counter, phone, secret [sha256.Size]byte
	hasPhone, contested    bool
	step                   Step
	code                   string
	tries                  int
	device                 Device
	transaction            Transaction
	expires                time.Time
}

// NewBoard makes an empty board.
func NewBoard(c Config) *Board {
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Rand == nil {
		c.Rand = rand.Reader
	}
	if c.Max == 0 {
		c.Max = defaultMax
	}
	return &Board{config: c, sessions: make(map[string]*session)}
}

// Opened is a new session: the counter's token, and what the phone is shown.
type Opened struct {
	ID, Token  string
	Invitation Invitation
	ExpiresAt  time.Time
}

// Open makes a session that waits for a phone for ClaimWithin.
func (b *Board) Open() (Opened, error) {
	random, err := b.random(idSize + secretSize + tokenSize)
	if err != nil {
		return Opened{}, err
	}
	i := Invitation{SessionID: random[:idSize], SecretKey: random[idSize : idSize+secretSize]}
	o := Opened{ID: i.Session(), Token: base64.RawURLEncoding.EncodeToString(random[idSize+secretSize:]), Invitation: i}
	b.mu.Lock()
	defer b.mu.Unlock()
	now := b.config.Now()
	b.forget(now)
	if len(b.sessions) >= b.config.Max {
		return Opened{}, ErrFull
	}
	o.ExpiresAt = now.Add(ClaimWithin).Truncate(time.Second)
	b.sessions[o.ID] = &session{counter: hash(o.Token), secret: hash(i.Secret()), step: Open, tries: CodeTries, expires: o.ExpiresAt}
	return o, nil
}

// Joined is what a phone gets: its token, and the code to show.
type Joined struct {
	Token, Code string
	ExpiresAt   time.Time
}

// Knock tells whether a secret is that of a session, without taking it up.
func (b *Board) Knock(id, secret string) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	_, err := b.invited(id, secret)
	return err
}

func (b *Board) invited(id, secret string) (*session, error) {
	s, ok := b.sessions[id]
	if given := hash(secret); !ok || subtle.ConstantTimeCompare(given[:], s.secret[:]) != 1 {
		return nil, ErrUnknown
	}
	return s, nil
}

// Claim takes a session up for a phone. The secret works once: the answer is not given again, not even to the same phone.
func (b *Board) Claim(id, secret string, d Device) (Joined, error) {
	token, err := b.random(tokenSize)
	if err != nil {
		return Joined{}, err
	}
	code, err := b.drawCode()
	if err != nil {
		return Joined{}, err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	s, err := b.invited(id, secret)
	if err != nil {
		return Joined{}, err
	}
	now := b.config.Now()
	switch {
	case s.hasPhone:
		s.contested = true
		return Joined{}, ErrTaken
	case s.ended(now):
		return Joined{}, ErrEnded
	}
	j := Joined{Token: base64.RawURLEncoding.EncodeToString(token), Code: code, ExpiresAt: now.Add(Life).Truncate(time.Second)}
	s.phone, s.hasPhone, s.code, s.device, s.step, s.expires = hash(j.Token), true, code, d, Claimed, j.ExpiresAt
	return j, nil
}

// Confirm compares the code that was typed at the counter. A *CodeError tells the tries left; at 0 the session has ended.
func (b *Board) Confirm(id, token, code string) (Device, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	s, counter, err := b.find(id, token)
	switch {
	case err != nil:
		return Device{}, err
	case !counter:
		return Device{}, ErrUnknown
	case s.ended(b.config.Now()):
		return Device{}, ErrEnded
	case s.step != Claimed:
		return Device{}, ErrStep
	}
	if subtle.ConstantTimeCompare([]byte(code), []byte(s.code)) != 1 {
		if s.tries--; s.tries == 0 {
			s.end()
		}
		return Device{}, &CodeError{TriesLeft: s.tries}
	}
	s.step, s.code = Confirmed, ""
	return s.device, nil
}

// Attach gives a confirmed session its transaction, once.
func (b *Board) Attach(id string, t Transaction) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	s, ok := b.sessions[id]
	if !ok || s.step != Confirmed || s.transaction.ID != "" {
		return ErrStep
	}
	s.transaction = t
	return nil
}

// Prolong lets a session live on for Life, for the phone to be provisioned.
func (b *Board) Prolong(id string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if s, ok := b.sessions[id]; ok && s.step != Ended {
		s.expires = b.config.Now().Add(Life).Truncate(time.Second)
	}
}

// Status tells the counter or the phone, by its token, how far the session is.
func (b *Board) Status(id, token string) (Status, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	s, counter, err := b.find(id, token)
	if err != nil {
		return Status{}, err
	}
	st := Status{Step: s.step, CodeTries: s.tries, ExpiresAt: s.expires, Device: s.device, Transaction: s.transaction,
		Contested: s.contested, Counter: counter}
	if s.ended(b.config.Now()) {
		st.Step = Ended
	}
	return st, nil
}

// Close ends a session on the counter's word. Evidence that was accepted before stays accepted.
func (b *Board) Close(id, token string) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	s, counter, err := b.find(id, token)
	if err != nil || !counter {
		return ErrUnknown
	}
	s.end()
	return nil
}

// Forget drops what ended a while ago.
func (b *Board) Forget() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.forget(b.config.Now())
}

func (b *Board) forget(now time.Time) {
	for id, s := range b.sessions {
		if now.After(s.expires.Add(grace)) {
			delete(b.sessions, id)
		}
	}
}

// find compares the token with both ends' without telling by its time which came near.
func (b *Board) find(id, token string) (s *session, counter bool, err error) {
	s, ok := b.sessions[id]
	if !ok {
		return nil, false, ErrUnknown
	}
	given := hash(token)
	isCounter := subtle.ConstantTimeCompare(given[:], s.counter[:]) == 1
	isPhone := subtle.ConstantTimeCompare(given[:], s.phone[:]) == 1 && s.hasPhone
	if !isCounter && !isPhone {
		return nil, false, ErrUnknown
	}
	return s, isCounter, nil
}

func (s *session) ended(now time.Time) bool { return s.step == Ended || !now.Before(s.expires) }

// end keeps the hashes, so that both ends can still be told.
func (s *session) end() { s.step, s.code = Ended, "" }

// drawCode draws a number below codeRange without bias.
func (b *Board) drawCode() (string, error) {
	const limit = (1 << 32) / codeRange * codeRange
	for {
		random, err := b.random(4)
		if err != nil {
			return "", err
		}
		if n := binary.BigEndian.Uint32(random); uint64(n) < limit {
			return fmt.Sprintf("%0*d", CodeDigits, n%codeRange), nil
		}
	}
}

func (b *Board) random(n int) ([]byte, error) {
	out := make([]byte, n)
	if _, err := io.ReadFull(b.config.Rand, out); err != nil {
		return nil, fmt.Errorf("drawing random bytes: %w", err)
	}
	return out, nil
}

func hash(token string) [sha256.Size]byte { return sha256.Sum256([]byte(token)) }
