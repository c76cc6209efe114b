package scp03

import (
	"crypto/subtle"
	"fmt"

	"mobileid/mdoc/apdu"
)

// A CardSession takes protected commands and protects their answers at level 33, one
// after the other: Unwrap, then Wrap, for each command.
type CardSession struct {
	redacted
	ch        *channel
	version   byte
	answering bool // a command was unwrapped and has no answer yet
	dead      bool
}

// Level is the security level of the session: Full while it lives, 0 after its end.
func (s *CardSession) Level() Level {
	if s.dead {
		return 0
	}
	return Full
}

// KeyVersion is the version of the key set the session was opened with.
func (s *CardSession) KeyVersion() byte { return s.version }

// Open tells whether the session lives.
func (s *CardSession) Open() bool { return !s.dead }

// Unwrap checks the C-MAC of a command and returns it plain, without the secure
// messaging bit. Any fault, be it a missing or wrong MAC or wrong padding behind a
// right one, ends the session, drops its keys and gives one and the same error,
// which unwraps to apdu.ErrSecurityStatus: answer 6982.
//
// A chained command is passed in joined, with its class without the chaining bit and
// Extended set: its MAC was made so. GET RESPONSE is not passed in at all.
func (s *CardSession) Unwrap(c apdu.Command) (apdu.Command, error) {
	if s.dead {
		return apdu.Command{}, refused()
	}
	data, ok := s.unwrap(c)
	if !ok {
		s.Close()
		return apdu.Command{}, refused()
	}
	c.CLA = apdu.ClearSecure(c.CLA)
	c.Data = data
	s.answering = true
	return c, nil
}

func refused() error {
	return fmt.Errorf("unwrapping command: %w", apdu.SecurityStatus.Err())
}

func (s *CardSession) unwrap(c apdu.Command) ([]byte, bool) {
	n := len(c.Data) - macSize
	if !gpSecured(c.CLA) || n < 0 || s.ch.next() != nil {
		return nil, false
	}
	mac := s.ch.commandMAC(c, c.Data[:n])
	if subtle.ConstantTimeCompare(mac[:macSize], c.Data[n:]) != 1 {
		return nil, false
	}
	s.ch.mcv = mac
	data, err := s.ch.open(toCard, s.ch.counter, c.Data[:n])
	return data, err == nil
}

// Wrap protects the answer to the command unwrapped last: 9000, 62xx and 63xx with
// encrypted data and R-MAC; every other status word as two bytes without data. It
// answers each command once: an answer too many, or of more than MaxExtendedData
// bytes, is a fault of the caller and becomes 6F00, and the session ends.
func (s *CardSession) Wrap(r apdu.Response) apdu.Response {
	if s.dead {
		if protected(r.SW) {
			return apdu.Response{SW: apdu.SecurityStatus}
		}
		return apdu.Response{SW: r.SW}
	}
	if !s.answering || len(r.Data) > MaxExtendedData {
		s.Close()
		return apdu.Response{SW: apdu.Unknown}
	}
	s.answering = false
	if !protected(r.SW) {
		return apdu.Response{SW: r.SW}
	}
	body := s.ch.seal(toHost, s.ch.counter, r.Data)
	mac := s.ch.responseMAC(&s.ch.mcv, body, r.SW)
	return apdu.Response{Data: append(body, mac[:macSize]...), SW: r.SW}
}

// Close ends the session and drops its keys: on SELECT, reset, a new INITIALIZE
// UPDATE, or after a fault.
func (s *CardSession) Close() {
	if !s.dead {
		s.dead = true
		s.answering = false
		s.ch.erase()
	}
}
