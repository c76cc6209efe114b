package tsm

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"sync"
	"time"

	"mobileid/tsm/seram"
)

// session is one phone's conversation about one element.
type session struct {
	id, seID string
	element  seram.SecureElement // as the phone named it

	mu      sync.Mutex // held for the whole of a request; guards what follows
	expires time.Time
	agreed  bool     // the handshake is over
	started bool     // the start command went out
	ended   bool     // stop went out
	proved  bool     // its element proved its keys, by an answer under R-MAC
	passed  []string // order ids of jobs that others are run past in this session
	waiting step     // what the phone's next answers belong to; nil for none

	// The last report and its order: a phone that lost our answer sends the same
	// report again and must get the same order.
	lastReport [sha256.Size]byte
	lastOrder  *seram.Order
}

// Open makes a session for an element, of those the phone named, that has a job
// waiting, else for the first one. Of several with a job one is drawn: a job that
// comes to no end, whatever the reason, must not keep the other elements of a phone from
// their turn. A session the same element had is forgotten: a phone that lost its link need
// not wait, and of two phones that claim one element only the later is served.
func (s *Service) Open(ctx context.Context, request seram.SessionRequest) (sessionID string, err error) {
	chosen, err := s.choose(ctx, request.SecureElements)
	if err != nil {
		return "", fmt.Errorf("opening session: %w", err)
	}
	var id [16]byte
	if _, err := io.ReadFull(s.cfg.Rand, id[:]); err != nil {
		return "", fmt.Errorf("drawing session id: %w: %w", ErrUnavailable, err)
	}
	next := &session{id: hex.EncodeToString(id[:]), seID: chosen.seID, element: chosen.element, expires: s.cfg.Now().Add(s.cfg.SessionLife)}

	s.mu.Lock()
	defer s.mu.Unlock()
	if old := s.byElement[chosen.seID]; old != nil {
		if !old.mu.TryLock() {
			return "", fmt.Errorf("opening session: %w", ErrBusy)
		}
		s.forget(old)
		old.mu.Unlock()
	}
	if len(s.sessions) >= s.cfg.MaxSessions {
		s.evict()
	}
	if len(s.sessions) >= s.cfg.MaxSessions && !s.displace() {
		return "", fmt.Errorf("opening session: %w", ErrTooManySessions)
	}
	s.sessions[next.id], s.byElement[chosen.seID] = next, next
	return next.id, nil
}

// maxElements bounds the elements of one phone that are looked at.
const maxElements = 8

// candidate is an element that a session may be made for.
type candidate struct {
	element seram.SecureElement
	seID    string
}

func (s *Service) choose(ctx context.Context, elements []seram.SecureElement) (candidate, error) {
	var waiting, idle []candidate
	for _, e := range elements[:min(len(elements), maxElements)] {
		raw, err := e.ID()
		if err != nil {
			continue // an element of another kind
		}
		c := candidate{named(e), hex.EncodeToString(raw)}
		has, err := s.waiting(ctx, c.seID)
		switch {
		case err != nil:
			return candidate{}, err
		case has:
			waiting = append(waiting, c)
		default:
			idle = append(idle, c)
		}
	}
	switch {
	case len(waiting) > 1:
		var b [1]byte
		if _, err := io.ReadFull(s.cfg.Rand, b[:]); err != nil {
			return candidate{}, fmt.Errorf("drawing element: %w: %w", ErrUnavailable, err)
		}
		return waiting[int(b[0])%len(waiting)], nil
	case len(waiting) == 1:
		return waiting[0], nil
	case len(idle) > 0:
		return idle[0], nil
	default:
		return candidate{}, ErrNoElement
	}
}

// named keeps of an element only what is repeated in orders, and of its type
// only a short one.
func named(e seram.SecureElement) seram.SecureElement {
	return seram.SecureElement{SEType: e.SEType[:min(len(e.SEType), 16)], SEID: e.SEID}
}

// Handshake agrees on protocol, format and version.
func (s *Service) Handshake(_ context.Context, sessionID string, h seram.HandshakeCommand) (seram.HandshakeResponse, error) {
	sess, err := s.take(sessionID)
	if err != nil {
		return seram.HandshakeResponse{}, fmt.Errorf("handshake: %w", err)
	}
	defer sess.mu.Unlock()
	if !h.Common() {
		return seram.HandshakeResponse{}, fmt.Errorf("handshake: %w", ErrNoCommon)
	}
	if len(h.SecureElements) > 0 && !sess.among(h.SecureElements) {
		return seram.HandshakeResponse{}, fmt.Errorf("handshake: %w", ErrOtherElement)
	}
	sess.agreed = true
	return seram.HandshakeResponse{
		ChosenTransportProtocol: seram.TransportHTTPS, ChosenDataFormat: seram.FormatJSON, ChosenVersion: seram.Version200,
	}, nil
}

func (sess *session) among(elements []seram.SecureElement) bool {
	for _, e := range elements[:min(len(elements), maxElements)] {
		if raw, err := e.ID(); err == nil && hex.EncodeToString(raw) == sess.seID {
			return true
		}
	}
	return false
}

// take finds a session and locks it for one request. The caller unlocks it.
func (s *Service) take(sessionID string) (*session, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	sess := s.sessions[sessionID]
	if sess == nil {
		return nil, ErrUnknownSession
	}
	if !sess.mu.TryLock() {
		return nil, ErrBusy
	}
	now := s.cfg.Now()
	if now.After(sess.expires) {
		s.forget(sess)
		sess.mu.Unlock()
		return nil, ErrUnknownSession
	}
	sess.expires = now.Add(s.cfg.SessionLife)
	return sess, nil
}

// forget drops a session; s.mu and the session's mu are held.
func (s *Service) forget(sess *session) {
	delete(s.sessions, sess.id)
	if s.byElement[sess.seID] == sess {
		delete(s.byElement, sess.seID)
	}
	sess.drop()
}

// drop ends the secure channel that is waiting for answers, if any.
func (sess *session) drop() {
	if sess.waiting != nil {
		sess.waiting.close()
		sess.waiting = nil
	}
}

// displace drops the one session that is missed least, and tells whether there was one;
// s.mu is held. Anyone can open sessions and shake hands, so that those who do no more
// must not keep out an element that proves its keys: its session makes no room for one of
// another element, nor does one with a request under way. (A later session of the same
// element takes its place all the same, see Open.) Of the others go first those without a
// handshake, the longest silent of them.
func (s *Service) displace() bool {
	var least *session // locked
	for _, sess := range s.sessions {
		if !sess.mu.TryLock() {
			continue
		}
		if sess.proved || least != nil && !sess.before(least) {
			sess.mu.Unlock()
			continue
		}
		if least != nil {
			least.mu.Unlock()
		}
		least = sess
	}
	if least == nil {
		return false
	}
	s.forget(least)
	least.mu.Unlock()
	return true
}

// before tells whether a session is missed less than another; both are locked.
func (sess *session) before(other *session) bool {
	if sess.agreed != other.agreed {
		return other.agreed
	}
	return sess.expires.Before(other.expires)
}

// evict drops sessions that are over or too old; s.mu is held. One with a
// request under way is neither.
func (s *Service) evict() {
	now := s.cfg.Now()
	for _, sess := range s.sessions {
		if !sess.mu.TryLock() {
			continue
		}
		if sess.ended || now.After(sess.expires) {
			s.forget(sess)
		}
		sess.mu.Unlock()
	}
}
