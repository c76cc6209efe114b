package stream

import (
	"errors"
	"fmt"

	"mobileid/mdoc/apdu"
)

// A Parser cuts the blocks of a stream into data objects, the card's end of it. The zero value stands at the start of
// a stream. It holds at most one object, so at most MaxSealed bytes and a header.
type Parser struct {
	pending []byte
}

// Feed takes the next block and calls object for each data object completed by it, in order. The value handed over
// is the callee's to keep. After an error, of the stream or of object, the parser stands at the start again and the
// rest of the block is dropped.
//
// An unknown tag, a coding that is not BER, and a length over the bound of its tag are refused as soon as the header
// is there, before the value is waited for.
func (p *Parser) Feed(block []byte, object func(tag uint32, value []byte) error) error {
	p.pending = append(p.pending, block...)
	for len(p.pending) > 0 {
		tag, length, header, err := apdu.ParseTLVHeader(p.pending)
		if errors.Is(err, apdu.ErrTruncated) {
			return nil
		}
		if err == nil {
			err = bound(tag, length)
		}
		if err != nil {
			p.Reset()
			return fmt.Errorf("reading personalization stream: %w", err)
		}
		if len(p.pending) < header+length {
			return nil
		}
		value := append([]byte(nil), p.pending[header:header+length]...)
		rest := append([]byte(nil), p.pending[header+length:]...)
		clear(p.pending)
		p.pending = rest
		if err := object(tag, value); err != nil {
			p.Reset()
			return err
		}
	}
	return nil
}

// Inside tells whether an object is open, so that the stream must not end here.
func (p *Parser) Inside() bool { return len(p.pending) > 0 }

// Reset drops an open object and clears its bytes.
func (p *Parser) Reset() {
	clear(p.pending)
	p.pending = nil
}

func bound(tag uint32, length int) error {
	limit := MaxControl
	switch tag {
	case TagGenerate, TagPage, TagBegin, TagCommit, TagWipe:
	case TagSealed:
		limit = MaxSealed
	default:
		return fmt.Errorf("tag %X: %w", tag, ErrObject)
	}
	if length > limit {
		return fmt.Errorf("tag %X: %d bytes: %w", tag, length, ErrObject)
	}
	return nil
}
