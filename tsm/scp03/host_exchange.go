package scp03

import (
	"context"
	"errors"
	"fmt"

	"mobileid/mdoc/apdu"
)

// Commands that read, and the bit of P2 with which GET STATUS goes on (Card Specification 2.3.1, 11.3 and 11.4).
const (
	insGetData    = 0xCA
	insGetDataOdd = 0xCB
	insGetStatus  = 0xF2
	getStatusNext = 0x01
)

// claChaining is the class bit that says more of the command follows (ISO/IEC 7816-4:2020, 5.3.3).
const claChaining = 0x10

// errPiece says that a card did not take a piece of a chained command.
var errPiece = errors.New("piece of a chained command refused")

// WrapChained protects a command that may be too long for a short one, for a card without extended length: protected as a
// whole over the header as it is, with the three-byte Lc of the whole, then cut into short commands of a chain, the MAC at
// the very end and Le with the last. What fits into one short command is wrapped as one. The ticket is for the answer to
// the last; the others are answered 9000 without R-MAC.
func (s *HostSession) WrapChained(c apdu.Command) ([]apdu.Command, Ticket, error) {
	c.Extended = len(c.Data) > s.MaxData(false)
	whole, ticket, err := s.Wrap(c)
	if err != nil {
		return nil, Ticket{}, err
	}
	return cut(whole), ticket, nil
}

func cut(whole apdu.Command) []apdu.Command {
	le := min(whole.Le, apdu.MaxShortLe)
	var out []apdu.Command
	for data := whole.Data; ; data = data[apdu.MaxShortLc:] {
		piece := whole
		piece.Extended = false
		if len(data) <= apdu.MaxShortLc {
			piece.Data, piece.Le = data, le
			return append(out, piece)
		}
		piece.CLA |= claChaining
		piece.Data, piece.Le = data[:apdu.MaxShortLc], 0
		out = append(out, piece)
	}
}

// Exchange sends one command through the session and returns its plain answer. A short command whose data are too many
// goes as a chain. 61xx is followed by GET RESPONSE as apdu.Exchange does. 6Cxx is followed by the command wrapped once more
// with that Le, if the command asked for an answer and only reads: the word is under no MAC, and the card may have carried
// the command out. Every status word is a result.
//
// After an error of the way there the caller does not know whether the card has carried out the command.
func (s *HostSession) Exchange(ctx context.Context, t apdu.Transmitter, c apdu.Command) (apdu.Response, error) {
	r, err := s.exchange(ctx, t, c)
	if err == nil && r.SW.SW1() == 0x6C && repeatable(c) {
		if c.Le = int(r.SW.SW2()); c.Le == 0 {
			c.Le = apdu.MaxShortLe
		}
		r, err = s.exchange(ctx, t, c)
	}
	return r, err
}

// repeatable tells whether a command may be carried out twice without harm: GET DATA and the first page of GET STATUS. The
// next page is another each time.
func repeatable(c apdu.Command) bool {
	if c.Le == 0 {
		return false
	}
	switch c.INS {
	case insGetData, insGetDataOdd:
		return true
	case insGetStatus:
		return c.P2&getStatusNext == 0
	default:
		return false
	}
}

func (s *HostSession) exchange(ctx context.Context, t apdu.Transmitter, c apdu.Command) (apdu.Response, error) {
	pieces, ticket, err := s.pieces(c)
	if err != nil {
		return apdu.Response{}, err
	}
	var r apdu.Response
	for i, piece := range pieces {
		if r, err = apdu.Exchange(ctx, t, piece); err != nil {
			return apdu.Response{}, err
		}
		if last := i == len(pieces)-1; !last && (r.SW != apdu.OK || len(r.Data) != 0) {
			if protected(r.SW) {
				return apdu.Response{}, s.fail("sending a chain", fmt.Errorf("%04X with %d bytes: %w: %w", uint16(r.SW), len(r.Data), errPiece, ErrResponse))
			}
			break // an error word: the answer to the command, which the card does not want
		}
	}
	return s.Unwrap(ticket, r)
}

func (s *HostSession) pieces(c apdu.Command) ([]apdu.Command, Ticket, error) {
	if !c.Extended {
		return s.WrapChained(c)
	}
	w, ticket, err := s.Wrap(c)
	return []apdu.Command{w}, ticket, err
}
