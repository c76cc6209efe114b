package ndef

import (
	"encoding/binary"
	"errors"
	"fmt"
)

const (
	// MaxMessage bounds a message. The NDEF file of a mdoc has 32767 bytes, of which two are the length.
	MaxMessage = 32 << 10
	// MaxRecords bounds the records of a message; a handover has about six.
	MaxRecords = 64
)

// ErrMalformed is wrapped by every refusal.
var ErrMalformed = errors.New("malformed NDEF message")

// Parse reads exactly one message. Payloads are slices of b. A payload under 256 bytes with a four-byte length and an ID
// field of length zero are read, and not written by [Append].
func Parse(b []byte) ([]Record, error) {
	if len(b) > MaxMessage {
		return nil, fmt.Errorf("parsing NDEF message: %d bytes, limit %d: %w", len(b), MaxMessage, ErrMalformed)
	}
	var out []Record
	for begin := byte(flagBegin); ; begin = 0 {
		head, r, rest, err := parseRecord(b)
		switch {
		case err != nil:
			return nil, fmt.Errorf("parsing NDEF record %d: %w", len(out), err)
		case head&flagBegin != begin:
			return nil, fmt.Errorf("parsing NDEF record %d: the flag of a beginning: %w", len(out), ErrMalformed)
		case len(out) == MaxRecords:
			return nil, fmt.Errorf("parsing NDEF message: over %d records: %w", MaxRecords, ErrMalformed)
		}
		out, b = append(out, r), rest
		if head&flagEnd == 0 {
			continue
		}
		if len(b) > 0 {
			return nil, fmt.Errorf("parsing NDEF message: %d bytes after its end: %w", len(b), ErrMalformed)
		}
		return out, nil
	}
}

// parseRecord reads the record that b begins with.
func parseRecord(b []byte) (head byte, r Record, rest []byte, err error) {
	c := reader{rest: b}
	head = c.uint8()
	typeLen := int(c.uint8())
	var payloadLen uint32
	if head&flagShort != 0 {
		payloadLen = uint32(c.uint8())
	} else if four := c.take(4); four != nil {
		payloadLen = binary.BigEndian.Uint32(four)
	}
	idLen := 0
	if head&flagID != 0 {
		idLen = int(c.uint8())
	}
	r = Record{TNF: TNF(head & maskTNF), Type: string(c.take(typeLen)), ID: string(c.take(idLen))}
	r.Payload = c.take(int(min(payloadLen, MaxMessage))) // so many are not left after a head
	switch {
	case c.short:
		return 0, Record{}, nil, fmt.Errorf("its lengths pass the end: %w", ErrMalformed)
	case head&flagChunk != 0:
		return 0, Record{}, nil, fmt.Errorf("a chunk: %w", ErrMalformed)
	}
	return head, r, c.rest, r.check()
}

// Append writes the records as one message, in the short form where there is one.
func Append(b []byte, records ...Record) ([]byte, error) {
	if len(records) == 0 || len(records) > MaxRecords {
		return nil, fmt.Errorf("writing NDEF message: %d records: %w", len(records), ErrMalformed)
	}
	start := len(b)
	for i, r := range records {
		if err := r.check(); err != nil {
			return nil, fmt.Errorf("writing NDEF record %d: %w", i, err)
		}
		var position byte
		if i == 0 {
			position |= flagBegin
		}
		if i == len(records)-1 {
			position |= flagEnd
		}
		if b = r.append(b, position); len(b)-start > MaxMessage {
			return nil, fmt.Errorf("writing NDEF message: over %d bytes: %w", MaxMessage, ErrMalformed)
		}
	}
	return b, nil
}

// reader takes bytes from the front; short stays set once there were too few.
type reader struct {
	rest  []byte
	short bool
}

func (c *reader) take(n int) []byte {
	if n > len(c.rest) {
		c.short, c.rest = true, nil
		return nil
	}
	out := c.rest[:n:n]
	c.rest = c.rest[n:]
	return out
}

func (c *reader) uint8() byte {
	if one := c.take(1); one != nil {
		return one[0]
	}
	return 0
}
