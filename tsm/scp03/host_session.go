package scp03

import (
	"errors"
	"fmt"
	"slices"

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

// A HostSession protects commands and checks answers at the level it was opened with. The first fault in
// an answer ends it; every later call returns ErrClosed with that fault.
type HostSession struct {
	redacted
	ch       *channel
	level    Level
	card     CardInfo
	opened   bool
	answered uint32 // counter of the last ticket redeemed
	proved   bool
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

// Level is the security level asked for.
func (s *HostSession) Level() Level { return s.level }

// Proved tells whether an answer with a right R-MAC was unwrapped, so that the card is known to hold the session's keys. The
// answer to EXTERNAL AUTHENTICATE and error words carry none: whoever stands between can make them up. It stays true when
// the session ends, and is never true at a level without R-MAC.
func (s *HostSession) Proved() bool { return s.proved }

// MaxData is the most plain data one command of the session carries.
func (s *HostSession) MaxData(extended bool) int {
	return MaxData(s.level, s.card.Option.Mode(), extended)
}

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
// messaging bit, as far as the level has them. The result has its own Data; Le and length form stay. A command
// that fails to wrap has not moved the session.
func (s *HostSession) Wrap(c apdu.Command) (apdu.Command, Ticket, error) { return s.AppendWrap(nil, c) }

// AppendWrap is Wrap that puts the protected data behind dst, where the Data of the result is. It allocates nothing if dst
// has room for 32 bytes more than c.Data. Of c.Data, dst may be c.Data[:0], but overlap in no other way.
func (s *HostSession) AppendWrap(dst []byte, c apdu.Command) (apdu.Command, Ticket, error) {
	if s.err != nil {
		return apdu.Command{}, Ticket{}, s.closed("wrapping")
	}
	if limit := s.MaxData(c.Extended); len(c.Data) > limit {
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
	start := len(dst)
	if s.level.Has(CommandEncryption) {
		dst = s.ch.seal(dst, toCard, s.ch.counter, c.Data)
	} else {
		dst = append(slices.Grow(dst, len(c.Data)+int(s.ch.mode)), c.Data...)
	}
	s.ch.mcv = s.ch.commandMAC(c, dst[start:])
	dst = append(dst, s.ch.mcv[:s.ch.mode]...)
	c.Data = dst[start:len(dst):len(dst)]
	return c, Ticket{mcv: s.ch.mcv, counter: s.ch.counter}, nil
}

// Unwrap checks the answer to the command the ticket stands for and returns its
// plain data. Tickets are redeemed once, in the order of their commands; leaving some
// out is allowed, as when a script stopped early.
//
// 9000, 62xx and 63xx must carry a right R-MAC, if the level has it. Every other status word comes back
// as a Response without data and without proof, which Proved does not count, and the session goes on. 6Cxx wants the plain
// command wrapped once more, which is for commands that may be carried out twice; Exchange does it for those that read.
// Pieces of an answer that came by 61xx and GET RESPONSE, which is sent plain, are joined first; apdu.Exchange does it.
func (s *HostSession) Unwrap(t Ticket, r apdu.Response) (apdu.Response, error) {
	return s.AppendUnwrap(nil, t, r)
}

// AppendUnwrap is Unwrap that puts the plain data behind dst, where the Data of the result is. It allocates nothing if dst
// has room for r.Data. It may write over r.Data: dst may be r.Data[:0], but overlap in no other way.
func (s *HostSession) AppendUnwrap(dst []byte, t Ticket, r apdu.Response) (apdu.Response, error) {
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
	data, err := s.unwrap(dst, t, r)
	if err != nil {
		return apdu.Response{}, s.fail("unwrapping", fmt.Errorf("%w: %w", err, ErrResponse))
	}
	s.proved = s.proved || s.level.Has(ResponseMAC)
	return apdu.Response{Data: data, SW: r.SW}, nil
}

var (
	errNoMAC    = errors.New("no R-MAC")
	errMACWrong = errors.New("R-MAC wrong")
)

func (s *HostSession) unwrap(dst []byte, t Ticket, r apdu.Response) ([]byte, error) {
	start, body := len(dst), r.Data
	dst = slices.Grow(dst, len(body))
	if s.level.Has(ResponseMAC) {
		n := len(body) - int(s.ch.mode)
		if n < 0 {
			return nil, errNoMAC
		}
		mac := s.ch.responseMAC(&t.mcv, body[:n], r.SW)
		if !s.ch.agrees(&mac, body[n:]) {
			return nil, errMACWrong
		}
		body = body[:n]
	}
	if !s.level.Has(ResponseEncryption) {
		return plain(append(dst, body...), start), nil
	}
	dst, err := s.ch.open(dst, toHost, t.counter, body)
	return plain(dst, start), err
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
