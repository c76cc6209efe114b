package nfc

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"mobileid/mdoc/apdu"
	"mobileid/mdoc/transport"
)

// patience bounds how long Close waits for the exchange under way, so that a last message is not cut off.
const patience = 300 * time.Millisecond

// Reader is the reader's end. One message is exchanged at a time, in a goroutine that ends with the connection, at the
// latest in Close.
//
// Send returns when all commands but the last have been taken and the last is on its way; what becomes of that shows at
// Receive. A Send whose ctx ends while its commands go out ends the connection.
type Reader struct {
	card    apdu.Transmitter
	limits  Limits
	max     int
	box     *transport.Mailbox
	jobs    chan job
	quit    context.CancelFunc
	stopped chan struct{}
}

var _ transport.Conn = (*Reader)(nil)

// job is a wrapped message to exchange.
type job struct {
	wrapped []byte
	sent    chan struct{} // closed when the last command goes out
}

// Connect selects the mdoc's application. card is used by the Reader alone from now on; one that is an [io.Closer], such as
// a radio that can switch its field off, is closed with the connection. The connection outlives ctx.
//
// A device without the application gives [apdu.ErrNotFound].
func Connect(ctx context.Context, card apdu.Transmitter, cfg Config) (*Reader, error) {
	const op = "connecting over NFC"
	if err := cfg.complete(); err != nil {
		return nil, fmt.Errorf("%s: %w", op, err)
	}
	r, err := apdu.Exchange(ctx, card, apdu.Command{INS: insSelect, P1: selectByName, P2: noAnswer, Data: []byte(aid)})
	if err == nil {
		err = r.Err()
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", op, err)
	}
	ctx, quit := context.WithCancel(context.WithoutCancel(ctx))
	out := &Reader{
		card: card, limits: cfg.Limits, max: cfg.MaxMessage, box: transport.NewMailbox(),
		jobs: make(chan job), quit: quit, stopped: make(chan struct{}),
	}
	go out.run(ctx)
	return out, nil
}

// run exchanges one message after the other.
func (r *Reader) run(ctx context.Context) {
	defer close(r.stopped)
	for {
		select {
		case j := <-r.jobs:
			answer, err := r.exchange(ctx, j)
			if err == nil {
				err = r.box.Put(ctx, answer)
			}
			if ctx.Err() != nil {
				err = transport.ErrClosed
			}
			if err != nil {
				r.box.Finish(err)
				return
			}
		case <-r.box.Done():
			return
		}
	}
}

// Send sends a message. While an earlier one waits for its answer it waits too.
func (r *Reader) Send(ctx context.Context, message []byte) error {
	const op = "sending over NFC"
	if len(message) > r.max {
		return fmt.Errorf("%s: %d bytes, limit %d: %w", op, len(message), r.max, transport.ErrTooLarge)
	}
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("%s: %w", op, err)
	}
	j := job{wrapped: wrap(message), sent: make(chan struct{})}
	select {
	case r.jobs <- j:
	case <-r.box.Done():
		return fmt.Errorf("%s: %w", op, r.box.Reason())
	case <-ctx.Done():
		return fmt.Errorf("%s: %w", op, ctx.Err())
	}
	select {
	case <-j.sent:
		return nil
	case <-r.box.Done():
		return r.outcome(j)
	case <-ctx.Done():
		r.quit()
		<-r.stopped
		return fmt.Errorf("%s: %w", op, ctx.Err())
	}
}

// outcome tells whether a message of a connection that is over went out.
func (r *Reader) outcome(j job) error {
	select {
	case <-j.sent:
		return nil
	default:
		return fmt.Errorf("sending over NFC: %w", r.box.Reason())
	}
}

// Receive waits for the answer to a message.
func (r *Reader) Receive(ctx context.Context) ([]byte, error) {
	message, err := r.box.Receive(ctx)
	if err != nil {
		return nil, fmt.Errorf("receiving over NFC: %w", err)
	}
	return message, nil
}

