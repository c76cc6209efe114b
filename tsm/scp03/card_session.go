package scp03

import (
	"fmt"
	"slices"

	"mobileid/mdoc/apdu"
)

// A CardSession takes protected commands and protects their answers at the level it was opened with, one after the other:
// Unwrap, then Wrap, for each command.
type CardSession struct {
	redacted
	ch        *channel
	level     Level
	version   byte
	answering bool // a command was unwrapped and has no answer yet
}

// Level is the security level of the session while it lives, 0 after its end.
func (s *CardSession) Level() Level { return s.level }

// KeyVersion is the version of the key set the session was opened with.
func (s *CardSession) KeyVersion() byte { return s.version }

// Open tells whether the session lives.
func (s *CardSession) Open() bool { return s.level != 0 }

// Unwrap checks the C-MAC of a command and returns it plain, without the secure
// messaging bit. Any fault, be it a missing or wrong MAC or wrong padding behind a
// right one, ends the session, drops its keys and gives one and the same error,
// which unwraps to apdu.ErrSecurityStatus: answer 6982.
//
// A chained command is passed in joined, with its class without the chaining bit and
// Extended set: its MAC was made so. GET RESPONSE is not passed in at all.
func (s *CardSession) Unwrap(c apdu.Command) (apdu.Command, error) { return s.AppendUnwrap(nil, c) }

// AppendUnwrap is Unwrap that puts the plain data behind dst, where the Data of the result is. It allocates nothing if dst
// has room for the Data of the command. It may write over c.Data: dst may be c.Data[:0], but overlap in no other way.
func (s *CardSession) AppendUnwrap(dst []byte, c apdu.Command) (apdu.Command, error) {
	if !s.Open() {
		return apdu.Command{}, refused()
	}
	data, ok := s.unwrap(dst, c)
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

func (s *CardSession) unwrap(dst []byte, c apdu.Command) ([]byte, bool) {
	n := len(c.Data) - int(s.ch.mode)
	if !gpSecured(c.CLA) || n < 0 || s.ch.next() != nil {
		return nil, false
	}
	body, sent := c.Data[:n], c.Data[n:]
	dst = slices.Grow(dst, n)
	start := len(dst)
	mac := s.ch.commandMAC(c, body)
	if !s.ch.agrees(&mac, sent) {
		if s.level.Has(CommandEncryption) {
			s.ch.waste(dst, toCard, s.ch.counter, n)
		}
		return nil, false
	}
	s.ch.mcv = mac
	if !s.level.Has(CommandEncryption) {
		return plain(append(dst, body...), start), true
	}
	dst, err := s.ch.open(dst, toCard, s.ch.counter, body)
	return plain(dst, start), err == nil
}

// plain is what came behind start; nothing is nil, as in a command without data.
func plain(dst []byte, start int) []byte {
	if len(dst) == start {
		return nil
	}
	return dst[start:len(dst):len(dst)]
}

// Wrap protects the answer to the command unwrapped last: 9000, 62xx and 63xx with
// encrypted data and R-MAC, as far as the level has them; every other status word as two bytes without data. It
// answers each command once: an answer too many, or one too long for an APDU, is a fault of the caller and becomes 6F00,
// and the session ends.
func (s *CardSession) Wrap(r apdu.Response) apdu.Response { return s.AppendWrap(nil, r) }

// AppendWrap is Wrap that puts the data of the answer behind dst, where the Data of the result is. It allocates nothing if
// dst has room for 32 bytes more than r.Data. Of r.Data, dst may be r.Data[:0], but overlap in no other way.
func (s *CardSession) AppendWrap(dst []byte, r apdu.Response) apdu.Response {
	if !s.Open() {
		if protected(r.SW) {
			return apdu.Response{SW: apdu.SecurityStatus}
		}
		return apdu.Response{SW: r.SW}
	}
	limit := room(extendedResponse, s.ch.mode, s.level.Has(ResponseMAC), s.level.Has(ResponseEncryption))
	if !s.answering || len(r.Data) > limit {
		s.Close()
		return apdu.Response{SW: apdu.Unknown}
	}
	s.answering = false
	if !protected(r.SW) {
		return apdu.Response{SW: r.SW}
	}
	start := len(dst)
	if s.level.Has(ResponseEncryption) {
		dst = s.ch.seal(dst, toHost, s.ch.counter, r.Data)
	} else {
		dst = append(slices.Grow(dst, len(r.Data)+int(s.ch.mode)), r.Data...)
	}
	if s.level.Has(ResponseMAC) {
		mac := s.ch.responseMAC(&s.ch.mcv, dst[start:], r.SW)
		dst = append(dst, mac[:s.ch.mode]...)
	}
	return apdu.Response{Data: plain(dst, start), SW: r.SW}
}

// Close ends the session and drops its keys: on SELECT, reset, a new INITIALIZE
// UPDATE, or after a fault.
func (s *CardSession) Close() {
	if s.Open() {
		s.level, s.answering = 0, false
		s.ch.erase()
	}
}
