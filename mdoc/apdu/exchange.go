package apdu

import (
	"context"
	"errors"
	"fmt"
)

// A Transmitter carries one command APDU to a card and brings its response: a
// reader, a socket, a modelled card. It need not be safe for concurrent use.
// Neither side keeps the other's slice after the call.
type Transmitter interface {
	Transmit(ctx context.Context, command []byte) (response []byte, err error)
}

// ErrResponseTooLong says that the pieces of an answer passed MaxResponse.
var ErrResponseTooLong = errors.New("response longer than 65538 bytes")

const insGetResponse = 0xC0

// Exchange sends a command and returns the whole answer. It follows 61xx with
// GET RESPONSE, joining the pieces up to MaxResponse bytes, and repeats once with
// the right Le after 6Cxx (ISO/IEC 7816-4:2020, 5.6 and 11.8.1).
//
// A command under secure messaging is never repeated: its MAC holds once, so
// 6Cxx comes back to the caller, who protects the command afresh.
//
// Every status word is a result, not an error; see [Response.Err].
func Exchange(ctx context.Context, t Transmitter, c Command) (Response, error) {
	r, err := transmit(ctx, t, c)
	if err != nil {
		return Response{}, err
	}
	if r.SW.SW1() == 0x6C && !c.Secured() {
		c.Le = leShort(r.SW.SW2())
		if r, err = transmit(ctx, t, c); err != nil {
			return Response{}, err
		}
	}
	if r.SW.SW1() != 0x61 {
		return r, nil
	}
	return join(ctx, t, c, r)
}

// join collects the rest of an answer announced by 61xx. GET RESPONSE keeps the
// class of the command, without its chaining bit, and is never protected.
func join(ctx context.Context, t Transmitter, c Command, r Response) (Response, error) {
	data := append([]byte(nil), r.Data...)
	next := Command{CLA: c.CLA &^ claChaining, INS: insGetResponse}
	repeated := false
	for r.SW.SW1() == 0x61 || r.SW.SW1() == 0x6C {
		if r.SW.SW1() == 0x6C {
			if repeated {
				return Response{}, fmt.Errorf("exchanging %02X%02X: GET RESPONSE refused twice with %04X", c.CLA, c.INS, uint16(r.SW))
			}
			repeated = true
		}
		next.Le = leShort(r.SW.SW2())
		var err error
		if r, err = transmit(ctx, t, next); err != nil {
			return Response{}, err
		}
		if r.SW.SW1() == 0x61 && len(r.Data) == 0 {
			return Response{}, fmt.Errorf("exchanging %02X%02X: GET RESPONSE brings nothing and asks for more", c.CLA, c.INS)
		}
		data = append(data, r.Data...)
		if len(data) > MaxExtendedLe {
			return Response{}, fmt.Errorf("exchanging %02X%02X: %w", c.CLA, c.INS, ErrResponseTooLong)
		}
	}
	return Response{Data: data, SW: r.SW}, nil
}

func transmit(ctx context.Context, t Transmitter, c Command) (Response, error) {
	b, err := c.Bytes()
	if err != nil {
		return Response{}, err
	}
	if err := ctx.Err(); err != nil {
		return Response{}, fmt.Errorf("exchanging %02X%02X: %w", c.CLA, c.INS, err)
	}
	out, err := t.Transmit(ctx, b)
	if err != nil {
		return Response{}, fmt.Errorf("exchanging %02X%02X: %w", c.CLA, c.INS, err)
	}
	return ParseResponse(out)
}

// A Tap is a Transmitter that shows each exchange to Seen after it happened, for
// a trace or a count. Seen must not keep or change the slices; what it writes down
// is its own responsibility, since commands may carry PINs.
type Tap struct {
	Transmitter
	// Seen may be nil.
	Seen func(command, response []byte, err error)
}

// Transmit passes the command on and shows the outcome to Seen.
func (t Tap) Transmit(ctx context.Context, command []byte) ([]byte, error) {
	response, err := t.Transmitter.Transmit(ctx, command)
	if t.Seen != nil {
		t.Seen(command, response, err)
	}
	return response, err
}
