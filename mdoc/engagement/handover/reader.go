package handover

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"mobileid/mdoc/apdu"
	"mobileid/mdoc/engagement/ndef"
)

const (
	// DefaultMaxPolls is how often a reader looks at a tag that shows nothing.
	DefaultMaxPolls = 100
	// firstWait is the time between looks before the tag has said one.
	firstWait = 10 * time.Millisecond
	// pieceSize is the most that is read or written at once, in the short form that every tag takes.
	pieceSize = 255

	capabilitySize = 15
)

// Errors of [Reader.Read] besides [ErrMalformed], *[StatusError] and those of package apdu.
var (
	// ErrNeverReady says that the tag showed nothing for as long as the reader looks.
	ErrNeverReady = errors.New("tag shows no message")
	// ErrNegotiated says that the tag wants a request and the reader has none.
	ErrNegotiated = errors.New("negotiated handover is due and there is no request")
)

// Reader reads the engagement of a mdoc over NFC. It may be used for one tag after the other; a Request belongs to one.
type Reader struct {
	// Request is sent in negotiated handover; nil for static handover alone.
	Request *Request
	// MaxPolls is how often it looks at a tag whose message has length zero, 0 for DefaultMaxPolls. What time lies between
	// is the tag's to say, up to 28 seconds; the end of ctx ends it sooner.
	MaxPolls int
}

// tagFile is the NDEF file of a tag that is read.
type tagFile struct {
	card      apdu.Transmitter
	polls     int
	wait      time.Duration
	size      int
	readMost  int
	writeMost int
	writable  bool
}

// Read selects the application, reads the tag and does the handover it asks for.
func (r Reader) Read(ctx context.Context, card apdu.Transmitter) (*Handover, error) {
	h, err := r.read(ctx, card)
	if err != nil {
		return nil, fmt.Errorf("reading NFC engagement: %w", err)
	}
	return h, nil
}

func (r Reader) read(ctx context.Context, card apdu.Transmitter) (*Handover, error) {
	f := &tagFile{card: card, polls: r.MaxPolls, wait: firstWait}
	if f.polls == 0 {
		f.polls = DefaultMaxPolls
	}
	if err := f.open(ctx); err != nil {
		return nil, err
	}
	message, err := f.message(ctx)
	if err != nil {
		return nil, err
	}
	records, _ := ndef.Parse(message) // what is no message is refused as a select
	s, ok, err := findService(records)
	switch {
	case err != nil:
		return nil, err
	case ok:
		return r.negotiate(ctx, f, s)
	}
	sel, err := ParseSelect(message)
	if err != nil {
		return nil, err
	}
	return New(sel, nil)
}

// negotiate selects the handover service, sends the request and reads the select.
func (r Reader) negotiate(ctx context.Context, f *tagFile, s service) (*Handover, error) {
	if r.Request == nil {
		return nil, ErrNegotiated
	}
	f.wait = s.duration()
	te, err := f.exchange(ctx, serviceSelect(), s)
	if err != nil {
		return nil, err
	}
	if err := checkStatus(te); err != nil {
		return nil, err
	}
	hs, err := f.exchange(ctx, r.Request.raw, s)
	if err != nil {
		return nil, err
	}
	sel, err := ParseSelect(hs)
	if err != nil {
		return nil, err
	}
	return New(sel, r.Request)
}

// open selects the application, reads the capability container and selects the NDEF file.
func (f *tagFile) open(ctx context.Context) error {
	if _, err := f.command(ctx, apdu.Command{INS: insSelect, P1: selectByName, Data: []byte(aid)}); err != nil {
		return err
	}
	if err := f.choose(ctx, fileCapability); err != nil {
		return err
	}
	cc, err := f.command(ctx, apdu.Command{INS: insReadBinary, Le: capabilitySize})
	if err != nil {
		return err
	}
	id, err := f.capability(cc)
	if err != nil {
		return err
	}
	return f.choose(ctx, id)
}

func (f *tagFile) choose(ctx context.Context, id int) error {
	_, err := f.command(ctx, apdu.Command{INS: insSelect, P2: noAnswer, Data: binary.BigEndian.AppendUint16(nil, uint16(id))})
	return err
}

