package handover

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"sync"

	"mobileid/mdoc/apdu"
	"mobileid/mdoc/engagement/ndef"
)

// ErrNotReady is what [TagConfig.Choose] returns while the wallet has not decided: the reader sees a length of zero and asks
// again.
var ErrNotReady = errors.New("handover select is not ready")

// Values of the tag (Type 4 Tag 1.2, 4.3 and 5.1; ISO/IEC 7816-4:2020, 11.2 and 11.3).
const (
	aid = "\xD2\x76\x00\x00\x85\x01\x01"

	fileCapability = 0xE103
	fileNDEF       = 0xE104
	fileSize       = 0x7FFF
	lengthSize     = 2 // NLEN
	maxNDEF        = fileSize - lengthSize

	insSelect       = 0xA4
	insReadBinary   = 0xB0
	insUpdateBinary = 0xD6

	selectByName = 0x04
	noAnswer     = 0x0C
	shortFile    = 0x80 // in P1: the rest is a short file identifier
)

// TagConfig says what a tag shows. Exactly one of Static and Choose is set.
type TagConfig struct {
	// Static is shown at once; the tag cannot be written.
	Static *Select
	// Choose makes negotiated handover. It is asked when the reader's request has come and, while it returns [ErrNotReady],
	// each time the reader looks; any other error ends the handover. It must not wait and must not call the Tag.
	Choose func(*Request) (*Select, error)
	// Wait is the WT of the service parameter record, at most 63: the reader waits 2^(WT/4-1) milliseconds before it looks.
	Wait byte
}

// Tag is the mdoc's end: a command processor for the platform's card emulation. It serves one handover; a new one needs a
// new Tag, because the engagement's key must be fresh.
type Tag struct {
	cfg  TagConfig
	done chan struct{}

	mu       sync.Mutex // guards what follows
	selected bool
	file     int
	shown    []byte // the NDEF message; none while not ready
	written  []byte // of the file, while the reader writes
	step     step
	req      *Request
	result   *Handover
	finished bool
}

// step is how far a negotiated handover is.
type step int

const (
	stepService step = iota // Tp is shown
	stepStatus              // Ts came, Te is shown
	stepChoice              // Hr came, the choice is due
	stepSelect              // Hs is shown
	stepFailed
)

var _ apdu.Transmitter = (*Tag)(nil)

// NewTag makes a tag.
func NewTag(cfg TagConfig) (*Tag, error) {
	const op = "preparing NFC engagement"
	if (cfg.Static == nil) == (cfg.Choose == nil) || cfg.Wait > maxWait {
		return nil, fmt.Errorf("%s: one kind of handover and a waiting time up to %d are needed", op, maxWait)
	}
	t := &Tag{cfg: cfg, done: make(chan struct{})}
	if cfg.Static == nil {
		t.restart()
		return t, nil
	}
	h, err := New(cfg.Static, nil)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", op, err)
	}
	t.step, t.result, t.shown = stepSelect, h, cfg.Static.raw
	return t, nil
}

// restart shows the service parameter record.
func (t *Tag) restart() {
	t.step, t.req, t.written = stepService, nil, nil
	t.shown, _ = ndef.Append(nil, service{wait: t.cfg.Wait, extensions: 15, maxMessage: 0xFFFF}.record()) // 31 bytes: cannot fail
}

// Done is closed once the reader has read the handover select to its end.
func (t *Tag) Done() <-chan struct{} { return t.done }

// Handover gives what the session needs; nil before Done.
func (t *Tag) Handover() *Handover {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.finished {
		return nil
	}
	return t.result
}

// Deactivate tells that the reader's field is gone: a handover that is not done begins again.
func (t *Tag) Deactivate() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.selected, t.file = false, 0
	t.begin()
}

// begin starts a negotiated handover again unless it is done or has failed.
func (t *Tag) begin() {
	if t.cfg.Choose != nil && !t.finished && t.step != stepFailed {
		t.restart()
		t.result = nil
	}
}

// Transmit processes one command. Whatever the command, the response is a status word with or without data; the only error
// is that of ctx. It does not wait.
func (t *Tag) Transmit(ctx context.Context, command []byte) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("processing command: %w", err)
	}
	c, err := apdu.ParseCommand(command)
	if err != nil {
		return apdu.Response{SW: apdu.WrongLength}.Bytes(), nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.process(c).Bytes(), nil
}

// content is the file that is selected, as far as it has content.
func (t *Tag) content() []byte {
	if t.file == fileCapability {
		write := byte(0xFF)
		if t.cfg.Choose != nil {
			write = 0x00
		}
		return []byte{0x00, 0x0F, 0x20, 0x7F, 0xFF, 0x7F, 0xFF, 0x04, 0x06, 0xE1, 0x04, 0x7F, 0xFF, 0x00, write}
	}
	shown := t.shown
	if t.written != nil {
		shown = nil
	}
	return append(binary.BigEndian.AppendUint16(nil, uint16(len(shown))), shown...)
}