// Close ends the connection. It waits up to 300 ms for the exchange under way, then breaks it off.
func (r *Reader) Close() error {
	r.box.Finish(transport.ErrClosed)
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-r.stopped:
	case <-timer.C:
	}
	r.quit()
	<-r.stopped
	if c, ok := r.card.(io.Closer); ok {
		return c.Close()
	}
	return nil
}

// exchange sends a wrapped message and gives the one that comes back.
func (r *Reader) exchange(ctx context.Context, j job) ([]byte, error) {
	last, err := r.envelopes(ctx, j)
	if err != nil {
		return nil, err
	}
	answer, err := r.collect(ctx, last)
	switch {
	case err != nil:
		return nil, err
	case len(answer) == 0: // the mdoc has nothing to say: it has ended
		return nil, transport.ErrClosed
	}
	return unwrap(answer, r.max)
}

// envelopes sends the commands of a message and gives the response to the last.
func (r *Reader) envelopes(ctx context.Context, j job) (apdu.Response, error) {
	rest := j.wrapped
	for {
		n := min(len(rest), r.limits.MaxCommandData)
		c := apdu.Command{INS: insEnvelope, Data: rest[:n]}
		if rest = rest[n:]; len(rest) == 0 {
			c.Le = r.limits.MaxResponseData
			close(j.sent)
			return r.transmit(ctx, c)
		}
		c.CLA = chained
		response, err := r.transmit(ctx, c)
		if err != nil {
			return apdu.Response{}, err
		}
		if response.SW != apdu.OK || len(response.Data) > 0 {
			return apdu.Response{}, refusal(response)
		}
	}
}

// collect fetches the rest of an answer (ISO/IEC 18013-5:2021, 8.3.3.1.2). The number in 61XX is taken as what to ask
// for and not as what is left: some mdocs announce less, or bring more than they were asked for.
func (r *Reader) collect(ctx context.Context, response apdu.Response) ([]byte, error) {
	answer := append([]byte(nil), response.Data...)
	for response.SW.SW1() == 0x61 {
		le := int(response.SW.SW2())
		if le == 0 {
			le = r.limits.MaxResponseData
		}
		var err error
		if response, err = r.transmit(ctx, apdu.Command{INS: insGetResponse, Le: le}); err != nil {
			return nil, err
		}
		if len(response.Data) == 0 && response.SW.SW1() == 0x61 {
			return nil, fmt.Errorf("GET RESPONSE brings nothing and asks for more: %w", transport.ErrProtocol)
		}
		if len(answer)+len(response.Data) > r.max+wrapperMax {
			return nil, fmt.Errorf("an answer over %d bytes: %w", r.max, transport.ErrProtocol)
		}
		answer = append(answer, response.Data...)
	}
	if response.SW != apdu.OK {
		return nil, refusal(response)
	}
	return answer, nil
}

// refusal is what a response that should have been 9000 means: the mdoc has ended, or it does not do as it must.
func refusal(response apdu.Response) error {
	if response.SW == apdu.Conditions {
		return fmt.Errorf("%w: %w", transport.ErrClosed, response.Err())
	}
	if err := response.Err(); err != nil {
		return fmt.Errorf("%w: %w", transport.ErrProtocol, err)
	}
	return fmt.Errorf("%d bytes in answer to a piece: %w", len(response.Data), transport.ErrProtocol)
}

// transmit sends one command, in the short form where it fits.
func (r *Reader) transmit(ctx context.Context, c apdu.Command) (apdu.Response, error) {
	c.Extended = len(c.Data) > apdu.MaxShortLc || c.Le > apdu.MaxShortLe
	command, err := c.Bytes()
	if err != nil {
		return apdu.Response{}, err
	}
	out, err := r.card.Transmit(ctx, command)
	if err != nil {
		return apdu.Response{}, fmt.Errorf("%w: %w", transport.ErrLost, err)
	}
	response, err := apdu.ParseResponse(out)
	if err != nil {
		return apdu.Response{}, errors.Join(transport.ErrProtocol, err)
	}
	return response, nil
}
