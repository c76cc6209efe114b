package session

import (
	"fmt"
	"sync"
)

// link is what both ends of an established session share: two channels, whose turn it is, and the end.
type link struct {
	mu       sync.Mutex // guards everything below
	out, in  *channel
	mySend   bool // a request (reader) or response (device) may be sent now
	sent     int
	received int
	ended    bool
}

// end forgets the keys. The caller holds mu.
func (l *link) end() {
	l.ended = true
	l.out.wipe()
	l.in.wipe()
}

// send encrypts one message; last adds status 20 and ends the session.
func (l *link) send(plaintext []byte, last bool) ([]byte, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.ended:
		return nil, ErrEnded
	case !l.mySend:
		return nil, ErrTurn
	case l.sent >= MaxMessages:
		l.end()
		return nil, fmt.Errorf("%d messages sent: %w", l.sent, ErrLimit)
	}
	if err := checkPayload(plaintext); err != nil {
		return nil, err
	}
	message, err := sealed(l.out, plaintext, last)
	if err != nil {
		l.end()
		return nil, err
	}
	l.sent++
	l.mySend = false
	if last {
		l.end()
	}
	return message, nil
}

// receive opens one message. Every failure, and every status, ends the session.
func (l *link) receive(message []byte) (data []byte, status *Status, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ended {
		return nil, nil, ErrEnded
	}
	data, status, err = l.openNext(message)
	if err != nil || status != nil {
		l.end()
	}
	if err != nil {
		return nil, nil, err
	}
	return data, status, nil
}

func (l *link) openNext(message []byte) ([]byte, *Status, error) {
	ciphertext, status, err := parseData(message)
	if err != nil {
		return nil, nil, refuse(StatusDecodingError, "reading session data", err)
	}
	if ciphertext == nil {
		return nil, status, nil
	}
	if l.mySend {
		return nil, nil, refuse(StatusEncryptionError, "reading session data", ErrTurn)
	}
	if l.received >= MaxMessages {
		return nil, nil, refuse(StatusTermination, "reading session data", ErrLimit)
	}
	plaintext, err := l.in.open(ciphertext)
	if err != nil {
		return nil, nil, refuse(StatusEncryptionError, "reading session data", err)
	}
	l.received++
	l.mySend = true
	return plaintext, status, nil
}

// terminate ends the session and gives the message that says so.
func (l *link) terminate() ([]byte, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ended {
		return nil, ErrEnded
	}
	l.end()
	return StatusMessage(StatusTermination)
}