// capability reads the capability container (Type 4 Tag 1.2, 5.1.1) and gives the identifier of the NDEF file:
//
//	length (2), version, most to read (2), most to write (2), 04 06, file (2), its size (2), read access, write access
func (f *tagFile) capability(b []byte) (int, error) {
	if len(b) != capabilitySize || binary.BigEndian.Uint16(b) < capabilitySize {
		return 0, fmt.Errorf("capability container of %d bytes: %w", len(b), ErrMalformed)
	}
	readMost, writeMost := int(binary.BigEndian.Uint16(b[3:])), int(binary.BigEndian.Uint16(b[5:]))
	id, size := int(binary.BigEndian.Uint16(b[9:])), int(binary.BigEndian.Uint16(b[11:]))
	switch {
	case b[2]>>4 < 2 || b[2]>>4 > 3:
		return 0, fmt.Errorf("capability container: version: %w", ErrMalformed)
	case readMost < 0x0F || writeMost < lengthSize:
		return 0, fmt.Errorf("capability container: %d bytes to read and %d to write: %w", readMost, writeMost, ErrMalformed)
	case b[7] != 0x04 || b[8] != 0x06 || id == 0 || id == fileCapability || size < 5 || b[13] != 0:
		return 0, fmt.Errorf("capability container: NDEF file: %w", ErrMalformed)
	}
	f.readMost, f.writeMost, f.size = min(readMost, pieceSize), min(writeMost, pieceSize), size
	f.writable = b[14] == 0
	return id, nil
}

// exchange writes a message, waits and reads the answer.
func (f *tagFile) exchange(ctx context.Context, message []byte, s service) ([]byte, error) {
	if !f.writable || len(message) > f.size-lengthSize || len(message) > s.maxMessage {
		return nil, fmt.Errorf("tag does not take a message of %d bytes: %w", len(message), ErrMalformed)
	}
	if err := f.write(ctx, message); err != nil {
		return nil, err
	}
	pause(ctx, f.wait)
	return f.message(ctx)
}

// write writes a message: with its length where it fits in one command, else the length zero, the message, the length.
func (f *tagFile) write(ctx context.Context, message []byte) error {
	length := binary.BigEndian.AppendUint16(nil, uint16(len(message)))
	if whole := append(length, message...); len(whole) <= f.writeMost {
		return f.updateAt(ctx, 0, whole)
	}
	if err := f.updateAt(ctx, 0, []byte{0, 0}); err != nil {
		return err
	}
	for at := 0; at < len(message); at += f.writeMost {
		if err := f.updateAt(ctx, lengthSize+at, message[at:min(at+f.writeMost, len(message))]); err != nil {
			return err
		}
	}
	return f.updateAt(ctx, 0, length)
}

func (f *tagFile) updateAt(ctx context.Context, at int, data []byte) error {
	_, err := f.command(ctx, apdu.Command{INS: insUpdateBinary, P1: byte(at >> 8), P2: byte(at), Data: data})
	return err
}

// message waits for a message and reads it. For length zero no data is read.
func (f *tagFile) message(ctx context.Context) ([]byte, error) {
	for range f.polls {
		n, err := f.length(ctx)
		if err != nil {
			return nil, err
		}
		if n > 0 {
			return f.readAll(ctx, n)
		}
		pause(ctx, f.wait)
	}
	return nil, fmt.Errorf("%d looks: %w", f.polls, ErrNeverReady)
}

func (f *tagFile) length(ctx context.Context) (int, error) {
	b, err := f.readAt(ctx, 0, lengthSize)
	if err != nil {
		return 0, err
	}
	if len(b) != lengthSize {
		return 0, fmt.Errorf("a length of %d bytes: %w", len(b), ErrMalformed)
	}
	n := int(binary.BigEndian.Uint16(b))
	if n > f.size-lengthSize || n > ndef.MaxMessage {
		return 0, fmt.Errorf("a message of %d bytes in a file of %d: %w", n, f.size, ErrMalformed)
	}
	return n, nil
}

func (f *tagFile) readAll(ctx context.Context, n int) ([]byte, error) {
	out := make([]byte, 0, n)
	for len(out) < n {
		piece, err := f.readAt(ctx, lengthSize+len(out), min(n-len(out), f.readMost))
		if err != nil {
			return nil, err
		}
		if len(piece) == 0 {
			return nil, fmt.Errorf("the message ends after %d bytes of %d: %w", len(out), n, ErrMalformed)
		}
		out = append(out, piece...)
	}
	return out, nil
}

// readAt reads up to n bytes.
func (f *tagFile) readAt(ctx context.Context, at, n int) ([]byte, error) {
	b, err := f.command(ctx, apdu.Command{INS: insReadBinary, P1: byte(at >> 8), P2: byte(at), Le: n})
	if err != nil {
		return nil, err
	}
	if len(b) > n {
		return nil, fmt.Errorf("%d bytes where %d were asked for: %w", len(b), n, ErrMalformed)
	}
	return b, nil
}

// command sends one command, to which 9000 must be the answer.
func (f *tagFile) command(ctx context.Context, c apdu.Command) ([]byte, error) {
	b, err := c.Bytes()
	if err != nil { // never: each command here has the short form
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	out, err := f.card.Transmit(ctx, b)
	if err != nil {
		return nil, err
	}
	r, err := apdu.ParseResponse(out)
	if err != nil {
		return nil, err
	}
	return r.Data, r.Err()
}

// pause waits for a time or the end of ctx, which the next command refuses.
func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
