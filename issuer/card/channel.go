package card

import (
	"context"
	"errors"
	"fmt"

	"mobileid/mdoc/apdu"
)

// Errors of the way to the card.
var (
	// ErrCardAnswer says that the card answered something no My Number card answers.
	ErrCardAnswer = errors.New("unexpected answer from the card")
	// ErrCardGone says that the transmitter brought no answer: the card left the reader, or the reader the computer. What was read
	// is thrown away; put the card back and start again.
	ErrCardGone = errors.New("no answer: put the card back on the reader and start again")
	// ErrCardSilent says that the card did not answer before the context ended.
	ErrCardSilent = errors.New("the card is silent: take it off the reader, put it back and start again")
)

const (
	// maxOffset is the end of what READ BINARY with a 15-bit offset reaches in its last command.
	maxOffset = 0x7FFF
	// minChunk is the least a READ BINARY must bring in the middle of a file, so that a file is read in at most 512 commands.
	minChunk = 128
	// maxExchanges bounds a whole reading, ten times what a real card needs with short commands: a card that drips single bytes
	// (61xx without end) is given up.
	maxExchanges = 1024
	// lastShortID is the greatest EF identifier that has a short one.
	lastShortID = 0x1E
)

// budget counts the exchanges of one operation and ends it when there are too many.
type budget struct {
	apdu.Transmitter
	left int
}

func (b *budget) Transmit(ctx context.Context, command []byte) ([]byte, error) {
	if b.left == 0 {
		return nil, fmt.Errorf("over %d exchanges: %w", maxExchanges, ErrCardAnswer)
	}
	b.left--
	answer, err := b.Transmitter.Transmit(ctx, command)
	switch {
	case err == nil:
		return answer, nil
	case errors.Is(err, context.DeadlineExceeded), errors.Is(ctx.Err(), context.DeadlineExceeded):
		return nil, fmt.Errorf("%w: %w", ErrCardSilent, err)
	case ctx.Err() != nil:
		return nil, err
	default:
		return nil, fmt.Errorf("%w: %w", ErrCardGone, err)
	}
}

// channel speaks the card's commands. What is selected, the card knows; the channel remembers which forms of command it refused.
type channel struct {
	t        apdu.Transmitter
	extended bool // ends when the reader or the card refuses an extended length
	selects  bool // begins when the card refuses a short EF identifier
}

func (c *channel) exchange(ctx context.Context, command apdu.Command) (apdu.Response, error) {
	r, err := apdu.Exchange(ctx, c.t, command)
	if err != nil {
		if ctx.Err() == nil && !errors.Is(err, ErrCardGone) && !errors.Is(err, ErrCardAnswer) {
			err = fmt.Errorf("%w: %w", ErrCardAnswer, err)
		}
		return apdu.Response{}, err
	}
	if command.Le > 0 && len(r.Data) > command.Le {
		return apdu.Response{}, fmt.Errorf("%d bytes where at most %d were asked for: %w", len(r.Data), command.Le, ErrCardAnswer)
	}
	return r, nil
}

// do is exchange for commands where any word but 9000 is an error.
func (c *channel) do(ctx context.Context, command apdu.Command) ([]byte, error) {
	r, err := c.exchange(ctx, command)
	if err != nil {
		return nil, err
	}
	return r.Data, r.Err()
}

// selectName selects by the full AID, without asking for FCI (ISO/IEC 7816-4, SELECT).
func (c *channel) selectName(ctx context.Context, aid []byte) error {
	_, err := c.do(ctx, apdu.Command{INS: 0xA4, P1: 0x04, P2: 0x0C, Data: aid})
	return err
}

func (c *channel) selectFile(ctx context.Context, f FileID) error {
	id := []byte{byte(f.EF() >> 8), byte(f.EF())}
	if _, err := c.do(ctx, apdu.Command{INS: 0xA4, P1: 0x02, P2: 0x0C, Data: id}); err != nil {
		return fmt.Errorf("selecting %v: %w", f, err)
	}
	return nil
}

// noShortID tells the answers by which a card may mean that it knows no short EF identifiers.
func noShortID(sw apdu.SW) bool {
	switch sw {
	case apdu.FunctionUnsupported, apdu.WrongParameters, apdu.OffsetOutside, apdu.ReferenceNotFound, apdu.NoCurrentFile:
		return true
	default:
		return false
	}
}

// named carries a command whose P1 or P2 names the file by its short EF identifier: build puts it in. For a card that refuses those
// the file is selected first, and build gets 0. That costs no try: VERIFY is named so only in its empty form.
func (c *channel) named(ctx context.Context, f FileID, build func(short byte) apdu.Command) (apdu.Response, error) {
	var refused error
	if !c.selects && f.EF() <= lastShortID {
		r, err := c.exchange(ctx, build(byte(f.EF())))
		if err != nil || !noShortID(r.SW) {
			return r, err
		}
		refused = r.Err()
	}
	if err := c.selectFile(ctx, f); err != nil {
		return apdu.Response{}, err
	}
	r, err := c.exchange(ctx, build(0))
	if err == nil && refused != nil && !noShortID(r.SW) {
		c.selects = true
	}
	return r, err
}

func (c *channel) lengthExpected() int {
	if c.extended {
		return apdu.MaxExtendedLe
	}
	return apdu.MaxShortLe
}

