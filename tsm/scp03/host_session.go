package scp03

import (
	"crypto/subtle"
	"errors"
	"fmt"

	"mobileid/mdoc/apdu"
)

var (
	// ErrResponse says that an answer is not what the card's keys make: R-MAC missing
	// or wrong, data where there must be none, or padding wrong.
	ErrResponse = errors.New("answer not authentic")
	// ErrOrder says that a call came out of order: an answer before Opened, a ticket
	// used twice or after a later one.
	ErrOrder = errors.New("out of order")
)

// A HostSession protects commands and checks answers at level 33. The first fault in
// an answer ends it; every later call returns ErrClosed with that fault.
type HostSession struct {
	redacted
	ch       *channel
	card     CardInfo
	opened   bool
	answered uint32 // counter of the last ticket redeemed
	err      error
}

// A Ticket stands for one wrapped command and is needed to check its answer: it
// holds the chaining value and the counter of that command.
type Ticket struct {
	mcv     [blockSize]byte
	counter uint32
}

// Card tells what the card said about itself.
func (s *HostSession) Card() CardInfo { return s.card }

// Opened takes the answer to EXTERNAL AUTHENTICATE: 9000 without data opens the
// session, anything else ends it (6300: the card does not accept our cryptogram).
func (s *HostSession) Opened(resp apdu.Response) error {
	if s.err != nil {
		return s.closed("opening")
	}
	if s.opened {
		return fmt.Errorf("opening secure channel a second time: %w", ErrOrder)
	}
	if err := resp.Err(); err != nil {
		return s.fail("opening", err)
	}
	if len(resp.Data) != 0 {
		return s.fail("opening", fmt.Errorf("%d bytes with EXTERNAL AUTHENTICATE: %w", len(resp.Data), ErrResponse))
	}
	s.opened = true
	return nil
}

// Wrap protects a command: encrypts its data, adds the C-MAC and sets the secure
// messaging bit. The result has its own Data; Le and length form stay. A command
// that fails to wrap has not moved the session.
func (s *HostSession) Wrap(c apdu.Command) (apdu.Command, Ticket, error) {
	if s.err != nil {
		return apdu.Command{}, Ticket{}, s.closed("wrapping")
	}
	limit := MaxShortData
	if c.Extended {
		limit = MaxExtendedData
	}
	if len(c.Data) > limit {
		return apdu.Command{}, Ticket{}, fmt.Errorf("wrapping command %02X%02X: %d bytes, at most %d: %w", c.CLA, c.INS, len(c.Data), limit, apdu.ErrTooLong)
	}
	if c.Secured() {
		return apdu.Command{}, Ticket{}, fmt.Errorf("wrapping command %02X%02X: class already under secure messaging", c.CLA, c.INS)
	}
	if len(c.Data) == 0 && c.Le == 0 {
		c.Extended = false // case 1 becomes case 3, in short form
	}
	if err := s.ch.next(); err != nil {
		return apdu.Command{}, Ticket{}, s.fail("wrapping", err)
	}
	c.CLA = apdu.SetSecure(c.CLA)
	body := s.ch.seal(toCard, s.ch.counter, c.Data)
	s.ch.mcv = s.ch.commandMAC(c, body)
	c.Data = append(body, s.ch.mcv[:macSize]...)
	return c, Ticket{mcv: s.ch.mcv, counter: s.ch.counter}, nil
}

// Unwrap checks the answer to the command the ticket stands for and returns its
// plain data. Tickets are redeemed once, in the order of their commands; leaving some
// out is allowed, as when a script stopped early.
//
// 9000, 62xx and 63xx must carry a right R-MAC. Every other status word comes back
// as a Response without data and without proof, and the session goes on.
func (s *HostSession) Unwrap(t Ticket, r apdu.Response) (apdu.Response, error) {
	if s.err != nil {
		return apdu.Response{}, s.closed("unwrapping")
	}
	if !s.opened || t.counter <= s.answered {
		return apdu.Response{}, fmt.Errorf("unwrapping answer %d after %d: %w", t.counter, s.answered, ErrOrder)
	}
	s.answered = t.counter
	if !protected(r.SW) {
		if len(r.Data) != 0 {
			return apdu.Response{}, s.fail("unwrapping", fmt.Errorf("%d bytes with %04X: %w", len(r.Data), uint16(r.SW), ErrResponse))
		}
		return apdu.Response{SW: r.SW}, nil
	}
	n := len(r.Data) - macSize
	if n < 0 {
		return apdu.Response{}, s.fail("unwrapping", fmt.Errorf("%04X without R-MAC: %w", uint16(r.SW), ErrResponse))
	}
	body := r.Data[:n]
	mac := s.ch.responseMAC(&t.mcv, body, r.SW)
	if subtle.ConstantTimeCompare(mac[:macSize], r.Data[n:]) != 1 {
		return apdu.Response{}, s.fail("unwrapping", fmt.Errorf("R-MAC wrong: %w", ErrResponse))
	}
	data, err := s.ch.open(toHost, t.counter, body)
	if err != nil {
		return apdu.Response{}, s.fail("unwrapping", fmt.Errorf("%w: %w", err, ErrResponse))
	}
	return apdu.Response{Data: data, SW: r.SW}, nil
}

// Err is nil while the session lives, then what ended it.
func (s *HostSession) Err() error { return s.err }

// Close ends the session and drops its keys. The card learns of it by a new SELECT
// or INITIALIZE UPDATE.
func (s *HostSession) Close() {
	if s.err == nil {
		_ = s.fail("closing", ErrClosed)
	}
}

func (s *HostSession) fail(doing string, err error) error {
	s.err = err
	s.ch.erase()
	return fmt.Errorf("%s: secure channel ends: %w", doing, err)
}

func (s *HostSession) closed(doing string) error {
	if errors.Is(s.err, ErrClosed) {
		return fmt.Errorf("%s: %w", doing, ErrClosed)
	}
	return fmt.Errorf("%s: %w: %w", doing, ErrClosed, s.err)
}