// refusesExtended tells the answers by which a card or a reader may mean that it knows no extended lengths.
func refusesExtended(sw apdu.SW) bool {
	switch sw {
	case apdu.WrongLength, apdu.LastOfChainExpected, apdu.ClaUnsupported, apdu.InsUnsupported, apdu.Unknown, apdu.ExecutionError:
		return true
	default:
		return false
	}
}

// reads carries out a READ command, which changes nothing on the card, and repeats it short when the extended form brought no answer
// or a refusal. What the second brings counts.
func (c *channel) reads(ctx context.Context, read func() (apdu.Response, error)) ([]byte, error) {
	r, err := read()
	if c.extended && (err != nil && ctx.Err() == nil && !errors.Is(err, ErrCardSilent) || err == nil && refusesExtended(r.SW)) {
		c.extended = false
		if r, err = read(); err != nil || refusesExtended(r.SW) {
			c.extended = true // it was not the length
		}
	}
	if err != nil {
		return nil, err
	}
	switch r.SW {
	case apdu.OK, apdu.WarnEndOfFile:
		return r.Data, nil
	case apdu.OffsetOutside:
		return nil, nil
	default:
		return nil, r.Err()
	}
}

// readFirst makes a file current and reads its first bytes: up to 256, or to the end with extended lengths. An end-of-file warning
// (6282) is no error, and an empty file gives no bytes.
func (c *channel) readFirst(ctx context.Context, f FileID) ([]byte, error) {
	return c.reads(ctx, func() (apdu.Response, error) {
		return c.named(ctx, f, func(short byte) apdu.Command {
			cmd := apdu.Command{INS: 0xB0, Le: c.lengthExpected(), Extended: c.extended}
			if short != 0 {
				cmd.P1 = 0x80 | short
			}
			return cmd
		})
	})
}

// readAt is one READ BINARY in the current file. An offset outside the file (6B00) gives no bytes.
func (c *channel) readAt(ctx context.Context, offset int) ([]byte, error) {
	return c.reads(ctx, func() (apdu.Response, error) {
		return c.exchange(ctx, apdu.Command{
			INS: 0xB0, P1: byte(offset >> 8), P2: byte(offset), Le: c.lengthExpected(), Extended: c.extended, //nolint:gosec // at most maxOffset
		})
	})
}

// readObject reads the one data object a file begins with, TLV or DER alike, leaving the filler behind.
func (c *channel) readObject(ctx context.Context, f FileID) ([]byte, error) {
	content, err := c.readFirst(ctx, f)
	if err != nil {
		return nil, fmt.Errorf("reading %v: %w", f, err)
	}
	_, length, header, err := apdu.ParseTLVHeader(content)
	if err != nil {
		return nil, fmt.Errorf("reading %v: %w: %w", f, ErrCardAnswer, err)
	}
	total := header + length
	if total > MaxFile {
		return nil, fmt.Errorf("reading %v: %d bytes: %w", f, total, ErrCardAnswer)
	}
	content = append(make([]byte, 0, total), content...)
	for len(content) < total {
		if len(content) > maxOffset {
			return nil, fmt.Errorf("reading %v: %d bytes are out of reach: %w", f, total, ErrCardAnswer)
		}
		more, err := c.readAt(ctx, len(content))
		if err != nil {
			return nil, fmt.Errorf("reading %v: %w", f, err)
		}
		if len(more) < min(minChunk, total-len(content)) {
			return nil, fmt.Errorf("reading %v: %d of %d bytes: %w", f, len(content)+len(more), total, ErrCardAnswer)
		}
		content = append(content, more...)
	}
	return content[:total:total], nil
}

// readWhole reads a file up to its end: the files read so have some hundred bytes at most, and only what fills a whole short answer
// is asked for more.
func (c *channel) readWhole(ctx context.Context, f FileID) ([]byte, error) {
	first, err := c.readFirst(ctx, f)
	if err != nil {
		return nil, fmt.Errorf("reading %v: %w", f, err)
	}
	content := append([]byte(nil), first...)
	for more := first; len(more) == apdu.MaxShortLe && len(content) <= maxOffset; content = append(content, more...) {
		if more, err = c.readAt(ctx, len(content)); err != nil {
			return nil, fmt.Errorf("reading %v: %w", f, err)
		}
	}
	if len(content) == 0 || len(content) > MaxFile {
		return nil, fmt.Errorf("reading %v: %d bytes: %w", f, len(content), ErrCardAnswer)
	}
	return content, nil
}

// readRecord is READ RECORD of record 1, by short EF identifier or in the selected file (ISO/IEC 7816-4).
func (c *channel) readRecord(ctx context.Context, f FileID) ([]byte, error) {
	r, err := c.named(ctx, f, func(short byte) apdu.Command {
		return apdu.Command{INS: 0xB2, P1: 1, P2: short<<3 | 4, Le: apdu.MaxShortLe}
	})
	if err == nil {
		err = r.Err()
	}
	if err != nil {
		return nil, fmt.Errorf("reading %v: %w", f, err)
	}
	if len(r.Data) == 0 {
		return nil, fmt.Errorf("reading %v: empty: %w", f, ErrCardAnswer)
	}
	return append([]byte(nil), r.Data...), nil
}
